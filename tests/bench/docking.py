"""Whole dockings: from the camera to the receipt, what they cost, and what is moved twice."""
import contextlib
import datetime
import hashlib
import os
import random
import shutil
import statistics
import time

from common import (BUILD, MIB, MemoryWatch, Row, measured, pss_kib, say, scratch, seconds_of,
                    spread)

import servers
import upload
import vcam
from pace import Pace
from station import UPLOADER, Station

DAY = 1790000000
QUICK = {"settle_seconds": 1}
WINDOW = 8 * MIB


def tus(url, **settings):
    return [{"name": "evidence", "driver": "tus", "url": url, "stall-seconds": 60, **settings}]


def seconds_of_record(record):
    return datetime.datetime.fromisoformat(record["time"].replace("Z", "+00:00")).timestamp()


def last_receipt(station):
    return max(seconds_of_record(r) for r in station.ledger() if r["type"] == "receipted")


@contextlib.contextmanager
def bench_station(name, destinations=None, bays=1, env=None, where="/dev/shm", **settings):
    """A station in memory, where its disk is not what is measured."""
    top = scratch(name, where)
    (top / "station").mkdir()
    try:
        with Station(folder=top / "station", profile=QUICK, env=env, uploader_env=env,
                     bays=[{"name": str(n + 1), "port": f"{n // 7 + 1}-{n % 7 + 1}"}
                           for n in range(bays)],
                     **({"destinations": destinations} if destinations else {}), **settings) as s:
            yield s
    finally:
        shutil.rmtree(top, ignore_errors=True)


def bare_read(camera):
    """(bytes, seconds, processor seconds) of the bare loop over all that a camera holds."""
    line, cpu = measured([BUILD / "bench/bare_vusb", camera.socket_path, WINDOW])
    found = dict(word.split("=") for word in line.split())
    return int(found["bytes"]), float(found["seconds"]), cpu


def bare_camera(folder, name, objects, **scenario):
    """A camera of its own for the bare loop: in somebody's hand, its socket open."""
    camera = vcam.Camera(BUILD, folder, name, objects=objects, **scenario)
    camera.plug("1-1")
    return camera


# ---- dock to receipt ----

def held_to(rate, count, size):
    """Camera and server each held to a rate, as a whole docking and each alone."""
    objects = [vcam.clip(f"DCIM/{n:03}.mp4", size, n, mtime=DAY + n) for n in range(count)]
    folder = scratch("pace")
    try:
        with bare_camera(folder / "bare", "B", objects, rate=rate) as camera:
            got, camera_alone, _ = bare_read(camera)
            assert got == count * size
        say(f"camera alone {camera_alone:.1f} s")
        with servers.TusServer(folder / "server") as server, Pace(server.port, rate) as pace:
            files = []
            for n in range(count):
                path = folder / f"{n}.mp4"
                files.append((path, size, upload.make_file(path, size, n)))
            server_alone = upload.curl_many(pace.url(), files, folder, 1)
            upload.check_held(server, [size] * count)
            upload.empty(server)
            for path, _, _ in files:
                path.unlink()
            say(f"server alone {server_alone:.1f} s")
            with bench_station("pace", tus(pace.url())) as s:
                s.wait("idle")
                camera = s.camera("A", objects, rate=rate)
                began = time.time()
                camera.plug("1-1")
                s.wait("dockings", 1)
                s.wait("all", "receipted", timeout=600)
                upload.check_held(server, [size] * count)
                whole = last_receipt(s) - began
                say(f"dock to receipt {whole:.1f} s")
    finally:
        shutil.rmtree(folder)
    ratio = whole / max(camera_alone, server_alone)
    return Row(f"dock to receipt, {count} clips of {size / 1e6:.0f} MB, camera and server each "
               f"held to {rate / 1e6:.0f} MB/s, of the slower alone", f"{ratio:.3f}", "≤ 1.1",
               ratio <= 1.1,
               f"{whole:.1f} s from plug-in to the last receipt; bare loop {camera_alone:.1f} s, "
               f"curl {server_alone:.1f} s; the last clip's tail counts")


# ---- processor time ----

def hash_cpu(path):
    """Processor seconds of one SHA-256 over a file, read in 1 MiB."""
    began = time.process_time()
    digest = hashlib.sha256()
    with open(path, "rb", buffering=0) as f:
        while piece := f.read(MIB):
            digest.update(piece)
    return time.process_time() - began


