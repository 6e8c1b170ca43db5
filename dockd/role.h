/*
 * role: who may ask what of the control socket. A role is a Unix group; which groups a person is in
 * is asked of the kernel, never of dockctl. Pure but for role_of_peer.
 *
 * Used by control; the words by dockctl too. Root has every role: it can read and change all files
 * anyway.
 */
#ifndef DOCKD_ROLE_H
#define DOCKD_ROLE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum role {
	ROLE_VIEWER = 1u << 0,    /* sees the station: bays, files by number, queue, metrics */
	ROLE_CUSTODIAN = 1u << 1, /* the sergeant: retry, preserve, expedite, assign */
	ROLE_EVIDENCE = 1u << 2,  /* the evidence manager: lift, dispose, keys, what a store is */
	ROLE_AUDITOR = 1u << 3,   /* ledger, proofs, reports; changes nothing */
	ROLE_IT = 1u << 4,        /* retry, probe, lamps, doctor; no footage and no ledger */
};

#define ROLES 5
#define ROLE_GROUP_LEN 40 /* a group's name has up to 32 characters, groupadd(8) */
#define ROLES_ALL ((1u << ROLES) - 1)

/* Which group has which role, in the order above; (gid_t)-1: nobody but root. */
struct role_groups {
	gid_t gid[ROLES];
	char name[ROLES][ROLE_GROUP_LEN]; /* of these, for people; "" none, or not asked for */
};

/*
 * The roles of who is at the other end of a connected socket, a set of enum role: by its credentials
 * (SO_PEERCRED) and its supplementary groups (SO_PEERGROUPS, socket(7)) when it connected. 0: none,
 * or the kernel does not say. *uid is who it is, (uid_t)-1 where that is not told.
 */
uint32_t role_of_peer(int sock, const struct role_groups *groups, uid_t *uid);

/* Which roles may ask this (enum ask); 0 for what does not exist. */
uint32_t role_for(unsigned ask);
/* "expedite": the question as it stands in `denied` records and the log. */
const char *role_ask_word(unsigned ask);

/* The name of the group that gives the least of these roles; "" no group does. */
const char *role_group(const struct role_groups *groups, uint32_t roles);

/* "viewer" of one role; "custodian or evidence-manager" of a set. */
const char *role_word(enum role role);
const char *role_words(uint32_t roles, char *out, size_t room);

#endif
