"""Sixty cases of randomised faults (soak.py), their seeds printed; SOAK_SEED runs the same again."""
import os
import random


import soak


def test_nothing_is_erased_wrongly():
    seed = int(os.environ.get("SOAK_SEED") or random.SystemRandom().randrange(1, 10**6))
    print(f"SOAK_SEED={seed}")
    total, wrong = soak.run(int(os.environ.get("SOAK_CASES", "60")), seed,
                            3 * (os.cpu_count() or 1))
    assert not wrong
    assert total["erased wrongly"] == 0 and total["erased rightly"] > 0
    assert total["lost at the server"] == total["lost: sent again"]
