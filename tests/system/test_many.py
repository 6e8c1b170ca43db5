"""A full dock, an object past 4 GiB, and a station whose settings, log, lamps and services change under it."""
import hashlib
import os
import re
import signal
import subprocess
import tempfile
import threading
import time

import disks
import vcam
from servers import FaultServer
from station import BUILD, Station, until

MIB, GIB = 1 << 20, 1 << 30
DAY = 1790000000
QUICK = {"settle_seconds": 1}
HASTY = 0xbcbd  # a product that is given up after a second's silence
SANITIZED = "asan" in str(BUILD)  # a sanitizer's memory is not the program's
TWO_BAYS = [{"name": "1", "port": "1-1"}, {"name": "2", "port": "2-1"}]


def in_store(s):
    found = set()
    for path in (s.folder / "store").rglob("*"):
        if path.suffix not in (".json", ".part") and not path.name.startswith(".") and path.is_file():
            done = subprocess.run(["sha256sum", "--", path], check=True, capture_output=True, text=True)
            found.add(done.stdout.split()[0].lstrip("\\"))
    return found


def wanted(*cameras):
    return {o["sha256"] for c in cameras for o in c.objects(digests=True).values()}


def follow(path, text, start=0, seconds=120):
    """Waits until the file says it."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if path.exists() and text in path.read_text("utf-8", errors="replace")[start:]:
            return
        threading.Event().wait(0.05)
    raise AssertionError(f"{path.name} does not say {text!r}")


# ---- a full dock ----

PORTS = [*(f"1-1.{i}" for i in range(1, 7)), *(f"1-2.{i}" for i in range(1, 6)),
         *(f"2-1.{i}" for i in range(1, 6))]
AT_ONCE = 2


def root(port):
    return port.split(".")[0]


def turns(records, ports):
    """Goes through the ledger: how many pulls of a root port at once, and whether logs go first.

    A camera that lost its worker waits for another one, and the others do not wait for its logs.
    """
    port, kind, camera_of, waiting, busy, most = {}, {}, {}, {}, {}, {}
    for r in records:
        if r["type"] == "docked":
            port[r["docking"]] = root(r["port"])
        elif r["type"] == "found":
            kind[r["asset"]], camera_of[r["asset"]] = r["kind"], r["docking"]
            if r["kind"] == "log":
                waiting.setdefault(port[r["docking"]], {})[r["asset"]] = r["seq"]
        elif r["type"] == "pull":
            p = port[r["docking"]]
            busy.setdefault(p, set()).add(r["asset"])
            most[p] = max(most.get(p, 0), len(busy[p]))
            waiting.get(p, {}).pop(r["asset"], None)
            if kind[r["asset"]] != "log":
                assert not waiting.get(p), "a clip was begun while a log waited for its turn"
        elif r["type"] == "pulled":
            busy[port[r["docking"]]].discard(r["asset"])
        elif r["type"] == "mishap":
            logs = waiting.get(port[r["docking"]], {})
            for asset in [a for a in logs if camera_of[a] == r["docking"]]:
                del logs[asset]
    return most


def test_sixteen_cameras_at_once():
    bays = [{"name": str(i + 1), "port": port} for i, port in enumerate(PORTS)]
    with Station(bays=bays, profile=QUICK, pulls_per_port=AT_ONCE, start=False) as s:
        s.other_profile(HASTY, timeout_seconds=1)
        cameras = []
        for i, port in enumerate(PORTS):
            camera = s.camera(f"C{i + 1:02}", [
                vcam.clip("DCIM/a.mp4", 3 * MIB + i, 10 * i + 1, mtime=DAY),
                vcam.clip("DCIM/b.mp4", 2 * MIB + i, 10 * i + 2, mtime=DAY + 9),
                vcam.clip("AUDIT/x.log", 1000 + i, 10 * i + 3, mtime=DAY + 10)], rate=4 * MIB,
                usb={"product": HASTY if port == PORTS[-1] else 0xbcbc})
            cameras.append(camera)
        silent, healthy = cameras[-1], cameras[:-1]
        silent.fault("silent-at-op", op="0x1007", count=1 << 30)
        for camera, port in zip(cameras, PORTS):
            camera.plug(port)
        s.start()
        for i in range(len(healthy)):
            s.wait("bay", str(i + 1), "take", timeout=120)
        until(s, lambda: "does not answer" in s.bay("16")["text"], "the silent camera's bay says so")
        s.wait("bay", "16", "leave", timeout=120)
        assert "does not answer" in s.bay("16")["text"]
        s.wait("all", "receipted")
        assert in_store(s) == wanted(*healthy)
        clips = s.clips()
        assert len(clips) == 45 and {c["interruptions"] for c in clips} == {0}
        for c in clips:
            assert c["size_bytes"] == c["pulled_bytes"]
        most = turns(s.ledger(), PORTS)
        assert set(most.values()) == {AT_ONCE}, most
        events = [line for line in s.log().splitlines()
                  if re.search(r" event=(all-held|pulled) ", line)]
        first = next(i for i, line in enumerate(events) if "event=all-held" in line)
        assert sum("event=pulled" in line for line in events[first:]) >= 6, \
            "the first camera is free well before the last"


def test_a_silent_camera_holds_its_port_for_a_while_only():
    bays = [{"name": str(i + 1), "port": f"1-1.{i + 1}"} for i in range(3)]
    with Station(bays=bays, profile=QUICK, pulls_per_port=1, start=False) as s:
        s.other_profile(HASTY, timeout_seconds=1)
        s.start()
        silent = s.camera("S", [vcam.clip("DCIM/a.mp4", MIB, 1, mtime=DAY)], usb={"product": HASTY})
        silent.fault("silent", object="DCIM/a.mp4", at=1000, count=1 << 30)
        silent.plug("1-1.1")
        silent.wait("fired:silent", 1)
        others = [s.camera(f"C{i}", [vcam.clip("DCIM/a.mp4", 4 * MIB, 7 + i, mtime=DAY)])
                  for i in range(2)]
        for i, camera in enumerate(others):
            camera.plug(f"1-1.{i + 2}")
        for bay in ("2", "3"):
            s.wait("bay", bay, "take", timeout=60)
        until(s, lambda: wanted(*others) <= in_store(s), "all of the others' stored")


# ---- forty cameras on a tree of hubs ----

ROOTS, N = ("1-1", "1-2"), 2  # pulls at once below each
FORTY = [f"{r}.{hub}.{p}" for hub in range(1, 6) for p in range(1, 5) for r in ROOTS]


def disk(s, name, objects):
    """A camera that is a USB disk: the same files on a FAT card."""
    files = {}
    for o in objects:
        o.pop("protected", None)
        files[o["path"]] = vcam.generate(o["seed"], 0, o["size"])
    image = disks.make_disk(s.folder / f"{name}.img", files, fs="fat16", table="mbr")
    image.chmod(0o666)
    camera = s.camera(name, disk={"luns": [{"image": str(image)}]}, rate=2 * MIB,
                      usb={"vendor": 0x0781, "product": 0x5567, "model": "card"})
    camera.digests = {hashlib.sha256(data).hexdigest() for data in files.values()}
    return camera


def files_of(i):
    """Few for the first, many for the last; every fifth has a flagged one."""
    flag = {"protected": True} if i % 5 == 3 else {}
    clips = [vcam.clip(f"DCIM/{k}.mp4", 192 * 1024 + i, 100 * i + k, mtime=DAY + k)
             for k in range(2 + i // 5)]
    clips[-1].update(flag)
    return [*clips, vcam.clip("AUDIT/x.log", 900 + i, 100 * i + 99, mtime=DAY + 10)]


class Story:
    """The ledger, gone through: what was pulled when, and what else could have been instead."""

    def __init__(self, records):
        self.port, self.kind, self.camera, self.size = {}, {}, {}, {}
        self.left = {}  # docking: assets still to be pulled
        self.busy, self.most = {}, {}
        self.free, self.bytes, self.done = [], 0, {}
        for r in records:
            if r["type"] in ("docked", "found", "pull", "pulled"):
                getattr(self, r["type"])(r)

    def docked(self, r):
        self.port[r["docking"]] = r["port"]
        self.left[r["docking"]] = set()

    def found(self, r):
        a = r["asset"]
        self.kind[a] = 0 if r["kind"] == "log" else 1 if r["protected"] else 2
        self.size[a], self.camera[a] = r["size"], r["docking"]
        self.left[r["docking"]].add(a)

    def pull(self, r):
        mine = root(self.port[r["docking"]])
        for docking, assets in self.left.items():
            if docking == r["docking"] or root(self.port[docking]) != mine or docking in self.busy:
                continue
            better = min((self.kind[a] for a in assets), default=2)
            assert self.kind[r["asset"]] <= better, (r, self.port[docking])
        self.busy[r["docking"]] = r["asset"]
        at_once = sum(root(self.port[d]) == mine for d in self.busy)
        self.most[mine] = max(self.most.get(mine, 0), at_once)

    def pulled(self, r):
        self.busy.pop(r["docking"], None)
        self.bytes += r["read"]
        if r["result"] != "done":
            return
        self.left[r["docking"]].discard(r["asset"])
        self.done[r["docking"]] = self.done.get(r["docking"], 0) + r["length"]
        if not self.left[r["docking"]]:
            self.free.append((r["docking"], self.bytes))


def pss(process):
    """KiB, by the kernel's own sum."""
    pid = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True).stdout
    for one in (*pid.split(), str(process.pid)):
        if os.readlink(f"/proc/{one}/exe").endswith("/dockd"):
            text = open(f"/proc/{one}/smaps_rollup", encoding="ascii").read()
            return int(re.search(r"^Pss: +(\d+) kB", text, re.M).group(1))
    raise AssertionError("the core is not there")


