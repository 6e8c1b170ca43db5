#!/usr/bin/python3
"""dockd-hotplug alone, on real USB: what it tells, what it opens, what it leaves alone."""

import errno
import fcntl
import os
import signal
import struct
import time

from probe import (ARRIVED, LEFT, NOT_AUTHORISED, NOT_CONFIGURED, READY, SYNCED, Opens, ProbeCore,
                   Tally, set_up, shell, until)

# linux/usbdevice_fs.h, x86-64
CLAIM = 0x8004550F
RELEASE = 0x80045510
CONTROL = 0xC0185500
IOCTL = 0xC0105512
DISCONNECT = 0x5516

SCAN_S = 120  # the next regular scan, after 30 s, has come and gone by then, emulated processor included

t = Tally("hotplug")


def ioctl_errno(fd, request, arg):
    try:
        fcntl.ioctl(fd, request, arg)
    except OSError as e:
        return e.errno
    return 0


def device_descriptor(fd):
    import ctypes
    buf = ctypes.create_string_buffer(18)
    arg = struct.pack("=BBHHHIIQ", 0x80, 6, 0x0100, 0, 18, 5000, 0, ctypes.addressof(buf))
    fcntl.ioctl(fd, CONTROL, arg)
    return buf.raw


def node(told):
    return "/dev/bus/usb/%03d/%03d" % (told["bus"], told["device"])


def sysfs(told, name, value):
    with open("/sys/bus/usb/devices/%s/%s" % (told["port"], name), "w") as f:
        f.write(value)


out = os.environ["LAB_OUT"]
os.makedirs(out + "/cam", exist_ok=True)
os.makedirs("/run/clips", exist_ok=True)
opens = Opens()
shell("camera_umtp 0 BWC-0001 /run/clips; qemu_dock cam0 BWC-Q000 %s/cam" % out)
ports = [shell("gadget_port %d" % n) for n in range(4)]
until(60, lambda: set_up("BWC-0001") and set_up("BWC-Q000"))
shell("udevadm settle")
core = ProbeCore()
core.start()

# ---- there at start ----
t.check("tells SYNCED", core.expect(60, SYNCED) is not None)
first = [told for kind, told in core.seen if kind == ARRIVED]
t.check("both cameras were told before SYNCED", len(first) == 2, first)
umtp = core.expect(0, ARRIVED, serial="BWC-0001") or {}
qemu = core.expect(0, ARRIVED, serial="BWC-Q000") or {}
t.check("uMTP's facts", umtp.get("port") == ports[0] and umtp.get("vendor") == 0x1D6B and
        umtp.get("product") == 0x0100 and umtp.get("presence") == READY and
        umtp.get("speed") == 480 and umtp.get("model") == "BodyCam" and
        umtp.get("manufacturer") == "Example", umtp)
t.check("its interface and the string of it",
        [i[1:] for i in umtp.get("interfaces", [])] == [(6, 1, 1, "MTP")], umtp)
t.check("QEMU's facts", qemu.get("vendor") == 0x46F4 and qemu.get("presence") == READY and
        qemu.get("port", "").startswith("1-"), qemu)
t.check("hubs are not told", all(told.get("class") != 9 for told in first))

# ---- arrival, and no duplicates ----
shell("camera_umtp 1 BWC-0002 /run/clips")
second = core.expect(60, ARRIVED, serial="BWC-0002", presence=READY)
t.check("an arrival is told", second is not None and second["port"] == ports[1], second)
shell("udevadm trigger --action=add --subsystem-match=usb && udevadm settle")
extra = core.quiet(2)
t.check("events that come twice are told once", extra == [], extra)

# ---- what is no camera is told and left alone ----
shell("hmp device_add usb-kbd,id=kbd0,bus=xhci.0; hmp netdev_add user,id=un,restrict=on;"
      "hmp device_add usb-net,netdev=un,id=net0,bus=xhci.0")
keyboard = core.expect(60, ARRIVED, model="QEMU USB Keyboard")
adapter = core.expect(60, ARRIVED, model="RNDIS/QEMU USB Network Device")
t.check("a keyboard is told", keyboard is not None and keyboard["interfaces"][0][1] == 3, keyboard)
t.check("a network adapter is told", adapter is not None, core.seen)



def burden():
    return (core.controllers.get("0000:00:03.0", ())[:1] +
            tuple(core.controllers.get("dummy_hcd.%d" % n, ())[:2] for n in range(4)))


