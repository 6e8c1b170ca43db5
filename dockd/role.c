#include "role.h"

#include "base/proto_ctl.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define GROUPS_MAX 256 /* supplementary groups of one person that are looked at */

#define EVERYBODY ROLES_ALL
#define DECIDES (ROLE_CUSTODIAN | ROLE_EVIDENCE)
#define PROVES (ROLE_EVIDENCE | ROLE_AUDITOR)

static const struct {
	const char *word;
	uint32_t roles;
} asks[] = {
	[ASK_STATUS] = { "status", EVERYBODY },
	[ASK_BAYS] = { "bays", EVERYBODY },
	[ASK_ASSETS] = { "queue", EVERYBODY },
	[ASK_ASSET] = { "clip", EVERYBODY },
	[ASK_WAIT] = { "wait", EVERYBODY },
	[ASK_CHANGED] = { "watch", EVERYBODY },
	[ASK_ROOTS] = { "roots", EVERYBODY },
	[ASK_DOCTOR] = { "doctor", EVERYBODY },
	[ASK_METRICS] = { "metrics", EVERYBODY },
	[ASK_CAMERAS] = { "camera-list", DECIDES | ROLE_AUDITOR | ROLE_IT },
	[ASK_FORGET] = { "camera-forget", DECIDES },
	[ASK_RETRY] = { "retry", DECIDES | ROLE_IT },
	[ASK_EXPEDITE] = { "expedite", DECIDES },
	[ASK_PRESERVE] = { "preserve", DECIDES },
	[ASK_ASSIGN] = { "camera-assign", DECIDES },
	[ASK_ORDERS] = { "orders", DECIDES | ROLE_AUDITOR },
	[ASK_DUE] = { "due", DECIDES | ROLE_AUDITOR },
	[ASK_LIFT] = { "lift", ROLE_EVIDENCE },
	[ASK_DISPOSE] = { "dispose", ROLE_EVIDENCE },
	[ASK_EXPORT] = { "export", ROLE_EVIDENCE },
	[ASK_SETTLE] = { "settle", ROLE_EVIDENCE },
	[ASK_ENROLL] = { "camera-enroll", ROLE_EVIDENCE },
	[ASK_REVOKE] = { "camera-revoke", ROLE_EVIDENCE },
	[ASK_REBIND] = { "rebind", ROLE_EVIDENCE },
	[ASK_KEYS] = { "camera-keys", PROVES | ROLE_IT },
	[ASK_LEDGER] = { "ledger", PROVES },
	[ASK_BUNDLE] = { "statement", PROVES },
	[ASK_REPORTS] = { "report", PROVES },
	[ASK_PROBE] = { "camera-probe", ROLE_IT },
	[ASK_LIGHT] = { "light", ROLE_IT },
};

#define ASKS (sizeof(asks) / sizeof(asks[0]))

uint32_t role_for(unsigned ask)
{
	return ask < ASKS ? asks[ask].roles : 0;
}

const char *role_ask_word(unsigned ask)
{
	return ask < ASKS && asks[ask].word ? asks[ask].word : "?";
}

const char *role_word(enum role role)
{
	switch (role) {
	case ROLE_VIEWER:
		return "viewer";
	case ROLE_CUSTODIAN:
		return "custodian";
	case ROLE_EVIDENCE:
		return "evidence-manager";
	case ROLE_AUDITOR:
		return "auditor";
	case ROLE_IT:
		return "it";
	}
	return "?";
}

const char *role_words(uint32_t roles, char *out, size_t room)
{
	size_t used = 0;

	out[0] = '\0';
	for (unsigned i = 0; i < ROLES && used < room; i++) {
		if (roles >> i & 1)
			used += (size_t)snprintf(out + used, room - used, "%s%s",
			    used ? " or " : "", role_word((enum role)(1u << i)));
	}
	return out;
}

const char *role_group(const struct role_groups *groups, uint32_t roles)
{
	for (unsigned i = 0; i < ROLES; i++) {
		if ((roles >> i & 1) && groups->gid[i] != (gid_t)-1)
			return groups->name[i];
	}
	return "";
}

static uint32_t roles_of_group(const struct role_groups *groups, gid_t gid)
{
	uint32_t roles = 0;

	for (unsigned i = 0; i < ROLES; i++) {
		if (groups->gid[i] != (gid_t)-1 && groups->gid[i] == gid)
			roles |= 1u << i;
	}
	return roles;
}

uint32_t role_of_peer(int sock, const struct role_groups *groups, uid_t *uid)
{
	struct ucred cred;
	gid_t more[GROUPS_MAX];
	socklen_t len = sizeof(cred);
	uint32_t roles;

	*uid = (uid_t)-1;
	if (getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return 0;
	*uid = cred.uid;
	if (cred.uid == 0)
		return ROLES_ALL;
	roles = roles_of_group(groups, cred.gid);
	len = sizeof(more);
	if (getsockopt(sock, SOL_SOCKET, SO_PEERGROUPS, more, &len) < 0)
		return roles;
	for (size_t i = 0; i < len / sizeof(more[0]); i++)
		roles |= roles_of_group(groups, more[i]);
	return roles;
}
