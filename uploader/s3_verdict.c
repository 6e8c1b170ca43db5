/*
 * s3_verdict: what to do after an answer of an S3 server; see s3_reply.h.
 *
 * Error codes first (S3 API Reference, "Error responses"; radosgw's of Ceph's rgw_common.cc), then
 * the status of what came without a document: answers to HEAD, and those of what stands in front.
 */
#include "s3_reply.h"

#include <string.h>

struct rule {
	const char *code;
	int status;
	enum s3_verdict verdict;
	const char *word, *text;
};

/* Verdict, word and text of rules that stand under several codes. */
#define ASK_PASSING S3_ASK, "server", "the store is in trouble and says that it passes"
#define SLOW S3_ASK, "slow-down", "the store asks for fewer requests"
#define LOCK_TEXT                                                                                  \
	"the store refuses the lock: was the bucket made with object lock, and does it take this " \
	"mode and this date?"
#define DENIED                                                                                     \
	S3_CREDENTIALS, "denied",                                                                  \
	    "the store denies this to the access key: its policy must allow what dockd-s3(5) lists"
#define CLOSED                                                                                     \
	S3_DESTINATION, "account", "the store has closed the account: its operator must open it"
#define SKEWED                                                                                     \
	S3_SKEW, "clock-skew",                                                                     \
	    "the clocks of station and store are too far apart: check NTP at both"
#define PARTS S3_PARTS_DIFFER, "parts", "the store has other parts than were listed"
#define LOCKED S3_LOCKED, "locked", "a lock or a legal hold is on it"
#define FULL S3_DESTINATION, "full", "the store is full: its operator must make room"
#define ELSEWHERE                                                                                  \
	S3_DESTINATION, "redirect",                                                                \
	    "the bucket is elsewhere, and redirects are not followed: configure its own url "      \
	    "and region"
#define REGION S3_DESTINATION, "region", "the store expects another region: configure the bucket's"
#define TOO_LARGE S3_REFUSED, "too-large", "it is larger than the store takes"
#define NO_LOCK S3_DESTINATION, "no-object-lock", LOCK_TEXT
#define BAD_KEY                                                                                    \
	S3_CREDENTIALS, "access-key", "the store refuses the access key: renew the secrets file"

/* clang-format off */
static const struct rule codes[] = {
	{ "NoSuchUpload", 0, S3_GONE, "no-upload", "the store has no such multipart upload" },
	{ "NoSuchKey", 0, S3_GONE, "no-object", "the store has no such object" },
	{ "NoSuchVersion", 0, S3_GONE, "no-object", "the store has no such version of it" },
	{ "NoSuchBucket", 0, S3_DESTINATION, "no-bucket",
	    "there is no such bucket: check bucket, url and path-style" },
	{ "InvalidBucketName", 0, S3_DESTINATION, "no-bucket",
	    "there can be no bucket of this name: check bucket and path-style" },
	{ "InvalidAccessKeyId", 0, BAD_KEY },
	{ "SignatureDoesNotMatch", 0, S3_CREDENTIALS, "signature",
	    "the store refuses the signature: check the secret key, and that no proxy "
	    "changes headers" },
	{ "ExpiredToken", 0, S3_CREDENTIALS, "token",
	    "the session token has expired: renew the secrets file" },
	{ "InvalidToken", 0, S3_CREDENTIALS, "token",
	    "the session token is refused: renew the secrets file" },
	{ "TokenRefreshRequired", 0, S3_CREDENTIALS, "token",
	    "the session token must be renewed: renew the secrets file" },
	{ "AccessDenied", 0, DENIED },
	{ "Forbidden", 0, DENIED },
	{ "InvalidSecurity", 0, BAD_KEY },
	{ "AccountProblem", 0, CLOSED },
	{ "AllAccessDisabled", 0, CLOSED },
	{ "UserSuspended", 0, S3_DESTINATION, "account",
	    "the store has suspended the user: its operator must open it" },
	{ "NotSignedUp", 0, S3_DESTINATION, "account",
	    "the account has no S3: its operator must open it" },
	{ "RequestTimeTooSkewed", 0, SKEWED },
	{ "RequestExpired", 0, SKEWED },
	{ "SlowDown", 0, SLOW },
	{ "Slowdown", 0, SLOW },
	{ "SlowDownRead", 0, SLOW },
	{ "SlowDownWrite", 0, SLOW },
	{ "ServiceUnavailable", 0, SLOW },
	{ "Busy", 0, SLOW },
	{ "TooManyRequests", 0, SLOW },
	{ "RequestLimitExceeded", 0, SLOW },
	{ "Throttling", 0, SLOW },
	{ "ThrottlingException", 0, SLOW },
	{ "InternalError", 0, ASK_PASSING },
	{ "OperationAborted", 0, ASK_PASSING },
	{ "ConditionalRequestConflict", 0, ASK_PASSING },
	{ "PreconditionFailed", 0, S3_ASK, "taken", "an object is at this key already" },
	{ "RequestTimeout", 0, S3_ASK, "server", "the store waited too long for bytes" },
	{ "IncompleteBody", 0, S3_ASK, "server", "fewer bytes arrived than were announced" },
	{ "BadDigest", 0, S3_DIGEST, "digest", "what arrived is not what was sent (MD5)" },
	{ "XAmzContentSHA256Mismatch", 0, S3_DIGEST, "digest",
	    "what arrived is not what was sent (SHA-256)" },
	{ "XAmzContentChecksumMismatch", 0, S3_DIGEST, "digest",
	    "what arrived is not what was sent" },
	{ "InvalidPart", 0, PARTS },
	{ "InvalidPartOrder", 0, PARTS },
	{ "EntityTooSmall", 0, S3_PARTS_DIFFER, "parts",
	    "a part is smaller than the store allows" },
	{ "EntityTooLarge", 0, TOO_LARGE },
	{ "MaxMessageLengthExceeded", 0, TOO_LARGE },
	{ "ObjectLocked", 0, LOCKED },
	{ "FileImmutable", 0, LOCKED },
	{ "ObjectLockConfigurationNotFoundError", 0, S3_DESTINATION, "no-object-lock",
	    "the bucket has no object lock: it can only be switched on when a bucket is made" },
	{ "NoSuchObjectLockConfiguration", 0, S3_GONE, "no-lock", "it has no lock and no hold" },
	{ "InvalidBucketState", 0, NO_LOCK },
	{ "InvalidRetentionPeriod", 0, NO_LOCK },
	{ "QuotaExceeded", 0, S3_DESTINATION, "full",
	    "the bucket's quota is used up: its operator must make room" },
	{ "InsufficientCapacity", 0, FULL },
	{ "InsufficientStorage", 0, FULL },
	{ "XMinioStorageFull", 0, FULL },
	{ "PermanentRedirect", 0, ELSEWHERE },
	{ "TemporaryRedirect", 0, ELSEWHERE },
	{ "Redirect", 0, ELSEWHERE },
	{ "AuthorizationHeaderMalformed", 0, REGION },
	{ "IllegalLocationConstraintException", 0, REGION },
	{ "NotImplemented", 0, S3_DESTINATION, "not-s3",
	    "the store cannot do this: does it speak S3 with multipart uploads?" },
	{ "InvalidURI", 0, S3_DESTINATION, "not-s3",
	    "the store cannot read the request: check url and path-style" },
};

