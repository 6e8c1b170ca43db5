#include "ptp_property.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Bytes of an integer type that is read here; 0 for others. Signed ones have odd codes. */
static size_t bytes_of(uint16_t type)
{
	static const uint8_t bytes[] = { 0, 1, 1, 2, 2, 4, 4, 8, 8 };

	return type < sizeof(bytes) ? bytes[type] : 0;
}

static void read_value(struct buf *b, struct ptp_setting *out)
{
	size_t n = bytes_of(out->type);

	if (n)
		out->number = buf_le(b, n);
	else
		ptp_text(b, out->text, NULL);
}

bool ptp_property_read(const uint8_t *bytes, size_t len, struct ptp_setting *out)
{
	struct buf b = buf_of(bytes, len);

	memset(out, 0, sizeof(*out));
	out->code = buf_u16(&b);
	out->type = buf_u16(&b);
	out->settable = buf_u8(&b) == 1;
	if (out->type != PTP_TYPE_TEXT && !bytes_of(out->type))
		return false;
	read_value(&b, out); /* as it left the factory */
	read_value(&b, out);
	return !b.broken;
}

/* value as a number of n bytes; false where it is none or does not fit. */
static bool number_of(const char *value, size_t n, bool is_signed, uint64_t *out)
{
	unsigned bits = (unsigned)n * 8;
	char *end;

	errno = 0;
	if (!value[0] || value[strspn(value, "0123456789abcdefABCDEFxX-")])
		return false;
	if (is_signed) {
		long long v = strtoll(value, &end, 0);
		int64_t least = bits == 64 ? INT64_MIN : -(INT64_C(1) << (bits - 1));

		if (errno || *end || v < least || v > -(least + 1))
			return false;
		*out = (uint64_t)v;
		return true;
	}
	*out = strtoull(value, &end, 0);
	return !errno && !*end && value[0] != '-' && (bits == 64 || *out >> bits == 0);
}

static bool is_ascii(const char *value)
{
	for (; *value; value++) {
		if (*value < ' ' || *value > '~')
			return false;
	}
	return true;
}

size_t ptp_property_write(const struct ptp_setting *p, const char *value, uint8_t *out, size_t room)
{
	size_t n = bytes_of(p->type);
	uint64_t number;

	if (p->type == PTP_TYPE_TEXT)
		return is_ascii(value) ? ptp_text_write(out, room, value) : 0;
	if (n == 0 || n > room || !number_of(value, n, p->type % 2 == 1, &number))
		return 0;
	for (size_t i = 0; i < n; i++)
		out[i] = (uint8_t)(number >> 8 * i);
	return n;
}

bool ptp_property_is(const struct ptp_setting *p, const char *value)
{
	size_t n = bytes_of(p->type);
	uint64_t number;

	if (p->type == PTP_TYPE_TEXT)
		return strcmp(p->text, value) == 0;
	if (!number_of(value, n, p->type % 2 == 1, &number))
		return false;
	return n == 8 ? number == p->number : (number & ((UINT64_C(1) << 8 * n) - 1)) == p->number;
}
