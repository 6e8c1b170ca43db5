"""What is kept how long: the clock of the station is moved through a month, and what had to go is
gone everywhere, what had to stay is there, and each is on record.

CLOCK_FILE (tests/double/clock_file.c) holds seconds ahead of the real time and whether the station's
clock is synchronised. Recording times are those of the files on the simulated camera, whose clock
runs with the real time.
"""
import hashlib
import json
import signal
import threading
import time

import pytest

import servers
from station import Clock, Death, Station, new_folder
from vcam import clip, digest

DAY = 86400
BAYS = [{"name": "1", "port": "1-1"}, {"name": "2", "port": "1-2"}]
PROFILE = {"settle_seconds": 1, "logs": "none", "signing": "none"}


class Month(Station):
    """A station that disposes of what is its own, with a clock that the test moves."""

    def __init__(self, die=None, **settings):
        folder = new_folder("month")
        self.clock = Clock(folder)
        self.death = Death(folder, die)
        settings.setdefault("dispose", "on")
        settings.setdefault("destinations", [{"name": "store", "driver": "dir", "dispose": True,
                                              "folder": "@store"}])
        for destination in settings["destinations"]:
            if "folder" in destination:
                destination["folder"] = str(destination["folder"]).replace("@", f"{folder}/")
        super().__init__(folder=folder, env=self.clock.env | self.death.env, bays=BAYS, profile=PROFILE, **settings)

    def day(self, days, synchronised=True):
        self.clock.at(days * DAY, synchronised)

    def until(self, true, what, timeout=120):
        """Events of the daemon come one by one: asked again until it is so."""
        end = time.monotonic() + timeout
        while not true():
            assert time.monotonic() < end, f"{what}\n{self.situation()}\n{self.ctl('due')}"
            threading.Event().wait(0.05)

    def until_status(self, **wanted):
        self.until(lambda: all(self.ctl("status")[k] == v for k, v in wanted.items()), wanted)

    def gone(self, number):
        return self.clip(number)["station_copy"] == "disposed" and not any(
            u["address"] for u in self.clip(number)["uploads"])

    def records(self, kind, **wanted):
        return [r for r in self.ledger() if r["type"] == kind and
                all(r.get(k) == v for k, v in wanted.items())]

    def files(self, digest_hex):
        """Every file below the station's folder, but on the cameras, that holds these bytes."""
        return [p for top in ("state/staging", "store") for p in (self.folder / top).rglob("*")
                if p.is_file() and hashlib.sha256(p.read_bytes()).hexdigest() == digest_hex]

    def number(self, path):
        return {c["path"]: c["number"] for c in self.clips()}[path]

    def docked(self, name, objects, port="1-1", **more):
        camera = self.camera(name, objects=objects, usb={"serial": name}, **more)
        camera.plug(port)
        self.until(lambda: {o["path"] for o in objects} <= {c["path"] for c in self.clips()}, "found")
        self.wait("all", "receipted")
        self.wait("idle")
        return camera


def at(days_ago=0.0, month=0.0):
    """A camera's file time, in days before now; month: where the station's clock stands."""
    return int(time.time() + (month - days_ago) * DAY)


