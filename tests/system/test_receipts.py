"""Receipts as the core takes them, the second question, and the station's copy.

The destination is the stock tus server, read back or with the receipt hook and its lies. A file moves
the clocks of the station and of the server; nothing is waited for by time.
"""
import hashlib
import os
import pathlib
import signal

import pytest

import vcam
from servers import ReceiptServer
from station import Clock, Death, Station, new_folder, until

MIB = 1 << 20
DAY_S = 86400
RECORDED = 1790000000
CLOCK = pathlib.Path(__file__).parent / "servers" / "clock.cjs"


class Evidence(Station):
    """A station whose clock a test moves, and a server that signs, or is only read back."""

    def __init__(self, signed=True, die=None, profile=None, **settings):
        folder = new_folder("receipts")
        self.clock = Clock(folder)
        self.server = ReceiptServer(folder / "server", clock_file=self.clock.path,
                                    node_options=f"--require {CLOCK}").start()
        self.far = self.server.folder
        destination = {"name": "far", "driver": "tus", "url": self.server.url, "slots": 4}
        if signed:
            destination |= {"receipt-path": "/receipt", "receipt-keys": [self.server.vkey]}
        else:
            destination |= {"read-back": True}
        settings = {"accept_receipt": "signed" if signed else "readback",
                    "confirm_per_hour": 3600000, **settings}
        self.death = Death(folder, die and "{}:{}".format(*die))
        super().__init__(folder=folder, env=self.clock.env | self.death.env, keep_core=True,
                         bays=[{"name": "1", "port": "1-1"}],
                         profile={"settle_seconds": 1, "logs": "none",
                                  **(profile or {})},
                         destinations=[destination], **settings)

    def __exit__(self, kind, value, trace):
        try:
            super().__exit__(kind, value, trace)
        finally:
            self.server.kill()

    def move(self, days):
        self.clock.on(days * DAY_S)

    def dock(self, n=3, size=256 << 10, logs=0):
        objects = [vcam.clip(f"DCIM/c {i}.mp4", size + i, 40 + i, mtime=RECORDED + 60 * i)
                   for i in range(n)]
        objects += [vcam.clip(f"LOG/{i}.log", 900 + i, 80 + i, mtime=RECORDED) for i in range(logs)]
        camera = self.camera("A", objects)
        camera.plug("1-1")
        return camera

    def records(self, kind):
        return [r for r in self.ledger() if r["type"] == kind]

    def until_records(self, kind, n=1):
        return until(self, lambda: len(self.records(kind)) >= n and self.records(kind),
                     f"{n} x {kind}")

    def copies(self):
        """Digests of the station's copies."""
        return sorted(hashlib.sha256(p.read_bytes()).hexdigest()
                      for p in (self.folder / "state/staging").rglob("*") if p.is_file())

    def stored(self):
        return sorted(hashlib.sha256(d).hexdigest() for d in self.server.assets().values())


def digests(camera):
    return sorted(o["sha256"] for o in camera.objects(digests=True).values())


def settled(s):
    s.wait("all", "receipted", timeout=60)
    s.wait("idle")


# ---- the second question, and the station's copy ----

def test_a_copy_goes_only_after_a_later_confirmation():
    with Evidence(signed=False) as s:
        camera = s.dock(3, logs=1)
        settled(s)
        assert len(s.copies()) == 4
        s.move(6.9)
        s.ctl("retry", "all", "--reason", "a test")
        s.wait("idle")
        assert not s.records("confirmed") and not s.records("retired")
        s.move(0.2)
        s.until_records("retired", 3)
        s.until_records("confirmed", 4)
        s.wait("idle")
        until(s, lambda: len(s.copies()) == 1, "the copies of three clips")
        by_kind = {c["number"]: c["kind"] for c in s.clips()}
        for n, kind in by_kind.items():
            clip = s.clip(n)
            assert clip["station_copy"] == ("retired" if kind == "clip" else "kept"), clip
        order = [(r["type"], r["asset"]) for r in s.ledger()
                 if r["type"] in ("receipted", "confirmed", "retired")]
        for n, kind in by_kind.items():
            mine = [t for t, a in order if a == n]
            assert mine == ["receipted", "confirmed"] + ["retired"] * (kind == "clip")
        assert s.clip(1)["uploads"][0]["confirmed_at"]
        # a camera that comes with the same files: nothing is pulled again
        assert camera.unplug() is None
        s.wait("dockings", 1)
        assert s.ctl("status")["receipted"] == 4


