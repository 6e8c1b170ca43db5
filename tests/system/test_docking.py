"""A whole docking: pulled, sealed, digested, stored, and what the light and the books say of it."""
import hashlib
import os
import pathlib
import signal
import subprocess

import pytest

import vcam
from station import CORE, CORE_GROUP, Station, Timeout, as_user, until

MIB = 1 << 20
DAY = 1790000000
BAYS = [{"name": "1", "port": "1-1"}, {"name": "2", "port": "1-2"}, {"name": "3", "port": "2-1"}]
QUICK = {"settle_seconds": 1}


def shift(seed=1):
    return [vcam.clip("DCIM/100/a.mp4", 3 * MIB, seed, mtime=DAY),
            vcam.clip("DCIM/100/b c é.mp4", 5 * MIB + 17, seed + 1, mtime=DAY + 60),
            vcam.clip("DCIM/100/empty.mp4", 0, seed + 2, mtime=DAY + 70),
            vcam.clip("AUDIT/x.log", 1000, seed + 3, mtime=DAY + 80)]


def in_store(station, name="store"):
    """{digest: path} of what the dir destination holds."""
    found = {}
    for path in (station.folder / name).rglob("*"):
        if path.is_file() and not path.name.startswith(".") and path.suffix != ".json":
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            assert digest not in found, f"{path} and {found[digest]} are the same"
            found[digest] = path
    return found


def wanted(*cameras):
    return {o["sha256"] for c in cameras for o in c.objects(digests=True).values()}


def settle(station, bay="1", light="take", timeout=60):
    station.wait("all", "receipted", timeout=timeout)
    station.wait("bay", bay, light, timeout=timeout)


def leave(station, camera, bay="1"):
    """Until its docking is over: what comes then is another one."""
    camera.unplug()
    station.wait("bay", bay, "empty")
    station.wait("idle")


def test_whole_docking():
    with Station(bays=BAYS, profile=QUICK) as s:
        camera = s.camera("A", shift())
        s.wait("bay", "1", "empty")
        camera.plug("1-1")
        settle(s)
        assert set(in_store(s)) == wanted(camera)
        bay = s.bay("1")
        assert bay["held"] == bay["objects"] == 4 and bay["text"] == ""
        total = sum(o["size"] for o in camera.objects().values())
        assert bay["pulled_bytes"] == total
        kinds = {c["path"]: c["kind"] for c in s.clips()}
        assert kinds["AUDIT/x.log"] == "log" and kinds["DCIM/100/a.mp4"] == "clip"
        first = s.events("pulled")[0]
        assert f"asset={next(c['number'] for c in s.clips() if c['kind'] == 'log')} " in first
        camera.unplug()
        s.wait("bay", "1", "empty")
        s.wait("idle")
        types = [r["type"] for r in s.ledger()]
        for kind in ("began", "docked", "camera", "listed", "found", "pull", "pulled", "staged",
                     "checked", "upload", "created", "receipted", "undocked"):
            assert kind in types, kind
        assert [r["seq"] for r in s.ledger()] == list(range(1, len(types) + 1))


def test_known_clips_are_not_pulled_again():
    with Station(bays=BAYS, profile=QUICK) as s:
        camera = s.camera("A", shift())
        camera.plug("1-1")
        settle(s)
        leave(s, camera)
        before = camera.stats()["payload"]
        camera.add("DCIM/100/new.mp4", 2 * MIB, seed=77, mtime=DAY + 500)
        camera.plug("1-2")
        s.wait("dockings", "2")
        settle(s, "2")
        assert len(s.clips()) == 5
        assert s.bay("2")["pulled_bytes"] == 2 * MIB
        assert set(in_store(s)) == wanted(camera)
        assert camera.stats()["payload"] >= before


