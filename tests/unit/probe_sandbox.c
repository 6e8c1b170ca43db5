/*
 * probe_sandbox PROFILE ACT [ARGUMENT]: enters a sandbox as the programs do, tries one act, and
 * prints "ok" or the name of the error ("EACCES"). Where the sandbox ends the process, the signal
 * is the answer. Links the sandbox.c that the programs link. Run by tests/system/test_sandbox.py.
 *
 * PROFILE: none, basics, camera, verify, uploader, or hotplug=PATH[:PATH...]; threaded=PROFILE has a
 * second thread before the sandbox.
 */
#include "../../dockd/base/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/usbdevice_fs.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define ACT(name) static int name(const char *arg __attribute__((unused)))

static int pair[2]; /* a socket pair, made before the sandbox */
static int scratch; /* a file, open for reading and writing */
static pid_t parent;

/* What a call returned, as 0 or -errno. */
static int outcome(long r)
{
	return r < 0 ? -errno : 0;
}

ACT(act_open)
{
	return outcome(open(arg, O_RDONLY | O_CLOEXEC));
}

ACT(act_open_write)
{
	return outcome(open(arg, O_RDWR | O_CLOEXEC));
}

ACT(act_create)
{
	return outcome(open(arg, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
}

ACT(act_open_self)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", scratch);
	return outcome(open(path, O_RDWR | O_CLOEXEC));
}

ACT(act_readlink)
{
	char to[256];

	return outcome(readlink("/proc/self/exe", to, sizeof(to)));
}

ACT(act_stat)
{
	struct stat st;

	return outcome(stat(arg, &st));
}

ACT(act_unlink)
{
	return outcome(unlink(arg));
}

ACT(act_fstat)
{
	struct stat st;

	return outcome(fstat(scratch, &st));
}

ACT(act_socket)
{
	static const struct {
		const char *name;
		int family, type, protocol;
	} kinds[] = {
		{ "unix", AF_UNIX, SOCK_SEQPACKET, 0 },
		{ "inet", AF_INET, SOCK_STREAM, 0 },
		{ "inet6", AF_INET6, SOCK_STREAM, 0 },
		{ "raw", AF_INET, SOCK_RAW, 1 },
		{ "packet", AF_PACKET, SOCK_DGRAM, 0 },
		{ "uevent", AF_NETLINK, SOCK_RAW, NETLINK_KOBJECT_UEVENT },
		{ "route", AF_NETLINK, SOCK_RAW, NETLINK_ROUTE },
		{ "alg", AF_ALG, SOCK_SEQPACKET, 0 },
		{ "vsock", AF_VSOCK, SOCK_STREAM, 0 },
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(arg, kinds[i].name) == 0)
			return outcome(socket(
			    kinds[i].family, kinds[i].type | SOCK_CLOEXEC, kinds[i].protocol));
	return -EINVAL;
}

ACT(act_exec)
{
	char *argv[] = { (char *)(uintptr_t) "true", NULL };

	return outcome(execv("/bin/true", argv));
}

ACT(act_execveat)
{
	char *argv[] = { (char *)(uintptr_t) "true", NULL };

	return outcome(syscall(SYS_execveat, AT_FDCWD, "/bin/true", argv, NULL, 0));
}

static int reap(pid_t child)
{
	int err = outcome(child);

	if (child == 0)
		_exit(0);
	if (child > 0)
		waitpid(child, NULL, 0);
	return err;
}

ACT(act_fork)
{
	return reap(fork());
}

ACT(act_vfork_call)
{
	return reap((pid_t)syscall(SYS_fork));
}

ACT(act_clone3)
{
	uint64_t args[8] = { [4] = SIGCHLD };

	return reap((pid_t)syscall(SYS_clone3, args, sizeof(args)));
}

static void *idle(void *unused)
{
	return unused;
}

static void *block(void *unused)
{
	pause();
	return unused;
}

ACT(act_thread)
{
	pthread_t t;
	int err = pthread_create(&t, NULL, idle, NULL);

	if (err == 0)
		pthread_join(t, NULL);
	return -err;
}

ACT(act_ptrace)
{
	return outcome(ptrace(PTRACE_ATTACH, parent, NULL, NULL));
}

ACT(act_vm_read)
{
	char byte;
	struct iovec iov = { &byte, 1 };

	return outcome(process_vm_readv(parent, &iov, 1, &iov, 1, 0));
}

ACT(act_kill)
{
	return outcome(kill(parent, 0));
}

/* The other way to signal a stranger: ask the kernel to, when a socket turns readable. */
ACT(act_setown)
{
	return outcome(fcntl(pair[0], F_SETOWN, parent));
}

ACT(act_setown_ioctl)
{
	int pid = parent;

	return outcome(ioctl(pair[0], 0x8901 /* FIOSETOWN */, &pid));
}

ACT(act_mmap_exec)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? -errno : 0;
}

