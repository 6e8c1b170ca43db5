/*
 * sandbox: what a program gives up before it reads the first byte from outside.
 *
 * Owns the lists of system calls and the Landlock rules, in one readable place. Called once by each
 * program's main. It must never leave a program running half shut in: every failure is an error,
 * and the text for it (sandbox_why) names what the kernel lacks.
 *
 * Sources: seccomp(2), seccomp_rule_add(3), landlock(7), usbfs in linux/usbdevice_fs.h. Needs Linux
 * 5.13 with CONFIG_SECCOMP_FILTER and CONFIG_SECURITY_LANDLOCK (Debian 12 has both).
 */
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <linux/netlink.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* linux/usbdevice_fs.h: each usbfs request is of type 'U'; ioctl(2) keeps that in bits 8-15. */
#define IOCTL_TYPE_MASK 0xff00u
#define IOCTL_TYPE_USBFS ((unsigned)'U' << 8)

static char why[256];

__attribute__((format(printf, 2, 3))) static int because(int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	return err;
}

const char *sandbox_why(void)
{
	return why[0] ? why : "nothing failed";
}

/* ---- for every program ---- */

int sandbox_basics(void)
{
	const struct rlimit none = { 0, 0 };
	uid_t real, effective, saved;

	if (getresuid(&real, &effective, &saved) < 0)
		return because(-errno, "getresuid: %s", strerror(errno));
	if (real == 0 || effective == 0 || saved == 0)
		return because(-EPERM, "refuses to run as root: start it as its own user");
	if (setrlimit(RLIMIT_CORE, &none) < 0)
		return because(-errno, "RLIMIT_CORE: %s", strerror(errno));
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return because(-errno, "PR_SET_DUMPABLE: %s", strerror(errno));
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return because(-errno, "PR_SET_NO_NEW_PRIVS: %s", strerror(errno));
	umask(077);
	return 0;
}

int sandbox_die_with_parent(int parent_pid)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return because(-errno, "PR_SET_PDEATHSIG: %s", strerror(errno));
	if (getppid() != parent_pid)
		return because(-ESRCH, "process %d is not the parent (any more)", parent_pid);
	return 0;
}

/*
 * Filters and Landlock bind the thread that asks for them and what it makes later, not those that
 * run already: with a second thread there would be a way around. proc(5): a folder's link count is
 * two and its subfolders, of which task/ has one for each thread.
 */
static int check_alone(void)
{
	struct stat st;

	if (stat("/proc/self/task", &st) < 0)
		return because(-errno, "/proc/self/task: %s: is /proc mounted?", strerror(errno));
	if (st.st_nlink != 3)
		return because(-EBUSY, "a thread runs already: the sandbox must come first");
	return 0;
}

/* ---- seccomp: making and loading a filter ---- */

/* NULL with errno set: what is missing is in why. */
static scmp_filter_ctx filter_new(uint32_t otherwise)
{
	scmp_filter_ctx ctx = seccomp_init(otherwise);

	if (!ctx) {
		because(0,
		    "seccomp filters (Linux 4.14, CONFIG_SECCOMP_FILTER) are not in this kernel: "
		    "boot one that has them");
		return NULL;
	}
	/* Another architecture's calls (32-bit, x32) would pass a list made for this one. */
	if (seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS) < 0 ||
	    seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2) < 0) {
		because(0, "libseccomp 2.5 or later is needed");
		seccomp_release(ctx);
		return NULL;
	}
	return ctx;
}

static int filter_add(scmp_filter_ctx ctx, uint32_t action, const int *calls, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int err = seccomp_rule_add_array(ctx, action, calls[i], 0, NULL);

		if (err < 0)
			return err;
	}
	return 0;
}

/* One rule for a call with conditions on its arguments. */
#define FILTER_IF(ctx, action, call, ...)                                                          \
	seccomp_rule_add_array(ctx, action, call,                                                  \
	    COUNT(((const struct scmp_arg_cmp[]){ __VA_ARGS__ })),                                 \
	    (const struct scmp_arg_cmp[]){ __VA_ARGS__ })

