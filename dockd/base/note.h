/*
 * note: C2SP signed notes with Ed25519 keys (https://c2sp.org/signed-note, v1.0.0).
 *
 * Used for checkpoints of the continuity ledger (core, dockctl), for signed receipts and manifests
 * (verify). Linked only into programs that need it. It never reads a note's text: that is the
 * caller's, and only after note_open gave 0.
 */
#ifndef DOCKD_BASE_NOTE_H
#define DOCKD_BASE_NOTE_H

#include <stddef.h>
#include <stdint.h>

#define NOTE_MAX 65536    /* bytes of a whole note that are looked at */
#define NOTE_NAME_LEN 128 /* key name and NUL */
#define NOTE_VKEY_LEN 256 /* a verifier key as text, and NUL */
#define NOTE_SIGNATURES_MAX 16

/* A verifier key: "NAME+HHHHHHHH+BASE64(0x01 || public key)" (signed-note, Go's sumdb/note). */
struct note_key {
	char name[NOTE_NAME_LEN];
	uint8_t id[4];
	uint8_t public_key[32];
};

/* 0; -EINVAL: not such a key, its hash is wrong, or it is not Ed25519 (type 0x01). */
int note_key_parse(const char *vkey, struct note_key *out);
/* The reverse. 0, -ENOSPC. */
int note_key_format(const struct note_key *key, char *out, size_t room);
/* A key from a name and its 32 bytes. 0, -EINVAL: the name has spaces, '+', or is empty. */
int note_key_make(const char *name, const uint8_t public_key[32], struct note_key *out);

/*
 * Checks the form of the note and the signatures of keys[] on it. 0: at least one of keys signed
 * it, none of keys' signatures is wrong; *text_len bytes of note are the text (final newline
 * included), *which is the index of the first key that signed. -EBADMSG: not a signed note;
 * -ENOKEY: none of keys signed it (*text_len is set all the same); -EKEYREJECTED: a signature of one of keys is wrong. *why: a
 * fixed text with the clause.
 */
int note_open(const char *note, size_t len, const struct note_key *keys, size_t keys_n,
    size_t *text_len, size_t *which, const char **why);

struct note_signer; /* a private key and its name */

/* The Ed25519 key of a PKCS#8 PEM file (fd), with the note name `name`. 0 or -errno. */
int note_signer_read(int fd, const char *name, struct note_signer **out);
/* A new key, written to fd as PKCS#8 PEM (not synced). 0 or -errno. */
int note_signer_make(int fd, const char *name, struct note_signer **out);
void note_signer_free(struct note_signer *s);
const struct note_key *note_signer_key(const struct note_signer *s);
/*
 * text (ends with a newline, no control characters) with its signature line. Length without NUL, or
 * -ENOSPC, -EINVAL.
 */
int note_sign(const struct note_signer *s, const char *text, char *out, size_t room);

#endif
