"""The core's side of a camera worker's socket, for tests that need exact control of each message.

Structs follow dockd/base/proto_camera.h. The device descriptor that the worker is handed is a connection to
a simulated camera, or an open usbfs node (in the virtual station).
"""
import array
import os
import pathlib
import socket
import struct
import subprocess

import proto

ATTACH, CAMERA, NOT_MINE, LIST, OBJECT, LISTED, FETCH, DURABLE, FETCHED, ERASE, ERASED, SET_CLOCK, \
    CLOCK_SET, LOOK, STOP, BYE, FAULT, UNLOCK, UNLOCKED, CONFIGURE, CONFIGURED, PROBED = range(32, 54)
HEAD = struct.Struct("=HHII")
BODIES = {
    CAMERA: (struct.Struct("=IIqqQQIIII40s40s128s128s128s128s"),
             "features battery clock_s read_at_ms capacity free storages recoveries unlock "
             "block_bytes officer unit serial manufacturer model firmware"),
    NOT_MINE: (struct.Struct("=I128s"), "code text"),
    OBJECT: (struct.Struct("=IIIIQQQq2048s"), "storage kind flags pad handle size told mtime_s path"),
    LISTED: (struct.Struct("=iIIII128s"), "status objects skipped truncated damaged text"),
    DURABLE: (struct.Struct("=Q"), "offset"),
    FETCHED: (struct.Struct("=IiQQQ128s"), "result status length read now_size text"),
    ERASED: (struct.Struct("=II128s"), "result ptp_code text"),
    CLOCK_SET: (struct.Struct("=i128s"), "status text"),
    UNLOCKED: (struct.Struct("=i128s"), "status text"),
    CONFIGURED: (struct.Struct("=i128s"), "status text"),
    FAULT: (struct.Struct("=I128s"), "code text"),
}
NO_TIME = -(1 << 63)

FOLDER, CLIP, SIDECAR, LOG, OTHER, IGNORED = range(1, 7)
PARTIAL64, PARTIAL, ERASES, CLOCK, CLOCK_SETTABLE, BATTERY, LOCKED, OWNER_SETTABLE, SETTINGS, \
    READ_ONLY = (1 << i for i in range(10))
PROTECTED, PATH_CUT, NAME_ODD, CUT, SHARED = 1, 2, 4, 8, 16
PTP, MSC = 1, 2
DV16, AMBA_REQUEST, AMBA_BLOCK, AMBA_TEXT = 1, 2, 3, 4
DONE, STOPPED, MISMATCH, CHANGED, GONE, SHORT, REFUSED, DISK = range(1, 9)
ERASE_DONE, ERASE_GONE, ERASE_CHANGED, ERASE_REFUSED, ERASE_UNSURE = range(1, 6)
FAULT_PROTOCOL, FAULT_SILENT, FAULT_GONE, FAULT_DESCRIPTORS, FAULT_SANDBOX, FAULT_BUSY, FAULT_CORE, \
    FAULT_MEMORY, FAULT_MEDIUM = range(1, 10)


class Message:
    def __init__(self, kind, body):
        layout, names = BODIES[kind]
        self.type = kind
        for name, value in zip(names.split(), layout.unpack(body)):
            if isinstance(value, bytes):
                value = value.split(b"\0", 1)[0].decode("utf-8")
            setattr(self, name, value)

    def __repr__(self):
        return f"<{self.type} {vars(self)}>"


class Fault(Exception):
    def __init__(self, message):
        super().__init__(f"{message.code}: {message.text}")
        self.code, self.text = message.code, message.text


class Worker:
    """One worker process, as a made-up user, on a simulated camera's socket or a descriptor."""

    def __init__(self, program, device, quirks=0, window=1 << 20, timeout_ms=3000, objects=100000,
                 patterns=((CLIP, "*.mp4"), (LOG, "*.log")), uid=64124, log=None, attach=True,
                 before_exec=None, driver=PTP, unlock=(), pin="", flags=0):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.sock = ours
        command = [str(program), "--socket", "3", "--parent", str(os.getpid())]
        if os.getuid() == 0:
            command = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", *command]

        def third():
            os.dup2(theirs.fileno(), 3)
            if before_exec:
                before_exec()

        self.process = subprocess.Popen(command, preexec_fn=third, pass_fds=(3,),
                                        stderr=open(log, "ab") if log else None)
        theirs.close()
        self.sock.settimeout(120)
        if isinstance(device, (str, pathlib.Path)):
            s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            s.connect(str(device))
            device = s.detach()
        self.device, self.attach = device, (driver, quirks, window, timeout_ms, objects, flags, unlock,
                                            pin, patterns)
        if attach:
            self.camera = self.begin()

    def begin(self):
        driver, quirks, window, timeout_ms, objects, flags, unlock, pin, patterns = self.attach
        body = struct.pack("=7I4I32s", proto.VERSION, driver, quirks, window, timeout_ms, objects,
                           flags, *(*unlock, 0, 0, 0, 0)[:4], pin.encode())
        for i in range(12):
            kind, glob = patterns[i] if i < len(patterns) else (0, "")
            body += struct.pack("=I96s", kind, glob.encode())
        self.put(ATTACH, body, self.device)
        os.close(self.device)
        return self.get(CAMERA, NOT_MINE)

    def put(self, kind, body=b"\0\0\0\0", fd=None):
        control = []
        if fd is not None:
            control = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))]
        self.sock.sendmsg([HEAD.pack(kind, 0, len(body), 0), body], control)

    def get(self, *kinds):
        data = self.sock.recv(8192)
        if not data:
            raise EOFError(f"the worker ended: {self.process.wait()}")
        message = Message(HEAD.unpack_from(data)[0], data[HEAD.size:])
        if message.type == FAULT and FAULT not in kinds:
            raise Fault(message)
        assert message.type in kinds, message
        return message

    def list(self):
        """(objects, LISTED)"""
        self.put(LIST)
        objects = []
        while True:
            m = self.get(OBJECT, LISTED)
            if m.type == LISTED:
                assert m.objects == len(objects)
                return objects, m
            objects.append(m)

    def start_fetch(self, o, path, offset=0, snapshot=0, size=None):
        fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        self.put(FETCH, struct.pack("=IIQQQq", o.storage, snapshot, o.handle, offset,
                                    o.size if size is None else size, o.mtime_s), fd)
        os.close(fd)

    def end_fetch(self):
        self.durable = []
        while True:
            m = self.get(DURABLE, FETCHED)
            if m.type == FETCHED:
                return m
            self.durable.append(m.offset)

    def fetch(self, o, path, **more):
        self.start_fetch(o, path, **more)
        return self.end_fetch()

    def erase(self, o, **changed):
        o = {**vars(o), **changed}
        self.put(ERASE, struct.pack("=IIQQq2048s", o["storage"], 0, o["handle"], o["size"],
                                    o["mtime_s"], o["path"].encode()))
        return self.get(ERASED)

    def set_clock(self, seconds):
        self.put(SET_CLOCK, struct.pack("=q", seconds))
        return self.get(CLOCK_SET)

    def look(self):
        self.put(LOOK)
        return self.get(CAMERA)

    def bye(self):
        self.put(BYE)
        assert self.sock.recv(1) == b""
        return self.process.wait(60)

    def close(self):
        self.sock.close()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
