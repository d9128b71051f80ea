/* SPDX-License-Identifier: Apache-2.0
 *
 * aggregate/aggregate.c: grouping rows: creating, merging, and returning the groups. Adding is in
 * aggregate_add.c.
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

enum { ROWS = FI_AGGREGATE_ROWS, PREFETCH_AHEAD = 8, LINE = 64 };

/* ---- making ---- */

firn_type
fi_aggregate_result_type(const struct fi_aggregate_call *call)
{
    switch (call->function) {
    case FI_AGGREGATE_SUM:
        switch (fi_physical_of(call->argument.type)) {
        case FI_PHYSICAL_I64:
            return call->argument.type == FIRN_TYPE_DECIMAL ? FIRN_TYPE_DECIMAL : FIRN_TYPE_I64;
        case FI_PHYSICAL_U64:
            return FIRN_TYPE_U64;
        default:
            return FIRN_TYPE_F64;
        }
    case FI_AGGREGATE_MIN:
    case FI_AGGREGATE_MAX:
        return call->argument.type;
    case FI_AGGREGATE_AVG:
        return FIRN_TYPE_F64;
    default:
        return FIRN_TYPE_I64;
    }
}

static int
check_spec(const struct fi_aggregate_spec *spec, size_t keys_max, firn_error *err)
{
    if (spec->key_count > keys_max || spec->call_count > FI_AGGREGATE_CALLS_MAX) {
        return fi_error_set(
            err, FIRN_LIMIT,
            "a query has at most %d columns that it is grouped by, and %d aggregates",
            FI_AGGREGATE_KEYS_MAX, FI_AGGREGATE_CALLS_MAX);
    }
    for (size_t i = 0; i < spec->key_count; i++) {
        if (!fi_type_is_valid(spec->keys[i].type)) {
            return fi_error_set(err, FIRN_INVALID, "there is no type %d", (int)spec->keys[i].type);
        }
    }
    for (size_t i = 0; i < spec->call_count; i++) {
        const struct fi_aggregate_call *call = &spec->calls[i];
        if (call->function < FI_AGGREGATE_COUNT_ROWS ||
            call->function > FI_AGGREGATE_COUNT_DISTINCT) {
            return fi_error_set(err, FIRN_INVALID, "there is no aggregate %d", (int)call->function);
        }
        if (call->function == FI_AGGREGATE_COUNT_ROWS) {
            continue;
        }
        bool is_sum = call->function == FI_AGGREGATE_SUM || call->function == FI_AGGREGATE_AVG;
        if (!fi_type_is_valid(call->argument.type) ||
            (is_sum && fi_physical_of(call->argument.type) == FI_PHYSICAL_BYTES)) {
            return fi_error_set(err, FIRN_INVALID, "sums and averages are of numbers");
        }
    }
    return FIRN_OK;
}

static enum fi_aggregate_state_kind
state_kind_of(enum fi_aggregate_function function, enum fi_physical argument)
{
    switch (function) {
    case FI_AGGREGATE_SUM:
    case FI_AGGREGATE_AVG:
        return argument == FI_PHYSICAL_F32 || argument == FI_PHYSICAL_F64
                   ? FI_AGGREGATE_STATE_REAL
                   : FI_AGGREGATE_STATE_INTEGER;
    case FI_AGGREGATE_MIN:
    case FI_AGGREGATE_MAX:
        return argument == FI_PHYSICAL_BYTES ? FI_AGGREGATE_STATE_BYTES
                                             : FI_AGGREGATE_STATE_EXTREME;
    default:
        return FI_AGGREGATE_STATE_COUNT;
    }
}

