/*
 * tus: what the files of the tus driver share: tus.c (the server, requests), tus_upload.c (create,
 * query, append), tus_find.c (whether somebody has begun it already), tus_proof.c (what proves that
 * all is there), tus_errand.c (whether it still is, its removal, and giving up what is not whole).
 */
#ifndef DOCKD_TUS_H
#define DOCKD_TUS_H

#include "http.h"
#include "transfer.h"
#include "tus_address.h"
#include "tus_chunk.h"
#include "tus_reply.h"

/* A PATCH that was cut, until the server has said what it has of it. */
struct tus_cut {
	char address[PROTO_ADDRESS_LEN];
	uint64_t from, bytes, ms;
	bool asked;         /* the server's word has been taken since */
	unsigned unchanged; /* in a row */
};

/* What is learnt about the server holds for all uploads of this process. */
struct tus {
	struct http *options;
	struct tus_chunk chunk;
	bool checksum; /* advertised with sha256, and asked for in the configuration */
	bool has_max_size;
	uint64_t max_size_bytes;
	bool known;      /* OPTIONS has been answered */
	bool keeps;      /* its extensions are known, and removing is not among them */
	bool terminates; /* advertised */
	struct tus_cut cut[PROTO_SLOTS]; /* outlive their slots: a line may break once in each */
	bool expect;       /* the next body should ask first: nothing has been accepted yet */
	bool never_expect; /* 417 */
};

#define TUS_HEAD_MS 45000  /* servers wait for a lock to drain before they answer HEAD */
#define TUS_SETTLE_MS 1000 /* between two answers of a server that checks, which must agree */
#define TUS_SETTLE_TIMES 8u

/* What is being asked once all is there; in the order in which finish asks. */
enum tus_step {
	STEP_NONE = 0,
	STEP_BACK,    /* GET of the whole */
	STEP_STORED,  /* HEAD for the stored digest */
	STEP_NOTE,    /* GET of the signed receipt */
	STEP_HEAD,    /* what is it, and is it there */
	STEP_DELETE,  /* takes it away */
	STEP_CHECK,   /* HEAD: is it away */
	STEP_SERVICE, /* OPTIONS: is it a tus server that says that there is nothing */
};

struct tus_upload {
	bool asked;    /* the act's request has been made */
	bool learnt;   /* OPTIONS was asked in this slot, which was not answered at open */
	bool reread;   /* credentials were read again already */
	bool fresh;    /* the next request wants a connection of its own */
	bool differed; /* once; that may have been a word of somebody in between */
	bool no_checksum;
	bool all_checked; /* every byte went through a checked chunk in this run */
	unsigned mismatches;
	bool sought;           /* find-path was asked, and knows of nothing */
	unsigned looks;        /* HEADs in a row whose offsets did not agree */
	uint64_t looked_bytes; /* what the last of them said */
	uint64_t patch_from, patch_bytes, patch_ms;
	EVP_MD_CTX *sent;  /* SHA-256 of what was accepted in checked chunks */
	EVP_MD_CTX *chunk; /* the same with the chunk under way */
	EVP_MD_CTX *back;  /* of what was read back */
	enum tus_step step;
	char note[TUS_NOTE_MAX];
};

/* In tus.c. Starts a request of the transfer: ACT_WAIT, or ACT_FAILED. Takes q->headers. */
enum act_result tus_ask(struct transfer *t, struct http_request *q);
/* OPTIONS, once in a slot, where that could not be asked at open: ACT_AGAIN. */
enum act_result tus_learn(struct transfer *t);
/* HEAD of t->address, which is pinned first (another host: ACT_GONE); want_digest: RFC 9530. */
enum act_result tus_ask_head(struct transfer *t, bool want_digest);
/* The answer, read and judged; verdict 0 when there was none, and then *result is the act's. */
enum tus_verdict tus_judge(
    struct transfer *t, enum tus_request request, struct tus_reply *r, enum act_result *result);

/* In tus_upload.c. */
enum act_result tus_upload_create(struct transfer *t);
enum act_result tus_upload_query(struct transfer *t);
enum act_result tus_upload_append(struct transfer *t);
/* The upload at t->address begins here, with nothing checked by us before offset. */
enum act_result tus_begin_at(struct transfer *t, uint64_t offset);
/* Whether what a HEAD states is this asset, as far as it states any of it. */
bool tus_is_same(const struct transfer *t, const struct tus_reply *r);

/* In tus_find.c: ACT_DONE: t->address and t->found; u->sought: it is nowhere yet. */
enum act_result tus_find(struct transfer *t);

/* In tus_proof.c. The request, and when it is asked for again its answer into t->receipt. */
enum act_result tus_read_back(struct transfer *t, enum tus_verdict *v);
enum act_result tus_take_note(struct transfer *t, enum tus_verdict *v);

enum act_result tus_finish(struct transfer *t);
enum act_result tus_confirm(struct transfer *t);
enum act_result tus_remove(struct transfer *t);
enum act_result tus_abandon(struct transfer *t);

#endif
