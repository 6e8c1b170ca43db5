#include "waits.h"

#include "clock.h"

#include <stdio.h>

uint64_t waits_now_ms(void)
{
	return clock_steady_ms();
}

uint64_t waits_backoff_ms(unsigned attempt, uint32_t min_s, uint32_t max_s, uint32_t random)
{
	uint64_t bound = min_s * UINT64_C(1000);
	uint64_t max = max_s * UINT64_C(1000);
	uint64_t floor_ms = bound / 2;

	for (unsigned i = 1; i < attempt && bound < max; i++)
		bound *= 2;
	if (bound > max)
		bound = max;
	return floor_ms + (bound > floor_ms ? random % (bound - floor_ms + 1) : 0);
}

struct wait *waits_of(struct waits *w, uint64_t asset, bool make)
{
	struct wait *unused = NULL, *over = NULL;

	for (size_t i = 0; i < WAITS_MAX; i++) {
		struct wait *one = &w->wait[i];

		if (one->asset == asset)
			return one;
		if (!one->asset && !unused)
			unused = one;
		if (!over || one->until_ms < over->until_ms)
			over = one;
	}
	if (!unused && over->until_ms <= waits_now_ms())
		unused = over;
	if (!make || !unused)
		return NULL;
	*unused = (struct wait){ .asset = asset };
	return unused;
}

void waits_end(struct waits *w, uint64_t asset)
{
	struct wait *one = waits_of(w, asset, false);

	if (one)
		*one = (struct wait){ 0 };
}

static void wait_until(struct waits *w, uint64_t asset, uint64_t until_ms, const char *reason)
{
	struct wait *one = waits_of(w, asset, true);

	if (!one)
		return;
	one->until_ms = until_ms;
	snprintf(one->reason, sizeof(one->reason), "%s", reason);
}

void waits_failed(struct waits *w, uint64_t asset, const char *state, const char *reason)
{
	struct wait *one = waits_of(w, asset, true);

	if (!one)
		return;
	one->attempts++;
	if (one->since_ms == 0)
		one->since_ms = waits_now_ms();
	snprintf(one->state, sizeof(one->state), "%s", state);
	snprintf(one->reason, sizeof(one->reason), "%s", reason);
}

bool waits_moved(struct waits *w, uint64_t asset, uint64_t offset_bytes)
{
	struct wait *one = waits_of(w, asset, true);

	if (!one)
		return false;
	if (offset_bytes <= one->best_bytes)
		return false;
	one->best_bytes = offset_bytes;
	one->attempts = 0;
	one->since_ms = 0;
	return true;
}

void waits_later(struct waits *w, uint64_t asset, uint64_t ms, const char *reason)
{
	wait_until(w, asset, waits_now_ms() + ms, reason);
}

void waits_hold(struct waits *w, uint64_t asset, const char *reason)
{
	wait_until(w, asset, UINT64_MAX, reason);
}

void waits_release(struct waits *w, uint64_t asset)
{
	struct wait *one = waits_of(w, asset, false);

	if (one && one->until_ms == UINT64_MAX)
		one->until_ms = 0;
}

size_t waits_pending(const struct waits *w, bool unsent, uint64_t *skip)
{
	uint64_t now = waits_now_ms();
	size_t n = 0;

	for (size_t i = 0; i < WAITS_MAX; i++) {
		const struct wait *one = &w->wait[i];

		if (one->asset && (one->until_ms > now || (unsent && one->sent)))
			skip[n++] = one->asset;
	}
	return n;
}