static const struct rule statuses[] = {
	{ NULL, 401, S3_CREDENTIALS, "denied", "something asks for a login (401): a proxy?" },
	{ NULL, 402, S3_DESTINATION, "account", "the service wants payment or a licence (402)" },
	{ NULL, 403, S3_CREDENTIALS, "denied",
	    "the store denies this to the access key (403): its policy must allow what "
	    "dockd-s3(5) lists" },
	{ NULL, 404, S3_DESTINATION, "not-s3",
	    "404 without the store's own word: something else answers there: check url and "
	    "path-style" },
	{ NULL, 405, S3_DESTINATION, "not-s3",
	    "what answers there does not allow the method (405)" },
	{ NULL, 407, S3_DESTINATION, "proxy", "the proxy wants a login (407)" },
	{ NULL, 408, S3_ASK, "server", "the server waited too long for the request (408)" },
	{ NULL, 409, S3_ASK, "server", "another request is in the way (409)" },
	{ NULL, 411, S3_DESTINATION, "not-s3",
	    "a length is asked for though it was told (411): a proxy?" },
	{ NULL, 413, S3_DESTINATION, "too-large",
	    "a proxy refuses the size of a request (413): raise its limit above part-bytes" },
	{ NULL, 417, S3_ASK, "server", "a proxy does not take Expect (417)" },
	{ NULL, 421, S3_DESTINATION, "not-s3",
	    "the server is not the one for this name (421): check the url" },
	{ NULL, 423, S3_ASK, "server", "it is in use (423)" },
	{ NULL, 425, S3_ASK, "server", "too early (425)" },
	{ NULL, 429, SLOW },
	{ NULL, 499, S3_ASK, "server", "a proxy lost the connection (499)" },
	{ NULL, 501, S3_DESTINATION, "not-s3", "what answers there cannot do this (501)" },
	{ NULL, 503, SLOW },
	{ NULL, 505, S3_DESTINATION, "not-s3", "what answers there does not speak HTTP/1.1 (505)" },
	{ NULL, 507, S3_DESTINATION, "full",
	    "the store is full (507): its operator must make room" },
	{ NULL, 511, S3_DESTINATION, "login", "the network wants a login (511)" },
};
/* clang-format on */

static enum s3_verdict say(
    enum s3_verdict v, const char *w, const char *t, const char **word, const char **text)
{
	*word = w;
	*text = t;
	return v;
}

