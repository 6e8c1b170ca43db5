"""Servers for the upload tests: a stock @tus/server, one whose every answer is scripted, and what
stands in front of servers: nginx and a forward proxy.

radosgw.py has Ceph's S3 gateway. All listen on loopback only. Nothing is installed here: `make npm` puts the stock server's packages
into build/npm.
"""
import email.utils
import json
import os
import pathlib
import select
import socket
import ssl
import subprocess
import threading

from listener import Listener, reset_on_close
from radosgw import RadosGW  # noqa: F401 (the tests take all servers from here)
from waiting import until

HERE = pathlib.Path(__file__).resolve().parent
NPM = HERE.parent.parent / "build" / "npm"
HOOK = HERE.parent.parent / "etc" / "receipt-hook" / "receipt-hook.mjs"
FIND = HERE.parent.parent / "etc" / "receipt-hook" / "find-hook.mjs"
BY_ASSET = "by-asset/{asset}"


def finding(folder, quiet_ms=5000):
    """Settings of a stock server that knows uploads by their asset: find-path = BY_ASSET."""
    return {"find": FIND, "index": f"{folder}.by-asset", "quiet_ms": quiet_ms}


class TusServer:
    """The stock server as a process: start, stop, kill, restart on the same port and folder."""
    SCRIPT = "tus-server.mjs"
    HOST, WRAPPER = "127.0.0.1", []

    def __init__(self, folder, port=0, **settings):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = port
        self.settings = {k.upper(): str(v) for k, v in settings.items()}
        self.process = None

    @property
    def url(self):
        return f"http://{self.HOST}:{self.port}/files"

    def start(self):
        assert (NPM / "node_modules").exists(), "the servers' packages are not there: make npm"
        # The packages are found from where the script lies, so it is run from their folder.
        script = NPM / self.SCRIPT
        for own in (HERE / "servers").glob("*.mjs"):
            if not (NPM / own.name).exists() or (NPM / own.name).read_text() != own.read_text():
                (NPM / own.name).write_text(own.read_text())
        self.process = subprocess.Popen(
            [*self.WRAPPER, "node", str(script)], stdout=subprocess.PIPE, cwd=NPM,
            env={**os.environ, "HOST": self.HOST, "PORT": str(self.port), "DIR": str(self.folder), **self.settings})
        line = self.process.stdout.readline().decode().split()
        if len(line) != 2 or line[0] != "ready":
            raise RuntimeError(f"tus server did not start: {line} (make npm?)")
        self.port = int(line[1])
        return self

    def kill(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process.stdout.close()
            self.process = None

    def restart(self):
        self.kill()
        return self.start()

    def uploads(self):
        """The finished and unfinished uploads: name => bytes."""
        return {p.name: p.read_bytes() for p in self.folder.iterdir()
                if p.suffix not in (".json", ".META")}

    def assets(self, but=()):
        """The same without the station's side objects, and without those of these names."""
        def kind(name):
            for told in (self.folder / (name + ".json"), self.folder / (name + ".META")):
                if told.exists():
                    # the server empties it to write it anew
                    text = until(told.read_text, f"what {told} tells")
                    return json.loads(text).get("metadata", {}).get("kind")
            return ""
        return {name: data for name, data in self.uploads().items()
                if name not in but and kind(name) not in ("ledger", "checkpoint", "bundle")}

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.kill()


class UploadxServer(TusServer):
    """@uploadx/core: the checksum extension, Location without a scheme, no look at offsets."""
    SCRIPT = "uploadx-server.mjs"


class ReceiptServer(TusServer):
    """The stock server with etc/receipt-hook in front of it, and lies where they are asked for.

    vkey is what receipt-keys in dockd.conf takes. lie("wrong-digest"), lie("late * 3"),
    lie("lose ID"), lie() for the truth: see servers/lies.mjs. It says what it does from then on.
    """
    NAME = "evidence.example"

    def __init__(self, folder, port=0, **settings):
        super().__init__(folder, port, **settings)
        # Beside the uploads, not among them.
        self.keys = self.folder.parent / f"{self.folder.name}.keys"
        self.keys.mkdir(exist_ok=True)
        for name in ("receipt.key", "other.key"):
            if not (self.keys / name).exists():
                subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out",
                                self.keys / name], check=True, stderr=subprocess.DEVNULL)
        self.lies = self.keys / "lies"
        self.settings.update(HOOK=str(HOOK), KEY=str(self.keys / "receipt.key"), NAME=self.NAME,
                             OTHER_KEY=str(self.keys / "other.key"), LIES=str(self.lies))
        self.vkey = self.vkey_of("receipt.key")

    def vkey_of(self, key, name=NAME):
        return subprocess.run(["node", str(HOOK), name, str(self.keys / key)], check=True,
                              capture_output=True, text=True).stdout.strip()

    def lie(self, *lies):
        new = self.lies.with_suffix(".new")
        new.write_text("".join(f"{line}\n" for line in lies))
        new.rename(self.lies)

    def told(self):
        """The lies told so far: [kind, upload's id]."""
        told = pathlib.Path(f"{self.lies}.told")
        return [line.split() for line in told.read_text().splitlines()] if told.exists() else []


