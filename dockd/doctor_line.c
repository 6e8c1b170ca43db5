/*
 * doctor_line: destinations, and the keys by which they are known, judged from facts alone.
 */
#include "certificate.h"
#include "doctor.h"

#include <stdio.h>
#include <string.h>

#define DAY_S 86400

static bool is_one_of(const char *word, const char *const *words)
{
	for (; *words; words++) {
		if (strcmp(word, *words) == 0)
			return true;
	}
	return false;
}

/* States of a destination's page that say: you are not let in. */
static bool refuses_us(const char *state)
{
	static const char *const words[] = { "credentials", "forbidden", "login",
		"proxy-credentials", "proxy-refused", "tls-client", "tls-key", "access-key",
		"signature", "token", "denied", "account", "access", NULL };

	return is_one_of(state, words);
}

/* States that say: it is not the server that it should be. */
static bool is_not_proved(const char *state)
{
	static const char *const words[] = { "tls-name", "tls-expired", "tls-untrusted", "tls-pin",
		"tls-files", "tls-version", "tls", NULL };

	return is_one_of(state, words);
}

static void reach(const struct checks *to, const struct uplink_state *d)
{
	const char *why = d->trouble[0] ? d->trouble : "it does not answer";

	if (!d->connected && !d->person) {
		check_say(to, CHECK_BAD, "destination", d->name,
		    "IT: systemctl enable --now dockd-uploader@NAME for this destination; journalctl "
		    "-u dockd-uploader@NAME says why it ended",
		    "%s", why);
		return;
	}
	if (d->another)
		return;
	if (!d->away && !d->person) {
		check_say(to, CHECK_WELL, "destination", d->name, "", "%s: reached, %s", d->driver,
		    d->late[0] ? "but files will be late" : "files get through");
		check_say(to, CHECK_WELL, "credentials", d->name, "", "it lets this station in");
		return;
	}
	if (refuses_us(d->state))
		check_say(to, CHECK_BAD, "credentials", d->name,
		    "IT: have the destination's administrator look at this station's account, put "
		    "the new secret into the file that dockd.conf names; then dockctl retry all",
		    "it does not let this station in: %s", why);
	else if (is_not_proved(d->state))
		check_say(to, CHECK_BAD, "server-identity", d->name,
		    "IT: see what the text says; never pass over it: another server may answer "
		    "under this name",
		    "%s", why);
	else
		check_say(to, CHECK_BAD, "destination", d->name,
		    d->person ?
			"IT: mend what it says, then dockctl retry all" :
			"IT: cable, name server, firewall, the server itself; files are kept "
			"here meanwhile and go by themselves once it answers",
		    "%s", why);
}

static void proof(
    const struct checks *to, const struct uplink_state *d, const struct doctor_rules *rules)
{
	const char *gives = level_word(d->level), *wants = level_word(rules->accept);

	if (!d->connected || d->level == LEVEL_NONE)
		check_say(to, CHECK_NOTE, "proof", d->name, "",
		    "what it proves is not known before it has been reached");
	else if (d->level >= rules->accept)
		check_say(to, CHECK_WELL, "proof", d->name, "",
		    "its proof is \"%s\", \"%s\" is asked for%s", gives, wants,
		    rules->erase ? ": cameras can be emptied" : "; erase = \"never\" is set");
	else if (rules->erase)
		check_say(to, rules->any ? CHECK_WARN : CHECK_BAD, "proof", d->name,
		    "evidence manager and IT: a destination that proves more (receipts signed by the "
		    "server), or decide for less with accept-receipt",
		    "its proof is \"%s\" and accept-receipt asks for \"%s\": on its word nothing "
		    "is ever erased",
		    gives, wants);
	else
		check_say(to, CHECK_NOTE, "proof", d->name,
		    "evidence manager: before erasing is switched on, see that it proves more",
		    "its proof is \"%s\", less than accept-receipt = \"%s\"; nothing is to be erased "
		    "now (erase = \"never\")",
		    gives, wants);
}

static void preserving(const struct checks *to, const struct uplink_state *d)
{
	if (!d->connected)
		return;
	if (!(d->can & READY_PRESERVES))
		check_say(to, CHECK_NOTE, "preserve", d->name,
		    "evidence manager: tell its administrator of each preservation order",
		    "it cannot be told to preserve a file");
	else if (d->can & READY_MARKS)
		check_say(to, CHECK_NOTE, "preserve", d->name,
		    "IT: object lock at the store would hold against its administrator too",
		    "it keeps a mark that stations heed, and knows no hold of its own");
	else
		check_say(to, CHECK_WELL, "preserve", d->name, "", "it can hold what it has");
}

