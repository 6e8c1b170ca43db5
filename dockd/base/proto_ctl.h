/*
 * proto_ctl: what dockctl asks of the core, and the end of each answer.
 *
 * Each command is one ASK; its rows, in the header of their noun, end with END.
 * What holds for every message is in proto.h.
 */
#ifndef DOCKD_PROTO_CTL_H
#define DOCKD_PROTO_CTL_H

#include "proto.h"

enum ask {
	ASK_STATUS = 1, /* => STATUS, DESTINED..., END */
	ASK_BAYS,       /* text "" or a bay's name => BAY..., END */
	ASK_ASSETS,     /* page from cursor; flags ASSETS_* => ASSET..., END */
	ASK_ASSET,      /* number => ASSET, UPLOADING..., END */
	ASK_RETRY,      /* number or bay name in text, or all => END */
	ASK_WAIT,       /* parked until condition holds or timeout => END */
	ASK_CHANGED,    /* parked until the state's generation differs from cursor => END */
	ASK_EXPORT,     /* page from cursor => ASSET + fd..., END; recorded */
	ASK_LEDGER,  /* page from cursor => SEGMENT + fd..., END; the first: "checkpoint", "key" */
	ASK_BUNDLE,  /* number => SEGMENT + fd (a proof bundle), END */
	ASK_REPORTS, /* page from cursor; text "" or camera; number 0 or docking; from_s, until_s
			   => ASSET + fd..., END; recorded */
	/* what changes something: reason is needed, and it is recorded with the asker's uid */
	ASK_PRESERVE, /* scope, text, from_s, until_s => ORDER, COPY..., END */
	ASK_LIFT,     /* number of the order => COPY..., END */
	ASK_ORDERS,   /* page from cursor => ORDER..., END */
	ASK_DUE,      /* page from cursor; flags DUE_REVIEW => DUE..., END */
	ASK_DISPOSE,  /* number, order => COPY..., END */
	ASK_ENROLL,   /* text camera, scheme, value: public key => END */
	ASK_REVOKE,   /* text camera, value: key or "" all => END */
	ASK_KEYS,     /* page from cursor; text camera or "" => KEY..., END */
	ASK_SETTLE, /* number of a docking => END: a person has looked into its findings; 0 and text
		       * "clock": the station's clock is right */
	ASK_EXPEDITE, /* number of an asset, or text camera => UPLOADING..., END: first on bus and
			 line; recorded */
	ASK_REBIND,   /* text destination => END: what answers as that now is meant; recorded */
	ASK_PROBE,    /* text a bay or port => PROBE, END: opens it and reads; recorded */
	ASK_ASSIGN, /* text camera, value "OFFICER\nUNIT" ("" none) => END: told to the camera when
			 it is docked; recorded */
	ASK_ROOTS,  /* => ROOT..., HOST..., END */
	ASK_DOCTOR, /* page from cursor => CHECK..., END: what the core knows of the station's health */
	ASK_LIGHT,   /* text "" all, a bay or a lamp; number: seconds of a test, 0 only to be told
			 => LAMP..., END; a test is recorded */
	ASK_METRICS, /* => SEGMENT + fd ("metrics": Prometheus text), END */
	ASK_CAMERAS, /* page from cursor; flags CAMERAS_OVERDUE => KNOWN..., END */
	ASK_FORGET,  /* text camera => END: it is lost or retired; recorded */
};

enum wait_for {
	WAIT_ASSET_RUNG = 1, /* number has reached rung */
	WAIT_ALL_RUNG,       /* every asset has reached rung, and there is one at least */
	WAIT_BAY_LIGHT,      /* bay text shows light (rung field holds enum light_state) */
	WAIT_IDLE,           /* nothing under way: no pull, verify, upload or erase to do now */
	WAIT_DOCKINGS,       /* cursor dockings have begun since the state folder was made */
};

struct proto_ask {
	uint32_t version;
	uint32_t ask; /* enum ask */
	uint32_t flags;
	uint32_t wait_for;   /* enum wait_for */
	uint32_t rung;       /* enum rung or light_state */
	uint32_t timeout_ms; /* 0: no limit */
	uint64_t cursor;
	uint64_t number;
	int64_t from_s, until_s;         /* a period, UTC; PROTO_NO_TIME: open */
	uint32_t scope;                  /* enum order_scope */
	uint32_t scheme;                 /* enum signing_scheme, of a key to enroll */
	char text[PROTO_TEXT_LEN * 2];   /* a bay's name, a camera, an asset id */
	char reason[PROTO_TEXT_LEN * 2]; /* why; needed for what changes something */
	char order[PROTO_TEXT_LEN];      /* ASK_DISPOSE: the order's reference */
	char value[1024];                /* a public key, PEM or base64 */
};
_Static_assert(sizeof(struct proto_ask) == 1728, "crank PROTO_VERSION");

struct proto_ctl_segment {
	char name[PROTO_NAME_LEN];
	uint64_t size_bytes;
};
_Static_assert(sizeof(struct proto_ctl_segment) == 72, "crank PROTO_VERSION");

struct proto_ctl_end {
	int32_t status; /* 0, -ENOENT, -ETIMEDOUT, -EINVAL, -EPERM ... */
	uint32_t pad;
	uint64_t cursor; /* where the next page begins; 0: this was the last */
	uint64_t generation;
	char text[PROTO_TEXT_LEN * 2];
};
_Static_assert(sizeof(struct proto_ctl_end) == 280, "crank PROTO_VERSION");

#endif
