#include "faults.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* params: what is read; a word with '!' must be given. count 0 = for good. */
static const struct {
	const char *name, *params, *what;
	uint32_t count;
} table[HURT_KINDS] = {
	[HURT_UNPLUG] = { "unplug", "object at! count", "pulled out after exactly so many bytes",
	    1 },
	[HURT_STALL] = { "stall", "object at! count", "bulk-in halts at the packet of this byte",
	    1 },
	[HURT_SILENT] = { "silent", "object at! text count",
	    "no answer from this byte on until text=request|reset|unplug (unplug)", 1 },
	[HURT_SHORT] = { "short-data", "object at! count", "data end here, response OK", 1 },
	[HURT_ZERO_FILLED] = { "zero-filled", "object at! count",
	    "zeros from here on, response 0x2007 IncompleteTransfer", 1 },
	[HURT_GROW] = { "grow", "object at! value count", "grows by value bytes while read", 1 },
	[HURT_VANISH] = { "vanish", "object at! count", "object goes while it is read", 1 },
	[HURT_CHANGE] = { "change", "object at! count", "other bytes and time from here on", 1 },
	[HURT_OTHER_BYTES] = { "other-bytes", "object",
	    "other bytes wherever something is read again", 0 },
	[HURT_MISSING_ZLP] = { "missing-zlp", "op count", "no zero-length packet where due", 0 },
	[HURT_SURPLUS_ZLP] = { "surplus-zlp", "op count", "a zero-length packet too many", 0 },
	[HURT_SURPLUS_BYTE] = { "surplus-byte", "op count", "one byte for the zero-length packet",
	    0 },
	[HURT_SPLIT_HEADER] = { "split-header", "op count", "container head as a packet of its own",
	    0 },
	[HURT_WRONG_TRANSACTION] = { "wrong-transaction", "op text count",
	    "another transaction id; text=data|response (both)", 1 },
	[HURT_WRONG_RESPONSE] = { "wrong-response", "op value! count",
	    "this response code, no data phase", 1 },
	[HURT_WRONG_TYPE] = { "wrong-type", "op text value count",
	    "container type value (7); text=data|response (both)", 1 },
	[HURT_CONTAINER_LENGTH] = { "container-length", "op text value! count",
	    "container length off by value; text=data|response (both)", 1 },
	[HURT_JUNK] = { "junk", "op value! count", "value short junk containers first", 1 },
	[HURT_PARTIAL_LIES] = { "partial-lies", "value count",
	    "partial reads answer a byte count off by value (4096)", 1 },
	[HURT_SLOW] = { "slow", "op value!", "data phases at value bytes a second", 0 },
	[HURT_UNPLUG_AT_OP] = { "unplug-at-op", "op! count", "pulled out as this command comes",
	    1 },
	[HURT_STALL_AT_OP] = { "stall-at-op", "op! count", "both bulk pipes halt at this command",
	    1 },
	[HURT_SILENT_AT_OP] = { "silent-at-op", "op! text count",
	    "no answer from this command on until text=request|reset|unplug (unplug)", 1 },
	[HURT_OPEN_SILENT] = { "open-silent", "text",
	    "OpenSession is not answered until text=request|reset (request)", 1 },
	[HURT_NO_CANCEL] = { "no-cancel", "", "class request 0x64 stalls", 0 },
	[HURT_NO_RESET] = { "no-reset", "", "class request 0x66 stalls", 0 },
	[HURT_INFO_SIZE] = { "info-size", "object value! count", "size told is off by value", 0 },
	[HURT_STRING_PAST_END] = { "string-past-end", "op! count",
	    "last string of the dataset says 255 units", 0 },
	[HURT_ARRAY_COUNT] = { "array-count", "op! value count",
	    "first count of the dataset is value (0xFFFFFFFF)", 0 },
	[HURT_NO_TIME] = { "no-time", "object", "no modification time", 0 },
	[HURT_HANDLES_CHANGE] = { "handles-change", "", "other handles in each session", 0 },
	[HURT_ENDLESS_LISTING] = { "endless-listing", "", "a folder that always has more", 0 },
	[HURT_SELF_FOLDER] = { "self-folder", "", "a folder that contains itself", 0 },
	[HURT_PARENT_CYCLE] = { "parent-cycle", "", "two folders that contain each other", 0 },
	[HURT_MANY_OBJECTS] = { "many-objects", "value", "value (200000) objects in a folder", 0 },
	[HURT_HOSTILE_NAMES] = { "hostile-names", "", "names that are paths, empty, ill-formed",
	    0 },
	[HURT_DUPLICATE_NAMES] = { "duplicate-names", "", "three objects of one name", 0 },
	[HURT_DELETE_REFUSED] = { "delete-refused", "object value count",
	    "DeleteObject answers value (0x200F), object stays", 0 },
	[HURT_DELETE_LIES] = { "delete-lies", "object count", "DeleteObject says OK, object stays",
	    0 },
	[HURT_DELETE_VANISHED] = { "delete-vanished", "object count",
	    "gone by itself as DeleteObject comes", 1 },
	[HURT_CLOCK_1970] = { "clock-1970", "", "clock and new times start at 1970", 0 },
	[HURT_CLOCK_NONE] = { "clock-none", "", "no clock property", 0 },
	[HURT_NO_SERIAL] = { "no-serial", "", "no USB and no MTP serial, from the next plug on",
	    0 },
	[HURT_SERIAL] = { "serial", "text!", "this serial, from the next plug on", 0 },
	[HURT_EVENT_FLOOD] = { "event-flood", "value", "value (100000) events", 1 },
	[HURT_NO_ENDPOINTS] = { "no-endpoints", "", "interface without endpoints", 0 },
	[HURT_ENDPOINT_COUNT] = { "endpoint-count", "value", "bNumEndpoints = value (30)", 0 },
	[HURT_LONG_DESCRIPTOR] = { "long-descriptor", "", "a class descriptor longer than the rest",
	    0 },
	[HURT_PACKET_ZERO] = { "packet-zero", "", "wMaxPacketSize 0", 0 },
	[HURT_PACKET_HUGE] = { "packet-huge", "", "wMaxPacketSize 0xFFFF", 0 },
	[HURT_BABBLE] = { "babble", "", "says packets of 64, sends larger ones", 0 },
	[HURT_TOTAL_LENGTH] = { "total-length", "", "wTotalLength 0xFFFF", 0 },
	[HURT_BOT_RESIDUE] = { "bot-residue", "op value! count", "the CSW says this residue", 0 },
	[HURT_BOT_PHASE] = { "bot-phase", "op count", "the CSW says phase error", 1 },
	[HURT_BOT_SIGNATURE] = { "bot-signature", "op count", "the CSW has another signature", 1 },
	[HURT_BOT_TAG] = { "bot-tag", "op count", "the CSW has another tag", 1 },
	[HURT_BOT_STALL_CSW] = { "bot-stall-csw", "op count", "bulk-in halts before the CSW", 1 },
	[HURT_BOT_NO_CSW] = { "bot-no-csw", "op count",
	    "no CSW, and silence until a reset of any kind", 1 },
	[HURT_BOT_MERGED] = { "bot-merged", "op count",
	    "CSW in the packet in which data end that are no payload", 0 },
	[HURT_BOT_MAX_LUN] = { "bot-max-lun", "value! count",
	    "Get Max LUN says value; -1: it stalls", 0 },
	[HURT_SCSI_INQUIRY] = { "scsi-inquiry", "object value text count",
	    "INQUIRY is value (5) bytes long; text=garbage: 36 bytes ff", 0 },
	[HURT_SCSI_BECOMING_READY] = { "scsi-becoming-ready", "object op count",
	    "2/04/01 to what needs a medium", 0 },
	[HURT_SCSI_ATTENTION] = { "scsi-attention", "object op count", "UNIT ATTENTION 6/28/00",
	    0 },
	[HURT_SCSI_SENSE] = { "scsi-sense", "object op! value! count",
	    "fails with sense value 0xKKAAQQ", 1 },
	[HURT_SCSI_CAPACITY] = { "scsi-capacity", "object value! count",
	    "capacity told is value blocks", 0 },
	[HURT_SCSI_BLOCK] = { "scsi-block", "object value! count", "block size told is value", 0 },
	[HURT_SCSI_MAX_READ] = { "scsi-max-read", "object value! count",
	    "READ of more than value bytes: 5/24/00", 0 },
	[HURT_SCSI_MEDIUM_ERROR] = { "scsi-medium-error", "object at! value count",
	    "value (512) bytes from at on cannot be read: 3/11/00", 0 },
	[HURT_DISK_UNSTABLE] = { "disk-unstable", "object at! value count",
	    "value (512) bytes from at on are others when read again", 0 },
	[HURT_UNLOCK_REFUSED] = { "unlock-refused", "count", "disk mode is refused", 0 },
	[HURT_UNLOCK_STATUS] = { "unlock-status", "op value! count",
	    "dv16: status value after vendor command op", 0 },
	[HURT_UNLOCK_SHORT] = { "unlock-short", "op count", "half of a vendor's answer", 1 },
	[HURT_UNLOCK_GARBAGE] = { "unlock-garbage", "op count", "a vendor's answer is bytes ff",
	    1 },
	[HURT_UNLOCK_SILENT] = { "unlock-silent", "count", "Ambarella: no answer to vendor words",
	    0 },
	[HURT_UNLOCK_BATTERY] = { "unlock-battery", "value! count", "battery told is value", 0 },
};

