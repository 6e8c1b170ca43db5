/*
 * transport_usb: the transport over libusb, on a usbfs descriptor that the core handed over.
 *
 * The monitor has detached kernel drivers and dropped the descriptor's privileges, so nothing here
 * detaches or configures. Asynchronous calls only: a transfer must be able to be taken back. What
 * libusb 1.0.26 makes of hostile descriptors is not used: the raw bytes are.
 */
#include "transport.h"

#include <errno.h>
#include <libusb.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define CLAIM_TRIES 20
#define CLAIM_NAP_MS 100
#define DESCRIPTORS_MAX 8192
#define MAPPED_BYTES (128u << 10) /* buffers from here on are shared with the kernel */
#define CANCEL_MS 5000            /* the host controller answers; the device is not asked */

struct transport {
	int fd;
	libusb_device_handle *handle;
	int claimed; /* interface number, -1 = none */
	bool gone;
	uint8_t configuration;
	size_t descriptors_len;
	uint8_t descriptors[DESCRIPTORS_MAX];
};

static libusb_context *context;

static int errno_of(int error)
{
	switch (error) {
	case LIBUSB_SUCCESS:
		return 0;
	case LIBUSB_ERROR_NO_DEVICE:
	case LIBUSB_ERROR_NOT_FOUND:
		return -ENODEV;
	case LIBUSB_ERROR_NO_MEM:
		return -ENOMEM;
	case LIBUSB_ERROR_BUSY:
		return -EBUSY;
	case LIBUSB_ERROR_PIPE:
		return -EPIPE;
	case LIBUSB_ERROR_ACCESS:
		return -EACCES;
	case LIBUSB_ERROR_TIMEOUT:
		return -ETIMEDOUT;
	case LIBUSB_ERROR_NOT_SUPPORTED:
		return -EOPNOTSUPP;
	default:
		return -EIO;
	}
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int transport_prepare(void)
{
	int r = libusb_set_option(NULL, LIBUSB_OPTION_NO_DEVICE_DISCOVERY);

	if (r == LIBUSB_SUCCESS)
		r = libusb_init(&context);
	return errno_of(r);
}

/* usbfs gives the raw descriptors to read(2) (kernel: Documentation/driver-api/usb/usb.rst). */
static int read_descriptors(struct transport *t)
{
	if (lseek(t->fd, 0, SEEK_SET) < 0)
		return -errno;
	while (t->descriptors_len < sizeof(t->descriptors)) {
		ssize_t n = read(t->fd, t->descriptors + t->descriptors_len,
		    sizeof(t->descriptors) - t->descriptors_len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		t->descriptors_len += (size_t)n;
	}
	return 0;
}

int transport_open(int device_fd, struct transport **out)
{
	struct transport *t = calloc(1, sizeof(*t));
	int configuration = 0;
	int r;

	if (!t) {
		close(device_fd);
		return -ENOMEM;
	}
	t->fd = device_fd;
	t->claimed = -1;
	r = read_descriptors(t);
	if (r == 0)
		r = errno_of(libusb_wrap_sys_device(context, device_fd, &t->handle));
	if (r < 0) {
		transport_close(t);
		return r;
	}
	if (libusb_get_configuration(t->handle, &configuration) == 0)
		t->configuration = (uint8_t)configuration;
	*out = t;
	return 0;
}

void transport_close(struct transport *t)
{
	if (!t)
		return;
	transport_release(t);
	if (t->handle)
		libusb_close(t->handle);
	if (t->fd >= 0)
		close(t->fd);
	free(t);
}

const uint8_t *transport_descriptors(struct transport *t, size_t *len, uint8_t *configuration)
{
	*len = t->descriptors_len;
	*configuration = t->configuration;
	return t->descriptors;
}

int transport_claim(struct transport *t, uint8_t interface)
{
	int r = errno_of(libusb_claim_interface(t->handle, interface));

	/* the worker before this one may still be letting go of it */
	for (int i = 0; r == -EBUSY && i < CLAIM_TRIES; i++) {
		poll(NULL, 0, CLAIM_NAP_MS);
		r = errno_of(libusb_claim_interface(t->handle, interface));
	}
	if (r == 0)
		t->claimed = interface;
	return r;
}

void transport_release(struct transport *t)
{
	if (t->claimed >= 0 && !t->gone)
		libusb_release_interface(t->handle, t->claimed);
	t->claimed = -1;
}

bool transport_gone(const struct transport *t)
{
	return t->gone;
}

/* ---- transfers ---- */

static int status_of(enum libusb_transfer_status status)
{
	switch (status) {
	case LIBUSB_TRANSFER_COMPLETED:
		return 0;
	case LIBUSB_TRANSFER_STALL:
		return -EPIPE;
	case LIBUSB_TRANSFER_CANCELLED:
		return -ECANCELED;
	case LIBUSB_TRANSFER_OVERFLOW:
		return -EOVERFLOW;
	case LIBUSB_TRANSFER_NO_DEVICE:
		return -ENODEV;
	case LIBUSB_TRANSFER_ERROR:
	case LIBUSB_TRANSFER_TIMED_OUT:
		break;
	}
	return -EIO;
}

static void LIBUSB_CALL completed(struct libusb_transfer *inner)
{
	struct transfer *x = inner->user_data;

	x->len = (size_t)inner->actual_length;
	x->status = status_of(inner->status);
	x->busy = 0;
	if (x->status == -ENODEV)
		x->transport->gone = true;
}

/*
 * Memory into which the controller writes and from which the staging file is written: one copy less
 * than usbfs makes otherwise. On x86 it is cached; on many other machines it is not, and slower.
 */
static uint8_t *map_buffer(struct transport *t, uint8_t endpoint, size_t room)
{
#if defined(__x86_64__) || defined(__i386__)
	if ((endpoint & LIBUSB_ENDPOINT_IN) && room >= MAPPED_BYTES)
		return libusb_dev_mem_alloc(t->handle, room);
#else
	(void)t;
	(void)endpoint;
	(void)room;
#endif
	return NULL;
}

struct transfer *transfer_new(struct transport *t, uint8_t endpoint, size_t room)
{
	struct transfer *x = calloc(1, sizeof(*x));

	if (!x)
		return NULL;
	x->transport = t;
	x->endpoint = endpoint;
	x->room = room;
	x->data = map_buffer(t, endpoint, room);
	x->mapped = x->data != NULL;
	if (!x->mapped)
		x->data = malloc(room);
	x->inner = libusb_alloc_transfer(0);
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
		return; /* the kernel may still write into it: the process is about to end */
	libusb_free_transfer(x->inner);
	if (x->mapped)
		libusb_dev_mem_free(x->transport->handle, x->data, x->room);
	else
		free(x->data);
	free(x);
}

static int submit(struct transfer *x)
{
	int r;

	x->len = 0;
	x->status = 0;
	x->busy = 1;
	r = errno_of(libusb_submit_transfer(x->inner));
	if (r < 0)
		x->busy = 0;
	if (r == -ENODEV)
		x->transport->gone = true;
	return r;
}

int transfer_submit(struct transfer *x, size_t len)
{
	struct libusb_transfer *inner = x->inner;

	if (len > x->room)
		return -EINVAL;
	x->asked = len;
	libusb_fill_bulk_transfer(
	    inner, x->transport->handle, x->endpoint, x->data, (int)len, completed, x, 0);
	inner->flags = x->endpoint & LIBUSB_ENDPOINT_IN ? 0 : LIBUSB_TRANSFER_ADD_ZERO_PACKET;
	return submit(x);
}

/* One pass of events, until *over (if not NULL) changes to zero or the time is up. */
static void pass(struct transport *t, int64_t wait_ms)
{
	struct timeval tv = { .tv_sec = wait_ms / 1000, .tv_usec = wait_ms % 1000 * 1000 };
	int r = libusb_handle_events_timeout_completed(context, &tv, NULL);

	if (r == LIBUSB_ERROR_NO_DEVICE)
		t->gone = true;
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
	if (!x->busy)
		return;
	libusb_cancel_transfer(x->inner);
	transfer_wait(x, CANCEL_MS);
}

int transport_control(struct transport *t, uint8_t request_type, uint8_t request, uint16_t value,
    uint16_t index, void *data, uint16_t len, unsigned timeout_ms)
{
	struct transfer *x = transfer_new(t, 0, LIBUSB_CONTROL_SETUP_SIZE + (size_t)len);
	bool in = (request_type & LIBUSB_ENDPOINT_IN) != 0;
	int r;

	if (!x)
		return -ENOMEM;
	libusb_fill_control_setup(x->data, request_type, request, value, index, len);
	if (!in && len > 0)
		memcpy(x->data + LIBUSB_CONTROL_SETUP_SIZE, data, len);
	libusb_fill_control_transfer(x->inner, t->handle, x->data, completed, x, 0);
	r = submit(x);
	if (r == 0)
		r = transfer_wait(x, timeout_ms);
	if (r == 0)
		r = x->status;
	if (r == 0) {
		r = (int)x->len;
		if (in && x->len <= len)
			memcpy(data, x->data + LIBUSB_CONTROL_SETUP_SIZE, x->len);
	}
	transfer_free(x);
	return r;
}

int transport_clear_halt(struct transport *t, uint8_t endpoint)
{
	return errno_of(libusb_clear_halt(t->handle, endpoint));
}

int transport_reset(struct transport *t)
{
	int r = errno_of(libusb_reset_device(t->handle));

	if (r == -ENODEV)
		t->gone = true;
	return r;
}

void transport_run(struct transport *t, unsigned timeout_ms)
{
	pass(t, timeout_ms);
}

size_t transport_fds(struct transport *t, struct pollfd *fds, size_t max)
{
	const struct libusb_pollfd **list = libusb_get_pollfds(context);
	size_t n = 0;

	(void)t;
	for (size_t i = 0; list && list[i] && n < max; i++)
		fds[n++] = (struct pollfd){ .fd = list[i]->fd, .events = list[i]->events };
	libusb_free_pollfds(list);
	return n;
}
