/*
 * control: the line protocol by which tests drive a simulated camera.
 *
 * One command a line, one JSON object a line back. `wait` is answered when it has come true, so
 * that no test needs to sleep. The commands are in the table at the end; words may be "quoted".
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "control.h"

#define CLIENTS (CONTROL_FDS - 1)
#define LINE_MAX_BYTES 262144u
#define WORDS 16

struct client {
	int fd;
	char *line;
	size_t len;
	char wait[512]; /* the key of a wait under way, "" for none */
	bool exactly;
	uint64_t wanted, until_ns;
};

static int listener = -1;
static struct client clients[CLIENTS];

int control_open(const char *path)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };

	for (size_t i = 0; i < CLIENTS; i++)
		clients[i].fd = -1;
	if (strlen(path) >= sizeof(sa.sun_path))
		return -ENAMETOOLONG;
	memcpy(sa.sun_path, path, strlen(path));
	unlink(path);
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (listener < 0 || bind(listener, (struct sockaddr *)&sa, sizeof(sa)) < 0 ||
	    chmod(path, 0666) < 0 || listen(listener, 8) < 0) {
		fprintf(stderr, "vcam: %s: %s\n", path, strerror(errno));
		return -errno;
	}
	return 0;
}

static void drop_client(struct client *c)
{
	close(c->fd);
	free(c->line);
	*c = (struct client){ .fd = -1 };
}

/* Sends an answer and frees it. Answers are small or the client reads: it may block for a while. */
static void answer(struct client *c, json_t *what)
{
	char *text = json_dumps(what, JSON_COMPACT);
	size_t len = text ? strlen(text) : 0;
	struct iovec iov[2] = { { text, len }, { (void *)(uintptr_t) "\n", 1 } };
	struct msghdr mh = { .msg_iov = iov, .msg_iovlen = 2 };

	json_decref(what);
	while (text && mh.msg_iovlen) {
		ssize_t n = sendmsg(c->fd, &mh, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			drop_client(c);
			break;
		}
		while (mh.msg_iovlen && (size_t)n >= mh.msg_iov->iov_len) {
			n -= (ssize_t)mh.msg_iov->iov_len;
			mh.msg_iov++;
			mh.msg_iovlen--;
		}
		if (mh.msg_iovlen) {
			mh.msg_iov->iov_base = (char *)mh.msg_iov->iov_base + n;
			mh.msg_iov->iov_len -= (size_t)n;
		}
	}
	free(text);
}

json_t *control_yes(void)
{
	return json_pack("{s:b}", "ok", 1);
}

json_t *control_no(const char *why)
{
	return json_pack("{s:b, s:s}", "ok", 0, "error", why);
}

/* ---- what can be asked and waited for ---- */

static const struct {
	const char *name;
	size_t place;
} counters[] = {
#define OF_VCAM(field)                                                                             \
	{                                                                                          \
#field, offsetof(struct vcam, field)                                               \
	}
#define OF_STATS(field)                                                                            \
	{                                                                                          \
#field, offsetof(struct vcam, responder.stats.field)                               \
	}
	OF_VCAM(plugs),
	OF_VCAM(pulls),
	OF_VCAM(connections),
	OF_VCAM(superseded),
	OF_STATS(sessions),
	OF_STATS(payload),
	OF_STATS(commands),
	OF_STATS(stale_opens),
	OF_STATS(bad_transactions),
	OF_STATS(bad_commands),
	OF_STATS(halts),
	OF_STATS(clear_halts),
	OF_STATS(cancels),
	OF_STATS(device_resets),
	OF_STATS(port_resets),
	OF_STATS(events),
	{ "deletions", offsetof(struct vcam, camera.contents.deleted) },
};
#define COUNTERS (sizeof(counters) / sizeof(counters[0]))

static uint64_t counter(const struct vcam *v, size_t i)
{
	uint64_t value;

	memcpy(&value, (const uint8_t *)v + counters[i].place, sizeof(value));
	return value;
}

