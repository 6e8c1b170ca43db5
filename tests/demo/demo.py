#!/usr/bin/python3
"""A whole docking, shown: plug-in, pull, seal, digest, destination, light.

    demo.py            the embedded default: destination `dir`, a folder on this station
    demo.py --server   a stock @tus/server, cut off in the middle, and the resume

Each program runs as a made-up user. It ends by itself; what it left behind, and what that proves,
it says at the end. Exit status 0 only when everything shown was checked.
"""
import argparse
import hashlib
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "system"))
import vcam  # noqa: E402
from auditlog import AuditLog  # noqa: E402
from station import CORE, Station, drop_programs  # noqa: E402

WORDS = {
    "hotplug-connected": "the USB monitor is there",
    "uploader-connected": "an uploader is there",
    "destination-ready": "the destination answers",
    "docked": "a camera is docked",
    "camera": "it says who it is; its clock is measured against ours",
    "clock-set": "its clock is set",
    "listed": "its files are listed",
    "pulled": "pulled over USB into the staging file",
    "staged": "sealed: flushed, no writer left, renamed",
    "checked": "digested by a process that does nothing else",
    "audited": "its audit log is compared with its clips: the activation report",
    "finding": "the audit found what the log itself cannot explain",
    "upload-created": "an upload is made there, and its address is on record",
    "upload-failed": "the upload was cut off",
    "destination-away": "the destination is away: it will be tried again",
    "receipted": "the destination has it",
    "all-held": "all of it is held; two listings agree",
}
SHOW = ("bay", "camera", "asset", "length", "objects", "from", "level", "offset", "reason",
        "clock-offset-ms", "battery", "result")


class Lamp(threading.Thread):
    """Watches a bay's LED as an officer would: by its on and off alone."""

    def __init__(self, folder):
        super().__init__(daemon=True)
        self.path = folder / "bay1/brightness"
        self.samples = []
        self.over = threading.Event()

    def run(self):
        while not self.over.wait(0.125):
            self.samples.append(self.path.read_text().splitlines()[:1] not in ([], ["0"]))

    def strip(self, n=48):
        return "".join("#" if lit else "." for lit in self.samples[-n:])


class Story(threading.Thread):
    """Retells the log as it grows."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.path, self.begun = path, time.monotonic()
        self.over = threading.Event()

    def run(self):
        at = 0
        while True:
            last = self.over.is_set()
            text = self.path.read_text(errors="replace") if self.path.exists() else ""
            for line in text[at:].splitlines():
                self.tell(line)
            at = len(text)
            if last:
                return
            self.over.wait(0.05)

    def tell(self, line):
        facts = dict(re.findall(r'([a-z-]+)=("[^"]*"|\S+)', line))
        word = WORDS.get(facts.get("event"))
        if word is None:
            return
        shown = "  ".join(f"{k}={facts[k]}" for k in SHOW if facts.get(k, '""') not in ('""', "info", "warn"))
        print(f"  {time.monotonic() - self.begun:5.1f} s  {word:<58} {shown}", flush=True)


def make_lamp(station):
    folder = station.folder / "leds/bay1"
    folder.mkdir(parents=True)
    for name, value in (("brightness", "0\n"), ("max_brightness", "255\n"), ("trigger", "none\n")):
        (folder / name).write_text(value)
    for path in [folder, *folder.iterdir()]:
        os.chown(path, CORE, CORE)
    return Lamp(station.folder / "leds")


def shift(seed=7, scale=1):
    """A short shift: three clips, the audit log that tells of them, names as cameras make them."""
    mib = scale << 20
    clips = [
        vcam.clip("DCIM/100BWC/2026-11-20 22.14.03 PATROL.mp4", 12 * mib, seed, mtime=1795212843),
        vcam.clip("DCIM/100BWC/2026-11-20 23.02.40 STOP.mp4", 24 * mib, seed + 1, mtime=1795215760),
        vcam.clip("DCIM/100BWC/2026-11-21 01.40.11 é.mp4", 6 * mib, seed + 2, mtime=1795225211),
    ]
    log = AuditLog("BWC-0001", "2026-11-20T21:58:00Z").undocked().power_on().user("U-0417")
    for c in clips:
        log.now = c["mtime"] - 60
        log.record_start(c["path"], after=0)
        log.record_stop(c["path"], size=c["size"], sha256=vcam.digest(c["seed"], c["size"]), after=60)
    log.power_off(after=600).docked(after=60)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="dockd-demo-log-"))
    folder.chmod(0o755)
    (folder / "events.log").write_bytes(log.bytes())
    (folder / "events.log").chmod(0o644)
    return [*clips, {"path": "AUDIT/events.log", "size": len(log.bytes()), "mtime": 1795226000,
                     "file": str(folder / "events.log")}]


def compare(camera, store):
    """Every object of the camera against what lies in the store, by digest."""
    want = {path: o["sha256"] for path, o in camera.objects(digests=True).items()}
    have = {}
    for path in pathlib.Path(store).rglob("*"):
        if path.is_file():
            have[hashlib.sha256(path.read_bytes()).hexdigest()] = path
    missing = [path for path, digest in want.items() if digest not in have]
    for path, digest in want.items():
        print(f"  {digest[:16]}…  {path}" + ("" if digest in have else "   MISSING"))
    return missing


def run(station, lamp, camera, middle=None):
    story = Story(station.folder / "logs/dockd.log")
    lamp.start()
    story.start()
    station.wait("idle")
    print("\nThe camera is plugged into bay 1:\n", flush=True)
    camera.plug("1-1")
    station.wait("dockings", "1")
    if middle:
        middle()
    station.wait("all", "receipted", timeout=120)
    station.wait("bay", "1", "take", timeout=60)
    lamp.over.wait(6.5)
    story.over.set()
    story.join()
    lamp.over.set()
    bay = station.bay("1")
    print(f"\nThe lamp at bay 1, the last 6 s, eight looks a second:\n\n    {lamp.strip()}\n")
    print(f"That is \"{bay['light']}\": held safely and fit for a shift, the officer may take it.")
    return bay["light"] == "take"


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--server", action="store_true")
    with_server = options.parse_args().server
    folder = pathlib.Path(tempfile.mkdtemp(prefix="dockd-demo-"))
    bays = [{"name": "1", "port": "1-1", "light": "bay1"}]
    if with_server:
        from server_demo import with_tus_server
        return with_tus_server(folder, bays, make_lamp, shift, run, compare)
    print("dockd with its embedded default: one destination, driver dir, a folder on this station.")
    station = Station(folder=folder, start=False, bays=bays, reports="docking")
    lamp = make_lamp(station)
    station.start()
    try:
        camera = station.camera("0001", shift())
        good = run(station, lamp, camera)
        print("\nWhat the camera holds, and whether the same bytes lie in the store:\n")
        missing = compare(camera, station.folder / "store")
        level = station.ctl("clip", 1)["uploads"][0]["level"]
        print("\nWhat its audit log says of the shift (`dockctl report 1`):\n", flush=True)
        subprocess.run([station.bin / "dockctl", "--socket", station.folder / "run/control.sock",
                        "report", "1"])
    finally:
        station.close()
        drop_programs()
    print(f"\nThe evidence lies in {folder}/store, the ledger in {folder}/state/ledger.")
    print(f"Proof reached: \"{level}\". That is this station's own disk: a second copy it is not. If this\n"
          "disk dies, both are gone. So nothing was erased from the camera, and nothing would be: a\n"
          "local copy never opens the gate. `make demo-server` shows it with a server.")
    return 0 if good and not missing else 1


if __name__ == "__main__":
    sys.exit(main())
