#include "transfer.h"

#include "http.h"

#include "../dockd/base/handover.h"
#include "../dockd/base/log.h"
#include "../dockd/base/msg.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define TRIES_MAX 5u     /* without a byte of progress, then the core waits, not the slot */
#define RECREATED_MAX 2u /* a server that forgets what it has just created */
#define PAUSE_FIRST_MS 100
#define GONE_TIMES 2u
#define GONE_PAUSE_MS 2000 /* a server that is being restarted is not asked twice in one go */

int64_t transfer_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void tell(struct transfer *t, unsigned type, const void *body)
{
	int err = msg_send(t->core, type, t->slot, t->generation, body, NULL, 0);

	if (err == 0 || (err == -EAGAIN && type == MSG_PROGRESS))
		return;
	log_error("core-lost", "message=%s error=\"%s\"", proto_name(type), strerror(-err));
	t->broken = true;
}

static void explain(struct transfer *t, enum upload_failure failure, const char *fmt, va_list ap)
{
	char text[sizeof(t->failed.text)]; /* the old one may be part of it */

	vsnprintf(text, sizeof(text), fmt, ap);
	memcpy(t->failed.text, text, sizeof(text));
	t->failed.failure = failure;
}

enum act_result transfer_fail(struct transfer *t, enum upload_failure failure, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	explain(t, failure, fmt, ap);
	va_end(ap);
	return ACT_FAILED;
}

enum act_result transfer_ask(struct transfer *t, enum upload_failure failure, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	explain(t, failure, fmt, ap);
	va_end(ap);
	return ACT_ASK;
}

void transfer_state(struct transfer *t, const char *word)
{
	snprintf(t->failed.state, sizeof(t->failed.state), "%s", word);
}

void transfer_wake(struct transfer *t)
{
	if (t->state == TRANSFER_LOCAL || t->state == TRANSFER_WAIT)
		t->state = TRANSFER_TURN;
}

enum act_result transfer_heard(struct transfer *t)
{
	const struct http *h = t->http;

	transfer_state(t, h->state);
	switch (h->end) {
	case HTTP_ANSWERED:
		break;
	case HTTP_AWAY:
		return transfer_fail(t, UPLOAD_AWAY, "out of reach: %s", h->why);
	case HTTP_TLS:
		return transfer_fail(t, UPLOAD_DESTINATION, "%s", h->why);
	case HTTP_SOURCE:
		return transfer_fail(t, UPLOAD_SOURCE, "the station's copy: %s", h->why);
	case HTTP_CUT:
		/* it had its time: others have the slot before it is tried again */
		if (strcmp(h->state, "trickles") == 0)
			return transfer_fail(t, UPLOAD_LATER, "%s", h->why);
		return transfer_ask(t, UPLOAD_LATER, "%s", h->why[0] ? h->why : "no answer");
	case HTTP_BAD:
		return transfer_ask(t, UPLOAD_LATER, "%s", h->why[0] ? h->why : "no answer");
	}
	return ACT_DONE;
}

static bool is_expedited(const struct transfer *t)
{
	return t->job == MSG_UPLOAD && t->upload.urgency > 0;
}

bool transfer_begins_another(struct transfer *t)
{
	if (!line_admits(&t->dest->room->line, is_expedited(t)))
		return false;
	line_began(&t->dest->room->line, is_expedited(t));
	return true;
}

static void let_go(struct transfer *t)
{
	if (is_expedited(t))
		line_urgent(&t->dest->room->line, -1);
	t->dest->driver->end(t);
	if (t->fd >= 0)
		close(t->fd);
	t->fd = -1;
	t->state = TRANSFER_IDLE;
}

void transfer_drop(struct transfer *t)
{
	if (t->state != TRANSFER_IDLE)
		let_go(t);
}

