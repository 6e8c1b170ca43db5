"""dockd --udev-rules in the station that boots: a keyboard in a bay never gets a driver; a camera there, and
a keyboard at another port of the same controller, work as ever. Part of booted.py."""

RULES = "/etc/udev/rules.d/59-dockd-bays.rules"
LOOK = ("cd /sys/bus/usb/devices/%s && echo authorized $(cat *:1.0/authorized), "
        "driver $(basename $(readlink *:1.0/driver) none)")


def only_cameras(a, t, camera):
    """camera: the folder of cam2, which is docked in bay 2, 1-1.2; bay 4, 1-2.2, is empty."""
    a.sh("dockd --udev-rules >%s && udevadm control --reload && "
         "udevadm trigger --action=add --subsystem-match=usb && udevadm settle" % RULES)
    t.check("hubs of bays stay awake", a.sh("cat /sys/bus/usb/devices/1-[12]/power/control").split() == ["on"] * 2)
    mark = a.sh("journalctl -q -n 0 --show-cursor | sed 's/^-- cursor: //'").strip()
    a.keyboard("typist", "2.2")
    a.keyboard("other", "2.5")
    # behind the one in the bay: when it has its driver, the other one has been decided about
    a.until("test -e /sys/bus/usb/devices/1-2.5/1-2.5:1.0/driver")
    a.sh("udevadm settle")
    seen = a.sh(LOOK % "1-2.2").strip()
    t.check("a keyboard in a bay: %s" % seen, seen == "authorized 0, driver none")
    seen = a.sh(LOOK % "1-2.5").strip()
    t.check("a keyboard elsewhere: %s" % seen, seen == "authorized 1, driver usbhid")
    # a driver is at its interface before it has looked at the device, and the journal hears of it later still
    a.until("journalctl -q -k --after-cursor='%s' | grep -qF '1-2.5:1.0/'" % mark)
    kernel = a.sh("journalctl -q -k --after-cursor='%s'" % mark)
    t.check("it never was an input device", "1-2.5:1.0/" in kernel and "1-2.2:1.0/" not in kernel, kernel)
    a.undock("typist")
    a.undock("other")
    a.undock("cam2")
    a.ctl("wait", "bay", "2", "empty")
    a.dock_mtp("cam2", "1.2", "BWC-2", camera)
    a.ctl("wait", "bay", "2", "take", timeout=300)
    t.check("a camera is taken in there", True)
    a.sh("rm %s && udevadm control --reload" % RULES)
