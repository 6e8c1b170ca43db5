"""Signatures and audits as a station makes them: signed with the openssl command line, paired with
what came when, judged, found wrong by name; and all of it uploaded all the same."""
import base64
import hashlib
import json
import os
import pathlib
import sqlite3
import tempfile
import time

import pytest

import auditlog
import pki
from station import Station

MIB = 1 << 20
DAY = 1790000000
BAYS = [{"name": "1", "port": "1-1"}, {"name": "2", "port": "1-2"}]
SERIAL = "BWC-A"
QUICK = {"settle_seconds": 1}


class Folder:
    """Files of a camera, made by the test, in a place that every made-up user may read."""

    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.path.chmod(0o755)

    def put(self, name, data):
        path = self.path / name
        path.write_bytes(data)
        path.chmod(0o644)
        return path

    def entry(self, where, name, mtime=DAY):
        return {"path": where, "size": (self.path / name).stat().st_size, "mtime": mtime,
                "file": str(self.path / name)}


@pytest.fixture
def files():
    with tempfile.TemporaryDirectory(prefix="dockd-evidence-") as folder:
        yield Folder(folder)


# ---- keys of cameras ----

def test_keys_are_enrolled_and_revoked(files):
    key = pki.new_key(files.path / "key", "ED25519")
    public = files.put("key.pub", pki.run("pkey", "-in", key, "-pubout"))
    pki.run("ecparam", "-name", "secp256k1", "-genkey", "-noout", "-out", files.path / "odd.pem")
    pki.run("ec", "-in", files.path / "odd.pem", "-pubout", "-out", files.path / "odd.pub.pem")
    with Station(bays=BAYS) as s:
        assert s.ctl("camera", "keys") == {"keys": []}
        done = s.ctl("camera", "enroll", SERIAL, public, "--scheme", "ed25519", "--reason", "new")
        assert done["text"] == pki.fingerprint(key)
        again = s.ctl("camera", "enroll", SERIAL, public, "--scheme", "ed25519", "--reason", "new")
        assert again["text"] == "it was enrolled already"
        # the same key as base64 of its DER
        text = files.put("key.b64", base64.b64encode(pki.public(key)) + b"\n")
        s.ctl("camera", "enroll", "OTHER", text, "--scheme", "manifest", "--reason", "x")
        keys = s.ctl("camera", "keys", SERIAL)["keys"]
        assert [(k["fingerprint"], k["scheme"], k["revoked"], k["uid"]) for k in keys] == \
            [(pki.fingerprint(key), "ed25519", False, 0)]
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


# ---- signatures, from docking to result ----

CLIP = b"recorded and signed\n" * 5000


def dock(s, camera, port="1-1", dockings=1, light="take"):
    camera.plug(port)
    for condition in (["dockings", dockings], ["bay", port[-1], light], ["idle"],
                      ["all", "receipted"]):
        while True:  # a core that was killed on the way is started again
            try:
                s.wait(*condition)
                break
            except AssertionError:
                if not s.keep_core:
                    raise
                s.ctl("status", check=False, connect=True)


def undock(s, camera, port="1-1"):
    camera.unplug()
    s.wait("bay", port[-1], "empty")
    s.wait("idle")


def by_path(s):
    """{path: newest asset}, and all of it has its receipt."""
    found = {}
    for clip in s.clips():
        assert clip["rung"] == "receipted", clip
        found[clip["path"]] = clip
    return found


def signatures(s, number):
    return [r["result"] for r in s.ledger() if r["type"] == "signature" and r["asset"] == number]


