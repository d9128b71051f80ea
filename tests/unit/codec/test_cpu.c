/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/codec: the sets of instructions that were found are those that the compiler's own library finds.
 */
#include "codec/cpu.h"
#include "support/test.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

static void
it_finds_what_the_compilers_library_finds(void **state)
{
#if defined(__x86_64__)
    const bool crc = __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul");
    const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                      __builtin_cpu_supports("popcnt");
    const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") &&
                        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
                        __builtin_cpu_supports("avx512vl");
    const bool vnni = avx512 && __builtin_cpu_supports("avx512vnni");
    unsigned a = 0;
    unsigned b = 0;
    unsigned c = 0;
    unsigned d = 0; /* compilers have no name for it yet */
    const bool has_leaf = __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0;
    const bool sha = __builtin_cpu_supports("sse4.1") && has_leaf && (b >> 29 & 1) != 0;
    const bool aes = __builtin_cpu_supports("aes") && __builtin_cpu_supports("pclmul");
    const bool bmi = __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
    const bool vaes =
        avx512 && has_leaf && (c & bit_VAES) != 0 && __builtin_cpu_supports("vpclmulqdq");
#else
    const bool crc = false;
    const bool avx2 = false;
    const bool avx512 = false;
    const bool vnni = false;
    const bool sha = false;
    const bool aes = false;
    const bool bmi = false;
    const bool vaes = false;
#endif
    assert_int_equal(fi_cpu_has(FI_CPU_CRC), crc);
    assert_int_equal(fi_cpu_has(FI_CPU_AVX2), avx2);
    assert_int_equal(fi_cpu_has(FI_CPU_AVX512), avx512);
    assert_int_equal(fi_cpu_has(FI_CPU_VNNI), vnni);
    assert_int_equal(fi_cpu_has(FI_CPU_SHA), sha);
    assert_int_equal(fi_cpu_has(FI_CPU_AES), aes);
    assert_int_equal(fi_cpu_has(FI_CPU_BMI), bmi);
    assert_int_equal(fi_cpu_has(FI_CPU_VAES), vaes);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_finds_what_the_compilers_library_finds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
