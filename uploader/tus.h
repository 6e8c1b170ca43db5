/*
 * tus: what the files of the tus driver share: tus.c (uploads), tus_proof.c (what proves that all
 * is there), tus_errand.c (whether it still is, and its removal).
 */
#ifndef DOCKD_TUS_H
#define DOCKD_TUS_H

#include "http.h"
#include "transfer.h"
#include "tus_reply.h"

/* What is learnt about the server holds for all uploads of this process. */
struct tus {
	struct http *options;
	struct tus_chunk chunk;
	bool checksum; /* advertised with sha256, and asked for in the configuration */
	bool has_max_size;
	uint64_t max_size_bytes;
	bool keeps;        /* its extensions are known, and removing is not among them */
	bool expect;       /* the next body should ask first: nothing has been accepted yet */
	bool never_expect; /* 417 */
};

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
	bool asked;  /* the act's request has been made */
	bool reread; /* credentials were read again already */
	bool fresh;  /* the next request wants a connection of its own */
	bool no_checksum;
	bool all_checked; /* every byte went through a checked chunk in this run */
	unsigned mismatches;
	unsigned unchanged; /* cut PATCHes that left the offset where it was */
	bool was_cut;
	uint64_t patch_from, patch_bytes, patch_ms;
	EVP_MD_CTX *sent;  /* SHA-256 of what was accepted in checked chunks */
	EVP_MD_CTX *chunk; /* the same with the chunk under way */
	EVP_MD_CTX *back;  /* of what was read back */
	enum tus_step step;
	char note[TUS_NOTE_MAX];
};

/* Starts a request of the transfer: ACT_WAIT, or ACT_FAILED. Takes q->headers. */
enum act_result tus_ask(struct transfer *t, struct http_request *q);
/* HEAD of t->address, which is pinned first (another host: ACT_GONE); want_digest: RFC 9530. */
enum act_result tus_ask_head(struct transfer *t, bool want_digest);
/* The answer, read and judged; verdict 0 when there was none, and then *result is the act's. */
enum tus_verdict tus_judge(
    struct transfer *t, enum tus_request request, struct tus_reply *r, enum act_result *result);

/* In tus_proof.c. The request, and when it is asked for again its answer into t->receipt. */
enum act_result tus_read_back(struct transfer *t, enum tus_verdict *v);
enum act_result tus_take_note(struct transfer *t, enum tus_verdict *v);

enum act_result tus_finish(struct transfer *t);
enum act_result tus_confirm(struct transfer *t);
enum act_result tus_remove(struct transfer *t);

#endif
