"""What dockd-verify says of signatures that the openssl command line made, and of broken ones.

Each case has the result that dockd-signature(5) gives, and a word of the sentence that comes with it.
"""

import base64
import hashlib
import os

import pki
import pytest
from judge import NO_TIME, Judge, fact
from pki import day
from fake_core import SANITIZED

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


# ---- CMS ----


class World:
    """A root, an intermediate, a camera of each kind of key."""

    def __init__(self, folder):
        self.folder = folder
        self.root = pki.Authority(folder, "Root")
        self.makers = pki.Authority(folder, "Makers", self.root)
        self.other = pki.Authority(folder, "Other")
        self.anchors = self.root.pem()
        self.between = ["-certfile", self.makers.certificate]
        self.camera = self.makers.camera(f"/CN=camera/serialNumber={SERIAL}")
        self.rsa = self.makers.camera(f"/CN=camera/serialNumber={SERIAL}", "RSA-2048")
        self.p384 = self.makers.camera(f"/CN=camera/serialNumber={SERIAL}", "P-384")

    def sign(self, camera=None, *more, clip=CLIP, **how):
        return pki.cms(clip, *(camera or self.camera), *self.between, *more, **how)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return World(tmp_path_factory.mktemp("pki"))


def test_cms_valid(judge, world):
    j = judge.signature(facts("cms"), world.sign(), world.anchors)
    expect(j, "valid", "SHA-256", "no revocation list")
    assert "BWC-0042" in j.signer and "CN=camera" in j.signer
    assert j.time != NO_TIME


@pytest.mark.parametrize("kind", ["rsa", "p384"])
@pytest.mark.parametrize("outform", ["DER", "PEM"])
def test_cms_kinds(judge, world, kind, outform):
    expect(judge.signature(facts("cms"), world.sign(getattr(world, kind), outform=outform),
                           world.anchors), "valid")


@pytest.mark.parametrize("more", [["-keyid"], ["-cades"], ["-nosmimecap"]])
def test_cms_other_habits(judge, world, more):
    expect(judge.signature(facts("cms"), world.sign(None, *more), world.anchors), "valid")


def test_cms_pss(judge, world):
    sidecar = world.sign(world.rsa, "-keyopt", "rsa_padding_mode:pss")
    expect(judge.signature(facts("cms"), sidecar, world.anchors), "valid")


def test_cms_no_intermediate(judge, world):
    sidecar = pki.cms(CLIP, *world.camera)
    expect(judge.signature(facts("cms"), sidecar, world.anchors), "untrusted-signer",
           "unable to get local issuer")
    # The intermediate may be among the anchors, alone or not.
    expect(judge.signature(facts("cms"), sidecar, world.makers.pem()), "valid")
    expect(judge.signature(facts("cms"), sidecar, world.anchors + world.makers.pem()), "valid")


@pytest.mark.parametrize("md", ["sha384", "sha512"])
def test_cms_other_digests(judge, world, md):
    sidecar = world.sign(md=md)
    expect(judge.signature(facts("cms"), sidecar, world.anchors), "unreadable",
           "which the profile does not name")
    expect(judge.signature(facts("cms", digests=f"sha256 {md}"), sidecar, world.anchors), "valid")
    expect(judge.signature(facts("cms", digests=md), sidecar, world.anchors), "valid")
    expect(judge.signature(facts("cms", digests=md), world.sign(), world.anchors), "unreadable",
           "SHA-256, which the profile does not name")
    # A digest that the profile names and nobody took is our trouble.
    j = judge.signature(facts("cms", digests=md, taken=["sha256"]), sidecar, world.anchors)
    assert j.status == -74 and j.result == "" and "not taken" in j.trouble


@pytest.mark.parametrize("md", ["sha1", "md5", "sha3-256"])
def test_cms_never_allowed(judge, world, md):
    sidecar = world.sign(world.rsa, md=md)
    expect(judge.signature(facts("cms", digests="sha256 sha384 sha512"), sidecar, world.anchors),
           "unreadable", "only SHA-256, SHA-384 and SHA-512")


