/*
 * proto_upload: what an uploader and the core say to each other.
 *
 * A destination's settings, a slot's life, receipts and failures. What holds for every message
 * is in proto.h.
 */
#ifndef DOCKD_PROTO_UPLOAD_H
#define DOCKD_PROTO_UPLOAD_H

#include "proto.h"

#define PROTO_SLOTS 16

/* Worst first: comparing numbers compares proof (DESIGN 6). */
enum receipt_level {
	LEVEL_NONE = 0,
	LEVEL_LOCAL, /* on the station's own disk: proves nothing */
	LEVEL_LENGTH,
	LEVEL_TRANSFER_DIGEST, /* checked in flight */
	LEVEL_STORED_DIGEST,   /* the server states SHA-256 of what it stored */
	LEVEL_READBACK,        /* fetched again and compared */
	LEVEL_SIGNED,
};

enum destination_driver { DESTINATION_DIR = 1, DESTINATION_TUS, DESTINATION_S3 };

#define DESTINATION_READ_BACK (1u << 0)     /* fetch it again after sending, and digest it */
#define DESTINATION_CHECKSUM (1u << 1)      /* use the checksum extension where advertised */
#define DESTINATION_OVERRIDE (1u << 2)      /* X-HTTP-Method-Override: PATCH by POST */
#define DESTINATION_RECEIPTS (1u << 3)      /* ask for a signed receipt when all is there */
#define DESTINATION_DISPOSE (1u << 4)       /* this store is ours to dispose of */
#define DESTINATION_STORED_DIGEST (1u << 5) /* ask for the SHA-256 of what is stored (RFC 9530) */
#define DESTINATION_PATH_STYLE (1u << 6)    /* s3: the bucket in the path, not in the host's name */

#define PROTO_RATES 12
#define PROTO_PINS 6
#define RATE_UNLIMITED UINT64_MAX

/* How much may be sent in these hours, by the station's local time; the first match counts. */
struct proto_rate {
	uint32_t days;                /* bit 0 Monday ... bit 6 Sunday; 0 ends the list */
	uint16_t from_min, until_min; /* of the day: from <= now < until; until at most 1440 */
	uint64_t bytes_per_s;         /* 0: nothing but what is expedited; RATE_UNLIMITED */
};
_Static_assert(sizeof(struct proto_rate) == 16, "crank PROTO_VERSION");

/* A public key that the server may have, and when. */
struct proto_pin {
	uint8_t sha256[PROTO_SHA256_LEN]; /* of its SubjectPublicKeyInfo; zeros end the list */
	int64_t from_s, until_s;          /* from <= now < until; PROTO_NO_TIME: open */
};
_Static_assert(sizeof(struct proto_pin) == 48, "crank PROTO_VERSION");

enum lock_mode { LOCK_NONE = 0, LOCK_GOVERNANCE, LOCK_COMPLIANCE };

/* What keeps it there beside a lock: the store itself, or stations of dockd among themselves. */
enum hold { HOLD_NONE = 0, HOLD_LEGAL, HOLD_MARK };

/*
 * What an uploader is told of its destination. Files of secrets are named, never their content; a
 * path, or "credential:NAME" for a file of that name in $CREDENTIALS_DIRECTORY (systemd.exec(5)).
 */
struct proto_destination {
	uint32_t driver; /* enum destination_driver */
	uint32_t flags;
	uint32_t slots;     /* 1..PROTO_SLOTS uploads at once */
	uint32_t stall_ms;  /* no body byte accepted for so long: cut and ask */
	uint32_t answer_ms; /* no answer after the body for so long: cut and ask */
	uint32_t tls_min;   /* 12, 13: TLS 1.2, TLS 1.3 */
	uint64_t chunk_min_bytes, chunk_max_bytes; /* tus: the window for adapting chunks */
	uint64_t part_bytes;                       /* s3: of one part, at least 5 MiB */
	uint64_t bytes_per_s;                      /* outside `rate`; RATE_UNLIMITED */
	uint32_t lock_mode;                        /* s3: enum lock_mode */
	uint32_t retain_days; /* s3: lock for so long where the class names no day to dispose by */
	struct proto_rate rate[PROTO_RATES];
	struct proto_pin pin[PROTO_PINS];
	char where[PROTO_ADDRESS_LEN]; /* tus: creation URL; dir: the folder; s3: the endpoint */
	char ca_file[256];             /* PEM; "" = system store */
	char certificate_file[256];    /* client certificate, PEM */
	char key_file[256];
	char headers_file[256]; /* further request headers (credentials), one a line */
	char receipt_path[64];  /* tus: appended to the upload's URL to GET its signed receipt */
	char find_path[128];    /* tus: where to ask for an asset before sending it; "" nowhere */
	char secrets_file[256]; /* s3: access key, secret key and session token */
	char proxy[256];        /* "http://HOST:PORT", "" none */
	char proxy_file[256];   /* "USER:PASSWORD" for it */
	char bucket[64];
	char prefix[128]; /* s3: in front of every key */
	char region[32];
};
_Static_assert(sizeof(struct proto_destination) == 3776, "crank PROTO_VERSION");

#define READY_CONFIRMS (1u << 0)  /* RECONFIRM can be answered */
#define READY_REMOVES (1u << 1)   /* REMOVE can be done */
#define READY_PRESERVES (1u << 2) /* PRESERVE can be done */
#define READY_ABANDONS (1u << 3)  /* ABANDON can be done */
#define READY_FINDS (1u << 4)     /* it is asked for an asset before that is sent */
#define READY_MARKS (1u << 5)     /* PRESERVE leaves a mark, and the store itself knows no hold */
#define READY_UNHEARD (1u << 6)   /* it has not answered yet: text says why */

