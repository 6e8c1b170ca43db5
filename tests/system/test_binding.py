"""A destination is bound to what it is: another one under its name is not used before a person says so.

Folders are exchanged, servers are given another address, and the core dies at each hand-over of it.
"""
import hashlib
import os
import shutil
import signal
import subprocess

import pytest

import vcam
from servers import TusServer
from station import UPLOADER, Death, Station, until

RECORDED = 1790000000


class Bound(Station):
    def __init__(self, die=None, **settings):
        super().__init__(start=False, keep_core=True, bays=[{"name": "1", "port": "1-1"}],
                         profile={"settle_seconds": 1, "logs": "none"}, confirm_per_hour=3600000,
                         **settings)
        self.death = Death(self.folder, die and f"{die}:1")
        self.env = self.death.env
        self.store = self.folder / "store"
        self.away = self.folder / "store.old"
        self.start()

    def records(self, kind):
        return [r for r in self.ledger() if r["type"] == kind]

    def until_records(self, kind, n=1):
        return until(self, lambda: len(self.records(kind)) >= n and self.records(kind),
                     f"{n} x {kind}")

    def dock(self, n=2, first=0):
        camera = self.camera(f"cam{first}", [
            vcam.clip(f"DCIM/c {i}.mp4", (64 << 10) + i, 40 + i, mtime=RECORDED + 60 * i)
            for i in range(first, first + n)])
        camera.plug("1-1")
        return camera

    def settle(self, n):
        """Until n files are receipted."""
        until(self, lambda: self.ctl("status", connect=True)["receipted"] == n, f"{n} receipted")
        until(self, lambda: self.ctl("wait", "idle", "--timeout", 20, check=False, connect=True)
              .get("ok"), "idle")

    def exchange(self, marker="0123456789abcdef" * 2):
        """Another folder in the place of the store; with marker None one that was never used."""
        self.store.rename(self.away)
        self.store.mkdir()
        if marker:
            (self.store / ".dockd-destination").write_text(marker + "\n")
        for path in (self.store, *self.store.iterdir()):
            os.chown(path, UPLOADER, UPLOADER)
        self.anew()

    def anew(self):
        """The uploader begins afresh, and says what there is now; it would notice by itself too."""
        self.uploaders["store"].send(signal.SIGKILL)

    def destination(self):
        return self.ctl("status", connect=True)["destinations"][0]

    def unused(self):
        """Until the core has met another one and says so."""
        return until(self, lambda: "dockctl rebind store" in self.destination()["text"],
                     "another one noticed")

    def rebind(self, reason="it was exchanged"):
        """As a person would: again until it answers. What dockctl says."""
        def once():
            done = self.ctl("rebind", "store", "--reason", reason, check=False, connect=True)
            return done if done.get("ok") else None
        return until(self, once, "bound anew")

    def stored(self):
        return sorted(hashlib.sha256(p.read_bytes()).hexdigest() for p in self.store.glob("??/*")
                      if len(p.name) == 64)

    def marker(self):
        return (self.store / ".dockd-destination").read_text().strip()


def digests(*cameras):
    return sorted(o["sha256"] for c in cameras for o in c.objects(digests=True).values())


def dockctl(s, *args):
    return subprocess.run([s.bin / "dockctl", "--socket", s.folder / "run/control.sock", *args],
                          capture_output=True, text=True, timeout=60)


def test_another_folder_is_not_used_before_a_person_says_so():
    with Bound() as s:
        first = s.dock(2)
        s.settle(2)
        old = s.marker()
        assert [(r["destination"], r["identity"]) for r in s.records("bound")] == [
            ("store", f"dir {old}")]
        s.exchange()
        s.unused()
        told = s.destination()["text"]
        assert f"dir {old}" in told and f"dir {s.marker()}" in told
        assert s.records("another")[0]["identity"] == f"dir {s.marker()}"
        assert s.destination()["state"] == "another"
        assert told in s.ctl("status")["text"]
        first.unplug()
        second = s.dock(1, first=5)
        until(s, lambda: len(s.records("checked")) == 3, "the third is checked")
        s.anew()  # again, and again as another one: on record once
        s.unused()
        assert s.stored() == [] and len(s.records("another")) == 1
        assert s.clip(1)["reason"].startswith("never:")
        s.rebind("the NAS was exchanged")
        s.until_records("receipted", 5)
        assert s.records("rebound")[0].items() >= {
            "destination": "store", "identity": f"dir {s.marker()}", "uid": 0,
            "reason": "the NAS was exchanged"}.items()
        s.settle(3)
        assert s.stored() == digests(first, second)
        # asked for, and not there: sent anew, which is no loss by the one that is there now
        assert {r["asset"] for r in s.records("recreated")} == {1, 2} and not s.records("lost")
        assert s.destination()["text"] == "" and "another" not in s.ctl("status")["text"]
        assert len(s.records("receipted")) == 5
        s.stop_core()
        s.start_core()  # it is what it is bound to: nothing to say
        until(s, lambda: s.destination()["connected"], "connected")
        assert len(s.records("bound")) == 1 and len(s.records("another")) == 1


