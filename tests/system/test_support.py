"""dockctl support: an archive for those who help: what is in it, and above all what is not."""
import json
import os
import shutil
import subprocess
import tarfile

import pytest
from station import ROLES, ROOT, Station, as_user

SECRETS = ["hunter2-abcdef", "S3CR3T-access-key", "eyJhbGciOi.token", "MC4CAQAwBQYDK2VwBCIEIAcafe"]
WORDS = ["tangerine paperclip", "p@ss-w0rd"] # a blank, and what ends a user's name
CLIP = {"path": "DCIM/100/PC_Jane_Doe.mp4", "size": 300_000}
OFFICER, UNIT = "777001", "unit-9"


@pytest.fixture(scope="module")
def station():
    with Station(bays=[{"name": "1", "port": "1-1"}]) as s:
        s.camera("one", objects=[CLIP]).plug("1-1")
        s.wait("dockings", 1)
        s.wait("all", "receipted")
        s.ctl("camera", "assign", s.bay("1")["camera"], "--officer", OFFICER, "--unit", UNIT, "--reason", "shift")
        # secrets where somebody might put them: files of their own, and texts that are none for them
        (s.folder / "evidence.keys").write_text(f"{SECRETS[0]}\n{SECRETS[1]}\n")
        with (s.folder / "dockd.conf").open("a") as conf:
            conf.write(f'# passphrase = "correct horse {WORDS[0]}"\n# http://user:{WORDS[1]}@proxy:3128/\n')
            conf.write(f'# Authorization: Bearer {SECRETS[2]}\n# password = "{SECRETS[0]}"\n'
                       f"# proxy was http://user:{SECRETS[1]}@proxy:3128/\n"
                       f"# -----BEGIN PRIVATE KEY-----\n# {SECRETS[3]}\n# -----END PRIVATE KEY-----\n")
        yield s


def support(s, tmp_path, *args, uid=None, groups=()):
    folder = tmp_path / f"out{len(list(tmp_path.iterdir()))}"
    folder.mkdir()
    folder.chmod(0o777)
    shutil.copy2(ROOT / "packaging/dockd-support", s.bin)
    command = [s.bin / "dockd-support", "--dockctl", s.bin / "dockctl", "--socket",
               s.folder / "run/control.sock", "--config", s.folder / "dockd.conf", "--json", *args]
    done = subprocess.run([*(as_user(uid, *groups) if uid else []), *command], cwd=folder, env={**os.environ, "TMPDIR": str(folder)},
                          capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    path = folder / said["file"]
    assert path.stat().st_mode & 0o777 == 0o600
    with tarfile.open(path) as tar:
        parts = {m.name.split("/", 1)[1]: tar.extractfile(m).read() for m in tar if m.isfile()}
    assert set(parts) == set(said["parts"])
    return said, parts


def test_no_footage_and_no_secret_is_in_it(station, tmp_path):
    said, parts = support(station, tmp_path)
    whole = b"\n".join(parts.values())
    for secret in (*SECRETS, "paperclip", "ss-w0rd"):
        assert secret.encode() not in whole, secret
    footage = next(p for p in (station.folder / "store").rglob("*")
                   if p.is_file() and p.stat().st_size == CLIP["size"]).read_bytes()
    for at in range(0, len(footage) - 16, 4096):
        assert footage[at:at + 16] not in whole
    key = (station.folder / "state/station.key").read_bytes()
    assert key.splitlines()[1] not in whole
    ledger = next((station.folder / "state/ledger").glob("*[0-9]*")).read_bytes()
    assert not any(line in whole for line in ledger.splitlines() if len(line) > 40)
    assert b"Jane" not in parts["queue.json"]
    # and what is: what a helper looks at first, and which personal data that is
    assert json.loads(parts["status.json"])["assets"] == 1
    assert b"bays = " in parts["config.txt"] and station.bay("1")["camera"].encode() in parts["bays.json"]
    readme = parts["README.txt"].decode()
    for words in ("no footage", "serial numbers of cameras", "ids of officers", "Not in it"):
        assert words in readme
    assert all(m.split(":")[0] in readme for m in said["missing"])


def test_ids_can_be_left_out(station, tmp_path):
    said, parts = support(station, tmp_path, "--without-ids")
    whole = b"\n".join(parts.values())
    assert said["ids"] is False
    serial = station.bay("1")["camera"]
    for identity in (serial, OFFICER, UNIT):
        assert identity.encode() not in whole, [n for n, p in parts.items() if identity.encode() in p]
    assert json.loads(parts["bays.json"])["bays"][0]["camera"].startswith("camera-")
    assert "replaced by words" in parts["README.txt"].decode()


def test_a_log_that_is_a_link_is_not_followed(station, tmp_path):
    """Its folder is the service's, and root makes the archive."""
    hidden = tmp_path / "shadow"
    hidden.write_text("root:$6$hidden\n")
    (tmp_path / "dockd.log").symlink_to(hidden)
    (tmp_path / "dockd.conf").write_text(f'log = "{tmp_path}/dockd.log";\n')
    said, parts = support(station, tmp_path, "--config", str(tmp_path / "dockd.conf"))
    assert b"hidden" not in b"".join(parts.values()) and any(m.startswith("log.txt") for m in said["missing"])
    (tmp_path / "dockd.log").unlink()
    (tmp_path / "dockd.log").write_text("event=started\n")
    said, parts = support(station, tmp_path, "--config", str(tmp_path / "dockd.conf"))
    assert b"event=started" in parts["log.txt"]


def test_who_has_no_role_gets_what_he_may_see(station, tmp_path):
    said, parts = support(station, tmp_path, uid=64066, groups=[64099])
    assert "status.json" not in parts and any("status.json" in m for m in said["missing"])
    said, parts = support(station, tmp_path, uid=64066, groups=[ROLES["it"]])
    assert json.loads(parts["status.json"])["station"]


def test_nothing_is_written_over(station, tmp_path):
    there = tmp_path / "there.tar.gz"
    there.write_text("mine")
    done = subprocess.run([ROOT / "packaging/dockd-support", str(there)], capture_output=True,
                          text=True, timeout=60)
    assert done.returncode == 1 and "there already" in done.stderr and there.read_text() == "mine"
    assert subprocess.run([ROOT / "packaging/dockd-support", "--days", "x"], capture_output=True,
                          timeout=60).returncode == 2
    assert os.listdir(tmp_path) == ["there.tar.gz"]
