/*
 * ctl_say: what dockctl says of itself: what went wrong and how it exits, and what an order has done.
 *
 * Every command's errors go through here: for people a line on standard error, with --json there an
 * object, so that what is on standard output is an answer or nothing.
 */
#include "ctl.h"
#include "ctl_json.h"
#include "ctl_text.h"

#include "base/proto_ctl.h"

#include <errno.h>
#include <grp.h>
#include <jansson.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SAID_MAX 2048

static bool as_json;

void ctl_say_json(bool json)
{
	as_json = json;
}

bool ctl_says_json(void)
{
	return as_json;
}

int ctl_fail(enum ctl_exit code, const char *format, ...)
{
	char text[SAID_MAX], clean[TEXT_ESCAPED(SAID_MAX)];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (!as_json)
		fprintf(stderr, "dockctl: %s\n", text);
	else
		json_line(stderr,
		    json_pack("{ss si}", "error", text_clean(text, false, clean, sizeof(clean)),
			"exit", (int)code));
	return code;
}

int ctl_done(const char *format, ...)
{
	char text[SAID_MAX], clean[TEXT_ESCAPED(SAID_MAX)];
	va_list args;
	int n;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	text_clean(text, !as_json, clean, sizeof(clean));
	if (as_json)
		return json_line(stdout, json_pack("{sb ss}", "ok", 1, "text", clean)) ? CTL_OK :
											 CTL_FAILED;
	n = printf("%s\n", clean);
	return n < 0 ? CTL_FAILED : CTL_OK;
}

/* Whoever asks, as adduser(8) takes it; a number where this machine has no name for it. */
static const char *own_name(void)
{
	static char number[16];
	const struct passwd *p = getpwuid(geteuid());

	if (p && p->pw_name[0])
		return p->pw_name;
	snprintf(number, sizeof(number), "%u", (unsigned)geteuid());
	return number;
}

/* "... adduser USER GROUP ...", as the daemon says it, with the name of whoever asks. */
static int not_permitted(const char *text)
{
	static const char blank[] = "adduser USER ";
	const char *at = strstr(text, blank);

	if (!at)
		return ctl_fail(CTL_NOT_PERMITTED, "not permitted%s%s", text[0] ? ": " : "", text);
	return ctl_fail(CTL_NOT_PERMITTED, "not permitted: %.*sadduser %s %s", (int)(at - text),
	    text, own_name(), at + strlen(blank));
}

const char *ctl_closed_socket(const char *path, char *out, size_t room)
{
	const struct group *g = NULL;
	struct stat st;

	if (stat(path, &st) == 0 && (st.st_mode & S_IWGRP))
		g = getgrgid(st.st_gid);
	if (g)
		snprintf(out, room,
		    "%.80s is its group's: adduser USER %.60s, as root, then log in again", path,
		    g->gr_name);
	else
		snprintf(out, room, "%.160s: who may ask is in dockctl(1), ROLES", path);
	return out;
}

int ctl_complain(int err, const struct proto_ctl_end *end)
{
	char clean[TEXT_ESCAPED(sizeof(end->text))];
	const char *text = "";

	if (!err && end) {
		err = end->status;
		text = text_clean(end->text, true, clean, sizeof(clean));
	}
	if (!err)
		return CTL_OK;
	if (err == -ETIMEDOUT && end && end->status == err)
		return ctl_fail(
		    CTL_TIMED_OUT, "it did not happen in time%s%s", text[0] ? ": " : "", text);
	if (err == -ENOTCONN)
		return ctl_fail(CTL_NO_DAEMON, "%s", text);
	if (err == -EPIPE || err == -ECONNRESET)
		return ctl_fail(CTL_NO_DAEMON, "dockd closed the connection");
	if (err == -ETIMEDOUT)
		return ctl_fail(CTL_NO_DAEMON, "dockd does not answer");
	if (err == -EPERM || err == -EACCES)
		return not_permitted(text);
	if (err == -EPROTO && !text[0])
		text = "dockd answered what was not asked: are dockd and dockctl of one version?";
	return ctl_fail(CTL_FAILED, "%s", text[0] ? text : strerror(-err));
}
