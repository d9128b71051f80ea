/* SPDX-License-Identifier: Apache-2.0
 *
 * aggregate/aggregate_state.c: the functions: their states for a group's values, with one loop for
 * each.
 *
 * - Integers are added in 128 bits; 2^64 values of 64 bits fit. Results are checked against their
 *   type.
 * - Extremes are ranks, unsigned numbers in the order of values. Ranks of MIN are flipped, so that
 *   one loop, which keeps the largest, serves both.
 * - Extremes of bytes are copied to the arena, into room that at least doubles whenever it is
 *   too small.
 *
 * Loops over rows get the rows that count and whose argument is not null. If there is only one
 * group, loops go over the values themselves, so that the compiler can vectorize them.
 *
 * (I1) A state of zeros is that of no values. (Not checked: a state may come from a temporary file,
 *      and bytes from outside must not reach assertions. Tests of groups without values check it.)
 */
#include "aggregate/aggregate_internal.h"

enum { PARTS = 8 };
#define DECIMAL_LIMIT INT64_C(1000000000000000000) /* 18 digits */

size_t
fi_aggregate_state_size(enum fi_aggregate_state_kind kind)
{
    static const size_t sizes[] = {
        [FI_AGGREGATE_STATE_COUNT] = sizeof(uint64_t),
        [FI_AGGREGATE_STATE_INTEGER] = sizeof(struct fi_aggregate_integer),
        [FI_AGGREGATE_STATE_REAL] = sizeof(struct fi_aggregate_real),
        [FI_AGGREGATE_STATE_EXTREME] = sizeof(struct fi_aggregate_extreme),
        [FI_AGGREGATE_STATE_BYTES] = sizeof(struct fi_aggregate_bytes),
    };
    return sizes[kind];
}

static void
add_integer(struct fi_aggregate_integer *state, fi_aggregate_u128 number, uint64_t count)
{
    fi_aggregate_u128 sum;
    memcpy(&sum, state->sum, sizeof sum);
    sum += number;
    memcpy(state->sum, &sum, sizeof sum);
    state->count += count;
}

static void
keep_larger(struct fi_aggregate_extreme *state, uint64_t rank)
{
    state->rank = rank > state->rank ? rank : state->rank;
    state->is_there = 1;
}

static int
compare_bytes(firn_slice a, firn_slice b)
{
    size_t size = a.size < b.size ? a.size : b.size;
    int order = size == 0 ? 0 : memcmp(a.data, b.data, size);
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

/* Replaces the extreme of a state of BYTES if the new bytes are beyond it. */
static int
aggregate_state_offer(const struct fi_aggregate_function_of *call, struct fi_aggregate_bytes *state,
                      firn_slice bytes, struct fi_arena *arena, firn_error *err)
{
    if (state->data != NULL) {
        int order = compare_bytes(bytes, firn_bytes(state->data, state->size));
        if (call->flip == 0 ? order <= 0 : order >= 0) {
            return FIRN_OK;
        }
    }
    if (state->data == NULL || bytes.size > state->capacity) {
        size_t capacity = (size_t)state->capacity * 2;
        capacity = bytes.size > capacity ? bytes.size : capacity;
        capacity = capacity == 0 ? 1 : capacity > UINT32_MAX ? UINT32_MAX : capacity;
        uint8_t *data = fi_arena_alloc(arena, capacity);
        if (data == NULL) {
            return fi_error_no_memory(err, "the smallest or largest value of a group");
        }
        state->data = data;
        state->capacity = (uint32_t)capacity;
    }
    DCHECK(bytes.size <= state->capacity);
    if (bytes.size > 0) {
        memcpy(state->data, bytes.data, bytes.size);
    }
    state->size = (uint32_t)bytes.size;
    return FIRN_OK;
}

/* ---- many groups ---- */

#define STATE(type, group) ((type *)(void *)((group) + offset))
#define STATE_OF(type, group) ((const type *)(const void *)((group) + offset))

static void
update_integers(size_t offset, const struct fi_chunk_values *values, const uint16_t *rows,
                uint8_t *const *groups, size_t count)
{
    if (values->kind == FI_PHYSICAL_I64) {
        const int64_t *numbers = values->as.i64;
        for (size_t i = 0; i < count; i++) {
            add_integer(STATE(struct fi_aggregate_integer, groups[i]),
                        (fi_aggregate_u128)numbers[rows[i]], 1);
        }
    } else {
        const uint64_t *numbers = values->as.u64;
        for (size_t i = 0; i < count; i++) {
            add_integer(STATE(struct fi_aggregate_integer, groups[i]), numbers[rows[i]], 1);
        }
    }
}

static void
update_reals(size_t offset, const struct fi_chunk_values *values, const uint16_t *rows,
             uint8_t *const *groups, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct fi_aggregate_real *state = STATE(struct fi_aggregate_real, groups[i]);
        state->sum += values->kind == FI_PHYSICAL_F32 ? (double)values->as.f32[rows[i]]
                                                      : values->as.f64[rows[i]];
        state->count++;
    }
}

