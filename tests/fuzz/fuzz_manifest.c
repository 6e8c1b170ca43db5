/*
 * A signed list: 'n' and a whole note, or 't' and a text as if its signature were good, so that the
 * lines are reached. A list that says nothing of another path calls it unsigned.
 */
#include "../../dockd/verify/manifest.c"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char asked[] =
    "{\"asset\":\"00\",\"clock-proved\":1,\"docked\":1772409600,\"length\":9,"
    "\"not-before\":1772236800,\"path\":\"DCIM/1.MP4\",\"recorded\":1772323200,"
    "\"serial\":\"BWC-0042\",\"sha256\":\"4668e7c1fb1d9f256d66753ac3a621cf419cfb6"
    "b212962d9d5135cbf611983e5\",\"type\":\"asset\"}\n"
    "{\"digests\":\"sha256\",\"scheme\":\"manifest\",\"type\":\"signing\"}\n"
    "{\"enrolled\":1,\"key\":\"MCowBQYDK2VwAyEASNvkKvY+Iq+5oL5I5iJtOy1QRFJg7g1rQV"
    "Jj94wDYUA=\",\"serial\":\"BWC-0042\",\"type\":\"key\"}\n";

static void check(const struct proto_judged *j)
{
	if (j->result < SIGNATURE_VALID || j->result > SIGNATURE_UNREADABLE || !j->text[0])
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct signing_facts facts;
	struct proto_judged judged = { 0 };
	const char *why = "", *text = (const char *)data + 1;
	struct list list;

	if (size == 0)
		return 0;
	if (facts_signing(asked, sizeof(asked) - 1, &facts, &why) < 0 ||
	    (data[0] == 'n' && manifest_judge(&facts, text, size - 1, &judged, &why) < 0))
		abort();
	if (data[0] != 'n') {
		list = (struct list){ .at = text, .end = text + size - 1 };
		judge_list(&facts, &list, &judged);
	}
	check(&judged);
	if (data[0] != 'n' && judged.result == SIGNATURE_VALID) {
		facts.length_bytes++;
		list = (struct list){ .at = text, .end = text + size - 1 };
		judge_list(&facts, &list, &judged);
		if (judged.result != SIGNATURE_MISMATCH)
			abort();
	}
	return 0;
}
