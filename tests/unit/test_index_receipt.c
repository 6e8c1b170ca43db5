/*
 * index_receipt: who is asked again and when, what a loss undoes, what may be retired.
 */
#include "../../dockd/index_asset.h"
#include "../../dockd/index_binding.h"
#include "../../dockd/index_inner.h"
#include "../../dockd/index_policy.h"
#include "../../dockd/index_receipt.h"

#include "fresh_index.h"
#include "waiting.h"

#include <errno.h>

#define DAY INT64_C(86400)

static int64_t now_s;

static int setup(void **state)
{
	static const char *const names[] = { "one", "two" };

	setup_index(state);
	now_s = 1000 * DAY;
	assert_int_equal(index_set_policy(ix, names, 2, false), 0);
	return 0;
}

static void put(void)
{
	apply_at(now_s);
}

static void put_there(const char *type, uint64_t asset, const char *destination)
{
	begin(type, asset);
	record_text(&rec, "destination", destination);
	if (strcmp(type, "receipted") == 0 || strcmp(type, "confirmed") == 0)
		record_text(&rec, "level", "readback");
	if (strcmp(type, "receipted") == 0) {
		record_number(&rec, "length", 100);
		record_text(&rec, "sha256", "aa");
	}
	if (strcmp(type, "created") == 0)
		record_text(&rec, "address", "https://example/1");
	record_text(&rec, "result", "forged");
	record_text(&rec, "text", "why");
	put();
}

static void put_checked_clip(uint64_t asset)
{
	char text[32];

	put_found(asset, 1, "CAM", KIND_CLIP, "a.mp4", 100, PROTO_NO_TIME);
	begin("staged", asset);
	record_number(&rec, "size", 100);
	record_text(&rec, "boot", "b");
	put();
	begin("checked", asset);
	record_text(&rec, "sha256", "aa");
	snprintf(text, sizeof(text), "id%u", (unsigned)asset);
	record_text(&rec, "id", text);
	record_text(&rec, "signature", "unsigned");
	put();
}

static void put_retired(uint64_t asset)
{
	begin("retired", asset);
	record_text(&rec, "reason", "confirmed");
	put();
}

/* All that is to be asked of a destination, in order. */
static void expect(const char *destination, bool again, int64_t before_s, const char *wanted)
{
	struct confirm_place place = { 0 };
	char text[100] = "";

	while (index_to_confirm(
		   ix, destination, again ? CONFIRM_AGAIN : CONFIRM_FIRST, before_s, &place) == 0)
		snprintf(
		    text + strlen(text), sizeof(text) - strlen(text), "%u ", (unsigned)place.asset);
	assert_string_equal(text, wanted);
}

static void expect_retire(const char *wanted)
{
	struct confirm_place place = { 0 };
	char text[100] = "";

	while (index_to_retire(ix, &place) == 0)
		snprintf(
		    text + strlen(text), sizeof(text) - strlen(text), "%u ", (unsigned)place.asset);
	assert_string_equal(text, wanted);
}

static void oldest_first_and_not_before(void **state)
{
	(void)state;
	put_docked(1, "3", "CAM");
	for (uint64_t i = 1; i <= 3; i++)
		put_checked_clip(i);
	put_there("receipted", 2, "one");
	now_s += DAY;
	put_there("receipted", 1, "one");
	put_there("receipted", 3, "one");
	put_there("receipted", 3, "two");
	expect("one", false, now_s - DAY - 1, "");
	expect("one", false, now_s - DAY, "2 ");
	expect("one", false, now_s, "2 1 3 ");
	expect("two", false, now_s, "3 ");
	now_s += DAY;
	put_there("confirmed", 1, "one");
	expect("one", false, now_s, "2 3 ");
	expect("one", true, now_s - 1, "");
	expect("one", true, now_s, "1 ");
}

static void all_must_confirm_before_a_copy_goes(void **state)
{
	static const char *const names[] = { "one", "two" };
	struct asset a;

	(void)state;
	put_docked(1, "3", "CAM");
	put_checked_clip(1);
	put_there("receipted", 1, "one");
	put_there("receipted", 1, "two");
	put_there("confirmed", 1, "two");
	expect_retire("");
	assert_int_equal(index_set_policy(ix, names, 2, true), 0);
	expect_retire("1 ");
	assert_int_equal(index_set_policy(ix, names, 2, false), 0);
	expect_retire("");
	put_there("confirmed", 1, "one");
	expect_retire("1 ");
	put_retired(1);
	expect_retire("");
	assert_int_equal(index_asset(ix, 1, &a), 0);
	assert_int_equal(a.file, FILE_RETIRED);
	expect("one", true, now_s, ""); /* with no copy here nothing could be mended */
	/* a new receipt is one that nobody has confirmed */
	put_checked_clip(2);
	put_there("receipted", 2, "one");
	put_there("confirmed", 2, "one");
	put_there("receipted", 2, "one");
	put_there("receipted", 2, "two");
	put_there("confirmed", 2, "two");
	expect_retire("");
}

