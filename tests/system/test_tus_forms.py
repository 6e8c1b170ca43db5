"""The tus driver against odd forms: of addresses, headers, methods, dates, and of answers out of a cache.

These are traps 11 to 18 of the table in test_tus.py.
"""
import time

import pytest

import fake_core as core
from servers import FaultServer, answer, assert_whole, honest, http_date, lost, only, say

MIB = 1 << 20


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
