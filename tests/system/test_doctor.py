"""dockctl doctor: each planted fault is found by its word with what to do, and gone with its cause."""
import json
import subprocess

import pytest
from station import Clock, Station, new_folder, until

# what a test machine shows that a real station would not: state on a plain volume, by allow-plaintext
TEST_MACHINE = {("encryption", "state-dir"), ("encryption", "swap")}


class Report:
    def __init__(self, station, *args, command=()):
        done = subprocess.run(
            [*command, station.bin / "dockctl", "--json", "--socket",
             station.folder / "run/control.sock", "doctor", *args],
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
        return {(r["check"], r["subject"]) for r in self.rows if r["level"] in ("warn", "bad")}


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


@pytest.fixture(scope="module")
def station():
    folder = new_folder("station")
    clock = Clock(folder)
    with Station(env=clock.env, folder=folder, bays=[{"name": "1", "port": "1-1"}]) as s:
        s.clock = clock
        yield ready(s)


def test_a_healthy_station_has_no_finding_but_a_test_machines(station):
    report = doctor(station)
    assert report.findings() <= TEST_MACHINE
    for check in ("clock", "disk", "hotplug", "intake", "destination", "credentials", "binding"):
        assert report.level(check) == "well", check


def test_a_clock_that_nobody_sets(station):
    station.clock.at(0, synchronised=False)
    row, = doctor(station).at("clock")
    assert row["level"] == "bad" and "not synchronised" in row["what"]
    assert "chrony" in row["advice"] or "timedatectl" in row["advice"]
    station.clock.at(0)
    assert doctor(station).level("clock") == "well"


def test_hotplug_that_does_not_run(station):
    station.hotplug.stop()
    until(station, lambda: not station.ctl("status")["hotplug"], "hotplug gone")
    row, = doctor(station).at("hotplug")
    assert row["level"] == "bad" and "systemctl enable --now dockd-hotplug" in row["advice"]
    station.start_hotplug()
    ready(station)
    until(station, lambda: doctor(station).level("hotplug") == "well", "hotplug synced")


def test_a_destination_whose_uploader_does_not_run(station):
    station.uploaders["store"].stop()
    until(station, lambda: not station.ctl("status")["destinations"][0]["connected"], "gone")
    row, = doctor(station).at("destination")
    assert (row["level"], row["subject"]) == ("bad", "store") and "dockd-uploader@" in row["advice"]
    station.start_uploader("store")
    ready(station)
    assert doctor(station).level("destination") == "well"


def test_text_says_why_and_what_to_do(station):
    done = subprocess.run([station.bin / "dockctl", "--socket",
                           station.folder / "run/control.sock", "doctor"],
                          capture_output=True, text=True, timeout=60)
    lines = done.stdout.splitlines()
    assert done.returncode == 7 and lines[0].startswith("BAD     encryption (state-dir):")
    assert any(line.startswith("  why:  ") for line in lines)
    assert any(line.startswith("  do:   IT: ") for line in lines)
    assert max(map(len, lines[:-1])) <= 80 and "looked at and well: " in lines[-1]
