/* SPDX-License-Identifier: Apache-2.0
 *
 * migrate/migrate_table.c: tables of Alopex's LSM tree ("ASST", version 1; alopex-core 0.3.0 and
 * later).
 *
 *   header   32 bytes: "ASST" | u16 version | u16 flags | u32 blocks | u64 entries | ...
 *   block    u32 entries | u32 size of these | entries, perhaps compressed | CRC-32 of all before
 *            it in the block
 *   entry    u8 kind (0: put, 1: delete) | u64 timestamp | u64 sequence | u32 size of the key | u32
 *            of the value | key | value
 *   index    u32 count | count x { u64 offset | u32 size | u32 size of the first key | key | u32
 *            size of the last key | key }
 *   filter   may be missing; not read
 *   footer   48 bytes: u64 offset of the index | u32 its size | ... | CRC-32 of all before the
 *            footer | "TSSA"
 *
 * Numbers have their lowest byte first. A block is as it is, or a block of LZ4 with its full size
 * as u32 before it, or frames of zstd.
 *
 * (I1) Only entries of a block whose checksum is right are given on, and only if all of its bytes
 * are entries, as many as it says (decode). The index is believed if its blocks lie next to each
 * other and fill all between header and index: then a damaged block hides no other. Otherwise
 * blocks are read one after the other, up to the first that is damaged: the end of a block is where
 * the checksum of what comes before it stands. So a table without its end gives all whole blocks.
 */
#include <assert.h>
#include <lz4.h>
#include <stdio.h>
#include <string.h>
#include <zstd.h>

#include "migrate/migrate_internal.h"
#include "term/term_try.h"

enum {
    HEADER_SIZE = 32,
    FOOTER_SIZE = 48,
    VERSION = 1,
    BLOCK_HEADER_SIZE = 8,
    CRC_SIZE = 4,
    ENTRY_SIZE = 25,
    INDEX_HEAD_SIZE = 12,
    KEY_SHOWN = 24,
    TRIES_MAX =
        4 /* of checksums that are right in the middle of a block, by chance or on purpose */
};

struct table {
    const struct fi_migrate_span *span;
    const struct fi_migrate_taker *taker;
    struct fi_migrate_room block;
    struct fi_migrate_room plain;
    uint64_t entries; /* given on */
    firn_error *err;
};

/* ---- a block ---- */

/* Reads an entry, and moves *rest behind it. */
static bool
next_entry(firn_slice *rest, struct fi_migrate_version *out)
{
    const uint8_t *data = rest->data;
    if (rest->size < ENTRY_SIZE || data[0] > 1) {
        return false;
    }
    size_t key_size = fi_migrate_span_u32(data + 17);
    size_t value_size = fi_migrate_span_u32(data + 21);
    size_t left = rest->size - ENTRY_SIZE;
    if (key_size > left || value_size > left - key_size) {
        return false;
    }
    bool is_deleted = data[0] == 1;
    *out = (struct fi_migrate_version){
        .key = firn_bytes(data + ENTRY_SIZE, key_size),
        .value = firn_bytes(data + ENTRY_SIZE + key_size, is_deleted ? 0 : value_size),
        .is_deleted = is_deleted,
        .timestamp = fi_migrate_span_u64(data + 1),
        .sequence = fi_migrate_span_u64(data + 9)};
    *rest = firn_bytes(data + ENTRY_SIZE + key_size + value_size, left - key_size - value_size);
    return true;
}

static bool
are_entries(firn_slice bytes, uint32_t count)
{
    struct fi_migrate_version version;
    for (; count > 0; count--) {
        if (!next_entry(&bytes, &version)) {
            return false;
        }
    }
    return bytes.size == 0;
}

