"""dockd-uploader alone, after the upload: asked again, removed, signed receipts, side objects.

The core's side is played message by message. What is asserted throughout: nothing is said to be lost
unless the destination itself works and does not have it; nothing is removed that may be another's; no
upload is sent again for want of a receipt.
"""
import hashlib
import json
import os
import pathlib
import shutil
import tempfile

import pytest

import fake_core as core
from fake_core import Core

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("DOCKD_BUILD", ROOT / "build")).resolve()
PROGRAM = BUILD / "test" / "dockd-uploader"
USER = 64123
MIB = 1 << 20


@pytest.fixture
def folder():
    path = pathlib.Path(tempfile.mkdtemp(prefix="dockd-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def clip(folder):
    def make(size, name="clip"):
        path = folder / name
        path.write_bytes(os.urandom(size))
        return path
    return make


@pytest.fixture
def uploader(folder):
    with Core(folder, PROGRAM, USER) as c:
        yield c


@pytest.fixture
def store(folder):
    path = folder / "store"
    path.mkdir()
    if os.getuid() == 0:
        os.chown(path, USER, USER)
    return path


def asset_id(path):
    return hashlib.sha256(b"camera" + hashlib.sha256(path.read_bytes()).digest()).hexdigest()


def stored(store, path):
    return store / asset_id(path)[:2] / asset_id(path)


def given(store, path):
    """What is stored of an asset, whatever it is called."""
    place = stored(store, path).parent
    return sorted(p.name for p in place.iterdir()) if place.is_dir() else []


# ---- dir: asked again ----

def test_dir_confirmed(uploader, store, clip):
    ready = uploader.open(core.DIR, store)
    assert ready.can == core.CONFIRMS
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


@pytest.mark.parametrize("whole_folder", [False, True])
def test_dir_lost(uploader, store, clip, whole_folder):
    uploader.open(core.DIR, store)
    path = clip(MIB)
    _, end = uploader.whole(path)
    at = stored(store, path)
    shutil.rmtree(at.parent) if whole_folder else at.unlink()
    m = uploader.errand("RECONFIRM", path, address=end.object)
    assert (m.kind, m.failure) == ("FAILED", core.LOST), m
    # and it can be sent again, to the same address
    assert uploader.whole(path, address=end.object)[1].kind == "RECEIPT"
    assert at.read_bytes() == path.read_bytes()


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
    m = uploader.errand("RECONFIRM", path, address=f"{asset_id(path)[:2]}/{asset_id(path)}")
    assert (m.kind, m.failure) == ("FAILED", core.AWAY), m


def test_dir_address_of_another_layout(uploader, store, clip):
    uploader.open(core.DIR, store, flags=core.DISPOSE)
    path = clip(MIB)
    uploader.whole(path)
    for kind in ("RECONFIRM", "REMOVE"):
        for address in ("", "../x", f"http://a/{asset_id(path)}"):
            m = uploader.errand(kind, path, address=address)
            assert (m.kind, m.failure) == ("FAILED", core.CANNOT), m
    assert stored(store, path).exists()


# ---- dir: removed ----

def test_dir_removed(uploader, store, clip):
    ready = uploader.open(core.DIR, store, flags=core.DISPOSE)
    assert ready.can == core.CONFIRMS | core.REMOVES
    path, other = clip(2 * MIB), clip(MIB, "other")
    _, end = uploader.whole(path)
    uploader.whole(other)
    uploader.whole(clip(900, "bundle"), name="proof", asset=asset_id(path), kind=core.BUNDLE)
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


def test_dir_removed_without_a_description(uploader, store, clip):
    """Then the file itself is read, and only its own digest lets it go."""
    uploader.open(core.DIR, store, flags=core.DISPOSE)
    path = clip(6 * MIB)
    _, end = uploader.whole(path)
    (stored(store, path).with_name(f"{asset_id(path)}.json")).unlink()
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


def test_dir_removes_nothing_where_the_mount_has_vanished(uploader, store, folder, clip):
    uploader.open(core.DIR, store, flags=core.DISPOSE)
    path = clip(MIB)
    _, end = uploader.whole(path)
    store.rename(folder / "elsewhere")
    store.mkdir()
    m = uploader.errand("REMOVE", path, address=end.object)
    assert (m.kind, m.failure) == ("FAILED", core.AWAY), m


# ---- dir: side objects and what goes with an asset ----

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
    at = side(uploader, new, core.BUNDLE, name="proof", asset=asset_id(path))
    assert at == f"{asset_id(path)[:2]}/{asset_id(path)}.bundle"
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
    uploader.whole(path, name="Überfall 1.mp4", dispose_by=1792592000, preserved=1)
    at = stored(store, path)
    assert json.loads(at.with_name(f"{at.name}.json").read_text()) == {
        "asset": asset_id(path), "camera": "BWC-0001", "class": "not-yet-categorised",
        "dispose-by": "2026-10-21T14:13:20Z", "kind": "clip", "length": MIB,
        "name": "Überfall 1.mp4", "preserved": "yes", "recorded": "2026-09-21T14:13:20Z",
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "signature": "unsigned",
        "station": "station-1"}
