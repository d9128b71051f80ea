/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/column: damaged runs: one bit in each 4 KiB, cuts, and runs with right checksums that lie. What is
 * answered is right; what cannot be answered is an error that names file, column and row group.
 */
#include "unit/column/column_fixture.h"
#include "unit/column/column_walk.h"

#include "base/slice.h"
#include "support/test_alloc.h"
#include "support/test_seal.h"

/* A run as a model and as bytes. */
struct damage {
    struct row_fixture fixture;
    struct fi_run_env env;
    struct column_fixture_table table;
    struct row_model model;
    struct fi_buf good;
    struct fi_buf bad;
};

/* Columns of all kinds, some groups. */
static void
damage_init(struct damage *damage, size_t count, uint32_t group_rows)
{
    firn_error err;
    struct test_random random;
    *damage = (struct damage){.good = {0}};
    row_fixture_init(&damage->fixture, 0);
    damage->env = row_fixture_env(&damage->fixture);
    test_random_init(&random, "column_damage", 8);
    column_fixture_add(&damage->table, 1, FIRN_TYPE_I64, 0);
    column_fixture_add(&damage->table, 2, FIRN_TYPE_TEXT, 0);
    column_fixture_add(&damage->table, 3, FIRN_TYPE_F64, 0);
    column_fixture_add(&damage->table, 4, FIRN_TYPE_UUID, 16);
    column_fixture_add(&damage->table, 7, FIRN_TYPE_BOOL, 0);
    column_fixture_add_key(&damage->table, 1);
    memset(damage->table.styles, 2, sizeof damage->table.styles); /* any */
    struct column_fixture_fill how = {.count = count, .keys = count, .ranges = 2};
    column_fixture_fill(&random, &damage->table, &how, &damage->model);
    struct fi_run_builder_options options = {.layout = &damage->table.layout,
                                             .group_rows = group_rows};
    assert_int_equal(
        column_fixture_build(&damage->model, &damage->env, "good", &options, NULL, &err), FIRN_OK);
    test_file_read(damage->fixture.dir, "good", &damage->good);
    assert_int_equal(fi_buf_assign(&damage->bad, fi_buf_slice(&damage->good)), FIRN_OK);
}

static void
damage_deinit(struct damage *damage)
{
    row_model_deinit(&damage->model);
    fi_buf_deinit(&damage->good);
    fi_buf_deinit(&damage->bad);
    row_fixture_deinit(&damage->fixture);
}

/* Writes the first size bytes of the bad copy and opens them. */
static int
damage_open(struct damage *damage, size_t size, struct fi_run **out, firn_error *err)
{
    test_file_write(damage->fixture.dir, "bad", damage->bad.data, size);
    return fi_column_kind.open(&damage->env, "bad", out, err);
}

static void
damage_mend(struct damage *damage)
{
    assert_int_equal(fi_buf_assign(&damage->bad, fi_buf_slice(&damage->good)), FIRN_OK);
}

static void
assert_is_damage(int rc, const firn_error *err)
{
    assert_true(rc == FIRN_CORRUPT || rc == FIRN_NEWER);
    assert_int_equal(err->code, rc);
    assert_non_null(strstr(err->text, "bad"));
}

/* ---- one bit ---- */

/* Reads a column of a group; true if it is as it should be. */
static bool
read_column(struct damage *damage, struct fi_run *run, size_t group, size_t first,
            const struct fi_column_def *column, struct fi_chunk_scratch *scratch)
{
    firn_error err;
    struct fi_column_pin pin;
    char name[64];
    int rc = fi_column_pin_chunk(run, group, column->id, FI_BLOCK_CACHE_DATA, &pin, &err);
    if (rc != FIRN_OK) {
        assert_is_damage(rc, &err);
        (void)snprintf(name, sizeof name, "column %u of row group %zu", column->id, group);
        assert_non_null(strstr(err.text, name));
        return false;
    }
    for (uint32_t row = 0; row < pin.chunk.count; row += 7) {
        const struct fi_entry *entry = &damage->model.entries[first + row];
        struct fi_cell found;
        struct fi_cell expected;
        assert_int_equal(fi_chunk_get(&pin.chunk, row, scratch, &found, &err), FIRN_OK);
        if (entry->kind == FI_ENTRY_PUT &&
            fi_tuple_find(entry->value, column->id, &expected) == FIRN_OK) {
            assert_int_equal(found.kind, expected.kind);
            assert_true(found.kind == FI_PHYSICAL_BYTES
                            ? fi_slice_equal(found.as.bytes, expected.as.bytes)
                            : found.kind == FI_PHYSICAL_NONE || found.as.u64 == expected.as.u64);
        }
    }
    fi_column_read_unpin(&pin);
    return true;
}

