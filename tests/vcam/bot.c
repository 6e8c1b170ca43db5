#include "bot.h"

#include <errno.h>
#include <string.h>

#include "../../dockd/base/buf.h"
#include "responder.h"

#define CBW_SIGNATURE 0x43425355u
#define CSW_SIGNATURE 0x53425355u

static bool hurt(struct responder *r, enum fault_kind kind)
{
	return faults_take(&r->camera->faults, kind, r->bot.cdb[0], NULL) != NULL;
}

/* The shortest command: UFI and SFF-8070i have packets of 12 bytes. */
static uint8_t command_bytes(const struct responder *r)
{
	const struct identity *id = &r->camera->id;

	return id->class == 8 && (id->subclass == 4 || id->subclass == 5) ? 12 : 1;
}

/* Not a command: both pipes halt until Reset Recovery (6.6.1). */
static void refuse(struct responder *r)
{
	r->stats.bad_commands++;
	r->stats.halts++;
	r->halt_in = r->halt_out = true;
	r->bot.broken = true;
}

static void make_csw(
    struct responder *r, uint8_t csw[CSW_BYTES], uint32_t residue, enum bot_status status)
{
	struct fault *f = faults_take(&r->camera->faults, HURT_BOT_RESIDUE, r->bot.cdb[0], NULL);

	if (hurt(r, HURT_BOT_PHASE))
		status = BOT_PHASE;
	if (status == BOT_PHASE)
		r->camera->disk->phase_errors++;
	buf_put_le(csw, hurt(r, HURT_BOT_SIGNATURE) ? 0x53425354u : CSW_SIGNATURE, 4);
	buf_put_le(csw + 4, r->bot.tag + (hurt(r, HURT_BOT_TAG) ? 1000 : 0), 4);
	r->bot.residue_lies = f != NULL;
	buf_put_le(csw + 8, f ? (uint64_t)f->value & UINT32_MAX : residue, 4);
	csw[12] = (uint8_t)status;
}

/* Queues the CSW. merged: the data that it comes right behind, in one packet with them. */
static void send_csw(
    struct responder *r, uint32_t residue, enum bot_status status, struct transfer *merged)
{
	uint8_t csw[CSW_BYTES];
	struct transfer *t;

	if (hurt(r, HURT_BOT_NO_CSW)) {
		r->silence = UNTIL_REQUEST; /* what it would have said is lost */
		return;
	}
	make_csw(r, csw, residue, status);
	if (hurt(r, HURT_BOT_STALL_CSW)) {
		t = responder_queue(r, NULL, 0);
		t->halt_after = true;
	}
	if (merged && hurt(r, HURT_BOT_MERGED)) {
		responder_grow(merged, csw, sizeof(csw));
		merged->response = true;
		return;
	}
	t = responder_queue(r, csw, sizeof(csw));
	t->response = true;
}

/* Data to the host, of which there are less than, as much as, or more than it wants. */
static void answer_in(struct responder *r, const struct answer *a)
{
	uint64_t have = a->payload ? a->bytes : a->in_len;
	enum bot_status status = a->failed ? BOT_FAILED : BOT_PASSED;
	bool halt = r->camera->disk->stalls;
	struct transfer *t;

	if (have > r->bot.length) { /* case 7 */
		have = r->bot.length;
		status = BOT_PHASE;
	}
	t = responder_queue(r, a->in, a->payload ? 0 : (size_t)have);
	if (a->payload)
		responder_unit(t, a->payload, a->from, have);
	if (have < r->bot.length && (halt || !have)) /* cases 4 and 5 */
		t->halt_after = true;
	else if (have < r->bot.length)
		t->zero_packet = true;
	if (t->halt_after)
		r->stats.halts++;
	send_csw(r, r->bot.length - (uint32_t)have, status, a->payload || t->halt_after ? NULL : t);
}

