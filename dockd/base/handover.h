/*
 * handover: names the points at which a clip's life passes from one act to the next.
 *
 * In shipped programs handover() does nothing. The fault tests link a double that ends the process
 * at the n-th passing of a named point, to prove that dying there costs time and nothing else.
 */
#ifndef DOCKD_HANDOVER_H
#define DOCKD_HANDOVER_H

/* name: "noun-verb", listed in HACKING.md; unique over all programs. */
void handover(const char *name);

#endif