def test_cms_sidecars_from_the_docking_to_the_result(files):
    root = pki.Authority(files.path, "Root")
    mine = root.camera(f"/CN=camera/serialNumber={SERIAL}", last="2039-01-01")
    other = root.camera("/CN=camera/serialNumber=BWC-B", last="2039-01-01")
    stranger = pki.Authority(files.path, "Stranger").camera(
        f"/CN=camera/serialNumber={SERIAL}", last="2039-01-01")
    anchors = files.path / "anchors.pem"
    cases = {"good": (CLIP, pki.cms(CLIP, *mine), "valid"),
             "pem": (CLIP + b"2", pki.cms(CLIP + b"2", *mine, outform="PEM"), "valid"),
             "changed": (b"R" + CLIP[1:], pki.cms(CLIP, *mine), "mismatch"),
             "other": (CLIP + b"3", pki.cms(CLIP + b"3", *other), "signed-by-another-camera"),
             "stranger": (CLIP + b"4", pki.cms(CLIP + b"4", *stranger), "untrusted-signer"),
             "broken": (CLIP + b"5", pki.cms(CLIP + b"5", *mine)[:-9], "unreadable"),
             "alone": (CLIP + b"6", None, "unsigned")}
    objects = []
    for name, (clip, sidecar, _) in cases.items():
        files.put(name, clip)
        objects.append(files.entry(f"DCIM/{name}.mp4", name, DAY + len(objects)))
        if sidecar is not None:
            files.put(f"{name}.p7s", sidecar)
            # both ways of naming a sidecar, and a camera that writes capitals
            where = {"good": "DCIM/good.p7s", "pem": "DCIM/pem.mp4.P7S"}.get(
                name, f"DCIM/{name}.mp4.p7s")
            objects.append(files.entry(where, f"{name}.p7s", DAY + len(objects)))
    with Station(bays=BAYS, profile={**QUICK, "signing": "cms", "anchors_file": anchors}) as s:
        camera = s.camera("A", objects)
        camera.plug("1-1")
        s.wait("all", "receipted")
        s.wait("idle")
        # no anchors yet: nothing is guessed, nothing stops, and the setting is named
        assert "anchors-file" in s.ctl("status")["text"]
        assert {c["signature"] for c in s.clips()} == {"unsigned"}
        assert not [r for r in s.ledger() if r["type"] == "signature"]
        files.put("anchors.pem", root.pem())
        s.ctl("retry", "all", "--reason", "the file is there now")
        s.wait("idle")
        assets = by_path(s)
        assert {n: assets[f"DCIM/{n}.mp4"]["signature"] for n in cases} == \
            {n: result for n, (_, _, result) in cases.items()}
        assert s.bay("1")["light"] == "take"
        assert "4 files whose signature does not hold" in s.ctl("status")["text"]
        assert "cannot be told" in assets["DCIM/changed.mp4"]["signature_text"]
        assert len(s.events("signature")) == 6
        # nothing is judged twice: neither at the next docking nor after a restart
        undock(s, camera)
        assert s.stop_core() == 0
        s.start_core()
        dock(s, camera, "1-2", 2)
        assert len([r for r in s.ledger() if r["type"] == "signature"]) == 6


def line_of(clip, serial=SERIAL):
    return (f'{{"length":{len(clip)},"serial":"{serial}",'
            f'"sha256":"{hashlib.sha256(clip).hexdigest()}"}}\n').encode()


def test_sidecar_and_key_that_come_late(files):
    key = pki.new_key(files.path / "key", "ED25519")
    public = files.put("key.pub", pki.run("pkey", "-in", key, "-pubout"))
    files.put("clip", CLIP)
    files.put("sidecar", pki.ed25519(line_of(CLIP), key, files.path))
    with Station(bays=BAYS, profile={**QUICK, "signing": "ed25519", "erasable": True},
                 erase="when-receipted", accept_receipt="readback") as s:
        camera = s.camera("A", [files.entry("DCIM/a.mp4", "clip")])
        dock(s, camera)
        assert s.clip(1)["signature"] == "unsigned"
        undock(s, camera)
        camera.add("DCIM/a.sig", size=64, file=str(files.path / "sidecar"), mtime=DAY + 9)
        dock(s, camera, dockings=2)
        assert signatures(s, 1) == ["untrusted-signer"]
        assert "dockctl camera enroll" in s.clip(1)["signature_text"]
        s.ctl("camera", "enroll", SERIAL, public, "--scheme", "ed25519", "--reason", "first key")
        s.wait("idle")
        assert signatures(s, 1) == ["untrusted-signer", "valid"]
        assert s.clip(1)["signature"] == "valid"
        # a docking that ended with all of it held bounds what comes at the next one
        undock(s, camera)
        files.put("clip2", CLIP + b"2")
        files.put("sidecar2", pki.ed25519(line_of(CLIP + b"2"), key, files.path))
        camera.add("DCIM/b.mp4", size=len(CLIP) + 1, file=str(files.path / "clip2"),
                   mtime=int(time.time()))
        camera.add("DCIM/b.mp4.sig", size=64, file=str(files.path / "sidecar2"), mtime=DAY + 11)
        dock(s, camera, dockings=3)
        records = {r["asset"]: r for r in s.ledger() if r["type"] == "signature"}
        b = by_path(s)["DCIM/b.mp4"]["number"]
        assert records[1]["time-unproved"] == 1 and records[b]["time-unproved"] == 0
        assert records[b]["signer"] == pki.fingerprint(key)


