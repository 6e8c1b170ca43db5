/*
 * ctl_doctor: what the files of dockctl doctor share. Included by ctl_doctor*.c only.
 */
#ifndef DOCKD_CTL_DOCTOR_H
#define DOCKD_CTL_DOCTOR_H

#include "check.h"
#include "config.h"

/* What the looks at this machine go by. */
struct doctor_look {
	const struct checks *to;
	const struct config *config; /* NULL: it could not be read */
	const char *config_path;
	const char *sys, *dev, *proc; /* "/sys", "/dev", "/proc"; tests have their own */
	bool root;                    /* whoever asks may see everything */
	int64_t now_s;
};

/* Why it matters, by the word of a check; "" for a word that is not in the table. */
const char *doctor_why(const char *check);

/* ctl_doctor_files.c: reads the configuration as dockd would; NULL: could not, and it is told. */
struct config *doctor_configuration(const struct checks *to, const char *path);
/* Owners and modes, secrets, sockets, anchors and revocation lists. */
void doctor_files(const struct doctor_look *l);

/* ctl_doctor_machine.c: kernel, clock chip, time service, USB memory, what is plugged into bays. */
void doctor_machine(const struct doctor_look *l);

/* ctl_doctor_process.c: programs that meddle, who holds a bay's device, dockd's own of old. */
void doctor_processes(const struct doctor_look *l);
struct doctor_process {
	char name[PROTO_NAME_LEN]; /* of the file that it runs; "" none: a kernel thread, or gone */
	bool ours;                 /* a program of dockd's */
	bool old;                  /* that file is no longer on disk */
	bool told;                 /* the above is only what the process says of itself */
};
/* Goes by what the process runs where that may be seen, else by its first argument. */
void doctor_process(const struct doctor_look *l, const char *pid, struct doctor_process *out);

/* ctl_doctor_dump.c: where memory would go in a crash of dockd's programs, and of the kernel. */
void doctor_dumps(const struct doctor_look *l);

/* ctl_doctor_unit.c: what systemd says of the units of dockd. */
void doctor_units(const struct doctor_look *l);
/* Pure: one unit's lines of `systemctl show`, judged. */
void doctor_unit_judge(const struct checks *to, const char *unit, const char *shown);

#endif
