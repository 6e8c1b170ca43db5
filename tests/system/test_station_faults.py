"""What happens to a station where nobody stands: each fault comes, is told, harms only what it must, and goes.

Configuration, disk, clock, keys, index, state folder, a store that hangs or is away. In each: what can
go on goes on, status says what, where and what to do, and when the cause is gone it goes on by itself.
"""
import ctypes
import datetime
import os
import random
import shutil
import signal
import sqlite3
import ssl
import struct
import subprocess
import time

import pytest

import vcam
from pki import UTC, Authority
from servers import FaultServer
from station import CORE, UPLOADER, Clock, Station, as_user, until

MIB = 1 << 20
DAY = 1790000000
BAYS = [{"name": "1", "port": "1-1"}, {"name": "2", "port": "2-1"}]
QUICK = {"settle_seconds": 1}


def shift(seed=1, n=3, size=MIB):
    return [vcam.clip(f"DCIM/{seed}-{i}.mp4", size + i, seed * 100 + i, mtime=DAY + i)
            for i in range(n)]


def in_store(s, store="store"):
    return {p.stem.split(".")[0] for p in (s.folder / store).rglob("*") if p.is_file()}


def texts(s):
    return s.ctl("status")["text"]


def settle(s, bay="1"):
    s.wait("all", "receipted")
    s.wait("bay", bay, "take")
    s.wait("idle")


def receipted(s):
    return s.ctl("status")["receipted"]


def once(s):
    """Each clip was staged once and receipted once: nothing doubled."""
    for kind in ("found", "staged", "receipted"):
        assets = [r["asset"] for r in s.ledger() if r["type"] == kind]
        assert len(assets) == len(set(assets)), kind


# ---- the configuration ----

def conf(s):
    return s.folder / "dockd.conf"


def syntax(s):
    conf(s).write_text(conf(s).read_text() + "take-when server\n")


def unknown(s):
    conf(s).write_text("eraze = \"never\";\n" + conf(s).read_text())


def doubled_bay(s):
    s.settings["bays"] = BAYS + [{"name": "3", "port": "1-1"}]
    s.write_config()


def gone(s):
    conf(s).unlink()


def empty(s):
    conf(s).write_text("")


def zeros(s):
    conf(s).write_bytes(bytes(conf(s).stat().st_size))


def huge(s):
    conf(s).write_text("# \n" * 400_000 + conf(s).read_text())


def folder(s):
    conf(s).unlink()
    conf(s).mkdir()


def fifo(s):
    conf(s).unlink()
    os.mkfifo(conf(s))


def closed(s):
    conf(s).chmod(0)


def no_profiles(s):
    for path in (s.folder / "profiles").iterdir():
        path.unlink()


def closed_profiles(s):
    (s.folder / "profiles").chmod(0)


def doubled_profile(s):
    shutil.copy(s.folder / "profiles/simulator.conf", s.folder / "profiles/other.conf")


def other_station(s):
    s.settings["station"] = "another"
    s.write_config()


BAD = {syntax: "syntax error", unknown: "eraze", doubled_bay: "bays[2].port", gone: "No such file",
       empty: "it is empty", zeros: "zeros in it", huge: "longer than", folder: "Is a directory", fifo: "not a file",
       closed: "Permission denied", no_profiles: "no *.conf", closed_profiles: "Permission denied",
       doubled_profile: "another profile", other_station: "station"}


def mend(s):
    """As it was, by whoever broke it."""
    if conf(s).is_dir():
        conf(s).rmdir()
    elif conf(s).exists():
        conf(s).unlink()
    (s.folder / "profiles").chmod(0o755)
    for path in (s.folder / "profiles").iterdir():
        path.unlink()
    for path in (s.bin / "profiles").iterdir():
        text = path.read_text()
        (s.folder / "profiles" / path.name).write_text(
            s._profile(text, QUICK) if path.name == "simulator.conf" else text)
    s.settings["station"], s.settings["bays"] = "test-station", BAYS
    s.write_config()


