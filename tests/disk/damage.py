"""Damages an image as dying cards, pulled plugs and hostile hands do, and knows what it touched."""
import os
import struct


class Damage:
    def __init__(self):
        self.ranges = []  # (from, to) of bytes that are different now
        self.size = None  # where the image was cut off
        self.words = []

    def touches(self, stretches):
        return any(a < at + n and at < b for a, b in self.ranges for at, n in stretches)


def spoil(rng, image, fd):
    """One to three damages of an image that `own` made, in place; a Damage."""
    out = Damage()
    for _ in range(rng.choice([1, 1, 2, 3])):
        kind = rng.choice([bits, bits, run, entry, entry, entry, table, table, swap, cut])
        kind(rng, image, fd, out)
    return out


def put(fd, at, data, out):
    end = os.fstat(fd).st_size
    data = data[:max(0, end - at)]
    old = os.pread(fd, len(data), at)
    os.pwrite(fd, data, at)
    i = 0
    while i < len(data):
        if old[i] == data[i]:
            i += 1
            continue
        j = i
        while j < len(data) and old[j] != data[j]:
            j += 1
        out.ranges.append((at + i, at + j))
        i = j


def stretch(rng, image, which=None):
    """A stretch of a region, metadata mostly."""
    regions = image.regions
    often = ("fat", "folders", "bitmap")
    which = which or rng.choice([r for r in regions for _ in range(4 if r in often else 1)])
    return rng.choice(regions[which])


def bits(rng, image, fd, out):
    at, n = stretch(rng, image)
    for _ in range(rng.choice([1, 1, 5, 40])):
        i = at + rng.randrange(n)
        old = os.pread(fd, 1, i)
        if old:
            put(fd, i, bytes([old[0] ^ 1 << rng.randrange(8)]), out)
    out.words.append("bits")


def run(rng, image, fd, out):
    at, n = stretch(rng, image)
    k = min(n, rng.choice([1, 32, 512, 4096]))
    at += rng.randrange(n - k + 1)
    put(fd, at, rng.choice([bytes(k), b"\xFF" * k, b"\x85" * k, b"\x20" * k, rng.randbytes(k)]), out)
    out.words.append("run")


def entry(rng, image, fd, out):
    """A field of a directory entry."""
    at, n = stretch(rng, image, "folders")
    used = [i for i in range(0, min(n, 4096), 32) if any(os.pread(fd, 32, at + i))] or [0]
    at += rng.choice(used)
    size = rng.choice([1, 1, 2, 4, 8])
    value = rng.choice([0, 1, 2, 0xFFFFFFFFFFFFFFFF, 0xFFFFFFF7, rng.randrange(1 << 64), rng.randrange(1, 5000)])
    put(fd, at + rng.randrange(0, 33 - size), struct.pack("<Q", value)[:size], out)
    out.words.append("entry")


def table(rng, image, fd, out):
    """An entry of the FAT, to another cluster that there is."""
    at, n = image.regions["fat"][0]
    width = {"FAT12": 2, "FAT16": 2}.get(image.truth["fs"], 4)
    last = min(n // width, image.volume.clusters + 2)
    busy = [c for c in range(2, last) if c < len(image.volume.used) and image.volume.used[c]] or [2]
    for _ in range(rng.choice([1, 3])):
        to = rng.choice([rng.choice(busy), rng.choice(busy), rng.randrange(1 << 32), 0, 1])
        put(fd, at + width * rng.choice(busy), struct.pack("<I", to)[:width], out)
    out.words.append("table")


def swap(rng, image, fd, out):
    """Two blocks change places."""
    places = []
    for _ in range(2):
        at, n = stretch(rng, image)
        places.append(at - at % 512 + 512 * rng.randrange(-(-n // 512)))
    a, b = (os.pread(fd, 512, p) for p in places)
    if len(a) == len(b) == 512 and abs(places[0] - places[1]) >= 512:
        put(fd, places[0], b, out)
        put(fd, places[1], a, out)
    out.words.append("swap")


def cut(rng, image, fd, out):
    end = os.fstat(fd).st_size
    if out.size is not None:
        return
    size = rng.choice([rng.randrange(end), end - rng.randrange(1, min(end, 65536)), end // 2])
    size -= size % 512 if rng.random() < 0.8 else 0
    os.ftruncate(fd, size)
    out.size = size
    out.ranges.append((size // image.truth["block"] * image.truth["block"], 1 << 62))
    out.words.append("cut")


def vital(image):
    """Lists of stretches; where damage touches all lists of one of them, no file can be asked for."""
    truth, v = image.truth, image.volume
    out = []
    if truth["table"] == "MBR":
        out.append([[(446, 66)]])
    elif truth["table"] == "GPT":
        out += [[[(446, 66)]], [image.regions["gpt"][:1], image.regions["gpt"][1:]]]
    if truth["fs"] == "exFAT":
        out.append([image.regions["boot"], image.regions["backup"]])
        if truth["table"] == "bare":  # told from a partition table by its first sector
            out.append([[(0, 11), (510, 2)]])
    else:
        out.append([[(v.base, 90), (v.base + 510, 2)]])
    return out


def ends_too_soon(image, damage, fd):
    """The entries (their places) that were none and now say that their folder ends."""
    out = []
    for at, n in image.regions["folders"]:
        for a, b in damage.ranges:
            for i in range(max(a, at), min(b, at + n)):
                if (i - at) % 32 == 0 and os.pread(fd, 1, i) in (b"\0", b""):
                    out.append((i, i + 1))
                if b > 1 << 61:
                    break
    return out


def readable(image, damage, fd):
    """Paths of the files that this damage did not touch: each of them must still be read."""
    if any(all(damage.touches(copy) for copy in copies) for copies in vital(image)):
        return []
    ends = Damage()
    ends.ranges = ends_too_soon(image, damage, fd)
    if damage.size is not None:  # what is cut off of a folder
        ends.ranges.append((damage.size, 1 << 62))
    return [p for p, node in image.nodes.items()
            if not damage.touches(image.volume.needs(node)) and not ends.touches(image.volume.passed(node))]
