#!/bin/bash
# forbidden.sh: calls that this code does without, and habits that slip in. The lines are shown.
set -euo pipefail
cd "$(dirname "$0")/../.."
bad=0

# what, why, expression (extended), files
forbid() {
	local what=$1 why=$2 expression=$3
	shift 3
	# Comments may speak of them: what stands in a comment alone is no finding.
	if git grep -nE --untracked "$expression" -- "$@" | grep -vE '^[^:]*:[0-9]*:[[:space:]]*(\*|/\*|#)'; then
		echo "forbidden: $what: $why" >&2
		bad=1
	fi
}

code=('dockd/*.[ch]' 'usb/*.[ch]' 'uploader/*.[ch]')
every=("${code[@]}" 'tests/*.[ch]')

forbid "unbounded or unchecked text" "snprintf, memcpy, strtol with its errors" \
	'\b(strcpy|strcat|stpcpy|sprintf|vsprintf|gets|atoi|atol|atoll|atof|strtok|strtok_r)[[:space:]]*\(' "${every[@]}"
forbid "memory on the stack by length" "a fixed buffer or malloc" '\balloca[[:space:]]*\(' "${every[@]}"
forbid "a shell or another program by name" "there is none to start" \
	'\b(system|popen|execlp|execvp|execvpe)[[:space:]]*\(' "${code[@]}"
forbid "loading code later" "link it" '\bdlopen[[:space:]]*\(' "${code[@]}"
forbid "names for files that can be guessed" "memfd_create, O_TMPFILE, mkostemp" \
	'\b(tmpnam|tempnam|mktemp)[[:space:]]*\(' "${every[@]}"
forbid "assert on what runs" "an error: input is not ours" '\bassert[[:space:]]*\(' "${code[@]}"
forbid "typedef of a struct" "struct name" '\btypedef[[:space:]]+struct\b' "${code[@]}"
forbid "daemonizing" "the service manager does it" '\bdaemon[[:space:]]*\(' "${code[@]}"
forbid "a descriptor that outlives exec" "O_CLOEXEC, SOCK_CLOEXEC, F_DUPFD_CLOEXEC" \
	'\b(creat|dup|pipe|epoll_create|inotify_init)[[:space:]]*\(|\bF_DUPFD\b|\beventfd\([^,]*, 0\)|\bsocket\([A-Z_0-9]+, *SOCK_[A-Z]+,' "${code[@]}"
forbid "sleeping in a program" "wait for the event" '\b(sleep|usleep)[[:space:]]*\(' "${code[@]}"
forbid "sleeping in a test" "wait for the event" '\btime\.sleep\(|(^|[[:space:]])sleep [0-9]' \
	'tests/system/*.py' 'tests/unit/*'
# secret.c: $CREDENTIALS_DIRECTORY, standing.c: $STATE_DIRECTORY, log.c: $JOURNAL_STREAM: the service manager's (systemd.exec(5)).
forbid "test hooks in shipped programs" "link a double" '\b(secure_)?getenv[[:space:]]*\(' \
	'dockd/*.c' 'usb/*.c' 'uploader/*.c' ':!uploader/secret.c' ':!dockd/base/log.c' ':!dockd/standing.c'
# SBC-3: WRITE 6, 10, 12, 16, AND VERIFY; FORMAT UNIT, UNMAP, WRITE SAME, MODE SELECT, START STOP.
forbid "a SCSI command that writes" "cameras are read only" \
	'0x(04|0[aA]|15|1[bB]|2[aAeE]|41|42|55|8[aAeE]|93|[aA][aAeE])\b|\bWRITE[_0-9(]|\bFORMAT_UNIT\b' \
	usb/disk/scsi.c usb/disk/disk.c usb/disk/disk_stream.c usb/disk/msc_camera.c usb/disk/msc_listing.c usb/disk/msc_fetch.c
forbid "a marker left behind" "do it or write it down" '\b(TODO|FIXME|XXX|HACK)\b' "${every[@]}" '*.py' '*.sh' \
	':!tests/lint/*'

# open without O_CLOEXEC: the flags may stand on the next line.
if git grep -nE --untracked -A2 '(^|[^_a-z>.])open(at)?[[:space:]]*\(' -- 'dockd/*.c' 'usb/*.c' 'uploader/*.c' |
	awk -F'[:-]' '
		/(^|[^_a-z>.])open(at)?[[:space:]]*\(/ { if (seen && !ok) print seen; seen = $0; ok = 0 }
		/O_CLOEXEC/ { ok = 1 }
		/^--$/ { if (seen && !ok) print seen; seen = "" }
		END { if (seen && !ok) print seen }' |
	grep -vE ':[[:space:]]*(\*|/\*)|SCMP_SYS|because\(|DIR \*|"[^"]*\bopen(at)?[[:space:]]*\(' | grep .; then
	echo "forbidden: open without O_CLOEXEC" >&2
	bad=1
fi

# A camera's medium is never written. SCSI commands are made in scsi.c, which knows those that read and
# no other, and in dv16.c, whose table has no command that reaches the medium (SPC-4 and SBC-3: 0x04
# FORMAT UNIT, 0x0A 0x2A 0xAA 0x8A WRITE, 0x2E WRITE AND VERIFY, 0x42 UNMAP, 0x93 WRITE SAME, 0x15 0x55
# MODE SELECT, 0x3B WRITE BUFFER, 0x48 SANITIZE, 0x7F longer ones).
reading='00|03|12|1A|25|28|88|9E'
forbid "a command descriptor block made elsewhere" "in scsi.c or dv16.c" '\bcdb\[0\][[:space:]]*=' \
	'usb/*.c' ':!usb/disk/scsi.c' ':!usb/vendor/dv16.c'
forbid "a SCSI command that writes" "nothing writes to a camera's medium" \
	'\b0x(0A|2A|2E|3B|42|48|55|8A|8E|93|AA|AE|0a|2a|2e|3b|8a|8e|aa|ae)\b' \
	usb/disk/scsi.c usb/disk/disk.c usb/disk/bot.c usb/disk/wrapper.c 'usb/msc_*.c' usb/vendor/unlock.c usb/vendor/dv16.c usb/vendor/language_dv16.c
if grep -nE '^[[:space:]]*[A-Z0-9_]+ = 0x[0-9A-Fa-f]{2},' usb/disk/scsi.c | grep -vE "= 0x($reading),"; then
	echo "forbidden: a SCSI command in scsi.c that is not known to read only" >&2
	bad=1
fi
if grep -nE '^#define TOOL_[A-Z]+ ' usb/vendor/dv16.c | grep -vE '0xF[BD]\b'; then
	echo "forbidden: a vendor's command in dv16.c that is none of its two heads" >&2
	bad=1
fi
exit $bad
