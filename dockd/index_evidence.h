/*
 * index_evidence: signatures, keys, audits, reports and findings: what is to be judged or audited,
 * and by what.
 */
#ifndef DOCKD_INDEX_EVIDENCE_H
#define DOCKD_INDEX_EVIDENCE_H

#include "index.h"

/*
 * Assets with number > after that were checked, and whose pair is still to be looked for: signed
 * files and signatures alike. again: also where it was judged by the same signature. Count.
 */
int index_to_judge(struct index *ix, uint64_t after, uint64_t *numbers, bool *again, size_t room);

/* It is to be judged. 0 or -errno. */
int index_judge(struct index *ix, uint64_t asset);

/* Nothing is to be judged of it for now. 0 or -errno. */
int index_judged(struct index *ix, uint64_t asset);

/* A list of digests came: all of this camera without a signature may be in it. 0 or -errno. */
int index_judge_unsigned(struct index *ix, const char *camera);

/* Checked assets of this camera and path, newest first. Count or -errno. */
int index_assets_at(
    struct index *ix, const char *camera, const char *path, struct asset *out, size_t room);

/* Checked assets, no sidecars, whose paths are "STEM.something"; further '/' may follow. Count. */
int index_assets_beside(
    struct index *ix, const char *camera, const char *stem, struct asset *out, size_t room);

/* Checked sidecars of this camera with number < before, newest first. Count or -errno. */
int index_sidecars(
    struct index *ix, const char *camera, uint64_t before, struct asset *out, size_t room);

struct camera_key {
	char camera[PROTO_TEXT_LEN + 4];
	char fingerprint[PROTO_ID_LEN]; /* hex of SHA-256 over the key */
	enum signing_scheme scheme;
	char key[1024]; /* SubjectPublicKeyInfo, base64 */
	int64_t enrolled_s, revoked_s;
	uint32_t uid;
};

/* Of this camera, or "" of all; skip: so many rows are passed over. Count or -errno. */
int index_keys(
    struct index *ix, const char *camera, uint64_t skip, struct camera_key *out, size_t room);

/* Dockings with number > after that something new came of since their audit. Count or -errno. */
int index_to_inquire(struct index *ix, uint64_t after, uint64_t *numbers, size_t room);

/* Nothing is to be audited of it for now. 0 or -errno. */
int index_inquired(struct index *ix, uint64_t docking);

/* Whether a file of it waits for its digest (judged false) or its signature. 1, 0 or -errno. */
int index_docking_open(struct index *ix, uint64_t docking, bool judged);

/* Whether anything of it is held and checked. 1, 0 or -errno. */
int index_docking_held(struct index *ix, uint64_t docking);

/* Its checked logs, oldest first; of more than room the newest. Count or -errno. */
int index_audit_logs(struct index *ix, uint64_t docking, uint64_t *numbers, size_t room);

/*
 * Every recording of this camera that was not erased from it before docking `since`; in no order.
 * 0, or what take said (< 0 ends it), or -errno.
 */
int index_audit_clips(struct index *ix, const char *camera, uint64_t since,
    int (*take)(void *arg, const struct asset *a), void *arg);

/* The report of this docking that was begun and not made. 0, -ENOENT. */
int index_report_begun(struct index *ix, uint64_t docking, struct asset *out);

/* The last line of a camera's audit log, as audited at another docking than this one. */
struct log_state {
	uint64_t seq, docking;
	int64_t time_s;
	char sha256[PROTO_ID_LEN];
};
int index_log_state(struct index *ix, const char *camera, uint64_t docking, struct log_state *out);

struct report_wish {
	const char *camera; /* "" all */
	uint64_t docking;   /* 0 all */
	int64_t from_s, until_s;
};

/* Reports with number > after, the newest of each docking that touches the period. Count. */
int index_reports(
    struct index *ix, const struct report_wish *w, uint64_t after, struct asset *out, size_t room);

struct finding {
	uint64_t seq, docking, asset; /* seq: of its record */
	char code[32];
	char text[PROTO_TEXT_LEN * 2];
};

/* Of this docking, or (docking 0) of this asset. Count or -errno. */
int index_findings(
    struct index *ix, uint64_t docking, uint64_t asset, struct finding *out, size_t room);
uint64_t index_findings_count(const struct index *ix);

/* Assets whose signature is there and does not hold. 0 or -errno. */
int index_signatures_wrong(struct index *ix, uint64_t *count);

/* Whether a finding names this asset, or its docking and no asset. Unreadable: yes. */
bool index_has_finding(struct index *ix, uint64_t asset, uint64_t docking);

#endif
