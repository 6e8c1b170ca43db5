/*
 * cms: reads one SignedData strictly and tests each of its claims by itself.
 *
 * Called by signature. libcrypto parses and computes; what is accepted is decided here: one
 * spelling (DER), one signer, one digest algorithm that the profile names, no content, each signed
 * attribute once. It must never take libcrypto's word that a signature as a whole is good: the
 * digest is compared here, and the chain is built at two times.
 */
#include "cms.h"

#include "chain.h"

#include <errno.h>
#include <limits.h>
#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/ess.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define ATTRIBUTES_MAX 32
#define CERTIFICATES_MAX 32

struct reading {
	CMS_ContentInfo *cms;
	CMS_SignerInfo *signer; /* of cms */
	STACK_OF(X509) * certificates;
	X509 *certificate; /* of certificates; NULL: the signer's is not there */
	EVP_PKEY *key;     /* of certificate */
	enum digest_name digest;
	const ASN1_OCTET_STRING *message_digest; /* of signer */
};

/* A result with its clause, given back so that the caller can stop. */
#define REFUSE(out, ...) (judged_set(out, SIGNATURE_UNREADABLE, __VA_ARGS__), false)

/* ---- form ---- */

static bool read_der(const uint8_t *der, long len, struct reading *r, struct proto_judged *out)
{
	const uint8_t *at = der;
	uint8_t *again = NULL;
	int n;

	r->cms = d2i_CMS_ContentInfo(NULL, &at, len);
	if (!r->cms)
		return REFUSE(out, "RFC 5652 section 3: it is no ContentInfo, or it is cut short");
	if (at != der + len)
		return REFUSE(
		    out, "RFC 5652 section 3: %td bytes follow the ContentInfo", der + len - at);
	n = i2d_CMS_ContentInfo(r->cms, &again);
	if (n != len || memcmp(again, der, (size_t)len) != 0) {
		OPENSSL_free(again);
		return REFUSE(out,
		    "X.690 section 10: it is not in the distinguished encoding "
		    "(DER)");
	}
	OPENSSL_free(again);
	return true;
}

static bool read_pem(const char *bytes, size_t len, struct reading *r, struct proto_judged *out)
{
	BIO *in = BIO_new_mem_buf(bytes, (int)len);
	char *label = NULL, *header = NULL;
	uint8_t *der = NULL;
	long der_len = 0;
	bool good = in && PEM_read_bio(in, &label, &header, &der, &der_len) == 1;

	if (!good)
		good = REFUSE(out, "RFC 7468 section 2: it is no PEM, or it is cut short");
	else if ((strcmp(label, "CMS") != 0 && strcmp(label, "PKCS7") != 0) || header[0])
		good = REFUSE(out, "RFC 7468 section 9: its label is not \"CMS\"");
	else if (BIO_pending(in) != 0)
		good = REFUSE(out, "RFC 7468 section 2: something follows the last line");
	else
		good = read_der(der, der_len, r, out);
	OPENSSL_free(label);
	OPENSSL_free(header);
	OPENSSL_free(der);
	BIO_free(in);
	return good;
}

static bool read_envelope(struct reading *r, struct proto_judged *out)
{
	STACK_OF(CMS_SignerInfo) * signers;
	ASN1_OCTET_STRING **content;

	if (OBJ_obj2nid(CMS_get0_type(r->cms)) != NID_pkcs7_signed)
		return REFUSE(out, "RFC 5652 section 5: it is no SignedData");
	if (OBJ_obj2nid(CMS_get0_eContentType(r->cms)) != NID_pkcs7_data)
		return REFUSE(out, "RFC 5652 section 4: its content type is not id-data");
	content = CMS_get0_content(r->cms);
	if (!content || *content)
		return REFUSE(out,
		    "RFC 5652 section 5.2: it holds content; a detached signature "
		    "holds none");
	signers = CMS_get0_SignerInfos(r->cms);
	if (sk_CMS_SignerInfo_num(signers) != 1)
		return REFUSE(out, "RFC 5652 section 5.1: %d signers, and not one",
		    signers ? sk_CMS_SignerInfo_num(signers) : 0);
	r->signer = sk_CMS_SignerInfo_value(signers, 0);
	r->certificates = CMS_get1_certs(r->cms);
	if (sk_X509_num(r->certificates) > CERTIFICATES_MAX)
		return REFUSE(
		    out, "RFC 5652 section 5.1: more than %d certificates", CERTIFICATES_MAX);
	for (int i = 0; i < sk_X509_num(r->certificates) && !r->certificate; i++) {
		X509 *x = sk_X509_value(r->certificates, i);

		if (CMS_SignerInfo_cert_cmp(r->signer, x) == 0)
			r->certificate = x;
	}
	return true;
}

