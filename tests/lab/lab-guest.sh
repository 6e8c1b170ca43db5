#!/bin/bash
# lab-guest.sh: process 1 of the guest; sets the station up, runs the command, powers off. A test
# script sources it for the functions alone:
#
#   camera_umtp N SERIAL FOLDER   dock a camera (uMTP-Responder over FunctionFS) on gadget port N
#   camera_prepare / camera_plug  the two halves of it, so that many can be plugged at once
#   camera_pull N                 pull it out, in the middle of whatever it does
#   gadget_disk N SERIAL IMAGE... dock a USB disk (mass storage gadget, one LUN an image) on gadget
#                                 port N; image "ro:FILE" cannot be written, "rw:FILE" can
#   gadget_prepare_disk           the same without plugging it in; then camera_plug N
#   gadget_pull_disk N            pull it out
#   qemu_dock ID SERIAL FOLDER    dock QEMU's usb-mtp camera; FOLDER below $LAB_OUT
#   qemu_disk ID SERIAL BLOCK IMAGE...  dock QEMU's bulk-only disk, one LUN an image below $LAB_OUT,
#                                 with blocks of BLOCK bytes; pulled out by hmp device_del ID
#   hmp WORD...                   any command to QEMU's monitor, e.g. hmp device_del ID
#   until_true SECONDS COMMAND    waits for a command to succeed, by asking again
#   gadget_port N                 the port name ("3-1") that gadget N has on the station's side
#   pass / fail TEXT, finish NAME counting; finish prints "NAME: N passed, M failed"

gadgets=/sys/kernel/config/usb_gadget
lab_passed=0 lab_failed=0

until_true() {
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.1
	done
}

# camera_prepare N SERIAL FOLDER [MANUFACTURER PRODUCT]
camera_prepare() {
	local n=$1 serial=$2 folder=$3 g=$gadgets/cam$1
	if [ ! -d "$g" ]; then
		mkdir -p "$g/strings/0x409" "$g/configs/c.1/strings/0x409" "$g/functions/ffs.cam$n"
		mkdir -p "/run/ffs$n"
		echo 0x1d6b >"$g/idVendor"
		echo 0x0100 >"$g/idProduct"
		echo "${4:-Example}" >"$g/strings/0x409/manufacturer"
		echo "${5:-BodyCam}" >"$g/strings/0x409/product"
		echo mtp >"$g/configs/c.1/strings/0x409/configuration"
		echo 500 >"$g/configs/c.1/MaxPower"
		ln -s "$g/functions/ffs.cam$n" "$g/configs/c.1/"
	fi
	echo "$serial" >"$g/strings/0x409/serialnumber"
	mountpoint -q "/run/ffs$n" || mount -t functionfs "cam$n" "/run/ffs$n"
	sed -e "s|/dev/ffs-mtp|/run/ffs$n|; s|/var/lib/umtp|$folder|; s|01234567|$serial|" \
		/etc/umtprd/umtprd.conf >"/run/umtprd$n.conf"
	umtprd -conf "/run/umtprd$n.conf" >"/run/umtprd$n.log" 2>&1 &
	echo $! >"/run/umtprd$n.pid"
	until_true 60 test -e "/run/ffs$n/ep1"
}

# Again and again: the endpoints' files are there a moment before the gadget may be bound.
camera_plug() {
	until_true 60 eval "echo dummy_udc.$1 >$gadgets/cam$1/UDC"
}

camera_umtp() {
	camera_prepare "$@" && camera_plug "$1"
}

camera_pull() {
	local pid
	echo >"$gadgets/cam$1/UDC"
	pid=$(cat "/run/umtprd$1.pid")
	kill -9 "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null
	until_true 60 umount "/run/ffs$1"
}

