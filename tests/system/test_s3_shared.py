"""Several stations, one bucket: what another has begun or brought is gone on with, and never overwritten."""
import hashlib
import os

import pytest

import fake_core as core
from fake_core import asset_of
from s3_store import assert_kept, count, error, refuse
from s3_store import store  # noqa: F401 (fixtures)
from s3_uploader import MIB, PART, assert_one, meta
from s3_uploader import another, keys, ready, rgw  # noqa: F401 (fixtures)


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
