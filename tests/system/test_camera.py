"""One camera worker against the simulated camera: what it takes off it, and what it makes of faults."""
import hashlib
import pathlib

import pytest

import vcam
import worker
from camera_worker import BUILD, folder, program  # noqa: F401 (fixtures)
from worker import Fault, Worker

MIB = 1 << 20
CLIP = "DCIM/100BWC/clip.mp4"


@pytest.fixture
def make(folder, program):
    """make(objects, worker keywords, scenario keywords) => (vcam.Camera, Worker)"""
    made = []

    def one(objects=None, options=None, before=None, **scenario):
        camera = vcam.Camera(BUILD, folder, f"C{len(made)}",
                             objects=objects or [vcam.clip(CLIP, 5 * MIB + 777, seed=3)], **scenario)
        made.append(camera)
        if before:
            before(camera)
        camera.plug("1-2")
        made.append(Worker(program, camera.socket_path, log=folder / "log", **(options or {})))
        return camera, made[-1]

    yield one
    for thing in reversed(made):
        thing.close()


def sha256(path):
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()


def pull(w, camera, folder, path=CLIP, **more):
    """Lists, pulls one object, and says whether the file is the camera's."""
    o = {x.path: x for x in w.list()[0]}[path]
    done = w.fetch(o, folder / "clip", **more)
    return done, done.result == worker.DONE and sha256(folder / "clip") == camera.digest(path)


# ---- what it is for ----

def test_identity_list_pull_erase(make, folder):
    names = {"DCIM/100BWC/clip 1.mp4": 3 * MIB, "DCIM/leer.mp4": 0, "DCIM/ünï-€-😀.mp4": 513,
             "LOG/audit.log": 1000, "other.bin": MIB - 12, "a/b/c/d/e/f.mp4": 500}
    camera, w = make([vcam.clip(p, n) for p, n in names.items()])
    assert w.camera.serial == "BWC-C0" and w.camera.battery == 80 and w.camera.storages == 1
    assert w.camera.features & (worker.PARTIAL64 | worker.ERASES | worker.CLOCK) == \
        worker.PARTIAL64 | worker.ERASES | worker.CLOCK
    objects, listed = w.list()
    assert {o.path: o.size for o in objects} == names and listed.status == listed.truncated == 0
    kinds = {o.path: o.kind for o in objects}
    assert kinds["LOG/audit.log"] == worker.LOG and kinds["other.bin"] == worker.OTHER
    for o in objects:
        file = folder / "file"
        done = w.fetch(o, file)
        assert (done.result, done.length, done.read) == (worker.DONE, o.size, o.size), o.path
        assert sha256(file) == camera.digest(o.path)
        file.unlink()
    first = objects[0]
    assert w.erase(first, size=first.size + 1).result == worker.ERASE_CHANGED
    assert w.erase(first, mtime_s=first.mtime_s + 1).result == worker.ERASE_CHANGED
    assert w.erase(first, path=first.path + "x").result == worker.ERASE_CHANGED
    assert first.path in camera.objects()
    assert w.erase(first).result == worker.ERASE_DONE
    assert w.erase(first).result == worker.ERASE_GONE
    assert first.path not in camera.objects() and camera.stats()["deletions"] == 1
    assert w.bye() == 0
    assert camera.stats()["bad_transactions"] == 0


def test_clock_is_set_and_read_again(make):
    _, w = make()
    assert w.set_clock(1795230245).status == 0
    assert 0 <= w.look().clock_s - 1795230245 <= 5


@pytest.mark.parametrize("ops", [["partial64"], ["partial"], []])
def test_resume_compares_and_goes_on(make, folder, ops):
    camera, w = make(ops=ops)
    o = w.list()[0][0]
    offset = 3 * MIB + 5
    (folder / "clip").write_bytes(vcam.generate(3, 0, offset))
    done = w.fetch(o, folder / "clip", offset=offset)
    assert done.result == worker.DONE and sha256(folder / "clip") == camera.digest(CLIP)
    assert done.read == (o.size - offset + 65536 if ops else o.size)


@pytest.mark.parametrize("ops", [["partial64"], []])
@pytest.mark.parametrize("wrong_at", [0, 3 * MIB - 1])
def test_resume_on_other_bytes_is_a_mismatch(make, folder, ops, wrong_at):
    camera, w = make(ops=ops)
    o = w.list()[0][0]
    held = bytearray(vcam.generate(3, 0, 3 * MIB))
    held[wrong_at] ^= 1
    (folder / "clip").write_bytes(held)
    assert w.fetch(o, folder / "clip", offset=len(held)).result == worker.MISMATCH
    (folder / "clip").unlink()
    done, same = pull(w, camera, folder)  # the camera is still in step
    assert same, done


