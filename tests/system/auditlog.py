"""Audit logs as dockd-audit(5) has them: written as an honest camera would, and then tampered with.

    log = AuditLog("BWC-0001", "2026-11-20T08:00:00Z")
    log.undocked().power_on()
    log.record("DCIM/100BWC/clip1.mp4", data, seconds=60)
    log.power_off().docked()
    honest = log.bytes()                  # the whole history, a line an event
    log.only_new()                        # what came since the last call of this
    without(honest, 4), swapped(honest, 4), changed(honest, 4, file="other.mp4"), cut(honest, 3)

Each call lets the camera's clock go on by `after` seconds first (1 where not told). Lines are counted
from 1. The same object goes on at the next docking; an earlier bytes() is yesterday's log.
"""
import datetime
import hashlib
import json

ZEROS = "0" * 64


def seconds_of(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def time_text(seconds, offset_minutes=0):
    """RFC 3339, whole seconds unless there are parts of one."""
    zone = datetime.timezone(datetime.timedelta(minutes=offset_minutes))
    t = datetime.datetime.fromtimestamp(round(seconds, 3), zone)
    text = t.isoformat(timespec="milliseconds" if t.microsecond else "seconds")
    return text.replace("+00:00", "Z")


class AuditLog:
    def __init__(self, serial="BWC-0001", start="2026-11-20T08:00:00Z", heartbeat=None,
                 offset_minutes=0):
        self.serial, self.offset_minutes = serial, offset_minutes
        self.now = seconds_of(start) if isinstance(start, str) else float(start)
        self.lines, self.prev, self.seq, self.told = [], ZEROS, 0, 0
        self.event("log-start", after=0, version=1, serial=serial,
                   **({"heartbeat": heartbeat} if heartbeat else {}))

    def event(self, name, after=1, **fields):
        """Any event, also one that nobody knows."""
        self.now += after
        self.seq += 1
        line = json.dumps({"seq": self.seq, "time": time_text(self.now, self.offset_minutes),
                           "event": name, "prev": self.prev, **fields},
                          separators=(",", ":"), ensure_ascii=False).encode()
        self.raw(line)
        return self

    def raw(self, line):
        """A line as it stands, without its newline."""
        self.lines.append(line)
        self.prev = hashlib.sha256(line).hexdigest()

    def at(self, text):
        """Sets the time at which the next event happens (give it after=0)."""
        self.now = seconds_of(text)
        return self

    def power_on(self, **how):
        return self.event("power-on", **how)

    def power_off(self, reason="button", **how):
        return self.event("power-off", reason=reason, **how)

    def undocked(self, **how):
        return self.event("undocked", **how)

    def docked(self, **how):
        return self.event("docked", **how)

    def user(self, id, **how):
        return self.event("user", id=id, **how)

    def battery(self, percent, **how):
        return self.event("battery", percent=percent, **how)

    def heartbeat(self, **how):
        return self.event("heartbeat", **how)

    def delete(self, file, **how):
        return self.event("delete", file=file, **how)

    def record_start(self, file, **how):
        return self.event("record-start", file=file, **how)

    def record_stop(self, file, data=None, size=None, sha256=None, **how):
        size = len(data) if size is None else size
        sha256 = hashlib.sha256(data).hexdigest() if sha256 is None else sha256
        return self.event("record-stop", file=file, size=size, sha256=sha256, **how)

    def record(self, file, data, seconds=60, mute=None, **how):
        """A whole recording; mute: how many of its seconds, from its middle on, are muted."""
        self.record_start(file, **how)
        if mute:
            self.event("mute", after=(seconds - mute) / 2).event("unmute", after=mute)
            return self.record_stop(file, data, after=(seconds - mute) / 2)
        return self.record_stop(file, data, after=seconds)

    def clock_set(self, to, after=1):
        """The clock is set: to is what it shows from now on."""
        was = self.now + after
        self.now = seconds_of(to)
        return self.event("clock-set", after=0, **{"from": time_text(was, self.offset_minutes),
                                                   "to": time_text(self.now, self.offset_minutes)})

    def shift(self, clips, user="U-1", seconds=60):
        """Undocked, recordings {path: data} a minute apart, docked again."""
        self.undocked().power_on().user(user)
        for path, data in clips.items():
            self.record(path, data, seconds=seconds, after=60)
        return self.power_off(after=60).docked()

    def bytes(self):
        return b"".join(line + b"\n" for line in self.lines)

    def only_new(self):
        new, self.told = self.lines[self.told:], len(self.lines)
        return b"".join(line + b"\n" for line in new)


# ---- tampering ----

def _lines(log):
    return log.split(b"\n")[:-1]


def _join(lines):
    return b"".join(line + b"\n" for line in lines)


def without(log, number):
    lines = _lines(log)
    del lines[number - 1]
    return _join(lines)


def swapped(log, number):
    """This line and the next one in each other's place."""
    lines = _lines(log)
    lines[number - 1], lines[number] = lines[number], lines[number - 1]
    return _join(lines)


def changed(log, number, **fields):
    """Some fields of one line are others; its `prev` is as it was."""
    lines = _lines(log)
    line = json.loads(lines[number - 1])
    line.update(fields)
    lines[number - 1] = json.dumps(line, separators=(",", ":"), ensure_ascii=False).encode()
    return _join(lines)


def cut(log, lines=1):
    """The last lines are gone."""
    return _join(_lines(log)[:-lines])


def cut_bytes(log, size):
    """The log ends in the middle of a line."""
    return log[:-size]


def damaged(log, number, with_=b"\x00\xff{{"):
    lines = _lines(log)
    lines[number - 1] = with_
    return _join(lines)


def rechained(log, number):
    """Drops a line and numbers and chains all that follow anew, as one would who knows the format."""
    lines = _lines(log)
    del lines[number - 1]
    prev = hashlib.sha256(lines[number - 2]).hexdigest() if number > 1 else ZEROS
    for i in range(number - 1, len(lines)):
        line = json.loads(lines[i])
        line["seq"] = i + 1
        line["prev"] = prev
        lines[i] = json.dumps(line, separators=(",", ":"), ensure_ascii=False).encode()
        prev = hashlib.sha256(lines[i]).hexdigest()
    return _join(lines)


def line_of(log, event, which=1):
    """The number of the which-th line of this event."""
    for number, line in enumerate(_lines(log), 1):
        if json.loads(line)["event"] == event:
            which -= 1
            if which == 0:
                return number
    raise ValueError(f"no {event} in the log")


def facts(docking, logs=(), clips=(), last=None, **over):
    """The facts of an audit (dockd/verify/audit_facts.h) as bytes, for driving dockd-verify itself."""
    first = {"type": "docking", "docking": docking, "camera": "BWC-0001", "bay": "bay-1",
             "station": "station-1", "profile": "simulator", "docked": 1795251600,
             "now": 1795251660, "zone": "UTC0", "clock-source": "ntp", "clock-synchronised": 1,
             "clock-offset-ms": 0, **over}
    lines = [first]
    if last:
        lines.append({"type": "last", **last})
    for i, log in enumerate(logs):
        lines.append({"type": "log", "asset": 900 + i, "path": f"LOG/AUDIT{i}.LOG", "size": len(log),
                      "sha256": hashlib.sha256(log).hexdigest(), "signature": "valid"})
    for number, (path, data) in enumerate(dict(clips).items(), 1):
        clip = data if isinstance(data, dict) else {
            "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        lines.append({"type": "clip", "asset": number, "path": path, "docking": docking, **clip})
    return b"".join(_record(line) for line in lines)


def _record(fields):
    """The canonical form of a ledger record (dockd/LEDGER.md)."""
    def value(v):
        if isinstance(v, int):
            return str(v)
        out = ""
        for c in v.encode():
            if c in b'"\\':
                out += "\\" + chr(c)
            elif 0x20 <= c < 0x7f:
                out += chr(c)
            else:
                out += f"\\u00{c:02x}"
        return f'"{out}"'
    return ("{" + ",".join(f'"{k}":{value(v)}' for k, v in sorted(fields.items())) + "}\n").encode()
