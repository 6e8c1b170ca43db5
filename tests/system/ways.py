"""The ways on which the tests send: three real servers, and what stands in front of each.

    with Servers() as servers:                       # one of each for a run, started when first needed
    with Way("tus", "nginx, client certificates", servers, folder / "way") as way:
        with Wire(way.port) as line:
            way.open(uploader, line)                 # dockd-uploader alone
            Station(destinations=[way.settings(line)])   # or the whole station
        held([way])                                  # all that is there now and was not before

What one interruption may cost is way.lost, and no test has another figure.
"""
import functools
import pathlib
import re
import shutil
import tempfile

import fake_core as core
from pki import Authority
from servers import Nginx, Proxy, RadosGW, TusServer, UploadxServer

ROOT = pathlib.Path(__file__).resolve().parents[2]
KIB, MIB = 1 << 10, 1 << 20
CHUNK = MIB         # chunk-max in these tests, where a request can be lost as a whole
PART = 5 * MIB      # part-bytes: the least that S3 has
IN_FLIGHT = MIB     # curl's buffer, what the kernel holds, and the line

PROTOCOLS = ["tus", "uploadx", "s3"]
FRONTS = ["direct", "nginx, streams", "nginx, buffers", "nginx, 1 MB", "nginx, client certificates",
          "forward proxy"]
# A request of S3 is a part, of 5 MiB at least: what a limit of 1 MB does is a test of its own.
WAYS = [(p, f) for p in PROTOCOLS for f in FRONTS if (p, f) != ("s3", "nginx, 1 MB")]


@functools.lru_cache(maxsize=None)
def parts_at_once():
    """How many parts of one file s3 may have on the line, as its header has it."""
    found = re.search(r"#define S3_LANES (\d+)", (ROOT / "uploader/s3.h").read_text())
    return int(found[1])


def lost(protocol, front):
    """What one interruption costs at most beside what was in flight: (bytes, its name in the pages)."""
    if protocol == "s3":
        return parts_at_once() * PART, "the parts under way"
    if protocol == "uploadx":
        return CHUNK, "the request under way (checksum)"
    if front in ("nginx, buffers", "nginx, 1 MB"):
        return CHUNK, "the request under way (buffered)"
    return 0, "what was in flight"


class Keys:
    """A CA, the server's (certificate, key) and the station's."""

    def __init__(self, at):
        at.mkdir()
        ca = Authority(at, "ca")
        self.ca = ca.certificate
        self.server, self.client = ca.host("/CN=server"), ca.host("/CN=client")
        self.secrets = at / "s3.keys"
        self.secrets.write_text(f"access-key: {RadosGW.ACCESS}\nsecret-key: {RadosGW.SECRET}\n")
        for path in [at, *at.rglob("*")]:  # for the uploader's user
            path.chmod(0o755 if path.is_dir() else 0o644)


class Servers:
    """One of each, for all ways of a run; each on a port of its own, which it keeps."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="dockd-ways-"))
        self.folder.chmod(0o755)
        self.made = {}

    def __getitem__(self, protocol):
        if protocol not in self.made:
            if protocol == "s3":
                server = RadosGW.shared().gateway()
            else:
                kind = UploadxServer if protocol == "uploadx" else TusServer
                server = kind(self.folder / protocol, drain_ms=500)
            self.made[protocol] = server.start()
        return self.made[protocol]

    @functools.cached_property
    def keys(self):
        return Keys(self.folder / "keys")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for server in self.made.values():
            server.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


class Way:
    """A server, and how it is reached."""

    def __init__(self, protocol, front, servers, folder):
        self.protocol, self.front, self.keys = protocol, front, servers.keys
        self.name = re.sub(r"[^a-z0-9]+", "-", f"{protocol} {front}".lower())
        self.server = servers[protocol]
        self.lost = lost(protocol, front)[0]
        folder = folder / self.name
        folder.mkdir(parents=True, mode=0o755)
        self.proxy = Proxy(folder) if front == "forward proxy" else None
        self.tls = front == "nginx, client certificates"
        self.nginx = None
        if front.startswith("nginx"):
            how = {"tls": self.keys.server, "client_ca": self.keys.ca} if self.tls else {}
            self.nginx = Nginx(folder, self.server.port, limit="1m" if front == "nginx, 1 MB" else "0",
                               buffering=front in ("nginx, buffers", "nginx, 1 MB"), **how)

    def __enter__(self):
        for one in (self.nginx, self.proxy):
            if one:
                one.start()
        if self.protocol == "s3":
            self.rgw = RadosGW.shared()
            self.bucket = self.rgw.bucket(lock=True)
        else:
            self.before = set(self.server.uploads())
        return self

    def __exit__(self, *_):
        if self.nginx:
            self.nginx.__exit__()
        if self.proxy:
            self.proxy.kill()

    @property
    def port(self):
        """What the uploader speaks to, over a line."""
        return (self.proxy or self.nginx or self.server).port

    def addresses(self, line):
        """(url, proxy)"""
        path = "" if self.protocol == "s3" else "/files"
        port = self.server.port if self.proxy else line.port
        return (f"http{'s' if self.tls else ''}://127.0.0.1:{port}{path}",
                f"http://127.0.0.1:{line.port}" if self.proxy else "")

    def open(self, uploader, line, **how):
        url, how["proxy"] = self.addresses(line)
        if self.tls:
            how.update(ca=self.keys.ca, cert=self.keys.client[0], key=self.keys.client[1])
        if self.protocol == "s3":
            how.update(bucket=self.bucket, flags=core.PATH_STYLE, part=PART, secrets=self.keys.secrets)
        else:
            how.update(flags=core.CHECKSUM if self.protocol == "uploadx" else 0,
                       chunk_min=256 * KIB, chunk_max=CHUNK if self.lost else 256 * MIB)
        ready = uploader.open(core.S3 if self.protocol == "s3" else core.TUS, url, **how)
        assert ready.status == 0, ready.text

    def settings(self, line):
        """As a destination of dockd.conf."""
        url, proxy = self.addresses(line)
        it = {"name": self.name, "url": url, "stall-seconds": 20, "answer-seconds": 30,
              "driver": "s3" if self.protocol == "s3" else "tus"}
        if proxy:
            it["proxy"] = proxy
        if self.tls:
            it.update({"ca-file": self.keys.ca, "certificate-file": self.keys.client[0],
                       "key-file": self.keys.client[1]})
        if self.protocol == "s3":
            it.update({"bucket": self.bucket, "path-style": True, "part-bytes": PART,
                       "secrets-file": self.keys.secrets})
        elif self.lost:
            it.update({"chunk-max": CHUNK, "checksum": self.protocol == "uploadx"})
        return it

    def held(self):
        """Bytes of every object and every upload that has any, by their address; the station's own
        files are none."""
        if self.protocol != "s3":
            return {name: data for name, data in self.server.assets(self.before).items() if data}
        versions, unfinished = self.rgw.objects(self.bucket)
        assert unfinished == 0, f"{unfinished} uploads are left over"
        return {(self.bucket, key, version): self.rgw.fetch(self.bucket, key, version)
                for key, version in versions
                if not key.startswith("ledger/") and not key.endswith(".bundle")}


def held(all_ways):
    """The same of all of them; some lead to one server."""
    return list({at: data for way in all_ways for at, data in way.held().items()}.values())