/* Loads the rules, which err says whether they could be made, and lets the context go. */
static int filter_load(scmp_filter_ctx ctx, int err)
{
	if (err < 0) {
		because(err, "seccomp: a rule was refused: %s", strerror(-err));
		goto out;
	}
	err = check_alone();
	if (err < 0)
		goto out;
	err = seccomp_load(ctx);
	if (err < 0)
		because(err,
		    "seccomp: the kernel refuses the filter (%s): it needs CONFIG_SECCOMP_FILTER, and "
		    "an outer filter, where there is one, must allow seccomp(2)",
		    strerror(-err));
out:
	seccomp_release(ctx);
	return err;
}

/* ---- the workers: allow-lists ---- */

/* clang-format off */

/*
 * What a loop of receive, read, work, write, send needs, on descriptors that it was given. Nothing
 * here takes a path, makes a descriptor for something outside, or reaches another process.
 */
static const int worker_calls[] = {
	/* messages and bytes on descriptors that are open */
	SCMP_SYS(read), SCMP_SYS(readv), SCMP_SYS(pread64), SCMP_SYS(preadv),
	SCMP_SYS(write), SCMP_SYS(writev), SCMP_SYS(pwrite64), SCMP_SYS(pwritev),
	SCMP_SYS(recvmsg), SCMP_SYS(recvfrom), SCMP_SYS(recv),
	SCMP_SYS(sendmsg), SCMP_SYS(sendto), SCMP_SYS(send),
	SCMP_SYS(lseek), SCMP_SYS(_llseek), SCMP_SYS(fadvise64), SCMP_SYS(fadvise64_64),
	SCMP_SYS(close), SCMP_SYS(fstat), SCMP_SYS(fstat64),
	/* waiting, time */
	SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(ppoll_time64),
	SCMP_SYS(eventfd2), SCMP_SYS(pipe2),
	SCMP_SYS(timerfd_create), SCMP_SYS(timerfd_settime), SCMP_SYS(timerfd_settime64),
	SCMP_SYS(timerfd_gettime), SCMP_SYS(timerfd_gettime64),
	SCMP_SYS(clock_gettime), SCMP_SYS(clock_gettime64), SCMP_SYS(clock_getres),
	SCMP_SYS(clock_nanosleep), SCMP_SYS(clock_nanosleep_time64), SCMP_SYS(nanosleep),
	SCMP_SYS(gettimeofday), SCMP_SYS(time),
	/* memory (mmap and mprotect: filter_memory) and the C library's own needs */
	SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(brk),
	SCMP_SYS(futex), SCMP_SYS(futex_time64), SCMP_SYS(sched_yield), SCMP_SYS(rseq),
	SCMP_SYS(getrandom), SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(sysinfo),
	SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn),
	SCMP_SYS(sigreturn), SCMP_SYS(restart_syscall),
	SCMP_SYS(exit), SCMP_SYS(exit_group),
};

/* The camera worker's staging file, besides. */
static const int staging_calls[] = {
	SCMP_SYS(fsync), SCMP_SYS(fdatasync), SCMP_SYS(sync_file_range),
	SCMP_SYS(ftruncate), SCMP_SYS(ftruncate64),
};

/*
 * Paths: refused, not fatal, because libraries try them in passing: libusb_wrap_sys_device reads
 * the link /proc/self/fd/N and does without it, libcrypto looks for its configuration.
 */
static const int path_calls[] = {
	SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(openat2),
	SCMP_SYS(readlink), SCMP_SYS(readlinkat),
	SCMP_SYS(stat), SCMP_SYS(stat64), SCMP_SYS(lstat), SCMP_SYS(lstat64), SCMP_SYS(statx),
	SCMP_SYS(statfs), SCMP_SYS(statfs64),
	SCMP_SYS(access), SCMP_SYS(faccessat), SCMP_SYS(faccessat2),
};

/* clang-format on */

/* F_SETOWN and F_SETSIG, left out, would send signals to other processes (fcntl(2)). */
static const int fcntl_commands[] = { F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD_CLOEXEC };

static int filter_memory(scmp_filter_ctx ctx)
{
	static const int calls[] = { SCMP_SYS(mmap), SCMP_SYS(mmap2), SCMP_SYS(mprotect) };
	int err = 0;

	for (size_t i = 0; i < COUNT(calls) && err == 0; i++)
		err = FILTER_IF(
		    ctx, SCMP_ACT_ALLOW, calls[i], SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	return err;
}

static int filter_fcntl(scmp_filter_ctx ctx)
{
	int err = 0;

	for (size_t i = 0; i < COUNT(fcntl_commands) && err == 0; i++) {
		scmp_datum_t command = (scmp_datum_t)fcntl_commands[i];

		err =
		    FILTER_IF(ctx, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), SCMP_A1(SCMP_CMP_EQ, command));
		if (err == 0)
			err = FILTER_IF(
			    ctx, SCMP_ACT_ALLOW, SCMP_SYS(fcntl64), SCMP_A1(SCMP_CMP_EQ, command));
	}
	return err;
}

