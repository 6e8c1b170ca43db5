/*
 * ctl_metrics: `dockctl metrics`: the daemon's figures as it tells them, or the same as JSON.
 *
 * The text is Prometheus' (dockd-metrics(7)); what the JSON is made of is that text, read line by
 * line.
 */
#include "base/proto_ctl.h"
#include "ctl.h"
#include "ctl_command.h"
#include "ctl_json.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TEXT_MAX (16u * 1024 * 1024)

/* What stands between quotes, unescaped in its place. Behind the closing quote, or NULL. */
static char *unquote(char *at)
{
	char *to = at;

	for (; *at && *at != '"'; at++) {
		if (*at == '\\' && at[1])
			at++;
		*to++ = *at == 'n' && at[-1] == '\\' ? '\n' : *at;
	}
	if (*at != '"')
		return NULL;
	*to = '\0';
	return at + 1;
}

/* {name="value",...}: into an object. Behind the brace, or NULL. */
static char *read_labels(char *at, json_t *labels)
{
	while (*at != '}') {
		char *equals = strchr(at, '='), *value;

		if (!equals || equals[1] != '"')
			return NULL;
		*equals = '\0';
		value = equals + 2;
		equals = unquote(value);
		if (!equals || (*equals != ',' && *equals != '}'))
			return NULL;
		json_object_set_new(labels, at, json_string(value));
		at = *equals == ',' ? equals + 1 : equals;
	}
	return at + 1;
}

/* Not a number, or without end, is null: JSON has neither. */
static json_t *json_figure(double value)
{
	if (!isfinite(value))
		return json_null();
	if (fabs(value) < 9e15 && value == floor(value))
		return json_integer((json_int_t)value);
	return json_real(value);
}

/* One sample as an object, or NULL. */
static json_t *read_sample(char *line)
{
	size_t name = strcspn(line, "{ ");
	json_t *labels = json_object();
	char *at = line + name, *end;
	double value;

	if (*at == '{') {
		*at = '\0';
		at = read_labels(at + 1, labels);
	} else {
		*at = '\0';
		at++;
	}
	value = at ? strtod(at, &end) : NAN;
	if (!at || end == at || *end) {
		json_decref(labels);
		return NULL;
	}
	return json_pack("{sssoso}", "name", line, "labels", labels, "value", json_figure(value));
}

static json_t *read_text(char *text)
{
	json_t *all = json_array();
	char *line;

	while ((line = strsep(&text, "\n"))) {
		json_t *sample = line[0] == '#' || !line[0] ? NULL : read_sample(line);

		if (sample)
			json_array_append_new(all, sample);
		else if (line[0] && line[0] != '#') {
			json_decref(all);
			return NULL;
		}
	}
	return all;
}

static int part_metrics(void *context, struct msg *m)
{
	struct ctl *c = context;
	struct proto_ctl_segment row;
	char *text;
	bool good;

	if (m->head.type != MSG_SEGMENT || m->nfds != 1)
		return -EPROTO;
	memcpy(&row, m->body, sizeof(row));
	if (row.size_bytes > TEXT_MAX)
		return -EPROTO;
	text = calloc(1, row.size_bytes + 1);
	if (!text)
		return -ENOMEM;
	good = pread(m->fds[0], text, row.size_bytes, 0) == (ssize_t)row.size_bytes;
	if (good && c->json) {
		c->object = read_text(text);
		good = c->object != NULL;
	} else if (good) {
		fputs(text, stdout);
	}
	free(text);
	return good ? 0 : -EPROTO;
}

int metrics_run(struct ctl *c)
{
	struct proto_ctl_end end;
	json_t *all;
	int err;

	if (c->args_n != 0)
		return ctl_usage("metrics takes no argument");
	err = ctl_ask(
	    c, &(struct proto_ask){ .ask = ASK_METRICS }, CTL_PATIENCE_MS, part_metrics, &end);
	all = c->object;
	c->object = NULL;
	if (!err && !end.status && c->json)
		return json_line(stdout, json_pack("{so}", "metrics", all)) ? CTL_OK : CTL_FAILED;
	json_decref(all);
	return ctl_complain(err, &end);
}
