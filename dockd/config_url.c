#include "config_url.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static const char url_shape[] = "http://HOST/... or https://HOST/..., printable ASCII, no '#'";
static const char in_url[] = "no user or password in it: credentials belong in a file of their own";

/* A URL in its parts: tail is what follows the host. */
struct parts {
	bool plain, bracketed;
	char host[256];
	const char *tail;
};

/* NULL, or what is wrong. */
static const char *take_apart(const char *url, struct parts *p)
{
	struct in6_addr v6;
	const char *at;
	size_t n;

	p->plain = strncmp(url, "http://", 7) == 0;
	if (!p->plain && !config_url_is_https(url))
		return url_shape;
	for (at = url; *at; at++) {
		if (*at <= ' ' || *at > '~' || *at == '#')
			return url_shape;
	}
	at = url + (p->plain ? 7 : 8);
	if (memchr(at, '@', strcspn(at, "/?")))
		return in_url;
	p->bracketed = *at == '[';
	at += p->bracketed;
	n = strcspn(at, p->bracketed ? "]" : ":/?");
	if (n == 0 || n >= sizeof(p->host))
		return url_shape;
	memcpy(p->host, at, n);
	p->host[n] = '\0';
	if (p->bracketed && (at[n] != ']' || inet_pton(AF_INET6, p->host, &v6) != 1))
		return url_shape;
	p->tail = at + n + p->bracketed;
	return NULL;
}

/* Past the port in front of tail, "" or another one; NULL: there is none that can be. */
static const char *past_port(const char *tail)
{
	size_t n;

	if (*tail != ':')
		return tail;
	n = strspn(++tail, "0123456789");
	return n < 1 || n > 5 || strtoul(tail, NULL, 10) - 1 >= 65535 ? NULL : tail + n;
}

static bool is_loopback(const char *host)
{
	struct in_addr v4;
	struct in6_addr v6;

	if (strcmp(host, "localhost") == 0)
		return true;
	if (inet_pton(AF_INET, host, &v4) == 1)
		return (ntohl(v4.s_addr) >> 24) == 127;
	return inet_pton(AF_INET6, host, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

const char *config_url_trouble(const char *url, bool allow_http)
{
	struct parts p;
	const char *trouble = take_apart(url, &p), *tail;

	if (trouble)
		return trouble;
	tail = past_port(p.tail);
	if (!tail || (*tail != '\0' && *tail != '/' && *tail != '?'))
		return url_shape;
	if (p.plain && !allow_http && !is_loopback(p.host))
		return "https://; plain http only to this machine, unless allow-http = true";
	return NULL;
}

const char *config_endpoint_trouble(const char *url, bool allow_http)
{
	const char *trouble = config_url_trouble(url, allow_http);
	const char *host;

	if (trouble)
		return trouble;
	host = strstr(url, "://") + 3;
	host += strcspn(host, "/?");
	if (strcmp(host, "") != 0 && strcmp(host, "/") != 0)
		return "the server alone, https://HOST:PORT: bucket and prefix are settings of "
		       "their own";
	return NULL;
}

const char *config_proxy_trouble(const char *url)
{
	static const char shape[] = "http://HOST:PORT";
	struct parts p;
	const char *trouble = take_apart(url, &p), *tail;

	if (trouble)
		return trouble == in_url ? "no user or password in it: they belong in proxy-file" :
					   shape;
	tail = *p.tail == ':' ? past_port(p.tail) : NULL;
	return p.plain && tail && *tail == '\0' ? NULL : shape;
}

bool config_url_is_https(const char *url)
{
	return strncmp(url, "https://", 8) == 0;
}

bool config_url_is_numeric(const char *url)
{
	struct parts p;
	struct in_addr v4;

	return !take_apart(url, &p) && (p.bracketed || inet_pton(AF_INET, p.host, &v4) == 1);
}
