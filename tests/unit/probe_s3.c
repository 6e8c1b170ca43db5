/*
 * probe_s3: a request as s3_sign signs it, for a test to compare with somebody else's signature. On
 * standard input, a field a line: method, endpoint, bucket, "path" or "host", key, region, time,
 * access key, secret key, token, hex digest of the body, then "?NAME=VALUE" and "NAME:VALUE" lines.
 * Tells the URL, the headers that are to be sent, and the Authorization value.
 */
#include "../../uploader/s3_request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char line[8192];

static const char *next(void)
{
	if (!fgets(line, sizeof(line), stdin))
		return NULL;
	line[strcspn(line, "\n")] = '\0';
	return line;
}

static void field(char *out, size_t size)
{
	const char *text = next();

	if (!text || (size_t)snprintf(out, size, "%s", text) >= size)
		exit(2);
}

static void further(struct s3_request *r)
{
	while (next()) {
		size_t mark = strcspn(line, line[0] == '?' ? "=" : ":");

		if (!line[mark])
			exit(2);
		line[mark] = '\0';
		if (line[0] == '?') {
			struct s3_param *p = &r->param[r->params_n++];

			snprintf(p->name, sizeof(p->name), "%.30s", line + 1);
			snprintf(p->value, sizeof(p->value), "%.1000s", line + mark + 1);
		} else {
			struct s3_header *h = &r->header[r->headers_n++];

			snprintf(h->name, sizeof(h->name), "%.40s", line);
			snprintf(h->value, sizeof(h->value), "%.4000s", line + mark + 1);
		}
	}
}

int main(void)
{
	static struct s3_request r;
	struct proto_destination c = { .driver = DESTINATION_S3 };
	char method[16], style[8], key[S3_KEY_LEN], region[64], time[24], out[S3_SIGNATURE_LEN];
	static char url[8192];
	struct s3_keys keys = { 0 };

	field(method, sizeof(method));
	field(c.where, sizeof(c.where));
	field(c.bucket, sizeof(c.bucket));
	field(style, sizeof(style));
	field(key, sizeof(key));
	field(region, sizeof(region));
	field(time, sizeof(time));
	field(keys.access, sizeof(keys.access));
	field(keys.secret, sizeof(keys.secret));
	field(keys.token, sizeof(keys.token));
	c.flags = strcmp(style, "path") == 0 ? DESTINATION_PATH_STYLE : 0;
	if (s3_head(&c, key, "", &r) < 0)
		return 1;
	r.method = method;
	field(r.payload, sizeof(r.payload));
	further(&r);
	if (s3_sign(&r, &keys, region, strtoll(time, NULL, 10), out) < 0 ||
	    s3_url(&r, url, sizeof(url)) < 0)
		return 1;
	printf("%s\n%s\n%s\n", url, r.host, out);
	return 0;
}