/* glibc's fstat is newfstatat with AT_EMPTY_PATH; the same call without it takes a path. */
static int filter_fstatat(scmp_filter_ctx ctx)
{
	int err = FILTER_IF(ctx, SCMP_ACT_ALLOW, SCMP_SYS(newfstatat),
	    SCMP_A3(SCMP_CMP_MASKED_EQ, AT_EMPTY_PATH, AT_EMPTY_PATH));

	if (err == 0)
		err = FILTER_IF(ctx, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(newfstatat),
		    SCMP_A3(SCMP_CMP_MASKED_EQ, AT_EMPTY_PATH, 0));
	return err;
}

/*
 * usbfs requests only. A type byte with any one bit wrong gives ENOTTY, as a wrong file would (libc
 * asks whether a stream is a terminal); it must not end a worker, and it reaches no other device.
 */
static int filter_usbfs(scmp_filter_ctx ctx)
{
	int err = FILTER_IF(ctx, SCMP_ACT_ALLOW, SCMP_SYS(ioctl),
	    SCMP_A1(SCMP_CMP_MASKED_EQ, IOCTL_TYPE_MASK, IOCTL_TYPE_USBFS));

	for (unsigned bit = 0x100; bit < 0x10000 && err == 0; bit <<= 1)
		err = FILTER_IF(ctx, SCMP_ACT_ERRNO(ENOTTY), SCMP_SYS(ioctl),
		    SCMP_A1(SCMP_CMP_MASKED_EQ, bit, ~IOCTL_TYPE_USBFS & bit));
	return err;
}

static int filter_worker(scmp_filter_ctx ctx)
{
	int err = filter_add(ctx, SCMP_ACT_ALLOW, worker_calls, COUNT(worker_calls));

	if (err == 0)
		err = filter_add(ctx, SCMP_ACT_ERRNO(EACCES), path_calls, COUNT(path_calls));
	if (err == 0)
		err = filter_memory(ctx);
	if (err == 0)
		err = filter_fcntl(ctx);
	if (err == 0)
		err = filter_fstatat(ctx);
	return err;
}

int sandbox_camera(void)
{
	scmp_filter_ctx ctx = filter_new(SCMP_ACT_KILL_PROCESS);
	int err;

	if (!ctx)
		return -ENOSYS;
	err = filter_worker(ctx);
	if (err == 0)
		err = filter_add(ctx, SCMP_ACT_ALLOW, staging_calls, COUNT(staging_calls));
	if (err == 0)
		err = filter_usbfs(ctx);
	return filter_load(ctx, err);
}

int sandbox_verify(void)
{
	scmp_filter_ctx ctx = filter_new(SCMP_ACT_KILL_PROCESS);

	if (!ctx)
		return -ENOSYS;
	return filter_load(ctx, filter_worker(ctx));
}

/* ---- hotplug and uploader: deny-lists ---- */

/* clang-format off */

/* No library of ours has a reason for these: the process ends. */
static const int fatal_calls[] = {
	SCMP_SYS(execve), SCMP_SYS(execveat),
	SCMP_SYS(ptrace), SCMP_SYS(process_vm_readv), SCMP_SYS(process_vm_writev),
	SCMP_SYS(pidfd_getfd), SCMP_SYS(kcmp),
	SCMP_SYS(bpf), SCMP_SYS(userfaultfd), SCMP_SYS(perf_event_open),
	SCMP_SYS(kexec_load), SCMP_SYS(kexec_file_load), SCMP_SYS(reboot),
	SCMP_SYS(init_module), SCMP_SYS(finit_module), SCMP_SYS(delete_module),
	SCMP_SYS(mount), SCMP_SYS(umount2), SCMP_SYS(pivot_root), SCMP_SYS(chroot),
	SCMP_SYS(fsopen), SCMP_SYS(fsconfig), SCMP_SYS(fsmount), SCMP_SYS(fspick),
	SCMP_SYS(open_tree), SCMP_SYS(move_mount), SCMP_SYS(mount_setattr),
	SCMP_SYS(unshare), SCMP_SYS(setns),
	SCMP_SYS(open_by_handle_at), SCMP_SYS(fanotify_init),
	SCMP_SYS(swapon), SCMP_SYS(swapoff), SCMP_SYS(acct), SCMP_SYS(quotactl),
	SCMP_SYS(iopl), SCMP_SYS(ioperm), SCMP_SYS(modify_ldt), SCMP_SYS(vhangup),
	SCMP_SYS(clock_settime), SCMP_SYS(clock_settime64), SCMP_SYS(settimeofday),
	SCMP_SYS(sethostname), SCMP_SYS(setdomainname),
};

