/*
 * dockd-hotplug: tells the core which USB devices are on which port, and opens one when asked.
 *
 * Connects to the core's socket. libusb only says that something has changed; what is there is read
 * from sysfs, after every such event and every 30 s, so that a lost event heals by itself. It must
 * never speak to a device, nor open one that the core has not asked for.
 */
#include "../../dockd/base/handover.h"
#include "../../dockd/base/log.h"
#include "../../dockd/base/msg.h"
#include "../../dockd/base/sandbox.h"
#include "burden.h"
#include "node.h"
#include "ports.h"
#include "sysfs.h"

#include <errno.h>
#include <getopt.h>
#include <libusb.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define ROOT "/sys"
#define SCAN_MS 30000 /* sysfs is read this often whatever libusb says */
#define WELCOME_MS 10000
#define SEND_MS 5000  /* a core that does not read for so long is broken */
#define OPEN_TRIES 41 /* 2 s: udev may be behind when a whole shift docks at once */
#define OPEN_RETRY_MS 50
#define USB_FDS 16
#define BUSES 31 /* of proto_controller */

enum state { AWAIT_WELCOME, RUNNING };

static const struct msg_rule rules[] = {
	{ MSG_WELCOME, 1u << AWAIT_WELCOME, 0 },
	{ MSG_OPEN, 1u << RUNNING, 0 },
};

/* An OPEN that is not answered yet. */
struct asked {
	unsigned tries; /* left; 0: free */
	uint64_t next_ms;
	struct proto_port port;
};

struct hotplug {
	const char *path; /* of the core's socket */
	int sock;
	int signals;
	enum state state;
	bool over; /* the loop ends */
	bool synced;
	bool changed;     /* libusb has said so; set in its callback */
	bool full;        /* the table was full at the last scan */
	uint64_t scan_ms; /* when to scan next */
	libusb_context *usb;
	struct ports *ports;
	struct burden *burden;
	struct asked asked[PORTS_MAX];
	char found[PORTS_MAX][PROTO_PORT_LEN];
};

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void options(struct hotplug *h, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "socket", required_argument, NULL, 's' },
		{ "version", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 's':
			h->path = optarg;
			break;
		case 'v':
			puts("dockd-hotplug " DOCKD_VERSION);
			exit(EXIT_SUCCESS);
		case 'h':
			puts("dockd-hotplug --socket PATH: watches the USB ports for dockd");
			exit(EXIT_SUCCESS);
		default:
			exit(EXIT_FAILURE);
		}
	}
	if (!h->path || optind < argc)
		fatal("usage: dockd-hotplug --socket PATH");
}

/* Told once, at the lowest place that knows: the core is gone or broken. */
static void end(struct hotplug *h, const char *reason)
{
	if (!h->over)
		log_warn("core-lost", "reason=\"%s\"", log_text(reason));
	h->over = true;
}

static bool tell(struct hotplug *h, unsigned type, const void *body, const int *fds, unsigned nfds)
{
	int err = msg_send(h->sock, type, 0, 0, body, fds, nfds);

	if (err < 0)
		end(h, err == -EAGAIN ? "it does not read" : strerror(-err));
	return err == 0;
}

static void connect_core(struct hotplug *h)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	struct timeval patience = { .tv_sec = SEND_MS / 1000 };
	struct proto_hello hello = { .version = PROTO_VERSION, .role = PEER_HOTPLUG };

	if (strlen(h->path) >= sizeof(to.sun_path))
		fatal("%s: longer than a socket's path may be", h->path);
	memcpy(to.sun_path, h->path, strlen(h->path));
	h->sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (h->sock < 0 || connect(h->sock, (struct sockaddr *)&to, sizeof(to)) < 0)
		fatal("%s: %s (is dockd running?)", h->path, strerror(errno));
	/* Blocking, within bounds: every send is answered by a core that reads, or it is broken. */
	if (setsockopt(h->sock, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) < 0)
		fatal("SO_SNDTIMEO: %s", strerror(errno));
	tell(h, MSG_HELLO, &hello, NULL, 0);
}

static void take_signals(struct hotplug *h)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	signal(SIGPIPE, SIG_IGN);
	/* Blocked before libusb starts its thread, which inherits that. */
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		fatal("signals: %s", strerror(errno));
	h->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (h->signals < 0)
		fatal("signalfd: %s", strerror(errno));
}

