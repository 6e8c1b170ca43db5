"""`dockctl camera probe`: what a plugged device is, and a draft profile that works as it is."""
import contextlib
import hashlib
import signal

import pytest

import vcam
from disks import make_disk
from station import Station, until

MIB = 1 << 20
BAYS = [{"name": "1", "port": "1-1"}, {"name": "2", "port": "1-2"}]
FILES = {f"DCIM/100/{n}.MP4": vcam.generate(n, 0, 200000 + n) for n in range(3)} | {
    "LOG/a.txt": b"line\n" * 40, "odd": b"x"}
INFO = {"serial": "7654321", "user_no": "445566", "user_name": "Erna Example", "unit_no": "990",
        "unit_name": "Upper Example"}


@contextlib.contextmanager
def bare(**settings):
    """A station with no profile at all but one that fits nothing here."""
    s = Station(start=False, bays=BAYS, **settings)
    for path in (s.folder / "profiles").iterdir():
        path.unlink()
    (s.folder / "profiles/none.conf").write_text('name = "none"; match = { vendor = 1; };\n')
    s.start()
    with s:
        yield s


def card(s, fs="fat32", table="mbr"):
    image = s.folder / f"{fs}-{table}.img"
    make_disk(image, FILES, fs=fs, table=table)
    image.chmod(0o666)
    return {"luns": [{"image": str(image)}]}


def foreign(s, camera, port="1-1", bay="1"):
    camera.plug(port)
    s.wait("bay", bay, "leave")
    assert s.bay(bay)["state"] == "foreign"


def probe(s, bay="1"):
    return s.ctl("camera", "probe", bay)


def works(s, wanted, timeout=60):
    """The draft goes into the folder of profiles: the camera is docked and taken whole."""
    path = s.folder / "profiles/draft.conf"
    s.ctl("camera", "probe", "1", "--profile", path)
    s.core.send(signal.SIGHUP)
    s.wait("all", "receipted", timeout=timeout)
    assert s.bay("1")["profile"].startswith("draft-")
    assert {c["sha256"] for c in s.clips()} == wanted
    return path.read_text()


def sums(files):
    return {hashlib.sha256(data).hexdigest() for data in files.values()}


def test_ptp():
    with bare() as s:
        camera = s.camera("A", [vcam.clip("DCIM/100/a.mp4", MIB, 1, mtime=1790000000),
                                vcam.clip("DCIM/100/b.MP4", MIB, 2, mtime=1790000000),
                                vcam.clip("AUDIT/x.log", 1000, 3, mtime=1790000000)])
        foreign(s, camera)
        told = probe(s)
        assert (told["driver"], told["vendor"], told["product"], told["profile"]) == (
            "ptp", 0x1209, 0xBCBC, None)
        assert told["serial"] == "BWC-A" and told["battery_percent"] == 100 and told["clock"]
        assert {f["suffix"]: (f["files"], f["folder"]) for f in told["files"]} == {
            ".mp4": (2, "DCIM/100"), ".log": (1, "AUDIT")}
        bay = s.bay("1")
        assert bay["state"] == "foreign" and bay["docking"] == 0, "as it was before"
        assert camera.stats()["clocks_set"] == camera.stats()["settings_set"] == 0
        probed = [r for r in s.ledger() if r["type"] == "probed"]
        assert [(r["bay"], r["driver"], r["uid"]) for r in probed] == [("1", "ptp", 0)]
        text = works(s, {o["sha256"] for o in camera.objects(digests=True).values()})
        assert 'identity = "usb";' in text and '\n#signing = "none";' in text
        assert '\nclips = ( "*.mp4" );' in text and '\nlogs-paths = ( "*.log" );' in text
        # a docked one that is held can be asked again, and goes on
        s.wait("bay", "1", "take")
        assert probe(s)["profile"].startswith("draft-")
        s.wait("bay", "1", "take")


@pytest.mark.parametrize("fs, table", [("fat32", "mbr"), ("exfat", "gpt")])
def test_disk(fs, table):
    with bare() as s:
        camera = s.camera("D", disk=card(s, fs, table), usb={"serial": "DISK-77"})
        foreign(s, camera)
        told = probe(s)
        assert told["driver"] == "msc" and told["language"] is None and not told["locked"]
        assert fs in told["medium"].lower(), told["medium"]
        assert {f["suffix"]: f["files"] for f in told["files"]} == {".mp4": 3, ".txt": 1, "-": 1}
        text = works(s, sums(FILES))
        assert "erasable" not in text and 'driver = "msc";' in text
        assert camera.stats()["writes_seen"] == 0


