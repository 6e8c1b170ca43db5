# shellcheck shell=bash
# provision-volume: the station's encrypted volume, and what else of the station must lie on it or
# nowhere. Sourced by dockd-provision.
#
# The header says how far it came: subsystem "dockd-begun" until everything in it is there and every
# key opens it, then "dockd-ready". Nothing that is begun is ever named in crypttab or fstab, so it is
# never mounted as good; what is begun is begun anew.

state=/var/lib/dockd
folders=(state uploader) # on the volume, and where each is mounted
places=("$state" /var/lib/dockd-uploader)
kept_aside=plain
journal_conf=/etc/systemd/journald.conf.d/50-dockd-volume.conf
open_device=/dev/mapper/$mapping
device_drop_in='/etc/systemd/system/dev-mapper-dockd\x2dvolume.device.d/dockd.conf'

# ---- what is there ----

# DEVICE: it can be read, no signature is known on it, and it begins with zeros. What nobody knows, such as an archive
# or a container of another program, is something.
holds_nothing() {
	local known
	known=$(wipefs --no-act "$1" 2>/dev/null) && [ -z "$known" ] && cmp -s -n 1048576 "$1" /dev/zero
}

# DEVICE: ready, begun, empty or other.
look_at() {
	local label
	if cryptsetup isLuks --type luks2 "$1" 2>/dev/null; then
		label=$(cryptsetup luksDump "$1" | sed -nE 's/^(Label|Subsystem):[[:space:]]*//p' | tr '\n' ' ')
		case $label in
		"dockd-volume dockd-ready ") echo ready && return ;;
		"dockd-volume dockd-begun ") echo begun && return ;;
		esac
	fi
	if holds_nothing "$1"; then echo empty; else echo other; fi
}

# DEVICE: mounted, part of something, or swap.
in_use() {
	[ ! -b "$1" ] && return 1
	lsblk -nro MOUNTPOINTS "$1" | grep -q . && return 0
	[ "$(lsblk -nro NAME "$1" | grep -cv "^$mapping$")" -gt 1 ] && return 0
	swapon --noheadings --show=NAME | grep -qxF "$1"
}

# What a try that was killed has left open.
drop_leftovers() {
	local path
	for path in /run/dockd-provision.??????; do
		[ "$path" != "$work" ] || continue
		! mountpoint -q "$path/mnt" || umount "$path/mnt"
		if [ -e "$path/key" ] || [ -d "$path/mnt" ]; then rm -rf --one-file-system "$path"; fi
	done
	mountpoint -q "$volume" || [ ! -e "$open_device" ] || cryptsetup close "$mapping"
}

# In crypttab: the device, and how it is unlocked at boot.
configured() {
	sed -n "/^# begin $me/,/^# end $me/p" /etc/crypttab 2>/dev/null |
		awk -v m="$mapping" '$1 == m { print $2, $3, $4 }'
}

device_of() {
	local source
	source=$(configured | cut -d' ' -f1)
	case $source in
	UUID=*) blkid -U "${source#UUID=}" || true ;;
	*) printf '%s' "$source" ;;
	esac
}

# FILE: the lines on standard input become its part that is ours.
put_block() {
	local lines
	lines=$(cat)
	touch "$1"
	{
		sed "/^# begin $me/,/^# end $me/d" "$1"
		[ -z "$lines" ] || printf '# begin %s\n%s\n# end %s\n' "$me" "$lines" "$me"
	} >"$1.new.$me"
	chmod --reference="$1" "$1.new.$me"
	mv -f "$1.new.$me" "$1.new"
	sync "$1.new"
	mv -f "$1.new" "$1"
}

# ---- keys ----