static void a_loss_undoes_the_receipt(void **state)
{
	uint64_t numbers[4], lost, refused;
	struct upload u;

	(void)state;
	put_docked(1, "3", "CAM");
	put_checked_clip(1);
	put_there("created", 1, "one");
	put_there("receipted", 1, "one");
	put_there("receipted", 1, "two");
	assert_int_equal(waiting(ix, "one", NULL, 0, numbers, 4), 0);
	assert_int_equal(index_to_erase(ix, 1, 0, numbers, 4), 1);
	put_there("lost", 1, "one");
	assert_int_equal(index_upload(ix, 1, "one", &u), 0);
	assert_int_equal(u.rung, RUNG_CHECKED);
	assert_int_equal(u.lost, 1);
	assert_string_equal(u.address, "");
	assert_int_equal(waiting(ix, "one", NULL, 0, numbers, 4), 1);
	index_receipt_troubles(ix, &lost, &refused);
	assert_int_equal(lost, 1);
	put_there("confirmed", 1, "one"); /* an answer that crossed the loss confirms nothing */
	expect("one", false, now_s, "");
	expect("one", true, now_s, "");
	now_s += DAY;
	put_there("created", 1, "one");
	assert_int_equal(index_upload(ix, 1, "one", &u), 0);
	assert_int_equal(u.began_s, now_s);
	put_there("receipted", 1, "one");
	index_receipt_troubles(ix, &lost, &refused);
	assert_int_equal(lost, 0);
	expect("one", false, now_s, "1 ");
}

static uint64_t losses(void)
{
	uint64_t lost = 99, refused;

	assert_int_equal(index_receipt_troubles(ix, &lost, &refused), 0);
	return lost;
}

/* Lost with no copy here: told until a person has seen to it. With another one that has it: not. */
static void a_loss_that_only_a_person_mends(void **state)
{
	static const char *const names[] = { "one", "two" };
	struct asset a;

	(void)state;
	put_docked(1, "3", "CAM");
	for (uint64_t i = 1; i <= 2; i++) {
		put_checked_clip(i);
		put_there("receipted", i, "one");
		put_there("receipted", i, "two");
		put_retired(i);
		put_there("lost", i, "one");
		put_asset("trouble", i);
	}
	assert_int_equal(losses(), 2);
	begin("retry", 1);
	put();
	assert_int_equal(losses(), 1);
	assert_int_equal(index_asset(ix, 1, &a), 0);
	assert_false(a.needs_person);
	assert_int_equal(index_set_policy(ix, names, 2, true), 0);
	assert_int_equal(losses(), 0);
	put_there("lost", 2, "two");
	assert_int_equal(losses(), 2);
	begin("retry", 0); /* all */
	put();
	assert_int_equal(losses(), 0);
}

/* What is marked for disposal is asked for no more, unless an order may keep it. */
static void marked_and_preserved(void **state)
{
	(void)state;
	put_docked(1, "3", "CAM");
	put_checked_clip(1);
	put_checked_clip(2);
	put_there("receipted", 1, "one");
	put_there("receipted", 2, "one");
	put_asset("marked", 1);
	expect("one", false, now_s, "2 ");
	begin("preserve", 0);
	record_number(&rec, "order", 1);
	record_text(&rec, "scope", "asset");
	record_text(&rec, "value", "id1");
	record_text(&rec, "reason", "r");
	record_number(&rec, "uid", 0);
	put();
	expect("one", false, now_s, "1 2 ");
	begin("lift", 0);
	record_number(&rec, "order", 1);
	record_text(&rec, "reason", "r");
	record_number(&rec, "uid", 0);
	put();
	expect("one", false, now_s, "2 ");
}

/* The number that the store told, and whether it counts. */
static void expect_hold(uint32_t held, bool releasing)
{
	struct upload u;

	assert_int_equal(index_upload(ix, 1, "one", &u), 0);
	assert_int_equal(u.held, held);
	assert_int_equal(u.releasing, releasing);
}

