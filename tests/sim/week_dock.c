/*
 * week_dock: forty officers and their cameras: hotplug's end of the core's socket, and the workers
 * that the core starts, both played in this process.
 *
 * Takes the place of dockd/child.c: what is sent to a worker is answered when virtual time has come
 * that far. Files are sparse: a worker sets the length of its staging file as bytes come over the
 * bus, and writes only a line at its head that says whose it is; the digest is that of this line
 * and the length.
 */
#include "week.h"

#include "../../dockd/child.h"

#include "../../dockd/base/proto_camera.h"
#include "../../dockd/base/proto_hotplug.h"
#include "../../dockd/base/proto_object.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BUS_PER_S UINT64_C(25000000)     /* of one pull */
#define DIGEST_PER_S UINT64_C(400000000) /* dockd-verify on one processor */
#define HEAD_LEN 128
#define CHARGE_S (3 * HOUR_S)
#define SHIFT_S (8 * HOUR_S)
#define EARLY_S 900 /* taken out so long before */

struct camera {
	char port[PROTO_PORT_LEN];
	char serial[PROTO_NAME_LEN];
	unsigned starts_h; /* its shift: 7, 15 or 23 o'clock */
	bool docked;
	int64_t docked_s;
	uint32_t generation;
	uint64_t used_bytes;
	unsigned not_recorded; /* hours: the card was full */
	struct child *worker;
	/* the FETCH under way */
	int fd;
	struct clip *clip;
	uint64_t offset_bytes;
	int64_t began_us;
};

struct child {
	bool camera;
	struct camera *cam;
	const struct child_handlers *handlers;
	void *arg;
	char how[64];
};

/* What a worker will have said by then. */
struct saying {
	int64_t at_us;
	struct child *child;
	unsigned type; /* 0: it has ended */
	struct proto_head head;
	_Alignas(8) unsigned char body[MSG_BODY_MAX];
	struct saying *next;
};

struct clip clips[CLIPS_MAX];
size_t clips_n;
unsigned dock_not_recorded;

static struct camera cameras[CAMERAS_MAX];
static struct saying *sayings;
static int hotplug = -1;
static const char *dock_socket;

/* ---- clips ---- */

static void head_of(const struct clip *c, char out[HEAD_LEN])
{
	memset(out, 0, HEAD_LEN);
	snprintf(out, HEAD_LEN, "camera %u clip %u %s %" PRIu64 "\n", c->camera, c->handle, c->path,
	    c->size_bytes);
}

static void digest(const char head[HEAD_LEN], uint64_t size, uint8_t out[PROTO_SHA256_LEN])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	if (!ctx || !EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) ||
	    !EVP_DigestUpdate(ctx, head, HEAD_LEN) || !EVP_DigestUpdate(ctx, &size, sizeof(size)) ||
	    !EVP_DigestFinal_ex(ctx, out, NULL))
		week_die("no digest");
	EVP_MD_CTX_free(ctx);
}

struct clip *clip_of(const uint8_t sha256[PROTO_SHA256_LEN])
{
	for (size_t i = clips_n; i-- > 0;) {
		if (memcmp(clips[i].sha256, sha256, PROTO_SHA256_LEN) == 0)
			return &clips[i];
	}
	return NULL;
}

static void record(struct camera *cam, int64_t end_s)
{
	struct clip *c = &clips[clips_n];
	char head[HEAD_LEN];

	if (cam->used_bytes + plan.clip_bytes > plan.card_bytes) {
		cam->not_recorded++;
		dock_not_recorded++;
		return;
	}
	if (clips_n == CLIPS_MAX)
		week_die("more clips than the table holds");
	*c = (struct clip){ .camera = (unsigned)(cam - cameras),
		.handle = (unsigned)clips_n + 1,
		.size_bytes = plan.clip_bytes,
		.recorded_s = end_s,
		.on_camera = true };
	snprintf(c->path, sizeof(c->path), "DCIM/%03u/c%06u.mp4", c->camera, c->handle);
	head_of(c, head);
	digest(head, c->size_bytes, c->sha256);
	cam->used_bytes += c->size_bytes;
	clips_n++;
}

/* ---- workers ---- */

static void say(struct child *c, int64_t after_us, unsigned type, const void *body)
{
	struct saying *s = calloc(1, sizeof(*s)), **at = &sayings;

	if (!s)
		week_die("out of memory");
	s->at_us = virtual_us + after_us;
	s->child = c;
	s->type = type;
	if (type && body)
		memcpy(s->body, body, proto_length(type));
	while (*at && (*at)->at_us <= s->at_us)
		at = &(*at)->next;
	s->next = *at;
	*at = s;
}

