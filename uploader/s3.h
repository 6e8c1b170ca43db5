/*
 * s3: what the files of the S3 driver share: s3.c (bucket, keys, requests), s3_upload.c (create,
 * query), s3_append.c (append), s3_sum.c (digests of what is sent), s3_proof.c (what proves that
 * all is there), s3_errand.c (whether it still is, its removal), s3_hold.c (what keeps it there).
 *
 * Source: Amazon S3 API Reference; where Ceph's gateway differs, it is said. What is asked is built
 * by s3_request.c and signed by s3_sign.c; what answers mean is s3_reply.c's. No answer is followed
 * elsewhere, and no memory of ours counts against what ListParts and HEAD say.
 */
#ifndef DOCKD_S3_H
#define DOCKD_S3_H

#include "digester.h"
#include "http.h"
#include "s3_reply.h"
#include "secret.h"
#include "transfer.h"

#define S3_TEXT_MAX 16384 /* of a small document: an error, an id, an ETag */
#define S3_MD5_LEN DIGEST_MD5_LEN
#define S3_SUMS 8  /* parts of a file whose digests are asked for at once */
#define S3_LANES 3 /* parts of a file on the line at once */

/* What is learnt about the store holds for all uploads of this process. */
struct s3 {
	struct secret secret;
	struct s3_keys keys;
	struct http *probe; /* open's requests */
	char text[S3_TEXT_MAX];
	bool asking_head; /* the probe under way is HEAD of the bucket */
	bool well;    /* a destination that could not work can: open says so when called again */
	bool lock;    /* the bucket has object lock */
	bool unasked; /* it gave no answer to open: asked again once it answers anything */
	int64_t asked_again_ms; /* when; 0 not yet */
	bool expect;            /* the next body should ask first: nothing has been accepted yet */
	bool unconditional;     /* it does not know If-None-Match (501) */
	bool etag_is_no_md5;    /* seen: encrypted by a key of the store's (SSE-KMS), for one */
	struct digester digester;
	uint64_t asked;                   /* of it, ever */
	uint64_t files;                   /* whose digests were asked for, ever */
	struct transfer *at[PROTO_SLOTS]; /* by slot; NULL: none */
	/* a slot's requests beside its transfer's own; NULL: never needed yet */
	struct http *more[PROTO_SLOTS][S3_LANES - 1];
	unsigned keys_read; /* times that the keys were read */
};

/* MD5, and SHA-256 where it is not known, of a range of the file. */
struct s3_sum {
	uint64_t from_bytes, end_bytes;
	uint64_t number;  /* of the question */
	bool begun, done; /* asked, answered */
	bool both;        /* sha256 too */
	int error;        /* 0 or -errno: it could not be read */
	uint8_t sha256[PROTO_SHA256_LEN], md5[S3_MD5_LEN];
};

/* One part, by number - 1. */
struct s3_known {
	uint8_t md5[S3_MD5_LEN];  /* of our bytes */
	uint8_t etag[S3_MD5_LEN]; /* as the store shows it, where it can be an MD5 */
	bool summed;              /* md5 is known */
	bool listed, has_etag;    /* by the latest listing, in the size that it should have */
	bool shown;  /* and it counts: no other bytes are in it, as far as can be told */
	bool proved; /* it went there under a signed digest, or its ETag is our MD5 */
};

enum s3_step {
	STEP_NONE = 0,
	STEP_HEAD,    /* what is at the key */
	STEP_UPLOADS, /* which uploads of it are under way */
	STEP_SIZES,   /* which parts one of them has */
	STEP_CREATE,
	STEP_LIST,     /* ListParts, all pages */
	STEP_CHECK,    /* parts that another run sent, against their ETags */
	STEP_EMPTY,    /* PUT of nothing */
	STEP_WHOLE,    /* the digest of the whole, as it was read for sending */
	STEP_BEFORE,   /* HEAD: has another station completed one? */
	STEP_ABORT,    /* then ours is given up */
	STEP_COMPLETE, /* CompleteMultipartUpload */
	STEP_STATED,   /* HEAD: what the store says of it */
	STEP_LOCK,     /* PUT of the lock, where it states none */
	STEP_BACK,     /* GET of the whole */
	STEP_DELETE,
	STEP_AWAY,    /* HEAD: is it away */
	STEP_HOLD,    /* PUT of a legal hold */
	STEP_HELD,    /* GET of it */
	STEP_SERVICE, /* does the bucket answer: only then is something lost */
	STEP_MARK,    /* HEAD of this station's mark */
	STEP_MARK_PUT,
	STEP_MARKED, /* HEAD of it once more */
	STEP_UNMARK, /* it goes */
	STEP_OTHERS, /* which stations' marks stand */
	STEP_BUNDLE, /* the proof bundle goes */
};

