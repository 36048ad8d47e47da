#!/usr/bin/env python3
"""Reads a trail and prints one JSON line for each record and one for each stream.

Written from docs/format.md alone, with the standard library alone, so that nobody has to trust the program that wrote
the trail in order to read it. Usage: decode.py TRAIL
"""

import hashlib
import json
import os
import struct
import sys

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
SPOOL = 0xFFFFFFFF


def crc_table():
    table = []
    for n in range(256):
        for _ in range(8):
            n = (n >> 1) ^ 0x82F63B78 if n & 1 else n >> 1
        table.append(n)
    return table


TABLE = crc_table()


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = (crc >> 8) ^ TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


assert crc32c(b"123456789") == 0xE3069283


def stream_id(text):
    if len(text) != 26 or any(c not in ALPHABET for c in text):
        return None
    bits = 0
    for c in text:
        bits = bits << 5 | ALPHABET.index(c)
    return (bits >> 2).to_bytes(16, "big") if bits & 3 == 0 else None


def stream_text(raw):
    bits = int.from_bytes(raw, "big") << 2
    return "".join(ALPHABET[bits >> 5 * (25 - i) & 31] for i in range(26))


def place(stream, seq, ordinal=0):
    return None if stream == bytes(16) else [stream_text(stream), seq, ordinal]


