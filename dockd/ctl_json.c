#include "ctl_json.h"

#include "asset.h"
#include "base/proto_asset.h"
#include "base/proto_object.h"
#include "base/proto_station.h"
#include "ctl_text.h"
#include "light_table.h"

#include <jansson.h>
#include <time.h>

static json_t *text_of(const char *text)
{
	char clean[TEXT_ESCAPED(PROTO_PATH_LEN)];

	return json_string(text_clean(text, false, clean, sizeof(clean)));
}

static json_t *number_of(uint64_t number)
{
	return json_integer(number > INT64_MAX ? INT64_MAX : (json_int_t)number);
}

/* UTC, or null where no time is known. */
static json_t *time_of(int64_t seconds, bool zero_is_none)
{
	time_t t = (time_t)seconds;
	char out[64];
	struct tm tm;

	if (seconds == PROTO_NO_TIME || (zero_is_none && seconds == 0) || !gmtime_r(&t, &tm) ||
	    strftime(out, sizeof(out), "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		return json_null();
	return json_string(out);
}

static json_t *text_or_null(const char *text)
{
	return text[0] ? text_of(text) : json_null();
}

/* What is kept how long. */
static json_t *add_retention(json_t *object, const struct proto_ctl_status *s)
{
	json_t *more = json_pack("{so so so sb sb so}", "preserved", number_of(s->preserved), "due",
	    number_of(s->due), "review", number_of(s->review), "dispose", s->dispose != 0,
	    "clock_synchronised", s->clock_synchronised != 0, "time_source",
	    text_of(s->time_source));

	json_object_update(object, more);
	json_decref(more);
	return object;
}

/* A time that is told, null where none is; never is a time that there is none of. */
static json_t *expected_of(int64_t seconds)
{
	return seconds == INT64_MAX ? json_string("never") : time_of(seconds, true);
}

struct json_t *json_status(const struct proto_ctl_status *s)
{
	json_t *o = json_pack("{so so so so so so so so so so so so so si si sb ss sb sb ss ss so}",
	    "station", text_of(s->station), "version", text_of(s->version), "generation",
	    number_of(s->generation), "assets", number_of(s->assets), "receipted",
	    number_of(s->receipted), "erased", number_of(s->erased), "unsent_bytes",
	    number_of(s->unsent_bytes), "dockings", number_of(s->dockings), "records",
	    number_of(s->records), "disk_free_bytes", number_of(s->disk_free_bytes),
	    "disk_reserve_bytes", number_of(s->disk_reserve_bytes), "oldest_unsent",
	    time_of(s->oldest_unsent_s, true), "text", text_of(s->text), "bays", (int)s->bays,
	    "occupied", (int)s->occupied, "hotplug", s->hotplug_connected != 0, "station_light",
	    light_station_row(s->station_light)->word, "plaintext", s->plaintext != 0,
	    "intake_stopped", s->intake_stopped != 0, "erase",
	    s->erase ? "when-receipted" : "never", "accept_receipt",
	    level_word((enum receipt_level)s->accept_level), "destinations", json_array());

	json_object_set_new(o, "findings", number_of(s->findings));
	json_object_set_new(o, "checked_records", number_of(s->checked_records));
	json_object_set_new(o, "disk_full", expected_of(s->disk_full_s));
	json_object_set_new(o, "cameras", number_of(s->cameras_known));
	json_object_set_new(o, "cameras_overdue", number_of(s->cameras_overdue));
	json_object_set_new(o, "checkpoint_size", number_of(s->checkpoint_size));
	return add_retention(o, s);
}

static json_t *add_outlook(json_t *object, const struct proto_ctl_destination *d)
{
	json_t *more = json_pack("{so so so so so so}", "bytes_per_s",
	    d->bytes_per_s ? number_of(d->bytes_per_s) : json_null(), "allowed_per_s",
	    d->allowed_per_s == RATE_UNLIMITED ? json_null() : number_of(d->allowed_per_s),
	    "expected", expected_of(d->expected_s), "urgent_expected",
	    expected_of(d->oldest_expected_s), "urgent_deadline",
	    time_of(d->oldest_deadline_s, true), "state", text_of(d->state));

	json_object_set_new(more, "certificates",
	    json_pack("{so so so}", "client", time_of(d->certificate_until_s[0], false), "ca",
		time_of(d->certificate_until_s[1], false), "server",
		time_of(d->certificate_until_s[2], false)));

	json_object_update(object, more);
	json_decref(more);
	return object;
}

struct json_t *json_destination(const struct proto_ctl_destination *d)
{
	json_t *object = json_pack("{so so so sb si ss sb so so so}", "name", text_of(d->name),
	    "driver", text_of(d->driver), "text", text_of(d->text), "connected", d->connected != 0,
	    "active", (int)d->active, "level", level_word((enum receipt_level)d->level), "away",
	    d->away != 0, "queued", number_of(d->queued), "queued_bytes",
	    number_of(d->queued_bytes), "sent_bytes", number_of(d->sent_bytes));

	return add_outlook(object, d);
}

static json_t *features_of(uint32_t features)
{
	static const char *const words[] = { "partial64", "partial", "erases", "clock", "clock-set",
		"battery", "locked", "owner-set", "settings", "read-only" };
	json_t *list = json_array();

	for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (features & (1u << i))
			json_array_append_new(list, json_string(words[i]));
	}
	return list;
}

/* How it is connected, how the bay has been, when its camera may be taken. */
static json_t *add_health(json_t *object, const struct proto_ctl_bay *b)
{
	json_t *more = json_pack("{so so so so si si}", "attention", text_of(b->attention),
	    "minutes_left",
	    b->docking == 0 || b->minutes_left < 0 ? json_null() : json_integer(b->minutes_left),
	    "fill_percent", b->fill_percent > 100 ? json_null() : json_integer(b->fill_percent),
	    "speed_mbps", b->speed_mbps ? json_integer(b->speed_mbps) : json_null(), "errors",
	    (int)b->errors, "damaged", (int)b->damaged);

	json_object_update(object, more);
	json_decref(more);
	return object;
}

struct json_t *json_bay(const struct proto_ctl_bay *b)
{
	json_t *now = b->now_asset == 0 ?
	    json_null() :
	    json_pack("{so so so}", "number", number_of(b->now_asset), "bytes",
		number_of(b->now_bytes), "size_bytes", number_of(b->now_size));

	json_t *object =
	    json_pack("{so so so so so so so ss so so si si si si so so so so so so so so}", "bay",
		text_of(b->bay), "port", text_of(b->port), "state", text_of(b->state), "camera",
		text_or_null(b->camera), "model", text_or_null(b->model), "profile",
		text_or_null(b->profile), "text", text_of(b->text), "light", light_word(b->light),
		"features", features_of(b->features), "battery_percent",
		b->battery_percent < 0 ? json_null() : json_integer(b->battery_percent), "objects",
		(int)b->objects, "pending", (int)b->pending, "held", (int)b->held, "receipted",
		(int)b->receipted, "docking", number_of(b->docking), "pending_bytes",
		number_of(b->pending_bytes), "pulled_bytes", number_of(b->pulled_bytes), "now", now,
		"clock_offset_ms",
		b->clock_offset_ms == INT64_MIN ? json_null() : json_integer(b->clock_offset_ms),
		"docked_at", time_of(b->docked_at_s, true), "officer", text_or_null(b->officer),
		"unit", text_or_null(b->unit));

	return add_health(object, b);
}

static json_t *add_kept(json_t *object, const struct proto_ctl_asset *a)
{
	static const char *const copies[] = { "kept", "retired", "disposed" };
	json_t *more = json_pack("{so sb so so sb ss so so sb sb sb so}", "recorded",
	    time_of(a->recorded_s, true), "recorded_proved", a->recorded_proved != 0, "dispose_by",
	    time_of(a->dispose_by_s, true), "class", text_or_null(a->class), "preserved",
	    a->preserved != 0, "station_copy", copies[a->retired <= 2 ? a->retired : 0], "officer",
	    text_or_null(a->officer), "unit", text_or_null(a->unit), "cut",
	    (a->damage & OBJECT_CUT) != 0, "shared", (a->damage & OBJECT_SHARED) != 0, "unfinished",
	    (a->damage & OBJECT_UNFINISHED) != 0, "told_bytes",
	    a->told_bytes ? number_of(a->told_bytes) : json_null());

	json_object_update(object, more);
	json_decref(more);
	return object;
}

struct json_t *json_asset(const struct proto_ctl_asset *a)
{
	json_t *object = json_pack("{so so so so so so so ss ss si so so so so so so so so so}",
	    "number", number_of(a->number), "docking", number_of(a->docking), "size_bytes",
	    number_of(a->size_bytes), "staged_bytes", number_of(a->staged_bytes), "pulled_bytes",
	    number_of(a->pulled_bytes), "mtime", time_of(a->mtime_s, false), "staged_at",
	    time_of(a->staged_at_s, true), "rung", rung_word((enum rung)a->rung), "kind",
	    kind_word((enum object_kind)a->kind), "interruptions", (int)a->interruptions,
	    "merged_into", a->merged_into ? number_of(a->merged_into) : json_null(), "asset",
	    text_or_null(a->asset), "sha256", text_or_null(a->sha256), "camera", text_of(a->camera),
	    "bay", text_of(a->bay), "signature", text_of(a->signature), "signature_text",
	    text_of(a->signature_text), "reason", text_of(a->reason), "path", text_of(a->path));

	return add_kept(object, a);
}

struct json_t *json_upload(const struct proto_ctl_upload *u)
{
	return json_pack("{so so sb so so so so so so so si ss ss so so ss so sb so}", "number",
	    number_of(u->number), "state", text_or_null(u->state), "expedited", u->expedited != 0,
	    "destination", text_of(u->destination), "offset_bytes", number_of(u->offset_bytes),
	    "sent_bytes", number_of(u->sent_bytes), "next_try", time_of(u->next_try_s, true),
	    "expected", expected_of(u->expected_s), "receipted_at",
	    time_of(u->receipted_at_s, true), "confirmed_at", time_of(u->confirmed_at_s, true),
	    "attempts", (int)u->attempts, "level", level_word((enum receipt_level)u->level), "rung",
	    rung_word((enum rung)u->rung), "reason", text_of(u->reason), "address",
	    text_or_null(u->address), "lock", lock_word((enum lock_mode)u->lock_mode),
	    "retain_until",
	    u->retain_until_s == PROTO_NO_TIME ? json_null() : time_of(u->retain_until_s, true),
	    "held", u->held != 0, "version", text_or_null(u->version));
}

bool json_line(FILE *out, struct json_t *value)
{
	bool written = value && json_dumpf(value, out, JSON_COMPACT) == 0 && putc('\n', out) != EOF;

	json_decref(value);
	return written && fflush(out) == 0;
}
