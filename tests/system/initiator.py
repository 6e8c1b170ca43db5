"""A small PTP initiator over vusb, independent of the worker's: it is the simulator's self test.

Blocking, one request at a time unless told otherwise, and strict: what is not as it should be is
raised. Layouts: tests/vcam/vusb.h, PIMA 15740, USB still image class.
"""

import ctypes
import errno
import fcntl
import os
import socket
import struct

DESCRIPTORS, SUBMIT, COMPLETE, CANCEL, CLEAR_HALT, RESET = range(1, 7)
ZERO_PACKET = 1
HEAD = struct.Struct("=IIIiII8sI")
BULK_IN, BULK_OUT, EVENT = 0x81, 0x01, 0x82


class Unplugged(Exception):
    pass


class TimedOut(Exception):
    pass


class Stall(Exception):
    pass


class Broken(Exception):
    """The camera broke the protocol."""


class Host:
    """The host controller's side of one connection."""

    def __init__(self, path, timeout=20):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.connect(path)
        self.sock.settimeout(timeout)
        self.next_id = 1
        self.completed = {}
        kind, _, _, _, _, data = self.message()
        if kind != DESCRIPTORS:
            raise Broken(f"first message is {kind}")
        self.device, self.config = data[:18], data[18:]

    def close(self):
        self.sock.close()

    def exactly(self, n):
        out = bytearray(n)
        view, at = memoryview(out), 0
        while at < n:
            try:
                got = self.sock.recv_into(view[at:])
            except TimeoutError as e:
                raise TimedOut from e
            except ConnectionResetError as e:
                raise Unplugged from e
            if not got:
                raise Unplugged
            at += got
        return out

    def message(self):
        kind, ident, endpoint, status, length, _, _, n = HEAD.unpack(self.exactly(HEAD.size))
        return kind, ident, endpoint, status, length, bytes(self.exactly(n))

    def send(self, kind, endpoint=0, length=0, data=b"", setup=bytes(8), flags=0, ident=None):
        if ident is None:
            ident, self.next_id = self.next_id, self.next_id + 1
        try:
            self.sock.sendall(HEAD.pack(kind, ident, endpoint, 0, length, flags, setup,
                                        len(data)) + data)
        except (BrokenPipeError, ConnectionResetError) as e:
            raise Unplugged from e
        return ident

    def result(self, ident):
        """(status, data or length) of a request, once it is completed."""
        while ident not in self.completed:
            kind, i, _, status, length, data = self.message()
            if kind != COMPLETE:
                raise Broken(f"message {kind}")
            self.completed[i] = (status, data, length)
        return self.completed.pop(ident)

    def settle(self, ident):
        try:
            status, data, length = self.result(ident)
        except TimedOut:
            self.send(CANCEL, ident=ident)
            self.result(ident)
            raise
        if status == -errno.EPIPE:
            raise Stall
        if status:
            raise Broken(f"status {status}")
        return data, length

    def read(self, endpoint=BULK_IN, wanted=65536):
        return self.settle(self.send(SUBMIT, endpoint, wanted))[0]

    def write(self, data, packet=512):
        flags = ZERO_PACKET if len(data) % packet == 0 else 0
        return self.settle(self.send(SUBMIT, BULK_OUT, len(data), data, flags=flags))[1]

    def control(self, kind, request, value=0, index=0, data=b"", length=None):
        n = len(data) if length is None else length
        setup = struct.pack("<BBHHH", kind, request, value, index, n)
        return self.settle(self.send(SUBMIT, 0, n, data, setup))[0]

    def clear_halt(self, endpoint):
        self.settle(self.send(CLEAR_HALT, endpoint))

    def reset(self):
        self.settle(self.send(RESET))


