/*
 * asset: the gate opens when every fact is there and refuses when any one is missing.
 */
#include "../../dockd/gate.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define SHA "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static struct asset asset;
static struct upload first, second;
static const struct upload *uploads[2];
static struct gate_facts facts;

static void receipt(struct upload *u, const char *name)
{
	memset(u, 0, sizeof(*u));
	u->asset = 7;
	snprintf(u->destination, sizeof(u->destination), "%s", name);
	u->rung = RUNG_RECEIPTED;
	u->level = LEVEL_SIGNED;
	u->length_bytes = 1000;
	snprintf(u->sha256, sizeof(u->sha256), "%s", SHA);
}

static void sign(const char *result)
{
	snprintf(asset.signature, sizeof(asset.signature), "%s", result);
}

/* All facts there: signed receipts of two destinations, a signed clip, a receipted log. */
static void open_facts(void)
{
	memset(&asset, 0, sizeof(asset));
	asset.number = 7;
	asset.pulled_docking = 3;
	asset.size_bytes = 1000;
	asset.kind = KIND_CLIP;
	asset.file = FILE_SEALED;
	asset.rung = RUNG_CHECKED;
	snprintf(asset.sha256, sizeof(asset.sha256), "%s", SHA);
	snprintf(asset.camera, sizeof(asset.camera), "CAM");
	snprintf(asset.signature, sizeof(asset.signature), "valid");
	receipt(&first, "one");
	receipt(&second, "two");
	uploads[0] = &first;
	uploads[1] = &second;
	facts = (struct gate_facts){
		.erase = true,
		.accept = LEVEL_SIGNED,
		.journal_works = true,
		.erasing = ERASING_OFFERED,
		.identity_proved = true,
		.unpreserved = true,
		.logs_receipted = true,
		.signing = SIGNING_YES,
		.logs = LOGS_YES,
		.docking = 3,
		.asset = &asset,
		.uploads = uploads,
		.uploads_n = 2,
	};
}

#define REFUSES(change, why)                                                                       \
	do {                                                                                       \
		open_facts();                                                                      \
		change;                                                                            \
		assert_string_equal(gate_word(gate_ask(&facts)), gate_word(why));                  \
	} while (0)

#define OPENS(change) REFUSES(change, GATE_OPEN)

static void all_there(void **state)
{
	(void)state;
	OPENS((void)0);
	OPENS(facts.signing = SIGNING_NONE);
	OPENS((facts.signing = SIGNING_NONE, sign("unsigned")));
	OPENS((facts.logs = LOGS_NONE, facts.logs_receipted = false));
	OPENS((facts.accept = LEVEL_READBACK, first.level = LEVEL_READBACK));
	OPENS((facts.accept = LEVEL_LENGTH, first.level = LEVEL_LENGTH, first.sha256[0] = '\0'));
	OPENS((facts.accept = LEVEL_LENGTH, first.level = LEVEL_TRANSFER_DIGEST,
	    first.sha256[0] = '\0'));
	OPENS((facts.accept = LEVEL_LENGTH, first.level = LEVEL_LENGTH, first.sha256[0] = '\0'));
	OPENS(facts.uploads_n = 1);
	OPENS(asset.file = FILE_RETIRED);
}

