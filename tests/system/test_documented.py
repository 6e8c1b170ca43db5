"""What the programs have, the pages say, and the other way round: commands, options, settings, events,
records, words of every table, exit codes. Programs tell their own tables where they can."""
import fnmatch
import re
import subprocess

import pytest
from station import BUILD, ROOT

PAGES = sorted(p for room in ("dockd", "usb", "uploader", "packaging")
               for p in (ROOT / room).glob("*.[1578]"))


def page(name):
    return next(p for p in PAGES if p.name == name).read_text()


def sources(*patterns):
    return "\n".join(p.read_text() for pattern in patterns for p in sorted(ROOT.glob(pattern)))


def entries(text, macro="Cm"):
    """The words of a page's .It entries, "A , B" being two."""
    return {word for line in re.findall(rf"^\.It {macro} (.*)$", text, re.M)
            for word in re.split(r" , (?:[A-Z][a-z] )?|\s", line) if re.fullmatch(r"[a-z0-9][a-z0-9-]*", word)}


def table(name):
    text = page("dockd-words.7")
    part = re.search(rf'^\.\\" table: {name}\n(.*?)^\.El', text, re.M | re.S)
    assert part, f"dockd-words(7) has no table {name}"
    return re.findall(r"^\.It Cm (\S+)$", part[1], re.M)


def told():
    words = {}
    for line in subprocess.run([BUILD / "test/probe_words"], check=True, capture_output=True,
                               text=True).stdout.splitlines():
        words.setdefault(line.split()[0], []).append(line.split()[1])
    return words


def designated(source, prefix):
    """[PREFIX_X] = "word" """
    return list(dict.fromkeys(re.findall(rf'\[{prefix}_[A-Z_]+\] = "([a-z-]+)"', (ROOT / source).read_text())))


TABLES = {**told(), "bay": designated("dockd/bay_view.c", "BAY"),
          "fetch": designated("dockd/pulling.c", "FETCH"),
          "mishap": designated("dockd/index_health.c", "MISHAP"),
          "receipt": re.findall(r'return "([a-z-]+)"', re.search(
              r"^const char \*acceptance_word.*?^\t}", sources("dockd/acceptance.c"), re.M | re.S)[0])}


@pytest.mark.parametrize("name", sorted(TABLES))
def test_words(name):
    assert TABLES[name], "the source has another form: mend this test"
    assert sorted(table(name)) == sorted(TABLES[name])


def test_every_table_of_the_page_is_held_against_something():
    assert set(re.findall(r'^\.\\" table: (\S+)', page("dockd-words.7"), re.M)) == set(TABLES)


def test_findings():
    said = entries(page("dockd-audit.5"))
    words = designated("dockd/verify/finding.c", "FINDING")
    assert words and set(words) <= said, set(words) - said


def test_commands_of_dockctl():
    table_of = re.search(r"commands\[\] = \{(.*?)\n};", sources("dockd/ctl.c"), re.S)[1]
    commands = set(re.findall(r'\{ "([a-z-]+)",', table_of))
    said = set(re.findall(r"^\.It Cm ([a-z-]+)", page("dockctl.1"), re.M))
    assert commands - said == set()
    usage = subprocess.run([BUILD / "dockctl", "help"], check=True, capture_output=True, text=True).stdout
    listed = set(re.findall(r"^  ([a-z-]+)", usage, re.M)) | set(re.findall(r"^  due, (review)", usage, re.M))
    assert commands - {"orders"} <= listed, commands - listed
    synopsis = page("dockctl.1").split(".Sh SYNOPSIS")[1].split(".Sh DESCRIPTION")[0]
    assert commands <= {word for line in re.findall(r"Cm ([a-z |-]+)", synopsis)
                        for word in line.split()}, "SYNOPSIS"


OPTIONS = {"dockd.8": "dockd/main.c", "dockctl.1": "dockd/ctl*.c", "dockd-hotplug.8": "usb/hotplug/hotplug_main.c",
           "dockd-uploader.8": "uploader/main.c", "dockd-camera.8": "usb/camera_main.c",
           "dockd-verify.8": "dockd/verify/main.c"}


@pytest.mark.parametrize("name", OPTIONS)
def test_options(name):
    has = set(re.findall(r'\{ *"([a-z0-9-]+)",\s*(?:no|required|optional)_argument|strcmp\(argv\[1\], "--([a-z]+)"',
                         sources(OPTIONS[name])))
    has = {a or b for a, b in has}
    said = set(re.findall(r"^\.It .*?Fl -([a-z][a-z0-9-]*)", page(name), re.M)) | {
        o for line in re.findall(r"^\.It .*Fl.*$", page(name), re.M) for o in re.findall(r"Fl -([a-z0-9-]+)", line)}
    assert has == said, (has - said, said - has)


