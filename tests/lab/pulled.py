#!/usr/bin/python3
"""Pulled out in the middle of a clip and docked again in another bay, on real USB.

The simulator's gadget at ten exact bytes, uMTP-Responder at about ten points, QEMU by device_del.
Each clip must end the same byte for byte, with at most 64 KiB read twice for each interruption.
"""

import hashlib
import os
import pathlib
import sys

from labstation import LabStation, digests, fill, on_bus
from probe import BUILD, HERE, Tally, hmp, shell, until

sys.path.insert(0, os.path.join(HERE, "..", "system"))
from vcam import Camera, clip, generate  # noqa: E402

MIB = 1 << 20
OVERLAP = 64 << 10
t = Tally("pulled")
out = os.environ["LAB_OUT"]
os.makedirs("/run/station")


def staged(number):
    """Bytes of this asset in staging so far."""
    while True:
        try:
            for path in pathlib.Path("/run/station/state/staging").rglob("%016x*" % number):
                if path.suffix in (".part", ""):
                    return path.stat().st_size
            return 0
        except FileNotFoundError:
            continue  # it has another name by now


def asset_of(path, seconds=300):
    """The number of the asset with this path, once it has been found."""
    def look():
        return next((r for r in s.ledger() if r["type"] == "found" and r["path"] == path), None)
    return until(seconds, look)["asset"]


def verdict(name, path, size, content, interruptions):
    number = asset_of(path)
    s.wait("clip", number, "receipted", timeout=800)
    c = s.clip(number)
    t.check("%s: interrupted %d times of %d, then whole" %
            (name, c["interruptions"], interruptions), c["interruptions"] == interruptions, c)
    t.check("%s: the same bytes at the destination" % name,
            content in digests("/run/station/store"), c)
    again = c["pulled_bytes"] - size
    t.check("%s: %d bytes read again" % (name, again),
            0 <= again <= OVERLAP * c["interruptions"], c)


# ---- the simulator: two gadgets that are one camera, in two bays ----

def simulator():
    size = 64 * MIB
    points = [1, 499, 500, 512, 256 * 1024 - 12, 8 * MIB, 8 * MIB + 1, 33333333, 50 * MIB + 500,
              size - 1]
    path = "DCIM/exact.mp4"
    body = [clip(path, size, 7, mtime=1790000000)]
    twins = [Camera.gadget(BUILD, "/run/vcam", "V%d" % n, n, objects=body,
                           usb={"vendor": 0x1209, "product": 0xbcbc, "model": "vcam",
                                "serial": "BWC-V"}) for n in (0, 1)]
    for i, at in enumerate(points):
        camera = twins[i % 2]
        camera.fault("unplug", object=path, at=at)
        camera.plug("0")
        camera.wait("fired:unplug", i // 2 + 1, seconds=300)
        camera.clear()
        until(120, lambda: not on_bus("BWC-V"))
    twins[0].plug("0")
    content = hashlib.blake2b()
    for at in range(0, size, 4 * MIB):
        content.update(generate(7, at, 4 * MIB))
    verdict("simulator", path, size, content.hexdigest(), len(points))
    for twin in twins:
        twin.close()


# ---- uMTP-Responder: two gadget ports, pulled out some way into each of ten pulls ----

def umtp():
    size = 96 * MIB
    content = next(iter(fill("/run/clips", {"DCIM/clip one.mp4": size})))
    path = "DCIM/clip one.mp4"
    number, before, done = None, 0, 0
    for i in range(10):
        n = 2 + i % 2
        shell("camera_umtp %d BWC-U /run/clips" % n)
        number = number or asset_of(path)
        reached = until(400, lambda: staged(number) >= before + (i + 1) * 100000)
        with open("/sys/kernel/config/usb_gadget/cam%d/UDC" % n, "w") as udc:
            udc.write("\n")
        shell("camera_pull %d 2>/dev/null" % n, check=False)
        until(120, lambda: not on_bus("BWC-U"))
        before = staged(number)
        done += 1 if reached and before < size else 0
    shell("camera_umtp 2 BWC-U /run/clips")
    t.check("uMTP: pulled out at %d points" % done, done >= 9)
    verdict("uMTP", path, size, content, done)
    shell("camera_pull 2")


# ---- QEMU: device_del, and in again at another port of the controller ----

def qemu():
    size = 256 * MIB
    content = next(iter(fill(out + "/q", {"clip q.mp4": size})))
    number, done = None, 0
    add = "device_add usb-mtp,id=q%d,serial=BWC-Q,rootdir=" + out + "/q,desc=q,bus=xhci.0,port=%d"
    for i in range(3):
        hmp(add % (i, 3 + i % 2))
        number = number or asset_of("clip q.mp4")
        reached = until(400, lambda: staged(number) >= (i + 1) * size // 8)
        hmp("device_del q%d" % i)
        until(120, lambda: not on_bus("BWC-Q"))
        done += 1 if reached and staged(number) < size else 0
    hmp(add % (9, 6))
    t.check("QEMU: pulled out at %d points" % done, done >= 2)
    verdict("QEMU", "clip q.mp4", size, content, done)


s = LabStation(folder="/run/station", start=False, profile={"settle_seconds": 1})
for name in ("umtp-responder.conf", "qemu-mtp.conf"):
    with open("/run/station/profiles/" + name, "a") as f:
        f.write("settle-seconds = 1;\n")
with s.start():
    for part in (simulator, umtp, qemu):
        try:
            part()
        except Exception as e:
            t.check(part.__name__, False, "%s: %s" % (type(e).__name__, e))
    t.check("no bay needs a person", not any(b["light"] == "leave" for b in s.ctl("bay")["bays"]),
            s.ctl("bay")["bays"])
    if t.failed:
        print(s.log()[-5000:], s.log("hotplug")[-2000:])
t.finish()
