#!/usr/bin/python3
"""A dead PC replaced by its provisioning file, on a fresh Debian with the package and an encrypted volume.

Runs outside the guest. The old station is made here, with a simulated camera, and shipped its ledger to a
"NAS", which the guest has as a disk. Then the volume's key is away at a start, and comes back.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from appliance import Appliance
from probe import HERE, Tally

sys.path.insert(0, os.path.join(HERE, "..", "system"))
from labstation import fill  # noqa: E402
import station as system  # noqa: E402
from vcam import clip  # noqa: E402
from waiting import until  # noqa: E402

system.PROGRAMS = ["test/dockd", "test/dockd-camera", "test/dockd-verify", "test/dockd-hotplug",
                   "test/dockd-uploader", "dockctl"]
CONF = """station = "@STATION@";
reserve-bytes = 1048576;
ship-seconds = 1;
checkpoint-seconds = 1;
destinations = ({ name = "nas"; driver = "dir"; folder = "/srv/store"; });
"""
# both files are there that the camera brought, and what comes next is taken in
GOES_ON = "dockctl --json status | jq -e '.receipted == 2 and (.intake_stopped | not)'"
MIB = 1 << 20
t = Tally("provisioned")


def old_station(work):
    """Station north: a clip brought home, the ledger shipped; the PC is gone. Its verifier key."""
    store = work / "nas/store"
    store.mkdir(parents=True)
    os.chown(store, system.UPLOADER, system.UPLOADER)
    with system.Station(station="north", ship_seconds=1, checkpoint_seconds=1, destinations=[
            {"name": "nas", "driver": "dir", "folder": store}]) as s:
        s.camera("a", [clip("DCIM/1.mp4", MIB, 1)]).plug("1-1")
        s.wait("all", "receipted")
        ledger = store / "ledger/north"
        until(lambda: ledger.exists() and any('"receipted"' in p.read_text() for p in ledger.glob("*.jsonl")) and
              (ledger / "checkpoint").exists(), s.log)
        last = max(r["seq"] for r in s.ledger() if r["type"] == "receipted")
        until(lambda: int((ledger / "checkpoint").read_text().split("\n")[1]) >= last, s.log)
        return next(r["key"] for r in s.ledger() if r["type"] == "began")


def packed(work):
    folder = work / "station"
    folder.mkdir()
    (folder / "dockd.conf").write_text(CONF)
    subprocess.run([pathlib.Path(HERE, "../../packaging/dockd-provision"), "pack", folder, work / "stations.file"],
                   check=True, stdout=subprocess.DEVNULL)
    return (work / "stations.file").read_bytes()


def disk(path, size_mib, folder=None):
    with open(path, "wb") as f:
        f.truncate(size_mib * MIB)
    if folder:
        subprocess.run(["/sbin/mke2fs", "-q", "-t", "ext4", "-d", folder, path], check=True)
    return path


def tail(a):
    return a.run("journalctl -b -n 60 --no-pager; systemctl --failed; cat /etc/fstab /etc/crypttab")[1]


def provisioned(a, key):
    done = a.run("dockd-provision volume --device /dev/vdc --unlock key-file=/root/volume.key --yes", 900)
    t.check("the encrypted volume is made", done[0] == 0 and "ready" in done[1], done)
    done = a.run("dockd-provision apply /root/stations.file --station north-2 --replaces north --old-key %s "
                 "--sha256 $(sha256sum </root/stations.file | cut -c -64)" % key, 900)
    t.check("one file makes it a station, and its destination is ready",
            done[0] == 0 and "nas: ready, best proof readback" in done[1], (done, tail(a)))
    t.check("the old ledger is cited as far as it was shipped", "is whole and signed up to record" in done[1], done)


def works(a, work):
    status = a.ctl("status")
    t.check("nothing is plain", not status["plaintext"] and not status["intake_stopped"], status)
    a.dock_mtp("cam", "1.1", "BWC-1", work / "cam")
    a.ctl("wait", "all", "receipted", timeout=900)
    t.check("a camera is docked, and all of it is at the NAS", a.ctl("status")["receipted"] == 2, a.ctl("queue", "--all"))
    first = a.sh("dockctl --json ledger show --type replaces")
    t.check("the new ledger begins with the old checkpoint", json.loads(first)["seq"] == 1 and
            json.loads(first)["station"] == "north", first)
    t.check("and is good", a.run("dockctl ledger verify")[0] == 0)


def comes_up_alone(a):
    a.power_on()
    # its first start may come before the volume is mounted, and stands beside it until then
    a.until(GOES_ON)
    t.check("it comes up by itself, volume and all", True)
    failed = a.sh("systemctl --failed --plain --no-legend; journalctl -b -q -u dockd | grep 'Failed with' || true")
    t.check("and no unit has failed on the way", not failed.strip(), failed)


def comes_up_without_key(a):
    a.sh("mv /root/volume.key /root/away; sync")
    a.cut()
    a.power_on()
    a.until("systemctl is-active dockd")
    status = json.loads(a.until("dockctl --json status"))
    t.check("without the key it comes up and says so", status["intake_stopped"], (status, tail(a)))
    below = a.sh("find /var/lib/dockd | head")
    t.check("and begins nothing below the mount point", below.split() == ["/var/lib/dockd"], below)
    # the unit asks for a passphrase meanwhile, and what is mounted waits for its end
    a.sh("mv /root/away /root/volume.key; systemctl restart 'systemd-cryptsetup@dockd\\x2dvolume'", 900)
    a.until("mountpoint -q /var/lib/dockd")
    a.until(GOES_ON)
    t.check("opened later, all goes on by itself", True)


def main():
    work = pathlib.Path(tempfile.mkdtemp(prefix="provisioned-"))
    work.chmod(0o755)
    key = old_station(work)
    fill(work / "cam", {"DCIM/one.mp4": 2 * MIB, "DCIM/two.mp4": MIB})
    os.chmod(work / "cam", 0o755)
    files = {"/root/stations.file": packed(work)}
    extra = [disk(work / "nas.img", 96, work / "nas"), disk(work / "volume.img", 160)]
    with Appliance(work / "pc", files=files, modes={"/root/stations.file": 0o600}, extra=extra) as a:
        a.boot()
        a.sh("echo '/dev/vdb /srv ext4 nofail 0 2' >>/etc/fstab; mount /srv; chown -R dockd-uploader: /srv/store")
        try:
            provisioned(a, key)
            works(a, work)
            a.poweroff()
            comes_up_alone(a)
            comes_up_without_key(a)
        except Exception as e:  # the log says why
            t.check("to the end", False, "%s\n%s" % (e, tail(a) if a.shell else ""))
        a.poweroff()
    system.drop_programs()
    shutil.rmtree(work, ignore_errors=True)
    t.finish()


main()
