import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import station  # noqa: E402


@pytest.fixture(scope="session", autouse=True)
def _programs():
    yield
    station.drop_programs()
