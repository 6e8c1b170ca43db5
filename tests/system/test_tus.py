"""The tus driver against each trap that real tus servers, proxies and lines have been seen to set.

dockd-uploader alone, the core's side played message by message. Behind the traps: finding what another
station has begun, giving up what is not whole, and folders that two stations share. Each failing state
has its word (dockd-tus(5), dockd-dir(5)).

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
import base64
import email.utils
import fcntl
import hashlib
import json
import http.client
import os
import select
import struct
import threading
import time

import pytest

import fake_core as core
from fake_core import PROGRAM, USER, Core, asset_of, stored
from servers import FaultServer, TusServer, UploadxServer, answer, finding, honest, lost, say
from wire import Wire

MIB = 1 << 20
BY_ASSET = "by-asset/{asset}"


def assert_whole(server, path):
    """One upload, and it is the clip."""
    assert [bytes(held) for _, held in server.uploads.values()] == [path.read_bytes()]


def patches(server):
    return [int(r.headers["upload-offset"]) for r in server.seen("PATCH")]


def only(method, step):
    """An honest server but for this method."""
    return lambda s, r: step(s, r) if r.method == method else honest(s, r)


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

def http_date(seconds):
    return email.utils.formatdate(seconds, usegmt=True)


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


# ---- 11: forms of Location ----

@pytest.mark.parametrize("form", ["//127.0.0.1:{port}/files/1", "/files/1", "files/1",
                                  "https://127.0.0.1:{port}/files/1"])
def test_11_location_forms(uploader, clip, form):
    with FaultServer() as s:
        def made(server, request):
            honest(server, request)
            return answer(201, f"location: {form.format(port=s.port)}", reason="")
        s.script = [made]
        uploader.open(core.TUS, s.url)
        path = clip(MIB)
        created, end = uploader.whole(path)
        assert end.kind == "RECEIPT" and created[0].address == f"{s.url}/1"
        assert_whole(s, path)


def test_11_location_elsewhere(uploader, clip):
    with FaultServer() as other, FaultServer([say(201, f"Location: {other.url}/1")]) as s:
        uploader.open(core.TUS, s.url)
        created, end = uploader.whole(clip(MIB))
        assert (end.failure, end.state, created) == (core.REFUSED, "location", [])
        assert other.connections == 0


# ---- 12, 13, 14: what is written, what is read ----

def test_12_13_14_forms_of_requests_and_answers(uploader, clip):
    def terse(server, request):
        made = honest(server, request)
        head, _, body = made.partition(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        status = b" ".join(lines[0].split(b" ")[:2]) + b" "
        return b"\r\n".join([status, *(line.lower() for line in lines[1:])]) + b"\r\n\r\n" + body
    with FaultServer(otherwise=terse) as s:
        uploader.open(core.TUS, s.url, chunk_max=MIB)
        path = clip(2 * MIB + 1)
        _, end = uploader.whole(path, name="")
        assert end.kind == "RECEIPT"
        assert_whole(s, path)
        for r in s.requests:
            assert "transfer-encoding" not in r.headers and r.headers["tus-resumable"] == "1.0.0"
            assert r.headers.get("upload-metadata", "x x") != ""
        for pair in s.seen("POST")[0].headers["upload-metadata"].split(","):
            key, value = pair.split(" ")
            assert key and value and "filename" != key, "what is empty is left out"
        assert [r.length for r in s.seen("PATCH")] == [MIB, MIB, 1]


# ---- 15: methods that a proxy does not let through ----

@pytest.mark.parametrize("method,address", [("HEAD", "{}/1"), ("PATCH", "")])
def test_15_method_not_let_through(uploader, clip, method, address):
    with FaultServer(otherwise=only(method, say(405))) as s:
        if address:
            s.uploads["/files/1"] = [MIB, bytearray()]
        uploader.open(core.TUS, s.url)
        _, end = uploader.whole(clip(MIB), address=address.format(s.url))
        assert (end.failure, end.state, end.http) == (core.BAD_DESTINATION, "method", 405)


def test_15_override(uploader, clip):
    with FaultServer(otherwise=only("PATCH", say(405))) as s:
        uploader.open(core.TUS, s.url, flags=core.OVERRIDE)
        path = clip(MIB)
        assert uploader.whole(path)[1].kind == "RECEIPT"
        assert_whole(s, path)


@pytest.mark.parametrize("status,state", [(412, "no-tus"), (415, "no-tus"), (501, "no-tus"),
                                          (402, "licence"), (507, "full"), (302, "redirect"),
                                          (511, "login"), (421, "wrong-server")])
def test_15_a_person_must_act(uploader, clip, status, state):
    with FaultServer(otherwise=only("POST", say(status, "Location: /x"))) as s:
        uploader.open(core.TUS, s.url)
        _, end = uploader.whole(clip(10))
        assert (end.failure, end.state) == (core.BAD_DESTINATION, state) and end.text


# ---- 16: addresses with odd letters; clocks ----

def test_16_addresses_as_they_are(uploader, clip):
    odd = "/files/2~a.b_c-D%7Ex!$(1)+*?uploadId=2~Zz.._-&v=%2B"

    def made(server, request):
        server.uploads[odd] = [int(request.headers["upload-length"]), bytearray()]
        return answer(201, f"Location: {odd}")
    with FaultServer([made, lost]) as s:
        uploader.open(core.TUS, s.url)
        path = clip(MIB)
        _, end = uploader.whole(path)
        assert end.kind == "RECEIPT", end
        assert_whole(s, path)
        assert {r.path for r in s.seen("PATCH") + s.seen("HEAD")} == {odd}


@pytest.mark.parametrize("status,skew,state", [(403, -7200, "clock-skew"), (401, 7200, "clock-skew"),
                                               (403, 10, "forbidden"), (401, 0, "credentials")])
def test_16_clock(uploader, clip, status, skew, state):
    refuse = say(status, f"Date: {http_date(time.time() + skew)}")
    with FaultServer(otherwise=only("POST", refuse)) as s:
        uploader.open(core.TUS, s.url)
        _, end = uploader.whole(clip(10))
        assert (end.failure, end.state) == (core.BAD_DESTINATION, state)


# ---- 17: HEAD from a cache ----

def test_17_cached(uploader, clip):
    cached = say(200, "Upload-Offset: 5", f"Upload-Length: {MIB}", "Age: 30")
    with FaultServer([cached]) as s:
        s.uploads["/files/1"] = [MIB, bytearray()]
        uploader.open(core.TUS, s.url)
        path = clip(MIB)
        assert uploader.whole(path, address=f"{s.url}/1")[1].kind == "RECEIPT"
        assert_whole(s, path)
        assert all(r.headers["cache-control"] == "no-cache" for r in s.seen("HEAD"))
        s.script = [cached] * 9
        _, end = uploader.whole(path, address=f"{s.url}/1")
        assert (end.failure, end.state) == (core.LATER, "cached")


def test_17_a_cache_says_that_it_is_gone(uploader, clip):
    """No second upload is made for the word of a cache."""
    with FaultServer([say(404, "Age: 30"), say(410, "Age: 7")]) as s:
        s.uploads["/files/1"] = [MIB, bytearray()]
        uploader.open(core.TUS, s.url)
        path = clip(MIB)
        created, end = uploader.whole(path, address=f"{s.url}/1")
        assert (created, end.kind) == ([], "RECEIPT")
        assert not s.seen("POST")
        assert_whole(s, path)


@pytest.mark.parametrize("job", ["UPLOAD", "RECONFIRM"])
def test_17_a_cache_gives_it_back(uploader, clip, job):
    """Nor is what a cache still has a proof that the server has it."""
    path = clip(MIB)
    cached = say(200, "Age: 86400", body=path.read_bytes())
    with FaultServer(otherwise=only("GET", cached)) as s:
        s.uploads["/files/1"] = [MIB, bytearray(path.read_bytes())]
        uploader.open(core.TUS, s.url, flags=core.READ_BACK)
        if job == "UPLOAD":
            _, end = uploader.whole(path, address=f"{s.url}/1")
        else:
            end = uploader.errand(job, path, address=f"{s.url}/1")
        assert (end.kind, end.failure, end.state) == ("FAILED", core.LATER, "cached")


@pytest.mark.parametrize("stays", ["once", "stays", "then-404"])
def test_other_bytes_once_are_no_loss(uploader, clip, stays):
    """A page of somebody in between, as an answer to GET, is not what the server has."""
    path = clip(MIB)
    page = say(200, "Content-Type: text/html", body=b"<html>Sign in to the guest network</html>")
    script = {"once": [page], "stays": [page] * 99, "then-404": [page, honest, say(404), honest, page]}
    with FaultServer(script[stays]) as s:
        s.uploads["/files/1"] = [MIB, bytearray(path.read_bytes())]
        uploader.open(core.TUS, s.url, flags=core.READ_BACK)
        end = uploader.errand("RECONFIRM", path, address=f"{s.url}/1")
        if stays == "stays":
            assert (end.kind, end.failure, end.state) == ("FAILED", core.LATER, "no-offset")
        elif stays == "then-404":
            assert (end.kind, end.failure) == ("FAILED", core.LATER)
            assert len(s.script) == 1
        else:
            assert (end.kind, end.level, end.length) == ("RECEIPT", core.READBACK, MIB)


# ---- 18: nothing in it ----

def test_18_empty(uploader, clip):
    with FaultServer() as s:
        uploader.open(core.TUS, s.url)
        _, end = uploader.whole(clip(0))
        assert (end.kind, end.length) == ("RECEIPT", 0)
        assert not s.seen("PATCH") and s.seen("POST")[0].headers["upload-length"] == "0"


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


# ---- found: begun by another station ----

def found_at(path, held, **said):
    """A server with an upload of the clip, which it finds by its asset."""
    facts = {"length": path.stat().st_size, "asset": asset_of(path),
             "sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "at": "/files/9", **said}

    def server(s, request):
        if request.method != "HEAD" or "/by-asset/" not in request.path:
            return honest(s, request)
        if request.path != f"/files/by-asset/{asset_of(path)}":
            return answer(404)
        stated = ",".join(f"{k} {base64.b64encode(facts[k].encode()).decode()}"
                          for k in ("asset", "sha256") if facts[k])
        return answer(200, f"Upload-Length: {facts['length']}", f"Upload-Metadata: {stated}",
                      *([f"Upload-Offset: {facts.get('offset', len(held))}"]),
                      *([f"Content-Location: {facts['at']}"] if facts["at"] else []))
    s = FaultServer(otherwise=server)
    s.uploads["/files/9"] = [facts["length"], bytearray(held)]
    return s


@pytest.mark.parametrize("held", [0, 700000, MIB])
def test_found_and_gone_on_with(uploader, clip, held):
    path = clip(MIB)
    with found_at(path, path.read_bytes()[:held]) as s:
        ready = uploader.open(core.TUS, s.url, find_path=BY_ASSET)
        assert ready.can & core.FINDS and not ready.can & core.ABANDONS
        assert ready.identity == f"tus {s.url}"
        created, end = uploader.whole(path)
        assert (end.kind, end.sent) == ("RECEIPT", MIB - held)
        assert [(c.found, c.address) for c in created] == [(1, f"{s.url}/9")]
        assert_whole(s, path)
        assert not s.seen("POST") and s.requests[1].headers["dockd-station"] == "station-1"


def test_found_where_it_was_asked_for(uploader, clip):
    """find-path = {asset}: the address itself is made of the asset's id."""
    path = clip(MIB)
    with FaultServer() as s:
        at = f"/files/{asset_of(path)}"
        s.uploads[at] = [MIB, bytearray(path.read_bytes()[:5])]
        uploader.open(core.TUS, s.url, find_path="{asset}")
        created, end = uploader.whole(path)
        assert (created[0].found, created[0].address) == (1, f"http://127.0.0.1:{s.port}{at}")
        assert end.sent == MIB - 5
        assert_whole(s, path)


