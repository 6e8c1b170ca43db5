/*
 * A tus server's answer: whatever it says, the reader stays within its bounds, a verdict comes with
 * a text, no Location leads anywhere but to the configured host, and a receipt is bounded.
 */
#include "../../uploader/tus_reply.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#define CREATION "https://evidence.example:8443/files/"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_place(const char *address)
{
	CURLU *u = curl_url();
	char *host = NULL, *port = NULL, *scheme = NULL, *user = NULL;

	if (!u || curl_url_set(u, CURLUPART_URL, address, 0) ||
	    curl_url_get(u, CURLUPART_HOST, &host, 0) ||
	    curl_url_get(u, CURLUPART_PORT, &port, 0) ||
	    curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) ||
	    curl_url_get(u, CURLUPART_USER, &user, 0) == CURLUE_OK)
		abort();
	if (strcmp(host, "evidence.example") != 0 || strcmp(port, "8443") != 0 ||
	    strcmp(scheme, "https") != 0)
		abort();
	curl_free(host);
	curl_free(port);
	curl_free(scheme);
	curl_url_cleanup(u);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char address[PROTO_ADDRESS_LEN];
	struct tus_reply r;
	const char *text;

	if (tus_note_is_text((const char *)data, size) && (size == 0 || size > TUS_NOTE_MAX))
		abort();
	if (tus_reply_read((const char *)data, size, 1790000000, &r) < 0)
		return 0;
	if (r.status < 100 || r.status > 999 || r.retry_after_ms > 86400000)
		abort();
	for (int q = TUS_OPTIONS; q <= TUS_DELETE; q++) {
		enum tus_verdict v = tus_reply_judge((enum tus_request)q, &r, &text);

		if (v < TUS_GOOD || v > TUS_DESTINATION || (v != TUS_GOOD && !text[0]))
			abort();
	}
	if (r.asset[0] && (!r.has_asset || strlen(r.asset) != 64))
		abort();
	if (r.has_location && tus_location(CREATION, r.location, address, sizeof(address)) == 0)
		check_place(address);
	return 0;
}
