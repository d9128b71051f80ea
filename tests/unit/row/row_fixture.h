/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/row/row_fixture.h: a machine in memory with a cache, a model of what a run holds, and the
 * two compared.
 */
#ifndef FIRN_ROW_FIXTURE_H
#define FIRN_ROW_FIXTURE_H

#include "base/buf.h"
#include "row/row.h"
#include "sim/sim_memory.h"
#include "support/test_file.h"
#include "support/test_random.h"

struct row_fixture {
    struct fi_os *os;
    struct fi_os_dir *dir;
    struct fi_block_cache *cache;
};

void row_fixture_init(struct row_fixture *fixture, size_t cache_bytes);
void row_fixture_deinit(struct row_fixture *fixture);
/* What runs are opened and built with. */
struct fi_run_env row_fixture_env(const struct row_fixture *fixture);

/* Versions of keys in order, in memory of their own. */
struct row_model {
    struct fi_entry *entries;
    size_t count;
    size_t capacity;
    struct fi_range *ranges;
    size_t range_count;
};

void row_model_deinit(struct row_model *model);
/* Copies key and value; in any order. */
void row_model_add(struct row_model *model, firn_slice key, uint64_t sequence,
                   enum fi_entry_kind kind, firn_slice value);
void row_model_add_range(struct row_model *model, firn_slice lower, firn_slice upper,
                         uint64_t sequence);
/* Sorts, and drops what is there twice: before anything below. */
void row_model_sort(struct row_model *model);
/* The first entry at or after a place; count if there is none. */
size_t row_model_lower_bound(const struct row_model *model, firn_slice key, uint64_t sequence);

/* Builds the file; returns the first error. *out_summary is the caller's on success; may be
 * NULL. */
int row_model_build(const struct row_model *model, const struct fi_run_env *env, const char *name,
                    const struct fi_run_builder_options *options,
                    struct fi_run_summary *out_summary, firn_error *err);

/* Each asserts that the run answers as the model does. */
void row_model_compare_summary(const struct row_model *model, const struct fi_run_summary *summary);
/* All entries, both ways. */
void row_model_compare_scan(const struct row_model *model, struct fi_run *run, bool is_sequential);
/* Seeks at a place and just before it. */
void row_model_compare_seek(const struct row_model *model, struct fi_run_cursor *cursor,
                            firn_slice key, uint64_t sequence);
/* What the view reads of a key. */
void row_model_compare_get(const struct row_model *model, struct fi_run *run, firn_slice key,
                           const struct fi_snapshot *snapshot);
void row_model_compare_entry(const struct fi_entry *expected, const struct fi_entry *found);
/* check() reports nothing. */
void row_model_check_is_clean(struct fi_run *run);

/* Cuts the power on a clone of the machine: the file "run" is not there, unless it must be, or is there and
 * whole: then read succeeds. */
void row_fixture_check_cut(struct row_fixture *fixture, uint64_t seed, bool must_exist,
                           int (*read)(const void *ctx, struct fi_os_dir *dir,
                                       struct fi_block_cache *cache, firn_error *err),
                           const void *ctx);

/* For check: fails the test; counts in a size_t. */
void row_fixture_fail_on_damage(void *ctx, const char *text);
void row_fixture_count_damage(void *ctx, const char *text);

#endif
