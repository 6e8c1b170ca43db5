"""Programs are replaced while the station works: the core goes on with the workers it was started with."""
import os
import shutil

import pytest
from station import Station

CLIPS = [{"path": f"DCIM/100/{n}.mp4", "size": 200_000 + n} for n in range(3)]


@pytest.fixture
def replaced():
    """Puts programs of nobody in the place of some, as dpkg does; those of the other tests come back."""
    kept = []

    def replace(folder, *names):
        for name in names:
            kept.append((folder / f"{name}.kept", folder / name))
            os.link(folder / name, folder / f"{name}.kept")
            shutil.copy("/bin/false", folder / f"{name}.dpkg-new")
            os.rename(folder / f"{name}.dpkg-new", folder / name)
    yield replace
    for old, name in kept:
        os.rename(old, name)


def test_a_running_core_keeps_its_own_workers(replaced):
    with Station(bays=[{"name": "1", "port": "1-1"}, {"name": "2", "port": "1-2"}]) as s:
        s.camera("first", objects=CLIPS).plug("1-1")
        s.wait("all", "receipted")
        # Nothing of a newer version can work with a core of the old one; this does not work at all.
        replaced(s.bin, "dockd-camera", "dockd-verify")
        s.camera("second", objects=CLIPS).plug("1-2")
        s.wait("dockings", 2)
        s.wait("bay", "2", "take")
        s.wait("all", "receipted")
        assert len(s.clips()) == 6
