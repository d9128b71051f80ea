/* SPDX-License-Identifier: Apache-2.0
 *
 * aggregate/aggregate_few.c: batches whose rows belong to a few groups.
 *
 * If each row is added to a record, a row waits for the row before it if both are in one group,
 * because the stored value must be loaded again. So, if there are few groups, each row gets the
 * number of its group, a byte, and each group gets a mask of its rows. Each call then adds up one
 * group after the other in registers, by mask. Counts are the numbers of bits in masks. Arguments
 * with nulls get masks of their own.
 *
 * With AVX-512, comparing 64 numbers at once gives the masks, and four instructions add eight
 * values to four groups. Loading masks takes most of the time, so the sums of three columns are
 * computed together. The plain loops go from bit to bit.
 *
 * Integers are added in 64 bits if all values that count are so small that the sum of a block
 * cannot overflow. This is known after the loop, which also collects all bits of the values.
 * Otherwise the caller adds row by row.
 *
 * (I1) Floating-point numbers are added one by one in the order of rows, on every processor.
 */
#include "aggregate/aggregate_internal.h"

#include "codec/cpu.h"

#if defined(__x86_64__)
#include <immintrin.h>
#define HARDWARE __attribute__((target("avx512f,avx512bw,popcnt")))
#endif

enum {
    ROWS = FI_AGGREGATE_ROWS,
    WORDS = FI_AGGREGATE_MASK_WORDS,
    FEW = FI_AGGREGATE_FEW,
    ROWS_LEAST = 64, /* with fewer, masks are not worth it */
    STEP = 4,        /* groups that are added up at once */
    AT_ONCE = 3,     /* columns */
    CODES_STEP = 16,
    SMALL_BITS = 53
};
_Static_assert(FEW % STEP == 0, "masks are made for whole steps");
_Static_assert((int)FI_AGGREGATE_CODES_LEAST == 2 * (int)CODES_STEP, "two registers of numbers");

/* ---- numbers of groups ---- */

/* The number of each group is that of its record, on the first page. */
struct numbering {
    const uint8_t *first;
    uint64_t factor; /* 2^32 / record_size, rounded up: exact for the first FEW multiples of it */
};

static bool
are_few(const struct fi_aggregate_table *table)
{
    return table->count > 0 && table->count <= FEW &&
           table->count <= UINT64_C(1) << table->page_shift &&
           table->record_size <= UINT32_MAX / FEW / FEW;
}

static struct numbering
numbering_of(const struct fi_aggregate_table *table)
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
fi_aggregate_few_number(const struct fi_aggregate_table *table, const uint8_t *group)
{
    if (!are_few(table)) {
        return FEW;
    }
    const struct numbering numbering = numbering_of(table);
    size_t number = number_of(&numbering, group);
    DCHECK(group == fi_aggregate_table_record(table, number));
    return (uint8_t)number;
}

/* ---- masks ---- */

