"""Signatures of the S3 driver beside those of botocore, which has none of its code."""

import datetime
import hashlib
import os
import pathlib
import random
import string
import subprocess
import urllib.parse

import botocore.auth
import botocore.awsrequest
import botocore.credentials

BUILD = pathlib.Path(os.environ["DOCKD_BUILD"])
ODD = string.ascii_letters + string.digits + "-._~ !$&'()*+,;=:@%?#[]\"<>\\^`{|}éü€𝄞"


def ours(method, where, style, key, now, credentials, region, body, params, headers):
    lines = [method, where, "evidence", style, key, region, str(now), credentials.access_key,
             credentials.secret_key, credentials.token or "", hashlib.sha256(body).hexdigest()]
    lines += [f"?{n}={v}" for n, v in params.items()] + [f"{n}:{v}" for n, v in headers.items()]
    return subprocess.run([BUILD / "test/probe_s3"], input="\n".join(lines), text=True, check=True,
                          stdout=subprocess.PIPE).stdout.splitlines()


def theirs(monkeypatch, method, url, now, credentials, region, body, headers):
    class Clock(datetime.datetime):
        @classmethod
        def utcnow(cls):
            return cls.utcfromtimestamp(now)

    monkeypatch.setattr(botocore.auth.datetime, "datetime", Clock)
    request = botocore.awsrequest.AWSRequest(method=method, url=url, data=body, headers=headers)
    botocore.auth.S3SigV4Auth(credentials, "s3", region).add_auth(request)
    return request.headers["Authorization"].replace(", ", ",")


def test_odd_requests_are_signed_as_others_sign_them(monkeypatch):
    r = random.Random(17)

    def text(most, alphabet=ODD):
        return "".join(r.choice(alphabet) for _ in range(r.randint(1, most)))

    for _ in range(60):
        method = r.choice(["GET", "PUT", "POST", "HEAD", "DELETE"])
        where = r.choice(["http://127.0.0.1:7480", "https://s3.example", "https://s3.example:9000",
                          "http://[::1]:7480"])
        key = "/".join(["a" + text(20) for _ in range(r.randint(1, 4))])
        params = {n: r.choice(["", text(40)])
                  for n in r.sample(["uploads", "uploadId", "partNumber", "prefix", "versionId"],
                                    r.randint(0, 4))}
        headers = {f"x-amz-meta-{n}": text(60, string.ascii_letters + "%-  .").strip() or "x"
                   for n in r.sample(["a", "asset", "a-b", "name", "sha256"], r.randint(0, 4))}
        credentials = botocore.credentials.Credentials(
            text(20, string.ascii_uppercase), text(40, string.ascii_letters + "+/="),
            r.choice([None, text(3000, string.ascii_letters + "+/=")]))
        now, region, body = r.randint(0, 4102444800), r.choice(["us-east-1", "zone-a"]), b"x" * 9
        args = now, credentials, region, body
        url, host, signature = ours(method, where, r.choice(["path", "host"]), key, *args, params,
                                    headers)
        # what is sent is what was meant, in the one spelling that servers make of it again
        sent = urllib.parse.urlsplit(url)
        assert sent.netloc == host
        assert sent.path.removeprefix("/evidence") == "/" + urllib.parse.quote(key)
        assert sent.query == urllib.parse.urlencode(sorted(params.items()), safe="",
                                                    quote_via=urllib.parse.quote)
        assert signature == theirs(monkeypatch, method, url, *args, headers)
