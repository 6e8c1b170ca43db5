"""The simulator as a USB disk: a healthy one is one, and every fault of it can be seen.

As test_vcam_faults.py for PTP: with a host that shares no code with the worker's.
"""
import os
import pathlib
import struct
import subprocess

import pytest

from disk_host import Disk, FAILED, PASSED, PHASE
from disks import make_disk
from initiator import BULK_IN, BULK_OUT, Broken, Stall, TimedOut, Unplugged
from vcam import Camera, Checks, fault_names, generate

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("DOCKD_BUILD", ROOT / "build")).resolve()
MIB = 1 << 20
TUR = bytes(6)
INQUIRY = bytes([0x12, 0, 0, 0, 36, 0])


@pytest.fixture
def image(folder):
    path = folder / "card.img"
    path.write_bytes(generate(1, 0, 4 * MIB))
    return path


def bytes_of(image, block, blocks, block_bytes=512):
    with open(image, "rb") as f:
        f.seek(block * block_bytes)
        return f.read(blocks * block_bytes)


@pytest.fixture
def camera(folder, image):
    second = folder / "second.img"
    second.write_bytes(generate(2, 0, MIB))
    with Camera(BUILD, folder, "D", disk={"luns": [{"image": str(image)},
                {"image": str(second), "block": 4096, "readonly": True}]}) as c:
        c.plug("1-2.1")
        yield c
        assert c.stats()["writes_seen"] == 0


@pytest.fixture
def disk(camera):
    d = Disk(camera.socket_path)
    d.ready()
    yield d
    d.close()


# ---- a healthy disk ----

def test_descriptors(camera, disk):
    config = disk.host.config
    assert disk.host.device[4:7] == bytes(3)
    assert struct.unpack_from("<H", config, 2)[0] == len(config) == 32
    assert config[9:18] == bytes([9, 4, 0, 0, 2, 8, 6, 0x50, 0])
    assert [config[20], config[27]] == [BULK_IN, BULK_OUT]
    assert disk.luns() == 2
    dock = (camera.dock / "1-2.1").read_text()
    assert "interface=8:6:80:" in dock and "serial=BWC-D" in dock


def test_attention_after_plug_and_reset(camera, disk):
    camera.unplug()
    camera.plug("1-2.1")
    d = Disk(camera.socket_path)
    assert d.run(TUR)[0] == FAILED and d.sense() == (6, 0x28, 0)
    assert d.run(TUR)[0] == PASSED and d.sense() == (0, 0, 0)
    d.host.reset()
    assert d.run(TUR)[0] == FAILED and d.sense() == (6, 0x29, 0)
    assert d.run(TUR)[0] == PASSED


def test_inquiry_and_pages(disk):
    data = disk.inquiry()
    assert data[:2] == bytes([0, 0x80]) and data[4] == 31
    assert data[8:36] == b"Example BodyCam         1.00"
    assert disk.vital(0x00)[4:] == bytes([0x00, 0x80, 0x83, 0xB0])
    assert disk.vital(0x80)[4:] == b"BWC-D"
    assert disk.vital(0x83)[4:] == bytes([2, 1, 0, 13]) + b"Example BWC-D"
    assert len(disk.vital(0xB0)) == 64
    assert disk.inquiry(lun=5)[0] == 0x7F
    assert disk.run(bytes([0x12, 1, 0x55, 0, 255, 0]), 255)[0] == FAILED
    assert disk.sense() == (5, 0x24, 0)
    disk.ready(lun=1)
    assert disk.run(TUR, lun=5)[0] == FAILED and disk.sense(5) == (5, 0x25, 0)


def test_capacity_and_modes(disk):
    disk.ready(lun=1)
    assert disk.capacity() == (8192, 512) and disk.capacity(1) == (256, 4096)
    long = disk.must(bytes([0x9E, 0x10] + [0] * 11 + [32, 0, 0]), 32)
    assert struct.unpack_from(">QI", long) == (8191, 512)
    assert disk.must(bytes([0x1A, 0, 0x3F, 0, 192, 0]), 192)[2] == 0
    assert disk.must(bytes([0x1A, 0, 0x3F, 0, 192, 0]), 192, lun=1)[2] == 0x80
    assert disk.must(bytes([0x5A, 0, 0x3F] + [0] * 5 + [192, 0]), 192, lun=1)[3] == 0x80
    assert disk.must(bytes([0x23] + [0] * 7 + [12, 0]), 12)[4:8] == struct.pack(">I", 8192)


