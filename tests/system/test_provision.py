"""dockd-provision pack and apply: a station file in a root of its own, with the real service after it.

The root is a folder with /usr, /proc, /dev, /sys and /tmp of this machine bound into it, in a mount
namespace of each program's own: nothing of this machine's /etc, /var or /run is touched.
"""
import hashlib
import io
import json
import os
import pty
import re
import shutil
import subprocess
import tarfile

import pytest

import vcam
from station import (CORE, CORE_GROUP, HOTPLUG, ROOT, UPLOADER, Service, as_user, new_folder, programs)
from waiting import until

ENTER = """
set -e
r=$1; shift
for d in usr proc dev sys tmp; do mount --rbind /$d "$r/$d"; done
exec chroot "$r" "$@"
"""
CONF = """
station = "@STATION@";
allow-plaintext = true;
reserve-bytes = 1048576;
leds-dir = "/leds";
rejoin-seconds = 1;
retry-min-seconds = 1;
retry-max-seconds = 2;
ship-seconds = 1;
checkpoint-seconds = 1;
reports = "none";
destinations = ({ name = "store"; driver = "dir"; folder = "%s"; }%s);
"""
SERVER = """, { name = "far"; driver = "tus"; url = "http://127.0.0.1:9/files/"; takes = ("other");
  headers-file = "/etc/dockd/station/secrets/uploader/far.headers"; }"""


