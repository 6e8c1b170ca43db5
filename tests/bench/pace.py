"""A TCP proxy that lets bytes through to the server at a given rate, and can break the line."""
import select
import socket
import struct
import threading
import time


class Pace:
    """with Pace(port, rate): url() names the proxy; rate in bytes a second towards the server.

    What the server answers passes unhindered. The buckets of all connections are one.
    """

    def __init__(self, port, rate):
        self.target, self.rate = port, rate
        self.passed = 0      # body and head bytes towards the server
        self.allowed_at = time.monotonic()
        self.lock = threading.Lock()
        self.pairs = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def url(self):
        return f"http://127.0.0.1:{self.port}/files"

    def _accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
                far = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                return
            # What waits in the proxy is on the line already: keep it short.
            near.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 17)
            for s in (near, far):
                s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.pairs.append((near, far))
            threading.Thread(target=self._carry, args=(near, far), daemon=True).start()

    def _take(self, n):
        """Waits until n more bytes may pass."""
        if not self.rate:
            return
        with self.lock:
            now = time.monotonic()
            self.allowed_at = max(self.allowed_at, now - 0.02) + n / self.rate
            wait = self.allowed_at - now
        if wait > 0:
            threading.Event().wait(wait)

    def _carry(self, near, far):
        try:
            while True:
                ready, _, _ = select.select([near, far], [], [])
                if far in ready:
                    piece = far.recv(1 << 16)
                    if not piece:
                        break
                    near.sendall(piece)
                if near in ready:
                    piece = near.recv(1 << 16)
                    if not piece:
                        break
                    self._take(len(piece))
                    far.sendall(piece)
                    self.passed += len(piece)
        except OSError:
            pass
        finally:
            near.close()
            far.close()

    def cut(self):
        """Resets all connections."""
        pairs, self.pairs = self.pairs, []
        for pair in pairs:
            for s in pair:
                try:
                    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    s.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()
        self.cut()
