/*
 * facts: what a destination is told of an asset, the retention record among it.
 *
 * Pure. Called by the drivers: tus sends it as metadata, dir writes it beside the file, so that
 * both say the same in the same words. Values from a camera are text, never part of a path.
 */
#ifndef DOCKD_FACTS_H
#define DOCKD_FACTS_H

#include "../dockd/base/kind.h"
#include "../dockd/base/proto_upload.h"

#define FACTS_MAX 16
#define FACTS_TIME_LEN 24
#define FACTS_TEXT_LEN 68

struct fact {
	const char *key;
	const char *value; /* points into the upload, the station's name or text; never NULL */
};

struct facts {
	size_t n;
	struct fact fact[FACTS_MAX];
	char text[3][FACTS_TEXT_LEN]; /* digest and times */
};

/*
 * Fills out from what an upload says; what is empty or not known is left out. Keys: name, asset,
 * sha256, camera, officer, unit, station, kind, recorded, dispose-by (RFC 3339, UTC), class, preserved ("yes"),
 * signature. A side object of the station has name, station, kind, sha256, and a bundle its asset.
 */
void facts_of(const struct proto_upload *u, const char *station, struct facts *out);

/* "2026-09-21T14:13:20Z"; "" where the time is not known or not between 1900 and 9999. */
void facts_time(int64_t time_s, char out[FACTS_TIME_LEN]);

/* Whether it is a side object of the station: sent again as often as it changes, and no asset. */
static inline bool facts_is_side(const struct proto_upload *u)
{
	return u->kind == KIND_LEDGER || u->kind == KIND_CHECKPOINT || u->kind == KIND_BUNDLE;
}

#endif
