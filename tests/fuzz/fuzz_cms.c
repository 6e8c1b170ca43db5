/*
 * A CMS signature: whatever it holds, there is one result with a reason, nothing is left behind,
 * and what is signed over another digest is never valid. The certificates are throw-away ones;
 * their keys are not kept.
 */
#include "../../dockd/verify/judge_job.h"
#include "../../dockd/verify/signature.h"

#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char anchors[] = "-----BEGIN CERTIFICATE-----\n"
			      "MIIBhjCCASugAwIBAgIURu3aivzVDz4OiRu4U7ELI9/ug48wCgYIKoZIzj0EAwIw\n"
			      "DzENMAsGA1UEAwwEUm9vdDAeFw0yMDAxMDEwMDAwMDBaFw00MDAxMDEwMDAwMDBa\n"
			      "MBExDzANBgNVBAMMBk1ha2VyczBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABDri\n"
			      "axqxqu2PRiEGFPwv2Sbru1iaC6lMUGrpHom3OlH17g6HeqyUJNpmbYrW7BdaVr+4\n"
			      "9yVK+zaWBojOxWbDo5SjYzBhMA8GA1UdEwEB/wQFMAMBAf8wDgYDVR0PAQH/BAQD\n"
			      "AgEGMB0GA1UdDgQWBBQsmy3x8oweiMgASqvfMjm9AQXq7zAfBgNVHSMEGDAWgBSu\n"
			      "JIfLdg3mVWYKD+FEzX4gJ3gGXjAKBggqhkjOPQQDAgNJADBGAiEApAmLQasuaIfZ\n"
			      "+uTKWBEaQCahbc4xXlaJ2A1cjgX99JoCIQDp6oTAGxXaiKKWpAYolGS/dKDrMRF5\n"
			      "OJWhkw8TFnWg1g==\n"
			      "-----END CERTIFICATE-----\n";

static const char crls[] = "-----BEGIN X509 CRL-----\n"
			   "MIG+MGYwCgYIKoZIzj0EAwIwETEPMA0GA1UEAwwGTWFrZXJzFw0yNjAyMDEwMDAw\n"
			   "MDBaFw0zOTAxMDEwMDAwMDBaMCcwJQIUaYdg3Bgqspway6wRXsZ8HvEDMF0XDTI2\n"
			   "MDIwMTAwMDAwMFowCgYIKoZIzj0EAwIDSAAwRQIhALOvnFrjzTmlSVlfxYnSOqiQ\n"
			   "8hP4Ax0NQaAX5HTtcIMDAiBFVnat05mzWUQEtuG5Au0aCgB712ccwnDQnZRy9QJr\n"
			   "VA==\n"
			   "-----END X509 CRL-----\n";

static const char asked[] =
    "{\"asset\":\"00\",\"clock-proved\":1,\"docked\":1772409600,\"length\":9,"
    "\"not-before\":1772236800,\"path\":\"DCIM/1.MP4\",\"recorded\":1772323200,"
    "\"serial\":\"BWC-0042\",\"sha256\":\"4668e7c1fb1d9f256d66753ac3a621cf419cfb6"
    "b212962d9d5135cbf611983e5\",\"sha384\":\"ec466f4fbbf1b2d1b77f81bb2431da0278a"
    "2bab17383a213d6af9cf776653ed5f9d7cb512fef40fcf6b9a8714f5333f9\",\"type\":\"a"
    "sset\"}\n"
    "{\"digests\":\"sha256 sha384\",\"scheme\":\"cms\",\"type\":\"signing\"}\n";

static void check(const struct proto_judged *j)
{
	if (j->result < SIGNATURE_VALID || j->result > SIGNATURE_UNREADABLE || !j->text[0] ||
	    !memchr(j->text, 0, sizeof(j->text)) || !memchr(j->signer, 0, sizeof(j->signer)) ||
	    ERR_peek_error() != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct trust trust = { anchors, crls, sizeof(anchors) - 1, sizeof(crls) - 1 };
	static struct signing_facts facts;
	struct proto_judged judged = { 0 };
	const char *why = "";

	if (facts_signing(asked, sizeof(asked) - 1, &facts, &why) < 0 ||
	    signature_judge(&facts, (const char *)data, size, &trust, &judged, &why) < 0)
		abort();
	check(&judged);
	facts.digest[DIGEST_IS_SHA256][0] ^= 1;
	facts.digest[DIGEST_IS_SHA384][0] ^= 1;
	if (signature_judge(&facts, (const char *)data, size, &trust, &judged, &why) < 0 ||
	    judged.result == SIGNATURE_VALID)
		abort();
	return 0;
}
