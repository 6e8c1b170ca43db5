#include "control_evidence.h"

#include "camera_key.h"
#include "control_answer.h"
#include "control_client.h"
#include "control_inner.h"
#include "index_clock.h"
#include "index_evidence.h"

#include "base/log.h"
#include "base/proto_asset.h"
#include "base/proto_key.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define REPORTS_PAGE 4

/* ---- what people see ---- */

static void add(char *text, size_t room, const char *what)
{
	size_t used = strlen(text);

	if (what[0])
		snprintf(text + used, room - used, "%s%s", used ? "; " : "", what);
}

void control_needs(const struct control *c, char *text, size_t room)
{
	uint64_t wrong = 0;
	char some[128];

	add(text, room, judge_trouble(c->p.judge));
	add(text, room, inquiry_trouble(c->p.inquiry));
	if (index_signatures_wrong(control_index(c), &wrong) == 0 && wrong > 0) {
		snprintf(some, sizeof(some),
		    "%" PRIu64 " files whose signature does not hold: dockctl queue --all", wrong);
		add(text, room, some);
	}
}

static void add_findings(const struct control *c, uint64_t docking, uint64_t asset, char *text,
    size_t room, const char *more)
{
	static struct finding page[FINDINGS_MAX];
	int n = index_findings(control_index(c), docking, asset, page, FINDINGS_MAX);
	char some[PROTO_TEXT_LEN * 3];

	if (n <= 0)
		return;
	snprintf(some, sizeof(some), "finding %s: %.160s", page[0].code, page[0].text);
	add(text, room, some);
	if (n > 1) {
		snprintf(some, sizeof(some), "%d further findings: %s", n - 1, more);
		add(text, room, some);
	}
}

void control_bay_findings(const struct control *c, uint64_t docking, char *text, size_t room)
{
	char more[64];

	snprintf(more, sizeof(more), "dockctl report %" PRIu64, docking);
	if (docking)
		add_findings(c, docking, 0, text, room, more);
}

void control_asset_findings(const struct control *c, uint64_t asset, char *text, size_t room)
{
	add_findings(c, 0, asset, text, room, "see the report of its docking");
}

/* ---- findings ---- */

static bool has_reason(const struct client *k)
{
	return k->ask.reason[strspn(k->ask.reason, " \t")] != '\0';
}

/* What went ahead is right: what is due by it may go, after a mark and its day. */
static int settle_clock(struct client *k)
{
	struct control *c = k->control;
	int64_t doubt_s = index_clock_doubt_s(control_index(c));
	struct record r;

	if (!doubt_s)
		return client_end(k, -ENOENT, 0, "the station's clock is not in doubt");
	record_begin(&r, "clock-vouched");
	record_number(&r, "ahead-s", doubt_s);
	record_text(&r, "reason", k->ask.reason);
	record_number(&r, "uid", k->uid);
	journal_write(c->p.journal, &r);
	if (journal_commit(c->p.journal) < 0)
		return client_end(k, -EIO, 0, "it cannot be put on record");
	retention_changed(c->p.retention);
	log_info("clock-vouched", "uid=%u ahead-s=%" PRId64, (unsigned)k->uid, doubt_s);
	return client_end(k, 0, 0, "");
}

int control_settle(struct client *k)
{
	struct control *c = k->control;
	static struct finding one;
	struct record r;

	if (!has_reason(k))
		return client_end(k, -EINVAL, 0, "a reason is needed");
	if (!k->ask.number && strcmp(k->ask.text, "clock") == 0)
		return settle_clock(k);
	if (index_findings(control_index(c), k->ask.number, 0, &one, 1) <= 0)
		return client_end(k, -ENOENT, 0, "that docking has no open finding");
	record_begin(&r, "settled");
	record_number(&r, "docking", (int64_t)k->ask.number);
	record_text(&r, "reason", k->ask.reason);
	record_number(&r, "uid", k->uid);
	journal_write(c->p.journal, &r);
	if (journal_commit(c->p.journal) < 0)
		return client_end(k, -EIO, 0, "it cannot be put on record");
	log_info("settled", "uid=%u docking=%" PRIu64, (unsigned)k->uid, k->ask.number);
	return client_end(k, 0, 0, "");
}

