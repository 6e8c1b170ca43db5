/*
 * ctl_camera: `dockctl camera`: which keys sign for which camera.
 *
 * Called by ctl.c. The file with the key is read here, and its one form goes to the daemon.
 */
#include "asset.h"
#include "camera_key.h"
#include "ctl.h"
#include "ctl_command.h"
#include "ctl_json.h"

#include "base/proto_ctl.h"
#include "base/proto_key.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>
#include <time.h>

#define FILE_MAX 65536

static int read_key(const char *path, enum signing_scheme scheme, char out[CAMERA_KEY_LEN])
{
	static char text[FILE_MAX];
	FILE *in = fopen(path, "re");
	size_t len;
	int err;

	if (!in) {
		return ctl_fail(CTL_FAILED, "%s: %s", path, strerror(errno));
	}
	len = fread(text, 1, sizeof(text), in);
	err = ferror(in) ? -EIO : camera_key_read(text, len, scheme, out);
	fclose(in);
	if (err == -EKEYREJECTED)
		ctl_fail(CTL_FAILED,
		    "%s: not a key for %s: ecdsa takes P-256 or P-384, ed25519 and "
		    "manifest take Ed25519",
		    path, scheme_word(scheme));
	else if (err < 0)
		ctl_fail(CTL_FAILED,
		    "%s: no public key in it: PEM (PUBLIC KEY or CERTIFICATE), or base64 "
		    "of SubjectPublicKeyInfo",
		    path);
	return err < 0 ? CTL_FAILED : CTL_OK;
}

/* The serial number and the reason, which both commands need: NULL, or what is wrong. */
static const char *read_words(const struct ctl *c, struct proto_ask *q)
{
	const char *reason = ctl_option(c, OPTION_REASON);

	if (!reason || !reason[strspn(reason, " \t")])
		return "--reason says why; it is written down";
	if (strlen(reason) >= sizeof(q->reason))
		return "the reason is too long";
	if (!c->args[1][0] || strlen(c->args[1]) >= PROTO_TEXT_LEN)
		return "camera takes the serial number of a camera";
	snprintf(q->reason, sizeof(q->reason), "%s", reason);
	snprintf(q->text, sizeof(q->text), "%s", c->args[1]);
	return NULL;
}

static int change(struct ctl *c, const struct proto_ask *q)
{
	struct proto_ctl_end end;
	int err = ctl_ask(c, q, CTL_PATIENCE_MS, NULL, &end);

	if (err || end.status)
		return ctl_complain(err, &end);
	return ctl_done("%s", end.text);
}

static int enroll(struct ctl *c)
{
	struct proto_ask q = { .ask = ASK_ENROLL };
	const char *word = ctl_option(c, OPTION_SCHEME), *wrong;
	enum signing_scheme scheme = SCHEME_NONE;
	int code;

	if (c->args_n != 3)
		return ctl_usage("camera enroll takes a serial number and a file with a key");
	if (!word || scheme_of_word(word, &scheme) < 0 || scheme < SCHEME_ECDSA)
		return ctl_usage("--scheme is one of ecdsa ed25519 manifest");
	wrong = read_words(c, &q);
	if (wrong)
		return ctl_usage(wrong);
	q.scheme = scheme;
	code = read_key(c->args[2], scheme, q.value);
	return code == CTL_OK ? change(c, &q) : code;
}

static int revoke(struct ctl *c)
{
	struct proto_ask q = { .ask = ASK_REVOKE };
	const char *wrong;

	if (c->args_n != 2 && c->args_n != 3)
		return ctl_usage("camera revoke takes a serial number, and a fingerprint");
	wrong = read_words(c, &q);
	if (wrong)
		return ctl_usage(wrong);
	if (c->args_n == 3 && strlen(c->args[2]) != 64)
		return ctl_usage("a fingerprint is 64 digits, as camera keys shows it");
	if (c->args_n == 3)
		snprintf(q.value, sizeof(q.value), "%s", c->args[2]);
	return change(c, &q);
}

