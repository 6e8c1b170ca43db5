#include "link.h"

#include "listener.h"

#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define PEERS_MAX 32
#define TURN_MESSAGES 64

struct peer {
	struct link *link;
	int sock;
	uid_t uid;
	uint32_t role; /* 0 until its HELLO was good */
	uint32_t generation;
	char name[PROTO_NAME_LEN];
	sd_event_source *io;
	struct peer *next;
};

struct link {
	sd_event *event;
	struct listener *listener;
	uid_t hotplug_uid, uploader_uid;
	char station[PROTO_NAME_LEN];
	const struct link_handlers *handlers;
	void *arg;
	struct peer *peers;
	struct peer *hotplug;
	uint32_t generation;
	unsigned peers_n;
};

static void peer_free(struct peer *p)
{
	struct link *l = p->link;

	for (struct peer **at = &l->peers; *at; at = &(*at)->next) {
		if (*at == p) {
			*at = p->next;
			break;
		}
	}
	l->peers_n--;
	sd_event_source_disable_unref(p->io);
	close(p->sock);
	free(p);
}

void peer_drop(struct peer *p, const char *why)
{
	struct link *l = p->link;

	if (p->role == PEER_HOTPLUG)
		log_warn("hotplug-lost", "uid=%u reason=\"%s\"", (unsigned)p->uid, why);
	else if (p->role == PEER_UPLOADER)
		log_warn("uploader-lost", "destination=%s reason=\"%s\"", p->name, why);
	else
		log_warn("stranger-refused", "uid=%u reason=\"%s\"", (unsigned)p->uid, why);
	if (p == l->hotplug) {
		l->hotplug = NULL;
		l->handlers->hotplug_down(l->arg);
	} else if (p->role == PEER_UPLOADER) {
		p->role = 0;
		l->handlers->uploader_down(l->arg, p->name, p);
	}
	peer_free(p);
}

/* Judges the first message of a connection. Returns NULL, or why it is refused. */
static const char *greet(struct peer *p, const struct msg *m)
{
	struct link *l = p->link;
	struct proto_hello hello;
	struct proto_welcome welcome = { .version = PROTO_VERSION };

	if (m->head.type != MSG_HELLO)
		return "first message is not HELLO";
	memcpy(&hello, m->body, sizeof(hello));
	if (hello.version != PROTO_VERSION)
		return "other protocol version: half-upgraded package, restart all dockd services";
	if (hello.role == PEER_HOTPLUG ? p->uid != l->hotplug_uid : p->uid != l->uploader_uid)
		return "wrong user for this role";
	if (hello.role != PEER_HOTPLUG && hello.role != PEER_UPLOADER)
		return "unknown role";
	if (hello.role == PEER_UPLOADER && !l->handlers->uploader_known(l->arg, hello.name))
		return "no destination of that name in the configuration";
	for (struct peer *o = l->peers, *next; o; o = next) {
		next = o->next;
		if (o != p && o->role == hello.role && strcmp(o->name, hello.name) == 0)
			peer_drop(o, "superseded by a newer connection");
	}
	p->generation = ++l->generation;
	memcpy(p->name, hello.name, sizeof(p->name));
	welcome.generation = p->generation;
	memcpy(welcome.station, l->station, sizeof(welcome.station));
	if (msg_send(p->sock, MSG_WELCOME, 0, p->generation, &welcome, NULL, 0) < 0)
		return "it does not read";
	p->role = hello.role;
	if (p->role == PEER_HOTPLUG) {
		l->hotplug = p;
		log_info("hotplug-connected", "uid=%u", (unsigned)p->uid);
		l->handlers->hotplug_up(l->arg);
	} else {
		log_info("uploader-connected", "destination=%s uid=%u", p->name, (unsigned)p->uid);
		l->handlers->uploader_up(l->arg, p->name, p);
	}
	return NULL;
}

static bool still_there(const struct link *l, const struct peer *p)
{
	for (const struct peer *o = l->peers; o; o = o->next) {
		if (o == p)
			return true;
	}
	return false;
}

