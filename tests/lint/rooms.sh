#!/bin/bash
# rooms.sh: who may include whom. Each room may include itself and dockd/base, base only itself; the
# rooms within usb/ also what the table of arrows says. Each library is known to the files that its
# table names and to no other. Tests may include anything.
set -euo pipefail
cd "$(dirname "$0")/../.."
bad=0

complain() {
	echo "$1" >&2
	bad=1
}

room_of() {
	case $1 in
	dockd/base/*) echo base ;;
	dockd/verify/*) echo verify ;;
	dockd/*) echo core ;;
	usb/*/*) dirname "$1" ;;
	usb/*) echo usb ;;
	uploader/*) echo uploader ;;
	*) echo outside ;;
	esac
}

# room and those that it may include beside itself and base; usb is what all drivers of cameras share
declare -A arrows=(
	[usb]=""
	[usb/hotplug]=""
	[usb/ptp]="usb"
	[usb/volume]="usb"
	[usb/disk]="usb usb/volume"
	[usb/vendor]="usb usb/disk"
)

# header (extended regular expression) and the files that may include it (one or two, by glob)
libraries='
libconfig\.h           dockd/setting.c
sqlite3\.h             dockd/index*
systemd/sd-event\.h    dockd/*
systemd/sd-daemon\.h   dockd/manager.c
curl/.*                uploader/*
jansson\.h             dockd/ctl*|dockd/verify/*|uploader/*
expat\.h               uploader/s3*
libusb.*\.h            usb/transport_usb*|usb/hotplug*|usb/monitor*
linux/usbdevice_fs\.h  usb/*|dockd/base/sandbox.c
seccomp\.h             dockd/base/sandbox.c
linux/(landlock|seccomp|filter)\.h  dockd/base/sandbox.c
openssl/.*             dockd/verify/*|uploader/*|dockd/staging*|dockd/asset*|dockd/ledger*|dockd/bundle*|dockd/shipping*|dockd/base/note.c|dockd/tlog.c|dockd/intake*|dockd/camera_key*|dockd/ctl*
'

check_library() { # file, header
	local pattern files glob
	while read -r pattern files; do
		[ -n "$pattern" ] || continue
		[[ $2 =~ ^$pattern$ ]] || continue
		while read -r glob; do
			# shellcheck disable=SC2053 # a glob is meant
			[[ $1 == $glob ]] && return
		done <<<"${files//|/$'\n'}"
		complain "$1: <$2> is for $files"
	done <<<"$libraries"
}

while read -r file; do
	from=$(room_of "$file")
	while read -r kind header; do
		if [ "$kind" = '<' ]; then
			check_library "$file" "$header"
			continue
		fi
		target=$(realpath -m --relative-to=. "$(dirname "$file")/$header")
		to=$(room_of "$target")
		if [ ! -f "$target" ]; then
			complain "$file: \"$header\" is not a file here"
		elif [ "$from" != "$to" ] && [ "$to" != base ] && [[ " ${arrows[$from]:-} " != *" $to "* ]]; then
			complain "$file ($from) includes $target ($to)"
		fi
	done < <(sed -nE 's/^[[:space:]]*#[[:space:]]*include[[:space:]]*([<"])([^>"]*)[>"].*/\1 \2/p' "$file")
done < <(git ls-files -co --exclude-standard 'dockd/*.[ch]' 'usb/*.[ch]' 'uploader/*.[ch]')
exit $bad
