/*
 * week_core: the core itself, dockd/core.c, whose wait for events is the passing of virtual time.
 *
 * The core's loop calls sd_event_run; where that would wait, the simulated cameras, the simulated
 * server and then the clock get their turn instead, until something has come for the core. Its
 * timer is told from here: one tick a step.
 */
#include <systemd/sd-event.h>

#include "week.h"

static int week_event_run(sd_event *event, uint64_t usec);
static int week_add_time(sd_event *event, sd_event_source **out, clockid_t clock, uint64_t usec,
    uint64_t accuracy, sd_event_time_handler_t fn, void *arg);
static int sandboxed(void);

#define sd_event_run week_event_run
#define sd_event_add_time_relative week_add_time
#define sandbox_basics sandboxed
#include "../../dockd/core.c"
#undef sd_event_run
#undef sd_event_add_time_relative

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#define NEVER_US (UINT64_C(1) << 62)

static struct core *core;

static int sandboxed(void)
{
	return 0;
}

/* The core's timers never fire by themselves: the tick is called with each step. */
static int week_add_time(sd_event *event, sd_event_source **out, clockid_t clock, uint64_t usec,
    uint64_t accuracy, sd_event_time_handler_t fn, void *arg)
{
	(void)usec;
	core = arg;
	return sd_event_add_time(event, out, clock, NEVER_US, accuracy, fn, arg);
}

static int week_event_run(sd_event *event, uint64_t usec)
{
	if (usec == 0)
		return sd_event_run(event, 0);
	for (;;) {
		bool more = dock_turn();

		more = server_turn() || more;
		if (sd_event_run(event, 0) > 0)
			return 1;
		if (more)
			continue;
		week_passed();
		if (virtual_s() >= (int64_t)plan.hours * HOUR_S) {
			sd_event_exit(event, 0);
			return sd_event_run(event, 0);
		}
		virtual_us += (int64_t)plan.step_us;
		dock_passed();
		server_passed(plan.step_us);
		on_tick(core->tick, NEVER_US, core);
		return 1;
	}
}

struct index *core_index(void)
{
	return journal_index(core->journal);
}

int core_run(const char *config, const char *profiles)
{
	return core_serve(config, profiles);
}

int core_ask(const char *socket_path, struct proto_ask ask, void (*part)(const struct msg *m))
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct proto_ctl_end end = { .status = -EPIPE };
	const char *why = "";
	struct msg m;
	int r = -EAGAIN;

	ask.version = PROTO_VERSION;
	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", socket_path);
	if (sock < 0 || connect(sock, (struct sockaddr *)&sa, sizeof(sa)) < 0 ||
	    msg_send(sock, MSG_ASK, 0, 0, &ask, NULL, 0) < 0)
		week_die("the control socket cannot be asked: %s", strerror(errno));
	for (unsigned i = 0; i < 100000 && (r == -EAGAIN || r == 1); i++) {
		r = msg_recv(sock, &m, MSG_FDS_MAX, &why);
		if (r == -EAGAIN) {
			(void)sd_event_run(core->event, 0);
			continue;
		}
		if (r != 1)
			break;
		if (m.head.type == MSG_END) {
			memcpy(&end, m.body, sizeof(end));
			if (end.status < 0)
				fprintf(stderr, "week: %s\n", end.text);
			msg_close_fds(&m);
			break;
		}
		if (part)
			part(&m);
		msg_close_fds(&m);
	}
	close(sock);
	return end.status;
}
