"""The simulator itself: a healthy camera is a healthy camera, and every fault can be seen.

A fault that the simulator does not really carry out would make every test that relies on it worth
nothing. So each has a check here, with an initiator that shares no code with the worker's, and
test_every_fault_is_checked goes through what `vcam --faults` lists.
"""
import errno
import hashlib
import os
import pathlib
import shutil
import socket
import struct
import subprocess
import tempfile
import time

import pytest

import initiator
import proto
from initiator import Broken, Host, Ptp, Stall, TimedOut, Unplugged
from vcam import Camera, VcamError, clip, digest, fault_names, generate

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("DOCKD_BUILD", ROOT / "build")).resolve()
MIB = 1 << 20
A = "DCIM/100/a.mp4"
OF_DISKS = ("bot-", "scsi-", "disk-", "unlock-")  # test_vcam_disk.py
WHOLE = 512 * 10 - 12  # with its container's head a multiple of a packet


@pytest.fixture
def folder():
    path = pathlib.Path(tempfile.mkdtemp(prefix="vcam-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def camera(folder):
    objects = [clip(A, 3 * MIB, 7), clip("DCIM/100/whole", WHOLE, 8), clip("log.txt", bytes="one\n",
               size=0), clip("empty", 0), clip("huge", 5 << 30, 9)]
    with Camera(BUILD, folder, "A", objects=objects) as c:
        c.plug("1-2.1")
        yield c


@pytest.fixture
def ptp(camera):
    p = connect(camera)
    yield p
    p.close()


def connect(camera, open_session=True, **more):
    p = Ptp(camera.socket_path, **more)
    if open_session:
        p.open()
    return p


def handle(p, path):
    return p.walk()[path][0]


# ---- a healthy camera ----

def test_listing_and_bytes(camera, ptp):
    files = ptp.walk()
    assert {k: v[1]["size"] for k, v in files.items()} == {
        A: 3 * MIB, "DCIM/100/whole": WHOLE, "log.txt": 4, "empty": 0, "huge": 5 << 30}
    data = ptp.must(0x1009, files[A][0])
    assert data == generate(7, 0, 3 * MIB)
    assert hashlib.sha256(data).hexdigest() == camera.digest(A) == digest(7, 3 * MIB)
    assert ptp.must(0x1009, files["log.txt"][0]) == b"one\n"
    assert ptp.must(0x1009, files["empty"][0]) == b""
    assert ptp.must(0x1009, files["DCIM/100/whole"][0]) == generate(8, 0, WHOLE)
    assert camera.sent(A) == 3 * MIB


def test_generator_is_the_same_at_every_offset():
    whole = generate(5, 0, 20000)
    for at, n in ((0, 1), (1, 15), (4090, 30), (4096, 16), (8191, 4097), (19999, 1)):
        assert generate(5, at, n) == whole[at:at + n]
    assert generate(5, 0, 4096) != generate(6, 0, 4096)
    assert generate(5, 0, 4096) != generate(5, 1048573 * 4096, 4096)


def test_partial_reads_past_4_gib(ptp):
    h = handle(ptp, "huge")
    assert ptp.partial(h, (5 << 30) - 4100, 9999) == generate(9, (5 << 30) - 4100, 4100)
    said, answer, data = ptp.run(0x101B, h, 4096, 100)
    assert (said, answer, data) == (0x2001, (100,), generate(9, 4096, 100))


def test_length_of_a_4_gib_object_is_unknown(camera, ptp):
    h = handle(ptp, "huge")
    ptp.host.write(ptp.container(1, 0x1009, struct.pack("<I", h)))
    head = ptp.host.read(wanted=512)
    assert struct.unpack_from("<I", head) == (0xFFFFFFFF,)
    assert head[12:] == generate(9, 0, 500)


def test_property_list_agrees_with_object_info(ptp):
    files = ptp.walk()
    data = ptp.must(0x9805, 0xFFFFFFFF, 0, 0xDC04, 0, 0)
    (n,), at, sizes = struct.unpack_from("<I", data), 4, {}
    for _ in range(n):
        h, prop, kind, size = struct.unpack_from("<IHHQ", data, at)
        assert (prop, kind) == (0xDC04, 8)
        sizes[h] = size
        at += 16
    assert at == len(data)
    for h, info in files.values():
        assert sizes[h] == info["size"]


def test_delete(camera, ptp):
    ptp.must(0x100B, handle(ptp, A))
    assert A not in ptp.walk()
    stats = camera.stats()
    assert stats["deleted"] == [A] and stats["deletions"] == 1


def test_protected_and_read_only(folder):
    storages = [{"objects": [clip("p", 10, protected=True)]},
                {"readonly": True, "objects": [clip("r", 10)]}]
    with Camera(BUILD, folder, "B", storages=storages) as c:
        c.plug("1-1")
        p = connect(c)
        files = p.walk()
        assert files["p"][1]["protected"]
        assert p.run(0x100B, files["p"][0])[0] == 0x200D
        assert p.run(0x100B, files["r"][0])[0] == 0x200E
        assert set(c.objects()) == {"p", "r"}


def test_clock_and_battery(camera, ptp):
    text, _ = ptp.string(ptp.must(0x1015, 0x5011), 0)
    assert abs(time.mktime(time.strptime(text, "%Y%m%dT%H%M%S")) - time.timezone * 0 -
               time.mktime(time.gmtime())) < 5
    raw = "20200102T030405\0".encode("utf-16-le")
    ptp.must(0x1016, 0x5011, data=bytes([16]) + raw)
    assert ptp.string(ptp.must(0x1015, 0x5011), 0)[0].startswith("20200102T0304")
    assert camera.stats()["clocks_set"] == 1
    assert ptp.must(0x1015, 0x5001) == bytes([80])


def test_offered_operations_are_the_only_ones(folder):
    with Camera(BUILD, folder, "C", objects=[clip("a", 10)], ops=["delete"]) as c:
        c.plug("1-1")
        p = connect(c)
        operations = p.device_info()["operations"]
        assert 0x100B in operations and 0x95C1 not in operations and 0x9805 not in operations
        assert p.run(0x95C1, handle(p, "a"), 0, 0, 10)[0] == 0x2005


@pytest.mark.parametrize("packet", [64, 512, 1024])
def test_packets_and_zero_length_ends(folder, packet):
    sizes = (packet - 12, packet - 13, packet - 11, 5 * packet - 12, 0)
    objects = [clip(str(n), n, n) for n in sizes]
    with Camera(BUILD, folder, "D", objects=objects, usb={"packet": packet}) as c:
        c.plug("1-1")
        p = connect(c, packet=packet)
        assert struct.unpack_from("<H", p.host.config, 22) == (packet,)
        for n in sizes:
            assert p.must(0x1009, handle(p, str(n))) == generate(n, 0, n)


def test_queued_requests_are_filled_in_order(ptp):
    h = handle(ptp, A)
    ids = [ptp.host.send(initiator.SUBMIT, initiator.BULK_IN, 65536) for _ in range(8)]
    ptp.host.write(ptp.container(1, 0x95C1, struct.pack("<IIII", h, 0, 0, 4 * 65536)))
    data = b"".join(ptp.host.settle(i)[0] for i in ids[:6])
    assert data[12:-16] == generate(7, 0, 4 * 65536)
    for i in ids[6:]:
        ptp.host.send(initiator.CANCEL, ident=i)
        assert ptp.host.result(i)[:2] == (-errno.ECONNRESET, b"")


def test_room_that_is_no_multiple_of_a_packet_is_babble(ptp):
    h = handle(ptp, A)
    ptp.host.write(ptp.container(1, 0x1009, struct.pack("<I", h)))
    with pytest.raises(Broken, match=str(errno.EOVERFLOW)):
        ptp.host.read(wanted=700)


def test_session_outlives_the_worker_but_not_the_plug(camera, ptp):
    h = handle(ptp, A)
    ptp.host.write(ptp.container(1, 0x1009, struct.pack("<I", h)))
    ptp.host.read(wanted=4096)
    ptp.close()  # in the middle of the data phase, as a killed worker does
    second = Ptp(camera.socket_path)
    second.host.write(struct.pack("<IHHII", 16, 1, 0x1002, 0, 1))
    stale = second.host.read(wanted=4096)
    assert stale == generate(7, 4096 - 12, 4096)  # not the answer: rest of the old data
    second.host.control(0x21, 0x66)
    assert second.open() == 0x2001
    second.close()
    third = Ptp(camera.socket_path)
    assert third.open() == 0x201E
    assert third.walk()
    third.close()
    camera.unplug()
    camera.plug("1-2.2")
    fourth = Ptp(camera.socket_path)
    assert fourth.open() == 0x2001


def test_cancel_ends_the_data_phase(camera, ptp):
    h = handle(ptp, A)
    ptp.host.write(ptp.container(1, 0x1009, struct.pack("<I", h)))
    ptp.host.read(wanted=4096)
    ptp.host.control(0x21, 0x64, data=struct.pack("<HI", 0x4001, ptp.transaction))
    ptp.transaction += 1
    assert struct.unpack("<HH", ptp.host.control(0xA1, 0x67, length=64)) == (4, 0x2001)
    assert ptp.walk()
    assert camera.stats()["cancels"] == 1


def test_wrong_transaction_ids_are_noticed(camera, ptp):
    ptp.must(0x1004)
    ptp.transaction -= 1
    assert ptp.run(0x1004)[0] == 0x2004
    assert camera.stats()["bad_transactions"] == 1


def test_bytes_that_are_no_command_halt_both_pipes(camera, ptp):
    ptp.host.write(b"hello")
    with pytest.raises(Stall):
        ptp.host.read()
    with pytest.raises(Stall):
        ptp.host.write(b"x")
    assert struct.unpack("<H", ptp.host.control(0x82, 0, 0, 0x81, length=2)) == (1,)
    ptp.host.clear_halt(0x81)
    ptp.host.clear_halt(0x01)
    assert ptp.must(0x1004)


def test_events_and_a_changing_tree(camera, ptp):
    waiting = ptp.host.send(initiator.SUBMIT, initiator.EVENT, 28)
    camera.wait("payload", exactly=0)
    camera.add("DCIM/new.mp4", 100)
    kind, code = struct.unpack_from("<HH", ptp.host.settle(waiting)[0], 4)
    assert (kind, code) == (4, 0x4002)
    before = camera.digest("log.txt")
    camera.grow("log.txt", 100)
    camera.touch("log.txt", 1000000000)
    camera.remove(A)
    files = ptp.walk()
    assert files["log.txt"][1]["size"] == 104
    assert files["log.txt"][1]["mtime"] == "20010909T014640"
    assert ptp.must(0x1009, files["log.txt"][0])[:4] == b"one\n"
    assert A not in files and "DCIM/new.mp4" in files
    assert camera.digest("log.txt") != before


def test_rate(camera, ptp):
    camera.rate(4 * MIB)
    begin = time.monotonic()
    ptp.must(0x1009, handle(ptp, A))
    assert time.monotonic() - begin > 0.5


def test_wait_runs_out_and_refusals_are_told(camera):
    with pytest.raises(VcamError):
        camera.wait("sessions", 5, seconds=0.1)
    for words in (["plug", "1-9"], ["fault", "nonsense"], ["fault", "unplug"], ["dance"],
                  ["fault", "unplug", "at=x"], ["remove", "nothing"], ["wait", "nonsense>=1"]):
        with pytest.raises(VcamError):
            camera.command(*words)


def test_a_second_connection_supersedes_the_first(camera, ptp):
    second = connect(camera)
    with pytest.raises(Unplugged):
        ptp.must(0x1004)
    assert second.walk()
    assert camera.stats()["superseded"] == 1


# ---- faults: one check each, by name ----

CHECKS = {}


def check(name):
    def keep(function):
        CHECKS[name] = function
        return function
    return keep


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


FAULTS = [f["name"] for f in fault_names(BUILD) if not f["name"].startswith(OF_DISKS)] \
    if (BUILD / "test/vcam").exists() else []


def test_every_fault_is_checked():
    names = [f["name"] for f in fault_names(BUILD)]
    assert sorted(n for n in names if not n.startswith(OF_DISKS)) == sorted(CHECKS)


@pytest.mark.parametrize("name", FAULTS)
def test_fault(camera, ptp, name):
    CHECKS[name](camera, ptp)
    assert camera.stats()["fired"][name] >= 1, "the fault was never carried out"


# ---- the simulated dock ----

PORT = struct.Struct("=64sI")
ARRIVED = struct.Struct("=64sIIHHHHHBBBBHH")  # up to the interfaces, with their alignment
OPENED = struct.Struct("=64sIi128s")


class Core:
    """The core's side of hotplug's socket."""

    def __init__(self, folder, dock):
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.listener.bind(str(folder / "core.sock"))
        self.listener.listen(1)
        self.listener.settimeout(60)
        self.process = subprocess.Popen(
            [BUILD / "test/dockd-hotplug", "--socket", folder / "core.sock", "--dock", dock],
            stderr=subprocess.DEVNULL)
        self.sock, _ = self.listener.accept()
        self.sock.settimeout(60)
        kind, body, _ = self.get()
        assert kind == 1 and struct.unpack_from("=II", body) == (proto.VERSION, 1)
        self.put(2, struct.pack("=II64s", proto.VERSION, 1, b"station"))

    def put(self, kind, body):
        self.sock.send(struct.pack("=HHII", kind, 0, len(body), 0) + body)

    def get(self):
        data, fds, _, _ = socket.recv_fds(self.sock, 8192, 1)
        kind, _, length, _ = struct.unpack_from("=HHII", data)
        assert length == len(data) - 12
        return kind, data[12:], fds

    def arrived(self):
        kind, body, _ = self.get()
        assert kind == 16 and len(body) == 732
        port, generation, presence = struct.unpack_from("=64sII", body)
        serial = body[348:476].split(b"\0")[0].decode()
        return port.rstrip(b"\0").decode(), generation, presence, serial

    def left(self):
        kind, body, _ = self.get()
        assert kind == 17
        port, generation = PORT.unpack(body)
        return port.rstrip(b"\0").decode(), generation

    def open(self, port, generation):
        self.put(19, PORT.pack(port.encode(), generation))
        kind, body, fds = self.get()
        assert kind == 20
        _, told, status, _ = OPENED.unpack(body)
        assert told == generation
        return status, fds

    def close(self):
        self.sock.close()
        self.listener.close()
        return self.process.wait(timeout=60)


def test_dock_tells_of_arrivals_and_opens(folder):
    dock = folder / "dock"
    with Camera(BUILD, folder, "A", dock=dock, objects=[clip("a", 10, 3)]) as a, \
            Camera(BUILD, folder, "B", dock=dock, objects=[clip("b", 10, 4)]) as b:
        a.plug("1-1")
        core = Core(folder, dock)
        assert core.arrived() == ("1-1", 1, 1, "BWC-A")
        assert core.get()[0] == 18  # SYNCED
        b.presence("not-authorised")
        b.plug("1-2")
        assert core.arrived() == ("1-2", 2, 2, "BWC-B")
        assert core.open("1-2", 2) == (-errno.EACCES, [])
        b.presence("ready")
        assert core.arrived() == ("1-2", 2, 1, "BWC-B")
        status, fds = core.open("1-2", 2)
        assert status == 0 and len(fds) == 1
        b.wait("connected", exactly=1)
        os.close(fds[0])
        assert core.open("1-2", 1)[0] == -errno.ENODEV
        assert core.open("1-7", 1)[0] == -errno.ENODEV
        b.unplug()
        b.plug("1-2")
        assert core.left() == ("1-2", 2)
        assert core.arrived() == ("1-2", 3, 1, "BWC-B")
        a.unplug()
        assert core.left() == ("1-1", 1)
        assert core.close() == 0


def test_dock_of_64_at_once(folder):
    dock = folder / "dock"
    cameras = [Camera(BUILD, folder, str(i), dock=dock) for i in range(8)]
    core = Core(folder, dock)
    assert core.get()[0] == 18
    for round_number in range(8):
        for i, c in enumerate(cameras):
            c.plug(f"1-{i + 1}")
        assert sorted(core.arrived()[0] for _ in cameras) == [f"1-{i + 1}" for i in range(8)]
        for c in cameras:
            c.unplug()
        assert len({core.left() for _ in cameras}) == 8
    for c in cameras:
        assert c.close() == 0
    assert core.close() == 0


def test_dock_without_a_core_says_so(folder):
    (folder / "dock").mkdir()
    r = subprocess.run([BUILD / "test/dockd-hotplug", "--socket", folder / "none", "--dock",
                        folder / "dock"], capture_output=True, text=True, timeout=60)
    assert r.returncode == 1 and "none" in r.stderr
