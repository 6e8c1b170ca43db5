#!/bin/bash
# options.sh: what can be set is written down. Every --option of a program has its entry (.It Fl -NAME)
# in the program's page, every setting of a configuration table (.name = "NAME" in dockd/config*.c)
# one (.It Ic NAME or .It Cm NAME) in a page of section 5, and every page is one that is installed.
set -euo pipefail
cd "$(dirname "$0")/../.."
bad=0

complain() {
	echo "$1" >&2
	bad=1
}

page_of() {
	git ls-files -co --exclude-standard "*/$1.[18]" | head -n 1
}

# program and the files that read its command line
check_program() {
	local program=$1 page option
	shift
	page=$(page_of "$program")
	if [ -z "$page" ]; then
		complain "$program has no manual page"
		return
	fi
	while read -r option; do
		grep -qE "^\.It .*Fl -$option( |$)" "$page" ||
			complain "$page: no entry \".It Fl -$option\""
	done < <(cat "$@" | tr '\n' ' ' |
		grep -oE '\{ *"[a-z0-9-]+", *(no|required|optional)_argument' |
		sed -E 's/^\{ *"([^"]*)".*/\1/' | sort -u)
}

check_program dockd dockd/main.c
check_program dockctl dockd/ctl*.c
check_program dockd-verify dockd/verify/main.c
check_program dockd-camera usb/camera_main.c
check_program dockd-hotplug usb/hotplug/hotplug_main.c
check_program dockd-uploader uploader/main.c

mapfile -t pages < <(git ls-files -co --exclude-standard '*.5')
while read -r setting; do
	if [ ${#pages[@]} = 0 ] || ! grep -qE "^\.It (Ic|Cm|Va|Li) \"?$setting\"?( |$)" "${pages[@]}"; then
		complain "setting \"$setting\" has no entry in a page of section 5"
	fi
done < <(cat dockd/config*.c | tr '\n' ' ' | grep -oE '\.name = "[a-z0-9-]+"' |
	sed -E 's/.*"(.*)"/\1/' | sort -u)
exit $bad
