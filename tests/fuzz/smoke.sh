#!/bin/bash
# smoke.sh FOLDER SECONDS NAME...: runs each fuzzer of FOLDER for some seconds, two at a time, from the
# inputs in tests/vectors/NAME and tests/vectors/evil/NAME. What it finds stays in FOLDER; the name
# of the input is printed. Findings of its own go to FOLDER/corpus, not into the checkout.
set -euo pipefail
folder=$1 seconds=$2
shift 2
here=$(cd "$(dirname "$0")" && pwd)

one() {
	local name=$1 log=$folder/$1.log seeds=()
	mkdir -p "$folder/corpus/$name"
	for seeds_of in "$here/../vectors/$name" "$here/../vectors/evil/$name"; do
		[ -d "$seeds_of" ] && seeds+=("$seeds_of")
	done
	if ! "$folder/$name" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -max_len=16384 \
		-print_final_stats=1 -artifact_prefix="$folder/$name-" \
		"$folder/corpus/$name" "${seeds[@]}" >"$log" 2>&1; then
		tail -n 40 "$log"
		echo "fuzz $name: FAILED; all of it: $log"
		return 1
	fi
	printf 'fuzz %-16s %9s runs, nothing found\n' "$name" \
		"$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")"
}

export -f one
export folder seconds here
printf '%s\n' "$@" | xargs -P 2 -I NAME bash -c 'set -euo pipefail; one NAME'
