/*
 * face_socket: the camera on a SOCK_STREAM socket, as vusb.h has it.
 *
 * Plays cable, host controller and endpoint queues: fills IN requests packet by packet from the
 * responder, holds OUT requests that the device does not take. One connection at a time, the newest
 * counts. A plug is a file in the dock folder.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "vcam.h"
#include "vusb.h"

#define OUT_MAX 65536u
#define IN_MAX (16u << 20)
#define SPARE_URBS 8u
#define SOCKET_BUFFER (4 << 20)

struct urb {
	struct urb *next;
	struct vusb_head head;
	size_t got, room, sent;
	uint8_t data[];
};

struct queue {
	struct urb *first, *last;
};

static int listener = -1, host = -1;
static struct queue in, event, out, control, ignored, done, spare;
static unsigned spares;
static uint8_t input[sizeof(struct vusb_head) + OUT_MAX];
static size_t input_len;

static void push(struct queue *q, struct urb *u)
{
	u->next = NULL;
	if (q->last)
		q->last->next = u;
	else
		q->first = u;
	q->last = u;
}

static struct urb *pop(struct queue *q)
{
	struct urb *u = q->first;

	if (u) {
		q->first = u->next;
		if (!q->first)
			q->last = NULL;
	}
	return u;
}

static struct urb *take_id(struct queue *q, uint32_t id)
{
	struct queue rest = { NULL, NULL };
	struct urb *found = NULL;

	for (struct urb *u = pop(q); u; u = pop(q)) {
		if (u->head.id == id && !found)
			found = u;
		else
			push(&rest, u);
	}
	*q = rest;
	return found;
}

static struct urb *urb_new(const struct vusb_head *head, size_t room)
{
	struct urb *u = spare.first && spare.first->room >= room ? pop(&spare) : NULL;

	if (u) {
		spares--;
	} else {
		u = malloc(sizeof(*u) + room);
		if (!u)
			abort();
		u->room = room;
	}
	u->head = *head;
	u->got = u->sent = 0;
	return u;
}

static void urb_free(struct urb *u)
{
	if (spares < SPARE_URBS && u->room >= 65536) {
		push(&spare, u);
		spares++;
	} else {
		free(u);
	}
}

static void drop(struct queue *q)
{
	for (struct urb *u = pop(q); u; u = pop(q))
		urb_free(u);
}

/* Puts u among what goes to the host, as completed. */
static void complete(struct urb *u, int status)
{
	bool to_host =
	    (u->head.endpoint & 0x80) || (!u->head.endpoint && (u->head.setup[0] & 0x80));

	u->head.kind = VUSB_COMPLETE;
	u->head.status = status;
	u->head.data = to_host ? (uint32_t)u->got : 0;
	u->head.length = to_host ? u->head.data : status ? 0 : u->head.length;
	push(&done, u);
}

static void complete_all(struct queue *q, int status)
{
	for (struct urb *u = pop(q); u; u = pop(q))
		complete(u, status);
}

static void hang_up(struct vcam *v)
{
	uint8_t rest[4096];

	if (host < 0)
		return;
	while (recv(host, rest, sizeof(rest), MSG_DONTWAIT) > 0)
		; /* unread bytes would turn the end of file into an error */
	close(host);
	host = -1;
	v->connected = false;
	input_len = 0;
	drop(&in);
	drop(&event);
	drop(&out);
	drop(&control);
	drop(&ignored);
	drop(&done);
}

