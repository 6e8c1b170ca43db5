"""What a person wants first: on the bus, on the line, and where all slots are taken.

The server of the full slots holds the bodies of large files back until it is told otherwise, so that
nothing but the expedited one can have made room for itself.
"""
import hashlib
import pathlib
import threading

import vcam
from servers import FaultServer, honest
from station import Station, until

MIB = 1 << 20
DAY = 1790000000
BAYS = [{"name": "1", "port": "1-1"}, {"name": "2", "port": "1-2"}]
QUICK = {"settle_seconds": 1, "logs": "none"}


def clip(name, size, i):
    return vcam.clip(f"DCIM/{name}.mp4", size, 70 + i, mtime=DAY + 60 * i)


def tus(url, **settings):
    return [{"name": "evidence", "driver": "tus", "url": url, "stall-seconds": 60,
             "answer-seconds": 60, **settings}]


class Slow:
    """An honest server that keeps a MiB of each large body and then waits to be released."""

    def __init__(self, large):
        self.large = large
        self.holding = set()
        self.changed = threading.Condition()

    def __call__(self, server, request):
        if request.method != "PATCH" or server.released.is_set() or \
                server.uploads[request.path][0] < self.large:
            return honest(server, request)
        request.read(MIB)
        if int(request.headers["upload-offset"]) != len(server.uploads[request.path][1]):
            raise AssertionError("an offset that the server did not tell")
        server.uploads[request.path][1] += request.body
        with self.changed:
            self.holding.add(request.path)
            self.changed.notify_all()
        server.released.wait(60)
        return None

    def until_held(self, n):
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.holding) >= n, 60)


def records(s, kind):
    return [r for r in s.ledger() if r["type"] == kind]


def test_expedited_where_all_slots_are_taken():
    slow = Slow(4 * MIB)
    with FaultServer(otherwise=slow) as server, \
            Station(bays=BAYS, profile=QUICK, destinations=tus(server.url, slots=2)) as s:
        camera = s.camera("A", [clip("a", 6 * MIB, 0), clip("b", 9 * MIB, 1), clip("c", 7 * MIB, 2),
                                clip("d", 2 * MIB, 3)])
        camera.plug("1-1")
        slow.until_held(2)
        s.wait("all", "checked")
        busy = [r["asset"] for r in records(s, "created")]
        assert s.ctl("expedite", 99, "--reason", "x", check=False)["exit"] == 1
        assert not records(s, "expedited")
        last, = [c for c in s.clips() if c["path"].endswith("d.mp4")]
        row, = s.ctl("expedite", last["number"], "--reason", "a hearing at noon")["uploads"]
        assert row["number"] == last["number"] and row["expedited"] and row["expected"] != 0
        # said while it waits; it may be on the line by now, or there
        assert [c["reason"] for c in s.ctl("queue")["assets"]
                if c["number"] == last["number"]] in (["expedited"], [""], [])
        s.wait("clip", last["number"], "receipted")
        # it made its own room: one large one was stopped, the one with most left, and the rest waits
        assert len(s.events("upload-makes-room")) == 1 and len(s.events("expedited-arrived")) == 1
        states = {pathlib.Path(c["path"]).stem: c["rung"] for c in s.clips()}
        assert all(states[x] != "receipted" for x in "abc"), states
        larger = max(busy, key=lambda n: s.clip(n)["size_bytes"])
        assert f" asset={larger} " in s.events("upload-makes-room")[0], (busy, s.log())
        record, = records(s, "expedited")
        assert record["asset"] == last["number"] and record["reason"] == "a hearing at noon"
        server.released.set()
        s.wait("all", "receipted")
        assert not s.clip(last["number"])["uploads"][0]["expedited"]
        # nothing was begun twice, and what the server had was not sent again
        assert len(server.uploads) == 4
        want = sorted(o["sha256"] for o in camera.objects(digests=True).values())
        assert sorted(hashlib.sha256(d).hexdigest() for _, d in server.uploads.values()) == want


def test_one_makes_room_and_no_other_while_it_takes_its_time():
    """The upload that is to stop does not yet: the core goes on with its turns, and asks no second one."""
    with Station(bays=BAYS, profile=QUICK, fakes=["evidence"], start=False,
                 destinations=tus("http://127.0.0.1:1/files", slots=2)) as s:
        store = s.fakes["evidence"]
        store.rule(stuck=["a.mp4", "b.mp4"], stops=False)
        s.start()
        s.camera("A", [clip("a", 9000, 0), clip("b", 8000, 1)]).plug("1-1")
        until(s, lambda: len(records(s, "created")) == 2, "both slots are taken")
        s.camera("B", [clip("c", 7000, 2)]).plug("1-2")
        until(s, lambda: found_of(s, "BWC-B"), "the third is found")
        s.wait("all", "checked")
        s.ctl("expedite", found_of(s, "BWC-B")["DCIM/c.mp4"], "--reason", "wanted")
        until(s, lambda: store.told("STOP_UPLOAD"), "one is asked")
        for _ in range(10):  # a turn of the core each
            s.ctl("status")
        assert [m["name"] for m in store.told("STOP_UPLOAD")] == ["a.mp4"], "the one with most left"
        assert len(s.events("upload-makes-room")) == 1