/* Finds the entries of the block in memory (I1). *out_is_block is false if it has none. */
static int
migrate_table_decode(struct table *table, size_t size, firn_slice *out, bool *out_is_block)
{
    static const uint8_t zstd_mark[4] = {0x28, 0xb5, 0x2f, 0xfd};
    const uint8_t *payload = table->block.data + BLOCK_HEADER_SIZE;
    size_t payload_size = size - BLOCK_HEADER_SIZE - CRC_SIZE;
    uint32_t count = fi_migrate_span_u32(table->block.data);
    uint32_t plain_size = fi_migrate_span_u32(table->block.data + 4);
    *out = firn_bytes(payload, payload_size);
    *out_is_block = plain_size == payload_size && are_entries(*out, count);
    bool is_lz4 = payload_size > 4 && plain_size > 0 &&
                  fi_migrate_span_u32(payload) == plain_size &&
                  plain_size / 256 <= payload_size; /* the most that LZ4 can do */
    bool is_zstd = payload_size > 4 && memcmp(payload, zstd_mark, sizeof(zstd_mark)) == 0;
    if (*out_is_block || (!is_lz4 && !is_zstd) || plain_size > FI_MIGRATE_ALOPEX_PART_MAX) {
        return FIRN_OK;
    }
    FI_TRY_RETURN(fi_migrate_span_room_reserve(&table->plain, plain_size, table->err));
    bool is_plain = (is_lz4 && LZ4_decompress_safe((const char *)payload + 4,
                                                   (char *)table->plain.data, (int)payload_size - 4,
                                                   (int)plain_size) == (int)plain_size) ||
                    (is_zstd && ZSTD_decompress(table->plain.data, plain_size, payload,
                                                payload_size) == plain_size);
    *out = firn_bytes(table->plain.data, plain_size);
    *out_is_block = is_plain && are_entries(*out, count);
    return FIRN_OK;
}

static int
migrate_table_give(struct table *table, firn_slice entries)
{
    struct fi_migrate_version version;
    int code = FIRN_OK;
    while (code == FIRN_OK && next_entry(&entries, &version)) {
        table->entries++;
        code = table->taker->version(table->taker->ctx, &version, table->err);
    }
    return code;
}

/* Reads a block of a size that is known. */
static int
read_block(struct table *table, uint64_t offset, uint32_t size, bool *out_is_block)
{
    firn_slice entries;
    *out_is_block = false;
    if (size < BLOCK_HEADER_SIZE + CRC_SIZE || size > FI_MIGRATE_ALOPEX_PART_MAX) {
        return FIRN_OK;
    }
    int code = fi_migrate_span_room_reserve(&table->block, size, table->err);
    if (code != FIRN_OK || !fi_migrate_span_read(table->span, offset, table->block.data, size) ||
        fi_migrate_span_crc_of(0, table->block.data, size - CRC_SIZE) !=
            fi_migrate_span_u32(table->block.data + size - CRC_SIZE)) {
        return code;
    }
    code = migrate_table_decode(table, size, &entries, out_is_block);
    return code == FIRN_OK && *out_is_block ? migrate_table_give(table, entries) : code;
}

/* Reads a block of unknown size, which ends before `limit`. *out_size is 0 if there is none. */
static int
find_block(struct table *table, uint64_t offset, uint64_t limit, size_t *out_size)
{
    uint8_t header[BLOCK_HEADER_SIZE];
    firn_slice entries;
    bool is_block = false;
    *out_size = 0;
    if (limit - offset < sizeof(header) + CRC_SIZE ||
        !fi_migrate_span_read(table->span, offset, header, sizeof(header))) {
        return FIRN_OK;
    }
    uint64_t most = fi_migrate_span_u32(header + 4);
    most += most / 128 + 1024; /* the most that a compressor adds */
    most = most < limit - offset ? most : limit - offset;
    most = most < FI_MIGRATE_ALOPEX_PART_MAX ? most : FI_MIGRATE_ALOPEX_PART_MAX;
    int code = fi_migrate_span_room_reserve(&table->block, (size_t)most, table->err);
    if (code != FIRN_OK ||
        !fi_migrate_span_read(table->span, offset, table->block.data, (size_t)most)) {
        return code;
    }
    uint32_t crc = fi_migrate_span_crc_of(0, header, sizeof(header));
    int tries = 0;
    for (size_t at = sizeof(header); tries < TRIES_MAX && at + CRC_SIZE <= most; at++) {
        const uint8_t *end = table->block.data + at;
        if (fi_migrate_span_u32(end) == crc) {
            tries++;
            code = migrate_table_decode(table, at + CRC_SIZE, &entries, &is_block);
            if (code == FIRN_OK && is_block) {
                *out_size = at + CRC_SIZE;
                return migrate_table_give(table, entries);
            }
            if (code != FIRN_OK) {
                return code;
            }
        }
        crc = fi_migrate_span_crc_of(crc, end, 1);
    }
    return code;
}

