/*
 * control_care: the station itself: lamps, metrics.
 */
#include "control_client.h"

#include <errno.h>

int control_light(struct client *k)
{
	return client_end(k, -EOPNOTSUPP, 0, "light is not there yet");
}

int control_metrics(struct client *k)
{
	return client_end(k, -EOPNOTSUPP, 0, "metrics are not there yet");
}
