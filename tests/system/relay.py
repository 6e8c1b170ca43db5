"""A line between an uploader and a server, as bad as a test wants it. Bytes pass unchanged.

    with Relay(server.port) as line:                  # give line.endpoint to the uploader
        line.cut_at(5000, 70000)       # reset when so many bytes in all have gone to the server
        line.lose("POST", "uploadId=") # the answer to the next such request is lost, the line reset
        line.rate, line.delay_s = 8000, 0.05

A request is told by the first line of what the client sends at once: clients here send a head in one
piece.
"""
import select
import socket
import threading

from listener import Listener, reset_on_close


class Relay(Listener):
    def __init__(self, port, rate=None, delay_s=0):
        self.target, self.rate, self.delay_s = port, rate, delay_s
        self.up = 0         # bytes to the server so far, heads among them
        self.cuts = []      # ascending
        self.to_lose = []   # [method, part of the target]
        self.lost = 0
        self.requests = []  # first lines, in order
        self.slow = threading.Event()
        super().__init__()

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.port}"

    def cut_at(self, *offsets):
        self.cuts = sorted(offsets)

    def lose(self, method, part=""):
        self.to_lose.append((method, part))

    def _note(self, data):
        """Whether the answer to what begins here is to be lost."""
        line = data[:2048].split(b"\r\n", 1)[0].decode("latin-1")
        if not line.endswith(" HTTP/1.1"):
            return False
        method, target, _ = line.split(" ")
        with self.lock:
            self.requests.append(line)
            for wanted in self.to_lose:
                if wanted[0] == method and wanted[1] in target:
                    self.to_lose.remove(wanted)
                    return True
        return False

    def _allowed(self, data):
        """What of it may still go before the next cut, and whether that comes now."""
        with self.lock:
            if self.cuts and self.up + len(data) >= self.cuts[0]:
                data = data[:self.cuts.pop(0) - self.up]
                self.up += len(data)
                return data, True
            self.up += len(data)
            return data, False

    def _pass(self, to, data):
        # The line's own slowness, not a wait for anything.
        self.slow.wait(self.delay_s + (len(data) / self.rate if self.rate else 0))
        to.sendall(data)

    def serve(self, client):
        server = None
        losing = False
        piece = 1 << 16 if not self.rate else max(1, self.rate // 20)
        try:
            server = socket.create_connection(("127.0.0.1", self.target))
            server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while True:
                ready, _, _ = select.select([client, server], [], [])
                if client in ready:
                    data = client.recv(piece)
                    if not data:
                        return
                    losing = self._note(data) or losing
                    data, cut = self._allowed(data)
                    self._pass(server, data)
                    if cut:
                        return
                if server in ready:
                    data = server.recv(piece)
                    if not data:
                        return
                    if losing and not data.startswith(b"HTTP/1.1 100"):
                        self.lost += 1
                        return
                    self._pass(client, data)
        finally:
            for s in (client, server):
                if s:
                    reset_on_close(s)
                    s.close()
