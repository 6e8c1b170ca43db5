"""dockctl doctor: each planted fault is found by its word with what to do, and gone with its cause."""
import contextlib
import os
import shutil
import subprocess

import pytest

from doctor import TEST_MACHINE, doctor, ready, settle
from doctor import beside, station  # noqa: F401 (fixtures)
from servers import FaultServer
from station import ROLES, as_user, new_folder, until


def test_a_healthy_station_has_no_finding_but_a_test_machines(station):
    # programs that other tests plant are there for all to see, for a moment
    until(station, lambda: {doctor(station).level(c) for c in ("versions", "conflicts")} == {"well"}, "nothing planted")
    report = doctor(station)
    assert report.findings() <= TEST_MACHINE, report.findings()
    for check in ("clock", "disk", "hotplug", "intake", "destination", "credentials", "binding",
                  "configuration", "permissions", "lamps"):
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


def test_a_disk_that_is_full_to_the_reserve(station):
    space = os.statvfs(station.folder)
    station.settings["reserve-bytes"] = space.f_frsize * space.f_blocks
    restart(station)
    row, = doctor(station).at("disk", "")
    assert row["level"] == "bad" and "in reserve" in row["what"] and "export" in row["advice"]
    station.settings["reserve-bytes"] = 1 << 20
    restart(station)
    assert doctor(station).level("disk") == "well"


def restart(station):
    station.write_config()
    station.stop_core()
    station.start_core()
    ready(station)


def test_a_proof_that_never_empties_a_camera(station):
    settle(station, erase="when-receipted")
    row, = doctor(station).at("proof", "store")
    assert row["level"] == "bad" and "nothing is ever erased" in row["what"]
    assert "accept-receipt" in row["advice"]
    settle(station, accept_receipt="readback")
    assert doctor(station).level("proof") == "well"
    settle(station, erase="never", accept_receipt="signed")
    assert doctor(station).level("proof") == "note"


def test_a_lamp_that_is_missing(station):
    folder = station.folder / "leds/bay1"
    folder.rename(station.folder / "away")
    row, = doctor(station).at("lamps")
    assert (row["level"], row["subject"]) == ("bad", "1") and "dockctl light" in row["advice"]
    (station.folder / "away").rename(folder)
    assert doctor(station).level("lamps") == "well"


def test_a_secret_that_everybody_can_read(station, beside):
    secret = station.folder / "headers"
    secret.write_text("Authorization: Bearer x\n")
    secret.chmod(0o644)
    with FaultServer() as s:
        beside({"name": "plain", "driver": "tus", "url": s.url, "headers-file": secret})
        row, = doctor(station).at("permissions", "plain headers-file")
        assert row["level"] == "bad" and "read by everybody" in row["what"]
        assert "chmod" in row["advice"]
        secret.chmod(0o640)
        os.chown(secret, -1, 64003)
        assert doctor(station).level("permissions", "plain headers-file") == "well"


@pytest.mark.parametrize("what, path", [("state-dir", "state"), ("station-key", "state/station.key"),
                                        ("dockd.conf", "dockd.conf"), ("core.sock", "run/core.sock")])
def test_a_file_that_is_open_to_others(station, what, path):
    path = station.folder / path
    mode = path.stat().st_mode & 0o7777
    path.chmod(mode | 0o077)
    row, = doctor(station).at("permissions", what)
    assert row["level"] in ("warn", "bad") and row["advice"]
    path.chmod(mode)
    assert doctor(station).level("permissions", what) == "well"


def test_a_socket_of_the_wrong_group(station):
    path = station.folder / "run/core.sock"
    group = path.stat().st_gid
    os.chown(path, -1, 64099)
    row, = doctor(station).at("permissions", "core.sock")
    assert row["level"] == "bad" and "64099" in row["what"] and "core-group" in row["advice"]
    os.chown(path, -1, group)
    assert doctor(station).level("permissions", "core.sock") == "well"


@contextlib.contextmanager
def program(name, n=1, **more):
    """So many of a program of this name that wait for their end; what they call themselves is nothing."""
    folder = new_folder("program")
    shutil.copy("/usr/bin/cat", folder / name)
    run = [subprocess.Popen(["-"], executable=folder / name, stdin=subprocess.PIPE, **more) for _ in range(n)]
    try:
        yield run[0]
    finally:
        for p in run:
            p.stdin.close()
            p.wait()
        shutil.rmtree(folder)


def test_many_findings_of_one_check_hide_no_other(station):
    """Anybody with an account can start as many programs of a name as he likes."""
    with program("udisksd", 12):
        report = doctor(station)
    assert len(report.at("conflicts", "udisksd")) == 8
    row, = report.at("conflicts", "others")
    assert (row["level"], row["what"]) == ("note", "and 4 more")


def test_a_program_that_opens_cameras(station):
    with program("gvfs-mtp-volume-monitor") as other:
        row, = doctor(station).at("conflicts", "gvfs-mtp-volume-monitor")
        assert row["level"] == "warn" and "gvfs-backends" in row["advice"]
        assert str(other.pid) in row["what"]
    assert doctor(station).level("conflicts", "gvfs-mtp-volume-monitor") is None


def test_a_configuration_that_is_broken(station):
    good = (station.folder / "dockd.conf").read_text()
    (station.folder / "dockd.conf").write_text(good + 'take-when = "never";\n')
    row, = doctor(station).at("configuration", "")
    assert row["level"] == "bad" and "take-when" in row["what"]
    assert "--check-config" in row["advice"]
    (station.folder / "dockd.conf").write_text(good)
    assert doctor(station).level("configuration") == "well"


def test_a_program_that_was_replaced(station):
    """As after an upgrade without a restart."""
    program = station.bin / "dockd-hotplug"
    data = program.read_bytes()
    program.unlink()
    program.write_bytes(data)
    program.chmod(0o755)
    row, = doctor(station).at("versions", "dockd-hotplug")
    assert row["level"] == "warn" and "systemctl restart" in row["advice"]
    station.hotplug.stop()
    station.start_hotplug()
    ready(station)
    assert doctor(station).level("versions", "dockd-hotplug") is None


def test_what_a_person_may_not_see_is_told_as_unseen(station):
    person = as_user(64060, ROLES["viewer"])
    report = doctor(station, command=person)
    assert report.level("permissions", "station-key") == "unseen"
    assert report.level("conflicts", "devices") == "unseen"
    assert all("root" in r["advice"] for r in report.at("permissions") if r["level"] == "unseen")
    stranger = subprocess.run(
        [*as_user(64061), station.bin / "dockctl", "--socket", station.folder / "run/control.sock",
         "doctor"], capture_output=True, text=True, timeout=60)
    assert stranger.returncode == 5 and "needs the role" in stranger.stderr


def test_without_a_daemon_it_says_so_and_looks_at_the_rest(station):
    station.stop_core()
    report = doctor(station)
    row, = report.at("daemon")
    assert row["level"] == "bad" and "journalctl -u dockd" in row["advice"]
    assert report.level("configuration") == "well" and report.at("sandbox") and report.at("permissions")
    station.start_core()
    ready(station)
    assert doctor(station).level("daemon") is None