def test_stop_between_windows(make, folder):
    camera, w = make([vcam.clip(CLIP, 64 * MIB, seed=9)], {"window": 64 << 10}, rate=8 << 20)
    o = w.list()[0][0]
    w.start_fetch(o, folder / "clip")
    camera.wait(f"bytes:{CLIP}", MIB)
    w.put(worker.STOP)
    done = w.end_fetch()
    assert done.result == worker.STOPPED and 0 < done.length < o.size
    assert w.durable[-1] == done.length
    assert (folder / "clip").read_bytes()[:done.length] == vcam.generate(9, 0, done.length)
    camera.rate(0)
    assert w.fetch(o, folder / "clip", offset=done.length).result == worker.DONE
    assert sha256(folder / "clip") == camera.digest(CLIP)


def test_stop_within_a_whole_object_leaves_it_in_step(make, folder):
    camera, w = make([vcam.clip(CLIP, 32 * MIB, seed=9)], {"window": 64 << 10}, rate=8 << 20, ops=[])
    o = w.list()[0][0]
    w.start_fetch(o, folder / "clip")
    camera.wait(f"bytes:{CLIP}", MIB)
    w.put(worker.STOP)
    done = w.end_fetch()
    assert done.result == worker.STOPPED and done.length < o.size
    assert camera.stats()["cancels"] == 1
    camera.rate(0)
    assert w.fetch(o, folder / "clip", offset=done.length).result == worker.DONE
    assert sha256(folder / "clip") == camera.digest(CLIP)


def test_durable_every_64_mib(make, folder):
    camera, w = make([vcam.clip(CLIP, 150 * MIB)], {"window": 8 * MIB})
    done, same = pull(w, camera, folder)
    assert same, done
    assert w.durable == [64 * MIB, 128 * MIB, 150 * MIB]


def test_a_log_that_grows_is_taken_to_its_listed_size(make, folder):
    camera, w = make([vcam.clip("LOG/a.log", 5000, seed=1)])
    o = w.list()[0][0]
    camera.grow("LOG/a.log", 100)
    assert w.fetch(o, folder / "clip").result == worker.CHANGED
    done = w.fetch(o, folder / "clip", snapshot=1)
    assert done.result == worker.DONE and done.length == 5000
    assert (folder / "clip").stat().st_size == 5000


def test_disk_full_is_told(make, folder):
    import resource
    _, w = make(options={"before_exec": lambda: resource.setrlimit(resource.RLIMIT_FSIZE,
                                                                   (2 * MIB, 2 * MIB))})
    o = w.list()[0][0]
    done = w.fetch(o, folder / "clip")
    assert done.result == worker.DISK and done.status == -27  # EFBIG
    assert done.length <= 2 * MIB
    assert w.look().storages == 1  # still in step


def test_past_4_gib(make, folder):
    size = (4 << 30) + 3 * MIB + 11
    for ops in [["partial64", "propvalue"], ["propvalue"]]:
        camera, w = make([vcam.clip(CLIP, size, seed=3)], {"window": 64 << 20}, ops=ops)
        o = w.list()[0][0]
        assert o.size == size
        offset = size - 2 * MIB
        if "partial64" in ops:
            with open(folder / "clip", "wb") as f:  # sparse: head and tail count
                f.write(vcam.generate(3, 0, 32768))
                f.seek(offset - 32768)
                f.write(vcam.generate(3, offset - 32768, 32768))
            done = w.fetch(o, folder / "clip", offset=offset)
            assert done.result == worker.DONE and done.read == 2 * MIB + 65536
            with open(folder / "clip", "rb") as f:
                f.seek(offset)
                assert f.read() == vcam.generate(3, offset, 2 * MIB)
            (folder / "clip").unlink()
        w.close()


# ---- faults that mend ----

SHAPES = [("missing-zlp", {}), ("surplus-zlp", {}), ("surplus-byte", {}), ("split-header", {})]


@pytest.mark.parametrize("fault,how", SHAPES)
@pytest.mark.parametrize("ops", [["partial64"], []])
@pytest.mark.parametrize("size", [5 * MIB + 777, 512 * 9 - 12, 1024 * 8 - 12, 500])
def test_packet_oddities_cost_nothing(make, folder, fault, how, ops, size):
    camera, w = make([vcam.clip(CLIP, size, seed=3)], ops=ops, faults=[{"name": fault, **how}])
    done, same = pull(w, camera, folder)
    assert same and done.read == size, done
    assert w.look().recoveries == 0


