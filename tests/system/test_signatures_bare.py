"""What dockd-verify says of bare ECDSA and Ed25519 signatures and of manifests, by enrolled keys."""
import base64
import hashlib

import pytest

import pki
from judge import NO_TIME
from signed_clip import CLIP, PATH, SERIAL, enrolled, expect, facts
from signed_clip import judge, keys  # noqa: F401 (fixtures)


def raw(signature, size):
    """r and s of a DER signature."""
    r, s = pki.split(pki.inside(signature))
    return b"".join(int.from_bytes(pki.inside(n), "big").to_bytes(size, "big") for n in (r, s))


@pytest.mark.parametrize("kind,size", [("p256", 32), ("p384", 48)])
def test_ecdsa_valid(judge, keys, kind, size):
    der = pki.ecdsa(CLIP, keys[kind])
    for sidecar in [der, raw(der, size), base64.b64encode(der), base64.b64encode(der) + b"\n",
                    base64.b64encode(raw(der, size)) + b"\n"]:
        j = judge.signature(facts("ecdsa", enrolled(keys[kind])), sidecar)
        expect(j, "valid")
        assert j.signer == pki.fingerprint(keys[kind]) and j.time == NO_TIME


def test_ecdsa_digests(judge, keys):
    sidecar = pki.ecdsa(CLIP, keys["p384"], "sha384")
    expect(judge.signature(facts("ecdsa", enrolled(keys["p384"])), sidecar), "mismatch")
    expect(judge.signature(facts("ecdsa", enrolled(keys["p384"]), digests="sha256 sha384"),
                           sidecar), "valid")
    expect(judge.signature(facts("ecdsa", enrolled(keys["p384"]), digests="sha384"),
                           pki.ecdsa(CLIP, keys["p384"])), "mismatch")
    expect(judge.signature(facts("ecdsa", enrolled(keys["p256"])),
                           pki.ecdsa(CLIP, keys["p256"], "sha1")), "mismatch")


def test_ecdsa_refused(judge, keys):
    good = pki.ecdsa(CLIP, keys["p256"])
    ours = enrolled(keys["p256"])

    def ask(sidecar, *known, **how):
        return judge.signature(facts("ecdsa", *known, **how), sidecar)

    expect(ask(good, ours, clip=CLIP + b"x"), "mismatch", "none of the enrolled keys")
    expect(ask(good, enrolled(keys["other"])), "mismatch")
    expect(ask(good), "untrusted-signer", "dockctl camera enroll")
    expect(ask(good, enrolled(keys["ed"]), enrolled(keys["rsa"])), "untrusted-signer")
    expect(ask(good, enrolled(keys["other"]), ours), "valid")
    expect(ask(good, enrolled(keys["p256"], "BWC-0043")), "signed-by-another-camera", "BWC-0043")
    expect(ask(good, enrolled(keys["p256"], revoked="2026-03-02")), "untrusted-signer", "revoked")
    expect(ask(good, enrolled(keys["p256"], revoked="2026-03-03")), "valid")
    expect(ask(good, ours, not_before=None), "valid", unproved=True)
    expect(ask(raw(pki.ecdsa(CLIP, keys["p384"]), 48), ours), "unreadable", "as long as")
    for bad in [b"", b"\n", good[:-1], good + b"\0", good + b"\n", base64.b64encode(good)[:-1],
                base64.b64encode(good) + b"\n\n", b" " + base64.b64encode(good), good * 2,
                good.hex().encode(), bytes(70), b"x" * 70000,
                pki.der(0x30, pki.der(2, b"\0\0" + pki.inside(pki.inside(good))),
                        pki.split(pki.inside(good))[1]),
                b"\x30\x81" + good[1:], b"\x30\x80" + pki.inside(good) + b"\0\0"]:
        expect(ask(bad, ours), "unreadable")
    zeros = pki.der(0x30, pki.der(2, b"\0"), pki.der(2, b"\0"))
    for bad in zeros, bytes(64):
        expect(ask(bad, ours), "mismatch")


def line(clip=CLIP, serial=SERIAL, length=None):
    n = len(clip) if length is None else length
    return f'{{"length":{n},"serial":"{serial}","sha256":"{hashlib.sha256(clip).hexdigest()}"}}\n'


