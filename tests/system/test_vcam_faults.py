"""Every fault of the simulated camera can be seen.

A fault that the simulator does not really carry out would make every test that relies on it worth
nothing. So each has a check here, with an initiator that shares no code with the worker's, and
test_every_fault_is_checked goes through what `vcam --faults` lists.
"""
import errno
import struct
import time

import pytest

import initiator
from initiator import Broken, Host, Ptp, Stall, TimedOut, Unplugged
from ptp_camera import A, BUILD, MIB, WHOLE, connect, handle
from ptp_camera import camera, ptp  # noqa: F401 (fixtures)
from vcam import Checks, fault_names, generate

OF_DISKS = ("bot-", "scsi-", "disk-", "unlock-")  # test_vcam_disk.py
check = Checks()


@check("unplug")
def _(camera, p):
    for n in (0, 1, 511, 512, 500000, 3 * MIB - 1):
        camera.fault("unplug", object=A, at=n)
        before, h = camera.sent(A), handle(p, A)
        got = bytearray()
        p.host.write(p.container(1, 0x1009, struct.pack("<I", h)))
        with pytest.raises(Unplugged):
            while True:
                got += p.host.read(wanted=65536)
        assert bytes(got[12:]) == generate(7, 0, n)
        assert camera.sent(A) - before == n
        assert not (camera.dock / "1-2.1").exists()
        camera.wait("plugged", exactly=0)
        camera.plug("1-2.1")
        p = connect(camera)


@check("stall")
def _(camera, p):
    camera.fault("stall", object=A, at=100000)
    h = handle(p, A)
    p.host.write(p.container(1, 0x1009, struct.pack("<I", h)))
    assert len(p.host.read(wanted=65536)) == 65536
    for _ in range(2):
        with pytest.raises(Stall):
            p.host.read(wanted=65536)
    second = Ptp(camera.socket_path)
    with pytest.raises(Stall):
        second.host.read()  # the halt outlives the connection
    second.host.clear_halt(0x81)
    second.open()
    assert second.must(0x1009, h) == generate(7, 0, 3 * MIB)


@check("silent")
def _(camera, p):
    camera.fault("silent", object=A, at=100000, text="reset")
    h = handle(p, A)
    p.host.sock.settimeout(0.3)
    p.host.write(p.container(1, 0x1009, struct.pack("<I", h)))
    with pytest.raises(TimedOut):
        while True:
            p.host.read(wanted=512)
    ident = p.host.send(initiator.SUBMIT, 0, 0, setup=struct.pack("<BBHHH", 0x21, 0x66, 0, 0, 0))
    with pytest.raises(TimedOut):
        p.host.result(ident)
    p.host.reset()
    p.open()
    assert p.must(0x1009, h) == generate(7, 0, 3 * MIB)


@check("short-data")
def _(camera, p):
    for n in (100000, 100000 - 100000 % 512 - 12):
        camera.fault("short-data", object=A, at=n)
        with pytest.raises(Broken, match=f"is {n + 12}$"):
            p.must(0x1009, handle(p, A))
        p.transfer()
        p.transaction += 1


@check("zero-filled")
def _(camera, p):
    camera.fault("zero-filled", object=A, at=100000)
    said, _, data = p.run(0x1009, handle(p, A))
    assert said == 0x2007
    assert data == generate(7, 0, 100000) + bytes(3 * MIB - 100000)


@check("grow")
def _(camera, p):
    camera.fault("grow", object=A, at=1000, value=5000)
    h = handle(p, A)
    assert len(p.must(0x1009, h)) == 3 * MIB
    assert p.info(h)["size"] == 3 * MIB + 5000
    assert p.must(0x1009, h) == generate(7, 0, 3 * MIB + 5000)


@check("vanish")
def _(camera, p):
    camera.fault("vanish", object=A, at=100000)
    h = handle(p, A)
    with pytest.raises(Broken, match="is 100012$"):
        p.must(0x1009, h)
    assert struct.unpack_from("<HH", p.transfer(), 4) == (3, 0x2009)
    p.transaction += 1
    assert A not in p.walk() and p.run(0x1008, h)[0] == 0x2009
    assert camera.stats()["deletions"] == 0