@pytest.mark.parametrize("program", ["dockd", "dockctl", "dockd-hotplug", "dockd-camera", "dockd-verify", "dockd-uploader"])
def test_each_program_says_its_version_and_how_it_is_started(program):
    for option, says in (("--version", f"{program} "), ("--help", program)):
        done = subprocess.run([BUILD / program, option], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0 and says in done.stdout and done.stderr == "", (program, option, done)


def test_settings():
    has = set(re.findall(r'(?:\.name = |_SETTING\()"([a-z0-9-]+)"', sources("dockd/config*.c")))
    said = set()
    for name in ("dockd.conf.5", "dockd-camera.5", "dockd-tus.5", "dockd-s3.5", "dockd-dir.5"):
        said |= entries(page(name), "Ic")
    assert has - said == set(), "no page has an entry for"
    assert said - has == set(), "a page has an entry, and there is no such setting"


def test_events():
    logged = set(re.findall(r'log_(?:info|warn|error|debug)\(\s*"([a-z-]+)"', sources(
        "dockd/*.c", "dockd/base/*.c", "dockd/verify/*.c", "usb/*.c", "usb/*/*.c", "uploader/*.c")))
    part = page("dockd.8").split(".Sh LOG")[1].split(".Sh FILES")[0]
    said = entries(part)
    assert logged - said == set()
    # some are chosen among words: each must at least be one of the program's
    strings = set(re.findall(r'"([a-z-]+)"', sources("dockd/*.c", "dockd/base/*.[ch]", "dockd/verify/*.c",
                                                     "usb/*.c", "usb/*/*.c", "uploader/*.c")))
    assert said - logged - strings == set()


def test_records_of_the_ledger():
    """By those that the index takes, which refuses what it does not know of these; and those begun."""
    rules = re.search(r"rules\[\] = \{(.*?)\n};", sources("dockd/index_apply.c"), re.S)[1]
    known = set(re.findall(r'^\t\{ "([a-z-]+)",', rules, re.M))
    begun = set(re.findall(r'books_begin\("([a-z-]+)"', sources("dockd/*.c")))
    begun |= {word for name in sorted((ROOT / "dockd").glob("*.c")) if "journal_write(" in (text := name.read_text())
              for word in re.findall(r'record_begin\([^,]+, "([a-z-]+)"', text)}
    facts = {"asset", "key", "docking", "last", "clip", "log"}  # what dockd-verify is told is written in the same form
    said = set(re.findall(r"^\| `([a-z-]+)` ", sources("dockd/LEDGER.md"), re.M))
    assert (known | begun) - facts - said == set()


def test_exit_codes_of_dockctl():
    has = {int(n) for n in re.findall(r"\bCTL_[A-Z_]+ = (\d+)", sources("dockd/ctl.h"))}
    part = page("dockctl.1").split(".Sh EXIT STATUS")[1].split(".Sh ")[0]
    assert {int(n) for n in re.findall(r"^\.It (\d+)$", part, re.M)} == has


def test_hacking_names_every_source():
    """By its name without ending, or by a pattern as `ctl*`."""
    words = {re.sub(r"\.(c|h|py|sh)$", "", word.split("/")[-1])
             for quoted in re.findall(r"`([^`\n]+)`", (ROOT / "HACKING.md").read_text())
             for word in re.split(r"[\s,]+", quoted)}
    known = [word for word in words if re.fullmatch(r"\w+\*?", word)]
    assert not [path for room in ("dockd", "usb", "uploader") for path in (ROOT / room).rglob("*.c")
                if not any(fnmatch.fnmatchcase(path.stem, word) for word in known)]


def test_hacking_finds_every_hand_over():
    """A row of the clip's life names existing files and functions, and its hand-overs are in one of these files."""
    life = (ROOT / "HACKING.md").read_text().split("## The life of one clip")[1].split("## Rooms")[0]
    for row in [line for line in life.splitlines() if re.match(r"\| *[^-|#]", line)]:
        where = row.split("|")[2]
        text = "".join((ROOT / path).read_text() for path in re.findall(r"`([\w/]+\.c)`", where))
        for function in re.findall(r"`(\w+)`", where):
            assert re.search(rf"^\w.*\b{function}\(", text, re.M), (function, row)
        for point in re.findall(r"`([a-z0-9-]+)`", " ".join(re.findall(r"\[([^\]]*)\]", row))):
            assert f'handover("{point}")' in text, (point, row)


def test_links_between_pages_lead_somewhere():
    for path in [*ROOT.glob("*.md"), *(p for room in ("dockd", "etc", "packaging", "tests/vcam", "tests/bench", "tests/sim")
                                       for p in (ROOT / room).rglob("*.md") if "node_modules" not in p.parts)]:
        text = path.read_text()
        heads = {re.sub(r"[^\w\- ]", "", h).lower().replace(" ", "-") for h in re.findall(r"^#+ (.*)$", text, re.M)}
        for link in re.findall(r"\]\((?!https?:)([^)\s]+)\)", text):
            if link.startswith("#"):
                assert link[1:] in heads, (path.name, link)
            else:
                assert (path.parent / link.split("#")[0]).exists(), (path.name, link)


def test_every_page_is_whole_and_installed():
    makefile = (ROOT / "Makefile").read_text()
    assert re.search(r"man_pages = .*dockd/\*\.\[1578\]", makefile)
    for p in PAGES:
        text = p.read_text()
        assert f".Dt {p.stem.upper()} {p.suffix[1:]}" in text, p.name
        assert ".Sh NAME" in text and ".Sh DESCRIPTION" in text, p.name
        for name, section in re.findall(r"^\.Xr (dock[a-z.-]*) (\d)", text, re.M):
            assert any(q.name == f"{name}.{section}" for q in PAGES), f"{p.name} refers to {name}({section})"
    for program in re.search(r"^programs := (.*)$", makefile, re.M)[1].split():
        assert any(q.stem == program for q in PAGES), program