def test_ed25519(judge, keys, tmp_path):
    def sign(text, key="ed"):
        return pki.ed25519(text.encode(), keys[key], tmp_path)

    def ask(sidecar, *known, **how):
        return judge.signature(facts("ed25519", *(known or [enrolled(keys["ed"])]), **how), sidecar)

    good = sign(line())
    for sidecar in good, base64.b64encode(good), base64.b64encode(good) + b"\n":
        j = ask(sidecar)
        expect(j, "valid", "digest, length and serial")
        assert j.signer == pki.fingerprint(keys["ed"])
    expect(ask(sign(line(serial='a\\"b\\\\c\\u00c3\\u00a9')), enrolled(keys["ed"], 'a"b\\cé'),
               serial='a"b\\cé'), "valid")
    for other in [line(CLIP + b"x"), line(length=1), line(serial="BWC-0043"), line()[:-1],
                  line() + "\n", line().replace(":", ": "), CLIP.decode()]:
        expect(ask(sign(other)), "mismatch")
    expect(ask(sign(line(), "ed_other")), "mismatch")
    expect(ask(sign(line(serial="BWC-0043"), "ed_other"), enrolled(keys["ed"]),
               enrolled(keys["ed_other"], "BWC-0043")), "signed-by-another-camera", "BWC-0043")
    expect(ask(good, enrolled(keys["p256"])), "untrusted-signer")
    expect(judge.signature(facts("ed25519"), good), "untrusted-signer", "enroll")
    expect(ask(good, enrolled(keys["ed"], revoked="2026-03-01")), "untrusted-signer", "revoked")
    for bad in [b"", good[:-1], good + b"\n", good + b"\0", base64.b64encode(good[:-1]),
                base64.b64encode(good) + b"x", b"x" * 70000]:
        expect(ask(bad), "unreadable", "" if len(bad) > 65536 else "RFC 8032")
    flipped = bytes([good[0] ^ 1]) + good[1:]
    expect(ask(flipped), "mismatch")
    j = ask(good, digests="sha384")
    assert j.status == -74 and "SHA-256" in j.trouble


NAME = f"dockd-camera/{SERIAL}"


def listing(*entries, head="dockd manifest v1", camera=f"camera {SERIAL}"):
    return "\n".join([head, camera, *entries]) + "\n"


def entry(clip=CLIP, path=PATH, length=None):
    n = len(clip) if length is None else length
    return f"{hashlib.sha256(clip).hexdigest()} {n} {path}"


def test_manifest(judge, keys, tmp_path):
    def sign(text, key="ed", name=NAME):
        return pki.note(text, name, keys[key], tmp_path)

    def ask(sidecar, *known, **how):
        return judge.signature(facts("manifest", *(known or [enrolled(keys["ed"])]), **how),
                               sidecar)

    others = [entry(b"other", "DCIM/100BWC/0002.MP4"), entry(b"", "DCIM/a name with spaces")]
    good = listing(others[0], entry(), others[1])
    j = ask(sign(good))
    expect(j, "valid", "manifest")
    assert j.signer == pki.fingerprint(keys["ed"])
    expect(ask(sign(good), clip=b"", path="DCIM/a name with spaces"), "valid")
    expect(ask(sign(good), clip=CLIP + b"x"), "mismatch", f"{len(CLIP)} bytes")
    expect(ask(sign(good), clip=CLIP[:-1] + b"x"), "mismatch", "SHA-256 in the manifest")
    expect(ask(sign(listing(*others))), "unsigned", "not in the manifest")
    expect(ask(sign(listing())), "unsigned", "not in the manifest")
    expect(ask(sign(good), path="0001.MP4"), "unsigned", "not in the manifest")
    expect(ask(sign(good, "ed_other")), "untrusted-signer")
    expect(judge.signature(facts("manifest"), sign(good)), "untrusted-signer")
    expect(ask(sign(good, name="dockd-camera/BWC-0043")), "untrusted-signer")
    expect(ask(sign(good, name="dockd-camera/BWC-0043"), enrolled(keys["ed"], "BWC-0043")),
           "signed-by-another-camera", "BWC-0043")
    expect(ask(sign(listing(entry(), camera="camera BWC-0043"))), "signed-by-another-camera")
    expect(ask(sign(good).replace(b"0001", b"0009")), "mismatch", "signature by a known key")
    expect(ask(sign(good), enrolled(keys["ed"], revoked="2026-03-01")), "untrusted-signer",
           "revoked")
    expect(ask(sign(listing(entry(), camera="camera a b"), name="dockd-camera/a%20b"),
               enrolled(keys["ed"], "a b"), serial="a b"), "valid")
    # A second signature, by somebody else, is no matter.
    twice = sign(good) + sign(good, "ed_other", "other").split(b"\n\n")[1]
    expect(ask(twice), "valid")
    hexes = hashlib.sha256(CLIP).hexdigest()
    for bad in [listing(entry(), entry()), listing(entry(), entry(b"x")),
                listing(entry(), head="dockd manifest v2"), listing(entry(), head=""),
                listing(entry(), camera=SERIAL), listing(entry(), ""), listing("", entry()),
                listing(entry().replace(" ", "  ", 1)), listing(entry(), hexes),
                listing(entry(), f"{hexes} 5"), listing(entry(), f"{hexes} 5 "),
                listing(entry(), f"{hexes} 05 a"), listing(entry(), f"{hexes} -5 a"),
                listing(entry(), f"{hexes} 99999999999999999999 a"),
                listing(entry(), f"{hexes.upper()} 5 a"), listing(entry(), f"{hexes[1:]} 5 a"),
                "dockd manifest v1\n"]:
        expect(ask(sign(bad)), "unreadable", "dockd-signature(5)")
    whole = sign(good)
    for bad in [b"", whole[:-1], whole + b"\n", whole + b"x\n", whole.split(b"\n\n")[0],
                good.encode(), whole.replace(b"\n", b"\r\n"), b"\xff" + whole, b"x" * 70000]:
        expect(ask(bad), "unreadable", "" if len(bad) > 65536 else "signed-note")
