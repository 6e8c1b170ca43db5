#include "facts.h"

#include "../dockd/base/kind.h"

#include <stdio.h>
#include <time.h>

void facts_time(int64_t time_s, char out[FACTS_TIME_LEN])
{
	time_t at = (time_t)time_s;
	struct tm tm;

	out[0] = '\0';
	if (time_s != PROTO_NO_TIME && gmtime_r(&at, &tm) && tm.tm_year >= 0 && tm.tm_year <= 8099)
		strftime(out, FACTS_TIME_LEN, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

static void put(struct facts *out, const char *key, const char *value)
{
	if (value[0])
		out->fact[out->n++] = (struct fact){ key, value };
}

void facts_of(const struct proto_upload *u, const char *station, struct facts *out)
{
	bool side = facts_is_side(u);

	out->n = 0;
	for (size_t i = 0; i < PROTO_SHA256_LEN; i++)
		snprintf(out->text[0] + 2 * i, 3, "%02x", u->sha256[i]);
	facts_time(u->recorded_s, out->text[1]);
	facts_time(u->dispose_by_s, out->text[2]);
	put(out, "name", u->name);
	put(out, "asset", u->asset);
	put(out, "sha256", out->text[0]);
	put(out, "station", station);
	put(out, "kind", kind_word((enum object_kind)u->kind));
	if (side)
		return;
	put(out, "camera", u->camera);
	put(out, "officer", u->officer);
	put(out, "unit", u->unit);
	put(out, "recorded", out->text[1]);
	put(out, "dispose-by", out->text[2]);
	put(out, "class", u->class);
	put(out, "preserved", u->preserved ? "yes" : "");
	put(out, "signature", u->signature);
}
