#!/usr/bin/python3
"""dockd measured on this machine: every figure beside its goal (RESULTS.md).

    bench.py [--only NAME[,NAME]] [--quick] [--rounds N] [--seed N] [--write]

Names: upload, clients, pace, cpu, memory, again, million, faults. Prints a table for each; writes nothing,
but with --write their parts of tests/bench/RESULTS.md. Ratios are of interleaved runs on the same machine
within the same minute; seconds alone mean little elsewhere. Runs as root: each program has a user.
"""
import argparse
import os
import pathlib
import platform
import shutil
import subprocess
import sys
import time

import common

RESULTS = pathlib.Path(__file__).with_name("RESULTS.md")
PARTS = {  # name: (module, function)
    "upload": ("upload", "run"),
    "clients": ("clients", "run"),
    "pace": ("docking", "run_pace"),
    "cpu": ("docking", "run_cpu"),
    "memory": ("docking", "run_memory"),
    "again": ("docking", "run_again"),
    "million": ("million", "run"),
    "faults": ("faults", "run"),
}


def options():
    p = argparse.ArgumentParser(usage=__doc__.split("\n\n")[1].strip())
    p.add_argument("--only", default=",".join(PARTS))
    p.add_argument("--quick", action="store_true", help="small and once: to see that it runs")
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--faults", type=int, default=12, help="runs of the part faults")
    p.add_argument("--seed", type=int, default=20261121)
    p.add_argument("--write", action="store_true")
    found = p.parse_args()
    found.names = found.only.split(",")
    unknown = set(found.names) - PARTS.keys()
    if unknown:
        p.error(f"there is no {', '.join(unknown)}")
    return found


def output(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False,
                          cwd=common.ROOT).stdout.strip()


def machine():
    model = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo")
                  if line.startswith("model name")), platform.machine())
    return (f"{os.cpu_count()} × {model}, {os.sysconf('SC_PHYS_PAGES') * 4096 >> 30} GiB, Linux "
            f"{platform.release()}")


def versions():
    words = [output("curl", "--version").split("\n")[0].split(" (")[0],
             f"Node {output('node', '--version')}"]
    for folder, name in (("npm", "@tus/server"), ("bench-npm", "tus-js-client")):
        path = common.ROOT / "build" / folder / "node_modules" / name / "package.json"
        if path.exists():
            words.append(f"{name} {output('node', '-p', f'require({str(path)!r}).version')}")
    for command in (("rclone", "version"), ("s3cmd", "--version"), ("radosgw", "--version")):
        if shutil.which(command[0]):
            words.append(output(*command).split("\n")[0].split(" (")[0])
    return ", ".join(words)


def load():
    return " ".join(f"{value:.1f}" for value in os.getloadavg())


def write(name, text):
    """Puts the text between the marks of this part; all else in the file stays."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    before, rest = RESULTS.read_text("utf-8").split(begin)
    RESULTS.write_text(f"{before}{begin}\n{text}\n{rest[rest.index(end):]}", "utf-8")


def commit():
    changed = output("git", "status", "--porcelain", "--untracked-files=no", "dockd", "uploader",
                     "usb")
    return f"commit {output('git', 'rev-parse', '--short=10', 'HEAD')}" + (
        " with changes" if changed else "")


def measure(name, wanted):
    """(text, whether every goal is reached)"""
    module, function = PARTS[name]
    began = load()
    common.say(f"{name}: load {began}")
    rows = getattr(__import__(module), function)(wanted)
    head = (f"{time.strftime('%Y-%m-%d %H:%M', time.gmtime())} UTC, {commit()}; {machine()}; load "
            f"{began} before, {load()} after" + (f"; {versions()}" if name == "clients" else ""))
    return f"{head}\n\n{common.table(rows)}", all(row.good is not False for row in rows)


def main():
    wanted = options()
    if os.getuid() != 0:
        sys.exit("bench.py: as root (make bench asks for it): each program runs as a made-up user")
    from station import drop_programs
    place = f"{machine()}; {versions()}"
    print(place, flush=True)
    reached = True
    try:
        for name in wanted.names:
            text, good = measure(name, wanted)
            print(f"\n{name}: {text}", flush=True)
            reached &= good
            if wanted.write:
                if wanted.names == list(PARTS):
                    write("machine", place)
                write(name, text)
    finally:
        drop_programs()
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