class Place:
    """A PC: its root, and what runs there."""

    def __init__(self, root):
        self.root = root
        self.bin = programs()
        self.services = []
        self.camera = None
        for name in ("usr", "proc", "dev", "sys", "tmp", "run", "var/lib", "etc/dockd", "opt", "leds", "root",
                     "etc/systemd/system", "dock", "camera"):
            (root / name).mkdir(parents=True, exist_ok=True)
        for name in ("bin", "sbin", "lib", "lib64"):
            (root / name).symlink_to(f"usr/{name}")
        users = {"root": (0, 0), "dockd": (CORE, CORE_GROUP), "dockd-hotplug": (HOTPLUG, HOTPLUG),
                 "dockd-uploader": (UPLOADER, UPLOADER)}
        (root / "etc/passwd").write_text("".join(f"{n}:x:{u}:{g}::/:/bin/sh\n" for n, (u, g) in users.items()))
        (root / "etc/group").write_text("".join(f"{n}:x:{g}:\n" for n, (u, g) in users.items()))
        for name in ("dock", "camera"):
            os.chown(root / name, HOTPLUG, HOTPLUG)
        for unit in (ROOT / "packaging/systemd").glob("*.service"):
            shutil.copy(unit, root / "etc/systemd/system")
        for part in (ROOT / "packaging").glob("*provision*"):
            shutil.copy(part, root / "opt")
        shutil.copytree(ROOT / "etc/profiles", root / "etc/dockd/profiles")

    def command(self, *args):
        return ["unshare", "-m", "--propagation", "private", "sh", "-c", ENTER, "sh", self.root, *args]

    def run(self, *args, path="", check=None):
        env = {**os.environ, "PATH": f"{path}{self.bin}:/opt:/usr/sbin:/usr/bin"}
        done = subprocess.run(list(map(str, self.command(*args))), capture_output=True, encoding="utf-8", env=env)
        assert check is None or done.returncode == check, f"{args}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def apply(self, file, station, *more, check=0, path=""):
        return self.run("/opt/dockd-provision", "apply", file, "--station", station, "--no-start", *more,
                        check=check, path=path)

    def asked(self, answer, file, station):
        """Exit status of apply at a terminal where this is typed."""
        words = list(map(str, self.command("/opt/dockd-provision", "apply", file, "--station", station,
                                                    "--no-start")))
        pid, terminal = pty.fork()
        if pid == 0:
            os.environ["PATH"] = f"{self.bin}:/opt:/usr/sbin:/usr/bin"
            os.execvp(words[0], words)
        seen = b""
        try:
            while piece := os.read(terminal, 4096):
                seen += piece
                if seen.endswith(b"Type yes: "):
                    os.write(terminal, f"{answer}\n".encode())
        except OSError:  # it has ended
            pass
        _, code = os.waitpid(pid, 0)
        os.close(terminal)
        return os.waitstatus_to_exitcode(code)

    def etc(self, name):
        return self.root / "etc/dockd" / name

    def tree(self):
        """What apply may change: each path with its kind, owner, mode and content."""
        found = {}
        for top in ("etc/dockd", "etc/udev", "etc/systemd/system"):
            for path in sorted((self.root / top).rglob("*")):
                st = path.lstat()
                what = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else ""
                found[str(path.relative_to(self.root))] = (st.st_uid, st.st_gid, st.st_mode, what)
        return found

    def start(self):
        for name, uid in (("var/lib/dockd", CORE), ("run/dockd", CORE), ("leds", CORE)):
            (self.root / name).mkdir(mode=0o755, exist_ok=True)
            os.chown(self.root / name, uid, CORE_GROUP)
        bins = self.bin
        self.service("dockd", *as_user(CORE, CORE_GROUP), bins / "dockd", "--libexec", bins, "--profiles",
                     "/etc/dockd/profiles")
        self.ctl("status", connect=True)
        self.service("hotplug", *as_user(HOTPLUG, CORE_GROUP), bins / "dockd-hotplug", "--socket",
                     "/run/dockd/core.sock", "--dock", "/dock")
        for name in ("store", "far"):
            if f'"{name}"' in self.etc("dockd.conf").read_text():
                self.service(name, *as_user(UPLOADER, CORE_GROUP), bins / "dockd-uploader", "--socket",
                             "/run/dockd/core.sock", name)

    def service(self, name, *command):
        self.services.append(Service(name, self.command(*command), self.root / f"{name}.log", keep=name != "dockd"))

    def ctl(self, *args, connect=False):
        """dockctl --json ARGS"""
        def ask():
            return subprocess.run([self.bin / "dockctl", "--json", "--socket", self.root / "run/dockd/control.sock",
                                   *map(str, args)], capture_output=True, encoding="utf-8")
        if connect:
            until(lambda: ask().returncode == 0, self.log)
        done = ask()
        assert done.returncode == 0, f"{args}: {done.stdout}{done.stderr}{self.log()}"
        return json.loads(done.stdout)

    def log(self):
        lines = [line for path in self.root.glob("dockd.log") for line in path.read_text().splitlines()]
        return "\n".join(line for line in lines if "errand-failed" not in line)[:3000]

    def dock(self, seed, rung="receipted"):
        self.camera = vcam.Camera(self.bin, self.root / "camera", "cam", dock=self.root / "dock",
                                  wrapper=as_user(HOTPLUG), usb={"vendor": 0x1209, "product": 0xbcbc, "model": "vcam"},
                                  battery=100, objects=[vcam.clip("DCIM/100/1.mp4", 1 << 18, seed)])
        self.camera.plug("1-1")
        self.ctl("wait", "clip", "1", rung, "--timeout", 120)

    def until_shipped(self, store, name="north"):
        """Until the record of the clip is in what lies at the destination, under its checkpoint."""
        folder = store / "ledger" / name

        def there():
            text = "".join(p.read_text() for p in sorted(folder.glob("*.jsonl")))
            size = int((folder / "checkpoint").read_text().splitlines()[1]) if (folder / "checkpoint").exists() else 0
            return any('"type":"staged"' in line for line in text.splitlines()[:size])
        until(there, self.log)

    def stop(self):
        if self.camera:
            self.camera.close()
            self.camera = None
        for service in reversed(self.services):
            service.stop()
        self.services = []


@pytest.fixture
def place(folder):
    made = []

    def make(name="pc"):
        made.append(Place(folder / name))
        return made[-1]
    yield make
    for p in made:
        p.stop()


@pytest.fixture
def store(folder):
    path = folder / "store"
    path.mkdir()
    os.chown(path, UPLOADER, UPLOADER)
    return path


