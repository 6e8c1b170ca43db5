#include "disk_inner.h"

#include "../../dockd/base/log.h"
#include "../../dockd/base/proto_attach.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#define FIRST_ANSWER_MS 3000u /* what a worker before left undone is found out soon */
#define REST_MS 100u          /* between two questions whether it is ready */
#define EMPTY_MS 600u         /* so long "no medium" may be said of a card that is coming up */
#define TRIES 3u              /* of a read that the medium refuses */
#define ATTENTIONS_MAX 8u     /* unit attentions in a row */
#define AHEAD_LINES 4u        /* read at once where lines are read one after the other */
#define BLOCK_MAX 65536u

enum { INQUIRY = 0x12, INQUIRY_BYTES = 36, READ_CAPACITY = 0x25, CAPACITY_BYTES = 8 };

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void rest(struct disk *d)
{
	int64_t end = now_ms() + REST_MS;

	for (int64_t left = REST_MS; left > 0 && !transport_gone(d->bot->transport);
	     left = end - now_ms())
		transport_run(d->bot->transport, (unsigned)left);
}

/* ---- commands and their sense ---- */

int disk_sense(struct disk *d)
{
	uint8_t cdb[SCSI_CDB_MAX], bytes[18] = { 0 };
	size_t len = scsi_request_sense(cdb, sizeof(bytes));
	struct bot_result result;
	int r = bot_command(d->bot, d->lun, cdb, len, bytes, sizeof(bytes), true, &result);

	d->sense = (struct scsi_sense){ 0 };
	if (r == 0 && result.passed)
		scsi_sense_read(bytes, result.moved, &d->sense);
	return r;
}

/*
 * Where the residue belies answers of a fixed length that are whole, it is worth nothing with this
 * device; Linux's usb-storage judges by the same.
 */
static void judge_residue(
    struct bot *b, uint8_t operation, const uint8_t *data, const struct bot_result *result)
{
	bool whole = (operation == INQUIRY && data && result->moved == INQUIRY_BYTES &&
			 data[4] + 5 >= INQUIRY_BYTES) ||
	    (operation == READ_CAPACITY && result->moved == CAPACITY_BYTES);

	if (!whole || !result->passed || result->valid == result->moved)
		return;
	log_warn("camera-residue-ignored", "operation=0x%02x residue=%u", operation,
	    (unsigned)(result->moved - result->valid));
	b->quirks |= QUIRK_IGNORE_RESIDUE;
}

/*
 * 1: it passed; 0: it failed, for the reason in d->sense; -errno. *got: bytes that came; of a READ
 * those that are data.
 */
static int command(
    struct disk *d, const uint8_t *cdb, size_t cdb_len, void *data, uint32_t len, uint32_t *got)
{
	struct bot_result result;
	int r = bot_command(d->bot, d->lun, cdb, cdb_len, data, len, true, &result);

	if (r < 0)
		return r;
	judge_residue(d->bot, cdb[0], data, &result);
	*got = scsi_is_read(cdb) ? result.valid : result.moved;
	d->filled = scsi_is_read(cdb) && result.passed && result.valid < result.moved;
	if (result.passed)
		return 1;
	r = disk_sense(d);
	return r < 0 ? r : 0;
}

/* What is to be done about a failed command. */
enum remedy { REMEDY_AGAIN, REMEDY_WAIT, REMEDY_NONE };

static enum remedy remedy(const struct scsi_sense *s)
{
	switch (s->key) {
	case SCSI_ATTENTION:
	case SCSI_RECOVERED:
	case SCSI_ABORTED:
		return REMEDY_AGAIN;
	case SCSI_NOT_READY:
		return REMEDY_WAIT;
	default:
		return REMEDY_NONE;
	}
}

/*
 * A command that may meet a unit that is not ready yet. 1: passed; 0: it failed for good (d->sense);
 * -ENOMEDIUM, -errno.
 */
static int patient(
    struct disk *d, const uint8_t *cdb, size_t cdb_len, void *data, uint32_t len, uint32_t *moved)
{
	int64_t began = now_ms();
	unsigned attentions = 0;

