#include "handover.h"

void handover(const char *name)
{
	(void)name;
}