BURDEN = (3, (1, 4), (1, 4), (0, 0), (0, 0))
core.wait(60, lambda: burden() == BURDEN)
core.quiet(1)
t.check("controllers are told: xHCI with three devices, two gadgets' with one each, each change once",
        burden() == BURDEN and core.repeated == 0, (core.controllers, core.repeated))
t.check("nothing has been opened so far, by anyone", opens.seen() == [])

# ---- OPEN ----
opened = core.open(umtp["port"], umtp["generation"]) or {}
fd = (opened.get("fds") or [-1])[0]
t.check("OPEN is answered with a descriptor", opened.get("status") == 0 and fd >= 0, opened)
t.check("it is that device", fd >= 0 and struct.unpack_from("<HH", device_descriptor(fd), 8) ==
        (0x1D6B, 0x0100))
t.check("its interface can be claimed", ioctl_errno(fd, CLAIM, struct.pack("I", 0)) == 0)
t.check("its privileges are dropped: no other interface can be claimed",
        ioctl_errno(fd, CLAIM, struct.pack("I", 5)) == errno.EACCES)
t.check("its privileges are dropped: DISCONNECT is EACCES", ioctl_errno(
    fd, IOCTL, struct.pack("=iiQ", 0, DISCONNECT, 0)) == errno.EACCES)
t.check("hotplug keeps no descriptor", until(60, lambda: not core.device_fds()), core.device_fds())
busy = core.open(umtp["port"], umtp["generation"]) or {}
t.check("held by another: -EBUSY and the reason", busy.get("status") == -errno.EBUSY and
        "another program" in busy.get("text", ""), busy)
fcntl.ioctl(fd, RELEASE, struct.pack("I", 0))
os.close(fd)
again = core.open(umtp["port"], umtp["generation"]) or {}
t.check("let go of: opened again", again.get("status") == 0, again)
for spare in again.get("fds", []):
    os.close(spare)
stale = core.open(umtp["port"], umtp["generation"] + 77) or {}
t.check("a generation that never was: -ENODEV", stale.get("status") == -errno.ENODEV, stale)
refused = core.open(keyboard["port"], keyboard["generation"]) or {}
t.check("a keyboard, even when asked for: -EPERM", refused.get("status") == -errno.EPERM, refused)
mine = opens.seen()
t.check("only the camera that was asked for has been opened", set(mine) == {node(umtp)}, mine)

# ---- a node that is not ours yet ----
os.chmod(node(umtp), 0)
began = time.monotonic()
denied = core.open(umtp["port"], umtp["generation"]) or {}
t.check("a node that stays closed: -EACCES after trying again",
        denied.get("status") == -errno.EACCES and time.monotonic() - began >= 1, denied)
os.chown(node(umtp), 0, 64000)
os.chmod(node(umtp), 0)
core.send(19, struct.pack("=64sI", umtp["port"].encode(), umtp["generation"]))
core.quiet(0.08)
os.chmod(node(umtp), 0o660)
late = core.expect(60, 20, port=umtp["port"]) or {}
t.check("a node that opens a moment later: opened", late.get("status") == 0, late)
for spare in late.get("fds", []):
    os.close(spare)

# ---- departure ----
shell("camera_pull 1")
left = core.expect(60, LEFT, port=ports[1])
t.check("a departure is told", left == {"port": ports[1], "generation": second["generation"]}, left)
gone = core.open(ports[1], second["generation"]) or {}
t.check("OPEN of what has left: -ENODEV", gone.get("status") == -errno.ENODEV, gone)

# ---- left and back within a second ----
shell("""
g=$gadgets/stick; mkdir -p $g/strings/0x409 $g/configs/c.1 $g/functions/mass_storage.0
echo 0x1d6b > $g/idVendor; echo 0x0104 > $g/idProduct; echo STICK > $g/strings/0x409/serialnumber
truncate -s 1M /run/stick; echo /run/stick > $g/functions/mass_storage.0/lun.0/file
ln -s $g/functions/mass_storage.0 $g/configs/c.1/; echo dummy_udc.2 > $g/UDC""")
before = core.expect(60, ARRIVED, serial="STICK", presence=READY)
began = time.monotonic()
with open("/sys/kernel/config/usb_gadget/stick/UDC", "w") as f:
    f.write("\n")