def managed(**settings):
    """As the service manager runs it: it tells where the state is, and starts again what ends."""
    s = Station(start=False, bays=BAYS, profile=QUICK, keep_core=True, **settings)
    s.env = {"STATE_DIRECTORY": str(s.folder / "state")}
    return s


def refused(s, how):
    return until(s, lambda: (lambda t: t if BAD[how] in t else "")(texts(s)), f"{BAD[how]} is told")


def test_a_bad_configuration_at_a_reload():
    """Each kind in turn, in one station that goes on taking in: told as long as it is so."""
    with managed() as s:
        s.start()
        camera = s.camera("A", shift())
        camera.plug("1-1")
        settle(s)
        for n, how in enumerate(BAD, 1):
            how(s)
            s.core.send(signal.SIGHUP)
            text = refused(s, how)
            assert "is in force" in text and "mend it" in text, text
            assert s.ctl("status")["station_light"] == "needs-it"
            assert len(s.events("reload-refused")) == n
            mend(s)
            if n % 7:  # else it finds out by itself
                s.core.send(signal.SIGHUP)
            until(s, lambda: "configuration" not in texts(s), "mended")
        assert len(s.events("reloaded")) == len(BAD)
        assert s.core.starts == 1
        two = s.camera("B", shift(2))
        two.plug("2-1")
        settle(s, "2")
        once(s)


@pytest.mark.parametrize("how", [syntax, closed_profiles, other_station],
                         ids=lambda f: f.__name__)
def test_a_bad_configuration_at_a_start(how):
    """A bad edit and then a power cut: the last good one takes in, uploads and shows lamps."""
    with managed() as s:
        s.start()
        camera = s.camera("A", shift())
        camera.plug("1-1")
        settle(s)
        how(s)
        s.core.send(signal.SIGKILL)
        until(s, lambda: s.core.starts == 2 and s.events("began")[1:], "it is started again")
        refused(s, how)
        assert s.ctl("status")["station_light"] == "needs-it"
        assert s.events("configuration-refused")
        two = s.camera("B", shift(2))
        two.plug("2-1")
        settle(s, "2")
        assert receipted(s) == 6
        began = [r for r in s.ledger() if r["type"] == "began"]
        assert [r.get("configuration") for r in began] == [None, "kept"]
        mend(s)
        if how is not syntax:  # of that it finds out by itself
            s.core.send(signal.SIGHUP)
        until(s, lambda: "configuration" not in texts(s), "mended")
        assert s.core.starts == 2
        once(s)


def test_a_bad_configuration_at_the_first_start():
    """Nothing is kept yet: it says what is wrong and does not run."""
    with managed() as s:
        syntax(s)
        s.keep_core = False
        s.start_core()
        assert s.core.process.wait(20) == 1
        assert f"{conf(s)}:" in s.log() and "syntax error" in s.log()
        mend(s)
        s.start()


def test_what_is_kept_is_whole():
    """Half of a copy never counts; what is kept is what was read last."""
    with managed() as s:
        s.start()
        kept = s.folder / "state/configuration"
        until(s, lambda: (kept / "dockd.conf").exists(), "kept")
        assert (kept / "dockd.conf").read_text() == conf(s).read_text()
        before = kept.stat().st_ino
        s.core.send(signal.SIGHUP)
        until(s, lambda: s.events("reloaded"), "read again")
        assert kept.stat().st_ino == before, "the same is left as it is"
        s.settings["pulls-per-port"] = 2
        s.write_config()
        s.core.send(signal.SIGHUP)
        until(s, lambda: len(s.events("reloaded")) == 2, "another is in force")
        assert "pulls-per-port = 2" in (kept / "dockd.conf").read_text()
        assert not (s.folder / "state/configuration.new").exists()
        (s.folder / "state/configuration.new").mkdir()
        (s.folder / "state/configuration.new/dockd.conf").write_text("half of")
        syntax(s)
        s.core.send(signal.SIGKILL)
        until(s, lambda: len(s.events("began")) == 2, "it is started again")
        refused(s, syntax)


