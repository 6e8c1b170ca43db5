"""The station's figures: well formed, right against a scripted docking, and right after a restart."""
import signal
import subprocess

from exposition import Exposition
from station import Station, until


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
        m = metrics(s)
        assert m("dockd_files") == m("dockd_dockings_total") == m("dockd_pulled_bytes_total") == 0
        assert m("dockd_build_info", station="test-station", version="0.1.0") == 1
        assert m("dockd_hotplug_connected") in (0, 1)
        assert m("dockd_plaintext") == 1 and m("dockd_intake_stopped") == 0
        assert m("dockd_disk_reserve_bytes") == 1 << 20
        assert 0 < m("dockd_disk_free_bytes") < m("dockd_disk_size_bytes")
        assert m.of("dockd_dock_to_receipt_seconds_count") == []
        one_of(m, "dockd_bay_light", "light", "empty", bay="left")

        s.camera("SERIAL-4711", objects=[{"path": "DCIM/100/1.mp4", "size": 300_000},
                                         {"path": "DCIM/100/2.mp4", "size": 200_000}]).plug("1-1")
        s.wait("dockings", 1)
        s.wait("all", "receipted")
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
                      ("dockd_process", "dockd_sent", "dockd_upload_failures"))}
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


def test_json_has_the_same(tmp_path):
    with Station() as s:
        m = metrics(s)
        rows = s.ctl("metrics")["metrics"]
        told = {(r["name"], tuple(sorted(r["labels"].items()))): r["value"] for r in rows}
        assert told.keys() == m.samples.keys()
        assert told[("dockd_disk_size_bytes", ())] == m("dockd_disk_size_bytes")


def test_promtool_has_nothing_to_say():
    with Station(bays=[{"name": "1", "port": "1-1"}]) as s:
        s.camera("cam", objects=[{"path": "DCIM/100/1.mp4", "size": 1000}]).plug("1-1")
        s.wait("dockings", 1)
        s.wait("all", "receipted")
        done = subprocess.run(["promtool", "check", "metrics"], input=metrics(s).text,
                              capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
