#!/usr/bin/python3
"""The package on a fresh Debian that has booted: a shift is docked, lamps are watched, dockd is killed.

Runs outside the guest. Two cameras of QEMU's usb-mtp and a disk on hubs; the bays' lamps are those of a
keyboard. One boot for all of it.
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

from appliance import CONF, Appliance
from lamps import Lamps
from labstation import fill
from only_cameras import only_cameras
from probe import Tally
from processes import TABLE, Look, filters, judge, still_wrong

MIB = 1 << 20
t = Tally("booted")

BAYS = CONF % """
bays = (
  { name = "1"; port = "1-1.1"; light = "1-3/numlock"; },
  { name = "2"; port = "1-1.2"; light = "1-3/capslock"; },
  { name = "3"; port = "1-2.1"; light = "1-3/scrolllock"; },
  { name = "4"; port = "1-2.2"; light = "1-4/numlock"; }
);
station-light = "1-4/capslock";
"""
LAMPS = [("3", "numlock"), ("3", "capslock"), ("3", "scrolllock"), ("4", "numlock"), ("4", "capslock")]
# A disk that has to stay for three hours, as its battery is not told.
SLOW = """name = "slow-disk"; match = { vendor = 0x46f4; product = 0x0001; class = 8; protocol = 0x50; };
driver = "msc"; identity = "usb"; signing = "none"; logs = "none"; charge-minutes = 180;
"""
# What the log warns of though all is well: the volume is plain, and QEMU has only slow hubs.
EXPECTED = {"plaintext", "speed-downgraded"}


def disk_image(path, folder):
    """A card as a camera writes it: FAT32, with what lies in folder."""
    with open(path, "wb") as f:
        f.truncate(64 * MIB)
    subprocess.run(["/sbin/mkfs.vfat", "-F", "32", "-s", "1", path], check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["mcopy", "-s", "-i", path, *folder.iterdir(), "::"], check=True)


def sums(folder):
    out = subprocess.check_output("find . -type f -exec sha256sum {} +", cwd=folder, shell=True, text=True)
    return {line[66:]: line[:64] for line in out.splitlines()}


def all_held(a, wanted):
    a.ctl("wait", "all", "receipted")
    held = a.digests("/var/lib/dockd-uploader/local")
    got = sorted(d for path, d in held.items() if re.fullmatch("[0-9a-f]{2}/[0-9a-f]{64}", path))
    return got == sorted(wanted.values()), (sorted(held.items()), sorted(wanted.items()))


def comes_up(a):
    t.check("systemd has started everything", a.boot() == "running", a.run("systemctl --failed")[1])
    # For systemd they run from their first moment on, and "idle" does not ask for them.
    a.until("dockctl --json status | jq -e '.hotplug and all(.destinations[]; .connected)'")
    state = a.sh("systemctl is-active dockd dockd-hotplug dockd-uploader@local").split()
    t.check("the three services run", state == ["active"] * 3, state)
    a.ctl("wait", "idle")
    status = a.sh("systemctl status dockd --no-pager")
    t.check("systemd is told how it goes", "Status: \"" in status, status)


def lamps_tell(a, lamps, work):
    told = lamps.told()
    t.check("empty bays wink, the station is well (%s)" % told, told == ["empty"] * 4 + ["take"], lamps.seen)
    looks = [Look(a, program) for program in ("dockd-camera", "dockd-verify")]
    begin = lamps.now()
    a.dock_mtp("cam1", "1.1", "BWC-1", work / "cam1")
    a.dock_mtp("cam2", "1.2", "BWC-2", work / "cam2")
    a.dock_disk("card", "2.1", "BWC-3", work / "card.img")
    a.ctl("wait", "bay", "1", "reading")
    a.ctl("wait", "bay", "3", "charging")
    a.ctl("wait", "bay", "2", "take")
    a.ctl("wait", "bay", "1", "take")
    seen = {}
    for look in looks:
        seen.update((name, process) for name, process in look.found().items()
                    if filters(process) >= filters(seen.get(name)))
    said = lamps.said(begin)
    t.check("bay 1 was being read, by its lamp (%s)" % said[0], "reading" in said[0], lamps.seen)
    told = lamps.told()
    t.check("two may be taken, one charges, one is empty (%s)" % told,
            told[:4] == ["take", "take", "charging", "empty"], lamps.seen)
    return seen


def keys_do_not_matter(a, lamps):
    """The kernel lights a keyboard's lamps by its keys; not those that are bays'."""
    for key in ("caps_lock", "num_lock", "scroll_lock"):
        a.qmp("send-key", keys=[{"type": "qcode", "data": key}])
    told = lamps.told()
    t.check("caps lock and the like change nothing (%s)" % told,
            told[:4] == ["take", "take", "charging", "empty"], lamps.seen)
    triggers = [a.sh("cat %s/trigger" % a.lamp(*lamp)) for lamp in LAMPS]
    t.check("no trigger of the kernel is left on a lamp", all("[none]" in text for text in triggers), triggers)


def arrived(a, wanted):
    good, more = all_held(a, wanted)
    t.check("%d files are at the destination once each, byte for byte" % len(wanted), good, more)
    code, out, err = a.run("dockctl ledger verify")
    t.check("the ledger is whole", code == 0, out + err)
    events = [line["MESSAGE"] for line in a.journal() if "event=" in line.get("MESSAGE", "")]
    figures = dict(line.rsplit(" ", 1) for line in a.sh("dockctl metrics").splitlines() if line[0] != "#")
    for name, value in (("dockd_dockings_total", 3), ("dockd_files", len(wanted)),
                        ("dockd_files_receipted", len(wanted)), ("dockd_cameras_docked", 3), ("dockd_plaintext", 1),
                        ("dockd_intake_stopped", 0), ('dockd_bay_light{bay="1",light="take"}', 1)):
        t.check("metrics: %s is %d" % (name, value), float(figures.get(name, -1)) == value,
                {k: v for k, v in figures.items() if k.startswith(name[:15])})
    for event, times in (("docked", 3), ("all-held", 3), ("staged", len(wanted))):
        n = sum(" event=%s " % event in message for message in events)
        t.check("the log has \"%s\" %d times" % (event, times), n == times, n)


def warned(a):
    """What our services have warned of that is not expected."""
    lines = [line for unit in ("dockd", "dockd-hotplug", "dockd-uploader@local") for line in a.journal(unit)]
    bad = []
    for line in lines:
        text = line.get("MESSAGE", "")
        if " level=warn " in text or " level=error " in text or int(line.get("PRIORITY", 6)) < 5:
            if not any(" event=%s " % event in text for event in EXPECTED):
                bad.append(text)
    return bad


def services_are_bounded(a, seen):
    for unit, limit in (("dockd", 1.5), ("dockd-hotplug", 2.0), ("dockd-uploader@local", 2.0)):
        text = a.sh("systemd-analyze security --no-pager %s | tail -n 1" % unit)
        figure = float(text.split(":")[1].split()[0])
        t.check("systemd-analyze security %s: %.1f" % (unit, figure), figure <= limit)
    t.check("seen: %s" % ", ".join(sorted(seen)), set(seen) >= set(TABLE), TABLE.keys() - seen.keys())
    for name, process in sorted(seen.items()):
        wrong = judge(name, process)
        if wrong and name not in ("dockd-camera", "dockd-verify"):
            print("        %s at the first look: %s" % (name, wrong), flush=True)
            wrong = still_wrong(a, name, wrong)
        t.check("%s has what it may have (%d files)" % (name, len(process["files"])), not wrong, wrong)


def killed(a, lamps):
    restarts = int(a.sh("systemctl show -P NRestarts dockd"))
    begin = lamps.now()
    a.sh("systemctl kill -s KILL dockd")
    a.until("test $(systemctl show -P NRestarts dockd) -gt %d && systemctl is-active dockd && "
            "dockctl wait idle --timeout 60" % restarts)
    samples = lamps.since(begin, 15)
    for bay, lamp in enumerate(samples[:2], 1):
        # The lamp goes dark and stays so while nobody knows what is in the bay.
        dark = [time for time, lit in lamp if not lit and
                not any(other for at, other in lamp if time <= at < time + 1)]
        t.check("dockd killed: bay %d was dark after %.1f s" % (bay, dark[0] - begin if dark else 99), dark)
    t.check("systemd has started it again", int(a.sh("systemctl show -P NRestarts dockd")) == restarts + 1)
    for bay, light in (("1", "take"), ("2", "take"), ("3", "charging"), ("4", "empty")):
        a.ctl("wait", "bay", bay, light)
    told = lamps.told()
    t.check("and it says again what is so (%s)" % told, told[:4] == ["take", "take", "charging", "empty"], lamps.seen)


def goes_on(a, work, wanted):
    """Taken out, recorded with, docked again."""
    a.undock("cam2")
    a.ctl("wait", "bay", "2", "empty")
    fill(work / "cam2", {"DCIM/of the next shift.mp4": 3 * MIB + 5})
    a.dock_mtp("cam2", "1.2", "BWC-2", work / "cam2")
    a.ctl("wait", "bay", "2", "take")
    wanted.update({"cam2/" + path: d for path, d in sums(work / "cam2").items()})
    good, more = all_held(a, wanted)
    t.check("docked again after that: the new one has come, nothing twice", good, more)


def hangs(a):
    seconds = int(a.sh("systemctl show -P WatchdogUSec dockd | sed 's/min/ 60/; s/s//'").split()[0])
    before = int(a.sh("systemctl show -P NRestarts dockd"))
    a.sh("systemctl kill -s STOP --kill-who=main dockd")
    a.until("test $(systemctl show -P NRestarts dockd) -gt %d && systemctl is-active dockd" % before, 300)
    t.check("hung: the watchdog (%d s) has had it started again" % seconds, True)


def turned(a):
    """Reload keeps the process; restart is orderly; the uploader and hotplug come back by themselves."""
    pid = a.sh("systemctl show -P MainPID dockd")
    a.sh("systemctl reload dockd")
    a.until("journalctl -q -u dockd | grep -q event=reloaded")
    t.check("reload: the same process", a.sh("systemctl show -P MainPID dockd") == pid)
    a.sh("systemctl restart dockd")
    for bay in ("1", "2"):
        a.ctl("wait", "bay", bay, "take")
    for unit in ("dockd-hotplug", "dockd-uploader@local"):
        a.until("systemctl is-active " + unit)
    t.check("restart: all three are back", True)


def new_lamps(a, lamps):
    """A keyboard that was pulled out has another name in the class when it is back."""
    was = a.lamp("3", "numlock")
    a.undock("lamps")
    a.until("! test -e %s" % was)  # the guest hears of it later than QEMU
    a.keyboard("lamps", "3")
    now = a.lamp("3", "numlock")
    a.until("grep -q 1 %s/brightness" % now)
    t.check("lamps pulled out and back are lit again", was != now, (was, now))


def main():
    work = pathlib.Path(tempfile.mkdtemp(prefix="dockd-booted-"))
    fill(work / "cam1", {"DCIM/100BWC/long %d.mp4" % n: 60 * MIB + n for n in range(2)})
    fill(work / "cam2", {"DCIM/100BWC/clip %d.mp4" % n: 700000 + n for n in range(8)})
    fill(work / "card", {"DCIM/Ж 録画 é.mp4": 5 * MIB, "DCIM/deep/er/x.mp4": 4711, "DCIM/empty.mp4": 0})
    disk_image(work / "card.img", work / "card")
    wanted = {"%s/%s" % (c, path): d for c in ("cam1", "cam2", "card") for path, d in sums(work / c).items()}
    with Appliance(work / "station", files={"/etc/dockd/dockd.conf": BAYS,
                                            "/etc/dockd/profiles/slow-disk.conf": SLOW}) as a:
        a.keyboard("lamps", "3")
        a.keyboard("more", "4")
        began = time.monotonic()

        def part(what, *args):
            start = time.monotonic()
            got = None
            try:
                got = what(*args)
            except Exception as e:
                t.check(what.__name__, False, "%s: %s" % (type(e).__name__, e))
            print("        %s: %.0f s" % (what.__name__, time.monotonic() - start), flush=True)
            return got

        part(comes_up, a)
        lamps = Lamps(a, LAMPS)
        seen = part(lamps_tell, a, lamps, work) or {}
        part(keys_do_not_matter, a, lamps)
        part(arrived, a, wanted)
        bad = part(warned, a)
        t.check("no warning in the log that should not be there", not bad, bad)
        part(services_are_bounded, a, seen)
        part(killed, a, lamps)
        part(goes_on, a, work, wanted)
        part(turned, a)
        part(new_lamps, a, lamps)
        part(only_cameras, a, t, work / "cam2")
        part(hangs, a)
        if t.failed:
            print(a.run("dockctl status; journalctl --no-pager -u 'dockd*' -u lamps | tail -n 150")[1], flush=True)
        part(a.poweroff)
        print("        %.0f s from the first to the last" % (time.monotonic() - began), flush=True)
    if not t.failed:
        subprocess.run(["rm", "-rf", work], check=True)
    t.finish()


if __name__ == "__main__":
    main()
