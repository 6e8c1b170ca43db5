/*
 * acceptance: a receipt whose check was killed by the system is asked about again; nobody hears that
 * it is no good.
 */
#include "../../dockd/acceptance.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct question asked;
static unsigned questions;
static unsigned told;
static enum receipt_result result;

struct index *journal_index(struct journal *j)
{
	(void)j;
	return NULL;
}

int index_asset(struct index *ix, uint64_t number, struct asset *out)
{
	(void)ix;
	memset(out, 0, sizeof(*out));
	out->number = number;
	return 0;
}

struct brief *brief_new(void)
{
	static char any;

	return (struct brief *)&any;
}

void brief_add(struct brief *b, const struct record *r)
{
	(void)b;
	(void)r;
}

int brief_fd(struct brief *b)
{
	(void)b;
	return sealed_bytes("facts", "x", 1);
}

bool verifier_room(const struct verifier *v, enum verify_job job)
{
	(void)v;
	(void)job;
	return true;
}

int verifier_ask(struct verifier *v, const struct question *q)
{
	(void)v;
	asked = *q;
	questions++;
	return 0;
}

static void done(void *arg, const struct accepted *what)
{
	(void)arg;
	told++;
	result = what->result;
}

static void what_was_killed_is_asked_again(void **state)
{
	static struct config config = { .destinations_n = 1 };
	static const struct proto_receipt receipt = { .raw_len = 1, .raw = "r" };
	const struct verdict killed = { .killed = true, .how = "killed by SIGKILL" };
	const struct verdict good = { .clean = true, .judged.result = RECEIPT_GOOD };
	struct acceptance *a = acceptance_new(NULL, NULL);

	(void)state;
	snprintf(config.destination[0].name, sizeof(config.destination[0].name), "far");
	config.destination[0].receipt_keys_n = 1;
	acceptance_configure(a, &config);
	assert_int_equal(acceptance_ask(a, 7, "far", 0, &receipt, done, NULL), 0);
	for (unsigned i = 1; i <= 10; i++) {
		acceptance_plan(a);
		assert_int_equal(questions, i);
		acceptance_plan(a);
		assert_int_equal(questions, i);
		asked.done(asked.arg, asked.key, &killed);
		assert_int_equal(told, 0);
		assert_false(acceptance_idle(a));
	}
	acceptance_plan(a);
	asked.done(asked.arg, asked.key, &good);
	assert_int_equal(told, 1);
	assert_int_equal(result, RECEIPT_GOOD);
	assert_true(acceptance_idle(a));
	acceptance_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_killed_is_asked_again),
	};

	return cmocka_run_group_tests_name("acceptance", tests, NULL, NULL);
}
