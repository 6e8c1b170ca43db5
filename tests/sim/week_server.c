/*
 * week_server: the uploader's end of the core's socket, the line, and an evidence server behind it.
 *
 * Speaks the uploader's messages (PROTOCOL.md) in its place: CREATED, PROGRESS, RECEIPT, FAILED.
 * The line carries so many bytes a second, shared evenly by what is under way, but that all others
 * together have a sixteenth of it while something expedited is (uploader/bucket.c); what has arrived
 * is kept, as a tus server without a buffering proxy keeps it. When the line is cut nothing moves
 * for STALL_S, then the slots end; a connection that is tried meanwhile ends after CONNECT_S.
 */
#include "week.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define STALL_S 60
#define CONNECT_S 10
#define OBJECTS_MAX 65536
#define SIXTEENTH 16 /* the others', beside what is expedited */
#define NAME "evidence"

enum doing {
	IDLE = 0,
	CREATING, /* CREATED said, PROCEED awaited */
	SENDING,
	FAILING, /* FAILED at due_us */
};

struct transfer {
	enum doing doing;
	uint32_t generation;
	size_t object;
	uint64_t sent_bytes;
	int64_t due_us;
	bool stalled, expedited;
};

/* What was begun at the server. */
struct object {
	uint64_t size_bytes, has_bytes;
	uint8_t sha256[PROTO_SHA256_LEN];
	struct clip *clip; /* NULL: a side object of the station */
	bool receipted;
};

uint64_t server_sent_bytes;
unsigned server_attempts;

static struct object *objects;
static size_t objects_n;
static struct transfer transfers[PROTO_SLOTS];
static int sock = -1;
static const char *server_socket;

bool server_line_is_up(void)
{
	int64_t now_s = virtual_s();

	return now_s < plan.down_s || now_s >= plan.up_s;
}

static void tell(unsigned type, unsigned slot, const void *body)
{
	if (msg_send(sock, type, slot, transfers[slot].generation, body, NULL, 0) < 0)
		week_die("the core does not read");
}

static void tell_receipt(unsigned slot, const struct object *o, uint64_t sent_bytes)
{
	static struct proto_receipt r;

	r = (struct proto_receipt){ .level = LEVEL_STORED_DIGEST,
		.length_bytes = o->has_bytes,
		.sent_bytes = sent_bytes,
		.retain_until_s = PROTO_NO_TIME };
	memcpy(r.sha256, o->sha256, sizeof(r.sha256));
	snprintf(r.object, sizeof(r.object), "sim/%zu", (size_t)(o - objects));
	transfers[slot].doing = IDLE;
	tell(MSG_RECEIPT, slot, &r);
}

static void whole(unsigned slot)
{
	struct transfer *t = &transfers[slot];
	struct object *o = &objects[t->object];

	o->receipted = true;
	if (o->clip) {
		if (o->clip->receipted_s)
			week_die("clip %u arrives twice", o->clip->handle);
		o->clip->receipted_s = virtual_s() + 1;
	}
	tell_receipt(slot, o, t->sent_bytes);
}

static void fail(unsigned slot, enum upload_failure failure, const char *text)
{
	struct transfer *t = &transfers[slot];
	struct proto_failed f = { .failure = failure,
		.offset_bytes = objects[t->object].has_bytes,
		.sent_bytes = t->sent_bytes };

	snprintf(f.text, sizeof(f.text), "%s", text);
	t->doing = IDLE;
	tell(MSG_FAILED, slot, &f);
}

static void begin(unsigned slot, const struct msg *m)
{
	static struct proto_upload up;
	struct transfer *t = &transfers[slot];
	unsigned long long at = 0;
	struct object *o;

	memcpy(&up, m->body, sizeof(up));
	*t = (struct transfer){ .doing = SENDING,
		.generation = m->head.generation,
		.expedited = m->head.type == MSG_UPLOAD && up.urgency > 0 };
	if (sscanf(up.address, "sim/%llu", &at) == 1) {
		t->object = (size_t)at;
		o = &objects[t->object];
		if (at >= objects_n || memcmp(o->sha256, up.sha256, sizeof(up.sha256)) != 0)
			week_die("an upload goes on at another's address");
	} else {
		if (objects_n == OBJECTS_MAX)
			week_die("more objects than the table holds");
		t->object = objects_n;
		o = &objects[t->object];
		*o = (struct object){ .size_bytes = up.size_bytes };
		memcpy(o->sha256, up.sha256, sizeof(up.sha256));
		o->clip = up.kind == KIND_CLIP ? clip_of(up.sha256) : NULL;
		if (up.kind == KIND_CLIP && !o->clip)
			week_die("an upload of no clip that was ever recorded");
	}
	if (!server_line_is_up()) {
		server_attempts++;
		t->doing = FAILING;
		t->due_us = virtual_us + CONNECT_S * SECOND_US;
	} else if (m->head.type == MSG_RECONFIRM) {
		tell_receipt(slot, o, 0);
	} else if (!up.address[0]) {
		struct proto_address a = { .expires_s = PROTO_NO_TIME };

		if (o->clip)
			o->clip->objects++;
		objects_n++;
		snprintf(a.address, sizeof(a.address), "sim/%zu", t->object);
		t->doing = CREATING;
		tell(MSG_CREATED, slot, &a);
	}
}

