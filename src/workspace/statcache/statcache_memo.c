/* SPDX-License-Identifier: Apache-2.0
 *
 * statcache/statcache_memo.c: the memo of one directory: its bytes, and finding a print in it.
 *
 * A memo keeps the bytes as they were stored, and prints are compared in place, so nothing is
 * decoded for an unchanged directory. Nearly always the wanted print follows the one found last, so
 * the caller's guess is tried first. Only if the guess is wrong (an entry was added, removed or
 * left out before) is a table of all prints built, with open addressing over their first eight
 * bytes, which are as good as random. From then on any order is equally fast.
 *
 * The value of a directory with more entries than fit in one value names parts instead. Each part
 * is found and checked by its digest, so a part always belongs to the same state of the directory
 * as the value that names it, even after a crash.
 *
 * (I1) A print of zeros is never found (not checked: finding and adding test for it first).
 */
#include "statcache/statcache.h"

#include "base/bytes.h"
#include "base/check.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/reader.h"
#include "base/slice.h"
#include "codec/xxh3.h"
#include "statcache/statcache_internal.h"

void
fi_statcache_memo_deinit(struct fi_statcache_memo *memo)
{
    fi_buf_deinit(&memo->value);
    fi_buf_deinit(&memo->parts);
    fi_free(memo->slots);
    *memo = (struct fi_statcache_memo){0};
}

void
fi_statcache_memo_clear(struct fi_statcache_memo *memo)
{
    fi_free(memo->slots);
    fi_buf_clear(&memo->value);
    fi_buf_clear(&memo->parts);
    *memo = (struct fi_statcache_memo){.value = memo->value, .parts = memo->parts};
}

/* ---- finding ---- */

static const uint8_t *
print_at(const struct fi_statcache_memo *memo, size_t i)
{
    DCHECK(i < memo->count);
    return memo->prints + i * FI_STATCACHE_PRINT_SIZE;
}

static bool
is_at(const struct fi_statcache_memo *memo, size_t i, const struct fi_statcache_print *print)
{
    return memcmp(print_at(memo, i), print->bytes, FI_STATCACHE_PRINT_SIZE) == 0;
}

int
fi_statcache_memo_prepare(struct fi_statcache_memo *memo)
{
    if (memo->slots != NULL || memo->count == 0) {
        return FIRN_OK;
    }
    size_t slot_count = 16;
    while (slot_count / 2 < memo->count) {
        slot_count *= 2;
    }
    memo->slots = fi_alloc_zeroed(slot_count * sizeof *memo->slots);
    if (memo->slots == NULL) {
        return FIRN_NO_MEMORY;
    }
    memo->slot_count = slot_count;
    DCHECK(memo->slot_count > memo->count); /* a search ends */
    for (size_t i = 0; i < memo->count; i++) {
        const uint8_t *at = print_at(memo, i);
        if ((fi_load_le64(at) | fi_load_le64(at + 8)) == 0) {
            continue; /* (I1); many of them would make one long chain */
        }
        size_t slot = fi_load_le64(at) & (slot_count - 1);
        while (memo->slots[slot] != 0) {
            slot = (slot + 1) & (slot_count - 1);
        }
        memo->slots[slot] = (uint32_t)i + 1;
    }
    return FIRN_OK;
}

int
fi_statcache_memo_find(struct fi_statcache_memo *memo, const struct fi_statcache_print *print,
                       size_t guess, size_t *out_index, bool *out_is_found)
{
    *out_is_found = false;
    if (memo->count == 0 || fi_statcache_print_is_zero(print)) {
        return FIRN_OK;
    }
    *out_is_found = guess < memo->count && is_at(memo, guess, print);
    if (*out_is_found) {
        *out_index = guess;
        return FIRN_OK;
    }
    FI_TRY_RETURN(fi_statcache_memo_prepare(memo));
    size_t slot = fi_load_le64(print->bytes) & (memo->slot_count - 1);
    for (; memo->slots[slot] != 0; slot = (slot + 1) & (memo->slot_count - 1)) {
        if (is_at(memo, memo->slots[slot] - 1, print)) {
            *out_index = memo->slots[slot] - 1;
            *out_is_found = true;
            break;
        }
    }
    DCHECK(!*out_is_found || is_at(memo, *out_index, print));
    return FIRN_OK;
}

/* ---- bytes ---- */

static int
statcache_malformed(firn_error *err)
{
    return fi_error_set(err, FIRN_CORRUPT, "an entry of the stat cache is malformed");
}

