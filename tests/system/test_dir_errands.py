"""A folder as a destination is asked again, told to remove, told to abandon; dockd-uploader alone.

Nothing is said to be lost unless the folder itself is there and does not have it; nothing is removed that
may be another's.
"""
import fcntl
import hashlib
import json
import os
import shutil
import signal
import struct

import pytest

import fake_core as core
from fake_core import PROGRAM, USER, Core, asset_of, stored

MIB = 1 << 20


def given(store, path):
    """What is stored of an asset, whatever it is called."""
    place = stored(store, path).parent
    return sorted(p.name for p in place.iterdir()) if place.is_dir() else []


def apart(clip, path):
    """Another clip, which lies in another folder: two letters of its id say in which."""
    while True:
        other = clip(MIB, "other")
        if asset_of(other)[:2] != asset_of(path)[:2]:
            return other


# ---- asked again ----

def test_dir_confirmed(uploader, store, clip):
    ready = uploader.open(core.DIR, store)
    assert ready.can == core.CONFIRMS | core.FINDS | core.ABANDONS
    path = clip(9 * MIB + 5)
    _, end = uploader.whole(path)
    m = uploader.errand("RECONFIRM", path, address=end.object)
    assert (m.kind, m.level, m.length, m.sent) == ("RECEIPT", ready.level, 9 * MIB + 5, 0), m
    assert m.sha256 == hashlib.sha256(path.read_bytes()).digest() and m.object == end.object
    # the slot is free again
    assert uploader.whole(clip(3, "b"))[1].kind == "RECEIPT"


@pytest.mark.parametrize("how", ["byte", "short", "long", "folder", "link"])
def test_dir_differs(uploader, store, clip, how):
    uploader.open(core.DIR, store)
    path = clip(5 * MIB)
    _, end = uploader.whole(path)
    at = stored(store, path)
    if how == "byte":
        with open(at, "r+b") as f:
            f.seek(4 * MIB + 1)
            byte = f.read(1)
            f.seek(-1, 1)
            f.write(bytes([byte[0] ^ 1]))
    elif how in ("short", "long"):
        os.truncate(at, 5 * MIB + (1 if how == "long" else -1))
    else:
        at.unlink()
        at.mkdir() if how == "folder" else at.symlink_to(path)
    m = uploader.errand("RECONFIRM", path, address=end.object)
    assert (m.kind, m.failure) == ("FAILED", core.DIFFERS), m


def test_dir_lost(uploader, store, clip):
    """One file, and one with its whole folder, in two slots at once."""
    uploader.open(core.DIR, store)
    paths = [clip(MIB), clip(MIB, "b")]
    ends = [uploader.whole(path)[1] for path in paths]
    stored(store, paths[0]).unlink()
    shutil.rmtree(stored(store, paths[1]).parent)
    for slot, (path, end) in enumerate(zip(paths, ends)):
        uploader.put("RECONFIRM", uploader.what(path, address=end.object), slot, 100 + slot)
    for _ in paths:
        m = uploader.get("FAILED")
        assert m.failure == core.LOST, m
    # and they can be sent again, to the same addresses
    for path, end in zip(paths, ends):
        assert uploader.whole(path, address=end.object)[1].kind == "RECEIPT"
        assert stored(store, path).read_bytes() == path.read_bytes()


def test_dir_vanished_mount_is_away_not_lost(uploader, store, folder, clip):
    uploader.open(core.DIR, store)
    path = clip(MIB)
    _, end = uploader.whole(path)
    store.rename(folder / "elsewhere")
    m = uploader.errand("RECONFIRM", path, address=end.object)
    assert (m.kind, m.failure) == ("FAILED", core.AWAY), m
    store.mkdir()  # the empty mount point
    os.chown(store, USER, USER)
    m = uploader.errand("RECONFIRM", path, address=end.object)
    assert (m.kind, m.failure) == ("FAILED", core.AWAY), m
    store.rmdir()
    (folder / "elsewhere").rename(store)
    assert uploader.errand("RECONFIRM", path, address=end.object).kind == "RECEIPT"


def test_dir_never_mounted_is_away(uploader, store, clip):
    """A mount point that was empty already when the uploader started."""
    uploader.open(core.DIR, store)
    path = clip(MIB)
    m = uploader.errand("RECONFIRM", path, address=f"{asset_of(path)[:2]}/{asset_of(path)}")
    assert (m.kind, m.failure) == ("FAILED", core.AWAY), m


