"""A configuration that cannot be used: the last good one stays in force, and that is told."""
import contextlib
import os
import shutil
import signal

import pytest

from servers import FaultServer
from station import until
from station_faults import BAYS, QUICK, conf, managed, once, receipted, settle, shift, syntax, texts

def unknown(s):
    conf(s).write_text("eraze = \"never\";\n" + conf(s).read_text())


def doubled_bay(s):
    s.settings["bays"] = BAYS + [{"name": "3", "port": "1-1"}]
    s.write_config()


def gone(s):
    conf(s).unlink()


def empty(s):
    conf(s).write_text("")


def zeros(s):
    conf(s).write_bytes(bytes(conf(s).stat().st_size))


def huge(s):
    conf(s).write_text("# \n" * 400_000 + conf(s).read_text())


def folder(s):
    conf(s).unlink()
    conf(s).mkdir()


def fifo(s):
    conf(s).unlink()
    os.mkfifo(conf(s))


def closed(s):
    conf(s).chmod(0)


def no_profiles(s):
    for path in (s.folder / "profiles").iterdir():
        path.unlink()


def closed_profiles(s):
    (s.folder / "profiles").chmod(0)


def doubled_profile(s):
    shutil.copy(s.folder / "profiles/simulator.conf", s.folder / "profiles/other.conf")


def other_station(s):
    s.settings["station"] = "another"
    s.write_config()


BAD = {syntax: "syntax error", unknown: "eraze", doubled_bay: "bays[2].port", gone: "No such file",
       empty: "it is empty", zeros: "zeros in it", huge: "longer than", folder: "Is a directory", fifo: "not a file",
       closed: "Permission denied", no_profiles: "no *.conf", closed_profiles: "Permission denied",
       doubled_profile: "another profile", other_station: "station"}


def mend(s):
    """As it was, by whoever broke it."""
    if conf(s).is_dir():
        conf(s).rmdir()
    elif conf(s).exists():
        conf(s).unlink()
    (s.folder / "profiles").chmod(0o755)
    for path in (s.folder / "profiles").iterdir():
        path.unlink()
    for path in (s.bin / "profiles").iterdir():
        text = path.read_text()
        (s.folder / "profiles" / path.name).write_text(
            s._profile(text, QUICK) if path.name == "simulator.conf" else text)
    s.settings["station"], s.settings["bays"] = "test-station", BAYS
    s.write_config()


@contextlib.contextmanager
def asleep(s):
    """What is done to files in several steps is seen when it is done: the core looks by itself, too."""
    s.core.send(signal.SIGSTOP)
    yield
    s.core.send(signal.SIGCONT)


def refused(s, how):
    return until(s, lambda: (lambda t: t if BAD[how] in t else "")(texts(s)), f"{BAD[how]} is told")


def test_a_bad_configuration_at_a_reload():
    """Each kind in turn, in one station that goes on taking in: told as long as it is so."""
    with managed() as s:
        s.start()
        camera = s.camera("A", shift())
        camera.plug("1-1")
        settle(s)
        for n, how in enumerate(BAD, 1):
            with asleep(s):
                how(s)
                s.core.send(signal.SIGHUP)
            text = refused(s, how)
            assert "is in force" in text and "mend it" in text, text
            assert how is not other_station or "station \"test-station\"'s: put that back" in text
            assert s.ctl("status")["station_light"] == "needs-it"
            assert len(s.events("reload-refused")) == n
            before = len(s.events("reloaded"))
            with asleep(s):
                mend(s)
                if n % 7:  # else it finds out by itself
                    s.core.send(signal.SIGHUP)
            until(s, lambda: "configuration" not in texts(s), "mended")
            # what is asked for may have been found just then
            assert 1 <= len(s.events("reloaded")) - before <= 1 + (n % 7 > 0)
        assert s.core.starts == 1
        two = s.camera("B", shift(2))
        two.plug("2-1")
        settle(s, "2")
        once(s)


@pytest.mark.parametrize("how", [syntax, closed_profiles, other_station],
                         ids=lambda f: f.__name__)
