/* SPDX-License-Identifier: Apache-2.0
 *
 * support/workspace/store_writer.h: a store that is written so that what it holds tells how far it was.
 *
 * Round n, from 1 on, is one commit: n into one keyspace, and a value that follows from n under one of
 * some keys of another; every now and then a flush, a compaction, a checkpoint, a load.
 */
#ifndef FIRN_TEST_STORE_WRITER_H
#define FIRN_TEST_STORE_WRITER_H

#include <stdbool.h>
#include <stdint.h>

#include "os/os.h"
#include "scan_support.h"
#include "store/db.h"

struct store_writer {
    struct fi_os_dir *dir; /* as it was lent */
    struct firn_db *db;
    struct firn_db_keyspace *rounds;
    struct firn_db_keyspace *values;
    struct firn_db_keyspace *loads;
    uint64_t round;
    uint64_t load;
};

/* Everything fails the running test, or ends the process where there is none. Opens what is there. */
void store_writer_open(struct store_writer *writer, struct fi_os_dir *dir);
void store_writer_close(struct store_writer *writer);
void store_writer_round(struct store_writer *writer);
/* One entry in bulk, and `more` of a kilobyte or so. */
void store_writer_load(struct store_writer *writer, unsigned more);
/* Checks a store that nobody writes: it is clean, and shows all of the rounds up to one, and no more;
 * which is returned. */
uint64_t store_writer_check(struct fi_os_dir *dir, bool is_read_only);

/* ---- in a tree ---- */

/* The directory at a path, which the caller closes. */
struct fi_os_dir *store_writer_dir(struct scan_world *tree, const char *path);
/* Makes or opens the store at a path and writes rounds of it. */
void store_writer_begin(struct scan_world *tree, const char *path, unsigned rounds,
                        struct store_writer *writer);
/* Closes it; or leaves it as a process does that is killed. */
void store_writer_end(struct store_writer *writer);
void store_writer_crash(struct store_writer *writer);
/* Begins and ends: a store at rest. */
void store_writer_put(struct scan_world *tree, const char *path, unsigned rounds);
/* store_writer_check of the store at a path, which recovers it. */
uint64_t store_writer_check_at(struct scan_world *tree, const char *path);

#endif