def test_what_is_lost_is_sent_again():
    with Evidence(signed=False) as s:
        camera = s.dock(3)
        settled(s)
        gone, changed = [s.far / r["object"].rsplit("/", 1)[1] for r in s.records("receipted")][:2]
        gone.unlink()
        with open(changed, "r+b") as f:
            f.write(b"another")
        s.move(8)
        s.until_records("lost", 2)
        s.until_records("confirmed", 1)
        s.until_records("receipted", 5)
        settled(s)
        lost = {r["asset"] for r in s.records("lost")}
        assert len(lost) == 2
        again = [r["asset"] for r in s.records("receipted")][3:]
        assert sorted(again) == sorted(lost)
        assert set(digests(camera)) <= set(s.stored())
        # what was sent again waits for its own confirmation
        assert {r["asset"] for r in s.records("retired")}.isdisjoint(lost)
        s.move(8)
        s.until_records("retired", 3)
        assert "lost" not in s.ctl("status")["text"]


# ---- lies ----

LIES = {  # the lie => the word of receipt-refused, or None: no receipt comes at all
    "wrong-digest": "other-asset", "wrong-length": "other-asset", "wrong-asset": "other-asset",
    "wrong-station": "other-asset", "wrong-object": "other-asset", "replayed": "other-asset",
    "forged": "bad-signature", "foreign-key": "unknown-key", "foreign-same-name": "unknown-key",
    "old": "wrong-time", "future": "wrong-time", "wrong-format": "unreadable",
    "garbage": "unreadable",
}


def test_every_lie_is_refused_and_the_truth_taken():
    """Each lie in turn about one clip; then the truth. Nothing is sent twice, nothing erased early."""
    with Evidence(erase="when-receipted") as s:
        s.server.lie(*(f"{lie} * 1" for lie in LIES))
        camera = s.dock(8)  # so many that none meets five of them in a row
        s.until_records("receipt-refused", len(LIES))
        camera.wait("deletions", 8, seconds=60)
        settled(s)
        refused = s.records("receipt-refused")
        told = [kind for kind, _ in s.server.told()]
        assert sorted(told) == sorted(LIES)
        assert sorted(r["result"] for r in refused) == sorted(LIES.values())
        assert all(r["text"] for r in refused)
        check_erased_rightly(s)
        assert len(s.records("created")) == 8, "nothing was sent twice"
        for clip in s.clips():
            assert clip["uploads"][0]["level"] == "signed"


def check_erased_rightly(s):
    """Before each intent: a signed receipt, with what verify found."""
    receipts, found = {}, {}
    for r in s.ledger():
        if r["type"] == "checked":
            found[r["asset"]] = r["sha256"]
        elif r["type"] == "receipted":
            receipts[r["asset"]] = r
        elif r["type"] in ("lost", "recreated"):
            receipts.pop(r["asset"], None)
        elif r["type"] == "erase-intent":
            mine = receipts[r["asset"]]
            assert mine["level"] == "signed" and mine["sha256"] == found[r["asset"]]
            assert mine["key"] == ReceiptServer.NAME and found[r["asset"]] in mine["note"]


def test_a_server_that_only_lies_gets_a_person():
    """Five receipts in a row that are no good: nothing is erased, a person looks, retry helps."""
    with Evidence(erase="when-receipted") as s:
        s.server.lie("forged")
        camera = s.dock(1)
        s.until_records("refused")
        assert len(s.records("receipt-refused")) == 5

        assert "receipt" in s.ctl("status")["text"]
        assert not s.records("erase-intent") and not s.records("receipted")
        assert len(s.records("created")) == 1
        s.server.lie()
        s.ctl("retry", "all", "--reason", "a test")
        camera.wait("deletions", 1, seconds=60)
        check_erased_rightly(s)
        assert "receipt" not in s.ctl("status")["text"]


def test_who_waits_for_a_receipt_keeps_nobody_back():
    """No receipts for what is there, for how long ever: what comes later is sent all the same."""
    with Evidence() as s:
        s.server.lie("missing")
        first = s.dock(12, size=1 << 10)
        until(s, lambda: s.events("destination-away"), "a destination that is left alone")
        first.unplug()
        later = s.camera("B", [vcam.clip("DCIM/later.mp4", MIB, 90, mtime=RECORDED + DAY_S)])
        later.plug("1-1")
        until(s, lambda: digests(later)[0] in s.stored(), "the clip that came later")
        assert not s.records("receipted")
        s.server.lie()
        settled(s)
        assert s.stored() == sorted(digests(first) + digests(later))


def test_a_signed_answer_about_other_bytes_is_a_loss():
    """The object has changed where it lies, and the server says so under its own signature."""
    with Evidence() as s:
        camera = s.dock(1)
        settled(s)
        with open(s.far / s.records("receipted")[0]["object"].rsplit("/", 1)[1], "r+b") as f:
            f.write(b"another")
        s.move(8)
        s.until_records("lost")
        s.until_records("receipted", 2)
        assert digests(camera)[0] in s.stored()


