/*
 * scsi: SCSI commands that read, as bytes, and what devices answer to them.
 *
 * Called by disk.c and the fuzzers. Pure. There is no function for a command that writes, and
 * disk.c sends no other command than these: read-only by construction. Sources: SPC-4, SBC-3.
 */
#ifndef DOCKD_SCSI_H
#define DOCKD_SCSI_H

#include "../../dockd/base/buf.h"

#define SCSI_CDB_MAX 16

struct scsi_inquiry {
	uint8_t type; /* peripheral device type; 0 direct access, 0x0e reduced block, 0x05 CD */
	bool present; /* peripheral qualifier 0 */
	bool removable;
	uint8_t version;                          /* of SPC: 0 none, 2 SCSI-2, 4 SPC-2 and so on */
	char vendor[9], product[17], revision[5]; /* printable, ends trimmed */
};

/* Sense keys, and the additional codes that are told apart here (SPC-4 4.5.6). */
enum scsi_key {
	SCSI_NO_SENSE = 0,
	SCSI_RECOVERED,
	SCSI_NOT_READY,
	SCSI_MEDIUM_ERROR,
	SCSI_HARDWARE_ERROR,
	SCSI_ILLEGAL,
	SCSI_ATTENTION,
	SCSI_PROTECTED,
	SCSI_ABORTED = 0x0B,
};
enum scsi_asc {
	SCSI_BECOMING = 0x04,
	SCSI_OUT_OF_RANGE = 0x21,
	SCSI_MEDIUM_CHANGED = 0x28,
	SCSI_NO_MEDIUM = 0x3A,
};

struct scsi_sense {
	uint8_t key, asc, ascq;
};

struct scsi_capacity {
	uint64_t blocks; /* 1 << 32 from READ CAPACITY(10): ask (16) */
	uint32_t block_bytes;
};

/* Command descriptor blocks; their length in bytes. */
size_t scsi_test_unit_ready(uint8_t cdb[SCSI_CDB_MAX]);
size_t scsi_request_sense(uint8_t cdb[SCSI_CDB_MAX], uint8_t room);
size_t scsi_inquiry(uint8_t cdb[SCSI_CDB_MAX], int vpd_page, uint16_t room); /* -1: standard */
size_t scsi_read_capacity10(uint8_t cdb[SCSI_CDB_MAX]);
size_t scsi_read_capacity16(uint8_t cdb[SCSI_CDB_MAX], uint32_t room);
size_t scsi_mode_sense6(uint8_t cdb[SCSI_CDB_MAX], uint8_t page, uint8_t room);
/* READ(10) where block and count fit, else READ(16). */
size_t scsi_read(uint8_t cdb[SCSI_CDB_MAX], uint64_t block, uint32_t blocks);
bool scsi_is_read(const uint8_t *cdb);

/* Answers. false where they end too early or make no sense; what was read is then void. */
bool scsi_inquiry_read(const uint8_t *bytes, size_t len, struct scsi_inquiry *out);
bool scsi_serial_read(const uint8_t *bytes, size_t len, char *out, size_t room); /* VPD 0x80 */
bool scsi_page_listed(const uint8_t *bytes, size_t len, uint8_t page);           /* VPD 0x00 */
bool scsi_limits_read(
    const uint8_t *bytes, size_t len, uint32_t *max_blocks); /* VPD 0xB0; 0 none */
bool scsi_sense_read(const uint8_t *bytes, size_t len, struct scsi_sense *out); /* both formats */
bool scsi_capacity10_read(const uint8_t *bytes, size_t len, struct scsi_capacity *out);
bool scsi_capacity16_read(const uint8_t *bytes, size_t len, struct scsi_capacity *out);
bool scsi_mode_read(const uint8_t *bytes, size_t len, bool *write_protected);

/* What a person or a retry is to make of it, as a short fixed text. */
const char *scsi_sense_text(const struct scsi_sense *s);

#endif
