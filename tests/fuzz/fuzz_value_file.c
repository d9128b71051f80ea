/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz/fuzz_value_file.c: value files and references that are not trusted.
 *
 * Input: one byte, 1 where checksums are made right first, of the file or, if that is a bare one, in the reference; one byte, how many bytes of a
 * reference follow; those; the file.
 *
 * Held: everything ends, within bounds. What is read has the size that the reference says, however it
 * is read, and the same bytes each time.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/checked.h"
#include "base/slice.h"
#include "fuzz/fuzz_machine.h"
#include "run/run_value_file.h"
#include "support/test_seal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
read_value(struct fi_run *file, const struct fi_run_value_file_reference *reference)
{
    struct fi_buf first = {0};
    struct fi_buf again = {0};
    int rc = fi_run_value_file_read(file, reference, FI_BLOCK_CACHE_DATA, &first, NULL);
    CHECK(rc == FIRN_OK || fuzz_machine_is_refusal(rc));
    CHECK(first.size == (rc == FIRN_OK ? reference->value_size : 0));
    CHECK(fi_run_value_file_read(file, reference, FI_BLOCK_CACHE_SCAN, &again, NULL) == rc);
    CHECK(fi_slice_equal(fi_buf_slice(&first), fi_buf_slice(&again)));
    CHECK(fi_run_value_file_read(file, reference, FI_BLOCK_CACHE_SCAN, NULL, NULL) == rc);
    fi_buf_deinit(&first);
    fi_buf_deinit(&again);
}

static void
seal_reference(struct fi_run *file, bool is_wanted, const uint8_t *bytes,
               struct fi_run_value_file_reference *reference)
{
    const struct fi_run_summary *summary = fi_run_value_file_kind.summary(file);
    if (is_wanted && summary->is_bare && reference->is_bare &&
        fi_range_inside(reference->offset, reference->value_size, summary->file_bytes)) {
        firn_slice value = firn_bytes(bytes + reference->offset, (size_t)reference->value_size);
        reference->checksum =
            fi_run_value_file_checksum(value, reference->offset) ^ summary->identity;
        CHECK(fi_run_value_file_read(file, reference, FI_BLOCK_CACHE_DATA, NULL, NULL) == FIRN_OK);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fi_run_value_file_reference reference;
    if (size < 2 || size - 2 < data[1]) {
        return 0;
    }
    size_t reference_size = data[1];
    size_t file_size = size - 2 - reference_size;
    /* Of exactly these sizes, so that a sanitizer sees a read beyond them. */
    uint8_t *bytes = malloc(reference_size + 1);
    uint8_t *file = malloc(file_size + 1);
    CHECK(bytes != NULL && file != NULL);
    memcpy(bytes, data + 2, reference_size);
    memcpy(file, data + 2 + reference_size, file_size);
    if (data[0] == 1) {
        test_seal(file, file_size);
    }
    fuzz_machine_write("v", file, file_size);
    struct fi_run *run;
    int rc = fi_run_value_file_kind.open(fuzz_machine_open(), "v", &run, NULL);
    CHECK(rc == FIRN_OK || fuzz_machine_is_refusal(rc));
    bool is_reference = fi_run_value_file_decode(firn_bytes(bytes, reference_size), &reference);
    if (rc == FIRN_OK) {
        CHECK(fi_run_value_file_kind.summary(run)->file_bytes == file_size);
        if (is_reference) {
            seal_reference(run, data[0] == 1, file, &reference);
            read_value(run, &reference);
        }
        fi_run_value_file_kind.close(run);
    }
    free(bytes);
    free(file);
    return 0;
}
