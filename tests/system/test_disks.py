"""What dockd reads from images of disks (build/test/diskread), beside what was put on them, mtools and The
Sleuth Kit. DISKS=5000 for more images than 500, DISKS_SEED for others.

Damaged images: no crash, no end that does not come (reads are counted, not seconds), nothing invented:
what a file is said to hold stands on the image where it is said to stand; and what the damage did not
touch is read as if there were none.
"""
import hashlib
import json
import os
import pathlib
import random
import re
import subprocess
import sys
import tempfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "disk"))

import damage  # noqa: E402
import images  # noqa: E402
from test_sandbox import BUILD  # noqa: E402

DISKS = int(os.environ.get("DISKS", "500"))
SEED = os.environ.get("DISKS_SEED", "dockd")
PARTS = 8
HANG_S = 600  # far from what a machine under load needs; the bound that counts is on reads


def share(part):
    return range(part, DISKS, PARTS)


def diskread(path, block, *options):
    """(files, other lines by "what", exit code); files are all lines of them, in order."""
    done = subprocess.run([f"{BUILD}/test/diskread", "--block", str(block), *options, str(path)],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=HANG_S)
    assert done.returncode in (0, 1), f"{path}: {done.returncode}: {done.stderr.decode(errors='replace')[-3000:]}"
    lines = [json.loads(line) for line in done.stdout.split(b"\n") if line]
    return [x for x in lines if x["what"] == "file"], {x["what"]: x for x in lines if x["what"] != "file"}, done.returncode


def plain(files):
    return {path: (f["size"], f["sha256"], f["mtime"]) for path, f in files.items()}


@pytest.fixture
def folder():
    with tempfile.TemporaryDirectory() as path:
        yield path


# ---- sound images ----

def compare(image):
    truth = image.truth
    files, rest, code = diskread(image.path, truth["block"])
    assert code == 0
    assert rest["disk"]["table"] == truth["table"] and rest["disk"]["damaged"] == 0, rest["disk"]
    assert rest["volume"]["kind"] == truth["fs"]
    assert rest["report"]["text"] == ""
    assert (rest["report"]["damaged"], rest["report"]["unread"]) == (0, 0)
    assert rest["report"]["folders"] == len(truth["folders"])
    assert len({f["path"] for f in files}) == len(files)
    assert plain({f["path"]: f for f in files}) == plain(truth["files"])
    if "free" in truth:
        assert rest["volume"]["free"] == truth["free"]


