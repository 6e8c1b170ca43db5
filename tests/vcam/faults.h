/*
 * faults: what a simulated camera can be told to do wrong, by name.
 *
 * Owns the list of faults in force. The table in faults.c names every one with its parameters, and
 * `vcam --faults` prints it, so that a test can go through them all. Each is asked for at the one
 * place of the simulator that carries it out.
 */
#ifndef VCAM_FAULTS_H
#define VCAM_FAULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum fault_kind {
	/* at a byte of an object's payload */
	HURT_UNPLUG,
	HURT_STALL,
	HURT_SILENT,
	HURT_SHORT,
	HURT_ZERO_FILLED,
	HURT_GROW,
	HURT_VANISH,
	HURT_CHANGE,
	/* the shape of data and response phases */
	HURT_OTHER_BYTES,
	HURT_MISSING_ZLP,
	HURT_SURPLUS_ZLP,
	HURT_SURPLUS_BYTE,
	HURT_SPLIT_HEADER,
	HURT_WRONG_TRANSACTION,
	HURT_WRONG_RESPONSE,
	HURT_WRONG_TYPE,
	HURT_CONTAINER_LENGTH,
	HURT_JUNK,
	HURT_PARTIAL_LIES,
	HURT_SLOW,
	/* at an operation */
	HURT_UNPLUG_AT_OP,
	HURT_STALL_AT_OP,
	HURT_SILENT_AT_OP,
	HURT_OPEN_SILENT,
	HURT_NO_CANCEL,
	HURT_NO_RESET,
	/* datasets */
	HURT_INFO_SIZE,
	HURT_STRING_PAST_END,
	HURT_ARRAY_COUNT,
	HURT_NO_TIME,
	HURT_HANDLES_CHANGE,
	/* the tree */
	HURT_ENDLESS_LISTING,
	HURT_SELF_FOLDER,
	HURT_PARENT_CYCLE,
	HURT_MANY_OBJECTS,
	HURT_HOSTILE_NAMES,
	HURT_DUPLICATE_NAMES,
	/* deleting */
	HURT_DELETE_REFUSED,
	HURT_DELETE_LIES,
	HURT_DELETE_VANISHED,
	/* who it says it is */
	HURT_CLOCK_1970,
	HURT_CLOCK_NONE,
	HURT_NO_SERIAL,
	HURT_SERIAL,
	HURT_EVENT_FLOOD,
	/* configuration descriptor, from the next connection on */
	HURT_NO_ENDPOINTS,
	HURT_ENDPOINT_COUNT,
	HURT_LONG_DESCRIPTOR,
	HURT_PACKET_ZERO,
	HURT_PACKET_HUGE,
	HURT_BABBLE,
	HURT_TOTAL_LENGTH,
	/* bulk-only transport */
	HURT_BOT_RESIDUE,
	HURT_BOT_PHASE,
	HURT_BOT_SIGNATURE,
	HURT_BOT_TAG,
	HURT_BOT_STALL_CSW,
	HURT_BOT_NO_CSW,
	HURT_BOT_MERGED,
	HURT_BOT_MAX_LUN,
	/* SCSI */
	HURT_SCSI_INQUIRY,
	HURT_SCSI_BECOMING_READY,
	HURT_SCSI_ATTENTION,
	HURT_SCSI_SENSE,
	HURT_SCSI_CAPACITY,
	HURT_SCSI_BLOCK,
	HURT_SCSI_MAX_READ,
	HURT_SCSI_MEDIUM_ERROR,
	HURT_DISK_UNSTABLE,
	/* vendor languages */
	HURT_UNLOCK_REFUSED,
	HURT_UNLOCK_STATUS,
	HURT_UNLOCK_SHORT,
	HURT_UNLOCK_GARBAGE,
	HURT_UNLOCK_SILENT,
	HURT_UNLOCK_BATTERY,
	HURT_KINDS,
};

struct fault {
	enum fault_kind kind;
	char *object;   /* fnmatch(3) pattern on the object's path, or NULL = any */
	uint64_t at;    /* byte of the object */
	uint32_t op;    /* operation code, 0 = any */
	uint32_t count; /* times left */
	int64_t value;
	char text[128];
};

struct faults {
	struct fault *list;
	size_t n;
	uint64_t fired[HURT_KINDS];
};

/* The name in the table. */
const char *fault_name(enum fault_kind kind);

/*
 * Adds a fault by its name and n "key=value" words (object at op count value text). Returns it
 * (good until the next call) or NULL: *why says what is wrong.
 */
struct fault *faults_add(
    struct faults *f, const char *name, char *const *words, size_t n, const char **why);

void faults_clear(struct faults *f);

/* The first one in force of this kind for operation op (0 = do not ask) and path (NULL = same). */
struct fault *faults_find(struct faults *f, enum fault_kind kind, uint32_t op, const char *path);

/* The payload fault in force that is due first at or after byte from and before to; NULL: none. */
struct fault *faults_due(struct faults *f, const char *path, uint64_t from, uint64_t to);

/* As faults_find, and counts it as carried out. */
struct fault *faults_take(struct faults *f, enum fault_kind kind, uint32_t op, const char *path);

/* Counts one as carried out. */
void faults_fire(struct faults *f, struct fault *fault);

/* Prints the table as JSON. */
void faults_print(void);

#endif
