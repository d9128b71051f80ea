/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/chunk: the fixture.
 */
#include "unit/chunk/encoding_fixture.h"

#include "base/slice.h"

/* ---- values ---- */

bool
sample_is_valid(const struct sample *sample, size_t i)
{
    return sample->values.valid == NULL || fi_chunk_has_bit(sample->values.valid, i);
}

struct fi_cell
sample_cell(const struct sample *sample, size_t i)
{
    struct fi_cell cell = {.kind = FI_PHYSICAL_NONE};
    if (!sample_is_valid(sample, i)) {
        return cell;
    }
    cell.kind = sample->values.kind;
    switch (cell.kind) {
    case FI_PHYSICAL_BYTES:
        cell.as.bytes = sample->values.as.bytes[i];
        break;
    case FI_PHYSICAL_F32:
        memcpy(&cell.as.f32, &sample->values.as.f32[i], 4);
        break;
    default:
        memcpy(&cell.as.u64, &sample->values.as.u64[i], 8);
        break;
    }
    return cell;
}

static void
set_number(struct sample *sample, size_t i, uint64_t bits)
{
    if (sample->values.kind == FI_PHYSICAL_F32) {
        uint32_t narrow = (uint32_t)bits;
        memcpy((uint8_t *)sample->numbers + 4 * i, &narrow, 4);
    } else {
        memcpy((uint8_t *)sample->numbers + 8 * i, &bits, 8);
    }
}

static uint64_t
integer_of(struct test_random *random, unsigned shape, size_t i, uint64_t before)
{
    uint64_t r = test_random_next(random);
    switch (shape) {
    case 0:
        return r;
    case 1:
        return i; /* ascending by one */
    case 2:
        return 0 - (uint64_t)(i / 37) * 1000003; /* runs, descending, below 0 */
    case 3:
        return UINT64_C(1700000000000000) + r % 1000 * 1000000; /* times of whole seconds */
    case 4:
        return before + 1000 + r % 7; /* sorted, with jitter */
    case 5:
        return r % 5 * UINT64_C(0x123456789abcdef); /* few values far apart */
    case 6:
        return i < 100 ? i : i * 7919 % 1000 * 1000003;
    case 7:
        return r >> r % 64; /* of every size */
    case 8:
        return r % 4 == 0 ? UINT64_C(1) << 63 : r % 4 == 1 ? UINT64_MAX >> 1 : r % 4 - 2; /* ends */
    case 9:
        return r % 2;
    case 10:
        return r % 2 == 0 ? before : r % 100; /* short runs */
    case 11:
        return 42;
    case 12:
        return (UINT64_C(1) << 63) + i * i;
    default:
        return r % 100 == 0 ? r : 7; /* outliers */
    }
}

static double
real_of(struct test_random *random, unsigned shape, size_t i, double before)
{
    uint64_t r = test_random_next(random);
    static const uint64_t odd[] = {0x7ff8000000000001,
                                   0x8000000000000000,
                                   0x7ff0000000000000,
                                   0xfff0000000000000,
                                   1,
                                   0x800fffffffffffff,
                                   0xfff8000000000123,
                                   0,
                                   0x3ff8000000000000,
                                   0xbff0000000000000};
    double number;
    switch (shape) {
    case 0:
        memcpy(&number, &r, sizeof number);
        return number;
    case 1:
        return (double)i;
    case 2:
        return (double)(r % 1000000) / 100; /* prices */
    case 3:
        return (double)(int64_t)(r % 100000 - 50000) / 1000;
    case 4:
        memcpy(&number, &odd[r % 10], sizeof number);
        return number;
    case 5:
        return (double)(i / 50) * 0.1; /* runs */
    case 6:
        return r % 50 == 0 ? (double)r / 3 : (double)(r % 1000) / 10; /* exceptions */
    case 7:
        return (double)(r % 8) * 1.1;
    case 8:
        return before + (double)(r % 100) * 0.01;
    case 9:
        return r % 2 == 0 ? -0.0 : 0.0;
    case 10:
        return (double)(r % 2048) * 1e15;
    case 11:
        return 2.5;
    case 12:
        memcpy(&number, &odd[i % 300 == 7 ? 0 : 8], sizeof number);
        return number;
    default:
        return (double)(float)((double)(r % 1000000) / 7);
    }
}

