/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz/history: checkpoints made of hostile bytes. The first byte says whether a change follows, as
 * in the log, or a whole history, as in MANIFEST.
 *
 * What is read of a history keeps its rules and is written to bytes that read the same; a change is
 * written to the very bytes it was read from.
 */
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "base/slice.h"
#include "history/history_format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_record(firn_slice bytes)
{
    struct fi_history_record record;
    struct fi_buf again = {0};
    const char *what = NULL;
    int rc = fi_history_format_get_record(bytes, &record, &what);
    if (rc == FIRN_OK) {
        CHECK(fi_history_format_put_record(&record, &again) == FIRN_OK);
        CHECK(fi_slice_equal(fi_buf_slice(&again), bytes));
    } else {
        CHECK((rc == FIRN_CORRUPT || rc == FIRN_NEWER) && what != NULL);
    }
    fi_buf_deinit(&again);
}

static void
check_view(struct fi_snapshot view)
{
    CHECK(view.count > 0);
    for (size_t i = 0; i < view.count; i++) {
        struct fi_snapshot_interval interval = fi_snapshot_at(&view, i);
        CHECK(interval.first > 0 && interval.first <= interval.last);
        CHECK(i == 0 || interval.first - 1 > fi_snapshot_at(&view, i - 1).last);
    }
}

static void
check_history(struct fi_history *history)
{
    uint64_t sequence = 0;
    check_view(fi_history_snapshot(history->now, UINT64_MAX));
    for (size_t i = 0; i < fi_history_count(history); i++) {
        const struct fi_db_checkpoint *checkpoint = fi_history_at(history, i);
        CHECK(checkpoint->sequence >= sequence && checkpoint->sequence >= checkpoint->line->begin);
        CHECK(checkpoint->number < history->next_number);
        CHECK(fi_history_ref(checkpoint->line, NULL) == FIRN_OK);
        check_view(fi_history_snapshot(checkpoint->line, checkpoint->sequence));
        fi_history_unref(history, checkpoint->line);
        sequence = checkpoint->sequence;
    }
}

static void
check_bytes(firn_slice bytes, unsigned depth)
{
    struct fi_history history = {0};
    struct fi_buf again = {0};
    firn_error err;
    int rc = fi_history_format_get(bytes, &history, &err);
    if (rc == FIRN_OK) {
        check_history(&history);
        CHECK(fi_history_format_put(&history, &again) == FIRN_OK);
        if (depth == 0) {
            check_bytes(fi_buf_slice(&again), 1);
        } else {
            CHECK(fi_slice_equal(fi_buf_slice(&again), bytes));
        }
    } else {
        CHECK(depth == 0 && (rc == FIRN_CORRUPT || rc == FIRN_NEWER) && err.text[0] != '\0');
    }
    fi_history_deinit(&history);
    fi_buf_deinit(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 0 && data[0] == 'r') {
        check_record(firn_bytes(data + 1, size - 1));
    } else if (size > 0) {
        check_bytes(firn_bytes(data + 1, size - 1), 0);
    }
    return 0;
}
