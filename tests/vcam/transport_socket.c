/*
 * transport_socket: the worker's transport to a simulated camera, over vusb.
 *
 * Linked in place of usb/transport_usb.c in tests; never shipped. The descriptor that the worker is
 * handed is a connected vusb socket; end of file on it is an unplugged camera.
 */
#include "../../usb/transport.h"

#include "vusb.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define CANCEL_MS 5000
#define UNDER_WAY_MAX 32

struct transport {
	int fd;
	bool gone;
	uint32_t next_id;
	struct transfer *under_way[UNDER_WAY_MAX];
	size_t descriptors_len;
	uint8_t descriptors[8192];
};

/* What a submitted transfer is on the wire. */
struct request {
	uint32_t id;
	struct vusb_head head;
};

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int transport_prepare(void)
{
	return 0;
}

static void finish(struct transfer *x, int status)
{
	struct transport *t = x->transport;

	for (size_t i = 0; i < UNDER_WAY_MAX; i++) {
		if (t->under_way[i] == x)
			t->under_way[i] = NULL;
	}
	x->status = status;
	x->busy = 0;
}

static void unplugged(struct transport *t)
{
	t->gone = true;
	for (size_t i = 0; i < UNDER_WAY_MAX; i++) {
		if (t->under_way[i])
			finish(t->under_way[i], -ENODEV);
	}
}

static int send_all(struct transport *t, const struct vusb_head *head, const void *data)
{
	const uint8_t *parts[2] = { (const uint8_t *)head, data };
	size_t lens[2] = { sizeof(*head), head->data };

	for (int i = 0; i < 2; i++) {
		while (lens[i] > 0) {
			ssize_t n = send(t->fd, parts[i], lens[i], MSG_NOSIGNAL);

			if (n < 0 && errno == EINTR)
				continue;
			if (n <= 0)
				return -ENODEV; /* what came before is still to be read */
			parts[i] += n;
			lens[i] -= (size_t)n;
		}
	}
	return 0;
}

