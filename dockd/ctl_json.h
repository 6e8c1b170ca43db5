/*
 * ctl_json: what dockctl shows, for programs. Every value is a new reference.
 *
 * Used by the commands that show something.
 */
#ifndef DOCKD_CTL_JSON_H
#define DOCKD_CTL_JSON_H

#include <stdbool.h>
#include <stdio.h>

struct json_t;
struct proto_ctl_asset;
struct proto_ctl_bay;
struct proto_ctl_destination;
struct proto_ctl_status;
struct proto_ctl_upload;

struct json_t *json_status(const struct proto_ctl_status *s);
struct json_t *json_destination(const struct proto_ctl_destination *d);
struct json_t *json_bay(const struct proto_ctl_bay *b);
struct json_t *json_asset(const struct proto_ctl_asset *a);
struct json_t *json_upload(const struct proto_ctl_upload *u);
/* One line; releases value. false: writing failed. */
bool json_line(FILE *out, struct json_t *value);

#endif
