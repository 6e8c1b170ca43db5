/*
 * ptp_fetch: pulls one object into the staging file.
 *
 * Part of the PTP driver. In windows by GetPartialObject64 or GetPartialObject, else whole by
 * GetObject. Bytes count as valid only once the response to their window was PTP_OK; what the file
 * held before is compared at its head and before the offset, or all of it where only GetObject
 * exists. Never writes at or beyond the size that was asked for.
 */
#include "../part.h"
#include "ptp_camera.h"

#include "../../dockd/base/log.h"
#include "../../dockd/base/proto_object.h"

#include <errno.h>
#include <stdio.h>

#define LONG_BYTES (1u << 20) /* from here on it is worth to ask for large buffers */

enum way { WAY_WHOLE, WAY_PARTIAL, WAY_PARTIAL64 };

struct pull {
	struct camera *camera;
	const struct proto_fetch *asked;
	struct part part;
	struct proto_fetched *out;
	struct ptp_object object; /* as it was when the pull began */
	enum way way;
	unsigned failures; /* of the window at hand */
	bool over;         /* out->result is decided */
};

static void decide(struct pull *p, enum fetch_result result, const char *text)
{
	p->over = true;
	p->out->result = result;
	snprintf(p->out->text, sizeof(p->out->text), "%s", text);
}

static void decide_code(struct pull *p, enum fetch_result result, uint16_t code)
{
	char text[48];

	snprintf(text, sizeof(text), "the camera answers 0x%04x", code);
	decide(p, result, text);
}

/* The staging file failed. Returns its -errno. */
static int disk_failed(struct pull *p)
{
	decide(p, FETCH_DISK, p->part.doing);
	p->out->status = p->part.error;
	return p->part.error;
}

/* ---- one window ---- */

/* What a window is for: pieces are compared below `compare_to` and written from there on. */
struct window {
	uint64_t offset, len;
	uint64_t compare_to;
	uint64_t got;
};

static int begin(struct pull *p, const struct window *w)
{
	struct session *s = &p->camera->session;
	uint32_t handle = (uint32_t)p->asked->handle;

	if (p->way == WAY_PARTIAL64) {
		const uint32_t params[] = { handle, (uint32_t)w->offset,
			(uint32_t)(w->offset >> 32), (uint32_t)w->len };

		return session_begin(s, PTP_GET_PARTIAL64, params, 4, w->len, true);
	}
	if (p->way == WAY_PARTIAL) {
		const uint32_t params[] = { handle, (uint32_t)w->offset, (uint32_t)w->len };

		return session_begin(s, PTP_GET_PARTIAL, params, 3, w->len, true);
	}
	return session_begin(s, PTP_GET_OBJECT, &handle, 1, w->len, true);
}

/* Compares and writes one piece that lies at `at`. 0, or -errno (decided). */
static int take(
    struct pull *p, const struct window *w, const uint8_t *bytes, size_t len, uint64_t at)
{
	if (at < w->compare_to) {
		uint64_t due = w->compare_to - at;
		size_t n = len < due ? len : (size_t)due;
		int r = part_compare(&p->part, at, bytes, n);

		if (r == -EILSEQ) {
			decide(p, FETCH_MISMATCH, "the file holds other bytes than the camera");
			return -EIO;
		}
		if (r < 0)
			return disk_failed(p);
		bytes += n;
		len -= n;
		at += n;
	}
	if (at >= p->asked->size_bytes)
		return 0;
	if (len > p->asked->size_bytes - at)
		len = (size_t)(p->asked->size_bytes - at);
	return part_write(&p->part, at, bytes, len) < 0 ? disk_failed(p) : 0;
}

/*
 * Runs one window. 0: the transaction is over in step, its response in the session; -errno: the
 * session's, or -ECANCELED: broken off because the pull is over.
 */
static int run_window(struct pull *p, struct window *w)
{
	struct session *s = &p->camera->session;
	uint64_t look_at = p->camera->attach.window_bytes;
	const uint8_t *bytes;
	size_t len;
	int r = begin(p, w);

	w->got = 0;
	if (r < 0)
		return r;
	while ((r = session_read(s, &bytes, &len)) > 0) {
		p->out->read_bytes += len;
		/* Over already: a window is read to its end, which every camera stands. */
		if (!p->over && take(p, w, bytes, len, w->offset + w->got) < 0 &&
		    p->way == WAY_WHOLE)
			return -ECANCELED;
		w->got += len;
		if (w->got < look_at)
			continue;
		look_at += p->camera->attach.window_bytes;
		if (!p->over && w->got < w->len && camera_stopping()) {
			decide(p, FETCH_STOPPED, "stopped");
			/* Unproved by a response; but the next GetObject is compared all along. */
			if (w->got > p->part.valid_bytes)
				p->part.valid_bytes = w->got;
			return -ECANCELED;
		}
	}
	return r;
}

