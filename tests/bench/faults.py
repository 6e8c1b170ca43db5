"""Erased without a valid receipt: none; erased rightly: all, over runs in which anything may fail.

Each run is a small docking with erase = when-receipted against a stock server that is read back.
What fails in it, and when, is drawn from a seed: programs killed (kill -9), the server killed and
started again, the camera pulled out. Then every deletion that the camera has carried out is held
against the ledger and the server's bytes.
"""
import hashlib
import os
import random
import signal
import tempfile
import time

from common import Row, say

import vcam
from test_kill import OBJECTS, Passings, Run, kill_child

PROGRAMS = ("dockd", "dockd-camera", "dockd-verify", "dockd-hotplug", "dockd-uploader")
MOMENTS = 90  # a docking passes about 120 hand-overs


def strike(s, what, draw):
    """One fault. Returns what it was, "" where there was nothing to hit."""
    if what == "server":
        s.server.process.kill()  # KeptServer starts it again
    elif what == "pulled out":
        try:
            s.device.unplug()
        except vcam.VcamError:
            return ""
        s.device.plug("1-1")
    elif what in ("dockd-camera", "dockd-verify"):
        if not kill_child(s, what, draw.uniform(0, 0.5)):
            return ""
    else:
        service = {"dockd": s.core, "dockd-hotplug": s.hotplug}.get(what, s.uploaders["store"])
        service.send(signal.SIGKILL)
    return what


def judge(s):
    """(erased rightly, erased without a valid receipt)"""
    records = s.ledger()
    found = {r["asset"]: r["path"].encode("latin-1").decode() for r in records
             if r["type"] == "found"}
    held = {hashlib.sha256(b).hexdigest() for b in s.server.uploads().values() if b}
    wanted = {path: vcam.digest(seed, size) for path, size, seed in OBJECTS}
    left = set(s.device.objects())
    right = wrong = 0
    for path, digest in wanted.items():
        if path in left:
            continue
        intents = [r["seq"] for r in records if r["type"] == "erase-intent"
                   and found[r["asset"]] == path]
        receipts = [r["seq"] for r in records if r["type"] == "receipted"
                    and found[r["asset"]] == path and r["level"] == "readback"
                    and r["sha256"] == digest]
        valid = intents and receipts and min(receipts) < min(intents) and digest in held
        right += bool(valid)
        wrong += not valid
    return right, wrong


def one(seed):
    """(faults, erased rightly, erased wrongly)"""
    draw = random.Random(seed)
    faults = []
    with tempfile.TemporaryDirectory(prefix="dockd-bench-faults-") as folder:
        os.chmod(folder, 0o755)
        passings = Passings(folder)
        with Run("readback", log=passings.path) as s:
            s.start()
            s.dock()
            for moment in sorted(draw.randrange(5, MOMENTS) for _ in range(draw.randrange(1, 4))):
                passings.wait(moment)
                time.sleep(draw.uniform(0, 0.02))
                hit = strike(s, draw.choice([*PROGRAMS, "server", "pulled out"]), draw)
                if hit:
                    faults.append(f"{hit} at {moment}")
            s.device.wait("deletions", len(OBJECTS), seconds=120)
            s.wait("idle", timeout=60)
            right, wrong = judge(s)
        passings.close()
    say(f"seed {seed}: {', '.join(faults) or 'nothing hit'}: {right} rightly, {wrong} wrongly")
    return len(faults), right, wrong


def run(options):
    runs = 3 if options.quick else options.faults
    sums = [0, 0, 0]
    for n in range(runs):
        for i, value in enumerate(one(options.seed + n)):
            sums[i] += value
    faults, right, wrong = sums
    return [
        Row("erased without a valid receipt", str(wrong), "0", wrong == 0,
            f"{runs} dockings of {len(OBJECTS)} files, {faults} faults, seeds {options.seed} to "
            f"{options.seed + runs - 1}; receipts by reading back"),
        Row("erased rightly", str(right), "> 0", right > 0, f"of {runs * len(OBJECTS)}"),
    ]
