/* SPDX-License-Identifier: Apache-2.0
 *
 * Groups of random batches against a model that keeps all values of each group apart; with
 * memory for all groups and for few, in one aggregate and in several that are merged, by values
 * and by codes, with ranges of keys that all values keep to and with such that some do not; by the loops of the
 * processor and by the plain ones.
 */
#include "unit/aggregate/aggregate_fixture.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aggregate/aggregate_internal.h"
#include "chunk/chunk_encoding_internal.h"
#include "sim/sim_memory.h"
#include "support/test_os.h"
#include "support/test_share.h"

enum { KEYS_MAX = 3, CALLS_MAX = 8, SLOTS_FEW = 1 << 13, SLOTS_MANY = 1 << 17, SHARDS_MAX = 3 };

struct mode {
    bool is_large;
    bool is_tight;
    bool by_codes;
    bool has_ranges;
};

/* ---- the model ---- */

struct model_call {
    uint64_t count;
    fi_chunk_int128 sum;
    double real;
    int smallest;
    int largest;
    uint64_t distinct; /* bits of numbers */
};
struct model_group {
    uint64_t key; /* 0: the slot is free */
    bool is_seen;
    struct model_call calls[CALLS_MAX];
};
struct model {
    struct fixture_column keys[KEYS_MAX];
    size_t key_count;
    struct fixture_column arguments[CALLS_MAX];
    struct fi_aggregate_call calls[CALLS_MAX];
    size_t same[CALLS_MAX]; /* the call that a call has its argument from */
    size_t call_count;
    struct model_group *groups; /* a hash table */
    size_t slot_count;
    size_t count;
};

static struct model_group *
model_group(struct model *model, const int *numbers)
{
    uint64_t key = 1;
    for (size_t k = 0; k < model->key_count; k++) {
        key = key * (VARIETY_MAX + 2) + (uint64_t)(numbers[k] + 1);
    }
    size_t at = (size_t)(key * UINT64_C(0x9e3779b97f4a7c15) >> 47) % model->slot_count;
    while (model->groups[at].key != 0 && model->groups[at].key != key) {
        at = (at + 1) % model->slot_count;
    }
    if (model->groups[at].key == 0) {
        model->groups[at].key = key;
        model->count++;
        assert_true(model->count < model->slot_count / 2);
    }
    return &model->groups[at];
}

static void
model_add(const struct fixture_column *column, struct model_call *call, int number)
{
    if (number == IS_NULL) {
        return;
    }
    struct fi_cell cell = fixture_cell(column, number);
    call->smallest = call->count == 0 || number < call->smallest ? number : call->smallest;
    call->largest = call->count == 0 || number > call->largest ? number : call->largest;
    call->count++;
    call->distinct |= UINT64_C(1) << number % 64;
    switch (cell.kind) {
    case FI_PHYSICAL_I64:
        call->sum += cell.as.i64;
        break;
    case FI_PHYSICAL_U64:
        call->sum += (fi_chunk_int128)cell.as.u64;
        break;
    case FI_PHYSICAL_F32:
        call->real += (double)cell.as.f32;
        break;
    case FI_PHYSICAL_F64:
        call->real += cell.as.f64;
        break;
    default:
        break;
    }
}

static int
bits_in(uint64_t word)
{
    int count = 0;
    for (; word != 0; word &= word - 1) {
        count++;
    }
    return count;
}

