"""The tus driver against each trap that real tus servers, proxies and lines have been seen to set.

dockd-uploader alone, the core's side played message by message. Each failing state has its word
(dockd-tus(5)). Traps 11 to 18 are in test_tus_forms.py.

trap                                            here            against a real server or proxy
 1 a smaller offset than was sent               test_1          test_resuming: stock_offset_behind
 2 423, 409, or a HEAD that waits: a lock       test_2          test_resuming: stock_held_by
 3 offsets are not looked at                    test_3          test_3_uploadx
 4 413: a proxy's limit for a body              test_4          test_engine: nginx_as_it_is_installed
 5 a proxy keeps requests until they are whole  test_5          test_engine: nginx_restarted
 6 408 and others: it took too long             test_6          test_resuming: stock_slow_line
 7 504 although all has arrived                 test_7          test_engine: nginx_behind_which
 8 expired: told, and gone                      test_8          test_resuming: stock_upload_removed
 9 460: the checksum does not match             test_9          test_3_uploadx takes checksums
10 offsets go back                              test_10         test_resuming: stock_offset_behind
11 forms of Location; another host              test_11         test_3_uploadx (//host/path)
12 a length and a coding                        test_12_13_14   each test with a stock server
13 empty metadata                               test_12_13_14   -
14 no reason phrase, lower-case headers         test_12_13_14   -
15 HEAD and PATCH not let through; 412, 415     test_15         -
16 odd letters in addresses; clocks             test_16         test_s3_answers: skew; test_s3_access: clock_wrong
17 HEAD from a cache                            test_17         -
18 nothing in it                                test_18         -
   slow, endless, cut and senseless answers     test_engine: hostile_answers, two_gigabytes;
                                                test_s3_answers: hostile_list
   names, dates and keys of certificates        test_trust
   busy waiting                                 test_engine: waiting_is_no_work, turns()
"""
import hashlib
import select
import threading
import time

import pytest

import fake_core as core
from servers import FaultServer, UploadxServer, answer, assert_whole, honest, http_date, only, say

MIB = 1 << 20


def patches(server):
    return [int(r.headers["upload-offset"]) for r in server.seen("PATCH")]


# ---- 1: 204 with a smaller offset than was sent ----

def test_1_smaller_offset(uploader, clip):
    def stolen(server, request):
        request.read()
        server.uploads[request.path][1] += request.body[:10354]
        return answer(204, "Upload-Offset: 10354", reason="")
    with FaultServer([honest, stolen]) as s:
        uploader.open(core.TUS, s.url)
        path = clip(MIB)
        assert uploader.whole(path)[1].kind == "RECEIPT"
        assert_whole(s, path)
        assert patches(s) == [0, 10354] and not s.seen("HEAD")


# ---- 2: a lock that a dead connection holds ----

@pytest.mark.parametrize("status,state", [(423, "locked"), (409, "conflict")])
def test_2_locked(uploader, clip, status, state):
    with FaultServer(otherwise=only("HEAD", say(status))) as s:
        s.uploads["/files/1"] = [MIB, bytearray()]
        uploader.open(core.TUS, s.url)
        path = clip(MIB)
        created, end = uploader.whole(path, address=f"{s.url}/1")
        assert (end.kind, end.failure, end.state, created) == ("FAILED", core.LATER, state, [])
        assert not s.seen("POST") and not s.seen("PATCH")
        s.otherwise = honest
        assert uploader.whole(path, address=f"{s.url}/1")[1].kind == "RECEIPT"
        assert_whole(s, path)


