"""Keys, certificates, revocation lists and signatures, made with the openssl command line.

A folder holds one authority or many; nothing here is dockd's. Dates are UTC datetimes.
"""

import base64
import datetime
import hashlib
import subprocess
from pathlib import Path

UTC = datetime.timezone.utc


def day(text):
    """UTC midnight of 2026-03-01."""
    return datetime.datetime.fromisoformat(text).replace(tzinfo=UTC)


def run(*args, stdin=None):
    done = subprocess.run(["openssl", *map(str, args)], input=stdin, capture_output=True)
    assert done.returncode == 0, (args, done.stderr.decode(errors="replace"))
    return done.stdout


def new_key(path, kind="P-256"):
    if kind.startswith("P-"):
        run("genpkey", "-algorithm", "EC", "-pkeyopt", f"ec_paramgen_curve:{kind}", "-out", path)
    elif kind.startswith("RSA-"):
        run("genpkey", "-algorithm", "RSA", "-pkeyopt", f"rsa_keygen_bits:{kind[4:]}", "-out", path)
    else:
        run("genpkey", "-algorithm", kind, "-out", path)
    return path


def public(key):
    """SubjectPublicKeyInfo."""
    return run("pkey", "-in", key, "-pubout", "-outform", "DER")


def fingerprint(key):
    return hashlib.sha256(public(key)).hexdigest()


class Authority:
    """One CA with a folder of its own; the root where issuer is None."""

    def __init__(self, folder, name, issuer=None, kind="P-256", first="2020-01-01",
                 last="2040-01-01", md="sha256", extensions="ca_ext"):
        self.folder = Path(folder) / name
        self.folder.mkdir()
        self.name, self.issuer, self.serials = name, issuer, 0
        self.database = self.folder / "index.txt"
        self.database.write_text("")
        self.config = self.folder / "ca.conf"
        self.config.write_text(
            "[ca]\ndefault_ca = it\n[it]\n"
            f"database = {self.database}\nnew_certs_dir = {self.folder}\n"
            "policy = any\nunique_subject = no\nrand_serial = yes\ndefault_md = sha256\n"
            "default_crl_days = 30\n"
            "[any]\ncommonName = supplied\nserialNumber = optional\n"
            "[ca_ext]\nbasicConstraints = critical, CA:TRUE\n"
            "keyUsage = critical, keyCertSign, cRLSign\n"
            "subjectKeyIdentifier = hash\nauthorityKeyIdentifier = keyid\n"
            "[no_crl_ext]\nbasicConstraints = critical, CA:TRUE\n"
            "keyUsage = critical, keyCertSign\nsubjectKeyIdentifier = hash\n"
            "[partial]\nissuingDistributionPoint = critical, @only\n[only]\nonlyuser = TRUE\n"
            "[root_ext]\nbasicConstraints = critical, CA:TRUE\n"
            "keyUsage = critical, keyCertSign, cRLSign\nsubjectKeyIdentifier = hash\n"
            "[camera_ext]\nbasicConstraints = critical, CA:FALSE\n"
            "keyUsage = critical, digitalSignature\n"
            "subjectKeyIdentifier = hash\nauthorityKeyIdentifier = keyid\n"
            "[cipher_ext]\nbasicConstraints = critical, CA:FALSE\n"
            "keyUsage = critical, keyEncipherment\n"
        )
        self.key = new_key(self.folder / "key.pem", kind)
        request = self._request(self.key, f"/CN={name}")
        self.certificate = self.folder / "certificate.pem"
        if issuer:
            issuer._issue(request, self.certificate, extensions, first, last, md)
        else:
            self._issue(request, self.certificate, "root_ext", first, last, md, "-selfsign")

    def _request(self, key, subject):
        request = self.folder / "request.pem"
        run("req", "-new", "-key", key, "-subj", subject, "-config", "/dev/null", "-utf8",
            "-out", request)
        return request

    def _issue(self, request, out, extensions, first, last, md, *more):
        own = [] if more else ["-cert", self.certificate]
        run("ca", "-batch", "-notext", "-config", self.config, "-in", request, "-out", out,
            "-keyfile", self.key, *own, "-extensions", extensions, "-md", md,
            "-startdate", day(first).strftime("%Y%m%d%H%M%SZ"),
            "-enddate", day(last).strftime("%Y%m%d%H%M%SZ"), *more)

    def camera(self, subject, kind="P-256", first="2025-01-01", last="2030-01-01",
               extensions="camera_ext", key=None, md="sha256"):
        """(certificate, key) as paths."""
        self.serials += 1
        path = self.folder / f"camera{self.serials}"
        key = key or new_key(path.with_suffix(".key"), kind)
        self._issue(self._request(key, subject), path.with_suffix(".pem"), extensions, first, last,
                    md)
        return path.with_suffix(".pem"), key

    def host(self, subject, names="IP:127.0.0.1,DNS:localhost", first=None, last=None, key=None):
        """(certificate, key) of a TLS server or client, valid from yesterday for two days."""
        now = datetime.datetime.now(UTC)
        one = datetime.timedelta(days=1)
        self.serials += 1
        path = self.folder / f"host{self.serials}"
        key = key or new_key(path.with_suffix(".key"))
        names_file = path.with_suffix(".ext")
        names_file.write_text(f"[host]\nbasicConstraints = CA:FALSE\nsubjectAltName = {names}\n")
        self._issue(self._request(key, subject), path.with_suffix(".pem"), "host",
                    str(first or now - one), str(last or now + one), "sha256",
                    "-cert", self.certificate, "-extfile", names_file)
        return path.with_suffix(".pem"), key

    def revoke(self, certificate, since, invalid=None):
        """since: revocation date; invalid: since when the key is suspected."""
        how = ["-crl_compromise", day(invalid).strftime("%Y%m%d%H%M%SZ")] if invalid else []
        serial = run("x509", "-in", certificate, "-noout", "-serial").decode().strip().split("=")[1]
        run("ca", "-config", self.config, "-keyfile", self.key, "-cert", self.certificate,
            "-revoke", certificate, *how)
        lines = []
        for line in self.database.read_text().splitlines():
            fields = line.split("\t")
            if fields[3] == serial:
                reason = fields[2].partition(",")[2]
                fields[2] = day(since).strftime("%y%m%d%H%M%SZ") + ("," + reason if reason else "")
            lines.append("\t".join(fields) + "\n")
        self.database.write_text("".join(lines))

    def crl(self, extensions=None, first="2026-02-01", last="2036-01-01"):
        more = ["-crlexts", extensions] if extensions else []
        return run("ca", "-config", self.config, "-keyfile", self.key, "-cert", self.certificate,
                   "-gencrl", "-crl_lastupdate", day(first).strftime("%Y%m%d%H%M%SZ"),
                   "-crl_nextupdate", day(last).strftime("%Y%m%d%H%M%SZ"), *more)

    def pem(self):
        return self.certificate.read_bytes()


