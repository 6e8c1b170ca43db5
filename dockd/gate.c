/*
 * gate: in front of erasing, and of giving up the station's copy; pure.
 *
 * Called by erasing.c, reconcile.c and retirement.c. A fact that is missing, zero or out of range
 * refuses: only facts that were positively established open it.
 */
#include "gate.h"

#include <string.h>

/* The lower levels may state no digest; what is stated, and every higher level, must agree. */
static bool digest_agrees(const struct asset *a, const struct upload *u)
{
	if (u->sha256[0])
		return strcmp(u->sha256, a->sha256) == 0;
	return u->level == LEVEL_LENGTH || u->level == LEVEL_TRANSFER_DIGEST;
}

/* One receipt against the asset: its first reason to refuse. */
static enum gate receipt_ask(const struct gate_facts *f, const struct upload *u)
{
	const struct asset *a = f->asset;

	if (!u || u->rung != RUNG_RECEIPTED || u->refused)
		return GATE_NOT_RECEIPTED;
	if (u->doubted || u->astray)
		return GATE_RECEIPT_DOUBTED;
	if (u->length_bytes != a->size_bytes)
		return GATE_RECEIPT_LENGTH;
	if (!digest_agrees(a, u))
		return GATE_RECEIPT_DIGEST;
	if (u->level == LEVEL_LOCAL)
		return GATE_RECEIPT_LOCAL;
	if (f->accept <= LEVEL_NONE || f->accept > LEVEL_SIGNED || u->level < f->accept ||
	    u->level > LEVEL_SIGNED)
		return GATE_RECEIPT_LEVEL;
	return GATE_OPEN;
}

/*
 * All destinations: the earliest reason of any. Any: open if one opens, else the reason of the one
 * that came furthest.
 */
static enum gate receipts_ask(const struct gate_facts *f)
{
	enum gate worst = GATE_OPEN, best = GATE_NOT_RECEIPTED;

	if (!f->uploads || f->uploads_n == 0)
		return GATE_NOT_RECEIPTED;
	for (size_t i = 0; i < f->uploads_n; i++) {
		enum gate g = receipt_ask(f, f->uploads[i]);

		if (g == GATE_OPEN && f->any)
			return GATE_OPEN;
		if (g != GATE_OPEN && (worst == GATE_OPEN || g < worst))
			worst = g;
		if (g > best)
			best = g;
	}
	return f->any ? best : worst;
}

static enum gate signature_ask(const struct gate_facts *f)
{
	bool valid = strcmp(f->asset->signature, "valid") == 0;
	bool none = strcmp(f->asset->signature, "unsigned") == 0;

	if (!valid && !none)
		return GATE_SIGNATURE;
	switch (f->signing) {
	case SIGNING_UNSET:
		return GATE_SIGNATURE_UNKNOWN;
	case SIGNING_NONE:
		return GATE_OPEN;
	case SIGNING_YES:
		return valid ? GATE_OPEN : GATE_SIGNATURE;
	}
	return GATE_SIGNATURE_UNKNOWN;
}

static enum gate log_ask(const struct gate_facts *f)
{
	switch (f->logs) {
	case LOGS_UNSET:
		return GATE_LOG_UNKNOWN;
	case LOGS_NONE:
		return GATE_OPEN;
	case LOGS_YES:
		return f->logs_receipted ? GATE_OPEN : GATE_LOG;
	}
	return GATE_LOG_UNKNOWN;
}

static enum gate erasing_ask(enum erasing erasing)
{
	switch (erasing) {
	case ERASING_NONE:
		break;
	case ERASING_DISK:
		return GATE_DISK;
	case ERASING_NOT_HERE:
		return GATE_NOT_ERASABLE;
	case ERASING_LOCKED:
		return GATE_READ_ONLY;
	case ERASING_OFFERED:
		return GATE_OPEN;
	}
	return GATE_CANNOT_ERASE;
}

enum gate gate_ask(const struct gate_facts *f)
{
	const struct asset *a = f->asset;
	enum gate g;

	if (!f->erase)
		return GATE_NEVER;
	if (!a || a->rung < RUNG_CHECKED || strlen(a->sha256) != 64)
		return GATE_NOT_CHECKED;
	g = receipts_ask(f);
	if (g == GATE_OPEN)
		g = signature_ask(f);
	if (g == GATE_OPEN)
		g = log_ask(f);
	if (g != GATE_OPEN)
		return g;
	if (!f->identity_proved || !a->camera[0])
		return GATE_IDENTITY;
	if (a->protected_)
		return GATE_PROTECTED;
	if (!f->unpreserved)
		return GATE_PRESERVED;
	g = erasing_ask(f->erasing);
	if (g != GATE_OPEN)
		return g;
	if (f->docking == 0 || a->pulled_docking != f->docking)
		return GATE_NOT_COMPARED;
	if (a->needs_person)
		return GATE_NEEDS_PERSON;
	if (a->erased || a->gone)
		return GATE_ERASED;
	if (f->configuration_refused)
		return GATE_CONFIGURATION;
	return f->journal_works ? GATE_OPEN : GATE_SPACE;
}

