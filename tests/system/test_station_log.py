"""A log that cannot be written, and standard descriptors that are closed: told, and no file is written into instead."""
import os
import shutil
import signal
import subprocess

import pytest

from station import CORE, CORE_GROUP, Service, Station, as_user, until
from station_faults import BAYS, QUICK, managed, mount, once, settle, shift, texts, unmount


@pytest.fixture
def logs(folder):
    place = folder / "log"
    place.mkdir()
    os.chown(place, CORE, CORE)
    return place


def told(s, words):
    until(s, lambda: "log cannot be written" in texts(s) and words in texts(s), "it is told")
    assert s.ctl("status")["station_light"] == "needs-it"


def test_the_logs_folder_is_gone_at_a_rotation(logs):
    """Lines would go on into a file that nobody finds: told, and it finds the folder again by itself."""
    with Station(bays=BAYS, profile=QUICK, log=logs / "dockd.log") as s:
        until(s, lambda: (logs / "dockd.log").exists(), "it writes")
        shutil.rmtree(logs)
        s.core.send(signal.SIGHUP)
        told(s, "No such file")
        s.camera("A", shift()).plug("1-1")
        settle(s)
        logs.mkdir()
        os.chown(logs, CORE, CORE)
        until(s, lambda: texts(s) == "" and (logs / "dockd.log").exists(), "by itself")
        once(s)


def test_the_log_is_read_only_at_a_rotation(logs):
    with Station(bays=BAYS, profile=QUICK, log=logs / "dockd.log") as s:
        until(s, lambda: (logs / "dockd.log").exists(), "it writes")
        mount(logs, logs)
        try:
            subprocess.run(["mount", "-o", "remount,bind,ro", logs], check=True)
            s.core.send(signal.SIGHUP)
            told(s, "Read-only file system")
        finally:
            unmount(logs)
        until(s, lambda: texts(s) == "", "by itself")


def test_standard_descriptors_are_closed():
    """What is opened next must not get the number that messages go to."""
    with managed() as s:
        script = s.folder / "closed.sh"
        script.write_text(f"exec <&- >&- 2>&-\nexec {s.bin}/dockd -c {s.folder}/dockd.conf --libexec {s.bin}"
                          f" --profiles {s.folder}/profiles\n")
        s.core = Service("dockd", [*as_user(CORE, CORE_GROUP), "sh", script], s.folder / "logs/dockd.log", s.env, False)
        s.ctl("status", check=False, connect=True)
        pid = s.core.process.pid
        assert [os.readlink(f"/proc/{pid}/fd/{n}") for n in range(3)] == ["/dev/null"] * 3
        s.start_hotplug()
        s.start_uploader("store")
        s.camera("A", shift()).plug("1-1")
        settle(s)
        once(s)


def test_nobody_reads_standard_error():
    with managed() as s:
        reader, writer = os.pipe()
        os.set_inheritable(writer, True)
        process = subprocess.Popen(
            [*as_user(CORE, CORE_GROUP), s.bin / "dockd", "-c", s.folder / "dockd.conf", "--libexec", s.bin,
             "--profiles", s.folder / "profiles"], stdout=writer, stderr=writer, env={**os.environ, **s.env})
        try:
            os.close(writer)
            s.ctl("status", check=False, connect=True)
            os.close(reader)
            s.start_hotplug()
            s.start_uploader("store")
            s.camera("A", shift()).plug("1-1")
            settle(s)
            told(s, "Broken pipe")
            assert process.poll() is None
        finally:
            process.terminate()
            process.wait()
