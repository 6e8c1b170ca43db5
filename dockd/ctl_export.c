#include "ctl_export.h"

#include "asset.h"
#include "base/proto_asset.h"
#include "base/proto_ctl.h"
#include "base/proto_station.h"
#include "ctl.h"
#include "ctl_json.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define COPY_BYTES (1u << 20)
#define MANIFEST "manifest.json"
#define LEDGER "ledger"
#define PATIENCE_MS 60000
#define FILE_NAME_LEN 96
#define SIGNED_MAX 4096 /* bytes of a checkpoint or key */

/* One export under way. */
struct export
{
	const struct export_wish *wish;
	int folder, ledger; /* descriptors */
	unsigned char *buffer;
	EVP_MD_CTX *md;
	json_t *assets;   /* number as text => entry; what an earlier export wrote stays */
	json_t *segments; /* name => entry */
	char station[PROTO_NAME_LEN];
	uint64_t copied, present, absent, failed, copied_bytes;
};

/* ---- copying ---- */

static int write_all(int fd, const unsigned char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, bytes, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		bytes += n;
		len -= (size_t)n;
	}
	return 0;
}

/*
 * Reads at most max bytes of in from its start, into out as well where it is not -1. *len: how many
 * there were; hex: their SHA-256. 0 or -errno.
 */
static int copy_digest(struct export *x, int in, uint64_t max, int out, uint64_t *len, char *hex)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned size = 0;
	int err;

	*len = 0;
	if (EVP_DigestInit_ex(x->md, EVP_sha256(), NULL) != 1)
		return -ENOMEM;
	while (*len < max) {
		size_t want = max - *len < COPY_BYTES ? (size_t)(max - *len) : COPY_BYTES;
		ssize_t n = pread(in, x->buffer, want, (off_t)*len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		if (EVP_DigestUpdate(x->md, x->buffer, (size_t)n) != 1)
			return -EIO;
		err = out < 0 ? 0 : write_all(out, x->buffer, (size_t)n);
		if (err)
			return err;
		*len += (uint64_t)n;
	}
	if (EVP_DigestFinal_ex(x->md, digest, &size) != 1)
		return -EIO;
	for (unsigned i = 0; i < size; i++)
		snprintf(hex + 2 * (size_t)i, 3, "%02x", digest[i]);
	return 0;
}

/* Puts part in its place. Nothing that is there is overwritten: -EEXIST. */
static int place(int folder, const char *part, const char *name)
{
	struct stat st;

	if (renameat2(folder, part, folder, name, RENAME_NOREPLACE) == 0)
		return fsync(folder) < 0 ? -errno : 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -errno;
	/* a file system without RENAME_NOREPLACE (vfat, some network mounts) */
	if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return -EEXIST;
	if (renameat(folder, part, folder, name) < 0)
		return -errno;
	return fsync(folder) < 0 ? -errno : 0;
}

static int open_part(int folder, const char *part)
{
	int fd;

	if (unlinkat(folder, part, 0) < 0 && errno != ENOENT)
		return -errno;
	fd = openat(folder, part, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0400);
	return fd < 0 ? -errno : fd;
}

static void say(const struct export *x, const char *name, const char *what)
{
	char clean[TEXT_ESCAPED(FILE_NAME_LEN)];

	if (!x->wish->quiet)
		printf("%s: %s\n", text_clean(name, true, clean, sizeof(clean)), what);
}

static int fail(struct export *x, const char *name, const char *what)
{
	char clean[TEXT_ESCAPED(FILE_NAME_LEN)];

	ctl_fail(CTL_FAILED, "%s: %s", text_clean(name, true, clean, sizeof(clean)), what);
	x->failed++;
	return 0;
}

/* ---- assets ---- */

/*
 * A name of ours: number, beginning of the digest, and the ending of the camera's name where it is
 * harmless, so that a player knows what it is.
 */
static void name_asset(const struct proto_ctl_asset *a, char *out)
{
	const char *dot = strrchr(a->path, '.');
	char ending[12] = "";
	size_t n = 0;

	if (dot && strlen(dot) >= 2 && strlen(dot) <= 9) {
		for (const char *p = dot; *p && (p == dot || isalnum((unsigned char)*p)); p++)
			ending[n++] = (char)tolower((unsigned char)*p);
		if (n != strlen(dot))
			n = 0;
	}
	ending[n] = '\0';
	snprintf(out, FILE_NAME_LEN, "%08" PRIu64 "-%.12s%s", a->number,
	    a->sha256[0] ? a->sha256 : "undigested", ending);
}

