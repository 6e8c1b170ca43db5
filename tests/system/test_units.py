"""The units: what they let the programs do, by systemd's own measure, and what must hold of them."""
import os
import re
import subprocess
from pathlib import Path

import pytest

UNITS = Path(__file__).resolve().parents[2] / "packaging/systemd"
# Points of exposure that systemd-analyze may give, of 10.
EXPOSURE = {"dockd.service": 1.5, "dockd-hotplug.service": 2.0, "dockd-uploader@.service": 2.0}


def settings(unit):
    """[(setting, value)], as they stand."""
    lines = (UNITS / unit).read_text(encoding="utf-8").splitlines()
    return [tuple(line.split("=", 1)) for line in lines if re.match(r"[A-Z]\w*=", line)]


def test_every_unit_is_measured():
    assert {p.name for p in UNITS.glob("*.service")} == set(EXPOSURE)


@pytest.mark.parametrize("unit", EXPOSURE)
def test_exposure(unit):
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager",
         f"--threshold={int(EXPOSURE[unit] * 10)}", UNITS / unit],
        capture_output=True, text=True, env={**os.environ, "SYSTEMD_COLORS": "0"})
    level, = re.findall(r"exposure level for \S+: ([\d.]+)", done.stdout)
    print(unit, level)
    assert done.returncode == 0 and float(level) <= EXPOSURE[unit], done.stdout


@pytest.mark.parametrize("unit", EXPOSURE)
def test_systemd_knows_every_setting(unit, tmp_path):
    """Not a word from `systemd-analyze verify`, but that the programs are not installed here."""
    for other in UNITS.glob("*.service"):
        text = other.read_text(encoding="utf-8")
        text = re.sub(r"^(Exec\w+=-?)/\S+", r"\1/bin/true", text, flags=re.M)
        (tmp_path / other.name).write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", tmp_path / unit.replace("@.", "@store.")],
        capture_output=True, text=True)
    said = [line for line in done.stderr.splitlines() if "dockd" in line]
    assert done.returncode == 0 and not said, done.stderr


@pytest.mark.parametrize("unit", EXPOSURE)
def test_restarted_without_limit(unit):
    has = settings(unit)
    assert ("Restart", "always") in has and ("StartLimitIntervalSec", "0") in has
    if unit != "dockd.service":
        # gone with the core, and wanted by it again
        assert ("BindsTo", "dockd.service") in has and ("WantedBy", "dockd.service") in has


def test_the_core_may_ask_how_well_the_clock_is_known():
    """ProtectClock= is a filter of all calls about clocks, the asking ones too."""
    has = settings("dockd.service")
    assert not [v for k, v in has if k == "ProtectClock"]
    last = [v for k, v in has if k == "SystemCallFilter"][-1]
    assert {"adjtimex", "clock_adjtime"} <= set(last.split())


def test_the_core_starts_without_its_volume():
    """These settings make a unit require the mounts of their folders, and RequiresMountsFor= says so."""
    for setting, value in settings("dockd.service"):
        assert setting not in (
            "StateDirectory", "LogsDirectory", "RequiresMountsFor", "WorkingDirectory"), value
