"""Start with a million assets: a ledger as a busy station would have written it over the years.

The ledger is made here, record by record as dockd/LEDGER.md names them; the core builds its index
from it once, and then is started again and again.
"""
import hashlib
import json
import os
import shutil
import signal
import statistics
import threading
import time

from common import MIB, Row, pss_kib, say, scratch, spread

import vcam
from docking import QUICK
from station import CORE, Station

DAY = 1760000000
PER_DOCKING = 40
CAMERAS = 64
UNSENT = 2000             # of the last ones: an evening's work still to be sent
SEGMENT_BYTES = 64 * MIB  # LEDGER_SEGMENT_BYTES of dockd/ledger.c


def port_of(n):
    return f"{n // 7 + 1}-{n % 7 + 1}"


def line(**fields):
    return json.dumps({k.replace("_", "-"): v for k, v in fields.items()}, sort_keys=True,
                      separators=(",", ":"))


class Writer:
    """Records into segments; %SEQ% and %TIME% are filled in, so that lines can be templates."""

    def __init__(self, folder):
        self.folder, self.seq, self.size, self.file = folder, 0, SEGMENT_BYTES, None

    def write(self, text, time_s):
        self.seq += 1
        if self.size >= SEGMENT_BYTES:
            if self.file:
                self.file.close()
            self.file = open(self.folder / f"{self.seq:016}.jsonl", "w", encoding="ascii",
                             buffering=1 << 20)
            self.size = 0
        text = text.replace('"%SEQ%"', str(self.seq)).replace("%TIME%", self.time(time_s))
        self.file.write(text + "\n")
        self.size += len(text) + 1

    last = (0, "")

    def time(self, seconds):
        if self.last[0] != seconds:
            self.last = (seconds, time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(seconds)))
        return self.last[1]

    def close(self):
        self.file.close()


def templates(boot):
    """The records of one asset, with %-places; keys sorted as the ledger wants them."""
    both = {"seq": "%SEQ%", "time": "%TIME%"}
    found = line(type="found", asset="%A%", docking="%D%", camera="%CAMERA%", profile="simulator",
                 kind="clip", path="DCIM/100BWC/%A0%.mp4", size="%SIZE%", mtime="%MTIME%",
                 protected=0, **both)
    pull = line(type="pull", asset="%A%", docking="%D%", offset=0, boot=boot, **both)
    pulled = line(type="pulled", asset="%A%", docking="%D%", result="done", length="%SIZE%",
                  read="%SIZE%", **both)
    staged = line(type="staged", asset="%A%", size="%SIZE%", boot=boot, **both)
    checked = line(type="checked", asset="%A%", sha256="%SHA%", length="%SIZE%", id="%ID%",
                   signature="unsigned", stamp="%STAMP%", **both)
    upload = line(type="upload", asset="%A%", destination="store", **both)
    created = line(type="created", asset="%A%", destination="store",
                   address="https://evidence.example/files/%SHA%", **both)
    receipted = line(type="receipted", asset="%A%", destination="store", level="length",
                     length="%SIZE%", object="https://evidence.example/files/%SHA%", **both)

    def ready(text):
        for name in ("A", "D", "SIZE", "MTIME", "STAMP"):
            text = text.replace(f'"%{name}%"', f"%{name}%")
        return text

    return [ready(t) for t in (found, pull, pulled, staged, checked, upload, created, receipted)]


def write_ledger(folder, assets, boot):
    """(records, bytes)"""
    w = Writer(folder)
    both = {"seq": "%SEQ%", "time": "%TIME%"}
    w.write(line(type="began", station="test-station", version="0.1.0", boot=boot, **both), DAY)
    steps = templates(boot)
    for a in range(1, assets + 1):
        docking = (a - 1) // PER_DOCKING + 1
        now = DAY + docking * 600
        camera = f"BWC-{docking % 480:04}"
        if (a - 1) % PER_DOCKING == 0:
            w.write(line(type="docked", docking=docking, bay=str(docking % CAMERAS + 1),
                         port=port_of(docking % CAMERAS), vendor=4617, product=48316,
                         serial=camera, model="vcam", profile="simulator", **both), now)
            w.write(line(type="camera", docking=docking, camera=camera, identity="proved",
                         capacity=1 << 35, free=1 << 34, **both), now)
        digest = hashlib.sha256(b"%d" % a).hexdigest()
        asset = hashlib.sha256(b"id %d" % a).hexdigest()
        size = 150_000_000 + a
        for text in steps if a <= assets - UNSENT else steps[:5]:
            text = (text.replace("%A%", str(a)).replace("%D%", str(docking))
                    .replace("%CAMERA%", camera).replace("%A0%", f"{a:08}")
                    .replace("%SIZE%", str(size)).replace("%MTIME%", str(now - 3600))
                    .replace("%SHA%", digest).replace("%ID%", asset)
                    .replace("%STAMP%", str(now * 10**9)))
            w.write(text, now)
        if a % PER_DOCKING == 0 or a == assets:
            w.write(line(type="undocked", docking=docking, reason="left", **both), now + 300)
    w.close()
    return w.seq, sum(p.stat().st_size for p in folder.iterdir())


