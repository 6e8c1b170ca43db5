"""The Debian package in a real Debian root: installed, upgraded, removed, purged (make check-deb).

What it puts there is what is listed, nothing else stays behind, and evidence stays whatever is done.
"""
import fnmatch
import hashlib
import os
import pathlib
import re
import subprocess

import pytest
from station_root import TREE, Base, Root, repacked

DEB = pathlib.Path(os.environ.get("DOCKD_DEB") or max((TREE / "build").glob("dockd_*.deb"), default="none"))
CONF = "/etc/dockd/dockd.conf"
LINKS = ["etc/systemd/system/multi-user.target.wants/dockd.service",
         "etc/systemd/system/dockd.service.wants/dockd-hotplug.service",
         "etc/systemd/system/dockd.service.wants/dockd-uploader@local.service"]
USERS = {"dockd", "dockd-hotplug", "dockd-uploader"}
ROLES = {"dockd-viewer", "dockd-custodian", "dockd-evidence", "dockd-auditor", "dockd-it"}
BAD = 'take-when = "tomorrow";\n'


@pytest.fixture(scope="module")
def base():
    made = Base()
    yield made
    made.close()


@pytest.fixture
def root(base):
    made = Root(base)
    yield made
    made.close()


@pytest.fixture(scope="module")
def older(tmp_path_factory):
    """The version before: other defaults in its configuration, and a program that is no more."""
    def change(inside):
        conf = inside / "etc/dockd/dockd.conf"
        conf.write_text("# of an older version\n" + conf.read_text())
        (inside / "usr/libexec/dockd/dockd-former").write_text("#!/bin/sh\n")
    return repacked(DEB, tmp_path_factory.mktemp("older"), "0.0.9", change)


def leave_evidence(root):
    """A station that has worked: ledger, key, a staged clip, a delivered one, and a secret of its own."""
    users = {name: number for number, name in root.ids()[0].items()}
    kept = {"/var/lib/dockd/ledger/000001": "dockd", "/var/lib/dockd/station.key": "dockd",
            "/var/lib/dockd/staging/aa/bb/clip": "dockd",
            "/var/lib/dockd-uploader/local/clip": "dockd-uploader",
            "/etc/dockd/evidence.key": "dockd-uploader"}
    for name, owner in kept.items():
        root.write(name, f"what {name} holds", 0o400)
        os.chown(root / name, users[owner], users[owner])
    os.chmod(root / "var/lib/dockd", 0o700)
    return {name: ((root / name).read_text(), (root / name).stat().st_uid) for name in kept}


def still_there(root, kept):
    return {name: ((root / name).read_text(), (root / name).stat().st_uid) for name in kept
            if (root / name).exists()} == kept


def test_it_ships_what_is_listed():
    listed = [line.split() for line in (TREE / "tests/packaging/contents").read_text().splitlines()
              if line[:1] not in ("#", "")]
    shown = subprocess.run(["dpkg", "-c", DEB], capture_output=True, text=True, check=True).stdout
    used, folders, strange = set(), set(), []
    for line in shown.splitlines():
        kind, owner, _, _, _, path = line.split(None, 5)
        path = path.removeprefix(".")
        assert owner == "root/root", line
        if kind.startswith("d"):
            assert kind == "drwxr-xr-x", line
            folders.add(path.rstrip("/"))
            continue
        mode = {"-rw-r--r--": "0644", "-rwxr-xr-x": "0755"}.get(kind)
        found = [(m, p) for m, p in listed if fnmatch.fnmatchcase(path, p) and m == mode]
        strange += [] if found else [f"{mode or kind} {path}"]
        used.update(found)
        for up in pathlib.PurePath(path).parents:
            folders.discard(str(up).rstrip("/"))
    assert not strange, "shipped, and not listed in tests/packaging/contents"
    assert {tuple(row) for row in listed} == used, "listed, and not shipped"
    assert not folders, f"empty: {folders}"


