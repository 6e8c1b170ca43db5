/*
 * dockd-camera: takes one camera's files off it, for the core that started it.
 *
 * Owns the socket to the core, the order of setting up, and which message is legal when. The core
 * starts one for each docked camera and kills it where it is silent. It holds one device descriptor
 * and, during a FETCH, one staging file; it opens nothing itself.
 */
#include "camera.h"
#include "probe.h"

#include "../dockd/base/handover.h"
#include "../dockd/base/log.h"
#include "../dockd/base/msg.h"
#include "../dockd/base/oom.h"
#include "../dockd/base/proto_attach.h"
#include "../dockd/base/proto_object.h"
#include "../dockd/base/proto_probe.h"
#include "../dockd/base/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

enum state { STATE_START = 0, STATE_READY, STATE_BUSY };

static const struct msg_rule rules[] = {
	{ MSG_ATTACH, 1u << STATE_START, 1 },
	{ MSG_LIST, 1u << STATE_READY, 0 },
	{ MSG_FETCH, 1u << STATE_READY, 1 },
	{ MSG_ERASE, 1u << STATE_READY, 0 },
	{ MSG_SET_CLOCK, 1u << STATE_READY, 0 },
	{ MSG_LOOK, 1u << STATE_READY, 0 },
	{ MSG_UNLOCK, 1u << STATE_READY, 0 },
	{ MSG_CONFIGURE, 1u << STATE_READY, 0 },
	{ MSG_BYE, 1u << STATE_READY, 0 },
	{ MSG_STOP, 1u << STATE_READY | 1u << STATE_BUSY, 0 },
};

static int core = -1;
static enum state state = STATE_START;
static bool stop_asked;
static bool probing; /* objects are counted, not told */

/* ---- to the core ---- */

static void tell(unsigned type, const void *body)
{
	if (msg_send(core, type, 0, 0, body, NULL, 0) < 0)
		exit(1); /* nobody is left to tell it to */
}

static _Noreturn void give_up(const struct proto_reason *why)
{
	log_error("camera-fault", "code=%u text=\"%s\"", why->code, log_text(why->text));
	tell(MSG_FAULT, why);
	exit(1);
}

void camera_tell_object(const struct proto_object *object)
{
	if (probing) {
		probe_object(object);
		return;
	}
	tell(MSG_OBJECT, object);
}

void camera_tell_durable(uint64_t offset_bytes)
{
	const struct proto_durable durable = { offset_bytes };

	handover("camera-durable");
	tell(MSG_DURABLE, &durable);
}

/* ---- from the core ---- */

static _Noreturn void core_is_wrong(const char *what)
{
	struct proto_reason why;

	camera_fault(&why, FAULT_CORE, "%s", what);
	give_up(&why);
}

/* The next message, which is legal in this state. Exits where the core is gone or wrong. */
static void receive(struct msg *m)
{
	const char *wrong = "";
	int r = msg_recv(core, m, 1, &wrong);

	if (r == 0)
		exit(0);
	if (r == -EPROTO)
		core_is_wrong(wrong);
	if (r < 0)
		core_is_wrong(strerror(-r));
	if (!msg_allowed(rules, sizeof(rules) / sizeof(rules[0]), m, state))
		core_is_wrong("a message that is not legal now");
}

bool camera_stopping(void)
{
	struct pollfd p = { .fd = core, .events = POLLIN };
	struct msg m;

	while (!stop_asked && poll(&p, 1, 0) > 0) {
		receive(&m);
		stop_asked = true; /* STOP alone is legal while busy */
	}
	return stop_asked;
}

/* ---- what is asked ---- */

static void answer_look(const struct driver *driver, struct camera *c)
{
	struct proto_reason why;
	struct proto_camera camera;

	if (driver->look(c, &camera, &why) < 0)
		give_up(&why);
	tell(MSG_CAMERA, &camera);
}

static void answer_list(const struct driver *driver, struct camera *c)
{
	struct proto_reason why;
	struct proto_listed listed;

	if (driver->list(c, &listed, &why) < 0)
		give_up(&why);
	handover("camera-listed");
	tell(MSG_LISTED, &listed);
}