/* How many chunks of columns cannot be read. */
static size_t
read_columns(struct damage *damage, struct fi_run *run)
{
    size_t bad = 0;
    size_t first = 0;
    struct fi_chunk_scratch scratch = {{0}, {0}, {0}};
    const struct fi_column_layout *layout = &damage->table.layout;
    for (size_t i = 0; i < fi_column_group_count(run); i++) {
        struct fi_column_group group;
        fi_column_group_at(run, i, &group);
        for (size_t slot = 0; slot < layout->count; slot++) {
            bad += !read_column(damage, run, i, first, &layout->columns[slot], &scratch);
        }
        first += group.rows;
    }
    fi_chunk_scratch_deinit(&scratch);
    return bad;
}

static void
check_gets(struct damage *damage, struct fi_run *run)
{
    firn_error err;
    struct fi_buf value = {0};
    for (size_t i = 0; i < damage->model.count; i += 31) {
        const struct fi_entry *entry = &damage->model.entries[i];
        struct fi_snapshot_interval only = {entry->sequence, entry->sequence};
        struct fi_snapshot snapshot = {&only, 1, 0, NULL};
        struct fi_run_hit hit;
        int rc = fi_column_kind.get(run, entry->key, &snapshot, &hit, &value, &err);
        if (rc != FIRN_OK) {
            assert_is_damage(rc, &err);
            assert_non_null(strstr(err.text, "of row group"));
            continue;
        }
        assert_int_equal(hit.kind, entry->kind);
        assert_true(entry->kind == FI_ENTRY_DELETE ||
                    fi_slice_equal(entry->value, fi_buf_slice(&value)));
    }
    fi_buf_deinit(&value);
}

/* Walks to the end or to the first damage, showing no column but this one. */
static int
walk(struct damage *damage, struct fi_run *run, uint32_t column)
{
    firn_error err;
    struct fi_run_projection projection = {.columns = &column, .count = 1};
    struct fi_run_cursor_options options = {.projection = &projection};
    struct fi_run_cursor *cursor;
    assert_int_equal(fi_column_kind.cursor_create(run, &options, &cursor, &err), FIRN_OK);
    int rc = fi_column_kind.cursor_first(cursor, &err);
    size_t i = 0;
    for (; rc == FIRN_OK && cursor->is_valid; i++) {
        assert_true(fi_slice_equal(cursor->entry.key, damage->model.entries[i].key));
        rc = fi_column_kind.cursor_next(cursor, &err);
    }
    if (rc == FIRN_OK) {
        assert_int_equal(i, damage->model.count);
    } else {
        assert_is_damage(rc, &err);
    }
    fi_column_kind.cursor_destroy(cursor);
    return rc;
}

struct reports {
    size_t count;
};

static void
take_report(void *ctx, const char *text)
{
    assert_non_null(strstr(text, "bad"));
    ((struct reports *)ctx)->count++;
}

