"""The core's side of an uploader's socket, for fault tests that need exact control of each message.

Everything else is tested on the whole system. Structs follow dockd/base/proto_upload.h.
"""
import array
import hashlib
import os
import pathlib
import select
import socket
import struct
import subprocess
import time

import proto

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("DOCKD_BUILD", ROOT / "build")).resolve()
PROGRAM = BUILD / "test" / "dockd-uploader"
SANITIZED = "asan" in BUILD.parts
USER = 64123

MSG = dict(HELLO=1, WELCOME=2, DESTINATION=80, READY=81, UPLOAD=82, CREATED=83, PROCEED=84,
           PROGRESS=85, RECEIPT=86, FAILED=87, STOP_UPLOAD=88, RECONFIRM=89, REMOVE=90,
           REMOVED=91, ABANDON=92, PRESERVE=93, PRESERVED=94, CERTIFICATE=95)
NAME = {v: k for k, v in MSG.items()}
NO_TIME = -(1 << 63)
HEAD = struct.Struct("=HHII")
HELLO = struct.Struct("=II64s")
WELCOME = struct.Struct("=II64s")
DESTINATION = struct.Struct("=IIIIIIQQQQII192s288s1024s256s256s256s256s64s128s256s256s256s64s128s32s")
RATE = struct.Struct("=IHHQ")
PIN = struct.Struct("=32sqq")
UNLIMITED = (1 << 64) - 1
READY = struct.Struct("=iIII256s1280s")
UPLOAD = struct.Struct("=Q32sqqIIII32s32s68s132s40s40s256s128s1024s")
CREATED = struct.Struct("=qII1024s128s")
PROGRESS = struct.Struct("=QQq")
RECEIPT = struct.Struct("=IIQQ32s1024s128sqII2048s")
FAILED = struct.Struct("=IIQQQ32s256s")
CERTIFICATE = struct.Struct("=IIqq")
STATUS = struct.Struct("=i128s")

LOCAL, LENGTH, TRANSFER_DIGEST, STORED_DIGEST, READBACK, SIGNED = 1, 2, 3, 4, 5, 6
LATER, AWAY, REFUSED, BAD_DESTINATION, SOURCE, STOPPED, LOST, DIFFERS, CANNOT = range(1, 10)
DIR, TUS, S3 = 1, 2, 3
READ_BACK, CHECKSUM, OVERRIDE, RECEIPTS, DISPOSE, STATED, PATH_STYLE = 1, 2, 4, 8, 16, 32, 64
CONFIRMS, REMOVES, PRESERVES, ABANDONS, FINDS, MARKS = 1, 2, 4, 8, 16, 32
GOVERNANCE, COMPLIANCE = 1, 2
LEGAL, MARK = 1, 2
CLIP, LEDGER, CHECKPOINT, BUNDLE = 2, 8, 9, 10


def text(raw):
    return raw.split(b"\0", 1)[0].decode("utf-8", "replace")


def asset_of(path):
    """The id of a clip with these bytes, as Core gives it."""
    return hashlib.sha256(b"camera" + hashlib.sha256(pathlib.Path(path).read_bytes()).digest()).hexdigest()


def stored(store, path, suffix=""):
    """Where a folder has it."""
    asset = asset_of(path)
    return store / asset[:2] / (asset + suffix)


