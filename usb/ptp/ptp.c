#include "ptp.h"

#include "../calendar.h"
#include "../name.h"

#include <stdio.h>
#include <string.h>

/* ---- containers (Still Image 7.1) ---- */

size_t ptp_command(uint8_t out[PTP_COMMAND_MAX], uint16_t code, uint32_t transaction,
    const uint32_t *params, unsigned n)
{
	size_t len;

	if (n > PTP_PARAMS)
		n = PTP_PARAMS;
	len = PTP_HEAD_BYTES + 4u * n;
	buf_put_le(out, len, 4);
	buf_put_le(out + 4, PTP_COMMAND, 2);
	buf_put_le(out + 6, code, 2);
	buf_put_le(out + 8, transaction, 4);
	for (unsigned i = 0; i < n; i++)
		buf_put_le(out + PTP_HEAD_BYTES + 4u * i, params[i], 4);
	return len;
}

void ptp_data_head(
    uint8_t out[PTP_HEAD_BYTES], uint16_t code, uint32_t transaction, uint32_t payload_bytes)
{
	buf_put_le(out, (uint64_t)PTP_HEAD_BYTES + payload_bytes, 4);
	buf_put_le(out + 4, PTP_DATA, 2);
	buf_put_le(out + 6, code, 2);
	buf_put_le(out + 8, transaction, 4);
}

bool ptp_head_read(struct buf *b, struct ptp_head *out)
{
	out->length = buf_u32(b);
	out->type = buf_u16(b);
	out->code = buf_u16(b);
	out->transaction = buf_u32(b);
	return !b->broken;
}

/* ---- strings (PTP 5.3.3) ---- */

static uint32_t unit_at(const uint8_t *p, size_t i)
{
	return p[2 * i] | (uint32_t)p[2 * i + 1] << 8;
}

void ptp_text(struct buf *b, char *out, bool *odd)
{
	size_t units = buf_u8(b);
	const uint8_t *p = buf_take(b, 2 * units);
	bool strange;

	out[0] = '\0';
	if (!p)
		return;
	while (units > 0 && unit_at(p, units - 1) == 0)
		units--;
	strange = name_utf16(p, units, out);
	if (odd)
		*odd = strange;
}

size_t ptp_text_write(uint8_t *out, size_t room, const char *ascii)
{
	size_t n = strlen(ascii);

	if (n > 254 || room < 1 + 2 * (n + 1))
		return 0;
	out[0] = n ? (uint8_t)(n + 1) : 0;
	if (n == 0)
		return 1;
	for (size_t i = 0; i <= n; i++)
		buf_put_le(out + 1 + 2 * i, (uint8_t)ascii[i], 2);
	return 1 + 2 * (n + 1);
}

/* ---- times (PTP 5.3.4) ---- */

static int number_at(const char *text, size_t digits)
{
	int v = 0;

	for (size_t i = 0; i < digits; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -1;
		v = 10 * v + (text[i] - '0');
	}
	return v;
}

int64_t ptp_time(const char *text, const char **tail)
{
	int year, month, day, hour, minute, second;
	int64_t time_s;

	if (strnlen(text, 15) < 15 || text[8] != 'T')
		return PTP_NO_TIME;
	year = number_at(text, 4);
	month = number_at(text + 4, 2);
	day = number_at(text + 6, 2);
	hour = number_at(text + 9, 2);
	minute = number_at(text + 11, 2);
	second = number_at(text + 13, 2);
	time_s = calendar_seconds(year, month, day, hour, minute, second);
	if (time_s != CALENDAR_NONE && tail)
		*tail = text + 15;
	return time_s;
}

