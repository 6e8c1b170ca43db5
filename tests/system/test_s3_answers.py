"""Answers that an S3 store gives on its worst days, by a scripted one: passing trouble, and what a person must mend."""
import hashlib
import threading

import pytest

import fake_core as core
from fake_core import asset_of
from s3_store import HEAD, NS, Store, assert_kept, count, refuse
from s3_store import store  # noqa: F401 (fixtures)
from s3_uploader import PART, WIDE, meta, page
from s3_uploader import another, keys, ready, rgw  # noqa: F401 (fixtures)
from servers import FaultServer, answer, say
from waiting import until


def behind(method, part, fault):
    """A step: does what was asked; the next request that is one of these gets that fault."""
    def step(server, request):
        server.otherwise.on(method, part, fault)
        return server.otherwise.honest(server, request)
    return step


def slow_error(_server, request):
    """Complete takes its time: blanks to keep the connection, and then an error under status 200."""
    request.read()
    return answer(200, body=f"{HEAD}\n  \n <Error {NS}><Code>InternalError</Code></Error>".encode())


def half_of_the_answer(server, request):
    """Done, and the connection breaks in the middle of saying so."""
    whole = server.otherwise.honest(server, request)
    request.conn.sendall(whole[:-40])
    return None


@pytest.mark.parametrize("wide", [PART, WIDE])
@pytest.mark.parametrize("method,part,step", [
    ("POST", "uploadId=", slow_error), ("POST", "uploadId=", half_of_the_answer),
    ("POST", "uploadId=", refuse(500, "InternalError")),
    ("POST", "uploadId=", refuse(409, "OperationAborted")),
    ("POST", "uploadId=", refuse(400, "InvalidPart")),
    ("POST", "uploadId=", say(200, body=b"no XML")),
    ("POST", "uploadId=", say(502, body=b"<html>a proxy</html>")),
    ("POST", "uploads", refuse(503, "SlowDown")), ("POST", "uploads", say(200, body=b"<a/>")),
    ("PUT", "partNumber=2", refuse(503, "SlowDown")), ("PUT", "partNumber=2", refuse(400, "BadDigest")),
    ("PUT", "partNumber=2", refuse(400, "RequestTimeout", "Connection: close", read=False)),
    ("GET", "uploadId=", half_of_the_answer), ("GET", "uploadId=", say(200, body=HEAD.encode())),
    ("GET", "uploads", say(200, body=b"<ListMultipartUploadsResult><Upload>")),
    # the keys are read again, once: a store may take a while to know new ones
    ("PUT", "partNumber=2", refuse(403, "InvalidAccessKeyId")),
    ("HEAD", "", say(500)),
    # a page of somebody in between is not another's object: at first, before Complete, behind it
    ("HEAD", "", page), ("PUT", "partNumber=4", behind("HEAD", "", page)),
    ("POST", "uploadId=", behind("HEAD", "", page))])
def test_passing_trouble(uploader, clip, ready, store, method, part, step, wide):
    path = clip(4 * PART)
    assert ready(uploader, store.endpoint, "evidence", part=wide).text == ""
    store.on(method, part, step)
    _, end = uploader.whole(path)
    assert (end.kind, end.level) == ("RECEIPT", core.TRANSFER_DIGEST), end
    assert not store.faults and end.sent <= 5 * PART
    assert_kept(store, path)


@pytest.mark.parametrize("method,part,step,failure,state", [
    ("PUT", "partNumber", refuse(507, "InsufficientCapacity"), core.BAD_DESTINATION, "full"),
    ("PUT", "partNumber", refuse(403, "QuotaExceeded"), core.BAD_DESTINATION, "full"),
    ("POST", "uploads", refuse(404, "NoSuchBucket"), core.BAD_DESTINATION, "no-bucket"),
    ("POST", "uploads", refuse(403, "AccessDenied"), core.BAD_DESTINATION, "denied"),
    ("POST", "uploads", refuse(400, "AuthorizationHeaderMalformed"), core.BAD_DESTINATION, "region"),
    ("POST", "uploads", refuse(400, "EntityTooLarge"), core.REFUSED, "too-large"),
    # Complete's own way: the status goes out before it is done
    ("POST", "uploadId=", refuse(200, "QuotaExceeded"), core.BAD_DESTINATION, "full"),
    ("POST", "uploadId=", refuse(200, "EntityTooLarge"), core.REFUSED, "too-large"),
    ("PUT", "partNumber", say(413), core.BAD_DESTINATION, "too-large"),
    ("GET", "uploads", say(404, body=b"<html>nothing here</html>"), core.BAD_DESTINATION, "not-s3"),
    ("GET", "uploadId", say(407), core.BAD_DESTINATION, "proxy")])