static bool is_digest(const char *hex)
{
	return strlen(hex) == 64 && strspn(hex, "0123456789abcdef") == 64;
}

static void note_asset(struct export *x, const struct proto_ctl_asset *a, const char *file,
    uint64_t length, const char *hex)
{
	json_t *entry = json_asset(a);
	char key[24];

	json_object_set_new(entry, "file", json_string(file));
	json_object_set_new(entry, "length_bytes", json_integer((json_int_t)length));
	json_object_set_new(entry, "sha256", json_string(hex));
	json_object_set_new(entry, "digested_before", a->sha256[0] ? json_true() : json_false());
	snprintf(key, sizeof(key), "%" PRIu64, a->number);
	json_object_set_new(x->assets, key, entry);
}

/* One that an earlier export has put there: the same bytes, or left alone and told. */
static int check_present(
    struct export *x, const struct proto_ctl_asset *a, const char *name, int there, int in)
{
	char hex[2 * EVP_MAX_MD_SIZE + 1] = "", now[2 * EVP_MAX_MD_SIZE + 1] = "";
	uint64_t len, now_len = a->size_bytes;
	int err = copy_digest(x, there, UINT64_MAX, -1, &len, hex);

	if (!err && !a->sha256[0])
		err = copy_digest(x, in, UINT64_MAX, -1, &now_len, now);
	if (err)
		return fail(x, name, strerror(-err));
	if (len != now_len || strcmp(hex, a->sha256[0] ? a->sha256 : now) != 0)
		return fail(x, name, "is there already and is not the same; left as it is");
	note_asset(x, a, name, len, hex);
	x->present++;
	say(x, name, "is there already");
	return 0;
}

static int copy_asset(struct export *x, const struct proto_ctl_asset *a, const char *name, int in)
{
	char part[FILE_NAME_LEN + 8], hex[2 * EVP_MAX_MD_SIZE + 1] = "";
	uint64_t len = 0;
	int err, out;

	snprintf(part, sizeof(part), ".%s.part", name);
	out = open_part(x->folder, part);
	if (out < 0)
		return fail(x, name, strerror(-out));
	err = copy_digest(x, in, UINT64_MAX, out, &len, hex);
	if (!err && fsync(out) < 0)
		err = -errno;
	if (close(out) < 0 && !err)
		err = -errno;
	if (!err && (len != a->size_bytes || (a->sha256[0] && strcmp(hex, a->sha256) != 0))) {
		unlinkat(x->folder, part, 0);
		return fail(x, name, "the station's copy is not what was digested: not exported");
	}
	if (!err)
		err = place(x->folder, part, name);
	if (err) {
		unlinkat(x->folder, part, 0);
		fail(x, name, strerror(-err));
		return err == -ENOSPC || err == -EDQUOT || err == -EIO || err == -EROFS ? err : 0;
	}
	note_asset(x, a, name, len, hex);
	x->copied++;
	x->copied_bytes += len;
	say(x, name, "copied");
	return 0;
}

