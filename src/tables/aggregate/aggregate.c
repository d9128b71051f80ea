/* SPDX-License-Identifier: Apache-2.0
 *
 * aggregate/aggregate.c: rows into groups: the whole of it.
 *
 * A batch goes through in three steps: which rows count; which groups they belong to
 * (aggregate_keys.c, aggregate_table.c), as an array of pointers to records; and for each call,
 * one loop over rows and records (aggregate_state.c). When memory comes to an end in the middle
 * of the second step, the rows so far go on to the third, the table is spilled
 * (aggregate_spill.c), and the rest of the batch begins anew.
 *
 * COUNT_DISTINCT counts groups: each such call has an aggregate of its own whose keys are those
 * of the groups and the argument. In the end its groups are rows that the call counts. So it
 * spills, merges and compares as groups do, and its memory is an equal share of all.
 *
 * Groups whose keys are numbers of small ranges have places instead of a hash (aggregate_direct.c); rows that
 * find none go on to the table.
 *
 * (I1) Without keys the table has one record from the beginning, and is never spilled.
 * (I2) code_groups has records of the table as it is: whatever clears the table clears it.
 */
#include "aggregate/aggregate.h"

#include "aggregate/aggregate_internal.h"
#include "base/mem.h"

enum {
    ROWS = FIRN_AGGREGATE_ROWS,
    PREFETCH_AHEAD = 8,
    LINE = 64,
    STATES_LISTED = 3, /* with fewer, it is not worth to list rows by group */
    BYTES_SHARE = 8    /* one step adds at most this part of the memory in extremes of bytes */
};

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

