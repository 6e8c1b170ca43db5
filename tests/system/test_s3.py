"""dockd-uploader and an S3 store: Ceph's gateway, and one that gives the answers of bad days.

What is there in the end is fetched by python3-boto3. The same holds throughout: one object of one
version with the clip's bytes, no upload left over, no more sent than the clip and part-bytes for each
interruption; or the core is told why not, by a word and what a person is to do.
"""
import hashlib
import os
import random
import signal
import threading
import time

import pytest

import fake_core as core
import vcam
from fake_core import BUILD, PROGRAM, USER, Core, asset_of
from relay import Relay
from s3_store import HEAD, NS, Store, error, refuse
from servers import FaultServer, RadosGW, answer, say
from station import UPLOADER, Station
from waiting import until

MIB = 1 << 20
PART = 5 * MIB
WIDE = 3 * PART  # as part-bytes: three parts on the line at once
DAY = 86400
KEYS = "access-key: {}\nsecret-key: {}\n"
page = say(200, "Content-Type: text/html", body=b"<html>Sign in to the guest network</html>")


@pytest.fixture(scope="session")
def rgw():
    return RadosGW.shared()


def write_keys(path, text, user=USER):
    """As a person would: a new file in place of the old one."""
    new = path.with_suffix(".new")
    new.write_text(text)
    os.chown(new, user, user)
    new.chmod(0o400)
    new.rename(path)


@pytest.fixture
def keys(folder):
    path = folder / "s3.keys"
    write_keys(path, KEYS.format(RadosGW.ACCESS, RadosGW.SECRET))
    return path


@pytest.fixture
def another(folder):
    """Uploaders of other stations."""
    made = []

    def make(**how):
        home = folder / f"other{len(made)}"
        home.mkdir(mode=0o755)
        home.chmod(0o755)
        made.append(Core(home, PROGRAM, USER, **how))
        return made[-1].start()
    yield make
    for c in made:
        c.__exit__(None)


@pytest.fixture
def ready(keys):
    """Opens an uploader's destination on a bucket; part size as small as S3 allows."""
    def make(uploader, endpoint, bucket, flags=0, **how):
        how.setdefault("part", PART)
        how.setdefault("secrets", keys)
        return uploader.open(core.S3, endpoint, bucket=bucket, flags=flags | core.PATH_STYLE, **how)
    return make


def assert_one(rgw, bucket, path, key=None, version=None):
    """One object, of one version, the clip's bytes; nothing else in the bucket."""
    versions, uploads = rgw.objects(bucket)
    assert [k for k, _ in versions] == [key or asset_of(path)] and uploads == 0, (versions, uploads)
    assert rgw.fetch(bucket, versions[0][0], version) == path.read_bytes()


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
        ready(uploader, gateway.endpoint, bucket, rate=40 * MIB, part=part)
        address, sent = "", 0
        for kill_at in (2 * PART, 5 * PART, 8 * PART, None):
            generation = uploader.upload(path, address=address)
            while True:
                m = uploader.get("CREATED", "PROGRESS", "RECEIPT", "FAILED")
                if m.kind == "CREATED":
                    assert not address
                    address = m.address
                    uploader.put("PROCEED", generation=generation)
                elif m.kind == "PROGRESS":
                    if kill_at and m.sent + sent >= kill_at:
                        kill_at = None
                        gateway.kill()
                else:
                    break
            sent += m.sent
            if m.kind == "RECEIPT":
                break
            assert m.failure in (core.AWAY, core.LATER), m
            gateway.start()
    assert m.kind == "RECEIPT" and sent <= 10 * PART + 3 * part
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


# ---- two stations, and what others have put there ----

def test_one_object_for_two_stations(rgw, another, clip, ready):
    """Both at the same time: each goes on with what is there."""
    path = clip(6 * PART)
    bucket = rgw.bucket(lock=True)
    one, two = another(), another()
    for c in (one, two):
        ready(c, rgw.endpoint, bucket, rate=30 * MIB)
    first = one.upload(path)
    a = one.get("CREATED")
    second = two.upload(path)
    b = two.get("CREATED")
    assert (a.found, b.found) == (0, 1) and a.address == b.address
    one.put("PROCEED", generation=first)
    two.put("PROCEED", generation=second)
    ends = [c.get("RECEIPT") for c in (one, two)]
    assert {e.object for e in ends} == {asset_of(path)} and len({e.version for e in ends}) == 1
    assert_one(rgw, bucket, path)


def test_found_whole_is_read_back(rgw, another, clip, ready):
    bucket = rgw.bucket()
    one, two = another(), another()
    for c in (one, two):
        ready(c, rgw.endpoint, bucket)
    for size in (0, 1000, 2 * PART):
        path = clip(size, f"c{size}")
        assert one.whole(path)[1].level == core.TRANSFER_DIGEST
        created, end = two.whole(path)
        assert [c.found for c in created] == [1] and end.sent == 0
        assert (end.kind, end.level) == ("RECEIPT", core.READBACK)
        assert end.sha256 == hashlib.sha256(path.read_bytes()).digest()


def meta(path):
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return {"asset": asset_of(path), "sha256": digest}


def test_found_whole_and_lying(rgw, uploader, clip, ready):
    """Its metadata are those of the clip, its bytes are not: the receipt says what it has."""
    bucket = rgw.bucket()
    path = clip(1000)
    other = os.urandom(1000)
    rgw.client().put_object(Bucket=bucket, Key=asset_of(path), Body=other, Metadata=meta(path))
    ready(uploader, rgw.endpoint, bucket)
    end = uploader.whole(path)[1]
    assert (end.level, end.sha256) == (core.READBACK, hashlib.sha256(other).digest())


@pytest.mark.parametrize("size", [1000, 2 * PART])
def test_another_object_is_not_overwritten(rgw, uploader, clip, ready, size):
    bucket = rgw.bucket()
    path = clip(size)
    rgw.client().put_object(Bucket=bucket, Key=asset_of(path), Body=b"another")
    ready(uploader, rgw.endpoint, bucket)
    created, end = uploader.whole(path)
    assert (created, end.failure, end.state) == ([], core.REFUSED, "another-object")
    assert rgw.fetch(bucket, asset_of(path)) == b"another"


def test_part_with_other_bytes_is_sent_again(rgw, uploader, clip, ready):
    bucket = rgw.bucket()
    path = clip(3 * PART)
    s3 = rgw.client()
    at = dict(Bucket=bucket, Key=asset_of(path))
    upload = s3.create_multipart_upload(**at, Metadata=meta(path))["UploadId"]
    for n, body in ((1, path.read_bytes()[:PART]), (2, os.urandom(PART))):
        s3.upload_part(**at, UploadId=upload, PartNumber=n, Body=body)
    ready(uploader, rgw.endpoint, bucket)
    created, end = uploader.whole(path)
    assert [c.found for c in created] == [1] and end.sent == 2 * PART
    assert end.level == core.TRANSFER_DIGEST
    assert_one(rgw, bucket, path)


def test_uploads_of_other_part_sizes(rgw, uploader, clip, ready):
    """One that this clip cannot be is passed over; one of another station's part size is gone on with."""
    bucket = rgw.bucket()
    path = clip(20 * MIB)
    s3 = rgw.client()
    at = dict(Bucket=bucket, Key=asset_of(path))
    for sizes in ((PART + 7,), (5 * MIB, 6 * MIB)):
        odd = s3.create_multipart_upload(**at)["UploadId"]
        for n, size in enumerate(sizes, 1):
            s3.upload_part(**at, UploadId=odd, PartNumber=n, Body=os.urandom(size))
    other = s3.create_multipart_upload(**at, Metadata=meta(path))["UploadId"]
    s3.upload_part(**at, UploadId=other, PartNumber=1, Body=path.read_bytes()[:8 * MIB])
    ready(uploader, rgw.endpoint, bucket)
    created, end = uploader.whole(path)
    assert f"partBytes={8 * MIB}" in created[0].address and end.sent == 12 * MIB
    assert rgw.fetch(bucket, asset_of(path)) == path.read_bytes()
    assert rgw.objects(bucket)[1] == 2, "the odd ones are left alone"