# DEVICE KIND: the way to unlock it at boot; $work/key opens it by now.
add_unlock() {
	local path new=()
	case $2 in
	tpm)
		systemd-cryptenroll --unlock-key-file="$work/key" --tpm2-device=auto --tpm2-pcrs="$pcrs" "$1" >&2 ||
			die "the TPM did not take the key: see systemd-cryptenroll(1); use --unlock passphrase or key-file=PATH"
		;;
	passphrase)
		[ -f "$work/passphrase" ] || ask_passphrase
		cryptsetup luksAddKey --batch-mode --key-file "$work/key" "$1" "$work/passphrase"
		cryptsetup open --test-passphrase --key-file "$work/passphrase" "$1"
		;;
	key-file=*)
		path=${2#key-file=}
		if [ ! -e "$path" ]; then
			(umask 277 && head -c 64 /dev/urandom >"$path")
			sync "$path"
		fi
		[ "$(stat -c '%u %a' "$path")" = "0 400" ] || die "$path: it has to belong to root with mode 0400"
		[ "$(stat -c %s "$path")" -ge 32 ] || die "$path: fewer than 32 bytes"
		# what was made at random needs no slow hash
		new=(--pbkdf pbkdf2 --pbkdf-force-iterations 1000)
		cryptsetup luksAddKey --batch-mode "${new[@]}" --key-file "$work/key" "$1" "$path"
		cryptsetup open --test-passphrase --key-file "$path" "$1"
		;;
	esac
}

ask_passphrase() {
	local one two
	if [ -t 0 ]; then
		read -rsp 'Passphrase for every start, 12 characters at least: ' one
		read -rsp $'\nOnce more: ' two
		echo
		[ "$one" = "$two" ] || die "these were two different ones"
	else
		IFS= read -r one || [ -n "$one" ] || die "no passphrase on standard input"
	fi
	[ "${#one}" -ge 12 ] || die "the passphrase has fewer than 12 characters"
	printf '%s' "$one" >"$work/passphrase"
}

# DEVICE: a recovery key, shown once.
add_recovery() {
	local key typed=''
	key=$(systemd-cryptenroll --unlock-key-file="$work/key" --recovery-key "$1" 2>"$work/trouble") ||
		die "no recovery key could be made: $(tail -n 1 "$work/trouble")"
	if [ -n "$yes" ]; then
		printf '%s\n' "$key" >&"$recovery_fd"
		return
	fi
	cat <<TEXT

The recovery key. It opens the volume when nothing else does: after a change of the mainboard or the
firmware, a lost passphrase, in another PC. It is shown this once and stored nowhere. Write it down and
keep it where the keys of the evidence store are kept, not at the station.

    $key

TEXT
	while [ "$typed" != "${key##*-}" ]; do
		read -rp "Written down? Then type its last eight letters: " typed || die "not confirmed: the volume was not made; give the command again"
	done
	printf '\033[2J\033[3J\033[H' >&2
}

# ---- making it ----

# DEVICE: a header that says that it is begun, opened by $work/key alone.
format() {
	[ ! -e "$open_device" ] || cryptsetup close "$mapping" || die "$open_device is in use"
	head -c 64 /dev/urandom | base64 -w0 >"$work/key"
	# a key of 512 random bits, for the next minutes
	cryptsetup luksFormat --type luks2 --batch-mode --label dockd-volume --subsystem dockd-begun \
		--pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-file "$work/key" "$1"
}

# FOLDER NEW: the ledger in it is whole, by its own key.
verify_ledger() {
	local key
	[ -n "$(find "$1/ledger" -maxdepth 1 -name '*.jsonl' 2>/dev/null)" ] || return 0
	need dockctl jq
	key=$(first_record "$1" began key)
	dockctl ledger verify --dir "$1/ledger" ${key:+--key "$key"} >"$work/verdict" 2>&1 || {
		cat "$work/verdict" >&2
		die "the ledger in $1 is not good: nothing was moved, $state is as it was"
	}
}

is_full() {
	[ -d "$1" ] && [ -n "$(find "$1" -mindepth 1 -print -quit)" ]
}

