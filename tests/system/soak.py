#!/usr/bin/env python3
"""Randomised faults: whole stations, real servers, and what is left at the end, seen from outside.

    soak.py [N] [--seed S] [--jobs J]     (as root; DOCKD_BUILD names the build; make npm first)

Each case draws from its seed what a station, its camera and its server have to live through: kill -9
of any program, the camera pulled out, a full disk, a server that lies about its receipts or loses
what it has given a receipt for. At the end every file is looked for on the camera and at the server,
byte for byte. Exits 1 where one was erased and is not there, or where what was lost was not sent
again. One case again: soak.py 1 --seed S.
"""
import argparse
import collections
import concurrent.futures
import hashlib
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import vcam  # noqa: E402
from servers import ReceiptServer  # noqa: E402
from station import CORE, Clock, Station, drop_programs, new_folder  # noqa: E402

CLOCK = pathlib.Path(__file__).parent / "servers" / "clock.cjs"
DAY_S = 86400
LIES = ["wrong-digest", "wrong-length", "wrong-asset", "wrong-station", "wrong-object", "forged",
        "foreign-key", "foreign-same-name", "replayed", "old", "future", "wrong-format", "garbage",
        "html", "empty", "missing", "late", "error", "cut"]
LOSSES = ["lose", "rot"]
KILLS = ["dockd", "dockd-uploader", "dockd-hotplug", "dockd-camera", "dockd-verify"]
# What a gate must refuse for good, and how a station is set for it.
SHUT = {"never": {"erase": "never"}, "signature-unknown": {"profile": {"signing": None}},
        "log-unknown": {"profile": {"logs": None}}, "cannot-erase": {"profile": {"erasable": False}},
        "not-receipted": {"lie": True}}
DISK_MIB = 24