static void put_number(const char *type, const char *key, int64_t number)
{
	begin(type, 1);
	record_text(&rec, "destination", "one");
	record_text(&rec, "level", "readback");
	record_text(&rec, "text", "why");
	if (key)
		record_number(&rec, key, number);
	put();
}

static void told_to_let_go(void **state)
{
	(void)state;
	put_docked(1, "3", "CAM");
	put_checked_clip(1);
	put_there("receipted", 1, "one");
	put_number("release-intent", NULL, 0);
	expect_hold(HOLD_NONE, false);
	put_number("held", "on", HOLD_LEGAL);
	expect_hold(HOLD_LEGAL, false);
	put_number("release-intent", NULL, 0);
	expect_hold(HOLD_LEGAL, true);
	/* asked whether it has it, it may have answered before it was told */
	put_number("confirmed", NULL, 0);
	expect_hold(HOLD_LEGAL, true);
	put_number("confirmed", "held", HOLD_MARK);
	expect_hold(HOLD_MARK, true);
	put_number("held", "on", HOLD_LEGAL);
	expect_hold(HOLD_LEGAL, false);
	put_number("release-intent", NULL, 0);
	put_number("held", "on", HOLD_NONE);
	expect_hold(HOLD_NONE, false);
	put_number("held", "on", HOLD_LEGAL);
	put_number("release-intent", NULL, 0);
	put_number("confirmed", "held", HOLD_NONE);
	expect_hold(HOLD_NONE, false);
	put_number("held", "on", HOLD_LEGAL);
	put_number("release-intent", NULL, 0);
	put_number("lost", NULL, 0);
	expect_hold(HOLD_NONE, false);
}

static void receipts_refused_are_counted_in_a_row(void **state)
{
	uint64_t lost, refused;
	struct upload u;

	(void)state;
	put_docked(1, "3", "CAM");
	put_checked_clip(1);
	put_there("created", 1, "one");
	put_there("receipt-refused", 1, "one");
	put_there("receipt-refused", 1, "one");
	assert_int_equal(index_upload(ix, 1, "one", &u), 0);
	assert_int_equal(u.refusals, 2);
	assert_int_equal(u.rung, RUNG_SENT);
	assert_string_equal(u.address, "https://example/1");
	index_receipt_troubles(ix, &lost, &refused);
	assert_int_equal(refused, 1);
	put_there("refused", 1, "one");
	begin("retry", 1);
	put();
	assert_int_equal(index_upload(ix, 1, "one", &u), 0);
	assert_int_equal(u.refusals, 0);
	put_there("receipt-refused", 1, "one");
	put_there("receipted", 1, "one");
	assert_int_equal(index_upload(ix, 1, "one", &u), 0);
	assert_int_equal(u.refusals, 0);
	index_receipt_troubles(ix, &lost, &refused);
	assert_int_equal(refused, 0);
}

/* What was there before is another's until it was begun anew; told again it stays what it was. */
static void what_was_found(void **state)
{
	struct upload u;

	(void)state;
	put_docked(1, "3", "CAM");
	put_checked_clip(1);
	begin("created", 1);
	record_text(&rec, "destination", "one");
	record_text(&rec, "address", "https://example/1");
	record_number(&rec, "found", 1);
	put();
	put_there("created", 1, "one"); /* the same address, with another day of expiry */
	assert_int_equal(index_upload(ix, 1, "one", &u), 0);
	assert_true(u.found);
	put_there("recreated", 1, "one");
	put_there("created", 1, "one");
	assert_int_equal(index_upload(ix, 1, "one", &u), 0);
	assert_false(u.found);
}

static uint64_t attention(void)
{
	struct index_counts n;

	assert_int_equal(index_counts(ix, &n), 0);
	return n.needs_person;
}

/* Where one is enough, a refusal calls nobody once another one has it; if that loses it, it does. */
static void a_refusal_ends_with_the_receipt(void **state)
{
	static const char *const names[] = { "one", "two" };
	uint64_t lost, refused;
	struct upload u;

	(void)state;
	assert_int_equal(index_set_policy(ix, names, 2, true), 0);
	put_docked(1, "3", "CAM");
	put_checked_clip(1);
	put_there("created", 1, "one");
	put_there("receipt-refused", 1, "one");
	put_there("refused", 1, "one");
	assert_int_equal(attention(), 1);
	put_there("receipted", 1, "two");
	assert_int_equal(attention(), 0);
	assert_int_equal(index_receipt_troubles(ix, &lost, &refused), 0);
	assert_int_equal(refused, 0);
	assert_int_equal(index_upload(ix, 1, "one", &u), 0);
	assert_true(u.refused);
	assert_string_equal(u.reason, "why");
	put_there("lost", 1, "two");
	assert_int_equal(attention(), 1);
	put_there("receipted", 1, "two");
	assert_int_equal(index_set_policy(ix, names, 2, false), 0);
	assert_int_equal(attention(), 1);
}