static void each_missing_fact_refuses(void **state)
{
	(void)state;
	REFUSES(facts.erase = false, GATE_NEVER);
	REFUSES(facts.asset = NULL, GATE_NOT_CHECKED);
	REFUSES(asset.rung = RUNG_STAGED, GATE_NOT_CHECKED);
	REFUSES(asset.rung = RUNG_LISTED, GATE_NOT_CHECKED);
	REFUSES(asset.rung = (enum rung)0, GATE_NOT_CHECKED);
	REFUSES(asset.sha256[0] = '\0', GATE_NOT_CHECKED);
	REFUSES(asset.sha256[63] = '\0', GATE_NOT_CHECKED);
	REFUSES(facts.uploads_n = 0, GATE_NOT_RECEIPTED);
	REFUSES(facts.uploads = NULL, GATE_NOT_RECEIPTED);
	REFUSES(uploads[1] = NULL, GATE_NOT_RECEIPTED);
	REFUSES(first.rung = RUNG_SENT, GATE_NOT_RECEIPTED);
	REFUSES(second.rung = RUNG_SENT, GATE_NOT_RECEIPTED);
	REFUSES(second.rung = (enum rung)0, GATE_NOT_RECEIPTED);
	REFUSES(second.refused = true, GATE_NOT_RECEIPTED);
	REFUSES(second.doubted = true, GATE_RECEIPT_DOUBTED);
	REFUSES(first.astray = true, GATE_RECEIPT_DOUBTED);
	REFUSES(first.length_bytes = 999, GATE_RECEIPT_LENGTH);
	REFUSES(asset.size_bytes = 1001, GATE_RECEIPT_LENGTH);
	REFUSES(second.sha256[5] = 'f', GATE_RECEIPT_DIGEST);
	REFUSES(second.sha256[0] = '\0', GATE_RECEIPT_DIGEST);
	REFUSES((facts.accept = LEVEL_LENGTH, first.level = LEVEL_LENGTH, first.sha256[0] = 'x'),
	    GATE_RECEIPT_DIGEST);
	REFUSES((facts.accept = LEVEL_LENGTH, first.level = LEVEL_STORED_DIGEST,
		    first.sha256[0] = '\0'),
	    GATE_RECEIPT_DIGEST);
	REFUSES((first.sha256[0] = '\0', first.level = LEVEL_STORED_DIGEST,
		    facts.accept = LEVEL_LENGTH),
	    GATE_RECEIPT_DIGEST);
	REFUSES((first.sha256[3] = 'x', first.level = LEVEL_LENGTH, facts.accept = LEVEL_LENGTH),
	    GATE_RECEIPT_DIGEST);
	REFUSES(first.level = LEVEL_READBACK, GATE_RECEIPT_LEVEL);
	REFUSES(first.level = LEVEL_NONE, GATE_RECEIPT_LEVEL);
	REFUSES(first.level = (enum receipt_level)99, GATE_RECEIPT_LEVEL);
	REFUSES(facts.accept = LEVEL_NONE, GATE_RECEIPT_LEVEL);
	REFUSES(facts.accept = (enum receipt_level)99, GATE_RECEIPT_LEVEL);
	REFUSES((facts.accept = LEVEL_LOCAL, second.level = LEVEL_LOCAL), GATE_RECEIPT_LOCAL);
	REFUSES(sign("unsigned"), GATE_SIGNATURE);
	REFUSES(sign("mismatch"), GATE_SIGNATURE);
	REFUSES(asset.signature[0] = '\0', GATE_SIGNATURE);
	REFUSES((facts.signing = SIGNING_NONE, sign("cut-short")), GATE_SIGNATURE);
	REFUSES(facts.signing = SIGNING_UNSET, GATE_SIGNATURE_UNKNOWN);
	REFUSES(facts.signing = (enum profile_signing)9, GATE_SIGNATURE_UNKNOWN);
	REFUSES(facts.logs_receipted = false, GATE_LOG);
	REFUSES(facts.logs = LOGS_UNSET, GATE_LOG_UNKNOWN);
	REFUSES(facts.logs = (enum profile_logs)9, GATE_LOG_UNKNOWN);
	REFUSES(facts.identity_proved = false, GATE_IDENTITY);
	REFUSES(asset.camera[0] = '\0', GATE_IDENTITY);
	REFUSES(asset.protected_ = true, GATE_PROTECTED);
	REFUSES(facts.unpreserved = false, GATE_PRESERVED);
	REFUSES(asset.pulled_docking = 2, GATE_NOT_COMPARED);
	REFUSES(asset.pulled_docking = 0, GATE_NOT_COMPARED);
	REFUSES((facts.docking = 0, asset.pulled_docking = 0), GATE_NOT_COMPARED);
	REFUSES(facts.erasing = ERASING_NONE, GATE_CANNOT_ERASE);
	REFUSES(facts.erasing = ERASING_DISK, GATE_DISK);
	REFUSES(facts.erasing = ERASING_NOT_HERE, GATE_NOT_ERASABLE);
	REFUSES(facts.erasing = ERASING_LOCKED, GATE_READ_ONLY);
	REFUSES(facts.erasing = (enum erasing)9, GATE_CANNOT_ERASE);
	REFUSES(asset.needs_person = true, GATE_NEEDS_PERSON);
	REFUSES(asset.erased = true, GATE_ERASED);
	REFUSES(asset.gone = true, GATE_ERASED);
	REFUSES(facts.journal_works = false, GATE_SPACE);
}

