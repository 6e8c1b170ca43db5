/*
 * disk_stream: long stretches of a disk, with READs as large as it takes and the bus never idle.
 *
 * Part of disk. Two halves of buffers by turns: while what one holds is taken, the other fills. A
 * READ that fails is done once more with care, in small ones and at last block by block.
 */
#include "disk_inner.h"

#include "../../dockd/base/log.h"
#include "../../dockd/base/proto_attach.h"

#include <errno.h>
#include <stdlib.h>

#define TROUBLES_MAX 3u /* that a device may have with large READs, once it has done one */

/* A READ under way, or done and not yet taken. */
struct piece {
	uint64_t block;
	uint32_t blocks;
	size_t skip;  /* bytes of it before what was asked for */
	uint64_t len; /* of what was asked for in it */
};

struct stream {
	struct disk *disk;
	const struct disk_range *ranges;
	size_t n, at;  /* the range that comes next */
	uint64_t done; /* of it, asked for already */
	int (*take)(void *arg, const uint8_t *bytes, size_t len);
	void *arg;
};

static uint32_t read_room(const struct disk *d)
{
	return (d->bot->quirks & QUIRK_SMALL_READS) ? DISK_READ_SMALL : d->read_bytes;
}

/* What the next READ asks for. false: there is no more. */
static bool plan(struct stream *s, struct piece *out)
{
	const struct disk *d = s->disk;
	uint32_t block_bytes = d->source.block_bytes;
	uint64_t from, left, room;

	while (s->at < s->n && s->done == s->ranges[s->at].len) {
		s->at++;
		s->done = 0;
	}
	if (s->at == s->n)
		return false;
	from = s->ranges[s->at].offset_bytes + s->done;
	left = s->ranges[s->at].len - s->done;
	out->block = from / block_bytes;
	out->skip = (size_t)(from % block_bytes);
	room = read_room(d) < d->wide_bytes ? read_room(d) : d->wide_bytes;
	room = room / block_bytes * block_bytes;
	out->len = left < room - out->skip ? left : room - out->skip;
	out->blocks = (uint32_t)((out->skip + out->len + block_bytes - 1) / block_bytes);
	s->done += out->len;
	return true;
}

static int begin(struct stream *s, const struct piece *p, unsigned half)
{
	struct disk *d = s->disk;
	uint8_t cdb[SCSI_CDB_MAX];
	size_t len = scsi_read(cdb, p->block, p->blocks);

	return bot_begin(d->bot, d->lun, cdb, len, p->blocks * d->source.block_bytes, half);
}

/* Hands on what a half holds of p, without the bytes that only fill its blocks. */
static int hand_on(struct stream *s, const struct piece *p, unsigned half)
{
	const uint8_t *bytes;
	size_t skip = p->skip;
	uint64_t left = p->len;
	size_t n;

	for (unsigned i = 0; left > 0 && (n = bot_piece(s->disk->bot, half, i, &bytes)) > 0; i++) {
		size_t from = n < skip ? n : skip;
		int r;

		skip -= from;
		n -= from;
		if (n > left)
			n = (size_t)left;
		left -= n;
		r = n > 0 ? s->take(s->arg, bytes + from, n) : 0;
		if (r < 0)
			return r;
	}
	return 0;
}

/*
 * A READ that failed, once more in small ones. Where they are what it takes, it is asked for no
 * large ones again. 0, -EIO: up to where the medium refuses it is taken; -errno.
 */
static int careful(struct stream *s, const struct piece *p, bool refused)
{
	struct disk *d = s->disk;
	uint32_t block_bytes = d->source.block_bytes;
	uint32_t step = DISK_READ_SMALL / block_bytes;
	uint8_t *buffer = malloc(DISK_READ_SMALL);
	unsigned errors = d->errors;
	size_t skip = p->skip;
	uint64_t left = p->len;
	int r = buffer ? 0 : -ENOMEM;

	for (uint32_t at = 0; r == 0 && at < p->blocks; at += step) {
		uint32_t blocks = p->blocks - at < step ? p->blocks - at : step;
		uint32_t got;
		uint64_t len;
		int taken;

		r = disk_read(d, p->block + at, blocks, buffer, &got);
		len = (uint64_t)got * block_bytes;
		if (len <= skip)
			continue;
		len -= skip;
		len = len < left ? len : left;
		taken = s->take(s->arg, buffer + skip, (size_t)len);
		left -= len;
		skip = 0;
		if (taken < 0)
			r = taken;
	}
	free(buffer);
	if (r == 0 && !refused && d->errors == errors && p->blocks > step &&
	    (!d->large || ++d->troubles == TROUBLES_MAX)) {
		log_warn("camera-small-reads", "unit=%u", d->lun);
		d->bot->quirks |= QUIRK_SMALL_READS; /* the device: all of its units */
	}
	return r;
}

