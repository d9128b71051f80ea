/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz/ws_line: an entry of the undo line, made of hostile bytes. What is read and written again has
 * the same bytes; every state can be found and moved to, and another one added.
 */
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "base/slice.h"
#include "catalog/catalog_undo_line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
use(struct fi_catalog_undo_line *line)
{
    const struct fi_catalog_undo_line_state state = {UINT64_MAX, -1, FIRN_STEP_EDITS, false};
    size_t count = fi_catalog_undo_line_count(line);
    size_t at;
    for (size_t to = 0; to < count; to++) {
        const uint64_t order = fi_catalog_undo_line_at(line, to)->order;
        bool is_back = fi_catalog_undo_line_find_back(line, order, &at);
        CHECK(!is_back || at <= line->cursor);
        bool is_ahead = fi_catalog_undo_line_find_ahead(line, order, &at);
        CHECK(!is_ahead || (at > line->cursor && at < count));
        CHECK(is_back || is_ahead);
        fi_catalog_undo_line_move(line, to);
        CHECK(line->cursor == to && !fi_catalog_undo_line_at(line, to)->is_passed);
    }
    firn_error err;
    CHECK(fi_catalog_undo_line_add(line, &state, &err) == FIRN_OK);
    CHECK(fi_catalog_undo_line_count(line) <= FI_CATALOG_UNDO_LINE_STATES_MAX);
    CHECK(fi_catalog_undo_line_at(line, line->cursor)->order == UINT64_MAX);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    firn_slice bytes = firn_bytes(data, size);
    struct fi_catalog_undo_line line = {0};
    struct fi_buf out = {0};
    bool is_valid;
    firn_error err;
    CHECK(fi_catalog_undo_line_decode(bytes, &line, &is_valid, &err) == FIRN_OK);
    CHECK(fi_catalog_undo_line_count(&line) <= FI_CATALOG_UNDO_LINE_STATES_MAX);
    if (is_valid) {
        CHECK(fi_catalog_undo_line_encode(&line, &out) == FIRN_OK);
        CHECK(fi_slice_equal(fi_buf_slice(&out), bytes));
        use(&line);
    }
    fi_buf_deinit(&out);
    fi_catalog_undo_line_deinit(&line);
    return 0;
}