def found_of(s, camera):
    return {r["path"]: r["asset"] for r in records(s, "found") if r["camera"] == camera}


def test_expedited_while_it_is_sent():
    slow = Slow(4 * MIB)
    with FaultServer(otherwise=slow) as server, \
            Station(bays=BAYS, profile=QUICK, destinations=tus(server.url, slots=2)) as s:
        camera = s.camera("A", [clip("a", 6 * MIB, 0), clip("b", 9 * MIB, 1)])
        camera.plug("1-1")
        slow.until_held(2)
        s.wait("all", "checked")
        a, b = sorted(server.uploads, key=lambda path: server.uploads[path][0])
        before, beside = (len(server.uploads[path][1]) for path in (a, b))
        number = found_of(s, "BWC-A")["DCIM/a.mp4"]
        row, = s.ctl("expedite", number, "--reason", "a hearing at noon")["uploads"]
        assert row["expedited"]
        # it goes on from where it is, and its uploader knows that others give way; b is let alone
        until(s, lambda: len(server.uploads[a][1]) > before, "it goes on")
        assert len(server.uploads[b][1]) == beside
        server.released.set()
        s.wait("all", "receipted")
        assert len(server.uploads) == 2 and not s.events("upload-makes-room")
        want = sorted(o["sha256"] for o in camera.objects(digests=True).values())
        assert sorted(hashlib.sha256(d).hexdigest() for _, d in server.uploads.values()) == want


def test_first_on_the_bus_and_in_hours_that_allow_nothing():
    closed = [{"days": "mon-sun", "from": "00:00", "until": "24:00", "rate-kbit": 0}]
    with FaultServer() as server, \
            Station(bays=BAYS, profile=QUICK, pulls_per_port=1,
                    destinations=tus(server.url, slots=2, timetable=closed)) as s:
        few = s.camera("A", [clip(f"a{i:02}", 64 << 10, i) for i in range(30)], rate=128 << 10)
        many = s.camera("B", [clip(f"b{i}", 4 * MIB, 40 + i) for i in range(4)])
        assert s.ctl("expedite", "camera", "BWC-B", "--reason", "x", check=False)["exit"] == 1
        few.plug("1-1.1")
        a = until(s, lambda: len(found_of(s, "BWC-A")) == 30 and found_of(s, "BWC-A"), "A's files")
        many.plug("1-1.2")
        until(s, lambda: len(found_of(s, "BWC-B")) == 4, "B's files")
        # its turn would be last, for it has most left, and one pull at a time is allowed there
        rows = s.ctl("expedite", "BWC-B", "--reason", "wanted")["uploads"]
        assert {r["number"] for r in rows} == set(found_of(s, "BWC-B").values())
        for number in found_of(s, "BWC-B").values():
            s.wait("clip", number, "receipted")
        # A's newest, wanted by itself, is its next
        s.ctl("expedite", a["DCIM/a29.mp4"], "--reason", "wanted")
        s.wait("clip", a["DCIM/a29.mp4"], "receipted")
        wanted = records(s, "expedited")[-1]["seq"]
        pulls = [r["asset"] for r in records(s, "pull") if r["seq"] > wanted]
        assert a["DCIM/a29.mp4"] == pulls[0], pulls
        # nobody else was sent anything, and A is still being read
        assert len([d for _, d in server.uploads.values() if d]) == 5
        assert not [d for size, d in server.uploads.values() if d and len(d) != size]
        assert any(c["rung"] == "listed" for c in s.clips())
        assert len(s.events("expedited-arrived")) == 5


def test_it_ends_with_the_last_receipt_and_goes_on_after_a_restart():
    slow = Slow(1)
    with FaultServer(otherwise=slow) as server, \
            Station(bays=BAYS, profile=QUICK, destinations=tus(server.url, slots=1)) as s:
        camera = s.camera("A", [clip("a", 3 * MIB, 0), clip("b", 2 * MIB, 1)])
        camera.plug("1-1")
        slow.until_held(1)
        s.wait("all", "checked")
        s.ctl("expedite", "BWC-A", "--reason", "wanted")
        s.core.stop()
        s.start_core()
        assert all(c["uploads"][0]["expedited"] for c in s.clips() if c["uploads"])
        server.released.set()
        s.wait("all", "receipted")
        camera.unplug()
        until(s, lambda: records(s, "undocked"), "the camera left")
        # what it brings another day is not meant
        camera.add("DCIM/later.mp4", MIB, seed=9, mtime=DAY + 9000)
        camera.plug("1-1")
        s.wait("dockings", 2)
        until(s, lambda: len(records(s, "found")) == 3, "the new file")
        s.wait("all", "receipted")
        assert len(s.events("expedited-arrived")) == 2
