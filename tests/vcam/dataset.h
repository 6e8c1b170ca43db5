/*
 * dataset: builds the little-endian datasets of PTP (PIMA 15740 clause 5.3) in memory.
 *
 * Used by operations.c. It remembers where the last string and the first array stand, because some
 * faults lie about their counts.
 */
#ifndef VCAM_DATASET_H
#define VCAM_DATASET_H

#include <stddef.h>
#include <stdint.h>

struct dataset {
	uint8_t *bytes;
	size_t len, room;
	size_t last_string, first_array; /* place + 1, 0 = none */
};

void dataset_put(struct dataset *d, uint64_t value, size_t bytes);

/* A PTP string of n UTF-16 units (0..254); an empty one is a single zero byte. */
void dataset_put_units(struct dataset *d, const uint16_t *units, size_t n);

/* The same from ASCII. */
void dataset_put_text(struct dataset *d, const char *text);

/* "YYYYMMDDThhmmss" of seconds since 1970, an empty string for NO_TIME. */
void dataset_put_time(struct dataset *d, int64_t seconds);

/* An array's count; its elements follow by dataset_put. */
void dataset_put_count(struct dataset *d, uint32_t count);

/* A whole array of u16. */
void dataset_put_u16s(struct dataset *d, const uint16_t *values, size_t n);

void dataset_free(struct dataset *d);

#endif
