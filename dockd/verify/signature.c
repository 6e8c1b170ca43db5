/*
 * signature: chooses the scheme and bounds the time of a recording.
 *
 * Called by judge_job and the fuzzers. What is common to all schemes is here: limits, the two times
 * of judging, and what a key enrolled for a camera is worth after it was revoked.
 */
#include "signature.h"

#include "../base/log.h"
#include "cms.h"
#include "judge_job.h"
#include "manifest.h"
#include "sidecar.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int signature_prepare(void)
{
	return OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CONFIG | OPENSSL_INIT_LOAD_CRYPTO_STRINGS |
		       OPENSSL_INIT_ADD_ALL_DIGESTS,
		   NULL) == 1 ?
	    0 :
	    -ENOMEM;
}

void judged_set(struct proto_judged *out, enum signature_result result, const char *format, ...)
{
	va_list args;

	out->result = (uint32_t)result;
	va_start(args, format);
	vsnprintf(out->text, sizeof(out->text), format, args);
	va_end(args);
}

/* A camera's clock proves nothing by itself; what it says is moved between the times that do. */
static struct signing_time bounded(const struct signing_facts *f)
{
	struct signing_time t = { f->recorded_s, f->docked_s, false };

	if (t.recorded_s == PROTO_NO_TIME || t.recorded_s > f->docked_s) {
		t.recorded_s = f->docked_s;
	} else if (f->not_before_s != PROTO_NO_TIME && f->not_before_s <= f->docked_s) {
		t.proved = f->clock_proved && t.recorded_s >= f->not_before_s;
		if (t.recorded_s < f->not_before_s)
			t.recorded_s = f->not_before_s;
	}
	return t;
}

bool signing_key_judge(
    const struct signing_facts *f, const struct signing_key *k, struct proto_judged *out)
{
	if (strcmp(k->serial, f->serial) != 0) {
		judged_set(out, SIGNATURE_ANOTHER_CAMERA,
		    "signed with the key that is enrolled for camera %s", log_text(k->serial));
		return false;
	}
	if (k->revoked_s != PROTO_NO_TIME && f->docked_s >= k->revoked_s) {
		judged_set(out, SIGNATURE_UNTRUSTED_SIGNER,
		    "its key was revoked before this was docked, and nothing but the camera says "
		    "that it was signed before");
		return false;
	}
	return true;
}

int signature_judge(const struct signing_facts *f, const char *bytes, size_t len,
    const struct trust *trust, struct proto_judged *out, const char **why)
{
	struct signing_time when = bounded(f);

	out->time_s = PROTO_NO_TIME;
	if (!when.proved)
		out->flags |= JUDGED_TIME_UNPROVED;
	if (len > SIDECAR_MAX) {
		judged_set(out, SIGNATURE_UNREADABLE,
		    "dockd-signature(5): it is larger than %d bytes", SIDECAR_MAX);
		return 0;
	}
	switch (f->scheme) {
	case SCHEME_CMS:
		return cms_judge(f, &when, bytes, len, trust, out, why);
	case SCHEME_ECDSA:
		return sidecar_ecdsa(f, bytes, len, out, why);
	case SCHEME_ED25519:
		return sidecar_ed25519(f, bytes, len, out, why);
	case SCHEME_MANIFEST:
		return manifest_judge(f, bytes, len, out, why);
	case SCHEME_NONE:
		break;
	}
	*why = "signing: a scheme that does not exist";
	return -EBADMSG;
}
