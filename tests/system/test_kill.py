"""Any of the five programs is killed at any moment of a clip's life: it costs time, nothing else.

A run is one small docking whose end is known: everything at the server once, receipted, erased from
the camera behind its receipt. A program dies in it, at a named hand-over (tests/double) or at a
moment drawn from a seed. The core is started again as the services are.
"""
import concurrent.futures
import hashlib
import json
import os
import pathlib
import random
import re
import shutil
import signal
import tempfile
import threading
import time

import pytest

import servers
import station
import vcam
from station import ROOT, Death, Station, kept, new_folder

MIB = 1 << 20
OVERLAP = 64 << 10  # read again at most, where a pull goes on
WINDOW = 8 * MIB    # asked for in one piece: what a killed worker may have had on the way
DAY = 1790000000
SEED = int(os.environ.get("KILL_SEED", "20260921"))
AT_ONCE = 4         # runs: most of a run is waiting
OBJECTS = [("DCIM/100/long.mp4", 70 * MIB + 4711, 1), ("DCIM/100/b c é.mp4", 3 * MIB, 2),
           ("AUDIT/x.log", 1000, 3)]
WANTED = sorted(vcam.digest(seed, size) for _, size, seed in OBJECTS)
TOTAL = sum(size for _, size, _ in OBJECTS)
GONE = ("done", "gone", "inferred")


# ---- which hand-overs there are ----

def documented():
    """The names in HACKING.md: those in brackets in the table, and those around every commit."""
    text = (ROOT / "HACKING.md").read_text().split("## The life of one clip")[1].split("\n## ")[0]
    table, around = text.split("Around every commit")
    groups = re.findall(r"\[((?:`[a-z-]+`[ ,]*)+)\]", table)
    return set(re.findall(r"`([a-z]+-[a-z-]+)`", " ".join(groups) + around.split("(")[0]))


def written():
    names = set()
    for room in ("dockd", "usb", "uploader"):
        for path in (ROOT / room).rglob("*.c"):
            names |= set(re.findall(r'\bhandover\("([^"]+)"\)', path.read_text()))
    return names


DIR_ONLY = {"uploader-dir-rename"}
ELSEWHERE = {"uplink-claimed", "uplink-receipt-refused", "reconcile-asked", "reconcile-confirmed",
             "reconcile-lost", "retirement-unlink"}  # killed at in test_receipts.py
ELSEWHERE |= {"judge-ask", "judge-judged", "inquiry-begun", "inquiry-answered",
              "inquiry-audited"}  # and in test_evidence.py
ELSEWHERE |= {"disposal-station", "disposal-gone", "disposal-remove",
              "disposal-removed"}  # and in test_retention.py
ELSEWHERE |= {"uploader-dir-remove", "uploader-removed",
              "uploader-reconfirmed"}  # and in test_dir_errands.py
ELSEWHERE |= {"uplink-switched", "uplink-abandoned"}  # and in test_destinations.py
ELSEWHERE |= {"binding-another", "binding-rebound", "reconcile-anew"}  # and in test_binding.py
ELSEWHERE |= {"hold-ask", "hold-held"}  # and in test_holds.py
ELSEWHERE |= {"unlocking-intent", "unlocking-away", "unlocking-back", "camera-unlock",
              "camera-unlocked"}  # and in test_unlock.py
ELSEWHERE |= {"uploader-preserved"}  # and in test_s3_locks.py
TUS_ONLY = {"uploader-created", "uplink-created", "uploader-patch"}
ONCE = {"binding-bound",                                                # once a destination
        "hotplug-arrived", "hotplug-opened", "bay-open", "bay-attach",  # once a docking
        "verify-digest", "verify-result",                               # once a process
        "checkpoint-tree", "checkpoint-written", "checkpoint-renamed"}  # and not again for a while
LATER = {"journal-append": (2, 5, 8, 11, 14, 17, 20), "journal-committed": (3, 9, 18),
         "camera-durable": (2, 3), "docking-erase": (3,), "docking-erased": (3,),
         "uplink-receipted": (3,)}
PERMITS = {"bay-open": "docked", "docking-fetch": "pull", "docking-erase": "erase-intent",
           "uplink-upload": "upload"}  # the record that must be on disk when the act begins
POINTS = [(name, n, kind) for name in sorted(documented() - DIR_ONLY - ELSEWHERE)
          for n in (1, *(() if name in ONCE else LATER.get(name, (2,))))
          for kind in ("tus",)]
