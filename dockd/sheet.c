#include "sheet.h"

#include <string.h>

#define TICK_PX 10 /* of the strip, in its own units */
#define STRIP_PX 28

static const char style[] =
    "@page{size:A4;margin:12mm}"
    "*{box-sizing:border-box}"
    "body{font:12.5pt/1.3 'DejaVu Sans',Arial,sans-serif;color:#000;background:#fff;max-width:186mm;"
    "margin:0 auto}"
    "h1{font-size:20pt;margin:0 0 1mm}h2{font-size:13pt;margin:5mm 0 1mm;border-bottom:1.5pt "
    "solid}"
    ".dense{font-size:8.6pt;line-height:1.22}.dense h1{font-size:15pt}.dense h2{font-size:10.5pt;"
    "margin:2.5mm 0 .5mm}.dense svg{height:5mm}.dense .timing,.dense footer{font-size:7.5pt}"
    ".dense code{font-size:8pt}.dense li{margin:.4mm 0}"
    "table{border-collapse:collapse;width:100%}"
    "tr{break-inside:avoid}td{padding:1.4mm 2mm 1.4mm 0;border-bottom:.4pt solid #777;"
    "vertical-align:top}"
    "td.name{font-weight:bold;width:28mm}td.strip{width:62mm}"
    "svg{width:60mm;height:7mm;display:block}"
    ".timing{font-size:82%}.todo{font-weight:bold}.brief td{padding:.8mm 2mm .8mm 0}"
    "ul{margin:1mm 0;padding-left:5mm}li{margin:.8mm 0}"
    "code{font-family:'DejaVu Sans Mono',monospace;font-size:9.5pt}"
    "footer{margin-top:4mm;font-size:8.5pt}";

static void put_html(FILE *out, const char *text)
{
	for (; *text; text++) {
		switch (*text) {
		case '&':
			fputs("&amp;", out);
			break;
		case '<':
			fputs("&lt;", out);
			break;
		case '>':
			fputs("&gt;", out);
			break;
		case '"':
			fputs("&quot;", out);
			break;
		default:
			putc(*text, out);
		}
	}
}

static void put_element(FILE *out, const char *element, const char *class, const char *text)
{
	fprintf(out, "<%s", element);
	if (class[0])
		fprintf(out, " class=\"%s\"", class);
	putc('>', out);
	put_html(out, text);
	fprintf(out, "</%s>", element);
}

/* Words from column `at` on, broken at spaces; the cursor is there already. */
static void put_wrapped(FILE *out, size_t at, const char *text)
{
	size_t column = at;

	while (*text) {
		size_t len = strcspn(text, " ");

		if (column > at && column + 1 + len > SHEET_COLUMNS) {
			fprintf(out, "\n%*s", (int)at, "");
			column = at;
		} else if (column > at) {
			putc(' ', out);
			column++;
		}
		fwrite(text, 1, len, out);
		column += len;
		text += len + strspn(text + len, " ");
	}
	putc('\n', out);
}

/* Ends what was begun, and begins what comes; brief: of lamps. */
static void turn_to(struct sheet *s, unsigned what, bool brief)
{
	if (s->open == what)
		return;
	if (s->html && s->open == SHEET_LAMPS)
		fputs("</table>\n", s->out);
	if (s->html && s->open == SHEET_LIST)
		fputs("</ul>\n", s->out);
	if (s->html && what == SHEET_LAMPS)
		fprintf(s->out, "<table%s>\n", brief ? " class=\"brief\"" : "");
	if (s->html && what == SHEET_LIST)
		fputs("<ul>\n", s->out);
	s->open = what;
}

void sheet_begin(struct sheet *s, const char *title, const char *station)
{
	s->open = SHEET_PLAIN;
	if (!s->html) {
		fprintf(s->out, "%s%s%s\n", title, station[0] ? ", " : "", station);
		return;
	}
	fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n<title>",
	    s->out);
	put_html(s->out, title);
	fprintf(s->out, "</title>\n<style>%s</style>\n</head>\n<body%s>\n", style,
	    s->dense ? " class=\"dense\"" : "");
	put_element(s->out, "h1", "", title);
	if (station[0]) {
		fputs("<div>Station ", s->out);
		put_element(s->out, "b", "", station);
		fputs("</div>\n", s->out);
	}
}