static void
set_keys(struct fi_aggregate *aggregate, const struct fi_aggregate_spec *spec)
{
    struct fi_aggregate_table *table = &aggregate->table;
    uint32_t word = spec->key_count > 0 ? 1 : 0;
    for (size_t i = 0; i < spec->key_count; i++) {
        enum fi_physical kind = fi_physical_of(spec->keys[i].type);
        aggregate->keys[i] = (struct fi_aggregate_key){
            .kind = kind, .fixed_size = spec->keys[i].fixed_size, .word = word};
        if (kind == FI_PHYSICAL_BYTES) {
            table->byte_words[word / 64] |= UINT64_C(1) << word % 64;
            table->has_bytes = true;
            word++;
        }
        word++;
    }
    DCHECK(word <= FI_AGGREGATE_WORDS_MAX);
    table->word_count = word;
    aggregate->key_count = spec->key_count;
}

/* An earlier call that shares its state with call i; NULL: there is none. */
static const struct fi_aggregate_function_of *
find_same(const struct fi_aggregate *aggregate, const struct fi_aggregate_spec *spec, size_t i)
{
    const struct fi_aggregate_function_of *of = &aggregate->calls[i];
    for (size_t j = 0; j < i && spec->calls[i].argument_number != 0; j++) {
        const struct fi_aggregate_function_of *other = &aggregate->calls[j];
        bool is_sum = of->state_kind == FI_AGGREGATE_STATE_INTEGER ||
                      of->state_kind == FI_AGGREGATE_STATE_REAL;
        if (spec->calls[j].argument_number == spec->calls[i].argument_number && is_sum &&
            other->state_kind == of->state_kind) {
            DCHECK(other->argument == of->argument);
            return other;
        }
    }
    return NULL;
}

static void
set_calls(struct fi_aggregate *aggregate, const struct fi_aggregate_spec *spec)
{
    size_t offset = aggregate->table.word_count * sizeof(uint64_t);
    for (size_t i = 0; i < spec->call_count; i++) {
        const struct fi_aggregate_call *call = &spec->calls[i];
        struct fi_aggregate_function_of *of = &aggregate->calls[i];
        *of = (struct fi_aggregate_function_of){.function = call->function, .offset = offset};
        if (call->function != FI_AGGREGATE_COUNT_ROWS) {
            of->argument = fi_physical_of(call->argument.type);
            of->fixed_size = call->argument.fixed_size;
            of->is_decimal = call->argument.type == FIRN_TYPE_DECIMAL;
        }
        of->state_kind = state_kind_of(call->function, of->argument);
        of->result = fi_physical_of(fi_aggregate_result_type(call));
        of->flip = call->function == FI_AGGREGATE_MIN ? UINT64_MAX : 0;
        of->divisor = 1;
        for (uint32_t digit = 0; of->is_decimal && digit < call->scale; digit++) {
            of->divisor *= 10;
        }
        const struct fi_aggregate_function_of *same = find_same(aggregate, spec, i);
        if (same != NULL) {
            of->is_shared = true;
            of->offset = same->offset;
        } else {
            offset += fi_aggregate_state_size(of->state_kind);
        }
        bool is_distinct = call->function == FI_AGGREGATE_COUNT_DISTINCT;
        aggregate->has_bytes_state |= of->state_kind == FI_AGGREGATE_STATE_BYTES;
        aggregate->has_distinct |= is_distinct;
        aggregate->state_count +=
            same == NULL && !is_distinct && of->state_kind != FI_AGGREGATE_STATE_BYTES;
    }
    aggregate->call_count = spec->call_count;
    aggregate->states_end = offset;
    /* So that a record is in one cache line. */
    aggregate->table.record_size = offset == 0                           ? sizeof(uint64_t)
                                   : offset > LINE / 2 && offset <= LINE ? LINE
                                                                         : offset;
}

static int aggregate_create(const struct fi_aggregate_spec *spec, size_t keys_max,
                            struct fi_aggregate **out, firn_error *err);

