"""Cameras that show their files only after a vendor's command: the real programs, simulated faces.

One docking from the locked face to the last byte of the disk, whatever the camera calls itself after
the switch; and what is done when it does not do as told. Names of people that stand in a camera's
memory are looked for in everything that is written.
"""
import concurrent.futures
import hashlib
import os
import re
import shutil

import pytest

import station
import vcam
from disks import make_disk
from station import CORE, Death, Station, until

FILES = {"DCIM/100/a.mp4": vcam.generate(1, 0, 700001), "DCIM/100/b.mp4": vcam.generate(2, 0, 4096),
         "LOG/audit.log": b"seq 1\n" * 50}
DIGESTS = sorted(hashlib.sha256(data).hexdigest() for data in FILES.values())
WHEN = 1790000000
BAYS = [{"name": "1", "port": "1-1"}]
INFO = {"serial": "JL00042", "user_no": "445566", "user_name": "Ottilie Zwetschke", "unit_no": "990",
        "unit_name": "Oberhafenwache"}
NAMES = re.compile(r"ottilie|zwetschke|oberhafenwache", re.I)
LANGUAGES = ("dv16", "amba-request", "amba-block", "amba-text")
AMBARELLA = {"vendor": 0x4255, "product": 1, "model": "cam"}


@pytest.fixture(scope="module")
def card():
    """The image of a card, which nobody writes: one for all."""
    folder = station.new_folder("card")
    image = make_disk(folder / "card.img", FILES, fs="fat32", mtime=WHEN)
    image.chmod(0o644)
    yield image
    shutil.rmtree(folder)


class Dock(Station):
    """A station with the profiles of these cameras, quick to give up."""

    def __init__(self, changes=(), **more):
        super().__init__(start=False, bays=BAYS, **more)
        for name in ("dv16", "ambarella"):
            path = self.folder / f"profiles/{name}.conf"
            lines = {"settle-seconds": 1, "unlock-seconds": 20, "logs": "none", **dict(changes)}
            text = [line for line in path.read_text().splitlines()
                    if line.split(" ")[0] not in lines]
            text += [f"{k} = {station.conf_value(v)};" for k, v in lines.items() if v is not None]
            path.write_text("\n".join(text) + "\n")
        self.start()

    def locked(self, language, image, name="A", usb=None, **locked):
        usb = {"serial": f"USB-{name}", "vendor": 0x1d6b, "product": 0x0107,
               "model": "DV16 recorder", **(usb or {})} \
            if language == "dv16" else {"serial": f"USB-{name}", **AMBARELLA, **(usb or {})}
        return self.camera(name, usb=usb, disk={"luns": [{"image": str(image)}]},
                           locked={"language": language, "info": INFO, "battery": 61,
                                   "clock": -90000, **locked})

    def of(self, kind):
        return [r for r in self.ledger() if r["type"] == kind]

    def held(self, n=len(FILES)):
        """Until so many files are at the server."""
        until(self, lambda: len(self.of("receipted")) >= n, f"{n} receipts")

    def fault(self):
        until(self, lambda: self.bay("1").get("state") == "fault", "a fault")
        return self.bay("1")["text"]

    def has_all(self, n=1):
        """Everything of n cameras is at the server, byte for byte."""
        digests = sorted(r["sha256"] for r in self.of("checked"))
        assert digests == sorted(DIGESTS * n)
        for r in self.of("receipted"):
            assert r["sha256"] in digests

    def no_names(self):
        for log in (self.folder / "logs").iterdir():
            assert not NAMES.search(log.read_text(errors="replace")), log
        for path in (self.folder / "state/ledger").iterdir():
            assert not NAMES.search(path.read_text(errors="replace")), path
        assert not NAMES.search(self.situation())


