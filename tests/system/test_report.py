"""dockctl report on files, and the example of the documents against the programs."""
import json
import re
import subprocess
import tempfile

import pytest
import shift
from test_audit import BUILD, CLIPS, ROOT, AuditLog, auditlog, docked_at, last_of
from test_audit import audit, program  # noqa: F401  (fixtures)


def dockctl(*args, status=0):
    done = subprocess.run([BUILD / "dockctl", *map(str, args)], capture_output=True, text=True)
    assert done.returncode == status, done
    return done.stdout if status == 0 else done.stderr


def hms(ms):
    s = ms // 1000
    return f"{s // 3600}:{s % 3600 // 60:02}:{s % 60:02}"


def test_example(audit, tmp_path):  # noqa: F811
    """The page's log is the shift's, its document and text are the programs', its sums are right."""
    page = (ROOT / "dockd/REPORT-EXAMPLE.md").read_text()
    log, text, document = re.findall(r"```\w+\n(.*?)```", page, re.S)
    whole, _, last = shift.log()
    assert log.encode() == whole
    audit.good(shift.its_facts(whole, last), whole)
    assert (tmp_path / "report.json").read_text() == document
    assert dockctl("report", tmp_path / "report.json") == text
    times = json.loads(document)["times_ms"]
    bold = re.findall(r"\*\*([\d:]+)\*\*", page)
    assert bold == [hms(times[k]) for k in ("recording", "muted", "powered_not_recording", "buffer_on",
                                            "off", "docked", "power_lost")] + \
        [hms(sum(v for k, v in times.items() if k not in ("muted", "buffer_on")))]
    # The rows of the table add up to the same.
    sums = {}
    for time, name in re.findall(r"^\| [\d:]+ \| [\d:]+ \| ([\d:]+) \| ([^|]+) \|", page, re.M):
        h, m, s = map(int, time.split(":"))
        sums[name] = sums.get(name, 0) + (h * 3600 + m * 60 + s) * 1000
    assert sums == {"on the dock": times["docked"], "off": times["off"],
                    "powered, not recording": times["powered_not_recording"],
                    "recording": times["recording"], "power lost": times["power_lost"]}


@pytest.fixture
def three(audit, tmp_path):  # noqa: F811
    """Reports of three dockings of one camera; the second follows the first, the third does not."""
    log, last, paths = AuditLog(heartbeat=None), None, []
    for docking in (1, 2, 4):
        log.at(f"2026-11-2{docking}T08:00:00Z").shift(CLIPS)
        if docking == 4:
            last = None  # what the station knew of the camera is lost
        a = audit.good(auditlog.facts(docking, [log.only_new()], CLIPS, last=last, **docked_at(log))
                       if docking < 4 else
                       auditlog.facts(docking, [b"x"], CLIPS, **docked_at(log)),
                       log.bytes() if docking < 4 else b"\n".join(log.lines[-11:]) + b"\n")
        last = last_of(a, docking, round(log.now) + 60)
        paths.append(tmp_path / f"{docking}.json")
        paths[-1].write_text(json.dumps(a.report))
    return paths


def test_summed_up(three):
    single = [json.loads(p.read_text()) for p in three]
    both = json.loads(dockctl("--json", "report", three[2], three[0], three[1]))
    assert both["reports"] == single
    (s,) = both["summaries"]
    assert [d["docking"] for d in s["dockings"]] == [1, 2, 4]
    assert s["times_ms"] == {k: sum(r["times_ms"][k] for r in single) for k in s["times_ms"]}
    assert s["gaps"] == [{"from": single[1]["period"]["until"], "until": single[2]["period"]["from"]}]
    assert s["says"] == single[0]["says"]
    text = dockctl("report", *three)
    assert "No report tells of" in text and "This report does not say that recording" in text


