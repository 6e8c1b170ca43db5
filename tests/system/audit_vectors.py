"""Writes tests/vectors/audit: logs for those who implement dockd-audit(5), with what is found in them.

NAME.log is the log, NAME.facts what the station knows beside it (dockd/verify/audit_facts.h),
NAME.expected what comes of it: a line `continuity WORD`, one `finding CODE SEQ ASSET` for each finding
in its order (SEQ and ASSET 0: none), and `time SHARE SECONDS` for some shares. What is expected is
written here by hand.

    /usr/bin/python3 tests/system/audit_vectors.py        # writes them anew
"""
import hashlib
import pathlib

import auditlog
import shift
from auditlog import AuditLog

FOLDER = pathlib.Path(__file__).parents[1] / "vectors/audit"
CLIPS = {"DCIM/1.mp4": b"first recording", "DCIM/2.mp4": b"second"}
LONDON = "GMT0BST,M3.5.0/1,M10.5.0"


def one_shift():
    """15 lines: 5 record-start of 1, 6 record-stop, 7 record-start of 2, 8 record-stop, 9 off."""
    return AuditLog().shift(CLIPS)


def vectors():
    """name: (log, facts, expected)"""
    made = {}

    def add(name, log, expected, clips=CLIPS, last=None, at=None, docking=1, **over):
        when = round(auditlog.seconds_of(at)) if at else 1795163000
        if isinstance(log, AuditLog):
            when, log = round(log.now), log.bytes()
        facts = auditlog.facts(docking, [log], clips, last=last, docked=when, now=when + 60, **over)
        made[name] = (log, facts, expected)

    good = one_shift()
    honest = good.bytes()
    add("honest", good, ["continuity first", "time recording 120", "time off 3",
                         "time powered_not_recording 181"])
    add("removed", auditlog.without(honest, 8),
        ["continuity first", "finding lines-missing 9 0", "finding start-without-stop 7 2"])
    add("swapped", auditlog.swapped(honest, 3), ["continuity first", "finding out-of-order 3 0"])
    add("changed", auditlog.changed(honest, 4, id="U-2"),
        ["continuity first", "finding line-changed 5 0"])
    add("changed-last", auditlog.changed(honest, 10, x=1), ["continuity first"])
    add("cut", auditlog.cut(honest), ["continuity first", "finding ends-early 9 0"])
    add("cut-in-line", auditlog.cut_bytes(honest, 9),
        ["continuity first", "finding line-damaged 9 0", "finding ends-early 9 0"])
    growing = one_shift().heartbeat(after=60)
    add("growing", auditlog.cut_bytes(growing.bytes(), 9), ["continuity first"])
    add("damaged", auditlog.damaged(honest, 4), ["continuity first", "finding line-damaged 5 0"])
    as_written = AuditLog().undocked().power_on()
    as_written.raw(b"{half a li")
    as_written.seq += 1
    add("damaged-by-camera", as_written.power_off().docked(),
        ["continuity first", "finding line-damaged 5 0"], {})
    add("inserted", b"\n".join(honest.split(b"\n")[:4] + [b"{}"] + honest.split(b"\n")[4:]),
        ["continuity first", "finding line-damaged 5 0"])
    add("doubled", b"\n".join(honest.split(b"\n")[:4] + honest.split(b"\n")[3:]),
        ["continuity first", "finding out-of-order 4 0"])
    add("missing-clip", good, ["continuity first", "finding clip-missing 8 0"],
        {"DCIM/1.mp4": CLIPS["DCIM/1.mp4"]})
    add("unlisted-clip", good, ["continuity first", "finding clip-unlisted 0 3"],
        {**CLIPS, "DCIM/3.mp4": b"of nowhere"})
    add("other-digest", good, ["continuity first", "finding clip-other-digest 6 1"],
        {**CLIPS, "DCIM/1.mp4": b"First recording"})
    add("other-size", good, ["continuity first", "finding clip-other-size 6 1"],
        {**CLIPS, "DCIM/1.mp4": b"short"})
    deleted = AuditLog().undocked().power_on().record("DCIM/1.mp4", b"x").delete("DCIM/1.mp4")
    add("deleted-clip", deleted.power_off().docked(),
        ["continuity first", "finding clip-deleted 5 0"], {})
    add("other-camera", AuditLog("BWC-0002").shift(CLIPS),
        ["continuity first", "finding other-camera 1 0"])

    # A second docking, an hour on the dock between.
    last = {"seq": good.seq, "sha256": good.prev, "time": round(good.now), "docking": 1,
            "ended": round(good.now) + 3600}
    old = {k: {"size": len(v), "sha256": hashlib.sha256(v).hexdigest(), "docking": 1}
           for k, v in CLIPS.items()}
    new = {**old, "DCIM/3.mp4": b"third"}
    more = dict(clips=new, last=last, docking=2, at="2026-11-20T19:00:00Z")
    good.only_new()
    good.at("2026-11-20T18:00:00Z").shift({"DCIM/3.mp4": b"third"})
    late = good.only_new()
    add("continues", good.bytes(), ["continuity continues", "time recording 60"], **more)
    add("continues-new-file", late, ["continuity continues", "time recording 60"], **more)
    add("yesterday", honest, ["continuity nothing-new", "finding nothing-new 10 0",
                              "finding clip-unlisted 0 3", "time docked 3600"], **more)
    add("rolled-back", auditlog.cut(honest, 2), [
        "continuity rolled-back", "finding log-rolled-back 8 0", "finding clip-unlisted 0 3"], **more)
    add("gap", b"\n".join(late.split(b"\n")[2:]),
        ["continuity gap", "finding lines-missing 13 0", "time docked 3600"], **more)
    add("forked", auditlog.rechained(good.bytes(), 4),
        ["continuity forked", "finding log-forked 10 0"], **more)
    add("restarted", AuditLog(start="2026-11-20T18:00:00Z").shift({"DCIM/3.mp4": b"third"}).bytes(),
        ["continuity restarted", "finding log-restarted 1 0"], **more)
    add("empty", b"", ["continuity no-log", "finding no-log 0 0"], **more)
    add("other-form", b"08:00 ON\n08:10 OFF\n", ["continuity no-log"], **more)

    pulled = AuditLog().undocked().power_on().record_start("DCIM/1.mp4").heartbeat(after=30)
    add("battery-pulled", pulled.power_on(after=100).power_off(after=50).docked(), [
        "continuity first", "finding power-lost 6 0", "finding start-without-stop 4 1",
        "time recording 30", "time power_lost 100", "time powered_not_recording 51"],
        {"DCIM/1.mp4": b"cut"})
    flat = AuditLog().undocked().power_on().battery(3, after=10).power_on(after=100).power_off()
    add("battery-flat", flat.docked(), ["continuity first", "time power_lost 100"], {})
    pairs = AuditLog().undocked().power_on().record_stop("DCIM/1.mp4", CLIPS["DCIM/1.mp4"])
    pairs.event("mute").record_start("DCIM/2.mp4").power_off().docked()
    add("pairs", pairs, ["continuity first", "finding stop-without-start 4 1",
                         "finding start-without-stop 6 2", "finding mute-without-unmute 5 0"])
    quiet = AuditLog(heartbeat=60).undocked().power_on().heartbeat(after=60).heartbeat(after=600)
    add("silence", quiet.power_off().docked(), [
        "continuity first", "finding silence 5 0", "time log_missing 540"], {})

    def october(log):
        log.undocked().power_on().heartbeat(after=590)
        return log.at("2026-10-25T01:00:05Z").heartbeat(after=0).power_off().docked()

    add("summer-time-ends", october(AuditLog(start="2026-10-25T01:50:00Z")),
        ["continuity first", "time powered_not_recording 604"], {}, zone=LONDON)
    add("clock-back", october(AuditLog(start="2026-10-25T01:50:00Z")),
        ["continuity first", "finding clock-back 5 0"], {})
    spring = AuditLog(start="2026-03-29T00:50:00Z", heartbeat=60).undocked().power_on()
    for _ in range(9):
        spring.heartbeat(after=60)
    add("summer-time-begins", spring.heartbeat(after=3660).power_off().docked(),
        ["continuity first", "time powered_not_recording 601"], {}, zone=LONDON)
    offset = AuditLog(start="2026-10-25T00:50:00Z", offset_minutes=60).undocked().power_on()
    offset.offset_minutes = 0
    add("offsets", offset.power_off(after=1200).docked(),
        ["continuity first", "time powered_not_recording 1200"], {})
    odd = AuditLog().undocked().power_on().event("x-maker", odd={"a": [1, 2.5, None, True, "\u20ac"]})
    add("unknown-event", odd.power_off().docked(), ["continuity first"], {})

    whole, _, before = shift.log()
    made["shift"] = (whole, shift.its_facts(whole, before), [
        "continuity continues", "finding power-lost 19 0", "finding start-without-stop 17 2",
        "time recording 2820", "time powered_not_recording 34925", "time off 48605",
        "time docked 1080", "time power_lost 80", "time muted 150", "time buffer_on 33910"])
    return made


def files():
    for name, (log, facts, expected) in vectors().items():
        yield f"{name}.log", log
        yield f"{name}.facts", facts
        yield f"{name}.expected", "".join(line + "\n" for line in expected).encode()


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for file, data in files():
        (FOLDER / file).write_bytes(data)
