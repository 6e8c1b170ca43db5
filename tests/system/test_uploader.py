"""dockd-uploader alone: the core's side is played message by message, the server's answer by answer.

One test for each way in which real tus servers, proxies and lines have been seen to fail. What they
assert is the same throughout: the bytes arrive once and whole, or the core is told why not; no upload
starts over that the server still holds; nothing goes to another host.
"""
import base64
import hashlib
import os
import subprocess
import threading

import pytest

import fake_core as core
from fake_core import BUILD, PROGRAM
from servers import FaultServer, answer, assert_whole, honest, posts, say

MIB = 1 << 20


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
