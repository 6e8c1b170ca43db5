/*
 * pin: the PIN of a profile's cameras, read from a file that root handed to the service.
 *
 * Called by docking when a worker is told what to do. The PIN is a mode switch of a camera, never
 * security; all the same it stands in no log, ledger, status or argument.
 */
#ifndef DOCKD_PIN_H
#define DOCKD_PIN_H

#include "base/proto_attach.h"

/*
 * One line of 1 to 31 printable ASCII characters into out, a newline at its end cut off. path "": ""
 * (the family's own default). 0, or -errno, and why says what is to be mended, with the path. The
 * caller wipes out.
 */
int pin_read(const char *path, char out[PROTO_PIN_LEN], char *why, size_t room);

#endif
