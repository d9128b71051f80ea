/* SPDX-License-Identifier: Apache-2.0
 *
 * aggregate/aggregate.c: grouping rows: creating, merging, and returning the groups. Adding is in aggregate_add.c.
 *
 * COUNT_DISTINCT counts groups: each such call has an aggregate of its own, whose keys are those
 * of the groups and the argument. At the end, each group of that aggregate is a row that the call
 * counts. So it spills, merges and compares as groups do. It has an equal share of the memory.
 *
 * (I1) Without keys the table has one record from the beginning, and is never spilled.
 * (I2) code_groups points to records of the current table: clearing the table clears it.
 */
#include "aggregate/aggregate.h"

#include "aggregate/aggregate_internal.h"
#include "base/mem.h"

enum { ROWS = FIRN_AGGREGATE_ROWS, PREFETCH_AHEAD = 8, LINE = 64 };

/* ---- making ---- */

firn_type
firn_aggregate_result_type(const struct firn_aggregate_call *call)
{
    switch (call->function) {
    case FIRN_AGGREGATE_SUM:
        switch (firn_physical_of(call->argument.type)) {
        case FIRN_PHYSICAL_I64:
            return call->argument.type == FIRN_TYPE_DECIMAL ? FIRN_TYPE_DECIMAL : FIRN_TYPE_I64;
        case FIRN_PHYSICAL_U64:
            return FIRN_TYPE_U64;
        default:
            return FIRN_TYPE_F64;
        }
    case FIRN_AGGREGATE_MIN:
    case FIRN_AGGREGATE_MAX:
        return call->argument.type;
    case FIRN_AGGREGATE_AVG:
        return FIRN_TYPE_F64;
    default:
        return FIRN_TYPE_I64;
    }
}

static int
check_spec(const struct firn_aggregate_spec *spec, size_t keys_max, firn_error *err)
{
    if (spec->key_count > keys_max || spec->call_count > FIRN_AGGREGATE_CALLS_MAX) {
        return firn_error_set(
            err, FIRN_LIMIT,
            "a query has at most %d columns that it is grouped by, and %d aggregates",
            FIRN_AGGREGATE_KEYS_MAX, FIRN_AGGREGATE_CALLS_MAX);
    }
    for (size_t i = 0; i < spec->key_count; i++) {
        if (!firn_type_is_valid(spec->keys[i].type)) {
            return firn_error_set(err, FIRN_INVALID, "there is no type %d",
                                  (int)spec->keys[i].type);
        }
    }
    for (size_t i = 0; i < spec->call_count; i++) {
        const struct firn_aggregate_call *call = &spec->calls[i];
        if (call->function < FIRN_AGGREGATE_COUNT_ROWS ||
            call->function > FIRN_AGGREGATE_COUNT_DISTINCT) {
            return firn_error_set(err, FIRN_INVALID, "there is no aggregate %d",
                                  (int)call->function);
        }
        if (call->function == FIRN_AGGREGATE_COUNT_ROWS) {
            continue;
        }
        bool is_sum = call->function == FIRN_AGGREGATE_SUM || call->function == FIRN_AGGREGATE_AVG;
        if (!firn_type_is_valid(call->argument.type) ||
            (is_sum && firn_physical_of(call->argument.type) == FIRN_PHYSICAL_BYTES)) {
            return firn_error_set(err, FIRN_INVALID, "sums and averages are of numbers");
        }
    }
    return FIRN_OK;
}

static enum firn_aggregate_state_kind
state_kind_of(enum firn_aggregate_function function, enum firn_physical argument)
{
    switch (function) {
    case FIRN_AGGREGATE_SUM:
    case FIRN_AGGREGATE_AVG:
        return argument == FIRN_PHYSICAL_F32 || argument == FIRN_PHYSICAL_F64
                   ? FIRN_AGGREGATE_STATE_REAL
                   : FIRN_AGGREGATE_STATE_INTEGER;
    case FIRN_AGGREGATE_MIN:
    case FIRN_AGGREGATE_MAX:
        return argument == FIRN_PHYSICAL_BYTES ? FIRN_AGGREGATE_STATE_BYTES
                                               : FIRN_AGGREGATE_STATE_EXTREME;
    default:
        return FIRN_AGGREGATE_STATE_COUNT;
    }
}

