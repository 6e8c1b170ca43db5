"""dockd-uploader and Ceph's S3 gateway: what is sent arrives, whatever interrupts it."""
import hashlib
import random

import pytest

import fake_core as core
from fake_core import BUILD, asset_of
from relay import Relay
from s3_uploader import MIB, PART, WIDE, assert_one
from s3_uploader import another, keys, ready, rgw  # noqa: F401 (fixtures)
from waiting import until


def persist(uploader, path, address="", tries=60, **what):
    """UPLOAD again and again as the core does: (addresses, FAILED messages, RECEIPT)."""
    addresses, failed = [], []
    for _ in range(tries):
        created, end = uploader.whole(path, address=address, **what)
        addresses += [c.address for c in created]
        address = addresses[-1] if addresses else address
        if end.kind == "RECEIPT":
            return addresses, failed, end
        assert end.failure in (core.LATER, core.AWAY), end
        failed.append(end)
    raise AssertionError(failed[-1])


# ---- the plain way ----

@pytest.mark.parametrize("lock", [False, True])
@pytest.mark.parametrize("size", [0, 1, PART, PART + 1, 4 * PART + 12345])
def test_whole(rgw, uploader, clip, ready, size, lock):
    bucket = rgw.bucket(lock)
    r = ready(uploader, rgw.endpoint, bucket)
    assert (r.status, r.text, r.level) == (0, "", core.TRANSFER_DIGEST)
    assert r.can & core.CONFIRMS and r.can & core.ABANDONS and r.can & core.FINDS
    assert r.can & core.PRESERVES and bool(r.can & core.MARKS) != lock and not r.can & core.REMOVES
    assert r.identity == f"s3 {rgw.endpoint} {bucket} "
    path = clip(size)
    created, end = uploader.whole(path)
    assert (end.kind, end.level, end.length, end.sent) == ("RECEIPT", core.TRANSFER_DIGEST, size, size)
    assert end.sha256 == hashlib.sha256(path.read_bytes()).digest()
    assert bool(end.version) == lock and end.lock_mode == 0 and end.retain_until == core.NO_TIME
    assert len(created) == 1 and not created[0].found
    assert ("uploadId=" in created[0].address) == (size > PART)
    assert end.object == asset_of(path) and b"200 OK" in end.raw
    assert_one(rgw, bucket, path, version=end.version)
    m = uploader.errand("RECONFIRM", path, address=end.object, version=end.version)
    assert (m.kind, m.level, m.length, m.version) == ("RECEIPT", core.LENGTH, size, end.version)
    assert uploader.close() == 0


