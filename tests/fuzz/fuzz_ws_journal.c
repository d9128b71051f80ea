/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz/ws_journal: an entry of the journal of restores, made of hostile bytes. What is read and
 * written again has the same bytes, and nothing points outside of them.
 */
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "base/slice.h"
#include "catalog/catalog_journal.h"

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
    struct fi_catalog_journal journal = {0};
    struct fi_buf out = {0};
    firn_error err = {0};
    int rc = fi_catalog_journal_decode(bytes, &journal, &err);
    if (rc == FIRN_OK) {
        CHECK(journal.state != FI_CATALOG_JOURNAL_NONE);
        for (size_t i = 0; i < journal.path_count; i++) {
            CHECK(journal.paths[i].size > 0);
            check_inside(journal.paths[i], bytes);
        }
        check_inside(journal.previous, bytes);
        CHECK(fi_catalog_journal_encode(&journal, &out) == FIRN_OK);
        CHECK(fi_slice_equal(fi_buf_slice(&out), bytes));
    } else {
        CHECK(rc == FIRN_CORRUPT || rc == FIRN_NEWER);
        CHECK(err.code == rc);
    }
    fi_buf_deinit(&out);
    fi_catalog_journal_deinit(&journal);
    return 0;
}
