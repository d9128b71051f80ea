/* SPDX-License-Identifier: Apache-2.0
 *
 * import/import_tar.c: a reader of tar archives: ustar, pax and GNU's, with long names, sparse
 * files, links and extended attributes. It touches nothing but the bytes that it is given.
 *
 * An archive is blocks of 512 bytes: a header with a checksum, then the data, padded to a block.
 * Headers of the types x and g (pax) and L and K (GNU) describe the entry after them. Two blocks of
 * zeros end the archive.
 *
 * All bytes are from outside. Sizes are checked before they are used, and extended headers and maps
 * of sparse files have a limit. Damage is reported and skipped: after a header with a wrong
 * checksum the reader searches, block by block, for the next valid one.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "import/import_internal.h"
#include "term/term_try.h"

/* Offsets and sizes of a header's fields. */
enum {
    NAME_AT = 0,
    NAME_SIZE = 100,
    MODE_AT = 100,
    UID_AT = 108,
    GID_AT = 116,
    ID_SIZE = 8,
    SIZE_AT = 124,
    SIZE_SIZE = 12,
    MTIME_AT = 136,
    CHECKSUM_AT = 148,
    TYPE_AT = 156,
    TARGET_AT = 157,
    MAGIC_AT = 257,
    PREFIX_AT = 345,
    PREFIX_SIZE = 155,
    /* of GNU's sparse files */
    SPARSE_AT = 386,
    SPARSE_COUNT = 4,
    SPARSE_MORE_AT = 482,
    SPARSE_REAL_SIZE_AT = 483,
    SPARSE_NEXT_COUNT = 21,
    SPARSE_NEXT_MORE_AT = 504,
    SPARSE_ITEM_SIZE = 24
};

enum { BLOCK = FI_IMPORT_TAR_BLOCK, MODE_BITS = 07777, PATH_SIZE_MAX = 64 << 10 };
#define SIZE_MOST (UINT64_C(1) << 53) /* 8 PiB, of a file */
#define NS_A_SECOND INT64_C(1000000000)

/* ---- texts ---- */

static int
import_tar_append(struct fi_import_tar_text *text, const void *data, size_t size, firn_error *err)
{
    assert(text->size <= text->capacity);
    if (size > FI_IMPORT_TAR_PAX_MAX || text->size + size > 2 * (size_t)FI_IMPORT_TAR_PAX_MAX) {
        return fi_import_tree_error(err, FIRN_LIMIT, "an extended header is too large");
    }
    if (text->size + size + 1 > text->capacity) {
        size_t capacity = 2 * (text->size + size + 1);
        char *grown = realloc(text->data, capacity);
        if (grown == NULL) {
            return fi_import_tree_error(err, FIRN_NO_MEMORY, "out of memory");
        }
        text->data = grown;
        text->capacity = capacity;
    }
    if (size > 0) {
        memcpy(text->data + text->size, data, size);
    }
    text->size += size;
    text->data[text->size] = '\0';
    return FIRN_OK;
}

static int
import_tar_set(struct fi_import_tar_text *text, const void *data, size_t size, firn_error *err)
{
    text->size = 0;
    return import_tar_append(text, data, size, err);
}

static void
import_tar_report(struct fi_import_tar *tar, firn_slice path, const char *text)
{
    assert(tar->tell != NULL && text[0] != '\0');
    tar->tell(tar->ctx, path, text);
}

/* ---- blocks ---- */

/* Reads exactly so many bytes, or up to the end of the archive. */
static int
import_tar_take(struct fi_import_tar *tar, uint8_t *data, size_t size, size_t *out_size,
                firn_error *err)
{
    *out_size = 0;
    while (*out_size < size) {
        size_t got = 0;
        FI_TRY_RETURN(tar->read(tar->ctx, data + *out_size, size - *out_size, &got, err));
        if (got == 0) {
            break;
        }
        assert(got <= size - *out_size);
        *out_size += got;
        tar->at += got;
    }
    return FIRN_OK;
}

