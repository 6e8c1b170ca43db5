#!/usr/bin/python3
"""A power cut at every flush of the station's disk.

A docking runs with its state on dm-log-writes. What was on the disk at each flush is made again on
another disk; there, whatever the ledger says the station has must be there byte for byte. At some of
them the station is started as after a power cut, and everything must end receipted.
"""

import json
import os
import pathlib
import subprocess

from labstation import CORE, LabStation, digests, fill, wait_on_bus
from station import UPLOADER
from probe import Tally, shell, until
from write_log import WriteLog

MIB = 1 << 20
DISK, LOG, COPY = "/dev/vda", "/dev/vdb", "/dev/vdc"
MARKER = ".dockd-destination"
RECOVERIES = 4
t = Tally("power")
out = os.environ["LAB_OUT"]


def run(*command):
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def mapper(*command):
    """dmsetup that makes the nodes itself: there are hundreds, and udev takes its time."""
    done = subprocess.run(["dmsetup", *command], capture_output=True, text=True,
                          env={**os.environ, "DM_DISABLE_UDEV": "1"})
    if done.returncode != 0:
        raise RuntimeError("dmsetup %s: %s" % (" ".join(command), done.stderr))


def sectors(device):
    return int(subprocess.check_output(["blockdev", "--getsz", device]))


class Snapshot:
    """The copied disk, mounted where what is written to it (recovery of the journal) is dropped."""

    where = "/run/copy"

    def __init__(self):
        os.makedirs(self.where)
        with open("/run/cow", "wb") as f:
            f.truncate(512 * MIB)
        self.loop = subprocess.check_output(["losetup", "-f", "--show", "/run/cow"],
                                            text=True).strip()

    def __enter__(self):
        mapper("create", "copy", "--table",
               "0 %d snapshot %s %s N 8" % (sectors(COPY), COPY, self.loop))
        run("mount", "/dev/mapper/copy", self.where)
        return pathlib.Path(self.where, "state")

    def __exit__(self, *_):
        run("umount", self.where)
        mapper("remove", "--retry", "copy")


def settings(folder, **more):
    os.makedirs(folder, exist_ok=True)
    s = LabStation(folder=folder, start=False, **more)
    with open(folder + "/profiles/qemu-mtp.conf", "a") as f:
        f.write("settle-seconds = 1;\n")
    return s


def records(state):
    """The ledger's records; half a line is allowed at its very end."""
    got = []
    for segment in sorted((state / "ledger").glob("*.jsonl")) if (state / "ledger").exists() else []:
        for line in segment.read_bytes().split(b"\n"):
            if line:
                try:
                    got.append(json.loads(line))
                except ValueError:
                    got.append(None)
    if got and got[-1] is None:
        got.pop()
    return got


def claims(book):
    """What the ledger says is held: {asset: (path, bytes, sealed)}."""
    held = {}
    for r in book:
        kind, asset = r["type"], r.get("asset")
        if kind == "found":
            held[asset] = (r["path"], 0, False)
        elif kind == "durable":
            held[asset] = (held[asset][0], r["offset"], False)
        elif kind == "pull":
            held[asset] = (held[asset][0], min(held[asset][1], r["offset"]), False)
        elif kind == "staged":
            held[asset] = (held[asset][0], r["size"], True)
        elif kind in ("restarted", "unstaged"):
            held[asset] = (held[asset][0], 0, False)
    return held


def same(path, original, first, length):
    """Whether the file's bytes first..length-1 are the original's."""
    with open(path, "rb") as a, open(original, "rb") as b:
        a.seek(first)
        b.seek(first)
        while first < length:
            now = min(length - first, MIB)
            x = a.read(now)
            if len(x) != now or x != b.read(now):
                return False
            first += now
    return True


def holes(state, book, compared):
    """
    Assets of which the ledger says more than the files hold. What an earlier cut has shown to be
    there (compared: {asset: claim}) is looked at again in its last MiB only.
    """
    bad = []
    for asset, claim in claims(book).items():
        path, length, sealed = claim
        names = ["%016x" % asset] if sealed else ["%016x" % asset, "%016x.part" % asset]
        files = [p for name in names for p in (state / "staging").rglob(name)]
        first = max(0, length - MIB) if compared.get(asset) == claim else 0
        compared[asset] = claim
        if length and not any(same(p, out + "/cam/" + path, first, length) for p in files):
            bad.append((asset, length, sealed, [str(p) for p in files]))
    return bad


