"""What both writers share: a tree of nodes, slots in folders, clusters handed out as cameras do it.

A writer opens an empty volume that mkfs made, in an open image file; images.py plants nodes in it,
lets them grow cluster by cluster, deletes some, and ends with flush(). Nothing here is fast twice:
FAT and bitmap stand in memory and are written once.
"""
import hashlib
import os


class Full(Exception):
    pass


class Node:
    """A file or folder: what the truth says of it, and where it lies."""

    def __init__(self, name, parent, folder=False):
        self.name, self.parent, self.folder = name, parent, folder
        self.clusters = []
        self.size = 0
        self.valid = None        # exFAT ValidDataLength where it is less than size
        self.pieces = []         # (offset, bytes); zeros elsewhere
        self.mtime = self.ctime = None  # clock face as seconds, or None
        self.offset_min = None   # exFAT: minutes from UTC, None where not said
        self.read_only = False
        self.contiguous = False  # exFAT: NoFatChain
        self.slots = []          # of a folder: [bytes or (node, k), deleted]
        self.names = set()       # of a folder, folded
        self.nodes = []          # of a folder, those that live
        self.short = None        # FAT: 11 bytes

    @property
    def path(self):
        names, node = [], self
        while node.parent:
            names.append(node.name)
            node = node.parent
        return "/".join(reversed(names))

    @property
    def depth(self):
        return 0 if not self.parent else 1 + self.parent.depth


_zeros = {}


def zero_hash(n):
    """A SHA-256 that has seen n zeros."""
    if n not in _zeros:
        h = hashlib.sha256()
        block = bytes(1 << 20)
        for _ in range(n >> 20):
            h.update(block)
        h.update(bytes(n & 0xFFFFF))
        if n < 1 << 26:
            return h
        _zeros[n] = h
    return _zeros[n].copy()


def digest(node):
    """What a reader must find: the pieces, zeros between and behind them."""
    at, h = 0, None
    limit = node.size if node.valid is None else node.valid
    for offset, data in node.pieces:
        data = data[:max(0, min(limit, node.size) - offset)]
        h = h or (zero_hash(offset) if offset else hashlib.sha256())
        if at and offset > at:
            h.update(bytes(offset - at))
        h.update(data)
        at = offset + len(data)
    if h is None:
        return zero_hash(node.size).hexdigest()
    left = node.size - at
    while left > 0:
        h.update(bytes(min(left, 1 << 20)))
        left -= 1 << 20
    return h.hexdigest()


