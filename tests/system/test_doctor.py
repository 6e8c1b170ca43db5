"""dockctl doctor: each planted fault is found by its word with what to do, and gone with its cause."""
import contextlib
import datetime
import json
import os
import pathlib
import shutil
import signal
import ssl
import stat
import subprocess
import tempfile

import pytest
from pki import UTC, Authority, fingerprint, run
from servers import FaultServer, answer
from station import BUILD, CORE, CORE_GROUP, ROLES, Clock, Station, as_user, new_folder, until

DAY = datetime.timedelta(days=1)
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


@pytest.fixture(scope="module")
def station():
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
        until(station, lambda: doctor(station).at("server-identity"), "refused")
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


@pytest.mark.parametrize("which, first, last", [(0, 0, 1), (4, 0, 1), (2**32 - 1, 0, 1),
                                                (3, 0, 2**63 - 1), (1, -(2**63), 0)])
def test_an_uploader_that_tells_of_no_certificate_is_dropped(which, first, last):
    now = int(datetime.datetime.now(UTC).timestamp())
    with Station(fakes=("store",), profiles_dir="/nonexistent", start=False) as s:
        s.settings["profiles-dir"] = s.folder / "profiles"
        s.write_config()
        s.fakes["store"].rule(certificates=[(3, now - 1, now + 3 * 86400), (which, first, last)])
        s.start(ready=False)  # it is dropped again and again
        why = "a certificate that does not exist" if which not in (1, 3) else "no certificate can name"
        until(s, lambda: why in s.log(), "dropped")
        s.fakes["store"].rule(certificates=[(3, now - 1, now + 3 * 86400)])
        ready(s)
        until(s, lambda: doctor(s).level("certificate", "store server") == "bad", "told")


# ---- the machine: /sys, /dev and systemd of a mount namespace of its own ----

class Machine:
    """Real files that doctor sees where the kernel has its own; m.look() asks from in there."""

    def __init__(self, station):
        self.station, self.top = station, new_folder("machine")
        self.sys, self.dev = self.top / "sys", self.top / "dev"
        self.put("class/rtc/rtc0/since_epoch", int(datetime.datetime.now(UTC).timestamp()))
        self.put("module/usbcore/parameters/usbfs_memory_mb", 256)
        self.put("bus/usb/devices/1-1/busnum", 1)
        self.put("bus/usb/devices/1-1/devnum", 5)
        (self.sys / "bus/usb/devices/1-1:1.0").mkdir()
        self.dev.mkdir()
        os.mknod(self.dev / "null", stat.S_IFCHR, os.makedev(1, 3))
        (self.dev / "null").chmod(0o666)
        self.node = self.dev / "bus/usb/001/005"
        self.node.parent.mkdir(parents=True)
        os.mknod(self.node, stat.S_IFCHR, os.makedev(1, 3))
        self.own(CORE_GROUP, 0o660)

    def put(self, name, value):
        path = self.sys / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{value}\n")

    def own(self, group, mode):
        os.chown(self.node, 0, group)
        self.node.chmod(mode)

    def look(self, first="", alone=()):
        """first: what the shell above doctor does before; alone: options that hide the other processes."""
        script = (f"mount --bind {self.sys} /sys\nmount --bind {self.dev} /dev\n{first}\n"
                  "code=0\n\"$@\" 3<&- || code=$?\nexit $code")
        return doctor(self.station, command=["unshare", "-m", "--propagation", "private", *alone,
                                             "sh", "-euc", script, "holder"])


@pytest.fixture
def machine(station):
    m = Machine(station)
    yield m
    shutil.rmtree(m.top)


def test_a_machine_with_all_that_a_station_needs(machine):
    report = machine.look()
    for check in ("clock-chip", "usb-memory", "devices"):
        assert report.level(check) == "well", report.at(check)
    assert report.level("core-dumps", "kernel") == "well"
    assert SANITIZED or report.level("core-dumps", "") in ("well", None)
    assert not report.at("kernel-drivers")


