/*
 * sidecar: bare ECDSA and Ed25519 signatures by keys that were enrolled for a camera.
 *
 * Called by signature and the fuzzer. dockd-signature(5) says which bytes are signed and how a
 * signature is spelt.
 */
#ifndef DOCKD_VERIFY_SIDECAR_H
#define DOCKD_VERIFY_SIDECAR_H

#include "signature.h"

#include <openssl/evp.h>

#define CANONICAL_MAX 1024

/* 0, or -EBADMSG: an enrolled key cannot be read, *why. */
int sidecar_ecdsa(const struct signing_facts *f, const char *bytes, size_t len,
    struct proto_judged *out, const char **why);
int sidecar_ed25519(const struct signing_facts *f, const char *bytes, size_t len,
    struct proto_judged *out, const char **why);

/* The line that Ed25519 signs, its newline included. Its length. */
size_t sidecar_line(const struct signing_facts *f, char out[CANONICAL_MAX]);

/* The enrolled key, or NULL: it is no SubjectPublicKeyInfo. The caller's to free. */
EVP_PKEY *signing_key_load(const struct signing_key *k);
/* "SHA-256 of the key, in hex", cut to the room of signer. */
void signing_key_name(const struct signing_key *k, struct proto_judged *out);

#endif