@pytest.mark.parametrize("language, words", [
    ("dv16", "dv16"), ("amba-request", "ambarella-request"), ("amba-block", "ambarella-block"),
    ("amba-text", "ambarella-text")])
def test_languages(language, words):
    with bare() as s:
        usb = {} if language == "dv16" else {"vendor": 0x4255, "product": 1}
        camera = s.camera("L", disk=card(s), usb={"serial": "SER-4711", **usb},
                          locked={"language": language, "info": INFO, "battery": 61})
        foreign(s, camera)
        told = probe(s)
        if language in ("amba-request", "amba-text"):  # met by a login alone
            assert (told["driver"], told["language"], told["locked"]) == (None, None, False)
            assert "not asked" in told["text"]
        else:
            assert (told["driver"], told["language"], told["locked"]) == ("msc", words, True)
        assert told["files"] == [] and camera.stats().get("unlocked", 0) == 0
        if language in ("dv16", "amba-block"):
            assert told["battery_percent"] == 61
            # the block language tells ids only after a login
            assert told["officer"] == ("445566" if language == "dv16" else None)
        text = works(s, sums(FILES))
        assert f'"{words}"' in [line for line in text.splitlines() if line.startswith("unlock")][0]
        assert "Erna" not in text + s.log() and "Example" not in str(s.ledger())


@pytest.mark.parametrize("language", ["dv16", "amba-request", "amba-block", "amba-text"])
def test_no_pin_is_told(language):
    """Neither the default nor another: what has a PIN of its own counts no wrong try."""
    with bare() as s:
        usb = {} if language == "dv16" else {"vendor": 0x4255, "product": 1}
        camera = s.camera("L", disk=card(s), usb={"serial": "SER-4711", **usb},
                          locked={"language": language, "info": INFO, "pin": "975310"})
        foreign(s, camera)
        probe(s)
        assert camera.stats()["wrong_pins"] == 0


def test_what_nothing_reads():
    with bare() as s:
        camera = s.camera("H", usb={"class": 3, "subclass": 1, "protocol": 1,
                                    "interface": "Keyboard"})
        foreign(s, camera)
        told = probe(s)
        assert told["driver"] is None and told["draft"] is None and "no disk" in told["text"]
        path = s.folder / "profiles/draft.conf"
        with pytest.raises(AssertionError, match="no profile is drafted"):
            s.ctl("camera", "probe", "1", "--profile", path)
        assert not path.exists()
        assert s.bay("1")["state"] == "foreign"


def test_hostile_strings():
    evil = 'x"; erasable = true; #\\"\n\x1b[2J*[a-z]?é'
    with bare() as s:
        camera = s.camera("E", [vcam.clip('a"b\n*/c.mp4', 1000, 1), vcam.clip("d.m;p", 10, 2)],
                          usb={"model": evil, "manufacturer": evil, "serial": "BWC-E"})
        foreign(s, camera)
        text = works(s, {o["sha256"] for o in camera.objects(digests=True).values()})
        assert "\x1b" not in text
        assert not [line for line in text.splitlines() if line.startswith("erasable")]


def test_a_bay_that_is_busy_or_empty():
    with Station(bays=BAYS, profile={"settle_seconds": 1}) as s:
        def refused(bay):
            return s.ctl("camera", "probe", bay, check=False)["exit"]
        assert refused("2") and refused("nowhere")
        # so slow that it is in the midst of it until it is told to hurry
        camera = s.camera("A", [vcam.clip("a.mp4", 4 * MIB, 1, mtime=1790000000)], rate=MIB // 32)
        camera.plug("1-1")
        until(s, lambda: [r for r in s.ledger() if r["type"] == "pull"], "it is read")
        assert refused("1")
        camera.rate(0)
        s.wait("bay", "1", "take")
        assert probe(s)["driver"] == "ptp"
        s.wait("bay", "1", "take")
        assert not [r for r in s.ledger() if r["type"] in ("fault", "undocked")]
        camera.unplug()
        s.wait("bay", "1", "empty")
