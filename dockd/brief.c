#include "brief.h"

#include "sealed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct brief {
	FILE *out;
	int fd;
	int err;
};

struct brief *brief_new(void)
{
	struct brief *b = calloc(1, sizeof(*b));
	int copy;

	if (!b)
		return NULL;
	b->fd = sealed_new("facts");
	copy = b->fd >= 0 ? fcntl(b->fd, F_DUPFD_CLOEXEC, 0) : -1;
	b->out = copy >= 0 ? fdopen(copy, "w") : NULL;
	if (!b->out) {
		b->err = -errno;
		if (copy >= 0)
			close(copy);
	}
	return b;
}

void brief_add(struct brief *b, const struct record *r)
{
	static char line[RECORD_LINE_MAX];
	int n = record_format(r, line, sizeof(line));

	if (b->err)
		return;
	if (n < 0)
		b->err = n;
	else if (fwrite(line, 1, (size_t)n, b->out) != (size_t)n)
		b->err = errno ? -errno : -EIO;
}

int brief_fd(struct brief *b)
{
	int fd, err;

	if (!b)
		return -ENOMEM;
	fd = b->fd;
	err = b->err;
	if (b->out && fclose(b->out) != 0 && !err)
		err = errno ? -errno : -EIO;
	free(b);
	if (!err)
		err = sealed_shut(fd);
	if (err && fd >= 0)
		close(fd);
	return err ? err : fd;
}

/* A clock measured against one that was not synchronised itself proves no time. */
static void add_recorded(struct record *r, const struct brief_signing *s)
{
	const struct docking *d = s->clock;
	bool measured = d && d->offset_ms != PROTO_NO_TIME, proved = false;
	int64_t utc_s;

	if (d && asset_time_plausible(s->asset->mtime_s, d->began_s)) {
		utc_s = zone_utc(&s->profile->clock_zone, s->asset->mtime_s);
		record_number(r, "recorded", measured ? utc_s - d->offset_ms / 1000 : utc_s);
		proved = measured && d->synchronised;
	}
	record_number(r, "clock-proved", proved);
}

static void add_asset(struct brief *b, const struct brief_signing *s)
{
	const struct asset *a = s->asset;
	const struct docking *d = s->docking;
	int64_t found_s = d ? d->began_s : a->staged_at_s;
	static struct record r;

	record_begin(&r, "asset");
	record_text(&r, "asset", a->id);
	record_text(&r, "serial", a->camera);
	record_text(&r, "path", a->path);
	record_text(&r, "sha256", a->sha256);
	if (a->sha384[0])
		record_text(&r, "sha384", a->sha384);
	if (a->sha512[0])
		record_text(&r, "sha512", a->sha512);
	record_number(&r, "length", (int64_t)a->size_bytes);
	/* only what was here, signature and all, is out of reach of who has a stolen key */
	record_number(&r, "docked", s->held_s > found_s ? s->held_s : found_s);
	add_recorded(&r, s);
	/* all of it was held then, and this was not among it: it was made since */
	if (s->before && s->before->held && s->before->ended_s)
		record_number(&r, "not-before", s->before->ended_s);
	brief_add(b, &r);
}

static void add_signing(struct brief *b, const struct profile *p)
{
	static const char *const signers[] = {
		[SIGNER_SERIAL_NUMBER] = "serial-number",
		[SIGNER_COMMON_NAME] = "common-name",
		[SIGNER_ANY] = "any",
	};
	static struct record r;
	char digests[32];

	snprintf(digests, sizeof(digests), "%s%s%s", p->sha256_refused ? "" : " sha256",
	    p->digests & DIGEST_SHA384 ? " sha384" : "",
	    p->digests & DIGEST_SHA512 ? " sha512" : "");
	record_begin(&r, "signing");
	record_text(&r, "scheme", scheme_word(p->scheme));
	record_text(&r, "digests", digests + 1);
	if (p->scheme == SCHEME_CMS)
		record_text(&r, "signer", signers[p->signer]);
	brief_add(b, &r);
}

int brief_signing(const struct brief_signing *s)
{
	struct brief *b = brief_new();
	static struct record r;

	if (!b)
		return -ENOMEM;
	add_asset(b, s);
	add_signing(b, s->profile);
	for (size_t i = 0; i < s->keys_n; i++) {
		const struct camera_key *k = &s->keys[i];

		record_begin(&r, "key");
		record_text(&r, "key", k->key);
		record_text(&r, "serial", k->camera);
		record_number(&r, "enrolled", k->enrolled_s);
		if (k->revoked_s)
			record_number(&r, "revoked", k->revoked_s);
		brief_add(b, &r);
	}
	return brief_fd(b);
}
