/*
 * ctl_root: what `dockctl status` says of root ports and of USB host controllers: as lines below
 * the bays, or as "roots" and "controllers" of the status object.
 */
#include "base/proto_ctl.h"
#include "base/proto_hotplug.h"
#include "base/proto_station.h"
#include "ctl.h"
#include "ctl_command.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

static json_t *known_or_null(uint32_t number)
{
	return number ? json_integer(number) : json_null();
}

static void json_root(json_t *status, const struct proto_ctl_root *r)
{
	json_array_append_new(json_object_get(status, "roots"),
	    json_pack("{ss si si si so sI sI}", "port", r->port, "cameras", (int)r->cameras,
		"pulls", (int)r->pulls, "waiting", (int)r->waiting, "minutes_left",
		r->minutes_left < 0 ? json_null() : json_integer(r->minutes_left), "bytes_per_s",
		(json_int_t)r->bytes_per_s, "pending_bytes", (json_int_t)r->pending_bytes));
}

static void json_host(json_t *status, const struct proto_controller *h)
{
	json_array_append_new(json_object_get(status, "controllers"),
	    json_pack("{ss si so si so si}", "name", h->name, "slots", (int)h->slots, "slots_max",
		known_or_null(h->slots_max), "endpoints", (int)h->endpoints, "endpoints_max",
		known_or_null(h->endpoints_max), "unconfigured", (int)h->unconfigured));
}

static void text_root(FILE *out, const struct proto_ctl_root *r)
{
	char rate[32], left[32];

	fprintf(out, "%s: %" PRIu32 " camera%s", r->port, r->cameras, r->cameras == 1 ? "" : "s");
	if (r->pulls)
		fprintf(out, ", %" PRIu32 " pulled at %s/s", r->pulls,
		    text_bytes(r->bytes_per_s, rate, sizeof(rate)));
	if (r->pending_bytes)
		fprintf(out, ", %s to read", text_bytes(r->pending_bytes, left, sizeof(left)));
	if (r->minutes_left > 0)
		fprintf(out, ", %" PRId32 " min", r->minutes_left);
	fputs(r->minutes_left == 0 ? ", all may be taken\n" : "\n", out);
}

/* "12 of 64 endpoints", or "12 endpoints" where nobody knows how many there are. */
static void put_used(FILE *out, uint32_t used, uint32_t max, const char *what)
{
	fprintf(out, ", %" PRIu32, used);
	if (max)
		fprintf(out, " of %" PRIu32, max);
	fprintf(out, " %s", what);
}

static void text_host(FILE *out, const struct proto_controller *h)
{
	char name[TEXT_ESCAPED(sizeof(h->name))];

	fprintf(out, "USB %s", text_clean(h->name, true, name, sizeof(name)));
	put_used(out, h->slots, h->slots_max, "devices");
	put_used(out, h->endpoints, h->endpoints_max, "endpoints");
	if (h->unconfigured)
		fprintf(out, ", %" PRIu32 " NOT CONFIGURED", h->unconfigured);
	fputc('\n', out);
}

static int part_root(void *context, struct msg *m)
{
	struct ctl *c = context;
	struct proto_controller host;
	struct proto_ctl_root root;

	if (m->head.type != MSG_ROOT && m->head.type != MSG_HOST)
		return -EPROTO;
	if (!c->json && c->shown++ == 0)
		putchar('\n');
	if (m->head.type == MSG_ROOT) {
		memcpy(&root, m->body, sizeof(root));
		if (c->json)
			json_root(c->object, &root);
		else
			text_root(stdout, &root);
		return 0;
	}
	memcpy(&host, m->body, sizeof(host));
	if (c->json)
		json_host(c->object, &host);
	else
		text_host(stdout, &host);
	return 0;
}

int ctl_roots(struct ctl *c, struct proto_ctl_end *end)
{
	c->shown = 0;
	if (c->json) {
		json_object_set_new(c->object, "roots", json_array());
		json_object_set_new(c->object, "controllers", json_array());
	}
	return ctl_ask(c, &(struct proto_ask){ .ask = ASK_ROOTS }, CTL_PATIENCE_MS, part_root, end);
}
