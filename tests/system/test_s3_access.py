"""Keys, buckets and clocks of an S3 store: wrong, missing, renewed in the middle; mended, it goes on by itself."""
import os

import pytest

import fake_core as core
from s3_store import Store
from s3_uploader import KEYS, MIB, PART, assert_one, write_keys
from s3_uploader import another, keys, ready, rgw  # noqa: F401 (fixtures)
from servers import FaultServer, say
from waiting import until


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