def fill(folder, conf, **files):
    """A provisioning folder; '__' in a name stands for '/'."""
    folder.mkdir(exist_ok=True)
    (folder / "dockd.conf").write_text(conf)
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def pack(folder, file, check=0):
    done = subprocess.run([ROOT / "packaging/dockd-provision", "pack", folder, file], capture_output=True,
                          encoding="utf-8")
    assert done.returncode == check, done.stderr
    return done


@pytest.fixture
def station_file(folder, store):
    """Stations north and south: with a secret each, one of all, a profile and rules for the bays."""
    fill(folder / "in", CONF % (store, SERVER), secrets__uploader__far_headers="Authorization: of-all\n",
         stations__south__secrets__uploader__far_headers="Authorization: of-south\n", secrets__core__pin="4711\n",
         trust__ca_pem="public\n", bays_rules='SUBSYSTEM=="usb|block", KERNELS=="1-4", ENV{DOCKD_BAY}="no"\n',
         profiles__own_conf=(ROOT / "etc/profiles/simulator.conf").read_text().replace(
             '"simulator"', '"own"').replace("0xbcbc", "0xbcbd"))
    pack(folder / "in", folder / "station.file")
    return folder / "station.file"


def test_a_file_makes_a_station(folder, place, station_file):
    pc = place()
    assert station_file.stat().st_mode & 0o777 == 0o600
    before = pc.tree()
    assert "new      /etc/dockd/station/dockd.conf" in pc.apply(station_file, "north", "--dry-run").stdout
    assert pc.tree() == before, "a dry run changed something"
    pc.apply(station_file, "north")
    assert 'station = "north";' in pc.etc("dockd.conf").read_text()
    assert (pc.root / "etc/systemd/system/dockd.service.wants/dockd-uploader@far.service").is_symlink()
    secret = pc.etc("station/secrets/uploader/far.headers")
    assert (secret.stat().st_uid, secret.stat().st_mode & 0o777) == (UPLOADER, 0o400)
    for uid, group, can in ((UPLOADER, CORE_GROUP, True), (CORE, CORE_GROUP, False), (HOTPLUG, CORE_GROUP, False)):
        inside = "/etc/dockd/station/secrets/uploader/far.headers"
        assert (pc.run(*as_user(uid, group), "cat", inside).stdout == "Authorization: of-all\n") == can, uid
    assert pc.run(*as_user(UPLOADER, CORE_GROUP), "cat", "/etc/dockd/station/secrets/core/pin").returncode != 0
    assert pc.run(*as_user(CORE, CORE_GROUP), "cat", "/etc/dockd/station/secrets/core/pin").stdout == "4711\n"
    assert "DOCKD_BAY" in (pc.root / "etc/udev/rules.d/59-dockd-bays.rules").read_text()
    after = pc.tree()
    assert "nothing to change" in pc.apply(station_file, "north").stdout
    assert pc.tree() == after, "applied twice is not applied once"

    pc.start()
    pc.dock(3)
    done = pc.run("/opt/dockd-provision", "destinations", "--timeout", 3, check=3)
    assert "store: ready, best proof" in done.stdout
    assert "far: NOT READY: " in done.stdout
    pc.stop()
    done = pc.apply(station_file, "south", check=1)
    assert "ledger of station north" in done.stderr
    assert pc.tree() == after


def test_a_station_of_its_own_and_back(place, station_file):
    pc = place()
    pc.apply(station_file, "north")
    north = pc.etc("station/secrets/uploader/far.headers").read_text()
    pc.apply(station_file, "south")
    assert pc.etc("station/secrets/uploader/far.headers").read_text() == "Authorization: of-south\n" != north
    pc.start()  # as a package does when it is installed, before anybody has said who this is
    pc.stop()
    done = pc.apply(station_file, "west")
    assert "the ledger of station south told of no camera yet" in done.stdout
    kept, = (pc.root / "var/lib").glob("dockd.unused-*")
    assert any('"station":"south"' in p.read_text() for p in kept.glob("ledger/*.jsonl"))
    assert not any((pc.root / "var/lib/dockd").iterdir())
    pc.apply(station_file, "south")
    pc.apply(station_file, "north")
    pc.apply(station_file, "south")
    pc.run("/opt/dockd-provision", "apply", "--back", "--no-start", check=0)
    assert 'station = "north";' in pc.etc("dockd.conf").read_text()
    assert pc.etc("station/secrets/uploader/far.headers").read_text() == north


