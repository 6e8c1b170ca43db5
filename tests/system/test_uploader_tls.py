"""To whom the uploader speaks: to the server that is configured, over TLS as configured, and to nobody else.

dockd-uploader alone, as in test_uploader.py.
"""
import pathlib
import ssl
import subprocess
import tempfile

import pytest

import fake_core as core
from fake_core import PROGRAM, Core
from servers import FaultServer, answer, assert_whole, cut, honest, say

MIB = 1 << 20


# ---- nowhere else ----

@pytest.mark.parametrize("location", [
    "http://127.0.0.1:{}/files/1", "//127.0.0.2:{}/files/1", "http://localhost:{}/x",
    "http://evil.example/files/1", "http://user@127.0.0.1/files/1", "file:///etc/passwd"])
def test_location_of_another_host_is_refused(uploader, clip, location):
    with FaultServer() as other:
        with FaultServer([say(201, f"Location: {location.format(other.port)}")]) as s:
            uploader.open(core.TUS, s.url)
            created, end = uploader.whole(clip(MIB))
            assert created == [] and (end.kind, end.failure) == ("FAILED", core.REFUSED)
            assert len(s.requests) == 2
        assert other.connections == 0


@pytest.mark.parametrize("form", ["/files/1", "//127.0.0.1/files/1", "http://127.0.0.1/files/1",
                                  "https://127.0.0.1/files/1", "files/1", "?id=1", "/files/1?a=b#c"])
def test_location_forms(uploader, clip, form):
    def elsewhere(server, request):
        honest(server, request)
        return answer(201, f"LOCATION:{form}  ")
    def by_any_path(server, request):
        request.path = "/files/1" if request.method in ("PATCH", "HEAD") else request.path
        return honest(server, request)
    with FaultServer([elsewhere], by_any_path) as s:
        uploader.open(core.TUS, s.url)
        path = clip(MIB)
        created, end = uploader.whole(path)
        assert end.kind == "RECEIPT"
        assert created[0].address.startswith(f"http://127.0.0.1:{s.port}/")
        assert_whole(s, path)


@pytest.mark.parametrize("method", ["POST", "HEAD", "PATCH", "GET"])
def test_redirects_are_not_followed(uploader, clip, method):
    with FaultServer() as other:
        def elsewhere(server, request):
            if request.method == method:
                return answer(307, f"Location: {other.url}/1")
            return honest(server, request)
        with FaultServer(otherwise=elsewhere) as s:
            s.uploads["/files/1"] = [100, bytearray()]
            uploader.open(core.TUS, s.url, flags=core.READ_BACK)
            _, end = uploader.whole(clip(100), address=f"{s.url}/1" if method == "HEAD" else "")
            if method == "GET":  # nothing is read back: no proof of more than the length
                assert (end.kind, end.level) == ("RECEIPT", core.LENGTH)
            else:
                assert (end.failure, end.state) == (core.BAD_DESTINATION, "redirect")
                assert "redirect" in end.text
            assert len(s.seen(method)) == 1
        assert other.connections == 0


def test_address_on_another_host_is_not_asked(uploader, clip):
    with FaultServer() as other, FaultServer() as s:
        uploader.open(core.TUS, s.url)
        path = clip(MIB)
        created, end = uploader.whole(path, address=f"{other.url}/1")
        assert end.kind == "RECEIPT" and len(created) == 1 and created[0].text
        assert other.connections == 0
        assert_whole(s, path)


def test_proxies_of_the_environment_are_not_used(folder, clip):
    with FaultServer() as other, FaultServer() as s:
        with Core(folder, PROGRAM, env={"http_proxy": other.url, "ALL_PROXY": other.url}) as c:
            c.open(core.TUS, s.url)
            assert c.whole(clip(MIB))[1].kind == "RECEIPT"
        assert other.connections == 0


# ---- TLS ----

@pytest.fixture(scope="module")
def certificates():
    """ca, other (another CA), server and client, each NAME.crt and NAME.key."""
    with tempfile.TemporaryDirectory(prefix="dockd-tls-") as path:
        at = pathlib.Path(path)
        at.chmod(0o755)

        def openssl(*args):
            subprocess.run(["openssl", *map(str, args)], check=True, capture_output=True, cwd=at)
        new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        for ca in ("ca", "other"):
            openssl("req", "-x509", *new, "-keyout", f"{ca}.key", "-out", f"{ca}.crt", "-days", 2,
                    "-subj", f"/CN={ca}")
        (at / "ext").write_text("subjectAltName=IP:127.0.0.1\n")
        for name in ("server", "client"):
            openssl("req", *new, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
            openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.crt", "-CAkey", "ca.key",
                    "-CAcreateserial", "-out", f"{name}.crt", "-days", 2, "-extfile", "ext")
        for p in at.iterdir():
            p.chmod(0o644)
        yield at


def tls_server(certificates, script=(), otherwise=None, mutual=False):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / "server.crt", certificates / "server.key")
    if mutual:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(certificates / "ca.crt")
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    return FaultServer(script, otherwise, context)


def test_tls_with_a_client_certificate(uploader, clip, certificates):
    def plain_location(server, request):
        honest(server, request)
        return answer(201, f"Location: http://127.0.0.1:{server.port}/files/1")
    with tls_server(certificates, [plain_location], mutual=True) as s:
        uploader.open(core.TUS, s.url, ca=str(certificates / "ca.crt"),
                      cert=str(certificates / "client.crt"), key=str(certificates / "client.key"))
        path = clip(3 * MIB)
        created, end = uploader.whole(path)
        assert end.kind == "RECEIPT", end
        assert created[0].address == f"{s.url}/1", "http behind TLS is forced back to https"
        assert_whole(s, path)


def test_tls_cut_and_resumed(uploader, clip, certificates):
    with tls_server(certificates, [honest, cut(MIB, keep=True), honest, cut(99999)]) as s:
        uploader.open(core.TUS, s.url, ca=str(certificates / "ca.crt"))
        path = clip(3 * MIB)
        created, end = uploader.whole(path)
        assert end.kind == "RECEIPT" and len(created) == 1
        assert_whole(s, path)


def test_tls_of_somebody_else(uploader, clip, certificates):
    with tls_server(certificates) as s:
        ready = uploader.open(core.TUS, s.url, ca=str(certificates / "other.crt"))
        assert "certificate" in ready.text
        _, end = uploader.whole(clip(10))
        assert (end.kind, end.failure) == ("FAILED", core.BAD_DESTINATION)
        assert "certificate" in end.text and not s.requests


def test_tls_for_another_name(uploader, clip, certificates):
    with tls_server(certificates) as s:
        uploader.open(core.TUS, s.url.replace("127.0.0.1", "localhost"),
                      ca=str(certificates / "ca.crt"))
        _, end = uploader.whole(clip(10))
        assert (end.kind, end.failure) == ("FAILED", core.BAD_DESTINATION) and not s.requests


def test_tls_without_the_client_certificate(uploader, clip, certificates):
    with tls_server(certificates, mutual=True) as s:
        uploader.open(core.TUS, s.url, ca=str(certificates / "ca.crt"))
        _, end = uploader.whole(clip(10))
        assert end.kind == "FAILED" and end.text and not s.requests


@pytest.mark.parametrize("what", ["ca", "cert", "key"])
def test_tls_file_missing(uploader, certificates, what):
    ready = uploader.open(core.TUS, "https://127.0.0.1:9/files", **{what: "/nonexistent/file.pem"})
    assert ready.status < 0 and "/nonexistent/file.pem" in ready.text
