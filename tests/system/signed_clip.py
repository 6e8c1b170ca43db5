"""A clip whose signatures and receipts are judged: what a core tells of it, its keys, and what is expected.

Each case of the tests has the result that dockd-signature(5) or dockd-receipt(5) gives, and a word of the
sentence that comes with it.
"""
import base64
import hashlib

import pytest

import pki
from judge import Judge, fact
from pki import day

SERIAL = "BWC-0042"
CLIP = b"one shift, as the camera recorded it\n" * 1000
PATH = "DCIM/100BWC/0001.MP4"


def at(text):
    return int(day(text).timestamp())


@pytest.fixture(scope="module")
def judge(tmp_path_factory):
    return Judge(tmp_path_factory.mktemp("judge"))


def facts(scheme, *keys, clip=CLIP, serial=SERIAL, digests="sha256", recorded="2026-03-01",
          docked="2026-03-02", not_before="2026-02-28", clock_proved=1, signer=None, path=PATH,
          taken=("sha256", "sha384", "sha512"), length=None):
    times = {k: v and at(v) for k, v in
             dict(recorded=recorded, docked=docked, not_before=not_before).items()}
    sums = {name: hashlib.new(name, clip).hexdigest() for name in taken}
    lines = fact("asset", asset="ab" * 32, serial=serial, path=path, clock_proved=clock_proved,
                 length=len(clip) if length is None else length, **times, **sums)
    lines += fact("signing", scheme=scheme, digests=digests, signer=signer)
    return lines + "".join(keys)


def enrolled(key, serial=SERIAL, revoked=None):
    return fact("key", key=base64.b64encode(pki.public(key)).decode(), serial=serial,
                enrolled=at("2025-01-01"), revoked=revoked and at(revoked))


def expect(judged, result, *words, unproved=False):
    assert judged.status == 0, judged
    assert judged.result == result, judged
    for word in words:
        assert word in judged.text, judged
    assert judged.unproved == unproved, judged


class Keys(dict):
    """Their files by name; each is made when it is first asked for."""
    KINDS = dict(p256="P-256", other="P-256", p384="P-384", ed="ED25519", ed_other="ED25519",
                 rsa="RSA-2048")

    def __init__(self, folder):
        super().__init__()
        self.folder = folder

    def __missing__(self, name):
        self[name] = pki.new_key(self.folder / name, self.KINDS[name])
        return self[name]


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    return Keys(tmp_path_factory.mktemp("keys"))
