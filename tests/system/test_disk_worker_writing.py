"""One camera worker against a disk that the camera goes on writing to, and that is torn away at any byte."""
import os
import pathlib
import random
import shutil
import struct

import pytest

import worker
from disk_camera import CLIP, MIB, MTIME, listed, same
from disk_camera import cards, folder, make, program  # noqa: F401 (fixtures)
from disks import make_disk
from exfat_writer import ExfatVolume
from fat_writer import FatVolume
from vcam import generate
from volume_writer import Node
from worker import Fault


# ---- a camera that goes on writing ----

def size_at(image, o):
    """Where on the medium the size of a file is told (FAT)."""
    return pathlib.Path(image).read_bytes().index(struct.pack("<I", o.size), o.handle)


def test_file_changed_while_pulled(make, cards, folder):
    source, files = cards("fat32", "none")
    image = folder / "growing"
    shutil.copy(source, image)
    size = len(files[CLIP])
    camera, w = make(image, rate=2 * MIB)
    o = listed(w)[0][CLIP]
    (folder / "size").write_bytes(struct.pack("<I", size - 1))
    w.start_fetch(o, folder / "clip")
    camera.wait("bytes:lun0", camera.sent_of(0) + MIB)
    camera.poke(0, size_at(image, o), folder / "size")
    camera.rate(0)
    done = w.end_fetch()
    assert done.result == worker.CHANGED and done.now_size == size - 1
    assert w.fetch(o, folder / "clip").result == worker.CHANGED