const char *fault_name(enum fault_kind kind)
{
	return table[kind].name;
}

static bool wants(const char *params, const char *key, bool must)
{
	size_t len = strlen(key);

	for (const char *p = strstr(params, key); p; p = strstr(p + 1, key)) {
		char after = p[len];

		if ((p == params || p[-1] == ' ') && (after == ' ' || !after || after == '!'))
			return !must || after == '!';
	}
	return false;
}

/* One "key=value" word into f; given collects which were there. */
static int read_word(struct fault *f, const char *params, char *word, const char **why)
{
	char *eq = strchr(word, '=');
	char *end = NULL;
	int r = 0;

	*why = "words are key=value, with the keys that this fault reads";
	if (!eq)
		return -EINVAL;
	*eq = '\0';
	if (!wants(params, word, false) && strcmp(word, "count") != 0) {
		r = -EINVAL;
	} else if (strcmp(word, "object") == 0) {
		f->object = strdup(eq + 1);
	} else if (strcmp(word, "text") == 0) {
		snprintf(f->text, sizeof(f->text), "%s", eq + 1);
	} else if (strcmp(word, "at") == 0) {
		f->at = strtoull(eq + 1, &end, 0);
	} else if (strcmp(word, "op") == 0) {
		f->op = (uint32_t)strtoul(eq + 1, &end, 0);
	} else if (strcmp(word, "count") == 0) {
		f->count = (uint32_t)strtoul(eq + 1, &end, 0);
	} else {
		f->value = strtoll(eq + 1, &end, 0);
	}
	if (end && (*end || end == eq + 1)) {
		*why = "not a number";
		r = -EINVAL;
	}
	*eq = '=';
	return r;
}

