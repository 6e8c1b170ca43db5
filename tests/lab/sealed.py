#!/usr/bin/python3
"""A station that was carried off: its disk, powered off, searched for what must not be readable on it.

Two stations take in the same cameras and send to the same server: one with its volume made by
`dockd-provision volume`, one on a plain disk. Searched are all disks, byte by byte, for pieces of 32 bytes
of every clip, serial numbers (8 and 16 bits a letter), the token, the station's key (raw and PEM), the keys that
open the volume and lines of the ledger. On the plain one all of it is found, which says that the search works
(what no station writes in that form lies there in a file of its own); on the other nothing is, beside a word that was
put on its disk to be found.

Runs outside the guest.
"""
import base64
import hashlib
import os
import pathlib
import random
import secrets
import subprocess
import sys
import tarfile
import tempfile
import time

from appliance import HERE, Appliance
from probe import Tally

sys.path.insert(0, str(HERE.parent / "system"))
from servers import FaultServer  # noqa: E402

MIB, PIECE = 1 << 20, 32
t = Tally("sealed")

CONF = """station = "@STATION@";
%s
allow-http = true;
reserve-bytes = 1048576;
destinations = ( { name = "evidence"; driver = "tus"; url = "http://10.0.2.100:8080/files/";
                   headers-file = "/etc/dockd/station/secrets/uploader/token"; } );
"""
SERIALS = ["BWC-SEALED-%s" % secrets.token_hex(6).upper() for _ in range(2)]
TOKEN = secrets.token_urlsafe(36)
MARK = "to be found %s" % secrets.token_hex(16)


class Server(FaultServer):
    """As the guest knows it."""

    url = "http://10.0.2.100:8080/files"


def clips(folder):
    """Two cameras; {name: bytes}."""
    made = {}
    for camera, sizes in (("cam1", [64 << 10, 3 * MIB]), ("cam2", [200_001, 9 * MIB])):
        for n, size in enumerate(sizes):
            path = folder / camera / "DCIM/100BWC" / ("%d.mp4" % n)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(random.Random("%s %d" % (SERIALS[0], size)).randbytes(size))
            made["%s-%d" % (camera, n)] = path.read_bytes()
    return made


def pieces(name, data):
    """Of small clips every stretch of 47 bytes has one, of large ones every page."""
    step = 16 if len(data) < MIB else 4096
    for at in range(0, len(data) - PIECE, step):
        yield name, data[at:at + PIECE]


def raw_key(key):
    return base64.b64decode("".join(key.splitlines()[1:-1]))[-32:]


def needles(made, key, opens):
    """(name, bytes) of all that must not be found."""
    for name, data in made.items():
        yield from pieces(name, data)
    for serial in SERIALS:
        yield "serial", serial.encode()
        yield "serial-in-16-bits", serial.encode("utf-16-le")
    yield "token", TOKEN.encode()
    yield "key-in-pem", "".join(key.splitlines()[1:-1]).encode()
    yield "key", raw_key(key)
    yield from opens.items()
    yield "ledger", b'"type":"docked",'
    yield "mark", MARK.encode()


def search(program, image, listed):
    done = subprocess.run([program, image], input=listed, stdout=subprocess.PIPE, text=True, check=True)
    found = {}
    for line in done.stdout.splitlines():
        name, count = line.split()
        found[name] = found.get(name, 0) + int(count)
    return found


def station_file(folder, plain):
    """As `dockd-provision pack` makes it, inside the guest."""
    source = folder / "station"
    (source / "secrets/uploader").mkdir(parents=True)
    (source / "dockd.conf").write_text(CONF % ("allow-plaintext = true;" if plain else ""))
    (source / "secrets/uploader/token").write_text("Authorization: Bearer %s\n" % TOKEN)
    with tarfile.open(folder / "station.tar", "w") as tar:
        tar.add(source, "station")
    return (folder / "station.tar").read_bytes()


def provisioned(a, folder, plain):
    a.sh("mkdir -p /run/set")
    a.write("/run/set/station.tar", station_file(folder, plain), mode="600")
    a.sh("cd /run/set && tar -xf station.tar && dockd-provision pack station all.station")
    if not plain:
        a.sh("dockd-provision volume --device /dev/vdb --unlock key-file=/run/set/unlock --recovery-fd 3 "
             "--yes --yes-wipe /dev/vdb 3>/run/set/recovery", 600)
    a.sh("dockd-provision apply /run/set/all.station --station castle-street "
         "--sha256 $(sha256sum </run/set/all.station | cut -c -64)", 600)
    a.sh("echo '%s' >/etc/found && sync" % MARK)


