"""A station as it is installed: a whole Debian with the package in it, booted in QEMU.

    from appliance import Appliance, CONF
    with Appliance(folder, files={"/etc/dockd/dockd.conf": CONF % "..."}) as a:  # a disk of its own
        a.boot()                                # until systemd has started everything
        a.dock_mtp("cam1", "1.1", "BWC-1", "/host/folder")   # QEMU's usb-mtp on hub 1, port 1: bay "1-1.1"
        a.dock_disk("stick", "1.2", "BWC-2", "/host/disk.img")
        a.keyboard("lamps", "2")                # a.lamp("2", "capslock") is its folder in /sys
        a.ctl("wait", "all", "receipted", timeout=300)       # JSON of dockctl --json
        print(a.sh("journalctl -u dockd"))      # a root shell; Failed unless it exits 0
        a.undock("cam1")
        a.cut()                                 # SIGKILL for QEMU: a power cut
        a.boot()                                # the same disk, what was docked is docked
        a.poweroff()

The folder is this machine's: disk.img (of tests/lab/appliance) and upon it disk.qcow2, which has all
that the guest writes; console.log and qemu.log are there too. files are put in before the first boot
({path: text or bytes}; owner root, mode 0644 unless modes= says otherwise). `extra` disks are raw files
that the guest has as /dev/vdb and so on. `serve` is {guest port: (host, port)}: what the guest reaches
at 10.0.2.100, and nothing else. What tcg emulates takes some 10 to 20 times as long as outside: wait
for events, and measure in the guest's own time (a.uptime()).
"""

import base64
import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
BUILD = pathlib.Path(os.environ.get("DOCKD_BUILD") or HERE.parents[1] / "build")
MEMORY = os.environ.get("LAB_MEM", "1536")
BOOT_SECONDS = 400
HUBS = 2  # on root ports 1 and 2 of four, with 8 ports each

# What a user has written who keeps evidence on a plain disk and has one folder as destination.
CONF = """station = "castle-street";
allow-plaintext = true;
%s
"""


# no_timer_check: a busy machine emulates the timer too late for what the kernel finds plausible. What is masked
# would use up what an emulated processor has, at each boot.
KERNEL = "root=/dev/vda rw console=ttyS0 quiet loglevel=4 panic=-1 no_timer_check systemd.show_status=0" + "".join(
    " systemd.mask=" + unit for unit in (
        "e2scrub_reap.service", "e2scrub_all.timer", "apt-daily.timer", "apt-daily-upgrade.timer",
        "dpkg-db-backup.timer", "fstrim.timer"))


class Failed(Exception):
    pass


def image(package=None):
    """The folder with disk.img, vmlinuz, initrd.img, made if it is not there; see tests/lab/appliance."""
    done = subprocess.run([HERE / "appliance", "make", *([package] if package else [])],
                          stdout=subprocess.PIPE, text=True, check=True,
                          env={**os.environ, "DOCKD_BUILD": str(BUILD)})
    return pathlib.Path(done.stdout.strip())


