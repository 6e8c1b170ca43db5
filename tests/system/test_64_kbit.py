"""A line of 64 kbit/s: a clip on every way to every server, all at once.

Each has a line of its own, so all of them wait nearly all of the time. No request may last so long
that a server or a proxy ends it for that, and none is silent while the kernel has bytes on the line.
One of 1 MB takes longest, two minutes, straight to each server; its file is the first of all, so that
its worker waits while the others work.
"""
import random

from test_matrix import rows, together
from ways import FRONTS, PROTOCOLS, Servers

RATE = 64_000 // 8
SIZE, LONG = 160_000, 1_000_000
STALL_MS = 10_000  # less than a piece takes that libcurl hands over at once


def through(row):
    """In one go: not a byte of it twice."""
    row.check(row.send(wait=300), 0, 0)


def test_64_kbit_a_second(folder):
    rng = random.Random(1)
    fronts = [f for f in FRONTS if f != "direct"]
    with (Servers() as servers,
          rows(PROTOCOLS, servers, folder, rng, LONG, STALL_MS, ["direct"], rate=RATE) as long,
          rows(PROTOCOLS, servers, folder, rng, SIZE, STALL_MS, fronts, rate=RATE) as made):
        together(long + made, through)