static void
check_result(const struct model *model, size_t c, const struct model_group *group,
             const struct fi_chunk_values *results, size_t row)
{
    const struct model_call *call = &group->calls[c];
    const struct fixture_column *column = &model->arguments[c];
    bool is_null = results->valid != NULL && !fixture_bit(results->valid, row);
    bool is_real = fi_physical_of(column->type) == FI_PHYSICAL_F32 ||
                   fi_physical_of(column->type) == FI_PHYSICAL_F64;
    switch (model->calls[c].function) {
    case FI_AGGREGATE_COUNT_ROWS:
    case FI_AGGREGATE_COUNT:
        assert_false(is_null);
        assert_int_equal(results->as.i64[row], call->count);
        return;
    case FI_AGGREGATE_COUNT_DISTINCT:
        assert_false(is_null);
        assert_int_equal(results->as.i64[row], bits_in(call->distinct));
        return;
    case FI_AGGREGATE_MIN:
        assert_int_equal(fixture_number(column, results, row),
                         call->count == 0 ? IS_NULL : call->smallest);
        return;
    case FI_AGGREGATE_MAX:
        assert_int_equal(fixture_number(column, results, row),
                         call->count == 0 ? IS_NULL : call->largest);
        return;
    default:
        break;
    }
    assert_true(is_null == (call->count == 0));
    if (is_null) {
        return;
    }
    if (model->calls[c].function == FI_AGGREGATE_AVG) {
        double average =
            is_real ? call->real / (double)call->count : (double)call->sum / (double)call->count;
        if (column->type == FIRN_TYPE_DECIMAL) {
            average /= pow(10, model->calls[c].scale);
        }
        assert_true(fabs(results->as.f64[row] - average) <= 1e-12 * fabs(average));
    } else if (is_real) {
        assert_true(results->as.f64[row] == call->real);
    } else {
        assert_true(results->kind == FI_PHYSICAL_I64 || results->kind == FI_PHYSICAL_U64);
        assert_true(results->kind == FI_PHYSICAL_I64
                        ? results->as.i64[row] == call->sum
                        : (fi_chunk_int128)results->as.u64[row] == call->sum);
    }
}

/* All groups come out once, and right. */
static void
check_all(struct model *model, struct fi_aggregate *aggregate)
{
    struct fi_chunk_values keys[KEYS_MAX];
    struct fi_chunk_values results[CALLS_MAX];
    size_t seen = 0;
    size_t count;
    firn_error err;
    for (;;) {
        TEST_OK(fi_aggregate_next(aggregate, keys, results, &count, &err), &err);
        if (count == 0) {
            break;
        }
        assert_true(count <= BATCH);
        for (size_t row = 0; row < count; row++) {
            int numbers[KEYS_MAX];
            for (size_t k = 0; k < model->key_count; k++) {
                numbers[k] = fixture_number(&model->keys[k], &keys[k], row);
            }
            struct model_group *group = model_group(model, numbers);
            assert_false(group->is_seen);
            group->is_seen = true;
            seen++;
            for (size_t c = 0; c < model->call_count; c++) {
                assert_int_equal(results[c].count, count);
                check_result(model, c, group, &results[c], row);
            }
        }
    }
    assert_int_equal(seen, model->count);
    TEST_OK(fi_aggregate_next(aggregate, keys, results, &count, &err), &err);
    assert_int_equal(count, 0);
}

/* ---- random specifications ---- */

/* A key that can have places: mostly dense, at times near the limits of its type. */
static void
random_ranged_key(struct fixture_column *key, struct test_random *random)
{
    static const firn_type types[] = {FIRN_TYPE_I64, FIRN_TYPE_U64, FIRN_TYPE_DATE, FIRN_TYPE_BOOL,
                                      FIRN_TYPE_DECIMAL};
    key->type = types[test_random_below(random, 5)];
    key->factor = test_random_below(random, 3) == 0 ? 3 : 0;
    if (key->type == FIRN_TYPE_I64) {
        const int64_t offsets[] = {0, INT64_MIN + 3 * VARIETY_MAX, INT64_MAX - 3 * VARIETY_MAX};
        key->offset = offsets[test_random_below(random, 3)];
        if (key->offset < 0 && key->factor == 0) {
            key->offset = INT64_MIN + key->variety / 2; /* the smallest one is a key */
        }
    } else if (key->type == FIRN_TYPE_U64 && test_random_below(random, 2) == 0) {
        key->offset = -3 * VARIETY_MAX; /* large ones */
    }
}

