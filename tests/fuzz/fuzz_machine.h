/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz/fuzz_machine.h: a machine in memory for targets that read one file: its root directory and a block
 * cache, made once for all inputs.
 */
#ifndef FIRN_FUZZ_FUZZ_MACHINE_H
#define FIRN_FUZZ_FUZZ_MACHINE_H

#include "base/check.h"
#include "block/block_cache.h"
#include "run/run_kind.h"
#include "sim/sim_memory.h"

static inline const struct fi_run_env *
fuzz_machine_open(void)
{
    static struct fi_os *os;
    static struct fi_run_env env;
    if (os == NULL) {
        CHECK(fi_sim_memory_create(1, &os, NULL) == FIRN_OK);
        CHECK(fi_os_dir_open_path(os, "/", &env.dir, NULL) == FIRN_OK);
        CHECK(fi_block_cache_create(os, 1 << 20, &env.cache, NULL) == FIRN_OK);
    }
    return &env;
}

/* The file `name` has these bytes afterwards, and no others. */
static inline void
fuzz_machine_write(const char *name, const uint8_t *data, size_t size)
{
    struct fi_os_file *file;
    const unsigned flags = FI_OS_WRITE | FI_OS_CREATE | FI_OS_TRUNCATE;
    CHECK(fi_os_file_open(fuzz_machine_open()->dir, name, flags, 0600, &file, NULL) == FIRN_OK);
    if (size > 0) {
        CHECK(fi_os_file_write(file, 0, data, size, NULL) == FIRN_OK);
    }
    fi_os_file_close(file);
}

static inline bool
fuzz_machine_is_refusal(int rc)
{
    return rc == FIRN_CORRUPT || rc == FIRN_NEWER;
}

#endif
