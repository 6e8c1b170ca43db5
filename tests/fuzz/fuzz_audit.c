/*
 * An audit: facts, an empty line, a log; or a log alone, with facts of its own. Whatever comes, there
 * is a report, it is JSON, and what it adds up is not negative.
 */
#include "../../dockd/verify/audit.h"
#include "../../dockd/verify/audit_report.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define DOCKING                                                                                    \
	"{\"bay\":\"b\",\"camera\":\"BWC-0001\",\"clock-offset-ms\":-3000,\"clock-source\":\"n\"," \
	"\"clock-synchronised\":1,\"docked\":1795251600,\"docking\":2,\"now\":1795251660,"         \
	"\"profile\":\"p\",\"station\":\"s\",\"type\":\"docking\","                                \
	"\"zone\":\"GMT0BST,M3.5.0/1,M10.5.0\"}\n"

static int take(void *context, const char *line, size_t len, enum line_end end)
{
	audit_take(context, line, len, end);
	return 0;
}

static void check(const struct audit *a)
{
	struct proto_audited audited;
	char *text = audit_report(a);
	json_t *report = text ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;

	if (!report)
		abort();
	for (unsigned i = 0; i < SHARES; i++) {
		if (a->activation.share_ms[i] < 0)
			abort();
	}
	audit_fill(a, &audited);
	if (audited.damaged > audited.lines)
		abort();
	json_decref(report);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct lines lines;
	const char *bytes = (const char *)data, *parted = memmem(data, size, "\n\n", 2);
	size_t facts_len = parted ? (size_t)(parted - bytes) + 1 : 0;
	struct audit_facts facts = { 0 };
	struct audit *a;

	if (parted && audit_facts_parse(&facts, bytes, facts_len) == 0) {
		bytes += facts_len + 1;
		size -= facts_len + 1;
	} else {
		audit_facts_clear(&facts);
		if (audit_facts_parse(&facts, DOCKING, strlen(DOCKING)) < 0)
			abort();
	}
	a = audit_new(&facts);
	if (!a)
		abort();
	lines_begin(&lines, take, a);
	audit_log(a, 0);
	lines_feed(&lines, bytes, size);
	lines_end(&lines);
	audit_log_end(a);
	audit_end(a);
	check(a);
	audit_free(a);
	audit_facts_clear(&facts);
	return 0;
}