def test_each_language_from_lock_to_receipt(card):
    for language in LANGUAGES:
        with Dock() as s:
            a = s.locked(language, card, id="BWC00042" if language == "amba-text" else "JL2300")
            a.plug("1-1")
            s.held()
            s.has_all()
            assert [r["result"] for r in s.of("unlocked")] == ["disk"]
            assert len(s.of("docked")) == 1 and len(s.of("unlock")) == 1
            camera, = s.of("camera")
            told = {"dv16": ("JL00042", "445566", "990", 61), "amba-block": ("JL00042", "445566", "990", 61),
                    "amba-text": ("BWC00042", None, None, None),
                    "amba-request": (None, None, None, None)}[language]
            assert (camera.get("officer"), camera.get("unit"), camera.get("battery")) == told[1:]
            if told[0]:
                assert camera["camera"] == told[0] and camera["identity"] == "proved"
            else:
                assert camera["camera"].startswith("unproved:")
            assert {r["camera"] for r in s.of("found")} == {camera["camera"]}
            assert {r.get("officer") for r in s.of("found")} == {told[1]}
            stats = a.stats()
            assert stats["unlocks"] == 1 and stats["writes_seen"] == 0 and stats["wrong_pins"] == 0
            if language != "amba-request":
                assert len(s.of("clock")) == 1 and "offset-ms" not in s.of("clock")[0]
                assert stats["clocks_set"] == 1 and abs(stats["clock_offset"]) < 60
            s.no_names()


def test_in_place_and_its_owner(card):
    """It stays where it is; its owner's id is written, and the names beside it stay."""
    with Dock() as s:
        s.ctl("camera", "assign", "JL00042", "--officer", "777001", "--reason", "roll call")
        a = s.locked("dv16", card, comes_back="in-place")
        a.plug("1-1")
        s.held()
        s.has_all()
        assert len(s.of("docked")) == 1 and [r["result"] for r in s.of("unlocked")] == ["disk"]
        assert [r["result"] for r in s.of("configured")] == ["done"]
        stats = a.stats()
        assert stats["owner_writes"] == 1
        assert stats["info"] == {**INFO, "user_no": "777001"}
        s.no_names()


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_wrong_pin_is_told_once(card, language):
    with Dock() as s:
        a = s.locked(language, card, pin="975310")
        a.plug("1-1")
        assert "pin-file" in s.fault() and "retry" in s.fault()
        stats = a.stats()
        assert stats["unlocks"] == 0 and stats["wrong_pins"] == (0 if language == "dv16" else 1)
        assert [r["result"] for r in s.of("unlocked")] == ["wrong-pin"]
        told = [r["camera"] for r in s.of("camera")]
        # a restart is no reason to try it another time: cameras lock themselves after a few
        s.stop_core()
        s.start_core()
        s.ctl("status", connect=True)
        assert "pin-file" in s.fault()
        assert a.stats()["wrong_pins"] == stats["wrong_pins"] and len(s.of("docked")) == 1
        assert [r["result"] for r in s.of("unlocked")] == ["wrong-pin"]
        # mended, and asked for again
        pin = s.folder / "pin"
        pin.write_text("975310\n")
        os.chown(pin, CORE, CORE)
        pin.chmod(0o600)
        for name in ("dv16", "ambarella"):
            path = s.folder / f"profiles/{name}.conf"
            path.write_text(path.read_text() + f'pin-file = "{pin}";\n')
        s.core.send(1)
        until(s, lambda: s.events("reloaded"), "the new profiles")
        s.ctl("retry", "bay", "1", "--reason", "PIN mended")
        s.held()
        s.has_all()
        assert len(s.of("docked")) == 1
        if language != "amba-request":
            assert {r["camera"] for r in s.of("found")} == {s.of("camera")[-1]["camera"]}
            assert s.of("camera")[-1]["identity"] == "proved", told
        for log in (s.folder / "logs").iterdir():
            assert "975310" not in log.read_text(errors="replace"), log
        assert "975310" not in "".join(map(str, s.ledger()))