	for (;;) {
		int r = command(d, cdb, cdb_len, data, len, moved);
		int64_t waited = now_ms() - began;

		if (r != 0)
			return r;
		switch (remedy(&d->sense)) {
		case REMEDY_AGAIN:
			if (++attentions > ATTENTIONS_MAX)
				return 0;
			break;
		case REMEDY_WAIT:
			if (d->sense.asc == SCSI_NO_MEDIUM &&
			    waited >= (d->patience_ms < EMPTY_MS ? d->patience_ms : EMPTY_MS))
				return -ENOMEDIUM;
			if (waited >= d->patience_ms)
				return 0;
			rest(d);
			break;
		case REMEDY_NONE:
			return 0;
		}
	}
}

/* ---- what it is ---- */

static int ask_inquiry(struct disk *d)
{
	uint8_t cdb[SCSI_CDB_MAX], bytes[INQUIRY_BYTES];
	size_t len = scsi_inquiry(cdb, -1, sizeof(bytes));
	unsigned timeout_ms = d->bot->timeout_ms;
	uint32_t moved = 0;
	int r;

	if (timeout_ms > FIRST_ANSWER_MS && !(d->bot->quirks & QUIRK_LONG_TIMEOUT))
		d->bot->timeout_ms = FIRST_ANSWER_MS;
	r = patient(d, cdb, len, bytes, sizeof(bytes), &moved);
	d->bot->timeout_ms = timeout_ms;
	if (r < 0)
		return r;
	if (r == 0 || !scsi_inquiry_read(bytes, moved, &d->inquiry))
		return -EIO;
	/* 0x0e is reduced block commands: the same to read (SPC-4 table 175) */
	if (!d->inquiry.present || (d->inquiry.type != 0 && d->inquiry.type != 0x0E))
		return -ENOTSUP;
	return 0;
}

static int ask_ready(struct disk *d)
{
	uint8_t cdb[SCSI_CDB_MAX];
	size_t len = scsi_test_unit_ready(cdb);
	uint32_t moved;
	int r = patient(d, cdb, len, NULL, 0, &moved);

	if (r < 0)
		return r;
	/* Where it does not know the command, its capacity tells. */
	return r == 1 || d->sense.key != SCSI_NOT_READY ? 0 : -EIO;
}

static bool is_block(uint32_t bytes)
{
	return bytes >= 512 && bytes <= BLOCK_MAX && (bytes & (bytes - 1)) == 0;
}

static int ask_capacity(struct disk *d)
{
	uint8_t cdb[SCSI_CDB_MAX], bytes[32];
	size_t len = scsi_read_capacity10(cdb);
	struct scsi_capacity capacity = { 0 };
	uint32_t moved = 0;
	int r = patient(d, cdb, len, bytes, CAPACITY_BYTES, &moved);

	if (r < 0)
		return r;
	if (r == 0 || !scsi_capacity10_read(bytes, moved, &capacity) ||
	    capacity.blocks > UINT32_MAX || !is_block(capacity.block_bytes)) {
		len = scsi_read_capacity16(cdb, sizeof(bytes));
		r = patient(d, cdb, len, bytes, sizeof(bytes), &moved);
		if (r < 0)
			return r;
		if (r == 0 || !scsi_capacity16_read(bytes, moved, &capacity))
			return -EIO;
	}
	if (!is_block(capacity.block_bytes) || capacity.blocks > INT64_MAX / capacity.block_bytes)
		return -EIO;
	d->blocks = capacity.blocks;
	d->source.block_bytes = capacity.block_bytes;
	d->source.size_bytes = capacity.blocks * capacity.block_bytes;
	return 0;
}

/* Page 0x3F (all), 192 bytes: as the systems ask that these devices are made for. */
static int ask_protected(struct disk *d)
{
	uint8_t cdb[SCSI_CDB_MAX], bytes[192];
	size_t len = scsi_mode_sense6(cdb, 0x3F, sizeof(bytes));
	uint32_t moved = 0;
	int r = command(d, cdb, len, bytes, sizeof(bytes), &moved);

	if (r == 1)
		scsi_mode_read(bytes, moved, &d->write_protected);
	return r < 0 ? r : 0;
}

static int ask_page(struct disk *d, uint8_t page, uint8_t bytes[255], uint32_t *moved)
{
	uint8_t cdb[SCSI_CDB_MAX];
	size_t len = scsi_inquiry(cdb, page, 255);
	int r = command(d, cdb, len, bytes, 255, moved);

	if (r == 0)
		*moved = 0;
	return r < 0 ? r : 0;
}

/*
 * Serial number and the largest READ, where it lists pages that tell: only of what says that it
 * knows SPC-2 or later, as simple cameras fall over the question.
 */
