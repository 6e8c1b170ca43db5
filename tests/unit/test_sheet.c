/*
 * sheet: what is in a row of the table is what stands on the page, as text and drawn.
 */
#include "../../dockd/sheet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct light_row made_up = {
	.word = "odd",
	.title = "odd one",
	.rhythm = "##......",
	.timing = "twice & never",
	.hue = "violet",
	.colour = 0x800080,
	.summary = "odd",
	.means =
	    "Nobody has <seen> it, and this sentence is so long that it goes on in another line of the page.",
	.todo = "Wonder about it.",
	.who = "anybody",
};

/* The page with that row on it; the caller's. */
static char *page(bool html, bool brief)
{
	char *text = NULL;
	size_t len;
	struct sheet s = { .out = open_memstream(&text, &len), .html = html };

	assert_non_null(s.out);
	sheet_begin(&s, "A page", "North <1>");
	sheet_heading(&s, "LAMPS");
	sheet_lamp(&s, &made_up, brief);
	sheet_heading(&s, "REST");
	sheet_item(&s, "One \"thing\".");
	sheet_command(&s, "dockctl odd", "What it does.");
	sheet_end(&s, "The end.");
	assert_int_equal(fclose(s.out), 0);
	return text;
}

static void text_has_the_row_and_fits(void **state)
{
	char *text = page(false, false);

	(void)state;
	assert_non_null(strstr(text, "A page, North <1>\n"));
	assert_non_null(
	    strstr(text, "  odd one     ##......##......##......  twice & never (violet)\n"));
	assert_non_null(strstr(text, "Nobody has <seen> it"));
	assert_non_null(strstr(text, "> Wonder about it.\n"));
	assert_non_null(strstr(text, "  - One \"thing\".\n"));
	assert_non_null(strstr(text, "  dockctl odd\n      What it does.\n"));
	for (const char *line = text; *line; line += strcspn(line, "\n") + 1)
		assert_in_range(strcspn(line, "\n"), 0, SHEET_COLUMNS);
	free(text);
	text = page(false, true);
	assert_null(strstr(text, "Nobody has"));
	free(text);
}

static void html_is_drawn_and_escaped(void **state)
{
	char *text = page(true, false);

	(void)state;
	assert_non_null(strstr(text, "North &lt;1&gt;"));
	assert_non_null(strstr(text, "twice &amp; never (violet)"));
	assert_non_null(strstr(text, "Nobody has &lt;seen&gt; it"));
	assert_non_null(strstr(text, "One &quot;thing&quot;."));
	/* two ticks of eight, three times in six seconds */
	assert_non_null(strstr(text, "<rect x=\"0\" y=\"4\" width=\"20\""));
	assert_non_null(strstr(text, "<rect x=\"80\" y=\"4\" width=\"20\""));
	assert_non_null(strstr(text, "<rect x=\"160\" y=\"4\" width=\"20\""));
	assert_non_null(strstr(text, "</table>\n<h2>REST</h2>\n<ul>"));
	assert_non_null(strstr(text, "</ul>\n<footer>The end.</footer>\n</body>\n</html>\n"));
	assert_null(strstr(text, "<seen>"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_has_the_row_and_fits),
		cmocka_unit_test(html_is_drawn_and_escaped),
	};

	return cmocka_run_group_tests_name("sheet", tests, NULL, NULL);
}