bool ptp_time_write(int64_t time_s, char *out, size_t room)
{
	int64_t days, left;
	int year, month, n;

	if (time_s < calendar_days(1900, 1, 1) * 86400 ||
	    time_s >= calendar_days(10000, 1, 1) * 86400)
		return false;
	days = time_s / 86400;
	left = time_s % 86400;
	if (left < 0) {
		left += 86400;
		days--;
	}
	year = (int)(1970 + days / 366);
	while (calendar_days(year + 1, 1, 1) <= days)
		year++;
	while (calendar_days(year, 1, 1) > days)
		year--;
	days -= calendar_days(year, 1, 1);
	for (month = 1; days >= calendar_month_days(year, month); month++)
		days -= calendar_month_days(year, month);
	n = snprintf(out, room, "%04d%02d%02dT%02d%02d%02d", year, month, (int)days + 1,
	    (int)(left / 3600), (int)(left / 60 % 60), (int)(left % 60));
	return n > 0 && (size_t)n < room;
}

/* ---- datasets (PTP 5.5) ---- */

static unsigned codes_read(struct buf *b, uint16_t *out)
{
	uint32_t count = buf_u32(b);
	unsigned kept = 0;

	for (uint32_t i = 0; i < count && !b->broken; i++) {
		uint16_t code = buf_u16(b);

		if (out && !b->broken && kept < PTP_CODES_MAX)
			out[kept++] = code;
	}
	return kept;
}

static void trim(char *text)
{
	size_t n = strlen(text);

	while (n > 0 && text[n - 1] == ' ')
		text[--n] = '\0';
}

bool ptp_device_read(const uint8_t *bytes, size_t len, struct ptp_device *out)
{
	struct buf b = buf_of(bytes, len);

	memset(out, 0, sizeof(*out));
	buf_u16(&b); /* StandardVersion */
	out->vendor_extension = buf_u32(&b);
	buf_u16(&b); /* VendorExtensionVersion */
	ptp_text(&b, out->extension, NULL);
	buf_u16(&b); /* FunctionalMode */
	out->operation_count = codes_read(&b, out->operations);
	codes_read(&b, NULL); /* EventsSupported */
	out->property_count = codes_read(&b, out->properties);
	codes_read(&b, NULL); /* CaptureFormats */
	codes_read(&b, NULL); /* ImageFormats */
	if (b.broken)
		return false;
	/* Some cameras leave out the strings at the end: what is missing is "". */
	ptp_text(&b, out->manufacturer, NULL);
	ptp_text(&b, out->model, NULL);
	ptp_text(&b, out->firmware, NULL);
	ptp_text(&b, out->serial, NULL);
	trim(out->manufacturer);
	trim(out->model);
	trim(out->firmware);
	trim(out->serial);
	return true;
}

bool ptp_storage_read(const uint8_t *bytes, size_t len, struct ptp_storage *out)
{
	struct buf b = buf_of(bytes, len);

	buf_take(&b, 6); /* StorageType, FilesystemType, AccessCapability */
	out->capacity_bytes = buf_u64(&b);
	out->free_bytes = buf_u64(&b);
	return !b.broken;
}

bool ptp_object_read(const uint8_t *bytes, size_t len, struct ptp_object *out)
{
	struct buf b = buf_of(bytes, len);
	char text[PTP_TEXT_LEN];
	int64_t captured;

	memset(out, 0, sizeof(*out));
	out->storage = buf_u32(&b);
	out->format = buf_u16(&b);
	out->protection = buf_u16(&b);
	out->size_bytes = buf_u32(&b);
	buf_take(&b, 26); /* thumbnail and image geometry */
	out->parent = buf_u32(&b);
	buf_take(&b, 10); /* AssociationType, AssociationDesc, SequenceNumber */
	ptp_text(&b, out->name, &out->name_odd);
	if (b.broken)
		return false;
	ptp_text(&b, text, NULL);
	captured = ptp_time(text, NULL);
	ptp_text(&b, text, NULL);
	out->mtime_s = ptp_time(text, NULL);
	if (out->mtime_s == PTP_NO_TIME)
		out->mtime_s = captured;
	return true;
}

static bool in_codes(const uint16_t *codes, unsigned n, uint16_t code)
{
	for (unsigned i = 0; i < n; i++) {
		if (codes[i] == code)
			return true;
	}
	return false;
}

