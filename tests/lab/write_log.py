"""Reads what dm-log-writes recorded of a disk and plays it back onto another one.

Format: Documentation/admin-guide/device-mapper/log-writes.rst and drivers/md/dm-log-writes.c of the
kernel. Block 0 holds the super block; then, for each write in the order in which it was complete,
one block with the entry and the blocks that were written. Discards and marks have no blocks.
"""

import os
import struct

MAGIC = 0x6A736677736872
SUPER = struct.Struct("<QQQI")
ENTRY = struct.Struct("<QQQQ")
FLUSH, FUA, DISCARD, MARK = 1, 2, 4, 8
PIECE = 1 << 20


class WriteLog:
    def __init__(self, device):
        self.fd = os.open(device, os.O_RDONLY)
        magic, version, count, self.block = SUPER.unpack(os.pread(self.fd, SUPER.size, 0))
        if magic != MAGIC or version != 1:
            raise ValueError("%s is no log of dm-log-writes" % device)
        self.entries = []  # (flags, sector, sectors, offset of the data, mark)
        at = self.block
        for _ in range(count):
            raw = os.pread(self.fd, self.block, at)
            sector, sectors, flags, length = ENTRY.unpack_from(raw)
            at += self.block
            mark = raw[ENTRY.size:ENTRY.size + length].rstrip(b"\0").decode() if flags & MARK else ""
            self.entries.append((flags, sector, sectors, at, mark))
            if not flags & DISCARD:
                at += sectors * self.block

    def mark(self, name):
        """The number of the entry that is this mark."""
        return next(i for i, e in enumerate(self.entries) if e[4] == name)

    def flushes(self, first, last):
        """The entries at which all before them was promised to be on the disk."""
        return [i for i in range(first, last) if self.entries[i][0] & (FLUSH | FUA)]

    def replay(self, device, first, last):
        """Writes entries first..last-1 to the device, durably."""
        to = os.open(device, os.O_WRONLY)
        try:
            for flags, sector, sectors, at, _ in self.entries[first:last]:
                if not flags & MARK:
                    self._write(to, flags, sector * self.block, sectors * self.block, at)
            os.fsync(to)
        finally:
            os.close(to)

    def _write(self, to, flags, offset, length, at):
        while length > 0:
            now = min(length, PIECE)
            # What was discarded may read as anything; zeros are the least kind.
            data = bytes(now) if flags & DISCARD else os.pread(self.fd, now, at)
            os.pwrite(to, data, offset)
            offset, at, length = offset + now, at + now, length - now
