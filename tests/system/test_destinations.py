"""Several destinations, and one that is away for days: who gets what, and how often it is tried.

CLOCK_FILE (tests/double/clock_file.c) moves the core's clocks: hours pass when a test says so.
"""
import fcntl
import hashlib
import os
import socket
import struct
import threading
import time

import pytest

import vcam
from servers import FaultServer, TusServer, answer, honest
from station import UPLOADER, Clock, Death, Station, new_folder, until

MIB = 1 << 20
RECORDED = 1790000000
HOUR = 3600


class Several(Station):
    """A station with destinations of these addresses, whose clock a test moves."""

    def __init__(self, urls, die=None, each=None, folders=(), **settings):
        folder = new_folder("several")
        self.clock = Clock(folder)
        self.death = Death(folder, die and f"{die}:1")
        for name in folders:
            (folder / name).mkdir()
            os.chown(folder / name, UPLOADER, UPLOADER)
        super().__init__(
            folder=folder, env=self.clock.env | self.death.env, keep_core=True,
            bays=[{"name": "1", "port": "1-1"}], profile={"settle_seconds": 1, "logs": "none"},
            destinations=[{"name": name, "driver": "tus", "url": url, "slots": 2,
                           "stall-seconds": 5, "answer-seconds": 5, **(each or {})}
                          for name, url in urls.items()] +
            [{"name": name, "driver": "dir", "folder": folder / name} for name in folders],
            **settings)

    def dock(self, n, size, first=0):
        camera = self.camera("A", [
            vcam.clip(f"DCIM/c {i}.mp4", size + i, 40 + i, mtime=RECORDED + 60 * i)
            for i in range(first, first + n)])
        camera.plug("1-1")
        return camera

    def records(self, kind):
        return [r for r in self.ledger() if r["type"] == kind]

    def at(self, asset, destination):
        """How far it is there; None: it was never given to that one."""
        return next((u for u in self.clip(asset)["uploads"] if u["destination"] == destination), None)

    def until_all(self, rung):
        """As wait, but the core may die meanwhile."""
        until(self, lambda: self.ctl("status", connect=True)["assets"] and
              self.ctl("wait", "all", rung, "--timeout", 60, check=False).get("ok"), rung, 90)

    def failures(self):
        """Tries that failed; a side object may be what tries the line."""
        return len(self.events("upload-failed")) + len(self.events("errand-failed"))

    def tried_again(self):
        before = self.failures()
        until(self, lambda: self.failures() > before, "another try")


def digests(camera):
    return sorted(o["sha256"] for o in camera.objects(digests=True).values())


def held(server):
    return sorted(hashlib.sha256(d).hexdigest() for d in server.assets().values())


@pytest.mark.parametrize("die", [None, "uplink-switched", "uplink-abandoned"])
def test_one_is_enough_and_sticky(die, folder):
    first, second = TusServer(folder / "first").start(), TusServer(folder / "second").start()
    try:
        with Several({"first": first.url, "second": second.url}, die=die, policy="any",
                     switch_after_minutes=120, retry_max_seconds=1,
                     each={"rate-kbit": 16000, "chunk-max": MIB}) as s:
            camera = s.dock(3, 3 * MIB)
            until(s, lambda: any(first.uploads().values()), "bytes at the first server")
            first.kill()
            s.tried_again()
            if not die:
                # after a restart as before: what is begun stays, and nothing new goes elsewhere
                s.core.send(9)
                s.ctl("status", connect=True)
            s.clock.on(HOUR)
            s.tried_again()
            s.wait("all", "checked")
            assert not s.records("switched") and not held(second)
            begun = {r["asset"] for r in s.records("upload")}
            s.clock.on(2 * HOUR)
            if die == "uplink-switched":
                # of a clock that leaps no more counts than passes between two records
                until(s, lambda: s.death.came, "a death")
                s.ctl("status", connect=True)
                s.tried_again()
                s.clock.on(HOUR)
            s.until_all("receipted")
            assert held(second) == digests(camera)
            switched = s.records("switched")
            assert {r["asset"] for r in switched} >= begun, switched
            assert {(r["from"], r["to"]) for r in switched} == {("first", "second")}
            # the first one comes back: what it had begun is given up, and it is the first again
            first.start()
            s.ctl("retry", "--reason", "the server is back")
            created = {r["asset"] for r in s.records("created") if r["destination"] == "first"}
            assert created
            until(s, lambda: {r["asset"] for r in s.records("abandoned")} == created, "abandoned")
            assert {r["result"] for r in s.records("abandoned")} <= {"done", "gone"}
            assert not any(first.uploads().values())  # but for a creation whose answer was lost
            camera.add("DCIM/later.mp4", MIB, seed=77, mtime=RECORDED + 9000)
            camera.unplug()
            camera.plug("1-1")
            until(s, lambda: s.ctl("status", connect=True)["assets"] == 4, "the new clip")
            s.wait("all", "receipted")
            assert s.at(4, "first")["rung"] == "receipted" and s.at(4, "second") is None
            assert len([d for d in first.uploads().values() if d]) == 1
            assert len(second.uploads()) == 3
            if die:
                assert s.death.came, "nobody died there"
    finally:
        first.kill()
        second.kill()


