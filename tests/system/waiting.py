"""Waiting for what tells nobody: looked at again and again, within bounds."""
import select
import time


def until(condition, what="what is waited for", wait=60, every=0.005):
    """What condition() returns once that is true. what: words, or a callable that finds them."""
    end = time.monotonic() + wait
    while True:
        got = condition()
        if got:
            return got
        assert time.monotonic() < end, f"{what() if callable(what) else what}: not within {wait} s"
        select.select([], [], [], every)