/* Asks what became of the object. 0 (decided if it changed or is gone) or -errno. */
static int look_again(struct pull *p)
{
	struct ptp_object now;
	uint16_t code;
	int r = ptp_object_info(p->camera, (uint32_t)p->asked->handle, &now, &code);

	if (r < 0)
		return r;
	if (code != PTP_OK) {
		if (code == PTP_INVALID_HANDLE)
			decide(p, FETCH_GONE, "the camera no longer has it");
		else
			decide_code(p, FETCH_REFUSED, code);
		return 0;
	}
	if (p->asked->snapshot && now.size_bytes >= p->asked->size_bytes)
		return 0;
	if (now.size_bytes != p->asked->size_bytes || now.mtime_s != p->asked->mtime_s) {
		decide(p, FETCH_CHANGED,
		    now.size_bytes != p->asked->size_bytes ? "its size is another one now" :
							     "its time is another one now");
		p->out->now_size_bytes = now.size_bytes;
	}
	return 0;
}

/* The camera answered a window with something but OK. 0 (decided, or to be tried again) or -errno. */
static int refused(struct pull *p, uint16_t code)
{
	if ((code == PTP_OPERATION_NOT_SUPPORTED || code == PTP_PARAMETER_NOT_SUPPORTED) &&
	    p->way != WAY_WHOLE && p->part.valid_bytes == p->asked->offset_bytes) {
		struct camera *c = p->camera;

		if (p->way == WAY_PARTIAL64)
			c->partial64 = false;
		else
			c->partial = false;
		p->way = c->partial && p->object.size_bytes < UINT32_MAX ? WAY_PARTIAL : WAY_WHOLE;
		log_warn("camera-no-partial-reads", "code=0x%04x", code);
		return 0;
	}
	if (code == PTP_INVALID_HANDLE) {
		decide(p, FETCH_GONE, "the camera no longer has it");
		return 0;
	}
	if (++p->failures < SESSION_TRIES)
		return look_again(p);
	if (code == PTP_INCOMPLETE_TRANSFER)
		decide_code(p, FETCH_SHORT, code);
	else
		decide_code(p, FETCH_REFUSED, code);
	return 0;
}

/* A window that did not end well; r is what run_window gave. 0: decided or try again; -errno. */
static int mend(struct pull *p, const struct window *w, int r)
{
	struct session *s = &p->camera->session;
	const char *wrong = s->wrong;
	int mended;

	if (r == -ENODEV || r == -ENOMEM)
		return r;
	if (r != -ECANCELED)
		log_warn("camera-window", "offset=%llu len=%llu got=%llu status=%d wrong=\"%s\"",
		    (unsigned long long)w->offset, (unsigned long long)w->len,
		    (unsigned long long)w->got, r, wrong);
	mended = session_recover(s, r);
	if (mended < 0)
		return mended;
	if (p->over)
		return 0;
	if (s->renewed)
		return -ESTALE;
	r = look_again(p);
	if (r < 0 || p->over)
		return r;
	if (++p->failures >= SESSION_TRIES)
		decide(p, FETCH_SHORT, *wrong ? wrong : "the camera broke off again and again");
	return 0;
}

/*
 * Runs a window until it is good, or the pull is over, or -errno. After it, w->got bytes from
 * w->offset on are the camera's own.
 */
