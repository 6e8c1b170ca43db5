"""What tests of the S3 driver share: keys, uploaders of one station and of more, and what is there in the end.

    def test_x(rgw, uploader, clip, ready):
        bucket = rgw.bucket()
        ready(uploader, rgw.endpoint, bucket)
        assert_one(rgw, bucket, path)               # after all that may have happened

What is there is fetched by python3-boto3. The same holds throughout: one object of one version with the
clip's bytes, no upload left over, no more sent than the clip and part-bytes for each interruption; or the
core is told why not, by a word and what a person is to do.
"""
import hashlib
import os

import pytest

import fake_core as core
from fake_core import PROGRAM, USER, Core, asset_of
from servers import RadosGW, say

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


def meta(path):
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return {"asset": asset_of(path), "sha256": digest}
