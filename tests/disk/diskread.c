/*
 * diskread: what dockd reads from an image of a disk, as lines of JSON.
 *
 *	diskread [--block N] [--partition] [--no-data] [--extents] [--bad FROM-TO] IMAGE...
 *
 * A line for each partition and volume, one for each file with the SHA-256 of its contents, read
 * through volume_map, one for each walk's report, one for what was read in all. --partition lists the partitions
 * alone; --no-data reads no contents; --extents tells where they lie, [offset, bytes] in order, offset
 * null where they are zeros that nobody wrote; --bad: bytes of the image that "cannot be read". Exit code 1
 * where an image cannot be opened or its reading broke off. Only the pure files are linked.
 */
#include "../../usb/volume/volume.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>

#define PIECE_BYTES (1u << 20)
#define BAD_MAX 16

struct image {
	struct source source; /* first */
	int file;
	uint64_t reads, bytes;
};

struct work {
	struct volume *volume;
	struct image *image;
	size_t partition;
	bool data, extents;
};

static struct {
	uint64_t from, to;
} bad[BAD_MAX];
static size_t bad_n;
static uint8_t piece[PIECE_BYTES];

static int image_read(struct source *s, uint64_t offset_bytes, void *out, size_t len)
{
	struct image *i = (struct image *)s;

	i->reads++;
	i->bytes += len;
	for (size_t n = 0; n < bad_n; n++) {
		if (offset_bytes < bad[n].to && offset_bytes + len > bad[n].from)
			return -EIO;
	}
	return pread(i->file, out, len, (off_t)offset_bytes) == (ssize_t)len ? 0 : -EIO;
}

static void put_text(const char *name, const char *text)
{
	printf("\"%s\":\"", name);
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '"' || c == '\\')
			printf("\\%c", c);
		else if (c < 0x20 || c == 0x7F)
			printf("\\u%04x", c);
		else
			putchar(c);
	}
	putchar('"');
}

static void put_extents(struct work *w, const struct volume_file *f)
{
	const char *between = "";
	struct volume_extent e;
	struct volume_map m;

	fputs(",\"extents\":[", stdout);
	if (volume_map(w->volume, f, 0, &m) == 0) {
		for (; volume_map_next(&m, UINT64_MAX, &e) == 1; between = ",") {
			if (e.zeros)
				printf("%s[null,%" PRIu64 "]", between, e.len);
			else
				printf(
				    "%s[%" PRIu64 ",%" PRIu64 "]", between, e.offset_bytes, e.len);
		}
	}
	putchar(']');
}

/* Reads it whole; its SHA-256 as text. 0 or -errno. */
static int contents(struct work *w, const struct volume_file *f, char hex[65])
{
	unsigned char sum[EVP_MAX_MD_SIZE];
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	struct volume_extent e;
	struct volume_map m;
	int r;

	if (!md || EVP_DigestInit_ex(md, EVP_sha256(), NULL) != 1)
		abort();
	r = volume_map(w->volume, f, 0, &m);
	while (r >= 0 && (r = volume_map_next(&m, PIECE_BYTES, &e)) == 1) {
		if (e.zeros)
			memset(piece, 0, (size_t)e.len);
		else
			r = source_read(&w->image->source, e.offset_bytes, piece, (size_t)e.len);
		if (r < 0)
			break;
		EVP_DigestUpdate(md, piece, (size_t)e.len);
	}
	EVP_DigestFinal_ex(md, sum, NULL);
	EVP_MD_CTX_free(md);
	for (size_t i = 0; i < 32; i++)
		snprintf(hex + 2 * i, 3, "%02x", sum[i]);
	return r;
}

static void put_flags(uint32_t flags)
{
	static const char *const words[] = { "folder", "read-only", "contiguous", "name-odd", "cut",
		"shared", "unfinished" };
	const char *between = "";

	printf("\"flags\":[");
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (flags & 1u << i) {
			printf("%s\"%s\"", between, words[i]);
			between = ",";
		}
	}
	putchar(']');
}

static bool put_file(void *arg, const char *path, bool path_cut, const struct volume_file *f)
{
	struct work *w = arg;
	char hex[65] = "";
	int r = w->data ? contents(w, f, hex) : 0;

	printf("{\"what\":\"file\",\"partition\":%zu,", w->partition);
	put_text("path", path);
	printf(",\"path_cut\":%s,\"entry\":%" PRIu64 ",\"size\":%" PRIu64 ",\"told\":%" PRIu64
	       ",\"valid\":%" PRIu64 ",\"mtime\":",
	    path_cut ? "true" : "false", f->entry, f->size_bytes, f->told_bytes, f->valid_bytes);
	if (f->mtime_s == VOLUME_NO_TIME)
		printf("null,");
	else
		printf("%" PRId64 ",", f->mtime_s);
	put_flags(f->flags);
	if (r < 0)
		printf(",\"error\":\"%s\"", strerrorname_np(-r));
	else if (w->data)
		printf(",\"sha256\":\"%s\"", hex);
	if (w->extents)
		put_extents(w, f);
	puts("}");
	return true;
}

