/*
 * kind: the words for what an asset is, as the ledger, people and destinations are told it.
 */
#ifndef DOCKD_KIND_H
#define DOCKD_KIND_H

#include "proto.h"

/* "clip"; never NULL. */
static inline const char *kind_word(enum object_kind k)
{
	switch (k) {
	case KIND_FOLDER:
		return "folder";
	case KIND_CLIP:
		return "clip";
	case KIND_SIDECAR:
		return "sidecar";
	case KIND_LOG:
		return "log";
	case KIND_OTHER:
		return "other";
	case KIND_IGNORED:
		return "ignored";
	case KIND_REPORT:
		return "report";
	case KIND_LEDGER:
		return "ledger";
	case KIND_CHECKPOINT:
		return "checkpoint";
	case KIND_BUNDLE:
		return "bundle";
	}
	return "unknown";
}

#endif