static size_t
text_of(struct test_random *random, unsigned shape, size_t i, char text[400])
{
    static const char *const hosts[] = {"www.example.com", "mail.example.org", "a.test", ""};
    uint64_t r = test_random_next(random);
    size_t size;
    switch (shape) {
    case 0:
        size = r % 40;
        test_random_fill(random, text, size);
        return size;
    case 1:
        return (size_t)snprintf(text, 400, "key/%08zu", i);
    case 2:
        return (size_t)snprintf(text, 400, "http://%s/page/%u?id=%u", hosts[r % 4],
                                (unsigned)(r >> 8 & 63), (unsigned)(r >> 20 & 1023));
    case 3:
        return (size_t)snprintf(text, 400, "%s", hosts[r % 4]);
    case 4:
        return 0;
    case 5:
        return (size_t)snprintf(text, 400, "user %zu", i / 20);
    case 6:
        memset(text, (int)('a' + r % 3), 400);
        return r % 5 == 0 ? 300 + r % 100 : r % 3;
    case 7:
        memset(text, 0xff, 20);
        text[17] = (char)(r % 2);
        return 16 + r % 4;
    case 8:
        return (size_t)snprintf(text, 400, "the common beginning of all/%05zu/tail", i / 3);
    case 9:
        return (size_t)snprintf(text, 400, "%c", (int)('a' + r % 26));
    case 10:
        return (size_t)snprintf(text, 400, "2024-%02u-%02uT%02u:00:00Z", (unsigned)(r % 12 + 1),
                                (unsigned)((r >> 8) % 28 + 1), (unsigned)((r >> 16) % 24));
    case 11:
        return (size_t)snprintf(text, 400, "constant");
    case 12:
        text[0] = (char)r;
        text[1] = 0;
        return r % 3;
    default:
        return (size_t)snprintf(text, 400, "%llx", (unsigned long long)r);
    }
}

static bool
is_null(enum sample_nulls nulls, size_t i, size_t count, struct test_random *random)
{
    size_t in_block = i % FI_CHUNK_BLOCK;
    switch (nulls) {
    case SAMPLE_NULLS_NONE:
        return false;
    case SAMPLE_NULLS_ALL:
        return true;
    case SAMPLE_NULLS_ALTERNATE:
        return i % 2 == 0;
    case SAMPLE_NULLS_EDGES:
        return in_block == 0 || in_block == FI_CHUNK_BLOCK - 1 || i == count - 1;
    case SAMPLE_NULLS_FEW:
        return test_random_below(random, 100) == 0;
    case SAMPLE_NULLS_MOST:
        return test_random_below(random, 20) != 0;
    default:
        return i / FI_CHUNK_BLOCK % 2 == 0;
    }
}

static void
begin(struct sample *out, enum fi_physical kind, uint32_t fixed_size, size_t count)
{
    *out = (struct sample){.values = {.kind = kind, .fixed_size = fixed_size, .count = count}};
    out->numbers = calloc(count, sizeof(firn_slice));
    assert_non_null(out->numbers);
    out->values.as.bytes = out->numbers;
}

static void
set_null(struct sample *out, size_t i)
{
    if (out->valid == NULL) {
        size_t words = (out->values.count + 63) / 64;
        out->valid = calloc(words, sizeof *out->valid);
        assert_non_null(out->valid);
        for (size_t k = 0; k < out->values.count; k++) {
            out->valid[k / 64] |= UINT64_C(1) << k % 64;
        }
        out->values.valid = out->valid;
    }
    out->valid[i / 64] &= ~(UINT64_C(1) << i % 64);
}

