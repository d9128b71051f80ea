# SPDX-License-Identifier: Apache-2.0
"""BLAKE3 from its specification, in its modes of plain hashing and of deriving keys: 32 bytes of output."""
import struct

IV = (0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19)
PERMUTATION = (2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8)
CHUNK_START, CHUNK_END, PARENT, ROOT, DERIVE_KEY_CONTEXT, DERIVE_KEY_MATERIAL = 1, 2, 4, 8, 32, 64
COLUMNS = ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15), (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14))


def rotate(word, bits):
    return word >> bits | word << (32 - bits) & 0xFFFFFFFF


def compress(value, block, counter, size, flags):
    words = list(struct.unpack("<16I", block.ljust(64, b"\0")))
    v = list(value) + list(IV[:4]) + [counter & 0xFFFFFFFF, counter >> 32, size, flags]
    for _ in range(7):
        for i, (a, b, c, d) in enumerate(COLUMNS):
            for word, down, up in ((words[2 * i], 16, 12), (words[2 * i + 1], 8, 7)):
                v[a] = v[a] + v[b] + word & 0xFFFFFFFF
                v[d] = rotate(v[d] ^ v[a], down)
                v[c] = v[c] + v[d] & 0xFFFFFFFF
                v[b] = rotate(v[b] ^ v[c], up)
        words = [words[i] for i in PERMUTATION]
    return [v[i] ^ v[i + 8] for i in range(8)]


def node(data, key, flags, first, is_root):
    """The chaining value of a subtree whose first chunk has that number."""
    root = ROOT if is_root else 0
    if len(data) <= 1024:
        value = key
        blocks = [data[i:i + 64] for i in range(0, len(data), 64)] or [b""]
        for i, block in enumerate(blocks):
            ends = (CHUNK_START if i == 0 else 0) | (CHUNK_END | root if i == len(blocks) - 1 else 0)
            value = compress(value, block, first, len(block), flags | ends)
        return value
    left = 1 << (len(data) - 1).bit_length() - 1  # the largest power of two of chunks that leaves something
    pair = node(data[:left], key, flags, first, False) + node(data[left:], key, flags, first + left // 1024, False)
    return compress(key, struct.pack("<16I", *pair), 0, 64, flags | PARENT | root)


def blake3(data, key=IV, flags=0):
    return struct.pack("<8I", *node(data, key, flags, 0, True))


def derive(context, material):
    key = struct.unpack("<8I", blake3(context.encode(), flags=DERIVE_KEY_CONTEXT))
    return blake3(material, key, DERIVE_KEY_MATERIAL)
