/*
 * A tus server's answer: whatever it says, the reader stays within its bounds, a verdict comes with
 * a text, no Location leads anywhere but to the configured host, and a receipt is bounded.
 */
#include "../../uploader/tus_address.h"
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
	static const char id[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
	char address[PROTO_ADDRESS_LEN], path[128] = "";
	struct tus_words w;
	struct tus_reply r;

	if (tus_note_is_text((const char *)data, size) && (size == 0 || size > TUS_NOTE_MAX))
		abort();
	/* what a person writes as find-path leads nowhere else either */
	memcpy(path, data, size < sizeof(path) - 1 ? size : sizeof(path) - 1);
	if (tus_find_url(CREATION, path, id, address, sizeof(address)) == 0)
		check_place(address);
	if (tus_reply_read((const char *)data, size, 1790000000, &r) < 0)
		return 0;
	if (r.status < 100 || r.status > 999 || r.retry_after_ms > 86400000)
		abort();
	for (int q = TUS_OPTIONS; q <= TUS_FIND; q++) {
		enum tus_verdict v = tus_reply_judge((enum tus_request)q, &r, &w);

		if (v < TUS_GOOD || v > TUS_DESTINATION)
			abort();
		if (v != TUS_GOOD && (!w.text[0] || !w.state[0] || strlen(w.state) > 31))
			abort();
	}
	if (r.asset[0] && (!r.has_asset || strlen(r.asset) != 64))
		abort();
	if (r.sha256[0] && (!r.has_sha256 || strlen(r.sha256) != 64))
		abort();
	if (r.has_content_location &&
	    tus_location(CREATION, r.content_location, address, sizeof(address)) == 0)
		check_place(address);
	if (r.has_location && tus_location(CREATION, r.location, address, sizeof(address)) == 0)
		check_place(address);
	return 0;
}