void doctor_destination(
    const struct checks *to, const struct uplink_state *d, const struct doctor_rules *rules)
{
	if (d->another)
		check_say(to, CHECK_BAD, "binding", d->name,
		    "IT: bring the old one back; evidence manager, where the new one is meant: dockctl "
		    "rebind, with the reason",
		    "another one answers under its name: %s", d->trouble);
	else if (d->connected)
		check_say(to, CHECK_WELL, "binding", d->name, "", "it is the one that it was");
	reach(to, d);
	proof(to, d, rules);
	preserving(to, d);
}

void doctor_certificate(const struct checks *to, const char *destination, unsigned which,
    int64_t not_before_s, int64_t not_after_s, int64_t now_s)
{
	static const char *const advice[] = {
		[CERTIFICATE_CLIENT] =
		    "IT: have a new client certificate issued for this station and put it into "
		    "certificate-file and key-file: it is taken up at once",
		[CERTIFICATE_CA] =
		    "IT: ask the server's administrator for the CA that comes next, and "
		    "add it to ca-file",
		[CERTIFICATE_SERVER] = "IT: ask the server's administrator to renew it",
	};
	enum check_level level = check_expiry(not_after_s, now_s);
	char subject[PROTO_NAME_LEN + 16], when[64];

	snprintf(subject, sizeof(subject), "%s %s", destination, certificate_word(which));
	if (not_before_s > now_s)
		check_say(to, CHECK_BAD, "certificate", subject,
		    "IT: look at the station's clock first, then at the certificate",
		    "%s is not valid before %s", certificate_noun(which),
		    check_day(not_before_s, now_s, when, sizeof(when)));
	else
		check_say(to, level, "certificate", subject,
		    level == CHECK_WELL ? "" : advice[which], "%s %s %s", certificate_noun(which),
		    not_after_s < now_s ? "expired" : "expires",
		    check_day(not_after_s, now_s, when, sizeof(when)));
}

static bool counts(const struct doctor_window *w, int64_t at_s)
{
	return (w->from_s == PROTO_NO_TIME || w->from_s <= at_s) &&
	    (w->until_s == PROTO_NO_TIME || at_s < w->until_s);
}

static unsigned counting(const struct doctor_window *w, size_t n, int64_t at_s)
{
	unsigned some = 0;

	for (size_t i = 0; i < n; i++)
		some += counts(&w[i], at_s);
	return some;
}

/* The first moment from now on at which none counts; INT64_MAX: there is none. */
static int64_t gap(const struct doctor_window *w, size_t n, int64_t now_s)
{
	int64_t first = INT64_MAX;

	if (counting(w, n, now_s) == 0)
		return now_s;
	for (size_t i = 0; i < n; i++) {
		if (w[i].until_s != PROTO_NO_TIME && w[i].until_s > now_s && w[i].until_s < first &&
		    counting(w, n, w[i].until_s) == 0)
			first = w[i].until_s;
	}
	return first;
}

void doctor_windows(const struct checks *to, const char *check, const char *destination,
    const struct doctor_window *w, size_t n, int64_t now_s)
{
	bool pins = strcmp(check, "pins") == 0;
	const char *noun = pins ? "pinned key" : "key for receipts";
	const char *advice = pins ?
	    "IT: ask the server's administrator for the next key and add it to pins in dockd.conf" :
	    "IT: ask for the server's next receipt key and add it to receipt-keys in dockd.conf";
	int64_t ends_s = gap(w, n, now_s);
	enum check_level level;
	char when[64];

	if (n == 0)
		return;
	if (ends_s == now_s) {
		check_say(to, CHECK_BAD, check, destination, advice, "no %s is in force today: %s",
		    noun, pins ? "nothing is sent" : "no receipt is accepted");
		return;
	}
	level = ends_s == INT64_MAX ? CHECK_WELL : check_expiry(ends_s, now_s);
	if (ends_s == INT64_MAX)
		check_say(to, CHECK_WELL, check, destination, "",
		    "%u of %zu in force, and one of them without an end", counting(w, n, now_s), n);
	else
		check_say(to, level, check, destination, level == CHECK_WELL ? "" : advice,
		    "the last %s ends %s and no other follows", noun,
		    check_day(ends_s, now_s, when, sizeof(when)));
}
