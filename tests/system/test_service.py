"""The service as its manager sees it: an end in order with a full dock, and what an idle one costs."""
import os
import re
import select
import subprocess
import time

import vcam
from station import BUILD, Station

MIB = 1 << 20
SIZE = 16 * MIB
DAY = 1790000000
SANITIZED = "asan" in str(BUILD)
FORTY = [f"1-{root}.{port}" for root in range(1, 5) for port in range(1, 11)]
TIMEOUT_STOP_S = 30  # of dockd.service


def forty(s, **scenario):
    cameras = [s.camera(f"C{i}", [vcam.clip("DCIM/a.mp4", SIZE, i, mtime=DAY)], **scenario)
               for i in range(len(FORTY))]
    for camera, port in zip(cameras, FORTY):
        camera.plug(port)
    return cameras


def test_forty_busy_cameras_end_in_order():
    bays = [{"name": str(i + 1), "port": port} for i, port in enumerate(FORTY)]
    with Station(bays=bays, profile={"settle_seconds": 1, "timeout_seconds": 60}, pulls_per_port=16) as s:
        cameras = forty(s, rate=MIB)
        for camera in cameras:
            camera.wait("bytes:DCIM/a.mp4", 64 << 10)
        assert all(camera.stats()["session"] for camera in cameras)
        began = time.monotonic()
        assert s.stop_core() == 0
        assert time.monotonic() - began < TIMEOUT_STOP_S
        # each worker has closed its session: nothing to recover at the next docking
        assert not any(camera.stats()["session"] for camera in cameras)
        assert not s.events("workers-killed") and not s.events("worker-lost") and s.events("stopped")
        records = s.ledger()
        assert records[-1]["type"] == "ended"
        assert len([r for r in records if r["type"] == "pulled" and r["result"] == "stopped"]) == len(FORTY)
        assert not [r for r in records if r["type"] == "trouble"]
        # all of it is signed: a checkpoint's second line is the size of the tree
        signed = (s.folder / "state/ledger/checkpoint").read_text().splitlines()
        assert int(signed[1]) == len(records)

        # the next start goes on where this one has stopped
        for camera in cameras[4:]:
            camera.unplug()
        s.start_core()
        for bay in range(1, 5):
            s.wait("bay", str(bay), "take", timeout=120)
        done = [c for c in s.clips() if c["staged_bytes"] == SIZE]
        assert len(done) == 4
        for clip in done:
            assert clip["interruptions"] == 1
            assert SIZE <= clip["pulled_bytes"] <= SIZE + (64 << 10)


def spent(pid):
    """Seconds of processor time, and how often it was woken."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        words = f.read().rsplit(")", 1)[1].split()
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        woken = re.search(r"^voluntary_ctxt_switches:\s+(\d+)", f.read(), re.M)
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK"), int(woken.group(1))


def test_forty_idle_cameras_cost_next_to_nothing():
    """All is done, all are docked: core and forty workers over ten seconds of lamps and time-outs."""
    span, bound = 10, 0.02
    bays = [{"name": str(i + 1), "port": port} for i, port in enumerate(FORTY)]
    with Station(bays=bays, profile={"settle_seconds": 1, "timeout_seconds": 60}, pulls_per_port=16) as s:
        for i, port in enumerate(FORTY):
            s.camera(f"C{i}", [vcam.clip("DCIM/a.mp4", 64 << 10, i, mtime=DAY)]).plug(port)
        s.wait("all", "receipted", timeout=120)
        for i in range(len(FORTY)):
            s.wait("bay", str(i + 1), "take", timeout=120)
        s.wait("idle")
        core = s.core.process.pid
        children = subprocess.run(["pgrep", "-P", str(core)], capture_output=True, text=True).stdout.split()
        assert len(children) == len(FORTY)
        before = {pid: spent(pid) for pid in [core, *children]}
        # the span is what is measured, not waited for: nothing is expected to happen in it
        select.select([], [], [], span)
        after = {pid: spent(pid) for pid in before}
        used = {pid: after[pid][0] - before[pid][0] for pid in before}
        woken = {pid: after[pid][1] - before[pid][1] for pid in before}
        print(f"idle, {len(FORTY)} cameras: core {used[core] / span:.2%} of a processor, woken "
              f"{woken[core] / span:.1f} times a second; workers together "
              f"{sum(used[p] for p in children) / span:.2%}, woken {sum(woken[p] for p in children) / span:.1f}")
        assert SANITIZED or sum(used.values()) / span <= bound
