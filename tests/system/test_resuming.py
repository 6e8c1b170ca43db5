"""An upload that is cut, held up or misunderstood goes on where the server says that it is.

dockd-uploader alone, as in test_uploader.py; at the end the same against the stock tus server.
"""
import os
import shutil
import socket

import pytest

import fake_core as core
from servers import FaultServer, TusServer, answer, assert_whole, cut, honest, lost, posts, say
from waiting import until
from wire import Wire

MIB = 1 << 20


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