def test_a_device_node_that_is_not_dockds_alone(machine):
    machine.own(CORE_GROUP, 0o666)
    row, = machine.look().at("devices")
    assert (row["level"], row["subject"]) == ("warn", "1") and "/dev/bus/usb/001/005" in row["what"]
    assert "udev" in row["advice"]
    machine.own(0, 0o660)
    row, = machine.look().at("devices")
    assert row["level"] == "bad" and f"not to {CORE_GROUP}" in row["what"] and "60-dockd.rules" in row["advice"]
    machine.node.unlink()
    assert machine.look().level("devices") == "unseen"


def test_a_kernel_driver_that_has_a_cameras_disk(machine):
    driver = machine.sys / "bus/usb/devices/1-1:1.0/driver"
    driver.symlink_to("../../drivers/usb-storage")
    row, = machine.look().at("kernel-drivers")
    assert (row["level"], row["subject"]) == ("bad", "1") and "usb-storage" in row["what"]
    assert "modprobe" in row["advice"]
    driver.unlink()
    driver.symlink_to("../../drivers/usbfs")
    assert not machine.look().at("kernel-drivers")


def test_a_program_that_holds_a_cameras_device(machine):
    """The shell beneath doctor is that program."""
    report = machine.look("exec 3</dev/bus/usb/001/005")
    row, = report.at("conflicts", "1")
    assert row["level"] == "bad" and row["what"].startswith(f"{os.path.basename(os.path.realpath('/bin/sh'))} (process ") and "/001/005" in row["what"]
    assert not machine.look().at("conflicts", "1")


def test_too_little_memory_for_the_bus(machine):
    machine.put("module/usbcore/parameters/usbfs_memory_mb", 1)
    row, = machine.look().at("usb-memory")
    assert row["level"] == "warn" and row["what"].startswith("1 MiB") and "60-dockd-memory" in row["advice"]
    machine.put("module/usbcore/parameters/usbfs_memory_mb", 0)
    assert machine.look().level("usb-memory") == "well"
    shutil.rmtree(machine.sys / "module")
    assert machine.look().level("usb-memory") == "unseen"


def test_a_clock_chip_that_is_off(machine):
    ahead = int(datetime.datetime.now(UTC).timestamp()) + 7200
    machine.put("class/rtc/rtc0/since_epoch", ahead)
    row, = machine.look().at("clock-chip")
    assert row["level"] == "warn" and " s off" in row["what"] and "hwclock" in row["advice"]
    shutil.rmtree(machine.sys / "class/rtc")
    assert machine.look().level("clock-chip") == "note"


def test_memory_that_a_crash_of_the_kernel_writes(machine):
    machine.put("kernel/kexec_crash_loaded", 1)
    row, = machine.look().at("core-dumps", "kernel")
    assert row["level"] == "warn" and "kdump" in row["what"] and "kdump-tools" in row["advice"]


@pytest.mark.parametrize("pattern, limit, leaves, says", [
    ("core", "unlimited", True, "in its working folder as core"),
    ("core", 0, False, None),
    ("/srv/dumps/core.%p", 4096, True, "in /srv/dumps, which is not encrypted"),
    ("|/lib/systemd/systemd-coredump %P", 0, True, "in /var/lib/systemd/coredump, which"),
    ("|/usr/bin/apport %p", 0, True, "to |/usr/bin/apport"),
    ("|/usr/bin/apport %p", 1, False, None),
])
def test_a_program_that_leaves_its_memory_when_it_crashes(machine, pattern, limit, leaves, says):
    """One under a name of ours that has not switched it off, as ours do."""
    (machine.top / "pattern").write_text(pattern + "\n")
    shutil.copy("/usr/bin/dash", machine.top / "dockd-planted")
    report = machine.look(f"""
mount --bind {machine.top}/pattern /proc/sys/kernel/core_pattern
mkfifo -m 666 {machine.top}/up {machine.top}/never
prlimit --core={limit}:{limit} {' '.join(as_user(CORE))} {machine.top}/dockd-planted -c 'echo >"$0"; read x <"$1"' \\
	{machine.top}/up {machine.top}/never &
read _ <{machine.top}/up""", alone=["-p", "--fork", "--kill-child", "--mount-proc"])
    rows = report.at("core-dumps", "dockd-planted")
    assert bool(rows) == leaves and (leaves or report.level("core-dumps", "") == "well")
    if rows:
        assert rows[0]["level"] == "bad" and says in rows[0]["what"] and "reinstall" in rows[0]["advice"], rows


