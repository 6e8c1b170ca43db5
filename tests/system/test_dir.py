"""A folder as a destination: what is there is believed only as far as it is equal, a mount that has gone is told.

dockd-uploader alone, as in test_uploader.py: clips, side objects, what another station has left;
at the end it is killed at each hand-over, with each driver.
"""
import hashlib
import json
import os
import shutil
import signal
import subprocess

import pytest

import fake_core as core
from fake_core import PROGRAM, USER, Core, asset_of, stored
from servers import FaultServer, assert_whole
from waiting import until

MIB = 1 << 20


@pytest.mark.parametrize("size", [0, 1, 9 * MIB + 1])
def test_dir_whole(uploader, store, clip, size):
    path = clip(size)
    assert uploader.open(core.DIR, store).status == 0
    created, end = uploader.whole(path, name="../../etc/passwd")
    assert (end.kind, end.level, end.length) == ("RECEIPT", core.LOCAL, size)
    assert end.sha256 == hashlib.sha256(path.read_bytes()).digest()
    assert stored(store, path).read_bytes() == path.read_bytes()
    assert '"../../etc/passwd"' in stored(store, path, ".json").read_text()
    assert sorted(p.name for p in stored(store, path).parent.iterdir()) == [
        asset_of(path), asset_of(path) + ".json"]


def test_dir_name_that_is_no_utf8(uploader, store, clip):
    path = clip(10)
    uploader.open(core.DIR, store)
    assert uploader.whole(path, name=b"\xff\xfe.mp4")[1].kind == "RECEIPT"
    assert '"name-bytes"' in stored(store, path, ".json").read_text()


@pytest.mark.parametrize("asset", ["../" + "a" * 61, "A" * 64, "a" * 63, ""])
def test_dir_asset_that_is_no_id(uploader, store, clip, asset):
    uploader.open(core.DIR, store)
    generation = uploader.upload(clip(10), asset=asset or " ")
    end = uploader.get("FAILED")
    assert end.failure == core.REFUSED and end.generation == generation
    assert list(store.iterdir()) == []


def test_dir_stopped_and_resumed(uploader, store, clip):
    path = clip(128 * MIB, sparse=True)
    uploader.open(core.DIR, store)
    generation = uploader.upload(path)
    created = uploader.get("CREATED")
    part = stored(store, path, ".part")
    uploader.put("PROCEED", generation=generation)
    until(lambda: part.exists() and part.stat().st_size >= 4 * MIB)
    uploader.put("STOP_UPLOAD", generation=generation)
    end = uploader.get("FAILED")
    assert end.failure == core.STOPPED and 4 * MIB <= part.stat().st_size < 128 * MIB
    _, end = uploader.whole(path, address=created.address)
    assert end.kind == "RECEIPT" and end.sent <= 124 * MIB
    assert stored(store, path).read_bytes() == path.read_bytes()
    assert not part.exists()


@pytest.mark.parametrize("what", ["hole", "longer", "other"])
def test_dir_part_is_believed_only_as_far_as_it_is_equal(uploader, store, clip, what):
    path = clip(6 * MIB)
    uploader.open(core.DIR, store)
    assert uploader.whole(path)[1].kind == "RECEIPT"
    part = stored(store, path, ".part")
    stored(store, path).unlink()
    data = path.read_bytes()
    part.write_bytes({"hole": data[:2 * MIB] + bytes(MIB), "longer": data + b"x",
                      "other": os.urandom(MIB)}[what])
    os.chown(part, USER, USER) if os.getuid() == 0 else None
    _, end = uploader.whole(path, address=f"{asset_of(path)[:2]}/{asset_of(path)}")
    assert end.kind == "RECEIPT"
    assert end.sent == {"hole": 4 * MIB, "longer": 0, "other": 6 * MIB}[what]
    assert stored(store, path).read_bytes() == data


def test_dir_there_already(uploader, store, clip):
    path = clip(2 * MIB)
    uploader.open(core.DIR, store)
    uploader.whole(path)
    before = stored(store, path).stat()
    _, end = uploader.whole(path)
    assert (end.kind, end.sent) == ("RECEIPT", 0)
    assert stored(store, path).stat().st_ino == before.st_ino


