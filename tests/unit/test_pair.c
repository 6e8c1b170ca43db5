/* pair: which signature belongs to which file. */
#include "../../dockd/pair.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

static struct profile p;

static void suffixes(const char *one, const char *two)
{
	memset(&p, 0, sizeof(p));
	snprintf(p.sidecar_suffix[0], PROFILE_SUFFIX_LEN, "%s", one);
	snprintf(p.sidecar_suffix[1], PROFILE_SUFFIX_LEN, "%s", two);
}

static void a_file_has_a_few_places_for_its_signature(void **state)
{
	static char out[PAIR_PATHS][PROTO_PATH_LEN];
	char path[PROTO_PATH_LEN];

	(void)state;
	suffixes(".p7s", "");
	assert_int_equal(pair_paths(&p, "D/a.mp4", out), 4);
	assert_string_equal(out[0], "D/a.mp4.p7s");
	assert_string_equal(out[1], "D/a.p7s");
	assert_string_equal(out[2], "D/a.mp4.P7S");
	assert_string_equal(out[3], "D/a.P7S");
	/* no extension: the two ways are one; a dot in a folder or at the front is none */
	assert_int_equal(pair_paths(&p, "D.x/a", out), 2);
	assert_string_equal(out[0], "D.x/a.p7s");
	assert_int_equal(pair_paths(&p, "D/.hidden", out), 2);
	/* never itself */
	assert_int_equal(pair_paths(&p, "D/a.p7s", out), 3);
	suffixes(".p7s", ".sig");
	assert_int_equal(pair_paths(&p, "a.mp4", out), 8);
	/* what would not fit is left out, not cut */
	memset(path, 'x', sizeof(path));
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(pair_paths(&p, path, out), 0);
}

static void a_signature_has_a_stem(void **state)
{
	char stem[PROTO_PATH_LEN];

	(void)state;
	suffixes(".p7s", ".sig");
	assert_int_equal(pair_stem(&p, "D/a.mp4.p7s", stem), 0);
	assert_string_equal(stem, "D/a.mp4");
	assert_int_equal(pair_stem(&p, "D/a.SIG", stem), 0);
	assert_string_equal(stem, "D/a");
	assert_int_equal(pair_stem(&p, "D/a.xml", stem), -2);
	assert_int_equal(pair_stem(&p, "D/.p7s", stem), -2);
	assert_int_equal(pair_stem(&p, ".p7s", stem), -2);
	assert_true(pair_has_stem("D/a.mp4", "D/a.mp4"));
	assert_true(pair_has_stem("D/a.mp4", "D/a"));
	assert_false(pair_has_stem("D/a.b.mp4", "D/a"));
	assert_false(pair_has_stem("D/ab.mp4", "D/a"));
	assert_false(pair_has_stem("D/a.b/c.mp4", "D/a"));
	assert_false(pair_has_stem("D/a.", "D/a"));
}

static void both_were_there_at_one_time(void **state)
{
	struct asset file = { .docking = 2, .camera = "A" }, sidecar = { .docking = 1 };

	(void)state;
	file.pulled_docking = 2;
	sidecar.pulled_docking = 1;
	assert_false(pair_of_one_time(&file, &sidecar)); /* another camera */
	snprintf(sidecar.camera, sizeof(sidecar.camera), "A");
	assert_true(pair_of_one_time(&file, &sidecar));
	sidecar.erased = true; /* the name was used again */
	assert_false(pair_of_one_time(&file, &sidecar));
	sidecar.docking = 3; /* it came late */
	assert_true(pair_of_one_time(&file, &sidecar));
	file.erased = true;
	assert_false(pair_of_one_time(&file, &sidecar));
	sidecar.docking = 2;
	assert_true(pair_of_one_time(&file, &sidecar));
}

static void lists_are_known_by_their_path(void **state)
{
	(void)state;
	suffixes("", "");
	p.scheme = SCHEME_MANIFEST;
	snprintf(p.manifest_path, sizeof(p.manifest_path), "M/*.sum");
	assert_true(pair_is_manifest(&p, "m/1.SUM"));
	assert_false(pair_is_manifest(&p, "D/1.sum"));
	p.scheme = SCHEME_CMS;
	assert_false(pair_is_manifest(&p, "M/1.sum"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_has_a_few_places_for_its_signature),
		cmocka_unit_test(a_signature_has_a_stem),
		cmocka_unit_test(both_were_there_at_one_time),
		cmocka_unit_test(lists_are_known_by_their_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
