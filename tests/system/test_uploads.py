"""Uploads on the whole station, through every trouble that a server or a line can make.

The same holds after each: all clips are receipted, the server has them byte for byte, no upload that
it still held was begun again, and nobody else was sent anything.
"""
import hashlib
import signal

import pytest

import vcam
from fake_core import SIGNED
from servers import FaultServer, TusServer, answer, cut, honest, lost, say
from station import Station, until

MIB = 1 << 20
DAY = 1790000000
BAYS = [{"name": "1", "port": "1-1"}]
QUICK = {"settle_seconds": 1}


def clips(n=3, size=2 * MIB):
    return [vcam.clip(f"DCIM/c {i}.mp4", size + i, 40 + i, mtime=DAY + 60 * i) for i in range(n)]


def tus(url, **settings):
    return [{"name": "evidence", "driver": "tus", "url": url, "slots": 1, "stall-seconds": 30,
             "answer-seconds": 30, **settings}]


def digests(camera):
    return sorted(o["sha256"] for o in camera.objects(digests=True).values())


def held(server):
    """Digests of the finished uploads, and how many others there are."""
    if isinstance(server, TusServer):
        uploads = list(server.uploads().values())
        whole = [d for d in uploads if d]
        return sorted(hashlib.sha256(d).hexdigest() for d in whole), len(uploads) - len(whole)
    whole = [d for size, d in server.uploads.values() if len(d) == size]
    return (sorted(hashlib.sha256(d).hexdigest() for d in whole),
            len(server.uploads) - len(whole))


def dock(station, n=3, size=2 * MIB):
    camera = station.camera("A", clips(n, size))
    camera.plug("1-1")
    return camera


def everything_arrived(station, server, camera, orphans=(0,)):
    """orphans: how many empty uploads may be left behind, one for each creation answer lost."""
    station.wait("all", "receipted", timeout=90)
    station.wait("bay", "1", "take")
    found, empty = held(server)
    assert found == digests(camera) and empty in orphans
    for clip in station.clips():
        up, = clip["uploads"]
        assert up["level"] == "length", up


