/* SPDX-License-Identifier: Apache-2.0
 *
 * migrate/migrate_container.c: a database of Alopex in one file ("ALPX", version 0.1.0; alopex-core
 * 0.8 and later).
 *
 *   header   64 bytes: "ALPX" | u16 major, u16 minor, u16 patch | u8 checksum (0: CRC-32) | u8
 *            compression | ...
 *   sections one after the other; those of kind 1 are tables (migrate_table.c), that of kind 0 is a
 *   list of them
 *   index    u32 count | count x { u8 kind | u8 compression (0: none) | u16 zero | u32 id | u64
 *            offset | u64 size | u64 full size | u32 checksum | u32 zero }
 *   footer   64 bytes: u64 offset of the index | u64 offset of the list | u32 sections that are no
 *            list | ... | at 40: u64 size of the file | ... | at 56: CRC-32 of what is before it |
 *            "XPLA"
 *
 * The index has no checksum. It is believed if it lies between the last section and the footer, and
 * its sections fill all before it. If it is not to be believed tables are found by their mark: a
 * table ends where its blocks end, and the next is looked for from there.
 */
#include <assert.h>
#include <string.h>

#include "migrate/migrate_internal.h"

enum {
    HEADER_SIZE = 64,
    FOOTER_SIZE = 64,
    ENTRY_SIZE = 40,
    COUNT_SIZE = 4,
    KIND_LIST = 0,
    KIND_TABLE = 1,
    PIECE = 16 << 10
};

static const char *const kinds[] = {"list of tables", "table",       "vector index",
                                    "columns",        "large value", "unfinished changes",
                                    "locks",          "log of Raft"};
enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

struct index {
    uint64_t offset;
    uint64_t count;
    bool has_checksums; /* that are CRC-32 */
};

struct section {
    uint8_t kind;
    uint8_t compression;
    uint32_t checksum;
    struct fi_migrate_span span;
};

static bool
get_section(const struct fi_migrate_span *span, const struct index *index, uint64_t i,
            struct section *out)
{
    uint8_t entry[ENTRY_SIZE];
    if (!fi_migrate_span_read(span, index->offset + COUNT_SIZE + i * ENTRY_SIZE, entry,
                              sizeof(entry))) {
        return false;
    }
    *out = (struct section){.kind = entry[0],
                            .compression = entry[1],
                            .checksum = fi_migrate_span_u32(entry + 32),
                            .span = *span};
    out->span.begin = fi_migrate_span_u64(entry + 8);
    out->span.size = fi_migrate_span_u64(entry + 16);
    return true;
}

/* Whether there is an index to be believed. */
static bool
find_index(const struct fi_migrate_span *span, struct index *out)
{
    uint8_t footer[FOOTER_SIZE];
    uint8_t count[COUNT_SIZE];
    uint64_t data_sections = 0;
    uint64_t at = HEADER_SIZE;
    if (span->size < HEADER_SIZE + COUNT_SIZE + FOOTER_SIZE ||
        !fi_migrate_span_read(span, span->size - FOOTER_SIZE, footer, sizeof(footer))) {
        return false;
    }
    uint64_t end = span->size - FOOTER_SIZE - COUNT_SIZE;
    out->offset = fi_migrate_span_u64(footer);
    if (memcmp(footer + 60, "XPLA", 4) != 0 ||
        fi_migrate_span_crc_of(0, footer, 56) != fi_migrate_span_u32(footer + 56) ||
        fi_migrate_span_u64(footer + 40) != span->size || out->offset > end ||
        (end - out->offset) % ENTRY_SIZE != 0 ||
        !fi_migrate_span_read(span, out->offset, count, sizeof(count))) {
        return false;
    }
    out->count = (end - out->offset) / ENTRY_SIZE;
    for (uint64_t i = 0; i < out->count; i++) {
        struct section section;
        if (!get_section(span, out, i, &section) || section.span.begin != at ||
            section.span.size > out->offset - at) {
            return false;
        }
        at += section.span.size;
        data_sections += section.kind != KIND_LIST;
    }
    return at == out->offset && fi_migrate_span_u32(count) == out->count &&
           data_sections == fi_migrate_span_u32(footer + 16);
}

