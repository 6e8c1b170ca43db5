/*
 * http_answer: what comes back on a request: its bounds while it comes, and how it ended.
 *
 * Called by http.c alone, partly as libcurl's callbacks. It keeps the head of the final answer and
 * what was wanted of its body; everything beyond is let go, and nothing is unpacked.
 */
#ifndef DOCKD_HTTP_ANSWER_H
#define DOCKD_HTTP_ANSWER_H

#include "http.h"

/* CURLOPT_HEADERFUNCTION and CURLOPT_WRITEFUNCTION; ctx: struct http. */
size_t http_answer_head(char *bytes, size_t size, size_t count, void *ctx);
size_t http_answer_body(char *bytes, size_t size, size_t count, void *ctx);

/* Sets end, state and why of a request that has ended so. */
void http_answer_judge(struct http *h, CURLcode code);

#endif
