/* SPDX-License-Identifier: Apache-2.0
 *
 * support/lsm: a small store around the trees, for tests: a log that is a list, views, and a model
 * that keeps every version.
 */
#ifndef FIRN_TEST_LSM_FIXTURE_H
#define FIRN_TEST_LSM_FIXTURE_H

#include "block/block_cache.h"
#include "compaction/compaction.h"
#include "lsm/lsm.h"
#include "os/os.h"
#include "support/test.h"
#include "support/test_random.h"

enum {
    FIXTURE_TREES = 4,
    FIXTURE_KEYS = 160,
    FIXTURE_SNAPSHOTS_MAX = 6,
    FIXTURE_INTERVALS_MAX = 24,
    FIXTURE_KEY_SIZE = 16,
    FIXTURE_OPEN_MAX = 24, /* runs */
    FIXTURE_DESCRIPTORS_MAX = 4,
    FIXTURE_SEGMENT_RECORDS = 40 /* of the log's segments */
};

/* One operation of a commit, as the log has it. Keys are numbers of the universe; key
 * FIXTURE_KEYS is beyond all. */
struct fixture_record {
    uint64_t sequence;
    uint32_t tree; /* id */
    enum fi_entry_kind kind;
    unsigned key;
    unsigned upper;      /* of a range delete */
    unsigned value_size; /* of a put; the bytes follow from sequence and key */
};

struct fixture_snapshot {
    struct fi_snapshot_interval intervals[FIXTURE_INTERVALS_MAX];
    size_t count;
};

struct fixture {
    struct fi_os *os;
    struct fi_os_dir *dir;
    struct fi_block_cache *cache;
    struct fi_lsm *lsm;
    struct fi_lsm_options options;
    struct fi_lsm_tree *trees[FIXTURE_TREES];
    const struct fi_run_kind *tree_kinds[FIXTURE_TREES]; /* NULL: of the first one */
    uint32_t tree_ids[FIXTURE_TREES];
    uint32_t next_tree_id;

    /* The log. */
    struct fixture_record *records;
    size_t record_count;
    size_t record_capacity;
    size_t durable_count; /* records that a crash cannot take */
    uint64_t log_start;   /* segments before this one are gone */
    uint64_t sequence;

    /* Views; the first is now. */
    struct fixture_snapshot snapshots[FIXTURE_SNAPSHOTS_MAX];
    size_t snapshot_count;
    struct fi_snapshot snapshot_array[FIXTURE_SNAPSHOTS_MAX];
    unsigned snapshots_taken;

    uint64_t reader_version; /* of a reader in another process; UINT64_MAX: none */
    bool sync_fails;
    unsigned wishes; /* for compactions, by reads */
    bool separates;  /* trees put values from 100 bytes on into value files */
};

/* Options for small runs and many levels. */
void fixture_init(struct fixture *fixture, struct fi_os *os);
void fixture_deinit(struct fixture *fixture);
/* The same on a file system in memory, which is the fixture's, and with a cache of so many bytes; 0:
 * a small one. */
void fixture_init_in_memory(struct fixture *fixture, size_t cache_bytes);
void fixture_deinit_in_memory(struct fixture *fixture);
/* Opens the trees and replays what the log has beyond them. Returns what open did. */
int fixture_open(struct fixture *fixture, firn_error *err);
/* Closes, or abandons; memtables are gone. */
void fixture_close(struct fixture *fixture);
void fixture_abandon(struct fixture *fixture);
/* A crash takes records from the end of the log down to those that are durable. */
void fixture_lose_records(struct fixture *fixture, struct test_random *random);

/* ---- writing ---- */

/* A commit of one operation; the next sequence. */
int fixture_put(struct fixture *fixture, unsigned tree, unsigned key, unsigned value_size);
int fixture_delete(struct fixture *fixture, unsigned tree, unsigned key);
int fixture_delete_range(struct fixture *fixture, unsigned tree, unsigned lower, unsigned upper);
/* A commit of some random operations on any trees. */
int fixture_commit_random(struct fixture *fixture, struct test_random *random);

/* Freezes, and runs all flushes. */
int fixture_flush(struct fixture *fixture, firn_error *err);
/* Runs works until there are none. */
int fixture_work(struct fixture *fixture, bool is_unhurried, firn_error *err);

/* ---- views ---- */

/* Now, cut at the newest sequence, as view number i. */
size_t fixture_checkpoint(struct fixture *fixture);
void fixture_remove_snapshot(struct fixture *fixture, size_t i);
/* Now becomes view i and all that comes. */
void fixture_restore(struct fixture *fixture, size_t i);
struct fi_snapshot fixture_snapshot_of(struct fixture *fixture, size_t i);

/* ---- looking ---- */

/* The universe's keys ascend with their numbers. */
firn_slice fixture_key(unsigned key, char out[FIXTURE_KEY_SIZE]);
/* For each key the record that the model reads, or NULL. */
void fixture_model(struct fixture *fixture, uint32_t tree_id, const struct fi_snapshot *snapshot,
                   const struct fixture_record *out[FIXTURE_KEYS]);
void fixture_value(const struct fixture_record *record, struct fi_buf *out);
/* Compares gets and cursors, both ways, with the model; asserts. */
void fixture_compare(struct fixture *fixture, unsigned tree, size_t snapshot);
void fixture_compare_all(struct fixture *fixture);
/* fi_lsm_check finds nothing; asserts. */
void fixture_check(struct fixture *fixture);

#endif