class Message:
    def __init__(self, data):
        kind, self.slot, length, self.generation = HEAD.unpack_from(data)
        self.kind = NAME.get(kind, str(kind))
        body = data[HEAD.size:]
        assert len(body) == length, (self.kind, length, len(body))
        if self.kind == "HELLO":
            self.version, self.role, name = HELLO.unpack(body)
            self.name = text(name)
        elif self.kind == "READY":
            self.status, self.level, self.can, _, t, i = READY.unpack(body)
            self.text, self.identity = text(t), text(i)
        elif self.kind == "CREATED":
            self.expires, self.found, _, a, t = CREATED.unpack(body)
            self.address, self.text = text(a), text(t)
        elif self.kind == "CERTIFICATE":
            self.which, _, self.not_before, self.not_after = CERTIFICATE.unpack(body)
        elif self.kind == "PROGRESS":
            self.offset, self.sent, self.expires = PROGRESS.unpack(body)
        elif self.kind == "RECEIPT":
            (self.level, n, self.length, self.sent, self.sha256, o, v, self.retain_until,
             self.lock_mode, self.held, raw) = RECEIPT.unpack(body)
            self.object, self.version, self.raw = text(o), text(v), raw[:n]
        elif self.kind == "FAILED":
            (self.failure, self.http, self.retry_after, self.offset, self.sent,
             s, t) = FAILED.unpack(body)
            self.state, self.text = text(s), text(t)
        elif self.kind in ("REMOVED", "PRESERVED"):
            self.status, t = STATUS.unpack(body)
            self.text = text(t)

    def __repr__(self):
        return f"<{' '.join(f'{k}={v!r}' for k, v in vars(self).items())}>"