POINTS += [("uploader-receipted", 1, "readback"), ("uplink-receipted", 1, "readback"),
           ("docking-erase", 1, "readback")]
POINTS += [(name, n, "dir") for name in ("uploader-dir-rename", "uploader-sent", "uploader-receipted")
           for n in (1, 2)]


# ---- one run ----

class KeptServer(servers.TusServer):
    """The stock server, started again when it ends: Node's may, where a download is broken off."""

    def start(self):
        super().start()
        self.lock, self.ending = threading.Lock(), False
        threading.Thread(target=self._keep, daemon=True).start()
        return self

    def _keep(self):
        while True:
            self.process.wait()
            with self.lock:
                if self.ending:
                    return
                self.process.stdout.close()
                super().start()

    def end(self):
        with self.lock:
            self.ending = True
            self.process.kill()
            self.process.wait()
            self.process.stdout.close()


class Run(Station):
    """A docking of OBJECTS, and what must be true at its end."""

    def __init__(self, kind="tus", die=None, log=None, erase=True):
        self.kind = kind
        self.top = new_folder("kill")
        self.death = Death(self.top, die and "{}:{}".format(*die))
        env = dict(self.death.env)
        if log:
            env["HANDOVER_LOG"] = str(log)
        self.server = None
        destination = {"name": "store", "driver": "dir", "folder": self.top / "station/store"}
        if kind != "dir":
            self.server = KeptServer(self.top / "server").start()
            destination = {"name": "store", "driver": "tus", "url": self.server.url}
            if kind == "readback":
                destination["read-back"] = True
        (self.top / "station").mkdir()
        super().__init__(folder=self.top / "station", env=env, uploader_env=env, hotplug_env=env,
                         bays=[{"name": "1", "port": "1-1"}], profile={"settle_seconds": 1},
                         keep_core=True, destinations=[destination],
                         erase="when-receipted" if erase and kind != "dir" else "never",
                         accept_receipt="readback" if kind == "readback" else "length", start=False)
        self.erases = erase and kind != "dir"
        self.device = None
        self.note = ""

    def __exit__(self, kind, value, trace):
        try:
            self.close()
        finally:
            if kind is None:
                shutil.rmtree(self.top, ignore_errors=True)
            else:  # told where the run is asked for: runs go on beside each other
                kept.add(self.top.name)
                value.situation = f"{self.note}kept in {self.top}\n{self.log()[-12000:]}"

    def close(self):
        super().close()
        if self.server:
            self.server.end()

    def dock(self, fault=None):
        self.device = self.camera("A", [vcam.clip(path, size, seed, mtime=DAY + seed)
                                        for path, size, seed in OBJECTS])
        if fault:
            self.device.fault(fault[0], **fault[1])
        self.device.plug("1-1")

    def wait(self, *condition, timeout=120):
        return self.ctl("wait", *condition, "--timeout", timeout, connect=True)

    def died(self):
        return self.death.came

    def settle(self):
        """Until the docking has come to its end, and nobody died while that was asked."""
        if self.erases:
            self.device.wait("deletions", len(OBJECTS), seconds=120)
        while True:
            starts = self.core.starts
            self.wait("dockings", 1)
            self.wait("bay", "1", "take")
            self.wait("all", "receipted")
            self.wait("idle")
            if self.core.starts == starts:
                return

    def answers(self):
        """What dockctl says of the books; not what passes (disk, connections, records)."""
        status = self.ctl("status", connect=True)
        counts = {k: status[k] for k in ("station", "assets", "receipted", "erased", "unsent_bytes",
                                         "dockings", "oldest_unsent")}
        clips = {n: self.clip(n) for n in range(1, status["assets"] + 1)}
        for clip in clips.values():
            del clip["reason"]  # of the gate now, with what is docked now
            for upload in clip["uploads"]:
                for passing in ("attempts", "next_try", "sent_bytes"):
                    del upload[passing]
        return {"counts": counts, "queue": {"assets": self.ctl("queue")["assets"]}, **clips}

    # -- what must be true --

    def check(self, interruptions=None):
        records = self.ledger()
        assert [r["seq"] for r in records] == list(range(1, len(records) + 1))
        found = [r for r in records if r["type"] == "found"]
        # a record has each byte of UTF-8 as a character
        assert sorted(r["path"].encode("latin-1").decode() for r in found) == sorted(
            path for path, _, _ in OBJECTS)
        bad = [r for r in records if r["type"] in ("restarted", "unstaged", "trouble", "refused",
                                                   "recreated", "gone", "merged", "fault")]
        assert not bad, bad
        assert len({r["docking"] for r in records if r["type"] == "docked"}) == 1
        self.check_store(records)
        self.check_erased(records)
        self.check_pulled(records, interruptions)
        self.check_staging()

    def check_store(self, records):
        if self.kind == "dir":
            held = [p.read_bytes() for p in (self.folder / "store").rglob("*")
                    if p.is_file() and not p.name.startswith(".") and p.suffix != ".json"]
            empty = []
            # nothing half-done is left behind
            left = [p.name for p in (self.folder / "store").rglob(".*") if p.is_file()]
            assert len(left) <= 1, left
        else:
            uploads = self.server.uploads()
            held = list(uploads.values())
            empty = [json.loads((self.server.folder / f"{name}.json").read_text())["metadata"]["asset"]
                     for name, b in uploads.items() if not b]
        assert sorted(hashlib.sha256(b).hexdigest() for b in held if b) == WANTED
        # only an answer to a creation that was lost leaves an empty upload, one for an asset
        assert len(empty) == len(set(empty)) and (not empty or self.died()), empty
        receipts = [r for r in records if r["type"] == "receipted"]
        assert sorted(r["asset"] for r in receipts) == [1, 2, 3]

    def check_erased(self, records):
        first = {}
        for r in records:
            if r["type"] == "receipted":
                first.setdefault(r["asset"], r["seq"])
        assert self.device.stats()["deletions"] == (len(OBJECTS) if self.erases else 0)
        for asset in (1, 2, 3):
            acts = [r for r in records if r["type"] in ("erase-intent", "erased") and
                    r["asset"] == asset]
            assert bool(acts) == self.erases
            for intent, outcome in zip(acts[::2], acts[1::2]):
                assert (intent["type"], outcome["type"]) == ("erase-intent", "erased"), acts
                assert first[asset] < intent["seq"]
            assert len(acts) % 2 == 0
            results = [r["result"] for r in acts[1::2]]
            assert all(r == "unsure" for r in results[:-1]) and (not results or results[-1] in GONE)

    def check_pulled(self, records, interruptions):
        clips = self.clips()
        for clip in clips:
            assert clip["rung"] == ("erased" if self.erases else "receipted"), clip
            assert clip["pulled_bytes"] <= clip["size_bytes"] + OVERLAP * (clip["interruptions"] + 1)
            assert clip["interruptions"] <= 1
        # what the camera itself counts, with what was on its way to a worker that was killed
        assert self.device.stats()["payload"] <= TOTAL + 2 * OVERLAP + WINDOW
        if interruptions is not None:
            assert sum(c["interruptions"] for c in clips) == interruptions

    def check_staging(self):
        files = [p for p in (self.folder / "state/staging").rglob("*") if p.is_file()]
        assert sorted(p.suffix for p in files) == [""] * 3, files
        for path in files:
            if path.suffix == "":
                assert path.stat().st_mode & 0o777 == 0o400
        assert sorted(hashlib.sha256(p.read_bytes()).hexdigest() for p in files
                      if p.suffix == "") == WANTED

    def check_rebuilt(self):
        """The index made anew from the ledger says what the one that lived through it says."""
        before = self.answers()
        assert self.stop_core() == 0
        for path in (self.folder / "state").glob("index.sqlite*"):
            path.unlink()
        self.start_core()
        self.check_answers(before)

    def check_answers(self, before):
        after = self.answers()
        assert after.keys() == before.keys()
        for key, was in before.items():
            for field in was.keys() | after[key].keys():
                assert (key, field, after[key].get(field)) == (key, field, was.get(field))

    def whole(self, **more):
        self.settle()
        self.check(**more)
        self.check_rebuilt()