def test_a_signature_that_was_disposed_of_before_its_key_came(files):
    """Nothing can be judged by it any more: what was found before stands, and nothing waits."""
    key = pki.new_key(files.path / "key", "ED25519")
    public = files.put("key.pub", pki.run("pkey", "-in", key, "-pubout"))
    files.put("clip", CLIP)
    files.put("sidecar", pki.ed25519(line_of(CLIP), key, files.path))
    with Station(bays=BAYS, profile={**QUICK, "signing": "ed25519"}) as s:
        camera = s.camera("A", [files.entry("DCIM/a.mp4", "clip"), files.entry("DCIM/a.sig", "sidecar")])
        dock(s, camera)
        at = {path: c["number"] for path, c in by_path(s).items()}
        assert signatures(s, at["DCIM/a.mp4"]) == ["untrusted-signer"]
        undock(s, camera)
        s.ctl("dispose", at["DCIM/a.sig"], "--reason", "x", "--order", "7", check=False)
        s.ctl("camera", "enroll", SERIAL, public, "--scheme", "ed25519", "--reason", "first key")
        s.wait("idle")
        assert signatures(s, at["DCIM/a.mp4"]) == ["untrusted-signer"]
        index = sqlite3.connect(f"file:{s.folder}/state/index.sqlite?mode=ro", uri=True)
        assert index.execute("SELECT * FROM judge").fetchall() == []
        index.close()


def test_a_signature_that_comes_after_the_revocation(files):
    """The clip was held long before; nothing says that its signature was made before the key was lost."""
    clock = files.put("clock", b"0 1\n")
    key = pki.new_key(files.path / "key", "ED25519")
    public = files.put("key.pub", pki.run("pkey", "-in", key, "-pubout"))
    files.put("clip", CLIP)
    files.put("sidecar", pki.ed25519(line_of(CLIP), key, files.path))
    with Station(bays=BAYS, profile={**QUICK, "signing": "ed25519"}, env={"CLOCK_FILE": str(clock)}) as s:
        s.ctl("camera", "enroll", SERIAL, public, "--scheme", "ed25519", "--reason", "first key")
        camera = s.camera("A", [files.entry("DCIM/a.mp4", "clip")])
        dock(s, camera)
        undock(s, camera)
        files.put("clock", b"86400 1\n")
        s.ctl("camera", "revoke", SERIAL, pki.fingerprint(key), "--reason", "lost")
        files.put("clock", b"172800 1\n")
        camera.add("DCIM/a.sig", size=64, file=str(files.path / "sidecar"), mtime=DAY + 9)
        dock(s, camera, dockings=2)
        assert signatures(s, 1) == ["untrusted-signer"]
        assert "revoked" in s.clip(1)["signature_text"]


