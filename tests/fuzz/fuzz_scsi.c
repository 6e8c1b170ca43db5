/*
 * Fuzzer for what a disk answers: SCSI data, and bulk-only transport as its transfers complete. The
 * first byte chooses the reader. For exchanges: two bytes of length, then a head in front of each
 * transfer (bit 0 stalled, bit 1 a status of this tag follows its bytes, the rest its length).
 */
#include "../../usb/disk/scsi.h"
#include "../../usb/disk/wrapper.h"

#include <stdlib.h>

#define TAG 9u
#define ROOM 256u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const char *text, size_t room)
{
	const char *end = memchr(text, '\0', room);

	if (!end)
		abort();
	for (const char *p = text; p < end; p++) {
		if (*p < 0x20 || *p > 0x7E)
			abort();
	}
}

static void answers(const uint8_t *data, size_t size)
{
	struct scsi_inquiry q;
	struct scsi_sense s;
	struct scsi_capacity c;
	uint32_t blocks;
	char serial[16];
	bool locked;

	if (scsi_inquiry_read(data, size, &q)) {
		check_text(q.vendor, sizeof(q.vendor));
		check_text(q.product, sizeof(q.product));
		check_text(q.revision, sizeof(q.revision));
	}
	if (scsi_serial_read(data, size, serial, sizeof(serial)))
		check_text(serial, sizeof(serial));
	scsi_sense_read(data, size, &s);
	if (s.key > 15 || !*scsi_sense_text(&s))
		abort();
	scsi_capacity10_read(data, size, &c);
	if (scsi_capacity16_read(data, size, &c) && c.blocks == 0)
		abort();
	scsi_mode_read(data, size, &locked);
	scsi_page_listed(data, size, 0x80);
	scsi_limits_read(data, size, &blocks);
}

static void exchanges(const uint8_t *data, size_t size)
{
	struct exchange x;
	uint64_t got = 0;
	struct buf b = buf_of(data, size);
	uint32_t len = buf_u16(&b);

	exchange_begin(&x, TAG, len, true);
	while (buf_left(&b) > 0) {
		uint8_t head = buf_u8(&b);
		size_t n = (head >> 2) * 4u, moved = 0, due = x.len - x.moved;
		uint8_t *exact;
		enum exchange_next next;

		n = n < buf_left(&b) ? n : buf_left(&b);
		exact = malloc(n + WRAPPER_STATUS_BYTES);
		memcpy(exact, buf_take(&b, n), n);
		if (head & 2) {
			memcpy(exact + n, "USBS", 4);
			buf_put_le(exact + n + 4, TAG, 4);
			buf_put_le(exact + n + 8, due - (n < due ? n : due), 4);
			exact[n + 12] = head >> 7;
			n += WRAPPER_STATUS_BYTES;
		}
		exact = realloc(exact, n ? n : 1);
		next = exchange_take(&x, exact, n, ROOM > n ? ROOM : n, head & 1, &moved);
		free(exact);
		if (moved > n || moved > due)
			abort();
		got += moved;
		if (got != x.moved || x.moved > x.len)
			abort();
		if ((next == EXCHANGE_OVER) != (x.phase == EXCHANGE_DONE && next != EXCHANGE_RESET))
			abort();
		if (next == EXCHANGE_OVER && x.status.status > 1)
			abort();
		if (next == EXCHANGE_OVER || next == EXCHANGE_RESET)
			return;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *exact;

	if (size < 1)
		return -1;
	exact = malloc(size);
	memcpy(exact, data + 1, size - 1);
	if (data[0] & 1)
		exchanges(exact, size - 1);
	else
		answers(exact, size - 1);
	free(exact);
	return 0;
}
