/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/row: damaged runs. Every byte changed, every length cut: what is answered is right, and what
 * cannot be answered is an error that says what is lost. Then single parts, and what remains.
 */
#include "unit/row/row_fixture.h"

#include "base/slice.h"
#include "row/row_format.h"
#include "row/row_internal.h"
#include "sim/sim_fault.h"
#include "support/test_seal.h"

static struct fi_snapshot_interval all_interval = {1, UINT64_MAX};
static const struct fi_snapshot all = {&all_interval, 1, 0, NULL};

/* A run as a model and as bytes. */
struct damage {
    struct row_fixture fixture;
    struct row_model model;
    struct fi_buf good;
    struct fi_buf bad;
};

static void
damage_build(struct damage *damage, enum fi_codec codec)
{
    firn_error err;
    struct fi_run_env env = row_fixture_env(&damage->fixture);
    struct fi_run_builder_options options = {.codec = codec, .codec_level = 1};
    int rc = row_model_build(&damage->model, &env, "good", &options, NULL, &err);
    assert_int_equal(rc, FIRN_OK);
    test_file_read(damage->fixture.dir, "good", &damage->good);
    assert_int_equal(fi_buf_append_slice(&damage->bad, fi_buf_slice(&damage->good)), FIRN_OK);
}

/* A little of everything: some blocks, versions, tombstones, a value beside its block, ranges. */
static void
damage_init_small(struct damage *damage, enum fi_codec codec)
{
    static uint8_t large[FI_ROW_FORMAT_INLINE_MAX + 100];
    *damage = (struct damage){0};
    row_fixture_init(&damage->fixture, 0);
    for (unsigned i = 0; i < 60; i++) {
        char key[40];
        (void)snprintf(key, sizeof key, "some/key/%02u", i);
        row_model_add(&damage->model, firn_str(key), 100 + i, FI_ENTRY_PUT,
                      firn_bytes("0123456789abcdefghijklmnopqrstuvwxyz", i % 37));
        if (i % 5 == 0) {
            row_model_add(&damage->model, firn_str(key), 50 + i, FI_ENTRY_DELETE,
                          firn_bytes(NULL, 0));
        }
    }
    row_model_add(&damage->model, firn_str("some/large"), 7, FI_ENTRY_PUT,
                  firn_bytes(large, sizeof large));
    row_model_add_range(&damage->model, firn_str("a"), firn_str("b"), 3);
    row_model_sort(&damage->model);
    damage_build(damage, codec);
}

/* Many blocks of 16-byte keys. */
static void
damage_init_large(struct damage *damage)
{
    struct test_random random;
    *damage = (struct damage){0};
    row_fixture_init(&damage->fixture, 0);
    test_random_init(&random, "row_damage", 8);
    for (uint64_t i = 0; i < 3000; i++) {
        char key[40];
        uint8_t value[100];
        test_random_fill(&random, value, sizeof value);
        (void)snprintf(key, sizeof key, "key\n%06u", (unsigned)i);
        row_model_add(&damage->model, firn_str(key), 1 + i, FI_ENTRY_PUT,
                      firn_bytes(value, sizeof value));
    }
    row_model_sort(&damage->model);
    damage_build(damage, FI_CODEC_NONE);
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
    struct fi_run_env env = row_fixture_env(&damage->fixture);
    test_file_write(damage->fixture.dir, "bad", damage->bad.data, size);
    return fi_row_kind.open(&env, "bad", out, err);
}

/* Damage, and a text that names the file. */
static void
assert_is_damage(int rc, const firn_error *err)
{
    assert_true(rc == FIRN_CORRUPT || rc == FIRN_NEWER);
    assert_int_equal(err->code, rc);
    assert_non_null(strstr(err->text, "bad"));
}

/* ---- whatever is answered is right ---- */

