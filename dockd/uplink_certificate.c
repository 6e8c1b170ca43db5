/*
 * uplink_certificate: what uploaders have told of certificates: kept, logged, asked for.
 *
 * Called by uplink with each CERTIFICATE and each turn, by control for what is shown. In memory only:
 * an uploader tells it anew when it begins.
 */
#include "clock.h"
#include "uplink_slot.h"

#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define DAY_S 86400

const char *uplink_hears_certificate(struct destination *d, const struct msg *m)
{
	struct proto_certificate told;
	struct certificate *c;
	const char *why;

	memcpy(&told, m->body, sizeof(told));
	why = certificate_form(&told);
	if (why)
		return why;
	c = &d->certificate[told.which];
	if (c->known && c->not_after_s == told.not_after_s && c->not_before_s == told.not_before_s)
		return NULL;
	*c = (struct certificate){
		.known = true, .not_before_s = told.not_before_s, .not_after_s = told.not_after_s
	};
	d->expiry_ms = 0;
	return NULL;
}

static void tell(const struct destination *d, unsigned which, int64_t now_s)
{
	const struct certificate *c = &d->certificate[which];
	time_t until = (time_t)c->not_after_s;
	char day[32] = "";
	struct tm tm;

	if (gmtime_r(&until, &tm))
		strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%SZ", &tm);
	log_event(c->told >= 3 ? LOG_ERROR_LEVEL : LOG_WARN_LEVEL, "certificate-expiry",
	    "destination=%s certificate=%s until=%s days=%" PRId64, d->name,
	    certificate_word(which), day, (c->not_after_s - now_s) / DAY_S);
}

void uplink_certificates_turn(struct destination *d)
{
	uint64_t now_ms = waits_now_ms();
	int64_t now_s;

	if (d->expiry_ms && now_ms - d->expiry_ms < EXPIRY_LOOK_MS)
		return;
	d->expiry_ms = now_ms;
	now_s = clock_now_s();
	for (unsigned i = CERTIFICATE_CLIENT; i < CERTIFICATES; i++) {
		struct certificate *c = &d->certificate[i];
		unsigned stage = c->known ? certificate_stage(c->not_after_s, now_s) : 0;

		if (certificate_is_news(&c->told, stage))
			tell(d, i, now_s);
	}
}

int uplink_certificate(const struct uplink *u, size_t n, enum certificate_which which,
    int64_t *not_before_s, int64_t *not_after_s)
{
	const struct certificate *c;

	if (n >= u->n)
		return -ENOENT;
	c = &u->destination[n]->certificate[which];
	*not_before_s = c->known ? c->not_before_s : PROTO_NO_TIME;
	*not_after_s = c->known ? c->not_after_s : PROTO_NO_TIME;
	return c->known ? 0 : -ENODATA;
}

bool uplink_certificates_text(const struct uplink *u, char *out, size_t size)
{
	int64_t now_s = clock_now_s();
	size_t used = 0;

	out[0] = '\0';
	for (size_t i = 0; i < u->n; i++) {
		const struct destination *d = u->destination[i];

		for (unsigned k = CERTIFICATE_CLIENT; k < CERTIFICATES && used < size; k++) {
			const struct certificate *c = &d->certificate[k];
			int64_t days = (c->not_after_s - now_s) / DAY_S;

			if (!c->known || certificate_stage(c->not_after_s, now_s) < 3)
				continue;
			if (c->not_after_s <= now_s)
				used += (size_t)snprintf(out + used, size - used,
				    "%s%s: %s has expired: have it renewed", used ? "; " : "",
				    d->name, certificate_noun(k));
			else
				used += (size_t)snprintf(out + used, size - used,
				    "%s%s: %s expires in %" PRId64 " days: have it renewed",
				    used ? "; " : "", d->name, certificate_noun(k), days);
		}
	}
	return out[0] != '\0';
}
