# shellcheck shell=bash
# provision-station: the provisioning file, packed and applied. Sourced by dockd-provision.
#
# A station's settings are one folder, stations/DIGEST, named after what is in it and never changed;
# the link /etc/dockd/station says which one counts, so one rename switches all of it, and the one
# before stays for going back.

file_max=$((16 << 20))
entries_max=256
n='[A-Za-z0-9][A-Za-z0-9._-]{0,63}'
known_entry="^(format|dockd\.conf|profiles/$n\.conf|(stations/$n/)?(bays\.rules|trust/$n|secrets/(core|uploader)/$n)|stations/$n/dockd\.conf)$"
format_line="dockd station file 1"
rules=/etc/udev/rules.d/59-dockd-bays.rules
rules_head="# Put here by dockd-provision from the station file: a change here is lost when that is applied again."

# ---- pack ----

# The files of FOLDER, by name; refuses what has no place in it.
list_folder() {
	local name type
	while IFS= read -r -d '' type && IFS= read -r -d '' name; do
		case $type in
		d) continue ;;
		f) [[ $name =~ $known_entry ]] && [ "$name" != format ] ||
			[[ $name =~ ^README(\.md)?$ ]] ||
			die "$1/$(printf '%q' "$name"): no such file is known in a station file" ;;
		*) die "$1/$(printf '%q' "$name"): only plain files go into a station file" ;;
		esac
		[[ $name =~ ^README(\.md)?$ ]] || printf '%s\n' "$name"
	done < <(cd "$1" && find . -mindepth 1 -printf '%y\0%P\0')
}