/* As fi_chunk_mask_count, for one word: the compiler's builtin may be a call. */
static inline uint32_t
count_bits(uint64_t word)
{
    word -= word >> 1 & UINT64_C(0x5555555555555555);
    word = (word & UINT64_C(0x3333333333333333)) + (word >> 2 & UINT64_C(0x3333333333333333));
    word = (word + (word >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    return (uint32_t)(word * UINT64_C(0x0101010101010101) >> 56);
}

/* Bit i is set if byte i of eight numbers is this one. Requires: none is above 127. */
static inline uint64_t
equal_bytes(const uint8_t *numbers, size_t number)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t differ = fi_load_le64(numbers) ^ (ones * number);
    uint64_t equal = ~(differ + ones * 0x7f) >> 7 & ones;
    return equal * UINT64_C(0x0102040810204080) >> 56;
}

/* Makes the masks of all groups among the chosen rows; returns whether all of these rows have a
 * group. */
static bool
mark_plain(const struct fi_aggregate_few *few, struct fi_aggregate_few_marks *marks)
{
    uint64_t left[WORDS];
    uint64_t missing = 0;
    memcpy(left, marks->chosen, sizeof left);
    for (size_t g = 0; g < few->group_count; g++) {
        marks->counts[g] = 0;
        for (size_t w = 0; w < WORDS; w++) {
            uint64_t word = 0;
            for (size_t byte = 0; left[w] != 0 && byte < 8; byte++) {
                word |= equal_bytes(few->numbers + 64 * w + 8 * byte, g) << 8 * byte;
            }
            word &= left[w];
            left[w] ^= word;
            marks->masks[g][w] = word;
            marks->counts[g] += count_bits(word);
        }
    }
    for (size_t w = 0; w < WORDS; w++) {
        missing |= left[w];
    }
    return missing == 0;
}

#if defined(__x86_64__)
HARDWARE static bool
mark_hardware(const struct fi_aggregate_few *few, struct fi_aggregate_few_marks *marks)
{
    uint64_t missing = 0;
    memset(marks->counts, 0, sizeof marks->counts);
    for (size_t w = 0; w < WORDS; w++) {
        const __m512i numbers = _mm512_loadu_si512(few->numbers + 64 * w);
        uint64_t left = marks->chosen[w];
        for (size_t g = 0; g < few->group_count; g++) {
            uint64_t word =
                _mm512_mask_cmpeq_epi8_mask(marks->chosen[w], numbers, _mm512_set1_epi8((char)g));
            marks->masks[g][w] = word;
            marks->counts[g] += (uint32_t)__builtin_popcountll(word);
            left ^= word;
        }
        missing |= left;
    }
    return missing == 0;
}

static inline __mmask16
first_bits(size_t count)
{
    return (__mmask16)(count >= CODES_STEP ? UINT16_MAX : (1U << count) - 1);
}

/* Numbers of codes that are below CODES_LEAST. */
HARDWARE static void
number_hardware(const uint32_t *codes, size_t count, const uint8_t *numbers, uint8_t *out)
{
    const __m512i low =
        _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)(const void *)numbers));
    const __m512i high = _mm512_cvtepu8_epi32(
        _mm_loadu_si128((const __m128i *)(const void *)(numbers + CODES_STEP)));
    for (size_t i = 0; i < count; i += CODES_STEP) {
        __m512i some = _mm512_maskz_loadu_epi32(first_bits(count - i), codes + i);
        some = _mm512_permutex2var_epi32(low, some, high);
        _mm_storeu_si128((__m128i *)(void *)(out + i), _mm512_cvtepi32_epi8(some));
    }
}

HARDWARE static void
join_hardware(uint32_t *codes, const uint32_t *own, uint32_t count, size_t rows)
{
    const __m512i factor = _mm512_set1_epi32((int)count);
    for (size_t i = 0; i < rows; i += CODES_STEP) {
        const __mmask16 there = first_bits(rows - i);
        __m512i some = _mm512_maskz_loadu_epi32(there, codes + i);
        some = _mm512_mullo_epi32(some, factor);
        some = _mm512_add_epi32(some, _mm512_maskz_loadu_epi32(there, own + i));
        _mm512_mask_storeu_epi32(codes + i, there, some);
    }
}

bool
fi_aggregate_few_has_hardware(void)
{
    return fi_cpu_has(FI_CPU_AVX512);
}
#else
#define mark_hardware mark_plain
#define number_hardware number_plain
#define join_hardware join_plain

bool
fi_aggregate_few_has_hardware(void)
{
    return false;
}
#endif

static void
number_plain(const uint32_t *codes, size_t count, const uint8_t *numbers, uint8_t *out)
{
    for (size_t i = 0; i < count; i++) {
        out[i] = numbers[codes[i]];
    }
}

static void
join_plain(uint32_t *codes, const uint32_t *own, uint32_t count, size_t rows)
{
    for (size_t i = 0; i < rows; i++) {
        codes[i] = codes[i] * count + own[i];
    }
}

void
fi_aggregate_few_join(const struct fi_aggregate_few *few, uint32_t *codes, const uint32_t *own,
                      uint32_t count, size_t rows)
{
    DCHECK(rows <= ROWS);
    if (few->has_hardware) {
        join_hardware(codes, own, count, rows);
    } else {
        join_plain(codes, own, count, rows);
    }
}

static bool
aggregate_few_mark(const struct fi_aggregate_few *few, struct fi_aggregate_few_marks *marks)
{
    return few->has_hardware ? mark_hardware(few, marks) : mark_plain(few, marks);
}

static void
set_groups(struct fi_aggregate_few *few, const struct fi_aggregate_table *table)
{
    few->group_count = (size_t)table->count;
    for (size_t g = 0; g < few->group_count; g++) {
        few->groups[g] = fi_aggregate_table_record(table, g);
    }
}