static void put_bound(const char *type, const char *identity)
{
	record_begin(&rec, type);
	record_text(&rec, "destination", "one");
	record_text(&rec, "identity", identity);
	record_text(&rec, "reason", "r");
	record_number(&rec, "uid", 0);
	put();
}

static void expect_doubted(const char *wanted)
{
	struct confirm_place place = { 0 };
	char text[100] = "";

	while (index_to_confirm(ix, "one", CONFIRM_DOUBTED, INT64_MAX, &place) == 0)
		snprintf(
		    text + strlen(text), sizeof(text) - strlen(text), "%u ", (unsigned)place.asset);
	assert_string_equal(text, wanted);
}

/* 1 and 2 receipted everywhere and confirmed, 2 with no copy here, 3 begun, 4 refused. */
static void put_four(void)
{
	put_docked(1, "3", "CAM");
	for (uint64_t i = 1; i <= 4; i++)
		put_checked_clip(i);
	for (uint64_t i = 1; i <= 3; i++)
		put_there("created", i, "one");
	for (uint64_t i = 1; i <= 2; i++) {
		put_there("receipted", i, "one");
		put_there("receipted", i, "two");
		put_there("confirmed", i, "one");
		put_there("confirmed", i, "two");
	}
	put_retired(2);
	put_there("refused", 4, "one");
}

static void another_one_answers(void **state)
{
	static const char *const names[] = { "one", "two" };
	struct upload u;
	struct bound b;

	(void)state;
	assert_int_equal(index_bound(ix, "one", &b), -ENOENT);
	put_four();
	put_bound("bound", "dir a");
	assert_int_equal(index_bound(ix, "one", &b), 0);
	assert_string_equal(b.identity, "dir a");
	assert_false(index_astray(ix, KIND_CLIP));
	assert_true(index_is_receipted(ix, 1));
	put_bound("another", "dir b");
	assert_int_equal(index_bound(ix, "one", &b), 0);
	assert_string_equal(b.identity, "dir a");
	assert_string_equal(b.other, "dir b");
	assert_true(index_astray(ix, KIND_CLIP));
	assert_false(index_is_receipted(ix, 1));
	assert_int_equal(index_upload(ix, 1, "one", &u), 0);
	assert_true(u.astray && !u.doubted && u.rung == RUNG_RECEIPTED);
	assert_int_equal(index_upload(ix, 1, "two", &u), 0);
	assert_false(u.astray || u.doubted);
	/* what is configured no more calls nothing into question */
	assert_int_equal(index_set_policy(ix, &names[1], 1, false), 0);
	assert_true(index_is_receipted(ix, 1));
	assert_int_equal(index_set_policy(ix, names, 2, false), 0);
	assert_false(index_is_receipted(ix, 1));
	put_bound("bound", "dir a"); /* it is back */
	assert_true(index_is_receipted(ix, 1));
	assert_int_equal(index_upload(ix, 1, "one", &u), 0);
	assert_false(u.astray);
	/* nor does anything rest on one that has not said what it is, where it is asked for */
	index_set_unmet(ix, names, 1);
	assert_true(index_is_unmet(ix, "one") && !index_is_unmet(ix, "two"));
	assert_true(index_astray(ix, KIND_CLIP));
	assert_false(index_is_receipted(ix, 1));
	assert_int_equal(index_upload(ix, 1, "one", &u), 0);
	assert_true(u.astray);
	assert_int_equal(index_upload(ix, 1, "two", &u), 0);
	assert_false(u.astray);
	assert_int_equal(index_set_policy(ix, &names[1], 1, false), 0);
	assert_true(index_is_receipted(ix, 1));
	assert_int_equal(index_set_policy(ix, names, 2, false), 0);
	assert_false(index_is_receipted(ix, 1));
	index_set_unmet(ix, names, 0);
	assert_true(index_is_receipted(ix, 1));
	assert_false(index_astray(ix, KIND_CLIP));
	expect_doubted("");
}

