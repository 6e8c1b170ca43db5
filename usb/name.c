/*
 * name: file names and paths as cameras write them, made fit to stand in a path of ours.
 *
 * See name.h. Nothing here opens or makes a file.
 */
#include "name.h"

#include <stdio.h>
#include <string.h>

static size_t put_utf8(char *out, uint32_t c)
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xC0 | (c >> 6));
		out[1] = (char)(0x80 | (c & 0x3F));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xE0 | (c >> 12));
		out[1] = (char)(0x80 | ((c >> 6) & 0x3F));
		out[2] = (char)(0x80 | (c & 0x3F));
		return 3;
	}
	out[0] = (char)(0xF0 | (c >> 18));
	out[1] = (char)(0x80 | ((c >> 12) & 0x3F));
	out[2] = (char)(0x80 | ((c >> 6) & 0x3F));
	out[3] = (char)(0x80 | (c & 0x3F));
	return 4;
}

static uint32_t unit_at(const uint8_t *p, size_t i)
{
	return p[2 * i] | (uint32_t)p[2 * i + 1] << 8;
}

bool name_utf16(const uint8_t *p, size_t units, char *out)
{
	bool strange = false;
	size_t n = 0;

	for (size_t i = 0; i < units; i++) {
		uint32_t c = unit_at(p, i);

		if (c >= 0xD800 && c < 0xDC00 && i + 1 < units &&
		    (unit_at(p, i + 1) & 0xFC00) == 0xDC00) {
			c = 0x10000 + ((c & 0x3FF) << 10) + (unit_at(p, i + 1) & 0x3FF);
			i++;
		} else if (c == 0 || (c >= 0xD800 && c < 0xE000)) {
			c = 0xFFFD;
			strange = true;
		}
		n += put_utf8(out + n, c);
	}
	out[n] = '\0';
	return strange;
}

bool name_clean(const char *name, bool already_odd, char *out, size_t room)
{
	bool odd = already_odd;
	size_t n = 0;

	if (strcmp(name, "") == 0 || strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
		odd = true;
		out[n++] = '_';
	} else {
		for (; name[n] && n + 1 < room; n++) {
			unsigned char c = (unsigned char)name[n];

			out[n] = (char)c;
			if (c == '/' || c < 0x20 || c == 0x7F) {
				out[n] = '_';
				odd = true;
			}
		}
	}
	out[n] = '\0';
	if (odd && n < room)
		snprintf(out + n, room - n, "~%016llx",
		    (unsigned long long)name_hash(name, strlen(name)));
	return odd;
}

bool name_path(const char *path, char out[PROTO_PATH_LEN])
{
	size_t len = strlen(path);
	size_t keep = PROTO_PATH_LEN - 1 - NAME_HASH_LEN;

	if (len < PROTO_PATH_LEN) {
		memcpy(out, path, len + 1);
		return false;
	}
	while (keep > 0 && ((unsigned char)path[keep] & 0xC0) == 0x80)
		keep--; /* not within a UTF-8 sequence */
	memcpy(out, path, keep);
	snprintf(out + keep, PROTO_PATH_LEN - keep, "~%016llx",
	    (unsigned long long)name_hash(path, len));
	return true;
}

uint64_t name_hash(const void *bytes, size_t len)
{
	const uint8_t *p = bytes;
	uint64_t h = 0xCBF29CE484222325u;

	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * 0x100000001B3u;
	return h;
}
