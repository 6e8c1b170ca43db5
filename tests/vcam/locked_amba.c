/*
 * locked_amba: the three languages of the Ambarella family (LANGUAGES.md).
 *
 * Part of the responder, until the camera is a disk: vendor requests on endpoint 0, and text on the
 * bulk pipes. A camera speaks one of them; to the others it does what its "others" says.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../../dockd/base/buf.h"
#include "responder.h"

#define REQUEST 85
#define REQUEST_MODE 80
#define REQUEST_VALUE 0x0080
#define REQUEST_BYTES 64u
#define REQUEST_ANSWER 10u
#define BLOCK_VALUE 0x00aa
#define BLOCK_HEAD 9u
#define BLOCK_DONE 0x80
#define BLOCK_REFUSED 0xff
#define IDS_BYTES 100u
#define TEXT_MAX 64u

static struct fault *hurt(struct responder *r, enum fault_kind kind)
{
	return faults_take(&r->camera->faults, kind, 0, NULL);
}

/* Words of another language. */
static int other_language(struct locked *l)
{
	if (l->others == OTHERS_STALL)
		return -EPIPE;
	return l->others == OTHERS_SILENT ? -EAGAIN : 0;
}

static uint8_t battery(struct responder *r)
{
	struct fault *f = hurt(r, HURT_UNLOCK_BATTERY);

	return f ? (uint8_t)f->value : r->camera->battery;
}

/* ---- amba-request ---- */

static void request_out(struct responder *r, uint8_t request, const uint8_t *data, size_t len)
{
	static const uint8_t login[] = { 0xa1, 0x12, 0x00, 0x12 };
	static const uint8_t mode[] = { 0xa1, 0x23, 0x00, 0x23 };
	struct locked *l = r->camera->locked;
	bool right = false;

	memset(l->reply, 0, sizeof(l->reply));
	l->reply_len = REQUEST_ANSWER;
	memcpy(l->reply, data, len < 2 ? len : 2);
	l->reply_leaves = false;
	if (request == REQUEST && len == REQUEST_BYTES && memcmp(data, login, 4) == 0) {
		right = locked_login(l, (const char *)data + 4, len - 4);
	} else if (request == REQUEST_MODE && len == REQUEST_BYTES && memcmp(data, mode, 4) == 0) {
		right = l->logged_in && !hurt(r, HURT_UNLOCK_REFUSED);
		l->reply_leaves = right;
	}
	l->reply[2] = right;
}

/* ---- amba-block ---- */

/* Fields of the 100 bytes of ids. */
static const struct {
	size_t place, at, len;
} fields[] = {
	{ offsetof(struct owner, serial), 0, 9 },
	{ offsetof(struct owner, user_no), 9, 8 },
	{ offsetof(struct owner, user_name), 17, 35 },
	{ offsetof(struct owner, unit_no), 52, 16 },
	{ offsetof(struct owner, unit_name), 68, 32 },
};

static void put_ids(uint8_t *p, const struct owner *o)
{
	memset(p, 0, IDS_BYTES);
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		const char *text = (const char *)o + fields[i].place;

		memcpy(p + fields[i].at, text, strnlen(text, fields[i].len));
	}
}

static void take_ids(const uint8_t *p, struct owner *o)
{
	for (size_t i = 1; i < sizeof(fields) / sizeof(fields[0]); i++) { /* the serial stays */
		char *text = (char *)o + fields[i].place;

		memcpy(text, p + fields[i].at, fields[i].len);
		text[fields[i].len] = '\0';
	}
}

static bool sync_time(struct responder *r, uint8_t *p)
{
	const int t[6] = { p[0] << 8 | p[1], p[2], p[3], p[4], p[5], p[6] };
	time_t now;
	struct tm tm;

	if (!locked_set_clock(r->camera, t))
		return false;
	now = (time_t)camera_clock(r->camera);
	gmtime_r(&now, &tm);
	p[0] = (uint8_t)((tm.tm_year + 1900) >> 8);
	p[1] = (uint8_t)(tm.tm_year + 1900);
	p[2] = (uint8_t)(tm.tm_mon + 1);
	p[3] = (uint8_t)tm.tm_mday;
	p[4] = (uint8_t)tm.tm_hour;
	p[5] = (uint8_t)tm.tm_min;
	p[6] = (uint8_t)tm.tm_sec;
	return true;
}

