#include "http.h"

#include "http_answer.h"
#include "transfer.h"

#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNECT_MS 15000
#define UPLOAD_BUFFER (128l << 10)
#define NOTSENT_BYTES (256 << 10) /* unsent data in the kernel: body silence is seen early */
#define OUTQ_LOOK_MS 1000

/* ---- callbacks ---- */

/* How much of it is paid for now; 0: it waits. */
static size_t pay(struct http *h, size_t want)
{
	struct bucket *b = &h->room->line.bucket;
	unsigned wait_ms;

	if (h->granted == 0)
		h->granted =
		    bucket_take(b, transfer_now_ms(), h->request.expedited, want, &wait_ms);
	if (want > h->granted)
		want = h->granted;
	h->granted -= want;
	if (want == 0 && !h->held) {
		h->held = true;
		h->held_ms = transfer_now_ms();
	}
	return want;
}

/* A piece of the body; 0 its end, or -errno. */
static ssize_t piece(const struct http_request *q, uint64_t at, char *buf, size_t want)
{
	ssize_t n;

	if (q->body) {
		memcpy(buf, q->body + q->from_bytes + at, want);
		return (ssize_t)want;
	}
	do {
		n = pread(q->fd, buf, want, (off_t)(q->from_bytes + at));
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

static size_t read_body(char *buf, size_t size, size_t count, void *ctx)
{
	struct http *h = ctx;
	struct http_request *q = &h->request;
	uint64_t left = q->length_bytes - h->at_bytes;
	size_t want = size * count;
	ssize_t n;

	/* The server has answered before it had all: what it said is what counts. */
	if (h->head_whole)
		return CURL_READFUNC_ABORT;
	if (want > left)
		want = (size_t)left;
	if (want == 0)
		return 0;
	want = pay(h, want);
	if (want == 0)
		return CURL_READFUNC_PAUSE;
	n = piece(q, h->at_bytes, buf, want);
	if (n <= 0) {
		h->source_errno = n < 0 ? (int)-n : ENODATA;
		return CURL_READFUNC_ABORT;
	}
	if ((size_t)n < want)
		bucket_return(&h->room->line.bucket, want - (size_t)n);
	h->moved_ms = transfer_now_ms();
	if (h->at_bytes == 0)
		h->began_ms = h->moved_ms;
	h->at_bytes += (uint64_t)n;
	if (q->sent_bytes)
		*q->sent_bytes += (uint64_t)n;
	return (size_t)n;
}

/*
 * libcurl would send a body again by itself where a kept connection breaks. Only the server knows
 * how much of it has arrived, so once some is on its way the driver asks first.
 */
static int seek_body(void *ctx, curl_off_t offset, int origin)
{
	const struct http *h = ctx;

	return origin == SEEK_SET && offset == 0 && h->at_bytes == 0 ? CURL_SEEKFUNC_OK :
								       CURL_SEEKFUNC_FAIL;
}

/* A connection that is kept from before what proves either side was renewed is not used. */
static int before_request(
    void *ctx, char *remote_ip, char *local_ip, int remote_port, int local_port)
{
	struct http *h = ctx;

	(void)remote_ip;
	(void)local_ip;
	(void)remote_port;
	/* libcurl tells the socket of a request that is under way to nobody. */
	h->fd = http_room_socket(h->room, local_port);
	/* Port 0: it has just broken; that will show. */
	h->stale = local_port > 0 && http_room_is_stale(h->room, local_port, h->epoch);
	return h->stale ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

static int open_socket(void *ctx, curl_socket_t fd, curlsocktype purpose)
{
	struct http *h = ctx;
	int notsent = NOTSENT_BYTES;
	struct linger reset = { 1, 0 };

	(void)purpose;
	http_room_opened(h->room, fd, h->epoch);
	/*
	 * Best effort. No TCP_USER_TIMEOUT: where the peer's window stays small it ends a connection
	 * on which bytes move all the time; http_watch sees a dead line.
	 */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &notsent, sizeof(notsent));
	/* until close_socket finds it in order: also where this process is killed */
	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	return CURL_SOCKOPT_OK;
}

/*
 * What the kernel still holds of a request that was cut must not reach the server after the next
 * request has asked for the offset: such a socket is reset. A process that is killed resets all.
 */
static int close_socket(void *ctx, curl_socket_t fd)
{
	struct http_room *room = ctx;
	struct linger in_order = { 0, 0 };
	int unsent = 0;

	http_room_closed(room, fd);
	if (!room->cutting && ioctl(fd, SIOCOUTQ, &unsent) == 0 && unsent == 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &in_order, sizeof(in_order));
	return close(fd);
}

/* ---- requests ---- */

struct http *http_new(struct http_room *room, const struct proto_destination *conf, void *owner,
    void (*done)(struct http *h))
{
	struct http *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	h->easy = curl_easy_init();
	if (!h->easy) {
		free(h);
		return NULL;
	}
	h->room = room;
	h->conf = conf;
	h->owner = owner;
	h->done = done;
	h->next = room->all;
	room->all = h;
	return h;
}

void http_free(struct http *h)
{
	if (!h)
		return;
	http_stop(h);
	for (struct http **p = &h->room->all; *p; p = &(*p)->next) {
		if (*p == h) {
			*p = h->next;
			break;
		}
	}
	curl_easy_cleanup(h->easy);
	http_headers_free(h->request.headers);
	free(h);
}

#define SET(option, value) (err = err ? err : curl_easy_setopt(h->easy, option, value))

static CURLcode set_common(struct http *h)
{
	const struct proto_destination *c = h->conf;
	long connect_ms = c->stall_ms && c->stall_ms < CONNECT_MS ? (long)c->stall_ms : CONNECT_MS;
	CURLcode err = CURLE_OK;

	SET(CURLOPT_PROTOCOLS_STR, "http,https");
	SET(CURLOPT_URL, h->request.url);
	SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(CURLOPT_FOLLOWLOCATION, 0l);
	SET(CURLOPT_NOSIGNAL, 1l);
	SET(CURLOPT_QUICK_EXIT, 1l);
	SET(CURLOPT_CONNECTTIMEOUT_MS, connect_ms);
	SET(CURLOPT_TCP_KEEPALIVE, 1l);
	SET(CURLOPT_TCP_KEEPIDLE, 30l);
	SET(CURLOPT_TCP_KEEPINTVL, 10l);
	SET(CURLOPT_SOCKOPTFUNCTION, open_socket);
	SET(CURLOPT_SOCKOPTDATA, h);
	SET(CURLOPT_PREREQFUNCTION, before_request);
	SET(CURLOPT_PREREQDATA, h);
	SET(CURLOPT_CLOSESOCKETFUNCTION, close_socket);
	SET(CURLOPT_CLOSESOCKETDATA, h->room);
	SET(CURLOPT_USERAGENT, "dockd/" DOCKD_VERSION);
	SET(CURLOPT_ERRORBUFFER, h->why);
	SET(CURLOPT_PRIVATE, h);
	SET(CURLOPT_HEADERFUNCTION, http_answer_head);
	SET(CURLOPT_HEADERDATA, h);
	SET(CURLOPT_WRITEFUNCTION, http_answer_body);
	SET(CURLOPT_WRITEDATA, h);
	SET(CURLOPT_CUSTOMREQUEST, h->request.method);
	SET(CURLOPT_HTTPHEADER, h->request.headers);
	SET(CURLOPT_FRESH_CONNECT, h->request.fresh ? 1l : 0l);
	return err;
}

static CURLcode set_body(struct http *h)
{
	const struct http_request *q = &h->request;
	CURLcode err = CURLE_OK;

	if (q->has_body) {
		SET(CURLOPT_UPLOAD, 1l);
		SET(CURLOPT_INFILESIZE_LARGE, (curl_off_t)q->length_bytes);
		SET(CURLOPT_UPLOAD_BUFFERSIZE, UPLOAD_BUFFER);
		SET(CURLOPT_READFUNCTION, read_body);
		SET(CURLOPT_READDATA, h);
		SET(CURLOPT_SEEKFUNCTION, seek_body);
		SET(CURLOPT_SEEKDATA, h);
	} else if (strcmp(q->method, "HEAD") == 0) {
		SET(CURLOPT_NOBODY, 1l);
	} else if (strcmp(q->method, "POST") == 0) {
		SET(CURLOPT_POSTFIELDSIZE, 0l);
		SET(CURLOPT_POSTFIELDS, "");
	}
	return err;
}

/* All that the request before has left, but the handle. */
static void renew(struct http *h, const struct http_request *request)
{
	http_headers_free(h->request.headers);
	h->request = *request;
	h->end = 0;
	h->state = "";
	h->head_len = 0;
	h->head[0] = '\0';
	h->why[0] = '\0';
	h->head_whole = h->silent = h->held = h->stale = h->over = h->coded = false;
	h->refused = CURLE_OK;
	h->granted = 0;
	h->got_bytes = h->at_bytes = h->body_ms = h->seen_bytes = h->heads_bytes = 0;
	h->source_errno = h->unsent = 0;
	h->fd = -1;
	h->began_ms = h->moved_ms = transfer_now_ms();
	memset(h->said, 0, sizeof(h->said));
}

int http_start(struct http *h, const struct http_request *request)
{
	struct trust *trust = &h->room->trust;
	bool ok = true;

	renew(h, request);
	http_room_refresh(h->room);
	for (struct curl_slist *l = h->room->credentials; ok && l; l = l->next)
		ok = http_header_line(&h->request.headers, l->data);
	if (ok && strcmp(request->method, "POST") == 0 && !request->has_body)
		ok = http_header(&h->request.headers, "Content-Type:");
	if (ok && request->has_body && request->no_expect)
		ok = http_header(&h->request.headers, "Expect:");
	curl_easy_reset(h->easy);
	if (!ok || set_common(h) || set_body(h))
		return -ENOMEM;
	h->refused = trust_apply(trust, h->conf, time(NULL), h->easy);
	h->epoch = trust->epoch;
	if (h->refused)
		curl_multi_wakeup(h->room->multi);
	else if (curl_multi_add_handle(h->room->multi, h->easy))
		return -ENOMEM;
	h->busy = true;
	return 0;
}

/* Off the multi handle; cut: its connection is reset. */
static void take_off(struct http *h, bool cut)
{
	h->busy = h->held = false;
	h->room->cutting = cut;
	curl_multi_remove_handle(h->room->multi, h->easy);
	h->room->cutting = false;
	bucket_return(&h->room->line.bucket, h->granted);
	h->granted = 0;
}

void http_stop(struct http *h)
{
	if (h->busy)
		take_off(h, true);
}

/* ---- the end ---- */

/* Once more on a connection of its own: nothing was sent on the one that it got. */
static bool again(struct http *h)
{
	h->stale = false;
	h->why[0] = '\0';
	return curl_easy_setopt(h->easy, CURLOPT_FRESH_CONNECT, 1l) == CURLE_OK &&
	    curl_multi_add_handle(h->room->multi, h->easy) == CURLM_OK;
}

static void finish(struct http *h, CURLcode code)
{
	take_off(h, code != CURLE_OK);
	if (code == CURLE_ABORTED_BY_CALLBACK && h->stale && again(h)) {
		h->busy = true;
		return;
	}
	http_answer_judge(h, code);
	h->body_ms = (uint64_t)(transfer_now_ms() - h->began_ms);
	h->done(h);
}

static void finish_refused(struct http_room *room)
{
	for (struct http *h = room->all; h; h = h->next) {
		if (h->busy && h->refused)
			finish(h, h->refused);
	}
}

void http_collect(struct http_room *room)
{
	CURLMsg *m;
	int left;

	finish_refused(room);
	while ((m = curl_multi_info_read(room->multi, &left))) {
		char *private = NULL;
		CURLcode code = m->data.result;

		if (m->msg != CURLMSG_DONE)
			continue;
		if (curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &private) == CURLE_OK &&
		    private)
			finish((struct http *)(void *)private, code);
	}
}

/* ---- time ---- */

/* What was handed over the kernel may still be sending, on a thin line for minutes: no silence. */
static bool kernel_sends(struct http *h)
{
	int unsent = 0;
	bool moved;

	if (h->fd < 0 || ioctl(h->fd, SIOCOUTQ, &unsent) < 0)
		return false;
	moved = unsent != h->unsent;
	h->unsent = unsent;
	return moved;
}

static void give_up(struct http *h, const char *state, const char *what, int64_t limit_ms)
{
	h->silent = true;
	h->state = state;
	snprintf(h->why, sizeof(h->why), "%s for %lld ms", what, (long long)limit_ms);
	finish(h, CURLE_OPERATION_TIMEDOUT);
}

static int watch(struct http *h, int64_t now_ms)
{
	const struct http_request *q = &h->request;
	bool sending = q->has_body && (h->at_bytes < q->length_bytes || h->unsent > 0);
	int64_t limit = sending ? h->conf->stall_ms :
	    q->has_body         ? h->conf->answer_ms :
				  q->timeout_ms;
	int64_t left;

	if (!h->busy)
		return -1;
	/* We ourselves hold its body back. */
	if (h->held || (now_ms - h->moved_ms >= OUTQ_LOOK_MS && q->has_body && kernel_sends(h)))
		h->moved_ms = now_ms;
	left = h->moved_ms + limit - now_ms;
	if (left > 0)
		return left > OUTQ_LOOK_MS ? OUTQ_LOOK_MS : (int)left;
	if (sending)
		give_up(h, "stalled", "no body byte was taken", limit);
	else if (h->head_whole && q->digest)
		give_up(h, "trickles", "what is read back came too slowly", limit);
	else if (h->head_whole)
		give_up(h, "answer-body", "the answer's body has not ended", limit);
	else if (h->heads_bytes > 0)
		give_up(h, "answer-head", "the answer's head has not ended", limit);
	else
		give_up(h, "no-answer", "no answer", limit);
	return 0;
}

/* The held one whose turn it is: expedited ones first, then whoever has waited longest. */
static struct http *first_held(struct http_room *room, bool expedited)
{
	struct http *first = NULL;

	for (struct http *h = room->all; h; h = h->next) {
		if (h->busy && h->held && h->granted == 0 && h->request.expedited == expedited &&
		    (!first || h->held_ms < first->held_ms))
			first = h;
	}
	return first;
}

/* Pays for bodies that wait, as far as it goes; ms until there is more, -1: none waits. */
static int let_go_on(struct http_room *room, bool expedited, int64_t now_ms)
{
	struct http *h;
	unsigned wait_ms;

	while ((h = first_held(room, expedited))) {
		h->granted = bucket_take(
		    &room->line.bucket, now_ms, expedited, (size_t)UPLOAD_BUFFER, &wait_ms);
		if (h->granted == 0)
			return (int)wait_ms;
		h->held = false;
		h->moved_ms = now_ms;
		curl_easy_pause(h->easy, CURLPAUSE_CONT);
	}
	return -1;
}

/* What is still under way although nothing may be sent any more. */
static void cut_bodies(struct http_room *room)
{
	for (struct http *h = room->all; h; h = h->next) {
		if (!h->busy || !h->held || h->request.expedited)
			continue;
		h->silent = true;
		h->state = "timetable";
		snprintf(h->why, sizeof(h->why), "nothing may be sent at this hour");
		finish(h, CURLE_OPERATION_TIMEDOUT);
	}
}

static int sooner(int a, int b)
{
	if (a < 0 || b < 0)
		return a < 0 ? b : a;
	return a < b ? a : b;
}

int http_watch(struct http_room *room, int64_t now_ms)
{
	int soonest = -1;

	line_look(&room->line, now_ms);
	if (line_is_over(&room->line, now_ms))
		cut_bodies(room);
	soonest = sooner(let_go_on(room, true, now_ms), let_go_on(room, false, now_ms));
	for (struct http *h = room->all; h; h = h->next)
		soonest = sooner(soonest, watch(h, now_ms));
	return soonest;
}