def test_cms_clip_changed(judge, world):
    changed = bytearray(CLIP)
    changed[777] ^= 1
    expect(judge.signature(facts("cms", clip=bytes(changed)), world.sign(), world.anchors),
           "mismatch", "section 5.6", "SHA-256 is not that of these bytes")
    expect(judge.signature(facts("cms", clip=CLIP[:-1]), world.sign(), world.anchors), "mismatch")


def test_cms_signature_changed(judge, world):
    sidecar = bytearray(world.sign())
    sidecar[-1] ^= 1
    expect(judge.signature(facts("cms"), bytes(sidecar), world.anchors), "mismatch",
           "not that of this certificate's key")


def test_cms_wrong_serial(judge, world):
    another = world.makers.camera("/CN=camera/serialNumber=BWC-0043")
    nobody = world.makers.camera("/CN=BWC-0042")
    twice = world.makers.camera(f"/CN=camera/serialNumber={SERIAL}", key=another[1])
    for camera in another, nobody:
        expect(judge.signature(facts("cms"), world.sign(camera), world.anchors),
               "signed-by-another-camera", "does not name this camera's serial")
    expect(judge.signature(facts("cms"), world.sign(twice), world.anchors), "valid")
    # A serial that begins alike, or in other letters, is another one.
    for serial in "BWC-004", "BWC-00420", "bwc-0042":
        expect(judge.signature(facts("cms", serial=serial), world.sign(), world.anchors),
               "signed-by-another-camera")


def test_cms_two_serials(judge, world, tmp_path):
    """A certificate that names two cameras names none."""
    key, request = pki.new_key(tmp_path / "key"), tmp_path / "request"
    when = dict(recorded="2027-03-01", docked="2027-03-02", not_before="2027-02-28")
    for names, result in [(f"/serialNumber={SERIAL}", "valid"),
                          (f"/serialNumber={SERIAL}/serialNumber=BWC-0043",
                           "signed-by-another-camera")]:
        pki.run("req", "-new", "-key", key, "-subj", f"/CN=camera{names}", "-config", "/dev/null",
                "-out", request)
        pki.run("x509", "-req", "-in", request, "-CA", world.makers.certificate, "-CAkey",
                world.makers.key, "-set_serial", "7", "-days", "3650", "-out", tmp_path / "camera")
        sidecar = world.sign((tmp_path / "camera", key))
        expect(judge.signature(facts("cms", **when), sidecar, world.anchors), result)


def test_cms_signer_rules(judge, world):
    named = world.sign(world.makers.camera(f"/CN={SERIAL}"))
    expect(judge.signature(facts("cms", signer="common-name"), named, world.anchors), "valid")
    expect(judge.signature(facts("cms", signer="common-name"), world.sign(), world.anchors),
           "signed-by-another-camera")
    expect(judge.signature(facts("cms", signer="any", serial="whatever"), world.sign(),
                           world.anchors), "valid")


def test_cms_wrong_authority(judge, world):
    for anchors in world.other.pem(), b"":
        word = "no anchor" if not anchors else "local issuer"
        expect(judge.signature(facts("cms"), world.sign(), anchors), "untrusted-signer", word)
    foreign = pki.cms(CLIP, *world.other.camera(f"/CN=camera/serialNumber={SERIAL}"),
                      "-certfile", world.other.certificate)
    expect(judge.signature(facts("cms"), foreign, world.anchors), "untrusted-signer",
           "self-signed certificate in certificate chain")


def test_cms_same_name_as_authority(judge, world, tmp_path):
    """A forged authority with the names of the real ones is not the real one."""
    root = pki.Authority(tmp_path, "Root")
    makers = pki.Authority(tmp_path, "Makers", root)
    forged = pki.cms(CLIP, *makers.camera(f"/CN=camera/serialNumber={SERIAL}"),
                     "-certfile", makers.certificate)
    expect(judge.signature(facts("cms"), forged, world.anchors), "untrusted-signer")


