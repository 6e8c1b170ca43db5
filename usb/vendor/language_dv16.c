/*
 * language_dv16: the DV16 family's vendor commands, sent over bulk-only transport.
 *
 * Acts over the bytes of dv16.h; called by unlock.c. It sends the commands of that table, nothing
 * else, and none of them to a disk whose INQUIRY does not name the family. The camera itself checks no password: see dv16_pin_is.
 */
#include "dv16.h"
#include "unlock.h"

#include <errno.h>
#include <string.h>

/* One command of the table, and the status that the vendor asks for behind it. */
static int ask(struct locked *l, enum dv16_command command, uint8_t *data, uint32_t *moved)
{
	const struct dv16_step *step = dv16_step(command);
	uint8_t cdb[DV16_CDB_BYTES], status[4] = { 0 };
	uint32_t came = 0;
	int r;

	*moved = 0;
	dv16_cdb(step, cdb);
	r = locked_command(l, cdb, sizeof(cdb), data, step->bytes, step->in, moved);
	if (r < 0 || !step->asked)
		return r;
	dv16_cdb(dv16_step(DV16_GET_RETURN_STATUS), cdb);
	r = locked_command(l, cdb, sizeof(cdb), status, sizeof(status), true, &came);
	if (r < 0)
		return r;
	return dv16_status_is_ok(status, came) ? 0 : -EREMOTEIO;
}

/* Not so much for the PIN as for the vendor's order of things: see dv16_pin_is. */
static int log_in(struct locked *l)
{
	uint8_t told[DV16_DATA_MAX] = { 0 };
	uint32_t moved;
	int r;

	if (l->pin_state == PIN_UNTRIED) {
		r = ask(l, DV16_GET_PASSWORD, told, &moved);
		if (r == 0)
			l->pin_state = dv16_pin_is(told, moved, locked_pin(l, DV16_PIN)) ?
			    PIN_RIGHT :
			    PIN_WRONG;
		explicit_bzero(told, sizeof(told));
		if (r < 0)
			return r;
	}
	return l->pin_state == PIN_RIGHT ? 0 : -EACCES;
}

static int meet(struct locked *l)
{
	uint8_t data[DV16_DATA_MAX] = { 0 };
	struct vendor_facts facts;
	uint32_t moved;
	int r;

	/* any other disk is never sent an opcode that its standard does not know */
	if (!l->bot_up || !l->family)
		return -ENOTSUP;
	r = ask(l, DV16_INIT, data, &moved);
	if (r == 0)
		r = ask(l, DV16_GET_ID_CODE, data, &moved);
	if (r == -ENODEV)
		return r;
	return r < 0 || !dv16_id_code_read(data, moved, &facts) ? -ENOTSUP : 0;
}

static int facts(struct locked *l, struct vendor_facts *out)
{
	uint8_t data[DV16_DATA_MAX] = { 0 };
	uint32_t moved;
	int r = ask(l, DV16_GET_ID_CODE, data, &moved);

	if (r == 0)
		dv16_id_code_read(data, moved, out);
	if (r == 0 || r == -EREMOTEIO)
		r = ask(l, DV16_GET_DEV_INFO, data, &moved);
	if (r == 0)
		dv16_info_read(data, moved, out);
	explicit_bzero(data, sizeof(data)); /* names */
	if (r == 0 || r == -EREMOTEIO)
		r = ask(l, DV16_READ_BATTERY, data, &moved);
	if (r == 0)
		out->battery_percent = dv16_battery_read(data, moved);
	return r == -EREMOTEIO ? 0 : r;
}

static int set_clock(struct locked *l, int64_t clock_s)
{
	uint8_t data[DV16_DATA_MAX] = { 0 };
	uint32_t moved;
	int r = log_in(l);

	if (r == 0 && !dv16_time_put(data, clock_s))
		r = -EINVAL;
	return r < 0 ? r : ask(l, DV16_SYNC_DEV_TIME, data, &moved);
}

/* Read, changed, written: what else stands in the block stays as it is on the camera. */
static int set_owner(struct locked *l, const char *officer, const char *unit)
{
	uint8_t block[DV16_DATA_MAX] = { 0 };
	uint32_t moved = 0;
	int r = log_in(l);

	if (r == 0)
		r = ask(l, DV16_GET_DEV_INFO, block, &moved);
	if (r == 0 && moved != DV16_INFO_BYTES)
		r = -EPROTO;
	if (r == 0 && !dv16_info_put(block, officer, unit))
		r = -EINVAL;
	if (r == 0)
		r = ask(l, DV16_WRITE_DEV_INFO, block, &moved);
	explicit_bzero(block, sizeof(block));
	return r;
}

static int unlock(struct locked *l)
{
	uint8_t data[DV16_DATA_MAX] = { 0 };
	uint32_t moved = 0;
	int r = log_in(l);

	if (r < 0)
		return r;
	r = ask(l, DV16_GET_SD_STATUS, data, &moved);
	if (r == 0 && !dv16_has_card(data, moved))
		return -ENOMEDIUM;
	if (r < 0 && r != -EREMOTEIO)
		return r;
	r = ask(l, DV16_SET_MSDC, data, &moved);
	if (r < 0)
		return r;
	/* Ours: where it is still there, it may say that it did not like it. Gone is as it should be. */
	r = ask(l, DV16_GET_RETURN_STATUS, data, &moved);
	return r == 0 && moved > 0 && !dv16_status_is_ok(data, moved) ? -EREMOTEIO : 0;
}

const struct language dv16_language = {
	.id = UNLOCK_DV16,
	.sets_clock = true,
	.sets_owner = true,
	.meet = meet,
	.facts = facts,
	.set_clock = set_clock,
	.set_owner = set_owner,
	.unlock = unlock,
};
