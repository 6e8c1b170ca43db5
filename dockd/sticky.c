#include "sticky.h"

uint64_t sticky_since(uint64_t a_ms, uint64_t b_ms)
{
	if (a_ms == 0 || b_ms == 0)
		return a_ms ? a_ms : b_ms;
	return a_ms < b_ms ? a_ms : b_ms;
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
