#include "listener.h"

#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define SECOND_US UINT64_C(1000000)
#define WAITING 32 /* before the socket; the others wait in connect(2), the first come first */
#define BATCH (2 * WAITING)
#define PAUSE_US (SECOND_US / 10)
#define TOLD_AGAIN_US (60 * SECOND_US)

struct listener {
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	listener_take *take;
	void *arg;
	int sock;
	int spare; /* let go where there is no other descriptor left; -1: it is in use */
	sd_event_source *io, *again;
	unsigned strangers; /* of late: LISTENER_STRANGERS of them are forgotten a second */
	uint64_t forgot_us, told_us;
};

static int listen_at(const char *path, gid_t gid, mode_t mode)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd, r = 0;

	if (strlen(path) >= sizeof(sa.sun_path))
		return -ENAMETOOLONG;
	memcpy(sa.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	unlink(path);
	if (bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 ||
	    (gid != (gid_t)-1 && chown(path, (uid_t)-1, gid) < 0) || chmod(path, mode) < 0 ||
	    listen(fd, WAITING) < 0)
		r = -errno;
	if (r < 0) {
		close(fd);
		return r;
	}
	return fd;
}

/* A socket's name for a try. False: there is no room for one. */
static bool name_try(const char *path, struct sockaddr_un *sa)
{
	*sa = (struct sockaddr_un){ .sun_family = AF_UNIX };
	return snprintf(sa->sun_path, sizeof(sa->sun_path), "%s.try", path) <
	    (int)sizeof(sa->sun_path);
}

static int try_one(const char *path)
{
	struct sockaddr_un sa;
	int fd, r;

	if (!name_try(path, &sa))
		return 0;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	unlink(sa.sun_path);
	r = bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 ? -errno : 0;
	close(fd);
	/* that of an earlier start gives its place to the new one */
	return r == -ENOSPC && access(path, F_OK) == 0 ? 0 : r;
}

int listener_may_open(const char *const *paths, size_t n)
{
	struct sockaddr_un sa;
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++)
		r = try_one(paths[i]);
	for (size_t i = 0; i < n; i++) {
		if (name_try(paths[i], &sa))
			unlink(sa.sun_path);
	}
	return r;
}

bool listener_is_there(const struct listener *l)
{
	return access(l->path, F_OK) == 0 || errno != ENOENT;
}

static void forget(struct listener *l, uint64_t now_us)
{
	uint64_t n = (now_us - l->forgot_us) * LISTENER_STRANGERS / SECOND_US;

	if (n == 0)
		return;
	l->forgot_us = now_us;
	l->strangers -= n < l->strangers ? (unsigned)n : l->strangers;
}

static void pause_for(struct listener *l, uint64_t now_us, uid_t uid, const char *why)
{
	sd_event_source_set_enabled(l->io, SD_EVENT_OFF);
	sd_event_source_set_time(l->again, now_us + PAUSE_US);
	sd_event_source_set_enabled(l->again, SD_EVENT_ONESHOT);
	if (l->told_us && now_us - l->told_us < TOLD_AGAIN_US)
		return;
	l->told_us = now_us;
	log_warn("accepting-paused", "socket=%s uid=%d reason=\"%s\"", l->path, (int)uid, why);
}

/* Who comes when there is no other descriptor left gets the spare one, so that he can be looked at:
 * a stranger gives it back at once and holds nobody up. */
static int accept_one(struct listener *l)
{
	int sock = accept4(l->sock, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (sock >= 0)
		return sock;
	if ((errno != EMFILE && errno != ENFILE) || l->spare < 0)
		return -errno;
	close(l->spare);
	l->spare = -1;
	sock = accept4(l->sock, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	return sock < 0 ? -errno : sock;
}

static int on_listener(sd_event_source *s, int fd, uint32_t revents, void *arg)
{
	struct listener *l = arg;
	uid_t uid = (uid_t)-1, stranger = (uid_t)-1;
	uint64_t now_us = 0;
	int sock = 0;

	(void)fd;
	(void)revents;
	sd_event_now(sd_event_source_get_event(s), CLOCK_MONOTONIC, &now_us);
	forget(l, now_us);
	for (unsigned i = 0; i < BATCH && sock >= 0; i++) {
		sock = accept_one(l);
		if (sock >= 0 && l->take(l->arg, sock, &uid)) {
			stranger = uid;
			if (l->strangers <
			    2 * LISTENER_STRANGERS) /* forgotten within two seconds */
				l->strangers++;
		}
		if (l->spare < 0)
			l->spare = eventfd(0, EFD_CLOEXEC);
	}
	if (sock < 0 && sock != -EAGAIN && sock != -ECONNABORTED && sock != -EINTR)
		pause_for(l, now_us, (uid_t)-1, strerror(-sock));
	else if (l->strangers > LISTENER_STRANGERS)
		pause_for(l, now_us, stranger, "connected again and again by who has no role");
	return 0;
}

static int on_again(sd_event_source *s, uint64_t usec, void *arg)
{
	struct listener *l = arg;

	(void)s;
	(void)usec;
	return sd_event_source_set_enabled(l->io, SD_EVENT_ON);
}

int listener_open(sd_event *event, const char *path, gid_t gid, mode_t mode, listener_take *take,
    void *arg, struct listener **out)
{
	struct listener *l = calloc(1, sizeof(*l));
	int r;

	if (!l)
		return -ENOMEM;
	l->take = take;
	l->arg = arg;
	snprintf(l->path, sizeof(l->path), "%s", path);
	l->spare = eventfd(0, EFD_CLOEXEC);
	l->sock = listen_at(path, gid, mode);
	r = l->sock;
	if (r >= 0)
		r = sd_event_add_time(event, &l->again, CLOCK_MONOTONIC, 0, 1000, on_again, l);
	if (r >= 0)
		r = sd_event_source_set_enabled(l->again, SD_EVENT_OFF);
	if (r >= 0)
		r = sd_event_add_io(event, &l->io, l->sock, EPOLLIN, on_listener, l);
	if (r < 0) {
		listener_close(l);
		return r;
	}
	*out = l;
	return 0;
}

void listener_close(struct listener *l)
{
	if (!l)
		return;
	sd_event_source_disable_unref(l->io);
	sd_event_source_disable_unref(l->again);
	if (l->sock >= 0)
		close(l->sock);
	if (l->spare >= 0)
		close(l->spare);
	free(l);
}