def test_nothing_is_erased_while_the_configuration_is_refused():
    """Its owner may have written erase = "never" into it: erasing waits, all else goes on."""
    server = FaultServer()
    try:
        with managed(erase="when-receipted", accept_receipt="length",
                     destinations=[{"name": "store", "driver": "tus", "url": server.url}]) as s:
            s.start()
            syntax(s)
            s.core.send(signal.SIGHUP)
            refused(s, syntax)
            camera = s.camera("A", shift())
            camera.plug("1-1")
            s.wait("all", "receipted")
            until(s, lambda: {c["reason"].split(":")[0] for c in s.clips()} == {"configuration"},
                  "the gate says why")
            assert camera.stats()["deletions"] == 0
            mend(s)
            until(s, lambda: camera.stats()["deletions"] == 3, "erased when it is mended")
            assert len(s.events("reloaded")) == 1
    finally:
        server.close()


# ---- the index ----

def garbage(n):
    return random.Random(1).randbytes(n)


def head_lost(path):
    with open(path, "r+b") as f:
        f.write(garbage(100))


def pages_lost(path):
    size = path.stat().st_size
    with open(path, "r+b") as f:
        f.seek(4096)
        f.write(garbage(size - 4096))


def cut(path):
    os.truncate(path, path.stat().st_size // 2)


def folder_in_its_place(path):
    path.unlink()
    path.mkdir()


def closed_to_us(path):
    path.chmod(0)
    os.chown(path, 0, 0)


def other_version(path):
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 4711")
    db.close()


def answers(s):
    return {c["number"]: (c["path"], c["sha256"], c["rung"]) for c in s.clips()}


@pytest.mark.parametrize("how", [head_lost, pages_lost, cut], ids=lambda f: f.__name__)
def test_index_damaged_while_it_runs(how):
    """Noticed at the next look, nothing is done on its word; made anew at once, without a person."""
    with managed() as s:
        s.start()
        camera = s.camera("A", shift(1, 30, 1000))
        camera.plug("1-1")
        settle(s)
        before = answers(s)
        two = s.camera("B", shift(2, 3, MIB))
        path = s.folder / "state/index.sqlite"
        db = sqlite3.connect(path, isolation_level=None)
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        db.execute("CREATE TABLE other(one)")  # what dockd has in memory counts no more
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        how(path)
        db.close()
        two.plug("2-1")
        until(s, lambda: s.core.starts == 2 and len(s.events("began")) == 2, "it is started again")
        assert s.events("giving-up") and s.events("index-rebuilt")
        settle(s, "2")
        assert {n: a for n, a in answers(s).items() if n in before} == before
        assert receipted(s) == 33 and s.core.starts == 2
        assert texts(s) == ""
        once(s)


@pytest.mark.parametrize("how", [folder_in_its_place, closed_to_us, other_version], ids=lambda f: f.__name__)
def test_index_of_no_use_at_a_start(how):
    with managed() as s:
        s.start()
        camera = s.camera("A", shift())
        camera.plug("1-1")
        settle(s)
        before = answers(s)
        s.keep_core = s.core.keep = False
        s.core.stop()
        how(s.folder / "state/index.sqlite")
        s.start_core()
        s.wait("bay", "1", "take")
        assert s.events("index-rebuilt") and answers(s) == before
        once(s)


def test_damaged_indexes_do_not_fill_the_disk():
    with managed() as s:
        path = s.folder / "state/index.sqlite"
        for n in range(1, 6):
            s.keep_core = False
            s.start_core()
            assert len(s.events("index-rebuilt")) == n - 1
            s.core.stop()
            path.write_bytes(b"damage %d" % n + garbage(8192))
        assert sorted(p.name for p in path.parent.glob("*.bad-*")) == [f"index.sqlite.bad-{n}" for n in (1, 2, 3)]
        assert (path.parent / "index.sqlite.bad-3").read_bytes().startswith(b"damage 4")


# ---- a NAS ----

FUSE_INIT, MNT_DETACH = 26, 2
libc = ctypes.CDLL(None, use_errno=True)


class Hanging:
    """A file system over a folder that answers nothing after its beginning, as a NAS whose server is gone."""

    def __init__(self, folder):
        self.folder = folder
        self.fd = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
        options = f"fd={self.fd},rootmode=40000,user_id=0,group_id=0,allow_other"
        if libc.mount(b"nas", bytes(folder), b"fuse.nas", 0, options.encode()):
            raise OSError(ctypes.get_errno(), "mount")
        request = os.read(self.fd, 1 << 17)
        _, op, unique = struct.unpack_from("<IIQ", request)
        assert op == FUSE_INIT
        answer = struct.pack("<IIIIHHIIHHI28x", 7, 31, 0, 0, 12, 9, 1 << 16, 1, 1, 0, 0)
        os.write(self.fd, struct.pack("<IiQ", 16 + len(answer), 0, unique) + answer)

    def asked(self):
        """Until somebody waits for an answer that does not come."""
        os.read(self.fd, 1 << 17)

    def end(self):
        if self.fd >= 0:
            libc.umount2(bytes(self.folder), MNT_DETACH)
            os.close(self.fd)
            self.fd = -1


def destination(s, name):
    return {d["name"]: d for d in s.ctl("status")["destinations"]}[name]


def two_stores(folder):
    return [{"name": "store", "driver": "dir", "folder": folder / "store"},
            {"name": "other", "driver": "dir", "folder": folder / "other"}]


def stored_at(s, name):
    return sum(1 for p in (s.folder / name).glob("??/*") if len(p.name) == 64)


def test_a_nas_that_hangs(folder):
    """The kernel holds its uploader: told after two minutes; the others go on, and in the end it does."""
    clock = Clock(folder)
    (folder / "s").mkdir()
    with Station(start=False, bays=BAYS, profile=QUICK, env=clock.env, folder=folder / "s",
                 destinations=two_stores(folder / "s")) as s:
        s._dir("other", UPLOADER, 0o755)
        s.start()
        s.camera("A", shift()).plug("1-1")
        settle(s)
        nas = Hanging(s.folder / "store")
        try:
            s.camera("B", shift(2)).plug("2-1")
            nas.asked()
            until(s, lambda: stored_at(s, "other") == 6, "the other one has all of it")
            s.wait("bay", "2", "take")
            clock.on(60)
            assert destination(s, "store")["state"] == ""
            clock.on(61)
            until(s, lambda: destination(s, "store")["state"] == "silent", "it is told")
            text = destination(s, "store")["text"]
            assert "NAS" in text and "dockd-uploader@store" in text
            assert s.ctl("status")["station_light"] == "away"
            assert s.events("destination-away") and receipted(s) == 3
            # a restart of the core in the midst of it
            s.core.stop()
            s.start_core()
            until(s, lambda: destination(s, "other")["connected"], "the other one is back")
        finally:
            nas.end()
        settle(s, "2")
        assert stored_at(s, "store") == stored_at(s, "other") == 6
        assert destination(s, "store")["text"] == ""


def mount(source, target):
    subprocess.run(["mount", "--bind", source, target], check=True)


def unmount(target):
    subprocess.run(["umount", "-l", target], check=True)


def test_a_nas_that_is_unmounted_in_the_midst():
    """What lies below its mount point is another store: nothing is written there, and nobody is asked."""
    with Station(start=False, bays=BAYS, profile=QUICK) as s:
        nas = s.folder / "nas"
        nas.mkdir()
        os.chown(nas, UPLOADER, UPLOADER)
        mount(nas, s.folder / "store")
        try:
            s.start()
            s.camera("A", shift()).plug("1-1")
            settle(s)
            two = s.camera("B", shift(2, 2, 24 * MIB), rate=12 * MIB)
            two.plug("2-1")
            s.wait("clip", "4", "staged")
            unmount(s.folder / "store")
            until(s, lambda: destination(s, "store")["state"] == "another", "noticed")
            assert "mounted" in destination(s, "store")["text"]
            assert s.ctl("status")["station_light"] == "needs-it"
            s.wait("bay", "2", "take")  # all of it is held here
            assert not [p for p in (s.folder / "store").rglob("*")]
            mount(nas, s.folder / "store")
            settle(s, "2")
            assert not [r for r in s.ledger() if r["type"] in ("rebound", "lost", "recreated")]
            once(s)
        finally:
            unmount(s.folder / "store")
        assert sum(1 for p in nas.glob("??/*") if len(p.name) == 64) == 5
        assert not [p for p in (s.folder / "store").rglob("*")]


# ---- the disk ----

class Small(Station):
    """Its state folder is a file system of its own, of so many bytes and, where told, inodes."""

    def __init__(self, clock, size, inodes=0, **settings):
        super().__init__(start=False, bays=BAYS, profile=QUICK, keep_core=True, **settings)
        self.env = {"STATE_DIRECTORY": str(self.folder / "state"), **clock.env}
        self.state = self.folder / "state"
        options = f"size={size},mode=0700,uid={CORE},gid={CORE}" + (f",nr_inodes={inodes}" if inodes else "")
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "state", self.state], check=True)

    def close(self):
        try:
            super().close()
        finally:
            unmount(self.state)

    def fill(self, leave=0):
        """Somebody's file takes all but so many bytes."""
        free = os.statvfs(self.state)
        with open(self.state / "filler", "wb") as f:
            os.posix_fallocate(f.fileno(), 0, free.f_bavail * free.f_bsize - leave)

    def empty(self):
        (self.state / "filler").unlink()

    def take_inodes(self):
        (self.state / "many").mkdir()
        n = 0
        while os.statvfs(self.state).f_ffree > 0:
            (self.state / f"many/{n}").touch()
            n += 1

    def give_inodes(self):
        shutil.rmtree(self.state / "many")


