/*
 * fat_name: the names in a FAT folder's entries. See fat_name.h.
 */
#include "fat_name.h"

#include "../name.h"

#include <string.h>

#define PART_UNITS 13
#define NAME_UNITS 255
#define PART_LAST 0x40
#define LOWER_BASE 0x08 /* in the byte that NT uses for it, at 12 */
#define LOWER_EXTENSION 0x10

/* Code page 437 from 0x80 on. */
static const uint16_t cp437[128] = { 0x00C7, 0x00FC, 0x00E9, 0x00E2, 0x00E4, 0x00E0, 0x00E5, 0x00E7,
	0x00EA, 0x00EB, 0x00E8, 0x00EF, 0x00EE, 0x00EC, 0x00C4, 0x00C5, 0x00C9, 0x00E6, 0x00C6,
	0x00F4, 0x00F6, 0x00F2, 0x00FB, 0x00F9, 0x00FF, 0x00D6, 0x00DC, 0x00A2, 0x00A3, 0x00A5,
	0x20A7, 0x0192, 0x00E1, 0x00ED, 0x00F3, 0x00FA, 0x00F1, 0x00D1, 0x00AA, 0x00BA, 0x00BF,
	0x2310, 0x00AC, 0x00BD, 0x00BC, 0x00A1, 0x00AB, 0x00BB, 0x2591, 0x2592, 0x2593, 0x2502,
	0x2524, 0x2561, 0x2562, 0x2556, 0x2555, 0x2563, 0x2551, 0x2557, 0x255D, 0x255C, 0x255B,
	0x2510, 0x2514, 0x2534, 0x252C, 0x251C, 0x2500, 0x253C, 0x255E, 0x255F, 0x255A, 0x2554,
	0x2569, 0x2566, 0x2560, 0x2550, 0x256C, 0x2567, 0x2568, 0x2564, 0x2565, 0x2559, 0x2558,
	0x2552, 0x2553, 0x256B, 0x256A, 0x2518, 0x250C, 0x2588, 0x2584, 0x258C, 0x2590, 0x2580,
	0x03B1, 0x00DF, 0x0393, 0x03C0, 0x03A3, 0x03C3, 0x00B5, 0x03C4, 0x03A6, 0x0398, 0x03A9,
	0x03B4, 0x221E, 0x03C6, 0x03B5, 0x2229, 0x2261, 0x00B1, 0x2265, 0x2264, 0x2320, 0x2321,
	0x00F7, 0x2248, 0x00B0, 0x2219, 0x00B7, 0x221A, 0x207F, 0x00B2, 0x25A0, 0x00A0 };

/* Capital letters of code page 437 whose small ones it has too. */
static const char capitals[] = "\x80\x8E\x8F\x90\x92\x99\x9A\xA5\xE4\xE8";
static const char smalls[] = "\x87\x84\x86\x82\x91\x94\x81\xA4\xE5\xED";

/* ---- long names ---- */

static uint8_t short_sum(const uint8_t entry[32])
{
	uint8_t sum = 0;

	for (size_t i = 0; i < 11; i++)
		sum = (uint8_t)((sum << 7 | sum >> 1) + entry[i]);
	return sum;
}

void fat_long_add(struct fat_long *l, const uint8_t entry[32], uint64_t where)
{
	unsigned part = entry[0] & ~PART_LAST;
	uint8_t *to;

	if (entry[0] & PART_LAST) {
		l->parts = l->left = part;
		l->where = where;
		l->sum = entry[13];
	} else if (l->parts && part + 1 == l->left && entry[13] == l->sum) {
		l->left = part;
	} else {
		l->parts = 0;
	}
	if (part == 0 || part > FAT_LONG_PARTS)
		l->parts = 0;
	if (l->parts == 0)
		return;
	to = l->units_le + (size_t)(part - 1) * 2 * PART_UNITS;
	memcpy(to, entry + 1, 10);
	memcpy(to + 10, entry + 14, 12);
	memcpy(to + 22, entry + 28, 4);
}

/* Units up to the first that is 0. */
static size_t long_units(const struct fat_long *l)
{
	size_t n = 0;

	while (n < (size_t)l->parts * PART_UNITS && (l->units_le[2 * n] || l->units_le[2 * n + 1]))
		n++;
	return n;
}

bool fat_long_fits(const struct fat_long *l, const uint8_t entry[32])
{
	return l->parts != 0 && l->left == 1 && l->sum == short_sum(entry) && long_units(l) > 0;
}

bool fat_long_name(const struct fat_long *l, char out[VOLUME_NAME_LEN])
{
	char name[NAME_ROOM(NAME_UNITS)];
	size_t n = long_units(l);
	bool odd = name_utf16(l->units_le, n < NAME_UNITS ? n : NAME_UNITS, name);

	return name_clean(name, odd || n > NAME_UNITS, out, VOLUME_NAME_LEN);
}

/* ---- short names ---- */

/* One byte as a UTF-16 unit at out. */
static void put_unit(uint8_t c, bool lower, uint8_t *out)
{
	const char *capital = lower && c >= 0x80 ? strchr(capitals, (char)c) : NULL;
	uint16_t unit;

	if (capital)
		c = (uint8_t)smalls[capital - capitals];
	if (lower && c >= 'A' && c <= 'Z')
		c = (uint8_t)(c - 'A' + 'a');
	unit = c < 0x80 ? c : cp437[c - 0x80];
	out[0] = (uint8_t)unit;
	out[1] = (uint8_t)(unit >> 8);
}

bool fat_short_name(const uint8_t entry[32], char out[VOLUME_NAME_LEN])
{
	uint8_t units[2 * 12];
	char name[NAME_ROOM(12)];
	size_t base = 8, extension = 3, n = 0;
	bool odd;

	while (base > 0 && entry[base - 1] == ' ')
		base--;
	while (extension > 0 && entry[8 + extension - 1] == ' ')
		extension--;
	for (size_t i = 0; i < base; i++) {
		/* 0xE5 in front marks a deleted entry: a name that begins so has 0x05 instead. */
		uint8_t c = i == 0 && entry[0] == 0x05 ? 0xE5 : entry[i];

		put_unit(c, entry[12] & LOWER_BASE, units + 2 * n++);
	}
	if (extension > 0)
		put_unit('.', false, units + 2 * n++);
	for (size_t i = 8; i < 8 + extension; i++)
		put_unit(entry[i], entry[12] & LOWER_EXTENSION, units + 2 * n++);
	odd = name_utf16(units, n, name);
	return name_clean(name, odd, out, VOLUME_NAME_LEN);
}
