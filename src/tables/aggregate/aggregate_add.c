/* SPDX-License-Identifier: Apache-2.0
 *
 * aggregate/aggregate_add.c: grouping rows: adding.
 *
 * A batch has three steps. The first finds the rows that count. The second finds their groups
 * (aggregate_keys.c, aggregate_table.c), as an array of pointers to records. The third has one loop
 * over rows and records for each call (aggregate_state.c). If memory is used up during the second
 * step, the rows so far go through the third, the table is spilled (aggregate_spill.c), and the
 * rest of the batch starts again.
 *
 * Groups whose keys are numbers of small ranges have places instead of a hash (aggregate_direct.c);
 * rows without a place go to the table. If there are few groups, the third step goes group by group
 * (aggregate_few.c).
 */
#include "aggregate/aggregate.h"

#include "aggregate/aggregate_internal.h"

enum {
    ROWS = FI_AGGREGATE_ROWS,
    STATES_LISTED = 3, /* with fewer, listing rows by group is not worth it */
    BYTES_SHARE = 8    /* one step adds at most this part of the memory in extremes of bytes */
};

/* ---- rows ---- */

/* Whether the caller adds to a call itself, or another call keeps its state. */
static bool
is_left_out(const struct fi_aggregate_function_of *call, const struct fi_chunk_values *argument)
{
    return call->is_shared ||
           (call->function != FI_AGGREGATE_COUNT_ROWS && argument->kind == FI_PHYSICAL_NONE);
}

/* Updates one call for chosen rows [start, end), whose groups are known. */
static int
aggregate_add_update(struct fi_aggregate *aggregate, const struct fi_aggregate_function_of *call,
                     const struct fi_chunk_values *argument, size_t start, size_t end,
                     firn_error *err)
{
    const uint16_t *rows = aggregate->batch.rows + start;
    uint8_t *const *groups = aggregate->batch.groups + start;
    size_t count = end - start;
    if (call->function != FI_AGGREGATE_COUNT_ROWS) {
        DCHECK(argument->kind == call->argument);
        if (argument->valid != NULL) {
            size_t kept = 0;
            for (size_t i = 0; i < count; i++) {
                aggregate->rows[kept] = rows[i];
                aggregate->groups[kept] = groups[i];
                kept += fi_aggregate_is_set(argument->valid, rows[i]);
            }
            rows = aggregate->rows;
            groups = aggregate->groups;
            count = kept;
        }
    }
    return fi_aggregate_state_update(call, argument, rows, groups, count, &aggregate->table.arena,
                                     err);
}

/* Updates all calls for chosen rows [start, end), whose groups are known; is_listed: they are
 * marked by group. */
static int
update_calls(struct fi_aggregate *aggregate, const struct fi_chunk_values *arguments, size_t start,
             size_t end, bool is_listed, firn_error *err)
{
    struct fi_aggregate_few *few = &aggregate->few;
    int rc = FIRN_OK;
    DCHECK(start <= end && end <= aggregate->batch.count);
    if (is_listed) {
        fi_aggregate_few_add_sums(few, aggregate->calls, aggregate->call_count, arguments);
    }
    for (size_t i = 0; i < aggregate->call_count && rc == FIRN_OK; i++) {
        const struct fi_aggregate_function_of *call = &aggregate->calls[i];
        if (call->distinct != NULL || is_left_out(call, &arguments[i]) ||
            (is_listed && call->is_added)) {
            continue;
        }
        if (!is_listed || !fi_aggregate_few_update(few, call, &arguments[i])) {
            rc = aggregate_add_update(aggregate, call, &arguments[i], start, end, err);
        }
    }
    return rc;
}

/* Updates all calls for groups of the table. */
static int
update_step(struct fi_aggregate *aggregate, const struct fi_chunk_values *arguments, size_t start,
            size_t end, firn_error *err)
{
    bool is_listed =
        aggregate->state_count >= STATES_LISTED &&
        fi_aggregate_few_list(&aggregate->few, &aggregate->table, &aggregate->batch, start, end);
    return update_calls(aggregate, arguments, start, end, is_listed, err);
}

