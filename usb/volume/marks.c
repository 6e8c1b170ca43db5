/*
 * marks: which clusters of a volume a walk has come by. See marks.h.
 */
#include "marks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BEGINS (1u << 31) /* a folder's own entry leads there */

struct place {
	uint32_t key;    /* cluster + 1; 0: free */
	uint32_t folder; /* whose chain came by it last, counted from 1; and BEGINS */
};

struct marks {
	uint32_t covered; /* clusters that have bits */
	uint8_t *met, *twice;
	struct place *folders; /* open addressing */
	size_t folders_size, folders_n;
	uint32_t folder; /* that is followed */
};

struct marks *marks_open(uint32_t n)
{
	struct marks *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->covered = n < 8 * MARKS_BYTES ? n : 8 * MARKS_BYTES;
	m->met = calloc(m->covered / 8 + 1, 1);
	m->folders_size = 1024;
	m->folders = calloc(m->folders_size, sizeof(*m->folders));
	if (!m->met || !m->folders) {
		marks_close(m);
		return NULL;
	}
	return m;
}

void marks_close(struct marks *m)
{
	if (!m)
		return;
	free(m->met);
	free(m->twice);
	free(m->folders);
	free(m);
}

void marks_again(struct marks *m)
{
	memset(m->met, 0, m->covered / 8 + 1);
	memset(m->folders, 0, m->folders_size * sizeof(*m->folders));
	m->folders_n = 0;
	m->folder = 0;
}

bool marks_covers(const struct marks *m, uint32_t cluster)
{
	return cluster < m->covered;
}

bool marks_meet(struct marks *m, uint32_t cluster)
{
	uint8_t bit = (uint8_t)(1u << cluster % 8);
	bool before;

	if (!marks_covers(m, cluster))
		return false;
	before = m->met[cluster / 8] & bit;
	m->met[cluster / 8] |= bit;
	return before;
}

int marks_share(struct marks *m, uint32_t cluster)
{
	if (!marks_covers(m, cluster))
		return 0;
	if (!m->twice)
		m->twice = calloc(m->covered / 8 + 1, 1);
	if (!m->twice)
		return -ENOMEM;
	m->twice[cluster / 8] |= (uint8_t)(1u << cluster % 8);
	return 0;
}

bool marks_shared(const struct marks *m, uint32_t cluster)
{
	return m->twice && marks_covers(m, cluster) && m->twice[cluster / 8] >> cluster % 8 & 1;
}

static struct place *place(struct place *table, size_t size, uint32_t key)
{
	size_t at = (key * 2654435761u) & (size - 1);

	while (table[at].key != 0 && table[at].key != key)
		at = (at + 1) & (size - 1);
	return &table[at];
}

/* A place for one more. 0, -ENOSPC or -ENOMEM. */
static int grow(struct marks *m)
{
	size_t size = 2 * m->folders_size;
	struct place *table;

	if (m->folders_n == MARKS_FOLDERS)
		return -ENOSPC;
	if (4 * (m->folders_n + 1) <= 3 * m->folders_size)
		return 0;
	table = calloc(size, sizeof(*table));
	if (!table)
		return -ENOMEM;
	for (size_t i = 0; i < m->folders_size; i++) {
		if (m->folders[i].key)
			*place(table, size, m->folders[i].key) = m->folders[i];
	}
	free(m->folders);
	m->folders = table;
	m->folders_size = size;
	return 0;
}

int marks_folder(struct marks *m, uint32_t cluster, bool first)
{
	struct place *at = place(m->folders, m->folders_size, cluster + 1);
	uint32_t begins = first ? BEGINS : 0;
	int r = 0;

	if (first && (at->folder & BEGINS))
		return -EEXIST;
	if (!first && at->key && (at->folder & ~BEGINS) == m->folder)
		return -ELOOP;
	if (!at->key) {
		r = grow(m);
		if (r < 0)
			return r;
		at = place(m->folders, m->folders_size, cluster + 1);
		m->folders_n++;
		r = 1;
	}
	m->folder += first;
	*at = (struct place){ cluster + 1, m->folder | begins | (at->folder & BEGINS) };
	return r;
}
