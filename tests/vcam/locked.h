/*
 * locked: a camera that is no disk until its vendor's language has switched it to one.
 *
 * The languages are in LANGUAGES.md, with what is documented of them and what is not. Owns the
 * lock, the ids that can be read and written, and what the camera comes back as. It leaves the
 * bus and comes back by itself (vcam.c asks locked_left, and tells locked_plug).
 */
#ifndef VCAM_LOCKED_H
#define VCAM_LOCKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct responder;
struct camera;
struct answer;

enum language { SPEAKS_DV16 = 1, SPEAKS_REQUEST, SPEAKS_BLOCK, SPEAKS_TEXT };
enum others { OTHERS_STALL, OTHERS_SILENT, OTHERS_GARBAGE }; /* to words of another language */
enum comes_back { BACK_NEW_IDS, BACK_IN_PLACE, BACK_NEVER, BACK_LOCKED };

struct owner {
	char serial[10], user_no[9], user_name[36], unit_no[17], unit_name[33];
};

struct identity;

struct locked {
	enum language language;
	enum others others;
	enum comes_back comes_back;
	double late_s;
	char pin[33], admin[33], id[33];
	struct owner owner;
	bool card;      /* as GET_SD_STATUS says it */
	unsigned tries; /* wrong PINs that are answered, 0 = any number */
	unsigned wrong; /* of this plug-in */
	bool open;      /* it is a disk now */
	bool logged_in;
	bool leaving;   /* to come back as a disk */
	uint8_t status; /* dv16: what GET_RETURN_STATUS says */
	uint8_t reply[512];
	size_t reply_len;
	bool reply_leaves; /* once it has been read */
	int date[3];       /* of @Sdt, until @Stm comes */
	struct identity *face, *back;
	uint64_t logins, wrong_pins, unlocks, owner_writes, pin_reads;
};

/* Whether the camera is to be spoken to in a language that is not bulk-only transport. */
bool locked_speaks(const struct camera *c);

/* Whether it is a DV16 that has not been unlocked. */
bool locked_dv16(const struct camera *c);

/* A PIN: counted, compared. */
bool locked_login(struct locked *l, const char *pin, size_t len);

/* The vendor's clock command with the camera's clock face. False: no such time. */
bool locked_set_clock(struct camera *c, const int ymdhms[6]);

/* The switch: what "comes_back" says begins; r leaves at its own time. */
void locked_open(struct responder *r);

/* The plug is out. Seconds after which it comes back by itself, or -1. */
double locked_left(struct camera *c);

/* The plug goes in. by_itself: as what it left to become; else locked, as ever. */
void locked_plug(struct camera *c, bool by_itself);

/* ---- locked_dv16.c ---- */

/* A vendor's command in r->bot. False: it is none. */
bool dv16_run(struct responder *r, struct answer *a);
void dv16_data(struct responder *r, struct answer *a);

/* ---- locked_amba.c ---- */

/* One OUT transfer. 0, -EPIPE. */
int amba_out(struct responder *r, const uint8_t *data, size_t len);

/* A vendor request, as responder_control; -EAGAIN: it is never answered. */
int amba_control(
    struct responder *r, const uint8_t setup[8], uint8_t *data, size_t room, size_t *len);

#endif
