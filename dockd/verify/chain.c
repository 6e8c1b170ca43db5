/*
 * chain: builds the path at two times and looks into the revocation lists itself.
 *
 * Called by cms. The lists are not left to libcrypto, which would ask whether a certificate is
 * revoked, not since when: what this station held before the date of revocation stays good, because
 * its own clock is the only one here that the camera's holder could not set. It must never count a
 * list whose signature was not checked with the issuer's key of this path.
 */
#include "chain.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define DEPTH_MAX 8
#define AUTH_LEVEL 2 /* 112 bits: no SHA-1, no RSA below 2048 */

/* Whether reading PEM ended because there is no more of it. */
static bool was_end(void)
{
	unsigned long e = ERR_peek_last_error();
	bool end = ERR_GET_LIB(e) == ERR_LIB_PEM && ERR_GET_REASON(e) == PEM_R_NO_START_LINE;

	ERR_clear_error();
	return end;
}

static bool read_anchors(struct chain *c, const struct trust *trust)
{
	BIO *in = BIO_new_mem_buf(trust->anchors, (int)trust->anchors_len);
	bool good = in != NULL;
	X509 *x;

	while (good && (x = PEM_read_bio_X509(in, NULL, NULL, NULL)) != NULL) {
		good = X509_STORE_add_cert(c->anchors, x) == 1;
		c->has_anchors = true;
		X509_free(x);
	}
	BIO_free(in);
	return good && was_end();
}

static bool read_crls(struct chain *c, const struct trust *trust)
{
	BIO *in = BIO_new_mem_buf(trust->crls, (int)trust->crls_len);
	bool good = in != NULL;
	X509_CRL *crl;

	while (good && (crl = PEM_read_bio_X509_CRL(in, NULL, NULL, NULL)) != NULL) {
		good = sk_X509_CRL_push(c->crls, crl) > 0;
		if (!good)
			X509_CRL_free(crl);
	}
	BIO_free(in);
	return good && was_end();
}

int chain_trust(struct chain *c, const struct trust *trust, const char **why)
{
	c->anchors = X509_STORE_new();
	c->crls = sk_X509_CRL_new_null();
	*why = !c->anchors || !c->crls                        ? "no memory" :
	    trust->anchors_len > 0 && !read_anchors(c, trust) ? "anchors: a certificate in PEM "
								"cannot be read" :
	    trust->anchors_len > 0 && !c->has_anchors         ? "anchors: no certificate in PEM" :
	    trust->crls_len > 0 && !read_crls(c, trust)       ? "revocation lists: one in PEM "
								"cannot be read" :
	    trust->crls_len > 0 && sk_X509_CRL_num(c->crls) == 0 ? "revocation lists: none in PEM" :
								   NULL;
	return *why ? -EBADMSG : 0;
}

void chain_free(struct chain *c)
{
	X509_STORE_free(c->anchors);
	sk_X509_CRL_pop_free(c->crls, X509_CRL_free);
	sk_X509_pop_free(c->path, X509_free);
}

/* X509_V_OK and *path (the caller's), or why not. */
static int build(struct chain *c, X509 *certificate, STACK_OF(X509) * others, int64_t time_s,
    STACK_OF(X509) * *path)
{
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	X509_VERIFY_PARAM *param;
	int err = X509_V_ERR_OUT_OF_MEM;

	*path = NULL;
	if (ctx && X509_STORE_CTX_init(ctx, c->anchors, certificate, others) == 1) {
		param = X509_STORE_CTX_get0_param(ctx);
		X509_VERIFY_PARAM_set_purpose(param, X509_PURPOSE_ANY);
		X509_VERIFY_PARAM_set_depth(param, DEPTH_MAX);
		X509_VERIFY_PARAM_set_auth_level(param, AUTH_LEVEL);
		X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN);
		X509_VERIFY_PARAM_set_time(param, (time_t)time_s);
		err = X509_verify_cert(ctx) == 1 ? X509_V_OK : X509_STORE_CTX_get_error(ctx);
		if (err == X509_V_OK)
			*path = X509_STORE_CTX_get1_chain(ctx);
	}
	X509_STORE_CTX_free(ctx);
	return err;
}

static void date(int64_t time_s, char out[11])
{
	time_t t = (time_t)time_s;
	struct tm tm;

	if (time_s == PROTO_NO_TIME || !gmtime_r(&t, &tm) ||
	    strftime(out, 11, "%Y-%m-%d", &tm) == 0)
		snprintf(out, 11, "?");
}

static int64_t seconds(const ASN1_TIME *time)
{
	struct tm tm;

	return time && ASN1_TIME_to_tm(time, &tm) == 1 ? timegm(&tm) : PROTO_NO_TIME;
}

/* Since when, where c says that the certificate was revoked; PROTO_NO_TIME: it does not. */
static int64_t revoked_since(X509_CRL *crl, X509 *certificate)
{
	X509_REVOKED *entry = NULL;
	ASN1_GENERALIZEDTIME *invalid;
	int64_t since, earlier;

	if (X509_CRL_get0_by_cert(crl, &entry, certificate) != 1 || !entry)
		return PROTO_NO_TIME;
	since = seconds(X509_REVOKED_get0_revocationDate(entry));
	if (since == PROTO_NO_TIME)
		since = 0;
	/* RFC 5280 section 5.3.2: since when the key is suspected. */
	invalid = X509_REVOKED_get_ext_d2i(entry, NID_invalidity_date, NULL, NULL);
	earlier = seconds(invalid);
	ASN1_GENERALIZEDTIME_free(invalid);
	return earlier != PROTO_NO_TIME && earlier < since ? earlier : since;
}