def test_manifests_one_after_the_other(files):
    key = pki.new_key(files.path / "key", "ED25519")
    public = files.put("key.pub", pki.run("pkey", "-in", key, "-pubout"))
    clips = {f"DCIM/{n}.mp4": CLIP + n.encode() for n in "abc"}

    def manifest(name, *paths):
        lines = ["dockd manifest v1", f"camera {SERIAL}"]
        lines += [f"{hashlib.sha256(clips[p]).hexdigest()} {len(clips[p])} {p}" for p in paths]
        text = "\n".join(lines) + "\n"
        return files.put(name, pki.note(text, f"dockd-camera/{SERIAL}", key, files.path))

    objects = []
    for path, data in clips.items():
        files.put(path.replace("/", "_"), data)
        objects.append(files.entry(path, path.replace("/", "_")))
    manifest("m1", "DCIM/a.mp4")
    manifest("m2", "DCIM/b.mp4")
    manifest("m3", "DCIM/c.mp4")
    objects += [files.entry("M/1.sum", "m1"), files.entry("M/2.sum", "m2")]
    with Station(bays=BAYS, profile={**QUICK, "signing": "manifest", "manifest_path": "M/*.sum",
                                     "sidecars": ["M/*.sum"]}) as s:
        s.ctl("camera", "enroll", SERIAL, public, "--scheme", "manifest", "--reason", "x")
        camera = s.camera("A", objects)
        dock(s, camera)
        assets = by_path(s)
        assert [assets[p]["signature"] for p in clips] == ["valid", "valid", "unsigned"]
        undock(s, camera)
        camera.add("M/3.sum", size=(files.path / "m3").stat().st_size,
                   file=str(files.path / "m3"), mtime=DAY + 20)
        dock(s, camera, dockings=2)
        assets = by_path(s)
        assert [assets[p]["signature"] for p in clips] == ["valid", "valid", "valid"]
        assert [signatures(s, assets[p]["number"]) for p in clips] == [["valid"]] * 3


# ---- audit logs ----

def reports_of(s):
    return [c for c in s.clips() if c["kind"] == "report"]


def report_text(s, clip):
    """The report as the store has it."""
    for path in (s.folder / "store").rglob("*"):
        if path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == clip["sha256"]:
            return json.loads(path.read_bytes())
    raise AssertionError(f"{clip['path']} is not in the store")


def records(s, kind):
    return [r for r in s.ledger() if r["type"] == kind]


def shift(files, log, names):
    """A shift of the camera: its clips in the folder. Entries of a scenario, by path."""
    clips = {f"DCIM/100/{n}.mp4": os.urandom(50_000) for n in names}
    log.shift(clips)
    for n, (path, data) in enumerate(clips.items()):
        files.put(path.replace("/", "_"), data)
    return {path: files.entry(path, path.replace("/", "_"), DAY + n)
            for n, path in enumerate(clips)}


def test_a_log_of_the_last_day_costs_nobody_its_report(files):
    """A time that is later than every year of four digits: this camera goes on, the others as well."""
    log = auditlog.AuditLog(SERIAL)
    clips = shift(files, log, "a")
    odd = json.dumps({"seq": log.seq + 1, "time": "9999-12-31T23:59:59-23:00", "event": "odd",
                      "prev": log.prev}).encode()
    other = auditlog.AuditLog("BWC-B")
    files.put("log", log.bytes() + odd + b"\n")
    files.put("other", other.bytes())
    with Station(bays=BAYS, profile=QUICK, reports="docking") as s:
        camera = s.camera("A", [*clips.values(), files.entry("LOG/audit.log", "log")])
        dock(s, camera)
        assert len(reports_of(s)) == 1
        undock(s, camera)
        files.put("log2", log.bytes() + odd + b"\nmore\n")
        camera.remove("LOG/audit.log")
        camera.add("LOG/audit.log", size=(files.path / "log2").stat().st_size,
                   file=str(files.path / "log2"), mtime=DAY + 50)
        camera.plug("1-1")
        s.wait("dockings", 2)
        b = s.camera("B", [files.entry("LOG/b.log", "other")], usb={"serial": "BWC-B"})
        dock(s, b, port="1-2", dockings=3)
        s.wait("bay", "1", "take")
        s.wait("idle")
        assert len(reports_of(s)) == 3
        assert not s.events("audit-failed")