/* Each fact can only close: with any two of them missing it stays shut. */
static void two_missing_facts_refuse(void **state)
{
	static bool *const facts_of[] = { &facts.erase, &facts.journal_works,
		&facts.identity_proved, &facts.logs_receipted, &facts.unpreserved };

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		for (size_t k = 0; k < 5; k++) {
			open_facts();
			*facts_of[i] = *facts_of[k] = false;
			assert_int_not_equal(gate_ask(&facts), GATE_OPEN);
		}
		open_facts();
		*facts_of[i] = false;
		facts.erasing = ERASING_NONE;
		assert_int_not_equal(gate_ask(&facts), GATE_OPEN);
	}
	memset(&facts, 0, sizeof(facts));
	assert_int_not_equal(gate_ask(&facts), GATE_OPEN);
}

static void any_destination(void **state)
{
	(void)state;
	OPENS((facts.any = true, second.rung = RUNG_SENT));
	OPENS((facts.any = true, uploads[0] = NULL));
	OPENS((facts.any = true, first.level = LEVEL_LOCAL));
	REFUSES((facts.any = true, first.rung = second.rung = RUNG_SENT), GATE_NOT_RECEIPTED);
	REFUSES((facts.any = true, first.rung = RUNG_SENT, second.level = LEVEL_LENGTH),
	    GATE_RECEIPT_LEVEL);
	REFUSES((facts.any = true, first.length_bytes = 1, second.sha256[0] = 'x'),
	    GATE_RECEIPT_DIGEST);
	REFUSES((facts.any = true, facts.uploads_n = 0), GATE_NOT_RECEIPTED);
}

/* One way round the enum: every level below the accepted one refuses, every other opens. */
static void levels(void **state)
{
	(void)state;
	for (int accept = LEVEL_LOCAL; accept <= LEVEL_SIGNED; accept++) {
		for (int level = LEVEL_NONE; level <= LEVEL_SIGNED; level++) {
			bool opens = level >= accept && level > LEVEL_LOCAL;

			open_facts();
			facts.accept = (enum receipt_level)accept;
			first.level = second.level = (enum receipt_level)level;
			assert_int_equal(gate_ask(&facts) == GATE_OPEN, opens);
		}
	}
}

#define KEEPS(change, why)                                                                         \
	do {                                                                                       \
		open_facts();                                                                      \
		first.confirmed_at_s = second.confirmed_at_s = 9;                                  \
		change;                                                                            \
		assert_string_equal(retire_word(retire_ask(&facts)), retire_word(why));            \
	} while (0)

