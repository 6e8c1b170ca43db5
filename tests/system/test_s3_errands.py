"""An S3 store is asked again: read back, lost, replaced, removed, abandoned."""
import hashlib
import os

import pytest

import fake_core as core
from fake_core import asset_of
from s3_store import assert_kept, count
from s3_store import store  # noqa: F401 (fixtures)
from s3_uploader import MIB, PART, assert_one, page
from s3_uploader import keys, ready, rgw  # noqa: F401 (fixtures)
from servers import say
from waiting import until


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
