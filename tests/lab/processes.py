"""What each running program of the station has: user, capabilities, filters, open files, sockets.

A Look waits in the guest until a program runs, and looks into /proc of all; judge() holds one of them
against TABLE.
"""

import re

# Kinds of open files that a program may have, and its user. "unix", "netlink", "inet": sockets by family.
BOTH = {"/dev/null", "unix", "eventpoll", "timerfd", "signalfd", "eventfd"}
TABLE = {
    "dockd": {"user": "dockd", "files": BOTH | {"state", "lamp", "/sys/class/leds", "pipe", "conf", "pidfd", "staged", "program"}},
    "dockd-hotplug": {"user": "dockd-hotplug", "files": BOTH | {"netlink", "sysfs", "pipe"}},
    "dockd-uploader": {"user": "dockd-uploader", "files": BOTH | {"uploader", "staged", "pipe", "inet"}},
    "dockd-camera": {"user": "dockd", "files": BOTH | {"camera", "staged", "pipe"}},
    "dockd-verify": {"user": "dockd", "files": BOTH | {"staged", "state", "pipe"}},
}
FAMILIES = ("unix", "netlink", "packet", "tcp", "tcp6", "udp", "udp6", "raw", "raw6")

# Nothing of dockd moves meanwhile, so it is few commands: the watchdog goes on. Sockets of another network
# namespace (the journal's) are in init's list. A worker is looked at once it has shut itself in: it has one
# filter more than the program that started it; before, it reads what its libraries are set up by.
LOOK = r"""
exec 9<> <(:) 8>/run/look.lock
shut_in() {
	local pid
	for pid in $(pgrep -x "$1"); do
		awk '/^Seccomp_filters/ { n[FILENAME] = $2 } END { exit !(n[ARGV[1]] > n[ARGV[2]]) }' \
			/proc/$pid/status /proc/$(ps -o ppid= -p $pid | tr -d ' ')/status && return
	done 2>/dev/null
	return 1
}
while :; do
	until pgrep -x "$1" >/dev/null; do read -r -t 0.05 -u 9; done
	flock 8
	systemctl freeze dockd
	! shut_in "$1" || break
	systemctl thaw dockd # it had ended by then, or is not yet shut in
	flock -u 8
done
pids=$(pgrep '^dockd' | tr '\n' ' ')
eval "ls -l /proc/{0,${pids// /,}0}/fd; grep -H '' /proc/{0,${pids// /,}0}/status /proc/{1,${pids// /,}1}/net/{%s}" 2>/dev/null
systemctl thaw dockd
flock -u 8
cat /etc/passwd
echo looked
""" % ",".join(FAMILIES)


def kind(path, families):
    """One word for what an open file is."""
    inode = re.fullmatch(r"socket:\[(\d+)\]", path)
    if inode:
        return families.get(inode[1], "socket of another family")
    for pattern, word in ((r"anon_inode:\[?(\w+)\]?", None), (r"pipe:.*", "pipe"),
                          (r"/var/lib/dockd/staging/.*", "staged"), (r"/var/lib/dockd(/.*)?", "state"),
                          (r"/var/lib/dockd-uploader(/.*)?", "uploader"), (r"/sys/devices/.*/leds?/.*", "lamp"),
                          (r"/sys/devices/.*::.*/(brightness|multi_intensity)", "lamp"),
                          (r"/sys/.*", "sysfs"), (r"/dev/bus/usb/.*", "camera"), (r"/etc/dockd/.*", "conf"), (r"/usr/libexec/dockd/dockd-(camera|verify)", "program")):
        got = re.fullmatch(pattern, path)
        if got:
            return word or got[1]
    return path


class Look:
    """Looks at all programs as soon as `program` runs: workers of a small file live for a moment."""

    def __init__(self, a, program):
        self.a, self.out = a, "/run/look-" + program
        # A script of its own: the shell of another Look may not have read its one yet.
        script = "/root/look-" + program
        a.write(script, LOOK)
        a.sh("rm -f %s; systemd-run -q -p StandardOutput=file:%s bash %s %s" %
             (self.out, self.out, script, program))

    def found(self):
        """{program: {"user", "status": {field: text}, "files": {kind: [path]}}}; of several one."""
        self.a.until("tail -n 1 %s | grep -x looked" % self.out)
        return processes(self.a.read(self.out).decode("utf-8", "replace"))


def processes(text):
    users = dict(re.findall(r"^([\w-]+):x:(\d+):", text, re.M))
    users = {uid: name for name, uid in users.items()}
    families, found, by_pid = {}, {}, {}
    for family, line in re.findall("^/proc/\\d+/net/(\\w+):(.*)", text, re.M):
        words, column = line.split(), {"unix": 6, "packet": 8}.get(family, 9)
        if len(words) > column:
            families[words[column]] = family if family in ("unix", "netlink", "packet") else "inet"
    for pid, field, value in re.findall(r"^/proc/(\d+)/status:(\w+):\s*(.*)", text, re.M):
        by_pid.setdefault(pid, {})[field] = value
    for pid, listing in re.findall(r"^/proc/(\d+)/fd:\n((?:.+\n)*)", text, re.M):
        if pid in by_pid:
            status, kinds = by_pid[pid], {}
            for path in re.findall(" -> (.*)", listing):
                kinds.setdefault(kind(path, families), []).append(path)
            process = {"user": users[status["Uid"].split()[0]], "status": status, "files": kinds}
            # Of several the one with most filters: a program that is just being started has none of its own yet.
            if filters(process) > filters(found.get(status["Name"])):
                found[status["Name"]] = process
    return found


def filters(process):
    return int(process["status"]["Seccomp_filters"]) if process else -1


def judge(name, process):
    """What is not as the table says."""
    wrong, status = [], process["status"]
    if process["user"] != TABLE[name]["user"]:
        wrong.append("user " + process["user"])
    for field, value in (("CapInh", 0), ("CapPrm", 0), ("CapEff", 0), ("CapBnd", 0), ("CapAmb", 0)):
        if int(status[field], 16) != value:
            wrong.append("%s %s" % (field, status[field]))
    if status["NoNewPrivs"] != "1" or status["Seccomp"] != "2":
        wrong.append("NoNewPrivs %s, Seccomp %s" % (status["NoNewPrivs"], status["Seccomp"]))
    return wrong + ["%s: %s" % (k, v) for k, v in process["files"].items() if k not in TABLE[name]["files"]]


def still_wrong(a, name, wrong):
    """
    What of it is so at another look, too, for a program that goes on: it may have been seen while it handed a
    camera on, or with a file that it reads and closes at once. A worker opens nothing once it is shut in.
    """
    again = {text.split(": ")[0] for text in judge(name, Look(a, name).found()[name])}
    return [text for text in wrong if text.split(": ")[0] in again]