static int
compare_slices(const void *a, const void *b)
{
    firn_slice x;
    firn_slice y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return fi_slice_compare(x, y);
}

static void
make_bytes(struct sample *out, struct test_random *random, unsigned shape)
{
    size_t count = out->values.count;
    firn_slice *slices = out->numbers;
    out->bytes = malloc(count * 400);
    assert_non_null(out->bytes);
    uint8_t *at = out->bytes;
    for (size_t i = 0; i < count; i++) {
        size_t size = text_of(random, shape, i, (char *)at);
        if (out->values.fixed_size != 0) {
            memset(at + size, 'x', 400 - size);
            size = out->values.fixed_size;
        }
        slices[i] = firn_bytes(at, size);
        at += size;
    }
    if (test_random_below(random, 3) == 0) {
        qsort(slices, count, sizeof *slices, compare_slices);
    }
}

void
sample_make(struct sample *out, struct test_random *random, enum fi_physical kind,
            uint32_t fixed_size, unsigned shape, enum sample_nulls nulls, size_t count)
{
    begin(out, kind, fixed_size, count);
    uint64_t integer = UINT64_C(1) << 62;
    double real = 0;
    if (kind == FI_PHYSICAL_BYTES) {
        make_bytes(out, random, shape);
    }
    for (size_t i = 0; i < count; i++) {
        bool is_out = is_null(nulls, i, count, random);
        uint64_t bits = 0;
        float narrow;
        if (kind == FI_PHYSICAL_F32) {
            narrow = (float)(real = real_of(random, shape, i, real));
            uint32_t low;
            memcpy(&low, &narrow, sizeof low);
            if (shape == 0) {
                low = (uint32_t)test_random_next(random);
            }
            bits = low;
        } else if (kind == FI_PHYSICAL_F64) {
            real = real_of(random, shape, i, real);
            memcpy(&bits, &real, sizeof bits);
        } else if (kind != FI_PHYSICAL_BYTES) {
            bits = integer = integer_of(random, shape, i, integer);
        }
        if (is_out) {
            set_null(out, i);
            bits = 0;
        }
        if (kind != FI_PHYSICAL_BYTES) {
            set_number(out, i, bits);
        } else if (is_out) {
            ((firn_slice *)out->numbers)[i] = firn_bytes("", 0);
        }
    }
}

void
sample_of_bits(struct sample *out, enum fi_physical kind, const uint64_t *bits, size_t count)
{
    begin(out, kind, 0, count);
    for (size_t i = 0; i < count; i++) {
        set_number(out, i, bits[i]);
    }
}

void
sample_of_texts(struct sample *out, const char *const *texts, size_t count)
{
    begin(out, FI_PHYSICAL_BYTES, 0, count);
    for (size_t i = 0; i < count; i++) {
        ((firn_slice *)out->numbers)[i] = firn_str(texts[i] == NULL ? "" : texts[i]);
        if (texts[i] == NULL) {
            set_null(out, i);
        }
    }
}

void
sample_deinit(struct sample *sample)
{
    free(sample->valid);
    free(sample->numbers);
    free(sample->bytes);
    *sample = (struct sample){0};
}

/* ---- the plain way ---- */

static int
compare_reals(double a, double b)
{
    bool a_is_nan = a != a;
    bool b_is_nan = b != b;
    if (a_is_nan || b_is_nan) {
        return a_is_nan - b_is_nan;
    }
    return (a > b) - (a < b);
}

int
encoding_compare(const struct fi_cell *a, const struct fi_cell *b)
{
    int order;
    assert_int_equal(a->kind, b->kind);
    switch (a->kind) {
    case FI_PHYSICAL_I64:
        return (a->as.i64 > b->as.i64) - (a->as.i64 < b->as.i64);
    case FI_PHYSICAL_U64:
        return (a->as.u64 > b->as.u64) - (a->as.u64 < b->as.u64);
    case FI_PHYSICAL_F32:
        return compare_reals((double)a->as.f32, (double)b->as.f32);
    case FI_PHYSICAL_F64:
        return compare_reals(a->as.f64, b->as.f64);
    default:
        order = fi_slice_compare(a->as.bytes, b->as.bytes);
        return (order > 0) - (order < 0);
    }
}

