#!/usr/bin/python3
"""Sixteen cameras at once, MTP and disks mixed, and one more that hangs.

Eight uMTP-Responders, six mass storage gadgets and two of QEMU's disks, each with more than the one
before it; the ninth responder is stopped. All that the sixteen have arrives, and the first is free
before the end: counted in bytes, as this machine's time means little. Each has a root port of its own here, so
all are read at once; the order below one root port is in tests/system/test_many.py.
"""

import os
import subprocess

from labstation import LabStation, digests, fill, on_bus, wait_on_bus
from probe import Tally, shell, until

MIB = 1 << 20
STEP = 100000
t = Tally("many")
out = os.environ["LAB_OUT"]
HUNG = 8


def files(n):
    """More on each than on the one before."""
    return {"DCIM/%02d clip %d.mp4" % (n, i): STEP * (n + 1) + i for i in range(3)}


def disk(n, path):
    """FAT32 and exFAT in turns, filled by mounting; {digest: path}."""
    with open(path, "wb") as f:
        f.truncate(40 * MIB)
    kind = ["mkfs.exfat"] if n % 2 else ["mkfs.vfat", "-F", "32", "-s", "1"]
    subprocess.run([*kind, path], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.makedirs("/run/in", exist_ok=True)
    subprocess.run(["mount", "-o", "loop" + ("" if n % 2 else ",utf8=1,iocharset=utf8,codepage=437"),
                    path, "/run/in"], check=True)
    made = fill("/run/in", files(n))
    subprocess.run(["umount", "/run/in"], check=True)
    return made


def udc(n, what):
    with open("/sys/kernel/config/usb_gadget/%s%d/UDC" % (what, n), "w") as f:
        f.write("dummy_udc.%d\n" % n)


os.environ["PATH"] += ":/usr/sbin:/sbin"
shell("modprobe -a loop vfat exfat nls_cp437 nls_utf8; umask 022; mkdir -p /run/img")
wanted, serials = {}, ["BWC-%02d" % n for n in range(16)]
for n in range(8):
    wanted |= fill("/run/cam%d" % n, files(n))
fill("/run/cam%d" % HUNG, files(20))
for n in range(8, 16):
    wanted |= disk(n, "/run/img/%d.img" % n if n < 14 else "%s/%d.img" % (out, n))
shell("for n in 0 1 2 3 4 5 6 7; do camera_prepare $n BWC-0$n /run/cam$n & done; wait;"
      "camera_prepare %d HUNG /run/cam%d; kill -STOP $(cat /run/umtprd%d.pid)" % (HUNG, HUNG, HUNG))
shell("for n in 8 9 10 11 12 13; do gadget_prepare_disk $((n + 1)) BWC-$(printf %02d $n) ro:/run/img/$n.img; done")
os.makedirs("/run/station")
with LabStation(folder="/run/station", take_when="server") as s:
    s.wait("idle", timeout=60)
    for n in range(8, 14):
        udc(n + 1, "disk")
    for n in range(9):
        udc(n, "cam")
    shell("qemu_disk q14 BWC-14 512 %s/14.img; qemu_disk q15 BWC-15 512 %s/15.img" % (out, out))
    ports = [wait_on_bus(serial) for serial in serials]
    t.check("sixteen are on the bus", all(ports), ports)
    hung_port = until(60, lambda: on_bus("HUNG"))
    t.check("and the one that hangs", hung_port)
    for port in ports:
        s.wait("bay", port, "take", timeout=600)
    got = digests("/run/station/store")
    t.check("every file of the sixteen is at the destination, byte for byte (%d)" % len(wanted),
            set(wanted) <= set(got), [wanted[d] for d in set(wanted) - set(got)][:5])
    bays = {b["camera"]: b for b in s.ctl("bay")["bays"] if b["camera"]}
    t.check("each byte was pulled once", [bays[c]["pulled_bytes"] for c in serials] ==
            [sum(files(n).values()) for n in range(16)], bays)
    hung = s.bay(hung_port)
    t.check("the one that hangs is not free, and holds nothing", hung["light"] != "take" and
            hung["held"] == 0, hung)
    # The ledger tells when each camera's last clip was sealed, and how much had been by then.
    left = {n: 3 for n in range(16)}
    sizes, sealed, first = {}, 0, None
    for r in s.ledger():
        if r["type"] == "found":
            sizes[r["asset"]] = int(r["path"].split("DCIM/")[1][:2])
        elif r["type"] == "staged":
            sealed += r["size"]
            left[sizes[r["asset"]]] -= 1
            if first is None and left[sizes[r["asset"]]] == 0:
                first = sealed
    total = sum(sum(files(n).values()) for n in range(16))
    t.check("the first was free when %d of %d kB had been read" % (first // 1000, total // 1000),
            first < total * 3 / 4)
    if t.failed:
        print(s.log()[-6000:], flush=True)
t.finish()