@check("change")
def _(camera, p):
    camera.fault("change", object=A, at=100000)
    h = handle(p, A)
    before, data = p.info(h)["mtime"], p.must(0x1009, h)
    assert data[:100000] == generate(7, 0, 100000) and data != generate(7, 0, 3 * MIB)
    assert p.info(h)["mtime"] != before


@check("other-bytes")
def _(camera, p):
    camera.fault("other-bytes", object=A)
    h = handle(p, A)
    assert p.partial(h, 0, 4096) == generate(7, 0, 4096)
    assert p.partial(h, 4096, 4096) == generate(7, 4096, 4096)
    assert p.partial(h, 4096, 4096) != generate(7, 4096, 4096)


@check("missing-zlp")
def _(camera, p):
    camera.fault("missing-zlp", op=0x1009)
    p.host.write(p.container(1, 0x1009, struct.pack("<I", handle(p, "DCIM/100/whole"))))
    got = p.host.read(wanted=65536)  # data and response run together
    assert len(got) == WHOLE + 12 + 12 and got[12:-12] == generate(8, 0, WHOLE)


@check("surplus-zlp")
def _(camera, p):
    camera.fault("surplus-zlp", op=0x1009)
    p.host.write(p.container(1, 0x1009, struct.pack("<I", handle(p, "log.txt"))))
    assert len(p.transfer()) == 16
    assert p.transfer() == b""
    assert len(p.transfer()) == 12


@check("surplus-byte")
def _(camera, p):
    camera.fault("surplus-byte", op=0x1009)
    p.host.write(p.container(1, 0x1009, struct.pack("<I", handle(p, "DCIM/100/whole"))))
    got = p.host.read(wanted=65536)
    assert len(got) == WHOLE + 12 + 1
    assert len(p.transfer()) == 12


@check("split-header")
def _(camera, p):
    camera.fault("split-header", op=0x1009)
    p.host.write(p.container(1, 0x1009, struct.pack("<I", handle(p, "log.txt"))))
    assert len(p.transfer()) == 12
    assert p.transfer() == b"one\n"
    assert len(p.transfer()) == 12


@check("wrong-transaction")
def _(camera, p):
    for phase in ("data", "response"):
        camera.fault("wrong-transaction", op=0x1004, text=phase)
        with pytest.raises(Broken, match="transaction"):
            p.must(0x1004)
        if phase == "data":
            p.transfer()
        p.transaction += 1


@check("wrong-response")
def _(camera, p):
    camera.fault("wrong-response", op=0x1009, value=0x2002)
    h = handle(p, A)
    assert p.run(0x1009, h) == (0x2002, (), None)
    assert p.run(0x1009, h)[0] == 0x2001


@check("wrong-type")
def _(camera, p):
    camera.fault("wrong-type", op=0x1004)
    with pytest.raises(Broken, match="type 7"):
        p.must(0x1004)


@check("container-length")
def _(camera, p):
    for off in (-4, 1000, -10000):
        camera.fault("container-length", op=0x1004, value=off, text="data")
        with pytest.raises(Broken, match="container says"):
            p.must(0x1004)
        p.transfer()
        p.transaction += 1


@check("junk")
def _(camera, p):
    camera.fault("junk", op=0x1004, value=500)
    with pytest.raises(Broken):
        p.must(0x1004)
    for _ in range(499):
        assert len(p.transfer()) == 12
    assert struct.unpack_from("<HH", p.transfer(), 4) == (3, 0x2001)


@check("partial-lies")
def _(camera, p):
    camera.fault("partial-lies", value=-1)
    with pytest.raises(Broken, match="says 99 bytes, sent 100"):
        p.partial(handle(p, A), 0, 100)


@check("slow")
def _(camera, p):
    camera.fault("slow", op=0x1009, value=2 * MIB)
    begin = time.monotonic()
    assert p.must(0x1009, handle(p, A)) == generate(7, 0, 3 * MIB)
    assert time.monotonic() - begin > 1