static void answer(struct responder *r, const struct answer *a)
{
	enum bot_status status = a->failed ? BOT_FAILED : BOT_PASSED;
	bool gives = a->in_len || (a->payload && a->bytes);
	struct bot *b = &r->bot;

	if (a->failed)
		r->camera->disk->checks++;
	if (!b->length) { /* cases 1, 2 and 3 */
		send_csw(r, 0, gives || a->out_len ? BOT_PHASE : status, NULL);
		return;
	}
	if (b->in && a->out_len) { /* case 8 */
		r->stats.halts++;
		responder_queue(r, NULL, 0)->halt_after = true;
		send_csw(r, b->length, BOT_PHASE, NULL);
		return;
	}
	if (b->in) {
		answer_in(r, a);
		return;
	}
	if (a->out_len > b->length || gives) /* cases 13 and 10 */
		status = BOT_PHASE;
	if (r->camera->disk->stalls) { /* cases 9 and 10, and the rest of 11 */
		r->halt_out = true;
		r->stats.halts++;
		send_csw(r, b->length, status, NULL);
		return;
	}
	b->take = b->length;
	b->discard = true;
	b->status = status;
}

static void run(struct responder *r)
{
	struct bot *b = &r->bot;
	struct answer a = { 0 };

	scsi_run(r, &a);
	if (!a.failed && !b->in && a.out_len && a.out_len <= b->length &&
	    a.out_len <= sizeof(b->out)) { /* cases 11 and 12 */
		b->take = b->wanted = a.out_len;
		b->discard = false;
		b->out_len = 0;
		return;
	}
	answer(r, &a);
}

/* Bytes of the data-out phase. */
static int take_data(struct responder *r, const uint8_t *data, size_t len)
{
	struct answer a = { 0 };
	struct bot *b = &r->bot;
	uint32_t n = len < b->take ? (uint32_t)len : b->take;

	if (!b->discard) {
		memcpy(b->out + b->out_len, data, n);
		b->out_len += n;
	}
	b->take -= n;
	if (b->take)
		return 0;
	if (b->discard) {
		send_csw(r, b->length, b->status, NULL);
		return 0;
	}
	scsi_data(r, &a);
	if (a.failed)
		r->camera->disk->checks++;
	if (b->length > b->wanted && len < b->length && r->camera->disk->stalls) /* case 11 */
		r->halt_out = true;
	send_csw(r, b->length - b->wanted, a.failed ? BOT_FAILED : BOT_PASSED, NULL);
	return 0;
}

int bot_out(struct responder *r, const uint8_t *data, size_t len)
{
	struct buf c = buf_of(data, len);
	struct bot *b = &r->bot;
	uint32_t signature;
	uint8_t flags, size;

	if (b->broken) { /* a controller of its own has let the host clear the halts */
		refuse(r);
		return 0;
	}
	if (b->take)
		return take_data(r, data, len);
	if (r->busy)
		return -EAGAIN;
	signature = buf_u32(&c);
	b->tag = buf_u32(&c);
	b->length = buf_u32(&c);
	flags = buf_u8(&c);
	b->lun = buf_u8(&c);
	size = buf_u8(&c);
	/* valid and meaningful: 6.2 */
	if (len != CBW_BYTES || signature != CBW_SIGNATURE || (flags & 0x7f) || b->lun > 15 ||
	    size < command_bytes(r) || size > 16) {
		refuse(r);
		return 0;
	}
	memset(b->cdb, 0, sizeof(b->cdb));
	memcpy(b->cdb, data + 15, size);
	b->in = (flags & 0x80) != 0;
	r->busy = true;
	if (!responder_command(r, b->cdb[0]))
		run(r);
	return 0;
}

void bot_reset(struct responder *r)
{
	r->bot.broken = false;
	r->bot.take = 0;
	r->camera->disk->resets++;
	disk_attention(r->camera->disk, 0x29, 0x00);
}

int bot_max_lun(struct responder *r)
{
	struct fault *f = faults_take(&r->camera->faults, HURT_BOT_MAX_LUN, 0, NULL);

	if (f)
		return f->value < 0 ? -EPIPE : (int)(f->value & 0xff);
	return (int)r->camera->disk->units - 1;
}

void bot_cut(struct responder *r, struct transfer *t, enum bot_status status)
{
	struct transfer *csw = t->next;
	uint64_t rest = t->total - t->done;
	struct buf b;

	t->total = t->done;
	while (csw && !csw->response)
		csw = csw->next;
	if (!csw || r->bot.residue_lies)
		return;
	b = buf_of(csw->head + 8, 4);
	buf_put_le(csw->head + 8, buf_u32(&b) + rest, 4);
	if (csw->head[12] == BOT_PASSED)
		csw->head[12] = (uint8_t)status;
}
