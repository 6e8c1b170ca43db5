/*
 * receipt: what a signed receipt shows (dockd-receipt(5)); pure.
 *
 * Called by judge_job and the fuzzer. The server that wrote it is hostile until its signature is
 * that of a pinned key.
 */
#ifndef DOCKD_VERIFY_RECEIPT_H
#define DOCKD_VERIFY_RECEIPT_H

#include "facts.h"

/* Fills result (enum receipt_result), time_s, signer (key name), version and text. */
void receipt_judge(
    const struct receipt_facts *f, const char *bytes, size_t len, struct proto_judged *out);

#endif
