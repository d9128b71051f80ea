/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz/manifest: records of MANIFEST made of hostile bytes. The input is a sequence of records: a
 * byte of type (its lowest bit: edit or snapshot; the next one: the end of the log alone), two bytes of
 * length, the bytes.
 *
 * What decodes encodes to the same bytes; what a sequence of records amounts to keeps the rules
 * that the rest relies on.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/reader.h"
#include "base/slice.h"
#include "lsm/lsm.h"
#include "manifest/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_same_bytes(const struct fi_manifest_edit *edit, firn_slice record)
{
    struct fi_buf bytes = {0};
    CHECK(fi_manifest_edit_encode(edit, &bytes) == FIRN_OK);
    CHECK(fi_slice_equal(fi_buf_slice(&bytes), record));
    fi_buf_deinit(&bytes);
}

static void
check_state(const struct fi_manifest_state *state)
{
    for (size_t i = 0; i < state->tree_count; i++) {
        const struct fi_manifest_state_tree *tree = &state->trees[i];
        CHECK(i == 0 || tree->id > state->trees[i - 1].id);
        CHECK(tree->flushed <= state->sequence);
        for (size_t j = 0; j < tree->run_count; j++) {
            const struct fi_manifest_run *run = tree->runs[j];
            CHECK(j == 0 || run->number > tree->runs[j - 1]->number);
            CHECK(run->number > 0 && run->number < state->next_number);
            CHECK(run->kind > 0 && run->kind == tree->kind);
            CHECK(run->level < FI_VERSION_LEVELS);
            CHECK(run->sequence_min > 0 && run->sequence_min <= run->sequence_max);
            CHECK(run->sequence_max <= state->sequence);
            CHECK(fi_slice_compare(run->lower, run->upper) < 0);
        }
    }
}

static void
check_log_end(firn_slice record)
{
    struct fi_buf bytes = {0};
    struct fi_log_position end;
    firn_error err;
    if (fi_manifest_edit_decode_log_end(record, &end, &err) == FIRN_OK) {
        CHECK(fi_manifest_edit_encode_log_end(end, &bytes) == FIRN_OK);
        CHECK(fi_slice_equal(fi_buf_slice(&bytes), record));
    }
    fi_buf_deinit(&bytes);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fi_reader reader = fi_reader_of(firn_bytes(data, size));
    struct fi_manifest_state state = {0};
    uint8_t type;
    uint16_t length;
    firn_slice record;
    int rc = FIRN_OK;
    while (rc == FIRN_OK && fi_reader_u8(&reader, &type) && fi_reader_le16(&reader, &length) &&
           fi_reader_bytes(&reader, length, &record)) {
        struct fi_arena arena = {0};
        struct fi_manifest_edit edit;
        firn_error err;
        if ((type & 2) != 0) {
            check_log_end(record);
            continue;
        }
        uint8_t record_type = type & 1 ? FI_MANIFEST_EDIT : FI_MANIFEST_SNAPSHOT;
        rc = fi_manifest_edit_decode(record_type, record, &arena, &edit, &err);
        if (rc == FIRN_OK) {
            check_same_bytes(&edit, record);
            rc = fi_manifest_state_apply(&state, &edit, &err);
        }
        if (rc == FIRN_OK) {
            check_state(&state);
        } else {
            CHECK(rc == FIRN_CORRUPT || rc == FIRN_NEWER);
            CHECK(err.text[0] != '\0');
        }
        fi_arena_deinit(&arena);
    }
    fi_manifest_state_deinit(&state);
    return 0;
}