pack_run() {
	local folder file names
	[ $# -eq 2 ] || usage "pack takes a folder and a file"
	folder=$1 file=$2
	[ -f "$folder/dockd.conf" ] || die "$folder/dockd.conf: no such file; see dockd-provision(8)"
	need tar
	work=$(mktemp -d)
	names=$(list_folder "$folder") || exit 1
	[ "$(wc -l <<<"$names")" -lt "$entries_max" ] || die "$folder: more than $entries_max files"
	say "$format_line" >"$work/format"
	(umask 077 && printf '%s\n' "$names" | sort |
		tar --create --format=ustar --owner=0 --group=0 --numeric-owner --mode='u=rw,go=' --mtime=@0 \
			--file "$file.new" -C "$work" format -C "$(realpath "$folder")" --verbatim-files-from --files-from=-)
	if [ "$(stat -c %s "$file.new")" -gt "$file_max" ]; then
		rm -f "$file.new"
		die "$folder: more than $((file_max >> 20)) MiB"
	fi
	sync "$file.new"
	mv -f "$file.new" "$file"
	say "$file: $(($(wc -l <<<"$names"))) files, $(grep -c '^\(stations/[^/]*/\)\?secrets/' <<<"$names" || true) of them secrets. Whoever has it can send as these stations:"
	say "keep it as you keep their keys, bring it on a medium that you can destroy, and delete it when they are set up."
	say "SHA-256 $(sha256_of "$file"): write it down, and give it to apply as --sha256, so that no other file is taken for it"
}

sha256_of() {
	sha256sum <"$1" | head -c 64
}

# ---- what is in a file from outside ----

# FILE WANTED DRY: it is in $work/file, and the one that was packed: by its digest where that was given,
# else a person at the terminal says so.
take_file() {
	local file=$1 wanted=$2 dry=$3 digest answer=''
	[ -f "$file" ] || die "$file: no such file"
	[ "$(stat -c %s "$file")" -le "$file_max" ] || die "$file: more than $((file_max >> 20)) MiB"
	cat <"$file" >"$work/file" # what is judged is what is unpacked
	digest=$(sha256_of "$work/file")
	if [ -n "$wanted" ]; then
		[ "$digest" = "${wanted,,}" ] ||
			die "$file: its SHA-256 is $digest, not the one of --sha256: this is another file, or it was changed; nothing was read of it"
		return 0
	fi
	say "$file: SHA-256 $digest; whoever can change this file decides where evidence goes"
	if [ -z "$dry" ] && [ -t 0 ]; then
		read -rp "Is it the one that pack printed? Type yes: " answer || true
		[ "$answer" = yes ] || die "nothing was done"
	fi
}

# FILE FOLDER: what is in $work/file, unpacked; or dies before anything is.
unpack() {
	local file=$1 folder=$2 mode owner size date time name total=0 count=0
	local -A seen=()
	[ "$(head -c 262 "$work/file" | tail -c 5 | tr '\0' ' ')" = ustar ] || die "$file: not a station file"
	# Owner, mode and time are our own; links and devices have nothing to do here.
	tar --list --verbose --numeric-owner --quoting-style=escape --file "$work/file" >"$work/list" 2>"$work/trouble" ||
		die "$file: damaged: $(head -n 1 "$work/trouble" | head -c 200)"
	while read -r mode owner size date time name; do
		: "$owner" "$date" "$time"
		[ $((count += 1)) -le "$entries_max" ] || die "$file: more than $entries_max files"
		[[ $mode == -* ]] || die "$file: \"$name\" is not a plain file"
		[[ $name =~ $known_entry ]] || die "$file: \"$name\" has no place in a station file"
		[ -z "${seen[$name]:-}" ] || die "$file: \"$name\" is there twice"
		seen[$name]=1
		[[ $size =~ ^[0-9]{1,8}$ ]] || die "$file: \"$name\" is too big"
		[ $((total += size)) -le $file_max ] || die "$file: \"$name\" is too big"
	done <"$work/list"
	[ "${seen[format]:-}${seen[dockd.conf]:-}" = 11 ] || die "$file: not a station file"
	mkdir "$folder"
	(umask 077 && tar --extract --file "$work/file" -C "$folder" --no-same-owner --no-same-permissions \
		--keep-old-files --no-acls --no-xattrs --no-selinux 2>"$work/trouble") ||
		die "$file: $(head -n 1 "$work/trouble" | head -c 200)"
	rm -f "$work/file"
	[ -z "$(find "$folder" -mindepth 1 ! -type d ! \( -type f -links 1 \))" ] || die "$file: not only plain files"
	[ "$(cat "$folder/format")" = "$format_line" ] ||
		die "$file: this dockd-provision reads only \"$format_line\""
}

# FOLDER STATION SET: one station's settings, out of all stations'.
compose() {
	local from=$1 station=$2 set=$3 part
	mkdir -p "$set/profiles" "$set/trust" "$set/secrets/core" "$set/secrets/uploader"
	for part in "$from" "$from/stations/$station"; do
		[ ! -d "$part/profiles" ] || cp "$part/profiles/"* "$set/profiles/"
		[ ! -d "$part/trust" ] || cp "$part/trust/"* "$set/trust/"
		[ ! -d "$part/secrets/core" ] || cp "$part/secrets/core/"* "$set/secrets/core/"
		[ ! -d "$part/secrets/uploader" ] || cp "$part/secrets/uploader/"* "$set/secrets/uploader/"
		[ ! -f "$part/bays.rules" ] || cp "$part/bays.rules" "$set/"
		[ ! -f "$part/dockd.conf" ] || cat "$part/dockd.conf" >>"$set/dockd.conf"
	done
	sed -i "s/@STATION@/$station/g" "$set/dockd.conf"
	grep -qE "^[[:space:]]*station[[:space:]]*=[[:space:]]*\"$station\"[[:space:]]*;" "$set/dockd.conf" ||
		die "dockd.conf in the file does not say: station = \"@STATION@\";"
	if mountpoint -q "$volume" && ! grep -qE '^[[:space:]]*volume[[:space:]]*=' "$set/dockd.conf"; then
		printf '\n# by dockd-provision: the state lies on the encrypted volume or nowhere\nvolume = "mounted";\n' >>"$set/dockd.conf"
	fi
}

# FILES: what they name below /etc/dockd, comments aside.
paths_of() {
	cat "$@" 2>/dev/null | grep -vE '^[[:space:]]*(#|//)' | grep -oE "\"$etc/[^\"]*\"" | tr -d '"'
}

# SET: its configuration with its profiles, as the service will find it, is good. Leaves what
# dockd --check-config tells of it in $work/facts.
check_set() {
	local set=$1 path merged=$work/profiles
	need dockd
	mkdir "$merged"
	for path in /usr/share/dockd/profiles/*.conf "$etc"/profiles/*.conf "$set"/profiles/*.conf; do
		[ -e "$path" ] || continue
		[ "${path#"$etc/"}" = "$path" ] || [ ! -L "$path" ] || continue # of the set before
		cp "$path" "$merged/"
	done
	dockd --check-config -c "$set/dockd.conf" --profiles "$merged" >"$work/facts" 2>"$work/trouble" || {
		sed "s|^$set/||" "$work/trouble" >&2
		die "the configuration in the file is not good; nothing was changed"
	}
	if [ -f "$set/bays.rules" ]; then
		dockd --udev-rules -c "$set/dockd.conf" --profiles "$merged" >"$work/rules" 2>/dev/null || true
		judge_rules "$set/bays.rules" "$work/rules"
	fi
	while read -r path; do
		[ -f "$set/${path#"$etc/station/"}" ] ||
			die "$path is named in the configuration, and is not in the file; nothing was changed"
	done < <(paths_of "$set"/dockd.conf "$set"/profiles/*.conf | grep "^$etc/station/" || true)
	while read -r path; do
		[ -f "$path" ] || warn "$path is named in the configuration, and is not there yet"
	done < <(paths_of "$set/dockd.conf" | grep -v "^$etc/station/" || true)
}

fact() {
	sed -n "s/^$1 //p" "$work/facts"
}

# ---- the ledger that is there, and the one of a dead PC ----

# FOLDER TYPE KEY: of the first record of that type in the ledger of a state folder.
first_record() {
	local segment
	for segment in "$1"/ledger/*.jsonl; do
		[ -f "$segment" ] || return 0
		{ head -n 50 "$segment" || true; } | jq -r "select(.type == \"$2\") | .$3" 2>/dev/null | head -n 1
		return 0
	done
}

# FOLDER: its ledger tells of nothing but starts and destinations, as the service writes it between its
# installation and its first camera. A type that is not known here is something.
is_unused() {
	cat "$1"/ledger/*.jsonl | jq -en '
		all(inputs; .type as $t | ["began", "ended", "policy", "clock-set", "bound", "shipped", "failing", "working",
			"denied", "light-test"] | index([$t]))' >/dev/null 2>&1 &&
		[ -z "$(find "$1/staging" -type f -print -quit 2>/dev/null)" ]
}

# FOLDER: what is in it goes beside it, and stays.
set_aside() {
	local to
	to=$1.unused-$(date -u +%Y%m%dT%H%M%SZ)
	! mountpoint -q "$1" || to=$volume/$(basename "$to")
	! has_systemd || systemctl stop dockd.service
	mkdir -m 700 "$to.new"
	find "$1" -mindepth 1 -maxdepth 1 ! -name ledger -exec mv -t "$to.new" {} +
	# last, so that an interruption leaves what is asked for again
	[ ! -e "$1/ledger" ] || mv -t "$to.new" "$1/ledger"
	mv -T "$to.new" "$to"
	say "$1: the ledger of station $2 told of no camera yet; it is kept in $to"
}

# NAME OLD: the state folder belongs to this station, or to nobody yet. Leaves in aside whether what is
# there was begun under another name and never used.
check_state() {
	local state held cited
	aside=
	state=$(fact state-dir)
	if grep -qs "^# begin $me" /etc/fstab && ! mountpoint -q "$state"; then
		die "$state: its encrypted volume is not mounted, so nobody can tell whose ledger lies there: unlock it first"
	fi
	held=$(first_record "$state" began station)
	if [ -n "$held" ] && { [ "$held" != "$1" ] || [ -n "$2" ]; } && is_unused "$state"; then
		aside=$held
		return 0
	fi
	[ -z "$held" ] || [ "$held" = "$1" ] ||
		die "$state holds the ledger of station $held: it belongs to that one for good. For $1 take another PC, or move that folder to where it is kept"
	[ -n "$2" ] && [ -n "$held" ] || return 0
	cited=$(first_record "$state" replaces station)
	[ "$cited" = "$2" ] ||
		die "$state: the ledger of $1 has begun already${cited:+, and cites $cited}; only a new one can cite $2"
}

# FOLDER OLD KEY: how many records are signed, where it is a whole ledger of that station. Without a
# key, by the one that the ledger itself tells.
judge_ledger() {
	local verdict name key=$3 first
	first=$(find "$1" -maxdepth 1 -name 'ledger-*.jsonl' | sort | head -n 1)
	[ -n "$key" ] || key=$({ head -n 50 "${first:-/dev/null}" || true; } | jq -r 'select(.type == "began") | .key' 2>/dev/null | head -n 1)
	verdict=$(dockctl --json ledger verify --dir "$1" ${key:+--key "$key"} 2>&1) || {
		warn "$1: $(jq -r '.problem // .error' <<<"$verdict" 2>/dev/null || head -c 300 <<<"$verdict")"
		return 1
	}
	name=$(jq -r .key_name <<<"$verdict")
	[ "$name" = "dockd/$2" ] || {
		warn "$1: this is the ledger of ${name#dockd/}, not of $2"
		return 1
	}
	jq -r '.checkpoint_size' <<<"$verdict"
}

# OLD LEDGER KEY SET: the newest checkpoint that can be reached goes into the set.
cite() {
	local old=$1 ledger=$2 key=$3 set=$4 folder size best=0 from='' _ name kind
	local -a folders=()
	need dockctl jq
	! grep -qE '^[[:space:]]*replaces[[:space:]]*=' "$set/dockd.conf" ||
		die "dockd.conf in the file has \"replaces\" already: take it out, it is of one station"
	if [ -n "$ledger" ]; then
		folders=("$ledger")
	else
		while read -r name kind folder; do
			: "$name"
			[ "$kind" = dir ] && folders+=("$folder/ledger/$old")
		done < <(fact destination)
	fi
	for folder in "${folders[@]}"; do
		[ -f "$folder/checkpoint" ] || continue
		size=$(judge_ledger "$folder" "$old" "$key") || continue
		[ "$size" -gt "$best" ] || continue
		best=$size from=$folder
	done
	if [ -z "$from" ]; then
		[ -n "$ledger" ] || warn "looked for ${folders[*]:-(no destination is a folder)}"
		die "no good checkpoint of station $old. Fetch ledger/$old of its destination (pieces and checkpoint) into a folder and give it as --ledger FOLDER: see dockd-provision(8)"
	fi
	cp "$from/checkpoint" "$set/replaces.checkpoint"
	cat >>"$set/dockd.conf" <<CONF

# by dockd-provision: read at the first start of an empty state folder, ignored from then on
replaces = { station = "$old"; checkpoint = "$etc/station/replaces.checkpoint"; };
CONF
	say "$old: its ledger at $from is whole and signed up to record $best; the new one will cite that"
	say "$old: what it took in after record $best, and what was not receipted by then, is not in that ledger"
	lost "$from"
	[ -n "$key" ] || warn "--old-key was not given: whoever may write at that destination could have made this ledger up"
}

# FOLDER: what the old station held and had not brought home yet, by its own records.
lost() {
	local open
	open=$(cat "$1"/ledger-*.jsonl | jq -rn '
		reduce inputs as $r ({};
			if $r.type == "staged" then .[$r.asset|tostring] = true
			elif ($r.type == "receipted" or $r.type == "merged" or $r.type == "unstaged") then del(.[$r.asset|tostring])
			else . end) | length' 2>/dev/null) || return 0
	[ "$open" = 0 ] || say "by that ledger $open file(s) lay on the old PC's disk without a receipt: its disk may still have them, and the cameras, unless they were erased"
}

# ---- into place ----

# SET: owners and modes; the last thing that is done to it.
own_set() {
	local set=$1
	chown -R root:root "$set"
	find "$set" -path "$set/secrets" -prune -o -type d -exec chmod 755 {} + -o -type f -exec chmod 644 {} +
	chown root:dockd "$set/dockd.conf"
	chmod 640 "$set/dockd.conf"
	own_secrets "$set/secrets"
}

own_secrets() {
	chmod 711 "$1"
	chown -R dockd:dockd "$1/core"
	chown -R dockd-uploader:dockd "$1/uploader"
	chmod 700 "$1/core" "$1/uploader"
	find "$1/core" "$1/uploader" -type f -exec chmod 400 {} +
}

digest_of() {
	(cd "$1" && find -L . -type f -printf '%P\n' | sort | xargs -d '\n' sha256sum) | sha256sum | head -c 16
}

# SET DIGEST: what is in the folder SET, in memory, goes under stations/; its secrets go from there to the
# encrypted volume where there is one, and never touch the plain disk.
keep_set() {
	local from=$1 digest=$2 set=$etc/stations/.new.$2 secrets
	rm -rf "$etc"/stations/.new.*
	own_set "$from"
	if [ -d "$etc/stations/$digest" ] && [ "$(digest_of "$etc/stations/$digest")" != "$digest" ]; then
		mv -T "$etc/stations/$digest" "$etc/stations/$digest.changed-$(date +%s)"
	fi
	if mountpoint -q "$volume"; then
		secrets=$volume/secrets
		mkdir -p "$secrets"
		chmod 711 "$secrets"
		rm -rf "$secrets"/.new.*
		cp -a "$from/secrets" "$secrets/.new.$digest"
		sync -f "$secrets"
		rm -rf "${secrets:?}/$digest.old"
		[ ! -e "$secrets/$digest" ] || mv -T "$secrets/$digest" "$secrets/$digest.old"
		mv -T "$secrets/.new.$digest" "$secrets/$digest"
		rm -rf "${secrets:?}/$digest.old"
		rm -rf "$from/secrets"
		ln -s "$secrets/$digest" "$from/secrets"
	fi
	if [ -d "$etc/stations/$digest" ]; then
		# as it is in place; but if that was before there was a volume, its secrets lie on the plain disk
		[ -L "$from/secrets" ] && [ ! -L "$etc/stations/$digest/secrets" ] || return 0
		find "$etc/stations/$digest/secrets" -type f -exec shred -u {} +
		rm -rf "$etc/stations/$digest/secrets"
		cp -P "$from/secrets" "$etc/stations/$digest/secrets"
		return 0
	fi
	cp -a "$from" "$set"
	sync -f "$set"
	mv -T "$set" "$etc/stations/$digest"
}

# DIGEST: from here on it counts. Ends with the one rename that says so.
switch_to() {
	local digest=$1 now path name
	now=$(readlink "$etc/station" || true)
	[ -z "$now" ] || [ "$now" = "stations/$digest" ] || put_link "$etc/station.before" "$now"
	if [ -e "$etc/dockd.conf" ] && [ ! -L "$etc/dockd.conf" ]; then
		ln -f "$etc/dockd.conf" "$etc/dockd.conf.before-apply"
	fi
	put_link "$etc/station" "stations/$digest"
	put_link "$etc/dockd.conf" station/dockd.conf
	mkdir -p "$etc/profiles" /etc/udev/rules.d
	for path in "$etc"/station/profiles/*.conf; do
		[ -e "$path" ] || continue
		name=$(basename "$path")
		put_link "$etc/profiles/$name" "../station/profiles/$name"
	done
	find "$etc/profiles" -xtype l -lname '../station/*' -delete
	if [ -f "$etc/station/bays.rules" ]; then
		{ say "$rules_head" && cat "$etc/station/bays.rules"; } | put "$rules"
	elif [ "$(head -n 1 "$rules" 2>/dev/null)" = "$rules_head" ]; then
		rm "$rules"
	fi
	sync -f "$etc"
}

# What is neither the one that counts nor the one before.
drop_old_sets() {
	local path digest
	for path in "$etc"/stations/*; do
		[ -d "$path" ] || continue
		digest=$(basename "$path")
		[ "$(readlink "$etc/station")" != "stations/$digest" ] || continue
		[ "$(readlink "$etc/station.before" || true)" != "stations/$digest" ] || continue
		rm -rf "$path" "${volume:?}/secrets/$digest"
	done
}

# ---- the service ----

# Units of these destinations, enabled; of others, disabled.
enable_units() {
	local name unit wanted=" " units=(dockd.service dockd-hotplug.service)
	while read -r name _; do
		units+=("dockd-uploader@$name.service")
		wanted+="dockd-uploader@$name.service "
	done < <(fact destination)
	for unit in /etc/systemd/system/dockd.service.wants/dockd-uploader@*.service; do
		[ -L "$unit" ] || continue
		[[ $wanted == *" $(basename "$unit") "* ]] || systemctl -q disable --now "$(basename "$unit")"
	done
	systemctl -q enable "${units[@]}"
}

start_units() {
	local name units=()
	while read -r name _; do units+=("dockd-uploader@$name.service"); done < <(fact destination)
	systemctl reset-failed dockd.service 2>/dev/null || true
	[ "$1" = same ] || systemctl stop dockd.service
	systemctl start dockd.service dockd-hotplug.service "${units[@]}"
}

# SECONDS: until each destination works or says what is wrong, one line each. 3: not all of them.
test_destinations() {
	local until=$((SECONDS + $1)) status='' open=1
	local works='(.connected and (.away | not) and ((.state // "") + (.text // "") == ""))'
	need dockctl jq
	while :; do
		if status=$(dockctl --json status 2>"$work/trouble"); then
			open=$(jq "[.destinations[] | select($works | not)] | length" <<<"$status")
			[ "$open" != 0 ] || break
		fi
		[ "$SECONDS" -lt "$until" ] || break
		sleep 0.5
	done
	if [ -z "$status" ]; then
		warn "dockd does not answer: $(jq -r .error "$work/trouble" 2>/dev/null || head -n 1 "$work/trouble"); see journalctl -u dockd"
		return 3
	fi
	jq -r '.destinations[] | "\(.name): " + (
		if '"$works"'
		then "ready, best proof \(.level)"
		else "NOT READY: \([.text, .state, "no answer yet"] | map(select(. != null and . != "")) | first)" end)' <<<"$status"
	jq -r 'select(.intake_stopped) | "NOTHING IS TAKEN IN: \(.text)"' <<<"$status"
	jq -e '.intake_stopped | not' <<<"$status" >/dev/null || return 3
	[ "$open" = 0 ] || return 3
}

destinations_run() {
	local seconds=60
	while [ $# -gt 0 ]; do
		case $1 in
		--timeout)
			seconds=${2:-}
			shift "$(($# > 1 ? 2 : 1))"
			;;
		*) usage "destinations: what is \"$1\"?" ;;
		esac
	done
	[[ $seconds =~ ^[0-9]{1,5}$ ]] || usage "--timeout takes seconds"
	as_root
	make_work
	test_destinations "$seconds"
}

# ---- apply ----

go_back() {
	local before
	before=$(readlink "$etc/station.before") || die "there is nothing to go back to"
	[ -d "$etc/$before" ] || die "$etc/$before is gone"
	check_set "$etc/$before"
	switch_to "$(basename "$before")"
	say "back at $etc/$before"
}

apply_run() {
	local file='' station='' sha256='' old='' ledger='' key='' dry='' start=1 back='' seconds=60 digest same='' aside=''
	while [ $# -gt 0 ]; do
		case $1 in
		--station | --sha256 | --replaces | --ledger | --old-key | --timeout)
			[ $# -ge 2 ] || usage "$1 takes a value"
			case $1 in
			--station) station=$2 ;;
			--sha256) sha256=$2 ;;
			--replaces) old=$2 ;;
			--ledger) ledger=$2 ;;
			--old-key) key=$2 ;;
			--timeout) seconds=$2 ;;
			esac
			shift
			;;
		--dry-run) dry=1 ;;
		--no-start) start='' ;;
		--back) back=1 ;;
		-*) usage "apply: what is \"$1\"?" ;;
		*)
			[ -z "$file" ] || usage "apply takes one file"
			file=$1
			;;
		esac
		shift
	done
	[[ $seconds =~ ^[0-9]{1,5}$ ]] || usage "--timeout takes seconds"
	[[ -z $sha256 || $sha256 =~ ^[0-9A-Fa-f]{64}$ ]] || usage "--sha256 takes the 64 hex digits that pack printed"
	as_root
	need tar jq flock dockd dockctl
	alone
	make_work
	if [ -n "$back" ]; then
		[ -z "$file$station$sha256$old" ] || usage "--back stands alone"
		go_back
		finish changed "$start" "$seconds"
		return
	fi
	if [ -z "$file" ] || [ -z "$station" ]; then usage "apply takes a file and --station NAME"; fi
	is_name "$station" || die "--station: letters, digits, '.', '_' and '-', a letter or digit first"
	[ -z "$old" ] || is_name "$old" || die "--replaces: the name of a station"
	[ -n "$old" ] || [ -z "$ledger$key" ] || usage "--ledger and --old-key go with --replaces"
	[ "$old" != "$station" ] || die "--replaces: a new ledger needs a new name, such as $old-2; what was signed as $old stays one history"
	take_file "$file" "$sha256" "$dry"
	unpack "$file" "$work/all"
	compose "$work/all" "$station" "$work/set"
	check_set "$work/set"
	check_state "$station" "$old"
	[ -z "$old" ] || cite "$old" "$ledger" "$key" "$work/set"
	digest=$(digest_of "$work/set")
	[ "$(readlink "$etc/station" || true)" != "stations/$digest" ] || same=1
	if [ -n "$dry" ]; then
		[ -z "$aside" ] || say "put aside $(fact state-dir), which station $aside has not used"
		tell_changes "$work/set" "$same"
		return
	fi
	[ -z "$aside" ] || set_aside "$(fact state-dir)" "$aside"
	mkdir -p "$etc/stations"
	chmod 755 "$etc/stations"
	keep_set "$work/set" "$digest"
	switch_to "$digest"
	if [ -n "$same" ]; then say "$station: nothing to change"; else say "$station: in place as $etc/stations/$digest"; fi
	finish "${same:+same}" "$start" "$seconds"
	drop_old_sets
}

# same|changed START SECONDS
finish() {
	if ! has_systemd && [ -n "$2" ]; then
		warn "systemd does not run here: nothing is started"
		return
	fi
	enable_units
	[ -n "$2" ] || return 0
	udevadm control --reload
	start_units "$1"
	test_destinations "$3"
}

tell_changes() {
	local name
	[ -z "$2" ] || { say "nothing to change"; return; }
	while read -r name; do
		if [ ! -e "$etc/station/$name" ]; then
			say "new      $etc/station/$name"
		elif ! cmp -s "$1/$name" "$etc/station/$name"; then
			say "changed  $etc/station/$name"
		fi
	done < <(cd "$1" && find . -type f -printf '%P\n' | sort)
	[ ! -d "$etc/station" ] || while read -r name; do
		[ -e "$1/$name" ] || say "gone     $etc/station/$name"
	done < <(cd "$etc/station/" && find -L . -type f -printf '%P\n' | sort)
	while read -r name; do say "uploader $name"; done < <(fact destination)
}
