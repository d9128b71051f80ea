/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/row: entries whose values lie in value files: built, read in all ways, taken along as they
 * are, checked; what breaks the rules.
 */
#include "unit/row/row_fixture.h"

#include "base/bytes.h"
#include "base/slice.h"
#include "row/row_format.h"
#include "row/row_internal.h"
#include "run/run_value_file.h"
#include "support/test_alloc.h"
#include "support/test_fault.h"

enum { NUMBER = 9, ENTRIES = 60 };

static struct fi_snapshot_interval all_interval = {1, UINT64_MAX};
static const struct fi_snapshot all = {&all_interval, 1, 0, NULL};

struct world {
    struct row_fixture fixture;
    struct fi_run_env env;
    struct fi_run_values values;
    struct fi_run *file;    /* NULL: references lead nowhere */
    unsigned pins;          /* held now */
    unsigned pinned;        /* in all */
    struct row_model model; /* with the values in place */
    struct fi_run *run;
};
static struct world world;

static int
pin(void *ctx, uint64_t number, struct fi_run **out, void **out_pin, firn_error *err)
{
    struct world *here = ctx;
    if (number != NUMBER || here->file == NULL) {
        return fi_error_set(err, FIRN_CORRUPT, "no such file of values");
    }
    here->pins++;
    here->pinned++;
    *out = here->file;
    *out_pin = here;
    return FIRN_OK;
}

static void
unpin(void *ctx)
{
    struct world *here = ctx;
    assert_true(here->pins > 0);
    here->pins--;
}

/* Versions of keys; every third value is small, the others are large. */
static void
fill(void)
{
    struct test_random random = {11};
    for (unsigned i = 0; i < ENTRIES; i++) {
        enum { LARGEST = 200000 };
        static uint8_t bytes[LARGEST + 8];
        char key[24];
        size_t size = i % 3 == 0 ? i : i == 7 ? LARGEST : 4096 + 100 * (size_t)i;
        enum fi_entry_kind kind = i % 5 == 4   ? FI_ENTRY_EXPIRING
                                  : i % 9 == 0 ? FI_ENTRY_MERGE
                                               : FI_ENTRY_PUT;
        test_random_fill(&random, bytes, size + 8);
        (void)snprintf(key, sizeof key, "key/%03u", i / 2);
        row_model_add(&world.model, firn_str(key), 100 + i, kind,
                      firn_bytes(bytes, size + fi_entry_head_size(kind)));
    }
    row_model_sort(&world.model);
}

static bool
is_separated(const struct fi_entry *entry)
{
    return entry->kind != FI_ENTRY_MERGE && entry->value.size >= 4096;
}

static int
place(struct fi_run_value_writer *writer, const struct fi_entry *entry, struct fi_buf *stored,
      struct fi_entry *out, firn_error *err)
{
    *out = *entry;
    if (!is_separated(entry)) {
        return FIRN_OK;
    }
    size_t head = fi_entry_head_size(entry->kind);
    fi_buf_clear(stored);
    int rc = fi_buf_append(stored, entry->value.data, head);
    if (rc == FIRN_OK) {
        rc = fi_run_value_writer_add(
            writer, firn_bytes(entry->value.data + head, entry->value.size - head), stored, err);
    }
    out->value = fi_buf_slice(stored);
    out->values = &world.values;
    return rc;
}

static int
build(firn_error *err)
{
    const struct fi_run_value_writer_options options = {.number = NUMBER, .codec = FI_CODEC_LZ4};
    const struct fi_run_builder_options run_options = {.codec = FI_CODEC_LZ4};
    struct fi_run_value_writer *writer = NULL;
    struct fi_run_builder *builder = NULL;
    struct fi_run_summary summary = {0};
    struct fi_buf stored = {0};
    int rc;
    FI_TRY(fi_run_value_writer_create(&world.env, "v", &options, &writer, err));
    FI_TRY(fi_row_kind.builder_create(&world.env, "run", &run_options, &builder, err));
    for (size_t i = 0; i < world.model.count; i++) {
        struct fi_entry entry;
        FI_TRY(place(writer, &world.model.entries[i], &stored, &entry, err));
        FI_TRY(fi_row_kind.builder_add(builder, &entry, err));
    }
    FI_TRY(fi_run_value_writer_finish(writer, NULL, err));
    FI_TRY(fi_row_kind.builder_finish(builder, &summary, err));
    assert_true(summary.has_references);
    row_model_compare_summary(&world.model, &summary);
out:
    fi_run_summary_deinit(&summary);
    fi_row_kind.builder_destroy(builder);
    fi_run_value_writer_destroy(writer);
    fi_buf_deinit(&stored);
    return rc;
}