bool
encoding_fulfils(const struct fi_chunk_predicate *predicate, const struct fi_cell *cell)
{
    if (predicate->test == FI_CHUNK_IS_NULL || predicate->test == FI_CHUNK_IS_NOT_NULL) {
        return (cell->kind == FI_PHYSICAL_NONE) == (predicate->test == FI_CHUNK_IS_NULL);
    }
    if (cell->kind == FI_PHYSICAL_NONE) {
        return false;
    }
    if (predicate->test == FI_CHUNK_IN) {
        for (size_t i = 0; i < predicate->list_count; i++) {
            if (encoding_compare(cell, &predicate->list[i]) == 0) {
                return true;
            }
        }
        return false;
    }
    int order = encoding_compare(cell, &predicate->a);
    switch (predicate->test) {
    case FI_CHUNK_EQUAL:
        return order == 0;
    case FI_CHUNK_NOT_EQUAL:
        return order != 0;
    case FI_CHUNK_LESS:
        return order < 0;
    case FI_CHUNK_LESS_EQUAL:
        return order <= 0;
    case FI_CHUNK_GREATER:
        return order > 0;
    case FI_CHUNK_GREATER_EQUAL:
        return order >= 0;
    case FI_CHUNK_BETWEEN:
        return order >= 0 && encoding_compare(cell, &predicate->b) <= 0;
    default:
        assert_int_equal(predicate->test, FI_CHUNK_PREFIX);
        return fi_slice_has_prefix(cell->as.bytes, predicate->a.as.bytes);
    }
}

/* ---- chunks ---- */

static void
assert_same_cell(const struct fi_cell *a, const struct fi_cell *b)
{
    assert_int_equal(a->kind, b->kind);
    if (a->kind == FI_PHYSICAL_BYTES) {
        assert_true(fi_slice_equal(a->as.bytes, b->as.bytes));
    } else if (a->kind == FI_PHYSICAL_F32) {
        assert_memory_equal(&a->as.f32, &b->as.f32, 4);
    } else if (a->kind != FI_PHYSICAL_NONE) {
        assert_memory_equal(&a->as.u64, &b->as.u64, 8);
    }
}

static size_t
number_size(const struct sample *sample)
{
    return sample->values.kind == FI_PHYSICAL_F32 ? 4 : 8;
}

/* Values start to start + count of the sample are those of a block. */
static void
check_values(const struct sample *sample, size_t start, const struct fi_chunk_values *values,
             const uint64_t *wanted)
{
    for (size_t i = 0; i < values->count; i++) {
        bool is_set = values->valid == NULL || fi_chunk_has_bit(values->valid, i);
        assert_int_equal(is_set, sample_is_valid(sample, start + i));
        if (wanted != NULL && !fi_chunk_has_bit(wanted, i)) {
            continue;
        }
        if (sample->values.kind == FI_PHYSICAL_BYTES) {
            assert_true(fi_slice_equal(values->as.bytes[i], sample->values.as.bytes[start + i]));
        } else {
            size_t size = number_size(sample);
            assert_memory_equal((const uint8_t *)values->as.u64 + i * size,
                                (const uint8_t *)sample->numbers + (start + i) * size, size);
        }
    }
}

