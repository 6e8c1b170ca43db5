"""The station's clock is set while it runs, and wrong at a start."""
import signal
import time

from servers import FaultServer
from station import Station, until
from station_faults import BAYS, MIB, QUICK, once, settle, shift, texts

HOUR, YEAR = 3600, 366 * 86400


def to_1970():
    return -int(time.time()) + 600


def test_the_clock_is_set_in_the_midst(clock):
    """Forward, back, to 1970: nothing waits for it or runs out by it, and the ledger marks each jump."""
    server = FaultServer()
    try:
        with Station(start=False, bays=BAYS, profile=QUICK, env=clock.env, uploader_env=clock.env,
                     erase="when-receipted", accept_receipt="length",
                     destinations=[{"name": "store", "driver": "tus", "url": server.url, "rate-kbit": 24_000}]) as s:
            s.start()
            camera = s.camera("A", shift(1, 4, 4 * MIB), rate=6 * MIB)
            camera.plug("1-1")
            s.wait("clip", "1", "staged")
            jumps = [HOUR, -2 * HOUR, YEAR, to_1970(), 0]
            for n, set_by in enumerate(jumps, 1):
                clock.at(0, set_by=set_by)
                until(s, lambda: len(s.events("clock-set")) == n, f"set by {set_by}")
            settle(s)
            until(s, lambda: camera.stats()["deletions"] == 4, "erased as ever")
            marks = [r["by-ms"] for r in s.ledger() if r["type"] == "clock-set"]
            assert marks == [1000 * (b - a) for a, b in zip([0, *jumps], jumps)]
            assert not s.events("upload-failed")  # a delivery that is late by the clock may be told
            assert texts(s) == ""
            once(s)
            # 1970 after a power cut, with an empty battery, and right again later
            clock.at(0, synchronised=False, set_by=to_1970())
            s.core.stop(signal.SIGKILL)
            s.start_core()
            two = s.camera("B", shift(2, 2))
            two.plug("2-1")
            s.wait("all", "receipted")
            assert not s.ctl("status")["clock_synchronised"]
            clock.at(0)
            until(s, lambda: len(s.events("clock-set")) == len(jumps) + 1, "set right")
            until(s, lambda: s.ctl("status")["clock_synchronised"], "told")
            assert s.ctl("ledger", "verify")["good"]
            once(s)
    finally:
        server.close()
