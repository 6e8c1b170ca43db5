"""dockctl doctor: each planted fault is found by its word with what to do, and gone with its cause."""
import datetime
import json
import os
import pathlib
import signal
import ssl
import subprocess
import tempfile

import pytest
from pki import UTC, Authority, fingerprint
from servers import FaultServer, answer
from station import ROLES, Clock, Station, as_user, new_folder, until

DAY = datetime.timedelta(days=1)
# what a test machine shows that a real station would not: state on a plain volume, by allow-plaintext
TEST_MACHINE = {("encryption", "state-dir"), ("encryption", "swap")}


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


@pytest.fixture(scope="module")
def station():
    folder = new_folder("station")
    clock = Clock(folder)
    with Station(env=clock.env, folder=folder, bays=[{"name": "1", "port": "1-1", "light": "bay1"}],
                 profiles_dir=folder / "profiles") as s:
        s.clock = clock
        lamp(s, "bay1")
        yield ready(s)


def lamp(station, name):
    folder = station.folder / "leds" / name
    folder.mkdir()
    for attribute in ("brightness", "max_brightness"):
        (folder / attribute).write_text("1\n")
        os.chmod(folder / attribute, 0o666)


@pytest.fixture(scope="module")
def ca():
    with tempfile.TemporaryDirectory(prefix="dockd-keys-") as at:
        yield Authority(pathlib.Path(at), "ca")


def opened(ca):
    """For the uploader's user; keys stay closed to others than its group."""
    for path in [ca.folder.parent, *ca.folder.parent.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o640 if path.suffix == ".key" else 0o644)
        os.chown(path, 0, 64003)


def pair(ca, first, last):
    now = datetime.datetime.now(UTC)
    made = ca.host("/CN=host", first=now + first * DAY, last=now + last * DAY)
    opened(ca)
    return made


