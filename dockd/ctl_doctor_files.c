/*
 * ctl_doctor_files: configuration, secrets, state and sockets: who may read and write them.
 *
 * What whoever asks may not look at is told as unseen. No secret is read, only its owner and mode.
 */
#include "ctl_doctor.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define CERTIFICATES_MAX 256 /* of one file */

static const char as_root[] = "as root doctor would also look at this";

struct config *doctor_configuration(const struct checks *to, const char *path)
{
	char *errors = NULL, *end;
	struct config *c;

	if (access(path, R_OK) < 0) {
		if (errno == EACCES)
			check_say(to, CHECK_UNSEEN, "configuration", "", as_root,
			    "%.160s may not be read by you", path);
		else
			check_say(to, CHECK_WARN, "configuration", "",
			    "IT: put the station's configuration there; /usr/share/dockd/dockd.conf is "
			    "a sample",
			    "%.160s: %s: dockd runs with its defaults", path, strerror(errno));
		return NULL;
	}
	c = config_new(path, NULL, &errors);
	if (c) {
		check_say(to, CHECK_WELL, "configuration", "", "", "%.160s is good", path);
		free(errors);
		return c;
	}
	end = errors ? strchr(errors, '\n') : NULL;
	if (end)
		*end = '\0';
	check_say(to, CHECK_BAD, "configuration", "",
	    "IT: mend it; dockd --check-config names all that is wrong, then systemctl reload dockd",
	    "%.240s", errors ? errors : "it cannot be read");
	free(errors);
	return NULL;
}

/* ---- owners and modes ---- */

/* 0, or what stat said, told. */
static int look(const struct doctor_look *l, const char *what, const char *path, struct stat *st)
{
	if (stat(path, st) == 0)
		return 0;
	if (errno == EACCES)
		check_say(l->to, CHECK_UNSEEN, "permissions", what, as_root, "%.200s", path);
	else
		check_say(l->to, CHECK_BAD, "permissions", what,
		    "IT: put it where dockd.conf says, or correct dockd.conf", "%.160s: %s", path,
		    strerror(errno));
	return -1;
}

static void well(const struct doctor_look *l, const char *what, const char *path)
{
	check_say(l->to, CHECK_WELL, "permissions", what, "", "%.200s is closed to others", path);
}

/* A file whose content gives access: nobody but its owner and group may have it. */
static void secret(const struct doctor_look *l, const char *what, const char *path)
{
	struct stat st;

	if (!path[0] || strncmp(path, "credential:", 11) == 0 || look(l, what, path, &st) < 0)
		return;
	if (st.st_mode & (S_IROTH | S_IWOTH))
		check_say(l->to, CHECK_BAD, "permissions", what,
		    "IT: chmod o= on it, then have the secret changed: whoever was logged in may have "
		    "it",
		    "%.160s may be %s by everybody on this PC", path,
		    st.st_mode & S_IWOTH ? "changed" : "read");
	else if (st.st_mode & S_IWGRP)
		check_say(l->to, CHECK_WARN, "permissions", what, "IT: chmod g-w on it",
		    "%.160s may be changed by a group", path);
	else
		well(l, what, path);
}

static void secrets(const struct doctor_look *l)
{
	const struct config *c = l->config;
	char what[PROTO_NAME_LEN + 24];

	for (size_t i = 0; i < c->destinations_n; i++) {
		const struct proto_destination *d = &c->destination[i].wire;
		const struct {
			const char *noun, *path;
		} files[] = { { "key-file", d->key_file }, { "headers-file", d->headers_file },
			{ "secrets-file", d->secrets_file }, { "proxy-file", d->proxy_file } };

		for (size_t k = 0; k < sizeof(files) / sizeof(files[0]); k++) {
			snprintf(
			    what, sizeof(what), "%s %s", c->destination[i].name, files[k].noun);
			secret(l, what, files[k].path);
		}
	}
	for (size_t i = 0; i < c->profiles_n; i++) {
		snprintf(what, sizeof(what), "%s pin-file", c->profile[i].name);
		secret(l, what, c->profile[i].pin_file);
	}
}

static void state(const struct doctor_look *l)
{
	const struct config *c = l->config;
	char key[sizeof(c->state_dir) + 16];
	struct stat st, own;

	if (look(l, "state-dir", c->state_dir, &st) == 0) {
		char sock[sizeof(c->run_dir) + 16];

		snprintf(sock, sizeof(sock), "%s/control.sock", c->run_dir);
		if (st.st_mode & 077)
			check_say(l->to, CHECK_BAD, "permissions", "state-dir",
			    "IT: chmod 700 on it; evidence lies in there",
			    "%.160s is open to others (mode %03o)", c->state_dir,
			    (unsigned)st.st_mode & 0777);
		else if (stat(sock, &own) == 0 && own.st_uid != st.st_uid)
			check_say(l->to, CHECK_BAD, "permissions", "state-dir",
			    "IT: chown it to the user that dockd runs as",
			    "%.160s belongs to user %u, and dockd runs as %u", c->state_dir,
			    (unsigned)st.st_uid, (unsigned)own.st_uid);
		else
			well(l, "state-dir", c->state_dir);
	}
	snprintf(key, sizeof(key), "%s/station.key", c->state_dir);
	if (stat(c->key_file[0] ? c->key_file : key, &st) < 0) {
		if (errno == EACCES)
			check_say(l->to, CHECK_UNSEEN, "permissions", "station-key", as_root,
			    "the station's own key");
	} else if (st.st_mode & 077) {
		check_say(l->to, CHECK_BAD, "permissions", "station-key",
		    "IT: chmod 600 on it; evidence manager: what was signed with it since is in doubt",
		    "the station's own key is open to others (mode %03o)",
		    (unsigned)st.st_mode & 0777);
	} else {
		well(l, "station-key", "the station's own key");
	}
}