static void
set_keys(struct firn_aggregate *aggregate, const struct firn_aggregate_spec *spec)
{
    struct firn_aggregate_table *table = &aggregate->table;
    uint32_t word = spec->key_count > 0 ? 1 : 0;
    for (size_t i = 0; i < spec->key_count; i++) {
        enum firn_physical kind = firn_physical_of(spec->keys[i].type);
        aggregate->keys[i] = (struct firn_aggregate_key){
            .kind = kind, .fixed_size = spec->keys[i].fixed_size, .word = word};
        if (kind == FIRN_PHYSICAL_BYTES) {
            table->byte_words[word / 64] |= UINT64_C(1) << word % 64;
            table->has_bytes = true;
            word++;
        }
        word++;
    }
    DCHECK(word <= FIRN_AGGREGATE_WORDS_MAX);
    table->word_count = word;
    aggregate->key_count = spec->key_count;
}

/* An earlier call that shares its state with call i; NULL: there is none. */
static const struct firn_aggregate_function_of *
find_same(const struct firn_aggregate *aggregate, const struct firn_aggregate_spec *spec, size_t i)
{
    const struct firn_aggregate_function_of *of = &aggregate->calls[i];
    for (size_t j = 0; j < i && spec->calls[i].argument_number != 0; j++) {
        const struct firn_aggregate_function_of *other = &aggregate->calls[j];
        bool is_sum = of->state_kind == FIRN_AGGREGATE_STATE_INTEGER ||
                      of->state_kind == FIRN_AGGREGATE_STATE_REAL;
        if (spec->calls[j].argument_number == spec->calls[i].argument_number && is_sum &&
            other->state_kind == of->state_kind) {
            DCHECK(other->argument == of->argument);
            return other;
        }
    }
    return NULL;
}

static void
set_calls(struct firn_aggregate *aggregate, const struct firn_aggregate_spec *spec)
{
    size_t offset = aggregate->table.word_count * sizeof(uint64_t);
    for (size_t i = 0; i < spec->call_count; i++) {
        const struct firn_aggregate_call *call = &spec->calls[i];
        struct firn_aggregate_function_of *of = &aggregate->calls[i];
        *of = (struct firn_aggregate_function_of){.function = call->function, .offset = offset};
        if (call->function != FIRN_AGGREGATE_COUNT_ROWS) {
            of->argument = firn_physical_of(call->argument.type);
            of->fixed_size = call->argument.fixed_size;
            of->is_decimal = call->argument.type == FIRN_TYPE_DECIMAL;
        }
        of->state_kind = state_kind_of(call->function, of->argument);
        of->result = firn_physical_of(firn_aggregate_result_type(call));
        of->flip = call->function == FIRN_AGGREGATE_MIN ? UINT64_MAX : 0;
        of->divisor = 1;
        for (uint32_t digit = 0; of->is_decimal && digit < call->scale; digit++) {
            of->divisor *= 10;
        }
        const struct firn_aggregate_function_of *same = find_same(aggregate, spec, i);
        if (same != NULL) {
            of->is_shared = true;
            of->offset = same->offset;
        } else {
            offset += firn_aggregate_state_size(of->state_kind);
        }
        bool is_distinct = call->function == FIRN_AGGREGATE_COUNT_DISTINCT;
        aggregate->has_bytes_state |= of->state_kind == FIRN_AGGREGATE_STATE_BYTES;
        aggregate->has_distinct |= is_distinct;
        aggregate->state_count +=
            same == NULL && !is_distinct && of->state_kind != FIRN_AGGREGATE_STATE_BYTES;
    }
    aggregate->call_count = spec->call_count;
    aggregate->states_end = offset;
    /* So that a record is in one cache line. */
    aggregate->table.record_size = offset == 0                           ? sizeof(uint64_t)
                                   : offset > LINE / 2 && offset <= LINE ? LINE
                                                                         : offset;
}

