/* SPDX-License-Identifier: Apache-2.0
 *
 * repository/repository_index.c: whether two indexes of git name the same.
 *
 * Git writes its index anew whenever it has looked at the files: git status, an editor, a prompt.
 * The times, inode, owner and size that it notes of each file say nothing about what is staged, and
 * its extensions are caches. If such an index counted as work, nothing could be redone after a git
 * status. So only mode, hash, flags and path of each entry are compared, as they stand in the file
 * (place_git_index.c has the format).
 *
 * Only versions 2 and 3 are understood; others are the same if their bytes are. A split index
 * (extension "link") has entries elsewhere, and counts as another one.
 *
 * The bytes are untrusted.
 */
#include "base/bytes.h"
#include "repository/repository.h"

enum {
    HEAD_SIZE = 12,
    MODE_AT = 24,
    MODE_SIZE = 4,
    HASH_AT = 40,
    FLAGS_SIZE = 2,
    EXTENDED = 0x40, /* in the first byte of the flags */
    PADDING = 8,
    EXTENSION_HEAD_SIZE = 8
};

/* Whether extensions, which a hash follows, are read to their end, and none is "link". */
static bool
are_caches(firn_slice index, size_t at, size_t hash_size)
{
    while (index.size - at >= EXTENSION_HEAD_SIZE + hash_size) {
        const size_t size = fi_load_be32(index.data + at + 4);
        if (memcmp(index.data + at, "link", 4) == 0 ||
            size > index.size - at - EXTENSION_HEAD_SIZE - hash_size) {
            return false;
        }
        at += EXTENSION_HEAD_SIZE + size;
    }
    return index.size - at == hash_size;
}

static bool
is_same(firn_slice a, firn_slice b, size_t hash_size)
{
    size_t at = HEAD_SIZE;
    for (uint32_t count = fi_load_be32(a.data + 8); count > 0; count--) {
        size_t size = HASH_AT + hash_size + FLAGS_SIZE;
        if (a.size - at <= size || b.size - at <= size) {
            return false;
        }
        const uint8_t *entry = a.data + at;
        size += (entry[size - FLAGS_SIZE] & EXTENDED) != 0 ? FLAGS_SIZE : 0;
        const uint8_t *end =
            a.size - at > size ? memchr(entry + size, '\0', a.size - at - size) : NULL;
        size = end != NULL ? (size_t)(end - entry) + 1 : SIZE_MAX;
        if (size > b.size - at || memcmp(entry + MODE_AT, b.data + at + MODE_AT, MODE_SIZE) != 0 ||
            memcmp(entry + HASH_AT, b.data + at + HASH_AT, size - HASH_AT) != 0) {
            return false;
        }
        at += (size + PADDING - 1) / PADDING * PADDING;
        if (at > a.size || at > b.size) {
            return false;
        }
    }
    return are_caches(a, at, hash_size) && are_caches(b, at, hash_size);
}

bool
fi_repository_index_is_same(firn_slice a, firn_slice b)
{
    return a.size > HEAD_SIZE && b.size > HEAD_SIZE && memcmp(a.data, b.data, HEAD_SIZE) == 0 &&
           memcmp(a.data, "DIRC\0\0\0", 7) == 0 && (a.data[7] == 2 || a.data[7] == 3) &&
           (is_same(a, b, 20) || is_same(a, b, 32));
}