def complete_another(rgw, bucket, path):
    """Another station's upload, begun at the same moment and done first."""
    at = dict(Bucket=bucket, Key=asset_of(path))
    s3 = rgw.client()
    upload = s3.create_multipart_upload(**at, Metadata=meta(path))["UploadId"]
    data = path.read_bytes()
    parts = [{"PartNumber": n, "ETag": s3.upload_part(
        **at, UploadId=upload, PartNumber=n, Body=data[(n - 1) * PART:n * PART])["ETag"]} for n in (1, 2)]
    return s3.complete_multipart_upload(**at, UploadId=upload, MultipartUpload={"Parts": parts})


def test_another_station_was_done_first(rgw, uploader, clip, ready):
    """It is found right before our own is completed: one version, no upload left over."""
    bucket = rgw.bucket(lock=True)
    path = clip(2 * PART)
    ready(uploader, rgw.endpoint, bucket)
    generation = uploader.upload(path)
    assert not uploader.get("CREATED").found
    complete_another(rgw, bucket, path)
    uploader.put("PROCEED", generation=generation)
    end = uploader.get("RECEIPT", "FAILED")
    assert (end.kind, end.level, end.object) == ("RECEIPT", core.READBACK, asset_of(path)), end
    assert end.sha256 == hashlib.sha256(path.read_bytes()).digest()
    assert_one(rgw, bucket, path, version=end.version)


@pytest.mark.parametrize("same", [True, False])
def test_another_is_done_between(uploader, clip, ready, store, same):
    """A store that knows If-None-Match at Complete leaves no window."""
    path = clip(2 * PART)
    body = path.read_bytes() if same else b"another"

    def quicker(server, request):
        told = [f"x-amz-meta-{k}: {v}" for k, v in meta(path).items()] if same else []
        store.objects[asset_of(path)] = (body, told, hashlib.md5(body).hexdigest())
        return store.honest(server, request)
    ready(uploader, store.endpoint, "evidence")
    store.on("POST", "uploadId=", quicker)
    end = uploader.whole(path)[1]
    if same:
        assert (end.kind, end.level) == ("RECEIPT", core.READBACK)
        assert not store.uploads
    else:
        assert (end.failure, end.state) == (core.REFUSED, "another-object")
    assert store.objects[asset_of(path)][0] == body


def test_store_without_conditional_complete(uploader, clip, ready, store):
    path = clip(2 * PART)
    ready(uploader, store.endpoint, "evidence")
    store.on("POST", "uploadId=", refuse(501, "NotImplemented"))
    assert uploader.whole(path)[1].level == core.TRANSFER_DIGEST
    assert_kept(store, path)


def test_all_pages_of_uploads(uploader, clip, ready, store):
    """The one to go on with is on the last of them."""
    path = clip(2 * PART)
    data = path.read_bytes()
    store.upload_page = 1
    for n in range(5):  # no upload of this clip can have such parts
        store.uploads[f"odd{n}"] = [asset_of(path), {1: b"x" * (PART + 7)}, []]
    store.uploads["good"] = [asset_of(path), {1: data[:PART]},
                             [f"x-amz-meta-{k}: {v}" for k, v in meta(path).items()]]
    ready(uploader, store.endpoint, "evidence")
    created, end = uploader.whole(path)
    assert "uploadId=good" in created[0].address and (end.kind, end.sent) == ("RECEIPT", PART)


# ---- locks and holds ----

@pytest.mark.parametrize("theirs,their_days,ours,our_days,mode,days", [
    (core.GOVERNANCE, 3, core.GOVERNANCE, 40, core.GOVERNANCE, 40),
    (core.GOVERNANCE, 3, core.COMPLIANCE, 40, None, 3),
    (core.GOVERNANCE, 40, core.COMPLIANCE, 3, None, 40),
    (core.COMPLIANCE, 3, core.GOVERNANCE, 40, core.COMPLIANCE, 40),
    (core.COMPLIANCE, 40, core.GOVERNANCE, 3, core.COMPLIANCE, 40)])
def test_lock_of_another_station(rgw, another, clip, ready, theirs, their_days, ours, our_days, mode, days):
    """The longer and the stronger of both, or no receipt: this gateway changes no mode."""
    bucket = rgw.bucket(lock=True)
    path = clip(1000)
    now = int(time.time())
    first = None
    for lock, lasts in ((theirs, their_days), (ours, our_days)):
        c = another()
        ready(c, rgw.endpoint, bucket, lock_mode=lock, retain_days=3)
        end = c.whole(path, dispose_by=now + lasts * DAY)[1]
        first = first or end
    if mode is None:
        assert (end.kind, end.failure, end.state) == ("FAILED", core.REFUSED, "weaker-lock"), end
        mode, end = theirs, first
    assert (end.kind, end.lock_mode, end.retain_until) == ("RECEIPT", mode, now + days * DAY), end
    told = rgw.client().get_object_retention(Bucket=bucket, Key=end.object, VersionId=end.version)
    assert told["Retention"]["Mode"] == {core.GOVERNANCE: "GOVERNANCE", core.COMPLIANCE: "COMPLIANCE"}[mode]
    assert int(told["Retention"]["RetainUntilDate"].timestamp()) == now + days * DAY


@pytest.mark.parametrize("step", [refuse(403, "AccessDenied"), refuse(400, "InvalidRequest"), say(200)])
def test_lock_that_cannot_be_lengthened(uploader, clip, ready, step):
    """No receipt claims more than stands there, and a person is told of both."""
    store = Store(lock=True)
    path = clip(1000)
    data = path.read_bytes()
    until_s = int(time.time()) + 2 * DAY
    stated = ["x-amz-object-lock-mode: GOVERNANCE", "x-amz-object-lock-retain-until-date: " +
              time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(until_s))]
    with FaultServer(otherwise=store) as server:
        store.objects[asset_of(path)] = (data, stated + [f"x-amz-meta-{k}: {v}" for k, v in meta(path).items()],
                                       hashlib.md5(data).hexdigest())
        ready(uploader, f"http://127.0.0.1:{server.port}", "evidence", lock_mode=core.COMPLIANCE, retain_days=9)
        store.on("PUT", "retention", step, times=9)
        end = uploader.whole(path)[1]
        assert (end.kind, end.failure, end.state) == ("FAILED", core.REFUSED, "weaker-lock"), end
        assert "governance until " + time.strftime("%Y-%m-%d", time.gmtime(until_s)) in end.text
        assert "compliance" in end.text

@pytest.mark.parametrize("mode,word", [(core.COMPLIANCE, "COMPLIANCE"), (core.GOVERNANCE, "GOVERNANCE")])
@pytest.mark.parametrize("size", [1000, PART + 1])
def test_lock(rgw, uploader, clip, ready, mode, word, size):
    bucket = rgw.bucket(lock=True)
    path = clip(size)
    until_s = int(time.time()) + 40 * DAY
    ready(uploader, rgw.endpoint, bucket, flags=core.DISPOSE, lock_mode=mode, retain_days=3)
    end = uploader.whole(path, dispose_by=until_s)[1]
    assert (end.kind, end.lock_mode, end.retain_until, end.held) == ("RECEIPT", mode, until_s, 0)
    told = rgw.client().get_object_retention(Bucket=bucket, Key=end.object, VersionId=end.version)
    assert told["Retention"]["Mode"] == word
    assert int(told["Retention"]["RetainUntilDate"].timestamp()) == until_s
    m = uploader.errand("REMOVE", path, address=end.object, version=end.version)
    assert (m.kind, m.failure, m.state) == ("FAILED", core.CANNOT, "locked") and "until 20" in m.text
    assert_one(rgw, bucket, path)


def test_lock_for_days(rgw, uploader, clip, ready):
    bucket = rgw.bucket(lock=True)
    ready(uploader, rgw.endpoint, bucket, lock_mode=core.GOVERNANCE, retain_days=3)
    end = uploader.whole(clip(10), preserved=1)[1]
    assert abs(end.retain_until - time.time() - 3 * DAY) < 120 and end.held == 1


