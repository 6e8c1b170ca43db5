/*
 * control_care: the station itself: lamps.
 */
#include "control_client.h"

#include <errno.h>

int control_light(struct client *k)
{
	return client_end(k, -EOPNOTSUPP, 0, "light is not there yet");
}
