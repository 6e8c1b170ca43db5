/*
 * needles: which of many byte strings are in a disk image, wherever they lie.
 *
 * needles IMAGE <LIST: lines "NAME HEX", 16 bytes at least each; prints "NAME COUNT" of those that are
 * there. Holes of the image are passed over. Every offset is looked at: eight bytes pick a bucket, the
 * rest is compared.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUCKETS (1u << 22)
#define NEEDLE_MAX 256
#define CHUNK (8u << 20)

struct needle {
	struct needle *next;
	size_t len;
	uint64_t found;
	char name[80];
	uint8_t bytes[NEEDLE_MAX];
};

static struct needle *bucket[BUCKETS];
static struct needle *all[1u << 20];
static size_t all_n;

static uint32_t bucket_of(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return (uint32_t)(v * UINT64_C(0x9e3779b97f4a7c15) >> 42);
}

static void add(const char *name, const char *hex)
{
	struct needle *n = calloc(1, sizeof(*n));

	if (!n || all_n == sizeof(all) / sizeof(all[0]))
		exit(2);
	snprintf(n->name, sizeof(n->name), "%s", name);
	for (; hex[0] && hex[1] && n->len < NEEDLE_MAX; hex += 2) {
		char two[3] = { hex[0], hex[1], 0 };

		n->bytes[n->len++] = (uint8_t)strtoul(two, NULL, 16);
	}
	if (n->len < 16) {
		fprintf(stderr, "needles: %s is too short\n", name);
		exit(2);
	}
	n->next = bucket[bucket_of(n->bytes)];
	bucket[bucket_of(n->bytes)] = n;
	all[all_n++] = n;
}

static void look(const uint8_t *data, size_t len)
{
	for (size_t i = 0; i + 16 <= len; i++) {
		for (struct needle *n = bucket[bucket_of(data + i)]; n; n = n->next) {
			if (i + n->len <= len && memcmp(data + i, n->bytes, n->len) == 0)
				n->found++;
		}
	}
}

/* One run of data: chunks overlap by the longest needle, so one may be counted twice, none missed. */
static void scan(int fd, off_t from, off_t to)
{
	static uint8_t data[CHUNK];

	while (from < to) {
		size_t want = to - from > (off_t)CHUNK ? CHUNK : (size_t)(to - from);
		ssize_t n = pread(fd, data, want, from);

		if (n <= 0) {
			perror("needles: read");
			exit(2);
		}
		look(data, (size_t)n);
		if (from + n >= to)
			break;
		from += n > NEEDLE_MAX ? n - NEEDLE_MAX : n;
	}
}

int main(int argc, char **argv)
{
	static char line[2 * NEEDLE_MAX + 128], name[80], hex[2 * NEEDLE_MAX + 1];
	int fd = argc == 2 ? open(argv[1], O_RDONLY) : -1;
	off_t from = 0, to, end;

	if (fd < 0) {
		perror("needles: IMAGE");
		return 2;
	}
	while (fgets(line, sizeof(line), stdin)) {
		if (sscanf(line, "%79s %512s", name, hex) != 2)
			return 2;
		add(name, hex);
	}
	end = lseek(fd, 0, SEEK_END);
	while (from < end && (from = lseek(fd, from, SEEK_DATA)) >= 0) {
		to = lseek(fd, from, SEEK_HOLE);
		scan(fd, from, to);
		from = to;
	}
	if (from < 0 && errno != ENXIO)
		return 2;
	for (size_t i = 0; i < all_n; i++) {
		if (all[i]->found)
			printf("%s %llu\n", all[i]->name, (unsigned long long)all[i]->found);
	}
	return 0;
}
