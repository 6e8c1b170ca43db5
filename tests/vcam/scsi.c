/*
 * scsi: the commands of a simulated mass-storage camera (SPC-4, SBC-3; opcodes as they name them).
 *
 * Part of the responder, called by bot.c. Whatever would change the medium is refused and counted.
 */
#include <string.h>

#include "../../dockd/base/buf.h"
#include "bot.h"
#include "responder.h"

#define NOT_READY 2
#define MEDIUM_ERROR 3
#define ILLEGAL_REQUEST 5
#define UNIT_ATTENTION 6
#define DATA_PROTECT 7

static void put_be(uint8_t *p, uint64_t value, size_t n)
{
	while (n-- > 0) {
		p[n] = (uint8_t)value;
		value >>= 8;
	}
}

static uint64_t get_be(const uint8_t *p, size_t n)
{
	uint64_t value = 0;

	while (n-- > 0)
		value = value << 8 | *p++;
	return value;
}

static struct unit *unit_of(struct responder *r)
{
	struct disk *d = r->camera->disk;

	return r->bot.lun < d->units ? &d->unit[r->bot.lun] : NULL;
}

static struct fault *hurt(struct responder *r, enum fault_kind kind)
{
	struct unit *u = unit_of(r);

	return faults_take(&r->camera->faults, kind, r->bot.cdb[0], u ? u->name : "none");
}

void scsi_fail(struct responder *r, struct answer *a, uint8_t key, uint8_t asc, uint8_t ascq)
{
	struct unit *u = unit_of(r);

	if (u)
		u->sense = (struct sense){ key, asc, ascq };
	a->failed = true;
}

/* Cuts the data to what the allocation length of the CDB allows. */
static void allow(struct answer *a, uint64_t room)
{
	if (a->in_len > room)
		a->in_len = (uint32_t)room;
}

static void pad(uint8_t *p, const char *text, size_t n)
{
	memset(p, ' ', n);
	memcpy(p, text, strlen(text) < n ? strlen(text) : n);
}

/* ---- what it is ---- */

static void vital_page(struct responder *r, struct answer *a, uint8_t page)
{
	static const uint8_t pages[] = { 0x00, 0x80, 0x83, 0xb0 };
	const struct disk *d = r->camera->disk;
	const char *serial = camera_usb_serial(r->camera);
	size_t n = strlen(serial) < 64 ? strlen(serial) : 64;

	a->in[1] = page;
	switch (page) {
	case 0x00:
		memcpy(a->in + 4, pages, sizeof(pages));
		n = sizeof(pages);
		break;
	case 0x80:
		memcpy(a->in + 4, serial, n);
		break;
	case 0x83: /* one designator: T10 vendor identification */
		a->in[4] = 2;
		a->in[5] = 1;
		pad(a->in + 8, d->vendor, 8);
		memcpy(a->in + 16, serial, n);
		a->in[7] = (uint8_t)(8 + n);
		n += 12;
		break;
	case 0xb0:
		n = 60;
		if (unit_of(r))
			put_be(a->in + 8, d->max_transfer / unit_of(r)->block_bytes, 4);
		break;
	default:
		scsi_fail(r, a, ILLEGAL_REQUEST, 0x24, 0);
		return;
	}
	put_be(a->in + 2, n, 2);
	a->in_len = (uint32_t)n + 4;
}

static void inquiry(struct responder *r, struct answer *a)
{
	const struct disk *d = r->camera->disk;
	const uint8_t *cdb = r->bot.cdb;
	struct unit *u = unit_of(r);
	struct fault *f = hurt(r, HURT_SCSI_INQUIRY);

	if (cdb[1] & 1) {
		vital_page(r, a, cdb[2]);
		allow(a, get_be(cdb + 3, 2));
		return;
	}
	a->in[0] = u ? 0x00 : 0x7f;
	a->in[1] = u && u->removable ? 0x80 : 0;
	a->in[2] = 4; /* SPC-2 */
	a->in[3] = 2;
	a->in[4] = 31;
	pad(a->in + 8, locked_dv16(r->camera) ? "DV16" : d->vendor, 8);
	pad(a->in + 16, locked_dv16(r->camera) ? "DEVICE V1.00" : d->product, 16);
	pad(a->in + 32, d->revision, 4);
	a->in_len = 36;
	if (f && strcmp(f->text, "garbage") == 0)
		memset(a->in, 0xff, 36);
	else if (f)
		a->in_len = (uint32_t)f->value;
	allow(a, get_be(cdb + 3, 2));
}

