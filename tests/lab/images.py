#!/usr/bin/python3
"""Images of camera cards, read by the kernel's vfat and exfat and by the station's own reader.

    images.py --make DIR   outside the guest: images by tests/disk/images.py, LAB_IMAGES of them (or
                           COUNT behind DIR; else 150), and what build/test/diskread says of each
    images.py DIR          in the guest: the kernel mounts each, and they must say the same; then
                           images that the kernel itself fills, which diskread reads

Paths, sizes, times and contents are compared. Differences that are the kernel's are named in same().
"""

import ctypes
import fcntl
import hashlib
import json
import multiprocessing
import os
import pathlib
import random
import struct
import subprocess
import sys

from probe import BUILD, HERE, Tally, shell

DISKREAD = BUILD + "/test/diskread"
FILLED = 48
MIB = 1 << 20
LARGE = 256 * MIB
LOOP_CONFIGURE, LOOP_CLR_FD = 0x4C0A, 0x4C01
MS_RDONLY = 1
# What the kernel makes of a date that is zero: 1980-01-01, and of month and day 0 in 1980.
NO_DATE = {"vfat": 315532800, "exfat": 312768000}
OPTIONS = {"vfat": "tz=UTC,utf8=1,codepage=437,iocharset=utf8,shortname=mixed",
           "exfat": "time_offset=0,iocharset=utf8"}
libc = ctypes.CDLL(None, use_errno=True)


def diskread(image, block=512):
    """{path: [size, mtime or None, sha256]} as the station's reader has it, and what it complains of."""
    done = subprocess.run([DISKREAD, "--block", str(block), str(image)], stdout=subprocess.PIPE, check=False)
    files, odd = {}, ["diskread ended with %d" % done.returncode] if done.returncode else []
    for line in done.stdout.splitlines():
        said = json.loads(line.decode("utf-8", "surrogateescape"))
        if said["what"] == "file":
            files[said["path"]] = [said["size"], said["mtime"], said.get("sha256")]
            odd += ["%s: %s" % (said["path"], flag) for flag in said["flags"] if flag in ("cut", "shared")]
        elif said["what"] in ("disk", "report") and said["damaged"] or said["what"] == "none":
            odd.append("a healthy image is not: %s" % said)
    return files, odd


# ---- outside ----

def ask(path):
    block = json.loads(path.with_suffix(".json").read_text())["block"]
    path.with_suffix(".read").write_text(json.dumps(diskread(path, block)))


def make(folder, count):
    subprocess.run([sys.executable, os.path.join(HERE, "../disk/images.py"), "--seed", "lab", "--count",
                    str(count), "--out", folder], check=True)
    with multiprocessing.Pool(2) as pool:
        pool.map(ask, sorted(pathlib.Path(folder).glob("*.img")))


# ---- the kernel's word ----

