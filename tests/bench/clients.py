"""dockd-uploader beside the clients that people would take instead, on the same bytes and servers.

tus: curl and tus-js-client against a stock @tus/server; S3: curl, rclone and s3cmd against Ceph's gateway
(tests/system/radosgw.py). Each with the line as it is, and through tests/bench/delay.c: half of DELAY_MS
later in each direction. Source and servers lie in memory. A client's clock runs from its start to its
end as a process; dockd's from UPLOAD to the last RECEIPT: it is a service. Clients take turns in each
round, and ratios are of the same round.
"""
import base64
import hashlib
import os
import shutil
import statistics
import subprocess
import threading
import time
import urllib.parse

from common import BUILD, HERE, MIB, Row, pss_kib, say, scratch, seconds_of, spread, children_of

import fake_core
import servers
from radosgw import RadosGW
from upload import BENCH_NPM, Uploader, curl_create, make_file

DELAY_MS = 50
ENV = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "RCLONE_"))}


class Run:
    """What one client took for one scenario."""

    def __init__(self, seconds, cpu, peak_kib):
        self.seconds, self.cpu, self.peak_kib = seconds, cpu, peak_kib


class Watch:
    """The largest PSS of processes and all below them, looked at every 20 ms."""

    def __init__(self, pid):
        self.pid, self.peak, self.over = pid, 0, threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        while not self.over.wait(0.02):
            pids = [self.pid, *children_of(self.pid)]
            self.peak = max(self.peak, sum(pss_kib(pid) or 0 for pid in pids))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()


def watched(*commands, env=None):
    """The commands one after the other, as a Run."""
    began, cpu, peak = time.monotonic(), 0, 0
    for command in commands:
        process = subprocess.Popen([str(c) for c in command], stdout=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE, env={**ENV, **(env or {})})
        with Watch(process.pid) as watch:
            error = process.stderr.read()
            _, status, usage = os.wait4(process.pid, 0)
        process.returncode = status
        if status:
            raise RuntimeError(f"{command[0]}: status {status}: {error[-400:]}")
        cpu += usage.ru_utime + usage.ru_stime
        peak = max(peak, watch.peak)
    return Run(time.monotonic() - began, cpu, peak)


