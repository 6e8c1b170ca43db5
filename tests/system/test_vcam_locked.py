"""The simulator's locked faces: DV16 and the three languages of the Ambarella family.

Each is spoken to as tests/vcam/LANGUAGES.md has it, by a host that shares no code with the worker's.
"""
import os
import pathlib
import struct
import time

import pytest

from disk_host import FAILED, PASSED, Disk
from initiator import BULK_OUT, Host, Stall, TimedOut, Unplugged
from vcam import Camera, Checks, VcamError, fault_names, generate

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("DOCKD_BUILD", ROOT / "build")).resolve()
TUR = bytes(6)
INFO = {"serial": "7654321", "user_no": "445566", "user_name": "Erna Example", "unit_no": "990",
        "unit_name": "Upper Example"}
WHEN = (2026, 11, 22, 3, 4, 5)
WHEN_S = 1795316645


@pytest.fixture
def locked(folder):
    """Makes a plugged camera that speaks this language."""
    image = folder / "card.img"
    image.write_bytes(generate(1, 0, 1 << 20))
    cameras = []

    def make(language, **more):
        c = Camera(BUILD, folder, f"L{len(cameras)}", disk={"luns": [{"image": str(image)}]},
                   locked={"language": language, "info": INFO, "battery": 61, **more})
        cameras.append(c)
        c.plug("1-3")
        return c
    yield make
    for c in cameras:
        assert c.stats()["writes_seen"] == 0
        c.close()


def is_open_disk(camera):
    """It has come back as a disk whose medium can be read."""
    camera.wait("unlocked", exactly=1)
    camera.wait("plugged", exactly=1)
    d = Disk(camera.socket_path)
    d.ready()
    assert d.read(0, 2) == generate(1, 0, 1024)
    assert d.host.config[14:17] == bytes([8, 6, 0x50])
    d.close()


def dock(camera):
    text = (camera.dock / "1-3").read_text()
    return dict(line.split("=", 1) for line in text.splitlines())


# ---- DV16 ----

READS = {2: 6, 3: 89, 7: 8, 8: 4, 12: 4, 13: 16, 14: 4}


def vendor(disk, command, data=None):
    if data is None:
        n = READS[command]
        return disk.run(bytes([0xFD, 0x81, 0, 0, 0, command, 0, n] + [0] * 8), n)[1]
    cdb = bytes([0xFB, 0x82, 0, 0, 0, command, 0, len(data)] + [0] * 8)
    return disk.run(cdb, data=data if data else None)[0]


def dv16(camera):
    d = Disk(camera.socket_path)
    assert d.inquiry()[8:32] == b"DV16    DEVICE V1.00    "
    return d


def test_dv16_tells_and_takes(locked):
    camera = locked("dv16", id="AB1234", pin="246810", clock=-3600)
    d = dv16(camera)
    assert d.run(TUR)[0] == FAILED and d.sense() == (6, 0x28, 0)
    assert d.run(TUR)[0] == FAILED and d.sense() == (2, 0x3A, 0)
    assert vendor(d, 1, b"") == PASSED
    assert vendor(d, 2) == b"AB1234"
    info = vendor(d, 3)
    assert info == (b"7654321" + b"445566" + b"Erna Example".ljust(32, b"\0") +
                    b"990".ljust(12, b"\0") + b"Upper Example".ljust(32, b"\0"))
    assert struct.unpack("<ii", vendor(d, 7)) == (1920, 1080)
    assert struct.unpack("<i", vendor(d, 8)) == (61,)
    assert vendor(d, 12)[0] == 1 and vendor(d, 14) == bytes(4)
    assert vendor(d, 13) == b"246810".ljust(16, b"\0")
    assert camera.stats()["clock_offset"] == -3600
    assert vendor(d, 5, struct.pack("<H5B", *WHEN)) == PASSED
    assert abs(camera.stats()["clock_offset"] - (WHEN_S - time.time())) < 5
    new = b"1111111" + b"000007" + b"N".ljust(32, b"\0") + b"12".ljust(12, b"\0") + bytes(32)
    assert vendor(d, 4, new) == PASSED
    assert vendor(d, 3) == b"7654321" + new[7:]
    stats = camera.stats()
    assert stats["info"]["user_no"] == "000007" and stats["owner_writes"] == 1
    assert stats["clocks_set"] == 1 and stats["pin_reads"] == 1
    for command, n in ((10, 16), (11, 32), (9, 89)):
        assert vendor(d, command, bytes(n)) == FAILED
        assert d.sense() == (5, 0x20, 0)
    assert vendor(d, 5, bytes(7)) == FAILED and vendor(d, 14)[0] == 1


