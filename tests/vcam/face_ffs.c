/*
 * face_ffs: the camera as a real USB gadget (FunctionFS), where the kernel has a device controller.
 *
 * A plug is the gadget bound to its controller, a pull is the gadget unbound: the host's kernel
 * sees a real disconnect. Endpoint I/O is the kernel's AIO, so that there is one thread and a
 * transfer under way can be cancelled. Halts are made by I/O in the wrong direction; the controller
 * keeps them until the host clears them. The gadget's folder and the mount are the caller's
 * (tests/system/vcam.py); descriptors cannot be hostile here, the gadget stack would refuse them.
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/usb/functionfs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vcam.h"

#define CHUNK_BYTES 32768u
#define IN_SLOTS 4u
#define CONTROLLER_BUFFER 64u
#define LINGER_NS 250000000u /* a host's program may be kept from its processor so long */
#define SLOT_OUT IN_SLOTS
#define SLOT_EVENT (IN_SLOTS + 1)
#define SLOTS (IN_SLOTS + 2)

struct slot {
	struct iocb cb;
	bool busy;
	uint8_t data[CHUNK_BYTES];
};

static struct slot slots[SLOTS];
static aio_context_t aio;
static int ep0 = -1, ep_in = -1, ep_out = -1, ep_event = -1, done_fd = -1;
static bool enabled;       /* the host has configured the gadget */
static bool zero_packet;   /* one is due before anything else is sent */
static size_t last_sent;   /* bytes of the last write */
static uint64_t linger_ns; /* pull out at this time */
static uint64_t sent_ns;   /* when that was */
static size_t held;        /* bytes of an OUT transfer that the responder has not taken yet */

/* An interface and its endpoints at one speed, at p. Returns the bytes. */
static size_t put_speed(uint8_t *p, const struct identity *id, bool high, unsigned endpoints)
{
	const struct usb_interface_descriptor interface = { .bLength = sizeof(interface),
		.bDescriptorType = USB_DT_INTERFACE,
		.bNumEndpoints = (uint8_t)endpoints,
		.bInterfaceClass = id->class,
		.bInterfaceSubClass = id->subclass,
		.bInterfaceProtocol = id->protocol,
		.iInterface = id->interface[0] ? 1 : 0 };
	size_t n = sizeof(interface);

	memcpy(p, &interface, n);
	for (unsigned i = 0; i < endpoints; i++) {
		struct usb_endpoint_descriptor_no_audio e = { .bLength = sizeof(e),
			.bDescriptorType = USB_DT_ENDPOINT,
			.bmAttributes = USB_ENDPOINT_XFER_BULK,
			.wMaxPacketSize = htole16(high ? 512 : 64) };

		e.bEndpointAddress = i == 0 ? 1 | USB_DIR_IN : i == 1 ? 2 : 3 | USB_DIR_IN;
		if (i == 2) {
			e.bmAttributes = USB_ENDPOINT_XFER_INT;
			e.wMaxPacketSize = htole16(EVENT_PACKET);
			e.bInterval = high ? 6 : 4;
		}
		memcpy(p + n, &e, sizeof(e));
		n += sizeof(e);
	}
	return n;
}

static int write_strings(const struct identity *id)
{
	size_t name = strlen(id->interface) + 1;
	struct usb_functionfs_strings_head head = { .magic = htole32(FUNCTIONFS_STRINGS_MAGIC) };
	const __le16 language = htole16(0x409);
	uint8_t bytes[sizeof(head) + sizeof(language) + sizeof(id->interface)];
	size_t n = sizeof(head);

	if (name > 1) {
		head.str_count = head.lang_count = htole32(1);
		memcpy(bytes + n, &language, sizeof(language));
		memcpy(bytes + n + sizeof(language), id->interface, name);
		n += sizeof(language) + name;
	}
	head.length = htole32((uint32_t)n);
	memcpy(bytes, &head, sizeof(head));
	return write(ep0, bytes, n) < 0 ? -errno : 0;
}

