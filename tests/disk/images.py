#!/usr/bin/python3
"""Makes images of camera cards from a seed, and says what is on them.

    images.py --seed S --count N --out DIR     DIR/000.img and DIR/000.json ...

FAT12, FAT16, FAT32 and exFAT, bare or in a partition, with trees, names, fragments and dates at
random. Empty volumes are made by mkfs; files are put in by fat_writer, exfat_writer or mtools, and
each image is judged by fsck.vfat or fsck.exfat. The truth is {"files": {path: {"size", "sha256",
"mtime"}}, "folders": [path], ...}; mtime is the clock face read as UTC, null where there is none;
offset_min what exFAT says of the zone. Images are sparse.
"""
import argparse
import calendar
import json
import multiprocessing
import os
import pathlib
import random
import shutil
import string
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import tables  # noqa: E402
from exfat_writer import ExfatVolume, format_big, reseal  # noqa: E402
from fat_writer import FatVolume  # noqa: E402
from volume_writer import Full, Node, digest  # noqa: E402

PATH_BYTES = 1500
MBR_TYPES = {"FAT12": 0x01, "FAT16": 0x0E, "FAT32": 0x0C, "exFAT": 0x07}
ENV = dict(os.environ, PATH=os.environ.get("PATH", "") + ":/usr/sbin:/sbin", TZ="UTC", LC_ALL="C.UTF-8",
           MTOOLS_SKIP_CHECK="1", MTOOLSRC="/dev/null")


class Image:
    """One image: where it lies, the truth, and what a test of damage must know."""

    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.truth = {}
        self.regions = {}  # name => [(offset, len)] of what the volume is read by
        self.volume = None
        self.nodes = {}    # path => Node; empty where mtools put the files in


def run(*argv, **kw):
    done = subprocess.run([str(a) for a in argv], env=ENV, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          stdin=subprocess.DEVNULL, **kw)
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, argv))}: {done.returncode}\n{done.stdout.decode(errors='replace')[-2000:]}")
    return done.stdout


# ---- the empty volume ----