/* The end of the rows of one step, so that extremes of bytes hardly exceed the memory. */
static size_t
cut_step(const struct fi_aggregate *aggregate, const struct fi_chunk_values *arguments,
         size_t start, size_t end)
{
    uint64_t size = 0;
    for (size_t i = start; aggregate->has_bytes_state && i < end; i++) {
        for (size_t c = 0; c < aggregate->call_count; c++) {
            const struct fi_aggregate_function_of *call = &aggregate->calls[c];
            if (call->state_kind == FI_AGGREGATE_STATE_BYTES && !is_left_out(call, &arguments[c])) {
                size += arguments[c].as.bytes[aggregate->batch.rows[i]].size;
            }
        }
        if (size > aggregate->table.memory_bytes / BYTES_SHARE) {
            return i + 1;
        }
    }
    return end;
}

/* Adds rows to the aggregate whose groups a call of COUNT_DISTINCT counts. */
static int
add_distinct(struct fi_aggregate *aggregate, const struct fi_chunk_values *keys,
             const struct fi_chunk_values *arguments, size_t count, const uint64_t *mask,
             firn_error *err)
{
    struct fi_chunk_values columns[FI_AGGREGATE_KEYS_MAX + 1];
    uint64_t chosen[FI_AGGREGATE_MASK_WORDS];
    int rc = FIRN_OK;
    for (size_t k = 0; k < aggregate->key_count; k++) {
        columns[k] = keys[k];
    }
    for (size_t i = 0; i < aggregate->call_count && rc == FIRN_OK; i++) {
        const struct fi_aggregate_function_of *call = &aggregate->calls[i];
        if (call->distinct == NULL || is_left_out(call, &arguments[i])) {
            continue;
        }
        const uint64_t *valid = arguments[i].valid;
        for (size_t w = 0; valid != NULL && w < (count + 63) / 64; w++) {
            uint64_t all = count - 64 * w >= 64 ? UINT64_MAX : (UINT64_C(1) << count % 64) - 1;
            chosen[w] = valid[w] & (mask == NULL ? all : mask[w]);
        }
        columns[aggregate->key_count] = arguments[i];
        rc = fi_aggregate_add(call->distinct, columns, arguments, count,
                              valid == NULL ? mask : chosen, err);
    }
    return rc;
}

static int
add_to_only(struct fi_aggregate *aggregate, const struct fi_chunk_values *arguments, size_t count,
            const uint64_t *mask, firn_error *err)
{
    uint8_t *group = fi_aggregate_only_group(aggregate);
    struct fi_aggregate_batch *batch = &aggregate->batch;
    int rc = FIRN_OK;
    if (aggregate->has_bytes_state) {
        fi_aggregate_keys_choose(batch, count, mask);
        for (size_t i = 0; i < batch->count; i++) {
            batch->groups[i] = group;
        }
    }
    for (size_t i = 0; i < aggregate->call_count && rc == FIRN_OK; i++) {
        const struct fi_aggregate_function_of *call = &aggregate->calls[i];
        const uint64_t *valid = NULL;
        uint64_t chosen[FI_AGGREGATE_MASK_WORDS];
        if (call->distinct != NULL || is_left_out(call, &arguments[i])) {
            continue;
        }
        if (call->state_kind == FI_AGGREGATE_STATE_BYTES) {
            rc = aggregate_add_update(aggregate, call, &arguments[i], 0, batch->count, err);
            continue;
        }
        if (call->function != FI_AGGREGATE_COUNT_ROWS) {
            DCHECK(arguments[i].kind == call->argument);
            valid = arguments[i].valid;
        }
        for (size_t w = 0; valid != NULL && w < (count + 63) / 64; w++) {
            uint64_t all = count - 64 * w >= 64 ? UINT64_MAX : (UINT64_C(1) << count % 64) - 1;
            chosen[w] = valid[w] & (mask == NULL ? all : mask[w]);
        }
        fi_aggregate_state_update_one(call, &arguments[i], count, valid == NULL ? mask : chosen,
                                      group);
    }
    return rc;
}

