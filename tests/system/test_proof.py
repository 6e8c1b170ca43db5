"""What a third party gets and checks: bundles beside the files, the ledger at the destinations and in
an export, all of it verified by dockctl without a daemon."""
import hashlib
import json
import pathlib
import subprocess
import threading

import vcam
from servers import ReceiptServer
from station import BUILD, Station

MIB = 1 << 20
DAY = 1790000000
BAYS = [{"name": "1", "port": "1-1"}]
QUICK = {"settle_seconds": 1}


def ctl(*args, code=0):
    """dockctl as on any other machine: no station, no socket. Its JSON, or what it said."""
    done = subprocess.run([BUILD / "dockctl", "--json", "--socket", "/nowhere", *map(str, args)],
                          capture_output=True, encoding="utf-8")
    assert done.returncode == code, (args, done.returncode, done.stdout, done.stderr)
    return json.loads(done.stdout) if done.stdout.count("\n") == 1 else done.stdout


def plain(station, *args):
    return subprocess.run([BUILD / "dockctl", "--socket", station.folder / "run/control.sock",
                           *map(str, args)], capture_output=True, encoding="utf-8", check=True).stdout


def docked(station):
    camera = station.camera("A", [vcam.clip("DCIM/100/a.mp4", MIB, 1, mtime=DAY),
                                  vcam.clip("DCIM/100/b.mp4", MIB + 17, 2, mtime=DAY + 60)])
    camera.plug("1-1")
    station.wait("all", "receipted")
    station.wait("bay", "1", "take")
    return camera


def follow(station, true, timeout=60):
    """The ledger, as soon as `true` of it; what goes out beside the uploads has no wait of its own."""
    for _ in range(timeout * 50):
        ledger = station.ledger()
        if true(ledger):
            return ledger
        threading.Event().wait(0.02)
    raise AssertionError(station.log()[-4000:])


def sent(destination, type_, **fields):
    """Whether a ledger tells that this arrived there."""
    def true(ledger):
        return any(r["type"] == type_ and r["destination"] == destination and
                   all(r[k] == v if k != "to" and k != "upto" else r[k] >= v
                       for k, v in fields.items()) for r in ledger)
    return true


def quiet(station, rests=3):
    """So many rests of ship-seconds (1) in a row in which nothing is written."""
    n, calm = -1, 0
    for _ in range(160 * rests):
        now = len(station.ledger())
        calm, n = (calm + 1 if now == n else 0), now
        if calm >= 4 * rests and all_is_shipped(station):
            return
        threading.Event().wait(0.25)
    raise AssertionError([r["type"] for r in station.ledger()[-20:]])


def test_export_is_verified_anywhere(tmp_path):
    with Station(bays=BAYS, profile=QUICK) as s:
        docked(s)
        key = plain(s, "ledger", "key").strip()
        (tmp_path / "early").write_text(plain(s, "ledger", "checkpoint"))
        s.ctl("export", tmp_path / "out", "--reason", "to court")
        assert s.ctl("ledger", "verify", "--key", key)["good"]
        assert "bay 1" in plain(s, "statement", "1", "--key", key)
        shown = s.ledger()[-1]
        assert (shown["type"], shown["uid"], shown["asset"]) == ("shown", 0, 1)
        s.ctl("export", tmp_path / "out", "--reason", "to court")
    out = tmp_path / "out"
    verify = ["ledger", "verify", "--dir", out, "--key", key]
    good = ctl(*verify, "--against", tmp_path / "early")
    assert good["good"] and good["records"] >= good["checkpoint_size"] > good["against_size"] > 10
    assert not ctl("ledger", "verify", "--dir", out)["key_given"]
    rows = ctl("ledger", "show", "--dir", out, "--asset", "1").splitlines()
    assert {json.loads(r)["asset"] for r in rows} == {1} and len(rows) > 5
    proof = ctl("ledger", "prove", "3", "--dir", out, "--key", key)
    assert proof.startswith("c2sp.org/tlog-proof@v1\nindex 2\n") and "\n\ndockd/test-station\n" in proof

    segment = next((out / "ledger").glob("*.jsonl"))
    lines = segment.read_bytes().splitlines(keepends=True)
    at = next(i for i, line in enumerate(lines) if b'"type":"docked"' in line)
    other = lines[at].replace(b'"bay":"1"', b'"bay":"2"')
    segment.chmod(0o600)
    for changed, word in (
            (lines[:at] + [other] + lines[at + 1:], "at least one was changed"),
            (lines[:at] + lines[at + 1:], f"line {at + 1}: record {at + 1} is missing"),
            (lines[:good["checkpoint_size"] - 1], "missing: the station has signed"),
            ([b" " + lines[0]] + lines[1:], "line 1: this is no record")):
        segment.write_bytes(b"".join(changed))
        assert word in ctl(*verify, code=1)["problem"]
    # rolled back whole, with a checkpoint of that time: only the later one tells
    later = (out / "checkpoint").read_text()
    size = int((tmp_path / "early").read_text().splitlines()[1])
    segment.write_bytes(b"".join(lines[:size]))
    (out / "checkpoint").chmod(0o600)
    (out / "checkpoint").write_text((tmp_path / "early").read_text())
    (tmp_path / "later").write_text(later)
    assert ctl(*verify)["good"]
    assert "rolled back" in ctl(*verify, "--against", tmp_path / "later", code=1)["problem"]