static int create(const struct firn_aggregate_spec *spec, size_t keys_max,
                  struct firn_aggregate **out, firn_error *err);

/* Creates the aggregates of COUNT_DISTINCT. */
static int
create_distinct(struct firn_aggregate *aggregate, const struct firn_aggregate_spec *spec,
                uint64_t memory_bytes, firn_error *err)
{
    struct firn_aggregate_column keys[FIRN_AGGREGATE_KEYS_MAX + 1];
    int rc = FIRN_OK;
    for (size_t k = 0; k < spec->key_count; k++) {
        keys[k] = spec->keys[k];
    }
    for (size_t i = 0; i < spec->call_count && rc == FIRN_OK; i++) {
        if (spec->calls[i].function == FIRN_AGGREGATE_COUNT_DISTINCT) {
            keys[spec->key_count] = spec->calls[i].argument;
            struct firn_aggregate_spec own = *spec;
            own.keys = keys;
            own.ranges = NULL;
            own.key_count = spec->key_count + 1;
            own.call_count = 0;
            own.memory_bytes = memory_bytes;
            rc = create(&own, FIRN_AGGREGATE_KEYS_MAX + 1, &aggregate->calls[i].distinct, err);
        }
    }
    return rc;
}

static int
create(const struct firn_aggregate_spec *spec, size_t keys_max, struct firn_aggregate **out,
       firn_error *err)
{
    struct firn_aggregate *aggregate = NULL;
    uint64_t tables = 1;
    uint8_t *record;
    int rc;
    *out = NULL;
    FIRN_TRY(check_spec(spec, keys_max, err));
    rc = firn_error_no_memory(err, "the groups of a query");
    aggregate = firn_alloc_zeroed(sizeof *aggregate);
    if (aggregate == NULL) {
        goto out;
    }
    aggregate->keys = firn_alloc_array(spec->key_count, sizeof *aggregate->keys);
    aggregate->calls = firn_alloc_array(spec->call_count, sizeof *aggregate->calls);
    aggregate->codes = firn_alloc_zeroed((spec->key_count + 1) * sizeof *aggregate->codes);
    if (aggregate->keys == NULL || aggregate->calls == NULL || aggregate->codes == NULL) {
        goto out;
    }
    set_keys(aggregate, spec);
    set_calls(aggregate, spec);
    aggregate->words = firn_alloc_array(aggregate->table.word_count, ROWS * sizeof(uint64_t));
    if (aggregate->words == NULL) {
        goto out;
    }
    for (size_t i = 0; i < spec->call_count; i++) {
        tables += spec->calls[i].function == FIRN_AGGREGATE_COUNT_DISTINCT;
    }
    aggregate->spill = spec->spill;
    aggregate->table.os = spec->os;
    aggregate->table.seed = spec->seed;
    aggregate->few.has_hardware = firn_aggregate_few_has_hardware();
    uint64_t memory_bytes = spec->memory_bytes / tables;
    FIRN_TRY(firn_aggregate_direct_init(aggregate, spec, &memory_bytes, err));
    firn_aggregate_table_init(&aggregate->table, memory_bytes);
    FIRN_TRY(create_distinct(aggregate, spec, spec->memory_bytes / tables, err));
    if (spec->key_count == 0) {
        FIRN_TRY(firn_aggregate_table_find(&aggregate->table, NULL, 0, &record, err));
    }
    *out = aggregate;
    aggregate = NULL;
    rc = FIRN_OK;
out:
    firn_aggregate_destroy(aggregate);
    return rc;
}

int
firn_aggregate_create(const struct firn_aggregate_spec *spec, struct firn_aggregate **out,
                      firn_error *err)
{
    return create(spec, FIRN_AGGREGATE_KEYS_MAX, out, err);
}

