/*
 * locked_dv16: the vendor commands of the DV16 family (LANGUAGES.md, dv16).
 *
 * Part of the SCSI commands: sixteen bytes over bulk-only transport. The camera checks no password.
 */
#include <string.h>

#include "../../dockd/base/buf.h"
#include "responder.h"

#define VENDOR_READ 0xfd
#define VENDOR_WRITE 0xfb
#define USER_READ 0x81
#define USER_WRITE 0x82
#define INFO_BYTES 89

enum {
	INIT = 1,
	GET_ID_CODE,
	GET_DEV_INFO,
	WRITE_DEV_INFO,
	SYNC_DEV_TIME,
	SET_MSDC,
	READ_DEV_RES,
	READ_BATTERY,
	GET_SD_STATUS = 12,
	GET_PASSWORD,
	GET_RETURN_STATUS
};

static struct fault *hurt(struct responder *r, enum fault_kind kind)
{
	return faults_take(&r->camera->faults, kind, r->bot.cdb[5], NULL);
}

/* Fields without NUL where they are full: serial 7, user 6 and 32, unit 12 and 32 bytes. */
static const struct {
	size_t place, len;
} fields[] = {
	{ offsetof(struct owner, serial), 7 },
	{ offsetof(struct owner, user_no), 6 },
	{ offsetof(struct owner, user_name), 32 },
	{ offsetof(struct owner, unit_no), 12 },
	{ offsetof(struct owner, unit_name), 32 },
};

static void put_info(uint8_t *p, const struct owner *o)
{
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		const char *text = (const char *)o + fields[i].place;

		memcpy(p, text, strnlen(text, fields[i].len));
		p += fields[i].len;
	}
}

static void take_info(const uint8_t *p, struct owner *o)
{
	p += fields[0].len; /* the serial stays */
	for (size_t i = 1; i < sizeof(fields) / sizeof(fields[0]); i++) {
		char *text = (char *)o + fields[i].place;

		memcpy(text, p, fields[i].len);
		text[fields[i].len] = '\0';
		p += fields[i].len;
	}
}

/* What a reading command answers, into in. Its length, 0: no such command. */
static uint32_t read_answer(struct responder *r, uint8_t *in)
{
	struct locked *l = r->camera->locked;
	struct fault *f;

	switch (r->bot.cdb[5]) {
	case GET_ID_CODE:
		memcpy(in, l->id, strnlen(l->id, 6));
		return 6;
	case GET_DEV_INFO:
		put_info(in, &l->owner);
		return INFO_BYTES;
	case READ_DEV_RES:
		buf_put_le(in, 1920, 4);
		buf_put_le(in + 4, 1080, 4);
		return 8;
	case READ_BATTERY:
		f = hurt(r, HURT_UNLOCK_BATTERY);
		buf_put_le(in, f ? (uint64_t)f->value & UINT32_MAX : r->camera->battery, 4);
		return 4;
	case GET_SD_STATUS:
		in[0] = l->card;
		return 4;
	case GET_PASSWORD:
		memcpy(in, l->pin, strnlen(l->pin, 15));
		l->pin_reads++;
		return 16;
	case GET_RETURN_STATUS:
		in[0] = l->status;
		return 4;
	}
	return 0;
}

static void run_read(struct responder *r, struct answer *a)
{
	struct locked *l = r->camera->locked;
	struct fault *f;

	a->in_len = read_answer(r, a->in);
	if (!a->in_len) {
		scsi_fail(r, a, 5, 0x20, 0);
		return;
	}
	if (r->bot.cdb[5] != GET_RETURN_STATUS) {
		f = hurt(r, HURT_UNLOCK_STATUS);
		l->status = f ? (uint8_t)f->value : 0;
	}
	if (a->in_len > r->bot.cdb[7])
		a->in_len = r->bot.cdb[7];
	if (hurt(r, HURT_UNLOCK_GARBAGE))
		memset(a->in, 0xff, a->in_len);
	if (hurt(r, HURT_UNLOCK_SHORT))
		a->in_len /= 2;
}

static void run_write(struct responder *r, struct answer *a)
{
	struct fault *f = hurt(r, HURT_UNLOCK_STATUS);

	r->camera->locked->status = f ? (uint8_t)f->value : 0;
	switch (r->bot.cdb[5]) {
	case INIT:
		return;
	case WRITE_DEV_INFO:
		a->out_len = INFO_BYTES;
		return;
	case SYNC_DEV_TIME:
		a->out_len = r->bot.cdb[7] == 8 ? 8 : 7;
		return;
	case SET_MSDC:
		if (!r->camera->locked->card || hurt(r, HURT_UNLOCK_REFUSED))
			scsi_fail(r, a, 5, 0x24, 0);
		else
			locked_open(r);
		return;
	}
	scsi_fail(r, a, 5, 0x20, 0);
}

bool dv16_run(struct responder *r, struct answer *a)
{
	const uint8_t *cdb = r->bot.cdb;

	if (!locked_dv16(r->camera))
		return false;
	if (cdb[0] == VENDOR_READ && cdb[1] == USER_READ)
		run_read(r, a);
	else if (cdb[0] == VENDOR_WRITE && cdb[1] == USER_WRITE)
		run_write(r, a);
	else
		return false;
	return true;
}

void dv16_data(struct responder *r, struct answer *a)
{
	struct locked *l = r->camera->locked;
	const uint8_t *p = r->bot.out;
	const int t[6] = { p[0] | p[1] << 8, p[2], p[3], p[4], p[5], p[6] };

	if (r->bot.cdb[5] == WRITE_DEV_INFO) {
		take_info(p, &l->owner);
		l->owner_writes++;
	} else if (!locked_set_clock(r->camera, t)) {
		l->status = 1;
		scsi_fail(r, a, 5, 0x26, 0);
	}
}