def check_bundle(bundle, clip, *keys):
    v = ctl("verify-bundle", bundle, "--file", clip, *keys)
    assert v["good"] and v["file_compared"] and v["omitted"] == 0
    assert v["sha256"] == hashlib.sha256(pathlib.Path(clip).read_bytes()).hexdigest()
    return v


def test_folder_gets_ledger_and_bundles():
    with Station(bays=BAYS, profile=QUICK, ship_seconds=1, checkpoint_seconds=1) as s:
        docked(s)
        key = plain(s, "ledger", "key").strip()
        s.wait("all", "receipted")
        receipted = {r["asset"]: r["seq"] for r in s.ledger() if r["type"] == "receipted"}
        last = max(receipted.values())
        follow(s, sent("store", "shipped", to=last))
        for asset, seq in receipted.items():
            follow(s, sent("store", "bundled", asset=asset, upto=seq))
        quiet(s)
        good = ctl("ledger", "verify", "--key", key, "--dir", s.folder / "store/ledger/test-station")
        assert good["records"] == good["checkpoint_size"] >= last
        clips = s.clips()
        for clip in clips:
            there = s.folder / "store" / clip["asset"][:2] / clip["asset"]
            bundle = there.with_name(there.name + ".bundle")
            check_bundle(bundle, there, "--key", key)
        wrong = s.folder / "store" / clips[0]["asset"][:2] / clips[0]["asset"]
        assert "another one" in ctl("verify-bundle", bundle, "--file", wrong, code=1)["problem"]


def test_server_gets_ledger_and_bundles(tmp_path):
    with ReceiptServer(tmp_path / "tus") as server, Station(
            bays=BAYS, profile=QUICK, erase="when-receipted", accept_receipt="signed",
            ship_seconds=1, checkpoint_seconds=1, start=False) as s:
        s.settings["destinations"] = [{
            "name": "evidence", "driver": "tus", "url": server.url,
            "receipt-path": "/receipt", "receipt-keys": [server.vkey]}]
        s.write_config()
        s.start()
        docked(s)
        key = plain(s, "ledger", "key").strip()
        s.wait("all", "erased")
        erased = {r["asset"]: r["seq"] for r in s.ledger() if r["type"] == "erased"}
        last = max(erased.values())
        follow(s, sent("evidence", "shipped", to=last))
        for asset, seq in erased.items():
            follow(s, sent("evidence", "bundled", asset=asset, upto=seq))
        quiet(s)
        keys = ["--key", key, "--receipt-key", server.vkey]
        files = {hashlib.sha256(d).hexdigest(): server.folder / name
                 for name, d in server.assets().items()}
        # put together from the uploads' own metadata
        pieces = tmp_path / "pieces"
        pieces.mkdir()
        newest = {}
        for info in sorted(server.folder.glob("*.json"), key=lambda p: p.stat().st_mtime_ns):
            meta = json.loads(info.read_text())["metadata"]
            data = info.with_suffix("").read_bytes()
            assert hashlib.sha256(data).hexdigest() == meta["sha256"]
            if meta["kind"] in ("ledger", "checkpoint"):
                (pieces / meta["filename"]).write_bytes(data)
            elif meta["kind"] == "bundle":
                (tmp_path / "bundle").write_bytes(data)
                assert ctl("verify-bundle", tmp_path / "bundle", *keys)["id"] == meta["asset"]
                newest[meta["asset"]] = data
        assert ctl("ledger", "verify", "--key", key, "--dir", pieces)["records"] >= last
        bundle = tmp_path / "bundle"
        for clip in s.clips():
            bundle.write_bytes(newest[clip["asset"]])
            v = check_bundle(bundle, files[clip["sha256"]], *keys)
            assert {r["state"][:6] for r in v["receipts"] if r["level"] == "signed"} == {"signed"}
            sheet = ctl("statement", bundle, *keys)
            assert any("erased from the camera" in line for line in sheet["camera_copy"])
        # every byte of a bundle counts, by sample
        data = bytearray(bundle.read_bytes())
        for at in range(0, len(data), len(data) // 30):
            data[at] ^= 2
            bundle.write_bytes(data)
            assert not ctl("verify-bundle", bundle, "--key", key, code=1)["good"]
            data[at] ^= 2


def all_is_shipped(station):
    """The last records are of our own sending, and each destination has what is before them."""
    told = max(r["seq"] for r in station.ledger() if r["type"] not in ("shipped", "bundled"))
    return all(sent(d["name"], "shipped", to=told)(station.ledger())
               for d in station.settings["destinations"])


def test_restart_goes_on_where_it_was():
    with Station(bays=BAYS, profile=QUICK, ship_seconds=1, checkpoint_seconds=1) as s:
        docked(s)
        follow(s, sent("store", "bundled", asset=2, upto=1))
        s.stop_core()
        s.start_core()
        began = [r["seq"] for r in s.ledger() if r["type"] == "began"]
        ledger = follow(s, sent("store", "shipped", to=began[1]))
        pieces = [(r["from"], r["to"]) for r in ledger if r["type"] == "shipped"]
        assert pieces[0][0] == 1 and len(pieces) > 1
        assert all(a[1] + 1 == b[0] for a, b in zip(pieces, pieces[1:]))
        quiet(s)
        assert len([r for r in s.ledger() if r["type"] == "bundled"]) == 2
        key = plain(s, "ledger", "key").strip()
        folder = s.folder / "store/ledger/test-station"
        assert ctl("ledger", "verify", "--dir", folder, "--key", key)["good"]