static void request_sense(struct responder *r, struct answer *a)
{
	struct unit *u = unit_of(r);
	struct sense s = { ILLEGAL_REQUEST, 0x25, 0 }; /* no such unit */

	if (u && u->sense.key)
		s = u->sense;
	else if (u)
		s = u->attention;
	if (u) {
		if (!u->sense.key)
			u->attention = (struct sense){ 0 };
		u->sense = (struct sense){ 0 };
	}
	if (r->bot.cdb[1] & 1) { /* descriptor format */
		memcpy(a->in, (const uint8_t[]){ 0x72, s.key, s.asc, s.ascq }, 4);
		a->in_len = 8;
	} else {
		a->in[0] = 0x70;
		a->in[2] = s.key;
		a->in[7] = 10;
		a->in[12] = s.asc;
		a->in[13] = s.ascq;
		a->in_len = 18;
	}
	allow(a, r->bot.cdb[4]);
}

/* ---- the medium ---- */

static bool no_medium(struct responder *r, struct answer *a, const struct unit *u)
{
	struct fault *f = hurt(r, HURT_SCSI_BECOMING_READY);

	if (f) {
		scsi_fail(r, a, NOT_READY, 0x04, 0x01);
		return true;
	}
	if (u->present && !u->ejected && !locked_dv16(r->camera))
		return false;
	scsi_fail(r, a, NOT_READY, 0x3a, 0x00);
	return true;
}

static uint64_t told_blocks(struct responder *r, const struct unit *u)
{
	struct fault *f = hurt(r, HURT_SCSI_CAPACITY);

	return f ? (uint64_t)f->value : u->size_bytes / u->block_bytes;
}

static uint32_t told_block_bytes(struct responder *r, const struct unit *u)
{
	struct fault *f = hurt(r, HURT_SCSI_BLOCK);

	return f ? (uint32_t)f->value : u->block_bytes;
}

static void read_capacity(struct responder *r, struct answer *a, struct unit *u, bool long_form)
{
	uint64_t last;

	if (no_medium(r, a, u))
		return;
	last = told_blocks(r, u) - 1; /* of no blocks: wraps, as some devices say it */
	if (long_form) {
		put_be(a->in, last, 8);
		put_be(a->in + 8, told_block_bytes(r, u), 4);
		a->in_len = 32;
		allow(a, get_be(r->bot.cdb + 10, 4));
		return;
	}
	put_be(a->in, last > UINT32_MAX ? UINT32_MAX : last, 4);
	put_be(a->in + 4, told_block_bytes(r, u), 4);
	a->in_len = 8;
}

static void format_capacities(struct responder *r, struct answer *a, const struct unit *u)
{
	a->in[3] = 8;
	put_be(a->in + 4, u->size_bytes / u->block_bytes, 4);
	put_be(a->in + 8, u->block_bytes, 4);
	a->in[8] = u->present && !u->ejected ? 2 : 3;
	a->in_len = 12;
	allow(a, get_be(r->bot.cdb + 7, 2));
}

static void mode_sense(struct responder *r, struct answer *a, const struct unit *u, bool long_form)
{
	static const uint8_t caching[20] = { 0x08, 18 };
	uint8_t page = r->bot.cdb[2] & 0x3f;
	uint8_t head = long_form ? 8 : 4;

	if (page != 0x3f && page != 0x08 && page != 0x00) {
		scsi_fail(r, a, ILLEGAL_REQUEST, 0x24, 0);
		return;
	}
	a->in_len = head;
	if (page) {
		memcpy(a->in + head, caching, sizeof(caching));
		a->in_len += (uint32_t)sizeof(caching);
	}
	if (long_form)
		put_be(a->in, a->in_len - 2, 2);
	else
		a->in[0] = (uint8_t)(a->in_len - 1);
	a->in[long_form ? 3 : 2] = u->read_only ? 0x80 : 0;
	allow(a, long_form ? get_be(r->bot.cdb + 7, 2) : r->bot.cdb[4]);
}

/* Place and number of blocks of READ 6, 10, 12, 16. */
static void read_range(const uint8_t *cdb, uint64_t *block, uint64_t *blocks)
{
	if (cdb[0] == 0x08) {
		*block = get_be(cdb + 1, 3) & 0x1fffff;
		*blocks = cdb[4] ? cdb[4] : 256;
	} else if (cdb[0] == 0x28) {
		*block = get_be(cdb + 2, 4);
		*blocks = get_be(cdb + 7, 2);
	} else if (cdb[0] == 0xa8) {
		*block = get_be(cdb + 2, 4);
		*blocks = get_be(cdb + 6, 4);
	} else {
		*block = get_be(cdb + 2, 8);
		*blocks = get_be(cdb + 10, 4);
	}
}

