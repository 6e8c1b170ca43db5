"""An uploader for tests, with a store in its memory that locks and holds: proto_upload.h to a real core.

Started as a program of its own, by the uploaders' user (station.py), since the core knows who
connects. What the store does is in knobs.json beside the socket given on the command line; what it
was told is in told.jsonl, what it has in objects.json. It never sends what knobs.json does not say.
"""
import array
import hashlib
import json
import os
import pathlib
import shutil
import socket
import sys
import time

import fake_core as p
import proto

RULES = {"can": p.CONFIRMS | p.REMOVES | p.PRESERVES, "level": p.STORED_DIGEST, "preserve": "yes",
         "remove": "yes", "holds_at_once": True, "lock": 0, "retain": 0, "stuck": [],
         "stops": True, "lies": {}}  # message => what is wrong in its receipt: length, digest, object


class Store:
    """The objects, by address."""

    def __init__(self, folder):
        self.folder = folder
        path = folder / "objects.json"
        self.objects = json.loads(path.read_text()) if path.exists() else {}

    def rules(self):
        return {**RULES, **json.loads((self.folder / "knobs.json").read_text())}

    def load(self):
        """What somebody else changed in the store meanwhile."""
        path = self.folder / "objects.json"
        if path.exists():
            self.objects = json.loads(path.read_text())

    def save(self):
        new = self.folder / "objects.new"
        new.write_text(json.dumps(self.objects))
        new.replace(self.folder / "objects.json")

    def tell(self, kind, up):
        with open(self.folder / "told.jsonl", "a") as out:
            out.write(json.dumps({**up, "kind": kind}) + "\n")


def read_upload(body):
    (size, sha256, _, _, kind, preserved, urgency, _, _, _, asset, camera, _, _, name,
     version, address) = p.UPLOAD.unpack(body)
    return {"size": size, "sha256": sha256.hex(), "kind": kind, "preserved": preserved,
            "asset": p.text(asset), "name": p.text(name), "version": p.text(version),
            "address": p.text(address)}