static void forget(const struct child *c)
{
	for (struct saying **at = &sayings; *at;) {
		struct saying *s = *at;

		if (s->child == c) {
			*at = s->next;
			free(s);
		} else {
			at = &s->next;
		}
	}
}

static void end_fetch(struct camera *cam)
{
	if (cam->fd >= 0)
		close(cam->fd);
	cam->fd = -1;
	cam->clip = NULL;
}

static void bury(struct child *c)
{
	forget(c);
	if (c->cam && c->cam->worker == c) {
		end_fetch(c->cam);
		c->cam->worker = NULL;
	}
	free(c);
}

void child_keep_programs(void)
{
}

void child_set_libexec(const char *dir)
{
	(void)dir;
}

int child_hide(int fd)
{
	return fd;
}

pid_t child_pid(const struct child *c)
{
	(void)c;
	return getpid(); /* prlimit is not the real one here */
}

int child_start(sd_event *event, const char *program, const struct child_handlers *handlers,
    void *arg, struct child **out)
{
	struct child *c = calloc(1, sizeof(*c));

	(void)event;
	if (!c)
		return -ENOMEM;
	c->camera = strcmp(program, "dockd-camera") == 0;
	c->handlers = handlers;
	c->arg = arg;
	*out = c;
	return 0;
}

void child_kill(struct child *c, const char *why)
{
	snprintf(c->how, sizeof(c->how), "%s", why);
	forget(c);
	say(c, 0, 0, NULL);
}

void child_drop(struct child *c)
{
	bury(c);
}

static void say_camera(struct camera *cam, int64_t after_us)
{
	int64_t held_s = virtual_s() - cam->docked_s;
	struct proto_camera m = {
		.features = CAMERA_PARTIAL64 | CAMERA_ERASES | CAMERA_CLOCK | CAMERA_BATTERY,
		.battery_percent = held_s >= CHARGE_S ? 100 : (uint32_t)(held_s * 100 / CHARGE_S),
		.clock_s = WEEK_BEGINS_S + virtual_s(),
		.read_at_ms = (WEEK_BEGINS_S + virtual_s()) * 1000,
		.capacity_bytes = plan.card_bytes,
		.free_bytes = plan.card_bytes - cam->used_bytes,
		.storages = 1,
	};

	snprintf(m.model, sizeof(m.model), "vcam");
	say(cam->worker, after_us, MSG_CAMERA, &m);
}

static void say_listing(struct camera *cam)
{
	unsigned camera = (unsigned)(cam - cameras);
	struct proto_listed l = { 0 };

	for (size_t i = 0; i < clips_n; i++) {
		struct proto_object o = { .storage = 1,
			.handle = clips[i].handle,
			.kind = KIND_CLIP,
			.size_bytes = clips[i].size_bytes,
			.told_bytes = clips[i].size_bytes,
			.mtime_s = WEEK_BEGINS_S + clips[i].recorded_s };

		if (clips[i].camera != camera || !clips[i].on_camera)
			continue;
		memcpy(o.path, clips[i].path, sizeof(clips[i].path));
		say(cam->worker, SECOND_US, MSG_OBJECT, &o);
		l.objects++;
	}
	say(cam->worker, SECOND_US, MSG_LISTED, &l);
}

static struct clip *by_handle(uint64_t handle)
{
	return handle && handle <= clips_n && clips[handle - 1].on_camera ? &clips[handle - 1] :
									    NULL;
}

static void say_fetched(
    struct camera *cam, enum fetch_result result, uint64_t length, uint64_t read)
{
	struct proto_fetched f = { .result = result, .length_bytes = length, .read_bytes = read };

	say(cam->worker, 0, MSG_FETCHED, &f);
}

static void begin_fetch(struct camera *cam, const struct proto_fetch *f, int fd)
{
	struct clip *c = by_handle(f->handle);
	char head[HEAD_LEN];

	if (!c || f->size_bytes != c->size_bytes || cam->fd >= 0)
		week_die("FETCH of what the camera has not got");
	if (f->offset_bytes == f->size_bytes) {
		say_fetched(cam, FETCH_DONE, f->size_bytes, 65536);
		return;
	}
	head_of(c, head);
	if (pwrite(fd, head, sizeof(head), 0) != sizeof(head))
		week_die("a staging file cannot be written: %s", strerror(errno));
	cam->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	cam->clip = c;
	cam->offset_bytes = f->offset_bytes;
	cam->began_us = virtual_us;
}

/* The length of its staging file is how far a pull has come. */
static void pulled(struct camera *cam)
{
	uint64_t bytes = cam->offset_bytes +
	    (uint64_t)(virtual_us - cam->began_us) * BUS_PER_S / (uint64_t)SECOND_US;
	uint64_t size = cam->clip->size_bytes;

	if (bytes < HEAD_LEN)
		return;
	if (ftruncate(cam->fd, (off_t)(bytes < size ? bytes : size)) < 0)
		week_die("a staging file cannot grow: %s", strerror(errno));
	if (bytes < size)
		return;
	say_fetched(cam, FETCH_DONE, size, size - cam->offset_bytes);
	end_fetch(cam);
}