def test_not_found_is_created(uploader, clip):
    path = clip(MIB)
    with found_at(clip(10, "another"), b"") as s:
        s.uploads = {}
        uploader.open(core.TUS, s.url, find_path=BY_ASSET)
        created, end = uploader.whole(path)
        assert end.kind == "RECEIPT" and created[0].found == 0
        assert_whole(s, path)


def test_an_answer_to_creation_that_is_lost_is_found(uploader, clip):
    path = clip(MIB)
    with found_at(path, b"", at="/files/1") as s:
        s.uploads = {}
        known, s.otherwise = s.otherwise, lambda srv, r: answer(404) if "by-asset" in r.path else \
            honest(srv, r)
        uploader.open(core.TUS, s.url, find_path=BY_ASSET)

        def lost_then_known(server, request):
            server.otherwise = known
            return lost(server, request)
        # curl itself asks once more where a kept connection breaks; that one never arrives
        s.script = [say(404), lost_then_known, lambda *_: None]
        created, end = uploader.whole(path)
        assert end.kind == "RECEIPT" and [c.found for c in created] == [1]
        assert_whole(s, path)


@pytest.mark.parametrize("wrong", [{"length": 5}, {"asset": "0" * 64}, {"sha256": "0" * 64},
                                   {"offset": 2 * MIB}])
