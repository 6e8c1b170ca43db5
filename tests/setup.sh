#!/bin/bash
# setup.sh GROUP...: installs what this checkout needs on Debian 12, by package name. Says nothing
# when all of it is there. As root, or through sudo.
#
#   build   compiler and libraries         test   unit and system tests
#   fuzz    clang with its sanitizers      lint   formatters and checkers
#   lab     the virtual station            server upload servers of demo and tests: node, Ceph
#   bench   programs that are measured beside ours
#   deb     what makes and checks the Debian package, with "build"
set -euo pipefail

declare -A packages=(
	[bench]="curl rclone s3cmd"
	[build]="gcc make pkgconf libc6-dev libusb-1.0-0-dev libsystemd-dev libsqlite3-dev libconfig-dev
		libssl-dev libcurl4-openssl-dev libexpat1-dev libjansson-dev libseccomp-dev"
	[test]="binutils dosfstools exfatprogs golang-golang-x-mod-dev golang-go jq libcmocka-dev mtools openssl procps prometheus python3
		python3-pytest python3-pytest-xdist sleuthkit util-linux"
	[deb]="build-essential debhelper dpkg-dev lintian mmdebstrap systemd udev"
	[fuzz]="clang libclang-rt-14-dev"
	[lint]="clang-format clang-tidy cppcheck mandoc shellcheck"
	[lab]="android-file-transfer busybox-static cpio cryptsetup-bin dmsetup dosfstools e2fsprogs exfatprogs fdisk gphoto2 kmod mmdebstrap
		mtp-tools qemu-system-x86 qemu-utils swtpm libtss2-esys-3.0.2-0 libtss2-rc0 libtss2-tcti-device0 udev umtp-responder usbutils"
	[server]="ca-certificates ceph-common ceph-mon ceph-osd nginx-light nodejs npm python3-boto3 radosgw tinyproxy-bin"
)

missing=()
for group in "$@"; do
	if [ -z "${packages[$group]:-}" ]; then
		echo "setup.sh: no group \"$group\"; there are: ${!packages[*]}" >&2
		exit 2
	fi
	for package in ${packages[$group]}; do
		state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
		case $state:$package in
		installed:*) ;;
		# Node's own packages of nodejs bring npm along.
		*:npm) command -v npm >/dev/null || missing+=(npm) ;;
		*) missing+=("$package") ;;
		esac
	done
done
[ ${#missing[@]} -gt 0 ] || exit 0

echo "setup: installing ${missing[*]}"
as_root=()
if [ "$(id -u)" != 0 ]; then
	if ! command -v sudo >/dev/null; then
		echo "setup.sh: not root and no sudo here: as root, run: apt-get install ${missing[*]}" >&2
		exit 1
	fi
	as_root=(sudo)
fi
apt() {
	"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 "$@"
}
log=$(mktemp)
# What is installed for tests is started by tests: no service of these packages begins to run.
policy=/usr/sbin/policy-rc.d
ours=
cleanup() {
	rm -f "$log"
	[ -z "$ours" ] || "${as_root[@]}" rm -f "$policy"
}
trap cleanup EXIT
if [ ! -e "$policy" ]; then
	ours=1
	printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
	"${as_root[@]}" chmod 755 "$policy"
fi
if ! { apt update -q && apt install -yq --no-install-recommends "${missing[@]}"; } \
	>"$log" 2>&1 </dev/null; then
	tail -n 30 "$log" >&2
	echo "setup.sh: the packages could not be installed" >&2
	exit 1
fi