static void erase(struct camera *cam, const struct proto_erase *e)
{
	struct proto_erased answer = { .result = ERASE_GONE };
	struct clip *c = by_handle(e->handle);

	if (c) {
		/* the law: nothing goes from a camera that the server has not got */
		if (!c->receipted_s || strcmp(c->path, e->path) != 0)
			week_die("clip %u is erased and was not receipted", c->handle);
		c->on_camera = false;
		c->erased_s = virtual_s() + 1;
		cam->used_bytes -= c->size_bytes;
		answer.result = ERASE_DONE;
	}
	say(cam->worker, SECOND_US, MSG_ERASED, &answer);
}

static int to_camera(struct child *c, unsigned type, const void *body, const int *fds)
{
	struct camera *cam = c->cam;
	struct proto_status well = { 0 };

	if (!cam) { /* ATTACH: the descriptor says which camera it is */
		off_t at = type == MSG_ATTACH ? lseek(fds[0], 0, SEEK_CUR) : -1;
		size_t i = at < 0 ? SIZE_MAX : (size_t)at;

		if (i >= plan.cameras)
			week_die("no such camera");
		cam = c->cam = &cameras[i];
		cam->worker = c;
	}
	switch (type) {
	case MSG_ATTACH:
		say_camera(cam, 2 * SECOND_US);
		break;
	case MSG_LOOK:
		say_camera(cam, 0);
		break;
	case MSG_LIST:
		say_listing(cam);
		break;
	case MSG_FETCH:
		begin_fetch(cam, body, fds[0]);
		break;
	case MSG_ERASE:
		erase(cam, body);
		break;
	case MSG_SET_CLOCK:
		say(c, 0, MSG_CLOCK_SET, &well);
		break;
	case MSG_BYE:
		say(c, 0, 0, NULL);
		break;
	}
	return 0;
}

static int to_verify(struct child *c, unsigned type, const void *body, const int *fds)
{
	const struct proto_verify *v = body;
	struct proto_digest d = { 0 };
	struct proto_status well = { 0 };
	char head[HEAD_LEN];
	struct stat st;
	int64_t us;

	if (type != MSG_VERIFY || v->job != VERIFY_DIGEST)
		week_die("dockd-verify is asked what it is not played to answer");
	if (fstat(fds[0], &st) < 0 || pread(fds[0], head, sizeof(head), 0) != sizeof(head))
		week_die("a staged copy cannot be read");
	d.length_bytes = (uint64_t)st.st_size;
	digest(head, d.length_bytes, d.sha256);
	us = (int64_t)(d.length_bytes * 1000000 / DIGEST_PER_S);
	say(c, us, MSG_DIGEST, &d);
	say(c, us, MSG_RESULT, &well);
	say(c, us, 0, NULL);
	return 0;
}

int child_send(struct child *c, unsigned type, const void *body, const int *fds, unsigned nfds)
{
	(void)nfds;
	return c->camera ? to_camera(c, type, body, fds) : to_verify(c, type, body, fds);
}

/* ---- hotplug ---- */

static int join(const char *path, uint32_t role, const char *name)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct proto_hello hello = { .version = PROTO_VERSION, .role = role };

	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);
	snprintf(hello.name, sizeof(hello.name), "%s", name);
	if (sock < 0 || connect(sock, (struct sockaddr *)&sa, sizeof(sa)) < 0 ||
	    msg_send(sock, MSG_HELLO, 0, 0, &hello, NULL, 0) < 0)
		return -1;
	return sock;
}

static void arrive(struct camera *cam)
{
	struct proto_arrived a = { .generation = ++cam->generation,
		.presence = PRESENCE_READY,
		.bus = 1,
		.device = (uint16_t)(cam - cameras + 2),
		.vendor = 0x1209,
		.product = 0xbcbc,
		.interfaces = 1,
		.speed_mbps = 480 };

	memcpy(a.port, cam->port, sizeof(a.port));
	memcpy(a.serial, cam->serial, sizeof(cam->serial));
	snprintf(a.model, sizeof(a.model), "vcam");
	cam->docked = true;
	cam->docked_s = virtual_s();
	if (msg_send(hotplug, MSG_ARRIVED, 0, 0, &a, NULL, 0) < 0)
		week_die("the core does not read");
}