ACT(act_mprotect_exec)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? -errno : outcome(mprotect(p, 4096, PROT_READ | PROT_EXEC));
}

/* On a file that is no usbfs node: the request goes through to the file, which knows none. */
ACT(act_ioctl_usbfs)
{
	return outcome(ioctl(scratch, USBDEVFS_GET_CAPABILITIES, &(uint32_t){ 0 }));
}

ACT(act_ioctl_tty)
{
	return outcome(ioctl(scratch, TIOCSTI, "x"));
}

ACT(act_prlimit)
{
	struct rlimit r;

	return outcome(syscall(SYS_prlimit64, parent, RLIMIT_FSIZE, NULL, &r));
}

ACT(act_prctl)
{
	return outcome(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
}

ACT(act_unshare)
{
	return outcome(unshare(CLONE_NEWUSER));
}

ACT(act_io_uring)
{
	return outcome(syscall(SYS_io_uring_setup, 1, NULL));
}

ACT(act_bpf)
{
	return outcome(syscall(SYS_bpf, 0, NULL, 0));
}

ACT(act_keyctl)
{
	return outcome(syscall(SYS_keyctl, 0, -3, 0, 0, 0));
}

ACT(act_mount)
{
	return outcome(syscall(SYS_mount, "none", "/tmp", "tmpfs", 0, NULL));
}

/* A call of the 32-bit table (int 0x80), where numbers mean other calls. */
ACT(act_other_abi)
{
#ifdef __x86_64__
	long r;

	__asm__ volatile("int $0x80" : "=a"(r) : "a"(20L) : "memory");
	return r < 0 ? (int)r : 0;
#else
	return -ENOSYS;
#endif
}

/* What a worker does all day, in one go. */
ACT(act_work)
{
	struct iovec iov[2] = { { (void *)(uintptr_t) "ab", 2 }, { (void *)(uintptr_t) "cd", 2 } };
	struct pollfd p = { .fd = pair[0], .events = POLLIN };
	struct timespec now, none = { 0, 0 };
	struct itimerspec soon = { .it_value = { 0, 1 } };
	struct stat st;
	char back[4];
	uint64_t ticks;
	void *block;
	int timer;

	if (pwritev(scratch, iov, 2, 0) != 4 || pread(scratch, back, 4, 0) != 4 ||
	    memcmp(back, "abcd", 4) != 0 || fstat(scratch, &st) < 0 || st.st_size < 4)
		return -errno;
	if (send(pair[1], "x", 1, 0) != 1 || poll(&p, 1, -1) != 1 ||
	    ppoll(&p, 1, &none, NULL) != 1 || recv(pair[0], back, 1, 0) != 1)
		return -errno;
	timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	if (timer < 0 || timerfd_settime(timer, 0, &soon, NULL) < 0 ||
	    read(timer, &ticks, sizeof(ticks)) != sizeof(ticks) || eventfd(0, EFD_CLOEXEC) < 0)
		return -errno;
	if (clock_gettime(CLOCK_BOOTTIME, &now) < 0 || getrandom(back, sizeof(back), 0) < 0 ||
	    nanosleep(&none, NULL) < 0)
		return -errno;
	block = malloc(64u << 20);
	if (!block)
		return -errno;
	memset(block, 1, 64u << 20);
	block = realloc(block, 80u << 20);
	free(block);
	return 0;
}

/* And with its staging file. */
ACT(act_staging)
{
	return outcome(
	    ftruncate(scratch, 100) < 0 || fdatasync(scratch) < 0 || fsync(scratch) < 0 ? -1 : 0);
}

/* What sandbox_basics leaves behind. */
ACT(act_basics)
{
	struct rlimit core;
	mode_t mask = umask(0);

	if (getrlimit(RLIMIT_CORE, &core) < 0 || core.rlim_max != 0)
		return -E2BIG;
	if (prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0)
		return -EBUSY;
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		return -EPERM;
	return mask == 077 ? 0 : -ERANGE;
}

static const struct {
	const char *name;
	int (*act)(const char *arg);
} acts[] = {
	{ "open", act_open },
	{ "open-write", act_open_write },
	{ "create", act_create },
	{ "open-self", act_open_self },
	{ "readlink", act_readlink },
	{ "stat", act_stat },
	{ "unlink", act_unlink },
	{ "fstat", act_fstat },
	{ "socket", act_socket },
	{ "exec", act_exec },
	{ "execveat", act_execveat },
	{ "fork", act_fork },
	{ "fork-call", act_vfork_call },
	{ "clone3", act_clone3 },
	{ "thread", act_thread },
	{ "ptrace", act_ptrace },
	{ "vm-read", act_vm_read },
	{ "kill", act_kill },
	{ "setown", act_setown },
	{ "setown-ioctl", act_setown_ioctl },
	{ "mmap-exec", act_mmap_exec },
	{ "mprotect-exec", act_mprotect_exec },
	{ "ioctl-usbfs", act_ioctl_usbfs },
	{ "ioctl-tty", act_ioctl_tty },
	{ "prlimit", act_prlimit },
	{ "prctl", act_prctl },
	{ "unshare", act_unshare },
	{ "io-uring", act_io_uring },
	{ "bpf", act_bpf },
	{ "keyctl", act_keyctl },
	{ "mount", act_mount },
	{ "other-abi", act_other_abi },
	{ "work", act_work },
	{ "staging", act_staging },
	{ "basics", act_basics },
};

static int enter_hotplug(char *paths)
{
	const char *list[16];
	char *rest = paths;
	size_t n = 0;

	while (n < 16 && (list[n] = strsep(&rest, ":")) != NULL)
		n++;
	return sandbox_hotplug(list, n);
}

static int enter(char *profile)
{
	pthread_t second;

	if (strcmp(profile, "none") == 0)
		return 0;
	if (strncmp(profile, "threaded=", 9) == 0) {
		if (pthread_create(&second, NULL, block, NULL) != 0)
			return -EAGAIN;
		profile += 9;
	}
	if (sandbox_basics() < 0)
		return -EPERM;
	if (strcmp(profile, "basics") == 0)
		return 0;
	if (strcmp(profile, "camera") == 0)
		return sandbox_camera();
	if (strcmp(profile, "verify") == 0)
		return sandbox_verify();
	if (strcmp(profile, "uploader") == 0)
		return sandbox_uploader();
	if (strncmp(profile, "hotplug=", 8) == 0)
		return enter_hotplug(profile + 8);
	return -EINVAL;
}

int main(int argc, char **argv)
{
	int err;

	if (argc < 3)
		return 2;
	parent = getppid();
	scratch = memfd_create("scratch", MFD_CLOEXEC);
	if (scratch < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return 2;
	err = enter(argv[1]);
	if (err < 0) {
		dprintf(STDERR_FILENO, "%s\n", sandbox_why());
		return 3;
	}
	for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++) {
		if (strcmp(argv[2], acts[i].name) != 0)
			continue;
		err = acts[i].act(argc > 3 ? argv[3] : "");
		dprintf(STDOUT_FILENO, "%s\n", err ? strerrorname_np(-err) : "ok");
		return 0;
	}
	return 2;
}
