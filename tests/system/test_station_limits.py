"""Limits that the system sets for a process: open files, memory, the size of a file."""
import os
import subprocess

from station import CORE, CORE_GROUP, Service, as_user, until
from station_faults import MIB, managed, once, receipted, settle, shift, texts


def start_under(s, *limits):
    """The core with these limits from its start; nothing else yet."""
    s.core = Service("dockd", [
        "prlimit", *limits, *as_user(CORE, CORE_GROUP), s.bin / "dockd", "-c", s.folder / "dockd.conf",
        "--libexec", s.bin, "--profiles", s.folder / "profiles"], s.folder / "logs/dockd.log", s.env, False)
    s.ctl("status", check=False, connect=True)


def limit(s, what):
    """Of the core, from now on."""
    subprocess.run([*as_user(CORE), "prlimit", f"--pid={s.core.process.pid}", what], check=True)


def test_no_files_left():
    """At its limit of open files nothing is taken for damaged; with room again it goes on."""
    with managed() as s:
        s.start()
        s.camera("A", shift()).plug("1-1")
        settle(s)
        pid = s.core.process.pid
        used = len(os.listdir(f"/proc/{pid}/fd"))
        before = subprocess.run([*as_user(CORE), "prlimit", f"--pid={pid}", "--nofile", "-o", "SOFT", "--noheadings"],
                                capture_output=True, text=True, check=True).stdout.strip()
        limit(s, f"--nofile={used + 1}:")
        s.camera("B", shift(2)).plug("2-1")
        s.wait("dockings", "2")
        until(s, lambda: s.bay("2")["text"] or texts(s) or s.events("worker-lost"), "it is told", 20)
        limit(s, f"--nofile={before}:")
        s.ctl("retry", "--reason", "room again")
        settle(s, "2")
        assert not s.events("index-rebuilt")
        once(s)


def test_too_few_files_from_the_start():
    """What is needed is told at the start, and when it bites it is not called a failing disk."""
    with managed() as s:
        start_under(s, "--nofile=24:24")
        assert s.events("few-files")
        s.start_hotplug()
        s.start_uploader("store")
        s.camera("A", shift()).plug("1-1")
        until(s, lambda: "open files" in s.log().replace("few-files", ""), "it is told")
        assert "its disk fails" not in s.log() and not s.events("index-rebuilt")


def test_no_memory_for_a_worker():
    """It is told as what it is, the station stays up, and goes on when there is memory again."""
    with managed() as s:
        s.start()
        with open(f"/proc/{s.core.process.pid}/statm", encoding="ascii") as f:
            used = int(f.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
        limit(s, f"--as={used + (16 << 10)}:")
        s.camera("A", shift()).plug("1-1")
        until(s, lambda: "memory" in s.bay("1")["text"], "it is told")
        assert "package" not in s.bay("1")["text"] and s.core.starts == 1
        limit(s, "--as=unlimited:")
        settle(s)  # by itself
        assert s.core.starts == 1
        once(s)


def test_a_file_is_larger_than_the_service_may_write():
    """The others are taken, and it is not the camera that is blamed."""
    with managed() as s:
        start_under(s, f"--fsize={6 * MIB}:{6 * MIB}")
        s.start_hotplug()
        s.start_uploader("store")
        s.camera("A", [*shift(), *shift(2, 1, 7 * MIB)]).plug("1-1")
        until(s, lambda: "LimitFSIZE=" in s.bay("1")["text"], "it is told")
        until(s, lambda: receipted(s) == 3, "the others")
        until(s, lambda: s.bay("1")["light"] == "leave", "the sergeant is told")
        assert not [r for r in s.ledger() if r["type"] in ("trouble", "restarted")]
        s.core.stop()
        s.start_core()
        settle(s)
        assert receipted(s) == 4
        once(s)
