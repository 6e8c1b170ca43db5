"""The station's figures: well formed, right against a scripted docking, and right after a restart."""
import json
import re
import signal
import subprocess
import time

from exposition import Exposition
from station import ROOT, Clock, Station, new_folder, until

RULES = ROOT / "etc/prometheus/dockd.rules.yml"
DAY = 86400
# Figures of a station at which all is well, 1970 being now; what is not here is as a real one told it.
WELL = {
    'dockd_station_light{light="well"}': 1, 'dockd_station_light{light="away"}': 0,
    'dockd_station_light{light="needs-it"}': 0, "dockd_plaintext": 0, "dockd_clock_synchronised": 1,
    "dockd_start_time_seconds": 0, "dockd_buffer_days": 30, "dockd_disk_free_bytes": 1e12,
    "dockd_disk_reserve_bytes": 5e10, 'dockd_destination_away{destination="store"}': 0,
    "dockd_checkpoint_records": 100, "dockd_ledger_records": 100, "dockd_checkpoint_time_seconds": 0,
    'dockd_certificate_expiry_time_seconds{destination="store",which="client"}': 300 * DAY,
    'dockd_signatures_total{result="valid"}': 100, 'dockd_signatures_total{result="mismatch"}': 0,
    'dockd_receipts_refused_total{destination="store",result="bad-signature"}': 0,
    'dockd_receipts_lost_total{destination="store"}': 0, "dockd_cameras_overdue": 0,
}
MTIME = 'node_textfile_mtime_seconds{file="/run/dockd/metrics/dockd.prom"}'
CLIENT = 'dockd_certificate_expiry_time_seconds{destination="store",which="client"}'
# What is wrong, and which rules fire for it. Values in promtool's words where they are no numbers.
WRONG = {
    "nothing": ({}, []),
    "light": ({'dockd_station_light{light="needs-it"}': 1}, ["DockdNeedsIT"]),
    "stale": ({MTIME: 0}, ["DockdDown"]),
    "gone": ({"dockd_start_time_seconds": "stale"}, ["DockdDown"]),
    "restarts": ({"dockd_start_time_seconds": "0+300x120"}, ["DockdRestarts"]),
    "stopped": ({"dockd_intake_stopped": 1}, ["DockdIntakeStopped"]),
    "hotplug": ({"dockd_hotplug_connected": 0}, ["DockdHotplugAway"]),
    "away": ({'dockd_destination_away{destination="store"}': 1}, ["DockdDestinationAway"]),
    "person": ({'dockd_destination_needs_person{destination="store"}': 1},
               ["DockdDestinationNeedsPerson"]),
    "late": ({'dockd_destination_late{destination="store"}': 1}, ["DockdDeliveryLate"]),
    "oldest": ({"dockd_oldest_unsent_seconds": 4 * DAY}, ["DockdOldestUnsent"]),
    "buffer 2": ({"dockd_buffer_days": 2}, ["DockdBufferLow"]),
    "buffer 0": ({"dockd_buffer_days": 0.5}, ["DockdBufferGone"]),
    "reserve": ({"dockd_disk_free_bytes": 6e10}, ["DockdDiskReserve"]),
    "60": ({CLIENT: 50 * DAY}, ["DockdCertificateEnds60"]),
    "30": ({CLIENT: 20 * DAY}, ["DockdCertificateEnds30"]),
    "7": ({CLIENT: 5 * DAY}, ["DockdCertificateEnds7"]),
    "ended": ({CLIENT: -DAY}, ["DockdCertificateEnds7"]),
    "overdue": ({"dockd_cameras_overdue": 3}, ["DockdCamerasOverdue"]),
    "mismatch": ({'dockd_signatures_total{result="mismatch"}': "0+1x120"}, ["DockdSignatureMismatch"]),
    "more valid": ({'dockd_signatures_total{result="valid"}': "0+1x120"}, []),
    "refused": ({'dockd_receipts_refused_total{destination="store",result="bad-signature"}': "0+1x120"},
                ["DockdReceiptsRefused"]),
    "lost": ({'dockd_receipts_lost_total{destination="store"}': "0+1x120"}, ["DockdReceiptsLost"]),
    "contradiction": ({"dockd_ledger_contradiction": 1}, ["DockdLedgerContradiction"]),
    "ledger": ({"dockd_ledger_works": 0}, ["DockdLedgerContradiction"]),
    "unsigned": ({"dockd_ledger_records": 101}, ["DockdLedgerNotSigned"]),
    "plain": ({"dockd_plaintext": 1}, []),  # for a day: not yet after eight hours
    "clock": ({"dockd_clock_synchronised": 0}, ["DockdClockNotSynchronised"]),
    "files": ({"dockd_files_need_person": 1}, ["DockdFilesNeedPerson"]),
    "bay": ({'dockd_bay_light{bay="1",light="leave"}': 1}, ["DockdBayLeaveIt"]),
    "disk": ({"dockd_files_restaged_total": "0+1x120"}, ["DockdDiskErrors"]),
}


