/*
 * transport: bulk, interrupt and control transfers to one device, as its drivers see them.
 *
 * Two implementations, chosen when linking: transport_usb.c (libusb over a usbfs descriptor;
 * shipped) and tests/vcam/transport_socket.c (the simulated camera; never shipped). One device a
 * process, no threads: completions happen inside transfer_wait and transport_run only.
 */
#ifndef DOCKD_TRANSPORT_H
#define DOCKD_TRANSPORT_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct transport;

struct transfer {
	struct transport *transport;
	uint8_t endpoint; /* with the direction bit 0x80 */
	uint8_t *data;
	size_t room;  /* of data */
	size_t asked; /* of the last submit */
	size_t len;   /* bytes moved; valid when not busy */
	int status;   /* 0, -EPIPE (stall), -ECANCELED, -EOVERFLOW, -ENODEV, -EIO */
	int busy;     /* submitted and not yet complete */
	bool mapped;  /* data is memory that the kernel's USB side shares with us */
	void *inner;  /* the implementation's own */
};

/* What has to be done before the sandbox goes up. 0 or -errno. */
int transport_prepare(void);

/* Takes the device descriptor over (closed by transport_close, on failure too). 0 or -errno. */
int transport_open(int device_fd, struct transport **out);

/* Cancels what is under way, releases, closes. t may be NULL. */
void transport_close(struct transport *t);

/* Raw descriptors (device, then configurations) and the value of the active one; 0 = not known. */
const uint8_t *transport_descriptors(struct transport *t, size_t *len, uint8_t *configuration);

/*
 * Claims an interface, waiting up to 2 s for who lets go of it. 0, -EBUSY (another program holds it),
 * -ENODEV or -errno.
 */
int transport_claim(struct transport *t, uint8_t interface);

/* Gives it back. */
void transport_release(struct transport *t);

/*
 * One control transfer; data of len bytes is sent, or filled where request_type has bit 0x80.
 * Bytes moved, or -EPIPE, -ETIMEDOUT, -ENODEV, -EIO.
 */
int transport_control(struct transport *t, uint8_t request_type, uint8_t request, uint16_t value,
    uint16_t index, void *data, uint16_t len, unsigned timeout_ms);

/* Clears an endpoint's halt. 0 or -errno. Nothing may be under way on it. */
int transport_clear_halt(struct transport *t, uint8_t endpoint);

/* Resets the port. 0, -ENODEV (it comes back as another device) or -errno. */
int transport_reset(struct transport *t);

/* Whether the device is known to be gone. */
bool transport_gone(const struct transport *t);

/* Handles what is there, waiting for something at most timeout_ms. */
void transport_run(struct transport *t, unsigned timeout_ms);

/* Descriptors to poll while idle, with their events; the number. When one is ready: transport_run. */
size_t transport_fds(struct transport *t, struct pollfd *fds, size_t max);

/*
 * A transfer with its buffer, or NULL. Large buffers for bulk-IN are shared with the kernel where
 * that saves a copy; they count against usbfs_memory_mb as long as they live.
 */
struct transfer *transfer_new(struct transport *t, uint8_t endpoint, size_t room);

/* Cancels it if need be, and frees it. x may be NULL. */
void transfer_free(struct transfer *x);

/*
 * Queues it: len bytes of data to send, or to fill (then a multiple of the packet size). OUT data
 * that fills its last packet is ended by a zero-length one. 0, -ENOMEM (too much under way in the
 * whole system), -ENODEV or -errno.
 */
int transfer_submit(struct transfer *x, size_t len);

/* Waits until it is complete. 0 (see x->status) or -ETIMEDOUT: still under way. */
int transfer_wait(struct transfer *x, unsigned timeout_ms);

/* Takes it back and waits until it is; what had arrived before stays in it. */
void transfer_cancel(struct transfer *x);

#endif
