"""Keys and certificates of a destination that run out, or are closed to its uploader."""
import datetime
import signal
import ssl

from pki import UTC, Authority
from servers import FaultServer
from station import Station, until
from station_faults import BAYS, QUICK, destination, once, receipted, settle, shift, texts
from test_receipts import Evidence

def tls(pair, client_ca=None):
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    c.load_cert_chain(*pair)
    if client_ca:
        c.verify_mode = ssl.CERT_REQUIRED
        c.load_verify_locations(client_ca.certificate)
    return c


def told(s, state):
    return until(s, lambda: (lambda d: d["text"] if d["state"] == state else "")(destination(s, "store")), state)


def test_certificates_that_run_out(folder):
    """The server's has run out, then the station's key is closed to its uploader: each told, each mended alone."""
    at = folder / "keys"
    at.mkdir()
    ca = Authority(at, "ca")
    now, day = datetime.datetime.now(UTC), datetime.timedelta(days=1)
    expired = ca.host("/CN=server", first=now - 10 * day, last=now - day)
    good, client = ca.host("/CN=server", last=now + 99 * day), ca.host("/CN=client", last=now + 5 * day)
    for path in [at, *at.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    server = FaultServer(tls=tls(expired, ca))
    store = {"name": "store", "driver": "tus", "url": server.url, "ca-file": ca.certificate,
             "certificate-file": client[0], "key-file": client[1]}
    try:
        with Station(bays=BAYS, profile=QUICK, destinations=[store]) as s:
            s.camera("A", shift()).plug("1-1")
            text = told(s, "tls-expired")
            assert "expired" in text and s.ctl("status")["station_light"] == "needs-it"
            s.wait("bay", "1", "take")
            assert receipted(s) == 0
            server.tls = tls(good, ca)
            settle(s)
            assert destination(s, "store")["text"] == ""
            until(s, lambda: "client certificate expires in" in texts(s), "the next one is told in time")
            assert "the server's certificate" not in texts(s)
            client[1].chmod(0)
            s.uploaders["store"].send(signal.SIGKILL)  # it has read the key before
            s.camera("B", shift(2)).plug("2-1")
            s.wait("bay", "2", "take")
            until(s, lambda: "key" in destination(s, "store")["text"], "told")
            assert receipted(s) == 3
            client[1].chmod(0o644)
            settle(s, "2")
            once(s)
    finally:
        server.close()


def test_files_of_a_destination_that_are_no_good(folder):
    """Each kind, found at a start of the uploader: told by the name of its setting, and mended alone."""
    at = folder / "keys"
    at.mkdir()
    ca = Authority(at, "ca")
    last = datetime.datetime.now(UTC) + datetime.timedelta(days=99)
    good, client, other = (ca.host(f"/CN={name}", last=last) for name in ("server", "client", "other"))
    login = at / "login"
    login.write_text("Authorization: Bearer x\n")
    for path in [at, *at.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    server = FaultServer(tls=tls(good, ca))
    store = {"name": "store", "driver": "tus", "url": server.url, "ca-file": ca.certificate,
             "certificate-file": client[0], "key-file": client[1], "headers-file": login}
    faults = [(client[1], other[1].read_bytes(), "key-file are no good together"),
              (client[1], b"garbage\n", "key-file are no good together"),
              (client[0], b"", "certificate-file and key-file are no good"),
              (client[1], None, "key-file: "), (client[0], None, "certificate-file: "), (ca.certificate, None, "ca-file: "),
              (ca.certificate, b"", "ca-file holds no certificate"), (login, None, "headers-file: "),
              (login, b"\0\xff\n", "headers-file: ")]
    try:
        with Station(bays=BAYS, profile=QUICK, destinations=[store]) as s:
            until(s, lambda: s.events("destination-ready"), "it works")
            for path, what, words in faults:
                kept = path.read_bytes()
                path.unlink()
                if what is not None:
                    path.write_bytes(what)
                    path.chmod(0o644)
                s.uploaders["store"].send(signal.SIGKILL)
                until(s, lambda: words in destination(s, "store")["text"], words)
                path.write_bytes(kept)
                path.chmod(0o644)
                s.uploaders["store"].send(signal.SIGKILL)
                until(s, lambda: destination(s, "store")["connected"] and not destination(s, "store")["text"], "mended")
            s.camera("A", shift()).plug("1-1")
            settle(s)
            once(s)
    finally:
        server.close()


def test_receipt_keys_that_change_at_a_reload():
    """Another key, no key, a key of another algorithm: no receipt counts, or the change is refused; nothing is lost."""
    with Evidence(erase="when-receipted") as s:
        far = dict(s.settings["destinations"][0])
        right, wrong = s.server.vkey, s.server.vkey_of("other.key")

        def keys(*all_of_them):
            s.settings["destinations"] = [{**far, "receipt-keys": list(all_of_them)}]
            s.write_config()
            s.core.send(signal.SIGHUP)

        keys(wrong)
        until(s, lambda: s.events("reloaded"), "another key")
        camera = s.dock()
        until(s, lambda: s.events("receipt-refused"), "it counts for nothing")
        until(s, lambda: "receipt-keys" in texts(s), "it is told")
        assert camera.stats()["deletions"] == 0 and receipted(s) == 0
        name, number, _ = right.split("+", 2)
        for bad in ["garbage", f"{name}+{number}+AgAA", f"{name}+00000000+{right.split('+', 2)[2]}"]:
            n = len(s.events("reload-refused"))
            keys(bad)
            until(s, lambda n=n: len(s.events("reload-refused")) > n, "refused")
            until(s, lambda: "receipt-keys" in texts(s) and "is in force" in texts(s), "it is told")
        keys(right)
        until(s, lambda: len(s.events("reloaded")) == 2, "the right one")
        s.ctl("retry", "--reason", "the right key is there")
        s.wait("all", "receipted")
        until(s, lambda: camera.stats()["deletions"] == 3, "erased by signed receipts")
        until(s, lambda: texts(s) == "", "all well")
        once(s)