/* What others may write is what dockd would obey. */
static void settings(const struct doctor_look *l, const char *path)
{
	struct stat st;

	if (look(l, "dockd.conf", path, &st) < 0)
		return;
	if (st.st_mode & (S_IWOTH | S_IWGRP))
		check_say(l->to, CHECK_BAD, "permissions", "dockd.conf",
		    "IT: chown root, chmod go-w on it",
		    "%.160s may be changed by others than its owner", path);
	else
		check_say(l->to, CHECK_WELL, "permissions", "dockd.conf", "",
		    "%.160s is its owner's to change", path);
}

static void sockets(const struct doctor_look *l)
{
	const struct config *c = l->config;
	char path[sizeof(c->run_dir) + 16];
	struct stat st;

	snprintf(path, sizeof(path), "%s/core.sock", c->run_dir);
	if (stat(path, &st) < 0)
		return; /* no daemon: told elsewhere */
	if (c->core_gid != (gid_t)-1 && st.st_gid != c->core_gid)
		check_say(l->to, CHECK_BAD, "permissions", "core.sock",
		    "IT: systemctl restart dockd; core-group in dockd.conf says whose it is to be",
		    "%.120s belongs to group %u, and core-group is %u: hotplug and uploaders cannot "
		    "connect",
		    path, (unsigned)st.st_gid, (unsigned)c->core_gid);
	else if (st.st_mode & S_IRWXO)
		check_say(l->to, CHECK_WARN, "permissions", "core.sock",
		    "IT: systemctl restart dockd, and look who has changed it",
		    "%.120s is open to everybody", path);
	else
		check_say(l->to, CHECK_WELL, "permissions", "core.sock", "",
		    "only dockd's own programs reach %.120s", path);
}

/* ---- anchors of cameras' signatures ---- */

static bool seconds_of(const ASN1_TIME *t, int64_t *out)
{
	struct tm tm = { 0 };

	if (!t || ASN1_TIME_to_tm(t, &tm) != 1)
		return false;
	*out = (int64_t)timegm(&tm);
	return true;
}

/* The end of the certificate, or of the revocation list, that ends first. Count. */
static unsigned first_end(const char *path, bool crl, int64_t *end_s)
{
	BIO *file = BIO_new_file(path, "r");
	unsigned n = 0;

	while (file && n < CERTIFICATES_MAX) {
		X509_CRL *list = crl ? PEM_read_bio_X509_CRL(file, NULL, NULL, NULL) : NULL;
		X509 *x = crl ? NULL : PEM_read_bio_X509(file, NULL, NULL, NULL);
		int64_t s;

		if (!list && !x)
			break;
		if (seconds_of(crl ? X509_CRL_get0_nextUpdate(list) : X509_get0_notAfter(x), &s) &&
		    (n == 0 || s < *end_s))
			*end_s = s;
		n++;
		X509_CRL_free(list);
		X509_free(x);
	}
	BIO_free(file);
	ERR_clear_error();
	return n;
}

static void anchor(const struct doctor_look *l, const char *profile, const char *path, bool crl)
{
	const char *noun = crl ? "revocation list" : "anchor";
	enum check_level level;
	int64_t end_s = INT64_MAX;
	char when[64];

	if (!path[0])
		return;
	if (access(path, R_OK) < 0 && errno == EACCES) {
		check_say(l->to, CHECK_UNSEEN, "anchors", profile, as_root, "%.200s", path);
		return;
	}
	if (first_end(path, crl, &end_s) == 0) {
		check_say(l->to, CHECK_BAD, "anchors", profile,
		    "IT: put the camera maker's PEM file there; signatures cannot be judged without",
		    "%.140s: no %s in it can be read", path, noun);
		return;
	}
	if (end_s == INT64_MAX)
		level = CHECK_WELL;
	else if (crl)
		level = end_s < l->now_s                  ? CHECK_BAD :
		    end_s - l->now_s < INT64_C(7) * 86400 ? CHECK_WARN :
							    CHECK_WELL;
	else
		level = check_expiry(end_s, l->now_s);
	check_say(l->to, level, "anchors", profile,
	    level == CHECK_WELL ? "" :
		crl             ? "IT: fetch the newest revocation list from the camera maker" :
				  "IT: ask the camera maker for the certificate that comes next",
	    "%s of %.100s %s %s", noun, path, end_s < l->now_s ? "ended" : "ends",
	    end_s == INT64_MAX ? "never" : check_day(end_s, l->now_s, when, sizeof(when)));
}

void doctor_files(const struct doctor_look *l)
{
	if (!l->config)
		return;
	settings(l, l->config_path);
	state(l);
	secrets(l);
	sockets(l);
	for (size_t i = 0; i < l->config->profiles_n; i++) {
		const struct profile *p = &l->config->profile[i];

		anchor(l, p->name, p->anchors_file, false);
		anchor(l, p->name, p->crl_file, true);
	}
	check_say(l->to, CHECK_NOTE, "key-backup", "",
	    "IT: see that the checkpoints reach a destination (they do by themselves with tus and s3); "
	    "after a loss, dockd-provision --replaces cites the last of them",
	    "the station's own key has no second copy, as it should be: a new PC gets a new key");
}
