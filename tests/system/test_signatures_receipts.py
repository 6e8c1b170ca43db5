"""What dockd-verify says of signed receipts, by pinned keys."""
import base64
import hashlib

import pytest

import pki
from judge import fact
from signed_clip import CLIP, at, expect
from signed_clip import judge, keys  # noqa: F401 (fixtures)

STATION, OBJECT, KEY_NAME = "dock-1", "https://evidence.example/files/17", "evidence.example/receipts"
ASSET = "ab" * 32


def receipt_facts(*keys, sent="2026-03-02", now="2026-03-03", **how):
    fields = dict(asset=ASSET, sha256=hashlib.sha256(CLIP).hexdigest(), length=len(CLIP),
                  station=STATION, object=OBJECT, sent=at(sent), now=at(now)) | how
    return fact("receipt", **fields) + "".join(keys)


def words(**how):
    """The text of a receipt, as a list of lines; how: other values, by key."""
    values = dict(sha256=hashlib.sha256(CLIP).hexdigest(), length=len(CLIP), asset=ASSET,
                  station=STATION, object=OBJECT, version="v7", time="2026-03-02T12:00:00Z") | how
    return [KEY_NAME, "dockd receipt v1", *(f"{k} {v}" for k, v in values.items())]


def pinned(key, name=KEY_NAME, start=None, end=None):
    return fact("key", vkey=pki.vkey(name, key), **{"from": start and at(start),
                                                     "until": end and at(end)})


@pytest.fixture
def server(judge, keys, tmp_path):
    """Signs lines as a receipt and has it judged."""

    def ask(lines, *known, key="ed", name=KEY_NAME, change=None, **how):
        raw = pki.note("\n".join(lines) + "\n", name, keys[key], tmp_path)
        if change:
            raw = change(raw)
        return judge.receipt(receipt_facts(*(known or [pinned(keys["ed"])]), **how), raw)

    return ask


def test_receipt_good(server, keys):
    j = server(words())
    expect(j, "good", "holds these bytes")
    assert (j.signer, j.version, j.time) == (KEY_NAME, "v7", at("2026-03-02") + 43200)
    assert server(words(version="-")).version == ""
    for time in "2026-03-01T23:55:00Z", "2026-03-03T00:05:00Z":
        expect(server(words(time=time)), "good")
    expect(server(words(time="2028-02-29T23:59:59Z"), now="2028-03-01"), "good")
    # Several pinned keys; a second signature by somebody else.
    expect(server(words(), pinned(keys["ed_other"]), pinned(keys["ed"])), "good")
    expect(server(words(), change=lambda raw: raw + raw.split(b"\n\n")[1].replace(
        KEY_NAME.encode(), b"other")), "good")


@pytest.mark.parametrize("field,value", [
    ("sha256", hashlib.sha256(b"other").hexdigest()),
    ("sha256", hashlib.sha256(CLIP).hexdigest().upper()), ("length", len(CLIP) - 1),
    ("length", f"0{len(CLIP)}"), ("length", f"+{len(CLIP)}"), ("asset", "cd" * 32),
    ("station", "dock-2"), ("station", "dock-1 "), ("object", OBJECT + "8"), ("object", OBJECT[:-1])])
def test_receipt_of_something_else(server, field, value):
    expect(server(words(**{field: value})), "other-asset", field)


def test_receipt_times(server, keys):
    for time in "2026-03-01T23:54:59Z", "1970-01-01T00:00:00Z":
        expect(server(words(time=time)), "wrong-time", "before the upload began")
    for time in "2026-03-03T00:05:01Z", "9999-12-31T23:59:59Z":
        expect(server(words(time=time)), "wrong-time", "in the future")
    for time in ["2026-03-02", "2026-03-02T12:00:00+00:00", "2026-03-02t12:00:00z",
                 "2026-03-02T12:00:00.0Z", "2026-02-29T12:00:00Z", "2026-13-01T12:00:00Z",
                 "2026-00-10T12:00:00Z", "2026-03-00T12:00:00Z", "2026-03-02T24:00:00Z",
                 "2026-03-02T12:60:00Z", "2026-03-02T12:00:60Z", "0000-01-01T00:00:00Z",
                 "2026-03-02T12:00:0xZ", "1772452800"]:
        expect(server(words(time=time)), "unreadable", "time is not")


