/*
 * ptp: the Picture Transfer Protocol and its MTP extension as bytes in, structs out.
 *
 * Owns containers, datasets, strings, times and property lists. Called by the PTP driver and by the
 * fuzzers. Pure: it never does I/O, never allocates, never asserts; every count and length in what
 * it reads is taken as hostile. Sources: ISO 15740 (PTP), USB Still Image Capture Device
 * Definition 1.0, Media Transfer Protocol 1.1 (USB-IF), Android's MTP extensions.
 */
#ifndef DOCKD_PTP_H
#define DOCKD_PTP_H

#include "../../dockd/base/buf.h"

#define PTP_HEAD_BYTES 12
#define PTP_PARAMS 5
#define PTP_COMMAND_MAX (PTP_HEAD_BYTES + 4 * PTP_PARAMS)
#define PTP_LENGTH_UNKNOWN 0xFFFFFFFFu /* 4 GiB or more: a short packet ends it (Still Image D.7) */
#define PTP_TEXT_LEN 768               /* 255 UTF-16 units are at most 765 bytes of UTF-8 */
#define PTP_CODES_MAX 512
#define PTP_NO_TIME INT64_MIN

enum ptp_container { PTP_COMMAND = 1, PTP_DATA, PTP_RESPONSE, PTP_EVENT };

enum ptp_operation {
	PTP_GET_DEVICE_INFO = 0x1001,
	PTP_OPEN_SESSION = 0x1002,
	PTP_CLOSE_SESSION = 0x1003,
	PTP_GET_STORAGE_IDS = 0x1004,
	PTP_GET_STORAGE_INFO = 0x1005,
	PTP_GET_OBJECT_HANDLES = 0x1007,
	PTP_GET_OBJECT_INFO = 0x1008,
	PTP_GET_OBJECT = 0x1009,
	PTP_DELETE_OBJECT = 0x100B,
	PTP_GET_PROP_DESC = 0x1014,
	PTP_GET_PROP_VALUE = 0x1015,
	PTP_SET_PROP_VALUE = 0x1016,
	PTP_GET_PARTIAL = 0x101B,
	PTP_GET_PARTIAL64 = 0x95C1,
	PTP_GET_OBJECT_PROP_VALUE = 0x9803,
	PTP_GET_OBJECT_PROP_LIST = 0x9805,
};

enum ptp_response {
	PTP_OK = 0x2001,
	PTP_GENERAL_ERROR = 0x2002,
	PTP_OPERATION_NOT_SUPPORTED = 0x2005,
	PTP_PARAMETER_NOT_SUPPORTED = 0x2006,
	PTP_INCOMPLETE_TRANSFER = 0x2007,
	PTP_INVALID_HANDLE = 0x2009,
	PTP_DEVICE_BUSY = 0x2019,
	PTP_SESSION_ALREADY_OPEN = 0x201E,
};

enum ptp_property {
	PTP_PROP_BATTERY = 0x5001,
	PTP_PROP_CLOCK = 0x5011,
	PTP_OBJECT_STORAGE = 0xDC01,
	PTP_OBJECT_FORMAT = 0xDC02,
	PTP_OBJECT_PROTECTION = 0xDC03,
	PTP_OBJECT_SIZE = 0xDC04,
	PTP_OBJECT_NAME = 0xDC07,
	PTP_OBJECT_CREATED = 0xDC08,
	PTP_OBJECT_MODIFIED = 0xDC09,
};

#define PTP_FORMAT_FOLDER 0x3001u
#define PTP_ROOT 0xFFFFFFFFu
#define PTP_SIZE_UNKNOWN 0xFFFFFFFFu /* ObjectInfo: 4 GiB - 1 or more */

/* Class requests of the Still Image class, recipient interface. */
#define PTP_REQUEST_CANCEL 0x64
#define PTP_REQUEST_RESET 0x66
#define PTP_REQUEST_STATUS 0x67

struct ptp_head {
	uint32_t length; /* as claimed, PTP_LENGTH_UNKNOWN included */
	uint16_t type;
	uint16_t code;
	uint32_t transaction;
};