static void
random_spec(struct model *model, struct test_random *random, bool is_large, bool has_code,
            bool has_ranges)
{
    static const firn_type types[] = {FIRN_TYPE_I64,  FIRN_TYPE_U32,    FIRN_TYPE_F64,
                                      FIRN_TYPE_F32,  FIRN_TYPE_TEXT,   FIRN_TYPE_UUID,
                                      FIRN_TYPE_BOOL, FIRN_TYPE_DECIMAL};
    model->key_count = has_code || has_ranges ? 1 + (size_t)test_random_below(random, KEYS_MAX)
                                              : (size_t)test_random_below(random, KEYS_MAX + 1);
    model->call_count = (size_t)test_random_below(random, CALLS_MAX + 1);
    for (size_t k = 0; k < model->key_count; k++) {
        struct fixture_column *key = &model->keys[k];
        *key = (struct fixture_column){.type = types[test_random_below(random, 8)]};
        key->variety = is_large && k == 0 ? 12000 : 1 + (int)test_random_below(random, 12);
        if (has_code) {
            key->type = test_random_below(random, 2) == 0 ? FIRN_TYPE_TEXT : FIRN_TYPE_I64;
            key->factor = 1000003;
            key->variety = is_large && k == 0 ? 400 : 4;
        }
        if (has_ranges) {
            random_ranged_key(key, random);
        }
        key->variety = key->type == FIRN_TYPE_BOOL ? 2 : key->variety;
        key->nulls = (unsigned)test_random_below(random, 3) * 5;
        key->size_max = test_random_below(random, 2) == 0 ? 9 : 0;
    }
    for (size_t c = 0; c < model->call_count; c++) {
        struct fi_aggregate_call *call = &model->calls[c];
        struct fixture_column *column = &model->arguments[c];
        *column = (struct fixture_column){.type = types[test_random_below(random, 8)], .factor = 1};
        call->function = (enum fi_aggregate_function)(1 + test_random_below(random, 7));
        if (has_ranges && call->function == FI_AGGREGATE_COUNT_DISTINCT) {
            call->function = FI_AGGREGATE_COUNT_ROWS;
        }
        if (has_ranges && fi_physical_of(column->type) == FI_PHYSICAL_BYTES) {
            column->type = FIRN_TYPE_I64;
        }
        bool is_sum = call->function == FI_AGGREGATE_SUM || call->function == FI_AGGREGATE_AVG;
        if (is_sum && fi_physical_of(column->type) == FI_PHYSICAL_BYTES) {
            column->type = FIRN_TYPE_I64;
        }
        column->factor = is_sum ? 1 + (int64_t)test_random_below(random, 1000000) : 0;
        column->variety =
            column->type == FIRN_TYPE_BOOL ? 2 : 1 + (int)test_random_below(random, 64);
        column->nulls = (unsigned)test_random_below(random, 3) * 3;
        column->size_max = test_random_below(random, 3) == 0 ? 200 : 0;
        if (call->function == FI_AGGREGATE_AVG && test_random_below(random, 3) == 0) {
            column->factor = INT64_C(1) << 54; /* sums of a batch need more than 64 bits */
        }
        call->argument = (struct fi_aggregate_column){.type = column->type};
        call->scale = 3;
        call->argument_number = (uint32_t)c + 1;
        model->same[c] = c;
        if (c > 0 && test_random_below(random, 3) == 0 &&
            model->calls[c - 1].function == FI_AGGREGATE_SUM) {
            *column = model->arguments[c - 1];
            *call = model->calls[c - 1];
            call->function = FI_AGGREGATE_AVG;
            model->same[c] = model->same[c - 1];
        }
    }
}

static void
add_to_model(struct model *model, const struct fixture_values *keys,
             const struct fixture_values *arguments, size_t count, const uint64_t *mask)
{
    for (size_t row = 0; row < count; row++) {
        int numbers[KEYS_MAX];
        if (!fixture_bit(mask, row)) {
            continue;
        }
        for (size_t k = 0; k < model->key_count; k++) {
            numbers[k] = keys[k].numbers[row];
        }
        struct model_group *group = model_group(model, numbers);
        for (size_t c = 0; c < model->call_count; c++) {
            bool is_rows = model->calls[c].function == FI_AGGREGATE_COUNT_ROWS;
            model_add(&model->arguments[c], &group->calls[c],
                      is_rows ? 0 : arguments[c].numbers[row]);
        }
    }
}

static struct fixture_values keys[KEYS_MAX];
static struct fixture_values arguments[CALLS_MAX];

