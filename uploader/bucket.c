#include "bucket.h"

#include <string.h>

#define BURST_MIN 16384u
#define PIECE_MIN 4096u /* less than this is not worth a call, but at the end of a body */
#define URGENT_MS 2000  /* so long after it last asked, what is expedited goes in front */
#define SHARE 15u       /* of sixteen bytes, the expedited one's */
#define TRICKLE_MAX 262144u
#define BEHIND_MS 100 /* those behind it look so often */

static bool is_limited(const struct bucket *b)
{
	return b->rate != UINT64_MAX;
}

void bucket_init(struct bucket *b, uint64_t rate, int64_t now_ms)
{
	memset(b, 0, sizeof(*b));
	b->urgent_ms = INT64_MIN;
	b->at_ms = now_ms;
	bucket_rate(b, rate, now_ms);
}

static void gather(struct bucket *b, int64_t now_ms)
{
	uint64_t gone_ms = now_ms > b->at_ms ? (uint64_t)(now_ms - b->at_ms) : 0;
	uint64_t more;

	b->at_ms += (int64_t)gone_ms;
	if (b->rate == 0)
		b->tokens = 0;
	else if (__builtin_mul_overflow(b->rate, gone_ms, &more) ||
	    __builtin_add_overflow(more, b->rest, &more))
		b->tokens = b->burst;
	else {
		b->rest = more % 1000;
		b->tokens = more / 1000 < b->burst - b->tokens ? b->tokens + more / 1000 : b->burst;
	}
}

void bucket_rate(struct bucket *b, uint64_t rate, int64_t now_ms)
{
	gather(b, now_ms);
	b->rate = rate;
	b->burst = rate / 4 > BURST_MIN ? rate / 4 : BURST_MIN;
	if (rate == 0)
		b->burst = 0;
	if (b->tokens > b->burst)
		b->tokens = b->burst;
}

static bool is_urgent(const struct bucket *b, int64_t now_ms)
{
	return b->urgent_ms != INT64_MIN && now_ms - b->urgent_ms < URGENT_MS;
}

/* Until so many bytes are there, at this rate. */
static unsigned until(uint64_t missing, uint64_t rate)
{
	uint64_t ms = rate ? missing / rate >= 1 ? 1000 : missing * 1000 / rate + 1 : 1000;

	return ms > 1000 ? 1000 : (unsigned)ms;
}

static size_t at_most(size_t want, uint64_t there)
{
	return there < want ? (size_t)there : want;
}

/* Behind an expedited one: of what that has taken, a fifteenth beside it. */
static size_t take_behind(struct bucket *b, size_t want, unsigned *wait_ms)
{
	uint64_t there = is_limited(b) && b->tokens < b->trickle ? b->tokens : b->trickle;
	size_t n = at_most(want, there);

	*wait_ms = b->rate == 0 ? 1000 : BEHIND_MS;
	if (n < want && n < PIECE_MIN)
		return 0;
	b->trickle -= n;
	if (is_limited(b))
		b->tokens -= n;
	return n;
}

static size_t take_urgent(struct bucket *b, int64_t now_ms, size_t n)
{
	b->urgent_ms = now_ms;
	b->trickle += n / SHARE;
	if (b->trickle > TRICKLE_MAX)
		b->trickle = TRICKLE_MAX;
	return n;
}

size_t bucket_take(struct bucket *b, int64_t now_ms, bool expedited, size_t want, unsigned *wait_ms)
{
	uint64_t piece = b->burst / 4 > PIECE_MIN ? b->burst / 4 : PIECE_MIN;
	size_t n;

	*wait_ms = 0;
	gather(b, now_ms);
	if (expedited && (!is_limited(b) || b->rate == 0))
		return take_urgent(b, now_ms, want);
	if (expedited)
		(void)take_urgent(b, now_ms, 0);
	else if (is_urgent(b, now_ms))
		return take_behind(b, want, wait_ms);
	else
		b->trickle = 0;
	if (!is_limited(b))
		return want;
	if (piece > want)
		piece = want;
	if (b->rate == 0 || b->tokens < piece) {
		*wait_ms = until(piece - b->tokens, b->rate);
		return 0;
	}
	n = at_most(want, b->tokens);
	b->tokens -= n;
	return expedited ? take_urgent(b, now_ms, n) : n;
}

void bucket_return(struct bucket *b, size_t bytes)
{
	if (!is_limited(b) || b->rate == 0)
		return;
	b->tokens = bytes < b->burst - b->tokens ? b->tokens + bytes : b->burst;
}