static void leave(struct camera *cam)
{
	struct proto_port p = { .generation = cam->generation };
	struct proto_reason gone = { .code = FAULT_GONE };

	memcpy(p.port, cam->port, sizeof(p.port));
	cam->docked = false;
	if (cam->worker) {
		forget(cam->worker);
		end_fetch(cam);
		say(cam->worker, 0, MSG_FAULT, &gone);
		say(cam->worker, 0, 0, NULL);
	}
	if (msg_send(hotplug, MSG_LEFT, 0, 0, &p, NULL, 0) < 0)
		week_die("the core does not read");
}

static void open_node(const struct msg *m)
{
	struct proto_opened o = { 0 };
	struct proto_port p;
	int fd;

	memcpy(&p, m->body, sizeof(p));
	memcpy(o.port, p.port, sizeof(o.port));
	o.generation = p.generation;
	for (size_t i = 0; i < plan.cameras; i++) {
		if (strcmp(cameras[i].port, p.port) != 0)
			continue;
		fd = memfd_create("node", MFD_CLOEXEC);
		if (fd < 0 || lseek(fd, (off_t)i, SEEK_SET) != (off_t)i)
			week_die("no device node");
		o.status = cameras[i].docked ? 0 : -ENODEV;
		(void)msg_send(hotplug, MSG_OPENED, 0, 0, &o, &fd, o.status == 0 ? 1 : 0);
		close(fd);
	}
}

void dock_open(const char *socket_path)
{
	dock_socket = socket_path;
	for (size_t i = 0; i < plan.cameras; i++) {
		static const unsigned starts[] = { 7, 15, 23 };

		cameras[i].fd = -1;
		cameras[i].starts_h = starts[i % 3];
		snprintf(
		    cameras[i].port, sizeof(cameras[i].port), "1-%zu.%zu", i / 10 + 1, i % 10 + 1);
		snprintf(cameras[i].serial, sizeof(cameras[i].serial), "BWC-%02zu", i + 1);
	}
}

bool dock_turn(void)
{
	bool some = false;
	struct msg m;

	if (hotplug < 0 && dock_socket) {
		struct proto_empty none = { 0 };

		hotplug = join(dock_socket, PEER_HOTPLUG, "");
		if (hotplug < 0 || msg_send(hotplug, MSG_SYNCED, 0, 0, &none, NULL, 0) < 0)
			week_die("hotplug cannot connect");
		return true;
	}
	while (msg_recv(hotplug, &m, 0, NULL) == 1) {
		some = true;
		if (m.head.type == MSG_OPEN)
			open_node(&m);
	}
	while (sayings && sayings->at_us <= virtual_us) {
		struct saying *s = sayings;
		struct child *c = s->child;
		static struct msg said;

		sayings = s->next;
		some = true;
		if (s->type == 0) {
			const struct child_handlers *handlers = c->handlers;
			void *arg = c->arg;
			bool clean = !c->how[0];
			char how[64];

			memcpy(how, clean ? "exited 0" : c->how, clean ? 9 : sizeof(how));
			if (c->cam && c->cam->worker == c)
				c->cam->worker = NULL;
			forget(c);
			handlers->ended(arg, clean ? CHILD_DONE : CHILD_FAILED, how);
			free(c);
		} else {
			said.head = (struct proto_head){ .type = (uint16_t)s->type,
				.length = (uint32_t)proto_length(s->type) };
			memcpy(said.body, s->body, sizeof(s->body));
			if (s->type == MSG_DIGEST) {
				struct proto_digest d;
				struct clip *clip;

				memcpy(&d, s->body, sizeof(d));
				clip = clip_of(d.sha256);
				if (!clip)
					week_die("a digest of no clip that was ever recorded");
				if (!clip->checked_s)
					clip->checked_s = virtual_s() + 1;
			}
			c->handlers->message(c->arg, &said);
		}
		free(s);
	}
	return some;
}

/* ---- the day of a camera ---- */

void dock_passed(void)
{
	int64_t now_s = virtual_s(), step_s = (int64_t)plan.step_us / SECOND_US;

	for (size_t i = 0; i < plan.cameras; i++) {
		struct camera *cam = &cameras[i];
		/* seconds since its shift began last */
		int64_t in_s = ((now_s - (int64_t)cam->starts_h * HOUR_S) % DAY_S + DAY_S) % DAY_S;
		bool out = in_s < SHIFT_S + (int64_t)i * 20 || in_s >= DAY_S - EARLY_S;

		if (cam->fd >= 0)
			pulled(cam);
		if (in_s > 0 && in_s <= SHIFT_S && in_s / HOUR_S != (in_s - step_s) / HOUR_S &&
		    in_s >= HOUR_S && in_s - step_s >= 0)
			record(cam, now_s);
		if (!out && !cam->docked)
			arrive(cam);
		else if (out && cam->docked)
			leave(cam);
	}
}
