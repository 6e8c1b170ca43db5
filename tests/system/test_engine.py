"""dockd-uploader's engine: rates by the hour, what goes in front, hostile answers, nginx before a server.

The hour is the station's own, so tests choose a zone in which it is about to change. The loop counts
its turns and says so when it ends: one that does not wait shows there.
"""
import base64
import gzip
import hashlib
import os
import re
import select
import time

import pytest

import fake_core as core
from fake_core import BUILD, PROGRAM, Core
from servers import FaultServer, Nginx, TusServer, answer, honest
from waiting import until

KIB, MIB = 1 << 10, 1 << 20
EVERY_DAY = 0x7F


def turns(uploader):
    """Of the whole run; ends it."""
    assert uploader.close() == 0
    return int(re.search(r"event=bye .*turns=(\d+)", uploader.text())[1])


def begin(uploader, path, slot, **how):
    """An upload up to PROCEED: (generation, its address)."""
    generation = uploader.upload(path, slot, **how)
    created = uploader.get("CREATED")
    uploader.put("PROCEED", slot=slot, generation=generation)
    return generation, created.address


def patches(server, address):
    return [r for r in server.seen("PATCH") if address.endswith(r.path)]


# ---- waiting ----

def never(server, _request):
    server.released.wait()


@pytest.mark.parametrize("wait", ["work", "an answer", "room in the line", "the hour"])
def test_waiting_is_no_work(uploader, clip, wait):
    """A second and a half without an event: a loop that looks all the while makes thousands of turns."""
    with FaultServer([never] if wait == "an answer" else [honest, never]) as s:
        uploader.open(core.TUS, s.url, rate=0 if wait == "the hour" else core.UNLIMITED,
                      stall_ms=60000, answer_ms=60000)
        if wait == "an answer":
            uploader.upload(clip(MIB))
            until(lambda: s.seen("POST"))
        elif wait != "work":
            begin(uploader, clip(12 * MIB), 0)
            until(lambda: wait == "the hour" or s.seen("PATCH"))
        select.select([], [], [], 1.5)
        assert turns(uploader) < 250


# ---- rates ----

def test_rate_is_kept_and_shared(uploader, clip):
    """Eight at once: the rate is never exceeded, all get on alike, and the loop waits in between."""
    rate, size, count = 512 * KIB, 192 * KIB, 8
    with FaultServer() as s:
        uploader.open(core.TUS, s.url, slots=count, rate=rate, stall_ms=400)
        paths = [clip(size, f"c{i}") for i in range(count)]
        begun = time.monotonic()
        for slot, path in enumerate(paths):
            begin(uploader, path, slot)
        assert uploader.get("RECEIPT").length == size
        least = min(len(r.body) for r in s.seen("PATCH"))
        assert len(s.seen("PATCH")) == count and least > size // 3, least
        for _ in range(count - 1):
            assert uploader.get("RECEIPT").sent == size
        assert time.monotonic() - begun >= (size * count - rate / 4) / rate
        assert not s.seen("HEAD"), "nothing stalled"
        assert turns(uploader) < 4000