def forget_cache(folder):
    """The folder's files out of the page cache: as after a restart of the machine."""
    os.sync()
    for path in folder.rglob("*"):
        if path.is_file():
            fd = os.open(path, os.O_RDONLY)
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(fd)


class Peak:
    """The largest PSS of the core while something goes on."""

    def __init__(self, station):
        self.station, self.kib, self.over = station, 0, threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while not self.over.wait(0.05):
            if self.station.core:
                self.kib = max(self.kib, pss_kib(self.station.core.process.pid) or 0)

    def stop(self):
        self.over.set()
        self.thread.join()
        return self.kib


def answers_in(station, *words):
    began = time.monotonic()
    station.ctl(*words)
    return time.monotonic() - began


def measure(s, assets, rounds):
    """Rows of the restarts."""
    warm, cold, peak = [], [], 0
    for n in range(2 * rounds):
        if n > 0:
            s.stop_core(signal.SIGKILL if n % 2 else signal.SIGTERM)
        if n % 2:
            forget_cache(s.folder / "state")
        began = time.monotonic()
        s.start_core()  # until dockctl status has its answer
        (cold if n % 2 else warm).append(time.monotonic() - began)
        say(f"start {n + 1}: {(cold if n % 2 else warm)[-1]:.3f} s")
        assert s.ctl("status")["assets"] == assets
        asked = {words: statistics.median(answers_in(s, *words) for _ in range(5)) for words in
                 (("status",), ("queue",), ("clip", assets // 2), ("clip", assets))}
        peak = max(peak, pss_kib(s.core.process.pid))
    told = ", ".join(f"dockctl {' '.join(map(str, words))} {value * 1000:.0f} ms"
                     for words, value in asked.items())
    return [
        Row(f"start with {assets} assets until dockctl status answers", f"{spread(warm, 3)} s",
            "≤ 1 s", statistics.median(warm) <= 1,
            f"{rounds} starts, the index there already; the dockctl that asked is in it"),
        Row("the same after kill -9, ledger and index out of the page cache",
            f"{spread(cold, 3)} s", "≤ 1 s", statistics.median(cold) <= 1, "as after a power cut"),
        Row("answers then", told, "", None,
            f"a process each; the queue holds {UNSENT} assets and is given in pages"),
        Row(f"memory of the core with {assets} assets (PSS)", f"{peak / 1024:.1f} MiB", "", None,
            "after these questions"),
    ]


def with_cameras(s, assets):
    """The core's memory while 64 cameras are docked at once, with all these assets on its books."""
    watch = Peak(s)
    s.start_hotplug()
    for n in range(CAMERAS):
        s.camera(f"{n:02}", [vcam.clip(f"DCIM/{k}.mp4", 256 << 10, 100 * n + k, mtime=DAY + k)
                             for k in range(8)])
    for n, camera in enumerate(s.cameras):
        camera.plug(port_of(n))
    for n in range(CAMERAS):
        s.wait("bay", n + 1, "take", timeout=300)
    assert s.ctl("status")["assets"] == assets + 8 * CAMERAS
    mib = watch.stop() / 1024
    return Row(f"memory of the core with {assets} assets and {CAMERAS} cameras (PSS peak)",
               f"{mib:.1f} MiB", "≤ 16 MiB", mib <= 16,
               f"docked at once, {8 * CAMERAS} new files; looked at every 50 ms")


def run(options):
    assets = 20_000 if options.quick else 1_000_000
    top = scratch("million", "/var/tmp")
    try:
        (top / "station").mkdir()
        s = Station(folder=top / "station", profile=QUICK, start=False,
                    bays=[{"name": str(n + 1), "port": port_of(n)} for n in range(CAMERAS)])
        with s:
            ledger = s.folder / "state/ledger"
            ledger.mkdir(mode=0o700)
            began = time.monotonic()
            records, size = write_ledger(ledger, assets, "4fd9d2d6-5c64-4b42-8c8f-d0ea1ac9a4d6")
            for path in [ledger, *ledger.iterdir()]:
                os.chown(path, CORE, CORE)
            say(f"{records} records, {size / 1e9:.2f} GB of ledger written in "
                f"{time.monotonic() - began:.0f} s")
            began = time.monotonic()
            peak = Peak(s)
            s.start_core()  # asks for a while
            while s.ctl("status", check=False).get("assets") != assets:
                if s.core.process.poll() is not None:
                    raise RuntimeError(s.log()[-2000:])
                threading.Event().wait(0.2)
            took, kib = time.monotonic() - began, peak.stop()
            index = (s.folder / "state/index.sqlite").stat().st_size
            say(f"index of {index / 1e6:.0f} MB built in {took:.0f} s, core at most "
                f"{kib / 1024:.1f} MiB")
            assert s.stop_core() == 0
            rows = measure(s, assets, 1 if options.quick else options.rounds)
            rows.append(with_cameras(s, assets))
    finally:
        shutil.rmtree(top, ignore_errors=True)
    return [*rows, Row(f"index built anew from a ledger of {assets} assets", f"{took:.0f} s", "",
                       None, f"{records} records, {size / 1e9:.2f} GB; "
                       f"{records / took / 1000:.0f} thousand records a second; index {index / 1e6:.0f} MB; core at most "
                       f"{kib / 1024:.1f} MiB meanwhile")]
