#!/usr/bin/python3
"""A month under the kernel's real clock: the shipped programs, `date -s`, and adjtimex(2) for a time
service that says it is synchronised, and one that does not.
"""

import ctypes
import os
import pathlib
import subprocess
import time

from labstation import LabStation, wait_on_bus
from probe import HERE, Tally, shell, until
from vcam import Camera, clip

BUILD = os.environ.get("DOCKD_BUILD") or os.path.join(HERE, "..", "..", "build")

DAY = 86400
PATIENCE_S = 200
STA_UNSYNC, ADJ_STATUS, ADJ_MAXERROR, ADJ_ESTERROR = 0x40, 0x10, 0x4, 0x8
t = Tally("retention")


class Timex(ctypes.Structure):
    """struct timex of adjtimex(2), as far as its status; the rest is room."""
    _fields_ = [("modes", ctypes.c_uint), ("offset", ctypes.c_long), ("freq", ctypes.c_long),
                ("maxerror", ctypes.c_long), ("esterror", ctypes.c_long), ("status", ctypes.c_int),
                ("room", ctypes.c_char * 256)]


def synchronised(yes):
    libc = ctypes.CDLL(None, use_errno=True)
    x = Timex(modes=ADJ_STATUS | ADJ_MAXERROR | ADJ_ESTERROR, status=0 if yes else STA_UNSYNC)
    if libc.adjtimex(ctypes.byref(x)) < 0:
        raise OSError(ctypes.get_errno(), "adjtimex")


def forward(days):
    """
    The kernel forgets that it was synchronised whenever its clock is set. A minute more: the days are whole from
    the newest record on, whichever second that is of.
    """
    subprocess.run(["date", "-s", "@%d" % int(time.time() + days * DAY + 60)], check=True,
                   stdout=subprocess.DEVNULL)


def right(s, days):
    """Weeks ahead, and a time service that says it is right: nothing goes until a person says so too."""
    synchronised(True)
    t.check("the clock went ahead by %d days: nothing is on its way by age" % days,
            until(PATIENCE_S, lambda: "went ahead by %d days" % days in s.ctl("status")["text"]) and
            len([r for r in s.ledger() if r["type"] in ("marked", "dispose-intent")]) == (days < 10),
            s.ctl("status")["text"])
    s.ctl("settle", "clock", "--reason", "lab")


def left():
    """Files as long as goes.mp4; by find, as others of the folder come and go meanwhile."""
    return subprocess.run(["find", "/run/station", "-type", "f", "-size", "3000000c"], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True, check=False).stdout.split()


def kept(s, number):
    return s.ctl("clip", str(number))["station_copy"]


shell("gadget_port 0")
now = int(time.time())
camera = Camera.gadget(BUILD, "/run/vcam", "A", 0, battery=100, objects=[
    clip("DCIM/goes.mp4", 3000000, 1, mtime=now), clip("DCIM/stays.mp4", 2000000, 2, mtime=now)],
    usb={"vendor": 0x1209, "product": 0xbcbc, "model": "vcam", "serial": "BWC-R0"})
os.makedirs("/run/station")
synchronised(True)
with LabStation(folder="/run/station", dispose="on", destinations=[
        {"name": "store", "driver": "dir", "dispose": True, "folder": "/run/station/store"}]) as s:
    s.wait("idle", timeout=PATIENCE_S)
    t.check("the station's clock is synchronised", s.ctl("status")["clock_synchronised"])
    camera.plug("0")
    t.check("the camera is on the bus", wait_on_bus("BWC-R0"))
    s.wait("all", "receipted", timeout=PATIENCE_S)
    s.wait("idle", timeout=PATIENCE_S)
    clips = {pathlib.PurePath(s.ctl("clip", str(n))["path"]).name: s.ctl("clip", str(n))
             for n in range(1, s.ctl("status")["assets"] + 1)}
    goes, stays = clips["goes.mp4"], clips["stays.mp4"]
    t.check("the time of recording is proved", goes["recorded_proved"], goes)
    t.check("its bytes are found", left())
    s.ctl("preserve", "asset", str(stays["number"]), "--reason", "lab")
    forward(25)
    t.check("date -s: not synchronised any more",
            until(PATIENCE_S, lambda: not s.ctl("status")["clock_synchronised"]))
    t.check("due", until(PATIENCE_S, lambda: s.ctl("status")["due"] == 1), s.ctl("status"))
    right(s, 25)
    t.check("marked", until(PATIENCE_S, lambda: [d["stage"] for d in s.ctl("due")["due"]] == ["marked"]))
    t.check("the mark is on record",
            until(PATIENCE_S, lambda: [r["asset"] for r in s.ledger()
                                       if r["type"] == "marked"] == [goes["number"]]))
    forward(8)
    t.check("overdue, and nothing goes: that is told",
            until(PATIENCE_S, lambda: "disposal by age stands still" in s.ctl("status")["text"]),
            s.ctl("status")["text"])
    t.check("it is still there", kept(s, goes["number"]) == "kept")
    right(s, 8)
    t.check("gone", until(PATIENCE_S, lambda: kept(s, goes["number"]) == "disposed"))
    t.check("preserved: still there", kept(s, stays["number"]) == "kept")
    t.check("no file of it is left, here or in the store", until(PATIENCE_S, lambda: not left()), left())
camera.close()
t.finish()