class Usbfs:
    """The same over a real bus: a usbfs node (linux/usbdevice_fs.h), synchronous."""

    BULK, CONTROL, CLAIM, RESET_DEVICE, CLEAR = (0xC0185502, 0xC0185500, 0x8004550F, 0x5514,
                                                 0x80045515)

    def __init__(self, node, timeout=20):
        self.file = os.open(node, os.O_RDWR | os.O_CLOEXEC)
        self.timeout_ms = int(timeout * 1000)
        raw = os.read(self.file, 4096)
        self.device, self.config = raw[:18], raw[18:]
        # the three endpoints as the device numbers them: after configuration and interface (9 each)
        self.endpoints = dict(zip((BULK_IN, BULK_OUT, EVENT), self.config[20:35:7]))
        self.ioctl(self.CLAIM, struct.pack("I", 0))

    def close(self):
        os.close(self.file)

    def ioctl(self, request, arg=0):
        try:
            return fcntl.ioctl(self.file, request, arg)
        except OSError as e:
            if e.errno in (errno.ENODEV, errno.ESHUTDOWN, errno.EPROTO):
                raise Unplugged from e
            if e.errno == errno.EPIPE:
                raise Stall from e
            if e.errno == errno.ETIMEDOUT:
                raise TimedOut from e
            if e.errno == errno.EOVERFLOW:
                raise Broken(f"status {-e.errno}") from e
            raise

    def bulk(self, endpoint, buf):
        raw = bytearray(struct.pack("=IIIIQ", self.endpoints[endpoint], len(buf), self.timeout_ms, 0,
                                    ctypes.addressof(buf) if len(buf) else 0))
        return self.ioctl(self.BULK, raw)

    def read(self, endpoint=BULK_IN, wanted=16384):
        buf = ctypes.create_string_buffer(wanted)
        n = self.bulk(endpoint, buf)
        return buf.raw[:n]

    def write(self, data, packet=512):
        n = self.bulk(BULK_OUT, ctypes.create_string_buffer(data, len(data)))
        if len(data) % packet == 0:
            self.bulk(BULK_OUT, b"")
        return n

    def control(self, kind, request, value=0, index=0, data=b"", length=None):
        n = len(data) if length is None else length
        buf = ctypes.create_string_buffer(data, max(n, 1))
        raw = bytearray(struct.pack("=BBHHHIIQ", kind, request, value, index, n, self.timeout_ms,
                                    0, ctypes.addressof(buf)))
        n = self.ioctl(self.CONTROL, raw)
        return buf.raw[:n]

    def clear_halt(self, endpoint):
        self.ioctl(self.CLEAR, struct.pack("I", self.endpoints[endpoint]))

    def reset(self):
        self.ioctl(self.RESET_DEVICE)


