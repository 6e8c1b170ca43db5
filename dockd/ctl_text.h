/*
 * ctl_text: what dockctl shows, for people: local time; text from cameras is made harmless.
 *
 * Used by the commands that show something.
 */
#ifndef DOCKD_CTL_TEXT_H
#define DOCKD_CTL_TEXT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct proto_ctl_asset;
struct proto_ctl_bay;
struct proto_ctl_destination;
struct proto_ctl_upload;

#define TEXT_ESCAPED(n) (4 * (n)) /* room that n bytes of text may need */

/*
 * Text from outside for a terminal: controls, direction marks and broken UTF-8 as \xNN. With
 * terminal false only what is not UTF-8 is changed. Cut at room.
 */
const char *text_clean(const char *text, bool terminal, char *out, size_t room);

/* When what waits for it will be there; nothing where nothing waits. */
void text_outlook(FILE *out, const struct proto_ctl_destination *d);
void text_bay_row(FILE *out, const struct proto_ctl_bay *b, bool first);
void text_bay(FILE *out, const struct proto_ctl_bay *b);
void text_asset_row(FILE *out, const struct proto_ctl_asset *a, bool first);
void text_asset(FILE *out, const struct proto_ctl_asset *a);
void text_upload(FILE *out, const struct proto_ctl_upload *u);

/* "1.2 GB" */
const char *text_bytes(uint64_t bytes, char *out, size_t room);

#endif
