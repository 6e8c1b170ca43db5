/*
 * A ledger line: whatever record_parse accepts, record_format writes again byte for byte.
 */
#include "../../dockd/base/record.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct record r;
	static char line[RECORD_LINE_MAX];
	int n;

	if (record_parse((const char *)data, size, &r) < 0)
		return 0;
	n = record_format(&r, line, sizeof(line));
	if (n < 0 || (size_t)n != size + 1 || memcmp(line, data, size) != 0)
		abort();
	return 0;
}
