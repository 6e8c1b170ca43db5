/*
 * setting: one configuration file read by a table; the only file that includes libconfig.h.
 *
 * Called by config and config_profile. A table names every setting of a group, what is allowed and
 * where the value goes, so reading, checking and the unknown-setting error are one thing. All
 * problems of a file are collected, none ends the reading. It never says which defaults there are.
 */
#ifndef DOCKD_SETTING_H
#define DOCKD_SETTING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* A node of a parsed file: libconfig's config_setting_t. */
struct config_setting_t;
struct setting_file;

/* Where problems go: one line each. */
struct setting_errors {
	FILE *out;
	size_t n;
};

enum setting_type {
	SETTING_TEXT,   /* char[size]; good() decides where there is one */
	SETTING_NUMBER, /* 4 or 8 bytes; min..max, then times scale */
	SETTING_BOOL,
	SETTING_CHOICE, /* one word of choices; its value into 1 or 4 bytes */
	SETTING_USER,   /* uid_t, by name or number; not root */
	SETTING_GROUP,  /* gid_t, by name or number; "" = (gid_t)-1 */
	SETTING_LATER,  /* the caller reads it from its node */
};

struct setting_choice {
	const char *word;
	int value;
};

struct setting {
	const char *name;
	enum setting_type type;
	size_t offset, size;                  /* of the field within base */
	int64_t min, max, scale;              /* scale 0 is 1 */
	const struct setting_choice *choices; /* ends with word NULL */
	bool (*good)(const char *text);
	const char *allowed; /* for people; made from the range or the choices where NULL */
};

/* offset and size of a field, for a table */
#define SETTING_AT(s, f) offsetof(struct s, f), sizeof(((struct s *)0)->f)

/*
 * Parses path. 0; -ENOMEM; else -EINVAL with the problem in e.
 */
int setting_file_open(const char *path, struct setting_errors *e, struct setting_file **out);
void setting_file_close(struct setting_file *f);
const struct config_setting_t *setting_file_root(const struct setting_file *f);

/*
 * Reads every member of group by the table into the struct at base. What is wrong or in no table
 * is a problem in e, and the field keeps what it had. seen[i] (may be NULL): entry i was there.
 */
void setting_read(struct setting_errors *e, const struct config_setting_t *group,
    const struct setting *table, size_t n, void *base, bool *seen);

/* Member of a group by name, or NULL. */
const struct config_setting_t *setting_find(const struct config_setting_t *group, const char *name);
/* Members of a list, array or group, 0 for anything else. */
size_t setting_count(const struct config_setting_t *node);
const struct config_setting_t *setting_member(const struct config_setting_t *node, size_t i);
const char *setting_name(const struct config_setting_t *node);
bool setting_is_list(const struct config_setting_t *node); /* ( ... ) or [ ... ] */
bool setting_is_group(const struct config_setting_t *node);
const char *setting_text(const struct config_setting_t *node); /* NULL where it is no string */
bool setting_whole(const struct config_setting_t *node, int64_t *out); /* a whole number */

/* One problem: "file:line: setting = value: text". */
void setting_wrong(struct setting_errors *e, const struct config_setting_t *node, const char *fmt,
    ...) __attribute__((format(printf, 3, 4)));
/* One problem of a setting that should be in this group: "file:line: name is missing: text". */
void setting_missing(struct setting_errors *e, const struct config_setting_t *group,
    const char *name, const char *text);

/* Our own names (station, bay, destination, profile): they stand in logs, folders and units. */
#define SETTING_NAME_ALLOWED "letters, digits, '.', '_' and '-', a letter or digit first"
bool setting_is_name(const char *text);

/* Ids of the machine's users and groups: 0 or -ENOENT. */
int setting_user_id(const char *name, uint32_t *out);
int setting_group_id(const char *name, uint32_t *out);

#endif
