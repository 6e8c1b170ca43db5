"""Audit logs, honest and tampered with, judged by the real dockd-verify behind its sandbox.

Each log is one that the builder of auditlog.py writes as an honest camera would; each tampering is
found and named by its code (dockd-audit(5)), and the rest of the report still stands.
"""
import array
import collections
import contextlib
import hashlib
import json
import os
import pathlib
import resource
import shutil
import socket
import struct
import subprocess
import tempfile

import auditlog
import proto
import pytest
from auditlog import AuditLog
from fake_core import SANITIZED

BUILD = pathlib.Path(os.environ.get("DOCKD_BUILD", pathlib.Path(__file__).parents[2] / "build"))
ROOT = pathlib.Path(__file__).parents[2]
USER = 64131
VERIFY_AUDIT = 4
VERIFY, LOG, _, _, FINDING, AUDITED, RESULT = range(64, 71)
HEAD = struct.Struct("=HHII")
AUDITED_BODY = struct.Struct("=QQQQqq32sII")
NO_TIME = -(1 << 63)

Answer = collections.namedtuple("Answer", "codes findings report audited status text code log usage")
Audited = collections.namedtuple(
    "Audited", "lines damaged first_seq last_seq first_time last_time last_sha256 findings opaque")


@pytest.fixture(scope="session")
def program():
    """Where the made-up user may run it."""
    with tempfile.TemporaryDirectory(prefix="dockd-audit-") as folder:
        os.chmod(folder, 0o755)
        shutil.copy(BUILD / "dockd-verify", folder)
        yield pathlib.Path(folder) / "dockd-verify"


class Auditor:
    """One dockd-verify for each call, with a socket as its core would give it."""

    def __init__(self, program, folder):
        self.program, self.folder, self.made = program, folder, 0

    def fd(self, data):
        if isinstance(data, pathlib.Path):
            return os.open(data, os.O_RDONLY | os.O_CLOEXEC)
        self.made += 1
        path = self.folder / f"in{self.made}"
        path.write_bytes(data)
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def send(self, sock, kind, body, fds):
        with contextlib.suppress(BrokenPipeError):  # it has died: receive tells
            sock.sendmsg([HEAD.pack(kind, 0, len(body), 0), body],
                         [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))])

    def receive(self, sock):
        try:
            return sock.recv(8192)
        except ConnectionResetError:
            return b""  # it died with something unread

    def __call__(self, facts, *logs, deadline_s=60, memory=None):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.settimeout(deadline_s)
        user = dict(user=USER, group=USER, extra_groups=[]) if os.getuid() == 0 else {}
        process = subprocess.Popen(
            [self.program, "--socket", str(theirs.fileno()), "--parent", str(os.getpid())],
            pass_fds=[theirs.fileno()], stderr=subprocess.PIPE, **user,
            preexec_fn=memory and (lambda: resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))))
        theirs.close()
        report = self.folder / "report.json"
        report.write_bytes(b"")
        fds = [self.fd(facts), os.open(report, os.O_WRONLY), *(self.fd(log) for log in logs)]
        self.send(ours, VERIFY, struct.pack("=IIQII", proto.VERSION, VERIFY_AUDIT, 0, 0, len(logs)),
                  fds[:2])
        for fd in fds[2:]:
            self.send(ours, LOG, b"\0\0\0\0", [fd])
        findings, audited, status, text = [], None, None, ""
        while data := self.receive(ours):
            kind, body = HEAD.unpack_from(data)[0], data[HEAD.size:]
            if kind == FINDING:
                seq, asset, code, t = struct.unpack("=QQ32s256s", body)
                assert audited is None
                findings.append((code.split(b"\0")[0].decode(), seq, asset,
                                 t.split(b"\0")[0].decode("utf-8", "replace")))
            elif kind == AUDITED:
                audited = Audited(*AUDITED_BODY.unpack(body))
            elif kind == RESULT:
                status, text = struct.unpack("=i128s", body)
                text = text.split(b"\0")[0].decode()
        for fd in fds:
            os.close(fd)
        ours.close()
        log = process.stderr.read().decode()
        _, code, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(code)
        raw = report.read_bytes()
        return Answer([f[0] for f in findings], findings, json.loads(raw) if raw else None, audited,
                      status, text, process.returncode, log, usage)

    def good(self, facts, *logs, **how):
        a = self(facts, *logs, **how)
        assert (a.code, a.status, a.text) == (0, 0, ""), a
        assert a.audited.findings == len(a.findings) == len(a.report["findings"]) or \
            a.audited.findings > 64
        return a


