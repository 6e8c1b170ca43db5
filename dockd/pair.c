#include "pair.h"

#include <ctype.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Length of path without its extension; all of it where there is none. */
static size_t stem_len(const char *path)
{
	const char *slash = strrchr(path, '/'), *dot = strrchr(path, '.');

	return dot && dot != path && (!slash || dot > slash + 1) ? (size_t)(dot - path) :
								   strlen(path);
}

static void add(char out[PAIR_PATHS][PROTO_PATH_LEN], size_t *n, const char *path, size_t len,
    const char *suffix)
{
	char made[PROTO_PATH_LEN];

	if (len + strlen(suffix) >= PROTO_PATH_LEN)
		return;
	snprintf(made, sizeof(made), "%.*s%s", (int)len, path, suffix);
	for (size_t i = 0; i < *n; i++) {
		if (strcmp(out[i], made) == 0)
			return;
	}
	if (strcmp(made, path) != 0)
		memcpy(out[(*n)++], made, sizeof(made));
}

size_t pair_paths(const struct profile *p, const char *path, char out[PAIR_PATHS][PROTO_PATH_LEN])
{
	size_t n = 0, all = strlen(path), stem = stem_len(path);

	for (size_t i = 0; i < PROFILE_SUFFIXES && p->sidecar_suffix[i][0]; i++) {
		char upper[PROFILE_SUFFIX_LEN] = "";

		for (size_t k = 0; p->sidecar_suffix[i][k]; k++)
			upper[k] = (char)toupper((unsigned char)p->sidecar_suffix[i][k]);
		add(out, &n, path, all, p->sidecar_suffix[i]);
		add(out, &n, path, stem, p->sidecar_suffix[i]);
		add(out, &n, path, all, upper);
		add(out, &n, path, stem, upper);
	}
	return n;
}

int pair_stem(const struct profile *p, const char *sidecar_path, char out[PROTO_PATH_LEN])
{
	size_t len = strlen(sidecar_path);

	for (size_t i = 0; i < PROFILE_SUFFIXES && p->sidecar_suffix[i][0]; i++) {
		size_t n = strlen(p->sidecar_suffix[i]);

		if (len <= n || len >= PROTO_PATH_LEN || sidecar_path[len - n - 1] == '/' ||
		    strcasecmp(sidecar_path + len - n, p->sidecar_suffix[i]) != 0)
			continue;
		memcpy(out, sidecar_path, len - n);
		out[len - n] = '\0';
		return 0;
	}
	return -ENOENT;
}

bool pair_has_stem(const char *path, const char *stem)
{
	size_t n = strlen(stem);

	if (strncmp(path, stem, n) != 0)
		return false;
	return path[n] == '\0' || (path[n] == '.' && path[n + 1] && stem_len(path) == n);
}

bool pair_is_manifest(const struct profile *p, const char *path)
{
	return p->scheme == SCHEME_MANIFEST && fnmatch(p->manifest_path, path, FNM_CASEFOLD) == 0;
}

bool pair_of_one_time(const struct asset *file, const struct asset *sidecar)
{
	if (strcmp(file->camera, sidecar->camera) != 0)
		return false;
	if (file->docking == sidecar->docking || file->pulled_docking == sidecar->pulled_docking)
		return true;
	/* the one that was there first must not have been erased before the other came */
	return sidecar->docking < file->docking ? !sidecar->erased : !file->erased;
}
