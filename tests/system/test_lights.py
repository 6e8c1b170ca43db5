"""Lights: told apart from on and off alone; one table for lamps, dockctl and pages; what hangs on the wall."""
import html.parser
import itertools
import json
import os
import pathlib
import pty
import random
import re
import signal
import subprocess
import sys
import threading
import time

import pytest
import vcam
from station import BUILD, CORE, ROOT, Station, until

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "lights"))
import decoder  # noqa: E402

NOWHERE = ["--socket", "/nonexistent/control.sock"]


def dockctl(*args, program=BUILD / "dockctl"):
    return subprocess.run([program, *NOWHERE, *args], check=True, capture_output=True, encoding="utf-8").stdout


@pytest.fixture(scope="module")
def table():
    return json.loads(dockctl("--json", "card", "wall"))


@pytest.fixture(scope="module")
def rhythms(table):
    """word => rhythm, each that a lamp may show; the station's "away" and the test beside those of bays."""
    rows = [*table["bay"], *table["station_light"], table["test"]]
    return {row["state"]: row["rhythm"] for row in rows if row["state"] not in ("well", "needs-it")}


# ---- the decoder: samples made from the table ----

class Lamp:
    """A lamp with edges as a writer that is late makes them: each tick up to `late` seconds."""

    def __init__(self, seed=0, late=0.0):
        self.random = random.Random(seed)
        self.late = late
        self.edges = []  # (when, lit)

    def show(self, rhythm, begin, end, phase):
        """rhythm from begin to end, seconds; phase: the tick that begins it."""
        t, tick = begin, phase
        while t < end:
            lit = rhythm[tick % len(rhythm)] == "#"
            self.edges.append((t + self.random.uniform(0, self.late), lit))
            t, tick = t + 0.25, tick + 1

    def freeze(self, lit, begin):
        self.edges.append((begin, lit))

    def sampled(self, begin, end, every, jitter=0.0, drop=0.0):
        """(when, lit); never two that follow one another are missing."""
        at, lit, t, dropped = 0, False, begin, True
        while t < end:
            when = t + self.random.uniform(-jitter, jitter)
            t += every
            while at < len(self.edges) and self.edges[at][0] <= when:
                lit = self.edges[at][1]
                at += 1
            dropped = not dropped and self.random.random() < drop
            if not dropped:
                yield when, lit


WAYS = {"10 a second": {"every": 0.1}, "100 a second": {"every": 0.01}, "23 a second": {"every": 1 / 23},
        "jitter": {"every": 0.08, "jitter": 0.035}, "missing": {"every": 0.09, "jitter": 0.01, "drop": 0.3}}


@pytest.mark.parametrize("way", WAYS)
def test_each_state_is_named_within_six_seconds_from_any_moment(rhythms, way):
    for (word, rhythm), late in itertools.product(rhythms.items(), (0, 0.04)):
        for phase in range(len(rhythm)):
            for part in range(4):
                lamp = Lamp(phase * 4 + part, late)
                lamp.show(rhythm, -1 - part * 0.0625, 7, phase)
                assert decoder.decode(list(lamp.sampled(0, 6.0, **WAYS[way]))) == word, (word, phase, part, late)


def test_a_change_is_seen_within_six_seconds_and_nothing_else_in_between(rhythms):
    for (a, b), phase in itertools.product(itertools.permutations(rhythms, 2), range(0, 20, 3)):
        lamp, eye = Lamp(phase, 0.02), decoder.Decoder()
        lamp.show(rhythms[a], 0, 10, phase)
        lamp.show(rhythms[b], 10, 18, phase + 40)
        for t, lit in lamp.sampled(0, 18, 0.05, 0.01):
            said = eye.feed(t, lit)
            # one flash after or before long dark is what an empty bay looks like
            assert said in (a, b, None) or said == "empty" and "off" in (a, b), (a, b, phase, t, said)
            if t > 16.3:
                assert said == b, (a, b, phase, t)
            elif 6.1 < t < 10:
                assert said == a, (a, b, phase, t)


