/*
 * scenario_disk: makes a camera a USB disk from its JSON description.
 *
 * Keys of "disk", all optional but luns:
 *   luns          [{image, block (512), readonly, removable (true), present (true), size (of the
 *                 image)}]
 *   vendor product revision   what INQUIRY says
 *   max_transfer  bytes that one READ may be, 0 = any
 *   stalls        true: it ends data early by a stall; false: by a short packet
 */
#include <errno.h>
#include <stdlib.h>

#include "scenario.h"

static bool flag_of(const json_t *from, const char *key, bool usual)
{
	const json_t *v = json_object_get(from, key);

	return v ? json_is_true(v) : usual;
}

static int load_unit(struct disk *d, const json_t *from, const char **why)
{
	uint64_t size = (uint64_t)scenario_number(from, "size", 0);
	struct unit *u = &d->unit[d->units];

	if (disk_add(d, scenario_text(from, "image", ""), size, why) < 0)
		return -EINVAL;
	u->block_bytes = (uint32_t)scenario_number(from, "block", 512);
	u->read_only = flag_of(from, "readonly", false);
	u->removable = flag_of(from, "removable", true);
	u->present = flag_of(from, "present", true);
	*why = "block must be a multiple of 512";
	return u->block_bytes && u->block_bytes % 512 == 0 ? 0 : -EINVAL;
}

int scenario_disk(struct camera *c, const json_t *disk, const char **why)
{
	const json_t *unit;
	size_t i;

	c->disk = calloc(1, sizeof(*c->disk));
	if (!c->disk)
		abort();
	TEXT(c->disk->vendor, disk, "vendor", "Example");
	TEXT(c->disk->product, disk, "product", "BodyCam");
	TEXT(c->disk->revision, disk, "revision", "1.00");
	c->disk->max_transfer = (uint32_t)scenario_number(disk, "max_transfer", 0);
	c->disk->stalls = flag_of(disk, "stalls", true);
	json_array_foreach(json_object_get(disk, "luns"), i, unit)
	{
		if (load_unit(c->disk, unit, why) < 0)
			return -EINVAL;
	}
	*why = "a disk needs a logical unit";
	return c->disk->units ? 0 : -EINVAL;
}