@pytest.fixture
def audit(program, tmp_path):
    return Auditor(program, tmp_path)


CLIPS = {"DCIM/100BWC/one.mp4": b"first recording", "DCIM/100BWC/two.mp4": b"second recording",
         "DCIM/100BWC/three.mp4": b"third"}


def seconds(report):
    return {k: v / 1000 for k, v in report["times_ms"].items() if v}


def docked_at(log):
    """Facts' time of a docking that begins where the log is now."""
    return dict(docked=round(log.now), now=round(log.now) + 60)


# ---- honest logs ----

def test_honest(audit):
    log = AuditLog().shift(CLIPS)
    a = audit.good(auditlog.facts(1, [log.bytes()], CLIPS, **docked_at(log)), log.bytes())
    assert a.findings == []
    assert a.report["continuity"] == "first"
    # 08:00:00 log-start, :01 undocked, :02 on, :03 user, three times 60 s idle and 60 s of recording,
    # 60 s idle, off, 1 s, docked.
    assert seconds(a.report) == {"powered_not_recording": 1 + 3 * 60 + 60, "recording": 180, "off": 2 + 1}
    assert [r["asset"] for r in a.report["recordings"]] == [1, 2, 3]
    assert {r["user"] for r in a.report["recordings"]} == {"U-1"}
    assert (a.audited.lines, a.audited.damaged, a.audited.first_seq, a.audited.last_seq) == \
        (len(log.lines), 0, 1, log.seq)
    assert a.audited.last_sha256.hex() == log.prev
    assert a.audited.last_time == round(log.now)


def last_of(a, docking, ended):
    return dict(seq=a.audited.last_seq, sha256=a.audited.last_sha256.hex(),
                time=a.audited.last_time, docking=docking, ended=ended)


@pytest.fixture
def two_shifts(audit):
    """The first docking audited; then a second shift. What the second docking's facts need."""
    log = AuditLog().shift(CLIPS)
    first = audit.good(auditlog.facts(1, [log.bytes()], CLIPS, **docked_at(log)), log.bytes())
    yesterday = log.bytes()
    log.told = len(log.lines)
    ended = round(log.now) + 3600
    log.at("2026-11-20T18:00:00Z")
    new = {"DCIM/100BWC/four.mp4": b"the fourth", "DCIM/100BWC/five.mp4": b"the fifth"}
    log.shift(new)
    clips = {**{k: {"size": len(v), "sha256": hashlib.sha256(v).hexdigest(), "docking": 1}
                for k, v in CLIPS.items()}, **new}
    last = last_of(first, 1, ended)

    def facts(*logs, **over):
        return auditlog.facts(2, logs, {**clips, **over.pop("clips", {})},
                              **{"last": last, **docked_at(log), **over})
    return log, yesterday, facts


def test_continues(audit, two_shifts):
    """The whole history again, or only what is new, or both: the same findings, none."""
    log, yesterday, facts = two_shifts
    for logs in ([log.bytes()], [log.only_new()], [log.bytes()[len(yesterday):], yesterday],
                 [log.bytes(), yesterday]):
        a = audit.good(facts(*logs), *logs)
        assert a.findings == []
        assert a.report["continuity"] == "continues"
        assert len(a.report["recordings"]) == 2
        assert seconds(a.report)["recording"] == 120
        assert a.audited.last_sha256.hex() == log.prev
        assert sum(seconds(a.report).values()) == log.now - auditlog.seconds_of(
            json.loads(yesterday.split(b"\n")[-2])["time"])


# ---- tampering: one finding each ----