class Scattered:
    """A bare volume with one file whose clusters lie all over it; exFAT: with zeros behind valid."""

    def __init__(self, path, fs, size, valid=None, seed=1):
        self.rng = random.Random(seed)
        self.path = make_disk(path, {}, fs, "none")
        self.fd = os.open(path, os.O_RDWR)
        self.volume = ExfatVolume(self.fd, 0) if fs == "exfat" else FatVolume(self.fd, 0, self.rng)
        self.node = node = Node("clip one.mp4", self.volume.root)
        node.size, node.valid, node.mtime = size, valid, MTIME
        node.pieces = [(0, generate(seed, 0, size))]
        self.volume.add(node)
        n = -(-size // self.volume.cluster_bytes)
        taken = self.volume.take(2 * n)
        step = max(1, n // 25)
        parts = [taken[i:i + step] for i in range(0, len(taken), step)]
        self.rng.shuffle(parts)
        node.clusters = [c for part in parts for c in part][:n]
        self.volume.give(set(taken) - set(node.clusters))
        self.volume.write_file(node, b"\xee" * 512)
        self.volume.flush()
        self.data = generate(seed, 0, size)
        if valid is not None:
            self.data = self.data[:valid] + bytes(size - valid)

    def link(self, number, to):
        """(where, bytes) that lead the chain behind its cluster number on to another one."""
        (at, _), = self.volume.chain_bytes(self.node)[number:number + 1]
        return at, struct.pack("<I", to)

    def close(self):
        os.close(self.fd)


def poke(camera, folder, *pokes):
    for at, data in pokes:
        (folder / "poke").write_bytes(data)
        camera.poke(0, at, folder / "poke")


def pulled_while(camera, w, folder, o, *pokes):
    """FETCHED of a pull in whose middle the camera writes (where, bytes)."""
    camera.rate(2 * MIB)
    (folder / "clip").unlink(missing_ok=True)
    sent = camera.sent_of(0)
    w.start_fetch(o, folder / "clip")
    camera.wait("bytes:lun0", sent + MIB)
    poke(camera, folder, *pokes)
    camera.rate(0)
    return w.end_fetch()


@pytest.mark.parametrize("fs", ["fat32", "exfat"])
def test_clusters_of_another_file(make, folder, fs):
    """The entry says what it said, but the chain leads elsewhere since: whose bytes came?"""
    card = Scattered(folder / "card", fs, 3 * MIB + 11)
    camera, w = make(card.path)
    o = listed(w)[0]["clip one.mp4"]
    spare = card.volume.used.index(0, 2)
    last = len(card.node.clusters) - 2
    for number in 3, last // 2, last:
        at, was = card.link(number, card.node.clusters[number + 1])
        for to in card.node.clusters[number - 3], spare:
            _, link = card.link(number, to)
            done = pulled_while(camera, w, folder, o, (at, link))
            assert done.result == worker.CHANGED, done
            poke(camera, folder, (at, was))
    (folder / "clip").unlink()
    assert w.fetch(o, folder / "clip").result == worker.DONE and same(folder, card.data)
    card.close()


def test_entry_of_another_file(make, folder):
    card = Scattered(folder / "card", "fat32", 3 * MIB + 11)
    camera, w = make(card.path)
    o = listed(w)[0]["clip one.mp4"]
    size = size_at(card.path, o)
    was = os.pread(card.fd, 32, size - 28)
    gone = pulled_while(camera, w, folder, o, (size - 28, b"\xe5"))
    assert gone.result == worker.GONE
    first = struct.pack("<H", card.node.clusters[5] & 0xFFFF)
    for where, what in (size - 2, first), (size - 6, struct.pack("<H", 1)), (size - 28, b"X"):
        poke(camera, folder, (size - 28, was))
        done = pulled_while(camera, w, folder, o, (where, what))
        assert done.result in (worker.CHANGED, worker.GONE), (where, done)
    poke(camera, folder, (size - 28, was))
    (folder / "clip").unlink(missing_ok=True)
    assert w.fetch(o, folder / "clip").result == worker.DONE and same(folder, card.data)
    card.close()


def test_more_is_written_behind_the_valid_length(make, folder):
    """What was reserved and is recorded into while it is pulled: its zeros are none."""
    size, valid = 3 * MIB + 11, 2 * MIB + 777
    card = Scattered(folder / "card", "exfat", size, valid)
    camera, w = make(card.path)
    o = listed(w)[0]["clip one.mp4"]
    card.node.valid = size - 5
    done = pulled_while(camera, w, folder, o, (o.handle, card.volume.entries(card.node)))
    assert done.result == worker.CHANGED and done.length == valid
    assert (folder / "clip").stat().st_size == valid, "zeros that were none are left"
    done = w.fetch(o, folder / "clip", offset=valid)
    assert done.result == worker.DONE
    assert same(folder, generate(1, 0, size)[:size - 5] + bytes(5))
    card.close()


# ---- torn at any byte ----

@pytest.mark.parametrize("fs, seed", [("fat32", 1), ("fat32", 2), ("exfat", 3), ("exfat", 4)])
def test_torn_anywhere_and_whole(make, folder, fs, seed):
    """Unplugged, or the worker killed, at 25 random bytes each: the clip is whole at the end."""
    size = MIB + 4321
    card = Scattered(folder / "card", fs, size, size - 123_456 if fs == "exfat" else None, seed)
    rng = random.Random(seed)
    limit = size if fs == "fat32" else card.node.valid
    camera, w = make(card.path)
    resumed = 0
    for _ in range(25):
        (folder / "clip").unlink(missing_ok=True)
        o = listed(w)[0]["clip one.mp4"]
        at = rng.randrange(1, limit)
        cluster = card.node.clusters[at // card.volume.cluster_bytes]
        place = card.volume.at(cluster) + at % card.volume.cluster_bytes
        if rng.random() < 0.5:
            camera.fault("unplug", object="lun0", at=place)
            with pytest.raises(Fault):
                w.fetch(o, folder / "clip")
        else:
            camera.rate(16 * MIB)
            sent = camera.sent_of(0)
            w.start_fetch(o, folder / "clip")
            camera.wait("bytes:lun0", sent + at // 2)
            w.process.kill()
            w.process.wait()
            camera.rate(0)
            camera.unplug()
        w.close()
        camera.wait("plugged", exactly=0)
        camera.clear()
        have = (folder / "clip").stat().st_size
        assert have <= limit, "zeros before the entry was looked at again"
        assert (folder / "clip").read_bytes() == card.data[:have], "a hole, or another's bytes"
        resumed += have > 0
        camera.plug("1-2")
        w = make.start(camera)
        make.made.append(w)
        o = listed(w)[0]["clip one.mp4"]
        offset = rng.choice([have, have, rng.randrange(have + 1)])
        assert w.fetch(o, folder / "clip", offset=offset).result == worker.DONE
        assert same(folder, card.data)
    assert resumed >= 5
    card.close()


def test_log_that_grows_is_a_snapshot(make, cards, folder):
    source, _ = cards("fat32", "none")
    image = folder / "growing"
    shutil.copy(source, image)
    camera, w = make(image)
    o = listed(w)[0]["LOG/audit.log"]
    (folder / "size").write_bytes(struct.pack("<I", 12))
    camera.poke(0, size_at(image, o), folder / "size")
    assert w.fetch(o, folder / "clip").result == worker.CHANGED
    assert w.fetch(o, folder / "clip", snapshot=1).result == worker.DONE
    assert same(folder, b"one\ntwo\n")
    assert listed(w)[0]["LOG/audit.log"].size == 12


def test_file_gone(make, cards, folder):
    source, files = cards("fat32", "none")
    image = folder / "deleted"
    shutil.copy(source, image)
    camera, w = make(image)
    o = listed(w)[0][CLIP]
    at = size_at(image, o) - 28
    (folder / "mark").write_bytes(b"\xe5")
    camera.poke(0, at, folder / "mark")
    assert w.fetch(o, folder / "clip").result == worker.GONE
