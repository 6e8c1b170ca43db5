"""Every fault that the simulated camera knows, on the whole station beside a healthy camera.

A row says how it must end: "take" (everything held byte for byte, in the end) or "leave" (the bay says
why, in words, and what could be taken is in the store). Whatever the fault: nothing ends that should
run, nothing hangs, the camera in the next bay is not disturbed, nothing is invented or written elsewhere.
The rows of disks and of locked cameras have the same files on a card, which nobody writes.
"""
import concurrent.futures
import hashlib
import pathlib
import re
import shutil

import pytest

import vcam
from disks import make_disk
from servers import FaultServer
import station
from station import BUILD, Station, until

MIB = 1 << 20
DAY = 1790000000
BAYS = [{"name": "1", "port": "1-1"}, {"name": "2", "port": "2-1"}]
PROFILE = {"settle_seconds": 1, "timeout_seconds": 1, "window_bytes": 1 << 20}
LONG = {"timeout_seconds": 20}  # to answer takes it long, and is not what fails
CLIP, CLIP_BYTES, CLIP_SEED = "DCIM/a.mp4", 2 * MIB + 17, 1
EVEN = "DCIM/even.mp4"  # with its container's head it ends on a packet
EVER = 1 << 30
AT_ONCE = 3             # rows: most of a row is waiting
IN_CLIP = "in the clip"  # at: where the card has byte 1 MiB + 1536 of CLIP
NEAR_ITS_HEAD = "near the clip's head"
INQUIRY, READ10 = 0x12, 0x28
NO_CARD = "no card in the camera, or it cannot be read"
PATIENT = 0xbcbd  # B's product: nothing of it is given up because the machine is busy
FACES = {"disk": {"vendor": 0x1234, "product": 1, "model": "card"},
         "dv16": {"vendor": 0x1d6b, "product": 0x0107, "model": "DV16 recorder"},
         "amba": {"vendor": 0x4255, "product": 1, "model": "cam"}}


def contents():
    return [vcam.clip(CLIP, CLIP_BYTES, CLIP_SEED, mtime=DAY),
            vcam.clip(EVEN, 200 * 512 - 12, 2, mtime=DAY + 60),
            vcam.clip("AUDIT/x.log", 1000, 3, mtime=DAY + 70)]


class Row:
    """fault: (name, parameters), or several. light: how A's bay ends. text: what its sentence says.

    lacks: paths that need not reach the store; extra: digests that the camera had for a while;
    face: "disk", or a vendor's language in front of one; none: it speaks PTP.
    again: docked once more, with what it tells then, when the bay's text matches this ("gone": when
    it is); erase: with a server and an open gate; then: a further look at the station, A and B.
    """

    def __init__(self, *faults, light="take", text=r"", lacks=(), extra=(), again=None, erase=False,
                 then=None, ops=None, profile=None, seconds=180, b_light="take", faults_again=(),
                 face=None):
        self.faults, self.light, self.text, self.lacks = faults, light, text, set(lacks)
        self.extra, self.again, self.erase, self.then = set(extra), again, erase, then
        self.ops, self.seconds, self.b_light = ops, seconds, b_light
        self.faults_again, self.face = faults_again, face
        self.profile = {**PROFILE, **(profile or {})}


def f(name, **parameters):
    return name, parameters


# ---- what is looked at besides, in some rows ----

def kept_apart(s, a, b):
    """What came before it changed is kept beside what came after; the books tell of both."""
    restarted, = [r for r in s.ledger() if r["type"] == "restarted"]
    assert "not what the camera has" in restarted["reason"] and restarted["kept"] == 1
    assert list((s.folder / "state/staging").rglob("*.kept-1"))


def nothing_erased_whoever_it_is(s, a, b):
    reasons = {c["reason"].split(":")[0] for c in s.clips() if c["bay"] == "1"}
    assert reasons == {"identity"}, reasons