def test_a_signed_answer_is_checked_like_a_receipt():
    """Asked again, the server shows last week's receipt: that confirms nothing."""
    with Evidence(confirm_after_days=0) as s:
        s.server.lie("old")
        s.dock(1)
        s.until_records("receipt-refused")
        s.server.lie()
        s.until_records("retired")
        kinds = [r["type"] for r in s.ledger() if r["type"] in ("receipted", "confirmed", "retired")]
        assert kinds == ["receipted", "confirmed", "retired"]
        assert s.records("confirmed")[0]["level"] == "signed"


# ---- restarts ----

POINTS = [("uplink-claimed", 2), ("uplink-receipt-refused", 1), ("reconcile-asked", 1),
          ("reconcile-confirmed", 1), ("reconcile-lost", 1), ("retirement-unlink", 2)]


@pytest.mark.parametrize("point", POINTS, ids=lambda p: f"{p[0]}-{p[1]}")
def test_killed_at(point):
    """kill -9 of the core at each hand-over: what is lost is sent again, what is over is removed."""
    with Evidence(confirm_after_days=7, die=point) as s:
        s.server.lie("forged * 1", "wrong-digest * 1")
        camera = s.dock(3)
        until(s, lambda: len(s.records("receipted")) >= 3, "three receipts")
        s.server.lie()
        victim = s.far / s.records("receipted")[0]["object"].rsplit("/", 1)[1]
        victim.unlink()
        s.move(8)
        s.until_records("lost")
        until(s, lambda: len(s.records("receipted")) >= 4, "sent again")
        s.move(8)
        until(s, lambda: {r["asset"] for r in s.records("retired")} == {1, 2, 3}, "three retired")
        until(s, lambda: not s.copies(), "no copies")
        assert s.death.came, "nobody passed there"
        # an answer to a creation that was lost leaves an empty upload at the server, no more
        left = [d for d in s.stored() if d not in digests(camera)]
        assert set(digests(camera)) <= set(s.stored())
        assert set(left) <= {hashlib.sha256(b"").hexdigest()}, left
        check_order(s)


def check_order(s):
    """Of each asset: a receipt, then a confirmation, then its copy went; a loss begins anew."""
    state = {}
    for r in s.ledger():
        asset = r.get("asset")
        if r["type"] == "receipted":
            state[asset] = "receipted"
        elif r["type"] == "lost":
            state[asset] = "lost"
        elif r["type"] == "confirmed":
            assert state[asset] in ("receipted", "confirmed")
            state[asset] = "confirmed"
        elif r["type"] == "retired":
            assert state[asset] == "confirmed"
            state[asset] = "retired"


def test_a_camera_that_still_has_what_was_retired():
    """Erasing was off; its copies went; now erasing is on: pulled again, merged, compared, erased."""
    with Evidence(confirm_after_days=0) as s:
        camera = s.dock(2)
        s.until_records("retired", 2)
        until(s, lambda: not s.copies(), "no copies")
        camera.unplug()
        s.settings["erase"] = "when-receipted"
        s.write_config()
        s.core.send(signal.SIGHUP)
        until(s, lambda: s.ctl("status")["erase"] != "never", "reloaded")
        until(s, lambda: s.bay("1")["state"] == "empty", "empty")
        camera.plug("1-1")
        camera.wait("deletions", 2, seconds=60)
        s.wait("idle")
        assert len(s.records("merged")) == 2 and len(s.records("created")) == 2
        check_erased_through_merges(s)


def check_erased_through_merges(s):
    into = {r["asset"]: r["into"] for r in s.records("merged")}
    signed = {r["asset"] for r in s.records("receipted") if r["level"] == "signed"}
    assert s.records("erase-intent")
    for r in s.records("erase-intent"):
        assert into.get(r["asset"], r["asset"]) in signed


def test_a_retry_while_a_receipt_is_checked_asks_for_no_second_one():
    """A retry and a reload while the check stands still: one check, one record."""
    with Evidence(start=False) as s:
        programs, s.bin = s.bin, s.folder / "bin"
        s.bin.mkdir()
        for path in programs.iterdir():
            if path.name != "dockd-verify":
                (s.bin / path.name).symlink_to(path)
        s.start()
        # not there at the start, it is run as what lies there then
        here, still = s.folder / "logs/here", s.folder / "logs/still"
        script = s.bin / "dockd-verify"
        script.write_text(f"#!/bin/sh\necho >>{here}\n[ ! -p {still} ] || : <{still}\n"
                          f'exec {programs}/dockd-verify "$@"\n')
        script.chmod(0o755)
        s.uploaders["far"].stop()
        s.dock(1)
        s.wait("all", "checked")
        os.mkfifo(still)
        here.unlink()
        s.start_uploader("far")
        until(s, here.exists, "its receipt is being checked")
        s.ctl("retry", "--reason", "a test")
        s.core.send(signal.SIGHUP)
        until(s, lambda: s.events("reloaded"), "reloaded")
        with open(still, "wb"):
            still.unlink()
        settled(s)
        assert len(s.records("receipted")) == 1 and here.read_text() == "\n"
