"""Uploads to a stock @tus/server, beside curl and tus-js-client.

dockd-uploader is driven over its own socket (tests/system/fake_core.py): the clock runs from UPLOAD
to RECEIPT of the last one, so the creation, the core's word between and all else count. curl
does the same requests: POST, then PATCH of the whole. Source and server lie in memory.
"""
import hashlib
import json
import os
import re
import shutil
import statistics
import subprocess
import time

from common import BUILD, HERE, MIB, ROOT, Row, measured, ratio_of_pairs, say, scratch, spread

import fake_core
import servers
import vcam

CURL = ["curl", "-sS", "-f", "-H", "Tus-Resumable: 1.0.0"]
PATCH = ["-X", "PATCH", "-H", "Upload-Offset: 0", "-H",
         "Content-Type: application/offset+octet-stream"]
BENCH_NPM = ROOT / "build/bench-npm"


def make_file(path, size, seed):
    digest = hashlib.sha256()
    with open(path, "wb") as f:
        for at in range(0, size, 16 * MIB):
            piece = vcam.generate(seed, at, min(16 * MIB, size - at))
            digest.update(piece)
            f.write(piece)
    path.chmod(0o644)
    return digest.digest()


class Uploader(fake_core.Core):
    """dockd-uploader with its defaults (4 slots), or other settings."""

    def begin(self, path, size, digest, slot):
        self.generation += 1
        fd = os.open(path, os.O_RDONLY)
        asset = hashlib.sha256(f"{path} {time.monotonic_ns()}".encode()).hexdigest()
        self.put("UPLOAD", self.what(path, size=size, sha256=digest, asset=asset, name=path.name),
                 slot, self.generation, [fd])
        os.close(fd)

    def send(self, files, slots):
        """Seconds from the first UPLOAD to the last RECEIPT, `slots` at a time."""
        left = list(reversed(files))
        began = time.monotonic()
        for slot in range(min(slots, len(left))):
            self.begin(*left.pop(), slot)
        under_way = min(slots, len(files))
        while under_way:
            m = self.get("CREATED", "RECEIPT", wait=600)
            if m.kind == "CREATED":
                self.put("PROCEED", slot=m.slot, generation=m.generation)
                continue
            under_way -= 1
            if left:
                self.begin(*left.pop(), m.slot)
                under_way += 1
        return time.monotonic() - began


def curl_create(url, sizes, folder):
    """The Locations of new uploads, by one curl process over one connection."""
    config = folder / "create"
    config.write_text("\nnext\n".join(
        f'url = "{url}"\nrequest = "POST"\nheader = "Tus-Resumable: 1.0.0"\n'
        f'header = "Upload-Length: {size}"\nsilent\nshow-error\nfail\ndump-header = "-"'
        for size in sizes) + "\n")
    done = subprocess.run(["curl", "-K", config], check=True, stdout=subprocess.PIPE, text=True)
    return re.findall(r"^location: (\S+)\r?$", done.stdout, re.I | re.M)


def curl_one(url, path, size):
    """Seconds of POST and PATCH by curl's own clock: its start as a process does not count."""
    create = subprocess.run(
        [*CURL, "-X", "POST", "-H", f"Upload-Length: {size}", "-D", "-", "-w",
         "took=%{time_total}\n", url], check=True, stdout=subprocess.PIPE, text=True).stdout
    location = re.search(r"^location: (\S+)\r?$", create, re.I | re.M)[1]
    send = subprocess.run([*CURL, *PATCH, "-T", path, "-w", "took=%{time_total}", location],
                          check=True, stdout=subprocess.PIPE, text=True).stdout
    return sum(float(re.search(r"took=(\S+)", t)[1]) for t in (create, send))


