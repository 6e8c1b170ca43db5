/*
 * keeping: the verdict over the volume of the state folder, and its words for people.
 *
 * Called by core. A volume that may not be used is no reason to end: what is held already still goes
 * out, and people are told at the dock, in status and in the log.
 */
#include "keeping.h"

#include "volume.h"

#include "base/log.h"

#include <stdio.h>
#include <string.h>

static void judge(struct keeping *k, const struct config *c)
{
	int volume, swap;

	memset(k, 0, sizeof(*k));
	k->mounted = !c->volume_mounted || volume_is_mounted(c->state_dir) == 1;
	if (!k->mounted) {
		snprintf(k->why, sizeof(k->why),
		    "no volume is mounted at %.100s: nothing is taken in or sent; unlock and mount it "
		    "(dockd goes on by itself then)",
		    c->state_dir);
		return;
	}
	volume = volume_is_encrypted(c->state_dir);
	swap = volume_swap_is_encrypted();
	if (volume == 1 && swap == 1)
		return;
	k->plaintext = c->allow_plaintext;
	if (!k->plaintext)
		snprintf(k->why, sizeof(k->why),
		    "%.100s%s%s not encrypted: nothing is taken in; %s, or set allow-plaintext = true and "
		    "reload",
		    volume == 1 ? "" : c->state_dir, volume != 1 && swap != 1 ? " and swap" : "",
		    volume == 1 ? "swap is" : (swap == 1 ? " is" : " are"),
		    volume == 1 ? "encrypt it or turn it off (swapoff)" :
				  "make an encrypted volume (dockd-provision)");
}

const char *keeping_log_file(const struct config *c)
{
	size_t n = strlen(c->state_dir);
	bool below = strncmp(c->log_file, c->state_dir, n) == 0 && c->log_file[n] == '/';

	if (!c->log_file[0] || (below && c->volume_mounted && volume_is_mounted(c->state_dir) != 1))
		return NULL;
	return c->log_file;
}

bool keeping_look(struct keeping *k, const struct config *c)
{
	struct keeping now;

	judge(&now, c);
	if (now.mounted == k->mounted && now.plaintext == k->plaintext &&
	    strcmp(now.why, k->why) == 0)
		return false;
	*k = now;
	if (k->why[0])
		log_error("volume", "path=%s reason=\"%s\"", c->state_dir, k->why);
	else if (k->plaintext)
		log_warn("plaintext",
		    "path=%s reason=\"evidence lies on a plain volume or beside plain swap, by "
		    "allow-plaintext\"",
		    c->state_dir);
	else
		log_info("volume-good", "path=%s", c->state_dir);
	return true;
}
