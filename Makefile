# dockd: one Makefile, not recursive. `make help` names the targets.

VERSION := 0.1.0
PREFIX ?= /usr
SYSCONFDIR ?= /etc
LIBEXECDIR ?= $(PREFIX)/libexec/dockd
DATADIR ?= $(PREFIX)/share/dockd
MANDIR ?= $(PREFIX)/share/man
UNITDIR ?= /usr/lib/systemd/system
UDEVDIR ?= /usr/lib/udev/rules.d
MODPROBEDIR ?= /usr/lib/modprobe.d
SYSUSERSDIR ?= /usr/lib/sysusers.d
TMPFILESDIR ?= /usr/lib/tmpfiles.d
COMPLETIONDIR ?= $(PREFIX)/share/bash-completion/completions
DOCDIR ?= $(PREFIX)/share/doc/dockd
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
comma := ,
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
# Signed notes and what a receipt says in one: only in the programs that check or make them.
note_src := \
	dockd/base/receipt_lines.c \
	dockd/base/base64.c \
	dockd/base/note.c

config_src := \
	dockd/config.c \
	dockd/config_profile.c \
	dockd/config_camera.c \
	dockd/base/language.c \
	dockd/config_destination.c \
	dockd/config_moment.c \
	dockd/config_pins.c \
	dockd/config_receipts.c \
	dockd/config_retention.c \
	dockd/config_timetable.c \
	dockd/config_url.c \
	dockd/lamp_name.c \
	dockd/setting.c
# for what reads configuration and does nothing with it
config_whole := $(config_src) dockd/retention_rules.c dockd/asset.c dockd/base/zone.c \
	dockd/base/log.c $(note_src)

dockd_src := \
	dockd/main.c \
	dockd/core.c \
	dockd/core_rooms.c \
	dockd/bay_rules.c \
	dockd/standing.c \
	dockd/state.c \
	dockd/clock_set.c \
	dockd/config_kept.c \
	$(config_src) \
	dockd/profile.c \
	dockd/base/zone.c \
	dockd/bay.c \
	dockd/bays.c \
	dockd/arrival.c \
	dockd/unlocking.c \
	dockd/pin.c \
	dockd/bay_view.c \
	dockd/charge.c \
	dockd/schedule.c \
	dockd/turn.c \
	dockd/roots.c \
	dockd/health.c \
	dockd/controllers.c \
	dockd/docking.c \
	dockd/pulling.c \
	dockd/errand.c \
	dockd/erasing.c \
	dockd/books.c \
	dockd/configuration.c \
	dockd/probe.c \
	dockd/verifier.c \
	dockd/sealed.c \
	dockd/intake.c \
	dockd/keeping.c \
	dockd/manager.c \
	dockd/pair.c \
	dockd/brief.c \
	dockd/judge.c \
	dockd/inquiry.c \
	dockd/binding.c \
	dockd/policy.c \
	dockd/uplink.c \
	dockd/uplink_answer.c \
	dockd/uplink_errand.c \
	dockd/uplink_view.c \
	dockd/uplink_certificate.c \
	dockd/certificate.c \
	dockd/uplink_silence.c \
	dockd/outlook.c \
	dockd/forecast.c \
	dockd/base/timetable.c \
	dockd/uplink_turn.c \
	dockd/uplink_switch.c \
	dockd/sticky.c \
	dockd/acceptance.c \
	dockd/reconcile.c \
	dockd/retirement.c \
	dockd/recorded.c \
	dockd/hold.c \
	dockd/waits.c \
	dockd/upload_order.c \
	dockd/breaker.c \
	dockd/hex.c \
	dockd/link.c \
	dockd/listener.c \
	dockd/child.c \
	dockd/control.c \
	dockd/control_status.c \
	dockd/control_role.c \
	dockd/control_doctor.c \
	dockd/doctor_station.c \
	dockd/doctor_line.c \
	dockd/check.c \
	dockd/control_metrics.c \
	dockd/control_camera.c \
	dockd/textfile.c \
	dockd/metrics.c \
	dockd/exposition.c \
	dockd/control_light.c \
	dockd/role.c \
	dockd/control_bay.c \
	dockd/control_root.c \
	dockd/control_asset.c \
	dockd/control_destination.c \
	dockd/control_copy.c \
	dockd/control_order.c \
	dockd/control_disposal.c \
	dockd/control_uplink.c \
	dockd/control_evidence.c \
	dockd/control_assign.c \
	dockd/control_probe.c \
	dockd/camera_key.c \
	dockd/light.c \
	dockd/light_table.c \
	dockd/lamp.c \
	dockd/asset.c \
	dockd/gate.c \
	dockd/base/record.c \
	dockd/ledger.c \
	dockd/ledger_segment.c \
	dockd/ledger_read.c \
	dockd/bundle.c \
	dockd/shipping.c \
	dockd/control_proof.c \
	dockd/tlog.c \
	$(note_src) \
	dockd/tree.c \
	dockd/ledger_check.c \
	dockd/station_key.c \
	dockd/checkpoint.c \
	dockd/cited.c \
	dockd/predecessor.c \
	dockd/index.c \
	dockd/index_asset.c \
	dockd/index_policy.c \
	dockd/index_ask.c \
	dockd/index_apply.c \
	dockd/index_retry.c \
	dockd/index_binding.c \
	dockd/index_receipt.c \
	dockd/index_listing.c \
	dockd/index_evidence.c \
	dockd/index_proof.c \
	dockd/index_order.c \
	dockd/index_outlook.c \
	dockd/index_queue.c \
	dockd/index_expedite.c \
	dockd/index_unlock.c \
	dockd/index_assignment.c \
	dockd/index_health.c \
	dockd/index_flow.c \
	dockd/filling.c \
	dockd/index_tally.c \
	dockd/index_camera.c \
	dockd/index_clock.c \
	dockd/tally.c \
	dockd/order.c \
	dockd/retention.c \
	dockd/disposal.c \
	dockd/retention_rules.c \
	dockd/journal.c \
	dockd/witness.c \
	dockd/staging.c \
	dockd/volume.c
clock_src := dockd/clock.c
dockd_pkg := libsystemd sqlite3 libconfig libcrypto libseccomp

