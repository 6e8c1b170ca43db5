"""No room on the disk, for evidence, ledger, files or the log: told, and it goes on by itself."""
import os
import subprocess

from station import CORE, Station, until
from station_faults import BAYS, MIB, QUICK, Small, once, receipted, settle, shift, texts, unmount

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
        text = until(s, lambda: (lambda t: t if "No space left" in t else "")(texts(s)), "it is told")
        assert "make room" in text, text
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
            until(s, lambda: "log cannot be written: No space left" in texts(s), "it is told")
            assert "event=receipted" in s.log(), "on standard error"
            filler.unlink()
            until(s, lambda: texts(s) == "", "it goes again by itself")
            assert "event=log-gap" in (small / "dockd.log").read_text()
            before = len((small / "dockd.log").read_text())
            s.camera("B", shift(2)).plug("2-1")
            settle(s, "2")
            assert len((small / "dockd.log").read_text()) > before
    finally:
        unmount(small)
