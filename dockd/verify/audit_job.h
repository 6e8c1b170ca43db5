/*
 * audit_job: the job VERIFY_AUDIT: facts and logs in, findings and the activation report out.
 *
 * Called by main, once, behind the sandbox.
 */
#ifndef DOCKD_AUDIT_JOB_H
#define DOCKD_AUDIT_JOB_H

#include "../base/msg.h"

/*
 * m is VERIFY with the facts (read) and the report (write); sock gives the LOG messages that
 * follow. Sends FINDING up to FINDINGS_MAX times, then AUDITED; fills result: 0, -EBADMSG (facts),
 * -EIO (text says what could not be read or written). A broken message or no memory is fatal.
 */
void audit_job(int sock, const struct msg *m, struct proto_status *result);

#endif