@pytest.mark.parametrize("size", [1000, PART + 1])
def test_hold(rgw, uploader, clip, ready, size):
    bucket = rgw.bucket(lock=True)
    path = clip(size)
    ready(uploader, rgw.endpoint, bucket, flags=core.DISPOSE)
    end = uploader.whole(path)[1]
    at = dict(address=end.object, version=end.version)

    def hold(on):
        uploader.generation += 1
        uploader.put("PRESERVE", core.Core.what(path, preserved=on, **at), 0, uploader.generation)
        assert uploader.get("PRESERVED", "FAILED").kind == "PRESERVED"
        told = rgw.client().get_object_legal_hold(Bucket=bucket, Key=end.object,
                                                  VersionId=end.version)
        assert told["LegalHold"]["Status"] == ("ON" if on else "OFF")
        assert uploader.errand("RECONFIRM", path, **at).held == on
    hold(1)
    m = uploader.errand("REMOVE", path, **at)
    assert (m.failure, m.state) == (core.CANNOT, "locked") and "hold" in m.text
    hold(1)
    hold(0)
    assert uploader.errand("REMOVE", path, **at).kind == "REMOVED"
    assert rgw.objects(bucket) == ([], 0)


def test_killed_behind_a_hold(rgw, folder, clip, ready):
    """The hold stands, its answer was lost: asked again, it is put on once more."""
    bucket = rgw.bucket(lock=True)
    path = clip(1000)
    folder.chmod(0o777)
    with Core(folder, PROGRAM, USER, env={"DIE_AT": "uploader-preserved:1",
                                          "DIE_MARK": str(folder / "mark")}) as c:
        ready(c, rgw.endpoint, bucket)
        end = c.whole(path)[1]
        at = dict(address=end.object, version=end.version)

        def preserve():
            c.generation += 1
            c.put("PRESERVE", core.Core.what(path, preserved=1, **at), 0, c.generation)
        preserve()
        assert c.process.wait(60) == -signal.SIGKILL
        c.kill()
        c.start()
        ready(c, rgw.endpoint, bucket)
        assert c.errand("RECONFIRM", path, **at).held == 1
        preserve()
        assert c.get("PRESERVED", "FAILED").kind == "PRESERVED"


def mark_of(path, station, prefix=""):
    return f"{prefix}preserve/{asset_of(path)}/{station}"


def shown(rgw, bucket):
    """Keys as a client that knows no versions sees them."""
    return sorted(o["Key"] for o in rgw.client().list_objects_v2(Bucket=bucket).get("Contents", []))


@pytest.mark.parametrize("lock", [False, True])
@pytest.mark.parametrize("before", [False, True])
def test_what_another_station_preserves_is_not_removed(rgw, another, clip, ready, lock, before):
    """Also where its order was there before; and what is lifted may go, with all beside it."""
    bucket = rgw.bucket(lock)
    path = clip(1000)
    north, south = another(station="north"), another(station="south")
    for c in (north, south):
        ready(c, rgw.endpoint, bucket, flags=core.DISPOSE, prefix="p/")
    ends = {}
    for c in (south, north) if before else (north, south):
        ends[c] = c.whole(path)[1]
        at = dict(address=ends[c].object, version=ends[c].version)
        if c is south:
            for _ in range(2):  # asked again, as after a lost answer
                assert south.preserve(path, **at).kind == "PRESERVED"
        if before and c is south:  # and its keeper loses it
            rgw.client().put_object_legal_hold(
                Bucket=bucket, Key=at["address"], VersionId=at["version"],
                LegalHold={"Status": "OFF"}) if lock else None
            rgw.client().delete_object(Bucket=bucket, Key=at["address"],
                                       **({"VersionId": at["version"]} if lock else {}))
    assert mark_of(path, "south", "p/") in shown(rgw, bucket)
    held = core.LEGAL if lock else 0
    if lock and before:
        assert south.preserve(path, **at).kind == "PRESERVED"
    assert north.errand("RECONFIRM", path, **at).held == held
    assert south.errand("RECONFIRM", path, **at).held == held or core.MARK
    if lock:
        m = north.errand("REMOVE", path, **at)
        assert (m.kind, m.failure, m.state) == ("FAILED", core.CANNOT, "locked")
        # another's order that ends takes no hold off that is wanted here
        for on in (1, 0):
            assert north.preserve(path, on=on, **at).kind == "PRESERVED"
        assert south.errand("RECONFIRM", path, **at).held == core.LEGAL
        # somebody takes it off by hand: the mark still stands
        rgw.client().put_object_legal_hold(Bucket=bucket, Key=at["address"], VersionId=at["version"],
                                           LegalHold={"Status": "OFF"})
    m = north.errand("REMOVE", path, **at)
    assert (m.kind, m.failure, m.state) == ("FAILED", core.CANNOT, "preserved"), m
    assert "station south preserves it" in m.text
    assert rgw.fetch(bucket, at["address"]) == path.read_bytes()
    assert south.preserve(path, on=0, **at).kind == "PRESERVED"
    assert south.errand("RECONFIRM", path, **at).held == 0
    m = north.errand("REMOVE", path, **at)
    assert (m.kind, m.status) == ("REMOVED", 0)
    assert shown(rgw, bucket) == [] and rgw.objects(bucket) == ([], 0)


def test_mark_that_is_not_there_afterwards(uploader, clip, ready, store):
    path = clip(10)
    ready(uploader, store.endpoint, "evidence")
    end = uploader.whole(path)[1]
    store.on("PUT", "preserve/", say(200), times=9)
    m = uploader.preserve(path, address=end.object)
    assert (m.kind, m.failure) == ("FAILED", core.LATER) and "mark" in m.text


def test_mark_that_may_not_be_put(uploader, clip, ready, store):
    """An upload that is preserved goes on without; who asks for the mark itself is told."""
    path = clip(10)
    ready(uploader, store.endpoint, "evidence")
    store.on("PUT", "preserve/", refuse(403, "AccessDenied"), times=9)
    end = uploader.whole(path, preserved=1)[1]
    assert (end.kind, end.held) == ("RECEIPT", 0)
    m = uploader.preserve(path, address=end.object)
    assert (m.failure, m.state) == (core.BAD_DESTINATION, "denied")
    store.faults.clear()
    assert uploader.preserve(path, address=end.object).kind == "PRESERVED"
    other = clip(11, "other")
    assert uploader.whole(other, preserved=1)[1].held == core.MARK
    assert mark_of(other, "station-1") in store.objects


@pytest.mark.parametrize("step", [
    say(503), refuse(403, "AccessDenied"), refuse(501, "NotImplemented"),
    answer(200, body=f"{HEAD}<ListBucketResult {NS}></ListBucketResult>".encode()),
    answer(200, body=f"{HEAD}<ListBucketResult {NS}><IsTruncated>false</IsTruncated><Contents><Key>a"
                     "</Key></Contents></ListBucketResult>".encode())])
def test_not_removed_where_marks_cannot_be_read(uploader, clip, ready, store, step):
    path = clip(10)
    ready(uploader, store.endpoint, "evidence", flags=core.DISPOSE)
    end = uploader.whole(path)[1]
    store.on("GET", "list-type=2", step if callable(step) else lambda *_: step, times=9)
    assert uploader.errand("REMOVE", path, address=end.object).kind == "FAILED"
    assert count(store, "DELETE") == 0 and asset_of(path) in store.objects


def test_lost_is_not_preserved(rgw, uploader, clip, ready):
    bucket = rgw.bucket()
    path = clip(10)
    ready(uploader, rgw.endpoint, bucket)
    end = uploader.whole(path)[1]
    rgw.client().delete_object(Bucket=bucket, Key=end.object)
    m = uploader.preserve(path, address=end.object)
    assert (m.kind, m.failure) == ("FAILED", core.LOST)


def test_bundle_goes_with_its_asset(rgw, uploader, clip, ready):
    """Each version of it; and after a removal that was cut short behind the asset."""
    bucket = rgw.bucket(lock=True)
    path = clip(1000)
    asset = asset_of(path)
    ready(uploader, rgw.endpoint, bucket, flags=core.DISPOSE)
    for status in (0, -2):
        end = uploader.whole(path)[1]
        for size in (50, 60):
            assert uploader.whole(clip(size, "bundle"), asset=asset, kind=core.BUNDLE)[1].kind == "RECEIPT"
        if status:
            rgw.client().delete_object(Bucket=bucket, Key=end.object, VersionId=end.version)
        m = uploader.errand("REMOVE", path, address=end.object, version=end.version)
        assert (m.kind, m.status) == ("REMOVED", status)
        assert rgw.objects(bucket) == ([], 0)