/* The station's copy: everything that the gate asks of receipts, and a later answer. */
static void copies_stay(void **state)
{
	(void)state;
	KEEPS((void)0, RETIRE_OPEN);
	KEEPS(asset.kind = KIND_OTHER, RETIRE_OPEN);
	KEEPS((facts.erase = false, facts.docking = 0, asset.erased = true), RETIRE_OPEN);
	KEEPS(asset.kind = KIND_LOG, RETIRE_KIND);
	KEEPS(asset.kind = KIND_SIDECAR, RETIRE_KIND);
	KEEPS(asset.kind = KIND_REPORT, RETIRE_KIND);
	KEEPS(facts.asset = NULL, RETIRE_KIND);
	KEEPS(asset.file = FILE_RETIRED, RETIRE_NO_COPY);
	KEEPS(asset.file = FILE_PART, RETIRE_NO_COPY);
	KEEPS(asset.merged_into = 3, RETIRE_NO_COPY);
	KEEPS(asset.rung = RUNG_STAGED, RETIRE_NO_COPY);
	KEEPS(asset.sha256[0] = '\0', RETIRE_NO_COPY);
	KEEPS(first.rung = RUNG_SENT, RETIRE_NOT_RECEIPTED);
	KEEPS(second.level = LEVEL_READBACK, RETIRE_NOT_RECEIPTED);
	KEEPS(second.sha256[3] = 'x', RETIRE_NOT_RECEIPTED);
	KEEPS(second.length_bytes = 1, RETIRE_NOT_RECEIPTED);
	KEEPS((facts.accept = LEVEL_LOCAL, first.level = LEVEL_LOCAL), RETIRE_NOT_RECEIPTED);
	KEEPS(facts.uploads_n = 0, RETIRE_NOT_RECEIPTED);
	KEEPS(first.confirmed_at_s = 0, RETIRE_NOT_CONFIRMED);
	KEEPS(second.confirmed_at_s = 0, RETIRE_NOT_CONFIRMED);
	KEEPS((facts.any = true, second.confirmed_at_s = 0), RETIRE_OPEN);
	KEEPS((facts.any = true, first.confirmed_at_s = second.confirmed_at_s = 0),
	    RETIRE_NOT_CONFIRMED);
	/* one has given the receipt, only the other was confirmed: not both of the same */
	KEEPS((facts.any = true, first.confirmed_at_s = 0, second.rung = RUNG_SENT),
	    RETIRE_NOT_CONFIRMED);
	KEEPS(facts.unpreserved = false, RETIRE_PRESERVED);
	KEEPS(asset.needs_person = true, RETIRE_NEEDS_PERSON);
	KEEPS(facts.journal_works = false, RETIRE_JOURNAL);
	/* nobody knows what the refused configuration asks for: the most that can be had, everywhere */
	KEEPS(facts.configuration_refused = true, RETIRE_OPEN);
	KEEPS((facts.configuration_refused = true, facts.accept = LEVEL_LENGTH), RETIRE_OPEN);
	KEEPS((facts.configuration_refused = true, facts.accept = LEVEL_LENGTH,
		  first.level = second.level = LEVEL_READBACK),
	    RETIRE_OPEN);
	KEEPS((facts.configuration_refused = true, facts.accept = LEVEL_LENGTH,
		  second.level = LEVEL_STORED_DIGEST),
	    RETIRE_CONFIGURATION);
	KEEPS((facts.configuration_refused = true, facts.any = true), RETIRE_OPEN);
	KEEPS((facts.configuration_refused = true, facts.any = true, second.rung = RUNG_SENT),
	    RETIRE_CONFIGURATION);
	KEEPS((facts.configuration_refused = true, facts.any = true, second.confirmed_at_s = 0),
	    RETIRE_CONFIGURATION);
	KEEPS(
	    (facts.configuration_refused = true, facts.accept = LEVEL_NONE), RETIRE_NOT_RECEIPTED);
	memset(&facts, 0, sizeof(facts));
	assert_int_not_equal(retire_ask(&facts), RETIRE_OPEN);
	for (int r = RETIRE_OPEN; r <= RETIRE_JOURNAL; r++)
		assert_string_not_equal(retire_word((enum retire)r), "unknown");
}

/* An answer confirms by what the destination states, never by less than a level that was named. */
static void levels_that_confirm(void **state)
{
	(void)state;
	assert_true(level_confirms(LEVEL_READBACK, LEVEL_SIGNED));
	assert_true(level_confirms(LEVEL_STORED_DIGEST, LEVEL_SIGNED));
	assert_true(level_confirms(LEVEL_SIGNED, LEVEL_SIGNED));
	assert_false(level_confirms(LEVEL_TRANSFER_DIGEST, LEVEL_SIGNED));
	assert_false(level_confirms(LEVEL_LENGTH, LEVEL_READBACK));
	assert_true(level_confirms(LEVEL_LENGTH, LEVEL_LENGTH));
	assert_false(level_confirms(LEVEL_LOCAL, LEVEL_LOCAL));
	assert_false(level_confirms(LEVEL_LOCAL, LEVEL_LENGTH));
	assert_false(level_confirms(LEVEL_NONE, LEVEL_NONE));
	assert_false(level_confirms(LEVEL_READBACK, LEVEL_NONE));
	assert_false(level_confirms((enum receipt_level)99, LEVEL_LENGTH));
}