@pytest.fixture
def clock(folder):
    return Clock(folder)


def test_disk_filled_by_others(clock):
    """Taking in stops before the reserve; sending goes on; room again, and it goes on by itself."""
    with Small(clock, 96 * MIB, reserve_bytes=16 * MIB) as s:
        s.start_core()
        s.start_hotplug()
        s.camera("A", shift(1, 2, 8 * MIB)).plug("1-1")
        s.wait("all", "checked")
        s.fill(leave=18 * MIB)
        s.camera("B", shift(2, 2, 8 * MIB)).plug("2-1")
        until(s, lambda: "disk is full" in s.bay("2")["text"], "told at the bay")
        assert s.bay("2")["light"] == "leave"
        assert s.ctl("status")["disk_free_bytes"] < s.ctl("status")["disk_reserve_bytes"] + 16 * MIB
        s.start_uploader("store")
        until(s, lambda: receipted(s) == 2, "what is here is sent")
        s.wait("bay", "1", "take")
        assert len([r for r in s.ledger() if r["type"] == "staged"]) == 2
        s.empty()
        settle(s, "2")
        assert s.events("disk-full") and s.core.starts == 1
        once(s)


def test_no_room_for_the_ledger(clock):
    """Nothing is done that cannot be written down, and status says why; room again: it goes on by itself."""
    with Small(clock, 64 * MIB) as s:
        s.start()
        s.camera("A", shift(1, 2)).plug("1-1")
        settle(s)
        s.fill()
        s.camera("B", shift(2, 2)).plug("2-1")
        text = until(s, lambda: texts(s), "it is told")
        assert "No space left" in text and "make room" in text, text
        assert s.ctl("status")["station_light"] == "needs-it"
        assert s.bay("2")["light"] != "take"
        s.empty()
        clock.on(61)
        until(s, lambda: len(s.events("began")) >= 2, "it is started again")
        settle(s, "2")
        assert receipted(s) == 4
        once(s)


