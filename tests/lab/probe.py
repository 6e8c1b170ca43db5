"""What lab scripts in Python share: counting, the guest's shell functions, and a core to probe with.

ProbeCore plays dockd towards dockd-hotplug: it listens, says WELCOME, and keeps every message that
comes. The layouts are those of dockd/base/proto_hotplug.h.
"""

import ctypes
import os
import pathlib
import re
import select
import signal
import socket
import struct
import subprocess
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TREE = os.path.dirname(os.path.dirname(HERE))
BUILD = os.environ.get("DOCKD_BUILD") or os.path.join(TREE, "build")
HOTPLUG_UID, GROUP_GID = 64001, 64000

with open(os.path.join(TREE, "dockd/base/proto.h"), encoding="utf-8") as header:
    PROTO_VERSION = int(re.search(r"#define PROTO_VERSION (\d+)", header.read()).group(1))
HELLO, WELCOME = 1, 2
ARRIVED, LEFT, SYNCED, OPEN, OPENED, CONTROLLER, OVER_CURRENT = range(16, 23)
READY, NOT_AUTHORISED, NOT_CONFIGURED = 1, 2, 3
HEAD = struct.Struct("=HHII")
PORT = struct.Struct("=64sI")
CONTROLLER_BODY = struct.Struct("=64s6I")
OPENED_BODY = struct.Struct("=64sIi128s")
ARRIVED_BODY = struct.Struct("=64sIIHHHHHBBBBHHH" + "BBBB28s" * 8 + "128s128s128s")


class Tally:
    def __init__(self, name):
        self.name, self.passed, self.failed = name, 0, 0

    def check(self, text, ok, more=""):
        if ok:
            self.passed += 1
            print("  ok    %s" % text, flush=True)
        else:
            self.failed += 1
            print("  FAIL  %s %s" % (text, more), flush=True)
        return ok

    def finish(self):
        print("%s: %d passed, %d failed" % (self.name, self.passed, self.failed), flush=True)
        raise SystemExit(0 if self.failed == 0 and self.passed else 1)


def shell(command, check=True):
    """Runs a function of lab-guest.sh (or any shell text) and returns what it prints."""
    done = subprocess.run(
        ["bash", "-c", ". %s/lab-guest.sh\n%s" % (HERE, command)],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=False)
    if check and done.returncode != 0:
        raise RuntimeError("%s: exit %d: %s" % (command, done.returncode, done.stdout))
    return done.stdout.strip()


def hmp(command):
    """One command to QEMU's monitor, without the time that a shell takes to start."""
    with open("/dev/virtio-ports/hmp", "w") as monitor:
        monitor.write(command + "\n")


def until(seconds, what):
    """Asks again until what() is true; its last answer, which is of after that time where none was."""
    end = time.monotonic() + seconds
    while True:
        late = time.monotonic() > end
        got = what()
        if got or late:
            return got
        time.sleep(0.02)


def on_bus(serial):
    """The port ("1-2") of the device with this serial, or None."""
    for device in pathlib.Path("/sys/bus/usb/devices").iterdir():
        try:
            if (device / "serial").read_text().strip() == serial:
                return device.name
        except OSError:
            continue
    return None


def attribute(port, name):
    """What sysfs says of the device at this port now; "" where there is none, or it is just leaving."""
    try:
        return pathlib.Path("/sys/bus/usb/devices", port, name).read_text().strip()
    except OSError:
        return ""


def set_up(serial):
    """
    The port of the device with this serial once its interfaces are there, or None: the serial is there
    before, and the configuration is told only when the kernel has done with them.
    """
    port = on_bus(serial)
    return port if port and attribute(port, "bConfigurationValue") else None


def text(field):
    return field.split(b"\0", 1)[0].decode("utf-8", "replace")


def facts(body):
    f = ARRIVED_BODY.unpack(body)
    interfaces = []
    for i in range(f[11]):
        number, cls, sub, proto, name = f[15 + 5 * i:20 + 5 * i]
        interfaces.append((number, cls, sub, proto, text(name)))
    return {
        "port": text(f[0]), "generation": f[1], "presence": f[2], "bus": f[3], "device": f[4],
        "vendor": f[5], "product": f[6], "release": f[7], "class": f[8], "speed": f[12],
        "interfaces": interfaces, "serial": text(f[55]), "manufacturer": text(f[56]),
        "model": text(f[57]),
    }