static int
setup(void **state)
{
    firn_error err;
    world = (struct world){0};
    row_fixture_init(&world.fixture, 1 << 20);
    world.env = row_fixture_env(&world.fixture);
    world.values = (struct fi_run_values){&world, pin, unpin};
    world.env.values = &world.values;
    fill();
    assert_int_equal(build(&err), FIRN_OK);
    assert_int_equal(fi_run_value_file_kind.open(&world.env, "v", &world.file, &err), FIRN_OK);
    assert_int_equal(fi_row_kind.open(&world.env, "run", &world.run, &err), FIRN_OK);
    return 0;
}

static int
teardown(void **state)
{
    assert_int_equal(world.pins, 0);
    if (world.run != NULL) {
        fi_row_kind.close(world.run);
    }
    if (world.file != NULL) {
        fi_run_value_file_kind.close(world.file);
    }
    row_model_deinit(&world.model);
    row_fixture_deinit(&world.fixture);
    return 0;
}

static void
a_run_with_references_reads_as_one_without(void **state)
{
    firn_error err;
    struct fi_run_cursor *cursor;
    struct fi_run_cursor_options options = {0};
    for (unsigned round = 0; round < 2; round++) {
        row_model_compare_scan(&world.model, world.run, round != 0);
        for (unsigned i = 0; i < ENTRIES / 2 + 1; i++) {
            char key[24];
            (void)snprintf(key, sizeof key, "key/%03u", i);
            row_model_compare_get(&world.model, world.run, firn_str(key), &all);
            for (uint64_t until = 99; until < 100 + ENTRIES; until += 7) {
                struct fi_snapshot_interval interval = {1, until};
                const struct fi_snapshot snapshot = {&interval, 1, 0, NULL};
                row_model_compare_get(&world.model, world.run, firn_str(key), &snapshot);
            }
        }
    }
    assert_int_equal(fi_row_kind.cursor_create(world.run, &options, &cursor, &err), FIRN_OK);
    row_model_compare_seek(&world.model, cursor, firn_str("key/004"), 108);
    row_model_compare_seek(&world.model, cursor, firn_str("key/020"), UINT64_MAX);
    fi_row_kind.cursor_destroy(cursor);
    row_model_check_is_clean(world.run);
    assert_true(world.pinned > 0);
}

static void
a_get_without_a_value_reads_none(void **state)
{
    firn_error err;
    struct fi_run_hit hit;
    for (size_t i = 0; i < world.model.count; i++) {
        const struct fi_entry *entry = &world.model.entries[i];
        struct fi_snapshot_interval interval = {1, entry->sequence};
        const struct fi_snapshot snapshot = {&interval, 1, 0, NULL};
        assert_int_equal(fi_row_kind.get(world.run, entry->key, &snapshot, &hit, NULL, &err),
                         FIRN_OK);
        assert_int_equal(hit.kind, entry->kind);
    }
    assert_int_equal(world.pinned, 0);
}

