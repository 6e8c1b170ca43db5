#include "vcam.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* At v->port. by_itself: it left to come back as what its unlock makes it. */
static int plug_in(struct vcam *v, bool by_itself)
{
	int r;

	v->back_ns = 0;
	locked_plug(&v->camera, by_itself);
	responder_plug(&v->responder);
	v->plugs++;
	v->plugged = true;
	r = v->face->plug(v);
	if (r < 0)
		v->plugged = false;
	return r;
}

int vcam_plug(struct vcam *v, const char *port)
{
	if (v->plugged)
		return -EBUSY;
	if (!port[0] || port[0] == '.' || strchr(port, '/') || strlen(port) >= sizeof(v->port))
		return -EINVAL;
	snprintf(v->port, sizeof(v->port), "%s", port);
	return plug_in(v, false);
}

void vcam_unplug(struct vcam *v)
{
	double seconds;

	if (!v->plugged)
		return;
	v->plugged = false;
	v->pulls++;
	v->face->unplug(v);
	responder_plug(&v->responder);
	seconds = locked_left(&v->camera);
	if (seconds >= 0)
		v->back_ns = responder_now_ns() + (uint64_t)(seconds * 1e9);
}

static int sooner(int a, int b)
{
	if (a < 0)
		return b;
	return b >= 0 && b < a ? b : a;
}

static int pace_ms(const struct vcam *v)
{
	uint64_t now = responder_now_ns();

	if (!v->responder.wake_ns)
		return -1;
	return v->responder.wake_ns <= now ? 0 : (int)((v->responder.wake_ns - now) / 1000000) + 1;
}

/* Comes back by itself where it is time; ms until then, or -1. */
static int back_ms(struct vcam *v)
{
	uint64_t now = responder_now_ns();
	int r;

	if (!v->back_ns)
		return -1;
	if (v->back_ns > now)
		return (int)((v->back_ns - now) / 1000000) + 1;
	r = plug_in(v, true);
	if (r < 0)
		fprintf(stderr, "vcam: coming back: %s\n", strerror(-r));
	return 0;
}

static void loop(struct vcam *v)
{
	struct pollfd fds[FACE_FDS + CONTROL_FDS];
	unsigned face, control;
	int timeout;

	while (!v->quit) {
		timeout = sooner(back_ms(v), sooner(control_check_waits(v), pace_ms(v)));
		face = v->face->watch(v, fds);
		control = control_watch(fds + face);
		if (poll(fds, face + control, timeout) < 0 && errno != EINTR)
			abort();
		control_handle(v, fds + face, control); /* first: what it changes is to be sent */
		v->face->handle(v, fds, face);
	}
	vcam_unplug(v);
}

static int usage(void)
{
	fprintf(stderr,
	    "usage: vcam --scenario FILE --control PATH --socket PATH --dock DIR\n"
	    "       vcam --scenario FILE --control PATH --face ffs --ffs DIR --udc NAME "
	    "--gadget DIR\n"
	    "       vcam --faults\n");
	return 2;
}

int main(int argc, char **argv)
{
	static const struct option long_options[] = {
		{ "scenario", required_argument, NULL, 's' },
		{ "socket", required_argument, NULL, 'p' },
		{ "dock", required_argument, NULL, 'd' },
		{ "control", required_argument, NULL, 'c' },
		{ "face", required_argument, NULL, 'f' },
		{ "ffs", required_argument, NULL, 'm' },
		{ "udc", required_argument, NULL, 'u' },
		{ "gadget", required_argument, NULL, 'g' },
		{ "faults", no_argument, NULL, 'F' },
		{ NULL, 0, NULL, 0 },
	};
	static struct vcam v = { .face = &face_socket, .presence = "ready" };
	int option;

	while ((option = getopt_long(argc, argv, "", long_options, NULL)) >= 0) {
		switch (option) {
		case 's':
			v.options.scenario = optarg;
			break;
		case 'p':
			v.options.socket = optarg;
			break;
		case 'd':
			v.options.dock = optarg;
			break;
		case 'c':
			v.options.control = optarg;
			break;
		case 'f':
			v.face = strcmp(optarg, "ffs") == 0 ? &face_ffs : &face_socket;
			break;
		case 'm':
			v.options.ffs = optarg;
			break;
		case 'u':
			v.options.udc = optarg;
			break;
		case 'g':
			v.options.gadget = optarg;
			break;
		case 'F':
			faults_print();
			return 0;
		default:
			return usage();
		}
	}
	if (!v.options.scenario || !v.options.control)
		return usage();
	signal(SIGPIPE, SIG_IGN);
	if (scenario_load(&v.camera, v.options.scenario) < 0)
		return 1;
	responder_init(&v.responder, &v.camera);
	if (v.face->open(&v) < 0 || control_open(v.options.control) < 0)
		return 1;
	printf("ready\n");
	fflush(stdout);
	loop(&v);
	return 0;
}