/* A request that carries a part. */
struct s3_lane {
	struct http *http;
	unsigned part; /* its number; 0: none */
	unsigned keys; /* s3.keys_read when it was signed */
	char *text;    /* S3_TEXT_MAX */
};

struct s3_upload {
	bool asked;    /* the step's request has been made */
	bool reread;   /* credentials were read again already, and nothing was good since */
	bool fresh;    /* the next request wants a connection of its own */
	bool differed; /* once; that may have been a word of somebody in between */
	enum s3_step step;
	struct s3_address a; /* of t->address */
	char text[S3_TEXT_MAX];
	char *list;                 /* S3_XML_MAX, of a listing under way */
	struct s3_uploads *uploads; /* candidates to go on with */
	unsigned pages;             /* of their list that were read */
	size_t candidate;

	struct s3_known *part;
	unsigned parts_n;
	unsigned marker;       /* the listing goes on after this part */
	struct s3_part *shown; /* parts_n, as listed for Complete */
	char *xml;             /* and Complete's body */

	uint64_t file;               /* among s3.files */
	struct s3_sum sum;           /* of the whole file, where it goes by one PUT */
	struct s3_sum next[S3_SUMS]; /* of parts that are to be sent or compared */
	uint64_t whole_bytes;
	uint8_t whole[PROTO_SHA256_LEN]; /* SHA-256 of the file's first whole_bytes */
	struct s3_lane lane[S3_LANES];
	unsigned on_line; /* of them */
	enum act_result
	    trouble; /* 0: none; the first that came of a part, while others are on the line */
	struct proto_failed trouble_is;
	unsigned mismatches;
	bool doubted; /* the store refused the digest: our copy is hashed before it is sent again */
	bool found;   /* it was there whole before this transfer sent anything */
	bool stored;  /* the object is there, whole */
	bool ended;   /* PUT or Complete was answered in this run, with this ETag and version */
	char etag[S3_ETAG_LEN];
	char version[PROTO_TEXT_LEN];
	EVP_MD_CTX *back;
	char body[320]; /* of a legal hold or a lock */
	bool lock_put, hold_put, mark_put;
	bool marked; /* this station's mark stands */
	bool gone;   /* REMOVE: the object was not there */
	/* of s3_drop: the version that goes now, and how many have gone */
	bool dropping;
	unsigned drops;
	char drop_version[PROTO_TEXT_LEN];
};

/* ---- s3.c ---- */

/* The one request that is being filled: passed to a builder of s3_request.h, then to s3_ask. */
struct s3_request *s3_form(void);
/*
 * Signs and starts the request in s3_form(); built: what its builder returned. Sets q's method,
 * url, headers, text (unless set) and expedited. ACT_WAIT or ACT_FAILED.
 */
enum act_result s3_ask(struct transfer *t, int built, struct http_request *q);
/*
 * What came; verdict 0 when there was no answer. Unless it is S3_GOOD, *result is what the act
 * returns, and the step is back at its beginning but for ACT_AGAIN (credentials were read again).
 */
enum s3_verdict s3_heard(
    struct transfer *t, enum s3_asked asked, struct s3_head *h, enum act_result *result);
/* Bytes of the document that came with it. */
size_t s3_text_len(const struct transfer *t);
/* Goes on at step in the next turn. */
enum act_result s3_next(struct transfer *t, enum s3_step step);
/* HEAD of the key of u->a, of version where it is not "". */
enum act_result s3_ask_head(struct transfer *t, const char *version);
/* Whether what HEAD tells of is this asset, as far as it tells. */
bool s3_is_it(const struct transfer *t, const struct s3_head *h);

/* Parts that may be on the line at once: no more than one interruption may cost. */
unsigned s3_lanes(const struct transfer *t);
/* Makes what the lane needs; false: no memory. */
bool s3_lane_ready(struct transfer *t, unsigned i);

/* ---- s3_upload.c, s3_append.c ---- */

enum act_result s3_upload_create(struct transfer *t);
enum act_result s3_upload_query(struct transfer *t);
enum act_result s3_upload_append(struct transfer *t);
/* Asks for a page of parts after u->marker; read into *out when it is called again: ACT_DONE. */
enum act_result s3_page(struct transfer *t, struct s3_parts *out, enum s3_verdict *v);
/* The bytes from the beginning that the store has without a hole. */
uint64_t s3_held_bytes(const struct transfer *t);
/*
 * What HEAD tells of at the key is another object: it is never overwritten. Where the answer does
 * not name itself the store's, it is asked again.
 */
enum act_result s3_refuse_other(struct transfer *t, const struct s3_head *h);
/* PUT of the whole file. */
enum act_result s3_send_whole(struct transfer *t);
/* Bytes that part number of the upload has. */
uint64_t s3_part_size(const struct transfer *t, unsigned number);