static void send_failed(struct transfer *t)
{
	t->failed.offset_bytes = t->offset_bytes;
	t->failed.sent_bytes = t->sent_bytes;
	log_event(t->failed.failure == UPLOAD_STOPPED ? LOG_INFO_LEVEL : LOG_WARN_LEVEL,
	    t->job == MSG_UPLOAD        ? "upload-failed" :
		t->job == MSG_RECONFIRM ? "reconfirm-failed" :
					  "remove-failed",
	    "slot=%u asset=%.16s failure=%u status=%u offset=%llu sent=%llu text=\"%s\"", t->slot,
	    log_text(t->upload.asset), t->failed.failure, t->failed.http_status,
	    (unsigned long long)t->offset_bytes, (unsigned long long)t->sent_bytes,
	    log_text(t->failed.text));
	let_go(t);
	tell(t, MSG_FAILED, &t->failed);
}

static void send_receipt(struct transfer *t)
{
	struct proto_receipt *r = &t->receipt;

	r->sent_bytes = t->sent_bytes;
	snprintf(r->object, sizeof(r->object), "%s", t->address);
	log_info(t->job == MSG_UPLOAD ? "upload-receipt" : "reconfirm-receipt",
	    "slot=%u asset=%.16s level=%u length=%llu sent=%llu object=\"%s\"", t->slot,
	    log_text(t->upload.asset), r->level, (unsigned long long)r->length_bytes,
	    (unsigned long long)t->sent_bytes, log_text(t->address));
	let_go(t);
	tell(t, MSG_RECEIPT, r);
	if (t->job == MSG_UPLOAD)
		handover("uploader-receipted");
	else
		handover("uploader-reconfirmed");
}

static void send_preserved(struct transfer *t)
{
	struct proto_status s = { 0 };

	log_info("preserved", "slot=%u asset=%.16s hold=%u object=\"%s\"", t->slot,
	    log_text(t->upload.asset), t->upload.preserved, log_text(t->upload.address));
	let_go(t);
	tell(t, MSG_PRESERVED, &s);
	handover("uploader-preserved");
}

/* status: 0 or -ENOENT. */
static void send_removed(struct transfer *t, int status)
{
	struct proto_status s = { .status = status };

	snprintf(s.text, sizeof(s.text), "%.*s", (int)sizeof(s.text) - 1, t->failed.text);
	log_info("removed", "slot=%u asset=%.16s status=%d object=\"%s\" text=\"%s\"", t->slot,
	    log_text(t->upload.asset), status, log_text(t->upload.address), log_text(s.text));
	let_go(t);
	tell(t, MSG_REMOVED, &s);
	handover("uploader-removed");
}

static void send_created(struct transfer *t)
{
	struct proto_address a = { .expires_s = t->expires_s, .found = t->found };

	snprintf(a.address, sizeof(a.address), "%s", t->address);
	snprintf(a.text, sizeof(a.text), "%s", t->reason);
	log_info("upload-created", "slot=%u asset=%.16s address=\"%s\" reason=\"%s\"", t->slot,
	    log_text(t->upload.asset), log_text(t->address), log_text(t->reason));
	t->reason[0] = '\0';
	t->state = TRANSFER_PROCEED;
	tell(t, MSG_CREATED, &a);
	handover("uploader-created");
}

static void go(struct transfer *t, enum act_result (*act)(struct transfer *t))
{
	t->act = act;
	t->state = TRANSFER_TURN;
}

/* The next act, now that the offset is known. */
static void go_on(struct transfer *t)
{
	const struct driver *d = t->dest->driver;

	if (t->offset_bytes == t->upload.size_bytes) {
		if (!t->proven)
			handover("uploader-sent");
		t->proven = true;
		go(t, d->finish);
		return;
	}
	if (!t->appended)
		handover("uploader-patch");
	t->appended = true;
	go(t, d->append);
}

/* Full jitter would hide the order of retries from tests; the core's back-off has the jitter. */
static void pause_and_ask(struct transfer *t)
{
	const struct driver *d = t->dest->driver;

	if (++t->tries > TRIES_MAX) {
		send_failed(t);
		return;
	}
	log_debug("upload-retry", "slot=%u try=%u status=%u text=\"%s\"", t->slot, t->tries,
	    t->failed.http_status, log_text(t->failed.text));
	if (t->job == MSG_UPLOAD)
		t->act = t->address[0] ? d->query : d->create;
	t->pause_until_ms = transfer_now_ms() + ((int64_t)PAUSE_FIRST_MS << (t->tries - 1));
	t->state = TRANSFER_PAUSE;
}