ONCE = [("stall", {"at": 1 << 20}), ("silent", {"at": 1 << 20, "text": "request"}),
        ("short-data", {"at": 3 << 20}), ("zero-filled", {"at": 3 << 20}),
        ("wrong-transaction", {"op": "0x95c1"}), ("wrong-type", {"op": "0x95c1"}),
        ("container-length", {"op": "0x95c1", "value": 5, "text": "data"}),
        ("container-length", {"op": "0x95c1", "value": -5, "text": "data"}),
        ("container-length", {"op": "0x95c1", "value": 9, "text": "response"}),
        ("junk", {"op": "0x95c1", "value": 3}), ("partial-lies", {}),
        ("stall-at-op", {"op": "0x95c1"}), ("stall-at-op", {"op": "0x1008"}),
        ("wrong-response", {"op": "0x95c1", "value": 0x2002}),
        ("wrong-response", {"op": "0x1008", "value": 0x2019}),
        ("silent-at-op", {"op": "0x1007", "text": "request"}),
        ("event-flood", {})]


@pytest.mark.parametrize("fault,how", ONCE, ids=lambda v: v if isinstance(v, str) else None)
def test_a_fault_once_is_mended(make, folder, fault, how):
    camera, w = make(ops=["partial64"], options={"timeout_ms": 700})
    o = w.list()[0][0]
    if fault == "silent-at-op":
        camera.fault(fault, **how)
        o = w.list()[0][0]
    else:
        camera.fault(fault, **how)
    done = w.fetch(o, folder / "clip")
    assert done.result == worker.DONE, done
    assert sha256(folder / "clip") == camera.digest(CLIP)
    assert camera.stats()["fired"].get(fault, 0) >= 1
    assert w.bye() == 0


def test_zero_filled_payload_is_not_believed(make, folder):
    camera, w = make(ops=["partial64"])
    o = w.list()[0][0]
    camera.fault("zero-filled", object=CLIP, at=3 * MIB, count=100)
    done = w.fetch(o, folder / "clip")
    assert done.result == worker.SHORT and done.length == 3 * MIB
    assert (folder / "clip").stat().st_size == 3 * MIB


def test_stale_session_is_mended(make, folder):
    camera, w = make()
    o = w.list()[0][0]
    w.process.kill()
    w.process.wait()
    w.close()
    again = Worker(w.process.args[-5], camera.socket_path, log=folder / "log")
    try:
        assert again.camera.type == worker.CAMERA and again.camera.recoveries >= 1
        assert again.list()[0][0].path == o.path
        assert pull(again, camera, folder)[1]
    finally:
        again.close()


def test_abandoned_transfer_is_mended(make, folder):
    camera, w = make([vcam.clip(CLIP, 64 * MIB, seed=9)], rate=8 << 20, ops=[])
    w.start_fetch(w.list()[0][0], folder / "clip")
    camera.wait(f"bytes:{CLIP}", MIB)
    w.process.kill()
    w.process.wait()
    camera.rate(0)
    again = Worker(w.process.args[-5], camera.socket_path, log=folder / "log")
    try:
        assert pull(again, camera, folder)[1]
    finally:
        again.close()


@pytest.mark.parametrize("text", ["request", "reset"])
def test_no_answer_to_open_session(make, folder, text):
    camera, w = make(options={"timeout_ms": 700},
                     before=lambda c: c.fault("open-silent", text=text))
    assert w.camera.type == worker.CAMERA and w.camera.recoveries >= 1
    assert pull(w, camera, folder)[1]


# ---- faults that do not ----

@pytest.mark.parametrize("at", [0, 1, 511, 512, 65536, MIB - 1, MIB, 3 * MIB + 7, 5 * MIB + 776])
def test_pulled_out_at_a_byte(make, folder, at):
    camera, w = make()
    o = w.list()[0][0]
    camera.fault("unplug", object=CLIP, at=at)
    with pytest.raises(Fault) as e:
        w.fetch(o, folder / "clip")
    assert e.value.code == worker.FAULT_GONE
    held = (folder / "clip").read_bytes()
    assert held == vcam.generate(3, 0, len(held)) and len(held) <= at
    assert at - len(held) <= 512


def test_silence_is_bounded(make, folder):
    camera, w = make(options={"timeout_ms": 300})
    o = w.list()[0][0]
    camera.fault("silent", object=CLIP, at=MIB)
    with pytest.raises(Fault) as e:
        w.fetch(o, folder / "clip")
    assert e.value.code in (worker.FAULT_SILENT, worker.FAULT_PROTOCOL)