/* Creates the aggregates of COUNT_DISTINCT. */
static int
create_distinct(struct fi_aggregate *aggregate, const struct fi_aggregate_spec *spec,
                uint64_t memory_bytes, firn_error *err)
{
    struct fi_aggregate_column keys[FI_AGGREGATE_KEYS_MAX + 1];
    int rc = FIRN_OK;
    for (size_t k = 0; k < spec->key_count; k++) {
        keys[k] = spec->keys[k];
    }
    for (size_t i = 0; i < spec->call_count && rc == FIRN_OK; i++) {
        if (spec->calls[i].function == FI_AGGREGATE_COUNT_DISTINCT) {
            keys[spec->key_count] = spec->calls[i].argument;
            struct fi_aggregate_spec own = *spec;
            own.keys = keys;
            own.ranges = NULL;
            own.key_count = spec->key_count + 1;
            own.call_count = 0;
            own.memory_bytes = memory_bytes;
            rc = aggregate_create(&own, FI_AGGREGATE_KEYS_MAX + 1, &aggregate->calls[i].distinct,
                                  err);
        }
    }
    return rc;
}

static int
aggregate_create(const struct fi_aggregate_spec *spec, size_t keys_max, struct fi_aggregate **out,
                 firn_error *err)
{
    struct fi_aggregate *aggregate = NULL;
    uint64_t tables = 1;
    uint8_t *record;
    int rc;
    *out = NULL;
    FI_TRY(check_spec(spec, keys_max, err));
    rc = fi_error_no_memory(err, "the groups of a query");
    aggregate = fi_alloc_zeroed(sizeof *aggregate);
    if (aggregate == NULL) {
        goto out;
    }
    aggregate->keys = fi_alloc_array(spec->key_count, sizeof *aggregate->keys);
    aggregate->calls = fi_alloc_array(spec->call_count, sizeof *aggregate->calls);
    aggregate->codes = fi_alloc_zeroed((spec->key_count + 1) * sizeof *aggregate->codes);
    if (aggregate->keys == NULL || aggregate->calls == NULL || aggregate->codes == NULL) {
        goto out;
    }
    set_keys(aggregate, spec);
    set_calls(aggregate, spec);
    aggregate->words = fi_alloc_array(aggregate->table.word_count, ROWS * sizeof(uint64_t));
    if (aggregate->words == NULL) {
        goto out;
    }
    for (size_t i = 0; i < spec->call_count; i++) {
        tables += spec->calls[i].function == FI_AGGREGATE_COUNT_DISTINCT;
    }
    aggregate->spill = spec->spill;
    aggregate->table.os = spec->os;
    aggregate->table.seed = spec->seed;
    aggregate->few.has_hardware = fi_aggregate_few_has_hardware();
    uint64_t memory_bytes = spec->memory_bytes / tables;
    FI_TRY(fi_aggregate_direct_init(aggregate, spec, &memory_bytes, err));
    fi_aggregate_table_init(&aggregate->table, memory_bytes);
    FI_TRY(create_distinct(aggregate, spec, spec->memory_bytes / tables, err));
    if (spec->key_count == 0) {
        FI_TRY(fi_aggregate_table_find(&aggregate->table, NULL, 0, &record, err));
    }
    *out = aggregate;
    aggregate = NULL;
    rc = FIRN_OK;
out:
    fi_aggregate_destroy(aggregate);
    return rc;
}

int
fi_aggregate_create(const struct fi_aggregate_spec *spec, struct fi_aggregate **out,
                    firn_error *err)
{
    return aggregate_create(spec, FI_AGGREGATE_KEYS_MAX, out, err);
}

void
fi_aggregate_destroy(struct fi_aggregate *aggregate)
{
    if (aggregate == NULL) {
        return;
    }
    for (size_t i = 0; i < aggregate->call_count; i++) {
        fi_aggregate_destroy(aggregate->calls[i].distinct);
    }
    for (size_t i = 0; i < FI_AGGREGATE_LEVELS; i++) {
        fi_aggregate_spill_deinit(&aggregate->levels[i]);
    }
    fi_aggregate_table_deinit(&aggregate->table);
    fi_aggregate_direct_deinit(&aggregate->direct);
    for (size_t i = 0; i < aggregate->key_count; i++) {
        fi_chunk_scratch_deinit(&aggregate->codes[i].scratch);
    }
    fi_buf_deinit(&aggregate->buf);
    fi_free(aggregate->codes);
    fi_free(aggregate->code_groups);
    fi_free(aggregate->code_numbers);
    fi_free(aggregate->outputs);
    fi_free(aggregate->words);
    fi_free(aggregate->calls);
    fi_free(aggregate->keys);
    fi_free(aggregate);
}