static void
one_bit_takes_one_column_of_one_group_away(void **state)
{
    firn_error err;
    struct damage damage;
    damage_init(&damage, 6000, 1500);
    size_t hits = 0;
    for (size_t at = 1000; at < damage.good.size; at += 4096) {
        struct fi_run *run;
        damage.bad.data[at] ^= 0x10;
        int rc = damage_open(&damage, damage.bad.size, &run, &err);
        if (rc != FIRN_OK) {
            assert_is_damage(rc, &err);
        } else {
            size_t bad = read_columns(&damage, run);
            assert_true(bad <= 1);
            hits += bad;
            size_t walks = 0;
            for (size_t slot = 1; slot < damage.table.layout.count; slot++) {
                walks += walk(&damage, run, damage.table.columns[slot].id) == FIRN_OK;
            }
            /* All can be walked but the damaged one, unless that is needed to know the rows. */
            assert_true(walks == 0 || walks + bad >= damage.table.layout.count - 1);
            check_gets(&damage, run);
            struct reports reports = {0};
            rc = fi_column_kind.check(run, take_report, &reports, NULL, &err);
            assert_is_damage(rc, &err);
            assert_int_equal(reports.count, 1);
            fi_column_kind.close(run);
        }
        damage.bad.data[at] ^= 0x10;
    }
    assert_true(hits > 20);
    damage_deinit(&damage);
}

/* ---- written again ---- */

/* How a mended run differs from the one that was written. */
struct lack {
    size_t rows;    /* that are missing */
    size_t columns; /* of which values are missing */
    size_t values;
};

static void
compare_entry(const struct damage *damage, const struct fi_entry *wanted,
              const struct fi_entry *found, bool *lacks, struct lack *out)
{
    const struct fi_column_layout *layout = &damage->table.layout;
    assert_int_equal(found->kind, wanted->kind);
    for (size_t slot = 1; wanted->kind == FI_ENTRY_PUT && slot < layout->count; slot++) {
        struct fi_cell a = {.kind = FI_PHYSICAL_NONE};
        struct fi_cell b = {.kind = FI_PHYSICAL_NONE};
        FI_IGNORE(fi_tuple_find(wanted->value, layout->columns[slot].id, &a));
        assert_int_equal(fi_tuple_find(found->value, layout->columns[slot].id, &b), FIRN_OK);
        bool is_same = a.kind == b.kind &&
                       (a.kind == FI_PHYSICAL_NONE ||
                        (a.kind == FI_PHYSICAL_BYTES ? fi_slice_equal(a.as.bytes, b.as.bytes)
                                                     : a.as.u64 == b.as.u64));
        if (!is_same) {
            assert_int_equal(b.kind, layout->columns[slot].initial.kind);
            lacks[slot] = true;
            out->values++;
        }
    }
}

/* The entries of a mended run are entries that were written. */
static void
compare_mended(const struct damage *damage, struct fi_run *run, struct lack *out)
{
    firn_error err;
    struct fi_run_cursor *cursor;
    bool lacks[COLUMN_FIXTURE_COLUMNS_MAX] = {false};
    size_t at = 0;
    size_t found = 0;
    *out = (struct lack){0};
    assert_int_equal(fi_column_kind.cursor_create(run, NULL, &cursor, &err), FIRN_OK);
    assert_int_equal(fi_column_kind.cursor_first(cursor, &err), FIRN_OK);
    for (; cursor->is_valid; found++, at++) {
        const struct fi_entry *entry = &cursor->entry;
        while (at < damage->model.count &&
               fi_entry_compare(damage->model.entries[at].key, damage->model.entries[at].sequence,
                                entry->key, entry->sequence) < 0) {
            at++;
        }
        assert_true(at < damage->model.count);
        assert_true(fi_slice_equal(damage->model.entries[at].key, entry->key));
        assert_int_equal(damage->model.entries[at].sequence, entry->sequence);
        compare_entry(damage, &damage->model.entries[at], entry, lacks, out);
        assert_int_equal(fi_column_kind.cursor_next(cursor, &err), FIRN_OK);
    }
    fi_column_kind.cursor_destroy(cursor);
    for (size_t slot = 0; slot < COLUMN_FIXTURE_COLUMNS_MAX; slot++) {
        out->columns += lacks[slot];
    }
    out->rows = damage->model.count - found;
}

static int
write_again(const struct damage *damage, struct fi_run *run, struct fi_run_mend *how,
            firn_error *err)
{
    struct fi_run_summary summary;
    *how = (struct fi_run_mend){.env = damage->env,
                                .name = "again",
                                .codec = FI_CODEC_LZ4,
                                .on_damage = take_report,
                                .ctx = &(struct reports){0}};
    int rc = fi_column_kind.mend(run, how, &summary, err);
    if (rc == FIRN_OK) {
        fi_block_cache_drop_file(damage->env.cache, summary.cache_file);
        fi_run_summary_deinit(&summary);
    }
    return rc;
}