def test_what_is_back_is_used_again():
    """A disk that was not mounted: noticed by itself, and nobody has to say anything."""
    with Bound() as s:
        first = s.dock(1)
        s.settle(1)
        s.store.rename(s.away)
        s.store.mkdir()
        os.chown(s.store, UPLOADER, UPLOADER)
        s.unused()  # no mark at all; the uploader has looked
        assert s.records("another")[0]["identity"] == "none"
        assert "mounted" in s.destination()["text"]
        first.unplug()
        second = s.dock(1, first=3)
        until(s, lambda: len(s.records("checked")) == 2, "the second is checked")
        assert not list(s.store.iterdir())  # nothing is begun in the place where it was
        s.store.rmdir()
        s.away.rename(s.store)
        s.settle(2)
        assert s.stored() == digests(first, second)
        assert [r["identity"] for r in s.records("bound")] == [f"dir {s.marker()}"] * 2
        assert not s.records("rebound") and not s.records("recreated")
        assert len(s.records("receipted")) == 2


def test_a_folder_emptied_on_purpose():
    """Bound to what bears no mark yet, it is bound to the mark that it gets."""
    with Bound() as s:
        first = s.dock(2)
        s.settle(2)
        s.exchange(marker=None)
        s.unused()
        s.rebind()
        assert s.records("rebound")[0]["identity"] == ""
        s.until_records("receipted", 4)
        s.settle(2)
        assert s.stored() == digests(first)
        assert [r["identity"] for r in s.records("bound")][1:] == [f"dir {s.marker()}"]


def test_what_the_new_one_has_is_not_sent_again():
    """The same files under another mark (a copy of the disk): asked for, found, not sent.

    The old receipts say on which disk the old folder was, so each file gets one of its own: a mere
    confirmation would let an old `readback` stand for a copy on the station's own disk.
    """
    with Bound() as s:
        first = s.dock(3)
        s.settle(3)
        s.exchange()
        s.stop_core()
        mark = s.marker()
        shutil.rmtree(s.store)
        shutil.copytree(s.away, s.store)
        (s.store / ".dockd-destination").write_text(mark + "\n")
        for path in (s.store, *s.store.rglob("*")):
            os.chown(path, UPLOADER, UPLOADER)
        there = {p: p.stat().st_ino for p in s.store.glob("??/*") if len(p.name) == 64}
        s.start_core()
        s.unused()
        s.rebind()
        anew = s.until_records("receipted", 6)[3:]
        s.settle(3)
        assert {r["asset"] for r in s.records("recreated")} == {r["asset"] for r in anew} == {1, 2, 3}
        assert {r["level"] for r in anew} == {"local"}, "the test's folders are on one disk"
        rebound, = s.records("rebound")
        assert not [r for r in s.records("confirmed")
                    if rebound["seq"] < r["seq"] < max(r["seq"] for r in anew)]
        assert s.stored() == digests(first) and not s.records("lost")
        assert {p: p.stat().st_ino for p in there} == there, "not sent again"


def test_where_no_copy_is_left_the_disk_cannot_be_told(tmp_path):
    """Read back from the exchanged folder it is the same file; that may lie on the station's disk."""
    with TusServer(tmp_path / "far") as far:
        with Bound() as s:
            s.settings["destinations"].append(
                {"name": "far", "driver": "tus", "url": far.url, "read-back": True})
            s.settings.update({"accept-receipt": "readback", "confirm-after-days": 0})
            s.write_config()
            s.core.send(signal.SIGHUP)
            until(s, lambda: len(s.ctl("status", connect=True)["destinations"]) == 2, "two")
            s.start_uploader("far")
            s.dock(1)
            s.settle(1)
            assert not s.records("retired"), "the folder's receipt is a local one"
            s.settings["policy"] = "any"  # the other one's is enough for the copy here to go
            s.write_config()
            s.core.send(signal.SIGHUP)
            s.until_records("retired")
            s.exchange()
            s.stop_core()
            mark = s.marker()
            shutil.rmtree(s.store)
            shutil.copytree(s.away, s.store)
            (s.store / ".dockd-destination").write_text(mark + "\n")
            for path in (s.store, *s.store.rglob("*")):
                os.chown(path, UPLOADER, UPLOADER)
            s.start_core()
            s.unused()
            s.rebind()
            rebound, = s.records("rebound")
            anew, = until(s, lambda: [r for r in s.records("confirmed") if r["seq"] > rebound["seq"]
                                      and r["destination"] == "store"], "asked")
            assert anew["level"] == "local"
            assert not s.records("recreated") and not s.records("lost")