def _taken(listener):
    """The port of a listening socket."""
    return listener.getsockname()[1]


class Nginx:
    """nginx on loopback in front of a server: buffering, a limit for bodies, TLS, client certificates.

    tls: (certificate, key). client_ca: whoever has no certificate of it gets nginx's own 400. The
    listening socket is ours, so nothing is refused while it starts, and restart() is seamless.
    """

    def __init__(self, folder, upstream, buffering=True, limit="1m", tls=None, client_ca=None,
                 more=""):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.upstream, self.buffering, self.limit = upstream, buffering, limit
        self.tls, self.client_ca, self.more = tls, client_ca, more
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.listener.set_inheritable(True)
        self.port = _taken(self.listener)
        self.process = None

    @property
    def url(self):
        return f"http{'s' if self.tls else ''}://127.0.0.1:{self.port}/files"

    def _config(self):
        temporary = "".join(f"{kind}_temp_path {self.folder}/{kind}; " for kind in
                            ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        tls = (f"ssl_certificate {self.tls[0]}; ssl_certificate_key {self.tls[1]}; "
               if self.tls else "")
        if self.client_ca:
            tls += f"ssl_client_certificate {self.client_ca}; ssl_verify_client on; "
        return (
            f"{'user root; ' if os.getuid() == 0 else ''}daemon off; worker_processes 1; "
            f"pid {self.folder}/pid; error_log {self.folder}/error.log;\n"
            "events { worker_connections 256; }\n"
            f"http {{ access_log {self.folder}/access.log; {temporary}\n"
            f"upstream it {{ server 127.0.0.1:{self.upstream}; keepalive 8; }}\n"
            f"server {{ listen 127.0.0.1:{self.port}{' ssl' if self.tls else ''}; {tls}\n"
            f"client_max_body_size {self.limit}; {self.more}\n"
            f"proxy_request_buffering {'on' if self.buffering else 'off'}; proxy_http_version 1.1; "
            "proxy_set_header Connection ''; proxy_set_header Host $http_host; "
            "proxy_set_header X-Forwarded-Proto $scheme;\n"
            "location / { proxy_pass http://it; } } }\n")

    def start(self):
        config = self.folder / "nginx.conf"
        config.write_text(self._config())
        self.process = subprocess.Popen(
            ["nginx", "-p", self.folder, "-c", config, "-e", self.folder / "error.log"],
            env={**os.environ, "NGINX": f"{self.listener.fileno()};"},
            pass_fds=[self.listener.fileno()])
        return self

    def kill(self):
        if self.process:
            # The worker goes with its master.
            self.process.terminate()
            self.process.wait()
            self.process = None

    def restart(self):
        self.kill()
        return self.start()

    def seen(self):
        """Its access log: "METHOD path" => status, one a request."""
        log = self.folder / "access.log"
        lines = log.read_text().splitlines() if log.exists() else []
        return [(line.split('"')[1].rsplit(" ", 1)[0], int(line.split('"')[2].split()[0]))
                for line in lines]

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.kill()
        self.listener.close()


class Proxy:
    """tinyproxy on loopback: a forward proxy that wants USER:PASSWORD where user is given."""

    def __init__(self, folder, user="", password=""):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.user, self.password = user, password
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = _taken(free)
        self.process = None

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def start(self):
        auth = f"BasicAuth {self.user} {self.password}\n" if self.user else ""
        config = self.folder / "tinyproxy.conf"
        config.write_text(f"Port {self.port}\nListen 127.0.0.1\nTimeout 600\nMaxClients 64\n"
                          f'LogFile "{self.folder}/log"\nLogLevel Connect\n{auth}')
        self.process = subprocess.Popen(["tinyproxy", "-d", "-c", config],
                                        stdout=subprocess.DEVNULL)
        while self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return self
            except OSError:
                select.select([], [], [], 0.005)
        raise RuntimeError("tinyproxy did not start")

    def kill(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def tunnels(self):
        """How often CONNECT was asked for."""
        log = self.folder / "log"
        return log.read_text().count("): CONNECT ") if log.exists() else 0

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.kill()


class Request:
    """One request as it came, its body read as far as the script wants."""

    def __init__(self, conn, method, path, headers):
        self.conn, self.method, self.path, self.headers = conn, method, path, headers
        self.body = bytearray()

    @property
    def length(self):
        return int(self.headers.get("content-length", "0"))

    def read(self, limit=None):
        """Reads the body up to limit bytes in all (None: the whole); what there is at EOF."""
        want = self.length if limit is None else min(limit, self.length)
        if self.headers.get("expect", "").lower() == "100-continue" and not self.body:
            self.conn.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        while len(self.body) < want:
            piece = self.conn.recv(min(1 << 16, want - len(self.body)))
            if not piece:
                break
            self.body += piece
        return self.body


class FaultServer(Listener):
    """An HTTP server whose answers are a script.

    script: a list of callables, one per request in the order they arrive; each gets (server, request)
    and returns bytes to send (b"" sends nothing), or None to reset the connection. When the list is
    at its end, `otherwise` answers: by default an honest tus server in memory.
    """

    def __init__(self, script=(), otherwise=None, tls=None):
        self.script = list(script)
        self.tls = tls  # an ssl.SSLContext
        self.otherwise = otherwise or honest
        self.requests = []
        self.uploads = {}  # path => [length, bytearray]
        self.connections = 0
        self.released = threading.Event()  # for scripts that hold an answer back
        super().__init__()

    @property
    def url(self):
        return f"http{'s' if self.tls else ''}://127.0.0.1:{self.port}/files"

    def close(self):
        self.released.set()
        super().close()

    def seen(self, method=None):
        return [r for r in self.requests if method is None or r.method == method]

    def _head(self, conn, held):
        while b"\r\n\r\n" not in held:
            piece = conn.recv(1)
            if not piece:
                return None
            held += piece
        lines = held.decode("latin-1").split("\r\n")
        method, path, _ = lines[0].split(" ")
        headers = dict((k.strip().lower(), v.strip())
                       for k, v in (line.split(":", 1) for line in lines[1:] if ":" in line))
        return Request(conn, method, path, headers)

    def serve(self, conn):
        with self.lock:
            self.connections += 1
        try:
            if self.tls:
                conn = self.tls.wrap_socket(conn, server_side=True, do_handshake_on_connect=False)
                try:
                    conn.do_handshake()
                except ssl.SSLError:
                    # As real servers do: what is still coming is read, so that our alert arrives.
                    conn = socket.socket(fileno=conn.detach())
                    conn.shutdown(socket.SHUT_WR)
                    while conn.recv(1 << 16):
                        pass
                    return
            while True:
                request = self._head(conn, b"")
                if request is None:
                    return
                with self.lock:
                    self.requests.append(request)
                    step = self.script.pop(0) if self.script and request.method != "OPTIONS" else None
                answer = step(self, request) if step else self.otherwise(self, request)
                if answer is None:
                    reset_on_close(conn)
                    return
                conn.sendall(answer)
                if (b"connection: close" in answer.lower() or
                        request.headers.get("connection", "").lower() == "close"):
                    return
        finally:
            conn.close()


def answer(status, *headers, body=b"", reason="x"):
    lines = [f"HTTP/1.1 {status} {reason}", *headers]
    if status >= 200 and status != 204:
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body


def say(status, *headers, read=True, body=b""):
    """A step: reads the body (read=False: not; a number: so much of it), then answers."""
    def step(_server, request):
        if read is not False:
            request.read(None if read is True else read)
        return answer(status, *headers, body=body)
    return step


def cut(after=0, keep=False):
    """A step: takes so many body bytes, then resets; keep: they count as received."""
    def step(server, request):
        request.read(after)
        if keep:
            _append(server, request)
        return None
    return step


def lost(_server, request):
    """A step: does what was asked, but its answer is lost."""
    honest(_server, request)
    return None


def _append(server, request):
    upload = server.uploads.get(request.path)
    if upload is None:
        return None
    if int(request.headers.get("upload-offset", "-1")) != len(upload[1]):
        return False
    upload[1] += request.body
    return True


def honest(server, request):
    """A small tus server, as strict as the stock one."""
    method = request.headers.get("x-http-method-override", request.method)
    if method == "OPTIONS":
        return answer(204, "Tus-Resumable: 1.0.0", "Tus-Extension: creation,termination", reason="")
    if method == "POST":
        with server.lock:  # several are made at once
            number = len(server.uploads) + 1
            server.uploads[f"/files/{number}"] = [int(request.headers["upload-length"]), bytearray()]
        return answer(201, f"Location: {server.url}/{number}", "Upload-Offset: 0")
    upload = server.uploads.get(request.path)
    if upload is None:
        return answer(404)
    if method == "HEAD":
        return answer(204, f"Upload-Offset: {len(upload[1])}", f"Upload-Length: {upload[0]}",
                      "Cache-Control: no-store")
    if method == "PATCH":
        request.read()
        if not _append(server, request):
            return answer(409)
        return answer(204, f"upload-offset: {len(upload[1])}", reason="")
    if method == "GET":
        return answer(200, body=bytes(upload[1]))
    return answer(405)


def only(method, step):
    """An honest server but for this method."""
    return lambda s, r: step(s, r) if r.method == method else honest(s, r)


# ---- 8: uploads that expire ----

def http_date(seconds):
    return email.utils.formatdate(seconds, usegmt=True)


# ---- abandoned ----

def deletes(server, request):
    """The same, and it removes what it is told to."""
    if request.method == "DELETE":
        return answer(204 if server.uploads.pop(request.path, None) else 404)
    return honest(server, request)


def assert_whole(server, path, uploads=1):
    """All uploads but empty ones hold the clip; there are so many in all."""
    data = path.read_bytes()
    assert len(server.uploads) == uploads
    assert [bytes(held) for _, held in server.uploads.values() if held] == [data]


def posts(server):
    return len(server.seen("POST"))
