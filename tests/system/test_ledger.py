"""The signed ledger: another implementation agrees, and what was changed behind dockd's back is found.

What must follow a contradiction: nothing is taken in, nothing is signed, uploads go on, and all of
that after a restart, too.
"""
import json
import os
import subprocess

import pytest

import vcam
from station import BUILD, CORE, ROOT, Station

MIB = 1 << 20
BAYS = [{"name": "1", "port": "1-1"}, {"name": "2", "port": "1-2"}]
QUICK = {"settle_seconds": 1}
SIGN = {"checkpoint_seconds": 1}


def clips(seed, n=2):
    return [vcam.clip(f"DCIM/100/{seed}-{i}.mp4", MIB // 4, seed + i) for i in range(n)]


class Books(Station):
    """A station whose state folder is looked into, and tampered with, while the core is down."""

    def __init__(self, **settings):
        super().__init__(bays=BAYS, profile=QUICK, **{**SIGN, **settings})

    @property
    def books(self):
        return self.folder / "state/ledger"

    def segments(self):
        return sorted(self.books.glob("*.jsonl"))

    def checkpoint(self):
        return (self.books / "checkpoint").read_bytes()

    def signed(self):
        return int(self.checkpoint().split(b"\n")[1])

    def key(self):
        return next(r["key"] for r in self.ledger() if r["type"] == "began")

    def dock(self, name, seed, port="1-1", bay="1", light="take"):
        camera = self.camera(name, clips(seed))
        camera.plug(port)
        self.wait("bay", bay, light)
        return camera

    def write(self, name, data):
        path = self.books / name
        path.write_bytes(data)
        os.chown(path, CORE, CORE)

    def until(self, condition):
        """Asks again whenever something that is shown has changed."""
        for _ in range(600):
            status = self.ctl("status")
            if condition(status):
                return status
            self.ctl("wait", "dockings", 10**6, "--timeout", 1, check=False)
        raise AssertionError(f"not reached: {status}")

    def expect_refused(self, reason, camera, uploads):
        """Intake stands still, uploading does not; a restart changes neither."""
        for again in (False, True):
            status = self.until(lambda s: s["intake_stopped"])
            if not again:  # what was signed before the books were read through stays signed
                before = self.checkpoint() if (self.books / "checkpoint").exists() else None
            assert reason in status["text"] and "replaces" in status["text"]
            assert status["station_light"] == "needs-it"
            if not again:
                self.dock(camera, 50, "1-2", "2", "leave")
                assert reason in self.bay("2")["text"]
                self.start_uploader("store")
            taken = [c for c in self.clips() if c["camera"] == "BWC-A"]
            for c in taken if uploads else []:
                self.wait("clip", c["number"], "receipted")
            assert all(c["rung"] == "listed" for c in self.clips() if c["camera"] != "BWC-A")
            self.stop_core()
            assert (self.checkpoint() if before else None) == before
            self.start_core()
        assert [r["text"] for r in self.ledger() if r["type"] == "contradiction"]
        assert self.events("ledger-contradiction")


@pytest.fixture
def station():
    """One docking is in its books and not yet sent; the core is down."""
    s = Books(start=False)
    with s:
        s.start_core()
        s.start_hotplug()
        s.dock("A", 1)
        s.stop_core()
        yield s


# ---- another implementation ----

@pytest.fixture(scope="session")
def check(tmp_path_factory):
    """tests/system/go/check.go, built with Debian's golang.org/x/mod and nothing else."""
    folder = tmp_path_factory.mktemp("go")
    program = folder / "check"
    env = {**os.environ, "GOPATH": "/usr/share/gocode", "GO111MODULE": "off", "GOFLAGS": "",
           "GOPROXY": "off", "GOCACHE": str(folder / "cache")}
    subprocess.run(["go", "build", "-o", program, ROOT / "tests/system/go/check.go"], env=env,
                   check=True)

    def run(*args):
        done = subprocess.run([program, *map(str, args)], capture_output=True, encoding="utf-8")
        assert done.returncode in (0, 1), done
        return done.returncode == 0, done.stdout

    return run


def probe(*args):
    return subprocess.run([BUILD / "test/probe_tlog", *map(str, args)], check=True,
                          capture_output=True).stdout


def changed(path, at, folder):
    """A copy with one bit of one byte turned over."""
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    copy = folder / f"changed-{path.name}"
    copy.write_bytes(data)
    return copy


def test_another_implementation_agrees(station, check, tmp_path):
    first = tmp_path / "first"
    first.write_bytes(station.checkpoint())
    station.start_core()
    station.dock("B", 20)
    station.stop_core()
    last, tree = station.books / "checkpoint", station.books / "tree"
    key = tmp_path / "key"
    key.write_text(station.key() + "\n")
    lines = b"".join(p.read_bytes() for p in station.segments()).splitlines(keepends=True)
    size, old = station.signed(), int(first.read_bytes().split(b"\n")[1])
    assert len(lines) == size > old > 20

    assert check("ledger", key, last, tree, *station.segments()) == (True, f"{size} lines\n")
    assert not check("ledger", key, last, changed(tree, 1000, tmp_path), *station.segments())[0]
    assert not check("ledger", key, last, tree, changed(station.segments()[0], 700, tmp_path))[0]
    for at in (0, 14, 20, 40, 70, 140):
        assert not check("ledger", key, changed(last, at, tmp_path), tree, *station.segments())[0]

    path, line = tmp_path / "path", tmp_path / "line"
    for index in (0, 7, old, size - 1):
        hashes = probe(tree, "prove", size, index).decode()
        path.write_bytes(f"c2sp.org/tlog-proof@v1\nindex {index}\n{hashes}\n".encode() +
                         last.read_bytes())
        line.write_bytes(lines[index])
        assert check("proof", key, path, line) == (True, f"record {index + 1} of {size}\n")
        for at in (35, 80, len(path.read_bytes()) - 20):
            assert not check("proof", key, changed(path, at, tmp_path), line)[0]
        assert not check("proof", key, path, changed(line, 5, tmp_path))[0]

    path.write_bytes(probe(tree, "grow", size, old))
    assert check("grown", key, first, last, path) == (True, f"{size} out of {old}\n")
    assert not check("grown", key, last, first, path)[0]
    for at in (3, 60, 100):
        assert not check("grown", key, first, last, changed(path, at, tmp_path))[0]


# ---- tampered with ----

def test_a_changed_record(station):
    path = station.segments()[0]
    data = path.read_bytes()
    record = data.splitlines()[4]
    salt = json.loads(record)["salt"].encode()
    other = (b"0" if salt[:1] != b"0" else b"1") + salt[1:]
    station.write(path.name, data.replace(record, record.replace(salt, other)))
    station.start_core()
    station.expect_refused("record 5 is not the one that was signed", "B", uploads=True)


def test_a_dropped_record(station):
    path = station.segments()[0]
    lines = path.read_bytes().splitlines(keepends=True)
    station.write(path.name, b"".join(lines[:6] + lines[7:]))
    station.start_core()
    station.expect_refused("a record before number", "B", uploads=True)


def test_the_tail_rolled_back(station):
    path = station.segments()[0]
    lines = path.read_bytes().splitlines(keepends=True)
    station.write(path.name, b"".join(lines[:-1]))
    station.start_core()
    station.expect_refused(
        f"it ends with record {len(lines) - 1}, but {len(lines)} records were signed", "B",
        uploads=True)


def test_a_checkpoint_by_another_key(station):
    with Books(start=False) as other:
        other.start_core()
        other.stop_core()
        note = other.checkpoint()
    station.write("checkpoint", note)
    station.start_core()
    station.expect_refused("its checkpoint is signed by another key", "B", uploads=True)


@pytest.mark.parametrize("damage", ["gone", "cut", "garbage"])
def test_a_damaged_tree_is_made_anew(station, damage):
    tree = station.books / "tree"
    data = tree.read_bytes()
    if damage == "gone":
        tree.unlink()
    else:
        station.write("tree", data[:777] if damage == "cut" else b"\x55" * len(data))
    station.start_core()
    status = station.until(lambda s: s["checked_records"] > 0 and not s["intake_stopped"])
    assert status["text"].count("ledger") == 0
    station.dock("B", 20)
    station.stop_core()
    assert station.events("tree-rebuilt") and not station.events("ledger-contradiction")
    assert (station.books / "tree").read_bytes()[:len(data)] == data


# ---- keys, and the station before ----

def refused_start(station):
    """The core's last words, where it does not start."""
    station.start_core()
    assert station.core.process.wait(60) == 1
    return station.events("fatal")[-1]


def unusable(station):
    """It runs, takes nothing in and writes no record; status says why."""
    before = len(station.ledger())
    station.start_core()
    text = station.ctl("status")["text"]
    assert station.events("state-unusable") and len(station.ledger()) == before
    station.stop_core()
    return text


def test_a_key_that_others_may_read(station):
    key = station.folder / "state/station.key"
    assert key.stat().st_mode & 0o7777 == 0o600
    key.chmod(0o604)
    assert "chmod 600" in unusable(station)
    key.chmod(0o600)
    os.chown(key, 0, 0)
    assert "Permission denied" in unusable(station)


def test_the_station_before(station):
    note = station.checkpoint()
    file = station.folder / "old-checkpoint"
    file.write_bytes(note[:-5])
    replaces = {"station": "test-station", "checkpoint": file}
    with Books(start=False, station="next", replaces=replaces) as s:
        assert "not a signed checkpoint" in refused_start(s)
        file.write_bytes(note)
        s.start_core()
        s.stop_core()
        file.unlink()  # later starts do not read it
        s.start_core()
        first = s.ledger()[0]
        assert (first["type"], first["station"]) == ("replaces", "test-station")
        assert first["checkpoint"].encode("latin-1") == note
        assert [r["type"] for r in s.ledger()].count("replaces") == 1