dockctl_src := \
	dockd/ctl.c \
	dockd/ctl_show.c \
	dockd/ctl_support.c \
	dockd/ctl_card.c \
	dockd/ctl_light.c \
	dockd/ctl_light_map.c \
	dockd/sheet.c \
	dockd/role.c \
	dockd/ctl_metrics.c \
	dockd/ctl_known.c \
	dockd/ctl_camera.c \
	dockd/ctl_probe.c \
	dockd/draft.c \
	dockd/base/language.c \
	dockd/camera_key.c \
	dockd/hex.c \
	dockd/ctl_ask.c \
	dockd/ctl_say.c \
	dockd/ctl_expedite.c \
	dockd/ctl_export.c \
	dockd/ctl_report.c \
	dockd/ctl_report_text.c \
	dockd/ctl_json.c \
	dockd/ctl_destination.c \
	dockd/ctl_order.c \
	dockd/order.c \
	dockd/ctl_time.c \
	dockd/ctl_ledger.c \
	dockd/bundle_check.c \
	dockd/ctl_bundle.c \
	dockd/ctl_statement.c \
	dockd/ctl_statement_record.c \
	dockd/ctl_records.c \
	dockd/ctl_text.c \
	dockd/forecast.c \
	dockd/base/timetable.c \
	dockd/ctl_wait.c \
	dockd/ctl_doctor.c \
	dockd/ctl_screen.c \
	dockd/ctl_doctor_words.c \
	dockd/ctl_doctor_files.c \
	dockd/ctl_doctor_machine.c \
	dockd/ctl_doctor_process.c \
	dockd/ctl_doctor_dump.c \
	dockd/volume.c \
	dockd/ctl_doctor_unit.c \
	$(config_whole) \
	dockd/profile.c \
	dockd/check.c \
	dockd/ctl_root.c \
	dockd/base/record.c \
	dockd/asset.c \
	dockd/light_table.c \
	dockd/tlog.c \
	$(note_src)
dockctl_pkg := jansson libcrypto libconfig

audit_src := \
	dockd/verify/audit.c \
	dockd/verify/audit_clip.c \
	dockd/verify/audit_facts.c \
	dockd/verify/audit_line.c \
	dockd/verify/audit_report.c \
	dockd/verify/activation.c \
	dockd/verify/finding.c \
	dockd/verify/lines.c \
	dockd/base/zone.c
dockd-verify_src := \
	dockd/verify/main.c \
	dockd/verify/digest.c \
	dockd/verify/audit_job.c \
	dockd/verify/judge_job.c \
	dockd/verify/facts.c \
	dockd/verify/signature.c \
	dockd/verify/cms.c \
	dockd/verify/chain.c \
	dockd/verify/sidecar.c \
	dockd/verify/manifest.c \
	dockd/verify/receipt.c \
	$(audit_src) \
	dockd/base/oom.c \
	dockd/base/record.c \
	$(note_src)
dockd-verify_pkg := jansson libcrypto libseccomp

# Disks without the bus: bytes in, files out.
disk_pure := \
	usb/volume/source.c \
	usb/volume/cache.c \
	usb/calendar.c \
	usb/name.c \
	usb/volume/partition.c \
	usb/volume/marks.c \
	usb/volume/volume.c \
	usb/volume/volume_walk.c \
	usb/volume/fat.c \
	usb/volume/fat_name.c \
	usb/volume/dos_time.c \
	usb/volume/exfat_boot.c \
	usb/volume/exfat.c
dockd-camera_src := \
	$(disk_pure) \
	usb/camera_main.c \
	usb/camera.c \
	usb/ptp/ptp_camera.c \
	usb/ptp/ptp_listing.c \
	usb/ptp/ptp_fetch.c \
	usb/pattern.c \
	usb/part.c \
	usb/disk/bot.c \
	usb/disk/wrapper.c \
	usb/disk/scsi.c \
	usb/disk/disk.c \
	usb/disk/disk_stream.c \
	usb/ptp/ptp_configure.c \
	usb/probe.c \
	usb/ptp/ptp_property.c \
	dockd/base/language.c \
	dockd/base/oom.c \
	usb/vendor/unlock.c \
	usb/vendor/language_dv16.c \
	usb/vendor/language_amba.c \
	usb/vendor/dv16.c \
	usb/vendor/ambarella.c \
	usb/vendor/vendor.c \
	usb/disk/msc_camera.c \
	usb/disk/msc_listing.c \
	usb/disk/msc_fetch.c \
	usb/ptp/session.c \
	usb/ptp/reply.c \
	usb/ptp/ptp.c \
	usb/descriptor.c \
	usb/transport_usb.c
dockd-camera_pkg := libusb-1.0 libseccomp

dockd-hotplug_src := \
	usb/hotplug/hotplug_main.c \
	usb/hotplug/node.c \
	usb/hotplug/burden.c \
	usb/hotplug/ports.c \
	usb/hotplug/sysfs.c
dockd-hotplug_pkg := libusb-1.0 libseccomp

s3_pure := \
	uploader/http_head.c \
	uploader/s3_sign.c \
	uploader/s3_request.c \
	uploader/s3_address.c \
	uploader/s3_body.c \
	uploader/s3_reply.c \
	uploader/s3_document.c \
	uploader/s3_verdict.c
tus_pure := \
	uploader/http_head.c \
	uploader/tus_reply.c \
	uploader/tus_address.c \
	uploader/tus_chunk.c
dockd-uploader_src := \
	uploader/main.c \
	uploader/transfer.c \
	uploader/server.c \
	uploader/http.c \
	uploader/certificate.c \
	uploader/http_answer.c \
	uploader/http_room.c \
	uploader/trust.c \
	uploader/secret.c \
	uploader/line.c \
	uploader/bucket.c \
	dockd/base/timetable.c \
	uploader/facts.c \
	uploader/disk.c \
	uploader/folder.c \
	uploader/dir.c \
	uploader/dir_errand.c \
	uploader/tus.c \
	uploader/tus_upload.c \
	uploader/tus_find.c \
	uploader/tus_proof.c \
	uploader/tus_errand.c \
	$(filter-out $(s3_pure),$(tus_pure)) \
	uploader/s3.c \
	uploader/s3_upload.c \
	uploader/s3_append.c \
	uploader/s3_sum.c \
	uploader/digester.c \
	uploader/md5_lanes.c \
	uploader/s3_proof.c \
	uploader/s3_errand.c \
	uploader/s3_hold.c \
	$(s3_pure) \
	dockd/base/base64.c
dockd-uploader_pkg := libcurl jansson libssl libcrypto libseccomp expat

programs := dockd dockctl dockd-verify dockd-camera dockd-hotplug dockd-uploader

# ---- test programs: the same sources with doubles linked (tests/double, tests/vcam) ----

