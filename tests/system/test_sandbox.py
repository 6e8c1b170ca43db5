"""What must fail inside each sandbox fails, and what a program needs works.

The probe links the same sandbox.c as the programs and tries one act in each; then the real programs
are asked. DOCKD_BUILD names the build folder; a build without a sandbox (build/asan) is skipped.
"""

import array
import errno
import hashlib
import os
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
from pathlib import Path

import fake_core
import proto
import pytest
from fake_core import SANITIZED

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("DOCKD_BUILD", ROOT / "build")).resolve()
PROBE = BUILD / "test" / "probe_sandbox"
USER = 64001  # made up: it owns nothing
DEADLINE_S = 30

SIGSYS = "SIGSYS"
MSG_VERIFY, MSG_DIGEST, MSG_RESULT = 64, 66, 70
VERIFY_DIGEST = 1

pytestmark = pytest.mark.skipif(SANITIZED, reason="what the sanitizers do themselves no sandbox permits")

# None of the sandboxes below may let these through.
NOT_IN_A_WORKER = {
    "open": ("open", "/etc/passwd", "EACCES"),
    "open /sys": ("open", "/sys/kernel", "EACCES"),
    "open a device": ("open-write", "/dev/null", "EACCES"),
    "create": ("create", "OUTSIDE/made", "EACCES"),
    "open own descriptor anew": ("open-self", "", "EACCES"),
    "readlink": ("readlink", "", "EACCES"),
    "stat": ("stat", "/etc", "EACCES"),
    "unlink": ("unlink", "OUTSIDE/file", SIGSYS),
    "socket": ("socket", "unix", SIGSYS),
    "socket inet": ("socket", "inet", SIGSYS),
    "exec": ("exec", "", SIGSYS),
    "execveat": ("execveat", "", SIGSYS),
    "fork": ("fork", "", SIGSYS),
    "fork by number": ("fork-call", "", SIGSYS),
    "clone3": ("clone3", "", SIGSYS),
    "thread": ("thread", "", SIGSYS),
    "ptrace": ("ptrace", "", SIGSYS),
    "read another's memory": ("vm-read", "", SIGSYS),
    "kill": ("kill", "", SIGSYS),
    "signal by socket owner": ("setown", "", SIGSYS),
    "map code": ("mmap-exec", "", SIGSYS),
    "make code": ("mprotect-exec", "", SIGSYS),
    "limits": ("prlimit", "", SIGSYS),
    "prctl": ("prctl", "", SIGSYS),
    "namespaces": ("unshare", "", SIGSYS),
    "io_uring": ("io-uring", "", SIGSYS),
    "bpf": ("bpf", "", SIGSYS),
    "keys": ("keyctl", "", SIGSYS),
    "mount": ("mount", "", SIGSYS),
    "fstat works": ("fstat", "", "ok"),
    "work works": ("work", "", "ok"),
}

NOT_BESIDE_A_THREAD = {
    "exec": ("exec", "", SIGSYS),
    "execveat": ("execveat", "", SIGSYS),
    "ptrace": ("ptrace", "", SIGSYS),
    "read another's memory": ("vm-read", "", SIGSYS),
    "fork": ("fork", "", "EPERM"),
    "fork by number": ("fork-call", "", "EPERM"),
    "clone3": ("clone3", "", "ENOSYS"),
    "kill": ("kill", "", "EPERM"),
    "namespaces": ("unshare", "", SIGSYS),
    "mount": ("mount", "", SIGSYS),
    "bpf": ("bpf", "", SIGSYS),
    "io_uring": ("io-uring", "", "EPERM"),
    "keys": ("keyctl", "", "EPERM"),
    "socket raw": ("socket", "raw", "EPERM"),
    "socket packet": ("socket", "packet", "EPERM"),
    "socket alg": ("socket", "alg", "EPERM"),
    "socket vsock": ("socket", "vsock", "EPERM"),
    "socket unix works": ("socket", "unix", "ok"),
    "thread works": ("thread", "", "ok"),
    "work works": ("work", "", "ok"),
}