def test_no_inodes_left(clock):
    with Small(clock, 64 * MIB, inodes=400) as s:
        s.start()
        s.camera("A", shift(1, 2)).plug("1-1")
        settle(s)
        s.take_inodes()
        s.camera("B", shift(2, 2)).plug("2-1")
        until(s, lambda: "disk is full" in s.bay("2")["text"], "it is told")
        assert s.bay("2")["light"] != "take"
        s.give_inodes()
        clock.on(61)
        settle(s, "2")
        assert receipted(s) == 4
        once(s)


# ---- the clock ----

HOUR, YEAR = 3600, 366 * 86400


def to_1970():
    return -int(time.time()) + 600


def test_the_clock_is_set_in_the_midst(clock):
    """Forward, back, to 1970: nothing waits for it or runs out by it, and the ledger marks each jump."""
    server = FaultServer()
    try:
        with Station(start=False, bays=BAYS, profile=QUICK, env=clock.env, uploader_env=clock.env,
                     erase="when-receipted", accept_receipt="length",
                     destinations=[{"name": "store", "driver": "tus", "url": server.url, "rate-kbit": 24_000}]) as s:
            s.start()
            camera = s.camera("A", shift(1, 4, 4 * MIB), rate=6 * MIB)
            camera.plug("1-1")
            s.wait("clip", "1", "staged")
            jumps = [HOUR, -2 * HOUR, YEAR, to_1970(), 0]
            for n, set_by in enumerate(jumps, 1):
                clock.at(0, set_by=set_by)
                until(s, lambda: len(s.events("clock-set")) == n, f"set by {set_by}")
            settle(s)
            until(s, lambda: camera.stats()["deletions"] == 4, "erased as ever")
            marks = [r["by-ms"] for r in s.ledger() if r["type"] == "clock-set"]
            assert marks == [1000 * (b - a) for a, b in zip([0, *jumps], jumps)]
            assert not s.events("upload-failed")  # a delivery that is late by the clock may be told
            assert texts(s) == ""
            once(s)
            # 1970 after a power cut, with an empty battery, and right again later
            clock.at(0, synchronised=False, set_by=to_1970())
            s.core.stop(signal.SIGKILL)
            s.start_core()
            two = s.camera("B", shift(2, 2))
            two.plug("2-1")
            s.wait("all", "receipted")
            assert not s.ctl("status")["clock_synchronised"]
            clock.at(0)
            until(s, lambda: len(s.events("clock-set")) == len(jumps) + 1, "set right")
            until(s, lambda: s.ctl("status")["clock_synchronised"], "told")
            assert s.ctl("ledger", "verify")["good"]
            once(s)
    finally:
        server.close()