vcam_src := \
	tests/vcam/vcam.c \
	tests/vcam/control.c \
	tests/vcam/control_disk.c \
	tests/vcam/scenario.c \
	tests/vcam/scenario_disk.c \
	tests/vcam/scenario_locked.c \
	tests/vcam/camera.c \
	tests/vcam/contents.c \
	tests/vcam/faults.c \
	tests/vcam/responder.c \
	tests/vcam/payload.c \
	tests/vcam/function.c \
	tests/vcam/operations.c \
	tests/vcam/device.c \
	tests/vcam/dataset.c \
	tests/vcam/disk.c \
	tests/vcam/bot.c \
	tests/vcam/scsi.c \
	tests/vcam/locked.c \
	tests/vcam/locked_dv16.c \
	tests/vcam/locked_amba.c \
	tests/vcam/face_socket.c \
	tests/vcam/face_ffs.c
vcam_pkg := jansson libcrypto

# The simulated dock plays dockd-hotplug; the worker speaks to a socket in place of libusb.
test_dockd-hotplug_src := \
	tests/vcam/vdock.c
test_dockd-hotplug_pkg :=
test_transport_src := tests/vcam/transport_socket.c
test_handover_src := tests/double/handover_die.c
test_clock_src := tests/double/clock_file.c
test_time_src := tests/double/time_file.c

unit_tests := \
	acceptance \
	bay \
	listener \
	child \
	turn \
	recorded \
	charge \
	sheet \
	log \
	msg \
	camera \
	ptp \
	exfat \
	partition \
	fat \
	disk_volume \
	tus \
	tus_line \
	s3 \
	s3_reply \
	s3_sum \
	md5_lanes \
	http_head \
	sysfs \
	ports \
	schedule \
	health \
	dv16 \
	ambarella \
	scsi \
	bot \
	digest \
	audit \
	config \
	config_destination \
	draft \
	profile \
	zone \
	pair \
	pin \
	role \
	light \
	lamp_name \
	forecast \
	filling \
	screen \
	doctor \
	outlook \
	ctl \
	ctl_export \
	record \
	ledger \
	asset \
	staging \
	journal \
	index \
	index_rebuild \
	index_receipt \
	index_queue \
	index_policy \
	index_proof \
	bundle \
	ctl_ledger \
	ctl_bundle \
	bay_rules \
	volume \
	retention \
	disposal \
	waits \
	timetable \
	bucket \
	line \
	trust \
	upload_order \
	breaker \
	sticky \
	note \
	tlog \
	checkpoint
# Fuzzers: tests/fuzz/fuzz_NAME.c with the sources of fuzz_objs_NAME and libraries of fuzz_pkg_NAME.
fuzz_targets := \
	note \
	audit \
	msg \
	record \
	ptp \
	scsi \
	vendor \
	exfat \
	partition \
	fat \
	http \
	tus \
	s3 \
	config \
	cms \
	sidecar \
	manifest \
	receipt
verify_judging := dockd/verify/facts.c dockd/verify/signature.c dockd/verify/cms.c \
	dockd/verify/chain.c dockd/verify/sidecar.c dockd/verify/manifest.c dockd/base/record.c \
	dockd/base/log.c $(note_src)
fuzz_objs_cms := $(verify_judging)
fuzz_pkg_cms := libcrypto
fuzz_objs_sidecar := $(verify_judging)
fuzz_pkg_sidecar := libcrypto
fuzz_objs_manifest := $(filter-out dockd/verify/manifest.c,$(verify_judging))
fuzz_pkg_manifest := libcrypto
fuzz_objs_note := dockd/tlog.c dockd/base/record.c $(note_src)
fuzz_pkg_note := libcrypto
fuzz_objs_receipt := dockd/verify/facts.c dockd/base/record.c $(note_src)
fuzz_pkg_receipt := libcrypto
fuzz_objs_audit := $(audit_src) dockd/base/record.c
fuzz_pkg_audit := jansson libcrypto
fuzz_objs_config := $(config_whole) dockd/base/proto.c
fuzz_pkg_config := libconfig libcrypto
fuzz_objs_record := dockd/base/record.c
fuzz_objs_msg := dockd/base/proto.c dockd/base/msg.c
fuzz_objs_ptp := usb/ptp/ptp.c usb/ptp/ptp_property.c usb/calendar.c usb/name.c usb/ptp/reply.c usb/descriptor.c
fuzz_objs_exfat := $(disk_pure)
fuzz_objs_scsi := usb/disk/scsi.c usb/disk/wrapper.c
fuzz_objs_partition := usb/volume/source.c usb/volume/partition.c
fuzz_objs_fat := $(disk_pure)
fuzz_objs_vendor := usb/vendor/dv16.c usb/vendor/ambarella.c usb/vendor/vendor.c
fuzz_objs_http := uploader/http_answer.c uploader/http_head.c uploader/trust.c uploader/certificate.c uploader/secret.c
fuzz_pkg_http := libcurl libssl libcrypto
fuzz_objs_tus := $(tus_pure) uploader/facts.c dockd/base/base64.c
fuzz_pkg_tus := libcurl libcrypto
fuzz_objs_s3 := $(s3_pure) uploader/facts.c
fuzz_pkg_s3 := libcurl libcrypto expat

# ---- rules ----

pkgs := $(sort $(foreach p,$(programs),$($(p)_pkg)) $(vcam_pkg) cmocka)
PKG_CFLAGS := $(shell $(PKG_CONFIG) --cflags $(pkgs) 2>/dev/null)
compile_flags = $(BASE_CFLAGS) $(PKG_CFLAGS) $(CPPFLAGS) $(CFLAGS)
libs = $(if $(strip $(1)),$(shell $(PKG_CONFIG) --libs $(1)))
objects = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))

.PHONY: all
all: $(addprefix $(BUILD)/,$(programs))

$(BUILD)/obj/%.o: %.c Makefile
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(compile_flags) -MMD -MP -c -o $@ $<

# $(1) target, $(2) sources, $(3) pkg-config names
define link
$(1): $(call objects,$(2))
	$$(call say,LD,$(1))
	$$(Q)mkdir -p $$(@D)
	$$(Q)$$(CC) $$(BASE_LDFLAGS) $$(LDFLAGS) -o $$@ $$^ $$(call libs,$(3))
all_objects += $(call objects,$(2))
endef

sandboxed := dockd dockd-verify dockd-camera dockd-hotplug dockd-uploader
$(foreach p,$(programs),$(eval $(call link,$(BUILD)/$(p),\
	$($(p)_src) $(base_src) $(if $(filter $(p),$(sandboxed)),$(sandbox_src) $(handover_src)) \
	$(if $(filter $(p),dockd),$(clock_src)),$($(p)_pkg))))