def test_a_lamp_that_stands_still_never_says_take_it(rhythms):
    """Its writer is dead or stopped, at any moment: nobody is at home."""
    for (word, rhythm), phase, lit in itertools.product(rhythms.items(), range(20), (False, True)):
        lamp, eye = Lamp(), decoder.Decoder()
        lamp.show(rhythm, 0, 10, phase)
        lamp.freeze(lit, 10)
        for t, now in lamp.sampled(0, 25, 0.1):
            said = eye.feed(t, now)
            assert said in (word, "off", None, "empty" if not lit else None), (word, phase, lit, t, said)
            if t > 16.3:
                assert said == "off", (word, phase, lit, t)


def test_samples_that_do_not_come_say_nothing(rhythms):
    lamp = Lamp()
    lamp.show(rhythms["take"], 0, 30, 0)
    seen = [(t, lit) for t, lit in lamp.sampled(0, 30, 0.05) if not 7 < t < 7.5]
    eye = decoder.Decoder()
    said = {round(t, 2): eye.feed(t, lit) for t, lit in seen}
    assert all(s is None for t, s in said.items() if 7.5 <= t < 13) and said[14.0] == "take"
    assert decoder.decode([(n * 0.5, True) for n in range(40)]) is None


# ---- a real station, seen by nothing but its lamps ----

MIB = 1 << 20
DAY = 1700000000
QUICK = {"settle_seconds": 1}


def make_lamp(s, name, there=True, **attributes):
    """A lamp like those of /sys/class/leds, dockd's to write; its device below a USB port's folder."""
    port = attributes.pop("port", "1-9")
    folder = s.folder / f"devices/{port}/{port}:1.0/leds" / name
    folder.mkdir(parents=True)
    for attribute, value in {"brightness": "1", "max_brightness": "1", "trigger": "[kbd] none", **attributes}.items():
        (folder / attribute).write_text(f"{value}\n")
        os.chown(folder / attribute, CORE, CORE)
    if there:
        (s.folder / "leds" / name).symlink_to(folder)
    return folder


class Eyes:
    """Look at lamps 50 times a second: what each says now, all it has said, and when it last did."""

    def __init__(self, **lamps):
        self.lamps = {name: (folder / "brightness", decoder.Decoder()) for name, folder in lamps.items()}
        self.now = dict.fromkeys(lamps)
        self.said = {name: [] for name in lamps}
        self.last = {}  # (name, state) => when
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._look)

    def _look(self):
        while not self.ended.wait(0.02):
            for name, (path, eye) in self.lamps.items():
                t = time.monotonic()
                state = self.now[name] = eye.feed(t, not path.read_text().startswith("0"))
                self.last[name, state] = t
                if state and self.said[name][-1:] != [state]:
                    self.said[name].append(state)

    def see(self, s, **states):
        until(s, lambda: states.items() <= self.now.items(), f"{states}, seen {self.said}")

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()


def test_a_docking_is_told_by_lamps_alone_and_a_dead_dockd_by_lamps_that_stand_still():
    bays = [{"name": str(n), "port": f"{n}-1", "light": f"dock:{n}"} for n in (1, 2, 3)]
    bays.append({"name": "4", "port": "4-1", "light": "1-7/capslock"})
    with Station(bays=bays, profile=QUICK, station_light="station", start=False) as s:
        lamps = {f"b{n}": make_lamp(s, f"dock:{n}") for n in (1, 2, 3)}
        make_lamp(s, "input3::capslock", port="1-6")
        lamps["b4"] = make_lamp(s, "input4::capslock", port="1-7")
        lamps["station"] = make_lamp(s, "station")
        with Eyes(**lamps) as eyes:
            s.start()
            low, full, nobody = (s.camera(name, [vcam.clip("DCIM/a.mp4", 15 * MIB, n, mtime=DAY)], rate=MIB // 8,
                                          battery=battery) for n, (name, battery) in
                                 enumerate({"A": 60, "B": 100, "C": 100}.items()))
            nobody.fault("no-serial")
            for camera, port in ((low, "1-1"), (full, "2-1"), (nobody, "3-1")):
                camera.plug(port)
            eyes.see(s, b1="reading", b2="reading")
            for camera in (low, full, nobody):
                camera.rate(0)
            eyes.see(s, b1="charging", b2="take", b3="leave", b4="empty", station="take")
            # dark, or empty, for as long as a slow machine takes to begin
            begun = {lamp: [w for n, w in enumerate(said) if set(said[:n + 1]) - {"off", "empty"}]
                     for lamp, said in eyes.said.items()}
            assert begun["b1"] == ["reading", "charging"]
            assert begun["b2"] == ["reading", "take"]
            assert eyes.said["b4"] in (["empty"], ["off", "empty"])
            s.core.send(signal.SIGSTOP)
            eyes.see(s, b1="off", b2="off", b3="off", b4="off", station="off")
            s.core.send(signal.SIGCONT)
            eyes.see(s, b1="charging", b2="take", b3="leave", b4="empty", station="take")
            s.core.stop(signal.SIGKILL)
            killed = time.monotonic()
            eyes.see(s, b1="off", b2="off", b3="off", b4="off", station="off")
            assert max(t for (_, state), t in eyes.last.items() if state == "take") < killed + 15
        assert (s.folder / "leds/input3::capslock/brightness").read_text() == "1\n", "of another port"