def test_a_folder_pays_as_well(uploader, folder, clip):
    """A NAS is at the end of the line, too: the rate in all slots together, and nobody is turning idly."""
    store = folder / "nas"
    store.mkdir()
    os.chown(store, core.USER, core.USER) if os.getuid() == 0 else None
    rate, size = 512 * KIB, 512 * KIB
    uploader.open(core.DIR, store, slots=2, rate=rate)
    begun = time.monotonic()
    for slot in range(2):
        begin(uploader, clip(size, f"c{slot}"), slot)
    ends = [uploader.get("RECEIPT") for _ in range(2)]
    assert [(e.length, e.sent) for e in ends] == [(size, size)] * 2
    assert time.monotonic() - begun >= (2 * size - rate / 4) / rate
    # what is expedited is paid for like the rest, and goes in front
    begin(uploader, clip(size, "other"), 0)
    begin(uploader, clip(size // 2, "urgent"), 1, urgency=1)
    assert uploader.get("RECEIPT").slot == 1
    assert uploader.get("RECEIPT").slot == 0
    assert turns(uploader) < 2000


def test_slow_rate_is_no_stall(uploader, clip):
    """Half a second between pieces that we ourselves hold back, where 200 ms without one are a stall."""
    with FaultServer() as s:
        uploader.open(core.TUS, s.url, rate=8 * KIB, stall_ms=200, answer_ms=2000)
        _, end = uploader.whole(clip(12 * KIB))
        assert (end.kind, end.sent) == ("RECEIPT", 12 * KIB)
        assert len(s.seen("PATCH")) == 1 and not s.seen("HEAD")
        assert turns(uploader) < 500


def clock(text):
    """TZ of a zone where it is HH:MM:SS now."""
    h, m, s = map(int, text.split(":"))
    west = (time.time() - (h * 3600 + m * 60 + s)) % 86400
    west -= 86400 * (west > 43200)
    sign, west = "-" * (west < 0), round(abs(west))
    return f"{sign}{west // 3600}:{west // 60 % 60:02}:{west % 60:02}"


def held_until(folder, clip, env, rates, opens):
    """An upload that begins when nothing may be sent, and ends by itself when something may."""
    with Core(folder, PROGRAM, env=env) as c, FaultServer() as s:
        c.open(core.TUS, s.url, rates=rates)
        path = clip(MIB)
        begin(c, path, 0)
        end = c.get("RECEIPT", "FAILED")
        assert (end.kind, end.sent) == ("RECEIPT", MIB), end
        assert time.time() >= opens and len(s.seen("PATCH")) == 1
        assert turns(c) < 300


def test_held_until_the_hour(folder, clip):
    opens = time.time() + 2
    held_until(folder, clip, {"TZ": f"AAA{clock('07:59:58')}"}, [(EVERY_DAY, 0, 480, 0)], opens)


def test_held_until_summer_time(folder, clip):
    """At two it is three: an hour earlier than the clock would have it."""
    opens = time.time() + 2
    zone = clock("01:59:58")
    local = time.gmtime(time.time() - seconds(zone))
    day = local.tm_yday - (local.tm_yday > 59 and local.tm_year % 4 == 0)
    env = {"TZ": f"AAA{zone}BBB,J{day}/2,J{day % 365 + 1}/23"}
    held_until(folder, clip, env, [(EVERY_DAY, 0, 180, 0)], opens)


def seconds(zone):
    h, m, s = map(int, zone.lstrip("-").split(":"))
    return (-1 if zone[0] == "-" else 1) * (h * 3600 + m * 60 + s)


def test_cut_when_the_hour_is_over(folder, clip):
    """What is under way may end for a few seconds; then it is cut, asked for, and waits."""
    with Core(folder, PROGRAM, env={"TZ": f"AAA{clock('07:59:54')}"}) as c, FaultServer() as s:
        def keeps_what_came(server, request):
            try:
                request.read()
            except OSError:
                server.uploads[request.path][1] += request.body
        s.script = [honest, keeps_what_came]
        c.open(core.TUS, s.url, rates=[(EVERY_DAY, 480, 600, 0)], rate=64 * KIB)
        generation, address = begin(c, clip(MIB), 0)
        until(lambda: s.seen("HEAD"))
        sent = len(s.seen("PATCH")[0].body)
        assert 64 * KIB < sent < MIB, "some seconds of it, not all"
        # Small requests go on: a new upload is created and waits, too.
        begin(c, clip(10, "b"), 1)
        c.progress.clear()
        until(lambda: c.get("PROGRESS").slot == 1)
        assert len(s.seen("PATCH")) == 1
        c.put("STOP_UPLOAD", slot=0, generation=generation)
        end = c.get("FAILED")
        assert (end.slot, end.failure, end.offset) == (0, core.STOPPED, sent)
        assert turns(c) < 1500


# ---- silence in the body ----

def test_a_body_that_nobody_takes_is_stalled(uploader, clip):
    """Not one byte of it is read, and the server says so each time: told by its name, and over."""
    def takes_nothing(server, request):
        if request.method != "PATCH":
            return honest(server, request)
        server.released.wait(60)
        return None
    with FaultServer(otherwise=takes_nothing) as s:
        uploader.open(core.TUS, s.url, stall_ms=300, answer_ms=30000)
        created, end = uploader.whole(clip(24 * MIB))
        assert (end.kind, end.failure, end.state) == ("FAILED", core.LATER, "stalled"), end
        assert "no body byte was taken for 300 ms" in end.text, end
        assert len(created) == 1 and end.offset == 0 and not s.uploads["/files/1"][1]
        assert turns(uploader) < 2000


# ---- expedited ----

def test_expedited_past_the_timetable(uploader, clip):
    with FaultServer() as s:
        uploader.open(core.TUS, s.url, rate=0)
        generation, waits = begin(uploader, clip(MIB), 0)
        urgent = clip(3 * MIB, "urgent")
        _, end = uploader.whole(urgent, slot=1, urgency=1)
        assert (end.kind, end.sent) == ("RECEIPT", 3 * MIB)
        assert not patches(s, waits)
        uploader.put("STOP_UPLOAD", slot=0, generation=generation)
        assert uploader.get("FAILED").failure == core.STOPPED
        assert turns(uploader) < 1000


def test_expedited_goes_in_front(uploader, clip):
    """A body that is under way gives way: by equal shares the smaller one would end first."""
    with FaultServer() as s:
        uploader.open(core.TUS, s.url, rate=4 * MIB)
        urgent = clip(9 * MIB, "urgent")
        _, other = begin(uploader, clip(8 * MIB), 0)
        until(lambda: patches(s, other) and len(patches(s, other)[0].body) > 0)
        begin(uploader, urgent, 1, urgency=1)
        assert [uploader.get("RECEIPT").slot, uploader.get("RECEIPT").slot] == [1, 0]
        assert len(patches(s, other)) == 1, "its request stayed alive"


def test_others_begin_when_the_expedited_has_had_its_share(uploader, clip):
    order = []

    def notes(server, request):
        if request.method == "PATCH":
            order.append(request.path)
            if len(set(order)) > 1:
                server.released.set()
            request.read()
            server.released.wait(20)
        return honest(server, request)
    with FaultServer(otherwise=notes) as s:
        uploader.open(core.TUS, s.url, chunk_max=MIB, slots=3)
        _, other = begin(uploader, clip(20 * MIB), 0)
        until(lambda: patches(s, other))
        _, urgent = begin(uploader, clip(40 * MIB, "urgent"), 1, urgency=1)
        ends = [uploader.get("RECEIPT") for _ in range(2)]
        assert [e.slot for e in ends] == [1, 0]
        other, urgent = (p[p.index("/files/"):] for p in (other, urgent))
        first = order.index(urgent)
        last = len(order) - 1 - order[::-1].index(urgent)
        between = order[first:last].count(other)
        # One for each 15 MiB, and one that was just beginning.
        assert 1 <= between <= 3, between
        assert all(e.sent == e.length for e in ends)
        assert turns(uploader) < 20000


# ---- hostile answers ----

def slowly(server, request, data):
    """A byte in a while, until the other side has had enough."""
    for byte in data:
        request.conn.sendall(bytes([byte]))
        if server.released.wait(0.02):
            break
    return None


def endlessly(request, data):
    """How much went out before the other side had enough."""
    sent = 0
    try:
        while sent < 2 << 30:
            sent += request.conn.send(data)
    except OSError:
        pass
    return sent


HEAD = b"HTTP/1.1 200 x\r\nContent-Length: 100000\r\n\r\n"
HOSTILE = {  # file name => (what the server does, state, where it stops)
    "silent": (lambda s, r: s.released.wait() and None, "no-answer"),
    "slow head": (lambda s, r: slowly(s, r, b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 9999), "answer-head"),
    "endless head": (lambda s, r: s.sent.append(
        r.conn.send(b"HTTP/1.1 200 x\r\n") + endlessly(r, b"X: y\r\n" * 999)), "answer-head"),
    "one long line": (lambda s, r: s.sent.append(
        r.conn.send(b"HTTP/1.1 200 x\r\nX: ") + endlessly(r, b"y" * 4096)), "answer-head"),
    "endless 1xx": (lambda s, r: s.sent.append(
        endlessly(r, b"HTTP/1.1 103 x\r\nLink: </x>\r\n\r\n" * 99)), "answer-head"),
    "slow 1xx": (lambda s, r: slowly(s, r, b"HTTP/1.1 103 x\r\n\r\n" * 999), "answer-head"),
    "HTTP/0.9": (lambda s, r: b"hello", "not-http"),
    "garbage": (lambda s, r: b"\0\xff\r\n" * 99 + b"\r\n", "not-http"),
    "cut": (lambda s, r: None, "cut"),
    "half a head": (lambda s, r: r.conn.send(b"HTTP/1.1 201 x\r\nLoca") and None, "cut"),
}
READ_BACK = {
    "slow body": (lambda s, r: r.conn.sendall(HEAD) or slowly(s, r, b"x" * 100000), "trickles"),
    "endless body": (lambda s, r: s.sent.append(r.conn.send(
        b"HTTP/1.1 200 x\r\nContent-Length: 2147483648\r\n\r\n") + endlessly(r, b"x" * 65536)),
        "answer-body"),
}


def test_read_back_that_trickles(uploader, clip):
    """More than a byte now and then, less than any line carries: the slot is not kept for it."""
    gets = []

    def trickle(server, request):
        if request.method != "GET":
            return honest(server, request)
        gets.append(request.path)
        try:
            request.conn.sendall(b"HTTP/1.1 200 x\r\nContent-Length: 100000\r\n\r\n")
            while not server.released.wait(0.1):
                request.conn.sendall(b"x" * 16)
        except OSError:
            pass
    with FaultServer(otherwise=trickle) as s:
        uploader.open(core.TUS, s.url, flags=core.READ_BACK, answer_ms=8000)
        end = uploader.whole(clip(100000))[1]
        assert (end.kind, end.failure, end.state) == ("FAILED", core.LATER, "trickles"), end
        assert len(gets) == 1


def test_hostile_answers(uploader, clip):
    """All at once: each slot's server is hostile in its own way, and each ends with its state."""
    def hostile(server, request):
        if request.method == "POST":
            name = base64.b64decode(request.headers["upload-metadata"].split()[1].split(",")[0]).decode()
            if name in HOSTILE:
                server.count[name] = server.count.get(name, 0) + 1
                return HOSTILE[name][0](server, request)
            answered = honest(server, request)
            server.names[f"/files/{len(server.uploads)}"] = name
            return answered
        if request.method == "GET":
            return READ_BACK[server.names[request.path]][0](server, request)
        return honest(server, request)
    every = {**HOSTILE, **READ_BACK}
    names = list(every)
    with FaultServer(otherwise=hostile) as s:
        s.sent, s.count, s.names = [], {}, {}
        uploader.open(core.TUS, s.url, flags=core.READ_BACK, slots=len(every), answer_ms=900,
                      stall_ms=5000)
        for slot, name in enumerate(every):
            uploader.upload(clip(1000, f"c{slot}"), slot, name=name)
        ends = {}
        while len(ends) < len(names):
            m = uploader.get("CREATED", "FAILED", "RECEIPT", wait=60)
            if m.kind == "CREATED":
                uploader.put("PROCEED", slot=m.slot, generation=m.generation)
            else:
                ends[names[m.slot]] = m
        # What was read back is told as it was: it is not the clip.
        assert ends["endless body"].kind == "RECEIPT" and ends["endless body"].length > 1000
        del every["endless body"]
        for name, (_, state) in every.items():
            assert (ends[name].state, ends[name].failure) == (state, core.LATER), (name, ends[name])
            assert ends[name].text
        assert all(1 <= n <= 6 for n in s.count.values()), s.count
        # What it lets a server send, with what the kernel's buffers took: little.
        assert s.sent and max(s.sent) < 8 * MIB
        with open(f"/proc/{uploader.process.pid}/status") as f:
            peak = next(int(line.split()[1]) for line in f if line.startswith("VmHWM"))
        if "asan" not in str(BUILD):
            assert peak < 32 * KIB, f"{peak} KiB"
        s.released.set()
        assert turns(uploader) < 20000


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_two_gigabytes_behind_an_answer(uploader, clip, method):
    """What the head says is enough; the rest is not waited for."""
    taken = []

    def talks(server, request):
        done = honest(server, request)
        if request.method != method or taken:
            return done
        lines = [line for line in done.split(b"\r\n")[1:] if line and b"Length: 0" not in line]
        taken.append(0)
        request.conn.sendall(b"\r\n".join([b"HTTP/1.1 201 x", *lines, b"Content-Length: 2147483648",
                                           b"", b""]))
        taken[0] = endlessly(request, b"x" * 65536)
        return None
    with FaultServer(otherwise=talks) as s:
        uploader.open(core.TUS, s.url, chunk_max=MIB)
        path = clip(2 * MIB)
        created, end = uploader.whole(path)
        assert (end.kind, end.sent, len(created)) == ("RECEIPT", 2 * MIB, 1), end
        assert bytes(s.uploads["/files/1"][1]) == path.read_bytes()
        assert 0 < taken[0] < 8 * MIB, taken


@pytest.mark.parametrize("how", ["Content-Encoding", "Transfer-Encoding"])
def test_nothing_is_unpacked(uploader, clip, how):
    """A read-back is of the bytes as they come: a small answer is no large clip."""
    path = clip(0)
    path.write_bytes(bytes(4 * MIB))
    bomb = gzip.compress(bytes(4 * MIB))

    def packed(server, request):
        if request.method != "GET":
            return honest(server, request)
        if how == "Content-Encoding":
            return answer(200, "Content-Encoding: gzip", body=bomb)
        return (b"HTTP/1.1 200 x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"
                b"%x\r\n%s\r\n0\r\n\r\n" % (len(bomb), bomb))
    with FaultServer(otherwise=packed) as s:
        uploader.open(core.TUS, s.url, flags=core.READ_BACK)
        _, end = uploader.whole(path)
        if how == "Content-Encoding":
            assert (end.length, end.sha256) == (len(bomb), hashlib.sha256(bomb).digest())
        else:
            assert (end.kind, end.state) == ("FAILED", "not-http"), end


def test_connection_dropped_between_requests(uploader, clip):
    """The server closes what it has promised to keep, just when the next request comes."""
    def drops(server, request):
        if request.method != "PATCH":
            return honest(server, request)
        request.conn.sendall(honest(server, request))
        request.conn.recv(1)
        return None
    with FaultServer(otherwise=drops) as s:
        uploader.open(core.TUS, s.url, chunk_max=MIB)
        path = clip(4 * MIB)
        created, end = uploader.whole(path)
        assert end.kind == "RECEIPT" and len(created) == 1, end
        assert bytes(s.uploads["/files/1"][1]) == path.read_bytes()
        # The server's word comes first each time; a body is never sent again on the quiet.
        offsets = [int(r.headers["upload-offset"]) for r in s.seen("PATCH")]
        assert offsets == sorted(set(offsets)), offsets
        # As much as a socket takes before the break is seen, each time.
        assert end.sent <= path.stat().st_size + 4 * MIB
        assert len(s.seen("HEAD")) <= 4


# ---- nginx in front ----

def through(uploader, nginx, server, path, **how):
    assert uploader.open(core.TUS, nginx.url, **how).text == ""
    created, end = uploader.whole(path)
    assert end.kind == "RECEIPT" and len(created) == 1, end
    assert list(server.uploads().values()) == [path.read_bytes()]
    return end


def test_nginx_as_it_is_installed(uploader, folder, clip):
    """Bodies of 1 MB at most, kept in a file until they are whole."""
    with TusServer(folder / "store", fwd=1) as server, Nginx(folder / "nginx", server.port) as n:
        path = clip(5 * MIB)
        end = through(uploader, n, server, path, chunk_min=256 * KIB)
        # how much of a body has gone by the time that its 413 is seen is the machine's affair
        assert end.sent <= path.stat().st_size + 2 * MIB
        assert 1 <= [status for m, status in n.seen() if m.startswith("PATCH")].count(413) <= 8


@pytest.mark.parametrize("buffering", [True, False])
def test_nginx_restarted_in_the_middle(uploader, folder, clip, buffering):
    with TusServer(folder / "store", fwd=1) as server, \
            Nginx(folder / "nginx", server.port, buffering, limit="0") as n:
        uploader.open(core.TUS, n.url, rate=4 * MIB, chunk_max=2 * MIB)
        path = clip(6 * MIB)
        generation, _ = begin(uploader, path, 0)
        until(lambda: any(m.startswith("PATCH") for m, _ in n.seen()))
        n.restart()
        end = uploader.get("RECEIPT", "FAILED")
        assert end.kind == "RECEIPT", end
        assert list(server.uploads().values()) == [path.read_bytes()]
        assert end.sent <= path.stat().st_size + 2 * MIB, "at most the chunk that was under way"


def test_nginx_behind_which_the_server_is_away(uploader, folder, clip):
    """502 says nothing about the clip: it is asked for, and goes on."""
    with TusServer(folder / "store", fwd=1) as server, \
            Nginx(folder / "nginx", server.port, buffering=False, limit="0") as n:
        uploader.open(core.TUS, n.url, rate=4 * MIB, chunk_max=MIB)
        path = clip(4 * MIB)
        begin(uploader, path, 0)
        until(lambda: any(m.startswith("PATCH") for m, _ in n.seen()))
        server.kill()
        until(lambda: any(s == 502 for _, s in n.seen()))
        server.start()
        end = uploader.get("RECEIPT", "FAILED")
        assert end.kind == "RECEIPT", end
        assert list(server.uploads().values()) == [path.read_bytes()]
