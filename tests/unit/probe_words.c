/*
 * probe_words: every word that the programs' tables have, a line each: "TABLE WORD". What
 * tests/system/test_documented.py holds dockd-words(7) against.
 */
#include "../../dockd/asset.h"
#include "../../dockd/gate.h"
#include "../../dockd/role.h"

#include "../../dockd/base/kind.h"
#include "../../dockd/base/proto_verify.h"

#include <stdio.h>

#define TABLE(name, first, last, word)                                                             \
	for (unsigned i = (first); i <= (unsigned)(last); i++)                                     \
	printf("%s %s\n", name, word)

int main(void)
{
	TABLE("gate", GATE_OPEN + 1, GATE_CONFIGURATION, gate_word((enum gate)i));
	TABLE("retire", RETIRE_OPEN, RETIRE_JOURNAL, retire_word((enum retire)i));
	TABLE("signature", SIGNATURE_VALID, SIGNATURE_UNREADABLE,
	    signature_word((enum signature_result)i));
	TABLE("rung", RUNG_LISTED, RUNG_ERASED, rung_word((enum rung)i));
	TABLE("level", LEVEL_NONE, LEVEL_SIGNED, level_word((enum receipt_level)i));
	TABLE("kind", KIND_FOLDER, KIND_BUNDLE, kind_word((enum object_kind)i));
	for (unsigned i = 0; i < ROLES; i++)
		printf("role %s\n", role_word((enum role)(1u << i)));
	return 0;
}
