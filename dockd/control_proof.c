/*
 * control_proof: the continuity ledger and proof bundles, for who asks at the control socket.
 *
 * Called by control. It hands out read-only descriptors of the ledger's files and sealed memory;
 * each bundle that is shown is on record, with the asker's user, before it goes out.
 */
#include "control_answer.h"
#include "control_inner.h"

#include "control_client.h"
#include "index_asset.h"
#include "ledger.h"
#include "ledger_read.h"
#include "sealed.h"
#include "shipping.h"

#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A few bytes of text as a file of this name. 0 or -errno. */
static int send_text(struct client *k, const char *name, const char *text)
{
	struct proto_ctl_segment row = { .size_bytes = strlen(text) };
	int fd = sealed_bytes(name, text, strlen(text)), r;

	if (fd < 0)
		return fd;
	snprintf(row.name, sizeof(row.name), "%s", name);
	r = client_send(k, MSG_SEGMENT, &row, fd);
	close(fd);
	return r;
}

/* Before the records, so that what is signed is among them. */
static int send_signed(struct client *k)
{
	struct checkpoint *c = k->control->p.checkpoint;
	char key[NOTE_VKEY_LEN + 1];
	int r = 0;

	checkpoint_now(c);
	if (checkpoint_note(c)[0])
		r = send_text(k, "checkpoint", checkpoint_note(c));
	if (r == 0 && note_key_format(checkpoint_key(c), key, NOTE_VKEY_LEN) >= 0) {
		snprintf(key + strlen(key), 2, "\n");
		r = send_text(k, "key", key);
	}
	return r < 0 ? r : client_end(k, 0, 1, "");
}

int control_ledger(struct client *k)
{
	struct control *c = k->control;
	struct proto_ctl_segment row = { 0 };
	int fd, r;

	if (k->ask.cursor == 0)
		return send_signed(k);
	fd = ledger_segment(journal_ledger(c->p.journal), k->ask.cursor - 1, row.name,
	    sizeof(row.name), &row.size_bytes);
	if (fd < 0)
		return client_end(k, fd == -ENOENT ? 0 : fd, 0, "");
	r = client_send(k, MSG_SEGMENT, &row, fd);
	close(fd);
	return r < 0 ? r : client_end(k, 0, k->ask.cursor + 1, "");
}

static int record_shown(struct client *k, uint64_t asset)
{
	struct record r;

	record_begin(&r, "shown");
	record_number(&r, "asset", (int64_t)asset);
	record_number(&r, "uid", k->uid);
	record_text(&r, "what", "bundle");
	journal_write(k->control->p.journal, &r);
	return journal_commit(k->control->p.journal);
}

int control_bundle(struct client *k)
{
	struct proto_ctl_segment row = { 0 };
	struct control *c = k->control;
	static struct asset a;
	struct bundle b;
	uint64_t number;
	int r;

	if (index_asset(control_index(c), k->ask.number, &a) < 0)
		return client_end(k, -ENOENT, 0, "no clip of that number");
	number = a.merged_into ? a.merged_into : a.number;
	if (record_shown(k, number) < 0)
		return client_end(k, -EIO, 0, "the showing cannot be put on record");
	checkpoint_now(c->p.checkpoint);
	r = shipping_bundle(c->p.journal, c->p.checkpoint, c->p.station, number, &b);
	if (r < 0)
		return client_end(k, r, 0,
		    r == -ENOENT || r == -EAGAIN ?
			"nothing about it is under a checkpoint yet: ask again in a minute" :
			"the bundle cannot be made");
	log_info("bundle-shown", "uid=%u asset=%" PRIu64 " records=%u", (unsigned)k->uid, number,
	    b.records);
	snprintf(row.name, sizeof(row.name), "%08" PRIu64 ".bundle", number);
	row.size_bytes = b.size_bytes;
	r = client_send(k, MSG_SEGMENT, &row, b.fd);
	close(b.fd);
	return r < 0 ? r : client_end(k, 0, 0, "");
}