def test_stopped_dockd_leaves_lamps_dark():
    with Station(bays=[{"name": "1", "port": "1-1", "light": "dock:1"}], start=False) as s:
        lamp = make_lamp(s, "dock:1")
        s.start()
        until(s, lambda: (lamp / "brightness").read_text().startswith("1"), "a wink")
        s.stop_core()
        assert (lamp / "brightness").read_text().startswith("0")


# ---- dockctl light ----

def command(s, *args):
    return [s.bin / "dockctl", "--json", "--socket", s.folder / "run/control.sock", *args]


class Person:
    """At a terminal: reads up to what is asked, types."""

    def __init__(self, command):
        self.end, slave = pty.openpty()
        self.process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=os.environ | {"TERM": "dumb"})
        os.close(slave)
        self.seen = ""

    def read(self, up_to=None):
        """What is new, until up_to is in it, or the program has ended."""
        new = ""
        while up_to is None or up_to not in new:
            try:
                new += os.read(self.end, 4096).decode()
            except OSError:  # EIO: nobody has the other end open any more
                break
        return new.replace("\r", "")

    def type(self, text):
        os.write(self.end, f"{text}\n".encode())

    def leave(self):
        os.close(self.end)
        return self.process.wait(60)


def test_which_lamp_is_whose_is_asked_at_a_terminal():
    with Station(bays=[{"name": "1", "port": "1-1", "light": "dock:1"}], start=False) as s:
        lamps = {name: make_lamp(s, name, port=f"1-{n}") for n, name in enumerate(("dock:1", "dock:2", "dock:3", "top"), 5)}
        closed = make_lamp(s, "disk-activity")
        os.chown(closed / "brightness", 0, 0)
        s.start()
        s.wait("bay", "1", "empty")
        ask = [s.bin / "dockctl", "--socket", s.folder / "run/control.sock", "light", "map"]
        assert subprocess.run(ask, capture_output=True, stdin=subprocess.DEVNULL).returncode == 2, "no terminal"
        person = Person(ask)
        answers = {"dock:1": "", "dock:2": "b2", "dock:3": "no name\nb3", "top": "station"}
        said = {}
        for _ in answers:
            question = person.read("which bay? ").splitlines()[-1]
            lamp = next(name for name in answers if f", {name}" in question)
            said[lamp] = question
            # it is this one that blinks, and no other
            testing = {x["lamp"]: x["testing"] for x in s.ctl("light")["lamps"]}
            assert testing == {name: name == lamp for name in [*answers, "disk-activity"]}
            for text in answers[lamp].split("\n"):
                person.type(text)
                if text == "no name":
                    assert "A bay's name has letters" in person.read("which bay? ")
        shown = person.read()
        assert person.leave() == 0
        assert "(now 1)" in said["dock:1"] and "4 of 4" in "".join(said.values())
        names = {x["lamp"]: x["name"] for x in s.ctl("light")["lamps"]}
        for line in (f'  {{ name = "b2"; ... light = "{names["dock:2"]}"; }}', f'  {{ name = "b3"; ... light = "{names["dock:3"]}"; }}',
                     f'  station-light = "{names["top"]}";'):
            assert line in shown.splitlines(), shown
        assert names["dock:1"] not in shown.split("dockd.conf")[-1]
        until(s, lambda: not any(x["testing"] for x in s.ctl("light")["lamps"]), "the test is over")
        # whoever has had enough types q
        person = Person([*ask, "dock:2"])
        assert "1 of 1" in person.read("which bay? ")
        person.type("q")
        assert "No lamp was named" in person.read() and person.leave() == 0
        assert len(s.events("light-test")) == 5 and lamps


