"""dockd-uploader alone, after the upload: asked again, removed, signed receipts, side objects.

The core's side is played message by message. What is asserted throughout: nothing is said to be lost
unless the destination itself works and does not have it; nothing is removed that may be another's; no
upload is sent again for want of a receipt.
"""
import base64
import datetime
import hashlib
import json
import os
import shutil
import signal
import subprocess
import urllib.error
import urllib.request

import pytest

import fake_core as core
from fake_core import PROGRAM, USER, Core, asset_of, stored
from servers import FaultServer, ReceiptServer, answer, finding, honest, say

MIB = 1 << 20


def given(store, path):
    """What is stored of an asset, whatever it is called."""
    place = stored(store, path).parent
    return sorted(p.name for p in place.iterdir()) if place.is_dir() else []


# ---- dir: asked again ----

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


def test_dir_described_again(uploader, store, clip):
    uploader.open(core.DIR, store)
    path = clip(MIB)
    _, end = uploader.whole(path)
    described = stored(store, path).with_name(f"{asset_of(path)}.json")
    before = described.read_text()
    described.unlink()
    assert uploader.whole(path, address=end.object)[1].sent == 0
    assert described.read_text() == before


# ---- dir: removed ----

def test_dir_removed(uploader, store, clip):
    ready = uploader.open(core.DIR, store, flags=core.DISPOSE)
    assert ready.can == core.CONFIRMS | core.REMOVES | core.FINDS | core.ABANDONS
    path, other = clip(2 * MIB), clip(MIB, "other")
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
    path, other = clip(MIB), clip(MIB, "other")
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


# ---- tus: signed receipts ----

NOTE = "evidence.example\ndockd receipt v1\n…\n\n— evidence.example AAAA\n".encode()
URL = "/files/1/receipt"


def note(status=200, *headers, body=NOTE):
    """A step that answers the asking for a receipt."""
    def step(_server, request):
        assert request.method == "GET"
        assert request.headers["cache-control"] == "no-cache"
        return answer(status, *headers, body=body)
    return step


def with_notes(*steps):
    """An honest server; its receipts are the steps, and the last one stays."""
    left = list(steps)

    def otherwise(server, request):
        if request.path.endswith("/receipt"):
            return (left.pop(0) if len(left) > 1 else left[0])(server, request)
        return honest(server, request)
    return FaultServer(otherwise=otherwise)


def open_tus(uploader, server, flags=core.RECEIPTS, **how):
    return uploader.open(core.TUS, server.url, flags=flags,
                         receipt_path="/receipt" if flags & core.RECEIPTS else "", **how)


@pytest.mark.parametrize("size", [0, MIB + 1])
def test_signed(uploader, clip, size):
    with with_notes(note()) as s:
        ready = open_tus(uploader, s)
        assert (ready.level, ready.can) == (core.SIGNED, core.CONFIRMS | core.ABANDONS)
        _, end = uploader.whole(clip(size))
        assert (end.kind, end.level, end.length) == ("RECEIPT", core.SIGNED, size), end
        assert end.raw == NOTE and end.sha256 == bytes(32)
        assert end.object == f"{s.url}/1"


@pytest.mark.parametrize("status,headers", [(404, ["Retry-After: 1"]), (202, []), (503, []),
                                            (425, []), (204, [])])
def test_signed_late(uploader, clip, status, headers):
    """Asked for again in the slot; nothing is sent again."""
    with with_notes(note(status, *headers), note(status, *headers), note()) as s:
        open_tus(uploader, s)
        path = clip(MIB)
        _, end = uploader.whole(path)
        assert (end.kind, end.level, end.sent) == ("RECEIPT", core.SIGNED, MIB), end
        assert len(s.seen("PATCH")) == len(s.seen("POST")) == 1