/* ---- codes ---- */

int
fi_aggregate_begin_codes(struct fi_aggregate *aggregate, const struct fi_chunk *const *chunks,
                         firn_error *err)
{
    size_t count = 1;
    DCHECK(aggregate->key_count > 0 && !aggregate->is_finished);
    CHECK(aggregate->direct.places == 0);
    for (size_t k = 0; k < aggregate->key_count; k++) {
        DCHECK(fi_chunk_code_count(chunks[k]) > 0);
        count *= fi_chunk_code_count(chunks[k]) + 1;
        aggregate->codes[k].chunk = chunks[k];
        CHECK(aggregate->key_count == 1 || count <= FI_AGGREGATE_CODES_MAX);
    }
    FI_TRY_RETURN(FI_VEC_RESERVE(aggregate->code_groups, count, aggregate->code_capacity, err));
    uint8_t **groups = aggregate->code_groups;
    size_t room = count < FI_AGGREGATE_CODES_LEAST ? FI_AGGREGATE_CODES_LEAST : count;
    FI_TRY_RETURN(
        FI_VEC_RESERVE(aggregate->code_numbers, room, aggregate->code_number_capacity, err));
    uint8_t *numbers = aggregate->code_numbers;
    memset(groups, 0, count * sizeof *groups);
    memset(numbers, FI_AGGREGATE_FEW, room);
    aggregate->code_count = count;
    return FIRN_OK;
}

void
fi_aggregate_join_codes(const struct fi_aggregate *aggregate, uint32_t *codes, const uint32_t *own,
                        uint32_t count, size_t rows)
{
    fi_aggregate_few_join(&aggregate->few, codes, own, count, rows);
}

bool
fi_aggregate_is_shared(const struct fi_aggregate *aggregate, size_t call)
{
    DCHECK(call < aggregate->call_count);
    return aggregate->calls[call].is_shared;
}

/* ---- merging ---- */

static void
clear_codes(struct fi_aggregate *aggregate)
{
    aggregate->code_count = 0;
    for (size_t k = 0; k < aggregate->key_count; k++) {
        aggregate->codes[k].chunk = NULL;
    }
}

static int
merge_only(struct fi_aggregate *aggregate, struct fi_aggregate *other, firn_error *err)
{
    uint8_t *from = fi_aggregate_only_group(other);
    for (size_t c = 0; c < aggregate->call_count; c++) {
        if (aggregate->calls[c].is_shared) {
            continue;
        }
        int rc =
            fi_aggregate_state_combine(&aggregate->calls[c], fi_aggregate_only_group(aggregate),
                                       from, &aggregate->table.arena, err);
        if (rc != FIRN_OK) {
            return rc;
        }
    }
    memset(from, 0, other->table.record_size);
    fi_arena_deinit(&other->table.arena);
    return FIRN_OK;
}

static void
swap_tables(struct fi_aggregate_table *a, struct fi_aggregate_table *b)
{
    struct fi_aggregate_table table = *a;
    *a = *b;
    *b = table;
}