static void
check_bounds(const struct sample *sample, size_t start, size_t count,
             const struct fi_chunk_bounds *bounds)
{
    uint64_t nulls = 0;
    bool has_nan = false;
    bool is_empty = true;
    struct fi_cell min = {0};
    struct fi_cell max = {0};
    for (size_t i = start; i < start + count; i++) {
        struct fi_cell cell = sample_cell(sample, i);
        bool is_nan = (cell.kind == FI_PHYSICAL_F64 && cell.as.f64 != cell.as.f64) ||
                      (cell.kind == FI_PHYSICAL_F32 && cell.as.f32 != cell.as.f32);
        nulls += cell.kind == FI_PHYSICAL_NONE;
        has_nan |= is_nan;
        if (is_nan || cell.kind == FI_PHYSICAL_NONE) {
            continue;
        }
        min = is_empty || encoding_compare(&cell, &min) < 0 ? cell : min;
        max = is_empty || encoding_compare(&cell, &max) > 0 ? cell : max;
        is_empty = false;
    }
    assert_int_equal(bounds->null_count, nulls);
    assert_int_equal(bounds->has_nan, has_nan);
    assert_int_equal(bounds->is_empty, is_empty);
    if (is_empty) {
        return;
    }
    if (min.kind == FI_PHYSICAL_BYTES) {
        bool is_cut = max.as.bytes.size > FI_CHUNK_BOUND_SIZE;
        assert_int_equal(bounds->max_is_cut, is_cut);
        min.as.bytes.size =
            min.as.bytes.size > FI_CHUNK_BOUND_SIZE ? FI_CHUNK_BOUND_SIZE : min.as.bytes.size;
        max.as.bytes.size = is_cut ? FI_CHUNK_BOUND_SIZE : max.as.bytes.size;
    }
    assert_int_equal(bounds->min.kind, min.kind);
    assert_int_equal(encoding_compare(&bounds->min, &min), 0);
    assert_int_equal(bounds->max.kind, max.kind);
    assert_int_equal(encoding_compare(&bounds->max, &max), 0);
    /* -0 counts as 0. */
    assert_false(min.kind == FI_PHYSICAL_F64 && bounds->min.as.f64 == 0 &&
                 fi_chunk_cell_bits(&bounds->min) != 0);
}

static int
compare_cells(const void *a, const void *b)
{
    return encoding_compare(a, b);
}

/* A constant that is among the values, close to one, or anything. */
static struct fi_cell
random_constant(const struct sample *sample, struct test_random *random, uint8_t memory[800])
{
    struct fi_cell cell = {.kind = FI_PHYSICAL_NONE};
    uint64_t r = test_random_next(random);
    for (unsigned tries = 0; tries < 20 && cell.kind == FI_PHYSICAL_NONE; tries++) {
        cell = sample_cell(sample, test_random_below(random, sample->values.count));
    }
    if (cell.kind == FI_PHYSICAL_NONE) {
        cell.kind = sample->values.kind;
        cell.as.bytes = firn_bytes("", 0);
    }
    if (cell.kind == FI_PHYSICAL_BYTES) {
        size_t size = cell.as.bytes.size;
        if (size > 0) {
            memcpy(memory, cell.as.bytes.data, size);
        }
        if (r % 4 == 1 && size > 0) {
            size = (size_t)(r / 4 % size); /* shorter */
        } else if (r % 4 == 2) {
            memory[size++] = (uint8_t)(r / 4); /* longer */
        } else if (r % 4 == 3 && size > 0) {
            memory[r / 4 % size] ^= (uint8_t)(1 + (r >> 40) % 3);
        }
        cell.as.bytes = firn_bytes(memory, size);
        return cell;
    }
    uint64_t bits = fi_chunk_cell_bits(&cell);
    bits = r % 4 == 1 ? bits + 1 : r % 4 == 2 ? bits - 1 : r % 16 == 3 ? r : bits;
    if (fi_chunk_is_float(cell.kind) && r % 32 == 7) {
        static const double odd[] = {0.0, -0.0, 1.0 / 0.0, -1.0 / 0.0, 0.0 / 0.0};
        double number = odd[r / 32 % 5];
        if (cell.kind == FI_PHYSICAL_F32) {
            cell.as.f32 = (float)number;
        } else {
            cell.as.f64 = number;
        }
        return cell;
    }
    return fi_chunk_cell_of(cell.kind, bits);
}