def test_found_another(uploader, clip, wrong):
    path = clip(MIB)
    with found_at(path, b"", **wrong) as s:
        uploader.open(core.TUS, s.url, find_path=BY_ASSET)
        created, end = uploader.whole(path)
        assert (end.failure, end.state, created) == (core.REFUSED, "found-differs", [])
        assert not s.seen("POST") and not s.seen("PATCH")


def test_found_elsewhere(uploader, clip):
    path = clip(MIB)
    with FaultServer() as other, found_at(path, b"", at=f"{other.url}/1") as s:
        uploader.open(core.TUS, s.url, find_path=BY_ASSET)
        _, end = uploader.whole(path)
        assert (end.failure, end.state) == (core.REFUSED, "location")
        assert other.connections == 0


@pytest.mark.parametrize("status,state,failure", [
    (423, "locked", core.LATER), (400, "malformed", core.BAD_DESTINATION), (405, "method", core.BAD_DESTINATION),
    (200, "find-path", core.BAD_DESTINATION)])
def test_trouble_with_finding_never_creates(uploader, clip, status, state, failure):
    with FaultServer(otherwise=only("HEAD", say(status))) as s:
        uploader.open(core.TUS, s.url, find_path=BY_ASSET)
        _, end = uploader.whole(clip(MIB))
        assert (end.failure, end.state) == (failure, state)
        assert not s.seen("POST")