def test_pin_files_that_are_no_good(card):
    folder = station.new_folder("pins")
    files = {"missing": None, "open": ("000000\n", 0o644), "long": ("0" * 32, 0o600),
             "empty": ("\n", 0o600), "lines": ("000000\n1\n", 0o600)}
    for name, made in files.items():
        path = folder / name
        if made:
            path.write_text(made[0])
            os.chown(path, CORE, CORE)
            path.chmod(made[1])
        with Dock({"pin-file": path}) as s:
            a = s.locked("dv16", card)
            a.plug("1-1")
            assert str(path) in s.fault()
            assert a.stats()["connections"] == 0 or a.stats()["pin_reads"] == 0
            assert not s.of("unlock")
    shutil.rmtree(folder)


def test_never_back(card):
    with Dock({"unlock-seconds": 1}) as s:
        a = s.locked("amba-block", card, comes_back="never")
        a.plug("1-1")
        assert "did not come back" in s.fault()
        assert s.bay("1")["light"] == "leave"
        assert [r["result"] for r in s.of("unlocked")] == ["absent"]
        assert s.events("not-unlocked") and [r["type"] for r in s.ledger()].count("undocked") == 1
        # a new arrival begins afresh
        b = s.locked("amba-block", card, "B")
        b.plug("1-1")
        s.held()
        s.has_all()
        assert len(s.of("docked")) == 2


def test_another_serial_is_another_camera(card):
    """Where the USB serial number is the identity, the face that comes back with another one is not it."""
    with Dock({"identity": "usb"}) as s:
        a = s.locked("amba-block", card, comes_back="other-camera")
        a.plug("1-1")
        s.held()
        assert [r["serial"] for r in s.of("docked")] == ["USB-A", "USB-A-OTHER"]
        assert [r["result"] for r in s.of("unlocked")] == ["absent"]
        assert {r["camera"] for r in s.of("found")} == {"USB-A-OTHER"}


def test_another_camera_while_one_is_awaited(card):
    """Put in the bay while the first one is away: by its own id it is another docking."""
    with Dock() as s:
        a = s.locked("dv16", card, comes_back="never")
        a.plug("1-1")
        until(s, lambda: s.events("unlock-away"), "the first one is away")
        assert (s.bay("1")["state"], s.bay("1")["light"]) == ("unlocking", "reading")
        b = s.locked("dv16", card, "B", info={**INFO, "serial": "JL00077"})
        b.plug("1-1")
        s.held()
        s.has_all()
        assert [r["camera"] for r in s.of("camera")] == ["JL00042", "JL00077"]
        assert len(s.of("docked")) == 2
        assert {r["camera"] for r in s.of("found")} == {"JL00077"}
        assert [r["result"] for r in s.of("unlocked")] == ["absent", "disk"]


def test_it_is_not_told_for_ever(card):
    """One that takes the command and stays locked: three times, then a person."""
    with Dock() as s:
        a = s.locked("dv16", card, card=False)
        a.plug("1-1")
        assert "no card" in s.fault()
        assert a.stats()["unlocks"] == 0 and len(s.of("unlock")) == 1


def test_three_times_and_no_more(card):
    """One that obeys and comes back locked."""
    with Dock() as s:
        a = s.locked("dv16", card, comes_back="locked")
        a.plug("1-1")
        assert "three times" in s.fault()
        assert a.stats()["unlocks"] == 3
        assert [r["try"] for r in s.of("unlock")] == [1, 2, 3]
        assert [r["result"] for r in s.of("unlocked")] == ["still-locked"]
        assert len(s.of("docked")) == 1


def test_a_card_without_a_file_system(card):
    """In place: said once, not waited for thrice."""
    with Dock() as s:
        image = s.folder / "blank.img"
        image.write_bytes(bytes(1 << 20))
        image.chmod(0o644)
        a = s.locked("dv16", image, comes_back="in-place")
        a.plug("1-1")
        assert "cannot be read" in s.fault()
        assert a.stats()["unlocks"] == 1
        assert [r["result"] for r in s.of("unlocked")] == ["unreadable"]