static const struct {
	const char *word, *sentence;
} gates[] = {
	[GATE_OPEN] = { "open", "may be erased from the camera" },
	[GATE_NEVER] = { "never", "the configuration says erase = \"never\"" },
	[GATE_NOT_CHECKED] = { "not-checked", "its digest has not been taken yet" },
	[GATE_NOT_RECEIPTED] = { "not-receipted",
	    "not every destination that must have it has given a receipt" },
	[GATE_RECEIPT_DOUBTED] = { "receipt-doubted",
	    "the destination is another one than gave the receipt, or has not said yet what it is, "
	    "or has not confirmed it since it was bound anew" },
	[GATE_RECEIPT_LENGTH] = { "receipt-length", "the receipt states another length" },
	[GATE_RECEIPT_DIGEST] = { "receipt-digest",
	    "the receipt does not state the digest that was taken here" },
	[GATE_RECEIPT_LEVEL] = { "receipt-level",
	    "the receipt proves less than accept-receipt asks for" },
	[GATE_RECEIPT_LOCAL] = { "receipt-local",
	    "the receipt is for a copy on this station's own disk" },
	[GATE_SIGNATURE] = { "signature", "its signature result is not one that allows erasing" },
	[GATE_SIGNATURE_UNKNOWN] = { "signature-unknown",
	    "the profile does not say whether its cameras sign" },
	[GATE_LOG] = { "log", "the camera's audit log has no receipt yet" },
	[GATE_LOG_UNKNOWN] = { "log-unknown",
	    "the profile does not say whether its cameras keep logs" },
	[GATE_IDENTITY] = { "identity", "the camera's identity is not proved" },
	[GATE_PROTECTED] = { "protected", "the camera protects it against erasing" },
	[GATE_PRESERVED] = { "preserved", "a preservation order covers it" },
	[GATE_NOT_COMPARED] = { "not-compared",
	    "it was neither pulled nor compared again in this docking" },
	[GATE_CANNOT_ERASE] = { "cannot-erase", "the camera offers no erasing" },
	[GATE_DISK] = { "disk",
	    "a USB disk offers no erasing of its own and dockd never writes its file system" },
	[GATE_NOT_ERASABLE] = { "not-erasable", "its profile says erasable = false" },
	[GATE_READ_ONLY] = { "read-only", "the camera's card is locked by its switch" },
	[GATE_NEEDS_PERSON] = { "needs-person", "a person has to look at it first" },
	[GATE_ERASED] = { "erased", "the camera does not have it any more" },
	[GATE_CONFIGURATION] = { "configuration",
	    "the configuration on disk is refused, and may have meant that nothing is erased" },
	[GATE_SPACE] = { "journal", "the ledger cannot be written, so no intent can be recorded" },
};

const char *gate_word(enum gate g)
{
	return (size_t)g < sizeof(gates) / sizeof(gates[0]) ? gates[g].word : "unknown";
}

const char *gate_sentence(enum gate g)
{
	return (size_t)g < sizeof(gates) / sizeof(gates[0]) ? gates[g].sentence : "unknown reason";
}

/* Receipts and confirmations together: with any, the same destination must have given both. */
static enum retire copies_ask(const struct gate_facts *f)
{
	bool receipted = false, confirmed = true;

	if (receipts_ask(f) != GATE_OPEN)
		return RETIRE_NOT_RECEIPTED;
	for (size_t i = 0; i < f->uploads_n; i++) {
		const struct upload *u = f->uploads[i];

		receipted = receipt_ask(f, u) == GATE_OPEN;
		if (f->any && receipted && u->confirmed_at_s > 0)
			return RETIRE_OPEN;
		confirmed = confirmed && receipted && u->confirmed_at_s > 0;
	}
	return confirmed && !f->any ? RETIRE_OPEN : RETIRE_NOT_CONFIRMED;
}

/*
 * While the configuration on disk is refused, its owner may have asked for more proof than the one in
 * force does, and what goes here is the last copy in his hands. So that a slip of the pen does not
 * stop intake when the disk is full, a copy may go all the same where nothing more could be asked of
 * any destination: all of them have it, by their signature or read back, and confirmed.
 */
static enum retire strictly_ask(const struct gate_facts *f)
{
	struct gate_facts most = *f;

	most.any = false;
	if (most.accept < LEVEL_READBACK)
		most.accept = LEVEL_READBACK;
	return copies_ask(&most) == RETIRE_OPEN ? RETIRE_OPEN : RETIRE_CONFIGURATION;
}

enum retire retire_ask(const struct gate_facts *f)
{
	const struct asset *a = f->asset;
	enum retire r;

	if (!a || (a->kind != KIND_CLIP && a->kind != KIND_OTHER) ||
	    (a->kinds & ~(1u << KIND_CLIP | 1u << KIND_OTHER)))
		return RETIRE_KIND;
	if (a->file != FILE_SEALED || a->merged_into || a->rung < RUNG_CHECKED ||
	    strlen(a->sha256) != 64)
		return RETIRE_NO_COPY;
	r = copies_ask(f);
	if (r == RETIRE_OPEN && f->configuration_refused)
		r = strictly_ask(f);
	if (r != RETIRE_OPEN)
		return r;
	if (!f->unpreserved)
		return RETIRE_PRESERVED;
	if (a->needs_person)
		return RETIRE_NEEDS_PERSON;
	return f->journal_works ? RETIRE_OPEN : RETIRE_JOURNAL;
}

const char *retire_word(enum retire r)
{
	switch (r) {
	case RETIRE_OPEN:
		return "confirmed";
	case RETIRE_KIND:
		return "kind";
	case RETIRE_NO_COPY:
		return "no-copy";
	case RETIRE_NOT_RECEIPTED:
		return "not-receipted";
	case RETIRE_NOT_CONFIRMED:
		return "not-confirmed";
	case RETIRE_PRESERVED:
		return "preserved";
	case RETIRE_NEEDS_PERSON:
		return "needs-person";
	case RETIRE_CONFIGURATION:
		return "configuration";
	case RETIRE_JOURNAL:
		return "journal";
	}
	return "unknown";
}

bool level_confirms(enum receipt_level level, enum receipt_level accept)
{
	enum receipt_level need = accept < LEVEL_STORED_DIGEST ? accept : LEVEL_STORED_DIGEST;

	return need > LEVEL_LOCAL && level >= need && level <= LEVEL_SIGNED;
}