def station_cpu(objects, driver, where):
    """{program: processor seconds} from before plug-in to the last receipt."""
    folder, store = scratch("server"), scratch("store", where)
    os.chown(store, UPLOADER, UPLOADER)
    try:
        with servers.TusServer(folder / "server") as server:
            destinations = tus(server.url)
            if driver == "dir":
                destinations = [{"name": "store", "driver": "dir", "folder": store}]
            with bench_station("cpu", destinations, where=where) as s:
                s.wait("idle")
                pids = [s.core.process.pid, s.hotplug.process.pid,
                        *(u.process.pid for u in s.uploaders.values())]
                before = seconds_of(*pids)
                camera = s.camera("A", objects)
                camera.plug("1-1")
                s.wait("dockings", 1)
                s.wait("all", "receipted", timeout=600)
                after = seconds_of(*pids)
            return {name: after[name] - before.get(name, 0) for name in after}
    finally:
        shutil.rmtree(folder)
        shutil.rmtree(store)


def processor(rounds, size, where):
    """where: station and `dir` store. The floor is the same in both places: it writes nothing."""
    objects = [vcam.clip("DCIM/long.mp4", size, 5, mtime=DAY)]
    folder = scratch("cpu")
    used = {"tus": [], "dir": []}
    floors = []
    try:
        path = folder / "clip.mp4"
        upload.make_file(path, size, 5)
        # Uncounted: the first touch of memory costs a virtual machine more than all that follows.
        for driver in used:
            station_cpu(objects, driver, where)
        for n in range(rounds):
            with bare_camera(folder / f"bare{n}", "B", objects) as camera:
                read = bare_read(camera)[2]
            floors.append((hash_cpu(path), read, upload.bare_curl_cpu(path)))
            for driver, found in used.items():
                found.append(station_cpu(objects, driver, where))
                say(f"round {n + 1}, {driver}: {sum(found[-1].values()):.2f} s, floor "
                    f"{sum(floors[-1]):.2f} s; "
                    + ", ".join(f"{k} {v:.2f}" for k, v in found[-1].items()))
    finally:
        shutil.rmtree(folder)
    return [row for driver, found in used.items()
            for row in processor_rows(driver, found, floors, size, where)]


def processor_rows(driver, used, floors, size, where):
    ratios = [sum(u.values()) / sum(f) for u, f in zip(used, floors)]
    sha, read, curl = (statistics.median(part) for part in zip(*floors))
    split = ", ".join(
        f"{'dockd-verify' if name == 'ended children' else name} "
        f"{statistics.median(u[name] for u in used):.2f} s" for name in sorted(used[0]))
    median = statistics.median(ratios)
    return [
        Row(f"processor time, {driver}, {'disk' if where == '/var/tmp' else 'memory'}, of one "
            "SHA-256 pass + bare read + bare curl",
            spread(ratios), "≤ 1.5", median <= 1.5,
            f"{size // MIB} MiB, {len(used)} rounds, station and store in {where}; floor {sha:.2f} s "
            f"+ {read:.2f} s + {curl:.2f} s; the station: {split}"
            + (", its reading back hashed once more" if driver == "dir" else "")),
    ]


# ---- memory ----

def station_pids(station):
    return [service.process.pid for service in
            [station.core, station.hotplug, *station.uploaders.values()]
            if service and service.process.poll() is None]


def memory(cameras, each):
    """Peaks of PSS with many cameras docked at once, and with 16 uploads under way."""
    folder = scratch("memory")
    watch = None
    try:
        with servers.TusServer(folder / "server") as server, \
                Pace(server.port, 100_000_000) as pace:
            handovers = folder / "handovers"
            with bench_station("memory", tus(pace.url(), slots=16), bays=cameras, start=False,
                               env={"HANDOVER_LOG": str(handovers)}) as s:
                watch = MemoryWatch(folder, lambda: station_pids(s)).start()
                s.start()
                s.wait("idle")
                held = []
                for n in range(cameras):
                    objects = [vcam.clip(f"DCIM/{k}.mp4", each, 1000 * n + k, mtime=DAY + k)
                               for k in range(8)]
                    objects.append(vcam.clip("DCIM/long.mp4", 24 * MIB, 9000 + n, mtime=DAY))
                    held.append(s.camera(f"{n:02}", objects, rate=20_000_000))
                for n, camera in enumerate(held):
                    camera.plug(f"{n // 7 + 1}-{n % 7 + 1}")
                s.wait("dockings", cameras, timeout=120)
                s.wait("all", "receipted", timeout=900)
                now = [pss_kib(s.core.process.pid)]
                peaks, connections = watch.stop(), watch.connections
                watch = None
                say(f"peaks {peaks}, core at rest {now[0]} KiB, {cameras} cameras")
    finally:
        if watch:
            watch.stop()
        shutil.rmtree(folder)
    core, camera = peaks["dockd"] / 1024, peaks["dockd-camera"] / 1024
    uploader, verify = peaks["dockd-uploader"] / 1024, peaks.get("dockd-verify", 0) / 1024
    note = f"{cameras} cameras docked at once, {9 * cameras} files; looked at for each hand-over"
    return [
        Row(f"memory, core with {cameras} cameras (PSS peak)", f"{core:.1f} MiB", "≤ 16 MiB",
            core <= 16, note),
        Row("memory, a camera's worker while it pulls (PSS peak)", f"{camera:.1f} MiB", "≤ 6 MiB",
            camera <= 6, "the largest of them, 8 MiB windows, over the simulator's transport in "
            f"place of libusb; dockd-verify, one a processor, {verify:.1f} MiB"),
        Row("memory, uploader with 16 slots (PSS peak)", f"{uploader:.1f} MiB", "≤ 32 MiB",
            uploader <= 32,
            f"{connections} connections to the server at once"),
    ]


