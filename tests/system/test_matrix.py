"""Every interruption on every way to every server: what arrives is identical, once, and little is sent again.

The ways are those of ways.py. dockd-uploader alone (the core's side is played) where each body byte is
counted, the whole station where the core's part is what counts: there each way is a destination, and
the lines count. Random places come from SEED, which is printed; set MATRIX_SEED to run one again.
"""
import concurrent.futures
import contextlib
import hashlib
import os
import random
import signal
import threading
import time

import pytest

import fake_core as core
import vcam
import ways
from servers import FaultServer, ReceiptServer, answer, finding, honest
from station import UPLOADER, Station
from ways import FRONTS, IN_FLIGHT, KIB, MIB, PROTOCOLS, WAYS, Servers, Way
from wire import Wire

SEED = int(os.environ.get("MATRIX_SEED", random.SystemRandom().randrange(1 << 32)))
SIZE = 12 * MIB
CUTS, KILLS = 20, 3
HOUR = 3600
BAYS = [{"name": "1", "port": "1-1"}]
DAY = 1790000000
EACH = pytest.mark.parametrize("protocol", PROTOCOLS)


@pytest.fixture(scope="session")
def servers():
    with Servers() as s:
        yield s


@pytest.fixture
def rng(request):
    print(f"MATRIX_SEED={SEED}")
    return random.Random(f"{SEED} {request.node.name}")


# ---- dockd-uploader alone ----

class Row:
    """One way: an uploader of its own, a line of its own, and a clip that nobody else has."""

    def __init__(self, way, uploader, line, path):
        self.way, self.uploader, self.line, self.path = way, uploader, line, path
        self.size = path.stat().st_size
        self.over = False

    def send(self, tries=200, wait=90):
        """As the core does it, without its patience: bytes sent in all."""
        sent, address = 0, ""
        try:
            for _ in range(tries):
                created, end = self.uploader.whole(self.path, wait=wait, address=address)
                if len(created) > (0 if address else 1):
                    lost = self.way.protocol == "uploadx" and "does not know the upload" in created[-1].text
                    raise (Spoilt if lost else AssertionError)(created)
                sent += end.sent
                address = created[0].address if created else address
                if end.kind == "RECEIPT":
                    return sent
                assert end.failure in (core.LATER, core.AWAY) and end.state, end
                threading.Event().wait(0.05)
            raise AssertionError(f"not after {tries} tries: {end}")
        finally:
            self.over = True

    def check(self, sent, interruptions, again, unread=IN_FLIGHT):
        """Nothing was sent twice but what was on its way, again and unread.

        again: what the protocol cannot keep; unread: what a server had not read when it was cut off.
        """
        passed = self.line.passed
        print(f"{self.way.name}: {self.size} bytes, {interruptions} interruptions: "
              f"{(sent - self.size) // max(interruptions, 1)} bytes sent again each, "
              f"{(passed - self.size) // max(interruptions, 1)} of them behind the line")
        assert self.size <= sent <= self.size + again + interruptions * max(IN_FLIGHT, unread), sent
        # heads, and records of TLS
        assert passed <= self.size * 101 // 100 + again + interruptions * unread + 64 * KIB, passed


@contextlib.contextmanager
def rows(protocols, servers, folder, rng, size, stall_ms=20000, fronts=FRONTS, **line):
    """A row for each way to these servers by these fronts."""
    with contextlib.ExitStack() as stack:
        made = []
        for protocol, front in [w for w in WAYS if w[0] in protocols and w[1] in fronts]:
            way = stack.enter_context(Way(protocol, front, servers, folder))
            home = folder / way.name
            (home / "clip").write_bytes(rng.randbytes(size))
            uploader = stack.enter_context(core.Core(home, core.PROGRAM, core.USER))
            wire = stack.enter_context(Wire(way.port, **line))
            way.open(uploader, wire, stall_ms=stall_ms, answer_ms=stall_ms)
            made.append(Row(way, uploader, wire, home / "clip"))
        yield made


def together(made, act):
    """act(row) of all of them at once; what went wrong is told by row."""
    with concurrent.futures.ThreadPoolExecutor(len(made)) as pool:
        ends = {row.way.name: pool.submit(act, row) for row in made}
    wrong = {name: end.exception() for name, end in ends.items() if end.exception()}
    for spoilt in (e for e in wrong.values() if isinstance(e, Spoilt)):
        raise spoilt
    assert not wrong, "\n".join(f"{name}: {e!r}" for name, e in wrong.items())
    one_of_each([row.way for row in made],
                [hashlib.sha256(row.path.read_bytes()).hexdigest() for row in made])


