/*
 * language: the words for the vendors' unlock languages, as profiles, log and ledger write them.
 *
 * Used by the core, dockctl and the worker. It knows nothing of what is said in them.
 */
#ifndef DOCKD_LANGUAGE_H
#define DOCKD_LANGUAGE_H

#include "proto_attach.h"

#define LANGUAGE_ALLOWED                                                                           \
	"one of \"dv16\" \"ambarella-request\" \"ambarella-block\" \"ambarella-text\""

/* "dv16" ...; "none" for UNLOCK_NONE, "unknown" for what is no language. */
const char *language_word(enum unlock u);

/* The language that a word means; UNLOCK_NONE for NULL and for what is none. */
enum unlock language_of(const char *word);

#endif