def test_dir_address_of_another_layout(uploader, store, clip):
    uploader.open(core.DIR, store, flags=core.DISPOSE)
    path = clip(MIB)
    uploader.whole(path)
    for kind in ("RECONFIRM", "REMOVE"):
        for address in ("", "../x", f"http://a/{asset_of(path)}"):
            m = uploader.errand(kind, path, address=address)
            assert (m.kind, m.failure) == ("FAILED", core.CANNOT), m
    assert stored(store, path).exists()


# ---- removed ----

def test_dir_removed(uploader, store, clip):
    ready = uploader.open(core.DIR, store, flags=core.DISPOSE)
    assert ready.can == core.CONFIRMS | core.REMOVES | core.FINDS | core.ABANDONS
    path = clip(2 * MIB)
    other = apart(clip, path)
    _, end = uploader.whole(path)
    uploader.whole(other)
    uploader.whole(clip(900, "bundle"), name="proof", asset=asset_of(path), kind=core.BUNDLE)
    at = stored(store, path)
    # another asset's file in the same folder, and one that nobody of ours has made
    for name in ("0" * 64, f"{at.name}.notes", f"{at.name}x", f"{at.name}.damaged-x"):
        (at.parent / name).write_bytes(b"not ours")
    (at.parent / f"{at.name}.damaged-1790000000").write_bytes(b"a damaged copy")
    assert {f"{at.name}", f"{at.name}.json", f"{at.name}.bundle"} < set(given(store, path))
    m = uploader.errand("REMOVE", path, address=end.object)
    assert (m.kind, m.status) == ("REMOVED", 0), m
    assert given(store, path) == sorted(
        ["0" * 64, f"{at.name}.notes", f"{at.name}x", f"{at.name}.damaged-x"])
    assert stored(store, other).read_bytes() == other.read_bytes()
    m = uploader.errand("REMOVE", path, address=end.object)
    assert (m.kind, m.status) == ("REMOVED", -2), m


def test_dir_not_ours_to_dispose_of(uploader, store, clip):
    uploader.open(core.DIR, store)
    path = clip(MIB)
    _, end = uploader.whole(path)
    m = uploader.errand("REMOVE", path, address=end.object)
    assert (m.kind, m.failure) == ("FAILED", core.CANNOT), m
    assert stored(store, path).exists()


@pytest.mark.parametrize("how", ["size", "description", "bytes"])
def test_dir_removes_nothing_that_is_not_it(uploader, store, clip, how):
    uploader.open(core.DIR, store, flags=core.DISPOSE)
    path = clip(6 * MIB)
    _, end = uploader.whole(path)
    at = stored(store, path)
    described = at.with_name(f"{at.name}.json")
    if how == "size":
        os.truncate(at, 6 * MIB - 1)
    elif how == "description":
        described.write_text(json.dumps({"asset": "0" * 64, "sha256": "0" * 64}))
    else:
        described.unlink()
        at.write_bytes(os.urandom(6 * MIB))
    m = uploader.errand("REMOVE", path, address=end.object)
    assert (m.kind, m.failure) == ("FAILED", core.DIFFERS), m
    assert at.exists()


def test_dir_shared_by_two_stations(uploader, store, clip):
    """Both have a receipt for the one file: the one that was described last says when it goes."""
    uploader.open(core.DIR, store, flags=core.DISPOSE)
    path = clip(MIB)
    _, end = uploader.whole(path)
    described = stored(store, path).with_name(f"{asset_of(path)}.json")
    ours = json.loads(described.read_text())
    described.write_text(json.dumps({**ours, "station": "station-2"}))
    m = uploader.errand("REMOVE", path, address=end.object)
    assert (m.kind, m.failure) == ("FAILED", core.CANNOT) and "station" in m.text, m
    assert stored(store, path).exists()
    assert uploader.whole(path)[1].kind == "RECEIPT"
    assert json.loads(described.read_text()) == ours
    m = uploader.errand("REMOVE", path, address=end.object)
    assert (m.kind, m.status) == ("REMOVED", 0), m


def test_dir_removed_without_a_description(uploader, store, clip):
    """Then the file itself is read, and only its own digest lets it go."""
    uploader.open(core.DIR, store, flags=core.DISPOSE)
    path = clip(6 * MIB)
    _, end = uploader.whole(path)
    (stored(store, path).with_name(f"{asset_of(path)}.json")).unlink()
    m = uploader.errand("REMOVE", path, address=end.object)
    assert (m.kind, m.status) == ("REMOVED", 0), m
    assert given(store, path) == []