static void
update_extremes(const struct fi_aggregate_function_of *call, const struct fi_chunk_values *values,
                const uint16_t *rows, uint8_t *const *groups, size_t count)
{
    size_t offset = call->offset;
    uint64_t flip = call->flip;
    if (values->kind == FI_PHYSICAL_F32 || values->kind == FI_PHYSICAL_F64) {
        for (size_t i = 0; i < count; i++) {
            keep_larger(STATE(struct fi_aggregate_extreme, groups[i]),
                        fi_aggregate_rank_at(values, rows[i]) ^ flip);
        }
        return;
    }
    flip ^= values->kind == FI_PHYSICAL_I64 ? FI_AGGREGATE_SIGN64 : 0;
    for (size_t i = 0; i < count; i++) {
        keep_larger(STATE(struct fi_aggregate_extreme, groups[i]), values->as.u64[rows[i]] ^ flip);
    }
}

int
fi_aggregate_state_update(const struct fi_aggregate_function_of *call,
                          const struct fi_chunk_values *values, const uint16_t *rows,
                          uint8_t *const *groups, size_t count, struct fi_arena *arena,
                          firn_error *err)
{
    size_t offset = call->offset;
    int rc = FIRN_OK;
    switch (call->state_kind) {
    case FI_AGGREGATE_STATE_COUNT:
        for (size_t i = 0; i < count; i++) {
            ++*STATE(uint64_t, groups[i]);
        }
        break;
    case FI_AGGREGATE_STATE_INTEGER:
        update_integers(offset, values, rows, groups, count);
        break;
    case FI_AGGREGATE_STATE_REAL:
        update_reals(offset, values, rows, groups, count);
        break;
    case FI_AGGREGATE_STATE_EXTREME:
        update_extremes(call, values, rows, groups, count);
        break;
    case FI_AGGREGATE_STATE_BYTES:
        for (size_t i = 0; i < count && rc == FIRN_OK; i++) {
            rc = aggregate_state_offer(call, STATE(struct fi_aggregate_bytes, groups[i]),
                                       values->as.bytes[rows[i]], arena, err);
        }
        break;
    }
    return rc;
}

/* ---- one group ---- */

/* All ones for a value that counts. */
static uint64_t
chosen_bits(const uint64_t *mask, size_t i)
{
    return 0 - (mask[i / 64] >> i % 64 & 1);
}