/* Adds chosen rows to groups in the table. */
static int
add_to_table(struct fi_aggregate *aggregate, const struct fi_chunk_values *keys,
             const struct fi_chunk_values *arguments, firn_error *err)
{
    struct fi_aggregate_batch *batch = &aggregate->batch;
    fi_aggregate_keys_words(&aggregate->table, aggregate->keys, aggregate->key_count, keys, batch,
                            aggregate->words);
    size_t end;
    for (size_t start = 0; start < batch->count; start = end) {
        size_t found;
        FI_TRY_RETURN(
            fi_aggregate_keys_find(&aggregate->table, batch, aggregate->words, start, &found, err));
        end = cut_step(aggregate, arguments, start, found);
        FI_TRY_RETURN(update_step(aggregate, arguments, start, end, err));
        FI_TRY_RETURN(
            fi_aggregate_spill_if_full(aggregate, end == found && end < batch->count, err));
    }
    return FIRN_OK;
}

/* Adds chosen rows whose groups have places; the others stay chosen. */
static int
add_to_places(struct fi_aggregate *aggregate, const struct fi_chunk_values *keys,
              const struct fi_chunk_values *arguments, size_t count, firn_error *err)
{
    struct fi_aggregate_direct *direct = &aggregate->direct;
    struct fi_aggregate_batch *batch = &aggregate->batch;
    uint16_t rest[ROWS];
    bool may_be_few = direct->numbers != NULL && aggregate->few.place_count < FI_AGGREGATE_FEW;
    size_t done = may_be_few ? 0 : fi_aggregate_direct_count(aggregate, keys, count);
    batch->count -= done;
    if (batch->count == 0) {
        return FIRN_OK;
    }
    memmove(batch->rows, batch->rows + done, batch->count * sizeof batch->rows[0]);
    size_t rest_count = fi_aggregate_direct_find(aggregate, keys, rest);
    bool is_listed = direct->numbers != NULL &&
                     fi_aggregate_few_list_places(&aggregate->few, batch, direct->numbers);
    if (direct->has_own_count &&
        (!is_listed || !fi_aggregate_few_update(&aggregate->few, &direct->rows_call, NULL))) {
        FI_TRY_RETURN(
            aggregate_add_update(aggregate, &direct->rows_call, NULL, 0, batch->count, err));
    }
    FI_TRY_RETURN(update_calls(aggregate, arguments, 0, batch->count, is_listed, err));
    memcpy(batch->rows, rest, rest_count * sizeof rest[0]);
    batch->count = rest_count;
    return FIRN_OK;
}

int
fi_aggregate_add(struct fi_aggregate *aggregate, const struct fi_chunk_values *keys,
                 const struct fi_chunk_values *arguments, size_t count, const uint64_t *mask,
                 firn_error *err)
{
    int rc = FIRN_OK;
    DCHECK(!aggregate->is_finished && count <= ROWS);
    if (aggregate->key_count == 0) {
        FI_TRY(add_to_only(aggregate, arguments, count, mask, err));
    } else {
        fi_aggregate_keys_choose(&aggregate->batch, count, mask);
        if (aggregate->direct.places > 0) {
            FI_TRY(add_to_places(aggregate, keys, arguments, count, err));
        }
        if (aggregate->batch.count > 0) {
            FI_TRY(add_to_table(aggregate, keys, arguments, err));
        }
    }
    if (aggregate->has_distinct) {
        rc = add_distinct(aggregate, keys, arguments, count, mask, err);
    }
out:
    return rc;
}

/* ---- codes ---- */