static bool
is_known(const struct firn_aggregate_column *column)
{
    return column->type >= FIRN_TYPE_BOOL && column->type <= FIRN_TYPE_MAX;
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
        if (!is_known(&spec->keys[i])) {
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
        if (!is_known(&call->argument) ||
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

/* An earlier call whose state is that of call i; NULL: there is none. */
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
    /* So that a record lies in one cache line. */
    aggregate->table.record_size = offset == 0                           ? sizeof(uint64_t)
                                   : offset > LINE / 2 && offset <= LINE ? LINE
                                                                         : offset;
}

static int create(const struct firn_aggregate_spec *spec, size_t keys_max,
                  struct firn_aggregate **out, firn_error *err);

/* The aggregates of COUNT_DISTINCT. */
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

/* ---- rows ---- */

static uint8_t *
only_group(const struct firn_aggregate *aggregate)
{
    DCHECK(aggregate->key_count == 0 && aggregate->table.count == 1);
    return firn_aggregate_table_record(&aggregate->table, 0);
}

/* Whether the caller leaves a call to itself, or another one does its work. */
static bool
is_left_out(const struct firn_aggregate_function_of *call, const struct firn_chunk_values *argument)
{
    return call->is_shared ||
           (call->function != FIRN_AGGREGATE_COUNT_ROWS && argument->kind == FIRN_PHYSICAL_NONE);
}

/* One call, for chosen rows [start, end), whose groups are known. */
static int
update(struct firn_aggregate *aggregate, const struct firn_aggregate_function_of *call,
       const struct firn_chunk_values *argument, size_t start, size_t end, firn_error *err)
{
    const uint16_t *rows = aggregate->batch.rows + start;
    uint8_t *const *groups = aggregate->batch.groups + start;
    size_t count = end - start;
    if (call->function != FIRN_AGGREGATE_COUNT_ROWS) {
        DCHECK(argument->kind == call->argument);
        if (argument->valid != NULL) {
            size_t kept = 0;
            for (size_t i = 0; i < count; i++) {
                aggregate->rows[kept] = rows[i];
                aggregate->groups[kept] = groups[i];
                kept += firn_aggregate_is_set(argument->valid, rows[i]);
            }
            rows = aggregate->rows;
            groups = aggregate->groups;
            count = kept;
        }
    }
    return firn_aggregate_state_update(call, argument, rows, groups, count, &aggregate->table.arena,
                                       err);
}

/* All calls, for chosen rows [start, end), whose groups are known; is_listed: they are marked by group. */
static int
update_calls(struct firn_aggregate *aggregate, const struct firn_chunk_values *arguments,
             size_t start, size_t end, bool is_listed, firn_error *err)
{
    struct firn_aggregate_few *few = &aggregate->few;
    int rc = FIRN_OK;
    DCHECK(start <= end && end <= aggregate->batch.count);
    for (size_t i = 0; i < aggregate->call_count && rc == FIRN_OK; i++) {
        const struct firn_aggregate_function_of *call = &aggregate->calls[i];
        if (call->distinct != NULL || is_left_out(call, &arguments[i])) {
            continue;
        }
        if (!is_listed || !firn_aggregate_few_update(few, call, &arguments[i])) {
            rc = update(aggregate, call, &arguments[i], start, end, err);
        }
    }
    return rc;
}

/* The same, of groups of the table. */
static int
update_step(struct firn_aggregate *aggregate, const struct firn_chunk_values *arguments,
            size_t start, size_t end, firn_error *err)
{
    bool is_listed =
        aggregate->state_count >= STATES_LISTED &&
        firn_aggregate_few_list(&aggregate->few, &aggregate->table, &aggregate->batch, start, end);
    return update_calls(aggregate, arguments, start, end, is_listed, err);
}

/* Up to where rows go on in one step, so that extremes of bytes stay within the memory, nearly. */
static size_t
cut_step(const struct firn_aggregate *aggregate, const struct firn_chunk_values *arguments,
         size_t start, size_t end)
{
    uint64_t size = 0;
    for (size_t i = start; aggregate->has_bytes_state && i < end; i++) {
        for (size_t c = 0; c < aggregate->call_count; c++) {
            const struct firn_aggregate_function_of *call = &aggregate->calls[c];
            if (call->state_kind == FIRN_AGGREGATE_STATE_BYTES &&
                !is_left_out(call, &arguments[c])) {
                size += arguments[c].as.bytes[aggregate->batch.rows[i]].size;
            }
        }
        if (size > aggregate->table.memory_bytes / BYTES_SHARE) {
            return i + 1;
        }
    }
    return end;
}

static int
spill_if_full(struct firn_aggregate *aggregate, bool is_full, firn_error *err)
{
    const struct firn_aggregate_table *table = &aggregate->table;
    bool is_over = aggregate->has_bytes_state && table->count > 1 &&
                   firn_aggregate_table_used_bytes(table) > table->memory_bytes;
    return is_full || is_over ? firn_aggregate_spill_table(aggregate, err) : FIRN_OK;
}

/* Rows of the other table that a call of COUNT_DISTINCT counts. */
static int
add_distinct(struct firn_aggregate *aggregate, const struct firn_chunk_values *keys,
             const struct firn_chunk_values *arguments, size_t count, const uint64_t *mask,
             firn_error *err)
{
    struct firn_chunk_values columns[FIRN_AGGREGATE_KEYS_MAX + 1];
    uint64_t chosen[FIRN_AGGREGATE_MASK_WORDS];
    int rc = FIRN_OK;
    for (size_t k = 0; k < aggregate->key_count; k++) {
        columns[k] = keys[k];
    }
    for (size_t i = 0; i < aggregate->call_count && rc == FIRN_OK; i++) {
        const struct firn_aggregate_function_of *call = &aggregate->calls[i];
        if (call->distinct == NULL || is_left_out(call, &arguments[i])) {
            continue;
        }
        const uint64_t *valid = arguments[i].valid;
        for (size_t w = 0; valid != NULL && w < (count + 63) / 64; w++) {
            uint64_t all = count - 64 * w >= 64 ? UINT64_MAX : (UINT64_C(1) << count % 64) - 1;
            chosen[w] = valid[w] & (mask == NULL ? all : mask[w]);
        }
        columns[aggregate->key_count] = arguments[i];
        rc = firn_aggregate_add(call->distinct, columns, arguments, count,
                                valid == NULL ? mask : chosen, err);
    }
    return rc;
}

static int
add_to_only(struct firn_aggregate *aggregate, const struct firn_chunk_values *arguments,
            size_t count, const uint64_t *mask, firn_error *err)
{
    uint8_t *group = only_group(aggregate);
    struct firn_aggregate_batch *batch = &aggregate->batch;
    int rc = FIRN_OK;
    if (aggregate->has_bytes_state) {
        firn_aggregate_keys_choose(batch, count, mask);
        for (size_t i = 0; i < batch->count; i++) {
            batch->groups[i] = group;
        }
    }
    for (size_t i = 0; i < aggregate->call_count && rc == FIRN_OK; i++) {
        const struct firn_aggregate_function_of *call = &aggregate->calls[i];
        const uint64_t *valid = NULL;
        uint64_t chosen[FIRN_AGGREGATE_MASK_WORDS];
        if (call->distinct != NULL || is_left_out(call, &arguments[i])) {
            continue;
        }
        if (call->state_kind == FIRN_AGGREGATE_STATE_BYTES) {
            rc = update(aggregate, call, &arguments[i], 0, batch->count, err);
            continue;
        }
        if (call->function != FIRN_AGGREGATE_COUNT_ROWS) {
            DCHECK(arguments[i].kind == call->argument);
            valid = arguments[i].valid;
        }
        for (size_t w = 0; valid != NULL && w < (count + 63) / 64; w++) {
            uint64_t all = count - 64 * w >= 64 ? UINT64_MAX : (UINT64_C(1) << count % 64) - 1;
            chosen[w] = valid[w] & (mask == NULL ? all : mask[w]);
        }
        firn_aggregate_state_update_one(call, &arguments[i], count, valid == NULL ? mask : chosen,
                                        group);
    }
    return rc;
}

/* Chosen rows whose groups are in the table. */
static int
add_to_table(struct firn_aggregate *aggregate, const struct firn_chunk_values *keys,
             const struct firn_chunk_values *arguments, firn_error *err)
{
    struct firn_aggregate_batch *batch = &aggregate->batch;
    int rc = FIRN_OK;
    firn_aggregate_keys_words(&aggregate->table, aggregate->keys, aggregate->key_count, keys, batch,
                              aggregate->words);
    size_t end;
    for (size_t start = 0; start < batch->count; start = end) {
        size_t found;
        FIRN_TRY(firn_aggregate_keys_find(&aggregate->table, batch, aggregate->words, start, &found,
                                          err));
        end = cut_step(aggregate, arguments, start, found);
        FIRN_TRY(update_step(aggregate, arguments, start, end, err));
        FIRN_TRY(spill_if_full(aggregate, end == found && end < batch->count, err));
    }
out:
    return rc;
}

/* Chosen rows whose groups have places; the others stay chosen. */
static int
add_to_places(struct firn_aggregate *aggregate, const struct firn_chunk_values *keys,
              const struct firn_chunk_values *arguments, size_t count, firn_error *err)
{
    struct firn_aggregate_direct *direct = &aggregate->direct;
    struct firn_aggregate_batch *batch = &aggregate->batch;
    uint16_t rest[ROWS];
    int rc;
    bool may_be_few = direct->numbers != NULL && aggregate->few.place_count < FIRN_AGGREGATE_FEW;
    size_t done = may_be_few ? 0 : firn_aggregate_direct_count(aggregate, keys, count);
    batch->count -= done;
    if (batch->count == 0) {
        return FIRN_OK;
    }
    memmove(batch->rows, batch->rows + done, batch->count * sizeof batch->rows[0]);
    size_t rest_count = firn_aggregate_direct_find(aggregate, keys, rest);
    bool is_listed = direct->numbers != NULL &&
                     firn_aggregate_few_list_places(&aggregate->few, batch, direct->numbers);
    if (direct->has_own_count &&
        (!is_listed || !firn_aggregate_few_update(&aggregate->few, &direct->rows_call, NULL))) {
        FIRN_TRY(update(aggregate, &direct->rows_call, NULL, 0, batch->count, err));
    }
    FIRN_TRY(update_calls(aggregate, arguments, 0, batch->count, is_listed, err));
    memcpy(batch->rows, rest, rest_count * sizeof rest[0]);
    batch->count = rest_count;
out:
    return rc;
}

int
firn_aggregate_add(struct firn_aggregate *aggregate, const struct firn_chunk_values *keys,
                   const struct firn_chunk_values *arguments, size_t count, const uint64_t *mask,
                   firn_error *err)
{
    int rc = FIRN_OK;
    DCHECK(!aggregate->is_finished && count <= ROWS);
    if (aggregate->key_count == 0) {
        FIRN_TRY(add_to_only(aggregate, arguments, count, mask, err));
    } else {
        firn_aggregate_keys_choose(&aggregate->batch, count, mask);
        if (aggregate->direct.places > 0) {
            FIRN_TRY(add_to_places(aggregate, keys, arguments, count, err));
        }
        if (aggregate->batch.count > 0) {
            FIRN_TRY(add_to_table(aggregate, keys, arguments, err));
        }
    }
    if (aggregate->has_distinct) {
        rc = add_distinct(aggregate, keys, arguments, count, mask, err);
    }
out:
    return rc;
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

/* The group of the codes of all keys; *out is NULL where memory came to an end. */
static int
find_code(struct firn_aggregate *aggregate, uint32_t code, uint8_t **out, firn_error *err)
{
    uint64_t words[FIRN_AGGREGATE_WORDS_MAX] = {0};
    uint32_t rest = code;
    int rc = FIRN_OK;
    DCHECK(code < aggregate->code_count);
    for (size_t k = aggregate->key_count; k-- > 0;) {
        struct firn_aggregate_codes *codes = &aggregate->codes[k];
        uint32_t count = (uint32_t)firn_chunk_code_count(codes->chunk);
        struct firn_cell cell = {.kind = FIRN_PHYSICAL_NONE};
        if (rest % (count + 1) < count) {
            FIRN_TRY(firn_chunk_code_value(codes->chunk, rest % (count + 1), &codes->scratch, &cell,
                                           err));
        }
        firn_aggregate_keys_of_cell(&aggregate->keys[k], k, &cell, words);
        rest /= count + 1;
    }
    FIRN_TRY(firn_aggregate_table_find(
        &aggregate->table, words, firn_aggregate_table_hash(&aggregate->table, words), out, err));
    aggregate->code_groups[code] = *out;
    if (*out != NULL) {
        aggregate->code_numbers[code] = firn_aggregate_few_number(&aggregate->table, *out);
    }
out:
    return rc;
}

static int
find_codes(struct firn_aggregate *aggregate, const uint32_t *codes, size_t start, size_t *out_end,
           firn_error *err)
{
    struct firn_aggregate_batch *batch = &aggregate->batch;
    int rc = FIRN_OK;
    size_t i = start;
    for (; i < batch->count; i++) {
        uint32_t code = codes[batch->rows[i]];
        batch->groups[i] = aggregate->code_groups[code];
        if (batch->groups[i] == NULL) {
            rc = find_code(aggregate, code, &batch->groups[i], err);
            if (rc != FIRN_OK || batch->groups[i] == NULL) {
                break;
            }
        }
    }
    *out_end = i;
    return rc;
}

static int
make_outputs(struct firn_aggregate *aggregate, firn_error *err)
{
    if (aggregate->outputs == NULL) {
        aggregate->outputs = firn_alloc_array(aggregate->key_count + aggregate->call_count,
                                              sizeof *aggregate->outputs);
    }
    return aggregate->outputs == NULL ? firn_error_no_memory(err, "the groups of a query")
                                      : FIRN_OK;
}

/* For COUNT_DISTINCT: the values of the codes of rows [start, end) are in their groups. */
static int
add_distinct_codes(struct firn_aggregate *aggregate, const struct firn_chunk_values *arguments,
                   size_t start, size_t end, firn_error *err)
{
    const struct firn_aggregate_batch *batch = &aggregate->batch;
    uint64_t mask[FIRN_AGGREGATE_MASK_WORDS] = {0};
    struct firn_chunk_values keys[FIRN_AGGREGATE_KEYS_MAX + 1];
    int rc = make_outputs(aggregate, err);
    if (rc != FIRN_OK || start == end) {
        return rc;
    }
    for (size_t i = start; i < end; i++) {
        mask[batch->rows[i] / 64] |= UINT64_C(1) << batch->rows[i] % 64;
    }
    for (size_t k = 0; k < aggregate->key_count; k++) {
        firn_aggregate_keys_read(&aggregate->keys[k], k, batch->groups + start, end - start,
                                 batch->rows + start, &aggregate->outputs[k], &keys[k]);
    }
    return add_distinct(aggregate, keys, arguments, keys[0].count, mask, err);
}

/* The calls of rows that are marked by the numbers of their codes. */
static int
update_listed(struct firn_aggregate *aggregate, const uint32_t *codes,
              const struct firn_chunk_values *arguments, size_t count, const uint64_t *mask,
              firn_error *err)
{
    struct firn_aggregate_batch *batch = &aggregate->batch;
    bool has_groups = false;
    int rc = FIRN_OK;
    for (size_t i = 0; i < aggregate->call_count && rc == FIRN_OK; i++) {
        const struct firn_aggregate_function_of *call = &aggregate->calls[i];
        if (is_left_out(call, &arguments[i]) ||
            firn_aggregate_few_update(&aggregate->few, call, &arguments[i])) {
            continue;
        }
        if (!has_groups) {
            firn_aggregate_keys_choose(batch, count, mask);
        }
        for (size_t r = 0; r < batch->count && !has_groups; r++) {
            batch->groups[r] = aggregate->code_groups[codes[batch->rows[r]]];
            DCHECK(batch->groups[r] != NULL);
        }
        has_groups = true;
        rc = update(aggregate, call, &arguments[i], 0, batch->count, err);
    }
    return rc;
}

int
firn_aggregate_add_codes(struct firn_aggregate *aggregate, const uint32_t *codes,
                         const struct firn_chunk_values *arguments, size_t count,
                         const uint64_t *mask, firn_error *err)
{
    struct firn_aggregate_batch *batch = &aggregate->batch;
    int rc = FIRN_OK;
    DCHECK(aggregate->code_count > 0 && !aggregate->is_finished && count <= ROWS);
    if (!aggregate->has_distinct && !aggregate->has_bytes_state && aggregate->state_count > 0 &&
        firn_aggregate_few_list_codes(&aggregate->few, &aggregate->table, codes, count, mask,
                                      aggregate->code_numbers, aggregate->code_count)) {
        return update_listed(aggregate, codes, arguments, count, mask, err);
    }
    firn_aggregate_keys_choose(batch, count, mask);
    size_t end;
    for (size_t start = 0; start < batch->count; start = end) {
        size_t found;
        FIRN_TRY(find_codes(aggregate, codes, start, &found, err));
        end = cut_step(aggregate, arguments, start, found);
        FIRN_TRY(update_step(aggregate, arguments, start, end, err));
        if (aggregate->has_distinct) {
            FIRN_TRY(add_distinct_codes(aggregate, arguments, start, end, err));
        }
        FIRN_TRY(spill_if_full(aggregate, end == found && end < batch->count, err));
    }
out:
    return rc;
}

/* ---- facts ---- */

bool
firn_aggregate_is_shared(const struct firn_aggregate *aggregate, size_t call)
{
    DCHECK(call < aggregate->call_count);
    return aggregate->calls[call].is_shared;
}

void
firn_aggregate_add_sum(struct firn_aggregate *aggregate, size_t call,
                       const struct firn_chunk_sum *sum)
{
    const struct firn_aggregate_function_of *of = &aggregate->calls[call];
    uint8_t *state = only_group(aggregate) + of->offset;
    DCHECK(call < aggregate->call_count && !aggregate->is_finished);
    if (of->is_shared) {
        return;
    }
    if (of->state_kind == FIRN_AGGREGATE_STATE_REAL) {
        struct firn_aggregate_real *real = (struct firn_aggregate_real *)(void *)state;
        real->sum += sum->real;
        real->count += sum->count;
    } else {
        CHECK(of->state_kind == FIRN_AGGREGATE_STATE_INTEGER);
        struct firn_aggregate_integer *integer = (struct firn_aggregate_integer *)(void *)state;
        firn_aggregate_u128 number;
        memcpy(&number, integer->sum, sizeof number);
        number += (firn_aggregate_u128)sum->integer;
        memcpy(integer->sum, &number, sizeof number);
        integer->count += sum->count;
    }
}

void
firn_aggregate_add_count(struct firn_aggregate *aggregate, size_t call, uint64_t count)
{
    const struct firn_aggregate_function_of *of = &aggregate->calls[call];
    CHECK(of->state_kind == FIRN_AGGREGATE_STATE_COUNT && of->distinct == NULL);
    *(uint64_t *)(void *)(only_group(aggregate) + of->offset) += count;
}

int
firn_aggregate_add_extreme(struct firn_aggregate *aggregate, size_t call,
                           const struct firn_cell *cell, firn_error *err)
{
    const struct firn_aggregate_function_of *of = &aggregate->calls[call];
    uint8_t *group = only_group(aggregate);
    struct firn_chunk_values values = {.kind = cell->kind, .count = 1};
    static const uint16_t row = 0;
    DCHECK(of->function == FIRN_AGGREGATE_MIN || of->function == FIRN_AGGREGATE_MAX);
    if (cell->kind == FIRN_PHYSICAL_NONE) {
        return FIRN_OK;
    }
    DCHECK(cell->kind == of->argument);
    if (cell->kind == FIRN_PHYSICAL_BYTES) {
        values.as.bytes = &cell->as.bytes;
    } else {
        values.as.u64 = &cell->as.u64;
    }
    return firn_aggregate_state_update(of, &values, &row, &group, 1, &aggregate->table.arena, err);
}

/* ---- merging ---- */

static void
forget_codes(struct firn_aggregate *aggregate)
{
    aggregate->code_count = 0;
    for (size_t k = 0; k < aggregate->key_count; k++) {
        aggregate->codes[k].chunk = NULL;
    }
}

static int
merge_only(struct firn_aggregate *aggregate, struct firn_aggregate *other, firn_error *err)
{
    uint8_t *from = only_group(other);
    for (size_t c = 0; c < aggregate->call_count; c++) {
        if (aggregate->calls[c].is_shared) {
            continue;
        }
        int rc = firn_aggregate_state_combine(&aggregate->calls[c], only_group(aggregate), from,
                                              &aggregate->table.arena, err);
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

/* The smaller table goes into the larger one. */
static int
merge_tables(struct firn_aggregate *aggregate, struct firn_aggregate *other, firn_error *err)
{
    struct firn_aggregate_table *from = &other->table;
    /* Keys that have places here may be in a table of an aggregate without places. */
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
    firn_aggregate_table_clear(from, 0);
    return FIRN_OK;
}

int
firn_aggregate_merge(struct firn_aggregate *aggregate, struct firn_aggregate *other,
                     firn_error *err)
{
    int rc;
    DCHECK(aggregate != other && !aggregate->is_finished && !other->is_finished);
    DCHECK(aggregate->table.record_size == other->table.record_size);
    CHECK(aggregate->table.seed == other->table.seed);
    forget_codes(aggregate);
    forget_codes(other);
    if (aggregate->key_count == 0) {
        FIRN_TRY(merge_only(aggregate, other, err));
    } else {
        FIRN_TRY(merge_tables(aggregate, other, err));
        FIRN_TRY(firn_aggregate_direct_merge(aggregate, other, err));
        FIRN_TRY(firn_aggregate_spill_take(aggregate, other, err));
    }
    for (size_t i = 0; i < aggregate->call_count; i++) {
        if (aggregate->calls[i].distinct != NULL) {
            FIRN_TRY(
                firn_aggregate_merge(aggregate->calls[i].distinct, other->calls[i].distinct, err));
        }
    }
out:
    return rc;
}

/* ---- groups ---- */

/* Rows, each of which counts once for a call. */
static int
count_rows(struct firn_aggregate *aggregate, const struct firn_aggregate_function_of *call,
           const struct firn_chunk_values *keys, size_t count, firn_error *err)
{
    struct firn_aggregate_batch *batch = &aggregate->batch;
    int rc = FIRN_OK;
    if (aggregate->key_count == 0) {
        firn_aggregate_state_update_one(call, NULL, count, NULL, only_group(aggregate));
        return FIRN_OK;
    }
    firn_aggregate_keys_choose(batch, count, NULL);
    firn_aggregate_keys_words(&aggregate->table, aggregate->keys, aggregate->key_count, keys, batch,
                              aggregate->words);
    size_t end;
    for (size_t start = 0; start < count; start = end) {
        FIRN_TRY(
            firn_aggregate_keys_find(&aggregate->table, batch, aggregate->words, start, &end, err));
        FIRN_TRY(firn_aggregate_state_update(call, NULL, batch->rows + start, batch->groups + start,
                                             end - start, &aggregate->table.arena, err));
        FIRN_TRY(spill_if_full(aggregate, end < count, err));
    }
out:
    return rc;
}

/* The groups of a call's own aggregate are what it counts. */
static int
finish_distinct(struct firn_aggregate *aggregate, struct firn_aggregate_function_of *call,
                firn_error *err)
{
    struct firn_chunk_values keys[FIRN_AGGREGATE_KEYS_MAX + 1];
    size_t count;
    int rc;
    FIRN_TRY(firn_aggregate_finish(call->distinct, err));
    for (;;) {
        FIRN_TRY(firn_aggregate_next(call->distinct, keys, NULL, &count, err));
        if (count == 0) {
            break;
        }
        FIRN_TRY(count_rows(aggregate, call, keys, count, err));
    }
    aggregate->spilled_bytes += firn_aggregate_spilled_bytes(call->distinct);
    firn_aggregate_destroy(call->distinct);
    call->distinct = NULL;
out:
    return rc;
}

int
firn_aggregate_finish(struct firn_aggregate *aggregate, firn_error *err)
{
    int rc = FIRN_OK;
    DCHECK(!aggregate->is_finished);
    forget_codes(aggregate);
    for (size_t i = 0; i < aggregate->call_count; i++) {
        if (aggregate->calls[i].distinct != NULL) {
            FIRN_TRY(finish_distinct(aggregate, &aggregate->calls[i], err));
        }
    }
    aggregate->is_spilled = aggregate->levels[0].run_count > 0;
    if (aggregate->is_spilled) {
        FIRN_TRY(firn_aggregate_spill_table(aggregate, err));
        for (size_t i = 0; i < aggregate->levels[0].file_count; i++) {
            firn_row_spill_seal(aggregate->levels[0].files[i]);
        }
    }
    rc = make_outputs(aggregate, err);
    aggregate->is_finished = true;
out:
    return rc;
}

int
firn_aggregate_next(struct firn_aggregate *aggregate, struct firn_chunk_values *keys,
                    struct firn_chunk_values *results, size_t *out_count, firn_error *err)
{
    struct firn_aggregate_table *table = &aggregate->table;
    uint8_t **groups = aggregate->batch.groups;
    int rc = FIRN_OK;
    DCHECK(aggregate->is_finished);
    *out_count = 0;
    if (aggregate->emitted == table->count && aggregate->is_spilled) {
        bool is_end;
        aggregate->emitted = 0;
        FIRN_TRY(firn_aggregate_spill_load(aggregate, &is_end, err));
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
        FIRN_TRY(firn_aggregate_state_read(&aggregate->calls[c], groups, count,
                                           &aggregate->outputs[aggregate->key_count + c],
                                           &results[c], err));
    }
    *out_count = count;
out:
    return rc;
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
