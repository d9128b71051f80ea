/* SPDX-License-Identifier: Apache-2.0
 *
 * codec/cpu.h: the processor's instructions, detected once, when the library is loaded. Any thread.
 *
 * Rooms use this instead of the compiler's __builtin_cpu_supports, which would link 4.5 KB of
 * libgcc.
 */
#ifndef FIRN_CODEC_CPU_H
#define FIRN_CODEC_CPU_H

#include <stdbool.h>

/* Sets of instructions of x86-64. A set counts only if the system saves its registers, too. */
enum fi_cpu_set {
    FI_CPU_CRC = 1,    /* SSE4.2 and PCLMULQDQ */
    FI_CPU_AVX2 = 2,   /* AVX2, FMA and POPCNT */
    FI_CPU_AVX512 = 4, /* AVX-512 F, BW, DQ and VL; AVX2 as above */
    FI_CPU_VNNI = 8,   /* AVX-512 VNNI; AVX512 as above */
    FI_CPU_SHA = 16,   /* SHA and SSE4.1 */
    FI_CPU_AES = 32,   /* AES and PCLMULQDQ */
    FI_CPU_BMI = 64,   /* BMI1 and BMI2 */
    FI_CPU_VAES = 128, /* VAES and VPCLMULQDQ; AVX512 as above */
};

/* The sets that were found: only for fi_cpu_has. Written before main, by a constructor; until
 * then, and on other processors, no set is there, and the portable code serves. */
extern unsigned fi_cpu_found;

static inline bool
fi_cpu_has(enum fi_cpu_set set)
{
    return (fi_cpu_found & (unsigned)set) != 0;
}

#endif