def test_whose_disk_it_is(card):
    """A disk under another USB serial number: not proved at first, by then known, of another never."""
    with Dock() as s:
        a = s.locked("dv16", card, comes_back="other-serial")
        for docking, identity in ((1, ["proved", "carried"]), (2, ["proved"])):
            a.plug("1-1")
            until(s, lambda n=docking: len([u for u in s.of("unlocked") if u["result"] == "disk"]) == n,
                  "unlocked")
            until(s, lambda n=docking: len(s.events("all-held")) == n, "all is held")
            assert [r["identity"] for r in s.of("camera") if r["docking"] == docking] == identity
            assert ("cannot be compared" in s.bay("1")["text"]) == (docking == 1)
            a.unplug()
            until(s, lambda n=docking: len(s.of("undocked")) == n, "it has left")
        b = s.locked("dv16", card, "B", info={**INFO, "serial": "JL00077"},
                     back={"serial": "USB-A-OTHER"})
        b.plug("1-1")
        until(s, lambda: len(s.of("found")) == 2 * len(FILES), "the files")
        assert [r["result"] for r in s.of("unlocked")] == ["disk", "disk", "another"]
        assert {r["camera"] for r in s.of("found")} == {"JL00042", "unproved:1:4"}
        assert "not that camera's" in s.bay("1")["text"]


def test_no_longer_authorised(card):
    """A camera that this computer was told not to use any more, while it is docked."""
    with Dock() as s:
        a = s.locked("dv16", card, comes_back="in-place")
        a.plug("1-1")
        s.held()
        s.wait("idle")
        a.presence("not-authorised")
        until(s, lambda: s.bay("1")["state"] == "blocked", "it is blocked")
        assert "not authorised" in s.bay("1")["text"]


def test_words_of_other_languages(card):
    """What a camera does when it is spoken to in the wrong language costs no try of its PIN."""
    for language, others in (("amba-request", "garbage"), ("amba-text", "garbage"), ("amba-text", "silent")):
        with Dock() as s:
            a = s.locked(language, card, others=others, tries=1)
            a.plug("1-1")
            s.held()
            s.has_all()
            stats = a.stats()
            assert stats["wrong_pins"] == 0 and stats["unlocks"] == 1, (language, others)


def plain(s, card, name):
    return s.camera(name, usb={"serial": f"USB-{name}", "vendor": 0x1d6b, "product": 0x0107,
                               "model": "DV16 recorder", "class": 8, "subclass": 6, "protocol": 0x50},
                    disk={"luns": [{"image": str(card)}]})


def test_a_disk_already(card):
    """Nothing is said to it in any language; its disk's own serial number is not its identity."""
    with Dock() as s:
        plain(s, card, "A").plug("1-1")
        s.held()
        s.has_all()
        assert not s.of("unlock") and s.of("camera")[0]["identity"] == "none"


def test_only_inquiry_names_it(card):
    """A product text that says nothing: docked by the shipped profile of any disk, byte for byte."""
    for serial, identity in (("USB-A", ["proved"]), (None, ["proved", "carried"])):
        with Dock() as s:
            a = s.locked("dv16", card, usb={"model": "USB Disk", "serial": serial},
                         back={"serial": serial})
            a.plug("1-1")
            s.held()
            s.has_all()
            assert [(r["profile"], r["serial"]) for r in s.of("docked")] == [
                ("generic-disk", serial or "")]
            assert [r["result"] for r in s.of("unlocked")] == ["disk"]
            camera = s.of("camera")
            assert [r["identity"] for r in camera] == identity
            assert {(r["camera"], r["mtp-serial"]) for r in camera} == {
                (serial or "JL00042", "JL00042")}
            assert {r["camera"] for r in s.of("found")} == {serial or "JL00042"}
            stats = a.stats()
            assert stats["unlocks"] == 1 and stats["writes_seen"] == 0 and stats["clocks_set"] == 0
            s.no_names()


