/*
 * index_inner: what the files of the index share: what it keeps in memory beside SQLite.
 *
 * Included by index*.c only.
 */
#ifndef DOCKD_INDEX_INNER_H
#define DOCKD_INDEX_INNER_H

#include "index.h"
#include "index_db.h"
#include "index_listing.h"
#include "tally.h"

#define INDEX_DESTINATIONS 32
#define INDEX_LISTINGS 128

struct destination {
	int64_t number;
	char name[PROTO_NAME_LEN];
	uint64_t count, bytes; /* assets waiting for it */
	bool changed;
	uint32_t kinds; /* that it takes: bits 1 << enum object_kind */
	uint32_t deliver_s;
};

#define KINDS_ALL UINT32_MAX

/* What a docking's camera shows: the last whole listing, the one being told, and the sums. */
struct listing {
	uint64_t docking;
	int64_t whole, coming; /* listing numbers, 0: none */
	struct listing_sum sum;
	uint64_t logs_open; /* log rows whose asset is not receipted */
};

struct index {
	sqlite3 *db;
	sqlite3_stmt *statement[Q_STATEMENTS];
	bool writing; /* a transaction is open */
	bool changed; /* the state row has to be written */
	uint64_t applied, last_asset, last_docking;
	int64_t time_s;                  /* of the record that is being applied */
	int64_t latest_s;                /* of all records, or of the last `clock-vouched` on */
	int64_t doubt_s;                 /* by so much the time of day went ahead at once; 0 */
	uint64_t findings;               /* rows, kept */
	uint64_t expedites;              /* rows, kept */
	uint64_t told;                   /* the last record that is not of our own sending */
	uint64_t new_asset, new_docking; /* handed out so far */
	struct index_counts counts;
	bool any;
	size_t required_n;
	char required[INDEX_DESTINATIONS][PROTO_NAME_LEN];
	uint32_t required_kinds[INDEX_DESTINATIONS];
	size_t destinations_n;
	struct destination destination[INDEX_DESTINATIONS];
	size_t listings_n;
	struct listing listing[INDEX_LISTINGS];
	int64_t last_listing;
	size_t dead_n; /* listings whose rows are still to be deleted */
	int64_t dead[2 * INDEX_LISTINGS];
	struct order *orders; /* those in force, NULL: never asked for */
	size_t orders_n;
	bool orders_known;
	size_t unmet_n; /* destinations that have still to say what they are */
	char unmet[INDEX_DESTINATIONS][PROTO_NAME_LEN];
	struct tally tally;
};

#endif