$(foreach p,dockd dockd-verify dockd-uploader,$(eval $(call link,$(BUILD)/test/$(p),\
	$($(p)_src) $(base_src) $(sandbox_src) $(test_handover_src) \
	$(if $(filter $(p),dockd),$(test_clock_src)) \
	$(if $(filter $(p),dockd-uploader),$(test_time_src)),$($(p)_pkg))))
$(eval $(call link,$(BUILD)/test/dockd-camera,$(filter-out usb/transport_usb.c,$(dockd-camera_src)) \
	$(test_transport_src) $(base_src) $(sandbox_src) $(test_handover_src),libseccomp))
$(eval $(call link,$(BUILD)/test/dockd-hotplug,$(test_dockd-hotplug_src) $(base_src) \
	$(test_handover_src),$(test_dockd-hotplug_pkg)))
$(eval $(call link,$(BUILD)/test/vcam,$(vcam_src),$(vcam_pkg)))

test_programs := $(addprefix $(BUILD)/test/,dockd dockd-verify dockd-camera dockd-hotplug \
	dockd-uploader vcam)
$(eval $(call link,$(BUILD)/test/probe_words,tests/unit/probe_words.c dockd/asset.c dockd/gate.c dockd/role.c,libcrypto))
test_programs += $(BUILD)/test/probe_words
$(eval $(call link,$(BUILD)/test/probe_tlog,tests/unit/probe_tlog.c dockd/tlog.c $(note_src),libcrypto))
test_programs += $(BUILD)/test/probe_tlog
$(eval $(call link,$(BUILD)/test/probe_s3,tests/unit/probe_s3.c $(s3_pure) uploader/facts.c,\
	libcurl libcrypto expat))
test_programs += $(BUILD)/test/probe_s3
$(eval $(call link,$(BUILD)/test/diskread,tests/disk/diskread.c $(disk_pure),libcrypto))
test_programs += $(BUILD)/test/diskread
# The simulated week: the core whole, its time, disk and other ends of its sockets played.
week_src := tests/sim/week.c tests/sim/week_report.c tests/sim/week_core.c tests/sim/week_dock.c \
	tests/sim/week_server.c tests/double/clock_virtual.c \
	$(filter-out dockd/main.c dockd/core.c dockd/child.c,$(dockd_src)) $(base_src) $(handover_src)
$(eval $(call link,$(BUILD)/test/week,$(week_src),$(filter-out libseccomp,$(dockd_pkg))))
$(BUILD)/test/week: LDFLAGS += $(addprefix -Wl$(comma)--wrap=,clock_gettime time fallocate fstatvfs \
	unlinkat prlimit)
ifneq ($(SAN),1)
test_programs += $(BUILD)/test/week
endif
# What each sandbox lets through, tried from inside; the sanitizer builds have no sandbox to try.
ifneq ($(SAN),1)
$(eval $(call link,$(BUILD)/test/probe_sandbox,tests/unit/probe_sandbox.c $(sandbox_src),libseccomp))
test_programs += $(BUILD)/test/probe_sandbox
endif
.PHONY: test-programs
test-programs: $(test_programs) all

# Unit tests: tests/unit/test_NAME.c, with the objects and libraries that its line here names.
unit_objs_record := dockd/base/record.c
ledger_src := $(filter dockd/ledger.c dockd/ledger_segment.c dockd/ledger_read.c,$(dockd_src))
unit_objs_ledger := $(filter-out dockd/ledger.c,$(ledger_src)) dockd/base/record.c $(clock_src)
unit_objs_asset := dockd/asset.c dockd/gate.c
unit_objs_retention := dockd/retention_rules.c dockd/order.c dockd/ctl_time.c dockd/asset.c dockd/base/zone.c
unit_pkg_retention := libcrypto
unit_pkg_asset := libcrypto
index_src := $(filter dockd/index%,$(dockd_src)) dockd/base/record.c dockd/asset.c dockd/order.c dockd/tally.c
unit_objs_journal := dockd/journal.c dockd/clock_set.c dockd/witness.c dockd/base/log.c $(ledger_src) tests/double/clock_file.c $(index_src)
unit_pkg_journal := sqlite3 libcrypto
unit_objs_disposal := dockd/disposal.c $(unit_objs_journal) $(handover_src)
unit_pkg_disposal := sqlite3 libcrypto
unit_objs_index := $(index_src)
unit_pkg_index := sqlite3 libcrypto
unit_objs_recorded := dockd/recorded.c dockd/brief.c dockd/sealed.c dockd/base/zone.c $(index_src)
unit_pkg_recorded := sqlite3 libcrypto
unit_objs_index_queue := $(index_src)
unit_pkg_index_queue := sqlite3 libcrypto
unit_objs_index_policy := $(index_src)
unit_pkg_index_policy := sqlite3 libcrypto
unit_objs_index_rebuild := $(index_src)
unit_pkg_index_rebuild := sqlite3 libcrypto
unit_objs_index_receipt := $(index_src)
unit_pkg_index_receipt := sqlite3 libcrypto
unit_objs_index_proof := $(index_src)
unit_pkg_index_proof := sqlite3 libcrypto
unit_objs_bundle := dockd/sealed.c $(ledger_src) dockd/tlog.c dockd/base/base64.c $(clock_src) $(index_src)
unit_pkg_bundle := sqlite3 libcrypto
unit_objs_staging := dockd/base/handover.c
unit_objs_listener := dockd/base/log.c
unit_pkg_listener := libsystemd
unit_objs_child := dockd/child.c dockd/base/log.c dockd/base/msg.c dockd/base/proto.c
unit_pkg_child := libsystemd
unit_objs_waits := dockd/waits.c $(clock_src)
unit_objs_line := uploader/bucket.c dockd/base/timetable.c
unit_objs_trust := uploader/certificate.c
unit_pkg_trust := libcurl libssl libcrypto
unit_objs_breaker := dockd/waits.c $(clock_src)
unit_objs_note := dockd/base/base64.c
unit_pkg_note := libcrypto
unit_objs_checkpoint := $(filter-out dockd/ledger.c,$(ledger_src)) dockd/cited.c dockd/tree.c dockd/ledger_check.c \
	dockd/station_key.c dockd/predecessor.c \
	dockd/tlog.c dockd/journal.c dockd/clock_set.c dockd/witness.c dockd/base/log.c $(note_src) $(clock_src) $(index_src)