def test_cms_self_signed(judge, world, tmp_path):
    key, certificate = pki.new_key(tmp_path / "key"), tmp_path / "certificate"
    pki.run("req", "-x509", "-key", key, "-subj", f"/CN=camera/serialNumber={SERIAL}", "-config",
            "/dev/null", "-days", "3650", "-out", certificate)
    sidecar = pki.cms(CLIP, certificate, key)
    when = dict(recorded="2027-03-01", docked="2027-03-02", not_before="2027-02-28")
    expect(judge.signature(facts("cms", **when), sidecar, world.anchors), "untrusted-signer",
           "self-signed certificate")
    # Pinned as an anchor it is what the force trusts.
    expect(judge.signature(facts("cms", **when), sidecar, certificate.read_bytes()), "valid")


def test_cms_authority_signs_clips(judge, world):
    camera = world.makers.camera(f"/CN=camera/serialNumber={SERIAL}", extensions="ca_ext")
    expect(judge.signature(facts("cms"), world.sign(camera), world.anchors), "untrusted-signer",
           "by an authority")
    camera = world.makers.camera(f"/CN=camera/serialNumber={SERIAL}", "RSA-2048",
                                 extensions="cipher_ext")
    expect(judge.signature(facts("cms"), world.sign(camera), world.anchors), "untrusted-signer",
           "not for signatures")


def test_cms_camera_as_authority(judge, world):
    """A camera's certificate makes no others."""
    key = world.camera[1]
    fake = pki.Authority.__new__(pki.Authority)
    fake.__dict__.update(world.makers.__dict__, key=key, certificate=world.camera[0])
    forged = fake.camera(f"/CN=camera/serialNumber={SERIAL}")
    sidecar = pki.cms(CLIP, *forged, "-certfile", world.camera[0])
    # Its issuer is there, and the issuer's too: it is no authority all the same.
    expect(judge.signature(facts("cms"), sidecar, world.anchors + world.makers.pem()),
           "untrusted-signer", "invalid CA certificate")


def test_cms_weak(judge, world):
    camera = world.makers.camera(f"/CN=camera/serialNumber={SERIAL}", "RSA-1024")
    expect(judge.signature(facts("cms"), world.sign(camera), world.anchors), "untrusted-signer",
           "key too weak")
    camera = world.makers.camera(f"/CN=camera/serialNumber={SERIAL}", md="sha1")
    expect(judge.signature(facts("cms"), world.sign(camera), world.anchors), "untrusted-signer",
           "digest algorithm too weak")
    for kind in "secp256k1", "P-521":
        path = world.folder / kind
        pki.run("genpkey", "-algorithm", "EC", "-pkeyopt", f"ec_paramgen_curve:{kind}", "-out",
                path)
        camera = world.makers.camera(f"/CN=camera/serialNumber={SERIAL}", key=path)
        expect(judge.signature(facts("cms"), world.sign(camera), world.anchors), "unreadable",
               "another curve")


# recorded, docked, the last docking before; result, words, time-unproved. The camera's certificate
# of this test is good for 2026, the others' for longer.
TIMES = [
    ("2026-03-01", "2026-03-02", "2026-02-28", 1, "valid", "leads to an anchor", False),
    ("2026-03-01", "2026-03-02", None, 1, "valid", "", True),
    ("2026-03-01", "2026-03-02", "2026-02-28", 0, "valid", "", True),
    (None, "2026-03-02", "2026-02-28", 1, "valid", "", True),
    # expired between recording and docking: only a time that is proved helps
    ("2026-12-31", "2027-01-05", "2026-12-30", 1, "valid", "has expired since", False),
    ("2026-12-31", "2027-01-05", None, 1, "untrusted-signer", "nothing proves an earlier time",
     True),
    # expired when recorded
    ("2027-02-01", "2027-02-02", "2027-01-31", 1, "untrusted-signer", "when recorded, 2027-02-01",
     False),
    # not yet valid
    ("2025-12-01", "2025-12-02", "2025-11-30", 1, "untrusted-signer", "not yet valid", False),
    ("1970-01-02", "2026-03-02", None, 1, "untrusted-signer", "1970-01-02", True),
    # the camera's clock says what cannot be: judged at what the station knows
    ("1970-01-02", "2026-03-02", "2026-02-28", 1, "valid", "", True),
    ("2026-06-01", "2027-02-02", "2027-01-31", 1, "untrusted-signer", "2027-01-31", True),
    ("2036-01-01", "2026-03-02", "2026-02-28", 1, "valid", "", True),
    # docked when no certificate was valid any more
    ("2026-03-01", "2041-01-01", None, 1, "untrusted-signer", "has expired", True),
]