def test_bundle_that_the_bucket_locks(rgw, uploader, clip, ready):
    """It is hidden, and the asset goes all the same."""
    bucket = rgw.bucket(lock=True)
    path = clip(1000)
    asset = asset_of(path)
    ready(uploader, rgw.endpoint, bucket, flags=core.DISPOSE)
    end = uploader.whole(path)[1]
    at = uploader.whole(clip(50, "bundle"), asset=asset, kind=core.BUNDLE)[1]
    rgw.client().put_object_retention(
        Bucket=bucket, Key=at.object, VersionId=at.version,
        Retention={"Mode": "COMPLIANCE", "RetainUntilDate": time.time() + DAY})
    assert uploader.errand("REMOVE", path, address=end.object, version=end.version).kind == "REMOVED"
    assert shown(rgw, bucket) == [] and rgw.objects(bucket)[0] == [(at.object, at.version)]


def test_hold_that_is_not_stated(uploader, clip, ready):
    store = Store(lock=True)
    path = clip(10)
    with FaultServer(otherwise=store) as server:
        ready(uploader, f"http://127.0.0.1:{server.port}", "evidence")
        end = uploader.whole(path)[1]
        uploader.put("PRESERVE", core.Core.what(path, preserved=1, address=end.object), 0, 99)
        m = uploader.get("PRESERVED", "FAILED")
        assert (m.kind, m.failure) == ("FAILED", core.LATER) and count(store, "PUT", "legal-hold") == 1


# ---- afterwards ----

def test_read_back_and_rotted(rgw, uploader, clip, ready):
    bucket = rgw.bucket()
    ready(uploader, rgw.endpoint, bucket, flags=core.READ_BACK)
    for size in (1000, PART + 1):
        path = clip(size)
        end = uploader.whole(path)[1]
        assert (end.level, end.length) == (core.READBACK, size)
        assert end.sha256 == hashlib.sha256(path.read_bytes()).digest()
        assert uploader.errand("RECONFIRM", path, address=end.object).level == core.READBACK
        rgw.rot(bucket, end.object)
        m = uploader.errand("RECONFIRM", path, address=end.object)
        assert (m.kind, m.failure) == ("FAILED", core.DIFFERS), m


def test_lost_and_replaced(rgw, uploader, clip, ready):
    bucket = rgw.bucket(lock=True)
    path = clip(1000)
    ready(uploader, rgw.endpoint, bucket)
    end = uploader.whole(path)[1]
    at = dict(address=end.object, version=end.version)
    # A newer version over it changes nothing of the one on record.
    rgw.client().put_object(Bucket=bucket, Key=end.object, Body=b"newer")
    assert uploader.errand("RECONFIRM", path, **at).kind == "RECEIPT"
    m = uploader.errand("RECONFIRM", path, address=end.object)
    assert (m.kind, m.failure) == ("FAILED", core.DIFFERS)
    rgw.client().delete_object(Bucket=bucket, Key=end.object, VersionId=end.version)
    m = uploader.errand("RECONFIRM", path, **at)
    assert (m.kind, m.failure) == ("FAILED", core.LOST)


def test_404_is_no_loss_where_the_bucket_has_gone(uploader, clip, ready, store):
    path = clip(10)
    ready(uploader, store.endpoint, "evidence")
    end = uploader.whole(path)[1]
    store.objects.clear()
    store.on("HEAD", "", say(404), times=2)
    m = uploader.errand("RECONFIRM", path, address=end.object)
    assert (m.failure, m.state) == (core.BAD_DESTINATION, "no-bucket")
    assert uploader.errand("RECONFIRM", path, address=end.object).failure == core.LOST


@pytest.mark.parametrize("method", ["HEAD", "GET"])
@pytest.mark.parametrize("size", [10, MIB])  # shorter and longer than the page
def test_other_bytes_once_are_no_loss(uploader, clip, ready, store, method, size):
    """A page of somebody in between is not what the store has: only its own word is, said twice."""
    path = clip(size)
    ready(uploader, store.endpoint, "evidence", flags=core.READ_BACK)
    at = uploader.whole(path)[1].object
    store.on(method, at, page)
    end = uploader.errand("RECONFIRM", path, address=at)
    assert end.kind == "RECEIPT", end
    assert (end.level, end.length) == (core.READBACK, size)
    assert not store.faults
    store.on(method, at, page, times=99)
    end = uploader.errand("RECONFIRM", path, address=at)
    assert (end.kind, end.failure, end.state) == ("FAILED", core.LATER, "answer"), end
    store.faults = []
    _, headers, etag = store.objects[at]
    other = b"other" if method == "HEAD" else os.urandom(size)
    store.objects[at] = (other, headers, etag)
    seen = count(store, method, at)
    assert uploader.errand("RECONFIRM", path, address=at).failure == core.DIFFERS
    assert count(store, method, at) == seen + 2


@pytest.mark.parametrize("versions", [False, True])
def test_remove(rgw, uploader, clip, ready, versions):
    bucket = rgw.bucket(lock=versions)
    path = clip(2 * PART)
    ready(uploader, rgw.endpoint, bucket, flags=core.DISPOSE)
    end = uploader.whole(path)[1]
    rgw.client().put_object(Bucket=bucket, Key="bystander", Body=b"x")
    # The version on record was looked up: without it, a bucket with versions would only hide it.
    m = uploader.errand("REMOVE", path, address=end.object)
    assert m.kind == "REMOVED" and m.status == 0, m
    assert [k for k, _ in rgw.objects(bucket)[0]] == ["bystander"]
    m = uploader.errand("REMOVE", path, address=end.object)
    assert (m.kind, m.status) == ("REMOVED", -2)
    m = uploader.errand("REMOVE", path, address="bystander")
    assert (m.kind, m.failure) == ("FAILED", core.DIFFERS)


def test_remove_only_where_it_is_ours(rgw, uploader, clip, ready):
    bucket = rgw.bucket()
    path = clip(10)
    ready(uploader, rgw.endpoint, bucket)
    end = uploader.whole(path)[1]
    assert uploader.errand("REMOVE", path, address=end.object).failure == core.CANNOT
    assert_one(rgw, bucket, path)


def test_remove_not_what_another_station_brought(uploader, clip, ready, store):
    """It may be preserved there, which is not known here."""
    path = clip(10)
    ready(uploader, store.endpoint, "evidence", flags=core.DISPOSE)
    end = uploader.whole(path)[1]
    data, headers, etag = store.objects[end.object]
    assert "x-amz-meta-station: station-1" in headers
    store.objects[end.object] = data, [h.replace("station-1", "Eastgate") for h in headers], etag
    m = uploader.errand("REMOVE", path, address=end.object)
    assert (m.kind, m.failure, m.state) == ("FAILED", core.CANNOT, "another-station")
    assert "station Eastgate" in m.text and count(store, "DELETE") == 0
    assert_kept(store, path)
    store.objects[end.object] = data, headers, etag
    assert uploader.errand("REMOVE", path, address=end.object).kind == "REMOVED"
    assert not store.objects


def test_abandon(rgw, uploader, clip, ready):
    bucket = rgw.bucket()
    path = clip(3 * PART)
    ready(uploader, rgw.endpoint, bucket, rate=6 * MIB)
    generation = uploader.upload(path)
    address = uploader.get("CREATED").address
    uploader.put("PROCEED", generation=generation)
    until(lambda: uploader.get("PROGRESS").offset >= PART)
    uploader.put("STOP_UPLOAD", generation=generation)
    assert uploader.get("FAILED").failure == core.STOPPED
    assert rgw.objects(bucket) == ([], 1)
    m = uploader.errand("ABANDON", path, address=address)
    assert (m.kind, m.status) == ("REMOVED", 0) and rgw.objects(bucket) == ([], 0)
    m = uploader.errand("ABANDON", path, address=address)
    assert (m.kind, m.status) == ("REMOVED", -2)
    end = uploader.whole(path)[1]
    assert uploader.errand("ABANDON", path, address=end.object).failure == core.CANNOT
    assert_one(rgw, bucket, path)


