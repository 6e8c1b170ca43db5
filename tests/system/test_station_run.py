"""The run folder: no room for sockets and figures, sockets that are taken away. And no folder for what is
temporary: nobody needs one."""
import ctypes
import os
import signal
import subprocess
import tempfile
import threading

import pytest

from station import CORE, Station, programs, until
from station_faults import BAYS, QUICK, once, receipted, settle, shift, unmount


class Cramped(Station):
    """Its run folder is a file system of its own with few inodes."""

    def __init__(self):
        super().__init__(start=False, bays=BAYS, profile=QUICK, keep_core=True)
        self.run = self.folder / "run"
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"nr_inodes=16,mode=0755,uid={CORE},gid={CORE}", "run",
                        self.run], check=True)

    def close(self):
        try:
            super().close()
        finally:
            unmount(self.run)

    def fill(self):
        while os.statvfs(self.run).f_ffree > 0:
            os.close(tempfile.mkstemp(prefix="filler", dir=self.run)[0])

    def empty(self):
        for path in self.run.glob("filler*"):
            path.unlink()


def began(s):
    return len([r for r in s.ledger() if r["type"] == "began"])


def test_no_room_in_the_run_folder():
    """While it runs that costs the figures alone; a start fails, and is not on record each time."""
    with Cramped() as s:
        s.start()
        until(s, (s.run / "metrics/dockd.prom").exists, "the figures are there")
        s.fill()
        s.core.send(signal.SIGHUP)
        until(s, lambda: s.events("metrics-not-written"), "it is told")
        assert "No space left" in s.events("metrics-not-written")[0]
        s.uploaders["store"].send(signal.SIGKILL)
        s.camera("A", shift()).plug("1-1")
        settle(s)
        assert receipted(s) == 3 and s.core.starts == 1
        s.core.stop()
        for name in ("control.sock", "core.sock"):
            (s.run / name).unlink()
        s.fill()
        start = threading.Thread(target=s.start_core)
        start.start()
        until(s, lambda: len(s.events("fatal")) > 2, "it is told, and tried again")
        assert f"path={s.run} " in s.events("fatal")[0] and "No space left" in s.events("fatal")[0]
        assert began(s) == 1
        s.empty()
        start.join()
        until(s, s.is_ready, "all find it again")
        assert began(s) == 2
        # somebody takes one away: nobody would find the way in any more, so it starts anew by itself
        (s.run / "core.sock").unlink()
        until(s, lambda: began(s) == 3, "it starts anew")
        assert "a socket in it is gone" in s.events("starting-anew")[0] and s.core.codes[-1] == 0
        until(s, s.is_ready, "all find it again")
        once(s)


CLONE_NEWNS, MS_BIND = 0x00020000, 4096
libc = ctypes.CDLL(None, use_errno=True)


def space(call, *args):
    if getattr(libc, call)(*args):
        raise OSError(ctypes.get_errno(), call)


@pytest.fixture
def nothing_temporary():
    """For this thread and what it starts /tmp and its like can be neither written nor found anything in."""
    programs()
    own, cwd, threads = tempfile.gettempdir(), os.getcwd(), set(threading.enumerate())
    before = os.open("/proc/thread-self/ns/mnt", os.O_RDONLY)
    space("unshare", CLONE_NEWNS)
    folder = os.open(own, os.O_PATH)
    try:
        subprocess.run(["mount", "--make-rprivate", "/"], check=True)
        places = [p for p in ("/tmp", "/var/tmp", "/dev/shm") if os.path.isdir(p)]
        for place in places:
            subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=1777", "none", place], check=True)
        os.makedirs(own, exist_ok=True)
        space("mount", f"/proc/self/fd/{folder}".encode(), own.encode(), None, MS_BIND, None)
        for place in places:
            subprocess.run(["mount", "-o", "remount,ro", place], check=True)
        yield {"TMPDIR": "/nonexistent"}
    finally:
        for thread in set(threading.enumerate()) - threads:  # they share where this one is
            thread.join(60)
        space("setns", before, CLONE_NEWNS)
        os.chdir(cwd)
        os.close(before)
        os.close(folder)


def test_nothing_temporary_is_needed(nothing_temporary):
    env = nothing_temporary
    with Station(bays=BAYS, profile=QUICK, env=env, uploader_env=env, hotplug_env=env) as s:
        with pytest.raises(OSError):
            tempfile.TemporaryFile(dir="/tmp")
        s.camera("A", shift()).plug("1-1")
        settle(s)
        assert s.ctl("ledger", "verify")["good"]
        once(s)
