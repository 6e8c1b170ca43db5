"""An index that is damaged, cut, closed or of another version: made anew from the ledger, by itself."""
import os
import random
import sqlite3

import pytest

from servers import FaultServer
from station import until
from station_faults import MIB, managed, once, receipted, settle, shift, texts

def garbage(n):
    return random.Random(1).randbytes(n)


def head_lost(path):
    with open(path, "r+b") as f:
        f.write(garbage(100))


def pages_lost(path):
    size = path.stat().st_size
    with open(path, "r+b") as f:
        f.seek(4096)
        f.write(garbage(size - 4096))


def cut(path):
    os.truncate(path, path.stat().st_size // 2)


def folder_in_its_place(path):
    path.unlink()
    path.mkdir()


def closed_to_us(path):
    path.chmod(0)
    os.chown(path, 0, 0)


def other_version(path):
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 4711")
    db.close()


def answers(s):
    return {c["number"]: (c["path"], c["sha256"], c["rung"]) for c in s.clips()}


@pytest.mark.parametrize("how", [head_lost, pages_lost, cut], ids=lambda f: f.__name__)
def test_index_damaged_while_it_runs(how):
    """Noticed at the next look, nothing is done on its word; made anew at once, without a person."""
    with managed() as s:
        s.start()
        camera = s.camera("A", shift(1, 30, 1000))
        camera.plug("1-1")
        settle(s)
        before = answers(s)
        two = s.camera("B", shift(2, 3, MIB))
        path = s.folder / "state/index.sqlite"
        db = sqlite3.connect(path, isolation_level=None)
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        db.execute("CREATE TABLE other(one)")  # what dockd has in memory counts no more
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        how(path)
        db.close()
        two.plug("2-1")
        until(s, lambda: s.core.starts == 2 and len(s.events("began")) == 2, "it is started again")
        assert s.events("giving-up") and s.events("index-rebuilt")
        settle(s, "2")
        assert {n: a for n, a in answers(s).items() if n in before} == before
        assert receipted(s) == 33 and s.core.starts == 2
        assert texts(s) == ""
        once(s)


@pytest.mark.parametrize("how", [folder_in_its_place, closed_to_us, other_version], ids=lambda f: f.__name__)
def test_index_of_no_use_at_a_start(how):
    with managed() as s:
        s.start()
        camera = s.camera("A", shift())
        camera.plug("1-1")
        settle(s)
        before = answers(s)
        s.keep_core = s.core.keep = False
        s.core.stop()
        how(s.folder / "state/index.sqlite")
        s.start_core()
        s.wait("bay", "1", "take")
        assert s.events("index-rebuilt") and answers(s) == before
        once(s)


def test_damaged_indexes_do_not_fill_the_disk():
    with managed() as s:
        path = s.folder / "state/index.sqlite"
        for n in range(1, 6):
            s.keep_core = False
            s.start_core()
            assert len(s.events("index-rebuilt")) == n - 1
            s.core.stop()
            path.write_bytes(b"damage %d" % n + garbage(8192))
        assert sorted(p.name for p in path.parent.glob("*.bad-*")) == [f"index.sqlite.bad-{n}" for n in (1, 2, 3)]
        assert (path.parent / "index.sqlite.bad-3").read_bytes().startswith(b"damage 4")


# ---- cells that still parse, and lie ----

def receipt_invented(db):
    db.execute("INSERT OR REPLACE INTO upload SELECT a.number, 'store', 5, 2, 0, 1, a.size, '', '', 'http://x/y', 0, 1,"
               " 0, '', '', 1, 0, 0, 1, 0, -9223372036854775808, 0, -9223372036854775808, 0, 0, 0, 0 FROM asset AS a")
    db.execute("UPDATE asset SET receipts = 1, receipted = 1, queued = 0")
    db.execute("DELETE FROM queue")


def retired_invented(db):
    db.execute("UPDATE asset SET file = 3")


def disposal_invented(db):
    db.execute("UPDATE asset SET disposed = 1")
    db.execute("INSERT INTO disposal SELECT number, 'station', 0, 0, 0 FROM asset")


def order_lost(db):
    db.execute("UPDATE preservation SET lifted = 1")


def held_here(s):
    return sum(1 for p in (s.folder / "state/staging").rglob("*") if p.is_file() and p.name.isdigit())


def change_cells(s, how):
    s.contradicted = True
    path = s.folder / "state/index.sqlite"
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    how(db)
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    db.close()


def contradicted(s, starts):
    """The act is refused, the index goes, and the next start has all of it right again."""
    until(s, lambda: s.events("index-contradicted"), "the ledger is asked")
    until(s, lambda: s.core.starts == starts + 1, "it is started again")
    until(s, lambda: s.events("index-rebuilt"), "made anew")


@pytest.mark.parametrize("how", [retired_invented, disposal_invented], ids=lambda f: f.__name__)
def test_nothing_goes_by_the_index_alone(how):
    """Retirements and disposals that the ledger does not know: every copy stays."""
    server = FaultServer()
    try:
        with managed(erase="when-receipted", accept_receipt="length",
                     destinations=[{"name": "store", "driver": "tus", "url": server.url}]) as s:
            s.start_core()
            s.start_hotplug()
            camera = s.camera("A", shift())
            camera.plug("1-1")
            s.wait("all", "checked")
            s.wait("bay", "1", "take")
            before = answers(s)
            s.keep_core = s.core.keep = False
            s.core.stop()
            change_cells(s, how)
            s.keep_core = True
            s.start_core()
            contradicted(s, 1)
            s.ctl("status", connect=True)
            assert answers(s) == before and held_here(s) == 3 and camera.stats()["deletions"] == 0
            assert {r["type"] for r in s.ledger()}.isdisjoint({"erase-intent", "retired", "dispose-intent", "disposed"})
            s.start_uploader("store")
            settle(s)
            until(s, lambda: camera.stats()["deletions"] == 3, "erased by receipts that there are")
            assert receipted(s) == 3 and texts(s) == ""
            once(s)
    finally:
        server.close()


def test_a_receipt_that_only_the_index_has():
    """The gate is open by the index; the ledger is asked, and only then it is sent, and erased."""
    server = FaultServer()
    try:
        with managed(erase="when-receipted", accept_receipt="length",
                     destinations=[{"name": "store", "driver": "tus", "url": server.url}]) as s:
            s.start_core()
            s.start_hotplug()
            camera = s.camera("A", shift())
            camera.plug("1-1")
            s.wait("all", "checked")
            s.keep_core = s.core.keep = False
            s.core.stop()
            change_cells(s, receipt_invented)
            s.keep_core = True
            s.start_core()
            s.start_uploader("store")
            contradicted(s, 1)
            s.ctl("status", connect=True)
            settle(s)
            until(s, lambda: camera.stats()["deletions"] == 3, "erased by receipts that there are")
            known = set()
            for r in s.ledger():
                known |= {r["asset"]} if r["type"] == "receipted" else set()
                assert r["type"] != "erase-intent" or r["asset"] in known
            once(s)
    finally:
        server.close()


def test_an_order_that_the_index_has_lost():
    """What the ledger preserves is not erased because the index says that the order was lifted."""
    server = FaultServer()
    try:
        with managed(erase="when-receipted", accept_receipt="length",
                     destinations=[{"name": "store", "driver": "tus", "url": server.url}]) as s:
            s.start_core()
            s.start_hotplug()
            camera = s.camera("A", shift())
            camera.plug("1-1")
            s.wait("all", "checked")
            s.ctl("preserve", "docking", 1, "--reason", "asked for")
            s.keep_core = s.core.keep = False
            s.core.stop()
            change_cells(s, order_lost)
            s.keep_core = True
            s.start_core()
            s.start_uploader("store")
            contradicted(s, 1)
            s.ctl("status", connect=True)
            settle(s)
            until(s, lambda: {c["reason"].split(":")[0] for c in s.clips()} == {"preserved"}, "the gate says why")
            assert camera.stats()["deletions"] == 0 and held_here(s) == 3
    finally:
        server.close()