class Ptp:
    """Transactions, and strict: every breach is raised. path: a vusb socket or a usbfs node."""

    def __init__(self, path, packet=512, timeout=20):
        self.host = (Usbfs if path.startswith("/dev/bus/usb") else Host)(path, timeout)
        self.packet = packet
        self.transaction = 0
        self.unread = b""

    def close(self):
        self.host.close()

    def container(self, kind, code, payload):
        return struct.pack("<IHHI", 12 + len(payload), kind, code, self.transaction) + payload

    def transfer(self, wanted=1 << 17):
        """One USB transfer: up to its short packet."""
        out = bytearray()
        while True:
            piece = self.host.read(BULK_IN, wanted)
            out += piece
            if len(piece) < wanted:
                return bytes(out)

    def head(self, data, kinds):
        if len(data) < 12:
            raise Broken(f"container of {len(data)} bytes")
        length, kind, code, transaction = struct.unpack_from("<IHHI", data)
        if kind not in kinds:
            raise Broken(f"container type {kind}")
        if transaction != self.transaction:
            raise Broken(f"transaction {transaction}, not {self.transaction}")
        return length, kind, code

    def run(self, code, *params, data=None):
        """(response code, response parameters, data phase or None)."""
        if code == 0x1002:
            self.transaction = 0
        self.host.write(self.container(1, code, struct.pack(f"<{len(params)}I", *params)))
        if data is not None:
            self.host.write(self.container(2, code, data))
        got = self.transfer()
        length, kind, said = self.head(got, (2, 3))
        payload = None
        if kind == 2:
            if said != code:
                raise Broken(f"data of operation {said:#x}")
            payload = got[12:]
            if length != 0xFFFFFFFF and length != len(got):
                raise Broken(f"container says {length}, is {len(got)}")
            got = self.transfer()
            length, kind, said = self.head(got, (3,))
        if length != len(got):
            raise Broken(f"response says {length}, is {len(got)}")
        self.transaction += 1
        return said, struct.unpack(f"<{(len(got) - 12) // 4}I", got[12:]), payload

    def must(self, code, *params, data=None):
        said, answer, payload = self.run(code, *params, data=data)
        if said != 0x2001:
            raise Broken(f"{code:#x}: response {said:#x}")
        return payload if payload is not None else answer

    def open(self):
        self.transaction = 0
        said, _, _ = self.run(0x1002, 1)
        if said not in (0x2001, 0x201E):
            raise Broken(f"OpenSession: {said:#x}")
        self.transaction = 1
        return said

    # ---- datasets ----

    @staticmethod
    def array(data, at=0, form="I"):
        n, = struct.unpack_from("<I", data, at)
        if n * struct.calcsize(form) > len(data) - at - 4:
            raise Broken(f"array of {n} in {len(data)} bytes")
        return struct.unpack_from(f"<{n}{form}", data, at + 4), at + 4 + n * struct.calcsize(form)

    @staticmethod
    def string(data, at):
        n = data[at]
        if at + 1 + 2 * n > len(data):
            raise Broken("string past the end")
        raw = data[at + 1:at + 1 + 2 * n]
        return raw.decode("utf-16-le", "surrogatepass").removesuffix("\0"), at + 1 + 2 * n

    def device_info(self):
        d = self.must(0x1001)
        _, at = self.string(d, 8)
        operations, at = self.array(d, at + 2, "H")
        info = {"operations": operations}
        info["events"], at = self.array(d, at, "H")
        info["properties"], at = self.array(d, at, "H")
        for _ in range(2):
            _, at = self.array(d, at, "H")
        for key in ("manufacturer", "model", "version", "serial"):
            info[key], at = self.string(d, at)
        return info

    def storages(self):
        return self.array(self.must(0x1004))[0]

    def handles(self, storage, parent=0xFFFFFFFF):
        return self.array(self.must(0x1007, storage, 0, parent))[0]

    def info(self, handle):
        d = self.must(0x1008, handle)
        storage, form, protection, size = struct.unpack_from("<IHHI", d)
        parent, = struct.unpack_from("<I", d, 38)
        name, at = self.string(d, 52)
        _, at = self.string(d, at)
        mtime, at = self.string(d, at)
        self.string(d, at)
        if size == 0xFFFFFFFF:
            size, = struct.unpack("<Q", self.must(0x9803, handle, 0xDC04))
        return {"storage": storage, "folder": form == 0x3001, "protected": bool(protection),
                "size": size, "parent": parent, "name": name, "mtime": mtime}

    def walk(self, limit=1000):
        """{path: (handle, info)} of all files; stops with Broken at more than limit objects."""
        out, seen = {}, 0
        for storage in self.storages():
            todo = [("", 0xFFFFFFFF)]
            while todo:
                prefix, parent = todo.pop()
                for handle in self.handles(storage, parent):
                    seen += 1
                    if seen > limit:
                        raise Broken("endless listing")
                    info = self.info(handle)
                    path = prefix + info["name"]
                    if info["folder"]:
                        todo.append((path + "/", handle))
                    elif path in out:
                        raise Broken(f"two objects called {path}")
                    else:
                        out[path] = (handle, info)
        return out

    def partial(self, handle, offset, length):
        said, answer, payload = self.run(0x95C1, handle, offset & 0xFFFFFFFF, offset >> 32, length)
        if said != 0x2001:
            raise Broken(f"GetPartialObject64: {said:#x}")
        if answer[0] != len(payload):
            raise Broken(f"says {answer[0]} bytes, sent {len(payload)}")
        return payload
