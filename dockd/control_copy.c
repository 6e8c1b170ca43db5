#include "control_copy.h"

#include "control_client.h"
#include "control_inner.h"
#include "index_asset.h"

#include <stdio.h>
#include <time.h>

int copy_send(
    struct client *k, uint64_t number, enum copy_state state, const char *where, const char *text)
{
	struct proto_ctl_copy row = { .number = number, .state = state };

	snprintf(row.where, sizeof(row.where), "%s", where);
	snprintf(row.text, sizeof(row.text), "%s", text);
	return client_send(k, MSG_COPY, &row, -1);
}

const char *copy_locked(const struct upload *u)
{
	static char text[96];
	time_t until = (time_t)u->retain_until_s;
	char date[32] = "";
	struct tm tm;

	if (u->lock == LOCK_NONE || u->retain_until_s == PROTO_NO_TIME || !gmtime_r(&until, &tm))
		return "";
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%SZ", &tm);
	snprintf(text, sizeof(text), "; locked there until %s (%s)", date, lock_word(u->lock));
	return text;
}

int copy_each(struct client *k, const struct asset *a,
    int (*row)(struct client *k, const struct asset *a, const struct upload *u))
{
	static struct upload up[CONFIG_DESTINATIONS];
	int n = index_uploads(control_index(k->control), a->number, up, CONFIG_DESTINATIONS);
	int rc = n < 0 ? n : 0;

	for (int i = 0; i < n && rc == 0; i++)
		rc = row(k, a, &up[i]);
	return rc;
}
