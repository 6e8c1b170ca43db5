#!/bin/bash
# protocol.sh: every message of proto.h stands in PROTOCOL.md, and nothing else does; every named
# hand-over stands in HACKING.md.
set -euo pipefail
cd "$(dirname "$0")/../.."
bad=0
found=$(mktemp)
trap 'rm -f "$found"' EXIT

in_header=$(grep -oE '^	MSG_[A-Z_]+' dockd/base/proto.h | tr -d '\t' | sed 's/^MSG_//' | sort -u)
# shellcheck disable=SC2016 # the backquotes are Markdown's
in_page=$(grep -oE '^\| `[A-Z_]+`' dockd/base/PROTOCOL.md | tr -d '|` ' | sort -u)
in_shapes=$(grep -oE 'SHAPE\([A-Z_]+' dockd/base/proto.c | sed 's/SHAPE(//' | grep -v '^type$' | sort -u)

if ! diff <(echo "$in_header") <(echo "$in_page") >"$found"; then
	echo "proto.h (<) and PROTOCOL.md (>) tell of different messages:" >&2
	cat "$found" >&2
	bad=1
fi
if ! diff <(echo "$in_header") <(echo "$in_shapes") >"$found"; then
	echo "proto.h (<) and the shapes of proto.c (>) tell of different messages:" >&2
	cat "$found" >&2
	bad=1
fi

while read -r point; do
	if ! grep -q "\`$point\`" HACKING.md 2>/dev/null; then
		echo "HACKING.md does not name the hand-over \`$point\`" >&2
		bad=1
	fi
done < <(git grep -ohE --untracked 'handover\("[a-z0-9-]+"\)' -- 'dockd/*.c' 'usb/*.c' 'uploader/*.c' |
	sed -E 's/.*"(.*)".*/\1/' | sort -u)
exit $bad
