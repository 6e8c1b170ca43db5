#!/usr/bin/python3
"""The simulator's gadget face, on a real bus: what it sends, and every fault that needs real USB."""

import os
import pathlib
import struct
import subprocess
import sys

from probe import HERE, Tally, attribute, shell, until

sys.path.insert(0, os.path.join(HERE, "..", "system"))
from initiator import EVENT, Broken, Ptp, Stall, TimedOut, Unplugged  # noqa: E402
from vcam import Camera, VcamError, clip, digest, generate  # noqa: E402

BUILD = os.environ.get("DOCKD_BUILD") or os.path.join(HERE, "..", "..", "build")
MIB = 1 << 20
A, WHOLE = "DCIM/a.mp4", 512 * 10 - 12

t = Tally("gadget")
port = shell("gadget_port 0")
sysfs = pathlib.Path("/sys/bus/usb/devices", port)
camera = Camera.gadget(BUILD, "/run/vcam", "A", 0, objects=[
    clip(A, 3 * MIB, 7), clip("DCIM/whole", WHOLE, 8), clip("log.txt", 0, bytes="one\n"),
    clip("empty", 0), clip("huge", 5 << 30, 9)])


def dock(open_session=True):
    """Plugs it in where it is out, and connects."""
    if not camera.stats()["plugged"]:
        camera.plug("0")
    camera.wait("connected", exactly=1)
    until(60, lambda: attribute(port, "bConfigurationValue") == "1")
    numbers = [int(attribute(port, n)) for n in ("busnum", "devnum")]
    p = Ptp("/dev/bus/usb/%03d/%03d" % tuple(numbers))
    if open_session:
        p.open()
    return p


def raises(what, function, *args):
    try:
        function(*args)
    except what:
        return True
    return False


# ---- a healthy camera ----
p = dock()
t.check("serial in sysfs", (sysfs / "serial").read_text().strip() == "BWC-A")
t.check("interface string", (sysfs.parent / port / f"{port}:1.0/interface").read_text().strip()
        == "MTP")
files = p.walk()
t.check("listing", set(files) == {A, "DCIM/whole", "log.txt", "empty", "huge"}, files)
h = files[A][0]
t.check("an object's bytes", p.must(0x1009, h) == generate(7, 0, 3 * MIB))
t.check("an empty object", p.must(0x1009, files["empty"][0]) == b"")
t.check("zero-length packet at a multiple of a packet",
        p.must(0x1009, files["DCIM/whole"][0]) == generate(8, 0, WHOLE))
t.check("partial read past 4 GiB", p.partial(files["huge"][0], (5 << 30) - 5000, 9999) ==
        generate(9, (5 << 30) - 5000, 5000))
raw = "20200102T030405\0".encode("utf-16-le")
p.must(0x1016, 0x5011, data=bytes([16]) + raw)
t.check("a data phase from the host", camera.stats()["clocks_set"] == 1)
camera.add("new.txt", 5)
t.check("an event", struct.unpack_from("<HH", p.host.read(EVENT, 28), 4) == (4, 0x4002))
t.check("status request", p.host.control(0xA1, 0x67, length=64)[:4] == b"\x04\0\x01\x20")

# ---- packets ----
for name, path, expected in (("missing-zlp", "DCIM/whole", [WHOLE + 24]),
                             ("surplus-zlp", "log.txt", [16, 0, 12]),
                             ("surplus-byte", "DCIM/whole", [WHOLE + 13, 12]),
                             ("split-header", "log.txt", [12, 4, 12])):
    camera.fault(name, op=0x1009)
    p.host.write(p.container(1, 0x1009, struct.pack("<I", files[path][0])))
    got = [len(p.transfer(16384)) for _ in expected]
    t.check(name, got == expected, got)
    p.transaction += 1
    camera.clear()

