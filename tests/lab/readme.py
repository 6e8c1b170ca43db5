#!/usr/bin/python3
"""The README's words from "Install" to its end, followed by somebody who knows nothing else, on a fresh Debian
with the package and no configuration of its own.

Runs outside the guest. Every command is taken from the README, and none that it shows may be left out. Who
follows it is root already; sudo is only a word to them.
"""
import pathlib
import re
import subprocess
import sys
import tempfile
import time

from appliance import HERE, Appliance, Failed
from labstation import fill
from probe import Tally

MIB = 1 << 20
t = Tally("readme")
PASSPHRASE = "correct horse battery"
SUDO = '#!/bin/sh\nexec "$@"\n'

# What is not tried here: building (make check-deb), packages of others, a device and a file of stations that only
# volume.py and provisioned.py have.
ELSEWHERE = ("make deb", "sudo apt install ", "ARGS=", "sudo dockd-provision volume --device", "sudo dockd-provision apply")


class Readme:
    """Its commands, each of which has to be given once at least."""

    def __init__(self):
        self.text = (HERE.parents[1] / "README.md").read_text().split("\n## Install\n")[1]
        blocks = re.findall(r"(?m)^    (\S.*)$", self.text.split("\n## How it is made\n")[0] +
                            self.text.split("\n## The light at the bay\n")[1])
        self.shown = [re.sub(r"\s+#.*| {3,}.*", "", line) for line in blocks]
        self.given = set()

    def __call__(self, begin, **meant):
        """The command that begins so, with what a reader puts for its words in capitals or for names."""
        found = [line for line in [*self.shown, *re.findall(r"`([^`\n]+)`", self.text)] if line.startswith(begin)]
        if not found:
            raise LookupError("the README has no longer: " + begin)
        self.given.add(found[0])
        for word, value in meant.items():
            if word not in found[0]:
                raise LookupError("%s is not in: %s" % (word, found[0]))
            found[0] = found[0].replace(word, value)
        return found[0]

    def left(self):
        return [line for line in self.shown if line not in self.given and not line.startswith(ELSEWHERE)]


class Terminal:
    """A command at a terminal, as a person gives it: what it asks is answered when it is asked."""

    def __init__(self, a, command):
        self.a = a
        a.write("/run/typed.sh", command + "; echo \"ended: $?\"\n")
        a.sh("mkfifo /run/keys; (exec 8<>/run/keys; script -qfc 'bash /run/typed.sh' /run/screen </run/keys "
             ">/run/script.out 2>&1) & until [ -e /run/screen ]; do sleep 0.1; done")

    def screen(self):
        return self.a.sh("tr -d '\\r' </run/screen")

    def asked(self, words, seconds=900):
        try:
            self.a.until("grep -aqF '%s' /run/screen" % words, seconds)
        except Failed as e:
            raise Failed("\"%s\" was not asked: %s" % (words, self.screen())) from e
        return self.screen()

    def type(self, text):
        self.a.write("/run/text", text + "\n")
        self.a.sh("cat /run/text >/run/keys; rm /run/text")


def fresh(a, readme):
    a.boot()
    text = " ".join(a.sh(readme("sudo dockctl status")).split())  # it is folded
    t.check("a plain volume: nothing is taken in, and what to do", "NOTHING IS TAKEN IN" in text and
            "make an encrypted volume (dockd-provision)" in text, text)
    code, text, _ = a.run(readme("sudo dockctl doctor"))
    t.check("doctor says the same, and ends with 7", code == 7 and "encrypt" in text, (code, text))
    text = a.sh(readme("journalctl -u dockd"))
    t.check("the log is there", "event=began" in text, text[-500:])


def named(a, readme):
    # and a reserve as small as the disk of a test
    a.sh("sed -i '/^#* *station *=/d' /etc/dockd/dockd.conf && printf '%%s\\n' '%s' 'reserve-bytes = 1048576;' "
         ">>/etc/dockd/dockd.conf" % readme("station = "))
    for begin in ("sudo systemctl stop dockd", "sudo mv /var/lib/dockd ", "sudo systemctl start dockd"):
        a.sh(readme(begin))
    a.until("dockctl status")
    t.check("the station has its name", a.ctl("status")["station"] == "castle-street", a.ctl("status"))


def sealed(a, readme):
    """Its passphrase is typed, the recovery key read and confirmed."""
    person = Terminal(a, readme("sudo dockd-provision volume --file", **{"--size 200": "--size 1"}))
    person.asked("Type yes")
    person.type("yes")
    text = person.asked("last eight letters")
    key = re.search(r"(?m)^\s*((?:[a-z]{8}-){7}[a-z]{8})\s*$", text)
    t.check("the recovery key is shown", bool(key), text)
    person.type(key[1][-8:])
    person.asked("Passphrase for every start")
    person.type(PASSPHRASE)
    person.asked("Once more")
    person.type(PASSPHRASE)
    text = person.asked("ended:")
    t.check("the volume is made", "ended: 0" in text and PASSPHRASE not in text, text)
    text = a.sh(readme("sudo dockd-provision volume --status"))
    t.check("it says how it is opened", "passphrase" in text, text)
    a.until("dockctl status")
    status = a.ctl("status")
    t.check("evidence would lie encrypted, by the same name", not status["plaintext"] and
            status["station"] == "castle-street", status)