static bool
begins_with_mark(const struct fi_migrate_span *span)
{
    uint8_t mark[4];
    return fi_migrate_span_read(span, 0, mark, sizeof(mark)) && memcmp(mark, "ASST", 4) == 0;
}

static int
read_sections(const struct fi_migrate_span *span, const struct index *index,
              const struct fi_migrate_taker *taker, uint64_t *tables, firn_error *err)
{
    int code = FIRN_OK;
    for (uint64_t i = 0; code == FIRN_OK && i < index->count; i++) {
        struct section section = {.kind = KIND_LIST};
        uint32_t crc = 0;
        bool is_read = get_section(span, index, i, &section);
        if (is_read && index->has_checksums &&
            (!fi_migrate_span_crc(&section.span, section.span.size, &crc) ||
             crc != section.checksum)) {
            fi_migrate_span_report(span, section.span.begin, taker,
                                   "the checksum of section %llu is wrong", (unsigned long long)i);
        }
        if (!is_read || (section.kind == KIND_TABLE && section.compression != 0 &&
                         !begins_with_mark(&section.span))) {
            fi_migrate_span_report(
                span, section.span.begin, taker,
                "section %llu cannot be read or is compressed: it is not imported",
                (unsigned long long)i);
        } else if (section.kind == KIND_TABLE) {
            code = fi_migrate_table_read(&section.span, taker, NULL, err);
            *tables += 1;
        } else if (section.kind != KIND_LIST) {
            fi_migrate_span_report(span, section.span.begin, taker,
                                   "section %llu (%s) is not imported", (unsigned long long)i,
                                   section.kind < KINDS ? kinds[section.kind] : "unknown");
        }
    }
    return code;
}

/* The next place at or after *at that may begin a table. */
static bool
find_table(const struct fi_migrate_span *span, uint64_t *at)
{
    static const uint8_t mark[] = {'A', 'S', 'S', 'T', 1, 0};
    uint8_t piece[PIECE];
    while (*at <= span->size && span->size - *at >= sizeof(mark)) {
        uint64_t left = span->size - *at;
        size_t size = left < PIECE ? (size_t)left : PIECE;
        if (!fi_migrate_span_read(span, *at, piece, size)) {
            return false;
        }
        for (size_t i = 0; i + sizeof(mark) <= size; i++) {
            if (memcmp(piece + i, mark, sizeof(mark)) == 0) {
                *at += i;
                return true;
            }
        }
        *at += size - sizeof(mark) + 1;
    }
    return false;
}

static int
search_tables(const struct fi_migrate_span *span, const struct fi_migrate_taker *taker,
              uint64_t *tables, firn_error *err)
{
    int code = FIRN_OK;
    for (uint64_t at = 0; code == FIRN_OK && find_table(span, &at);) {
        uint64_t end = 0;
        struct fi_migrate_span rest = *span;
        rest.begin += at;
        rest.size -= at;
        code = fi_migrate_table_read(&rest, taker, &end, err);
        *tables += 1;
        at += end;
    }
    return code;
}

int
fi_migrate_container_read(const struct fi_migrate_span *span, const struct fi_migrate_taker *taker,
                          uint64_t *out_tables, firn_error *err)
{
    uint8_t header[HEADER_SIZE];
    struct index index;
    assert(span->begin == 0);
    *out_tables = 0;
    bool has_header =
        fi_migrate_span_read(span, 0, header, sizeof(header)) && memcmp(header, "ALPX", 4) == 0;
    if (!has_header) {
        fi_migrate_span_report(span, 0, taker, "the header is damaged");
    } else if (memcmp(header + 4, (const uint8_t[]){0, 0, 1, 0, 0, 0}, 6) != 0) {
        return fi_migrate_fail(err, FIRN_UNSUPPORTED,
                               "the file has version %u.%u.%u of its format; this firn reads 0.1.0",
                               header[4] | (unsigned)header[5] << 8,
                               header[6] | (unsigned)header[7] << 8,
                               header[8] | (unsigned)header[9] << 8);
    }
    if (find_index(span, &index)) {
        index.has_checksums = !has_header || header[10] == 0;
        return read_sections(span, &index, taker, out_tables, err);
    }
    fi_migrate_span_report(span, span->size, taker,
                           "the end is damaged or missing: tables are looked for");
    return search_tables(span, taker, out_tables, err);
}
