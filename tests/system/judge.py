"""The real dockd-verify, asked to judge a signature or a receipt as its core would."""

import array
import os
import re
import select
import shutil
import socket
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

import proto
from test_sandbox import BUILD, DEADLINE_S, as_user, USER

MSG_VERIFY, MSG_DIGEST, MSG_JUDGED, MSG_RESULT = 64, 66, 67, 70
JOB_DIGEST, JOB_SIGNATURE, JOB_RECEIPT = 1, 2, 3
SIGNATURES = ["", "valid", "unsigned", "mismatch", "untrusted-signer", "signed-by-another-camera",
              "cut-short", "unreadable"]
RECEIPTS = ["", "good", "unreadable", "unknown-key", "bad-signature", "other-asset", "wrong-time"]
NO_TIME = -(1 << 63)


def fact(kind, **fields):
    """One ledger record; '_' stands for '-', None leaves a field out."""
    fields = {k.replace("_", "-"): v for k, v in fields.items() if v is not None} | {"type": kind}

    def text(value):
        if isinstance(value, int):
            return str(value)
        out = ""
        for b in value.encode():
            c = chr(b)
            out += "\\" + c if c in '"\\' else c if 0x20 <= b < 0x7F else f"\\u00{b:02x}"
        return f'"{out}"'

    return "{" + ",".join(f'"{k}":{text(v)}' for k, v in sorted(fields.items())) + "}\n"


@dataclass
class Judged:
    result: str
    unproved: bool
    time: int
    signer: str
    version: str
    text: str
    status: int
    trouble: str


class Judge:
    """folder: a new one, which the made-up user reaches."""

    def __init__(self, folder):
        self.program = folder / "dockd-verify"
        shutil.copy(BUILD / "dockd-verify", self.program)

    def start(self, job, *fds, size=0):
        """The process and its socket, asked; the descriptors are closed."""
        mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        mine.settimeout(DEADLINE_S)
        process = subprocess.Popen(
            [self.program, "--socket", str(theirs.fileno()), "--parent", str(os.getpid())],
            pass_fds=[theirs.fileno()], stderr=subprocess.PIPE, text=True, **as_user(USER))
        theirs.close()
        body = struct.pack("=IIQII", proto.VERSION, job, size, 0, 0)
        head = struct.pack("=HHII", MSG_VERIFY, 0, len(body), 0)
        mine.sendmsg([head + body],
                     [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))])
        for fd in fds:
            os.close(fd)
        return process, mine

    def ask(self, job, *files):
        fds = []
        for content in files:
            fds.append(os.memfd_create("file"))
            os.write(fds[-1], content)
        process, mine = self.start(job, *fds)
        judged, result = mine.recv(8192), mine.recv(8192)
        code = process.wait(DEADLINE_S)
        log = process.stderr.read()
        process.stderr.close()
        mine.close()
        assert code == 0, (code, log)
        assert struct.unpack("=H", judged[:2])[0] == MSG_JUDGED
        assert struct.unpack("=H", result[:2])[0] == MSG_RESULT
        number, flags, time, signer, version, text = struct.unpack("=IIq128s128s256s", judged[12:])
        status, trouble = struct.unpack("=i128s", result[12:])
        words = SIGNATURES if job == JOB_SIGNATURE else RECEIPTS
        cut = [t.split(b"\0")[0].decode() for t in (signer, version, text, trouble)]
        return Judged(words[number], bool(flags & 1), time, cut[0], cut[1], cut[2], status, cut[3])

    def signature(self, facts, sidecar, anchors=b"", crls=b""):
        return self.ask(JOB_SIGNATURE, facts.encode(), sidecar, anchors, crls)

    def receipt(self, facts, raw):
        return self.ask(JOB_RECEIPT, facts.encode(), raw)

    def digest(self, path, size):
        """(peak of its memory, PSS in bytes; bytes that it read)."""
        process, mine = self.start(JOB_DIGEST, os.open(path, os.O_RDONLY), size=size)
        proc = Path(f"/proc/{process.pid}")
        peak = 0

        def look():
            nonlocal peak
            pss = re.search(r"^Pss: +(\d+) kB", (proc / "smaps_rollup").read_text(), re.M)
            peak = max(peak, int(pss[1]) * 1024 if pss else 0)

        while not select.select([mine], [], [], 0.05)[0]:
            look()
        length, = struct.unpack("=Q", mine.recv(8192)[12:20])
        assert length == size
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        read = int(re.search(r"rchar: (\d+)", (proc / "io").read_text())[1])
        assert process.wait(DEADLINE_S) == 0
        process.stderr.close()
        mine.close()
        return peak, read