def test_lamps_are_listed_and_found_by_a_test_that_is_no_state():
    bays = [{"name": "1", "port": "1-1", "light": "dock:1"}, {"name": "2", "port": "2-1", "light": "1-7/capslock"},
            {"name": "3", "port": "3-1", "light": "gone"}]
    with Station(bays=bays, station_light="station", start=False) as s:
        lamps = {"b1": make_lamp(s, "dock:1", multi_index="red green blue", multi_intensity="0 0 0"),
                 "b2": make_lamp(s, "input9::capslock", port="1-7"), "station": make_lamp(s, "station"),
                 "spare": make_lamp(s, "input9::numlock", port="1-7")}
        closed = make_lamp(s, "disk-activity")
        os.chown(closed / "brightness", 0, 0)
        s.start()
        s.wait("bay", "2", "empty")
        until(s, lambda: s.ctl("status")["station_light"] == "well", "its uploader")
        seen = {x["name"]: (x["lamp"], x["use"], x["bay"], x["presence"], x["colours"], x["shows"])
                for x in s.ctl("light")["lamps"]}
        assert seen == {
            "dock:1": ("dock:1", "bay", "1", "there", 3, "empty"),
            "1-7/capslock": ("input9::capslock", "bay", "2", "there", 0, "empty"),
            "gone": (None, "bay", "3", "missing", 0, None),
            "station": ("station", "station", None, "there", 0, "well"),
            "1-7/numlock": ("input9::numlock", "none", None, "there", 0, None),
            "disk-activity": ("disk-activity", "none", None, "not-permitted", 0, None)}
        assert [x["name"] for x in s.ctl("light", "2")["lamps"]] == ["1-7/capslock"]
        assert s.ctl("card", "wall")["station"] == "test-station"
        assert s.ctl("light", "nobody", check=False) == {"exit": 1}
        with Eyes(**lamps) as eyes:
            test = subprocess.Popen(command(s, "light", "test", "2", "--seconds", "60"), stdout=subprocess.PIPE)
            row = json.loads(test.stdout.readline())
            assert (row["lamp"], row["bay"], row["testing"], row["shows"]) == ("input9::capslock", "2", True, "test")
            assert s.ctl("light", "test", "1", check=False) == {"exit": 1}, "one at a time"
            eyes.see(s, b1="empty", b2="test", station="take", spare="off")
            test.send_signal(signal.SIGINT)
            test.wait()
            test.stdout.close()
            assert [x["testing"] for x in s.ctl("light", "2")["lamps"]] == [False], "ended with its asker"
            found = subprocess.Popen(command(s, "light", "test", "input9::numlock", "--seconds", "60"), stdout=subprocess.PIPE)
            assert json.loads(found.stdout.readline())["testing"]
            until(s, lambda: (lamps["spare"] / "brightness").read_text().startswith("1"), "it blinks too")
            found.kill()
            found.wait()
            found.stdout.close()
            assert "test" in eyes.said["b2"] and "take" not in eyes.said["b2"]
        walk = subprocess.run(command(s, "light", "test", "--seconds", "1"), check=True, capture_output=True)
        walked = [json.loads(line) for line in walk.stdout.splitlines()]
        assert [(x["name"], x["testing"]) for x in walked] == [
            ("dock:1", True), ("1-7/capslock", True), ("gone", False), ("station", True)]
        assert (lamps["spare"] / "brightness").read_text().startswith("0"), "left dark"
        assert (closed / "brightness").read_text() == "1\n"
        assert len(s.events("light-test")) == 3
        # a lamp that is given to another bay is that bay's alone
        s.settings["bays"] = [{"name": "2", "port": "2-1", "light": "dock:1"}]
        s.settings["station-light"] = ""
        s.write_config()
        s.core.send(signal.SIGHUP)
        until(s, lambda: {x["lamp"]: x["bay"] for x in s.ctl("light")["lamps"]} == {
            "dock:1": "2", "disk-activity": None, "input9::capslock": None, "input9::numlock": None, "station": None},
            "the new configuration")
        until(s, lambda: all((lamps[n] / "brightness").read_text().startswith("0") for n in ("b2", "station")), "dark")


# ---- the card ----

