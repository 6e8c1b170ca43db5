#include "clock_set.h"

#include "clock.h"

#include "base/log.h"

#include <inttypes.h>

#define JUMP_MS 2000 /* a time service that corrects slowly moves it by half a thousandth */

void clock_set_look(struct journal *j)
{
	static int64_t before_ms;
	static bool looked;
	struct clock_state state;
	struct record r;
	int64_t now_ms = clock_ahead_ms(), by_ms = now_ms - before_ms;
	bool jumped = looked && (by_ms >= JUMP_MS || by_ms <= -JUMP_MS);

	before_ms = now_ms;
	looked = true;
	if (!jumped)
		return;
	clock_state(&state);
	record_begin(&r, "clock-set");
	record_number(&r, "by-ms", by_ms);
	record_number(&r, "synchronised", state.synchronised);
	record_text(&r, "source", state.source);
	journal_write(j, &r);
	log_warn("clock-set", "by-ms=%" PRId64 " synchronised=%d time-source=\"%s\"", by_ms,
	    state.synchronised, state.source);
}
