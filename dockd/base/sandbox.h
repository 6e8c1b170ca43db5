/*
 * sandbox: what a program gives up before it reads the first byte from outside.
 *
 * One call each, early in main; all fail closed: a program whose sandbox cannot be put up exits.
 * The sanitizer builds link sandbox_none.c instead, under other program names.
 */
#ifndef DOCKD_SANDBOX_H
#define DOCKD_SANDBOX_H

#include <stddef.h>

/*
 * For every program: refuses uid 0 (unless it is dockctl, which does not call this), no core
 * dumps (RLIMIT_CORE 0, not dumpable), no_new_privs, umask 077. 0 or -errno (-EPERM: uid 0).
 */
int sandbox_basics(void);

/*
 * For children of the core: die with the parent (PR_SET_PDEATHSIG, then a check that the parent is
 * still parent_pid, so that the race is closed). 0 or -errno.
 */
int sandbox_die_with_parent(int parent_pid);

/*
 * Camera worker: seccomp allow-list (usb.md 10). open, openat, readlink and readlinkat give EACCES;
 * anything else not listed ends the process. No further rlimits. 0 or -errno.
 */
int sandbox_camera(void);

/*
 * Verify, and the uploader's process that takes digests: seccomp allow-list without ioctl; open and
 * openat give EACCES. 0 or -errno.
 */
int sandbox_verify(void);

/*
 * Hotplug: Landlock so that only the n folders in paths are readable (and device nodes below them
 * read-write); seccomp: no execve, ptrace, or sockets but AF_NETLINK and AF_UNIX. Landlock missing
 * from the kernel is an error. 0 or -errno.
 */
int sandbox_hotplug(const char *const *paths, size_t n);

/*
 * Uploader: seccomp deny-list (execve, ptrace, process_vm_*, mount, bpf, kexec, keyctl, module
 * loading, raw and packet sockets ... give EPERM or end it). It resolves names, so an allow-list
 * is not knowable. 0 or -errno.
 */
int sandbox_uploader(void);

/* What failed last, as a text for people ("Landlock is not in this kernel"). */
const char *sandbox_why(void);

#endif
