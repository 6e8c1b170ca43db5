#!/usr/bin/python3
"""How fast one clip is pulled, beside a bare loop and the tools that people use.

One QEMU camera, then one uMTP-Responder, each with one clip. In every round each program takes it
once; the figure is the median of the rounds. The bare loop and dockd-camera do the same operation
in the same windows and are timed over the object alone; dockd-camera writes into a tmpfs file, the
bare loop discards what it reads, and then once more writes it too. The tools are timed as whole processes, and dockd-camera is for them too.
Emulated processors: ratios mean something, seconds do not.

usage: bench_pull.py [ROUNDS]
"""

import os
import statistics
import subprocess
import sys
import time

from labstation import fill, node_of, on_bus, wait_on_bus
from probe import BUILD, HERE, shell, until

sys.path.insert(0, os.path.join(HERE, "..", "system"))
import worker  # noqa: E402

MIB = 1 << 20
WINDOW = 8 * MIB
ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 5
GOT = "/run/got"


class Camera:
    def __init__(self, name, serial, size, quirks, dock, undock):
        self.name, self.serial, self.size, self.quirks = name, serial, size, quirks
        self.dock_command, self.undock_command = dock, undock

    def dock(self):
        shell(self.dock_command)
        self.port = wait_on_bus(self.serial)
        until(20, lambda: os.path.exists("/sys/bus/usb/devices/%s:1.0" % self.port))

    def redock(self):
        shell(self.undock_command, check=False)
        until(20, lambda: not on_bus(self.serial))
        self.dock()


def bare(camera, *to):
    node = node_of(camera.port)
    line = subprocess.run([BUILD + "/bench/bare_pull", node[-7:-4], node[-3:], "clip.mp4",
                           str(WINDOW), *to], check=True, stdout=subprocess.PIPE, text=True).stdout
    return float(line.split("seconds=")[1])


def dockd_camera(camera):
    """(seconds of FETCH, seconds of the whole process)"""
    if os.path.exists(GOT):
        os.unlink(GOT)
    began = time.monotonic()
    w = worker.Worker(BUILD + "/dockd-camera", os.open(node_of(camera.port), os.O_RDWR),
                      quirks=camera.quirks, window=WINDOW, timeout_ms=20000)
    objects, _ = w.list()
    clip = next(o for o in objects if o.path.endswith("clip.mp4"))
    fetch = time.monotonic()
    done = w.fetch(clip, GOT)
    fetch = time.monotonic() - fetch
    w.bye()
    whole = time.monotonic() - began
    if done.result != worker.DONE or os.path.getsize(GOT) != camera.size:
        raise RuntimeError("dockd-camera: %r" % done)
    return fetch, whole


def tool(camera, *command):
    os.makedirs("/run/tool", exist_ok=True)
    shell("rm -f /run/tool/*")
    began = time.monotonic()
    done = subprocess.run(command, cwd="/run/tool", stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300)
    took = time.monotonic() - began
    if sum(e.stat().st_size for e in os.scandir("/run/tool")) != camera.size:
        print("  %s did not get the file: %s" % (command[0], done.stdout.decode().strip()[:200]))
        return None
    return took


def bench(camera):
    camera.dock()
    shell("udevadm settle")
    w = worker.Worker(BUILD + "/dockd-camera", os.open(node_of(camera.port), os.O_RDWR),
                      quirks=camera.quirks, timeout_ms=20000)
    objects, _ = w.list()
    handle = next(o.handle for o in objects if o.path.endswith("clip.mp4"))
    w.bye()
    times = {}
    for _ in range(ROUNDS):
        times.setdefault("bare loop", []).append(bare(camera))
        times.setdefault("bare loop that writes", []).append(bare(camera, GOT))
        fetch, whole = dockd_camera(camera)
        times.setdefault("dockd-camera", []).append(fetch)
        times.setdefault("dockd-camera, whole process", []).append(whole)
        for name, command in (
                ("gphoto2", ("gphoto2", "--get-all-files", "--force-overwrite")),
                ("mtp-getfile", ("mtp-getfile", str(handle), "/run/tool/clip.mp4")),
                ("aft-mtp-cli", ("aft-mtp-cli", "get clip.mp4"))):
            # What cannot read this camera once is not waited for again.
            if None not in times.get(name, []):
                camera.redock()
                times.setdefault(name, []).append(tool(camera, *command))
        camera.redock()
    shell(camera.undock_command, check=False)
    report(camera, times)


def report(camera, times):
    print("\n%s, one clip of %d MiB, %d rounds" % (camera.name, camera.size // MIB, ROUNDS))
    print("| program | median s | MB/s | of the bare loop |")
    print("|---|---|---|---|")
    base = statistics.median(times["bare loop"])
    for name, all_of_it in times.items():
        good = [s for s in all_of_it if s]
        if good:
            s = statistics.median(good)
            print("| %s | %.2f | %.1f | %.2f |" % (name, s, camera.size / s / 1e6, base / s))
        else:
            print("| %s | could not | | |" % name)
    sys.stdout.flush()


def main():
    out = os.environ["LAB_OUT"]
    fill(out + "/cam", {"clip.mp4": 256 * MIB})
    fill("/run/clips", {"clip.mp4": 24 * MIB})
    bench(Camera("QEMU usb-mtp over xHCI", "BWC-Q", 256 * MIB, 0x408 | 0x4,
                 "qemu_dock cam0 BWC-Q %s/cam" % out, "hmp device_del cam0"))
    bench(Camera("uMTP-Responder over dummy_hcd", "BWC-U", 24 * MIB, 0x200,
                 "camera_umtp 0 BWC-U /run/clips", "camera_pull 0"))


main()