static void
references_are_taken_along_without_reading(void **state)
{
    firn_error err;
    struct fi_run_cursor *cursor;
    struct fi_buf value = {0};
    struct fi_run_cursor_options options = {.is_sequential = true, .keeps_references = true};
    assert_int_equal(fi_row_kind.cursor_create(world.run, &options, &cursor, &err), FIRN_OK);
    assert_int_equal(fi_row_kind.cursor_first(cursor, &err), FIRN_OK);
    for (size_t i = 0; i < world.model.count; i++) {
        const struct fi_entry *expected = &world.model.entries[i];
        const struct fi_entry *entry = &cursor->entry;
        size_t head = fi_entry_head_size(entry->kind);
        assert_true(cursor->is_valid);
        assert_int_equal(entry->kind, expected->kind);
        assert_int_equal(entry->values != NULL, is_separated(expected));
        assert_int_equal(world.pinned, 0);
        if (entry->values != NULL) {
            firn_slice reference = firn_bytes(entry->value.data + head, entry->value.size - head);
            assert_memory_equal(entry->value.data, expected->value.data, head);
            fi_buf_clear(&value);
            assert_int_equal(fi_run_value_file_resolve(entry->values, reference,
                                                       FI_BLOCK_CACHE_SCAN, &value, &err),
                             FIRN_OK);
            assert_int_equal(value.size, expected->value.size - head);
            assert_memory_equal(value.data, expected->value.data + head, value.size);
            world.pinned = 0;
        } else {
            row_model_compare_entry(expected, entry);
        }
        assert_int_equal(fi_row_kind.cursor_next(cursor, &err), FIRN_OK);
    }
    fi_row_kind.cursor_destroy(cursor);
    fi_buf_deinit(&value);
}

static void
values_that_cannot_be_read_name_their_keys_and_no_others(void **state)
{
    firn_error err;
    struct fi_buf value = {0};
    struct fi_run_hit hit;
    size_t lost = 0;
    size_t reported = 0;
    fi_run_value_file_kind.close(world.file);
    world.file = NULL;
    for (size_t i = 0; i < world.model.count; i++) {
        const struct fi_entry *entry = &world.model.entries[i];
        struct fi_snapshot_interval interval = {1, entry->sequence};
        const struct fi_snapshot snapshot = {&interval, 1, 0, NULL};
        int rc = fi_row_kind.get(world.run, entry->key, &snapshot, &hit, &value, &err);
        assert_int_equal(rc, is_separated(entry) ? FIRN_CORRUPT : FIRN_OK);
        assert_true(rc == FIRN_OK || strstr(err.text, "the value of 'key/0") != NULL);
        lost += rc != FIRN_OK;
    }
    assert_int_equal(fi_row_kind.check(world.run, row_fixture_count_damage, &reported, NULL, &err),
                     FIRN_CORRUPT);
    assert_int_equal(reported, lost);
    struct fi_run_cursor *cursor;
    struct fi_run_cursor_options options = {0};
    assert_int_equal(fi_row_kind.cursor_create(world.run, &options, &cursor, &err), FIRN_OK);
    assert_int_equal(fi_row_kind.cursor_seek(cursor, firn_str("key/002"), UINT64_MAX, &err),
                     FIRN_CORRUPT);
    assert_false(cursor->is_valid);
    fi_row_kind.cursor_destroy(cursor);
    fi_buf_deinit(&value);
}

static void
references_that_break_the_rules_are_not_built(void **state)
{
    firn_error err;
    struct fi_run_builder *builder;
    const struct fi_run_builder_options options = {0};
    uint8_t bytes[8 + FI_RUN_VALUE_FILE_REFERENCE_SIZE + 4] = {0};
    uint8_t *reference = bytes + 8;
    fi_store_le64(reference, NUMBER);
    fi_store_le64(reference + 8, 5000);
    fi_store_le64(reference + 16, 128);
    const struct {
        enum fi_entry_kind kind;
        firn_slice value;
        int rc;
    } cases[] = {
        {FI_ENTRY_PUT, firn_bytes(reference, 28), FIRN_OK},
        {FI_ENTRY_EXPIRING, firn_bytes(bytes, 36), FIRN_OK},
        {FI_ENTRY_PUT, firn_bytes(bytes, 36), FIRN_INVALID},
        {FI_ENTRY_EXPIRING, firn_bytes(reference, 28), FIRN_INVALID},
        {FI_ENTRY_EXPIRING, firn_bytes(bytes, 4), FIRN_INVALID},
        {FI_ENTRY_PUT, firn_bytes(reference, 27), FIRN_INVALID},
        {FI_ENTRY_PUT, firn_bytes(reference, 0), FIRN_INVALID},
        {FI_ENTRY_DELETE, firn_bytes(reference, 28), FIRN_INVALID},
        {FI_ENTRY_MERGE, firn_bytes(reference, 28), FIRN_INVALID},
    };
    assert_int_equal(fi_row_kind.builder_create(&world.env, "other", &options, &builder, &err),
                     FIRN_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char key[8];
        (void)snprintf(key, sizeof key, "k%zu", i);
        const struct fi_entry entry = {.key = firn_str(key),
                                       .value = cases[i].value,
                                       .sequence = 1,
                                       .kind = cases[i].kind,
                                       .values = &world.values};
        assert_int_equal(fi_row_kind.builder_add(builder, &entry, &err), cases[i].rc);
    }
    fi_row_kind.builder_destroy(builder);
}

