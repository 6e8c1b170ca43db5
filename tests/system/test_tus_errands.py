"""A tus server is asked again, told to remove, told to abandon; dockd-uploader alone.

Nothing is said to be lost unless the server itself works and does not have it; nothing is removed that may
be another's.
"""
import base64
import hashlib

import pytest

import fake_core as core
from servers import BY_ASSET, FaultServer, answer, deletes, honest, say
from tus_receipts import NOTE, note, open_tus, with_notes

MIB = 1 << 20


# ---- asked again ----

WAYS = pytest.mark.parametrize("flags", [core.RECEIPTS, core.READ_BACK])


@WAYS
def test_tus_confirmed(uploader, clip, flags):
    with with_notes(note()) as s:
        open_tus(uploader, s, flags=flags)
        path = clip(MIB)
        _, end = uploader.whole(path)
        m = uploader.errand("RECONFIRM", path, address=end.object)
        assert (m.kind, m.length, m.sent, m.object) == ("RECEIPT", MIB, 0, end.object), m
        if flags == core.RECEIPTS:
            assert m.level == core.SIGNED and m.raw == NOTE
        else:
            assert m.level == core.READBACK
            assert m.sha256 == hashlib.sha256(path.read_bytes()).digest()


def test_tus_without_a_way_to_ask(uploader, clip):
    with FaultServer() as s:
        assert open_tus(uploader, s, flags=core.CHECKSUM).can == core.ABANDONS
        path = clip(MIB)
        _, end = uploader.whole(path)
        asked = len(s.requests)
        m = uploader.errand("RECONFIRM", path, address=end.object)
        assert (m.kind, m.failure) == ("FAILED", core.CANNOT), m
        assert len(s.requests) == asked


@pytest.mark.parametrize("flags,status", [(core.RECEIPTS, 404), (core.READ_BACK, 410)])
def test_tus_lost(uploader, clip, flags, status):
    def gone(server, request):
        if request.method in ("GET", "HEAD"):
            return answer(status)
        return honest(server, request)
    with with_notes(note()) as s:
        open_tus(uploader, s, flags=flags)
        path = clip(MIB)
        _, end = uploader.whole(path)
        s.otherwise = gone
        asked = len(s.requests)
        m = uploader.errand("RECONFIRM", path, address=end.object)
        assert (m.kind, m.failure) == ("FAILED", core.LOST), m
        assert [r.method for r in s.requests[asked:]] == ["GET", "HEAD", "OPTIONS"] * 2


def test_tus_lost_only_for_a_moment(uploader, clip):
    """A server that came up before its disk did."""
    with with_notes(note()) as s:
        open_tus(uploader, s)
        path = clip(MIB)
        _, end = uploader.whole(path)
        s.script = [say(404), say(404)]
        m = uploader.errand("RECONFIRM", path, address=end.object)
        assert m.kind == "RECEIPT", m


@WAYS
@pytest.mark.parametrize("options", [say(404), say(200), say(302, "Location: /login"), say(405)])
def test_tus_404_of_a_proxy_is_no_loss(uploader, clip, flags, options):
    def proxy(server, request):
        return options(server, request) if request.method == "OPTIONS" else answer(404)
    with with_notes(note()) as s:
        open_tus(uploader, s, flags=flags)
        path = clip(MIB)
        _, end = uploader.whole(path)
        s.otherwise = proxy
        m = uploader.errand("RECONFIRM", path, address=end.object)
        assert (m.kind, m.failure) == ("FAILED", core.BAD_DESTINATION), m


@WAYS
def test_tus_trouble_is_no_loss(uploader, clip, flags):
    """In four slots at once: each waits for its own end."""
    troubles = [say(500), say(503, "Retry-After: 60"), lambda *_: None, say(429)]
    with with_notes(note()) as s:
        open_tus(uploader, s, flags=flags)
        paths = [clip(MIB, f"c{i}") for i in range(4)]
        ends = [uploader.whole(path)[1] for path in paths]
        s.otherwise = lambda server, r: troubles[int(r.path.split("/")[2]) - 1](server, r)
        for slot, (path, end) in enumerate(zip(paths, ends)):
            uploader.put("RECONFIRM", uploader.what(path, address=end.object), slot, 100 + slot)
        failed = [uploader.get("FAILED") for _ in paths]
        assert sorted(m.slot for m in failed) == [0, 1, 2, 3]
        assert {m.failure for m in failed} == {core.LATER}, failed


