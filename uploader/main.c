/*
 * dockd-uploader: talks to one destination for the core.
 *
 * Owns the connection to the core, the slots and the loop (curl_multi_poll with the core's socket
 * beside curl's). Started by its service unit, as its own user; all it knows comes from the core in
 * DESTINATION, but for the secrets, whose paths come and which it reads itself. It keeps no state:
 * when the core closes the connection (reload, stop, death), every transfer is cut and it exits 0.
 */
#include "http.h"
#include "transfer.h"

#include "../dockd/base/log.h"
#include "../dockd/base/msg.h"
#include "../dockd/base/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define PROGRESS_MS 1000
#define REOPEN_MS 5000 /* a destination that could not work is looked at again */
#define MESSAGES_A_TURN 16

static const struct driver *const drivers[] = { &dir_driver, &tus_driver, &s3_driver };

enum state { STATE_HELLO, STATE_TOLD, STATE_OPENING, STATE_WORK };

#define IN(state) (1u << (state))

static const struct msg_rule rules[] = {
	{ MSG_WELCOME, IN(STATE_HELLO), 0 },
	{ MSG_DESTINATION, IN(STATE_TOLD), 0 },
	{ MSG_UPLOAD, IN(STATE_WORK), 1 },
	{ MSG_RECONFIRM, IN(STATE_WORK), 0 },
	{ MSG_REMOVE, IN(STATE_WORK), 0 },
	{ MSG_ABANDON, IN(STATE_WORK), 0 },
	{ MSG_PRESERVE, IN(STATE_WORK), 0 },
	{ MSG_PROCEED, IN(STATE_WORK), 0 },
	{ MSG_STOP_UPLOAD, IN(STATE_WORK), 0 },
};

struct uploader {
	int core;
	enum state state;
	struct http_room room;
	struct destination dest;
	struct transfer slots[PROTO_SLOTS];
	int64_t progress_ms; /* when PROGRESS is due */
	int64_t reopen_ms;
	char told[sizeof(((struct proto_ready *)0)->identity)]; /* to the core, as its identity */
	uint64_t turns; /* of the loop: one that does not wait shows here */
};

static struct uploader up;

static const struct driver *driver_of(uint32_t id)
{
	for (size_t i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++) {
		if (drivers[i]->id == id)
			return drivers[i];
	}
	return NULL;
}

/* ---- messages ---- */

static int take_welcome(const struct msg *m)
{
	const struct proto_welcome *w = (const void *)m->body;

	if (w->version != PROTO_VERSION) {
		log_error("version", "core=%u own=%u text=\"half-upgraded: restart all of dockd\"",
		    w->version, PROTO_VERSION);
		return -EPROTO;
	}
	memcpy(up.dest.station, w->station, sizeof(up.dest.station));
	up.state = STATE_TOLD;
	return 0;
}

static int take_destination(const struct msg *m)
{
	const struct proto_destination *c = (const void *)m->body;
	int err;

	up.dest.conf = *c;
	up.dest.driver = driver_of(c->driver);
	up.dest.room = &up.room;
	if (!up.dest.driver || c->slots < 1 || c->slots > PROTO_SLOTS || c->stall_ms == 0 ||
	    c->answer_ms == 0) {
		log_error("destination", "driver=%u slots=%u stall_ms=%u answer_ms=%u", c->driver,
		    c->slots, c->stall_ms, c->answer_ms);
		return -EPROTO;
	}
	line_open(&up.room.line, &up.dest.conf, transfer_now_ms());
	err = up.dest.driver->prepare ? up.dest.driver->prepare(&up.dest) : 0;
	if (err < 0) {
		log_error("destination", "driver=%u error=\"%s\"", c->driver, strerror(-err));
		return err;
	}
	err = sandbox_uploader();
	if (err < 0) {
		log_error("sandbox", "error=\"%s\" text=\"%s\"", strerror(-err), sandbox_why());
		return err;
	}
	up.state = STATE_OPENING;
	return up.dest.driver->open(&up.dest);
}

static struct transfer *slot_of(const struct msg *m)
{
	return m->head.slot < up.dest.conf.slots ? &up.slots[m->head.slot] : NULL;
}

/* UPLOAD or an errand: the slot has something to do. */
static int take_job(struct msg *m)
{
	const struct proto_upload *q = (const void *)m->body;
	int fd = m->head.type == MSG_UPLOAD ? m->fds[0] : -1;
	struct transfer *t = slot_of(m);
	int err;

	if (!t || t->state != TRANSFER_IDLE) {
		log_error("protocol", "message=%s slot=%u text=\"no such slot, or it is busy\"",
		    proto_name(m->head.type), m->head.slot);
		return -EPROTO;
	}
	t->dest = &up.dest;
	t->core = up.core;
	t->slot = m->head.slot;
	t->generation = m->head.generation;
	err = transfer_begin(t, m->head.type, q, fd);
	if (err == 0 && fd >= 0)
		m->fds[0] = -1;
	return err;
}

