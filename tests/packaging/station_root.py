"""A whole Debian root (tests/lab/root) as a chroot: what apt, dpkg and the maintainer scripts do in it.

No systemd runs there and nothing of it reaches this machine: each command has mounts, processes and a name of
its own, and only /proc. With `play_systemd` the scripts find a running systemd, whose systemctl is one that
writes down what it was asked; `active` is what it says of a service.
"""
import hashlib
import os
import pathlib
import shutil
import stat
import subprocess
import tempfile

TREE = pathlib.Path(__file__).resolve().parents[2]
PLACES = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
SYSTEMCTL = """#!/bin/sh
echo "$*" >>/systemctl-asked
case "$*" in
*is-enabled*) echo enabled ;;
*is-active*) test -e /systemctl-active ;;
*restart*) test ! -e /systemctl-fails ;;
*preset*) exec /systemctl-real "$@" ;;
esac
"""
# What apt, dpkg and their like leave behind themselves, whatever is installed.
TRACES = ("proc/", "run/", "tmp/", "dev/", "var/log/", "var/lib/dpkg/", "var/lib/apt/", "var/cache/",
          "etc/passwd", "etc/group", "etc/shadow", "etc/gshadow", "etc/.pwd.lock", "etc/ld.so.cache",
          "etc/apt/", "systemctl-", "initramfs-")


class Base:
    """The root as it was unpacked, which nobody changes: each test has a layer of its own over it."""
    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="dockd-packaging-"))
        self.path = self.folder / "base"
        subprocess.run([TREE / "tests/lab/root", "unpack", self.path], check=True, stdout=subprocess.DEVNULL)

    def close(self):
        shutil.rmtree(self.folder)


class Root:
    def __init__(self, base):
        self.folder = pathlib.Path(tempfile.mkdtemp(dir=base.folder))
        self.path = self.folder / "root"
        for name in ("root", "upper", "work"):
            (self.folder / name).mkdir()
        subprocess.run(["mount", "-t", "overlay", "dockd-packaging", "-o",
                        f"lowerdir={base.path},upperdir={self.folder}/upper,workdir={self.folder}/work",
                        self.path], check=True)
        self.write("/usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n", 0o755)
        # A start-up image takes a minute and is not looked at here: that it is asked for is.
        self.write("/usr/sbin/update-initramfs", '#!/bin/sh\necho "$@" >>/initramfs-asked\n', 0o755)

    def close(self):
        subprocess.run(["umount", self.path], check=True)
        shutil.rmtree(self.folder)

    def __truediv__(self, name):
        return self.path / str(name).lstrip("/")

    def write(self, name, text, mode=0o644):
        path = self / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)

    def run(self, *command, check=True, text=""):
        """Runs it inside; what it has printed, both ways, in order. With check=False: the exit code too."""
        done = subprocess.run(
            ["env", "-i", f"PATH={PLACES}", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C.UTF-8", "HOME=/root",
             "unshare", "--mount", "--uts", "--pid", "--fork", f"--mount-proc={self.path}/proc",
             "chroot", self.path, *map(str, command)],
            input=text, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120)
        if check:
            assert done.returncode == 0, done.stdout
            return done.stdout
        return done.returncode, done.stdout

    def put(self, deb):
        shutil.copy(deb, self / "tmp")
        return f"/tmp/{pathlib.Path(deb).name}"

    def install(self, deb, *options, check=True):
        """apt-get install, without a network: all that the package needs is there."""
        return self.run("apt-get", "install", "-y", "--allow-downgrades", "-o", "Dpkg::Use-Pty=0", *options,
                        self.put(deb), check=check)

    def apt(self, *words, check=True):
        return self.run("apt-get", "-y", "-o", "Dpkg::Use-Pty=0", *words, check=check)

    def play_systemd(self, active=True, fails=False):
        (self / "run/systemd/system").mkdir(parents=True, exist_ok=True)
        if not (self / "systemctl-real").exists():
            (self / "usr/bin/systemctl").rename(self / "systemctl-real")
        self.write("/usr/bin/systemctl", SYSTEMCTL, 0o755)
        self.write("/usr/sbin/policy-rc.d", "#!/bin/sh\nexit 0\n", 0o755)
        self.write("/systemctl-asked", "")
        for name, there in (("active", active), ("fails", fails)):
            (self / f"systemctl-{name}").unlink(missing_ok=True)
            if there:
                self.write(f"/systemctl-{name}", "")

    def asked(self):
        """What systemctl was asked to do with services since the last time."""
        lines = (self / "systemctl-asked").read_text().splitlines()
        self.write("/systemctl-asked", "")
        words = ("start", "stop", "restart", "reload", "enable", "disable", "mask", "unmask")
        return [line for line in lines if set(words) & set(line.split())]

    def ids(self):
        """Names of users and groups by number, as this root has them."""
        users = {int(f[2]): f[0] for f in (r.split(":") for r in (self / "etc/passwd").read_text().splitlines())}
        groups = {int(f[2]): f[0] for f in (r.split(":") for r in (self / "etc/group").read_text().splitlines())}
        return users, groups

    def modes(self, *names):
        """name -> "0640 root:dockd" """
        users, groups = self.ids()
        shown = {}
        for name in names:
            st = (self / name).lstat()
            shown[name] = f"{stat.S_IMODE(st.st_mode):04o} {users[st.st_uid]}:{groups[st.st_gid]}"
        return shown

    def snapshot(self):
        """Every path but the traces of apt, with type, mode, owner and a digest of what is in it."""
        seen = {}
        for folder, folders, files in os.walk(self.path):
            base = pathlib.Path(folder).relative_to(self.path)
            folders[:] = [f for f in folders if not f"{base / f}/".startswith(TRACES)]
            for name in folders + files:
                path, short = pathlib.Path(folder) / name, str(base / name)
                if short.startswith(TRACES):
                    continue
                st = path.lstat()
                if stat.S_ISLNK(st.st_mode):
                    what = os.readlink(path)
                elif stat.S_ISREG(st.st_mode):
                    what = hashlib.sha256(path.read_bytes()).hexdigest() if "dockd" in short else st.st_size
                else:
                    what = ""
                seen[short] = (oct(st.st_mode), st.st_uid, st.st_gid, what)
        return seen


def repacked(deb, folder, version, change=None):
    """The same package under another version number, with `change(folder of its files)` made to it."""
    inside = pathlib.Path(folder) / f"inside-{version}"
    subprocess.run(["dpkg-deb", "-R", deb, inside], check=True)
    control = inside / "DEBIAN/control"
    control.write_text("".join(f"Version: {version}\n" if line.startswith("Version:") else line
                               for line in control.read_text().splitlines(True)))
    if change:
        change(inside)
    made = pathlib.Path(folder) / f"dockd_{version}.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "-b", inside, made], check=True, stdout=subprocess.DEVNULL)
    shutil.rmtree(inside)
    return made