# ---- the state folder and the key ----

def unusable(s, words):
    """It runs and is asked, says why, takes nothing in, and does not start again and again."""
    text = until(s, lambda: (lambda t: t if words in t else "")(texts(s)), words)
    assert "tried again" in text
    status = s.ctl("status")
    assert status["station_light"] == "needs-it" and status["intake_stopped"]
    assert s.bay("2")["light"] != "take" and words in s.bay("2")["text"]
    return s.core.starts


@pytest.fixture
def stopped(clock):
    """A station with a history, and a camera with something new in bay 2; the core is down."""
    with managed() as s:
        s.env.update(clock.env)
        s.start()
        s.camera("A", shift()).plug("1-1")
        settle(s)
        s.camera("B", shift(2)).plug("2-1")
        s.wait("dockings", "2")
        s.core.stop()
        yield s


def goes_on(s, clock, starts):
    """The cause is gone: the next try finds that."""
    clock.on(61)
    until(s, lambda: s.core.starts == starts + 1, "it is tried again")
    s.ctl("status", connect=True)
    settle(s, "2")
    assert receipted(s) == 6 and texts(s) == ""
    once(s)


def test_state_folder_read_only_at_a_start(clock, stopped):
    s = stopped
    state = s.folder / "state"
    mount(state, state)
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", state], check=True)
        s.start_core()
        starts = unusable(s, "Read-only file system")
    finally:
        unmount(state)
    goes_on(s, clock, starts)


