/*
 * vdock: plays dockd-hotplug for simulated cameras. Linked as dockd-hotplug in test builds only.
 *
 * Watches the dock folder (vusb.h) as the real one watches USB, speaks the same messages to the
 * core, and answers OPEN with a socket that is connected to the camera. Like the real one it ends
 * when the core closes the connection; whoever started it starts it again.
 */
#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "../../dockd/base/handover.h"
#include "../../dockd/base/log.h"
#include "../../dockd/base/msg.h"
#include "../../dockd/base/proto_hotplug.h"

#define PORTS_MAX 256
#define WATCHED (IN_MOVED_TO | IN_CLOSE_WRITE | IN_DELETE | IN_MOVED_FROM)

/* A camera that has been told of. */
struct port {
	bool used;
	char docking[64]; /* tells one plug-in from the next */
	char socket[128];
	struct proto_arrived told;
};

static struct port ports[PORTS_MAX];
static uint32_t generation;
static const char *dock;
static int core = -1;

static struct port *port_find(const char *name)
{
	for (size_t i = 0; i < PORTS_MAX; i++) {
		if (ports[i].used && strcmp(ports[i].told.port, name) == 0)
			return &ports[i];
	}
	return NULL;
}

static struct port *port_new(void)
{
	for (size_t i = 0; i < PORTS_MAX; i++) {
		if (!ports[i].used)
			return &ports[i];
	}
	fatal("more than %d simulated cameras", PORTS_MAX);
}

static uint32_t presence_of(const char *word)
{
	if (strcmp(word, "not-authorised") == 0)
		return PRESENCE_NOT_AUTHORISED;
	return strcmp(word, "not-configured") == 0 ? PRESENCE_NOT_CONFIGURED : PRESENCE_READY;
}

/* class:subclass:protocol:name */
static void read_interface(struct proto_arrived *a, const char *value)
{
	struct proto_interface *in = &a->interface[a->interfaces];
	uint8_t numbers[3];
	char *end;

	if (a->interfaces == PROTO_INTERFACES)
		return;
	for (size_t i = 0; i < sizeof(numbers); i++) {
		numbers[i] = (uint8_t)strtoul(value, &end, 10);
		if (end == value || *end != ':')
			return;
		value = end + 1;
	}
	in->number = a->interfaces++;
	in->class = numbers[0];
	in->subclass = numbers[1];
	in->protocol = numbers[2];
	snprintf(in->name, sizeof(in->name), "%s", value);
}

static void read_line(struct port *p, const char *key, const char *value)
{
	struct proto_arrived *a = &p->told;
	unsigned long number = strtoul(value, NULL, 0);

	if (strcmp(key, "socket") == 0)
		snprintf(p->socket, sizeof(p->socket), "%s", value);
	else if (strcmp(key, "docking") == 0)
		snprintf(p->docking, sizeof(p->docking), "%s", value);
	else if (strcmp(key, "vendor") == 0)
		a->vendor = (uint16_t)number;
	else if (strcmp(key, "product") == 0)
		a->product = (uint16_t)number;
	else if (strcmp(key, "release") == 0)
		a->release = (uint16_t)number;
	else if (strcmp(key, "class") == 0)
		a->class = (uint8_t)number;
	else if (strcmp(key, "speed") == 0)
		a->speed_mbps = (uint16_t)number;
	else if (strcmp(key, "usb_version") == 0)
		a->usb_version = (uint16_t)number;
	else if (strcmp(key, "serial") == 0)
		snprintf(a->serial, sizeof(a->serial), "%s", value);
	else if (strcmp(key, "manufacturer") == 0)
		snprintf(a->manufacturer, sizeof(a->manufacturer), "%s", value);
	else if (strcmp(key, "model") == 0)
		snprintf(a->model, sizeof(a->model), "%s", value);
	else if (strcmp(key, "presence") == 0)
		a->presence = presence_of(value);
	else if (strcmp(key, "interface") == 0)
		read_interface(a, value);
}

/* Reads a dock file into a fresh *p. 0 or -errno. */
static int read_file(const char *name, struct port *p)
{
	char path[512], line[512];
	FILE *f;

	memset(p, 0, sizeof(*p));
	if (strlen(name) >= sizeof(p->told.port))
		return -ENAMETOOLONG;
	snprintf(path, sizeof(path), "%s/%s", dock, name);
	f = fopen(path, "re");
	if (!f)
		return -errno;
	snprintf(p->told.port, sizeof(p->told.port), "%s", name);
	p->told.bus = (uint16_t)strtoul(name, NULL, 10);
	p->told.presence = PRESENCE_READY;
	while (fgets(line, sizeof(line), f)) {
		char *eq = strchr(line, '=');

		line[strcspn(line, "\n")] = '\0';
		if (!eq)
			continue;
		*eq = '\0';
		read_line(p, line, eq + 1);
	}
	fclose(f);
	return 0;
}

