"""A store that locks and holds: preservation orders reach it, and are over there when they are
lifted; what it locks is not disposed of before its time.

The uploader is fake_uploader.py, which speaks to the real core: no store that dockd can drive
refuses just these things at just these moments.
"""
import os
import signal
import time

import pytest

import fake_core
from servers import RadosGW
from station import UPLOADER
from test_retention import DAY, Month, at
from vcam import clip


class Held(Month):
    """One destination, whose uploader is a fake."""

    def __init__(self, rules=None, die=None, slots=4, **settings):
        super().__init__(fakes=["store"], destinations=[{"name": "store", "driver": "tus",
                                                         "url": "http://127.0.0.1:1/files",
                                                         "slots": slots, "dispose": True}],
                         accept_receipt="stored-digest", start=False, die=die, **settings)
        self.store = self.fakes["store"]
        self.store.rule(**(rules or {}))
        self.start()

    def held(self, number):
        return self.clip(number)["uploads"][0]["held"]

    def copies(self, *command):
        told = self.ctl(*command, "--reason", "case 7", check=False)
        return {(c["number"], c["where"]): c for c in told["copies"]}


def test_an_order_reaches_the_store():
    """By camera, for what is there and what comes; confirmed only when the store said so."""
    with Held({"holds_at_once": False}) as s:
        s.docked("A", [clip(f"DCIM/{n}.mp4", 5000 + n, n, mtime=at()) for n in range(1, 4)])
        s.docked("B", [clip("DCIM/b.mp4", 6000, 9, mtime=at())], port="1-2")
        assert s.store.told("PRESERVE") == []
        first, b = s.number("DCIM/1.mp4"), s.number("DCIM/b.mp4")
        copies = s.copies("preserve", "camera", "A")
        assert copies[first, "store"]["state"] == "confirmed"
        s.until(lambda: len(s.records("held")) == 3, "each of them")
        assert {o["name"]: o["held"] for o in s.store.objects().values()} == {
            "1.mp4": True, "2.mp4": True, "3.mp4": True, "b.mp4": False}
        assert {m["version"] for m in s.store.told("PRESERVE")} == {"v1"}
        assert s.held(first) and not s.held(b)

        # what comes later is told of when it is there, and what was there is not asked again
        s.docked("A", [clip("DCIM/late.mp4", 7000, 8, mtime=at())])
        s.until(lambda: len(s.records("held")) == 4, "the late one")
        assert s.store.objects()["late.mp4"]["held"]

        # a second order covers one of them as well: after the lift that one stays held
        s.copies("preserve", "asset", first)
        lifted = s.copies("lift", 1)
        assert lifted[first, "store"]["state"] == "confirmed"
        assert lifted[first + 1, "store"]["state"] == "kept"
        s.until(lambda: len(s.records("held", on=0)) == 3, "off")
        assert [o["name"] for o in s.store.objects().values() if o["held"]] == ["1.mp4"]
        s.copies("lift", 2)
        s.until(lambda: not s.held(first), "off")
        s.wait("idle")
        assert len(s.store.told("PRESERVE")) == 8


def test_nothing_is_called_confirmed_before_it_is():
    """A store that refuses, then one that does not answer; the core dies, and goes on asking."""
    with Held({"holds_at_once": False, "preserve": "no legal hold on this bucket"}, keep_core=True) as s:
        s.docked("A", [clip("DCIM/1.mp4", 5000, 1, mtime=at())])
        copies = s.copies("preserve", "asset", 1)
        assert copies[1, "store"]["state"] == "NOT-PRESERVED"
        assert "no legal hold on this bucket" in copies[1, "store"]["text"]
        assert s.ctl("preserve", "asset", 1, "--reason", "x", check=False) and not s.held(1)
        s.until(lambda: "no legal hold on this bucket" in s.ctl("status")["text"], "told")
        s.store.rule(holds_at_once=False, preserve="silent")
        asked = len(s.store.told("PRESERVE"))
        s.until(lambda: len(s.store.told("PRESERVE")) > asked, "asked again")
        assert not s.held(1) and s.records("held") == []
        s.core.send(signal.SIGKILL)
        s.store.rule(holds_at_once=False)
        s.until(lambda: s.ctl("clip", 1, check=False, connect=True).get("uploads") and s.held(1), "held")
        s.until(lambda: "hold" not in s.ctl("status")["text"], "nothing to say")


