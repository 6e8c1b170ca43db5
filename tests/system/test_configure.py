"""What a camera is told: to whom it is issued, and its profile's settings; and what is written down of it."""
import pytest

import vcam
from disks import make_disk
from station import Station

MIB = 1 << 20
BAYS = [{"name": "1", "port": "1-1"}, {"name": "2", "port": "1-2"}]
OWNER = {"settle_seconds": 1, "owner_property": 0xD402}


def shift(seed=1):
    return [vcam.clip("DCIM/100/a.mp4", MIB, seed, mtime=1790000000)]


def told(station):
    return [{k: r[k] for k in ("what", "property", "officer", "value", "result") if k in r}
            for r in station.ledger() if r["type"] == "configured"]


def assign(station, *words):
    return station.ctl("camera", "assign", *words, "--reason", "issued at roll call")


def docked(station, camera, port="1-1", bay="1"):
    camera.plug(port)
    station.wait("bay", bay, "take", timeout=60)


def test_a_camera_is_told_whose_it_is():
    with Station(bays=BAYS, profile=OWNER) as s:
        assign(s, "BWC-A", "--officer", "O-217", "--unit", "U-9")
        a = s.camera("A", shift())
        b = s.camera("B", shift(3))
        docked(s, a)
        docked(s, b, "1-2", "2")
        assert a.stats()["name"] == "O-217"
        assert b.stats()["name"] == "vcam", "nobody has it"
        assert s.bay("1")["officer"] == "O-217" and s.bay("2")["officer"] is None
        # what they hold was not recorded by whom they are issued to now
        assert [c["officer"] for c in s.clips()] == [None, None]
        assert told(s) == [{"what": "owner", "property": 0xD402, "officer": "O-217",
                            "result": "done"}]
        # the same at the next docking: looked at, not written again, and not said again
        a.unplug()
        s.wait("bay", "1", "empty")
        s.wait("idle")
        a.add("DCIM/100/later.mp4", MIB, seed=9, mtime=1790000500)
        docked(s, a)
        s.wait("idle")
        assert s.clips()[2]["officer"] == "O-217", "who had it meanwhile"
        assert a.stats()["settings_set"] == 1 and len(told(s)) == 1
        # issued anew while it is docked
        assign(s, "BWC-A", "--officer", "O-300")
        s.wait("idle")
        assert a.stats()["settings_set"] == 2 and a.stats()["name"] == "O-300"
        assert [r["officer"] for r in s.ledger() if r["type"] == "assigned"] == ["O-217", "O-300"]


def test_settings_of_a_profile():
    settings = {"settle_seconds": 1,
                "settings": [{"property": 0xD801, "value": "7"},
                             {"property": 0xD402, "value": "BWC pool"},
                             {"property": 0xD999, "value": "x"},
                             {"property": 0x5001, "value": "5"}]}
    with Station(bays=BAYS, profile=settings) as s:
        a = s.camera("A", shift())
        docked(s, a)
        assert a.stats()["mode"] == 7 and a.stats()["name"] == "BWC pool"
        assert [(t["property"], t["result"]) for t in told(s)] == [
            (0xD801, "done"), (0xD402, "done"), (0xD999, "refused"), (0x5001, "refused")]
        assert "0x5001" in s.bay("1")["attention"], "the last that it refused; it is no stop"
        assert len(s.events("not-configured")) == 2


def test_an_id_is_no_name():
    with Station(bays=BAYS) as s:
        for words in (["--officer", "Jane Doe"], ["--officer", "x" * 40], ["--unit", 'a"b'], []):
            answer = s.ctl("camera", "assign", "SER", *words, "--reason", "r", check=False)
            assert answer.get("exit"), (words, answer)
        assert not [r for r in s.ledger() if r["type"] == "assigned"]


@pytest.mark.parametrize("language, usb", [
    ("dv16", {"vendor": 0x1234, "product": 1, "model": "DV16"}),
    ("amba-block", {"vendor": 0x4255, "product": 1})])
def test_a_locked_camera_is_told_before_it_is_a_disk(language, usb):
    with Station(bays=BAYS) as s:
        image = make_disk(s.folder / "card.img", {"DCIM/a.mp4": b"x" * 5000}, fs="fat16")
        image.chmod(0o666)
        camera = s.camera("L", disk={"luns": [{"image": str(image)}]}, usb=usb,
                          locked={"language": language, "battery": 61,
                                  "info": {"serial": "7654321", "user_no": "445566",
                                           "unit_no": "990"}})
        assign(s, "7654321", "--officer", "O-217")
        camera.plug("1-1")
        s.wait("all", "receipted", timeout=60)
        assert [(t["what"], t["officer"], t["result"]) for t in told(s)] == [
            ("owner", "O-217", "done")]
        clip, = s.clips()
        assert (clip["camera"], clip["officer"], clip["unit"]) == ("7654321", "445566", "990"), \
            "the one who recorded it, not the one who gets the camera next"
        assert {r.get("officer") for r in s.ledger() if r["type"] in ("camera", "unlock", "found")} == {"445566"}
        assert camera.stats()["info"]["user_no"] == "O-217"
        assert camera.stats()["writes_seen"] == 0
