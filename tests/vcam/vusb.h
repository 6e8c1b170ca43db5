/*
 * vusb: USB request blocks over a SOCK_STREAM socket, so that the camera worker and the simulated
 * camera meet without a USB stack. The worker's side is transport_socket.c (the host controller's
 * part), the other side is vcam. Only in tests: no shipped program links it.
 *
 * One head, then head.data bytes. Integers in host order. The camera's first message after accept
 * is VUSB_DESCRIPTORS. End of file = unplugged. IN requests are queued per endpoint and filled in
 * order, packet by packet, as a host controller would: one completes when it is full or when a
 * short packet (or a zero-length one) came; a packet larger than the room left is babble.
 */
#ifndef DOCKD_VUSB_H
#define DOCKD_VUSB_H

#include <stdint.h>

enum vusb_kind {
	VUSB_DESCRIPTORS = 1, /* camera: device descriptor (18), then the raw configuration */
	VUSB_SUBMIT,     /* worker: endpoint, wanted (IN) or data (OUT), setup for endpoint 0 */
	VUSB_COMPLETE,   /* camera: id, status, data (IN) or length accepted (OUT) */
	VUSB_CANCEL,     /* worker: id; it completes with -ECONNRESET or as it had */
	VUSB_CLEAR_HALT, /* worker: endpoint; completes with id */
	VUSB_RESET,      /* worker: port reset; completes with id */
};

#define VUSB_ZERO_PACKET 1u /* OUT: end with a zero-length packet where length is a multiple */

struct vusb_head {
	uint32_t kind;
	uint32_t id;       /* the worker's number for the request */
	uint32_t endpoint; /* address with direction bit 0x80; 0 = control */
	int32_t status;    /* 0, -EPIPE stall, -ECONNRESET cancelled, -EOVERFLOW babble */
	uint32_t length;   /* SUBMIT: bytes wanted (IN); COMPLETE: bytes accepted (OUT) */
	uint32_t flags;
	uint8_t setup[8]; /* endpoint 0: bmRequestType, bRequest, wValue, wIndex, wLength (LE) */
	uint32_t data;    /* bytes that follow this head */
};
_Static_assert(sizeof(struct vusb_head) == 36, "both sides are built together");

/*
 * A docked simulated camera is a file in the dock folder, named by its port path ("1-2.1"), holding
 * "key=value" lines: socket (path to connect to), vendor, product, release, class, serial,
 * manufacturer, model, speed, usb_version (bcdUSB), interface (class:subclass:protocol:name,
 * repeated), presence
 * (ready | not-authorised | not-configured). vcam makes it when it is plugged and removes it when it
 * is pulled; the simulated hotplug watches the folder. Two names are no ports: "controller-NAME"
 * (buses, slots, slots_max, endpoints, endpoints_max, unconfigured) and "over-current-PORT" (a count
 * alone): told as they are when they are written.
 */
#endif