static void bound_anew(void **state)
{
	uint64_t numbers[4], n;
	struct upload u;
	struct bound b;

	(void)state;
	put_four();
	put_bound("bound", "dir a");
	put_bound("another", "dir b");
	expect_retire("1 ");
	assert_int_equal(waiting(ix, "one", NULL, 0, numbers, 4), 1);
	put_bound("rebound", "dir b");
	assert_int_equal(index_bound(ix, "one", &b), 0);
	assert_string_equal(b.identity, "dir b");
	assert_string_equal(b.other, "");
	/* nothing rests on the receipts of the old one; those of the other destination stand */
	assert_int_equal(index_upload(ix, 1, "one", &u), 0);
	assert_true(u.doubted && u.rung == RUNG_RECEIPTED && u.confirmed_at_s == 0);
	assert_int_equal(index_upload(ix, 1, "two", &u), 0);
	assert_false(u.doubted);
	assert_false(index_is_receipted(ix, 1) || index_is_receipted(ix, 2));
	expect_retire("");
	expect_doubted("1 ");
	expect("one", false, now_s, "2 "); /* no copy here: at its time, as others */
	assert_int_equal(index_doubted(ix, "one", &n), 0);
	assert_int_equal(n, 1);
	/* what was begun or refused begins anew */
	assert_int_equal(waiting(ix, "one", NULL, 0, numbers, 4), 2);
	assert_int_equal(index_upload(ix, 3, "one", &u), 0);
	assert_string_equal(u.address, "");
	put_there("confirmed", 1, "one");
	expect_doubted("");
	assert_true(index_is_receipted(ix, 1));
	expect_retire("1 ");
	/* and again: what it does not have is sent */
	put_bound("another", "dir c");
	put_bound("rebound", "dir c");
	put_there("recreated", 1, "one");
	expect_doubted("");
	assert_int_equal(waiting(ix, "one", NULL, 0, numbers, 4), 3);
	put_there("receipted", 1, "one");
	assert_int_equal(index_upload(ix, 1, "one", &u), 0);
	assert_false(u.doubted);
	/* where there is no mark there is nothing to ask for */
	put_there("created", 1, "one");
	put_bound("another", "none");
	put_bound("rebound", "");
	expect_doubted("");
	assert_int_equal(waiting(ix, "one", NULL, 0, numbers, 4), 3);
	assert_int_equal(index_upload(ix, 2, "one", &u), 0);
	assert_true(u.doubted); /* what is not here any more cannot be sent */
}

/* Confirmed by a folder that is another one now, with no copy here: it is there, and no more. */
static void confirmed_where_the_disk_cannot_be_told(void **state)
{
	struct upload u;

	(void)state;
	put_four();
	put_bound("bound", "dir a");
	put_bound("another", "dir b");
	put_bound("rebound", "dir b");
	for (uint64_t i = 1; i <= 2; i++) {
		begin("confirmed", i);
		record_text(&rec, "destination", "one");
		record_text(&rec, "level", i == 2 ? "local" : "stored-digest");
		put();
		assert_int_equal(index_upload(ix, i, "one", &u), 0);
		assert_false(u.doubted);
		assert_int_equal(u.level, i == 2 ? LEVEL_LOCAL : LEVEL_READBACK);
	}
	assert_true(index_is_receipted(ix, 2));
	expect("one", false, now_s, ""); /* asked, and nothing could be mended */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(oldest_first_and_not_before, setup, teardown_index),
		cmocka_unit_test_setup_teardown(
		    all_must_confirm_before_a_copy_goes, setup, teardown_index),
		cmocka_unit_test_setup_teardown(a_loss_undoes_the_receipt, setup, teardown_index),
		cmocka_unit_test_setup_teardown(
		    a_loss_that_only_a_person_mends, setup, teardown_index),
		cmocka_unit_test_setup_teardown(what_was_found, setup, teardown_index),
		cmocka_unit_test_setup_teardown(
		    a_refusal_ends_with_the_receipt, setup, teardown_index),
		cmocka_unit_test_setup_teardown(marked_and_preserved, setup, teardown_index),
		cmocka_unit_test_setup_teardown(another_one_answers, setup, teardown_index),
		cmocka_unit_test_setup_teardown(bound_anew, setup, teardown_index),
		cmocka_unit_test_setup_teardown(
		    confirmed_where_the_disk_cannot_be_told, setup, teardown_index),
		cmocka_unit_test_setup_teardown(told_to_let_go, setup, teardown_index),
		cmocka_unit_test_setup_teardown(
		    receipts_refused_are_counted_in_a_row, setup, teardown_index),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
