"""A card whose file system contradicts itself: what can be read is taken, and a person is told."""
import hashlib
import struct

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


def test_a_file_that_its_table_ends_early():
    with Station(bays=BAYS) as s:
        image = make_disk(s.folder / "card.img", FILES, fs="fat16", table="none")
        left = cut(image, FILES["DCIM/1.MP4"], 20)
        image.chmod(0o666)
        camera = s.camera("D", disk={"luns": [{"image": str(image)}]},
                          usb={"vendor": 0x1234, "product": 1, "model": "card"})
        camera.plug("1-1")
        s.wait("all", "receipted", timeout=60)
        s.wait("bay", "1", "leave", timeout=60)
        clips = {c["path"]: c for c in s.clips()}
        assert set(clips) == set(FILES)
        short = clips["DCIM/1.MP4"]
        assert short["cut"] and short["size_bytes"] == left
        assert short["sha256"] == hashlib.sha256(FILES["DCIM/1.MP4"][:left]).hexdigest()
        assert not clips["DCIM/0.MP4"]["cut"] and not clips["DCIM/0.MP4"]["shared"]
        found = {r["path"]: r for r in s.ledger() if r["type"] == "found"}
        assert found["DCIM/1.MP4"]["cut"] == 1 and "cut" not in found["DCIM/2.MP4"]
        assert "file system is damaged" in s.bay("1")["text"]
        assert [r for r in s.ledger() if r["type"] == "listed"][0]["damaged"] > 0
        s.wait("idle")


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