static int export_asset(void *context, struct msg *m)
{
	struct export *x = context;
	struct proto_ctl_asset a;
	char name[FILE_NAME_LEN];
	int there, err;

	if (m->head.type != MSG_ASSET)
		return -EPROTO;
	if (m->nfds == 0) { /* not whole yet, or no longer held here */
		x->absent++;
		return 0;
	}
	memcpy(&a, m->body, sizeof(a));
	if (a.sha256[0] && !is_digest(a.sha256))
		return -EPROTO;
	name_asset(&a, name);
	there = openat(x->folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (there < 0 && errno == ENOENT)
		return copy_asset(x, &a, name, m->fds[0]);
	if (there < 0)
		return fail(x, name, strerror(errno));
	err = check_present(x, &a, name, there, m->fds[0]);
	close(there);
	return err;
}

/* ---- ledger ---- */

static bool good_segment(const char *name)
{
	return name[0] && name[0] != '.' && strlen(name) < FILE_NAME_LEN &&
	    name[strspn(
		name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")] == '\0';
}

/* An earlier export's part of a segment, which only grows: 0 where it is how the new one begins. */
static int check_beginning(struct export *x, const char *name, int in)
{
	char old[2 * EVP_MAX_MD_SIZE + 1] = "", new[2 * EVP_MAX_MD_SIZE + 1] = "";
	uint64_t old_len, new_len;
	int err, there = openat(x->ledger, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);

	if (there < 0)
		return errno == ENOENT ? 0 : -errno;
	err = copy_digest(x, there, UINT64_MAX, -1, &old_len, old);
	close(there);
	if (!err)
		err = copy_digest(x, in, old_len, -1, &new_len, new);
	if (!err && (old_len != new_len || strcmp(old, new) != 0))
		err = -EEXIST;
	return err;
}

/*
 * The signed checkpoint and the station's key, beside the records. The newer checkpoint takes the
 * place of the older one; another key does not.
 */
static int export_signed(struct export *x, const char *name, int in)
{
	char part[FILE_NAME_LEN + 8], text[SIGNED_MAX], old[SIGNED_MAX];
	ssize_t n = pread(in, text, sizeof(text), 0), before = -1;
	int err = 0, there, out;

	if (n <= 0 || n == (ssize_t)sizeof(text))
		return -EPROTO;
	there = openat(x->folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (there >= 0) {
		before = pread(there, old, sizeof(old), 0);
		close(there);
	}
	if (strcmp(name, "key") == 0 && before >= 0 &&
	    (before != n || memcmp(old, text, (size_t)n) != 0))
		return fail(x, name, "another key is there already; left as it is");
	snprintf(part, sizeof(part), ".%s.part", name);
	out = open_part(x->folder, part);
	if (out < 0)
		return fail(x, name, strerror(-out));
	err = write_all(out, (const unsigned char *)text, (size_t)n);
	if (!err && fsync(out) < 0)
		err = -errno;
	if (close(out) < 0 && !err)
		err = -errno;
	if (!err && renameat(x->folder, part, x->folder, name) < 0)
		err = -errno;
	if (!err && fsync(x->folder) < 0)
		err = -errno;
	if (!err)
		return 0;
	unlinkat(x->folder, part, 0);
	return fail(x, name, strerror(-err));
}

static int export_segment(void *context, struct msg *m)
{
	struct export *x = context;
	struct proto_ctl_segment s;
	char part[FILE_NAME_LEN + 8], hex[2 * EVP_MAX_MD_SIZE + 1] = "";
	uint64_t len = 0;
	int err, out;

	if (m->head.type != MSG_SEGMENT || m->nfds != 1)
		return -EPROTO;
	memcpy(&s, m->body, sizeof(s));
	if (strcmp(s.name, "checkpoint") == 0 || strcmp(s.name, "key") == 0)
		return export_signed(x, s.name, m->fds[0]);
	if (!good_segment(s.name))
		return -EPROTO;
	err = check_beginning(x, s.name, m->fds[0]);
	if (err)
		return fail(x, s.name,
		    err == -EEXIST ?
			"the ledger there is not the beginning of this one; left as it is" :
			strerror(-err));
	snprintf(part, sizeof(part), ".%s.part", s.name);
	out = open_part(x->ledger, part);
	if (out < 0)
		return fail(x, s.name, strerror(-out));
	err = copy_digest(x, m->fds[0], s.size_bytes, out, &len, hex);
	if (!err && len != s.size_bytes)
		err = -EIO;
	if (!err && fsync(out) < 0)
		err = -errno;
	if (close(out) < 0 && !err)
		err = -errno;
	if (!err && renameat(x->ledger, part, x->ledger, s.name) < 0)
		err = -errno;
	if (!err && fsync(x->ledger) < 0)
		err = -errno;
	if (err) {
		unlinkat(x->ledger, part, 0);
		return fail(x, s.name, strerror(-err));
	}
	json_object_set_new(x->segments, s.name,
	    json_pack("{sIss}", "length_bytes", (json_int_t)len, "sha256", hex));
	say(x, s.name, "ledger copied");
	return 0;
}

/* ---- manifest ---- */

/*
 * What an earlier export to this folder wrote, so that it stays in the new manifest. -EEXIST: it is
 * of another station, or none of ours.
 */
static int load_manifest(struct export *x)
{
	const char *station;
	json_error_t why;
	json_t *old;
	int fd = openat(x->folder, MANIFEST, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	old = json_loadfd(fd, 0, &why);
	close(fd);
	station = json_string_value(json_object_get(old, "station"));
	if (!station || strcmp(station, x->station) != 0 ||
	    json_object_update(x->assets, json_object_get(old, "assets")) < 0 ||
	    json_object_update(x->segments, json_object_get(old, "ledger")) < 0) {
		json_decref(old);
		return -EEXIST;
	}
	json_decref(old);
	return 0;
}

static int save_manifest(struct export *x)
{
	char when[32];
	time_t now = time(NULL);
	struct tm tm;
	json_t *manifest;
	int err = 0, fd;

	gmtime_r(&now, &tm);
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);
	manifest = json_pack("{ssssssss sOsO}", "format", "dockd export v1", "station", x->station,
	    "exported_at", when, "dockctl", DOCKD_VERSION, "assets", x->assets, "ledger",
	    x->segments);
	fd = open_part(x->folder, "." MANIFEST ".part");
	if (!manifest || fd < 0) {
		json_decref(manifest);
		return fd < 0 ? fd : -ENOMEM;
	}
	if (json_dumpfd(manifest, fd, JSON_INDENT(1) | JSON_SORT_KEYS) < 0 || fsync(fd) < 0)
		err = -EIO;
	if (close(fd) < 0 && !err)
		err = -errno;
	if (!err && renameat(x->folder, "." MANIFEST ".part", x->folder, MANIFEST) < 0)
		err = -errno;
	if (!err && fsync(x->folder) < 0)
		err = -errno;
	json_decref(manifest);
	return err;
}

/* ---- the whole ---- */

static int export_station(void *context, struct msg *m)
{
	struct export *x = context;
	struct proto_ctl_status s;

	if (m->head.type == MSG_STATUS) {
		memcpy(&s, m->body, sizeof(s));
		memcpy(x->station, s.station, sizeof(x->station));
	}
	return 0;
}

static int open_folder(int at, const char *path)
{
	int fd;

	if (mkdirat(at, path, 0700) < 0 && errno != EEXIST)
		return -errno;
	fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int open_all(struct export *x)
{
	x->folder = open_folder(AT_FDCWD, x->wish->folder);
	if (x->folder < 0)
		return x->folder;
	x->ledger = open_folder(x->folder, LEDGER);
	if (x->ledger < 0)
		return x->ledger;
	x->buffer = malloc(COPY_BYTES);
	x->md = EVP_MD_CTX_new();
	x->assets = json_object();
	x->segments = json_object();
	return x->buffer && x->md && x->assets && x->segments ? 0 : -ENOMEM;
}

static int ask_for(struct export *x, int sock, unsigned what, ask_part *part)
{
	struct proto_ctl_end end = { 0 };
	struct proto_ask question = { .ask = what };
	int err;

	memcpy(question.reason, x->wish->reason, sizeof(question.reason));
	err = ask_all(sock, &question, PATIENCE_MS, part, x, &end);

	return ctl_complain(err, &end);
}

int export_run(int sock, const struct export_wish *wish, struct json_t **summary)
{
	struct export x = { .wish = wish, .folder = -1, .ledger = -1 };
	int err, code;

	*summary = NULL;
	code = ask_for(&x, sock, ASK_STATUS, export_station);
	if (code)
		return code;
	err = open_all(&x);
	if (!err)
		err = load_manifest(&x);
	if (err) {
		ctl_fail(CTL_FAILED, "%s: %s", wish->folder,
		    err == -EEXIST ?
			"holds an export of another station, or a manifest that is none" :
			strerror(-err));
		code = CTL_FAILED;
		goto out;
	}
	if (!wish->ledger_only)
		code = ask_for(&x, sock, ASK_EXPORT, export_asset);
	if (code == CTL_OK)
		code = ask_for(&x, sock, ASK_LEDGER, export_segment);
	err = save_manifest(&x);
	if (err)
		fail(&x, MANIFEST, strerror(-err));
	*summary = json_pack("{sssIsIsIsIsIsi}", "folder", wish->folder, "copied",
	    (json_int_t)x.copied, "present", (json_int_t)x.present, "absent", (json_int_t)x.absent,
	    "failed", (json_int_t)x.failed, "copied_bytes", (json_int_t)x.copied_bytes, "segments",
	    (int)json_object_size(x.segments));
	if (code == CTL_OK && x.failed > 0)
		code = CTL_FAILED;
out:
	json_decref(x.assets);
	json_decref(x.segments);
	EVP_MD_CTX_free(x.md);
	free(x.buffer);
	if (x.ledger >= 0)
		close(x.ledger);
	if (x.folder >= 0)
		close(x.folder);
	return code;
}
