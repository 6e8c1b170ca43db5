#include "camera_key.h"

#include "base/base64.h"
#include "hex.h"

#include <errno.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#define DER_MAX (CAMERA_KEY_LEN / 4 * 3)

static bool curve_is_known(EVP_PKEY *key)
{
	char name[64];
	size_t len = 0;

	if (EVP_PKEY_get_group_name(key, name, sizeof(name), &len) != 1)
		return false;
	return strcmp(name, "prime256v1") == 0 || strcmp(name, "P-256") == 0 ||
	    strcmp(name, "secp384r1") == 0 || strcmp(name, "P-384") == 0;
}

static bool fits(EVP_PKEY *key, enum signing_scheme scheme)
{
	int type = EVP_PKEY_base_id(key);
	bool ec = type == EVP_PKEY_EC && curve_is_known(key);

	switch (scheme) {
	case SCHEME_ECDSA:
		return ec;
	case SCHEME_ED25519:
	case SCHEME_MANIFEST:
		return type == EVP_PKEY_ED25519;
	case SCHEME_NONE:
	case SCHEME_CMS:
		return false;
	}
	return false;
}

static int key_text(EVP_PKEY *key, enum signing_scheme scheme, char out[CAMERA_KEY_LEN])
{
	unsigned char *der = NULL;
	int len, err = 0;

	if (!fits(key, scheme))
		return -EKEYREJECTED;
	len = i2d_PUBKEY(key, &der);
	if (len <= 0 || len > DER_MAX - 3)
		err = -EBADMSG;
	else
		base64_write(der, (size_t)len, out);
	OPENSSL_free(der);
	return err;
}

static EVP_PKEY *from_pem(const char *text, size_t len)
{
	BIO *in = BIO_new_mem_buf(text, (int)len);
	EVP_PKEY *key = in ? PEM_read_bio_PUBKEY(in, NULL, NULL, NULL) : NULL;
	X509 *x;

	if (in && !key && BIO_reset(in) == 1) {
		x = PEM_read_bio_X509(in, NULL, NULL, NULL);
		key = x ? X509_get_pubkey(x) : NULL;
		X509_free(x);
	}
	BIO_free(in);
	return key;
}

static EVP_PKEY *from_base64(const char *text, size_t len)
{
	uint8_t der[DER_MAX];
	const unsigned char *at = der;
	int n = base64_read(text, len, der, sizeof(der));
	EVP_PKEY *key = n > 0 ? d2i_PUBKEY(NULL, &at, n) : NULL;

	if (key && at != der + n) {
		EVP_PKEY_free(key);
		key = NULL;
	}
	return key;
}

int camera_key_read(
    const char *text, size_t len, enum signing_scheme scheme, char out[CAMERA_KEY_LEN])
{
	EVP_PKEY *key;
	int err;

	if (len > 65536)
		return -EBADMSG;
	key = from_pem(text, len);
	while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r'))
		len--;
	if (!key)
		key = from_base64(text, len);
	if (!key)
		return -EBADMSG;
	err = key_text(key, scheme, out);
	EVP_PKEY_free(key);
	return err;
}

int camera_key_check(
    const char *key_base64, enum signing_scheme scheme, char fingerprint[PROTO_ID_LEN])
{
	char again[CAMERA_KEY_LEN];
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned size = 0;
	uint8_t der[DER_MAX];
	EVP_PKEY *key = from_base64(key_base64, strlen(key_base64));
	int n, err = key ? key_text(key, scheme, again) : -EBADMSG;

	EVP_PKEY_free(key);
	if (err < 0)
		return err;
	if (strcmp(again, key_base64) != 0)
		return -EBADMSG;
	n = base64_read(again, strlen(again), der, sizeof(der));
	if (n < 0 || EVP_Digest(der, (size_t)n, digest, &size, EVP_sha256(), NULL) != 1)
		return -EIO;
	hex_write(digest, size, fingerprint);
	return 0;
}
