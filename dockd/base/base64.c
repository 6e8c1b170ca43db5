#include "base64.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_write(const void *bytes, size_t n, char *out)
{
	const uint8_t *b = bytes;

	for (; n > 0; out += 4) {
		uint32_t v =
		    (uint32_t)b[0] << 16 | (n > 1 ? (uint32_t)b[1] << 8 : 0) | (n > 2 ? b[2] : 0);

		out[0] = alphabet[v >> 18];
		out[1] = alphabet[v >> 12 & 63];
		out[2] = '=';
		out[3] = '=';
		if (n > 1)
			out[2] = alphabet[v >> 6 & 63];
		if (n > 2)
			out[3] = alphabet[v & 63];
		b += n < 3 ? n : 3;
		n -= n < 3 ? n : 3;
	}
	*out = '\0';
}

/* 0..63, or -1. */
static int value(char c)
{
	const char *at = c ? strchr(alphabet, c) : NULL;

	return at ? (int)(at - alphabet) : -1;
}

int base64_read(const char *text, size_t len, uint8_t *out, size_t room)
{
	size_t pad = 0, n;

	if (len % 4 != 0 || len > INT_MAX)
		return -EBADMSG;
	if (len > 0 && text[len - 1] == '=')
		pad = text[len - 2] == '=' ? 2 : 1;
	n = len / 4 * 3 - pad;
	if (n > room)
		return -ENOSPC;
	for (size_t i = 0, done = 0; i < len; i += 4) {
		size_t digits = i + 4 == len ? 4 - pad : 4;
		uint32_t v = 0;

		for (size_t k = 0; k < 4; k++) {
			int d = k < digits ? value(text[i + k]) : 0;

			if (d < 0)
				return -EBADMSG;
			v = v << 6 | (uint32_t)d;
		}
		if (v & ((1u << (4 - digits) * 8) - 1))
			return -EBADMSG;
		for (size_t k = 0; k + 1 < digits; k++)
			out[done++] = (uint8_t)(v >> (16 - 8 * k));
	}
	return (int)n;
}