def digest_of(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def names_are_short(image, longest):
    paths = [*image.truth["files"], *image.truth["folders"]]
    return all(len(name.encode()) <= longest for p in paths for name in p.split("/"))


def compare_mtools(image, folder):
    """Contents as mtools has them. What lies outside the 16-bit plane is "__" there;
    names of more than 255 bytes it cannot write to a folder of ours."""
    truth = image.truth
    out = pathlib.Path(folder, "mtools")
    out.mkdir()
    images.run("mcopy", "-s", "-n", "-Q", "-i", f"{image.path}@@{truth['offset']}", "::/", out)
    theirs = {str(p.relative_to(out)): digest_of(p) for p in out.rglob("*") if p.is_file()}
    images.run("rm", "-rf", out)
    assert theirs == {re.sub("[\U00010000-\U0010ffff]", "__", p): f["sha256"] for p, f in truth["files"].items()}


def compare_sleuthkit(image):
    """Contents as The Sleuth Kit has them; the paths it leaves out. It reads what lies behind the valid
    bytes, and leaves out long names."""
    truth = image.truth
    kind = "exfat" if truth["fs"] == "exFAT" else truth["fs"].lower()
    at = ["-f", kind, "-o", str(truth["offset"] // 512), str(image.path)]
    ours = {p: f["sha256"] for p, f in truth["files"].items()
            if p not in image.nodes or image.nodes[p].valid is None}
    theirs = {}
    for line in images.run("fls", "-r", "-u", "-p", "-F", *at).decode().splitlines():
        entry, _, name = line.partition("\t")
        if name in ours:
            data = images.run("icat", *at, entry.split()[-1].rstrip(":"))
            theirs[name] = hashlib.sha256(data).hexdigest()
    left_out = set(ours) - set(theirs)
    assert theirs == {p: s for p, s in ours.items() if p not in left_out}
    return left_out


def dateless(image, path):
    node = image.nodes[path]
    while node.parent:
        if node.mtime is None or node.ctime is None:
            return True
        node = node.parent
    return False


@pytest.mark.parametrize("part", range(PARTS))
def test_sound(part, folder):
    by_mtools = by_sleuthkit = 0
    for i in share(part):
        image = images.build(SEED, i, folder)
        compare(image)
        truth = image.truth
        small = sum(f["size"] for f in truth["files"].values()) < 4 << 20
        fat = truth["fs"] != "exFAT"
        if small and fat and truth["block"] == 512 and names_are_short(image, 255) and by_mtools < 6:
            compare_mtools(image, folder)
            by_mtools += 1
        few = 0 < len(truth["files"]) < 30
        if small and few and truth["block"] == 512 and names_are_short(image, 120) and by_sleuthkit < 3:
            left_out = compare_sleuthkit(image)
            assert not left_out or not fat
            # A file without a date, or in a folder without one.
            assert all(dateless(image, p) for p in left_out), left_out
            by_sleuthkit += 1
        image.path.unlink()
    if DISKS >= 500:
        assert by_mtools == 6 and by_sleuthkit == 3


# ---- damaged images ----

def stands(fd, size, f):
    """The file's extents lie on the medium, make up its size, and hold what was read."""
    h, total = hashlib.sha256(), 0
    for offset, n in f["extents"]:
        total += n
        if offset is not None:
            assert offset + n <= size, f
        if f["size"] > 1 << 28:
            continue
        data = bytes(n) if offset is None else os.pread(fd, n, offset)
        assert len(data) == n
        h.update(data)
    if "error" in f:
        assert total <= f["size"]
    else:
        assert total == f["size"]
        assert f["size"] > 1 << 28 or h.hexdigest() == f["sha256"], f
    assert f["size"] <= size
    assert not f["path"].startswith("/") and not {"", ".", ".."} & set(f["path"].split("/"))


def spoiled(i, folder):
    rng = random.Random(f"{SEED}/damage/{i}")
    image = images.build(SEED + "/damaged", i, folder, judge=False, mtools=False, big=False)
    fd = os.open(image.path, os.O_RDWR | os.O_CLOEXEC)
    done = damage.spoil(rng, image, fd)
    return image, fd, done


@pytest.mark.parametrize("part", range(PARTS))
def test_damaged(part, folder):
    found = asked = told = 0
    for i in share(part):
        image, fd, done = spoiled(i, folder)
        try:
            files, rest, _ = diskread(image.path, image.truth["block"], "--extents")
            size = os.fstat(fd).st_size
            for f in files:
                stands(fd, size, f)
            assert rest["end"]["reads"] < 2000, (i, done.words, rest["end"])
            there = {(f["path"], f.get("sha256")) for f in files}
            want = damage.readable(image, done, fd)
            lost = [p for p in want if (p, image.truth["files"][p]["sha256"]) not in there]
            # Where another folder's entry leads to the same clusters now, one path is as good as the other.
            if lost and rest.get("report", {}).get("damaged"):
                contents = {f.get("sha256") for f in files}
                lost = [p for p in lost if image.truth["files"][p]["sha256"] not in contents]
            assert not lost, (i, done.words, done.ranges[:5], image.truth["fs"], image.truth["table"], lost[:3], rest)
            found += len(files)
            asked += len(want)
            told += rest.get("report", {"damaged": 0})["damaged"] > 0
        finally:
            os.close(fd)
        image.path.unlink()
    # The damage is neither so small that it shows nothing nor so great that nothing is asked.
    assert DISKS < 100 or (asked > 0 and told > 0 and found > asked)
