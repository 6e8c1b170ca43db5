"""The simulated dock: what hotplug tells a core of cameras that come, are opened and go."""
import errno
import os
import socket
import struct
import subprocess

import proto
from ptp_camera import BUILD
from vcam import Camera, clip

PORT = struct.Struct("=64sI")
ARRIVED = struct.Struct("=64sIIHHHHHBBBBHH")  # up to the interfaces, with their alignment
OPENED = struct.Struct("=64sIi128s")


class Core:
    """The core's side of hotplug's socket."""

    def __init__(self, folder, dock):
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.listener.bind(str(folder / "core.sock"))
        self.listener.listen(1)
        self.listener.settimeout(60)
        self.process = subprocess.Popen(
            [BUILD / "test/dockd-hotplug", "--socket", folder / "core.sock", "--dock", dock],
            stderr=subprocess.DEVNULL)
        self.sock, _ = self.listener.accept()
        self.sock.settimeout(60)
        kind, body, _ = self.get()
        assert kind == 1 and struct.unpack_from("=II", body) == (proto.VERSION, 1)
        self.put(2, struct.pack("=II64s", proto.VERSION, 1, b"station"))

    def put(self, kind, body):
        self.sock.send(struct.pack("=HHII", kind, 0, len(body), 0) + body)

    def get(self):
        data, fds, _, _ = socket.recv_fds(self.sock, 8192, 1)
        kind, _, length, _ = struct.unpack_from("=HHII", data)
        assert length == len(data) - 12
        return kind, data[12:], fds

    def arrived(self):
        kind, body, _ = self.get()
        assert kind == 16 and len(body) == 732
        port, generation, presence = struct.unpack_from("=64sII", body)
        serial = body[348:476].split(b"\0")[0].decode()
        return port.rstrip(b"\0").decode(), generation, presence, serial

    def left(self):
        kind, body, _ = self.get()
        assert kind == 17
        port, generation = PORT.unpack(body)
        return port.rstrip(b"\0").decode(), generation

    def open(self, port, generation):
        self.put(19, PORT.pack(port.encode(), generation))
        kind, body, fds = self.get()
        assert kind == 20
        _, told, status, _ = OPENED.unpack(body)
        assert told == generation
        return status, fds

    def close(self):
        self.sock.close()
        self.listener.close()
        return self.process.wait(timeout=60)


def test_dock_tells_of_arrivals_and_opens(folder):
    dock = folder / "dock"
    with Camera(BUILD, folder, "A", dock=dock, objects=[clip("a", 10, 3)]) as a, \
            Camera(BUILD, folder, "B", dock=dock, objects=[clip("b", 10, 4)]) as b:
        a.plug("1-1")
        core = Core(folder, dock)
        assert core.arrived() == ("1-1", 1, 1, "BWC-A")
        assert core.get()[0] == 18  # SYNCED
        b.presence("not-authorised")
        b.plug("1-2")
        assert core.arrived() == ("1-2", 2, 2, "BWC-B")
        assert core.open("1-2", 2) == (-errno.EACCES, [])
        b.presence("ready")
        assert core.arrived() == ("1-2", 2, 1, "BWC-B")
        status, fds = core.open("1-2", 2)
        assert status == 0 and len(fds) == 1
        b.wait("connected", exactly=1)
        os.close(fds[0])
        assert core.open("1-2", 1)[0] == -errno.ENODEV
        assert core.open("1-7", 1)[0] == -errno.ENODEV
        b.unplug()
        b.plug("1-2")
        assert core.left() == ("1-2", 2)
        assert core.arrived() == ("1-2", 3, 1, "BWC-B")
        a.unplug()
        assert core.left() == ("1-1", 1)
        assert core.close() == 0


def test_dock_of_64_at_once(folder):
    dock = folder / "dock"
    cameras = [Camera(BUILD, folder, str(i), dock=dock) for i in range(8)]
    core = Core(folder, dock)
    assert core.get()[0] == 18
    for round_number in range(8):
        for i, c in enumerate(cameras):
            c.plug(f"1-{i + 1}")
        assert sorted(core.arrived()[0] for _ in cameras) == [f"1-{i + 1}" for i in range(8)]
        for c in cameras:
            c.unplug()
        assert len({core.left() for _ in cameras}) == 8
    for c in cameras:
        assert c.close() == 0
    assert core.close() == 0


def test_dock_without_a_core_says_so(folder):
    (folder / "dock").mkdir()
    r = subprocess.run([BUILD / "test/dockd-hotplug", "--socket", folder / "none", "--dock",
                        folder / "dock"], capture_output=True, text=True, timeout=60)
    assert r.returncode == 1 and "none" in r.stderr