def curl_many(url, files, folder, at_once):
    """Seconds of two curl processes: all the POSTs over one connection, then all the PATCHes."""
    began = time.monotonic()
    locations = curl_create(url, [size for _, size, _ in files], folder)
    config = folder / "send"
    config.write_text("\nnext\n".join(
        f'url = "{location}"\nupload-file = "{path}"\nrequest = "PATCH"\n'
        'header = "Tus-Resumable: 1.0.0"\nheader = "Upload-Offset: 0"\n'
        'header = "Content-Type: application/offset+octet-stream"\nsilent\nshow-error\nfail'
        for location, (path, _, _) in zip(locations, files)) + "\n")
    parallel = ["--no-progress-meter", "-Z", "--parallel-max", str(at_once)] if at_once > 1 else []
    subprocess.run(["curl", *parallel, "-K", config], check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - began


def tus_js(url, path):
    """Seconds that tus-js-client (Node) says it took; None where it is not installed."""
    script = BENCH_NPM / "tus-client.mjs"
    if not (BENCH_NPM / "node_modules").exists():
        return None
    shutil.copyfile(HERE / "tus-client.mjs", script)
    done = subprocess.run(["node", script, url, "1", path], check=True, stdout=subprocess.PIPE,
                          cwd=BENCH_NPM)
    return json.loads(done.stdout)["seconds"]


def bare_curl_cpu(path):
    """Processor seconds of curl sending one file to a stock server."""
    folder = scratch("curl")
    try:
        with servers.TusServer(folder / "server") as server:
            location, = curl_create(server.url, [path.stat().st_size], folder)
            return measured([*CURL, *PATCH, "-T", path, location])[1]
    finally:
        shutil.rmtree(folder)


def check_held(server, wanted):
    """All that the server holds is whole, and nothing is missing."""
    found = sorted(p.stat().st_size for p in server.folder.iterdir() if p.suffix != ".json")
    assert found == sorted(wanted), (len(found), len(wanted))


def empty(server):
    for path in server.folder.iterdir():
        path.unlink()


def one_large(rounds, size):
    folder = scratch("upload")
    ours, curls, js = [], [], []
    try:
        path = folder / "clip.mp4"
        digest = make_file(path, size, 1)
        with servers.TusServer(folder / "server") as server, \
                Uploader(folder, BUILD / "dockd-uploader") as uploader:
            uploader.open(fake_core.TUS, server.url, slots=4, stall_ms=60000, answer_ms=60000)
            uploader.send([(path, size, digest)], 1)  # the first one warms all up, uncounted
            curl_one(server.url, path, size)
            tus_js(server.url, path)
            empty(server)
            for n in range(rounds):
                turns = [lambda: ours.append(uploader.send([(path, size, digest)], 1)),
                         lambda: curls.append(curl_one(server.url, path, size))]
                for turn in turns if n % 2 == 0 else turns[::-1]:
                    turn()
                js.append(tus_js(server.url, path))  # not part of the pairs
                check_held(server, [size] * (3 if js[-1] else 2))
                empty(server)
                say(f"round {n + 1}: dockd {ours[-1]:.2f} s, curl {curls[-1]:.2f} s, "
                    f"tus-js-client {js[-1] or 0:.2f} s")
    finally:
        shutil.rmtree(folder)
    pairs = ratio_of_pairs(ours, curls)
    median = statistics.median(pairs)
    rows = [Row(f"one file of {size // MIB} MiB, of curl's speed", spread(pairs), "≥ 0.9",
                median >= 0.9, f"{rounds} interleaved pairs; dockd {statistics.median(ours):.2f} s, "
                f"curl {statistics.median(curls):.2f} s: plain @tus/server, from UPLOAD to RECEIPT "
                "beside curl's time_total of POST and PATCH")]
    if js[0]:
        pairs = ratio_of_pairs(ours, js)
        rows.append(Row("the same, of tus-js-client's speed", spread(pairs), "> 1",
                        statistics.median(pairs) > 1,
                        "Node's stream of the same file, one chunk; "
                        f"{statistics.median(js):.2f} s"))
    else:
        rows.append(Row("the same, beside tus-js-client", "not measured", "> 1", None,
                        "make bench-npm could not install it"))
    rows.append(Row("the same, beside rclone", "not measured", "> 1", None,
                    "rclone as Debian ships it (1.60) speaks no tus"))
    return rows


def many_small(rounds, count, size):
    folder = scratch("small")
    ours = {1: [], 4: []}
    curls = {1: [], 4: []}
    try:
        files = []
        for n in range(count):
            path = folder / f"clip{n}.mp4"
            files.append((path, size, make_file(path, size, n)))
        with servers.TusServer(folder / "server") as server, \
                Uploader(folder, BUILD / "dockd-uploader") as uploader:
            uploader.open(fake_core.TUS, server.url, slots=4, stall_ms=60000, answer_ms=60000)
            uploader.send(files[:20], 4)
            curl_many(server.url, files[:20], folder, 1)
            empty(server)
            for n in range(rounds):
                for slots in (1, 4):
                    turns = [lambda: ours[slots].append(uploader.send(files, slots)),
                             lambda: curls[slots].append(
                                 curl_many(server.url, files, folder, slots))]
                    for turn in turns if n % 2 == 0 else turns[::-1]:
                        turn()
                        check_held(server, [size] * count)
                        empty(server)
                    say(f"round {n + 1}, {slots} at a time: dockd {ours[slots][-1]:.2f} s, "
                        f"curl {curls[slots][-1]:.2f} s")
    finally:
        shutil.rmtree(folder)
    what = f"{count} files of {size // MIB} MiB"
    best = ratio_of_pairs(ours[4], curls[1])
    alone = ratio_of_pairs(ours[1], curls[1])
    beside = ratio_of_pairs(ours[4], curls[4])
    return [
        Row(f"{what}, one at a time each, of curl's speed", spread(alone), "≥ 0.9",
            statistics.median(alone) >= 0.9,
            f"{rounds} interleaved pairs; dockd {statistics.median(ours[1]):.2f} s, curl "
            f"{statistics.median(curls[1]):.2f} s: one curl process for all POSTs, one for all "
            "PATCHes, each over one connection"),
        Row("the same, four at a time each (dockd's default; curl -Z --parallel-max 4)",
            spread(beside), "≥ 0.9", statistics.median(beside) >= 0.9,
            f"dockd {statistics.median(ours[4]):.2f} s, curl {statistics.median(curls[4]):.2f} s"),
        Row("dockd four at a time beside curl one at a time", spread(best), "", None,
            "not the same concurrency: what the default gains, no comparison of programs"),
    ]


def run(options):
    say("one large file")
    rows = one_large(2 if options.quick else 2 * options.rounds, (256 if options.quick else 1024) * MIB)
    say("many small files")
    rows += many_small(1 if options.quick else 3, 100 if options.quick else 500, 4 * MIB)
    return rows