@pytest.mark.parametrize("recorded,docked,before,proved,result,word,unproved", TIMES)
def test_cms_times(judge, world, recorded, docked, before, proved, result, word, unproved):
    if not hasattr(world, "brief"):
        world.brief = world.makers.camera(f"/CN=camera/serialNumber={SERIAL}", first="2026-01-01",
                                          last="2027-01-01")
    f = facts("cms", recorded=recorded, docked=docked, not_before=before, clock_proved=proved)
    expect(judge.signature(f, world.sign(world.brief), world.anchors), result, word,
           unproved=unproved)


def test_cms_revoked(judge, world, tmp_path):
    makers = pki.Authority(tmp_path, "Revoking", world.root)
    lost = makers.camera(f"/CN=camera/serialNumber={SERIAL}")
    good = makers.camera(f"/CN=camera/serialNumber={SERIAL}")
    suspected = makers.camera(f"/CN=camera/serialNumber={SERIAL}")
    makers.revoke(lost[0], "2026-03-05")
    makers.revoke(suspected[0], "2026-03-05", invalid="2026-02-01")
    crls = makers.crl()

    def ask(camera, lists, **times):
        return judge.signature(facts("cms", **times),
                               pki.cms(CLIP, *camera, "-certfile", makers.certificate),
                               world.anchors, lists)

    late = dict(recorded="2026-03-01", docked="2026-03-06", not_before="2026-02-28")
    expect(ask(good, crls), "valid", "not revoked")
    expect(ask(good, crls, **late), "valid", "not revoked")
    # Held by the station before the date; afterwards the camera's own time does not count.
    expect(ask(lost, crls), "valid")
    expect(ask(lost, crls, **late), "untrusted-signer", "revoked from 2026-03-05",
           "nothing but the camera")
    expect(ask(lost, crls, docked="2026-03-05"), "untrusted-signer")
    expect(ask(lost, b"", **late), "valid", "no revocation list is configured")
    # Its key is suspected since an earlier day than that of the revocation.
    expect(ask(suspected, crls), "untrusted-signer", "revoked from 2026-02-01")
    # The list must be of its issuer, and truly.
    expect(ask(good, world.makers.crl()), "untrusted-signer", "no revocation list of its issuer")
    expect(ask(lost, crls + world.makers.crl(), **late), "untrusted-signer", "revoked from")
    fake = pki.Authority.__new__(pki.Authority)
    fake.__dict__.update(makers.__dict__, key=pki.new_key(tmp_path / "k"))
    pki.run("req", "-x509", "-key", fake.key, "-subj", "/CN=Revoking", "-config", "/dev/null",
            "-out", tmp_path / "c")
    fake.certificate = tmp_path / "c"
    expect(ask(lost, fake.crl(), **late), "untrusted-signer", "no revocation list of its issuer")
    # A list that speaks of some only: what it revokes counts, that it does not revoke proves nothing.
    some = makers.crl("partial")
    expect(ask(good, some), "untrusted-signer", "no revocation list of its issuer")
    expect(ask(lost, some, **late), "untrusted-signer", "revoked from")
    # Out of date: said, and what it revokes counts.
    old = makers.crl(last="2026-02-20")
    expect(ask(good, old), "valid", "out of date")
    expect(ask(lost, old, **late), "untrusted-signer", "revoked from")


def test_cms_authority_that_may_not_revoke(judge, world, tmp_path):
    makers = pki.Authority(tmp_path, "No lists", world.root, extensions="no_crl_ext")
    sidecar = pki.cms(CLIP, *makers.camera(f"/CN=camera/serialNumber={SERIAL}"), "-certfile",
                      makers.certificate)
    expect(judge.signature(facts("cms"), sidecar, world.anchors), "valid")
    expect(judge.signature(facts("cms"), sidecar, world.anchors, makers.crl()),
           "untrusted-signer", "no revocation list of its issuer")


