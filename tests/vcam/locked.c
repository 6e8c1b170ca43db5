#include "locked.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "responder.h"

#define AWAY_S 0.05 /* so that a host sees it leave */

bool locked_speaks(const struct camera *c)
{
	return c->locked && !c->locked->open && c->locked->language != SPEAKS_DV16;
}

bool locked_dv16(const struct camera *c)
{
	return c->locked && !c->locked->open && c->locked->language == SPEAKS_DV16;
}

bool locked_login(struct locked *l, const char *pin, size_t len)
{
	size_t n = strnlen(pin, len);
	bool right = strlen(l->pin) == n && memcmp(l->pin, pin, n) == 0;

	if (l->tries && l->wrong >= l->tries)
		right = false;
	if (right) {
		l->logins++;
		l->logged_in = true;
	} else {
		l->wrong++;
		l->wrong_pins++;
	}
	return right;
}

bool locked_set_clock(struct camera *c, const int t[6])
{
	struct tm tm = { .tm_year = t[0] - 1900,
		.tm_mon = t[1] - 1,
		.tm_mday = t[2],
		.tm_hour = t[3],
		.tm_min = t[4],
		.tm_sec = t[5] };

	if (t[0] < 1970 || t[1] < 1 || t[1] > 12 || t[2] < 1 || t[2] > 31 || t[3] > 23 ||
	    t[4] > 59 || t[5] > 59)
		return false;
	c->clock_offset_s = (int64_t)timegm(&tm) - (int64_t)time(NULL);
	c->clocks_set++;
	return true;
}

void locked_open(struct responder *r)
{
	struct locked *l = r->camera->locked;

	l->unlocks++;
	if (l->comes_back == BACK_IN_PLACE) {
		l->open = true;
		disk_attention(r->camera->disk, 0x28, 0x00);
		return;
	}
	l->leaving = true;
	r->leave = true;
}

double locked_left(struct camera *c)
{
	struct locked *l = c->locked;

	if (!l || !l->leaving || l->comes_back == BACK_NEVER)
		return -1;
	return l->late_s > 0 ? l->late_s : AWAY_S;
}

void locked_plug(struct camera *c, bool by_itself)
{
	struct locked *l = c->locked;

	if (!l)
		return;
	by_itself = by_itself && l->comes_back != BACK_LOCKED;
	l->open = by_itself;
	l->leaving = l->logged_in = l->reply_leaves = false;
	l->wrong = 0;
	l->reply_len = 0;
	l->status = 0;
	c->id = by_itself ? *l->back : *l->face;
}
