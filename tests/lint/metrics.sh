#!/bin/bash
# metrics.sh: every figure of dockd/metrics.c has its entry, with its type, in dockd-metrics(7), and
# every entry there is a figure. What the sample rules and pages speak of are such figures.
set -euo pipefail
cd "$(dirname "$0")/../.."

in_code=$(tr -s '\n\t ' ' ' <dockd/metrics.c | grep -oE '\{ "dockd_[a-z_]+", [GCH],' |
	sed -E 's/\{ "(.*)", G,/\1 gauge/; s/\{ "(.*)", C,/\1 counter/; s/\{ "(.*)", H,/\1 histogram/' | sort)
in_page=$(sed -nE 's/^\.It Cm (dockd_[a-z_]+) Pq ([a-z]+)( .*)?$/\1 \2/p' dockd/dockd-metrics.7 | sort)
if [ -z "$in_code" ] || [ "$in_code" != "$in_page" ]; then
	echo "dockd/metrics.c (<) and dockd/dockd-metrics.7 (>) differ:" >&2
	diff <(echo "$in_code") <(echo "$in_page") >&2 || true
	exit 1
fi
bad=0
while read -r file name; do
	plain=$(sed -E 's/_(bucket|sum|count)$//' <<<"$name")
	if ! grep -qE "^($name|$plain) " <<<"$in_code"; then
		echo "$file: there is no figure $name" >&2
		bad=1
	fi
done < <(git grep -oE --untracked '\bdockd_[a-z_]+\b' -- 'etc/prometheus/*' | tr ':' ' ' | sort -u)
exit $bad