static void
add_batch(struct model *model, struct test_random *random, struct fi_aggregate *aggregate,
          bool by_codes)
{
    struct fi_chunk_values key_values[KEYS_MAX];
    struct fi_chunk_values argument_values[CALLS_MAX];
    uint64_t mask[FI_CHUNK_MASK_WORDS];
    size_t count = 1 + (size_t)test_random_below(random, BATCH);
    bool has_mask = test_random_below(random, 2) == 0;
    firn_error err;
    count = test_random_below(random, 3) == 0 ? BATCH : count;
    fixture_mask(random, count, mask);
    for (size_t k = 0; k < model->key_count; k++) {
        fixture_fill(&model->keys[k], random, count, &keys[k]);
        key_values[k] = keys[k].values;
    }
    for (size_t c = 0; c < model->call_count; c++) {
        if (model->same[c] == c) {
            fixture_fill(&model->arguments[c], random, count, &arguments[c]);
        } else {
            arguments[c] = arguments[model->same[c]]; /* whose memory it points to */
        }
        argument_values[c] = arguments[c].values;
    }
    add_to_model(model, keys, arguments, count, has_mask ? mask : NULL);
    if (!by_codes) {
        TEST_OK(fi_aggregate_add(aggregate, key_values, argument_values, count,
                                 has_mask ? mask : NULL, &err),
                &err);
        return;
    }
    struct fi_buf bufs[KEYS_MAX] = {{.data = NULL}};
    struct fi_chunk chunks[KEYS_MAX];
    const struct fi_chunk *all[KEYS_MAX];
    uint32_t codes[BATCH] = {0};
    uint32_t own[BATCH];
    for (size_t k = 0; k < model->key_count; k++) {
        TEST_OK(fi_chunk_encode_as(&key_values[k], FI_ENCODING_DICTIONARY, &bufs[k], NULL, &err),
                &err);
        TEST_OK(fi_chunk_open(fi_buf_slice(&bufs[k]), key_values[k].kind, 0, (uint32_t)count,
                              &chunks[k], &err),
                &err);
        all[k] = &chunks[k];
        TEST_OK(fi_chunk_read_codes(&chunks[k], 0, own, &err), &err);
        for (size_t i = 0; i < count; i++) {
            codes[i] = codes[i] * ((uint32_t)fi_chunk_code_count(&chunks[k]) + 1) + own[i];
        }
    }
    TEST_OK(fi_aggregate_begin_codes(aggregate, all, &err), &err);
    TEST_OK(fi_aggregate_add_codes(aggregate, codes, argument_values, count, has_mask ? mask : NULL,
                                   &err),
            &err);
    for (size_t k = 0; k < model->key_count; k++) {
        fi_buf_deinit(&bufs[k]);
    }
}

/* Bounds of some of the values of a key, or of all. */
static struct fi_aggregate_range
random_range(const struct fixture_column *key, struct test_random *random)
{
    int first = 0;
    int last = key->variety - 1;
    if (test_random_below(random, 2) == 0) {
        first = (int)test_random_below(random, (uint64_t)key->variety);
        last = first + (int)test_random_below(random, (uint64_t)(key->variety - first));
        last = key->variety > 1000 && last > first + 1000 ? first + 1000 : last;
    }
    return (struct fi_aggregate_range){.min = fixture_cell(key, first).as.u64,
                                       .max = fixture_cell(key, last).as.u64};
}

/* What many specifications came to. */
struct tally {
    uint64_t spilled;
    size_t with_places;
    size_t without_places;
};

