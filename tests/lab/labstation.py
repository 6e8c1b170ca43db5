"""The shipped programs as a whole station in the guest, and real cameras to dock at it.

The station of the system tests, with nothing doubled: the real dockd-hotplug, the real USB stack.
"""

import contextlib
import hashlib
import os
import pathlib
import sys

from probe import HERE, on_bus, set_up, shell, until

sys.path.insert(0, os.path.join(HERE, "..", "system"))
import station as system  # noqa: E402
from station import CORE, CORE_GROUP, HOTPLUG, Service, Station, as_user  # noqa: E402

NODE_GROUP = 64000  # "dockd" in lab-guest.sh: whose the device nodes are
system.PROGRAMS = ["dockd", "dockd-camera", "dockd-verify", "dockd-hotplug", "dockd-uploader",
                   "dockctl"]


class LabStation(Station):
    def start_hotplug(self):
        self.hotplug = Service("hotplug", [
            *as_user(HOTPLUG, CORE_GROUP, NODE_GROUP), self.bin / "dockd-hotplug", "--socket",
            self.folder / "run/core.sock"], self.folder / "logs/hotplug.log")


def fill(folder, files):
    """Makes files {path: bytes}, of random contents; {digest: path}."""
    made = {}
    for path, size in files.items():
        to = pathlib.Path(folder, path)
        to.parent.mkdir(parents=True, exist_ok=True)
        with open(to, "wb") as f:
            left, digest = size, hashlib.blake2b()
            while left > 0:
                piece = os.urandom(min(left, 1 << 20))
                f.write(piece)
                digest.update(piece)
                left -= len(piece)
        made[digest.hexdigest()] = str(to)
    return made


def digests(folder):
    """{digest: path} of what a server holds."""
    found = {}
    for path in pathlib.Path(folder).rglob("*"):
        if path.is_file() and not path.name.startswith(".") and path.suffix != ".json":
            with contextlib.suppress(FileNotFoundError):  # it had the name of one that is being written
                found[hashlib.blake2b(path.read_bytes()).hexdigest()] = path.name
    return found


def wait_on_bus(serial, seconds=60):
    return until(seconds, lambda: set_up(serial))


def node_of(port):
    device = pathlib.Path("/sys/bus/usb/devices", port)
    return "/dev/bus/usb/%03d/%03d" % tuple(
        int((device / name).read_text()) for name in ("busnum", "devnum"))


__all__ = ["CORE", "LabStation", "fill", "digests", "on_bus", "wait_on_bus", "node_of", "shell", "until"]
