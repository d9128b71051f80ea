/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/chunk: values of many shapes in every encoding that can hold them give back what they were,
 * and answer as the plain way does.
 */
#include "support/test_share.h"
#include "unit/chunk/encoding_fixture.h"

static const size_t counts[] = {1, 2, 31, 32, 33, 1023, 1024, 1025, 3000, 65535, 65536};

static void
check_kind(enum fi_physical kind, uint32_t fixed_size, uint64_t seed, const char *name)
{
    const struct test_share share = test_share_of(1, seed);
    const uint64_t skipped = 2 * share.step;
    struct test_random random;
    size_t held[FI_ENCODING_FRONT + 1] = {0};
    test_random_init(&random, name, seed);
    for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
        for (unsigned shape = 0; shape < SAMPLE_SHAPES; shape++) {
            /* Long chunks are checked with one kind of nulls each, the longest, which take most of the time, with
             * every other shape, of which each build has its share. */
            enum sample_nulls only =
                (enum sample_nulls)test_random_below(&random, SAMPLE_NULLS_COUNT);
            for (unsigned nulls = 0; nulls < SAMPLE_NULLS_COUNT; nulls++) {
                struct sample sample;
                if ((counts[c] > 2000 && nulls != only) ||
                    (counts[c] > 60000 && shape % skipped != (2 * share.first + c) % skipped)) {
                    continue;
                }
                sample_make(&sample, &random, kind, fixed_size, shape, (enum sample_nulls)nulls,
                            counts[c]);
                for (unsigned encoding = 0; encoding <= FI_ENCODING_FRONT; encoding++) {
                    held[encoding] += encoding_check(&sample, encoding, &random);
                }
                sample_deinit(&sample);
            }
        }
    }
    for (unsigned encoding = 1; encoding <= FI_ENCODING_FRONT; encoding++) {
        print_message("count: %zu %s chunks %s\n", held[encoding], name,
                      fi_chunk_encoding_name(encoding));
    }
}

static void
signed_integers(void **state)
{
    check_kind(FI_PHYSICAL_I64, 0, 1, "i64");
}

static void
unsigned_integers(void **state)
{
    check_kind(FI_PHYSICAL_U64, 0, 2, "u64");
}

static void
short_reals(void **state)
{
    check_kind(FI_PHYSICAL_F32, 0, 3, "f32");
}

static void
reals(void **state)
{
    check_kind(FI_PHYSICAL_F64, 0, 4, "f64");
}

static void
texts(void **state)
{
    check_kind(FI_PHYSICAL_BYTES, 0, 5, "bytes");
}

static void
bytes_of_one_size(void **state)
{
    check_kind(FI_PHYSICAL_BYTES, 16, 6, "bytes of 16");
    check_kind(FI_PHYSICAL_BYTES, 300, 7, "bytes of 300");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signed_integers), cmocka_unit_test(unsigned_integers),
        cmocka_unit_test(short_reals),     cmocka_unit_test(reals),
        cmocka_unit_test(texts),           cmocka_unit_test(bytes_of_one_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