/* Whether it speaks of all certificates of its issuer (RFC 5280 section 5.2). */
static bool is_complete(const X509_CRL *crl)
{
	for (int i = 0; i < X509_CRL_get_ext_count(crl); i++) {
		if (X509_EXTENSION_get_critical(X509_CRL_get_ext(crl, i)))
			return false;
	}
	return true;
}

struct revocation {
	bool listed;  /* a complete list of the issuer of the signer's certificate is there */
	bool current; /* and it was in force when docked */
};

/* false: revoked before this station had the bytes; out says so. */
static bool test_revocation(const struct chain *c, const struct signing_time *when,
    struct revocation *found, struct proto_judged *out)
{
	int last = sk_X509_num(c->path) - 1;
	char since_text[11];

	for (int i = 0; i < last; i++) {
		X509 *certificate = sk_X509_value(c->path, i),
		     *issuer = sk_X509_value(c->path, i + 1);

		for (int j = 0; j < sk_X509_CRL_num(c->crls); j++) {
			X509_CRL *crl = sk_X509_CRL_value(c->crls, j);
			int64_t since, next;

			if (X509_NAME_cmp(
				X509_CRL_get_issuer(crl), X509_get_subject_name(issuer)) != 0 ||
			    !(X509_get_key_usage(issuer) & KU_CRL_SIGN) ||
			    X509_CRL_verify(crl, X509_get0_pubkey(issuer)) != 1)
				continue;
			since = revoked_since(crl, certificate);
			if (since != PROTO_NO_TIME && when->docked_s >= since) {
				date(since, since_text);
				judged_set(out, SIGNATURE_UNTRUSTED_SIGNER,
				    "RFC 5280 section 5: %s was revoked from %s, and nothing but "
				    "the camera says that it was signed before",
				    i == 0 ? "its certificate" : "a certificate above it",
				    since_text);
				return false;
			}
			next = seconds(X509_CRL_get0_nextUpdate(crl));
			if (i == 0 && is_complete(crl)) {
				found->listed = true;
				if (next == PROTO_NO_TIME || next >= when->docked_s)
					found->current = true;
			}
		}
	}
	/* An anchor has no issuer that could revoke it. */
	if (last == 0)
		found->listed = found->current = true;
	return true;
}

static bool refuse(struct proto_judged *out, int err, const char *when, int64_t time_s)
{
	char text[11];

	date(time_s, text);
	judged_set(out, SIGNATURE_UNTRUSTED_SIGNER, "RFC 5280 section 6.1: when %s, %s: %s", when,
	    text, X509_verify_cert_error_string(err));
	return false;
}

static bool test_path(struct chain *c, X509 *certificate, STACK_OF(X509) * others,
    const struct signing_time *when, bool *expired, struct proto_judged *out)
{
	STACK_OF(X509) * at_docking;
	int err = build(c, certificate, others, when->recorded_s, &c->path);

	if (err != X509_V_OK)
		return refuse(out, err, "recorded", when->recorded_s);
	err = build(c, certificate, others, when->docked_s, &at_docking);
	sk_X509_pop_free(at_docking, X509_free);
	*expired = err == X509_V_ERR_CERT_HAS_EXPIRED;
	if (err == X509_V_OK || (*expired && when->proved))
		return true;
	refuse(out, err, *expired ? "docked, and nothing proves an earlier time" : "docked",
	    when->docked_s);
	return false;
}

bool chain_judge(struct chain *c, X509 *certificate, STACK_OF(X509) * others,
    const struct signing_time *when, struct proto_judged *out)
{
	struct revocation found = { false, false };
	bool expired = false;

	if (!c->has_anchors) {
		judged_set(out, SIGNATURE_UNTRUSTED_SIGNER,
		    "RFC 5280 section 6.1: no anchor is configured to which it could lead");
		return false;
	}
	if (X509_check_ca(certificate) && !X509_self_signed(certificate, 0)) {
		judged_set(out, SIGNATURE_UNTRUSTED_SIGNER,
		    "RFC 5280 section 4.2.1.9: it is signed by an authority, not by a camera");
		return false;
	}
	if (!(X509_get_key_usage(certificate) & (KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION))) {
		judged_set(out, SIGNATURE_UNTRUSTED_SIGNER,
		    "RFC 5280 section 4.2.1.3: its certificate is not for signatures");
		return false;
	}
	if (!test_path(c, certificate, others, when, &expired, out) ||
	    !test_revocation(c, when, &found, out))
		return false;
	if (sk_X509_CRL_num(c->crls) > 0 && !found.listed) {
		judged_set(out, SIGNATURE_UNTRUSTED_SIGNER,
		    "RFC 5280 section 6.3: no revocation list of its issuer is among those given");
		return false;
	}
	snprintf(c->note, sizeof(c->note), "its certificate leads to an anchor%s; %s",
	    expired ? ", and has expired since" : "",
	    sk_X509_CRL_num(c->crls) == 0 ? "no revocation list is configured" :
		found.current             ? "not revoked" :
					    "not revoked in a list that was out of date");
	return true;
}
