#include "exposition.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>

static const char *type_word(enum metric_type t)
{
	switch (t) {
	case METRIC_GAUGE:
		return "gauge";
	case METRIC_COUNTER:
		return "counter";
	case METRIC_HISTOGRAM:
		return "histogram";
	}
	return "untyped";
}

/* Backslash and line feed are escaped, in the value of a label the quote too. */
static void put_escaped(FILE *out, const char *text, int quote)
{
	for (; *text; text++) {
		if (*text == '\n')
			fputs("\\n", out);
		else if (*text == '\\' || *text == quote)
			fprintf(out, "\\%c", *text);
		else
			fputc(*text, out);
	}
}

void exposition_family(struct exposition *x, const struct metric *m)
{
	x->family = m;
	fprintf(x->out, "# HELP %s ", m->name);
	put_escaped(x->out, m->help, '\\');
	fprintf(x->out, "\n# TYPE %s %s\n", m->name, type_word(m->type));
}

static void put_labels(FILE *out, va_list labels)
{
	const char *name, *value;
	char before = '{';

	while ((name = va_arg(labels, const char *))) {
		value = va_arg(labels, const char *);
		fprintf(out, "%c%s=\"", before, name);
		put_escaped(out, value, '"');
		fputc('"', out);
		before = ',';
	}
	if (before == ',')
		fputc('}', out);
}

static void put_value(FILE *out, double value)
{
	if (isnan(value))
		fputs(" NaN\n", out);
	else if (isinf(value))
		fputs(value > 0 ? " +Inf\n" : " -Inf\n", out);
	else
		fprintf(out, " %.15g\n", value);
}

void exposition_count(struct exposition *x, uint64_t value, ...)
{
	va_list labels;

	fputs(x->family->name, x->out);
	va_start(labels, value);
	put_labels(x->out, labels);
	va_end(labels);
	fprintf(x->out, " %" PRIu64 "\n", value);
}

void exposition_value(struct exposition *x, double value, ...)
{
	va_list labels;

	fputs(x->family->name, x->out);
	va_start(labels, value);
	put_labels(x->out, labels);
	va_end(labels);
	put_value(x->out, value);
}

void exposition_histogram(struct exposition *x, const char *label, const char *value,
    const double *edge, const uint64_t *count, size_t n, double sum)
{
	const char *name = x->family->name;
	uint64_t so_far = 0;

	for (size_t i = 0; i <= n; i++) {
		so_far += count[i];
		fprintf(x->out, "%s_bucket{%s=\"", name, label);
		put_escaped(x->out, value, '"');
		if (i < n)
			fprintf(x->out, "\",le=\"%.15g\"} %" PRIu64 "\n", edge[i], so_far);
		else
			fprintf(x->out, "\",le=\"+Inf\"} %" PRIu64 "\n", so_far);
	}
	fprintf(x->out, "%s_sum{%s=\"", name, label);
	put_escaped(x->out, value, '"');
	fputs("\"}", x->out);
	put_value(x->out, sum);
	fprintf(x->out, "%s_count{%s=\"", name, label);
	put_escaped(x->out, value, '"');
	fprintf(x->out, "\"} %" PRIu64 "\n", so_far);
}
