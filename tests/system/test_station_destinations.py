"""Destinations that are taken out of the configuration, put back, renamed, or named twice."""
import signal

from servers import FaultServer
from station import UPLOADER, Station, until
from station_faults import BAYS, MIB, QUICK, destination, shift, texts
from test_station_nas import stored_at, two_stores


def configure(s, destinations):
    n = len(s.events("reloaded"))
    s.settings["destinations"] = destinations
    s.write_config()
    s.core.send(signal.SIGHUP)
    until(s, lambda: len(s.events("reloaded")) > n, "reloaded")


def records(s, kind, name):
    return [r["asset"] for r in s.ledger() if r["type"] == kind and r.get("destination") == name]


def test_removed_in_the_midst_put_back_renamed(folder):
    """It costs no byte of what it had, what waited is told of, and the others go on."""
    (folder / "s").mkdir()
    server = FaultServer()
    store = {"name": "store", "driver": "tus", "url": server.url, "rate-kbit": 16_000}
    other = {"name": "other", "driver": "dir", "folder": folder / "s/other"}
    try:
        with Station(start=False, bays=BAYS, profile=QUICK, folder=folder / "s", destinations=[store, other]) as s:
            s._dir("other", UPLOADER, 0o755)
            s.start()
            s.camera("A", shift(1, 4, 4 * MIB)).plug("1-1")
            until(s, lambda: records(s, "created", "store"), "begun there")
            s.wait("all", "checked")
            configure(s, [other])
            told = s.events("destination-removed")
            assert len(told) == 1 and "destination=store waiting=" in told[0]
            waited = int(told[0].split("waiting=")[1].split()[0])
            s.wait("all", "receipted")
            assert stored_at(s, "other") == 4 and texts(s) == ""
            had = records(s, "receipted", "store")
            assert len(had) + waited == 4 and waited > 0
            configure(s, [store, other])
            s.wait("all", "receipted")
            assert sorted(records(s, "receipted", "store")) == [1, 2, 3, 4]
            assert sorted(records(s, "created", "store")) == [1, 2, 3, 4], "gone on with, not begun anew"
            # the same folder under another name: found there, nothing is sent
            configure(s, [store, {**other, "name": "renamed"}])
            s.start_uploader("renamed")
            s.wait("all", "receipted")
            assert sorted(records(s, "receipted", "renamed")) == [1, 2, 3, 4]
            assert stored_at(s, "other") == 4
            assert not [r for r in s.ledger() if r["type"] in ("lost", "recreated", "another")]
            assert not [line for line in s.events("destination-removed") if "waiting=0" not in line][1:]
    finally:
        server.close()


def test_two_names_for_one_folder(folder):
    """One copy would count as two: refused, and the one in force stays."""
    (folder / "s").mkdir()
    stores = two_stores(folder / "s")
    with Station(start=False, bays=BAYS, profile=QUICK, folder=folder / "s", destinations=stores[:1]) as s:
        s.start()
        s.settings["destinations"] = [stores[0], {**stores[1], "folder": stores[0]["folder"]}]
        s.write_config()
        s.core.send(signal.SIGHUP)
        until(s, lambda: "same place" in texts(s), "it is refused")
        assert destination(s, "store")["name"] == "store"
        # for other kinds it is another matter
        s.settings["destinations"] = [{**stores[0], "takes": ["clip", "sidecar", "other"]},
                                      {**stores[1], "folder": stores[0]["folder"], "takes": ["log"]}]
        s.write_config()
        s.core.send(signal.SIGHUP)
        until(s, lambda: texts(s) == "", "in force")