static bool
choose_all(struct fi_aggregate_few *few, size_t count, const uint64_t *mask)
{
    uint32_t chosen = 0;
    for (size_t w = 0; w < WORDS; w++) {
        size_t left = count > 64 * w ? count - 64 * w : 0;
        uint64_t all = left >= 64 ? UINT64_MAX : (UINT64_C(1) << left) - 1;
        uint64_t word = mask == NULL || all == 0 ? all : mask[w] & all;
        few->all.chosen[w] = word;
        chosen += count_bits(word);
    }
    return chosen >= ROWS_LEAST;
}

/* The mask of chosen rows [start, end). */
static void
choose_some(struct fi_aggregate_few *few, const uint16_t *rows, size_t start, size_t end)
{
    memset(few->all.chosen, 0, sizeof few->all.chosen);
    for (size_t i = start; i < end;) {
        size_t word = rows[i] / 64;
        uint64_t bits = 0;
        for (; i < end && rows[i] / 64 == word; i++) {
            bits |= UINT64_C(1) << rows[i] % 64;
        }
        few->all.chosen[word] = bits;
    }
}

bool
fi_aggregate_few_list(struct fi_aggregate_few *few, const struct fi_aggregate_table *table,
                      const struct fi_aggregate_batch *batch, size_t start, size_t end)
{
    if (!are_few(table) || end - start < ROWS_LEAST) {
        return false;
    }
    const struct numbering numbering = numbering_of(table);
    set_groups(few, table);
    choose_some(few, batch->rows, start, end);
    for (size_t i = start; i < end; i++) {
        few->numbers[batch->rows[i]] = (uint8_t)number_of(&numbering, batch->groups[i]);
    }
    bool is_all = aggregate_few_mark(few, &few->all);
    DCHECK(is_all);
    return is_all;
}

bool
fi_aggregate_few_list_codes(struct fi_aggregate_few *few, const struct fi_aggregate_table *table,
                            const uint32_t *codes, size_t count, const uint64_t *mask,
                            const uint8_t *numbers, size_t code_count)
{
    if (!are_few(table) || !choose_all(few, count, mask)) {
        return false;
    }
    set_groups(few, table);
    if (few->has_hardware && code_count <= FI_AGGREGATE_CODES_LEAST) {
        number_hardware(codes, count, numbers, few->numbers);
    } else {
        number_plain(codes, count, numbers, few->numbers);
    }
    return aggregate_few_mark(few, &few->all);
}

bool
fi_aggregate_few_list_places(struct fi_aggregate_few *few, const struct fi_aggregate_batch *batch,
                             uint8_t *numbers)
{
    if (batch->count < ROWS_LEAST) {
        return false;
    }
    for (size_t i = 0; i < batch->count; i++) {
        uint8_t *number = &numbers[batch->hashes[i]];
        if (*number == FEW) {
            if (few->place_count == FEW) {
                return false;
            }
            few->place_groups[few->place_count] = batch->groups[i];
            *number = (uint8_t)few->place_count++;
        }
        few->numbers[batch->rows[i]] = *number;
    }
    few->group_count = few->place_count;
    memcpy(few->groups, few->place_groups, sizeof few->groups);
    choose_some(few, batch->rows, 0, batch->count);
    bool is_all = aggregate_few_mark(few, &few->all);
    DCHECK(is_all);
    return is_all;
}

/* ---- calls ---- */

#define STATE(type, group) ((type *)(void *)((group) + call->offset))

/* Folds the numbers of each group: their sum, or the largest of them after they were flipped. out
 * also gets up to STEP - 1 more results, which have no meaning. */
struct fold {
    const uint64_t *numbers;
    uint64_t flip;
    uint64_t bias; /* of sums: added to each number whose bits are gathered */
    bool is_sum;
};

/* Returns the bits of all numbers that were added. */
static uint64_t
fold_plain(const struct fold *fold, const struct fi_aggregate_few_marks *marks, size_t group_count,
           uint64_t *out)
{
    uint64_t bits = 0;
    for (size_t g = 0; g < group_count; g++) {
        uint64_t result = 0;
        for (size_t w = 0; w < WORDS; w++) {
            const uint64_t *numbers = fold->numbers + 64 * w;
            for (uint64_t left = marks->masks[g][w]; left != 0; left &= left - 1) {
                uint64_t number = numbers[__builtin_ctzll(left)];
                if (fold->is_sum) {
                    bits |= number + fold->bias;
                    result += number;
                } else {
                    number ^= fold->flip;
                    result = number > result ? number : result;
                }
            }
        }
        out[g] = result;
    }
    return bits;
}

