#!/usr/bin/python3
"""The encrypted volume on a real device mapper: made over a station that has a ledger on its plain disk,
interrupted at each step, opened by each key, and the raw disk searched for what is on the volume.

/dev/vda becomes the volume, /dev/vdb is the plain swap.
"""

import os
import pathlib
import struct
import subprocess

from probe import HERE, Tally, until

ROOT = pathlib.Path(HERE).resolve().parents[1]
BUILD = pathlib.Path(os.environ.get("DOCKD_BUILD") or ROOT / "build")
STATE, VOLUME = pathlib.Path("/var/lib/dockd"), pathlib.Path("/var/lib/dockd-volume")
CONF = pathlib.Path("/etc/dockd/dockd.conf")
SETTINGS = """station = "castle-street";
reserve-bytes = 1048576;
profiles-dir = "%s/etc/profiles";
""" % ROOT
PATH = "/run/bin:/usr/sbin:/usr/bin:/sbin:/bin"
KILLER = """#!/bin/sh
step=$(($(cat /run/count) - 1))
echo $step >/run/count
if [ $step -le 0 ]; then kill -9 $PPID; exit 1; fi
exec %s "$@"
"""
STEPS = ["cryptsetup", "systemd-cryptenroll", "mkfs.ext4", "mount", "umount", "mkdir", "cp", "sync", "mv", "chmod"]
t = Tally("volume")


def sh(command, check=True):
    done = subprocess.run(command, shell=True, capture_output=True, text=True, env={**os.environ, "PATH": PATH})
    if check and done.returncode:
        raise SystemExit("%s: %d\n%s%s" % (command, done.returncode, done.stdout, done.stderr))
    return done


def provision(*args, shims=False):
    env = {**os.environ, "PATH": ("/run/shims:" if shims else "") + PATH}
    return subprocess.run(["/run/bin/dockd-provision", "volume", *args], capture_output=True, text=True, env=env,
                          stdin=subprocess.DEVNULL)


def start():
    return subprocess.Popen(["setpriv", "--reuid=dockd", "--regid=dockd", "--clear-groups", "/run/bin/dockd",
                             "--libexec", str(BUILD)], stderr=open("/run/dockd.log", "w"), env={"PATH": PATH})


def answers():
    return sh("dockctl status", check=False).returncode == 0


