#!/usr/bin/python3
"""The simulator as a disk and as a locked DV16, on a real bus: commands, halts, leaving and coming back.

The kernel is kept off (lab-guest.sh); the host is tests/system/disk_host.py over usbfs.
"""

import os
import pathlib
import sys

import probe
from probe import HERE, Tally, shell, until

sys.path.insert(0, os.path.join(HERE, "..", "system"))
from disk_host import FAILED, PASSED, PHASE, Disk  # noqa: E402
from initiator import BULK_IN, Stall  # noqa: E402
from vcam import Camera, generate  # noqa: E402

BUILD = os.environ.get("DOCKD_BUILD") or os.path.join(HERE, "..", "..", "build")
MIB = 1 << 20
TUR = bytes(6)
INQUIRY = bytes([0x12, 0, 0, 0, 36, 0])

t = Tally("locked")
port = shell("gadget_port 0")
sysfs = pathlib.Path("/sys/bus/usb/devices", port)
pathlib.Path("/run/vcam").mkdir(exist_ok=True)
image = pathlib.Path("/run/vcam/card.img")
image.write_bytes(generate(1, 0, 4 * MIB))


def attribute(name):
    return probe.attribute(port, name)


def disk(timeout=20):
    until(60, lambda: attribute("bConfigurationValue") == "1")
    numbers = [int(attribute(n)) for n in ("busnum", "devnum")]
    return Disk("/dev/bus/usb/%03d/%03d" % tuple(numbers), timeout=timeout)


def vendor(d, command, length=None):
    if length is None:
        return d.run(bytes([0xFB, 0x82, 0, 0, 0, command] + [0] * 10))[0]
    return d.run(bytes([0xFD, 0x81, 0, 0, 0, command, 0, length] + [0] * 8), length)[1]


camera = Camera.gadget(BUILD, "/run/vcam", "L", 0, usb={"vendor": 0x1D6B, "product": 0x0104},
                       disk={"luns": [{"image": str(image)}]},
                       locked={"language": "dv16", "id": "AB1234", "battery": 61,
                               "back": {"product": 0x0105, "serial": "CARD-L"}})

# ---- locked ----
camera.plug("0")
d = disk()
config = d.host.config
t.check("a disk's descriptors", config[14:17] == bytes([8, 6, 0x50]) and config[13] == 2, config)
t.check("its serial", attribute("serial") == "BWC-L")
t.check("one unit", d.luns() == 1)
t.check("INQUIRY", d.inquiry()[8:28] == b"DV16    DEVICE V1.00")
d.run(TUR)
t.check("unit attention", d.sense()[0] == 6)
t.check("no medium", d.run(TUR)[0] == FAILED and d.sense() == (2, 0x3A, 0))
t.check("its id", vendor(d, 2, 6) == b"AB1234")
t.check("its battery", vendor(d, 8, 4) == bytes([61, 0, 0, 0]))
t.check("disk mode", vendor(d, 6) == PASSED)
d.close()

# ---- back by itself, on the same port ----
until(60, lambda: attribute("serial") == "CARD-L")
t.check("it is back as another device", attribute("idProduct") == "0105", attribute("idProduct"))
d = disk()
d.ready()
t.check("capacity", d.capacity() == (8192, 512))
t.check("bytes", d.read(0, 512) == generate(1, 0, 512 * 512))

# ---- halts ----
status, data, residue = d.run(INQUIRY, 100)
t.check("less than wanted: stall behind it", (status, data[8:15], residue) ==
        (PASSED, b"Example", 64) and d.stalls == 1, (status, data, residue, d.stalls))
t.check("none where wanted", d.run(TUR, 512) == (PASSED, b"", 512))
t.check("more than wanted", d.run(d.read_cdb(0, 4), 1024)[0] == PHASE)
d.recover()
d.ready()
t.check("data given, none wanted", d.run(TUR, data=bytes(36)) == (PASSED, b"", 36))
t.check("a write is refused", d.run(bytes([0x2A] + [0] * 9), data=bytes(36))[0] == FAILED)
camera.fault("bot-stall-csw", op=0x28)
t.check("a stall before the CSW", d.read(0, 1) == generate(1, 0, 512))
camera.fault("stall", object="lun0", at=70000)
status = d.run(d.read_cdb(0, 512), 512 * 512)[0]
t.check("a stall in the data", status == FAILED and d.sense() == (4, 0x44, 0))
t.check("and whole the next time", d.read(0, 512) == generate(1, 0, 512 * 512))
d.host.write(b"x" * 31)
try:
    d.host.read(BULK_IN, 512)
    halted = False
except Stall:
    halted = True
t.check("what is no command halts", halted)
d.recover()
d.ready()
t.check("and Reset Recovery mends it", d.read(5, 1) == generate(1, 5 * 512, 512))
camera.fault("unplug", object="lun0", at=100000)
try:
    d.read(0, 512)
    gone = False
except Exception:  # noqa: BLE001 -- whichever error the bus gives
    gone = True
camera.wait("plugged", exactly=0)
t.check("pulled in the data", gone)
d.close()
until(60, lambda: not sysfs.exists())

# ---- locked again ----
camera.plug("0")
d = disk()
t.check("locked again after a plug by hand", d.inquiry()[8:12] == b"DV16")
stats = camera.stats()
t.check("counts", (stats["writes_seen"], stats["unlocks"]) == (1, 1), stats)
d.close()
camera.close()
t.finish()
