/*
 * recorded: which measurement of a camera's clock covers a recording.
 *
 * Used by retention and judge. A clock is measured when its camera is docked, and may be set right
 * after: what is on the camera then was written by the clock as it was measured, whenever its bytes
 * are pulled. So it is the docking in which the file was found that counts, not the one in which
 * it was pulled; but where it was written on since (it grew), the later one.
 */
#ifndef DOCKD_RECORDED_H
#define DOCKD_RECORDED_H

#include "index.h"
#include "index_docking.h"

#include "base/zone.h"

/*
 * The docking whose measurement covers the asset's time. It may have measured nothing, or against a
 * clock that was not synchronised: then nothing proves the time, and no later measurement does, for
 * the clock may have been set between. 0, -ENOENT, or -errno.
 */
int recorded_docking(
    struct index *ix, const struct asset *a, const struct zone *zone, struct docking *out);

#endif
