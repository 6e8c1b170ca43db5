#!/bin/bash
# events.sh: every event that a program logs has its entry in dockd(8).
set -euo pipefail
cd "$(dirname "$0")/../.."
bad=0
while read -r event; do
	if ! grep -qE "^\.It Cm ([a-z-]+ , )*$event( |$)" dockd/dockd.8; then
		echo "dockd/dockd.8: no entry for event \"$event\"" >&2
		bad=1
	fi
done < <(git ls-files -co --exclude-standard 'dockd/*.c' 'usb/*.c' 'uploader/*.c' | xargs cat | tr -s '\n\t ' ' ' |
	grep -oE '\blog_(info|warn|error|debug)\( ?[^,;]*,' | grep -oE '"[a-z-]+"' | tr -d '"' | sort -u)
exit $bad