/* The group of the codes of all keys; *out is NULL if the memory is used up. */
static int
find_code(struct fi_aggregate *aggregate, uint32_t code, uint8_t **out, firn_error *err)
{
    uint64_t words[FI_AGGREGATE_WORDS_MAX] = {0};
    uint32_t rest = code;
    DCHECK(code < aggregate->code_count);
    for (size_t k = aggregate->key_count; k-- > 0;) {
        struct fi_aggregate_codes *codes = &aggregate->codes[k];
        uint32_t count = (uint32_t)fi_chunk_code_count(codes->chunk);
        struct fi_cell cell = {.kind = FI_PHYSICAL_NONE};
        if (rest % (count + 1) < count) {
            FI_TRY_RETURN(
                fi_chunk_code_value(codes->chunk, rest % (count + 1), &codes->scratch, &cell, err));
        }
        fi_aggregate_keys_of_cell(&aggregate->keys[k], k, &cell, words);
        rest /= count + 1;
    }
    FI_TRY_RETURN(fi_aggregate_table_find(
        &aggregate->table, words, fi_aggregate_table_hash(&aggregate->table, words), out, err));
    aggregate->code_groups[code] = *out;
    if (*out != NULL) {
        aggregate->code_numbers[code] = fi_aggregate_few_number(&aggregate->table, *out);
    }
    return FIRN_OK;
}

