"""A scripted tus server that gives signed receipts, and an uploader that asks for them."""
import fake_core as core
from servers import FaultServer, answer, honest

NOTE = "evidence.example\ndockd receipt v1\n…\n\n— evidence.example AAAA\n".encode()
URL = "/files/1/receipt"


def note(status=200, *headers, body=NOTE):
    """A step that answers the asking for a receipt."""
    def step(_server, request):
        assert request.method == "GET"
        assert request.headers["cache-control"] == "no-cache"
        return answer(status, *headers, body=body)
    return step


def with_notes(*steps):
    """An honest server; its receipts are the steps, and the last one stays."""
    left = list(steps)

    def otherwise(server, request):
        if request.path.endswith("/receipt"):
            return (left.pop(0) if len(left) > 1 else left[0])(server, request)
        return honest(server, request)
    return FaultServer(otherwise=otherwise)


def open_tus(uploader, server, flags=core.RECEIPTS, **how):
    return uploader.open(core.TUS, server.url, flags=flags,
                         receipt_path="/receipt" if flags & core.RECEIPTS else "", **how)
