/* SPDX-License-Identifier: Apache-2.0
 *
 * codec/cpu.c: detects processor features by CPUID, and system support by XGETBV (Intel's Software
 * Developer's Manual, volume 2, "CPUID" and "XGETBV").
 */
#include "codec/cpu.h"

unsigned fi_cpu_found;

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#include <stdint.h>

/* Leaf 1, ECX. */
enum {
    PCLMUL = 1 << 1,
    FMA = 1 << 12,
    SSE41 = 1 << 19,
    SSE42 = 1 << 20,
    POPCNT = 1 << 23,
    AES = 1 << 25,
    OSXSAVE = 1 << 27,
};
/* Leaf 7, EBX: BMI1 and BMI2; AVX2; SHA; F, DQ, BW and VL of AVX-512. ECX: VAES and VPCLMULQDQ;
 * VNNI. */
static const unsigned bmi = UINT32_C(1) << 3 | UINT32_C(1) << 8;
static const unsigned avx2 = UINT32_C(1) << 5;
static const unsigned sha = UINT32_C(1) << 29;
static const unsigned avx512 =
    UINT32_C(1) << 16 | UINT32_C(1) << 17 | UINT32_C(1) << 30 | UINT32_C(1) << 31;
static const unsigned vaes = UINT32_C(1) << 9 | UINT32_C(1) << 10;
static const unsigned vnni = UINT32_C(1) << 11;
/* What the system saves: registers of SSE and AVX; masks and all registers of AVX-512 as well. */
static const unsigned saved_avx = 0x06;
static const unsigned saved_avx512 = 0xe6;

/* Requires: the processor has XGETBV and the system uses it (OSXSAVE). */
__attribute__((target("xsave"))) static unsigned
get_saved(void)
{
    return (unsigned)_xgetbv(0);
}

static bool
has_all(unsigned word, unsigned bits)
{
    return (word & bits) == bits;
}

__attribute__((constructor)) static void
find(void)
{
    unsigned eax = 0;
    unsigned ebx = 0;
    unsigned ecx = 0;
    unsigned edx = 0;
    if (__get_cpuid(1, &eax, &ebx, &ecx, &edx) == 0) {
        return;
    }
    unsigned found = has_all(ecx, SSE42 | PCLMUL) ? FI_CPU_CRC : 0;
    found |= has_all(ecx, AES | PCLMUL) ? FI_CPU_AES : 0;
    const bool fma = has_all(ecx, FMA | POPCNT);
    const bool sse41 = has_all(ecx, SSE41);
    const unsigned saved = has_all(ecx, OSXSAVE) ? get_saved() : 0;
    if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) != 0) {
        found |= sse41 && has_all(ebx, sha) ? FI_CPU_SHA : 0;
        found |= has_all(ebx, bmi) ? FI_CPU_BMI : 0;
        if (fma && has_all(saved, saved_avx) && has_all(ebx, avx2)) {
            found |= FI_CPU_AVX2;
            if (has_all(saved, saved_avx512) && has_all(ebx, avx512)) {
                found |= FI_CPU_AVX512;
                found |= has_all(ecx, vnni) ? FI_CPU_VNNI : 0;
                found |= has_all(ecx, vaes) ? FI_CPU_VAES : 0;
            }
        }
    }
    fi_cpu_found = found;
}
#endif
