/*
 * bare_vusb: the bare loop over the simulated camera's socket face.
 *
 * Takes every object from the camera with dockd-camera's own operation and windows: 256 KiB bulk
 * reads, 4 in flight, data discarded, no check of anything that could be left out. It uses the
 * worker's own test transport, so that what is compared is what the worker does above it. Prints
 * bytes and seconds of the objects alone, without session and listing.
 *
 *   bare_vusb SOCKET [WINDOW_BYTES]
 *
 * PTP: ISO 15740, containers USB Still Image 1.0 section 7.1; GetPartialObject64: Android's 0x95C1.
 */
#include "../../usb/ptp/ptp.h"
#include "../../usb/transport.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define READ_BYTES (256u << 10)
#define IN_FLIGHT 4u
#define PACKET_BYTES 512u
#define TIMEOUT_MS 60000
#define DATA_BYTES (4u << 20)
#define EVERYTHING 0xFFFFFFFFu

struct camera {
	struct transport *transport;
	struct transfer *out, *reads[IN_FLIGHT];
	uint32_t transaction;
	uint8_t *data; /* small datasets, without their head */
	size_t data_len;
};

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "bare_vusb: %s\n", what);
	exit(EXIT_FAILURE);
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* The bulk endpoint of this direction in the descriptors (USB 2.0, 9.6.6). */
static uint8_t endpoint(struct transport *t, bool in)
{
	uint8_t configuration;
	size_t len;
	const uint8_t *d = transport_descriptors(t, &len, &configuration);

	for (size_t at = 0; at + 7 <= len && d[at] > 0; at += d[at]) {
		if (d[at + 1] == 5 && (d[at + 3] & 3) == 2 && ((d[at + 2] & 0x80) != 0) == in)
			return d[at + 2];
	}
	die("no bulk endpoint");
}

static void command(struct camera *c, uint16_t code, const uint32_t *params, unsigned n)
{
	size_t len = ptp_command(
	    c->out->data, code, code == PTP_OPEN_SESSION ? 0 : ++c->transaction, params, n);

	if (transfer_submit(c->out, len) < 0 || transfer_wait(c->out, TIMEOUT_MS) < 0)
		die("command");
}

static struct transfer *read_once(struct camera *c)
{
	struct transfer *x = c->reads[0];

	if (transfer_submit(x, READ_BYTES) < 0 || transfer_wait(x, TIMEOUT_MS) < 0 || x->status < 0)
		die("read");
	return x;
}

static struct ptp_head head_of(const struct transfer *x)
{
	struct buf b = buf_of(x->data, x->len);
	struct ptp_head head;

	if (!ptp_head_read(&b, &head))
		die("no container");
	return head;
}

/* The response, past an empty packet if one comes first. */
static void response(struct camera *c)
{
	struct transfer *x = read_once(c);
	struct ptp_head head;

	if (x->len == 0)
		x = read_once(c);
	head = head_of(x);
	if (head.type != PTP_RESPONSE || head.code != PTP_OK)
		die("response");
}

/* A dataset into c->data. */
static void ask(struct camera *c, uint16_t code, const uint32_t *params, unsigned n)
{
	size_t want = 0;

	command(c, code, params, n);
	c->data_len = 0;
	do {
		struct transfer *x = read_once(c);
		size_t skip = want ? 0 : PTP_HEAD_BYTES;

		if (!want)
			want = head_of(x).length - PTP_HEAD_BYTES;
		if (x->len < skip || x->len - skip > DATA_BYTES - c->data_len)
			die("a dataset that is too long");
		memcpy(c->data + c->data_len, x->data + skip, x->len - skip);
		c->data_len += x->len - skip;
	} while (c->data_len < want);
	response(c);
}

/* The data phase of `payload` bytes that was just asked for, discarded. */
static void discard(struct camera *c, uint64_t payload)
{
	uint64_t left = payload + PTP_HEAD_BYTES, asked = 0;
	unsigned head = 0, tail = 0;

	while (left > 0) {
		struct transfer *x;

		while (tail - head < IN_FLIGHT && asked < payload + PTP_HEAD_BYTES) {
			uint64_t want = payload + PTP_HEAD_BYTES - asked;

			want = want > READ_BYTES ?
			    READ_BYTES :
			    (want + PACKET_BYTES - 1) / PACKET_BYTES * PACKET_BYTES;
			if (transfer_submit(c->reads[tail++ % IN_FLIGHT], (size_t)want) < 0)
				die("submit");
			asked += want;
		}
		x = c->reads[head++ % IN_FLIGHT];
		if (transfer_wait(x, TIMEOUT_MS) < 0 || x->status < 0)
			die("transfer");
		left -= x->len < left ? x->len : left;
	}
	response(c);
}

static uint64_t pull(struct camera *c, uint32_t handle, uint64_t size, uint64_t window)
{
	for (uint64_t at = 0; at < size; at += window) {
		uint32_t now = (uint32_t)(size - at < window ? size - at : window);
		const uint32_t params[] = { handle, (uint32_t)at, (uint32_t)(at >> 32), now };

		command(c, PTP_GET_PARTIAL64, params, 4);
		discard(c, now);
	}
	return size;
}

/* Every file on the camera, one after the other. */
static void pull_all(struct camera *c, uint64_t window)
{
	static uint32_t handles[DATA_BYTES / 4];
	static uint64_t sizes[DATA_BYTES / 4];
	const uint32_t all[] = { EVERYTHING, 0, 0 };
	uint64_t total = 0;
	double began;
	long n;

	ask(c, PTP_GET_OBJECT_HANDLES, all, 3);
	n = ptp_array_read(c->data, c->data_len, handles, DATA_BYTES / 4);
	for (long i = 0; i < n; i++) {
		struct ptp_object o;

		ask(c, PTP_GET_OBJECT_INFO, &handles[i], 1);
		if (!ptp_object_read(c->data, c->data_len, &o))
			die("object info");
		sizes[i] = o.format == PTP_FORMAT_FOLDER ? 0 : o.size_bytes;
	}
	began = seconds();
	for (long i = 0; i < n; i++)
		total += pull(c, handles[i], sizes[i], window);
	printf("bytes=%" PRIu64 " seconds=%.6f\n", total, seconds() - began);
}

int main(int argc, char **argv)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	struct camera c = { .data = malloc(DATA_BYTES) };
	const uint32_t one = 1;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (argc < 2 || strlen(argv[1]) >= sizeof(a.sun_path) || !c.data)
		die("SOCKET [WINDOW_BYTES]");
	memcpy(a.sun_path, argv[1], strlen(argv[1]) + 1);
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0 ||
	    transport_open(fd, &c.transport) < 0)
		die("connect");
	c.out = transfer_new(c.transport, endpoint(c.transport, false), PTP_COMMAND_MAX);
	for (unsigned i = 0; i < IN_FLIGHT; i++)
		c.reads[i] = transfer_new(c.transport, endpoint(c.transport, true), READ_BYTES);
	command(&c, PTP_OPEN_SESSION, &one, 1);
	response(&c);
	pull_all(&c, argc > 2 ? strtoull(argv[2], NULL, 10) : 8u << 20);
	command(&c, PTP_CLOSE_SESSION, NULL, 0);
	response(&c);
	transport_close(c.transport);
	free(c.data);
	return EXIT_SUCCESS;
}
