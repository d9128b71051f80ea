/* SPDX-License-Identifier: Apache-2.0
 *
 * statcache/statcache_memo.c: what is remembered of one directory: its bytes, and finding a print in
 * it.
 *
 * A memo keeps the bytes as they were stored, and prints are compared in them: for a directory that
 * has not changed nothing is decoded (I1). Nearly always the print that is looked for is the one
 * behind the one found last, so the caller's guess is tried first. Only where it fails (something
 * was added, removed or left out before) a table of all prints is made, open addressing over their
 * first eight bytes, which are as good as random; from then on any order is as fast.
 *
 * A directory of more entries than fit in one value names parts instead, each by its digest, by
 * which it is found and checked (I2): a part cannot belong to another state of the directory than
 * the value that names it, whatever a crash left.
 *
 * A print of zeros is never found (I3; not checked, like (I1) and (I2): finding and adding ask
 * first).
 */
#include "base/bytes.h"
#include "base/check.h"
#include "base/mem.h"
#include "codec/xxh3.h"
#include "statcache/statcache.h"
#include "statcache/statcache_internal.h"

void
firn_statcache_memo_deinit(struct firn_statcache_memo *memo)
{
    firn_buf_deinit(&memo->value);
    firn_buf_deinit(&memo->parts);
    firn_free(memo->slots);
    *memo = (struct firn_statcache_memo){0};
}

void
firn_statcache_memo_clear(struct firn_statcache_memo *memo)
{
    firn_free(memo->slots);
    firn_buf_clear(&memo->value);
    firn_buf_clear(&memo->parts);
    *memo = (struct firn_statcache_memo){.value = memo->value, .parts = memo->parts};
}

/* ---- finding ---- */

static const uint8_t *
print_at(const struct firn_statcache_memo *memo, size_t i)
{
    DCHECK(i < memo->count);
    return memo->prints + i * FIRN_STATCACHE_PRINT_SIZE;
}

static bool
is_at(const struct firn_statcache_memo *memo, size_t i, const struct firn_statcache_print *print)
{
    return memcmp(print_at(memo, i), print->bytes, FIRN_STATCACHE_PRINT_SIZE) == 0;
}

int
firn_statcache_memo_prepare(struct firn_statcache_memo *memo)
{
    if (memo->slots != NULL || memo->count == 0) {
        return FIRN_OK;
    }
    size_t slot_count = 16;
    while (slot_count / 2 < memo->count) {
        slot_count *= 2;
    }
    memo->slots = firn_alloc_zeroed(slot_count * sizeof *memo->slots);
    if (memo->slots == NULL) {
        return FIRN_NO_MEMORY;
    }
    memo->slot_count = slot_count;
    DCHECK(memo->slot_count > memo->count); /* a search ends */
    for (size_t i = 0; i < memo->count; i++) {
        size_t slot = firn_load_le64(print_at(memo, i)) & (slot_count - 1);
        while (memo->slots[slot] != 0) {
            slot = (slot + 1) & (slot_count - 1);
        }
        memo->slots[slot] = (uint32_t)i + 1;
    }
    return FIRN_OK;
}