def die_at(name, n, kind):
    with Run(kind, die=(name, n)) as s:
        s.start()
        s.dock()
        s.settle()
        assert s.died(), "nobody passed there"
        s.check()
        if name in PERMITS:
            began = [r["seq"] for r in s.ledger() if r["type"] == "began"]
            assert n == sum(r["type"] == PERMITS[name] and r["seq"] < began[1] for r in s.ledger())
        s.check_rebuilt()


# ---- a moment drawn from a seed ----

class Passings:
    """The hand-overs of a run as they are passed, by way of a FIFO."""

    def __init__(self, folder):
        self.path = pathlib.Path(folder) / "passings"
        os.mkfifo(self.path)
        self.path.chmod(0o666)
        self.stream = os.fdopen(os.open(self.path, os.O_RDWR), "r", newline="\n")
        self.count, self.closed = 0, False
        self.some = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.stream:
            if line == ".\n":
                return
            with self.some:
                self.count += 1
                self.some.notify_all()

    def wait(self, count, seconds=120):
        with self.some:
            if not self.some.wait_for(lambda: self.count >= count, seconds):
                raise TimeoutError(f"{self.count} of {count} hand-overs passed")

    def close(self):
        with open(self.path, "w") as f:
            f.write(".\n")


def children(pid):
    """{name: [pids]} of the children of a process."""
    found = {}
    try:
        for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                name = pathlib.Path(f"/proc/{child}/comm").read_text().strip()
                found.setdefault(name, []).append(int(child))
    except OSError:
        pass
    return found