@pytest.mark.parametrize("suffix", ["", ".part", ".json.part"])
def test_dir_pipe_in_the_way_is_not_waited_for(uploader, store, clip, suffix):
    path = clip(MIB)
    uploader.open(core.DIR, store)
    uploader.whole(path)
    stored(store, path).unlink()
    pipe = stored(store, path, suffix)
    os.mkfifo(pipe, 0o666)
    os.chown(pipe, USER, USER) if os.getuid() == 0 else None
    _, end = uploader.whole(path)
    assert (end.kind, end.failure) == ("FAILED", core.REFUSED) and "is not a file" in end.text
    assert pipe.is_fifo()
    pipe.unlink()
    assert uploader.whole(path)[1].kind == "RECEIPT"


def test_dir_pipe_for_a_mark_is_not_waited_for(uploader, store, clip):
    mark = store / ".dockd-destination"
    os.mkfifo(mark, 0o666)
    os.chown(mark, USER, USER) if os.getuid() == 0 else None
    ready = uploader.open(core.DIR, store)
    assert (ready.status, ready.identity) == (0, "")
    uploader.upload(clip(10))
    assert uploader.get("FAILED").failure == core.LATER


def test_dir_damaged_copy_is_kept_aside(uploader, store, clip):
    path = clip(2 * MIB)
    uploader.open(core.DIR, store)
    uploader.whole(path)
    damaged = bytearray(path.read_bytes())
    damaged[MIB] ^= 1
    stored(store, path).write_bytes(damaged)
    _, end = uploader.whole(path, address=f"{asset_of(path)[:2]}/{asset_of(path)}")
    assert end.kind == "RECEIPT" and stored(store, path).read_bytes() == path.read_bytes()
    aside = [p for p in stored(store, path).parent.iterdir() if "damaged" in p.name]
    assert [p.read_bytes() for p in aside] == [bytes(damaged)]


def test_dir_vanished_mount(uploader, store, folder, clip):
    path = clip(MIB)
    uploader.open(core.DIR, store)
    created, end = uploader.whole(path)
    (store / ".dockd-destination").rename(folder / "kept")
    for address in ("", created[0].address):
        _, end = uploader.whole(path, address=address)
        assert (end.kind, end.failure) == ("FAILED", core.BAD_DESTINATION) and "mounted" in end.text
    (folder / "kept").rename(store / ".dockd-destination")
    assert uploader.whole(path)[1].kind == "RECEIPT"
    store.rename(folder / "away")
    store.mkdir()
    os.chown(store, USER, USER) if os.getuid() == 0 else None
    _, end = uploader.whole(clip(MIB, "b"))
    assert (end.kind, end.failure) == ("FAILED", core.BAD_DESTINATION)
    assert list(store.iterdir()) == []


def test_dir_not_mounted_at_start(uploader, store, clip):
    """No marker, and a clip that was put there before: the folder is not what it was."""
    uploader.open(core.DIR, store)
    path = clip(MIB)
    _, end = uploader.whole(path, address=f"{asset_of(path)[:2]}/{asset_of(path)}")
    assert (end.kind, end.failure) == ("FAILED", core.BAD_DESTINATION)
    assert list(store.iterdir()) == []


def test_dir_mounted_anew(uploader, store, folder, clip):
    """Another device and inode than before, but the same marker: it is gone on with."""
    path = clip(MIB)
    uploader.open(core.DIR, store)
    created, _ = uploader.whole(path)
    shutil.copytree(store, folder / "copy")
    store.rename(folder / "away")
    if os.getuid() == 0:
        for p in [folder / "copy", *(folder / "copy").rglob("*")]:
            os.chown(p, USER, USER)
    (folder / "copy").rename(store)
    _, end = uploader.whole(path, address=created[0].address)
    assert (end.kind, end.sent) == ("RECEIPT", 0)


def test_dir_missing_then_there(uploader, store, clip):
    """What is put right is found by itself: the process ends, and its service starts it anew."""
    store.rmdir()
    ready = uploader.open(core.DIR, store)
    assert ready.status < 0 and "No such file" in ready.text
    _, end = uploader.whole(clip(MIB))
    assert (end.kind, end.failure) == ("FAILED", core.BAD_DESTINATION) and end.text == ready.text
    store.mkdir()
    os.chown(store, USER, USER) if os.getuid() == 0 else None
    assert uploader.process.wait(60) == 0
    uploader.kill()
    uploader.start()
    assert uploader.open(core.DIR, store).status == 0
    assert uploader.whole(clip(MIB))[1].kind == "RECEIPT"


