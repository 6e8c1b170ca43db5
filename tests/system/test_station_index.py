"""An index that is damaged, cut, closed or of another version: made anew from the ledger, by itself."""
import os
import random
import sqlite3

import pytest

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