# What lies on the plain disk so far is copied, compared, and verified again in its new place.
fill_volume() {
	local i to
	mkfs.ext4 -q -L dockd-volume "$open_device"
	mkdir "$work/mnt"
	mount -o nodev,nosuid,noexec "$open_device" "$work/mnt"
	mkdir -m 711 "$work/mnt/secrets"
	for i in "${!folders[@]}"; do
		to=$work/mnt/${folders[i]}
		mkdir -m 755 "$to"
		[ ! -d "${places[i]}" ] || {
			chown --reference="${places[i]}" "$to"
			chmod --reference="${places[i]}" "$to"
		}
		! mountpoint -q "${places[i]}" || die "${places[i]} is a mount of its own: unmount it first, and take it out of fstab"
		is_full "${places[i]}" || continue
		[ "$i" != 0 ] || verify_ledger "${places[i]}"
		say "copying ${places[i]}"
		cp -a "${places[i]}/." "$to/"
		[ "$i" != 0 ] || verify_ledger "$to"
	done
	[ -d "$state" ] || chown dockd:dockd "$work/mnt/state"
	chmod 700 "$work/mnt/state"
	sync -f "$work/mnt"
	echo 3 >/proc/sys/vm/drop_caches 2>/dev/null || true # what is compared is read from the disk
	for i in "${!folders[@]}"; do
		same_as_plain "$work/mnt" "$i" || die "${places[i]} and its copy differ: is something writing there? Nothing was moved"
	done
	umount "$work/mnt"
	rmdir "$work/mnt"
}

# MOUNT NUMBER
same_as_plain() {
	is_full "${places[$2]}" || return 0
	diff -rq --no-dereference "${places[$2]}" "$1/${folders[$2]}" >&2
}

make_volume() {
	local device=$1 kind=$2
	format "$device"
	add_recovery "$device"
	add_unlock "$device" "$kind"
	if [ "$kind" = tpm ]; then
		# by the TPM, as at a start
		/lib/systemd/systemd-cryptsetup attach "$mapping" "$device" - tpm2-device=auto,headless=true ||
			die "the TPM does not give the key back: not made"
	else
		cryptsetup open --key-file "$work/key" "$device" "$mapping"
	fi
	fill_volume
	cryptsetup luksRemoveKey --batch-mode "$device" "$work/key"
	rm -f "$work/key" "$work/passphrase"
	cryptsetup config --label dockd-volume --subsystem dockd-ready "$device"
	sync
}

# ---- the system around it ----

# DEVICE KIND: named in crypttab and fstab. A start goes on without it after a while; a volume that is
# opened later is mounted then.
name_volume() {
	local source=$1 key=- options=luks,nofail i wait=60s
	[ ! -b "$1" ] || source=UUID=$(cryptsetup luksUUID "$1")
	case $2 in
	tpm) options+=,tpm2-device=auto ;;
	passphrase) wait=20s ;;
	key-file=*) key=${2#key-file=} options+=,keyfile-timeout=50s ;;
	esac
	{
		printf '%s %s %s %s\n' "$mapping" "$source" "$key" "$options"
		[ ! -f "$work/crypttab.swap" ] || cat "$work/crypttab.swap"
	} | put_block /etc/crypttab
	{
		printf '%s %s ext4 nofail,noatime,nodev,nosuid,noexec,x-systemd.device-timeout=%s 0 2\n' "$open_device" "$volume" "$wait"
		for i in "${!folders[@]}"; do
			printf '%s %s none bind,nofail,x-systemd.requires-mounts-for=%s 0 0\n' "$volume/${folders[i]}" "${places[i]}" "$volume"
		done
		[ ! -f "$work/fstab.swap" ] || cat "$work/fstab.swap"
	} | put_block /etc/fstab
	mkdir -p "$(dirname "$device_drop_in")"
	printf '# by dockd-provision: mounted whenever it is opened\n[Unit]\nWants=%s %s %s\n' \
		'var-lib-dockd\x2dvolume.mount' var-lib-dockd.mount 'var-lib-dockd\x2duploader.mount' | put "$device_drop_in"
}