def test_forty_cameras_come_free_one_after_another():
    bays = [{"name": str(i + 1), "port": port} for i, port in enumerate(FORTY)]
    with Station(bays=bays, profile=QUICK | {"timeout_seconds": 600}, pulls_per_port=N,
                 start=False) as s:
        disk_profile = s.folder / "profiles/generic-disk.conf"
        disk_profile.write_text(disk_profile.read_text() + "settle-seconds = 1;\n")
        cameras = [disk(s, f"D{i}", files_of(i)) if i % 4 == 1 else
                   s.camera(f"C{i}", files_of(i), rate=2 * MIB) for i in range(len(FORTY))]
        # four that stop in the midst of a pull, the least of theirs first: two below each root port
        silent = [4, 6, 7, 11]
        for i in silent:
            cameras[i].fault("silent", object="DCIM/0.mp4", at=1000, count=1 << 30)
        for camera, port in zip(cameras, FORTY):
            camera.plug(port)
        s.start()
        healthy = [i for i in range(len(FORTY)) if i not in silent]
        s.wait("bay", "1", "take", timeout=120)
        first = len(s.events("pulled"))
        status = s.ctl("status")
        rows = {r["port"]: r for r in status["roots"]}
        assert set(rows) == set(ROOTS) and sum(r["cameras"] for r in rows.values()) == len(FORTY)
        assert all(r["pulls"] <= N + len(silent) for r in rows.values()), rows
        for i in healthy:
            s.wait("bay", str(i + 1), "take", timeout=180)
        assert first < len(s.events("pulled")), "it is free before the last"
        assert SANITIZED or pss(s.core.process) < 16 << 10
        # nobody has waited for the four: they hang still, and not one has been given up
        assert not s.events("worker-lost"), s.events("worker-lost")
        for i in silent:
            assert s.bay(str(i + 1))["state"] == "reading"
        until(s, lambda: in_store(s) >= {d for i in healthy for d in digests(cameras[i])}, "all are there")
        story = Story(s.ledger())
        assert len(story.free) == len(healthy)
        assert all(c["interruptions"] == 0 for c in s.clips())
        whole = story.free[-1][1]
        for docking, so_far in story.free[:2]:
            # logs and flagged files of all, its own, and the others of N that were pulled beside it
            assert so_far <= whole / 4, (docking, so_far, whole)
        free = [docking for docking, _ in story.free]
        for r in ROOTS:  # in the order of what they had
            mine = [d for d in free if root(story.port[d]) == r]
            sizes = [story.done[d] for d in mine]
            inversions = sum(a > b for a, b in zip(sizes, sizes[1:]))
            assert inversions <= len(mine) // 3, sizes
            assert sizes[0] <= 1.1 * min(sizes)


