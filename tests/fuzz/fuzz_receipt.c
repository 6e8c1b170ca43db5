/*
 * A signed receipt: 'n' and a whole note, or 't' and a text as if its signature were good. What is
 * good for this asset is good for no other.
 */
#include "../../dockd/verify/receipt.c"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char asked[] =
    "{\"asset\":\"abababababababababababababababababababababababababababababababa"
    "b\",\"length\":9,\"now\":1772496000,\"object\":\"https://evidence.example/fi"
    "les/17\",\"sent\":1772409600,\"sha256\":\"4668e7c1fb1d9f256d66753ac3a621cf41"
    "9cfb6b212962d9d5135cbf611983e5\",\"station\":\"dock-1\",\"type\":\"receipt\""
    "}\n"
    "{\"type\":\"key\",\"vkey\":\"evidence.example/receipts+6a45cf3e+AUjb5Cr2PiKv"
    "uaC+SOYibTstUERSYO4Na0FSY/eMA2FA\"}\n";

static void check(const struct proto_judged *j)
{
	if (j->result < RECEIPT_GOOD || j->result > RECEIPT_WRONG_TIME || !j->text[0] ||
	    !memchr(j->version, 0, sizeof(j->version)) ||
	    (j->result == RECEIPT_GOOD && j->time_s < 1772409600 - RECEIPT_SLACK_S))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct receipt_facts facts;
	struct proto_judged judged = { .time_s = PROTO_NO_TIME };
	const char *why = "", *text = (const char *)data + 1;

	if (size == 0)
		return 0;
	if (facts_receipt(asked, sizeof(asked) - 1, &facts, &why) < 0)
		abort();
	if (data[0] == 'n')
		receipt_judge(&facts, text, size - 1, &judged);
	else
		judge_text(&facts, 0, text, size - 1, &judged);
	check(&judged);
	if (judged.result == RECEIPT_GOOD) {
		facts.length_bytes++;
		judge_text(&facts, 0, text, size - 1, &judged);
		if (judged.result == RECEIPT_GOOD)
			abort();
	}
	return 0;
}
