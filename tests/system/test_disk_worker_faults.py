"""One camera worker against a simulated disk: what it makes of faults of the bus and of the medium."""
import pathlib
import shutil
import struct

import pytest

import worker
from disk_camera import CLIP, MIB, READ10, listed, pull, same
from disk_camera import cards, folder, make, program  # noqa: F401 (fixtures)
from worker import Fault


# ---- the bus ----

OPS = {"TEST UNIT READY": 0x00, "INQUIRY": 0x12, "READ CAPACITY": 0x25, "MODE SENSE": 0x1A,
       "READ": READ10}


@pytest.mark.parametrize("fault", ["bot-phase", "bot-signature", "bot-tag", "bot-stall-csw",
                                   "bot-no-csw", "stall-at-op", "bot-merged"])
@pytest.mark.parametrize("op", OPS, ids=str)
def test_out_of_step_and_back(make, cards, folder, fault, op):
    camera, w = make(options={"timeout_ms": 300},
                     before=lambda c: c.fault(fault, op=OPS[op], count=1))
    assert listed(w)[1].status == 0
    camera.fault(fault, op=READ10, count=1)
    done, _ = pull(w, folder)
    assert done.result == worker.DONE and same(folder, cards("fat32")[1][CLIP])
    camera.fault(fault, op=READ10, count=1)  # now within the stream
    done = w.fetch(listed(w)[0][CLIP], folder / "clip")
    assert done.result == worker.DONE and same(folder, cards("fat32")[1][CLIP])


def test_fill_is_asked_for_again(make, cards, folder):
    """A READ whose residue says that its end is fill; the small ones after it are whole."""
    camera, w = make(before=lambda c: c.fault("bot-residue", op=READ10, value=512, count=2))
    o = listed(w)[0][CLIP]
    reads = camera.stats()["ops"]["0x0028"]
    assert w.fetch(o, folder / "clip").result == worker.DONE
    usual = camera.stats()["ops"]["0x0028"] - reads
    for value in 512, 1, 0xFFFFFFFF:
        camera.fault("bot-residue", op=READ10, value=value, count=1)
        (folder / "clip").unlink()
        reads = camera.stats()["ops"]["0x0028"]
        assert w.fetch(o, folder / "clip").result == worker.DONE
        assert camera.stats()["ops"]["0x0028"] > reads + usual - 1
        assert same(folder, cards("fat32")[1][CLIP])


def test_fill_is_no_evidence(make, cards, folder):
    camera, w = make()
    o = listed(w)[0][CLIP]
    camera.fault("bot-residue", op=READ10, value=512)
    done = w.fetch(o, folder / "clip")
    assert done.result == worker.REFUSED and done.length == 0  # nor is its directory believed
    assert (folder / "clip").stat().st_size == 0


def test_residue_that_is_ignored(make, cards, folder):
    for options, op in ({"quirks": 1 << 12}, READ10), ({}, 0x25), ({}, 0x12):
        camera, w = make(None, options, lambda c, op=op: (c.fault("bot-residue", op=READ10, value=512),
                                                          c.fault("bot-residue", op=op, value=8)))
        done, _ = pull(w, folder)
        assert done.result == worker.DONE and same(folder, cards("fat32")[1][CLIP])
        assert ("camera-residue-ignored" in (folder / "log").read_text()) == (op != READ10)
        (folder / "log").unlink()
        (folder / "clip").unlink()


def test_residue_that_is_not_ignored(make):
    with pytest.raises(Fault) as lost:
        make(before=lambda c: c.fault("bot-residue", op=READ10, value=512))
    assert lost.value.code == worker.FAULT_PROTOCOL and "fill" in lost.value.text