def test_upload_aborted_by_another(rgw, uploader, clip, ready):
    bucket = rgw.bucket()
    path = clip(2 * PART)
    ready(uploader, rgw.endpoint, bucket)
    generation = uploader.upload(path)
    address = uploader.get("CREATED").address
    rgw.client().abort_multipart_upload(Bucket=bucket, Key=asset_of(path),
                                        UploadId=address.split("uploadId=")[1].split("&")[0]
                                        .replace("%7E", "~"))
    uploader.put("PROCEED", generation=generation)
    anew = uploader.get("CREATED")
    assert anew.text and anew.address != address
    uploader.put("PROCEED", generation=generation)
    assert uploader.get("RECEIPT").level == core.TRANSFER_DIGEST
    assert_one(rgw, bucket, path)


# ---- keys, buckets, clocks ----

def assert_mended(uploader):
    """It ends of itself once what was wrong is right: its service starts it anew."""
    assert uploader.process.wait(60) == 0


def test_wrong_keys(rgw, uploader, ready, keys):
    bucket = rgw.bucket()
    write_keys(keys, KEYS.format("NOBODY", "x"))
    r = ready(uploader, rgw.endpoint, bucket)
    assert r.status < 0 and "renew the secrets file" in r.text
    write_keys(keys, KEYS.format(rgw.ACCESS, rgw.SECRET))
    assert_mended(uploader)


@pytest.mark.parametrize("text,word", [("", "access-key"), ("access-key: A\n", "secret-key"), (None, "No such")])
def test_keys_that_are_none(rgw, uploader, ready, folder, text, word):
    path = folder / "none"
    if text is not None:
        write_keys(path, text)
    r = ready(uploader, rgw.endpoint, "evidence", secrets=path)
    assert r.status < 0 and word in r.text and str(path) in r.text


def test_wrong_bucket(rgw, uploader, ready):
    r = ready(uploader, rgw.endpoint, "no-such-bucket")
    assert r.status < 0 and "no such bucket" in r.text
    rgw.bucket(name="no-such-bucket")
    assert_mended(uploader)


def test_bucket_without_lock(rgw, uploader, ready, clip):
    r = ready(uploader, rgw.endpoint, rgw.bucket(), lock_mode=core.COMPLIANCE, retain_days=1)
    assert r.status < 0 and "no object lock" in r.text and "take object-lock out" in r.text
    end = uploader.whole(clip(10))[1]
    assert (end.kind, end.failure) == ("FAILED", core.BAD_DESTINATION)


def test_lock_that_was_not_told_at_the_start(uploader, clip, ready):
    """Station and line come up together: what the bucket offers is learnt when it answers."""
    store = Store(lock=True)
    store.on("GET", "object-lock", say(503))
    with FaultServer(otherwise=store) as server:
        endpoint = f"http://127.0.0.1:{server.port}"
        r = ready(uploader, endpoint, "evidence")
        assert r.status == 0 and r.text and not r.can & core.PRESERVES
        uploader.upload(clip(10))
        assert_mended(uploader)
        uploader.start()
        assert ready(uploader, endpoint, "evidence").can & core.PRESERVES


def test_keys_rotated_in_the_middle(rgw, uploader, clip, ready, keys):
    """The new ones are written, then the old ones revoked, as it should be."""
    bucket = rgw.bucket()
    path = clip(6 * PART)
    name = f"R{os.getpid()}"
    write_keys(keys, rgw.more_keys(name))
    ready(uploader, rgw.endpoint, bucket, rate=20 * MIB)
    generation = uploader.upload(path)
    uploader.get("CREATED")
    uploader.put("PROCEED", generation=generation)
    until(lambda: uploader.get("PROGRESS").offset >= PART)
    write_keys(keys, KEYS.format(rgw.ACCESS, rgw.SECRET))
    rgw.drop_keys(name)
    end = uploader.get("RECEIPT", "FAILED")
    assert (end.kind, end.sent, end.level) == ("RECEIPT", 6 * PART, core.TRANSFER_DIGEST)
    assert "credentials-read-again" in uploader.text()
    assert_one(rgw, bucket, path)


def test_keys_revoked_and_renewed_later(rgw, uploader, clip, ready, keys):
    bucket = rgw.bucket()
    path = clip(2 * PART)
    name = f"L{os.getpid()}"
    write_keys(keys, rgw.more_keys(name))
    ready(uploader, rgw.endpoint, bucket)
    generation = uploader.upload(path)
    address = uploader.get("CREATED").address
    rgw.drop_keys(name)
    uploader.put("PROCEED", generation=generation)
    end = uploader.get("FAILED")
    assert (end.failure, end.state) == (core.BAD_DESTINATION, "access-key")
    write_keys(keys, KEYS.format(rgw.ACCESS, rgw.SECRET))
    created, end = uploader.whole(path, address=address)
    assert created == [] and end.kind == "RECEIPT"
    assert_one(rgw, bucket, path)


def test_session_token(rgw, uploader, clip, ready, keys):
    bucket = rgw.bucket()
    path = clip(PART + 1)
    with rgw.gateway(**rgw.STS) as gateway:
        access, secret, token = rgw.session_keys(gateway)
        write_keys(keys, f"[default]\naws_access_key_id = {access}\n"
                         f"aws_secret_access_key = {secret}\naws_session_token = {token}\n")
        assert ready(uploader, gateway.endpoint, bucket).text == ""
        assert uploader.whole(path)[1].kind == "RECEIPT"
    assert_one(rgw, bucket, path)


def test_no_secret_in_the_log(rgw, uploader, clip, ready):
    ready(uploader, rgw.endpoint, rgw.bucket())
    assert uploader.whole(clip(PART + 1))[1].kind == "RECEIPT"
    assert rgw.SECRET not in uploader.text() and "Signature" not in uploader.text()


def test_clock_wrong_at_the_start(rgw, another, folder, ready):
    clock = folder / "clock"
    clock.write_text("7200 1\n")
    c = another(env={"CLOCK_FILE": str(clock)})
    r = ready(c, rgw.endpoint, rgw.bucket())
    assert r.status < 0 and "NTP" in r.text and "(station 20" in r.text
    clock.write_text("0 1\n")
    assert_mended(c)


def test_clock_wrong_in_the_middle(rgw, another, folder, clip, ready):
    clock = folder / "clock"
    clock.write_text("0 1\n")
    bucket = rgw.bucket()
    path = clip(1000)
    c = another(env={"CLOCK_FILE": str(clock)})
    ready(c, rgw.endpoint, bucket)
    clock.write_text("-7200 1\n")
    end = c.whole(path)[1]
    assert (end.failure, end.state) == (core.BAD_DESTINATION, "clock-skew")
    assert "(station 20" in end.text and ", store 20" in end.text
    clock.write_text("0 1\n")
    assert c.whole(path)[1].kind == "RECEIPT"
    assert_one(rgw, bucket, path)


# ---- answers of bad days: a scripted store ----

def behind(method, part, fault):
    """A step: does what was asked; the next request that is one of these gets that fault."""
    def step(server, request):
        server.otherwise.on(method, part, fault)
        return server.otherwise.honest(server, request)
    return step



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


def slow_error(_server, request):
    """Complete takes its time: blanks to keep the connection, and then an error under status 200."""
    request.read()
    return answer(200, body=f"{HEAD}\n  \n <Error {NS}><Code>InternalError</Code></Error>".encode())


def half_of_the_answer(server, request):
    """Done, and the connection breaks in the middle of saying so."""
    whole = server.otherwise.honest(server, request)
    request.conn.sendall(whole[:-40])
    return None