@pytest.mark.parametrize("fault,how,result", [
    ("vanish", {"at": 2 * MIB}, worker.GONE), ("change", {"at": 2 * MIB}, worker.CHANGED),
    ("grow", {"at": 2 * MIB, "value": 100}, worker.CHANGED),
    ("short-data", {"at": 3 * MIB, "count": 100}, worker.SHORT)])
@pytest.mark.parametrize("ops", [["partial64"], []])
def test_objects_that_change_while_read(make, folder, fault, how, result, ops):
    camera, w = make(ops=ops)
    o = w.list()[0][0]
    camera.fault(fault, object=CLIP, **how)
    done = w.fetch(o, folder / "clip")
    allowed = {result}
    if fault == "vanish" or not ops:
        allowed |= {worker.GONE, worker.SHORT, worker.REFUSED}
    assert done.result in allowed, done
    assert done.length <= o.size
    assert w.look().storages == 1


@pytest.mark.parametrize("fault,how", [
    ("hostile-names", {}), ("duplicate-names", {}), ("self-folder", {}), ("parent-cycle", {}),
    ("endless-listing", {}), ("no-time", {}), ("handles-change", {}),
    ("string-past-end", {"op": "0x1008"}), ("array-count", {"op": "0x1007"}),
    ("array-count", {"op": "0x1004"}), ("info-size", {"value": 1000000})])
def test_hostile_listings_end(make, folder, fault, how):
    camera, w = make(options={"objects": 2000}, faults=[{"name": fault, **how}])
    objects, listed = w.list()
    assert len(objects) <= 2000
    for o in objects:
        parts = o.path.split("/")
        assert ".." not in parts and "." not in parts and "" not in parts
    if fault == "no-time":
        assert all(o.mtime_s == worker.NO_TIME for o in objects)
    if fault == "hostile-names":
        assert any(o.flags & worker.NAME_ODD for o in objects)
    assert w.look().storages >= 0


def test_many_objects_are_cut(make):
    _, w = make(options={"objects": 3000}, before=lambda c: c.fault("many-objects", value=20000))
    objects, listed = w.list()
    assert len(objects) == 3000 and listed.truncated == 1


@pytest.mark.parametrize("fault,result", [("delete-refused", worker.ERASE_REFUSED),
                                          ("delete-lies", worker.ERASE_UNSURE),
                                          ("delete-vanished", worker.ERASE_DONE)])
def test_erasing_that_goes_wrong(make, fault, result):
    camera, w = make()
    o = w.list()[0][0]
    camera.fault(fault)
    assert w.erase(o).result == result


def test_protected_objects_stay(make):
    camera, w = make([vcam.clip(CLIP, 100, protected=True)])
    o = w.list()[0][0]
    assert o.flags & worker.PROTECTED
    assert w.erase(o).result == worker.ERASE_REFUSED
    assert CLIP in camera.objects()


@pytest.mark.parametrize("fault", ["no-endpoints", "endpoint-count", "long-descriptor", "packet-zero",
                                   "packet-huge", "babble", "total-length"])
def test_hostile_descriptors(make, folder, fault):
    try:
        camera, w = make(before=lambda c: c.fault(fault), options={"timeout_ms": 500})
        if w.camera.type == worker.CAMERA:
            assert pull(w, camera, folder)[1]
        else:
            assert w.process.wait(60) == 0
    except Fault as e:
        assert e.code in (worker.FAULT_DESCRIPTORS, worker.FAULT_PROTOCOL, worker.FAULT_SILENT)


def test_another_class_is_not_mine(make):
    _, w = make(usb={"class": 8, "subclass": 6, "protocol": 80, "interface": "Disk"})
    assert w.camera.type == worker.NOT_MINE


@pytest.mark.parametrize("break_it", ["twice", "unknown", "no-fd", "version"])
def test_a_core_that_is_wrong_ends_it(make, break_it):
    _, w = make()
    if break_it == "twice":
        w.put(worker.ATTACH, bytes(1224), 0)
    elif break_it == "unknown":
        w.put(99)
    elif break_it == "no-fd":
        w.put(worker.FETCH, bytes(40))
    else:
        w.put(worker.CAMERA, bytes(560))
    with pytest.raises(Fault) as e:
        w.get()
    assert e.value.code == worker.FAULT_CORE
    assert w.process.wait(60) == 1


def test_it_ends_with_the_core(make):
    _, w = make()
    w.sock.close()
    assert w.process.wait(60) == 0