static const char *day(int64_t s, char out[32])
{
	time_t t = (time_t)s;
	struct tm tm;

	if (s <= 0 || !gmtime_r(&t, &tm) || !strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm))
		snprintf(out, 32, "-");
	return out;
}

static int part_key(void *context, struct msg *m)
{
	struct ctl *c = context;
	struct proto_ctl_key k;
	char clean[TEXT_ESCAPED(sizeof(k.camera))], from[32], until[32];
	const char *scheme;

	if (m->head.type != MSG_KEY)
		return -EPROTO;
	memcpy(&k, m->body, sizeof(k));
	scheme = scheme_word((enum signing_scheme)k.scheme);
	if (c->json) {
		json_array_append_new(c->object,
		    json_pack("{sssssssIsIsbsI}", "camera",
			text_clean(k.camera, false, clean, sizeof(clean)), "fingerprint",
			k.fingerprint, "scheme", scheme, "enrolled_s", (json_int_t)k.enrolled_s,
			"revoked_s", (json_int_t)k.revoked_s, "revoked", (int)k.revoked, "uid",
			(json_int_t)k.uid));
		return 0;
	}
	if (c->shown++ == 0)
		printf("%-24s %-8s %-20s %-20s %s\n", "CAMERA", "SCHEME", "ENROLLED", "REVOKED",
		    "FINGERPRINT");
	printf("%-24s %-8s %-20s %-20s %s\n", text_clean(k.camera, true, clean, sizeof(clean)),
	    scheme, day(k.enrolled_s, from), day(k.revoked_s, until), k.fingerprint);
	return 0;
}

static int keys(struct ctl *c)
{
	struct proto_ask q = { .ask = ASK_KEYS };
	struct proto_ctl_end end;
	json_t *all;
	int err;

	if (c->args_n > 2 || (c->args_n == 2 && strlen(c->args[1]) >= PROTO_TEXT_LEN))
		return ctl_usage("camera keys takes a serial number at most");
	if (c->args_n == 2)
		snprintf(q.text, sizeof(q.text), "%s", c->args[1]);
	c->object = c->json ? json_array() : NULL;
	err = ctl_ask(c, &q, CTL_PATIENCE_MS, part_key, &end);
	all = c->object;
	c->object = NULL;
	if (!err && !end.status && c->json)
		return json_line(stdout, json_pack("{so}", "keys", all)) ? CTL_OK : CTL_FAILED;
	json_decref(all);
	if (!err && !end.status && c->shown == 0)
		puts("no key is enrolled");
	return ctl_complain(err, &end);
}

/* "OFFICER\nUNIT", as the daemon takes it. */
static int assign(struct ctl *c)
{
	struct proto_ask q = { .ask = ASK_ASSIGN };
	const char *officer = ctl_option(c, OPTION_OFFICER), *unit = ctl_option(c, OPTION_UNIT);
	const char *wrong;

	if (c->args_n != 2 || (!officer && !unit))
		return ctl_usage(
		    "camera assign takes a serial number, and --officer, --unit or both");
	wrong = read_words(c, &q);
	if (wrong)
		return ctl_usage(wrong);
	officer = officer ? officer : "";
	unit = unit ? unit : "";
	if (strlen(officer) >= PROTO_ID_TEXT_LEN || strlen(unit) >= PROTO_ID_TEXT_LEN)
		return ctl_usage("an id has up to 39 characters");
	snprintf(q.value, sizeof(q.value), "%s\n%s", officer, unit);
	return change(c, &q);
}

int camera_run(struct ctl *c)
{
	const char *what = c->args_n > 0 ? c->args[0] : "";

	if (strcmp(what, "enroll") == 0)
		return enroll(c);
	if (strcmp(what, "revoke") == 0)
		return revoke(c);
	if (strcmp(what, "keys") == 0)
		return keys(c);
	if (strcmp(what, "assign") == 0)
		return assign(c);
	if (strcmp(what, "probe") == 0)
		return probe_run(c);
	if (strcmp(what, "list") == 0)
		return known_run(c);
	if (strcmp(what, "forget") == 0)
		return forget_run(c);
	return ctl_usage("camera takes enroll, revoke, keys, assign, list, forget or probe");
}
