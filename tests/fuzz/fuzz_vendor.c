/*
 * fuzz_vendor: every answer of every vendor's language. The first byte says which one the rest is
 * an answer in; what comes out must be text that ends, and hold no more than ids.
 */
#include "../../dockd/base/proto.h"
#include "../../usb/vendor/ambarella.h"
#include "../../usb/vendor/dv16.h"

#include <stdlib.h>
#include <string.h>

static void check(const struct vendor_facts *f)
{
	if (strnlen(f->camera, sizeof(f->camera)) == sizeof(f->camera) ||
	    strnlen(f->officer, sizeof(f->officer)) == sizeof(f->officer) ||
	    strnlen(f->unit, sizeof(f->unit)) == sizeof(f->unit) ||
	    strnlen(f->model, sizeof(f->model)) == sizeof(f->model) || f->battery_percent > 100)
		abort();
	for (const char *p = f->camera; *p; p++) {
		if (*p < 0x20 || *p > 0x7e)
			abort();
	}
}

static void dv16(const uint8_t *bytes, size_t len, struct vendor_facts *f)
{
	uint8_t block[DV16_INFO_BYTES], before[DV16_INFO_BYTES];

	dv16_info_read(bytes, len, f);
	dv16_id_code_read(bytes, len, f);
	f->battery_percent = dv16_battery_read(bytes, len);
	dv16_status_is_ok(bytes, len);
	dv16_has_card(bytes, len);
	dv16_pin_is(bytes, len, DV16_PIN);
	if (len < sizeof(block))
		return;
	memcpy(block, bytes, sizeof(block));
	memcpy(before, bytes, sizeof(before));
	if (dv16_info_put(block, "817", "U-7") &&
	    (memcmp(block, before, 7) != 0 || memcmp(block + 13, before + 13, 32) != 0 ||
		memcmp(block + 57, before + 57, 32) != 0))
		abort(); /* the rest of the block stays */
}

static void block(const uint8_t *bytes, size_t got, struct vendor_facts *f)
{
	const uint8_t *data;
	struct vendor_time t;
	size_t len;
	int64_t s;

	data = amba_block_answer(bytes, got, &len);
	if (!data)
		return;
	amba_block_is_ping(data, len);
	f->battery_percent = amba_block_battery(data, len);
	amba_block_ids_read(data, len, f);
	s = amba_block_time(data, len);
	if (s != PROTO_NO_TIME && (!vendor_time(s, &t) || vendor_time_s(&t) != s))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct vendor_facts f = { .battery_percent = -1 };

	if (len < 1)
		return 0;
	switch (bytes[0] % 4) {
	case 0:
		dv16(bytes + 1, len - 1, &f);
		break;
	case 1:
		amba_request_answer(bytes + 1, len - 1);
		break;
	case 2:
		block(bytes + 1, len - 1, &f);
		break;
	case 3:
		amba_text_login_answer(bytes + 1, len - 1);
		amba_text_is_done(bytes + 1, len - 1, AMBA_TEXT_ATH);
		amba_text_id(bytes + 1, len - 1, &f);
		break;
	}
	check(&f);
	return 0;
}
