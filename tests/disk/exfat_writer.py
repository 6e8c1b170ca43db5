"""Puts files into an exFAT volume that mkfs.exfat made, or into one of its own with big sectors.

Written from Microsoft's "exFAT file system specification"; fsck.exfat is its judge.
"""
import os
import random
import struct
import time

from volume_writer import Volume

_upcase = {}


def upcase_table(raw):
    """The up-case table as a list, from its compressed form (7.2.5.1)."""
    if raw not in _upcase:
        table, units, i = [], struct.unpack(f"<{len(raw) // 2}H", raw), 0
        while i < len(units):
            if units[i] == 0xFFFF and i + 1 < len(units):
                table += range(len(table), len(table) + units[i + 1])
                i += 2
            else:
                table.append(units[i])
                i += 1
        _upcase[raw] = table + list(range(len(table), 65536))
    return _upcase[raw]


def checksum16(data, skip=()):
    total = 0
    for i, b in enumerate(data):
        if i not in skip:
            total = ((total << 15 | total >> 1) + b) & 0xFFFF
    return total


def boot_checksum(region):
    total = 0
    for i, b in enumerate(region):
        if i not in (106, 107, 112):  # VolumeFlags and PercentInUse, which change
            total = ((total << 31 | total >> 1) & 0xFFFFFFFF) + b & 0xFFFFFFFF
    return total