class Volume:
    """One file system in the file fd from byte base on. Clusters are numbered from 2."""

    def __init__(self, fd, base):
        self.fd, self.base = fd, base
        self.root = Node("", None, folder=True)
        self.folders = [self.root]
        self.cursor = 2
        self.places = {}  # folder => {node: places}, when all is written

    def ready(self, cluster_bytes, clusters, heap):
        self.cluster_bytes, self.clusters, self.heap = cluster_bytes, clusters, heap
        self.used = bytearray(clusters + 2)
        self.used[0] = self.used[1] = 1
        self.chain = [0] * (clusters + 2) if clusters < 1 << 20 else None

    def at(self, cluster):
        return self.heap + (cluster - 2) * self.cluster_bytes

    # ---- clusters ----

    def take(self, n):
        out = []
        while n > 0:
            at = self.used.find(b"\0", self.cursor)
            if at < 0:
                at = self.used.find(b"\0", 2)
                if at < 0:
                    self.give(out)
                    raise Full
            end = at
            while n > 0 and end < len(self.used) and not self.used[end]:
                self.used[end] = 1
                out.append(end)
                end += 1
                n -= 1
            self.cursor = end
        return out

    def take_run(self, n, from_end=False):
        """Clusters side by side, from_end: where nothing lay before."""
        at = self.used.rfind(bytes(n)) if from_end else self.used.find(bytes(n), self.cursor)
        if at < 0:
            raise Full
        self.used[at:at + n] = b"\1" * n
        return range(at, at + n)

    def give(self, clusters):
        for c in clusters:
            self.used[c] = 0

    # ---- folders ----

    def slots_of(self, node):
        """Directory entries that this node needs. Of the format."""
        raise NotImplementedError

    def folder_room(self, folder):
        """Slots that a folder may have at most. Of the format."""
        return 65536

    def add(self, node, reuse=False):
        """Enters the node into its folder, in slots of deleted ones or at its end."""
        folder = node.parent
        folded = node.name.upper()
        if folded in folder.names:
            raise Full
        n = self.slots_of(node)
        at = len(folder.slots)
        if reuse:
            run = 0
            for i, (_, deleted) in enumerate(folder.slots):
                run = run + 1 if deleted else 0
                if run == n:
                    at = i + 1 - n
                    break
        if at + n > self.folder_room(folder):
            raise Full
        need = -(-max(at + n, len(folder.slots)) * 32 // self.cluster_bytes) - len(folder.clusters)
        if need > 0 and not (folder is self.root and self.root_fixed):
            folder.clusters += self.take(need)
        folder.names.add(folded)
        folder.nodes.append(node)
        folder.slots[at:at + n] = [[(node, k), False] for k in range(n)]
        if node.folder:
            self.folders.append(node)
            if not node.clusters:
                node.clusters += self.take(1)
            self.begin_folder(node)

    root_fixed = False

    def begin_folder(self, node):
        pass

    def delete(self, node):
        folder = node.parent
        self.give(node.clusters)
        for slot in folder.slots:
            if isinstance(slot[0], tuple) and slot[0][0] is node:
                slot[1] = True
        folder.nodes.remove(node)
        folder.names.discard(node.name.upper())

    def live(self):
        return [n for f in self.folders for n in f.nodes if not n.folder]

    # ---- writing ----

    def entries(self, node):
        """The node's directory entries as bytes. Of the format."""
        raise NotImplementedError

    def deleted(self, entry):
        raise NotImplementedError

    def folder_bytes(self, folder):
        made, out = {}, bytearray()
        for what, deleted in folder.slots:
            if isinstance(what, tuple):
                node, k = what
                if node not in made:
                    made[node] = self.entries(node)
                entry = made[node][32 * k:32 * k + 32]
            else:
                entry = what
            out += self.deleted(entry) if deleted else entry
        return bytes(out)

    def write_runs(self, clusters, data, offset=0):
        """data into these clusters from byte offset of them on, side by side ones at once."""
        i, first = offset // self.cluster_bytes, offset % self.cluster_bytes
        done = 0
        while done < len(data):
            run = 1
            want = first + len(data) - done
            if isinstance(clusters, range):
                run = -(-want // self.cluster_bytes)
            else:
                while run * self.cluster_bytes < want and clusters[i + run] == clusters[i] + run:
                    run += 1
            n = min(run * self.cluster_bytes - first, len(data) - done)
            os.pwrite(self.fd, data[done:done + n], self.at(clusters[i]) + first)
            done += n
            i += run
            first = 0

    def write_file(self, node, junk):
        for offset, data in node.pieces:
            self.write_runs(node.clusters, data, offset)
        if node.pieces and junk and node.clusters:
            offset, data = node.pieces[-1]
            tail = -(offset + len(data)) % self.cluster_bytes
            if offset + len(data) == node.size and 0 < tail <= len(junk):
                self.write_runs(node.clusters, junk[:tail], node.size)

    def write_folder(self, folder):
        data = self.folder_bytes(folder)
        room = len(folder.clusters) * self.cluster_bytes
        self.write_runs(folder.clusters, data + bytes(room - len(data)))

    # ---- where things lie, for the tests of damage ----

    def extents(self, node):
        out = []
        clusters = node.clusters
        if isinstance(clusters, range):
            return [(self.at(clusters[0]), len(clusters) * self.cluster_bytes)] if clusters else []
        for c in clusters:
            if out and out[-1][0] + out[-1][1] == self.at(c):
                out[-1] = (out[-1][0], out[-1][1] + self.cluster_bytes)
            else:
                out.append((self.at(c), self.cluster_bytes))
        return out

    def chain_bytes(self, node):
        """Where in the FAT this node's chain stands: (offset, len). Of the format."""
        raise NotImplementedError

    def entry_places(self, node):
        """Where the node's own entries stand, one by one."""
        folder = node.parent
        if folder not in self.places:
            self.places[folder] = places = {}
            flat = [at + k for at, n in self.extents(folder) for k in range(0, n, 32)]
            for (what, deleted), at in zip(folder.slots, flat):
                if isinstance(what, tuple) and not deleted:
                    places.setdefault(what[0], []).append((at, 32))
        return self.places[folder][node]

    def above(self, node):
        """The folders that the node is in, the root last."""
        out = []
        while node.parent:
            node = node.parent
            out.append(node)
        return out

    def needs(self, node):
        """All bytes of the image that this file is read by, but for the volume's own and what is passed()."""
        out = self.extents(node) + self.chain_bytes(node)
        while node.parent:
            out += self.entry_places(node)
            node = node.parent
            out += self.chain_bytes(node)
        return out

    def passed(self, node):
        """The folders that are read on the way to this file: damage there is harmless, unless one ends too soon."""
        return [e for folder in self.above(node) for e in self.extents(folder)]
