#include "http.h"

#include "transfer.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define CREDENTIALS_MAX 65536
#define CONNECT_MS 15000
#define UPLOAD_BUFFER (128l << 10)
#define NOTSENT_BYTES (256 << 10) /* unsent data in the kernel: body silence is seen early */
#define USER_TIMEOUT_MS 60000
#define OUTQ_LOOK_MS 1000

int http_room_open(struct http_room *room)
{
	memset(room, 0, sizeof(*room));
	if (curl_global_init(CURL_GLOBAL_ALL))
		return -ENOMEM;
	room->multi = curl_multi_init();
	if (!room->multi)
		return -ENOMEM;
	curl_multi_setopt(room->multi, CURLMOPT_MAXCONNECTS, (long)PROTO_SLOTS + 4);
	return 0;
}

static bool is_token(char c)
{
	return isalnum((unsigned char)c) || (c && strchr("!#$%&'*+-.^_`|~", c));
}

/* These frame a request; a credentials file that sets them would break it or send it elsewhere. */
static bool is_ours(const char *line, size_t len)
{
	static const char *const names[] = { "host", "content-length", "content-type",
		"transfer-encoding", "connection", "expect", "range", "tus-resumable" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (len == strlen(names[i]) && strncasecmp(line, names[i], len) == 0)
			return true;
	}
	return len >= 7 && strncasecmp(line, "upload-", 7) == 0;
}

static int take_line(struct curl_slist **list, char *line)
{
	struct curl_slist *longer;
	size_t name = 0;
	size_t len = strlen(line);

	while (len > 0 && isspace((unsigned char)line[len - 1]))
		line[--len] = '\0';
	if (len == 0 || line[0] == '#')
		return 0;
	while (is_token(line[name]))
		name++;
	if (name == 0 || line[name] != ':' || is_ours(line, name))
		return -EINVAL;
	for (const char *p = line + name; *p; p++) {
		if (iscntrl((unsigned char)*p) && *p != '\t')
			return -EINVAL;
	}
	longer = curl_slist_append(*list, line);
	if (!longer)
		return -ENOMEM;
	*list = longer;
	return 0;
}

int http_room_credentials(struct http_room *room, const char *path)
{
	struct curl_slist *list = NULL;
	char *text = calloc(1, CREDENTIALS_MAX);
	char *rest = text;
	char *line;
	ssize_t n;
	int err = -ENOMEM;
	int fd = -1;

	if (!text)
		return err;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	err = -errno;
	if (fd < 0)
		goto out;
	n = read(fd, text, CREDENTIALS_MAX - 1);
	err = n < 0                                                   ? -errno :
	    n == CREDENTIALS_MAX - 1 || memchr(text, '\0', (size_t)n) ? -EINVAL :
									0;
	while (!err && (line = strsep(&rest, "\n")))
		err = take_line(&list, line);
	if (!err) {
		curl_slist_free_all(room->credentials);
		room->credentials = list;
		list = NULL;
	}
out:
	if (fd >= 0)
		close(fd);
	explicit_bzero(text, CREDENTIALS_MAX);
	free(text);
	curl_slist_free_all(list);
	return err;
}

bool http_header(struct curl_slist **list, const char *fmt, ...)
{
	char line[4096];
	struct curl_slist *longer = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (n > 0 && (size_t)n < sizeof(line))
		longer = curl_slist_append(*list, line);
	if (!longer) {
		curl_slist_free_all(*list);
		*list = NULL;
		return false;
	}
	*list = longer;
	return true;
}

/* ---- callbacks ---- */

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
	do {
		n = pread(q->fd, buf, want, (off_t)(q->from_bytes + h->at_bytes));
	} while (n < 0 && errno == EINTR);
	if (n <= 0) {
		h->source_errno = n < 0 ? errno : ENODATA;
		return CURL_READFUNC_ABORT;
	}
	h->moved_ms = transfer_now_ms();
	if (h->at_bytes == 0)
		h->began_ms = h->moved_ms;
	h->at_bytes += (uint64_t)n;
	if (q->sent_bytes)
		*q->sent_bytes += (uint64_t)n;
	return (size_t)n;
}

static int seek_body(void *ctx, curl_off_t offset, int origin)
{
	struct http *h = ctx;

	if (origin != SEEK_SET || offset < 0 || (uint64_t)offset > h->request.length_bytes)
		return CURL_SEEKFUNC_FAIL;
	h->at_bytes = (uint64_t)offset;
	return CURL_SEEKFUNC_OK;
}

