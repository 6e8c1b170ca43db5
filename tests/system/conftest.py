import os
import pathlib
import shutil
import sys
import tempfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import fake_core  # noqa: E402
import station  # noqa: E402


@pytest.fixture(scope="session", autouse=True)
def _programs():
    yield
    station.drop_programs()


# ---- what every test of an uploader alone begins with ----

@pytest.fixture
def folder():
    path = pathlib.Path(tempfile.mkdtemp(prefix="dockd-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def clip(folder):
    def make(size, name="clip", sparse=False):
        path = folder / name
        path.write_bytes(os.urandom(16 if sparse else size))
        os.truncate(path, size)
        return path
    return make


@pytest.fixture
def uploader(folder):
    with fake_core.Core(folder, fake_core.PROGRAM, fake_core.USER) as c:
        yield c