@pytest.mark.parametrize("held", ["nothing", "part", "whole", "damaged"])
def test_dir_found(uploader, store, clip, held):
    path = clip(6 * MIB)
    assert uploader.open(core.DIR, store).identity == ""
    uploader.whole(clip(10, "first"))
    assert uploader.became == [f"dir {(store / '.dockd-destination').read_text().strip()}"]
    if held != "nothing":
        uploader.whole(path)
        if held == "part":
            os.truncate(stored(store, path), 2 * MIB)
            stored(store, path).rename(stored(store, path, ".part"))
        elif held == "damaged":
            with open(stored(store, path), "r+b") as f:
                f.write(b"not what it was")
    uploader.kill()
    uploader.start()
    ready = uploader.open(core.DIR, store)
    assert ready.identity == f"dir {(store / '.dockd-destination').read_text().strip()}"
    assert ready.can & (core.FINDS | core.ABANDONS) == core.FINDS | core.ABANDONS
    created, end = uploader.whole(path)
    assert end.kind == "RECEIPT" and created[0].found == (held != "nothing")
    assert end.sha256 == hashlib.sha256(path.read_bytes()).digest(), "read back"
    assert end.sent == {"nothing": 6, "part": 4, "whole": 0, "damaged": 6}[held] * MIB
    assert stored(store, path).read_bytes() == path.read_bytes()
    assert bool(list(store.rglob("*.damaged-*"))) == (held == "damaged")


def test_dir_states(uploader, store, folder, clip):
    path = clip(MIB)
    uploader.open(core.DIR, store)
    uploader.whole(path)
    (store / ".dockd-destination").rename(folder / "kept")
    _, end = uploader.whole(path)
    assert (end.failure, end.state) == (core.BAD_DESTINATION, "not-mounted")
    (folder / "kept").rename(store / ".dockd-destination")
    _, end = uploader.whole(path, asset="x")
    assert (end.failure, end.state) == (core.REFUSED, "layout")
    _, end = uploader.whole(path, size=MIB + 1)
    assert end.failure == core.SOURCE


def test_dir_described_again(uploader, store, clip):
    uploader.open(core.DIR, store)
    path = clip(MIB)
    _, end = uploader.whole(path)
    described = stored(store, path).with_name(f"{asset_of(path)}.json")
    before = described.read_text()
    described.unlink()
    assert uploader.whole(path, address=end.object)[1].sent == 0
    assert described.read_text() == before


def side(uploader, path, kind, **what):
    what.setdefault("asset", "")
    created, end = uploader.whole(path, kind=kind, recorded=core.NO_TIME, **what)
    assert end.kind == "RECEIPT", end
    assert [c.address for c in created] == [end.object]
    assert end.sha256 == hashlib.sha256(path.read_bytes()).digest()
    return end.object


def test_dir_side_objects(uploader, store, clip):
    uploader.open(core.DIR, store)
    path, old, new = clip(MIB), clip(5 * MIB, "old"), clip(700, "new")
    uploader.whole(path)
    at = side(uploader, old, core.LEDGER, name="00000001.log")
    assert at == "ledger/station-1/00000001.log"
    assert (store / at).read_bytes() == old.read_bytes()
    assert side(uploader, new, core.LEDGER, name="00000001.log") == at
    assert (store / at).read_bytes() == new.read_bytes(), "what is sent again replaces"
    at = side(uploader, old, core.CHECKPOINT, name="checkpoint")
    assert at == "ledger/station-1/checkpoint"
    assert side(uploader, new, core.CHECKPOINT, name="checkpoint") == at
    assert (store / at).read_bytes() == new.read_bytes()
    at = side(uploader, new, core.BUNDLE, name="proof", asset=asset_of(path))
    assert at == f"{asset_of(path)[:2]}/{asset_of(path)}.bundle"
    assert (store / at).read_bytes() == new.read_bytes()
    side(uploader, clip(0, "empty"), core.LEDGER, name="none")
    assert not [p for p in store.rglob("*.part")]
    assert sorted(p.name for p in (store / "ledger" / "station-1").iterdir()) == [
        "00000001.log", "checkpoint", "none"]


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "x.part", "a b", "ä", "." * 3,
                                  "x" * 200])
