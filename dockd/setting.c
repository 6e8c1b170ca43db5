#include "setting.h"

#include "base/log.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <libconfig.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEPTH_MAX 8 /* of a setting's printed place; our own tables need three */

#define SETTING_FILE_MAX (1u << 20) /* bytes; config_kept keeps such */

struct setting_file {
	struct config_t config;
	char *path;
};

static bool is_whole(const config_setting_t *node)
{
	int type = config_setting_type(node);

	return type == CONFIG_TYPE_INT || type == CONFIG_TYPE_INT64;
}

/* ---- problems ---- */

static const char *file_of(const config_setting_t *node)
{
	const char *file = config_setting_source_file(node);

	return file ? file : "configuration";
}

/* "destinations[1].slots" */
static void print_place(FILE *out, const config_setting_t *node)
{
	const config_setting_t *up[DEPTH_MAX];
	size_t n = 0;

	for (; node && !config_setting_is_root(node) && n < DEPTH_MAX;
	     node = config_setting_parent(node))
		up[n++] = node;
	for (size_t i = n; i-- > 0;) {
		if (!config_setting_name(up[i])) {
			fprintf(out, "[%d]", config_setting_index(up[i]));
			continue;
		}
		fprintf(out, "%s%s", i + 1 < n ? "." : "", config_setting_name(up[i]));
	}
}

static void print_value(FILE *out, const config_setting_t *node)
{
	switch (config_setting_type(node)) {
	case CONFIG_TYPE_INT:
	case CONFIG_TYPE_INT64:
		fprintf(out, "%lld", config_setting_get_int64(node));
		break;
	case CONFIG_TYPE_FLOAT:
		fprintf(out, "%g", config_setting_get_float(node));
		break;
	case CONFIG_TYPE_BOOL:
		fputs(config_setting_get_bool(node) ? "true" : "false", out);
		break;
	case CONFIG_TYPE_STRING:
		fprintf(out, "\"%s\"", log_text(config_setting_get_string(node)));
		break;
	case CONFIG_TYPE_GROUP:
		fputs("{ ... }", out);
		break;
	case CONFIG_TYPE_ARRAY:
		fputs("[ ... ]", out);
		break;
	default:
		fputs("( ... )", out);
	}
}

void setting_wrong(
    struct setting_errors *e, const struct config_setting_t *node, const char *fmt, ...)
{
	va_list ap;

	fprintf(e->out, "%s:%u: ", file_of(node), config_setting_source_line(node));
	print_place(e->out, node);
	fputs(" = ", e->out);
	print_value(e->out, node);
	fputs(": ", e->out);
	va_start(ap, fmt);
	vfprintf(e->out, fmt, ap);
	va_end(ap);
	fputc('\n', e->out);
	e->n++;
}

void setting_missing(struct setting_errors *e, const struct config_setting_t *group,
    const char *name, const char *text)
{
	unsigned line = config_setting_source_line(group);

	fprintf(e->out, "%s:%u: ", file_of(group), line ? line : 1);
	print_place(e->out, group);
	fprintf(
	    e->out, "%s%s is missing: %s\n", config_setting_is_root(group) ? "" : ".", name, text);
	e->n++;
}

/* ---- the file ---- */

struct scan {
	const char *path;
	FILE *in;
	unsigned line;
};

static int scan_next(struct scan *s)
{
	int c = getc(s->in);

	s->line += c == '\n';
	return c;
}

/* Past a string or comment that begins with first; returns what follows it. */
static int scan_past(struct scan *s, int first)
{
	int c = scan_next(s), before = 0;

	if (first == '"') {
		for (; c != EOF && c != '"'; c = scan_next(s)) {
			if (c == '\\')
				scan_next(s);
		}
		return scan_next(s);
	}
	if (first == '/' && c == '*') {
		for (c = scan_next(s); c != EOF && !(before == '*' && c == '/'); c = scan_next(s))
			before = c;
		return scan_next(s);
	}
	if (first == '#' || c == '/') {
		while (c != EOF && c != '\n')
			c = scan_next(s);
	}
	return c;
}

/* A whole number without L that does not fit 32 bits. */
static bool is_cut(const char *word)
{
	bool hex = word[0] == '0' && (word[1] == 'x' || word[1] == 'X');
	char *end;
	long long value;

	errno = 0;
	value = strtoll(word, &end, hex ? 16 : 10);
	return *end == '\0' && (errno == ERANGE || value > INT32_MAX || value < INT32_MIN);
}

/*
 * libconfig 1.5 cuts a whole number without L to 32 bits and says nothing, and what @include brings
 * in is not seen here: both are problems. Words may hold digits, so a word is taken whole.
 */