/* Exactly len bytes. false: unplugged; *got tells how many came. */
static bool receive_all(struct transport *t, void *out, size_t len, size_t *got)
{
	*got = 0;
	while (*got < len) {
		ssize_t n = recv(t->fd, (uint8_t *)out + *got, len - *got, MSG_WAITALL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		*got += (size_t)n;
	}
	return true;
}

static struct transfer *find(struct transport *t, uint32_t id)
{
	for (size_t i = 0; i < UNDER_WAY_MAX; i++) {
		struct transfer *x = t->under_way[i];

		if (x && ((struct request *)x->inner)->id == id)
			return x;
	}
	return NULL;
}

static void take_one(struct transport *t)
{
	struct vusb_head head;
	struct transfer *x;
	size_t got;
	bool in;

	if (!receive_all(t, &head, sizeof(head), &got)) {
		unplugged(t);
		return;
	}
	x = head.kind == VUSB_COMPLETE ? find(t, head.id) : NULL;
	if (!x) {
		unplugged(t); /* the simulation is broken: so is the cable */
		return;
	}
	in = head.data > 0;
	if (in && head.data > x->room) {
		unplugged(t);
		return;
	}
	if (in && !receive_all(t, x->data, head.data, &got)) {
		x->len = got;
		unplugged(t);
		return;
	}
	x->len = in ? head.data : (x->endpoint & 0x80 ? 0 : head.length);
	finish(x, head.status == -ECONNRESET ? -ECANCELED : head.status);
}

static void pass(struct transport *t, int64_t wait_ms)
{
	struct pollfd p = { .fd = t->fd, .events = POLLIN };

	if (t->gone)
		return;
	if (poll(&p, 1, (int)wait_ms) <= 0)
		return;
	do {
		take_one(t);
	} while (!t->gone && poll(&p, 1, 0) > 0);
}

int transport_open(int device_fd, struct transport **out)
{
	struct transport *t = calloc(1, sizeof(*t));
	struct vusb_head head;
	size_t got;

	if (!t) {
		close(device_fd);
		return -ENOMEM;
	}
	t->fd = device_fd;
	if (!receive_all(t, &head, sizeof(head), &got) || head.kind != VUSB_DESCRIPTORS ||
	    head.data > sizeof(t->descriptors) ||
	    !receive_all(t, t->descriptors, head.data, &got)) {
		transport_close(t);
		return -ENODEV;
	}
	t->descriptors_len = head.data;
	*out = t;
	return 0;
}

void transport_close(struct transport *t)
{
	if (!t)
		return;
	close(t->fd);
	free(t);
}

const uint8_t *transport_descriptors(struct transport *t, size_t *len, uint8_t *configuration)
{
	*len = t->descriptors_len;
	*configuration = 0;
	return t->descriptors;
}

int transport_claim(struct transport *t, uint8_t interface)
{
	(void)interface;
	return t->gone ? -ENODEV : 0;
}

void transport_release(struct transport *t)
{
	(void)t;
}

bool transport_gone(const struct transport *t)
{
	return t->gone;
}

struct transfer *transfer_new(struct transport *t, uint8_t endpoint, size_t room)
{
	struct transfer *x = calloc(1, sizeof(*x));

	if (!x)
		return NULL;
	x->transport = t;
	x->endpoint = endpoint;
	x->room = room;
	x->data = malloc(room ? room : 1);
	x->inner = calloc(1, sizeof(struct request));
	if (!x->data || !x->inner) {
		transfer_free(x);
		return NULL;
	}
	return x;
}

void transfer_free(struct transfer *x)
{
	if (!x)
		return;
	transfer_cancel(x);
	if (x->busy)
		finish(x, -ECANCELED);
	free(x->inner);
	free(x->data);
	free(x);
}

static int submit(struct transfer *x, const struct vusb_head *head, const void *data)
{
	struct transport *t = x->transport;
	struct request *request = x->inner;
	size_t i = 0;

	if (t->gone)
		return -ENODEV;
	while (i < UNDER_WAY_MAX && t->under_way[i])
		i++;
	if (i == UNDER_WAY_MAX)
		return -ENOMEM;
	request->head = *head;
	request->id = request->head.id = ++t->next_id;
	x->len = 0;
	x->status = 0;
	x->busy = 1;
	t->under_way[i] = x;
	if (send_all(t, &request->head, data) == 0)
		return 0;
	t->under_way[i] = NULL;
	x->busy = 0;
	return -ENODEV;
}

int transfer_submit(struct transfer *x, size_t len)
{
	bool in = (x->endpoint & 0x80) != 0;
	struct vusb_head head = {
		.kind = VUSB_SUBMIT,
		.endpoint = x->endpoint,
		.length = (uint32_t)len,
		.flags = in ? 0 : VUSB_ZERO_PACKET,
		.data = in ? 0 : (uint32_t)len,
	};

	if (len > x->room)
		return -EINVAL;
	x->asked = len;
	return submit(x, &head, x->data);
}

int transfer_wait(struct transfer *x, unsigned timeout_ms)
{
	int64_t end = now_ms() + timeout_ms;

	while (x->busy) {
		int64_t left = end - now_ms();

		pass(x->transport, left > 0 ? left : 0);
		if (x->busy && left <= 0)
			return -ETIMEDOUT;
	}
	return 0;
}

void transfer_cancel(struct transfer *x)
{
	struct vusb_head head = { .kind = VUSB_CANCEL };

	if (!x->busy)
		return;
	head.id = ((struct request *)x->inner)->id;
	head.endpoint = x->endpoint;
	if (send_all(x->transport, &head, NULL) == 0)
		transfer_wait(x, CANCEL_MS);
}

int transport_control(struct transport *t, uint8_t request_type, uint8_t request, uint16_t value,
    uint16_t index, void *data, uint16_t len, unsigned timeout_ms)
{
	bool in = (request_type & 0x80) != 0;
	struct vusb_head head = {
		.kind = VUSB_SUBMIT,
		.length = len,
		.setup = { request_type, request, (uint8_t)value, (uint8_t)(value >> 8),
		    (uint8_t)index, (uint8_t)(index >> 8), (uint8_t)len, (uint8_t)(len >> 8) },
		.data = in ? 0 : len,
	};
	struct transfer *x = transfer_new(t, 0, len);
	int r;

	if (!x)
		return -ENOMEM;
	r = submit(x, &head, data);
	if (r == 0)
		r = transfer_wait(x, timeout_ms);
	if (r == 0)
		r = x->status;
	if (r == 0)
		r = in ? (int)x->len : len;
	if (r > 0 && in)
		memcpy(data, x->data, x->len);
	transfer_free(x);
	return r;
}

/* Clear halt and reset are requests that complete with their id. */
static int simple(struct transport *t, uint32_t kind, uint8_t endpoint)
{
	struct vusb_head head = { .kind = kind, .endpoint = endpoint };
	struct transfer *x = transfer_new(t, endpoint, 0);
	int r;

	if (!x)
		return -ENOMEM;
	r = submit(x, &head, NULL);
	if (r == 0)
		r = transfer_wait(x, CANCEL_MS);
	if (r == 0)
		r = x->status;
	transfer_free(x);
	return r;
}

int transport_clear_halt(struct transport *t, uint8_t endpoint)
{
	return simple(t, VUSB_CLEAR_HALT, endpoint);
}

int transport_reset(struct transport *t)
{
	return simple(t, VUSB_RESET, 0);
}

void transport_run(struct transport *t, unsigned timeout_ms)
{
	pass(t, timeout_ms);
}

size_t transport_fds(struct transport *t, struct pollfd *fds, size_t max)
{
	if (max < 1 || t->gone)
		return 0;
	fds[0] = (struct pollfd){ .fd = t->fd, .events = POLLIN };
	return 1;
}