def served(station, ca, server, client, script=(), otherwise=None, **more):
    """A server of tus that shows this certificate and wants the client's; setting names it as a destination."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*server)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(ca.certificate)
    s = FaultServer(script, otherwise, context)
    s.setting = {"name": f"at{s.port}", "driver": "tus", "url": s.url, "ca-file": ca.certificate,
                 "certificate-file": client[0], "key-file": client[1], **more}
    return s


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


def test_a_healthy_station_has_no_finding_but_a_test_machines(station):
    report = doctor(station)
    assert report.findings() <= TEST_MACHINE, report.findings()
    for check in ("clock", "disk", "hotplug", "intake", "destination", "credentials", "binding",
                  "configuration", "permissions", "lamps", "versions", "conflicts"):
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


def test_a_client_certificate_that_ends(station, ca, beside):
    client = pair(ca, -300, 20.5)
    with served(station, ca, pair(ca, -1, 45.5), client) as s:
        name = s.setting["name"]
        beside(s.setting)
        until(station, lambda: doctor(station).level("certificate", f"{name} client"), "told")
        report = doctor(station)
        row, = report.at("certificate", f"{name} client")
        assert row["level"] == "warn" and "in 20 days" in row["what"]
        assert "certificate-file" in row["advice"]
        assert report.level("certificate", f"{name} server") == "note"
        assert report.level("certificate", f"{name} ca") == "well"
        told = station.ctl("status")["destinations"][1]
        assert told["certificates"]["client"] and told["certificates"]["server"]
        events = station.events("certificate-expiry")
        assert [e.split(" event=")[1] for e in events if "certificate=client" in e and "days=20" in e]
        # renewed on disk: taken up at the next request
        new = pair(ca, -1, 300)
        for old, fresh in zip(client, new):
            pathlib.Path(fresh).replace(old)
        station.camera("renews", objects=[{"path": "DCIM/100/1.mp4", "size": 10}]).plug("1-1")
        until(station, lambda: doctor(station).level("certificate", f"{name} client") == "well",
              "renewed")


def test_a_server_whose_certificate_has_expired(station, ca, beside):
    with served(station, ca, pair(ca, -30, -2.5), pair(ca, -1, 300)) as s:
        name = s.setting["name"]
        beside(s.setting, reached=False)
        until(station, lambda: doctor(station).level("certificate", f"{name} server") == "bad", "seen")
        report = doctor(station)
        row, = report.at("certificate", f"{name} server")
        assert "2 days ago" in row["what"] and "administrator" in row["advice"]
        row, = report.at("server-identity")
        assert row["level"] == "bad" and "expired" in row["what"]
        assert station.ctl("status")["station_light"] == "needs-it"
        assert "the server's certificate has expired" in station.ctl("status")["text"]


def test_a_server_that_is_away(station, ca, beside):
    with served(station, ca, pair(ca, -1, 300), pair(ca, -1, 300)) as s:
        gone = s.setting
    beside(gone, reached=False)
    until(station, lambda: "firewall" in str(doctor(station).at("destination", gone["name"])), "away")
    row, = doctor(station).at("destination", gone["name"])
    assert row["level"] == "bad" and "firewall" in row["advice"]


def test_a_server_that_does_not_let_it_in(station, ca, beside):
    with served(station, ca, pair(ca, -1, 300), pair(ca, -1, 300),
                otherwise=lambda server, request: answer(401)) as s:
        beside(s.setting, reached=False)
        name = s.setting["name"]
        until(station, lambda: doctor(station).level("credentials", name) == "bad", "refused")
        row, = doctor(station).at("credentials", name)
        assert "administrator" in row["advice"] and "retry" in row["advice"]


def test_a_pin_that_ends(station, ca, beside):
    server = pair(ca, -1, 300)
    soon = (datetime.datetime.now(UTC) + 5 * DAY).strftime("%Y-%m-%dT%H:%M:%SZ")
    pin = {"sha256": fingerprint(server[1]), "until": soon}
    with served(station, ca, server, pair(ca, -1, 300), pins=[pin]) as s:
        beside(s.setting)
        row, = doctor(station).at("pins")
        assert row["level"] == "bad" and "pins in dockd.conf" in row["advice"], row
        beside({**s.setting, "pins": [{"sha256": fingerprint(server[1])}]})
        assert doctor(station).level("pins") == "well"


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


def test_a_program_that_opens_cameras(station):
    other = subprocess.Popen(["/usr/lib/gvfs/gvfs-mtp-volume-monitor", "-c", "import sys; sys.stdin.read()"],
                             executable="/usr/bin/python3", stdin=subprocess.PIPE)
    try:
        row, = doctor(station).at("conflicts", "gvfs-mtp-volume-monitor")
        assert row["level"] == "warn" and "gvfs-backends" in row["advice"]
        assert str(other.pid) in row["what"]
    finally:
        other.stdin.close()
        other.wait()
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


@pytest.mark.parametrize("which, first, last", [(0, 0, 1), (4, 0, 1), (2**32 - 1, 0, 1),
                                                (3, 0, 2**63 - 1), (1, -(2**63), 0)])
def test_an_uploader_that_tells_of_no_certificate_is_dropped(which, first, last):
    now = int(datetime.datetime.now(UTC).timestamp())
    with Station(fakes=("store",), profiles_dir="/nonexistent", start=False) as s:
        s.settings["profiles-dir"] = s.folder / "profiles"
        s.write_config()
        s.fakes["store"].rule(certificates=[(3, now - 1, now + 3 * 86400), (which, first, last)])
        s.start()
        why = "a certificate that does not exist" if which not in (1, 3) else "no certificate can name"
        until(s, lambda: why in s.log(), "dropped")
        s.fakes["store"].rule(certificates=[(3, now - 1, now + 3 * 86400)])
        ready(s)
        until(s, lambda: doctor(s).level("certificate", "store server") == "bad", "told")