def test_a_changed_url_holds_back_erasing(tmp_path):
    """Receipts of the old server do not erase anything while another one answers, nor after it is
    meant, before that one has the file."""
    with TusServer(tmp_path / "a") as a, TusServer(tmp_path / "b") as b:
        store = {"name": "store", "driver": "tus", "url": a.url, "read-back": True}
        with Bound(destinations=[store], accept_receipt="readback") as s:
            camera = s.dock(2)
            s.settle(2)
            assert s.records("bound")[0]["identity"] == f"tus {a.url}"
            store["url"] = b.url
            s.settings["erase"] = "when-receipted"
            s.write_config()
            s.core.send(signal.SIGHUP)
            s.unused()
            until(s, lambda: s.clip(1)["reason"].startswith("receipt-doubted:"), "doubted")
            camera.unplug()
            s.until_records("undocked")
            camera.plug("1-1")
            s.wait("dockings", 2)
            until(s, lambda: s.bay("1")["state"] == "idle" and s.bay("1")["held"] == 2, "listed")
            assert not s.records("erase-intent")
            s.rebind("the service has moved")
            until(s, lambda: len(s.records("erased")) == 2, "erased")
            assert sorted(hashlib.sha256(d).hexdigest() for d in b.assets().values()) == sorted(
                hashlib.sha256(d).hexdigest() for d in a.assets().values())
            last = {r["asset"]: r["seq"] for r in s.records("receipted")}
            assert all(last[r["asset"]] < r["seq"] for r in s.records("erase-intent"))
            assert min(last.values()) > s.records("rebound")[0]["seq"]


def test_before_it_has_said_what_it_is_nothing_is_erased(tmp_path):
    """Between new settings, or a start of the core, and its uploader's word it is not known to be
    the one that gave the receipts. After it what they allow is done, and nobody has to dock again."""
    with TusServer(tmp_path / "a") as a, TusServer(tmp_path / "b") as b:
        store = {"name": "store", "driver": "tus", "url": a.url, "read-back": True}
        with Bound(destinations=[store], accept_receipt="readback") as s:
            def doubted():
                until(s, lambda: s.clip(1)["reason"].startswith("receipt-doubted:"), "doubted")
                until(s, lambda: s.bay("1")["state"] == "idle" and s.bay("1")["held"] == 2, "idle")
                assert not s.records("erase-intent")

            def reload(url):
                store["url"] = url
                s.write_config()
                reloads = len(s.events("reloaded"))
                s.core.send(signal.SIGHUP)
                until(s, lambda: len(s.events("reloaded")) > reloads, "reloaded")

            s.dock(2)
            s.settle(2)
            s.uploaders["store"].stop()
            until(s, lambda: not s.destination()["connected"], "gone")
            s.settings["erase"] = "when-receipted"
            reload(b.url)
            doubted()
            s.stop_core()
            s.start_core()
            doubted()
            reload(a.url)
            doubted()
            s.start_uploader("store")
            until(s, lambda: len(s.records("erased")) == 2, "erased")
            assert len(s.records("receipted")) == 2 and not s.records("another")


def test_one_that_is_named_no_more_is_told_of():
    with Bound() as s:
        first = s.dock(1)
        s.settle(1)
        assert not s.events("destination-unnamed")
        s.settings["destinations"][0]["name"] = "nas"
        s.write_config()
        s.uploaders.pop("store").stop()
        s.start_uploader("nas")
        s.core.send(signal.SIGHUP)
        until(s, lambda: s.events("destination-unnamed"), "told")
        assert "destination=store holds=0" in s.events("destination-unnamed")[0]
        # it is the same folder: found there, under the new name, and not sent again
        until(s, lambda: [r for r in s.records("receipted") if r["destination"] == "nas"], "again")
        assert s.stored() == digests(first)
        assert [r["found"] for r in s.records("created") if r["destination"] == "nas"] == [1]


POINTS = ["binding-bound", "binding-another", "binding-rebound", "reconcile-anew"]


@pytest.mark.parametrize("point", POINTS)
def test_killed_at(point):
    with Bound(die=point) as s:
        first = s.dock(1)
        s.settle(1)
        s.exchange()
        s.unused()
        s.rebind()
        s.until_records("receipted", 2)
        s.settle(1)
        assert s.death.came, "nobody passed there"
        assert s.stored() == digests(first)
        assert len(s.records("another")) == 1 and len(s.records("rebound")) == 1
        assert len(s.records("recreated")) == 1


def test_dockctl_rebind():
    with Bound() as s:
        s.dock(1)
        s.settle(1)
        done = dockctl(s, "rebind", "store")
        assert done.returncode == 2 and "--reason" in done.stderr
        done = dockctl(s, "rebind", "nowhere", "--reason", "r")
        assert done.returncode == 1 and "no destination of that name" in done.stderr
        done = dockctl(s, "rebind", "store", "--reason", "r")
        assert done.returncode == 0 and done.stdout == (
            "store: it is the one that it was: nothing to do\n")
        assert not s.records("rebound")
        s.uploaders["store"].stop(signal.SIGKILL)
        until(s, lambda: not s.destination()["connected"], "gone")
        done = dockctl(s, "rebind", "store", "--reason", "r")
        assert done.returncode == 1 and "does not answer" in done.stderr
        s.start_uploader("store")
        s.exchange()
        s.unused()
        assert s.rebind("r") == {"ok": True, "text": "bound; it is asked for 1 files that it should have"}