@pytest.mark.parametrize("fault", ["short-data", "stall"])
def test_data_that_end_early(make, cards, folder, fault):
    image, files = cards("fat32")
    begin = pathlib.Path(image).read_bytes().index(files[CLIP][:4096])
    camera, w = make(image)
    camera.fault(fault, object="lun0", at=begin + MIB + 512 * 3, count=1)
    camera.fault(fault, object="lun0", at=begin + 3 * MIB + 100, count=1)
    done, _ = pull(w, folder)
    assert done.result == worker.DONE and same(folder, files[CLIP])


def test_silent_for_good(make, folder):
    camera, w = make(options={"timeout_ms": 200})
    o = listed(w)[0][CLIP]
    camera.fault("silent-at-op", op=READ10, count=-1)
    with pytest.raises(Fault) as silent:
        w.fetch(o, folder / "clip")
    assert silent.value.code == worker.FAULT_SILENT


@pytest.mark.parametrize("limit, by", [(65536, "scsi-max-read"), (131072, "max_transfer"),
                                       (65536, "quirk")])
def test_takes_no_large_reads(make, cards, folder, limit, by):
    image, files = cards("exfat", "none")
    options, more = {}, {}
    if by == "max_transfer":
        more = {"disk": {"max_transfer": limit}}
    if by == "quirk":
        options = {"quirks": 1 << 11}

    def before(camera):
        if by != "max_transfer":
            camera.fault("scsi-max-read", value=limit)
    camera, w = make(image, options, before, **more)
    done, o = pull(w, folder)
    assert done.result == worker.DONE and same(folder, files[CLIP])
    checks = camera.stats()["checks"]
    assert w.fetch(o, folder / "clip").result == worker.DONE
    assert camera.stats()["checks"] == checks, "it does not ask again for what is refused"
    if by != "scsi-max-read":
        assert checks <= 1  # the attention at its plugging in


def test_large_reads_fail_once(make, cards, folder):
    """Found out once for the whole device, whichever of its units is read."""
    image, files = cards("exfat", "none")
    camera, w = make(image, {"timeout_ms": 300},
                     disk={"luns": [{"image": str(image)}, {"image": str(image)}]})
    clips = [o for o in w.list()[0] if o.path == CLIP]
    assert len(clips) == 2
    camera.fault("scsi-max-read", value=65536)
    for o in clips:
        (folder / "clip").unlink(missing_ok=True)
        assert w.fetch(o, folder / "clip").result == worker.DONE and same(folder, files[CLIP])
        if o is clips[0]:
            checks = camera.stats()["checks"]
    assert camera.stats()["checks"] == checks
    assert (folder / "log").read_text().count("camera-small-reads") == 1


# ---- the medium ----

def test_medium_comes_up(make, cards, folder):
    camera, w = make(before=lambda c: (c.fault("scsi-attention", count=3),
                                       c.fault("scsi-becoming-ready", object="lun0", count=3)))
    done, _ = pull(w, folder)
    assert done.result == worker.DONE and same(folder, cards("fat32")[1][CLIP])


def test_no_medium(make):
    with pytest.raises(Fault) as none:
        make(lun={"present": False})
    assert none.value.code == worker.FAULT_MEDIUM and "no card" in none.value.text


def test_one_of_two_without_medium(make, cards):
    image = str(cards("fat32")[0])
    _, w = make(disk={"luns": [{"image": image, "present": False}, {"image": image}]})
    objects, said = listed(w)
    assert len(objects) == 4 and said.status == 0 and "no card" in said.text


def test_one_of_two_that_cannot_be_read(make, cards, folder):
    """What is there and was not read is not passed over."""
    image = str(cards("fat32")[0])
    (folder / "other").write_bytes(bytes(4 * MIB))
    _, w = make(disk={"luns": [{"image": image}, {"image": str(folder / "other")}]})
    objects, said = listed(w)
    assert len(objects) == 4 and said.skipped == 1 and said.status < 0 and "unit 1" in said.text


def test_card_taken_out(make, folder):
    camera, w = make()
    o = listed(w)[0][CLIP]
    camera.medium(0, False)
    with pytest.raises(Fault) as out:
        w.fetch(o, folder / "clip")
    assert out.value.code == worker.FAULT_MEDIUM