static int
import_tar_skip(struct fi_import_tar *tar, uint64_t size, firn_error *err)
{
    uint8_t scratch[BLOCK * 16];
    while (size > 0) {
        size_t part = size < sizeof(scratch) ? (size_t)size : sizeof(scratch);
        size_t got = 0;
        FI_TRY_RETURN(import_tar_take(tar, scratch, part, &got, err));
        if (got < part) {
            tar->is_truncated = true;
            break;
        }
        size -= part;
    }
    return FIRN_OK;
}

/* What is left of the entry before. */
static int
skip_entry(struct fi_import_tar *tar, firn_error *err)
{
    assert(tar->padding < BLOCK);
    uint64_t size = tar->left + tar->padding;
    tar->left = tar->padding = 0;
    return import_tar_skip(tar, size, err);
}

static uint64_t
padding_of(uint64_t size)
{
    return (BLOCK - size % BLOCK) % BLOCK;
}

/* Octal digits, or GNU's binary numbers. False if it is neither. A number below zero is
 * *out_is_negative, and its absolute value. */
static bool
number(const uint8_t *field, size_t size, uint64_t *out, bool *out_is_negative)
{
    uint64_t value = 0;
    size_t at = 0;
    *out_is_negative = false;
    if ((field[0] & 0x80) != 0) {
        bool is_negative = field[0] == 0xFF;
        value = is_negative ? UINT64_MAX : field[0] & 0x7FU;
        for (at = 1; at < size; at++) {
            if (value != UINT64_MAX && value > UINT64_MAX >> 8) {
                return false;
            }
            if (is_negative && value == UINT64_MAX && at + 8 < size && field[at] != 0xFF) {
                return false;
            }
            value = value << 8 | field[at];
        }
        *out_is_negative = is_negative;
        *out = is_negative ? ~value + 1 : value;
        return true;
    }
    while (at < size && field[at] == ' ') {
        at++;
    }
    for (; at < size && field[at] >= '0' && field[at] <= '7'; at++) {
        if (value > UINT64_MAX >> 3) {
            return false;
        }
        value = value << 3 | (uint64_t)(field[at] - '0');
    }
    *out = value;
    return at == size || field[at] == ' ' || field[at] == '\0';
}

static bool
unsigned_number(const uint8_t *field, size_t size, uint64_t most, uint64_t *out)
{
    assert(size > 0);
    bool is_negative;
    return number(field, size, out, &is_negative) && !is_negative && *out <= most;
}

static bool
checksum_is_right(const uint8_t *block)
{
    uint64_t stored;
    uint32_t as_unsigned = 0;
    int32_t as_signed = 0; /* as some old programs wrote it */
    for (size_t i = 0; i < BLOCK; i++) {
        uint8_t byte = i >= CHECKSUM_AT && i < CHECKSUM_AT + ID_SIZE ? ' ' : block[i];
        as_unsigned += byte;
        as_signed += (int8_t)byte;
    }
    return unsigned_number(block + CHECKSUM_AT, ID_SIZE, UINT32_MAX, &stored) &&
           (stored == as_unsigned || (as_signed >= 0 && stored == (uint32_t)as_signed));
}

static bool
is_zero(const uint8_t *block)
{
    return block[0] == 0 && memcmp(block, block + 1, BLOCK - 1) == 0;
}

/* The next header. *out_is_end: there is none. */
static int
next_header(struct fi_import_tar *tar, bool *out_is_end, firn_error *err)
{
    bool was_zero = false;
    bool is_lost = false;
    *out_is_end = false;
    for (;;) {
        uint64_t at = tar->at;
        size_t got = 0;
        FI_TRY_RETURN(tar->is_truncated ? FIRN_OK
                                        : import_tar_take(tar, tar->block, BLOCK, &got, err));
        if (got < BLOCK) {
            if (at == 0 && !tar->is_truncated) {
                return fi_import_tree_error(err, FIRN_CORRUPT, "it is not a tar archive");
            }
            if (got > 0 || tar->is_truncated) {
                import_tar_report(tar, firn_str(""), "the archive ends in the middle of an entry");
            } else if (!was_zero) {
                import_tar_report(tar, firn_str(""),
                                  "the archive ends without its end mark: entries may be missing");
            }
            *out_is_end = true;
            return FIRN_OK;
        }
        if (is_zero(tar->block)) {
            if (was_zero) {
                *out_is_end = true;
                return FIRN_OK;
            }
            was_zero = true;
            continue;
        }
        was_zero = false;
        if (checksum_is_right(tar->block)) {
            return FIRN_OK;
        }
        if (at == 0) {
            return fi_import_tree_error(err, FIRN_CORRUPT, "it is not a tar archive");
        }
        if (!is_lost) {
            char text[96];
            (void)snprintf(text, sizeof(text),
                           "the header at offset %llu is damaged; the next one is searched",
                           (unsigned long long)at);
            import_tar_report(tar, firn_str(""), text);
        }
        is_lost = true;
    }
}

