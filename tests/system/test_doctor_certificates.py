"""dockctl doctor on what ends: certificates, pins, anchors, revocation lists; and on servers that are away or refuse."""
import datetime
import os
import pathlib
import shutil
import ssl
import tempfile

import pytest

from doctor import doctor, ready
from doctor import beside, station  # noqa: F401 (fixtures)
from pki import UTC, Authority, fingerprint, run
from servers import FaultServer, answer
from station import Station, new_folder, until

DAY = datetime.timedelta(days=1)


@pytest.fixture(scope="module")
def ca():
    with tempfile.TemporaryDirectory(prefix="dockd-keys-") as at:
        yield Authority(pathlib.Path(at), "ca")


def opened(ca):
    """For the uploader's user; keys stay closed to others than its group."""
    for path in [ca.folder.parent, *ca.folder.parent.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o640 if path.suffix == ".key" else 0o644)
        os.chown(path, 0, 64003)


def pair(ca, first, last):
    now = datetime.datetime.now(UTC)
    made = ca.host("/CN=host", first=now + first * DAY, last=now + last * DAY)
    opened(ca)
    return made


def served(station, ca, server, client, script=(), otherwise=None, **more):
    """A server of tus that shows this certificate and wants the client's; setting names it as a destination."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*server)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(ca.certificate)
    s = FaultServer(script, otherwise, context)
    s.setting = {"name": f"at{s.port}", "driver": "tus", "url": s.url, "ca-file": ca.certificate,
                 "certificate-file": client[0], "key-file": client[1], **more}
    return s


def test_a_client_certificate_that_ends(station, ca, beside):
    client = pair(ca, -300, 20.5)
    with served(station, ca, pair(ca, -1, 45.5), client) as s:
        name = s.setting["name"]
        beside(s.setting)
        until(station, lambda: doctor(station).level("certificate", f"{name} client"), "told")
        report = doctor(station)
        row, = report.at("certificate", f"{name} client")
        assert row["level"] == "warn" and "in 20 days" in row["what"]
        assert "certificate-file" in row["advice"]
        assert report.level("certificate", f"{name} server") == "note"
        assert report.level("certificate", f"{name} ca") == "well"
        told = station.ctl("status")["destinations"][1]
        assert told["certificates"]["client"] and told["certificates"]["server"]
        events = station.events("certificate-expiry")
        assert [e.split(" event=")[1] for e in events if "certificate=client" in e and "days=20" in e]
        # renewed on disk: taken up at the next request
        new = pair(ca, -1, 300)
        for old, fresh in zip(client, new):
            pathlib.Path(fresh).replace(old)
        station.camera("renews", objects=[{"path": "DCIM/100/1.mp4", "size": 10}]).plug("1-1")
        until(station, lambda: doctor(station).level("certificate", f"{name} client") == "well",
              "renewed")


def test_a_server_whose_certificate_has_expired(station, ca, beside):
    with served(station, ca, pair(ca, -30, -2.5), pair(ca, -1, 300)) as s:
        name = s.setting["name"]
        beside(s.setting, reached=False)
        until(station, lambda: doctor(station).level("certificate", f"{name} server") == "bad", "seen")
        until(station, lambda: doctor(station).at("server-identity"), "refused")
        report = doctor(station)
        row, = report.at("certificate", f"{name} server")
        assert "2 days ago" in row["what"] and "administrator" in row["advice"]
        row, = report.at("server-identity")
        assert row["level"] == "bad" and "expired" in row["what"]
        assert station.ctl("status")["station_light"] == "needs-it"
        assert "the server's certificate has expired" in station.ctl("status")["text"]


def test_a_server_that_is_away(station, ca, beside):
    with served(station, ca, pair(ca, -1, 300), pair(ca, -1, 300)) as s:
        gone = s.setting
    beside(gone, reached=False)
    until(station, lambda: "firewall" in str(doctor(station).at("destination", gone["name"])), "away")
    row, = doctor(station).at("destination", gone["name"])
    assert row["level"] == "bad" and "firewall" in row["advice"]


def test_a_server_that_does_not_let_it_in(station, ca, beside):
    with served(station, ca, pair(ca, -1, 300), pair(ca, -1, 300),
                otherwise=lambda server, request: answer(401)) as s:
        beside(s.setting, reached=False)
        name = s.setting["name"]
        until(station, lambda: doctor(station).level("credentials", name) == "bad", "refused")
        row, = doctor(station).at("credentials", name)
        assert "administrator" in row["advice"] and "retry" in row["advice"]


def test_a_pin_that_ends(station, ca, beside):
    server = pair(ca, -1, 300)
    soon = (datetime.datetime.now(UTC) + 5 * DAY).strftime("%Y-%m-%dT%H:%M:%SZ")
    pin = {"sha256": fingerprint(server[1]), "until": soon}
    with served(station, ca, server, pair(ca, -1, 300), pins=[pin]) as s:
        beside(s.setting)
        row, = doctor(station).at("pins")
        assert row["level"] == "bad" and "pins in dockd.conf" in row["advice"], row
        beside({**s.setting, "pins": [{"sha256": fingerprint(server[1])}]})
        assert doctor(station).level("pins") == "well"


@pytest.mark.parametrize("which, first, last", [(0, 0, 1), (4, 0, 1), (2**32 - 1, 0, 1),
                                                (3, 0, 2**63 - 1), (1, -(2**63), 0)])
def test_an_uploader_that_tells_of_no_certificate_is_dropped(which, first, last):
    now = int(datetime.datetime.now(UTC).timestamp())
    with Station(fakes=("store",), profiles_dir="/nonexistent", start=False) as s:
        s.settings["profiles-dir"] = s.folder / "profiles"
        s.write_config()
        s.fakes["store"].rule(certificates=[(3, now - 1, now + 3 * 86400), (which, first, last)])
        s.start(ready=False)  # it is dropped again and again
        why = "a certificate that does not exist" if which not in (1, 3) else "no certificate can name"
        until(s, lambda: why in s.log(), "dropped")
        s.fakes["store"].rule(certificates=[(3, now - 1, now + 3 * 86400)])
        ready(s)
        until(s, lambda: doctor(s).level("certificate", "store server") == "bad", "told")


@pytest.fixture
def signed(station):
    """A profile by whose anchors and revocation lists cameras' signatures are judged."""
    folder = new_folder("anchors")
    profile = station.folder / "profiles/signed.conf"

    def put(anchors, crl=None):
        profile.write_text(
            'name = "signed";\nmatch = { vendor = 0x1209; product = 0x0001; };\ndriver = "ptp";\n'
            f'identity = "usb";\nsigning = "cms";\nlogs = "none";\nanchors-file = "{anchors}";\n'
            + (f'crl-file = "{crl}";\n' if crl else ""))
        report = doctor(station)
        assert report.level("configuration") == "well", report.at("configuration")
        return report.at("anchors", "signed")
    yield folder, put
    profile.unlink()
    shutil.rmtree(folder)