def test_a_fresh_station(root):
    before = root.snapshot()
    said = root.install(DEB)
    # Users and groups, and who is in which.
    groups = {r.split(":")[0]: r.split(":")[3] for r in (root / "etc/group").read_text().splitlines()}
    assert USERS | ROLES <= set(groups)
    assert set(groups["dockd"].split(",")) == {"dockd-hotplug", "dockd-uploader"}
    assert not any(groups[role] for role in ROLES)
    for row in (root / "etc/passwd").read_text().splitlines():
        if row.split(":")[0] in USERS:
            assert row.endswith("/usr/sbin/nologin")
    assert root.modes("/etc/dockd", "/etc/dockd/profiles", CONF) == {
        "/etc/dockd": "0750 root:dockd", "/etc/dockd/profiles": "0750 root:dockd", CONF: "0640 root:dockd"}
    # The service can read its configuration, and takes it.
    assert "configuration is good" in root.run(
        "setpriv", "--reuid=dockd", "--regid=dockd", "--init-groups", "dockd", "--check-config")
    # All is set to start, with the embedded default.
    assert all((root / link).is_symlink() for link in LINKS)
    assert root.modes("/var/lib/dockd") == {"/var/lib/dockd": "0700 dockd:dockd"}
    assert not list((root / "var/lib/dockd").iterdir()) and not (root / "var/lib/dockd-uploader").exists()
    # On a plain volume it says so, and never allows it by itself.
    assert "takes NOTHING IN" in said and "dockd-provision volume" in said
    assert not re.search(r"^\s*allow-plaintext", (root / CONF).read_text(), re.M)
    assert root.run("dpkg", "--verify", "dockd") == ""
    assert (root / "initramfs-asked").exists()
    version = re.search(r"_(.*)_", DEB.name).group(1)
    assert root.run("dockctl", "--version") == f"dockctl {version}\n"
    # Nothing is there but what is shipped, what is enabled, and what sysusers and tmpfiles make.
    shipped = {line.lstrip("/") for line in root.run("dpkg", "-L", "dockd").splitlines()}
    new = {name for name in root.snapshot() if name not in before} - shipped - {
        "etc/dockd/profiles", "var/lib/dockd", *LINKS}
    new = {name for name in new if not name.startswith(("var/lib/systemd/deb-systemd-helper-enabled",
                                                        "etc/systemd/system/dockd.service.wants"))}
    assert not {name for name in new if f"/{name}" not in shipped and not any(
        s.startswith("lib/") and name == f"usr/{s}" for s in shipped)}


def test_the_startup_image_is_made_anew_only_where_the_module_options_changed(root, older):
    """It takes a minute on a small PC, in which the station would be without its service."""
    asked = root / "initramfs-asked"

    def times():
        return len(asked.read_text().splitlines()) if asked.exists() else 0

    root.install(older)
    root.install(DEB)  # they changed since the version before
    before = times()
    assert before
    root.install(repacked(DEB, root.folder, re.search(r"_(.*)_", DEB.name).group(1) + "+next", lambda inside: None))
    assert times() == before
    root.apt("remove", "dockd")
    assert times() > before
    # Whoever changes the options says in the postinst since which version, and here for which bytes that holds.
    postinst = (TREE / "packaging/debian/dockd.postinst").read_text()
    digest = hashlib.sha256((TREE / "etc/modprobe.d/dockd.conf").read_bytes()).hexdigest()
    assert (re.search(r'"\$1" lt ([0-9.~]+);', postinst)[1], digest[:16]) == ("0.1.0", "a384486849119774")


def test_units_and_rules_are_understood(root):
    root.install(DEB)
    said = root.run("systemd-analyze", "verify", "--man=no", "dockd.service", "dockd-hotplug.service",
                    "dockd-uploader@local.service")
    assert said == ""
    # udev reads its rules before anything else, and names each line that it does not understand.
    said = root.run("sh", "-c", "mkdir -p /sys && mount -t sysfs -o ro sys /sys && "
                                "udevadm test /sys/devices/virtual/mem/null 2>&1")
    rules = [path.name for path in (root / "usr/lib/udev/rules.d").glob("*dockd*")]
    assert len(rules) >= 3
    assert all(f"Reading rules file: /usr/lib/udev/rules.d/{name}" in said for name in rules)
    assert not [line for line in said.splitlines() if re.search(r"dockd[a-z-]*\.rules:\d+", line)]


def test_log_files_are_rotated_as_the_service(root):
    root.install(DEB)
    root.play_systemd()
    log = root / "var/log/dockd/dockd.log"
    root.write("/var/log/dockd/dockd.log", "a line\n")
    number = {name: n for n, name in root.ids()[0].items()}["dockd"]
    for path in (log.parent, log):
        os.chown(path, number, number)
    root.run("logrotate", "--force", "/etc/logrotate.d/dockd")
    assert (log.parent / "dockd.log.1").read_text() == "a line\n"
    assert root.modes("/var/log/dockd/dockd.log", "/var/log/dockd/dockd.log.1")[
        "/var/log/dockd/dockd.log"] == "0640 dockd:dockd"
    assert root.asked() == ["reload dockd.service"]
    # Nothing to rotate is no error, and asks nobody.
    log.unlink()
    (log.parent / "dockd.log.1").unlink()
    root.run("logrotate", "--force", "/etc/logrotate.d/dockd")
    assert root.asked() == []


