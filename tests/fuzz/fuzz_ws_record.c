/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz/ws_record: a checkpoint's record, made of hostile bytes. What is read can be written and read
 * again and is the same, and nothing points outside of the bytes.
 */
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "base/slice.h"
#include "catalog/catalog_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_inside(firn_slice part, firn_slice whole)
{
    CHECK(part.size == 0 ||
          (part.data >= whole.data && part.data + part.size <= whole.data + whole.size));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    firn_slice bytes = firn_bytes(data, size);
    struct fi_catalog_record record;
    struct fi_buf out = {0};
    struct fi_buf again = {0};
    firn_error err = {0};
    int rc = fi_catalog_record_decode(bytes, &record, &err);
    if (rc == FIRN_OK) {
        const firn_slice parts[] = {
            record.workspace_path, record.message,     record.root.xattrs,
            record.forgotten,      record.turn.agent,  record.turn.session,
            record.turn.prompt,    record.run.command, record.tried.command};
        for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
            check_inside(parts[i], bytes);
        }
        CHECK(fi_catalog_record_encode(&record, &out) == FIRN_OK);
        CHECK(fi_catalog_record_decode(fi_buf_slice(&out), &record, &err) == FIRN_OK);
        CHECK(fi_catalog_record_encode(&record, &again) == FIRN_OK);
        CHECK(fi_slice_equal(fi_buf_slice(&out), fi_buf_slice(&again)));
    } else {
        CHECK(rc == FIRN_CORRUPT || rc == FIRN_NEWER);
        CHECK(err.code == rc);
    }
    fi_buf_deinit(&out);
    fi_buf_deinit(&again);
    return 0;
}
