"""Makes the images that a simulated camera shows as its card.

Real file systems by the usual tools (mkfs.vfat, mkfs.exfat, sfdisk, sgdisk, mtools), no mounting and
no root. An image is a sparse file; whoever asked for it owns it.

    image = make_disk(folder / "card.img", {"DCIM/100/a.mp4": b"..."}, fs="fat32", table="mbr")
"""

import os
import pathlib
import subprocess
import tempfile

START = 1 << 20  # byte at which a partition begins
TYPES = {"fat12": ("1", "0700"), "fat16": ("6", "0700"), "fat32": ("c", "0700"),
         "exfat": ("7", "0700")}
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


def make_volume(path, files, fs="fat32", size=None, label="BODYCAM", block=512, mtime=None):
    """A bare file system of size bytes in a new file. mtime: seconds, of every file."""
    path = pathlib.Path(path)
    size = size or USUAL_SIZE[fs]
    path.unlink(missing_ok=True)
    with open(path, "wb") as f:
        f.truncate(size)
    if fs == "exfat":
        import exfat_writer  # tests/disk
        exfat_writer.make(path, files, size=size, label=label, block=block)
        return path
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
    with open(path, "wb") as f:
        f.truncate(START + length + (1 << 20))
    mbr, gpt = TYPES[fs]
    if table == "mbr":
        _run("sfdisk", "--quiet", path, stdin=_text(
            f"label: dos\nstart={START // block}, size={length // block}, type={mbr}\n"))
    else:
        _run("sgdisk", "-a", 1, "-n", f"1:{START // block}:{START // block + length // block - 1}",
             "-t", f"1:{gpt}", path)
    _run("dd", f"if={volume}", f"of={path}", "bs=1M", f"seek={START >> 20}", "conv=sparse,notrunc",
         "status=none")
    volume.unlink()
    return path


def _text(text):
    f = tempfile.TemporaryFile("w+")
    f.write(text)
    f.seek(0)
    return f
