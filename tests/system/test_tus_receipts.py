"""Signed receipts and stored digests of a tus server, of a scripted one and of the stock one with its hook.

No upload is sent again for want of a receipt.
"""
import base64
import datetime
import hashlib
import subprocess
import urllib.error
import urllib.request

import pytest

import fake_core as core
from fake_core import asset_of
from servers import BY_ASSET, FaultServer, ReceiptServer, answer, finding, honest
from tus_receipts import NOTE, URL, note, open_tus, with_notes

MIB = 1 << 20


# ---- signed receipts ----

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


# ---- the stored digest ----

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
        open_tus(uploader, s, find_path=BY_ASSET)
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