static int ask_pages(struct disk *d)
{
	uint8_t list[255], bytes[255];
	uint32_t moved, told, max_blocks = 0;
	int r;

	if (d->inquiry.version < 4)
		return 0;
	r = ask_page(d, 0x00, list, &moved);
	if (r == 0 && scsi_page_listed(list, moved, 0x80)) {
		r = ask_page(d, 0x80, bytes, &told);
		if (r == 0 && !scsi_serial_read(bytes, told, d->serial, sizeof(d->serial)))
			d->serial[0] = '\0';
	}
	if (r == 0 && scsi_page_listed(list, moved, 0xB0)) {
		r = ask_page(d, 0xB0, bytes, &told);
		if (r == 0 && scsi_limits_read(bytes, told, &max_blocks) && max_blocks > 0 &&
		    max_blocks < d->read_bytes / d->source.block_bytes)
			d->read_bytes = max_blocks * d->source.block_bytes;
		if (d->read_bytes < DISK_READ_SMALL)
			d->read_bytes = DISK_READ_SMALL;
	}
	return r;
}

/* ---- single reads, tried again ---- */

/* Blocks of at most DISK_READ_SMALL. 0, -EIO: the medium refuses; another -errno: nothing goes. */
static int read_blocks(struct disk *d, uint64_t block, uint32_t blocks, uint8_t *out)
{
	uint8_t cdb[SCSI_CDB_MAX];
	size_t cdb_len = scsi_read(cdb, block, blocks);
	uint32_t len = blocks * d->source.block_bytes;

	for (unsigned tries = 0; tries < TRIES; tries++) {
		uint32_t moved = 0;
		int r = patient(d, cdb, cdb_len, out, len, &moved);

		if (r < 0)
			return r;
		if (r == 1 && moved == len)
			return 0;
		if (r == 1)
			d->sense = (struct scsi_sense){ 0 };
	}
	d->errors++;
	d->bad_bytes = block * d->source.block_bytes;
	if (blocks == 1)
		d->refused[d->refusals++ % DISK_REFUSED] = block;
	return -EIO;
}

static bool is_refused(const struct disk *d, uint64_t block)
{
	for (unsigned i = 0; i < d->refusals && i < DISK_REFUSED; i++) {
		if (d->refused[i] == block)
			return true;
	}
	return false;
}

int disk_read(struct disk *d, uint64_t block, uint32_t blocks, uint8_t *out, uint32_t *got)
{
	int r = read_blocks(d, block, blocks, out);

	*got = r == 0 ? blocks : 0;
	while (r == -EIO && blocks > 1 && *got < blocks) {
		int one =
		    read_blocks(d, block + *got, 1, out + (size_t)*got * d->source.block_bytes);

		if (one < 0)
			return one;
		if (++*got == blocks)
			r = 0;
	}
	return r;
}

const char *disk_trouble(const struct disk *d)
{
	return d->filled ? "it says that data are fill" : scsi_sense_text(&d->sense);
}

/* ---- the cache of tables ---- */

void disk_forget(struct disk *d)
{
	for (size_t i = 0; i < DISK_LINES; i++)
		d->line[i].len = 0;
	d->missed = UINT64_MAX;
	d->refusals = 0;
}

static struct disk_line *find(struct disk *d, uint64_t number)
{
	for (size_t i = 0; i < DISK_LINES; i++) {
		if (d->line[i].len > 0 && d->line[i].number == number)
			return &d->line[i];
	}
	return NULL;
}

/* A line to be filled: one that is free, else the one not used for longest. */
static struct disk_line *claim(struct disk *d)
{
	struct disk_line *oldest = &d->line[0];

	for (size_t i = 0; i < DISK_LINES; i++) {
		if (d->line[i].len == 0)
			return &d->line[i];
		if (d->line[i].used < oldest->used)
			oldest = &d->line[i];
	}
	return oldest;
}

static uint8_t *bytes_of(struct disk *d, const struct disk_line *l)
{
	return d->lines + (size_t)(l - d->line) * DISK_LINE_BYTES;
}

