#include "tus_address.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

struct place {
	char *scheme, *host, *port;
};

static void place_free(struct place *p)
{
	curl_free(p->scheme);
	curl_free(p->host);
	curl_free(p->port);
}

static int place_of(CURLU *u, struct place *p)
{
	memset(p, 0, sizeof(*p));
	if (curl_url_get(u, CURLUPART_SCHEME, &p->scheme, 0) ||
	    curl_url_get(u, CURLUPART_HOST, &p->host, 0) ||
	    curl_url_get(u, CURLUPART_PORT, &p->port, CURLU_DEFAULT_PORT))
		return -EINVAL;
	if (strcasecmp(p->scheme, "http") != 0 && strcasecmp(p->scheme, "https") != 0)
		return -EINVAL;
	return 0;
}

static bool has_user(CURLU *u)
{
	char *text = NULL;
	bool has = curl_url_get(u, CURLUPART_USER, &text, 0) == CURLUE_OK;

	curl_free(text);
	if (!has)
		has = curl_url_get(u, CURLUPART_PASSWORD, &text, 0) == CURLUE_OK;
	else
		return true;
	curl_free(text);
	return has;
}

/* No port, or the default one of its own scheme, says nothing: a proxy may have lost it. */
static bool same_place(const struct place *there, const struct place *here)
{
	bool plain = strcasecmp(there->scheme, "http") == 0;

	if (strcasecmp(there->host, here->host) != 0)
		return false;
	return strcmp(there->port, here->port) == 0 ||
	    strcmp(there->port, plain ? "80" : "443") == 0;
}

static int pin(CURLU *u, const struct place *here, char *out, size_t size)
{
	char *text = NULL;
	int err = -EINVAL;

	if (curl_url_set(u, CURLUPART_SCHEME, here->scheme, 0) ||
	    curl_url_set(u, CURLUPART_HOST, here->host, 0) ||
	    curl_url_set(u, CURLUPART_PORT, here->port, 0) ||
	    curl_url_set(u, CURLUPART_FRAGMENT, NULL, 0) ||
	    curl_url_get(u, CURLUPART_URL, &text, CURLU_NO_DEFAULT_PORT))
		goto out;
	err = -ENAMETOOLONG;
	if (strlen(text) >= size)
		goto out;
	memcpy(out, text, strlen(text) + 1);
	err = 0;
out:
	curl_free(text);
	return err;
}

int tus_location(const char *creation_url, const char *location, char *out, size_t size)
{
	struct place here = { 0 }, there = { 0 };
	CURLU *base = curl_url();
	CURLU *u = NULL;
	int err = -ENOMEM;

	if (!base)
		return err;
	err = -EINVAL;
	if (curl_url_set(base, CURLUPART_URL, creation_url, 0) || place_of(base, &here) ||
	    has_user(base))
		goto out;
	for (const char *p = location; *p; p++) {
		if ((unsigned char)*p <= 0x20 || *p == 0x7f || *p == '\\')
			goto out;
	}
	u = curl_url_dup(base);
	if (!u || curl_url_set(u, CURLUPART_URL, location, 0) || place_of(u, &there) || has_user(u))
		goto out;
	err = same_place(&there, &here) ? pin(u, &here, out, size) : -EXDEV;
out:
	place_free(&here);
	place_free(&there);
	curl_url_cleanup(u);
	curl_url_cleanup(base);
	return err;
}

int tus_receipt_url(const char *address, const char *path, char *out, size_t size)
{
	size_t at = strcspn(address, "?");
	int n;

	while (at > 0 && address[at - 1] == '/')
		at--;
	n = snprintf(
	    out, size, "%.*s%s%s", (int)at, address, path, address + strcspn(address, "?"));
	return n > 0 && (size_t)n < size ? 0 : -ENAMETOOLONG;
}

#define FIND_ASSET "{asset}"
#define FIND_ID_LEN 64

int tus_find_url(
    const char *creation_url, const char *find_path, const char *asset, char *out, size_t size)
{
	char base[PROTO_ADDRESS_LEN + 1];
	char path[PROTO_ADDRESS_LEN];
	const char *at = strstr(find_path, FIND_ASSET);
	size_t len = strcspn(creation_url, "?#");
	int n;

	if (!at || strlen(asset) != FIND_ID_LEN || strspn(asset, "0123456789abcdef") != FIND_ID_LEN)
		return -EINVAL;
	while (len > 0 && creation_url[len - 1] == '/')
		len--;
	if (len >= PROTO_ADDRESS_LEN)
		return -ENAMETOOLONG;
	snprintf(base, sizeof(base), "%.*s/", (int)len, creation_url);
	n = snprintf(path, sizeof(path), "%.*s%s%s", (int)(at - find_path), find_path, asset,
	    at + sizeof(FIND_ASSET) - 1);
	if (n < 0 || (size_t)n >= sizeof(path))
		return -ENAMETOOLONG;
	return tus_location(base, path, out, size);
}
