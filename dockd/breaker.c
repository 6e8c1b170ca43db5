#include "breaker.h"

#include "waits.h"

uint64_t breaker_retry_after_ms(uint64_t told_ms)
{
	return told_ms < BREAKER_RETRY_AFTER_MAX_MS ? told_ms : BREAKER_RETRY_AFTER_MAX_MS;
}

static void open_until(struct breaker *b, uint64_t now_ms, uint64_t ms)
{
	b->open = true;
	b->until_ms = now_ms + ms;
	if (b->since_ms == 0)
		b->since_ms = now_ms ? now_ms : 1;
	b->too_many = b->stumbles = 0;
	b->last_asset = 0;
}

/* Less at once from now on; it grows again by one with each that is finished. */
static void halve(struct breaker *b)
{
	unsigned now = b->allowance && b->allowance < b->slots ? b->allowance : b->slots;

	b->allowance = now > 1 ? now / 2 : 1;
}

void breaker_fails(struct breaker *b, enum breaker_how how, uint64_t asset, uint64_t now_ms,
    uint64_t retry_after_ms, uint32_t min_s, uint32_t max_s, uint32_t random)
{
	uint64_t told_ms = breaker_retry_after_ms(retry_after_ms), ms;
	bool is_open = b->open && now_ms < b->until_ms;

	if (how == BREAKER_TOO_MANY && !b->open && ++b->too_many < BREAKER_BUSY)
		return;
	if (how == BREAKER_STUMBLED && !b->open) {
		/* a question that was not answered is no upload that failed */
		if (asset == 0 || asset == b->last_asset)
			return;
		b->last_asset = asset;
		if (++b->stumbles < BREAKER_STUMBLES)
			return;
	}
	/* those that were under way when it opened say nothing new but how long to wait */
	if (is_open && (how != BREAKER_FOR_PERSON || b->person)) {
		if (b->until_ms < now_ms + told_ms)
			b->until_ms = now_ms + told_ms;
		return;
	}
	if (how == BREAKER_TOO_MANY)
		halve(b);
	b->person = how == BREAKER_FOR_PERSON;
	ms = waits_backoff_ms(++b->failures, min_s, max_s, random);
	if (b->person)
		ms = (BREAKER_PERSON - 1) * max_s * UINT64_C(1000) +
		    waits_backoff_ms(32, max_s, max_s, random);
	/* a little later than told, and not all stations in the same second */
	if (told_ms > 0)
		told_ms += told_ms / 16 * (random % 8) / 8;
	open_until(b, now_ms, ms > told_ms ? ms : told_ms);
}

void breaker_works(struct breaker *b, bool whole)
{
	b->open = b->person = false;
	b->failures = b->too_many = b->stumbles = 0;
	b->last_asset = 0;
	b->until_ms = b->since_ms = 0;
	if (whole && b->allowance && ++b->allowance >= b->slots)
		b->allowance = 0;
}

void breaker_reset(struct breaker *b)
{
	uint64_t since_ms = b->since_ms;
	unsigned allowance = b->allowance, slots = b->slots;

	*b = (struct breaker){ .since_ms = since_ms, .allowance = allowance, .slots = slots };
}

unsigned breaker_slots(const struct breaker *b, uint64_t now_ms)
{
	if (b->open)
		return now_ms >= b->until_ms ? 1 : 0;
	return b->allowance && b->allowance < b->slots ? b->allowance : b->slots;
}