class Body:
    """The CBOR subset of bodies."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, n):
        piece = self.data[self.at : self.at + n]
        if len(piece) != n:
            raise ValueError("the body ends inside an item")
        self.at += n
        return piece

    def value(self):
        first = self.take(1)[0]
        major, info = first >> 5, first & 31
        if major == 7:
            if info == 27:
                return {"double": self.take(8).hex()}
            return {20: False, 21: True, 22: None}[info]
        n = info if info < 24 else int.from_bytes(self.take({24: 1, 25: 2, 26: 4, 27: 8}[info]), "big")
        if major == 0:
            return n
        if major == 1:
            return -1 - n
        if major == 2:
            return {"bytes": self.take(n).hex()}
        if major == 3:
            return self.take(n).decode("utf-8")
        if major == 4:
            return [self.value() for _ in range(n)]
        if major == 5:
            return {"map": [[self.value(), self.value()] for _ in range(n)]}
        raise ValueError("a tag")

    def fields(self):
        if self.take(1) != b"\xbf":
            raise ValueError("no map")
        found = []
        while self.data[self.at : self.at + 1] != b"\xff":
            found.append([self.value(), self.value()])
        if self.at + 1 != len(self.data):
            raise ValueError("bytes behind the body")
        return found


def record(raw):
    version, flags, kind, status, exit_, durability = struct.unpack_from("<BBHBBB", raw, 0)
    seq, wall, mono = struct.unpack_from("<QqQ", raw, 8)
    run_stream, run_seq = struct.unpack_from("<16sQ", raw, 32)
    subject = struct.unpack_from("<16sQI", raw, 56)
    (attempt,) = struct.unpack_from("<I", raw, 84)
    parent = struct.unpack_from("<16sQI", raw, 88)
    site, duration = struct.unpack_from("<IQ", raw, 116)
    return {
        "version": version, "flags": flags, "kind": kind, "status": status, "exit": exit_, "durability": durability,
        "seq": seq, "wall_ns": wall, "mono_ns": mono, "run": place(run_stream, run_seq), "subject": place(*subject),
        "attempt": attempt, "parent": place(*parent), "site": site, "duration_ns": duration,
        "body": Body(raw[128:]).fields(),
    }  # fmt: skip


def frame(data, at, stream, number):
    """The record at a place and the offset behind its frame; None where there is none."""
    if at + 8 > len(data):
        return None
    n, crc = struct.unpack_from("<II", data, at)
    raw = data[at + 8 : at + 8 + n]
    if not 128 <= n <= 1 << 20 or len(raw) != n:
        return None
    if crc32c(stream + struct.pack("<II", number, n) + raw) != crc:
        return None
    behind = (at + 8 + n + 7) // 8 * 8
    if any(data[at + 8 + n : behind]):
        return None
    return raw, behind


def header_fits(data, stream, number, first):
    head = data[:64]
    if len(head) < 64 or head[:8] != b"AUDITSEG" or struct.unpack_from("<I", head, 60)[0] != crc32c(head[:60]):
        return False
    version, _, found, owner, seq = struct.unpack_from("<HHI16sQ", head, 8)
    return (version, found, owner, seq) == (1, number, stream, first)


def read_stream(folder, stream):
    """Records with their places, and how the stream ends."""
    numbers = sorted(int(name[:-4]) for name in os.listdir(folder) if name.endswith(".seg"))
    load = lambda n: open(os.path.join(folder, "%08d.seg" % n), "rb").read()
    used = lambda n: any(load(n)[:64])
    records, number, at, torn = [], 0, 64, False
    data = load(0) if 0 in numbers else b""
    if 0 in numbers and not header_fits(data, stream, 0, 0):
        torn = used(0) or any(used(n) for n in numbers)
    elif numbers and 0 not in numbers:
        torn = any(used(n) for n in numbers)
    else:
        while data:
            found = frame(data, at, stream, number)
            if found and struct.unpack_from("<Q", found[0], 8)[0] == len(records):
                records.append((number, at, found[0]))
                at = found[1]
                continue
            if any(data[at:]):
                torn = True
                break
            after = number + 1
            later = any(n > after and used(n) for n in numbers)
            if after not in numbers:
                torn = later
                break
            following = load(after)
            if not header_fits(following, stream, after, len(records)):
                torn = used(after) or later
                break
            number, at, data = after, 64, following
    behind = len(data[at:].rstrip(b"\0")) + sum(len(load(n).rstrip(b"\0")) for n in numbers if n > number)
    return records, {"segment": number, "offset": at, "records": len(records), "torn": torn, "torn_bytes": behind}


def root(leaves):
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\x01" + root(leaves[:k]) + root(leaves[k:])).digest()


STREAM_CLOSED, STREAM_SETTLED, GROUP_COMMITTED = 2, 3, 5
STREAM, RECORDS, SEGMENT, OFFSET, ROOT, TORN, FIRST = 60, 61, 62, 63, 64, 65, 69


def mark_counting(records):
    """Says of each record whether it counts: a grouped one only when it was committed."""
    waiting = []
    for one in records:
        commits = one["kind"] in (GROUP_COMMITTED, STREAM_SETTLED)
        one["counts"] = commits or not one["flags"] & 1
        if not one["counts"]:
            waiting.append(one)
        if commits:
            first = dict(map(tuple, [(k, v) for k, v in one["body"] if k == FIRST])).get(FIRST)
            for held in waiting:
                held["counts"] = first is not None and held["seq"] >= first
            waiting = waiting if first is None else []


def main(trail):
    with open(os.path.join(trail, "format")) as file:
        if file.read() != "audit-trail 1\n":
            sys.exit("not a trail of version 1")
    lines, ends, leaves, attested = [], {}, {}, {}
    streams = os.path.join(trail, "streams")
    for name in sorted(name for name in os.listdir(streams) if stream_id(name)):
        raw, end = read_stream(os.path.join(streams, name), stream_id(name))
        records = [dict(record(r), stream=name, segment=s, offset=o) for s, o, r in raw]
        mark_counting(records)
        lines += records
        leaves[name] = [hashlib.sha256(b"\0" + r).digest() for _, _, r in raw]
        ends[name] = dict(end, stream=name, root=root(leaves[name]).hex(), ending="not attested")
        for one in records:
            body = {key: value for key, value in one["body"] if isinstance(key, int)}
            if one["kind"] in (STREAM_CLOSED, STREAM_SETTLED):
                of = name if one["kind"] == STREAM_CLOSED else stream_text(bytes.fromhex(body[STREAM]["bytes"]))
                attested.setdefault(of, (one["kind"], body))
    for name, (kind, body) in attested.items():
        if name in ends:
            states = root(leaves[name][: body[RECORDS]]).hex() == body[ROOT]["bytes"]
            ends[name]["ending"] = ("closed" if kind == STREAM_CLOSED else "settled") if states else "ROOT DIFFERS"
    spool = os.path.join(trail, "spool")
    for name in sorted(os.listdir(spool)):
        stream = stream_id(name[:-6]) if name.endswith(".spool") else None
        data, at = (open(os.path.join(spool, name), "rb").read() if stream else b""), 0
        while at < len(data):
            found = frame(data, at, stream, SPOOL)
            if found:
                lines.append(dict(record(found[0]), stream=name[:-6], spooled=True, offset=at))
            at = found[1] if found else at + 1
    for line in lines + [ends[name] for name in sorted(ends)]:
        print(json.dumps(line, sort_keys=True, separators=(",", ":"), ensure_ascii=False))


if __name__ == "__main__":
    main(sys.argv[1])
