/*
 * A bare signature, its scheme in the first byte: one result with a reason, and what fits these
 * bytes fits no others. The keys are throw-away ones.
 */
#include "../../dockd/verify/signature.h"

#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char asset[] =
    "{\"asset\":\"00\",\"clock-proved\":1,\"docked\":1772409600,\"length\":9,"
    "\"not-before\":1772236800,\"path\":\"DCIM/1.MP4\",\"recorded\":1772323200,"
    "\"serial\":\"BWC-0042\",\"sha256\":\"4668e7c1fb1d9f256d66753ac3a621cf419cfb6"
    "b212962d9d5135cbf611983e5\",\"type\":\"asset\"}\n";

static const char keys[] =
    "{\"enrolled\":1,\"key\":\"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEzA6u9pFs+c++8H"
    "3dls/HU4LisXVQ9+R0Gj6qZOCoKx4S/OtPHfIj1ab61pBcAzWvmSiUwIJy7YQlj32MY3ur5w==\""
    ",\"serial\":\"BWC-0042\",\"type\":\"key\"}\n"
    "{\"enrolled\":1,\"key\":\"MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEqK0QZJ9mg0j3tQHPs4"
    "awuuLvpp7z82akR9QBv3Af04f0I/CMN2pWfhi9k26DrgcjHw3sPZCylhiWqMERxlvcyHpQTzC3qq"
    "66AyLgOlTAaPQxs4idfZyhB3kd/kGtSdpB\",\"serial\":\"BWC-0042\",\"type\":\"key"
    "\"}\n"
    "{\"enrolled\":1,\"key\":\"MCowBQYDK2VwAyEASNvkKvY+Iq+5oL5I5iJtOy1QRFJg7g1rQV"
    "Jj94wDYUA=\",\"serial\":\"BWC-0042\",\"type\":\"key\"}\n";

static void ask(const char *scheme, struct signing_facts *facts)
{
	char asked[4096];
	const char *why = "";
	int n = snprintf(asked, sizeof(asked),
	    "%s{\"digests\":\"sha256\",\"scheme\":\"%s\",\"type\":\"signing\"}\n%s", asset, scheme,
	    keys);

	if (facts_signing(asked, (size_t)n, facts, &why) < 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct trust trust;
	static struct signing_facts facts;
	struct proto_judged judged = { 0 };
	const char *why = "";

	if (size == 0)
		return 0;
	ask(data[0] == 'd' ? "ed25519" : "ecdsa", &facts);
	if (signature_judge(&facts, (const char *)data + 1, size - 1, &trust, &judged, &why) < 0 ||
	    judged.result < SIGNATURE_VALID || judged.result > SIGNATURE_UNREADABLE ||
	    !judged.text[0] || ERR_peek_error() != 0)
		abort();
	facts.digest[DIGEST_IS_SHA256][0] ^= 1;
	if (signature_judge(&facts, (const char *)data + 1, size - 1, &trust, &judged, &why) < 0 ||
	    judged.result == SIGNATURE_VALID)
		abort();
	return 0;
}