def test_a_month(tmp_path):
    objects = [clip("DCIM/goes.mp4", 70000, 1, mtime=at()), clip("DCIM/stays.mp4", 80000, 2, mtime=at()),
               clip("DCIM/1970.mp4", 60000, 3, mtime=100), clip("DCIM/2015.mp4", 50000, 4, mtime=1425168000),
               clip("DCIM/flag.mp4", 40000, 5, mtime=at(), protected=True),
               clip("audit/a.jsonl", 3000, 6, mtime=at())]
    with Month() as s:
        camera = s.docked("A", objects)
        goes, stays = s.number("DCIM/goes.mp4"), s.number("DCIM/stays.mp4")
        told = {r["asset"]: r for r in s.records("retention")}
        assert told[goes]["proved"] == 1 and told[goes]["class"] == "not-yet-categorised"
        assert abs(told[goes]["recorded"] - objects[0]["mtime"]) <= 1
        assert told[goes]["dispose-by"] == told[goes]["recorded"] + 31 * DAY
        assert told[s.number("DCIM/1970.mp4")]["proved"] == 0
        assert "dispose-by" not in told[s.number("audit/a.jsonl")]
        order = s.ctl("preserve", "asset", stays, "--reason", "case 7")
        assert {c["where"]: c["state"] for c in order["copies"]} == {
            "station": "preserved", "store": "preserved", "camera": "kept"}
        s.until_status(preserved=1)
        camera.unplug()

        s.day(20.9)
        assert s.ctl("due")["due"] == []
        s.day(21.1)
        assert [d["number"] for d in s.ctl("due")["due"]] == [goes]
        review = {d["number"]: d["reason"] for d in s.ctl("review")["review"]}
        assert "preservation order" in review[stays] and goes not in review
        assert "not proved" in review[s.number("DCIM/1970.mp4")]
        assert "under 7 days" in review[s.number("DCIM/2015.mp4")]
        assert "flagged" in review[s.number("DCIM/flag.mp4")]
        s.until_status(due=1, review=4)
        assert s.records("marked") == []
        s.day(24.1)
        s.until(lambda: s.records("marked"), "marked")
        assert [r["asset"] for r in s.records("marked")] == [goes]
        assert s.records("dispose-intent") == []

        s.day(30.5, synchronised=False)
        s.until(lambda: "not synchronised" in s.ctl("status")["text"], "told")
        s.day(33, synchronised=False)
        s.until(lambda: "1 overdue" in s.ctl("status")["text"], "the number is told")
        assert s.ctl("status")["clock_synchronised"] is False
        assert s.records("dispose-intent") == [] and len(s.files(digest(1, 70000))) == 2
        assert s.events("disposal-stopped")

        s.day(30.5)
        s.until(lambda: s.gone(goes), "gone")
        assert s.files(digest(1, 70000)) == []
        name = s.clip(goes)["asset"]
        assert not [p for p in (s.folder / "store").rglob("*") if name in p.name and p.is_file()]
        assert {(r["where"], r["result"]) for r in s.records("disposed")} == {
            ("station", "done"), ("store", "done")}
        for path, seed, size in (("stays", 2, 80000), ("1970", 3, 60000), ("2015", 4, 50000), ("flag", 5, 40000)):
            assert len(s.files(digest(seed, size))) == 2, path

        # still on the camera, which is never emptied here: it does not come back as new
        before = s.ctl("status")["assets"]
        camera.plug("1-1")
        s.wait("dockings", 2)
        s.wait("bay", "1", "take")
        s.wait("idle")
        assert s.files(digest(1, 70000)) == []
        again = [c for c in s.clips() if c["number"] > before]
        assert not any(c["size_bytes"] == 70000 for c in again), again

        # lifted, it goes the way of the others
        s.ctl("lift", 1, "--reason", "case closed")
        s.until(lambda: s.records("marked", asset=stays), "marked")
        s.day(31.6)
        s.until(lambda: s.gone(stays), "gone after the order")
        assert s.files(digest(2, 80000)) == []
        s.day(60)
        s.until_status(preserved=0)
        assert len(s.files(digest(3, 60000))) == 2
        assert [o["lifted"] for o in s.ctl("orders")["orders"]] == [True]


def test_a_clock_that_went_ahead_disposes_of_nothing_before_a_person_says_that_it_is_right():
    """A year, and a time service that swears to it; then a start after a month without the service."""
    with Month() as s:
        s.docked("A", [clip("DCIM/goes.mp4", 70000, 1, mtime=at())]).unplug()
        goes = s.number("DCIM/goes.mp4")

        def held(days):
            s.until(lambda: f"went ahead by {days} days" in s.ctl("status")["text"], "told with what to do")
            s.until_status(due=1)
            assert s.records("marked") == s.records("dispose-intent") == []
        s.clock.at(0, set_by=365 * DAY)
        held(365)
        s.clock.at(2 * DAY, set_by=365 * DAY)
        held(365)
        s.core.stop(signal.SIGKILL)
        s.start_core()
        held(365)
        row, = [r for r in s.ctl("doctor", check=False)["checks"] if (r["check"], r["subject"]) == ("clock", "ahead")]
        assert row["level"] == "warn" and "dockctl settle clock" in row["advice"]
        s.clock.at(2 * DAY)  # back again, by IT; a person has still to say so
        s.until_status(due=0)
        s.ctl("settle", "clock", "--reason", "compared with the radio")
        vouched, = s.records("clock-vouched")
        assert (vouched["ahead-s"] + 5) // DAY == 365 and vouched["reason"] == "compared with the radio"
        assert "went ahead" not in s.ctl("status")["text"]
        assert s.ctl("settle", "clock", "--reason", "again", check=False)["exit"] == 1

        s.core.stop(signal.SIGKILL)
        s.clock.at(40 * DAY)
        s.start_core()
        held(38)
        s.ctl("settle", "clock", "--reason", "it was switched off")
        s.until(lambda: s.records("marked", asset=goes), "marked")
        s.clock.at(41.1 * DAY)
        s.until(lambda: s.gone(goes), "gone")


