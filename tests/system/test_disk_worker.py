"""One camera worker against a simulated disk: what it takes off it, and what it goes on with."""
import os
import pathlib
import resource
import struct
import zlib

import pytest

import vcam
import worker
from disk_camera import BUILD, CLIP, MIB, MTIME, listed, pull, same
from disk_camera import cards, folder, make, program  # noqa: F401 (fixtures)
from disks import make_disk
from vcam import generate
from worker import Fault, Worker


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


# ---- what it takes ----

def test_staging_file_full(make, folder):
    limit = (resource.RLIMIT_FSIZE, (MIB, MIB))
    _, w = make(options={"before_exec": lambda: resource.setrlimit(*limit)})
    o = listed(w)[0][CLIP]
    done = w.fetch(o, folder / "clip")
    assert done.result == worker.DISK and done.status == -27


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
