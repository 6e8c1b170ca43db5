#include "certificate.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <time.h>

/* ASN.1 times are UTC (RFC 5280 section 4.1.2.5). */
static bool seconds_of(const ASN1_TIME *t, int64_t *out)
{
	struct tm tm = { 0 };

	if (!t || ASN1_TIME_to_tm(t, &tm) != 1)
		return false;
	*out = (int64_t)timegm(&tm);
	return true;
}

static bool times_of(const X509 *x, int64_t *not_before_s, int64_t *not_after_s)
{
	return x && seconds_of(X509_get0_notBefore(x), not_before_s) &&
	    seconds_of(X509_get0_notAfter(x), not_after_s);
}

void certificate_take(struct certificate *c, int64_t not_before_s, int64_t not_after_s)
{
	if (c->known && c->not_before_s == not_before_s && c->not_after_s == not_after_s)
		return;
	*c = (struct certificate){
		.known = true, .not_before_s = not_before_s, .not_after_s = not_after_s
	};
}

int certificate_read(const char *path, bool last, struct certificate *out)
{
	int64_t from_s, until_s, best_from_s = 0, best_s = 0;
	BIO *file = BIO_new_file(path, "r");
	bool some = false;

	if (!file)
		return -ENOENT;
	for (unsigned i = 0; i < (last ? CERTIFICATE_FILE_MAX : 1); i++) {
		X509 *x = PEM_read_bio_X509(file, NULL, NULL, NULL);

		if (!x)
			break;
		if (times_of(x, &from_s, &until_s) && (!some || until_s > best_s)) {
			some = true;
			best_from_s = from_s;
			best_s = until_s;
		}
		X509_free(x);
	}
	BIO_free(file);
	ERR_clear_error(); /* the end of the file is one */
	if (!some)
		return -ENOENT;
	certificate_take(out, best_from_s, best_s);
	return 0;
}

/* ---- the server's ---- */

static int place = -1; /* of struct certificate in an SSL_CTX */

/* Looks on, and lets OpenSSL's judgement stand. */
static int verified(int good, X509_STORE_CTX *store)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct certificate *server = ssl ? SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), place) : NULL;
	int64_t from_s, until_s;

	if (server && times_of(X509_STORE_CTX_get0_cert(store), &from_s, &until_s))
		certificate_take(server, from_s, until_s);
	return good;
}

static CURLcode on_context(CURL *easy, void *context, void *arg)
{
	SSL_CTX *ctx = context;

	(void)easy;
	if (place < 0)
		place = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, NULL);
	if (place >= 0 && SSL_CTX_set_ex_data(ctx, place, arg) == 1)
		SSL_CTX_set_verify(ctx, SSL_CTX_get_verify_mode(ctx), verified);
	return CURLE_OK;
}

void certificate_watch(CURL *easy, struct certificate *server)
{
	(void)curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, server);
	(void)curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, on_context);
}
