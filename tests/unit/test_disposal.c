/*
 * disposal: an order finds the asset as it is at that moment, whatever has just been told of it.
 *
 * On a real journal; the staging has no file of it, and no destination is configured.
 */
#include "../../dockd/disposal.h"

#include "../../dockd/index_asset.h"
#include "../../dockd/index_retention.h"
#include "../../dockd/retention.h"
#include "folder.h"
#include "write.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static char dir[128];
static struct journal *j;
static struct disposer *d;

static void put(void)
{
	assert_int_equal(journal_write(j, &rec), 0);
}

bool staging_keeps(struct staging *s, uint64_t number)
{
	(void)s;
	(void)number;
	return false;
}

int staging_dispose(struct staging *s, uint64_t number)
{
	(void)s;
	(void)number;
	fail();
	return 0;
}

void uplink_asset(
    struct uplink *u, const char *destination, uint64_t asset, struct uplink_asset *out)
{
	(void)u;
	(void)destination;
	(void)asset;
	*out = (struct uplink_asset){ 0 };
}

uint32_t uplink_can(const struct uplink *u, const char *destination)
{
	(void)u;
	(void)destination;
	return 0;
}

int uplink_describe(
    struct uplink *u, uint64_t asset, const char *destination, struct proto_upload *out)
{
	(void)u;
	(void)asset;
	(void)destination;
	(void)out;
	return -ENOENT;
}

int uplink_errand(struct uplink *u, const char *destination, const struct uplink_errand *e)
{
	(void)u;
	(void)destination;
	(void)e;
	return -ENOENT;
}

bool retention_preserves(struct index *ix, const struct asset *a)
{
	(void)ix;
	(void)a;
	return false;
}

bool retention_preserved_before(struct index *ix, const struct asset *a)
{
	(void)ix;
	(void)a;
	return false;
}

static int setup(void **state)
{
	const char *why = "";

	(void)state;
	folder_make(dir);
	assert_int_equal(journal_open(dir, "station", &j, &why), 0);
	d = disposer_new(j, NULL, NULL);
	put_docked(1, "1", "A");
	put_whole(1, 1, "A", KIND_CLIP, "a", 100, 1700000000, "id");
	put_at("upload", 1, "one");
	put_at("created", 1, "one");
	put_at("receipted", 1, "one");
	assert_int_equal(journal_commit(j), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	disposer_free(d);
	journal_close(j);
	folder_drop(dir);
	return 0;
}

static void put_let_go(void)
{
	begin("held", 1);
	record_text(&rec, "destination", "one");
	record_number(&rec, "on", 0);
	put();
}

/* A store has let go of its hold in the turn in which a person asks. */
static void what_was_just_told_is_no_hindrance(void **state)
{
	static const struct disposal_order by = { "J 12", "order", 0 };
	struct disposal row;
	struct asset a;

	(void)state;
	put_let_go();
	assert_int_equal(journal_vouches(j, 1, NULL), -EAGAIN);
	assert_int_equal(index_asset(journal_index(j), 1, &a), 0);
	assert_int_equal(disposal_begin(d, &a, &by), 0);
	assert_int_equal(index_disposal(journal_index(j), 1, "one", &row), 0);
}

/* And where that cannot be put on record, nothing else is. */
static void a_ledger_that_takes_nothing(void **state)
{
	static const struct disposal_order by = { "J 12", "order", 0 };
	struct disposal row;
	struct asset a;

	(void)state;
	put_let_go();
	assert_int_equal(index_asset(journal_index(j), 1, &a), 0);
	journal_refuse(j, "for this test");
	assert_int_equal(disposal_begin(d, &a, &by), -EIO);
	assert_int_equal(index_disposal(journal_index(j), 1, "one", &row), -ENOENT);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    what_was_just_told_is_no_hindrance, setup, teardown),
		cmocka_unit_test_setup_teardown(a_ledger_that_takes_nothing, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