def test_reads(camera, disk, image):
    disk.ready(lun=1)
    assert disk.read(3, 200) == bytes_of(image, 3, 200)
    assert disk.must(bytes([0x08, 0, 0, 9, 4, 0]), 2048) == bytes_of(image, 9, 4)
    assert disk.must(struct.pack(">BBIIBB", 0xA8, 0, 77, 3, 0, 0), 1536) == bytes_of(image, 77, 3)
    assert disk.must(struct.pack(">BBQIBB", 0x88, 0, 8191, 1, 0, 0), 512) == \
        bytes_of(image, 8191, 1)
    assert disk.read(255, 1, 1, 4096) == generate(2, 255 * 4096, 4096)
    assert disk.run(disk.read_cdb(8190, 3), 1536)[0] == FAILED
    assert disk.sense() == (5, 0x21, 0)
    assert camera.sent_of(0) == 208 * 512
    assert camera.sent_of(0, 9 * 512, 11 * 512) == 4 * 512
    assert camera.wait("bytes:lun1", 4096) == 4096 and camera.stats()["ops"]["0x0028"] == 3


def test_the_camera_writes_meanwhile(camera, disk, image, folder):
    (folder / "new").write_bytes(b"recorded")
    assert disk.read(5, 1) == bytes_of(image, 5, 1)
    camera.poke(0, 5 * 512, folder / "new")
    assert disk.read(5, 1)[:8] == b"recorded"


def test_large_sparse_disk(folder):
    (folder / "tiny").write_bytes(b"x" * 512)
    with Camera(BUILD, folder, "L", disk={"luns": [{"image": str(folder / "tiny"),
                "size": 5 << 40}]}) as c:
        c.plug("1-1")
        d = Disk(c.socket_path)
        d.ready()
        assert d.capacity() == (1 << 32, 512)
        long = d.must(bytes([0x9E, 0x10] + [0] * 11 + [32, 0, 0]), 32)
        assert struct.unpack_from(">Q", long)[0] == (5 << 40) // 512 - 1
        assert d.must(struct.pack(">BBQIBB", 0x88, 0, 1 << 33, 2, 0, 0), 1024) == bytes(1024)
        assert d.read(0, 1) == b"x" * 512


@pytest.mark.parametrize("cdb", [
    [0x2A, 0, 0, 0, 0, 0, 0, 0, 1, 0], [0x0A, 0, 0, 0, 1, 0], [0x04, 0, 0, 0, 0, 0],
    [0xAA] + [0] * 11, [0x8A] + [0] * 15, [0x15, 0, 0, 0, 12, 0], [0x42] + [0] * 9,
    [0x41] + [0] * 9, [0x55] + [0] * 9, [0x3B] + [0] * 9])
def test_writes_are_refused_and_counted(folder, image, cdb):
    before = image.read_bytes()
    with Camera(BUILD, folder, "W", disk={"luns": [{"image": str(image)}]}) as c:
        c.plug("1-1")
        d = Disk(c.socket_path)
        d.ready()
        assert d.run(bytes(cdb), data=bytes(512))[0] == FAILED and d.sense() == (7, 0x27, 0)
        assert c.wait("writes_seen", 1) == 1
        d.ready()
    assert image.read_bytes() == before


def test_no_medium_and_eject(camera, disk):
    camera.medium(0, False)
    assert disk.run(TUR)[0] == FAILED and disk.sense() == (2, 0x3A, 0)
    assert disk.run(disk.read_cdb(0, 1), 512)[:2] == (FAILED, b"")
    camera.medium(0, True)
    assert disk.run(TUR)[0] == FAILED and disk.sense() == (6, 0x28, 0)
    disk.must(bytes([0x1E, 0, 0, 0, 1, 0]))
    assert disk.run(bytes([0x1B, 0, 0, 0, 2, 0]))[0] == FAILED
    disk.must(bytes([0x1E, 0, 0, 0, 0, 0]))
    disk.must(bytes([0x1B, 0, 0, 0, 2, 0]))
    assert disk.run(TUR)[0] == FAILED and disk.sense() == (2, 0x3A, 0)
    assert camera.stats()["ejects"] == 1


def test_rate(camera, disk):
    camera.rate(1 << 20)
    disk.read(0, 1024)
    assert camera.stats()["payload"] == 512 * 1024


