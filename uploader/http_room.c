#include "http.h"

#include "../dockd/base/log.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

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

void http_headers_free(struct curl_slist *list)
{
	for (struct curl_slist *l = list; l; l = l->next)
		explicit_bzero(l->data, strlen(l->data));
	curl_slist_free_all(list);
}

int http_room_credentials(struct http_room *room, const char *name)
{
	struct secret *file = &room->credentials_file;
	struct curl_slist *list = NULL;
	char *rest;
	char *line;
	int err = secret_read(file, name);

	if (err < 0 || !file->text)
		return err;
	snprintf(room->credentials_name, sizeof(room->credentials_name), "%s", name);
	rest = file->text;
	while (!err && (line = strsep(&rest, "\n")))
		err = take_line(&list, line);
	/* Only which file it was is kept. */
	if (file->text)
		explicit_bzero(file->text, file->len);
	if (err == 0) {
		http_headers_free(room->credentials);
		room->credentials = list;
	} else {
		http_headers_free(list);
	}
	return err;
}

void http_room_refresh(struct http_room *room)
{
	const char *name = room->credentials_name;
	int err;

	if (!name[0] || !secret_changed(&room->credentials_file, name))
		return;
	err = http_room_credentials(room, name);
	if (err < 0)
		log_warn("credentials-read-again", "error=\"%s\"", strerror(-err));
	else
		log_info("credentials-read-again", "error=\"\"");
}

/* ---- connections ---- */

void http_room_opened(struct http_room *room, int fd, unsigned epoch)
{
	http_room_closed(room, fd); /* whatever had that number before */
	if (room->socket_count < HTTP_SOCKETS)
		room->sockets[room->socket_count++] = (struct http_socket){ fd, epoch };
}

void http_room_closed(struct http_room *room, int fd)
{
	for (unsigned i = 0; i < room->socket_count; i++) {
		if (room->sockets[i].fd == fd) {
			room->sockets[i] = room->sockets[--room->socket_count];
			return;
		}
	}
}

static int port_of(int fd)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} a = { .any.sa_family = AF_UNSPEC };
	socklen_t len = sizeof(a);

	if (getsockname(fd, &a.any, &len) < 0)
		return -1;
	return ntohs(a.any.sa_family == AF_INET6 ? a.v6.sin6_port : a.v4.sin_port);
}

int http_room_socket(const struct http_room *room, int port)
{
	for (unsigned i = 0; i < room->socket_count; i++) {
		if (port_of(room->sockets[i].fd) == port)
			return room->sockets[i].fd;
	}
	return -1;
}

/* One that is not in the table is not known to be new. */
bool http_room_is_stale(const struct http_room *room, int port, unsigned epoch)
{
	bool known = false;

	for (unsigned i = 0; i < room->socket_count; i++) {
		if (port_of(room->sockets[i].fd) != port)
			continue;
		known = true;
		if (room->sockets[i].epoch < epoch)
			return true;
	}
	return !known;
}

/* ---- headers ---- */

bool http_header_line(struct curl_slist **list, const char *line)
{
	struct curl_slist *longer = curl_slist_append(*list, line);

	if (!longer) {
		http_headers_free(*list);
		*list = NULL;
		return false;
	}
	*list = longer;
	return true;
}

bool http_header(struct curl_slist **list, const char *fmt, ...)
{
	char line[4096];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (n > 0 && (size_t)n < sizeof(line))
		return http_header_line(list, line);
	http_headers_free(*list);
	*list = NULL;
	return false;
}