PROFILES = {
    "camera": NOT_IN_A_WORKER
    | {
        "usbfs request reaches the file": ("ioctl-usbfs", "", "ENOTTY"),
        "another request does not": ("ioctl-tty", "", "ENOTTY"),
        "signal by ioctl": ("setown-ioctl", "", "ENOTTY"),
        "staging works": ("staging", "", "ok"),
    },
    "verify": NOT_IN_A_WORKER
    | {
        "usbfs request": ("ioctl-usbfs", "", SIGSYS),
        "signal by ioctl": ("setown-ioctl", "", SIGSYS),
        "staging": ("staging", "", SIGSYS),
    },
    "hotplug=/sys:/dev/shm": NOT_BESIDE_A_THREAD
    | {
        "open outside": ("open", "/etc/passwd", "EACCES"),
        "open a file of one's own outside": ("open-write", "OUTSIDE/file", "EACCES"),
        "create outside": ("create", "OUTSIDE/made", "EACCES"),
        "unlink outside": ("unlink", "OUTSIDE/file", "EACCES"),
        "open a device outside": ("open-write", "/dev/null", "EACCES"),
        "create where devices are": ("create", "/dev/shm/dockd-probe", "EACCES"),
        "/sys is readable": ("open", "/sys/kernel", "ok"),
        "socket inet": ("socket", "inet", "EPERM"),
        "socket inet6": ("socket", "inet6", "EPERM"),
        "netlink but uevents": ("socket", "route", "EPERM"),
        "uevents work": ("socket", "uevent", "ok"),
    },
    "uploader": NOT_BESIDE_A_THREAD
    | {
        "open works": ("open", "/etc/passwd", "ok"),
        "socket inet works": ("socket", "inet", "ok"),
        "socket inet6 works": ("socket", "inet6", "ok"),
        "netlink route works": ("socket", "route", "ok"),
    },
    "basics": {"limits, no dumps, no new privileges, umask": ("basics", "", "ok")},
}
if os.uname().machine == "x86_64":
    for profile in PROFILES.values():
        if len(profile) > 1:
            profile["calls of another ABI"] = ("other-abi", "", SIGSYS)

CASES = [
    pytest.param(profile, *case, id=f"{profile.split('=')[0]}: {name}")
    for profile, cases in PROFILES.items()
    for name, case in cases.items()
]


def as_user(uid):
    """Arguments of Popen to run as uid; nothing when the tests run as somebody already."""
    return {"user": uid, "group": uid, "extra_groups": []} if os.getuid() == 0 else {}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder that the made-up user can reach, with copies of the programs."""
    folder = tmp_path_factory.mktemp("sandbox")
    shutil.copy(PROBE, folder)
    Path("/dev/shm/dockd-probe").unlink(missing_ok=True)
    outside = folder / "outside"
    outside.mkdir()
    (outside / "file").write_text("not yours")
    if os.getuid() == 0:
        os.chown(outside, USER, USER)
        os.chown(outside / "file", USER, USER)
    return folder


def probe(place, profile, act, argument):
    argument = argument.replace("OUTSIDE", str(place / "outside"))
    done = subprocess.run(
        [place / "probe_sandbox", profile, act, argument],
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        **as_user(USER),
    )
    if done.returncode < 0:
        return signal.Signals(-done.returncode).name
    assert done.returncode == 0, done.stderr
    # An exec that worked ends as /bin/true does: without a word.
    return done.stdout.strip() or "executed"


@pytest.mark.parametrize("profile,act,argument,expected", CASES)
def test_probe(place, profile, act, argument, expected):
    assert probe(place, profile, act, argument) == expected


@pytest.mark.parametrize(
    "act,argument",
    [("open", "/etc/passwd"), ("create", "OUTSIDE/free"), ("open-self", ""), ("socket", "inet"),
     ("fork", ""), ("thread", ""), ("mprotect-exec", ""), ("setown", "")],
)
def test_probe_without_a_sandbox(place, act, argument):
    """The probes can succeed at all, so that a refusal above is the sandbox's."""
    assert probe(place, "none", act, argument) == "ok"


def test_exec_without_a_sandbox(place):
    assert probe(place, "none", "exec", "") == "executed"


def test_hotplug_path_that_is_not_there(place):
    done = subprocess.run(
        [place / "probe_sandbox", "hotplug=/sys:/no/such/folder", "work"],
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        **as_user(USER),
    )
    assert done.returncode == 3
    assert "/no/such/folder" in done.stderr


@pytest.mark.parametrize("profile", ["camera", "verify", "hotplug=/sys", "uploader"])
def test_no_sandbox_beside_a_thread(place, profile):
    """A filter binds the thread that loads it: a second one would be a way around."""
    done = subprocess.run(
        [place / "probe_sandbox", f"threaded={profile}", "work"],
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        **as_user(USER),
    )
    assert done.returncode == 3
    assert "thread" in done.stderr


# ---- the real programs ----