void
firn_aggregate_destroy(struct firn_aggregate *aggregate)
{
    if (aggregate == NULL) {
        return;
    }
    for (size_t i = 0; i < aggregate->call_count; i++) {
        firn_aggregate_destroy(aggregate->calls[i].distinct);
    }
    for (size_t i = 0; i < FIRN_AGGREGATE_LEVELS; i++) {
        firn_aggregate_spill_deinit(&aggregate->levels[i]);
    }
    firn_aggregate_table_deinit(&aggregate->table);
    firn_aggregate_direct_deinit(&aggregate->direct);
    for (size_t i = 0; i < aggregate->key_count; i++) {
        firn_chunk_scratch_deinit(&aggregate->codes[i].scratch);
    }
    firn_buf_deinit(&aggregate->buf);
    firn_free(aggregate->codes);
    firn_free(aggregate->code_groups);
    firn_free(aggregate->code_numbers);
    firn_free(aggregate->outputs);
    firn_free(aggregate->words);
    firn_free(aggregate->calls);
    firn_free(aggregate->keys);
    firn_free(aggregate);
}

/* ---- codes ---- */

int
firn_aggregate_begin_codes(struct firn_aggregate *aggregate, const struct firn_chunk *const *chunks,
                           firn_error *err)
{
    size_t count = 1;
    DCHECK(aggregate->key_count > 0 && !aggregate->is_finished);
    CHECK(aggregate->direct.places == 0);
    for (size_t k = 0; k < aggregate->key_count; k++) {
        DCHECK(firn_chunk_code_count(chunks[k]) > 0);
        count *= firn_chunk_code_count(chunks[k]) + 1;
        aggregate->codes[k].chunk = chunks[k];
        CHECK(aggregate->key_count == 1 || count <= FIRN_AGGREGATE_CODES_MAX);
    }
    uint8_t **groups =
        firn_grow_array(aggregate->code_groups, count, &aggregate->code_capacity, sizeof *groups);
    if (groups == NULL) {
        return firn_error_no_memory(err, "the groups of a chunk's codes");
    }
    aggregate->code_groups = groups;
    size_t room = count < FIRN_AGGREGATE_CODES_LEAST ? FIRN_AGGREGATE_CODES_LEAST : count;
    uint8_t *numbers = firn_grow_array(aggregate->code_numbers, room,
                                       &aggregate->code_number_capacity, sizeof *numbers);
    if (numbers == NULL) {
        return firn_error_no_memory(err, "the groups of a chunk's codes");
    }
    aggregate->code_numbers = numbers;
    memset(groups, 0, count * sizeof *groups);
    memset(numbers, FIRN_AGGREGATE_FEW, room);
    aggregate->code_count = count;
    return FIRN_OK;
}

void
firn_aggregate_join_codes(const struct firn_aggregate *aggregate, uint32_t *codes,
                          const uint32_t *own, uint32_t count, size_t rows)
{
    firn_aggregate_few_join(&aggregate->few, codes, own, count, rows);
}

bool
firn_aggregate_is_shared(const struct firn_aggregate *aggregate, size_t call)
{
    DCHECK(call < aggregate->call_count);
    return aggregate->calls[call].is_shared;
}

/* ---- merging ---- */

static void
clear_codes(struct firn_aggregate *aggregate)
{
    aggregate->code_count = 0;
    for (size_t k = 0; k < aggregate->key_count; k++) {
        aggregate->codes[k].chunk = NULL;
    }
}

static int
merge_only(struct firn_aggregate *aggregate, struct firn_aggregate *other, firn_error *err)
{
    uint8_t *from = firn_aggregate_only_group(other);
    for (size_t c = 0; c < aggregate->call_count; c++) {
        if (aggregate->calls[c].is_shared) {
            continue;
        }
        int rc =
            firn_aggregate_state_combine(&aggregate->calls[c], firn_aggregate_only_group(aggregate),
                                         from, &aggregate->table.arena, err);
        if (rc != FIRN_OK) {
            return rc;
        }
    }
    memset(from, 0, other->table.record_size);
    firn_arena_deinit(&other->table.arena);
    return FIRN_OK;
}

static void
swap_tables(struct firn_aggregate_table *a, struct firn_aggregate_table *b)
{
    struct firn_aggregate_table table = *a;
    *a = *b;
    *b = table;
}