def call(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


class Mounted:
    """with Mounted(n, image, offset, size, kind) as folder: by loop device n."""

    def __init__(self, n, image, offset, size, kind, write=False):
        self.n, self.image, self.offset, self.size, self.kind = n, image, offset, size, kind
        self.write = write
        self.folder = "/run/mnt%d" % n

    def __enter__(self):
        os.makedirs(self.folder, exist_ok=True)
        backing = os.open(self.image, os.O_RDWR if self.write else os.O_RDONLY)
        self.loop = os.open("/dev/loop%d" % self.n, os.O_RDWR if self.write else os.O_RDONLY)
        info = struct.pack("=QQQQQIIII160s16s", 0, 0, 0, self.offset, self.size, 0, 0, 0,
                           0 if self.write else MS_RDONLY, b"", b"")
        fcntl.ioctl(self.loop, LOOP_CONFIGURE, struct.pack("=II", backing, 0) + info + bytes(64))
        os.close(backing)
        try:
            call(libc.mount(b"/dev/loop%d" % self.n, self.folder.encode(), self.kind.encode(),
                            0 if self.write else MS_RDONLY, OPTIONS[self.kind].encode()))
        except OSError:
            self.drop()
            raise
        return self.folder

    def drop(self):
        fcntl.ioctl(self.loop, LOOP_CLR_FD, 0)
        os.close(self.loop)

    def __exit__(self, *_):
        call(libc.umount2(self.folder.encode(), 0))
        self.drop()


def walk(folder):
    """{path: (size, mtime, DirEntry's path)} below folder."""
    found, left = {}, [b""]
    while left:
        at = left.pop()
        for e in os.scandir(os.fsencode(folder) + b"/" + at):
            name = at + e.name
            if e.is_dir(follow_symlinks=False):
                left.append(name + b"/")
            else:
                st = e.stat(follow_symlinks=False)
                found[os.fsdecode(name)] = (st.st_size, int(st.st_mtime), e.path)
    return found


def digest(path, size):
    """SHA-256 of what the kernel reads, with zeros behind it up to size."""
    total = hashlib.sha256()
    with open(path, "rb", buffering=0) as f:
        while True:
            piece = f.read(MIB)
            if not piece:
                break
            size -= len(piece)
            total.update(piece)
    while size > 0:
        total.update(bytes(min(size, MIB)))
        size -= MIB
    return total.hexdigest()


def same(kernel, ours, kind, zone=None):
    """
    What differs, as texts. The kernel (6.1) shows an exFAT file only as far as its ValidDataLength;
    what is behind that reads as zeros. It reads exFAT times in the zone that stands there (zone:
    {path: minutes}); the station keeps the clock's face. Contents of files over LARGE are not read here:
    an emulated processor takes minutes for each.
    """
    odd = ["%s: not in the kernel's" % p for p in ours.keys() - kernel.keys()]
    odd += ["%s: only in the kernel's" % p for p in kernel.keys() - ours.keys()]
    for path in ours.keys() & kernel.keys():
        size, mtime, sha = ours[path]
        there, when, where = kernel[path]
        if there != size and (kind != "exfat" or there > size):
            odd.append("%s: %d bytes, the kernel has %d" % (path, size, there))
            continue
        when += 60 * ((zone or {}).get(path) or 0)
        if mtime is not None and when not in (mtime, NO_DATE[kind]):
            odd.append("%s: of %d, the kernel has %d" % (path, mtime, when))
        if size <= LARGE and digest(where, size) != sha:
            odd.append("%s: other contents (%d bytes, the kernel has %d)" % (path, size, there))
    return odd


def read_bytes(files):
    return sum(f[0] for f in files.values() if f[0] <= LARGE)


def compare(job):
    """One image that was made outside: (its name, files, bytes, what differs)."""
    n, path = job
    truth = json.loads(path.with_suffix(".json").read_text())
    ours, odd = json.loads(path.with_suffix(".read").read_text())
    kind = "exfat" if truth["fs"] == "exFAT" else "vfat"
    zone = {p: f["offset_min"] for p, f in truth["files"].items()}
    try:
        with Mounted(n, path, truth["offset"], truth["size"], kind) as folder:
            odd += same(walk(folder), ours, kind, zone)
    except OSError as e:
        odd.append(str(e))
    return "%s %s" % (path.name, truth["fs"]), len(ours), read_bytes(ours), odd


# ---- images that the kernel fills ----

NAMES = ["clip %04d.mp4", "CLIP%04d.MP4", "Übung Straße %d.mp4", "Ж 録画 é %d.log", "a.b.c %d..x", "%d",
         "執法記録 🎥 %d.MP4", "lower%d.txt", "a name of many characters, more than thirteen, %d.mov",
         "~tilde %d#.mp4", "%d" + "x" * 200]
MAKERS = [("vfat", 2 * MIB, ["mkfs.vfat", "-F", "12"]), ("vfat", 12 * MIB, ["mkfs.vfat", "-F", "16"]),
          ("vfat", 34 * MIB, ["mkfs.vfat", "-F", "32", "-s", "1"]), ("exfat", 8 * MIB, ["mkfs.exfat"]),
          ("exfat", 3 * MIB, ["mkfs.exfat", "-c", "512"]), ("exfat", 24 * MIB, ["mkfs.exfat", "-c", "128K"])]


def write_at_random(rng, folder, room):
    """Trees, files that grow in turns, deletions, renames and cuts; ends when room bytes are written."""
    folders, files, number = [folder], [], 0
    while room > 0:
        act = rng.random()
        try:
            if act < 0.1:
                folders.append("%s/%s" % (rng.choice(folders), rng.choice(NAMES) % len(folders)))
                os.mkdir(folders[-1])
            elif act < 0.4 or not files:
                number += 1
                files.append("%s/%s" % (rng.choice(folders), rng.choice(NAMES) % number))
                open(files[-1], "xb").close()
            elif act < 0.8:
                piece = rng.randbytes(rng.choice([1, 511, 512, 4096, 10000, 40000]))
                with open(rng.choice(files), "ab") as f:
                    f.write(piece)
                room -= len(piece)
            elif act < 0.9:
                os.unlink(files.pop(rng.randrange(len(files))))
            elif act < 0.95:
                number += 1
                i = rng.randrange(len(files))
                to = "%s/%s" % (rng.choice(folders), rng.choice(NAMES) % number)
                os.rename(files[i], to)
                files[i] = to
            else:
                path = rng.choice(files)
                os.truncate(path, rng.randrange(os.path.getsize(path) + 1))
            room -= 512
        except OSError:
            break  # full
    for path in files:
        when = rng.randrange(631152000, 4102444800) & ~1
        os.utime(path, (when, when))


def fill(job):
    n, number = job
    rng = random.Random("filled/%d" % number)
    kind, size, maker = MAKERS[number % len(MAKERS)]
    path = "/run/filled%d.img" % number
    with open(path, "wb") as f:
        f.truncate(size)
    try:
        subprocess.run(maker + [path], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                       env={**os.environ, "PATH": "/usr/sbin:/sbin:/usr/bin:/bin"})
        with Mounted(n, path, 0, 0, kind, write=True) as folder:
            write_at_random(rng, folder, min(size // 2, 300000))
        ours, odd = diskread(path)
        with Mounted(n, path, 0, 0, kind) as folder:
            odd += same(walk(folder), ours, kind)
    except (OSError, subprocess.CalledProcessError) as e:
        ours, odd = {}, [str(e)]
    os.unlink(path)
    return "filled %d %s" % (number, " ".join(maker)), len(ours), read_bytes(ours), odd


# ---- in the guest ----

def mine(function, n, jobs, results):
    while True:
        job = jobs.get()
        if job is None:
            return
        results.put(function((n, job)))


def in_parallel(function, jobs):
    """One process a processor, each with a loop device of its own."""
    queue, results = multiprocessing.Queue(), multiprocessing.Queue()
    for job in jobs + [None] * os.cpu_count():
        queue.put(job)
    for n in range(os.cpu_count()):
        multiprocessing.Process(target=mine, daemon=True,
                                args=(function, n, queue, results)).start()
    for _ in jobs:
        yield results.get(timeout=600)


def tell(t, what, results):
    images = files = size = bad = 0
    for name, n, total, odd in results:
        images, files, size = images + 1, files + n, size + total
        if odd:
            bad += 1
            t.check("%s: the same" % name, False, "%d differences: %s" % (len(odd), odd[:3]))
    t.check("%d images %s, %d files, %d MB read: the same to the kernel and to the station" %
            (images, what, files, size // 1000000), images and files and not bad)


def main(folder):
    t = Tally("images")
    # Nobody else looks at a loop device.
    shell("udevadm control --exit; modprobe -a loop vfat exfat nls_cp437 nls_utf8")
    made = sorted(pathlib.Path(folder).glob("*.img"))
    tell(t, "made outside", in_parallel(compare, made))
    tell(t, "filled by the kernel", in_parallel(fill, list(range(FILLED))))
    t.finish()


if __name__ == "__main__":
    if sys.argv[1] == "--make":
        make(sys.argv[2], int(sys.argv[3] if len(sys.argv) > 3 else os.environ.get("LAB_IMAGES", 150)))
    else:
        main(sys.argv[1])
