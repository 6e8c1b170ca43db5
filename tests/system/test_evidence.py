"""Signatures and audits as a station makes them: signed with the openssl command line, paired with
what came when, judged, found wrong by name; and all of it uploaded all the same."""
import base64
import hashlib
import json
import os
import pathlib
import subprocess

import pytest

import auditlog
import vcam
from station import Station

MIB = 1 << 20
DAY = 1790000000
BAYS = [{"name": "1", "port": "1-1"}, {"name": "2", "port": "1-2"}]
SERIAL = "BWC-A"
QUICK = {"settle_seconds": 1}


def openssl(*args, **how):
    done = subprocess.run(["openssl", *map(str, args)], capture_output=True, **how)
    assert done.returncode == 0, (args, done.stderr.decode())
    return done.stdout


class Folder:
    """Files of a camera, made by the test; objects(...) puts them into a scenario."""

    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.path.chmod(0o755)
        for up in self.path.parents:
            if up != pathlib.Path("/") and up.stat().st_mode & 0o055 != 0o055 and \
                    str(up).startswith("/tmp/"):
                up.chmod(0o755)

    def put(self, name, data):
        path = self.path / name
        path.write_bytes(data)
        path.chmod(0o644)
        return path

    def entry(self, where, name, mtime=DAY):
        return {"path": where, "size": (self.path / name).stat().st_size, "mtime": mtime,
                "file": str(self.path / name)}


@pytest.fixture
def files(tmp_path):
    return Folder(tmp_path)


# ---- keys and signatures ----

def ed25519_key(files, name="key"):
    openssl("genpkey", "-algorithm", "ed25519", "-out", files.path / f"{name}.pem")
    openssl("pkey", "-in", files.path / f"{name}.pem", "-pubout", "-out",
            files.path / f"{name}.pub.pem")
    return files.path / f"{name}.pub.pem"


def fingerprint(path):
    return hashlib.sha256(openssl("pkey", "-pubin", "-in", path, "-outform", "DER")).hexdigest()


# ---- keys of cameras ----

def test_keys_are_enrolled_and_revoked(files):
    public = ed25519_key(files)
    openssl("ecparam", "-name", "secp256k1", "-genkey", "-noout", "-out", files.path / "odd.pem")
    openssl("ec", "-in", files.path / "odd.pem", "-pubout", "-out", files.path / "odd.pub.pem")
    with Station(bays=BAYS) as s:
        assert s.ctl("camera", "keys") == {"keys": []}
        done = s.ctl("camera", "enroll", SERIAL, public, "--scheme", "ed25519", "--reason", "new")
        assert done["text"] == fingerprint(public)
        again = s.ctl("camera", "enroll", SERIAL, public, "--scheme", "ed25519", "--reason", "new")
        assert again["text"] == "it was enrolled already"
        # the same key as base64 of its DER
        der = openssl("pkey", "-pubin", "-in", public, "-outform", "DER")
        text = files.put("key.b64", base64.b64encode(der) + b"\n")
        s.ctl("camera", "enroll", "OTHER", text, "--scheme", "manifest", "--reason", "x")
        keys = s.ctl("camera", "keys", SERIAL)["keys"]
        assert [(k["fingerprint"], k["scheme"], k["revoked"], k["uid"]) for k in keys] == \
            [(fingerprint(public), "ed25519", False, 0)]
        for wrong in (["camera", "enroll", SERIAL, public, "--scheme", "ecdsa", "--reason", "x"],
                      ["camera", "enroll", SERIAL, files.path / "odd.pub.pem", "--scheme", "ecdsa",
                       "--reason", "x"],
                      ["camera", "enroll", SERIAL, public, "--scheme", "ed25519"],
                      ["camera", "enroll", SERIAL, files.put("no", b"no key"), "--scheme",
                       "ed25519", "--reason", "x"],
                      ["camera", "revoke", "NOBODY", "--reason", "x"]):
            assert s.ctl(*wrong, check=False)["exit"] in (1, 2), wrong
        s.ctl("camera", "revoke", SERIAL, "--reason", "lost")
        assert s.ctl("camera", "keys", SERIAL)["keys"][0]["revoked"]
        records = [r for r in s.ledger() if r["type"] in ("enrolled", "revoked")]
        assert [(r["type"], r["camera"], r["uid"], r["reason"]) for r in records] == \
            [("enrolled", SERIAL, 0, "new"), ("enrolled", "OTHER", 0, "x"),
             ("revoked", SERIAL, 0, "lost")]


# ---- audit logs ----

def reports_of(s):
    return [c for c in s.clips() if c["kind"] == "report"]


def report_text(s, clip):
    """The report as the store has it."""
    for path in (s.folder / "store").rglob("*"):
        if path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == clip["sha256"]:
            return json.loads(path.read_bytes())
    raise AssertionError(f"{clip['path']} is not in the store")


def shift(files, log, names=("a.mp4", "b.mp4")):
    clips = {f"DCIM/100/{n}": os.urandom(100_000) for n in names}
    log.shift(clips)
    return clips


def dock(s, camera, port="1-1", dockings=1, light="take"):
    camera.plug(port)
    s.wait("dockings", dockings)
    s.wait("bay", port[-1], light)
    s.wait("idle")
    s.wait("all", "receipted")


def test_a_docking_is_audited_once(files):
    log = auditlog.AuditLog(SERIAL)
    clips = shift(files, log)
    objects = []
    for where, data in clips.items():
        name = where.replace("/", "_")
        files.put(name, data)
        objects.append(files.entry(where, name))
    files.put("log", log.bytes())
    objects.append(files.entry("LOG/audit.log", "log"))
    with Station(bays=BAYS, profile=QUICK, reports="docking") as s:
        camera = s.camera("A", objects)
        dock(s, camera)
        report, = reports_of(s)
        print(json.dumps(report_text(s, report), indent=1)[:3000])
        print(s.log()[-3000:])
        audited, = [r for r in s.ledger() if r["type"] == "audited"]
        assert audited["lines"] == len(log.lines) and audited["findings"] == 0, audited
        camera.unplug()
        s.wait("bay", "1", "empty")
        s.wait("idle")
        assert len([r for r in s.ledger() if r["type"] == "audited"]) == 1