static void read_blocks(struct responder *r, struct answer *a, struct unit *u)
{
	struct disk *d = r->camera->disk;
	struct fault *f = faults_find(&r->camera->faults, HURT_SCSI_MAX_READ, 0, u->name);
	uint64_t max = f ? (uint64_t)f->value : d->max_transfer;
	uint64_t block, blocks, end;

	if (no_medium(r, a, u))
		return;
	read_range(r->bot.cdb, &block, &blocks);
	if (blocks > u->size_bytes / u->block_bytes ||
	    block > u->size_bytes / u->block_bytes - blocks) {
		scsi_fail(r, a, ILLEGAL_REQUEST, 0x21, 0);
		return;
	}
	if (max && blocks * u->block_bytes > max) {
		if (f)
			faults_fire(&r->camera->faults, f);
		scsi_fail(r, a, ILLEGAL_REQUEST, 0x24, 0);
		return;
	}
	d->reads++;
	a->payload = u;
	a->from = block * u->block_bytes;
	a->bytes = blocks * u->block_bytes;
	f = faults_find(&r->camera->faults, HURT_SCSI_MEDIUM_ERROR, 0, u->name);
	end = f ? f->at + (uint64_t)f->value : 0;
	if (f && f->at < a->from + a->bytes && a->from < end) {
		faults_fire(&r->camera->faults, f);
		a->bytes = f->at > a->from ? f->at - a->from : 0;
		a->bytes -= a->bytes % u->block_bytes;
		scsi_fail(r, a, MEDIUM_ERROR, 0x11, 0x00);
	}
}

static void start_stop(struct responder *r, struct answer *a, struct unit *u)
{
	if ((r->bot.cdb[4] & 3) != 2) /* LOEJ without START: eject */
		return;
	if (u->prevented) {
		scsi_fail(r, a, ILLEGAL_REQUEST, 0x53, 0x02);
		return;
	}
	u->ejected = true;
	r->camera->disk->ejects++;
}

/* Commands that would change the medium, its format or the device. */
static bool would_write(const uint8_t *cdb)
{
	static const uint8_t opcodes[] = { 0x04, 0x07, 0x0a, 0x15, 0x2a, 0x2e, 0x3b, 0x3f, 0x41,
		0x42, 0x48, 0x50, 0x51, 0x53, 0x55, 0x89, 0x8a, 0x8b, 0x8e, 0x93, 0xaa, 0xae,
		0xb5 };

	return memchr(opcodes, cdb[0], sizeof(opcodes)) != NULL;
}

static void run_on(struct responder *r, struct answer *a, struct unit *u)
{
	const uint8_t *cdb = r->bot.cdb;

	switch (cdb[0]) {
	case 0x00: /* TEST UNIT READY */
	case 0x2f: /* VERIFY (10) */
		no_medium(r, a, u);
		return;
	case 0x08: /* READ */
	case 0x28:
	case 0xa8:
	case 0x88:
		read_blocks(r, a, u);
		return;
	case 0x1a:
	case 0x5a:
		mode_sense(r, a, u, cdb[0] == 0x5a);
		return;
	case 0x1b:
		start_stop(r, a, u);
		return;
	case 0x1e:
		u->prevented = cdb[4] & 1;
		return;
	case 0x23:
		format_capacities(r, a, u);
		return;
	case 0x25:
		read_capacity(r, a, u, false);
		return;
	case 0x9e:
		if ((cdb[1] & 0x1f) == 0x10) {
			read_capacity(r, a, u, true);
			return;
		}
		break;
	}
	scsi_fail(r, a, ILLEGAL_REQUEST, 0x20, 0);
}

void scsi_run(struct responder *r, struct answer *a)
{
	const uint8_t *cdb = r->bot.cdb;
	struct unit *u = unit_of(r);
	struct fault *f;

	if (would_write(cdb)) {
		r->camera->disk->writes_seen++;
		scsi_fail(r, a, DATA_PROTECT, 0x27, 0);
		return;
	}
	if (cdb[0] == 0x12 || cdb[0] == 0x03) {
		(cdb[0] == 0x12 ? inquiry : request_sense)(r, a);
		return;
	}
	if (dv16_run(r, a))
		return;
	if (!u) {
		scsi_fail(r, a, ILLEGAL_REQUEST, 0x25, 0);
		return;
	}
	u->sense = (struct sense){ 0 };
	if (hurt(r, HURT_SCSI_ATTENTION))
		u->attention = (struct sense){ UNIT_ATTENTION, 0x28, 0 };
	if (u->attention.key) {
		scsi_fail(r, a, UNIT_ATTENTION, u->attention.asc, u->attention.ascq);
		u->attention = (struct sense){ 0 };
		return;
	}
	f = hurt(r, HURT_SCSI_SENSE);
	if (f) {
		scsi_fail(
		    r, a, (uint8_t)(f->value >> 16), (uint8_t)(f->value >> 8), (uint8_t)f->value);
		return;
	}
	run_on(r, a, u);
}

void scsi_data(struct responder *r, struct answer *a)
{
	dv16_data(r, a); /* no other command takes data */
}