def test_2_head_that_waits_for_the_lock(uploader, clip):
    """Servers answer it when the lock has drained: longer than for any other answer."""
    def drains(server, request):
        server.released.wait(3.2)
        return honest(server, request)
    with FaultServer(otherwise=only("HEAD", drains)) as s:
        path = clip(MIB)
        s.uploads["/files/1"] = [MIB, bytearray(path.read_bytes()[:1000])]
        uploader.open(core.TUS, s.url, answer_ms=800)
        _, end = uploader.whole(path, address=f"{s.url}/1")
        assert (end.kind, end.sent) == ("RECEIPT", MIB - 1000), end
        assert len(s.seen("HEAD")) == 1
        assert_whole(s, path)


def test_2_reset_before_it_is_asked(uploader, clip):
    """What a stalled request still has on its way does not come after the answer to HEAD."""
    gone = threading.Event()

    def stuck(server, request):
        request.read(MIB)
        server.uploads[request.path][1] += request.body
        poll = select.poll()
        poll.register(request.conn, 0)  # a reset alone, not an end in order
        if poll.poll(20000):
            gone.set()

    def asked(server, request):
        assert gone.wait(60), "the connection is still there"
        return honest(server, request)
    with FaultServer([honest, stuck], only("HEAD", asked)) as s:
        uploader.open(core.TUS, s.url, stall_ms=400, chunk_min=12 * MIB)
        path = clip(12 * MIB)
        assert uploader.whole(path)[1].kind == "RECEIPT"
        assert patches(s) == [0, MIB]
        assert_whole(s, path)


# ---- 3: a server that does not look at offsets ----

def test_3_offsets_not_checked(uploader, clip):
    """Whatever it says, what it holds is read back and told: other bytes are no receipt of these."""
    def careless(server, request):
        if request.method != "PATCH":
            return honest(server, request)
        held = server.uploads[request.path][1]
        at = int(request.headers["upload-offset"]) // 2  # where it has put them
        request.read()
        held[at:at + len(request.body)] = request.body
        held += bytes(int(request.headers["upload-offset"]) + len(request.body) - len(held))
        return answer(204, f"Upload-Offset: {len(held)}")
    with FaultServer(otherwise=careless) as s:
        uploader.open(core.TUS, s.url, flags=core.READ_BACK, chunk_max=MIB)
        path = clip(3 * MIB)
        _, end = uploader.whole(path)
        assert (end.kind, end.level, end.length) == ("RECEIPT", core.READBACK, 3 * MIB)
        assert end.sha256 == hashlib.sha256(bytes(s.uploads["/files/1"][1])).digest()
        assert end.sha256 != hashlib.sha256(path.read_bytes()).digest()


def test_3_uploadx(uploader, folder, clip):
    """It is never given an offset that it has not stated itself."""
    with UploadxServer(folder / "ux") as s:
        uploader.open(core.TUS, s.url, flags=core.CHECKSUM, chunk_max=MIB)
        path = clip(3 * MIB)
        created, end = uploader.whole(path)
        assert (end.kind, end.level) == ("RECEIPT", core.TRANSFER_DIGEST)
        s.restart()
        again, end = uploader.whole(path, address=created[0].address)
        assert (end.kind, end.sent, again) == ("RECEIPT", 0, [])
        assert list(s.uploads().values()) == [path.read_bytes()]


# ---- 4: a proxy that takes 1 MB ----

def test_4_too_large(uploader, clip):
    def small(server, request):
        if request.length > 300000:
            return answer(413, "Connection: close")
        return honest(server, request)
    with FaultServer(otherwise=small) as s:
        uploader.open(core.TUS, s.url, chunk_min=256 << 10)
        path = clip(3 * MIB)
        created, end = uploader.whole(path)
        assert end.kind == "RECEIPT" and len(created) == 1
        assert_whole(s, path)
        assert sum(r.length > 300000 for r in s.seen("PATCH")) <= 2
        s.otherwise = lambda s, r: answer(413, "Connection: close") if r.length else honest(s, r)
        _, end = uploader.whole(clip(MIB, "b"))
        assert (end.kind, end.failure, end.state) == ("FAILED", core.REFUSED, "too-large")


# ---- 5: a proxy that keeps requests to itself until they are whole ----