def test_state_folder_full_at_a_start(clock):
    with Small(clock, 64 * MIB) as s:
        s.start()
        s.camera("A", shift()).plug("1-1")
        settle(s)
        s.camera("B", shift(2)).plug("2-1")
        s.wait("all", "receipted")
        s.core.stop()
        s.fill()
        s.start_core()
        starts = unusable(s, "No space left")
        s.empty()
        goes_on(s, clock, starts)


def ledger_fails(s):
    """The core's writes fail from now on, as on a disk that has gone."""
    subprocess.run([*as_user(CORE), "prlimit", f"--pid={s.core.process.pid}", "--fsize=0:"], check=True)


def test_the_ledger_fails_in_the_midst(clock):
    with managed() as s:
        s.env.update(clock.env)
        s.start()
        s.camera("A", shift()).plug("1-1")
        settle(s)
        before = len(s.ledger())
        ledger_fails(s)
        s.camera("B", shift(2)).plug("2-1")
        text = until(s, lambda: texts(s), "it is told")
        assert "cannot be written" in text and "every minute" in text
        assert s.ctl("status")["station_light"] == "needs-it" and s.bay("2")["light"] != "take"
        assert len(s.ledger()) == before and s.core.starts == 1  # its log cannot be written either
        clock.on(61)
        until(s, lambda: s.core.starts == 2, "it is started again")
        s.ctl("status", connect=True)
        settle(s, "2")
        once(s)


def key(s):
    return s.folder / "state/station.key"


def key_closed(s):
    os.chown(key(s), 0, 0)


def key_other(s):
    key(s).write_bytes(b"-----BEGIN PRIVATE KEY-----\nno key\n-----END PRIVATE KEY-----\n")


def key_folder(s):
    key(s).unlink()
    key(s).mkdir()


@pytest.mark.parametrize("how,words", [(key_closed, "Permission denied"), (key_other, "from its backup"),
                                       (key_folder, "plain file")], ids=lambda x: getattr(x, "__name__", ""))
def test_the_stations_key_cannot_be_read(clock, stopped, how, words):
    s = stopped
    kept = key(s).read_bytes()
    how(s)
    s.start_core()
    starts = unusable(s, words)
    shutil.rmtree(key(s)) if key(s).is_dir() else key(s).unlink()
    key(s).write_bytes(kept)
    key(s).chmod(0o600)
    os.chown(key(s), CORE, CORE)
    goes_on(s, clock, starts)


def test_the_stations_key_is_gone(clock, stopped):
    """No new one is made over a history: nothing is taken in until the old one is back."""
    s = stopped
    kept = key(s).read_bytes()
    key(s).unlink()
    s.start_core()
    until(s, lambda: "key is gone" in texts(s), "it is told")
    assert s.ctl("status")["intake_stopped"] and not key(s).exists()
    assert s.bay("2")["light"] != "take"
    s.core.stop()
    key(s).write_bytes(kept)
    key(s).chmod(0o600)
    os.chown(key(s), CORE, CORE)
    s.start_core()
    settle(s, "2")
    once(s)


# ---- certificates and their keys ----

def tls(pair, client_ca=None):
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    c.load_cert_chain(*pair)
    if client_ca:
        c.verify_mode = ssl.CERT_REQUIRED
        c.load_verify_locations(client_ca.certificate)
    return c


def told(s, state):
    return until(s, lambda: (lambda d: d["text"] if d["state"] == state else "")(destination(s, "store")), state)


