#include "wrapper.h"

#define COMMAND_SIGNATURE 0x43425355u /* "USBC" */
#define STATUS_SIGNATURE 0x53425355u  /* "USBS" */
#define EMPTIES_MAX 2u /* zero-length packets before the status that are passed over */

void wrapper_command(uint8_t out[WRAPPER_COMMAND_BYTES], uint32_t tag, uint32_t len, bool in,
    unsigned lun, const uint8_t *cdb, size_t cdb_len)
{
	if (cdb_len > WRAPPER_CDB_MAX)
		cdb_len = WRAPPER_CDB_MAX;
	memset(out, 0, WRAPPER_COMMAND_BYTES);
	buf_put_le(out, COMMAND_SIGNATURE, 4);
	buf_put_le(out + 4, tag, 4);
	buf_put_le(out + 8, len, 4);
	out[12] = in ? 0x80 : 0;
	out[13] = (uint8_t)(lun & 0x0F);
	out[14] = (uint8_t)cdb_len;
	memcpy(out + 15, cdb, cdb_len);
}

bool wrapper_status_read(const uint8_t *bytes, size_t len, uint32_t tag, struct wrapper_status *out)
{
	struct buf b = buf_of(bytes, len);

	if (len != WRAPPER_STATUS_BYTES || buf_u32(&b) != STATUS_SIGNATURE || buf_u32(&b) != tag)
		return false;
	out->residue = buf_u32(&b);
	out->status = buf_u8(&b);
	return true;
}

void exchange_begin(struct exchange *x, uint32_t tag, uint32_t len, bool in)
{
	*x = (struct exchange){
		.tag = tag,
		.len = len,
		.moved = in ? 0 : len,
		.phase = in && len > 0 ? EXCHANGE_DATA : EXCHANGE_STATUS,
	};
}

/* The status is in x->status: what it means (6.5, 6.6; reserved values are no status). */
static enum exchange_next over(struct exchange *x)
{
	if (x->status.status > 1)
		return EXCHANGE_RESET;
	x->phase = EXCHANGE_DONE;
	return EXCHANGE_OVER;
}

/*
 * Whether the transfer ends in this command's status though data was due: alone, or behind the last
 * data. Behind short data only where the residue agrees, as those 13 bytes may be data.
 */
static bool holds_status(const struct exchange *x, const uint8_t *bytes, size_t len,
    struct wrapper_status *status, size_t *data)
{
	uint32_t due = x->len - x->moved;
	size_t before;

	if (len < WRAPPER_STATUS_BYTES)
		return false;
	before = len - WRAPPER_STATUS_BYTES;
	if (before > due ||
	    !wrapper_status_read(bytes + before, WRAPPER_STATUS_BYTES, x->tag, status))
		return false;
	*data = before;
	if (before == due)
		return true;
	return status->residue == due - before || (before == 0 && due != WRAPPER_STATUS_BYTES);
}

static enum exchange_next take_data(
    struct exchange *x, const uint8_t *bytes, size_t len, size_t asked, bool stalled, size_t *data)
{
	uint32_t due = x->len - x->moved;

	if (!stalled && len < asked && holds_status(x, bytes, len, &x->status, data)) {
		x->odd = true;
		x->moved += (uint32_t)*data;
		return over(x);
	}
	*data = len < due ? len : due; /* more than was asked for: passed over */
	x->moved += (uint32_t)*data;
	if (stalled || len < asked || x->moved == x->len)
		x->phase = EXCHANGE_STATUS;
	return stalled ? EXCHANGE_CLEAR_HALT : EXCHANGE_GO_ON;
}

enum exchange_next exchange_take(
    struct exchange *x, const uint8_t *bytes, size_t len, size_t asked, bool stalled, size_t *data)
{
	*data = 0;
	if (x->phase == EXCHANGE_DATA)
		return take_data(x, bytes, len, asked, stalled, data);
	if (x->phase == EXCHANGE_DONE)
		return EXCHANGE_RESET;
	/* figure 2: a stall instead of the status is cleared once, then the status read again */
	if (stalled)
		return x->status_stalls++ ? EXCHANGE_RESET : EXCHANGE_CLEAR_HALT;
	if (len == 0 && x->empties++ < EMPTIES_MAX)
		return EXCHANGE_GO_ON;
	if (!wrapper_status_read(bytes, len, x->tag, &x->status))
		return EXCHANGE_RESET;
	return over(x);
}

uint32_t exchange_valid(const struct exchange *x)
{
	uint32_t processed = x->status.residue < x->len ? x->len - x->status.residue : 0;

	return x->moved < processed ? x->moved : processed;
}
