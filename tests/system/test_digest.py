"""dockd-verify takes the digest of a large clip in little memory."""
import os

import pytest

from fake_core import SANITIZED
from signed_clip import judge  # noqa: F401 (fixtures)


@pytest.mark.skipif(SANITIZED, reason="a sanitizer has memory of its own")
def test_four_gibibytes(judge, tmp_path):
    """Digest of 4 GiB: each byte read once, and at most 8 MiB of memory (PSS)."""
    size = 1 << 32
    path = tmp_path / "clip"
    path.touch()
    os.truncate(path, size)
    peak, read = judge.digest(path, size)
    print(f"4 GiB: {peak >> 10} KiB, {read} bytes read")
    assert peak <= 8 << 20
    assert size <= read <= size + (64 << 10)
