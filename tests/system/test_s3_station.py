"""A whole station and Ceph's S3 gateway: each clip arrives once, whoever is killed."""
import hashlib

import pytest

import vcam
from s3_uploader import KEYS, PART, write_keys
from s3_uploader import keys, rgw  # noqa: F401 (fixtures)
from station import UPLOADER, Station
from waiting import until

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