# What lay on the plain disk goes aside, once it is known to be on the volume.
mount_volume() {
	local i
	mkdir -p "$volume"
	mountpoint -q "$volume" || mount "$volume"
	for i in "${!folders[@]}"; do
		if ! mountpoint -q "${places[i]}"; then
			same_as_plain "$volume" "$i" || die "${places[i]} and ${folders[i]} on the volume differ: both are kept, a person has to say which one counts"
			! is_full "${places[i]}" || mv -T "${places[i]}" "${places[i]}.$kept_aside"
			mkdir -p "${places[i]}"
			mount "${places[i]}"
		fi
		[ ! -e "${places[i]}.$kept_aside" ] || left_plain+=("${places[i]}.$kept_aside")
	done
}

plain_swaps() {
	local name
	swapon --noheadings --show=NAME | while read -r name; do
		[[ $name != /dev/zram* ]] || continue
		[ -b "$name" ] && lsblk -nso TYPE "$name" | grep -q crypt && continue
		printf '%s\n' "$name"
	done
}

# off|random|"": swap holds what was in memory, keys too.
care_for_swap() {
	local name stable number=0
	! grep -qs '^dockd-swap' /etc/crypttab || keep_swap_lines
	while read -r name; do
		if [ -z "$1" ]; then
			warn "$name is plain swap: what is in memory gets to the disk there, and dockd takes nothing in. --swap-off or --swap-random mends it"
			continue
		fi
		if [ "$1" = random ]; then
			[ -b "$name" ] || die "$name is a file: --swap-random takes partitions; use --swap-off"
			stable=$(find /dev/disk/by-partuuid /dev/disk/by-id -lname "*/$(basename "$(realpath "$name")")" 2>/dev/null | head -n 1)
			[ -n "$stable" ] || die "$name: no name that stays (/dev/disk/by-partuuid): use --swap-off"
			printf 'dockd-swap%s %s /dev/urandom swap,cipher=aes-xts-plain64,size=512,nofail\n' "$number" "$stable" >>"$work/crypttab.swap"
			printf '/dev/mapper/dockd-swap%s none swap sw,nofail 0 0\n' "$number" >>"$work/fstab.swap"
			number=$((number + 1))
		fi
		swapoff "$name"
		# what it held is still there
		[ ! -b "$name" ] || wipefs -q --all "$name"
		say "$name: no plain swap any more"
	done < <(plain_swaps)
	[ -z "$1" ] || sed -i -E '/^# begin dockd-provision/,/^# end dockd-provision/b; s/^([^#[:space:]]+[[:space:]]+[^[:space:]]+[[:space:]]+swap[[:space:]])/# by dockd-provision: \1/' /etc/fstab
}

keep_swap_lines() {
	sed -n "/^# begin $me/,/^# end $me/p" /etc/crypttab | grep '^dockd-swap' >"$work/crypttab.swap"
	sed -n "/^# begin $me/,/^# end $me/p" /etc/fstab | grep '^/dev/mapper/dockd-swap' >"$work/fstab.swap"
}

# Serials of cameras stand in the log, secrets in the configuration.
care_for_rest() {
	mkdir -p "$(dirname "$journal_conf")"
	printf '# by dockd-provision: serials of cameras stand in the log. In memory: a log that\n# lasts is log = "/var/lib/dockd/dockd.log" in dockd.conf, on the encrypted volume\n[Journal]\nStorage=volatile\nRuntimeMaxUse=64M\n' | put "$journal_conf"
	[ ! -d /var/log/journal ] || left_plain+=(/var/log/journal)
	! is_full /var/log/dockd || left_plain+=(/var/log/dockd)
	! grep -qsE '^[[:space:]]*log[[:space:]]*=[[:space:]]*"/var/log' "$etc/dockd.conf" ||
		warn "dockd.conf has its log on the plain disk: serials stand in it"
	! has_systemd || systemctl restart systemd-journald
	[ ! -e /etc/rsyslog.conf ] || warn "rsyslog writes what the journal has to the plain disk: remove it (apt purge rsyslog), or send it elsewhere"
	if [ -L "$etc/station" ]; then
		move_secrets
	fi
}