/* The number behind a key: a counter, "plugged", "connected", "session", "clocks_set",
 * "bytes:PATH" (payload of it sent), "fired:FAULT", "op:CODE". False: no such key. */
static bool value_of(const struct vcam *v, const char *key, uint64_t *value)
{
	const struct contents *c = &v->camera.contents;

	*value = 0;
	if (control_disk_value(v, key, value))
		return true;
	if (strncmp(key, "bytes:", 6) == 0) {
		for (size_t i = 0; i < c->count; i++) {
			if (strcmp(c->objects[i]->path, key + 6) == 0)
				*value += c->objects[i]->sent;
		}
		return true;
	}
	if (strncmp(key, "op:", 3) == 0) {
		for (size_t i = 0; i < OPS_MAX; i++) {
			if (v->responder.stats.ops[i].op == strtoul(key + 3, NULL, 0))
				*value = v->responder.stats.ops[i].n;
		}
		return true;
	}
	for (unsigned i = 0; strncmp(key, "fired:", 6) == 0 && i < HURT_KINDS; i++) {
		*value = v->camera.faults.fired[i];
		if (strcmp(fault_name((enum fault_kind)i), key + 6) == 0)
			return true;
	}
	for (size_t i = 0; i < COUNTERS; i++) {
		*value = counter(v, i);
		if (strcmp(counters[i].name, key) == 0)
			return true;
	}
	*value = strcmp(key, "plugged") == 0 ? v->plugged :
	    strcmp(key, "connected") == 0    ? v->connected :
	    strcmp(key, "session") == 0      ? v->responder.session :
					       v->camera.clocks_set;
	return strcmp(key, "plugged") == 0 || strcmp(key, "connected") == 0 ||
	    strcmp(key, "session") == 0 || strcmp(key, "clocks_set") == 0;
}

static json_t *object_json(const struct object *o, bool digest)
{
	json_t *j = json_pack("{s:I, s:I, s:b}", "size", (json_int_t)o->size, "sent",
	    (json_int_t)o->sent, "folder", o->folder);
	char hex[65];

	if (digest && !o->folder && contents_digest(o, hex) == 0)
		json_object_set_new(j, "sha256", json_string(hex));
	if (o->mtime != NO_TIME)
		json_object_set_new(j, "mtime", json_integer(o->mtime));
	return j;
}

/* ---- commands ---- */

static json_t *do_plug(struct vcam *v, char **words, size_t n, const char *rest)
{
	int r = vcam_plug(v, words[1]);

	(void)n;
	(void)rest;
	return r < 0 ? control_no(strerror(-r)) : control_yes();
}

static json_t *do_unplug(struct vcam *v, char **words, size_t n, const char *rest)
{
	(void)words;
	(void)n;
	(void)rest;
	if (!v->plugged && !v->back_ns)
		return control_no("not plugged");
	v->back_ns = 0;
	vcam_unplug(v);
	return control_yes();
}

static json_t *do_presence(struct vcam *v, char **words, size_t n, const char *rest)
{
	(void)n;
	(void)rest;
	snprintf(v->presence, sizeof(v->presence), "%s", words[1]);
	v->face->changed(v);
	return control_yes();
}

static json_t *do_fault(struct vcam *v, char **words, size_t n, const char *rest)
{
	const char *why = NULL;

	(void)rest;
	if (!camera_hurt(&v->camera, words[1], words + 2, n - 2, &why))
		return control_no(why ? why : "refused");
	return control_yes();
}

static json_t *do_clear(struct vcam *v, char **words, size_t n, const char *rest)
{
	(void)words;
	(void)n;
	(void)rest;
	faults_clear(&v->camera.faults);
	v->responder.silence = TALKS;
	v->responder.flood_left = 0;
	return control_yes();
}

