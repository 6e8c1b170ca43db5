"""What was found by reading the core against its laws: each is a way in which evidence was at risk."""
import signal

import vcam
from servers import FaultServer
from station import Station

MIB = 1 << 20
DAY = 1790000000
BAYS = [{"name": "1", "port": "1-1"}, {"name": "2", "port": "1-2"}]
PROFILE = {"settle_seconds": 1, "signing": "none", "logs": "yes", "erasable": True}
LOG = "AUDIT/x.log"


def test_log_that_grew_in_the_docking_is_not_erased():
    """Its row is linked to the snapshot that was taken, but what came after is on the camera only."""
    server = FaultServer()
    try:
        with Station(bays=BAYS, profile=PROFILE, rejoin_seconds=60, accept_receipt="length",
                     destinations=[{"name": "store", "driver": "tus", "url": server.url}]) as s:
            camera = s.camera("A", [vcam.clip("DCIM/a.mp4", MIB, 1, mtime=DAY),
                                    vcam.clip(LOG, 1000, 2, mtime=DAY)])
            camera.plug("1-1")
            s.wait("all", "receipted")
            s.wait("bay", "1", "take")
            camera.grow(LOG, 500)
            camera.unplug()
            s.wait("bay", "1", "empty")
            camera.plug("1-1")
            s.wait("bay", "1", "take")
            s.settings["erase"] = "when-receipted"
            s.write_config()
            s.core.send(signal.SIGHUP)
            while not s.events("reloaded"):
                s.ctl("status")
            s.ctl("retry")
            camera.wait("deletions", at_least=1)
            s.wait("idle")
            assert camera.objects().keys() == {LOG} and camera.objects()[LOG]["size"] == 1500
            assert s.ctl("status")["station"] == "test-station", "after a reload too"
    finally:
        server.close()


def test_same_usb_serial_and_another_mtp_serial():
    """Clips are kept by the one number that the profile names: what else a camera says is nothing."""
    with Station(bays=BAYS, profile={"settle_seconds": 1, "identity": "usb"}) as s:
        a = s.camera("A", [vcam.clip("DCIM/a.mp4", MIB, 1, mtime=DAY)], usb={"serial": "X"},
                     ptp={"serial": "one"})
        b = s.camera("B", [vcam.clip("DCIM/a.mp4", MIB, 2, mtime=DAY)], usb={"serial": "X"},
                     ptp={"serial": "two"})
        a.plug("1-1")
        s.wait("bay", "1", "take")
        b.plug("1-2")
        s.wait("bay", "2", "leave")
        s.wait("bay", "1", "leave")
        s.wait("all", "receipted")
        assert "same serial number" in s.bay("2")["text"]
        assert len({c["camera"] for c in s.clips()}) == 2
        assert {c["sha256"] for c in s.clips()} == {x.digest("DCIM/a.mp4") for x in (a, b)}


def test_swapped_within_the_time_of_a_docking():
    """Nothing tells two cameras without a serial apart: what comes back is taken as another one."""
    with Station(bays=BAYS, profile={"settle_seconds": 1}, rejoin_seconds=60) as s:
        a = s.camera("A", [vcam.clip("DCIM/a.mp4", MIB, 1, mtime=None)], usb={"serial": None},
                     ptp={"serial": ""})
        b = s.camera("B", [vcam.clip("DCIM/a.mp4", MIB, 2, mtime=None)], usb={"serial": None},
                     ptp={"serial": ""})
        for n, camera in enumerate((a, b), start=1):
            camera.plug("1-1")
            s.wait("dockings", str(n), timeout=20)
            s.wait("idle")
            camera.unplug()
            s.wait("bay", "1", "empty")
        assert {c["sha256"] for c in s.clips()} == {x.digest("DCIM/a.mp4") for x in (a, b)}


def test_camera_that_left_while_hotplug_was_away():
    with Station(bays=BAYS, profile={"settle_seconds": 1}) as s:
        camera = s.camera("A", [vcam.clip("DCIM/a.mp4", MIB, 1, mtime=DAY)])
        camera.plug("1-1")
        s.wait("bay", "1", "take")
        s.hotplug.stop()
        camera.unplug()
        s.start_hotplug()
        s.wait("bay", "1", "empty", timeout=20)
        assert s.ctl("status")["occupied"] == 0


def test_camera_that_shows_no_storage_is_not_held_safely():
    """Locked, busy or without its card: nothing was seen, which is not that nothing is there."""
    with Station(bays=BAYS, profile={"settle_seconds": 1}) as s:
        camera = s.camera("A", [vcam.clip("DCIM/a.mp4", MIB, 1, mtime=DAY)])
        camera.fault("wrong-response", op="0x1004", value="0x2019", count=1 << 30)
        camera.plug("1-1")
        s.wait("dockings", "1")
        s.wait("idle", timeout=20)
        assert s.bay("1")["light"] == "leave"
        camera.clear()
        s.ctl("retry")
        s.wait("bay", "1", "take")
        assert s.clip(1)["sha256"] == camera.digest("DCIM/a.mp4")