static void
check_gets(const struct damage *damage, struct fi_run *run)
{
    firn_error err;
    struct fi_buf value = {0};
    for (size_t i = 0; i < damage->model.count; i++) {
        const struct fi_entry *entry = &damage->model.entries[i];
        struct fi_snapshot_interval only = {entry->sequence, entry->sequence};
        struct fi_snapshot snapshot = {&only, 1, 0, NULL};
        struct fi_run_hit hit;
        int rc = fi_row_kind.get(run, entry->key, &snapshot, &hit, &value, &err);
        if (rc != FIRN_OK) {
            assert_is_damage(rc, &err);
            continue;
        }
        assert_int_equal(hit.kind, entry->kind);
        assert_int_equal(hit.sequence, entry->sequence);
        assert_true(entry->kind != FI_ENTRY_PUT ||
                    fi_slice_equal(entry->value, fi_buf_slice(&value)));
    }
    struct fi_run_hit hit;
    int rc = fi_row_kind.get(run, firn_str("some/key/0"), &all, &hit, &value, &err);
    if (rc != FIRN_NOT_FOUND) {
        assert_is_damage(rc, &err);
    }
    fi_buf_deinit(&value);
}

/* Walks until the end or the first damage; seeks after it and goes on. */
static void
check_walk(const struct damage *damage, struct fi_run *run, bool is_sequential)
{
    firn_error err;
    const struct row_model *model = &damage->model;
    struct fi_run_cursor_options options = {.is_sequential = is_sequential};
    struct fi_run_cursor *cursor;
    assert_int_equal(fi_row_kind.cursor_create(run, &options, &cursor, &err), FIRN_OK);
    size_t i = 0;
    int rc = fi_row_kind.cursor_first(cursor, &err);
    while (i < model->count) {
        if (rc == FIRN_OK) {
            assert_true(cursor->is_valid);
            row_model_compare_entry(&model->entries[i], &cursor->entry);
            i++;
            rc = fi_row_kind.cursor_next(cursor, &err);
        } else {
            assert_is_damage(rc, &err);
            assert_false(cursor->is_valid);
            i++;
            rc = i == model->count ? FIRN_CORRUPT
                                   : fi_row_kind.cursor_seek(cursor, model->entries[i].key,
                                                             model->entries[i].sequence, &err);
        }
    }
    assert_false(cursor->is_valid);
    fi_row_kind.cursor_destroy(cursor);
}

struct reports {
    size_t count;
    char text[FIRN_ERROR_TEXT_SIZE]; /* the last */
};

static void
take_report(void *ctx, const char *text)
{
    struct reports *reports = ctx;
    assert_non_null(strstr(text, "bad"));
    reports->count++;
    (void)snprintf(reports->text, sizeof reports->text, "%s", text);
}

/* Reads all of the bad copy; true if anything was amiss. */
static bool
check_bad_copy(struct damage *damage, size_t size)
{
    firn_error err;
    struct fi_run *run;
    int rc = damage_open(damage, size, &run, &err);
    if (rc != FIRN_OK) {
        assert_is_damage(rc, &err);
        return true;
    }
    check_gets(damage, run);
    check_walk(damage, run, false);
    check_walk(damage, run, true);
    struct reports reports = {0};
    rc = fi_row_kind.check(run, take_report, &reports, NULL, &err);
    assert_int_equal(rc == FIRN_OK, reports.count == 0);
    if (rc != FIRN_OK) {
        assert_is_damage(rc, &err);
    }
    fi_row_kind.close(run);
    return rc != FIRN_OK;
}

static void
every_changed_byte_is_found_and_answers_nothing_wrong(void **state)
{
    for (int codec = FI_CODEC_LZ4; codec <= FI_CODEC_ZSTD; codec++) {
        struct damage damage;
        damage_init_small(&damage, (enum fi_codec)codec);
        assert_false(check_bad_copy(&damage, damage.bad.size));
        size_t step = getenv("FIRN_TEST_LONG") != NULL || codec == FI_CODEC_ZSTD ? 1 : 3;
        for (size_t i = 0; i < damage.good.size; i += step) {
            damage.bad.data[i] ^= (uint8_t)(1U << (i % 8));
            if (!check_bad_copy(&damage, damage.bad.size)) {
                fail_msg("byte %zu", i);
            }
            damage.bad.data[i] = damage.good.data[i];
        }
        damage_deinit(&damage);
    }
}

