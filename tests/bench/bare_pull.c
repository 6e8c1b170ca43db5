/*
 * bare_pull: the bare loop that a pull is measured against.
 *
 * Takes one object from an MTP camera with the same operation and windows as dockd-camera, in plain
 * C around libusb: 256 KiB bulk reads, 4 in flight, data discarded, no check of anything that could
 * be left out. It prints bytes and seconds of the object alone, without session and listing.
 *
 *   bare_pull BUS DEVICE NAME WINDOW_BYTES [FILE]   finds NAME (last part of a path), takes it;
 *                                                   with FILE the data is written there as it comes
 *
 * PTP: ISO 15740, containers USB Still Image 1.0 section 7.1; GetPartialObject64: Android's 0x95C1.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libusb.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define READ_BYTES (256u << 10)
#define IN_FLIGHT 4
#define TIMEOUT_MS 20000

enum {
	OPEN_SESSION = 0x1002,
	CLOSE_SESSION = 0x1003,
	STORAGE_IDS = 0x1004,
	HANDLES = 0x1007,
	OBJECT_INFO = 0x1008,
	GET_OBJECT = 0x1009,
	DEVICE_INFO = 0x1001,
	PARTIAL = 0x101b,
	PARTIAL64 = 0x95c1,
	FOLDER = 0x3001,
	OK = 0x2001
};

struct camera {
	libusb_device_handle *usb;
	uint8_t in, out;
	uint32_t transaction;
	unsigned packet;
	int file; /* -1: discard */
	uint8_t *reads[IN_FLIGHT];
	struct libusb_transfer *transfer[IN_FLIGHT];
	int done[IN_FLIGHT];
};

static void die(const char *what)
{
	fprintf(stderr, "bare_pull: %s\n", what);
	exit(EXIT_FAILURE);
}

static uint32_t le32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint16_t le16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void command(struct camera *c, uint16_t code, const uint32_t *parameter, unsigned n)
{
	uint8_t raw[12 + 5 * 4] = { 0 };
	uint32_t length = 12 + 4 * n;
	int sent;

	for (unsigned i = 0; i < 4; i++) {
		raw[i] = (uint8_t)(length >> (8 * i));
		raw[8 + i] = (uint8_t)(c->transaction >> (8 * i));
	}
	raw[4] = 1;
	raw[6] = (uint8_t)code;
	raw[7] = (uint8_t)(code >> 8);
	for (unsigned i = 0; i < n; i++) {
		for (unsigned b = 0; b < 4; b++)
			raw[12 + 4 * i + b] = (uint8_t)(parameter[i] >> (8 * b));
	}
	if (code != OPEN_SESSION)
		c->transaction++;
	else
		c->transaction = 1;
	if (libusb_bulk_transfer(c->usb, c->out, raw, (int)length, &sent, TIMEOUT_MS) < 0)
		die("command");
}

static int read_once(struct camera *c, uint8_t *to, unsigned room)
{
	int got = 0;

	if (libusb_bulk_transfer(c->usb, c->in, to, (int)room, &got, TIMEOUT_MS) < 0)
		die("read");
	return got;
}

/* The response, past an empty packet if one comes first. */
static void response(struct camera *c)
{
	uint8_t raw[1024];
	int got = read_once(c, raw, sizeof(raw));

	if (got == 0)
		got = read_once(c, raw, sizeof(raw));
	if (got < 12 || le16(raw + 4) != 3)
		die("no response");
	if (le16(raw + 6) != OK) {
		fprintf(stderr, "bare_pull: response %04x\n", le16(raw + 6));
		exit(EXIT_FAILURE);
	}
}

/* A small dataset; its length without the container's head. */
static unsigned ask(struct camera *c, uint16_t code, const uint32_t *parameter, unsigned n,
    uint8_t *to, unsigned room)
{
	unsigned have, want;

	command(c, code, parameter, n);
	have = (unsigned)read_once(c, to, room);
	if (have < 12 || le16(to + 4) != 2)
		die("no data");
	want = le32(to);
	while (have < want) {
		int got = read_once(c, to + have, room - have);

		if (got == 0)
			break;
		have += (unsigned)got;
	}
	response(c);
	memmove(to, to + 12, have - 12);
	return have - 12;
}

static void LIBUSB_CALL finished(struct libusb_transfer *t)
{
	*(int *)t->user_data = 1;
}

static void submit(struct camera *c, unsigned slot, unsigned length)
{
	c->done[slot] = 0;
	libusb_fill_bulk_transfer(c->transfer[slot], c->usb, c->in, c->reads[slot], (int)length,
	    finished, &c->done[slot], TIMEOUT_MS);
	if (libusb_submit_transfer(c->transfer[slot]) < 0)
		die("submit");
}

/* The first read of a data phase begins with the container's head, of `skip` bytes. */
static void keep(struct camera *c, const struct libusb_transfer *t, int skip)
{
	if (c->file >= 0 && t->actual_length > skip &&
	    write(c->file, t->buffer + skip, (size_t)(t->actual_length - skip)) < 0)
		die("write");
}

