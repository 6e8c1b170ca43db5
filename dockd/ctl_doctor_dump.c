/*
 * ctl_doctor_dump: whether a crash would leave a picture of memory behind: footage and keys on a disk.
 *
 * Reads /proc and /sys as core(5) and proc(5) have them; changes nothing. What counts is what the
 * programs that run have given up, not what a unit's file says of them.
 */
#include "ctl_doctor.h"
#include "volume.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define LIMIT_LINE "Max core file size"
#define PIPE_NEVER 1 /* a limit of one byte: no helper is started either, core(5) */

/* The first line of a file below root; "" it has none. */
static const char *first_line(const char *root, const char *name, char *out, size_t room)
{
	char path[PATH_MAX];
	FILE *f;

	out[0] = '\0';
	snprintf(path, sizeof(path), "%s/%s", root, name);
	f = fopen(path, "re");
	if (f && !fgets(out, (int)room, f))
		out[0] = '\0';
	if (f)
		fclose(f);
	out[strcspn(out, "\n")] = '\0';
	return out;
}

/* The soft limit of a process: bytes, ULONG_MAX without one. -errno: it cannot be seen. */
static int limit_of(const struct doctor_look *l, const char *pid, unsigned long *limit)
{
	char path[PATH_MAX], line[160];
	int err = -ENOENT;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%.20s/limits", l->proc, pid);
	f = fopen(path, "re");
	if (!f)
		return -errno;
	while (err && fgets(line, sizeof(line), f)) {
		const char *s = line + strlen(LIMIT_LINE);

		if (strncmp(line, LIMIT_LINE, strlen(LIMIT_LINE)) != 0)
			continue;
		s += strspn(s, " ");
		*limit = strncmp(s, "unlimited", 9) == 0 ? ULONG_MAX : strtoul(s, NULL, 10);
		err = 0;
	}
	fclose(f);
	return err;
}

/* What belongs to root although its process is not root's: that process left dumps off, proc(5). */
static bool is_dumpable(const struct doctor_look *l, const char *pid)
{
	char path[PATH_MAX];
	struct stat of_process, file;

	snprintf(path, sizeof(path), "%s/%.20s", l->proc, pid);
	if (stat(path, &of_process) < 0)
		return false;
	snprintf(path, sizeof(path), "%s/%.20s/limits", l->proc, pid);
	return stat(path, &file) == 0 && file.st_uid == of_process.st_uid;
}

/* The folder that a pattern's dumps lie in, for people and for volume_is_encrypted; NULL: not known. */
static const char *folder_of(const char *pattern, char *out, size_t room)
{
	char *last;

	if (pattern[0] == '|')
		return strstr(pattern, "/systemd-coredump") ? "/var/lib/systemd/coredump" : NULL;
	snprintf(out, room, "%s", pattern);
	last = strrchr(out, '/');
	if (pattern[0] != '/' || !last)
		return NULL;
	last[last == out] = '\0';
	return out;
}

static void say(const struct doctor_look *l, const char *name, const char *pid, const char *pattern)
{
	char room[PROTO_TEXT_LEN];
	const char *folder = folder_of(pattern, room, sizeof(room));
	bool sealed = folder && volume_is_encrypted(folder) == 1;

	check_say(l->to, sealed ? CHECK_WARN : CHECK_BAD, "core-dumps", name,
	    "IT: dockd's programs switch this off themselves, so this one is not as it was installed: "
	    "apt install --reinstall dockd, restart it, and delete dumps that are there",
	    "process %.20s would leave its memory %s%.80s%s when it crashes", pid,
	    pattern[0] == '|' && !folder ? "to " :
		folder                   ? "in " :
					   "in its working folder as ",
	    folder ? folder : pattern,
	    !folder    ? "" :
		sealed ? " (encrypted)" :
			 ", which is not encrypted");
}

static void programs(const struct doctor_look *l)
{
	char pattern[PROTO_TEXT_LEN];
	struct doctor_process p;
	unsigned ours = 0, leaving = 0;
	struct dirent *e;
	DIR *d = opendir(l->proc);

	first_line(l->proc, "sys/kernel/core_pattern", pattern, sizeof(pattern));
	while (d && (e = readdir(d))) {
		unsigned long limit = 0;
		bool pipe = pattern[0] == '|';

		if (!isdigit((unsigned char)e->d_name[0]))
			continue;
		doctor_process(l, e->d_name, &p);
		if (!p.ours || limit_of(l, e->d_name, &limit) < 0)
			continue;
		ours++;
		if (!is_dumpable(l, e->d_name) || (pipe ? limit == PIPE_NEVER : limit == 0))
			continue;
		leaving++;
		say(l, p.name, e->d_name, pattern);
	}
	if (d)
		closedir(d);
	if (ours == 0)
		check_say(l->to, CHECK_UNSEEN, "core-dumps", "", "",
		    "no program of dockd is seen to run: whether its memory would be written to disk");
	else if (leaving == 0)
		check_say(l->to, CHECK_WELL, "core-dumps", "", "",
		    "none of %u programs of dockd leaves its memory when it crashes", ours);
}

/* kdump keeps all memory, with the keys of dm-crypt in it, kernel's admin-guide/kdump. */
static void kernel(const struct doctor_look *l)
{
	char loaded[8];

	if (first_line(l->sys, "kernel/kexec_crash_loaded", loaded, sizeof(loaded))[0] == '1')
		check_say(l->to, CHECK_WARN, "core-dumps", "kernel",
		    "IT: apt remove kdump-tools, and delete what is in /var/crash; keep it only while a "
		    "fault of the kernel is being looked for",
		    "when the kernel crashes, kdump writes all memory to disk: recordings, and the keys "
		    "of encrypted volumes");
	else
		check_say(l->to, CHECK_WELL, "core-dumps", "kernel", "",
		    "a crash of the kernel leaves no memory on disk");
}

void doctor_dumps(const struct doctor_look *l)
{
	programs(l);
	kernel(l);
}
