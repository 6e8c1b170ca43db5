"""A small S3 store in memory, for answers that a real one gives only on its worst days.

    store = Store()
    with FaultServer(otherwise=store) as server:    # or the fixture store, which has its own
        store.on("POST", "uploadId=", say(503))     # once: the next request that is one of these

It checks digests as a real store does, and no signatures: those are for Ceph's gateway to judge.
"""
import base64
import hashlib
import urllib.parse
from xml.sax.saxutils import escape

import pytest

from fake_core import asset_of
from servers import FaultServer, answer

HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
NS = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'


def error(status, code, message="", *headers, more=""):
    body = f"{HEAD}<Error><Code>{code}</Code><Message>{message}</Message>{more}</Error>"
    return answer(status, "Content-Type: application/xml", *headers, body=body.encode())


def refuse(status, code, *headers, more="", read=True):
    """A step: reads the body, then this error."""
    def step(_server, request):
        if read:
            request.read()
        return error(status, code, "", *headers, more=more)
    return step


class Store:
    def __init__(self, lock=False, etag=None):
        self.lock = lock
        self.page = 1000   # parts listed at once
        self.upload_page = 200
        self.stuck = False # the first page is given again and again
        self.etag = etag or (lambda data: hashlib.md5(data).hexdigest())
        self.objects = {}  # key => (data, headers, etag)
        self.uploads = {}  # id => [key, {number: data}, headers]
        self.made = 0      # uploads ever
        self.faults = []
        self.seen = []     # "METHOD target", in order

    def on(self, method, part, step, times=1):
        self.faults += [(method, part, step)] * times

    def __call__(self, server, request):
        self.seen.append(f"{request.method} {request.path}")
        for fault in self.faults:
            if fault[0] == request.method and fault[1] in request.path:
                self.faults.remove(fault)
                return fault[2](server, request)
        return self.honest(server, request)

    def honest(self, _server, request):
        path, _, query = request.path.partition("?")
        q = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
        key = urllib.parse.unquote(path).split("/", 2)[2] if path.count("/") > 1 else ""
        request.read()
        wrong = self._wrong(request)
        if wrong:
            return wrong
        name = request.method.lower() + ("" if key else "_bucket")
        return getattr(self, name)(key, q, request)

    @staticmethod
    def _wrong(request):
        sha256, md5 = (request.headers.get(n) for n in ("x-amz-content-sha256", "content-md5"))
        body = bytes(request.body)
        if sha256 != hashlib.sha256(body).hexdigest():
            return error(400, "XAmzContentSHA256Mismatch")
        if md5 and base64.b64decode(md5) != hashlib.md5(body).digest():
            return error(400, "BadDigest")
        return None

    def head_bucket(self, _key, _q, _request):
        return answer(200)

    def get_bucket(self, _key, q, _request):
        if "object-lock" in q:
            if not self.lock:
                return error(404, "ObjectLockConfigurationNotFoundError")
            return answer(200, body=f"{HEAD}<ObjectLockConfiguration {NS}><ObjectLockEnabled>Enabled"
                          "</ObjectLockEnabled></ObjectLockConfiguration>".encode())
        if "list-type" in q:
            keys = "".join(f"<Contents><Key>{escape(key)}</Key></Contents>" for key in sorted(self.objects)
                           if key.startswith(q["prefix"]))
            return answer(200, body=f"{HEAD}<ListBucketResult {NS}><IsTruncated>false</IsTruncated>{keys}"
                          "</ListBucketResult>".encode())
        mine = [(i, u[0]) for i, u in self.uploads.items() if u[0].startswith(q["prefix"])]
        after = [i for i, _ in mine].index(q["upload-id-marker"]) + 1 if "upload-id-marker" in q else 0
        here = mine[after:after + self.upload_page]
        more = len(mine) > after + len(here)
        listed = "".join(
            f"<Upload><Key>{escape(key)}</Key><UploadId>{i}</UploadId>"
            f"<Initiated>2026-11-21T17:00:{n:02}.000Z</Initiated></Upload>"
            for n, (i, key) in enumerate(here, after))
        if more:
            listed += (f"<NextKeyMarker>{escape(here[-1][1])}</NextKeyMarker>"
                       f"<NextUploadIdMarker>{here[-1][0]}</NextUploadIdMarker>")
        return answer(200, body=f"{HEAD}<ListMultipartUploadsResult {NS}><IsTruncated>{str(more).lower()}"
                      f"</IsTruncated>{listed}</ListMultipartUploadsResult>".encode())

    def _kept(self, request):
        return [f"{k}: {v}" for k, v in request.headers.items() if k.startswith("x-amz-meta-")]

    def head(self, key, _q, _request):
        if key not in self.objects:
            return answer(404)
        data, headers, etag = self.objects[key]
        lines = ["HTTP/1.1 200 OK", "x-amz-request-id: tx1", f"Content-Length: {len(data)}",
                 f'ETag: "{etag}"', *headers]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    def get(self, key, q, _request):
        if "uploadId" in q:
            return self._parts(q)
        if "legal-hold" in q:  # it takes them, and keeps none
            return answer(200, body=f"{HEAD}<LegalHold {NS}><Status>OFF</Status></LegalHold>".encode())
        if key not in self.objects:
            return error(404, "NoSuchKey")
        return answer(200, *self.objects[key][1], body=self.objects[key][0])

    def _parts(self, q):
        if q["uploadId"] not in self.uploads:
            return error(404, "NoSuchUpload")
        after = 0 if self.stuck else int(q.get("part-number-marker", 0))
        parts = [p for p in sorted(self.uploads[q["uploadId"]][1].items()) if p[0] > after]
        more = len(parts) > self.page
        parts = parts[:self.page]
        listed = "".join(f"<Part><PartNumber>{n}</PartNumber><ETag>&quot;{self.etag(d)}&quot;</ETag>"
                         f"<Size>{len(d)}</Size></Part>" for n, d in parts)
        if more:
            listed += f"<NextPartNumberMarker>{parts[-1][0]}</NextPartNumberMarker>"
        return answer(200, body=f"{HEAD}<ListPartsResult {NS}><IsTruncated>{str(more).lower()}"
                      f"</IsTruncated>{listed}</ListPartsResult>".encode())

    def put(self, key, q, request):
        data = bytes(request.body)
        if "uploadId" in q:
            if q["uploadId"] not in self.uploads:
                return error(404, "NoSuchUpload")
            self.uploads[q["uploadId"]][1][int(q["partNumber"])] = data
            return answer(200, f'ETag: "{self.etag(data)}"')
        if "retention" in q or "legal-hold" in q:
            return answer(200)
        if request.headers.get("if-none-match") == "*" and key in self.objects:
            return error(412, "PreconditionFailed")
        self.objects[key] = (data, self._kept(request), self.etag(data))
        return answer(200, f'ETag: "{self.etag(data)}"')

    def post(self, key, q, request):
        if "uploads" in q:
            self.made += 1
            self.uploads[f"id{self.made}"] = [key, {}, self._kept(request)]
            return answer(200, body=f"{HEAD}<InitiateMultipartUploadResult {NS}><UploadId>"
                          f"id{self.made}</UploadId></InitiateMultipartUploadResult>".encode())
        if q["uploadId"] not in self.uploads:
            return error(404, "NoSuchUpload")
        if request.headers.get("if-none-match") == "*" and key in self.objects:
            return error(412, "PreconditionFailed")
        _, parts, headers = self.uploads.pop(q["uploadId"])
        each = b"".join(hashlib.md5(d).digest() for _, d in sorted(parts.items()))
        etag = f"{hashlib.md5(each).hexdigest()}-{len(parts)}"
        self.objects[key] = (b"".join(d for _, d in sorted(parts.items())), headers, etag)
        return answer(200, body=f"{HEAD}<CompleteMultipartUploadResult {NS}><ETag>&quot;{etag}&quot;"
                      "</ETag></CompleteMultipartUploadResult>".encode())

    def delete(self, key, q, _request):
        if "uploadId" in q:
            return answer(204) if self.uploads.pop(q["uploadId"], None) else error(404, "NoSuchUpload")
        self.objects.pop(key, None)
        return answer(204)


@pytest.fixture
def store():
    s = Store()
    with FaultServer(otherwise=s) as server:
        s.endpoint = f"http://127.0.0.1:{server.port}"
        s.server = server
        yield s


def assert_kept(store, path):
    (key, (data, headers, _)), = store.objects.items()
    assert key == asset_of(path) and data == path.read_bytes() and not store.uploads
    assert f"x-amz-meta-asset: {key}" in headers


def count(store, method, part=""):
    return len([s for s in store.seen if s.startswith(f"{method} ") and part in s])
