/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/chunk: packed numbers of every width against a computation bit by bit, with and without the
 * processor's wide instructions.
 */
#include "chunk/chunk_bits.h"
#include "chunk/chunk_encoding.h"
#include "support/test.h"
#include "support/test_random.h"

static const size_t counts[] = {1, 2, 31, 32, 33, 63, 64, 65, 1000, 1023, 1024};

/* The bits of a number, as the format's page states where they lie. */
static uint64_t
number_at(const uint8_t *packed, size_t count, unsigned width, size_t i)
{
    uint64_t number = 0;
    size_t bits = width <= 32 ? 32 : 64;
    size_t lanes = 1024 / bits;
    for (unsigned k = 0; k < width; k++) {
        size_t bit = i * width + k;
        if (count == 1024) {
            size_t in_lane = i / lanes * width + k;
            bit = (in_lane / bits * lanes + i % lanes) * bits + in_lane % bits;
        }
        number |= (uint64_t)(packed[bit / 8] >> bit % 8 & 1) << k;
    }
    return number;
}

static void
check_width(struct test_random *random, enum fi_chunk_bits_kernels kernels, size_t count,
            unsigned width)
{
    uint64_t numbers[1024];
    uint64_t out[1024];
    uint64_t mask[16] = {0};
    uint64_t range[16];
    uint64_t base = test_random_next(random);
    uint64_t factors[] = {1, 3, 1000000, UINT64_C(1) << 33, test_random_next(random)};
    size_t size = fi_chunk_bits_size(count, width);
    size_t shift = test_random_below(random, 8);
    uint8_t *memory = malloc(size + shift + 1);
    assert_non_null(memory);
    uint8_t *packed = memory + shift;
    memory[size + shift] = 0x5a;
    assert_int_equal(size, (count * width + 7) / 8);
    fi_chunk_bits_sum128 sums[2] = {0, 0};
    for (size_t i = 0; i < count; i++) {
        uint64_t number = test_random_next(random);
        number = number % 16 == 0 ? UINT64_MAX : number % 16 == 1 ? 0 : number;
        numbers[i] = width == 0 ? 0 : number >> (64 - width);
        bool is_in = test_random_below(random, 2) == 0;
        mask[i / 64] |= (uint64_t)is_in << i % 64;
        sums[0] += numbers[i];
        sums[1] += is_in ? numbers[i] : 0;
    }
    fi_chunk_bits_encode(numbers, count, width, packed);
    assert_int_equal(memory[size + shift], 0x5a);
    for (size_t i = 0; i < count; i++) {
        assert_true(number_at(packed, count, width, i) == numbers[i]);
        assert_true(fi_chunk_bits_get(packed, count, width, i) == numbers[i]);
    }
    uint16_t places[3];
    for (size_t k = 0; k < 3; k++) {
        places[k] = (uint16_t)(k == 2 ? count - 1 : test_random_below(random, count));
    }
    fi_chunk_bits_get_list(packed, count, width, places, 3, base, factors[1], out);
    for (size_t k = 0; k < 3; k++) {
        assert_true(out[k] == base + factors[1] * numbers[places[k]]);
    }
    for (size_t f = 0; f < 5; f++) {
        fi_chunk_bits_decode_with(kernels, packed, count, width, base, factors[f], out);
        for (size_t i = 0; i < count; i++) {
            assert_true(out[i] == base + factors[f] * numbers[i]);
        }
    }
    uint32_t narrow[1024];
    uint64_t most = 0;
    uint64_t said =
        fi_chunk_bits_decode_narrow_with(kernels, packed, count, width, (uint32_t)base, narrow);
    for (size_t i = 0; i < count; i++) {
        most = numbers[i] > most ? numbers[i] : most;
        assert_true(narrow[i] == (uint32_t)(base + numbers[i]));
    }
    assert_true(said == most);
    assert_true(fi_chunk_bits_sum_with(kernels, packed, count, width, NULL) == sums[0]);
    assert_true(fi_chunk_bits_sum_with(kernels, packed, count, width, mask) == sums[1]);
    size_t first = test_random_below(random, count + 1);
    fi_chunk_bits_sum128 sum = 0;
    for (size_t i = 0; i < first; i++) {
        sum += numbers[i];
    }
    assert_true(fi_chunk_bits_sum_first_with(kernels, packed, count, width, first) == sum);
    for (unsigned round = 0; round < 6; round++) {
        uint64_t low = round == 0 ? 0 : numbers[test_random_below(random, count)];
        uint64_t high = round == 1 ? UINT64_MAX : numbers[test_random_below(random, count)];
        low = round == 2 ? UINT64_C(1) << 40 : low;
        high = round == 3 ? low : high;
        if (low > high) {
            uint64_t swap = low;
            low = high;
            high = swap;
        }
        fi_chunk_bits_range_with(kernels, packed, count, width, low, high, range);
        for (size_t i = 0; i < (count + 63) / 64 * 64; i++) {
            bool is_in = i < count && numbers[i] >= low && numbers[i] <= high;
            assert_int_equal(range[i / 64] >> i % 64 & 1, is_in);
        }
    }
    free(memory);
}

static void
packed_numbers_are_as_bit_by_bit(void **state)
{
    struct test_random random;
    test_random_init(&random, "packed", 3);
    for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
        for (unsigned width = 0; width <= 64; width++) {
            for (unsigned kernels = 0; kernels <= fi_chunk_bits_kernels_here(); kernels++) {
                check_width(&random, (enum fi_chunk_bits_kernels)kernels, counts[c], width);
            }
        }
    }
}

static void
bits_of_masks_are_counted(void **state)
{
    struct test_random random;
    test_random_init(&random, "bits_of_masks_are_counted", 19);
    for (unsigned round = 0; round < 2000; round++) {
        uint64_t mask[FI_CHUNK_MASK_WORDS];
        const uint64_t density = test_random_below(&random, 65);
        size_t count = 0;
        memset(mask, 0, sizeof mask);
        for (size_t i = 0; i < FI_CHUNK_BLOCK; i++) {
            const bool is_set = test_random_below(&random, 64) < density;
            mask[i / 64] |= (uint64_t)is_set << i % 64;
            count += is_set;
        }
        assert_int_equal(fi_chunk_mask_count(mask), count);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packed_numbers_are_as_bit_by_bit),
        cmocka_unit_test(bits_of_masks_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
