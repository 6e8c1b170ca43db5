"""Object lock, legal hold, and the marks of what other stations preserve: held in an S3 store, and not removed."""
import hashlib
import signal
import time

import pytest

import fake_core as core
from fake_core import PROGRAM, USER, Core, asset_of
from s3_store import HEAD, NS, Store, count, refuse
from s3_store import store  # noqa: F401 (fixtures)
from s3_uploader import DAY, PART, assert_one, meta
from s3_uploader import another, keys, ready, rgw  # noqa: F401 (fixtures)
from servers import FaultServer, answer, say


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