/* ---- keys ---- */

static const char *wrong_camera(const struct client *k)
{
	size_t n = strlen(k->ask.text);

	if (n == 0)
		return "name the camera by its serial number";
	return n < PROTO_TEXT_LEN ? NULL : "that serial number is too long";
}

static void begin(struct record *r, const char *type, const struct client *k)
{
	record_begin(r, type);
	record_text(r, "camera", k->ask.text);
	record_number(r, "uid", k->uid);
	record_text(r, "reason", k->ask.reason);
}

/* A key that is there in the same scheme and not revoked. */
static bool has_key(struct client *k, const char *fingerprint)
{
	static struct camera_key page[CONTROL_PAGE];
	uint64_t at = 0;
	int n;

	do {
		n = index_keys(control_index(k->control), k->ask.text, at, page, CONTROL_PAGE);
		for (int i = 0; i < n; i++) {
			if (strcmp(page[i].fingerprint, fingerprint) == 0 && !page[i].revoked_s &&
			    page[i].scheme == k->ask.scheme)
				return true;
		}
		at += CONTROL_PAGE;
	} while (n == CONTROL_PAGE);
	return false;
}

int control_enroll(struct client *k)
{
	char fingerprint[PROTO_ID_LEN];
	enum signing_scheme scheme = (enum signing_scheme)k->ask.scheme;
	const char *wrong = wrong_camera(k);
	struct record r;
	int err;

	if (wrong || !has_reason(k))
		return client_end(k, -EINVAL, 0, wrong ? wrong : "a reason is needed");
	if (scheme < SCHEME_ECDSA || scheme > SCHEME_MANIFEST)
		return client_end(k, -EINVAL, 0, "keys are for ecdsa, ed25519 and manifest");
	err = camera_key_check(k->ask.value, scheme, fingerprint);
	if (err < 0)
		return client_end(k, -EINVAL, 0,
		    err == -EKEYREJECTED ? "that key is not of the kind that the scheme needs" :
					   "that is not a public key (SubjectPublicKeyInfo)");
	if (has_key(k, fingerprint))
		return client_end(k, 0, 0, "it was enrolled already");
	begin(&r, "enrolled", k);
	record_text(&r, "scheme", scheme_word(scheme));
	record_text(&r, "fingerprint", fingerprint);
	record_text(&r, "key", k->ask.value);
	journal_write(k->control->p.journal, &r);
	if (journal_commit(k->control->p.journal) < 0)
		return client_end(k, -EIO, 0, "it cannot be put on record");
	judge_retry(k->control->p.judge);
	log_info("key-enrolled", "uid=%u camera=\"%s\" scheme=%s fingerprint=%s", (unsigned)k->uid,
	    log_text(k->ask.text), scheme_word(scheme), fingerprint);
	return client_end(k, 0, 0, fingerprint);
}

/* Those of a page that are meant and in force: a record each. Count. */
static unsigned revoke_page(struct client *k, const struct camera_key *page, int n)
{
	unsigned done = 0;
	struct record r;

	for (int i = 0; i < n; i++) {
		if (page[i].revoked_s ||
		    (k->ask.value[0] && strcmp(page[i].fingerprint, k->ask.value) != 0))
			continue;
		begin(&r, "revoked", k);
		record_text(&r, "fingerprint", page[i].fingerprint);
		journal_write(k->control->p.journal, &r);
		log_info("key-revoked", "uid=%u camera=\"%s\" fingerprint=%s", (unsigned)k->uid,
		    log_text(k->ask.text), page[i].fingerprint);
		done++;
	}
	return done;
}

