"""The simulator itself: a healthy camera is a healthy camera.

Its faults are in test_vcam_faults.py, its faces as a disk in test_vcam_disk.py and test_vcam_locked.py.
"""
import errno
import hashlib
import struct
import time

import pytest

import initiator
from initiator import Broken, Ptp, Stall, Unplugged
from ptp_camera import A, BUILD, MIB, WHOLE, connect, handle
from ptp_camera import camera, ptp  # noqa: F401 (fixtures)
from vcam import Camera, VcamError, clip, digest, generate


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