/* Of a block with one entry that has a reference. */
static void
blocks_with_references_that_lie_are_refused(void **state)
{
    firn_error err;
    uint8_t raw[128] = {0};
    uint8_t *entry = raw + 16 + 16 + 2 + 2;
    uint8_t *value = entry + 2;
    fi_store_le16(raw, 1);
    fi_store_le64(raw + 8, 7);
    fi_store_le16(raw + 32, 36);                   /* its offset */
    fi_store_le16(raw + 34, (uint16_t)('k' << 8)); /* its head */
    entry[0] =
        1 << FI_ROW_FORMAT_KIND_BITS | FI_ROW_FORMAT_KIND_DELETE | FI_ROW_FORMAT_KIND_ELSEWHERE;
    entry[1] = 'k';
    value[0] = FI_ENTRY_PUT;
    fi_store_le64(value + 1, NUMBER);
    fi_store_le64(value + 9, 5000);
    fi_store_le64(value + 17, 128);
    size_t size = 36 + 2 + 1 + 28;
    assert_int_equal(fi_row_block_check(firn_bytes(raw, size), &err), FIRN_OK);
    for (size_t shorter = 36 + 2; shorter < size; shorter++) {
        assert_int_equal(fi_row_block_check(firn_bytes(raw, shorter), &err), FIRN_CORRUPT);
    }
    assert_int_equal(fi_row_block_check(firn_bytes(raw, size + 4), &err), FIRN_CORRUPT);
    for (unsigned kind = 0; kind < 256; kind++) {
        value[0] = (uint8_t)kind;
        assert_int_equal(fi_row_block_check(firn_bytes(raw, size), &err),
                         kind == FI_ENTRY_PUT ? FIRN_OK : FIRN_CORRUPT);
    }
    value[0] = FI_ENTRY_EXPIRING;
    memmove(value + 9, value + 1, 28);
    assert_int_equal(fi_row_block_check(firn_bytes(raw, size + 8), &err), FIRN_OK);
    fi_store_le64(value + 17, FI_ENTRY_VALUE_SIZE_MAX);
    assert_int_equal(fi_row_block_check(firn_bytes(raw, size + 8), &err), FIRN_CORRUPT);
}

static void
without_memory_it_fails_cleanly(void **state)
{
    firn_error err;
    fi_row_kind.close(world.run);
    world.run = NULL;
    assert_int_equal(fi_os_remove_file(world.fixture.dir, "run", &err), FIRN_OK);
    assert_int_equal(fi_os_remove_file(world.fixture.dir, "v", &err), FIRN_OK);
    struct test_fault fault = {.limit = 5000};
    while (test_fault_next(&fault)) {
        test_fault_allocation(&fault);
        int rc = build(&err);
        test_fault_end(&fault);
        test_fault_expect(&fault, rc, FIRN_NO_MEMORY);
        if (rc == FIRN_OK) {
            break; /* it may have done without the memory, and there is a run now */
        }
        FI_IGNORE(fi_os_remove_file(world.fixture.dir, "v", NULL));
        assert_false(test_file_exists(world.fixture.dir, "run"));
    }
    assert_int_equal(fi_row_kind.open(&world.env, "run", &world.run, &err), FIRN_OK);
    fi_run_value_file_kind.close(world.file);
    assert_int_equal(fi_run_value_file_kind.open(&world.env, "v", &world.file, &err), FIRN_OK);
    row_model_compare_scan(&world.model, world.run, false);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_run_with_references_reads_as_one_without, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_get_without_a_value_reads_none, setup, teardown),
        cmocka_unit_test_setup_teardown(references_are_taken_along_without_reading, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(values_that_cannot_be_read_name_their_keys_and_no_others,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(references_that_break_the_rules_are_not_built, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(blocks_with_references_that_lie_are_refused, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(without_memory_it_fails_cleanly, setup, teardown),
    };
    test_alloc_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