def neither_erased(s, a, b):
    nothing_erased_whoever_it_is(s, a, b)
    assert {c["reason"].split(":")[0] for c in s.clips()} == {"identity"}
    assert "same serial number" in s.bay("2")["text"]
    assert len({c["camera"] for c in s.clips()}) == 2, "kept apart"


def cut_at(most):
    def look(s, a, b):
        listed = [r for r in s.ledger() if r["type"] == "listed" and r["docking"] == a.docking]
        assert all(r["objects"] <= most for r in listed)
        assert any(r["truncated"] for r in listed)
    return look


def names_are_data(s, a, b):
    odd = [c["path"] for c in s.clips() if c["path"].startswith("NAMES/")]
    assert len(odd) == 16
    for path in odd:
        parts = path.split("/")
        assert len(parts) == 2 and parts[1] not in ("", ".", "..") and len(path.encode()) < 1024
        assert not re.search(r"[\x00-\x1f\x7f]", path)


def clock_was_set(s, a, b):
    record, = [r for r in s.ledger() if r["type"] == "clock" and r["docking"] == a.docking]
    assert record["offset-ms"] < -10**12
    assert a.stats()["clocks_set"] == 1


def no_clock(s, a, b):
    assert not [r for r in s.ledger() if r["type"] == "clock" and r["docking"] == a.docking]


def erased_all_but(*paths):
    def look(s, a, b):
        assert set(a.objects()) == set(paths)
    return look


def some_are_still_there(s, a, b):
    assert set(a.objects()) == {CLIP, EVEN, "AUDIT/x.log"}
    assert [r for r in s.ledger() if r["type"] == "erased" and r["result"] in ("refused", "unsure")]


def parts(*lengths):
    return {hashlib.sha256(vcam.generate(CLIP_SEED, 0, n)).hexdigest() for n in lengths}


GROWN = {vcam.digest(CLIP_SEED, CLIP_BYTES + 4096)}

def disk(*faults, face="disk", **more):
    return Row(*faults, face=face, **more)