def test_clip_without_time_is_pulled_again_and_merged():
    with Station(bays=BAYS, profile=QUICK) as s:
        camera = s.camera("A", [vcam.clip("DCIM/a.mp4", MIB, 5, mtime=None),
                                vcam.clip("DCIM/b.mp4", MIB, 6, mtime=3600)])
        camera.plug("1-1")
        settle(s)
        leave(s, camera)
        camera.plug("1-1")
        s.wait("dockings", "2")
        settle(s)
        clips = s.clips()
        assert len(clips) == 4
        assert sorted(c["merged_into"] for c in clips[2:]) == [1, 2]
        assert set(in_store(s)) == wanted(camera)
        held = [p for p in (s.folder / "state/staging").rglob("*") if p.is_file()]
        assert len(held) == 2


@pytest.mark.parametrize("at", [1, 70_001, 3 * MIB - 1])
def test_pulled_out_and_docked_again_in_another_bay(at):
    with Station(bays=BAYS, profile=QUICK) as s:
        camera = s.camera("A", [vcam.clip("DCIM/a.mp4", 3 * MIB, 5, mtime=DAY)])
        camera.fault("unplug", object="DCIM/a.mp4", at=at)
        camera.plug("1-1")
        camera.wait("plugged", exactly=0)
        s.wait("bay", "1", "empty")
        camera.clear()
        camera.plug("2-1")
        settle(s, "3")
        clip = s.clip(1)
        assert clip["interruptions"] == 1
        assert clip["pulled_bytes"] <= 3 * MIB + 65536
        assert set(in_store(s)) == wanted(camera)


def test_back_within_seconds_is_one_docking():
    with Station(bays=BAYS, profile=QUICK, rejoin_seconds=30) as s:
        camera = s.camera("A", shift())
        camera.plug("1-1")
        settle(s)
        camera.unplug()
        s.wait("bay", "1", "empty")
        camera.plug("1-1")
        s.wait("bay", "1", "take")
        assert s.ctl("status")["dockings"] == 1


def test_erased_only_behind_the_gate():
    """`local` never opens the gate, whatever accept-receipt says."""
    with Station(bays=BAYS, profile=QUICK, erase="when-receipted", accept_receipt="length") as s:
        camera = s.camera("A", shift())
        camera.plug("1-1")
        settle(s)
        s.wait("idle")
        assert camera.stats()["deletions"] == 0
        assert {c["reason"].split(":")[0] for c in s.clips()} == {"receipt-local"}


def test_staged_copy_altered_is_found_and_pulled_again():
    with Station(bays=BAYS, profile=QUICK, start=False) as s:
        s.start_core()
        s.start_hotplug()
        camera = s.camera("A", [vcam.clip("DCIM/a.mp4", MIB, 5, mtime=DAY)])
        camera.plug("1-1")
        s.wait("all", "checked")
        copy = next(p for p in (s.folder / "state/staging").rglob("*")
                    if p.is_file() and p.suffix == "")
        copy.chmod(0o600)
        with open(copy, "r+b") as f:
            f.seek(4711)
            f.write(b"!")
        s.start_uploader("store")
        settle(s)
        assert set(in_store(s)) == wanted(camera)
        types = [r["type"] for r in s.ledger()]
        assert "unstaged" in types
        assert types.index("unstaged") < types.index("receipted")


def test_disk_full_and_room_again():
    with Station(bays=BAYS, profile=QUICK, reserve_bytes=1 << 50, start=False) as s:
        s.start()
        camera = s.camera("A", shift())
        camera.plug("1-1")
        s.wait("dockings", "1")
        with pytest.raises(Timeout):
            s.wait("all", "staged", timeout=4)
        until(s, lambda: "disk is full" in s.bay("1")["text"], "the bay says why")
        assert s.bay("1")["light"] == "leave"
        s.settings["reserve-bytes"] = 1 << 20
        s.write_config()
        s.stop_core()
        s.start_core()
        settle(s)
        assert set(in_store(s)) == wanted(camera)


def test_index_deleted_is_rebuilt():
    with Station(bays=BAYS, profile=QUICK) as s:
        camera = s.camera("A", shift())
        camera.plug("1-1")
        settle(s)
        before = s.clips()
        s.stop_core()
        for path in (s.folder / "state").glob("index.sqlite*"):
            path.unlink()
        s.start_core()
        s.wait("bay", "1", "take")
        assert s.clips() == before
        assert camera.stats()["deletions"] == 0


