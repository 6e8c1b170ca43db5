/*
 * sandbox_none: no sandbox, for the sanitizer builds alone.
 *
 * Sanitizers open files, start helpers and map memory as no filter of ours allows. Only the refusal
 * of uid 0 stays. Every program that links this says so in its log; no shipped program links it.
 */
#include "sandbox.h"

#include "log.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

int sandbox_basics(void)
{
	if (getuid() == 0 || geteuid() == 0)
		return -EPERM;
	log_warn("sandbox", "sandbox=none");
	return 0;
}

int sandbox_die_with_parent(int parent_pid)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return -errno;
	return getppid() == parent_pid ? 0 : -ESRCH;
}

int sandbox_camera(void)
{
	return 0;
}

int sandbox_verify(void)
{
	return 0;
}

int sandbox_hotplug(const char *const *paths, size_t n)
{
	(void)paths;
	(void)n;
	return 0;
}

int sandbox_uploader(void)
{
	return 0;
}

const char *sandbox_why(void)
{
	return "refuses to run as root: start it as its own user";
}
