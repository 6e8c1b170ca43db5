/*
 * camera_key: a camera's public key, as a person hands it over and as it is kept; pure.
 *
 * Called by dockctl (reading a file) and control_evidence (checking what it sent). One form is kept:
 * base64 of SubjectPublicKeyInfo in DER (RFC 5280 section 4.1); its fingerprint is SHA-256 over
 * the DER. It reads what a person of the station gives, never what a camera or a server wrote.
 */
#ifndef DOCKD_CAMERA_KEY_H
#define DOCKD_CAMERA_KEY_H

#include "base/proto_verify.h"

#define CAMERA_KEY_LEN 1024 /* of its text, NUL included */

/*
 * A key in PEM (PUBLIC KEY or CERTIFICATE) or in base64 becomes the kept form. 0; -EBADMSG: none of
 * these; -EKEYREJECTED: not a key of this scheme (ecdsa: P-256, P-384; ed25519 and
 * manifest: Ed25519).
 */
int camera_key_read(
    const char *text, size_t len, enum signing_scheme scheme, char out[CAMERA_KEY_LEN]);

/* The kept form and nothing else: 0 and its fingerprint in hex, or as above. */
int camera_key_check(const char *key, enum signing_scheme scheme, char fingerprint[PROTO_ID_LEN]);

#endif