class Core:
    """Listens, starts one uploader as a made-up user, and speaks to it."""

    def __init__(self, folder, program, uid=64123, env=None, station="station-1"):
        self.folder = pathlib.Path(folder)
        self.path = str(self.folder / "core.sock")
        self.program, self.uid, self.env = str(program), uid, env or {}
        self.station = station
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.listener.bind(self.path)
        os.chmod(self.path, 0o777)
        self.listener.listen(4)
        self.process = self.sock = None
        self.generation = 0
        self.progress = []
        self.became = []  # identities told by a READY that nobody asked for

    def start(self):
        """Starts the program and takes its HELLO."""
        command = [self.program, "--socket", self.path, "test"]
        if os.getuid() == 0:
            command = ["setpriv", f"--reuid={self.uid}", f"--regid={self.uid}", "--clear-groups",
                       *command]
        self.log = open(self.folder / "uploader.log", "ab")
        self.process = subprocess.Popen(command, stderr=self.log, env={**os.environ, **self.env})
        ready, _, _ = select.select([self.listener], [], [], 90)
        assert ready, "the uploader did not connect"
        self.sock, _ = self.listener.accept()
        hello = self.get("HELLO")
        assert (hello.version, hello.role, hello.name) == (proto.VERSION, 2, "test")
        self.put("WELCOME", WELCOME.pack(proto.VERSION, 7, self.station.encode()))
        return self

    def preserve(self, path, slot=0, on=1, **what):
        """PRESERVE of what was a file, on or off; the message that ends it."""
        self.generation += 1
        self.put("PRESERVE", self.what(path, preserved=on, **what), slot, self.generation)
        return self.get("PRESERVED", "FAILED")

    def open(self, driver, where, flags=0, slots=4, stall_ms=20000, answer_ms=20000,
             chunk_min=None, chunk_max=256 << 20, ca="", cert="", key="", headers="", receipt_path="",
             tls_min=12, part=16 << 20, rate=UNLIMITED, lock_mode=0, retain_days=0, rates=(), pins=(),
             find_path="", secrets="", proxy="", proxy_file="", bucket="", prefix="", region=""):
        """chunk_min: 16 MiB unless told, so that small clips go in one request.

        rates: (days, from minute, until minute, bytes a second); pins: (digest, from, until)."""
        chunk_min = min(16 << 20, chunk_max) if chunk_min is None else chunk_min
        self.put("DESTINATION", DESTINATION.pack(
            driver, flags, slots, stall_ms, answer_ms, tls_min, chunk_min, chunk_max, part, rate,
            lock_mode, retain_days, b"".join(RATE.pack(*r) for r in rates),
            b"".join(PIN.pack(*p) for p in pins),
            *(str(s).encode() for s in (where, ca, cert, key, headers, receipt_path, find_path, secrets,
                                        proxy, proxy_file, bucket, prefix, region))))
        return self.get("READY", wait=60)

    def put(self, kind, body=b"\0\0\0\0", slot=0, generation=0, fds=()):
        control = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        self.sock.sendmsg([HEAD.pack(MSG[kind], slot, len(body), generation), body], control)

    def get(self, *kinds, wait=90):
        """The next message that is not PROGRESS, CERTIFICATE, nor READY again; asserts that it is one of these kinds."""
        end = time.monotonic() + wait
        while True:
            left = end - time.monotonic()
            ready, _, _ = select.select([self.sock], [], [], max(left, 0))
            assert ready, f"no {' or '.join(kinds)} within {wait} s"
            data = self.sock.recv(8192)
            assert data, f"the uploader went away instead of {' or '.join(kinds)}"
            m = Message(data)
            if m.kind == "PROGRESS" and "PROGRESS" not in kinds:
                self.progress.append(m)
                continue
            if m.kind == "CERTIFICATE" and "CERTIFICATE" not in kinds:
                continue
            if m.kind == "READY" and "READY" not in kinds:
                self.became.append(m.identity)
                continue
            assert m.kind in kinds, f"{m} instead of {' or '.join(kinds)}"
            return m

    @staticmethod
    def what(path, address="", name="clip.mp4", size=None, sha256=None, asset=None, kind=CLIP,
             recorded=1790000000, dispose_by=NO_TIME, preserved=0, urgency=0, version="",
             officer="O-217", unit=""):
        """proto_upload of a file."""
        data = b"" if size is not None and sha256 else pathlib.Path(path).read_bytes()
        digest = sha256 or hashlib.sha256(data).digest()
        if asset is None:
            asset = hashlib.sha256(b"camera" + digest).hexdigest()
        return UPLOAD.pack(
            len(data) if size is None else size, digest, recorded, dispose_by, kind, preserved,
            urgency, 0,
            b"not-yet-categorised", b"unsigned", asset.encode(),
            b"BWC-0001", officer.encode(), unit.encode(),
            name if isinstance(name, bytes) else name.encode(), version.encode(),
            address.encode())

    def upload(self, path, slot=0, **what):
        """UPLOAD of a file; the generation is a new one."""
        self.generation += 1
        fd = os.open(path, os.O_RDONLY)
        self.put("UPLOAD", self.what(path, **what), slot, self.generation, [fd])
        os.close(fd)
        return self.generation

    def errand(self, kind, path, slot=0, wait=60, **what):
        """RECONFIRM or REMOVE of what was a file; the message that ends it."""
        self.generation += 1
        self.put(kind, self.what(path, **what), slot, self.generation)
        m = self.get("RECEIPT", "FAILED", "REMOVED", wait=wait)
        assert (m.slot, m.generation) == (slot, self.generation), m
        return m

    def whole(self, path, slot=0, wait=90, **how):
        """UPLOAD to its end, PROCEED wherever it is waited for: (CREATED messages, last message)."""
        generation = self.upload(path, slot, **how)
        created = []
        while True:
            m = self.get("CREATED", "RECEIPT", "FAILED", wait=wait)
            assert (m.slot, m.generation) == (slot, generation), m
            if m.kind != "CREATED":
                return created, m
            created.append(m)
            self.put("PROCEED", slot=slot, generation=generation)

    def text(self):
        return (self.folder / "uploader.log").read_text()

    def close(self):
        """Closes the connection; the uploader's exit status."""
        if self.sock:
            self.sock.close()
            self.sock = None
        if self.process is None:
            return None
        try:
            return self.process.wait(60)
        finally:
            self.kill()

    def kill(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None
            self.log.close()
        if self.sock:
            self.sock.close()
            self.sock = None

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, *_):
        self.kill()
        self.listener.close()
        if kind is None:
            assert "Sanitizer" not in self.text() and "runtime error" not in self.text(), self.text()
