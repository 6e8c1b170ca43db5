"""The shift of dockd/REPORT-EXAMPLE.md: two officers, one camera, a battery pulled, home overnight."""
import hashlib

from auditlog import AuditLog, facts

CLIPS = {"DCIM/100BWC/0001.MP4": b"nineteen minutes", "DCIM/100BWC/0002.MP4": b"cut short",
         "DCIM/100BWC/0003.MP4": b"sixteen minutes"}
DAY, NEXT = "2026-11-20T", "2026-11-21T"


def log():
    """All of the camera's log, and how much of it was read at the docking before."""
    a = AuditLog("BWC-0417", DAY + "06:39:58Z")
    a.at(DAY + "06:40:00Z").docked(after=0)
    before = a.bytes()
    last = {"seq": a.seq, "sha256": a.prev, "time": round(a.now), "docking": 11,
            "ended": round(a.now) + 18 * 60}

    def at(time, event, **fields):
        a.at(f"{DAY}{time}Z")
        a.event(event, after=0, **fields)

    def stop(time, file):
        at(time, "record-stop", file=file, size=len(CLIPS[file]),
           sha256=hashlib.sha256(CLIPS[file]).hexdigest())

    one, two, three = CLIPS
    a.at(DAY + "06:58:00Z").undocked(after=0)
    a.at(DAY + "06:58:05Z").power_on(after=0)
    at("07:00:00", "user", id="U-0417")
    at("07:00:10", "buffer-on")
    at("07:00:10", "battery", percent=98)
    at("09:12:00", "record-start", file=one)
    at("09:20:00", "mute")
    at("09:22:30", "unmute")
    stop("09:31:00", one)
    at("12:30:00", "battery", percent=61)
    at("13:05:00", "power-off", reason="button")
    at("13:20:00", "power-on")
    at("13:20:30", "user", id="U-0522")
    at("13:21:00", "buffer-on")
    at("15:40:00", "record-start", file=two)
    at("15:52:00", "battery", percent=44)
    at("15:53:20", "power-on")
    at("15:53:30", "user", id="U-0522")
    at("15:53:40", "buffer-on")
    at("15:54:00", "record-start", file=three)
    stop("16:10:00", three)
    at("17:30:00", "power-off", reason="button")
    a.at(NEXT + "06:45:00Z").power_on(after=0)
    a.at(NEXT + "06:45:10Z").user("U-0522", after=0)
    a.at(NEXT + "06:58:30Z").docked(after=0)
    return a.bytes(), before, last


def its_facts(whole, last):
    return facts(12, [whole], CLIPS, last=last, camera="BWC-0417", bay="bay-3", station="station-1",
                 profile="example", docked=1795244313, now=1795244400, zone="GMT0BST,M3.5.0/1,M10.5.0",
                 **{"clock-offset-ms": -3000, "clock-source": "ntp.example"})
