/*
 * control_probe: what is plugged in at a bay: asked, waited for, answered.
 */
#include "control_answer.h"

#include "bays.h"
#include "control_client.h"
#include "control_inner.h"

#include <errno.h>
#include <string.h>

#define PATIENCE_US (180 * BAY_SECOND_US)

static struct bay *find(struct bays *h, const char *name)
{
	for (size_t i = 0; i < h->n; i++) {
		if (strcmp(h->bay[i]->name, name) == 0)
			return h->bay[i];
	}
	return bays_find(h, name);
}

int control_probe(struct client *k)
{
	struct bays *h = k->control->p.bays;
	struct bay *b = find(h, k->ask.text);
	const char *why;

	if (!b)
		return client_end(k, -ENOENT, 0, "no bay of that name, and nothing at such a port");
	why = probe_begin(h, b, k->uid);
	if (why)
		return client_end(k, -EBUSY, 0, why);
	k->parked = true;
	k->passed = h->probe.number;
	k->until_us = bay_now_us() + PATIENCE_US;
	return 0;
}

bool control_probe_done(const struct client *k)
{
	const struct probe *p = &k->control->p.bays->probe;

	return p->number != k->passed || !p->bay;
}

int control_probe_end(struct client *k)
{
	const struct probe *p = &k->control->p.bays->probe;
	int r = 0;

	if (p->number != k->passed || p->bay)
		return client_end(k, -ETIMEDOUT, 0, "the time is up");
	if (p->status == 0)
		r = client_send(k, MSG_PROBE, &p->row, -1);
	return r < 0 ? r : client_end(k, p->status, 0, p->text);
}