static void scan_file(struct setting_errors *e, struct scan *s)
{
	char word[64];
	int c = scan_next(s);

	while (c != EOF) {
		unsigned line = s->line;
		size_t n = 0;

		if (c == '"' || c == '#' || c == '/') {
			c = scan_past(s, c);
			continue;
		}
		if (c == '@') {
			fprintf(e->out, "%s:%u: @include: not allowed, all settings in one file\n",
			    s->path, line);
			e->n++;
		}
		for (; isalnum(c) || c == '_' || c == '-' || c == '+' || c == '.';
		     c = scan_next(s)) {
			if (n < sizeof(word) - 1)
				word[n++] = (char)c;
		}
		word[n] = '\0';
		if (n == 0) {
			c = scan_next(s);
		} else if (is_cut(word)) {
			fprintf(e->out, "%s:%u: %s: a number beyond 2147483647 ends in L\n",
			    s->path, line, word);
			e->n++;
		}
	}
}

/* The whole of a regular file as text, for free(); NULL with errno: EFBIG, EISDIR, ENODATA, ... */
static char *read_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), err = 0;
	char *text = NULL;
	size_t len = 0;
	struct stat st;
	ssize_t n = 0;

	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) < 0)
		err = errno;
	else if (!S_ISREG(st.st_mode))
		err = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
	if (!err && !(text = malloc(SETTING_FILE_MAX + 2)))
		err = ENOMEM;
	while (!err && len <= SETTING_FILE_MAX &&
	    (n = read(fd, text + len, SETTING_FILE_MAX + 1 - len)) > 0)
		len += (size_t)n;
	if (!err && n < 0)
		err = errno;
	if (!err && len > SETTING_FILE_MAX)
		err = EFBIG;
	if (!err && (len == 0 || memchr(text, '\0', len)))
		err = ENODATA; /* what a power cut leaves of a file that was just written */
	close(fd);
	if (err) {
		free(text);
		errno = err;
		return NULL;
	}
	text[len] = '\0';
	return text;
}

static const char *cannot_read(int err)
{
	switch (err) {
	case ENODATA:
		return "it is empty, or has zeros in it: write it anew (one that sets nothing has a "
		       "comment)";
	case EFBIG:
		return "longer than a configuration can be";
	case EINVAL:
		return "not a file";
	}
	return strerror(err);
}

int setting_file_open(const char *path, struct setting_errors *e, struct setting_file **out)
{
	struct setting_file *f = calloc(1, sizeof(*f));
	const char *file;
	char *text = NULL;
	FILE *in;

	*out = NULL;
	if (!f)
		return -ENOMEM;
	config_init(&f->config);
	text = read_file(path);
	if (!text) {
		fprintf(e->out, "%s:0: cannot be read: %s\n", path, cannot_read(errno));
		goto wrong;
	}
	in = fmemopen(text, strlen(text), "r");
	if (!in)
		goto wrong;
	scan_file(e, &(struct scan){ .path = path, .in = in, .line = 1 });
	fclose(in);
	if (!config_read_file(&f->config, path)) {
		file = config_error_file(&f->config);
		fprintf(e->out, "%s:%d: %s: settings are written name = value;\n",
		    file ? file : path, config_error_line(&f->config),
		    config_error_text(&f->config));
		goto wrong;
	}
	free(text);
	*out = f;
	return 0;
wrong:
	free(text);
	e->n++;
	setting_file_close(f);
	return -EINVAL;
}

void setting_file_close(struct setting_file *f)
{
	if (!f)
		return;
	config_destroy(&f->config);
	free(f);
}

const struct config_setting_t *setting_file_root(const struct setting_file *f)
{
	return config_root_setting(&f->config);
}

const struct config_setting_t *setting_find(const struct config_setting_t *group, const char *name)
{
	return config_setting_get_member(group, name);
}

size_t setting_count(const struct config_setting_t *node)
{
	int n = config_setting_is_aggregate(node) ? config_setting_length(node) : 0;

	return n > 0 ? (size_t)n : 0;
}

const struct config_setting_t *setting_member(const struct config_setting_t *node, size_t i)
{
	return config_setting_get_elem(node, (unsigned)i);
}

const char *setting_name(const struct config_setting_t *node)
{
	return config_setting_name(node);
}

bool setting_is_list(const struct config_setting_t *node)
{
	return config_setting_is_list(node) || config_setting_is_array(node);
}

bool setting_is_group(const struct config_setting_t *node)
{
	return config_setting_is_group(node);
}

const char *setting_text(const struct config_setting_t *node)
{
	return config_setting_type(node) == CONFIG_TYPE_STRING ? config_setting_get_string(node) :
								 NULL;
}

bool setting_whole(const struct config_setting_t *node, int64_t *out)
{
	if (is_whole(node))
		*out = config_setting_get_int64(node);
	return is_whole(node);
}

/* ---- values ---- */