/* As fi_chunk_mask_count, for one word: the compiler's builtin may be a call. */
static uint64_t
count_bits(uint64_t word)
{
    word -= word >> 1 & UINT64_C(0x5555555555555555);
    word = (word & UINT64_C(0x3333333333333333)) + (word >> 2 & UINT64_C(0x3333333333333333));
    word = (word + (word >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    return word * UINT64_C(0x0101010101010101) >> 56;
}

/* As in chunk/chunk_sum.c: halves of 32 bits, of numbers that are all positive. */
static fi_aggregate_u128
sum_integers(const uint64_t *numbers, size_t count, uint64_t sign, const uint64_t *mask,
             uint64_t chosen)
{
    uint64_t low = 0;
    uint64_t high = 0;
    if (mask == NULL) {
        for (size_t i = 0; i < count; i++) {
            uint64_t number = numbers[i] ^ sign;
            low += number & UINT32_MAX;
            high += number >> 32;
        }
    } else {
        for (size_t i = 0; i < count; i++) {
            uint64_t number = (numbers[i] ^ sign) & chosen_bits(mask, i);
            low += number & UINT32_MAX;
            high += number >> 32;
        }
    }
    return low + ((fi_aggregate_u128)high << 32) - (fi_aggregate_u128)sign * chosen;
}

/* In the order of docs/formats/chunk.md. */
static double
sum_reals(const struct fi_chunk_values *values, size_t count, const uint64_t *mask)
{
    double parts[PARTS] = {0};
    for (size_t i = 0; i < count; i++) {
        double number =
            values->kind == FI_PHYSICAL_F32 ? (double)values->as.f32[i] : values->as.f64[i];
        parts[i % PARTS] += mask == NULL || fi_aggregate_is_set(mask, i) ? number : 0;
    }
    return ((parts[0] + parts[4]) + (parts[2] + parts[6])) +
           ((parts[1] + parts[5]) + (parts[3] + parts[7]));
}

static uint64_t
largest_rank(const struct fi_chunk_values *values, size_t count, const uint64_t *mask,
             uint64_t flip)
{
    uint64_t largest = 0;
    if (values->kind == FI_PHYSICAL_F32 || values->kind == FI_PHYSICAL_F64) {
        for (size_t i = 0; i < count; i++) {
            uint64_t rank = fi_aggregate_rank_at(values, i) ^ flip;
            rank &= mask == NULL ? UINT64_MAX : chosen_bits(mask, i);
            largest = rank > largest ? rank : largest;
        }
        return largest;
    }
    const uint64_t *numbers = values->as.u64;
    flip ^= values->kind == FI_PHYSICAL_I64 ? FI_AGGREGATE_SIGN64 : 0;
    if (mask == NULL) {
        for (size_t i = 0; i < count; i++) {
            uint64_t rank = numbers[i] ^ flip;
            largest = rank > largest ? rank : largest;
        }
    } else {
        for (size_t i = 0; i < count; i++) {
            uint64_t rank = (numbers[i] ^ flip) & chosen_bits(mask, i);
            largest = rank > largest ? rank : largest;
        }
    }
    return largest;
}

void
fi_aggregate_state_update_one(const struct fi_aggregate_function_of *call,
                              const struct fi_chunk_values *values, size_t count,
                              const uint64_t *mask, uint8_t *group)
{
    size_t offset = call->offset;
    uint64_t chosen = count;
    if (mask != NULL) {
        chosen = 0;
        for (size_t i = 0; i < (count + 63) / 64; i++) {
            chosen += count_bits(mask[i]);
        }
    }
    DCHECK(chosen <= count);
    if (chosen == 0) {
        return;
    }
    switch (call->state_kind) {
    case FI_AGGREGATE_STATE_COUNT:
        *STATE(uint64_t, group) += chosen;
        break;
    case FI_AGGREGATE_STATE_INTEGER: {
        uint64_t sign = values->kind == FI_PHYSICAL_I64 ? FI_AGGREGATE_SIGN64 : 0;
        add_integer(STATE(struct fi_aggregate_integer, group),
                    sum_integers(values->as.u64, count, sign, mask, chosen), chosen);
        break;
    }
    case FI_AGGREGATE_STATE_REAL:
        STATE(struct fi_aggregate_real, group)->sum += sum_reals(values, count, mask);
        STATE(struct fi_aggregate_real, group)->count += chosen;
        break;
    case FI_AGGREGATE_STATE_EXTREME:
        keep_larger(STATE(struct fi_aggregate_extreme, group),
                    largest_rank(values, count, mask, call->flip));
        break;
    default:
        CHECK(false);
    }
}

/* ---- states of two records ---- */

int
fi_aggregate_state_combine(const struct fi_aggregate_function_of *call, uint8_t *group,
                           const uint8_t *other, struct fi_arena *arena, firn_error *err)
{
    size_t offset = call->offset;
    DCHECK(group != other);
    switch (call->state_kind) {
    case FI_AGGREGATE_STATE_COUNT:
        *STATE(uint64_t, group) += *STATE_OF(uint64_t, other);
        break;
    case FI_AGGREGATE_STATE_INTEGER: {
        const struct fi_aggregate_integer *more = STATE_OF(struct fi_aggregate_integer, other);
        fi_aggregate_u128 sum;
        memcpy(&sum, more->sum, sizeof sum);
        add_integer(STATE(struct fi_aggregate_integer, group), sum, more->count);
        break;
    }
    case FI_AGGREGATE_STATE_REAL: {
        const struct fi_aggregate_real *more = STATE_OF(struct fi_aggregate_real, other);
        STATE(struct fi_aggregate_real, group)->sum += more->sum;
        STATE(struct fi_aggregate_real, group)->count += more->count;
        break;
    }
    case FI_AGGREGATE_STATE_EXTREME: {
        const struct fi_aggregate_extreme *more = STATE_OF(struct fi_aggregate_extreme, other);
        if (more->is_there != 0) {
            keep_larger(STATE(struct fi_aggregate_extreme, group), more->rank);
        }
        break;
    }
    case FI_AGGREGATE_STATE_BYTES: {
        const struct fi_aggregate_bytes *more = STATE_OF(struct fi_aggregate_bytes, other);
        if (more->data != NULL) {
            return aggregate_state_offer(call, STATE(struct fi_aggregate_bytes, group),
                                         firn_bytes(more->data, more->size), arena, err);
        }
        break;
    }
    }
    return FIRN_OK;
}

/* ---- results ---- */

static int
read_sum(const struct fi_aggregate_function_of *call, const struct fi_aggregate_integer *state,
         uint64_t *out, firn_error *err)
{
    fi_chunk_int128 sum;
    memcpy(&sum, state->sum, sizeof sum);
    if (call->is_decimal                    ? sum <= -DECIMAL_LIMIT || sum >= DECIMAL_LIMIT
        : call->argument == FI_PHYSICAL_I64 ? sum < INT64_MIN || sum > INT64_MAX
                                            : (fi_aggregate_u128)sum > UINT64_MAX) {
        return fi_error_set(err, FIRN_LIMIT, "a sum is too large for its type%s",
                            call->is_decimal ? ", which has 18 digits" : "");
    }
    *out = (uint64_t)sum;
    return FIRN_OK;
}

/* The nearest double; if 64 bits are not enough, it may be rounded twice. */
static double
real_of(const uint64_t sum[2])
{
    fi_aggregate_u128 number;
    memcpy(&number, sum, sizeof number);
    bool is_negative = (sum[1] >> 63) != 0;
    number = is_negative ? -number : number;
    double real = (double)(uint64_t)(number >> 64) * 0x1p64 + (double)(uint64_t)number;
    return is_negative ? -real : real;
}

/* The result of one group; *out_is_null: there is none. */
static int
read_one(const struct fi_aggregate_function_of *call, const uint8_t *group, uint64_t *out,
         bool *out_is_null, firn_error *err)
{
    size_t offset = call->offset;
    double real = 0;
    *out = 0;
    *out_is_null = false;
    switch (call->state_kind) {
    case FI_AGGREGATE_STATE_INTEGER: {
        const struct fi_aggregate_integer *state = STATE_OF(struct fi_aggregate_integer, group);
        *out_is_null = state->count == 0;
        if (*out_is_null || call->function == FI_AGGREGATE_SUM) {
            return *out_is_null ? FIRN_OK : read_sum(call, state, out, err);
        }
        real = real_of(state->sum) / ((double)state->count * call->divisor);
        break;
    }
    case FI_AGGREGATE_STATE_REAL: {
        const struct fi_aggregate_real *state = STATE_OF(struct fi_aggregate_real, group);
        *out_is_null = state->count == 0;
        real = call->function == FI_AGGREGATE_SUM || *out_is_null
                   ? state->sum
                   : state->sum / (double)state->count;
        break;
    }
    default: {
        const struct fi_aggregate_extreme *state = STATE_OF(struct fi_aggregate_extreme, group);
        *out_is_null = state->is_there == 0;
        if (!*out_is_null) {
            *out = fi_aggregate_unrank(call->argument, state->rank ^ call->flip);
        }
        return FIRN_OK;
    }
    }
    memcpy(out, &real, sizeof real);
    return FIRN_OK;
}

int
fi_aggregate_state_read(const struct fi_aggregate_function_of *call, uint8_t *const *groups,
                        size_t count, struct fi_aggregate_column_out *memory,
                        struct fi_chunk_values *out, firn_error *err)
{
    size_t offset = call->offset;
    if (call->state_kind == FI_AGGREGATE_STATE_COUNT) {
        memset(memory->valid, 0xff, sizeof memory->valid);
        for (size_t i = 0; i < count; i++) {
            memory->as.numbers[i] = *STATE_OF(uint64_t, groups[i]);
        }
        fi_aggregate_keys_finish(memory, call->result, 0, count, out);
        return FIRN_OK;
    }
    memset(memory->valid, 0, sizeof memory->valid);
    for (size_t i = 0; i < count; i++) {
        bool is_null;
        if (call->state_kind == FI_AGGREGATE_STATE_BYTES) {
            const struct fi_aggregate_bytes *state = STATE_OF(struct fi_aggregate_bytes, groups[i]);
            is_null = state->data == NULL;
            memory->as.bytes[i] =
                firn_bytes(is_null ? (const uint8_t *)"" : state->data, state->size);
        } else {
            uint64_t bits;
            int rc = read_one(call, groups[i], &bits, &is_null, err);
            if (rc != FIRN_OK) {
                return rc;
            }
            fi_aggregate_keys_put(memory, call->result, i, bits);
        }
        memory->valid[i / 64] |= (uint64_t)!is_null << i % 64;
    }
    bool is_argument = call->state_kind == FI_AGGREGATE_STATE_BYTES;
    fi_aggregate_keys_finish(memory, call->result, is_argument ? call->fixed_size : 0, count, out);
    return FIRN_OK;
}
