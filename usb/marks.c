/*
 * marks: which clusters of a volume a walk has come by. See marks.h.
 */
#include "marks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct marks {
	uint32_t covered; /* clusters that have bits */
	uint8_t *met, *twice;
	uint32_t *folders; /* open addressing; cluster + 1, 0 is free */
	size_t folders_size, folders_n;
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

static uint32_t *place(uint32_t *table, size_t size, uint32_t key)
{
	size_t at = (key * 2654435761u) & (size - 1);

	while (table[at] != 0 && table[at] != key)
		at = (at + 1) & (size - 1);
	return &table[at];
}

int marks_folder(struct marks *m, uint32_t cluster)
{
	uint32_t *at = place(m->folders, m->folders_size, cluster + 1);

	if (*at)
		return 0;
	if (m->folders_n == MARKS_FOLDERS)
		return -ENOSPC;
	if (4 * (m->folders_n + 1) > 3 * m->folders_size) {
		size_t size = 2 * m->folders_size;
		uint32_t *table = calloc(size, sizeof(*table));

		if (!table)
			return -ENOMEM;
		for (size_t i = 0; i < m->folders_size; i++) {
			if (m->folders[i])
				*place(table, size, m->folders[i]) = m->folders[i];
		}
		free(m->folders);
		m->folders = table;
		m->folders_size = size;
		at = place(table, size, cluster + 1);
	}
	*at = cluster + 1;
	m->folders_n++;
	return 1;
}
