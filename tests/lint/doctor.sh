#!/bin/bash
# doctor.sh: every word by which doctor names what it looks at has its reason (ctl_doctor_words.c) and
# its entry in dockd-doctor(8), in the same order, and no other word has.
set -euo pipefail
cd "$(dirname "$0")/../.."
table=$(grep -oE '^	\{ "[a-z-]+",' dockd/ctl_doctor_words.c | sed -E 's/.*"(.*)",/\1/')
page=$(sed -n '/^\.Sh CHECKS/,/^\.Sh EXIT/p' dockd/dockd-doctor.8 | sed -nE 's/^\.It Cm ([a-z-]+)$/\1/p')
diff <(echo "$table") <(echo "$page") >&2 || {
	echo "dockd/dockd-doctor.8 and dockd/ctl_doctor_words.c differ" >&2
	exit 1
}
sort -c <<<"$table"
