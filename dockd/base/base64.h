/*
 * base64: RFC 4648 section 4, strict both ways; pure.
 *
 * Used by note and tlog, and by whoever else writes bytes as text. Decoding takes one spelling
 * only: padded, without spaces or newlines, unused bits zero (RFC 4648, 3.5); two spellings of one
 * signature would be two files of one meaning.
 */
#ifndef DOCKD_BASE_BASE64_H
#define DOCKD_BASE_BASE64_H

#include <stddef.h>
#include <stdint.h>

/* Characters that n bytes take, without NUL. */
#define BASE64_LEN(n) (((n) + 2) / 3 * 4)

/* Writes BASE64_LEN(n) characters and NUL. */
void base64_write(const void *bytes, size_t n, char *out);
/* len characters of text into out. Count of bytes; -EBADMSG; -ENOSPC: more than room. */
int base64_read(const char *text, size_t len, uint8_t *out, size_t room);

#endif
