#!/usr/bin/python3
"""Disks docked at a whole station, on real USB: FAT32 and exFAT, MBR, GPT and bare, two LUNs, blocks
of 4096 bytes, read-only and writable; pulled out and docked again; probed. No image may change.
"""

import hashlib
import os
import pathlib
import shutil
import signal
import subprocess
import sys

from labstation import LabStation, digests, fill, node_of, on_bus, wait_on_bus
from probe import BUILD, HERE, Tally, hmp, shell, until

sys.path.insert(0, os.path.join(HERE, "..", "disk"))
import worker  # noqa: E402
from exfat_writer import ExfatVolume  # noqa: E402
from volume_writer import Node  # noqa: E402

MIB = 1 << 20
t = Tally("docked")
out = os.environ["LAB_OUT"]
os.environ["PATH"] += ":/usr/sbin:/sbin"


def disks():
    return [name for name in os.listdir("/dev") if name.startswith(("sd", "sg"))]


def mounted():
    with open("/proc/mounts") as f:
        return [line for line in f if line.split()[2] in ("vfat", "exfat", "msdos")]


def gone(serial):
    until(60, lambda: not on_bus(serial))


# ---- the station reads them ----

def volume(path, files, maker, table=None, start=2048, block=512, size=40 * MIB, offset=0):
    """An image with these files {path: bytes} put in through a mount; {digest: path}."""
    with open(path, "wb") as f:
        f.truncate(size)
    if table:
        subprocess.run(["sfdisk", "-q", path], input=table, text=True, check=True)
        offset = start * block
    sectors = size - offset - (MIB if table else 0)
    loop = subprocess.check_output(["losetup", "-f", "--show", "-b", str(block), "-o", str(offset),
                                    "--sizelimit", str(sectors), path], text=True).strip()
    subprocess.run([*maker, loop], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.makedirs("/run/in", exist_ok=True)
    options = "time_offset=0" if "exfat" in maker[0] else "tz=UTC,utf8=1,codepage=437,iocharset=utf8"
    subprocess.run(["mount", "-o", options, loop, "/run/in"], check=True)
    made = fill("/run/in", files)
    subprocess.run(["umount", "/run/in"], check=True)
    subprocess.run(["losetup", "-d", loop], check=True)
    return made


def sum_of(path):
    return hashlib.blake2b(pathlib.Path(path).read_bytes()).hexdigest()


def staged(s, number):
    try:
        for path in (s.folder / "state/staging").rglob("%016x*" % number):
            if path.suffix in (".part", ""):
                return path.stat().st_size
    except FileNotFoundError:
        pass  # it is just being given its name
    return 0


def probed(s, *asked):
    """Asked again while the bay is busy, as it says: once a minute it looks after its camera."""
    def ask():
        try:
            return s.ctl("camera", "probe", *asked)
        except AssertionError as e:
            if "busy: " not in str(e):
                raise
            return None
    return until(60, ask) or {}


FAT32 = ["mkfs.vfat", "-F", "32", "-s", "1"]
EXFAT = ["mkfs.exfat"]
MBR = "label: dos\nstart=2048, type=c\n"
GPT = "label: gpt\nstart=2048, type=EBD0A0A2-B9E5-4433-87C0-68B6B72699C7\n"
SMALL = {"DCIM/100BWC/clip %d.mp4" % i: 300000 + 777 * i for i in range(6)}
ODD = {"DCIM/Übung Straße/Ж 録画 é.mp4": 2 * MIB + 1, "DCIM/a b/c d/e f/g h/deep one.mp4": MIB,
       "DCIM/empty.mp4": 0, "LOG/audit.log": 4321}


def whole_station():
    shell("modprobe -a loop vfat exfat nls_cp437 nls_utf8; umask 022; mkdir -p /run/img")
    images = {"mbr": out + "/mbr.img", "gpt": "/run/img/gpt.img", "bare": "/run/img/bare.img",
              "second": "/run/img/second.img", "ro": "/run/img/ro.img", "4k": out + "/4k.img"}
    wanted = volume(images["mbr"], {"DCIM/mbr/" + k: v for k, v in SMALL.items()}, FAT32, MBR)
    wanted |= volume(images["gpt"], ODD, EXFAT, GPT)
    wanted |= volume(images["bare"], {"one/first lun.mp4": 3 * MIB}, FAT32)
    wanted |= volume(images["second"], {"two/second lun.mp4": 2 * MIB + 5}, EXFAT)
    wanted |= volume(images["ro"], {"long.mp4": 64 * MIB}, EXFAT, size=80 * MIB)
    wanted |= volume(images["4k"], {"DCIM/4k %d.mp4" % i: MIB + i for i in range(3)},
                     ["mkfs.vfat", "-F", "16", "-S", "4096", "-s", "1"], size=24 * MIB)
    before = {name: sum_of(path) for name, path in images.items()}
    os.makedirs("/run/station")
    with LabStation(folder="/run/station", take_when="server") as s:
        s.wait("idle", timeout=60)
        # The driver is still loaded: it binds each disk for a moment, and the station takes it over.
        shell("gadget_prepare_disk 0 GPT0 rw:%(gpt)s; gadget_prepare_disk 1 TWO0 rw:%(bare)s rw:%(second)s; "
              "gadget_prepare_disk 2 RO0 ro:%(ro)s; qemu_disk qm QMBR0 512 %(mbr)s; "
              "qemu_disk qk Q4K0 4096 %(4k)s" % images)
        for n in (0, 1):
            plug(n)
        serials = ["GPT0", "TWO0", "QMBR0", "Q4K0"]
        ports = {serial: wait_on_bus(serial) for serial in serials}
        t.check("four disks are on the bus", all(ports.values()), ports)
        s.wait("dockings", "4", timeout=200)
        plug(2)
        pulled_out(s)
        for serial in [*serials, "RO0"]:
            s.wait("bay", on_bus(serial), "take", timeout=600)
        s.wait("all", "receipted", timeout=60)
        got = digests("/run/station/store")
        t.check("every file of five disks is at the destination, byte for byte (%d)" % len(wanted),
                set(wanted) == set(got), [wanted[d] for d in set(wanted) - set(got)][:5])
        bays = {b["camera"]: b for b in s.ctl("bay")["bays"] if b["camera"]}
        t.check("each byte was pulled once, but for what was pulled out",
                sum(b["pulled_bytes"] for c, b in bays.items() if c != "RO0") ==
                sum(SMALL.values()) + sum(ODD.values()) + 5 * MIB + 5 + 3 * MIB + 3, bays)
        t.check("no block device appeared, nothing is mounted", not disks() and not mounted())
        names = {r["path"].encode("latin-1").decode() for r in s.ledger() if r["type"] == "found"}
        t.check("names are kept", set(ODD) <= {n.split(":", 1)[-1].lstrip("/") for n in names} |
                {n.split("/", 1)[-1] for n in names} | names, sorted(names))
        probe_and_draft(s)
        hmp("device_del qm")
        hmp("device_del qk")
        for n in (0, 1, 2):
            shell("gadget_pull_disk %d" % n)
        for serial in [*serials, "RO0", "DRAFT0"]:
            gone(serial)
        if t.failed:
            print(s.log()[-6000:], s.log("hotplug")[-2000:], flush=True)
    after = {name: sum_of(path) for name, path in images.items()}
    t.check("not one byte of any image has changed", before == after,
            [name for name in before if before[name] != after[name]])


def plug(n):
    with open("/sys/kernel/config/usb_gadget/disk%d/UDC" % n, "w") as udc:
        udc.write("dummy_udc.%d\n" % n)


def pulled_out(s):
    """RO0's one long file, pulled out some way into it three times, and docked again."""
    size, before, done = 64 * MIB, 0, 0
    number = until(200, lambda: next((r for r in s.ledger() if r["type"] == "found" and
                                      r["path"].endswith("long.mp4")), None))["asset"]
    for i in range(3):
        reached = until(200, lambda: staged(s, number) >= before + 3 * MIB)
        shell("gadget_pull_disk 2")
        gone("RO0")
        before = staged(s, number)
        done += 1 if reached and before < size else 0
        plug(2)
        wait_on_bus("RO0")
        if before >= size:
            break
    s.wait("clip", number, "receipted", timeout=600)
    c = s.clip(number)
    t.check("pulled out %d times and whole" % done, done >= 2 and c["interruptions"] == done, c)
    t.check("%d bytes were read again" % (c["pulled_bytes"] - size),
            0 <= c["pulled_bytes"] - size <= (64 << 10) * max(1, c["interruptions"]), c)


def past_4_gib():
    """
    A file of more than 4 GiB that lies behind 4 GiB of QEMU's disk, by a worker alone: its end, which is
    all that was written of it. An emulated processor has no time for the whole.
    """
    path, size, tail = out + "/large.img", 4096 * MIB + 123457, os.urandom(2 * MIB)
    with open(path, "wb") as f:
        f.truncate(10240 * MIB)
    subprocess.run([*EXFAT, "-c", "1M", path], check=True, stdout=subprocess.DEVNULL)
    fd = os.open(path, os.O_RDWR)
    v = ExfatVolume(fd, 0)
    node = Node("long.mp4", v.root)
    node.size, node.pieces = size, [(size - len(tail), tail)]
    v.add(node)
    node.clusters = v.take_run(-(-size // v.cluster_bytes), from_end=True)
    v.write_file(node, b"")
    v.flush()
    os.close(fd)
    begin = v.at(node.clusters[0])
    before = path_blocks(path)
    shell("qemu_disk ql QLARGE 512 " + path)
    device = os.open(node_of(wait_on_bus("QLARGE")), os.O_RDWR)
    part, start = "/run/large.part", size - MIB - 4711
    with open(part, "wb") as f:
        f.truncate(start)
        f.seek(size - len(tail))
        f.write(tail[:start - (size - len(tail))])
    with worker.Worker(BUILD + "/dockd-camera", device, driver=worker.MSC, timeout_ms=20000) as w:
        o = next(o for o in w.list()[0] if o.path.endswith("long.mp4"))
        t.check("a file of %d bytes at byte %d of a disk" % (size, begin),
                o.size == size and begin > 4096 * MIB, o)
        done = w.fetch(o, part, offset=start)
        w.bye()
    with open(part, "rb") as f:
        f.seek(size - len(tail))
        got = f.read()
    t.check("its end is read, from byte %d on" % start,
            done.result == worker.DONE and done.length == size and got == tail, done)
    t.check("and no more than that", done.read < 2 * MIB, done)
    hmp("device_del ql")
    gone("QLARGE")
    t.check("the image took no block", path_blocks(path) == before)
    os.unlink(part)


def path_blocks(path):
    return os.stat(path).st_blocks


def probe_and_draft(s):
    """Each kind of device is told for what it is; with the draft alone a gadget docks as it did."""
    fill("/run/cam3", {"DCIM/mtp.mp4": 4321})
    shell("camera_umtp 3 BWC-MTP /run/cam3")
    s.wait("bay", wait_on_bus("BWC-MTP"), "take", timeout=400)
    told = probed(s, on_bus("BWC-MTP"))
    t.check("a camera of MTP is probed as one", told.get("driver") == "ptp" and told["serial"] == "BWC-MTP", told)
    for serial in ("TWO0", "QMBR0"):
        port = on_bus(serial)
        path = "/run/draft-%s.conf" % serial
        told = probed(s, port, "--profile", path)
        t.check("%s is probed as a disk" % serial, told.get("driver") == "msc", told)
    for shipped in (s.folder / "profiles").iterdir():
        shipped.unlink()
    shutil.copy("/run/draft-TWO0.conf", s.folder / "profiles/draft.conf")
    os.chmod(s.folder / "profiles/draft.conf", 0o644)
    # Another camera of that kind, in the same port, has to come by the draft alone.
    shell("gadget_pull_disk 1")
    gone("TWO0")
    wanted = volume("/run/img/new.img", {"one/drafted.mp4": 2 * MIB + 77}, FAT32)
    reloads = len(s.events("reloaded"))
    s.core.send(signal.SIGHUP)
    until(60, lambda: len(s.events("reloaded")) > reloads)
    shell("gadget_prepare_disk 1 DRAFT0 rw:/run/img/new.img")
    plug(1)
    port = wait_on_bus("DRAFT0")
    s.wait("bay", port, "take", timeout=400)
    bay = s.bay(port)
    t.check("the drafted profile works as it is", bay["camera"] == "DRAFT0" and
            bay["profile"].startswith("draft-") and set(wanted) <= set(digests("/run/station/store")), bay)


for part in (past_4_gib, whole_station):
    try:
        part()
    except Exception as e:
        t.check(part.__name__, False, "%s: %s" % (type(e).__name__, e))
t.finish()