/* ---- s3_sum.c ---- */

/* Answers of the process that takes digests; wakes whom they are for. 0 or -errno. */
int s3_sum_hear(struct destination *dest);
/*
 * Both digests of part number, or without sha256 its MD5 alone, into *out; in passing those of the
 * whole go on. ACT_DONE when they are there, ACT_LOCAL while they are not, ACT_FAILED
 * (UPLOAD_SOURCE).
 */
enum act_result s3_sum_part(
    struct transfer *t, unsigned number, bool sha256, const struct s3_sum **out);
/* They will be wanted: asked for where there is room. False: there is none. */
bool s3_sum_ahead(struct transfer *t, unsigned number, bool sha256);
/*
 * The MD5 of the whole file, into u->sum; with check its SHA-256 too, which must be that of
 * t->upload (UPLOAD_SOURCE).
 */
enum act_result s3_sum_file(struct transfer *t, bool check);
/* For how many more there is room. */
unsigned s3_sum_room(const struct s3_upload *u);
/* The part's MD5 is kept with what is known of it; its place is free for another part's. */
void s3_sum_use(struct transfer *t, unsigned number, const struct s3_sum *sum);
/* Forgets what was digested: it is read again. */
void s3_sum_drop(struct s3_sum *s);
void s3_sum_drop_parts(struct s3_upload *u);
/* SHA-256 of all of the file, compared with what was checked. */
enum act_result s3_sum_whole(struct transfer *t);
/* For request headers. */
void s3_sum_texts(const uint8_t sha256[PROTO_SHA256_LEN], const uint8_t md5[S3_MD5_LEN],
    char digest[68], char base64[28]);
/* Both of bytes in memory, as text. 0 or -ENOMEM. */
int s3_sum_memory(const char *text, size_t len, char digest[68], char base64[28]);
/* The 16 bytes that an ETag may be the MD5 in; false: it is of another form. */
bool s3_etag_md5(const char *etag, uint8_t md5[S3_MD5_LEN]);
/* Whether the ETag is what S3 makes of parts: the MD5 of their MD5s, and their number. */
bool s3_etag_is_of(const struct s3_known *part, unsigned n, const char *etag);

/* ---- s3_proof.c ---- */

enum act_result s3_finish(struct transfer *t);
/* What the store says of it, into t->receipt; its own words into raw. */
void s3_take_facts(struct transfer *t, const struct s3_head *h);
/* GET of it, digested: t->receipt has level, digest and length. */
enum act_result s3_read_back(struct transfer *t, const char *version, enum s3_verdict *v);

/* ---- s3_errand.c ---- */

/* u->a of the address on record, and on to step. */
enum act_result s3_begin_errand(struct transfer *t, enum s3_step step);
/* HEAD of what is on record: *h tells of it. ACT_GONE after the bucket was asked (STEP_SERVICE). */
enum act_result s3_look(struct transfer *t, struct s3_head *h);
/* A 404 proves something only where the bucket itself answers: ACT_GONE then. */
enum act_result s3_service(struct transfer *t);
enum act_result s3_confirm(struct transfer *t);
enum act_result s3_remove(struct transfer *t);
enum act_result s3_abandon(struct transfer *t);

/* ---- s3_hold.c ---- */

/* Whether the bucket has object lock, so legal holds; whether it is known to have none. */
bool s3_knows_holds(const struct transfer *t);
bool s3_marks_only(const struct transfer *t);
/* PUT of a legal hold, on or off, or of the lock, on this version. ACT_DONE: it was taken. */
enum act_result s3_put_hold(struct transfer *t, const char *version, bool on, enum s3_verdict *v);
enum act_result s3_put_lock(struct transfer *t, const char *version, enum s3_verdict *v);
/* GET of the hold: ACT_DONE with *held. */
enum act_result s3_ask_hold(struct transfer *t, const char *version, bool *held);
/* The key of this station's mark beside u->a. 0, -EINVAL: it can have none. */
int s3_own_mark(const struct transfer *t, char key[S3_KEY_LEN]);
/* HEAD of it: S3_GOOD or S3_GONE. */
enum act_result s3_look_mark(struct transfer *t, enum s3_verdict *v);
/* From STEP_MARK on: puts it where it does not stand. ACT_DONE: the store has it. */
enum act_result s3_mark(struct transfer *t);
/* ListObjectsV2: ACT_DONE with *out. */
enum act_result s3_ask_marks(struct transfer *t, struct s3_marks *out);
/*
 * All versions of a small object, in the step that it is called in. ACT_DONE: it is not shown any
 * more. S3_LOCKED: it may not be deleted.
 */
enum act_result s3_drop(struct transfer *t, const char *key, enum s3_verdict *v);
enum act_result s3_preserve(struct transfer *t);

#endif
