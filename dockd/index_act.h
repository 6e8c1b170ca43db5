/*
 * index_act: one record being applied: what each does to the index, and what it means beyond that.
 *
 * index_apply.c calls these, each of which is in the file of its noun. Included by index*.c only.
 * Each gives 0 or -errno.
 */
#ifndef DOCKD_INDEX_ACT_H
#define DOCKD_INDEX_ACT_H

#include "base/record.h"
#include "index.h"

/* One record being applied. */
struct act {
	struct index *ix;
	const struct record *r;
	uint64_t seq;
	int64_t time_s;
	uint64_t asset, docking;
};

/* What a record says under a key; 0, "" or false where it does not. */
uint64_t act_number(const struct act *a, const char *key);
void act_text(const struct act *a, const char *key, char *out, size_t room);
bool act_is(const struct act *a, const char *key, const char *word);

/* Records about uploads (index_receipt). */
int apply_upload(struct act *a);
int apply_created(struct act *a);
int apply_recreated(struct act *a);
int apply_receipted(struct act *a);
int apply_receipt_refused(struct act *a);
int apply_refused(struct act *a);
int apply_confirmed(struct act *a);
int apply_lost(struct act *a);
int apply_held(struct act *a);
int apply_release_intent(struct act *a);
int apply_retired(struct act *a);
int apply_switched(struct act *a);
int apply_abandoned(struct act *a);
/* Of what goes first, of whom a camera is issued to (index_expedite, index_assignment). */
int apply_expedited(struct act *a);
int apply_assigned(struct act *a);
/* Of locked cameras (index_unlock). */
int apply_unlock(struct act *a);
int apply_unlocked(struct act *a);
/* bay "": of all. */
int unlock_retry(struct index *ix, const char *bay);
/* Of orders and of what goes by age (index_order). */
int apply_preserve(struct act *a);
int apply_lift(struct act *a);
int apply_marked(struct act *a);
int apply_dispose_intent(struct act *a);
int apply_disposed(struct act *a);
/* `policy`, where an index is being rebuilt (index_policy). */
int apply_policy(struct act *a);
/* `retry` (index_retry). */
int apply_retry(struct act *a);
/* Records about bindings (index_binding). */
int apply_bound(struct act *a);
int apply_another(struct act *a);
int apply_rebound(struct act *a);
int apply_failing(struct act *a);
int apply_working(struct act *a);

/* What a record, once applied, means for proofs: what it names, whose bundle is due (index_proof). */
int mention_note(struct index *ix, uint64_t seq, const struct record *r);

/* What a record, once applied, gives reason to judge or audit (index_evidence). 0 or -errno. */
int evidence_note(struct index *ix, uint64_t seq, int64_t time_s, const struct record *r);
/* Counts what is kept in memory. 0 or -errno. */
int evidence_open(struct index *ix);
int expedite_open(struct index *ix); /* index_expedite */
/* What a record, once applied, ends of what was expedited (index_expedite). 0 or -errno. */
int expedite_note(struct index *ix, const struct record *r);
int expedite_end(struct index *ix);
/* What a record, once applied, says of the health of bays and cameras (index_health). */
int health_note(struct index *ix, const struct record *r);
/* What a record, once applied, says of the cameras that come here (index_camera). */
int known_note(struct index *ix, int64_t time_s, const struct record *r);
/* index_clock.c: whether the time of day has run ahead. */
void clock_note(struct act *a);
/* What a record, once applied, adds to the sums; and how they are kept (index_tally). */
int tally_note(struct index *ix, const struct record *r);
int tally_open(struct index *ix);
int tally_write(struct index *ix);
/* The clip of the record has its first receipt from there: how long that took. */
int tally_delay(struct act *a, const char *destination);

#endif