def test_5_nothing_of_a_cut_request_arrives(uploader, clip):
    """The line lets 600 kB through between two cuts. What two slots learn adds up."""
    def proxy(server, request):
        if request.method == "PATCH" and request.length > 600000:
            request.read(600000)
            return None
        return honest(server, request)
    with FaultServer() as s:
        uploader.open(core.TUS, s.url, chunk_min=256 << 10)
        uploader.whole(clip(30 * MIB, "before"))
        s.otherwise, s.uploads = proxy, {}
        path = clip(6 * MIB)
        created, end = uploader.whole(path)
        tries = 1
        while end.kind == "FAILED":
            assert end.failure == core.LATER and end.state
            created, end = uploader.whole(path, address=created[0].address) if created else \
                uploader.whole(path, address=f"{s.url}/1")
            tries += 1
            assert tries < 5
        assert_whole(s, path)
        lengths = [r.length for r in s.seen("PATCH")]
        assert lengths[-4] < 600000, "it goes on with what gets through"


# ---- 6: a server that cuts requests which take too long ----

@pytest.mark.parametrize("status", [408, 499, 502, 503, 504, 520, 521, 522, 523, 524])
def test_6_cut_by_the_server(uploader, clip, status):
    def half(server, request):
        request.read(request.length // 2)
        server.uploads[request.path][1] += request.body
        return answer(status, "Connection: close")
    with FaultServer([honest, half]) as s:
        uploader.open(core.TUS, s.url)
        path = clip(MIB)
        created, end = uploader.whole(path)
        assert end.kind == "RECEIPT" and len(created) == 1
        assert_whole(s, path)
        assert patches(s) == [0, MIB // 2]


def test_6_what_a_slow_line_kept_before_the_cut(uploader, clip):
    """64 KiB in a second is what the line carries: a minute of that is what it is next asked for."""
    def slow(server, request):
        request.read(64 << 10)
        server.uploads[request.path][1] += request.body
        server.released.wait(1)
        return None
    with FaultServer() as s:
        uploader.open(core.TUS, s.url, chunk_min=256 << 10)
        uploader.whole(clip(30 * MIB, "when all was well"))
        assert s.seen("PATCH")[-1].length > 8 * MIB, "requests grow where all goes well"
        before, s.uploads, s.script = len(s.seen("PATCH")), {}, [honest, slow]
        path = clip(12 * MIB)
        assert uploader.whole(path)[1].kind == "RECEIPT"
        assert_whole(s, path)
        cut, then = [r.length for r in s.seen("PATCH")[before:]][:2]
        assert cut > 8 * MIB and then <= 60 * (64 << 10), (cut, then)


# ---- 7: 504 although all bytes have arrived ----

def test_7_late_answer(uploader, clip):
    with FaultServer([honest, lambda s, r: honest(s, r) and answer(504)]) as s:
        uploader.open(core.TUS, s.url)
        path = clip(MIB)
        _, end = uploader.whole(path)
        assert (end.kind, end.sent) == ("RECEIPT", MIB)
        assert_whole(s, path)


# ---- 8: uploads that expire ----

@pytest.mark.parametrize("ahead", [0, 7200])
def test_8_expiry_is_told(uploader, clip, ahead):
    """By our clock, also where the server's is two hours ahead; from each answer, the last counts."""
    now = time.time()
    asked = threading.Event()

    def expiring(server, request):
        made = honest(server, request)
        if request.method == "PATCH":
            asked.wait(60)
        if request.method == "OPTIONS":
            return made
        due = 3600 if request.method == "POST" else 1800
        return made[:-2] + (f"Date: {http_date(now + ahead)}\r\n"
                            f"Upload-Expires: {http_date(now + ahead + due)}\r\n\r\n").encode()
    with FaultServer(otherwise=expiring) as s:
        uploader.open(core.TUS, s.url, chunk_max=MIB, stall_ms=60000, answer_ms=60000)
        path = clip(2 * MIB)
        generation = uploader.upload(path)
        created = uploader.get("CREATED")
        assert abs(created.expires - now - 3600) < 60
        uploader.put("PROCEED", generation=generation)
        asked.set()
        while True:
            m = uploader.get("PROGRESS", "RECEIPT")
            if m.kind == "RECEIPT":
                break
            assert abs(m.expires - now - (3600 if m.offset == 0 else 1800)) < 60
    plain = FaultServer()
    with plain:
        # an answer that does not say so is PROTO_NO_TIME
        uploader.kill()
        uploader.start()
        uploader.open(core.TUS, plain.url)
        created, _ = uploader.whole(clip(10, "b"))
        assert created[0].expires == core.NO_TIME


@pytest.mark.parametrize("status,state", [(410, "expired"), (404, "know"), (403, "")])
def test_8_gone(uploader, clip, status, state):
    with FaultServer([say(status)]) as s:
        uploader.open(core.TUS, s.url)
        path = clip(MIB)
        created, end = uploader.whole(path, address=f"{s.url}/77")
        assert end.kind == "RECEIPT" and len(created) == 1
        assert created[0].text and str(status) in created[0].text
        assert_whole(s, path)


# ---- 9: 460 ----

CHECKED = ("Tus-Resumable: 1.0.0", "Tus-Extension: creation,checksum",
           "Tus-Checksum-Algorithm: md5,sha256")


def test_9_checksum_never_matches(uploader, clip):
    """Three times: it is the station's own copy or memory."""
    def never(server, request):
        if request.method == "OPTIONS":
            return answer(204, *CHECKED)
        if request.method == "PATCH":
            request.read()
            return answer(460, reason="unknown")
        return honest(server, request)
    with FaultServer(otherwise=never) as s:
        uploader.open(core.TUS, s.url, flags=core.CHECKSUM)
        _, end = uploader.whole(clip(MIB))
        assert (end.kind, end.failure, end.state) == ("FAILED", core.SOURCE, "checksum")
        assert patches(s) == [0, 0, 0]


# ---- 10: offsets that go back ----

def test_10_offset_goes_back(uploader, clip):
    def power_cut(server, request):
        del server.uploads[request.path][1][MIB // 2:]
        return None
    with FaultServer([honest, honest, power_cut]) as s:
        uploader.open(core.TUS, s.url, chunk_max=MIB)
        path = clip(3 * MIB)
        created, end = uploader.whole(path)
        assert end.kind == "RECEIPT" and len(created) == 1
        assert_whole(s, path)
        assert MIB // 2 in patches(s)


# ---- what the line itself teaches ----

def test_server_that_was_away_at_start_is_asked_again(uploader, clip):
    """What it offers is learnt before the first upload, not given up for the process's life."""
    with FaultServer(otherwise=lambda s, r: None) as s:
        ready = uploader.open(core.TUS, s.url, flags=core.CHECKSUM)
        assert ready.status == 0 and ready.text

        def checking(server, request):
            return answer(204, *CHECKED) if request.method == "OPTIONS" else honest(server, request)
        s.otherwise = checking
        _, end = uploader.whole(clip(MIB))
        assert (end.kind, end.level) == ("RECEIPT", core.TRANSFER_DIGEST)


@pytest.mark.parametrize("state", ["forgets", "stands-still"])
def test_server_that_never_gets_anywhere(uploader, clip, state):
    def still(server, request):
        if request.method in ("HEAD", "PATCH"):
            request.read()
            return answer(404) if state == "forgets" else answer(204, "Upload-Offset: 0")
        return honest(server, request)
    with FaultServer(otherwise=still) as s:
        uploader.open(core.TUS, s.url)
        _, end = uploader.whole(clip(100))
        assert (end.failure, end.state) == (core.LATER, state)