/* ---- pax ---- */

/* The data of an extended header, whole; none, and *out_is_whole is false, if it is too large or
 * cut off. What it says is then not known, and the entry that it describes is left out. */
static int
read_extension(struct fi_import_tar *tar, uint64_t size, struct fi_import_tar_text *out,
               bool *out_is_whole, firn_error *err)
{
    uint8_t part[BLOCK];
    out->size = 0;
    *out_is_whole = false;
    int code = import_tar_append(out, "", 0, err);
    if (code == FIRN_OK && size > FI_IMPORT_TAR_PAX_MAX) {
        import_tar_report(tar, firn_str(""), "an extended header is too large: it is not used");
        return import_tar_skip(tar, size + padding_of(size), err);
    }
    for (uint64_t left = size; left > 0 && code == FIRN_OK;) {
        size_t want = left < BLOCK ? (size_t)left : BLOCK;
        size_t got = 0;
        code = import_tar_take(tar, part, want, &got, err);
        if (code == FIRN_OK) {
            code = import_tar_append(out, part, got, err);
        }
        if (got < want) {
            tar->is_truncated = true;
            out->size = 0;
            return code;
        }
        left -= got;
    }
    *out_is_whole = code == FIRN_OK;
    return code == FIRN_OK ? import_tar_skip(tar, padding_of(size), err) : code;
}

/* Takes a record "12 key=value\n" off the front. False at the end, and where there is none. */
static bool
next_record(firn_slice *rest, firn_slice *out_key, firn_slice *out_value)
{
    size_t at = 0;
    size_t size = 0;
    while (at < rest->size && at < 9 && rest->data[at] >= '0' && rest->data[at] <= '9') {
        size = size * 10 + (size_t)(rest->data[at++] - '0');
    }
    if (at == 0 || at >= rest->size || rest->data[at] != ' ' || size <= at + 2 ||
        size > rest->size || rest->data[size - 1] != '\n') {
        return false;
    }
    at++;
    const uint8_t *equals = memchr(rest->data + at, '=', size - 1 - at);
    if (equals == NULL) {
        return false;
    }
    size_t value_at = (size_t)(equals - rest->data) + 1;
    *out_key = firn_bytes(rest->data + at, value_at - 1 - at);
    *out_value = firn_bytes(rest->data + value_at, size - 1 - value_at);
    *rest = firn_bytes(rest->data + size, rest->size - size);
    return true;
}

static bool
is_key(firn_slice key, const char *name)
{
    return key.size == strlen(name) && memcmp(key.data, name, key.size) == 0;
}

static bool
decimal(firn_slice text, uint64_t most, uint64_t *out)
{
    uint64_t value = 0;
    if (text.size == 0 || text.size > 19) {
        return false;
    }
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return false;
        }
        value = value * 10 + (uint64_t)(text.data[i] - '0');
    }
    *out = value;
    return value <= most;
}

/* Nanoseconds; at a time that they cannot express, the first or last that they can. */
static int64_t
clamp_seconds(uint64_t seconds, bool is_negative, int64_t ns)
{
    const uint64_t most = FI_IMPORT_TAR_SECONDS_MOST;
    int64_t value = (int64_t)(seconds > most ? most : seconds) * NS_A_SECOND + ns;
    return is_negative ? -value : value;
}