def test_a_hold_that_is_denied_stops_no_upload():
    """The access key may send and may not hold: what comes later arrives, and a person is told."""
    with Held({"holds_at_once": False, "preserve": "denied"}) as s:
        s.docked("A", [clip("DCIM/1.mp4", 5000, 1, mtime=at())])
        assert s.copies("preserve", "camera", "A")[1, "store"]["state"] == "NOT-PRESERVED"
        s.docked("A", [clip("DCIM/late.mp4", 7000, 8, mtime=at())])
        s.until(lambda: len(s.records("receipted")) == 2, "the late one")
        s.until(lambda: "denies this" in s.ctl("status")["text"], "told")
        assert not s.ctl("status")["destinations"][0]["away"]
        s.store.rule(holds_at_once=False)
        s.until(lambda: len(s.records("held", on=1)) == 2, "held")


class Two(Month):
    """Two destinations; the second one does not get to read what it is asked, and they change places."""

    def __init__(self):
        super().__init__(fakes=["one", "two"], accept_receipt="stored-digest", start=False, destinations=[
            {"name": n, "driver": "tus", "url": f"http://127.0.0.1:1/{n}"} for n in ("one", "two")])
        for fake in self.fakes.values():
            fake.rule(holds_at_once=False)
        self.start()

    def __enter__(self):
        super().__enter__()
        self.docked("A", [clip("DCIM/1.mp4", 5000, 1, mtime=at())])
        self.uploaders["two"].send(signal.SIGSTOP)
        return self

    def change_places(self):
        self.settings["destinations"].reverse()
        self.write_config()
        self.core.send(signal.SIGHUP)
        self.until(lambda: self.events("reloaded"), "reloaded")
        self.uploaders["two"].send(signal.SIGCONT)


@pytest.mark.parametrize("what", ["confirmed", "held"])
def test_an_answer_finds_its_asker(what):
    """A reload between question and answer: whoever stands in the other's place now has not answered."""
    with Two() as s:
        if what == "confirmed":
            s.day(8)
        else:
            s.ctl("preserve", "asset", 1, "--reason", "a test", check=False)
        s.until(lambda: s.records(what, destination="one"), "of the one that can answer")
        assert not s.records(what, destination="two")
        s.change_places()
        s.until(lambda: s.records(what, destination="two"), "of the other")
        assert len(s.records(what)) == 2


def test_a_hold_does_not_wait_for_an_upload():
    """One that keeps its slot for as long as the line, or the timetable, makes it."""
    with Held({"holds_at_once": False, "stuck": ["late.mp4"]}, slots=1) as s:
        s.docked("A", [clip("DCIM/1.mp4", 5000, 1, mtime=at()), clip("DCIM/2.mp4", 5001, 2, mtime=at())])
        s.camera("B", objects=[clip("DCIM/late.mp4", 7000, 8, mtime=at())],
                 usb={"serial": "B"}).plug("1-2")
        s.until(lambda: len(s.records("created")) == 3, "under way")
        s.copies("preserve", "camera", "A")
        s.until(lambda: len(s.records("held", on=1)) == 2, "both held")
        stopped = s.store.told("STOP_UPLOAD")
        assert [m["name"] for m in stopped] == ["late.mp4"], "once for both"
        s.until(lambda: len(s.records("receipted")) == 3, "and it goes on")


@pytest.mark.parametrize("lie", ["length", "digest"])
def test_an_answer_about_something_else_confirms_nothing(lie):
    """Asked after a week, the store states another length or digest: lost there, and sent again."""
    with Held() as s:
        s.docked("A", [clip("DCIM/1.mp4", 5000, 1, mtime=at())])
        s.store.rule(lies={"RECONFIRM": lie})
        s.day(8)
        s.until(lambda: s.records("lost"), "noticed")
        assert not s.records("confirmed") and s.clip(1)["station_copy"] == "kept"
        s.until(lambda: len(s.records("receipted")) == 2, "sent again")
        assert [m["name"] for m in s.store.told("UPLOAD")].count("1.mp4") == 2