static json_t *do_stats(struct vcam *v, char **words, size_t n, const char *rest)
{
	const struct contents *c = &v->camera.contents;
	json_t *j = control_yes(), *ops = json_object(), *fired = json_object(),
	       *paths = json_array();
	char code[16];

	(void)words;
	(void)n;
	(void)rest;
	for (size_t i = 0; i < COUNTERS; i++)
		json_object_set_new(j, counters[i].name, json_integer((json_int_t)counter(v, i)));
	json_object_set_new(j, "plugged", json_boolean(v->plugged));
	json_object_set_new(j, "connected", json_boolean(v->connected));
	json_object_set_new(j, "session", json_boolean(v->responder.session));
	json_object_set_new(j, "port", json_string(v->port));
	json_object_set_new(j, "clocks_set", json_integer(v->camera.clocks_set));
	json_object_set_new(j, "name", json_string(v->camera.name));
	json_object_set_new(j, "mode", json_integer(v->camera.mode));
	json_object_set_new(j, "settings_set", json_integer(v->camera.settings_set));
	json_object_set_new(j, "clock_offset", json_integer(v->camera.clock_offset_s));
	for (size_t i = 0; i < OPS_MAX && v->responder.stats.ops[i].n; i++) {
		snprintf(code, sizeof(code), "0x%04x", v->responder.stats.ops[i].op);
		json_object_set_new(
		    ops, code, json_integer((json_int_t)v->responder.stats.ops[i].n));
	}
	for (unsigned i = 0; i < HURT_KINDS; i++) {
		if (v->camera.faults.fired[i])
			json_object_set_new(fired, fault_name((enum fault_kind)i),
			    json_integer((json_int_t)v->camera.faults.fired[i]));
	}
	for (uint64_t i = 0; i < c->deleted; i++)
		json_array_append_new(paths, json_string(c->deleted_paths[i]));
	control_disk_stats(v, j);
	json_object_set_new(j, "ops", ops);
	json_object_set_new(j, "fired", fired);
	json_object_set_new(j, "deleted", paths);
	return j;
}

/* Files that are present; "objects digest" adds SHA-256. */
static json_t *do_objects(struct vcam *v, char **words, size_t n, const char *rest)
{
	const struct contents *c = &v->camera.contents;
	json_t *list = json_object();

	(void)rest;
	for (size_t i = 0; i < c->count; i++) {
		const struct object *o = c->objects[i];

		if (!o->gone && !o->folder)
			json_object_set_new(list, o->path,
			    object_json(o, n > 1 && strcmp(words[1], "digest") == 0));
	}
	return json_pack("{s:b, s:o}", "ok", 1, "objects", list);
}

static json_t *do_add(struct vcam *v, char **words, size_t n, const char *rest)
{
	const char *why = NULL;
	struct object *o = scenario_add(&v->camera, rest, &why);

	(void)words;
	(void)n;
	if (!o)
		return control_no(why);
	responder_say(&v->responder, 0x4002, o->number + v->responder.handle_base);
	return control_yes();
}

static json_t *do_remove(struct vcam *v, char **words, size_t n, const char *rest)
{
	struct object *o = contents_find(&v->camera.contents, words[1]);

	(void)n;
	(void)rest;
	if (!o)
		return control_no("no such object");
	responder_say(&v->responder, 0x4003, o->number + v->responder.handle_base);
	contents_remove(&v->camera.contents, o, false);
	return control_yes();
}

static json_t *do_grow(struct vcam *v, char **words, size_t n, const char *rest)
{
	struct object *o = contents_find(&v->camera.contents, words[1]);

	(void)n;
	(void)rest;
	if (!o)
		return control_no("no such object");
	contents_grow(o, strtoull(words[2], NULL, 0));
	responder_say(&v->responder, 0x4007, o->number + v->responder.handle_base);
	return control_yes();
}

