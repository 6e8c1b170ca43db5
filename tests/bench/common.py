"""What the benchmarks share: places, medians, a table, processor time and memory of processes."""
import os
import pathlib
import select
import statistics
import sys
import tempfile
import threading

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE.parent / "system"))
BUILD = pathlib.Path(os.environ.get("DOCKD_BUILD", ROOT / "build"))
MIB = 1 << 20
TICK = os.sysconf("SC_CLK_TCK")


def say(text):
    print(f"  {text}", file=sys.stderr, flush=True)


def scratch(name, where="/dev/shm"):
    """A folder in memory that every made-up user may reach: disks differ, ratios should not."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix=f"dockd-bench-{name}-", dir=where))
    folder.chmod(0o755)
    return folder


def spread(values, digits=2):
    """"median (least to most)"."""
    return (f"{statistics.median(values):.{digits}f} "
            f"({min(values):.{digits}f} to {max(values):.{digits}f})")


def ratio_of_pairs(ours, theirs):
    """How fast we are beside them, pair by pair: above 1 is faster."""
    return [t / o for o, t in zip(ours, theirs)]


class Row:
    """One line of the results: what was measured, the figure, its goal, whether it is reached."""

    def __init__(self, what, figure, goal="", good=None, note=""):
        self.what, self.figure, self.goal, self.good, self.note = what, figure, goal, good, note

    def cells(self):
        verdict = {None: "", True: "reached", False: "**missed**"}[self.good]
        return [self.what, self.figure, self.goal, verdict, self.note]


def table(rows):
    lines = ["| what | figure | goal | | how, and what to know |", "|---|---|---|---|---|"]
    lines += ["| " + " | ".join(row.cells()) + " |" for row in rows]
    return "\n".join(lines)


# ---- processor time ----

def stat_of(pid):
    """(parent, own seconds, seconds of its reaped children) by proc(5); None when it is gone."""
    try:
        text = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = text[text.rindex(")") + 2:].split()
    return (int(fields[1]), (int(fields[11]) + int(fields[12])) / TICK,
            (int(fields[13]) + int(fields[14])) / TICK)


def children_of(pid):
    try:
        return [int(child) for task in pathlib.Path(f"/proc/{pid}/task").iterdir()
                for child in (task / "children").read_text().split()]
    except OSError:
        return []


def name_of(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return "?"


def seconds_of(*pids):
    """{program: processor seconds} of these processes and all below them, reaped children too."""
    sums = {}
    for pid in pids:
        found = stat_of(pid)
        if not found:
            continue
        _, own, reaped = found
        sums[name_of(pid)] = sums.get(name_of(pid), 0) + own
        sums["ended children"] = sums.get("ended children", 0) + reaped
        for name, value in seconds_of(*children_of(pid)).items():
            sums[name] = sums.get(name, 0) + value
    return sums


def measured(command, **how):
    """(output, processor seconds) of one command, by wait4."""
    read, write = os.pipe()
    pid = os.posix_spawnp(str(command[0]), [str(c) for c in command], {**os.environ, **how},
                          file_actions=[(os.POSIX_SPAWN_DUP2, write, 1),
                                        (os.POSIX_SPAWN_CLOSE, read)])
    os.close(write)
    with os.fdopen(read) as stream:
        output = stream.read()
    _, status, usage = os.wait4(pid, 0)
    if status:
        raise RuntimeError(f"{command[0]}: status {status}: {output[-300:]}")
    return output, usage.ru_utime + usage.ru_stime


# ---- memory ----

def pss_kib(pid):
    """Proportional set size by smaps_rollup, in KiB; None when it is gone."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as f:
            for line in f:
                if line.startswith("Pss:"):
                    return int(line.split()[1])
    except OSError:
        pass
    return None


def sockets_of(pid):
    """How many sockets a process has open."""
    try:
        return sum(os.readlink(f"/proc/{pid}/fd/{fd}").startswith("socket:")
                   for fd in os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return 0


class MemoryWatch:
    """The largest PSS of each program, looked at for every hand-over that passes and every 50 ms.

    hand-overs: a FIFO that the test-linked programs write to (HANDOVER_LOG, tests/double).
    """

    def __init__(self, folder, roots):
        self.path = pathlib.Path(folder) / "handovers"
        os.mkfifo(self.path)
        self.path.chmod(0o666)
        self.fd = os.open(self.path, os.O_RDWR | os.O_NONBLOCK)
        self.roots = roots  # () => pids
        self.peaks, self.passed, self.connections = {}, 0, 0
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def start(self):
        self.thread.start()
        return self

    def look(self):
        pids = list(self.roots())
        for pid in pids:
            pids += children_of(pid)
            kib = pss_kib(pid)
            if kib is not None:
                name = name_of(pid)
                self.peaks[name] = max(self.peaks.get(name, 0), kib)
                if name == "dockd-uploader":
                    self.connections = max(self.connections, sockets_of(pid) - 1)

    def _run(self):
        while not self.over.is_set():
            ready, _, _ = select.select([self.fd], [], [], 0.05)
            if ready:
                self.passed += os.read(self.fd, 1 << 16).count(b"\n")
            self.look()

    def stop(self):
        self.over.set()
        self.thread.join()
        os.close(self.fd)
        return self.peaks