static void
every_length_is_refused(void **state)
{
    firn_error err;
    struct fi_run *run;
    struct damage damage;
    damage_init_small(&damage, FI_CODEC_ZSTD);
    for (size_t size = 0; size < damage.good.size; size++) {
        int rc = damage_open(&damage, size, &run, &err);
        assert_is_damage(rc, &err);
        assert_null(run);
    }
    damage_deinit(&damage);
}

/* ---- under right checksums ---- */

/* Any byte changed, and all checksums made right again: nothing is promised of the answers, but
 * none goes wrong beyond that; check finds what contradicts itself. */
static void
changed_bytes_behind_right_checksums_do_no_harm(void **state)
{
    firn_error err;
    struct damage damage;
    struct test_random random;
    test_random_init(&random, "row_sealed", 6);
    damage_init_small(&damage, FI_CODEC_LZ4);
    struct fi_buf value = {0};
    size_t rounds = getenv("FIRN_TEST_LONG") != NULL ? 100000 : 2000;
    for (size_t round = 0; round < rounds; round++) {
        memcpy(damage.bad.data, damage.good.data, damage.good.size);
        size_t at = 128 + test_random_below(&random, damage.good.size - 256);
        damage.bad.data[at] = (uint8_t)test_random_next(&random);
        test_seal(damage.bad.data, damage.bad.size);
        struct fi_run *run;
        if (damage_open(&damage, damage.bad.size, &run, &err) != FIRN_OK) {
            continue;
        }
        struct reports reports = {0};
        (void)fi_row_kind.check(run, take_report, &reports, NULL, &err);
        for (size_t i = 0; i < damage.model.count; i += 5) {
            struct fi_run_hit hit;
            (void)fi_row_kind.get(run, damage.model.entries[i].key, &all, &hit, &value, &err);
        }
        struct fi_run_cursor *cursor;
        assert_int_equal(fi_row_kind.cursor_create(run, NULL, &cursor, &err), FIRN_OK);
        int rc = fi_row_kind.cursor_first(cursor, &err);
        while (rc == FIRN_OK && cursor->is_valid) {
            rc = fi_row_kind.cursor_next(cursor, &err);
        }
        fi_row_kind.cursor_destroy(cursor);
        fi_row_kind.close(run);
    }
    fi_buf_deinit(&value);
    damage_deinit(&damage);
}

/* ---- one part ---- */

/* The place of the i-th data block in the file, and its range in the model. */
static struct fi_block_ref
block_ref(const struct damage *damage, size_t i)
{
    firn_error err;
    struct fi_run *run;
    struct fi_run_env env = row_fixture_env(&damage->fixture);
    struct fi_row_read_index index;
    struct fi_row_index_block block;
    assert_int_equal(fi_row_kind.open(&env, "good", &run, &err), FIRN_OK);
    assert_int_equal(fi_row_read_index(fi_row_read_run(run), &index, &err), FIRN_OK);
    assert_true(i + 1 < index.index.block_count);
    fi_row_index_block(&index.index, i, &block);
    fi_row_read_index_release(fi_row_read_run(run), &index);
    fi_row_kind.close(run);
    return block.ref;
}

static void
a_bad_block_takes_its_own_keys_away_and_no_others(void **state)
{
    firn_error err;
    struct damage damage;
    struct fi_run *run;
    damage_init_large(&damage);
    struct fi_block_ref ref = block_ref(&damage, 10);
    damage.bad.data[ref.offset + 2000] ^= 1;
    assert_int_equal(damage_open(&damage, damage.bad.size, &run, &err), FIRN_OK);
    size_t lost = 0;
    char place[64];
    (void)snprintf(place, sizeof place, "block at %llu", (unsigned long long)ref.offset);
    for (size_t i = 0; i < damage.model.count; i++) {
        struct fi_run_hit hit;
        int rc = fi_row_kind.get(run, damage.model.entries[i].key, &all, &hit, NULL, &err);
        if (rc != FIRN_OK) {
            assert_is_damage(rc, &err);
            assert_non_null(strstr(err.text, place));
            assert_non_null(strstr(err.text, "keys from 'key\\x0a000"));
            assert_null(strchr(err.text, '\n'));
            lost++;
        }
    }
    assert_true(lost > 20 && lost < 60);
    check_walk(&damage, run, false);
    check_walk(&damage, run, true);
    struct reports reports = {0};
    assert_int_equal(fi_row_kind.check(run, take_report, &reports, NULL, &err), FIRN_CORRUPT);
    assert_int_equal(reports.count, 1);
    assert_non_null(strstr(reports.text, place));
    assert_non_null(strstr(reports.text, "keys from"));
    fi_row_kind.close(run);
    damage_deinit(&damage);
}