int
fi_statcache_memo_decode(struct fi_statcache_memo *memo, size_t *out_part_count, firn_error *err)
{
    const uint8_t *at = memo->value.data;
    *out_part_count = 0;
    if (memo->value.size < WS_STAT_HEADER_SIZE || (at[1] & ~WS_STAT_FLAG_XATTRS) != 0) {
        return statcache_malformed(err);
    }
    if (at[0] != WS_STAT_FORMAT) {
        return fi_error_set(err, FIRN_NEWER, "the stat cache has format %u, this version knows %u",
                            at[0], WS_STAT_FORMAT);
    }
    size_t rest = memo->value.size - WS_STAT_HEADER_SIZE;
    size_t part_count = fi_load_le32(at + WS_STAT_PART_COUNT_AT);
    size_t item_size = part_count == 0 ? FI_STATCACHE_PRINT_SIZE : WS_STAT_PART_SIZE;
    if (rest % item_size != 0 || rest / item_size > UINT32_MAX / 4 ||
        (part_count != 0 && rest / item_size != part_count)) {
        return statcache_malformed(err);
    }
    memo->has_xattrs = (at[1] & WS_STAT_FLAG_XATTRS) != 0;
    memo->noted_ns = (int64_t)fi_load_le64(at + WS_STAT_NOTED_AT);
    memo->boot_id = fi_load_le64(at + WS_STAT_BOOT_AT);
    memcpy(memo->tree.bytes, at + WS_STAT_TREE_AT, sizeof memo->tree.bytes);
    memcpy(memo->self.bytes, at + WS_STAT_SELF_AT, sizeof memo->self.bytes);
    memo->prints = at + WS_STAT_HEADER_SIZE;
    memo->count = part_count == 0 ? rest / item_size : 0;
    *out_part_count = part_count;
    return FIRN_OK;
}

struct fi_statcache_part
fi_statcache_memo_part(const struct fi_statcache_memo *memo, size_t i)
{
    const uint8_t *at = memo->value.data + WS_STAT_HEADER_SIZE + i * WS_STAT_PART_SIZE;
    DCHECK(WS_STAT_HEADER_SIZE + (i + 1) * WS_STAT_PART_SIZE <= memo->value.size);
    struct fi_statcache_part part = {.count = fi_load_le32(at)};
    memcpy(part.digest, at + 4, sizeof part.digest);
    return part;
}

size_t
fi_statcache_memo_part_count(const struct fi_statcache_memo *memo)
{
    return fi_statcache_memo_is_empty(memo)
               ? 0
               : fi_load_le32(memo->value.data + WS_STAT_PART_COUNT_AT);
}

int
fi_statcache_memo_add_part(struct fi_statcache_memo *memo, const struct fi_statcache_part *part,
                           firn_slice prints, firn_error *err)
{
    uint8_t digest[FI_XXH3_WIDE_SIZE];
    fi_xxh3_wide(prints.data, prints.size, 0, digest);
    if (part->count > UINT32_MAX / 4 - memo->count ||
        prints.size != part->count * FI_STATCACHE_PRINT_SIZE ||
        memcmp(digest, part->digest, sizeof digest) != 0) {
        return statcache_malformed(err);
    }
    if (fi_buf_append_slice(&memo->parts, prints) != FIRN_OK) {
        return fi_error_no_memory(err, "the stat cache");
    }
    memo->prints = memo->parts.data;
    memo->count += part->count;
    return FIRN_OK;
}

static int
append_header(const struct fi_statcache_memo *memo, size_t part_count, struct fi_buf *out)
{
    uint8_t header[WS_STAT_HEADER_SIZE];
    header[0] = WS_STAT_FORMAT;
    header[1] = memo->has_xattrs ? WS_STAT_FLAG_XATTRS : 0;
    fi_store_le64(header + WS_STAT_NOTED_AT, (uint64_t)memo->noted_ns);
    fi_store_le64(header + WS_STAT_BOOT_AT, memo->boot_id);
    memcpy(header + WS_STAT_TREE_AT, memo->tree.bytes, sizeof memo->tree.bytes);
    memcpy(header + WS_STAT_SELF_AT, memo->self.bytes, sizeof memo->self.bytes);
    fi_store_le32(header + WS_STAT_PART_COUNT_AT, (uint32_t)part_count);
    return fi_buf_append(out, header, sizeof header);
}

static size_t
count_in(const struct fi_statcache_part *parts, size_t part_count)
{
    size_t count = 0;
    for (size_t i = 0; i < part_count; i++) {
        count += parts[i].count;
    }
    return count;
}

int
fi_statcache_memo_encode(const struct fi_statcache_memo *memo,
                         const struct fi_statcache_part *parts, size_t part_count,
                         struct fi_buf *out)
{
    DCHECK(part_count == 0 || count_in(parts, part_count) == memo->count);
    FI_TRY_RETURN(append_header(memo, part_count, out));
    if (part_count == 0 && memo->count > 0) {
        FI_TRY_RETURN(fi_buf_append(out, memo->prints, memo->count * FI_STATCACHE_PRINT_SIZE));
    }
    for (size_t i = 0; i < part_count; i++) {
        FI_TRY_RETURN(fi_buf_append_le32(out, (uint32_t)parts[i].count));
        FI_TRY_RETURN(fi_buf_append(out, parts[i].digest, sizeof parts[i].digest));
    }
    return FIRN_OK;
}

int
fi_statcache_memo_encode_self(const struct fi_statcache_memo *memo,
                              const struct fi_statcache_memo *before, struct fi_buf *out)
{
    CHECK(!fi_statcache_memo_is_empty(before));
    int rc = append_header(memo, fi_statcache_memo_part_count(before), out);
    if (rc != FIRN_OK) {
        return rc;
    }
    return fi_buf_append(out, before->value.data + WS_STAT_HEADER_SIZE,
                         before->value.size - WS_STAT_HEADER_SIZE);
}
