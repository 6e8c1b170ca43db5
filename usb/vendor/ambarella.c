/*
 * ambarella: the three languages of 4255:0001 as bytes; see ambarella.h for sources.
 */
#include "ambarella.h"

#include "../../dockd/base/proto.h"
#include "../../dockd/base/proto_attach.h"

#include <stdio.h>
#include <string.h>

/* ---- request ---- */

bool amba_request_login(uint8_t out[AMBA_REQUEST_BYTES], const char *pin)
{
	static const uint8_t head[] = { 0xa1, 0x12, 0x00, 0x12 };
	size_t len = strlen(pin);

	memset(out, 0, AMBA_REQUEST_BYTES);
	if (len == 0 || len > AMBA_REQUEST_BYTES - sizeof(head))
		return false;
	memcpy(out, head, sizeof(head));
	memcpy(out + sizeof(head), pin, len);
	return true;
}

void amba_request_disk(uint8_t out[AMBA_REQUEST_BYTES])
{
	static const uint8_t head[] = { 0xa1, 0x23, 0x00, 0x23 };

	memset(out, 0, AMBA_REQUEST_BYTES);
	memcpy(out, head, sizeof(head));
}

int amba_request_answer(const uint8_t *bytes, size_t len)
{
	return len < 3 || bytes[2] > 1 ? -1 : bytes[2];
}

/* ---- block ---- */

static const struct {
	uint8_t group, number, bytes;
} blocks[] = {
	[AMBA_BLOCK_PING] = { 0xe1, 0x20, 5 },
	[AMBA_BLOCK_USER_LOGIN] = { 0xe1, 0x11, 6 },
	[AMBA_BLOCK_BATTERY] = { 0xe1, 0x70, 1 },
	[AMBA_BLOCK_SYNC_TIME] = { 0xe1, 0x41, AMBA_BLOCK_TIME_BYTES },
	[AMBA_BLOCK_READ_IDS] = { 0xe1, 0x30, AMBA_BLOCK_IDS_BYTES },
	[AMBA_BLOCK_WRITE_IDS] = { 0xe1, 0x31, AMBA_BLOCK_IDS_BYTES },
	[AMBA_BLOCK_STORAGE] = { 0xe1, 0x51, 0 },
};

/* What the source's writer pads to; between and behind them stand two names, never looked at. */
static const struct {
	uint8_t at, width;
} serial = { 0, 9 }, officer_no = { 9, 8 }, unit_no = { 52, 16 };

#define ANSWER_DONE 0x80 /* at 6 */

size_t amba_block_put(
    uint8_t out[AMBA_BLOCK_BYTES_MAX], enum amba_block command, const void *data, size_t len)
{
	static const uint8_t magic[] = { 0xa1, 0xb2, 0xc3, 0xd4 };

	memset(out, 0, AMBA_BLOCK_BYTES_MAX);
	if (len > blocks[command].bytes)
		return 0;
	memcpy(out, magic, sizeof(magic));
	out[5] = blocks[command].group;
	out[7] = blocks[command].number;
	if (len)
		memcpy(out + AMBA_BLOCK_HEAD_BYTES, data, len);
	return AMBA_BLOCK_HEAD_BYTES + blocks[command].bytes;
}

const uint8_t *amba_block_answer(const uint8_t *bytes, size_t got, size_t *len)
{
	if (got < AMBA_BLOCK_HEAD_BYTES || bytes[6] != ANSWER_DONE)
		return NULL;
	*len = got - AMBA_BLOCK_HEAD_BYTES;
	return bytes + AMBA_BLOCK_HEAD_BYTES;
}

bool amba_block_is_ping(const uint8_t *data, size_t len)
{
	return len >= 5 && memcmp(data, "ABCDE", 5) == 0;
}

int amba_block_battery(const uint8_t *data, size_t len)
{
	return len < 1 || data[0] > 100 ? -1 : data[0];
}

bool amba_block_ids_read(const uint8_t *data, size_t len, struct vendor_facts *out)
{
	if (len < AMBA_BLOCK_IDS_BYTES)
		return false;
	vendor_serial(data + serial.at, serial.width, out->camera);
	vendor_id(data + officer_no.at, officer_no.width, out->officer);
	vendor_id(data + unit_no.at, unit_no.width, out->unit);
	return true;
}

bool amba_block_ids_put(uint8_t block[AMBA_BLOCK_IDS_BYTES], const char *officer, const char *unit)
{
	if (strlen(officer) > officer_no.width || strlen(unit) > unit_no.width)
		return false;
	return vendor_id_put(block + officer_no.at, officer_no.width, officer) &&
	    vendor_id_put(block + unit_no.at, unit_no.width, unit);
}