def test_what_a_person_must_mend(uploader, clip, ready, store, method, part, step, failure, state):
    path = clip(2 * PART)
    ready(uploader, store.endpoint, "evidence")
    store.faults = [(method, part, step)] * 20
    _, end = uploader.whole(path)
    assert (end.kind, end.failure, end.state) == ("FAILED", failure, state), end
    assert end.text and len(store.faults) >= 18, "not asked again and again"
    assert not store.objects
    store.faults = []
    assert uploader.whole(path)[1].kind == "RECEIPT"
    assert_kept(store, path)


def test_page_that_stays_is_nobodys_object(uploader, clip, ready, store):
    """The upload is put off, not refused."""
    path = clip(1000)
    ready(uploader, store.endpoint, "evidence")
    store.on("HEAD", "", page, times=99)
    end = uploader.whole(path)[1]
    assert (end.kind, end.failure, end.state, end.sent) == ("FAILED", core.LATER, "answer", 0), end
    store.faults = []
    assert uploader.whole(path)[1].kind == "RECEIPT"
    assert_kept(store, path)


def test_parts_on_the_line_together(uploader, clip, ready, store):
    """Three, no more; the first may be the last to end."""
    path = clip(9 * PART + 3)
    ready(uploader, store.endpoint, "evidence", part=WIDE)
    under_way, most = set(), []

    def late(server, request):
        until(lambda: len(store.uploads["id1"][1]) == 9)
        return seen(server, request)

    def seen(server, request):
        number = request.path.split("partNumber=")[1].split("&")[0]
        under_way.add(number)
        most.append(len(under_way))
        whole = server.otherwise.honest(server, request)
        under_way.discard(number)
        return whole
    store.on("PUT", "partNumber=1&", late)
    store.on("PUT", "partNumber=", seen, times=9)
    end = uploader.whole(path)[1]
    assert (end.kind, end.level, end.sent) == ("RECEIPT", core.TRANSFER_DIGEST, 9 * PART + 3)
    assert not store.faults and max(most) <= 3
    assert_kept(store, path)


def test_parts_give_way_to_the_expedited(uploader, clip, ready, store):
    """While an expedited upload is at work, no other part begins, though there would be room."""
    path, urgent = clip(8 * PART), clip(1000, "urgent")
    ready(uploader, store.endpoint, "evidence", part=WIDE)
    begun, end = threading.Event(), threading.Event()

    def wait_for(event):
        def step(server, request):
            request.read()
            if event is end:
                begun.set()
            event.wait(60)
            return server.otherwise.honest(server, request)
        return step

    def begin(what, slot, **how):
        generation = uploader.upload(what, slot, **how)
        uploader.get("CREATED")
        uploader.put("PROCEED", slot=slot, generation=generation)
    for number in (1, 2, 3):
        store.on("PUT", f"partNumber={number}&", wait_for(begun))
    store.on("PUT", asset_of(urgent), wait_for(end))
    begin(path, 0)
    until(lambda: count(store, "PUT", "partNumber") == 3)
    begin(urgent, 1, urgency=1)
    for _ in range(2):  # a second between them, in which a fourth would have begun
        uploader.progress.clear()
        until(lambda: uploader.get("PROGRESS").offset == 3 * PART)
    assert count(store, "PUT", "partNumber") == 3
    end.set()
    assert [uploader.get("RECEIPT").slot for _ in range(2)] == [1, 0]
    assert count(store, "PUT", "partNumber") == 8 and not store.faults


def test_keys_refused_to_several_at_once(uploader, clip, ready, store):
    """All were signed before the keys were read again: that is one refusal."""
    path = clip(5 * PART)
    ready(uploader, store.endpoint, "evidence", part=WIDE)
    together = threading.Barrier(3)

    def step(server, request):
        request.read()
        together.wait(60)
        return refuse(403, "InvalidAccessKeyId", read=False)(server, request)
    for number in (1, 2, 3):
        store.on("PUT", f"partNumber={number}&", step)
    end = uploader.whole(path)[1]
    assert (end.kind, end.sent) == ("RECEIPT", 8 * PART) and not store.faults
    assert_kept(store, path)