static void create_anew(struct transfer *t)
{
	if (++t->recreated > RECREATED_MAX) {
		transfer_state(t, "forgets");
		transfer_fail(
		    t, UPLOAD_LATER, "the destination forgets uploads that it has just created");
		send_failed(t);
		return;
	}
	log_warn("upload-gone", "slot=%u asset=%.16s address=\"%s\" text=\"%s\"", t->slot,
	    log_text(t->upload.asset), log_text(t->address), log_text(t->failed.text));
	snprintf(t->reason, sizeof(t->reason), "%.*s", (int)sizeof(t->reason) - 1, t->failed.text);
	t->address[0] = '\0';
	t->offset_bytes = 0;
	t->best_bytes = 0;
	go(t, t->dest->driver->create);
}

/* Once may be a server that has just come up without its disk. */
static void not_there(struct transfer *t)
{
	if (t->job == MSG_REMOVE || t->job == MSG_ABANDON) {
		send_removed(t, -ENOENT);
		return;
	}
	if (++t->gone < GONE_TIMES) {
		t->pause_until_ms = transfer_now_ms() + GONE_PAUSE_MS;
		t->state = TRANSFER_PAUSE;
		return;
	}
	t->failed.failure = UPLOAD_LOST;
	send_failed(t);
}

/* Whether the destination has more than ever before: then what did not go is forgotten. */
static bool note_progress(struct transfer *t)
{
	if (t->offset_bytes <= t->best_bytes)
		return false;
	t->best_bytes = t->offset_bytes;
	t->tries = 0;
	return true;
}

static void act_done(struct transfer *t)
{
	const struct driver *d = t->dest->driver;

	if (t->job == MSG_RECONFIRM) {
		send_receipt(t);
		return;
	}
	if (t->job == MSG_PRESERVE) {
		send_preserved(t);
		return;
	}
	if (t->job == MSG_REMOVE || t->job == MSG_ABANDON) {
		t->failed.text[0] = '\0';
		send_removed(t, 0);
		return;
	}
	if (t->act == d->create) {
		send_created(t);
		return;
	}
	if (t->act == d->finish) {
		send_receipt(t);
		return;
	}
	if (!note_progress(t) && t->act == d->append) {
		transfer_state(t, "stands-still");
		transfer_ask(
		    t, UPLOAD_LATER, "the destination takes data but its offset stands still");
		pause_and_ask(t);
		return;
	}
	go_on(t);
}

/* Whether the act would begin a body that the line does not admit now. */
static bool has_to_wait(const struct transfer *t)
{
	return t->act == t->dest->driver->append && !t->asked &&
	    !line_admits(&t->dest->room->line, is_expedited(t));
}

static enum act_result call(struct transfer *t)
{
	struct line *line = &t->dest->room->line;
	bool before = t->asked;
	enum act_result result = t->act(t);

	t->asked = result == ACT_WAIT;
	if (t->act == t->dest->driver->append && t->asked && !before)
		line_began(line, is_expedited(t));
	line_sent(line, is_expedited(t), t->sent_bytes - t->told_bytes);
	t->told_bytes = t->sent_bytes;
	return result;
}

void transfer_turn(struct transfer *t, int64_t now_ms)
{
	if ((t->state == TRANSFER_PAUSE && now_ms >= t->pause_until_ms) ||
	    t->state == TRANSFER_HOLD)
		t->state = TRANSFER_TURN;
	if (t->state != TRANSFER_TURN)
		return;
	if (has_to_wait(t)) {
		t->state = TRANSFER_HOLD;
		return;
	}
	switch (call(t)) {
	case ACT_DONE:
		act_done(t);
		break;
	case ACT_AGAIN:
		break;
	case ACT_WAIT:
		note_progress(t);
		t->state = TRANSFER_WAIT;
		break;
	case ACT_LOCAL:
		t->state = TRANSFER_LOCAL;
		break;
	case ACT_HELD:
		t->state = TRANSFER_PAUSE;
		break;
	case ACT_ASK:
		pause_and_ask(t);
		break;
	case ACT_GONE:
		if (t->job == MSG_UPLOAD)
			create_anew(t);
		else
			not_there(t);
		break;
	case ACT_FAILED:
		send_failed(t);
		break;
	}
}