@pytest.mark.parametrize("wide", [PART, WIDE])
@pytest.mark.parametrize("method,part,step", [
    ("POST", "uploadId=", slow_error), ("POST", "uploadId=", half_of_the_answer),
    ("POST", "uploadId=", refuse(500, "InternalError")),
    ("POST", "uploadId=", refuse(409, "OperationAborted")),
    ("POST", "uploadId=", refuse(400, "InvalidPart")),
    ("POST", "uploadId=", say(200, body=b"no XML")),
    ("POST", "uploadId=", say(502, body=b"<html>a proxy</html>")),
    ("POST", "uploads", refuse(503, "SlowDown")), ("POST", "uploads", say(200, body=b"<a/>")),
    ("PUT", "partNumber=2", refuse(503, "SlowDown")), ("PUT", "partNumber=2", refuse(400, "BadDigest")),
    ("PUT", "partNumber=2", refuse(400, "RequestTimeout", "Connection: close", read=False)),
    ("GET", "uploadId=", half_of_the_answer), ("GET", "uploadId=", say(200, body=HEAD.encode())),
    ("GET", "uploads", say(200, body=b"<ListMultipartUploadsResult><Upload>")),
    # the keys are read again, once: a store may take a while to know new ones
    ("PUT", "partNumber=2", refuse(403, "InvalidAccessKeyId")),
    ("HEAD", "", say(500)),
    # a page of somebody in between is not another's object: at first, before Complete, behind it
    ("HEAD", "", page), ("PUT", "partNumber=4", behind("HEAD", "", page)),
    ("POST", "uploadId=", behind("HEAD", "", page))])
def test_passing_trouble(uploader, clip, ready, store, method, part, step, wide):
    path = clip(4 * PART)
    assert ready(uploader, store.endpoint, "evidence", part=wide).text == ""
    store.on(method, part, step)
    _, end = uploader.whole(path)
    assert (end.kind, end.level) == ("RECEIPT", core.TRANSFER_DIGEST), end
    assert not store.faults and end.sent <= 5 * PART
    assert_kept(store, path)


@pytest.mark.parametrize("method,part,step,failure,state", [
    ("PUT", "partNumber", refuse(507, "InsufficientCapacity"), core.BAD_DESTINATION, "full"),
    ("PUT", "partNumber", refuse(403, "QuotaExceeded"), core.BAD_DESTINATION, "full"),
    ("POST", "uploads", refuse(404, "NoSuchBucket"), core.BAD_DESTINATION, "no-bucket"),
    ("POST", "uploads", refuse(403, "AccessDenied"), core.BAD_DESTINATION, "denied"),
    ("POST", "uploads", refuse(400, "AuthorizationHeaderMalformed"), core.BAD_DESTINATION, "region"),
    ("POST", "uploads", refuse(400, "EntityTooLarge"), core.REFUSED, "too-large"),
    # Complete's own way: the status goes out before it is done
    ("POST", "uploadId=", refuse(200, "QuotaExceeded"), core.BAD_DESTINATION, "full"),
    ("POST", "uploadId=", refuse(200, "EntityTooLarge"), core.REFUSED, "too-large"),
    ("PUT", "partNumber", say(413), core.BAD_DESTINATION, "too-large"),
    ("GET", "uploads", say(404, body=b"<html>nothing here</html>"), core.BAD_DESTINATION, "not-s3"),
    ("GET", "uploadId", say(407), core.BAD_DESTINATION, "proxy")])
def test_what_a_person_must_mend(uploader, clip, ready, store, method, part, step, failure, state):
    path = clip(2 * PART)
    ready(uploader, store.endpoint, "evidence")
    store.faults = [(method, part, step)] * 20
    _, end = uploader.whole(path)
    assert (end.kind, end.failure, end.state) == ("FAILED", failure, state), end
    assert end.text and len(store.faults) >= 18, "not asked again and again"
    assert not store.objects
    store.faults = []
    assert uploader.whole(path)[1].kind == "RECEIPT"
    assert_kept(store, path)


def test_page_that_stays_is_nobodys_object(uploader, clip, ready, store):
    """The upload is put off, not refused."""
    path = clip(1000)
    ready(uploader, store.endpoint, "evidence")
    store.on("HEAD", "", page, times=99)
    end = uploader.whole(path)[1]
    assert (end.kind, end.failure, end.state, end.sent) == ("FAILED", core.LATER, "answer", 0), end
    store.faults = []
    assert uploader.whole(path)[1].kind == "RECEIPT"
    assert_kept(store, path)


def test_parts_on_the_line_together(uploader, clip, ready, store):
    """Three, no more; the first may be the last to end."""
    path = clip(9 * PART + 3)
    ready(uploader, store.endpoint, "evidence", part=WIDE)
    under_way, most = set(), []

    def late(server, request):
        until(lambda: len(store.uploads["id1"][1]) == 9)
        return seen(server, request)

    def seen(server, request):
        number = request.path.split("partNumber=")[1].split("&")[0]
        under_way.add(number)
        most.append(len(under_way))
        whole = server.otherwise.honest(server, request)
        under_way.discard(number)
        return whole
    store.on("PUT", "partNumber=1&", late)
    store.on("PUT", "partNumber=", seen, times=9)
    end = uploader.whole(path)[1]
    assert (end.kind, end.level, end.sent) == ("RECEIPT", core.TRANSFER_DIGEST, 9 * PART + 3)
    assert not store.faults and max(most) <= 3
    assert_kept(store, path)


def test_parts_give_way_to_the_expedited(uploader, clip, ready, store):
    """While an expedited upload is at work, no other part begins, though there would be room."""
    path, urgent = clip(8 * PART), clip(1000, "urgent")
    ready(uploader, store.endpoint, "evidence", part=WIDE)
    begun, end = threading.Event(), threading.Event()

    def wait_for(event):
        def step(server, request):
            request.read()
            if event is end:
                begun.set()
            event.wait(60)
            return server.otherwise.honest(server, request)
        return step

    def begin(what, slot, **how):
        generation = uploader.upload(what, slot, **how)
        uploader.get("CREATED")
        uploader.put("PROCEED", slot=slot, generation=generation)
    for number in (1, 2, 3):
        store.on("PUT", f"partNumber={number}&", wait_for(begun))
    store.on("PUT", asset_of(urgent), wait_for(end))
    begin(path, 0)
    until(lambda: count(store, "PUT", "partNumber") == 3)
    begin(urgent, 1, urgency=1)
    for _ in range(2):  # a second between them, in which a fourth would have begun
        uploader.progress.clear()
        until(lambda: uploader.get("PROGRESS").offset == 3 * PART)
    assert count(store, "PUT", "partNumber") == 3
    end.set()
    assert [uploader.get("RECEIPT").slot for _ in range(2)] == [1, 0]
    assert count(store, "PUT", "partNumber") == 8 and not store.faults


def test_keys_refused_to_several_at_once(uploader, clip, ready, store):
    """All were signed before the keys were read again: that is one refusal."""
    path = clip(5 * PART)
    ready(uploader, store.endpoint, "evidence", part=WIDE)
    together = threading.Barrier(3)

    def step(server, request):
        request.read()
        together.wait(60)
        return refuse(403, "InvalidAccessKeyId", read=False)(server, request)
    for number in (1, 2, 3):
        store.on("PUT", f"partNumber={number}&", step)
    end = uploader.whole(path)[1]
    assert (end.kind, end.sent) == ("RECEIPT", 8 * PART) and not store.faults
    assert_kept(store, path)


def test_told_to_wait(uploader, clip, ready, store):
    ready(uploader, store.endpoint, "evidence")
    store.on("PUT", "partNumber=1", refuse(503, "SlowDown", "Retry-After: 7"))
    end = uploader.whole(clip(2 * PART))[1]
    assert (end.failure, end.retry_after, end.state) == (core.LATER, 7000, "slow-down")


@pytest.mark.parametrize("status", [301, 307, 308])
def test_redirect_is_not_followed(uploader, clip, ready, store, status):
    with FaultServer() as elsewhere:
        ready(uploader, store.endpoint, "evidence")
        store.on("PUT", "partNumber=1", say(status, f"Location: http://127.0.0.1:{elsewhere.port}/x"))
        end = uploader.whole(clip(2 * PART))[1]
        assert (end.failure, end.state) == (core.BAD_DESTINATION, "redirect")
        assert elsewhere.connections == 0


