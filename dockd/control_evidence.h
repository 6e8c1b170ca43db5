/*
 * control_evidence: keys of cameras, and activation reports, asked for and changed by dockctl.
 *
 * Called by control for the questions named in each function. What changes something needs a
 * reason and is recorded with the user id that the kernel tells of the asker.
 */
#ifndef DOCKD_CONTROL_EVIDENCE_H
#define DOCKD_CONTROL_EVIDENCE_H

#include <stddef.h>
#include <stdint.h>

struct client;
struct control;

/*
 * What of signatures and audits a person should see: in status, at the bay of a docking, and beside
 * a clip. Each adds to text, behind what stands there.
 */
void control_needs(const struct control *c, char *text, size_t room);
void control_bay_findings(const struct control *c, uint64_t docking, char *text, size_t room);
void control_asset_findings(const struct control *c, uint64_t asset, char *text, size_t room);

/* Each: 0, or -errno: the client is to be dropped. */
int control_enroll(struct client *k);  /* ASK_ENROLL */
int control_revoke(struct client *k);  /* ASK_REVOKE */
int control_keys(struct client *k);    /* ASK_KEYS */
int control_reports(struct client *k); /* ASK_REPORTS */
int control_settle(struct client *k);  /* ASK_SETTLE */
int control_assign(struct client *k);  /* ASK_ASSIGN; control_assign.c */

#endif