def test_dv16_leaves_and_comes_back(locked):
    camera = locked("dv16", back={"vendor": 0x1234, "product": 0x5678, "serial": "CARD"})
    before = dock(camera)
    d = dv16(camera)
    assert vendor(d, 6, b"") == PASSED
    with pytest.raises(Unplugged):
        d.host.read()
    is_open_disk(camera)
    after = dock(camera)
    assert (after["vendor"], after["product"], after["serial"]) == ("0x1234", "0x5678", "CARD")
    assert before["docking"] != after["docking"] and camera.stats()["unlocks"] == 1
    d = Disk(camera.socket_path)
    d.ready()
    assert d.inquiry()[8:15] == b"Example"
    assert d.run(bytes([0xFD, 0x81, 0, 0, 0, 2, 0, 6] + [0] * 8), 6)[0] == FAILED
    camera.unplug()  # valid for one plug-in
    camera.plug("1-3")
    assert dock(camera)["serial"] == before["serial"]
    assert vendor(dv16(camera), 2) == b"DV1601"


def test_dv16_in_place(locked):
    camera = locked("dv16", comes_back="in-place")
    d = dv16(camera)
    assert vendor(d, 6, b"") == PASSED
    assert d.run(TUR)[0] == FAILED and d.sense() == (6, 0x28, 0)
    assert d.read(0, 1) == generate(1, 0, 512)
    assert camera.stats()["plugs"] == 1


def test_dv16_without_a_card(locked):
    camera = locked("dv16", card=False)
    d = dv16(camera)
    assert vendor(d, 12)[0] == 0 and vendor(d, 6, b"") == FAILED


@pytest.mark.parametrize("how", ["never", "late:0.4", "other-serial", "other-camera"])
def test_how_it_comes_back(locked, how):
    camera = locked("dv16", comes_back=how)
    before = dock(camera)
    vendor(dv16(camera), 6, b"")
    camera.wait("plugged", exactly=0)
    if how == "never":
        assert camera.stats()["unlocks"] == 1
        camera.plug("1-3")  # by hand
        assert dock(camera)["serial"] == before["serial"]
        return
    is_open_disk(camera)
    after = dock(camera)
    assert (after["serial"] == before["serial"]) == (how == "late:0.4")
    assert (after["model"] == before["model"]) == (how != "other-camera")
    assert after["product"] != before["product"]


def test_pulled_while_it_is_away(locked):
    camera = locked("dv16", comes_back="late:600")
    vendor(dv16(camera), 6, b"")
    camera.wait("plugged", exactly=0)
    with pytest.raises(VcamError):
        camera.wait("plugged", exactly=1, seconds=0.3)
    camera.unplug()
    camera.plug("1-3")
    assert vendor(dv16(camera), 2) == b"DV1601"


# ---- Ambarella: control requests 85 and 80 ----

def request(host, head, pin=b"", number=85):
    host.control(0x40, number, 0x0080, 0, (bytes.fromhex(head) + pin).ljust(64, b"\0"))
    return host.control(0xC0, 85, 0x0080, 0, length=10)[2]


def test_amba_request(locked):
    camera = locked("amba-request", pin="135790")
    assert (dock(camera)["vendor"], dock(camera)["product"]) == ("0x4255", "0x0001")
    assert dock(camera)["interface"].startswith("255:0:0:")
    host = Host(camera.socket_path)
    assert request(host, "a1230023", number=80) == 0
    assert request(host, "a1120012", b"000000") == 0
    assert request(host, "a1120012", b"135790") == 1
    assert request(host, "a1230023", number=80) == 1
    is_open_disk(camera)
    stats = camera.stats()
    assert (stats["logins"], stats["wrong_pins"], stats["unlocks"]) == (1, 1, 1)
    assert dock(camera)["product"] == "0x0002"