def told_no_word(card, model, profile, inside):
    """A whole docking of a disk that is none of the family, without an opcode of the vendor's."""
    with Dock() as s:
        disk = s.camera("A", usb={"serial": "USB-A", "vendor": 0x1d6b, "product": 0x0107, "model": model},
                        disk={"luns": [{"image": str(card), "present": inside}]})
        disk.plug("1-1")
        if inside:
            s.held()
            s.has_all()
        else:
            assert "no card" in s.fault()
        assert [r["profile"] for r in s.of("docked")] == [profile]
        stats = disk.stats()
        assert not {"0x00fb", "0x00fd"} & set(stats["ops"]), stats["ops"]
        assert "0x0012" in stats["ops"] and stats["writes_seen"] == 0


def test_no_vendor_command_to_other_disks(card):
    """Neither to a card reader, with a card or without, nor to one whose text on the bus lies."""
    disks = (("USB Disk", "generic-disk"), ("DV16 recorder", "dv16"))
    for disk in disks:
        told_no_word(card, *disk, inside=True)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for run in [pool.submit(told_no_word, card, *disk, inside=False) for disk in disks]:
            run.result()


def test_hotplug_is_started_anew(card):
    with Dock() as s:
        a = s.locked("dv16", card, comes_back="late:0.5")
        a.plug("1-1")
        until(s, lambda: s.events("unlock-away"), "away")
        s.hotplug.process.kill()
        s.held()
        s.wait("idle")
        s.hotplug.process.kill()
        until(s, lambda: len(s.events("hotplug-synced")) == 3, "hotplug is back")
        s.wait("idle")
        s.has_all()
        assert len(s.of("docked")) == 1 and not s.of("undocked")
        # and the next docking of the same camera is another one
        a.unplug()
        until(s, lambda: s.of("undocked"), "it has left")
        a.plug("1-1")
        until(s, lambda: len(s.of("unlocked")) == 2, "unlocked again")
        assert len(s.of("docked")) == 2


def test_a_stranger_after_a_restart(card):
    """In the bay of a camera in disk mode, after the service was away: another docking."""
    with Dock() as s:
        a = s.locked("dv16", card)
        a.plug("1-1")
        s.held()
        s.stop_core()
        a.unplug()
        plain(s, card, "B").plug("1-1")
        s.start_core()
        until(s, lambda: len(s.of("found")) == 2 * len(FILES), "the other's files")
        assert len(s.of("docked")) == 2
        assert {r["camera"] for r in s.of("found")[3:]} == {"unproved:1:2"}


POINTS = ("unlocking-intent", "camera-unlock", "camera-unlocked", "unlocking-away", "unlocking-back")


def killed_at(card, point, comes_back):
    """(records, names found) of a docking in which a program dies at this hand-over."""
    folder = station.new_folder("kill")
    death = Death(folder, f"{point}:1")
    with Dock(env=death.env, keep_core=True, folder=folder) as s:
        s.locked("dv16", card, comes_back=comes_back).plug("1-1")
        s.held()
        until(s, lambda: s.ctl("status", check=False).get("assets") == len(FILES), "all is known")
        assert death.came, point
        s.has_all()
        s.no_names()
        return s.ledger()


def test_killed_in_the_midst(card):
    cases = [(p, "same-port-new-ids") for p in POINTS if p != "camera-unlocked"]
    cases += [(p, "in-place") for p in POINTS if p != "unlocking-away"]
    cases += [("unlocking-away", "late:3")]  # longer than rejoin-seconds
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        runs = {case: pool.submit(killed_at, card, *case) for case in cases}
    for case, run in runs.items():
        records = run.result()
        assert [r["type"] for r in records].count("docked") == 1, case
        found = [r for r in records if r["type"] == "found"]
        assert {(r["camera"], r.get("officer")) for r in found} == {("JL00042", "445566")}, case
        intent = next(i for i, r in enumerate(records) if r["type"] == "unlock")
        done = [r["result"] for r in records[intent:] if r["type"] == "unlocked"]
        assert done[-1] == "disk", case
