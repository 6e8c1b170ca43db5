"""Starts and drives simulated cameras (tests/vcam).

Owns one vcam process per Camera object. Used by the system tests, the benchmarks and the lab.
Standard library only. Nothing here sleeps: `wait` is answered by vcam when a thing has happened.

    with Camera(build, folder, "A", objects=[clip("DCIM/a.mp4", 1 << 20)]) as camera:
        camera.plug("1-2.1")
        camera.wait("bytes:DCIM/a.mp4", 65536)
        camera.unplug()
"""

import hashlib
import json
import os
import pathlib
import socket
import subprocess

TILE_BYTES = 1048573
STAMP_EVERY = 4096
_tile = None


def generate(seed, offset, length):
    """Bytes of the generated object with this seed: the same as contents_generate in vcam."""
    global _tile
    if _tile is None:
        _tile = hashlib.shake_128(b"vcam").digest(TILE_BYTES)
    begin = (offset + seed % TILE_BYTES * 7919) % TILE_BYTES
    parts, left = [], length
    while left > 0:
        part = _tile[begin:begin + left]
        parts.append(part)
        left -= len(part)
        begin = 0
    out = bytearray(b"".join(parts))
    for block in range(offset // STAMP_EVERY, (offset + length - 1) // STAMP_EVERY + 1):
        stamp = (seed % 2**64).to_bytes(8, "little") + block.to_bytes(8, "little")
        at = block * STAMP_EVERY - offset
        first, last = max(at, 0), min(at + 16, length)
        if first < last:
            out[first:last] = stamp[first - at:last - at]
    return bytes(out)


def digest(seed, size, piece=4 << 20):
    """SHA-256, as hex, of a generated object."""
    h = hashlib.sha256()
    for at in range(0, size, piece):
        h.update(generate(seed, at, min(piece, size - at)))
    return h.hexdigest()


def clip(path, size, seed=None, **more):
    """One object of a scenario, with generated content."""
    o = {"path": path, "size": size}
    if seed is not None:
        o["seed"] = seed
    o.update(more)
    return o


def fault_names(build):
    """Every fault that this vcam knows: [{"name", "parameters", "what"}]."""
    out = subprocess.run([os.path.join(build, "test/vcam"), "--faults"], check=True,
                         capture_output=True, text=True).stdout
    return json.loads(out)


class Checks(dict):
    """What shows each fault, by the fault's name: `@check("stall")` before the function."""

    def __call__(self, name):
        def keep(function):
            self[name] = function
            return function
        return keep

    @staticmethod
    def fired(camera, name):
        assert camera.stats()["fired"][name] >= 1, "the fault was never carried out"


class VcamError(Exception):
    """vcam refused a command, or a wait ran out."""


class Camera:
    """A simulated camera in an officer's hand: plugged and pulled as often as the test likes.

    build: the build folder; folder: where its sockets and scenario go (short: socket paths are at
    most 107 bytes); dock: the dock folder that the simulated hotplug watches. Keys of the scenario
    (usb, ptp, ops, clock, battery, events, rate, faults, storages, disk) go in as keywords;
    `objects` makes one storage; `disk` makes it a USB disk: {"luns": [{"image": path}]}, see
    scenario_disk.c, and disks.py for images.
    """

    def __init__(self, build, folder, name="camera", dock=None, objects=None, face="socket",
                 ffs=None, udc=None, gadget=None, wrapper=(), **scenario):
        self.name = name
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.dock = pathlib.Path(dock) if dock else self.folder / "dock"
        self.dock.mkdir(parents=True, exist_ok=True)
        self.socket_path = str(self.folder / f"{name}.usb")
        self.control_path = str(self.folder / f"{name}.ctl")
        scenario.setdefault("usb", {}).setdefault("serial", f"BWC-{name}")
        if "storages" not in scenario and "disk" not in scenario:
            scenario["storages"] = [{"objects": objects or []}]
        self.scenario_path = self.folder / f"{name}.json"
        self.scenario_path.write_text(json.dumps(scenario))
        args = [*wrapper, os.path.join(build, "test/vcam"), "--scenario",
                str(self.scenario_path), "--control", self.control_path]
        if face == "socket":
            args += ["--socket", self.socket_path, "--dock", str(self.dock)]
        else:
            args += ["--face", "ffs", "--ffs", ffs, "--udc", udc, "--gadget", gadget]
        self.process = subprocess.Popen(args, stdout=subprocess.PIPE, text=True)
        if self.process.stdout.readline() != "ready\n":
            raise VcamError(f"vcam {name} did not start (exit {self.process.wait()})")
        self._control = None

    # ---- control ----

    def command(self, *words, timeout=120):
        """Sends a command; returns its answer as a dict. Raises VcamError where it is refused."""
        text = " ".join(self._quote(str(w)) for w in words)
        return self.line(text, timeout)

    @staticmethod
    def _quote(word):
        return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'

    def line(self, text, timeout=120):
        """Sends one raw line."""
        if self._control is None:
            s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            s.connect(self.control_path)
            self._control = s.makefile("rw", encoding="utf-8", newline="\n")
            self._socket = s
        self._socket.settimeout(timeout)
        self._control.write(text + "\n")
        self._control.flush()
        answer = self._control.readline()
        if not answer:
            raise VcamError(f"vcam {self.name} is gone")
        answer = json.loads(answer)
        if not answer.pop("ok"):
            raise VcamError(f"{self.name}: {text}: {answer}")
        return answer

    def plug(self, port):
        self.command("plug", port)

    def unplug(self):
        self.command("unplug")

    def presence(self, word):
        """ready, not-authorised or not-configured."""
        self.command("presence", word)

    def fault(self, name, **parameters):
        """object, at, op, count, value, text: what `vcam --faults` says that it reads."""
        self.command("fault", name, *(f"{k}={v}" for k, v in parameters.items()))

    def clear(self):
        self.command("clear")

    def stats(self):
        return self.command("stats")

    def objects(self, digests=False):
        """Files that are present: {path: {"size", "sent", "sha256"?, "mtime"?}}."""
        return self.command("objects", *(["digest"] if digests else []), timeout=600)["objects"]

    def sent(self, path):
        """Payload bytes of an object sent so far, over all dockings."""
        return self.command("digest", path)["object"]["sent"]

    def digest(self, path):
        return self.command("digest", path, timeout=600)["object"]["sha256"]

    def sent_of(self, lun=0, begin=0, end=2**63 - 1):
        """Bytes of a disk's medium sent so far of those from begin to end, repeats counted."""
        return self.command("sent", f"lun{lun}", begin, end)["sent"]

    def poke(self, lun, offset, path):
        """What the file holds is written into the image, as a camera does that records on."""
        self.command("poke", f"lun{lun}", offset, path)

    def medium(self, lun, inside):
        """Takes the card out, or puts it in."""
        self.command("medium", f"lun{lun}", "in" if inside else "out")

    def add(self, path, size=0, **more):
        self.line("add " + json.dumps(clip(path, size, **more)))

    def remove(self, path):
        self.command("remove", path)

    def grow(self, path, by):
        self.command("grow", path, by)

    def touch(self, path, seconds):
        """seconds, or None for no time."""
        self.command("touch", path, "none" if seconds is None else seconds)

    def battery(self, percent):
        self.command("battery", percent)

    def rate(self, bytes_a_second):
        self.command("rate", bytes_a_second)

    def wait(self, key, at_least=None, exactly=None, seconds=90):
        """Returns once key has come to at_least (or is exactly); raises VcamError when not.

        Keys: plugged connected session clocks_set deletions sessions payload commands halts ...
        (the numbers of stats), bytes:PATH, op:0x1009, fired:FAULT.
        """
        how = f"{key}=={exactly}" if exactly is not None else f"{key}>={at_least}"
        return self.command("wait", how, seconds, timeout=seconds + 10)["value"]

    def close(self):
        """Ends the camera; what it holds is gone."""
        if self.process.poll() is None:
            try:
                self.command("quit")
            except (OSError, VcamError):
                self.process.kill()
        if self._control:
            self._control.close()
            self._socket.close()
            self._control = None
        self.process.stdout.close()
        return self.process.wait(timeout=30)

    @classmethod
    def gadget(cls, build, folder, name, n, **scenario):
        """The camera on a real bus, as root where the kernel has dummy_hcd: plugged into
        dummy_udc.N (`plug` takes any name then). Makes the gadget and its FunctionFS mount."""
        gadget = pathlib.Path(f"/sys/kernel/config/usb_gadget/vcam{n}")
        mount = pathlib.Path(f"/run/vcam{n}")
        if not gadget.exists():
            for sub in ("strings/0x409", "configs/c.1/strings/0x409", f"functions/ffs.vcam{n}"):
                (gadget / sub).mkdir(parents=True)
            (gadget / "configs/c.1/strings/0x409/configuration").write_text("mtp\n")
            (gadget / "configs/c.1/MaxPower").write_text("500\n")
            (gadget / f"configs/c.1/ffs.vcam{n}").symlink_to(gadget / f"functions/ffs.vcam{n}")
            mount.mkdir(parents=True, exist_ok=True)
            subprocess.run(["mount", "-t", "functionfs", f"vcam{n}", mount], check=True)
        return cls(build, folder, name, face="ffs", ffs=str(mount), udc=f"dummy_udc.{n}",
                   gadget=str(gadget), **scenario)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