/* libusb allows no question to a device in here; none is wanted. */
static int on_usb_event(
    libusb_context *usb, libusb_device *device, libusb_hotplug_event event, void *arg)
{
	struct hotplug *h = arg;

	(void)usb;
	(void)event;
	log_debug("usb-event", "bus=%u device=%u", libusb_get_bus_number(device),
	    libusb_get_device_address(device));
	h->changed = true;
	return 0;
}

static void start_usb(struct hotplug *h)
{
	int err = libusb_init(&h->usb);

	if (err < 0)
		fatal("libusb: %s", libusb_strerror(err));
	err = libusb_hotplug_register_callback(h->usb,
	    LIBUSB_HOTPLUG_EVENT_DEVICE_ARRIVED | LIBUSB_HOTPLUG_EVENT_DEVICE_LEFT,
	    LIBUSB_HOTPLUG_NO_FLAGS, LIBUSB_HOTPLUG_MATCH_ANY, LIBUSB_HOTPLUG_MATCH_ANY,
	    LIBUSB_HOTPLUG_MATCH_ANY, on_usb_event, h, NULL);
	if (err < 0)
		fatal("libusb hotplug: %s", libusb_strerror(err));
}

static void put_up_sandbox(void)
{
	/* Without udev there are no events and no node's group is set: not having it is a fault. */
	static const char *const paths[] = { ROOT, "/dev/bus/usb", "/run/udev" };
	int err = sandbox_hotplug(paths, sizeof(paths) / sizeof(paths[0]));

	if (err < 0)
		fatal("sandbox: %s", sandbox_why());
}

static void tell_changes(struct hotplug *h)
{
	struct ports_event event;

	while (!h->over && ports_next(h->ports, &event)) {
		const struct proto_arrived *a = &event.arrived;

		if (event.type == MSG_LEFT) {
			struct proto_port left = { .generation = a->generation };

			memcpy(left.port, a->port, sizeof(left.port));
			if (!tell(h, MSG_LEFT, &left, NULL, 0))
				return;
			log_info("left", "port=%s generation=%u", a->port, a->generation);
		} else {
			if (!tell(h, MSG_ARRIVED, a, NULL, 0))
				return;
			handover("hotplug-arrived");
			log_info("arrived",
			    "port=%s generation=%u presence=%u device=%u:%u "
			    "id=%04x:%04x serial=\"%s\" model=\"%s\"",
			    a->port, a->generation, a->presence, a->bus, a->device, a->vendor,
			    a->product, log_text(a->serial), log_text(a->model));
		}
		ports_told(h->ports, &event);
	}
}

static void tell_burden(struct hotplug *h)
{
	struct burden_event event;

	while (!h->over && burden_next(h->burden, &event)) {
		const struct proto_controller *c = &event.controller;
		const struct proto_over_current *o = &event.current;

		if (event.type == MSG_CONTROLLER) {
			if (!tell(h, MSG_CONTROLLER, c, NULL, 0))
				return;
			log_info("controller",
			    "name=%s slots=%u/%u endpoints=%u/%u unconfigured=%u",
			    log_text(c->name), c->slots, c->slots_max, c->endpoints,
			    c->endpoints_max, c->unconfigured);
		} else {
			if (!tell(h, MSG_OVER_CURRENT, o, NULL, 0))
				return;
			log_warn("over-current", "port=%s count=%u", o->port, o->count);
		}
		burden_told(h->burden, &event);
	}
}

/* The ports of one hub, and what a device takes of its controller. */
static void see_ports(struct hotplug *h, const char *hub)
{
	struct proto_over_current count[64];
	size_t n = sysfs_over_current(ROOT, hub, count, sizeof(count) / sizeof(count[0]));

	for (size_t i = 0; i < n; i++)
		burden_port(h->burden, &count[i]);
}

static void see_buses(struct hotplug *h)
{
	struct proto_controller c;
	char hub[16];

	burden_begin(h->burden);
	for (unsigned bus = 1; bus <= BUSES; bus++) {
		if (sysfs_controller(ROOT, bus, &c) < 0)
			continue;
		burden_bus(h->burden, &c);
		snprintf(hub, sizeof(hub), "usb%u", bus);
		see_ports(h, hub);
	}
}