/* The digest algorithm: one that the profile names, its parameters absent or NULL. */
static bool read_digest(const struct signing_facts *f, struct reading *r, struct proto_judged *out)
{
	static const int nids[DIGEST_NAMES] = { NID_sha256, NID_sha384, NID_sha512 };
	const ASN1_OBJECT *object;
	X509_ALGOR *algorithm;
	char name[64] = "";
	int type;

	CMS_SignerInfo_get0_algs(r->signer, NULL, NULL, &algorithm, NULL);
	X509_ALGOR_get0(&object, &type, NULL, algorithm);
	for (unsigned d = 0; d < DIGEST_NAMES; d++) {
		if (OBJ_obj2nid(object) != nids[d])
			continue;
		if (!f->allowed[d])
			return REFUSE(out,
			    "RFC 5652 section 5.3: its digest is %s, which the profile does not "
			    "name",
			    digest_title((enum digest_name)d));
		if (type != V_ASN1_UNDEF && type != V_ASN1_NULL)
			return REFUSE(out, "RFC 5754 section 2: the digest has parameters");
		r->digest = (enum digest_name)d;
		return true;
	}
	OBJ_obj2txt(name, sizeof(name), object, 0);
	return REFUSE(out,
	    "RFC 5652 section 5.3: its digest is %s; only SHA-256, SHA-384 and "
	    "SHA-512 can be allowed",
	    name);
}

/* The one value of a signed attribute of this type, or NULL: it is not there, or not one value. */
static const void *attribute(const CMS_SignerInfo *signer, int nid, int type)
{
	int at = CMS_signed_get_attr_by_NID(signer, nid, -1);
	X509_ATTRIBUTE *a = at < 0 ? NULL : CMS_signed_get_attr(signer, at);

	return a && X509_ATTRIBUTE_count(a) == 1 ? X509_ATTRIBUTE_get0_data(a, 0, type, NULL) :
						   NULL;
}

static bool read_attributes(struct reading *r, struct proto_judged *out)
{
	int n = CMS_signed_get_attr_count(r->signer);
	const ASN1_OBJECT *content_type;

	if (n <= 0)
		return REFUSE(out, "RFC 5652 section 5.3: it has no signed attributes");
	if (n > ATTRIBUTES_MAX)
		return REFUSE(
		    out, "RFC 5652 section 5.3: more than %d signed attributes", ATTRIBUTES_MAX);
	for (int i = 0; i < n; i++) {
		X509_ATTRIBUTE *a = CMS_signed_get_attr(r->signer, i);

		if (CMS_signed_get_attr_by_OBJ(r->signer, X509_ATTRIBUTE_get0_object(a), -1) != i)
			return REFUSE(out, "RFC 5652 section 5.3: a signed attribute comes twice");
		if (X509_ATTRIBUTE_count(a) != 1)
			return REFUSE(out, "RFC 5652 section 11: a signed attribute has %d values",
			    X509_ATTRIBUTE_count(a));
	}
	content_type = attribute(r->signer, NID_pkcs9_contentType, V_ASN1_OBJECT);
	if (OBJ_obj2nid(content_type) != NID_pkcs7_data)
		return REFUSE(out, "RFC 5652 section 11.1: no attribute content-type id-data");
	r->message_digest = attribute(r->signer, NID_pkcs9_messageDigest, V_ASN1_OCTET_STRING);
	if (!r->message_digest ||
	    (size_t)ASN1_STRING_length(r->message_digest) != digest_size(r->digest))
		return REFUSE(out,
		    "RFC 5652 section 11.2: no attribute message-digest of %zu bytes",
		    digest_size(r->digest));
	return true;
}

/* What the signer says when it signed; not needed, and not believed. */
static bool read_signing_time(const struct reading *r, struct proto_judged *out)
{
	int at = CMS_signed_get_attr_by_NID(r->signer, NID_pkcs9_signingTime, -1);
	X509_ATTRIBUTE *a = at < 0 ? NULL : CMS_signed_get_attr(r->signer, at);
	const ASN1_TYPE *value = a ? X509_ATTRIBUTE_get0_type(a, 0) : NULL;
	struct tm tm;

	if (!a)
		return true;
	if (!value || (value->type != V_ASN1_UTCTIME && value->type != V_ASN1_GENERALIZEDTIME) ||
	    ASN1_TIME_to_tm(
		value->type == V_ASN1_UTCTIME ? value->value.utctime : value->value.generalizedtime,
		&tm) != 1)
		return REFUSE(out, "RFC 5652 section 11.3: signing-time is no time");
	out->time_s = timegm(&tm);
	return true;
}

