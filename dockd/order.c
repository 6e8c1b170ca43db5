#include "order.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *const words[] = {
	[ORDER_ASSET] = "asset",
	[ORDER_CAMERA] = "camera",
	[ORDER_DOCKING] = "docking",
	[ORDER_PERIOD] = "period",
};

const char *order_scope_word(enum order_scope s)
{
	return s >= ORDER_ASSET && s <= ORDER_PERIOD ? words[s] : "unknown";
}

int order_scope_of_word(const char *word, enum order_scope *out)
{
	for (int s = ORDER_ASSET; s <= ORDER_PERIOD; s++) {
		if (strcmp(word, words[s]) == 0) {
			*out = (enum order_scope)s;
			return 0;
		}
	}
	return -EINVAL;
}

static bool is_number(const char *value, uint64_t number)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, number);
	return number > 0 && strcmp(text, value) == 0;
}

static bool in_period(const struct order *o, const struct asset *a)
{
	bool proved = a->class[0] && a->recorded_proved;
	int64_t at_s = a->class[0] ? a->recorded_s : PROTO_NO_TIME;

	if (o->value[0] && strcmp(o->value, a->camera) != 0)
		return false;
	if (at_s == PROTO_NO_TIME)
		at_s = a->staged_at_s ? a->staged_at_s : PROTO_NO_TIME;
	if (at_s == PROTO_NO_TIME)
		return true;
	if (o->from_s != PROTO_NO_TIME && at_s < o->from_s - ORDER_BEFORE_S)
		return false;
	return !proved || o->until_s == PROTO_NO_TIME || at_s < o->until_s + ORDER_AFTER_S;
}

bool order_covers(const struct order *o, const struct asset *a)
{
	if (o->lifted_s)
		return false;
	switch (o->scope) {
	case ORDER_ASSET:
		return (a->id[0] && strcmp(o->value, a->id) == 0) || is_number(o->value, a->number);
	case ORDER_CAMERA:
		return strcmp(o->value, a->camera) == 0;
	case ORDER_DOCKING:
		return is_number(o->value, a->docking) || is_number(o->value, a->pulled_docking);
	case ORDER_PERIOD:
		return in_period(o, a);
	}
	return true;
}
