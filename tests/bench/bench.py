#!/usr/bin/python3
"""dockd measured on this machine: every figure beside its goal (README, "Measured").

    bench.py [--only NAME[,NAME]] [--quick] [--rounds N] [--seed N] [--write]

Names: upload, pace, cpu, memory, again, million, faults. Prints a table; writes nothing, but with
--write its own part of tests/bench/RESULTS.md. Ratios are of interleaved runs on the same machine
within the same minute; seconds alone mean little elsewhere. Runs as root: each program has a user.
"""
import argparse
import os
import pathlib
import platform
import subprocess
import sys
import time

import common

RESULTS = pathlib.Path(__file__).with_name("RESULTS.md")
BEGIN, END = "<!-- bench: begin -->", "<!-- bench: end -->"
PARTS = {"upload": ("upload",), "docking": ("pace", "cpu", "memory", "again"),
         "million": ("million",), "faults": ("faults",)}


def options():
    p = argparse.ArgumentParser(usage=__doc__.split("\n\n")[1].strip())
    p.add_argument("--only", default=",".join(n for names in PARTS.values() for n in names))
    p.add_argument("--quick", action="store_true", help="small and once: to see that it runs")
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--faults", type=int, default=12, help="runs of the part faults")
    p.add_argument("--seed", type=int, default=20261121)
    p.add_argument("--write", action="store_true")
    found = p.parse_args()
    chosen = found.only.split(",")
    unknown = set(chosen) - {n for names in PARTS.values() for n in names}
    if unknown:
        p.error(f"there is no {', '.join(unknown)}")
    found.wants = lambda name: name in chosen
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
    return ", ".join(words)


def load():
    return " ".join(f"{value:.1f}" for value in os.getloadavg())


def write(text):
    old = RESULTS.read_text("utf-8")
    before, rest = old.split(BEGIN)
    RESULTS.write_text(before + BEGIN + "\n" + text + "\n" + rest[rest.index(END):], "utf-8")


def main():
    wanted = options()
    if os.getuid() != 0:
        sys.exit("bench.py: as root (make bench asks for it): each program runs as a made-up user")
    commit, changed = output("git", "rev-parse", "--short=10", "HEAD"), output(
        "git", "status", "--porcelain", "--untracked-files=no", "dockd", "uploader", "usb")
    began, rows = load(), []
    from station import drop_programs
    try:
        for module, names in PARTS.items():
            if any(wanted.wants(name) for name in names):
                common.say(f"{module}: load {load()}")
                rows += __import__(module).run(wanted)
    finally:
        drop_programs()
    text = "\n".join([
        f"{time.strftime('%Y-%m-%d %H:%M', time.gmtime())} UTC, commit {commit}"
        f"{' with changes' if changed else ''}; {machine()}; {versions()}; load {began} at the "
        f"beginning, {load()} at the end.", "", common.table(rows)])
    print(text)
    if wanted.write:
        write(text)
    return 0 if all(row.good is not False for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