static json_t *do_touch(struct vcam *v, char **words, size_t n, const char *rest)
{
	struct object *o = contents_find(&v->camera.contents, words[1]);

	(void)n;
	(void)rest;
	if (!o)
		return control_no("no such object");
	o->mtime = strcmp(words[2], "none") == 0 ? NO_TIME : strtoll(words[2], NULL, 0);
	responder_say(&v->responder, 0x4007, o->number + v->responder.handle_base);
	return control_yes();
}

static json_t *do_digest(struct vcam *v, char **words, size_t n, const char *rest)
{
	struct object *o = contents_find(&v->camera.contents, words[1]);

	(void)n;
	(void)rest;
	return o ? json_pack("{s:b, s:o}", "ok", 1, "object", object_json(o, true)) :
		   control_no("no such object");
}

static json_t *do_battery(struct vcam *v, char **words, size_t n, const char *rest)
{
	(void)n;
	(void)rest;
	v->camera.battery = (uint8_t)strtoul(words[1], NULL, 0);
	responder_say(&v->responder, 0x4006, 0x5001);
	return control_yes();
}

static json_t *do_rate(struct vcam *v, char **words, size_t n, const char *rest)
{
	(void)n;
	(void)rest;
	v->camera.rate = strtoull(words[1], NULL, 0);
	return control_yes();
}

static json_t *do_quit(struct vcam *v, char **words, size_t n, const char *rest)
{
	(void)words;
	(void)n;
	(void)rest;
	v->quit = true;
	return control_yes();
}

static const struct {
	const char *name;
	size_t words; /* at least, the name included */
	json_t *(*run)(struct vcam *v, char **words, size_t n, const char *rest);
} commands[] = {
	{ "plug", 2, do_plug }, /* plug PORT */
	{ "unplug", 1, do_unplug },
	{ "presence", 2, do_presence }, /* presence ready|not-authorised|not-configured */
	{ "fault", 2, do_fault },       /* fault NAME key=value ... */
	{ "clear", 1, do_clear },
	{ "stats", 1, do_stats },
	{ "objects", 1, do_objects },    /* objects [digest] */
	{ "add", 2, do_add },            /* add {JSON} */
	{ "remove", 2, do_remove },      /* remove PATH */
	{ "grow", 3, do_grow },          /* grow PATH BYTES */
	{ "touch", 3, do_touch },        /* touch PATH SECONDS|none */
	{ "digest", 2, do_digest },      /* digest PATH */
	{ "battery", 2, do_battery },    /* battery PERCENT */
	{ "rate", 2, do_rate },          /* rate BYTES-A-SECOND */
	{ "sent", 2, control_sent },     /* sent LUN [FROM UPTO]: bytes of the medium */
	{ "poke", 4, control_poke },     /* poke LUN OFFSET FILE: written to the image */
	{ "medium", 3, control_medium }, /* medium LUN in|out */
	{ "quit", 1, do_quit },
};

/* Splits in place at blanks; "quotes" hold words together, \ takes the next character as it is. */
static size_t split(char *line, char **words)
{
	char *to = line;
	size_t n = 0;

	for (char *p = line; *p && n < WORDS;) {
		bool quoted = false;

		while (*p == ' ')
			p++;
		if (!*p)
			break;
		words[n++] = to;
		for (; *p && (quoted || *p != ' '); p++) {
			if (*p == '"')
				quoted = !quoted;
			else
				*to++ = *p == '\\' && p[1] ? *++p : *p;
		}
		if (*p)
			p++;
		*to++ = '\0';
	}
	return n;
}