@pytest.mark.parametrize("point", ["hold-ask:2", "hold-ask:4", "hold-held:4"])
def test_killed_between(point):
    """The core dies between order, question and record; nothing is forgotten, nothing held twice."""
    with Held({"holds_at_once": False}, keep_core=True, die=point) as s:
        s.docked("A", [clip(f"DCIM/{n}.mp4", 5000 + n, n, mtime=at()) for n in range(1, 4)])
        s.ctl("preserve", "camera", "A", "--reason", "case 7", check=False)
        s.until(lambda: len(s.records("held", on=1)) == 3, "held")
        s.until(lambda: s.ctl("lift", 1, "--reason", "over", check=False, connect=True), "lifted")
        s.until(lambda: not any(o["held"] for o in s.store.objects().values()), "let go")
        s.until(lambda: len(s.records("held", on=0)) == 3, "on record")
        assert s.core.starts == 2
        assert len(s.records("held")) == 6 and len(s.records("release-intent")) == 3


def test_a_hold_of_others_is_left_alone():
    """What somebody else held there stays; what somebody took off is put on again."""
    with Held(confirm_per_hour=100000) as s:
        s.docked("A", [clip("DCIM/1.mp4", 5000, 1, mtime=at()), clip("DCIM/2.mp4", 5001, 2, mtime=at())])
        ours = s.number("DCIM/1.mp4")
        s.copies("preserve", "asset", ours)
        assert s.held(ours)
        s.store.change("1.mp4", held=False)
        s.store.change("2.mp4", held=True, lock=fake_core.COMPLIANCE, retain=int(time.time()) + 90 * DAY)
        s.day(7.5)
        s.until(lambda: len(s.records("confirmed")) == 2, "asked again")
        s.until(lambda: len(s.records("held", on=1)) == 2, "put on again")
        other = s.clip(3 - ours)["uploads"][0]
        assert other["held"] and other["lock"] == "compliance" and other["retain_until"]
        s.copies("lift", 1)
        s.until(lambda: not s.held(ours), "off")
        s.day(9)
        s.until(lambda: s.ctl("status")["clock_synchronised"], "asked")
        assert s.store.objects()["2.mp4"]["held"]
        assert {m["name"] for m in s.store.told("PRESERVE")} == {"1.mp4"}


def test_an_order_while_the_one_before_is_let_go():
    """The store was told that it is over, and does not answer: what is on record as held may not be."""
    with Held({"holds_at_once": False}) as s:
        s.docked("A", [clip("DCIM/1.mp4", 5000, 1, mtime=at())])
        assert s.copies("preserve", "asset", 1)[1, "store"]["state"] == "confirmed"
        s.store.rule(holds_at_once=False, preserve="mute")
        s.copies("lift", 1)
        s.until(lambda: not s.store.objects()["1.mp4"]["held"], "let go of")
        assert s.held(1), "it has not said so"
        assert s.copies("preserve", "asset", 1)[1, "store"]["state"] == "NOT-PRESERVED"
        s.store.rule(holds_at_once=False)
        s.uploaders["store"].send(signal.SIGKILL)
        s.until(lambda: s.store.objects()["1.mp4"]["held"], "held again")
        s.until(lambda: len(s.records("held", on=1)) == 2, "on record")
        assert s.records("held", on=0) == []
        s.copies("preserve", "asset", 1)
        assert s.copies("lift", 2)[1, "store"]["state"] == "confirmed"