static void words(void **state)
{
	enum receipt_level l;
	enum object_kind k;

	(void)state;
	for (int g = GATE_OPEN; g <= GATE_SPACE; g++) {
		assert_string_not_equal(gate_word((enum gate)g), "unknown");
		assert_true(strlen(gate_sentence((enum gate)g)) > 10);
		for (int h = g + 1; h <= GATE_SPACE; h++)
			assert_string_not_equal(gate_word((enum gate)g), gate_word((enum gate)h));
	}
	assert_string_equal(gate_word((enum gate)99), "unknown");
	assert_string_equal(gate_word((enum gate) - 1), "unknown");
	for (int i = LEVEL_LOCAL; i <= LEVEL_SIGNED; i++) {
		assert_int_equal(level_of_word(level_word((enum receipt_level)i), &l), 0);
		assert_int_equal(l, i);
	}
	for (int i = KIND_FOLDER; i <= KIND_IGNORED; i++) {
		assert_int_equal(kind_of_word(kind_word((enum object_kind)i), &k), 0);
		assert_int_equal(k, i);
	}
	assert_int_equal(level_of_word("fast", &l), -EINVAL);
	assert_int_equal(level_of_word("none", &l), -EINVAL);
	assert_string_equal(rung_word(RUNG_RECEIPTED), "receipted");
}

static void rungs(void **state)
{
	(void)state;
	open_facts();
	assert_int_equal(asset_rung(&asset, uploads, 2, false), RUNG_RECEIPTED);
	second.rung = RUNG_SENT;
	assert_int_equal(asset_rung(&asset, uploads, 2, false), RUNG_SENT);
	assert_int_equal(asset_rung(&asset, uploads, 2, true), RUNG_RECEIPTED);
	uploads[1] = NULL;
	assert_int_equal(asset_rung(&asset, uploads, 2, false), RUNG_CHECKED);
	assert_int_equal(asset_rung(&asset, NULL, 0, false), RUNG_CHECKED);
	asset.rung = RUNG_STAGED;
	assert_int_equal(asset_rung(&asset, uploads, 2, true), RUNG_STAGED);
	asset.erased = true;
	assert_int_equal(asset_rung(&asset, uploads, 2, true), RUNG_ERASED);
}

static void times(void **state)
{
	int64_t now = 1800000000;

	(void)state;
	assert_true(asset_time_plausible(now, now));
	assert_true(asset_time_plausible(now + 86400, now));
	assert_false(asset_time_plausible(now + 86401, now));
	assert_true(asset_time_plausible(1420070400, now));
	assert_false(asset_time_plausible(1420070399, now));
	assert_false(asset_time_plausible(0, now));
	assert_false(asset_time_plausible(PROTO_NO_TIME, now));
}

/* printf 'dockd asset v1\nCAM\n%s\n' SHA | sha256sum */
static void ids(void **state)
{
	char text[200], id[PROTO_ID_LEN], other[PROTO_ID_LEN], camera[400];

	(void)state;
	assert_int_equal(asset_id_text("CAM", SHA, text, sizeof(text)), 15 + 4 + 65);
	assert_string_equal(text, "dockd asset v1\nCAM\n" SHA "\n");
	assert_int_equal(asset_id_text("CAM", SHA, text, 84), -ENOSPC);
	assert_int_equal(asset_id("CAM", SHA, id), 0);
	assert_string_equal(id, "ba4fff5c6f076831d712804047d371ee7b2f4d8860eb8f3f53aca89c0ad9c5e4");
	assert_int_equal(asset_id("CAN", SHA, other), 0);
	assert_string_not_equal(id, other);
	memset(camera, 'x', sizeof(camera));
	camera[399] = '\0';
	assert_int_equal(asset_id(camera, SHA, id), -ENOSPC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_there),
		cmocka_unit_test(each_missing_fact_refuses),
		cmocka_unit_test(two_missing_facts_refuse),
		cmocka_unit_test(any_destination),
		cmocka_unit_test(levels),
		cmocka_unit_test(copies_stay),
		cmocka_unit_test(levels_that_confirm),
		cmocka_unit_test(words),
		cmocka_unit_test(rungs),
		cmocka_unit_test(times),
		cmocka_unit_test(ids),
	};

	return cmocka_run_group_tests_name("asset", tests, NULL, NULL);
}
