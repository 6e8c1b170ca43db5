#include "s3_address.h"

#include "facts.h"
#include "s3_sign.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MIB (1u << 20)
#define PART_MAX (5ull << 30)
#define DAY_S 86400
#define YEAR_9999_S 253402300799

/* ---- addresses and keys ---- */

static bool is_visible(const char *text)
{
	for (; *text; text++) {
		if (*text <= ' ' || *text > '~')
			return false;
	}
	return true;
}

static int nibble(char c)
{
	const char *hex = "0123456789ABCDEF";
	const char *at = c ? strchr(hex, c) : NULL;

	return at ? (int)(at - hex) : -1;
}

/* What s3_encode wrote, len characters of it. Control characters, NUL among them: -EINVAL. */
static int decode(const char *text, size_t len, char *out, size_t size)
{
	size_t used = 0;

	for (size_t i = 0; i < len; i++) {
		int c = (unsigned char)text[i];

		if (c == '%') {
			int high = len - i < 3 ? -1 : nibble(text[i + 1]);
			int low = high < 0 ? -1 : nibble(text[i + 2]);

			if (low < 0)
				return -EINVAL;
			c = high * 16 + low;
			i += 2;
		}
		if (c < ' ' || c == 0x7f || used + 1 >= size)
			return -EINVAL;
		out[used++] = (char)c;
	}
	out[used] = '\0';
	return used ? 0 : -EINVAL;
}

bool s3_key_is_plain(const char *key)
{
	const char *at = key;

	if (!key[0] || key[0] == '/')
		return false;
	for (;;) {
		size_t n = strcspn(at, "/");

		if ((n == 1 && at[0] == '.') || (n == 2 && at[0] == '.' && at[1] == '.'))
			return false;
		for (size_t i = 0; i < n; i++) {
			if ((unsigned char)at[i] < ' ' || at[i] == 0x7f)
				return false;
		}
		if (!at[n])
			return true;
		at += n + 1;
	}
}

static int read_bytes(const char *text, uint64_t *out)
{
	uint64_t v = 0;

	if (!text[0] || strlen(text) > 12)
		return -EINVAL;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return -EINVAL;
		v = v * 10 + (uint64_t)(*text - '0');
	}
	*out = v;
	return v >= S3_PART_MIN && v <= PART_MAX && v % MIB == 0 ? 0 : -EINVAL;
}

int s3_address_read(const char *address, struct s3_address *out)
{
	static const char id[] = "?uploadId=", size[] = "&partBytes=";
	size_t key_len = strcspn(address, "?");
	const char *rest = address + key_len, *mark;
	int err;

	memset(out, 0, sizeof(*out));
	err = decode(address, key_len, out->key, sizeof(out->key));
	if (err || !s3_key_is_plain(out->key))
		return -EINVAL;
	if (!rest[0])
		return 0;
	if (strncmp(rest, id, sizeof(id) - 1) != 0)
		return -EINVAL;
	rest += sizeof(id) - 1;
	mark = strstr(rest, size);
	if (!mark ||
	    decode(rest, (size_t)(mark - rest), out->upload_id, sizeof(out->upload_id)) < 0 ||
	    !is_visible(out->upload_id))
		return -EINVAL;
	return read_bytes(mark + sizeof(size) - 1, &out->part_bytes);
}

int s3_address_write(const struct s3_address *a, char *out, size_t size)
{
	char key[3 * S3_KEY_LEN + 1], id[3 * S3_UPLOAD_ID_LEN + 1];
	int n;

	if (s3_encode(a->key, 1, key, sizeof(key)) < 0 ||
	    s3_encode(a->upload_id, 0, id, sizeof(id)) < 0)
		return -ENOSPC;
	n = a->upload_id[0] ? snprintf(out, size, "%s?uploadId=%s&partBytes=%llu", key, id,
				  (unsigned long long)a->part_bytes) :
			      snprintf(out, size, "%s", key);
	return n > 0 && (size_t)n < size ? 0 : -ENOSPC;
}

/* A name that the station gives: one plain part of a key. */
static bool is_own_name(const char *name)
{
	return name[0] && !strchr(name, '/') && s3_key_is_plain(name);
}

int s3_key(const struct proto_destination *c, const char *station, const struct proto_upload *u,
    char out[S3_KEY_LEN])
{
	int n;

	if (u->kind == KIND_LEDGER || u->kind == KIND_CHECKPOINT) {
		if (!is_own_name(station) || !is_own_name(u->name))
			return -EINVAL;
		n = snprintf(out, S3_KEY_LEN, "%sledger/%s/%s", c->prefix, station, u->name);
	} else {
		if (strlen(u->asset) != 64 || strspn(u->asset, "0123456789abcdef") != 64)
			return -EINVAL;
		n = snprintf(out, S3_KEY_LEN, "%s%s%s", c->prefix, u->asset,
		    u->kind == KIND_BUNDLE ? ".bundle" : "");
	}
	return n > 0 && n < S3_KEY_LEN && s3_key_is_plain(out) ? 0 : -EINVAL;
}

int s3_mark_key(const char *key, const char *asset, const char *station, char out[S3_KEY_LEN])
{
	size_t len = strlen(key), id = strlen(asset);
	int n;

	if (id != 64 || len < id || strcmp(key + len - id, asset) != 0 ||
	    (station[0] && !is_own_name(station)))
		return -EINVAL;
	n = snprintf(out, S3_KEY_LEN, "%.*spreserve/%s/%s", (int)(len - id), key, asset, station);
	return n > 0 && n < S3_KEY_LEN && s3_key_is_plain(out) ? 0 : -EINVAL;
}

/* ---- sizes and times ---- */

static uint64_t whole_mib(uint64_t bytes)
{
	return bytes / MIB * MIB + (bytes % MIB ? MIB : 0);
}

uint64_t s3_part_bytes(uint64_t size_bytes, uint64_t part_bytes)
{
	uint64_t least = size_bytes / S3_PARTS_MAX + (size_bytes % S3_PARTS_MAX ? 1 : 0);
	uint64_t bytes = part_bytes < S3_PART_MIN ? S3_PART_MIN : part_bytes;

	bytes = bytes < least ? least : bytes;
	return bytes > PART_MAX ? PART_MAX : whole_mib(bytes);
}

/* What is due already is kept for a day: a lock must end in the future. */
int64_t s3_retain_until(
    const struct proto_destination *c, const struct proto_upload *u, int64_t now_s)
{
	int64_t until;

	if (c->lock_mode == LOCK_NONE || facts_is_side(u) || now_s < 0)
		return PROTO_NO_TIME;
	if (u->dispose_by_s != PROTO_NO_TIME)
		until = u->dispose_by_s > now_s + DAY_S ? u->dispose_by_s : now_s + DAY_S;
	else if (c->retain_days > 0)
		until = now_s + (int64_t)c->retain_days * DAY_S;
	else
		return PROTO_NO_TIME;
	return until > YEAR_9999_S ? YEAR_9999_S : until;
}
