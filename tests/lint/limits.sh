#!/bin/bash
# shellcheck disable=SC2016 # the variables are those of awk
# limits.sh: sizes that ask for thought: a file over 700 lines, a function over 60 (main 120), a line
# over 100 columns. They are named, no more: a table may be as long as what it tells of.
set -euo pipefail
cd "$(dirname "$0")/../.."

git ls-files -co --exclude-standard 'dockd/*.[ch]' 'usb/*.[ch]' 'uploader/*.[ch]' 'tests/*.[ch]' |
	sort -u | xargs awk '
	function columns(line,    i, n) {
		n = 0
		for (i = 1; i <= length(line); i++)
			n += substr(line, i, 1) == "\t" ? 8 - n % 8 : 1
		return n
	}
	function end_of_file() {
		if (lines > 700)
			print file ": " lines " lines"
	}
	FNR == 1 { end_of_file(); file = FILENAME; name = "" }
	{ lines = FNR }
	columns($0) > 100 { print FILENAME ":" FNR ": " columns($0) " columns" }
	/^[a-zA-Z_].*\(/ && !/;$/ { name = $0; sub(/\(.*/, "", name); sub(/.*[ *]/, "", name) }
	/^\{/ { start = FNR }
	/^\}/ && name != "" {
		if (FNR - start - 1 > (name == "main" ? 120 : 60))
			print FILENAME ":" start ": " name " has " FNR - start - 1 " lines"
		name = ""
	}
	END { end_of_file() }'