def test_the_example(folder, place):
    pack(ROOT / "etc/station-example", folder / "file")
    pc = place()
    pc.apply(folder / "file", "north")
    text = pc.etc("dockd.conf").read_text()
    assert 'station = "north";' in text and 'port = "1-2.1"' in text
    pc.apply(folder / "file", "south")
    assert 'port = "1-2.1"' not in pc.etc("dockd.conf").read_text()


@pytest.mark.parametrize("args", [(), ("volume",), ("volume", "--device", "/dev/null"), ("apply", "x"),
                                  ("volume", "--device", "a", "--file", "b", "--unlock", "tpm"), ("pack", "x"),
                                  ("volume", "--device", "a", "--unlock", "key-file=relative"), ("fly",)])
def test_wrong_command_lines(place, args):
    assert place().run("/opt/dockd-provision", *args).returncode == 2


# ---- files that are not what they should be ----

def tar(path, members, form=tarfile.USTAR_FORMAT):
    """A tar of (name, text or TarInfo), with what every station file has in front unless it is there."""
    with tarfile.open(path, "w", format=form) as out:
        for name, what in members:
            if isinstance(what, tarfile.TarInfo):
                out.addfile(what)
                continue
            info = tarfile.TarInfo(name)
            info.size = len(what)
            out.addfile(info, io.BytesIO(what))
    return path


