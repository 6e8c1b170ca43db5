/*
 * log: lines as they are read, floods cut short and counted, priorities for the journal. Time is
 * the test's.
 */
#include <time.h>

static long long at_ms = 1000000;
static int test_clock(clockid_t id, struct timespec *out)
{
	(void)id;
	out->tv_sec = at_ms / 1000;
	out->tv_nsec = at_ms % 1000 * 1000000;
	return 0;
}
#define clock_gettime test_clock
#include "../../dockd/base/log.c"
#undef clock_gettime

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static char path[] = "/tmp/test-log-XXXXXX";
static char text[8 * 1024 * 1024];

/* All lines so far, and the file is empty again. */
static const char *take(void)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	ssize_t n = read(fd, text, sizeof(text) - 1);

	assert_true(n >= 0);
	text[n] = '\0';
	assert_int_equal(ftruncate(fd, 0), 0);
	close(fd);
	return text;
}

static unsigned lines(const char *in, const char *with)
{
	unsigned n = 0;

	for (const char *at = in; (at = strstr(at, with)); at += strlen(with))
		n++;
	return n;
}

static int setup(void **state)
{
	int fd = mkstemp(path);

	(void)state;
	if (fd < 0)
		return -1;
	close(fd);
	return log_open("test", path);
}

static int teardown(void **state)
{
	(void)state;
	return unlink(path);
}

static void test_a_line(void **state)
{
	(void)state;
	log_info("docked", "bay=%s camera=\"%s\"", "3", log_text("a\"b\n\x1b"));
	log_info("stopped", "%s", "");
	assert_string_equal(take(),
	    "1970-01-01T00:16:40.000Z level=info prog=test event=docked bay=3 "
	    "camera=\"a\\x22b\\x0a\\x1b\"\n"
	    "1970-01-01T00:16:40.000Z level=info prog=test event=stopped\n");
}

/* The lines that `suppressed` stands for. */
static unsigned long told_of(const char *in)
{
	unsigned long sum = 0;

	for (const char *at = in; (at = strstr(at, "event=suppressed what=upload-failed of=\""));
	     at++)
		sum += strtoul(strstr(at, " lines=") + 7, NULL, 10);
	return sum;
}

static void test_a_flood_is_cut_short_and_counted(void **state)
{
	struct log_counts before, after;
	unsigned long all;

	(void)state;
	log_counts(&before);
	for (int i = 0; i < 100000; i++) {
		log_warn("upload-failed", "destination=store asset=%d", i);
		at_ms += 1;
	}
	/* a burst, and then so many a minute */
	all = told_of(take());
	assert_in_range(lines(text, "event=upload-failed "), 220, 240);
	assert_true(strlen(text) < 32 * 1024);
	all += lines(text, "event=upload-failed ");
	log_counts(&after);
	assert_int_equal(after.lines[LOG_WARN_LEVEL] - before.lines[LOG_WARN_LEVEL], 100000);
	assert_in_range(after.suppressed - before.suppressed, 100000 - 240, 100000 - 220);
	/* a minute later all that was kept back has been told of, and once */
	at_ms += 61000;
	log_turn();
	all += told_of(take());
	assert_int_equal(all, 100000);
	at_ms += 61000;
	log_turn();
	assert_string_equal(take(), "");
}

static void test_one_flood_hides_no_other_place(void **state)
{
	(void)state;
	for (int i = 0; i < 10000; i++)
		log_error("worker-lost", "bay=7 docking=%d", i);
	take();
	assert_int_equal(lines(text, "bay=7 "), 200);
	log_error("worker-lost", "bay=8 docking=1");
	log_error("bay-fault", "bay=7 docking=1");
	take();
	assert_int_equal(lines(text, "event=worker-lost bay=8 "), 1);
	assert_int_equal(lines(text, "event=bay-fault bay=7 "), 1);
	/* what comes seldom enough is never kept back */
	for (int i = 0; i < 1000; i++) {
		log_error("reload-refused", "reason=\"%d\"", i);
		at_ms += 3000;
	}
	take();
	assert_int_equal(lines(text, "event=reload-refused "), 1000);
}

static void test_more_events_than_room(void **state)
{
	char event[32];

	(void)state;
	for (int i = 0; i < 20000; i++) {
		snprintf(event, sizeof(event), "event-%d", i);
		log_info(event, "bay=%d", i);
	}
	take();
	assert_int_equal(lines(text, "event=event-"), 20000);
}

/* Standard error is the journal's: lines begin with their priority. */
static void test_priorities(void **state)
{
	char told[64];
	struct stat st;
	int kept = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3), was = out;
	int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);

	(void)state;
	assert_int_equal(dup2(fd, STDERR_FILENO), STDERR_FILENO);
	fstat(fd, &st);
	snprintf(told, sizeof(told), "%llu:%llu", (unsigned long long)st.st_dev,
	    (unsigned long long)st.st_ino);
	setenv("JOURNAL_STREAM", told, 1);
	out = STDERR_FILENO;
	log_open("test", NULL);
	log_error("bad", "%s", "");
	log_warn("odd", "%s", "");
	log_info("well", "%s", "");
	setenv("JOURNAL_STREAM", "1:1", 1); /* somebody redirected it */
	log_open("test", NULL);
	log_info("plain", "%s", "");
	dup2(kept, STDERR_FILENO);
	out = was;
	close(fd);
	close(kept);
	take();
	assert_int_equal(lines(text, "<3>19"), 1);
	assert_int_equal(lines(text, "<4>19"), 1);
	assert_int_equal(lines(text, "<6>19"), 1);
	assert_non_null(strstr(text, "\n1970") ? strstr(text, "event=plain") : NULL);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_line),
		cmocka_unit_test(test_a_flood_is_cut_short_and_counted),
		cmocka_unit_test(test_one_flood_hides_no_other_place),
		cmocka_unit_test(test_more_events_than_room),
		cmocka_unit_test(test_priorities),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