def test_told_to_wait(uploader, clip, ready, store):
    ready(uploader, store.endpoint, "evidence")
    store.on("PUT", "partNumber=1", refuse(503, "SlowDown", "Retry-After: 7"))
    end = uploader.whole(clip(2 * PART))[1]
    assert (end.failure, end.retry_after, end.state) == (core.LATER, 7000, "slow-down")


@pytest.mark.parametrize("status", [301, 307, 308])
def test_redirect_is_not_followed(uploader, clip, ready, store, status):
    with FaultServer() as elsewhere:
        ready(uploader, store.endpoint, "evidence")
        store.on("PUT", "partNumber=1", say(status, f"Location: http://127.0.0.1:{elsewhere.port}/x"))
        end = uploader.whole(clip(2 * PART))[1]
        assert (end.failure, end.state) == (core.BAD_DESTINATION, "redirect")
        assert elsewhere.connections == 0


def test_skew_tells_both_times(uploader, clip, ready, store):
    ready(uploader, store.endpoint, "evidence")
    store.on("POST", "uploads", refuse(
        403, "RequestTimeTooSkewed", more="<ServerTime>2020-01-02T03:04:05Z</ServerTime>"))
    end = uploader.whole(clip(2 * PART))[1]
    assert (end.failure, end.state) == (core.BAD_DESTINATION, "clock-skew")
    assert "(station 20" in end.text and "store 2020-01-02T03:04:05Z)" in end.text


def endless(_server, request):
    """Two gigabytes are announced; a client that believes in them reads on."""
    request.conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2147483648\r\n\r\n" +
                         f"{HEAD}<ListPartsResult {NS}>".encode())
    try:
        for _ in range(64):
            request.conn.sendall(b"<Part/>" * (1 << 14))
    except OSError:
        return None
    raise AssertionError("all of it was taken")


def laughs(_server, _request):
    levels = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    return answer(200, body=(f'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY l0 "ha">{levels}]>'
                             "<ListPartsResult><IsTruncated>&l9;</IsTruncated></ListPartsResult>")
                  .encode())


@pytest.mark.parametrize("step", [endless, laughs])
def test_hostile_list(uploader, clip, ready, store, step):
    path = clip(2 * PART)
    ready(uploader, store.endpoint, "evidence")
    store.on("GET", "uploadId=", step)
    assert uploader.whole(path)[1].kind == "RECEIPT"
    assert_kept(store, path)


def test_pages(uploader, clip, ready, store):
    path = clip(5 * PART)
    store.page = 2
    data = path.read_bytes()
    store.uploads["id1"] = [asset_of(path), {n: data[(n - 1) * PART:n * PART] for n in (1, 2, 3, 5)},
                            [f"x-amz-meta-{k}: {v}" for k, v in meta(path).items()]]
    ready(uploader, store.endpoint, "evidence")
    _, end = uploader.whole(path, address=f"{asset_of(path)}?uploadId=id1&partBytes={PART}")
    assert (end.kind, end.sent, end.level) == ("RECEIPT", PART, core.TRANSFER_DIGEST)
    assert_kept(store, path)


def test_pages_that_lead_nowhere(uploader, clip, ready, store):
    """A store that gives the same page for ever is asked a few times, and again later."""
    path = clip(5 * PART)
    store.page, store.stuck = 2, True
    data = path.read_bytes()
    store.uploads["id1"] = [asset_of(path), {n: data[(n - 1) * PART:n * PART] for n in (1, 2, 3)}, []]
    ready(uploader, store.endpoint, "evidence")
    _, end = uploader.whole(path, address=f"{asset_of(path)}?uploadId=id1&partBytes={PART}")
    assert (end.kind, end.failure, end.state) == ("FAILED", core.LATER, "answer"), end
    assert count(store, "GET", "uploadId=") <= 12


def masked(data):
    return hashlib.sha256(data).hexdigest()[:32]