ROWS = {
    # at a byte of an object's payload
    "unplug": Row(f("unplug", object=CLIP, at=MIB + 77), again="gone"),
    "stall": Row(f("stall", object=CLIP, at=MIB + 77)),
    "stall for good": Row(f("stall", object=CLIP, at=MIB + 77, count=EVER), light="leave",
                          text="some of its files need a person", lacks={CLIP}),
    "silent until the request": Row(f("silent", object=CLIP, at=MIB + 77, text="request")),
    "silent until the reset": Row(f("silent", object=CLIP, at=MIB + 77, text="reset")),
    "silent": Row(f("silent", object=CLIP, at=MIB + 77), again="does not answer"),
    "short-data": Row(f("short-data", object=CLIP, at=MIB + 77)),
    "short-data for good": Row(f("short-data", object=CLIP, at=MIB + 77, count=EVER), light="leave",
                               text="some of its files need a person", lacks={CLIP}),
    "zero-filled": Row(f("zero-filled", object=CLIP, at=MIB + 77)),
    "zero-filled for good": Row(f("zero-filled", object=CLIP, at=MIB + 77, count=EVER), light="leave",
                                text="some of its files need a person", lacks={CLIP}),
    "grow": Row(f("grow", object=CLIP, at=MIB + 77), extra=GROWN),
    "vanish": Row(f("vanish", object=CLIP, at=MIB + 77), light="leave", text="vanished",
                  lacks={CLIP}, extra=parts(MIB, MIB + 77)),
    "change": Row(f("change", object=CLIP, at=MIB + 77)),
    "other-bytes": Row(f("unplug", object=CLIP, at=MIB + 77), again="gone", lacks={CLIP},
                       faults_again=[f("other-bytes", object=CLIP)], then=kept_apart),
    # the shape of data and response phases
    **{name: Row(f(name)) for name in ("missing-zlp", "surplus-zlp", "surplus-byte", "split-header")},
    **{f"{name} in whole objects": Row(f(name), ops=["delete", "clock"])
       for name in ("missing-zlp", "surplus-zlp", "surplus-byte", "split-header")},
    "wrong-transaction": Row(f("wrong-transaction", op="0x95c1")),
    "wrong-transaction of the listing": Row(f("wrong-transaction", op="0x1007")),
    "wrong-response": Row(f("wrong-response", op="0x95c1", value=0x2002)),
    "wrong-type": Row(f("wrong-type", op="0x95c1")),
    "container-length": Row(f("container-length", op="0x95c1", value=5)),
    "container-length less": Row(f("container-length", op="0x95c1", value=-5)),
    "container-length for good": Row(f("container-length", op="0x1007", value=1 << 30, count=EVER),
                                     light="leave", text="answers nonsense: switch it off", lacks={"*"}),
    "junk": Row(f("junk", op="0x95c1", value=3)),
    "partial-lies": Row(f("partial-lies")),
    "slow": Row(f("slow", value=700_000)),
    # at an operation
    "unplug-at-op": Row(f("unplug-at-op", op="0x1008"), again="gone"),
    "stall-at-op": Row(f("stall-at-op", op="0x1007")),
    "silent-at-op": Row(f("silent-at-op", op="0x1008", text="request")),
    "silent-at-op for good": Row(f("silent-at-op", op="0x1007", count=EVER), again="does not answer"),
    "open-silent": Row(f("open-silent")),
    "no-cancel": Row(f("no-cancel"), f("silent", object=CLIP, at=MIB + 77, text="request")),
    "no-reset": Row(f("no-cancel"), f("no-reset"),
                    f("silent", object=CLIP, at=MIB + 77, text="request")),
    # datasets
    "info-size": Row(f("info-size", object=CLIP, value=1_000_000), light="leave", text="some of its files need a person",
                     lacks={CLIP}),
    # nothing tells that there is more than it says
    "info-size less": Row(f("info-size", object=CLIP, value=-1_000_000), lacks={CLIP},
                          extra=parts(CLIP_BYTES - 1_000_000)),
    "string-past-end": Row(f("string-past-end", op="0x1008")),
    "string-past-end in the device's": Row(f("string-past-end", op="0x1001")),
    "array-count": Row(f("array-count", op="0x1007")),
    "array-count of storages": Row(f("array-count", op="0x1004")),
    "no-time": Row(f("no-time", object=CLIP)),
    "handles-change": Row(f("handles-change"), f("stall-at-op", op="0x95c1")),
    # the tree
    "endless-listing": Row(f("endless-listing"), profile=LONG, light="leave", text="part of the camera could not be read"),
    "self-folder": Row(f("self-folder"), profile=LONG, light="leave", text="part of the camera could not be read"),
    "parent-cycle": Row(f("parent-cycle"), profile=LONG, light="leave", text="part of the camera could not be read"),
    "many-objects": Row(f("many-objects"), profile={"max_objects": 60, **LONG}, light="leave",
                        text="more objects", then=cut_at(60), lacks={"MANY/*"}),
    "hostile-names": Row(f("hostile-names"), profile=LONG, then=names_are_data),
    "duplicate-names": Row(f("duplicate-names")),
    # deleting
    "delete-refused": Row(f("delete-refused"), erase=True, light="leave", text="did not erase",
                          then=some_are_still_there),
    "delete-lies": Row(f("delete-lies"), erase=True, light="leave", text="did not erase",
                       then=some_are_still_there),
    "delete-vanished": Row(f("delete-vanished"), erase=True, then=erased_all_but()),
    # who it says it is
    "clock-1970": Row(f("clock-1970"), then=clock_was_set),
    "clock-none": Row(f("clock-none"), then=no_clock),
    "no-serial": Row(f("no-serial"), erase=True, light="leave", text="no serial number",
                     then=nothing_erased_whoever_it_is),
    "serial": Row(f("serial", text="BWC-B"), erase=True, light="leave", text="same serial number",
                  b_light="leave", then=neither_erased),
    "event-flood": Row(f("event-flood"), profile=LONG),
    # the configuration descriptor
    "no-endpoints": Row(f("no-endpoints"), light="leave", text="does not speak", lacks={"*"}),
    "endpoint-count": Row(f("endpoint-count")),
    "long-descriptor": Row(f("long-descriptor"), light="leave", text="does not speak", lacks={"*"}),
    "packet-zero": Row(f("packet-zero")),
    "packet-huge": Row(f("packet-huge")),
    "babble": Row(f("babble")),
    "total-length": Row(f("total-length")),
    # bulk-only transport
    **{name: disk(f(name, op=READ10)) for name in (
        "bot-phase", "bot-signature", "bot-tag", "bot-stall-csw", "bot-no-csw")},
    "bot-merged": disk(f("bot-merged", op=INQUIRY)),
    "bot-residue": disk(f("bot-residue", op=READ10, value=512, count=2)),
    "bot-residue for good": disk(f("bot-residue", op=READ10, value=512, count=EVER), light="leave",
                                 text="answers nonsense: switch it off", lacks={"*"}),
    "bot-max-lun": disk(f("bot-max-lun", value=-1)),
    "bot-max-lun more": disk(f("bot-max-lun", value=7)),
    "bot-signature for good": disk(f("bot-signature", op=READ10, count=EVER), light="leave",
                                   text="answers nonsense: switch it off", lacks={"*"}),
    "bot-no-csw for good": disk(f("bot-no-csw", op=READ10, count=EVER), again="does not answer"),
    "unplug of a disk": disk(f("unplug", object="lun0", at=IN_CLIP), again="gone"),
    # what the disk tells of itself
    "scsi-inquiry": disk(f("scsi-inquiry")),
    "scsi-inquiry garbage": disk(f("scsi-inquiry", text="garbage"), again=NO_CARD),
    "scsi-becoming-ready": disk(f("scsi-becoming-ready", count=3)),
    "scsi-becoming-ready for good": disk(f("scsi-becoming-ready"), again=NO_CARD),
    "scsi-attention": disk(f("scsi-attention", count=3)),
    "scsi-attention for good": disk(f("scsi-attention"), again=NO_CARD),
    "scsi-sense": disk(f("scsi-sense", op=READ10, value=0x044400)),
    "scsi-sense for good": disk(f("scsi-sense", op=READ10, value=0x044400, count=EVER),
                                light="leave", text=NO_CARD, lacks={"*"}),
    "scsi-capacity": disk(f("scsi-capacity", value=4096), light="leave",
                          text="file system is damaged", lacks={"*"}),
    "scsi-block": disk(f("scsi-block", value=0), again=NO_CARD),
    "scsi-block of others": disk(f("scsi-block", value=4096), again=NO_CARD),
    "scsi-max-read": disk(f("scsi-max-read", value=65536)),
    # what the medium gives
    "scsi-medium-error": disk(f("scsi-medium-error", object="lun0", at=IN_CLIP, count=2)),
    "scsi-medium-error for good": disk(f("scsi-medium-error", object="lun0", at=IN_CLIP),
                                       light="leave", text="some of its files need a person",
                                       lacks={CLIP}),
    "disk-unstable": disk(f("unplug", object="lun0", at=IN_CLIP), again="gone", lacks={CLIP},
                          faults_again=[f("disk-unstable", object="lun0", at=NEAR_ITS_HEAD)],
                          then=kept_apart),
    # the vendor's words
    **{f"unlock-refused by {face}": disk(f("unlock-refused"), face=face, light="leave",
                                         text="refuses to show its files", lacks={"*"})
       for face in ("dv16", "amba-request", "amba-block", "amba-text")},
    "unlock-status": disk(f("unlock-status", op=8, value=3), face="dv16"),
    "unlock-short": disk(f("unlock-short", op=3), face="dv16", light="leave", text="no serial number"),
    "unlock-short of a greeting": disk(f("unlock-short"), face="amba-block", light="leave",
                                       text="does not speak", lacks={"*"}),
    "unlock-garbage": disk(f("unlock-garbage"), face="amba-block", light="leave",
                           text="does not speak", lacks={"*"}),
    "unlock-garbage of a code": disk(f("unlock-garbage", op=2), face="dv16"),
    "unlock-silent": disk(f("unlock-silent"), face="amba-request", light="leave",
                          text="does not speak", lacks={"*"}),
    "unlock-battery": disk(f("unlock-battery", value=-7), face="dv16"),
}


