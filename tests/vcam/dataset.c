#include "dataset.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../../dockd/base/buf.h"
#include "contents.h"

void dataset_put(struct dataset *d, uint64_t value, size_t bytes)
{
	if (d->len + bytes > d->room) {
		d->room = (d->room + bytes) * 2;
		d->bytes = realloc(d->bytes, d->room);
		if (!d->bytes)
			abort();
	}
	memset(d->bytes + d->len, 0, bytes);
	buf_put_le(d->bytes + d->len, value, bytes < 8 ? bytes : 8);
	d->len += bytes;
}

void dataset_put_units(struct dataset *d, const uint16_t *units, size_t n)
{
	d->last_string = d->len + 1;
	dataset_put(d, n ? n + 1 : 0, 1);
	for (size_t i = 0; i < n; i++)
		dataset_put(d, units[i], 2);
	if (n)
		dataset_put(d, 0, 2);
}

void dataset_put_text(struct dataset *d, const char *text)
{
	uint16_t units[NAME_UNITS_MAX];
	size_t n = 0;

	while (n < NAME_UNITS_MAX && text[n]) {
		units[n] = (uint8_t)text[n];
		n++;
	}
	dataset_put_units(d, units, n);
}

void dataset_put_time(struct dataset *d, int64_t seconds)
{
	char text[32] = "";
	time_t t = (time_t)seconds;
	struct tm tm;

	if (seconds != NO_TIME && gmtime_r(&t, &tm))
		strftime(text, sizeof(text), "%Y%m%dT%H%M%S", &tm);
	dataset_put_text(d, text);
}

void dataset_put_count(struct dataset *d, uint32_t count)
{
	if (!d->first_array)
		d->first_array = d->len + 1;
	dataset_put(d, count, 4);
}

void dataset_put_u16s(struct dataset *d, const uint16_t *values, size_t n)
{
	dataset_put_count(d, (uint32_t)n);
	for (size_t i = 0; i < n; i++)
		dataset_put(d, values[i], 2);
}

void dataset_free(struct dataset *d)
{
	free(d->bytes);
	memset(d, 0, sizeof(*d));
}
