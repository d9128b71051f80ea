/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz/remote_state: a state of a remote, made of hostile bytes: two bytes of its number, then the
 * object without its checksum, which is put right here. What is read can be applied to the state
 * before it, and written again; but for the line for people it has the same bytes.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "base/slice.h"
#include "codec/blake3_hash.h"
#include "remote/remote_state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static firn_slice
after_line(firn_slice bytes)
{
    const uint8_t *end = memchr(bytes.data, '\n', bytes.size);
    CHECK(end != NULL);
    size_t line = (size_t)(end - bytes.data) + 1;
    /* without the checksum, which is over the line too */
    return firn_bytes(bytes.data + line, bytes.size - line - sizeof(firn_hash));
}

/* A change of the state before it. A full one is written as the change of an empty state. */
static void
write_again(struct fi_remote_record *record, firn_slice bytes)
{
    struct fi_remote_state before = {.number = record->number - 1};
    struct fi_buf again = {0};
    firn_error err;
    memcpy(before.nonce, record->prev, sizeof before.nonce);
    bool is_full = record->is_full;
    record->is_full = false;
    CHECK(fi_remote_state_encode(&before, record, &again, &err) == FIRN_OK);
    record->is_full = is_full;
    CHECK(fi_slice_equal(after_line(fi_buf_slice(&again)), after_line(bytes)));
    fi_buf_deinit(&again);
    fi_remote_state_deinit(&before);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return 0;
    }
    struct fi_remote_record record;
    struct fi_remote_state state = {.number = 0};
    struct fi_buf bytes = {0};
    firn_hash hash;
    firn_error err = {0};
    uint64_t number = data[0] + 256u * data[1];
    fi_blake3_hash_of(data + 2, size - 2, &hash);
    CHECK(fi_buf_append(&bytes, data + 2, size - 2) == FIRN_OK);
    CHECK(fi_buf_append(&bytes, hash.bytes, sizeof hash.bytes) == FIRN_OK);
    int rc = fi_remote_state_decode(fi_buf_slice(&bytes), number, &record, &err);
    CHECK(rc == err.code && (rc == FIRN_OK || rc == FIRN_CORRUPT || rc == FIRN_NEWER));
    if (rc == FIRN_OK) {
        state.number = number - 1;
        memcpy(state.nonce, record.prev, sizeof state.nonce);
        CHECK(fi_remote_state_apply(&state, &record, &err) == FIRN_OK);
        CHECK(state.number == number);
        bool is_plain = !record.is_full ||
                        (record.change.removed.count == 0 && record.change.doomed.count == 0 &&
                         record.change.killed.count == 0 && record.change.gone.count == 0);
        if (is_plain && number > 0) {
            write_again(&record, fi_buf_slice(&bytes));
        }
        fi_remote_state_record_deinit(&record);
    }
    fi_remote_state_deinit(&state);
    fi_buf_deinit(&bytes);
    return 0;
}
