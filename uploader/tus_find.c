#include "tus.h"

#include <errno.h>
#include <string.h>

static enum act_result ask(struct transfer *t, const char *url)
{
	struct http_request q = { .method = "HEAD", .url = url, .timeout_ms = TUS_HEAD_MS };

	if (!http_header(&q.headers, "Cache-Control: no-cache") ||
	    !http_header(&q.headers, "Dockd-Station: %s", t->dest->station))
		return transfer_fail(t, UPLOAD_LATER, "no memory");
	return tus_ask(t, &q);
}

static enum act_result another(struct transfer *t, const struct tus_reply *r)
{
	transfer_state(t, "found-differs");
	return transfer_fail(t, UPLOAD_REFUSED,
	    "find-path answers with another asset, or one of another length: offset %llu, length "
	    "%llu, clip %llu",
	    (unsigned long long)r->offset_bytes, (unsigned long long)r->length_bytes,
	    (unsigned long long)t->upload.size_bytes);
}

/* Where it is: as the server says, or where it was found. */
static enum act_result take_address(struct transfer *t, const struct tus_reply *r, const char *url)
{
	const char *where = r->has_content_location ? r->content_location :
	    r->has_location                         ? r->location :
						      url;

	if (tus_location(url, where, t->address, sizeof(t->address)) == 0)
		return ACT_DONE;
	t->address[0] = '\0';
	transfer_state(t, "location");
	return transfer_fail(t, UPLOAD_REFUSED,
	    "find-path names another host, or no usable URL; nothing is sent there: %.120s", where);
}

enum act_result tus_find(struct transfer *t)
{
	struct tus_upload *u = t->own;
	char url[PROTO_ADDRESS_LEN];
	enum act_result result;
	enum tus_verdict v;
	struct tus_reply r;

	if (tus_find_url(t->dest->conf.where, t->dest->conf.find_path, t->upload.asset, url,
		sizeof(url)) < 0) {
		transfer_state(t, "find-path");
		return transfer_fail(t, UPLOAD_REFUSED, "its asset id fits into no find-path");
	}
	if (!u->asked)
		return ask(t, url);
	v = tus_judge(t, TUS_FIND, &r, &result);
	if (v == TUS_GONE) {
		u->sought = true;
		return ACT_AGAIN;
	}
	/* What is wrong with the question is no fault of this asset. */
	if (v == TUS_REFUSED)
		t->failed.failure = UPLOAD_DESTINATION;
	if (v != TUS_GOOD)
		return result;
	if (r.length_bytes != t->upload.size_bytes || r.offset_bytes > r.length_bytes ||
	    !tus_is_same(t, &r))
		return another(t, &r);
	result = take_address(t, &r, url);
	if (result != ACT_DONE)
		return result;
	t->found = true;
	result = tus_begin_at(t, r.offset_bytes);
	t->offset_known = r.has_offset;
	return result;
}
