#include "tus.h"

#include "facts.h"
#include "server.h"

#include "../dockd/base/log.h"

#include <string.h>
#include <time.h>

static bool has(const struct transfer *t, uint32_t flag)
{
	return (t->dest->conf.flags & flag) != 0;
}

/* ---- read back ---- */

static enum act_result get(struct transfer *t)
{
	struct http_request q = { .method = "GET",
		.url = t->address,
		.digest_max_bytes = t->upload.size_bytes,
		.timeout_ms = t->dest->conf.answer_ms };
	struct tus_upload *u = t->own;

	if (EVP_DigestInit_ex(u->back, EVP_sha256(), NULL) != 1 ||
	    !http_header(&q.headers, "Cache-Control: no-cache"))
		return transfer_fail(t, UPLOAD_LATER, "no memory");
	q.digest = u->back;
	return tus_ask(t, &q);
}

enum act_result tus_read_back(struct transfer *t, enum tus_verdict *v)
{
	struct tus_upload *u = t->own;
	enum act_result result = ACT_ASK;
	struct tus_reply r;

	*v = 0;
	if (!u->asked)
		return get(t);
	if (server_gives_more(t->http, t->upload.size_bytes)) {
		u->asked = false;
		*v = TUS_GOOD;
	} else {
		*v = tus_judge(t, TUS_GET, &r, &result);
	}
	return *v == TUS_GOOD ? server_gave_back(t, u->back) : result;
}

/* ---- the signed receipt ---- */

static enum act_result get_note(struct transfer *t)
{
	struct http_request q = { .method = "GET", .timeout_ms = t->dest->conf.answer_ms };
	struct tus_upload *u = t->own;
	char url[PROTO_ADDRESS_LEN + sizeof(t->dest->conf.receipt_path)];

	if (tus_receipt_url(t->address, t->dest->conf.receipt_path, url, sizeof(url)) < 0)
		return transfer_fail(t, UPLOAD_LATER, "the upload's URL is too long for a receipt");
	q.url = url;
	q.text = u->note;
	q.text_room = sizeof(u->note);
	if (!http_header(&q.headers, "Cache-Control: no-cache") ||
	    !http_header(&q.headers, "Accept: text/plain") ||
	    !http_header(&q.headers, "Dockd-Station: %s", t->dest->station))
		return transfer_fail(t, UPLOAD_LATER, "no memory");
	return tus_ask(t, &q);
}

/* Not a byte of it is understood here: it is the core's to have it checked. */
static enum act_result keep_note(struct transfer *t)
{
	const struct tus_upload *u = t->own;
	struct proto_receipt *p = &t->receipt;
	size_t len = (size_t)t->http->got_bytes;

	if (!tus_note_is_text(u->note, len))
		return transfer_fail(t, UPLOAD_LATER,
		    "what the server gives as a receipt is empty or not UTF-8 text");
	memcpy(p->raw, u->note, len);
	p->raw_len = (uint32_t)len;
	p->level = LEVEL_SIGNED;
	p->length_bytes = t->job == MSG_UPLOAD ? t->offset_bytes : t->upload.size_bytes;
	memset(p->sha256, 0, sizeof(p->sha256));
	return ACT_DONE;
}

_Static_assert(TUS_NOTE_MAX == sizeof(((struct proto_receipt *)0)->raw), "the note goes into raw");

enum act_result tus_take_note(struct transfer *t, enum tus_verdict *v)
{
	struct tus_upload *u = t->own;
	enum act_result result;
	struct tus_reply r;

	*v = 0;
	if (!u->asked)
		return get_note(t);
	if (server_gives_more(t->http, sizeof(u->note))) {
		u->asked = false;
		return transfer_fail(t, UPLOAD_LATER,
		    "what the server gives as a receipt is longer than %zu bytes", sizeof(u->note));
	}
	*v = tus_judge(t, TUS_NOTE, &r, &result);
	if (*v == TUS_GOOD)
		return keep_note(t);
	/* A receipt that is refused holds up erasing, not the uploads. */
	if (result == ACT_FAILED && t->failed.failure == UPLOAD_DESTINATION && *v != 0)
		t->failed.failure = UPLOAD_LATER;
	return result;
}

/* ---- the stored digest ---- */

static enum act_result ask_stored(struct transfer *t, enum tus_verdict *v)
{
	struct tus_upload *u = t->own;
	enum act_result result;
	struct tus_reply r;

	*v = 0;
	if (!u->asked)
		return tus_ask_head(t, true);
	*v = tus_judge(t, TUS_HEAD, &r, &result);
	if (*v != TUS_GOOD)
		return result;
	if (!r.has_digest) {
		log_warn("no-stored-digest", "slot=%u text=\"the server states no Repr-Digest\"",
		    t->slot);
		return ACT_AGAIN;
	}
	memcpy(t->receipt.sha256, r.digest, sizeof(t->receipt.sha256));
	t->receipt.level = LEVEL_STORED_DIGEST;
	t->receipt.length_bytes = r.offset_bytes;
	return ACT_DONE;
}

/* ---- finish ---- */

static enum act_result plain(struct transfer *t)
{
	struct tus_upload *u = t->own;
	struct proto_receipt *p = &t->receipt;

	p->level = LEVEL_LENGTH;
	p->length_bytes = t->offset_bytes;
	if (!u->all_checked || t->upload.size_bytes == 0)
		return ACT_DONE;
	if (EVP_DigestFinal_ex(u->sent, p->sha256, NULL) != 1)
		return transfer_fail(t, UPLOAD_LATER, "the digest failed");
	if (memcmp(p->sha256, t->upload.sha256, sizeof(p->sha256)) != 0)
		return transfer_fail(t, UPLOAD_SOURCE,
		    "the bytes sent have another digest than the clip had when it was checked");
	p->level = LEVEL_TRANSFER_DIGEST;
	return ACT_DONE;
}

/* The next proof that the configuration asks for. Other bytes there are the core's to judge. */
static enum act_result next_proof(struct transfer *t)
{
	struct tus_upload *u = t->own;
	bool some = t->receipt.level != LEVEL_NONE;

	if (u->step < STEP_BACK && has(t, DESTINATION_READ_BACK))
		u->step = STEP_BACK;
	else if (u->step < STEP_STORED && has(t, DESTINATION_STORED_DIGEST) && !some)
		u->step = STEP_STORED;
	else if (some && !server_has_it(t))
		return ACT_DONE;
	else if (u->step < STEP_NOTE && has(t, DESTINATION_RECEIPTS) && !facts_is_side(&t->upload))
		u->step = STEP_NOTE;
	else
		return some ? ACT_DONE : plain(t);
	return ACT_AGAIN;
}

enum act_result tus_finish(struct transfer *t)
{
	struct tus_upload *u = t->own;
	enum tus_verdict v = 0;
	enum act_result r;

	if (u->step == STEP_NONE) {
		server_words(t);
		return next_proof(t);
	}
	if (u->step == STEP_NOTE)
		return tus_take_note(t, &v);
	r = u->step == STEP_BACK ? tus_read_back(t, &v) : ask_stored(t, &v);
	if (v == TUS_REFUSED || v == TUS_DESTINATION) {
		log_warn("not-read-back", "slot=%u status=%u text=\"%s\"", t->slot,
		    t->failed.http_status, log_text(t->failed.text));
		return next_proof(t);
	}
	return v == TUS_GOOD && (r == ACT_DONE || r == ACT_AGAIN) ? next_proof(t) : r;
}