int
firn_statcache_memo_find(struct firn_statcache_memo *memo, const struct firn_statcache_print *print,
                         size_t guess, size_t *out_index, bool *out_is_found)
{
    *out_is_found = false;
    if (memo->count == 0 || firn_statcache_print_is_zero(print)) {
        return FIRN_OK;
    }
    *out_is_found = guess < memo->count && is_at(memo, guess, print);
    if (*out_is_found) {
        *out_index = guess;
        return FIRN_OK;
    }
    int rc = firn_statcache_memo_prepare(memo);
    if (rc != FIRN_OK) {
        return rc;
    }
    size_t slot = firn_load_le64(print->bytes) & (memo->slot_count - 1);
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
malformed(firn_error *err)
{
    return firn_error_set(err, FIRN_CORRUPT, "an entry of the stat cache is malformed");
}

int
firn_statcache_memo_decode(struct firn_statcache_memo *memo, size_t *out_part_count,
                           firn_error *err)
{
    const uint8_t *at = memo->value.data;
    *out_part_count = 0;
    if (memo->value.size < WS_STAT_HEADER_SIZE || (at[1] & ~WS_STAT_FLAG_XATTRS) != 0) {
        return malformed(err);
    }
    if (at[0] != WS_STAT_FORMAT) {
        return firn_error_set(err, FIRN_NEWER,
                              "the stat cache has format %u, this version knows %u", at[0],
                              WS_STAT_FORMAT);
    }
    size_t rest = memo->value.size - WS_STAT_HEADER_SIZE;
    size_t part_count = firn_load_le32(at + WS_STAT_PART_COUNT_AT);
    size_t item_size = part_count == 0 ? FIRN_STATCACHE_PRINT_SIZE : WS_STAT_PART_SIZE;
    if (rest % item_size != 0 || rest / item_size > UINT32_MAX / 4 ||
        (part_count != 0 && rest / item_size != part_count)) {
        return malformed(err);
    }
    memo->has_xattrs = (at[1] & WS_STAT_FLAG_XATTRS) != 0;
    memo->noted_ns = (int64_t)firn_load_le64(at + WS_STAT_NOTED_AT);
    memo->boot_id = firn_load_le64(at + WS_STAT_BOOT_AT);
    memcpy(memo->tree.bytes, at + WS_STAT_TREE_AT, sizeof memo->tree.bytes);
    memcpy(memo->self.bytes, at + WS_STAT_SELF_AT, sizeof memo->self.bytes);
    memo->prints = at + WS_STAT_HEADER_SIZE;
    memo->count = part_count == 0 ? rest / item_size : 0;
    *out_part_count = part_count;
    return FIRN_OK;
}

struct firn_statcache_part
firn_statcache_memo_part(const struct firn_statcache_memo *memo, size_t i)
{
    const uint8_t *at = memo->value.data + WS_STAT_HEADER_SIZE + i * WS_STAT_PART_SIZE;
    DCHECK(WS_STAT_HEADER_SIZE + (i + 1) * WS_STAT_PART_SIZE <= memo->value.size);
    struct firn_statcache_part part = {.count = firn_load_le32(at)};
    memcpy(part.digest, at + 4, sizeof part.digest);
    return part;
}

size_t
firn_statcache_memo_part_count(const struct firn_statcache_memo *memo)
{
    return firn_statcache_memo_is_empty(memo)
               ? 0
               : firn_load_le32(memo->value.data + WS_STAT_PART_COUNT_AT);
}

int
firn_statcache_memo_add_part(struct firn_statcache_memo *memo,
                             const struct firn_statcache_part *part, firn_slice prints,
                             firn_error *err)
{
    uint8_t digest[FIRN_XXH3_WIDE_SIZE];
    firn_xxh3_wide(prints.data, prints.size, 0, digest);
    if (part->count > UINT32_MAX / 4 - memo->count ||
        prints.size != part->count * FIRN_STATCACHE_PRINT_SIZE ||
        memcmp(digest, part->digest, sizeof digest) != 0) {
        return malformed(err);
    }
    if (firn_buf_append_slice(&memo->parts, prints) != FIRN_OK) {
        return firn_error_no_memory(err, "the stat cache");
    }
    memo->prints = memo->parts.data;
    memo->count += part->count;
    return FIRN_OK;
}

static int
append_header(const struct firn_statcache_memo *memo, size_t part_count, struct firn_buf *out)
{
    uint8_t header[WS_STAT_HEADER_SIZE];
    header[0] = WS_STAT_FORMAT;
    header[1] = memo->has_xattrs ? WS_STAT_FLAG_XATTRS : 0;
    firn_store_le64(header + WS_STAT_NOTED_AT, (uint64_t)memo->noted_ns);
    firn_store_le64(header + WS_STAT_BOOT_AT, memo->boot_id);
    memcpy(header + WS_STAT_TREE_AT, memo->tree.bytes, sizeof memo->tree.bytes);
    memcpy(header + WS_STAT_SELF_AT, memo->self.bytes, sizeof memo->self.bytes);
    firn_store_le32(header + WS_STAT_PART_COUNT_AT, (uint32_t)part_count);
    return firn_buf_append(out, header, sizeof header);
}

static size_t
count_in(const struct firn_statcache_part *parts, size_t part_count)
{
    size_t count = 0;
    for (size_t i = 0; i < part_count; i++) {
        count += parts[i].count;
    }
    return count;
}

int
firn_statcache_memo_encode(const struct firn_statcache_memo *memo,
                           const struct firn_statcache_part *parts, size_t part_count,
                           struct firn_buf *out)
{
    int rc;
    DCHECK(part_count == 0 || count_in(parts, part_count) == memo->count);
    FIRN_TRY(append_header(memo, part_count, out));
    if (part_count == 0 && memo->count > 0) {
        FIRN_TRY(firn_buf_append(out, memo->prints, memo->count * FIRN_STATCACHE_PRINT_SIZE));
    }
    for (size_t i = 0; i < part_count; i++) {
        FIRN_TRY(firn_buf_append_le32(out, (uint32_t)parts[i].count));
        FIRN_TRY(firn_buf_append(out, parts[i].digest, sizeof parts[i].digest));
    }
out:
    return rc;
}

int
firn_statcache_memo_encode_self(const struct firn_statcache_memo *memo,
                                const struct firn_statcache_memo *before, struct firn_buf *out)
{
    CHECK(!firn_statcache_memo_is_empty(before));
    int rc = append_header(memo, firn_statcache_memo_part_count(before), out);
    if (rc != FIRN_OK) {
        return rc;
    }
    return firn_buf_append(out, before->value.data + WS_STAT_HEADER_SIZE,
                           before->value.size - WS_STAT_HEADER_SIZE);
}