def test_how_long_one_has_failed_survives_a_restart():
    closed = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{closed.getsockname()[1]}/files"
    closed.close()
    with FaultServer() as second, Several({"first": url, "second": second.url}, policy="any",
                                          switch_after_minutes=120, retry_max_seconds=1) as s:
        camera = s.dock(2, MIB)
        s.wait("all", "checked")
        s.tried_again()
        s.clock.on(1.5 * HOUR)
        until(s, lambda: [r for r in s.records("failing") if r["destination"] == "first"], "on record")
        s.core.send(9)
        s.ctl("status", connect=True)
        s.tried_again()
        assert not s.records("upload")[2:] and not second.uploads
        s.clock.on(0.6 * HOUR)
        s.until_all("receipted")
        assert sorted(hashlib.sha256(d).hexdigest()
                      for _, d in second.uploads.values()) == digests(camera)
        assert not s.records("working"), "it does not work yet"


def test_all_of_them_and_one_is_away(folder):
    first, second = TusServer(folder / "first").start(), TusServer(folder / "second").start()
    second.kill()
    try:
        with Several({"first": first.url, "second": f"http://127.0.0.1:{second.port}/files"},
                     erase="when-receipted", accept_receipt="length") as s:
            camera = s.dock(2, MIB)
            want = digests(camera)
            s.wait("all", "checked")
            for asset in (1, 2):
                until(s, lambda: (s.at(asset, "first") or {}).get("rung") == "receipted", "first")
            s.tried_again()
            assert {c["rung"] for c in s.clips()} != {"receipted"} and not s.records("erase-intent")
            assert s.ctl("status")["receipted"] == 0
            second.start()
            s.wait("all", "erased")
            assert held(first) == held(second) == want
            assert not s.records("switched")
    finally:
        first.kill()
        second.kill()


def test_refused_by_one_goes_to_the_other():
    def refuses(server, request):
        return answer(413) if request.method == "POST" else honest(server, request)

    with FaultServer(otherwise=refuses) as first, FaultServer() as second, \
            Several({"first": first.url, "second": second.url}, policy="any") as s:
        camera = s.dock(2, MIB)
        s.wait("all", "receipted")
        assert len(s.records("refused")) == 2 and len(s.records("switched")) == 2
        assert sorted(hashlib.sha256(d).hexdigest()
                      for _, d in second.uploads.values()) == digests(camera)
        # it is there: nobody is called for the refusal, which the clip still tells
        assert "need a person" not in s.ctl("status")["text"]
        assert s.at(1, "first")["reason"]