static bool all_given(const char *params, char *const *words, size_t n)
{
	static const char *const keys[] = { "object", "at", "op", "count", "value", "text" };

	for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++) {
		size_t len = strlen(keys[k]);
		bool found = !wants(params, keys[k], true);

		for (size_t i = 0; i < n && !found; i++)
			found = strncmp(words[i], keys[k], len) == 0 && words[i][len] == '=';
		if (!found)
			return false;
	}
	return true;
}

static int64_t usual_value(enum fault_kind kind)
{
	if (kind == HURT_GROW || kind == HURT_PARTIAL_LIES)
		return 4096;
	if (kind == HURT_WRONG_TYPE)
		return 7;
	if (kind == HURT_MANY_OBJECTS)
		return 200000;
	if (kind == HURT_EVENT_FLOOD)
		return 100000;
	if (kind == HURT_SCSI_INQUIRY)
		return 5;
	if (kind == HURT_SCSI_MEDIUM_ERROR || kind == HURT_DISK_UNSTABLE)
		return 512;
	if (kind == HURT_ENDPOINT_COUNT)
		return 30;
	if (kind == HURT_DELETE_REFUSED)
		return 0x200f; /* Access_Denied */
	return kind == HURT_ARRAY_COUNT ? 0xffffffff : 0;
}