def test_dir_removal_that_was_cut_short(uploader, store, clip):
    uploader.open(core.DIR, store, flags=core.DISPOSE)
    path = clip(MIB)
    _, end = uploader.whole(path)
    stored(store, path).unlink()
    assert given(store, path) != []
    m = uploader.errand("REMOVE", path, address=end.object)
    assert (m.kind, m.status) == ("REMOVED", -2), m
    assert given(store, path) == []


@pytest.mark.parametrize("point", ["uploader-dir-remove", "uploader-removed"])
def test_dir_killed_while_removing(folder, store, clip, point):
    """Whatever was left is gone after the second time, and nothing else is."""
    path = clip(MIB)
    other = apart(clip, path)
    folder.chmod(0o777)
    with Core(folder, PROGRAM, USER, env={"DIE_AT": f"{point}:1",
                                          "DIE_MARK": str(folder / "mark")}) as c:
        c.open(core.DIR, store, flags=core.DISPOSE)
        _, end = c.whole(path)
        c.whole(other)
        c.put("REMOVE", c.what(path, address=end.object), 0, 99)
        assert c.process.wait(60) == -signal.SIGKILL
        assert not stored(store, path).exists()
        assert (given(store, path) != []) == (point == "uploader-dir-remove")
        c.kill()
        c.start()
        c.open(core.DIR, store, flags=core.DISPOSE)
        m = c.errand("REMOVE", path, address=end.object)
        assert (m.kind, m.status) == ("REMOVED", -2), m
        assert given(store, path) == []
        assert stored(store, other).read_bytes() == other.read_bytes()


def test_killed_while_asked_again(folder, store, clip):
    path = clip(MIB)
    folder.chmod(0o777)
    with Core(folder, PROGRAM, USER, env={"DIE_AT": "uploader-reconfirmed:1",
                                          "DIE_MARK": str(folder / "mark")}) as c:
        c.open(core.DIR, store)
        _, end = c.whole(path)
        assert c.errand("RECONFIRM", path, address=end.object).kind == "RECEIPT"
        assert c.process.wait(60) == -signal.SIGKILL
        c.kill()
        c.start()
        c.open(core.DIR, store)
        assert c.errand("RECONFIRM", path, address=end.object).kind == "RECEIPT"


def test_dir_removes_nothing_where_the_mount_has_vanished(uploader, store, folder, clip):
    uploader.open(core.DIR, store, flags=core.DISPOSE)
    path = clip(MIB)
    _, end = uploader.whole(path)
    store.rename(folder / "elsewhere")
    store.mkdir()
    m = uploader.errand("REMOVE", path, address=end.object)
    assert (m.kind, m.failure) == ("FAILED", core.AWAY), m


# ---- two stations, one folder ----

def test_dir_abandoned(uploader, store, clip):
    path = clip(MIB)
    uploader.open(core.DIR, store)
    created, _ = uploader.whole(path)
    address = created[0].address
    end = uploader.errand("ABANDON", path, address=address)
    assert (end.failure, end.state) == (core.CANNOT, "cannot")
    part = stored(store, path, ".part")
    stored(store, path).rename(part)
    with open(part, "r+b") as other:
        # as another station would hold it while it writes (F_OFD_SETLK, F_WRLCK)
        fcntl.fcntl(other, 37, struct.pack("hhqqi4x", 1, 0, 0, 0, 0))
        end = uploader.errand("ABANDON", path, address=address)
        assert (end.failure, end.state) == (core.LATER, "busy")
        assert part.exists()
    assert uploader.errand("ABANDON", path, address=address).status == 0
    assert not part.exists()
    assert uploader.errand("ABANDON", path, address=address).status == -2


def test_dir_removed_by_the_station_that_brought_it(uploader, store, clip):
    """What another one knows of it is not known here; asked again it would say the same."""
    path = clip(1000)
    uploader.open(core.DIR, store, flags=core.DISPOSE)
    created, _ = uploader.whole(path)
    beside = stored(store, path, ".json")
    ours = beside.read_text()
    beside.write_text(json.dumps({**json.loads(ours), "station": "Eastgate"}))
    end = uploader.errand("REMOVE", path, address=created[0].address)
    assert (end.kind, end.failure, end.state) == ("FAILED", core.CANNOT, "another-station"), end
    assert stored(store, path).read_bytes() == path.read_bytes() and "dispose of it there" in end.text
    beside.write_text(ours)
    assert uploader.errand("REMOVE", path, address=created[0].address).kind == "REMOVED"
    assert not stored(store, path).exists()