@pytest.mark.parametrize("template", ["by-asset", "//elsewhere.example/{asset}", "ftp://x/{asset}"])
def test_find_path_that_is_none(uploader, template):
    ready = uploader.open(core.TUS, "http://127.0.0.1:9/files", find_path=template)
    assert ready.status < 0 and "find-path" in ready.text


# ---- the hook of a stock server ----

def test_stock_found_after_a_restart_of_all(uploader, folder, clip):
    """Half sent; the server and the uploader start anew, and the core has lost the address."""
    path = clip(8 * MIB)
    how = dict(find_path=BY_ASSET, chunk_max=MIB)
    with TusServer(folder / "tus", **finding(folder / "tus", 300)) as s:
        with Wire(s.port, rate=2 * MIB) as line:
            uploader.open(core.TUS, line.url, **how)
            generation = uploader.upload(path)
            first = uploader.get("CREATED")
            uploader.put("PROCEED", generation=generation)
            assert uploader.get("PROGRESS").sent < 8 * MIB
            while uploader.get("PROGRESS").offset < 2 * MIB:
                pass
            uploader.kill()
        s.kill()
        before = sum(map(len, s.uploads().values()))
        s.start()
        with Wire(s.port) as line:
            uploader.start()
            uploader.open(core.TUS, line.url, **how)
            created, end = uploader.whole(path)
        assert created[0].found == 1
        assert created[0].address.rpartition("/")[2] == first.address.rpartition("/")[2]
        assert end.sent == 8 * MIB - before, "not a byte before what the server has"
        assert list(s.uploads().values()) == [path.read_bytes()]


def test_stock_creations_at_the_same_time(folder):
    """Eight stations make the same asset's upload at one moment: one is made, the others are put off."""
    stated = ",".join(f"{k} {base64.b64encode(v).decode()}" for k, v in (
        ("asset", b"a" * 64), ("sha256", b"b" * 64), ("kind", b"clip")))
    start, answers = threading.Barrier(8), []

    def create(port):
        conn = http.client.HTTPConnection("127.0.0.1", port)
        conn.connect()
        start.wait()
        conn.request("POST", "/files", headers={"Tus-Resumable": "1.0.0", "Upload-Length": "5",
                                                "Upload-Metadata": stated})
        r = conn.getresponse()
        answers.append((r.status, r.getheader("location"), r.getheader("retry-after")))
        conn.close()
    with TusServer(folder / "tus", **finding(folder / "tus", 60000)) as s:
        threads = [threading.Thread(target=create, args=(s.port,)) for _ in range(8)]
        for t in threads:
            t.start()
        for t in threads:
            t.join(120)
        assert len(s.uploads()) == 1
        assert sorted(a[0] for a in answers) == [201] + [423] * 7
        assert all(a[2] for a in answers if a[0] == 423)