def test_every_fault_has_a_row():
    known = {fault["name"] for fault in vcam.fault_names(BUILD)}
    assert known == {name for row in ROWS.values()
                     for name, _ in (*row.faults, *row.faults_again)}


# ---- one row ----

def stored(s, server):
    if server:
        parts = [bytes(data) for size, data in server.uploads.values() if len(data) == size]
    else:
        parts = [p.read_bytes() for p in (s.folder / "store").rglob("*")
                 if p.is_file() and not p.name.startswith(".") and p.suffix != ".json"]
    return {hashlib.sha256(data).hexdigest() for data in parts}


def fits(path, patterns):
    return any(path == p or (p.endswith("*") and path.startswith(p[:-1])) for p in patterns)


def tree(folder):
    return {str(p.relative_to(folder)) for p in folder.rglob("*")}


def no_program_ended(s, pids):
    for service in (s.core, s.hotplug, *s.uploaders.values()):
        assert service.starts == 1 and service.process.poll() is None, service.name
    assert [s.core.process.pid, s.hotplug.process.pid] == pids
    for name in ("dockd", "hotplug", *(f"uploader-{n}" for n in s.uploaders)):
        log = s.log(name)
        wrong = [line for line in log.splitlines() if re.search(
            r" level=fatal|event=fatal|SIGSYS|SIGSEGV|SIGABRT|Assertion|runtime error|AddressSanitizer",
            line)]
        assert not wrong, wrong


