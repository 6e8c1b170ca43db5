"""dockctl doctor on the machine: /sys, /dev and systemd of a mount namespace of its own."""
import datetime
import os
import pathlib
import shutil
import stat

import pytest

from doctor import SANITIZED, doctor
from doctor import station  # noqa: F401 (fixtures)
from pki import UTC
from station import CORE, CORE_GROUP, as_user, new_folder


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