/* "1234567890.123456789", also below zero. */
static bool
pax_time(firn_slice text, int64_t *out)
{
    bool is_negative = text.size > 0 && text.data[0] == '-';
    size_t at = is_negative;
    uint64_t seconds = 0;
    int64_t ns = 0;
    int64_t unit = NS_A_SECOND / 10;
    for (; at < text.size && text.data[at] >= '0' && text.data[at] <= '9'; at++) {
        seconds =
            seconds > UINT64_MAX / 16 ? seconds : seconds * 10 + (uint64_t)(text.data[at] - '0');
    }
    if (at == (size_t)is_negative || (at < text.size && text.data[at] != '.')) {
        return false;
    }
    for (at++; at < text.size; at++) {
        if (text.data[at] < '0' || text.data[at] > '9') {
            return false;
        }
        ns += unit * (text.data[at] - '0');
        unit /= 10;
    }
    *out = clamp_seconds(seconds, is_negative, ns);
    return true;
}

/* ---- sparse files ---- */

struct header {
    struct fi_import_tar_entry entry;
    uint64_t stored; /* size of the data in the archive */
    bool has_real_size;
    uint64_t real_size;
    bool is_map_in_data;  /* GNU.sparse 1.0 */
    bool has_sparse_name; /* which counts more than a path */
    bool is_bad;
    uint64_t map_offset; /* of a pair that is not complete yet (0.0) */
    bool has_map_offset;
};

static int
add_segment(struct fi_import_tar *tar, uint64_t offset, uint64_t size, bool *out_is_bad,
            firn_error *err)
{
    const struct fi_import_tar_segment *last =
        tar->segment_count > 0 ? &tar->segments[tar->segment_count - 1] : NULL;
    if (offset > SIZE_MOST || size > SIZE_MOST ||
        (last != NULL && offset < last->offset + last->size) ||
        tar->segment_count == FI_IMPORT_TAR_SEGMENTS_MAX) {
        *out_is_bad = true;
        return FIRN_OK;
    }
    if (tar->segment_count == tar->segment_capacity) {
        size_t capacity = tar->segment_capacity == 0 ? 32 : 2 * tar->segment_capacity;
        struct fi_import_tar_segment *grown =
            realloc(tar->segments, capacity * sizeof(tar->segments[0]));
        if (grown == NULL) {
            return fi_import_tree_error(err, FIRN_NO_MEMORY, "out of memory");
        }
        tar->segments = grown;
        tar->segment_capacity = capacity;
    }
    assert(tar->segments != NULL);
    tar->segments[tar->segment_count++] = (struct fi_import_tar_segment){offset, size};
    return FIRN_OK;
}

/* "0,512,1024,512": the map of GNU.sparse 0.1. */
static int
read_map_text(struct fi_import_tar *tar, firn_slice text, struct header *header, firn_error *err)
{
    uint64_t offset = 0;
    bool has_offset = false;
    int code = FIRN_OK;
    tar->segment_count = 0;
    while (text.size > 0 && code == FIRN_OK && !header->is_bad) {
        const uint8_t *comma = memchr(text.data, ',', text.size);
        size_t size = comma == NULL ? text.size : (size_t)(comma - text.data);
        uint64_t value;
        if (!decimal(firn_bytes(text.data, size), SIZE_MOST, &value)) {
            header->is_bad = true;
        } else if (has_offset) {
            code = add_segment(tar, offset, value, &header->is_bad, err);
        } else {
            offset = value;
        }
        has_offset = !has_offset;
        size += comma != NULL;
        text = firn_bytes(text.data + size, text.size - size);
    }
    header->is_bad = header->is_bad || has_offset;
    return code;
}

