/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz/fuzz_column.c: runs of columns that anybody may have made.
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

#include "sim/sim_memory.h"
#include "support/test_seal.h"
#include "unit/column/column_walk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct machine {
    struct firn_os *os;
    struct firn_run_env env;
};

static struct machine *
open_machine(void)
{
    static struct machine machine;
    if (machine.os == NULL) {
        CHECK(firn_sim_memory_create(1, &machine.os, NULL) == FIRN_OK);
        CHECK(firn_os_dir_open_path(machine.os, "/", &machine.env.dir, NULL) == FIRN_OK);
        CHECK(firn_block_cache_create(machine.os, 1 << 20, &machine.env.cache, NULL) == FIRN_OK);
    }
    return &machine;
}

static void
write_file(struct firn_os_dir *dir, const uint8_t *data, size_t size)
{
    struct firn_os_file *file;
    const unsigned flags = FIRN_OS_WRITE | FIRN_OS_CREATE | FIRN_OS_TRUNCATE;
    CHECK(firn_os_file_open(dir, "f", flags, 0600, &file, NULL) == FIRN_OK);
    if (size > 0) {
        CHECK(firn_os_file_write(file, 0, data, size, NULL) == FIRN_OK);
    }
    firn_os_file_close(file);
}

static void
read_index(firn_slice raw)
{
    struct firn_column_index index;
    struct firn_column_owned layout;
    int rc = firn_column_index_open(raw, &index, &layout, NULL);
    CHECK(rc == FIRN_OK || column_walk_is_refusal(rc));
    for (size_t i = 0; rc == FIRN_OK && i < index.group_count; i++) {
        struct firn_column_index_group group;
        firn_column_index_group(&index, i, &group);
        CHECK(firn_column_index_find(&index, group.lower, group.sequence_first) == i + 1);
        for (size_t slot = 0; slot < index.slot_count; slot++) {
            struct firn_column_shape shape = firn_column_layout_shape(&layout.layout, slot);
            struct firn_column_index_chunk chunk;
            firn_column_index_chunk(&index, i, slot, &shape, &chunk);
        }
    }
    CHECK(rc != FIRN_OK || firn_column_layout_check(&layout.layout, NULL) == FIRN_OK);
    firn_column_layout_deinit(&layout);
}

static void
read_file(const uint8_t *data, size_t size, bool seals)
{
    struct machine *machine = open_machine();
    uint8_t *file = malloc(size + 1);
    CHECK(file != NULL);
    memcpy(file, data, size);
    if (seals) {
        test_seal(file, size);
    }
    write_file(machine->env.dir, file, size);
    free(file);
    (void)column_walk_file(&machine->env, "f");
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