def test_it_let_go_and_its_answer_was_lost():
    """With the core, with the core and its index, on the line: an order given then is told to it anew."""
    with Held({"holds_at_once": False}) as s:
        s.docked("A", [clip("DCIM/1.mp4", 5000, 1, mtime=at())])
        assert s.copies("preserve", "asset", 1)[1, "store"]["state"] == "confirmed"
        for order, rebuilt in (1, False), (2, True):
            s.store.rule(holds_at_once=False, preserve="mute")
            s.copies("lift", order)
            s.until(lambda: not s.store.objects()["1.mp4"]["held"], "let go of")
            s.uploaders["store"].send(signal.SIGSTOP)  # nobody can ask it when the order comes
            s.stop_core(signal.SIGKILL)
            for path in (s.folder / "state").glob("index.sqlite*") if rebuilt else ():
                path.unlink()
            s.start_core()
            assert s.copies("preserve", "asset", 1)[1, "store"]["state"] == "NOT-PRESERVED"
            assert not s.held(1)
            s.store.rule(holds_at_once=False)
            s.uploaders["store"].send(signal.SIGCONT)
            s.until(lambda: s.held(1), "held again")
            assert s.store.objects()["1.mp4"]["held"]
            assert len(s.records("release-intent")) == order and not s.records("held", on=0)

        s.store.rule(holds_at_once=False, preserve="unheard")
        s.copies("lift", 3)
        s.until(lambda: s.events("hold-failed"), "let go of")
        s.store.rule(holds_at_once=False)
        state = s.copies("preserve", "asset", 1)[1, "store"]["state"]
        assert state != "confirmed" or s.store.objects()["1.mp4"]["held"]
        s.until(lambda: s.held(1), "held again")
        assert s.store.objects()["1.mp4"]["held"]


def test_disposal_waits_for_lock_and_hold():
    """Locked for 40 days: kept, with its text, and gone after; a hold of ours comes off first."""
    until = int(time.time()) + 40 * DAY
    with Held({"lock": fake_core.COMPLIANCE, "retain": until}) as s:
        s.docked("A", [clip("DCIM/1.mp4", 5000, 1, mtime=at())])
        first = s.number("DCIM/1.mp4")
        assert s.clip(first)["uploads"][0]["lock"] == "compliance"
        s.copies("preserve", "asset", first)
        assert s.ctl("dispose", first, "--reason", "x", "--order", "7", check=False)["exit"] != 0
        s.copies("lift", 1)
        told = s.ctl("dispose", first, "--reason", "order", "--order", "J 12", check=False)
        copies = {c["where"]: c for c in told["copies"]}
        assert copies["station"]["state"] == "disposed" and copies["store"]["state"] == "kept"
        assert "locked" in copies["store"]["text"]
        kept = s.records("disposed", where="store")
        assert [(r["result"], r["again"]) for r in kept] == [("kept", until + 1)]
        s.until(lambda: not s.held(first), "the hold comes off meanwhile")
        assert s.store.told("REMOVE") == []
        s.store.rule(ahead=41 * DAY)
        s.day(41)
        s.until(lambda: s.gone(first), "gone")
        assert "1.mp4" not in s.store.objects()


def test_the_proof_tells_of_lock_hold_and_orders():
    until = int(time.time()) + 40 * DAY
    with Held({"lock": fake_core.GOVERNANCE, "retain": until}) as s:
        s.docked("A", [clip("DCIM/1.mp4", 5000, 1, mtime=at())])
        s.copies("preserve", "camera", "A")
        s.copies("lift", 1)
        assert s.copies("preserve", "asset", 1)[1, "store"]["state"] == "confirmed"
        assert s.held(1)
        sheet = s.ctl("statement", 1)
        stored, people = " ".join(sheet["stored"]), " ".join(sheet["people"])
        assert "locked there against deletion (governance)" in stored and "legal hold" in stored
        assert "gave preservation order 1 (camera A)" in people
        assert "lifted preservation order 1" in people and "gave preservation order 2" in people


def s3_destination(s, rgw, bucket, **settings):
    keys = s.folder / "s3.keys"
    keys.write_text(f"access-key: {rgw.ACCESS}\nsecret-key: {rgw.SECRET}\n")
    os.chown(keys, UPLOADER, UPLOADER)
    keys.chmod(0o400)
    s.settings["destinations"] = [{
        "name": "store", "driver": "s3", "url": rgw.endpoint, "bucket": bucket, "path-style": True,
        "secrets-file": keys, "read-back": True, "dispose": True, **settings}]
    s.write_config()
    s.start()


