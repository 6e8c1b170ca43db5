"""A line between an uploader and its server: delay, a rate, and cuts after so many bytes.

What has passed towards the server before a cut arrives there (it sees the end of the connection); what was
still on its way is lost, and the uploader sees a reset.
"""
import collections
import select
import socket
import threading
import time

from listener import Listener, reset_on_close

PIECE = 16384
HELD = 65536  # bytes that the line itself holds at most, beside the kernel's


class Wire(Listener):
    """Forwards 127.0.0.1:port to a target port.

    cuts: totals of bytes towards the server at which all connections are cut, once each.
    delay_s: each way. rate: bytes a second towards the server, 0 unlimited.
    away: whoever comes is refused; counted in refused.
    """

    def __init__(self, target, cuts=(), delay_s=0.0, rate=0):
        self.target, self.delay_s, self.rate = target, delay_s, rate
        self.cuts = collections.deque(sorted(cuts))
        self.passed = self.made = self.refused = 0
        self.away = False
        # A slow one moves a little ten times a second, not all of a piece at once.
        self.piece = max(1, min(PIECE, rate // 10)) if rate else PIECE
        self.pace = threading.Event()
        self.pairs = set()
        # Small, so that what is in flight is what the tests say; a slow one takes half a second's bytes
        # at once, as its acknowledgements would come, not a whole window after a silence.
        super().__init__(held=min(HELD, max(4096, rate // 2)) if rate else HELD)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/files"

    def cut_at(self, marks):
        """More cuts, counted from here."""
        with self.lock:
            self.cuts = collections.deque(sorted([*self.cuts, *(self.passed + m for m in marks)]))

    def leave(self):
        """What is connected is cut, and nobody gets through until away is False again."""
        self.away = True
        self.cut()

    def cut(self):
        """Cuts all that is connected now."""
        with self.lock:
            pairs = list(self.pairs)
        for pair in pairs:
            self._drop(pair)

    def _drop(self, pair):
        """What is near gets a reset, what is far the end of what it had."""
        with self.lock:
            if pair not in self.pairs:
                return
            self.pairs.discard(pair)
        near, far = pair
        try:
            reset_on_close(near)
            near.shutdown(socket.SHUT_RD)  # wakes who reads there
        except OSError:
            pass
        near.close()
        try:
            far.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def close(self):
        super().close()
        self.cut()

    def serve(self, near):
        try:
            if self.away:
                self.refused += 1
                raise OSError("away")
            far = socket.create_connection(("127.0.0.1", self.target))
        except OSError:
            reset_on_close(near)
            raise
        far.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        pair = (near, far)
        with self.lock:
            self.pairs.add(pair)
            self.made += 1
        there = threading.Thread(target=self._carry, args=(near, far, pair, True), daemon=True)
        there.start()
        self._carry(far, near, pair, False)
        there.join()
        with self.lock:
            self.pairs.discard(pair)
        far.close()

    def _carry(self, source, sink, pair, up):
        """Bytes are handed on delay_s after they came; the line holds HELD of them at most."""
        line = collections.deque()  # (due, bytes)
        held, ended = 0, False
        try:
            while not ended or line:
                now = time.monotonic()
                wait = max(0, line[0][0] - now) if line else None
                room = held < HELD and not ended
                if room or wait:
                    ready, _, _ = select.select([source] if room else [], [], [], wait)
                    if ready:
                        piece = source.recv(self.piece)
                        ended = not piece
                        if piece:
                            line.append((time.monotonic() + self.delay_s, piece))
                            held += len(piece)
                while line and line[0][0] <= time.monotonic():
                    _, piece = line.popleft()
                    held -= len(piece)
                    self._hand(piece, sink, up)
            sink.shutdown(socket.SHUT_WR)
        except (OSError, ValueError):
            self._drop(pair)

    def _hand(self, piece, sink, up):
        if not up:
            sink.sendall(piece)
            return
        with self.lock:
            at = self.cuts[0] - self.passed if self.cuts else None
            now = at is not None and at <= len(piece)
            if now:
                self.cuts.popleft()
                piece = piece[:at]
            self.passed += len(piece)
        sink.sendall(piece)
        if now:
            self.cut()
            raise OSError("cut")
        if self.rate:
            self.pace.wait(len(piece) / self.rate)