def docked(a, readme, work):
    a.dock_mtp("cam1", "1.1", "BWC-1", work / "cam1")
    a.ctl("wait", "bay", "1-1.1", "take", timeout=400)
    a.ctl("wait", "all", "receipted", timeout=400)
    text = a.sh(readme("dockctl bay NAME", NAME="1-1.1"))
    t.check("a camera is docked and may be taken", "BWC-1" in text, text)
    text = a.sh(readme("dockctl status"))
    t.check("status has no word of plain volumes any more", "plain" not in text, text)


def people(a, readme):
    a.sh("useradd -m -s /bin/bash sergeant")
    code, out, err = a.run("su - sergeant -c 'dockctl status'")
    t.check("somebody without a role is refused, and told what they need", code == 5 and "dockd-viewer" in out + err,
            (code, out, err))
    a.sh(readme("sudo adduser NAME dockd-viewer", NAME="sergeant"))
    text = a.sh("su - sergeant -c 'dockctl status'")
    t.check("with it they see", "castle-street" in text, text)


def lamps(a, readme):
    a.keyboard("lamps", "3")
    a.lamp("3", "capslock")
    a.until("%s | grep 1-3/capslock" % readme("sudo dockctl light"))
    a.sh("printf '%%s\\n' '%s' '%s' >>/etc/dockd/dockd.conf" %
         (readme("bays = (", **{"1-2.1": "1-1.1"}), readme("station-light = ")))
    a.sh(readme("dockd --check-config"))
    a.sh(readme("systemctl reload dockd"))
    a.ctl("wait", "bay", "1", "take")
    a.until("test $(cat %s/brightness) = 1" % a.lamp("3", "capslock"))
    text = a.sh(readme("sudo dockctl light test all"), 300)
    t.check("each lamp is let blink and named", "capslock: bay 1" in text and "numlock: the station light" in text, text)
    text = a.sh(readme("sudo dockd --udev-rules"))
    t.check("rules for the bay are printed", "1-1.1" in text, text)


def pages(a, readme):
    for words in ("wall", "sergeant", "evidence-manager"):
        text = a.sh("dockctl card " + words)
        t.check("a page: card %s" % words, len(text.splitlines()) > 10, text)
    t.check("the README names them", "`dockctl card wall`, `card sergeant`, `card evidence-manager`" in readme.text)
    text = a.sh(readme("sudo dockctl metrics"))
    t.check("figures", "dockd_files_receipted 1" in text, text)
    a.until("grep -q dockd_files_receipted /run/dockd/metrics/dockd.prom")
    text = a.sh("cd /root && " + readme("sudo dockctl support"))
    names = a.sh("tar -tf /root/dockd-support-*.tar*")
    t.check("an archive for whoever helps", "status" in names, text + names)
    a.sh(readme("dockctl export DIR --reason TEXT", DIR="/root/out", TEXT="'README followed'"))
    held = a.digests("/root/out")
    t.check("everything out, with digests", any(path.endswith(".mp4") for path in held) or len(held) > 2, held)


def stations(a, readme):
    a.sh("cd /root && " + readme("cp -r /usr/share/dockd/station-example"))
    code, out, err = a.run("cd /root && " + readme("dockd-provision pack north-district stations.file"))
    t.check("a file of stations is packed, and its digest told", code == 0 and re.search("[0-9a-f]{64}", out + err),
            (code, out, err))


def last(a, readme):
    a.sh(readme("sudo systemctl disable --now dockd-uploader@local"))
    code, text, _ = a.run("systemctl is-active dockd-uploader@local")
    t.check("the folder on this PC is no longer served", text.strip() == "inactive", (code, text))
    text = a.sh(readme("journalctl -u dockd -u 'dockd-*'"))
    t.check("the whole log", "prog=dockd-hotplug" in text, text[-500:])
    t.check("no command of the README was left out", not readme.left(), readme.left())


def main():
    work = pathlib.Path(tempfile.mkdtemp(prefix="dockd-readme-"))
    fill(work / "cam1", {"DCIM/100BWC/clip.mp4": 3 * MIB})
    readme = Readme()
    with Appliance(work / "station", files={"/usr/local/bin/sudo": SUDO},
                   modes={"/usr/local/bin/sudo": 0o755}) as a:
        for what, *more in ((fresh,), (named,), (sealed,), (docked, work), (people,), (lamps,), (pages,),
                            (stations,), (last,)):
            began = time.monotonic()
            try:
                what(a, readme, *more)
            except Exception as e:
                t.check(what.__name__, False, "%s: %s" % (type(e).__name__, e))
            print("        %s: %.0f s" % (what.__name__, time.monotonic() - began), flush=True)
        if t.failed:
            print(a.run("dockctl status; journalctl --no-pager -u 'dockd*' | tail -n 100")[1], flush=True)
        a.poweroff()
    if not t.failed:
        subprocess.run(["rm", "-rf", work], check=True)
    t.finish()


if __name__ == "__main__":
    sys.exit(main())