# ---- halts and silence ----
camera.fault("stall", object=A, at=100000)
p.host.write(p.container(1, 0x1009, struct.pack("<I", h)))
t.check("stall in the data", raises(Stall, p.transfer, 4096))
p.transaction += 1
p.close()
p = dock(open_session=False)
t.check("the halt outlives the host's program", raises(Stall, p.host.read))
p.host.clear_halt(0x81)
t.check("clear halt, stale session", p.open() == 0x201E)
t.check("and works again", p.must(0x1009, h) == generate(7, 0, 3 * MIB))
camera.fault("stall-at-op", op=0x1004)
t.check("stall at an operation", raises(Stall, p.must, 0x1004))
p.host.clear_halt(0x81)
p.host.clear_halt(0x01)
p.transaction += 1
t.check("and works again", len(p.storages()) == 1)

p.close()
p = dock()
camera.fault("silent", object=A, at=100000, text="request")
p.host.timeout_ms = 2000
t.check("silence in the data", raises(TimedOut, p.must, 0x1009, h))
p.host.timeout_ms = 20000
p.host.control(0x21, 0x66)
t.check("device reset ends it", p.open() == 0x2001)
t.check("no stale bytes", p.must(0x1009, h) == generate(7, 0, 3 * MIB))

p.host.write(p.container(1, 0x1009, struct.pack("<I", h)))
p.host.read(wanted=4096)
p.host.control(0x21, 0x64, data=struct.pack("<HI", 0x4001, p.transaction))
p.transaction += 1
until(60, lambda: p.host.control(0xA1, 0x67, length=64)[2:4] == b"\x01\x20")
t.check("cancel", len(p.storages()) == 1 and camera.stats()["cancels"] == 1)

p.host.write(p.container(1, 0x1009, struct.pack("<I", h)))
p.host.read(wanted=4096)
p.close()
p = dock(open_session=False)
stale = p.host.read(wanted=4096)
t.check("a killed worker leaves its data behind", stale == generate(7, 4096 - 12, 4096))
p.host.reset()
t.check("port reset mends it", p.open() == 0x2001 and camera.stats()["port_resets"] >= 1)
t.check("all there", len(p.walk()) == 6)
p.close()

# ---- pulled out at an exact byte ----
for n in (0, 1, 500, 511, 512, 12345, 65536 - 12, 65536, 1000000, 3 * MIB - 1):
    p = dock()
    camera.fault("unplug", object=A, at=n)
    before, got = camera.sent(A), bytearray()
    p.host.write(p.container(1, 0x1009, struct.pack("<I", h)))
    try:
        while True:
            got += p.host.read(wanted=512)
    except Unplugged:
        pass
    camera.wait("plugged", exactly=0)
    whole = (n + 12) // 512 * 512
    t.check("pulled at byte %d" % n, bytes(got[12:]) == generate(7, 0, n) and
            camera.sent(A) - before == n, (len(got), whole, camera.sent(A) - before))
    p.close()
    until(60, lambda: not sysfs.exists())

# ---- no serial, another serial ----
camera.fault("serial", text="BWC-Z")
p = dock()
t.check("another serial", (sysfs / "serial").read_text().strip() == "BWC-Z")
p.close()
camera.unplug()
camera.clear()
camera.fault("no-serial")
p = dock()
t.check("no serial", not (sysfs / "serial").exists() and p.device_info()["serial"] == "")
p.close()
camera.unplug()
camera.clear()

# ---- other people's programs read it too ----
dock().close()
out = "/run/vcam/got"
done = subprocess.run(["gphoto2", "--quiet", "--folder", "/store_00010001/DCIM", "--get-file", "1",
                       "--filename", out, "--force-overwrite"], capture_output=True, text=True)
t.check("gphoto2 takes a file", os.path.exists(out) and
        open(out, "rb").read() == generate(7, 0, 3 * MIB), done.stderr[-300:])
done = subprocess.run(["mtp-files"], capture_output=True, text=True)
t.check("mtp-files lists it", "a.mp4" in done.stdout, done.stdout[-300:] + done.stderr[-300:])

t.check("vcam ends well", camera.close() == 0)
t.finish()