def files(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def named():
    return any("dockd-volume" in pathlib.Path(p).read_text() for p in ("/etc/crypttab", "/etc/fstab")
               if os.path.exists(p))


def close():
    for place in (STATE, "/var/lib/dockd-uploader", VOLUME):
        sh("umount %s" % place, check=False)
    sh("cryptsetup close dockd-volume")


sh("test -e /dev/fd || ln -s /proc/self/fd /dev/fd")
sh("modprobe dm-crypt; modprobe -q xts; modprobe -q virtio_blk", check=False)
sh("mkdir -p /run/bin /run/shims /etc/dockd /run/dockd")
for name in ("dockd", "dockctl"):
    sh("cp %s/%s /run/bin/" % (BUILD, name))
sh("cp %s/packaging/*provision* /run/bin/" % ROOT)
with open("/etc/passwd", "a") as f:
    for n, name in enumerate(("dockd", "dockd-hotplug", "dockd-uploader")):
        f.write("%s:x:%d:64000::/:/bin/sh\n" % (name, 64101 + n))
sh("getent group dockd || echo dockd:x:64000: >>/etc/group")
sh("install -d -o dockd -m 700 %s; install -d -o dockd /run/dockd" % STATE)
for name in ("cryptsetup", "systemd-cryptenroll"):
    t.check("%s is here" % name, sh("command -v " + name, check=False).returncode == 0)

CONF.write_text(SETTINGS + "allow-plaintext = true;\n")
core = start()
t.check("a station on a plain disk", until(60, answers), pathlib.Path("/run/dockd.log").read_text())
core.terminate()
core.wait()
# what must not be found on the raw disk, and what has to arrive
(STATE / "mark").write_text("BWC-SERIAL-4711 " * 1000)
os.chown(STATE / "mark", 64101, 64000)
before = files(STATE)
CONF.write_text(SETTINGS)

# what an administrator does to a disk whose content may go
WIPE = "wipefs -qa /dev/vda; head -c 32M /dev/zero >/dev/vda"

# ---- refused ----
sh("mkfs.ext4 -q -L precious /dev/vda")
KEY = "key-file=/root/volume.key"
done = provision("--device", "/dev/vda", "--unlock", KEY, "--yes")
t.check("a device that has something is refused", done.returncode == 1 and "--yes-wipe /dev/vda" in done.stderr,
        done.stdout + done.stderr)
if os.path.exists("/dev/tpmrm0"):
    os.rename("/dev/tpmrm0", "/dev/tpmrm0.away")
done = provision("--device", "/dev/vda", "--unlock", "tpm", "--yes", "--yes-wipe", "/dev/vda")
t.check("no TPM: said so", done.returncode == 1 and "no TPM" in done.stderr, done.stderr)
t.check("and untouched", "precious" in sh("blkid -p /dev/vda").stdout)
sh("mkdir -p /run/there && mount /dev/vda /run/there")
done = provision("--device", "/dev/vda", "--unlock", KEY, "--yes", "--yes-wipe", "/dev/vda")
t.check("mounted: refused whatever is said", done.returncode == 1 and "in use" in done.stderr, done.stderr)
sh("umount /run/there; " + WIPE)

# ---- interrupted ----
for name in STEPS:
    path = pathlib.Path("/run/shims") / name
    path.write_text(KILLER % sh("command -v " + name).stdout.strip())
    path.chmod(0o755)
good, died, last = True, 0, None
for step in range(2, 200, 9):
    pathlib.Path("/run/count").write_text(str(step))
    last = provision("--device", "/dev/vda", "--unlock", KEY, "--yes", shims=True)
    if last.returncode == 0:
        break
    died += 1
    whole = files(STATE) if not os.path.ismount(STATE) else None
    moved = pathlib.Path(str(STATE) + ".plain")
    if whole is not None and whole != before and not (moved.exists() and files(moved) == before):
        good = t.check("step %d: the plain state is whole" % step, False, last.stderr)
    # what is not ready is not named, so no start can mount it
    subsystem = sh("cryptsetup luksDump /dev/vda | sed -n 's/^Subsystem:[[:space:]]*//p'", check=False).stdout.strip()
    if named() and subsystem != "dockd-ready":
        good = t.check("step %d: half made and named" % step, False)
t.check("killed at %d steps, then made" % died, good and died > 2 and last.returncode == 0,
        last.stdout + last.stderr)
sh("rm -r /run/shims; mkdir /run/shims")

# ---- made ----
t.check("the state is on it, whole", os.path.ismount(STATE) and files(STATE) == before)
t.check("the plain one is kept", files(pathlib.Path(str(STATE) + ".plain")) == before)
t.check("volume = mounted is set", 'volume = "mounted";' in CONF.read_text())
first = [p.read_text() for p in map(pathlib.Path, ("/etc/fstab", "/etc/crypttab"))] + [CONF.read_text()]
done = provision("--device", "/dev/vda", "--unlock", KEY, "--yes")
t.check("again changes nothing", done.returncode == 0 and first == [
    p.read_text() for p in map(pathlib.Path, ("/etc/fstab", "/etc/crypttab"))] + [CONF.read_text()],
        done.stdout + done.stderr)
core = start()
t.check("dockd takes it for encrypted", until(60, answers) and "plaintext" not in
        pathlib.Path("/run/dockd.log").read_text(), pathlib.Path("/run/dockd.log").read_text())
core.terminate()
core.wait()
status = provision("--status").stdout
t.check("status: two slots, one of them for recovery", status.count("slot ") == 2 and "recovery key" in status, status)
slot = [line.split()[1] for line in status.splitlines() if "recovery" in line]
done = provision("--remove-unlock", slot[0] if slot else "0")
t.check("the recovery key stays", done.returncode == 1 and "it stays" in done.stderr, done.stderr)

# ---- keys ----
close()
t.check("without its key it does not open",
        sh("head -c 64 /dev/zero | cryptsetup open --test-passphrase --key-file - /dev/vda", check=False).returncode != 0)
raw = sh("grep -c BWC-SERIAL-4711 /dev/vda", check=False).stdout.strip()
t.check("nothing of it on the raw disk", raw == "0", raw)
sh(WIPE)
done = provision("--device", "/dev/vda", "--unlock", KEY, "--yes")
t.check("no second volume while the one that is named is away", done.returncode == 1 and "is not here" in done.stderr,
        done.stderr)
sh("rm -rf /var/lib/dockd.plain; sed -i '/^# begin/,/^# end/d' /etc/crypttab /etc/fstab")
done = provision("--device", "/dev/vda", "--unlock", KEY, "--yes")
recovery = next((line for line in done.stdout.splitlines() if line.count("-") == 7), "")
t.check("a recovery key is shown", len(recovery) == 71, done.stdout + done.stderr)
close()
t.check("it opens the volume", sh("printf %%s %s | cryptsetup open --test-passphrase --key-file - /dev/vda" % recovery,
                                  check=False).returncode == 0)
kept = sh("grep -rlF %s /etc /run /var/lib/dockd /var/lib/dockd-volume" % recovery, check=False).stdout
t.check("and is written down nowhere", kept == "", kept)

# ---- swap ----
sh("cryptsetup open --key-file /root/volume.key /dev/vda dockd-volume")
sh("mkswap /dev/vdb && swapon /dev/vdb && echo '/dev/vdb none swap sw 0 0' >>/etc/fstab")
done = provision("--device", "/dev/vda", "--unlock", KEY, "--yes")
t.check("plain swap is told", "/dev/vdb is plain swap" in done.stderr, done.stdout + done.stderr)
done = provision("--device", "/dev/vda", "--unlock", KEY, "--yes", "--swap-off")
t.check("and put off", done.returncode == 0 and "/dev/vdb" not in pathlib.Path("/proc/swaps").read_text() and
        "\n/dev/vdb" not in pathlib.Path("/etc/fstab").read_text(), done.stdout + done.stderr)
close()

# ---- by the TPM ----
def extend(register):
    """TPM2_PCR_Extend (TPM 2.0 part 3, 22.2), by the empty password: what a changed boot does to a register."""
    digest = bytes(range(32))
    body = struct.pack(">I", register) + struct.pack(">IIHBH", 9, 0x40000009, 0, 0, 0) + struct.pack(">IH", 1, 0x0b) + digest
    with open("/dev/tpm0", "r+b", buffering=0) as tpm:
        tpm.write(struct.pack(">HII", 0x8002, 10 + len(body), 0x182) + body)
        return struct.unpack(">HII", tpm.read(4096)[:10])[2]


ATTACH = "/lib/systemd/systemd-cryptsetup attach dockd-volume /dev/vda - tpm2-device=auto,headless=true"
if os.path.exists("/dev/tpmrm0.away"):
    os.rename("/dev/tpmrm0.away", "/dev/tpmrm0")
    sh("rm -rf /var/lib/dockd.plain /var/lib/dockd/*; " + WIPE + "; sed -i '/^# begin/,/^# end/d' /etc/crypttab /etc/fstab")
    done = provision("--device", "/dev/vda", "--unlock", "tpm", "--yes")
    t.check("a volume by the TPM", done.returncode == 0 and os.path.ismount(STATE), done.stdout + done.stderr)
    t.check("named so for the next start", "tpm2-device=auto" in pathlib.Path("/etc/crypttab").read_text())
    recovery = next((line for line in done.stdout.splitlines() if line.count("-") == 7), "")
    close()
    done = sh(ATTACH, check=False)
    t.check("which the TPM opens", done.returncode == 0 and os.path.exists("/dev/mapper/dockd-volume"), done.stderr)
    sh("cryptsetup close dockd-volume", check=False)
    t.check("secure boot changes", extend(7) == 0)
    done = sh(ATTACH, check=False)
    t.check("and it opens no more", done.returncode != 0 and not os.path.exists("/dev/mapper/dockd-volume"), done.stderr)
    t.check("but by the recovery key", sh("printf %%s %s | cryptsetup open --test-passphrase --key-file - /dev/vda" %
                                          recovery, check=False).returncode == 0)
else:
    print("        no TPM here (LAB_TPM): not tried")

t.finish()