/* Merges the smaller table into the larger one. */
static int
merge_tables(struct firn_aggregate *aggregate, struct firn_aggregate *other, firn_error *err)
{
    struct firn_aggregate_table *from = &other->table;
    /* A key with a place here may be in the table of an aggregate without places. */
    if (from->count > aggregate->table.count &&
        (aggregate->direct.places > 0) == (other->direct.places > 0) &&
        from->memory_bytes == aggregate->table.memory_bytes && from->os == aggregate->table.os) {
        swap_tables(from, &aggregate->table);
    }
    for (uint64_t i = 0; i < from->count; i++) {
        uint64_t ahead = i + PREFETCH_AHEAD;
        const struct firn_aggregate_table *to = &aggregate->table;
        if (ahead < from->count && to->slots != NULL) {
            const uint8_t *next = firn_aggregate_table_record(from, ahead);
            uint64_t hash = firn_aggregate_table_hash(to, (const uint64_t *)(const void *)next);
            __builtin_prefetch(
                &to->slots[firn_aggregate_table_tag(to, hash) >> (32 - to->slot_bits)]);
        }
        int rc = firn_aggregate_spill_combine(aggregate, firn_aggregate_table_record(from, i), err);
        if (rc != FIRN_OK) {
            return rc;
        }
    }
    DCHECK(other->code_count == 0); /* (I2) */
    firn_aggregate_table_clear(from, 0);
    return FIRN_OK;
}

int
firn_aggregate_merge(struct firn_aggregate *aggregate, struct firn_aggregate *other,
                     firn_error *err)
{
    DCHECK(aggregate != other && !aggregate->is_finished && !other->is_finished);
    DCHECK(aggregate->table.record_size == other->table.record_size);
    CHECK(aggregate->table.seed == other->table.seed);
    clear_codes(aggregate);
    clear_codes(other);
    if (aggregate->key_count == 0) {
        FIRN_TRY_RETURN(merge_only(aggregate, other, err));
    } else {
        FIRN_TRY_RETURN(merge_tables(aggregate, other, err));
        FIRN_TRY_RETURN(firn_aggregate_direct_merge(aggregate, other, err));
        FIRN_TRY_RETURN(firn_aggregate_spill_take(aggregate, other, err));
    }
    for (size_t i = 0; i < aggregate->call_count; i++) {
        if (aggregate->calls[i].distinct != NULL) {
            FIRN_TRY_RETURN(
                firn_aggregate_merge(aggregate->calls[i].distinct, other->calls[i].distinct, err));
        }
    }
    return FIRN_OK;
}

/* ---- groups ---- */

int
firn_aggregate_make_outputs(struct firn_aggregate *aggregate, firn_error *err)
{
    if (aggregate->outputs == NULL) {
        aggregate->outputs = firn_alloc_array(aggregate->key_count + aggregate->call_count,
                                              sizeof *aggregate->outputs);
    }
    return aggregate->outputs == NULL ? firn_error_no_memory(err, "the groups of a query")
                                      : FIRN_OK;
}

/* Counts each row once for a call. */
static int
count_rows(struct firn_aggregate *aggregate, const struct firn_aggregate_function_of *call,
           const struct firn_chunk_values *keys, size_t count, firn_error *err)
{
    struct firn_aggregate_batch *batch = &aggregate->batch;
    if (aggregate->key_count == 0) {
        firn_aggregate_state_update_one(call, NULL, count, NULL,
                                        firn_aggregate_only_group(aggregate));
        return FIRN_OK;
    }
    firn_aggregate_keys_choose(batch, count, NULL);
    firn_aggregate_keys_words(&aggregate->table, aggregate->keys, aggregate->key_count, keys, batch,
                              aggregate->words);
    size_t end;
    for (size_t start = 0; start < count; start = end) {
        FIRN_TRY_RETURN(
            firn_aggregate_keys_find(&aggregate->table, batch, aggregate->words, start, &end, err));
        FIRN_TRY_RETURN(firn_aggregate_state_update(call, NULL, batch->rows + start,
                                                    batch->groups + start, end - start,
                                                    &aggregate->table.arena, err));
        FIRN_TRY_RETURN(firn_aggregate_spill_if_full(aggregate, end < count, err));
    }
    return FIRN_OK;
}