/* A line with a number, of the map before the data (1.0). */
static int
read_map_line(struct fi_import_tar *tar, uint8_t *block, size_t *at, uint64_t *out,
              struct header *header, firn_error *err)
{
    uint64_t value = 0;
    for (unsigned digits = 0; digits < 20; digits++) {
        if (*at == BLOCK) {
            size_t got = 0;
            int code = tar->left < BLOCK ? FIRN_OK : import_tar_take(tar, block, BLOCK, &got, err);
            if (code != FIRN_OK || got < BLOCK) {
                header->is_bad = true;
                tar->is_truncated = tar->is_truncated || (tar->left >= BLOCK && code == FIRN_OK);
                return code;
            }
            tar->left -= BLOCK;
            *at = 0;
        }
        uint8_t byte = block[(*at)++];
        if (byte == '\n' && digits > 0) {
            *out = value;
            return FIRN_OK;
        }
        if (byte < '0' || byte > '9') {
            break;
        }
        value = value * 10 + (uint64_t)(byte - '0');
    }
    header->is_bad = true;
    return FIRN_OK;
}

static int
read_map_blocks(struct fi_import_tar *tar, struct header *header, firn_error *err)
{
    uint8_t block[BLOCK];
    size_t at = BLOCK;
    uint64_t count = 0;
    tar->segment_count = 0;
    int code = read_map_line(tar, block, &at, &count, header, err);
    for (uint64_t i = 0; i < count && code == FIRN_OK && !header->is_bad; i++) {
        uint64_t offset = 0;
        uint64_t size = 0;
        code = read_map_line(tar, block, &at, &offset, header, err);
        if (code == FIRN_OK && !header->is_bad) {
            code = read_map_line(tar, block, &at, &size, header, err);
        }
        if (code == FIRN_OK && !header->is_bad) {
            code = add_segment(tar, offset, size, &header->is_bad, err);
        }
    }
    return code;
}

/* The maps of GNU's own format: in the header, and in blocks after it. */
static int
read_map_header(struct fi_import_tar *tar, struct header *header, firn_error *err)
{
    uint8_t block[BLOCK];
    const uint8_t *items = tar->block + SPARSE_AT;
    unsigned count = SPARSE_COUNT;
    bool has_more = tar->block[SPARSE_MORE_AT] != 0;
    int code = FIRN_OK;
    tar->segment_count = 0;
    header->has_real_size = true;
    header->entry.is_sparse = true;
    header->is_bad = !unsigned_number(tar->block + SPARSE_REAL_SIZE_AT, SIZE_SIZE, SIZE_MOST,
                                      &header->real_size);
    for (;;) {
        for (unsigned i = 0; i < count && code == FIRN_OK; i++) {
            uint64_t offset;
            uint64_t size;
            const uint8_t *item = items + (size_t)i * SPARSE_ITEM_SIZE;
            if (item[SIZE_SIZE] == '\0') {
                break;
            }
            if (!unsigned_number(item, SIZE_SIZE, SIZE_MOST, &offset) ||
                !unsigned_number(item + SIZE_SIZE, SIZE_SIZE, SIZE_MOST, &size)) {
                header->is_bad = true;
                break;
            }
            code = add_segment(tar, offset, size, &header->is_bad, err);
        }
        if (!has_more || code != FIRN_OK) {
            return code;
        }
        size_t got = 0;
        code = import_tar_take(tar, block, BLOCK, &got, err);
        if (code != FIRN_OK || got < BLOCK) {
            tar->is_truncated = code == FIRN_OK;
            header->is_bad = true;
            return code;
        }
        items = block;
        count = SPARSE_NEXT_COUNT;
        has_more = block[SPARSE_NEXT_MORE_AT] != 0;
    }
}

/* The segments fit the data and the file. */
static bool
map_is_right(const struct fi_import_tar *tar, const struct header *header)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < tar->segment_count; i++) {
        sum += tar->segments[i].size;
        if (sum > SIZE_MOST ||
            tar->segments[i].offset + tar->segments[i].size > header->entry.size) {
            return false;
        }
    }
    return sum == tar->left;
}

/* ---- one header ---- */

static int
append_sized(struct fi_import_tar_text *out, firn_slice bytes, firn_error *err)
{
    size_t size = bytes.size;
    int code = FIRN_OK;
    do {
        uint8_t byte = (uint8_t)((size & 0x7F) | (size > 0x7F ? 0x80 : 0));
        code = import_tar_append(out, &byte, 1, err);
        size >>= 7;
    } while (size > 0 && code == FIRN_OK);
    return code == FIRN_OK ? import_tar_append(out, bytes.data, bytes.size, err) : code;
}