def cms(clip, certificate, key, *more, md="sha256", outform="DER"):
    """A detached CMS signature of the bytes."""
    return run("cms", "-sign", "-binary", "-signer", certificate, "-inkey", key, "-md", md,
               "-outform", outform, *more, stdin=clip)


def ecdsa(clip, key, md="sha256"):
    return run("dgst", f"-{md}", "-sign", key, stdin=clip)


def ed25519(text, key, scratch):
    """Ed25519 is signed in one piece, so openssl wants a file."""
    path = Path(scratch) / "to-be-signed"
    path.write_bytes(text)
    return run("pkeyutl", "-sign", "-rawin", "-inkey", key, "-in", path)


def raw_ed25519(key):
    return public(key)[-32:]


def vkey(name, key):
    """The verifier key of a signed note (C2SP signed-note)."""
    blob = b"\x01" + raw_ed25519(key)
    return f"{name}+{note_id(name, key).hex()}+{base64.b64encode(blob).decode()}"


def note_id(name, key):
    return hashlib.sha256(name.encode() + b"\n\x01" + raw_ed25519(key)).digest()[:4]


def note(text, name, key, scratch):
    """text with a signature line."""
    blob = note_id(name, key) + ed25519(text.encode(), key, scratch)
    return f"{text}\n\N{EM DASH} {name} {base64.b64encode(blob).decode()}\n".encode()


# ---- DER, where the command line makes nothing bad enough ----


def der(tag, *parts):
    body = b"".join(parts)
    n = len(body)
    if n < 0x80:
        return bytes([tag, n]) + body
    size = (n.bit_length() + 7) // 8
    return bytes([tag, 0x80 | size]) + n.to_bytes(size, "big") + body


def oid(text):
    first, second, *rest = map(int, text.split("."))
    out = [40 * first + second]
    for n in rest:
        part = [n & 0x7F]
        while n := n >> 7:
            part.insert(0, n & 0x7F | 0x80)
        out += part
    return der(6, bytes(out))


ID_DATA, SIGNED_DATA = oid("1.2.840.113549.1.7.1"), oid("1.2.840.113549.1.7.2")
CONTENT_TYPE, MESSAGE_DIGEST = oid("1.2.840.113549.1.9.3"), oid("1.2.840.113549.1.9.4")
SIGNING_TIME = oid("1.2.840.113549.1.9.5")
OTHER_ATTRIBUTE = oid("1.3.6.1.4.1.99999.1")
SHA256, SHA384 = oid("2.16.840.1.101.3.4.2.1"), oid("2.16.840.1.101.3.4.2.2")
ECDSA_SHA256, ECDSA_SHA384 = oid("1.2.840.10045.4.3.2"), oid("1.2.840.10045.4.3.3")


def attribute(kind, *values):
    return der(0x30, kind, der(0x31, *values))


def attributes(clip):
    return [attribute(CONTENT_TYPE, ID_DATA),
            attribute(MESSAGE_DIGEST, der(4, hashlib.sha256(clip).digest()))]


def signed_data(certificate, key, attrs, digest=SHA256, algorithm=ECDSA_SHA256, kind=ID_DATA,
                signed=None, content=b""):
    """A SignedData as told, right or wrong, signed truly over its attributes."""
    der_of = run("x509", "-in", certificate, "-outform", "DER")
    tbs = inside(inside(der_of))  # the fields of TBSCertificate
    _, rest = split(tbs)  # version
    serial, rest = split(rest)
    _, rest = split(rest)  # signature
    issuer, _ = split(rest)
    attrs = sorted(attrs)
    signature = run("dgst", "-sha256", "-sign", key,
                    stdin=signed if signed is not None else der(0x31, *attrs))
    signer = der(0x30, der(2, b"\x01"), der(0x30, issuer, serial), der(0x30, digest),
                 der(0xA0, *attrs) if attrs else b"", der(0x30, algorithm), der(4, signature))
    body = der(0x30, der(2, b"\x01"), der(0x31, der(0x30, digest)), der(0x30, kind, content),
               der(0xA0, der_of), der(0x31, signer))
    return der(0x30, SIGNED_DATA, der(0xA0, body))


def header(data):
    """(length of tag and length, length of the contents)."""
    if data[1] < 0x80:
        return 2, data[1]
    size = data[1] & 0x7F
    return 2 + size, int.from_bytes(data[2:2 + size], "big")


def split(data):
    head, n = header(data)
    return data[:head + n], data[head + n:]


def inside(data):
    head, n = header(data)
    return data[head:head + n]