#if defined(__x86_64__)
HARDWARE static inline __m512i
fold_some(bool is_sum, __m512i result, const uint64_t *mask, size_t byte, __m512i numbers)
{
    __mmask8 which = ((const uint8_t *)mask)[byte];
    return is_sum ? _mm512_mask_add_epi64(result, which, result, numbers)
                  : _mm512_mask_max_epu64(result, which, result, numbers);
}

HARDWARE static inline __attribute__((always_inline)) uint64_t
fold_step(bool is_sum, const struct fold *fold, const struct fi_aggregate_few_marks *marks,
          size_t group, uint64_t *out)
{
    const __m512i flip = _mm512_set1_epi64((int64_t)fold->flip);
    const __m512i bias = _mm512_set1_epi64((int64_t)fold->bias);
    const uint64_t(*masks)[WORDS] = &marks->masks[group];
    __m512i bits = _mm512_setzero_si512();
    __m512i results[STEP] = {bits, bits, bits, bits};
    for (size_t i = 0; i < ROWS / 8; i++) {
        /* Rows that are not chosen are not read: the column may end before them. */
        __m512i numbers =
            _mm512_maskz_loadu_epi64(((const uint8_t *)marks->chosen)[i], fold->numbers + 8 * i);
        if (is_sum) {
            bits = _mm512_or_si512(bits, _mm512_add_epi64(numbers, bias));
        } else {
            numbers = _mm512_xor_si512(numbers, flip);
        }
        results[0] = fold_some(is_sum, results[0], masks[0], i, numbers);
        results[1] = fold_some(is_sum, results[1], masks[1], i, numbers);
        results[2] = fold_some(is_sum, results[2], masks[2], i, numbers);
        results[3] = fold_some(is_sum, results[3], masks[3], i, numbers);
    }
    for (size_t g = 0; g < STEP; g++) {
        out[group + g] = is_sum ? (uint64_t)_mm512_reduce_add_epi64(results[g])
                                : (uint64_t)_mm512_reduce_max_epu64(results[g]);
    }
    return (uint64_t)_mm512_reduce_or_epi64(bits);
}

HARDWARE static uint64_t
fold_hardware(const struct fold *fold, const struct fi_aggregate_few_marks *marks,
              size_t group_count, uint64_t *out)
{
    uint64_t bits = 0;
    for (size_t g = 0; g < group_count; g += STEP) {
        bits |= fold->is_sum ? fold_step(true, fold, marks, g, out)
                             : fold_step(false, fold, marks, g, out);
    }
    return bits;
}

/* The sums of one column for STEP groups, and the bits of all its numbers. */
struct column_sums {
    __m512i results[STEP];
    __m512i bits;
};

HARDWARE static inline __attribute__((always_inline)) void
sum_column(struct column_sums *sums, const __mmask8 *which, __mmask8 chosen,
           const uint64_t *numbers_at, uint64_t bias)
{
    const __m512i numbers = _mm512_maskz_loadu_epi64(chosen, numbers_at);
    sums->bits =
        _mm512_or_si512(sums->bits, _mm512_add_epi64(numbers, _mm512_set1_epi64((int64_t)bias)));
    sums->results[0] = _mm512_mask_add_epi64(sums->results[0], which[0], sums->results[0], numbers);
    sums->results[1] = _mm512_mask_add_epi64(sums->results[1], which[1], sums->results[1], numbers);
    sums->results[2] = _mm512_mask_add_epi64(sums->results[2], which[2], sums->results[2], numbers);
    sums->results[3] = _mm512_mask_add_epi64(sums->results[3], which[3], sums->results[3], numbers);
}

HARDWARE static __attribute__((noinline)) void
end_sums(const struct column_sums *sums, uint64_t *out, uint64_t *bits)
{
    for (size_t g = 0; g < STEP; g++) {
        out[g] = (uint64_t)_mm512_reduce_add_epi64(sums->results[g]);
    }
    *bits |= (uint64_t)_mm512_reduce_or_epi64(sums->bits);
}