def lock_of(path):
    """As another station's uploader, in the midst of writing it."""
    part = open(path, "r+b")
    fcntl.fcntl(part, fcntl.F_OFD_SETLK, struct.pack("hhqqi", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
    return part


def test_what_was_found_is_not_given_up():
    """Another station has begun it in the same folder: it may go on when this one does not."""
    with Several({}, folders=["first", "second"], policy="any", switch_after_minutes=120,
                 retry_max_seconds=1, start=False) as s:
        s.start_core()
        s.start_hotplug()
        s.start_uploader("second")
        s.dock(1, MIB)
        s.wait("all", "checked")
        name = s.records("checked")[0]["id"]
        part = s.folder / "first" / name[:2] / f"{name}.part"
        (s.folder / "first" / ".dockd-destination").write_text("0123456789abcdef" * 2 + "\n")
        part.parent.mkdir()
        part.write_bytes(b"another station's")
        for path in s.folder.joinpath("first").rglob("*"):
            os.chown(path, UPLOADER, UPLOADER)
        with lock_of(part):
            s.start_uploader("first")
            s.tried_again()
            assert [r.get("found") for r in s.records("created")] == [1]
            s.clock.on(3 * HOUR)
            s.until_all("receipted")
            assert s.at(1, "second")["rung"] == "receipted"
        s.clock.on(61)
        until(s, lambda: s.records("abandoned"), "no more of its affair")
        told, = s.records("abandoned")
        assert (told["destination"], told["result"]) == ("first", "kept")
        assert part.read_bytes() == b"another station's"


def test_what_cannot_be_given_up_keeps_nothing_else():
    """One is another's by now, one is refused: those behind them are given up all the same."""
    def first_one(server, request):
        length = server.uploads.get(request.path, [0])[0]
        if request.method == "PATCH":
            request.read()
            return answer(500)
        if request.method == "HEAD" and length == MIB and any(
                n == MIB == len(data) for n, data in second.uploads.values()):
            return answer(200, "Upload-Offset: 0", "Upload-Length: 7", "Cache-Control: no-store")
        if request.method != "DELETE":
            return honest(server, request)
        if length == MIB + 1:
            return answer(400)
        return answer(204 if server.uploads.pop(request.path, None) else 404)

    with FaultServer(otherwise=first_one) as first, FaultServer() as second, \
            Several({"first": first.url, "second": second.url}, policy="any",
                    switch_after_minutes=120, retry_max_seconds=1, each={"slots": 4}) as s:
        camera = s.dock(3, MIB)
        until(s, lambda: len({r["asset"] for r in s.records("created")}) == 3, "all are begun")
        def switched():
            return len({r["asset"] for r in s.records("switched")}) == 3
        while not switched():  # one that had not failed yet when the hours went by waits for them again
            before = s.failures()
            until(s, lambda: s.failures() > before or switched(), "another try, or the other one")
            s.clock.on(3 * HOUR)
        s.until_all("receipted")
        assert sorted(hashlib.sha256(d).hexdigest()
                      for _, d in second.uploads.values()) == digests(camera)
        for n in (1, 2, 3):
            until(s, lambda: len(s.records("abandoned")) >= n, f"{n} given up", 10)
            s.clock.on(61)
        lengths = {c["number"]: c["size_bytes"] for c in s.clips()}
        assert {lengths[r["asset"]]: r["result"] for r in s.records("abandoned")} == {
            MIB: "kept", MIB + 1: "kept", MIB + 2: "done"}
        assert sorted(n for n, _ in first.uploads.values()) == [MIB, MIB + 1]


def test_three_days_of_absence(folder):
    """Tried at each look, by one upload, and never in between; all arrives after it."""
    closed = socket.create_server(("127.0.0.1", 0))
    port = closed.getsockname()[1]
    closed.close()
    steps = 24
    with Several({"far": f"http://127.0.0.1:{port}/files"}, retry_min_seconds=1,
                 retry_max_seconds=300) as s:
        camera = s.dock(5, 256 << 10)
        s.wait("all", "checked")
        until(s, s.failures, "a first try")
        for step in range(steps):
            before = s.failures()
            s.clock.on(3 * HOUR)
            until(s, lambda: s.failures() > before, f"a try in step {step}")
        # one a step, and the first few that follow each other in seconds
        tries = s.failures()
        assert steps < tries <= steps + 2 + 12, tries
        assert s.ctl("status")["destinations"][0]["away"]
        assert s.ctl("status")["assets"] == 5 and s.ctl("status")["receipted"] == 0
        with TusServer(folder, port=port) as server:
            s.clock.on(HOUR)
            s.wait("all", "receipted", timeout=90)
            assert held(server) == digests(camera)
        assert s.failures() <= tries + 2 and len(s.events("destination-back")) == 1


def test_too_many_at_once():
    """A server that answers 429 to whoever comes before its time is left alone for so long."""
    lock, busy = threading.Lock(), []

    def strict(server, request):
        if request.method == "OPTIONS":
            return honest(server, request)
        with lock:
            if not busy or (len(busy) < 40 and time.monotonic() < busy[0] + 3):
                busy.append(time.monotonic())
                request.read()
                return answer(429, "Retry-After: 3")
        return honest(server, request)

    with FaultServer(otherwise=strict) as server, \
            Several({"far": server.url}, each={"slots": 4}) as s:
        camera = s.dock(20, 64 << 10)
        s.wait("all", "receipted", timeout=90)
        # those in the slots when it began, and nobody after them
        assert len(busy) <= 8, len(busy)
        assert len(server.uploads) == 20
        assert sorted(hashlib.sha256(d).hexdigest()
                      for _, d in server.uploads.values()) == digests(camera)