def test_no_file_system(make, folder):
    (folder / "empty").write_bytes(bytes(4 * MIB))
    with pytest.raises(Fault) as none:
        make(folder / "empty")
    assert none.value.code == worker.FAULT_MEDIUM


def test_medium_errors_in_a_file(make, cards, folder):
    image, files = cards("exfat", "none")
    data = files[CLIP]
    begin = pathlib.Path(image).read_bytes().index(data[:4096])
    camera, w = make(image)
    camera.fault("scsi-medium-error", object="lun0", at=begin + 2 * MIB + 1024, value=512)
    done, o = pull(w, folder)
    assert done.result == worker.SHORT and done.length == 2 * MIB + 1024
    assert same(folder, data[:2 * MIB + 1024])
    assert "medium error" in done.text and str((begin + 2 * MIB + 1024) // 512) in done.text
    # the others come
    other = listed(w)[0]["LOG/audit.log"]
    (folder / "clip").unlink()
    assert w.fetch(other, folder / "clip").result == worker.DONE
    # what was a passing trouble is none
    camera.clear()
    camera.fault("scsi-medium-error", object="lun0", at=begin + MIB, value=512, count=2)
    assert w.fetch(o, folder / "clip").result == worker.DONE and same(folder, data)


def test_a_volume_that_fails_later_has_not_lost_its_files(make, cards, folder):
    """Its boot sector cannot be read any more: that is no word of the camera that the clip is gone."""
    image, files = cards("fat32", "none")
    (folder / "other").write_bytes(pathlib.Path(image).read_bytes())
    camera, w = make(disk={"luns": [{"image": str(image)}, {"image": str(folder / "other")}]})
    mine = [o for o in w.list()[0] if o.path == CLIP]
    assert len(mine) == 2
    second = max(mine, key=lambda o: o.storage)
    first = min(mine, key=lambda o: o.storage)
    for o in (first, second):  # what was read before is forgotten with each
        assert w.fetch(o, folder / f"{o.storage}").result == worker.DONE
    camera.fault("scsi-medium-error", object="lun0", at=0, value=16 * 512)  # with its copy
    done = w.fetch(first, folder / "first")
    assert done.result == worker.REFUSED and "cannot be read any more" in done.text
    camera.clear()
    assert all(w.fetch(o, folder / f"again{i}").result == worker.DONE for i, o in enumerate(mine))
    for i in range(2):
        assert (folder / f"again{i}").read_bytes() == files[CLIP]


def test_damage_is_told_and_the_rest_taken(make, cards, folder):
    """The chain of the clip is broken in both copies of the FAT: what is there is listed as that."""
    source, files = cards("fat32", "none")
    image = folder / "damaged"
    shutil.copy(source, image)
    with open(image, "r+b") as f:
        boot = f.read(512)
        sector = struct.unpack_from("<H", boot, 11)[0]
        per_cluster, reserved, fats = struct.unpack_from("<BHB", boot, 13)
        fat_sectors = struct.unpack_from("<I", boot, 36)[0]
        whole = image.read_bytes()
        heap = (reserved + fats * fat_sectors) * sector
        cluster = 2 + (whole.index(files[CLIP][:4096]) - heap) // (per_cluster * sector)
        for n in range(fats):
            f.seek((reserved + n * fat_sectors) * sector + 4 * (cluster + 100))
            f.write(b"\xff\xff\xff\x0f")
    _, w = make(image)
    objects, said = listed(w)
    length = 101 * per_cluster * sector
    assert said.damaged >= 1 and said.text
    assert objects[CLIP].flags & worker.CUT and objects[CLIP].size == length
    done = w.fetch(objects[CLIP], folder / "clip")
    assert done.result == worker.DONE and same(folder, files[CLIP][:length])
    assert objects["LOG/audit.log"].size == 8