/* A library may try these and do without: EPERM. io_uring would walk around the socket rules. */
static const int refused_calls[] = {
	SCMP_SYS(keyctl), SCMP_SYS(add_key), SCMP_SYS(request_key),
	SCMP_SYS(io_uring_setup), SCMP_SYS(io_uring_enter), SCMP_SYS(io_uring_register),
	SCMP_SYS(personality), SCMP_SYS(syslog), SCMP_SYS(adjtimex), SCMP_SYS(clock_adjtime),
	SCMP_SYS(clock_adjtime64), SCMP_SYS(name_to_handle_at), SCMP_SYS(process_madvise),
	SCMP_SYS(kill), SCMP_SYS(tkill), SCMP_SYS(rt_sigqueueinfo), SCMP_SYS(rt_tgsigqueueinfo),
	SCMP_SYS(pidfd_open), SCMP_SYS(pidfd_send_signal),
	SCMP_SYS(fork), SCMP_SYS(vfork),
};

/* clang-format on */

/* Threads, yes (libusb, the resolver); processes, no. glibc falls back from clone3 on ENOSYS. */
static int filter_no_processes(scmp_filter_ctx ctx)
{
	static const int clone3_call[] = { SCMP_SYS(clone3) };
	int err = filter_add(ctx, SCMP_ACT_ERRNO(ENOSYS), clone3_call, 1);

	if (err == 0)
		err = FILTER_IF(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone),
		    SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0));
	return err;
}

/* Sockets of other families than those listed (0-terminated) give EPERM. */
static int filter_families(scmp_filter_ctx ctx, const unsigned *allowed)
{
	int err = FILTER_IF(
	    ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(socket), SCMP_A0(SCMP_CMP_GT, AF_NETLINK));

	for (unsigned family = 0; family <= AF_NETLINK && err == 0; family++) {
		const unsigned *a = allowed;

		while (*a && *a != family)
			a++;
		if (*a == 0)
			err = FILTER_IF(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(socket),
			    SCMP_A0(SCMP_CMP_EQ, family));
	}
	return err;
}

static int filter_denied(scmp_filter_ctx ctx, const unsigned *families)
{
	int err = filter_add(ctx, SCMP_ACT_KILL_PROCESS, fatal_calls, COUNT(fatal_calls));

	if (err == 0)
		err = filter_add(ctx, SCMP_ACT_ERRNO(EPERM), refused_calls, COUNT(refused_calls));
	if (err == 0)
		err = filter_no_processes(ctx);
	if (err == 0)
		err = filter_families(ctx, families);
	return err;
}

int sandbox_uploader(void)
{
	/* AF_NETLINK: getaddrinfo asks the kernel for its addresses. */
	static const unsigned families[] = { AF_UNIX, AF_INET, AF_INET6, AF_NETLINK, 0 };
	scmp_filter_ctx ctx = filter_new(SCMP_ACT_ALLOW);
	int err;

	if (!ctx)
		return -ENOSYS;
	err = filter_denied(ctx, families);
	for (size_t i = 1; i <= 2 && err == 0; i++)
		err = FILTER_IF(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(socket),
		    SCMP_A0(SCMP_CMP_EQ, families[i]), SCMP_A1(SCMP_CMP_MASKED_EQ, 0xf, SOCK_RAW));
	return filter_load(ctx, err);
}

/* ---- hotplug: Landlock ---- */

/* Later than the headers of Debian 12 (Linux 6.1); values from the kernel's linux/landlock.h. */
#define FS_TRUNCATE (1ULL << 14)        /* ABI 3 */
#define FS_IOCTL_DEV (1ULL << 15)       /* ABI 5 */
#define NET_BIND_TCP (1ULL << 0)        /* ABI 4 */
#define NET_CONNECT_TCP (1ULL << 1)     /* ABI 4 */
#define SCOPE_ABSTRACT_UNIX (1ULL << 0) /* ABI 6 */
#define SCOPE_SIGNAL (1ULL << 1)        /* ABI 6 */

