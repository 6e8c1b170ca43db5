/*
 * ctl_order: preserve, lift, orders, due, review, settle, dispose.
 *
 * Called by ctl. What it prints of a copy is what dockd said of it; where one is not preserved, it
 * exits with CTL_NOT_PRESERVED, so that a script does not take an order for done.
 */
#include "ctl.h"
#include "ctl_command.h"
#include "ctl_json.h"
#include "ctl_time.h"
#include "order.h"

#include "base/proto_ctl.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <string.h>
#include <time.h>

#define DISPOSE_PATIENCE_MS (CTL_PATIENCE_MS + 60000)

/* What came of an answer, beside what struct ctl keeps. */
static struct {
	bool not_preserved;
	uint64_t kept;
} seen;

static const char *clean(const char *text)
{
	static char out[TEXT_ESCAPED(PROTO_PATH_LEN)];

	return text_clean(text, true, out, sizeof(out));
}

static json_t *json_text(const char *text)
{
	static char out[TEXT_ESCAPED(PROTO_PATH_LEN)];

	return json_string(text_clean(text, false, out, sizeof(out)));
}

static json_t *json_utc(int64_t seconds)
{
	time_t t = (time_t)seconds;
	char out[32];
	struct tm tm;

	if (seconds == PROTO_NO_TIME || seconds == 0 || !gmtime_r(&t, &tm) ||
	    strftime(out, sizeof(out), "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		return json_null();
	return json_string(out);
}

static const char *copy_word(unsigned state)
{
	static const char *const words[] = {
		[COPY_PRESERVED] = "preserved",
		[COPY_CONFIRMED] = "confirmed",
		[COPY_NOT_PRESERVED] = "NOT-PRESERVED",
		[COPY_GONE] = "none",
		[COPY_DISPOSED] = "disposed",
		[COPY_KEPT] = "kept",
	};

	return state >= COPY_PRESERVED && state <= COPY_KEPT ? words[state] : "?";
}

/* ---- parts of answers ---- */

static void put_order(const struct proto_ctl_order *o)
{
	char a[80], b[80];

	printf("order %" PRIu64 ": %s%s%s%s\n", o->number,
	    order_scope_word((enum order_scope)o->scope), o->value[0] ? " " : "", clean(o->value),
	    o->lifted ? " (lifted)" : "");
	if (o->scope == ORDER_PERIOD)
		printf("  from    %s\n  until   %s\n", time_both(o->from_s, a, sizeof(a)),
		    time_both(o->until_s, b, sizeof(b)));
	printf("  given   %s by user %" PRIu32 "\n", time_both(o->given_s, a, sizeof(a)), o->uid);
	printf("  reason  %s\n", clean(o->reason));
	printf("  covers  %" PRIu64 " files here now, and what arrives later\n", o->assets);
}

static json_t *order_json(const struct proto_ctl_order *o)
{
	return json_pack("{sI ss so so so so so sI sI sb}", "order", (json_int_t)o->number, "scope",
	    order_scope_word((enum order_scope)o->scope), "value", json_text(o->value), "from",
	    json_utc(o->from_s), "until", json_utc(o->until_s), "given", json_utc(o->given_s),
	    "reason", json_text(o->reason), "uid", (json_int_t)o->uid, "assets",
	    (json_int_t)o->assets, "lifted", o->lifted != 0);
}

static void put_copy(const struct proto_ctl_copy *row)
{
	char number[24];

	snprintf(number, sizeof(number), "%" PRIu64, row->number);
	printf("%-8s %-14s %-16s ", row->number ? number : "-", copy_word(row->state),
	    clean(row->where));
	printf("%s\n", clean(row->text));
}

static json_t *copy_json(const struct proto_ctl_copy *row)
{
	return json_pack("{sI ss so so}", "number", (json_int_t)row->number, "state",
	    copy_word(row->state), "where", json_text(row->where), "text", json_text(row->text));
}

/* ORDER and COPY; the JSON object is {order..., copies: []}. */
static int part_copies(void *context, struct msg *m)
{
	struct ctl *c = context;
	struct proto_ctl_order o;
	struct proto_ctl_copy row;

	if (m->head.type == MSG_ORDER && c->shown == 0) {
		memcpy(&o, m->body, sizeof(o));
		if (c->json)
			json_object_set_new(c->object, "order", order_json(&o));
		else
			put_order(&o);
		return 0;
	}
	if (m->head.type != MSG_COPY)
		return -EPROTO;
	memcpy(&row, m->body, sizeof(row));
	seen.not_preserved |= row.state == COPY_NOT_PRESERVED;
	seen.kept += row.state == COPY_KEPT;
	if (c->json) {
		json_array_append_new(json_object_get(c->object, "copies"), copy_json(&row));
	} else {
		if (c->shown == 0)
			printf("%-8s %-14s %-16s %s\n", "NUMBER", "COPY", "WHERE", "REMARK");
		put_copy(&row);
	}
	c->shown++;
	return 0;
}

static int ask_copies(struct ctl *c, const struct proto_ask *question, int patience_ms)
{
	struct proto_ctl_end end;
	int err, code;

	c->object = c->json ? json_pack("{s[]}", "copies") : NULL;
	err = ctl_ask(c, question, patience_ms, part_copies, &end);
	code = ctl_complain(err, &end);
	if (code == CTL_OK && c->json && !json_line(stdout, json_incref(c->object)))
		code = CTL_FAILED;
	json_decref(c->object);
	c->object = NULL;
	return code;
}

static const char *take_reason(struct ctl *c, struct proto_ask *out)
{
	return ctl_reason(c, out->reason, sizeof(out->reason)) ?
	    NULL :
	    "a reason is needed: --reason TEXT, at most 255 bytes";
}

/* ---- preserve, lift, orders ---- */

static const char *take_period(struct ctl *c, struct proto_ask *out)
{
	bool of_camera = c->args_n == 5 && strcmp(c->args[3], "camera") == 0;

	if (c->args_n != 3 && !of_camera)
		return "preserve period FROM UNTIL [camera SERIAL]";
	if (!time_read(c->args[1], false, &out->from_s) ||
	    !time_read(c->args[2], true, &out->until_s))
		return "a time: 2026-10-25, 2026-10-25T01:30 (local), ...T00:30Z, ...+01:00, or -";
	if (of_camera) {
		if (strlen(c->args[4]) >= sizeof(out->text))
			return "that is longer than any serial number";
		snprintf(out->text, sizeof(out->text), "%s", c->args[4]);
	}
	return NULL;
}

static const char *take_scope(struct ctl *c, struct proto_ask *out)
{
	enum order_scope scope;

	if (c->args_n < 2 || order_scope_of_word(c->args[0], &scope) < 0)
		return "preserve asset N|ID, camera SERIAL, docking N, or period FROM UNTIL";
	out->scope = scope;
	if (scope == ORDER_PERIOD)
		return take_period(c, out);
	if (c->args_n != 2 || strlen(c->args[1]) >= sizeof(out->text))
		return "preserve asset N|ID, camera SERIAL, docking N, or period FROM UNTIL";
	snprintf(out->text, sizeof(out->text), "%s", c->args[1]);
	return NULL;
}

int preserve_run(struct ctl *c)
{
	struct proto_ask question = { .ask = ASK_PRESERVE };
	const char *wrong = take_scope(c, &question);
	int code;

	if (!wrong)
		wrong = take_reason(c, &question);
	if (wrong)
		return ctl_usage(wrong);
	code = ask_copies(c, &question, CTL_PATIENCE_MS);
	if (code != CTL_OK || !seen.not_preserved)
		return code;
	return ctl_fail(CTL_NOT_PRESERVED, "not every copy is preserved: do what stands beside it");
}

int settle_run(struct ctl *c)
{
	struct proto_ask question = { .ask = ASK_SETTLE };
	const char *wrong = take_reason(c, &question);
	struct proto_ctl_end end;
	int err;

	if (c->args_n == 1 && strcmp(c->args[0], "clock") == 0)
		snprintf(question.text, sizeof(question.text), "clock");
	else if (c->args_n != 1 || !ctl_number(c->args[0], INT64_MAX, &question.number))
		wrong = "settle takes the number of a docking, as report shows it, or clock";
	if (wrong)
		return ctl_usage(wrong);
	err = ctl_ask(c, &question, CTL_PATIENCE_MS, NULL, &end);
	if (err || end.status)
		return ctl_complain(err, &end);
	return ctl_done("docking %" PRIu64 ": its findings are settled, with that reason on record",
	    question.number);
}

int lift_run(struct ctl *c)
{
	struct proto_ask question = { .ask = ASK_LIFT };
	const char *wrong = take_reason(c, &question);
	int code;

	if (c->args_n != 1 || !ctl_number(c->args[0], INT64_MAX, &question.number))
		wrong = "lift takes the number of an order, as orders shows it";
	if (wrong)
		return ctl_usage(wrong);
	code = ask_copies(c, &question, CTL_PATIENCE_MS);
	if (code == CTL_OK && !c->json)
		printf("order %" PRIu64 " is lifted: it holds nothing any more\n", question.number);
	return code;
}

/* Rows of one kind as {name: []} or lines. */
static int part_row(void *context, struct msg *m)
{
	struct ctl *c = context;
	struct proto_ctl_order o;

	if (m->head.type != MSG_ORDER)
		return -EPROTO;
	memcpy(&o, m->body, sizeof(o));
	c->shown++;
	if (c->json)
		json_array_append_new(c->object, order_json(&o));
	else
		put_order(&o);
	return 0;
}

static int part_due(void *context, struct msg *m)
{
	static const char *const stages[] = { "?", "listed", "marked", "now", "never" };
	struct ctl *c = context;
	struct proto_ctl_due d;
	const char *stage;
	char when[80];

	if (m->head.type != MSG_DUE)
		return -EPROTO;
	memcpy(&d, m->body, sizeof(d));
	stage = stages[d.stage <= DUE_NEVER ? d.stage : 0];
	if (c->json) {
		json_array_append_new(c->object,
		    json_pack("{sI ss so so so so so so}", "number", (json_int_t)d.number, "stage",
			stage, "asset", json_text(d.asset), "camera", json_text(d.camera), "class",
			json_text(d.class), "recorded", json_utc(d.recorded_s), "dispose_by",
			json_utc(d.dispose_by_s), "reason", json_text(d.reason)));
		c->shown++;
		return 0;
	}
	if (c->shown++ == 0)
		printf("%-8s %-7s %-20s %-18s REMARK\n", "NUMBER", "STAGE", "GONE BY", "CAMERA");
	time_both(d.dispose_by_s, when, sizeof(when));
	printf("%-8" PRIu64 " %-7s %-20.19s %-18s ", d.number, stage, when, clean(d.camera));
	printf("%s\n", clean(d.reason));
	return 0;
}

static int ask_rows(struct ctl *c, const struct proto_ask *question, ask_part *part,
    const char *name, const char *none)
{
	struct proto_ctl_end end;
	int err, code;

	if (c->args_n != 0)
		return ctl_usage("that command takes no argument");
	c->object = c->json ? json_array() : NULL;
	err = ctl_ask(c, question, CTL_PATIENCE_MS, part, &end);
	code = ctl_complain(err, &end);
	if (code == CTL_OK && c->json && !json_line(stdout, json_pack("{sO}", name, c->object)))
		code = CTL_FAILED;
	else if (code == CTL_OK && !c->json && c->shown == 0)
		puts(none);
	json_decref(c->object);
	c->object = NULL;
	return code;
}

int orders_run(struct ctl *c)
{
	return ask_rows(
	    c, &(struct proto_ask){ .ask = ASK_ORDERS }, part_row, "orders", "no order was given");
}

int due_run(struct ctl *c)
{
	return ask_rows(c, &(struct proto_ask){ .ask = ASK_DUE }, part_due, "due",
	    "nothing is due in the next ten days");
}

int review_run(struct ctl *c)
{
	return ask_rows(c, &(struct proto_ask){ .ask = ASK_DUE, .flags = DUE_REVIEW }, part_due,
	    "review", "nothing waits for a person's decision");
}

/* ---- dispose ---- */

int dispose_run(struct ctl *c)
{
	struct proto_ask question = { .ask = ASK_DISPOSE };
	const char *order = ctl_option(c, OPTION_ORDER), *wrong = take_reason(c, &question);
	int code;

	if (c->args_n != 1 ||
	    (!ctl_number(c->args[0], INT64_MAX, &question.number) && strlen(c->args[0]) != 64))
		wrong = "dispose takes one asset: its number, or its id";
	else if (!order || !order[0] || strlen(order) >= sizeof(question.order))
		wrong = "the order's reference is needed: --order REF";
	if (wrong)
		return ctl_usage(wrong);
	snprintf(question.order, sizeof(question.order), "%s", order);
	if (!question.number)
		snprintf(question.text, sizeof(question.text), "%s", c->args[0]);
	code = ask_copies(c, &question, DISPOSE_PATIENCE_MS);
	if (code == CTL_OK && seen.kept) {
		return ctl_fail(
		    CTL_NOT_PRESERVED, "%" PRIu64 " copies were not reached", seen.kept);
	}
	return code;
}