bool ptp_device_can(const struct ptp_device *d, uint16_t operation)
{
	return in_codes(d->operations, d->operation_count, operation);
}

bool ptp_device_has(const struct ptp_device *d, uint16_t property)
{
	return in_codes(d->properties, d->property_count, property);
}

long ptp_array_read(const uint8_t *bytes, size_t len, uint32_t *out, size_t max)
{
	struct buf b = buf_of(bytes, len);
	size_t count = buf_u32(&b);

	if (b.broken)
		return -1;
	if (count > buf_left(&b) / 4)
		count = buf_left(&b) / 4;
	if (count > max)
		count = max;
	for (size_t i = 0; i < count; i++)
		out[i] = buf_u32(&b);
	return (long)count;
}

bool ptp_prop_settable(const uint8_t *bytes, size_t len)
{
	struct buf b = buf_of(bytes, len);

	buf_take(&b, 4); /* code, data type */
	return buf_u8(&b) == 1 && !b.broken;
}

/* Bytes of an integer type 0x0001..0x000A (PTP 5.3.1), 0 for others. */
static size_t integer_bytes(uint16_t type)
{
	static const uint8_t bytes[] = { 0, 1, 1, 2, 2, 4, 4, 8, 8, 16, 16 };

	return type < sizeof(bytes) ? bytes[type] : 0;
}

bool ptp_element_read(struct buf *b, struct ptp_element *out)
{
	uint16_t type;
	size_t width;

	memset(out, 0, offsetof(struct ptp_element, text) + 1);
	out->handle = buf_u32(b);
	out->property = buf_u16(b);
	type = buf_u16(b);
	width = integer_bytes(type & 0x0FFF);
	if (type == 0xFFFF) {
		out->is_text = true;
		ptp_text(b, out->text, &out->text_odd);
	} else if ((type & 0xF000) == 0x4000 && width) {
		size_t count = buf_u32(b);

		if (count > buf_left(b) / width)
			b->broken = true;
		else
			buf_take(b, count * width);
	} else if (width && type == (type & 0x0FFF)) {
		out->number = buf_le(b, width > 8 ? 8 : width);
		if (width > 8)
			buf_take(b, width - 8);
	} else {
		b->broken = true;
	}
	return !b->broken;
}

bool ptp_object_from_list(struct buf *b, uint32_t *left, uint32_t handle, struct ptp_object *out)
{
	enum { FORMAT = 1, SIZE = 2, NAME = 4 };
	int64_t created = PTP_NO_TIME;
	struct ptp_element e;
	unsigned got = 0;

	memset(out, 0, sizeof(*out));
	out->mtime_s = PTP_NO_TIME;
	for (; *left > 0; (*left)--) {
		struct buf before = *b;

		if (!ptp_element_read(b, &e))
			return false;
		if (e.handle != handle) {
			*b = before;
			break;
		}
		if (e.property == PTP_OBJECT_FORMAT) {
			out->format = (uint16_t)e.number;
			got |= FORMAT;
		} else if (e.property == PTP_OBJECT_SIZE) {
			out->size_bytes = e.number;
			got |= SIZE;
		} else if (e.property == PTP_OBJECT_PROTECTION) {
			out->protection = (uint16_t)e.number;
		} else if (e.property == PTP_OBJECT_NAME && e.is_text) {
			memcpy(out->name, e.text, sizeof(out->name));
			out->name_odd = e.text_odd;
			got |= NAME;
		} else if (e.property == PTP_OBJECT_MODIFIED && e.is_text) {
			out->mtime_s = ptp_time(e.text, NULL);
		} else if (e.property == PTP_OBJECT_CREATED && e.is_text) {
			created = ptp_time(e.text, NULL);
		}
	}
	if (out->mtime_s == PTP_NO_TIME)
		out->mtime_s = created;
	return got == (FORMAT | SIZE | NAME);
}
