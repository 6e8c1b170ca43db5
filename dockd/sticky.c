#include "sticky.h"

uint64_t sticky_since(uint64_t a_ms, uint64_t b_ms)
{
	if (a_ms == 0 || b_ms == 0)
		return a_ms ? a_ms : b_ms;
	return a_ms < b_ms ? a_ms : b_ms;
}

uint64_t sticky_step_ms(uint64_t switch_ms)
{
	return switch_ms / 4 ? switch_ms / 4 : 1;
}

uint64_t sticky_carried(
    uint64_t for_ms, uint64_t at_ms, bool same_boot, uint64_t now_ms, uint64_t switch_ms)
{
	uint64_t since_ms = same_boot && now_ms > at_ms ? now_ms - at_ms : 0;
	uint64_t step_ms = sticky_step_ms(switch_ms);

	return for_ms + (since_ms < step_ms ? since_ms : step_ms);
}

bool sticky_is_news(uint64_t for_ms, uint64_t told_ms, uint64_t switch_ms)
{
	uint64_t step_ms = sticky_step_ms(switch_ms);

	if (told_ms == 0)
		return for_ms >= (step_ms < STICKY_FIRST_MS ? step_ms : STICKY_FIRST_MS);
	/* it had worked for a moment; or a further part of the time has gone */
	return for_ms < told_ms || (told_ms < switch_ms && for_ms - told_ms >= step_ms);
}

bool sticky_failed(uint64_t since_ms, uint64_t now_ms, uint64_t switch_ms)
{
	return since_ms != 0 && now_ms >= since_ms && now_ms - since_ms >= switch_ms;
}

size_t sticky_first(const struct sticky *d, size_t n, uint64_t now_ms, uint64_t switch_ms)
{
	return sticky_heir(d, n, n, now_ms, switch_ms);
}

size_t sticky_heir(
    const struct sticky *d, size_t n, size_t from, uint64_t now_ms, uint64_t switch_ms)
{
	for (size_t i = 0; i < n; i++) {
		if (i != from && d[i].takes && !sticky_failed(d[i].since_ms, now_ms, switch_ms))
			return i;
	}
	return n;
}
