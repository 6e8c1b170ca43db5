"""What each program links is what the table says, no more and no less.

Asked of the programs themselves (readelf -d), so that a library cannot come in by a source file more in
the Makefile. What speaks with a server is in the uploader alone, what speaks with a device in
dockd-camera and dockd-hotplug alone, and neither of these two nor the core parses JSON.
"""

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("DOCKD_BUILD", ROOT / "build")).resolve()
SANITIZED = "asan" in str(BUILD)

LINKED = {
    # the loop, the index, the settings; digests and the station's own signatures; its children's sandbox
    "dockd": {"libsystemd", "libsqlite3", "libconfig", "libcrypto", "libseccomp"},
    # answers shown as JSON; digests and signatures of what it checks
    "dockctl": {"libconfig", "libjansson", "libcrypto"},
    # logs and manifests; digests and signatures: the only one that parses a certificate
    "dockd-verify": {"libjansson", "libcrypto", "libseccomp"},
    # no OpenSSL, no JSON: what a camera says meets nothing but our own code
    "dockd-camera": {"libusb-1.0", "libseccomp"},
    "dockd-hotplug": {"libusb-1.0", "libseccomp"},
    # TLS is libcurl's; answers of servers, digests and SigV4
    "dockd-uploader": {"libcurl", "libjansson", "libcrypto", "libssl", "libseccomp", "libexpat"},
}
# The sanitizers' own, in build/asan; there the programs have no sandbox.
OF_SANITIZERS = {"libasan", "libubsan", "libm", "libpthread", "libdl", "librt", "libgcc_s"}


def linked(program):
    """The names of the libraries, without versions, but for libc."""
    shown = subprocess.run(
        ["readelf", "-dW", BUILD / program], check=True, capture_output=True, text=True).stdout
    names = re.findall(r"\(NEEDED\).*\[(.+?)\.so[.\d]*\]", shown)
    assert "libc" in names, shown
    return set(names) - {"libc"}


@pytest.mark.parametrize("program", LINKED)
def test_a_program_links_what_the_table_says(program):
    expected, found = LINKED[program], linked(program)
    if SANITIZED:
        expected, found = expected - {"libseccomp"}, found - OF_SANITIZERS
    assert found == expected


def test_the_table_has_every_program():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.search(r"^programs := (.*)$", makefile, re.M).group(1).split() == list(LINKED)