@pytest.fixture
def signed(station):
    """A profile by whose anchors and revocation lists cameras' signatures are judged."""
    folder = new_folder("anchors")
    profile = station.folder / "profiles/signed.conf"

    def put(anchors, crl=None):
        profile.write_text(
            'name = "signed";\nmatch = { vendor = 0x1209; product = 0x0001; };\ndriver = "ptp";\n'
            f'identity = "usb";\nsigning = "cms";\nlogs = "none";\nanchors-file = "{anchors}";\n'
            + (f'crl-file = "{crl}";\n' if crl else ""))
        report = doctor(station)
        assert report.level("configuration") == "well", report.at("configuration")
        return report.at("anchors", "signed")
    yield folder, put
    profile.unlink()
    shutil.rmtree(folder)


@pytest.mark.parametrize("days, level", [(400, "well"), (45, "note"), (20, "warn"), (-2, "bad")])
def test_anchors_that_end(signed, days, level):
    folder, put = signed
    ends = datetime.datetime.now(UTC) + days * DAY
    row, = put(Authority(folder, "maker", last=str(ends)).certificate)
    assert row["level"] == level and ("ended" if days < 0 else "ends") in row["what"], row
    assert level == "well" or "camera maker" in row["advice"]


def test_a_revocation_list_that_ends_and_files_that_are_none(signed):
    folder, put = signed
    maker = Authority(folder, "maker")
    crl = folder / "crl.pem"
    for days, level in ((20, "well"), (3, "warn"), (-1, "bad")):
        at = (datetime.datetime.now(UTC) + days * DAY).strftime("%Y%m%d%H%M%SZ")
        run("ca", "-gencrl", "-config", maker.config, "-keyfile", maker.key, "-cert", maker.certificate,
            "-crl_lastupdate", "20200101000000Z", "-crl_nextupdate", at, "-out", crl)
        row = put(maker.certificate, crl)[-1 if level == "well" else 0]
        assert row["level"] == level and "revocation list of" in row["what"], (days, row)
    crl.write_text("no list\n")
    row = put(maker.certificate, crl)[0]
    assert row["level"] == "bad" and "no revocation list in it can be read" in row["what"]
    row = put(folder / "missing.pem")[0]
    assert row["level"] == "bad" and "no anchor in it" in row["what"] and "PEM" in row["advice"]