static const char *key_trouble(const EVP_PKEY *key)
{
	char group[32] = "";

	if (EVP_PKEY_is_a(key, "EC"))
		return EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) == 1 &&
			(strcmp(group, "prime256v1") == 0 || strcmp(group, "secp384r1") == 0) ?
		    NULL :
		    "RFC 5480 section 2.1.1: its key is on another curve than P-256 and P-384";
	if (EVP_PKEY_is_a(key, "RSA") || EVP_PKEY_is_a(key, "RSA-PSS"))
		return EVP_PKEY_get_bits(key) <= 8192 ?
		    NULL :
		    "RFC 8017: its RSA key is longer than 8192 bits";
	return "RFC 5652 section 5.3: its key is neither ECDSA nor RSA";
}

/* The signature algorithm must fit the key and, where it names one, the digest (RFC 5754, 3). */
static bool read_algorithm(struct reading *r, struct proto_judged *out)
{
	static const int nids[DIGEST_NAMES] = { NID_sha256, NID_sha384, NID_sha512 };
	const char *trouble = key_trouble(r->key);
	const ASN1_OBJECT *object;
	X509_ALGOR *algorithm;
	int nid, digest = NID_undef, type = NID_undef;
	bool fits;

	if (trouble)
		return REFUSE(out, "%s", trouble);
	CMS_SignerInfo_get0_algs(r->signer, NULL, NULL, NULL, &algorithm);
	X509_ALGOR_get0(&object, NULL, NULL, algorithm);
	nid = OBJ_obj2nid(object);
	if (nid == NID_rsaEncryption)
		fits = EVP_PKEY_is_a(r->key, "RSA");
	else if (nid == NID_rsassaPss)
		fits = !EVP_PKEY_is_a(r->key, "EC");
	else
		fits = OBJ_find_sigid_algs(nid, &digest, &type) == 1 && digest == nids[r->digest] &&
		    ((type == NID_rsaEncryption && EVP_PKEY_is_a(r->key, "RSA")) ||
			(type == NID_X9_62_id_ecPublicKey && EVP_PKEY_is_a(r->key, "EC")));
	if (!fits)
		return REFUSE(out,
		    "RFC 5754 section 3: its signature algorithm does not fit its "
		    "key and digest");
	return true;
}

static bool read_all(const struct signing_facts *f, const char *bytes, size_t len,
    struct reading *r, struct proto_judged *out)
{
	static const char pem[] = "-----BEGIN ";
	bool is_pem = len >= sizeof(pem) - 1 && memcmp(bytes, pem, sizeof(pem) - 1) == 0;

	return (is_pem ? read_pem(bytes, len, r, out) :
			 read_der((const uint8_t *)bytes, (long)len, r, out)) &&
	    read_envelope(r, out) && read_digest(f, r, out) && read_attributes(r, out) &&
	    read_signing_time(r, out);
}

/* ---- tests ---- */

/* RFC 5035: where the signer says which certificate is meant, it is this one. */
static bool names_certificate(const struct reading *r)
{
	const ASN1_STRING *value =
	    attribute(r->signer, NID_id_smime_aa_signingCertificateV2, V_ASN1_SEQUENCE);
	const uint8_t *at = value ? ASN1_STRING_get0_data(value) : NULL;
	ESS_SIGNING_CERT_V2 *names;
	STACK_OF(X509) * only;
	bool good;

	if (CMS_signed_get_attr_by_NID(r->signer, NID_id_smime_aa_signingCertificateV2, -1) < 0)
		return true;
	names = value ? d2i_ESS_SIGNING_CERT_V2(NULL, &at, ASN1_STRING_length(value)) : NULL;
	only = sk_X509_new_null();
	good = names && only && sk_X509_push(only, r->certificate) > 0 &&
	    OSSL_ESS_check_signing_certs(NULL, names, only, 1) > 0;
	sk_X509_free(only);
	ESS_SIGNING_CERT_V2_free(names);
	return good;
}