with open("/sys/kernel/config/usb_gadget/stick/UDC", "w") as f:
    f.write("dummy_udc.2\n")
away = time.monotonic() - began
left = core.expect(60, LEFT, port=ports[2])
back = core.expect(60, ARRIVED, port=ports[2], presence=READY) or {}
t.check("left and back in %.2f s: LEFT, then another generation" % away,
        left is not None and left["generation"] == before["generation"] and
        back.get("generation", 0) > before["generation"], (before, left, back))
shell("udevadm settle")
opened = core.open(ports[2], back["generation"]) or {}
t.check("a mass storage camera: its kernel driver is detached, it is opened",
        opened.get("status") == 0 and not os.path.exists(
            "/sys/bus/usb/devices/%s:1.0/driver" % ports[2]), opened)
for spare in opened.get("fds", []):
    os.close(spare)

# ---- an address used again: the controller comes and goes, its bus counts from the start ----
pci = os.path.realpath("/sys/bus/usb/devices/usb1/..")
for act, kind, want in (("unbind", LEFT, {}), ("bind", ARRIVED, {"presence": READY})):
    with open("/sys/bus/pci/drivers/xhci_hcd/" + act, "w") as f:
        f.write(os.path.basename(pci))
    for port in (qemu["port"], keyboard["port"], adapter["port"]):
        told = core.expect(60, kind, port=port, **want) or {}
        if port == qemu["port"]:
            new = told
t.check("the same numbers, another arrival", (new.get("bus"), new.get("device")) ==
        (qemu["bus"], qemu["device"]) and new["generation"] > qemu["generation"], (qemu, new))
shell("udevadm settle")
reused = core.open(qemu["port"], qemu["generation"]) or {}
t.check("OPEN of the old arrival at that address: -ENODEV",
        reused.get("status") == -errno.ENODEV, reused)
right = core.open(qemu["port"], new.get("generation", 0)) or {}
t.check("OPEN of the new one: opened", right.get("status") == 0, right)
for spare in right.get("fds", []):
    os.close(spare)
t.check("and no other", not any(kind == LEFT for kind, _ in core.quiet(2)))

# ---- not authorised, not configured; the regular scan and SIGHUP see both ----
sysfs(umtp, "authorized", "0")
told = core.expect(SCAN_S, ARRIVED, port=ports[0])
t.check("not authorised is told by the regular scan, same generation", told is not None and
        told["presence"] == NOT_AUTHORISED and told["generation"] == umtp["generation"], told)
denied = core.open(umtp["port"], umtp["generation"]) or {}
t.check("not authorised is not opened", denied.get("status") == -errno.EPERM, denied)
sysfs(umtp, "authorized", "1")
core.rescan()
told = core.expect(60, ARRIVED, port=ports[0], presence=READY)
t.check("authorised again is told", told is not None, core.seen)
sysfs(umtp, "bConfigurationValue", "0")
core.rescan()
told = core.expect(60, ARRIVED, port=ports[0], presence=NOT_CONFIGURED)
t.check("not configured is told apart", told is not None, core.seen)
denied = core.open(umtp["port"], umtp["generation"]) or {}
t.check("not configured is not opened", denied.get("status") == -errno.EHOSTDOWN, denied)
sysfs(umtp, "bConfigurationValue", "1")
core.rescan()
t.check("configured again is told", core.expect(60, ARRIVED, port=ports[0], presence=READY)
        is not None, core.seen)

# ---- a lost event heals ----
core.quiet(1)
shell("udevadm control --exit; until_true 60 sh -c '! pidof systemd-udevd'", check=False)
shell("camera_pull 0")
left = core.expect(SCAN_S, LEFT, port=ports[0])
t.check("a departure whose event was lost is told by the next scan", left is not None, core.seen)
shell("/lib/systemd/systemd-udevd --daemon")

# ---- the end ----
core.sock.close()
t.check("hotplug ends when the core's socket closes", until(
    60, lambda: core.program.poll() is not None) and core.program.returncode == 0)
core.start()
t.check("started again it tells all that is there", core.expect(60, SYNCED) is not None and
        any(told.get("serial") == "BWC-Q000" for _, told in core.seen), core.seen)
core.program.send_signal(signal.SIGTERM)
core.program.wait(60)
t.check("SIGTERM ends it", core.program.returncode == 0)
t.finish()
