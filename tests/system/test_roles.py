"""Roles: each tries each command. Who asks is the kernel's word; what was refused is on record."""
import struct
import subprocess
import time

import pytest
from station import ROLES, Station, as_user, until

PERSON = 64060
REASON = ("--reason", "test")
# command, and who may give it; "" stands for nobody's business but root's
COMMANDS = {
    "status": (("status",), "viewer custodian evidence auditor it"),
    "bays": (("bay",), "viewer custodian evidence auditor it"),
    "clip": (("clip", "1"), "viewer custodian evidence auditor it"),
    "queue": (("queue", "--all"), "viewer custodian evidence auditor it"),
    "wait": (("wait", "dockings", "1", "--timeout", "60"), "viewer custodian evidence auditor it"),
    "doctor": (("doctor",), "viewer custodian evidence auditor it"),
    "retry": (("retry", "clip", "1", *REASON), "custodian evidence it"),
    "expedite": (("expedite", "1", *REASON), "custodian evidence"),
    "preserve": (("preserve", "asset", "1", *REASON), "custodian evidence"),
    "camera-assign": (("camera", "assign", "cam", "--officer", "o1", "--unit", "u1", *REASON),
                      "custodian evidence"),
    "camera-list": (("camera", "list"), "custodian evidence auditor it"),
    "camera-forget": (("camera", "forget", "nobody", *REASON), "custodian evidence"),
    "metrics": (("metrics",), "viewer custodian evidence auditor it"),
    "orders": (("orders",), "custodian evidence auditor"),
    "due": (("due",), "custodian evidence auditor"),
    "review": (("review",), "custodian evidence auditor"),
    "lift": (("lift", "999", *REASON), "evidence"),
    "dispose": (("dispose", "999", *REASON, "--order", "x"), "evidence"),
    "export": (("export", "FOLDER", *REASON), "evidence"),
    "settle": (("settle", "999", *REASON), "evidence"),
    "rebind": (("rebind", "nowhere", *REASON), "evidence"),
    "camera-enroll": (("camera", "enroll", "cam", "KEY", "--scheme", "ed25519", *REASON), "evidence"),
    "camera-revoke": (("camera", "revoke", "cam", *REASON), "evidence"),
    "camera-keys": (("camera", "keys"), "evidence auditor it"),
    "ledger": (("ledger", "key"), "evidence auditor"),
    "statement": (("statement", "1"), "evidence auditor"),
    "report": (("report", "1"), "evidence auditor"),
    "camera-probe": (("camera", "probe", "nowhere"), "it"),
}


@pytest.fixture(scope="module")
def station():
    with Station(bays=[{"name": "1", "port": "1-1"}]) as s:
        s.camera("cam", objects=[{"path": "DCIM/100/1.mp4", "size": 100_000}]).plug("1-1")
        s.wait("dockings", 1)
        s.wait("all", "receipted")
        yield s


