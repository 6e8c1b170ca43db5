/*
 * ctl_command: the commands of dockctl, each in the file of its noun. Called by ctl.c by its table.
 *
 * Each gives an enum ctl_exit (ctl.h), and has said on standard error what went wrong.
 */
#ifndef DOCKD_CTL_COMMAND_H
#define DOCKD_CTL_COMMAND_H

struct ctl;
struct proto_ctl_end;

int status_run(struct ctl *c); /* ctl_show.c, down to queue_run */
int watch_run(struct ctl *c);
int bay_run(struct ctl *c);
int clip_run(struct ctl *c);
int queue_run(struct ctl *c);
int doctor_run(struct ctl *c);    /* ctl_doctor.c */
int metrics_run(struct ctl *c);   /* ctl_metrics.c */
int wait_run(struct ctl *c);      /* ctl_wait.c */
int ledger_run(struct ctl *c);    /* ctl_ledger.c */
int bundle_run(struct ctl *c);    /* ctl_bundle.c */
int statement_run(struct ctl *c); /* ctl_statement.c */
int camera_run(struct ctl *c);    /* ctl_camera.c */
int known_run(struct ctl *c);     /* ctl_known.c: camera list, camera forget */
int forget_run(struct ctl *c);
int probe_run(struct ctl *c);    /* ctl_probe.c: camera probe */
int report_run(struct ctl *c);   /* ctl_report.c */
int expedite_run(struct ctl *c); /* ctl_expedite.c */
int preserve_run(struct ctl *c); /* ctl_order.c, down to dispose_run */
int lift_run(struct ctl *c);
int settle_run(struct ctl *c);
int orders_run(struct ctl *c);
int due_run(struct ctl *c);
int review_run(struct ctl *c);
int dispose_run(struct ctl *c);
int rebind_run(struct ctl *c);  /* ctl_destination.c */
int support_run(struct ctl *c); /* ctl_support.c */
int card_run(struct ctl *c);    /* ctl_card.c */
int light_run(struct ctl *c);   /* ctl_light.c */

/*
 * ctl_root.c, no command of its own: root ports and controllers, below status. c->object is the
 * status with --json.
 */
int ctl_roots(struct ctl *c, struct proto_ctl_end *end);

#endif