def test_a_bad_configuration_at_a_start(how):
    """A bad edit and then a power cut: the last good one takes in, uploads and shows lamps."""
    with managed() as s:
        s.start()
        camera = s.camera("A", shift())
        camera.plug("1-1")
        settle(s)
        how(s)
        s.core.send(signal.SIGKILL)
        until(s, lambda: s.core.starts == 2 and s.events("began")[1:], "it is started again")
        refused(s, how)
        assert s.ctl("status")["station_light"] == "needs-it"
        assert s.events("configuration-refused")
        two = s.camera("B", shift(2))
        two.plug("2-1")
        settle(s, "2")
        assert receipted(s) == 6
        began = [r for r in s.ledger() if r["type"] == "began"]
        assert [r.get("configuration") for r in began] == [None, "kept"]
        mend(s)
        if how is not syntax:  # of that it finds out by itself
            s.core.send(signal.SIGHUP)
        until(s, lambda: "configuration" not in texts(s), "mended")
        assert s.core.starts == 2
        once(s)


def test_a_bad_configuration_at_the_first_start():
    """Nothing is kept yet: it says what is wrong and does not run."""
    with managed() as s:
        syntax(s)
        s.keep_core = False
        s.start_core()
        assert s.core.process.wait(60) == 1
        assert f"{conf(s)}:" in s.log() and "syntax error" in s.log()
        mend(s)
        s.start()


def test_what_is_kept_is_whole():
    """Half of a copy never counts; what is kept is what was read last."""
    with managed() as s:
        s.start()
        kept = s.folder / "state/configuration"
        until(s, lambda: (kept / "dockd.conf").exists(), "kept")
        assert (kept / "dockd.conf").read_text() == conf(s).read_text()
        before = kept.stat().st_ino
        s.core.send(signal.SIGHUP)
        until(s, lambda: s.events("reloaded"), "read again")
        assert kept.stat().st_ino == before, "the same is left as it is"
        s.settings["pulls-per-port"] = 2
        s.write_config()
        s.core.send(signal.SIGHUP)
        until(s, lambda: len(s.events("reloaded")) == 2, "another is in force")
        assert "pulls-per-port = 2" in (kept / "dockd.conf").read_text()
        assert not (s.folder / "state/configuration.new").exists()
        (s.folder / "state/configuration.new").mkdir()
        (s.folder / "state/configuration.new/dockd.conf").write_text("half of")
        syntax(s)
        s.core.send(signal.SIGKILL)
        until(s, lambda: len(s.events("began")) == 2, "it is started again")
        refused(s, syntax)


def test_nothing_is_erased_while_the_configuration_is_refused():
    """Its owner may have written erase = "never" into it: erasing waits, all else goes on."""
    server = FaultServer()
    try:
        with managed(erase="when-receipted", accept_receipt="length",
                     destinations=[{"name": "store", "driver": "tus", "url": server.url}]) as s:
            s.start()
            syntax(s)
            s.core.send(signal.SIGHUP)
            refused(s, syntax)
            camera = s.camera("A", shift())
            camera.plug("1-1")
            s.wait("all", "receipted")
            until(s, lambda: {c["reason"].split(":")[0] for c in s.clips()} == {"configuration"},
                  "the gate says why")
            assert camera.stats()["deletions"] == 0
            mend(s)
            until(s, lambda: camera.stats()["deletions"] == 3, "erased when it is mended")
            assert len(s.events("reloaded")) == 1
    finally:
        server.close()


@pytest.mark.parametrize("everywhere", [False, True])
def test_copies_go_only_by_the_strongest_proof_while_the_configuration_is_refused(everywhere):
    """The disk is tight, and the old configuration is content with one of two: its owner may be no more."""
    server = FaultServer()
    stores = [{"name": "store", "driver": "tus", "url": server.url, "read-back": True},
              {"name": "away", "driver": "tus", "url": "http://127.0.0.1:9/files/"}]
    free = os.statvfs("/tmp")
    try:
        with managed(accept_receipt="length", confirm_per_hour=3600000, policy="any",
                     destinations=stores[:1] if everywhere else stores,
                     reserve_bytes=int(free.f_bavail * free.f_frsize * 0.8)) as s:
            s.start()
            syntax(s)
            s.core.send(signal.SIGHUP)
            refused(s, syntax)
            s.camera("A", shift()).plug("1-1")
            until(s, lambda: sum(r["type"] == "confirmed" for r in s.ledger()) == 3, "all are confirmed")

            def retired():
                return sum(r["type"] == "retired" for r in s.ledger())
            if everywhere:
                until(s, lambda: retired() == 3, "nothing more could be asked")
            s.wait("idle")
            assert retired() == (3 if everywhere else 0)
            mend(s)
            until(s, lambda: retired() == 3, "gone when it is mended")
    finally:
        server.close()