static void
a_damaged_run_is_written_again_without_what_is_lost(void **state)
{
    firn_error err;
    struct damage damage;
    unsigned runs = 0;
    unsigned whole = 0;
    unsigned of_columns = 0;
    unsigned of_rows = 0;
    damage_init(&damage, 6000, 1500);
    for (size_t at = 200; at < damage.good.size; at += 3001) {
        struct fi_run *run;
        struct fi_run *again;
        struct fi_run_mend how;
        struct lack lack;
        damage.bad.data[at] ^= 0x10;
        if (damage_open(&damage, damage.bad.size, &run, &err) == FIRN_OK) {
            assert_int_equal(write_again(&damage, run, &how, &err), FIRN_OK);
            assert_int_equal(fi_column_kind.open(&damage.env, "again", &again, &err), FIRN_OK);
            column_fixture_check(again);
            compare_mended(&damage, again, &lack);
            assert_true(lack.columns <= 1 && (lack.columns == 0 || lack.rows == 0));
            assert_true(lack.values <= 1500 && lack.rows <= 1500);
            assert_true(!how.is_whole || (lack.rows == 0 && lack.columns == 0));
            fi_column_kind.close(again);
            fi_column_kind.close(run);
            assert_int_equal(fi_os_remove_file(damage.fixture.dir, "again", &err), FIRN_OK);
            runs++;
            whole += how.is_whole;
            of_columns += lack.columns > 0;
            of_rows += lack.rows > 0;
        }
        damage.bad.data[at] ^= 0x10;
    }
    print_message(
        "count: %u runs written again: %u whole, %u without values of a column, %u without "
        "rows\n",
        runs, whole, of_columns, of_rows);
    assert_true(of_columns > 10 && of_rows > 0);
    damage_deinit(&damage);
}

/* Memory that runs out is no damage: nothing is taken for lost. */
static void
a_run_is_written_again_or_not_while_memory_runs_out(void **state)
{
    firn_error err;
    uint64_t n = 1;
    bool is_reached = true;
    test_alloc_install();
    for (; is_reached; n++) {
        struct damage damage;
        struct fi_run *run;
        struct fi_run *again;
        struct fi_run_mend how;
        damage_init(&damage, 120, 50);
        damage.bad.data[damage.bad.size / 4] ^= 0x10;
        assert_int_equal(damage_open(&damage, damage.bad.size, &run, &err), FIRN_OK);
        test_alloc_fail_at(n, false);
        int rc = write_again(&damage, run, &how, &err);
        is_reached = test_alloc_calls() >= n;
        test_alloc_fail_at(0, false);
        assert_true(rc == FIRN_OK || (rc == FIRN_NO_MEMORY && is_reached));
        if (rc == FIRN_OK) {
            struct lack lack;
            assert_int_equal(fi_column_kind.open(&damage.env, "again", &again, &err), FIRN_OK);
            compare_mended(&damage, again, &lack);
            assert_true(lack.columns <= 1 && lack.rows <= 50);
            fi_column_kind.close(again);
        }
        fi_column_kind.close(run);
        damage_deinit(&damage);
    }
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
    print_message("count: %u runs written again with an allocation that fails\n", (unsigned)n - 1);
    assert_true(n > 50);
}

static void
a_run_that_was_cut_is_refused(void **state)
{
    firn_error err;
    struct damage damage;
    damage_init(&damage, 2000, 700);
    for (size_t size = 0; size < damage.good.size; size += 1 + size / 20) {
        struct fi_run *run;
        assert_is_damage(damage_open(&damage, size, &run, &err), &err);
    }
    damage_deinit(&damage);
}

/* ---- lies ---- */

