"""dockd --check-config: every bad file is refused with file, line, setting and what is allowed."""
import os
import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("DOCKD_BUILD", ROOT / "build"))
USERS = "hotplug-user = 64002; uploader-user = 64003; station = \"s\";\n"  # line 1


def check(path, profiles=ROOT / "etc/profiles"):
    return subprocess.run([BUILD / "dockd", "--check-config", "-c", path, "--profiles", profiles],
                          capture_output=True, text=True, timeout=30)


BAD = [
    ("unknown = 1;", 2, "unknown", "1", "no such setting"),
    ('\nerase = "always";', 3, "erase", '"always"', '"never" "when-receipted"'),
    ('accept-receipt = "local";', 2, "accept-receipt", '"local"', "proves nothing"),
    ("rejoin-seconds = 5000;", 2, "rejoin-seconds", "5000", "from 0 to 600"),
    ('log = "dockd.log";', 2, "log", '"dockd.log"', "a path from /"),
    ('custodian-group = "no-such-group-x";', 2, "custodian-group", '"no-such-group-x"', "no such group"),
    ('bays = (\n { name = "1"; port = "one"; }\n);', 3, "bays[0].port", '"one"', '"1-2.3"'),
    ('destinations = ( { name = "e"; driver = "tus";\n url = "http://es.example/"; } );', 3,
     "destinations[0].url", '"http://es.example/"', "allow-http"),
    ('destinations = ( { name = "e"; driver = "s4"; } );', 2, "destinations[0].driver", '"s4"',
     '"dir" "tus" "s3"'),
    ('destinations = ( { name = "o"; driver = "s3";\n url = "https://s3.example/evidence"; } );', 3,
     "destinations[0].url", '"https://s3.example/evidence"', "bucket and prefix are settings"),
    ('destinations = ( { name = "o"; driver = "s3";\n bucket = "Evidence"; } );', 3,
     "destinations[0].bucket", '"Evidence"', "3 to 63 small letters"),
    ('destinations = ( { name = "e"; driver = "tus";\n timetable = ( { days = "weekday"; } ); } );', 3,
     "destinations[0].timetable[0].days", '"weekday"', '"mon-fri"'),
    ('destinations = ( { name = "e"; driver = "tus";\n rate-kbit = 0; } );', 3,
     "destinations[0].rate-kbit", "0", "a timetable"),
    ('destinations = ( { name = "e"; driver = "tus";\n proxy = "http://u:p@proxy:1"; } );', 3,
     "destinations[0].proxy", '"http://u:p@proxy:1"', "proxy-file"),
    ('destinations = ( { name = "e"; driver = "tus"; headers-file = "credential:../x"; } );', 2,
     "destinations[0].headers-file", '"credential:../x"', "credential:NAME"),
    ('destinations = ( { name = "n"; driver = "dir";\n pins = ( { sha256 = "00"; } ); } );', 3,
     "destinations[0].pins", "( ... )", 'only with driver = "tus" or "s3"'),
]


@pytest.mark.parametrize("text,line,setting,value,allowed", BAD, ids=[b[2] for b in BAD])
def test_bad_file_names_its_place(tmp_path, text, line, setting, value, allowed):
    conf = tmp_path / "dockd.conf"
    conf.write_text(USERS + text + "\n")
    done = check(conf)
    assert done.returncode == 1
    assert done.stdout == ""
    told = [m for m in re.findall(r"^(.*?):(\d+): (.*?) = (.*?): (.*)$", done.stderr, re.M)
            if m[0] == str(conf) and m[1] == str(line) and m[2] == setting]
    assert len(told) == 1, done.stderr
    said = told[0][3] + ": " + told[0][4]
    assert said.startswith(value + ": ") and allowed in said


def test_all_problems_of_all_files_at_once(tmp_path):
    profiles = tmp_path / "profiles"
    profiles.mkdir()
    (profiles / "a.conf").write_text('name = "a";\nmatch = { vendor = 70000; };\nquirks = ( "x" );\n')
    conf = tmp_path / "dockd.conf"
    conf.write_text(USERS + "one = 1;\ntwo = 2;\n")
    done = check(conf, profiles)
    assert done.returncode == 1
    places = re.findall(r"^(?:.*/)?(\S+?:\d+): ", done.stderr, re.M)
    assert places == ["dockd.conf:2", "dockd.conf:3", "a.conf:2", "a.conf:3"]


def test_syntax_error_and_missing_file(tmp_path):
    conf = tmp_path / "dockd.conf"
    conf.write_text(USERS + 'erase "never"\n')
    done = check(conf)
    assert done.returncode == 1 and f"{conf}:2: syntax error" in done.stderr
    done = check(tmp_path / "none.conf")
    assert done.returncode == 1 and "none.conf:0: cannot be read" in done.stderr


def test_shipped_configuration_is_good(tmp_path):
    # The shipped file names no users; they are made when the package is installed.
    conf = tmp_path / "dockd.conf"
    conf.write_text(USERS + (ROOT / "etc/dockd.conf").read_text())
    done = check(conf)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("configuration is good")
    # What it shows commented out is good as well.
    shown = [re.sub(r"^#(?=[a-z \)])", "", x) if re.match(r"#[a-z-]+ = |#  \{|#\);|#    |#             ", x) else x
             for x in (ROOT / "etc/dockd.conf").read_text().splitlines()]
    shown = [re.sub(r'^([a-z]+-group = )"dockd-[a-z]+"', r'\1"root"', x) for x in shown]
    conf.write_text('hotplug-user = 64002; uploader-user = 64003;\n' + "\n".join(shown) + "\n")
    done = check(conf)
    assert done.returncode == 0, done.stderr
    assert "2 bays, 2 destinations" in done.stdout