def test_stock_two_stations_at_the_same_time(folder, clip):
    """Both ask, find nothing, and create: one upload, and who comes second waits for the first."""
    path = clip(24 * MIB)
    with TusServer(folder / "tus", **finding(folder / "tus", 300)) as s:
        ends = {}

        def station(name):
            at = folder / name
            at.mkdir()
            at.chmod(0o755)
            with Core(at, PROGRAM, USER) as c:
                c.open(core.TUS, s.url, find_path=BY_ASSET, chunk_max=MIB)
                created, end = c.whole(path)
                for _ in range(100):
                    if end.kind == "RECEIPT":
                        break
                    assert end.failure == core.LATER and end.state in ("locked", "conflict"), end
                    address = created[-1].address if created else ""
                    threading.Event().wait(0.3)
                    more, end = c.whole(path, address=address)
                    created += more
                ends[name] = (end, created)
        threads = [threading.Thread(target=station, args=(n,)) for n in ("one", "two")]
        for t in threads:
            t.start()
        for t in threads:
            t.join(120)
        assert sorted(ends) == ["one", "two"]
        assert len({e.object.rpartition("/")[2] for e, _ in ends.values()}) == 1
        assert list(s.uploads().values()) == [path.read_bytes()]


# ---- abandoned ----

def deletes(server, request):
    if request.method == "DELETE":
        return answer(204 if server.uploads.pop(request.path, None) else 404)
    return honest(server, request)


def test_abandoned(uploader, clip):
    path = clip(MIB)
    with FaultServer(otherwise=deletes) as s:
        s.uploads = {"/files/1": [MIB, bytearray(5)], "/files/2": [MIB, bytearray(path.read_bytes())],
                     "/files/3": [7, bytearray(5)]}
        assert uploader.open(core.TUS, s.url).can & core.ABANDONS
        assert uploader.errand("ABANDON", path, address=f"{s.url}/1").status == 0
        assert sorted(s.uploads) == ["/files/2", "/files/3"]
        end = uploader.errand("ABANDON", path, address=f"{s.url}/2")
        assert (end.failure, end.state) == (core.CANNOT, "cannot"), "what is whole is left alone"
        end = uploader.errand("ABANDON", path, address=f"{s.url}/3")
        assert (end.failure, end.state) == (core.DIFFERS, "differs")
        assert uploader.errand("ABANDON", path, address=f"{s.url}/4").status == -2
        assert sorted(s.uploads) == ["/files/2", "/files/3"]
        assert len(s.seen("DELETE")) == 1


def test_confirmed_by_the_configured_scheme(uploader, clip):
    """An address from when the server was reached otherwise: nothing is asked, or shown, there."""
    path = clip(1000)
    with FaultServer() as s:
        s.uploads["/files/1"] = [1000, bytearray(path.read_bytes())]
        uploader.open(core.TUS, s.url, flags=core.READ_BACK)
        end = uploader.errand("RECONFIRM", path, address="https://127.0.0.1/files/1")
        assert (end.kind, end.level) == ("RECEIPT", core.READBACK), end


@pytest.mark.parametrize("brought", ["station-1", "Eastgate"])
def test_removed_by_the_station_that_brought_it(uploader, clip, brought):
    """Another station may preserve it, which is not known here."""
    path = clip(1000)

    def tells(server, request):
        if request.method == "HEAD" and request.path in server.uploads:
            return answer(200, "Upload-Offset: 1000", "Upload-Length: 1000",
                          f"Upload-Metadata: station {base64.b64encode(brought.encode()).decode()}")
        return deletes(server, request)
    with FaultServer(otherwise=tells) as s:
        s.uploads["/files/1"] = [1000, bytearray(path.read_bytes())]
        uploader.open(core.TUS, s.url, flags=core.DISPOSE)
        end = uploader.errand("REMOVE", path, address=f"{s.url}/1")
        if brought == "station-1":
            assert end.kind == "REMOVED" and not s.uploads
        else:
            assert (end.failure, end.state) == (core.CANNOT, "another-station") and s.uploads
            assert "station Eastgate" in end.text and not s.seen("DELETE")