def test_what_was_on_its_way_by_age_waits_for_a_clock_that_is_right():
    """The service ends before the first copy goes, and begins again with a clock that is a year ahead."""
    with Month(die="disposal-station:1") as s:
        s.docked("A", [clip("DCIM/a.mp4", 50000, 1, mtime=at())]).unplug()
        a = s.number("DCIM/a.mp4")
        s.day(24.5)
        s.until(lambda: s.records("marked"), "marked")
        s.day(30.5)
        s.core.process.wait(60)
        s.clock.at(30.5 * DAY, set_by=365 * DAY)
        s.start_core()
        s.until(lambda: "went ahead by 365 days" in s.ctl("status")["text"], "told")
        s.wait("idle")
        assert s.records("dispose-intent") and not s.records("disposed") and s.files(digest(1, 50000))
        s.ctl("settle", "clock", "--reason", "a year in a box")
        s.until(lambda: s.gone(a), "gone")


def test_late_and_preserved_before_it_came():
    """Docked on day 40: never by age. An order given before the camera came covers it."""
    with Month() as s:
        told = s.ctl("preserve", "camera", "B", "--reason", "inquiry")
        assert told["copies"][0]["number"] == 0
        s.docked("A", [clip("DCIM/late.mp4", 50000, 1, mtime=at(40)), clip("DCIM/new.mp4", 50001, 2, mtime=at())])
        s.docked("B", [clip("DCIM/b.mp4", 50002, 3, mtime=at())], port="1-2")
        s.until_status(preserved=1)
        assert s.clip(3)["preserved"] is True and s.clip(2)["preserved"] is False
        for day in (24.5, 26, 30.5, 31, 45):
            s.day(day)
            s.until(lambda: s.ctl("status")["clock_synchronised"], "asked")
            if day == 24.5:
                s.until(lambda: s.records("marked"), "marked")
        s.until(lambda: s.gone(s.number("DCIM/new.mp4")), "gone")
        assert [r["asset"] for r in s.records("dispose-intent")] == [s.number("DCIM/new.mp4")]
        reasons = {d["number"]: d["reason"] for d in s.ctl("review")["review"]}
        assert "under 7 days" in reasons[s.number("DCIM/late.mp4")]
        assert "preservation" in reasons[s.number("DCIM/b.mp4")]
        assert len(s.files(digest(3, 50002))) == 2


def test_an_unsynchronised_docking_proves_no_time():
    with Month() as s:
        s.day(0, synchronised=False)
        s.docked("A", [clip("DCIM/a.mp4", 50000, 1, mtime=at(5))])
        told, = s.records("retention")
        assert told["proved"] == 0 and abs(told["recorded"] - time.time()) < 120
        docked, = s.records("camera")
        assert docked["clock-synchronised"] == 0 and docked["clock-source"] == "test"
        s.day(60)
        s.until_status(review=1)
        assert s.records("marked") == []


def test_nothing_goes_by_age_unless_told():
    with Month(dispose="off") as s:
        s.docked("A", [clip("DCIM/a.mp4", 50000, 1, mtime=at())])
        for day in (25, 31, 60):
            s.day(day)
            s.until_status(due=1)
        assert s.records("marked") == [] and len(s.files(digest(1, 50000))) == 2


