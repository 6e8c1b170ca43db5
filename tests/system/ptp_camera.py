"""A simulated camera that speaks PTP, plugged, and a host that has opened it: the simulator's own tests.

The host (initiator.py) shares no code with the worker's.
"""
import os
import pathlib

import pytest

from initiator import Ptp
from vcam import Camera, clip

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("DOCKD_BUILD", ROOT / "build")).resolve()
MIB = 1 << 20
A = "DCIM/100/a.mp4"
WHOLE = 512 * 10 - 12  # with its container's head a multiple of a packet


@pytest.fixture
def camera(folder):
    objects = [clip(A, 3 * MIB, 7), clip("DCIM/100/whole", WHOLE, 8), clip("log.txt", bytes="one\n",
               size=0), clip("empty", 0), clip("huge", 5 << 30, 9)]
    with Camera(BUILD, folder, "A", objects=objects) as c:
        c.plug("1-2.1")
        yield c


@pytest.fixture
def ptp(camera):
    p = connect(camera)
    yield p
    p.close()


def connect(camera, open_session=True, **more):
    p = Ptp(camera.socket_path, **more)
    if open_session:
        p.open()
    return p


def handle(p, path):
    return p.walk()[path][0]
