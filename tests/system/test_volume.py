"""Where the state folder lies: a plain volume that was not allowed, and one that is not mounted yet."""
import os
import socket
import subprocess
import threading

import vcam
from station import CORE, Station
from waiting import until

MIB = 1 << 20
DAY = 1790000000
QUICK = {"settle_seconds": 1}
TWO_BAYS = [{"name": "1", "port": "1-1"}, {"name": "2", "port": "2-1"}]


class Manager:
    """What a service manager hears (sd_notify(3)): self.env for the core, self.told all of it."""

    def __init__(self, folder, watchdog_us=3000000):
        path = folder / "notify"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        os.chown(path, CORE, CORE)
        self.env = {"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": str(watchdog_us)}
        self.told = []
        threading.Thread(target=self._hear, daemon=True).start()

    def _hear(self):
        while True:
            self.told.append(self.socket.recv(4096).decode())

    def heard(self, *words):
        """One message with all of these."""
        return until(lambda: [t for t in self.told if all(w in t for w in words)], f"{words}")


def station(**settings):
    s = Station(start=False, bays=TWO_BAYS, profile=QUICK, **settings)
    s.manager = Manager(s.folder)
    s.env = s.manager.env
    return s


def staged(s):
    return [p for p in (s.folder / "state/staging").rglob("*") if p.is_file()]


def test_on_a_plain_volume_it_starts_and_takes_nothing_in():
    with station() as s:
        # before: one clip is taken in by a station that is allowed to, and not yet sent
        s.start_core()
        s.start_hotplug()
        old = s.camera("A", [vcam.clip("DCIM/a.mp4", MIB, 5, mtime=DAY)])
        old.plug("1-1")
        s.wait("bay", "1", "take")
        old.unplug()
        s.wait("bay", "1", "empty")
        s.hotplug.stop()
        assert s.stop_core() == 0
        assert len(staged(s)) == 1

        s.settings["allow-plaintext"] = False
        s.write_config()
        s.start()
        status = s.ctl("status")
        assert status["intake_stopped"] and not status["plaintext"]
        assert status["station_light"] == "needs-it"
        assert "allow-plaintext = true" in status["text"] and "not encrypted" in status["text"]
        assert s.events("volume")
        s.manager.heard("STATUS=needs IT", "not encrypted")
        # what is held goes out
        s.wait("clip", "1", "receipted")
        # what comes stays where it is, unopened
        new = s.camera("B", [vcam.clip("DCIM/b.mp4", MIB, 6, mtime=DAY)])
        new.plug("2-1")
        s.wait("bay", "2", "leave")
        assert "allow-plaintext = true" in s.bay("2")["text"]
        s.wait("bay", "1", "empty")
        assert new.stats()["sessions"] == 0 and len(s.clips()) == 1

        s.settings["allow-plaintext"] = True
        s.write_config()
        s.core.send(1)
        s.wait("bay", "2", "take")
        s.wait("all", "receipted")
        status = s.ctl("status")
        assert status["plaintext"] and not status["intake_stopped"]
        s.manager.heard("RELOADING=1", "MONOTONIC_USEC=")
        s.manager.heard("STATUS=all well; 1 docked, 2 bays")
        s.manager.heard("WATCHDOG=1")


def test_a_log_that_cannot_be_opened_keeps_nobody_from_working():
    with station(log="/nowhere/dockd.log") as s:
        s.start()
        s.camera("A", [vcam.clip("DCIM/a.mp4", MIB, 5, mtime=DAY)]).plug("1-1")
        s.wait("all", "receipted")
        assert len(s.events("log-not-reopened")) == 1 and s.core.starts == 1


def test_a_volume_that_is_not_mounted_is_not_touched():
    with station(volume="mounted", keep_core=True, ship_seconds=1) as s:
        state = s.folder / "state"
        s.settings["log"] = str(state / "dockd.log")
        s.write_config()
        s.start()
        camera = s.camera("A", [vcam.clip("DCIM/a.mp4", MIB, 5, mtime=DAY)])
        camera.plug("1-1")
        s.wait("bay", "1", "leave")
        status = s.ctl("status")
        assert status["intake_stopped"] and status["station_light"] == "needs-it"
        assert f"no volume is mounted at {state}" in status["text"]
        assert not list(state.iterdir())
        # not even records of it: what stands in for the ledger is none
        until(lambda: s.events("destination-ready"), s.situation)
        until(lambda: len([t for t in s.manager.told if "WATCHDOG=1" in t]) > 3, s.situation)
        assert not [p for p in (s.folder / "store").rglob("*") if "checkpoint" in p.name or "ledger" in str(p)]
        # an order that could not be kept is not taken
        refused = s.ctl("preserve", "--reason", "a case", "--camera", "A", check=False)
        assert refused["exit"] != 0, refused
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"mode=0700,uid={CORE},gid={CORE}", "none", state],
                       check=True)
        try:
            until(lambda: s.core.starts == 2, s.situation)
            assert s.core.codes == [0]  # no failure that a service manager would tell of
            s.ctl("status", check=False, connect=True)
            s.wait("bay", "1", "take")
            s.wait("all", "receipted")
            assert [r["type"] for r in s.ledger()][0] == "began"
            assert not s.ctl("status")["intake_stopped"]
            assert " event=began " in (state / "dockd.log").read_text()
        finally:
            s.close()
            subprocess.run(["umount", state], check=True)