def shape(rng, fs, big):
    """(bytes, mkfs's arguments, block size of the medium); a number in their place: format_big, with such clusters."""
    block = 512
    if fs == "exFAT" and not big and rng.random() < 0.15:
        cluster = rng.choice([4096, 8192, 32768])
        return cluster * rng.choice([300, 2000]) + (1 << 20), cluster, 4096
    if fs == "exFAT":
        cluster = rng.choice([512, 1024, 4096, 4096, 32768, 131072]) if not big else rng.choice([1 << 20, 4 << 20, 32 << 20])
        clusters = rng.choice([300, 900, 4000]) if not big else (12 << 30) // cluster
        align = max(cluster, 4096)
        size = clusters * cluster + 4 * align + 65536 + 16 * clusters
        size -= size % 4096
        args = ["mkfs.exfat", "-c", cluster, "-b", align]
        if rng.random() < 0.3:
            args += ["-L", "BWC " + str(rng.randrange(1000))]
        return size, args, block
    sector = rng.choice([512] * 5 + [4096])
    per = rng.choice([1, 1, 2, 8] if sector == 512 else [1, 2])
    clusters = {"FAT12": rng.randrange(200, 4000), "FAT16": rng.randrange(4200, 12000),
                "FAT32": rng.randrange(65600, 67000)}[fs]
    bits = int(fs[3:])
    reserved = rng.choice([1, 4] if bits != 32 else [12, 32])
    fats = rng.choice([2, 2, 1])
    roots = rng.choice([256, 512])
    table = -(-(clusters + 2) * bits // 8 // sector) + 1
    sectors = reserved + fats * table + (-(-roots * 32 // sector) if bits != 32 else 0) + clusters * per
    args = ["mkfs.vfat", "-a", "-F", bits, "-S", sector, "-s", per, "-R", reserved, "-f", fats, "-i",
            f"{rng.randrange(1 << 32):08x}"]
    if bits != 32:
        args += ["-r", roots]
    if rng.random() < 0.3:
        args += ["-n", f"BWC{rng.randrange(1000)}"]
    return sectors * sector, args, sector


def copy_data(source, fd, base):
    with open(source, "rb") as f:
        at = 0
        while True:
            try:
                at = os.lseek(f.fileno(), at, os.SEEK_DATA)
            except OSError:
                return
            end = os.lseek(f.fileno(), at, os.SEEK_HOLE)
            while at < end:
                data = os.pread(f.fileno(), min(end - at, 1 << 20), at)
                if data.count(0) != len(data):
                    os.pwrite(fd, data, base + at)
                at += len(data)


def format_here(path, size, cluster):
    with open(path, "wb+") as f, open(f"{path}.template", "wb+") as template:
        template.truncate(1 << 20)
        run("mkfs.exfat", "-b", "4096", template.name)
        f.truncate(size)
        format_big(f.fileno(), size, cluster, ExfatVolume(template.fileno(), 0))
    os.unlink(template.name)


def lay_out(rng, path, fs, big):
    """The image file with an empty volume in it: (fd, base, table, block)."""
    size, args, block = shape(rng, fs, big)
    table = rng.choice(["bare", "MBR", "MBR", "GPT"])
    base = 0
    if table != "bare":
        base = rng.choice([2048, 63, 8192] if table == "MBR" else [2048, 40]) * 512
        if base % block:
            base += block - base % block
        if table == "GPT":
            base = max(base, block * 40)
    total = base + size + (block * 40 if table == "GPT" else 0)
    total += -total % block
    empty = f"{path}.empty"
    if isinstance(args, int):
        format_here(empty, size, args)
    else:
        with open(empty, "wb") as f:
            f.truncate(size)
        run(*args, empty)
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    os.ftruncate(fd, total)
    copy_data(empty, fd, base)
    os.unlink(empty)
    if fs == "exFAT":
        reseal(fd, base, rng)
    if table == "MBR":
        tables.mbr(fd, MBR_TYPES[fs], base // block, size // block)
    elif table == "GPT":
        tables.gpt(fd, block, total // block, base // block, size // block, rng)
    return fd, base, table, block


# ---- names and nodes ----

ALPHABETS = [string.ascii_letters + string.digits + "_-", string.ascii_letters + " ._-+,;=[]'~!@#$%^&(){}",
             "äöüßéèçñøåÆŒžščřđ" + string.ascii_lowercase, "абвгдежзийклмнопрстуфхцчшщ ", "执法记录仪视频文件证据 ",
             "😀🎥🚓🛑🏳" + string.ascii_lowercase, "ａｂｃΑβγ٣٤हिन्दी"]


def make_name(rng, folder, longest=255):
    style = rng.random()
    if style < 0.25:
        name = "%04d%02d%02d_%02d%02d%02d_%04d" % (rng.randrange(2015, 2030), rng.randrange(1, 13), rng.randrange(1, 29),
                                                   rng.randrange(24), rng.randrange(60), rng.randrange(60), rng.randrange(9999))
        return name if folder else name + rng.choice([".MP4", ".mp4", ".AVI", ".LOG"])
    if style < 0.5:
        letters = rng.choice([string.ascii_uppercase, string.ascii_lowercase, string.ascii_letters]) + string.digits + "_"
        name = "".join(rng.choices(letters, k=rng.randrange(1, 9)))
        return name if folder else name + "." + "".join(rng.choices(letters, k=rng.randrange(1, 4)))
    letters = rng.choice(ALPHABETS)
    n = rng.choice([1, 8, 13, 14, 26, 30, 60]) if rng.random() < 0.93 else longest
    name = ""
    while len((name + "x").encode("utf-16-le")) // 2 <= n and len(name) < n:
        c = rng.choice(letters)
        if len((name + c).encode("utf-16-le")) // 2 > 255:
            break
        name += c
    name = name.strip(" .") or "x"
    return name


def make_times(rng, node, exfat):
    def moment():
        return calendar.timegm((rng.randrange(1980, 2108), rng.randrange(1, 13), rng.randrange(1, 29),
                                rng.randrange(24), rng.randrange(60), rng.randrange(0, 60, 2)))
    zero = rng.random()
    if zero > 0.15:
        node.ctime = moment()
    if zero > 0.25:
        node.mtime = moment()
    if exfat and rng.random() < 0.6:
        node.offset_min = 15 * rng.randrange(-48, 57)


def make_contents(rng, node, volume, big):
    """Size and bytes of a file, before it has clusters."""
    cluster = volume.cluster_bytes
    style = rng.random()
    if style < 0.1:
        node.size = 0
    elif style < 0.4:
        node.size = rng.randrange(1, cluster + 1)
    elif style < 0.6:
        node.size = cluster * rng.randrange(1, 6)
    else:
        node.size = rng.randrange(1, 7 * cluster)
    if big:
        node.size = (4 << 30) + rng.randrange(1, 1 << 16)
    if node.size <= 65536:
        node.pieces = [(0, rng.randbytes(node.size))] if node.size else []
    else:
        tail = node.size % 65536 or 65536
        node.pieces = [(node.size - tail, rng.randbytes(tail))] if big else [
            (0, rng.randbytes(8192)), (node.size - min(tail, 8192), rng.randbytes(min(tail, 8192)))]
    if isinstance(volume, ExfatVolume) and node.size and not big and rng.random() < 0.15:
        node.valid = rng.randrange(0, node.size)
    node.read_only = rng.random() < 0.1


def grow(rng, v, files, junk):
    """Creates and lengthens the files in turns, as several writers would; junk goes on the way."""
    queue, active, gone = list(files), [], []
    left = {n: -(-n.size // v.cluster_bytes) for n in files}
    parallel = rng.choice([1, 1, 2, 4])
    try:
        while queue or active:
            if queue and (len(active) < parallel or not active):
                node = queue.pop()
                v.add(node, reuse=rng.random() < 0.5)
                if left[node] and rng.random() < 0.2:
                    try:
                        node.clusters = v.take_run(left[node])
                        left[node] = 0
                    except Full:
                        pass
                active.append(node)
            node = rng.choice(active)
            if left[node]:
                n = min(left[node], rng.choice([1, 1, 2, 5]) if left[node] < 500 else 300)
                node.clusters = list(node.clusters) + v.take(n)
                left[node] -= n
            if not left[node]:
                active.remove(node)
                if node in junk:
                    gone.append(node)
            if gone and rng.random() < 0.3:
                old = gone.pop(rng.randrange(len(gone)))
                junk.remove(old)
                v.delete(old)
                if rng.random() < 0.5:
                    v.cursor = 2
    except Full:
        pass
    for node in list(junk) + [n for n in files if left[n]]:
        if node in node.parent.nodes:
            v.delete(node)


def plant(rng, v, big):
    """A random tree into an empty volume."""
    exfat = isinstance(v, ExfatVolume)
    # fsck.exfat (1.2) does not read a set that lies in three clusters.
    longest = 220 if exfat and v.cluster_bytes == 512 else 255
    if exfat and rng.random() < 0.3:
        v.guid()
    try:
        for _ in range(rng.choice([0, 1, 4, 12, 30])):
            parent = v.folders[-1] if rng.random() < 0.6 else rng.choice(v.folders)
            node = Node(make_name(rng, True, longest), parent, folder=True)
            if node.depth > 40 or len(node.path.encode()) > PATH_BYTES - 770:
                continue
            make_times(rng, node, exfat)
            if node.name.upper() not in parent.names:
                v.add(node)
    except Full:
        pass
    files, junk = [], set()
    budget = v.used.count(0) * 6 // 10
    for i in range(rng.choice([1, 6, 20, 60, 120])):
        node = Node(make_name(rng, False, longest), rng.choice(v.folders))
        make_contents(rng, node, v, big and i == 0)
        make_times(rng, node, exfat)
        budget -= -(-node.size // v.cluster_bytes)
        if budget < 0:
            break
        if node.name.upper() in node.parent.names or any(
                n.parent is node.parent and n.name.upper() == node.name.upper() for n in files):
            continue
        files.append(node)
        if i > 0 and rng.random() < 0.35:
            junk.add(node)
    thrown = list(junk)
    grow(rng, v, files, junk)
    for node in thrown:  # their bytes stay where nobody else came
        whole = len(node.clusters) * v.cluster_bytes >= node.size
        if whole and not any(v.used[c] for c in node.clusters):
            v.write_file(node, b"")
    noise = rng.randbytes(8192)
    for node in v.live():
        v.write_file(node, noise)
    v.flush()


# ---- by mtools ----

def plant_mtools(rng, image, fd, base, scratch):
    """A tree put in by mcopy, in two rounds with deletions between. Names that its shell patterns leave alone."""
    truth, folders = {}, set()
    letters = string.ascii_letters + string.digits + "_- äéøжщ执法"
    at = f"{image}@@{base}"

    def name():
        return "".join(rng.choices(letters, k=rng.randrange(1, 40))).strip() or "x"

    for turn in range(2):
        for i in range(rng.randrange(1, 5)):
            top = f"{turn}{i} {name()}"
            there = pathlib.Path(scratch, top)
            there.mkdir(parents=True)
            folders.add(top)
            if rng.random() < 0.6:
                there = there / ("d" + name())
                there.mkdir()
                folders.add(str(there.relative_to(scratch)))
            for k in range(rng.randrange(0, 9)):
                node = Node(f"{k}{name()}.{rng.choice(['MP4', 'log', 'Jpg'])}", None)
                data = rng.randbytes(rng.choice([0, 1, rng.randrange(5000), 4096]))
                (there / node.name).write_bytes(data)
                when = calendar.timegm((rng.randrange(1990, 2037), rng.randrange(1, 13), rng.randrange(1, 29), rng.randrange(24),
                                        rng.randrange(60), rng.randrange(0, 60, 2)))
                os.utime(there / node.name, (when, when))
                node.size, node.pieces = len(data), [(0, data)] if data else []
                truth[str((there / node.name).relative_to(scratch))] = {
                    "size": node.size, "sha256": digest(node), "mtime": when, "offset_min": None}
            run("mcopy", "-s", "-m", "-Q", "-i", at, pathlib.Path(scratch, top), "::/")
        if turn == 0:
            for path in [p for p in truth if rng.random() < 0.3]:
                run("mdel", "-i", at, "::/" + path)
                del truth[path]
    return truth, sorted(folders)


# ---- one image ----

def check(image, base, block):
    """fsck's word on it. An image of ours that it does not like is a mistake of ours."""
    fs = image.truth["fs"]
    path = image.path
    if base:
        path = image.path.with_suffix(".volume")
        with open(path, "wb") as f, open(image.path, "rb") as whole:
            f.truncate(image.truth["size"])
            at = base
            while True:
                try:
                    at = os.lseek(whole.fileno(), at, os.SEEK_DATA)
                except OSError:
                    break
                end = min(os.lseek(whole.fileno(), at, os.SEEK_HOLE), base + image.truth["size"])
                while at < end:
                    at += os.pwrite(f.fileno(), os.pread(whole.fileno(), min(end - at, 1 << 20), at), at - base)
                if at >= base + image.truth["size"]:
                    break
    try:
        run("fsck.exfat" if fs == "exFAT" else "fsck.vfat", "-n", path)
    finally:
        if base:
            path.unlink()


def build(seed, index, folder, fs=None, judge=True, mtools=None, big=None):
    """Makes image number index of this seed in folder; an Image. Two calls make the same."""
    rng = random.Random(f"{seed}/{index}")
    image = Image(pathlib.Path(folder, f"{index:03d}.img"))
    drawn = rng.choice(["FAT12", "FAT16", "FAT16", "FAT32", "FAT32", "exFAT", "exFAT", "exFAT", "exFAT"])
    big = index % 250 == 60 if big is None else big
    fs = fs or ("exFAT" if big else drawn)
    fd, base, table, block = lay_out(rng, image.path, fs, big)
    try:
        by_mtools = rng.random() < 0.12 and fs != "exFAT" and block == 512 if mtools is None else mtools
        v = ExfatVolume(fd, base, rng) if fs == "exFAT" else FatVolume(fd, base, rng)
        size = os.fstat(fd).st_size - base - (block * 40 if table == "GPT" else 0)
        image.truth = {"fs": fs, "table": table, "block": block, "offset": base, "size": size,
                       "cluster": v.cluster_bytes, "by": "mtools" if by_mtools else "own"}
        if by_mtools:
            with tempfile.TemporaryDirectory(dir=folder) as scratch:
                files, folders = plant_mtools(rng, image.path, fd, base, scratch)
        else:
            plant(rng, v, big)
            image.nodes = {n.path: n for n in v.live()}
            files = {p: {"size": n.size, "sha256": digest(n), "mtime": n.ctime if n.mtime is None else n.mtime,
                         "offset_min": n.offset_min} for p, n in image.nodes.items()}
            folders = sorted(f.path for f in v.folders[1:])
            image.truth["free"] = v.used.count(0) * v.cluster_bytes
        image.truth |= {"files": files, "folders": folders}
        image.regions = v.regions()
        image.regions["folders"] = [e for f in v.folders for e in v.extents(f)]
        if table == "GPT":
            length = block + tables.GPT_ENTRIES * 128  # header and entries
            image.regions["gpt"] = [(block, length), (os.fstat(fd).st_size - length, length)]
        elif table == "MBR":
            image.regions["table"] = [(446, 66)]
        image.volume = v
    finally:
        os.close(fd)
    if judge:
        check(image, base, block)
    return image


def _one(job):
    seed, index, out = job
    image = build(seed, index, out)
    image.path.with_suffix(".json").write_text(json.dumps(image.truth, ensure_ascii=False, indent=1))


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--seed", default="1")
    p.add_argument("--count", type=int, default=10)
    p.add_argument("--out", required=True)
    p.add_argument("--jobs", type=int, default=2)
    a = p.parse_args()
    pathlib.Path(a.out).mkdir(parents=True, exist_ok=True)
    if not shutil.which("mkfs.exfat", path=ENV["PATH"]):
        sys.exit("images.py: no mkfs.exfat here: tests/setup.sh test")
    with multiprocessing.Pool(a.jobs) as pool:
        for _ in pool.imap_unordered(_one, [(a.seed, i, a.out) for i in range(a.count)]):
            pass


if __name__ == "__main__":
    main()