/* Whether the one entry of this kind in the subject is the serial, byte for byte in UTF-8. */
static bool subject_is(const X509 *certificate, int nid, const char *serial)
{
	const X509_NAME *subject = X509_get_subject_name(certificate);
	int at = X509_NAME_get_index_by_NID(subject, nid, -1);
	uint8_t *text = NULL;
	bool same;
	int n;

	if (at < 0 || X509_NAME_get_index_by_NID(subject, nid, at) >= 0)
		return false;
	n = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
	same = n > 0 && (size_t)n == strlen(serial) && memcmp(text, serial, (size_t)n) == 0;
	OPENSSL_free(text);
	return same;
}

static bool is_of_camera(const struct signing_facts *f, const X509 *certificate)
{
	switch (f->signer) {
	case SIGNER_IS_SERIAL_NUMBER:
		return subject_is(certificate, NID_serialNumber, f->serial);
	case SIGNER_IS_COMMON_NAME:
		return subject_is(certificate, NID_commonName, f->serial);
	case SIGNER_IS_ANY:
		return true;
	}
	return false;
}

/* RFC 4514, in ASCII; cut to fit. */
static void name_signer(const X509 *certificate, struct proto_judged *out)
{
	BIO *text = BIO_new(BIO_s_mem());
	char *at = NULL;
	long n = 0;

	if (text &&
	    X509_NAME_print_ex(text, X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253) >= 0)
		n = BIO_get_mem_data(text, &at);
	if (n > 0)
		snprintf(out->signer, sizeof(out->signer), "%.*s", n > 127 ? 127 : (int)n, at);
	BIO_free(text);
}

/* Digest, then signature; true: both are good. */
static bool test_signature(
    const struct signing_facts *f, struct reading *r, struct proto_judged *out)
{
	if (memcmp(ASN1_STRING_get0_data(r->message_digest), f->digest[r->digest],
		digest_size(r->digest)) != 0) {
		judged_set(out, SIGNATURE_MISMATCH,
		    "RFC 5652 section 5.6: the signed %s is not that of these bytes",
		    digest_title(r->digest));
		return false;
	}
	if (!r->certificate) {
		judged_set(out, SIGNATURE_UNTRUSTED_SIGNER,
		    "RFC 5652 section 5.1: the signer's certificate is not in it");
		return false;
	}
	name_signer(r->certificate, out);
	r->key = X509_get0_pubkey(r->certificate);
	if (!r->key)
		return REFUSE(
		    out, "RFC 5280 section 4.1.2.7: the certificate's key cannot be read");
	if (!read_algorithm(r, out))
		return false;
	CMS_SignerInfo_set1_signer_cert(r->signer, r->certificate);
	if (CMS_SignerInfo_verify(r->signer) != 1) {
		judged_set(out, SIGNATURE_MISMATCH,
		    "RFC 5652 section 5.6: the signature is not that of this certificate's key");
		return false;
	}
	if (!names_certificate(r)) {
		judged_set(out, SIGNATURE_MISMATCH,
		    "RFC 5035 section 5.4: the signer names another certificate than this one");
		return false;
	}
	return true;
}

/* Chain and name, by the anchors; 0 or -EBADMSG and *why. */
static int test_signer(const struct signing_facts *f, const struct signing_time *when,
    const struct reading *r, const struct trust *trust, struct proto_judged *out, const char **why)
{
	struct chain chain = { 0 };
	int err = chain_trust(&chain, trust, why);

	if (err == 0 && chain_judge(&chain, r->certificate, r->certificates, when, out)) {
		if (is_of_camera(f, r->certificate))
			judged_set(out, SIGNATURE_VALID, "signed over %s; %s",
			    digest_title(r->digest), chain.note);
		else
			judged_set(out, SIGNATURE_ANOTHER_CAMERA,
			    "its certificate is trusted, but it does not name this camera's "
			    "serial");
	}
	chain_free(&chain);
	return err;
}

int cms_judge(const struct signing_facts *f, const struct signing_time *when, const char *bytes,
    size_t len, const struct trust *trust, struct proto_judged *out, const char **why)
{
	struct reading r = { 0 };
	int err = 0;

	if (read_all(f, bytes, len, &r, out)) {
		if (!f->has[r.digest]) {
			*why = "asset: the digest that the profile names was not taken";
			err = -EBADMSG;
		} else if (test_signature(f, &r, out)) {
			err = test_signer(f, when, &r, trust, out, why);
		}
	}
	ERR_clear_error();
	sk_X509_pop_free(r.certificates, X509_free);
	CMS_ContentInfo_free(r.cms);
	return err;
}
