#include "vcam.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

int vcam_plug(struct vcam *v, const char *port)
{
	int r;

	if (v->plugged)
		return -EBUSY;
	if (!port[0] || port[0] == '.' || strchr(port, '/') || strlen(port) >= sizeof(v->port))
		return -EINVAL;
	snprintf(v->port, sizeof(v->port), "%s", port);
	responder_plug(&v->responder);
	v->plugs++;
	v->plugged = true;
	r = v->face->plug(v);
	if (r < 0)
		v->plugged = false;
	return r;
}

void vcam_unplug(struct vcam *v)
{
	if (!v->plugged)
		return;
	v->plugged = false;
	v->pulls++;
	v->face->unplug(v);
	responder_plug(&v->responder);
}

void vcam_wake(struct vcam *v)
{
	uint64_t one = 1;

	if (write(v->wake_fd, &one, sizeof(one)) < 0)
		abort();
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

static void loop(struct vcam *v)
{
	struct pollfd fds[1 + FACE_FDS + CONTROL_FDS];
	unsigned face, control;
	uint64_t drained;
	int timeout;

	pthread_mutex_lock(&v->lock);
	while (!v->quit) {
		timeout = sooner(control_check_waits(v), pace_ms(v));
		fds[0] = (struct pollfd){ v->wake_fd, POLLIN, 0 };
		face = v->face->watch(v, fds + 1);
		control = control_watch(fds + 1 + face);
		pthread_mutex_unlock(&v->lock);
		if (poll(fds, 1 + face + control, timeout) < 0 && errno != EINTR)
			abort();
		pthread_mutex_lock(&v->lock);
		if (fds[0].revents && read(v->wake_fd, &drained, sizeof(drained)) < 0 &&
		    errno != EAGAIN)
			abort();
		v->face->handle(v, fds + 1, face);
		control_handle(v, fds + 1 + face, control);
	}
	vcam_unplug(v);
	pthread_mutex_unlock(&v->lock);
}

static int usage(void)
{
	fprintf(stderr, "usage: vcam --scenario FILE --control PATH --socket PATH --dock DIR\n"
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
	pthread_mutex_init(&v.lock, NULL);
	v.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (v.wake_fd < 0 || scenario_load(&v.camera, v.options.scenario) < 0)
		return 1;
	responder_init(&v.responder, &v.camera);
	if (v.face->open(&v) < 0 || control_open(v.options.control) < 0)
		return 1;
	printf("ready\n");
	fflush(stdout);
	loop(&v);
	return 0;
}
