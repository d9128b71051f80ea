/* SPDX-License-Identifier: Apache-2.0
 *
 * support/lsm: one table, of a key and a number.
 */
#include "rule_columns.h"

#include "block/block_cache.h"
#include "column/column.h"
#include "rule_model.h"
#include "sim/sim_memory.h"
#include "support/test.h"
#include "support/test_os.h"

enum { CACHE_SIZE = 4 << 20, BUILDERS_MAX = 4 };

static const struct fi_column_def columns[] = {{.id = 1, .type = FIRN_TYPE_I64},
                                               {.id = RULE_MODEL_COLUMN, .type = FIRN_TYPE_U64}};
static const uint32_t key_columns[] = {1};
static const struct fi_column_layout layout = {
    .columns = columns, .count = 2, .key = key_columns, .key_count = 1};

static struct {
    struct fi_os *os; /* NULL: they are not used */
    struct fi_os_dir *dir;
    struct fi_block_cache *cache;
    uint32_t group_rows;
    struct fi_run_builder *builders[BUILDERS_MAX]; /* each has a file of its own */
} machine;

static struct fi_run_env
env_of_machine(void)
{
    return (struct fi_run_env){.dir = machine.dir, .cache = machine.cache};
}

void
rule_columns_open(uint32_t group_rows)
{
    assert_int_equal(fi_sim_memory_create(1, &machine.os, NULL), FIRN_OK);
    machine.dir = test_os_root(machine.os);
    assert_int_equal(fi_block_cache_create(machine.os, CACHE_SIZE, &machine.cache, NULL), FIRN_OK);
    machine.group_rows = group_rows;
    rule_model_use_tuples(true);
}

void
rule_columns_close(void)
{
    fi_block_cache_destroy(machine.cache);
    fi_os_dir_close(machine.dir);
    fi_sim_memory_destroy(machine.os);
    machine.os = NULL;
    rule_model_use_tuples(false);
}

bool
rule_columns_are_used(void)
{
    return machine.os != NULL;
}

/* The name of the builder's file. Of NULL: of one that comes. */
static const char *
name_of(const struct fi_run_builder *builder)
{
    static const char names[BUILDERS_MAX][4] = {"one", "two", "3rd", "4th"};
    size_t i = 0;
    while (i < BUILDERS_MAX && machine.builders[i] != builder) {
        i++;
    }
    assert_true(i < BUILDERS_MAX);
    return names[i];
}

static void
note(const struct fi_run_builder *before, struct fi_run_builder *after)
{
    for (size_t i = 0; i < BUILDERS_MAX; i++) {
        if (machine.builders[i] == before) {
            machine.builders[i] = after;
            return;
        }
    }
}

struct fi_run_builder *
rule_columns_begin(void)
{
    const struct fi_run_env env = env_of_machine();
    const struct fi_run_builder_options options = {.layout = &layout,
                                                   .group_rows = machine.group_rows};
    struct fi_run_builder *builder;
    firn_error err;
    TEST_OK(fi_column_kind.builder_create(&env, name_of(NULL), &options, &builder, &err), &err);
    note(NULL, builder);
    return builder;
}

/* The file has no name any more once it is open. */
static struct fi_run *
finish(struct fi_run_builder *builder)
{
    const struct fi_run_env env = env_of_machine();
    struct fi_run_summary summary;
    struct fi_run *run;
    const char *name = name_of(builder);
    firn_error err;
    TEST_OK(fi_column_kind.builder_finish(builder, &summary, &err), &err);
    fi_run_summary_deinit(&summary);
    fi_column_kind.builder_destroy(builder);
    note(builder, NULL);
    TEST_OK(fi_column_kind.open(&env, name, &run, &err), &err);
    TEST_OK(fi_os_remove_file(machine.dir, name, &err), &err);
    return run;
}

void
rule_columns_end(struct fi_run *run)
{
    fi_column_kind.close(run);
}

static int
add_range(void *ctx, const struct fi_range *range, firn_error *err)
{
    return fi_column_kind.builder_add_range(ctx, range, err);
}

struct fi_run *
rule_columns_write(const struct fake_run *run)
{
    struct fi_run_builder *builder = rule_columns_begin();
    firn_error err;
    for (size_t i = 0; i < run->count; i++) {
        TEST_OK(fi_column_kind.builder_add(builder, fake_run_entry(run, i), &err), &err);
    }
    TEST_OK(fi_range_set_visit(&run->ranges, NULL, NULL, add_range, builder, &err), &err);
    return finish(builder);
}

static int
take_range(void *ctx, const struct fi_range *range, firn_error *err)
{
    (void)err;
    fake_run_add_range(ctx, range);
    return FIRN_OK;
}

struct fake_run *
rule_columns_take(struct fi_run_builder *builder)
{
    const struct fi_run_cursor_options options = {.is_sequential = true};
    struct fi_run *run = finish(builder);
    struct fi_run_cursor *cursor;
    struct fake_run *out = fake_run_create();
    firn_error err;
    TEST_OK(fi_column_kind.cursor_create(run, &options, &cursor, &err), &err);
    TEST_OK(fi_column_kind.cursor_first(cursor, &err), &err);
    while (cursor->is_valid) {
        fake_run_add(out, &cursor->entry);
        TEST_OK(fi_column_kind.cursor_next(cursor, &err), &err);
    }
    fi_column_kind.cursor_destroy(cursor);
    TEST_OK(fi_range_set_visit(fi_column_kind.ranges(run), NULL, NULL, take_range, out, &err),
            &err);
    assert_int_equal(out->count, fi_column_kind.summary(run)->entry_count);
    rule_columns_end(run);
    return out;
}
