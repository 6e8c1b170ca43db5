#include "hex.h"

void hex_write(const void *bytes, size_t n, char *out)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *b = bytes;

	for (size_t i = 0; i < n; i++) {
		out[2 * i] = digits[b[i] >> 4];
		out[2 * i + 1] = digits[b[i] & 15];
	}
	out[2 * n] = '\0';
}

static unsigned value(char c)
{
	return (unsigned)(c >= 'a' ? c - 'a' + 10 : c - '0');
}

void hex_read(const char *hex, uint8_t *out, size_t n)
{
	for (size_t i = 0; i < n; i++)
		out[i] = (uint8_t)(value(hex[2 * i]) * 16 + value(hex[2 * i + 1]));
}
