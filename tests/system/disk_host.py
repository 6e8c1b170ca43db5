"""A small mass-storage host over vusb, independent of the worker's: the simulator's self test.

Blocking and strict, one command at a time. Layouts: USB Mass Storage Class, Bulk-Only Transport 1.0
sections 5 and 6; SPC-4, SBC-3.
"""

import errno
import struct

from initiator import BULK_IN, BULK_OUT, CANCEL, SUBMIT, Broken, Host, Stall, TimedOut, Usbfs

PASSED, FAILED, PHASE = range(3)


class Disk:
    """The host's side of a camera that is a disk. path: a vusb socket or a usbfs node."""

    def __init__(self, path, timeout=20):
        self.host = (Usbfs if path.startswith("/dev/bus/usb") else Host)(path, timeout)
        self.tag = 100
        self.stalls = 0

    def close(self):
        self.host.close()

    def luns(self):
        return self.host.control(0xA1, 0xFE, length=1)[0] + 1

    def cbw(self, cdb, length, into=True, lun=0):
        self.tag += 1
        self.host.write(struct.pack("<IIIBBB16s", 0x43425355, self.tag, length,
                                    0x80 if into else 0, lun, len(cdb), bytes(cdb)))

    def clear(self, endpoint=BULK_IN):
        self.stalls += 1
        self.host.clear_halt(endpoint)

    def csw(self):
        """(residue, status); a stall before it is cleared once."""
        try:
            raw = self.host.read(wanted=13)
        except Stall:
            self.clear()
            raw = self.host.read(wanted=13)
        if len(raw) != 13:
            raise Broken(f"CSW of {len(raw)} bytes")
        signature, tag, residue, status = struct.unpack("<IIIB", raw)
        if signature != 0x53425355:
            raise Broken("signature")
        if tag != self.tag:
            raise Broken("tag")
        return residue, status

    def piece(self, want):
        """(data, whether a stall came behind them) of one bulk-in transfer."""
        want = (want + 511) // 512 * 512
        if isinstance(self.host, Usbfs):  # what came before a stall is lost there
            try:
                return self.host.read(wanted=want), False
            except Stall:
                return b"", True
        ident = self.host.send(SUBMIT, BULK_IN, want)
        try:
            status, data, _ = self.host.result(ident)
        except TimedOut:
            self.host.send(CANCEL, ident=ident)
            self.host.result(ident)
            raise
        if status not in (0, -errno.EPIPE):
            raise Broken(f"status {status}")
        return data, status != 0

    def data(self, length):
        """Data-in until length, a short packet or a stall."""
        out = b""
        while len(out) < length:
            want = min(65536, length - len(out))
            data, stalled = self.piece(want)
            out += data
            if stalled:
                self.clear()
            if stalled or len(data) < want:
                break
        return out

    def run(self, cdb, length=0, lun=0, data=None):
        """(status, data, residue) of one command."""
        self.cbw(cdb, len(data) if data is not None else length, data is None, lun)
        got = b""
        if data is not None:
            try:
                self.host.write(data)
            except Stall:
                self.clear(BULK_OUT)
        elif length:
            got = self.data(length)
        residue, status = self.csw()
        return status, got, residue

    def sense(self, lun=0):
        """(key, asc, ascq)"""
        status, data, _ = self.run(bytes([3, 0, 0, 0, 18, 0]), 18, lun)
        if status:
            raise Broken("REQUEST SENSE failed")
        return data[2] & 15, data[12], data[13]

    def must(self, cdb, length=0, lun=0):
        status, data, _ = self.run(cdb, length, lun)
        if status:
            raise Broken(f"status {status}, sense {self.sense(lun)}")
        return data

    def ready(self, lun=0):
        """Takes the UNIT ATTENTION of a fresh plug, then asks."""
        if self.run(bytes(6), lun=lun)[0]:
            self.sense(lun)
        self.must(bytes(6), lun=lun)

    def inquiry(self, lun=0, room=36):
        return self.must(bytes([0x12, 0, 0, 0, room, 0]), room, lun)

    def vital(self, page, room=255):
        return self.must(bytes([0x12, 1, page, 0, room, 0]), room)

    def capacity(self, lun=0):
        last, block = struct.unpack(">II", self.must(bytes([0x25] + [0] * 9), 8, lun))
        return last + 1, block

    def read_cdb(self, block, blocks):
        return struct.pack(">BBIBHB", 0x28, 0, block, 0, blocks, 0)

    def read(self, block, blocks, lun=0, block_bytes=512):
        return self.must(self.read_cdb(block, blocks), blocks * block_bytes, lun)

    def recover(self):
        """Reset Recovery (5.3.4)."""
        self.host.control(0x21, 0xFF)
        self.host.clear_halt(BULK_IN)
        self.host.clear_halt(BULK_OUT)
