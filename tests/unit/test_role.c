/*
 * role: every question has somebody who may ask it, what changes something is no viewer's, and who is
 * at the other end is the kernel's word.
 */
#include "../../dockd/role.h"

#include "../../dockd/base/proto_ctl.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static void every_question_has_its_roles(void **state)
{
	char words[128];

	(void)state;
	for (unsigned ask = ASK_STATUS; ask <= ASK_FORGET; ask++) {
		assert_true(role_for(ask) != 0);
		assert_string_not_equal(role_ask_word(ask), "?");
	}
	assert_int_equal(role_for(0), 0);
	assert_int_equal(role_for(ASK_FORGET + 1), 0);
	assert_string_equal(role_words(role_for(ASK_EXPEDITE), words, sizeof(words)),
	    "custodian or evidence-manager");
}

static void viewers_and_auditors_change_nothing(void **state)
{
	static const unsigned changes[] = { ASK_RETRY, ASK_PRESERVE, ASK_LIFT, ASK_DISPOSE,
		ASK_ENROLL, ASK_REVOKE, ASK_SETTLE, ASK_EXPEDITE, ASK_REBIND, ASK_PROBE, ASK_ASSIGN,
		ASK_LIGHT, ASK_EXPORT, ASK_FORGET };

	(void)state;
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++)
		assert_int_equal(role_for(changes[i]) & (ROLE_VIEWER | ROLE_AUDITOR), 0);
	assert_int_equal(role_for(ASK_LIFT), ROLE_EVIDENCE);
	assert_int_equal(role_for(ASK_DISPOSE), ROLE_EVIDENCE);
	assert_int_equal(role_for(ASK_EXPORT) & ROLE_IT, 0);
	assert_int_equal(role_for(ASK_LEDGER) & ROLE_IT, 0);
}

static void the_kernel_says_who_it_is(void **state)
{
	struct role_groups groups = { .gid = {
					  (gid_t)-1, (gid_t)-1, (gid_t)-1, (gid_t)-1, (gid_t)-1 } };
	uint32_t roles;
	uid_t uid;
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	roles = role_of_peer(pair[0], &groups, &uid);
	assert_int_equal(uid, getuid());
	assert_int_equal(roles, getuid() == 0 ? ROLES_ALL : 0);
	groups.gid[3] = getgid();
	roles = role_of_peer(pair[0], &groups, &uid);
	assert_int_equal(roles, getuid() == 0 ? ROLES_ALL : ROLE_AUDITOR);
	close(pair[0]);
	close(pair[1]);
	assert_int_equal(role_of_peer(pair[0], &groups, &uid), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_question_has_its_roles),
		cmocka_unit_test(viewers_and_auditors_change_nothing),
		cmocka_unit_test(the_kernel_says_who_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