static void
check_filter(const struct sample *sample, const struct fi_chunk *chunk, size_t block,
             const struct fi_chunk_predicate *predicate, struct fi_chunk_scratch *scratch,
             struct test_random *random)
{
    firn_error err;
    size_t start = block * FI_CHUNK_BLOCK;
    size_t count = fi_chunk_block_size(chunk, block);
    uint64_t mask[FI_CHUNK_MASK_WORDS] = {0};
    uint64_t expected[FI_CHUNK_MASK_WORDS] = {0};
    struct fi_chunk_bounds bounds;
    bool all = true;
    bool all_valid = true; /* that are not null */
    bool none = true;
    unsigned density = (unsigned)test_random_below(random, 3);
    for (size_t i = 0; i < count; i++) {
        struct fi_cell cell = sample_cell(sample, start + i);
        bool fulfils = encoding_fulfils(predicate, &cell);
        bool is_in = density == 0 || test_random_below(random, density == 1 ? 2 : 50) == 0;
        mask[i / 64] |= (uint64_t)is_in << i % 64;
        expected[i / 64] |= (uint64_t)(is_in && fulfils) << i % 64;
        all &= fulfils;
        all_valid &= fulfils || cell.kind == FI_PHYSICAL_NONE;
        none &= !fulfils;
    }
    struct fi_chunk_filter filter;
    enum fi_chunk_verdict verdict;
    fi_chunk_filter_init(&filter, chunk, predicate);
    assert_int_equal(fi_chunk_filter_apply(&filter, chunk, block, scratch, mask, &verdict, &err),
                     FIRN_OK);
    assert_memory_equal(mask, expected, sizeof mask);
    assert_true(verdict != FI_CHUNK_NONE || none);
    assert_true(verdict != FI_CHUNK_ALL || all_valid);
    fi_chunk_block_bounds(chunk, block, &bounds);
    verdict = fi_chunk_assess(&bounds, count, predicate);
    assert_true(verdict != FI_CHUNK_NONE || none);
    assert_true(verdict != FI_CHUNK_ALL || all);
}

static void
check_filters(const struct sample *sample, const struct fi_chunk *chunk, size_t block,
              struct fi_chunk_scratch *scratch, struct test_random *random)
{
    static uint8_t memory[10][800];
    for (unsigned test = FI_CHUNK_EQUAL; test <= FI_CHUNK_IS_NOT_NULL; test++) {
        struct fi_cell list[8];
        struct fi_chunk_predicate predicate = {.test = (enum fi_chunk_test)test};
        if (test == FI_CHUNK_PREFIX && sample->values.kind != FI_PHYSICAL_BYTES) {
            continue;
        }
        predicate.a = random_constant(sample, random, memory[8]);
        predicate.b = random_constant(sample, random, memory[9]);
        size_t listed = test_random_below(random, 9);
        for (size_t i = 0; i < listed; i++) {
            list[i] = random_constant(sample, random, memory[i]);
        }
        qsort(list, listed, sizeof *list, compare_cells);
        size_t kept = 0;
        for (size_t i = 0; i < listed; i++) {
            if (kept == 0 || encoding_compare(&list[kept - 1], &list[i]) != 0) {
                list[kept++] = list[i];
            }
        }
        predicate.list = list;
        predicate.list_count = kept;
        check_filter(sample, chunk, block, &predicate, scratch, random);
    }
}