unit_pkg_checkpoint := sqlite3 libcrypto
unit_objs_tlog := dockd/base/base64.c
unit_pkg_tlog := libcrypto
unit_objs_msg := dockd/base/proto.c dockd/base/msg.c
unit_objs_camera := usb/camera.c usb/descriptor.c
unit_objs_ptp := usb/ptp/ptp.c usb/ptp/ptp_property.c usb/calendar.c usb/name.c usb/ptp/reply.c usb/descriptor.c
unit_objs_exfat := $(disk_pure)
unit_objs_partition := usb/volume/source.c usb/volume/partition.c
unit_objs_fat := $(disk_pure)
unit_objs_disk_volume := $(disk_pure)
unit_objs_tus := $(tus_pure) uploader/facts.c uploader/disk.c dockd/base/base64.c
unit_pkg_tus := libcurl libcrypto
unit_objs_tus_line := $(tus_pure) uploader/facts.c dockd/base/base64.c
unit_pkg_tus_line := libcurl libcrypto
unit_objs_s3 := $(s3_pure) uploader/facts.c
unit_pkg_s3 := libcurl libcrypto expat
unit_objs_s3_reply := $(s3_pure) uploader/facts.c
unit_pkg_s3_reply := libcurl libcrypto expat
unit_objs_s3_sum := uploader/digester.c uploader/md5_lanes.c dockd/base/sandbox_none.c dockd/base/log.c
unit_pkg_s3_sum := libcurl libcrypto
unit_pkg_md5_lanes := libcrypto
unit_objs_http_head := uploader/http_head.c
unit_pkg_http_head := libcurl
unit_objs_sysfs := usb/hotplug/sysfs.c dockd/base/proto.c
unit_objs_schedule := dockd/base/log.c
unit_objs_acceptance := dockd/sealed.c dockd/base/log.c dockd/base/record.c $(clock_src)
unit_objs_bay := dockd/bay_view.c dockd/base/log.c dockd/base/record.c
unit_objs_turn := dockd/schedule.c
unit_objs_health := dockd/controllers.c dockd/base/log.c $(index_src)
unit_pkg_health := sqlite3 libcrypto
unit_objs_ports := usb/hotplug/ports.c usb/hotplug/burden.c
unit_objs_scsi := usb/disk/scsi.c
unit_objs_bot := usb/disk/wrapper.c
unit_objs_dv16 := usb/vendor/dv16.c usb/vendor/vendor.c
unit_objs_ambarella := usb/vendor/ambarella.c usb/vendor/vendor.c
unit_objs_draft := $(config_whole) dockd/profile.c dockd/draft.c
unit_objs_config := $(config_whole) dockd/profile.c
unit_pkg_draft := libconfig libcrypto
unit_pkg_config := libconfig libcrypto
unit_objs_config_destination := $(config_whole)
unit_pkg_config_destination := libconfig libcrypto
unit_objs_profile := dockd/profile.c
unit_objs_zone := dockd/base/zone.c
unit_objs_pair := dockd/pair.c
unit_objs_pin := dockd/pin.c
unit_objs_sheet := dockd/sheet.c dockd/light_table.c
unit_objs_charge := dockd/charge.c
unit_objs_role := dockd/role.c
unit_objs_light := dockd/light.c dockd/light_table.c dockd/lamp.c dockd/lamp_name.c dockd/base/log.c
unit_objs_lamp_name := dockd/lamp_name.c
unit_objs_forecast := dockd/base/timetable.c
unit_objs_outlook := dockd/forecast.c dockd/base/timetable.c dockd/base/log.c
unit_objs_ctl_export := $(filter-out dockd/ctl.c dockd/ctl_export.c,$(dockctl_src)) dockd/base/proto.c \
	dockd/base/msg.c dockd/base/log.c
unit_pkg_ctl_export := jansson libcrypto libconfig
unit_objs_doctor := dockd/ctl_doctor_unit.c dockd/ctl_doctor_dump.c dockd/volume.c dockd/ctl_doctor_words.c dockd/check.c dockd/certificate.c \
	dockd/doctor_line.c dockd/doctor_station.c dockd/asset.c
unit_pkg_doctor := libcrypto
unit_objs_screen := dockd/ctl_text.c dockd/check.c dockd/forecast.c dockd/base/timetable.c dockd/light_table.c \
	dockd/asset.c
unit_pkg_screen := libcrypto
unit_objs_ctl := $(filter-out dockd/ctl.c,$(dockctl_src)) dockd/base/proto.c dockd/base/msg.c \
	dockd/base/log.c
unit_pkg_ctl := jansson libcrypto libconfig
unit_objs_ctl_ledger := $(unit_objs_ctl)
unit_pkg_ctl_ledger := jansson libcrypto libconfig
unit_objs_ctl_bundle := $(sort $(unit_objs_ctl) dockd/bundle.c dockd/sealed.c $(ledger_src) $(index_src))
unit_pkg_ctl_bundle := jansson sqlite3 libcrypto libconfig
unit_objs_audit := $(audit_src) dockd/base/record.c
unit_pkg_audit := jansson libcrypto
unit_objs_digest := dockd/verify/digest.c
unit_pkg_digest := libcrypto
$(foreach t,$(unit_tests),$(eval $(call link,$(BUILD)/unit/$(t),tests/unit/test_$(t).c \
	$(unit_objs_$(t)),cmocka $(unit_pkg_$(t)))))

.PHONY: check-unit
check-unit: $(addprefix $(BUILD)/unit/,$(unit_tests))
	$(Q)for t in $(unit_tests); do $(BUILD)/unit/$$t || exit 1; done

# ---- what people and CI run ----

#: help            these lines
.PHONY: help
help:
	@sed -n 's/^#: /  /p' Makefile

#: all             the programs, into build/
#: demo            a whole docking, shown: a simulated camera, the embedded default destination
#: demo-server     the same with a stock tus server that signs receipts, cut off in the middle
# Each program runs as a made-up user, which only root can arrange.
AS_ROOT := $(if $(filter 0,$(shell id -u)),,sudo)
AS_ROOT_ENV := $(if $(AS_ROOT),sudo --preserve-env)
.PHONY: demo demo-server
demo:
	$(Q)tests/setup.sh build test
	$(Q)$(MAKE) --no-print-directory test-programs
	$(Q)$(AS_ROOT) /usr/bin/python3 tests/demo/demo.py

