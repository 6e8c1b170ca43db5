/*
 * dv16: the vendor commands of the "DV16" family as bytes; see dv16.h for sources.
 */
#include "dv16.h"

#include "../../dockd/base/buf.h"

#include <ctype.h>
#include <string.h>

#define TOOL_WRITE 0xFB /* ISD_TOOL_WRITE */
#define TOOL_READ 0xFD  /* ISD_TOOL_READ */
#define USER_READ 0x81  /* USER_CMD_READ */
#define USER_WRITE 0x82 /* USER_CMD_WRITE */

#define PASSWORD_BYTES 16

/* struct ZFY_INFO of USBJL.h: char arrays without padding, not ended by NUL where they are full. */
static const struct {
	uint8_t at, width;
} serial = { 0, 7 }, officer_no = { 7, 6 }, unit_no = { 45, 12 };
/* at 13, 32 bytes: the officer's name; at 57, 32 bytes: the unit's. Never looked at. */

static const struct dv16_step steps[] = {
	{ DV16_INIT, false, 0, false },
	{ DV16_GET_ID_CODE, true, DV16_ID_CODE_BYTES, true },
	{ DV16_GET_DEV_INFO, true, DV16_INFO_BYTES, true },
	{ DV16_WRITE_DEV_INFO, false, DV16_INFO_BYTES, true },
	{ DV16_SYNC_DEV_TIME, false, DV16_TIME_BYTES, true },
	/* the vendor asks for no status here; the camera is on its way out */
	{ DV16_SET_MSDC, false, 0, false },
	{ DV16_READ_BATTERY, true, 4, true },
	{ DV16_GET_SD_STATUS, true, 4, false },
	{ DV16_GET_PASSWORD, true, PASSWORD_BYTES, false },
	{ DV16_GET_RETURN_STATUS, true, 4, false },
};

const struct dv16_step *dv16_step(enum dv16_command command)
{
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		if (steps[i].command == command)
			return &steps[i];
	}
	return NULL;
}

void dv16_cdb(const struct dv16_step *step, uint8_t cdb[DV16_CDB_BYTES])
{
	/* the direction of the two heads goes by what the command is, also where it has no data */
	memset(cdb, 0, DV16_CDB_BYTES);
	cdb[0] = step->in ? TOOL_READ : TOOL_WRITE;
	cdb[1] = step->in ? USER_READ : USER_WRITE;
	cdb[5] = (uint8_t)step->command;
	cdb[7] = step->bytes;
}

/* isDV16_USB: vendor and product in a row, blanks taken out, case folded, against "dv16devicev1.00". */
bool dv16_is(const char *vendor, const char *product)
{
	static const char family[] = "dv16device";
	const char *parts[] = { vendor, product };
	size_t n = 0;

	for (size_t i = 0; i < 2; i++) {
		for (const char *p = parts[i]; *p && n < sizeof(family) - 1; p++) {
			if (*p == ' ')
				continue;
			if (tolower((unsigned char)*p) != family[n++])
				return false;
		}
	}
	return n == sizeof(family) - 1; /* other versions than V1.00 are let in, and then asked */
}

bool dv16_info_read(const uint8_t *bytes, size_t len, struct vendor_facts *out)
{
	if (len < DV16_INFO_BYTES)
		return false;
	vendor_serial(bytes + serial.at, serial.width, out->camera);
	vendor_id(bytes + officer_no.at, officer_no.width, out->officer);
	vendor_id(bytes + unit_no.at, unit_no.width, out->unit);
	return true;
}

bool dv16_info_put(uint8_t block[DV16_INFO_BYTES], const char *officer, const char *unit)
{
	if (strlen(officer) > officer_no.width || strlen(unit) > unit_no.width)
		return false;
	return vendor_id_put(block + officer_no.at, officer_no.width, officer) &&
	    vendor_id_put(block + unit_no.at, unit_no.width, unit);
}

bool dv16_id_code_read(const uint8_t *bytes, size_t len, struct vendor_facts *out)
{
	if (len < DV16_ID_CODE_BYTES)
		return false;
	vendor_id(bytes, DV16_ID_CODE_BYTES, out->model);
	return true;
}

int dv16_battery_read(const uint8_t *bytes, size_t len)
{
	struct buf b = buf_of(bytes, len);
	uint32_t percent = buf_u32(&b);

	return b.broken || percent > 100 ? -1 : (int)percent;
}

bool dv16_status_is_ok(const uint8_t *bytes, size_t len)
{
	return len >= 1 && bytes[0] == 0;
}

bool dv16_has_card(const uint8_t *bytes, size_t len)
{
	return len >= 1 && bytes[0] != 0;
}

bool dv16_pin_is(const uint8_t *bytes, size_t len, const char *pin)
{
	size_t n = strlen(pin);
	size_t room = len < PASSWORD_BYTES ? len : PASSWORD_BYTES;

	if (n == 0 || n > room || memcmp(bytes, pin, n) != 0)
		return false;
	return n == room || bytes[n] == '\0';
}

bool dv16_time_put(uint8_t out[DV16_TIME_BYTES], int64_t clock_s)
{
	struct vendor_time t;

	if (!vendor_time(clock_s, &t))
		return false;
	buf_put_le(out, t.year, 2);
	out[2] = t.month;
	out[3] = t.day;
	out[4] = t.hour;
	out[5] = t.minute;
	out[6] = t.second;
	return true;
}