def test_restart_in_a_docking_goes_on_with_it():
    with Station(bays=BAYS, profile=QUICK) as s:
        camera = s.camera("A", [vcam.clip("DCIM/a.mp4", 40 * MIB, 5, mtime=DAY)], rate=20 * MIB)
        camera.plug("1-1")
        camera.wait("bytes:DCIM/a.mp4", 10 * MIB)
        s.stop_core()
        s.start_core()
        settle(s)
        assert s.ctl("status")["dockings"] == 1
        assert s.clip(1)["pulled_bytes"] <= 40 * MIB + 65536 * s.clip(1)["interruptions"]
        assert set(in_store(s)) == wanted(camera)


def goes_first(pid):
    """Whom the kernel takes where memory runs out: the highest."""
    with open(f"/proc/{pid}/oom_score_adj", encoding="ascii") as f:
        return int(f.read())


def test_what_a_worker_died_of_is_not_said_of_a_camera_that_is_well():
    with Station(bays=BAYS, profile=QUICK) as s:
        camera = s.camera("A", [vcam.clip("DCIM/a.mp4", 8 * MIB, 5, mtime=DAY)], rate=4 * MIB)
        camera.plug("1-1")
        camera.wait("bytes:DCIM/a.mp4", MIB)
        worker, = subprocess.run(["pgrep", "-P", str(s.core.process.pid), "-x", "dockd-camera"],
                                 stdout=subprocess.PIPE, text=True, check=True).stdout.split()
        assert goes_first(worker) > goes_first(s.core.process.pid)
        s.hotplug.send(signal.SIGSTOP)  # the next worker is not there before this has been seen
        os.kill(int(worker), signal.SIGKILL)  # as the kernel does where memory runs out
        text = until(s, lambda: s.bay("1")["text"], "the bay says that it lost the worker")
        assert "memory" in text and "tried again" in text
        s.hotplug.send(signal.SIGCONT)
        settle(s)
        assert s.bay("1")["light"] == "take" and s.bay("1")["text"] == ""
        assert not [r for r in s.ledger() if r["type"] == "mishap"], "neither the bay's fault nor the camera's"


def test_log_that_grew_takes_the_tail_only():
    with Station(bays=BAYS, profile=QUICK) as s:
        camera = s.camera("A", [vcam.clip("AUDIT/x.log", 200_000, 5, mtime=DAY)])
        camera.plug("1-1")
        settle(s)
        leave(s, camera)
        camera.grow("AUDIT/x.log", 50_000)
        camera.plug("1-1")
        s.wait("dockings", "2")
        settle(s)
        second = s.clip(2)
        assert second["size_bytes"] == 250_000
        assert second["pulled_bytes"] <= 50_000 + 65536
        assert wanted(camera) <= set(in_store(s))


def test_object_still_growing_is_taken_whole():
    with Station(bays=BAYS, profile={"settle_seconds": 5}) as s:
        camera = s.camera("A", [vcam.clip("DCIM/a.mp4", 4 * MIB, 5, mtime=DAY),
                                vcam.clip("DCIM/b.mp4", 4 * MIB, 6, mtime=DAY + 1)])
        camera.plug("1-1")
        s.wait("clip", "2", "staged")
        camera.grow("DCIM/b.mp4", MIB)
        settle(s)
        assert wanted(camera) <= set(in_store(s))


def test_export_hands_out_everything():
    with Station(bays=BAYS, profile=QUICK) as s:
        camera = s.camera("A", shift())
        camera.plug("1-1")
        settle(s)
        out = s.folder / "out"
        s.ctl("export", out, "--reason", "test")
        files = {hashlib.sha256(p.read_bytes()).hexdigest() for p in out.rglob("*") if p.is_file()}
        assert wanted(camera) <= files
        assert (out / "manifest.json").exists()
        assert "exported" in [r["type"] for r in s.ledger()]


