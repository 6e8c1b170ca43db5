/*
 * waiting: what waits for a destination, as plain numbers; for the unit tests of the index.
 */
#ifndef TESTS_WAITING_H
#define TESTS_WAITING_H

#include "../../dockd/index.h"
#include "../../dockd/index_queue.h"

/* Begun or not, small ones before large ones. Count or -errno. */
static inline int waiting(struct index *of, const char *destination, const uint64_t *skip, size_t n,
    uint64_t *numbers, size_t room)
{
	static struct candidate c[256];
	size_t count = 0;

	for (unsigned i = 0; i < 4; i++) {
		struct index_wish wish = {
			.fresh = i & 1, .large = i & 2, .skip = skip, .skip_n = n, .each = room
		};
		int got = index_candidates(of, destination, &wish, c, room - count);

		if (got < 0)
			return got;
		for (int k = 0; k < got; k++)
			numbers[count++] = c[k].number;
	}
	return (int)count;
}

#endif
