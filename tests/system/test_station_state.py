"""A state folder or its key that is of no use: it runs, says why, takes nothing in, and tries again."""
import os
import shutil
import signal
import subprocess

import pytest

from station import CORE, as_user, until
from station_faults import MIB, Small, managed, mount, once, receipted, settle, shift, texts, unmount

def unusable(s, words):
    """It runs and is asked, says why, takes nothing in, and does not start again and again."""
    text = until(s, lambda: (lambda t: t if words in t else "")(texts(s)), words)
    assert "tried again" in text
    status = s.ctl("status")
    assert status["station_light"] == "needs-it" and status["intake_stopped"]
    until(s, lambda: words in s.bay("2")["text"], "the bay says it, too")
    assert s.bay("2")["light"] != "take"
    return s.core.starts


@pytest.fixture
def stopped(clock):
    """A station with a history, and a camera with something new in bay 2; the core is down."""
    with managed() as s:
        s.env.update(clock.env)
        s.start()
        s.camera("A", shift()).plug("1-1")
        settle(s)
        s.camera("B", shift(2)).plug("2-1")
        s.wait("dockings", "2")
        s.core.stop()
        yield s


def goes_on(s, clock, starts):
    """The cause is gone: the next try finds that."""
    clock.on(61)
    until(s, lambda: s.core.starts == starts + 1, "it is tried again")
    s.ctl("status", connect=True)
    settle(s, "2")
    assert receipted(s) == 6 and texts(s) == ""
    once(s)


def test_state_folder_read_only_at_a_start(clock, stopped):
    s = stopped
    state = s.folder / "state"
    mount(state, state)
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", state], check=True)
        s.start_core()
        starts = unusable(s, "Read-only file system")
    finally:
        unmount(state)
    goes_on(s, clock, starts)


def test_state_folder_full_at_a_start(clock):
    with Small(clock, 64 * MIB) as s:
        s.start()
        s.camera("A", shift()).plug("1-1")
        settle(s)
        s.camera("B", shift(2)).plug("2-1")
        s.wait("all", "receipted")
        s.core.stop()
        s.fill()
        s.start_core()
        starts = unusable(s, "No space left")
        s.empty()
        goes_on(s, clock, starts)


def ledger_fails(s):
    """The core's writes fail from now on, as on a disk that has gone."""
    subprocess.run([*as_user(CORE), "prlimit", f"--pid={s.core.process.pid}", "--fsize=0:"], check=True)


def test_the_ledger_fails_in_the_midst(clock):
    with managed() as s:
        s.env.update(clock.env)
        s.start()
        s.camera("A", shift()).plug("1-1")
        settle(s)
        before = len(s.ledger())
        ledger_fails(s)
        s.camera("B", shift(2)).plug("2-1")
        text = until(s, lambda: (lambda t: t if "cannot be written" in t else "")(texts(s)), "it is told")
        assert "every minute" in text
        assert s.ctl("status")["station_light"] == "needs-it" and s.bay("2")["light"] != "take"
        assert len(s.ledger()) == before and s.core.starts == 1  # its log cannot be written either
        clock.on(61)
        until(s, lambda: s.core.starts == 2, "it is started again")
        s.ctl("status", connect=True)
        settle(s, "2")
        once(s)


def key(s):
    return s.folder / "state/station.key"


def key_closed(s):
    os.chown(key(s), 0, 0)


def key_other(s):
    key(s).write_bytes(b"-----BEGIN PRIVATE KEY-----\nno key\n-----END PRIVATE KEY-----\n")


def key_folder(s):
    key(s).unlink()
    key(s).mkdir()


@pytest.mark.parametrize("how,words", [(key_closed, "Permission denied"), (key_other, "from its backup"),
                                       (key_folder, "plain file")], ids=lambda x: getattr(x, "__name__", ""))
def test_the_stations_key_cannot_be_read(clock, stopped, how, words):
    s = stopped
    kept = key(s).read_bytes()
    how(s)
    s.start_core()
    starts = unusable(s, words)
    shutil.rmtree(key(s)) if key(s).is_dir() else key(s).unlink()
    key(s).write_bytes(kept)
    key(s).chmod(0o600)
    os.chown(key(s), CORE, CORE)
    goes_on(s, clock, starts)


def test_the_stations_key_is_gone(clock, stopped):
    """No new one is made over a history: nothing is taken in until the old one is back."""
    s = stopped
    kept = key(s).read_bytes()
    key(s).unlink()
    s.start_core()
    until(s, lambda: "key is gone" in texts(s), "it is told")
    assert s.ctl("status")["intake_stopped"] and not key(s).exists()
    assert s.bay("2")["light"] != "take"
    s.core.stop()
    key(s).write_bytes(kept)
    key(s).chmod(0o600)
    os.chown(key(s), CORE, CORE)
    s.start_core()
    settle(s, "2")
    once(s)


def test_nothing_is_begun_where_evidence_may_not_lie():
    """A key made on a plain disk could be read from it for good: not before somebody has said that it may."""
    with managed(allow_plaintext=False) as s:
        state = s.folder / "state"
        s.start()
        s.camera("A", shift()).plug("1-1")
        s.wait("bay", "1", "leave")
        assert "not encrypted" in s.bay("1")["text"] and list(state.iterdir()) == []
        s.settings["allow-plaintext"] = True
        s.write_config()
        s.core.send(signal.SIGHUP)
        until(s, lambda: s.core.starts == 2, "it starts anew by itself")
        s.ctl("status", connect=True)
        settle(s)
        assert (state / "station.key").exists() and receipted(s) == 3