static void scan(struct hotplug *h)
{
	uint64_t now = now_ms();
	bool more = false;
	int n = sysfs_list(ROOT, h->found, PORTS_MAX, &more);

	h->changed = false;
	h->scan_ms = now + SCAN_MS;
	if (n < 0) {
		/* at start, SYNCED would say that no camera is there */
		if (!h->synced)
			fatal("scan: %s", strerror(-n));
		log_error("scan-failed", "reason=\"%s\"", strerror(-n));
		return;
	}
	ports_begin(h->ports);
	see_buses(h);
	for (int i = 0; i < n; i++) {
		struct proto_arrived facts;

		if (sysfs_read(ROOT, h->found[i], &facts) < 0)
			continue;
		burden_device(h->burden, facts.bus, sysfs_endpoints(ROOT, h->found[i]),
		    facts.presence != PRESENCE_NOT_CONFIGURED);
		if (facts.class == SYSFS_CLASS_HUB) {
			see_ports(h, h->found[i]);
			continue;
		}
		if (ports_see(h->ports, &facts, now) < 0)
			more = true;
	}
	ports_end(h->ports, !h->synced, now);
	if (more && !h->full)
		log_error("ports-full", "ports=%d", PORTS_MAX);
	h->full = more;
	burden_end(h->burden, !h->synced, now);
	tell_changes(h);
	/* the scan at start: behind SYNCED, which ends what was there */
	if (h->synced)
		tell_burden(h);
	if (ports_unsettled(h->ports) || burden_unsettled(h->burden))
		h->scan_ms = now + PORTS_SOON_MS;
}

static void answer(struct hotplug *h, const struct proto_port *port, int fd, const char *why)
{
	struct proto_opened opened = { .generation = port->generation };

	memcpy(opened.port, port->port, sizeof(opened.port));
	if (fd < 0) {
		opened.status = fd;
		snprintf(opened.text, sizeof(opened.text), "%s", why);
		log_warn("open-failed", "port=%s generation=%u status=%d reason=\"%s\"",
		    log_text(port->port), port->generation, fd, why);
		tell(h, MSG_OPENED, &opened, NULL, 0);
		return;
	}
	handover("hotplug-opened");
	log_info("opened", "port=%s generation=%u", port->port, port->generation);
	tell(h, MSG_OPENED, &opened, &fd, 1);
	close(fd);
}

/* One try; the node of a device that has just arrived may not be ours yet. */
static void try_open(struct hotplug *h, struct asked *a)
{
	const struct proto_arrived *facts = ports_find(h->ports, a->port.port, a->port.generation);
	const char *why = "";
	int fd;

	a->tries--;
	if (!facts) {
		fd = -ENODEV;
		why = "it has left, or is another device now";
	} else if (facts->presence == PRESENCE_NOT_AUTHORISED) {
		fd = -EPERM;
		why = "not authorised: sysfs authorized is 0";
	} else if (facts->presence == PRESENCE_NOT_CONFIGURED) {
		fd = -EHOSTDOWN;
		why = "not configured: the host controller is out of resources or power";
	} else {
		fd = node_open(ROOT, facts, &why);
	}
	if (fd == -EACCES && a->tries > 0) {
		a->next_ms = now_ms() + OPEN_RETRY_MS;
		return;
	}
	a->tries = 0;
	answer(h, &a->port, fd, why);
}

static void on_open(struct hotplug *h, const struct proto_port *port)
{
	struct asked *to = NULL;

	for (size_t i = 0; i < PORTS_MAX; i++) {
		struct asked *a = &h->asked[i];

		if (a->tries > 0 && strcmp(a->port.port, port->port) == 0) {
			to = a;
			break;
		}
		if (a->tries == 0 && !to)
			to = a;
	}
	if (!to) {
		end(h, "too many OPEN at once");
		return;
	}
	to->port = *port;
	to->tries = OPEN_TRIES;
	try_open(h, to);
}

static void on_welcome(struct hotplug *h, const struct proto_welcome *welcome)
{
	if (welcome->version != PROTO_VERSION) {
		end(h, "dockd speaks another version");
		return;
	}
	log_info("connected", "station=\"%s\" connection=%u", log_text(welcome->station),
	    welcome->generation);
	h->state = RUNNING;
}