@pytest.mark.parametrize("answers", [
    note(404), note(410), note(404, "Retry-After: 30"), note(403), note(400), note(413), note(405),
    note(302, "Location: https://elsewhere.example/"), note(501),
    note(body=b""), note(body=b"\xff\xfe"), note(body=b"a\0b"), note(body=b"x" * 2049),
    note(body=b"\xed\xa0\x80"), note(body=b"x" * 300000), lambda *_: None])
def test_signed_not_given(uploader, clip, answers):
    """Erasing waits, with a reason; the upload stays, and is not sent again."""
    with with_notes(answers) as s:
        open_tus(uploader, s)
        path = clip(MIB)
        created, end = uploader.whole(path)
        assert (end.kind, end.failure, end.offset) == ("FAILED", core.LATER, MIB), end
        assert end.text
        sent = len(s.seen("PATCH"))
        s.otherwise = with_notes(note()).otherwise
        _, end = uploader.whole(path, address=created[0].address)
        assert (end.kind, end.level, end.sent) == ("RECEIPT", core.SIGNED, 0), end
        assert len(s.seen("PATCH")) == sent and len(s.uploads) == 1


def test_signed_honours_a_long_retry_after(uploader, clip):
    with with_notes(note(404, "Retry-After: 30")) as s:
        open_tus(uploader, s)
        _, end = uploader.whole(clip(MIB))
        assert (end.kind, end.failure, end.retry_after) == ("FAILED", core.LATER, 30000), end
        assert len([r for r in s.requests if r.path == URL]) == 1, "the slot is free at once"


def test_signed_of_2048_bytes(uploader, clip):
    with with_notes(note(body=b"x" * 2048)) as s:
        open_tus(uploader, s)
        _, end = uploader.whole(clip(MIB))
        assert end.kind == "RECEIPT" and end.raw == b"x" * 2048


def test_signed_and_read_back(uploader, clip):
    with with_notes(note()) as s:
        open_tus(uploader, s, flags=core.RECEIPTS | core.READ_BACK)
        path = clip(MIB)
        assert uploader.whole(path)[1].level == core.SIGNED
        assert [r.path for r in s.seen("GET")] == ["/files/1", URL]

        def rots(server, request):
            honest(server, request)
            server.uploads[request.path][1][5] ^= 1
            return answer(204, f"Upload-Offset: {MIB}")
        s.script = [honest, rots]
        _, end = uploader.whole(clip(MIB, "b"))
        assert (end.kind, end.level) == ("RECEIPT", core.READBACK), "the core compares"
        assert end.sha256 not in (bytes(32), hashlib.sha256(path.read_bytes()).digest())