def test_etags_that_are_no_digests(another, clip, ready):
    """As with SSE-KMS: what went in this run is proved, the rest is read back; a part more at most."""
    store = Store(etag=masked)
    path = clip(4 * PART)
    with FaultServer(otherwise=store) as server:
        endpoint = f"http://127.0.0.1:{server.port}"
        one = another()
        ready(one, endpoint, "evidence")
        assert one.whole(path)[1].level == core.TRANSFER_DIGEST
        assert_kept(store, path)
        data = path.read_bytes()
        store.uploads["x"] = [asset_of(path), {1: data[:PART], 2: data[PART:2 * PART]},
                              store.objects.pop(asset_of(path))[1]]
        two = another()
        ready(two, endpoint, "evidence")
        _, end = two.whole(path, address=f"{asset_of(path)}?uploadId=x&partBytes={PART}")
        assert (end.kind, end.level, end.sent) == ("RECEIPT", core.READBACK, 3 * PART)
        assert end.sha256 == hashlib.sha256(data).digest()
        assert_kept(store, path)


def test_store_without_conditional_put(uploader, clip, ready, store):
    path = clip(1000)
    ready(uploader, store.endpoint, "evidence")
    store.on("PUT", "", refuse(501, "NotImplemented"))
    assert uploader.whole(path)[1].level == core.TRANSFER_DIGEST
    puts = [r for r in store.server.requests if r.method == "PUT"]
    assert ["if-none-match" in r.headers for r in puts] == [True, False]
    assert_kept(store, path)


@pytest.mark.parametrize("size", [1000, 3 * PART])
def test_damaged_copy_is_not_completed(uploader, clip, ready, store, size):
    ready(uploader, store.endpoint, "evidence")
    end = uploader.whole(clip(size), sha256=bytes(32))[1]
    assert (end.kind, end.failure) == ("FAILED", core.SOURCE)
    assert not store.objects and count(store, "POST", "uploadId=") == 0
    assert count(store, "PUT", "") == (1 if size == 1000 else 3)  # the store's word, then our own


def test_damaged_copy_is_refused_by_the_store(rgw, uploader, clip, ready):
    """What one PUT proves rests on this: the store compares the bytes with the signed SHA-256."""
    bucket = rgw.bucket()
    ready(uploader, rgw.endpoint, bucket)
    end = uploader.whole(clip(1000), sha256=bytes(32))[1]
    assert (end.kind, end.failure) == ("FAILED", core.SOURCE)
    assert "Contents" not in rgw.client().list_objects_v2(Bucket=bucket)


@pytest.mark.parametrize("damaged", [False, True])
def test_lost_answer_of_a_store_that_checks_nothing(uploader, clip, ready, store, damaged):
    """The ETag proves nothing then but that it is the station's copy, which is hashed for that."""
    path = clip(1000)

    def taken(_server, request):
        data = bytes(request.read())
        told = [f"{k}: {v}" for k, v in request.headers.items() if k.startswith("x-amz-meta-")]
        store.objects[request.path.split("/", 2)[2]] = (data, told, hashlib.md5(data).hexdigest())
    ready(uploader, store.endpoint, "evidence")
    store.on("PUT", "", taken)
    end = uploader.whole(path, **({"sha256": bytes(32)} if damaged else {}))[1]
    assert count(store, "PUT", "") == 1 and count(store, "GET", asset_of(path)) == 0
    if damaged:
        assert (end.kind, end.failure) == ("FAILED", core.SOURCE)
    else:
        assert (end.kind, end.level) == ("RECEIPT", core.TRANSFER_DIGEST)


@pytest.mark.parametrize("size,part", [(2 * PART, "partNumber=1"), (1000, "")])
def test_digest_refused_again_and_again(uploader, clip, ready, store, size, part):
    ready(uploader, store.endpoint, "evidence")
    store.on("PUT", part, refuse(400, "XAmzContentSHA256Mismatch"), times=9)
    end = uploader.whole(clip(size))[1]
    assert (end.failure, len(store.faults)) == (core.SOURCE, 6)


def test_replaced_before_the_receipt(uploader, clip, ready, store):
    path = clip(2 * PART)

    def replaced(server, request):
        done = store.honest(server, request)
        store.objects[asset_of(path)] = (b"another", [], "0" * 32)
        return done
    ready(uploader, store.endpoint, "evidence")
    store.on("POST", "uploadId=", replaced)
    assert uploader.whole(path)[1].failure == core.REFUSED


def test_silent_store(uploader, clip, ready, store):
    """No answer to Complete within answer-seconds; it had done it."""
    def silent(server, request):
        store.honest(server, request)
        server.released.wait(30)
        return None
    path = clip(2 * PART)
    ready(uploader, store.endpoint, "evidence", answer_ms=1000)
    store.on("POST", "uploadId=", silent)
    assert uploader.whole(path)[1].level == core.TRANSFER_DIGEST
    assert_kept(store, path)