static void
check_sum(const struct sample *sample, const struct fi_chunk *chunk, size_t block,
          const uint64_t *mask, struct fi_chunk_scratch *scratch)
{
    struct fi_chunk_sum sum = {0};
    firn_error err;
    fi_chunk_int128 integer = 0;
    double parts[8] = {0};
    uint64_t added = 0;
    for (size_t i = 0; i < fi_chunk_block_size(chunk, block); i++) {
        struct fi_cell cell = sample_cell(sample, block * FI_CHUNK_BLOCK + i);
        if (cell.kind == FI_PHYSICAL_NONE || (mask != NULL && !fi_chunk_has_bit(mask, i))) {
            continue;
        }
        added++;
        integer += cell.kind == FI_PHYSICAL_I64   ? (fi_chunk_int128)cell.as.i64
                   : cell.kind == FI_PHYSICAL_U64 ? (fi_chunk_int128)cell.as.u64
                                                  : 0;
        parts[i % 8] += cell.kind == FI_PHYSICAL_F64   ? cell.as.f64
                        : cell.kind == FI_PHYSICAL_F32 ? (double)cell.as.f32
                                                       : 0;
    }
    double real = ((parts[0] + parts[4]) + (parts[2] + parts[6])) +
                  ((parts[1] + parts[5]) + (parts[3] + parts[7]));
    assert_int_equal(fi_chunk_sum_block(chunk, block, mask, scratch, &sum, &err), FIRN_OK);
    assert_int_equal(sum.count, added);
    assert_true(sum.integer == integer);
    assert_true(sum.real != sum.real ? real != real : sum.real == 0 + real);
}

/* Some values of a block alone are those among all. */
static void
check_list(const struct sample *sample, const struct fi_chunk *chunk, size_t block,
           struct fi_chunk_scratch *scratch, struct test_random *random)
{
    static const uint64_t parts[] = {2, 9, 100};
    firn_error err;
    struct fi_chunk_values values;
    uint64_t wanted[FI_CHUNK_MASK_WORDS] = {0};
    uint16_t rows[FI_CHUNK_BLOCK];
    const size_t count = fi_chunk_block_size(chunk, block);
    const uint64_t part = parts[test_random_below(random, 3)];
    const bool is_one = test_random_below(random, 3) == 0;
    const size_t one = test_random_below(random, count);
    size_t listed = 0;
    for (size_t i = 0; i < count; i++) {
        if (is_one ? i == one
                   : test_random_below(random, part) == 0 || (listed == 0 && i + 1 == count)) {
            rows[listed++] = (uint16_t)i;
            wanted[i / 64] |= UINT64_C(1) << i % 64;
        }
    }
    assert_int_equal(fi_chunk_read_list(chunk, block, rows, listed, wanted, scratch, &values, &err),
                     FIRN_OK);
    assert_int_equal(values.count, listed);
    const struct sample some = {.values = values};
    for (size_t i = 0; i < listed; i++) {
        struct fi_cell cell = sample_cell(&some, i);
        struct fi_cell expected = sample_cell(sample, block * FI_CHUNK_BLOCK + rows[i]);
        assert_same_cell(&cell, &expected);
    }
}

static void
check_block(const struct sample *sample, const struct fi_chunk *chunk, size_t block,
            struct fi_chunk_scratch *scratch, struct test_random *random)
{
    firn_error err;
    struct fi_chunk_values values;
    struct fi_chunk_bounds bounds;
    uint64_t mask[FI_CHUNK_MASK_WORDS] = {0};
    size_t start = block * FI_CHUNK_BLOCK;
    size_t count = fi_chunk_block_size(chunk, block);
    assert_int_equal(fi_chunk_read_block(chunk, block, NULL, scratch, &values, &err), FIRN_OK);
    assert_int_equal(values.count, count);
    assert_int_equal(values.kind, sample->values.kind);
    check_values(sample, start, &values, NULL);
    for (size_t i = 0; i < count; i++) {
        mask[i / 64] |= (uint64_t)(test_random_below(random, 3) == 0) << i % 64;
    }
    assert_int_equal(fi_chunk_read_block(chunk, block, mask, scratch, &values, &err), FIRN_OK);
    check_values(sample, start, &values, mask);
    check_list(sample, chunk, block, scratch, random);
    fi_chunk_block_bounds(chunk, block, &bounds);
    check_bounds(sample, start, count, &bounds);
    check_sum(sample, chunk, block, NULL, scratch);
    check_sum(sample, chunk, block, mask, scratch);
    for (size_t tries = 0; tries < 8; tries++) {
        struct fi_cell cell;
        size_t i = start + (tries == 0   ? 0
                            : tries == 1 ? count - 1
                                         : test_random_below(random, count));
        struct fi_cell expected = sample_cell(sample, i);
        assert_int_equal(fi_chunk_get(chunk, i, scratch, &cell, &err), FIRN_OK);
        assert_same_cell(&cell, &expected);
    }
    check_filters(sample, chunk, block, scratch, random);
}

