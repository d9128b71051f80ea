/* SPDX-License-Identifier: Apache-2.0
 *
 * support/workspace/scan_support.h: what tests of the scan stand on: a tree on a real disk or in
 * memory, built and taken away through the seam; a sink that keeps and verifies what it is given;
 * the saved tree and the real one as text.
 *
 * Everything here fails the running test where something goes wrong. Memory comes from the C
 * library, so that a test may count and fail the allocations of firn alone.
 */
#ifndef FIRN_TEST_SCAN_SUPPORT_H
#define FIRN_TEST_SCAN_SUPPORT_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "os/os.h"
#include "scan/scan.h"

/* ---- a tree ---- */

struct scan_world {
    struct fi_os *os;
    struct fi_os_dir *root;
    char *temp_path;     /* on disk; NULL in memory */
    struct fi_os *outer; /* a fault implementation around a machine in memory, or NULL */
};

void scan_world_open_disk(struct scan_world *world);
void scan_world_open_memory(struct scan_world *world, uint64_t seed);
/* Puts a fault implementation around a world in memory: scans go through it, changes of the tree
 * below it. */
void scan_world_wrap(struct scan_world *world);
/* Removes the tree too. */
void scan_world_close(struct scan_world *world);

/* Paths are relative to the root; directories that are missing on the way are made. */
void scan_put_dir(struct scan_world *world, const char *path);
void scan_put_file(struct scan_world *world, const char *path, const void *data, size_t size);
void scan_put_text(struct scan_world *world, const char *path, const char *text);
/* size bytes that follow from the seed. */
void scan_put_random(struct scan_world *world, const char *path, uint64_t seed, size_t size);
void scan_put_symlink(struct scan_world *world, const char *path, const char *target);
void scan_put_link(struct scan_world *world, const char *path, const char *of);
void scan_put_fifo(struct scan_world *world, const char *path);
/* A file of `size` zeros without room on the disk, but for 4 KiB of data at each offset. */
void scan_put_sparse(struct scan_world *world, const char *path, uint64_t size,
                     const uint64_t *offsets, size_t count);
void scan_set_mode(struct scan_world *world, const char *path, uint32_t mode);
void scan_set_mtime(struct scan_world *world, const char *path, int64_t mtime_ns);
void scan_set_xattr(struct scan_world *world, const char *path, const char *name,
                    const char *value);
void scan_remove_file(struct scan_world *world, const char *path);
/* With all that is in it. */
void scan_remove_tree(struct scan_world *world, const char *path);
void scan_rename(struct scan_world *world, const char *from, const char *to);

/* ---- a sink ---- */

struct scan_object;

struct scan_sink {
    pthread_mutex_t mutex;
    struct scan_object *buckets[1024];
    uint64_t lanes_open;
    uint64_t lanes_opened;
    uint64_t adds;
    /* Fail the n-th call, from 1; 0 never. */
    uint64_t fail_lane_open_at;
    uint64_t fail_add_at;
    bool fail_lane_close;
    bool wants_content;
    const struct fi_cdc_table *cut_table; /* at first that of stores in clear */
    /* Called before each add, without the mutex; may be NULL. */
    void (*before_add)(void *ctx, enum fi_pack_kind kind, firn_slice content);
    void *ctx;
};

void scan_sink_init(struct scan_sink *sink);
void scan_sink_deinit(struct scan_sink *sink);
struct fi_objects_sink scan_sink_of(struct scan_sink *sink);
/* The bytes of an object; false if it was not added. */
bool scan_sink_find(struct scan_sink *sink, const firn_hash *hash, enum fi_pack_kind *out_kind,
                    firn_slice *out);
uint64_t scan_sink_count(struct scan_sink *sink, enum fi_pack_kind kind);

/* ---- notices ---- */

struct scan_notices {
    char *text; /* "<kind> <path>\n" for each, sorted */
    uint64_t counts[32];
    uint64_t progress_calls;
    uint64_t cancel_at; /* n-th progress call answers that it has had enough; 0 never */
    /* Called for each notice before it is counted; may be NULL. */
    void (*hook)(void *ctx, const firn_notice *notice);
    void *ctx;
};

firn_callbacks scan_notices_callbacks(struct scan_notices *notices);
void scan_notices_deinit(struct scan_notices *notices);
/* Whether there was such a notice. */
bool scan_notices_has(const struct scan_notices *notices, firn_notice_kind kind, const char *path);

/* ---- trees as text ---- */

/* Every entry below a directory object, with all its fields; contents and their hashes are
 * checked on the way. The caller frees it. */
char *scan_dump_saved(struct scan_sink *sink, const firn_hash *root);
/* The same text, from the real tree, by one thread in the plainest way, for a tree in which
 * nothing is unreadable. */
char *scan_dump_real(struct scan_world *world, bool include_deps);

/* Scans with the sink and fails the test if the scan does. */
void scan_run(struct scan_world *world, struct scan_sink *sink, struct scan_notices *notices,
              unsigned threads, struct fi_scan_result *out);
/* Scans with each number of threads and compares what was saved with what is there; returns the
 * root's hash. */
firn_hash scan_check_equal(struct scan_world *world);

#endif