def test_skew_tells_both_times(uploader, clip, ready, store):
    ready(uploader, store.endpoint, "evidence")
    store.on("POST", "uploads", refuse(
        403, "RequestTimeTooSkewed", more="<ServerTime>2020-01-02T03:04:05Z</ServerTime>"))
    end = uploader.whole(clip(2 * PART))[1]
    assert (end.failure, end.state) == (core.BAD_DESTINATION, "clock-skew")
    assert "(station 20" in end.text and "store 2020-01-02T03:04:05Z)" in end.text


def endless(_server, request):
    """Two gigabytes are announced; a client that believes in them reads on."""
    request.conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2147483648\r\n\r\n" +
                         f"{HEAD}<ListPartsResult {NS}>".encode())
    try:
        for _ in range(64):
            request.conn.sendall(b"<Part/>" * (1 << 14))
    except OSError:
        return None
    raise AssertionError("all of it was taken")


def laughs(_server, _request):
    levels = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    return answer(200, body=(f'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY l0 "ha">{levels}]>'
                             "<ListPartsResult><IsTruncated>&l9;</IsTruncated></ListPartsResult>")
                  .encode())


@pytest.mark.parametrize("step", [endless, laughs])
def test_hostile_list(uploader, clip, ready, store, step):
    path = clip(2 * PART)
    ready(uploader, store.endpoint, "evidence")
    store.on("GET", "uploadId=", step)
    assert uploader.whole(path)[1].kind == "RECEIPT"
    assert_kept(store, path)


def test_pages(uploader, clip, ready, store):
    path = clip(5 * PART)
    store.page = 2
    data = path.read_bytes()
    store.uploads["id1"] = [asset_of(path), {n: data[(n - 1) * PART:n * PART] for n in (1, 2, 3, 5)},
                            [f"x-amz-meta-{k}: {v}" for k, v in meta(path).items()]]
    ready(uploader, store.endpoint, "evidence")
    _, end = uploader.whole(path, address=f"{asset_of(path)}?uploadId=id1&partBytes={PART}")
    assert (end.kind, end.sent, end.level) == ("RECEIPT", PART, core.TRANSFER_DIGEST)
    assert_kept(store, path)


def test_pages_that_lead_nowhere(uploader, clip, ready, store):
    """A store that gives the same page for ever is asked a few times, and again later."""
    path = clip(5 * PART)
    store.page, store.stuck = 2, True
    data = path.read_bytes()
    store.uploads["id1"] = [asset_of(path), {n: data[(n - 1) * PART:n * PART] for n in (1, 2, 3)}, []]
    ready(uploader, store.endpoint, "evidence")
    _, end = uploader.whole(path, address=f"{asset_of(path)}?uploadId=id1&partBytes={PART}")
    assert (end.kind, end.failure, end.state) == ("FAILED", core.LATER, "answer"), end
    assert count(store, "GET", "uploadId=") <= 12


def masked(data):
    return hashlib.sha256(data).hexdigest()[:32]


def test_etags_that_are_no_digests(another, clip, ready):
    """As with SSE-KMS: what went in this run is proved, the rest is read back; a part more at most."""
    store = Store(etag=masked)
    path = clip(4 * PART)
    with FaultServer(otherwise=store) as server:
        endpoint = f"http://127.0.0.1:{server.port}"
        one = another()
        ready(one, endpoint, "evidence")
        assert one.whole(path)[1].level == core.TRANSFER_DIGEST
        assert_kept(store, path)
        data = path.read_bytes()
        store.uploads["x"] = [asset_of(path), {1: data[:PART], 2: data[PART:2 * PART]},
                              store.objects.pop(asset_of(path))[1]]
        two = another()
        ready(two, endpoint, "evidence")
        _, end = two.whole(path, address=f"{asset_of(path)}?uploadId=x&partBytes={PART}")
        assert (end.kind, end.level, end.sent) == ("RECEIPT", core.READBACK, 3 * PART)
        assert end.sha256 == hashlib.sha256(data).digest()
        assert_kept(store, path)


def test_store_without_conditional_put(uploader, clip, ready, store):
    path = clip(1000)
    ready(uploader, store.endpoint, "evidence")
    store.on("PUT", "", refuse(501, "NotImplemented"))
    assert uploader.whole(path)[1].level == core.TRANSFER_DIGEST
    puts = [r for r in store.server.requests if r.method == "PUT"]
    assert ["if-none-match" in r.headers for r in puts] == [True, False]
    assert_kept(store, path)


def test_oldest_of_two_begun_is_gone_on_with(uploader, clip, ready, store):
    """So that two stations that look at the same time choose the same one."""
    path = clip(3 * PART)
    for n in (1, 2):
        store.uploads[f"id{n}"] = [asset_of(path), {}, [f"x-amz-meta-{k}: {v}" for k, v in meta(path).items()]]
    ready(uploader, store.endpoint, "evidence")
    assert uploader.whole(path)[1].kind == "RECEIPT"
    assert list(store.uploads) == ["id2"] and count(store, "POST", "uploads") == 0
    assert [data for data, _, _ in store.objects.values()] == [path.read_bytes()]


def test_part_replaced_by_another_meanwhile(uploader, clip, ready, store):
    """Of the same size, with other bytes, after ours had been taken: the next list shows it."""
    def replaced(server, request):
        request.read()
        (_, parts, _), = store.uploads.values()
        parts[1] = bytes(PART)
        return error(500, "InternalError")
    path = clip(3 * PART)
    ready(uploader, store.endpoint, "evidence")
    store.on("PUT", "partNumber=3", replaced)
    _, end = uploader.whole(path)
    assert end.kind == "RECEIPT", end
    assert_kept(store, path)


@pytest.mark.parametrize("mixed", [False, True])
def test_two_part_sizes_in_one_upload(uploader, clip, ready, store, mixed):
    """Both began with it while it was empty: no person is called, and what is whole is the clip."""
    path = clip(20 * MIB)
    data = path.read_bytes()
    ready(uploader, store.endpoint, "evidence")
    parts = {n + 1: data[n * 5 * MIB:(n + 1) * 5 * MIB] for n in range(1 if mixed else 0, 4)}
    if mixed:
        parts[1] = data[:8 * MIB]
    store.uploads["theirs"] = [asset_of(path), parts,
                               [f"x-amz-meta-{k}: {v}" for k, v in meta(path).items()]]
    created, end = uploader.whole(
        path, address=f"{asset_of(path)}?uploadId=theirs&partBytes={8 * MIB}")
    assert end.kind == "RECEIPT" and end.sha256 in (hashlib.sha256(data).digest(), bytes(32)), end
    (kept, _, _), = store.objects.values()
    assert kept == data
    assert ("uploadId=theirs" in created[0].address) != mixed and created[0].text


@pytest.mark.parametrize("same", [True, False])
def test_another_was_quicker(uploader, clip, ready, store, same):
    path = clip(1000)

    def quicker(server, request):
        body = path.read_bytes() if same else b"another"
        told = meta(path) if same else {}
        store.objects[asset_of(path)] = (body, [f"x-amz-meta-{k}: {v}" for k, v in told.items()],
                                       hashlib.md5(body).hexdigest())
        return store.honest(server, request)
    ready(uploader, store.endpoint, "evidence")
    store.on("PUT", "", quicker)
    end = uploader.whole(path)[1]
    if same:
        assert end.kind == "RECEIPT"
        assert_kept(store, path)
    else:
        assert (end.failure, end.state) == (core.REFUSED, "another-object")
        assert store.objects[asset_of(path)][0] == b"another"


@pytest.mark.parametrize("size", [1000, 3 * PART])
def test_damaged_copy_is_not_completed(uploader, clip, ready, store, size):
    ready(uploader, store.endpoint, "evidence")
    end = uploader.whole(clip(size), sha256=bytes(32))[1]
    assert (end.kind, end.failure) == ("FAILED", core.SOURCE)
    assert not store.objects and count(store, "POST", "uploadId=") == 0
    assert count(store, "PUT", "") == (1 if size == 1000 else 3)  # the store's word, then our own