def tampered(log, name):
    honest = log.bytes()
    stop = auditlog.line_of(honest, "record-stop", 2)
    return {
        "removed": lambda: auditlog.without(honest, stop + 2),
        "swapped": lambda: auditlog.swapped(honest, auditlog.line_of(honest, "user")),
        "changed": lambda: auditlog.changed(honest, auditlog.line_of(honest, "user"), id="U-2"),
        "cut": lambda: auditlog.cut(honest),
        "cut in a line": lambda: auditlog.cut_bytes(honest, 30),
        "damaged": lambda: auditlog.damaged(honest, auditlog.line_of(honest, "user")),
        "renumbered": lambda: auditlog.rechained(honest, auditlog.line_of(honest, "user")),
    }[name]()


@pytest.mark.parametrize("how, codes", [
    ("removed", ["lines-missing", "start-without-stop"]),
    ("swapped", ["out-of-order"]),
    ("changed", ["line-changed"]),
    ("cut", ["ends-early"]),
    ("cut in a line", ["ends-early", "line-damaged"]),
    ("damaged", ["line-damaged"]),
    # One who knows the format can write a whole log anew, as long as nobody has read it before.
    ("renumbered", []),
])
def test_tampered_first(audit, how, codes):
    log = AuditLog().shift(CLIPS)
    bad = tampered(log, how)
    a = audit.good(auditlog.facts(1, [bad], CLIPS, **docked_at(log)), bad)
    assert sorted(a.codes) == sorted(codes), a.findings
    assert len(a.report["recordings"]) == 3


def test_tampered_texts(audit):
    """What a person reads names lines and times, and nobody."""
    log = AuditLog().shift(CLIPS)
    bad = tampered(log, "removed")
    a = audit.good(auditlog.facts(1, [bad], CLIPS, **docked_at(log)), bad)
    number = auditlog.line_of(log.bytes(), "record-stop", 3)
    times = [json.loads(log.lines[n - 1])["time"] for n in (number - 1, number + 1)]
    assert a.findings[0] == (
        "lines-missing", number + 1, 0,
        f"1 line is missing before line {number + 1}, between {times[0]} and {times[1]}.")


def test_renumbered_after_it_was_read(audit, two_shifts):
    log, yesterday, facts = two_shifts
    bad = auditlog.rechained(log.bytes(), 4)
    a = audit.good(facts(bad), bad)
    assert a.codes == ["log-forked"]
    assert a.report["continuity"] == "forked"


def test_yesterdays_log(audit, two_shifts):
    _, yesterday, facts = two_shifts
    a = audit.good(facts(yesterday), yesterday)
    assert a.codes == ["nothing-new", "clip-unlisted", "clip-unlisted"]
    assert a.report["continuity"] == "nothing-new"
    assert {asset for _, _, asset, _ in a.findings[1:]} == {4, 5}
    # An hour on the dock as the station knows; then nothing tells.
    assert seconds(a.report).keys() == {"docked", "log_missing"}
    assert seconds(a.report)["docked"] == 3600
    assert a.audited.last_seq == json.loads(yesterday.split(b"\n")[-2])["seq"]


def test_rolled_back(audit, two_shifts):
    _, yesterday, facts = two_shifts
    older = auditlog.cut(yesterday, 3)
    a = audit.good(facts(older), older)
    assert a.codes[0] == "log-rolled-back"
    assert a.report["continuity"] == "rolled-back"


def test_gap(audit, two_shifts):
    log, yesterday, facts = two_shifts
    late = b"\n".join(log.bytes()[len(yesterday):].split(b"\n")[3:])
    a = audit.good(facts(late), late)
    assert a.codes == ["lines-missing"]
    assert a.report["continuity"] == "gap"
    assert a.findings[0][3].startswith("3 lines are missing")
    assert seconds(a.report)["log_missing"] > 0 and seconds(a.report)["docked"] == 3600


def test_restarted(audit, two_shifts):
    log, _, facts = two_shifts
    fresh = AuditLog(start="2026-11-20T18:00:00Z")
    fresh.shift({"DCIM/100BWC/four.mp4": b"the fourth", "DCIM/100BWC/five.mp4": b"the fifth"})
    a = audit.good(facts(fresh.bytes()), fresh.bytes())
    assert a.codes == ["log-restarted"]
    assert a.report["continuity"] == "restarted"