@pytest.mark.parametrize("how", ["no termination", "found by all", "elsewhere"])
def test_not_to_be_abandoned(uploader, clip, how):
    def keeps(server, request):
        if request.method == "OPTIONS" and how == "no termination":
            return answer(204, "Tus-Resumable: 1.0.0", "Tus-Extension: creation")
        return deletes(server, request)
    with FaultServer() as other, FaultServer(otherwise=keeps) as s:
        s.uploads["/files/1"] = [MIB, bytearray(5)]
        ready = uploader.open(core.TUS, s.url, find_path=BY_ASSET if how == "found by all" else "")
        assert bool(ready.can & core.ABANDONS) == (how == "elsewhere")
        end = uploader.errand("ABANDON", clip(MIB),
                              address=f"{(other if how == 'elsewhere' else s).url}/1")
        assert (end.failure, end.state) == (core.CANNOT, "cannot") and end.text
        assert s.uploads and other.connections == 0


# ---- dir: two stations, one folder ----

@pytest.mark.parametrize("held", ["nothing", "part", "whole", "damaged"])
def test_dir_found(uploader, store, clip, held):
    path = clip(6 * MIB)
    assert uploader.open(core.DIR, store).identity == ""
    uploader.whole(clip(10, "first"))
    assert uploader.became == [f"dir {(store / '.dockd-destination').read_text().strip()}"]
    if held != "nothing":
        uploader.whole(path)
        if held == "part":
            os.truncate(stored(store, path), 2 * MIB)
            stored(store, path).rename(stored(store, path, ".part"))
        elif held == "damaged":
            with open(stored(store, path), "r+b") as f:
                f.write(b"not what it was")
    uploader.kill()
    uploader.start()
    ready = uploader.open(core.DIR, store)
    assert ready.identity == f"dir {(store / '.dockd-destination').read_text().strip()}"
    assert ready.can & (core.FINDS | core.ABANDONS) == core.FINDS | core.ABANDONS
    created, end = uploader.whole(path)
    assert end.kind == "RECEIPT" and created[0].found == (held != "nothing")
    assert end.sha256 == hashlib.sha256(path.read_bytes()).digest(), "read back"
    assert end.sent == {"nothing": 6, "part": 4, "whole": 0, "damaged": 6}[held] * MIB
    assert stored(store, path).read_bytes() == path.read_bytes()
    assert bool(list(store.rglob("*.damaged-*"))) == (held == "damaged")


def test_dir_abandoned(uploader, store, clip):
    path = clip(MIB)
    uploader.open(core.DIR, store)
    created, _ = uploader.whole(path)
    address = created[0].address
    end = uploader.errand("ABANDON", path, address=address)
    assert (end.failure, end.state) == (core.CANNOT, "cannot")
    part = stored(store, path, ".part")
    stored(store, path).rename(part)
    with open(part, "r+b") as other:
        # as another station would hold it while it writes (F_OFD_SETLK, F_WRLCK)
        fcntl.fcntl(other, 37, struct.pack("hhqqi4x", 1, 0, 0, 0, 0))
        end = uploader.errand("ABANDON", path, address=address)
        assert (end.failure, end.state) == (core.LATER, "busy")
        assert part.exists()
    assert uploader.errand("ABANDON", path, address=address).status == 0
    assert not part.exists()
    assert uploader.errand("ABANDON", path, address=address).status == -2


def test_dir_removed_by_the_station_that_brought_it(uploader, store, clip):
    """What another one knows of it is not known here; asked again it would say the same."""
    path = clip(1000)
    uploader.open(core.DIR, store, flags=core.DISPOSE)
    created, _ = uploader.whole(path)
    beside = stored(store, path, ".json")
    ours = beside.read_text()
    beside.write_text(json.dumps({**json.loads(ours), "station": "Eastgate"}))
    end = uploader.errand("REMOVE", path, address=created[0].address)
    assert (end.kind, end.failure, end.state) == ("FAILED", core.CANNOT, "another-station"), end
    assert stored(store, path).read_bytes() == path.read_bytes() and "dispose of it there" in end.text
    beside.write_text(ours)
    assert uploader.errand("REMOVE", path, address=created[0].address).kind == "REMOVED"
    assert not stored(store, path).exists()


def test_dir_states(uploader, store, folder, clip):
    path = clip(MIB)
    uploader.open(core.DIR, store)
    uploader.whole(path)
    (store / ".dockd-destination").rename(folder / "kept")
    _, end = uploader.whole(path)
    assert (end.failure, end.state) == (core.BAD_DESTINATION, "not-mounted")
    (folder / "kept").rename(store / ".dockd-destination")
    _, end = uploader.whole(path, asset="x")
    assert (end.failure, end.state) == (core.REFUSED, "layout")
    _, end = uploader.whole(path, size=MIB + 1)
    assert end.failure == core.SOURCE
