"""Partition tables for the images: MBR, GPT with both copies, or none."""
import os
import struct
import uuid
import zlib

GPT_ENTRIES = 128
DATA = uuid.UUID("ebd0a0a2-b9e5-4433-87c0-68b6b72699c7").bytes_le


def mbr(fd, kind, start, count):
    sector = bytearray(512)
    sector[446:462] = struct.pack("<B3sB3sII", 0, b"\xFE\xFF\xFF", kind, b"\xFE\xFF\xFF", start, min(count, 0xFFFFFFFF))
    sector[510:] = b"\x55\xAA"
    os.pwrite(fd, sector, 0)


def gpt(fd, block, blocks, start, count, rng):
    """Primary and backup for a medium of so many blocks, one partition."""
    def guid():
        return rng.randbytes(16)

    mbr(fd, 0xEE, 1, blocks - 1)
    entry = DATA + guid() + struct.pack("<QQQ", start, start + count - 1, 0) + "camera".encode("utf-16-le").ljust(72, b"\0")
    entries = entry.ljust(128 * GPT_ENTRIES, b"\0")
    spread = -(-len(entries) // block)
    disk = guid()
    for here, other, at in ((1, blocks - 1, 2), (blocks - 1, 1, blocks - 1 - spread)):
        def header(crc):
            return struct.pack("<8sIIIIQQQQ16sQIII", b"EFI PART", 0x10000, 92, crc, 0, here, other, 2 + spread,
                               blocks - 2 - spread, disk, at, GPT_ENTRIES, 128, zlib.crc32(entries))
        os.pwrite(fd, header(zlib.crc32(header(0))), here * block)
        os.pwrite(fd, entries, at * block)
    return spread
