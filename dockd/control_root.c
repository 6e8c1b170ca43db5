/*
 * control_root: rows of root ports and of USB host controllers.
 */
#include "base/proto_station.h"
#include "control_answer.h"
#include "control_client.h"
#include "control_inner.h"

int control_roots(struct client *k)
{
	static struct proto_ctl_root rows[ROOTS_MAX];
	const struct bays *h = k->control->p.bays;
	size_t n = roots_rows(h, rows);
	unsigned sent = 0;
	int r = 0;

	for (size_t i = k->ask.cursor; i < n + h->controllers.n && r == 0; i++) {
		if (sent++ == CONTROL_PAGE)
			return client_end(k, 0, i, "");
		r = i < n ? client_send(k, MSG_ROOT, &rows[i], -1) :
			    client_send(k, MSG_HOST, &h->controllers.row[i - n], -1);
	}
	return r < 0 ? r : client_end(k, 0, 0, "");
}

bool control_root_needs(const struct control *c, char *out, size_t room)
{
	const struct controllers *all = &c->p.bays->controllers;
	enum resources worst = RESOURCES_WELL;

	out[0] = '\0';
	for (size_t i = 0; i < all->n; i++) {
		enum resources r = controllers_judge(&all->row[i]);

		if (r <= worst)
			continue;
		worst = r;
		controllers_text(&all->row[i], out, room);
	}
	return worst == RESOURCES_OUT;
}