class Delayed:
    """The same server, DELAY_MS of round trip away."""

    def __init__(self, port, folder):
        self.process = subprocess.Popen([BUILD / "bench/delay", str(port), str(DELAY_MS // 2)],
                                        stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


class Dockd:
    """dockd-uploader with its defaults but for the number of slots."""
    name = "dockd"

    def __init__(self, folder, **settings):
        self.folder, self.settings = folder, settings

    def send(self, files, at_once):
        self.folder.mkdir(exist_ok=True)
        self.folder.chmod(0o755)
        with Uploader(self.folder, BUILD / "dockd-uploader") as u:
            ready = u.open(slots=max(at_once, 4), stall_ms=60000, answer_ms=300000,
                           chunk_min=256 << 10, **self.settings)
            assert ready.status == 0, ready
            before = sum(seconds_of(u.process.pid).values())
            with Watch(u.process.pid) as watch:
                seconds = u.send(files, at_once)
            cpu = sum(seconds_of(u.process.pid).values()) - before
        shutil.rmtree(self.folder)
        return Run(seconds, cpu, watch.peak)


def curl_config(path, blocks):
    path.write_text("\nnext\n".join(blocks) + "\n")
    return path


def parallel(at_once):
    return ["--no-progress-meter", "-Z", "--parallel-max", at_once] if at_once > 1 else []


# ---- tus ----

class TusCurl:
    """All the POSTs over one connection, then all the PATCHes; each file in one."""
    name = "curl"

    def __init__(self, url, folder):
        self.url, self.folder = url, folder

    def send(self, files, at_once):
        began = time.monotonic()
        places = curl_create(self.url, [size for _, size, _ in files], self.folder)
        created = time.monotonic() - began
        config = curl_config(self.folder / "patch", [
            f'url = "{place}"\nupload-file = "{path}"\nrequest = "PATCH"\n'
            'header = "Tus-Resumable: 1.0.0"\nheader = "Upload-Offset: 0"\n'
            'header = "Content-Type: application/offset+octet-stream"\nsilent\nshow-error\nfail'
            for place, (path, _, _) in zip(places, files)])
        run = watched(["curl", *parallel(at_once), "-K", config])
        return Run(run.seconds + created, run.cpu, run.peak_kib)


class TusJs:
    name = "tus-js-client"

    def __init__(self, url):
        self.url = url

    def send(self, files, at_once):
        script = BENCH_NPM / "tus-client.mjs"
        shutil.copyfile(HERE / "tus-client.mjs", script)
        return watched(["node", script, self.url, at_once, *(path for path, _, _ in files)])


class Tus:
    """A stock server, emptied after each run."""
    name = "tus"

    def __init__(self, folder):
        self.folder = folder

    def __enter__(self):
        self.server = servers.TusServer(self.folder / "server").__enter__()
        self.port = urllib.parse.urlsplit(self.server.url).port
        return self

    def __exit__(self, *how):
        self.server.__exit__(*how)

    def clients(self, port, at_once):
        url = self.server.url.replace(f":{self.port}/", f":{port}/")
        return [Dockd(self.folder / "core", driver=fake_core.TUS, where=url),
                TusCurl(url, self.folder), TusJs(url)]

    def check(self, files):
        found = sorted(p.stat().st_size for p in self.server.folder.iterdir()
                       if p.suffix != ".json")
        assert found == sorted(size for _, size, _ in files), (len(found), len(files))

    def empty(self):
        for path in self.server.folder.iterdir():
            path.unlink()


# ---- S3 ----

class S3Curl:
    """PUT of each file, signed but for its bytes (UNSIGNED-PAYLOAD): the store does not check them."""
    name = "curl"

    def __init__(self, endpoint, bucket, folder):
        self.endpoint, self.bucket, self.folder = endpoint, bucket, folder

    def send(self, files, at_once):
        config = curl_config(self.folder / "put", [
            f'url = "{self.endpoint}/{self.bucket}/curl/{path.name}"\nupload-file = "{path}"\n'
            f'user = "{RadosGW.ACCESS}:{RadosGW.SECRET}"\naws-sigv4 = "aws:amz:us-east-1:s3"\n'
            'header = "x-amz-content-sha256: UNSIGNED-PAYLOAD"\nsilent\nshow-error\nfail'
            for path, _, _ in files])
        return watched(["curl", *parallel(at_once), "-K", config])


class S3CurlProofs(S3Curl):
    """The same with what dockd sends along: SHA-256 and MD5, taken of the files before and signed.

    Each file in one PUT all the same: nothing is compared with an earlier check, and a cut begins at 0.
    """
    name = "curl with proofs"

    def send(self, files, at_once):
        paths = [path for path, _, _ in files]
        out = {kind: self.folder / kind for kind in ("sha256", "md5")}
        runs = [watched(["openssl", "dgst", "-r", f"-{kind}", "-out", name, *paths])
                for kind, name in out.items()]
        sha256, md5 = ([bytes.fromhex(line.split()[0]) for line in name.read_text().splitlines()]
                       for name in out.values())
        config = curl_config(self.folder / "put", [
            f'url = "{self.endpoint}/{self.bucket}/proofs/{path.name}"\nupload-file = "{path}"\n'
            f'user = "{RadosGW.ACCESS}:{RadosGW.SECRET}"\naws-sigv4 = "aws:amz:us-east-1:s3"\n'
            f'header = "x-amz-content-sha256: {s.hex()}"\n'
            f'header = "Content-MD5: {base64.b64encode(m).decode()}"\nsilent\nshow-error\nfail'
            for path, s, m in zip(paths, sha256, md5)])
        runs.append(watched(["curl", *parallel(at_once), "-K", config]))
        return Run(sum(r.seconds for r in runs), sum(r.cpu for r in runs),
                   max(r.peak_kib for r in runs))


class Rclone:
    """rclone copy with its defaults for S3 but for --transfers: above 200 MiB parts of 5 MiB, four at once."""
    name = "rclone"

    def __init__(self, endpoint, bucket, folder):
        self.endpoint, self.bucket, self.folder = endpoint, bucket, folder

    def send(self, files, at_once):
        names = self.folder / "names"
        names.write_text("".join(f"{path.name}\n" for path, _, _ in files))
        return watched(["rclone", "--config", "/dev/null", "copy", "--files-from-raw", names,
                        "--transfers", at_once, files[0][0].parent, f":s3:{self.bucket}/rclone"],
                       env={"RCLONE_S3_PROVIDER": "Ceph", "RCLONE_S3_ENDPOINT": self.endpoint,
                            "RCLONE_S3_ACCESS_KEY_ID": RadosGW.ACCESS,
                            "RCLONE_S3_SECRET_ACCESS_KEY": RadosGW.SECRET,
                            "RCLONE_S3_REGION": RadosGW.REGION, "RCLONE_S3_NO_CHECK_BUCKET": "true"})


class S3cmd:
    """One after the other: it knows no other way. Parts of 15 MB."""
    name = "s3cmd"

    def __init__(self, endpoint, bucket):
        self.host, self.bucket = endpoint.split("//")[1], bucket

    def send(self, files, at_once):
        return watched(["s3cmd", "-c", "/dev/null", "--quiet", "--no-ssl", f"--host={self.host}",
                        f"--host-bucket={self.host}", f"--access_key={RadosGW.ACCESS}",
                        f"--secret_key={RadosGW.SECRET}", "--region=us-east-1", "put",
                        *(path for path, _, _ in files), f"s3://{self.bucket}/s3cmd/"])


class S3:
    """Ceph's gateway with its store in memory, emptied after each run."""
    name = "s3"

    def __init__(self, folder):
        self.folder = folder

    def __enter__(self):
        self.rgw = RadosGW(self.folder / "ceph", memory=6 << 30).start()
        self.port, self.bucket = self.rgw.port, self.rgw.bucket()
        self.secrets = self.folder / "keys"
        self.secrets.write_text(f"access-key: {RadosGW.ACCESS}\nsecret-key: {RadosGW.SECRET}\n")
        self.secrets.chmod(0o644)
        return self

    def __exit__(self, *how):
        self.rgw.__exit__(*how)

    def clients(self, port, at_once):
        endpoint = f"http://127.0.0.1:{port}"
        ours = Dockd(self.folder / "core", driver=fake_core.S3, where=endpoint, bucket=self.bucket,
                     flags=fake_core.PATH_STYLE, secrets=self.secrets, region=RadosGW.REGION)
        return [ours, S3Curl(endpoint, self.bucket, self.folder),
                S3CurlProofs(endpoint, self.bucket, self.folder),
                Rclone(endpoint, self.bucket, self.folder), S3cmd(endpoint, self.bucket)]

    def held(self):
        pages = self.rgw.client().get_paginator("list_objects_v2").paginate(Bucket=self.bucket)
        return [(o["Key"], o["Size"]) for page in pages for o in page.get("Contents", [])]

    def check(self, files):
        found = sorted(size for _, size in self.held())
        assert found == sorted(size for _, size, _ in files), (len(found), len(files))

    def empty(self):
        for key, _ in self.held():
            self.rgw.client().delete_object(Bucket=self.bucket, Key=key)
        self.rgw.admin("gc", "process", "--include-all")


# ---- scenarios ----

def sources(folder, quick):
    """{scenario: (files, at once)}; the same bytes for all clients."""
    large, count, several = (64, 20, 16) if quick else (1024, 500, 64)
    out = {}
    for name, number, size, at_once in ((f"one of {large} MiB", 1, large, 1),
                                        (f"{count} of 4 MiB, 4 at once", count, 4, 4),
                                        (f"16 of {several} MiB at once", 16, several, 16)):
        place = folder / hashlib.sha256(name.encode()).hexdigest()[:8]
        place.mkdir()
        files = []
        for n in range(number):
            path = place / f"clip{n}.mp4"
            files.append((path, size * MIB, make_file(path, size * MIB, n)))
        out[name] = (files, at_once)
    return out


def rounds_of(server, port, files, at_once, rounds):
    """{client: [Run]}"""
    runs = {}
    server.clients(port, at_once)[1].send(files[:20], at_once)  # warms the server up, uncounted
    server.empty()
    for n in range(rounds):
        clients = server.clients(port, at_once)
        for client in clients if n % 2 == 0 else clients[::-1]:
            run = client.send(files, at_once)
            runs.setdefault(client.name, []).append(run)
            server.check(files)
            server.empty()
            say(f"{server.name}: {client.name} {run.seconds:.2f} s, processor {run.cpu:.2f} s, "
                f"{run.peak_kib / 1024:.0f} MiB")
    return runs


def middle(runs, what):
    return statistics.median(getattr(run, what) for run in runs)


def rows_of(title, runs):
    ours = runs["dockd"]
    mib = max(run.peak_kib for run in ours) / 1024
    told = f"{len(ours)} in turn: " + "; ".join(f"{name} {middle(r, 'seconds'):.2f} s, {middle(r, 'cpu'):.2f} s, "
                     f"{max(run.peak_kib for run in r) / 1024:.0f} MiB" for name, r in runs.items())
    rows = []
    for name, theirs in runs.items():
        if name == "dockd":
            continue
        pairs = [t.seconds / o.seconds for o, t in zip(ours, theirs)]
        if name == S3CurlProofs.name:  # to know what the proofs cost; the goal is curl as it is
            rows.append(Row(f"{title}: of the speed of {name}", spread(pairs)))
            continue
        least = 0.9 if name == "curl" else 1
        rows.append(Row(f"{title}: of {name}'s speed", spread(pairs),
                        "≥ 0.9" if name == "curl" else "> 1", statistics.median(pairs) >= least,
                        told if not rows else ""))
    rows.append(Row(f"{title}: memory (PSS peak)", f"{mib:.1f} MiB", "≤ 32 MiB", mib <= 32))
    return rows


def run(options):
    folder = scratch("clients")
    rounds = 1 if options.quick else min(options.rounds, 3)
    rows = []
    try:
        files = sources(folder, options.quick)
        for kind in (Tus, S3):
            place = folder / kind.__name__
            place.mkdir()
            place.chmod(0o755)
            with kind(place) as server, Delayed(server.port, place) as far:
                for name, (wanted, at_once) in files.items():
                    for how, port in (("", server.port), (f", {DELAY_MS} ms away", far.port)):
                        title = f"{kind.name}, {name}{how}"
                        say(title)
                        # many files even out by themselves what one large one needs rounds for
                        often = rounds if len(wanted) == 1 else max(rounds // 3, 1)
                        rows += rows_of(title, rounds_of(server, port, wanted, at_once, often))
    finally:
        shutil.rmtree(folder)
    return rows