static int
apply_record(struct fi_import_tar *tar, firn_slice key, firn_slice value, struct header *header,
             firn_error *err)
{
    static const char xattr[] = "SCHILY.xattr.";
    struct fi_import_attributes *attributes = &header->entry.attributes;
    uint64_t given;
    bool is_right = true;
    if (is_key(key, "GNU.sparse.name") || (is_key(key, "path") && !header->has_sparse_name)) {
        header->has_sparse_name = !is_key(key, "path");
        return import_tar_set(&tar->path, value.data, value.size, err);
    }
    if (is_key(key, "linkpath")) {
        return import_tar_set(&tar->target, value.data, value.size, err);
    }
    if (key.size > strlen(xattr) && memcmp(key.data, xattr, strlen(xattr)) == 0) {
        FI_TRY_RETURN(append_sized(
            &tar->xattrs, firn_bytes(key.data + strlen(xattr), key.size - strlen(xattr)), err));
        return append_sized(&tar->xattrs, value, err);
    }
    if (is_key(key, "size")) {
        is_right = decimal(value, SIZE_MOST, &header->stored);
    } else if (is_key(key, "uid")) {
        is_right = decimal(value, UINT32_MAX, &given);
        attributes->uid = is_right ? (uint32_t)given : attributes->uid;
    } else if (is_key(key, "gid")) {
        is_right = decimal(value, UINT32_MAX, &given);
        attributes->gid = is_right ? (uint32_t)given : attributes->gid;
    } else if (is_key(key, "mtime")) {
        is_right = pax_time(value, &attributes->mtime_ns);
    } else if (is_key(key, "GNU.sparse.major")) {
        header->is_map_in_data = is_key(value, "1");
        header->entry.is_sparse = true;
    } else if (is_key(key, "GNU.sparse.size") || is_key(key, "GNU.sparse.realsize")) {
        is_right = decimal(value, SIZE_MOST, &header->real_size);
        header->has_real_size = is_right;
        header->entry.is_sparse = true;
    } else if (is_key(key, "GNU.sparse.map")) {
        header->entry.is_sparse = true;
        return read_map_text(tar, value, header, err);
    } else if (is_key(key, "GNU.sparse.offset")) {
        is_right = decimal(value, SIZE_MOST, &header->map_offset);
        header->has_map_offset = is_right;
    } else if (is_key(key, "GNU.sparse.numbytes")) {
        is_right = decimal(value, SIZE_MOST, &given) && header->has_map_offset;
        header->has_map_offset = false;
        header->entry.is_sparse = true;
        return is_right ? add_segment(tar, header->map_offset, given, &header->is_bad, err)
                        : (header->is_bad = true, FIRN_OK);
    }
    header->is_bad = header->is_bad || !is_right;
    return FIRN_OK;
}

static int
apply_records(struct fi_import_tar *tar, const struct fi_import_tar_text *records,
              struct header *header, firn_error *err)
{
    firn_slice rest = firn_bytes(records->data, records->size);
    firn_slice key;
    firn_slice value;
    int code = FIRN_OK;
    while (code == FIRN_OK && next_record(&rest, &key, &value)) {
        code = apply_record(tar, key, value, header, err);
    }
    if (rest.size > 0 && code == FIRN_OK) {
        import_tar_report(tar, firn_str(""),
                          "an extended header is damaged: the rest of it is not used");
    }
    return code;
}

static size_t
field_size(const uint8_t *field, size_t most)
{
    const uint8_t *end = memchr(field, '\0', most);
    return end == NULL ? most : (size_t)(end - field);
}

