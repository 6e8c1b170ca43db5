#include "scsi.h"

/* Operation codes (SPC-4 table D.2, SBC-3). None of them writes. */
enum {
	TEST_UNIT_READY = 0x00,
	REQUEST_SENSE = 0x03,
	INQUIRY = 0x12,
	MODE_SENSE6 = 0x1A,
	READ_CAPACITY10 = 0x25,
	READ10 = 0x28,
	READ16 = 0x88,
	SERVICE_ACTION_IN16 = 0x9E, /* 0x10: READ CAPACITY(16) */
};

static void put_be(uint8_t *p, uint64_t v, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		p[i] = (uint8_t)(v >> (8 * (bytes - 1 - i)));
}

static uint64_t be(const uint8_t *p, size_t bytes)
{
	uint64_t v = 0;

	for (size_t i = 0; i < bytes; i++)
		v = v << 8 | p[i];
	return v;
}

static size_t start(uint8_t cdb[SCSI_CDB_MAX], uint8_t operation, size_t len)
{
	memset(cdb, 0, SCSI_CDB_MAX);
	cdb[0] = operation;
	return len;
}

size_t scsi_test_unit_ready(uint8_t cdb[SCSI_CDB_MAX])
{
	return start(cdb, TEST_UNIT_READY, 6);
}

size_t scsi_request_sense(uint8_t cdb[SCSI_CDB_MAX], uint8_t room)
{
	size_t len = start(cdb, REQUEST_SENSE, 6);

	cdb[4] = room;
	return len;
}

size_t scsi_inquiry(uint8_t cdb[SCSI_CDB_MAX], int vpd_page, uint16_t room)
{
	size_t len = start(cdb, INQUIRY, 6);

	if (vpd_page >= 0) {
		cdb[1] = 1;
		cdb[2] = (uint8_t)vpd_page;
	}
	put_be(cdb + 3, room, 2);
	return len;
}

size_t scsi_read_capacity10(uint8_t cdb[SCSI_CDB_MAX])
{
	return start(cdb, READ_CAPACITY10, 10);
}

size_t scsi_read_capacity16(uint8_t cdb[SCSI_CDB_MAX], uint32_t room)
{
	size_t len = start(cdb, SERVICE_ACTION_IN16, 16);

	cdb[1] = 0x10;
	put_be(cdb + 10, room, 4);
	return len;
}

size_t scsi_mode_sense6(uint8_t cdb[SCSI_CDB_MAX], uint8_t page, uint8_t room)
{
	size_t len = start(cdb, MODE_SENSE6, 6);

	cdb[2] = page;
	cdb[4] = room;
	return len;
}

size_t scsi_read(uint8_t cdb[SCSI_CDB_MAX], uint64_t block, uint32_t blocks)
{
	size_t len;

	if (block <= UINT32_MAX && blocks <= UINT16_MAX) {
		len = start(cdb, READ10, 10);
		put_be(cdb + 2, block, 4);
		put_be(cdb + 7, blocks, 2);
		return len;
	}
	len = start(cdb, READ16, 16);
	put_be(cdb + 2, block, 8);
	put_be(cdb + 10, blocks, 4);
	return len;
}

bool scsi_is_read(const uint8_t *cdb)
{
	return cdb[0] == READ10 || cdb[0] == READ16;
}

/* Printable ASCII of a field that is padded by blanks (SPC-4 4.4.1); others become '?'. */
static void text(const uint8_t *bytes, size_t len, char *out)
{
	size_t n = 0, end = 0;

	while (n < len && bytes[n] == ' ')
		n++;
	bytes += n;
	len -= n;
	for (n = 0; n < len && bytes[n] != 0; n++) {
		out[n] = bytes[n] >= 0x20 && bytes[n] < 0x7F ? (char)bytes[n] : '?';
		if (out[n] != ' ')
			end = n + 1;
	}
	out[end] = '\0';
}

/* Standard INQUIRY data (SPC-4 6.4.2). */
bool scsi_inquiry_read(const uint8_t *bytes, size_t len, struct scsi_inquiry *out)
{
	uint8_t whole[36] = { 0 };

	if (len < 5)
		return false;
	memcpy(whole, bytes, len < sizeof(whole) ? len : sizeof(whole));
	memset(out, 0, sizeof(*out));
	out->type = whole[0] & 0x1F;
	out->present = whole[0] >> 5 == 0;
	out->removable = (whole[1] & 0x80) != 0;
	out->version = whole[2];
	text(whole + 8, 8, out->vendor);
	text(whole + 16, 16, out->product);
	text(whole + 32, 4, out->revision);
	return true;
}

