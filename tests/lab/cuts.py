#!/usr/bin/python3
"""The power of the installed station is cut, again and again, with cameras in the dock; it comes up by itself.

    cuts.py               four chosen moments: in the midst of a pull, right after a clip is staged, in
                          the midst of its upload, right after its receipt, when it is being erased
    cuts.py N [SEED]      N moments that the seed draws; what is recorded meanwhile comes with each boot

Runs outside the guest, as the server does: a stock tus server with signed receipts, which goes on. Two
cameras that can be erased and a card that cannot. At the end each file is at the server once, byte for
byte, what was erased is there, and nobody has done anything.
"""

import hashlib
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time

from appliance import CONF, HERE, Appliance, Failed
from booted import disk_image
from labstation import fill
from probe import Tally, until

sys.path.insert(0, str(HERE.parent / "system"))
from servers import ReceiptServer, finding  # noqa: E402

MIB = 1 << 20
LONG = 48 * MIB + 4321
PORT = 1080
SETTINGS = CONF % """
erase = "when-receipted";
allow-http = true;
destinations = (
  { name = "far"; driver = "tus"; url = "http://10.0.2.100:%d/files"; find-path = "by-asset/{asset}";
    receipt-path = "/receipt"; receipt-keys = ( "%%s" ); rate-kbit = 60000; }
);
""" % PORT
t = Tally("cuts")


class Dock:
    """The station, its server, and what the cameras have ever recorded: {digest: path}."""

    def __init__(self, work):
        self.work, self.recorded, self.cuts = work, {}, 0
        self.server = ReceiptServer(work / "server", **finding(work / "server", quiet_ms=300)).start()
        self.a = Appliance(work / "station", files={"/etc/dockd/dockd.conf": SETTINGS % self.server.vkey},
                           serve={PORT: ("127.0.0.1", self.server.port)})

    def record(self, camera, files):
        fill(self.work / camera, files)
        for path in files:
            data = (self.work / camera / path).read_bytes()
            self.recorded[hashlib.sha256(data).hexdigest()] = camera + "/" + path

    def dock(self):
        disk_image(self.work / "card.img", self.work / "card")
        self.a.dock_mtp("cam1", "1.1", "BWC-1", self.work / "cam1", erasable=True)
        self.a.dock_mtp("cam2", "1.2", "BWC-2", self.work / "cam2", erasable=True)
        self.a.dock_disk("card", "2.1", "BWC-3", self.work / "card.img")

    def first_boot(self):
        """All that a person ever does: the destination's uploader instead of the embedded one."""
        self.a.power_on()
        self.a.sh("systemctl disable --now dockd-uploader@local; systemctl enable --now dockd-uploader@far && sync")

    def left(self):
        """{digest: path} of what cameras still hold."""
        return {hashlib.sha256(p.read_bytes()).hexdigest(): str(p) for camera in ("cam1", "cam2")
                for p in (self.work / camera).rglob("*") if p.is_file()}

    def is_emptied(self):
        """No camera holds anything; asked often, so it reads nothing."""
        return not any(p.is_file() for camera in ("cam1", "cam2") for p in (self.work / camera).rglob("*"))

    def held(self):
        """[digest] of what the server has of cameras' files, whole or not."""
        return [hashlib.sha256(data).hexdigest() for data in self.server.assets().values()]

    def nothing_is_lost(self):
        """At any moment: what is on no camera is at the server or, sealed, on the station's disk."""
        gone = self.recorded.keys() - self.left().keys() - set(self.held())
        return not [d for d in gone if not self.recorded[d].startswith("card/")], gone

    def cut(self, when):
        self.a.cut()
        self.cuts += 1
        good, gone = self.nothing_is_lost()
        t.check("cut %d, %s: what is erased is at the server" % (self.cuts, when), good, gone)

    def ledger(self):
        out = self.a.sh("cat /var/lib/dockd/ledger/*.jsonl", 300)
        return [json.loads(line) for line in out.splitlines() if line.endswith("}")]

    def close(self):
        self.a.__exit__()
        self.server.kill()


def rung(dock, size):
    """Where the clip of this size stood, by the ledger: the types of its records."""
    book = dock.ledger()
    asset = next((r["asset"] for r in book if r["type"] == "found" and r.get("size") == size), None)
    return [r["type"] for r in book if r.get("asset") == asset and asset]


# Until the ledger has it. The core writes a record and has it on the disk before it answers anybody: without the
# question at the end the cut could come in between, which is none of the moments that are meant here.
IN_LEDGER = r"""
until n=$(grep -h '"type":"found"' /var/lib/dockd/ledger/*.jsonl | grep -m 1 '"size":%d[,}]' |
		sed 's/.*"asset":\([0-9]*\).*/\1/') && [ -n "$n" ] &&
	grep -qh "\"asset\":$n,.*\"type\":\"%s\"" /var/lib/dockd/ledger/*.jsonl; do
	read -r -t 0.02 <> <(:)
done
dockctl status >/dev/null
"""


def stood(dock, text, has, has_not=()):
    """Boots again and looks where the cut was."""
    dock.a.power_on()
    book = rung(dock, LONG)
    t.check("it was %s: %s" % (text, " ".join(book)), has in book and not set(has_not) & set(book))


