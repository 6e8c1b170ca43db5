/*
 * volume_walk: the walk through all folders of a volume.
 *
 * Part of volume.c. Depth first with a stack of its own; twice over all folders (volume.h: why).
 * Bounded for any medium: a folder is entered once, by the first entry that leads to it; clusters
 * of folders and of files are followed once but for spare steps where chains meet, and a chain that
 * meets another after that is cut.
 */
#include "../name.h"
#include "marks.h"
#include "volume_inner.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FAT_FOLDER_BYTES (2u << 20)       /* fatgen103: 65536 entries */
#define EXFAT_FOLDER_BYTES (256ull << 20) /* exFAT 7.4 */

struct level {
	struct folder folder;
	size_t path_len; /* of the folder's own path */
	bool unread;
};

struct walk {
	struct volume *volume;
	struct marks *marks;
	bool (*visit)(void *arg, const char *path, bool path_cut,
	    const struct volume_file *file); /* NULL: survey */
	void *arg;
	bool following; /* each file's chain */
	uint64_t spare_steps, spare_reads, spare_folders;
	struct volume_report report;
	size_t depth;
	struct level stack[VOLUME_DEPTH_MAX + 1];
	struct volume_file file;
	char told[PROTO_PATH_LEN];
	char path[(VOLUME_DEPTH_MAX + 1) * VOLUME_NAME_LEN];
};

/* ---- clusters of a file ---- */

static bool spend(struct walk *w, uint64_t steps)
{
	bool enough = steps <= w->spare_steps;

	w->spare_steps -= enough ? steps : w->spare_steps;
	return enough;
}

/*
 * A chain comes by a cluster that was met before: its own, or another's. *most is how many clusters
 * it has before it comes round, UINT64_MAX while that is not known. 1: another's; 0: the chain has
 * to end here, *wrong says why; -errno.
 */
static int met_before(
    struct walk *w, const struct volume_file *f, uint64_t at, uint64_t *most, const char **wrong)
{
	if (*most == UINT64_MAX && !(f->flags & VOLUME_CONTIGUOUS)) {
		bool circle = false;
		uint64_t length = 0;
		int r;

		*wrong = "too many chains of clusters meet";
		if (!spend(w, 1))
			return 0;
		r = volume_chain_length(w->volume, f->first, &length, &circle);
		if (r < 0)
			return r;
		spend(w, length);
		*most = circle ? length : UINT64_MAX - 1;
	}
	*wrong = at < *most ? "too many chains of clusters meet" :
			      "its chain of clusters runs in a circle";
	return at < *most && spend(w, 1) ? 1 : 0;
}

/* Follows a file's clusters, marks them, and makes its sizes and flags say what is there. */
static int follow(struct walk *w, struct volume_file *f)
{
	const char *wrong = "its chain of clusters ends before its size";
	struct volume *v = w->volume;
	uint64_t need = volume_clusters(v, f->size_bytes);
	uint64_t most = UINT64_MAX, n = 0;
	uint32_t cluster = f->first;
	int r = 1;

	while (n < need && r == 1 && volume_has(v, cluster)) {
		if (marks_meet(w->marks, cluster)) {
			r = met_before(w, f, n, &most, &wrong);
			if (r <= 0)
				break;
			if (!w->visit && marks_share(w->marks, cluster) < 0)
				return -ENOMEM;
			wrong = "its chain of clusters ends before its size";
		} else if (!marks_covers(w->marks, cluster) && !spend(w, 1)) {
			break;
		}
		if (marks_shared(w->marks, cluster))
			f->flags |= VOLUME_SHARED;
		if (++n < need)
			r = volume_behind(v, cluster, f->flags & VOLUME_CONTIGUOUS, &cluster);
	}
	if (r < 0 && r != -EIO && r != -E2BIG)
		return r;
	if (r == -E2BIG)
		volume_wrong(v, "clusters too scattered to be followed");
	else
		volume_fit(v, f, n);
	if (n < need && r != -E2BIG)
		volume_wrong(v, "%s", wrong);
	if (f->flags & VOLUME_SHARED)
		volume_wrong(v, "has clusters of another file");
	return 0;
}