def high_water_kib(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status).group(1))


def settled(s, row):
    """A's bay shows what it must, and still does when nothing more is under way."""
    def shows():
        bay = s.bay("1")
        return bay["light"] == row.light and (row.light == "take" or re.search(row.text, bay["text"]))
    s.wait("idle", timeout=row.seconds)
    until(s, shows, f"light {row.light} and {row.text!r}")
    s.wait("bay", "2", row.b_light)


def settings_of_disks(s, profile):
    for name in ("generic-disk", "dv16", "ambarella"):
        path = s.folder / f"profiles/{name}.conf"
        path.write_text(s._profile(path.read_text(), {**profile, "logs": "none"}))


def camera_of(s, row, image):
    if row.face is None:
        return s.camera("A", contents(), **({"ops": row.ops} if row.ops is not None else {}))
    locked = {} if row.face == "disk" else {"locked": {"language": row.face, "info": {"serial": "JL00042"}}}
    return s.camera("A", usb={"serial": "BWC-A", **FACES[row.face.split("-")[0]]},
                    disk={"luns": [{"image": str(image)}]}, **locked)


def place(parameters, image):
    """Its parameters, with a place in the clip as the byte of the card at which it stands."""
    at = {IN_CLIP: MIB + 1536, NEAR_ITS_HEAD: 4096}.get(parameters.get("at"))
    if at is None:
        return parameters
    return {**parameters, "at": at + image.read_bytes().index(vcam.generate(CLIP_SEED, 0, 4096))}


def digests(row, camera):
    """What the camera has: {path: SHA-256}. A card's is not written."""
    if row.face is None:
        return {p: o["sha256"] for p, o in camera.objects(digests=True).items()}
    return {o["path"]: vcam.digest(o["seed"], o["size"]) for o in contents()}


