/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz/remote_entry: what the entries of a remote, the values of its files, and a store's own notes
 * about it say, made of hostile bytes: one byte that chooses, then the value. What is read can be
 * written again, with the same bytes.
 */
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "base/slice.h"
#include "share/share_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
read_pack(firn_slice value, bool is_inline)
{
    struct fi_share_pack pack;
    struct fi_buf again = {0};
    firn_error err;
    if (fi_share_entry_decode_pack(value, is_inline, &pack, &err) == FIRN_OK) {
        CHECK(fi_share_entry_encode_pack(&pack, &again) == FIRN_OK);
        CHECK(fi_slice_equal(fi_buf_slice(&again), value));
    }
    fi_buf_deinit(&again);
}

static void
read_checkpoint(firn_slice value)
{
    struct fi_share_checkpoint checkpoint;
    struct fi_buf again = {0};
    firn_error err;
    if (fi_share_entry_decode_checkpoint(value, &checkpoint, &err) == FIRN_OK) {
        CHECK(fi_share_entry_encode_checkpoint(&checkpoint, &again) == FIRN_OK);
        CHECK(fi_slice_equal(fi_buf_slice(&again), value));
    }
    fi_buf_deinit(&again);
}

static void
read_name(firn_slice value)
{
    struct fi_share_name name;
    struct fi_buf again = {0};
    firn_slice file;
    firn_slice ring_key;
    firn_error err;
    if (fi_share_entry_decode_keys(firn_str("origin"), value, &name, &file, &ring_key, &err) ==
        FIRN_OK) {
        CHECK(fi_share_entry_encode_name(&name, &again) == FIRN_OK);
        if (name.is_encrypted) {
            CHECK(fi_buf_append_sized(&again, file) == FIRN_OK);
            CHECK(fi_buf_append_sized(&again, ring_key) == FIRN_OK);
        }
        CHECK(fi_slice_equal(fi_buf_slice(&again), value));
    }
    fi_buf_deinit(&again);
}

/* A longer number than needed, or a text with a NUL, is written otherwise. */
static void
read_failure(firn_slice value)
{
    struct fi_share_failure failure;
    struct fi_share_failure twice;
    struct fi_buf again = {0};
    if (fi_share_entry_decode_failure(value, &failure)) {
        CHECK(fi_share_entry_encode_failure(&failure, &again) == FIRN_OK);
        CHECK(fi_share_entry_decode_failure(fi_buf_slice(&again), &twice));
        CHECK(failure.failed_ns == twice.failed_ns && failure.count == twice.count);
        CHECK(strcmp(failure.text, twice.text) == 0);
    }
    fi_buf_deinit(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fi_share_note note;
    struct fi_share_line line;
    if (size == 0) {
        return 0;
    }
    const firn_slice value = firn_bytes(data + 1, size - 1);
    switch (data[0] % 7) {
    case 0:
        read_pack(value, false);
        break;
    case 1:
        read_pack(value, true);
        break;
    case 2:
        read_checkpoint(value);
        break;
    case 3:
        read_name(value);
        break;
    case 4:
        if (fi_share_entry_decode_note(value, &note)) {
            CHECK(note.level <= FI_OUTGOING_COMPLETE);
        }
        break;
    case 5:
        read_failure(value);
        break;
    default:
        (void)fi_share_entry_decode_line(value, &line);
        (void)fi_share_entry_decode_number(value);
    }
    return 0;
}