CARDS = {"wall": ["bay", "station_light"], "sergeant": ["bay", "station_light"], "evidence-manager": ["station_light"]}


def flat(text):
    return " ".join(text.split())


@pytest.mark.parametrize("card", CARDS)
def test_card_has_each_state_and_fits_a_page(table, card):
    text = dockctl("card", card)
    lines = text.splitlines()
    assert len(lines) <= 60 and max(map(len, lines)) <= 80
    for row in (row for what in CARDS[card] for row in table[what]):
        for said in ([row["title"], row["timing"], row["todo"], (row["rhythm"] * 24)[:24]]
                     + ([row["means"]] if card == "wall" else [])):
            assert flat(said) in flat(text), (card, said)
    assert card == "evidence-manager" or flat(table["frozen"]) in flat(text)


class Reader(html.parser.HTMLParser):
    """Well-formed, and of nothing but itself."""

    VOID = {"meta", "br"}

    def __init__(self):
        super().__init__()
        self.stack, self.text, self.seen = [], [], []

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        self.stack.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.stack and self.stack.pop() == tag, f"</{tag}> within {self.stack}"

    def handle_data(self, data):
        if "style" not in self.stack:
            self.text.append(data)


@pytest.mark.parametrize("card", CARDS)
def test_card_as_html_is_whole_and_drawn(table, card):
    page = dockctl("card", card, "--html")
    reader = Reader()
    reader.feed(page)
    reader.close()
    assert reader.stack == [] and page.startswith("<!DOCTYPE html>")
    tags = {tag for tag, _ in reader.seen}
    assert not tags & {"script", "link", "img", "iframe", "object"}
    assert not [a for _, attrs in reader.seen for a in attrs if a in ("src", "href")]
    assert "url(" not in page and "@import" not in page and "http" not in page
    text = flat(" ".join(reader.text))
    rows = [row for what in CARDS[card] for row in table[what]]
    assert all(flat(row["todo"]) in text and row["title"] in text for row in rows)
    drawn = re.findall(r"<svg.*?</svg>", page)
    assert len(drawn) == len(rows)
    for row, svg in zip(rows, drawn):
        six_seconds = (row["rhythm"] * 24)[:24]
        bars = [(int(x) // 10, int(w) // 10) for x, w in re.findall(r'<rect x="(\d+)" y="4" width="(\d+)"', svg)]
        assert bars == [(m.start(), len(m.group())) for m in re.finditer("#+", six_seconds)], row["state"]
        assert f'aria-label="{row["timing"]}"' in svg


def test_pages_of_roles_have_the_commands_that_the_role_has():
    roles = {}  # of each question, from the program's own table
    for ask, allowed in re.findall(r"\[ASK_(\w+)\] = \{ \"[\w-]+\", ([^}]*) \}",
                                   (ROOT / "dockd/role.c").read_text()):
        roles[ask] = allowed
    card = (ROOT / "dockd/ctl_card.c").read_text()
    named = set(re.findall(r"\{ ASK_(\w+),", card))
    mine = {ask for ask, allowed in roles.items() if re.search("DECIDES|PROVES|CUSTODIAN|EVIDENCE", allowed)}
    assert named == mine, "each command of these roles has its line in ctl_card.c"
    sergeant, manager = (json.loads(dockctl("--json", "card", who))["commands"] for who in ("sergeant", "evidence-manager"))
    assert not any("dispose" in c["command"] or "lift" in c["command"] for c in sergeant)
    assert any("dispose" in c["command"] for c in manager) and len(manager) == len(named)


# ---- the pages ----

def test_pages_say_what_the_table_says(table):
    page = (ROOT / "dockd/dockd.8").read_text()
    listed = re.findall(r"^\.It (.+?) Ta (.+?) Ta (.+)$", page[page.index(".Ss Lights"):page.index(".Ss The ledger")], re.M)
    rows = [*table["bay"], *table["station_light"]]
    assert [(t, h) for t, h, _ in listed[1:]] == [
        (row["title"], row["timing"] + (f" Pq {row['colour']}" if row["colour"] else "")) for row in rows]
    readme = (ROOT / "README.md").read_text()
    for row in table["bay"]:
        assert re.search(rf"^\| {row['title']} \|.*\| {re.escape(row['timing'])} \|$", readme, re.M), row["state"]
