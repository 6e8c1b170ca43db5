#include "erasing.h"

#include "bays.h"
#include "books.h"
#include "gate.h"
#include "index_asset.h"
#include "index_binding.h"
#include "index_policy.h"
#include "retention.h"

#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static struct index *ix(const struct bay *b)
{
	return journal_index(b->house->journal);
}

static enum erasing erasing_of(const struct bay *b)
{
	if (b->profile->driver == DRIVER_MSC && !(b->camera.features & CAMERA_ERASES))
		return ERASING_DISK;
	if (!b->profile->erasable)
		return ERASING_NOT_HERE;
	if (b->camera.features & CAMERA_READ_ONLY)
		return ERASING_LOCKED;
	return b->camera.features & CAMERA_ERASES ? ERASING_OFFERED : ERASING_NONE;
}

/* b: the bay where its camera is docked now, or NULL. */
static enum gate ask_gate(const struct bays *h, const struct bay *b, const struct asset *a)
{
	static struct upload up[CONFIG_DESTINATIONS];
	const struct upload *ups[CONFIG_DESTINATIONS];
	struct index *index = journal_index(h->journal);
	struct gate_facts f = {
		.erase = h->settings.erase,
		.accept = h->settings.accept,
		.journal_works = journal_works(h->journal) && !bays_stop_why(h)[0],
		.configuration_refused = h->configuration_refused && h->configuration_refused[0],
		.unpreserved = !retention_preserves(index, a),
		.asset = a,
		.uploads = ups,
		.any = h->settings.any,
	};

	if (b) {
		f.erasing = erasing_of(b);
		f.identity_proved = b->identity_proved;
		f.logs_receipted =
		    listing_logs_open(index, b->docking) == 0 && !index_astray(index, KIND_LOG);
		f.signing = b->profile->signing;
		f.logs = b->profile->logs;
		f.docking = b->docking;
	}
	for (size_t i = 0; i < h->destinations_n; i++) {
		if (!index_takes(index, h->destination[i], a->kinds))
			continue;
		ups[f.uploads_n++] =
		    index_upload(index, a->number, h->destination[i], &up[i]) == 0 ? &up[i] : NULL;
	}
	return gate_ask(&f);
}

const char *erasing_text(const struct bays *h, const struct asset *a)
{
	static char text[PROTO_TEXT_LEN * 2];
	const struct bay *at = NULL;
	enum gate g;

	if (a->erased)
		return "";
	for (size_t i = 0; i < h->n; i++) {
		if (h->bay[i]->known && strcmp(h->bay[i]->identity, a->camera) == 0)
			at = h->bay[i];
	}
	g = ask_gate(h, at, a);
	if (g == GATE_ERASED)
		return "";
	if (g == GATE_OPEN)
		return "erasable: it goes at the next opportunity";
	if (!at && g != GATE_NEVER && g < GATE_SIGNATURE)
		snprintf(text, sizeof(text), "%s: %.150s", gate_word(g), gate_sentence(g));
	else if (!at && g != GATE_NEVER)
		snprintf(text, sizeof(text), "not-docked: its camera is not docked now");
	else
		snprintf(text, sizeof(text), "%s: %.150s", gate_word(g), gate_sentence(g));
	return text;
}

/* Whether the camera was told to erase it in this docking, and did not. */
static bool was_kept(const struct bay *b, uint64_t asset)
{
	for (unsigned i = 0; i < b->not_erased_n; i++) {
		if (b->not_erased[i] == asset)
			return true;
	}
	return b->not_erased_n == BAY_NOT_ERASED;
}

/*
 * Its copy here has gone, so there is nothing to compare it with: pulled again as an asset of its
 * own, it is merged by its digest and erased on the receipts that are there.
 */
static void pull_anew(struct bay *b)
{
	static struct listing_row row;

	row = b->row;
	listing_link(ix(b), b->docking, row.row, books_found(b, &row));
	b->found++;
	b->news = true;
	b->house->again = true;
	log_info("pulled-anew", "bay=%s docking=%" PRIu64 " asset=%" PRIu64, b->name, b->docking,
	    b->asset.number);
}

bool erasing_plan(struct bay *b)
{
	uint64_t numbers[16];
	struct record *r;
	int n, vouched;

	if (!b->house->settings.erase) {
		b->erase_scan = false;
		return false;
	}
	if (!(b->camera.features & CAMERA_ERASES) || !b->profile->erasable) {
		b->erase_scan = false;
		return false;
	}
	n = index_to_erase(ix(b), b->docking, b->erase_cursor, numbers, 16);
	for (int i = 0; i < n; i++) {
		enum gate g;

		b->erase_cursor = numbers[i];
		if (was_kept(b, numbers[i]) || index_asset(ix(b), numbers[i], &b->asset) < 0 ||
		    listing_by_asset(ix(b), b->docking, numbers[i], &b->row) < 0)
			continue;
		/* a log that has grown since it was taken is linked, but is not what is held */
		if (b->row.size_bytes != b->asset.size_bytes || b->row.mtime_s != b->asset.mtime_s)
			continue;
		g = ask_gate(b->house, b, &b->asset);
		if (g == GATE_NOT_COMPARED && b->asset.file == FILE_SEALED) {
			b->plan = PLAN_COMPARE;
			return true;
		}
		if (g == GATE_NOT_COMPARED && b->asset.file == FILE_RETIRED && !b->asset.disposed &&
		    b->asset.pulled_docking != b->docking) {
			pull_anew(b);
			continue;
		}
		if (g != GATE_OPEN || strcmp(b->row.path, b->asset.path) != 0)
			continue;
		vouched = journal_vouches(b->house->journal, numbers[i], NULL);
		if (vouched == -EAGAIN) {
			b->erase_cursor = numbers[i] - 1; /* in the next turn */
			b->house->again = true;
			return false;
		}
		if (vouched < 0)
			continue;
		r = books_begin("erase-intent");
		record_number(r, "asset", (int64_t)numbers[i]);
		record_number(r, "docking", (int64_t)b->docking);
		books_write(b, r);
		b->plan = PLAN_ERASE;
		return true;
	}
	if (n == 16)
		b->house->again = true;
	else
		b->erase_scan = false;
	return false;
}