struct ruleset {
	uint64_t fs;    /* ABI 1 */
	uint64_t net;   /* ABI 4 */
	uint64_t scope; /* ABI 6 */
};

#define FS_OF_FILES                                                                                \
	(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE |                              \
	    LANDLOCK_ACCESS_FS_READ_FILE | FS_TRUNCATE | FS_IOCTL_DEV)

static int ruleset_new(int abi, struct ruleset *r)
{
	size_t size = sizeof(r->fs);

	/* Bits 0 to 12, EXECUTE to MAKE_SYM, are ABI 1. */
	*r = (struct ruleset){ .fs = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1 };
	if (abi >= 2)
		r->fs |= LANDLOCK_ACCESS_FS_REFER;
	if (abi >= 3)
		r->fs |= FS_TRUNCATE;
	if (abi >= 4) {
		r->net = NET_BIND_TCP | NET_CONNECT_TCP;
		size = offsetof(struct ruleset, scope);
	}
	if (abi >= 5)
		r->fs |= FS_IOCTL_DEV;
	if (abi >= 6) {
		r->scope = SCOPE_ABSTRACT_UNIX | SCOPE_SIGNAL;
		size = sizeof(*r);
	}
	return (int)syscall(SYS_landlock_create_ruleset, r, size, 0);
}

static int ruleset_add(int ruleset, const struct ruleset *r, const char *path)
{
	struct landlock_path_beneath_attr rule = { 0 };
	bool device = strncmp(path, "/dev/", 5) == 0;
	struct stat st;
	int err = 0;

	rule.allowed_access = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
	if (device)
		rule.allowed_access |= LANDLOCK_ACCESS_FS_WRITE_FILE | FS_IOCTL_DEV;
	rule.allowed_access &= r->fs;
	rule.parent_fd = open(path, O_PATH | O_CLOEXEC);
	if (rule.parent_fd < 0)
		return because(-errno, "Landlock: %s: %s", path, strerror(errno));
	if (fstat(rule.parent_fd, &st) < 0) {
		err = because(-errno, "Landlock: %s: %s", path, strerror(errno));
		goto out;
	}
	if (!S_ISDIR(st.st_mode))
		rule.allowed_access &= FS_OF_FILES;
	if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
		err = because(-errno, "Landlock: %s: rule refused: %s", path, strerror(errno));
out:
	close(rule.parent_fd);
	return err;
}

static int landlock(const char *const *paths, size_t n)
{
	int abi =
	    (int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	struct ruleset r;
	int err = 0;
	int fd;

	if (abi < 1)
		return because(abi < 0 ? -errno : -ENOSYS,
		    "Landlock is not in this kernel or not switched on: Linux 5.13 or later with "
		    "CONFIG_SECURITY_LANDLOCK, and \"landlock\" in lsm= of the boot line, are needed");
	fd = ruleset_new(abi, &r);
	if (fd < 0)
		return because(-errno, "Landlock: no ruleset: %s", strerror(errno));
	for (size_t i = 0; i < n && err == 0; i++)
		err = ruleset_add(fd, &r, paths[i]);
	if (err == 0 && syscall(SYS_landlock_restrict_self, fd, 0) < 0)
		err =
		    because(-errno, "Landlock: the kernel refuses the rules: %s", strerror(errno));
	close(fd);
	return err;
}

int sandbox_hotplug(const char *const *paths, size_t n)
{
	static const unsigned families[] = { AF_UNIX, AF_NETLINK, 0 };
	scmp_filter_ctx ctx;
	int err = check_alone();

	if (err == 0)
		err = landlock(paths, n);
	if (err < 0)
		return err;
	ctx = filter_new(SCMP_ACT_ALLOW);
	if (!ctx)
		return -ENOSYS;
	err = filter_denied(ctx, families);
	if (err == 0)
		err = FILTER_IF(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(socket),
		    SCMP_A0(SCMP_CMP_EQ, AF_NETLINK), SCMP_A2(SCMP_CMP_NE, NETLINK_KOBJECT_UEVENT));
	return filter_load(ctx, err);
}