static void
two_bad_blocks_are_both_reported(void **state)
{
    firn_error err;
    struct damage damage;
    struct fi_run *run;
    damage_init_large(&damage);
    damage.bad.data[block_ref(&damage, 0).offset + 30] ^= 1;
    damage.bad.data[block_ref(&damage, 40).offset + 3000] ^= 1;
    assert_int_equal(damage_open(&damage, damage.bad.size, &run, &err), FIRN_OK);
    struct reports reports = {0};
    assert_int_equal(fi_row_kind.check(run, take_report, &reports, NULL, &err), FIRN_CORRUPT);
    assert_int_equal(reports.count, 2);
    fi_row_kind.close(run);
    damage_deinit(&damage);
}

static void
a_bad_block_is_no_matter_to_snapshots_that_do_not_see_it(void **state)
{
    firn_error err;
    struct damage damage;
    struct fi_run *run;
    damage_init_large(&damage);
    damage.bad.data[block_ref(&damage, 10).offset + 2000] ^= 1;
    assert_int_equal(damage_open(&damage, damage.bad.size, &run, &err), FIRN_OK);
    struct fi_snapshot_interval early = {1, 20};
    struct fi_snapshot snapshot = {&early, 1, 0, NULL};
    for (size_t i = 0; i < damage.model.count; i++) {
        row_model_compare_get(&damage.model, run, damage.model.entries[i].key, &snapshot);
    }
    fi_row_kind.close(run);
    damage_deinit(&damage);
}

static void
a_bad_filter_costs_time_but_no_answer(void **state)
{
    firn_error err;
    struct damage damage;
    struct fi_run *run;
    damage_init_large(&damage);
    assert_int_equal(damage_open(&damage, damage.bad.size, &run, &err), FIRN_OK);
    uint64_t at = fi_row_read_run(run)->sections.filter.offset;
    fi_row_kind.close(run);
    damage.bad.data[at + 100] ^= 1;
    assert_int_equal(damage_open(&damage, damage.bad.size, &run, &err), FIRN_OK);
    for (size_t i = 0; i < damage.model.count; i += 10) {
        row_model_compare_get(&damage.model, run, damage.model.entries[i].key, &all);
        row_model_compare_get(&damage.model, run, firn_str("key\n000"), &all);
    }
    struct reports reports = {0};
    assert_int_equal(fi_row_kind.check(run, take_report, &reports, NULL, &err), FIRN_CORRUPT);
    assert_int_equal(reports.count, 1);
    assert_non_null(strstr(reports.text, "no key is lost"));
    fi_row_kind.close(run);
    damage_deinit(&damage);
}

