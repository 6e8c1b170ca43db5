"""dockctl on a real station: what it shows, who may use it, what it copies out, and its page."""
import hashlib
import json
import re
import subprocess

import pytest
from station import ROLES, ROOT, Station, as_user

CLIPS = [{"path": f"DCIM/100/{n}.mp4", "size": 200_000 + n} for n in range(3)]


@pytest.fixture(scope="module")
def station():
    with Station(bays=[{"name": "1", "port": "1-1"}, {"name": "2", "port": "1-2"}]) as s:
        s.camera("cam", objects=CLIPS).plug("1-1")
        s.wait("dockings", 1)
        s.wait("all", "receipted")
        s.wait("bay", "1", "take")
        yield s


def run(station, *args, uid=None, groups=()):
    command = [station.bin / "dockctl", "--socket", station.folder / "run/control.sock", *args]
    return subprocess.run([*(as_user(uid, *groups) if uid else []), *command], capture_output=True,
                          text=True, timeout=60)


def test_people_read_the_light(station):
    shown = run(station, "status").stdout
    assert re.search(r"^Files +3 taken in, 3 receipted, 0 erased from cameras$", shown, re.M)
    assert "NOT ENCRYPTED" in shown
    assert re.search(r"^1 .*take it .*3 held, 3 receipted", shown, re.M)
    assert re.search(r"^2 .* empty ", run(station, "bay").stdout, re.M)
    assert "proof: local (on this station's own disk: proves nothing)" in run(
        station, "clip", "1").stdout
    assert run(station, "queue").stdout == "nothing waits: all is receipted\n"


def keys(value):
    """Every key at every depth, without those that are numbers and names of ours."""
    if isinstance(value, list):
        return set().union(*map(keys, value))
    if isinstance(value, dict):
        return set(value).union(*map(keys, value.values()))
    return set()


def test_every_key_is_in_the_page(station):
    page = (ROOT / "dockd/dockctl.1").read_text()
    written = set(" ".join(re.findall(r"^\.Va (.*)$", page, re.M)).split())
    said = [station.ctl(*a) for a in [("status",), ("bay",), ("bay", "1"), ("queue", "--all"),
                                      ("clip", 1)]]
    assert keys(said) <= written


@pytest.mark.parametrize("groups,code", [((), 5), ((ROLES["viewer"],), 0)])
def test_only_people_with_a_role_may_ask(station, groups, code):
    assert run(station, "status", uid=64050, groups=groups).returncode == code


def test_an_order_says_what_it_did(station):
    reason = ("--reason", "test")
    assert run(station, "retry", "bay", "1", *reason).stdout == (
        "bay 1 is tried again: dockctl bay 1 shows how it goes\n")
    assert run(station, "retry", "clip", "2", *reason).stdout == (
        "clip 2 is tried again: dockctl clip 2 shows how far it comes\n")
    assert run(station, "retry", *reason).stdout.startswith("all is tried again: every bay")
    assert "is issued to officer o7, unit none" in run(
        station, "camera", "assign", "BWC-cam", "--officer", "o7", *reason).stdout
    assert run(station, "preserve", "asset", "3", *reason).stdout.startswith("order 1: asset")
    assert run(station, "lift", "1", *reason).stdout.endswith("order 1 is lifted: it holds nothing any more\n")
    told = station.ctl("retry", "clip", 2, *reason)
    assert told == {"ok": True, "text": "clip 2 is tried again: dockctl clip 2 shows how far it comes"}


def test_who_is_refused_is_told_the_group_and_how_to_get_in(station):
    """Groups of tests have no names here: adduser would have to be given a number's."""
    done = run(station, "status", uid=65534)
    assert done.returncode == 5 and f"adduser nobody {ROLES['viewer']}, as root, then log in again" in done.stderr
    done = run(station, "retry", "--reason", "x", uid=65534, groups=(ROLES["viewer"],))
    assert done.returncode == 5 and f"adduser nobody {ROLES['custodian']}," in done.stderr


@pytest.mark.parametrize("args, code, says", [
    (("clip", "99"), 1, "no clip of that number"), (("frobnicate",), 2, "there is no such command"),
    (("--frob",), 2, "--frob: there is no such option"),
    (("wait", "bay", "1", "leave", "--timeout", "1"), 3, "it did not happen in time"),
    (("--socket", "/nonexistent/sock", "status"), 4, "dockd is not running"),
    (("ledger", "verify", "--dir", "/nonexistent"), 1, "/nonexistent: there is no ledger in it")])
def test_errors_are_objects_with_json(station, args, code, says):
    done = run(station, *args, "--json")
    assert done.returncode == code and done.stdout == ""
    told = json.loads(done.stderr)
    assert set(told) == {"error", "exit"} and told["exit"] == code and says in told["error"]
    assert says in run(station, *args).stderr


def test_exit_codes(station):
    assert run(station, "clip", "99").returncode == 1
    assert run(station, "bay", "nowhere").returncode == 1
    assert run(station, "frobnicate").returncode == 2
    assert run(station, "wait", "bay", "1", "leave", "--timeout", "1").returncode == 3
    assert subprocess.run([station.bin / "dockctl", "--socket", "/nonexistent/sock", "status"],
                          capture_output=True, timeout=60).returncode == 4


def test_export_is_what_was_taken_in(station, tmp_path):
    folder = tmp_path / "out"
    assert station.ctl("export", folder, "--reason", "test")["copied"] == 3
    manifest = json.loads((folder / "manifest.json").read_text())
    for number, entry in manifest["assets"].items():
        copy = (folder / entry["file"]).read_bytes()
        assert hashlib.sha256(copy).hexdigest() == entry["sha256"] == station.clip(number)["sha256"]
    for name, entry in manifest["ledger"].items():
        copy = (folder / "ledger" / name).read_bytes()
        assert hashlib.sha256(copy).hexdigest() == entry["sha256"]
        assert (station.folder / "state/ledger" / name).read_bytes().startswith(copy)
    again = station.ctl("export", folder, "--reason", "test")
    assert (again["copied"], again["present"], again["failed"]) == (0, 3, 0)
    assert [r["asset"] for r in station.ledger() if r["type"] == "exported"] == [1, 2, 3] * 2
    (folder / manifest["assets"]["2"]["file"]).chmod(0o600)
    (folder / manifest["assets"]["2"]["file"]).write_bytes(b"altered")
    done = run(station, "export", folder, "--reason", "test")
    assert done.returncode == 1 and "is not the same" in done.stderr
    assert (folder / manifest["assets"]["2"]["file"]).read_bytes() == b"altered"


def test_watch_tells_each_change(station):
    watch = subprocess.Popen([station.bin / "dockctl", "--json", "--socket",
                              station.folder / "run/control.sock", "watch"],
                             stdout=subprocess.PIPE, text=True)
    try:
        first = json.loads(watch.stdout.readline())
        assert first["status"]["occupied"] == 1
        station.camera("late", objects=CLIPS[:1]).plug("1-2")
        for line in watch.stdout:
            now = json.loads(line)
            assert now["status"]["generation"] != first["status"]["generation"]
            if now["status"]["occupied"] == 2:
                break
        else:
            pytest.fail("watch ended")
    finally:
        watch.kill()
        watch.wait()
