"""What listens on loopback in a test: each connection in a thread of its own.

A thread that fails otherwise than by its connection fails the test that had the listener.
"""
import socket
import struct
import threading


def reset_on_close(connection):
    """Whoever is at the other end gets a reset, not an end in order."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


class Listener:
    """Serves in `serve(connection)`, from its start to close(). held: bytes that the kernel holds of a connection."""

    def __init__(self, held=None):
        self.closing = False
        self.lock = threading.Lock()
        self.failures = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        if held:  # connections inherit it
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, held)
        self.listener.listen(128)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def serve(self, connection):
        raise NotImplementedError

    def _accept(self):
        while not self.closing:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        try:
            self.serve(connection)
        except OSError:
            pass
        except Exception as e:
            self.failures.append(e)
        finally:
            connection.close()

    def close(self):
        self.closing = True
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.close()
        if kind is None and self.failures:
            raise self.failures[0]
