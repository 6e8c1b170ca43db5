"""Makes the images that a simulated camera shows as its card.

Real file systems by the usual tools (mkfs.vfat, mkfs.exfat, mtools; files into exFAT and tables by
tests/disk), no mounting and no root. An image is a sparse file; whoever asked for it owns it.

    image = make_disk(folder / "card.img", {"DCIM/100/a.mp4": b"..."}, fs="fat32", table="mbr")
"""

import os
import pathlib
import random
import subprocess
import sys
import tempfile

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "disk"))

import tables  # noqa: E402
from exfat_writer import ExfatVolume  # noqa: E402
from volume_writer import Node  # noqa: E402

START = 1 << 20  # byte at which a partition begins
TYPES = {"fat12": 0x01, "fat16": 0x0E, "fat32": 0x0C, "exfat": 0x07}
USUAL_SIZE = {"fat12": 8 << 20, "fat16": 64 << 20, "fat32": 64 << 20, "exfat": 64 << 20}


def _run(*args, **more):
    done = subprocess.run([str(a) for a in args], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False, **more)
    if done.returncode:
        raise RuntimeError(f"{args[0]}: {done.stdout.strip()}")


def _write_tree(folder, files):
    """files: {path: bytes, or the path of a file whose content it is, or None for a folder}."""
    for name, content in files.items():
        path = folder / name
        if content is None:
            path.mkdir(parents=True, exist_ok=True)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, (bytes, bytearray)):
            path.write_bytes(content)
        else:
            path.symlink_to(pathlib.Path(content).resolve())


def _fill_exfat(path, files, label, mtime):
    _run("mkfs.exfat", "-L", label, path)
    with open(path, "r+b") as f:
        volume = ExfatVolume(f.fileno(), 0)
        folders = {"": volume.root}

        def folder_of(name):
            if name not in folders:
                above, _, last = name.rpartition("/")
                node = Node(last, folder_of(above), folder=True)
                node.mtime = node.ctime = mtime
                volume.add(node)
                folders[name] = node
            return folders[name]
        for name, content in files.items():
            if content is None:
                folder_of(name)
                continue
            if not isinstance(content, (bytes, bytearray)):
                mtime_of = int(os.stat(content).st_mtime)
                content = pathlib.Path(content).read_bytes()
            else:
                mtime_of = mtime
            node = Node(name.rpartition("/")[2], folder_of(name.rpartition("/")[0]))
            node.size, node.mtime, node.ctime = len(content), mtime_of, mtime_of
            node.pieces = [(0, bytes(content))] if content else []
            volume.add(node)
            node.clusters = volume.take(-(-len(content) // volume.cluster_bytes))
            volume.write_file(node, b"")
        volume.flush()
    return path


def make_volume(path, files, fs="fat32", size=None, label="BODYCAM", block=512, mtime=None):
    """A bare file system of size bytes in a new file. mtime: seconds, of every file."""
    path = pathlib.Path(path)
    size = size or USUAL_SIZE[fs]
    path.unlink(missing_ok=True)
    with open(path, "wb") as f:
        f.truncate(size)
    if fs == "exfat":
        return _fill_exfat(path, files, label, mtime)
    _run("mkfs.vfat", "-F", fs[3:], "-S", block, "-n", label, *(("-s", 1) if fs == "fat32" else ()),
         path)
    if not files:
        return path
    with tempfile.TemporaryDirectory(prefix="disk-") as tree:
        tree = pathlib.Path(tree)
        _write_tree(tree, files)
        if mtime is not None:
            for p in tree.rglob("*"):
                if p.is_file() and not p.is_symlink():
                    os.utime(p, (mtime, mtime))
        env = dict(os.environ, MTOOLS_SKIP_CHECK="1", TZ="UTC")
        _run("mcopy", "-s", "-m", "-Q", "-i", path, *sorted(tree.iterdir()), "::/", env=env)
    return path


def make_disk(path, files, fs="fat32", table="mbr", size=None, label="BODYCAM", block=512,
              mtime=None):
    """The image of a whole card: one file system behind an "mbr" or "gpt" table, or "none".

    size: bytes of the file system. Returns path.
    """
    path = pathlib.Path(path)
    if table == "none":
        return make_volume(path, files, fs, size, label, block, mtime)
    volume = make_volume(path.with_suffix(".volume"), files, fs, size, label, block, mtime)
    length = volume.stat().st_size
    path.unlink(missing_ok=True)
    size_of_card = START + length + (1 << 20)
    with open(path, "wb") as f:
        f.truncate(size_of_card)
        if table == "mbr":
            tables.mbr(f.fileno(), TYPES[fs], START // block, length // block)
        else:
            tables.gpt(f.fileno(), block, size_of_card // block, START // block, length // block,
                       random.Random(length))
    _run("dd", f"if={volume}", f"of={path}", "bs=1M", f"seek={START >> 20}", "conv=sparse,notrunc",
         "status=none")
    volume.unlink()
    return path