/* As fold_plain, of AT_ONCE columns. */
HARDWARE static void
sum_hardware(const struct fold *folds, const struct fi_aggregate_few_marks *marks,
             size_t group_count, uint64_t out[AT_ONCE][FEW], uint64_t *bits)
{
    const uint8_t *chosen = (const uint8_t *)marks->chosen;
    for (size_t group = 0; group < group_count; group += STEP) {
        const uint8_t *masks = (const uint8_t *)marks->masks[group];
        const __m512i zero = _mm512_setzero_si512();
        struct column_sums a = {{zero, zero, zero, zero}, zero};
        struct column_sums b = a;
        struct column_sums c = a;
        for (size_t i = 0; i < ROWS / 8; i++) {
            const __mmask8 which[STEP] = {masks[i], masks[ROWS / 8 + i], masks[2 * ROWS / 8 + i],
                                          masks[3 * ROWS / 8 + i]};
            sum_column(&a, which, chosen[i], folds[0].numbers + 8 * i, folds[0].bias);
            sum_column(&b, which, chosen[i], folds[1].numbers + 8 * i, folds[1].bias);
            sum_column(&c, which, chosen[i], folds[2].numbers + 8 * i, folds[2].bias);
        }
        /* Copies, so that the loop keeps them in registers. */
        const struct column_sums ends[AT_ONCE] = {a, b, c};
        for (size_t i = 0; i < AT_ONCE; i++) {
            end_sums(&ends[i], &out[i][group], &bits[i]);
        }
    }
}
#else
#define fold_hardware fold_plain

static void
sum_hardware(const struct fold *folds, const struct fi_aggregate_few_marks *marks,
             size_t group_count, uint64_t out[AT_ONCE][FEW], uint64_t *bits)
{
    for (size_t i = 0; i < AT_ONCE; i++) {
        bits[i] = fold_plain(&folds[i], marks, group_count, out[i]);
    }
}
#endif

static uint64_t
fold_all(const struct fi_aggregate_few *few, const struct fold *fold,
         const struct fi_aggregate_few_marks *marks, uint64_t *out)
{
    DCHECK(few->group_count > 0 && few->group_count <= FEW);
    return few->has_hardware ? fold_hardware(fold, marks, few->group_count, out)
                             : fold_plain(fold, marks, few->group_count, out);
}

static struct fold
sum_of(const struct fi_chunk_values *values)
{
    return (struct fold){.numbers = values->as.u64,
                         .is_sum = true,
                         .bias =
                             values->kind == FI_PHYSICAL_I64 ? UINT64_C(1) << (SMALL_BITS - 1) : 0};
}

/* False, and nothing is changed, if sums might not fit. */
static bool
put_sums(const struct fi_aggregate_few *few, const struct fi_aggregate_few_marks *marks,
         const struct fi_aggregate_function_of *call, uint64_t bits, const uint64_t *sums)
{
    if (bits >> SMALL_BITS != 0) {
        return false;
    }
    for (size_t g = 0; g < few->group_count; g++) {
        struct fi_aggregate_integer *state = STATE(struct fi_aggregate_integer, few->groups[g]);
        fi_aggregate_u128 wide =
            call->argument == FI_PHYSICAL_I64 ? (fi_aggregate_u128)(int64_t)sums[g] : sums[g];
        fi_aggregate_u128 sum;
        memcpy(&sum, state->sum, sizeof sum);
        sum += wide;
        memcpy(state->sum, &sum, sizeof sum);
        state->count += marks->counts[g];
    }
    return true;
}

static bool
add_integers(const struct fi_aggregate_few *few, const struct fi_aggregate_few_marks *marks,
             const struct fi_aggregate_function_of *call, const struct fi_chunk_values *values)
{
    const struct fold fold = sum_of(values);
    uint64_t sums[FEW];
    uint64_t bits = fold_all(few, &fold, marks, sums);
    return put_sums(few, marks, call, bits, sums);
}

/* Adds the sums of `count` calls, at least two. */
static void
add_some_sums(const struct fi_aggregate_few *few, struct fi_aggregate_function_of *const *calls,
              const struct fi_chunk_values *const *values, size_t count)
{
    struct fold folds[AT_ONCE];
    uint64_t bits[AT_ONCE] = {0};
    uint64_t sums[AT_ONCE][FEW];
    DCHECK(count > 1 && count <= AT_ONCE);
    for (size_t i = 0; i < AT_ONCE; i++) {
        folds[i] = sum_of(values[i < count ? i : 0]);
    }
    sum_hardware(folds, &few->all, few->group_count, sums, bits);
    for (size_t i = 0; i < count; i++) {
        calls[i]->is_added = put_sums(few, &few->all, calls[i], bits[i], sums[i]);
    }
}