def kill_child(s, name, seconds=120):
    """Kills a child of the core, once there is one. False: there was none in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for pid in children(s.core.process.pid).get(name[:15], []):
            try:
                os.kill(pid, signal.SIGKILL)
                return True
            except ProcessLookupError:
                pass
    return False


def die_when(program, number):
    assert any(died_when(program, f"{number}.{again}") for again in range(8)), "it never ran then"


def died_when(program, number):
    """Whether it ran at a moment that is drawn; then it was killed, and all ended well."""
    draw = random.Random(f"{SEED} {program} {number}")
    ran = True
    with tempfile.TemporaryDirectory(prefix="dockd-moment-") as folder:
        os.chmod(folder, 0o755)
        passings = Passings(folder)
        with Run(log=passings.path) as s:
            s.start()
            s.dock()
            # a run passes about 120; the long clip is pulled from the 20th to the 60th
            moment, wait = draw.randrange(8, 80), draw.uniform(0, 0.05)
            s.note = f"KILL_SEED={SEED}: {program} after {moment} hand-overs and {wait:.4f} s\n"
            passings.wait(moment)
            threading.Event().wait(wait)
            if program in ("dockd-camera", "dockd-verify"):
                ran = kill_child(s, program, 5)
            else:
                service = {"dockd": s.core, "dockd-hotplug": s.hotplug}.get(
                    program, s.uploaders["store"])
                service.send(signal.SIGKILL)
            if ran:
                s.death.mark.write_text("x")
            s.whole()
        passings.close()
    return ran


def die_in_pull(at):
    """The worker in the middle of the long clip: taken up where it was, counted as read once."""
    with Run() as s:
        s.start()
        s.dock(fault=("silent", {"object": OBJECTS[0][0], "at": at, "text": "reset"}))
        s.device.wait("fired:silent", 1)
        assert kill_child(s, "dockd-camera")
        s.device.clear()
        s.death.mark.write_text("x")
        s.whole(interruptions=1)
        ended = [r for r in s.ledger() if r["type"] == "pulled" and r["result"] == "fault"]
        assert [at - 2 * MIB < r["length"] <= at for r in ended] == [True]


# ---- what a crash, or a disk, may leave of the books ----

def garbage(n):
    return random.Random(SEED).randbytes(n)


def index_head(data):
    return garbage(4096) + data[4096:]


def index_pages(data):
    return data[:4096] + garbage(len(data) - 4096)


def index_short(data):
    return data[:len(data) // 2]


def spoil(path, how):
    data = path.read_bytes()
    with open(path, "r+b") as f:
        f.write(how(data))
        f.truncate()


def index_corrupted(how):
    """Set aside for whoever wants to know why, and made anew."""
    with Run("dir") as s:
        s.start()
        s.dock()
        s.settle()
        before = s.answers()
        assert s.stop_core() == 0
        state = s.folder / "state"
        for name in ("index.sqlite-wal", "index.sqlite-shm"):
            (state / name).unlink(missing_ok=True)
        spoil(state / "index.sqlite", how)
        spoilt = (state / "index.sqlite").read_bytes()
        s.start_core()
        s.check_answers(before)
        assert (state / "index.sqlite.bad-1").read_bytes() == spoilt
        s.settle()
        s.check()


def last_segment(s):
    return sorted((s.folder / "state/ledger").glob("*.jsonl"))[-1]


def without_newline(data):
    return data[:-1]


def without_40_bytes(data):
    return data[:-40]


def without_line_but_a_byte(data):
    return data[:data[:-1].rindex(b"\n") + 2]


def with_zeros(data):
    return data + bytes(4096)


def ledger_torn(how):
    """The trace of an append that was never committed is cut off; an index ahead is made anew."""
    with Run() as s:
        s.start()
        s.dock()
        s.settle()
        before = s.answers()
        assert s.stop_core(signal.SIGKILL) == -signal.SIGKILL
        spoil(last_segment(s), how)
        s.start_core()
        assert (s.folder / "state/index.sqlite.bad-1").exists() == (how is not with_zeros)
        s.check_answers(before)
        s.settle()
        s.check()
        s.check_rebuilt()


def ledger_broken(line):
    """What was committed and cannot be read stops everything: no guess, no silent loss."""
    with Run("dir") as s:
        s.start()
        s.dock()
        s.settle()
        assert s.stop_core() == 0
        segment = last_segment(s)
        lines = segment.read_bytes().split(b"\n")
        whole = lines[line]
        lines[line] = whole.replace(b'"', b"'", 1)
        segment.write_bytes(b"\n".join(lines))
        for path in (s.folder / "state").glob("index.sqlite*"):
            path.unlink()
        s.keep_core = False
        length = len(s.log())
        s.start_core()
        assert s.core.process.wait(60) != 0
        assert f"ledger/{segment.name} line {line + 1} cannot be read" in s.log()[length:]
        lines[line] = whole
        segment.write_bytes(b"\n".join(lines))
        s.start_core()
        s.settle()
        s.check()


# ---- the tests; the runs of the parametrised ones go on beside each other ----

@pytest.fixture(scope="module")
def runs(request):
    station.programs()
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        jobs = {}
        for item in request.session.items:
            job = getattr(item, "callspec", None) and item.callspec.params.get("job")
            if job and item.module is request.module:
                jobs[job] = pool.submit(*job)

        def result(job):
            try:
                jobs[job].result()
            except Exception as e:
                print(getattr(e, "situation", ""))
                raise

        yield result
        for job in jobs.values():
            job.cancel()


def cases(function, arguments, name):
    return pytest.mark.parametrize("job", [pytest.param((function, *a), id=name(*a))
                                           for a in arguments])


@cases(die_at, POINTS, lambda name, n, kind: f"{name}-{n}-{kind}")
def test_killed_at(job, runs):
    runs(job)


@cases(die_when, [(p, n) for p in ("dockd", "dockd-camera", "dockd-verify", "dockd-hotplug",
                                   "dockd-uploader") for n in (1, 2, 3)],
       lambda program, n: f"{program}-{n}")
def test_killed_at_any_moment(job, runs):
    runs(job)


@cases(die_in_pull, [(1,), (20 * MIB + 1,), (66 * MIB,)], str)
def test_worker_killed_in_a_pull(job, runs):
    runs(job)


@cases(index_corrupted, [(index_head,), (index_pages,), (index_short,)], lambda f: f.__name__)
def test_index_corrupted_is_set_aside(job, runs):
    runs(job)


@cases(ledger_torn, [(without_newline,), (without_40_bytes,), (without_line_but_a_byte,),
                     (with_zeros,)], lambda f: f.__name__)
def test_torn_end_of_the_ledger_is_cut_off(job, runs):
    runs(job)


@cases(ledger_broken, [(1,), (12,)], str)
def test_broken_line_of_the_ledger_stops_the_start(job, runs):
    runs(job)


def passed(kind):
    with tempfile.TemporaryDirectory(prefix="dockd-passed-") as folder:
        os.chmod(folder, 0o755)
        log = pathlib.Path(folder) / "log"
        log.touch()
        log.chmod(0o666)
        with Run(kind, log=log) as s:
            s.start()
            s.dock()
            s.whole()
            return set(log.read_text().split())


def test_documented_are_those_in_the_sources():
    assert documented() == written()


def test_every_documented_one_is_passed():
    by_tus, by_dir = passed("tus"), passed("dir")
    assert by_tus == documented() - DIR_ONLY - ELSEWHERE
    assert DIR_ONLY <= by_dir <= documented()


def test_those_of_other_files_are_killed_at_there():
    """Each is named in the test that its comment above names."""
    text = "".join((ROOT / "tests/system" / name).read_text() for name in (
        "test_receipts.py", "test_evidence.py", "test_retention.py", "test_dir_errands.py",
        "test_destinations.py", "test_binding.py", "test_holds.py", "test_s3_locks.py",
        "test_unlock.py"))
    assert {name for name in ELSEWHERE if f'"{name}' not in text} == set()
