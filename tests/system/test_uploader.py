"""dockd-uploader alone: the core's side is played message by message, the server's answer by answer.

One test for each way in which real tus servers, proxies and lines have been seen to fail. What they
assert is the same throughout: the bytes arrive once and whole, or the core is told why not; no upload
starts over that the server still holds; nothing goes to another host.
"""
import base64
import hashlib
import os
import pathlib
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import threading

import pytest

import fake_core as core
from fake_core import BUILD, PROGRAM, USER, Core
from servers import FaultServer, TusServer, answer, cut, honest, lost, say
from waiting import until
from wire import Wire

MIB = 1 << 20


def assert_whole(server, path, uploads=1):
    """All uploads but empty ones hold the clip; there are so many in all."""
    data = path.read_bytes()
    assert len(server.uploads) == uploads
    assert [bytes(held) for _, held in server.uploads.values() if held] == [data]


def posts(server):
    return len(server.seen("POST"))


# ---- the plain way ----

@pytest.mark.parametrize("size", [0, 1, MIB + 1, 40 * MIB])
def test_whole(uploader, clip, size):
    path = clip(size)
    with FaultServer() as s:
        ready = uploader.open(core.TUS, s.url)
        assert (ready.status, ready.level) == (0, core.LENGTH)
        created, end = uploader.whole(path)
        assert (end.kind, end.level, end.length, end.sent) == ("RECEIPT", core.LENGTH, size, size)
        assert end.sha256 == bytes(32)
        assert [c.address for c in created] == [f"{s.url}/1"] == [end.object]
        assert bytes(s.uploads["/files/1"][1]) == path.read_bytes()
        assert not s.seen("HEAD"), "a fresh upload needs no HEAD"
        assert s.connections == 1, "one connection is kept"
        assert uploader.close() == 0


