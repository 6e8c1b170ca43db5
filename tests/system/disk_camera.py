"""A simulated camera that is a disk, and its worker.

    def test_x(make, cards, folder):
        camera, w = make()                  # plugged, with a card of FAT32, and a worker at it
        done, _ = pull(w, folder)
        assert done.result == worker.DONE and same(folder, cards("fat32")[1][CLIP])

Nothing is ever written to a card by a worker; what a test writes, it writes to a copy.
"""
import pytest

import vcam
import worker
from camera_worker import BUILD, folder, program  # noqa: F401 (fixtures)
from disks import make_disk
from vcam import generate
from worker import Worker

MIB = 1 << 20
CLIP = "DCIM/100BWC/clip one.mp4"
MTIME = 1_790_000_000
READ10 = 0x28


_cards = {}  # those of the session, whichever file asks


@pytest.fixture(scope="session")
def cards(tmp_path_factory):
    """Images made once: cards(fs, table) => (path, {file: bytes})."""
    def card(fs, table="mbr"):
        if (fs, table) not in _cards:
            files = {CLIP: generate(3, 0, 5 * MIB + 777), "DCIM/100BWC/Second Clip.mp4": generate(4, 0, 513),
                     "DCIM/leer.mp4": b"", "LOG/audit.log": b"one\ntwo\n"}
            path = make_disk(tmp_path_factory.mktemp("card") / "card.img", files, fs, table, mtime=MTIME)
            _cards[fs, table] = path, files
        return _cards[fs, table]

    return card


@pytest.fixture
def make(folder, program, cards):
    """make(image, worker keywords, disk and scenario keywords) => (vcam.Camera, Worker)"""
    made = []

    def one(image=None, options=None, before=None, lun=None, disk=None, begin=True, **scenario):
        luns = [{"image": str(image or cards("fat32")[0]), **(lun or {})}]
        camera = vcam.Camera(BUILD, folder, f"D{len(made)}", disk={"luns": luns, **(disk or {})},
                             **scenario)
        made.append(camera)
        if before:
            before(camera)
        camera.plug("1-2")
        if not begin:
            return camera, None
        made.append(start(camera, **(options or {})))
        return camera, made[-1]

    def start(camera, **options):
        return Worker(program, camera.socket_path, log=folder / "log",
                      **{"driver": worker.MSC, **options})

    one.start = start
    one.made = made
    yield one
    for thing in reversed(made):
        if isinstance(thing, vcam.Camera):
            assert thing.stats()["writes_seen"] == 0, "something was written to a camera"
        thing.close()


def listed(w):
    objects, said = w.list()
    return {o.path: o for o in objects}, said


def pull(w, folder, path=CLIP, **more):
    o = listed(w)[0][path]
    return w.fetch(o, folder / "clip", **more), o


def same(folder, data):
    return (folder / "clip").read_bytes() == data