def test_a_docking_is_audited_once(files):
    log = auditlog.AuditLog(SERIAL)
    clips = shift(files, log, "ab")
    files.put("log", log.bytes())
    with Station(bays=BAYS, profile=QUICK, reports="docking") as s:
        camera = s.camera("A", [*clips.values(), files.entry("LOG/audit.log", "log")])
        dock(s, camera)
        report, = reports_of(s)
        assert report["path"] == "reports/docking-1.json" and report["rung"] == "receipted"
        text = report_text(s, report)
        assert text["findings"] == []
        audited, = records(s, "audited")
        assert audited["lines"] == len(log.lines) and audited["findings"] == 0
        assert audited["last-seq"] == log.seq and audited["last-sha256"] == log.prev
        assert s.bay("1")["text"] == "" and s.ctl("status")["findings"] == 0
        undock(s, camera)
        assert s.stop_core() == 0
        s.start_core()
        s.wait("idle")
        assert len(records(s, "audited")) == 1
        # the next docking goes on where this one ended
        more = shift(files, log, "cd")
        for path, entry in more.items():
            camera.add(path, **{k: v for k, v in entry.items() if k != "path"})
        files.put("log2", log.bytes())
        camera.remove("LOG/audit.log")
        camera.add("LOG/audit.log", size=len(log.bytes()), file=str(files.path / "log2"),
                   mtime=DAY + 99)
        dock(s, camera, dockings=2)
        assert [r["findings"] for r in records(s, "audited")] == [0, 0], records(s, "finding")
        assert len(reports_of(s)) == 2
        assert s.ctl("report", 2)
        assert records(s, "shown")[-1]["what"] == "report"


def tampered(how, log, yesterday):
    number = auditlog.line_of(log, "record-stop", 3)  # of the second shift
    return {"removed": lambda: auditlog.without(log, number),
            "swapped": lambda: auditlog.swapped(log, number),
            "changed": lambda: auditlog.changed(log, number, size=1),
            "cut": lambda: auditlog.cut_bytes(log, 20),
            "yesterday": lambda: yesterday}[how]()


@pytest.mark.parametrize("how", ["removed", "swapped", "changed", "cut", "yesterday", "clip gone",
                                 "clip changed"])
def test_what_was_tampered_with_is_found_and_uploaded(files, how):
    log = auditlog.AuditLog(SERIAL)
    first = shift(files, log, "ab")
    yesterday = log.bytes()
    files.put("log", yesterday)
    with Station(bays=BAYS, profile=QUICK, reports="docking") as s:
        camera = s.camera("A", [*first.values(), files.entry("LOG/audit.log", "log")])
        dock(s, camera)
        undock(s, camera)
        second = shift(files, log, "cd")
        if how == "clip gone":
            del second["DCIM/100/c.mp4"]
        if how == "clip changed":
            path = files.path / "DCIM_100_c.mp4"
            data = path.read_bytes()
            path.write_bytes(data[:100] + bytes([data[100] ^ 1]) + data[101:])
        for path, entry in second.items():
            camera.add(path, **{k: v for k, v in entry.items() if k != "path"})
        whole = log.bytes() if how.startswith("clip") else tampered(how, log.bytes(), yesterday)
        files.put("log2", whole)
        camera.remove("LOG/audit.log")
        camera.add("LOG/audit.log", size=len(whole), file=str(files.path / "log2"), mtime=DAY + 99)
        dock(s, camera, dockings=2)
        audited = records(s, "audited")
        found = records(s, "finding")
        print(how, [(f["code"], f["text"]) for f in found])
        assert audited[0]["findings"] == 0 and audited[1]["findings"] == len(found) > 0
        text = report_text(s, reports_of(s)[1])
        assert {f["code"] for f in text["findings"]} == {f["code"] for f in found}
        assert s.ctl("status")["findings"] == len(found)
        assert found[0]["code"] in s.bay("1")["text"] and len(s.events("finding")) == len(found)
        # all of it is at the server all the same, the bay is as free as any
        stored = {hashlib.sha256(p.read_bytes()).hexdigest()
                  for p in (s.folder / "store").rglob("*") if p.is_file()}
        assert {o["sha256"] for o in camera.objects(digests=True).values()} <= stored
        # a person has looked into it: open no more, on record for good
        assert s.ctl("settle", 2, check=False)["exit"] == 2
        s.ctl("settle", 2, "--reason", "the officer was asked")
        assert s.ctl("status")["findings"] == 0 and found[0]["code"] not in s.bay("1")["text"]
        assert s.ctl("settle", 2, "--reason", "again", check=False)["exit"] == 1
        assert [(r["docking"], r["reason"]) for r in records(s, "settled")] == [
            (2, "the officer was asked")]
        assert len(records(s, "finding")) == len(found)