def used(a, work, made, server):
    """Docked, sent, shown, looked at: whatever a day leaves on the disk."""
    for n, camera in enumerate(("cam1", "cam2"), 1):
        a.dock_mtp(camera, "1.%d" % n, SERIALS[n - 1], work / camera)
    a.ctl("wait", "clip", str(len(made)), "receipted", timeout=900)
    a.ctl("wait", "all", "receipted", timeout=900)
    uploads = list(server.uploads.values())  # one of the ledger may begin meanwhile
    got = {hashlib.sha256(bytes(data)).hexdigest() for size, data in uploads if len(data) == size}
    t.check("all clips are at the server", {hashlib.sha256(d).hexdigest() for d in made.values()} <= got)
    shown = {request.headers.get("authorization") for request in server.seen("PATCH")}
    t.check("and it was shown the token", shown == {"Bearer " + TOKEN}, shown)
    a.run("systemctl kill -s ABRT dockd-uploader@evidence")  # a crash leaves no core
    a.run("dockctl status; dockctl bay; dockctl doctor; journalctl -u dockd --no-pager | tail -n 100")
    a.ctl("wait", "idle", timeout=300)
    a.sh("journalctl --flush; journalctl --sync; sync")


def run(work, program, made, plain):
    folder = work / ("plain" if plain else "sealed")
    folder.mkdir()
    extra = []
    if not plain:
        extra = [folder / "volume.img"]
        with open(extra[0], "wb") as f:
            f.truncate(1024 * MIB)
    server = Server()
    try:
        with Appliance(folder, extra=extra, serve={8080: ("127.0.0.1", server.port)}) as a:
            try:
                a.boot()
                provisioned(a, folder, plain)
                a.until("dockctl status --json | grep -q '\"connected\": *true'")
                used(a, work, made, server)
                key = a.read("/var/lib/dockd/station.key").decode()
                if plain:
                    opens = {"recovery-key": secrets.token_bytes(48), "unlock-key": secrets.token_bytes(64)}
                    a.write("/etc/found-too", raw_key(key) + b"\n" + SERIALS[0].encode("utf-16-le") + b"\n" +
                            b"\n".join(opens.values()))
                    a.sh("sync")
                else:
                    opens = {"recovery-key": a.read("/run/set/recovery").strip(),
                             "unlock-key": a.read("/run/set/unlock")}
                secret_found = a.run("cat /etc/dockd/station/secrets/uploader/token")[1]
                t.check("%s: the secret is where its uploader finds it" % folder.name, TOKEN in secret_found)
            except Exception:
                print(a.run("dockctl status; journalctl --no-pager | tail -n 120; mount | grep dockd")[1], flush=True)
                raise
            a.poweroff()
    finally:
        server.close()
    raw = folder / "whole.img"
    subprocess.run(["qemu-img", "convert", "-O", "raw", folder / "disk.qcow2", raw], check=True)
    listed = "".join("%s %s\n" % (name, data.hex()) for name, data in needles(made, key, opens))
    return {path.name: search(program, path, listed) for path in (raw, *extra)}


def main():
    work = pathlib.Path(tempfile.mkdtemp(prefix="dockd-sealed-"))
    program = work / "needles"
    subprocess.run(["cc", "-O2", "-D_GNU_SOURCE", "-o", program, HERE / "needles.c"], check=True)
    made = clips(work)
    names = {*made, "serial", "serial-in-16-bits", "token", "key-in-pem", "key", "recovery-key", "unlock-key",
             "ledger", "mark"}
    for plain in (False, True):
        began = time.monotonic()
        try:
            found = run(work, program, made, plain)
        except Exception as e:
            t.check("plain" if plain else "sealed", False, "%s: %s" % (type(e).__name__, e))
            continue
        print("        %s: %.0f s; %s" % ("plain" if plain else "sealed", time.monotonic() - began, found), flush=True)
        if plain:
            there = set(found["whole.img"])
            t.check("on a plain disk all of it is found", there >= names, names - there)
        else:
            t.check("the search works on the sealed one's disk", found["whole.img"].get("mark"))
            for disk, what in found.items():
                what.pop("mark", None)
                t.check("nothing is found on %s" % disk, not what, what)
    if not t.failed:
        subprocess.run(["rm", "-rf", work], check=True)
    t.finish()


if __name__ == "__main__":
    main()