/* Merges the smaller table into the larger one. */
static int
merge_tables(struct fi_aggregate *aggregate, struct fi_aggregate *other, firn_error *err)
{
    struct fi_aggregate_table *from = &other->table;
    /* A key with a place here may be in the table of an aggregate without places. */
    if (from->count > aggregate->table.count &&
        (aggregate->direct.places > 0) == (other->direct.places > 0) &&
        from->memory_bytes == aggregate->table.memory_bytes && from->os == aggregate->table.os) {
        swap_tables(from, &aggregate->table);
    }
    for (uint64_t i = 0; i < from->count; i++) {
        uint64_t ahead = i + PREFETCH_AHEAD;
        const struct fi_aggregate_table *to = &aggregate->table;
        if (ahead < from->count && to->slots != NULL) {
            const uint8_t *next = fi_aggregate_table_record(from, ahead);
            uint64_t hash = fi_aggregate_table_hash(to, (const uint64_t *)(const void *)next);
            __builtin_prefetch(
                &to->slots[fi_aggregate_table_tag(to, hash) >> (32 - to->slot_bits)]);
        }
        int rc = fi_aggregate_spill_combine(aggregate, fi_aggregate_table_record(from, i), err);
        if (rc != FIRN_OK) {
            return rc;
        }
    }
    DCHECK(other->code_count == 0); /* (I2) */
    fi_aggregate_table_clear(from, 0);
    return FIRN_OK;
}

int
fi_aggregate_merge(struct fi_aggregate *aggregate, struct fi_aggregate *other, firn_error *err)
{
    DCHECK(aggregate != other && !aggregate->is_finished && !other->is_finished);
    DCHECK(aggregate->table.record_size == other->table.record_size);
    CHECK(aggregate->table.seed == other->table.seed);
    clear_codes(aggregate);
    clear_codes(other);
    if (aggregate->key_count == 0) {
        FI_TRY_RETURN(merge_only(aggregate, other, err));
    } else {
        FI_TRY_RETURN(merge_tables(aggregate, other, err));
        FI_TRY_RETURN(fi_aggregate_direct_merge(aggregate, other, err));
        FI_TRY_RETURN(fi_aggregate_spill_take(aggregate, other, err));
    }
    for (size_t i = 0; i < aggregate->call_count; i++) {
        if (aggregate->calls[i].distinct != NULL) {
            FI_TRY_RETURN(
                fi_aggregate_merge(aggregate->calls[i].distinct, other->calls[i].distinct, err));
        }
    }
    return FIRN_OK;
}

/* ---- groups ---- */

int
fi_aggregate_make_outputs(struct fi_aggregate *aggregate, firn_error *err)
{
    if (aggregate->outputs == NULL) {
        aggregate->outputs = fi_alloc_array(aggregate->key_count + aggregate->call_count,
                                            sizeof *aggregate->outputs);
    }
    return aggregate->outputs == NULL ? fi_error_no_memory(err, "the groups of a query") : FIRN_OK;
}

/* Counts each row once for a call. */
static int
count_rows(struct fi_aggregate *aggregate, const struct fi_aggregate_function_of *call,
           const struct fi_chunk_values *keys, size_t count, firn_error *err)
{
    struct fi_aggregate_batch *batch = &aggregate->batch;
    if (aggregate->key_count == 0) {
        fi_aggregate_state_update_one(call, NULL, count, NULL, fi_aggregate_only_group(aggregate));
        return FIRN_OK;
    }
    fi_aggregate_keys_choose(batch, count, NULL);
    fi_aggregate_keys_words(&aggregate->table, aggregate->keys, aggregate->key_count, keys, batch,
                            aggregate->words);
    size_t end;
    for (size_t start = 0; start < count; start = end) {
        FI_TRY_RETURN(
            fi_aggregate_keys_find(&aggregate->table, batch, aggregate->words, start, &end, err));
        FI_TRY_RETURN(fi_aggregate_state_update(call, NULL, batch->rows + start,
                                                batch->groups + start, end - start,
                                                &aggregate->table.arena, err));
        FI_TRY_RETURN(fi_aggregate_spill_if_full(aggregate, end < count, err));
    }
    return FIRN_OK;
}