def test_no_log_and_other_forms(audit, two_shifts):
    _, _, facts = two_shifts
    a = audit.good(facts())
    assert a.codes == ["no-log"]
    assert a.audited.opaque == 0
    other = b"2026-11-20 08:00 POWER ON\n" * 100000
    a = audit.good(facts(other), other)
    assert a.codes == [] and a.audited.opaque == 1
    assert a.report["logs"][0]["opaque"] is True
    assert a.report["continuity"] == "no-log"
    a = audit.good(facts(b""), b"")
    assert a.codes == ["no-log"] and a.audited.opaque == 0


def test_another_cameras_log(audit):
    log = AuditLog(serial="BWC-0002").shift(CLIPS)
    a = audit.good(auditlog.facts(1, [log.bytes()], CLIPS, **docked_at(log)), log.bytes())
    assert a.codes == ["other-camera"]


# ---- recordings and clips ----

def test_clip_missing(audit):
    log = AuditLog().shift(CLIPS)
    there = {k: v for k, v in CLIPS.items() if "two" not in k}
    a = audit.good(auditlog.facts(1, [log.bytes()], there, **docked_at(log)), log.bytes())
    assert a.codes == ["clip-missing"]
    assert "DCIM/100BWC/two.mp4" in a.findings[0][3]
    assert a.findings[0][1] == auditlog.line_of(log.bytes(), "record-stop", 2)


def test_clip_at_another_station(audit):
    """The camera was docked elsewhere, which may have taken and erased it: said, and still missing."""
    log = AuditLog().shift({"DCIM/there.mp4": b"there"}).shift({"DCIM/here.mp4": b"here"})
    a = audit.good(auditlog.facts(1, [log.bytes()], {}, **docked_at(log)), log.bytes())
    assert a.codes == ["clip-missing", "clip-missing"]
    said = {"there" in f[3]: f[3].endswith("the camera was docked after it, and not here.")
            for f in a.findings}
    assert said == {True: True, False: False}, a.findings


def test_clip_deleted_on_the_camera(audit):
    log = AuditLog().undocked().power_on()
    log.record("DCIM/one.mp4", b"gone").delete("DCIM/one.mp4").power_off().docked()
    a = audit.good(auditlog.facts(1, [log.bytes()], {}, **docked_at(log)), log.bytes())
    assert a.codes == ["clip-deleted"]
    assert "actor not known" in a.findings[0][3]


def test_clip_unlisted(audit):
    log = AuditLog().shift(CLIPS)
    clips = {**CLIPS, "DCIM/100BWC/extra.mp4": b"from elsewhere"}
    a = audit.good(auditlog.facts(1, [log.bytes()], clips, **docked_at(log)), log.bytes())
    assert a.codes == ["clip-unlisted"] and a.findings[0][2] == 4


@pytest.mark.parametrize("data, code", [(b"First recording", "clip-other-digest"),
                                        (b"first recording, cut", "clip-other-size")])
def test_clip_is_another(audit, data, code):
    log = AuditLog().shift(CLIPS)
    clips = {**CLIPS, "DCIM/100BWC/one.mp4": data}
    a = audit.good(auditlog.facts(1, [log.bytes()], clips, **docked_at(log)), log.bytes())
    assert a.codes == [code] and a.findings[0][2] == 1


def test_erased_by_the_station(audit):
    """What dockd erased itself is known by its facts, and nobody deleted it."""
    log = AuditLog().shift(CLIPS)
    clips = {**CLIPS, "DCIM/100BWC/one.mp4": {
        "size": 15, "sha256": hashlib.sha256(b"first recording").hexdigest(), "erased": 1}}
    a = audit.good(auditlog.facts(1, [log.bytes()], clips, **docked_at(log)), log.bytes())
    assert a.findings == []


def test_name_used_again(audit):
    """Two recordings under one name, the first of them taken off and erased between."""
    log = AuditLog().undocked().power_on().record("DCIM/1.mp4", b"one").record("DCIM/1.mp4", b"two")
    log.power_off().docked()
    facts = auditlog.facts(1, [log.bytes()], {"DCIM/1.mp4": b"one"}, **docked_at(log))
    facts += auditlog.facts(1, [], {"DCIM/1.mp4": b"two"}).split(b"\n")[1].replace(
        b'"asset":1', b'"asset":2') + b"\n"
    a = audit.good(facts, log.bytes())
    assert a.findings == []
    assert [r["asset"] for r in a.report["recordings"]] == [1, 2]