def test_cms_intermediate_revoked(judge, world, tmp_path):
    root = pki.Authority(tmp_path, "Root of it")
    makers = pki.Authority(tmp_path, "Makers of it", root)
    sidecar = pki.cms(CLIP, *makers.camera(f"/CN=camera/serialNumber={SERIAL}"), "-certfile",
                      makers.certificate)
    root.revoke(makers.certificate, "2026-02-20")
    crls = makers.crl() + root.crl()
    expect(judge.signature(facts("cms"), sidecar, root.pem(), crls), "untrusted-signer",
           "above it was revoked")
    early = dict(recorded="2026-02-18", docked="2026-02-19", not_before="2026-02-17")
    expect(judge.signature(facts("cms", **early), sidecar, root.pem(), crls), "valid")


def test_cms_every_truncation(judge, world):
    sidecar = world.sign()
    for n in [0, 1, 2, 10, len(sidecar) // 2, len(sidecar) - 1]:
        expect(judge.signature(facts("cms"), sidecar[:n], world.anchors), "unreadable",
               "RFC 5652 section 3")
    pem = world.sign(outform="PEM")
    for n in [11, 100, len(pem) - 10]:
        expect(judge.signature(facts("cms"), pem[:n], world.anchors), "unreadable",
               "RFC 7468 section 2")


@pytest.mark.parametrize("more", [b"\0", b"\n", b"x" * 100, None])
def test_cms_trailing(judge, world, more):
    sidecar = world.sign()
    expect(judge.signature(facts("cms"), sidecar + (more or sidecar), world.anchors), "unreadable",
           "follow the ContentInfo")


def test_cms_pem_strict(judge, world):
    pem = world.sign(outform="PEM")
    for more in b"x", b"-----BEGIN CMS-----\n", pem:
        expect(judge.signature(facts("cms"), pem + more, world.anchors), "unreadable",
               "something follows")
    label = pem.replace(b"CMS", b"PKCS7")
    expect(judge.signature(facts("cms"), label, world.anchors), "valid")
    label = pem.replace(b"CMS", b"CERTIFICATE")
    expect(judge.signature(facts("cms"), label, world.anchors), "unreadable", "label")
    # What is in front of it is read as DER, which it is not.
    expect(judge.signature(facts("cms"), b"# a comment\n" + pem, world.anchors), "unreadable")


def test_cms_oversized(judge, world):
    expect(judge.signature(facts("cms"), world.sign() + bytes(65536), world.anchors), "unreadable",
           "larger than 65536")


def test_cms_many_certificates(judge, world):
    bundle = world.folder / "bundle.pem"
    bundle.write_bytes(b"".join(world.makers.camera(f"/CN=c{i}", key=world.camera[1])[0]
                                .read_bytes() for i in range(33)))
    expect(judge.signature(facts("cms"), world.sign(None, "-certfile", bundle), world.anchors),
           "unreadable", "more than 32 certificates")


def test_cms_extra_signer(judge, world):
    both = world.sign(None, "-signer", world.rsa[0], "-inkey", world.rsa[1])
    expect(judge.signature(facts("cms"), both, world.anchors), "unreadable", "2 signers")
    empty = pki.der(0x30, pki.SIGNED_DATA, pki.der(0xA0, pki.der(
        0x30, pki.der(2, b"\x01"), pki.der(0x31), pki.der(0x30, pki.ID_DATA), pki.der(0x31))))
    expect(judge.signature(facts("cms"), empty, world.anchors), "unreadable", "0 signers")


def test_cms_attached(judge, world):
    expect(judge.signature(facts("cms"), world.sign(None, "-nodetach"), world.anchors),
           "unreadable", "section 5.2")


def test_cms_no_signed_attributes(judge, world):
    expect(judge.signature(facts("cms"), world.sign(None, "-noattr"), world.anchors), "unreadable",
           "no signed attributes")


def test_cms_no_certificate(judge, world):
    expect(judge.signature(facts("cms"), world.sign(None, "-nocerts"), world.anchors),
           "untrusted-signer", "certificate is not in it")


def test_cms_not_signed_data(judge, world):
    enveloped = pki.run("cms", "-encrypt", "-binary", "-aes128", "-outform", "DER",
                        world.rsa[0], stdin=b"x")
    expect(judge.signature(facts("cms"), enveloped, world.anchors), "unreadable", "no SignedData")
    typed = world.sign(None, "-econtent_type", "1.2.3.4")
    expect(judge.signature(facts("cms"), typed, world.anchors), "unreadable", "id-data")


def made(world, attrs, **how):
    return pki.signed_data(*world.camera, attrs, **how)


def test_cms_made_by_hand(judge, world):
    """The builder of the cases below is right where it is told to be."""
    anchors = world.anchors + world.makers.pem()
    expect(judge.signature(facts("cms"), made(world, pki.attributes(CLIP)), anchors), "valid")
    other = pki.attributes(CLIP) + [pki.attribute(pki.OTHER_ATTRIBUTE, pki.der(5))]
    expect(judge.signature(facts("cms"), made(world, other), anchors), "valid")


@pytest.mark.parametrize("name", [
    "attribute twice", "digest twice", "two values", "two digests", "no content type",
    "other content type", "no digest", "digest is no octet string", "digest is short",
    "signing time is text", "no value"])
def test_cms_bad_attributes(judge, world, name):
    kind, digest = pki.attributes(CLIP)
    sum_of = pki.der(4, hashlib.sha256(CLIP).digest())
    other = pki.der(4, hashlib.sha256(b"other").digest())
    null = pki.der(5)
    attrs, word = {
        "attribute twice": ([kind, digest] + 2 * [pki.attribute(pki.OTHER_ATTRIBUTE, null)],
                            "comes twice"),
        "digest twice": ([kind, digest, pki.attribute(pki.MESSAGE_DIGEST, other)], "comes twice"),
        "two values": ([kind, digest, pki.attribute(pki.OTHER_ATTRIBUTE, null, null)], "2 values"),
        "two digests": ([kind, pki.attribute(pki.MESSAGE_DIGEST, *sorted([sum_of, other]))],
                        "2 values"),
        "no content type": ([digest], "11.1"),
        "other content type": ([digest, pki.attribute(pki.CONTENT_TYPE, pki.SIGNED_DATA)], "11.1"),
        "no digest": ([kind], "11.2"),
        "digest is no octet string": ([kind, pki.attribute(pki.MESSAGE_DIGEST, pki.der(12, b"x"))],
                                      "11.2"),
        "digest is short": ([kind, pki.attribute(pki.MESSAGE_DIGEST, pki.der(4, b"x" * 20))],
                            "11.2"),
        "signing time is text": ([kind, digest, pki.attribute(pki.SIGNING_TIME, pki.der(12, b"n"))],
                                 "11.3"),
        "no value": ([kind, digest, pki.attribute(pki.OTHER_ATTRIBUTE)], "0 values"),
    }[name]
    expect(judge.signature(facts("cms"), made(world, attrs), world.anchors + world.makers.pem()),
           "unreadable", word)


def test_cms_algorithms_disagree(judge, world):
    anchors = world.anchors + world.makers.pem()
    attrs = pki.attributes(CLIP)
    for how in dict(algorithm=pki.ECDSA_SHA384), dict(algorithm=pki.oid("1.2.840.113549.1.1.11")), \
            dict(algorithm=pki.oid("1.2.3.4")):
        expect(judge.signature(facts("cms"), made(world, attrs, **how), anchors), "unreadable",
               "RFC 5754")
    odd = pki.SHA256 + pki.der(12, b"x")
    expect(judge.signature(facts("cms"), made(world, attrs, digest=odd), anchors), "unreadable",
           "has parameters")
    null = pki.SHA256 + pki.der(5)
    expect(judge.signature(facts("cms"), made(world, attrs, digest=null), anchors), "valid")
    # The attributes were not what was signed.
    expect(judge.signature(facts("cms"), made(world, attrs, signed=b"other"), anchors), "mismatch")


def test_cms_not_der(judge, world):
    """The same in the indefinite form, as stream encoders write it."""
    sidecar = made(world, pki.attributes(CLIP))
    body = pki.inside(sidecar)
    expect(judge.signature(facts("cms"), b"\x30\x80" + body + b"\0\0", world.anchors),
           "unreadable", "X.690")
    n = len(body)
    assert n > 0xFF
    expect(judge.signature(facts("cms"), b"\x30\x83" + n.to_bytes(3, "big") + body, world.anchors),
           "unreadable")


def test_cms_certificate_swapped(judge, world):
    """Another certificate for the same key: the signer says which one is meant (RFC 5035)."""
    sidecar = world.sign(None, "-cades", "-keyid")
    old = pki.run("x509", "-in", world.camera[0], "-outform", "DER")
    assert old in sidecar
    new = b""
    while len(new) != len(old):  # ECDSA signatures differ in length
        twin = world.makers.camera(f"/CN=camera/serialNumber={SERIAL}", key=world.camera[1])
        new = pki.run("x509", "-in", twin[0], "-outform", "DER")
    expect(judge.signature(facts("cms"), sidecar.replace(old, new), world.anchors),
           "mismatch", "RFC 5035")


@pytest.mark.parametrize("junk", [b"hello\n", b"\x30\x80", b"\x30\x84\xff\xff\xff\xff",
                                  b"\x30" * 60000, b"\x30\x80" * 30000],
                         ids=["text", "cut", "huge", "many", "nested"])
def test_cms_junk(judge, world, junk):
    expect(judge.signature(facts("cms"), junk, world.anchors), "unreadable")


def test_trust_that_cannot_be_read(judge, world):
    broken = world.anchors.replace(b"MII", b"???", 1)
    for anchors, crls, word in [(b"no pem", b"", "anchors"), (broken, b"", "anchors"),
                                (world.anchors, b"no pem", "revocation lists"),
                                (world.anchors[:-40], b"", "anchors")]:
        j = judge.signature(facts("cms"), world.sign(), anchors, crls)
        assert j.status == -74 and j.result == "" and word in j.trouble, j
    for i, word in [(0, "anchors"), (1, "revocation lists")]:
        files = [b"x" * (1 << 20 | 1) if i == n else b"" for n in range(2)]
        j = judge.signature(facts("cms"), world.sign(), *files)
        assert j.status == -7 and j.result == "" and word in j.trouble, j


def test_facts_that_are_not_as_agreed(judge, world):
    good = facts("cms")
    for bad in "", good[:-1], good.replace('"cms"', '"smime"'), good.replace("sha256", "sha9", 1), \
            "\n" + good, good + "x\n", good.split("\n")[1] + "\n", good.replace("ab", "AB") + "{}\n", \
            good + fact("key", key="?", serial="x"):
        j = judge.signature(bad, world.sign(), world.anchors)
        assert j.status == -74 and j.result == "", (bad, j)


# ---- bare signatures ----


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keys")
    kinds = dict(p256="P-256", other="P-256", p384="P-384", ed="ED25519", ed_other="ED25519",
                 rsa="RSA-2048")
    return {name: pki.new_key(folder / name, kind) for name, kind in kinds.items()}


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


# ---- receipts ----

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


# ---- and all of it in little memory ----


@pytest.mark.skipif(SANITIZED, reason="a sanitizer has memory of its own")
def test_four_gibibytes(judge, tmp_path):
    """Digest of 4 GiB: each byte read once, and at most 8 MiB of memory (PSS)."""
    size = 1 << 32
    path = tmp_path / "clip"
    path.touch()
    os.truncate(path, size)
    peak, read = judge.digest(path, size)
    print(f"4 GiB: {peak >> 10} KiB, {read} bytes read")
    assert peak <= 8 << 20
    assert size <= read <= size + (64 << 10)
