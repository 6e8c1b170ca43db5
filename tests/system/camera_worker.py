"""Fixtures of tests of a camera worker alone: its program, and a folder that its user may write in."""
import os
import pathlib
import shutil
import tempfile

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("DOCKD_BUILD", ROOT / "build"))


@pytest.fixture(scope="module")
def program():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="dockd-camera-"))
    folder.chmod(0o755)
    shutil.copy2(BUILD / "test/dockd-camera", folder)
    yield folder / "dockd-camera"
    shutil.rmtree(folder)


@pytest.fixture
def folder():
    path = pathlib.Path(tempfile.mkdtemp(prefix="dockd-c-"))
    path.chmod(0o777)
    yield path
    shutil.rmtree(path)