/* What one code means depends on what was asked only here. */
static enum s3_verdict judge_code(
    enum s3_asked asked, const struct s3_error *e, const char **word, const char **text)
{
	bool locks = asked == S3_PUT || asked == S3_CREATE || asked == S3_HOLD;

	/* servers tell a locked version from a forbidden one by their message alone, if at all */
	if (asked == S3_DELETE && strcmp(e->code, "AccessDenied") == 0)
		return say(S3_LOCKED, "locked",
		    "a lock or a legal hold is on it, or the access key may not delete", word,
		    text);
	if (asked == S3_LOCK && strcmp(e->code, "ObjectLockConfigurationNotFoundError") == 0)
		return say(S3_GONE, "no-object-lock", "the bucket has no object lock", word, text);
	/* so Ceph's gateway of an object; Amazon: NoSuchObjectLockConfiguration */
	if (asked == S3_HELD && strcmp(e->code, "ObjectLockConfigurationNotFoundError") == 0)
		return say(S3_GONE, "no-lock", "it has no lock and no hold", word, text);
	if (locks && strcmp(e->code, "InvalidRequest") == 0)
		return say(NO_LOCK, word, text);
	if (strcmp(e->code, "MethodNotAllowed") == 0) {
		/* of a version: it is a delete marker (S3 API, GetObject) */
		if (asked == S3_GET || asked == S3_DELETE || asked == S3_HOLD || asked == S3_HELD)
			return say(
			    S3_GONE, "no-object", "that version is a delete marker", word, text);
		return say(
		    S3_DESTINATION, "not-s3", "the store does not allow the method", word, text);
	}
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		if (strcmp(codes[i].code, e->code) == 0)
			return say(codes[i].verdict, codes[i].word, codes[i].text, word, text);
	}
	return 0;
}

/* An answer to HEAD never has a document. */
static enum s3_verdict judge_silent(
    enum s3_asked asked, const struct s3_head *h, const char **word, const char **text)
{
	if (h->status == 404 && asked == S3_BUCKET)
		return say(S3_DESTINATION, "no-bucket",
		    "there is no such bucket (404): check bucket, url and path-style", word, text);
	if (h->status == 404 || (h->status == 405 && h->delete_marker))
		return say(S3_GONE, "no-object", "the store has no such object (404)", word, text);
	if (h->status == 400)
		return say(S3_CREDENTIALS, "denied",
		    "the store refuses to answer (400): check keys, session token and region", word,
		    text);
	return 0;
}

static enum s3_verdict judge_status(const struct s3_head *h, const char **word, const char **text)
{
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		if (statuses[i].status == h->status)
			return say(
			    statuses[i].verdict, statuses[i].word, statuses[i].text, word, text);
	}
	if (h->status >= 500)
		return say(
		    S3_ASK, "server", "the store or a proxy is in trouble (5xx)", word, text);
	if (h->status >= 400)
		return say(S3_REFUSED, "refused", "the store refuses the request", word, text);
	if (h->status >= 300 && h->status != 304)
		return say(S3_DESTINATION, "redirect",
		    "the server redirects, and redirects are not followed: configure the final url",
		    word, text);
	return say(S3_ASK, "answer", "an answer that makes no sense here", word, text);
}

/* Statuses of success: those that S3 has for what was asked, no other 2xx. */
static bool is_good(enum s3_asked asked, int status)
{
	if (status == 200)
		return true;
	return status == 204 && (asked == S3_DELETE || asked == S3_ABORT || asked == S3_HOLD);
}

/* What is only read the store has to say itself, now: what it has, and what it has not. */
static bool is_from_cache(enum s3_asked asked, const struct s3_head *h)
{
	return h->cached &&
	    (asked == S3_HEAD || asked == S3_GET || asked == S3_PARTS || asked == S3_UPLOADS ||
		asked == S3_BUCKET || asked == S3_LOCK);
}

enum s3_verdict s3_judge(enum s3_asked asked, const struct s3_head *h, const struct s3_error *e,
    const char **word, const char **text)
{
	enum s3_verdict v = 0;

	*word = *text = "";
	if (is_from_cache(asked, h))
		return say(S3_ASK, "cached",
		    "a cache answers in the store's place (Age): let HEAD and GET through", word,
		    text);
	if (!e->code[0] && is_good(asked, h->status))
		return S3_GOOD;
	if (e->code[0])
		v = judge_code(asked, e, word, text);
	else if (asked == S3_HEAD || asked == S3_BUCKET)
		v = judge_silent(asked, h, word, text);
	/* an error that nobody knows, under a status that says that all is well */
	if (!v && e->code[0] && h->status < 300)
		v = say(S3_ASK, "server", "the store reports an error that is not known here", word,
		    text);
	/* with the store's own document, 404 is no stranger's */
	if (!v && e->code[0] && h->status == 404)
		v = say(S3_REFUSED, "refused", "the store refuses the request (404)", word, text);
	if (!v)
		v = judge_status(h, word, text);
	return v == S3_ASK && h->retry_after_ms > 0 ? S3_LATER : v;
}