static int window(struct pull *p, struct window *w)
{
	struct session *s = &p->camera->session;
	enum way way = p->way;

	p->failures = 0;
	while (!p->over && p->way == way) {
		int r = run_window(p, w);
		bool suspect = r == 0 || r == -EPROTO || r == -EOVERFLOW;

		if (r == 0 && p->over)
			return 0;
		if (r == 0 && s->reply.code == PTP_OK && !s->reply.short_data &&
		    (w->got > 0 || w->len == 0) &&
		    (s->reply.param_count == 0 || s->reply.params[0] == 0 || way == WAY_WHOLE ||
			s->reply.params[0] == w->got))
			return 0;
		if (r == 0 && s->reply.code != PTP_OK) {
			r = refused(p, s->reply.code);
		} else if (r == 0) {
			r = look_again(p);
			if (r == 0 && !p->over && ++p->failures >= SESSION_TRIES)
				decide(p, FETCH_SHORT, "fewer bytes than the camera told");
		} else {
			r = mend(p, w, r);
		}
		/* Where contact is lost, what had come is kept: the next pull compares it. */
		if (suspect || r == 0)
			part_cut(&p->part);
		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- the pull ---- */

/* Compares the file's head and what lies before the offset with the camera. */
static int compare_overlap(struct pull *p)
{
	uint64_t offset = p->asked->offset_bytes;
	uint64_t head = offset < PART_CHECK_BYTES ? offset : PART_CHECK_BYTES;
	uint64_t tail = offset - head < PART_CHECK_BYTES ? offset - head : PART_CHECK_BYTES;
	struct window windows[] = {
		{ .offset = 0, .len = head, .compare_to = head },
		{ .offset = offset - tail, .len = tail, .compare_to = offset },
	};

	for (size_t i = 0; i < 2; i++) {
		struct window *w = &windows[i];
		uint64_t end = w->offset + w->len;
		enum way way = p->way;

		while (w->offset < end) {
			int r;

			w->len = end - w->offset;
			r = window(p, w);
			if (r < 0 || p->over || p->way != way)
				return r;
			w->offset += w->got;
		}
	}
	return 0;
}

static int pull_whole(struct pull *p)
{
	struct window w = { .len = p->object.size_bytes, .compare_to = p->asked->offset_bytes };
	int r;

	p->part.valid_bytes = p->asked->offset_bytes;
	r = window(p, &w);
	if (r < 0 || p->over)
		return r;
	if (w.got < p->asked->size_bytes) {
		r = look_again(p);
		if (r == 0 && !p->over)
			decide(p, FETCH_SHORT, "fewer bytes than the camera told");
		return r;
	}
	p->part.valid_bytes = p->asked->size_bytes;
	return 0;
}

/* How much the next window may bring. */
static uint64_t window_len(const struct pull *p)
{
	uint64_t left = p->asked->size_bytes - p->part.valid_bytes;
	const struct session *s = &p->camera->session;

	if (left > p->camera->attach.window_bytes)
		return p->camera->attach.window_bytes;
	/* Samsung hangs where the last window ends on a packet (libmtp, SAMSUNG_OFFSET_BUG). */
	if ((p->camera->attach.quirks & QUIRK_OFFSET_BUG) && left > 1 &&
	    (left + PTP_HEAD_BYTES) % s->usb.in_packet_bytes == 0)
		return left - 1;
	return left;
}

static int pull_windows(struct pull *p)
{
	enum way way = p->way;

	while (!p->over && p->way == way && p->part.valid_bytes < p->asked->size_bytes) {
		uint64_t from = p->part.valid_bytes;
		struct window w = { .offset = from, .len = window_len(p), .compare_to = 0 };
		int r = window(p, &w);

		if (r < 0 || p->over || p->way != way)
			return r;
		if (part_valid(&p->part, from + w.got) < 0) {
			disk_failed(p);
			return 0;
		}
		if (p->part.valid_bytes < p->asked->size_bytes && camera_stopping())
			decide(p, FETCH_STOPPED, "stopped");
	}
	return 0;
}

/* Looks at object and file before the first byte. 0 (decided where it cannot go on) or -errno. */
static int prepare(struct pull *p)
{
	struct camera *c = p->camera;
	uint16_t code;
	int r = ptp_object_info(c, (uint32_t)p->asked->handle, &p->object, &code);

	if (r < 0)
		return r;
	if (code != PTP_OK) {
		if (code == PTP_INVALID_HANDLE)
			decide(p, FETCH_GONE, "the camera no longer has it");
		else
			decide_code(p, FETCH_REFUSED, code);
		return 0;
	}
	if (p->object.size_bytes != p->asked->size_bytes ||
	    p->object.mtime_s != p->asked->mtime_s) {
		if (!p->asked->snapshot || p->object.size_bytes < p->asked->size_bytes) {
			c->prop_list =
			    false; /* should it have told something else: not next time */
			decide(p, FETCH_CHANGED, "not as it was listed");
			p->out->now_size_bytes = p->object.size_bytes;
			return 0;
		}
	}
	r = part_reaches(&p->part);
	if (r < 0) {
		disk_failed(p);
		return 0;
	}
	if (p->asked->offset_bytes > p->asked->size_bytes || r == 0) {
		decide(p, FETCH_MISMATCH, "the file does not reach to the offset");
		return 0;
	}
	if (c->partial64)
		p->way = WAY_PARTIAL64;
	else if (c->partial && p->object.size_bytes < UINT32_MAX)
		p->way = WAY_PARTIAL;
	return 0;
}

static int pull(struct pull *p)
{
	for (;;) {
		enum way way = p->way;
		int r;

		p->part.valid_bytes = p->asked->offset_bytes;
		if (way == WAY_WHOLE) {
			r = pull_whole(p);
		} else {
			r = compare_overlap(p);
			if (r == 0 && !p->over && p->way == way)
				r = pull_windows(p);
		}
		if (r < 0 || p->over || p->way == way)
			return r;
	}
}

int ptp_fetch(struct camera *c, const struct proto_fetch *fetch, int file,
    struct proto_fetched *out, struct proto_reason *why)
{
	struct pull p = { .camera = c, .asked = fetch, .out = out };
	bool is_long = fetch->size_bytes >= LONG_BYTES;
	int r;

	memset(out, 0, sizeof(*out));
	part_begin(&p.part, file, fetch->offset_bytes);
	r = c->session.renewed ? -ESTALE : prepare(&p);
	if (r == 0 && !p.over && is_long)
		r = session_widen(&c->session, SESSION_READ_BYTES);
	if (r == 0 && !p.over && fetch->size_bytes > 0)
		r = pull(&p);
	if (r == 0 && is_long)
		r = session_widen(&c->session, SESSION_SMALL_BYTES);
	if (out->result != FETCH_DISK && out->result != FETCH_MISMATCH && part_durable(&p.part) < 0)
		disk_failed(&p);
	if (r == 0 && !p.over)
		r = look_again(&p);
	out->length_bytes = p.part.valid_bytes;
	if (r < 0)
		return ptp_fault(c, r, "fetch", why);
	if (!p.over)
		decide(&p, FETCH_DONE, "");
	return 0;
}
