"""A whole station for tests: the real core, verify and uploaders, the simulated dock and cameras.

Each program runs as a made-up user of its own, so that who may do what is exercised. A small
service manager starts hotplug and the uploaders again when they end, as systemd would. Nothing is
waited for by time: dockctl wait, the simulator's wait, or the end of a process.
"""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import threading
import time

from fake_uploader import Beside
from vcam import Camera
from waiting import until as until_true

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("DOCKD_BUILD", ROOT / "build"))
CORE, HOTPLUG, UPLOADER = 64001, 64002, 64003
CORE_GROUP = 64010
ROLES = {"viewer": 64011, "custodian": 64012, "evidence": 64013, "auditor": 64014, "it": 64015}
PROGRAMS = ["test/dockd", "test/dockd-camera", "test/dockd-verify", "test/dockd-hotplug",
            "test/dockd-uploader", "dockctl"]
LOOKS = {"status", "bay", "clip", "queue", "wait", "doctor", "metrics", "due", "review", "orders"}
_bin = None
kept = set()  # names of folders that failed tests leave to be looked at


def programs():
    """A copy of the programs that every made-up user may run (a checkout may lie in a closed folder)."""
    global _bin
    if _bin is None:
        _bin = pathlib.Path(tempfile.mkdtemp(prefix="dockd-bin-"))
        _bin.chmod(0o755)
        (_bin / "test").mkdir()
        for name in PROGRAMS:
            shutil.copy2(BUILD / name, _bin / pathlib.Path(name).name)
        shutil.copy2(BUILD / "test/vcam", _bin / "test/vcam")
        shutil.copytree(ROOT / "etc/profiles", _bin / "profiles")
        for path in [_bin / "profiles", *(_bin / "profiles").iterdir()]:
            path.chmod(0o755)
    return _bin


def drop_programs():
    global _bin
    if _bin is not None:
        shutil.rmtree(_bin, ignore_errors=True)
        _bin = None


def as_user(uid, *groups):
    extra = f"--groups={','.join(map(str, groups))}" if groups else "--clear-groups"
    return ["setpriv", f"--reuid={uid}", f"--regid={uid}", extra]


class Timeout(Exception):
    pass


class Service:
    """One program that a service manager keeps running."""

    def __init__(self, name, command, log, env=None, keep=True):
        self.name, self.command, self.log, self.keep = name, command, log, keep
        self.env = {**os.environ, **(env or {})}
        self.starts, self.codes = 0, []
        self.lock, self.pause = threading.Lock(), threading.Event()
        self.process = None
        self._start()

    def _start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log, env=self.env,
                                            stdin=subprocess.DEVNULL)
        self.starts += 1
        threading.Thread(target=self._watch, args=(self.process, time.monotonic()), daemon=True).start()

    def _watch(self, process, began):
        code = process.wait()
        if time.monotonic() - began < 0.5:  # RestartSec= of one that finds no core
            self.pause.wait(0.05)
        with self.lock:
            self.codes.append(code)
            if self.keep and len(self.codes) < 2000:
                self._start()

    def send(self, number):
        self.process.send_signal(number)

    def stop(self, number=signal.SIGTERM, timeout=60):
        with self.lock:
            self.keep = False
        self.pause.set()
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise


def conf_value(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value) + ("L" if abs(value) > 2**31 - 1 else "")
    if isinstance(value, dict):
        return "{ " + " ".join(f"{k} = {conf_value(v)};" for k, v in value.items()) + " }"
    if isinstance(value, (list, tuple)):
        return "( " + ", ".join(conf_value(v) for v in value) + " )"
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'


def new_folder(name):
    """A folder that every made-up user may go through."""
    path = pathlib.Path(tempfile.mkdtemp(prefix=f"dockd-{name}-"))
    path.chmod(0o755)
    return path


class Clock:
    """The clocks of a station and of what reads CLOCK_FILE: so far ahead of the real time."""

    def __init__(self, folder):
        self.path = pathlib.Path(folder) / "clock"
        self.env = {"CLOCK_FILE": str(self.path)}
        self.at(0)

    def at(self, seconds, synchronised=True, set_by=0):
        """set_by: by so many seconds the time of day was set; no time has passed."""
        self.seconds = seconds
        new = self.path.with_suffix(".new")
        new.write_text(f"{int(seconds)} {int(synchronised)} {int(set_by)}\n")
        new.chmod(0o644)
        new.replace(self.path)

    def on(self, seconds):
        self.at(self.seconds + seconds)


class Death:
    """A program ends where it passes a hand-over for the nth time, "POINT:N", once; None: nowhere."""

    def __init__(self, folder, where):
        self.mark = pathlib.Path(folder) / "mark"
        self.mark.touch()
        self.mark.chmod(0o666)
        self.env = {"DIE_AT": where, "DIE_MARK": str(self.mark)} if where else {}

    @property
    def came(self):
        return self.mark.stat().st_size > 0