@check("unplug-at-op")
def _(camera, p):
    camera.fault("unplug-at-op", op=0x1007)
    with pytest.raises(Unplugged):
        p.walk()
    camera.wait("plugged", exactly=0)


@check("stall-at-op")
def _(camera, p):
    camera.fault("stall-at-op", op=0x1007)
    with pytest.raises(Stall):
        p.walk()
    p.host.clear_halt(0x81)
    p.host.clear_halt(0x01)
    p.transaction += 1
    assert p.walk()


@check("silent-at-op")
def _(camera, p):
    camera.fault("silent-at-op", op=0x1007, text="request")
    p.host.sock.settimeout(0.3)
    with pytest.raises(TimedOut):
        p.walk()
    p.host.control(0x21, 0x66)
    assert p.open() == 0x2001
    assert p.walk()


@check("open-silent")
def _(camera, p):
    p.must(0x1003)
    camera.fault("open-silent")
    p.host.sock.settimeout(0.3)
    with pytest.raises(TimedOut):
        p.open()
    p.host.control(0x21, 0x66)
    p.open()
    assert p.walk()


@check("no-cancel")
def _(camera, p):
    camera.fault("no-cancel")
    with pytest.raises(Stall):
        p.host.control(0x21, 0x64, data=struct.pack("<HI", 0x4001, 1))


@check("no-reset")
def _(camera, p):
    camera.fault("no-reset")
    with pytest.raises(Stall):
        p.host.control(0x21, 0x66)


@check("info-size")
def _(camera, p):
    for off in (-1000, 1000):
        camera.clear()
        camera.fault("info-size", object=A, value=off)
        h, info = p.walk()[A]
        assert info["size"] == 3 * MIB + off
        assert struct.unpack("<Q", p.must(0x9803, h, 0xDC04)) == (3 * MIB + off,)
        assert len(p.must(0x1009, h)) == 3 * MIB


@check("string-past-end")
def _(camera, p):
    for op, ask in ((0x1008, p.walk), (0x1001, p.device_info)):
        camera.fault("string-past-end", op=op)
        with pytest.raises(Broken, match="string"):
            ask()


@check("array-count")
def _(camera, p):
    for op, ask in ((0x1004, p.storages), (0x1007, p.walk), (0x1001, p.device_info)):
        camera.clear()
        camera.fault("array-count", op=op)
        with pytest.raises(Broken, match="array of 4294967295"):
            ask()


@check("no-time")
def _(camera, p):
    camera.fault("no-time", object=A)
    files = p.walk()
    assert files[A][1]["mtime"] == "" and files["log.txt"][1]["mtime"]


@check("handles-change")
def _(camera, p):
    camera.fault("handles-change")
    before = handle(p, A)
    p.must(0x1003)
    p.open()
    after = handle(p, A)
    assert before != after and p.run(0x1008, before)[0] == 0x2009
    assert p.partial(after, 0, 10) == generate(7, 0, 10)


@check("endless-listing")
def _(camera, p):
    camera.fault("endless-listing")
    with pytest.raises(Broken, match="endless"):
        p.walk(limit=300)


@check("self-folder")
def _(camera, p):
    camera.fault("self-folder")
    with pytest.raises(Broken, match="endless"):
        p.walk(limit=300)


@check("parent-cycle")
def _(camera, p):
    camera.fault("parent-cycle")
    with pytest.raises(Broken, match="endless"):
        p.walk(limit=300)


@check("many-objects")
def _(camera, p):
    camera.fault("many-objects")
    storage, = p.storages()
    folder = [h for h in p.handles(storage) if p.info(h)["name"] == "MANY"]
    assert len(p.handles(storage, folder[0])) == 200000


@check("hostile-names")
def _(camera, p):
    camera.fault("hostile-names")
    names = [k.removeprefix("NAMES/") for k in p.walk() if k.startswith("NAMES/")]
    for name in ("../../etc/passwd", "..", "/etc/shadow", "nul\0inside.mp4", "\ud800high", "",
                 "L" * 254, "new\nline\x1b[31m.mp4"):
        assert name in names