# ---- bytes again ----

def again_from_camera(count, size, seed):
    """Pulled out at random bytes, each time docked again."""
    draw = random.Random(seed)
    path = "DCIM/long.mp4"
    with bench_station("again") as s:
        s.wait("idle")
        camera = s.camera("A", [vcam.clip(path, size, 3, mtime=DAY)])
        for at in sorted(draw.randrange(MIB, size - MIB) for _ in range(count)):
            camera.plug("1-1")
            camera.wait(f"bytes:{path}", at, seconds=60)
            camera.unplug()
            s.wait("bay", "1", "empty")
        camera.plug("1-1")
        s.wait("clip", "1", "receipted")
        clip = s.clip(1)
        again = clip["pulled_bytes"] - size
        held = {hashlib.sha256(p.read_bytes()).hexdigest() for p in
                (s.folder / "store").rglob("*") if p.is_file() and p.stat().st_size == size}
        assert held == {vcam.digest(3, size)}
    return Row("bytes again from the camera, an interruption", f"{again / count / 1024:.0f} KiB",
               "≤ 64 KiB", again <= 65536 * count and clip["interruptions"] > 0,
               f"pulled out {count} times in {size // MIB} MiB (seed {seed}): {again} bytes in all "
               "by clip --json")


def again_to_server(count, size, seed):
    """Answers lost and lines cut at random bytes of the body."""
    draw = random.Random(seed)
    twice = [0]

    def breaks(server, request):
        if request.method != "PATCH":
            return servers.honest(server, request)
        held = len(server.uploads[request.path][1])
        twice[0] += max(0, held - int(request.headers["upload-offset"]))
        if breaks.left and request.length > MIB:
            breaks.left -= 1
            if draw.random() < 0.3:
                return servers.lost(server, request)
            return servers.cut(draw.randrange(1, request.length), keep=True)(server, request)
        return servers.honest(server, request)

    breaks.left = count
    with servers.FaultServer(otherwise=breaks) as server:
        with bench_station("cuts", tus(server.url, **{"chunk-max": 16 * MIB}),
                           retry_min_seconds=1, retry_max_seconds=1) as s:
            s.camera("A", [vcam.clip("DCIM/long.mp4", size, 4, mtime=DAY)]).plug("1-1")
            s.wait("clip", "1", "receipted", timeout=300)
            sent = s.ctl("status")["destinations"][0]["sent_bytes"]
            held, = (data for length, data in server.uploads.values())
            assert hashlib.sha256(held).hexdigest() == vcam.digest(4, size)
            lost = sent - size
    return Row("bytes that the server held and was sent again", str(twice[0]), "0", twice[0] == 0,
               f"{count} cuts and lost answers in {size // MIB} MiB (seed {seed}); {lost} bytes "
               "were on the line when it broke and did not arrive")


def run_pace(options):
    return [held_to(20_000_000, 20 if options.quick else 100, 16_000_000)]


def run_cpu(options):
    return [row for where in ("/dev/shm", "/var/tmp")
            for row in processor(1 if options.quick else options.rounds, 1024 * MIB, where)]


def run_memory(options):
    return memory(16 if options.quick else 64, 512 * 1024)


def run_again(options):
    return [again_from_camera(10, 128 * MIB, options.seed),
            again_to_server(20, 256 * MIB, options.seed)]