demo-server:
	$(Q)tests/setup.sh build test server
	$(Q)$(MAKE) --no-print-directory test-programs npm
	$(Q)$(AS_ROOT) /usr/bin/python3 tests/demo/demo.py --server

#: check           all that this machine can check: packages, build, unit and system tests
.PHONY: check setup npm
setup:
	$(Q)tests/setup.sh build test server
	$(Q)$(MAKE) --no-print-directory npm
check: setup
	$(Q)$(MAKE) --no-print-directory all test-programs
	$(Q)$(MAKE) --no-print-directory check-unit
	$(Q)$(MAKE) --no-print-directory check-week
	$(Q)$(MAKE) --no-print-directory check-system

# The stock upload server of the tests, at the versions of package-lock.json; nothing of it is shipped.
npm: build/npm/node_modules/.package-lock.json
build/npm/node_modules/.package-lock.json: tests/system/package.json tests/system/package-lock.json
	$(call say,NPM,build/npm)
	$(Q)mkdir -p $(@D)
	$(Q)cp $^ build/npm/
	$(Q)cd build/npm && npm ci --loglevel=error --ignore-scripts --no-audit --no-fund
	$(Q)touch $@

#: check-unit      unit tests alone
#: check-system    system tests alone: the real programs, a simulated dock and servers
# test_kill docks four at once by itself; the others wait more than they work.
PYTEST ?= /usr/bin/python3 -m pytest -q
.PHONY: check-system
check-system: test-programs
	$(Q)DOCKD_BUILD=$(abspath $(BUILD)) $(AS_ROOT_ENV) $(PYTEST) -n 4 --ignore tests/system/test_kill.py \
		$(if $(filter 1,$(SAN)),$(san_leaves)) tests/system
	$(Q)$(if $(filter 1,$(SAN)),,DOCKD_BUILD=$(abspath $(BUILD)) $(AS_ROOT_ENV) $(PYTEST) tests/system/test_kill.py)

#: check-week      a simulated day: nothing lost, nothing twice, nothing late before somebody was told
#: week            the simulated week, hour by hour, into tests/sim/WEEK.md (some minutes)
.PHONY: check-week week
check-week: $(BUILD)/test/week
	$(Q)$(BUILD)/test/week --plan day >$(BUILD)/day.md
week: $(BUILD)/test/week
	$(Q)for plan in full fits; do $(BUILD)/test/week --plan $$plan >$(BUILD)/week-$$plan.md || exit 1; done
	$(Q)($(BUILD)/test/week --about && cat $(BUILD)/week-full.md $(BUILD)/week-fits.md) >tests/sim/WEEK.md

#: soak            N=1000 cases of randomised faults, SEED=... the same again; prints the table
.PHONY: soak
soak: test-programs npm
	$(Q)DOCKD_BUILD=$(abspath $(BUILD)) $(AS_ROOT_ENV) /usr/bin/python3 tests/system/soak.py $(or $(N),1000) \
		$(if $(SEED),--seed $(SEED))

#: check-lab       on real USB in the virtual station (tests/lab): hotplug, dockings, pulling out, power cut; the
#:                 package installed on a whole Debian that boots: lamps, processes, power cuts
#: check-long      the installed station: its power cut at 20 moments (CUTS=) that a seed draws (SEED=), upgraded,
#:                 replaced, sealed, its volume made, the README followed, 300 MB docked at once
#: bench-pull      there too: a pull beside a bare loop, gphoto2, mtp-getfile and aft-mtp-cli
#: check-lab-images  there too, longer: 500 images of camera cards, to the kernel and to the station the same
.PHONY: check-lab check-long check-lab-images bench-pull
check-lab: test-programs npm deb
	$(Q)DOCKD_BUILD=$(abspath $(BUILD)) tests/lab/check
check-long: test-programs npm deb
	$(Q)tests/lab/lab prepare
	$(Q)DOCKD_BUILD=$(abspath $(BUILD)) tests/lab/cuts.py $(or $(CUTS),20) $(SEED)
	$(Q)DOCKD_BUILD=$(abspath $(BUILD)) tests/lab/check thousand power volume provisioned sealed upgrade readme
check-lab-images: test-programs
	$(Q)LAB_IMAGES=$(or $(LAB_IMAGES),500) LAB_LONGER=1800 DOCKD_BUILD=$(abspath $(BUILD)) tests/lab/check images
bench-pull: all $(BUILD)/bench/bare_pull
	$(Q)tests/lab/lab prepare
	$(Q)DOCKD_BUILD=$(abspath $(BUILD)) tests/lab/lab run tests/lab/bench_pull.py
	$(Q)DOCKD_BUILD=$(abspath $(BUILD)) tests/lab/lab run tests/lab/bench_disk.py
$(eval $(call link,$(BUILD)/bench/bare_pull,tests/bench/bare_pull.c,libusb-1.0))
#: bench           uploads, whole dockings, memory and start measured here; bench-write keeps the figures
BENCH ?=
.PHONY: bench bench-write bench-npm
bench: setup all test-programs $(BUILD)/bench/bare_vusb $(BUILD)/bench/delay bench-npm
	$(Q)tests/setup.sh bench
	$(Q)DOCKD_BUILD=$(abspath $(BUILD)) $(AS_ROOT) /usr/bin/python3 tests/bench/bench.py $(BENCH)
bench-write:
	$(Q)$(MAKE) --no-print-directory bench BENCH="--write $(BENCH)"
$(eval $(call link,$(BUILD)/bench/bare_vusb,tests/bench/bare_vusb.c tests/vcam/transport_socket.c \
	usb/ptp/ptp.c usb/calendar.c usb/name.c,))
#: bench-upload    uploads alone, beside curl, rclone, s3cmd and tus-js-client, also with 50 ms of delay
.PHONY: bench-upload
bench-upload: setup all $(BUILD)/bench/delay bench-npm
	$(Q)tests/setup.sh bench
	$(Q)DOCKD_BUILD=$(abspath $(BUILD)) $(AS_ROOT) /usr/bin/python3 tests/bench/bench.py --only clients $(BENCH)
$(eval $(call link,$(BUILD)/bench/delay,tests/bench/delay.c,))
bench-npm: build/bench-npm/node_modules/.package-lock.json
build/bench-npm/node_modules/.package-lock.json: tests/bench/package.json tests/bench/package-lock.json
	$(call say,NPM,build/bench-npm)
	$(Q)mkdir -p $(@D)
	$(Q)cp $^ build/bench-npm/
	$(Q)cd build/bench-npm && npm ci --silent --ignore-scripts --no-audit --no-fund
	$(Q)touch $@

