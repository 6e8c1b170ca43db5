/*
 * config_url: whether addresses of servers are good, and what is wrong with them; pure.
 *
 * Called by config_destination while it reads dockd.conf; the uploader takes addresses apart with
 * libcurl's own means. Source: RFC 3986 section 3.
 */
#ifndef DOCKD_CONFIG_URL_H
#define DOCKD_CONFIG_URL_H

#include <stdbool.h>

/*
 * What is wrong with a destination's URL, or NULL. No user and password in it: it is logged and
 * shown. Plain http goes to this machine only, unless allowed.
 */
const char *config_url_trouble(const char *url, bool allow_http);

/* The same for where an S3 server is: a URL that ends with the host, its port, or one '/'. */
const char *config_endpoint_trouble(const char *url, bool allow_http);

/* The same for a forward proxy: "http://HOST:PORT". */
const char *config_proxy_trouble(const char *url);

bool config_url_is_https(const char *url);
/* Whether the host is a number (IPv4 or IPv6), which nothing can be put in front of. */
bool config_url_is_numeric(const char *url);

#endif