/* "wait KEY>=N [SECONDS]" or KEY==N; answered by control_check_waits. */
static void begin_wait(struct vcam *v, struct client *c, char **words, size_t n)
{
	char *sign = n > 1 ? strstr(words[1], ">=") : NULL;
	double seconds = n > 2 ? strtod(words[2], NULL) : 30;
	uint64_t value;

	c->exactly = !sign;
	if (!sign && n > 1)
		sign = strstr(words[1], "==");
	if (!sign || (size_t)(sign - words[1]) >= sizeof(c->wait)) {
		answer(c, control_no("wait KEY>=N [SECONDS]"));
		return;
	}
	*sign = '\0';
	if (!value_of(v, words[1], &value)) {
		answer(c, control_no("no such key"));
		return;
	}
	snprintf(c->wait, sizeof(c->wait), "%s", words[1]);
	c->wanted = strtoull(sign + 2, NULL, 0);
	c->until_ns = responder_now_ns() + (uint64_t)(seconds * 1e9);
}

int control_check_waits(struct vcam *v)
{
	uint64_t now = responder_now_ns(), value = 0;
	int soonest = -1;

	for (size_t i = 0; i < CLIENTS; i++) {
		struct client *c = &clients[i];
		bool came;
		int ms;

		if (c->fd < 0 || !c->wait[0])
			continue;
		value_of(v, c->wait, &value);
		came = c->exactly ? value == c->wanted : value >= c->wanted;
		if (came || now >= c->until_ns) {
			c->wait[0] = '\0';
			answer(c, json_pack("{s:b, s:I}", "ok", came, "value", (json_int_t)value));
			continue;
		}
		ms = (int)((c->until_ns - now) / 1000000) + 1;
		soonest = soonest < 0 || ms < soonest ? ms : soonest;
	}
	return soonest;
}

static void run_line(struct vcam *v, struct client *c, char *line)
{
	const char *space = strchr(line, ' ');
	char *rest = strdup(space ? space + 1 : "");
	char *words[WORDS];
	size_t n = split(line, words);

	if (!rest)
		abort();
	if (n && strcmp(words[0], "wait") == 0) {
		begin_wait(v, c, words, n);
		free(rest);
		return;
	}
	for (size_t i = 0; n && i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(words[0], commands[i].name) == 0 && n >= commands[i].words) {
			answer(c, commands[i].run(v, words, n, rest));
			free(rest);
			return;
		}
	}
	answer(c, control_no("no such command, or words lack"));
	free(rest);
}

static void read_client(struct vcam *v, struct client *c)
{
	ssize_t r = recv(c->fd, c->line + c->len, LINE_MAX_BYTES - c->len - 1, MSG_DONTWAIT);
	char *end;

	if (r < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (r <= 0 || c->len + (size_t)r >= LINE_MAX_BYTES - 1) {
		drop_client(c);
		return;
	}
	c->len += (size_t)r;
	while (c->fd >= 0 && (end = memchr(c->line, '\n', c->len))) {
		size_t used = (size_t)(end - c->line) + 1;

		*end = '\0';
		run_line(v, c, c->line);
		if (c->fd < 0)
			return;
		c->len -= used;
		memmove(c->line, c->line + used, c->len);
	}
}

static void accept_client(void)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	for (size_t i = 0; fd >= 0 && i < CLIENTS; i++) {
		if (clients[i].fd < 0) {
			clients[i] = (struct client){ .fd = fd, .line = malloc(LINE_MAX_BYTES) };
			if (!clients[i].line)
				abort();
			return;
		}
	}
	if (fd >= 0)
		close(fd);
}

unsigned control_watch(struct pollfd *fds)
{
	unsigned n = 0;

	fds[n++] = (struct pollfd){ listener, POLLIN, 0 };
	for (size_t i = 0; i < CLIENTS; i++) {
		if (clients[i].fd >= 0)
			fds[n++] = (struct pollfd){ clients[i].fd, POLLIN, 0 };
	}
	return n;
}

void control_handle(struct vcam *v, const struct pollfd *fds, unsigned n)
{
	for (unsigned k = 1; k < n; k++) {
		for (size_t i = 0; fds[k].revents && i < CLIENTS; i++) {
			if (clients[i].fd == fds[k].fd)
				read_client(v, &clients[i]);
		}
	}
	if (fds[0].revents)
		accept_client();
}
