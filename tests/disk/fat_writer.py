"""Puts files into a FAT12, FAT16 or FAT32 volume that mkfs.vfat made: long names, deleted entries,
zero dates and any fragmentation. Written from Microsoft's "FAT general overview" and "long name"
papers; fsck.vfat and mtools are its judges.
"""
import array
import os
import re
import struct

from exfat_writer import dos_time
from volume_writer import Full, Node, Volume

SHORT = re.compile(r"[A-Z0-9!#$%&'()@^_`{}~-]{1,8}(\.[A-Z0-9!#$%&'()@^_`{}~-]{1,3})?\Z")


def packed(base, ext):
    return (base.ljust(8) + ext.ljust(3)).encode("ascii")


def lfn_sum(short):
    total = 0
    for b in short:
        total = ((total & 1) << 7 | total >> 1) + b & 0xFF
    return total


class FatVolume(Volume):
    def __init__(self, fd, base, rng):
        super().__init__(fd, base)
        self.rng = rng
        boot = os.pread(fd, 512, base)
        (self.sector, per, reserved, self.fats, root_entries, total16, _, fat16) = struct.unpack(
            "<HBHBHHBH", boot[11:24])
        total32, fat32 = struct.unpack("<II", boot[32:40])
        sectors, fat_sectors = total16 or total32, fat16 or fat32
        self.fat, self.fat_len = base + reserved * self.sector, fat_sectors * self.sector
        root_at = self.fat + self.fats * self.fat_len
        heap = root_at + root_entries * 32
        clusters = (sectors * self.sector - (heap - base)) // (per * self.sector)
        self.ready(per * self.sector, clusters, heap)
        self.bits = 12 if clusters < 4085 else 16 if clusters < 65525 else 32
        self.root_at, self.root_entries = root_at, root_entries
        self.root_fixed = self.bits != 32
        if not self.root_fixed:
            self.root.clusters = [struct.unpack("<I", boot[44:48])[0]]
            self.used[self.root.clusters[0]] = 1
            self.info = base + struct.unpack("<H", boot[48:50])[0] * self.sector
            at = self.at(self.root.clusters[0])
        else:
            at = root_at
        label = os.pread(fd, 32, at)
        if label[0]:
            self.root.slots.append([label, False])
        self.head = self.read_head()
        self.shorts = {}

    def read_head(self):
        raw = os.pread(self.fd, 8, self.fat)
        if self.bits == 12:
            return [raw[0] | (raw[1] & 15) << 8, raw[1] >> 4 | raw[2] << 4]
        return list(struct.unpack("<2H" if self.bits == 16 else "<2I", raw[:4 if self.bits == 16 else 8]))

    def folder_room(self, folder):
        return self.root_entries if folder is self.root and self.root_fixed else 65536

    # ---- names ----

    def name_short(self, node):
        """Chooses the short name; whether a long one is needed, and the case bits of NT."""
        taken = self.shorts.setdefault(node.parent, set())
        name, upper = node.name, node.name.upper()
        base, _, ext = upper.partition(".")
        plain = SHORT.match(upper) and upper.isascii()
        if plain and packed(base, ext) not in taken:
            b, _, e = name.partition(".")
            case = (8 if b != base and b == base.lower() else 0) | (16 if e != ext and e == ext.lower() else 0)
            whole = (b == base or case & 8) and (e == ext or case & 16)
            node.short = packed(base, ext)
            node.long = not whole or (case and self.rng.random() < 0.3)
            node.case = 0 if node.long else case
        else:
            stem = re.sub("[^A-Z0-9_]", "", upper.rpartition(".")[0] if "." in upper else upper) or "F"
            ext = re.sub("[^A-Z0-9_]", "", upper.rpartition(".")[2])[:3] if "." in upper else ""
            n = 1
            while True:
                tail = f"~{n}"
                node.short = packed(stem[:8 - len(tail)] + tail, ext)
                if node.short not in taken:
                    break
                n += 1 if n < 4 else self.rng.randrange(1, 5000)
                if n > 999999:
                    raise Full
            node.long, node.case = True, 0
        taken.add(node.short)

    def slots_of(self, node):
        if not node.short:
            self.name_short(node)
        units = len(node.name.encode("utf-16-le")) // 2
        return 1 + (-(-units // 13) if node.long else 0)

    def begin_folder(self, node):
        for name in (b".", b".."):
            dot = Node(name, node, folder=True)
            node.slots.append([(dot, 0), False])

    def entries(self, node):
        if isinstance(node.name, bytes):
            folder = node.parent if node.name == b"." else node.parent.parent
            first = folder.clusters[0] if folder.parent else 0
            return self.entry(node.name.ljust(11), 0, node.parent, first, 0)
        out = b""
        if node.long:
            wide = node.name.encode("utf-16-le")
            n = -(-len(wide) // 26)
            wide = (wide + b"\0\0").ljust(26 * n, b"\xFF")[:26 * n]
            total = lfn_sum(node.short)
            for i in range(n, 0, -1):
                part = wide[26 * (i - 1):26 * i]
                out += bytes([i | (0x40 if i == n else 0)]) + part[:10] + bytes([15, 0, total]) + part[10:22] + \
                    b"\0\0" + part[22:]
        first = node.clusters[0] if node.clusters else 0
        return out + self.entry(node.short, node.case, node, first, 0 if node.folder else node.size)

    @staticmethod
    def entry(short, case, node, first, size):
        mtime = dos_time(node.mtime) if node.mtime is not None else 0
        ctime = dos_time(node.ctime) if node.ctime is not None else 0
        attributes = (0x10 if node.folder else 0x20) | node.read_only
        return struct.pack("<11sBBBHHHHHHHI", short, attributes, case, 0, ctime & 0xFFFF, ctime >> 16, 0,
                           first >> 16, mtime & 0xFFFF, mtime >> 16, first & 0xFFFF, size)

    def deleted(self, entry):
        return b"\xE5" + entry[1:]

    # ---- writing ----

    def flush(self):
        table = self.head + [0] * self.clusters
        end = {12: 0xFFF, 16: 0xFFFF, 32: 0x0FFFFFFF}[self.bits]
        for node in [self.root] + [n for f in self.folders for n in f.nodes]:
            for here, after in zip(node.clusters, list(node.clusters[1:]) + [end]):
                table[here] = after
        if self.bits == 12:
            table += [0] * (len(table) & 1)
            raw = b"".join((a | b << 12).to_bytes(3, "little") for a, b in zip(table[::2], table[1::2]))
        else:
            raw = array.array("H" if self.bits == 16 else "I", table).tobytes()
        for i in range(self.fats):
            os.pwrite(self.fd, raw[:self.fat_len], self.fat + i * self.fat_len)
        for folder in self.folders:
            if folder is self.root and self.root_fixed:
                os.pwrite(self.fd, self.folder_bytes(folder), self.root_at)
            else:
                self.write_folder(folder)
        if self.bits == 32:
            free = self.used.count(0)
            os.pwrite(self.fd, struct.pack("<II", free, 0xFFFFFFFF if not free else self.used.find(b"\0")),
                      self.info + 488)

    def extents(self, node):
        if node is self.root and self.root_fixed:
            return [(self.root_at, 32 * self.root_entries)]
        return super().extents(node)

    def chain_bytes(self, node):
        if self.bits == 12:
            return [(self.fat + c * 3 // 2, 2) for c in node.clusters]
        return [(self.fat + c * self.bits // 8, self.bits // 8) for c in node.clusters]

    def regions(self):
        out = {"boot": [(self.base, 512)], "fat": [(self.fat, self.fats * self.fat_len)]}
        if self.bits == 32:
            out["info"] = [(self.info, 512)]
        return out
