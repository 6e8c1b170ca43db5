#!/usr/bin/python3
"""How fast one clip is pulled off a disk, beside the kernel's usb-storage on the same disk.

One QEMU disk (FAT32), then one mass storage gadget (exFAT), each with one clip. In every round, one
after the other: dd of the clip's bytes from the kernel's block device (direct, 1 MiB at a time;
discarded, and into a tmpfs), mcopy of it through that device, and dockd-camera's FETCH into a
tmpfs. dd and mcopy are timed as whole processes; dockd-camera over the FETCH, and as a whole too.
Emulated processors: ratios mean something, seconds do not. Also told: READs and their size.

usage: bench_disk.py [ROUNDS] [qemu|gadget]
"""

import mmap
import os
import pathlib
import re
import statistics
import subprocess
import sys
import time

from labstation import fill, node_of, on_bus, wait_on_bus
from probe import BUILD, HERE, shell, until

sys.path.insert(0, os.path.join(HERE, "..", "system"))
import disks  # noqa: E402
import worker  # noqa: E402

MIB = 1 << 20
GOT = "/run/got"
DRIVER = pathlib.Path("/sys/bus/usb/drivers/usb-storage")


class Disk:
    def __init__(self, name, serial, fs, image, size, dock, undock):
        self.name, self.serial, self.fs, self.image, self.size = name, serial, fs, image, size
        self.dock_command, self.undock_command = dock, undock

    def make(self):
        clips = "/run/clips-" + self.serial
        fill(clips, {"clip.mp4": self.size})
        disks.make_volume(self.image, {"DCIM/CLIP.MP4": clips + "/clip.mp4"}, self.fs,
                          self.size + 48 * MIB)
        with open(clips + "/clip.mp4", "rb") as f:
            head = f.read(8192)
        with open(self.image, "rb") as f, mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ) as m:
            self.begin = m.find(head)
        os.unlink(clips + "/clip.mp4")
        assert self.begin > 0

    def dock(self):
        shell(self.dock_command)
        self.port = wait_on_bus(self.serial)
        self.interface = self.port + ":1.0"
        until(20, lambda: os.path.exists("/sys/bus/usb/devices/" + self.interface))
        shell("udevadm settle")

    def kernel(self, has_it):
        """The kernel's usb-storage takes the disk, or leaves it."""
        bound = (DRIVER / self.interface).exists()
        if bound != has_it:
            (DRIVER / ("bind" if has_it else "unbind")).write_text(self.interface)
        if not has_it:
            return until(20, lambda: not self.block())
        until(30, self.block)
        shell("udevadm settle")
        return "/dev/" + self.block()

    def block(self):
        for path in pathlib.Path("/sys/bus/usb/devices", self.interface).glob(
                "host*/target*/*/block/*"):
            return path.name if os.path.exists("/dev/" + path.name) else None
        return None


def timed(*command):
    shell("sync; echo 3 >/proc/sys/vm/drop_caches; rm -f " + GOT)
    began = time.monotonic()
    subprocess.run([str(c) for c in command], check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL, env=dict(os.environ, MTOOLS_SKIP_CHECK="1"))
    return time.monotonic() - began


def dd(disk, node, to):
    return timed("dd", "if=" + node, "of=" + to, "bs=1M", "iflag=direct,skip_bytes,count_bytes",
                 "skip=%d" % disk.begin, "count=%d" % disk.size)


def dockd_camera(disk):
    """(seconds of FETCH, seconds of the whole process, PSS in KiB)"""
    shell("rm -f " + GOT)
    began = time.monotonic()
    w = worker.Worker(BUILD + "/dockd-camera", os.open(node_of(disk.port), os.O_RDWR),
                      driver=worker.MSC, timeout_ms=20000)
    objects, _ = w.list()
    clip = next(o for o in objects if o.path.endswith("CLIP.MP4"))
    fetch = time.monotonic()
    w.start_fetch(clip, GOT)
    done = w.end_fetch()
    fetch = time.monotonic() - fetch
    pss = pathlib.Path("/proc/%d/smaps_rollup" % w.process.pid).read_text()
    w.bye()
    whole = time.monotonic() - began
    if done.result != worker.DONE or os.path.getsize(GOT) != disk.size:
        raise RuntimeError("dockd-camera: %r" % done)
    return fetch, whole, int(re.search(r"^Pss: +(\d+)", pss, re.M).group(1))


def bench(disk, rounds):
    disk.make()
    disk.dock()
    times, pss = {}, 0
    for _ in range(rounds):
        node = disk.kernel(True)
        times.setdefault("dd, discarded", []).append(dd(disk, node, "/dev/null"))
        times.setdefault("dd into a tmpfs", []).append(dd(disk, node, GOT))
        if disk.fs != "exfat":
            times.setdefault("mcopy", []).append(
                timed("mcopy", "-n", "-i", node, "::DCIM/CLIP.MP4", GOT))
        disk.kernel(False)
        fetch, whole, used = dockd_camera(disk)
        times.setdefault("dockd-camera", []).append(fetch)
        times.setdefault("dockd-camera, whole process", []).append(whole)
        pss = max(pss, used)
    report(disk, times, rounds, pss)
    shell(disk.undock_command, check=False)
    until(20, lambda: not on_bus(disk.serial))


def report(disk, times, rounds, pss):
    print("\n%s, %s, one clip of %d MiB, %d rounds" % (
        disk.name, disk.fs, disk.size // MIB, rounds))
    print("| program | median s | least to most | MB/s | of dd into a tmpfs | of dd, discarded |")
    print("|---|---|---|---|---|---|")
    wrote = statistics.median(times["dd into a tmpfs"])
    threw = statistics.median(times["dd, discarded"])
    for name, all_of_it in times.items():
        s = statistics.median(all_of_it)
        print("| %s | %.2f | %.2f to %.2f | %.1f | %.2f | %.2f |" % (
            name, s, min(all_of_it), max(all_of_it), disk.size / s / 1e6, wrote / s, threw / s))
    print("PSS of dockd-camera at most %.1f MiB" % (pss / 1024))
    sys.stdout.flush()


def main(rounds, which):
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    # Here, and only here, the kernel is to have the disks.
    with open("/run/udev/rules.d/59-dockd-bays.rules", "w") as f:
        f.write('SUBSYSTEM=="usb|block|scsi", ENV{DOCKD_BAY}="no"\n')
    shell("udevadm control --reload; modprobe usb_storage delay_use=0; modprobe sd_mod")
    out = os.environ["LAB_OUT"]
    if "qemu" in which:
        bench(Disk("QEMU's disk over xHCI", "BWC-D", "fat32", out + "/q.img", 96 * MIB,
                   "qemu_disk q0 BWC-D 512 %s/q.img" % out, "hmp device_del q0"), rounds)
    if "gadget" in which:
        bench(Disk("mass storage gadget over dummy_hcd", "BWC-G", "exfat", "/run/g.img", 32 * MIB,
                   "gadget_disk 0 BWC-G /run/g.img", "gadget_pull_disk 0"), rounds)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5, sys.argv[2:] or ["qemu", "gadget"])