def metrics(s):
    done = subprocess.run([s.bin / "dockctl", "--socket", s.folder / "run/control.sock", "metrics"],
                          capture_output=True, text=True, check=True)
    return Exposition(done.stdout)


def one_of(m, name, label, value, **more):
    """Of an enumeration exactly one is 1, and it is this one."""
    rows = [(row[label], v) for row, v in m.of(name) if all(row[k] == w for k, w in more.items())]
    assert sorted(v for _, v in rows) == [0.0] * (len(rows) - 1) + [1.0]
    assert (value, 1.0) in rows


def test_each_moves_as_it_should():
    with Station(bays=[{"name": "left", "port": "1-1"}, {"name": "right", "port": "1-2"}]) as s:
        s.wait("bay", "left", "empty")
        m = metrics(s)
        assert m("dockd_files") == m("dockd_dockings_total") == m("dockd_pulled_bytes_total") == 0
        assert m("dockd_build_info", station="test-station", version="0.1.0") == 1
        assert m("dockd_hotplug_connected") == 1
        assert m("dockd_plaintext") == 1 and m("dockd_intake_stopped") == 0
        assert m("dockd_disk_reserve_bytes") == 1 << 20
        assert 0 < m("dockd_disk_free_bytes") < m("dockd_disk_size_bytes")
        assert m.of("dockd_dock_to_receipt_seconds_count") == []
        one_of(m, "dockd_bay_light", "light", "empty", bay="left")

        s.camera("SERIAL-4711", objects=[{"path": "DCIM/100/1.mp4", "size": 300_000},
                                         {"path": "DCIM/100/2.mp4", "size": 200_000}]).plug("1-1")
        s.wait("dockings", 1)
        s.wait("all", "receipted")
        s.wait("idle")
        m = metrics(s)
        assert m("dockd_dockings_total") == m("dockd_cameras_docked") == 1
        assert m("dockd_bay_occupied", bay="left") == 1 and m("dockd_bay_occupied", bay="right") == 0
        assert m("dockd_files_found_total", kind="clip") == m("dockd_files") == 2
        assert m("dockd_pulls_total", result="done") == 2
        assert 500_000 <= m("dockd_pulled_bytes_total") < 700_000
        assert m("dockd_files_receipted") == 2 and m("dockd_files_need_person") == 0
        assert m("dockd_queue_files", destination="store") == m("dockd_queue_bytes", destination="store") == 0
        assert m("dockd_unsent_bytes") == m("dockd_oldest_unsent_seconds") == 0
        assert m("dockd_receipts_total", destination="store", level="local") == 2
        assert m("dockd_received_bytes_total", destination="store") == 500_000
        assert m("dockd_sent_bytes_total", destination="store") == 500_000
        assert m("dockd_destination_connected", destination="store") == 1
        assert m("dockd_destination_away", destination="store") == 0
        # to the receipt: a histogram that is one
        name = "dockd_dock_to_receipt_seconds"
        assert m(f"{name}_count", destination="store") == 2
        edges = [(float(row["le"].replace("Inf", "inf")), v) for row, v in m.of(f"{name}_bucket")]
        assert edges == sorted(edges) and [v for _, v in edges] == sorted(v for _, v in edges)
        assert edges[-1] == (float("inf"), 2) and edges[-2][0] == 3 * 86400
        assert 0 <= m(f"{name}_sum", destination="store") < 120
        assert m("dockd_ledger_works") == 1 and m("dockd_ledger_contradiction") == 0
        assert m("dockd_ledger_records") >= len(s.ledger()) - 1
        assert m("dockd_process_resident_bytes") > 1 << 20 and m("dockd_process_open_files") > 5
        # names of cameras, and where they keep their files, are no labels
        assert "SERIAL" not in m.text and "DCIM" not in m.text

        # sums of the ledger outlive a restart, and an index that has to be made again
        before = {k: v for k, v in m.samples.items()
                  if k[0].endswith("_total") and not k[0].startswith(
                      ("dockd_process", "dockd_sent", "dockd_upload_failures", "dockd_log"))}
        for damage in (False, True):
            s.stop_core()
            if damage:
                for path in (s.folder / "state").glob("index.sqlite*"):
                    path.unlink()
            s.start_core()
            m = metrics(s)
            assert {k: m.samples.get(k) for k in before} == before
            assert m(f"{name}_count", destination="store") == 2
            assert m("dockd_sent_bytes_total", destination="store", default=0) == 0
            assert m("dockd_ledger_records") > 0

        s.hotplug.stop(signal.SIGKILL)
        until(s, lambda: metrics(s)("dockd_hotplug_connected") == 0, "hotplug has gone")
        one_of(metrics(s), "dockd_station_light", "light", "needs-it")


