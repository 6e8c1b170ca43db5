#!/usr/bin/python3
"""A shift comes in: six real cameras at once, to a stock @tus/server, byte for byte.

A keyboard and a network adapter are plugged in with them and must never be opened. 100 MB, and a folder of 400
small files; with an argument 300 MB, and as many small files as it says.
"""

import os
import sys
import threading
import time

from labstation import LabStation, digests, fill, node_of, on_bus, shell, wait_on_bus
from probe import Opens, Tally
from servers import TusServer

whole = len(sys.argv) > 1
small = int(sys.argv[1]) if whole else 400
unit = 1 << 20 if whole else 350000
t = Tally("thousand" if whole else "docking")
out = os.environ["LAB_OUT"]

shifts = [
    {"DCIM/100BWC/clip %02d.mp4" % i: 6 * unit + i for i in range(8)},
    {"DCIM/100BWC/small %04d.mp4" % i: 600 + i for i in range(small)},
    {"DCIM/Übung Straße/Ж 録画 é.mp4": 24 * unit + 1, "DCIM/a b/c d/e f/g h/deep one.mp4": 20 * unit,
     "DCIM/empty.mp4": 0, "LOG/audit.log": 4321},
    {"DCIM/100BWC/long.mp4": 48 * unit},
    {"DCIM/100BWC/q clip %d.mp4" % i: 15 * unit + 512 * i for i in range(5)},
    {"DCIM/with spaces/lang %d.mp4" % i: 26 * unit + i for i in range(3)},
]
serials = ["BWC-U%d" % n for n in range(4)] + ["BWC-Q%d" % n for n in range(2)]
folders = ["/run/cam%d" % n for n in range(4)] + ["%s/q%d" % (out, n) for n in range(2)]
wanted = {}
for folder, files in zip(folders, shifts):
    wanted.update(fill(folder, files))
total = sum(sum(files.values()) for files in shifts)
t.check("%d files, %d MB" % (len(wanted), total // 1000000), total >= (300000000 if whole else 100000000))

opens = Opens()
for n in range(4):
    shell("camera_prepare %d %s %s" % (n, serials[n], folders[n]))
for folder in ("/run/server", "/run/station"):
    os.makedirs(folder)
with TusServer("/run/server") as server, LabStation(folder="/run/station", take_when="server",
        destinations=[{"name": "evidence", "driver": "tus", "url": server.url}]) as s:
    s.wait("idle", timeout=120)
    began = time.monotonic()
    with open("/dev/virtio-ports/hmp", "w") as hmp:
        hmp.write("".join(
            "device_add usb-mtp,id=q%d,serial=%s,rootdir=%s,desc=q%d,bus=xhci.0\n" %
            (n, serials[4 + n], folders[4 + n], n) for n in range(2)) +
            "device_add usb-kbd,id=kbd0,serial=KEYBOARD,bus=xhci.0\n"
            "netdev_add user,id=un,restrict=on\n"
            "device_add usb-net,netdev=un,id=net0,serial=ADAPTER,bus=xhci.0\n")
    for n in range(4):
        with open("/sys/kernel/config/usb_gadget/cam%d/UDC" % n, "w") as udc:
            udc.write("dummy_udc.%d\n" % n)
    plugged = time.monotonic() - began
    ports = [wait_on_bus(serial) for serial in serials]
    t.check("all six are on the bus", all(ports), ports)
    s.wait("dockings", "6", timeout=300)
    t.check("six dockings", s.ctl("status")["dockings"] == 6)
    # Not by time, which is this machine's: all six are there before the station is through with any.
    first = {bay["camera"]: bay["light"] for bay in s.ctl("bay")["bays"]}
    t.check("six cameras plugged in at once (%.2f s): none is free before the last is docked" % plugged,
            "take" not in first.values(), first)
    lights, done = set(), threading.Event()

    def watch():
        while not done.wait(1):
            lights.update(bay["light"] for bay in s.ctl("bay")["bays"])

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        for port in ports:
            s.wait("bay", port, "take", timeout=1000)
        s.wait("all", "receipted", timeout=60)
    finally:
        done.set()
        watcher.join()
    took = time.monotonic() - began
    t.check("every light came to \"take it\", %d MB in %.0f s" % (total // 1000000, took), True)
    t.check("and said \"being read\" before", "reading" in lights, lights)
    t.check("no light asked for the sergeant", "leave" not in lights, lights)
    bays = {bay["port"]: bay for bay in s.ctl("bay")["bays"] if bay["camera"]}
    t.check("each bay knows its camera", {p: bays[p]["camera"] for p in ports} ==
            dict(zip(ports, serials)), bays)
    t.check("each bay holds what its camera has", [bays[p]["held"] for p in ports] ==
            [len(files) for files in shifts], bays)
    t.check("each byte was pulled once", [bays[p]["pulled_bytes"] for p in ports] ==
            [sum(files.values()) for files in shifts], bays)
    status = s.ctl("status")
    t.check("all are receipted", status["assets"] == status["receipted"] == len(wanted), status)
    got = digests("/run/server")
    t.check("the server holds every file byte for byte", set(got) == set(wanted),
            [wanted[d] for d in set(wanted) - set(got)][:5])
    others = {node_of(on_bus(serial)) for serial in ("KEYBOARD", "ADAPTER")}
    t.check("the keyboard and the network adapter were never opened",
            len(others) == 2 and not others & set(opens.seen()), others)
    # The ledger writes each byte beyond ASCII as \u00XX (record.h).
    names = {r["path"].encode("latin-1").decode() for r in s.ledger() if r["type"] == "found"}
    sent = {path for files in shifts for path in files}
    t.check("names with spaces and UTF-8 are kept, all of them", names == sent,
            (sorted(names - sent)[:5], sorted(sent - names)[:5]))
t.finish()