static int
find_codes(struct fi_aggregate *aggregate, const uint32_t *codes, size_t start, size_t *out_end,
           firn_error *err)
{
    struct fi_aggregate_batch *batch = &aggregate->batch;
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

/* For COUNT_DISTINCT: takes the keys of rows [start, end), which come as codes, from the rows'
 * groups. */
static int
add_distinct_codes(struct fi_aggregate *aggregate, const struct fi_chunk_values *arguments,
                   size_t start, size_t end, firn_error *err)
{
    const struct fi_aggregate_batch *batch = &aggregate->batch;
    uint64_t mask[FI_AGGREGATE_MASK_WORDS] = {0};
    struct fi_chunk_values keys[FI_AGGREGATE_KEYS_MAX + 1];
    int rc = fi_aggregate_make_outputs(aggregate, err);
    if (rc != FIRN_OK || start == end) {
        return rc;
    }
    for (size_t i = start; i < end; i++) {
        mask[batch->rows[i] / 64] |= UINT64_C(1) << batch->rows[i] % 64;
    }
    for (size_t k = 0; k < aggregate->key_count; k++) {
        fi_aggregate_keys_read(&aggregate->keys[k], k, batch->groups + start, end - start,
                               batch->rows + start, &aggregate->outputs[k], &keys[k]);
    }
    return add_distinct(aggregate, keys, arguments, keys[0].count, mask, err);
}

/* Updates the calls for rows that are marked by the numbers of their codes. */
static int
update_listed(struct fi_aggregate *aggregate, const uint32_t *codes,
              const struct fi_chunk_values *arguments, size_t count, const uint64_t *mask,
              firn_error *err)
{
    struct fi_aggregate_batch *batch = &aggregate->batch;
    bool has_groups = false;
    int rc = FIRN_OK;
    fi_aggregate_few_add_sums(&aggregate->few, aggregate->calls, aggregate->call_count, arguments);
    for (size_t i = 0; i < aggregate->call_count && rc == FIRN_OK; i++) {
        const struct fi_aggregate_function_of *call = &aggregate->calls[i];
        if (is_left_out(call, &arguments[i]) || call->is_added ||
            fi_aggregate_few_update(&aggregate->few, call, &arguments[i])) {
            continue;
        }
        if (!has_groups) {
            fi_aggregate_keys_choose(batch, count, mask);
        }
        for (size_t r = 0; r < batch->count && !has_groups; r++) {
            batch->groups[r] = aggregate->code_groups[codes[batch->rows[r]]];
            DCHECK(batch->groups[r] != NULL);
        }
        has_groups = true;
        rc = aggregate_add_update(aggregate, call, &arguments[i], 0, batch->count, err);
    }
    return rc;
}

int
fi_aggregate_add_codes(struct fi_aggregate *aggregate, const uint32_t *codes,
                       const struct fi_chunk_values *arguments, size_t count, const uint64_t *mask,
                       firn_error *err)
{
    struct fi_aggregate_batch *batch = &aggregate->batch;
    DCHECK(aggregate->code_count > 0 && !aggregate->is_finished && count <= ROWS);
    if (!aggregate->has_distinct && !aggregate->has_bytes_state && aggregate->state_count > 0 &&
        fi_aggregate_few_list_codes(&aggregate->few, &aggregate->table, codes, count, mask,
                                    aggregate->code_numbers, aggregate->code_count)) {
        return update_listed(aggregate, codes, arguments, count, mask, err);
    }
    fi_aggregate_keys_choose(batch, count, mask);
    size_t end;
    for (size_t start = 0; start < batch->count; start = end) {
        size_t found;
        FI_TRY_RETURN(find_codes(aggregate, codes, start, &found, err));
        end = cut_step(aggregate, arguments, start, found);
        FI_TRY_RETURN(update_step(aggregate, arguments, start, end, err));
        if (aggregate->has_distinct) {
            FI_TRY_RETURN(add_distinct_codes(aggregate, arguments, start, end, err));
        }
        FI_TRY_RETURN(
            fi_aggregate_spill_if_full(aggregate, end == found && end < batch->count, err));
    }
    return FIRN_OK;
}

/* ---- facts ---- */

void
fi_aggregate_add_sum(struct fi_aggregate *aggregate, size_t call, const struct fi_chunk_sum *sum)
{
    const struct fi_aggregate_function_of *of = &aggregate->calls[call];
    uint8_t *state = fi_aggregate_only_group(aggregate) + of->offset;
    DCHECK(call < aggregate->call_count && !aggregate->is_finished);
    if (of->is_shared) {
        return;
    }
    if (of->state_kind == FI_AGGREGATE_STATE_REAL) {
        struct fi_aggregate_real *real = (struct fi_aggregate_real *)(void *)state;
        real->sum += sum->real;
        real->count += sum->count;
    } else {
        CHECK(of->state_kind == FI_AGGREGATE_STATE_INTEGER);
        struct fi_aggregate_integer *integer = (struct fi_aggregate_integer *)(void *)state;
        fi_aggregate_u128 number;
        memcpy(&number, integer->sum, sizeof number);
        number += (fi_aggregate_u128)sum->integer;
        memcpy(integer->sum, &number, sizeof number);
        integer->count += sum->count;
    }
}

void
fi_aggregate_add_count(struct fi_aggregate *aggregate, size_t call, uint64_t count)
{
    const struct fi_aggregate_function_of *of = &aggregate->calls[call];
    CHECK(of->state_kind == FI_AGGREGATE_STATE_COUNT && of->distinct == NULL);
    *(uint64_t *)(void *)(fi_aggregate_only_group(aggregate) + of->offset) += count;
}

int
fi_aggregate_add_extreme(struct fi_aggregate *aggregate, size_t call, const struct fi_cell *cell,
                         firn_error *err)
{
    const struct fi_aggregate_function_of *of = &aggregate->calls[call];
    uint8_t *group = fi_aggregate_only_group(aggregate);
    struct fi_chunk_values values = {.kind = cell->kind, .count = 1};
    static const uint16_t row = 0;
    DCHECK(of->function == FI_AGGREGATE_MIN || of->function == FI_AGGREGATE_MAX);
    if (cell->kind == FI_PHYSICAL_NONE) {
        return FIRN_OK;
    }
    DCHECK(cell->kind == of->argument);
    if (cell->kind == FI_PHYSICAL_BYTES) {
        values.as.bytes = &cell->as.bytes;
    } else {
        values.as.u64 = &cell->as.u64;
    }
    return fi_aggregate_state_update(of, &values, &row, &group, 1, &aggregate->table.arena, err);
}