def special(name, kind, target=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return (name, info)


BASE = [("format", b"dockd station file 1\n"), ("dockd.conf", b'station = "@STATION@"; allow-plaintext = true;\n')]
HOSTILE = {
    "absolute": BASE + [("/etc/cron.d/x", b"x")],
    "upwards": BASE + [("trust/../../../cron.d/x", b"x")],
    "unknown": BASE + [("etc/passwd", b"x")],
    "newline": BASE + [("trust/a\nb", b"x")],
    "symlink": BASE + [special("trust/x", tarfile.SYMTYPE, "/etc/passwd")],
    "hard link": BASE + [special("trust/x", tarfile.LNKTYPE, "dockd.conf")],
    "device": BASE + [special("trust/x", tarfile.CHRTYPE)],
    "pipe": BASE + [special("trust/x", tarfile.FIFOTYPE)],
    "folder": BASE + [special("trust", tarfile.DIRTYPE)],
    "twice": BASE + [("trust/x", b"a"), ("trust/x", b"b")],
    "many": BASE + [(f"trust/{i}", b"") for i in range(300)],
    "no configuration": BASE[:1],
    "no format": BASE[1:],
    "another format": [("format", b"dockd station file 2\n"), BASE[1]],
    "bad setting": [BASE[0], ("dockd.conf", b'station = "@STATION@"; sation = 1;\n')],
    "another's name": [BASE[0], ("dockd.conf", b'station = "north";\n')],
    "no such secret": [BASE[0], ("dockd.conf", BASE[1][1] + b'destinations = ({ name = "a"; driver = "tus"; '
                                 b'url = "https://a.example/"; ca-file = "/etc/dockd/station/trust/ca.pem"; });\n')],
    "bad profile": BASE + [("profiles/mine.conf", b"name = 3;\n")],
}


@pytest.mark.parametrize("what", HOSTILE)
def test_what_is_no_station_file_changes_nothing(folder, place, what):
    pc = place()
    before = pc.tree()
    done = pc.apply(tar(folder / "file", HOSTILE[what]), "south", check=1)
    assert done.stderr and "line" not in done.stderr.split("dockd-provision")[0], done.stderr
    assert pc.tree() == before
    assert not list((pc.root / "run").glob("dockd-provision.??????")), "left in memory"


def test_files_that_are_damaged_or_too_big(folder, place, station_file):
    pc = place()
    before = pc.tree()
    whole = station_file.read_bytes()
    for name, data in (("cut", whole[:700]), ("empty", b""), ("text", b"x" * 10240)):
        (folder / name).write_bytes(data)
        pc.apply(folder / name, "south", check=1)
    subprocess.run(["gzip", "-k", "-S", ".gz", station_file], check=True)
    pc.apply(f"{station_file}.gz", "south", check=1)
    big = tarfile.TarInfo("trust/big")
    big.type, big.size = tarfile.GNUTYPE_SPARSE, 0
    with open(folder / "huge", "wb") as out:
        out.truncate(1 << 30)
    assert "more than 16 MiB" in pc.apply(folder / "huge", "south", check=1).stderr
    assert pc.tree() == before


def test_what_cannot_be_packed(folder, station_file):
    (folder / "in/trust/link").symlink_to("/etc/passwd")
    assert "only plain files" in pack(folder / "in", folder / "other", 1).stderr
    (folder / "in/trust/link").unlink()
    (folder / "in/notes.txt").write_text("x")
    assert "no such file is known" in pack(folder / "in", folder / "other", 1).stderr
    assert not (folder / "other").exists()
    (folder / "in/notes.txt").unlink()
    pack(folder / "in", folder / "again")
    assert (folder / "again").read_bytes() == station_file.read_bytes(), "the same folder, another file"


# ---- another file than the one that was packed ----

def test_only_the_file_that_was_packed(folder, place, station_file):
    printed = re.search("SHA-256 ([0-9a-f]{64})", pack(folder / "in", folder / "again").stdout)[1]
    assert printed == hashlib.sha256(station_file.read_bytes()).hexdigest()
    pc = place()
    before = pc.tree()
    swapped = tar(folder / "swapped", BASE)
    done = pc.apply(swapped, "north", "--sha256", printed, check=1)
    assert "not the one of --sha256" in done.stderr and pc.tree() == before
    (folder / "garbage").write_bytes(b"x" * 10240)  # refused by its digest, before it is looked at
    assert "not the one of --sha256" in pc.apply(folder / "garbage", "north", "--sha256", printed, check=1).stderr
    pc.apply(swapped, "north", "--sha256", "abc", check=2)
    assert f"SHA-256 {printed}" in pc.apply(station_file, "north", "--dry-run").stdout
    for answer, status in (("no", 1), ("yes", 0)):
        assert pc.asked(answer, station_file, "north") == status
    assert 'station = "north";' in pc.etc("dockd.conf").read_text()
    pc.apply(station_file, "north", "--sha256", printed.upper())


# ---- rules that udev would run as root ----

OWN_RULES = """# made by dockd
ACTION=="remove", GOTO="dockd_bays_end"
KERNEL=="1-2|usb1", TEST=="power/control", ATTR{power/control}="on"
ATTR{authorized}=="0", ATTR{authorized}="1", RUN+="/bin/sh -c 'echo $kernel >/sys/bus/usb/drivers_probe'"
"""
GOOD_RULES = ["", "# a comment", 'SUBSYSTEM=="usb|block", KERNELS=="1-4", ENV{DOCKD_BAY}="no"', *OWN_RULES.splitlines(),
              OWN_RULES.splitlines()[2].replace("1-2|usb1", "3-1.4|3-1|usb3"), ' LABEL="x" ,ATTRS{idVendor}=="1d6b",']
RUNS = 'ENV{DOCKD_BAY}="no", RUN+="/bin/sh -c x"'
EVIL_RULES = ["RUN+=\"/bin/sh -c 'x'\"", RUNS, 'PROGRAM=="/bin/x"', 'IMPORT{program}="/bin/x"', 'IMPORT{file}="/x"',
              'ENV{SYSTEMD_WANTS}="x.service"', 'TAG+="uaccess"', 'MODE="0666"', 'OWNER="x"', 'SYMLINK+="x"', 'NAME="x"',
              'ATTR{driver_override}="x"', 'RUN{builtin}+="kmod load x"', 'OPTIONS+="x"', 'ENV{DOCKD_BAY}="$attr{x}"',
              'ENV{DOCKD_BAY}="%c"', 'ENV{DOCKD_BAY}=e"no"', 'KERNEL=="a\\\\", RUN+="x"', "# comment \\", f"# comment\r{RUNS}",
              f"# comment\0{RUNS}", f"#{'x' * 9000}", OWN_RULES.splitlines()[3].replace("drivers_probe", "x"),
              f"{OWN_RULES.splitlines()[3]}, {RUNS}", 'KERNEL=="x" RUN+="y"', 'KERNEL=="x\tRUN"', 'KERNEL=="ü"']


def judged(folder, text):
    """What provision-rules.sh says of bays.rules with this text, at a station that prints OWN_RULES."""
    (folder / "bays.rules").write_text(text)
    (folder / "own").write_text(OWN_RULES)
    script = 'die() { echo "$*"; exit 1; }; . "$0"; judge_rules "$1/bays.rules" "$1/own"'
    return subprocess.run(["bash", "-euo", "pipefail", "-c", script, ROOT / "packaging/provision-rules.sh", folder],
                          capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"})


def test_rules_of_a_station_file_run_nothing(folder):
    for rule in GOOD_RULES:
        assert judged(folder, f"{rule}\n").returncode == 0, rule
    assert judged(folder, "\n".join(GOOD_RULES)).returncode == 0
    for rule in EVIL_RULES:
        for text in (f"# first\n{rule}\n", f"# first\n{rule}"):
            done = judged(folder, text)
            assert done.returncode == 1 and not done.stderr, rule
            assert "bays.rules:2: " in done.stdout or "not plain ASCII" in done.stdout, done.stdout


def test_a_station_file_with_rules_that_run_something(folder, place):
    bays = 'bays = ({ name = "1"; port = "1-2.1"; });\n'
    conf = BASE[1][1].decode() + bays
    pc = place()
    (pc.root / "etc/dockd/x.conf").write_text(conf.replace("@STATION@", "north"))
    own = pc.run("dockd", "--udev-rules", "-c", "/etc/dockd/x.conf", "--profiles", "/etc/dockd/profiles", check=0).stdout
    (pc.root / "etc/dockd/x.conf").unlink()
    assert "RUN+=" in own
    before = pc.tree()
    evil = tar(folder / "evil", [BASE[0], ("dockd.conf", conf.encode()), ("bays.rules", f"{own}{RUNS}\n".encode())])
    done = pc.apply(evil, "north", check=1)
    assert f"bays.rules:{own.count(chr(10)) + 1}: " in done.stderr, done.stderr
    assert pc.tree() == before
    pc.apply(tar(folder / "good", [BASE[0], ("dockd.conf", conf.encode()), ("bays.rules", own.encode())]), "north")
    assert (pc.root / "etc/udev/rules.d/59-dockd-bays.rules").read_text().endswith(own)


# ---- interrupted at every step ----

KILLER = """#!/bin/sh
# Stands for the program of this name: at the step that is written down, the script that calls it dies.
step=$(($(cat {count}) - 1))
echo $step >{count}
if [ $step -le 0 ]; then kill -9 $PPID; exit 1; fi
exec /usr/bin/{name} "$@"
"""


def test_interrupted_at_each_step(folder, place, station_file):
    reference = place("reference")
    reference.apply(station_file, "north")
    reference.apply(station_file, "south")
    shims = folder / "shims"
    shims.mkdir()
    for name in ("mv", "ln", "cp", "chown", "chmod", "sync", "rm", "mkdir", "find"):
        (shims / name).write_text(KILLER.format(count=folder / "count", name=name))
        (shims / name).chmod(0o755)
    pc = place()
    pc.apply(station_file, "north")
    old = pc.etc("dockd.conf").read_text()
    died = 0
    for step in range(1, 500):
        (folder / "count").write_text(str(step))
        done = pc.apply(station_file, "south", check=None, path=f"{shims}:")
        now = pc.etc("dockd.conf").read_text()
        assert now == old or 'station = "south";' in now
        secret = pc.etc("station/secrets/uploader/far.headers")
        assert (secret.stat().st_uid, secret.stat().st_mode & 0o777) == (UPLOADER, 0o400)
        assert ("south" in secret.read_text()) == ('station = "south"' in now), f"step {step}: half of each"
        if done.returncode == 0:
            break
        died += 1
    assert died > 20
    assert pc.tree() == reference.tree()


# ---- a dead PC ----

# of a station that is none of these
OTHER_KEY = "dockd/north+63d57b93+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"


def dead_pc(place, station_file, store, name="north"):
    """A station that has brought a clip home, and is gone with its disk. Its key, as somebody wrote it down."""
    pc = place(f"{name}-pc")
    pc.apply(station_file, name)
    pc.start()
    pc.dock(7)
    pc.until_shipped(store)
    key = pc.run("dockctl", "ledger", "key", check=0).stdout.strip()
    pc.stop()
    shutil.rmtree(pc.root)
    return key


def test_a_new_station_cites_the_dead_one(folder, place, station_file, store):
    key = dead_pc(place, station_file, store)
    cited = store / "ledger/north/checkpoint"
    pc = place()
    done = pc.apply(station_file, "north-2", "--replaces", "north", "--old-key", key)
    assert "is whole and signed up to record" in done.stdout and "old-key" not in done.stderr
    after = pc.tree()
    assert "nothing to change" in pc.apply(station_file, "north-2", "--replaces", "north", "--old-key", key).stdout
    assert pc.tree() == after
    pc.start()
    pc.dock(8)
    pc.until_shipped(store, "north-2")
    pc.run("dockctl", "ledger", "verify", check=0)
    record = json.loads(pc.run("dockctl", "--json", "ledger", "show", "--dir", "/var/lib/dockd/ledger", "--type",
                               "replaces", check=0).stdout)
    assert (record["station"], record["checkpoint"], record["seq"]) == ("north", cited.read_text().encode().decode("latin-1"), 1)
    pc.stop()
    assert pc.apply(station_file, "north-2", "--replaces", "north", "--old-key", key).returncode == 0
    assert "has begun already, and cites north" in pc.apply(
        station_file, "north-2", "--replaces", "south", check=1).stderr


def test_checkpoints_that_are_no_good(folder, place, station_file, store):
    key = dead_pc(place, station_file, store)
    pc = place()
    before = pc.tree()
    ledger = store / "ledger/north"

    def refused(why, *more):
        done = pc.apply(station_file, "north-2", "--replaces", *more, check=1)
        assert why in done.stderr, done.stderr
        assert pc.tree() == before
    refused("no good checkpoint of station west", "west")
    refused("a new ledger needs a new name", "north-2")
    refused("is not signed", "north", "--old-key", OTHER_KEY)
    os.rename(ledger, store / "ledger/west")
    refused("this is the ledger of north, not of west", "west", "--old-key", key)
    os.rename(store / "ledger/west", folder / "fetched")
    refused("no good checkpoint of station north", "north")
    pieces = sorted((folder / "fetched").glob("*.jsonl"))
    text = pieces[-1].read_text()
    pieces[-1].write_text(text.replace('"type":"', '"type":"x', 1))
    refused("no good checkpoint", "north", "--old-key", key, "--ledger", folder / "fetched")
    pieces[-1].write_text(text)
    done = pc.apply(station_file, "north-2", "--replaces", "north", "--ledger", folder / "fetched")
    assert "--old-key was not given" in done.stderr


def test_what_the_dead_one_had_not_brought_home_is_told(folder, place, station_file, store):
    pc = place("north-pc")
    pc.apply(station_file, "north")
    conf = pc.etc("dockd.conf").read_text().replace('takes = ("other")', 'takes = ("clip")')
    conf = conf.replace('driver = "dir";', 'driver = "dir"; takes = ("other", "log", "sidecar", "report");')
    pc.etc("dockd.conf").write_text(conf)
    pc.start()
    pc.dock(7, "staged")
    pc.until_shipped(store)
    pc.stop()
    new = place()
    done = new.apply(station_file, "north-2", "--replaces", "north")
    assert "1 file(s) lay on the old PC" in done.stdout, done.stdout