void
fi_aggregate_few_add_sums(const struct fi_aggregate_few *few,
                          struct fi_aggregate_function_of *calls, size_t call_count,
                          const struct fi_chunk_values *arguments)
{
    struct fi_aggregate_function_of *some[AT_ONCE];
    const struct fi_chunk_values *values[AT_ONCE];
    size_t count = 0;
    for (size_t i = 0; i < call_count; i++) {
        struct fi_aggregate_function_of *call = &calls[i];
        call->is_added = false;
        if (few->has_hardware && call->state_kind == FI_AGGREGATE_STATE_INTEGER &&
            !call->is_shared && arguments[i].kind == call->argument && arguments[i].valid == NULL) {
            some[count] = call;
            values[count++] = &arguments[i];
        }
        if (count == AT_ONCE || (count > 1 && i + 1 == call_count)) {
            add_some_sums(few, some, values, count);
            count = 0;
        }
    }
}

static void
add_reals(const struct fi_aggregate_few *few, const struct fi_aggregate_few_marks *marks,
          const struct fi_aggregate_function_of *call, const struct fi_chunk_values *values)
{
    for (size_t g = 0; g < few->group_count; g++) {
        struct fi_aggregate_real *state = STATE(struct fi_aggregate_real, few->groups[g]);
        double sum = state->sum;
        for (size_t w = 0; w < WORDS; w++) {
            for (uint64_t left = marks->masks[g][w]; left != 0; left &= left - 1) {
                size_t row = 64 * w + (size_t)__builtin_ctzll(left);
                sum += values->kind == FI_PHYSICAL_F32 ? (double)values->as.f32[row]
                                                       : values->as.f64[row];
            }
        }
        state->sum = sum;
        state->count += marks->counts[g];
    }
}

static void
keep_extremes(const struct fi_aggregate_few *few, const struct fi_aggregate_few_marks *marks,
              const struct fi_aggregate_function_of *call, const struct fi_chunk_values *values)
{
    uint64_t sign = values->kind == FI_PHYSICAL_I64 ? FI_AGGREGATE_SIGN64 : 0;
    const struct fold fold = {.numbers = values->as.u64, .flip = call->flip ^ sign};
    uint64_t ranks[FEW];
    (void)fold_all(few, &fold, marks, ranks);
    for (size_t g = 0; g < few->group_count; g++) {
        struct fi_aggregate_extreme *state = STATE(struct fi_aggregate_extreme, few->groups[g]);
        state->rank = ranks[g] > state->rank ? ranks[g] : state->rank;
        state->is_there |= marks->counts[g] > 0;
    }
}

bool
fi_aggregate_few_update(struct fi_aggregate_few *few, const struct fi_aggregate_function_of *call,
                        const struct fi_chunk_values *values)
{
    const struct fi_aggregate_few_marks *marks = &few->all;
    if (call->state_kind == FI_AGGREGATE_STATE_BYTES ||
        (call->state_kind == FI_AGGREGATE_STATE_EXTREME &&
         (values->kind == FI_PHYSICAL_F32 || values->kind == FI_PHYSICAL_F64))) {
        return false;
    }
    if (call->function != FI_AGGREGATE_COUNT_ROWS && values->valid != NULL) {
        for (size_t w = 0; w < WORDS; w++) {
            uint64_t chosen = few->all.chosen[w];
            few->valid.chosen[w] = chosen == 0 ? 0 : chosen & values->valid[w];
        }
        bool is_all = aggregate_few_mark(few, &few->valid);
        DCHECK(is_all);
        (void)is_all;
        marks = &few->valid;
    }
    switch (call->state_kind) {
    case FI_AGGREGATE_STATE_COUNT:
        for (size_t g = 0; g < few->group_count; g++) {
            *STATE(uint64_t, few->groups[g]) += marks->counts[g];
        }
        break;
    case FI_AGGREGATE_STATE_INTEGER:
        return add_integers(few, marks, call, values);
    case FI_AGGREGATE_STATE_REAL:
        add_reals(few, marks, call, values);
        break;
    default:
        keep_extremes(few, marks, call, values);
        break;
    }
    return true;
}