@WAYS
def test_tus_away_is_no_loss(uploader, clip, flags):
    with with_notes(note()) as s:
        open_tus(uploader, s, flags=flags)
        path = clip(MIB)
        _, end = uploader.whole(path)
        s.otherwise = lambda *_: None  # the connection that is still there
    m = uploader.errand("RECONFIRM", path, address=end.object)
    assert (m.kind, m.failure) == ("FAILED", core.AWAY), m


@pytest.mark.parametrize("how", ["byte", "short", "long"])
def test_tus_differs(uploader, clip, how):
    with FaultServer() as s:
        open_tus(uploader, s, flags=core.READ_BACK)
        path = clip(MIB)
        _, end = uploader.whole(path)
        held = s.uploads["/files/1"][1]
        if how == "byte":
            held[MIB // 2] ^= 1
        elif how == "short":
            del held[-1:]
        else:
            held += b"x"
        m = uploader.errand("RECONFIRM", path, address=end.object)
        assert (m.kind, m.failure) == ("FAILED", core.DIFFERS), m


def test_tus_long_error_page_is_no_clip(uploader, clip):
    """An error's body is longer than the clip: nothing is concluded from it."""
    with FaultServer() as s:
        open_tus(uploader, s, flags=core.READ_BACK)
        path = clip(10)
        _, end = uploader.whole(path)
        s.otherwise = say(403, body=b"x" * 5000)
        m = uploader.errand("RECONFIRM", path, address=end.object)
        assert (m.kind, m.failure, m.http) == ("FAILED", core.BAD_DESTINATION, 403), m


def test_tus_receipt_withheld_later(uploader, clip):
    """The server still has it but gives no receipt any more: no loss, and no confirmation."""
    with with_notes(note(), note(404)) as s:
        open_tus(uploader, s)
        path = clip(MIB)
        _, end = uploader.whole(path)
        m = uploader.errand("RECONFIRM", path, address=end.object)
        assert (m.kind, m.failure) == ("FAILED", core.LATER), m


@pytest.mark.parametrize("kind", ["RECONFIRM", "REMOVE"])
def test_tus_address_on_another_host(uploader, clip, kind):
    with FaultServer() as s, FaultServer() as other:
        open_tus(uploader, s, flags=core.READ_BACK | core.DISPOSE)
        path = clip(MIB)
        uploader.whole(path)
        for address in ("", f"{other.url}/1", "http://user@127.0.0.1/"):
            m = uploader.errand(kind, path, address=address)
            assert (m.kind, m.failure) == ("FAILED", core.CANNOT), m
        assert not other.requests and not s.seen("DELETE")


# ---- removed ----

def test_tus_removed(uploader, clip):
    with FaultServer(otherwise=deletes) as s:
        assert open_tus(uploader, s, flags=core.DISPOSE).can == core.REMOVES | core.ABANDONS
        path = clip(MIB)
        _, end = uploader.whole(path)
        m = uploader.errand("REMOVE", path, address=end.object)
        assert (m.kind, m.status) == ("REMOVED", 0), m
        assert not s.uploads
        m = uploader.errand("REMOVE", path, address=end.object)
        assert (m.kind, m.status) == ("REMOVED", -2), m
        assert len(s.seen("DELETE")) == 1


def test_tus_not_ours_to_dispose_of(uploader, clip):
    with FaultServer(otherwise=deletes) as s:
        assert open_tus(uploader, s, flags=0).can == core.ABANDONS
        path = clip(MIB)
        _, end = uploader.whole(path)
        m = uploader.errand("REMOVE", path, address=end.object)
        assert (m.kind, m.failure) == ("FAILED", core.CANNOT), m
        assert s.uploads and not s.seen("DELETE")


def test_tus_server_that_removes_nothing(uploader, clip):
    def keeps(server, request):
        if request.method == "OPTIONS":
            return answer(204, "Tus-Resumable: 1.0.0", "Tus-Extension: creation")
        return deletes(server, request)
    with FaultServer(otherwise=keeps) as s:
        assert open_tus(uploader, s, flags=core.DISPOSE).can == 0
        path = clip(MIB)
        _, end = uploader.whole(path)
        m = uploader.errand("REMOVE", path, address=end.object)
        assert (m.kind, m.failure) == ("FAILED", core.CANNOT), m
        assert s.uploads and not s.seen("DELETE")


@pytest.mark.parametrize("status", [405, 501])
def test_tus_delete_not_let_through(uploader, clip, status):
    with FaultServer() as s:
        open_tus(uploader, s, flags=core.DISPOSE)
        path = clip(MIB)
        _, end = uploader.whole(path)
        s.script = [honest, say(status)]
        m = uploader.errand("REMOVE", path, address=end.object)
        assert (m.kind, m.failure) == ("FAILED", core.CANNOT), m


def test_tus_answer_to_delete_is_lost(uploader, clip):
    def lost_delete(server, request):
        deletes(server, request)
        return None
    with FaultServer(otherwise=deletes) as s:
        open_tus(uploader, s, flags=core.DISPOSE)
        path = clip(MIB)
        _, end = uploader.whole(path)
        s.script = [honest, lost_delete]
        m = uploader.errand("REMOVE", path, address=end.object)
        assert (m.kind, m.status) == ("REMOVED", -2), m


def test_tus_server_that_only_says_it_has_removed_it(uploader, clip):
    def pretends(server, request):
        return answer(204) if request.method == "DELETE" else honest(server, request)
    with FaultServer(otherwise=pretends) as s:
        open_tus(uploader, s, flags=core.DISPOSE)
        path = clip(MIB)
        _, end = uploader.whole(path)
        m = uploader.errand("REMOVE", path, address=end.object)
        assert (m.kind, m.failure) == ("FAILED", core.LATER), m


@pytest.mark.parametrize("how", ["length", "asset"])
def test_tus_removes_nothing_that_is_not_it(uploader, clip, how):
    other = base64.b64encode(b"0" * 64).decode()

    def another(server, request):
        if request.method == "HEAD":
            return answer(200, f"Upload-Offset: {MIB}",
                          *([f"Upload-Length: {MIB + 1}"] if how == "length" else
                            [f"Upload-Metadata: filename YQ==,asset {other}"]))
        return deletes(server, request)
    with FaultServer(otherwise=deletes) as s:
        open_tus(uploader, s, flags=core.DISPOSE)
        path = clip(MIB)
        _, end = uploader.whole(path)
        s.otherwise = another
        m = uploader.errand("REMOVE", path, address=end.object)
        assert (m.kind, m.failure) == ("FAILED", core.DIFFERS), m
        assert s.uploads and not s.seen("DELETE")


def test_tus_404_of_a_proxy_is_no_removal(uploader, clip):
    with FaultServer(otherwise=deletes) as s:
        open_tus(uploader, s, flags=core.DISPOSE)
        path = clip(MIB)
        _, end = uploader.whole(path)
        s.otherwise = say(404)
        m = uploader.errand("REMOVE", path, address=end.object)
        assert (m.kind, m.failure) == ("FAILED", core.BAD_DESTINATION), m


def test_stopped(uploader, clip):
    with FaultServer() as s:
        open_tus(uploader, s, flags=core.READ_BACK)
        path = clip(MIB)
        _, end = uploader.whole(path)

        def never(server, _request):
            server.released.wait(20)
            return None
        s.script = [never]
        uploader.generation += 1
        uploader.put("RECONFIRM", uploader.what(path, address=end.object), 0, uploader.generation)
        uploader.put("STOP_UPLOAD", generation=uploader.generation)
        m = uploader.get("FAILED")
        assert (m.failure, m.generation) == (core.STOPPED, uploader.generation), m


# ---- abandoned ----

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