/* Sends what is completed. True: all of it is out. */
static bool flush(struct vcam *v)
{
	for (struct urb *u = done.first; u && host >= 0; u = done.first) {
		size_t head = sizeof(u->head), n = 0;
		struct iovec iov[2];
		struct msghdr mh = { .msg_iov = iov };
		ssize_t r;

		if (u->sent < head)
			iov[n++] = (struct iovec){ (uint8_t *)&u->head + u->sent, head - u->sent };
		if (u->head.data && u->sent < head + u->head.data) {
			size_t from = u->sent > head ? u->sent - head : 0;

			iov[n++] = (struct iovec){ u->data + from, u->head.data - from };
		}
		mh.msg_iovlen = n;
		r = sendmsg(host, &mh, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (r < 0 && (errno == EAGAIN || errno == EINTR))
			return false;
		if (r < 0) {
			hang_up(v);
			return true;
		}
		u->sent += (size_t)r;
		if (u->sent == head + u->head.data)
			urb_free(pop(&done));
	}
	return true;
}

/* Offers the first IN request of a queue to the device. True: it is completed, go on. */
static bool fill(struct vcam *v, struct queue *q, bool interrupt)
{
	struct urb *u = q->first;
	enum in_result result;
	size_t got;

	if (interrupt)
		result = responder_event(&v->responder, u->data, u->head.length, &got);
	else
		result =
		    responder_in(&v->responder, u->data + u->got, u->head.length - u->got, &got);
	u->got += got;
	switch (result) {
	case IN_NOTHING:
		return false;
	case IN_FULL:
	case IN_SHORT:
		complete(pop(q), 0);
		return true;
	case IN_HALT:
		complete_all(q, -EPIPE);
		return false;
	case IN_BABBLE:
		complete(pop(q), -EOVERFLOW);
		return true;
	case IN_UNPLUG:
		if (u->got)
			complete(pop(q), 0);
		return false;
	}
	return false;
}

static void offer_out(struct vcam *v)
{
	while (out.first && host >= 0) {
		int r = responder_out(&v->responder, out.first->data, out.first->got);

		if (r == -EAGAIN)
			return;
		complete(pop(&out), r);
	}
}

static void offer_control(struct vcam *v)
{
	while (control.first && v->responder.silence != UNTIL_RESET &&
	    v->responder.silence != UNTIL_UNPLUG) {
		struct urb *u = pop(&control);
		size_t len = 0;
		int r = responder_control(&v->responder, u->head.setup, u->data, u->room, &len);

		if (r == -EAGAIN) {
			push(&ignored, u);
			continue;
		}
		u->got = len;
		complete(u, r);
	}
}

/* Moves everything on as far as it goes. */
static void pump(struct vcam *v)
{
	bool more = true;

	while (host >= 0 && more) {
		more = false;
		offer_control(v);
		offer_out(v);
		if (!flush(v))
			break;
		if (event.first && !v->responder.pull)
			more = fill(v, &event, true);
		if (in.first && !v->responder.pull)
			more |= fill(v, &in, false);
	}
	if (v->responder.pull && flush(v))
		vcam_unplug(v);
}

static void reset_port(struct vcam *v, struct urb *u)
{
	complete_all(&in, -ECONNRESET);
	complete_all(&event, -ECONNRESET);
	complete_all(&out, -ECONNRESET);
	complete_all(&control, -ECONNRESET);
	complete_all(&ignored, -ECONNRESET);
	responder_port_reset(&v->responder);
	complete(u, 0);
}

static void cancel(uint32_t id)
{
	struct queue *const queues[] = { &in, &event, &out, &control, &ignored };

	for (size_t i = 0; i < sizeof(queues) / sizeof(queues[0]); i++) {
		struct urb *u = take_id(queues[i], id);

		if (u) {
			complete(u, -ECONNRESET);
			return;
		}
	}
}

/* One whole message from the host. 0, or -EPROTO where it makes no sense. */
static int take_message(struct vcam *v, const struct vusb_head *h, const uint8_t *data)
{
	size_t room = h->data > h->length ? h->data : h->length;
	struct urb *u;

	if (h->length > IN_MAX)
		return -EPROTO;
	switch (h->kind) {
	case VUSB_SUBMIT:
		if (!h->endpoint && room < (size_t)(h->setup[6] | h->setup[7] << 8))
			room = (size_t)(h->setup[6] | h->setup[7] << 8);
		u = urb_new(h, room);
		if (h->data)
			memcpy(u->data, data, h->data);
		if (h->endpoint == EP_IN || h->endpoint == EP_EVENT) {
			push(h->endpoint == EP_IN ? &in : &event, u);
		} else if (h->endpoint == EP_OUT) {
			u->got = h->data;
			push(&out, u);
		} else if (h->endpoint == 0) {
			push(&control, u);
		} else {
			complete(u, -ENOENT);
		}
		return 0;
	case VUSB_CANCEL:
		cancel(h->id);
		return 0;
	case VUSB_CLEAR_HALT:
		responder_clear_halt(&v->responder, (uint8_t)h->endpoint);
		complete(urb_new(h, 0), 0);
		return 0;
	case VUSB_RESET:
		reset_port(v, urb_new(h, 0));
		return 0;
	}
	return -EPROTO;
}

static void read_host(struct vcam *v)
{
	ssize_t r = recv(host, input + input_len, sizeof(input) - input_len, MSG_DONTWAIT);
	struct vusb_head h;
	size_t at = 0;

	if (r < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (r <= 0) {
		hang_up(v);
		return;
	}
	input_len += (size_t)r;
	while (input_len - at >= sizeof(h)) {
		memcpy(&h, input + at, sizeof(h));
		if (h.data > OUT_MAX) {
			hang_up(v);
			return;
		}
		if (input_len - at < sizeof(h) + h.data)
			break;
		if (take_message(v, &h, input + at + sizeof(h)) < 0) {
			hang_up(v);
			return;
		}
		at += sizeof(h) + h.data;
	}
	memmove(input, input + at, input_len - at);
	input_len -= at;
}

static void accept_host(struct vcam *v)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct vusb_head h = { .kind = VUSB_DESCRIPTORS };
	int size = SOCKET_BUFFER;
	struct urb *u;

	if (fd < 0)
		return;
	if (!v->plugged) {
		close(fd);
		return;
	}
	if (host >= 0) {
		v->superseded++;
		hang_up(v);
	}
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	host = fd;
	v->connected = true;
	v->connections++;
	u = urb_new(&h, 1024);
	u->head.data =
	    18 + (uint32_t)responder_descriptors(&v->responder, u->data, u->data + 18, 512);
	u->head.length = u->head.data;
	push(&done, u);
}

/* ---- the dock folder ---- */

static void dock_path(
    const struct vcam *v, const char *prefix, const char *suffix, char *path, size_t room)
{
	snprintf(path, room, "%s/%s%s%s", v->options.dock, prefix, v->port, suffix);
}

static int write_dock_file(struct vcam *v)
{
	const struct identity *id = &v->camera.id;
	char path[512], temporary[512];
	FILE *f;

	dock_path(v, "", "", path, sizeof(path));
	dock_path(v, ".", ".new", temporary, sizeof(temporary));
	f = fopen(temporary, "we");
	if (!f)
		return -errno;
	fprintf(f, "socket=%s\ndocking=%d.%llu\nvendor=0x%04x\nproduct=0x%04x\nrelease=0x%04x\n",
	    v->options.socket, (int)getpid(), (unsigned long long)v->plugs, id->vendor, id->product,
	    id->release);
	fprintf(f, "class=0\nserial=%s\nmanufacturer=%s\nmodel=%s\nspeed=%u\nusb_version=%u\n",
	    camera_usb_serial(&v->camera), id->manufacturer, id->model, id->speed_mbps,
	    id->speed_mbps >= 5000 ? 0x0300u : 0x0200u);
	fprintf(f, "interface=%u:%u:%u:%s\npresence=%s\n", id->class, id->subclass, id->protocol,
	    id->interface, v->presence);
	if (fclose(f) != 0 || rename(temporary, path) < 0)
		return -errno;
	return 0;
}

static int socket_plug(struct vcam *v)
{
	return write_dock_file(v);
}

static void socket_unplug(struct vcam *v)
{
	char path[512];

	dock_path(v, "", "", path, sizeof(path));
	unlink(path);
	hang_up(v);
}

static void socket_changed(struct vcam *v)
{
	if (v->plugged)
		write_dock_file(v);
}

static int socket_open(struct vcam *v)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int r;

	if (!v->options.socket || !v->options.dock ||
	    strlen(v->options.socket) >= sizeof(sa.sun_path)) {
		fprintf(stderr, "vcam: --socket (short enough) and --dock are needed\n");
		return -EINVAL;
	}
	memcpy(sa.sun_path, v->options.socket, strlen(v->options.socket));
	unlink(v->options.socket);
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (listener < 0 || bind(listener, (struct sockaddr *)&sa, sizeof(sa)) < 0 ||
	    chmod(v->options.socket, 0666) < 0 || listen(listener, 8) < 0) {
		r = -errno;
		fprintf(stderr, "vcam: %s: %s\n", v->options.socket, strerror(-r));
		return r;
	}
	return 0;
}

static unsigned socket_watch(struct vcam *v, struct pollfd *fds)
{
	(void)v;
	fds[0] = (struct pollfd){ listener, POLLIN, 0 };
	fds[1] = (struct pollfd){ host, (short)(POLLIN | (done.first ? POLLOUT : 0)), 0 };
	return host >= 0 ? 2 : 1;
}

static void socket_handle(struct vcam *v, const struct pollfd *fds, unsigned n)
{
	if (n > 1 && fds[1].revents && host == fds[1].fd)
		read_host(v);
	if (fds[0].revents)
		accept_host(v);
	pump(v);
}

const struct face face_socket = {
	.open = socket_open,
	.plug = socket_plug,
	.unplug = socket_unplug,
	.changed = socket_changed,
	.watch = socket_watch,
	.handle = socket_handle,
};