/* Keeps the last answer's head; interim ones (1xx) give way to the next. */
static size_t take_head(char *bytes, size_t size, size_t count, void *ctx)
{
	struct http *h = ctx;
	size_t len = size * count;
	bool blank = len > 0 && (bytes[0] == '\r' || bytes[0] == '\n');

	if (len >= 5 && memcmp(bytes, "HTTP/", 5) == 0) {
		h->head_len = 0;
		h->head_whole = false;
	}
	if (h->head_whole)
		return len; /* trailers of a chunked answer */
	if (h->head_len + len >= sizeof(h->head))
		return 0;
	memcpy(h->head + h->head_len, bytes, len);
	h->head_len += len;
	h->head[h->head_len] = '\0';
	if (blank && h->head_len > 10) {
		const char *sp = strchr(h->head, ' ');

		h->head_whole = sp && sp[1] != '1';
	}
	return len;
}

bool http_is_ok(const struct http *h)
{
	const char *sp = h->head_whole ? strchr(h->head, ' ') : NULL;

	return sp && strncmp(sp + 1, "200", 3) == 0;
}

static size_t take_body(char *bytes, size_t size, size_t count, void *ctx)
{
	struct http *h = ctx;
	struct http_request *q = &h->request;
	size_t len = size * count;

	uint64_t at = h->got_bytes;

	h->got_bytes += len;
	/* What comes with an error is an explanation, not what was asked for. */
	if ((!q->digest && !q->text) || !http_is_ok(h))
		return h->got_bytes > HTTP_BODY_MAX ? 0 : len;
	if (q->text) {
		if (h->got_bytes > q->text_room)
			return 0;
		memcpy(q->text + at, bytes, len);
		return len;
	}
	h->moved_ms = transfer_now_ms();
	if (h->got_bytes > q->digest_max_bytes)
		return 0;
	return EVP_DigestUpdate(q->digest, bytes, len) == 1 ? len : 0;
}

