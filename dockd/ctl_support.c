/*
 * ctl_support: dockctl support: hands over to the script that gathers the archive, which is packaged
 * beside the workers. All that it asks of the daemon it asks by dockctl again, as the same person.
 */
#include "ctl.h"
#include "ctl_command.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static const char script[] = DOCKD_LIBEXECDIR "/dockd-support";

int support_run(struct ctl *c)
{
	const char *args[10];
	int n = 0;

	if (c->args_n > 1)
		return ctl_usage("support takes one file at most");
	args[n++] = script;
	args[n++] = "--socket";
	args[n++] = c->socket;
	if (c->json)
		args[n++] = "--json";
	if (ctl_option(c, OPTION_WITHOUT_IDS))
		args[n++] = "--without-ids";
	if (ctl_option(c, OPTION_DAYS)) {
		args[n++] = "--days";
		args[n++] = ctl_option(c, OPTION_DAYS);
	}
	if (c->args_n == 1)
		args[n++] = c->args[0];
	args[n] = NULL;
	execv(script, (char *const *)args);
	return ctl_fail(CTL_FAILED, "%s: %s: it comes with the package", script, strerror(errno));
}