def dos_time(face):
    t = time.gmtime(face)
    return ((t.tm_year - 1980) << 25 | t.tm_mon << 21 | t.tm_mday << 16 | t.tm_hour << 11 | t.tm_min << 5 |
            t.tm_sec // 2)


class ExfatVolume(Volume):
    def __init__(self, fd, base, rng=None):
        super().__init__(fd, base)
        self.rng = rng or random.Random(0)
        boot = os.pread(fd, 512, base)
        assert boot[3:11] == b"EXFAT   "
        fat, fat_len, heap, clusters, root, serial = struct.unpack("<6I", boot[80:104])
        self.sector = 1 << boot[108]
        self.fat, self.fat_len = base + fat * self.sector, fat_len * self.sector
        self.ready(self.sector << boot[109], clusters, base + heap * self.sector)
        raw = os.pread(fd, 4 * (clusters + 2), self.fat)
        self.chain = list(struct.unpack(f"<{clusters + 2}I", raw))
        self.root.clusters = self._chain(root)
        self.system = []
        data = b"".join(os.pread(fd, self.cluster_bytes, self.at(c)) for c in self.root.clusters)
        for i in range(0, len(data), 32):
            entry = data[i:i + 32]
            if entry[0] == 0:
                break
            self.root.slots.append([entry, False])
            if entry[0] in (0x81, 0x82):
                first, size = struct.unpack("<IQ", entry[20:32])
                clusters_of = self._chain(first)
                self.system += clusters_of
                if entry[0] == 0x81:
                    self.bitmap, self.bitmap_bytes = clusters_of, size
                else:
                    raw = b"".join(os.pread(fd, self.cluster_bytes, self.at(c)) for c in clusters_of)
                    self.upcase_raw, self.upcase_sum = raw[:size], entry[4:8]
                    self.upcase = upcase_table(raw[:size])
        for c in self.system + self.root.clusters:
            self.used[c] = 1

    def _chain(self, first):
        out = []
        while 2 <= first < len(self.chain):
            out.append(first)
            first = self.chain[first]
        return out

    def guid(self):
        """A volume GUID entry (7.5): benign, of no meaning to a reader of files."""
        entry = bytearray(32)
        entry[0] = 0xA0
        entry[6:22] = self.rng.randbytes(16)
        entry[2:4] = struct.pack("<H", checksum16(entry, (2, 3)))
        self.root.slots.append([bytes(entry), False])

    def slots_of(self, node):
        return 2 + -(-(len(node.name.encode("utf-16-le")) // 2) // 15)

    def entries(self, node):
        wide = node.name.encode("utf-16-le")
        units = len(wide) // 2
        names = -(-units // 15)
        name_hash = checksum16(struct.pack(
            f"<{units}H", *(self.upcase[u] for u in struct.unpack(f"<{units}H", wide))))
        face = [0, 0, 0]
        tens = utc = 0
        if node.mtime is not None:
            face[1] = face[2] = dos_time(node.mtime)
            tens = 100 * (node.mtime & 1)
        if node.ctime is not None:
            face[0] = dos_time(node.ctime)
        if node.offset_min is not None:
            utc = 0x80 | (node.offset_min // 15) & 0x7F
        attributes = (0x10 if node.folder else 0x20) | node.read_only
        file = struct.pack("<BBHHHIIIBBBBB7x", 0x85, 1 + names, 0, attributes, 0, *face, 0, tens, utc, utc, utc)
        size = len(node.clusters) * self.cluster_bytes if node.folder else node.size
        valid = size if node.valid is None else node.valid
        first = node.clusters[0] if node.clusters else 0
        stream = struct.pack("<BBBBHHQIIQ", 0xC0, 1 | (2 if node.contiguous and first else 0), 0, units,
                             name_hash, 0, valid, 0, first, size)
        out = bytearray(file + stream)
        for i in range(names):
            out += b"\xC1\0" + wide[30 * i:30 * i + 30].ljust(30, b"\0")
        out[2:4] = struct.pack("<H", checksum16(out, (2, 3)))
        return bytes(out)

    def deleted(self, entry):
        return bytes([entry[0] & 0x7F]) + entry[1:]

    def flush(self):
        for node in [n for f in self.folders for n in f.nodes]:
            clusters = node.clusters
            side_by_side = isinstance(clusters, range) or not clusters or \
                clusters == list(range(clusters[0], clusters[0] + len(clusters)))
            node.contiguous = bool(side_by_side and (isinstance(clusters, range) or self.rng.random() < 0.6))
        bits = bytearray(self.bitmap_bytes)
        for c in range(2, self.clusters + 2):
            if self.used[c]:
                bits[(c - 2) >> 3] |= 1 << (c - 2 & 7)
        for node in [self.root] + [n for f in self.folders for n in f.nodes]:
            if not node.contiguous:
                for here, after in zip(node.clusters, node.clusters[1:] + [0xFFFFFFFF]):
                    self.chain[here] = after
            elif self.rng.random() < 0.3 and len(node.clusters) < 4096:
                for c in node.clusters:  # of no meaning, by the specification
                    self.chain[c] = self.rng.choice((0, c, 0xFFFFFFFF, self.rng.randrange(1 << 32)))
        os.pwrite(self.fd, struct.pack(f"<{len(self.chain)}I", *self.chain), self.fat)
        self.write_runs(self.bitmap, bytes(bits))
        for folder in self.folders:
            self.write_folder(folder)
        percent = 100 * sum(self.used[2:]) // self.clusters
        for region in (0, 12):
            os.pwrite(self.fd, bytes([percent]), self.base + region * self.sector + 112)

    def chain_bytes(self, node):
        return [] if node.contiguous else [(self.fat + 4 * c, 4) for c in node.clusters]

    def regions(self):
        return {"boot": [(self.base, 12 * self.sector)],
                "backup": [(self.base + 12 * self.sector, 12 * self.sector)],
                "fat": [(self.fat, 4 * (self.clusters + 2))],
                "bitmap": [(self.at(c), self.cluster_bytes) for c in self.bitmap]}


def reseal(fd, base, rng):
    """Gives a fresh volume the serial number of this seed, and both regions their checksum again."""
    serial = rng.randbytes(4)
    shift = os.pread(fd, 109, base)[108]
    sector = 1 << shift
    for region in (base, base + 12 * sector):
        os.pwrite(fd, serial, region + 100)
    total = boot_checksum(os.pread(fd, 11 * sector, base))
    for region in (base, base + 12 * sector):
        os.pwrite(fd, struct.pack("<I", total) * (sector // 4), region + 11 * sector)


def format_big(fd, size, cluster_bytes, template):
    """An empty volume with sectors of 4096 bytes, which mkfs.exfat makes only where a device has them."""
    sector = 4096
    per = cluster_bytes // sector
    clusters = (size // sector - 24) * sector // (cluster_bytes + 4) - 2
    fat_len = -(-4 * (clusters + 2) // sector)
    heap = 24 + fat_len
    clusters = (size // sector - heap) // per
    bitmap_bytes = -(-clusters // 8)
    bitmap = list(range(2, 2 + -(-bitmap_bytes // cluster_bytes)))
    upcase = list(range(bitmap[-1] + 1, bitmap[-1] + 1 + -(-len(template.upcase_raw) // cluster_bytes)))
    root = upcase[-1] + 1
    boot = b"\xEB\x76\x90EXFAT   ".ljust(64, b"\0") + struct.pack(
        "<QQIIIIIIHHBBBBB7x", 0, size // sector, 24, fat_len, heap, clusters, root, 0, 0x100, 0, 12,
        per.bit_length() - 1, 1, 0x80, 0xFF)
    region = boot.ljust(510, b"\xF4") + b"\x55\xAA" + bytes(sector - 512)
    region += (bytes(sector - 4) + b"\0\0\x55\xAA") * 8 + bytes(2 * sector)
    region += struct.pack("<I", boot_checksum(region)) * (sector // 4)
    os.pwrite(fd, region + region, 0)
    table = [0xFFFFFFF8, 0xFFFFFFFF] + [0] * clusters
    for run in (bitmap, upcase, [root]):
        for here, after in zip(run, run[1:] + [0xFFFFFFFF]):
            table[here] = after
    os.pwrite(fd, struct.pack(f"<{len(table)}I", *table), 24 * sector)
    bits = (1 << root - 1) - 1
    os.pwrite(fd, bits.to_bytes(bitmap_bytes, "little"), heap * sector)
    os.pwrite(fd, template.upcase_raw, heap * sector + (upcase[0] - 2) * cluster_bytes)
    os.pwrite(fd, struct.pack("<B19xIQ", 0x81, 2, bitmap_bytes) +
              b"\x82\0\0\0" + template.upcase_sum + struct.pack("<12xIQ", upcase[0], len(template.upcase_raw)),
              heap * sector + (root - 2) * cluster_bytes)
