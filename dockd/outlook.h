/*
 * outlook: what a destination's line has carried, when what waits for it will be there, and whether
 * that is in time.
 *
 * Kept by uplink, one for each destination, in memory: after a restart the pace is not known until
 * something has been sent, and that is said. Called with each message of an upload and each turn.
 * It sends nothing and records nothing; what it finds is a text of status, the station light, and
 * one line in the log when it begins and when it is over.
 */
#ifndef DOCKD_OUTLOOK_H
#define DOCKD_OUTLOOK_H

#include "forecast.h"

#include "base/msg.h"

struct uplink;
struct destination;
struct slot;

struct outlook {
	struct pace pace;
	uint64_t last_ms;       /* of the turn before */
	bool sending;           /* something was being sent then */
	bool held_back;         /* and the timetable set a bound */
	uint64_t allowed_per_s; /* by the timetable, when it was looked at last */
	uint64_t busy_ms, kept_bytes, wasted_bytes; /* seen, not yet in pace */
	uint64_t longest_ms;                        /* that a connection has held at best; fades */
	struct {
		uint32_t generation;
		uint64_t began_ms, offset_bytes, sent_bytes; /* where counting began */
		uint64_t kept_bytes;
	} slot[PROTO_SLOTS];
	/* as judged last */
	uint64_t judged_ms, judged_count, judged_bytes;
	unsigned late;   /* files that are late already, or will be at this pace */
	uint64_t urgent; /* the asset that is nearest to being late; 0 none */
	int64_t expected_s, urgent_expected_s, urgent_deadline_s;
	enum forecast_trouble
	    trouble;             /* as shown: it goes only when it has been well for a while */
	uint64_t well_since_ms;  /* 0: it is not */
	uint64_t blind_since_ms; /* away, or its pace not known; 0: it is */
	int64_t told_expected_s, told_deadline_s; /* of the trouble that is shown */
};

/* A message of an upload, before the slot takes it in. */
void outlook_heard(struct destination *d, const struct slot *s, const struct msg *m);
/* Each turn: time passes; every half minute, or a second after something changed, all is judged. */
void outlook_turn(struct uplink *u, struct destination *d);
/* Forgets when it was judged: the next turn judges. */
void outlook_again(struct destination *d);

/* When this asset will be there; 0: not known, or it does not wait for this destination. */
int64_t outlook_expected(struct uplink *u, struct destination *d, uint64_t asset);

/* What a person must know of deliveries that will be late, "" when nothing. True: there is some. */
bool outlook_text(const struct uplink *u, char *out, size_t size);
/* A word for it: "late", "never", "past"; "" well. */
const char *outlook_word(enum forecast_trouble t);

#endif
