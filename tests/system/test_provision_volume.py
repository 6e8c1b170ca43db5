"""dockd-provision volume, as far as it goes without a disk: what counts as empty, and may be taken unasked.

Making, opening and moving onto one is tests/lab/volume.py's.
"""
import subprocess

import pytest
from station import ROOT

MIB = 1 << 20


def look_at(path):
    script = 'mapping=dockd-volume me=dockd-provision; . "$0"; look_at "$1"'
    return subprocess.run(["bash", "-euo", "pipefail", "-c", script, ROOT / "packaging/provision-volume.sh", path],
                          capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def disk(tmp_path):
    path = tmp_path / "disk"
    path.write_bytes(b"")
    with path.open("r+b") as f:
        f.truncate(64 * MIB)
    return path


def test_a_disk_of_zeros_is_empty(disk):
    assert look_at(disk) == "empty"


@pytest.mark.parametrize("make", ["mkfs.ext4 -q {}", "mkswap {}", "echo ',,L' | sfdisk -q {}",
                                  "tar -cf {} /etc/hostname", "head -c 8M /dev/urandom | dd of={} conv=notrunc status=none",
                                  "printf x | dd of={} bs=1 seek=1000000 conv=notrunc status=none"])
def test_what_holds_something_is_not(disk, make):
    subprocess.run(make.format(disk), shell=True, check=True, capture_output=True)
    assert look_at(disk) == "other"


def test_what_cannot_be_read_is_not(tmp_path):
    assert look_at(tmp_path) == "other"
    assert look_at(tmp_path / "none") == "other"


def test_one_that_was_begun_is_told_from_one_that_is_ready(disk, tmp_path):
    key = tmp_path / "key"
    key.write_bytes(b"k" * 32)
    for subsystem, word in (("dockd-begun", "begun"), ("dockd-ready", "ready"), ("other", "other")):
        subprocess.run(["cryptsetup", "luksFormat", "--type", "luks2", "-q", "--label", "dockd-volume", "--subsystem", subsystem,
                        "--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000", "--key-file", key, disk], check=True)
        assert look_at(disk) == word
