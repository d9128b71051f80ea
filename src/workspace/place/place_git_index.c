/* SPDX-License-Identifier: Apache-2.0
 *
 * place/place_git_index.c: whether git tracks files below a directory.
 *
 * A store inside of a tree holds everything that was ever saved; one that git tracks is published
 * with the next push. git's list of what it tracks is the file "index" of the repository:
 *
 *   index := "DIRC" be32(version: 2, 3 or 4) be32(count) entry* extensions hash
 *   entry := 40 bytes of attributes, hash, be16(flags), be16(more flags, if flags has EXTENDED),
 *   name name  := 2, 3: the path, and NULs up to a multiple of eight bytes of the entry, at least
 *   one
 *            4:    varint(bytes to drop from the end of the path before), the rest of the path, NUL
 *
 * A hash has 20 or 32 bytes. Only the repository's configuration says which, so an index that makes
 * no sense with the one is read with the other. Entries are in ascending order of their paths, so
 * reading ends where the paths below the directory would be.
 *
 * The file is untrusted input. It is read once, in pieces of BUFFER_SIZE, and no more than
 * INDEX_SIZE_MAX of it; a path may have PATH_SIZE_MAX bytes. What is damaged, larger or of another
 * version counts as an index that has no such entry, and so does one that cannot be read. Of a
 * split index only the entries that it has itself are seen. The result is only shown.
 */
#include "base/buf.h"
#include "base/bytes.h"
#include "base/check.h"
#include "base/mem.h"
#include "place/place.h"

enum {
    BUFFER_SIZE = 64 << 10,
    INDEX_SIZE_MAX = 1 << 30,
    PATH_SIZE_MAX = 16 << 10,
    HEAD_SIZE = 12,
    ATTRIBUTES_SIZE = 40,
    HASH_SIZE = 20,
    LONG_HASH_SIZE = 32,
    FLAGS_SIZE = 2,
    EXTENDED = 0x4000,
    PATH_SIZE_MASK = 0x0FFF, /* of the flags: the path's size, or that it is not smaller */
    PADDING = 8,
    DROP_MAX = 1 << 20 /* more than any path; the number that a varint may reach */
};

enum found { FOUND, NOT_THERE, DAMAGED };

struct reader {
    struct fi_os_file *file;
    uint64_t offset; /* of what comes after the buffer */
    uint8_t *bytes;
    size_t at;
    size_t end;
};

/* The next bytes, at most BUFFER_SIZE; NULL if the file ends before, or cannot be read. Valid until
 * the next call. */
static const uint8_t *
place_git_index_take(struct reader *reader, size_t size)
{
    DCHECK(size <= BUFFER_SIZE && reader->at <= reader->end);
    if (reader->end - reader->at < size) {
        size_t got = 0;
        size_t rest = reader->end - reader->at;
        memmove(reader->bytes, reader->bytes + reader->at, rest);
        reader->at = 0;
        reader->end = rest;
        if (reader->offset > INDEX_SIZE_MAX ||
            fi_os_file_read(reader->file, reader->offset, reader->bytes + rest, BUFFER_SIZE - rest,
                            &got, NULL) != FIRN_OK) {
            return NULL;
        }
        reader->offset += got;
        reader->end += got;
    }
    if (reader->end - reader->at < size) {
        return NULL;
    }
    reader->at += size;
    return reader->bytes + reader->at - size;
}

/* Drops the end of the path before, as version 4 says. */
static bool
drop_end(struct reader *reader, struct fi_buf *path)
{
    const uint8_t *byte = place_git_index_take(reader, 1);
    size_t drop = byte != NULL ? *byte & 0x7F : 0;
    while (byte != NULL && (*byte & 0x80) != 0 && drop < DROP_MAX) {
        byte = place_git_index_take(reader, 1);
        drop = byte != NULL ? (drop + 1) << 7 | (*byte & 0x7F) : 0;
    }
    if (byte == NULL || drop > path->size) {
        return false;
    }
    path->size -= drop;
    return true;
}