def test_amba_request_whose_answer_is_not_read(locked):
    camera = locked("amba-request")
    host = Host(camera.socket_path)
    assert request(host, "a1120012", b"000000") == 1
    host.control(0x40, 80, 0x0080, 0, bytes.fromhex("a1230023").ljust(64, b"\0"))
    with pytest.raises((Stall, Unplugged)):
        host.control(0x40, 85, 0x0080, 0, bytes(64))
    is_open_disk(camera)


def test_wrong_pins_run_out(locked):
    camera = locked("amba-request", pin="111111", tries=3)
    host = Host(camera.socket_path)
    for _ in range(3):
        assert request(host, "a1120012", b"999999") == 0
    assert request(host, "a1120012", b"111111") == 0
    assert camera.stats()["wrong_pins"] == 4
    camera.unplug()
    camera.plug("1-3")
    assert request(Host(camera.socket_path), "a1120012", b"111111") == 1


# ---- Ambarella: blocks ----

def block(host, group, number, data=b"", n=0):
    out = bytes.fromhex("a1b2c3d400") + bytes([group, 0, number, 0]) + data.ljust(n, b"\0")
    host.control(0x40, 85, 0x00AA, 0, out)
    back = host.control(0xC0, 85, 0, 0, length=len(out))
    return back[9:] if back[6] == 0x80 else None


def test_amba_block(locked):
    camera = locked("amba-block", pin="222222", admin="333333")
    host = Host(camera.socket_path)
    assert block(host, 0xE1, 0x20, n=5) == b"ABCDE"
    assert block(host, 0xE1, 0x70, n=1) == bytes([61])
    assert block(host, 0xE1, 0x30, n=100) is None and block(host, 0xE1, 0x51) is None
    assert block(host, 0xE1, 0x11, b"000000", 6) is None
    assert block(host, 0xE1, 0x10, b"333333", 6) is not None
    assert block(host, 0xE1, 0x11, b"222222", 6) is not None
    ids = block(host, 0xE1, 0x30, n=100)
    assert ids[:9].rstrip(b"\0") == b"7654321" and ids[9:17].rstrip(b"\0") == b"445566"
    assert ids[17:52].rstrip(b"\0") == b"Erna Example"
    assert ids[52:68].rstrip(b"\0") == b"990" and ids[68:].rstrip(b"\0") == b"Upper Example"
    new = bytearray(ids)
    new[9:17] = b"77".ljust(8, b"\0")
    assert block(host, 0xE1, 0x31, bytes(new), 100) is not None
    assert camera.stats()["info"]["user_no"] == "77"
    assert camera.stats()["info"]["user_name"] == "Erna Example"
    said = block(host, 0xE1, 0x41, struct.pack(">H5B", *WHEN), 7)
    assert struct.unpack(">H4B", said[:6]) == WHEN[:5]
    assert abs(camera.stats()["clock_offset"] - (WHEN_S - time.time())) < 5
    assert block(host, 0xE2, 0x20, n=32) is None and block(host, 0xE1, 0xA1, b"1" * 6, 6) is None
    assert block(host, 0xE1, 0x51) == b""
    is_open_disk(camera)
    stats = camera.stats()
    assert (stats["logins"], stats["wrong_pins"], stats["owner_writes"]) == (2, 1, 1)


# ---- Ambarella: text ----

def text(host, line):
    host.write(line.encode())
    return host.read(wanted=512).decode()


