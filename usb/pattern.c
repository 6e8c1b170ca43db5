#include "pattern.h"

#include "../dockd/base/kind.h"
#include "../dockd/base/proto_attach.h"

#include <fnmatch.h>

uint32_t pattern_kind(const struct proto_attach *attach, const char *path)
{
	for (size_t i = 0; i < PROTO_PATTERNS && attach->pattern[i].kind; i++) {
		if (fnmatch(attach->pattern[i].glob, path, FNM_CASEFOLD) == 0)
			return attach->pattern[i].kind;
	}
	return KIND_OTHER;
}
