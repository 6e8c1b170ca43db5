"""What tests of a station's faults share: what it takes in, what it says, how it is run and looked at.

In each of them: what can go on goes on, status says what, where and what to do, and when the cause is
gone it goes on by itself.
"""
import os
import shutil
import subprocess

import vcam
from station import CORE, Station

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


def conf(s):
    return s.folder / "dockd.conf"


def syntax(s):
    conf(s).write_text(conf(s).read_text() + "take-when server\n")


def managed(**settings):
    """As the service manager runs it: it tells where the state is, and starts again what ends."""
    s = Station(start=False, bays=BAYS, profile=QUICK, keep_core=True, **settings)
    s.env = {"STATE_DIRECTORY": str(s.folder / "state")}
    return s


def destination(s, name):
    return {d["name"]: d for d in s.ctl("status")["destinations"]}[name]


def mount(source, target):
    subprocess.run(["mount", "--bind", source, target], check=True)


def unmount(target):
    subprocess.run(["umount", "-l", target], check=True)


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