def test_second_dockd_on_the_same_state_is_refused():
    with Station(bays=BAYS) as s:
        other = Station(folder=s.folder, start=False, bays=BAYS, run_dir=s.folder / "run2")
        (s.folder / "run2").mkdir()
        os.chown(s.folder / "run2", CORE, CORE)
        log = pathlib.Path(s.folder / "logs/dockd.log")
        before = len(log.read_text())
        other.start_core()
        assert other.core.process.wait(20) != 0
        assert "another dockd" in log.read_text()[before:]
        assert s.ctl("status")["station"] == "test-station"


def test_file_that_vanished_is_kept_as_what_it_is():
    with Station(bays=BAYS, profile=QUICK) as s:
        camera = s.camera("A", [vcam.clip("DCIM/a.mp4", 3 * MIB, 5, mtime=DAY),
                                vcam.clip("DCIM/b.mp4", MIB, 6, mtime=DAY + 1)])
        camera.fault("unplug", object="DCIM/a.mp4", at=2 * MIB)
        camera.plug("1-1")
        camera.wait("plugged", exactly=0)
        s.wait("bay", "1", "empty")
        s.wait("idle")
        camera.clear()
        camera.remove("DCIM/a.mp4")
        camera.plug("1-1")
        s.wait("bay", "1", "leave")
        s.wait("clip", "1", "receipted")
        settle(s, light="leave")
        clip = s.clip(1)
        assert clip["signature"] == "cut-short" and 0 < clip["size_bytes"] <= 2 * MIB
        piece = hashlib.sha256(vcam.generate(5, 0, clip["size_bytes"])).hexdigest()
        assert set(in_store(s)) == {piece} | wanted(camera)
        assert "vanished" in s.bay("1")["text"]


def test_lights_off_for_the_service_manager():
    """After kill -9 the lamp stays as it was; what ExecStopPost runs turns it off."""
    bays = [{"name": "1", "port": "1-1", "light": "bay1"}]
    with Station(bays=bays, profile=QUICK, start=False) as s:
        lamp = s.folder / "leds/bay1"
        lamp.mkdir()
        for name, value in (("brightness", "0\n"), ("max_brightness", "255\n"), ("trigger", "none\n")):
            (lamp / name).write_text(value)
        for path in (lamp, *lamp.iterdir()):
            os.chown(path, CORE, CORE)
        s.start()
        camera = s.camera("A", shift())
        camera.plug("1-1")
        settle(s)
        s.core.stop(signal.SIGKILL)
        (lamp / "brightness").write_text("255\n")
        subprocess.run([*as_user(CORE, CORE_GROUP), s.bin / "dockd", "-c", s.folder / "dockd.conf",
                        "--profiles", s.folder / "profiles", "--lights-off"], check=True)
        assert (lamp / "brightness").read_text().splitlines()[0] == "0"


def test_camera_that_shows_other_files_at_each_look_is_not_believed():
    with Station(bays=BAYS, profile={"settle_seconds": 4, "max_objects": 3}) as s:
        camera = s.camera("A", [vcam.clip(f"DCIM/a{i}.mp4", 1000, i, mtime=DAY) for i in range(3)])
        camera.plug("1-1")
        s.wait("clip", "3", "receipted")
        for turn in range(1, 4):
            for i in range(3):
                camera.remove(f"DCIM/a{i}.mp4" if turn == 1 else f"DCIM/{turn - 1}{i}.mp4")
                camera.add(f"DCIM/{turn}{i}.mp4", 1000, seed=10 * turn + i, mtime=DAY + turn)
            # it may look while they are being exchanged, and has seen enough the sooner
            until(s, lambda: s.bay("1")["light"] == "leave" or turn < 3 and
                  s.ctl("wait", "clip", 3 * turn + 3, "receipted", "--timeout", 1, check=False).get("ok"),
                  "taken, or too many")
        s.wait("bay", "1", "leave")
        assert "other files at each look" in s.bay("1")["text"]