static void
check_codes(const struct sample *sample, const struct fi_chunk *chunk, size_t block,
            struct fi_chunk_scratch *scratch)
{
    uint32_t codes[FI_CHUNK_BLOCK];
    firn_error err;
    size_t code_count = fi_chunk_code_count(chunk);
    if (code_count == 0) {
        return;
    }
    assert_int_equal(fi_chunk_read_codes(chunk, block, codes, &err), FIRN_OK);
    for (size_t i = 0; i < fi_chunk_block_size(chunk, block); i++) {
        struct fi_cell expected = sample_cell(sample, block * FI_CHUNK_BLOCK + i);
        struct fi_cell cell;
        if (expected.kind == FI_PHYSICAL_NONE) {
            assert_int_equal(codes[i], code_count);
            continue;
        }
        assert_true(codes[i] < code_count);
        assert_int_equal(fi_chunk_code_value(chunk, codes[i], scratch, &cell, &err), FIRN_OK);
        assert_same_cell(&cell, &expected);
    }
}

bool
encoding_check(const struct sample *sample, unsigned encoding, struct test_random *random)
{
    firn_error err;
    struct fi_buf out = {0};
    struct fi_chunk chunk;
    struct fi_chunk_bounds bounds;
    struct fi_chunk_scratch scratch = {0};
    const struct fi_chunk_values *values = &sample->values;
    /* Not at the buffer's start, so that alignments differ. */
    size_t before = test_random_below(random, 9);
    assert_int_equal(fi_buf_set_size(&out, before), FIRN_OK);
    int rc = encoding == 0 ? fi_chunk_encode(values, &out, &bounds, &err)
                           : fi_chunk_encode_as(values, (enum fi_chunk_encoding)encoding, &out,
                                                &bounds, &err);
    if (rc == FIRN_INVALID && encoding != 0) {
        assert_int_equal(out.size, before);
        fi_buf_deinit(&out);
        return false;
    }
    assert_int_equal(rc, FIRN_OK);
    check_bounds(sample, 0, values->count, &bounds);
    /* Of its own size, so that reads beyond it are seen. */
    size_t size = out.size - before;
    uint8_t *memory = malloc(size + before);
    assert_non_null(memory);
    memcpy(memory + before, out.data + before, size);
    fi_buf_deinit(&out);
    assert_int_equal(fi_chunk_open(firn_bytes(memory + before, size), values->kind,
                                   values->fixed_size, (uint32_t)values->count, &chunk, &err),
                     FIRN_OK);
    assert_true(encoding == 0 || chunk.encoding == encoding);
    size_t blocks = fi_chunk_block_count(&chunk);
    assert_int_equal(blocks, (values->count + FI_CHUNK_BLOCK - 1) / FI_CHUNK_BLOCK);
    /* Of many blocks the first, the last, and some. */
    for (size_t block = 0; block < blocks; block++) {
        if (block < 2 || block + 2 >= blocks || test_random_below(random, 16) == 0) {
            check_block(sample, &chunk, block, &scratch, random);
            check_codes(sample, &chunk, block, &scratch);
        }
    }
    fi_chunk_scratch_deinit(&scratch);
    free(memory);
    return true;
}
