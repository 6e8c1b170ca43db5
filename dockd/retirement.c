/*
 * retirement: `retired` records, and the files that go after them.
 *
 * Called each turn by core. It decides nothing itself (gate.c, retire_ask does) and removes no
 * file whose record is not on disk. The walk over what an earlier run left looks only at names that are
 * there, so it costs as much as the station holds, not as much as it ever held.
 */
#include "retirement.h"

#include "gate.h"
#include "index_asset.h"
#include "index_policy.h"
#include "index_receipt.h"
#include "retention.h"
#include "waits.h"

#include "base/handover.h"
#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define TURN_COPIES 32     /* asked about in one turn */
#define TURN_VOUCHED 4     /* of these, held against the ledger: some milliseconds each */
#define AGAIN_MS 60000     /* what was kept may be let go by then: an order lifted, a person done */
#define FOLDERS 65536u     /* of the staging, by number */
#define TURN_FOLDERS 16    /* looked through in one turn */
#define FOLDER_NUMBERS 256 /* read of a folder at once */

struct retirement {
	struct journal *journal;
	struct staging *staging;
	enum receipt_level accept;
	bool any;
	size_t n;
	char destination[CONFIG_DESTINATIONS][PROTO_NAME_LEN];
	struct confirm_place place;
	uint64_t again_ms;
	uint64_t going[TURN_COPIES]; /* recorded in this turn */
	unsigned going_n;
	unsigned folder; /* of the walk; FOLDERS: it is over */
};

struct retirement *retirement_new(struct journal *j, struct staging *s)
{
	struct retirement *r = calloc(1, sizeof(*r));

	if (!r)
		fatal("reason=\"out of memory\"");
	r->journal = j;
	r->staging = s;
	return r;
}

void retirement_free(struct retirement *r)
{
	free(r);
}

void retirement_configure(struct retirement *r, const struct config *c)
{
	r->accept = c->accept;
	r->any = c->any;
	r->n = c->destinations_n;
	for (size_t i = 0; i < r->n; i++)
		memcpy(r->destination[i], c->destination[i].name, sizeof(r->destination[i]));
	r->place = (struct confirm_place){ 0 };
}

void retirement_again(struct retirement *r)
{
	r->place = (struct confirm_place){ 0 };
}

static enum retire ask(const struct retirement *r, const struct asset *a, bool refused)
{
	static struct upload up[CONFIG_DESTINATIONS];
	const struct upload *ups[CONFIG_DESTINATIONS];
	struct index *ix = journal_index(r->journal);
	struct gate_facts f = {
		.accept = r->accept,
		.journal_works = journal_works(r->journal),
		.configuration_refused = refused,
		.unpreserved = !retention_preserves(ix, a),
		.asset = a,
		.uploads = ups,
		.any = r->any,
	};

	for (size_t i = 0; i < r->n; i++) {
		if (!index_takes(ix, r->destination[i], a->kinds))
			continue;
		ups[f.uploads_n++] =
		    index_upload(ix, a->number, r->destination[i], &up[i]) == 0 ? &up[i] : NULL;
	}
	return retire_ask(&f);
}

void retirement_plan(struct retirement *r, bool may, bool refused)
{
	static struct asset a;
	struct record rec;
	uint64_t now = waits_now_ms();
	unsigned vouched = 0;

	if (!may || !journal_works(r->journal) || (refused && !staging_tight(r->staging)))
		return;
	if (now >= r->again_ms) {
		r->place = (struct confirm_place){ 0 };
		r->again_ms = now + AGAIN_MS;
	}
	for (unsigned i = 0; i < TURN_COPIES && vouched < TURN_VOUCHED; i++) {
		if (index_to_retire(journal_index(r->journal), &r->place) < 0) {
			r->place.asset = 0; /* others may be confirmed in the same second */
			return;
		}
		if (index_asset(journal_index(r->journal), r->place.asset, &a) < 0 ||
		    ask(r, &a, refused) != RETIRE_OPEN)
			continue;
		vouched++;
		if (journal_vouches(r->journal, a.number, NULL) < 0)
			continue; /* not committed yet: it comes up again */
		record_begin(&rec, "retired");
		record_number(&rec, "asset", (int64_t)a.number);
		record_text(&rec, "reason",
		    staging_tight(r->staging) ? "confirmed, space needed" : "confirmed");
		if (journal_write(r->journal, &rec) < 0)
			return;
		r->going[r->going_n++] = a.number;
		log_info("retired", "asset=%" PRIu64 " size=%" PRIu64, a.number, a.size_bytes);
	}
}

/* One folder of the staging: what the ledger says is gone from here goes. Whether it exists. */
static bool sweep(struct retirement *r, unsigned folder)
{
	uint64_t numbers[FOLDER_NUMBERS];
	static struct asset a;
	int n = staging_numbers(r->staging, folder, numbers, FOLDER_NUMBERS);

	for (int i = 0; i < n; i++) {
		if (index_asset(journal_index(r->journal), numbers[i], &a) < 0 ||
		    a.file != FILE_RETIRED || journal_vouches(r->journal, a.number, NULL) < 0)
			continue;
		staging_retire(r->staging, a.number);
		log_info("leftover", "asset=%" PRIu64, a.number);
	}
	return n >= 0;
}

void retirement_act(struct retirement *r)
{
	unsigned looked = 0;

	if (!journal_works(r->journal)) {
		r->going_n = 0;
		return;
	}
	for (; r->going_n > 0; r->going_n--) {
		int rc;

		handover("retirement-unlink");
		rc = staging_retire(r->staging, r->going[r->going_n - 1]);
		if (rc < 0)
			log_warn("retire-failed", "asset=%" PRIu64 " reason=\"%s\"",
			    r->going[r->going_n - 1], strerror(-rc));
	}
	for (; r->folder < FOLDERS && looked < TURN_FOLDERS; r->folder++)
		looked += sweep(r, r->folder);
}
