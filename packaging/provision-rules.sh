# shellcheck shell=bash
# provision-rules: the udev rules of a station file, judged. Sourced by dockd-provision.
#
# udev does as root what its rules say: run a program, load a module, open a device to everybody. Those
# of a station file may say which ports are bays, and nothing else, but for the lines that the
# station's own dockd --udev-rules prints. They are not made here instead: a file without named bays
# ("every port but these") has no other place for them, and a hub that is not there yet would be missed.

rule_value='"[][A-Za-z0-9_.:*?|/ -]*"' # nothing that udev puts something in place of
rule_match="(ACTION|DEVPATH|KERNELS?|SUBSYSTEMS?|DRIVERS?|TEST|ATTRS?\{[A-Za-z0-9_./]+\}|ENV\{[A-Za-z0-9_]+\})(==|!=)$rule_value"
rule_part="($rule_match|ENV\{DOCKD_BAY\}=\"(yes|no)\"|(GOTO|LABEL)=\"[A-Za-z0-9_]+\")"
rule_line="^[[:blank:]]*$rule_part([[:blank:]]*,[[:blank:]]*$rule_part)*[[:blank:]]*,?[[:blank:]]*\$"
rule_max=8192

# The ports in a line do not matter: which there are depends on what was plugged in when it was made.
without_ports() {
	sed -E 's/KERNEL=="[0-9a-z.|-]*"/KERNEL=="PORTS"/'
}

# FILE OWN: dies, with the line, where FILE holds what no line of the file OWN is, and what does more
# than to say what is a bay.
judge_rules() {
	local file=$1 own line number=0
	own=$(without_ports <"$2")
	# udev ends a line at these as well; one that ends in a backslash goes on in the next
	[ "$(tr -d '\n\t\040-\176' <"$file" | head -c 1 | wc -c)" = 0 ] || die "bays.rules: holds bytes that are not plain ASCII text; nothing was changed"
	while IFS= read -r line || [ -n "$line" ]; do
		number=$((number + 1))
		if [ ${#line} -le $rule_max ] && [[ $line != *\\ ]]; then
			[[ ! $line =~ ^[[:blank:]]*(#|$) ]] || continue
			[[ ! $line =~ $rule_line ]] || continue
			! grep -qxF -e "$(without_ports <<<"$line")" <<<"$own" || continue
		fi
		die "bays.rules:$number: \"$(head -c 120 <<<"$line")\" may not be in a station file: it says more than which ports are bays (DOCKD_BAY), and dockd --udev-rules does not print it here; nothing was changed"
	done <"$file"
}
