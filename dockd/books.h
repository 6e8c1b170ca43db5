/*
 * books: what of a docking goes into the ledger and the log, and how it is worded there.
 *
 * Called by docking, errand and erasing; LEDGER.md says what each record means. A journal that fails
 * says so itself, once, and stops intake: nothing here returns an error.
 */
#ifndef DOCKD_BOOKS_H
#define DOCKD_BOOKS_H

#include "bay.h"

/* A record of this type, to be filled and given to books_write before the next books_begin. */
struct record *books_begin(const char *type);
void books_write(struct bay *b, struct record *r);

/* Something a person must know of this docking; told once, shown until the docking ends. */
void books_trouble(struct bay *b, const char *text);
/* An asset that needs a person; nothing more is tried with it until `retry`. */
void books_asset_trouble(struct bay *b, uint64_t asset, const char *text);

void books_camera(struct bay *b);
/* To whom it was issued when it came, into a record. */
void books_ids(const struct bay *b, struct record *r);
/* FETCH of b->asset ended; read: payload bytes that came from the camera. */
void books_pulled(
    struct bay *b, const char *result, uint64_t length, uint64_t read, const char *text);
/*
 * What is held of b->asset is no beginning of what the camera shows: it is kept as evidence and the
 * pull begins anew; after three times a person is called.
 */
void books_restarted(struct bay *b, const char *reason);
void books_erased(struct bay *b, uint64_t asset, const char *result, const char *text);
/* A new object of the listing. Returns its asset's number. */
uint64_t books_found(struct bay *b, const struct listing_row *row);

#endif