def test_erased_before_and_nothing_of_it_left(tmp_path):
    """With erasing on, the camera is empty long before; then the name is forgotten as well."""
    server = servers.TusServer(tmp_path / "server").start()
    store = [{"name": "store", "driver": "tus", "dispose": True, "url": server.url}]
    try:
        with Month(erase="when-receipted", accept_receipt="length", destinations=store) as s:
            camera = s.docked("A", [clip("DCIM/a.mp4", 50000, 1, mtime=at())])
            s.wait("all", "erased")
            assert camera.stats()["deletions"] == 1
            s.day(24.5)
            s.until(lambda: s.records("marked"), "marked")
            s.day(30.5)
            s.until(lambda: s.gone(1), "gone")
            assert s.clip(1)["path"] == "" and s.files(digest(1, 50000)) == []
            left = [json.loads(p.read_text())["metadata"]["kind"] for p in (tmp_path / "server").glob("*.json")]
            assert not set(left) - {"ledger", "checkpoint"}, left
    finally:
        server.kill()


def test_what_was_set_aside_goes_as_well():
    """Copies found bad are kept beside a good one: with it they go, those of merged files too."""
    with Month() as s:
        s.docked("A", [clip("DCIM/a.mp4", 50000, 1, mtime=at()), clip("DCIM/b.mp4", 50000, 1, mtime=at())])
        assert s.records("merged")
        sealed, = [p for p in s.files(digest(1, 50000)) if "staging" in str(p)]
        for number in (1, 2):
            kept = sealed.with_name(f"{number:016x}.kept-1")
            kept.write_bytes(sealed.read_bytes())
        s.day(24.5)
        s.until(lambda: s.records("marked"), "marked")
        s.day(30.5)
        s.until(lambda: s.records("disposed", where="station"), "on record")
        s.until(lambda: s.records("disposed", where="store"), "on record")
        assert s.files(digest(1, 50000)) == []


def test_a_flag_on_a_second_copy_counts():
    """The same bytes under two names are one asset; that the officer flagged one of them holds both."""
    with Month() as s:
        mtime = at()
        camera = s.docked("A", [clip("DCIM/a.mp4", 50000, 1, mtime=mtime)])
        camera.unplug()
        s.wait("bay", "1", "empty")
        camera.add("DCIM/b.mp4", size=50000, seed=1, mtime=mtime, protected=True)
        camera.plug("1-1")
        s.until(lambda: s.records("merged"), "merged")
        merged, = s.records("merged")
        assert s.number("DCIM/b.mp4") == merged["asset"]
        s.day(33)
        s.until_status(review=1)
        assert "flagged" in s.ctl("review")["review"][0]["reason"]
        assert s.records("marked") == []


def test_flagged_after_it_was_taken_in():
    with Month() as s:
        mtime = at()
        camera = s.docked("A", [clip("DCIM/a.mp4", 50000, 1, mtime=mtime)])
        camera.unplug()
        s.wait("bay", "1", "empty")
        camera.remove("DCIM/a.mp4")
        camera.add("DCIM/a.mp4", size=50000, seed=1, mtime=mtime, protected=True)
        camera.plug("1-1")
        s.until(lambda: s.records("flagged", asset=1), "on record")
        assert s.ctl("status")["assets"] == 1
        s.day(33)
        s.until_status(review=1)
        assert "flagged" in s.ctl("review")["review"][0]["reason"]
        assert len(s.records("flagged")) == 1 and s.records("marked") == []


def test_marked_and_then_preserved():
    """It leaves the due list for the review list, and destinations are asked for it as for any other."""
    with Month(confirm_per_hour=3600000) as s:
        s.docked("A", [clip("DCIM/a.mp4", 50000, 1, mtime=at())])
        s.day(8)
        s.until(lambda: s.records("confirmed", asset=1), "asked")
        s.day(24.5)
        s.until(lambda: s.records("marked"), "marked")
        assert [d["stage"] for d in s.ctl("due")["due"]] == ["marked"]
        s.ctl("preserve", "asset", 1, "--reason", "found in time")
        assert s.ctl("due")["due"] == []
        review, = s.ctl("review")["review"]
        assert "preservation order" in review["reason"]
        asked = len(s.records("confirmed", asset=1))
        s.day(40)
        s.until(lambda: len(s.records("confirmed", asset=1)) > asked, "asked again")
        assert s.records("dispose-intent") == [] and len(s.files(digest(1, 50000))) == 2