/* Gets the bus back into step after a READ. 0; -ENODEV. */
static int mend(struct disk *d, int why)
{
	int r;

	if (why == -ENODEV)
		return why;
	log_warn("camera-command", "operation=0x28 status=%d rung=0", why);
	r = bot_recover(d->bot, 0);
	if (r < 0 && r != -ENODEV)
		r = bot_recover(d->bot, 1);
	return r == -ENODEV ? r : 0;
}

/*
 * The READ in this half is due; begun tells how its beginning went. 0: it is there; 1: it is not,
 * and is to be read with care; -ENODEV (what came is handed on), -errno.
 */
static int await(struct stream *s, const struct piece *p, unsigned half, int begun, bool *refused)
{
	struct disk *d = s->disk;
	struct bot_result result = { 0 };
	int r = begun;

	*refused = false;
	if (r == 0) {
		r = bot_await(d->bot, half, &result);
		if (r == -ENODEV)
			hand_on(s, p, half);
	}
	if (r < 0) {
		r = mend(d, r);
		return r < 0 ? r : 1;
	}
	if (!result.passed) {
		r = disk_sense(d);
		*refused = d->sense.key == SCSI_MEDIUM_ERROR || d->sense.key == SCSI_ATTENTION ||
		    d->sense.key == SCSI_NOT_READY || d->sense.key == SCSI_HARDWARE_ERROR;
		return r < 0 ? r : 1;
	}
	if (result.valid != (uint64_t)p->blocks * d->source.block_bytes)
		return 1;
	if (result.moved > DISK_READ_SMALL)
		d->large = true;
	return 0;
}

/* A READ is under way of which nobody wants the bytes any more. */
static void abandon(struct disk *d, unsigned half)
{
	struct bot_result result;
	int r = bot_await(d->bot, half, &result);

	if (r == 0 && !result.passed)
		disk_sense(d);
	else if (r < 0)
		mend(d, r);
}

/*
 * Two halves by turns: as soon as one is filled, the READ for the other is on its way, and only
 * then is the first taken. With care nothing else is under way.
 */
static int run(struct stream *s)
{
	struct piece piece[2];
	unsigned half = 0;
	bool more = plan(s, &piece[0]);
	int begun = more ? begin(s, &piece[0], 0) : 0;

	while (more) {
		const struct piece *now = &piece[half];
		bool refused;
		int state = await(s, now, half, begun, &refused);
		int taken = state > 0 ? careful(s, now, refused) : state;

		if (taken < 0)
			return taken;
		half = !half;
		more = plan(s, &piece[half]);
		begun = more ? begin(s, &piece[half], half) : 0;
		if (state == 0)
			taken = hand_on(s, now, !half);
		if (taken < 0) {
			if (more && begun == 0)
				abandon(s->disk, half);
			return taken;
		}
	}
	return 0;
}

int disk_wide(struct disk *d, uint64_t bytes)
{
	size_t room = read_room(d);
	int r;

	d->wide_bytes = 0;
	if (bytes == 0)
		return bot_widen(d->bot, 0);
	if (room > 2 * (size_t)d->source.block_bytes &&
	    bytes < room - 2 * (size_t)d->source.block_bytes)
		room = (size_t)bytes + 2 * (size_t)d->source.block_bytes;
	if (room < DISK_READ_SMALL)
		room = DISK_READ_SMALL;
	while ((r = bot_widen(d->bot, room)) < 0 && room > DISK_READ_SMALL)
		room = room / 2 > DISK_READ_SMALL ? room / 2 : DISK_READ_SMALL;
	if (r == 0)
		d->wide_bytes = room;
	return r;
}

int disk_stream(struct disk *d, const struct disk_range *ranges, size_t n,
    int (*take)(void *arg, const uint8_t *bytes, size_t len), void *arg)
{
	struct stream s = { .disk = d, .ranges = ranges, .n = n, .take = take, .arg = arg };

	return d->wide_bytes ? run(&s) : -EINVAL;
}