def test_a_destination_that_is_not_there(tmp_path):
    with Station(bays=[{"name": "1", "port": "1-1"}],
                 destinations=[{"name": "store", "driver": "dir", "folder": tmp_path / "none"}]) as s:
        s.camera("cam", objects=[{"path": "DCIM/100/1.mp4", "size": 300_000}]).plug("1-1")
        s.wait("dockings", 1)
        s.wait("all", "checked")
        m = metrics(s)
        assert m("dockd_destination_away", destination="store") == 1
        assert m("dockd_destination_connected", destination="store") == 0
        assert m("dockd_queue_files", destination="store") == 1
        assert m("dockd_queue_bytes", destination="store") == m("dockd_unsent_bytes") == 300_000
        assert m("dockd_files_receipted") == 0 and m.of("dockd_receipts_total") == []
        until(s, lambda: metrics(s)("dockd_oldest_unsent_seconds") > 0, "a second has passed")


def test_it_began_before_anybody_asked():
    with Station(metrics_file="") as s:
        before = time.time()
        assert before - 600 < metrics(s)("dockd_start_time_seconds") <= before


def test_json_has_the_same(tmp_path):
    with Station() as s:
        m = metrics(s)
        rows = s.ctl("metrics")["metrics"]
        told = {(r["name"], tuple(sorted(r["labels"].items()))): r["value"] for r in rows}
        assert told.keys() == m.samples.keys()
        assert told[("dockd_disk_size_bytes", ())] == m("dockd_disk_size_bytes")