def test_a_lift_is_no_disposal():
    """What an order held back beyond its time is marked anew: a lift by mistake can be undone."""
    with Month() as s:
        s.docked("A", [clip("DCIM/a.mp4", 50000, 1, mtime=at())])
        s.day(24.5)
        s.until(lambda: s.records("marked"), "marked")
        s.ctl("preserve", "asset", 1, "--reason", "found in time")
        s.day(40)
        s.until_status(review=1)
        s.ctl("lift", 1, "--reason", "by mistake")
        s.until(lambda: len(s.records("marked")) == 2, "marked anew")
        s.until_status(due=1)
        assert s.records("dispose-intent") == []
        s.day(41.1)
        s.until(lambda: s.gone(1), "gone a day later")
        assert len(s.records("marked")) == 2


def test_a_mark_of_the_future():
    """Marked while the clock was a year ahead: no reason to keep it a year longer."""
    with Month() as s:
        s.docked("A", [clip("DCIM/a.mp4", 50000, 1, mtime=at())])
        s.day(365)
        s.until(lambda: s.records("marked"), "marked")
        s.day(24.5)
        s.until(lambda: len(s.records("marked")) == 2, "marked anew")
        s.day(30.5)
        s.until(lambda: s.gone(1), "gone")


def test_certificate():
    with Month(dispose="off") as s:
        s.docked("A", [clip("DCIM/a.mp4", 50000, 1, mtime=at()), clip("DCIM/b.mp4", 50001, 2, mtime=at())])
        a, b = s.number("DCIM/a.mp4"), s.number("DCIM/b.mp4")
        assert s.ctl("dispose", a, "--reason", "privileged", check=False)["exit"] == 2
        s.ctl("preserve", "docking", 1, "--reason", "hold")
        assert s.ctl("dispose", a, "--reason", "privileged", "--order", "CC/1", check=False)["exit"] == 5
        assert len(s.files(digest(1, 50000))) == 2
        s.ctl("lift", 1, "--reason", "over")
        told = s.ctl("dispose", a, "--reason", "privileged", "--order", "CC/1", check=False)
        assert {c["where"]: c["state"] for c in told["copies"]} == {
            "station": "disposed", "store": "disposed", "camera": "kept"}
        assert s.files(digest(1, 50000)) == [] and len(s.files(digest(2, 50001))) == 2
        intent, = s.records("dispose-intent")
        assert (intent["by"], intent["order"], intent["reason"], intent["uid"]) == ("order", "CC/1", "privileged", 0)
        assert {(r["where"], r["result"]) for r in s.records("disposed", asset=a)} == {
            ("station", "done"), ("store", "done"), ("camera", "kept")}
        assert b != a and s.clip(b)["station_copy"] == "kept"


def test_a_store_of_others_is_not_called_preserved():
    with Month(destinations=[{"name": "store", "driver": "dir", "folder": "@store"}]) as s:
        s.docked("A", [clip("DCIM/a.mp4", 50000, 1, mtime=at())])
        told = s.ctl("preserve", "period", "2020-01-01", "-", "--reason", "x", check=False)
        states = {c["where"]: (c["state"], c["text"]) for c in told["copies"]}
        assert states["store"][0] == "NOT-PRESERVED" and "keeper" in states["store"][1]
        done = s.ctl("preserve", "asset", 1, "--reason", "x", check=False)
        assert done["order"]["value"] == s.clip(1)["asset"]
        assert s.ctl("preserve", "asset", 1, check=False)["exit"] == 2


@pytest.mark.parametrize("where", ["disposal-station", "disposal-gone", "disposal-remove",
                                   "disposal-removed"])
def test_killed_while_disposing(where):
    """Whatever was on its way is finished after the restart, and nothing else goes."""
    with Month(die=f"{where}:1", keep_core=True) as s:
        s.docked("A", [clip("DCIM/a.mp4", 50000, 1, mtime=at()), clip("DCIM/b.mp4", 50001, 2, mtime=at())])
        s.ctl("preserve", "asset", s.number("DCIM/b.mp4"), "--reason", "hold")
        s.day(24.5)
        s.until(lambda: s.records("marked"), "marked")
        a = s.number("DCIM/a.mp4")
        s.day(30.5)
        s.until(lambda: s.core.starts > 1, "killed")
        s.ctl("status", check=False, connect=True)
        s.until(lambda: s.gone(a), "gone after the restart")
        assert s.files(digest(1, 50000)) == [] and len(s.files(digest(2, 50001))) == 2
        assert {r["asset"] for r in s.records("dispose-intent")} == {a}