static int open_socket(void *ctx, curl_socket_t fd, curlsocktype purpose)
{
	int timeout = USER_TIMEOUT_MS;
	int notsent = NOTSENT_BYTES;

	(void)ctx;
	(void)purpose;
	/* Best effort: a kernel without them only notices a dead line later. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout, sizeof(timeout));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &notsent, sizeof(notsent));
	return CURL_SOCKOPT_OK;
}

/*
 * What the kernel still holds of a request that was cut must not reach the server after the next
 * request has asked for the offset: such a socket is reset.
 */
static int close_socket(void *ctx, curl_socket_t fd)
{
	struct http_room *room = ctx;
	struct linger now = { 1, 0 };
	int unsent = 0;

	if (room->cutting || (ioctl(fd, SIOCOUTQ, &unsent) == 0 && unsent > 0))
		(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
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
	curl_slist_free_all(h->request.headers);
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
	SET(CURLOPT_PROXY, "");
	SET(CURLOPT_NOSIGNAL, 1l);
	SET(CURLOPT_QUICK_EXIT, 1l);
	SET(CURLOPT_CONNECTTIMEOUT_MS, connect_ms);
	SET(CURLOPT_TCP_KEEPALIVE, 1l);
	SET(CURLOPT_TCP_KEEPIDLE, 30l);
	SET(CURLOPT_TCP_KEEPINTVL, 10l);
	SET(CURLOPT_SOCKOPTFUNCTION, open_socket);
	SET(CURLOPT_CLOSESOCKETFUNCTION, close_socket);
	SET(CURLOPT_CLOSESOCKETDATA, h->room);
	SET(CURLOPT_USERAGENT, "dockd/" DOCKD_VERSION);
	SET(CURLOPT_ERRORBUFFER, h->why);
	SET(CURLOPT_PRIVATE, h);
	SET(CURLOPT_HEADERFUNCTION, take_head);
	SET(CURLOPT_HEADERDATA, h);
	SET(CURLOPT_WRITEFUNCTION, take_body);
	SET(CURLOPT_WRITEDATA, h);
	SET(CURLOPT_CUSTOMREQUEST, h->request.method);
	SET(CURLOPT_HTTPHEADER, h->request.headers);
	SET(CURLOPT_FRESH_CONNECT, h->request.fresh ? 1l : 0l);
	if (c->ca_file[0])
		SET(CURLOPT_CAINFO, c->ca_file);
	if (c->certificate_file[0])
		SET(CURLOPT_SSLCERT, c->certificate_file);
	if (c->key_file[0])
		SET(CURLOPT_SSLKEY, c->key_file);
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

int http_start(struct http *h, const struct http_request *request)
{
	bool ok = true;

	curl_slist_free_all(h->request.headers);
	h->request = *request;
	h->end = 0;
	h->head_len = 0;
	h->head[0] = '\0';
	h->why[0] = '\0';
	h->head_whole = h->silent = false;
	h->got_bytes = h->at_bytes = h->body_ms = 0;
	h->source_errno = h->unsent = 0;
	h->began_ms = h->moved_ms = transfer_now_ms();
	for (struct curl_slist *l = h->room->credentials; ok && l; l = l->next)
		ok = http_header(&h->request.headers, "%s", l->data);
	if (ok && strcmp(request->method, "POST") == 0 && !request->has_body)
		ok = http_header(&h->request.headers, "Content-Type:");
	if (ok && request->has_body && request->no_expect)
		ok = http_header(&h->request.headers, "Expect:");
	curl_easy_reset(h->easy);
	if (!ok || set_common(h) || set_body(h) || curl_multi_add_handle(h->room->multi, h->easy))
		return -ENOMEM;
	h->busy = true;
	return 0;
}

void http_stop(struct http *h)
{
	if (!h->busy)
		return;
	h->busy = false;
	h->room->cutting = true;
	curl_multi_remove_handle(h->room->multi, h->easy);
	h->room->cutting = false;
}

static enum http_end end_of(const struct http *h, CURLcode code)
{
	if (h->source_errno)
		return HTTP_SOURCE;
	if (code == CURLE_OK)
		return h->head_whole ? HTTP_ANSWERED : HTTP_BAD;
	/* The head was whole and only the body broke: for all but GET the head is the answer. */
	if (h->head_whole && ((!h->request.digest && !h->request.text) || !http_is_ok(h)))
		return HTTP_ANSWERED;
	if (h->silent)
		return HTTP_CUT;
	switch ((int)code) {
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_CONNECT:
	case CURLE_OPERATION_TIMEDOUT:
	case CURLE_INTERFACE_FAILED:
		return HTTP_AWAY;
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_CIPHER:
	case CURLE_URL_MALFORMAT:
		return HTTP_TLS;
	case CURLE_WRITE_ERROR:
	case CURLE_UNSUPPORTED_PROTOCOL: /* no HTTP/1.1 answer */
	case CURLE_WEIRD_SERVER_REPLY:
	case CURLE_BAD_CONTENT_ENCODING:
		return HTTP_BAD;
	}
	return HTTP_CUT;
}

static void finish(struct http *h, CURLcode code)
{
	h->busy = false;
	h->room->cutting = code != CURLE_OK;
	curl_multi_remove_handle(h->room->multi, h->easy);
	h->room->cutting = false;
	h->end = end_of(h, code);
	h->body_ms = (uint64_t)(transfer_now_ms() - h->began_ms);
	if (h->source_errno)
		snprintf(h->why, sizeof(h->why), "%s", strerror(h->source_errno));
	else if (code != CURLE_OK && !h->why[0])
		snprintf(h->why, sizeof(h->why), "%s", curl_easy_strerror(code));
	h->done(h);
}

void http_collect(struct http_room *room)
{
	CURLMsg *m;
	int left;

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

/* After the last byte was handed over the kernel may still be sending: that is no silence. */
static bool kernel_sends(struct http *h)
{
	curl_socket_t fd = CURL_SOCKET_BAD;
	int unsent = 0;
	bool moved;

	if (curl_easy_getinfo(h->easy, CURLINFO_ACTIVESOCKET, &fd) || fd == CURL_SOCKET_BAD ||
	    ioctl(fd, SIOCOUTQ, &unsent) < 0)
		return false;
	moved = unsent != h->unsent;
	h->unsent = unsent;
	return moved;
}

static int watch(struct http *h, int64_t now_ms)
{
	const struct http_request *q = &h->request;
	bool sending = q->has_body && h->at_bytes < q->length_bytes;
	int64_t limit = sending ? h->conf->stall_ms :
	    q->has_body         ? h->conf->answer_ms :
				  q->timeout_ms;
	int64_t left;

	if (!h->busy)
		return -1;
	if (now_ms - h->moved_ms >= OUTQ_LOOK_MS && q->has_body && kernel_sends(h))
		h->moved_ms = now_ms;
	left = h->moved_ms + limit - now_ms;
	if (left > 0)
		return left > OUTQ_LOOK_MS ? OUTQ_LOOK_MS : (int)left;
	h->silent = true;
	snprintf(h->why, sizeof(h->why),
	    sending ? "no body byte was taken for %lld ms" : "no answer for %lld ms",
	    (long long)limit);
	finish(h, CURLE_OPERATION_TIMEDOUT);
	return 0;
}

int http_watch(struct http_room *room, int64_t now_ms)
{
	int soonest = -1;

	for (struct http *h = room->all; h; h = h->next) {
		int ms = watch(h, now_ms);

		if (ms >= 0 && (soonest < 0 || ms < soonest))
			soonest = ms;
	}
	return soonest;
}