def test_damaged_copy_is_refused_by_the_store(rgw, uploader, clip, ready):
    """What one PUT proves rests on this: the store compares the bytes with the signed SHA-256."""
    bucket = rgw.bucket()
    ready(uploader, rgw.endpoint, bucket)
    end = uploader.whole(clip(1000), sha256=bytes(32))[1]
    assert (end.kind, end.failure) == ("FAILED", core.SOURCE)
    assert "Contents" not in rgw.client().list_objects_v2(Bucket=bucket)


@pytest.mark.parametrize("damaged", [False, True])
def test_lost_answer_of_a_store_that_checks_nothing(uploader, clip, ready, store, damaged):
    """The ETag proves nothing then but that it is the station's copy, which is hashed for that."""
    path = clip(1000)

    def taken(_server, request):
        data = bytes(request.read())
        told = [f"{k}: {v}" for k, v in request.headers.items() if k.startswith("x-amz-meta-")]
        store.objects[request.path.split("/", 2)[2]] = (data, told, hashlib.md5(data).hexdigest())
    ready(uploader, store.endpoint, "evidence")
    store.on("PUT", "", taken)
    end = uploader.whole(path, **({"sha256": bytes(32)} if damaged else {}))[1]
    assert count(store, "PUT", "") == 1 and count(store, "GET", asset_of(path)) == 0
    if damaged:
        assert (end.kind, end.failure) == ("FAILED", core.SOURCE)
    else:
        assert (end.kind, end.level) == ("RECEIPT", core.TRANSFER_DIGEST)


@pytest.mark.parametrize("size,part", [(2 * PART, "partNumber=1"), (1000, "")])
def test_digest_refused_again_and_again(uploader, clip, ready, store, size, part):
    ready(uploader, store.endpoint, "evidence")
    store.on("PUT", part, refuse(400, "XAmzContentSHA256Mismatch"), times=9)
    end = uploader.whole(clip(size))[1]
    assert (end.failure, len(store.faults)) == (core.SOURCE, 6)


def test_replaced_before_the_receipt(uploader, clip, ready, store):
    path = clip(2 * PART)

    def replaced(server, request):
        done = store.honest(server, request)
        store.objects[asset_of(path)] = (b"another", [], "0" * 32)
        return done
    ready(uploader, store.endpoint, "evidence")
    store.on("POST", "uploadId=", replaced)
    assert uploader.whole(path)[1].failure == core.REFUSED


def test_lock_that_is_not_stated(uploader, clip, ready):
    """What the store states counts, not what it was asked for."""
    store = Store(lock=True)
    with FaultServer(otherwise=store) as server:
        endpoint = f"http://127.0.0.1:{server.port}"
        ready(uploader, endpoint, "evidence", lock_mode=core.COMPLIANCE, retain_days=1)
        end = uploader.whole(clip(1000))[1]
        assert (end.kind, end.lock_mode, end.retain_until) == ("RECEIPT", 0, core.NO_TIME)
        assert "event=not-locked" in uploader.text() and count(store, "PUT", "retention") == 1
        store.on("PUT", "retention", refuse(403, "AccessDenied"), times=2)
        end = uploader.whole(clip(1001))[1]
        assert (end.failure, end.state) == (core.BAD_DESTINATION, "denied")


def test_silent_store(uploader, clip, ready, store):
    """No answer to Complete within answer-seconds; it had done it."""
    def silent(server, request):
        store.honest(server, request)
        server.released.wait(30)
        return None
    path = clip(2 * PART)
    ready(uploader, store.endpoint, "evidence", answer_ms=1000)
    store.on("POST", "uploadId=", silent)
    assert uploader.whole(path)[1].level == core.TRANSFER_DIGEST
    assert_kept(store, path)


# ---- the whole station ----

BAYS = [{"name": "1", "port": "1-1"}]


@pytest.fixture
def locked(rgw):
    return rgw.bucket(lock=True)


def destination(rgw, bucket, keys, **settings):
    write_keys(keys, KEYS.format(rgw.ACCESS, rgw.SECRET), UPLOADER)
    return [{"name": "evidence", "driver": "s3", "url": rgw.endpoint, "bucket": bucket,
             "path-style": True, "secrets-file": keys, "part-bytes": PART, "slots": 2,
             "object-lock": "governance", "retain-days": 2, **settings}]


def dock(station, sizes):
    camera = station.camera("A", [vcam.clip(f"DCIM/c{i}.mp4", size, 40 + i, mtime=1790000000 + 60 * i)
                                  for i, size in enumerate(sizes)])
    camera.plug("1-1")
    return camera


def everything_arrived(rgw, station, bucket, camera):
    station.wait("all", "receipted", timeout=90)
    versions, uploads = rgw.objects(bucket)
    digests = sorted(hashlib.sha256(rgw.fetch(bucket, k, v)).hexdigest() for k, v in versions)
    assert digests == sorted(o["sha256"] for o in camera.objects(digests=True).values())
    assert uploads == 0
    for number, clip in enumerate(station.clips(), 1):
        up, = clip["uploads"]
        assert up["version"] in [v for _, v in versions], up
        receipts = [r for r in station.ledger() if r["type"] == "receipted" and r["asset"] == number]
        assert len(receipts) == 1 and receipts[0]["version"] == up["version"]


def test_station(rgw, locked, keys):
    with Station(bays=BAYS, profile={"settle_seconds": 1}, start=False) as s:
        s.settings["destinations"] = destination(rgw, locked, keys, **{"read-back": True})
        s.write_config()
        s.start()
        camera = dock(s, [3 * PART, 1000, 0])
        everything_arrived(rgw, s, locked, camera)
        for clip in s.clips():
            up, = clip["uploads"]
            assert up["level"] == "readback" and "governance" in str(up), up


@pytest.mark.parametrize("point", ["uploader-created", "uploader-patch", "uploader-sent",
                                   "uploader-receipted"])
def test_uploader_killed_at_each_hand_over(rgw, locked, keys, point, folder):
    folder.chmod(0o777)
    mark = folder / "mark"
    with Station(bays=BAYS, profile={"settle_seconds": 1}, start=False,
                 uploader_env={"DIE_AT": f"{point}:2", "DIE_MARK": str(mark)}) as s:
        s.settings["destinations"] = destination(rgw, locked, keys)
        s.write_config()
        s.start()
        camera = dock(s, [2 * PART, PART + 1, 1000])
        everything_arrived(rgw, s, locked, camera)
        assert mark.read_bytes()


def test_station_killed_and_started(rgw, locked, keys):
    with Station(bays=BAYS, profile={"settle_seconds": 1}, start=False) as s:
        s.settings["destinations"] = destination(rgw, locked, keys)
        s.write_config()
        s.start()
        camera = dock(s, [4 * PART, 4 * PART + 1])
        for step in ("created", "created"):
            until(lambda: [r for r in s.ledger() if r["type"] == step])
            s.stop_core(9)
            s.start_core()
        everything_arrived(rgw, s, locked, camera)


def test_preserved_and_lifted(rgw, locked, keys):
    with Station(bays=BAYS, profile={"settle_seconds": 1}, start=False) as s:
        s.settings["destinations"] = destination(rgw, locked, keys)
        s.write_config()
        s.start()
        camera = dock(s, [1000])
        everything_arrived(rgw, s, locked, camera)
        (key, version), = rgw.objects(locked)[0]

        def held():
            return rgw.client().head_object(Bucket=locked, Key=key, VersionId=version).get(
                "ObjectLockLegalHoldStatus") == "ON"
        order = s.ctl("preserve", "asset", 1, "--reason", "case 7")
        until(held)
        s.ctl("lift", order["order"]["order"], "--reason", "case 7 is closed")
        until(lambda: not held())


def test_one_camera_at_two_stations(rgw, locked, keys):
    for name in ("north", "south"):
        with Station(bays=BAYS, profile={"settle_seconds": 1}, start=False, station=name) as s:
            s.settings["destinations"] = destination(rgw, locked, keys)
            s.write_config()
            s.start()
            camera = dock(s, [2 * PART, 1000])
            everything_arrived(rgw, s, locked, camera)
            for clip in s.clips():
                up, = clip["uploads"]
                assert up["level"] == ("transfer-digest" if name == "north" else "readback")
            sent = s.ctl("status")["destinations"][0]["sent_bytes"]
            assert sent == (2 * PART + 1000 if name == "north" else 0)