/* Vital product data: the page and its bytes. NULL: another page, or too short a head. */
static const uint8_t *page(const uint8_t *bytes, size_t len, uint8_t code, size_t *out_len)
{
	size_t told;

	if (len < 4 || bytes[1] != code)
		return NULL;
	told = (size_t)be(bytes + 2, 2);
	*out_len = told < len - 4 ? told : len - 4;
	return bytes + 4;
}

bool scsi_serial_read(const uint8_t *bytes, size_t len, char *out, size_t room)
{
	size_t n;
	const uint8_t *p = page(bytes, len, 0x80, &n);

	if (!p || room == 0)
		return false;
	text(p, n < room - 1 ? n : room - 1, out);
	return true;
}

bool scsi_page_listed(const uint8_t *bytes, size_t len, uint8_t code)
{
	size_t n;
	const uint8_t *p = page(bytes, len, 0x00, &n);

	return p && memchr(p, code, n);
}

bool scsi_limits_read(const uint8_t *bytes, size_t len, uint32_t *max_blocks)
{
	size_t n;
	const uint8_t *p = page(bytes, len, 0xB0, &n);

	if (!p || n < 8)
		return false;
	*max_blocks = (uint32_t)be(p + 4, 4);
	return true;
}

/* Fixed format (SPC-4 4.5.3) and descriptor format (4.5.2), current and deferred. */
bool scsi_sense_read(const uint8_t *bytes, size_t len, struct scsi_sense *out)
{
	uint8_t response = len > 0 ? bytes[0] & 0x7F : 0;

	*out = (struct scsi_sense){ 0, 0, 0 };
	if ((response == 0x70 || response == 0x71) && len >= 3) {
		out->key = bytes[2] & 0x0F;
		out->asc = len > 12 ? bytes[12] : 0;
		out->ascq = len > 13 ? bytes[13] : 0;
		return true;
	}
	if ((response == 0x72 || response == 0x73) && len >= 4) {
		*out = (struct scsi_sense){ bytes[1] & 0x0F, bytes[2], bytes[3] };
		return true;
	}
	return false;
}

/* SBC-3 5.16.2. */
bool scsi_capacity10_read(const uint8_t *bytes, size_t len, struct scsi_capacity *out)
{
	if (len < 8)
		return false;
	out->blocks = be(bytes, 4) + 1;
	out->block_bytes = (uint32_t)be(bytes + 4, 4);
	return true;
}

/* SBC-3 5.17.2. */
bool scsi_capacity16_read(const uint8_t *bytes, size_t len, struct scsi_capacity *out)
{
	if (len < 12 || be(bytes, 8) == UINT64_MAX)
		return false;
	out->blocks = be(bytes, 8) + 1;
	out->block_bytes = (uint32_t)be(bytes + 8, 4);
	return true;
}

/* Mode parameter header (6), device-specific parameter of direct-access devices (SBC-3 6.4.1). */
bool scsi_mode_read(const uint8_t *bytes, size_t len, bool *write_protected)
{
	if (len < 4)
		return false;
	*write_protected = (bytes[2] & 0x80) != 0;
	return true;
}

const char *scsi_sense_text(const struct scsi_sense *s)
{
	switch (s->key) {
	case SCSI_NO_SENSE:
		return "no reason given";
	case SCSI_RECOVERED:
		return "recovered error";
	case SCSI_NOT_READY:
		if (s->asc == SCSI_NO_MEDIUM)
			return "no medium";
		return s->asc == SCSI_BECOMING ? "medium not ready" : "not ready";
	case SCSI_MEDIUM_ERROR:
		return "medium error";
	case SCSI_HARDWARE_ERROR:
		return "hardware error";
	case SCSI_ILLEGAL:
		return s->asc == SCSI_OUT_OF_RANGE ? "block out of range" : "command refused";
	case SCSI_ATTENTION:
		return s->asc == SCSI_MEDIUM_CHANGED ? "medium changed" : "it was reset";
	case SCSI_PROTECTED:
		return "protected";
	case SCSI_ABORTED:
		return "it broke off the command";
	default:
		return "an error of its own";
	}
}
