"""The shell's completion of dockctl offers what the program takes: no less, no more, no older."""
import os
import pathlib
import re
import subprocess

import pytest
from station import ROOT, Station

BUILD = pathlib.Path(os.environ.get("DOCKD_BUILD", ROOT / "build"))
SCRIPT = ROOT / "etc/bash-completion/dockctl"
SOURCE = (ROOT / "dockd/ctl.c").read_text()
COMMANDS = re.findall(r'^\t\{ "([a-z-]+)", \w+,', SOURCE[SOURCE.index("commands[] = {"):], re.M)
OPTIONS = dict(re.findall(r'^\t\[OPTION_\w+\] = \{ "([a-z-]+)", (no|required)_argument', SOURCE, re.M))
OF_ALL = {"--json", "--socket"}


def complete(*words):
    """What is offered for the last of these words, which may be begun or empty."""
    words = ["dockctl", *words]
    script = f'. {SCRIPT}; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _dockctl; printf "%s\\n" "${{COMPREPLY[@]}}"'
    shown = subprocess.run(["bash", "-ec", script, "-", *words], capture_output=True, text=True, timeout=30,
                           env=os.environ | {"PATH": f"{BUILD}:{os.environ['PATH']}"})
    assert shown.returncode == 0 and not shown.stderr, shown.stderr
    return set(shown.stdout.split())


def takes(command, option):
    """Whether the program lets this option go with this command, by trying."""
    given = [f"--{option}=1"] if OPTIONS[option] == "required" else [f"--{option}"]
    tried = subprocess.run([BUILD / "dockctl", "--socket", "/nonexistent", command, *given],
                           capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL)
    return "that option does not go with this command" not in tried.stderr


def test_every_command_is_offered():
    assert len(COMMANDS) > 20 and len(OPTIONS) > 15
    assert complete("") == {*COMMANDS, "help"}
    assert complete("pres") == {"preserve"}
    assert complete("--json", "--socket", "/run/x", "led") == {"ledger"}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_is_offered_where_it_is_taken(command):
    assert complete(command, "-") - OF_ALL == {f"--{o}" for o in OPTIONS if takes(command, o)}


@pytest.mark.parametrize("command, some", [
    ("camera", {"enroll", "revoke", "keys", "assign", "probe"}),
    ("ledger", {"verify", "show", "prove", "checkpoint", "key"}),
    ("preserve", {"asset", "camera", "docking", "period"}),
    ("retry", {"clip", "bay", "all"}),
    ("status", set()),
])
def test_words_after_a_command(command, some):
    offered = complete(command, "")
    assert some <= offered
    shown = subprocess.run([BUILD / "dockctl", "help"], capture_output=True, text=True, check=True).stdout
    assert all(re.search(rf"\b{w}\b", shown) for w in offered)
    assert offered or not some


def test_wait_knows_its_conditions():
    line = re.search(r"^  wait .*  (\S.*)$", subprocess.run(
        [BUILD / "dockctl", "help"], capture_output=True, text=True, check=True).stdout, re.M).group(1)
    assert complete("wait", "") == {part.split()[0] for part in line.split("|")}


def test_bays_are_those_of_the_station(monkeypatch):
    with Station(bays=[{"name": "7a", "port": "1-1"}, {"name": "8b", "port": "1-2"}]) as s:
        # the socket is where it is on a station: a dockctl that adds it stands in front
        front = s.folder / "front"
        front.mkdir()
        (front / "dockctl").write_text(
            f'#!/bin/sh\nexec {s.bin}/dockctl --socket {s.folder}/run/control.sock "$@"\n')
        (front / "dockctl").chmod(0o755)
        monkeypatch.setenv("PATH", f"{front}:{os.environ['PATH']}")
        monkeypatch.setattr(f"{__name__}.BUILD", front)
        assert complete("bay", "") == {"7a", "8b"}
        assert complete("retry", "bay", "8") == {"8b"}
        assert complete("camera", "probe", "") >= {"7a", "8b"}