@check("duplicate-names")
def _(camera, p):
    camera.fault("duplicate-names")
    with pytest.raises(Broken, match="two objects called TWINS/SAME.MP4"):
        p.walk()


@check("delete-refused")
def _(camera, p):
    camera.fault("delete-refused", object=A)
    assert p.run(0x100B, handle(p, A))[0] == 0x200F
    assert A in p.walk()


@check("delete-lies")
def _(camera, p):
    camera.fault("delete-lies", object=A)
    assert p.run(0x100B, handle(p, A))[0] == 0x2001
    assert A in p.walk() and camera.stats()["deletions"] == 0


@check("delete-vanished")
def _(camera, p):
    camera.fault("delete-vanished", object=A)
    assert p.run(0x100B, handle(p, A))[0] == 0x2009
    assert A not in p.walk() and camera.stats()["deletions"] == 0


@check("clock-1970")
def _(camera, p):
    camera.fault("clock-1970")
    assert p.string(p.must(0x1015, 0x5011), 0)[0].startswith("19700101T0000")


@check("clock-none")
def _(camera, p):
    camera.fault("clock-none")
    assert p.run(0x1015, 0x5011)[0] == 0x200A
    assert 0x5011 not in p.device_info()["properties"]


def serials(camera):
    camera.unplug()
    camera.plug("1-2.1")
    p = Ptp(camera.socket_path)
    told = (camera.dock / "1-2.1").read_text().split("serial=")[1].split("\n")[0]
    return told, p.device_info()["serial"], p.host.device[16]


@check("no-serial")
def _(camera, p):
    assert serials(camera) == ("BWC-A", "BWC-A", 3)
    camera.fault("no-serial")
    assert serials(camera) == ("", "", 0)


@check("serial")
def _(camera, p):
    camera.fault("serial", text="BWC-B")
    assert serials(camera) == ("BWC-B", "BWC-B", 3)


@check("event-flood")
def _(camera, p):
    camera.fault("event-flood", value=2000)
    for _ in range(2000):
        assert len(p.host.read(initiator.EVENT, 28)) == 16
    assert p.walk()
    assert camera.stats()["events"] == 2000


def config_after(camera, name):
    camera.fault(name)
    host = Host(camera.socket_path)
    host.close()
    return host.config


@check("no-endpoints")
def _(camera, p):
    c = config_after(camera, "no-endpoints")
    assert c[13] == 0 and len(c) == 18


@check("endpoint-count")
def _(camera, p):
    c = config_after(camera, "endpoint-count")
    assert c[13] == 30 and len(c) == 18 + 3 * 7


@check("long-descriptor")
def _(camera, p):
    c = config_after(camera, "long-descriptor")
    assert c[18] == 200 and len(c) < 218


@check("packet-zero")
def _(camera, p):
    assert struct.unpack_from("<H", config_after(camera, "packet-zero"), 22) == (0,)


@check("packet-huge")
def _(camera, p):
    assert struct.unpack_from("<H", config_after(camera, "packet-huge"), 22) == (0xFFFF,)


@check("total-length")
def _(camera, p):
    assert struct.unpack_from("<H", config_after(camera, "total-length"), 2) == (0xFFFF,)


@check("babble")
def _(camera, p):
    c = config_after(camera, "babble")
    assert struct.unpack_from("<H", c, 22) == (64,)
    p = connect(camera)
    h = handle(p, A)
    p.host.write(p.container(1, 0x1009, struct.pack("<I", h)))
    with pytest.raises(Broken, match=str(errno.EOVERFLOW)):
        p.host.read(wanted=64)


def test_every_fault_is_checked():
    names = [f["name"] for f in fault_names(BUILD)]
    assert sorted(n for n in names if not n.startswith(OF_DISKS)) == sorted(check)


@pytest.mark.parametrize("name", sorted(check))
def test_fault(camera, ptp, name):
    check[name](camera, ptp)
    check.fired(camera, name)