static void
run(struct test_random *random, struct fi_os_dir *dir, const struct mode *mode, struct tally *tally)
{
    struct fi_aggregate_column columns[KEYS_MAX];
    struct fi_aggregate_range ranges[KEYS_MAX];
    struct fixture_files files;
    struct fi_aggregate *shards[SHARDS_MAX];
    struct model model = {.key_count = 0};
    firn_error err;
    model.slot_count = mode->is_large ? SLOTS_MANY : SLOTS_FEW;
    model.groups = calloc(model.slot_count, sizeof *model.groups);
    assert_non_null(model.groups);
    random_spec(&model, random, mode->is_large, mode->by_codes, mode->has_ranges);
    fixture_files_init(&files, dir);
    for (size_t k = 0; k < model.key_count; k++) {
        columns[k] = (struct fi_aggregate_column){
            .type = model.keys[k].type,
            .fixed_size = model.keys[k].type == FIRN_TYPE_UUID ? 16 : 0};
        if (mode->has_ranges) {
            ranges[k] = random_range(&model.keys[k], random);
        }
    }
    struct fi_aggregate_spec spec = {
        .keys = columns,
        .key_count = model.key_count,
        .ranges = mode->has_ranges ? ranges : NULL,
        .row_count = 1 << 18,
        .calls = model.calls,
        .call_count = model.call_count,
        .memory_bytes = mode->is_tight ? 0 : 256 << 20,
        .spill = &files.spill,
        .os = test_random_below(random, 2) == 0 ? fi_os_dir_os(dir) : NULL,
        .seed = test_random_next(random),
    };
    size_t shard_count = 1 + (size_t)test_random_below(random, SHARDS_MAX);
    for (size_t i = 0; i < shard_count; i++) {
        if (mode->has_ranges && mode->is_tight) {
            /* Some have room for places, and others do not. */
            spec.memory_bytes = test_random_below(random, 3) == 0 ? 1 : 400 << 10;
        }
        TEST_OK(fi_aggregate_create(&spec, &shards[i], &err), &err);
        if (test_random_below(random, 2) == 0) {
            shards[i]->few.has_hardware = false;
        }
        tally->with_places += shards[i]->direct.places > 0;
        tally->without_places += shards[i]->direct.places == 0;
    }
    if (model.key_count == 0) {
        (void)model_group(&model, NULL);
    }
    size_t batches = (size_t)test_random_below(random, mode->is_large ? 40 : 6);
    for (size_t i = 0; i < batches; i++) {
        bool with_codes = mode->by_codes && test_random_below(random, 4) > 0;
        add_batch(&model, random, shards[test_random_below(random, shard_count)], with_codes);
    }
    for (size_t i = 1; i < shard_count; i++) {
        TEST_OK(fi_aggregate_merge(shards[0], shards[i], &err), &err);
        assert_int_equal(fi_aggregate_spilled_bytes(shards[i]), 0);
        if (test_random_below(random, 2) == 0) {
            add_batch(&model, random, shards[0], mode->by_codes);
        }
        if (test_random_below(random, 4) == 0) {
            /* It is empty, and may be added to again. */
            add_batch(&model, random, shards[i], mode->by_codes);
            TEST_OK(fi_aggregate_merge(shards[0], shards[i], &err), &err);
        }
    }
    TEST_OK(fi_aggregate_finish(shards[0], &err), &err);
    check_all(&model, shards[0]);
    tally->spilled += fi_aggregate_spilled_bytes(shards[0]);
    for (size_t i = 0; i < shard_count; i++) {
        fi_aggregate_destroy(shards[i]);
    }
    assert_int_equal(test_os_count(dir), 0);
    free(model.groups);
}

static void
run_many(const char *name, uint64_t seed, unsigned times, const struct mode *mode)
{
    struct test_random random;
    struct fi_os *os;
    firn_error err;
    struct tally tally = {.spilled = 0};
    test_random_init(&random, name, seed);
    TEST_OK(fi_sim_memory_create(1, &os, &err), &err);
    struct fi_os_dir *dir = test_os_root(os);
    for (unsigned i = 0; i < test_share_of_seeds(times); i++) {
        run(&random, dir, mode, &tally);
    }
    assert_true((tally.spilled > 0) == (mode->is_large && mode->is_tight));
    assert_true((tally.with_places > 0) == mode->has_ranges);
    assert_true(tally.without_places > 0 || (mode->has_ranges && !mode->is_tight));
    fi_os_dir_close(dir);
    fi_sim_memory_destroy(os);
    fixture_end();
}

static void
test_few_groups_are_those_of_a_model(void **state)
{
    run_many("few groups", 1, 150, &(struct mode){.is_large = false});
}

static void
test_many_groups_are_those_of_a_model(void **state)
{
    run_many("many groups", 2, 25, &(struct mode){.is_large = true});
}

static void
test_spilled_groups_are_those_of_a_model(void **state)
{
    run_many("spilled groups", 3, 40, &(struct mode){.is_large = true, .is_tight = true});
}

static void
test_groups_by_codes_are_those_of_a_model(void **state)
{
    run_many("codes", 4, 60, &(struct mode){.by_codes = true});
    run_many("codes, spilled", 5, 20,
             &(struct mode){.is_large = true, .is_tight = true, .by_codes = true});
}

static void
test_groups_with_places_are_those_of_a_model(void **state)
{
    run_many("few places", 6, 150, &(struct mode){.has_ranges = true});
    run_many("many places", 7, 40, &(struct mode){.is_large = true, .has_ranges = true});
    run_many("places, spilled", 8, 60,
             &(struct mode){.is_large = true, .is_tight = true, .has_ranges = true});
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_few_groups_are_those_of_a_model),
        cmocka_unit_test(test_many_groups_are_those_of_a_model),
        cmocka_unit_test(test_spilled_groups_are_those_of_a_model),
        cmocka_unit_test(test_groups_by_codes_are_those_of_a_model),
        cmocka_unit_test(test_groups_with_places_are_those_of_a_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
