/*
 * tus_verdict: what tus_reply makes of an answer that is written down as text; for unit tests.
 */
#ifndef TEST_TUS_VERDICT_H
#define TEST_TUS_VERDICT_H

#include "../../uploader/tus_reply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define NOW 1790000000

static inline int read_text(const char *text, struct tus_reply *r)
{
	return tus_reply_read(text, strlen(text), NOW, r);
}

static inline enum tus_verdict verdict(enum tus_request request, int status, const char *headers)
{
	struct tus_words said;
	struct tus_reply r;
	char text[256];
	enum tus_verdict v;

	snprintf(text, sizeof(text), "HTTP/1.1 %d x\r\n%s\r\n", status, headers);
	assert_int_equal(read_text(text, &r), 0);
	v = tus_reply_judge(request, &r, &said);
	if (v != TUS_GOOD)
		assert_true(said.text[0] != '\0' && said.state[0] != '\0');
	assert_true(strlen(said.state) < PROTO_CLASS_LEN);
	return v;
}

#endif
