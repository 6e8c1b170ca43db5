# dockd: one Makefile, not recursive. `make help` names the targets.

VERSION := 0.1.0
PREFIX ?= /usr
SYSCONFDIR ?= /etc
LIBEXECDIR ?= $(PREFIX)/libexec/dockd
DATADIR ?= $(PREFIX)/share/dockd
MANDIR ?= $(PREFIX)/share/man
UNITDIR ?= /usr/lib/systemd/system
UDEVDIR ?= /usr/lib/udev/rules.d
DESTDIR ?=
CC ?= gcc
PKG_CONFIG ?= pkg-config
BUILD ?= build

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wvla -Wundef \
	-Wpointer-arith
HARDEN := -fstack-protector-strong -fPIE -fstack-clash-protection
OPT := -O2 -g
DEFS := -D_GNU_SOURCE -DDOCKD_VERSION='"$(VERSION)"' -DDOCKD_LIBEXECDIR='"$(LIBEXECDIR)"' \
	-DDOCKD_DATADIR='"$(DATADIR)"' -DDOCKD_SYSCONFDIR='"$(SYSCONFDIR)"'
ifeq ($(SAN),1)
# ASan and UBSan: the sandbox is off there, so the programs live in a folder of their own and say so.
BUILD := build/asan
SANFLAGS := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
SANDBOX := dockd/base/sandbox_none.c
else
HARDEN += -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3
SANDBOX := dockd/base/sandbox.c
endif
ifeq ($(WERROR),1)
WARN += -Werror
endif
BASE_CFLAGS := -std=c17 $(DEFS) $(WARN) $(HARDEN) $(OPT) $(SANFLAGS)
BASE_LDFLAGS := -pie -Wl,-z,relro,-z,now -Wl,--as-needed $(SANFLAGS)
V ?= 0
ifeq ($(V),0)
Q := @
say = @printf '  %-7s %s\n' '$(1)' '$(2)'
endif

# ---- sources, by program ----

base_src := \
	dockd/base/proto.c \
	dockd/base/msg.c \
	dockd/base/log.c
sandbox_src := $(SANDBOX)
handover_src := dockd/base/handover.c

dockd_src := \
	dockd/main.c
dockd_pkg := libsystemd sqlite3 libconfig libcrypto

dockctl_src := \
	dockd/ctl.c
dockctl_pkg := jansson libcrypto

dockd-verify_src := \
	dockd/verify/main.c \
	dockd/verify/digest.c
dockd-verify_pkg := libcrypto libseccomp

dockd-camera_src := \
	usb/camera_main.c \
	usb/ptp.c
dockd-camera_pkg := libusb-1.0 libseccomp

dockd-hotplug_src := \
	usb/hotplug_main.c
dockd-hotplug_pkg := libusb-1.0 libseccomp

dockd-uploader_src := \
	uploader/main.c \
	uploader/transfer.c \
	uploader/dir.c \
	uploader/tus.c
dockd-uploader_pkg := libcurl jansson libcrypto libseccomp

programs := dockd dockctl dockd-verify dockd-camera dockd-hotplug dockd-uploader