/* As follow, within the reads that are left. A file that takes more is as long as it says. */
static int measure(struct walk *w, struct volume_file *f)
{
	struct volume *v = w->volume;
	uint64_t before = v->source->reads, spent;
	int r;

	v->reads_limit = before + w->spare_reads;
	r = follow(w, f);
	v->reads_limit = UINT64_MAX;
	spent = v->source->reads - before;
	w->spare_reads -= spent < w->spare_reads ? spent : w->spare_reads;
	return r;
}

/* ---- folders ---- */

/*
 * A cluster of a folder's chain. What another folder's chain has is read all the same, within
 * bounds: that chain may be the damaged one, and its folder may end before it comes there. 1; 0:
 * the chain has to end here, *wrong says why; -ENOMEM.
 */
static int claim(struct walk *w, uint32_t cluster, bool first, const char **wrong)
{
	int r = -EINVAL;

	if (volume_has(w->volume, cluster))
		r = marks_folder(w->marks, cluster, first);
	if (r == -ENOMEM)
		return r;
	if (r == -EINVAL)
		*wrong = "a folder without a first cluster that can be";
	else if (r == -EEXIST)
		*wrong = "a folder that is read already: in itself, or in two places";
	else if (r == -ELOOP)
		*wrong = "a folder's chain of clusters runs in a circle";
	else if (r == -ENOSPC || (r == 0 && w->spare_folders == 0))
		*wrong = "more folders than are read";
	if (*wrong)
		return 0;
	if (r == 0) {
		w->spare_folders--;
		volume_wrong(w->volume, "a folder has clusters of another folder");
	}
	if (w->following && marks_meet(w->marks, cluster) && r == 1) {
		volume_wrong(w->volume, "a folder has clusters of a file");
		if (!w->visit && marks_share(w->marks, cluster) < 0)
			return -ENOMEM;
	}
	return 1;
}

/*
 * Follows a folder's clusters and bounds its size to those that can be read. 1; 0: there is nothing
 * to read; -errno.
 */
static int measure_folder(struct walk *w, struct folder *f)
{
	struct volume *v = w->volume;
	uint64_t max = v->kind == VOLUME_EXFAT ? EXFAT_FOLDER_BYTES : FAT_FOLDER_BYTES;
	bool told = f->size_bytes <= max;
	uint64_t need = volume_clusters(v, told ? f->size_bytes : max), n = 0;
	uint32_t cluster = f->first;
	const char *wrong = NULL;
	int r = 1;

	while (n < need) {
		r = claim(w, cluster, n == 0, &wrong);
		if (r < 0)
			return r;
		if (r == 0 || (++n == need && told))
			break;
		r = volume_behind(v, cluster, f->contiguous, &cluster);
		if (r < 0 && r != -EIO)
			return r;
		if (r == -EIO)
			wrong = "a folder's chain of clusters breaks off";
		else if (r == 0 && told)
			wrong = "a folder ends before its size";
		else if (r == 1 && n == need)
			wrong = "a folder longer than folders can be";
		if (r <= 0)
			break;
	}
	if (wrong && r == -EIO)
		volume_unread(v, "%s", wrong);
	else if (wrong)
		volume_wrong(v, "%s", wrong);
	if (f->size_bytes > n * v->cluster_bytes)
		f->size_bytes = n * v->cluster_bytes;
	return n > 0;
}

/* Puts a folder, whose path stands in w->path, on the stack. 0 or -errno. */
static int enter(struct walk *w, const struct folder *f)
{
	struct level *l = &w->stack[w->depth];
	int r = 1;

	if (w->depth > VOLUME_DEPTH_MAX) {
		volume_wrong(w->volume, "folders deeper than %d", VOLUME_DEPTH_MAX);
		return 0;
	}
	*l = (struct level){ .folder = *f, .path_len = strlen(w->path) };
	if (f->first != 0 || w->depth > 0)
		r = measure_folder(w, &l->folder);
	if (r <= 0)
		return r;
	w->depth++;
	return 0;
}