static void open_again(void)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	struct proto_hello hello = { .version = PROTO_VERSION, .role = PEER_UPLOADER };

	sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", server_socket);
	snprintf(hello.name, sizeof(hello.name), NAME);
	if (sock < 0 || connect(sock, (struct sockaddr *)&sa, sizeof(sa)) < 0 ||
	    msg_send(sock, MSG_HELLO, 0, 0, &hello, NULL, 0) < 0)
		week_die("the uploader cannot connect: %s", strerror(errno));
}

void server_open(const char *socket_path)
{
	server_socket = socket_path;
	objects = calloc(OBJECTS_MAX, sizeof(*objects));
	if (!objects)
		week_die("out of memory");
}

bool server_turn(void)
{
	static struct proto_ready ready = {
		.level = LEVEL_STORED_DIGEST, .can = READY_CONFIRMS, .identity = "sim week"
	};
	bool some = false;
	struct msg m;

	if (sock < 0) {
		open_again();
		return true;
	}
	while (msg_recv(sock, &m, 1, NULL) == 1) {
		unsigned slot = m.head.slot;

		some = true;
		switch (m.head.type) {
		case MSG_DESTINATION:
			if (msg_send(sock, MSG_READY, 0, 0, &ready, NULL, 0) < 0)
				week_die("the core does not read");
			break;
		case MSG_UPLOAD:
		case MSG_RECONFIRM:
			begin(slot, &m);
			break;
		case MSG_PROCEED:
			if (transfers[slot].doing == CREATING)
				transfers[slot].doing = SENDING;
			break;
		case MSG_STOP_UPLOAD:
			if (transfers[slot].doing != IDLE)
				fail(slot, UPLOAD_STOPPED, "stopped as asked");
			break;
		case MSG_WELCOME:
			break;
		default:
			week_die("%s is not played", proto_name(m.head.type));
		}
		msg_close_fds(&m);
	}
	return some;
}

/* Those of one kind that have something left to send. */
static unsigned sending(bool expedited)
{
	unsigned n = 0;

	for (unsigned i = 0; i < PROTO_SLOTS; i++) {
		const struct transfer *t = &transfers[i];
		const struct object *o = &objects[t->object];

		n += t->doing == SENDING && t->expedited == expedited &&
		    o->has_bytes < o->size_bytes;
	}
	return n;
}

/* So many bytes, shared evenly; what one does not need is the others'. What is left over. */
static uint64_t share(bool expedited, uint64_t bytes)
{
	for (;;) {
		unsigned n = sending(expedited);
		uint64_t each = n ? bytes / n : 0;

		if (each == 0)
			return bytes;
		for (unsigned i = 0; i < PROTO_SLOTS; i++) {
			struct transfer *t = &transfers[i];
			struct object *o = &objects[t->object];
			uint64_t more = o->size_bytes - o->has_bytes;

			if (t->doing != SENDING || t->expedited != expedited || more == 0)
				continue;
			if (more > each)
				more = each;
			o->has_bytes += more;
			t->sent_bytes += more;
			server_sent_bytes += more;
			if (o->clip)
				o->clip->sent_bytes += more;
			bytes -= more;
		}
	}
}

/* Others have their part first: only what they leave, and they only what is left then, is more. */
static void carry(uint64_t bytes)
{
	uint64_t beside = sending(true) > 0 ? bytes / SIXTEENTH : 0;
	uint64_t left = bytes - beside + share(false, beside);

	(void)share(false, share(true, left));
}

void server_passed(uint64_t us)
{
	bool up = server_line_is_up();

	if (sock < 0)
		return;
	if (up)
		carry(plan.line_per_s * us / (uint64_t)SECOND_US);
	for (unsigned i = 0; i < PROTO_SLOTS; i++) {
		struct transfer *t = &transfers[i];
		struct proto_progress p = { .offset_bytes = objects[t->object].has_bytes,
			.sent_bytes = t->sent_bytes,
			.expires_s = PROTO_NO_TIME };

		if (t->doing == FAILING && virtual_us >= t->due_us) {
			fail(i, UPLOAD_AWAY, "no route to host");
		} else if (!up && (t->doing == SENDING || t->doing == CREATING)) {
			if (!t->stalled)
				t->due_us = virtual_us + STALL_S * SECOND_US;
			t->stalled = true;
			if (virtual_us >= t->due_us)
				fail(i, UPLOAD_AWAY, "no byte was taken for a minute");
		} else if (t->doing == SENDING) {
			t->stalled = false;
			if (objects[t->object].has_bytes == objects[t->object].size_bytes)
				whole(i);
			else
				tell(MSG_PROGRESS, i, &p);
		}
	}
}