/* What the header itself says. */
static int
read_fields(struct fi_import_tar *tar, bool has_path, bool has_target, struct header *header,
            firn_error *err)
{
    const uint8_t *block = tar->block;
    struct fi_import_attributes *attributes = &header->entry.attributes;
    uint64_t mode = 0;
    uint64_t uid = 0;
    uint64_t gid = 0;
    uint64_t mtime = 0;
    bool is_before = false;
    int code = FIRN_OK;
    header->is_bad = !unsigned_number(block + SIZE_AT, SIZE_SIZE, SIZE_MOST, &header->stored);
    if (header->is_bad) {
        header->stored = 0;
    }
    attributes->has_owner = unsigned_number(block + UID_AT, ID_SIZE, UINT32_MAX, &uid) &&
                            unsigned_number(block + GID_AT, ID_SIZE, UINT32_MAX, &gid);
    if (!unsigned_number(block + MODE_AT, ID_SIZE, UINT32_MAX, &mode) ||
        !number(block + MTIME_AT, SIZE_SIZE, &mtime, &is_before)) {
        header->is_bad = true;
    }
    attributes->mode = (uint32_t)mode & MODE_BITS;
    attributes->uid = (uint32_t)uid;
    attributes->gid = (uint32_t)gid;
    attributes->mtime_ns = clamp_seconds(mtime, is_before, 0);
    if (!has_path) {
        bool has_prefix = memcmp(block + MAGIC_AT, "ustar\0", 6) == 0 && block[PREFIX_AT] != 0;
        tar->path.size = 0;
        if (has_prefix) {
            code = import_tar_append(&tar->path, block + PREFIX_AT,
                                     field_size(block + PREFIX_AT, PREFIX_SIZE), err);
            code = code == FIRN_OK ? import_tar_append(&tar->path, "/", 1, err) : code;
        }
        if (code == FIRN_OK) {
            code = import_tar_append(&tar->path, block + NAME_AT,
                                     field_size(block + NAME_AT, NAME_SIZE), err);
        }
    }
    if (!has_target && code == FIRN_OK) {
        code = import_tar_set(&tar->target, block + TARGET_AT,
                              field_size(block + TARGET_AT, NAME_SIZE), err);
    }
    return code;
}

/* "./a/b/" is "a/b", "./" and "." are "". */
static firn_slice
clean(const struct fi_import_tar_text *text)
{
    firn_slice path = firn_bytes(text->data, text->size);
    while (path.size >= 2 && path.data[0] == '.' && path.data[1] == '/') {
        size_t more = 2;
        while (more < path.size && path.data[more] == '/') {
            more++;
        }
        path = firn_bytes(path.data + more, path.size - more);
    }
    while (path.size > 1 && path.data[path.size - 1] == '/') {
        path.size--;
    }
    return path.size == 1 && path.data[0] == '.' ? firn_bytes(path.data, 0) : path;
}

/* Whether the type of entry can be imported; otherwise why not. */
static const char *
set_type(struct fi_import_tar *tar, struct header *header)
{
    switch (tar->block[TYPE_AT]) {
    case '0':
    case '\0':
    case '7':
    case 'S':
        header->entry.type = tar->path.size > 0 && tar->path.data[tar->path.size - 1] == '/'
                                 ? FI_IMPORT_DIRECTORY
                                 : FI_IMPORT_FILE;
        return NULL;
    case '1':
        header->entry.type = FI_IMPORT_HARD_LINK;
        return NULL;
    case '2':
        header->entry.type = FI_IMPORT_SYMLINK;
        return NULL;
    case '5':
    case 'D':
        header->entry.type = FI_IMPORT_DIRECTORY;
        return NULL;
    case '3':
    case '4':
        return "is a device";
    case '6':
        return "is a fifo";
    case 'V':
        return "is the name of a volume";
    case 'M':
        return "is the rest of a file of another volume";
    default:
        return "is of a type that is not known";
    }
}

/* Everything about the entry whose header is in the block. header->is_bad: it cannot be used. */
static int
read_entry(struct fi_import_tar *tar, bool has_path, bool has_target, struct header *header,
           firn_error *err)
{
    tar->xattrs.size = 0;
    tar->segment_count = 0;
    int code = read_fields(tar, has_path, has_target, header, err);
    if (code == FIRN_OK && tar->block[TYPE_AT] == 'S') {
        code = read_map_header(tar, header, err);
    }
    if (code == FIRN_OK) {
        code = apply_records(tar, &tar->global, header, err);
    }
    if (code == FIRN_OK) {
        code = apply_records(tar, &tar->local, header, err);
    }
    tar->left = header->stored;
    tar->padding = padding_of(header->stored);
    if (code == FIRN_OK && header->is_map_in_data) {
        code = read_map_blocks(tar, header, err);
    }
    return code;
}

