#include "trust.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/x509_vfy.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PIN_LEN (8u + 44u) /* "sha256//" and the Base64 of 32 bytes */

/* ---- pins ---- */

static bool is_pin(const struct proto_pin *p)
{
	static const uint8_t none[PROTO_SHA256_LEN];

	return memcmp(p->sha256, none, sizeof(none)) != 0;
}

static bool in_force(const struct proto_pin *p, int64_t now_s)
{
	return (p->from_s == PROTO_NO_TIME || p->from_s <= now_s) &&
	    (p->until_s == PROTO_NO_TIME || now_s < p->until_s);
}

int trust_pins(const struct proto_destination *c, int64_t now_s, char *out, size_t size)
{
	size_t at = 0;
	int count = 0;

	if (size == 0)
		return -ENOSPC;
	out[0] = '\0';
	for (size_t i = 0; i < PROTO_PINS && is_pin(&c->pin[i]); i++) {
		if (!in_force(&c->pin[i], now_s))
			continue;
		if (size - at < PIN_LEN + 2)
			return -ENOSPC;
		at += (size_t)snprintf(out + at, size - at, "%ssha256//", count ? ";" : "");
		at += (size_t)EVP_EncodeBlock(
		    (unsigned char *)out + at, c->pin[i].sha256, PROTO_SHA256_LEN);
		count++;
	}
	return count;
}

/* ---- files ---- */

static int readable(struct trust *t, const char *what, const char *name)
{
	char path[4096];
	int err = name[0] ? secret_path(name, path, sizeof(path)) : 0;

	if (err == 0 && name[0] && access(path, R_OK) < 0)
		err = -errno;
	if (err < 0)
		snprintf(t->why, sizeof(t->why), "%s: %.120s: %s", what, name, strerror(-err));
	return err;
}

/* "USER:PASSWORD" in one line; ":" alone: by the ticket that the process holds (Negotiate). */
static int read_proxy(struct trust *t, const char *name)
{
	int err;

	if (!name[0] || (t->proxy.text && !secret_changed(&t->proxy, name)))
		return 0;
	err = secret_read(&t->proxy, name);
	if (err < 0 && t->proxy.text)
		return 0; /* just being replaced: the next request looks again */
	for (size_t n = t->proxy.len;
	     err == 0 && n > 0 && isspace((unsigned char)t->proxy.text[n - 1]);)
		t->proxy.text[--n] = '\0';
	for (const char *p = t->proxy.text; err == 0 && *p; p++) {
		if (iscntrl((unsigned char)*p))
			err = -EINVAL;
	}
	if (err == 0 && !strchr(t->proxy.text, ':'))
		err = -EINVAL;
	if (err == 0)
		return 0;
	snprintf(t->why, sizeof(t->why), "proxy-file: %.120s: %s", name,
	    err == -EINVAL ? "it must be one line, \"USER:PASSWORD\"" : strerror(-err));
	secret_wipe(&t->proxy);
	return err;
}

static int check_proxy(struct trust *t, const struct proto_destination *c)
{
	if (!c->proxy[0] || strncmp(c->proxy, "http://", 7) == 0)
		return c->proxy[0] ? read_proxy(t, c->proxy_file) : 0;
	snprintf(t->why, sizeof(t->why), "proxy: \"%.120s\" is not \"http://HOST:PORT\"", c->proxy);
	return -EINVAL;
}

int trust_check(struct trust *t, const struct proto_destination *c)
{
	int err = readable(t, "ca-file", c->ca_file);

	if (err == 0)
		err = readable(t, "certificate-file", c->certificate_file);
	if (err == 0)
		err = readable(t, "key-file", c->key_file);
	if (err == 0)
		err = check_proxy(t, c);
	if (err == 0 && is_pin(&c->pin[0]) && strncmp(c->where, "https:", 6) != 0) {
		snprintf(
		    t->why, sizeof(t->why), "pins: without https:// there is no key to look at");
		err = -EINVAL;
	}
	return err;
}

/* Whether it is another file than at the request before; later: and there was one before. */
static bool renewed(struct secret *mark, const char *name, bool *later)
{
	if (!name[0] || !secret_changed(mark, name))
		return false;
	*later |= mark->inode != 0;
	secret_mark(mark, name);
	return true;
}

/* For being shown; what is wrong with a file shows when it is used. */
static void read_dates(const char *name, bool last, struct certificate *out)
{
	char path[4096];

	if (secret_path(name, path, sizeof(path)) == 0)
		(void)certificate_read(path, last, out);
}

/* ---- options ---- */

#define SET(option, value) (err = err ? err : curl_easy_setopt(easy, option, value))

static CURLcode set_file(
    struct trust *t, CURL *easy, CURLoption option, const char *what, const char *name)
{
	char path[4096];
	int err;

	if (!name[0])
		return CURLE_OK;
	err = secret_path(name, path, sizeof(path));
	if (err == 0)
		return curl_easy_setopt(easy, option, path);
	snprintf(t->why, sizeof(t->why), "%s: %.120s: %s", what, name, strerror(-err));
	return CURLE_SSL_CERTPROBLEM;
}