class Spoilt(AssertionError):
    """Other bytes at the server than were sent, or an upload that it does not know any more."""


def one_of_each(all_ways, digests):
    """What the servers hold is identical with what was sent, and there is no second object."""
    held = [hashlib.sha256(data).hexdigest() for data in ways.held(all_ways)]
    assert len(held) == len(digests), "one object each"
    if sorted(held) != sorted(digests):
        raise Spoilt("not identical: %s" % (set(held) ^ set(digests)))


def cut(row, marks):
    """Sent with these cuts, counted from here; all of them are made."""
    row.line.cut_at(marks)
    sent = row.send()
    assert not row.line.cuts, "all cuts were made"
    gaps = [b - a for a, b in zip([0, *marks], marks)]
    row.check(sent, len(marks), sum(min(gap, row.way.lost) for gap in gaps), 256 * KIB)


def unless_spoilt(protocol, folder, act):
    """act(folder); uploadx is given two more chances."""
    for chance in range(3):
        try:
            return act(folder / str(chance))
        except Spoilt as spoilt:
            if protocol != "uploadx" or chance == 2:
                raise
            print(f"uploadx, chance {chance}: {spoilt}")


@EACH
def test_cut_at_twenty_random_bytes(protocol, servers, folder, rng):
    """
    uploadx is given two more chances: on a busy machine it was seen to hold other bytes than it had been
    sent after such cuts, and to answer as if all were well. A client cannot tell; what is read back, or
    signed by the server for what it stored, does.
    """
    def once(at):
        with rows([protocol], servers, at, rng, SIZE) as made:
            marks = {row: sorted(rng.sample(range(1, SIZE), CUTS)) for row in made}
            together(made, lambda row: cut(row, marks[row]))
    unless_spoilt(protocol, folder, once)


