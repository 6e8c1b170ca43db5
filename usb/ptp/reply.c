#include "reply.h"

#define EMPTIES_MAX 4 /* zero-length transfers in one transaction */

void reply_begin(struct reply *r, uint16_t operation, uint32_t transaction, uint64_t payload_max,
    bool exact, bool ignore_headers)
{
	*r = (struct reply){
		.operation = operation,
		.transaction = transaction,
		.payload_max = payload_max,
		.exact = exact,
		.ignore_headers = ignore_headers,
	};
}

static const char *take_response(struct reply *r, const uint8_t *bytes, size_t len)
{
	struct buf b = buf_of(bytes, len);
	struct ptp_head head;
	size_t rest;

	if (!ptp_head_read(&b, &head))
		return "response shorter than its head";
	if (head.type != PTP_RESPONSE)
		return "no response where one was due";
	if (!r->ignore_headers && head.transaction != r->transaction)
		return "response to another transaction";
	if (head.length < PTP_HEAD_BYTES || head.length > len)
		return "response of an impossible length";
	/* uMTP-Responder 1.3.10 tells 13 bytes for SessionAlreadyOpen: whole parameters count. */
	rest = (head.length - PTP_HEAD_BYTES) / 4;
	r->param_count = rest > PTP_PARAMS ? PTP_PARAMS : (unsigned)rest;
	for (unsigned i = 0; i < r->param_count; i++)
		r->params[i] = buf_u32(&b);
	r->code = head.code;
	r->phase = REPLY_DONE;
	return NULL;
}

static const char *take_data_head(struct reply *r, const struct ptp_head *head)
{
	uint64_t asked = PTP_HEAD_BYTES + r->payload_max;

	if (!r->ignore_headers &&
	    (head->transaction != r->transaction || head->code != r->operation))
		return "data of another transaction";
	if (head->length < PTP_HEAD_BYTES)
		return "data of an impossible length";
	r->had_data = true;
	r->phase = REPLY_PAYLOAD;
	if (r->exact && asked > UINT32_MAX) {
		r->unknown = true;
		r->total_bytes = asked;
	} else if (head->length == PTP_LENGTH_UNKNOWN) {
		r->unknown = true;
		if (!r->exact)
			return "data without a length";
		r->total_bytes = asked;
	} else if (head->length > asked) {
		return "more data than was asked for";
	} else {
		r->total_bytes = head->length;
	}
	return NULL;
}

/* What lies behind the payload in the same transfer. */
static const char *take_surplus(struct reply *r, const uint8_t *bytes, size_t len)
{
	r->phase = REPLY_RESPONSE;
	if (len <= 1) /* a byte in place of a zero-length packet (libmtp: NO_ZERO_READS) */
		return NULL;
	if (len < PTP_HEAD_BYTES)
		return "more data than its head told";
	return take_response(r, bytes, len);
}

const char *reply_feed(
    struct reply *r, const uint8_t *bytes, size_t len, bool ended, struct reply_piece *piece)
{
	const uint8_t *at = bytes;
	size_t left = len;
	uint64_t due;

	*piece = (struct reply_piece){ NULL, 0 };
	if (r->phase == REPLY_DONE)
		return "bytes behind the response";
	if (len == 0) {
		if (++r->empties > EMPTIES_MAX)
			return "nothing but empty packets";
		if (r->phase == REPLY_PAYLOAD && r->payload_bytes > 0) {
			r->short_data = r->payload_bytes + PTP_HEAD_BYTES < r->total_bytes;
			r->phase = REPLY_RESPONSE;
		}
		return NULL;
	}
	if (r->phase == REPLY_RESPONSE) {
		if (len == 1 && r->had_data)
			return ++r->empties > EMPTIES_MAX ? "nothing but single bytes" : NULL;
		return take_response(r, bytes, len);
	}
	if (r->phase == REPLY_BEGIN) {
		struct buf b = buf_of(bytes, len);
		struct ptp_head head;
		const char *wrong;

		if (!ptp_head_read(&b, &head))
			return "answer shorter than a head";
		if (head.type == PTP_RESPONSE)
			return take_response(r, bytes, len);
		if (head.type != PTP_DATA)
			return "neither data nor a response";
		wrong = take_data_head(r, &head);
		if (wrong)
			return wrong;
		at += PTP_HEAD_BYTES;
		left -= PTP_HEAD_BYTES;
		if (left == 0 && r->total_bytes > PTP_HEAD_BYTES)
			return NULL; /* the head came alone */
	}
	due = r->total_bytes - PTP_HEAD_BYTES - r->payload_bytes;
	if (left > due) {
		piece->bytes = at;
		piece->len = (size_t)due;
		r->payload_bytes += due;
		return take_surplus(r, at + due, left - (size_t)due);
	}
	piece->bytes = at;
	piece->len = left;
	r->payload_bytes += left;
	if (left == due) {
		r->phase = REPLY_RESPONSE;
	} else if (ended) {
		r->short_data = true;
		r->phase = REPLY_RESPONSE;
	}
	return NULL;
}
