/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz/statcache: a value of the stat cache, made of hostile bytes. It is read or refused; what is read
 * lies inside of the value and is written again as it was, and its prints can be looked for.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "statcache/statcache_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct fi_statcache_print
print_at(const struct fi_statcache_memo *memo, size_t i)
{
    struct fi_statcache_print print;
    _Static_assert(sizeof print == FI_STATCACHE_PRINT_SIZE, "prints are plain bytes");
    memcpy(&print, memo->prints + i * FI_STATCACHE_PRINT_SIZE, sizeof print);
    return print;
}

/* Every print is found, at a place with the same bytes, whatever is guessed. */
static void
find_all(struct fi_statcache_memo *memo)
{
    enum { TRIED_MAX = 64 };
    for (size_t i = 0; i < memo->count && i < TRIED_MAX; i++) {
        const struct fi_statcache_print print = print_at(memo, i);
        size_t index;
        bool is_found;
        CHECK(fi_statcache_memo_find(memo, &print, (i * 7) % (memo->count + 3), &index,
                                     &is_found) == FIRN_OK);
        CHECK(is_found || fi_statcache_print_is_zero(&print));
        if (is_found) {
            const struct fi_statcache_print found = print_at(memo, index);
            CHECK(index < memo->count && memcmp(&found, &print, sizeof print) == 0);
        }
    }
}

/* The parts that a value names, as the cache reads them. */
static struct fi_statcache_part *
read_parts(struct fi_statcache_memo *memo, size_t count)
{
    struct fi_statcache_part *parts = fi_alloc_array(count + 1, sizeof *parts);
    const uint8_t *at = memo->value.data + WS_STAT_HEADER_SIZE;
    CHECK(parts != NULL);
    CHECK(count <= (memo->value.size - WS_STAT_HEADER_SIZE) / WS_STAT_PART_SIZE);
    for (size_t i = 0; i < count; i++, at += WS_STAT_PART_SIZE) {
        parts[i].count = fi_load_le32(at);
        memo->count += parts[i].count;
        memcpy(parts[i].digest, at + 4, sizeof parts[i].digest);
    }
    return parts;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fi_statcache_memo memo = {0};
    struct fi_buf again = {0};
    size_t part_count = 0;
    firn_error err;
    CHECK(fi_buf_assign(&memo.value, firn_bytes(data, size)) == FIRN_OK);
    if (size == 0) { /* nothing is noted */
        return 0;
    }
    int rc = fi_statcache_memo_decode(&memo, &part_count, &err);
    if (rc == FIRN_OK) {
        CHECK(part_count > 0 || memo.count <= size / FI_STATCACHE_PRINT_SIZE);
        struct fi_statcache_part *parts = read_parts(&memo, part_count);
        CHECK(fi_statcache_memo_encode(&memo, parts, part_count, &again) == FIRN_OK);
        CHECK(fi_slice_equal(fi_buf_slice(&again), fi_buf_slice(&memo.value)));
        fi_free(parts);
        if (part_count == 0) {
            find_all(&memo);
        }
    } else {
        CHECK(rc == FIRN_CORRUPT || rc == FIRN_NEWER);
        CHECK(err.code == rc);
    }
    fi_buf_deinit(&again);
    fi_statcache_memo_deinit(&memo);
    return 0;
}
