/*
 * exposition: figures as text, in the format that Prometheus reads; pure but for the FILE it writes.
 *
 * Called by control_metrics. Text format 0.0.4
 * (https://prometheus.io/docs/instrumenting/exposition_formats/): one family after the other, each
 * with HELP and TYPE once, all its samples together. What a family is called, of which type it is
 * and what it says is in a table of the caller; labels are given as pairs.
 */
#ifndef DOCKD_EXPOSITION_H
#define DOCKD_EXPOSITION_H

#include <stdint.h>
#include <stdio.h>

enum metric_type { METRIC_GAUGE, METRIC_COUNTER, METRIC_HISTOGRAM };

struct metric {
	const char *name;
	enum metric_type type;
	const char *help; /* one sentence */
};

struct exposition {
	FILE *out;
	const struct metric *family; /* begun last */
};

/* HELP and TYPE of this family; samples that follow belong to it. */
void exposition_family(struct exposition *x, const struct metric *m);
/* A sample of it: name and value of each label, then NULL. */
void exposition_count(struct exposition *x, uint64_t value, ...) __attribute__((sentinel));
void exposition_value(struct exposition *x, double value, ...) __attribute__((sentinel));
/*
 * A histogram under one label: edge[i] is the upper bound of bucket i, count[i] what fell into it
 * alone; count[n] is what lay above all of them.
 */
void exposition_histogram(struct exposition *x, const char *label, const char *value,
    const double *edge, const uint64_t *count, size_t n, double sum);

#endif
