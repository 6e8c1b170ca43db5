"""What dockctl doctor says of a station, by check and subject; and the station that its tests look at.

Whatever is planted: each row says what and why, each finding what to do, and the worst comes first.
"""
import json
import os
import signal
import subprocess

import pytest

from station import BUILD, Clock, Station, new_folder, until

# what a test machine shows that a real station would not: state on a plain volume, by allow-plaintext
TEST_MACHINE = {("encryption", "state-dir"), ("encryption", "swap")}
# what tests plant for the whole machine to see, which other workers' doctors may look at meanwhile
PLANTED = {("conflicts", "gvfs-mtp-volume-monitor"),
           ("versions", "dockd-hotplug"), ("versions", "dockd-camera"), ("versions", "dockd-verify")}
SANITIZED = "asan" in BUILD.parts  # programs of that build have no sandbox, and may leave their memory


class Report:
    def __init__(self, station, *args, command=()):
        done = subprocess.run(
            [*command, station.bin / "dockctl", "--json", "--socket",
             station.folder / "run/control.sock", "doctor", "--config",
             station.folder / "dockd.conf", *args],
            capture_output=True, text=True, timeout=60)
        self.code, self.error = done.returncode, done.stderr
        assert self.code in (0, 6, 7), (self.code, done.stderr)
        self.all = json.loads(done.stdout)
        self.rows = self.all["checks"]

    def at(self, check, subject=None):
        return [r for r in self.rows
                if r["check"] == check and subject in (None, r["subject"])]

    def level(self, check, subject=None):
        order = ["well", "unseen", "note", "warn", "bad"]
        return max((r["level"] for r in self.at(check, subject)), key=order.index, default=None)

    def findings(self):
        return {(r["check"], r["subject"]) for r in self.rows if r["level"] in ("warn", "bad")
                and not (SANITIZED and r["check"] == "core-dumps")} - PLANTED


def doctor(station, *args, **more):
    report = Report(station, *args, **more)
    for row in report.rows:
        assert row["what"] and row["why"], row
        assert row["level"] not in ("warn", "bad") or row["advice"], row
        assert max(len(row["what"]), len(row["advice"])) < 255, row  # not cut
    levels = [r["level"] for r in report.rows]
    assert levels == sorted(levels, key=["bad", "warn", "note", "unseen", "well"].index)
    worst = levels[0]
    assert report.all["level"] == worst
    assert report.code == {"bad": 7, "warn": 6}.get(worst, 0)
    return report


def ready(station):
    """All that the core waits for after a start has been told."""
    until(station, lambda: station.ctl("status")["hotplug"], "hotplug")
    until(station, lambda: all(d["connected"] for d in station.ctl("status")["destinations"]),
          "uploaders")
    return station


def settle(station, wait=True, **changes):
    """Other settings, and all that follows from them."""
    for name, value in changes.items():
        station.settings[name.replace("_", "-")] = value
    station.write_config()
    before = len(station.events("reloaded"))
    station.core.send(signal.SIGHUP)
    until(station, lambda: len(station.events("reloaded")) > before, "reloaded")
    if wait:
        ready(station)


@pytest.fixture(scope="session")
def examined():
    """One for the session (conftest.py): each test of doctor plants what it wants, and takes it away again."""
    folder = new_folder("station")
    clock = Clock(folder)
    with Station(env=clock.env, folder=folder, bays=[{"name": "1", "port": "1-1", "light": "bay1"}],
                 profiles_dir=folder / "profiles") as s:
        s.clock = clock
        lamp(s, "bay1")
        camera = s.camera("first", objects=[{"path": "DCIM/100/0.mp4", "size": 20}])
        camera.plug("1-1")
        s.wait("all", "receipted")  # and so each other destination has something to be sent
        camera.unplug()
        until(s, lambda: [r for r in s.ledger() if r["type"] == "undocked"], "it has left")
        yield ready(s)


@pytest.fixture
def station(examined):
    return examined


def lamp(station, name):
    folder = station.folder / "leds" / name
    folder.mkdir()
    for attribute in ("brightness", "max_brightness"):
        (folder / attribute).write_text("1\n")
        os.chmod(folder / attribute, 0o666)


@pytest.fixture
def beside(station):
    """beside(setting, ...): another destination beside the folder, until the test ends."""
    before, started = station.settings["destinations"], set()

    def put(setting, reached=True):
        if setting["name"] not in started:
            started.add(setting["name"])
            settle(station, False, destinations=[*before, setting])
            station.start_uploader(setting["name"])
        else:
            settle(station, False, destinations=[*before, setting])
        if reached:
            ready(station)
    yield put
    for name in started:
        station.uploaders.pop(name).stop()
    settle(station, destinations=before)
    assert doctor(station).findings() <= TEST_MACHINE