def test_dir_side_object_with_a_name_that_is_none(uploader, store, clip, name):
    uploader.open(core.DIR, store)
    _, end = uploader.whole(clip(10), kind=core.LEDGER, name=name, asset="")
    assert (end.kind, end.failure) == ("FAILED", core.REFUSED), end
    assert list(store.iterdir()) == []


def test_dir_description(uploader, store, clip):
    uploader.open(core.DIR, store)
    path = clip(MIB)
    uploader.whole(path, name="Überfall 1.mp4", dispose_by=1792592000, preserved=1, unit="U 9")
    at = stored(store, path)
    assert json.loads(at.with_name(f"{at.name}.json").read_text()) == {
        "asset": asset_of(path), "camera": "BWC-0001", "class": "not-yet-categorised",
        "dispose-by": "2026-10-21T14:13:20Z", "kind": "clip", "length": MIB,
        "name": "Überfall 1.mp4", "officer": "O-217", "preserved": "yes",
        "recorded": "2026-09-21T14:13:20Z", "unit": "U 9", "sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "signature": "unsigned",
        "station": "station-1"}


def test_dir_full(uploader, folder, clip):
    store = folder / "small"
    store.mkdir()
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size=4m,uid={USER},mode=700", "none", str(store)],
        capture_output=True, text=True)
    if "denied" in mount.stderr or "not permitted" in mount.stderr:
        pytest.skip("nobody may mount here, not even root")
    assert mount.returncode == 0, mount.stderr
    try:
        uploader.open(core.DIR, store)
        path = clip(6 * MIB)
        created, end = uploader.whole(path)
        assert (end.kind, end.failure) == ("FAILED", core.LATER) and "full" in end.text
        subprocess.run(["mount", "-o", "remount,size=16m", str(store)], check=True)
        _, end = uploader.whole(path, address=created[0].address)
        assert (end.kind, end.level) == ("RECEIPT", core.LOCAL)
        assert stored(store, path).read_bytes() == path.read_bytes()
    finally:
        uploader.kill()
        subprocess.run(["umount", str(store)], check=True)


def test_dir_larger_than_its_file_system_takes(uploader, store, clip):
    """As on FAT: that one is given up, the others go on."""
    uploader.open(core.DIR, store)
    subprocess.run(["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "prlimit",
                    f"--pid={uploader.process.pid}", f"--fsize={2 * MIB}:"], check=True)
    path = clip(3 * MIB, "large")
    _, end = uploader.whole(path)
    assert (end.kind, end.failure) == ("FAILED", core.REFUSED) and "4 GiB" in end.text
    assert not stored(store, path, ".part").exists()
    assert uploader.whole(clip(MIB))[1].kind == "RECEIPT"


@pytest.mark.parametrize("driver,point", [("dir", "uploader-dir-rename"), *(
    (driver, f"uploader-{what}") for driver in ("dir", "tus")
    for what in ("created", "patch", "sent", "receipted"))])
def test_killed_at_each_hand_over(folder, store, clip, point, driver):
    path = clip(5 * MIB)
    mark = folder / "mark"
    folder.chmod(0o777)
    with FaultServer() as s, Core(folder, PROGRAM, env={"DIE_AT": f"{point}:1",
                                                        "DIE_MARK": str(mark)}) as c:
        where = (core.DIR, store) if driver == "dir" else (core.TUS, s.url)
        c.open(*where)
        address = ""
        generation = c.upload(path)
        try:
            while data := c.sock.recv(8192):
                m = core.Message(data)
                if m.kind == "CREATED":
                    address = m.address
                    c.put("PROCEED", generation=generation)
        except (BrokenPipeError, ConnectionResetError):
            pass  # PROCEED found nobody
        assert c.process.wait(60) == -signal.SIGKILL and mark.read_bytes() == b"x"
        c.kill()
        c.start()
        c.open(*where)
        created, end = c.whole(path, address=address)
        assert end.kind == "RECEIPT" and created == []
        if driver == "dir":
            assert stored(store, path).read_bytes() == path.read_bytes()
        else:
            assert_whole(s, path)
