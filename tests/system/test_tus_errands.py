"""A tus server is asked again afterwards: what is not whole is abandoned, what is there confirmed and removed."""
import base64

import pytest

import fake_core as core
from servers import BY_ASSET, FaultServer, answer, deletes

MIB = 1 << 20


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