@EACH
def test_delay_and_cuts(protocol, servers, folder, rng):
    with rows([protocol], servers, folder, rng, SIZE // 2, delay_s=0.02) as made:
        marks = {row: sorted(rng.sample(range(1, SIZE // 2), 5)) for row in made}
        together(made, lambda row: cut(row, marks[row]))


@EACH
def test_server_killed_and_restarted(protocol, servers, folder, rng):
    """
    Three times, each time when another tenth and more of each upload has passed. uploadx empties its note
    of an upload to write it anew: killed just then, it does not know that upload any more.
    """
    unless_spoilt(protocol, folder, lambda at: killed_and_restarted(protocol, servers, at, rng))


def killed_and_restarted(protocol, servers, folder, rng):
    with rows([protocol], servers, folder, rng, SIZE, rate=12 * MIB) as made:
        killed = threading.Event()

        def killer():
            for _ in range(KILLS):
                mark = rng.randrange(SIZE // 10, SIZE // 5)
                before = {row: row.line.passed for row in made}
                while any(row.line.passed < before[row] + mark and not row.over for row in made):
                    killed.wait(0.01)
                servers[protocol].kill()
                servers[protocol].start()
        thread = threading.Thread(target=killer)
        thread.start()
        try:
            # what had reached it and was not written: the busier the machine, the more
            together(made, lambda row: row.check(row.send(), KILLS, KILLS * row.way.lost, 2 * MIB))
        finally:
            thread.join()


def test_a_part_of_s3_and_a_limit_of_1_mb(servers, folder, rng):
    """It can never pass: said once, by its name, with what to do, and next to nothing is sent."""
    with Way("s3", "nginx, 1 MB", servers, folder) as way, Wire(way.port) as line, \
            core.Core(folder, core.PROGRAM, core.USER) as uploader:
        way.open(uploader, line)
        (folder / "clip").write_bytes(rng.randbytes(SIZE))
        _, end = uploader.whole(folder / "clip")
        assert (end.kind, end.failure, end.http) == ("FAILED", core.BAD_DESTINATION, 413), end
        assert end.state == "too-large" and "proxy" in end.text and "part-bytes" in end.text
        assert line.passed < ways.PART and not way.nginx.seen()[8:], way.nginx.seen()


# ---- the whole station ----

def clips(n, size):
    return [vcam.clip(f"DCIM/c {i}.mp4", size + i, 40 + i, mtime=DAY + 60 * i) for i in range(n)]


def tus(url, **settings):
    return [{"name": "evidence", "driver": "tus", "url": url, "slots": 2, "stall-seconds": 30,
             "answer-seconds": 30, **settings}]


def digests(camera):
    return sorted(o["sha256"] for o in camera.objects(digests=True).values())


class Tried:
    """A station to which each way to this server is a destination, at the end of a line of its own."""

    def __init__(self, protocol, servers, folder, rng, sizes, **settings):
        self.stack, self.servers, self.folder = contextlib.ExitStack(), servers, folder
        self.fronts = [way for way in WAYS if way[0] == protocol]
        self.rng, self.sizes, self.settings, self.seconds = rng, sizes, settings, 0
        self.clock = folder / "clock"

    def __enter__(self):
        self.move(0)
        self.ways = [self.stack.enter_context(Way(*way, self.servers, self.folder))
                     for way in self.fronts]
        self.line = {way: self.stack.enter_context(Wire(way.port, rate=3 * MIB)) for way in self.ways}
        self.station = self.stack.enter_context(Station(
            env={"CLOCK_FILE": str(self.clock)}, bays=BAYS, profile={"settle_seconds": 1, "logs": "none"},
            keep_core=True, destinations=[way.settings(line) for way, line in self.line.items()],
            **self.settings))
        self.camera = self.station.camera("A", [
            vcam.clip(f"DCIM/c {i}.mp4", size, self.rng.randrange(1 << 30), mtime=DAY + 60 * i)
            for i, size in enumerate(self.sizes)])
        self.camera.plug("1-1")
        return self

    def __exit__(self, *what):
        return self.stack.__exit__(*what)

    def move(self, seconds):
        self.seconds += seconds
        new = self.clock.with_suffix(".new")
        new.write_text(f"{self.seconds} 1\n")
        new.chmod(0o644)
        new.rename(self.clock)

    def records(self, kind, way):
        return [r for r in self.station.ledger()
                if r["type"] == kind and r.get("destination") == way.name]

    def tries(self, way):
        """Those that failed."""
        return sum(f" destination={way.name} " in line for event in ("upload-failed", "errand-failed")
                   for line in self.station.events(event))

    def until(self, holds, what, seconds=60):
        """holds(way), of each way."""
        end = time.monotonic() + seconds
        left = list(self.ways)
        while left := [way for way in left if not holds(way)]:
            assert time.monotonic() < end, \
                f"{what}: not {[way.name for way in left]}: {self.station.situation()}"
            threading.Event().wait(0.01)

    def arrived(self, interruptions):
        """All of it, once, and not much more was sent; heads are in it, and records of TLS."""
        self.station.wait("all", "receipted", timeout=90)
        for way, line in self.line.items():
            size, n = sum(self.sizes), interruptions[way]
            print(f"{way.name}: {size} bytes, {n} interruptions: "
                  f"{(line.passed - size) // max(n, 1)} bytes sent again each")
            assert line.passed <= size * 101 // 100 + n * (way.lost + IN_FLIGHT) + 256 * KIB, way.name
            assert len(self.records("created", way)) == len(self.sizes), way.name
        one_of_each(self.ways, digests(self.camera) * len(self.ways))


@EACH
def test_station_killed_and_started(protocol, servers, folder, rng):
    """kill -9 of the core, and of every uploader, in turn; then each is one upload, gone on with."""
    with Tried(protocol, servers, folder, rng, [SIZE]) as t:
        kills = dict.fromkeys(t.ways, 0)
        for victims in ("core", "uploaders") * 2:
            mark = rng.randrange(SIZE // 10, SIZE // 6)
            before = {way: t.line[way].passed for way in t.ways}
            t.until(lambda way: t.line[way].passed >= before[way] + mark or
                    t.records("receipted", way), "another piece")
            for way in t.ways:
                kills[way] += not t.records("receipted", way)
            for one in [t.station.core] if victims == "core" else t.station.uploaders.values():
                one.send(signal.SIGKILL)
            t.station.ctl("status", connect=True)
        assert all(kills.values()), kills
        t.arrived(kills)


@EACH
def test_three_days_of_absence(protocol, servers, folder, rng):
    """In the middle of it; tried at each look, by one upload, and not in between; all arrives after it."""
    steps = 12
    # Not one file alone: where each connection ends at once, as here, a file of its own may be the reason.
    sizes = [SIZE // 2, SIZE // 2 + 1, SIZE // 2 + 2]
    with Tried(protocol, servers, folder, rng, sizes, retry_min_seconds=1, retry_max_seconds=300) as t:
        left = set()

        def leaves(way):
            if way not in left and t.line[way].passed >= SIZE // 4:
                t.line[way].leave()
                left.add(way)
            return way in left and t.tries(way)
        t.until(leaves, "a first try of the absence")
        t.station.wait("all", "checked")
        for step in range(steps):
            before = {way: t.tries(way) for way in t.ways}
            t.move(72 * HOUR // steps)
            t.until(lambda way: t.tries(way) > before[way], f"a try in step {step}")
        for way in t.ways:
            # one a step, and the first few that follow each other in seconds
            print(f"{way.name}: {t.tries(way)} tries, {t.line[way].refused} connections")
            assert steps < t.tries(way) <= steps + 2 + 12, way.name
            # and five times again within a try (transfer.c)
            assert t.line[way].refused <= 6 * (t.tries(way) + 1), way.name
        assert all(d["away"] for d in t.station.ctl("status")["destinations"])
        for line in t.line.values():
            line.away = False
        t.move(HOUR)
        t.arrived(dict.fromkeys(t.ways, len(sizes)))


def test_two_hundred_clips_and_a_bad_server(rng):
    """One answer in ten is an error or asks for fewer requests: all arrive, in bounded attempts."""
    troubles = [("500",), ("503",), ("503", "Retry-After: 1"), ("429", "Retry-After: 1"), ("429",), (),
                None]
    lock = threading.Lock()

    def bad(server, request):
        with lock:
            now = request.method != "OPTIONS" and rng.random() < 0.1
            trouble = rng.choice(troubles)
        if not now:
            return honest(server, request)
        if trouble is None:
            honest(server, request)  # done, and its answer is lost
            return None
        request.read()
        return answer(int(trouble[0]), *trouble[1:]) if trouble else None
    with FaultServer(otherwise=bad) as server:
        with Station(bays=BAYS, profile={"settle_seconds": 1},
                     destinations=tus(server.url, slots=16)) as s:
            camera = s.camera("A", clips(200, 3000))
            camera.plug("1-1")
            s.wait("all", "receipted", timeout=120)
            whole = [bytes(d) for size, d in server.uploads.values() if len(d) == size]
            assert sorted(hashlib.sha256(d).hexdigest() for d in whole) == digests(camera)
            assert len(whole) == 200, "no second object"
            failed = len(s.events("upload-failed", "uploader-evidence"))
            print(f"{len(server.requests)} requests, {200 + failed} attempts, "
                  f"{len(server.uploads) - 200} empty uploads whose answer was lost")
            assert failed <= 100 and len(server.requests) <= 2 * 400
            empty = [d for size, d in server.uploads.values() if len(d) < size]
            assert not any(empty), "what an answer was lost of is empty"


def hand_over(station, name, objects):
    camera = station.camera(name, objects)
    camera.plug("1-1")
    return camera


def test_one_camera_at_two_stations_tus(folder):
    """Read at both: one upload for each clip, and each station has a receipt made out to itself."""
    objects = clips(3, MIB)
    with ReceiptServer(folder / "held", **finding(folder / "held", 500)) as server:
        how = dict(bays=BAYS, profile={"settle_seconds": 1}, destinations=tus(
            server.url, **{"receipt-path": "/receipt", "receipt-keys": [server.vkey],
                           "find-path": "by-asset/{asset}"}))
        with Station(station="castle-street", **how) as one, Station(station="harbour", **how) as two:
            cameras = [hand_over(s, "A", objects) for s in (one, two)]
            for s in (one, two):
                s.wait("all", "receipted", timeout=60)
            assert digests(cameras[0]) == digests(cameras[1])
            held = sorted(hashlib.sha256(d).hexdigest() for d in server.uploads().values())
            assert held == digests(cameras[0]), "one object for each clip"
            for s in (one, two):
                assert {c["uploads"][0]["level"] for c in s.clips()} == {"signed"}
            at = [{c["asset"]: c["uploads"][0]["address"] for c in s.clips()} for s in (one, two)]
            assert at[0] == at[1] and len(at[0]) == 3


def test_one_camera_at_two_stations_dir(folder):
    objects = clips(3, MIB)
    shared = folder / "shared"
    shared.mkdir()
    os.chown(shared, UPLOADER, UPLOADER)
    how = dict(bays=BAYS, profile={"settle_seconds": 1},
               destinations=[{"name": "nas", "driver": "dir", "folder": shared}])
    with Station(station="castle-street", **how) as one, Station(station="harbour", **how) as two:
        camera = hand_over(one, "A", objects)
        one.wait("clip", "1", "checked")
        hand_over(two, "A", objects)
        for s in (one, two):
            s.wait("all", "receipted", timeout=60)
        files = [p for p in shared.rglob("*") if p.is_file() and len(p.name) == 64]
        assert sorted(hashlib.sha256(p.read_bytes()).hexdigest() for p in files) == digests(camera)
        assert not list(shared.rglob("*.part")) and not list(shared.rglob("*.damaged-*"))
