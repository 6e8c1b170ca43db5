/*
 * delay: a TCP proxy on loopback that hands every byte on a fixed time later, in both directions:
 *
 *	delay TARGET-PORT ONE-WAY-MS
 *
 * Prints the port that it listens on. For kernels without netem. At most 32 MiB are on the way in
 * one direction of a connection; only bytes are late, not the connection itself.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define WAYS 256
#define PIECE (256u << 10)
#define ON_THE_WAY (32u << 20)

struct piece {
	struct piece *next;
	int64_t due_us;
	size_t len, at;
	char bytes[PIECE];
};

/* One direction; those of a connection stand side by side. */
struct way {
	int from, to; /* -1 unused */
	struct piece *first, *last;
	size_t queued;
	bool ended, shut;
};

static struct way way[WAYS];
static struct piece *spare;

static int64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static struct sockaddr_in loopback(unsigned port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

static void let_go(struct way *w)
{
	while (w->first) {
		struct piece *p = w->first;

		w->first = p->next;
		p->next = spare;
		spare = p;
	}
	*w = (struct way){ .from = -1, .to = -1 };
}

static void drop(size_t i)
{
	size_t even = i & ~(size_t)1;

	close(way[even].from);
	close(way[even].to);
	let_go(&way[even]);
	let_go(&way[even + 1]);
}

/* False: the connection is over. */
static bool take(struct way *w, int64_t delay_us)
{
	struct piece *p = spare ? spare : malloc(sizeof(*p));
	ssize_t n;

	if (!p)
		return false;
	spare = p == spare ? p->next : spare;
	n = recv(w->from, p->bytes, sizeof(p->bytes), MSG_DONTWAIT);
	if (n < 0 && errno != EAGAIN) {
		free(p);
		return false;
	}
	w->ended = w->ended || n == 0;
	if (n <= 0) {
		p->next = spare;
		spare = p;
		return true;
	}
	p->next = NULL;
	p->due_us = now_us() + delay_us;
	p->len = (size_t)n;
	p->at = 0;
	if (w->first)
		w->last->next = p;
	else
		w->first = p;
	w->last = p;
	w->queued += p->len;
	return true;
}

static bool give(struct way *w)
{
	struct piece *p = w->first;
	ssize_t n = send(w->to, p->bytes + p->at, p->len - p->at, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0)
		return errno == EAGAIN;
	p->at += (size_t)n;
	if (p->at < p->len)
		return true;
	w->queued -= p->len;
	w->first = p->next;
	p->next = spare;
	spare = p;
	return true;
}

static void admit(int listener, unsigned target)
{
	struct sockaddr_in there = loopback(target);
	int in = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	int out = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int yes = 1;
	size_t i = 0;

	while (i < WAYS && way[i].from >= 0)
		i += 2;
	if (in < 0 || out < 0 || i == WAYS ||
	    connect(out, (struct sockaddr *)&there, sizeof(there)) < 0) {
		close(in);
		close(out);
		return;
	}
	setsockopt(in, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	setsockopt(out, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	way[i] = (struct way){ .from = in, .to = out };
	way[i + 1] = (struct way){ .from = out, .to = in };
}

/* What is due, and when the next will be. */
static int64_t prepare(struct pollfd *p, int64_t now)
{
	int64_t next = now + 1000000;

	for (size_t i = 0; i < WAYS; i++) {
		struct way *w = &way[i];
		bool due = w->first && w->first->due_us <= now;

		p[2 * i] = (struct pollfd){ w->from, POLLIN, 0 };
		p[2 * i + 1] = (struct pollfd){ due ? w->to : -1, POLLOUT, 0 };
		if (w->from >= 0 && (w->ended || w->queued >= ON_THE_WAY))
			p[2 * i].fd = -1;
		if (w->first && !due && w->first->due_us < next)
			next = w->first->due_us;
	}
	return next;
}

static void carry(const struct pollfd *p, int64_t delay_us)
{
	for (size_t i = 0; i < WAYS; i++) {
		struct way *w = &way[i];
		bool well = true;

		if (w->from < 0)
			continue;
		if (p[2 * i].fd >= 0 && p[2 * i].revents)
			well = take(w, delay_us);
		if (well && p[2 * i + 1].fd >= 0 && p[2 * i + 1].revents)
			well = give(w);
		if (w->ended && !w->first && !w->shut) {
			shutdown(w->to, SHUT_WR);
			w->shut = true;
		}
		if (!well || (way[i & ~(size_t)1].shut && way[i | 1].shut))
			drop(i);
	}
}

int main(int argc, char **argv)
{
	static struct pollfd p[2 * WAYS + 1];
	struct sockaddr_in here = loopback(0);
	socklen_t len = sizeof(here);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int64_t delay_us;
	unsigned target;

	if (argc != 3 || listener < 0 || bind(listener, (struct sockaddr *)&here, len) < 0 ||
	    listen(listener, 64) < 0 || getsockname(listener, (struct sockaddr *)&here, &len) < 0)
		return 1;
	target = (unsigned)strtoul(argv[1], NULL, 10);
	delay_us = strtoll(argv[2], NULL, 10) * 1000;
	for (size_t i = 0; i < WAYS; i++)
		way[i].from = way[i].to = -1;
	printf("%u\n", ntohs(here.sin_port));
	fflush(stdout);
	for (;;) {
		int64_t now = now_us(), next = prepare(p, now);
		struct timespec wait = { .tv_sec = (next - now) / 1000000,
			.tv_nsec = (next - now) % 1000000 * 1000 };

		p[2 * WAYS] = (struct pollfd){ listener, POLLIN, 0 };
		if (ppoll(p, 2 * WAYS + 1, &wait, NULL) < 0 && errno != EINTR)
			return 1;
		carry(p, delay_us);
		if (p[2 * WAYS].revents)
			admit(listener, target);
	}
}