def digests(camera):
    if hasattr(camera, "digests"):
        return camera.digests
    return {o["sha256"] for o in camera.objects(digests=True).values()}


# ---- past 4 GiB ----

def test_past_4_gib_and_resumed_there():
    size, cut = 4 * GIB + 100 * 1024, 4 * GIB + 5000
    stat = os.statvfs(tempfile.gettempdir())
    assert stat.f_bavail * stat.f_frsize >= 3 * size, "make room for 13 GB, or name a TMPDIR that has it"
    with Station(bays=TWO_BAYS, profile={"settle_seconds": 1}) as s:
        camera = s.camera("A", [vcam.clip("DCIM/long.mp4", size, 5, mtime=DAY)])
        camera.fault("unplug", object="DCIM/long.mp4", at=cut)
        camera.plug("1-1")
        camera.wait("plugged", exactly=0, seconds=300)
        s.wait("bay", "1", "empty")
        part, = (s.folder / "state/staging").rglob("*.part")
        assert 4 * GIB - 8 * MIB <= part.stat().st_size <= cut
        camera.clear()
        camera.plug("2-1")
        s.wait("clip", "1", "receipted", timeout=400)
        s.wait("bay", "2", "take", timeout=60)
        clip = s.clip(1)
        assert clip["interruptions"] == 1 and clip["size_bytes"] == size
        assert size <= clip["pulled_bytes"] <= size + (64 << 10)
        assert in_store(s) == {camera.digest("DCIM/long.mp4")} == {clip["sha256"]}


# ---- settings, log, services ----