/*
 * By what the proxy is told who we are. A body is not to be sent only to learn of a 407: only
 * CONNECT can be asked twice.
 */
static long proxy_auth(const struct trust *t, const struct proto_destination *c)
{
	if (t->proxy.text && strcmp(t->proxy.text, ":") == 0)
		return (long)CURLAUTH_NEGOTIATE;
	return strncmp(c->where, "https:", 6) == 0 ? (long)(CURLAUTH_BASIC | CURLAUTH_DIGEST) :
						     (long)CURLAUTH_BASIC;
}

bool trust_proxy_scheme(
    const struct trust *t, const struct proto_destination *c, long asked, char *why, size_t size)
{
	static const struct {
		long scheme;
		const char *name;
	} all[] = { { (long)CURLAUTH_BASIC, "Basic" }, { (long)CURLAUTH_DIGEST, "Digest" },
		{ (long)CURLAUTH_NEGOTIATE, "Negotiate" }, { (long)CURLAUTH_NTLM, "NTLM" },
		{ (long)CURLAUTH_BEARER, "Bearer" } };
	long given = proxy_auth(t, c);
	char names[2][48] = { "", "" };

	if (asked == 0 || (asked & given))
		return false;
	for (size_t k = 0; k < 2; k++) {
		for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
			size_t used = strlen(names[k]);

			if ((k ? given : asked) & all[i].scheme)
				snprintf(names[k] + used, sizeof(names[k]) - used, "%s%s",
				    used ? ", " : "", all[i].name);
		}
	}
	snprintf(why, size,
	    "the proxy takes a login by %s alone, and what is configured gives %s: have the proxy "
	    "take that from this station, or let it through without",
	    names[0][0] ? names[0] : "what is not known here", names[1]);
	return true;
}

/* Nothing of it from the environment (http_proxy, no_proxy). */
static CURLcode set_proxy(struct trust *t, const struct proto_destination *c, CURL *easy)
{
	CURLcode err = CURLE_OK;

	SET(CURLOPT_NOPROXY, "");
	SET(CURLOPT_PROXY, c->proxy);
	if (err || !c->proxy[0])
		return err;
	if (check_proxy(t, c) < 0)
		return CURLE_COULDNT_RESOLVE_PROXY;
	SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1l);
	/* Some proxies relay what follows on a connection as it is: our password with it. */
	if (strncmp(c->where, "https:", 6) != 0)
		SET(CURLOPT_FORBID_REUSE, 1l);
	if (!t->proxy.text)
		return err;
	SET(CURLOPT_PROXYUSERPWD, t->proxy.text);
	SET(CURLOPT_PROXYAUTH, proxy_auth(t, c));
	return err;
}

static CURLcode set_pins(
    struct trust *t, const struct proto_destination *c, int64_t now_s, CURL *easy)
{
	char pins[sizeof(t->pins)];

	if (!is_pin(&c->pin[0]))
		return CURLE_OK;
	if (trust_pins(c, now_s, pins, sizeof(pins)) <= 0) {
		snprintf(t->why, sizeof(t->why),
		    "no pinned key is in force today: add the server's key to pins, or set the "
		    "clock");
		return CURLE_SSL_PINNEDPUBKEYNOTMATCH;
	}
	if (strcmp(pins, t->pins) != 0) {
		memcpy(t->pins, pins, sizeof(pins));
		t->epoch++;
	}
	return curl_easy_setopt(easy, CURLOPT_PINNEDPUBLICKEY, pins);
}

CURLcode trust_apply(struct trust *t, const struct proto_destination *c, int64_t now_s, CURL *easy)
{
	CURLcode err = CURLE_OK;
	bool later = false;
	bool ca = renewed(&t->ca, c->ca_file, &later);
	bool client = renewed(&t->certificate, c->certificate_file, &later), anew = ca || client;

	t->why[0] = '\0';
	if (ca)
		read_dates(c->ca_file, true, &t->dates[CERTIFICATE_CA]);
	if (client)
		read_dates(c->certificate_file, false, &t->dates[CERTIFICATE_CLIENT]);
	anew |= renewed(&t->key, c->key_file, &later);
	t->epoch += anew;
	if (later)
		t->changed_s = now_s;
	SET(CURLOPT_SSLVERSION,
	    (long)(c->tls_min == 13 ? CURL_SSLVERSION_TLSv1_3 : CURL_SSLVERSION_TLSv1_2));
	SET(CURLOPT_SSL_VERIFYPEER, 1l);
	SET(CURLOPT_SSL_VERIFYHOST, 2l);
	/* Each connection proves both sides anew, with what is on disk then. */
	SET(CURLOPT_SSL_SESSIONID_CACHE, 0l);
	certificate_watch(easy, &t->dates[CERTIFICATE_SERVER]);
	/* With a CA of its own the system's are not asked as well. */
	if (c->ca_file[0])
		SET(CURLOPT_CAPATH, NULL);
	if (!err)
		err = set_file(t, easy, CURLOPT_CAINFO, "ca-file", c->ca_file);
	if (!err)
		err = set_file(t, easy, CURLOPT_SSLCERT, "certificate-file", c->certificate_file);
	if (!err)
		err = set_file(t, easy, CURLOPT_SSLKEY, "key-file", c->key_file);
	if (!err)
		err = set_pins(t, c, now_s, easy);
	return err ? err : set_proxy(t, c, easy);
}