static void answer_fetch(const struct driver *driver, struct camera *c, struct msg *m)
{
	struct proto_fetch fetch;
	struct proto_fetched fetched;
	struct proto_reason why;
	int r;

	memcpy(&fetch, m->body, sizeof(fetch));
	r = driver->fetch(c, &fetch, m->fds[0], &fetched, &why);
	if (r < 0)
		give_up(&why);
	msg_close_fds(m);
	handover("camera-fetched");
	tell(MSG_FETCHED, &fetched);
}

static void answer_erase(const struct driver *driver, struct camera *c, const struct msg *m)
{
	struct proto_erase erase;
	struct proto_erased erased;
	struct proto_reason why;

	memcpy(&erase, m->body, sizeof(erase));
	if (driver->erase(c, &erase, &erased, &why) < 0)
		give_up(&why);
	tell(MSG_ERASED, &erased);
}

static void answer_set_clock(const struct driver *driver, struct camera *c, const struct msg *m)
{
	struct proto_set_clock set;
	struct proto_status status;
	struct proto_reason why;

	memcpy(&set, m->body, sizeof(set));
	if (driver->set_clock(c, set.clock_s, &status, &why) < 0)
		give_up(&why);
	tell(MSG_CLOCK_SET, &status);
}

static void answer_unlock(const struct driver *driver, struct camera *c)
{
	struct proto_status status = { .status = -ENOTSUP };
	struct proto_reason why;

	handover("camera-unlock");
	if (driver->unlock && driver->unlock(c, &status, &why) < 0)
		give_up(&why);
	handover("camera-unlocked");
	tell(MSG_UNLOCKED, &status);
}

static void answer_configure(const struct driver *driver, struct camera *c, const struct msg *m)
{
	struct proto_status status = { .status = -ENOTSUP };
	struct proto_configure what;
	struct proto_reason why;

	memcpy(&what, m->body, sizeof(what));
	if (what.what != CONFIGURE_OWNER && what.what != CONFIGURE_SETTING)
		core_is_wrong("CONFIGURE of what does not exist");
	if (driver->configure && driver->configure(c, &what, &status, &why) < 0)
		give_up(&why);
	tell(MSG_CONFIGURED, &status);
}

/* One message of the core. false: BYE. */
static bool answer(const struct driver *driver, struct camera *c, struct msg *m)
{
	state = STATE_BUSY;
	stop_asked = false;
	switch (m->head.type) {
	case MSG_LIST:
		answer_list(driver, c);
		break;
	case MSG_FETCH:
		answer_fetch(driver, c, m);
		break;
	case MSG_ERASE:
		answer_erase(driver, c, m);
		break;
	case MSG_SET_CLOCK:
		answer_set_clock(driver, c, m);
		break;
	case MSG_LOOK:
		answer_look(driver, c);
		break;
	case MSG_UNLOCK:
		answer_unlock(driver, c);
		break;
	case MSG_CONFIGURE:
		answer_configure(driver, c, m);
		break;
	case MSG_BYE:
		return false;
	}
	state = STATE_READY;
	return true;
}

/* Waits for the core, and lets the driver handle events meanwhile. */
static void wait_for_core(const struct driver *driver, struct camera *c, struct transport *t)
{
	for (;;) {
		struct pollfd fds[16] = { { .fd = core, .events = POLLIN } };
		size_t n = 1 + transport_fds(t, fds + 1, 15);
		struct proto_reason why;

		if (poll(fds, n, -1) < 0 && errno != EINTR)
			core_is_wrong("poll");
		if (fds[0].revents)
			return;
		if (driver->idle(c, &why) < 0)
			give_up(&why);
	}
}

/* ---- setting up ---- */

static void check_attach(struct proto_attach *a)
{
	if (a->version != PROTO_VERSION)
		core_is_wrong("another version of the messages");
	if (a->flags & ~ATTACH_PROBE)
		core_is_wrong("no such flag");
	if (a->driver != DRIVER_PTP && a->driver != DRIVER_MSC)
		core_is_wrong("no such driver");
	if (a->quirks & ~QUIRK_ALL)
		core_is_wrong("no such quirk");
	if (a->window_bytes < (64u << 10) || a->window_bytes > (64u << 20))
		core_is_wrong("window out of range");
	if (a->timeout_ms < 100 || a->timeout_ms > 600000 || a->max_objects > 10000000)
		core_is_wrong("time-out or number of objects out of range");
}