def test_what_goes_with_it(rgw, uploader, clip, ready):
    bucket = rgw.bucket()
    ready(uploader, rgw.endpoint, bucket, prefix="north/")
    for size in (100, PART + 1):
        path = clip(size)
        assert uploader.whole(path, name="Überfall 1%.mp4")[1].object == f"north/{asset_of(path)}"
        told = rgw.client().head_object(Bucket=bucket, Key=f"north/{asset_of(path)}")["Metadata"]
        assert told["name"] == "%C3%9Cberfall%201%25.mp4"
        assert told["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
        assert told["asset"] == asset_of(path) and told["station"] == "station-1"
        assert told["officer"] == "O-217" and "unit" not in told
        assert told["camera"] == "BWC-0001" and told["recorded"] == "2026-09-21T14:13:20Z"


def test_sides_replace_what_was_there(rgw, uploader, clip, ready):
    bucket = rgw.bucket()
    ready(uploader, rgw.endpoint, bucket)
    for size in (1000, 3000, 2000):
        path = clip(size, "segment")
        end = uploader.whole(path, name="000001.jsonl", asset="", kind=core.LEDGER)[1]
        assert end.kind == "RECEIPT" and end.object == "ledger/station-1/000001.jsonl"
        assert_one(rgw, bucket, path, "ledger/station-1/000001.jsonl")
    assert uploader.whole(path, name="000001.jsonl", asset="", kind=core.LEDGER,
                          address=end.object)[1].sent == 0, "the same is not sent again"


def test_virtual_host(rgw, uploader, clip, keys):
    """The bucket in the host's name, which resolves to this machine (RFC 6761 6.3)."""
    bucket = rgw.bucket()
    r = uploader.open(core.S3, f"http://localhost:{rgw.port}", bucket=bucket, secrets=keys, part=PART)
    assert (r.status, r.text) == (0, "")
    path = clip(PART + 3)
    assert uploader.whole(path)[1].kind == "RECEIPT"
    assert_one(rgw, bucket, path)


def test_sixteen_at_once(rgw, uploader, clip, ready):
    bucket = rgw.bucket()
    ready(uploader, rgw.endpoint, bucket, slots=16)
    paths = [clip(PART + i, f"c{i}") for i in range(16)]
    for slot, path in enumerate(paths):
        uploader.upload(path, slot)
    got = {}
    while len(got) < 16:
        m = uploader.get("CREATED", "RECEIPT")
        if m.kind == "CREATED":
            uploader.put("PROCEED", slot=m.slot, generation=m.generation)
        else:
            got[m.slot] = m
    for slot, path in enumerate(paths):
        assert rgw.fetch(bucket, got[slot].object) == path.read_bytes()
    with open(f"/proc/{uploader.process.pid}/status") as f:
        peak = next(int(line.split()[1]) for line in f if line.startswith("VmHWM"))
    if "asan" not in str(BUILD):
        assert peak < 32 * 1024, f"{peak} KiB"


# ---- interruptions ----

@pytest.mark.parametrize("part", [PART, WIDE])
def test_cut_at_twenty_random_bytes(rgw, uploader, clip, ready, part):
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    path = clip(8 * PART)
    bucket = rgw.bucket(lock=True)
    with Relay(rgw.port) as line:
        ready(uploader, line.endpoint, bucket, part=part)
        line.cut_at(*random.Random(seed).sample(range(line.up + 1, line.up + 9 * PART), 20))
        addresses, failed, end = persist(uploader, path)
        assert not line.cuts or line.up < line.cuts[0]
    sent = end.sent + sum(f.sent for f in failed)
    # one connection breaks: those beside it bring their parts to an end
    assert sent <= 8 * PART + (20 - len(line.cuts)) * PART, f"seed {seed}"
    assert len(addresses) == 1 and end.level == core.TRANSFER_DIGEST
    assert_one(rgw, bucket, path)


@pytest.mark.parametrize("size,method,part", [
    (PART + 1, "POST", "uploads="), (3 * PART, "PUT", "partNumber=1"), (3 * PART, "PUT", "partNumber=3"),
    (3 * PART, "POST", "uploadId="), (3 * PART, "PUT", "retention"), (1000, "PUT", ""), (0, "PUT", ""),
    (3 * PART, "HEAD", ""), (3 * PART, "GET", "uploadId=")])
def test_lost_answer(rgw, uploader, clip, ready, size, method, part):
    path = clip(size)
    bucket = rgw.bucket(lock=True)
    with Relay(rgw.port) as line:
        ready(uploader, line.endpoint, bucket, lock_mode=core.GOVERNANCE, retain_days=2)
        line.lose(method, part)
        addresses, failed, end = persist(uploader, path)
        assert line.lost == 1 and not failed
    assert len(addresses) == 1
    again = PART if "partNumber" in part else 0
    assert size <= end.sent <= size + again and end.level == core.TRANSFER_DIGEST
    assert end.lock_mode == core.GOVERNANCE
    assert_one(rgw, bucket, path, version=end.version)


@pytest.mark.parametrize("part", [PART, WIDE])
def test_gateway_killed_and_started(rgw, uploader, clip, ready, part):
    path = clip(10 * PART)
    bucket = rgw.bucket()
    with rgw.gateway() as gateway:
        ready(uploader, gateway.endpoint, bucket, rate=8 * MIB, part=part)  # PROGRESS comes once a second
        address, sent, kills, breaks = "", 0, [2 * PART, 5 * PART, 8 * PART], 0
        while True:
            generation = uploader.upload(path, address=address)
            while True:
                m = uploader.get("CREATED", "PROGRESS", "RECEIPT", "FAILED")
                if m.kind == "CREATED":
                    assert not address
                    address = m.address
                    uploader.put("PROCEED", generation=generation)
                elif m.kind == "PROGRESS":
                    if kills and gateway.process and m.sent + sent >= kills[0]:
                        del kills[0]
                        gateway.kill()
                else:
                    break
            sent += m.sent
            if m.kind == "RECEIPT":
                break
            assert m.failure in (core.AWAY, core.LATER), m
            breaks += 1
            assert breaks <= 20, m  # one that has just come up may put us off
            if not gateway.process:
                gateway.start()
    assert len(kills) <= 1 and sent <= 10 * PART + breaks * part
    assert_one(rgw, bucket, path)


def test_uploader_killed(rgw, another, clip, ready):
    path = clip(6 * PART)
    bucket = rgw.bucket()
    first = another()
    ready(first, rgw.endpoint, bucket, rate=20 * MIB)
    generation = first.upload(path)
    address = first.get("CREATED").address
    first.put("PROCEED", generation=generation)
    until(lambda: first.get("PROGRESS").offset >= 2 * PART)
    first.kill()
    second = another()
    ready(second, rgw.endpoint, bucket)
    created, end = second.whole(path, address=address)
    assert created == [] and end.kind == "RECEIPT" and end.sent <= 4 * PART
    # What the first one sent was compared with its ETags.
    assert end.level == core.TRANSFER_DIGEST
    assert_one(rgw, bucket, path)


def test_thin_line(rgw, uploader, clip, ready):
    """64 kbit/s, and a delay at each turn."""
    path = clip(24000)
    bucket = rgw.bucket()
    with Relay(rgw.port, rate=8000, delay_s=0.02) as line:
        ready(uploader, line.endpoint, bucket, stall_ms=4000, answer_ms=60000)
        end = uploader.whole(path)[1]
    assert (end.kind, end.sent) == ("RECEIPT", 24000)
    assert_one(rgw, bucket, path)
