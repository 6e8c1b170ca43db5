/*
 * kind: what an asset is, and the words for it that the ledger, people and destinations are told.
 *
 * The numbers go over the wire (proto_object, proto_upload, proto_ctl_asset): change one, crank
 * PROTO_VERSION.
 */
#ifndef DOCKD_KIND_H
#define DOCKD_KIND_H

enum object_kind {
	KIND_FOLDER = 1,
	KIND_CLIP,
	KIND_SIDECAR, /* goes with a clip: signature, metadata */
	KIND_LOG,     /* the camera's audit log */
	KIND_OTHER,   /* a file that no pattern names: taken all the same */
	KIND_IGNORED, /* a pattern says that it is not footage (thumbnails of the camera's own) */
	KIND_REPORT,  /* the station's own: an activation report; an asset like the others */
	/* the station's own side objects: no assets, no rungs; sent until they are there */
	KIND_LEDGER,     /* records of the continuity ledger */
	KIND_CHECKPOINT, /* its newest checkpoint */
	KIND_BUNDLE,     /* the proof bundle of an asset, beside it */
};

/* "clip"; never NULL. */
static inline const char *kind_word(enum object_kind k)
{
	switch (k) {
	case KIND_FOLDER:
		return "folder";
	case KIND_CLIP:
		return "clip";
	case KIND_SIDECAR:
		return "sidecar";
	case KIND_LOG:
		return "log";
	case KIND_OTHER:
		return "other";
	case KIND_IGNORED:
		return "ignored";
	case KIND_REPORT:
		return "report";
	case KIND_LEDGER:
		return "ledger";
	case KIND_CHECKPOINT:
		return "checkpoint";
	case KIND_BUNDLE:
		return "bundle";
	}
	return "unknown";
}

#endif
