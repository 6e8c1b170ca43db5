"""When what waits will be there, and that somebody is told before it is too late.

CLOCK_FILE moves the clock of the core: three days are over in seconds.
"""
import threading
import time


import vcam
from servers import FaultServer, TusServer, honest
from station import Clock, Station, new_folder, until

MIB = 1 << 20
HOUR = 3600
BAYS = [{"name": "1", "port": "1-1"}]
QUICK = {"settle_seconds": 1, "logs": "none"}


class Days(Station):
    """A station whose clock the test moves."""

    def __init__(self, destination, **settings):
        folder = new_folder("days")
        self.clock = Clock(folder)
        super().__init__(folder=folder, env=self.clock.env, bays=BAYS, profile=QUICK,
                         destinations=[{"name": "evidence", "driver": "tus", **destination}],
                         **settings)

    def at(self, hours):
        self.clock.at(hours * HOUR)

    def until(self, true, what):
        end = time.monotonic() + 120
        while True:
            status = self.ctl("status", check=False, connect=True)
            if "destinations" in status and true(status):
                return status
            assert time.monotonic() < end, f"{what}\n{self.situation()}"
            threading.Event().wait(0.05)

    def destination(self):
        return self.ctl("status")["destinations"][0]


def dock(station, *sizes):
    station.camera("A", [vcam.clip(f"DCIM/c{i}.mp4", size, 40 + i) for i, size in enumerate(sizes)]
                   ).plug("1-1")


def test_told_before_the_deadline_and_once(tmp_path):
    with TusServer(tmp_path) as server:
        server.kill()
        with Days({"url": server.url, "deliver-within-hours": 72}) as s:
            dock(s, 2 * MIB)
            s.wait("all", "checked")
            s.until(lambda t: t["station_light"] == "away" and
                    t["destinations"][0]["urgent_deadline"], "the server is out of reach")
            assert "due" not in s.ctl("status")["text"]
            assert s.destination()["expected"] is None, "nothing was sent: the pace is not known"
            s.at(60)
            s.until(lambda t: t["destinations"][0]["urgent_deadline"], "judged")
            assert s.ctl("status")["station_light"] == "away"
            s.at(64)
            s.until(lambda t: "is due by" in t["text"], "told eight hours before")
            assert s.ctl("status")["station_light"] == "needs-it"
            s.at(73)
            s.until(lambda t: "was due by" in t["text"], "told when it was over")
            server.restart()
            s.ctl("retry", "--reason", "the server is back")
            s.wait("all", "receipted")
            s.until(lambda t: t["text"] == "" and t["station_light"] == "well" and s.events("delivery-in-time"),
                    "all is well again")
            words = [line.split("what=")[1].split()[0] for line in s.events("delivery-late")]
            assert words == ["late", "past"] and len(s.events("delivery-in-time")) == 1


def test_a_timetable_that_allows_nothing_is_told(tmp_path):
    with FaultServer(otherwise=honest) as server, \
            Days({"url": server.url, "timetable": [{"rate-kbit": 0}]}) as s:
        dock(s, MIB)
        s.wait("all", "checked")
        s.until(lambda t: "allows nothing at any hour" in t["text"], "told")
        assert s.ctl("status")["station_light"] == "needs-it"
        there = s.ctl("queue")["destinations"][0]
        assert there["expected"] == "never" and there["allowed_per_s"] == 0
        assert "DCIM" in s.clips()[0]["path"] and s.ctl("status")["receipted"] == 0


def test_the_pace_is_measured_and_forgotten_with_a_restart(tmp_path):
    with FaultServer(otherwise=honest) as server, \
            Days({"url": server.url, "rate-kbit": 8000, "chunk-max": MIB, "slots": 1},
                 keep_core=True) as s:
        dock(s, 64 * MIB, 200 * MIB)
        s.wait("all", "checked")
        # a machine that is busy sends less than it may at first
        there = s.until(lambda t: t["destinations"][0]["expected"] and t["destinations"][0]["bytes_per_s"] > 200_000,
                        "measured")["destinations"][0]
        assert there["bytes_per_s"] < 1_300_000 and there["allowed_per_s"] == 1_000_000
        assert there["expected"] and there["urgent_expected"] and there["urgent_deadline"]
        s.until(lambda t: s.clip(1)["uploads"][0]["expected"], "of the one that is being sent")
        s.core.send(9)
        until(s, lambda: s.core.starts == 2, "it is started again")
        assert s.destination()["bytes_per_s"] is None, "after a restart it is not known"
        s.until(lambda t: t["destinations"][0]["connected"], "it is back")