static int tell(unsigned type, const void *body)
{
	return msg_send(core, type, 0, 0, body, NULL, 0);
}

static int tell_left(struct port *p)
{
	struct proto_port left = { .generation = p->told.generation };

	memcpy(left.port, p->told.port, sizeof(left.port));
	p->used = false;
	log_info("left", "port=%s generation=%u", left.port, left.generation);
	return tell(MSG_LEFT, &left);
}

static int tell_arrived(const struct port *p)
{
	int r = tell(MSG_ARRIVED, &p->told);

	log_info("arrived", "port=%s generation=%u presence=%u", p->told.port, p->told.generation,
	    p->told.presence);
	handover("hotplug-arrived");
	return r;
}

/* ---- what is no camera: files "controller-NAME" and "over-current-PORT" ---- */

static int tell_controller(FILE *f, const char *name)
{
	struct proto_controller c = { 0 };
	char line[128];

	snprintf(c.name, sizeof(c.name), "%s", name);
	while (fgets(line, sizeof(line), f)) {
		char *eq = strchr(line, '=');
		uint32_t number;

		if (!eq)
			continue;
		*eq = '\0';
		number = (uint32_t)strtoul(eq + 1, NULL, 0);
		if (strcmp(line, "buses") == 0)
			c.buses = number;
		else if (strcmp(line, "slots") == 0)
			c.slots = number;
		else if (strcmp(line, "slots_max") == 0)
			c.slots_max = number;
		else if (strcmp(line, "endpoints") == 0)
			c.endpoints = number;
		else if (strcmp(line, "endpoints_max") == 0)
			c.endpoints_max = number;
		else if (strcmp(line, "unconfigured") == 0)
			c.unconfigured = number;
	}
	return tell(MSG_CONTROLLER, &c);
}

static int tell_over_current(FILE *f, const char *port)
{
	struct proto_over_current o = { 0 };
	char line[32] = "";

	snprintf(o.port, sizeof(o.port), "%s", port);
	if (fgets(line, sizeof(line), f))
		o.count = (uint32_t)strtoul(line, NULL, 0);
	return tell(MSG_OVER_CURRENT, &o);
}

/* 1: it was one of these and has been told; 0: it is none; or -errno. */
static int tell_fact(const char *name)
{
	bool controller = strncmp(name, "controller-", 11) == 0;
	char path[512];
	FILE *f;
	int r;

	if (!controller && strncmp(name, "over-current-", 13) != 0)
		return 0;
	snprintf(path, sizeof(path), "%s/%s", dock, name);
	f = fopen(path, "re");
	if (!f)
		return 1;
	r = controller ? tell_controller(f, name + 11) : tell_over_current(f, name + 13);
	fclose(f);
	log_info("fact", "name=%s", name);
	return r < 0 ? r : 1;
}

/* A file is there, or another one: an arrival, a change, or nothing new. */
static int look_at(const char *name)
{
	struct port now, *p = port_find(name);
	int r = tell_fact(name);

	if (r != 0)
		return r < 0 ? r : 0;
	r = read_file(name, &now);
	if (r < 0)
		return 0; /* gone again: its removal is told by its own event */
	if (p && strcmp(p->docking, now.docking) == 0) {
		now.told.generation = p->told.generation;
		now.told.device = p->told.device;
		now.used = true;
		if (memcmp(&p->told, &now.told, sizeof(now.told)) == 0)
			return 0;
		*p = now;
		return tell_arrived(p);
	}
	if (p) {
		r = tell_left(p);
		if (r < 0)
			return r;
	}
	p = port_new();
	*p = now;
	p->used = true;
	p->told.generation = ++generation;
	p->told.device = (uint16_t)(generation & 0x7f);
	return tell_arrived(p);
}

/* Compares the whole folder with what was told. */
static int scan(void)
{
	struct dirent *e;
	struct port now;
	int r = 0;
	DIR *d;

	for (size_t i = 0; i < PORTS_MAX && r == 0; i++) {
		if (ports[i].used && read_file(ports[i].told.port, &now) < 0)
			r = tell_left(&ports[i]);
	}
	d = opendir(dock);
	if (!d)
		return -errno;
	while (r == 0 && (e = readdir(d))) {
		if (e->d_name[0] != '.')
			r = look_at(e->d_name);
	}
	closedir(d);
	return r;
}

static int read_events(int watch)
{
	union {
		struct inotify_event align;
		char bytes[16384];
	} buf;
	ssize_t n = read(watch, &buf, sizeof(buf));
	int r = 0;

	for (ssize_t at = 0; at < n && r == 0;) {
		const struct inotify_event *e = (const struct inotify_event *)(buf.bytes + at);
		struct port *p;

		at += (ssize_t)(sizeof(*e) + e->len);
		if (e->mask & IN_Q_OVERFLOW) {
			r = scan();
		} else if (!e->len || e->name[0] == '.') {
			continue;
		} else if (e->mask & (IN_DELETE | IN_MOVED_FROM)) {
			p = port_find(e->name);
			if (p)
				r = tell_left(p);
		} else {
			r = look_at(e->name);
		}
	}
	return r;
}