struct ptp_device {
	uint32_t vendor_extension;
	char extension[PTP_TEXT_LEN];
	uint16_t operations[PTP_CODES_MAX];
	uint16_t properties[PTP_CODES_MAX];
	unsigned operation_count, property_count;
	char manufacturer[PTP_TEXT_LEN];
	char model[PTP_TEXT_LEN];
	char firmware[PTP_TEXT_LEN];
	char serial[PTP_TEXT_LEN];
};

struct ptp_storage {
	uint64_t capacity_bytes; /* UINT64_MAX: not told */
	uint64_t free_bytes;
};

struct ptp_object {
	uint32_t storage;
	uint16_t format;
	uint16_t protection;
	uint64_t size_bytes;
	uint32_t parent;
	int64_t mtime_s; /* modification, else capture; PTP_NO_TIME where neither is plausible */
	bool name_odd;   /* broken UTF-16, or NUL inside */
	char name[PTP_TEXT_LEN];
};

/* One element of an ObjectPropList. */
struct ptp_element {
	uint32_t handle;
	uint16_t property;
	uint64_t number; /* of integer types; the low 64 bits of 128 */
	bool is_text;
	bool text_odd;
	char text[PTP_TEXT_LEN];
};

/* Writes a command container for n parameters; its length in bytes. n is at most PTP_PARAMS. */
size_t ptp_command(uint8_t out[PTP_COMMAND_MAX], uint16_t code, uint32_t transaction,
    const uint32_t *params, unsigned n);

/* Writes the head of a data container that carries payload_bytes. */
void ptp_data_head(
    uint8_t out[PTP_HEAD_BYTES], uint16_t code, uint32_t transaction, uint32_t payload_bytes);

/* Reads a container's head. false where there are fewer than 12 bytes. */
bool ptp_head_read(struct buf *b, struct ptp_head *out);

/*
 * Reads a PTP string (count, then UTF-16LE) as UTF-8, trailing NULs cut, into at least PTP_TEXT_LEN
 * bytes. Broken UTF-16 becomes U+FFFD; a NUL inside becomes U+FFFD; both make *odd true (odd may be
 * NULL). Past the end: b->broken and "".
 */
void ptp_text(struct buf *b, char *out, bool *odd);

/* Writes ASCII text as a PTP string. Its length in bytes, or 0 where it does not fit. */
size_t ptp_text_write(uint8_t *out, size_t room, const char *ascii);

/*
 * "YYYYMMDDThhmmss", then anything (fraction, Z, +hhmm): the clock face as seconds since 1970 read
 * as UTC; PTP_NO_TIME where it is no date. *tail, if not NULL, points behind the seconds.
 */
int64_t ptp_time(const char *text, const char **tail);

/* The other way: at least 16 bytes of out. false outside the years 1900 to 9999. */
bool ptp_time_write(int64_t time_s, char *out, size_t room);

/* The datasets. false where the bytes end too early; what was read is then void. */
bool ptp_device_read(const uint8_t *bytes, size_t len, struct ptp_device *out);
bool ptp_storage_read(const uint8_t *bytes, size_t len, struct ptp_storage *out);
bool ptp_object_read(const uint8_t *bytes, size_t len, struct ptp_object *out);

bool ptp_device_can(const struct ptp_device *d, uint16_t operation);
bool ptp_device_has(const struct ptp_device *d, uint16_t property);

/* An array of u32: the number claimed, cut to what is there and to max; -1 where no count is. */
long ptp_array_read(const uint8_t *bytes, size_t len, uint32_t *out, size_t max);

/* DevicePropDesc: whether the property may be set. false also where it ends too early. */
bool ptp_prop_settable(const uint8_t *bytes, size_t len);

/*
 * The next element of an ObjectPropList whose count has been read. false where it ends too early or
 * holds a type that is not known (b->broken).
 */
bool ptp_element_read(struct buf *b, struct ptp_element *out);

/*
 * Puts one object together from the elements for this handle that come next in a list of which
 * *left elements are left. false where there are none, or name, size or format are not among them.
 */
bool ptp_object_from_list(struct buf *b, uint32_t *left, uint32_t handle, struct ptp_object *out);

#endif