static void
a_bad_index_takes_all_keys_away_and_none_is_not_found(void **state)
{
    firn_error err;
    struct damage damage;
    struct fi_run *run;
    damage_init_large(&damage);
    assert_int_equal(damage_open(&damage, damage.bad.size, &run, &err), FIRN_OK);
    uint64_t at = fi_row_read_run(run)->sections.index.offset;
    /* Damaged while the run is open. */
    damage.bad.data[at + 100] ^= 1;
    test_file_write(damage.fixture.dir, "bad", damage.bad.data, damage.bad.size);
    struct fi_run_hit hit;
    int rc = fi_row_kind.get(run, damage.model.entries[5].key, &all, &hit, NULL, &err);
    assert_is_damage(rc, &err);
    assert_non_null(strstr(err.text, "no key of the run can be read"));
    struct fi_run_cursor *cursor;
    assert_int_equal(fi_row_kind.cursor_create(run, NULL, &cursor, &err), FIRN_OK);
    assert_is_damage(fi_row_kind.cursor_first(cursor, &err), &err);
    assert_false(cursor->is_valid);
    assert_is_damage(fi_row_kind.cursor_seek_before(cursor, firn_str("x"), 0, &err), &err);
    assert_false(cursor->is_valid);
    fi_row_kind.cursor_destroy(cursor);
    struct reports reports = {0};
    assert_int_equal(fi_row_kind.check(run, take_report, &reports, NULL, &err), FIRN_CORRUPT);
    assert_int_equal(reports.count, 1);
    fi_row_kind.close(run);
    assert_is_damage(damage_open(&damage, damage.bad.size, &run, &err), &err);
    damage_deinit(&damage);
}

/* ---- a disk that cannot read one place ---- */

static void
one_sector_that_cannot_be_read_hides_one_block_from_a_walk(void **state)
{
    firn_error err;
    struct damage damage;
    struct fi_os *os;
    struct fi_run *run;
    struct fi_run_cursor *cursor;
    damage_init_large(&damage);
    assert_int_equal(fi_sim_fault_create(damage.fixture.os, &os, &err), FIRN_OK);
    struct fi_run_env env = {.cache = damage.fixture.cache};
    assert_int_equal(fi_os_dir_open_path(os, "/", &env.dir, &err), FIRN_OK);
    assert_int_equal(fi_row_kind.open(&env, "good", &run, &err), FIRN_OK);
    struct fi_run_cursor_options options = {.is_sequential = true};
    assert_int_equal(fi_row_kind.cursor_create(run, &options, &cursor, &err), FIRN_OK);
    /* The large read fails, the small one in its place does not. */
    struct fi_sim_fault_plan plan = {.call = 2, .classes = FI_SIM_FAULT_READS, .error_number = 5};
    fi_sim_fault_set_plan(os, &plan);
    assert_int_equal(fi_row_kind.cursor_first(cursor, &err), FIRN_OK);
    assert_int_equal(fi_sim_fault_hits(os), 1);
    for (size_t i = 0; i < damage.model.count; i++) {
        assert_true(cursor->is_valid);
        row_model_compare_entry(&damage.model.entries[i], &cursor->entry);
        assert_int_equal(fi_row_kind.cursor_next(cursor, &err), FIRN_OK);
    }
    /* Both fail: the error names what is lost; a seek tries again. */
    plan.for_ever = true;
    fi_sim_fault_set_plan(os, &plan);
    assert_int_equal(fi_row_kind.cursor_first(cursor, &err), FIRN_IO);
    assert_non_null(strstr(err.text, "keys from"));
    assert_false(cursor->is_valid);
    fi_sim_fault_set_plan(os, NULL);
    assert_int_equal(fi_row_kind.cursor_first(cursor, &err), FIRN_OK);
    assert_true(cursor->is_valid);
    fi_row_kind.cursor_destroy(cursor);
    fi_row_kind.close(run);
    fi_os_dir_close(env.dir);
    fi_sim_fault_destroy(os);
    damage_deinit(&damage);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_changed_byte_is_found_and_answers_nothing_wrong),
        cmocka_unit_test(every_length_is_refused),
        cmocka_unit_test(changed_bytes_behind_right_checksums_do_no_harm),
        cmocka_unit_test(a_bad_block_takes_its_own_keys_away_and_no_others),
        cmocka_unit_test(two_bad_blocks_are_both_reported),
        cmocka_unit_test(a_bad_block_is_no_matter_to_snapshots_that_do_not_see_it),
        cmocka_unit_test(a_bad_filter_costs_time_but_no_answer),
        cmocka_unit_test(a_bad_index_takes_all_keys_away_and_none_is_not_found),
        cmocka_unit_test(one_sector_that_cannot_be_read_hides_one_block_from_a_walk),
    };
    return cmocka_run_group_tests_name("row_damage", tests, NULL, NULL);
}
