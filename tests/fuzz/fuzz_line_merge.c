/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz/line_merge: three texts with a NUL between them, base, ours and theirs, merged. Byte 0 says
 * how much work each comparison may take: 255 is no limit.
 *
 * A merge with a side that is the base, or that is the other side, is that; exchanging the sides
 * changes nothing but whose lines stand at a conflict; conflicts lie within the texts, in order, with
 * a line between them that all three have.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "base/slice.h"
#include "lines/lines_merge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct fi_lines_merge
merge(firn_slice base, firn_slice ours, firn_slice theirs, uint64_t work)
{
    struct fi_lines_merge result;
    const struct fi_lines_merge_texts texts = {base, ours, theirs};
    CHECK(fi_lines_merge_init(&result, &texts, work, NULL) == FIRN_OK);
    return result;
}

static void
check_is(firn_slice base, firn_slice ours, firn_slice theirs, uint64_t work, firn_slice expected)
{
    struct fi_lines_merge result = merge(base, ours, theirs, work);
    CHECK(result.conflict_count == 0);
    CHECK(fi_slice_equal(fi_buf_slice(&result.text), expected));
    fi_lines_merge_deinit(&result);
}

static uint32_t
lines_of(firn_slice text)
{
    uint32_t count = 0;
    for (size_t i = 0; i < text.size; i++) {
        count += text.data[i] == '\n' || i + 1 == text.size;
    }
    return count;
}

static void
check_conflicts(const struct fi_lines_merge *result, firn_slice base, firn_slice ours,
                firn_slice theirs)
{
    firn_merge_region end = {lines_of(base), 0, lines_of(ours), 0, lines_of(theirs), 0};
    for (size_t i = 0; i < result->conflict_count; i++) {
        const firn_merge_region *region = &result->conflicts[i];
        bool is_last = i + 1 == result->conflict_count;
        const firn_merge_region *next = is_last ? &end : &result->conflicts[i + 1];
        uint32_t between = is_last ? 0 : 1;
        CHECK(region->base_at + region->base_count + between <= next->base_at);
        CHECK(region->ours_at + region->ours_count + between <= next->ours_at);
        CHECK(region->theirs_at + region->theirs_count + between <= next->theirs_at);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *first = size == 0 ? NULL : memchr(data + 1, 0, size - 1);
    const uint8_t *end = data + size;
    if (first == NULL) {
        return 0;
    }
    const uint8_t *second = memchr(first + 1, 0, (size_t)(end - first) - 1);
    if (second == NULL) {
        return 0;
    }
    firn_slice base = firn_bytes(data + 1, (size_t)(first - data) - 1);
    firn_slice ours = firn_bytes(first + 1, (size_t)(second - first) - 1);
    firn_slice theirs = firn_bytes(second + 1, (size_t)(end - second) - 1);
    uint64_t work = data[0] == 255 ? UINT64_MAX : data[0];
    check_is(base, ours, base, work, ours);
    check_is(base, base, theirs, work, theirs);
    check_is(base, ours, ours, work, ours);
    struct fi_lines_merge one = merge(base, ours, theirs, work);
    struct fi_lines_merge other = merge(base, theirs, ours, work);
    check_conflicts(&one, base, ours, theirs);
    CHECK(one.conflict_count == other.conflict_count);
    CHECK(one.conflict_count > 0 ||
          fi_slice_equal(fi_buf_slice(&one.text), fi_buf_slice(&other.text)));
    fi_lines_merge_deinit(&one);
    fi_lines_merge_deinit(&other);
    return 0;
}
