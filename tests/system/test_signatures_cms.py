"""What dockd-verify says of CMS signatures that the openssl command line made, and of broken ones."""
import hashlib

import pytest

import pki
from judge import NO_TIME, fact
from signed_clip import CLIP, SERIAL, expect, facts
from signed_clip import judge  # noqa: F401 (fixtures)


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