/* Carries out a block's command on its data in place. */
static bool block_command(struct responder *r, unsigned command, uint8_t *p, size_t n)
{
	struct locked *l = r->camera->locked;
	size_t admin = strlen(l->admin);

	if (command == 0xe111 && n == 6)
		return locked_login(l, (const char *)p, n);
	if (command == 0xe110 && n == 6 && admin == n && memcmp(p, l->admin, n) == 0) {
		l->logins++;
		return l->logged_in = true;
	}
	if (command == 0xe110 && n == 6) {
		l->wrong_pins++;
		return false;
	}
	if (command == 0xe120 && n == 5) {
		memcpy(p, "ABCDE", 5);
		return true;
	}
	if (command == 0xe170 && n == 1) {
		p[0] = battery(r);
		return true;
	}
	if (!l->logged_in)
		return false;
	if (command == 0xe141 && n == 7)
		return sync_time(r, p);
	if (command == 0xe130 && n == IDS_BYTES) {
		put_ids(p, &l->owner);
		return true;
	}
	if (command == 0xe131 && n == IDS_BYTES) {
		take_ids(p, &l->owner);
		l->owner_writes++;
		return true;
	}
	if (command == 0xe160 && n == 1) {
		p[0] = 1;
		return true;
	}
	l->reply_leaves = command == 0xe151 && n == 0 && !hurt(r, HURT_UNLOCK_REFUSED);
	return l->reply_leaves;
}

static void block_out(struct responder *r, const uint8_t *data, size_t len)
{
	static const uint8_t mark[] = { 0xa1, 0xb2, 0xc3, 0xd4, 0x00 };
	struct locked *l = r->camera->locked;
	bool done = false;

	memset(l->reply, 0, sizeof(l->reply));
	l->reply_leaves = false;
	l->reply_len = len < sizeof(l->reply) ? len : sizeof(l->reply);
	memcpy(l->reply, data, l->reply_len);
	if (l->reply_len < BLOCK_HEAD)
		return;
	if (memcmp(data, mark, sizeof(mark)) == 0 && !data[6] && !data[8])
		done = block_command(r, (unsigned)data[5] << 8 | data[7], l->reply + BLOCK_HEAD,
		    l->reply_len - BLOCK_HEAD);
	l->reply[6] = done ? BLOCK_DONE : BLOCK_REFUSED;
}

/* ---- requests ---- */

/* The waiting answer. */
static int give_reply(struct responder *r, uint8_t *data, size_t room, size_t *len)
{
	struct locked *l = r->camera->locked;
	size_t n = l->reply_len < room ? l->reply_len : room;

	if (hurt(r, HURT_UNLOCK_SHORT))
		n /= 2;
	memcpy(data, l->reply, n);
	if (hurt(r, HURT_UNLOCK_GARBAGE))
		memset(data, 0xff, n);
	*len = n;
	if (l->reply_leaves) {
		locked_open(r);
		r->leave = false;
		r->pull = true;
	}
	return 0;
}

int amba_control(
    struct responder *r, const uint8_t setup[8], uint8_t *data, size_t room, size_t *len)
{
	struct locked *l = r->camera->locked;
	unsigned value = setup[2] | (unsigned)setup[3] << 8;
	size_t wanted = setup[6] | (size_t)setup[7] << 8;
	bool in = (setup[0] & 0x80) != 0;
	size_t n = wanted < room ? wanted : room;
	bool mine, request, block;
	int ret;

	*len = 0;
	request =
	    (setup[1] == REQUEST || (setup[1] == REQUEST_MODE && !in)) && value == REQUEST_VALUE;
	block = setup[1] == REQUEST && value == (in ? 0 : BLOCK_VALUE);
	mine = (l->language == SPEAKS_REQUEST && request) || (l->language == SPEAKS_BLOCK && block);
	if (hurt(r, HURT_UNLOCK_SILENT))
		return -EAGAIN;
	if (l->reply_leaves && !in) { /* its answer has not been waited for */
		locked_open(r);
		r->leave = false;
		r->pull = true;
		return -EPIPE;
	}
	if (mine && in)
		return l->reply_len ? give_reply(r, data, n, len) : -EPIPE;
	if (mine) {
		(l->language == SPEAKS_BLOCK ? block_out(r, data, n) :
					       request_out(r, setup[1], data, n));
		return 0;
	}
	ret = other_language(l);
	if (ret == 0 && in) {
		memset(data, 0x5a, n);
		*len = n;
	}
	return ret;
}

