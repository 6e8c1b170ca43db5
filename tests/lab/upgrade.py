#!/usr/bin/python3
"""A package of a higher version is installed while cameras are read and clips are sent; then a bad edit
of the configuration, a reload, a power cut, and a camera that comes while nobody has mended it.

Runs outside the guest.
"""
import hashlib
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import threading
import time

from appliance import BUILD, HERE, Appliance
from probe import Tally

sys.path.insert(0, str(HERE.parent / "system"))
from servers import FaultServer, cut, honest  # noqa: E402

MIB = 1 << 20
t = Tally("upgrade")

CONF = """station = "castle-street";
allow-plaintext = true;
allow-http = true;
destinations = ( { name = "evidence"; driver = "tus"; url = "http://10.0.2.100:8080/files/"; } );
"""


class Server(FaultServer):
    """As the guest knows it. Until it is released it takes half of what is sent of a long clip, and then no more."""

    url = "http://10.0.2.100:8080/files"

    def __init__(self):
        super().__init__(otherwise=self.half)
        self.halves = threading.Event()

    def half(self, _server, request):
        path = self.uploads.get(request.path)
        if request.method != "PATCH" or path is None or path[0] < 10 * MIB or self.released.is_set():
            return honest(self, request)
        cut(request.length // 2, keep=True)(self, request)
        self.halves.set()
        self.released.wait()
        return None


def clips(folder, seed, sizes):
    """Digests of what a camera has."""
    found = set()
    for n, size in enumerate(sizes):
        path = folder / "DCIM/100BWC" / ("%d.mp4" % n)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(random.Random("%s %d" % (seed, n)).randbytes(size))
        found.add(hashlib.sha256(path.read_bytes()).hexdigest())
    return found


def next_version(work):
    """The same package under a higher version."""
    old = max(BUILD.glob("dockd_*.deb"), key=lambda path: path.stat().st_mtime)
    tree = work / "package"
    subprocess.run(["dpkg-deb", "-R", old, tree], check=True)
    control = tree / "DEBIAN/control"
    text = control.read_text()
    version = re.search(r"^Version: (.*)$", text, re.M)[1] + "+next"
    control.write_text(re.sub(r"^Version: .*$", "Version: " + version, text, flags=re.M))
    subprocess.run(["dpkg-deb", "--root-owner-group", "-b", tree, work / "next.deb"], check=True,
                   stdout=subprocess.DEVNULL)
    return version, (work / "next.deb").read_bytes()


def at_server(server, wanted):
    """Digests of the clips that came whole, each time that one did; the station's ledger comes there too."""
    uploads = list(server.uploads.values())  # one of the ledger may begin meanwhile
    came = (hashlib.sha256(bytes(data)).hexdigest() for size, data in uploads if len(data) == size)
    return sorted(digest for digest in came if digest in wanted)


def sent(server):
    """Bytes of all bodies of clips that came, and how long these clips are. What is shorter is the ledger's."""
    clip = {path: size for path, (size, _) in list(server.uploads.items()) if size >= MIB}
    return sum(len(request.body) for request in server.seen("PATCH") if request.path in clip), sum(clip.values())


def upgraded(a, server, work, wanted):
    version, package = next_version(work)
    a.write("/run/next.deb", package)
    a.sh("systemctl disable --now dockd-uploader@local; systemctl enable --now dockd-uploader@evidence && sync")
    a.dock_mtp("cam1", "1.1", "BWC-1", work / "cam1")
    a.dock_mtp("cam2", "1.2", "BWC-2", work / "cam2")
    t.check("in the midst of an upload", server.halves.wait(600), a.ctl("status"))
    began, pid = a.uptime(), a.sh("systemctl show -P MainPID dockd")
    out = a.sh("DEBIAN_FRONTEND=noninteractive dpkg -i /run/next.deb </dev/null 2>&1", 600)
    print("        dpkg -i: %.0f s" % (a.uptime() - began), flush=True)
    t.check("the new version is installed", version in a.sh("dpkg-query -W dockd"), out)
    a.until("dockctl status")
    t.check("and runs", a.sh("systemctl show -P MainPID dockd") != pid)
    server.released.set()
    a.until("test $(dockctl --json status | grep -o '\"assets\": *[0-9]*' | grep -o '[0-9]*') -ge %d" % len(wanted), 900)
    a.ctl("wait", "all", "receipted", timeout=900)
    for bay in ("1-1.1", "1-1.2"):
        a.ctl("wait", "bay", bay, "take", timeout=900)
    t.check("%d clips are at the server, each once" % len(wanted), at_server(server, wanted) == sorted(wanted),
            (len(at_server(server, wanted)), len(server.uploads)))
    bodies, long = sent(server)
    t.check("no byte of them was sent twice", bodies == long, (bodies, long))
    after = a.ctl("status")
    t.check("the dockings went on: two, as before", after["dockings"] == 2, after)
    # a hub of QEMU is a slow one and this server cannot be asked, and that is said
    t.check("nothing else needs a person", all("downgraded speed" in part or "cannot be asked" in part
            for part in re.split("; (?=bay|destination)", after["text"])), after["text"])
    state = a.sh("systemctl is-active dockd dockd-hotplug dockd-uploader@evidence").split()
    t.check("the three services run", state == ["active"] * 3, state)
    code, out, err = a.run("dockctl ledger verify")
    t.check("the ledger is whole", code == 0, out + err)


def misconfigured(a, server, work, wanted):
    good = a.read("/etc/dockd/dockd.conf")
    a.sh("printf 'bays = (\\n' >>/etc/dockd/dockd.conf && systemctl reload dockd && sync")
    text = a.until("dockctl status | grep 'configuration on disk is refused'")
    t.check("a reload with it is refused, and status says so", "dockd.conf" in text, text)
    a.cut()
    a.boot()
    a.until("dockctl status | grep 'configuration on disk is refused'")
    text = a.ctl("status")["text"]  # on the screen it is folded
    t.check("after a power cut it runs all the same, and says so", "is in force" in text, text)
    a.dock_mtp("cam3", "1.3", "BWC-3", work / "cam3")
    a.ctl("wait", "bay", "1-1.3", "take", timeout=600)
    a.ctl("wait", "all", "receipted", timeout=600)
    t.check("and takes in and sends", at_server(server, wanted) == sorted(wanted), len(at_server(server, wanted)))
    t.check("its last good one is what was there", a.read("/var/lib/dockd/configuration/dockd.conf") == good)
    a.write("/etc/dockd/dockd.conf", good)
    a.until("! dockctl status | grep -q 'configuration on disk'")
    t.check("mended: it is in force without a word to it", "configuration" not in a.ctl("status")["text"])


def main():
    work = pathlib.Path(tempfile.mkdtemp(prefix="dockd-upgrade-"))
    wanted = clips(work / "cam1", 1, [MIB, 12 * MIB, 12 * MIB + 1]) | clips(work / "cam2", 2, [MIB + 1, 10 * MIB])
    more = clips(work / "cam3", 3, [MIB + 2, 70_000])
    server = Server()
    try:
        with Appliance(work / "station", files={"/etc/dockd/dockd.conf": CONF},
                       serve={8080: ("127.0.0.1", server.port)}) as a:
            a.boot()
            for what, *args in ((upgraded, wanted), (misconfigured, wanted | more)):
                began = time.monotonic()
                try:
                    what(a, server, work, *args)
                except Exception as e:
                    t.check(what.__name__, False, "%s: %s" % (type(e).__name__, e))
                print("        %s: %.0f s" % (what.__name__, time.monotonic() - began), flush=True)
            if t.failed:
                print(a.run("dockctl status; journalctl --no-pager -u 'dockd*' | tail -n 100")[1], flush=True)
            a.poweroff()
    finally:
        server.close()
    if not t.failed:
        subprocess.run(["rm", "-rf", work], check=True)
    t.finish()


if __name__ == "__main__":
    main()