def reload(s):
    """SIGHUP, and what the log says of it."""
    log = s.folder / "state/dockd.log"
    before = len(log.read_text()) if log.exists() else 0
    s.core.send(signal.SIGHUP)
    return log, before


def test_settings_change_while_it_runs():
    with FaultServer() as server:
        store = [{"name": "store", "driver": "tus", "url": server.url}]
        with Station(bays=TWO_BAYS, profile=QUICK, destinations=store, accept_receipt="length",
                     start=False) as s:
            s.settings["log"] = s.folder / "state/dockd.log"
            s.write_config()
            s.start()
            camera = s.camera("A", [vcam.clip("DCIM/a.mp4", MIB, 5, mtime=DAY)])
            camera.plug("1-1")
            s.wait("all", "receipted")
            s.wait("bay", "1", "take")
            assert camera.stats()["deletions"] == 0
            pid = s.core.process.pid

            s.settings["erase"] = "sometimes"
            s.write_config()
            line = next(i for i, text in enumerate((s.folder / "dockd.conf").read_text().splitlines(), 1)
                        if text.startswith("erase"))
            log, before = reload(s)
            follow(log, "event=reload-refused", before)
            said = log.read_text()[before:]
            assert f"dockd.conf:{line}" in said and "when-receipted" in said
            assert s.ctl("status")["erase"] == "never" and s.bay("1")["light"] == "take"

            s.settings["erase"] = "when-receipted"
            s.settings["bays"] = [{"name": "front", "port": "1-1"}, {"name": "2", "port": "2-1"}]
            s.write_config()
            os.rename(log, s.folder / "state/dockd.log.1")
            log, before = reload(s)
            follow(log, "event=reloaded", before)
            assert s.bay("front")["docking"] == 1, "the same docking under the new name"
            camera.wait("deletions", 1)
            s.wait("clip", "1", "erased")
            assert "event=erased" not in (s.folder / "state/dockd.log.1").read_text()
            assert s.core.process.pid == pid and s.core.starts == 1
            policies = [r for r in s.ledger() if r["type"] == "policy"]
            assert [p["erase"] for p in policies] == ["never", "when-receipted"]
            assert policies[1].items() >= {
                "destinations": "store", "drivers": "tus", "switch-after-minutes": 360,
                "takes": "clip,sidecar,log,other,report"}.items()


def test_hotplug_killed_in_the_middle_of_a_pull():
    with Station(bays=TWO_BAYS, profile=QUICK) as s:
        camera = s.camera("A", [vcam.clip("DCIM/a.mp4", 8 * MIB, 5, mtime=DAY)], rate=4 * MIB)
        camera.plug("1-1")
        camera.wait("bytes:DCIM/a.mp4", MIB)
        s.hotplug.send(signal.SIGKILL)
        s.wait("bay", "1", "take")
        assert s.hotplug.codes == [-signal.SIGKILL] and s.hotplug.starts == 2
        assert s.ctl("status")["dockings"] == 1
        assert s.clip(1)["interruptions"] == 0 and s.clip(1)["pulled_bytes"] == 8 * MIB
        other = s.camera("B", [vcam.clip("DCIM/b.mp4", MIB, 6, mtime=DAY)])
        other.plug("2-1")
        s.wait("dockings", "2")
        s.wait("bay", "2", "take")
        s.wait("all", "receipted")
        assert in_store(s) == wanted(camera, other)


def test_a_camera_that_left_while_hotplug_was_away_is_gone_afterwards():
    with Station(bays=TWO_BAYS, profile=QUICK) as s:
        camera = s.camera("A", [vcam.clip("DCIM/a.mp4", MIB, 5, mtime=DAY)])
        camera.plug("1-1")
        s.wait("bay", "1", "take")
        s.hotplug.stop()
        camera.unplug()
        s.start_hotplug()
        s.wait("bay", "1", "empty")
        s.wait("idle")
        assert [r for r in s.ledger() if r["type"] == "undocked"]


def test_a_flapping_contact_is_named():
    with Station(bays=TWO_BAYS, profile=QUICK, rejoin_seconds=30) as s:
        camera = s.camera("A", [vcam.clip("DCIM/a.mp4", MIB, 5, mtime=DAY)])
        for _ in range(22):
            camera.plug("1-1")
            until(s, lambda: s.bay("1")["state"] not in ("left", "empty"), "there")
            camera.unplug()
            until(s, lambda: s.bay("1")["state"] in ("left", "empty"), "left")
        camera.plug("1-1")
        s.wait("bay", "1", "leave")
        assert "clean or replace the bay's contacts" in s.bay("1")["text"]
        s.ctl("retry", "bay", "1", "--reason", "test")
        s.wait("bay", "1", "take")
        assert in_store(s) == wanted(camera)
