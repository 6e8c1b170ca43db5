"""Every interruption against every tus server: what arrives is identical, once, and little is sent again.

dockd-uploader alone where bytes are counted (the core's side is played), the whole station where the core's
part is what counts. The same uploads go straight to the server, through nginx that streams, through nginx
that keeps a request to itself until it is whole, and through a forward proxy. Random places come from
SEED, which is printed; set MATRIX_SEED to run one again.

Bytes sent in all, at most: the clip and, for each interruption, what the protocol cannot keep:
  tus                        what was in flight (IN_FLIGHT)
  with the checksum extension, or behind a proxy that buffers:  the request under way (a chunk), and that
"""
import hashlib
import os
import pathlib
import random
import shutil
import signal
import tempfile
import threading

import pytest

import fake_core as core
import vcam
from fake_core import Core
from servers import (NPM, FaultServer, Nginx, Proxy, ReceiptServer, TusServer, UploadxServer, answer,
                     finding, honest)
from station import UPLOADER, Station
from wire import Wire

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("DOCKD_BUILD", ROOT / "build")).resolve()
PROGRAM = BUILD / "test" / "dockd-uploader"
USER = 64123
MIB = 1 << 20
SEED = int(os.environ.get("MATRIX_SEED", random.SystemRandom().randrange(1 << 32)))
CHUNK = MIB          # of a request, in these tests
IN_FLIGHT = MIB      # curl's buffer, what the kernel holds, and the line
CUTS = 20
BAYS = [{"name": "1", "port": "1-1"}]
DAY = 1790000000

pytestmark = pytest.mark.skipif(not (NPM / "node_modules").exists(), reason="make npm first")


class Way:
    """A server, and how it is reached."""

    def __init__(self, name, folder):
        self.name, self.folder = name, folder
        self.checks = name.startswith("uploadx")
        self.server = (UploadxServer if self.checks else TusServer)(folder / "held", drain_ms=500)
        self.proxy = Proxy(folder / "proxy") if name.endswith("forward proxy") else None
        self.nginx = None
        self.lost = CHUNK if self.checks or "buffers" in name else 0

    def __enter__(self):
        self.server.start()
        if "nginx" in self.name:
            self.nginx = Nginx(self.folder / "nginx", self.server.port, limit="8m",
                               buffering="buffers" in self.name).start()
        if self.proxy:
            self.proxy.start()
        return self

    def __exit__(self, *_):
        for one in (self.proxy, self.nginx, self.server):
            if one:
                one.kill()

    @property
    def port(self):
        """What the uploader speaks to, over a line."""
        return (self.proxy or self.nginx or self.server).port

    def open(self, uploader, line):
        url, proxy = (self.server.url, f"http://127.0.0.1:{line.port}") if self.proxy else (line.url, "")
        return uploader.open(
            core.TUS, url, chunk_min=256 << 10, chunk_max=CHUNK if self.lost else 256 * MIB,
            flags=core.CHECKSUM if self.checks else 0, proxy=proxy)

    def held(self):
        return {name: data for name, data in self.server.uploads().items() if data}


WAYS = ["tus", "uploadx", "tus behind nginx that streams", "tus behind nginx that buffers",
        "uploadx behind nginx that buffers", "tus through a forward proxy"]


@pytest.fixture
def folder():
    path = pathlib.Path(tempfile.mkdtemp(prefix="dockd-"))
    path.chmod(0o755)
    print(f"MATRIX_SEED={SEED}")
    yield path
    shutil.rmtree(path)


@pytest.fixture
def way(request, folder):
    with Way(request.param, folder) as w:
        yield w


@pytest.fixture
def uploader(folder):
    with Core(folder, PROGRAM, USER) as c:
        yield c


@pytest.fixture
def rng(request):
    return random.Random(f"{SEED} {request.node.name}")


def make(folder, rng, size):
    path = folder / "clip"
    path.write_bytes(rng.randbytes(size))
    return path


def to_the_end(uploader, path, address="", tries=200):
    """As the core does it, without its patience: (address, bytes sent in all, interruptions, end)."""
    sent = ends = 0
    for _ in range(tries):
        created, end = uploader.whole(path, address=address)
        assert len(created) <= (0 if address else 1), created
        sent += end.sent
        address = created[0].address if created else address
        if end.kind == "RECEIPT":
            return address, sent, ends, end
        assert end.failure in (core.LATER, core.AWAY) and end.state, end
        ends += 1
        threading.Event().wait(0.05)
    raise AssertionError(f"not after {tries} tries: {end}")


def check(way, path, sent, interruptions):
    """Identical, one object, and not much was sent twice."""
    assert list(way.held().values()) == [path.read_bytes()]
    size = path.stat().st_size
    least = size + interruptions * (way.lost + IN_FLIGHT)
    print(f"{way.name}: {size} bytes, {interruptions} interruptions, sent {sent}, "
          f"{(sent - size) // max(interruptions, 1)} again each")
    assert sent <= least, f"{sent} sent of {size}"