def test_side_objects_have_no_signed_receipt(uploader, clip):
    with with_notes(note(404)) as s:
        open_tus(uploader, s)
        path = clip(900)
        _, end = uploader.whole(path, kind=core.LEDGER, name="00000001.log", asset="",
                                recorded=core.NO_TIME)
        assert (end.kind, end.level) == ("RECEIPT", core.LENGTH)
        sent = s.seen("POST")[0].headers["upload-metadata"]
        metadata = {k: base64.b64decode(v).decode() for k, v in
                    (pair.split(" ") for pair in sent.split(","))}
        assert metadata == {"filename": "00000001.log", "kind": "ledger", "station": "station-1",
                            "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
        # what has changed since is a new upload, whatever the old address holds
        other = clip(901, "other")
        created, end = uploader.whole(other, kind=core.LEDGER, name="00000001.log", asset="",
                                      address=end.object)
        assert end.kind == "RECEIPT" and [c.address for c in created] == [f"{s.url}/2"]


# ---- tus: the stored digest ----

def states(digest):
    def otherwise(server, request):
        if request.method == "HEAD" and "want-repr-digest" in request.headers:
            return answer(200, f"Upload-Offset: {len(server.uploads[request.path][1])}",
                          f"Repr-Digest: {digest}")
        return honest(server, request)
    return otherwise


@pytest.mark.parametrize("right", [True, False])
def test_stored_digest(uploader, clip, right):
    path = clip(MIB)
    digest = hashlib.sha256(path.read_bytes() + (b"" if right else b"x")).digest()
    text = f"sha-512=:AAAA:, sha-256=:{base64.b64encode(digest).decode()}:"
    with FaultServer(otherwise=states(text)) as s:
        ready = open_tus(uploader, s, flags=core.STATED)
        assert (ready.level, ready.can) == (core.STORED_DIGEST, core.ABANDONS)
        _, end = uploader.whole(path)
        assert (end.kind, end.level, end.sha256) == ("RECEIPT", core.STORED_DIGEST, digest), end


@pytest.mark.parametrize("text", ["", "sha-256=:AAAA:", "sha-256=AAAA", "md5=:AAAA:"])
def test_stored_digest_not_stated(uploader, clip, text):
    with FaultServer(otherwise=states(text)) as s:
        open_tus(uploader, s, flags=core.STATED)
        _, end = uploader.whole(clip(MIB))
        assert (end.kind, end.level, end.sha256) == ("RECEIPT", core.LENGTH, bytes(32)), end


# ---- tus: asked again ----

WAYS = pytest.mark.parametrize("flags", [core.RECEIPTS, core.READ_BACK])


@WAYS
def test_tus_confirmed(uploader, clip, flags):
    with with_notes(note()) as s:
        open_tus(uploader, s, flags=flags)
        path = clip(MIB)
        _, end = uploader.whole(path)
        m = uploader.errand("RECONFIRM", path, address=end.object)
        assert (m.kind, m.length, m.sent, m.object) == ("RECEIPT", MIB, 0, end.object), m
        if flags == core.RECEIPTS:
            assert m.level == core.SIGNED and m.raw == NOTE
        else:
            assert m.level == core.READBACK
            assert m.sha256 == hashlib.sha256(path.read_bytes()).digest()


def test_tus_without_a_way_to_ask(uploader, clip):
    with FaultServer() as s:
        assert open_tus(uploader, s, flags=core.CHECKSUM).can == core.ABANDONS
        path = clip(MIB)
        _, end = uploader.whole(path)
        asked = len(s.requests)
        m = uploader.errand("RECONFIRM", path, address=end.object)
        assert (m.kind, m.failure) == ("FAILED", core.CANNOT), m
        assert len(s.requests) == asked


@pytest.mark.parametrize("flags,status", [(core.RECEIPTS, 404), (core.READ_BACK, 410)])
def test_tus_lost(uploader, clip, flags, status):
    def gone(server, request):
        if request.method in ("GET", "HEAD"):
            return answer(status)
        return honest(server, request)
    with with_notes(note()) as s:
        open_tus(uploader, s, flags=flags)
        path = clip(MIB)
        _, end = uploader.whole(path)
        s.otherwise = gone
        asked = len(s.requests)
        m = uploader.errand("RECONFIRM", path, address=end.object)
        assert (m.kind, m.failure) == ("FAILED", core.LOST), m
        assert [r.method for r in s.requests[asked:]] == ["GET", "HEAD", "OPTIONS"] * 2


def test_tus_lost_only_for_a_moment(uploader, clip):
    """A server that came up before its disk did."""
    with with_notes(note()) as s:
        open_tus(uploader, s)
        path = clip(MIB)
        _, end = uploader.whole(path)
        s.script = [say(404), say(404)]
        m = uploader.errand("RECONFIRM", path, address=end.object)
        assert m.kind == "RECEIPT", m


@WAYS
@pytest.mark.parametrize("options", [say(404), say(200), say(302, "Location: /login"), say(405)])
def test_tus_404_of_a_proxy_is_no_loss(uploader, clip, flags, options):
    def proxy(server, request):
        return options(server, request) if request.method == "OPTIONS" else answer(404)
    with with_notes(note()) as s:
        open_tus(uploader, s, flags=flags)
        path = clip(MIB)
        _, end = uploader.whole(path)
        s.otherwise = proxy
        m = uploader.errand("RECONFIRM", path, address=end.object)
        assert (m.kind, m.failure) == ("FAILED", core.BAD_DESTINATION), m


@WAYS
def test_tus_trouble_is_no_loss(uploader, clip, flags):
    """In four slots at once: each waits for its own end."""
    troubles = [say(500), say(503, "Retry-After: 60"), lambda *_: None, say(429)]
    with with_notes(note()) as s:
        open_tus(uploader, s, flags=flags)
        paths = [clip(MIB, f"c{i}") for i in range(4)]
        ends = [uploader.whole(path)[1] for path in paths]
        s.otherwise = lambda server, r: troubles[int(r.path.split("/")[2]) - 1](server, r)
        for slot, (path, end) in enumerate(zip(paths, ends)):
            uploader.put("RECONFIRM", uploader.what(path, address=end.object), slot, 100 + slot)
        failed = [uploader.get("FAILED") for _ in paths]
        assert sorted(m.slot for m in failed) == [0, 1, 2, 3]
        assert {m.failure for m in failed} == {core.LATER}, failed


@WAYS
def test_tus_away_is_no_loss(uploader, clip, flags):
    with with_notes(note()) as s:
        open_tus(uploader, s, flags=flags)
        path = clip(MIB)
        _, end = uploader.whole(path)
        s.otherwise = lambda *_: None  # the connection that is still there
    m = uploader.errand("RECONFIRM", path, address=end.object)
    assert (m.kind, m.failure) == ("FAILED", core.AWAY), m


@pytest.mark.parametrize("how", ["byte", "short", "long"])
def test_tus_differs(uploader, clip, how):
    with FaultServer() as s:
        open_tus(uploader, s, flags=core.READ_BACK)
        path = clip(MIB)
        _, end = uploader.whole(path)
        held = s.uploads["/files/1"][1]
        if how == "byte":
            held[MIB // 2] ^= 1
        elif how == "short":
            del held[-1:]
        else:
            held += b"x"
        m = uploader.errand("RECONFIRM", path, address=end.object)
        assert (m.kind, m.failure) == ("FAILED", core.DIFFERS), m


def test_tus_long_error_page_is_no_clip(uploader, clip):
    """An error's body is longer than the clip: nothing is concluded from it."""
    with FaultServer() as s:
        open_tus(uploader, s, flags=core.READ_BACK)
        path = clip(10)
        _, end = uploader.whole(path)
        s.otherwise = say(403, body=b"x" * 5000)
        m = uploader.errand("RECONFIRM", path, address=end.object)
        assert (m.kind, m.failure, m.http) == ("FAILED", core.BAD_DESTINATION, 403), m


def test_tus_receipt_withheld_later(uploader, clip):
    """The server still has it but gives no receipt any more: no loss, and no confirmation."""
    with with_notes(note(), note(404)) as s:
        open_tus(uploader, s)
        path = clip(MIB)
        _, end = uploader.whole(path)
        m = uploader.errand("RECONFIRM", path, address=end.object)
        assert (m.kind, m.failure) == ("FAILED", core.LATER), m


@pytest.mark.parametrize("kind", ["RECONFIRM", "REMOVE"])
def test_tus_address_on_another_host(uploader, clip, kind):
    with FaultServer() as s, FaultServer() as other:
        open_tus(uploader, s, flags=core.READ_BACK | core.DISPOSE)
        path = clip(MIB)
        uploader.whole(path)
        for address in ("", f"{other.url}/1", "http://user@127.0.0.1/"):
            m = uploader.errand(kind, path, address=address)
            assert (m.kind, m.failure) == ("FAILED", core.CANNOT), m
        assert not other.requests and not s.seen("DELETE")


# ---- tus: removed ----

def deletes(server, request):
    if request.method == "DELETE":
        return answer(204 if server.uploads.pop(request.path, None) else 404)
    return honest(server, request)


def test_tus_removed(uploader, clip):
    with FaultServer(otherwise=deletes) as s:
        assert open_tus(uploader, s, flags=core.DISPOSE).can == core.REMOVES | core.ABANDONS
        path = clip(MIB)
        _, end = uploader.whole(path)
        m = uploader.errand("REMOVE", path, address=end.object)
        assert (m.kind, m.status) == ("REMOVED", 0), m
        assert not s.uploads
        m = uploader.errand("REMOVE", path, address=end.object)
        assert (m.kind, m.status) == ("REMOVED", -2), m
        assert len(s.seen("DELETE")) == 1


def test_tus_not_ours_to_dispose_of(uploader, clip):
    with FaultServer(otherwise=deletes) as s:
        assert open_tus(uploader, s, flags=0).can == core.ABANDONS
        path = clip(MIB)
        _, end = uploader.whole(path)
        m = uploader.errand("REMOVE", path, address=end.object)
        assert (m.kind, m.failure) == ("FAILED", core.CANNOT), m
        assert s.uploads and not s.seen("DELETE")


def test_tus_server_that_removes_nothing(uploader, clip):
    def keeps(server, request):
        if request.method == "OPTIONS":
            return answer(204, "Tus-Resumable: 1.0.0", "Tus-Extension: creation")
        return deletes(server, request)
    with FaultServer(otherwise=keeps) as s:
        assert open_tus(uploader, s, flags=core.DISPOSE).can == 0
        path = clip(MIB)
        _, end = uploader.whole(path)
        m = uploader.errand("REMOVE", path, address=end.object)
        assert (m.kind, m.failure) == ("FAILED", core.CANNOT), m
        assert s.uploads and not s.seen("DELETE")


@pytest.mark.parametrize("status", [405, 501])
def test_tus_delete_not_let_through(uploader, clip, status):
    with FaultServer() as s:
        open_tus(uploader, s, flags=core.DISPOSE)
        path = clip(MIB)
        _, end = uploader.whole(path)
        s.script = [honest, say(status)]
        m = uploader.errand("REMOVE", path, address=end.object)
        assert (m.kind, m.failure) == ("FAILED", core.CANNOT), m


def test_tus_answer_to_delete_is_lost(uploader, clip):
    def lost_delete(server, request):
        deletes(server, request)
        return None
    with FaultServer(otherwise=deletes) as s:
        open_tus(uploader, s, flags=core.DISPOSE)
        path = clip(MIB)
        _, end = uploader.whole(path)
        s.script = [honest, lost_delete]
        m = uploader.errand("REMOVE", path, address=end.object)
        assert (m.kind, m.status) == ("REMOVED", -2), m


def test_tus_server_that_only_says_it_has_removed_it(uploader, clip):
    def pretends(server, request):
        return answer(204) if request.method == "DELETE" else honest(server, request)
    with FaultServer(otherwise=pretends) as s:
        open_tus(uploader, s, flags=core.DISPOSE)
        path = clip(MIB)
        _, end = uploader.whole(path)
        m = uploader.errand("REMOVE", path, address=end.object)
        assert (m.kind, m.failure) == ("FAILED", core.LATER), m


@pytest.mark.parametrize("how", ["length", "asset"])
def test_tus_removes_nothing_that_is_not_it(uploader, clip, how):
    other = base64.b64encode(b"0" * 64).decode()

    def another(server, request):
        if request.method == "HEAD":
            return answer(200, f"Upload-Offset: {MIB}",
                          *([f"Upload-Length: {MIB + 1}"] if how == "length" else
                            [f"Upload-Metadata: filename YQ==,asset {other}"]))
        return deletes(server, request)
    with FaultServer(otherwise=deletes) as s:
        open_tus(uploader, s, flags=core.DISPOSE)
        path = clip(MIB)
        _, end = uploader.whole(path)
        s.otherwise = another
        m = uploader.errand("REMOVE", path, address=end.object)
        assert (m.kind, m.failure) == ("FAILED", core.DIFFERS), m
        assert s.uploads and not s.seen("DELETE")


def test_tus_404_of_a_proxy_is_no_removal(uploader, clip):
    with FaultServer(otherwise=deletes) as s:
        open_tus(uploader, s, flags=core.DISPOSE)
        path = clip(MIB)
        _, end = uploader.whole(path)
        s.otherwise = say(404)
        m = uploader.errand("REMOVE", path, address=end.object)
        assert (m.kind, m.failure) == ("FAILED", core.BAD_DESTINATION), m


def test_stopped(uploader, clip):
    with FaultServer() as s:
        open_tus(uploader, s, flags=core.READ_BACK)
        path = clip(MIB)
        _, end = uploader.whole(path)

        def never(server, _request):
            server.released.wait(20)
            return None
        s.script = [never]
        uploader.generation += 1
        uploader.put("RECONFIRM", uploader.what(path, address=end.object), 0, uploader.generation)
        uploader.put("STOP_UPLOAD", generation=uploader.generation)
        m = uploader.get("FAILED")
        assert (m.failure, m.generation) == (core.STOPPED, uploader.generation), m


# ---- the stock server with the hook ----

def check_note(server, note, **expected):
    """The note as dockd-receipt(5) has it, checked by other code than dockd's."""
    text, signatures = note.decode().rsplit("\n\n", 1)
    text += "\n"
    assert signatures.startswith("\u2014 evidence.example ") and signatures.endswith("\n")
    raw = base64.b64decode(signatures.strip().split(" ")[2], validate=True)
    name, key_id, key = server.vkey.split("+", 2)
    assert name == "evidence.example" and raw[:4].hex() == key_id
    key = base64.b64decode(key, validate=True)
    assert key[0] == 1
    assert hashlib.sha256(b"evidence.example\n" + key).hexdigest()[:8] == key_id
    der = bytes.fromhex("302a300506032b6570032100") + key[1:]
    for file, data in (("key.der", der), ("text", text.encode()), ("sig", raw[4:])):
        (server.keys / file).write_bytes(data)
    subprocess.run(["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", server.keys / "key.der",
                    "-keyform", "DER", "-rawin", "-in", server.keys / "text", "-sigfile",
                    server.keys / "sig"], check=True, stdout=subprocess.DEVNULL)
    lines = text.splitlines()
    assert lines[:2] == ["evidence.example", "dockd receipt v1"]
    facts = dict(line.split(" ", 1) for line in lines[2:])
    assert list(facts) == ["sha256", "length", "asset", "station", "object", "version", "time"]
    assert facts["version"] == "-"
    datetime.datetime.strptime(facts["time"], "%Y-%m-%dT%H:%M:%SZ")
    for key, value in expected.items():
        assert facts[key] == value, key


def test_stock_server_with_the_hook(uploader, folder, clip):
    with ReceiptServer(folder / "uploads") as s:
        open_tus(uploader, s)
        path = clip(3 * MIB + 1)
        _, end = uploader.whole(path)
        assert (end.kind, end.level) == ("RECEIPT", core.SIGNED), end
        at = end.object.rsplit("/", 1)[1]
        expected = dict(sha256=hashlib.sha256(path.read_bytes()).hexdigest(), object=at,
                        length=str(3 * MIB + 1), asset=asset_of(path), station="station-1")
        check_note(s, end.raw, **expected)
        m = uploader.errand("RECONFIRM", path, address=end.object)
        check_note(s, m.raw, **expected)
        # from storage, not from what was sent
        with open(s.folder / at, "r+b") as f:
            f.write(b"changed")
        m = uploader.errand("RECONFIRM", path, address=end.object)
        check_note(s, m.raw, **{**expected, "sha256": hashlib.sha256(
            (s.folder / at).read_bytes()).hexdigest()})
        (s.folder / at).unlink()
        m = uploader.errand("RECONFIRM", path, address=end.object)
        assert (m.kind, m.failure) == ("FAILED", core.LOST), m


def asked_by(station, url):
    request = urllib.request.Request(url, headers={"Dockd-Station": station} if station else {})
    try:
        with urllib.request.urlopen(request) as r:
            return r.status, r.read()
    except urllib.error.HTTPError as e:
        return e.code, b""


def test_stock_receipt_is_for_the_station_that_asks(uploader, folder, clip):
    with ReceiptServer(folder / "uploads") as s:
        open_tus(uploader, s)
        _, end = uploader.whole(clip(MIB))
        for station, named in (("", "station-1"), ("station-2", "station-2"), ("A.b_9", "A.b_9")):
            status, note = asked_by(station, f"{end.object}/receipt")
            assert status == 200
            check_note(s, note, station=named)
        for bad in ("-x", "a b", "x" * 64, "a\tb"):
            assert asked_by(bad, f"{end.object}/receipt")[0] == 400


def test_stock_damaged_upload_is_not_found_again(uploader, folder, clip):
    """It stays where it is; the next station, or the next try, makes a sound one."""
    with ReceiptServer(folder / "uploads", **finding(folder / "uploads", 100)) as s:
        open_tus(uploader, s, find_path="by-asset/{asset}")
        path = clip(MIB)
        _, end = uploader.whole(path)
        file = s.folder / end.object.rsplit("/", 1)[1]
        damaged = b"changed" + path.read_bytes()[7:]
        file.write_bytes(damaged)
        created, end = uploader.whole(path)
        assert created[0].found == 1 and end.sent == 0
        assert hashlib.sha256(damaged).hexdigest().encode() in end.raw
        created, end = uploader.whole(path)
        assert created[0].found == 0 and end.sent == MIB
        check_note(s, end.raw, sha256=hashlib.sha256(path.read_bytes()).hexdigest())
        assert sorted(s.uploads().values()) == sorted([damaged, path.read_bytes()])


def test_stock_server_removes(uploader, folder, clip):
    with ReceiptServer(folder / "uploads") as s:
        open_tus(uploader, s, flags=core.RECEIPTS | core.DISPOSE)
        path = clip(MIB)
        _, end = uploader.whole(path)
        m = uploader.errand("REMOVE", path, address=end.object)
        assert (m.kind, m.status) == ("REMOVED", 0), m
        assert not s.uploads()


def test_lying_server(uploader, folder, clip):
    """The lies are what they are called: told to the core as they are, lost or late."""
    with ReceiptServer(folder / "uploads") as s:
        open_tus(uploader, s)
        path = clip(MIB)
        _, end = uploader.whole(path)
        honest_note = end.raw
        for lie in ("wrong-digest", "wrong-length", "wrong-asset", "wrong-station", "wrong-object",
                    "old", "future", "forged", "foreign-key", "foreign-same-name", "garbage",
                    "html", "wrong-format"):
            s.lie(lie)
            m = uploader.errand("RECONFIRM", path, address=end.object)
            assert (m.kind, m.level) == ("RECEIPT", core.SIGNED), (lie, m)
            assert m.raw != honest_note, lie
        for lie in ("empty", "oversized", "nul", "missing"):
            s.lie(lie)
            m = uploader.errand("RECONFIRM", path, address=end.object)
            assert (m.kind, m.failure) == ("FAILED", core.LATER), (lie, m)
        s.lie("lost-proxy")
        m = uploader.errand("RECONFIRM", path, address=end.object)
        assert (m.kind, m.failure) == ("FAILED", core.BAD_DESTINATION), m
        s.lie("lose")
        assert uploader.errand("RECONFIRM", path, address=end.object).kind == "RECEIPT"
        s.lie()
        m = uploader.errand("RECONFIRM", path, address=end.object)
        assert (m.kind, m.failure) == ("FAILED", core.LOST), m
        assert [kind for kind, _ in s.told()][-1] == "lose"
