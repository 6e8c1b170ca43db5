"""dockd-uploader: whom it sends evidence to and as whom, against real TLS servers and a real proxy.

Every refusal ends with a named state and a text that says what to do, after a bounded number of
connections and without one byte sent; every renewal counts at once, and nothing is lost or sent
twice by it.
"""
import datetime
import hashlib
import pathlib
import re
import select
import shutil
import socket
import ssl
import tempfile
import threading
import time

import pytest

import fake_core as core
from fake_core import NO_TIME, PROGRAM, Core
from listener import Listener
from pki import UTC, Authority, new_key, public, run
from servers import FaultServer, Nginx, Proxy, cut, honest

# The old versions of TLS are spoken here to be refused.
pytestmark = pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
MIB = 1 << 20
DAY = datetime.timedelta(days=1)


class Keys:
    """ca, other (another CA); server, client: (certificate, key) of each."""

    def __init__(self, at):
        self.at = at
        self.ca, self.other = Authority(at, "ca"), Authority(at, "other")
        self.server, self.client = self.ca.host("/CN=server"), self.ca.host("/CN=client")
        self.open()

    def open(self):
        """For the uploader's user."""
        for path in [self.at, *self.at.rglob("*")]:
            path.chmod(0o755 if path.is_dir() else 0o644)

    def host(self, issuer="ca", **how):
        pair = getattr(self, issuer).host("/CN=host", **how)
        self.open()
        return pair


@pytest.fixture(scope="module")
def keys():
    with tempfile.TemporaryDirectory(prefix="dockd-keys-") as at:
        yield Keys(pathlib.Path(at))


def context(pair, client_ca=None, least=ssl.TLSVersion.TLSv1_2, most=ssl.TLSVersion.TLSv1_3):
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if least < ssl.TLSVersion.TLSv1_2:
        c.set_ciphers("ALL:@SECLEVEL=0")
    c.minimum_version, c.maximum_version = least, most
    c.load_cert_chain(*pair)
    if client_ca:
        c.verify_mode = ssl.CERT_REQUIRED
        c.load_verify_locations(client_ca.certificate)
    return c


def pin(key, first=NO_TIME, last=NO_TIME):
    return hashlib.sha256(public(key)).digest(), first, last


def whole(server, path, uploads=1):
    assert len(server.uploads) == uploads
    assert [bytes(held) for _, held in server.uploads.values()] == [path.read_bytes()] * uploads


def refused(uploader, server, path, state, *words, failure=core.BAD_DESTINATION, most=3):
    """An upload that ends with this state, before anything was asked of the server."""
    _, end = uploader.whole(path)
    assert (end.kind, end.failure, end.state) == ("FAILED", failure, state), end
    assert all(word in end.text for word in words), end.text
    assert not server.seen("POST") and not server.seen("PATCH")
    assert server.connections <= most
    return end


# ---- who the server is ----

def days(first, last):
    now = datetime.datetime.now(UTC)
    return dict(first=now + first * DAY, last=now + last * DAY)


@pytest.mark.parametrize("what, state, words", [
    ("another name", "tls-name", ["another name", "URL"]),
    ("expired", "tls-expired", ["expired", "clock"]),
    ("not valid yet", "tls-expired", ["not valid yet", "clock"]),
    ("self-signed", "tls-untrusted", ["ca-file"]),
    ("another CA", "tls-untrusted", ["ca-file"]),
    ("TLS 1.1 at most", "tls-version", ["tls-min"]),
    ("TLS 1.2 where 1.3 is wanted", "tls-version", ["tls-min"]),
    ("another key than pinned", "tls-pin", ["pins"]),
    ("no pin in force", "tls-pin", ["no pinned key is in force"]),
])
def test_who_is_refused(uploader, keys, clip, what, state, words):
    pair, how, limits = keys.server, {}, {}
    if what == "another name":
        pair = keys.host(names="DNS:elsewhere.example")
    elif what == "expired":
        pair = keys.host(**days(-10, -1))
    elif what == "not valid yet":
        pair = keys.host(**days(1, 10))
    elif what == "self-signed":
        key = new_key(keys.at / "self.key")
        run("req", "-x509", "-key", key, "-subj", "/CN=127.0.0.1", "-addext",
            "subjectAltName=IP:127.0.0.1", "-days", "2", "-out", keys.at / "self.pem")
        pair = keys.at / "self.pem", key
    elif what == "another CA":
        pair = keys.host("other")
    elif what == "TLS 1.1 at most":
        limits = dict(least=ssl.TLSVersion.TLSv1, most=ssl.TLSVersion.TLSv1_1)
    elif what.startswith("TLS 1.2"):
        limits, how = dict(most=ssl.TLSVersion.TLSv1_2), dict(tls_min=13)
    elif what.startswith("another key"):
        how = dict(pins=[pin(keys.client[1])])
    else:
        how = dict(pins=[pin(keys.server[1], last=int(time.time()) - 5)])
    with FaultServer(tls=context(pair, **limits)) as s:
        ready = uploader.open(core.TUS, s.url, ca=keys.ca.certificate, **how)
        assert ready.status == 0 and words[0] in ready.text, ready
        refused(uploader, s, clip(10), state, *words)