/* Where the index is in the file. */
static size_t
index_at(const struct damage *damage, size_t *out_size)
{
    struct fi_run *run;
    assert_int_equal(fi_column_kind.open(&damage->env, "good", &run, NULL), FIRN_OK);
    const struct fi_column_run *open = fi_column_read_const(run);
    size_t at = (size_t)open->sections.index.offset + FI_BLOCK_FORMAT_PREFIX_SIZE;
    *out_size = open->sections.index.raw_size;
    fi_column_kind.close(run);
    return at;
}

/* Seals the bad copy; whether a run that opens passes its check. */
static bool
passes(struct damage *damage)
{
    firn_error err;
    struct fi_run *run;
    test_seal(damage->bad.data, damage->bad.size);
    int rc = damage_open(damage, damage->bad.size, &run, &err);
    if (rc != FIRN_OK) {
        assert_is_damage(rc, &err);
        return false;
    }
    struct reports reports = {0};
    rc = fi_column_kind.check(run, take_report, &reports, NULL, &err);
    fi_column_kind.close(run);
    assert_true((rc == FIRN_OK) == (reports.count == 0) || rc == FIRN_NEWER);
    return rc == FIRN_OK;
}

static void
whatever_an_index_says_that_is_not_so_is_found(void **state)
{
    struct damage damage;
    size_t size;
    damage_init(&damage, 300, 100);
    size_t at = index_at(&damage, &size);
    assert_true(passes(&damage));
    for (size_t i = 0; i < size; i++) {
        for (unsigned bit = 1; bit < 256; bit *= 16) {
            damage.bad.data[at + i] ^= (uint8_t)bit;
            if (passes(&damage)) {
                /* A bound may be wider than it must be; a group may not be called plain. */
                size_t groups = 64 + 24 * damage.table.layout.count + 8;
                size_t in_group = i < groups ? 0 : (i - groups) % (64 + 64 * 9);
                size_t in_chunk = in_group < 64 ? 0 : (in_group - 64) % 64;
                bool is_bound =
                    in_chunk == 17 || in_chunk == 18 || in_chunk == 19 || in_chunk >= 32;
                bool is_initial = i >= 64 && i < groups;
                if (!is_bound && !is_initial && i < groups + 3 * (64 + 64 * 9)) {
                    fail_msg("byte %zu of the index, %zu of a group, %zu of a chunk", i, in_group,
                             in_chunk);
                }
            }
            damage.bad.data[at + i] ^= (uint8_t)bit;
        }
    }
    damage_deinit(&damage);
}

static void
runs_that_anybody_may_have_made_are_read_within_bounds(void **state)
{
    struct damage damage;
    struct test_random random;
    size_t size;
    test_random_init(&random, "column_hostile", 9);
    damage_init(&damage, 300, 100);
    size_t at = index_at(&damage, &size);
    size_t end = damage.good.size - 128;
    unsigned rounds = getenv("FIRN_TEST_LONG") != NULL ? 100000 : 1500;
    for (unsigned i = 0; i < rounds; i++) {
        size_t first = i % 2 == 0 ? at : 128;
        size_t last = i % 2 == 0 ? at + size : end;
        for (uint64_t n = 1 + test_random_below(&random, 4); n > 0; n--) {
            size_t where = first + test_random_below(&random, last - first);
            damage.bad.data[where] = test_random_below(&random, 2) == 0
                                         ? (uint8_t)test_random_next(&random)
                                         : (uint8_t)(damage.bad.data[where] + 1);
        }
        test_seal(damage.bad.data, damage.bad.size);
        test_file_write(damage.fixture.dir, "bad", damage.bad.data, damage.bad.size);
        (void)column_walk_file(&damage.env, "bad");
        damage_mend(&damage);
    }
    damage_deinit(&damage);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_bit_takes_one_column_of_one_group_away),
        cmocka_unit_test(a_damaged_run_is_written_again_without_what_is_lost),
        cmocka_unit_test(a_run_is_written_again_or_not_while_memory_runs_out),
        cmocka_unit_test(a_run_that_was_cut_is_refused),
        cmocka_unit_test(whatever_an_index_says_that_is_not_so_is_found),
        cmocka_unit_test(runs_that_anybody_may_have_made_are_read_within_bounds),
    };
    return cmocka_run_group_tests_name("column_damage", tests, NULL, NULL);
}