def until(s, condition, what, seconds=120):
    """For what dockctl wait has no word for."""
    return until_true(condition, lambda: f"{what}: {s.situation()}", seconds, 0.02)


class Station:
    """with Station(...) as s: settings are those of dockd.conf, '_' for '-'.

    keep_core: the core is started again when it ends, as the other services always are.
    contradicted: the index and the ledger are made to differ; in all other tests they never do.
    fakes: destinations whose uploader is fake_uploader.py; self.fakes has the test's end of each.
    """

    def __init__(self, env=None, uploader_env=None, hotplug_env=None, start=True, folder=None,
                 profile=None, keep_core=False, fakes=(), **settings):
        self.bin = programs()
        self.folder = pathlib.Path(folder or new_folder("station"))
        self.folder.chmod(0o755)
        self.env, self.uploader_env, self.hotplug_env = env or {}, uploader_env or {}, hotplug_env or {}
        self.keep_core = keep_core
        self.contradicted = False
        self.cameras = []
        self.core = self.hotplug = None
        self.uploaders = {}
        self._dir("state", CORE, 0o700)
        self._dir("run", CORE, 0o755)
        self._dir("dock", HOTPLUG, 0o755)
        self._dir("leds", CORE, 0o755)
        self._dir("store", UPLOADER, 0o755)
        self._dir("logs", 0, 0o777)
        self._dir("profiles", 0, 0o755)
        self.fakes = {name: Beside(self.folder / f"fake-{name}", UPLOADER) for name in fakes}
        for path in (self.bin / "profiles").iterdir():
            text = path.read_text()
            if profile and path.name == "simulator.conf":
                text = self._profile(text, profile)
            (self.folder / "profiles" / path.name).write_text(text)
        self.settings = {
            "station": "test-station",
            "state-dir": self.folder / "state",
            "run-dir": self.folder / "run",
            "leds-dir": self.folder / "leds",
            "allow-plaintext": True,
            "reserve-bytes": 1 << 20,
            "hotplug-user": HOTPLUG,
            "uploader-user": UPLOADER,
            "core-group": CORE_GROUP,
            **{f"{role}-group": gid for role, gid in ROLES.items()},
            "rejoin-seconds": 1,
            "retry-min-seconds": 1,
            "retry-max-seconds": 2,
            "ship-seconds": 86400,  # more files at the server: test_proof asks for them
            "reports": "none",  # a report is one more file at the server: test_evidence asks for them
            "destinations": [{"name": "store", "driver": "dir", "folder": self.folder / "store"}],
            **{k.replace("_", "-"): v for k, v in settings.items()},
        }
        self.write_config()
        if start:
            self.start()

    def other_profile(self, product, **changes):
        """A profile like the simulator's for cameras with this product id; before start()."""
        text = self._profile((self.folder / "profiles/simulator.conf").read_text(),
                             {"name": f"simulator-{product:x}", **changes})
        (self.folder / f"profiles/simulator-{product:x}.conf").write_text(text.replace("0xbcbc", f"{product:#x}"))

    @staticmethod
    def _profile(text, changes):
        """The simulator's profile with other settings: each line of a changed setting is replaced."""
        lines = [line for line in text.splitlines()
                 if not any(line.startswith(f"{k.replace('_', '-')} ") for k in changes)]
        lines += [f"{k.replace('_', '-')} = {conf_value(v)};" for k, v in changes.items()
                  if v is not None]
        return "\n".join(lines) + "\n"

    def _dir(self, name, uid, mode):
        path = self.folder / name
        if not path.exists():
            path.mkdir()
            os.chown(path, uid, uid)
            path.chmod(mode)

    def write_config(self):
        text = "".join(f"{k} = {conf_value(v)};\n" for k, v in self.settings.items())
        (self.folder / "dockd.conf").write_text(text)

    def camera(self, name, objects=None, **scenario):
        """A simulated camera in somebody's hand; plug("1-1") docks it."""
        self._dir("cameras", HOTPLUG, 0o755)
        scenario["usb"] = {"vendor": 0x1209, "product": 0xbcbc, "model": "vcam",
                           **scenario.get("usb", {})}
        scenario.setdefault("battery", 100)
        folder = self.folder / "cameras" / name
        folder.mkdir(exist_ok=True)
        os.chown(folder, HOTPLUG, HOTPLUG)
        camera = Camera(self.bin, folder, name, dock=self.folder / "dock", objects=objects,
                        wrapper=as_user(HOTPLUG), **scenario)
        self.cameras.append(camera)
        return camera

    # -- programs --

    def start_core(self):
        self.core = Service("dockd", [
            *as_user(CORE, CORE_GROUP), self.bin / "dockd", "-c",
            self.folder / "dockd.conf", "--libexec", self.bin, "--profiles",
            self.folder / "profiles"], self.folder / "logs/dockd.log", self.env, self.keep_core)
        self.ctl("status", check=False, connect=True)

    def start_hotplug(self):
        self.hotplug = Service("hotplug", [
            *as_user(HOTPLUG, CORE_GROUP), self.bin / "dockd-hotplug", "--socket",
            self.folder / "run/core.sock", "--dock", self.folder / "dock"],
            self.folder / "logs/hotplug.log", self.hotplug_env)

    def start_uploader(self, name):
        core = self.folder / "run/core.sock"
        self.uploaders[name] = Service(f"uploader {name}", [
            *as_user(UPLOADER, CORE_GROUP), *(self.fakes[name].command(core, name) if name in self.fakes
                else [self.bin / "dockd-uploader", "--socket", core, name])], self.folder / f"logs/uploader-{name}.log",
            self.uploader_env)

    def start(self, ready=True):
        """ready: all that was started has told the core who it is, and a destination what it is or lacks."""
        self.start_core()
        self.start_hotplug()
        for destination in self.settings["destinations"]:
            self.start_uploader(destination["name"])
        if ready:
            until(self, self.is_ready, "hotplug and the uploaders are connected")
        return self

    def is_ready(self):
        status = self.ctl("status", check=False, connect=True)
        if "destinations" not in status:
            return not self.core.keep and self.core.process.poll() is not None
        return status["hotplug"] and all(
            d["connected"] or d["text"] and "uploader is not connected" not in d["text"]
            for d in status["destinations"])

    def stop_core(self, number=signal.SIGTERM):
        return self.core.stop(number)

    def close(self):
        for camera in self.cameras:
            camera.close()
        for service in [*self.uploaders.values(), self.hotplug, self.core]:
            if service is not None:
                service.stop()

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        try:
            self.close()
            assert kind or self.contradicted or not self.events("index-contradicted"), "a false alarm"
        finally:
            if kind is None:
                shutil.rmtree(self.folder, ignore_errors=True)
            else:
                kept.add(self.folder.name)
                print(f"station kept in {self.folder}\n{self.log()[-6000:]}")

    # -- what a person would ask --

    def ctl(self, *args, check=True, connect=False, as_uid=0):
        """dockctl --json ...: the parsed answer; connect: tries until the core listens.

        As with connect where a core that is kept running is only looked at: it may just be starting anew.
        """
        command = [self.bin / "dockctl", "--json", "--socket", self.folder / "run/control.sock",
                   *map(str, args)]
        connect = connect or (args[0] in LOOKS and self.core is not None and self.core.keep)
        for _ in range(2000 if connect else 1):
            done = subprocess.run(command, capture_output=True, encoding="utf-8")
            if done.returncode != 4 or (self.core and not self.core.keep and
                                        self.core.process.poll() is not None):
                break
            threading.Event().wait(0.01) if connect else None
        if done.returncode == 3 and check:
            raise Timeout(f"{args}: {done.stdout}{done.stderr}\n{self.situation()}")
        if check and done.returncode != 0:
            raise AssertionError(f"dockctl {args}: {done.returncode} {done.stdout}{done.stderr}")
        return json.loads(done.stdout) if done.stdout.strip() else {"exit": done.returncode}

    def wait(self, *condition, timeout=120):
        return self.ctl("wait", *condition, "--timeout", timeout)

    def situation(self):
        parts = [self.ctl(what, check=False) for what in ("status", "bay", "queue")]
        return json.dumps(parts, indent=1)[:6000]

    def log(self, name="dockd"):
        path = self.folder / f"logs/{name}.log"
        return path.read_text("utf-8", errors="replace") if path.exists() else ""

    def events(self, event, name="dockd"):
        return [line for line in self.log(name).splitlines() if f" event={event} " in f"{line} "]

    def bay(self, name):
        return self.ctl("bay", name)

    def clip(self, number):
        return self.ctl("clip", number)

    def clips(self):
        """Every asset, as `dockctl clip` shows it; numbers have no holes."""
        return [self.clip(n) for n in range(1, self.ctl("status")["assets"] + 1)]

    def ledger(self):
        """Its whole records: what a core that was killed had begun of one is being cut off just then."""
        records = []
        for segment in sorted((self.folder / "state/ledger").glob("*.jsonl")):
            data = segment.read_bytes()
            records += [json.loads(line) for line in data[:data.rfind(b"\n") + 1].splitlines()]
        return records