/* A disk has no interrupt endpoint. */
static int write_descriptors(const struct identity *id, unsigned endpoints)
{
	struct usb_functionfs_descs_head_v2 head = {
		.magic = htole32(FUNCTIONFS_DESCRIPTORS_MAGIC_V2),
		.flags = htole32(FUNCTIONFS_HAS_FS_DESC | FUNCTIONFS_HAS_HS_DESC),
	};
	const __le32 counts[2] = { htole32(1 + endpoints), htole32(1 + endpoints) };
	uint8_t bytes[256];
	size_t n = sizeof(head);

	memcpy(bytes + n, counts, sizeof(counts));
	n += sizeof(counts);
	n += put_speed(bytes + n, id, false, endpoints);
	n += put_speed(bytes + n, id, true, endpoints);
	head.length = htole32((uint32_t)n);
	memcpy(bytes, &head, sizeof(head));
	if (write(ep0, bytes, n) < 0)
		return -errno;
	return write_strings(id);
}

/* ---- AIO ---- */

static int submit(struct slot *s, int fd, bool read_it, size_t len)
{
	struct iocb *list[1] = { &s->cb };

	memset(&s->cb, 0, sizeof(s->cb));
	s->cb.aio_fildes = (uint32_t)fd;
	s->cb.aio_lio_opcode = read_it ? IOCB_CMD_PREAD : IOCB_CMD_PWRITE;
	s->cb.aio_buf = (uintptr_t)s->data;
	s->cb.aio_nbytes = len;
	s->cb.aio_flags = IOCB_FLAG_RESFD;
	s->cb.aio_resfd = (uint32_t)done_fd;
	if (syscall(SYS_io_submit, aio, 1, list) != 1)
		return -errno;
	s->busy = true;
	return 0;
}

static void cancel(struct slot *s)
{
	struct io_event e;

	if (s->busy)
		syscall(SYS_io_cancel, aio, &s->cb, &e); /* its completion comes by io_getevents */
}

static void flush_in(void)
{
	for (unsigned i = 0; i < IN_SLOTS; i++)
		cancel(&slots[i]);
	zero_packet = false;
}

static bool in_idle(void)
{
	for (unsigned i = 0; i < IN_SLOTS; i++) {
		if (slots[i].busy)
			return false;
	}
	return !zero_packet;
}

/* Takes the completions. */
static void reap(void)
{
	struct timespec none = { 0, 0 };
	struct io_event events[SLOTS];
	long n = syscall(SYS_io_getevents, aio, 0, SLOTS, events, &none);

	for (long i = 0; i < n; i++) {
		for (unsigned k = 0; k < SLOTS; k++) {
			if ((uintptr_t)&slots[k].cb != events[i].obj)
				continue;
			slots[k].busy = false;
			if (k == SLOT_OUT && (int64_t)events[i].res > 0)
				held = (size_t)events[i].res;
		}
	}
}

/* ---- endpoints ---- */

static struct slot *free_in_slot(void)
{
	for (unsigned i = 0; i < IN_SLOTS; i++) {
		if (!slots[i].busy)
			return &slots[i];
	}
	return NULL;
}

static void pump_in(struct vcam *v)
{
	struct responder *r = &v->responder;
	struct slot *s = free_in_slot();
	enum in_result result;
	size_t got;

	for (; s && !r->pull; s = free_in_slot()) {
		if (zero_packet) {
			if (submit(s, ep_in, false, 0) < 0)
				return;
			zero_packet = false;
			continue;
		}
		result = responder_in(r, s->data, CHUNK_BYTES, &got);
		if (result == IN_SHORT && got % r->packet == 0)
			zero_packet = true;
		if (got && submit(s, ep_in, false, got) < 0)
			return;
		if (got) {
			last_sent = got;
			sent_ns = responder_now_ns();
		}
		if (result == IN_NOTHING || result == IN_HALT || result == IN_UNPLUG)
			return;
	}
}

/* Whether all that was written is with the host; a controller may hold a small write (see pull). */
static bool is_delivered(struct vcam *v)
{
	uint64_t until = sent_ns + LINGER_NS;

	if (!in_idle())
		return false;
	if (last_sent > CONTROLLER_BUFFER || responder_now_ns() >= until)
		return true;
	v->responder.wake_ns = until;
	return false;
}

/*
 * Makes the halts that the responder wants; from then on the controller keeps them. True: bulk-in
 * is halted, and what comes behind may be queued.
 */
static bool make_halts(struct vcam *v)
{
	struct responder *r = &v->responder;
	uint8_t byte = 0;

	if (r->halt_out && write(ep_out, &byte, 1) < 0 && errno == EBADMSG)
		r->halt_out = false;
	if (!r->halt_in || !is_delivered(v) || read(ep_in, &byte, 1) >= 0 || errno != EBADMSG)
		return false;
	r->halt_in = false;
	return true;
}