# ---- power, pairs, clock ----

def test_battery_pulled(audit):
    log = AuditLog().undocked().power_on().record_start("DCIM/1.mp4")
    log.heartbeat(after=30).power_on(after=100).power_off(after=50).docked()
    a = audit.good(auditlog.facts(1, [log.bytes()], {"DCIM/1.mp4": b"cut short"}, **docked_at(log)),
                   log.bytes())
    assert sorted(a.codes) == ["power-lost", "start-without-stop"]
    assert "battery removed, flat, or a fault: cannot tell which" in \
        [f[3] for f in a.findings if f[0] == "power-lost"][0]
    assert seconds(a.report) == {"powered_not_recording": 1 + 50, "recording": 30,
                                 "power_lost": 100, "off": 2 + 1}


def test_battery_flat_is_explained(audit):
    log = AuditLog().undocked().power_on().battery(40).battery(3, after=100).power_on(after=500)
    log.power_off().docked()
    a = audit.good(auditlog.facts(1, [log.bytes()], {}, **docked_at(log)), log.bytes())
    assert a.codes == []
    assert a.report["power_lost"][0]["explained"] == "the battery had told 3 % before"
    assert a.report["battery"] == {"first": 40, "last": 3, "least": 3}


def test_mute(audit):
    log = AuditLog().undocked().power_on().record("DCIM/1.mp4", b"x", seconds=60, mute=20)
    log.record_start("DCIM/2.mp4").event("mute", after=10).record_stop("DCIM/2.mp4", b"y", after=10)
    log.power_off().docked()
    clips = {"DCIM/1.mp4": b"x", "DCIM/2.mp4": b"y"}
    a = audit.good(auditlog.facts(1, [log.bytes()], clips, **docked_at(log)), log.bytes())
    assert a.codes == ["mute-without-unmute"]
    assert seconds(a.report)["muted"] == 30 and seconds(a.report)["recording"] == 80
    assert [r["muted_ms"] for r in a.report["recordings"]] == [20000, 10000]


def test_heartbeats_that_are_not_there(audit):
    log = AuditLog(heartbeat=60).undocked().power_on()
    log.heartbeat(after=60).heartbeat(after=60).heartbeat(after=1000).power_off(after=30).docked()
    a = audit.good(auditlog.facts(1, [log.bytes()], {}, **docked_at(log)), log.bytes())
    assert a.codes == ["silence"]
    assert seconds(a.report) == {"powered_not_recording": 120 + 60 + 30, "log_missing": 940,
                                 "off": 2 + 1}


def test_clock_set_is_told(audit):
    log = AuditLog().undocked().power_on().clock_set("2026-11-20T07:00:00Z", after=10)
    log.power_off(after=10).docked()
    a = audit.good(auditlog.facts(1, [log.bytes()], {}, **docked_at(log)), log.bytes())
    assert a.codes == []
    assert a.report["clock_jumps"][0]["kind"] == "set"
    assert seconds(a.report) == {"powered_not_recording": 10 + 10, "off": 2 + 1}


@pytest.mark.parametrize("zone, codes, kind", [
    ("GMT0BST,M3.5.0/1,M10.5.0", [], "summer-time"),
    ("UTC0", ["clock-back"], "back"),
])
def test_october_sunday(audit, zone, codes, kind):
    """A camera that writes its clock face as if it were UTC, in the night of 25 October 2026."""
    log = AuditLog(start="2026-10-25T01:50:00Z").undocked().power_on().heartbeat(after=590)
    log.at("2026-10-25T01:00:05Z").heartbeat(after=0).power_off(after=60).docked()
    a = audit.good(auditlog.facts(1, [log.bytes()], {}, zone=zone, **docked_at(log)), log.bytes())
    assert a.codes == codes
    assert [j["kind"] for j in a.report["clock_jumps"]] == [kind]
    if not codes:
        assert a.report["clock_jumps"][0]["by_ms"] == -3600000
        # The last line before is of 01:59:52; 13 s later it was 01:00:05 again.
        assert seconds(a.report) == {"powered_not_recording": 590 + 13 + 60, "off": 2 + 1}