def test_a_store_without_object_lock():
    """Marks: ours while an order stands; and what another station has marked is not disposed of."""
    rgw = RadosGW.shared()
    bucket, client = rgw.bucket(), rgw.client()

    def there(bundles=False):
        keys = {o["Key"] for o in client.list_objects_v2(Bucket=bucket).get("Contents", [])}
        return {k for k in keys if not k.startswith("ledger/") and (bundles or not k.endswith(".bundle"))}
    with Month(start=False, accept_receipt="readback", destinations=[]) as s:
        s3_destination(s, rgw, bucket)
        s.docked("A", [clip("DCIM/1.mp4", 5000, 1, mtime=at())])
        first = s.number("DCIM/1.mp4")
        asset = s.clip(first)["uploads"][0]["address"]
        told = s.ctl("preserve", "asset", first, "--reason", "case 7", check=False)
        store, = (c for c in told["copies"] if c["where"] == "store")
        assert store["state"] == "preserved" and "knows no hold" in store["text"], store
        ours, = there() - {asset}
        assert ours.startswith(f"preserve/{asset}/") and s.records("held", on=2)
        assert "no station of dockd's removes it" in " ".join(s.ctl("statement", first)["stored"])
        s.ctl("lift", 1, "--reason", "closed", check=False)
        s.until(lambda: there() == {asset}, "let go")
        s.until(lambda: not s.clip(first)["uploads"][0]["held"], "on record")

        mark = f"preserve/{asset}/south"
        client.put_object(Bucket=bucket, Key=mark, Body=b"x")
        told = s.ctl("dispose", first, "--reason", "order", "--order", "J 12", check=False)
        store, = (c for c in told["copies"] if c["where"] == "store")
        assert store["state"] == "kept" and "station south preserves it" in store["text"], store
        assert there() == {asset, mark}
        client.delete_object(Bucket=bucket, Key=mark)
        s.day(2)
        s.until(lambda: s.gone(first), "gone")
        assert there(bundles=True) == set()


def test_a_store_with_object_lock(tmp_path):
    """The whole station against Ceph's gateway; what is there is seen with a client that is not ours."""
    rgw = RadosGW.shared()
    bucket, client = rgw.bucket(lock=True), rgw.client()
    with Month(start=False, accept_receipt="readback", destinations=[]) as s:
        s3_destination(s, rgw, bucket, **{"object-lock": "governance", "retain-days": 40})
        s.docked("A", [clip("DCIM/1.mp4", 5000, 1, mtime=at()), clip("DCIM/2.mp4", 5001, 2, mtime=at())])
        first = s.number("DCIM/1.mp4")
        up, other = (s.clip(n)["uploads"][0] for n in (first, 3 - first))
        assert up["lock"] == "governance" and up["retain_until"] and up["version"] and not up["held"]
        this = {"Bucket": bucket, "Key": up["address"], "VersionId": up["version"]}

        def status():
            return client.get_object_legal_hold(**this)["LegalHold"]["Status"]
        told = s.ctl("preserve", "asset", first, "--reason", "case 7", check=False)
        assert {c["where"]: c["state"] for c in told["copies"]}["store"] == "confirmed"
        assert status() == "ON"
        s.ctl("lift", 1, "--reason", "closed", check=False)
        s.until(lambda: not s.clip(first)["uploads"][0]["held"], "let go")
        assert status() == "OFF"

        told = s.ctl("dispose", first, "--reason", "order", "--order", "J 12", check=False)
        assert {c["where"]: c["state"] for c in told["copies"]} == {
            "station": "disposed", "store": "kept", "camera": "kept"}
        client.head_object(**this)
        # its keeper ends the lock early, which only governance lets him; dockd looks when it would end
        over = time.time() + 1
        client.put_object_retention(**this, BypassGovernanceRetention=True, Retention={
            "Mode": "GOVERNANCE", "RetainUntilDate": over})
        s.until(lambda: time.time() > over + 1, "the store's clock has passed it")
        s.day(42)
        s.until(lambda: s.gone(first), "gone")
        left = {v["Key"] for v in client.list_object_versions(Bucket=bucket)["Versions"]}
        assert up["address"] not in left and other["address"] in left
