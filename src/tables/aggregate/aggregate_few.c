/* SPDX-License-Identifier: Apache-2.0
 *
 * aggregate/aggregate_few.c: batches whose rows belong to a few groups.
 *
 * Two rows of one group that follow each other make the second wait for the first, where each row is added to a
 * record: what was stored has to be loaded again. So, where the table has few groups, the rows of a batch are
 * listed by group once, and each call then adds up one group after the other in registers. What is counted is
 * the length of a list.
 *
 * Listing has the same trouble with the lengths of lists. It goes from both ends of the batch at once: the first
 * half fills the lists from the front, the second half from the back, so that two rows are on their way.
 *
 * Integers are added in 64 bits if all values of the batch are so small that a block of them cannot overflow, which
 * one pass over the values tells. Otherwise, and for nulls, the caller goes by row.
 *
 * (I1) A list is in the order of rows: floating-point numbers are added as they come.
 */
#include "aggregate/aggregate_internal.h"

#define TEMPLATE static inline __attribute__((always_inline))

enum {
    ROWS = FIRN_AGGREGATE_ROWS,
    ROWS_LEAST = 64, /* with fewer, listing is not worth it */
    SMALL_BITS = 53
};

/* The number of each group is that of its record, on the first page. */
struct numbering {
    const uint8_t *first;
    uint64_t factor; /* 2^32 / record_size, rounded up: exact for the first FEW multiples of it */
};

static bool
are_few(const struct firn_aggregate_table *table)
{
    return table->count > 0 && table->count <= FIRN_AGGREGATE_FEW &&
           table->count <= UINT64_C(1) << table->page_shift &&
           table->record_size <= UINT32_MAX / FIRN_AGGREGATE_FEW / FIRN_AGGREGATE_FEW;
}

static struct numbering
numbering_of(const struct firn_aggregate_table *table)
{
    DCHECK(are_few(table));
    return (struct numbering){.first = table->pages[0].data,
                              .factor = UINT32_MAX / table->record_size + 1};
}

static inline size_t
number_of(const struct numbering *numbering, const uint8_t *group)
{
    return (size_t)((uint64_t)(group - numbering->first) * numbering->factor >> 32);
}

uint8_t
firn_aggregate_few_number(const struct firn_aggregate_table *table, const uint8_t *group)
{
    if (!are_few(table)) {
        return FIRN_AGGREGATE_FEW;
    }
    const struct numbering numbering = numbering_of(table);
    size_t number = number_of(&numbering, group);
    DCHECK(group == firn_aggregate_table_record(table, number));
    return (uint8_t)number;
}

/* Empty lists for chosen rows [start, end); false: it is not worth it. */
static bool
begin(struct firn_aggregate_few *few, const struct firn_aggregate_table *table,
      const struct firn_aggregate_batch *batch, size_t start, size_t end)
{
    if (!are_few(table) || end - start < ROWS_LEAST) {
        return false;
    }
    few->group_count = (size_t)table->count;
    few->row_first = batch->rows[start];
    few->row_end = (size_t)batch->rows[end - 1] + 1;
    for (size_t g = 0; g < few->group_count; g++) {
        few->groups[g] = firn_aggregate_table_record(table, g);
    }
    memset(few->counts, 0, sizeof few->counts);
    return true;
}

/* The part from the back goes after the part from the front. */
static void
join(struct firn_aggregate_few *few, const uint32_t *back)
{
    for (size_t g = 0; g < few->group_count; g++) {
        DCHECK(few->counts[g] + back[g] <= ROWS);
        memmove(few->rows[g] + few->counts[g], few->rows[g] + ROWS - back[g],
                back[g] * sizeof few->rows[g][0]);
        few->counts[g] += back[g];
    }
}

bool
firn_aggregate_few_list(struct firn_aggregate_few *few, const struct firn_aggregate_table *table,
                        const struct firn_aggregate_batch *batch, size_t start, size_t end)
{
    uint32_t back[FIRN_AGGREGATE_FEW] = {0};
    if (!begin(few, table, batch, start, end)) {
        return false;
    }
    const struct numbering numbering = numbering_of(table);
    size_t low = start;
    size_t high = end;
    for (; low + 1 < high; low++) {
        size_t g = number_of(&numbering, batch->groups[low]);
        few->rows[g][few->counts[g]++] = batch->rows[low];
        high--;
        g = number_of(&numbering, batch->groups[high]);
        few->rows[g][ROWS - ++back[g]] = batch->rows[high];
    }
    if (low < high) {
        size_t g = number_of(&numbering, batch->groups[low]);
        few->rows[g][few->counts[g]++] = batch->rows[low];
    }
    join(few, back);
    return true;
}

bool
firn_aggregate_few_list_codes(struct firn_aggregate_few *few,
                              const struct firn_aggregate_table *table,
                              const struct firn_aggregate_batch *batch, const uint32_t *codes,
                              const uint8_t *numbers)
{
    uint32_t back[FIRN_AGGREGATE_FEW + 1] = {0};
    const uint16_t *rows = batch->rows;
    if (!begin(few, table, batch, 0, batch->count)) {
        return false;
    }
    size_t low = 0;
    size_t high = batch->count;
    for (; low + 1 < high; low++) {
        size_t g = numbers[codes[rows[low]]];
        few->rows[g][few->counts[g]++] = rows[low];
        high--;
        g = numbers[codes[rows[high]]];
        few->rows[g][ROWS - ++back[g]] = rows[high];
    }
    if (low < high) {
        size_t g = numbers[codes[rows[low]]];
        few->rows[g][few->counts[g]++] = rows[low];
    }
    if (few->counts[FIRN_AGGREGATE_FEW] + back[FIRN_AGGREGATE_FEW] > 0) {
        return false;
    }
    join(few, back);
    return true;
}