/* ---- words ---- */

static bool says(const char *why, const char *const *texts)
{
	for (; *texts; texts++) {
		if (strstr(why, *texts))
			return true;
	}
	return false;
}

/* OpenSSL's own words for alerts (RFC 8446 section 6.2); none are the server's. */
static const char *word_of_alert(const char *why)
{
	static const char *const version[] = { "protocol version", "unsupported protocol", NULL };
	static const char *const client[] = { "certificate required", "alert bad certificate",
		"alert unsupported certificate", "alert certificate", "alert unknown ca",
		"alert access denied", NULL };
	static const char *const broken[] = { "SSL_ERROR_SYSCALL", "unexpected eof",
		"Connection reset", NULL };

	if (!strstr(why, "SSL") && !strstr(why, "TLS") && !strstr(why, "tls"))
		return "";
	return says(why, version) ? "tls-version" :
	    says(why, client)     ? "tls-client" :
	    says(why, broken)     ? "" :
				    "tls";
}

static const char *word_of_certificate(long verify)
{
	switch (verify) {
	case X509_V_OK: /* libcurl looks at the name itself, and leaves the result as it was */
	case X509_V_ERR_UNSPECIFIED:
	case X509_V_ERR_HOSTNAME_MISMATCH:
	case X509_V_ERR_IP_ADDRESS_MISMATCH:
		return "tls-name";
	case X509_V_ERR_CERT_HAS_EXPIRED:
	case X509_V_ERR_CERT_NOT_YET_VALID:
		return "tls-expired";
	}
	return "tls-untrusted";
}

const char *trust_word(const struct trust_end *e)
{
	switch ((int)e->code) {
	case CURLE_COULDNT_RESOLVE_PROXY:
	case CURLE_PROXY:
		return "proxy";
	case CURLE_COULDNT_RESOLVE_HOST:
		return "dns";
	case CURLE_COULDNT_CONNECT:
	case CURLE_OPERATION_TIMEDOUT:
	case CURLE_INTERFACE_FAILED:
		return e->proxied ? "proxy" : e->oserr == ECONNREFUSED ? "refused" : "unreachable";
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_ISSUER_ERROR:
		return word_of_certificate(e->verify);
	case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
		return "tls-pin";
	case CURLE_SSL_CERTPROBLEM: /* of ours, before anybody has seen it */
		return "tls-key";
	case CURLE_SSL_CLIENTCERT:
		return "tls-client";
	case CURLE_SSL_CACERT_BADFILE:
		return "tls-files";
	case CURLE_SSL_CIPHER:
		return "tls";
	case CURLE_SSL_CONNECT_ERROR:
		return word_of_alert(e->why);
	case CURLE_RECV_ERROR:
	case CURLE_SEND_ERROR:
		if (e->tunnel >= 400)
			return e->tunnel < 500 ? "proxy-refused" : "proxy";
		return strcmp(word_of_alert(e->why), "tls-client") == 0 ? "tls-client" : "";
	}
	return "";
}

const char *trust_text(const char *word)
{
	static const struct {
		const char *word, *text;
	} texts[] = {
		{ "tls-name",
		    "the server's certificate is for another name: correct the URL, or have the "
		    "server's certificate issued for this host" },
		{ "tls-expired",
		    "the server's certificate has expired or is not valid yet: have it renewed, "
		    "and look at the station's clock" },
		{ "tls-untrusted",
		    "the server's certificate is not issued by a CA that is trusted here: check "
		    "ca-file, and whether this is the right server" },
		{ "tls-pin",
		    "the server's key is none of those pinned and in force: if its administrator "
		    "has changed it, add the new one to pins; else do not trust it" },
		{ "tls-client",
		    "the server wants a client certificate that it accepts: check certificate-file "
		    "and key-file, and whether the certificate has expired" },
		{ "tls-key",
		    "certificate-file and key-file are no good together: one is no PEM file, or the "
		    "key is not that certificate's: put the right two there" },
		{ "tls-version",
		    "the server does not speak a TLS version that is allowed here (tls-min): have "
		    "it brought up to date" },
		{ "tls-files", "ca-file holds no certificate: put the CA's PEM file there" },
		{ "tls", "the TLS handshake failed: check port and server" },
		{ "proxy", "the proxy cannot be reached or cannot reach the server: check proxy" },
		{ "proxy-refused",
		    "the proxy refuses: check proxy-file, and whether it lets this station go to "
		    "this host and port" },
		{ "dns", "the server's name is not known: check the URL and the name servers" },
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (strcmp(texts[i].word, word) == 0)
			return texts[i].text;
	}
	return "";
}
