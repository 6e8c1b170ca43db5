"""An upload that another station has begun is found at a tus server by its asset, and gone on with."""
import base64
import hashlib
import http.client
import threading

import pytest

import fake_core as core
from fake_core import PROGRAM, USER, Core, asset_of
from servers import (BY_ASSET, FaultServer, TusServer, answer, assert_whole, finding, honest, lost,
                     only, say)
from wire import Wire

MIB = 1 << 20


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