static int connect_to(const char *path, int type)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd, r;

	if (strlen(path) >= sizeof(sa.sun_path))
		return -ENAMETOOLONG;
	memcpy(sa.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0) {
		r = -errno;
		close(fd);
		return r;
	}
	return fd;
}

/* Opens the camera at that port, if it is still that arrival. The descriptor, or -errno. */
static int open_camera(const struct proto_port *wanted)
{
	struct port *p = port_find(wanted->port);
	struct port now;
	int fd;

	if (!p || p->told.generation != wanted->generation)
		return -ENODEV;
	if (read_file(wanted->port, &now) < 0 || strcmp(now.docking, p->docking) != 0)
		return -ENODEV;
	if (now.told.presence != PRESENCE_READY)
		return -EACCES;
	fd = connect_to(p->socket, SOCK_STREAM);
	return fd < 0 && fd != -EACCES ? -ENODEV : fd;
}

static int answer_open(const struct proto_port *wanted)
{
	struct proto_opened opened = { .generation = wanted->generation };
	int fd = open_camera(wanted);
	int r;

	memcpy(opened.port, wanted->port, sizeof(opened.port));
	if (fd < 0) {
		opened.status = fd;
		snprintf(opened.text, sizeof(opened.text), "%s", strerror(-fd));
	}
	log_info("opened", "port=%s generation=%u status=%d", wanted->port, wanted->generation,
	    opened.status);
	handover("hotplug-opened");
	r = msg_send(core, MSG_OPENED, 0, 0, &opened, &fd, fd >= 0 ? 1 : 0);
	if (fd >= 0)
		close(fd);
	return r;
}

/* 1: go on; 0: the core has closed; or -errno. */
static int read_core(void)
{
	const char *why = "";
	struct proto_port port;
	struct msg m;
	int r = msg_recv(core, &m, 0, &why);

	if (r == -EAGAIN)
		return 1;
	if (r <= 0) {
		if (r < 0)
			log_error("core", "reason=\"%s\"", why);
		return r;
	}
	if (m.head.type != MSG_OPEN) {
		log_error("core", "reason=\"unexpected %s\"", proto_name(m.head.type));
		return -EPROTO;
	}
	memcpy(&port, m.body, sizeof(port));
	r = answer_open(&port);
	return r < 0 ? r : 1;
}

static int greet(const char *socket_path)
{
	struct proto_hello hello = { .version = PROTO_VERSION, .role = PEER_HOTPLUG };
	struct proto_welcome welcome;
	struct msg m = { 0 };
	int r;

	core = connect_to(socket_path, SOCK_SEQPACKET);
	if (core < 0)
		return core;
	r = tell(MSG_HELLO, &hello);
	if (r == 0)
		r = msg_recv(core, &m, 0, NULL);
	if (r < 0)
		return r;
	if (r == 0 || m.head.type != MSG_WELCOME)
		return -EPROTO;
	memcpy(&welcome, m.body, sizeof(welcome));
	return welcome.version == PROTO_VERSION ? 0 : -EPROTO;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "socket", required_argument, NULL, 's' },
		{ "dock", required_argument, NULL, 'd' },
		{ "log", required_argument, NULL, 'l' },
		{ NULL, 0, NULL, 0 },
	};
	const struct timeval patience = { .tv_sec = 5 };
	const char *socket_path = NULL, *log_path = NULL;
	struct pollfd fds[2];
	int option, r, watch;

	while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		if (option == 's')
			socket_path = optarg;
		else if (option == 'd')
			dock = optarg;
		else if (option == 'l')
			log_path = optarg;
	}
	log_open("dockd-hotplug", log_path);
	if (!socket_path || !dock)
		fatal("--socket and --dock are needed");
	watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (watch < 0 || inotify_add_watch(watch, dock, WATCHED) < 0)
		fatal("%s: %s", dock, strerror(errno));
	r = greet(socket_path);
	if (r < 0)
		fatal("%s: %s", socket_path, strerror(-r));
	if (setsockopt(core, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) < 0)
		fatal("core socket: %s", strerror(errno));
	r = scan();
	if (r == 0)
		r = tell(MSG_SYNCED, NULL);
	while (r >= 0) {
		fds[0] = (struct pollfd){ core, POLLIN, 0 };
		fds[1] = (struct pollfd){ watch, POLLIN, 0 };
		if (poll(fds, 2, -1) < 0)
			continue;
		if (fds[1].revents)
			r = read_events(watch);
		if (r < 0 || !fds[0].revents)
			continue;
		r = read_core();
		if (r == 0)
			break;
	}
	log_info("ended", "status=%d", r);
	return r < 0 ? 1 : 0;
}
