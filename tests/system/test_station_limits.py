"""Limits that the system sets for a process: open files."""
import os
import subprocess

from station import CORE, as_user, until
from station_faults import managed, once, settle, shift, texts

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
        until(s, lambda: s.bay("2")["text"] or texts(s) or s.events("worker-lost"), "it is told")
        subprocess.run([*limit, f"--nofile={before}:"], check=True)
        s.ctl("retry", "--reason", "room again")
        settle(s, "2")
        assert not s.events("index-rebuilt")
        once(s)