def test_receipt_keys(server, keys, judge):
    expect(server(words(), key="ed_other"), "unknown-key", "not signed by a known key")
    expect(server(words(), name="evil.example"), "unknown-key")
    expect(judge.receipt(receipt_facts(), "a\n\n\N{EM DASH} b AAAAAAAA\n".encode()), "unknown-key")
    for start, end, result in [("2026-03-02", None, "good"), (None, "2026-03-03", "good"),
                               ("2026-03-02", "2026-03-03", "good"),
                               ("2026-03-03", None, "unknown-key"),
                               (None, "2026-03-02", "unknown-key"),
                               ("2027-01-01", "2028-01-01", "unknown-key")]:
        expect(server(words(), pinned(keys["ed"], start=start, end=end)), result)
    assert "not in force" in server(words(), pinned(keys["ed"], end="2026-03-02")).text
    # Signed by a pinned key under its own name, but the text is another origin's.
    expect(server(["other", *words()[1:]]), "unreadable", "origin")


def test_receipt_forged(server):
    for old, new in [(b"length", b"lengtH"), (ASSET.encode(), b"cd" * 32), (b"v7", b"v8")]:
        expect(server(words(), change=lambda raw, old=old, new=new: raw.replace(old, new)),
               "bad-signature", "is wrong")

    def flip(raw):
        head, _, blob = raw.rpartition(b" ")
        blob = bytearray(base64.b64decode(blob))
        blob[-1] ^= 1
        return head + b" " + base64.b64encode(blob) + b"\n"

    expect(server(words(), change=flip), "bad-signature")


def test_receipt_unreadable(server):
    good = words()
    for i in range(2, len(good)):
        expect(server(good[:i] + good[i + 1:]), "unreadable", "dockd-receipt(5)")
        expect(server(good[:i] + [good[i]] * 2 + good[i + 1:]), "unreadable", "dockd-receipt(5)")
        expect(server(good[:i] + [good[i].split()[0] + " "] + good[i + 1:]), "unreadable")
        expect(server(good[:i] + [good[i].replace(" ", "", 1)] + good[i + 1:]), "unreadable")
    swapped = good[:2] + [good[3], good[2]] + good[4:]
    for bad in swapped, [*good, "note anything"], [*good, ""], good[1:], [good[0], *good], \
            [good[0], "dockd receipt v2", *good[2:]], [good[0], good[1] + " ", *good[2:]]:
        expect(server(bad), "unreadable", "dockd-receipt(5)")
    expect(server(words(version="x" * 128)), "unreadable", "version")
    for change in [lambda raw: raw + b"x\n", lambda raw: raw + b"\n", lambda raw: raw[:-1],
                   lambda raw: b"", lambda raw: raw.split(b"\n\n")[0] + b"\n",
                   lambda raw: raw.replace(b"\n", b"\r\n"), lambda raw: raw.replace(b"v7", b"v\0"),
                   lambda raw: raw + bytes(70000), lambda raw: b"{}"]:
        expect(server(good, change=change), "unreadable", "signed-note")
    # Two receipts in one are one note with another text.
    expect(server(good, change=lambda raw: raw * 2), "bad-signature")


def test_receipt_facts_that_are_not_as_agreed(judge, keys):
    good = receipt_facts(pinned(keys["ed"]))
    for bad in "", good[:-1], good.replace('"sent"', '"went"'), good.replace("+", "-"), \
            good + fact("key", vkey="x"), receipt_facts(sha256="x"):
        j = judge.receipt(bad, b"x")
        assert j.status == -74 and j.result == "", (bad, j)