def dock_both(s, row, server, image):
    a = camera_of(s, row, image)
    b = s.camera("B", [vcam.clip("DCIM/b.mp4", 4 * MIB, 99, mtime=DAY)], rate=2 * MIB,
                 usb={"product": PATIENT})
    for name, parameters in row.faults:
        a.fault(name, **place(parameters, image))
    had = [digests(row, a), {p: o["sha256"] for p, o in b.objects(digests=True).items()}]
    b.plug("2-1")
    until(s, lambda: s.bay("2")["docking"], "B docked")
    a.plug("1-1")
    a.docking = until(s, lambda: s.bay("1")["docking"], "A docked")
    if row.again:
        if row.again == "gone":
            a.wait("plugged", exactly=0)
            s.wait("bay", "1", "empty")
        else:
            until(s, lambda: re.search(row.again, s.bay("1")["text"]), f"text {row.again}")
            a.unplug()
        a.clear()
        for name, parameters in row.faults_again:
            a.fault(name, **place(parameters, image))
        a.plug("1-1")
    return a, b, had


def run(row, image):
    settings = {"bays": BAYS, "profile": row.profile}
    server = FaultServer() if row.erase else None
    if server:
        settings.update(erase="when-receipted", accept_receipt="length", destinations=[
            {"name": "store", "driver": "tus", "url": server.url}])
    try:
        with Station(start=False, **settings) as s:
            settings_of_disks(s, row.profile)
            s.other_profile(PATIENT, timeout_seconds=30)
            s.start()
            outside = tree(s.folder)
            pids = [s.core.process.pid, s.hotplug.process.pid]
            a, b, (a_had, b_had) = dock_both(s, row, server, image)
            settled(s, row)
            held(s, row, server, a, a_had, b, b_had)
            no_program_ended(s, pids)
            # the sanitizers keep shadow memory of their own
            assert high_water_kib(pids[0]) < (256 if "asan" in str(BUILD) else 48) << 10
            new = {p for p in tree(s.folder) - outside
                   if not re.match(r"(state|store|run|dock|cameras|logs)/", p)}
            assert new <= {"cameras"}, "written where nothing belongs"
            if row.then:
                row.then(s, a, b)
    finally:
        if server:
            server.close()


def held(s, row, server, a, a_had, b, b_had):
    """What the store has: all that it must, and nothing that no camera ever had."""
    found = stored(s, server)
    now = digests(row, a)
    for name, _ in (*row.faults, *row.faults_again):
        assert a.stats()["fired"].get(name, 0) >= 1, f"{name} did not happen"
    for path, digest in {**a_had, **now}.items():
        assert fits(path, row.lacks) or digest in found or now.get(path) in found, path
    known = set(a_had.values()) | set(now.values()) | set(b_had.values()) | row.extra
    if row.faults_again:  # other bytes wherever it is read again: what came in whole is its own
        known |= {c["sha256"] for c in s.clips() if c["path"] == CLIP}
    assert found <= known, "invented"
    assert set(b_had.values()) <= found
    clip, = [c for c in s.clips() if c["bay"] == "2"]
    assert clip["interruptions"] == 0 and clip["pulled_bytes"] == 4 * MIB, "B was disturbed"
    if row.face:
        assert a.stats()["writes_seen"] == 0
    if not row.erase:
        assert a.stats()["deletions"] == b.stats()["deletions"] == 0
    erased = {r["asset"] for r in s.ledger() if r["type"] == "erase-intent"}
    assert erased <= {r["asset"] for r in s.ledger() if r["type"] == "receipted"}


@pytest.fixture(scope="module")
def results(request):
    """The rows that were asked for run a few at a time; each test takes the end of its own."""
    names = [item.callspec.params["name"] for item in request.session.items
             if item.fspath == request.node.fspath and hasattr(item, "callspec")]
    station.programs()
    card = station.new_folder("card")
    image = make_disk(card / "card.img", {o["path"]: vcam.generate(o["seed"], 0, o["size"]) for o in contents()},
                      mtime=DAY)
    image.chmod(0o644)
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        yield {name: pool.submit(run, ROWS[name], image) for name in names}
    shutil.rmtree(card)


@pytest.mark.parametrize("name", ROWS)
def test_fault(name, results):
    results[name].result()