static int put_volume(struct work *w)
{
	uint64_t capacity = 0, left = 0;
	struct volume_report report;
	int r = volume_free(w->volume, &capacity, &left);

	printf("{\"what\":\"volume\",\"partition\":%zu,\"kind\":\"%s\",\"dirty\":%s", w->partition,
	    volume_word(volume_kind(w->volume)), volume_dirty(w->volume) ? "true" : "false");
	if (r == 0)
		printf(",\"capacity\":%" PRIu64 ",\"free\":%" PRIu64, capacity, left);
	puts("}");
	r = volume_walk(w->volume, put_file, w, &report);
	printf("{\"what\":\"report\",\"partition\":%zu,\"files\":%u,\"folders\":%u,\"damaged\":%u,"
	       "\"unread\":%u,\"error\":%d,",
	    w->partition, report.files, report.folders, report.damaged, report.unread, r);
	put_text("text", report.text);
	puts("}");
	return r;
}

static int put_image(
    const char *path, uint32_t block_bytes, bool partitions_alone, bool data, bool extents)
{
	struct image image = { .source.read = image_read, .source.block_bytes = block_bytes };
	struct work w = { .image = &image, .data = data, .extents = extents };
	struct partitions found;
	struct stat st;
	int r = 0;

	image.file = open(path, O_RDONLY | O_CLOEXEC);
	if (image.file < 0 || fstat(image.file, &st) < 0) {
		fprintf(stderr, "diskread: %s: %s\n", path, strerror(errno));
		return -errno;
	}
	image.source.size_bytes = (uint64_t)st.st_size / block_bytes * block_bytes;
	r = partitions_read(&image.source, &found);
	printf("{\"what\":\"disk\",");
	put_text("image", path);
	printf(",\"table\":\"%s\",\"partitions\":%zu,\"damaged\":%u,", partition_word(found.table),
	    found.n, found.damaged);
	put_text("text", found.text);
	puts("}");
	for (size_t i = 0; r == 0 && i < found.n; i++) {
		const char *why;

		printf(
		    "{\"what\":\"partition\",\"partition\":%zu,\"table\":\"%s\",\"offset\":%" PRIu64
		    ",\"size\":%" PRIu64 ",\"type\":%u}\n",
		    i, partition_word(found.table), found.at[i].offset_bytes,
		    found.at[i].size_bytes, found.at[i].type);
		if (partitions_alone)
			continue;
		w.partition = i;
		r = volume_open(&image.source, &found.at[i], &w.volume, &why);
		if (r == 0) {
			r = put_volume(&w);
			volume_close(w.volume);
			continue;
		}
		printf("{\"what\":\"none\",\"partition\":%zu,\"error\":\"%s\",", i,
		    strerrorname_np(-r));
		put_text("why", why);
		puts("}");
		r = r == -ENOTSUP || r == -EIO ? 0 : r;
	}
	printf("{\"what\":\"end\",\"error\":%d,\"reads\":%" PRIu64 ",\"bytes\":%" PRIu64 "}\n", r,
	    image.reads, image.bytes);
	close(image.file);
	return r;
}

static bool option_bad(const char *text)
{
	char *end;

	if (bad_n == BAD_MAX)
		return false;
	bad[bad_n].from = strtoull(text, &end, 0);
	if (*end != '-')
		return false;
	bad[bad_n].to = strtoull(end + 1, &end, 0);
	return *end == '\0' && bad[bad_n].to > bad[bad_n].from && ++bad_n;
}

int main(int argc, char **argv)
{
	bool partitions_alone = false, data = true, extents = false, failed = false;
	uint32_t block_bytes = 512;
	int i;

	for (i = 1; i < argc && strncmp(argv[i], "--", 2) == 0; i++) {
		if (strcmp(argv[i], "--partition") == 0)
			partitions_alone = true;
		else if (strcmp(argv[i], "--no-data") == 0)
			data = false;
		else if (strcmp(argv[i], "--extents") == 0)
			extents = true;
		else if (strcmp(argv[i], "--block") == 0 && i + 1 < argc)
			block_bytes = (uint32_t)strtoul(argv[++i], NULL, 0);
		else if (strcmp(argv[i], "--bad") != 0 || i + 1 >= argc || !option_bad(argv[++i]))
			i = argc;
	}
	if (i >= argc || block_bytes < 512 || block_bytes > 65536 ||
	    (block_bytes & (block_bytes - 1)) != 0) {
		fprintf(stderr,
		    "usage: diskread [--block N] [--partition] [--no-data] [--extents] [--bad FROM-TO] "
		    "IMAGE...\n");
		return 2;
	}
	for (; i < argc; i++)
		failed =
		    put_image(argv[i], block_bytes, partitions_alone, data, extents) < 0 || failed;
	return failed;
}
