"""What all tests share: a temporary folder of the session's own, and what an uploader alone is tested with.

A test that passes leaves nothing in that folder; one that fails may keep what it has, and says where.
"""
import os
import pathlib
import shutil
import sys
import tempfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
pytest.register_assert_rewrite("disk_camera", "doctor", "s3_store", "s3_uploader", "signed_clip",
                               "tus_receipts")  # they assert for the tests

import fake_core  # noqa: E402
import radosgw  # noqa: E402, F401 (before the temporary folder moves: all workers share one store)
import station  # noqa: E402
from doctor import examined  # noqa: E402, F401 (one station for all about doctor)


def pytest_sessionstart():
    if os.getuid() != 0:
        pytest.exit("each program runs as a user of its own: make check-system asks for root", 4)


class Scratch:
    """The session's temporary folder, and which failed test has kept what in it."""

    def __init__(self):
        self.folder = station.new_folder("tests")
        self.failed = False
        self.kept = set()
        self.of = {}  # name => the test during which it came
        tempfile.tempdir = os.environ["TMPDIR"] = str(self.folder)

    def there(self):
        return {p.name for p in self.folder.glob("*")}

    def end(self):
        left = self.there() - self.kept - station.kept
        if not self.there():
            self.folder.rmdir()
        assert not left, f"left in {self.folder} by tests that passed: { {p: self.of.get(p) for p in left} }"


_scratch = None


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item):
    global _scratch
    _scratch = _scratch or Scratch()
    before = _scratch.there()
    yield
    new = _scratch.there() - before
    _scratch.of |= dict.fromkeys(new, item.nodeid)
    if _scratch.failed:
        _scratch.kept |= new
        _scratch.failed = False


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport():
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        _scratch.failed = True
        report.sections.append(("temporary folder", f"{_scratch.folder}: {sorted(_scratch.there())}"))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_teardown(nextitem):
    outcome = yield
    if nextitem is None and outcome.excinfo is None:  # the fixtures of the session have ended, too
        _scratch.end()


@pytest.fixture(scope="session", autouse=True)
def _programs():
    yield
    station.drop_programs()


@pytest.fixture
def folder():
    path = station.new_folder("test")
    yield path
    shutil.rmtree(path)


@pytest.fixture
def clock(folder):
    return station.Clock(folder)


@pytest.fixture
def tmp_path(folder):
    """In place of pytest's own, which stays for three sessions and is closed to made-up users."""
    path = folder / "tmp"
    path.mkdir()
    return path


class Folders:
    def __init__(self):
        self.made = []

    def mktemp(self, name):
        self.made.append(station.new_folder(name))
        return self.made[-1]


@pytest.fixture(scope="session")
def tmp_path_factory():
    """The same for what lasts longer than a test."""
    folders = Folders()
    yield folders
    for path in folders.made:
        shutil.rmtree(path)


# ---- what every test of an uploader alone begins with ----

@pytest.fixture
def clip(folder):
    def make(size, name="clip", sparse=False):
        path = folder / name
        path.write_bytes(os.urandom(16 if sparse else size))
        os.truncate(path, size)
        return path
    return make


@pytest.fixture
def store(folder):
    """A folder as a destination: the uploader's own."""
    path = folder / "store"
    path.mkdir()
    os.chown(path, fake_core.USER, fake_core.USER)
    return path


@pytest.fixture
def uploader(folder):
    with fake_core.Core(folder, fake_core.PROGRAM, fake_core.USER) as c:
        yield c
