#!/usr/bin/python3
"""Cameras that are USB disks, on real USB: the kernel keeps off them, and the station reads them.

Mass storage gadgets and QEMU's disks. What has read an image is seen by its time of access: the
images lie on a tmpfs, which sets that at the first read after it was put back.
"""

import os
import subprocess
import threading
import time

from labstation import on_bus, wait_on_bus
from probe import Tally, hmp, shell, until

MIB = 1 << 20
NEVER = 1  # a time of access that no read leaves
t = Tally("disks")
out = os.environ["LAB_OUT"]
os.environ["PATH"] += ":/usr/sbin:/sbin"


def image(path, size=32 * MIB):
    with open(path, "wb") as f:
        f.truncate(size)
    subprocess.run(["mkfs.vfat", "-F", "32", "-s", "1", path], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    forget(path)
    return path


def forget(path):
    os.utime(path, (NEVER, time.time()))


def was_read(path):
    return int(os.stat(path).st_atime) != NEVER


def disks():
    return [name for name in os.listdir("/dev") if name.startswith(("sd", "sg"))]


def bound(driver):
    """The interfaces that this driver has."""
    folder = "/sys/bus/usb/drivers/" + driver
    return [name for name in os.listdir(folder) if ":" in name] if os.path.exists(folder) else []


def loaded(module):
    return os.path.exists("/sys/module/" + module)


def mounted():
    with open("/proc/mounts") as f:
        return [line for line in f if line.split()[2] in ("vfat", "exfat", "msdos")]


def settled(serial):
    """The device is on the bus, and udev has done with it."""
    t.check("%s is on the bus" % serial, wait_on_bus(serial))
    shell("udevadm settle")
    until(60, lambda: not bound("usb-storage") and not bound("uas"))


def gone(serial):
    until(60, lambda: not on_bus(serial))


class Monitor:
    """What the kernel tells of USB from now on: it is listening before this returns."""

    def __init__(self):
        self.process = subprocess.Popen(["udevadm", "monitor", "--kernel", "--subsystem-match=usb"],
                                        stdout=subprocess.PIPE, text=True)
        self.told = ""
        while not self.told.startswith("KERNEL"):
            self.told = self.process.stdout.readline() or "KERNEL: udevadm monitor has ended"
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            self.told += line

    def close(self):
        self.process.terminate()
        self.reader.join()
        self.process.wait()


# ---- the kernel never binds a camera ----

def kernel_keeps_off():
    mine = image("/run/mine.img")
    image(out + "/q.img")
    t.check("no driver for disks is loaded at first", not loaded("usb_storage") and not loaded("uas"))
    shell("gadget_disk 0 DISK0 rw:%s; qemu_disk q0 QDISK0 512 %s/q.img" % (mine, out))
    settled("DISK0")
    settled("QDISK0")
    t.check("nor when disks are docked", not loaded("usb_storage") and not loaded("uas"))
    # A driver that is loaded while they are there binds both at once.
    shell("modprobe -a usb_storage uas")
    delay = open("/sys/module/usb_storage/parameters/delay_use").read().strip()
    t.check("usb-storage waits (delay_use=%s)" % delay, int(delay) >= 5)
    t.check("loaded meanwhile, it is unbound",
            until(60, lambda: not bound("usb-storage")), bound("usb-storage"))
    hmp("device_del q0")
    shell("gadget_pull_disk 0")
    gone("DISK0")
    gone("QDISK0")
    # Loaded beforehand, bulk-only and UAS.
    binds = Monitor()
    hmp("device_add usb-uas,id=u0,serial=UAS0,bus=xhci.0")
    hmp("drive_add 0 if=none,id=u0-0,file=%s/q.img,format=raw" % out)
    hmp("device_add scsi-hd,bus=u0.0,drive=u0-0")
    hmp("qom-set /machine/peripheral/u0 attached true")
    shell("gadget_disk 0 DISK0 rw:%s; gadget_disk 1 DISK1 ro:%s" % (mine, mine))
    for serial in ("DISK0", "DISK1", "UAS0"):
        settled(serial)
    ports = [on_bus(serial) for serial in ("DISK0", "DISK1", "UAS0")]
    t.check("loaded beforehand it binds all three at first", until(60, lambda: all(
        "bind     /devices" in binds.told and "/%s:1.0 (usb)" % p in binds.told for p in ports)), binds.told)
    binds.close()
    shell("udevadm settle")
    t.check("and has none a moment later", not bound("usb-storage") and not bound("uas"),
            bound("usb-storage") + bound("uas"))
    t.check("no block was read of either gadget", not was_read(mine))
    t.check("there is no /dev/sd* and no /dev/sg*", not disks(), disks())
    t.check("nothing is mounted", not mounted(), mounted())
    hmp("device_del u0")
    shell("gadget_pull_disk 0; gadget_pull_disk 1")
    gone("UAS0")


def a_port_that_is_no_bay():
    """The administrator's stick, read by the kernel as anywhere; it is nobody else's to open."""
    stick = image("/run/stick.img")
    with open("/run/udev/rules.d/59-dockd-bays.rules", "w") as f:
        f.write('SUBSYSTEM=="usb|block", KERNELS=="%s", ENV{DOCKD_BAY}="no"\n' % shell("gadget_port 1"))
    shell("udevadm control --reload; gadget_disk 1 STICK1 ro:%s" % stick)
    wait_on_bus("STICK1")
    t.check("a stick in a port that is no bay has its disk", until(60, lambda: "sda" in disks()), disks())
    t.check("and was read", until(60, lambda: was_read(stick)))
    shell("gadget_pull_disk 1; rm /run/udev/rules.d/59-dockd-bays.rules; udevadm control --reload")
    t.check("pulled out, it is gone", until(60, lambda: not disks()), disks())


for part in (kernel_keeps_off, a_port_that_is_no_bay):
    try:
        part()
    except Exception as e:
        t.check(part.__name__, False, "%s: %s" % (type(e).__name__, e))
t.finish()