def test_the_file_for_node_exporter(tmp_path):
    with Station(bays=[{"name": "1", "port": "1-1"}]) as s:
        path = s.folder / "run/metrics/dockd.prom"
        until(s, path.exists, "the file is there")
        assert path.stat().st_mode & 0o777 == 0o644
        assert path.parent.stat().st_mode & 0o777 == 0o755
        m = Exposition(path.read_text())
        assert m("dockd_build_info", station="test-station", version="0.1.0") == 1
        assert m.types == metrics(s).types
        until(s, lambda: [p.name for p in path.parent.iterdir()] == ["dockd.prom"], "nothing beside it")
        # another place, by a reload; the old one goes
        s.settings["metrics-file"] = s.folder / "run/here/x.prom"
        s.write_config()
        s.core.send(signal.SIGHUP)
        until(s, (s.folder / "run/here/x.prom").exists, "it is written there")
        until(s, lambda: not path.exists(), "and no more here")
        # where it cannot be written: said once, and the service goes on
        s.settings["metrics-file"] = "/nowhere/at/all.prom"
        s.write_config()
        s.core.send(signal.SIGHUP)
        until(s, lambda: s.events("metrics-not-written"), "it is told")
        s.settings["metrics-file"] = s.folder / "run/metrics/dockd.prom"
        s.write_config()
        s.core.send(signal.SIGHUP)
        until(s, path.exists, "it is back")
        assert len(s.events("metrics-not-written")) == 1
        s.stop_core()
        assert not path.exists()


def test_promtool_has_nothing_to_say(tmp_path):
    with Station(bays=[{"name": "1", "port": "1-1"}]) as s:
        s.camera("cam", objects=[{"path": "DCIM/100/1.mp4", "size": 1000}]).plug("1-1")
        s.wait("dockings", 1)
        s.wait("all", "receipted")
        text = metrics(s).text
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    rules_fire_for_what_they_are_for(text, tmp_path)


