#include "ctl_ask.h"

#include "base/proto_ctl.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int ask_open(const char *path)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int sock, err;

	if (strlen(path) >= sizeof(to.sun_path))
		return -ENAMETOOLONG;
	memcpy(to.sun_path, path, strlen(path) + 1);
	sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (sock < 0)
		return -errno;
	if (connect(sock, (const struct sockaddr *)&to, sizeof(to)) < 0) {
		err = -errno;
		close(sock);
		return err;
	}
	return sock;
}

static bool has_pages(unsigned ask)
{
	switch ((enum ask)ask) {
	case ASK_BAYS:
	case ASK_ASSETS:
	case ASK_EXPORT:
	case ASK_LEDGER:
	case ASK_REPORTS:
	case ASK_PRESERVE:
	case ASK_LIFT:
	case ASK_ORDERS:
	case ASK_DUE:
	case ASK_KEYS:
	case ASK_ROOTS:
	case ASK_DOCTOR:
	case ASK_CAMERAS:
	case ASK_LIGHT:
		return true;
	case ASK_STATUS:
	case ASK_ASSET:
	case ASK_RETRY:
	case ASK_WAIT:
	case ASK_CHANGED:
	case ASK_BUNDLE:
	case ASK_DISPOSE:
	case ASK_ENROLL:
	case ASK_REVOKE:
	case ASK_SETTLE:
	case ASK_EXPEDITE:
	case ASK_REBIND:
	case ASK_PROBE:
	case ASK_ASSIGN:
	case ASK_METRICS:
	case ASK_FORGET:
		return false;
	}
	return false;
}

/* Waits until the socket can be read: 0, -ETIMEDOUT or -errno. */
static int wait_readable(int sock, int patience_ms)
{
	struct pollfd p = { .fd = sock, .events = POLLIN };
	int n;

	do {
		n = poll(&p, 1, patience_ms);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return n == 0 ? -ETIMEDOUT : 0;
}

/* One page: 0 when its END came. */
static int take_page(
    int sock, int patience_ms, ask_part *part, void *context, struct proto_ctl_end *end)
{
	struct msg m;
	int err;

	for (;;) {
		err = wait_readable(sock, patience_ms);
		if (err)
			return err;
		err = msg_recv(sock, &m, 1, NULL);
		if (err <= 0)
			return err == 0 ? -EPIPE : err;
		if (m.head.type == MSG_END) {
			memcpy(end, m.body, sizeof(*end));
			msg_close_fds(&m);
			return 0;
		}
		switch ((enum msg_type)m.head.type) {
		case MSG_STATUS:
		case MSG_BAY:
		case MSG_ASSET:
		case MSG_UPLOADING:
		case MSG_DESTINED:
		case MSG_SEGMENT:
		case MSG_COPY:
		case MSG_ORDER:
		case MSG_DUE:
		case MSG_KEY:
		case MSG_ROOT:
		case MSG_HOST:
		case MSG_PROBE:
		case MSG_CHECK:
		case MSG_LAMP:
		case MSG_KNOWN:
			err = part ? part(context, &m) : -EPROTO;
			break;
		default:
			err = -EPROTO;
		}
		msg_close_fds(&m);
		if (err)
			return err;
	}
}

int ask_all(int sock, const struct proto_ask *wanted, int patience_ms, ask_part *part,
    void *context, struct proto_ctl_end *end)
{
	struct proto_ask ask = *wanted;
	int err;

	ask.version = PROTO_VERSION;
	for (;;) {
		err = msg_send(sock, MSG_ASK, 0, 0, &ask, NULL, 0);
		if (err)
			return err == -EPIPE || err == -ECONNRESET ? -EPIPE : err;
		err = take_page(sock, patience_ms, part, context, end);
		if (err || end->status != 0 || end->cursor == 0 || !has_pages(ask.ask))
			return err;
		if (end->cursor <= ask.cursor)
			return -EPROTO;
		ask.cursor = end->cursor;
	}
}