/* Counts the groups of a call's own aggregate. */
static int
finish_distinct(struct firn_aggregate *aggregate, struct firn_aggregate_function_of *call,
                firn_error *err)
{
    struct firn_chunk_values keys[FIRN_AGGREGATE_KEYS_MAX + 1];
    size_t count;
    FIRN_TRY_RETURN(firn_aggregate_finish(call->distinct, err));
    for (;;) {
        FIRN_TRY_RETURN(firn_aggregate_next(call->distinct, keys, NULL, &count, err));
        if (count == 0) {
            break;
        }
        FIRN_TRY_RETURN(count_rows(aggregate, call, keys, count, err));
    }
    aggregate->spilled_bytes += firn_aggregate_spilled_bytes(call->distinct);
    firn_aggregate_destroy(call->distinct);
    call->distinct = NULL;
    return FIRN_OK;
}

int
firn_aggregate_finish(struct firn_aggregate *aggregate, firn_error *err)
{
    DCHECK(!aggregate->is_finished);
    DCHECK(aggregate->key_count > 0 || aggregate->table.count == 1); /* (I1) */
    clear_codes(aggregate);
    for (size_t i = 0; i < aggregate->call_count; i++) {
        if (aggregate->calls[i].distinct != NULL) {
            FIRN_TRY_RETURN(finish_distinct(aggregate, &aggregate->calls[i], err));
        }
    }
    aggregate->is_spilled = aggregate->levels[0].run_count > 0;
    if (aggregate->is_spilled) {
        FIRN_TRY_RETURN(firn_aggregate_spill_table(aggregate, err));
        for (size_t i = 0; i < aggregate->levels[0].file_count; i++) {
            firn_row_spill_seal(aggregate->levels[0].files[i]);
        }
    }
    int rc = firn_aggregate_make_outputs(aggregate, err);
    aggregate->is_finished = true;
    return rc;
}

int
firn_aggregate_next(struct firn_aggregate *aggregate, struct firn_chunk_values *keys,
                    struct firn_chunk_values *results, size_t *out_count, firn_error *err)
{
    struct firn_aggregate_table *table = &aggregate->table;
    uint8_t **groups = aggregate->batch.groups;
    DCHECK(aggregate->is_finished);
    DCHECK(aggregate->code_count == 0); /* (I2): reading parts clears the table */
    *out_count = 0;
    if (aggregate->emitted == table->count && aggregate->is_spilled) {
        bool is_end;
        aggregate->emitted = 0;
        FIRN_TRY_RETURN(firn_aggregate_spill_load(aggregate, &is_end, err));
        if (is_end) {
            firn_aggregate_table_clear(table, 0);
            aggregate->is_spilled = false;
        }
    }
    uint64_t left = table->count - aggregate->emitted;
    size_t count = left < ROWS ? (size_t)left : ROWS;
    if (count == 0 && aggregate->direct.places > 0) {
        count = firn_aggregate_direct_next(aggregate, keys);
    } else {
        for (size_t i = 0; i < count; i++) {
            groups[i] = firn_aggregate_table_record(table, aggregate->emitted + i);
        }
        for (size_t k = 0; k < aggregate->key_count; k++) {
            firn_aggregate_keys_read(&aggregate->keys[k], k, groups, count, NULL,
                                     &aggregate->outputs[k], &keys[k]);
        }
        aggregate->emitted += count;
    }
    for (size_t c = 0; c < aggregate->call_count; c++) {
        FIRN_TRY_RETURN(firn_aggregate_state_read(&aggregate->calls[c], groups, count,
                                                  &aggregate->outputs[aggregate->key_count + c],
                                                  &results[c], err));
    }
    *out_count = count;
    return FIRN_OK;
}

uint64_t
firn_aggregate_spilled_bytes(const struct firn_aggregate *aggregate)
{
    uint64_t bytes = aggregate->spilled_bytes;
    for (size_t i = 0; i < aggregate->call_count; i++) {
        if (aggregate->calls[i].distinct != NULL) {
            bytes += firn_aggregate_spilled_bytes(aggregate->calls[i].distinct);
        }
    }
    return bytes;
}