class Case(Station):
    def __init__(self, seed):
        self.seed, self.draw = seed, random.Random(seed)
        draw = self.draw
        self.did = []
        self.shut = draw.choice(list(SHUT)) if draw.random() < 0.25 else None
        how = SHUT.get(self.shut, {})
        self.always = draw.choice(["forged", "wrong-digest", "foreign-key"]) if how.get("lie") else None
        self.top = new_folder("soak")
        self.clock = Clock(self.top)
        self.server = ReceiptServer(self.top / "server", clock_file=self.clock.path,
                                    node_options=f"--require {CLOCK}")
        state = self.top / "station" / "state"
        state.mkdir(parents=True)
        self.mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m,mode=700,uid={CORE},gid={CORE}", "none",
             state], capture_output=True).returncode == 0
        if not self.mounted:
            os.chown(state, CORE, CORE)
            state.chmod(0o700)
        self.server.start()
        super().__init__(
            folder=self.top / "station", env=self.clock.env, keep_core=True,
            bays=[{"name": "1", "port": "1-1"}], start=False,
            profile={"settle_seconds": 1, "logs": "none", **how.get("profile", {})},
            erase=how.get("erase", "when-receipted"), confirm_per_hour=3600000,
            destinations=[{"name": "far", "driver": "tus", "url": self.server.url, "slots": 4,
                           "stall-seconds": 5, "answer-seconds": 5, "receipt-path": "/receipt",
                           "receipt-keys": [self.server.vkey]}])
        self.objects = [vcam.clip(f"DCIM/c {i}.mp4", draw.randrange(1, 1 << 20), seed % 9999 * 10 + i,
                                  mtime=1790000000 + 60 * i) for i in range(draw.randrange(2, 6))]

    def move(self, days):
        self.clock.at(days * DAY_S)

    def close(self):
        try:
            super().close()
        finally:
            self.server.kill()
            if self.mounted:
                subprocess.run(["umount", "-l", self.top / "station" / "state"], check=False)
            shutil.rmtree(self.top, ignore_errors=True)

    # -- what happens --

    def pause(self, most=0.6):
        threading.Event().wait(self.draw.uniform(0, most))

    def kill(self):
        name = self.draw.choice(KILLS)
        self.did.append(f"kill {name}")
        if name in ("dockd-camera", "dockd-verify"):
            for task in pathlib.Path(f"/proc/{self.core.process.pid}/task").glob("*/children"):
                for pid in task.read_text().split():
                    if pathlib.Path(f"/proc/{pid}/comm").read_text().strip() == name:
                        os.kill(int(pid), signal.SIGKILL)
            return
        {"dockd": self.core, "dockd-hotplug": self.hotplug}.get(
            name, self.uploaders["far"]).send(signal.SIGKILL)

    def unplug(self):
        self.did.append("unplug")
        self.device.unplug()
        self.pause()
        self.device.plug("1-1")

    def fill(self):
        if not self.mounted:
            return
        self.did.append("full disk")
        filler = self.folder / "state" / "filler"
        try:
            with open(filler, "wb") as f:
                while True:
                    f.write(bytes(1 << 16))
        except OSError:
            pass
        self.pause()
        filler.unlink()

    def lie(self):
        kinds = self.draw.sample(LIES, self.draw.randrange(1, 4))
        self.did.append("lies: " + " ".join(kinds))
        self.lies += [f"{kind} * {self.draw.randrange(1, 3)}" for kind in kinds]
        self.server.lie(*self.lies)

    def lose(self):
        kind = self.draw.choice(LOSSES)
        self.did.append(kind)
        self.lies += [f"{kind} * 1"]
        self.server.lie(*self.lies)

    def happen(self, what, most):
        for _ in range(self.draw.randrange(1, most + 1)):
            self.pause()
            try:
                self.draw.choice(what)()
            except (OSError, vcam.VcamError):
                pass  # it had ended already

    # -- what there is at the end --

    def until(self, condition, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                if condition():
                    return True
            except (AssertionError, ValueError, KeyError):
                pass  # the core is being started again
            threading.Event().wait(0.1)
        return False

    def ask_all(self):
        return [self.ctl("clip", n, connect=True)
                for n in range(1, self.ctl("status", connect=True)["assets"] + 1)]

    def whole(self):
        """Every file is erased, or the gate says why not, and all uploads are at an end."""
        if len(self.ask_all()) < len(self.objects):
            return False
        if self.shut:
            settled = all(c["rung"] in ("receipted", "erasable") for c in self.ask_all())
            return settled or self.always is not None
        return not self.device.objects()

    def heal(self):
        if not self.always:
            self.lies = []
            self.server.lie()
        self.ctl("retry", "all", "--reason", "soak", connect=True, check=False)

    def run(self):
        self.start()
        wanted = {}
        self.lies = [self.always] if self.always else []
        self.server.lie(*self.lies)
        self.device = self.camera("A", self.objects)
        wanted = {path: o["sha256"] for path, o in self.device.objects(digests=True).items()}
        self.device.plug("1-1")
        faults = [self.kill, self.kill, self.unplug, self.fill]
        self.happen(faults if self.always else faults + [self.lie, self.lie, self.lose, self.lose], 5)
        self.heal()
        self.until(self.whole, 10 if self.always else 60)
        # a week later: what was lost is found out, what was not is confirmed
        self.move(8)
        self.happen([self.kill, self.fill], 2)
        self.heal()
        # a full disk may have broken the ledger: the core lies still for a minute and starts anew
        self.until(lambda: self.whole() and set(wanted.values()) <= self.stored(),
                   10 if self.always else 180)
        return self.judge(wanted)

    def ledger(self):
        """Whole lines only: the last one may be being written."""
        records = []
        for segment in sorted((self.folder / "state/ledger").glob("*.jsonl")):
            lines = segment.read_bytes().split(b"\n")
            records += [json.loads(line) for line in lines[:-1] if line.startswith(b"{")]
        return records

    def stored(self):
        return {hashlib.sha256(data).hexdigest() for data in self.server.assets().values()}

    def held(self):
        """What the station itself still has."""
        return {hashlib.sha256(path.read_bytes()).hexdigest()
                for path in (self.folder / "state/staging").rglob("*") if path.is_file()}

    def judge(self, wanted):
        there = self.device.objects(digests=True)
        stored = self.stored()
        out = collections.Counter()
        out["files"] = len(wanted)
        reasons = {c["path"]: c["reason"] for c in self.ask_all()}
        for path, digest in wanted.items():
            if path in there and there[path]["sha256"] == digest:
                out["refused: " + (reasons.get(path) or "not taken in").split(":")[0]] += 1
            elif digest in stored:
                out["erased rightly"] += 1
            elif digest in self.held():
                out["erased, lost there, held here"] += 1
            else:
                out["erased wrongly"] += 1
        if self.shut and out["erased rightly"]:
            out["erased wrongly"] += out.pop("erased rightly")  # the gate had to be shut
        lost = {kind_id[1] for kind_id in self.server.told() if kind_id[0] in LOSSES}
        # What changed there before its receipt was on record was never proved: each receipt says other bytes
        # from then on and is refused, and a person is called. Nothing was erased for it.
        records = self.ledger()
        proved = {r["asset"] for r in records if r["type"] == "receipted"}
        at = {r["address"].rsplit("/", 1)[-1]: r["asset"] for r in records if r["type"] == "created"}
        early = {at.get(upload) for upload in lost if at.get(upload) not in proved}
        lost = {upload for upload in lost if at.get(upload) in proved}
        kept = {path for path in wanted if path in there} if early else set()
        due = {digest for path, digest in wanted.items() if path not in kept}
        out["changed before it was proved"] = len(early)
        out["lost at the server"] = len(lost)
        out["lost: sent again"] = len(lost) if due <= stored or not lost else 0
        for what in self.did:
            out["fault: " + what.split(":")[0]] += 1
        out["receipts refused"] = sum(r["type"] == "receipt-refused" for r in self.ledger())
        out["copies retired"] = sum(r["type"] == "retired" for r in self.ledger())
        return out


def one(seed):
    case = None
    try:
        case = Case(seed)
        return seed, case.run(), "; ".join(case.did)
    except Exception as error:  # told with its seed; the others go on
        return seed, None, f"{type(error).__name__}: {error}"
    finally:
        if case:
            try:
                case.close()
            except Exception as error:
                print(f"seed {seed}: closing: {error}", flush=True)


def bad(result):
    return result is None or result["erased wrongly"] or \
        result["lost: sent again"] != result["lost at the server"]


def run(n, seed, jobs, out=sys.stdout):
    """Totals of n cases, and the seeds of those that went wrong."""
    total, wrong, began = collections.Counter(), [], time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for s, result, how in pool.map(one, range(seed, seed + n)):
            if bad(result):
                wrong.append(s)
                print(f"seed {s}: {dict(result) if result else 'no end'}: {how}", file=out, flush=True)
            total.update(result or {"no end": 1})
            total["cases"] += 1
            if total["cases"] % 50 == 0:
                print(f"{total['cases']} of {n}, {time.monotonic() - began:.0f} s", file=sys.stderr,
                      flush=True)
    print(table(total, n, seed, time.monotonic() - began), file=out, flush=True)
    return total, wrong


def table(total, n, seed, seconds):
    rows = [f"Randomised faults: {n} cases, seeds {seed} to {seed + n - 1}, {seconds:.0f} s.", "",
            "| what | how many |", "|---|---|"]
    order = ["cases", "no end", "files", "erased rightly", "erased wrongly"]
    rest = sorted(k for k in total if k not in order)
    rows += [f"| {k} | {total[k]} |" for k in order + rest]
    return "\n".join(rows)


def main():
    parse = argparse.ArgumentParser()
    parse.add_argument("n", nargs="?", type=int, default=60)
    parse.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1, 10**6))
    parse.add_argument("--jobs", type=int, default=3 * (os.cpu_count() or 1))
    given = parse.parse_args()
    print(f"seeds from {given.seed} on", flush=True)
    try:
        _, wrong = run(given.n, given.seed, given.jobs)
    finally:
        drop_programs()
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
