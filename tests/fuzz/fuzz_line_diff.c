/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz/line_diff: two texts with a NUL between them, compared. Byte 0 says how much work the search
 * for the shortest difference may take: 255 is no limit.
 *
 * By each algorithm the hunks applied to the first text give the second; where the search was not given up they are
 * the shortest, by the table of all common subsequences.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "base/slice.h"
#include "lines/lines_diff.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LINES_MAX = 300 };

struct lines {
    firn_slice line[LINES_MAX];
    size_t count;
};

/* False if there are too many. */
static int
split(firn_slice text, struct lines *out)
{
    out->count = 0;
    for (size_t i = 0, from = 0; i < text.size; i++) {
        if (text.data[i] != '\n' && i + 1 < text.size) {
            continue;
        }
        if (out->count == LINES_MAX) {
            return 0;
        }
        out->line[out->count++] = firn_bytes(text.data + from, i + 1 - from);
        from = i + 1;
    }
    return 1;
}

static size_t
longest_common(const struct lines *a, const struct lines *b)
{
    static size_t row[2][LINES_MAX + 1];
    memset(row, 0, sizeof row);
    for (size_t i = 1; i <= a->count; i++) {
        size_t *now = row[i % 2];
        const size_t *last = row[(i + 1) % 2];
        now[0] = 0;
        for (size_t j = 1; j <= b->count; j++) {
            size_t longer = last[j] > now[j - 1] ? last[j] : now[j - 1];
            now[j] = fi_slice_equal(a->line[i - 1], b->line[j - 1]) ? last[j - 1] + 1 : longer;
        }
    }
    return row[a->count % 2][b->count];
}

static void
check_hunks(const struct fi_lines_diff *diff, const struct lines *a, const struct lines *b)
{
    size_t i = 0;
    size_t j = 0;
    for (size_t h = 0; h <= diff->hunk_count; h++) {
        size_t to = h < diff->hunk_count ? diff->hunks[h].before_at : a->count;
        CHECK(to <= a->count);
        for (; i < to; i++, j++) {
            CHECK(j < b->count && fi_slice_equal(a->line[i], b->line[j]));
        }
        if (h < diff->hunk_count) {
            CHECK(diff->hunks[h].after_at == j);
            i += diff->hunks[h].before_count;
            j += diff->hunks[h].after_count;
        }
    }
    CHECK(i == a->count && j == b->count);
}

static void
check_by(firn_diff_algorithm algorithm, firn_slice before, firn_slice after, uint64_t work)
{
    static struct lines a;
    static struct lines b;
    struct fi_lines_diff diff;
    CHECK(fi_lines_diff_init_by(&diff, before, after, algorithm, work, NULL) == FIRN_OK);
    CHECK(diff.is_minimal || work != UINT64_MAX || algorithm != FIRN_DIFF_MYERS);
    if (split(before, &a) && split(after, &b)) {
        check_hunks(&diff, &a, &b);
        size_t common = longest_common(&a, &b);
        CHECK(!diff.is_minimal ||
              (diff.removed == a.count - common && diff.added == b.count - common));
    }
    fi_lines_diff_deinit(&diff);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *middle = size == 0 ? NULL : memchr(data + 1, 0, size - 1);
    if (middle == NULL) {
        return 0;
    }
    firn_slice before = firn_bytes(data + 1, (size_t)(middle - data) - 1);
    firn_slice after = firn_bytes(middle + 1, size - 1 - (size_t)(middle - data));
    uint64_t work = data[0] == 255 ? UINT64_MAX : data[0];
    check_by(FIRN_DIFF_MYERS, before, after, work);
    check_by(FIRN_DIFF_PATIENCE, before, after, work);
    return 0;
}