void sheet_heading(struct sheet *s, const char *text)
{
	turn_to(s, SHEET_PLAIN, false);
	if (s->html) {
		put_element(s->out, "h2", "", text);
		putc('\n', s->out);
	} else {
		fprintf(s->out, "\n%s\n", text);
	}
}

/* ---- lamps ---- */

/* A bar for each lit stretch, over a line for the dark. */
static void put_strip(FILE *out, const struct light_row *row)
{
	unsigned begin = 0;

	fprintf(out,
	    "<svg viewBox=\"-2 -2 %d %d\" preserveAspectRatio=\"xMinYMid\" role=\"img\" aria-label=\"",
	    SHEET_TICKS * TICK_PX + 4, STRIP_PX + 4);
	put_html(out, row->timing);
	fprintf(out, "\"><path d=\"M0 %d H%d\" stroke=\"#000\" stroke-width=\"1.5\"/>", STRIP_PX,
	    SHEET_TICKS * TICK_PX);
	for (unsigned i = 0; i < SHEET_TICKS; i = begin + 1) {
		begin = i;
		while (begin < SHEET_TICKS && light_row_is_lit(row, begin))
			begin++;
		if (begin > i)
			fprintf(out, "<rect x=\"%u\" y=\"4\" width=\"%u\" height=\"%d\"/>",
			    i * TICK_PX, (begin - i) * TICK_PX, STRIP_PX - 4);
	}
	fputs("</svg>", out);
}

static void lamp_html(FILE *out, const struct light_row *row, bool brief)
{
	fputs("<tr>", out);
	put_element(out, "td", "name", row->title);
	fputs("<td class=\"strip\">", out);
	put_strip(out, row);
	fputs("<div class=\"timing\">", out);
	put_html(out, row->timing);
	if (row->hue[0])
		fprintf(out, " (%s)", row->hue);
	fputs("</div></td><td>", out);
	if (!brief)
		put_element(out, "div", "", row->means);
	put_element(out, "div", "todo", row->todo);
	fputs("</td></tr>\n", out);
}

static void lamp_text(FILE *out, const struct light_row *row, bool brief)
{
	char timing[96];

	snprintf(timing, sizeof(timing), "%s%s%s%s", row->timing, row->hue[0] ? " (" : "", row->hue,
	    row->hue[0] ? ")" : "");
	fprintf(out, "  %-12s", row->title);
	for (unsigned i = 0; i < SHEET_TICKS; i++)
		putc(light_row_is_lit(row, i) ? '#' : '.', out);
	fputs("  ", out);
	put_wrapped(out, 16 + SHEET_TICKS, timing);
	if (!brief) {
		fprintf(out, "%*s", 14, "");
		put_wrapped(out, 14, row->means);
	}
	fprintf(out, "%*s> ", 14, "");
	put_wrapped(out, 16, row->todo);
}

void sheet_lamp(struct sheet *s, const struct light_row *row, bool brief)
{
	turn_to(s, SHEET_LAMPS, brief);
	if (s->html)
		lamp_html(s->out, row, brief);
	else
		lamp_text(s->out, row, brief);
}

/* ---- items ---- */

void sheet_item(struct sheet *s, const char *text)
{
	turn_to(s, SHEET_LIST, false);
	if (s->html) {
		put_element(s->out, "li", "", text);
		putc('\n', s->out);
	} else {
		fputs("  - ", s->out);
		put_wrapped(s->out, 4, text);
	}
}

void sheet_command(struct sheet *s, const char *command, const char *what)
{
	turn_to(s, SHEET_LIST, false);
	if (s->html) {
		fputs("<li>", s->out);
		put_element(s->out, "code", "", command);
		fputs("<br/>", s->out);
		put_html(s->out, what);
		fputs("</li>\n", s->out);
	} else {
		fprintf(s->out, "  %s\n      ", command);
		put_wrapped(s->out, 6, what);
	}
}

void sheet_end(struct sheet *s, const char *foot)
{
	turn_to(s, SHEET_PLAIN, false);
	if (s->html) {
		put_element(s->out, "footer", "", foot);
		fputs("\n</body>\n</html>\n", s->out);
	} else {
		putc('\n', s->out);
		put_wrapped(s->out, 0, foot);
	}
}
