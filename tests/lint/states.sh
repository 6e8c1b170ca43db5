#!/bin/bash
# states.sh: every word by which the tus and dir drivers name a trouble has its entry (.Cm WORD in an
# .It line) in the destination's page, and every entry there is a word that is used.
set -euo pipefail
cd "$(dirname "$0")/../.."
bad=0

# page, sources
check() {
	local page=$1 used listed
	shift
	used=$(cat "$@" | tr -s '\n\t ' ' ' | grep -oE \
		'(transfer_state\( ?t,|say\( ?[a-z]+, [^"();]*,|\{ [0-9]{3}, TUS_[A-Z]+,|return) "[a-z-]+"' |
		sed -E 's/.*"(.*)"/\1/' | sort -u)
	listed=$(sed -n '/^\.Sh STATES/,/^\.Sh SEE/p' "$page" | grep -E '^\.(It )?Cm ' |
		sed -E 's/^\.(It )?Cm //' | tr -d ',' | tr ' ' '\n' | sort -u)
	for word in $used; do
		grep -qxF "$word" <<<"$listed" || { echo "$page: no entry for \"$word\"" >&2; bad=1; }
	done
	for word in $listed; do
		grep -qxF "$word" <<<"$used" || { echo "$page: \"$word\" is never said" >&2; bad=1; }
	done
}

check uploader/dockd-tus.5 uploader/tus*.c uploader/transfer.c
check uploader/dockd-dir.5 uploader/dir*.c uploader/folder.c
exit $bad
