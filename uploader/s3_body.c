#include "s3_body.h"

#include "facts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define XMLNS "http://s3.amazonaws.com/doc/2006-03-01/"

struct sheet {
	char *out;
	size_t size, used;
	bool full;
};

static void put(struct sheet *s, const char *text)
{
	size_t len = strlen(text);

	s->full = s->full || len >= s->size - s->used;
	if (s->full)
		return;
	memcpy(s->out + s->used, text, len + 1);
	s->used += len;
}

/* As the text of an element (XML 1.0, 2.4); what XML cannot have at all is not in an ETag. */
static void put_escaped(struct sheet *s, const char *text)
{
	for (; *text; text++) {
		char one[2] = { *text, '\0' };

		put(s,
		    *text == '&'     ? "&amp;" :
			*text == '<' ? "&lt;" :
			*text == '>' ? "&gt;" :
			*text == '"' ? "&quot;" :
				       one);
	}
}

int s3_complete_body(const struct s3_part *parts, size_t n, char *out, size_t size)
{
	struct sheet s = { .out = out, .size = size, .full = size == 0 };

	put(&s, "<CompleteMultipartUpload xmlns=\"" XMLNS "\">");
	for (size_t i = 0; i < n; i++) {
		char text[64];

		snprintf(
		    text, sizeof(text), "<Part><PartNumber>%u</PartNumber><ETag>", parts[i].number);
		put(&s, text);
		put_escaped(&s, parts[i].etag);
		put(&s, "</ETag></Part>");
	}
	put(&s, "</CompleteMultipartUpload>");
	return s.full ? -ENOSPC : (int)s.used;
}

int s3_legal_hold_body(bool on, char *out, size_t size)
{
	int n = snprintf(out, size,
	    "<LegalHold xmlns=\"" XMLNS "\"><Status>%s</Status></LegalHold>", on ? "ON" : "OFF");

	return n > 0 && (size_t)n < size ? n : -ENOSPC;
}

int s3_mark_body(const char *station, const char *asset, char *out, size_t size)
{
	int n = snprintf(out, size, "station %s preserves asset %s\n", station, asset);

	return n > 0 && (size_t)n < size ? n : -ENOSPC;
}

int s3_retention_body(enum lock_mode mode, int64_t until_s, char *out, size_t size)
{
	char until[FACTS_TIME_LEN];
	int n;

	facts_time(until_s, until);
	n = snprintf(out, size,
	    "<Retention xmlns=\"" XMLNS "\"><Mode>%s</Mode><RetainUntilDate>%s</RetainUntilDate>"
	    "</Retention>",
	    mode == LOCK_COMPLIANCE ? "COMPLIANCE" : "GOVERNANCE", until);
	return n > 0 && (size_t)n < size ? n : -ENOSPC;
}