# A gadget of its own beside cam$N: the port is one and the same. Read-only unless "rw:" is said.
gadget_prepare_disk() {
	local n=$1 serial=$2 g=$gadgets/disk$1 f=$gadgets/disk$1/functions/mass_storage.disk$1 lun=0 image
	shift 2
	mkdir -p "$g/strings/0x409" "$g/configs/c.1/strings/0x409" "$f"
	# LUNs come and go only while no configuration has the function.
	rm -f "$g/configs/c.1/mass_storage.disk$n"
	echo 0x1d6b >"$g/idVendor"
	echo 0x0104 >"$g/idProduct"
	echo Example >"$g/strings/0x409/manufacturer"
	echo DiskCam >"$g/strings/0x409/product"
	echo "$serial" >"$g/strings/0x409/serialnumber"
	echo disk >"$g/configs/c.1/strings/0x409/configuration"
	echo 500 >"$g/configs/c.1/MaxPower"
	for image in "$@"; do
		mkdir -p "$f/lun.$lun"
		echo >"$f/lun.$lun/file"
		echo 1 >"$f/lun.$lun/removable"
		if [ "${image#rw:}" = "$image" ]; then echo 1; else echo 0; fi >"$f/lun.$lun/ro"
		echo "${image#r[ow]:}" >"$f/lun.$lun/file"
		lun=$((lun + 1))
	done
	ln -s "$f" "$g/configs/c.1/"
}

gadget_disk() {
	gadget_prepare_disk "$@" && echo "dummy_udc.$1" >"$gadgets/disk$1/UDC"
}

gadget_pull_disk() {
	echo >"$gadgets/disk$1/UDC"
}

hmp() {
	echo "$*" >/dev/virtio-ports/hmp
}

qemu_dock() {
	hmp "device_add usb-mtp,id=$1,serial=$2,rootdir=$3,desc=$1,bus=xhci.0"
}

# usb-bot waits until it is told that all of its disks are there.
qemu_disk() {
	local id=$1 serial=$2 block=$3 lun=0 image
	shift 3
	hmp "device_add usb-bot,id=$id,serial=$serial,bus=xhci.0"
	for image in "$@"; do
		hmp "drive_add 0 if=none,id=$id-$lun,file=$image,format=raw,cache=unsafe"
		hmp "device_add scsi-hd,bus=$id.0,lun=$lun,drive=$id-$lun,logical_block_size=$block,physical_block_size=$block"
		lun=$((lun + 1))
	done
	hmp "qom-set /machine/peripheral/$id attached true"
}

# dummy_hcd.N is a host controller with one port: its bus's number, then "-1".
gadget_port() {
	local bus
	bus=$(basename "$(compgen -G "/sys/devices/platform/dummy_hcd.$1/usb*" | head -n 1)")
	echo "${bus#usb}-1"
}

pass() {
	lab_passed=$((lab_passed + 1))
	echo "  ok    $*"
}

fail() {
	lab_failed=$((lab_failed + 1))
	echo "  FAIL  $*"
}

# check TEXT COMMAND...: passes if the command succeeds
check() {
	local text=$1
	shift
	if "$@"; then pass "$text"; else fail "$text"; fi
}

finish() {
	echo "$1: $lab_passed passed, $lab_failed failed"
	[ "$lab_failed" -eq 0 ] && [ "$lab_passed" -gt 0 ]
	exit
}

(return 0 2>/dev/null) && return 0

export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8
mkdir -p "$LAB_out"
mount -t 9p -o trans=virtio,version=9p2000.L,msize=1048576 out "$LAB_out"
. "$LAB_out/.lab-env"
mkdir -p /lib/modules
ln -sfn "$LAB_CACHE/lib/modules/$LAB_KERNEL" "/lib/modules/$LAB_KERNEL"
mount -t tmpfs -o size=85% run /run
mkdir -p /run/udev/rules.d /dev/shm /dev/pts
mount -t tmpfs shm /dev/shm
mount -t devpts pts /dev/pts
mount -t cgroup2 none /sys/fs/cgroup 2>/dev/null
ip link set lo up 2>/dev/null
modprobe -a xhci_pci libcomposite usb_f_fs usb_f_mass_storage virtio_net virtio_blk
modprobe dummy_hcd "num=$LAB_UDCS"
mount -t configfs none /sys/kernel/config
mkdir -p /dev/virtio-ports
for port in /sys/class/virtio-ports/*; do
	[ -e "$port/name" ] && ln -sf "/dev/${port##*/}" "/dev/virtio-ports/$(cat "$port/name")"
done
grep -q '^dockd:' /etc/group || echo 'dockd:x:64000:' >>/etc/group
cp "${LAB_here%/tests/lab}"/etc/*.rules /run/udev/rules.d/ 2>/dev/null
mkdir -p /etc/modprobe.d && cp "${LAB_here%/tests/lab}"/etc/modprobe.d/*.conf /etc/modprobe.d/
/lib/systemd/systemd-udevd --daemon && udevadm trigger && udevadm settle
"${command[@]}"
echo $? >"$LAB_out/.lab-status"
sync
busybox poweroff -f
