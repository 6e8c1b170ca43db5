#include "server.h"

#include "../dockd/base/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int server_files(struct destination *d, char *text, size_t size)
{
	const struct proto_destination *c = &d->conf;
	int err = trust_check(&d->room->trust, c);

	if (err < 0) {
		snprintf(text, size, "%s", d->room->trust.why);
		return err;
	}
	if (!c->headers_file[0])
		return 0;
	err = http_room_credentials(d->room, c->headers_file);
	if (err < 0)
		snprintf(text, size, "headers-file: %.120s: %s", c->headers_file,
		    err == -EINVAL ?
			"a line is not \"Name: value\", or sets what dockd sets itself" :
			strerror(-err));
	return err;
}

void server_ready(
    struct destination *d, int status, enum receipt_level level, uint32_t can, const char *text)
{
	d->ready.status = status;
	d->ready.level = level;
	d->ready.can = can;
	snprintf(d->ready.text, sizeof(d->ready.text), "%s", text);
	d->told = true;
}

static void answered(struct http *h)
{
	transfer_wake(h->owner);
}

int server_http(struct transfer *t, struct http **own)
{
	if (!*own)
		*own = http_new(t->dest->room, &t->dest->conf, t, answered);
	return *own ? 0 : -ENOMEM;
}

enum act_result server_renew(struct transfer *t, bool *reread, const char *path,
    int (*read)(const struct destination *d), const char *text)
{
	int err;

	if (*reread || !path[0])
		return transfer_fail(t, UPLOAD_DESTINATION, "%s", text);
	*reread = true;
	err = read(t->dest);
	if (err < 0)
		return transfer_fail(
		    t, UPLOAD_DESTINATION, "%s; %s: %s", text, path, strerror(-err));
	log_info("credentials-read-again", "slot=%u", t->slot);
	return ACT_AGAIN;
}

void server_words(struct transfer *t)
{
	struct proto_receipt *p = &t->receipt;
	size_t len = t->http->head_len;

	p->raw_len = (uint32_t)(len < sizeof(p->raw) ? len : sizeof(p->raw));
	memcpy(p->raw, t->http->head, p->raw_len);
}

bool server_gives_more(const struct http *h, uint64_t most_bytes)
{
	return h->end == HTTP_BAD && h->got_bytes > most_bytes && http_is_ok(h);
}

enum act_result server_gave_back(struct transfer *t, EVP_MD_CTX *digest)
{
	if (EVP_DigestFinal_ex(digest, t->receipt.sha256, NULL) != 1)
		return transfer_fail(t, UPLOAD_LATER, "the digest failed");
	t->receipt.level = LEVEL_READBACK;
	t->receipt.length_bytes = t->http->got_bytes;
	return ACT_DONE;
}

bool server_has_it(const struct transfer *t)
{
	return t->receipt.length_bytes == t->upload.size_bytes &&
	    memcmp(t->receipt.sha256, t->upload.sha256, PROTO_SHA256_LEN) == 0;
}