static int on_peer(sd_event_source *s, int fd, uint32_t revents, void *arg)
{
	struct peer *p = arg;
	struct link *l = p->link;
	struct msg m;

	(void)s;
	(void)revents;
	for (unsigned i = 0; i < TURN_MESSAGES; i++) {
		const char *why = NULL;
		int r = msg_recv(fd, &m, p->role == PEER_HOTPLUG ? 1 : 0, &why);

		if (r == -EAGAIN)
			return 0;
		if (r != 1) {
			peer_drop(p, r == 0 ? "closed" : why ? why : strerror(-r));
			return 0;
		}
		if (p->role == 0) {
			why = greet(p, &m);
			if (why) {
				peer_drop(p, why);
				return 0;
			}
		} else if (p->role == PEER_HOTPLUG) {
			l->handlers->hotplug_message(l->arg, &m);
		} else {
			l->handlers->uploader_message(l->arg, p->name, p, &m);
		}
		msg_close_fds(&m);
		if (!still_there(l, p))
			return 0;
	}
	return 0;
}

/* A connection that never said who it is gives way, the oldest first: it may be there for that. */
static bool has_room(struct link *l)
{
	struct peer *silent = NULL;

	for (struct peer *p = l->peers; p; p = p->next) {
		if (p->role == 0)
			silent = p;
	}
	if (l->peers_n >= PEERS_MAX && silent)
		peer_drop(silent, "it never said who it is");
	return l->peers_n < PEERS_MAX;
}

static bool take(void *arg, int sock, uid_t *uid)
{
	struct link *l = arg;
	struct ucred cred;
	socklen_t len = sizeof(cred);
	struct peer *p = calloc(1, sizeof(*p));

	if (!p || !has_room(l) || getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0) {
		log_warn("stranger-refused", "reason=\"too many connections\"");
		free(p);
		close(sock);
		return true;
	}
	*uid = cred.uid;
	p->link = l;
	p->sock = sock;
	p->uid = cred.uid;
	p->next = l->peers;
	l->peers = p;
	l->peers_n++;
	if (sd_event_add_io(l->event, &p->io, sock, EPOLLIN, on_peer, p) < 0)
		peer_free(p);
	return *uid != l->hotplug_uid && *uid != l->uploader_uid;
}

int link_open(sd_event *event, const char *path, gid_t gid, uid_t hotplug_uid, uid_t uploader_uid,
    const char *station, const struct link_handlers *handlers, void *arg, struct link **out)
{
	struct link *l = calloc(1, sizeof(*l));
	int r;

	if (!l)
		return -ENOMEM;
	l->event = event;
	l->hotplug_uid = hotplug_uid;
	l->uploader_uid = uploader_uid;
	snprintf(l->station, sizeof(l->station), "%s", station);
	l->handlers = handlers;
	l->arg = arg;
	r = listener_open(event, path, gid, 0660, take, l, &l->listener);
	if (r < 0)
		free(l);
	else
		*out = l;
	return r;
}

void link_close(struct link *l)
{
	if (!l)
		return;
	l->hotplug = NULL;
	while (l->peers)
		peer_free(l->peers);
	listener_close(l->listener);
	free(l);
}

bool link_is_there(const struct link *l)
{
	return listener_is_there(l->listener);
}

int link_send_hotplug(struct link *l, unsigned type, const void *body)
{
	int r;

	if (!l->hotplug)
		return -ENOTCONN;
	r = msg_send(l->hotplug->sock, type, 0, 0, body, NULL, 0);
	if (r < 0)
		peer_drop(l->hotplug, "it does not read");
	return r;
}

int peer_send(struct peer *p, unsigned type, unsigned slot, uint32_t generation, const void *body,
    const int *fds, unsigned nfds)
{
	return msg_send(p->sock, type, slot, generation, body, fds, nfds);
}

void link_drop_hotplug(struct link *l, const char *why)
{
	if (l->hotplug)
		peer_drop(l->hotplug, why);
}
