/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/column/column_fixture.h: random layouts and entries, and runs of columns compared with a model of
 * entries (unit/row/row_fixture.h).
 */
#ifndef FIRN_COLUMN_FIXTURE_H
#define FIRN_COLUMN_FIXTURE_H

#include "column/column_internal.h"
#include "unit/row/row_fixture.h"

enum { COLUMN_FIXTURE_COLUMNS_MAX = 24 };

/* A layout in memory of its own, and how the values of its columns look. */
struct column_fixture_table {
    struct fi_column_layout layout;
    struct fi_column_def columns[COLUMN_FIXTURE_COLUMNS_MAX];
    uint8_t styles[COLUMN_FIXTURE_COLUMNS_MAX];
    uint8_t initial[COLUMN_FIXTURE_COLUMNS_MAX][32];
    uint32_t key[FI_COLUMN_KEY_MAX];
};

/* A column more. Numbers of columns ascend; those of an even number have Bloom filters. */
void column_fixture_add(struct column_fixture_table *table, uint32_t id, firn_type type,
                        uint32_t fixed_size);
void column_fixture_add_key(struct column_fixture_table *table, uint32_t id);
void column_fixture_random_table(struct test_random *random, struct column_fixture_table *table);
/* The layout's copy of a table: with pointers into itself. */
void column_fixture_set(struct column_fixture_table *table);

/* A value of a column, whose bytes lie in buffer, of 64 bytes. n is about how many there are. */
struct fi_cell column_fixture_cell(struct test_random *random,
                                   const struct column_fixture_table *table, size_t slot,
                                   uint64_t n, uint8_t *buffer);

struct column_fixture_fill {
    size_t count;
    uint64_t keys; /* about so many */
    bool is_plain; /* puts alone, each key once */
    bool is_odd;   /* columns are left out, others are added */
    uint64_t ranges;
};
void column_fixture_fill(struct test_random *random, const struct column_fixture_table *table,
                         const struct column_fixture_fill *how, struct row_model *out);
/* What comes back of these entries: with all columns of the layout, and no others. */
void column_fixture_expect(const struct column_fixture_table *table, const struct row_model *from,
                           struct row_model *out);

/* Builds the file; returns the first error. *out_summary is the caller's on success; may be NULL. */
int column_fixture_build(const struct row_model *model, const struct fi_run_env *env,
                         const char *name, const struct fi_run_builder_options *options,
                         struct fi_run_summary *out_summary, firn_error *err);

/* Each asserts that the run answers as the model does. */
void column_fixture_compare_scan(const struct row_model *model, struct fi_run *run,
                                 bool is_sequential);
void column_fixture_compare_seek(const struct row_model *model, struct fi_run_cursor *cursor,
                                 firn_slice key, uint64_t sequence);
void column_fixture_compare_get(const struct row_model *model, struct fi_run *run, firn_slice key,
                                const struct fi_snapshot *snapshot);
/* Nothing is wrong with the run. */
void column_fixture_check(struct fi_run *run);
/* Numbers of the summary but for content_bytes; bounds. */
void column_fixture_compare_summary(const struct row_model *model,
                                    const struct fi_run_summary *summary);

#endif