SANDBOXED = ["dockd", "dockd-verify", "dockd-camera", "dockd-hotplug", "dockd-uploader"]
ARGUMENTS = {
    "dockd": lambda: ["-c", "dockd.conf", "--profiles", str(ROOT / "etc/profiles")],
    "dockd-verify": lambda: ["--socket", "3", "--parent", str(os.getpid())],
    "dockd-camera": lambda: ["--socket", "3", "--parent", str(os.getpid())],
    "dockd-hotplug": lambda: ["--socket", "/no/such/socket"],
    "dockd-uploader": lambda: ["--socket", "/no/such/socket", "nowhere"],
}


@pytest.mark.parametrize("program", SANDBOXED)
def test_root_is_refused(program, tmp_path):
    (tmp_path / "dockd.conf").write_text(
        'hotplug-user = 64002; uploader-user = 64003; core-group = "";'
    )
    done = subprocess.run(
        [BUILD / program, *ARGUMENTS[program]()],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 1
    assert "root" in done.stderr


def check_shut_in(pid):
    """The kernel's own word; of a process that has ended and is not reaped, too."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    words = dict(line.split(":", 1) for line in lines)
    assert words["Seccomp"].strip() == "2"
    assert words["NoNewPrivs"].strip() == "1"
    assert not any(int(words[name], 16) for name in ("CapEff", "CapPrm", "CapInh", "CapAmb"))
    assert words["Uid"].split() == [str(USER)] * 4 or os.getuid() != 0


class Verify:
    """The real dockd-verify, with a socket as its core would give it."""

    def __init__(self, place):
        self.sock, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.sock.settimeout(DEADLINE_S)
        program = place / "dockd-verify"
        shutil.copy(BUILD / "dockd-verify", program)
        fd = theirs.fileno()
        self.process = subprocess.Popen(
            [program, "--socket", str(fd), "--parent", str(os.getpid())],
            pass_fds=[fd],
            stderr=subprocess.PIPE,
            text=True,
            **as_user(USER),
        )
        theirs.close()

    def ask(self, size, *fds):
        body = struct.pack("=IIQII", proto.VERSION, VERIFY_DIGEST, size, 0, 0)
        head = struct.pack("=HHII", MSG_VERIFY, 0, len(body), 0)
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        self.sock.sendmsg([head + body], rights)

    def answer(self):
        data = self.sock.recv(8192)
        if not data:
            return None, b""
        kind, _, length, _ = struct.unpack("=HHII", data[:12])
        assert length == len(data) - 12
        return kind, data[12:]

    def digest(self):
        kind, body = self.answer()
        assert kind == MSG_DIGEST
        length, taken, _, sha256, sha384, sha512 = struct.unpack("=QII32s48s64s", body)
        assert taken == 0 and not any(sha384 + sha512)
        return length, sha256

    def result(self):
        kind, body = self.answer()
        assert kind == MSG_RESULT
        status, text = struct.unpack("=i128s", body)
        return status, text.split(b"\0")[0].decode()

    def end(self):
        code = self.process.wait(DEADLINE_S)
        self.log = self.process.stderr.read()
        self.sock.close()
        return code


@pytest.fixture
def clip(tmp_path):
    def make(content):
        path = tmp_path / "clip"
        path.write_bytes(content)
        descriptors.append(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
        return descriptors[-1]

    descriptors = []
    yield make
    for fd in descriptors:
        os.close(fd)


def test_verify_digests(place, clip):
    content = os.urandom(1000) * 9000
    v = Verify(place)
    v.ask(len(content), clip(content))
    assert v.digest() == (len(content), hashlib.sha256(content).digest())
    assert v.result() == (0, "")
    assert v.end() == 0


def test_verify_is_shut_in_while_it_reads(place, clip, tmp_path):
    """The kernel's own word, in the middle of a clip that takes it minutes."""
    fd = clip(b"")
    os.truncate(tmp_path / "clip", 1 << 36)
    v = Verify(place)
    v.ask(1 << 36, fd)
    io = Path(f"/proc/{v.process.pid}/io")
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        if int(re.search(r"rchar: (\d+)", io.read_text())[1]) > 4 << 20:
            break
        select.select([], [], [], 0.01)
    assert int(re.search(r"rchar: (\d+)", io.read_text())[1]) > 4 << 20
    check_shut_in(v.process.pid)
    assert os.stat(f"/proc/{v.process.pid}/mem").st_uid == 0, "dumpable"
    v.process.kill()
    assert v.end() == -signal.SIGKILL


def test_verify_empty(place, clip):
    v = Verify(place)
    v.ask(0, clip(b""))
    assert v.digest() == (0, hashlib.sha256(b"").digest())
    assert v.result() == (0, "")
    assert v.end() == 0


def test_verify_another_length(place, clip):
    v = Verify(place)
    v.ask(1001, clip(b"x" * 1000))
    assert v.digest() == (1000, hashlib.sha256(b"x" * 1000).digest())
    status, text = v.result()
    assert status == -errno.EMSGSIZE
    assert "1000" in text and "1001" in text
    assert v.end() == 0


def test_verify_unreadable(place):
    readable, writable = os.pipe()
    v = Verify(place)
    v.ask(5, readable)
    assert v.digest() == (0, hashlib.sha256(b"").digest())
    status, text = v.result()
    assert status == -errno.EIO
    assert "reading the clip" in text
    assert v.end() == 0
    os.close(readable)
    os.close(writable)


def test_verify_core_gone(place):
    v = Verify(place)
    v.sock.shutdown(socket.SHUT_WR)
    assert v.end() == 0


def test_verify_descriptor_missing(place):
    v = Verify(place)
    v.ask(0)
    assert v.answer() == (None, b"")
    assert v.end() == 1
    assert "not due" in v.log


MSG_ATTACH, MSG_FAULT = 32, 48
DRIVER_PTP = 1


def test_camera_is_shut_in_before_it_reads(place):
    """Handed something that is no camera, it has its sandbox up when it says so."""
    core, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    core.settimeout(DEADLINE_S)
    program = place / "dockd-camera"
    shutil.copy(BUILD / "dockd-camera", program)
    process = subprocess.Popen(
        [program, "--socket", str(theirs.fileno()), "--parent", str(os.getpid())],
        pass_fds=[theirs.fileno()],
        stderr=subprocess.DEVNULL,
        **as_user(USER),
    )
    theirs.close()
    body = struct.pack("=6I", proto.VERSION, DRIVER_PTP, 0, 1 << 20, 1000, 100) + bytes(1252)
    head = struct.pack("=HHII", MSG_ATTACH, 0, len(body), 0)
    with open("/dev/null", "rb") as device:
        rights = array.array("i", [device.fileno()])
        core.sendmsg([head + body], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
    kind = struct.unpack("=H", core.recv(8192)[:2])[0]
    assert kind == MSG_FAULT
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    check_shut_in(process.pid)
    assert process.wait() >= 0, "killed by its own sandbox"
    core.close()


def test_uploader_is_shut_in_before_it_is_ready(place, tmp_path):
    folder = place / "destination"
    folder.mkdir()
    if os.getuid() == 0:
        os.chown(folder, USER, USER)
    program = place / "dockd-uploader"
    shutil.copy(BUILD / "dockd-uploader", program)
    with fake_core.Core(place, program, uid=USER) as core:
        assert core.open(fake_core.DIR, folder).status == 0
        check_shut_in(core.process.pid)
        assert core.close() == 0


@pytest.fixture
def s3_uploader(place):
    """With a destination that is not there, and the process that takes digests: (core, its pid)."""
    place = Path(tempfile.mkdtemp(dir=place))
    place.chmod(0o755)
    program = place / "dockd-uploader"
    shutil.copy(BUILD / "dockd-uploader", program)
    keys = place / "keys"
    keys.write_text("access-key: A\nsecret-key: B\n")
    keys.chmod(0o444)
    with fake_core.Core(place, program, uid=USER) as core:
        r = core.open(fake_core.S3, "http://127.0.0.1:9", bucket="evidence", secrets=keys)
        assert r.status == 0
        pid = core.process.pid
        (child,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        yield core, int(child)


def wait_for_the_end_of(pidfd):
    assert select.select([pidfd], [], [], DEADLINE_S)[0], "it has not ended"
    os.close(pidfd)


def test_digests_are_taken_by_a_process_with_nothing(s3_uploader):
    core, child = s3_uploader
    check_shut_in(child)
    assert sorted(os.listdir(f"/proc/{child}/fd")) == ["0", "1", "2", "3"]
    assert os.readlink(f"/proc/{child}/fd/3").startswith("socket:")
    pidfd = os.pidfd_open(child)
    assert core.close() == 0
    wait_for_the_end_of(pidfd)


def test_digests_end_with_a_killed_uploader(s3_uploader):
    core, child = s3_uploader
    pidfd = os.pidfd_open(child)
    core.process.kill()
    wait_for_the_end_of(pidfd)


def test_uploader_ends_with_its_digests(s3_uploader):
    core, child = s3_uploader
    os.kill(child, signal.SIGKILL)
    assert core.process.wait(DEADLINE_S) == 1
    assert "digests-lost" in (core.folder / "uploader.log").read_text()


def test_verify_not_its_parent(place):
    v = subprocess.run(
        [BUILD / "dockd-verify", "--socket", "0", "--parent", "1"],
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        **as_user(USER),
    )
    assert v.returncode == 1
    assert "not the parent" in v.stderr