/* ---- calls ---- */

#define STATE(type, group) ((type *)(void *)((group) + call->offset))

TEMPLATE uint64_t
gather_bits_template(const uint64_t *numbers, size_t count, uint64_t bias)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < count; i++) {
        bits |= numbers[i] + bias;
    }
    return bits;
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static uint64_t
gather_bits_hardware(const uint64_t *numbers, size_t count, uint64_t bias)
{
    return gather_bits_template(numbers, count, bias);
}

static bool
has_hardware(void)
{
#ifdef FIRN_DEBUG
    return false; /* tests run in both kinds of builds: in this one they cover the plain loops */
#else
    return __builtin_cpu_supports("avx2") != 0;
#endif
}
#else
#define gather_bits_hardware gather_bits_template

static bool
has_hardware(void)
{
    return false;
}
#endif

/* Whether the sum of a block of numbers such as these fits 64 bits. Rows that do not count hold anything: then the
 * answer may be no for nothing. */
static bool
are_small(const struct firn_aggregate_few *few, const uint64_t *numbers, uint64_t bias)
{
    size_t count = few->row_end - few->row_first;
    numbers += few->row_first;
    uint64_t bits = has_hardware() ? gather_bits_hardware(numbers, count, bias)
                                   : gather_bits_template(numbers, count, bias);
    return bits >> SMALL_BITS == 0;
}

static uint64_t
sum_rows(const uint64_t *numbers, const uint16_t *rows, size_t count)
{
    const uint16_t *end = rows + count;
    uint64_t sum = 0;
    for (; end - rows >= 4; rows += 4) {
        uint64_t two = numbers[rows[0]] + numbers[rows[1]];
        sum += two + numbers[rows[2]] + numbers[rows[3]];
    }
    for (; rows < end; rows++) {
        sum += numbers[*rows];
    }
    return sum;
}

static bool
add_integers(const struct firn_aggregate_few *few, const struct firn_aggregate_function_of *call,
             const struct firn_chunk_values *values)
{
    bool is_signed = values->kind == FIRN_PHYSICAL_I64;
    if (!are_small(few, values->as.u64, is_signed ? UINT64_C(1) << (SMALL_BITS - 1) : 0)) {
        return false;
    }
    for (size_t g = 0; g < few->group_count; g++) {
        struct firn_aggregate_integer *state = STATE(struct firn_aggregate_integer, few->groups[g]);
        uint64_t part = sum_rows(values->as.u64, few->rows[g], few->counts[g]);
        firn_aggregate_u128 wide = is_signed ? (firn_aggregate_u128)(int64_t)part : part;
        firn_aggregate_u128 sum;
        memcpy(&sum, state->sum, sizeof sum);
        sum += wide;
        memcpy(state->sum, &sum, sizeof sum);
        state->count += few->counts[g];
    }
    return true;
}

static void
add_reals(const struct firn_aggregate_few *few, const struct firn_aggregate_function_of *call,
          const struct firn_chunk_values *values)
{
    for (size_t g = 0; g < few->group_count; g++) {
        struct firn_aggregate_real *state = STATE(struct firn_aggregate_real, few->groups[g]);
        const uint16_t *rows = few->rows[g];
        double sum = state->sum;
        for (size_t i = 0; i < few->counts[g]; i++) {
            sum += values->kind == FIRN_PHYSICAL_F32 ? (double)values->as.f32[rows[i]]
                                                     : values->as.f64[rows[i]];
        }
        state->sum = sum;
        state->count += few->counts[g];
    }
}

static void
keep_extremes(const struct firn_aggregate_few *few, const struct firn_aggregate_function_of *call,
              const struct firn_chunk_values *values)
{
    uint64_t flip = call->flip ^ (values->kind == FIRN_PHYSICAL_I64 ? FIRN_AGGREGATE_SIGN64 : 0);
    for (size_t g = 0; g < few->group_count; g++) {
        struct firn_aggregate_extreme *state = STATE(struct firn_aggregate_extreme, few->groups[g]);
        const uint16_t *rows = few->rows[g];
        uint64_t largest = state->rank;
        for (size_t i = 0; i < few->counts[g]; i++) {
            uint64_t rank = values->as.u64[rows[i]] ^ flip;
            largest = rank > largest ? rank : largest;
        }
        state->rank = largest;
        state->is_there |= few->counts[g] > 0;
    }
}

bool
firn_aggregate_few_update(const struct firn_aggregate_few *few,
                          const struct firn_aggregate_function_of *call,
                          const struct firn_chunk_values *values)
{
    if (call->function != FIRN_AGGREGATE_COUNT_ROWS && values->valid != NULL) {
        return false;
    }
    switch (call->state_kind) {
    case FIRN_AGGREGATE_STATE_COUNT:
        for (size_t g = 0; g < few->group_count; g++) {
            *STATE(uint64_t, few->groups[g]) += few->counts[g];
        }
        return true;
    case FIRN_AGGREGATE_STATE_INTEGER:
        return add_integers(few, call, values);
    case FIRN_AGGREGATE_STATE_REAL:
        add_reals(few, call, values);
        return true;
    case FIRN_AGGREGATE_STATE_EXTREME:
        if (values->kind == FIRN_PHYSICAL_F32 || values->kind == FIRN_PHYSICAL_F64) {
            return false;
        }
        keep_extremes(few, call, values);
        return true;
    case FIRN_AGGREGATE_STATE_BYTES:
        break;
    }
    return false;
}