/* The data phase of `payload` bytes that was just asked for. */
static void discard(struct camera *c, uint64_t payload)
{
	uint64_t left = payload + 12, asked = 0;
	unsigned head = 0, tail = 0;

	while (left > 0) {
		struct libusb_transfer *t;

		while (tail - head < IN_FLIGHT && asked < payload + 12) {
			uint64_t want = payload + 12 - asked;
			unsigned length = want > READ_BYTES ? READ_BYTES : (unsigned)want;

			/* Whole packets, so that an over-long answer is no babble. */
			length = (length + c->packet - 1) / c->packet * c->packet;
			submit(c, tail++ % IN_FLIGHT, length);
			asked += length;
		}
		t = c->transfer[head % IN_FLIGHT];
		while (!c->done[head % IN_FLIGHT]) {
			if (libusb_handle_events_completed(NULL, &c->done[head % IN_FLIGHT]) < 0)
				die("events");
		}
		if (t->status != LIBUSB_TRANSFER_COMPLETED)
			die("transfer");
		keep(c, t, head == 0 ? 12 : 0);
		left -= (uint64_t)t->actual_length < left ? (uint64_t)t->actual_length : left;
		head++;
	}
	response(c);
}

static uint32_t find(struct camera *c, const char *name, uint64_t *size)
{
	static uint8_t data[4 << 20], info[4096];
	uint32_t folders[4096], storage, n_folders = 1;

	if (ask(c, STORAGE_IDS, NULL, 0, data, sizeof(data)) < 8)
		die("no storage");
	storage = le32(data + 4);
	folders[0] = 0xffffffff;
	for (unsigned f = 0; f < n_folders; f++) {
		uint32_t n;

		ask(c, HANDLES, (uint32_t[]){ storage, 0, folders[f] }, 3, data, sizeof(data));
		n = le32(data);
		for (uint32_t i = 0; i < n; i++) {
			uint32_t handle = le32(data + 4 + 4 * i);
			char ascii[256];
			unsigned k;

			ask(c, OBJECT_INFO, &handle, 1, info, sizeof(info));
			if (le16(info + 4) == FOLDER) {
				if (n_folders < 4096)
					folders[n_folders++] = handle;
				continue;
			}
			for (k = 0; k < info[52] && k < 255; k++)
				ascii[k] = (char)info[53 + 2 * k];
			ascii[k] = '\0';
			if (strcmp(ascii, name) == 0) {
				*size = le32(info + 8);
				return handle;
			}
		}
	}
	die("no such file");
	return 0;
}

static bool has_partial64(struct camera *c)
{
	static uint8_t info[65536];
	unsigned at = 8, n;

	ask(c, DEVICE_INFO, NULL, 0, info, sizeof(info));
	at += 1 + 2u * info[8] + 2;
	n = le32(info + at);
	for (unsigned i = 0; i < n; i++) {
		if (le16(info + at + 4 + 2 * i) == PARTIAL64)
			return true;
	}
	return false;
}

static void pull(struct camera *c, uint32_t handle, uint64_t size, uint64_t window, bool wide)
{
	for (uint64_t at = 0; at < size; at += window) {
		uint32_t now = (uint32_t)(size - at < window ? size - at : window);

		if (wide)
			command(c, PARTIAL64,
			    (uint32_t[]){ handle, (uint32_t)at, (uint32_t)(at >> 32), now }, 4);
		else
			command(c, PARTIAL, (uint32_t[]){ handle, (uint32_t)at, now }, 3);
		discard(c, now);
	}
}

static void set_up(struct camera *c, libusb_device_handle *usb)
{
	struct libusb_config_descriptor *config;
	const struct libusb_interface_descriptor *f;

	c->usb = usb;
	if (libusb_get_active_config_descriptor(libusb_get_device(usb), &config) < 0)
		die("configuration");
	f = &config->interface[0].altsetting[0];
	for (unsigned i = 0; i < f->bNumEndpoints; i++) {
		const struct libusb_endpoint_descriptor *e = &f->endpoint[i];

		if ((e->bmAttributes & 3) != LIBUSB_TRANSFER_TYPE_BULK)
			continue;
		if (e->bEndpointAddress & 0x80) {
			c->in = e->bEndpointAddress;
			c->packet = e->wMaxPacketSize;
		} else {
			c->out = e->bEndpointAddress;
		}
	}
	libusb_free_config_descriptor(config);
	for (unsigned i = 0; i < IN_FLIGHT; i++) {
		c->reads[i] = malloc(READ_BYTES + 4096);
		c->transfer[i] = libusb_alloc_transfer(0);
	}
	if (c->packet == 0 || libusb_claim_interface(usb, 0) < 0)
		die("claim");
}

int main(int argc, char **argv)
{
	static struct camera c;
	libusb_device_handle *usb;
	char path[64];
	uint64_t size = 0, window;
	uint32_t handle;
	double began;
	bool wide;
	int fd;

	if (argc < 5)
		die("BUS DEVICE NAME WINDOW_BYTES [FILE]");
	window = strtoull(argv[4], NULL, 10);
	c.file = argc > 5 ? open(argv[5], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) : -1;
	snprintf(path, sizeof(path), "/dev/bus/usb/%03d/%03d", (int)strtol(argv[1], NULL, 10),
	    (int)strtol(argv[2], NULL, 10));
	fd = open(path, O_RDWR | O_CLOEXEC);
	libusb_set_option(NULL, LIBUSB_OPTION_NO_DEVICE_DISCOVERY);
	if (fd < 0 || libusb_init(NULL) < 0 || libusb_wrap_sys_device(NULL, fd, &usb) < 0)
		die("open");
	set_up(&c, usb);
	command(&c, OPEN_SESSION, (uint32_t[]){ 1 }, 1);
	response(&c);
	wide = has_partial64(&c);
	handle = find(&c, argv[3], &size);
	began = seconds();
	pull(&c, handle, size, window, wide);
	printf("bytes=%" PRIu64 " seconds=%.6f\n", size, seconds() - began);
	command(&c, CLOSE_SESSION, NULL, 0);
	response(&c);
	libusb_release_interface(usb, 0);
	libusb_close(usb);
	return EXIT_SUCCESS;
}