static void on_message(struct hotplug *h)
{
	union {
		struct proto_welcome welcome;
		struct proto_port port;
	} body;
	const char *why = "";
	struct msg m;
	int got = msg_recv(h->sock, &m, 0, &why);

	if (got == -EAGAIN)
		return;
	if (got <= 0) {
		end(h, got == 0 ? "it has closed" : why);
		return;
	}
	if (!msg_allowed(rules, sizeof(rules) / sizeof(rules[0]), &m, h->state)) {
		end(h, "a message out of turn");
		msg_close_fds(&m);
		return;
	}
	if (m.head.type == MSG_WELCOME) {
		memcpy(&body.welcome, m.body, sizeof(body.welcome));
		on_welcome(h, &body.welcome);
	} else {
		memcpy(&body.port, m.body, sizeof(body.port));
		on_open(h, &body.port);
	}
}

static void await_welcome(struct hotplug *h)
{
	struct pollfd fd = { .fd = h->sock, .events = POLLIN };

	while (!h->over && h->state == AWAIT_WELCOME) {
		if (poll(&fd, 1, WELCOME_MS) == 0)
			fatal("%s: dockd does not answer", h->path);
		on_message(h);
	}
}

static void on_signal(struct hotplug *h)
{
	struct signalfd_siginfo info;

	while (read(h->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGHUP) {
			h->changed = true;
			continue;
		}
		log_info("stopping", "signal=%u", info.ssi_signo);
		h->over = true;
	}
}

/* What libusb wants polled, behind the two of ours. */
static nfds_t usb_fds(struct hotplug *h, struct pollfd *fds)
{
	const struct libusb_pollfd **list = libusb_get_pollfds(h->usb);
	nfds_t n = 0;

	if (!list)
		fatal("libusb: out of memory");
	for (; list && list[n] && n < USB_FDS; n++)
		fds[n] = (struct pollfd){ .fd = list[n]->fd, .events = list[n]->events };
	libusb_free_pollfds(list);
	return n;
}

static int wait_ms(const struct hotplug *h)
{
	uint64_t now = now_ms(), until = h->scan_ms;

	for (size_t i = 0; i < PORTS_MAX; i++) {
		if (h->asked[i].tries > 0 && h->asked[i].next_ms < until)
			until = h->asked[i].next_ms;
	}
	return until > now ? (int)(until - now) : 0;
}

static void turn(struct hotplug *h)
{
	struct pollfd fds[2 + USB_FDS] = {
		{ .fd = h->sock, .events = POLLIN },
		{ .fd = h->signals, .events = POLLIN },
	};
	nfds_t n = 2 + usb_fds(h, fds + 2);
	struct timeval none = { 0 };
	uint64_t now;

	if (poll(fds, n, wait_ms(h)) < 0) {
		if (errno != EINTR)
			fatal("poll: %s", strerror(errno));
		return;
	}
	for (nfds_t i = 2; i < n; i++) {
		if (fds[i].revents) {
			libusb_handle_events_timeout_completed(h->usb, &none, NULL);
			break;
		}
	}
	if (fds[1].revents)
		on_signal(h);
	now = now_ms();
	if (h->changed || now >= h->scan_ms)
		scan(h);
	for (size_t i = 0; i < PORTS_MAX && !h->over; i++) {
		if (h->asked[i].tries > 0 && now >= h->asked[i].next_ms)
			try_open(h, &h->asked[i]);
	}
	if (fds[0].revents && !h->over)
		on_message(h);
}

int main(int argc, char **argv)
{
	static struct hotplug h;

	log_open("dockd-hotplug", NULL);
	options(&h, argc, argv);
	if (sandbox_basics() < 0)
		fatal("sandbox: %s", sandbox_why());
	h.ports = ports_new();
	h.burden = burden_new();
	if (!h.ports || !h.burden)
		fatal("out of memory");
	take_signals(&h);
	connect_core(&h);
	await_welcome(&h);
	if (h.over)
		return EXIT_FAILURE;
	/* libusb reads descriptors as soon as it starts: nothing from a device before this line. */
	put_up_sandbox();
	start_usb(&h);
	scan(&h);
	h.synced = tell(&h, MSG_SYNCED, NULL, NULL, 0);
	tell_burden(&h);
	while (!h.over)
		turn(&h);
	libusb_exit(h.usb);
	ports_free(h.ports);
	burden_free(h.burden);
	close(h.sock);
	close(h.signals);
	return EXIT_SUCCESS;
}
