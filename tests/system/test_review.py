"""What was found by reading the core against its laws: each is a way in which evidence was at risk."""
import shutil
import signal

import pytest

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
            s.ctl("retry", "--reason", "test")
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
        s.ctl("retry", "--reason", "test")
        s.wait("bay", "1", "take")
        assert s.clip(1)["sha256"] == camera.digest("DCIM/a.mp4")


HIJACKED = '''#!/usr/bin/python3
"""A camera's worker that its camera has taken over."""
import socket, struct
how = "%s"
core = socket.socket(fileno=3)
def put(kind, form, *values):
    body = struct.pack("=" + form, *values)
    core.send(struct.pack("=HHII", kind, 0, len(body), 0) + body)
while True:
    data, fds, _, _ = socket.recv_fds(core, 4096 + 12, 4)
    if not data:
        break
    kind = struct.unpack_from("=H", data)[0]
    if kind == 32:
        put(33, "IIqqQQIIII40s40s128s128s128s128s", 7, 100, -(1 << 63), 0, 1 << 40, 1 << 40, 1, 0, 0, 0,
            b"", b"", b"X", b"", b"", b"")
    elif kind == 35:
        for n in range(1 << 20 if how == "objects" else 4):
            put(36, "IIIIQQq2048s", 1, 2, 0, 0, n + 1, 1 << 20, 1790000000, b"DCIM/%%d.mp4" %% n)
        put(37, "iIIII128s", 0, 4, 0, 0, 0, b"")
    elif kind == 38:
        for n in range(1 << 20 if how == "durable" else 0):
            put(39, "Q", 0)
        if how == "disk":
            put(40, "IiQQQ128s", 8, -5, 0, 0, 0, b"")
        else:
            put(40, "IiQQQ128s", 2, 0, 0, 1 << 63 if how == "read" else 0, 0, b"")
'''


@pytest.mark.parametrize("how", ["read", "disk", "objects", "durable", "stopped"])
def test_hijacked_worker_harms_its_own_bay_only(how):
    """Its words can neither break the journal, nor fill the ledger, nor stop the station."""
    with Station(bays=BAYS, profile={"settle_seconds": 1, "max_objects": 1000}, start=False) as s:
        s.bin = shutil.copytree(s.bin, s.folder / "bin")
        (s.bin / "dockd-camera").write_text(HIJACKED % how)
        (s.bin / "dockd-camera").chmod(0o755)
        s.start()
        s.camera("A", [vcam.clip("DCIM/a.mp4", MIB, 1, mtime=DAY)]).plug("1-1")
        s.wait("bay", "1", "leave")
        status = s.ctl("status")
        assert not status["intake_stopped"], status["text"]
        assert status["records"] < 500