struct fault *faults_add(
    struct faults *f, const char *name, char *const *words, size_t n, const char **why)
{
	struct fault new = { 0 };
	unsigned kind = 0;

	while (kind < HURT_KINDS && strcmp(table[kind].name, name) != 0)
		kind++;
	*why = "no such fault";
	if (kind == HURT_KINDS)
		return NULL;
	new.kind = (enum fault_kind)kind;
	new.count = table[kind].count ? table[kind].count : UINT32_MAX;
	new.value = usual_value(new.kind);
	for (size_t i = 0; i < n; i++) {
		if (read_word(&new, table[kind].params, words[i], why) < 0) {
			free(new.object);
			return NULL;
		}
	}
	*why = "a word that must be given lacks";
	if (!all_given(table[kind].params, words, n)) {
		free(new.object);
		return NULL;
	}
	f->list = realloc(f->list, (f->n + 1) * sizeof(*f->list));
	if (!f->list)
		abort();
	f->list[f->n] = new;
	return &f->list[f->n++];
}

void faults_clear(struct faults *f)
{
	for (size_t i = 0; i < f->n; i++)
		free(f->list[i].object);
	f->n = 0;
}

static bool fits(const struct fault *f, uint32_t op, const char *path)
{
	return f->count > 0 && (!f->op || !op || f->op == op) &&
	    (!f->object || (path && fnmatch(f->object, path, 0) == 0));
}

struct fault *faults_find(struct faults *f, enum fault_kind kind, uint32_t op, const char *path)
{
	for (size_t i = 0; i < f->n; i++) {
		if (f->list[i].kind == kind && fits(&f->list[i], op, path))
			return &f->list[i];
	}
	return NULL;
}

struct fault *faults_due(struct faults *f, const char *path, uint64_t from, uint64_t to)
{
	struct fault *due = NULL;

	for (size_t i = 0; i < f->n; i++) {
		struct fault *x = &f->list[i];

		if (x->kind <= HURT_CHANGE && fits(x, 0, path) && x->at >= from && x->at < to &&
		    (!due || x->at < due->at))
			due = x;
	}
	return due;
}

struct fault *faults_take(struct faults *f, enum fault_kind kind, uint32_t op, const char *path)
{
	struct fault *found = faults_find(f, kind, op, path);

	if (found)
		faults_fire(f, found);
	return found;
}

void faults_fire(struct faults *f, struct fault *fault)
{
	f->fired[fault->kind]++;
	if (fault->count != UINT32_MAX)
		fault->count--;
}

void faults_print(void)
{
	for (unsigned i = 0; i < HURT_KINDS; i++)
		printf("%s{\"name\": \"%s\", \"parameters\": \"%s\", \"what\": \"%s\"}%s\n",
		    i ? " " : "[", table[i].name, table[i].params, table[i].what,
		    i + 1 < HURT_KINDS ? "," : "]");
}
