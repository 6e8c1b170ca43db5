#include "charge.h"

#define GAP_MS 300000 /* between looks that follow one another */
#define FALL 3        /* percent: less is how batteries are measured */
#define STEP 5        /* percents that are all multiples of this: a gauge of a few steps */
#define COARSE 4      /* times as long to wait for its next step; the last one takes longest */

void charge_tell(
    struct charge *c, uint32_t percent, uint32_t full, uint64_t now_ms, uint64_t limit_ms)
{
	bool follows = c->since_ms && now_ms - c->at_ms <= GAP_MS;
	uint64_t stood_ms;

	c->fine = c->fine || percent % STEP != 0;
	if (!c->fine)
		limit_ms *= COARSE;
	if (!follows || percent > c->percent) {
		c->since_ms = now_ms;
		c->percent = percent;
		c->fell = false;
	} else if (percent + FALL <= c->percent) {
		c->percent = percent;
		c->fell = true;
	}
	c->at_ms = now_ms;
	stood_ms = now_ms - c->since_ms;
	c->stalled = limit_ms && percent < full && stood_ms >= (c->fell ? limit_ms / 3 : limit_ms);
}