def half(status, *headers):
    """A step: half of the body is kept, then this answer."""
    def step(server, request):
        request.read(request.length // 2)
        server.uploads[request.path][1] += request.body
        return answer(status, "Connection: close", *headers)
    return step


def smaller(server, request):
    request.read()
    server.uploads[request.path][1] += request.body[:MIB]
    return answer(204, f"Upload-Offset: {MIB}")


TROUBLES = {
    "423": [honest, half(423), say(423), say(423)],
    "409": [honest, half(409), say(409)],
    "408": [honest, half(408)],
    "500": [say(500), honest, half(500), say(500)],
    "502": [honest, half(502)],
    "504": [honest, half(504)],
    "503 with Retry-After": [honest, half(503, "Retry-After: 2")],
    "many 500": [say(500)] * 14,
    "smaller offset": [honest, smaller],
    "cut": [honest, cut(MIB, keep=True), cut(), cut()],
    "cut in creation": [cut(), cut()],
    "answer to PATCH lost": [honest, lost],
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_trouble(trouble):
    with FaultServer(TROUBLES[trouble]) as server:
        with Station(bays=BAYS, profile=QUICK, destinations=tus(server.url)) as s:
            camera = dock(s)
            everything_arrived(s, server, camera)
            assert len(server.uploads) == 3, "no upload was begun again"


def test_answer_to_creation_lost():
    with FaultServer([lost]) as server:
        with Station(bays=BAYS, profile=QUICK, destinations=tus(server.url)) as s:
            camera = dock(s)
            everything_arrived(s, server, camera, orphans=(1,))


def test_location_of_another_host():
    with FaultServer() as other, FaultServer([say(201, f"Location: {other.url}/1")]) as server:
        with Station(bays=BAYS, profile=QUICK, destinations=tus(server.url)) as s:
            camera = dock(s)
            until(s, lambda: s.ctl("status")["receipted"] == 2, "the others")
            first, = [c for c in s.clips() if c["rung"] != "receipted"]
            assert "another host" in first["uploads"][0]["reason"]
            s.ctl("retry", "clip", first["number"], "--reason", "test")
            everything_arrived(s, server, camera)
        assert other.connections == 0


def test_server_away_at_first_and_restarted_in_the_middle():
    with Station(bays=BAYS, profile=QUICK, start=False) as s:
        with TusServer(s.folder / "tus") as server:
            server.kill()
            s.settings["destinations"] = tus(server.url)
            s.write_config()
            s.start()
            camera = dock(s, 4, 20 * MIB)
            s.wait("all", "checked")
            until(s, lambda: s.ctl("status")["destinations"][0]["text"], "it is told")
            server.start()
            s.wait("clip", "1", "receipted")
            server.restart()
            s.wait("clip", "2", "receipted")
            server.restart()
            everything_arrived(s, server, camera, orphans=(0, 1, 2))
            assert len([r for r in s.ledger() if r["type"] == "created"]) == 4


@pytest.mark.parametrize("point", ["uploader-created", "uploader-patch", "uploader-sent",
                                   "uploader-receipted"])
@pytest.mark.parametrize("n", [1, 3])
def test_uploader_killed_at_each_hand_over(point, n, tmp_path):
    tmp_path.chmod(0o777)
    mark = tmp_path / "mark"
    with Station(bays=BAYS, profile=QUICK, start=False,
                 uploader_env={"DIE_AT": f"{point}:{n}", "DIE_MARK": str(mark)}) as s:
        with TusServer(s.folder / "tus") as server:
            s.settings["destinations"] = tus(server.url, slots=2)
            s.write_config()
            s.start()
            camera = dock(s)
            everything_arrived(s, server, camera, orphans=(0, 1, 2))
            assert mark.read_bytes()
            assert -signal.SIGKILL in s.uploaders["evidence"].codes
            receipts = [r["asset"] for r in s.ledger() if r["type"] == "receipted"]
            assert sorted(receipts) == [1, 2, 3], "once each"


def test_two_destinations():
    with FaultServer() as one, FaultServer([say(500)] * 3) as two:
        both = [{**tus(one.url)[0], "name": "one"}, {**tus(two.url)[0], "name": "two"}]
        with Station(bays=BAYS, profile=QUICK, destinations=both) as s:
            camera = dock(s)
            s.wait("all", "receipted")
            assert held(one) == held(two) == (digests(camera), 0)


def test_read_back():
    with FaultServer() as server:
        with Station(bays=BAYS, profile=QUICK, destinations=tus(server.url, **{"read-back": True})) as s:
            camera = dock(s)
            s.wait("all", "receipted")
            assert held(server) == (digests(camera), 0)
            assert {c["uploads"][0]["level"] for c in s.clips()} == {"readback"}


def test_server_that_holds_other_bytes():
    """Read back, it is not what was sent: no receipt; after three times a person is called."""
    def liar(server, request):
        if request.method == "GET":
            data = bytearray(server.uploads[request.path][1])
            data[0] ^= 1
            return answer(200, body=bytes(data))
        return honest(server, request)
    with FaultServer(otherwise=liar) as server:
        with Station(bays=BAYS, profile=QUICK, destinations=tus(server.url, **{"read-back": True})) as s:
            dock(s, 1)
            s.wait("clip", "1", "checked")
            until_refused(s)
            assert not [r for r in s.ledger() if r["type"] == "receipted"]
            assert "other bytes" in s.clip(1)["uploads"][0]["reason"]


@pytest.mark.parametrize("lie", ["length", "digest"])
def test_receipt_of_something_else(lie):
    """Of another length, or of other bytes: none at all. Begun anew three times, then a person's."""
    with Station(bays=BAYS, profile=QUICK, destinations=tus("http://127.0.0.1:1/files"),
                 fakes=["evidence"]) as s:
        s.fakes["evidence"].rule(lies={"UPLOAD": lie})
        camera = dock(s, 1, 5000)
        until_refused(s)
        kinds = [r["type"] for r in s.ledger()]
        assert "receipted" not in kinds and kinds.count("recreated") == 3, kinds
        assert len(s.events("receipt-differs")) == 4
        assert ("another length" if lie == "length" else "other bytes") in \
            s.clip(1)["uploads"][0]["reason"]
        assert digests(camera), "the camera keeps it"
        s.fakes["evidence"].rule()
        s.ctl("retry", "clip", "1", "--reason", "the store was mended")
        s.wait("all", "receipted")


def test_signed_receipt_of_another_object():
    """Not of the address that is on record: refused as that, and not handed to verify at all."""
    with Station(bays=BAYS, profile=QUICK, destinations=tus("http://127.0.0.1:1/files"),
                 fakes=["evidence"]) as s:
        s.fakes["evidence"].rule(level=SIGNED, lies={"UPLOAD": "object"})
        dock(s, 1, 5000)
        first = until(s, lambda: [r for r in s.ledger() if r["type"].startswith("receipt")],
                      "refused")[0]
        assert (first["type"], first["result"]) == ("receipt-refused", "other-asset"), first
        assert "another object" in first["text"]


def until_refused(station, wait=60):
    """Each look waits for the state to change."""
    for _ in range(200):
        if [r for r in station.ledger() if r["type"] == "refused"]:
            return
        station.ctl("wait", "all", "receipted", "--timeout", 1, check=False)
    raise AssertionError(station.situation())