def ask(station, command, tmp_path, *groups, uid=PERSON):
    key = tmp_path / "key.pem"
    if not key.exists():
        private = subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519"], check=True,
                                 capture_output=True).stdout
        key.write_bytes(subprocess.run(["openssl", "pkey", "-pubout"], input=private, check=True,
                                       capture_output=True).stdout)
        for folder in (key, *list(key.parents)[:-2]):
            folder.chmod(folder.stat().st_mode | 0o755)
        tmp_path.chmod(0o777)
    words = [str(key) if w == "KEY" else str(tmp_path / "out") if w == "FOLDER" else w
             for w in command]
    return subprocess.run(
        [*as_user(uid, *groups), station.bin / "dockctl", "--socket",
         station.folder / "run/control.sock", *words],
        capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("role", [*ROLES, "nobody"])
def test_each_role_tries_each_command(station, tmp_path, role):
    groups = [ROLES[role]] if role in ROLES else [64099]
    wrong = []
    for name, (command, may) in COMMANDS.items():
        done = ask(station, command, tmp_path, *groups)
        allowed = role in may.split()
        if (done.returncode != 5) != allowed:
            wrong.append((name, "may" if allowed else "may not", done.returncode, done.stderr))
        elif not allowed:
            assert "needs the role" in done.stderr and "dockctl(1)" in done.stderr
    assert not wrong


def test_a_role_may_come_by_a_second_group(station, tmp_path):
    assert ask(station, ("orders",), tmp_path, 64099, ROLES["auditor"]).returncode == 0
    assert ask(station, ("orders",), tmp_path, ROLES["viewer"], ROLES["auditor"]).returncode == 0


def test_what_was_refused_is_on_record_once_and_counted(station, tmp_path):
    for _ in range(5):
        assert ask(station, ("lift", "1", *REASON), tmp_path, ROLES["viewer"],
                   uid=64061).returncode == 5
    denied = [r for r in station.ledger() if r["type"] == "denied" and r["uid"] == 64061]
    assert [(r["what"], r.get("more")) for r in denied] == [("lift", None)]
    assert station.log().count("event=denied uid=64061 what=lift") == 1
    assert not [r for r in station.ledger() if r["type"] == "lift"]


def test_who_asks_for_everything_again_and_again_fills_no_ledger(station, tmp_path):
    """Anybody with an account can: by each question in turn, so that none was told just before."""
    refused = [c for c, _ in COMMANDS.values()][::-1]
    before, began = len(station.ledger()), time.monotonic()
    for _ in range(2):
        for command in refused:
            ask(station, command, tmp_path, 64099, uid=64063)
    denied = [r for r in station.ledger()[before:] if r["type"] == "denied"]
    minutes = 1 + int((time.monotonic() - began) / 60)  # each has so many records
    assert 0 < len([r for r in denied if r["uid"] == 64063]) <= 8 * minutes
    assert len([r for r in denied if r["what"] == "others"]) <= 2 * minutes
    # another person's is told by itself all the same
    assert ask(station, ("lift", "1", *REASON), tmp_path, ROLES["viewer"], uid=64064).returncode == 5
    until(station, lambda: [r["what"] for r in station.ledger()
                            if r["type"] == "denied" and r["uid"] == 64064] == ["lift"],
          "the answer is there before the record")


def test_strangers_do_not_keep_others_out(station, tmp_path):
    """More connections than there are places, by one who may ask nothing, and then by one viewer."""
    hold = ("import socket,sys\n"
            "s=[socket.socket(socket.AF_UNIX,socket.SOCK_SEQPACKET) for _ in range(64)]\n"
            f"for x in s: x.connect({str(station.folder / 'run/control.sock')!r})\n"
            "print('held',flush=True)\nsys.stdin.read()\n")
    held = []
    try:
        for group in (64099, ROLES["viewer"]):
            p = subprocess.Popen([*as_user(64062 + len(held), group), "/usr/bin/python3", "-c", hold],
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            held.append(p)
            assert p.stdout.readline() == "held\n"
        assert ask(station, ("status",), tmp_path, ROLES["custodian"], uid=64070).returncode == 0
    finally:
        for p in held:
            p.stdin.close()
            p.wait()


def test_silent_strangers_make_room_for_others(station, tmp_path):
    """Four that only hold on: the refusal of the next one is told and recorded all the same."""
    sock = station.folder / "run/control.sock"
    hold = ("import socket,sys\ns=[socket.socket(socket.AF_UNIX,socket.SOCK_SEQPACKET) for _ in range(4)]\n"
            f"for x in s: x.connect({str(sock)!r})\nprint('held',flush=True)\nsys.stdin.read()\n")
    p = subprocess.Popen([*as_user(64071, 64099), "/usr/bin/python3", "-c", hold], stdin=subprocess.PIPE,
                         stdout=subprocess.PIPE, text=True)
    try:
        assert p.stdout.readline() == "held\n"
        until(station, lambda: ask(station, ("orders",), tmp_path, 64099, uid=64072).returncode == 5,
              "the next stranger is told")
    finally:
        p.stdin.close()
        p.wait()
    until(station, lambda: [r for r in station.ledger() if r["type"] == "denied" and r["uid"] == 64072],
          "the answer is there before the record")


def test_who_connects_again_and_again_is_held_off_and_others_get_in(tmp_path):
    """Without a role, without a pause: some get no answer, no processor is used up, others are served."""
    with Station(bays=[{"name": "1", "port": "1-1"}]) as s:
        sock = s.folder / "run/control.sock"
        loop = ("import socket\nwhile True:\n"
                " s=socket.socket(socket.AF_UNIX,socket.SOCK_SEQPACKET)\n"
                f" s.connect({str(sock)!r})\n s.close()\n")
        p = subprocess.Popen([*as_user(64073, 64099), "/usr/bin/python3", "-c", loop])
        try:
            until(s, lambda: f"event=accepting-paused socket={sock} uid=64073" in s.log(), "it is held off")
            for _ in range(3):
                assert ask(s, ("status",), tmp_path, ROLES["viewer"], uid=64074).returncode == 0
            assert p.poll() is None
        finally:
            p.kill()
            p.wait()


def test_who_has_no_role_is_told_once_a_connection(station):
    """Question after question over one connection would cost as much as connecting again and again."""
    status = struct.pack("<HHII", 112, 0, 1728, 0) + struct.pack("<II", 6, 1) + bytes(1728 - 8)
    talk = ("import socket,sys\ns=socket.socket(socket.AF_UNIX,socket.SOCK_SEQPACKET)\n"
            f"s.connect({str(station.folder / 'run/control.sock')!r})\nq={status!r}\n"
            "s.send(q)\nprint(len(s.recv(4096)))\n"
            "try:\n s.send(q)\n print(len(s.recv(4096)))\n"
            "except OSError: print(0)\n")
    told = subprocess.run([*as_user(64075, 64099), "/usr/bin/python3", "-c", talk],
                          capture_output=True, text=True, timeout=60)
    answer, again = told.stdout.split()
    assert int(answer) > 0 and again == "0", told