/* Block of this medium that is not refused where its line is: blocks are at most four lines long. */
static int fill_lines(struct disk *d, uint64_t number, uint8_t *buffer)
{
	uint32_t block_bytes = d->source.block_bytes;
	uint64_t from = number * DISK_LINE_BYTES / block_bytes * block_bytes;
	uint64_t want = number == d->missed + 1 ? AHEAD_LINES * DISK_LINE_BYTES : DISK_LINE_BYTES;
	uint32_t got;
	int r;

	if (want < block_bytes)
		want = block_bytes;
	if (want > d->source.size_bytes - from)
		want = d->source.size_bytes - from;
	r = disk_read(d, from / block_bytes, (uint32_t)(want / block_bytes), buffer, &got);
	if (r < 0 && r != -EIO)
		return r;
	for (uint64_t at = 0; at < (uint64_t)got * block_bytes; at += DISK_LINE_BYTES) {
		uint64_t left = (uint64_t)got * block_bytes - at;
		uint64_t n = (from + at) / DISK_LINE_BYTES;
		struct disk_line *l = find(d, n);

		if (!l)
			l = claim(d);
		*l = (struct disk_line){ .number = n, .used = ++d->clock };
		l->len = (uint32_t)(left < DISK_LINE_BYTES ? left : DISK_LINE_BYTES);
		memcpy(bytes_of(d, l), buffer + at, l->len);
		d->missed = n;
	}
	return 0;
}

/* The line with the byte at offset; NULL and *r: it cannot be read. */
static struct disk_line *line_at(struct disk *d, uint64_t offset, int *r)
{
	uint64_t number = offset / DISK_LINE_BYTES;
	struct disk_line *l = find(d, number);
	uint8_t *buffer;

	*r = 0;
	if (!l) {
		buffer = malloc(AHEAD_LINES * DISK_LINE_BYTES);
		*r = buffer ? fill_lines(d, number, buffer) : -ENOMEM;
		free(buffer);
		l = *r == 0 ? find(d, number) : NULL;
	}
	if (!l || offset % DISK_LINE_BYTES >= l->len) {
		if (*r == 0)
			*r = -EIO;
		return NULL;
	}
	l->used = ++d->clock;
	return l;
}

/* A block by itself, where others of its line are refused; as much of it as serves. */
static int read_one(struct disk *d, uint64_t offset, uint8_t *out, size_t *len)
{
	uint32_t block_bytes = d->source.block_bytes;
	uint64_t block = offset / block_bytes;
	size_t in = (size_t)(offset % block_bytes);
	uint8_t *buffer;
	int r;

	if (is_refused(d, block))
		return -EIO;
	buffer = malloc(block_bytes);
	r = buffer ? read_blocks(d, block, 1, buffer) : -ENOMEM;
	if (*len > block_bytes - in)
		*len = block_bytes - in;
	if (r == 0)
		memcpy(out, buffer + in, *len);
	free(buffer);
	return r;
}

static int read_source(struct source *s, uint64_t offset_bytes, void *out, size_t len)
{
	struct disk *d = (struct disk *)s;
	uint8_t *to = out;

	if (!d->lines)
		d->lines = malloc((size_t)DISK_LINES * DISK_LINE_BYTES);
	if (!d->lines)
		return -ENOMEM;
	while (len > 0) {
		size_t in = (size_t)(offset_bytes % DISK_LINE_BYTES);
		struct disk_line *l;
		size_t n = len;
		int r;

		l = line_at(d, offset_bytes, &r);
		if (l) {
			n = l->len - in < len ? l->len - in : len;
			memcpy(to, bytes_of(d, l) + in, n);
		} else if (r == -EIO) {
			r = read_one(d, offset_bytes, to, &n);
		}
		if (r < 0)
			return r;
		to += n;
		offset_bytes += n;
		len -= n;
	}
	return 0;
}

/* ---- opening ---- */

int disk_open(struct bot *b, unsigned lun, unsigned patience_ms, struct disk *out)
{
	struct disk *d = out;
	int r;

	memset(d, 0, sizeof(*d));
	d->source.read = read_source;
	d->bot = b;
	d->lun = lun;
	d->patience_ms = patience_ms;
	d->read_bytes = DISK_READ_MAX;
	disk_forget(d);
	r = ask_inquiry(d);
	if (r == 0)
		r = ask_ready(d);
	if (r == 0)
		r = ask_capacity(d);
	if (r == 0)
		r = ask_protected(d);
	if (r == 0)
		r = ask_pages(d);
	return r;
}

void disk_close(struct disk *d)
{
	free(d->lines);
	d->lines = NULL;
}
