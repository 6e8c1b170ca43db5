/*
 * listener: a listening socket, and how fast people come in by it.
 *
 * Owns the socket, its event source and the pause. Called by control and link, which say of each who
 * came whether he has any business here. It decides about nobody; it only takes its time: where those
 * without business come faster than LISTENER_STRANGERS a second, or there is no descriptor left, it
 * accepts in batches with a pause between, so that neither costs a processor. A batch is longer than
 * the queue before the socket, so who has a role waits for one pause and not for all the others.
 */
#ifndef DOCKD_LISTENER_H
#define DOCKD_LISTENER_H

#include <stdbool.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

#define LISTENER_STRANGERS 32 /* a second, without a pause */

struct listener;

/* Takes the socket, or closes it. uid: whose it is. True: he has no business here. */
typedef bool listener_take(void *arg, int sock, uid_t *uid);

/* A SOCK_SEQPACKET socket at path, of this mode and group ((gid_t)-1: as it is). What is there is
 * replaced. 0 or -errno. */
int listener_open(sd_event *event, const char *path, gid_t gid, mode_t mode, listener_take *take,
    void *arg, struct listener **out);
void listener_close(struct listener *l);

/* Whether all of these could be opened: 0 or -errno. What is there is not touched. */
int listener_may_open(const char *const *paths, size_t n);
/* False: its path is gone, so that nobody finds it any more. */
bool listener_is_there(const struct listener *l);

#endif