# systemd's own manager of a user's services, with units of dockd's names, where systemctl looks for the
# system's. It takes over the cgroup that it finds itself in, and so gets one of its own that it cannot
# look out of; without that it is not started.
ENTER = """
echo $$ >"$1/cgroup.procs"
grep -q ":/${1##*/}$" /proc/self/cgroup
shift
exec unshare -m -p -C --fork --kill-child --mount-proc --propagation private "$@"
"""
MANAGER = """
mount -t tmpfs none /run
mount -t tmpfs none /sys/fs/cgroup
if grep -q :name=systemd: /proc/self/cgroup; then
	mkdir /sys/fs/cgroup/systemd
	mount -t cgroup -o none,name=systemd none /sys/fs/cgroup/systemd
else
	mount -t cgroup2 none /sys/fs/cgroup
fi
mkdir -p /run/systemd/system /run/own /run/conf/systemd
cp -r "$1" /run/conf/systemd/user
mkfifo /run/up
export XDG_RUNTIME_DIR=/run/own XDG_CONFIG_HOME=/run/conf HOME=/run
export SYSTEMD_GENERATOR_PATH=/none SYSTEMD_ENVIRONMENT_GENERATOR_PATH=/none
/lib/systemd/systemd --user >"$1/log" 2>&1 &
ln -s /run/own/systemd/private /run/systemd/private
read -r _ </run/up
shift
code=0
"$@" || code=$?
exit $code
"""
UNIT = """[Unit]
StartLimitIntervalSec=0
{}
[Service]
Type={}
ExecStart={}
Restart={}
RestartSec=0
[Install]
WantedBy=default.target
"""
UP = "/bin/sh -c 'echo >/run/up'"
RUNS = "/bin/sleep infinity"


@pytest.fixture
def manager(station):
    """manager(units): doctor's rows about units, by their subjects; a unit: (command, restart, enabled)."""
    top = pathlib.Path("/sys/fs/cgroup")
    group = (top / "systemd" if (top / "systemd").is_dir() else top) / f"dockd-units-{os.getpid()}"
    folder = new_folder("units")
    try:
        group.mkdir()
    except OSError as e:
        shutil.rmtree(folder)
        pytest.skip(f"no cgroup can be made here: {e}")

    def look(units, up=True):
        """up: all are under way when systemd has started one more, after them; else one of them says so."""
        units_at = folder / str(len(list(folder.iterdir())))
        wants = units_at / "default.target.wants"
        wants.mkdir(parents=True)
        if up:
            (units_at / "up.service").write_text(UNIT.format(
                f"Wants={' '.join(units)}\nAfter={' '.join(units)}", "simple", UP, "no"))
            (wants / "up.service").symlink_to(units_at / "up.service")
        for name, (command, restart, enabled) in units.items():
            kind = "oneshot" if restart == "no" else "simple"
            (units_at / name).write_text(UNIT.format("", kind, command, restart))
            if enabled:
                (wants / name).symlink_to(units_at / name)
        report = doctor(station, command=["sh", "-euc", ENTER, "sh", group, "sh", "-euc", MANAGER, "sh", units_at])
        return {r["subject"]: r for r in report.at("units")}
    yield look
    for path in sorted([group, *(p for p in group.rglob("*") if p.is_dir())], reverse=True):
        path.rmdir()
    shutil.rmtree(folder)


def test_units_of_systemd_that_do_not_run_or_would_not_after_a_boot(manager):
    rows = manager({"dockd.service": (RUNS, "always", True), "dockd-hotplug.service": (RUNS, "always", False),
                    "dockd-uploader@store.service": ("/bin/false", "no", True)})
    assert rows["dockd.service"]["level"] == "well", rows
    row = rows["dockd-hotplug.service"]
    assert row["level"] == "warn" and "not after a boot" in row["what"]
    assert row["advice"] == "IT: systemctl enable dockd-hotplug.service"
    row = rows["dockd-uploader@store.service"]
    assert row["level"] == "bad" and "(failed, exit-code)" in row["what"]
    assert "journalctl -u dockd-uploader@store.service" in row["advice"]


def test_a_unit_that_starts_over_and_over_and_one_that_is_not_there(manager):
    rows = manager({"dockd.service": (
        "/bin/sh -c 'echo >>/run/starts; [ $(wc -l </run/starts) -gt 7 ] || exit 1; "
        "echo >/run/up; exec sleep infinity'", "always", True)}, up=False)
    row = rows["dockd.service"]
    assert row["level"] == "warn" and "started anew 7 times" in row["what"], rows
    row = rows["dockd-hotplug.service"]
    assert row["level"] == "bad" and "no such unit" in row["what"] and "--reinstall" in row["advice"]
