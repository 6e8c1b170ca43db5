#include "recorded.h"

#include "retention_rules.h"

/* Written on after this docking's measurement, by that very measurement. */
static bool is_written_since(
    const struct asset *a, const struct zone *zone, const struct docking *d)
{
	int64_t off_s = d->offset_ms / 1000;

	if (a->mtime_s == PROTO_NO_TIME || d->offset_ms == PROTO_NO_TIME ||
	    a->mtime_s < ASSET_EARLIEST_S || a->mtime_s > INT64_MAX / 2 ||
	    off_s > RETENTION_OFFSET_MAX_S || off_s < -RETENTION_OFFSET_MAX_S)
		return false;
	return zone_utc(zone, a->mtime_s - off_s) > d->began_s + RETENTION_AHEAD_S;
}

int recorded_docking(
    struct index *ix, const struct asset *a, const struct zone *zone, struct docking *out)
{
	int rc = index_docking(ix, a->docking, out);

	if (rc == 0 && a->pulled_docking > a->docking && is_written_since(a, zone, out))
		rc = index_docking(ix, a->pulled_docking, out);
	return rc;
}
