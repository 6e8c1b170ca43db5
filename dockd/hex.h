/*
 * hex: bytes as lower-case hexadecimal text, as digests stand in records. Pure; used by the core.
 */
#ifndef DOCKD_HEX_H
#define DOCKD_HEX_H

#include <stddef.h>
#include <stdint.h>

/* 2 * n digits and NUL into out. */
void hex_write(const void *bytes, size_t n, char *out);

/* The reverse of what hex_write made: 2 * n digits of our own, not checked. */
void hex_read(const char *hex, uint8_t *out, size_t n);

#endif
