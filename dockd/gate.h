/*
 * gate: whether a camera's file may be erased, and whether the station's copy may go; pure.
 *
 * Asked by erasing.c, reconcile.c and retirement.c with all that is known. It decides from facts
 * alone and does no I/O; what it does not know refuses.
 */
#ifndef DOCKD_GATE_H
#define DOCKD_GATE_H

#include "asset.h"

/* Why the gate refuses; the words that dockctl shows come from gate_word. */
enum gate {
	GATE_OPEN = 0,
	GATE_NEVER, /* erase = "never" */
	GATE_NOT_CHECKED,
	GATE_NOT_RECEIPTED,     /* not at every destination that must have it */
	GATE_RECEIPT_DOUBTED,   /* given by another store than the one that is there now */
	GATE_RECEIPT_LENGTH,    /* receipt's length is not ours */
	GATE_RECEIPT_DIGEST,    /* receipt's digest is not ours */
	GATE_RECEIPT_LEVEL,     /* proof weaker than accept-receipt */
	GATE_RECEIPT_LOCAL,     /* on the station's own disk: never */
	GATE_SIGNATURE,         /* signature result not allowed by the profile */
	GATE_SIGNATURE_UNKNOWN, /* the profile does not say whether its cameras sign */
	GATE_LOG,               /* the log that covers the clip is not receipted */
	GATE_LOG_UNKNOWN,       /* the profile does not say whether its cameras keep logs */
	GATE_IDENTITY,          /* no serial, or one that two cameras share */
	GATE_PROTECTED,
	GATE_PRESERVED,     /* a preservation order covers it */
	GATE_NOT_COMPARED,  /* neither pulled nor compared again in this docking */
	GATE_CANNOT_ERASE,  /* the camera offers no erasing, or that is not known */
	GATE_DISK,          /* it is a disk: nothing but its file system could be written */
	GATE_NOT_ERASABLE,  /* its profile says erasable = false */
	GATE_READ_ONLY,     /* its card is locked by a switch */
	GATE_NEEDS_PERSON,  /* the asset has an open trouble */
	GATE_ERASED,        /* nothing left to do */
	GATE_SPACE,         /* reserved: intake stopped, ledger broken */
	GATE_CONFIGURATION, /* the one on disk is refused: what its owner wants is not known */
};

enum profile_signing { SIGNING_UNSET = 0, SIGNING_NONE, SIGNING_YES };
enum profile_logs { LOGS_UNSET = 0, LOGS_NONE, LOGS_YES };

/* What can be erased from the camera at all; the first that holds. */
enum erasing {
	ERASING_NONE = 0, /* not offered */
	ERASING_DISK,     /* a USB disk: it has no command for that, and nothing is written to it */
	ERASING_NOT_HERE, /* by its profile */
	ERASING_LOCKED,   /* the card's switch */
	ERASING_OFFERED,
};

/* All that the gate asks, gathered by the caller. */
struct gate_facts {
	bool erase;                 /* configuration: erase = "when-receipted" */
	enum receipt_level accept;  /* configuration */
	bool journal_works;         /* the intent can be committed */
	bool configuration_refused; /* the one on disk is not the one in force */
	enum erasing erasing;       /* worker and profile */
	bool identity_proved;
	bool unpreserved;    /* no preservation order covers it */
	bool logs_receipted; /* every log of this docking's camera is receipted */
	enum profile_signing signing;
	enum profile_logs logs;
	uint64_t docking; /* the docking now */
	const struct asset *asset;
	const struct upload *const *uploads; /* one for each destination that must have it */
	size_t uploads_n; /* with policy "any": one that is receipted is enough */
	bool any;
};

/*
 * The first reason to refuse, or GATE_OPEN. Everything unknown refuses.
 */
enum gate gate_ask(const struct gate_facts *f);

/* A stable code ("receipt-level") and a sentence for people; never NULL. */
const char *gate_word(enum gate g);
const char *gate_sentence(enum gate g);

/* Why the station's copy stays; the words are retire_word's. */
enum retire {
	RETIRE_OPEN = 0,
	RETIRE_KIND,          /* logs, sidecars and reports are small: retention's */
	RETIRE_NO_COPY,       /* there is none of its own */
	RETIRE_NOT_RECEIPTED, /* the gate would not open for these receipts */
	RETIRE_NOT_CONFIRMED, /* not asked again yet, or the destination cannot be asked */
	RETIRE_PRESERVED,
	RETIRE_NEEDS_PERSON,
	RETIRE_CONFIGURATION, /* the one on disk is refused, and this is not the strongest proof */
	RETIRE_JOURNAL,
};

/*
 * Whether the station's copy may go: the receipts as the gate asks for them, each confirmed by a
 * later answer (any: one that is both), nothing preserved, nobody needed; with a configuration that is
 * refused by all destinations, signed or read back. Of the facts it looks at accept, journal_works,
 * configuration_refused, unpreserved, asset, uploads, any.
 */
enum retire retire_ask(const struct gate_facts *f);
const char *retire_word(enum retire r);

/*
 * Whether an answer of this level confirms: what accept-receipt asks for, but never more than what
 * the destination states of the object it holds.
 */
bool level_confirms(enum receipt_level level, enum receipt_level accept);

#endif