@pytest.mark.parametrize("way", WAYS, indirect=True)
def test_cut_at_twenty_bytes(way, uploader, folder, rng):
    size = 12 * MIB
    path = make(folder, rng, size)
    cuts = sorted(rng.randrange(1, size) for _ in range(CUTS))
    with Wire(way.port, cuts) as line:
        way.open(uploader, line)
        _, sent, _, end = to_the_end(uploader, path)
        assert not line.cuts, "all cuts were made"
    check(way, path, sent, CUTS)


@pytest.mark.parametrize("way", WAYS[:2] + WAYS[3:4] + WAYS[-1:],
                         indirect=True)
def test_server_killed_and_restarted(way, uploader, folder, rng):
    size = 12 * MIB
    path = make(folder, rng, size)
    with Wire(way.port, rate=12 * MIB) as line:
        way.open(uploader, line)
        marks = sorted(rng.randrange(MIB, size - MIB) for _ in range(3))

        def killer():
            for mark in marks:
                while line.passed < mark:
                    threading.Event().wait(0.01)
                way.server.restart()
        thread = threading.Thread(target=killer)
        thread.start()
        _, sent, _, end = to_the_end(uploader, path)
        thread.join()
    check(way, path, sent, 2 * len(marks))


@pytest.mark.parametrize("way", WAYS[:2], indirect=True)
def test_uploader_killed(way, uploader, folder, rng):
    size = 12 * MIB
    path = make(folder, rng, size)
    with Wire(way.port, rate=12 * MIB) as line:
        address = ""
        marks = sorted(rng.randrange(MIB, size - MIB) for _ in range(3))
        for mark in marks:
            way.open(uploader, line)
            generation = uploader.upload(path, address=address)
            if not address:
                address = uploader.get("CREATED").address
                uploader.put("PROCEED", generation=generation)
            while line.passed < mark:
                threading.Event().wait(0.01)
            uploader.process.send_signal(signal.SIGKILL)
            uploader.kill()
            uploader.start()
        way.open(uploader, line)
        _, _, _, end = to_the_end(uploader, path, address)
        # What the killed ones had sent is counted by the line; heads of requests are in it.
        check(way, path, line.passed, len(marks) + 1)


@pytest.mark.parametrize("way", WAYS[:1] + WAYS[-1:], indirect=True)
def test_delay_and_cuts(way, uploader, folder, rng):
    size = 6 * MIB
    path = make(folder, rng, size)
    with Wire(way.port, sorted(rng.randrange(1, size) for _ in range(5)), delay_s=0.02) as line:
        way.open(uploader, line)
        _, sent, _, end = to_the_end(uploader, path)
    check(way, path, sent, 5)


@pytest.mark.parametrize("way", WAYS[:2], indirect=True)
def test_64_kbit_a_second(way, uploader, folder, rng):
    """Cut twice as well. No request lasts more than a minute, whatever comes behind it."""
    size = 40_000
    path = make(folder, rng, size)
    with Wire(way.port, sorted(rng.randrange(2000, size) for _ in range(2)), rate=8000) as line:
        way.open(uploader, line)
        _, sent, _, end = to_the_end(uploader, path)
    check(way, path, sent, 2)


# ---- the whole station ----

def clips(n, size):
    return [vcam.clip(f"DCIM/c {i}.mp4", size + i, 40 + i, mtime=DAY + 60 * i) for i in range(n)]


def tus(url, **settings):
    return [{"name": "evidence", "driver": "tus", "url": url, "slots": 2, "stall-seconds": 5,
             "answer-seconds": 5, **settings}]


def digests(camera):
    return sorted(o["sha256"] for o in camera.objects(digests=True).values())


def test_station_killed_and_started(folder, rng):
    """kill -9 of the core at three places; then it is one upload, gone on with."""
    with TusServer(folder / "held") as server, Wire(server.port, rate=6 * MIB) as line:
        with Station(bays=BAYS, profile={"settle_seconds": 1}, destinations=tus(line.url),
                     keep_core=True) as s:
            camera = s.camera("A", clips(1, 9 * MIB))
            camera.plug("1-1")
            for mark in sorted(rng.randrange(MIB, 8 * MIB) for _ in range(3)):
                while line.passed < mark:
                    threading.Event().wait(0.01)
                s.core.send(signal.SIGKILL)
                s.ctl("status", connect=True)
            s.wait("clip", "1", "receipted")
            assert [hashlib.sha256(d).hexdigest() for d in server.uploads().values()] == \
                digests(camera)
            print(f"sent {line.passed} of {9 * MIB}")
            assert line.passed <= 9 * MIB + 4 * IN_FLIGHT
            assert len([r for r in s.ledger() if r["type"] == "created"]) == 1


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
