/*
 * judge_job: the jobs VERIFY_SIGNATURE and VERIFY_RECEIPT: facts and files in, one judgement out.
 *
 * Called by main, once, behind the sandbox; judge_prepare before it.
 */
#ifndef DOCKD_JUDGE_JOB_H
#define DOCKD_JUDGE_JOB_H

#include "../base/msg.h"
#include "../base/proto_verify.h"

#define SIDECAR_MAX 65536       /* bytes of a signature, a signed list or a receipt */
#define TRUST_MAX (1024 * 1024) /* bytes of all anchors, and of all revocation lists */

/* Makes libcrypto load what it will need: behind the sandbox it could not. 0 or -ENOMEM. */
int judge_prepare(void);

/*
 * m is VERIFY with the descriptors of facts.h; which job, ask->job says. Fills judged, to be sent
 * first, and result: 0, or what facts.h tells. No memory is fatal.
 */
void judge_job(const struct msg *m, struct proto_judged *judged, struct proto_status *result);

#endif