def test_what_is_right_is_accepted(uploader, keys, clip):
    with FaultServer(tls=context(keys.server)) as s:
        uploader.open(core.TUS, s.url, ca=keys.ca.certificate, tls_min=13,
                      pins=[pin(keys.server[1], int(time.time()) - 9, int(time.time()) + 999)])
        path = clip(MIB)
        _, end = uploader.whole(path)
        assert (end.kind, s.connections) == ("RECEIPT", 1)
        whole(s, path)


def test_no_tls_where_it_is_expected(uploader, folder, keys, clip):
    with FaultServer() as s, Nginx(folder / "nginx", s.port) as n:
        uploader.open(core.TUS, n.url.replace("http:", "https:"), ca=keys.ca.certificate)
        refused(uploader, s, clip(10), "tls", "port")


def test_certificate_swapped_in_the_middle(uploader, keys, clip):
    """The line is cut, and who answers then is somebody else; later the right one is back."""
    def swap(server, request):
        server.tls = context(keys.host("other"))
        return cut(MIB // 2, keep=True)(server, request)
    with FaultServer([honest, honest, swap], tls=context(keys.server)) as s:
        uploader.open(core.TUS, s.url, ca=keys.ca.certificate, chunk_max=MIB)
        path = clip(4 * MIB)
        created, end = uploader.whole(path)
        assert (end.kind, end.state) == ("FAILED", "tls-untrusted"), end
        assert len(s.uploads["/files/1"][1]) == MIB + MIB // 2
        seen = len(s.requests)
        s.tls = context(keys.server)
        _, end = uploader.whole(path, address=created[0].address)
        assert end.kind == "RECEIPT"
        whole(s, path)
        assert end.sent == path.stat().st_size - MIB - MIB // 2, "nothing is sent twice"
        assert s.requests[seen].method == "HEAD"


# ---- pins ----

def test_server_key_rotated_in_the_middle(uploader, keys, clip):
    """Old and new are pinned for some days; the server changes over between two requests."""
    new = keys.host()

    def change(server, request):
        server.tls = context(new)
        return honest(server, request)[:-2] + b"Connection: close\r\n\r\n"
    now = int(time.time())
    with FaultServer([honest, honest, change], tls=context(keys.server)) as s:
        uploader.open(core.TUS, s.url, ca=keys.ca.certificate, chunk_max=MIB,
                      pins=[pin(keys.server[1], last=now + 9999), pin(new[1], now - 9999)])
        path = clip(4 * MIB)
        created, end = uploader.whole(path)
        assert end.kind == "RECEIPT", end
        assert len(created) == 1 and end.sent == path.stat().st_size and s.connections == 2
        whole(s, path)


def test_pin_comes_into_force(uploader, keys, clip):
    """Without a restart: what was refused is accepted from its date on."""
    begins = int(time.time()) + 2
    with FaultServer(tls=context(keys.server)) as s:
        uploader.open(core.TUS, s.url, ca=keys.ca.certificate,
                      pins=[pin(keys.client[1]), pin(keys.server[1], begins)])
        path = clip(10)
        end = uploader.whole(path)[1]
        while end.kind == "FAILED":
            assert (end.state, s.seen("POST")) == ("tls-pin", [])
            end = uploader.whole(path)[1]
        assert end.kind == "RECEIPT" and time.time() >= begins


def test_pin_goes_out_of_force(uploader, keys, clip):
    """A connection made under it is not used any more, although it is still open."""
    ends = int(time.time()) + 6

    def last_moment(server, request):
        answered = honest(server, request)
        server.released.wait(max(ends + 0.1 - time.time(), 0))
        return answered
    with FaultServer([honest, honest, last_moment], tls=context(keys.server)) as s:
        uploader.open(core.TUS, s.url, ca=keys.ca.certificate, chunk_max=MIB,
                      pins=[pin(keys.server[1], last=ends), pin(keys.client[1])])
        path = clip(4 * MIB)
        _, end = uploader.whole(path)
        assert (end.kind, end.state) == ("FAILED", "tls-pin"), end
        assert len(s.uploads["/files/1"][1]) == 2 * MIB == end.offset


# ---- who we are ----

@pytest.mark.parametrize("most", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_client_certificate_missing(uploader, keys, clip, most):
    with FaultServer(tls=context(keys.server, keys.ca, most=most)) as s:
        uploader.open(core.TUS, s.url, ca=keys.ca.certificate)
        # In TLS 1.2 the server only says that the handshake failed.
        state = "tls" if most == ssl.TLSVersion.TLSv1_2 else "tls-client"
        end = refused(uploader, s, clip(10), state, most=8)
        assert "certificate" in end.text or "handshake" in end.text


def test_client_certificate_of_another_ca(uploader, keys, clip):
    pair = keys.host("other")
    with FaultServer(tls=context(keys.server, keys.ca)) as s:
        uploader.open(core.TUS, s.url, ca=keys.ca.certificate, cert=pair[0], key=pair[1])
        refused(uploader, s, clip(10), "tls-client", "certificate-file", most=8)


@pytest.mark.parametrize("what", ["none", "another CA's", "expired", "right"])
def test_client_certificate_at_nginx(uploader, folder, keys, clip, what):
    """nginx speaks TLS with whoever comes, and refuses within HTTP."""
    pair = {"none": ("", ""), "another CA's": keys.host("other"), "right": keys.client,
            "expired": keys.host(**days(-10, -1))}[what]
    def behind(server, request):
        return honest(server, request).replace(f":{server.port}".encode(), f":{n.port}".encode())
    with FaultServer(otherwise=behind) as s, \
            Nginx(folder / "nginx", s.port, limit="0", tls=keys.server,
                  client_ca=keys.ca.certificate) as n:
        uploader.open(core.TUS, n.url, ca=keys.ca.certificate, cert=pair[0], key=pair[1])
        path = clip(2 * MIB)
        if what != "right":
            refused(uploader, s, path, "tls-client", "certificate-file")
            return
        created, end = uploader.whole(path)
        assert end.kind == "RECEIPT", end
        whole(s, path)
        # The server's own http:// behind TLS does not lead away from https://.
        assert created[0].address == f"{n.url}/1"


class Peers:
    """An honest server that notes whose certificate each request came with."""

    def __init__(self):
        self.seen = []

    def __call__(self, server, request):
        der = request.conn.getpeercert(binary_form=True)
        self.seen.append((request.method, hashlib.sha256(der).hexdigest()))
        return honest(server, request)


def der_digest(certificate):
    return hashlib.sha256(run("x509", "-in", certificate, "-outform", "DER")).hexdigest()


def put(source, target):
    """As renewals do: whole, by rename."""
    new = pathlib.Path(f"{target}.new")
    shutil.copyfile(source, new)
    new.chmod(0o644)
    new.rename(target)


def test_client_certificate_renewed_in_the_middle(uploader, folder, keys, clip):
    new, peers = keys.host(), Peers()
    at = folder / "client.pem", folder / "client.key"
    put(keys.client[0], at[0]), put(keys.client[1], at[1])

    def renew(server, request):
        put(new[0], at[0]), put(new[1], at[1])
        return peers(server, request)
    with FaultServer([peers, peers, renew], peers, context(keys.server, keys.ca)) as s:
        uploader.open(core.TUS, s.url, ca=keys.ca.certificate, cert=at[0], key=at[1], chunk_max=MIB)
        path = clip(4 * MIB)
        created, end = uploader.whole(path)
        assert end.kind == "RECEIPT", end
        assert len(created) == 1 and end.sent == path.stat().st_size
        whole(s, path)
        old, renewed = der_digest(keys.client[0]), der_digest(new[0])
        # The open connection was made with the old one: it is used no more.
        patches = [who for method, who in peers.seen if method == "PATCH"]
        assert patches == [old, old, renewed, renewed]
        assert s.connections == 2


def test_certificate_before_its_key(uploader, folder, keys, clip):
    """A renewal caught between its two files mends itself."""
    new = keys.host()
    at = folder / "client.pem", folder / "client.key"
    put(keys.client[0], at[0]), put(keys.client[1], at[1])

    def half(server, request):
        put(new[0], at[0])
        threading.Timer(0.4, put, (new[1], at[1])).start()
        return honest(server, request)
    with FaultServer([honest, half], tls=context(keys.server, keys.ca)) as s:
        uploader.open(core.TUS, s.url, ca=keys.ca.certificate, cert=at[0], key=at[1], chunk_max=MIB)
        path = clip(3 * MIB)
        created, end = uploader.whole(path)
        assert end.kind == "RECEIPT", end
        assert len(created) == 1 and end.sent == path.stat().st_size
        whole(s, path)


def test_certificate_without_its_key(uploader, keys, clip):
    with FaultServer(tls=context(keys.server, keys.ca)) as s:
        uploader.open(core.TUS, s.url, ca=keys.ca.certificate, cert=keys.client[0],
                      key=keys.server[1])
        refused(uploader, s, clip(10), "tls-key", "key-file")


def test_ca_file_with_nothing_in_it(uploader, folder, keys, clip):
    (folder / "empty.pem").write_text("")
    with FaultServer(tls=context(keys.server)) as s:
        uploader.open(core.TUS, s.url, ca=folder / "empty.pem")
        refused(uploader, s, clip(10), "tls-files", "ca-file")


# ---- secrets ----

def test_headers_file_renewed_in_the_middle(uploader, folder, clip):
    token = folder / "headers"
    token.write_text("Authorization: Bearer one\n")
    token.chmod(0o644)

    def renew(server, request):
        new = folder / "headers.new"
        new.write_text("# renewed\nAuthorization: Bearer two\n")
        new.chmod(0o644)
        new.rename(token)
        return honest(server, request)
    with FaultServer([honest, renew]) as s:
        uploader.open(core.TUS, s.url, headers=token, chunk_max=MIB)
        path = clip(3 * MIB)
        assert uploader.whole(path)[1].kind == "RECEIPT"
        assert [r.headers["authorization"][-3:] for r in s.seen("PATCH")] == ["one", "two", "two"]
        whole(s, path)
        # What cannot be used leaves what is held.
        token.write_text("no header at all\n")
        assert uploader.whole(clip(10, "b"))[1].kind == "RECEIPT"
        assert s.seen("POST")[-1].headers["authorization"] == "Bearer two"


def test_credentials_of_the_service_manager(folder, keys, clip):
    """credential:NAME, for every file that a destination has."""
    store = folder / "credentials"
    store.mkdir()
    for name, source in (("ca", keys.ca.certificate), ("cert", keys.client[0]),
                         ("key", keys.client[1])):
        put(source, store / name)
    (store / "token").write_text("Authorization: Bearer secret-word-1\n")
    (store / "proxy").write_text("user:secret-word-2\n")
    with Core(folder, PROGRAM, env={"CREDENTIALS_DIRECTORY": str(store)}) as c, \
            Proxy(folder / "proxy", "user", "secret-word-2") as p, \
            FaultServer(tls=context(keys.server, keys.ca)) as s:
        c.open(core.TUS, s.url, ca="credential:ca", cert="credential:cert", key="credential:key",
               headers="credential:token", proxy=p.url, proxy_file="credential:proxy")
        path = clip(MIB)
        assert c.whole(path)[1].kind == "RECEIPT"
        whole(s, path)
        assert s.seen("PATCH")[0].headers["authorization"] == "Bearer secret-word-1"
        for name in ("cmdline", "environ"):
            assert b"secret-word" not in pathlib.Path(f"/proc/{c.process.pid}/{name}").read_bytes()
        assert "secret-word" not in c.text()
        # Nobody but root reads its memory, and it leaves none behind.
        assert pathlib.Path(f"/proc/{c.process.pid}/limits").read_text().split(
            "Max core file size")[1].split()[0] == "0"


@pytest.mark.parametrize("what", ["ca", "cert", "key", "headers", "proxy_file"])
def test_credential_that_is_not_there(uploader, what):
    ready = uploader.open(core.TUS, "https://127.0.0.1:9/files", proxy="http://127.0.0.1:9",
                          **{what: "credential:none"})
    assert ready.status < 0 and "credential:none" in ready.text


# ---- through a proxy ----

@pytest.mark.parametrize("tls", [True, False])
def test_proxy_with_a_password(folder, keys, clip, tls):
    secret = folder / "proxy-file"
    secret.write_text("dock:word\n")
    secret.chmod(0o644)
    # The environment has no say.
    with Core(folder, PROGRAM, env={"no_proxy": "127.0.0.1", "NO_PROXY": "*"}) as c, \
            Proxy(folder / "proxy", "dock", "word") as p, \
            FaultServer([honest, honest, cut(MIB // 2, keep=True)],
                        tls=context(keys.server) if tls else None) as s:
        c.open(core.TUS, s.url, ca=keys.ca.certificate, proxy=p.url, proxy_file=secret,
               chunk_max=MIB)
        path = clip(3 * MIB)
        created, end = c.whole(path)
        assert end.kind == "RECEIPT", end
        assert len(created) == 1 and end.sent <= path.stat().st_size + MIB // 2
        whole(s, path)
        assert all("proxy-authorization" not in r.headers for r in s.requests)
        assert (p.tunnels() >= 1) == tls


class DigestProxy(Listener):
    """Just enough of a proxy to want RFC 7616 Digest for CONNECT, and to relay."""
    USER, WORD = "dock", "word with space"

    def __init__(self):
        self.asked, self.right = 0, 0
        super().__init__()
        self.url = f"http://127.0.0.1:{self.port}"

    def _is_right(self, head):
        given = re.search(r"proxy-authorization: Digest (.*)", head, re.I)
        if not given:
            return False
        f = {k: v.strip('"') for k, v in re.findall(r'(\w+)=("[^"]*"|[^,\s]+)', given[1])}

        def h(text):
            return hashlib.sha256(text.encode()).hexdigest()
        want = h(":".join([h(f"{self.USER}:realm:{self.WORD}"), "nonce", f["nc"], f["cnonce"], "auth",
                           h(f"CONNECT:{f['uri']}")]))
        return f["response"] == want

    def serve(self, conn):
        head = b""
        while b"\r\n\r\n" not in head:
            piece = conn.recv(4096)
            if not piece:
                return
            head += piece
        self.asked += 1
        head = head.decode("latin-1")
        if not self._is_right(head):
            conn.sendall(b"HTTP/1.1 407 x\r\nContent-Length: 0\r\nConnection: close\r\n"
                         b'Proxy-Authenticate: Digest realm="realm", nonce="nonce", qop="auth", '
                         b"algorithm=SHA-256\r\n\r\n")
            return
        self.right += 1
        host, port = head.split()[1].split(":")
        with socket.create_connection((host, int(port))) as server:
            conn.sendall(b"HTTP/1.1 200 x\r\n\r\n")
            both = {conn: server, server: conn}
            while True:
                for source in select.select(list(both), [], [])[0]:
                    piece = source.recv(1 << 16)
                    if not piece:
                        return
                    both[source].sendall(piece)


def test_proxy_with_digest(uploader, folder, keys, clip):
    secret = folder / "proxy-file"
    secret.write_text("dock:word with space\n")
    secret.chmod(0o644)
    with DigestProxy() as p, FaultServer(tls=context(keys.server)) as s:
        uploader.open(core.TUS, s.url, ca=keys.ca.certificate, proxy=p.url, proxy_file=secret)
        path = clip(2 * MIB)
        _, end = uploader.whole(path)
        assert end.kind == "RECEIPT", end
        whole(s, path)
        assert p.right >= 1 and p.asked <= p.right + 2


def test_proxy_that_refuses_us(uploader, folder, keys, clip):
    secret = folder / "proxy-file"
    secret.write_text("dock:wrong\n")
    secret.chmod(0o644)
    with Proxy(folder / "proxy", "dock", "word") as p, FaultServer(tls=context(keys.server)) as s:
        uploader.open(core.TUS, s.url, ca=keys.ca.certificate, proxy=p.url, proxy_file=secret)
        path = clip(10)
        refused(uploader, s, path, "proxy-refused", "proxy-file", most=0)
        assert p.tunnels() <= 6
        secret.write_text("dock:word\n")
        assert uploader.whole(path)[1].kind == "RECEIPT", "read again without a restart"


class OtherProxy(DigestProxy):
    """Asks for what no password in a file can give."""

    def serve(self, conn):
        conn.recv(4096)
        self.asked += 1
        conn.sendall(b"HTTP/1.1 407 x\r\nContent-Length: 0\r\nConnection: close\r\n"
                     b"Proxy-Authenticate: Negotiate\r\nProxy-Authenticate: NTLM\r\n\r\n")


@pytest.mark.parametrize("tls", [True, False])
@pytest.mark.parametrize("secret", ["dock:word\n", None])
def test_proxy_of_another_scheme(uploader, folder, keys, clip, tls, secret):
    """A person is told which it takes and which is given; no password is tried for ever."""
    path = folder / "proxy-file"
    path.write_text(secret or "")
    path.chmod(0o644)
    with OtherProxy() as p, FaultServer(tls=context(keys.server) if tls else None) as s:
        uploader.open(core.TUS, s.url, ca=keys.ca.certificate if tls else "", proxy=p.url,
                      proxy_file=path if secret else "")
        refused(uploader, s, clip(10), "proxy-scheme", "Negotiate, NTLM", most=0)
        assert p.asked <= 8


def test_proxy_refuses_without_tls(uploader, folder, clip):
    with Proxy(folder / "proxy", "dock", "word") as p, FaultServer() as s:
        uploader.open(core.TUS, s.url, proxy=p.url)
        refused(uploader, s, clip(10), "proxy-refused", "proxy-file", most=0)


def test_proxy_away(uploader, folder, keys, clip):
    with FaultServer(tls=context(keys.server)) as s:
        with Proxy(folder / "proxy") as p:
            uploader.open(core.TUS, s.url, ca=keys.ca.certificate, proxy=p.url)
            path = clip(10)
            assert uploader.whole(path)[1].kind == "RECEIPT"
        s.uploads.clear(), s.requests.clear()
        refused(uploader, s, path, "proxy", "proxy", failure=core.AWAY, most=9)


def test_proxy_that_does_not_reach_the_server(uploader, folder, clip):
    with Proxy(folder / "proxy") as p, FaultServer() as s:
        s.close()
        uploader.open(core.TUS, s.url.replace("http:", "https:"), proxy=p.url)
        refused(uploader, s, clip(10), "proxy", failure=core.AWAY)


def test_proxy_of_a_kind_that_is_not_known(uploader):
    ready = uploader.open(core.TUS, "https://127.0.0.1:9/files", proxy="socks5://127.0.0.1:9")
    assert ready.status < 0 and "http://HOST:PORT" in ready.text


def test_proxy_swaps_the_server(uploader, folder, keys, clip):
    """A proxy that breaks TLS open is somebody else, whatever it says."""
    with FaultServer(tls=context(keys.host("other"))) as s, Proxy(folder / "proxy") as p:
        uploader.open(core.TUS, s.url, ca=keys.ca.certificate, proxy=p.url)
        refused(uploader, s, clip(10), "tls-untrusted", "ca-file")