/* ---- the index ---- */

struct window {
    struct fi_migrate_near near;
    uint64_t at; /* what comes next */
    uint64_t end;
};

/* data is NULL: passes over it. */
static bool
migrate_table_take(struct window *window, uint8_t *data, size_t size)
{
    if (size > window->end - window->at ||
        (data != NULL && !fi_migrate_span_near(&window->near, window->at, data, size))) {
        return false;
    }
    window->at += size;
    return true;
}

/* The beginning of a key, for a message. */
static bool
take_key(struct window *window, char out[4 * KEY_SHOWN + 4])
{
    uint8_t head[KEY_SHOWN];
    uint8_t size_bytes[4];
    if (!migrate_table_take(window, size_bytes, sizeof(size_bytes))) {
        return false;
    }
    size_t size = fi_migrate_span_u32(size_bytes);
    size_t shown = size < KEY_SHOWN ? size : KEY_SHOWN;
    if (!migrate_table_take(window, head, shown) ||
        !migrate_table_take(window, NULL, size - shown)) {
        return false;
    }
    for (size_t i = 0; i < shown; i++) {
        bool is_text = head[i] >= ' ' && head[i] < 0x7f && head[i] != '\\';
        out += snprintf(out, 5, is_text ? "%c" : "\\x%02x", head[i]);
    }
    (void)snprintf(out, 4, "%s", shown < size ? "..." : "");
    return true;
}

struct index {
    struct window window;
    uint32_t left; /* blocks that come */
    uint64_t offset;
    uint32_t size;
    char first[4 * KEY_SHOWN + 4]; /* keys of the block */
    char last[4 * KEY_SHOWN + 4];
};

static bool
open_index(struct index *index, const struct fi_migrate_span *span, const uint8_t *footer)
{
    uint8_t count[4];
    uint64_t offset = fi_migrate_span_u64(footer);
    uint64_t size = fi_migrate_span_u32(footer + 8);
    uint64_t room = span->size - FOOTER_SIZE;
    memset(index, 0, sizeof(*index));
    if (offset < HEADER_SIZE || offset > room || size > room - offset) {
        return false;
    }
    index->window.near.span = span;
    index->window.at = offset;
    index->window.end = offset + size;
    bool is_there = migrate_table_take(&index->window, count, sizeof(count));
    index->left = is_there ? fi_migrate_span_u32(count) : 0;
    return is_there;
}

static bool
next_block(struct index *index)
{
    uint8_t head[INDEX_HEAD_SIZE];
    if (index->left == 0 || !migrate_table_take(&index->window, head, sizeof(head))) {
        return false;
    }
    index->left--;
    index->offset = fi_migrate_span_u64(head);
    index->size = fi_migrate_span_u32(head + 8);
    return take_key(&index->window, index->first) && take_key(&index->window, index->last);
}

/* Whether the blocks lie next to each other, and fill what is before the index (I1). */
static bool
is_index(struct index *index, const struct fi_migrate_span *span, const uint8_t *footer)
{
    uint64_t at = HEADER_SIZE;
    uint64_t end = fi_migrate_span_u64(footer);
    if (!open_index(index, span, footer)) {
        return false;
    }
    while (next_block(index)) {
        if (index->offset != at || index->size > end - at) {
            return false;
        }
        at += index->size;
    }
    return index->left == 0 && index->window.at == index->window.end && at == end;
}

/* ---- the table ---- */