def test_upgrade_keeps_what_the_station_has(root, older):
    root.install(older)
    kept = leave_evidence(root)
    root.write(CONF, 'station = "castle-street";\n', 0o640)
    (root / LINKS[2]).unlink()  # as systemctl disable does
    (root / "etc/systemd/system/dockd.service.wants/dockd-uploader@evidence.service").symlink_to(
        "/lib/systemd/system/dockd-uploader@.service")
    # The question of dpkg has an answer: the station's own stays, the new one lies beside it.
    said = root.install(DEB, "-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold")
    assert "castle-street" in (root / CONF).read_text()
    assert (root / f"{CONF}.dpkg-dist").exists()
    assert "station castle-street" in said
    assert not (root / LINKS[2]).exists() and (root / LINKS[0]).is_symlink()
    assert (root / "etc/systemd/system/dockd.service.wants/dockd-uploader@evidence.service").is_symlink()
    assert not (root / "usr/libexec/dockd/dockd-former").exists()
    assert still_there(root, kept)
    assert root.modes(CONF)[CONF] == "0640 root:dockd"


def test_an_untouched_configuration_is_replaced_without_a_question(root, older):
    root.install(older)
    root.install(DEB)
    assert not (root / CONF).read_text().startswith("# of an older version")
    assert not list((root / "etc/dockd").glob("*.dpkg-*"))
    # And back: an older version takes the place of a newer one.
    root.install(older)
    assert (root / CONF).read_text().startswith("# of an older version")
    root.apt("install", "--reinstall", root.put(older))
    assert root.run("dpkg", "--verify", "dockd") == ""


def test_running_services_are_restarted_only_by_a_version_that_takes_the_configuration(root, older):
    root.install(older)
    root.write(CONF, BAD)
    root.play_systemd()
    code, said = root.install(DEB, "-o", "Dpkg::Options::=--force-confold", check=False)
    assert code != 0
    assert "take-when" in said and "dpkg --configure dockd" in said and "still runs" in said
    assert not [line for line in root.asked() if "dockd" in line], "the old service is left alone"
    # Mended, it goes on where it was.
    root.write(CONF, 'station = "castle-street";\n')
    root.run("dpkg", "--configure", "dockd")
    assert root.asked() == ["--quiet --system restart dockd.service"]
    assert root.run("dpkg-query", "-W", "-f", "${db:Status-Status}", "dockd") == "installed"


def test_a_service_that_does_not_come_back_fails_the_upgrade(root, older):
    root.install(older)
    root.play_systemd(fails=True)
    code, said = root.install(DEB, check=False)
    assert code != 0
    assert "dockd.service has not started" in said and "The version before this one was 0.0.9" in said
    root.play_systemd()
    root.run("dpkg", "--configure", "dockd")


def test_removal_keeps_configuration_and_evidence(root):
    root.play_systemd()
    root.install(DEB)
    assert root.asked() == ["--quiet --system start dockd.service"]
    kept = leave_evidence(root)
    root.write(CONF, 'station = "castle-street";\n')
    root.apt("remove", "dockd")
    stopped = root.asked()
    assert len(stopped) == 1 and stopped[0].split()[0] == "stop" and "dockd.service" in stopped[0].split()
    assert not (root / "usr/sbin/dockd").exists()
    assert "castle-street" in (root / CONF).read_text()
    assert still_there(root, kept)
    # Installed again, it is the same station.
    root.install(DEB)
    assert "castle-street" in (root / CONF).read_text()
    assert all((root / link).is_symlink() for link in LINKS)
    assert still_there(root, kept)
    assert root.asked() == ["--quiet --system restart dockd.service"]


def test_purge_never_takes_evidence(root):
    root.install(DEB)
    kept = leave_evidence(root)
    root.write("/var/log/dockd/dockd.log.1.gz", "")
    said = root.apt("purge", "dockd")
    assert still_there(root, kept)
    assert root.modes("/var/lib/dockd")["/var/lib/dockd"].startswith("0700")
    for folder in ("/etc/dockd", "/var/lib/dockd", "/var/lib/dockd-uploader"):
        assert f"  {folder}: " in said
    assert "never removed with the package" in said
    assert not (root / CONF).exists() and not (root / "etc/logrotate.d/dockd").exists()
    assert not (root / "var/log/dockd").exists()
    # Kept files go on having an owner.
    assert USERS | ROLES <= {r.split(":")[0] for r in (root / "etc/group").read_text().splitlines()}
    # The next installation takes the old state up again.
    root.install(DEB)
    assert still_there(root, kept)


def test_purge_leaves_nothing_else(root):
    before = root.snapshot()
    root.install(DEB)
    (root / "etc/systemd/system/dockd.service.wants/dockd-uploader@evidence.service").symlink_to(
        "/lib/systemd/system/dockd-uploader@.service")
    for folder in ("var/lib/dockd", "var/lib/dockd-uploader/local"):  # begun, and nothing in them
        (root / folder).mkdir(parents=True, exist_ok=True)
    said = root.apt("purge", "dockd")
    assert "Kept" not in said
    after = root.snapshot()
    assert {name for name in after if name not in before} == set()
    assert {name for name in before if name not in after} == set()
    assert {name for name in before if "dockd" in name and before[name] != after[name]} == set()
