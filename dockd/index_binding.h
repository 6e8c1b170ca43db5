/*
 * index_binding: what destinations are bound to, and for how long one has failed.
 */
#ifndef DOCKD_INDEX_BINDING_H
#define DOCKD_INDEX_BINDING_H

#include "index.h"

struct bound {
	char identity[PROTO_ADDRESS_LEN + 256]; /* "": the next one that it tells */
	char other[PROTO_ADDRESS_LEN + 256];    /* what answers under its name instead; "" none */
};
int index_bound(struct index *ix, const char *destination, struct bound *out); /* 0, -ENOENT */

/* How long a destination had failed when that was put on record. 0, -ENOENT. */
struct failing {
	int64_t seconds;
	int64_t at_s; /* steady clock of that boot */
	char boot[40];
};
int index_failing(struct index *ix, const char *destination, struct failing *out);

/*
 * These have not said what they are since the core began or since their settings changed: until
 * they have, their receipts count as astray. In memory; the list is taken as a whole.
 */
void index_set_unmet(struct index *ix, const char *const *names, size_t n);
bool index_is_unmet(const struct index *ix, const char *destination);

/* Whether another one answers, or none yet, for a destination that takes such things. */
bool index_astray(struct index *ix, enum object_kind kind);

/* Receipts of a destination from before it was bound anew, of which there is a copy here. */
int index_doubted(struct index *ix, const char *destination, uint64_t *count);

/*
 * The next one, by name after `name`, that was ever bound: its name into `name`, and how many holds
 * it states. 0, -ENOENT, -errno.
 */
int index_bound_next(struct index *ix, char name[PROTO_NAME_LEN], uint64_t *held);

#endif