def test_request_headers(uploader, clip):
    with FaultServer() as s:
        uploader.open(core.TUS, s.url, chunk_max=MIB)
        path = clip(2 * MIB + 7)
        _, end = uploader.whole(path, name="Überfall 1.mp4")
        assert end.kind == "RECEIPT"
        for r in s.requests:
            assert r.headers["tus-resumable"] == "1.0.0"
            assert "transfer-encoding" not in r.headers
        post = s.seen("POST")[0]
        assert post.headers["upload-length"] == str(2 * MIB + 7)
        assert post.headers["content-length"] == "0" and "content-type" not in post.headers
        metadata = {k: base64.b64decode(v, validate=True).decode() for k, v in
                    (pair.split(" ") for pair in post.headers["upload-metadata"].split(","))}
        assert metadata["filename"] == "Überfall 1.mp4"
        assert metadata["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
        assert metadata["officer"] == "O-217" and "unit" not in metadata
        assert metadata["camera"] == "BWC-0001" and metadata["station"] == "station-1"
        assert metadata["kind"] == "clip" and metadata["recorded"] == "2026-09-21T14:13:20Z"
        patches = s.seen("PATCH")
        assert [r.length for r in patches] == [MIB, MIB, 7]
        assert all(r.headers["content-type"] == "application/offset+octet-stream" for r in patches)
        assert [r.headers["upload-offset"] for r in patches] == ["0", str(MIB), str(2 * MIB)]


def test_expect_is_sent_once(uploader, clip):
    with FaultServer() as s:
        uploader.open(core.TUS, s.url, chunk_max=2 * MIB)
        assert uploader.whole(clip(6 * MIB))[1].kind == "RECEIPT"
        assert ["expect" in r.headers for r in s.seen("PATCH")] == [True, False, False]


def test_no_body_before_the_address_is_on_record(uploader, clip):
    with FaultServer() as s:
        uploader.open(core.TUS, s.url)
        generation = uploader.upload(clip(MIB))
        uploader.get("CREATED")
        # Another slot runs to its end meanwhile; the first one still waits.
        assert uploader.whole(clip(3 * MIB, "b"), slot=1)[1].kind == "RECEIPT"
        assert s.uploads["/files/1"][1] == b""
        uploader.put("PROCEED", generation=generation)
        assert uploader.get("RECEIPT").slot == 0


def test_sixteen_at_once(uploader, clip):
    with FaultServer() as s:
        uploader.open(core.TUS, s.url, slots=16)
        paths = [clip(3 * MIB + i, f"c{i}") for i in range(16)]
        for slot, path in enumerate(paths):
            uploader.upload(path, slot)
        receipts = {}
        while len(receipts) < 16:
            m = uploader.get("CREATED", "RECEIPT")
            if m.kind == "CREATED":
                uploader.put("PROCEED", slot=m.slot, generation=m.generation)
            else:
                receipts[m.slot] = m
        for slot, path in enumerate(paths):
            at = receipts[slot].object[len(s.url) - len("/files"):]
            assert bytes(s.uploads[at][1]) == path.read_bytes()
        with open(f"/proc/{uploader.process.pid}/status") as f:
            peak = next(int(line.split()[1]) for line in f if line.startswith("VmHWM"))
        if "asan" not in str(BUILD):
            assert peak < 32 * 1024, f"{peak} KiB"


# ---- the server's word about the offset ----

def test_smaller_offset_than_sent(uploader, clip):
    def steals(server, request):
        request.read()
        server.uploads[request.path][1] += request.body[:MIB]
        return answer(204, f"Upload-Offset: {MIB}")
    with FaultServer([honest, steals]) as s:
        uploader.open(core.TUS, s.url)
        path = clip(3 * MIB)
        _, end = uploader.whole(path)
        assert end.kind == "RECEIPT"
        assert_whole(s, path)
        assert [r.headers["upload-offset"] for r in s.seen("PATCH")] == ["0", str(MIB)]
        assert not s.seen("HEAD")


def test_early_answer_with_a_smaller_offset(uploader, clip):
    def early(server, request):
        request.read(MIB)
        server.uploads[request.path][1] += request.body
        return answer(204, f"Upload-Offset: {MIB}", "Connection: close")
    with FaultServer([honest, early]) as s:
        uploader.open(core.TUS, s.url)
        path = clip(12 * MIB)
        _, end = uploader.whole(path)
        assert end.kind == "RECEIPT", end
        assert_whole(s, path)
        assert posts(s) == 1


def test_early_answer_ends_the_sending(uploader, clip):
    """The server has said its word; what it still reads of that request is wasted on the line."""
    def early(server, request):
        request.read(MIB)
        server.uploads[request.path][1] += request.body
        request.conn.sendall(answer(204, f"Upload-Offset: {MIB}"))
        while request.conn.recv(1 << 16):
            pass
        return b""
    with FaultServer([honest, early]) as s:
        uploader.open(core.TUS, s.url, chunk_min=96 * MIB)
        path = clip(96 * MIB, sparse=True)
        _, end = uploader.whole(path)
        assert end.kind == "RECEIPT" and end.sent < (96 + 95 - 32) * MIB
        assert_whole(s, path)


def test_offset_missing_in_the_answer(uploader, clip):
    def forgets(server, request):
        honest(server, request)
        return answer(204)
    with FaultServer([honest, forgets]) as s:
        uploader.open(core.TUS, s.url, chunk_max=MIB)
        path = clip(2 * MIB)
        assert uploader.whole(path)[1].kind == "RECEIPT"
        assert_whole(s, path)
        assert len(s.seen("HEAD")) == 1 and posts(s) == 1


def test_offset_goes_back_below_an_earlier_answer(uploader, clip):
    """A server that lost power has less than it said: its new word counts."""
    def power_cut(server, request):
        del server.uploads[request.path][1][MIB // 2:]
        return None
    with FaultServer([honest, honest, power_cut]) as s:
        uploader.open(core.TUS, s.url, chunk_max=MIB)
        path = clip(3 * MIB)
        assert uploader.whole(path)[1].kind == "RECEIPT"
        assert_whole(s, path)
        assert posts(s) == 1


@pytest.mark.parametrize("offset", ["99999999999", "-5", "0x10", "1 2", "18446744073709551616"])
def test_offset_that_makes_no_sense(uploader, clip, offset):
    step = say(204, f"Upload-Offset: {offset}")
    with FaultServer([honest, step]) as s:
        uploader.open(core.TUS, s.url)
        path = clip(MIB)
        created, end = uploader.whole(path)
        assert end.kind == "RECEIPT"
        assert_whole(s, path)
        assert posts(s) == 1 and len(s.seen("HEAD")) == 1


def test_server_that_never_counts_on(uploader, clip):
    def still(server, request):
        return answer(204, "Upload-Offset: 0") if request.method in ("HEAD", "PATCH") and \
            request.read() is not None else honest(server, request)
    with FaultServer(otherwise=still) as s:
        uploader.open(core.TUS, s.url)
        _, end = uploader.whole(clip(100))
        assert (end.kind, end.failure) == ("FAILED", core.LATER)
        assert posts(s) == 1 and len(s.seen("PATCH")) < 10


def test_address_of_another_clip_is_refused(uploader, clip):
    with FaultServer() as s:
        s.uploads["/files/1"] = [5, bytearray(b"abc")]
        uploader.open(core.TUS, s.url)
        created, end = uploader.whole(clip(MIB), address=f"{s.url}/1")
        assert (end.kind, end.failure, created) == ("FAILED", core.REFUSED, [])
        assert not s.seen("PATCH")


# ---- resuming ----

def test_resumes_from_an_address_on_record(uploader, clip):
    path = clip(5 * MIB)
    with FaultServer() as s:
        s.uploads["/files/1"] = [5 * MIB, bytearray(path.read_bytes()[:2 * MIB + 3])]
        uploader.open(core.TUS, s.url)
        created, end = uploader.whole(path, address=f"{s.url}/1")
        assert created == [] and end.kind == "RECEIPT"
        assert end.sent == 3 * MIB - 3, "nothing before the server's offset is sent again"
        assert_whole(s, path)
        assert s.requests[1].headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("status", [404, 410, 403])
def test_gone_is_created_anew(uploader, clip, status):
    with FaultServer([say(status)]) as s:
        uploader.open(core.TUS, s.url)
        path = clip(MIB)
        created, end = uploader.whole(path, address=f"{s.url}/99")
        assert end.kind == "RECEIPT"
        assert len(created) == 1 and created[0].text
        assert_whole(s, path)


def test_expired_while_it_is_sent(uploader, clip):
    def expire(server, request):
        del server.uploads[request.path]
        request.read()
        return answer(410)
    with FaultServer([honest, honest, expire]) as s:
        uploader.open(core.TUS, s.url, chunk_max=MIB)
        path = clip(3 * MIB)
        created, end = uploader.whole(path)
        assert end.kind == "RECEIPT" and len(created) == 2
        assert_whole(s, path)


def test_server_that_forgets_at_once(uploader, clip):
    with FaultServer(otherwise=lambda s, r: honest(s, r) if r.method in ("POST", "OPTIONS")
                     else answer(404) if r.read() is not None else None) as s:
        uploader.open(core.TUS, s.url)
        _, end = uploader.whole(clip(MIB))
        assert (end.kind, end.failure) == ("FAILED", core.LATER)
        assert posts(s) <= 3


@pytest.mark.parametrize("status", [400, 401, 405, 409, 412, 415, 423, 429, 500, 501, 503, 507, 302])
def test_trouble_with_head_never_creates_anew(uploader, clip, status):
    with FaultServer(otherwise=say(status)) as s:
        uploader.open(core.TUS, s.url)
        created, end = uploader.whole(clip(MIB), address=f"{s.url}/1")
        assert created == [] and end.kind == "FAILED" and end.http == status and end.text
        assert posts(s) == 0
        passing = status in (409, 423, 429, 500, 503)
        assert (end.failure == core.LATER) == passing
        assert len(s.seen("HEAD")) == (6 if passing else 1)


@pytest.mark.parametrize("status", [408, 409, 423, 499, 500, 502, 503, 504, 520, 524])
def test_patch_in_trouble_is_resumed(uploader, clip, status):
    def half(server, request):
        request.read(MIB // 2)
        server.uploads[request.path][1] += request.body
        return answer(status, "Connection: close")
    with FaultServer([honest, half, say(423)]) as s:
        uploader.open(core.TUS, s.url)
        path = clip(MIB)
        created, end = uploader.whole(path)
        assert end.kind == "RECEIPT" and len(created) == 1, end
        assert_whole(s, path)
        assert posts(s) == 1


@pytest.mark.parametrize("status", [500, 502, 504])
def test_5xx_after_the_last_byte_is_success(uploader, clip, status):
    def late(server, request):
        honest(server, request)
        return answer(status)
    with FaultServer([honest, late]) as s:
        uploader.open(core.TUS, s.url)
        path = clip(3 * MIB)
        assert uploader.whole(path)[1].kind == "RECEIPT"
        assert_whole(s, path)
        assert len(s.seen("PATCH")) == 1


def test_answer_to_patch_lost(uploader, clip):
    with FaultServer([honest, lost]) as s:
        uploader.open(core.TUS, s.url)
        path = clip(3 * MIB)
        _, end = uploader.whole(path)
        assert end.kind == "RECEIPT" and end.sent == 3 * MIB
        assert_whole(s, path)


def test_line_cut_at_many_points(uploader, clip):
    steps = [honest]
    for n in range(1, 9):
        steps += [cut(n * 100_000, keep=True), honest]
    with FaultServer(steps) as s:
        uploader.open(core.TUS, s.url)
        path = clip(6 * MIB)
        created, end = uploader.whole(path)
        assert end.kind == "RECEIPT" and len(created) == 1
        assert_whole(s, path)


def test_answer_to_creation_lost(uploader, clip):
    with FaultServer([lost]) as s:
        uploader.open(core.TUS, s.url)
        path = clip(MIB)
        created, end = uploader.whole(path)
        assert end.kind == "RECEIPT" and len(created) == 1
        assert_whole(s, path, uploads=2)


def test_retry_after(uploader, clip):
    with FaultServer([honest, say(503, "Retry-After: 7", "Connection: close", read=0)]) as s:
        uploader.open(core.TUS, s.url)
        path = clip(MIB)
        created, end = uploader.whole(path)
        assert (end.kind, end.failure, end.http) == ("FAILED", core.LATER, 503)
        assert end.retry_after == 7000
        created, end = uploader.whole(path, address=created[0].address)
        assert end.kind == "RECEIPT" and created == []
        assert_whole(s, path)


# ---- a line or a proxy that keeps nothing ----

def test_chunks_shrink_behind_a_buffering_proxy(uploader, clip):
    """Nothing of a cut request reaches the server: only short ones ever get through."""
    def proxy(server, request):
        if request.method == "PATCH" and request.length > MIB:
            request.read(MIB)
            return None
        return honest(server, request)
    with FaultServer() as s:
        uploader.open(core.TUS, s.url, chunk_min=256 << 10)
        uploader.whole(clip(30 * MIB, "when all was well"))
        assert s.seen("PATCH")[-1].length > 8 * MIB, "requests grow where all goes well"
        before, s.uploads, s.otherwise = len(s.requests), {}, proxy
        path = clip(20 * MIB)
        created, end = uploader.whole(path)
        while end.kind == "FAILED":
            assert end.failure == core.LATER and end.state
            assert len(s.seen("PATCH")) < 80
            _, end = uploader.whole(path, address=created[0].address)
        assert_whole(s, path)
        good = [r.length for r in s.requests[before:] if r.method == "PATCH" and r.length <= MIB]
        assert sum(good) == 20 * MIB


@pytest.mark.parametrize("read", [False, True])
def test_413_shrinks_the_chunk(uploader, clip, read):
    def small(server, request):
        if request.length > MIB:
            if read:
                request.read()
            return answer(413, "Connection: close")
        return honest(server, request)
    with FaultServer(otherwise=small) as s:
        uploader.open(core.TUS, s.url, chunk_min=256 << 10)
        path = clip(5 * MIB)
        _, end = uploader.whole(path)
        assert end.kind == "RECEIPT", end
        assert_whole(s, path)
        before = len(s.requests)
        path = clip(5 * MIB, "second")
        uploader.whole(path)
        assert all(r.length <= MIB for r in s.requests[before:]), "the limit is remembered"


def test_413_at_the_least_chunk_is_refused(uploader, clip):
    with FaultServer(otherwise=lambda s, r: answer(413, "Connection: close") if r.length
                     else honest(s, r)) as s:
        uploader.open(core.TUS, s.url, chunk_min=MIB)
        _, end = uploader.whole(clip(5 * MIB))
        assert (end.kind, end.failure, end.http) == ("FAILED", core.REFUSED, 413)


def test_max_size_is_respected(uploader, clip):
    with FaultServer(otherwise=lambda s, r: answer(204, "Tus-Max-Size: 1000")
                     if r.method == "OPTIONS" else honest(s, r)) as s:
        uploader.open(core.TUS, s.url)
        _, end = uploader.whole(clip(1001))
        assert (end.kind, end.failure) == ("FAILED", core.REFUSED) and "Tus-Max-Size" in end.text
        assert uploader.whole(clip(1000, "b"))[1].kind == "RECEIPT"


def test_417_goes_on_without_expect(uploader, clip):
    with FaultServer([honest, say(417, "Connection: close", read=False)]) as s:
        uploader.open(core.TUS, s.url)
        path = clip(3 * MIB)
        assert uploader.whole(path)[1].kind == "RECEIPT"
        assert_whole(s, path)
        assert ["expect" in r.headers for r in s.seen("PATCH")] == [True, False]


# ---- silence ----

def test_silence_after_the_body(uploader, clip):
    def swallow(server, request):
        honest(server, request)
        server.released.wait()
        return None
    with FaultServer([honest, swallow]) as s:
        uploader.open(core.TUS, s.url, answer_ms=1000)
        path = clip(MIB)
        _, end = uploader.whole(path)
        assert end.kind == "RECEIPT" and len(s.seen("PATCH")) == 1
        assert_whole(s, path)


def test_silence_in_the_body(uploader, clip):
    def stuck(server, request):
        request.read(MIB)
        server.uploads[request.path][1] += request.body
        server.released.wait()
        return None
    with FaultServer([honest, stuck]) as s:
        uploader.open(core.TUS, s.url, stall_ms=400)
        path = clip(24 * MIB)
        _, end = uploader.whole(path)
        assert end.kind == "RECEIPT"
        assert_whole(s, path)


def test_silence_of_a_body_that_only_the_kernel_has(uploader, clip):
    """All of it was handed over, and nothing moves: it is the body that waits, not the answer."""
    def stuck(server, request):
        request.read(16 << 10)
        server.uploads[request.path][1] += request.body
        server.released.wait()
        return None
    with FaultServer([honest, stuck]) as s:
        uploader.open(core.TUS, s.url, stall_ms=2000, answer_ms=600000)
        path = clip(200 << 10)
        _, end = uploader.whole(path)
        assert end.kind == "RECEIPT"
        assert_whole(s, path)


@pytest.mark.parametrize("kind", ["head", "body", "drip"])
def test_answers_without_end_are_bounded(uploader, clip, kind):
    def endless(server, request):
        conn = request.conn
        if kind == "body":
            conn.sendall(b"HTTP/1.1 500 x\r\nContent-Length: 99999999999\r\n\r\n")
        else:
            conn.sendall(b"HTTP/1.1 204 x\r\n")
        while True:
            conn.sendall(b"X-A: %s\r\n" % (b"b" * 900) if kind != "drip" else b"X: y\r\n")
            if kind == "drip" and server.released.wait(0.05):
                return None
    with FaultServer([endless]) as s:
        uploader.open(core.TUS, s.url, answer_ms=600)
        path = clip(MIB)
        _, end = uploader.whole(path)
        assert end.kind == "RECEIPT" and posts(s) == 2
        assert_whole(s, path)


def test_garbage_for_an_answer(uploader, clip):
    garbage = [lambda s, r, b=b: b + b"\r\n\r\n" for b in (
        b"\x00\x01\x02", b"HTTP/9.9 999", b"SSH-2.0-OpenSSH", b"HTTP/1.1 99")]
    with FaultServer(garbage) as s:
        uploader.open(core.TUS, s.url)
        path = clip(MIB)
        _, end = uploader.whole(path)
        assert end.kind == "RECEIPT", end
        assert_whole(s, path)


# ---- nowhere else ----

@pytest.mark.parametrize("location", [
    "http://127.0.0.1:{}/files/1", "//127.0.0.2:{}/files/1", "http://localhost:{}/x",
    "http://evil.example/files/1", "http://user@127.0.0.1/files/1", "file:///etc/passwd"])
def test_location_of_another_host_is_refused(uploader, clip, location):
    with FaultServer() as other:
        with FaultServer([say(201, f"Location: {location.format(other.port)}")]) as s:
            uploader.open(core.TUS, s.url)
            created, end = uploader.whole(clip(MIB))
            assert created == [] and (end.kind, end.failure) == ("FAILED", core.REFUSED)
            assert len(s.requests) == 2
        assert other.connections == 0


@pytest.mark.parametrize("form", ["/files/1", "//127.0.0.1/files/1", "http://127.0.0.1/files/1",
                                  "https://127.0.0.1/files/1", "files/1", "?id=1", "/files/1?a=b#c"])
def test_location_forms(uploader, clip, form):
    def elsewhere(server, request):
        honest(server, request)
        return answer(201, f"LOCATION:{form}  ")
    def by_any_path(server, request):
        request.path = "/files/1" if request.method in ("PATCH", "HEAD") else request.path
        return honest(server, request)
    with FaultServer([elsewhere], by_any_path) as s:
        uploader.open(core.TUS, s.url)
        path = clip(MIB)
        created, end = uploader.whole(path)
        assert end.kind == "RECEIPT"
        assert created[0].address.startswith(f"http://127.0.0.1:{s.port}/")
        assert_whole(s, path)


@pytest.mark.parametrize("method", ["POST", "HEAD", "PATCH", "GET"])
def test_redirects_are_not_followed(uploader, clip, method):
    with FaultServer() as other:
        def elsewhere(server, request):
            if request.method == method:
                return answer(307, f"Location: {other.url}/1")
            return honest(server, request)
        with FaultServer(otherwise=elsewhere) as s:
            s.uploads["/files/1"] = [100, bytearray()]
            uploader.open(core.TUS, s.url, flags=core.READ_BACK)
            _, end = uploader.whole(clip(100), address=f"{s.url}/1" if method == "HEAD" else "")
            if method == "GET":  # nothing is read back: no proof of more than the length
                assert (end.kind, end.level) == ("RECEIPT", core.LENGTH)
            else:
                assert (end.failure, end.state) == (core.BAD_DESTINATION, "redirect")
                assert "redirect" in end.text
            assert len(s.seen(method)) == 1
        assert other.connections == 0


def test_address_on_another_host_is_not_asked(uploader, clip):
    with FaultServer() as other, FaultServer() as s:
        uploader.open(core.TUS, s.url)
        path = clip(MIB)
        created, end = uploader.whole(path, address=f"{other.url}/1")
        assert end.kind == "RECEIPT" and len(created) == 1 and created[0].text
        assert other.connections == 0
        assert_whole(s, path)


def test_proxies_of_the_environment_are_not_used(folder, clip):
    with FaultServer() as other, FaultServer() as s:
        with Core(folder, PROGRAM, env={"http_proxy": other.url, "ALL_PROXY": other.url}) as c:
            c.open(core.TUS, s.url)
            assert c.whole(clip(MIB))[1].kind == "RECEIPT"
        assert other.connections == 0


# ---- the destination as a whole ----

def test_server_away(uploader, clip):
    s = FaultServer()
    url = s.url
    s.close()
    ready = uploader.open(core.TUS, url)
    assert ready.status == 0 and ready.text
    _, end = uploader.whole(clip(MIB))
    assert (end.kind, end.failure) == ("FAILED", core.AWAY)


def test_name_that_does_not_resolve(uploader, clip):
    uploader.open(core.TUS, "http://no-such-host.invalid/files")
    _, end = uploader.whole(clip(MIB))
    assert (end.kind, end.failure) == ("FAILED", core.AWAY)


@pytest.mark.parametrize("where", ["ftp://127.0.0.1/", "127.0.0.1/files", "http://", "",
                                   "http://user:secret@127.0.0.1/files"])
def test_unusable_url(uploader, clip, where):
    ready = uploader.open(core.TUS, where)
    assert ready.status < 0 and ready.text
    _, end = uploader.whole(clip(10))
    assert (end.kind, end.failure) == ("FAILED", core.BAD_DESTINATION) and end.text


@pytest.mark.parametrize("status,failure", [
    (400, core.REFUSED), (402, core.BAD_DESTINATION), (404, core.BAD_DESTINATION),
    (405, core.BAD_DESTINATION), (412, core.BAD_DESTINATION), (413, core.REFUSED),
    (415, core.BAD_DESTINATION), (507, core.BAD_DESTINATION), (301, core.BAD_DESTINATION),
    (200, core.BAD_DESTINATION)])
def test_creation_refused(uploader, clip, status, failure):
    with FaultServer(otherwise=say(status)) as s:
        uploader.open(core.TUS, s.url)
        _, end = uploader.whole(clip(10))
        assert (end.kind, end.failure, end.http) == ("FAILED", failure, status)
        assert posts(s) == 1 and end.text


def test_credentials_are_read_again_once(uploader, folder, clip):
    headers = folder / "headers"
    headers.write_text("# for the ingest service\nAuthorization: Bearer old-secret\n")
    headers.chmod(0o644)

    def guarded(server, request):
        if request.headers.get("authorization") == "Bearer new-secret":
            return honest(server, request)
        request.read(0)
        return answer(401)
    with FaultServer(otherwise=guarded) as s:
        uploader.open(core.TUS, s.url, headers=headers)
        path = clip(MIB)
        _, end = uploader.whole(path)
        assert (end.kind, end.failure, end.http) == ("FAILED", core.BAD_DESTINATION, 401)
        assert posts(s) == 2
        headers.write_text("Authorization: Bearer new-secret\n")
        assert uploader.whole(path)[1].kind == "RECEIPT"
        assert_whole(s, path)
    assert "secret" not in uploader.text()
    with open(f"/proc/{uploader.process.pid}/cmdline", "rb") as f:
        assert b"secret" not in f.read()


def test_credentials_change_again_while_a_clip_is_sent(uploader, folder, clip):
    headers = folder / "headers"
    headers.write_text("Authorization: Bearer 0\n")
    headers.chmod(0o644)
    before = headers.stat()
    patches = []

    # Twice the token changes while a request is under way: that one is sent again with the new one.
    def changing(server, request):
        if request.method == "PATCH":
            patches.append(request.headers["authorization"])
            if len(patches) in (1, 3):
                headers.write_text(f"Authorization: Bearer {len(patches)}\n")
                os.utime(headers, ns=(before.st_atime_ns, before.st_mtime_ns))
                return answer(401)
        return honest(server, request)
    with FaultServer(otherwise=changing) as s:
        uploader.open(core.TUS, s.url, headers=headers, chunk_min=MIB, chunk_max=MIB)
        path = clip(3 * MIB)
        assert uploader.whole(path)[1].kind == "RECEIPT"
        assert_whole(s, path)
    assert patches == [f"Bearer {n}" for n in (0, 1, 1, 3, 3)]


def test_long_line_of_credentials(uploader, folder, clip):
    token = "Bearer " + "x" * 12000
    headers = folder / "headers"
    headers.write_text(f"Authorization: {token}\n")
    headers.chmod(0o644)
    with FaultServer() as s:
        uploader.open(core.TUS, s.url, headers=headers)
        path = clip(MIB)
        assert uploader.whole(path)[1].kind == "RECEIPT"
        assert_whole(s, path)
        assert {r.headers["authorization"] for r in s.requests} == {token}


@pytest.mark.parametrize("line", ["no colon", "Content-Length: 5", "Host: evil.example",
                                  "Upload-Offset: 1", "A: b\rX: y", ": x", "Transfer-Encoding: chunked"])
def test_headers_file_that_would_break_requests(uploader, folder, line):
    headers = folder / "headers"
    headers.write_bytes(line.encode() + b"\n")
    headers.chmod(0o644)
    ready = uploader.open(core.TUS, "http://127.0.0.1:9/files", headers=headers)
    assert ready.status < 0 and "headers-file" in ready.text


def test_headers_file_that_cannot_be_read(uploader, folder):
    headers = folder / "headers"
    headers.write_text("A: b\n")
    headers.chmod(0o600)
    ready = uploader.open(core.TUS, "http://127.0.0.1:9/files", headers=headers)
    assert ready.status < 0 and "Permission denied" in ready.text


def test_method_override(uploader, clip):
    def no_patch(server, request):
        return answer(405) if request.method == "PATCH" else honest(server, request)
    with FaultServer(otherwise=no_patch) as s:
        uploader.open(core.TUS, s.url, flags=core.OVERRIDE)
        path = clip(MIB)
        assert uploader.whole(path)[1].kind == "RECEIPT"
        assert_whole(s, path)


# ---- TLS ----

@pytest.fixture(scope="module")
def certificates():
    """ca, other (another CA), server and client, each NAME.crt and NAME.key."""
    with tempfile.TemporaryDirectory(prefix="dockd-tls-") as path:
        at = pathlib.Path(path)
        at.chmod(0o755)

        def openssl(*args):
            subprocess.run(["openssl", *map(str, args)], check=True, capture_output=True, cwd=at)
        new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        for ca in ("ca", "other"):
            openssl("req", "-x509", *new, "-keyout", f"{ca}.key", "-out", f"{ca}.crt", "-days", 2,
                    "-subj", f"/CN={ca}")
        (at / "ext").write_text("subjectAltName=IP:127.0.0.1\n")
        for name in ("server", "client"):
            openssl("req", *new, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
            openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.crt", "-CAkey", "ca.key",
                    "-CAcreateserial", "-out", f"{name}.crt", "-days", 2, "-extfile", "ext")
        for p in at.iterdir():
            p.chmod(0o644)
        yield at


def tls_server(certificates, script=(), otherwise=None, mutual=False):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / "server.crt", certificates / "server.key")
    if mutual:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(certificates / "ca.crt")
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    return FaultServer(script, otherwise, context)


def test_tls_with_a_client_certificate(uploader, clip, certificates):
    def plain_location(server, request):
        honest(server, request)
        return answer(201, f"Location: http://127.0.0.1:{server.port}/files/1")
    with tls_server(certificates, [plain_location], mutual=True) as s:
        uploader.open(core.TUS, s.url, ca=str(certificates / "ca.crt"),
                      cert=str(certificates / "client.crt"), key=str(certificates / "client.key"))
        path = clip(3 * MIB)
        created, end = uploader.whole(path)
        assert end.kind == "RECEIPT", end
        assert created[0].address == f"{s.url}/1", "http behind TLS is forced back to https"
        assert_whole(s, path)


def test_tls_cut_and_resumed(uploader, clip, certificates):
    with tls_server(certificates, [honest, cut(MIB, keep=True), honest, cut(99999)]) as s:
        uploader.open(core.TUS, s.url, ca=str(certificates / "ca.crt"))
        path = clip(3 * MIB)
        created, end = uploader.whole(path)
        assert end.kind == "RECEIPT" and len(created) == 1
        assert_whole(s, path)


def test_tls_of_somebody_else(uploader, clip, certificates):
    with tls_server(certificates) as s:
        ready = uploader.open(core.TUS, s.url, ca=str(certificates / "other.crt"))
        assert "certificate" in ready.text
        _, end = uploader.whole(clip(10))
        assert (end.kind, end.failure) == ("FAILED", core.BAD_DESTINATION)
        assert "certificate" in end.text and not s.requests


def test_tls_for_another_name(uploader, clip, certificates):
    with tls_server(certificates) as s:
        uploader.open(core.TUS, s.url.replace("127.0.0.1", "localhost"),
                      ca=str(certificates / "ca.crt"))
        _, end = uploader.whole(clip(10))
        assert (end.kind, end.failure) == ("FAILED", core.BAD_DESTINATION) and not s.requests


def test_tls_without_the_client_certificate(uploader, clip, certificates):
    with tls_server(certificates, mutual=True) as s:
        uploader.open(core.TUS, s.url, ca=str(certificates / "ca.crt"))
        _, end = uploader.whole(clip(10))
        assert end.kind == "FAILED" and end.text and not s.requests


@pytest.mark.parametrize("what", ["ca", "cert", "key"])
def test_tls_file_missing(uploader, certificates, what):
    ready = uploader.open(core.TUS, "https://127.0.0.1:9/files", **{what: "/nonexistent/file.pem"})
    assert ready.status < 0 and "/nonexistent/file.pem" in ready.text


# ---- proof ----

CHECKED = ("Tus-Resumable: 1.0.0", "Tus-Extension: creation,checksum",
           "Tus-Checksum-Algorithm: md5,sha256")


def checking(server, request):
    if request.method == "OPTIONS":
        return answer(204, *CHECKED)
    if request.method == "PATCH":
        request.read()
        algorithm, want = request.headers["upload-checksum"].split(" ")
        if base64.b64decode(want) != hashlib.sha256(request.body).digest():
            return answer(460, reason="unknown")
    return honest(server, request)


def test_checksums(uploader, clip):
    with FaultServer(otherwise=checking) as s:
        ready = uploader.open(core.TUS, s.url, flags=core.CHECKSUM)
        assert ready.level == core.TRANSFER_DIGEST
        path = clip(40 * MIB + 5)
        _, end = uploader.whole(path)
        assert (end.kind, end.level) == ("RECEIPT", core.TRANSFER_DIGEST)
        assert end.sha256 == hashlib.sha256(path.read_bytes()).digest()
        assert_whole(s, path)
        assert max(r.length for r in s.seen("PATCH")) <= 16 * MIB


def test_checksum_that_does_not_match_once(uploader, clip):
    with FaultServer([checking, say(460)], checking) as s:
        uploader.open(core.TUS, s.url, flags=core.CHECKSUM)
        path = clip(MIB)
        _, end = uploader.whole(path)
        assert (end.kind, end.level, end.sent) == ("RECEIPT", core.TRANSFER_DIGEST, 2 * MIB)
        assert_whole(s, path)


def test_checksum_that_never_matches(uploader, clip):
    def never(server, request):
        return say(460)(server, request) if request.method == "PATCH" else checking(server, request)
    with FaultServer(otherwise=never) as s:
        uploader.open(core.TUS, s.url, flags=core.CHECKSUM)
        _, end = uploader.whole(clip(MIB))
        assert (end.kind, end.failure) == ("FAILED", core.SOURCE)
        assert len(s.seen("PATCH")) == 3


def test_checksum_refused_after_all(uploader, clip):
    def liar(server, request):
        if request.method == "PATCH" and "upload-checksum" in request.headers:
            request.read()
            return answer(400)
        return answer(204, *CHECKED) if request.method == "OPTIONS" else honest(server, request)
    with FaultServer(otherwise=liar) as s:
        uploader.open(core.TUS, s.url, flags=core.CHECKSUM)
        path = clip(MIB)
        _, end = uploader.whole(path)
        assert (end.kind, end.level) == ("RECEIPT", core.LENGTH)
        assert_whole(s, path)


def test_checked_and_resumed_is_proof_of_length_only(uploader, clip):
    path = clip(2 * MIB)
    with FaultServer(otherwise=checking) as s:
        s.uploads["/files/1"] = [2 * MIB, bytearray(path.read_bytes()[:MIB])]
        uploader.open(core.TUS, s.url, flags=core.CHECKSUM)
        _, end = uploader.whole(path, address=f"{s.url}/1")
        assert (end.kind, end.level, end.sha256) == ("RECEIPT", core.LENGTH, bytes(32))


def test_checked_with_an_answer_lost_is_proof_of_length_only(uploader, clip):
    def lost_after_check(server, request):
        checking(server, request)
        return None
    with FaultServer([checking, lost_after_check], checking) as s:
        uploader.open(core.TUS, s.url, flags=core.CHECKSUM, chunk_max=MIB)
        path = clip(3 * MIB)
        _, end = uploader.whole(path)
        assert (end.kind, end.level, end.sent) == ("RECEIPT", core.LENGTH, 3 * MIB)
        assert_whole(s, path)


def test_clip_that_is_not_what_was_checked(uploader, clip):
    with FaultServer(otherwise=checking) as s:
        uploader.open(core.TUS, s.url, flags=core.CHECKSUM)
        _, end = uploader.whole(clip(MIB), sha256=bytes(31) + b"x")
        assert (end.kind, end.failure) == ("FAILED", core.SOURCE)


def test_read_back(uploader, clip):
    with FaultServer() as s:
        ready = uploader.open(core.TUS, s.url, flags=core.READ_BACK)
        assert ready.level == core.READBACK
        path = clip(5 * MIB)
        _, end = uploader.whole(path)
        assert (end.kind, end.level, end.length) == ("RECEIPT", core.READBACK, 5 * MIB)
        assert end.sha256 == hashlib.sha256(path.read_bytes()).digest()


@pytest.mark.parametrize("wrong", ["changed", "short", "long"])
def test_read_back_tells_what_was_read(uploader, clip, wrong):
    def liar(server, request):
        if request.method == "GET":
            data = bytearray(server.uploads[request.path][1])
            if wrong == "changed":
                data[len(data) // 2] ^= 1
            elif wrong == "short":
                del data[-1:]
            else:
                data += b"more" * 40000
            return answer(200, body=bytes(data))
        return honest(server, request)
    with FaultServer(otherwise=liar) as s:
        uploader.open(core.TUS, s.url, flags=core.READ_BACK)
        path = clip(MIB)
        _, end = uploader.whole(path)
        assert (end.kind, end.level) == ("RECEIPT", core.READBACK)
        assert end.sha256 != hashlib.sha256(path.read_bytes()).digest()
        assert (end.length == MIB) == (wrong == "changed")


def test_read_back_that_breaks_is_repeated(uploader, clip):
    def breaks(server, request):
        request.conn.sendall(answer(200, body=bytes(server.uploads[request.path][1]))[:MIB // 2])
        return None
    with FaultServer([honest, honest, breaks]) as s:
        uploader.open(core.TUS, s.url, flags=core.READ_BACK)
        path = clip(MIB)
        _, end = uploader.whole(path)
        assert (end.kind, end.level) == ("RECEIPT", core.READBACK)
        assert end.sha256 == hashlib.sha256(path.read_bytes()).digest()
        assert len(s.seen("GET")) == 2 and end.sent == MIB


def test_server_that_gives_nothing_back(uploader, clip):
    with FaultServer(otherwise=lambda s, r: answer(404) if r.method == "GET" else honest(s, r)) as s:
        uploader.open(core.TUS, s.url, flags=core.READ_BACK)
        _, end = uploader.whole(clip(MIB))
        assert (end.kind, end.level, end.sha256) == ("RECEIPT", core.LENGTH, bytes(32))


# ---- our own side ----

@pytest.mark.parametrize("said", [MIB - 1, MIB + 1])
def test_clip_of_another_size_than_said(uploader, clip, said):
    with FaultServer() as s:
        uploader.open(core.TUS, s.url)
        _, end = uploader.whole(clip(MIB), size=said)
        assert (end.kind, end.failure) == ("FAILED", core.SOURCE)
        assert not s.uploads


def test_stop_in_the_body(uploader, clip):
    reached = threading.Event()

    def stuck(server, request):
        request.read(MIB)
        reached.set()
        try:
            while request.conn.recv(1 << 16):
                pass
        except ConnectionResetError:
            server.reset = True
        server.released.set()
        return None
    with FaultServer([honest, stuck]) as s:
        s.reset = False
        uploader.open(core.TUS, s.url)
        path = clip(64 * MIB, sparse=True)
        generation = uploader.upload(path)
        uploader.get("CREATED")
        uploader.put("PROCEED", generation=generation)
        assert reached.wait(60)
        uploader.put("STOP_UPLOAD", generation=generation - 1)  # an older one: passed over
        uploader.put("STOP_UPLOAD", generation=generation)
        end = uploader.get("FAILED")
        assert end.failure == core.STOPPED and end.generation == generation
        assert s.released.wait(60) and s.reset, "the old connection is reset"
        uploader.put("STOP_UPLOAD", generation=generation)  # crossed the end: passed over
        assert uploader.whole(clip(10, "b"))[1].kind == "RECEIPT"


def test_core_gone_ends_everything(uploader, clip):
    ended = threading.Event()

    def stuck(server, request):
        request.read(MIB)
        ended.reached.set()
        try:
            while request.conn.recv(1 << 16):
                pass
        except ConnectionResetError:
            ended.set()
        return None
    ended.reached = threading.Event()
    with FaultServer([honest, stuck]) as s:
        uploader.open(core.TUS, s.url)
        generation = uploader.upload(clip(64 * MIB, sparse=True))
        uploader.get("CREATED")
        uploader.put("PROCEED", generation=generation)
        assert ended.reached.wait(60)
        assert uploader.close() == 0
        assert ended.wait(60)


def test_progress(uploader, clip):
    reached = threading.Event()

    def slow(server, request):
        request.read(2 * MIB)
        reached.wait(60)
        return honest(server, request)
    with FaultServer([honest, slow]) as s:
        uploader.open(core.TUS, s.url, stall_ms=60000, answer_ms=60000)
        generation = uploader.upload(clip(3 * MIB))
        uploader.get("CREATED")
        uploader.put("PROCEED", generation=generation)
        while True:
            p = uploader.get("PROGRESS")
            if p.sent >= 2 * MIB:
                break
        assert (p.slot, p.generation, p.offset) == (0, generation, 0)
        reached.set()
        assert uploader.get("RECEIPT").sent == 3 * MIB


@pytest.mark.parametrize("wrong", ["busy", "slot", "proceed", "destination", "type"])
def test_core_that_breaks_the_protocol(uploader, clip, wrong):
    with FaultServer() as s:
        uploader.open(core.TUS, s.url, slots=2)
        path = clip(MIB)
        generation = uploader.upload(path)
        uploader.get("CREATED")
        if wrong == "busy":
            uploader.upload(path)
        elif wrong == "slot":
            uploader.upload(path, slot=2)
        elif wrong == "proceed":
            uploader.put("PROCEED", generation=generation)
            uploader.put("PROCEED", generation=generation)
        elif wrong == "destination":
            uploader.put("DESTINATION", bytes(core.DESTINATION.size))
        else:
            uploader.put("RECEIPT", bytes(core.RECEIPT.size))
        if wrong != "proceed":  # there the slot may have ended in between
            assert uploader.process.wait(60) == 1


def test_refuses_root(folder):
    done = subprocess.run([str(PROGRAM), "--socket", str(folder / "none"), "test"],
                          capture_output=True, timeout=10)
    assert done.returncode == 1 and b"root" in done.stderr


# ---- the stock server ----

def test_stock_cut_off_and_resumed(uploader, folder, clip):
    path = clip(80 * MIB)
    with TusServer(folder / "tus") as s:
        uploader.open(core.TUS, s.url, chunk_max=8 * MIB)
        generation = uploader.upload(path)
        created = uploader.get("CREATED")
        uploader.put("PROCEED", generation=generation)
        until(lambda: sum(p.stat().st_size for p in s.folder.iterdir()) > 20 * MIB)
        s.kill()
        end = uploader.get("FAILED")
        assert end.failure == core.AWAY and end.offset < 80 * MIB
        s.start()
        again, end = uploader.whole(path, address=created.address)
        assert end.kind == "RECEIPT" and again == []
        assert end.sent <= 64 * MIB
        assert list(s.uploads().values()) == [path.read_bytes()]


def test_stock_offset_behind_after_power_cut(uploader, folder, clip):
    path = clip(8 * MIB)
    with TusServer(folder / "tus") as s:
        uploader.open(core.TUS, s.url, flags=core.READ_BACK)
        created, end = uploader.whole(path)
        s.kill()
        file = next(p for p in s.folder.iterdir() if p.suffix != ".json")
        os.truncate(file, 3 * MIB)
        s.start()
        again, end = uploader.whole(path, address=created[0].address)
        assert (end.kind, end.level, end.sent) == ("RECEIPT", core.READBACK, 5 * MIB)
        assert again == [] and file.read_bytes() == path.read_bytes()


def test_stock_upload_removed(uploader, folder, clip):
    path = clip(MIB)
    with TusServer(folder / "tus", expire_ms=1) as s:
        uploader.open(core.TUS, s.url)
        generation = uploader.upload(path)
        created = uploader.get("CREATED")
        uploader.put("STOP_UPLOAD", generation=generation)
        uploader.get("FAILED")
        s.kill()
        s.settings = {}
        shutil.rmtree(s.folder)
        s.folder.mkdir()
        s.start()
        again, end = uploader.whole(path, address=created.address)
        assert end.kind == "RECEIPT" and len(again) == 1 and "404" in again[0].text
        assert list(s.uploads().values()) == [path.read_bytes()]


def test_stock_held_by_a_half_open_connection(uploader, folder, clip):
    path = clip(4 * MIB)
    with TusServer(folder / "tus", drain_ms=500) as s:
        uploader.open(core.TUS, s.url)
        generation = uploader.upload(path)
        created = uploader.get("CREATED")
        uploader.put("STOP_UPLOAD", generation=generation)
        uploader.get("FAILED")
        with socket.create_connection(("127.0.0.1", s.port)) as half:
            half.sendall(f"PATCH {created.address.split(str(s.port))[1]} HTTP/1.1\r\nHost: x\r\n"
                         "Tus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\n"
                         "Content-Type: application/offset+octet-stream\r\n"
                         f"Content-Length: {4 * MIB}\r\n\r\n".encode() + path.read_bytes()[:MIB])
            until(lambda: len(next(iter(s.uploads().values()))) >= MIB)
            again, end = uploader.whole(path, address=created.address)
            assert end.kind == "RECEIPT" and again == []
        assert list(s.uploads().values()) == [path.read_bytes()]


def test_stock_slow_line_and_request_timeout(uploader, folder, clip):
    """Node cuts a request that lasts too long with 408; what it has is kept and gone on from."""
    path = clip(3 * MIB)
    with TusServer(folder / "tus", request_timeout_ms=1000) as s:
        with Wire(s.port, rate=MIB) as line:
            uploader.open(core.TUS, line.url)
            created, end = uploader.whole(path)
        assert end.kind == "RECEIPT" and len(created) == 1
        assert list(s.uploads().values()) == [path.read_bytes()]


# ---- dir ----

@pytest.fixture
def store(folder):
    path = folder / "store"
    path.mkdir()
    if os.getuid() == 0:
        os.chown(path, USER, USER)
    return path


def asset_of(path):
    return hashlib.sha256(b"camera" + hashlib.sha256(path.read_bytes()).digest()).hexdigest()


def stored(store, path, suffix=""):
    asset = asset_of(path)
    return store / asset[:2] / (asset + suffix)


@pytest.mark.parametrize("size", [0, 1, 9 * MIB + 1])
def test_dir_whole(uploader, store, clip, size):
    path = clip(size)
    assert uploader.open(core.DIR, store).status == 0
    created, end = uploader.whole(path, name="../../etc/passwd")
    assert (end.kind, end.level, end.length) == ("RECEIPT", core.LOCAL, size)
    assert end.sha256 == hashlib.sha256(path.read_bytes()).digest()
    assert stored(store, path).read_bytes() == path.read_bytes()
    assert '"../../etc/passwd"' in stored(store, path, ".json").read_text()
    assert sorted(p.name for p in stored(store, path).parent.iterdir()) == [
        asset_of(path), asset_of(path) + ".json"]


def test_dir_name_that_is_no_utf8(uploader, store, clip):
    path = clip(10)
    uploader.open(core.DIR, store)
    assert uploader.whole(path, name=b"\xff\xfe.mp4")[1].kind == "RECEIPT"
    assert '"name-bytes"' in stored(store, path, ".json").read_text()


@pytest.mark.parametrize("asset", ["../" + "a" * 61, "A" * 64, "a" * 63, ""])
def test_dir_asset_that_is_no_id(uploader, store, clip, asset):
    uploader.open(core.DIR, store)
    generation = uploader.upload(clip(10), asset=asset or " ")
    end = uploader.get("FAILED")
    assert end.failure == core.REFUSED and end.generation == generation
    assert list(store.iterdir()) == []


def test_dir_stopped_and_resumed(uploader, store, clip):
    path = clip(128 * MIB, sparse=True)
    uploader.open(core.DIR, store)
    generation = uploader.upload(path)
    created = uploader.get("CREATED")
    part = stored(store, path, ".part")
    uploader.put("PROCEED", generation=generation)
    until(lambda: part.exists() and part.stat().st_size >= 4 * MIB)
    uploader.put("STOP_UPLOAD", generation=generation)
    end = uploader.get("FAILED")
    assert end.failure == core.STOPPED and 4 * MIB <= part.stat().st_size < 128 * MIB
    _, end = uploader.whole(path, address=created.address)
    assert end.kind == "RECEIPT" and end.sent <= 124 * MIB
    assert stored(store, path).read_bytes() == path.read_bytes()
    assert not part.exists()


@pytest.mark.parametrize("what", ["hole", "longer", "other"])
def test_dir_part_is_believed_only_as_far_as_it_is_equal(uploader, store, clip, what):
    path = clip(6 * MIB)
    uploader.open(core.DIR, store)
    assert uploader.whole(path)[1].kind == "RECEIPT"
    part = stored(store, path, ".part")
    stored(store, path).unlink()
    data = path.read_bytes()
    part.write_bytes({"hole": data[:2 * MIB] + bytes(MIB), "longer": data + b"x",
                      "other": os.urandom(MIB)}[what])
    os.chown(part, USER, USER) if os.getuid() == 0 else None
    _, end = uploader.whole(path, address=f"{asset_of(path)[:2]}/{asset_of(path)}")
    assert end.kind == "RECEIPT"
    assert end.sent == {"hole": 4 * MIB, "longer": 0, "other": 6 * MIB}[what]
    assert stored(store, path).read_bytes() == data


def test_dir_there_already(uploader, store, clip):
    path = clip(2 * MIB)
    uploader.open(core.DIR, store)
    uploader.whole(path)
    before = stored(store, path).stat()
    _, end = uploader.whole(path)
    assert (end.kind, end.sent) == ("RECEIPT", 0)
    assert stored(store, path).stat().st_ino == before.st_ino


@pytest.mark.parametrize("suffix", ["", ".part", ".json.part"])
def test_dir_pipe_in_the_way_is_not_waited_for(uploader, store, clip, suffix):
    path = clip(MIB)
    uploader.open(core.DIR, store)
    uploader.whole(path)
    stored(store, path).unlink()
    pipe = stored(store, path, suffix)
    os.mkfifo(pipe, 0o666)
    os.chown(pipe, USER, USER) if os.getuid() == 0 else None
    _, end = uploader.whole(path)
    assert (end.kind, end.failure) == ("FAILED", core.REFUSED) and "is not a file" in end.text
    assert pipe.is_fifo()
    pipe.unlink()
    assert uploader.whole(path)[1].kind == "RECEIPT"


def test_dir_pipe_for_a_mark_is_not_waited_for(uploader, store, clip):
    mark = store / ".dockd-destination"
    os.mkfifo(mark, 0o666)
    os.chown(mark, USER, USER) if os.getuid() == 0 else None
    ready = uploader.open(core.DIR, store)
    assert (ready.status, ready.identity) == (0, "")
    uploader.upload(clip(10))
    assert uploader.get("FAILED").failure == core.LATER


def test_dir_damaged_copy_is_kept_aside(uploader, store, clip):
    path = clip(2 * MIB)
    uploader.open(core.DIR, store)
    uploader.whole(path)
    damaged = bytearray(path.read_bytes())
    damaged[MIB] ^= 1
    stored(store, path).write_bytes(damaged)
    _, end = uploader.whole(path, address=f"{asset_of(path)[:2]}/{asset_of(path)}")
    assert end.kind == "RECEIPT" and stored(store, path).read_bytes() == path.read_bytes()
    aside = [p for p in stored(store, path).parent.iterdir() if "damaged" in p.name]
    assert [p.read_bytes() for p in aside] == [bytes(damaged)]


def test_dir_vanished_mount(uploader, store, folder, clip):
    path = clip(MIB)
    uploader.open(core.DIR, store)
    created, end = uploader.whole(path)
    (store / ".dockd-destination").rename(folder / "kept")
    for address in ("", created[0].address):
        _, end = uploader.whole(path, address=address)
        assert (end.kind, end.failure) == ("FAILED", core.BAD_DESTINATION) and "mounted" in end.text
    (folder / "kept").rename(store / ".dockd-destination")
    assert uploader.whole(path)[1].kind == "RECEIPT"
    store.rename(folder / "away")
    store.mkdir()
    os.chown(store, USER, USER) if os.getuid() == 0 else None
    _, end = uploader.whole(clip(MIB, "b"))
    assert (end.kind, end.failure) == ("FAILED", core.BAD_DESTINATION)
    assert list(store.iterdir()) == []


def test_dir_not_mounted_at_start(uploader, store, clip):
    """No marker, and a clip that was put there before: the folder is not what it was."""
    uploader.open(core.DIR, store)
    path = clip(MIB)
    _, end = uploader.whole(path, address=f"{asset_of(path)[:2]}/{asset_of(path)}")
    assert (end.kind, end.failure) == ("FAILED", core.BAD_DESTINATION)
    assert list(store.iterdir()) == []


def test_dir_mounted_anew(uploader, store, folder, clip):
    """Another device and inode than before, but the same marker: it is gone on with."""
    path = clip(MIB)
    uploader.open(core.DIR, store)
    created, _ = uploader.whole(path)
    shutil.copytree(store, folder / "copy")
    store.rename(folder / "away")
    if os.getuid() == 0:
        for p in [folder / "copy", *(folder / "copy").rglob("*")]:
            os.chown(p, USER, USER)
    (folder / "copy").rename(store)
    _, end = uploader.whole(path, address=created[0].address)
    assert (end.kind, end.sent) == ("RECEIPT", 0)


def test_dir_missing_then_there(uploader, store, clip):
    """What is put right is found by itself: the process ends, and its service starts it anew."""
    store.rmdir()
    ready = uploader.open(core.DIR, store)
    assert ready.status < 0 and "No such file" in ready.text
    _, end = uploader.whole(clip(MIB))
    assert (end.kind, end.failure) == ("FAILED", core.BAD_DESTINATION) and end.text == ready.text
    store.mkdir()
    os.chown(store, USER, USER) if os.getuid() == 0 else None
    assert uploader.process.wait(60) == 0
    uploader.kill()
    uploader.start()
    assert uploader.open(core.DIR, store).status == 0
    assert uploader.whole(clip(MIB))[1].kind == "RECEIPT"


def test_dir_full(uploader, folder, clip):
    store = folder / "small"
    store.mkdir()
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size=4m,uid={USER},mode=700", "none", str(store)],
        capture_output=True, text=True)
    if "denied" in mount.stderr or "not permitted" in mount.stderr:
        pytest.skip("nobody may mount here, not even root")
    assert mount.returncode == 0, mount.stderr
    try:
        uploader.open(core.DIR, store)
        path = clip(6 * MIB)
        created, end = uploader.whole(path)
        assert (end.kind, end.failure) == ("FAILED", core.LATER) and "full" in end.text
        subprocess.run(["mount", "-o", "remount,size=16m", str(store)], check=True)
        _, end = uploader.whole(path, address=created[0].address)
        assert (end.kind, end.level) == ("RECEIPT", core.LOCAL)
        assert stored(store, path).read_bytes() == path.read_bytes()
    finally:
        uploader.kill()
        subprocess.run(["umount", str(store)], check=True)


@pytest.mark.parametrize("driver,point", [("dir", "uploader-dir-rename"), *(
    (driver, f"uploader-{what}") for driver in ("dir", "tus")
    for what in ("created", "patch", "sent", "receipted"))])
def test_killed_at_each_hand_over(folder, store, clip, point, driver):
    path = clip(5 * MIB)
    mark = folder / "mark"
    folder.chmod(0o777)
    with FaultServer() as s, Core(folder, PROGRAM, env={"DIE_AT": f"{point}:1",
                                                        "DIE_MARK": str(mark)}) as c:
        where = (core.DIR, store) if driver == "dir" else (core.TUS, s.url)
        c.open(*where)
        address = ""
        generation = c.upload(path)
        try:
            while data := c.sock.recv(8192):
                m = core.Message(data)
                if m.kind == "CREATED":
                    address = m.address
                    c.put("PROCEED", generation=generation)
        except (BrokenPipeError, ConnectionResetError):
            pass  # PROCEED found nobody
        assert c.process.wait(60) == -signal.SIGKILL and mark.read_bytes() == b"x"
        c.kill()
        c.start()
        c.open(*where)
        created, end = c.whole(path, address=address)
        assert end.kind == "RECEIPT" and created == []
        if driver == "dir":
            assert stored(store, path).read_bytes() == path.read_bytes()
        else:
            assert_whole(s, path)