int
fi_import_tar_next(struct fi_import_tar *tar, struct fi_import_tar_entry *out, bool *out_is_end,
                   firn_error *err)
{
    bool has_path = false;
    bool has_target = false;
    bool has_lost = false; /* what an extended header says of the entry */
    bool is_whole;
    tar->local.size = 0;
    int code = skip_entry(tar, err);
    while (code == FIRN_OK && (code = next_header(tar, out_is_end, err)) == FIRN_OK &&
           !*out_is_end) {
        struct header header = {.stored = 0};
        struct fi_import_tar_text *text = NULL;
        uint64_t size = 0;
        char type = (char)tar->block[TYPE_AT];
        if (type == 'x' || type == 'g' || type == 'L' || type == 'K') {
            text = type == 'x'   ? &tar->local
                   : type == 'g' ? &tar->global
                   : type == 'L' ? &tar->path
                                 : &tar->target;
            if (!unsigned_number(tar->block + SIZE_AT, SIZE_SIZE, SIZE_MOST, &size)) {
                import_tar_report(tar, firn_str(""), "the size of an extended header is damaged");
                continue;
            }
            code = read_extension(tar, size, text, &is_whole, err);
            has_lost = has_lost || (!is_whole && type != 'g');
            if (code == FIRN_OK && is_whole && (type == 'L' || type == 'K')) {
                text->size = strlen(text->data);
                has_path = has_path || type == 'L';
                has_target = has_target || type == 'K';
            }
            continue;
        }
        code = read_entry(tar, has_path, has_target, &header, err);
        if (code != FIRN_OK) {
            return code;
        }
        const char *refused = set_type(tar, &header);
        header.entry.path = clean(&tar->path);
        header.entry.target = header.entry.type == FI_IMPORT_HARD_LINK
                                  ? clean(&tar->target)
                                  : firn_bytes(tar->target.data, tar->target.size);
        header.entry.attributes.xattrs = firn_bytes(tar->xattrs.data, tar->xattrs.size);
        if (header.entry.type != FI_IMPORT_FILE) {
            header.entry.is_sparse = false;
        }
        header.entry.size =
            header.entry.is_sparse && header.has_real_size ? header.real_size : tar->left;
        if (refused == NULL &&
            (header.is_bad || (header.entry.is_sparse && !map_is_right(tar, &header)))) {
            refused = "is described by a damaged header";
        }
        if (refused == NULL && has_lost) {
            refused = "has an extended header that cannot be read";
        }
        if (refused == NULL && header.entry.path.size == 0 &&
            header.entry.type != FI_IMPORT_DIRECTORY) {
            refused = "has no name";
        }
        if (refused == NULL) {
            *out = header.entry;
            return FIRN_OK;
        }
        char text_of[96];
        (void)snprintf(text_of, sizeof(text_of), "it %s", refused);
        import_tar_report(tar, header.entry.path, text_of);
        tar->local.size = 0;
        has_path = has_target = has_lost = false;
        code = skip_entry(tar, err);
    }
    return code;
}

int
fi_import_tar_read(struct fi_import_tar *tar, uint8_t *data, size_t size, size_t *out_size,
                   firn_error *err)
{
    *out_size = 0;
    if (tar->left == 0 || tar->is_truncated) {
        return FIRN_OK;
    }
    size_t part = tar->left < size ? (size_t)tar->left : size;
    int code = import_tar_take(tar, data, part, out_size, err);
    tar->left -= *out_size;
    if (code == FIRN_OK && *out_size < part) {
        tar->is_truncated = true;
    }
    return code;
}

void
fi_import_tar_deinit(struct fi_import_tar *tar)
{
    free(tar->global.data);
    free(tar->local.data);
    free(tar->path.data);
    free(tar->target.data);
    free(tar->xattrs.data);
    free(tar->segments);
}
