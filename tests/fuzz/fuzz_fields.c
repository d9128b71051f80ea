/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz/fields: small values that stand alone. The first byte says which: an entry of the list of keyspaces, a cell that
 * refers to a value file, a rule of what is kept, a date, or a timestamp.
 *
 * What is read is written as bytes, or as text, that read the same.
 */
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/slice.h"
#include "catalog/catalog.h"
#include "codec/calendar.h"
#include "run/run_value_file.h"
#include "storefile/storefile_keyspace.h"
#include "text/text_time.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_keyspace_entry(firn_slice bytes)
{
    struct fi_storefile_keyspace entry;
    struct fi_buf again = {0};
    const char *what = NULL;
    int rc = fi_storefile_keyspace_decode(bytes, &entry, &what);
    if (rc == FIRN_OK) {
        CHECK(fi_storefile_keyspace_encode(&entry, &again) == FIRN_OK);
        CHECK(fi_storefile_keyspace_decode(fi_buf_slice(&again), &entry, &what) == FIRN_OK);
    } else {
        CHECK((rc == FIRN_CORRUPT || rc == FIRN_NEWER) && what != NULL);
    }
    fi_buf_deinit(&again);
}

static void
check_cell(firn_slice bytes)
{
    struct fi_run_value_file_reference reference;
    CHECK(!fi_run_value_cell_decode(bytes, &reference) ||
          bytes.size >= FI_RUN_VALUE_CELL_HEAD_SIZE);
}

static void
check_keep(firn_slice text)
{
    struct fi_catalog_policy keep;
    firn_error err = {0};
    int rc = fi_catalog_policy_read(text, &keep, &err);
    CHECK(rc == FIRN_OK || (rc == FIRN_INVALID && err.code == rc && err.text[0] != '\0'));
    if (rc == FIRN_OK) {
        struct fi_catalog_policy_walk walk;
        fi_catalog_policy_begin(&walk, &keep);
        CHECK(fi_catalog_policy_next(&walk, INT64_MAX) || !keep.is_forever);
        CHECK(fi_catalog_policy_next(&walk, 0) || !keep.is_forever);
        CHECK(fi_catalog_policy_next(&walk, INT64_MIN) || !keep.is_forever);
    }
}

static void
check_date(firn_slice text)
{
    int64_t days;
    int64_t again;
    char written[FI_CALENDAR_TEXT_SIZE_MAX];
    if (fi_text_time_read_date(text, &days) == NULL) {
        size_t size = fi_calendar_write_date(days, written);
        CHECK(size <= sizeof written);
        CHECK(fi_text_time_read_date(firn_bytes(written, size), &again) == NULL && again == days);
    }
}

static void
check_timestamp(firn_slice text)
{
    int64_t us;
    int64_t again;
    char written[FI_CALENDAR_TEXT_SIZE_MAX];
    if (fi_text_time_read_timestamp(text, &us) == NULL) {
        size_t size = fi_calendar_write_timestamp(us, written);
        CHECK(size <= sizeof written);
        CHECK(fi_text_time_read_timestamp(firn_bytes(written, size), &again) == NULL &&
              again == us);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const checks[])(firn_slice) = {check_keyspace_entry, check_cell, check_keep,
                                                 check_date, check_timestamp};
    if (size > 0) {
        checks[data[0] % (sizeof checks / sizeof checks[0])](firn_bytes(data + 1, size - 1));
    }
    return 0;
}