def record_docking():
    run("modprobe", "-a", "dm_log_writes", "dm_snapshot", "loop", "ext4")
    mapper("create", "log", "--table",
           "0 %d log-writes %s %s" % (sectors(DISK), DISK, LOG))
    run("mkfs.ext4", "-q", "-E", "nodiscard,lazy_itable_init=0,lazy_journal_init=0",
        "/dev/mapper/log")
    os.makedirs("/run/disk")
    run("mount", "/dev/mapper/log", "/run/disk")
    os.mkdir("/run/disk/state", 0o700)
    os.chown("/run/disk/state", CORE, CORE)
    run("sync")
    mapper("message", "log", "0", "mark", "began")
    with settings("/run/station", state_dir="/run/disk/state").start() as s:
        shell("qemu_dock cam0 BWC-P %s/cam" % out)
        port = wait_on_bus("BWC-P")
        s.wait("dockings", 1, timeout=300)
        s.wait("bay", port, "take", timeout=800)
        s.wait("all", "receipted", timeout=400)
        stored = digests("/run/station/store")
        mark = pathlib.Path("/run/station/store", MARKER).read_text()
    run("umount", "/run/disk")
    mapper("remove", "--retry", "log")
    return stored, mark


def recover(state, number):
    """The station as it starts after a power cut: the same disk, another boot."""
    folder = "/run/again%d" % number
    with open("/run/boot_id", "w") as f:
        f.write("00000000-0000-4000-8000-%012d\n" % number)
    run("mount", "--bind", "/run/boot_id", "/proc/sys/kernel/random/boot_id")
    try:
        again = settings(folder, state_dir=state)
        # The same destination, emptied: another one would be taken for a disk that is not mounted.
        marker = pathlib.Path(folder, "store", MARKER)
        marker.write_text(mark)
        marker.chmod(0o600)
        os.chown(marker, UPLOADER, UPLOADER)
        with again.start() as s:
            port = wait_on_bus("BWC-P")
            until(300, lambda: s.ctl("status")["assets"] >= len(wanted))
            s.wait("all", "receipted", timeout=500)
            s.wait("bay", port, "take", timeout=300)
            return s.ctl("status")["assets"] == len(wanted), digests(folder + "/store"), s.log()
    finally:
        run("umount", "/proc/sys/kernel/random/boot_id")


wanted = fill(out + "/cam", {"DCIM/long.mp4": 68 * MIB, "DCIM/a clip.mp4": 9 * MIB + 1,
                             "DCIM/b.mp4": 3 * MIB, "DCIM/c.mp4": 511, "DCIM/empty.mp4": 0})
stored, mark = record_docking()
t.check("the docking that is recorded is whole", set(stored) == set(wanted), stored)
log = WriteLog(LOG)
began = log.mark("began")
flushes = log.flushes(began, len(log.entries))
t.check("%d writes and %d flushes recorded" % (len(log.entries), len(flushes)), len(flushes) > 10)
at = seq = half = 0
full = {flushes[len(flushes) * (i + 1) // (RECOVERIES + 1)] for i in range(RECOVERIES)}
snapshot, bad, mounted, compared = Snapshot(), [], 0, {}
for flush in flushes:
    log.replay(COPY, at, flush + 1)
    at = flush + 1
    with snapshot as state:
        mounted += 1
        book = records(state)
        if None in book or [r["seq"] for r in book] != list(range(1, len(book) + 1)):
            bad.append((flush, "ledger"))
            continue
        if len(book) < seq:
            bad.append((flush, "records lost"))
        seq = len(book)
        half += any(0 < n and not whole for _, n, whole in claims(book).values())
        bad += [(flush, hole) for hole in holes(state, book, compared)]
        if flush in full:
            good, again, text = recover(str(state), flush)
            # What had been receipted before the cut lies in the first store and is not sent again.
            known = {r["asset"] for r in book if r["type"] == "receipted"}
            t.check("started again at flush %d of %d: all receipted, %d sent before, %d now" %
                    (flushes.index(flush), len(flushes), len(known), len(again)),
                    good and set(again) | set(stored) == set(wanted) and
                    len(again) + len(known) >= len(wanted), text[-2000:])
t.check("%d power cuts: no hole, no record lost" % mounted, not bad and mounted == len(flushes),
        bad[:5])
t.check("the ledger grew to %d records" % seq, seq > 20)
t.check("some cuts were in the middle of a pull", half > 0, half)
t.finish()