/*
 * Pulls the plug once all is with the host. A controller may take a small write into a buffer of
 * its own and call it done (dummy_hcd: up to 64 bytes), so that one gets time to be fetched.
 */
static void pull(struct vcam *v)
{
	uint64_t now = responder_now_ns();

	if (!in_idle())
		return;
	if (!linger_ns)
		linger_ns = now + (last_sent <= CONTROLLER_BUFFER ? LINGER_NS : 0);
	v->responder.wake_ns = linger_ns;
	if (now < linger_ns)
		return;
	linger_ns = 0;
	vcam_unplug(v);
}

static void pump(struct vcam *v)
{
	size_t got;

	if (!enabled || !v->plugged)
		return;
	if (held && !slots[SLOT_OUT].busy &&
	    responder_out(&v->responder, slots[SLOT_OUT].data, held) != -EAGAIN)
		held = 0;
	do {
		pump_in(v);
	} while (make_halts(v));
	if (!held && !slots[SLOT_OUT].busy)
		submit(&slots[SLOT_OUT], ep_out, true, CHUNK_BYTES);
	if (ep_event >= 0 && !slots[SLOT_EVENT].busy &&
	    responder_event(&v->responder, slots[SLOT_EVENT].data, EVENT_PACKET, &got) == IN_SHORT)
		submit(&slots[SLOT_EVENT], ep_event, false, got);
	if (v->responder.pull)
		pull(v);
}

/* ---- endpoint 0 ---- */

static void answer_setup(struct vcam *v, const struct usb_ctrlrequest *setup)
{
	uint8_t data[512], raw[8];
	size_t room =
	    le16toh(setup->wLength) < sizeof(data) ? le16toh(setup->wLength) : sizeof(data);
	bool in = (setup->bRequestType & USB_DIR_IN) != 0;
	size_t len = 0;
	ssize_t moved = 0;
	int r;

	if (v->responder.silence == UNTIL_RESET || v->responder.silence == UNTIL_UNPLUG)
		return;
	memcpy(raw, setup, sizeof(raw));
	if (!in && room)
		moved = read(ep0, data, room);
	r = moved < 0 ? -EPIPE : responder_control(&v->responder, raw, data, room, &len);
	if (r == -EAGAIN)
		return; /* the host waits for its status stage in vain */
	if (!in && (setup->bRequest == 0x64 || setup->bRequest == 0x66 || setup->bRequest == 0xff))
		flush_in();
	if (r == 0 && !in &&
	    setup->bRequest == 0xff) /* those not made yet are not to come after it */
		v->responder.halt_in = v->responder.halt_out = false;
	if (r < 0 && in)
		moved = read(ep0, data, 0); /* the wrong way: stalls */
	else if (r < 0 && !room)
		moved = write(ep0, data, 0);
	else if (in)
		moved = write(ep0, data, len);
	else if (!room)
		moved = read(ep0, data, 0);
	if (moved < 0 && errno != EL2HLT)
		fprintf(stderr, "vcam: ep0: %s\n", strerror(errno));
}

static void set_disabled(struct vcam *v)
{
	if (enabled && v->plugged)
		responder_port_reset(&v->responder);
	enabled = false;
	zero_packet = false;
	held = 0;
	v->connected = false;
}

static void set_enabled(struct vcam *v)
{
	struct usb_endpoint_descriptor d;

	/* the kernel forgets a "disabled" that nobody has read by now: the host has reset the port */
	if (enabled)
		set_disabled(v);
	enabled = true;
	held = 0;
	if (ioctl(ep_in, FUNCTIONFS_ENDPOINT_DESC, &d) == 0)
		v->responder.packet = le16toh(d.wMaxPacketSize);
	v->connected = true;
	v->connections++;
}

static void read_ep0(struct vcam *v)
{
	struct usb_functionfs_event events[4];
	ssize_t n = read(ep0, events, sizeof(events));

	for (size_t i = 0; n > 0 && i < (size_t)n / sizeof(events[0]); i++) {
		switch ((enum usb_functionfs_event_type)events[i].type) {
		case FUNCTIONFS_ENABLE:
			set_enabled(v);
			break;
		case FUNCTIONFS_DISABLE:
		case FUNCTIONFS_UNBIND:
			set_disabled(v);
			break;
		case FUNCTIONFS_SETUP:
			answer_setup(v, &events[i].u.setup);
			break;
		case FUNCTIONFS_BIND:
		case FUNCTIONFS_SUSPEND:
		case FUNCTIONFS_RESUME:
			break;
		}
	}
}

