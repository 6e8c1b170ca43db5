#!/bin/bash
# deb.sh FOLDER VERSION: the Debian package of this checkout, made in FOLDER (emptied first).
#
# FOLDER then holds the clean tree it was made of, dockd_VERSION_ARCH.deb with its debugging symbols beside
# it, and .buildinfo and .changes. The tree is that of the commit; changes that are not committed are not
# in it, and it says so. Where there is no git, it is the files that lie here. Nothing is signed.
#
# The same commit gives the same bytes, whatever the folder, time zone, language and umask: see
# tests/packaging/reproducible.
set -euo pipefail
umask 022
out=$1 version=$2
here=$(cd "$(dirname "$0")/.." && pwd)
export LC_ALL=C.UTF-8
# The build has its own flags and its own date, and is no part of the make that called this.
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES CFLAGS CPPFLAGS LDFLAGS SOURCE_DATE_EPOCH TZ

say() {
	printf '  %-7s %s\n' DEB "$1"
}

rm -rf "$out"
mkdir -p "$out"
out=$(cd "$out" && pwd)
tree=$out/dockd-$version
mkdir "$tree"

git=(git -C "$here" -c "safe.directory=$here")
if [ -e "$here/.git" ] && "${git[@]}" rev-parse -q --verify HEAD >/dev/null; then
	"${git[@]}" archive HEAD | tar -x --no-same-permissions --no-same-owner -C "$tree"
	date=$("${git[@]}" log -1 --format=%ct)
	[ -z "$("${git[@]}" status --porcelain)" ] || say "what is not committed is not in the package"
else
	tar -C "$here" --exclude=./build --exclude=./.git -c . |
		tar -x --no-same-permissions --no-same-owner -C "$tree"
	date=$(stat -c %Y "$here/CHANGELOG.md")
fi
cp -R "$tree/packaging/debian" "$tree/debian"

# The newest entry of CHANGELOG.md, as Debian writes it.
{
	printf 'dockd (%s) unstable; urgency=medium\n\n' "$version"
	awk '/^## / { n++ } n == 1 && /^- / { print substr($0, 3) }' "$tree/CHANGELOG.md" | tr -d '`' |
		while read -r entry; do
			printf '%s\n' "$entry" | fold -s -w 74 | sed -e '1s/^/  * /' -e '2,$s/^/    /' -e 's/ *$//'
		done
	printf '\n -- %s  %s\n' "$(sed -n 's/^Maintainer: //p' "$tree/debian/control")" \
		"$(date -u -R -d "@$date")"
} >"$tree/debian/changelog"

say "$version, in $tree"
if ! (cd "$tree" && DEB_BUILD_OPTIONS="${DEB_BUILD_OPTIONS:-parallel=$(nproc)}" dpkg-buildpackage -us -uc -b) >"$out/log" 2>&1; then
	tail -n 40 "$out/log" >&2
	echo "deb.sh: dpkg-buildpackage has failed; all it said is in $out/log" >&2
	exit 1
fi
(cd "$out" && ls -- *.deb) | while read -r made; do say "$made"; done