static int
read_by_index(struct table *table, const uint8_t *footer, uint64_t *out_end)
{
    struct index index;
    int code = FIRN_OK;
    bool is_open = open_index(&index, table->span, footer);
    assert(is_open);
    (void)is_open;
    while (code == FIRN_OK && next_block(&index)) {
        bool is_block = false;
        code = read_block(table, index.offset, index.size, &is_block);
        if (code == FIRN_OK && !is_block) {
            fi_migrate_span_report(
                table->span, index.offset, table->taker,
                "a block of %u bytes is damaged: what it has of the keys from '%s' "
                "to '%s' is lost, and older values of these may be imported",
                (unsigned)index.size, index.first, index.last);
        }
    }
    *out_end = fi_migrate_span_u64(footer);
    return code;
}

/* *out_end: where the first byte is that is in no block. */
static int
read_in_a_row(struct table *table, uint64_t *out_end)
{
    uint64_t at = HEADER_SIZE < table->span->size ? HEADER_SIZE : table->span->size;
    int code = FIRN_OK;
    for (size_t size = 1; code == FIRN_OK && size > 0; at += size) {
        code = find_block(table, at, table->span->size, &size);
    }
    *out_end = at;
    return code;
}

/* Tells of what is wrong outside of blocks. *out_is_known is false if nothing more can be read. */
static void
migrate_table_check(const struct table *table, const uint8_t *header, const uint8_t *footer,
                    bool *out_is_known)
{
    const struct fi_migrate_span *span = table->span;
    uint32_t crc = 0;
    bool has_footer = footer != NULL && memcmp(footer + FOOTER_SIZE - 4, "TSSA", 4) == 0;
    bool is_sound = has_footer && fi_migrate_span_crc(span, span->size - FOOTER_SIZE, &crc) &&
                    crc == fi_migrate_span_u32(footer + 40);
    unsigned version = header[4] | (unsigned)header[5] << 8;
    *out_is_known = !is_sound || version == VERSION;
    if (!*out_is_known) {
        fi_migrate_span_report(span, 0, table->taker,
                               "the table has version %u, which this firn does not know: it is not "
                               "imported",
                               version);
    } else if (!is_sound) {
        fi_migrate_span_report(span, 0, table->taker, "%s: its blocks are checked one by one",
                               has_footer ? "the table is damaged" : "the table has no end");
    }
}

static int
read_table(struct table *table, uint64_t *out_end)
{
    const struct fi_migrate_span *span = table->span;
    uint8_t header[HEADER_SIZE];
    uint8_t footer[FOOTER_SIZE];
    struct index index;
    bool is_known = true;
    *out_end = span->size;
    if (!fi_migrate_span_read(span, 0, header, HEADER_SIZE)) {
        fi_migrate_span_report(span, 0, table->taker, "there is no whole header of a table");
        return FIRN_OK;
    }
    bool has_end = span->size >= HEADER_SIZE + FOOTER_SIZE &&
                   fi_migrate_span_read(span, span->size - FOOTER_SIZE, footer, FOOTER_SIZE);
    migrate_table_check(table, header, has_end ? footer : NULL, &is_known);
    if (!is_known) {
        return FIRN_OK;
    }
    bool has_index = has_end && is_index(&index, span, footer);
    int code = has_index ? read_by_index(table, footer, out_end) : read_in_a_row(table, out_end);
    uint64_t wanted = fi_migrate_span_u64(header + 12);
    if (code == FIRN_OK && table->entries != wanted) {
        fi_migrate_span_report(span, *out_end, table->taker,
                               "%llu of %llu entries of the table were read",
                               (unsigned long long)table->entries, (unsigned long long)wanted);
    }
    return code;
}

int
fi_migrate_table_read(const struct fi_migrate_span *span, const struct fi_migrate_taker *taker,
                      uint64_t *out_end, firn_error *err)
{
    uint64_t end;
    struct table table = {.span = span, .taker = taker, .err = err};
    int code = read_table(&table, out_end != NULL ? out_end : &end);
    fi_migrate_span_room_deinit(&table.block);
    fi_migrate_span_room_deinit(&table.plain);
    return code;
}