/* ---- the gadget ---- */

static int write_attribute(const struct vcam *v, const char *name, const char *value)
{
	char path[512];
	int fd, r = 0;

	snprintf(path, sizeof(path), "%s/%s", v->options.gadget, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, value, strlen(value)) < 0)
		r = -errno;
	close(fd);
	return r;
}

static int ffs_plug(struct vcam *v)
{
	const struct identity *id = &v->camera.id;
	const struct {
		const char *name;
		unsigned value;
	} numbers[] = { { "idVendor", id->vendor }, { "idProduct", id->product },
		{ "bcdDevice", id->release } };
	const char *const texts[][2] = { { "strings/0x409/manufacturer", id->manufacturer },
		{ "strings/0x409/product", id->model },
		{ "strings/0x409/serialnumber", camera_usb_serial(&v->camera) } };
	char line[160];
	int r;

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		snprintf(line, sizeof(line), "0x%04x\n", numbers[i].value);
		r = write_attribute(v, numbers[i].name, line);
		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		snprintf(line, sizeof(line), "%s\n", texts[i][1]);
		r = write_attribute(v, texts[i][0], line);
		if (r < 0)
			return r;
	}
	snprintf(line, sizeof(line), "%s\n", v->options.udc);
	return write_attribute(v, "UDC", line);
}

static void ffs_unplug(struct vcam *v)
{
	int r = write_attribute(v, "UDC", "\n");

	if (r < 0)
		fprintf(stderr, "vcam: unbind: %s\n", strerror(-r));
	set_disabled(v);
}

static void ffs_changed(struct vcam *v)
{
	(void)v; /* a real device is ready or not by what the host does */
}

static int open_endpoint(const char *folder, const char *name, int *fd)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	*fd = open(path, O_RDWR | O_CLOEXEC | (strcmp(name, "ep0") == 0 ? 0 : O_NONBLOCK));
	if (*fd >= 0)
		return 0;
	fprintf(stderr, "vcam: %s: %s\n", path, strerror(errno));
	return -errno;
}

static int ffs_open(struct vcam *v)
{
	const char *folder = v->options.ffs;
	bool disk = v->camera.disk != NULL;
	int r;

	if (!folder || !v->options.udc || !v->options.gadget) {
		fprintf(stderr, "vcam: --ffs, --udc and --gadget are needed\n");
		return -EINVAL;
	}
	if (locked_speaks(&v->camera)) {
		fprintf(stderr, "vcam: this face keeps its descriptors: no Ambarella camera\n");
		return -ENOTSUP;
	}
	r = open_endpoint(folder, "ep0", &ep0);
	if (r == 0)
		r = write_descriptors(&v->camera.id, disk ? 2 : 3);
	if (r == 0)
		r = open_endpoint(folder, "ep1", &ep_in);
	if (r == 0)
		r = open_endpoint(folder, "ep2", &ep_out);
	if (r == 0 && !disk)
		r = open_endpoint(folder, "ep3", &ep_event);
	if (r < 0) {
		fprintf(stderr, "vcam: functionfs: %s\n", strerror(-r));
		return r;
	}
	done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (done_fd < 0 || syscall(SYS_io_setup, SLOTS * 2, &aio) < 0) {
		fprintf(stderr, "vcam: aio: %s\n", strerror(errno));
		return -errno;
	}
	return 0;
}

static unsigned ffs_watch(struct vcam *v, struct pollfd *fds)
{
	(void)v;
	fds[0] = (struct pollfd){ ep0, POLLIN, 0 };
	fds[1] = (struct pollfd){ done_fd, POLLIN, 0 };
	return 2;
}

static void ffs_handle(struct vcam *v, const struct pollfd *fds, unsigned n)
{
	uint64_t count;

	(void)n;
	if (fds[1].revents && read(done_fd, &count, sizeof(count)) > 0)
		reap();
	if (fds[0].revents & POLLIN)
		read_ep0(v);
	pump(v);
}

const struct face face_ffs = {
	.open = ffs_open,
	.plug = ffs_plug,
	.unplug = ffs_unplug,
	.changed = ffs_changed,
	.watch = ffs_watch,
	.handle = ffs_handle,
};