/* ---- amba-text ---- */

static void say(struct responder *r, const char *text)
{
	char line[TEXT_MAX + 1];
	size_t n = strlen(text);

	if (hurt(r, HURT_UNLOCK_SILENT))
		return;
	snprintf(line, sizeof(line), "%s", text);
	if (hurt(r, HURT_UNLOCK_SHORT))
		n /= 2;
	if (hurt(r, HURT_UNLOCK_GARBAGE))
		memset(line, 0xff, n);
	responder_queue(r, (const uint8_t *)line, n)->response = true;
}

static bool all_digits(const char *text, size_t n)
{
	return strlen(text) >= n && strspn(text, "0123456789") >= n;
}

static int number(const char *digits, size_t n)
{
	int value = 0;

	while (n-- > 0)
		value = value * 10 + (*digits++ - '0');
	return value;
}

static bool text_clock(struct responder *r, const char *name, const char *field)
{
	struct locked *l = r->camera->locked;

	if (strcmp(name, "Sdt") == 0) {
		if (!all_digits(field, 8))
			return false;
		l->date[0] = number(field, 4);
		l->date[1] = number(field + 4, 2);
		l->date[2] = number(field + 6, 2);
		return true;
	}
	return all_digits(field, 6) &&
	    locked_set_clock(r->camera,
		(const int[6]){ l->date[0], l->date[1], l->date[2], number(field, 2),
		    number(field + 2, 2), number(field + 4, 2) });
}

/* "@Nam;N;FIELD;#" */
static void run_text(struct responder *r, const char *name, const char *field)
{
	struct locked *l = r->camera->locked;
	char line[TEXT_MAX + 1];

	if (strcmp(name, "Ver") == 0) {
		say(r, locked_login(l, field, strlen(field)) ? "@Ver;OK;#" : "@Ver;ERR;#");
	} else if (!l->logged_in) {
		say(r, "@ERR;#");
	} else if (strcmp(name, "Gdv") == 0) {
		snprintf(line, sizeof(line), "@Gdv;%zu;%.32s;#", strlen(l->id), l->id);
		say(r, line);
	} else if (strcmp(name, "Sdt") == 0 || strcmp(name, "Stm") == 0) {
		snprintf(line, sizeof(line), "@%s;%s;#", name,
		    text_clock(r, name, field) ? "OK" : "ERR");
		say(r, line);
	} else if (strcmp(name, "ATH") == 0 && !hurt(r, HURT_UNLOCK_REFUSED)) {
		say(r, "@ATH;OK;#");
		locked_open(r);
	} else {
		say(r, "@ERR;#");
	}
}

static void take_text(struct responder *r, const char *line, size_t len)
{
	char name[4] = "", field[33] = "";
	unsigned n;

	if (len < 8 || line[0] != '@' || memcmp(line + len - 2, ";#", 2) != 0 ||
	    sscanf(line, "@%3[A-Za-z];%u;%32[^;#]", name, &n, field) != 3) {
		r->stats.bad_commands++;
		say(r, "@ERR;#");
		return;
	}
	r->stats.commands++;
	run_text(r, name, field);
}

int amba_out(struct responder *r, const uint8_t *data, size_t len)
{
	static const uint8_t garbage[TEXT_MAX - 1] = { [0 ... TEXT_MAX - 2] = 0x5a };
	struct locked *l = r->camera->locked;
	char line[TEXT_MAX + 1] = "";

	if (l->language == SPEAKS_TEXT) {
		memcpy(line, data, len < TEXT_MAX ? len : TEXT_MAX);
		take_text(r, line, len < TEXT_MAX ? len : TEXT_MAX);
		return 0;
	}
	if (l->others == OTHERS_STALL) {
		r->halt_out = true;
		r->stats.halts++;
		return -EPIPE;
	}
	if (l->others == OTHERS_GARBAGE)
		responder_queue(r, garbage, sizeof(garbage));
	return 0;
}