@pytest.mark.parametrize("days, level", [(400, "well"), (45, "note"), (20, "warn"), (-2, "bad")])
def test_anchors_that_end(signed, days, level):
    folder, put = signed
    ends = datetime.datetime.now(UTC) + days * DAY
    row, = put(Authority(folder, "maker", last=str(ends)).certificate)
    assert row["level"] == level and ("ended" if days < 0 else "ends") in row["what"], row
    assert level == "well" or "camera maker" in row["advice"]


def test_a_revocation_list_that_ends_and_files_that_are_none(signed):
    folder, put = signed
    maker = Authority(folder, "maker")
    crl = folder / "crl.pem"
    for days, level in ((20, "well"), (3, "warn"), (-1, "bad")):
        at = (datetime.datetime.now(UTC) + days * DAY).strftime("%Y%m%d%H%M%SZ")
        run("ca", "-gencrl", "-config", maker.config, "-keyfile", maker.key, "-cert", maker.certificate,
            "-crl_lastupdate", "20200101000000Z", "-crl_nextupdate", at, "-out", crl)
        row = put(maker.certificate, crl)[-1 if level == "well" else 0]
        assert row["level"] == level and "revocation list of" in row["what"], (days, row)
    crl.write_text("no list\n")
    row = put(maker.certificate, crl)[0]
    assert row["level"] == "bad" and "no revocation list in it can be read" in row["what"]
    row = put(folder / "missing.pem")[0]
    assert row["level"] == "bad" and "no anchor in it" in row["what"] and "PEM" in row["advice"]