/* A file larger than the core allows is an answer, not the end; so is a core that went away. */
static void ignore_signals(void)
{
	const struct sigaction ignore = { .sa_handler = SIG_IGN };

	sigaction(SIGXFSZ, &ignore, NULL);
	sigaction(SIGPIPE, &ignore, NULL);
}

static int options(int argc, char **argv)
{
	static const struct option known[] = {
		{ "socket", required_argument, NULL, 's' },
		{ "parent", required_argument, NULL, 'p' },
		{ "version", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	static const char usage[] =
	    "usage: dockd-camera --socket FD --parent PID (started by dockd)";
	long parent = 0;
	int o;

	while ((o = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (o == 's')
			core = (int)strtol(optarg, NULL, 10);
		else if (o == 'p')
			parent = strtol(optarg, NULL, 10);
		else if (o == 'v' || o == 'h')
			exit(puts(o == 'v' ? "dockd-camera " DOCKD_VERSION : usage) < 0);
		else
			exit(2);
	}
	if (core < 3 || parent < 1 || optind != argc)
		fatal("%s", usage);
	return (int)parent;
}

static void prepare(int argc, char **argv)
{
	int parent = options(argc, argv);
	int flags;

	oom_goes_first();
	if (sandbox_basics() < 0)
		fatal("%s", sandbox_why());
	if (sandbox_die_with_parent(parent) < 0)
		fatal("%s", sandbox_why());
	flags = fcntl(core, F_GETFL);
	if (flags < 0 || fcntl(core, F_SETFL, flags & ~O_NONBLOCK) < 0 ||
	    fcntl(core, F_SETFD, FD_CLOEXEC) < 0)
		fatal("--socket %d: %s", core, strerror(errno));
	ignore_signals();
	if (transport_prepare() < 0)
		fatal("libusb cannot be started");
}

static const struct driver *driver_of(const struct proto_attach *a)
{
	if (a->driver == DRIVER_PTP)
		return &ptp_driver;
	return a->unlock[0] == UNLOCK_NONE ? &msc_driver : &unlock_driver;
}

/* In place of all that a driver does: what it is. The process ends after it. */
static void probe(struct transport *t, const struct proto_attach *attach)
{
	struct proto_probed probed;
	struct proto_reason why;

	probing = true;
	if (probe_run(t, attach, &probed, &why) < 0)
		give_up(&why);
	tell(MSG_PROBED, &probed);
}

int main(int argc, char **argv)
{
	const struct driver *driver;
	struct transport *transport = NULL;
	struct camera *camera = NULL;
	struct proto_attach attach;
	struct proto_reason why;
	struct msg m;
	int r;

	/* the core starts it from an open descriptor, whose number would be its name */
	prctl(PR_SET_NAME, "dockd-camera", 0, 0, 0);
	log_open("dockd-camera", NULL);
	prepare(argc, argv);
	receive(&m);
	memcpy(&attach, m.body, sizeof(attach));
	explicit_bzero(m.body, sizeof(m.body)); /* it may hold a PIN */
	check_attach(&attach);
	driver = driver_of(&attach);
	/* No byte of the camera may be read before this. */
	if (sandbox_camera() < 0) {
		camera_fault(&why, FAULT_SANDBOX, "%s", sandbox_why());
		give_up(&why);
	}
	r = transport_open(m.fds[0], &transport);
	if (r < 0) {
		camera_fault(&why, r == -ENODEV ? FAULT_GONE : FAULT_DESCRIPTORS, "device: %s",
		    strerror(-r));
		give_up(&why);
	}
	state = STATE_BUSY;
	if (attach.flags & ATTACH_PROBE) {
		probe(transport, &attach);
		transport_close(transport);
		return 0;
	}
	r = driver->open(transport, &attach, &camera, &why);
	explicit_bzero(attach.pin, sizeof(attach.pin));
	if (r == -ENOTSUP) {
		tell(MSG_NOT_MINE, &why);
		transport_close(transport);
		return 0;
	}
	if (r < 0)
		give_up(&why);
	answer_look(driver, camera);
	state = STATE_READY;
	do {
		wait_for_core(driver, camera, transport);
		receive(&m);
	} while (answer(driver, camera, &m));
	driver->close(camera);
	if (!(attach.quirks & QUIRK_NO_RELEASE))
		transport_release(transport);
	transport_close(transport);
	return 0;
}