bool setting_is_name(const char *text)
{
	static const char allowed[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

	return text[0] && !strchr("._-", text[0]) && text[strspn(text, allowed)] == '\0';
}

int setting_user_id(const char *name, uint32_t *out)
{
	const struct passwd *p = getpwnam(name);

	if (!p)
		return -ENOENT;
	*out = p->pw_uid;
	return 0;
}

int setting_group_id(const char *name, uint32_t *out)
{
	const struct group *g = getgrnam(name);

	if (!g)
		return -ENOENT;
	*out = g->gr_gid;
	return 0;
}

static void store(void *at, size_t size, int64_t value)
{
	uint8_t byte = (uint8_t)value;
	uint32_t word = (uint32_t)value;

	if (size == sizeof(byte))
		memcpy(at, &byte, size);
	else if (size == sizeof(word))
		memcpy(at, &word, size);
	else
		memcpy(at, &value, sizeof(value));
}

static void read_text(
    struct setting_errors *e, const config_setting_t *node, const struct setting *s, char *at)
{
	const char *text = setting_text(node);

	if (!text)
		setting_wrong(e, node, "a text in quotes: %s", s->allowed ? s->allowed : "any");
	else if (strlen(text) >= s->size)
		setting_wrong(e, node, "at most %zu bytes", s->size - 1);
	else if (s->good && !s->good(text))
		setting_wrong(e, node, "%s", s->allowed);
	else
		memcpy(at, text, strlen(text) + 1);
}

static void read_number(
    struct setting_errors *e, const config_setting_t *node, const struct setting *s, void *at)
{
	int64_t value = is_whole(node) ? config_setting_get_int64(node) : 0;

	if (is_whole(node) && value >= s->min && value <= s->max)
		store(at, s->size, value * (s->scale ? s->scale : 1));
	else if (s->allowed)
		setting_wrong(e, node, "a whole number, %s", s->allowed);
	else
		setting_wrong(
		    e, node, "a whole number from %" PRId64 " to %" PRId64, s->min, s->max);
}

static void read_choice(
    struct setting_errors *e, const config_setting_t *node, const struct setting *s, void *at)
{
	const char *text = setting_text(node);
	char words[256] = "";
	size_t used = 0;

	for (const struct setting_choice *c = s->choices; c->word; c++) {
		int n;

		if (text && strcmp(text, c->word) == 0) {
			store(at, s->size, c->value);
			return;
		}
		n = snprintf(words + used, sizeof(words) - used, " \"%s\"", c->word);
		used += n > 0 && (size_t)n < sizeof(words) - used ? (size_t)n : 0;
	}
	setting_wrong(
	    e, node, "one of%s%s%s", words, s->allowed ? "; " : "", s->allowed ? s->allowed : "");
}

static void read_id(
    struct setting_errors *e, const config_setting_t *node, const struct setting *s, void *at)
{
	const char *text = setting_text(node);
	bool user = s->type == SETTING_USER;
	uint32_t id = (uint32_t)-1;

	if (is_whole(node)) {
		int64_t value = config_setting_get_int64(node);

		if (value < (user ? 1 : 0) || value >= UINT32_MAX) {
			setting_wrong(e, node, "a %s by name, or by number from %d on",
			    user ? "user" : "group", user ? 1 : 0);
			return;
		}
		id = (uint32_t)value;
	} else if (!text || (user && text[0] == '\0')) {
		setting_wrong(e, node, "a %s by name or number", user ? "user" : "group");
		return;
	} else if (text[0] != '\0' &&
	    (user ? setting_user_id(text, &id) : setting_group_id(text, &id)) < 0) {
		setting_wrong(e, node, "this machine knows no such %s", user ? "user" : "group");
		return;
	}
	if (user && id == 0)
		setting_wrong(e, node, "any user but root");
	else
		memcpy(at, &id, sizeof(id));
}

static void read_one(
    struct setting_errors *e, const config_setting_t *node, const struct setting *s, char *at)
{
	switch (s->type) {
	case SETTING_TEXT:
		read_text(e, node, s, at);
		break;
	case SETTING_NUMBER:
		read_number(e, node, s, at);
		break;
	case SETTING_BOOL:
		if (config_setting_type(node) != CONFIG_TYPE_BOOL)
			setting_wrong(e, node, "true or false, without quotes");
		else
			*(bool *)at = config_setting_get_bool(node) != 0;
		break;
	case SETTING_CHOICE:
		read_choice(e, node, s, at);
		break;
	case SETTING_USER:
	case SETTING_GROUP:
		read_id(e, node, s, at);
		break;
	case SETTING_LATER:
		break;
	}
}

void setting_read(struct setting_errors *e, const struct config_setting_t *group,
    const struct setting *table, size_t n, void *base, bool *seen)
{
	for (size_t i = 0; i < setting_count(group); i++) {
		const config_setting_t *node = setting_member(group, i);
		const struct setting *s = NULL;

		for (size_t k = 0; k < n && !s; k++) {
			if (strcmp(table[k].name, config_setting_name(node)) == 0)
				s = &table[k];
		}
		if (!s) {
			setting_wrong(e, node, "there is no such setting here");
			continue;
		}
		if (seen)
			seen[s - table] = true;
		read_one(e, node, s, (char *)base + s->offset);
	}
}