def test_certificates_that_run_out(folder):
    """The server's has run out, then the station's key is closed to its uploader: each told, each mended alone."""
    at = folder / "keys"
    at.mkdir()
    ca = Authority(at, "ca")
    now, day = datetime.datetime.now(UTC), datetime.timedelta(days=1)
    expired = ca.host("/CN=server", first=now - 10 * day, last=now - day)
    good, client = ca.host("/CN=server", last=now + 99 * day), ca.host("/CN=client", last=now + 5 * day)
    for path in [at, *at.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    server = FaultServer(tls=tls(expired, ca))
    store = {"name": "store", "driver": "tus", "url": server.url, "ca-file": ca.certificate,
             "certificate-file": client[0], "key-file": client[1]}
    try:
        with Station(bays=BAYS, profile=QUICK, destinations=[store]) as s:
            s.camera("A", shift()).plug("1-1")
            text = told(s, "tls-expired")
            assert "expired" in text and s.ctl("status")["station_light"] == "needs-it"
            s.wait("bay", "1", "take")
            assert receipted(s) == 0
            server.tls = tls(good, ca)
            settle(s)
            assert destination(s, "store")["text"] == ""
            until(s, lambda: "client certificate expires in" in texts(s), "the next one is told in time")
            assert "the server's certificate" not in texts(s)
            client[1].chmod(0)
            s.uploaders["store"].send(signal.SIGKILL)  # it has read the key before
            s.camera("B", shift(2)).plug("2-1")
            s.wait("bay", "2", "take")
            text = until(s, lambda: destination(s, "store")["text"], "told")
            assert str(client[1]) in text or "key" in text, text
            assert receipted(s) == 3
            client[1].chmod(0o644)
            settle(s, "2")
            once(s)
    finally:
        server.close()


# ---- what else runs out ----

def test_no_room_for_the_log(folder):
    """A full /var/log costs lines of the log and nothing else."""
    small = folder / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size=64k,uid={CORE}", "log", small], check=True)
    try:
        with Station(bays=BAYS, profile=QUICK, log=small / "dockd.log", start=False) as s:
            s.start()
            filler = small / "filler"
            free = os.statvfs(small)
            with open(filler, "wb") as f:
                os.posix_fallocate(f.fileno(), 0, free.f_bavail * free.f_bsize)
            s.camera("A", shift(1, 40, 1000)).plug("1-1")
            settle(s)
            assert receipted(s) == 40 and s.core.starts == 1
            filler.unlink()
            before = len((small / "dockd.log").read_text())
            s.camera("B", shift(2)).plug("2-1")
            settle(s, "2")
            assert len((small / "dockd.log").read_text()) > before
    finally:
        unmount(small)


def test_no_files_left():
    """At its limit of open files nothing is taken for damaged; with room again it goes on."""
    with managed() as s:
        s.start()
        s.camera("A", shift()).plug("1-1")
        settle(s)
        pid = s.core.process.pid
        used = len(os.listdir(f"/proc/{pid}/fd"))
        limit = [*as_user(CORE), "prlimit", f"--pid={pid}"]
        before = subprocess.run([*limit, "--nofile", "-o", "SOFT", "--noheadings"], capture_output=True, text=True,
                                check=True).stdout.strip()
        subprocess.run([*limit, f"--nofile={used + 1}:"], check=True)
        s.camera("B", shift(2)).plug("2-1")
        s.wait("dockings", "2")
        until(s, lambda: s.bay("2")["text"] or texts(s) or s.events("worker-lost"), "it is told", 20)
        subprocess.run([*limit, f"--nofile={before}:"], check=True)
        s.ctl("retry", "--reason", "room again")
        settle(s, "2")
        assert not s.events("index-rebuilt")
        once(s)


def test_nothing_is_begun_where_evidence_may_not_lie():
    """A key made on a plain disk could be read from it for good: not before somebody has said that it may."""
    with managed(allow_plaintext=False) as s:
        state = s.folder / "state"
        s.start()
        s.camera("A", shift()).plug("1-1")
        s.wait("bay", "1", "leave")
        assert "not encrypted" in s.bay("1")["text"] and list(state.iterdir()) == []
        s.settings["allow-plaintext"] = True
        s.write_config()
        s.core.send(signal.SIGHUP)
        until(s, lambda: s.core.starts == 2, "it starts anew by itself")
        s.ctl("status", connect=True)
        settle(s)
        assert (state / "station.key").exists() and receipted(s) == 3