/* PROCEED and STOP may cross a slot's end on their way: an older generation is passed over. */
static int take_word(const struct msg *m)
{
	struct transfer *t = slot_of(m);

	if (!t)
		return -EPROTO;
	if (t->state == TRANSFER_IDLE || t->generation != m->head.generation)
		return 0;
	if (m->head.type == MSG_STOP_UPLOAD)
		transfer_stop(t);
	else if (!transfer_proceed(t))
		return -EPROTO;
	return 0;
}

static int take(struct msg *m)
{
	if (!msg_allowed(rules, sizeof(rules) / sizeof(rules[0]), m, up.state))
		return -EPROTO;
	switch (m->head.type) {
	case MSG_WELCOME:
		return take_welcome(m);
	case MSG_DESTINATION:
		return take_destination(m);
	case MSG_UPLOAD:
	case MSG_RECONFIRM:
	case MSG_REMOVE:
	case MSG_ABANDON:
	case MSG_PRESERVE:
		return take_job(m);
	}
	return take_word(m);
}

/* 1: the core has closed the connection; 0 or -errno. */
static int hear(void)
{
	static struct msg m;
	const char *why = "not allowed now";

	for (int i = 0; i < MESSAGES_A_TURN; i++) {
		int err = msg_recv(up.core, &m, 1, &why);

		if (err == -EAGAIN)
			return 0;
		if (err == 0)
			return 1;
		if (err == 1) {
			err = take(&m);
			msg_close_fds(&m);
		}
		if (err < 0) {
			log_error("protocol", "message=%s error=\"%s\" text=\"%s\"",
			    proto_name(m.head.type), strerror(-err), why);
			return err;
		}
	}
	return 0;
}

static int say_ready(void)
{
	const struct proto_ready *r = &up.dest.ready;

	log_event(r->status ? LOG_ERROR_LEVEL : LOG_INFO_LEVEL, "ready",
	    "destination=%s driver=%s status=%d level=%u text=\"%s\"", up.dest.name,
	    up.dest.driver->name, r->status, r->level, log_text(r->text));
	up.state = STATE_WORK;
	up.reopen_ms = transfer_now_ms() + REOPEN_MS;
	memcpy(up.told, r->identity, sizeof(up.told));
	return msg_send(up.core, MSG_READY, 0, 0, r, NULL, 0);
}

/* Whether READY is to be said: for the first time, or since it is another one than was told. */
static bool has_news(void)
{
	if (up.state == STATE_OPENING)
		return up.dest.told;
	return up.state == STATE_WORK && strcmp(up.told, up.dest.ready.identity) != 0;
}

/* What is known of certificates and was not told yet. 0 or -errno. */
static int say_certificates(void)
{
	for (uint32_t i = CERTIFICATE_CLIENT; i <= CERTIFICATE_SERVER; i++) {
		struct certificate *c = &up.room.trust.dates[i];
		struct proto_certificate told = {
			.which = i, .not_before_s = c->not_before_s, .not_after_s = c->not_after_s
		};
		int err;

		if (!c->known || c->told)
			continue;
		err = msg_send(up.core, MSG_CERTIFICATE, 0, 0, &told, NULL, 0);
		if (err < 0)
			return err;
		c->told = true;
	}
	return 0;
}

/* ---- the loop ---- */

static bool is_idle(void)
{
	for (unsigned i = 0; i < up.dest.conf.slots; i++) {
		if (up.slots[i].state != TRANSFER_IDLE)
			return false;
	}
	return true;
}

/*
 * READY said that the destination cannot work. Once what was wrong has been put right the process
 * ends, and its service starts it anew with another READY. One that works may have become another
 * one. 1: end; 0 or -errno.
 */
static int look_again(int64_t now)
{
	int err;

	if (up.dest.mended)
		return 1;
	if (now < up.reopen_ms)
		return 0;
	up.reopen_ms = now + REOPEN_MS;
	if (up.dest.ready.status == 0) {
		if (is_idle())
			up.dest.driver->look(&up.dest);
		return 0;
	}
	err = up.dest.driver->open(&up.dest);
	return err == 0 && up.dest.ready.status == 0 ? 1 : err;
}

static int sooner(int a, int b)
{
	if (a < 0 || b < 0)
		return a < 0 ? b : a;
	return a < b ? a : b;
}

/* Every slot's turn; how long the loop may wait then, in ms. */
static int turn(void)
{
	int64_t now = transfer_now_ms();
	int wait = http_watch(&up.room, now);
	bool progress = now >= up.progress_ms;
	bool active = false;

	for (unsigned i = 0; i < up.dest.conf.slots; i++) {
		struct transfer *t = &up.slots[i];

		if (t->state == TRANSFER_IDLE)
			continue;
		transfer_turn(t, now);
		if (progress)
			transfer_progress(t);
		active |= t->state != TRANSFER_IDLE;
	}
	for (unsigned i = 0; i < up.dest.conf.slots; i++)
		wait = sooner(wait, transfer_due_ms(&up.slots[i], now));
	if (progress)
		up.progress_ms = now + PROGRESS_MS;
	return active ? sooner(wait, (int)(up.progress_ms - now)) : wait;
}