class Uploader:
    def __init__(self, path, folder, name):
        self.store = Store(folder)
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.sock.connect(path)
        self.slots = {}
        self.put("HELLO", p.HELLO.pack(proto.VERSION, 2, name.encode()))

    def put(self, kind, body=b"\0\0\0\0", slot=0, generation=0):
        self.sock.send(p.HEAD.pack(p.MSG[kind], slot, len(body), generation) + body)

    def receipt(self, o, sent, at, kind="UPLOAD"):
        rules, digest = self.store.rules(), bytes.fromhex(o["sha256"])
        lie = rules["lies"].get(kind)
        address = o["address"] + "x" * (lie == "object")
        self.put("RECEIPT", p.RECEIPT.pack(
            rules["level"], 0, o["size"] - (lie == "length"), sent,
            digest[::-1] if lie == "digest" else digest,
            address.encode(), o["version"].encode(), o["retain"] or p.NO_TIME, o["lock"],
            int(o["held"]), b""), *at)

    def fail(self, failure, text, at, status=0):
        self.put("FAILED", p.FAILED.pack(failure, status, 0, 0, 0, b"", text.encode()), *at)

    def upload(self, up, fd, at):
        data = os.pread(fd, up["size"] + 1, 0)
        os.close(fd)
        rules = self.store.rules()
        o = {**up, "address": up["address"] or f"{up['kind']}/{up['asset'] or up['name']}", "version": "v1",
             "held": bool(up["preserved"] and rules["holds_at_once"]), "lock": rules["lock"],
             "retain": rules["retain"], "sha256": hashlib.sha256(data).hexdigest()}
        self.slots[at[0]] = o
        if up["address"]:
            self.finish(at)
        else:
            self.put("CREATED", p.CREATED.pack(p.NO_TIME, 0, 0, o["address"].encode(), b""), *at)

    def finish(self, at):
        o = self.slots.pop(at[0])
        self.store.objects[o["address"]] = o
        self.store.save()
        self.receipt(o, o["size"], at)

    def errand(self, kind, up, at):
        rules, o = self.store.rules(), self.store.objects.get(up["address"])
        if kind == "PRESERVE" and rules["preserve"] not in ("yes", "mute", "unheard"):
            if rules["preserve"] == "denied":
                self.fail(p.BAD_DESTINATION, "the store denies this to the access key", at, 403)
            elif rules["preserve"] != "silent":
                self.fail(p.CANNOT, rules["preserve"], at)
        elif o is None:
            if kind == "REMOVE":
                self.put("REMOVED", p.STATUS.pack(-2, b""), *at)
            else:
                self.fail(p.LOST, "no such object", at)
        elif kind == "RECONFIRM":
            self.receipt(o, 0, at, kind)
        elif kind == "PRESERVE":
            assert up["version"] == o["version"], up
            o["held"] = bool(up["preserved"])
            self.store.save()
            if rules["preserve"] == "yes":
                self.put("PRESERVED", p.STATUS.pack(0, b""), *at)
            elif rules["preserve"] == "unheard":
                self.fail(p.LATER, "the line was cut before its answer", at)
        elif o["held"] or o["retain"] > time.time() + rules.get("ahead", 0) or rules["remove"] != "yes":
            self.fail(p.CANNOT, "it is locked: access denied", at)
        else:
            del self.store.objects[up["address"]]
            self.store.save()
            self.put("REMOVED", p.STATUS.pack(0, b""), *at)

    def turn(self):
        data, control, _, _ = self.sock.recvmsg(8192, 256)
        if not data:
            return False
        fds = array.array("i")
        for _, _, raw in control:
            fds.frombytes(raw[:len(raw) - len(raw) % fds.itemsize])
        kind, slot, length, generation = p.HEAD.unpack_from(data)
        body, kind, at = data[p.HEAD.size:], p.NAME.get(kind, str(kind)), (slot, generation)
        self.store.load()
        if kind == "DESTINATION":
            rules = self.store.rules()
            self.put("READY", p.READY.pack(0, rules["level"], rules["can"], 0, b"", b"fake store"))
            for which, first, last in rules.get("certificates", ()):
                self.put("CERTIFICATE", p.CERTIFICATE.pack(which, 0, first, last))
        elif kind == "PROCEED":
            if self.slots[slot]["name"] not in self.store.rules()["stuck"]:
                self.finish(at)
        elif kind == "STOP_UPLOAD":
            self.store.tell(kind, self.slots[slot])
            if self.store.rules()["stops"]:
                del self.slots[slot]
                self.fail(p.STOPPED, "stopped as asked", at)
        elif kind in ("UPLOAD", "RECONFIRM", "REMOVE", "PRESERVE"):
            up = read_upload(body)
            self.store.tell(kind, up)
            if kind == "UPLOAD":
                self.upload(up, fds[0], at)
            else:
                self.errand(kind, up, at)
        return True


class Beside:
    """The test's end: the folder in which an uploader of this kind finds and leaves its files."""

    def __init__(self, folder, uid):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(mode=0o755)
        for name in ("fake_uploader.py", "fake_core.py"):
            shutil.copy2(pathlib.Path(__file__).with_name(name), self.folder / name)
            (self.folder / name).chmod(0o644)
        (self.folder / "proto.py").write_text(f"VERSION = {proto.VERSION}\n")  # away from the header
        (self.folder / "proto.py").chmod(0o644)
        os.chown(self.folder, uid, uid)
        self.uid = uid
        self.rule()

    def command(self, sock, name):
        return [sys.executable, "-B", self.folder / "fake_uploader.py", sock, self.folder, name]

    def _write(self, name, data):
        new = self.folder / f"{name}.test"
        new.write_text(json.dumps(data))
        os.chown(new, self.uid, self.uid)
        new.replace(self.folder / name)

    def rule(self, **rules):
        self._write("knobs.json", rules)

    def told(self, *kinds):
        path = self.folder / "told.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        return [m for m in map(json.loads, lines) if not kinds or m["kind"] in kinds]

    def objects(self):
        """By the name that people know."""
        path = self.folder / "objects.json"
        found = json.loads(path.read_text()).values() if path.exists() else ()
        return {o["name"]: o for o in found}

    def change(self, name, **how):
        """Somebody else does this in the store."""
        objects = self.objects()
        objects[name].update(how)
        self._write("objects.json", {o["address"]: o for o in objects.values()})


if __name__ == "__main__":
    uploader = Uploader(sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3])
    while uploader.turn():
        pass