struct proto_ready {
	int32_t status; /* 0, or -errno: this destination cannot work (text says why) */
	uint32_t level; /* best receipt level to expect */
	uint32_t can;   /* a set of READY_... */
	uint32_t pad;
	char text[PROTO_TEXT_LEN * 2];
	/*
	 * What it is, so that another one under the same name is noticed: "tus https://host/files",
	 * "s3 https://host bucket prefix", "dir MARKER"; "" not known yet.
	 */
	char identity[PROTO_ADDRESS_LEN + 256];
};
_Static_assert(sizeof(struct proto_ready) == 1552, "crank PROTO_VERSION");

enum certificate_which {
	CERTIFICATE_CLIENT = 1, /* of certificate-file */
	CERTIFICATE_CA,         /* of ca-file, the one that ends last */
	CERTIFICATE_SERVER,     /* its own, as shown in the last handshake, accepted or not */
};

struct proto_certificate {
	uint32_t which; /* enum certificate_which */
	uint32_t pad;
	int64_t not_before_s, not_after_s; /* UTC; 1950 to 9999 */
};
_Static_assert(sizeof(struct proto_certificate) == 24, "crank PROTO_VERSION");

struct proto_upload {
	uint64_t size_bytes;
	uint8_t sha256[PROTO_SHA256_LEN];
	int64_t recorded_s;   /* UTC, corrected by the measured offset, or PROTO_NO_TIME */
	int64_t dispose_by_s; /* by the retention class; PROTO_NO_TIME: never by age */
	uint32_t kind;        /* enum object_kind */
	uint32_t preserved;   /* 1: a preservation order covers it */
	uint32_t urgency;     /* 1: expedited: past the timetable, in front of all others */
	uint32_t pad;
	char class[PROTO_CLASS_LEN];
	char signature[PROTO_CLASS_LEN]; /* signature result at this time */
	char asset[PROTO_ID_LEN];        /* the same at every station: camera and digest */
	char camera[PROTO_TEXT_LEN + 4];
	char officer[PROTO_ID_TEXT_LEN]; /* to whom it is issued, as it told: ids; "" not told */
	char unit[PROTO_ID_TEXT_LEN];
	char name[PROTO_TEXT_LEN * 2];   /* last part of the camera's path, for people */
	char version[PROTO_TEXT_LEN];    /* of the receipt on record, "" none */
	char address[PROTO_ADDRESS_LEN]; /* from an earlier CREATED, "" = create */
};
_Static_assert(sizeof(struct proto_upload) == 1824, "crank PROTO_VERSION");

struct proto_address {
	int64_t
	    expires_s;  /* the server forgets what is not whole by then; PROTO_NO_TIME: no word */
	uint32_t found; /* 1: it was there before, by this station or by another */
	uint32_t pad;
	char address[PROTO_ADDRESS_LEN];
	char text[PROTO_TEXT_LEN]; /* why the old address was given up, "" if there was none */
};
_Static_assert(sizeof(struct proto_address) == 1168, "crank PROTO_VERSION");

struct proto_progress {
	uint64_t offset_bytes; /* the destination's own word */
	uint64_t sent_bytes;   /* body bytes handed over in this slot so far */
	int64_t expires_s;     /* as in proto_address */
};
_Static_assert(sizeof(struct proto_progress) == 24, "crank PROTO_VERSION");

struct proto_receipt {
	uint32_t level;                   /* enum receipt_level */
	uint32_t raw_len;                 /* bytes of raw */
	uint64_t length_bytes;            /* as the destination states or as read back */
	uint64_t sent_bytes;              /* body bytes handed over in this slot */
	uint8_t sha256[PROTO_SHA256_LEN]; /* read back, stated, or sent checked; LENGTH: zeros */
	char object[PROTO_ADDRESS_LEN];
	char version[PROTO_TEXT_LEN];
	int64_t retain_until_s; /* as the store states it of this version; PROTO_NO_TIME: no lock */
	uint32_t lock_mode;     /* enum lock_mode, as the store states it */
	uint32_t held;          /* enum hold, as the store states it */
	uint8_t raw[2048]; /* the server's own words, not parsed here; SIGNED: the whole note */
};
_Static_assert(sizeof(struct proto_receipt) == 3272, "crank PROTO_VERSION");

enum upload_failure {
	UPLOAD_LATER = 1,   /* passing: ask again after retry_after_ms or the core's back-off */
	UPLOAD_AWAY,        /* the destination as a whole is out of reach: one probe, not all */
	UPLOAD_REFUSED,     /* this asset is refused for good: a person must look */
	UPLOAD_DESTINATION, /* the destination refuses all (credentials, URL, TLS): a person */
	UPLOAD_SOURCE,      /* our own copy could not be read or does not match */
	UPLOAD_STOPPED,     /* STOP_UPLOAD was obeyed */
	UPLOAD_LOST,        /* RECONFIRM: it is not there */
	UPLOAD_DIFFERS,     /* RECONFIRM: what is there is not it */
	UPLOAD_CANNOT,      /* RECONFIRM, REMOVE: this destination offers no way */
};

struct proto_failed {
	uint32_t failure;        /* enum upload_failure */
	uint32_t http_status;    /* 0 where there was none */
	uint64_t retry_after_ms; /* 0: not told */
	uint64_t offset_bytes;   /* last known at the destination */
	uint64_t sent_bytes;
	char state[PROTO_CLASS_LEN]; /* a word of the destination's page: "tls-expired"; "" none */
	char text[PROTO_TEXT_LEN * 2];
};
_Static_assert(sizeof(struct proto_failed) == 320, "crank PROTO_VERSION");

#endif
