"""A line of 64 kbit/s: a clip on every way to every server, all at once.

Each has a line of its own, so all of them wait nearly all of the time. No request may last so long
that a server or a proxy ends it for that.
"""
import random

from test_matrix import rows, together
from ways import PROTOCOLS, Servers

RATE = 64_000 // 8
SIZE = 160_000


def through(row):
    """In one go: not a byte of it twice."""
    row.check(row.send(), 0, 0)


def test_64_kbit_a_second(folder):
    rng = random.Random(1)
    with Servers() as servers, rows(PROTOCOLS, servers, folder, rng, SIZE, 30000, rate=RATE) as made:
        together(made, through)