def test_a_destination_of_its_own_for_logs_and_reports(files):
    log = auditlog.AuditLog(SERIAL)
    clips = shift(files, log, "ab")
    files.put("log", log.bytes())
    with Station(bays=BAYS, profile=QUICK, reports="docking", start=False) as s:
        s._dir("other", 64003, 0o755)
        s.settings["destinations"] = [
            {"name": "store", "driver": "dir", "folder": s.folder / "store",
             "takes": ["clip", "sidecar", "other"]},
            {"name": "other", "driver": "dir", "folder": s.folder / "other",
             "takes": ["log", "report"]}]
        s.write_config()
        s.start()
        camera = s.camera("A", [*clips.values(), files.entry("LOG/audit.log", "log")])
        dock(s, camera)

        def held(name):
            return {hashlib.sha256(p.read_bytes()).hexdigest() for p in (s.folder / name).rglob("*")
                    if p.is_file()}

        for clip in s.clips():
            where = "other" if clip["kind"] in ("log", "report") else "store"
            assert [u["destination"] for u in clip["uploads"]] == [where]
            assert clip["sha256"] in held(where) and clip["rung"] == "receipted"
            assert clip["sha256"] not in held({"other": "store", "store": "other"}[where])


def test_the_same_bytes_as_clip_and_as_log(files):
    """One asset stands for both, and each goes where its kind is taken, as what it is taken for."""
    files.put("same", b"neither a clip nor a log")
    with Station(bays=BAYS, profile=QUICK, start=False) as s:
        s._dir("other", 64003, 0o755)
        s.settings["destinations"] = [
            {"name": "store", "driver": "dir", "folder": s.folder / "store",
             "takes": ["clip", "sidecar", "other"]},
            {"name": "other", "driver": "dir", "folder": s.folder / "other",
             "takes": ["log", "report"]}]
        s.write_config()
        s.start()
        s.camera("A", [files.entry("DCIM/a.mp4", "same"),
                       files.entry("LOG/audit.log", "same")]).plug("1-1")
        s.wait("dockings", 1)
        s.wait("all", "receipted")
        s.wait("bay", "1", "take")
        one, two = sorted(s.clips(), key=lambda c: c["merged_into"] or 0)
        assert two["merged_into"] == one["number"] and {one["kind"], two["kind"]} == {"clip", "log"}
        for clip in (one, two):
            assert {u["destination"]: u["rung"] for u in clip["uploads"]} == {
                "store": "receipted", "other": "receipted"}
        for folder, kind, name in (("store", "clip", "a.mp4"), ("other", "log", "audit.log")):
            (told,) = [json.loads(p.read_text()) for p in (s.folder / folder).rglob("*.json")]
            assert (told["kind"], told["name"]) == (kind, name)


# ---- killed in between ----

@pytest.mark.parametrize("where,n", [("judge-ask", 1), ("judge-judged", 1), ("inquiry-begun", 1),
                                     ("inquiry-answered", 1), ("inquiry-audited", 1)])
def test_killed_at(files, where, n):
    key = pki.new_key(files.path / "key", "ED25519")
    public = files.put("key.pub", pki.run("pkey", "-in", key, "-pubout"))
    log = auditlog.AuditLog(SERIAL)
    clips = shift(files, log, "ab")
    files.put("log", log.bytes())
    objects = [*clips.values(), files.entry("LOG/audit.log", "log")]
    for path in clips:
        data = (files.path / path.replace("/", "_")).read_bytes()
        files.put(path.replace("/", "_") + ".sig", pki.ed25519(line_of(data), key, files.path))
        objects.append(files.entry(path + ".sig", path.replace("/", "_") + ".sig"))
    mark = files.put("mark", b"")
    mark.chmod(0o666)
    env = {"DIE_AT": f"{where}:{n}", "DIE_MARK": str(mark)}
    with Station(bays=BAYS, profile={**QUICK, "signing": "ed25519"}, reports="docking", env=env,
                 keep_core=True) as s:
        s.ctl("camera", "enroll", SERIAL, public, "--scheme", "ed25519", "--reason", "x")
        camera = s.camera("A", objects)
        dock(s, camera)
        assert mark.read_bytes(), "nobody passed there"
        assets = by_path(s)
        assert [assets[p]["signature"] for p in clips] == ["valid", "valid"]
        assert len(records(s, "audited")) == len(reports_of(s)) == 1
        assert report_text(s, reports_of(s)[0])["findings"] == []
        assert len(records(s, "signature")) == 2