/* ---- the walk ---- */

/* A file or folder of the folder on top of the stack. 0 or -errno. */
static int take(struct walk *w)
{
	size_t base = strlen(w->path);
	struct volume_file *f = &w->file;
	bool cut;
	int r;

	snprintf(w->path + base, sizeof(w->path) - base, "%s%s", base ? "/" : "", f->name);
	if (f->flags & VOLUME_FOLDER) {
		const struct folder folder = { .first = f->first,
			.cluster = f->first,
			.size_bytes = f->told_bytes,
			.contiguous = f->flags & VOLUME_CONTIGUOUS };

		w->report.folders++;
		return enter(w, &folder);
	}
	if (f->told_bytes == 0 && volume_has(w->volume, f->first)) {
		f->flags |= VOLUME_UNFINISHED;
		volume_wrong(w->volume, "unfinished, it has clusters but no size");
	}
	r = w->following ? measure(w, f) : 0;
	if (r < 0)
		return r;
	w->report.files++;
	if (!w->visit)
		return 0;
	cut = name_path(w->path, w->told);
	w->report.stopped = !w->visit(w->arg, w->told, cut, f);
	return 0;
}

/* The next entry of the folder on top of the stack. 0 or -errno. */
static int step(struct walk *w)
{
	struct level *l = &w->stack[w->depth - 1];
	uint64_t before = l->folder.at;
	int r;

	w->path[l->path_len] = '\0';
	r = w->volume->format->next(w->volume, &l->folder, &w->file);
	if (r == 1)
		return take(w);
	if (r == -EIO && !l->unread) {
		l->unread = true;
		volume_unread(w->volume, "a folder cannot be read whole");
	}
	if (r == 0 || (r == -EIO && l->folder.at <= before))
		w->depth--;
	return r == -EIO ? 0 : r;
}

static int walk_once(struct walk *w)
{
	struct volume *v = w->volume;
	struct folder root;
	int r;

	memset(&w->report, 0, sizeof(w->report));
	w->spare_steps = 2ull * v->clusters + 65536;
	w->spare_reads = VOLUME_SPARE_READS + v->clusters / 1024;
	w->spare_folders = MARKS_FOLDERS;
	w->depth = 0;
	w->path[0] = '\0';
	v->report = &w->report;
	v->path = w->path;
	v->format->root(v, &root);
	r = enter(w, &root);
	while (r == 0 && w->depth > 0 && !w->report.stopped)
		r = step(w);
	v->report = NULL;
	v->path = NULL;
	return r;
}

int volume_walk(struct volume *v,
    bool (*visit)(void *arg, const char *path, bool path_cut, const struct volume_file *file),
    void *arg, struct volume_report *out)
{
	struct walk *w = calloc(1, sizeof(*w));
	struct volume_report survey;
	int r = -ENOMEM;

	memset(out, 0, sizeof(*out));
	if (w)
		w->marks = marks_open(v->clusters + 2);
	if (!w || !w->marks)
		goto out;
	w->volume = v;
	w->following = true;
	r = walk_once(w);
	survey = w->report;
	if (r == 0) {
		w->following = survey.damaged > 0 || survey.unread > 0;
		w->visit = visit;
		w->arg = arg;
		marks_again(w->marks);
		r = walk_once(w);
	}
	*out = w->report;
	if (out->damaged < survey.damaged)
		out->damaged = survey.damaged;
	if (out->unread < survey.unread)
		out->unread = survey.unread;
	if (survey.text[0])
		memcpy(out->text, survey.text, sizeof(out->text));
out:
	if (w)
		marks_close(w->marks);
	free(w);
	return r;
}