#: check-asan      both again under AddressSanitizer and UBSan, without the sandboxes (build/asan)
# A worker that dies of a finding is replaced by its core, so findings are counted, not exit codes.
# Leaks are looked for in the unit tests; programs are ended by signals more often than not.
# A fifth of the disks and of the random faults: what is slow is the sanitizer, not what it looks for.
# Left out: minutes of waiting for lines, servers and lamps, on code that other tests drive as well; what
# is about scripts, units and pages; and kill -9, which shows what is on the disk and not in memory.
san_leaves = $(addprefix --ignore tests/system/test_,$(addsuffix .py,64_kbit matrix many lights units documented \
	completion support provision provision_volume demo))
san_reports = $(abspath build/asan/reports)
san_options = log_path=$(san_reports)/r:abort_on_error=1:print_stacktrace=1
.PHONY: check-asan
check-asan: setup
	$(Q)$(MAKE) --no-print-directory SAN=1 all test-programs
	$(Q)$(MAKE) --no-print-directory SAN=1 check-unit
	$(Q)rm -rf $(san_reports) && mkdir -m 1777 $(san_reports)
	$(Q)DISKS=100 SOAK_CASES=12 ASAN_OPTIONS=detect_leaks=0:disable_coredump=1:$(san_options) \
		UBSAN_OPTIONS=$(san_options) $(MAKE) --no-print-directory SAN=1 check-system
	$(Q)! cat $(san_reports)/* 2>/dev/null

#: fuzz            the fuzzers, into build/fuzz (clang); run one: build/fuzz/msg tests/vectors/msg
#: fuzz-smoke      each fuzzer for FUZZ_SECONDS (10) from tests/vectors/NAME, and all of its evil ones
FUZZ_SECONDS ?= 10
FUZZ_CC ?= clang
FUZZ_FLAGS := -std=c17 $(DEFS) -O1 -g -fno-omit-frame-pointer -fsanitize=fuzzer,address,undefined \
	-fno-sanitize-recover=undefined
# $(1) name: tests/fuzz/fuzz_NAME.c with the sources and libraries of fuzz_objs_NAME, fuzz_pkg_NAME
define fuzzer
$(BUILD)/fuzz/$(1): tests/fuzz/fuzz_$(1).c $(fuzz_objs_$(1)) $(wildcard dockd/base/*.h) Makefile
	$$(call say,FUZZ,$$@)
	$$(Q)mkdir -p $$(@D)
	$$(Q)$$(FUZZ_CC) $$(FUZZ_FLAGS) $$(PKG_CFLAGS) -o $$@ $$(filter %.c,$$^) $$(call libs,$(fuzz_pkg_$(1)))
endef
$(foreach t,$(fuzz_targets),$(eval $(call fuzzer,$(t))))
.PHONY: fuzz fuzz-smoke
fuzz: $(addprefix $(BUILD)/fuzz/,$(fuzz_targets))
fuzz-smoke:
	$(Q)tests/setup.sh build fuzz
	$(Q)$(MAKE) --no-print-directory fuzz
	$(Q)tests/fuzz/smoke.sh $(BUILD)/fuzz $(FUZZ_SECONDS) $(fuzz_targets)

#: lint            everything that reads the code without running it
#: lint-tidy       clang-tidy and cppcheck alone (the slow ones)
c_files = $(shell git ls-files '*.c')
# Unit tests are judged by running them: the analyzer does not know that a failed assertion returns.
tidy_files = $(filter-out tests/unit/%,$(c_files))
shell_files = .ci/run $(shell git ls-files '*.sh' tests/lab/lab tests/lab/root tests/lab/appliance tests/lab/check \
	tests/packaging/reproducible etc/bash-completion/* packaging/debian/dockd.p* packaging/dockd-provision \
	packaging/dockd-support)
.PHONY: lint lint-quick lint-tidy
lint:
	$(Q)tests/setup.sh build test lint
	$(Q)$(MAKE) --no-print-directory lint-quick format-check lint-tidy
#: lint-quick      rooms, forbidden calls, sizes, options, protocol, shell scripts, manual pages
lint-quick:
	$(call say,LINT,rooms forbidden limits options events protocol)
	$(Q)tests/lint/rooms.sh
	$(Q)tests/lint/forbidden.sh
	$(Q)tests/lint/limits.sh
	$(Q)tests/lint/options.sh
	$(Q)tests/lint/events.sh
	$(Q)tests/lint/protocol.sh
	$(Q)tests/lint/states.sh
	$(Q)tests/lint/doctor.sh
	$(Q)tests/lint/metrics.sh
	$(call say,LINT,shellcheck)
	$(Q)shellcheck --exclude=SC1091,SC2154 $(wildcard $(shell_files)) # what is sourced is not followed
	$(call say,LINT,mandoc)
	$(Q)$(if $(man_pages),mandoc -Tlint -W warning $(man_pages))
lint-tidy:
	$(call say,LINT,clang-tidy)
	$(Q)mkdir -p $(BUILD)/tidy
	$(Q)printf '%s\n' -xc -std=c17 $(DEFS) $(PKG_CFLAGS) >$(BUILD)/tidy/compile_flags.txt
	$(Q)printf '%s\n' $(tidy_files) | xargs -P 2 -n 4 clang-tidy --quiet -p $(BUILD)/tidy
	$(call say,LINT,cppcheck)
	$(Q)cppcheck --quiet --error-exitcode=1 --inline-suppr --std=c11 --platform=unix64 -j 2 \
		--enable=warning,performance,portability --suppressions-list=tests/lint/cppcheck.txt \
		$(DEFS) dockd usb uploader tests

#: format          clang-format over everything; format-check only says what it would change
.PHONY: format format-check
c_all = $(shell git ls-files '*.c' '*.h')
format:
	$(Q)clang-format -i $(c_all)
format-check:
	$(call say,LINT,clang-format)
	$(Q)clang-format --dry-run --Werror $(c_all)

#: install         all that belongs on a station, where it belongs; PREFIX, DESTDIR ... as usual (use the package)
#: uninstall       takes it away again; configuration, state and evidence stay
sbin_files := dockd
bin_files := dockctl
provision := packaging/dockd-provision
provision_parts := packaging/provision-rules.sh packaging/provision-station.sh packaging/provision-volume.sh
libexec_files := dockd-verify dockd-camera dockd-hotplug dockd-uploader
installed = $(addprefix $(PREFIX)/sbin/,$(sbin_files) $(notdir $(provision))) $(addprefix $(PREFIX)/bin/,$(bin_files)) \
	$(addprefix $(LIBEXECDIR)/,$(libexec_files) dockd-support $(notdir $(provision_parts))) \
	$(foreach s,1 5 7 8,$(addprefix $(MANDIR)/man$(s)/,$(notdir $(filter %.$(s),$(man_pages))))) \
	$(addprefix $(DATADIR)/,$(profiles) $(receipt_hook) $(station_example) prometheus/dockd.rules.yml) $(DATADIR)/dockd.conf \
	$(addprefix $(UDEVDIR)/,$(notdir $(udev_rules))) $(addprefix $(UNITDIR)/,$(notdir $(units))) \
	$(addsuffix /dockd.conf,$(MODPROBEDIR) $(SYSUSERSDIR) $(TMPFILESDIR)) $(COMPLETIONDIR)/dockctl \
	$(addprefix $(DOCDIR)/,$(notdir $(docs)))
docs = README.md SECURITY.md CHANGELOG.md dockd/LEDGER.md dockd/REPORT-EXAMPLE.md
profiles = $(patsubst etc/%,%,$(wildcard etc/profiles/*.conf))
station_example = $(patsubst etc/%,%,$(shell find etc/station-example -type f))
receipt_hook = $(patsubst etc/%,%,$(wildcard etc/receipt-hook/*))
udev_rules = $(wildcard etc/*.rules)
units = $(wildcard packaging/systemd/*.service packaging/systemd/*.socket packaging/systemd/*.target)
man_pages = $(wildcard dockd/*.[1578] usb/*.[1578] uploader/*.[1578] packaging/*.[1578])
.PHONY: install uninstall
install: all
	$(Q)install -d $(addprefix $(DESTDIR),$(PREFIX)/sbin $(PREFIX)/bin $(LIBEXECDIR) $(DATADIR)/profiles \
		$(DATADIR)/receipt-hook $(DATADIR)/prometheus \
		$(MANDIR)/man1 $(MANDIR)/man5 $(MANDIR)/man7 $(MANDIR)/man8 $(UDEVDIR) $(MODPROBEDIR) $(UNITDIR) \
		$(SYSUSERSDIR) $(TMPFILESDIR) $(COMPLETIONDIR) $(DOCDIR) $(SYSCONFDIR)/dockd $(SYSCONFDIR)/logrotate.d)
	$(Q)install -m 755 $(addprefix $(BUILD)/,$(sbin_files)) $(DESTDIR)$(PREFIX)/sbin
	$(Q)install -m 755 $(addprefix $(BUILD)/,$(bin_files)) $(DESTDIR)$(PREFIX)/bin
	$(Q)install -m 755 $(addprefix $(BUILD)/,$(libexec_files)) packaging/dockd-support $(DESTDIR)$(LIBEXECDIR)
	$(Q)install -m 755 $(provision) $(DESTDIR)$(PREFIX)/sbin
	$(Q)install -m 644 $(provision_parts) $(DESTDIR)$(LIBEXECDIR)
	$(Q)for p in $(man_pages); do install -m 644 $$p $(DESTDIR)$(MANDIR)/man$${p##*.} || exit 1; done
	$(Q)install -m 644 $(addprefix etc/,$(profiles)) $(DESTDIR)$(DATADIR)/profiles
	$(Q)install -m 644 $(addprefix etc/,$(receipt_hook)) $(DESTDIR)$(DATADIR)/receipt-hook
	$(Q)for f in $(station_example); do install -D -m 644 etc/$$f $(DESTDIR)$(DATADIR)/$$f || exit 1; done
	$(Q)install -m 644 etc/prometheus/dockd.rules.yml $(DESTDIR)$(DATADIR)/prometheus
	$(Q)install -m 644 etc/dockd.conf $(DESTDIR)$(DATADIR)
	$(Q)test -e $(DESTDIR)$(SYSCONFDIR)/dockd/dockd.conf || \
		install -m 644 etc/dockd.conf $(DESTDIR)$(SYSCONFDIR)/dockd
	$(Q)test -e $(DESTDIR)$(SYSCONFDIR)/logrotate.d/dockd || \
		install -m 644 etc/logrotate.d/dockd $(DESTDIR)$(SYSCONFDIR)/logrotate.d
	$(Q)install -m 644 $(udev_rules) $(DESTDIR)$(UDEVDIR)
	$(Q)install -m 644 etc/modprobe.d/dockd.conf $(DESTDIR)$(MODPROBEDIR)
	$(Q)install -m 644 etc/sysusers.d/dockd.conf $(DESTDIR)$(SYSUSERSDIR)
	$(Q)install -m 644 etc/tmpfiles.d/dockd.conf $(DESTDIR)$(TMPFILESDIR)
	$(Q)install -m 644 etc/bash-completion/dockctl $(DESTDIR)$(COMPLETIONDIR)
	$(Q)install -m 644 $(docs) $(DESTDIR)$(DOCDIR)
	$(Q)$(if $(units),install -m 644 $(units) $(DESTDIR)$(UNITDIR))
uninstall:
	$(Q)rm -f $(addprefix $(DESTDIR),$(installed))

#: deb             the Debian package of the commit, build/dockd_VERSION_ARCH.deb (packaging/README.md)
.PHONY: deb
deb:
	$(Q)tests/setup.sh build deb
	$(Q)packaging/deb.sh build/deb $(VERSION)
	$(Q)cp build/deb/dockd*.deb build/
#: check-deb       the package: lintian, made again elsewhere, and put into a real Debian root and out of it
.PHONY: check-deb
check-deb:
	$(Q)tests/setup.sh build test deb
	$(Q)$(MAKE) --no-print-directory deb
	$(call say,LINTIAN,build/deb)
	$(Q)lintian --allow-root --fail-on error,warning,info --display-info build/deb/dockd_*.changes
	$(Q)$(AS_ROOT) tests/packaging/reproducible build/deb
	$(Q)$(AS_ROOT_ENV) $(PYTEST) tests/packaging

#: clean           build/ goes
#: dist            dockd-VERSION.tar.gz of the commit
.PHONY: clean dist
clean:
	$(Q)rm -rf build
dist:
	$(Q)mkdir -p build
	$(Q)git archive --prefix=dockd-$(VERSION)/ HEAD | gzip -9n >build/dockd-$(VERSION).tar.gz
	$(call say,DIST,build/dockd-$(VERSION).tar.gz)

-include $(patsubst %.o,%.d,$(sort $(all_objects)))
