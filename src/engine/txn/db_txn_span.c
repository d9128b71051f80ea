/* SPDX-License-Identifier: Apache-2.0
 *
 * txn/db_txn_span.c: a stretch of keys that only grows.
 *
 * A cursor that turns around walks over what it has seen already; so the ends move outwards or not
 * at all. Where the span begins behind all keys (a walk back from the end of a keyspace) its lower
 * end is the first key that it reaches.
 */
#include "txn/db_txn_span.h"

#include "base/check.h"
#include "base/error.h"
#include "base/slice.h"

void
firn_db_txn_span_deinit(struct firn_db_txn_span *span)
{
    firn_buf_deinit(&span->lower);
    firn_buf_deinit(&span->upper);
}

static bool
is_stretch(const struct firn_db_txn_span *span)
{
    return !span->is_begun || !span->has_upper ||
           firn_slice_compare(firn_buf_slice(&span->lower), firn_buf_slice(&span->upper)) <= 0;
}

int
firn_db_txn_span_begin(struct firn_db_txn_span *span, const firn_slice *key)
{
    int rc = FIRN_OK;
    span->is_begun = false;
    span->has_upper = key != NULL;
    if (key != NULL) {
        FIRN_TRY(firn_buf_assign(&span->lower, *key));
        FIRN_TRY(firn_buf_assign(&span->upper, *key));
        span->is_begun = true;
    }
out:
    return rc;
}

int
firn_db_txn_span_reach_down(struct firn_db_txn_span *span, firn_slice key)
{
    if (span->is_begun && firn_slice_compare(key, firn_buf_slice(&span->lower)) >= 0) {
        return FIRN_OK;
    }
    int rc = firn_buf_assign(&span->lower, key);
    span->is_begun |= rc == FIRN_OK;
    DCHECK(rc != FIRN_OK || is_stretch(span));
    return rc;
}

int
firn_db_txn_span_reach_up(struct firn_db_txn_span *span, firn_slice key)
{
    DCHECK(is_stretch(span) && (span->is_begun || !span->has_upper));
    if (!span->has_upper || firn_slice_compare(key, firn_buf_slice(&span->upper)) < 0) {
        return FIRN_OK;
    }
    /* Right behind the key comes the key with a zero byte. Reserved first, so that the end never
     * stands for less than it did. */
    if (key.size + 1 > span->upper.capacity &&
        firn_buf_reserve(&span->upper, key.size + 1 - span->upper.size) != FIRN_OK) {
        return FIRN_NO_MEMORY;
    }
    int rc = firn_buf_assign(&span->upper, key);
    return rc == FIRN_OK ? firn_buf_append_u8(&span->upper, 0) : rc;
}

int
firn_db_txn_span_reach_bound(struct firn_db_txn_span *span, const firn_slice *bound)
{
    DCHECK(is_stretch(span));
    if (bound == NULL) {
        span->has_upper = false;
        firn_buf_clear(&span->upper);
        return FIRN_OK;
    }
    if (!span->has_upper || firn_slice_compare(*bound, firn_buf_slice(&span->upper)) <= 0) {
        return FIRN_OK;
    }
    return firn_buf_assign(&span->upper, *bound);
}