/* Appends what comes before the next NUL. */
static bool
read_rest(struct reader *reader, struct fi_buf *path)
{
    const uint8_t *byte;
    while ((byte = place_git_index_take(reader, 1)) != NULL && *byte != '\0') {
        if (path->size == PATH_SIZE_MAX || fi_buf_append_u8(path, *byte) != FIRN_OK) {
            return false;
        }
    }
    return byte != NULL;
}

static bool
skip_padding(struct reader *reader, size_t entry_size)
{
    size_t size = PADDING - entry_size % PADDING - 1; /* after the first NUL */
    const uint8_t *padding = place_git_index_take(reader, size);
    for (size_t i = 0; padding != NULL && i < size; i++) {
        if (padding[i] != 0) {
            return false;
        }
    }
    return padding != NULL;
}

/* Replaces *path, that of the entry before, by that of the next one. */
static bool
next_path(struct reader *reader, uint32_t version, size_t hash_size, struct fi_buf *path)
{
    size_t size = ATTRIBUTES_SIZE + hash_size + FLAGS_SIZE;
    const uint8_t *head = place_git_index_take(reader, size);
    if (head == NULL) {
        return false;
    }
    const unsigned flags = (unsigned)head[size - FLAGS_SIZE] << 8 | head[size - 1];
    if ((flags & EXTENDED) != 0) {
        size += FLAGS_SIZE;
        if (version < 3 || place_git_index_take(reader, FLAGS_SIZE) == NULL) {
            return false;
        }
    }
    if (version < 4) {
        fi_buf_clear(path);
    } else if (!drop_end(reader, path)) {
        return false;
    }
    if (!read_rest(reader, path)) {
        return false;
    }
    size_t told = path->size < PATH_SIZE_MASK ? path->size : PATH_SIZE_MASK;
    return (flags & PATH_SIZE_MASK) == told &&
           (version >= 4 || skip_padding(reader, size + path->size));
}

static enum found
place_git_index_search(struct reader *reader, size_t hash_size, firn_slice below,
                       struct fi_buf *path)
{
    const uint8_t *head = place_git_index_take(reader, HEAD_SIZE);
    if (head == NULL || memcmp(head, "DIRC", 4) != 0) {
        return DAMAGED;
    }
    const uint32_t version = fi_load_be32(head + 4);
    const uint32_t count = fi_load_be32(head + 8);
    if (version < 2 || version > 4) {
        return DAMAGED;
    }
    fi_buf_clear(path);
    for (uint32_t i = 0; i < count; i++) {
        if (!next_path(reader, version, hash_size, path)) {
            return DAMAGED;
        }
        size_t common = path->size < below.size ? path->size : below.size;
        int order = common > 0 ? memcmp(path->data, below.data, common) : 0;
        if (order > 0 || (order == 0 && path->size > below.size)) {
            return order == 0 ? FOUND : NOT_THERE;
        }
    }
    return NOT_THERE;
}

bool
fi_place_git_index_has(struct fi_os_dir *repository, firn_slice below)
{
    static const size_t hash_sizes[] = {HASH_SIZE, LONG_HASH_SIZE};
    struct reader reader = {.file = NULL};
    struct fi_buf path = {0};
    enum found found = DAMAGED;
    DCHECK(below.size > 0 && below.data[below.size - 1] == '/');
    reader.bytes = fi_alloc(BUFFER_SIZE);
    if (reader.bytes != NULL &&
        fi_os_file_open(repository, "index", FI_OS_READ, 0, &reader.file, NULL) == FIRN_OK) {
        for (size_t i = 0; i < 2 && found == DAMAGED; i++) {
            reader.offset = reader.at = reader.end = 0;
            found = place_git_index_search(&reader, hash_sizes[i], below, &path);
        }
    }
    fi_os_file_close(reader.file);
    fi_free(reader.bytes);
    fi_buf_deinit(&path);
    return found == FOUND;
}