int transfer_due_ms(const struct transfer *t, int64_t now_ms)
{
	if (t->state == TRANSFER_TURN)
		return 0;
	if (t->state == TRANSFER_HOLD)
		return has_to_wait(t) ? line_due_ms(&t->dest->room->line, now_ms) : 0;
	if (t->state != TRANSFER_PAUSE)
		return -1;
	return now_ms >= t->pause_until_ms ? 0 : (int)(t->pause_until_ms - now_ms);
}

/* The act of a transfer that must not begin. */
static enum act_result not_ready(struct transfer *t)
{
	return transfer_fail(
	    t, t->job == MSG_UPLOAD ? UPLOAD_DESTINATION : UPLOAD_AWAY, "%s", t->dest->ready.text);
}

static enum act_result not_whole(struct transfer *t)
{
	return transfer_fail(t, UPLOAD_SOURCE,
	    "the station's copy has not the %llu bytes that it should",
	    (unsigned long long)t->upload.size_bytes);
}

static enum act_result not_offered(struct transfer *t)
{
	return transfer_fail(t, UPLOAD_CANNOT, "this destination offers no way to do that");
}

static bool is_whole(const struct transfer *t)
{
	struct stat st;

	return fstat(t->fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    (uint64_t)st.st_size == t->upload.size_bytes;
}

static enum act_result (*first_act(struct transfer *t))(struct transfer *t)
{
	const struct driver *d = t->dest->driver;

	if (t->dest->ready.status < 0)
		return not_ready;
	if (t->job == MSG_RECONFIRM)
		return d->confirm ? d->confirm : not_offered;
	if (t->job == MSG_REMOVE)
		return d->remove ? d->remove : not_offered;
	if (t->job == MSG_ABANDON)
		return d->abandon ? d->abandon : not_offered;
	if (t->job == MSG_PRESERVE)
		return d->preserve ? d->preserve : not_offered;
	if (!is_whole(t))
		return not_whole;
	return t->address[0] ? d->query : d->create;
}

int transfer_begin(struct transfer *t, unsigned job, const struct proto_upload *upload, int fd)
{
	int err;

	t->job = job;
	t->upload = *upload;
	t->fd = fd;
	memcpy(t->address, upload->address, sizeof(t->address));
	t->offset_bytes = t->best_bytes = t->sent_bytes = t->told_bytes = 0;
	t->offset_known = t->appended = t->proven = t->found = t->asked = false;
	t->expires_s = PROTO_NO_TIME;
	t->tries = t->recreated = t->gone = 0;
	t->reason[0] = '\0';
	memset(&t->failed, 0, sizeof(t->failed));
	memset(&t->receipt, 0, sizeof(t->receipt));
	t->receipt.retain_until_s = PROTO_NO_TIME;
	err = t->dest->driver->begin(t);
	if (err < 0) {
		t->fd = -1;
		return err;
	}
	if (is_expedited(t))
		line_urgent(&t->dest->room->line, 1);
	go(t, first_act(t));
	return 0;
}

bool transfer_proceed(struct transfer *t)
{
	if (t->state != TRANSFER_PROCEED)
		return false;
	if (t->offset_known)
		go_on(t);
	else
		go(t, t->dest->driver->query);
	return true;
}

void transfer_stop(struct transfer *t)
{
	if (t->state == TRANSFER_IDLE)
		return;
	transfer_fail(t, UPLOAD_STOPPED, "stopped as asked");
	send_failed(t);
}

void transfer_progress(struct transfer *t)
{
	struct proto_progress p = { t->offset_bytes, t->sent_bytes, t->expires_s };

	if (t->state != TRANSFER_IDLE && t->job == MSG_UPLOAD)
		tell(t, MSG_PROGRESS, &p);
}