# Before anything is moved: a start in the midst of it finds no volume, and takes nothing in. That of a
# station file is written anew with its secrets, when the volume is there.
require_volume() {
	[ ! -L "$etc/station" ] || return 0
	! grep -qsE '^[[:space:]]*volume[[:space:]]*=' "$etc/dockd.conf" || return 0
	{
		[ ! -e "$etc/dockd.conf" ] || cat "$etc/dockd.conf"
		printf '\n# by dockd-provision: the state lies on the encrypted volume or nowhere\nvolume = "mounted";\n'
	} >"$work/conf"
	[ ! -e "$etc/dockd.conf" ] || cp -p "$etc/dockd.conf" "$etc/dockd.conf.new"
	cat "$work/conf" >"$etc/dockd.conf.new"
	sync -f "$etc/dockd.conf.new"
	mv -f "$etc/dockd.conf.new" "$etc/dockd.conf"
}

# A station file was applied before: the same settings anew, with the secrets on the volume.
move_secrets() {
	local digest path
	[ ! -L "$etc/station/secrets" ] || return 0
	cp -r "$(realpath "$etc/station")" "$work/set"
	grep -qE '^[[:space:]]*volume[[:space:]]*=' "$work/set/dockd.conf" ||
		printf '\n# by dockd-provision: the state lies on the encrypted volume or nowhere\nvolume = "mounted";\n' >>"$work/set/dockd.conf"
	digest=$(digest_of "$work/set")
	keep_set "$work/set" "$digest"
	switch_to "$digest"
	rm -f "$etc/station.before"
	for path in "$etc"/stations/*; do
		[ "$(basename "$path")" = "$digest" ] || find "$path/secrets/" -type f -exec shred -u {} + 2>/dev/null || true
	done
	drop_old_sets
	warn "the secrets of the station file have lain on the plain disk until now: replace them at the servers when you can"
}

# ---- commands ----

confirm() {
	local answer=''
	[ -z "$yes" ] || return 0
	read -rp "Go on? Type yes: " answer || true
	[ "$answer" = yes ] || die "nothing was done"
}

explain() {
	case $1 in
	tpm) say "unlock: by this PC's TPM while its secure boot is as it is now (PCR $pcrs). A disk taken out of it stays closed; the whole PC, started, opens it." ;;
	passphrase) say "unlock: by a passphrase that somebody types at each start. Stolen, it stays closed; after a power cut the station waits for a person." ;;
	key-file=*) say "unlock: by the file ${1#key-file=}. Who steals it with the disk opens the volume: keep it on another medium." ;;
	esac
}

# DEVICE NAME-GIVEN: may it be taken? Prints what will be done.
judge_device() {
	local device=$1 found=$2
	in_use "$device" && die "$device is in use (mounted, swap, or part of something): not touched"
	case $found in
	ready) say "$device: the volume is made already; what is missing around it is completed" ;;
	begun) say "$device: begun by an earlier try, holds nothing that counts: made anew" ;;
	empty) say "$device: empty; becomes the encrypted volume" ;;
	other)
		lsblk -o NAME,SIZE,TYPE,FSTYPE,LABEL "$device" 2>/dev/null || file -s "$device" || true
		[ "$wipe" = "$device" ] || die "$device is not empty: all of it would be lost. Only with --yes-wipe $device"
		say "$device: ALL THAT IS ON IT IS LOST; becomes the encrypted volume"
		;;
	esac
}

make_file() {
	local room
	[[ $file == /* ]] || die "--file: a path from / on"
	[[ $size =~ ^[1-9][0-9]{0,5}$ ]] || die "--size: whole GiB"
	[ -d "$(dirname "$file")" ] || die "$(dirname "$file"): no such folder"
	[ -e "$file" ] && return
	room=$(df --output=avail -B1G "$(dirname "$file")" | tail -n 1)
	[ "$room" -gt "$size" ] || die "$(dirname "$file") has only $room GiB free"
	(umask 077 && fallocate -l "${size}G" "$file.new" && mv "$file.new" "$file")
}

create_volume() {
	local found old
	local -a left_plain=()
	need cryptsetup systemd-cryptenroll mkfs.ext4 wipefs lsblk
	if [ "$unlock" = tpm ] && [ ! -e /dev/tpmrm0 ]; then
		die "there is no TPM 2.0 here (/dev/tpmrm0): --unlock passphrase or key-file=PATH"
	fi
	drop_leftovers
	old=$(device_of)
	if [ -z "$old" ] && [ -n "$(configured)" ]; then
		die "the volume that /etc/crypttab names ($(configured | cut -d' ' -f1)) is not here: connect it. Where it is gone for good, take out what stands between \"begin\" and \"end $me\" in /etc/crypttab and /etc/fstab"
	fi
	if [ -n "$old" ] && mountpoint -q "$volume"; then
		[ "$(realpath "$old")" = "$(realpath "${device:-$file}")" ] || die "the volume is $old already: see --status"
		say "$old: mounted at $volume"
		found=ready
	else
		if [ -n "$file" ]; then make_file; device=$file; fi
		if [ ! -b "$device" ] && [ -z "$file" ]; then die "$device: no block device"; fi
		found=$(look_at "$device")
		judge_device "$device" "$found"
	fi
	[ "$found" = ready ] || explain "$unlock"
	say "$volume is mounted from it; $state and /var/lib/dockd-uploader lie on it. The service is stopped meanwhile."
	confirm
	stop_service
	if [ "$found" != ready ]; then make_volume "$device" "$unlock"; fi
	care_for_swap "$swap"
	require_volume
	if ! mountpoint -q "$volume"; then
		name_volume "$device" "$unlock"
		! has_systemd || systemctl daemon-reload
		open_volume "$device"
	elif [ -n "$swap" ]; then
		name_volume "$old" "$(configured_kind)"
		! has_systemd || systemctl daemon-reload
	fi
	mount_volume
	care_for_rest
	start_service
	say "$volume: ready"
	[ ${#left_plain[@]} -eq 0 ] || say "still on the plain disk, kept: ${left_plain[*]}. Once the station works and you have looked: rm -r them; on an SSD their blocks may stay readable until it is erased as a whole."
}

# DEVICE: as at a start.
open_volume() {
	[ ! -e "$open_device" ] || return 0
	case $unlock in
	tpm) /lib/systemd/systemd-cryptsetup attach "$mapping" "$1" - tpm2-device=auto ;;
	passphrase)
		[ -t 0 ] || ask_passphrase
		cryptsetup open ${work:+$([ ! -f "$work/passphrase" ] || printf '%s %s' --key-file "$work/passphrase")} "$1" "$mapping"
		;;
	key-file=*) cryptsetup open --key-file "${unlock#key-file=}" "$1" "$mapping" ;;
	esac
}

configured_kind() {
	local key options
	read -r _ key options < <(configured)
	if [[ $options == *tpm2-device* ]]; then echo tpm; elif [ "$key" = - ]; then echo passphrase; else echo "key-file=$key"; fi
}

stop_service() {
	! has_systemd || systemctl stop dockd.service dockd-hotplug.service 'dockd-uploader@*.service' 2>/dev/null ||
		! systemctl is-active -q dockd.service || die "dockd.service does not stop"
	! pgrep -x dockd >/dev/null || die "dockd runs: stop it first"
}

start_service() {
	! has_systemd || ! systemctl is-enabled -q dockd.service 2>/dev/null || systemctl start dockd.service
}

show_status() {
	local device metadata
	need cryptsetup jq
	device=$(device_of)
	[ -n "$device" ] || die "there is no encrypted volume: dockd-provision volume --device ... or --file ..."
	say "device    $device ($(look_at "$device"))"
	say "unlock    $(configured_kind)"
	if mountpoint -q "$volume"; then say "mounted   $volume"; else say "mounted   no: dockd takes nothing in"; fi
	metadata=$(cryptsetup luksDump --dump-json-metadata "$device")
	jq -r '(.tokens | to_entries | map({(.value.keyslots[]): .value.type}) | add // {}) as $t |
		.keyslots | keys[] | "slot \(.)    \({"systemd-recovery": "recovery key", "systemd-tpm2": "TPM"}[$t[.] // ""] // "passphrase or key file")"' <<<"$metadata"
	plain_swaps | while read -r device; do say "swap      $device is plain"; done
}

# KIND: another way to open it; asks for one that opens it now.
more_unlock() {
	local device
	device=$(device_of)
	[ -n "$device" ] || die "there is no encrypted volume"
	case $1 in
	tpm) systemd-cryptenroll --tpm2-device=auto --tpm2-pcrs="$pcrs" "$device" ;;
	passphrase) cryptsetup luksAddKey "$device" ;;
	key-file=*) cryptsetup luksAddKey "$device" "${1#key-file=}" ;;
	esac
	[ ! -f /etc/crypttab ] || ! grep -q '^dockd-swap' /etc/crypttab || keep_swap_lines
	name_volume "$device" "$1"
	say "at the next start: $(configured_kind)"
}

# SLOT: opens it no more. The recovery key's own stays.
less_unlock() {
	local device type count
	[[ $1 =~ ^[0-9]{1,2}$ ]] || usage "--remove-unlock takes the number of a slot, as --status shows it"
	need cryptsetup jq
	device=$(device_of)
	[ -n "$device" ] || die "there is no encrypted volume"
	type=$(cryptsetup luksDump --dump-json-metadata "$device" | jq -r --arg s "$1" '[.tokens[] | select(.keyslots | index($s)) | .type] | first // ""')
	count=$(cryptsetup luksDump --dump-json-metadata "$device" | jq '.keyslots | length')
	[ "$type" != systemd-recovery ] || die "slot $1 is the recovery key: it stays, or nobody opens the volume when all else fails"
	[ "$count" -gt 2 ] || die "slot $1 is the last one beside the recovery key: add another one first"
	systemd-cryptenroll --wipe-slot="$1" "$device"
}

is_kind() {
	[[ $1 =~ ^(tpm|passphrase|key-file=/[^[:space:],]+)$ ]] || usage "unlock: tpm, passphrase or key-file=PATH, with a path from / on"
}

volume_run() {
	local device='' file='' size='' unlock='' yes='' wipe='' swap='' pcrs=7 recovery_fd=1 command=create more=''
	while [ $# -gt 0 ]; do
		case $1 in
		--device | --file | --size | --unlock | --pcrs | --recovery-fd | --yes-wipe | --add-unlock | --remove-unlock)
			[ $# -ge 2 ] || usage "$1 takes a value"
			case $1 in
			--device) device=$2 ;;
			--file) file=$2 ;;
			--size) size=$2 ;;
			--unlock) unlock=$2 ;;
			--pcrs) pcrs=$2 ;;
			--recovery-fd) recovery_fd=$2 ;;
			--yes-wipe) wipe=$2 ;;
			*) command=${1#--} more=$2 ;;
			esac
			shift
			;;
		--status) command=status ;;
		--yes) yes=1 ;;
		--swap-off) swap=off ;;
		--swap-random) swap=random ;;
		*) usage "volume: what is \"$1\"?" ;;
		esac
		shift
	done
	[[ $pcrs =~ ^[0-9]{1,2}(\+[0-9]{1,2})*$ ]] || usage "--pcrs takes numbers, such as 7 or 0+7"
	[[ $recovery_fd =~ ^[0-9]{1,2}$ ]] || usage "--recovery-fd takes a number"
	as_root
	alone
	make_work
	case $command in
	status) show_status ;;
	add-unlock) is_kind "$more" && more_unlock "$more" ;;
	remove-unlock) less_unlock "$more" ;;
	create)
		[ -n "$device$file" ] || usage "volume: --device or --file"
		[ -z "$device" ] || [ -z "$file" ] || usage "volume: --device or --file, not both"
		is_kind "$unlock"
		create_volume
		;;
	esac
}
