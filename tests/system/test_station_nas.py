"""A store that hangs or is away: told, the others go on, and nothing is written in its place."""
import ctypes
import os
import struct

from station import UPLOADER, Clock, Station, until
from station_faults import BAYS, MIB, QUICK, destination, mount, once, receipted, settle, shift, unmount

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