def put_in(disk, files, modes=None):
    """Files {path: text or bytes} into an ext4 image that nobody has open; folders are made."""
    script, kept = [], []
    for number, (path, content) in enumerate(files.items()):
        content = content.encode() if isinstance(content, str) else content
        source = pathlib.Path("%s.%d" % (disk, number))
        source.write_bytes(content)
        kept.append(source)
        path = pathlib.PurePosixPath(path)
        script += ["mkdir %s" % folder for folder in reversed(path.parents) if str(folder) != "/"]
        script += ["rm %s" % path, "write %s %s" % (source, path),
                   "sif %s mode 0100%o" % (path, (modes or {}).get(str(path), 0o644))]
    subprocess.run(["/sbin/debugfs", "-w", "-f", "-", str(disk)], input="\n".join(script) + "\n",
                   text=True, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for source in kept:
        source.unlink()


class Qmp:
    """QEMU's monitor; what it tells unasked is kept in events."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(60)
        self.socket.connect(str(path))
        self.file = self.socket.makefile("rb")
        self.events = []
        self._read()
        self("qmp_capabilities")

    def _read(self):
        line = self.file.readline()
        if not line:
            raise Failed("QEMU's monitor is gone")
        return json.loads(line)

    def __call__(self, command, **arguments):
        ask = {"execute": command, "arguments": {k.replace("_", "-"): v for k, v in arguments.items()}}
        self.socket.sendall(json.dumps(ask).encode() + b"\n")
        while True:
            got = self._read()
            if "event" in got:
                self.events.append(got)
            elif "error" in got:
                raise Failed("%s: %s" % (command, got["error"]["desc"]))
            else:
                return got["return"]

    def event(self, name, **data):
        """Waits for an event that has these data."""
        while True:
            for got in self.events:
                if got["event"] == name and data.items() <= got.get("data", {}).items():
                    self.events.remove(got)
                    return got
            got = self._read()
            if "event" in got:
                self.events.append(got)

    def close(self):
        self.file.close()
        self.socket.close()


class Shell:
    """The root shell of the guest: many commands at once, each answered by its number."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(str(path))
        self.turn, self.told = threading.Condition(), {}
        self.number, self.up, self.gone = 0, False, False
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        file = self.socket.makefile("rb")
        while True:
            try:
                line = file.readline()
            except OSError:
                line = b""
            with self.turn:
                if not line:
                    self.gone = True
                elif line.strip() == b"up":
                    self.up = True
                else:
                    number, code, out, err = (line.rstrip(b"\n").split(b" ") + [b"", b""])[:4]
                    self.told[int(number)] = (int(code), base64.b64decode(out), base64.b64decode(err))
                self.turn.notify_all()
                if not line:
                    return

    def _wait(self, what, seconds, name):
        with self.turn:
            done = self.turn.wait_for(lambda: what() or self.gone, seconds)
            if not done or not what():
                raise Failed("%s: %s" % (name, "the guest is gone" if done else "%d s are over" % seconds))
            return what()

    def wait_up(self, seconds):
        self._wait(lambda: self.up, seconds, "boot")

    def run(self, command, seconds):
        with self.turn:
            self.number += 1
            number = self.number
            self.socket.sendall(b"%d %s\n" % (number, base64.b64encode(command.encode())))
        self._wait(lambda: number in self.told, seconds, command)
        return self.told.pop(number)

    def close(self):
        self.socket.close()


class Appliance:
    def __init__(self, folder, package=None, files=None, modes=None, extra=(), serve=None, disk=None,
                 memory=MEMORY):
        """disk: another's disk.qcow2 or raw image to boot from, instead of a fresh one."""
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.base = image(package)
        self.extra, self.serve, self.memory = list(extra), dict(serve or {}), memory
        self.docked = {}  # id: (arguments of device_add, of blockdev-add or None)
        self.process = self.qmp = self.shell = None
        self.boots = 0
        self.disk = pathlib.Path(disk) if disk else self._new_disk(files or {}, modes)

    def _new_disk(self, files, modes):
        raw, disk = self.folder / "disk.img", self.folder / "disk.qcow2"
        subprocess.run(["cp", "--sparse=always", "--reflink=auto", self.base / "disk.img", raw], check=True)
        put_in(raw, files, modes)
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", raw.resolve(), disk],
                       check=True)
        return disk

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process:
            self.cut()

    # ---- power ----

    def _command(self):
        accel = subprocess.check_output([HERE / "lab", "accel"], text=True).strip()
        driver = "qcow2" if self.disk.suffix == ".qcow2" else "raw"
        command = [
            "qemu-system-x86_64", "-nodefaults", "-no-reboot", "-machine", "q35,accel=" + accel, "-cpu", "max",
            "-smp", os.environ.get("LAB_SMP", "2"), "-m", str(self.memory), "-display", "none",
            "-kernel", self.base / "vmlinuz", "-initrd", self.base / "initrd.img", "-append",
            KERNEL,
            "-serial", "file:%s" % (self.folder / "console.log"),
            "-qmp", "unix:%s,server=on,wait=off" % (self.folder / "qmp"),
            "-device", "virtio-rng-pci", "-device", "virtio-serial-pci",
            "-chardev", "socket,id=agent,path=%s,server=on,wait=off" % (self.folder / "agent"),
            "-device", "virtserialport,chardev=agent,name=agent",
            "-device", "qemu-xhci,id=xhci,p2=4,p3=4"]
        for n, (path, kind) in enumerate([(self.disk, driver), *((p, "raw") for p in self.extra)]):
            command += ["-drive", "file=%s,format=%s,if=none,id=disk%d,cache=writeback" % (path, kind, n),
                        "-device", "virtio-blk-pci,drive=disk%d" % n]
        for n in range(1, HUBS + 1):
            command += ["-device", "usb-hub,bus=xhci.0,port=%d,ports=8" % n]
        forwards = "".join(",guestfwd=tcp:10.0.2.100:%d-cmd:%s %s %s %d" % (
            port, sys.executable, HERE / "appliance_relay.py", *to) for port, to in self.serve.items())
        command += ["-netdev", "user,id=net,restrict=on" + forwards, "-device", "virtio-net-pci,netdev=net"]
        for device, block in self.docked.values():
            if block:
                command += ["-blockdev", json.dumps(block)]
            command += ["-device", json.dumps(device)]
        return command

    def power_on(self, seconds=BOOT_SECONDS):
        """Until the shell answers; the boot goes on."""
        for name in ("qmp", "agent"):
            (self.folder / name).unlink(missing_ok=True)
        with open(self.folder / "qemu.log", "ab") as log:
            self.process = subprocess.Popen([str(word) for word in self._command()], stdout=log, stderr=log,
                                            stdin=subprocess.DEVNULL, start_new_session=True)
        end = time.monotonic() + 60
        while True:
            try:
                self.qmp = Qmp(self.folder / "qmp")
                self.shell = Shell(self.folder / "agent")
                break
            except OSError as e:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self.process.wait(0.1)  # for its end; its sockets are looked for in between
                if self.process.returncode is not None or time.monotonic() > end:
                    raise Failed("QEMU: " + (self.folder / "qemu.log").read_text()) from e
        self.shell.wait_up(seconds)
        self.boots += 1
        return self

    def boot(self, seconds=BOOT_SECONDS):
        """Until systemd has nothing left to start; its word for the whole ("running", "degraded")."""
        self.power_on(seconds)
        return self.run("systemctl is-system-running --wait", seconds)[1].strip()

    def cut(self):
        """The power goes, at this moment; what was docked is docked at the next boot."""
        self.process.send_signal(signal.SIGKILL)
        self._ended()

    def poweroff(self, seconds=400):
        """As a person does who shuts the PC down."""
        with contextlib.suppress(Failed):  # it may be gone before its shell has answered
            self.shell.run("systemctl poweroff &", 60)
        try:
            self.process.wait(seconds)
        finally:
            self.cut()

    def _ended(self):
        self.process.wait()
        self.qmp.close()
        self.shell.close()
        self.process = self.qmp = self.shell = None

    # ---- USB: ports as "1.3", third of hub 1, or "4", the root's; the bay is "1-" and the port. Before a boot
    # it is there from the start ----

    def _plug(self, name, device, block=None):
        if self.qmp:
            if block:
                self.qmp("blockdev-add", **block)
            self.qmp("device_add", **device)
        self.docked[name] = (device, block)

    def dock_mtp(self, name, port, serial, folder, erasable=False):
        self._plug(name, {"driver": "usb-mtp", "id": name, "bus": "xhci.0", "port": port, "serial": serial,
                          "rootdir": str(folder), "desc": name, "readonly": not erasable})

    def dock_disk(self, name, port, serial, path, read_only=True):
        self._plug(name, {"driver": "usb-storage", "id": name, "bus": "xhci.0", "port": port,
                          "serial": serial, "drive": name + "-image"},
                   {"driver": "raw", "node-name": name + "-image", "read-only": read_only,
                    "file": {"driver": "file", "filename": str(path)}})

    def keyboard(self, name, port):
        self._plug(name, {"driver": "usb-kbd", "id": name, "bus": "xhci.0", "port": port,
                          "serial": name})

    def undock(self, name):
        """Pulled out; when this returns it is gone for QEMU, and the guest hears of it."""
        _, block = self.docked.pop(name)
        if not self.qmp:
            return
        self.qmp("device_del", id=name)
        self.qmp.event("DEVICE_DELETED", device=name)
        if block:
            self.qmp("blockdev-del", node_name=block["node-name"])

    def lamp(self, port, which):
        """The folder in /sys of a keyboard's lamp: "capslock", "numlock" or "scrolllock"."""
        return self.until("ls -d /sys/bus/usb/devices/1-%s/1-%s:1.0/*/input/input*/*::%s" %
                          (port, port, which)).split()[0]

    # ---- the shell ----

    def run(self, command, seconds=400):
        """bash -c, as root: (exit code, output, errors)."""
        code, out, err = self.shell.run(command, seconds)
        return code, out.decode("utf-8", "replace"), err.decode("utf-8", "replace")

    def sh(self, command, seconds=400):
        """Output of a command that must succeed."""
        code, out, err = self.run(command, seconds)
        if code != 0:
            raise Failed("%s: exit %d: %s%s" % (command, code, out, err))
        return out

    def until(self, command, seconds=400):
        """Output of a command that is asked again, in the guest, until it succeeds."""
        return self.sh("end=$((SECONDS + %d)); until out=$(exec 2>/run/until; %s); do [ $SECONDS -lt $end ] || "
                       "{ cat /run/until >&2; exit 1; }; sleep 0.2; done; echo \"$out\"" % (seconds, command),
                       seconds + 200)

    def ctl(self, *words, timeout=400):
        """What dockctl --json tells; its exit code must be 0."""
        if words[0] == "wait":
            words = ("wait", "--timeout", str(timeout), *words[1:])
        out = self.sh("dockctl --json " + " ".join("'%s'" % word for word in words), timeout + 200)
        return json.loads(out) if out.strip() else None

    def read(self, path):
        code, out, err = self.shell.run("cat '%s'" % path, 300)
        if code != 0:
            raise Failed(err.decode())
        return out

    def write(self, path, text, mode="644"):
        data = base64.b64encode(text if isinstance(text, bytes) else text.encode()).decode()
        self.sh("base64 -d >'%s' <<'EOF'\n%s\nEOF\nchmod %s '%s'" % (path, data, mode, path))

    def digests(self, folder):
        """{path below folder: SHA-256} of all files there."""
        out = self.sh("cd '%s' && find . -type f -print0 | xargs -0r sha256sum -z | tr '\\0' '\\n'" % folder, 300)
        return {line[66:].removeprefix("./"): line[:64] for line in out.splitlines()}

    def uptime(self):
        """Seconds since the guest has booted, by its own clock."""
        return float(self.sh("cat /proc/uptime").split()[0])

    def journal(self, unit=None, boot=True):
        """[{...}] of the journal, of a unit or all, of this boot or all."""
        out = self.sh("journalctl -q -o json --no-pager%s%s" % (" -b" if boot else "",
                                                               " -u " + unit if unit else ""), 300)
        return [json.loads(line) for line in out.splitlines()]