def rules_fire_for_what_they_are_for(text, tmp_path):
    told = {line.rsplit(" ", 1)[0]: line.rsplit(" ", 1)[1] for line in text.splitlines()
            if line[0] != "#" and re.match("\\w+", line)[0] in RULES.read_text()}
    assert set(re.findall("alert: (\\w+)", RULES.read_text())) >= {
        name for _, names in WRONG.values() for name in names}

    def series(values):
        rows = {**told, MTIME: "0+300x120", **WELL, **values}
        return [{"series": name.replace("{", '{instance="s",') if "{" in name else name + '{instance="s"}',
                 "values": v if "x" in str(v) or v == "stale" else f"{v}+0x120"}
                for name, v in rows.items()]

    tests = [{"name": what, "interval": "5m", "input_series": series(values),
              "promql_expr_test": [{
                  "expr": 'group by (alertname) (ALERTS{alertstate="firing"})', "eval_time": "8h",
                  "exp_samples": [{"labels": f'{{alertname="{name}"}}', "value": 1} for name in names]}]}
             for what, (values, names) in WRONG.items()]
    path = tmp_path / "test.yml"
    path.write_text(json.dumps({"rule_files": [str(RULES)], "evaluation_interval": "5m",
                                "tests": tests}))
    for command in (["check", "rules", RULES], ["test", "rules", path]):
        done = subprocess.run(["promtool", *command], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


def test_cameras_that_are_overdue():
    folder = new_folder("station")
    clock = Clock(folder)
    with Station(bays=[{"name": "1", "port": "1-1"}, {"name": "2", "port": "1-2"}],
                 env=clock.env, folder=folder, camera_overdue_days=3) as s:
        gone = s.camera("GONE", objects=[{"path": "DCIM/100/1.mp4", "size": 1000},
                                         {"path": "DCIM/100/2.mp4", "size": 2000}])
        gone.plug("1-1")
        stays = s.camera("STAYS", objects=[])
        stays.plug("1-2")
        s.wait("dockings", 2)
        s.wait("all", "receipted")
        s.ctl("camera", "assign", "BWC-GONE", "--officer", "o77", "--unit", "u1", "--reason", "test")
        gone.unplug()
        until(s, lambda: [r for r in s.ledger() if r["type"] == "undocked"], "it has left")

        def cameras(*more):
            return {r["camera"]: r for r in s.ctl("camera", "list", *more)["cameras"]}

        row = cameras()["BWC-GONE"]
        assert row["state"] == "away" and not row["overdue"] and row["dockings"] == 1
        assert row["files"] == 2 and row["officer"] == "o77" and row["unit"] == "u1"
        assert cameras()["BWC-STAYS"]["state"] == "docked"
        m = metrics(s)
        assert m("dockd_cameras_known") == 2 and m("dockd_cameras_overdue") == 0
        light = m.of("dockd_station_light")

        clock.on(3 * DAY + 60)  # who stands in the dock is not missed, however long
        status = s.ctl("status")
        assert (status["cameras"], status["cameras_overdue"]) == (2, 1)
        assert "1 overdue: ask for them; which: dockctl camera list --overdue" in subprocess.run(
            [s.bin / "dockctl", "--socket", s.folder / "run/control.sock", "status"], check=True,
            capture_output=True, text=True).stdout
        assert set(cameras("--overdue")) == {"BWC-GONE"} and cameras()["BWC-GONE"]["state"] == "overdue"
        m = metrics(s)
        assert m("dockd_cameras_overdue") == 1 and "BWC-GONE" not in m.text
        assert m.of("dockd_station_light") == light
        checks = [c for c in s.ctl("doctor", check=False)["checks"] if c["check"] == "cameras"]
        assert len(checks) == 1 and checks[0]["what"].startswith("1 of 2 ") and "BWC-GONE" not in str(checks)

        # a restart and an index made again change nothing of it
        s.stop_core()
        for path in (s.folder / "state").glob("index.sqlite*"):
            path.unlink()
        s.start_core()
        assert set(cameras("--overdue")) == {"BWC-GONE"}

        forget = ("camera", "forget", "BWC-GONE", "--reason", "lost in the river")
        s.ctl(*forget)
        assert cameras("--overdue") == {} and cameras()["BWC-GONE"]["state"] == "forgotten"
        m = metrics(s)
        assert m("dockd_cameras_known") == 1 and m("dockd_cameras_overdue") == 0
        record = [r for r in s.ledger() if r["type"] == "forgotten"]
        assert [(r["camera"], r["reason"], r["uid"]) for r in record] == [("BWC-GONE", "lost in the river", 0)]
        assert s.ctl("camera", "forget", "NOBODY", "--reason", "x", check=False)["exit"] == 1
        # it was not lost
        gone.plug("1-1")
        until(s, lambda: cameras()["BWC-GONE"]["state"] == "docked", "it is back")
        assert cameras()["BWC-GONE"]["dockings"] == 2
        assert s.ctl(*forget, check=False)["exit"] == 1


def test_nothing_but_ids_in_what_is_kept_lightly():
    """A name in a file's path stands in ledger and clip, and in neither log, status, bay nor figures."""
    with Station(bays=[{"name": "1", "port": "1-1"}]) as s:
        s.camera("cam", objects=[{"path": "DCIM/JANEDOE/ARREST-OF-MILLER.mp4", "size": 50_000}]
                 ).plug("1-1")
        s.wait("dockings", 1)
        s.wait("all", "receipted")
        s.ctl("camera", "assign", "BWC-cam", "--officer", "o77", "--unit", "u1", "--reason", "Bob Roe")
        assert "MILLER" in s.clip(1)["path"] and "MILLER" in str(s.ledger())
        seen = {name: s.log(name) for name in ("dockd", "hotplug", "uploader-store")}
        seen |= {word: json.dumps(s.ctl(word, check=False)) for word in ("status", "bay", "doctor")}
        seen["metrics"] = metrics(s).text
        assert s.events("assigned") and "officer=o77" in seen["dockd"]
        for where, text in seen.items():
            for name in ("JANEDOE", "MILLER", "Bob", "Roe"):
                assert name not in text, (where, name)
        for word in ("BWC-cam", "o77"):
            assert word not in seen["metrics"] and word not in seen["status"]
