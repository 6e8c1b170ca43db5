"""Memory runs out: what the kernel kills is asked again, and nothing is put down as found by it.

That a camera's worker is killed is in test_docking.py, that none can be started in test_station_limits.py.
"""
import hashlib
import os

import pki
from station import CORE, Station
from station_faults import BAYS, DAY, QUICK, once, receipted, settle

SERIAL = "BWC-A"
CLIP = b"recorded and signed\n" * 5000
SCRIPT = """#!/bin/sh
read n < {left}
if [ $n -gt 0 ]; then
    echo $((n - 1)) > {left}
    kill -KILL $$
fi
exec {program} "$@"
"""


class Killing(Station):
    """Its dockd-verify is killed as it begins, so many times."""

    def __init__(self, **settings):
        super().__init__(start=False, bays=BAYS, verify_jobs=1, **settings)
        program, own = self.bin / "dockd-verify", self.folder / "bin"
        own.mkdir()
        for path in self.bin.iterdir():
            if path != program:
                (own / path.name).symlink_to(path)
        self.bin = own
        self.left = self.folder / "left"
        self.times(0)
        self.start()
        # not before: the core would open it, and a script that was opened is not found by its reader
        script = own / "dockd-verify"
        script.write_text(SCRIPT.format(left=self.left, program=program))
        script.chmod(0o755)

    def times(self, n):
        self.left.write_text(f"{n}\n")
        os.chown(self.left, CORE, CORE)


def test_verify_is_killed_again_and_again(folder):
    """As often as a person would be called for, were it the file's fault."""
    key = pki.new_key(folder / "key", "ED25519")
    (folder / "key.pub").write_bytes(pki.run("pkey", "-in", key, "-pubout"))
    line = f'{{"length":{len(CLIP)},"serial":"{SERIAL}","sha256":"{hashlib.sha256(CLIP).hexdigest()}"}}\n'
    (folder / "a.mp4").write_bytes(CLIP)
    (folder / "a.sig").write_bytes(pki.ed25519(line.encode(), key, folder))
    objects = []
    for name in ("a.mp4", "a.sig"):
        (folder / name).chmod(0o644)
        objects.append({"path": f"DCIM/{name}", "size": (folder / name).stat().st_size, "mtime": DAY,
                        "file": str(folder / name)})
    with Killing(profile={**QUICK, "signing": "ed25519"}) as s:
        s.times(3)
        s.camera("A", objects).plug("1-1")
        settle(s)
        assert receipted(s) == 2 and s.left.read_text() == "0\n"
        told, = s.events("worker-start")
        assert "memory" in told and "tried again" in told
        s.times(3)
        s.ctl("camera", "enroll", SERIAL, folder / "key.pub", "--scheme", "ed25519", "--reason", "first key")
        s.wait("idle")
        assert s.left.read_text() == "0\n" and len(s.events("worker-start")) == 2
        assert [r["result"] for r in s.ledger() if r["type"] == "signature"] == ["untrusted-signer", "valid"]
        assert not [r for r in s.ledger() if r["type"] == "trouble"] and not s.events("verify-failed")
        once(s)
