/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz/fuzz_column.c: runs of columns that are not trusted.
 *
 * Input: one byte that says what follows: 0 a file, 1 a file whose checksums are made right first,
 * 2 an index.
 *
 * Held: everything ends, within bounds. An index that passes its check leads each key of a group to that
 * group, and has a layout that passes its own check.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz_machine.h"
#include "support/test_seal.h"
#include "unit/column/column_walk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
read_index(firn_slice raw)
{
    struct fi_column_index index;
    struct fi_column_owned layout;
    int rc = fi_column_index_open(raw, &index, &layout, NULL);
    CHECK(rc == FIRN_OK || column_walk_is_refusal(rc));
    for (size_t i = 0; rc == FIRN_OK && i < index.group_count; i++) {
        struct fi_column_index_group group;
        fi_column_index_group(&index, i, &group);
        CHECK(fi_column_index_find(&index, group.lower, group.sequence_first) == i + 1);
        for (size_t slot = 0; slot < index.slot_count; slot++) {
            struct fi_column_shape shape = fi_column_layout_shape(&layout.layout, slot);
            struct fi_column_index_chunk chunk;
            fi_column_index_chunk(&index, i, slot, &shape, &chunk);
        }
    }
    CHECK(rc != FIRN_OK || fi_column_layout_check(&layout.layout, NULL) == FIRN_OK);
    fi_column_layout_deinit(&layout);
}

static void
read_file(const uint8_t *data, size_t size, bool seals)
{
    uint8_t *file = malloc(size + 1);
    CHECK(file != NULL);
    memcpy(file, data, size);
    if (seals) {
        test_seal(file, size);
    }
    fuzz_machine_write("f", file, size);
    free(file);
    (void)column_walk_file(fuzz_machine_open(), "f");
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    /* Of exactly this size, so that a sanitizer sees a read beyond it. */
    size_t raw_size = size - 1;
    uint8_t *memory = malloc(raw_size + (raw_size == 0));
    CHECK(memory != NULL);
    memcpy(memory, data + 1, raw_size);
    if (data[0] % 3 == 2) {
        read_index(firn_bytes(memory, raw_size));
    } else {
        read_file(memory, raw_size, data[0] % 3 == 1);
    }
    free(memory);
    return 0;
}
