#include "certificate.h"

#define DAY_S INT64_C(86400)
#define FIRST_S INT64_C(-631152000)  /* 1950, the first year of a UTCTime (RFC 5280 4.1.2.5.1) */
#define LAST_S INT64_C(253402300799) /* the end of 9999, "no well-defined expiration" (4.1.2.5) */

const char *certificate_form(const struct proto_certificate *c)
{
	if (c->which < CERTIFICATE_CLIENT || c->which > CERTIFICATE_SERVER)
		return "a certificate that does not exist";
	if (c->not_before_s < FIRST_S || c->not_before_s > LAST_S || c->not_after_s < FIRST_S ||
	    c->not_after_s > LAST_S)
		return "a certificate's time that no certificate can name";
	return NULL;
}

unsigned certificate_stage(int64_t not_after_s, int64_t now_s)
{
	static const int64_t days[] = { 60, 30, 7, 0 };
	unsigned stage = 0;

	for (unsigned i = 0; i < sizeof(days) / sizeof(days[0]); i++) {
		if (not_after_s - now_s <= days[i] * DAY_S)
			stage = i + 1;
	}
	return stage;
}

bool certificate_is_news(unsigned *told, unsigned stage)
{
	bool news = stage > *told;

	*told = stage;
	return news;
}

const char *certificate_word(unsigned which)
{
	switch ((enum certificate_which)which) {
	case CERTIFICATE_CLIENT:
		return "client";
	case CERTIFICATE_CA:
		return "ca";
	case CERTIFICATE_SERVER:
		return "server";
	}
	return "?";
}

const char *certificate_noun(unsigned which)
{
	switch ((enum certificate_which)which) {
	case CERTIFICATE_CLIENT:
		return "this station's client certificate";
	case CERTIFICATE_CA:
		return "the last certificate of ca-file";
	case CERTIFICATE_SERVER:
		return "the server's certificate";
	}
	return "a certificate";
}
