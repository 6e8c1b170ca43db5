/*
 * index_order: preservation orders, and what they cover.
 */
#ifndef DOCKD_INDEX_ORDER_H
#define DOCKD_INDEX_ORDER_H

#include "index.h"
#include "order.h"

/* 0, -ENOENT, or -errno. */
int index_order(struct index *ix, uint64_t number, struct order *out);

/* Orders with number > after, lifted ones too. Count or -errno. */
int index_orders(struct index *ix, uint64_t after, struct order *out, size_t room);

/* Those in force; *out is good until the next record. Count or -errno (-E2BIG: more than fit). */
int index_active_orders(struct index *ix, const struct order **out);
uint64_t index_new_order(struct index *ix); /* 0: the index cannot be read */

/* What a `preserve` record says; of a `lift`, its number alone. Times of its own are left 0. */
void order_of_record(const struct record *r, struct order *out);

/* Assets whose signature was judged by this sidecar, number > after. Count or -errno. */
int index_signed_by(
    struct index *ix, uint64_t sidecar, uint64_t after, uint64_t *numbers, size_t room);

/* Assets that this order covers, lifted or not, number > after. Count or -errno. */
int index_covered(
    struct index *ix, const struct order *o, uint64_t after, uint64_t *numbers, size_t room);

/* Assets of which this destination states a hold, number > after. Count or -errno. */
int index_held(
    struct index *ix, const char *destination, uint64_t after, uint64_t *numbers, size_t room);

/* How many assets the orders in force cover: asks them all. */
uint64_t index_preserved(struct index *ix);

#endif