def test_amba_text(locked):
    camera = locked("amba-text", id="CAM00042")
    host = Host(camera.socket_path)
    assert text(host, "@Gdv;8;12345678;#") == "@ERR;#"
    assert text(host, "@Ver;8;11111111;#") == "@Ver;ERR;#"
    assert text(host, "@Ver;8;00000000;#") == "@Ver;OK;#"
    assert text(host, "@Gdv;8;12345678;#").split(";")[2] == "CAM00042"
    assert text(host, "@Sdt;8;20261122;#") == "@Sdt;OK;#"
    assert text(host, "@Stm;6;03040500;#") == "@Stm;OK;#"
    assert abs(camera.stats()["clock_offset"] - (WHEN_S - time.time())) < 5
    assert text(host, "@Sdt;8;x;#") == "@Sdt;ERR;#"
    assert text(host, "what") == "@ERR;#"
    assert text(host, "@ATH;8;12345678;#") == "@ATH;OK;#"
    is_open_disk(camera)
    stats = camera.stats()
    assert (stats["logins"], stats["wrong_pins"], stats["clocks_set"]) == (1, 1, 1)


# ---- words of another language ----

def speak(language, host):
    if language == "amba-request":
        return request(host, "a1120012", b"000000") == 1
    if language == "amba-block":
        return block(host, 0xE1, 0x20, n=5) == b"ABCDE"
    return "Ver;OK" in text(host, "@Ver;8;00000000;#")


LANGUAGES = ["amba-request", "amba-block", "amba-text"]


@pytest.mark.parametrize("others", ["stall", "silent", "garbage"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_other_languages(locked, language, others):
    camera = locked(language, others=others)
    host = Host(camera.socket_path)
    for word in LANGUAGES:
        if word == language:
            continue
        host.sock.settimeout(0.2)
        if others == "stall":
            with pytest.raises(Stall):
                speak(word, host)
            host.clear_halt(BULK_OUT)
        elif others == "silent":
            with pytest.raises(TimedOut):
                speak(word, host)
        else:
            assert not speak(word, host)
        host.sock.settimeout(20)
    assert speak(language, host)
    assert camera.stats()["unlocks"] == 0


# ---- faults ----

check = Checks()


@check("unlock-refused")
def _(locked):
    camera = locked("dv16")
    camera.fault("unlock-refused")
    assert vendor(dv16(camera), 6, b"") == FAILED
    for language in LANGUAGES:
        other = locked(language)
        other.fault("unlock-refused")
        host = Host(other.socket_path)
        if language == "amba-request":
            assert request(host, "a1120012", b"000000") == 1
            assert request(host, "a1230023", number=80) == 0
        elif language == "amba-block":
            assert block(host, 0xE1, 0x11, b"000000", 6) is not None
            assert block(host, 0xE1, 0x51) is None
        else:
            assert speak(language, host) and text(host, "@ATH;8;12345678;#") == "@ERR;#"
        assert other.stats()["unlocks"] == 0
        other.unplug()
    return camera


@check("unlock-status")
def _(locked):
    camera = locked("dv16")
    camera.fault("unlock-status", op=8, value=3)
    d = dv16(camera)
    vendor(d, 8)
    assert vendor(d, 14)[0] == 3
    vendor(d, 2)
    assert vendor(d, 14)[0] == 0
    return camera


@check("unlock-short")
def _(locked):
    camera = locked("dv16")
    camera.fault("unlock-short", op=3)
    assert len(vendor(dv16(camera), 3)) == 44
    return camera


@check("unlock-garbage")
def _(locked):
    camera = locked("amba-block")
    camera.fault("unlock-garbage")
    assert block(Host(camera.socket_path), 0xE1, 0x20, n=5) is None
    return camera


@check("unlock-silent")
def _(locked):
    camera = locked("amba-request")
    camera.fault("unlock-silent", count=1)
    host = Host(camera.socket_path)
    host.sock.settimeout(0.2)
    with pytest.raises(TimedOut):
        request(host, "a1120012", b"000000")
    host.sock.settimeout(20)
    assert request(host, "a1120012", b"000000") == 1
    return camera


@check("unlock-battery")
def _(locked):
    camera = locked("dv16")
    camera.fault("unlock-battery", value=-7)
    assert struct.unpack("<i", vendor(dv16(camera), 8)) == (-7,)
    return camera


def test_every_fault_of_unlocking_is_checked():
    names = {f["name"] for f in fault_names(BUILD) if f["name"].startswith("unlock-")}
    assert names == set(check)


@pytest.mark.parametrize("name", sorted(check))
def test_fault(locked, name):
    check.fired(check[name](locked), name)
