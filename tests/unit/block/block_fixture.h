/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/block/block_fixture.h: a machine in memory with one small sealed file in it, "a", and what
 * was put into it.
 */
#ifndef FIRN_BLOCK_FIXTURE_H
#define FIRN_BLOCK_FIXTURE_H

#include "base/buf.h"
#include "block/block_file.h"
#include "sim/sim_memory.h"
#include "support/test_file.h"

enum { BLOCK_FIXTURE_COUNT = 6, BLOCK_FIXTURE_SECTIONS = 2 };

struct block_fixture {
    struct fi_os *os;
    struct fi_os_dir *dir;
    struct fi_compress *compress;
    struct fi_buf raw[BLOCK_FIXTURE_COUNT]; /* what each block decodes to */
    struct fi_block_ref refs[BLOCK_FIXTURE_COUNT];
};

/* Makes the machine; no file yet. */
void block_fixture_init(struct block_fixture *fixture);
void block_fixture_deinit(struct block_fixture *fixture);
/* Fills raw: 0, 1, 8 and 300 bytes (LZ4), 1,000 (zstd), 77 plain. */
void block_fixture_fill(struct block_fixture *fixture);
/* Writes the file, sections 7 and 9 naming blocks 1 and 4. Asserts nothing: returns the first
 * error. */
int block_fixture_write(struct block_fixture *fixture, struct fi_os_dir *dir, const char *name,
                        firn_error *err);
/* Opens a file and reads every block of `refs`. Asserts that what is read without error is right.
 * Returns the first error; verifies the whole body too where all went well. */
int block_fixture_read(struct block_fixture *fixture, struct fi_os_dir *dir, const char *name,
                       firn_error *err);

#endif
