#include "language.h"

#include <string.h>

static const char *const words[] = {
	[UNLOCK_NONE] = "none",
	[UNLOCK_DV16] = "dv16",
	[UNLOCK_AMBA_REQUEST] = "ambarella-request",
	[UNLOCK_AMBA_BLOCK] = "ambarella-block",
	[UNLOCK_AMBA_TEXT] = "ambarella-text",
};

const char *language_word(enum unlock u)
{
	return (size_t)u < sizeof(words) / sizeof(words[0]) ? words[u] : "unknown";
}

enum unlock language_of(const char *word)
{
	for (size_t i = UNLOCK_DV16; word && i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(words[i], word) == 0)
			return (enum unlock)i;
	}
	return UNLOCK_NONE;
}