def test_made_images_hold_what_was_given(folder):
    files = {"DCIM/100BWC/a long name.mp4": generate(3, 0, 300000), "log.txt": b"one\n"}
    names = {"fat12": (54, b"FAT12"), "fat16": (54, b"FAT16"), "fat32": (82, b"FAT32"),
             "exfat": (3, b"EXFAT")}
    for fs, table in (("fat12", "none"), ("fat16", "mbr"), ("fat32", "gpt"), ("exfat", "mbr"),
                      ("fat32", "mbr"), ("exfat", "none")):
        path = make_disk(folder / f"{fs}.{table}.img", files, fs, table, mtime=1790000000)
        start = 0 if table == "none" else MIB
        boot = bytes_of(path, start // 512, 1)
        at, name = names[fs]
        assert boot[510:512] == b"\x55\xaa" and boot[at:at + 5] == name
        volume = folder / "volume"
        volume.write_bytes(path.read_bytes()[start:])
        assert generate(3, 4096, 4096) in volume.read_bytes()
        if fs == "exfat":
            subprocess.run(["fsck.exfat", "-n", volume], check=True, capture_output=True)
            continue
        out = subprocess.run(["mtype", "-i", volume, "::/DCIM/100BWC/a long name.mp4"],
                             env=dict(os.environ, MTOOLS_SKIP_CHECK="1"), check=True,
                             capture_output=True).stdout
        assert out == generate(3, 0, 300000)


# ---- the 13 cases of host and device (section 6.7) ----

def test_case_1_2_3_no_data_wanted(camera, disk):
    assert disk.run(TUR) == (PASSED, b"", 0)
    assert disk.run(INQUIRY) == (PHASE, b"", 0)


def test_case_4_data_wanted_none_there(disk):
    assert disk.run(TUR, 512) == (PASSED, b"", 512)
    assert disk.stalls == 1


def test_case_5_less_than_wanted(disk):
    status, data, residue = disk.run(INQUIRY, 100)
    assert (status, len(data), residue) == (PASSED, 36, 64)
    assert disk.stalls == 1
    status, data, residue = disk.run(disk.read_cdb(0, 2), 2048)  # ends on a packet
    assert (status, len(data), residue) == (PASSED, 1024, 1024)


def test_case_5_by_a_short_packet(folder, image):
    with Camera(BUILD, folder, "S", disk={"luns": [{"image": str(image)}],
                "stalls": False}) as c:
        c.plug("1-1")
        d = Disk(c.socket_path)
        d.ready()
        for cdb, room, n in ((INQUIRY, 100, 36), (d.read_cdb(0, 2), 2048, 1024)):
            status, data, residue = d.run(cdb, room)
            assert (status, len(data), residue) == (PASSED, n, room - n)
        assert d.stalls == 0


def test_case_7_more_than_wanted(camera, disk, image):
    assert disk.run(disk.read_cdb(0, 4), 1024) == (PHASE, bytes_of(image, 0, 2), 0)
    disk.recover()
    disk.ready()
    assert camera.stats()["phase_errors"] == 1 and camera.stats()["resets"] == 1


def test_case_9_and_10_data_given_none_wanted(disk):
    assert disk.run(TUR, data=bytes(512)) == (PASSED, b"", 512)
    assert disk.stalls == 1
    assert disk.run(INQUIRY, data=bytes(36)) == (PHASE, b"", 36)


def test_bytes_that_are_no_cbw_halt_until_reset_recovery(camera, disk):
    disk.host.write(b"x" * 31)
    for _ in range(2):
        with pytest.raises(Stall):
            disk.host.read(wanted=13)
        disk.host.clear_halt(BULK_IN)
        disk.host.clear_halt(BULK_OUT)
    disk.recover()
    disk.ready()
    assert camera.stats()["bad_commands"] == 1


# ---- faults ----

check = Checks()


@check("bot-residue")
def _(camera, disk, image):
    camera.fault("bot-residue", op=0x28, value=99, count=1)
    assert disk.run(disk.read_cdb(0, 1), 512) == (PASSED, bytes_of(image, 0, 1), 99)
    assert disk.run(disk.read_cdb(0, 1), 512)[2] == 0


@check("bot-phase")
def _(camera, disk, image):
    camera.fault("bot-phase", op=0x28)
    assert disk.run(disk.read_cdb(0, 1), 512)[0] == PHASE
    disk.recover()
    disk.ready()


@check("bot-signature")
def _(camera, disk, image):
    camera.fault("bot-signature", op=0x28)
    with pytest.raises(Broken, match="signature"):
        disk.read(0, 1)
    disk.recover()
    disk.ready()


@check("bot-tag")
def _(camera, disk, image):
    camera.fault("bot-tag", op=0x28)
    with pytest.raises(Broken, match="tag"):
        disk.read(0, 1)


@check("bot-stall-csw")
def _(camera, disk, image):
    camera.fault("bot-stall-csw", op=0x28)
    assert disk.read(0, 1) == bytes_of(image, 0, 1)
    assert disk.stalls == 1


@check("bot-no-csw")
def _(camera, disk, image):
    camera.fault("bot-no-csw", op=0x28)
    disk.cbw(disk.read_cdb(0, 1), 512)
    disk.host.sock.settimeout(0.3)
    with pytest.raises(TimedOut):
        disk.data(512)
    disk.host.sock.settimeout(20)
    disk.recover()
    disk.ready()
    assert disk.read(0, 1) == bytes_of(image, 0, 1)


@check("bot-merged")
def _(camera, disk, image):
    camera.fault("bot-merged", op=0x12, count=1)
    disk.cbw(INQUIRY, 36)
    raw = disk.host.read(wanted=512)
    assert len(raw) == 49 and raw[36:40] == b"USBS"
    assert disk.inquiry()


@check("bot-max-lun")
def _(camera, disk, image):
    camera.fault("bot-max-lun", value=-1, count=1)
    with pytest.raises(Stall):
        disk.luns()
    camera.fault("bot-max-lun", value=255, count=1)
    assert disk.luns() == 256


@check("scsi-inquiry")
def _(camera, disk, image):
    camera.fault("scsi-inquiry", count=1)
    assert len(disk.inquiry()) == 5
    camera.fault("scsi-inquiry", text="garbage", count=1)
    assert disk.inquiry() == b"\xff" * 36


@check("scsi-becoming-ready")
def _(camera, disk, image):
    camera.fault("scsi-becoming-ready", object="lun0", count=3)
    for _ in range(3):
        assert disk.run(TUR)[0] == FAILED and disk.sense() == (2, 4, 1)
    disk.ready(lun=1)
    assert disk.run(TUR)[0] == PASSED


@check("scsi-attention")
def _(camera, disk, image):
    camera.fault("scsi-attention", count=5)
    for _ in range(5):
        assert disk.run(TUR)[0] == FAILED and disk.sense() == (6, 0x28, 0)
    assert disk.run(TUR)[0] == PASSED


@check("scsi-sense")
def _(camera, disk, image):
    camera.fault("scsi-sense", op=0x28, value=0x0B4700)
    assert disk.run(disk.read_cdb(0, 1), 512)[:2] == (FAILED, b"")
    assert disk.sense() == (0xB, 0x47, 0)
    assert disk.read(0, 1) == bytes_of(image, 0, 1)


@check("scsi-capacity")
def _(camera, disk, image):
    for value, said in ((1 << 20, 1 << 20), (0, 1 << 32), (1 << 40, 1 << 32)):
        camera.fault("scsi-capacity", object="lun0", value=value, count=1)
        assert disk.capacity() == (said, 512)
    assert disk.run(disk.read_cdb(1 << 19, 1), 512)[0] == FAILED  # as large as the image, still


@check("scsi-block")
def _(camera, disk, image):
    for value in (0, 513, 1 << 31):
        camera.fault("scsi-block", object="lun0", value=value, count=1)
        assert disk.capacity() == (8192, value)


@check("scsi-max-read")
def _(camera, disk, image):
    camera.fault("scsi-max-read", value=65536)
    assert disk.run(disk.read_cdb(0, 129), 129 * 512)[0] == FAILED
    assert disk.sense() == (5, 0x24, 0)
    assert disk.read(0, 128) == bytes_of(image, 0, 128)


@check("scsi-medium-error")
def _(camera, disk, image):
    camera.fault("scsi-medium-error", object="lun0", at=10 * 512, value=1024)
    assert disk.run(disk.read_cdb(8, 8), 4096) == (FAILED, bytes_of(image, 8, 2), 3072)
    assert disk.sense() == (3, 0x11, 0)
    assert disk.run(disk.read_cdb(11, 1), 512)[:2] == (FAILED, b"")
    assert disk.read(12, 8) == bytes_of(image, 12, 8)


@check("disk-unstable")
def _(camera, disk, image):
    camera.fault("disk-unstable", object="lun0", at=512, value=512)
    assert disk.read(0, 4) == bytes_of(image, 0, 4)
    again = disk.read(0, 4)
    assert again[:512] == bytes_of(image, 0, 1) and again[1024:] == bytes_of(image, 2, 2)
    assert again[512:1024] == bytes(b ^ 0x20 for b in bytes_of(image, 1, 1))


# those of test_vcam_faults.py that disks have too, with object=lun0 or an opcode

@check("unplug")
def _(camera, disk, image):
    camera.fault("unplug", object="lun0", at=70000)
    with pytest.raises(Unplugged):
        disk.read(0, 1024)
    camera.wait("plugged", exactly=0)
    assert camera.sent_of(0) == 70000


@check("stall")
def _(camera, disk, image):
    camera.fault("stall", object="lun0", at=1500)
    status, data, residue = disk.run(disk.read_cdb(0, 8), 4096)
    assert (status, data, residue) == (FAILED, bytes_of(image, 0, 2), 3072)
    assert disk.sense() == (4, 0x44, 0)
    assert disk.read(0, 8) == bytes_of(image, 0, 8)


@check("short-data")
def _(camera, disk, image):
    for at in (1024, 1100):
        camera.fault("short-data", object="lun0", at=at)
        status, data, residue = disk.run(disk.read_cdb(0, 8), 4096)
        assert (status, len(data), residue) == (PASSED, at, 4096 - at)
    camera.fault("short-data", object="lun0", at=1024)
    camera.fault("bot-residue", op=0x28, value=0, count=1)  # and lies about it
    status, data, residue = disk.run(disk.read_cdb(0, 8), 4096)
    assert (status, len(data), residue) == (PASSED, 1024, 0)


@check("zero-filled")
def _(camera, disk, image):
    camera.fault("zero-filled", object="lun0", at=512)
    assert disk.read(0, 2) == bytes_of(image, 0, 1) + bytes(512)


@check("vanish")
def _(camera, disk, image):
    camera.fault("vanish", object="lun0", at=1024)
    status, data, residue = disk.run(disk.read_cdb(0, 8), 4096)
    assert (status, data, residue) == (FAILED, bytes_of(image, 0, 2), 3072)
    assert disk.sense() == (2, 0x3A, 0)
    assert disk.run(TUR)[0] == FAILED and disk.sense() == (2, 0x3A, 0)


@check("silent")
def _(camera, disk, image):
    camera.fault("silent", object="lun0", at=1024, text="request")
    disk.cbw(disk.read_cdb(0, 8), 4096)
    disk.host.sock.settimeout(0.3)
    with pytest.raises(TimedOut):
        disk.data(4096)
    disk.host.sock.settimeout(20)
    disk.recover()
    disk.ready()


@check("silent-at-op")
def _(camera, disk, image):
    camera.fault("silent-at-op", op=0x28, text="reset")
    disk.cbw(disk.read_cdb(0, 8), 4096)
    camera.wait("fired:silent-at-op", 1)
    disk.host.reset()
    disk.ready()


@check("stall-at-op")
def _(camera, disk, image):
    camera.fault("stall-at-op", op=0x28)
    disk.cbw(disk.read_cdb(0, 8), 4096)
    with pytest.raises(Stall):
        disk.host.read(wanted=512)
    disk.recover()
    disk.ready()


@check("unplug-at-op")
def _(camera, disk, image):
    camera.fault("unplug-at-op", op=0x25)
    with pytest.raises(Unplugged):
        disk.capacity()


@check("slow")
def _(camera, disk, image):
    camera.fault("slow", op=0x28, value=1 << 20)
    assert disk.read(0, 512) == bytes_of(image, 0, 512)


@check("no-reset")
def _(camera, disk, image):
    camera.fault("no-reset")
    with pytest.raises(Stall):
        disk.recover()


def test_every_fault_of_disks_is_checked():
    names = {f["name"] for f in fault_names(BUILD)}
    assert {n for n in names if n.startswith(("bot-", "scsi-", "disk-"))} <= set(check) <= names


@pytest.mark.parametrize("name", sorted(check))
def test_fault(camera, disk, image, name):
    check[name](camera, disk, image)
    check.fired(camera, name)
