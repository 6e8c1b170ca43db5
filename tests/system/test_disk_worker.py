"""One camera worker against a simulated disk: what it takes off it, and what it makes of faults."""
import os
import pathlib
import random
import resource
import shutil
import struct
import tempfile
import zlib

import pytest

import vcam
import worker
from disks import make_disk
from exfat_writer import ExfatVolume
from fat_writer import FatVolume
from vcam import generate
from volume_writer import Node
from worker import Fault, Worker

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("DOCKD_BUILD", ROOT / "build"))
MIB = 1 << 20
CLIP = "DCIM/100BWC/clip one.mp4"
MTIME = 1_790_000_000
READ10 = 0x28


@pytest.fixture(scope="module")
def program():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="dockd-camera-"))
    folder.chmod(0o755)
    shutil.copy2(BUILD / "test/dockd-camera", folder)
    yield folder / "dockd-camera"
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def cards():
    """Images made once: cards[fs] => (path, {file: bytes})."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="dockd-cards-"))
    made = {}

    def card(fs, table="mbr"):
        if (fs, table) not in made:
            files = {CLIP: generate(3, 0, 5 * MIB + 777), "DCIM/100BWC/Second Clip.mp4": generate(4, 0, 513),
                     "DCIM/leer.mp4": b"", "LOG/audit.log": b"one\ntwo\n"}
            path = make_disk(folder / f"{fs}-{table}.img", files, fs, table, mtime=MTIME)
            made[fs, table] = path, files
        return made[fs, table]

    yield card
    shutil.rmtree(folder)


@pytest.fixture
def folder():
    path = pathlib.Path(tempfile.mkdtemp(prefix="dockd-d-"))
    path.chmod(0o777)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def make(folder, program, cards):
    """make(image, worker keywords, disk and scenario keywords) => (vcam.Camera, Worker)"""
    made = []

    def one(image=None, options=None, before=None, lun=None, disk=None, begin=True, **scenario):
        luns = [{"image": str(image or cards("fat32")[0]), **(lun or {})}]
        camera = vcam.Camera(BUILD, folder, f"D{len(made)}", disk={"luns": luns, **(disk or {})},
                             **scenario)
        made.append(camera)
        if before:
            before(camera)
        camera.plug("1-2")
        if not begin:
            return camera, None
        made.append(start(camera, **(options or {})))
        return camera, made[-1]

    def start(camera, **options):
        return Worker(program, camera.socket_path, log=folder / "log",
                      **{"driver": worker.MSC, **options})

    one.start = start
    one.made = made
    yield one
    for thing in reversed(made):
        if isinstance(thing, vcam.Camera):
            assert thing.stats()["writes_seen"] == 0, "something was written to a camera"
        thing.close()


def listed(w):
    objects, said = w.list()
    return {o.path: o for o in objects}, said


def pull(w, folder, path=CLIP, **more):
    o = listed(w)[0][path]
    return w.fetch(o, folder / "clip", **more), o


def same(folder, data):
    return (folder / "clip").read_bytes() == data


# ---- what it is for ----

@pytest.mark.parametrize("fs, table", [("fat16", "none"), ("fat32", "mbr"), ("fat32", "gpt"),
                                       ("exfat", "mbr"), ("exfat", "gpt"), ("exfat", "none")])
def test_identity_list_pull(make, cards, folder, fs, table):
    image, files = cards(fs, table)
    camera, w = make(image)
    assert (w.camera.manufacturer, w.camera.model, w.camera.firmware) == \
        ("Example", "BodyCam", "1.00")
    assert w.camera.serial == "BWC-D0" and w.camera.storages == 1 and w.camera.block_bytes == 512
    assert w.camera.features == worker.PARTIAL64
    assert 0 < w.camera.free < w.camera.capacity
    objects, said = listed(w)
    assert said.status == 0 and said.damaged == 0 and said.text == ""
    assert {p: o.size for p, o in objects.items()} == {p: len(d) for p, d in files.items()}
    assert objects[CLIP].kind == worker.CLIP and objects["LOG/audit.log"].kind == worker.LOG
    for path, o in objects.items():
        assert o.mtime_s == MTIME
        (folder / "clip").unlink(missing_ok=True)
        done = w.fetch(o, folder / "clip")
        assert done.result == worker.DONE and done.read == o.size and same(folder, files[path])
        assert w.durable == ([o.size] if o.size else [])
    assert w.look().recoveries == 0
    assert w.bye() == 0


def test_two_units_one_locked(make, cards, folder):
    image, files = cards("exfat", "none")
    second, more = cards("fat16", "none")
    camera, w = make(image, disk={"luns": [{"image": str(image)},
                                           {"image": str(second), "readonly": True}]})
    assert w.camera.storages == 2 and w.camera.features & worker.READ_ONLY
    objects, said = w.list()
    assert len(objects) == len(files) + len(more) and said.status == 0
    for o in objects:
        if o.path == CLIP:
            (folder / "clip").unlink(missing_ok=True)
            assert w.fetch(o, folder / "clip").result == worker.DONE and same(folder, files[CLIP])
    assert len({(o.storage, o.handle) for o in objects}) == len(objects)
    assert sorted({o.storage for o in objects}) == [1, 0x10001]


@pytest.mark.parametrize("subclass", [4, 5, 6])
def test_command_sets(make, cards, folder, subclass):
    """UFI and SFF-8070i take commands of 12 bytes only."""
    camera, w = make(usb={"subclass": subclass})
    done, _ = pull(w, folder)
    assert done.result == worker.DONE and same(folder, cards("fat32")[1][CLIP])
    assert camera.stats()["bad_commands"] == 0


def test_other_command_sets_are_refused(make, program):
    camera, _ = make(usb={"subclass": 2}, begin=False)
    with Worker(program, camera.socket_path, driver=worker.MSC) as w:
        assert w.camera.type == worker.NOT_MINE and "08/06/50" in w.camera.text


def test_large_blocks(make, folder):
    data = generate(8, 0, 3 * MIB + 5)
    image = make_disk(folder / "big", {CLIP: data}, "fat32", "none", size=300 << 20, block=4096,
                      mtime=MTIME)
    camera, w = make(image, lun={"block": 4096})
    assert w.camera.block_bytes == 4096
    done, _ = pull(w, folder)
    assert done.result == worker.DONE and same(folder, data)


def test_behind_two_tebibytes(make, cards, folder):
    image, files = cards("exfat", "none")
    whole = folder / "large"
    at = (3 << 40) // 512
    entry = struct.pack("<16s16sQQQ72s", bytes.fromhex("a2a0d0ebe5b9334487c068b6b72699c7"),
                        b"1" * 16, at, at + os.path.getsize(image) // 512 - 1, 0, b"")
    total = (4 << 40) // 512
    head = bytearray(struct.pack("<8sIIIIQQQQ16sQIII", b"EFI PART", 0x10000, 92, 0, 0, 1, total - 1,
                                 34, total - 34, b"2" * 16, 2, 128, 128,
                                 zlib.crc32(entry + bytes(127 * 128))))
    head[16:20] = struct.pack("<I", zlib.crc32(bytes(head)))
    with open(whole, "wb") as f:
        f.truncate(4 << 40)
        f.seek(446)
        f.write(struct.pack("<B3sB3sII", 0, b"\0\2\0", 0xEE, b"\xff\xff\xff", 1, 0xFFFFFFFF))
        f.seek(510)
        f.write(b"\x55\xaa")
        f.seek(512)
        f.write(head)
        f.seek(1024)
        f.write(entry)
        f.seek(at * 512)
        f.write(pathlib.Path(image).read_bytes())
    camera, w = make(whole)
    done, o = pull(w, folder)
    assert o.handle > 3 << 40
    assert done.result == worker.DONE and same(folder, files[CLIP])
    assert camera.stats()["ops"]["0x009e"] >= 1 and camera.stats()["ops"]["0x0088"] >= 1


def test_erase_and_clock_are_refused(make, folder):
    _, w = make()
    o = listed(w)[0][CLIP]
    said = w.erase(o)
    assert said.result == worker.ERASE_REFUSED and "file system is not written" in said.text
    assert w.set_clock(1790000000).status < 0


def test_not_a_disk(make, folder, program):
    with vcam.Camera(BUILD, folder, "P", objects=[vcam.clip("a.mp4", 10)]) as camera:
        camera.plug("1-1")
        with Worker(program, camera.socket_path, driver=worker.MSC) as w:
            assert w.camera.type == worker.NOT_MINE
    camera, _ = make(begin=False)
    with Worker(program, camera.socket_path, driver=worker.PTP) as w:
        assert w.camera.type == worker.NOT_MINE


# ---- resume ----

@pytest.mark.parametrize("at", [70001, 2 * MIB + 4096 * 3 + 11, 4 * MIB + 1])
def test_unplugged_and_resumed(make, cards, folder, at):
    image, files = cards("fat32", "mbr")
    data = files[CLIP]
    begin = pathlib.Path(image).read_bytes().index(data[:4096])
    camera, w = make(image)
    o = listed(w)[0][CLIP]
    inner = begin + 131072, begin + len(data)  # away from what is read ahead of tables beside it
    before = camera.sent_of(0, *inner)
    camera.fault("unplug", object="lun0", at=begin + at)
    with pytest.raises(Fault) as lost:
        w.fetch(o, folder / "clip")
    assert lost.value.code == worker.FAULT_GONE
    camera.wait("plugged", exactly=0)
    have = (folder / "clip").stat().st_size
    assert have == at
    sent = camera.sent_of(0, *inner) - before
    camera.plug("1-2")
    again = make.start(camera)
    make.made.append(again)
    o = listed(again)[0][CLIP]
    before = camera.sent_of(0, *inner)
    done = again.fetch(o, folder / "clip", offset=have)
    assert done.result == worker.DONE and same(folder, data)
    # what the file held is read again only at its head and before the offset
    assert done.read <= len(data) - have + 65536
    # on the medium whole blocks are read, so one at each edge comes twice
    sent += camera.sent_of(0, *inner) - before
    assert sent <= len(data) - 131072 + 32768 + 4 * 512


def test_compare_finds_other_bytes(make, cards, folder):
    _, files = cards("fat32")
    _, w = make()
    o = listed(w)[0][CLIP]
    wrong = bytearray(files[CLIP])
    wrong[2 * MIB - 5] ^= 1
    (folder / "clip").write_bytes(wrong[:2 * MIB])
    done = w.fetch(o, folder / "clip", offset=2 * MIB)
    assert done.result == worker.MISMATCH
    # the whole of it, as before an erase
    (folder / "clip").write_bytes(files[CLIP])
    done = w.fetch(o, folder / "clip", offset=o.size)
    assert done.result == worker.DONE and done.read == 65536
    done = w.fetch(o, folder / "clip", offset=o.size + 1)
    assert done.result == worker.MISMATCH


def test_stop(make, cards, folder):
    camera, w = make(rate=2 * MIB)
    o = listed(w)[0][CLIP]
    w.start_fetch(o, folder / "clip")
    camera.wait("bytes:lun0", camera.sent_of(0) + MIB)
    w.put(worker.STOP)
    done = w.end_fetch()
    assert done.result == worker.STOPPED and 0 < done.length < o.size
    camera.rate(0)
    done = w.fetch(o, folder / "clip", offset=done.length)
    assert done.result == worker.DONE and same(folder, cards("fat32")[1][CLIP])


# ---- the bus ----

OPS = {"TEST UNIT READY": 0x00, "INQUIRY": 0x12, "READ CAPACITY": 0x25, "MODE SENSE": 0x1A,
       "READ": READ10}


@pytest.mark.parametrize("fault", ["bot-phase", "bot-signature", "bot-tag", "bot-stall-csw",
                                   "bot-no-csw", "stall-at-op", "bot-merged"])
@pytest.mark.parametrize("op", OPS, ids=str)
def test_out_of_step_and_back(make, cards, folder, fault, op):
    camera, w = make(options={"timeout_ms": 300},
                     before=lambda c: c.fault(fault, op=OPS[op], count=1))
    assert listed(w)[1].status == 0
    camera.fault(fault, op=READ10, count=1)
    done, _ = pull(w, folder)
    assert done.result == worker.DONE and same(folder, cards("fat32")[1][CLIP])
    camera.fault(fault, op=READ10, count=1)  # now within the stream
    done = w.fetch(listed(w)[0][CLIP], folder / "clip")
    assert done.result == worker.DONE and same(folder, cards("fat32")[1][CLIP])


def test_fill_is_asked_for_again(make, cards, folder):
    """A READ whose residue says that its end is fill; the small ones after it are whole."""
    camera, w = make(before=lambda c: c.fault("bot-residue", op=READ10, value=512, count=2))
    o = listed(w)[0][CLIP]
    reads = camera.stats()["ops"]["0x0028"]
    assert w.fetch(o, folder / "clip").result == worker.DONE
    usual = camera.stats()["ops"]["0x0028"] - reads
    for value in 512, 1, 0xFFFFFFFF:
        camera.fault("bot-residue", op=READ10, value=value, count=1)
        (folder / "clip").unlink()
        reads = camera.stats()["ops"]["0x0028"]
        assert w.fetch(o, folder / "clip").result == worker.DONE
        assert camera.stats()["ops"]["0x0028"] > reads + usual - 1
        assert same(folder, cards("fat32")[1][CLIP])


def test_fill_is_no_evidence(make, cards, folder):
    camera, w = make()
    o = listed(w)[0][CLIP]
    camera.fault("bot-residue", op=READ10, value=512)
    done = w.fetch(o, folder / "clip")
    assert done.result == worker.REFUSED and done.length == 0  # nor is its directory believed
    assert (folder / "clip").stat().st_size == 0


def test_residue_that_is_ignored(make, cards, folder):
    for options, op in ({"quirks": 1 << 12}, READ10), ({}, 0x25), ({}, 0x12):
        camera, w = make(None, options, lambda c, op=op: (c.fault("bot-residue", op=READ10, value=512),
                                                          c.fault("bot-residue", op=op, value=8)))
        done, _ = pull(w, folder)
        assert done.result == worker.DONE and same(folder, cards("fat32")[1][CLIP])
        assert ("camera-residue-ignored" in (folder / "log").read_text()) == (op != READ10)
        (folder / "log").unlink()
        (folder / "clip").unlink()


def test_residue_that_is_not_ignored(make):
    with pytest.raises(Fault) as lost:
        make(before=lambda c: c.fault("bot-residue", op=READ10, value=512))
    assert lost.value.code == worker.FAULT_PROTOCOL and "fill" in lost.value.text


@pytest.mark.parametrize("fault", ["short-data", "stall"])
def test_data_that_end_early(make, cards, folder, fault):
    image, files = cards("fat32")
    begin = pathlib.Path(image).read_bytes().index(files[CLIP][:4096])
    camera, w = make(image)
    camera.fault(fault, object="lun0", at=begin + MIB + 512 * 3, count=1)
    camera.fault(fault, object="lun0", at=begin + 3 * MIB + 100, count=1)
    done, _ = pull(w, folder)
    assert done.result == worker.DONE and same(folder, files[CLIP])


def test_silent_for_good(make, folder):
    camera, w = make(options={"timeout_ms": 200})
    o = listed(w)[0][CLIP]
    camera.fault("silent-at-op", op=READ10, count=-1)
    with pytest.raises(Fault) as silent:
        w.fetch(o, folder / "clip")
    assert silent.value.code == worker.FAULT_SILENT


@pytest.mark.parametrize("limit, by", [(65536, "scsi-max-read"), (131072, "max_transfer"),
                                       (65536, "quirk")])
def test_takes_no_large_reads(make, cards, folder, limit, by):
    image, files = cards("exfat", "none")
    options, more = {}, {}
    if by == "max_transfer":
        more = {"disk": {"max_transfer": limit}}
    if by == "quirk":
        options = {"quirks": 1 << 11}

    def before(camera):
        if by != "max_transfer":
            camera.fault("scsi-max-read", value=limit)
    camera, w = make(image, options, before, **more)
    done, o = pull(w, folder)
    assert done.result == worker.DONE and same(folder, files[CLIP])
    checks = camera.stats()["checks"]
    assert w.fetch(o, folder / "clip").result == worker.DONE
    assert camera.stats()["checks"] == checks, "it does not ask again for what is refused"
    if by != "scsi-max-read":
        assert checks <= 1  # the attention at its plugging in


def test_large_reads_fail_once(make, cards, folder):
    """Found out once for the whole device, whichever of its units is read."""
    image, files = cards("exfat", "none")
    camera, w = make(image, {"timeout_ms": 300},
                     disk={"luns": [{"image": str(image)}, {"image": str(image)}]})
    clips = [o for o in w.list()[0] if o.path == CLIP]
    assert len(clips) == 2
    camera.fault("scsi-max-read", value=65536)
    for o in clips:
        (folder / "clip").unlink(missing_ok=True)
        assert w.fetch(o, folder / "clip").result == worker.DONE and same(folder, files[CLIP])
        if o is clips[0]:
            checks = camera.stats()["checks"]
    assert camera.stats()["checks"] == checks
    assert (folder / "log").read_text().count("camera-small-reads") == 1


# ---- the medium ----

def test_medium_comes_up(make, cards, folder):
    camera, w = make(before=lambda c: (c.fault("scsi-attention", count=3),
                                       c.fault("scsi-becoming-ready", object="lun0", count=3)))
    done, _ = pull(w, folder)
    assert done.result == worker.DONE and same(folder, cards("fat32")[1][CLIP])


def test_no_medium(make):
    with pytest.raises(Fault) as none:
        make(lun={"present": False})
    assert none.value.code == worker.FAULT_MEDIUM and "no card" in none.value.text


def test_one_of_two_without_medium(make, cards):
    image = str(cards("fat32")[0])
    _, w = make(disk={"luns": [{"image": image, "present": False}, {"image": image}]})
    objects, said = listed(w)
    assert len(objects) == 4 and said.status == 0 and "no card" in said.text


def test_one_of_two_that_cannot_be_read(make, cards, folder):
    """What is there and was not read is not passed over."""
    image = str(cards("fat32")[0])
    (folder / "other").write_bytes(bytes(4 * MIB))
    _, w = make(disk={"luns": [{"image": image}, {"image": str(folder / "other")}]})
    objects, said = listed(w)
    assert len(objects) == 4 and said.skipped == 1 and said.status < 0 and "unit 1" in said.text


def test_card_taken_out(make, folder):
    camera, w = make()
    o = listed(w)[0][CLIP]
    camera.medium(0, False)
    with pytest.raises(Fault) as out:
        w.fetch(o, folder / "clip")
    assert out.value.code == worker.FAULT_MEDIUM


def test_no_file_system(make, folder):
    (folder / "empty").write_bytes(bytes(4 * MIB))
    with pytest.raises(Fault) as none:
        make(folder / "empty")
    assert none.value.code == worker.FAULT_MEDIUM


def test_medium_errors_in_a_file(make, cards, folder):
    image, files = cards("exfat", "none")
    data = files[CLIP]
    begin = pathlib.Path(image).read_bytes().index(data[:4096])
    camera, w = make(image)
    camera.fault("scsi-medium-error", object="lun0", at=begin + 2 * MIB + 1024, value=512)
    done, o = pull(w, folder)
    assert done.result == worker.SHORT and done.length == 2 * MIB + 1024
    assert same(folder, data[:2 * MIB + 1024])
    assert "medium error" in done.text and str((begin + 2 * MIB + 1024) // 512) in done.text
    # the others come
    other = listed(w)[0]["LOG/audit.log"]
    (folder / "clip").unlink()
    assert w.fetch(other, folder / "clip").result == worker.DONE
    # what was a passing trouble is none
    camera.clear()
    camera.fault("scsi-medium-error", object="lun0", at=begin + MIB, value=512, count=2)
    assert w.fetch(o, folder / "clip").result == worker.DONE and same(folder, data)


def test_a_volume_that_fails_later_has_not_lost_its_files(make, cards, folder):
    """Its boot sector cannot be read any more: that is no word of the camera that the clip is gone."""
    image, files = cards("fat32", "none")
    (folder / "other").write_bytes(pathlib.Path(image).read_bytes())
    camera, w = make(disk={"luns": [{"image": str(image)}, {"image": str(folder / "other")}]})
    mine = [o for o in w.list()[0] if o.path == CLIP]
    assert len(mine) == 2
    second = max(mine, key=lambda o: o.storage)
    first = min(mine, key=lambda o: o.storage)
    for o in (first, second):  # what was read before is forgotten with each
        assert w.fetch(o, folder / f"{o.storage}").result == worker.DONE
    camera.fault("scsi-medium-error", object="lun0", at=0, value=16 * 512)  # with its copy
    done = w.fetch(first, folder / "first")
    assert done.result == worker.REFUSED and "cannot be read any more" in done.text
    camera.clear()
    assert all(w.fetch(o, folder / f"again{i}").result == worker.DONE for i, o in enumerate(mine))
    for i in range(2):
        assert (folder / f"again{i}").read_bytes() == files[CLIP]


def test_damage_is_told_and_the_rest_taken(make, cards, folder):
    """The chain of the clip is broken in both copies of the FAT: what is there is listed as that."""
    source, files = cards("fat32", "none")
    image = folder / "damaged"
    shutil.copy(source, image)
    with open(image, "r+b") as f:
        boot = f.read(512)
        sector = struct.unpack_from("<H", boot, 11)[0]
        per_cluster, reserved, fats = struct.unpack_from("<BHB", boot, 13)
        fat_sectors = struct.unpack_from("<I", boot, 36)[0]
        whole = image.read_bytes()
        heap = (reserved + fats * fat_sectors) * sector
        cluster = 2 + (whole.index(files[CLIP][:4096]) - heap) // (per_cluster * sector)
        for n in range(fats):
            f.seek((reserved + n * fat_sectors) * sector + 4 * (cluster + 100))
            f.write(b"\xff\xff\xff\x0f")
    _, w = make(image)
    objects, said = listed(w)
    length = 101 * per_cluster * sector
    assert said.damaged >= 1 and said.text
    assert objects[CLIP].flags & worker.CUT and objects[CLIP].size == length
    done = w.fetch(objects[CLIP], folder / "clip")
    assert done.result == worker.DONE and same(folder, files[CLIP][:length])
    assert objects["LOG/audit.log"].size == 8


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


def test_staging_file_full(make, folder):
    limit = (resource.RLIMIT_FSIZE, (MIB, MIB))
    _, w = make(options={"before_exec": lambda: resource.setrlimit(*limit)})
    o = listed(w)[0][CLIP]
    done = w.fetch(o, folder / "clip")
    assert done.result == worker.DISK and done.status == -27


# ---- what it takes ----

def test_memory(make, cards, folder):
    """Not more than 6 MiB while it pulls from a disk (proportional set size)."""
    if "asan" in str(BUILD):
        pytest.skip("a sanitizer's memory is not the program's")
    camera, w = make(rate=8 * MIB)
    o = listed(w)[0][CLIP]
    w.start_fetch(o, folder / "clip")
    camera.wait("bytes:lun0", camera.sent_of(0) + 3 * MIB)
    text = pathlib.Path(f"/proc/{w.process.pid}/smaps_rollup").read_text()
    assert w.end_fetch().result == worker.DONE
    pss = next(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:"))
    assert pss <= 6 << 10, text
