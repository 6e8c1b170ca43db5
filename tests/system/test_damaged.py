"""A card whose file system contradicts itself: what can be read is taken, and a person is told."""
import hashlib
import struct
import subprocess

import vcam
from disks import make_disk
from station import Station, until

BAYS = [{"name": "1", "port": "1-1"}]
FILES = {f"DCIM/{n}.MP4": vcam.generate(n, 0, 300000) for n in range(3)}


def fat_of(image):
    """FAT16: where its first table is, and where clusters begin; bytes of a cluster."""
    head = image.read_bytes()[:512]
    sector, per, reserved, fats, roots = struct.unpack("<HBHBH", head[11:19])
    length, = struct.unpack("<H", head[22:24])
    data = (reserved + fats * length) * sector + roots * 32
    return reserved * sector, length * sector, fats, data, per * sector


def cut(image, content, after):
    """Ends the chain of the file that begins with content, after so many clusters. Bytes left."""
    at, length, fats, data, size = fat_of(image)
    raw = bytearray(image.read_bytes())
    cluster = (raw.index(content[:4096]) - data) // size + 2
    for _ in range(after - 1):
        cluster, = struct.unpack_from("<H", raw, at + 2 * cluster)
    for n in range(fats):
        struct.pack_into("<H", raw, at + n * length + 2 * cluster, 0xFFFF)
    image.write_bytes(raw)
    return after * size


def unfinish(image, name):
    """The entry of this short name says no size any more, as where power went while it was recorded."""
    raw = bytearray(image.read_bytes())
    at = raw.index(name)
    raw[at + 28:at + 32] = bytes(4)
    image.write_bytes(raw)


def test_a_file_that_its_table_ends_early():
    with Station(bays=BAYS) as s:
        image = make_disk(s.folder / "card.img", FILES, fs="fat16", table="none")
        left = cut(image, FILES["DCIM/1.MP4"], 20)
        unfinish(image, b"0       MP4")
        image.chmod(0o666)
        camera = s.camera("D", disk={"luns": [{"image": str(image)}]},
                          usb={"vendor": 0x1234, "product": 1, "model": "card"})
        camera.plug("1-1")
        s.wait("all", "receipted", timeout=60)
        s.wait("bay", "1", "leave", timeout=60)
        clips = {c["path"]: c for c in s.clips()}
        assert set(clips) == set(FILES)
        short = clips["DCIM/1.MP4"]
        assert short["cut"] and short["size_bytes"] == left and short["told_bytes"] == 300000
        said = subprocess.run([s.bin / "dockctl", "--socket", s.folder / "run/control.sock", "clip",
                               str(short["number"])], stdout=subprocess.PIPE, encoding="utf-8", check=True)
        assert f"cut: the camera's table says 300000 bytes, {left} can be read" in said.stdout
        assert short["sha256"] == hashlib.sha256(FILES["DCIM/1.MP4"][:left]).hexdigest()
        whole, unfinished = clips["DCIM/2.MP4"], clips["DCIM/0.MP4"]
        assert not whole["cut"] and not whole["shared"] and not whole["unfinished"] and whole["told_bytes"] is None
        assert unfinished["unfinished"] and unfinished["size_bytes"] == 0
        found = {r["path"]: r for r in s.ledger() if r["type"] == "found"}
        assert found["DCIM/1.MP4"]["cut"] == 1 and found["DCIM/1.MP4"]["told"] == 300000
        assert "cut" not in found["DCIM/2.MP4"] and "unfinished" not in found["DCIM/2.MP4"]
        assert found["DCIM/0.MP4"]["unfinished"] == 1 and found["DCIM/0.MP4"]["size"] == 0
        assert "file system is damaged" in s.bay("1")["text"]
        assert [r for r in s.ledger() if r["type"] == "listed"][0]["damaged"] > 0
        s.wait("idle")


def test_the_same_name_on_another_card_is_another_file():
    """Path, size and time say that a file is known only where it was: on that card."""
    first, second = ({"DCIM/1.MP4": vcam.generate(n, 0, 70000)} for n in (1, 2))
    with Station(bays=BAYS) as s:
        images = []
        for name, files in (("a", first), ("b", second), ("none", {})):
            images.append(make_disk(s.folder / f"{name}.img", files, fs="fat16", table="none", mtime=1790000000))
            images[-1].chmod(0o666)
        same = {"usb": {"vendor": 0x1234, "product": 1, "model": "card", "serial": "TWO-CARDS"}}
        one = s.camera("D", disk={"luns": [{"image": str(i)} for i in (images[0], images[2])]}, **same)
        one.plug("1-1")
        s.wait("bay", "1", "take", timeout=60)
        one.unplug()
        until(s, lambda: s.events("undocked"), "undocked")
        other = s.camera("E", disk={"luns": [{"image": str(i)} for i in (images[2], images[1])]}, **same)
        other.plug("1-1")
        s.wait("dockings", "2")
        s.wait("bay", "1", "take", timeout=60)
        s.wait("all", "receipted", timeout=60)
        assert {c["sha256"] for c in s.clips()} == {
            hashlib.sha256(files["DCIM/1.MP4"]).hexdigest() for files in (first, second)}
        assert [r["storage"] for r in s.ledger() if r["type"] == "found"] == [1, 0x10001]


def test_a_second_card_that_is_not_read():
    """It is said, the camera is kept, and nobody is told to format it."""
    with Station(bays=BAYS) as s:
        # two thirds full
        image = make_disk(s.folder / "card.img", {"DCIM/a.mp4": vcam.generate(5, 0, 6 << 20)}, fs="fat12")
        other = s.folder / "other.img"
        other.write_bytes(bytes(4 << 20))
        for path in (image, other):
            path.chmod(0o666)
        camera = s.camera("D", disk={"luns": [{"image": str(image)}, {"image": str(other)}]},
                          usb={"vendor": 0x1234, "product": 1, "model": "card"})
        camera.plug("1-1")
        s.wait("all", "receipted", timeout=60)
        s.wait("bay", "1", "leave", timeout=60)
        until(s, lambda: s.events("camera-filling"), "a word about its room")
        bay = s.bay("1")
        assert "could not be read" in bay["text"] and "format nothing" in bay["text"], bay
        assert "format nothing" in bay["attention"] and "have it formatted" not in bay["attention"], bay
        camera.unplug()
        until(s, lambda: s.events("undocked"), "undocked")
        assert [r["held"] for r in s.ledger() if r["type"] == "undocked"] == [0]