def test_clock_set_at_the_change(audit):
    log = AuditLog(start="2026-10-26T07:50:00Z").undocked().power_on()
    log.clock_set("2026-10-26T06:50:12Z", after=10).power_off().docked()
    a = audit.good(auditlog.facts(1, [log.bytes()], {}, zone="GMT0BST,M3.5.0/1,M10.5.0",
                                  **docked_at(log)), log.bytes())
    assert a.report["clock_jumps"][0]["kind"] == "summer-time"


# ---- bounds ----

def test_lines_too_long_and_odd(audit):
    log = AuditLog().undocked().power_on().event("firmware-told", anything=[1, {"a": None}])
    honest = log.bytes() + b"x" * 20000 + b"\n" + b'{"seq":99}\n' + b"[" * 5000 + b"\n\n"
    a = audit.good(auditlog.facts(1, [honest], {}, **docked_at(log)), honest)
    assert sorted(a.codes) == ["ends-early", "line-damaged"]
    assert a.audited.damaged == 4
    assert a.report["events"]["unknown"] == 1


def test_many_findings(audit):
    """Of each kind some are sent, and all are counted."""
    log = AuditLog().undocked().power_on()
    for i in range(6000):
        log.record_start(f"DCIM/{i}.mp4").record_stop(f"DCIM/{i}.mp4", b"x")
    log.raw(b"damage")
    log.power_off().docked()
    a = audit.good(auditlog.facts(1, [log.bytes()], {}, **docked_at(log)), log.bytes())
    assert len(a.findings) > 30
    assert a.report["findings_by_code"]["clip-missing"] == 6000
    assert "line-damaged" in a.codes
    assert len(a.report["recordings"]) == 256


def many_lines(path, n):
    """A log of about n lines, a quarter of them recordings without a clip; written as it is made."""
    log = AuditLog().undocked().power_on()
    with path.open("wb") as out:
        for i in range(n // 4):
            log.record_start(f"DCIM/{i}.mp4").record_stop(f"DCIM/{i}.mp4", b"x").heartbeat().battery(50)
            out.write(b"".join(line + b"\n" for line in log.lines))
            log.lines.clear()
        log.power_off().docked()
        out.write(b"".join(line + b"\n" for line in log.lines))
    return log


@pytest.mark.skipif(SANITIZED, reason="the sanitizers map more than this")
def test_memory_is_bounded(audit, tmp_path):
    """However long a log is: all memory of its own that the process may have is 8 MiB."""
    path = tmp_path / "long.log"
    log = many_lines(path, 100_000)
    assert path.stat().st_size > 2 * (8 << 20)
    facts = auditlog.facts(1, [b""], {}, **docked_at(log))
    a = audit.good(facts, path, memory=8 << 20)
    assert a.audited.lines == log.seq and a.audited.damaged == 0
    assert a.report["findings_by_code"] == {"clip-missing": 25_000}
    # And the bound bites.
    assert audit(facts, path, memory=1 << 20).code != 0


def test_facts_are_wrong(audit):
    for facts in (b"", b"{}\n", auditlog.facts(1, [b""], {}), auditlog.facts(1)[:-1]):
        a = audit(facts)
        assert (a.code, a.status) == (0, -74), a  # EBADMSG
        assert a.report is None and a.audited is not None


def test_logs_are_missing(audit):
    a = audit(auditlog.facts(1), b"", b"")
    assert a.status == -74


def test_vectors_are_the_builders():
    """The vectors in the tree are what audit_vectors.py writes; tests/unit/test_audit.c judges them."""
    import audit_vectors
    wanted = dict(audit_vectors.files())
    there = {p.name: p.read_bytes() for p in audit_vectors.FOLDER.iterdir() if p.name != "README.md"}
    assert there.keys() == wanted.keys()
    assert [n for n in wanted if wanted[n] != there[n]] == []
