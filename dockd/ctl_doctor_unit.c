/*
 * ctl_doctor_unit: what systemd says of dockd's units, by systemctl.
 *
 * It is asked with fixed words and no shell; a name of a destination is one argument behind "--".
 */
#include "ctl_doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SHOWN_MAX 4096
#define MANY_RESTARTS 5

/* The value of KEY= in lines, into out; "" it is not there. */
static const char *value_of(const char *lines, const char *key, char *out, size_t room)
{
	size_t len = strlen(key);

	out[0] = '\0';
	while (*lines) {
		size_t end = strcspn(lines, "\n");

		if (strncmp(lines, key, len) == 0 && lines[len] == '=') {
			snprintf(out, room, "%.*s", (int)(end - len - 1), lines + len + 1);
			break;
		}
		lines += end + (lines[end] == '\n');
	}
	return out;
}

static bool is(const char *lines, const char *key, const char *value)
{
	char found[64];

	return strcmp(value_of(lines, key, found, sizeof(found)), value) == 0;
}

void doctor_unit_judge(const struct checks *to, const char *unit, const char *shown)
{
	char state[64], result[64], file[64], restarts[32], advice[PROTO_TEXT_LEN * 2];

	value_of(shown, "ActiveState", state, sizeof(state));
	value_of(shown, "Result", result, sizeof(result));
	value_of(shown, "UnitFileState", file, sizeof(file));
	value_of(shown, "NRestarts", restarts, sizeof(restarts));
	if (is(shown, "LoadState", "not-found")) {
		check_say(to, CHECK_BAD, "units", unit, "IT: apt install --reinstall dockd",
		    "there is no such unit");
		return;
	}
	if (strcmp(state, "active") != 0 && strcmp(state, "reloading") != 0) {
		snprintf(advice, sizeof(advice),
		    "IT: journalctl -u %.80s says why; then systemctl enable --now %.80s", unit,
		    unit);
		check_say(to, CHECK_BAD, "units", unit, advice, "it does not run (%s, %s)",
		    state[0] ? state : "unknown", result[0] ? result : "no result");
	} else if (strncmp(file, "enabled", 7) != 0) {
		snprintf(advice, sizeof(advice), "IT: systemctl enable %.80s", unit);
		check_say(to, CHECK_WARN, "units", unit, advice,
		    "it runs, and would not after a boot (%s)", file[0] ? file : "no state");
	} else if (strtol(restarts, NULL, 10) > MANY_RESTARTS) {
		snprintf(advice, sizeof(advice), "IT: journalctl -u %.80s says why", unit);
		check_say(to, CHECK_WARN, "units", unit, advice,
		    "it runs, and was started anew %s times", restarts);
	} else {
		check_say(to, CHECK_WELL, "units", unit, "", "it runs, and does after a boot");
	}
}

/* What systemctl prints of this unit; -errno. */
static int ask_systemctl(const char *unit, char *out, size_t room)
{
	int pipes[2], status = 0;
	size_t used = 0;
	ssize_t n;
	pid_t pid;

	if (pipe2(pipes, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (pid == 0) {
		dup2(pipes[1], STDOUT_FILENO);
		execl("/usr/bin/systemctl", "systemctl", "show", "--no-pager", "-p",
		    "LoadState,ActiveState,UnitFileState,Result,NRestarts", "--", unit,
		    (char *)NULL);
		_exit(127);
	}
	close(pipes[1]);
	while (pid > 0 && used + 1 < room &&
	    ((n = read(pipes[0], out + used, room - 1 - used)) > 0 || (n < 0 && errno == EINTR)))
		used += n > 0 ? (size_t)n : 0;
	out[used] = '\0';
	close(pipes[0]);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EIO;
}

static void look(const struct doctor_look *l, const char *unit)
{
	char shown[SHOWN_MAX] = "";

	if (ask_systemctl(unit, shown, sizeof(shown)) < 0)
		check_say(l->to, CHECK_UNSEEN, "units", unit, "", "systemctl does not answer");
	else
		doctor_unit_judge(l->to, unit, shown);
}

void doctor_units(const struct doctor_look *l)
{
	char unit[PROTO_NAME_LEN + 32];

	if (access("/run/systemd/system", F_OK) < 0) {
		check_say(
		    l->to, CHECK_UNSEEN, "units", "", "", "systemd does not run this machine");
		return;
	}
	look(l, "dockd.service");
	look(l, "dockd-hotplug.service");
	for (size_t i = 0; l->config && i < l->config->destinations_n; i++) {
		snprintf(unit, sizeof(unit), "dockd-uploader@%s.service",
		    l->config->destination[i].name);
		look(l, unit);
	}
}