def four(dock):
    dock.record("cam1", {"DCIM/100BWC/long.mp4": LONG, "DCIM/100BWC/short.mp4": 4711})
    dock.record("cam2", {"DCIM/100BWC/clip %d.mp4" % n: 300000 + n for n in range(6)})
    dock.record("card", {"DCIM/on the card.mp4": 2 * MIB + 1, "DCIM/empty.mp4": 0})
    dock.first_boot()
    a = dock.a
    pulling = threading.Thread(target=a.sh, args=(
        "until [ -n \"$(find /var/lib/dockd/staging -size +%dk)\" ]; do read -r -t 0.02 <> <(:); done; true" %
        (LONG // 5000), 400))
    pulling.start()
    dock.dock()
    pulling.join()
    dock.cut("in the midst of a pull")
    stood(dock, "being pulled", "pull", ["staged"])
    a.sh(IN_LEDGER % (LONG, "staged"), 400)
    dock.cut("right after \"staged\"")
    stood(dock, "staged", "staged")
    until(400, lambda: any(LONG // 5 < p.stat().st_size < LONG * 4 // 5 for p in dock.server.folder.iterdir()))
    dock.cut("in the midst of an upload")
    stood(dock, "being sent", "upload", ["receipted"])
    a.sh(IN_LEDGER % (LONG, "receipted"), 400)
    dock.cut("right after \"receipted\"")
    stood(dock, "receipted", "receipted")


def drawn(dock, n, draw):
    """Every boot has more to take in than the one before has left."""
    dock.record("card", {"DCIM/on the card %d.mp4" % i: 1 * MIB + i for i in range(4)})
    (dock.work / "cam2").mkdir()
    (dock.work / "cam1").mkdir()
    for i in range(n + 1):
        dock.record("cam1", {"DCIM/%03d/long %d.mp4" % (i, k): draw.randrange(MIB, 24 * MIB) for k in range(2)})
        dock.record("cam2", {"DCIM/%03d/clip %d.mp4" % (i, k): draw.randrange(1, MIB) for k in range(5)})
        if i == 0:
            dock.dock()
            dock.first_boot()
        else:
            dock.a.power_on()
        if i < n:
            moment = draw.uniform(0, 30)
            threading.Event().wait(moment)
            dock.cut("%.1f s after the shell was there" % moment)


def all_is_well(dock):
    a = dock.a
    state = a.run("systemctl is-system-running --wait", 400)[1].strip()
    t.check("it has come up by itself, for the %d. time" % a.boots, state == "running",
            a.run("systemctl --failed")[1])
    until(600, lambda: a.ctl("status")["assets"] >= len(dock.recorded))
    a.ctl("wait", "all", "receipted", timeout=900)
    until(400, dock.is_emptied)
    t.check("all that the cameras had is erased from them", not dock.left(), dock.left())
    a.ctl("wait", "idle", timeout=300)
    held = dock.held()
    t.check("%d files are at the server, byte for byte" % len(dock.recorded), set(held) == set(dock.recorded),
            (dock.recorded.keys() - set(held), len(set(held) - dock.recorded.keys())))
    t.check("none of them twice", len(held) == len(set(held)), len(held))
    book = dock.ledger()
    found = [r for r in book if r["type"] == "found"]
    t.check("each was found once", len(found) == len(dock.recorded), len(found))
    code, out, err = a.run("dockctl ledger verify")
    t.check("the ledger is whole (%d records)" % len(book), code == 0 and
            [r["seq"] for r in book] == list(range(1, len(book) + 1)), out + err)
    t.check("each erasing has its receipt before it", all(
        any(r["type"] == "receipted" and r["asset"] == e["asset"] and r["seq"] < e["seq"] for r in book)
        for e in book if e["type"] == "erase-intent"))
    status = a.ctl("status")["text"] if "text" in a.ctl("status") else ""
    t.check("nobody is asked to do anything", a.run("dockctl status | grep 'TO DO' | grep -v downgraded")[0] != 0,
            status)
    print("        erased: %s" % sorted({r["result"] for r in book if r["type"] == "erased"}), flush=True)


def main(n=0, seed=None):
    work = pathlib.Path(tempfile.mkdtemp(prefix="dockd-cuts-"))
    work.chmod(0o755)
    began = time.monotonic()
    dock = Dock(work)
    try:
        try:
            if n:
                seed = seed or random.SystemRandom().randrange(1, 10**6)
                print("        the same again: tests/lab/cuts.py %d %d" % (n, seed), flush=True)
                drawn(dock, n, random.Random(seed))
            else:
                four(dock)
            all_is_well(dock)
        except (Failed, OSError) as e:
            t.check("it goes on", False, e)
        if t.failed and dock.a.process:
            print(dock.a.run("dockctl status; dockctl queue; journalctl --no-pager -b -u 'dockd*' | tail -n 100")[1],
                  flush=True)
    finally:
        dock.close()
    print("        %.0f s for %d cuts" % (time.monotonic() - began, dock.cuts), flush=True)
    if not t.failed:
        shutil.rmtree(work)
    t.finish()


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:]))