/* Counts the groups of a call's own aggregate. */
static int
finish_distinct(struct fi_aggregate *aggregate, struct fi_aggregate_function_of *call,
                firn_error *err)
{
    struct fi_chunk_values keys[FI_AGGREGATE_KEYS_MAX + 1];
    size_t count;
    FI_TRY_RETURN(fi_aggregate_finish(call->distinct, err));
    for (;;) {
        FI_TRY_RETURN(fi_aggregate_next(call->distinct, keys, NULL, &count, err));
        if (count == 0) {
            break;
        }
        FI_TRY_RETURN(count_rows(aggregate, call, keys, count, err));
    }
    aggregate->spilled_bytes += fi_aggregate_spilled_bytes(call->distinct);
    fi_aggregate_destroy(call->distinct);
    call->distinct = NULL;
    return FIRN_OK;
}

int
fi_aggregate_finish(struct fi_aggregate *aggregate, firn_error *err)
{
    DCHECK(!aggregate->is_finished);
    DCHECK(aggregate->key_count > 0 || aggregate->table.count == 1); /* (I1) */
    clear_codes(aggregate);
    for (size_t i = 0; i < aggregate->call_count; i++) {
        if (aggregate->calls[i].distinct != NULL) {
            FI_TRY_RETURN(finish_distinct(aggregate, &aggregate->calls[i], err));
        }
    }
    aggregate->is_spilled = aggregate->levels[0].run_count > 0;
    if (aggregate->is_spilled) {
        FI_TRY_RETURN(fi_aggregate_spill_table(aggregate, err));
        for (size_t i = 0; i < aggregate->levels[0].file_count; i++) {
            fi_spill_seal(aggregate->levels[0].files[i]);
        }
    }
    int rc = fi_aggregate_make_outputs(aggregate, err);
    aggregate->is_finished = true;
    return rc;
}

int
fi_aggregate_next(struct fi_aggregate *aggregate, struct fi_chunk_values *keys,
                  struct fi_chunk_values *results, size_t *out_count, firn_error *err)
{
    struct fi_aggregate_table *table = &aggregate->table;
    uint8_t **groups = aggregate->batch.groups;
    DCHECK(aggregate->is_finished);
    DCHECK(aggregate->code_count == 0); /* (I2): reading parts clears the table */
    *out_count = 0;
    if (aggregate->emitted == table->count && aggregate->is_spilled) {
        bool is_end;
        aggregate->emitted = 0;
        FI_TRY_RETURN(fi_aggregate_spill_load(aggregate, &is_end, err));
        if (is_end) {
            fi_aggregate_table_clear(table, 0);
            aggregate->is_spilled = false;
        }
    }
    uint64_t left = table->count - aggregate->emitted;
    size_t count = left < ROWS ? (size_t)left : ROWS;
    if (count == 0 && aggregate->direct.places > 0) {
        count = fi_aggregate_direct_next(aggregate, keys);
    } else {
        for (size_t i = 0; i < count; i++) {
            groups[i] = fi_aggregate_table_record(table, aggregate->emitted + i);
        }
        for (size_t k = 0; k < aggregate->key_count; k++) {
            fi_aggregate_keys_read(&aggregate->keys[k], k, groups, count, NULL,
                                   &aggregate->outputs[k], &keys[k]);
        }
        aggregate->emitted += count;
    }
    for (size_t c = 0; c < aggregate->call_count; c++) {
        FI_TRY_RETURN(fi_aggregate_state_read(&aggregate->calls[c], groups, count,
                                              &aggregate->outputs[aggregate->key_count + c],
                                              &results[c], err));
    }
    *out_count = count;
    return FIRN_OK;
}

uint64_t
fi_aggregate_spilled_bytes(const struct fi_aggregate *aggregate)
{
    uint64_t bytes = aggregate->spilled_bytes;
    for (size_t i = 0; i < aggregate->call_count; i++) {
        if (aggregate->calls[i].distinct != NULL) {
            bytes += fi_aggregate_spilled_bytes(aggregate->calls[i].distinct);
        }
    }
    return bytes;
}