static bool core_lost(void)
{
	for (unsigned i = 0; i < PROTO_SLOTS; i++) {
		if (up.slots[i].broken)
			return true;
	}
	return false;
}

/* 0 when the core has closed the connection, else -errno. */
static int loop(void)
{
	struct curl_waitfd extra[2] = { { .fd = up.core, .events = CURL_WAIT_POLLIN },
		{ .events = CURL_WAIT_POLLIN } };
	int running;
	int err;

	for (;;) {
		int wait;

		up.turns++;
		if (curl_multi_perform(up.room.multi, &running) != CURLM_OK)
			return -ENOMEM;
		http_collect(&up.room);
		wait = turn();
		if (core_lost())
			return -EPIPE;
		err = say_certificates();
		if (err < 0)
			return err;
		if (up.state == STATE_WORK &&
		    (up.dest.mended || up.dest.ready.status < 0 || up.dest.driver->look)) {
			err = look_again(transfer_now_ms());
			if (err != 0)
				return err < 0 ? err : 0;
			wait = sooner(wait, REOPEN_MS);
		}
		if (has_news()) {
			err = say_ready();
			if (err < 0)
				return err;
			wait = sooner(wait, REOPEN_MS);
		}
		extra[0].revents = extra[1].revents = 0;
		extra[1].fd = up.dest.side_fd;
		if (curl_multi_poll(up.room.multi, extra, up.dest.side_fd < 0 ? 1 : 2,
			wait < 0 ? 60000 : wait, NULL) != CURLM_OK)
			return -EIO;
		err = hear();
		if (err != 0)
			return err < 0 ? err : 0;
		err = up.dest.side_fd < 0 ? 0 : up.dest.driver->hear(&up.dest);
		if (err < 0)
			return err;
	}
}

static void drop_all(void)
{
	for (unsigned i = 0; i < up.dest.conf.slots; i++) {
		struct transfer *t = &up.slots[i];

		transfer_drop(t);
		http_free(t->http);
		t->http = NULL;
	}
}

static int reach_core(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int sock;

	if (strlen(path) >= sizeof(a.sun_path))
		return -ENAMETOOLONG;
	memcpy(a.sun_path, path, strlen(path) + 1);
	sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (sock < 0)
		return -errno;
	if (connect(sock, (const struct sockaddr *)&a, sizeof(a)) < 0) {
		int err = -errno;

		close(sock);
		return err;
	}
	return sock;
}

int main(int argc, char **argv)
{
	struct proto_hello hello = { .version = PROTO_VERSION, .role = PEER_UPLOADER };
	static const char usage[] = "usage: dockd-uploader --socket PATH DESTINATION";
	int err;

	if (argc == 2 && strcmp(argv[1], "--version") == 0)
		return puts("dockd-uploader " DOCKD_VERSION) < 0;
	if (argc == 2 && strcmp(argv[1], "--help") == 0)
		return puts(usage) < 0;
	log_open("dockd-uploader", NULL);
	if (argc != 4 || strcmp(argv[1], "--socket") != 0 || argv[3][0] == '\0' ||
	    strlen(argv[3]) >= sizeof(hello.name)) {
		fprintf(stderr, "%s\n", usage);
		return 2;
	}
	err = sandbox_basics();
	if (err < 0)
		fatal("error=\"%s\" text=\"%s\"", strerror(-err), sandbox_why());
	/* A connection that breaks while OpenSSL writes must not end the process. */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* EFBIG is an answer for one file, not the end of all */
	memcpy(hello.name, argv[3], strlen(argv[3]));
	memcpy(up.dest.name, hello.name, sizeof(hello.name));
	for (unsigned i = 0; i < PROTO_SLOTS; i++)
		up.slots[i].fd = -1;
	up.dest.side_fd = -1;
	up.core = reach_core(argv[2]);
	if (up.core < 0)
		fatal("socket=\"%s\" error=\"%s\"", argv[2], strerror(-up.core));
	if (http_room_open(&up.room) < 0)
		fatal("text=\"no memory\"");
	err = msg_send(up.core, MSG_HELLO, 0, 0, &hello, NULL, 0);
	if (!err)
		err = loop();
	drop_all();
	log_event(err ? LOG_ERROR_LEVEL : LOG_INFO_LEVEL, "bye",
	    "destination=%s turns=%llu error=\"%s\"", up.dest.name, (unsigned long long)up.turns,
	    err ? strerror(-err) : "");
	return err ? EXIT_FAILURE : EXIT_SUCCESS;
}
