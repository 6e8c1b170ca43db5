/*
 * Fuzzer for partition tables: the input is the beginning of a medium (image.h). What is found lies
 * within it, the reads are few.
 */
#include "image.h"

#include "../../usb/volume/partition.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct partitions found;
	struct image image;

	if (!image_of(data, size, &image))
		return -1;
	if (partitions_read(&image.source, &found) != 0 || found.n > PARTITIONS_MAX)
		abort();
	for (size_t i = 0; i < found.n; i++) {
		const struct partition *p = &found.at[i];

		if (p->size_bytes == 0 || p->offset_bytes > image.source.size_bytes ||
		    p->size_bytes > image.source.size_bytes - p->offset_bytes)
			abort();
	}
	if ((found.damaged > 0) != (found.text[0] != '\0') || !partition_word(found.table)[0])
		abort();
	/* A GPT twice in two sizes of blocks, its entries, four chains of logical partitions. */
	if (image.reads > 3000)
		abort();
	return 0;
}