def test_many_cameras(three):
    other = json.loads(three[0].read_text())
    other["camera"] = "BWC-0002"
    three[0].write_text(json.dumps(other))
    assert [s["camera"] for s in json.loads(dockctl("--json", "report", *three))["summaries"]] == \
        ["BWC-0001", "BWC-0002"]


def test_one(three):
    assert json.loads(dockctl("--json", "report", three[0])) == json.loads(three[0].read_text())
    text = dockctl("report", three[0])
    assert text.startswith("ACTIVATION REPORT of camera BWC-0001, docking 1\n")
    assert "Findings: none" in text


def test_not_reports(tmp_path, three):
    for wrong in (b"", b"{}", b"[]", b'{"report":"dockd activation report v2"}', b"[" * 5000):
        path = tmp_path / "wrong.json"
        path.write_bytes(wrong)
        assert "not an activation report" in dockctl("report", path, status=1)
    assert "No such file" in dockctl("report", tmp_path / "none", status=1)
    # What can be shown is shown.
    done = subprocess.run([BUILD / "dockctl", "report", path, three[0]], capture_output=True, text=True)
    assert done.returncode == 1 and "docking 1" in done.stdout


def test_hostile(tmp_path):
    """A report of anything: nothing in it reaches the terminal as a control."""
    path = tmp_path / "hostile.json"
    path.write_text(json.dumps({
        "report": "dockd activation report v1", "camera": "\x1b[31m", "says": [1, None, "\x07"],
        "times_ms": {"recording": 1 << 62, "off": 1 << 62, "docked": "x"}, "recordings": [1, {}],
        "findings": [{"code": "\u202e", "text": "\x1b"}], "clock": [], "period": "no"}))
    assert "\x1b" not in dockctl("report", path) and "\x07" not in dockctl("report", path)
    assert "\x1b" not in dockctl("report", path, path)


@pytest.mark.parametrize("args", [[], ["1", "2"], ["--camera", "x", "1"], ["--camera", "x", "file"],
                                  ["--camera", "x", "--from", "yesterday"], ["--from", "2026-01-01"]])
def test_usage(args):
    dockctl("report", *args, status=2)


# ---- from the daemon ----

@pytest.fixture
def docked():
    """A station that has audited two dockings of one camera."""
    from test_evidence import BAYS, QUICK, SERIAL, Folder, dock
    import station
    log = AuditLog(SERIAL)
    # A folder of its own: another pytest shuts the one that all share.
    with tempfile.TemporaryDirectory(prefix="dockd-report-") as folder, \
            station.Station(bays=BAYS, profile=QUICK, reports="docking") as s:
        files = Folder(folder)
        camera = s.camera("A", [])
        for docking in (1, 2):
            path = f"DCIM/100/{docking}.mp4"
            files.put(f"clip{docking}", b"x" * 1000 * docking)
            files.put(f"log{docking}", log.shift({path: b"x" * 1000 * docking}).bytes())
            if docking == 2:
                camera.remove("LOG/audit.log")
            for entry in (files.entry(path, f"clip{docking}"),
                          files.entry("LOG/audit.log", f"log{docking}", mtime=1790000000 + docking)):
                camera.add(**entry)
            dock(s, camera, dockings=docking)
            camera.unplug()
            s.wait("bay", "1", "empty")
            s.wait("idle")
        yield s


def test_from_the_daemon(docked):
    one = docked.ctl("report", 2)
    assert (one["docking"], one["continuity"], one["findings"]) == (2, "continues", []), one
    both = docked.ctl("report", "--camera", "BWC-A")
    assert [r["docking"] for r in both["reports"]] == [1, 2] and both["reports"][1] == one
    (summary,) = both["summaries"]
    assert summary["gaps"] == [] and len(summary["dockings"]) == 2
    assert docked.ctl("report", "--camera", "BWC-A", "--to", "2020-01-01", check=False)["exit"] == 1
    assert docked.ctl("report", 7, check=False)["exit"] == 1
    assert docked.ctl("report", "--camera", "nobody", check=False)["exit"] == 1