int control_revoke(struct client *k)
{
	static struct camera_key page[CONTROL_PAGE];
	const char *wrong = wrong_camera(k);
	uint64_t at = 0;
	unsigned done = 0;
	char text[96];
	int n;

	if (wrong || !has_reason(k))
		return client_end(k, -EINVAL, 0, wrong ? wrong : "a reason is needed");
	do {
		n = index_keys(control_index(k->control), k->ask.text, at, page, CONTROL_PAGE);
		done += revoke_page(k, page, n);
		at += CONTROL_PAGE;
	} while (n == CONTROL_PAGE);
	if (done == 0)
		return client_end(k, -ENOENT, 0, "no such key of that camera is in force");
	if (journal_commit(k->control->p.journal) < 0)
		return client_end(k, -EIO, 0, "it cannot be put on record");
	snprintf(text, sizeof(text), "%u %s revoked: from now on what %s sign%s proves nothing",
	    done, done == 1 ? "key is" : "keys are", done == 1 ? "it" : "they",
	    done == 1 ? "s" : "");
	return client_end(k, 0, 0, text);
}

int control_keys(struct client *k)
{
	static struct camera_key page[CONTROL_PAGE];
	int n =
	    index_keys(control_index(k->control), k->ask.text, k->ask.cursor, page, CONTROL_PAGE);

	if (n < 0)
		return client_end(k, n, 0, "the index cannot be read");
	for (int i = 0; i < n; i++) {
		struct proto_ctl_key row = {
			.scheme = page[i].scheme,
			.revoked = page[i].revoked_s != 0,
			.uid = page[i].uid,
			.enrolled_s = page[i].enrolled_s,
			.revoked_s = page[i].revoked_s,
		};
		int r;

		memcpy(row.camera, page[i].camera, sizeof(row.camera));
		memcpy(row.fingerprint, page[i].fingerprint, sizeof(row.fingerprint));
		r = client_send(k, MSG_KEY, &row, -1);
		if (r < 0)
			return r;
	}
	return client_end(k, 0, n == CONTROL_PAGE ? k->ask.cursor + CONTROL_PAGE : 0, "");
}

/* ---- reports ---- */

int control_reports(struct client *k)
{
	static struct asset page[REPORTS_PAGE];
	static struct proto_ctl_asset row;
	struct control *c = k->control;
	struct report_wish w = {
		.camera = k->ask.text,
		.docking = k->ask.number,
		.from_s = k->ask.from_s == PROTO_NO_TIME ? 0 : k->ask.from_s,
		.until_s = k->ask.until_s == PROTO_NO_TIME ? INT64_MAX : k->ask.until_s,
	};
	int n = index_reports(control_index(c), &w, k->ask.cursor, page, REPORTS_PAGE);
	struct record r;

	if (n < 0)
		return client_end(k, n, 0, "the index cannot be read");
	for (int i = 0; i < n; i++) {
		record_begin(&r, "shown");
		record_number(&r, "asset", (int64_t)page[i].number);
		record_number(&r, "uid", k->uid);
		record_text(&r, "what", "report");
		journal_write(c->p.journal, &r);
	}
	if (n > 0 && journal_commit(c->p.journal) < 0)
		return client_end(k, -EIO, 0, "the showing cannot be put on record");
	for (int i = 0; i < n; i++) {
		uint64_t root = page[i].merged_into ? page[i].merged_into : page[i].number;
		int fd = staging_read(c->p.staging, root), err;

		control_fill_asset(c, &page[i], &row);
		err = client_send(k, MSG_ASSET, &row, fd);
		if (fd >= 0)
			close(fd);
		if (err < 0)
			return err;
	}
	if (n > 0)
		log_info("reports-shown", "uid=%u reports=%d", (unsigned)k->uid, n);
	return client_end(k, 0, n == REPORTS_PAGE ? page[n - 1].number : 0, "");
}