bool amba_block_time_put(uint8_t out[AMBA_BLOCK_TIME_BYTES], int64_t clock_s)
{
	struct vendor_time t;

	if (!vendor_time(clock_s, &t))
		return false;
	out[0] = (uint8_t)(t.year >> 8);
	out[1] = (uint8_t)t.year;
	out[2] = t.month;
	out[3] = t.day;
	out[4] = t.hour;
	out[5] = t.minute;
	out[6] = t.second;
	return true;
}

int64_t amba_block_time(const uint8_t *data, size_t len)
{
	struct vendor_time t;

	if (len < AMBA_BLOCK_TIME_BYTES)
		return PROTO_NO_TIME;
	t = (struct vendor_time){ (uint16_t)(data[0] << 8 | data[1]), data[2], data[3], data[4],
		data[5], data[6] };
	return vendor_time_s(&t);
}

/* ---- text ---- */

static const char words[][5] = {
	[AMBA_TEXT_VER] = "@Ver",
	[AMBA_TEXT_GDV] = "@Gdv",
	[AMBA_TEXT_SDT] = "@Sdt",
	[AMBA_TEXT_STM] = "@Stm",
	[AMBA_TEXT_ATH] = "@ATH",
};

/* What a line holds before the first NUL, for the bounded searches below. */
static size_t line_of(const uint8_t *bytes, size_t len, char out[AMBA_TEXT_MAX + 1])
{
	size_t n = len < AMBA_TEXT_MAX ? len : AMBA_TEXT_MAX;

	memcpy(out, bytes, n);
	out[n] = '\0';
	return strlen(out);
}

size_t amba_text_login(char out[AMBA_TEXT_MAX], const char *pin)
{
	size_t len = strlen(pin);

	out[0] = '\0';
	if (len == 0 || len > PROTO_PIN_LEN || pin[strcspn(pin, ";#@")])
		return 0; /* it would end the field: another command */
	return (size_t)snprintf(out, AMBA_TEXT_MAX, "@Ver;%zu;%s;#", len, pin);
}

size_t amba_text_put(char out[AMBA_TEXT_MAX], enum amba_text command, int64_t clock_s)
{
	struct vendor_time t = { 0 };

	out[0] = '\0';
	if ((command == AMBA_TEXT_SDT || command == AMBA_TEXT_STM) && !vendor_time(clock_s, &t))
		return 0;
	switch (command) {
	case AMBA_TEXT_SDT:
		return (size_t)snprintf(
		    out, AMBA_TEXT_MAX, "@Sdt;8;%04u%02u%02u;#", t.year, t.month, t.day);
	case AMBA_TEXT_STM: /* eight characters under a length of six: as in the source */
		return (size_t)snprintf(
		    out, AMBA_TEXT_MAX, "@Stm;6;%02u%02u%02u00;#", t.hour, t.minute, t.second);
	case AMBA_TEXT_GDV:
	case AMBA_TEXT_ATH:
		return (size_t)snprintf(
		    out, AMBA_TEXT_MAX, "%s;8;" AMBA_TEXT_FILLING ";#", words[command]);
	case AMBA_TEXT_VER: /* amba_text_login */
		break;
	}
	return 0;
}

int amba_text_login_answer(const uint8_t *bytes, size_t len)
{
	char line[AMBA_TEXT_MAX + 1];

	line_of(bytes, len, line);
	if (strstr(line, "Ver;OK"))
		return 1;
	return line[0] == '@' ? 0 : -1;
}

bool amba_text_is_done(const uint8_t *bytes, size_t len, enum amba_text command)
{
	char line[AMBA_TEXT_MAX + 1];

	line_of(bytes, len, line);
	return strncmp(line, words[command], 4) == 0 && !strstr(line, "ERR");
}

bool amba_text_id(const uint8_t *bytes, size_t len, struct vendor_facts *out)
{
	char line[AMBA_TEXT_MAX + 1];
	const char *id;
	size_t width;

	line_of(bytes, len, line);
	if (!amba_text_is_done(bytes, len, AMBA_TEXT_GDV) || !(id = strchr(line, ';')) ||
	    !(id = strchr(id + 1, ';')))
		return false;
	id++;
	width = strcspn(id, ";#");
	if (width == 0 || width >= PROTO_ID_TEXT_LEN)
		return false;
	vendor_serial((const uint8_t *)id, width, out->camera);
	return out->camera[0] != '\0';
}