class Opens:
    """Every open of a device node below /dev/bus/usb, by anyone, from now on (inotify)."""

    def __init__(self):
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.fd = self.libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        self.watched = {}
        for bus in os.listdir("/dev/bus/usb"):
            path = "/dev/bus/usb/" + bus
            wd = self.libc.inotify_add_watch(self.fd, path.encode(), 0x20)  # IN_OPEN
            self.watched[wd] = path

    def seen(self):
        nodes = []
        try:
            raw = os.read(self.fd, 65536)
        except BlockingIOError:
            return nodes
        while raw:
            wd, mask, _, length = struct.unpack_from("iIII", raw)
            name = raw[16:16 + length].rstrip(b"\0").decode()
            if name and not mask & 0x40000000:  # IN_ISDIR
                nodes.append(self.watched[wd] + "/" + name)
            raw = raw[16 + length:]
        return nodes


class ProbeCore:
    def __init__(self, path="/run/probe/core.sock"):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.chmod(os.path.dirname(path), 0o755)
        self.path = path
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.listener.bind(path)
        os.chmod(path, 0o666)
        self.listener.listen(4)
        self.seen = []  # (type, body as dict, fds)
        self.controllers = {}  # name: (slots, endpoints, unconfigured) as told last
        self.repeated = 0  # CONTROLLERs that told nothing new
        self.sock = None

    def start(self, program=None):
        self.program = subprocess.Popen(
            ["setpriv", "--reuid", str(HOTPLUG_UID), "--regid", str(GROUP_GID), "--clear-groups",
             program or BUILD + "/dockd-hotplug", "--socket", self.path])
        self.listener.settimeout(30)
        self.sock, _ = self.listener.accept()
        kind, body, _ = self.receive(60) or (0, b"", [])
        if kind != HELLO or struct.unpack_from("=II", body) != (PROTO_VERSION, 1):
            raise RuntimeError("not the HELLO of hotplug")
        self.send(WELCOME, struct.pack("=II64s", PROTO_VERSION, 1, b"probe"))

    def send(self, kind, body):
        self.sock.send(HEAD.pack(kind, 0, len(body), 0) + body)

    def receive(self, seconds):
        """One message (type, body, fds), or None at the time limit; b"" type 0 at the end."""
        ready, _, _ = select.select([self.sock], [], [], seconds)
        if not ready:
            return None
        raw, fds, _, _ = socket.recv_fds(self.sock, 8192, 4)
        if not raw:
            return 0, b"", []
        kind, _, length, _ = HEAD.unpack_from(raw)
        body = raw[HEAD.size:]
        if len(body) != length:
            raise RuntimeError("length of message %d" % kind)
        return kind, body, fds

    def pump(self, seconds):
        """Takes what comes for so long at most; whether something came."""
        got = self.receive(seconds)
        if got is None:
            return False
        kind, body, fds = got
        if kind == 0:
            raise RuntimeError("dockd-hotplug has ended")
        if kind == ARRIVED:
            told = facts(body)
        elif kind == LEFT:
            told = dict(zip(("port", "generation"), PORT.unpack(body)))
            told["port"] = text(told["port"])
        elif kind == CONTROLLER:
            name, _, slots, _, endpoints, _, unconfigured = CONTROLLER_BODY.unpack(body)
            counts = (slots, endpoints, unconfigured)
            self.repeated += self.controllers.get(text(name)) == counts
            self.controllers[text(name)] = counts
            return True
        elif kind == OPENED:
            port, generation, status, why = OPENED_BODY.unpack(body)
            told = {"port": text(port), "generation": generation, "status": status,
                    "text": text(why), "fds": fds}
        else:
            told = {}
        self.seen.append((kind, told))
        return True

    def expect(self, seconds, kind, **want):
        """Waits for a message of this type with these facts, takes it out and returns it."""
        end = time.monotonic() + seconds
        while True:
            for i, (got, told) in enumerate(self.seen):
                if got == kind and all(told.get(k) == v for k, v in want.items()):
                    del self.seen[i]
                    return told
            left = end - time.monotonic()
            if not self.pump(max(0.0, left)) and left <= 0:
                return None

    def wait(self, seconds, what):
        """Takes what comes until what() is true; its last answer."""
        return until(seconds, lambda: (self.pump(0), what())[1])

    def quiet(self, seconds):
        """What comes unasked within so many seconds; takes it out."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.pump(max(0.0, end - time.monotonic()))
        came, self.seen = self.seen, []
        return came

    def open(self, port, generation, seconds=60):
        self.send(OPEN, PORT.pack(port.encode(), generation))
        return self.expect(seconds, OPENED, port=port, generation=generation)

    def rescan(self):
        self.program.send_signal(signal.SIGHUP)

    def device_fds(self):
        """The device nodes that hotplug holds open now."""
        folder = "/proc/%d/fd" % self.program.pid
        held = []
        for fd in os.listdir(folder):
            try:
                link = os.readlink(folder + "/" + fd)
            except OSError:
                continue
            if link.startswith("/dev/bus/usb"):
                held.append(link)
        return held
