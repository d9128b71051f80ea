/* SPDX-License-Identifier: Apache-2.0
 *
 * contend_access.c: what code that is compiled with -fsanitize=thread calls at each access to
 * memory, in place of the sanitizer's own library.
 *
 * The compiler puts these calls before plain accesses, and in place of atomic ones, which are done
 * here. It leaves out variables that no other thread can see. Functions of the C library that copy
 * or compare are wrapped (CMakeLists.txt). Not seen are: other functions of libraries, what the
 * allocator does inside, and accesses that the compiler makes after its instrumentation.
 */
#include <string.h>

#include "contend.h"

#pragma GCC diagnostic ignored "-Wmissing-prototypes"

#define HERE __builtin_return_address(0)

void
__tsan_init(void)
{
}

void
__tsan_func_entry(void *caller)
{
    contend_turns_enter(caller);
}

void
__tsan_func_exit(void)
{
    contend_turns_leave();
}

#define PLAIN(size)                                          \
    void __tsan_read##size(void *at)                         \
    {                                                        \
        contend_turns_access(at, size, CONTEND_READ, HERE);  \
    }                                                        \
    void __tsan_write##size(void *at)                        \
    {                                                        \
        contend_turns_access(at, size, CONTEND_WRITE, HERE); \
    }                                                        \
    void __tsan_unaligned_read##size(void *at)               \
    {                                                        \
        contend_turns_access(at, size, CONTEND_READ, HERE);  \
    }                                                        \
    void __tsan_unaligned_write##size(void *at)              \
    {                                                        \
        contend_turns_access(at, size, CONTEND_WRITE, HERE); \
    }
PLAIN(1)
PLAIN(2)
PLAIN(4)
PLAIN(8)
PLAIN(16)

void
__tsan_read_range(void *at, size_t size)
{
    contend_turns_access(at, size, CONTEND_READ, HERE);
}

void
__tsan_write_range(void *at, size_t size)
{
    contend_turns_access(at, size, CONTEND_WRITE, HERE);
}

/* The orders are those of the strongest: turns order everything anyway. */
#define WORD(bits) uint##bits##_t
#define CHANGE(bits, name)                                                                    \
    WORD(bits)                                                                                \
    __tsan_atomic##bits##_fetch_##name(volatile WORD(bits) * at, WORD(bits) value, int order) \
    {                                                                                         \
        (void)order;                                                                          \
        contend_turns_access((const void *)(uintptr_t)at, sizeof *at, CONTEND_LOCKED, HERE);  \
        return __atomic_fetch_##name(at, value, __ATOMIC_SEQ_CST);                            \
    }
#define EXCHANGE(bits, name)                                                                       \
    int __tsan_atomic##bits##_compare_exchange_##name(volatile WORD(bits) * at, WORD(bits) * seen, \
                                                      WORD(bits) value, int order, int failed)     \
    {                                                                                              \
        (void)order;                                                                               \
        (void)failed;                                                                              \
        contend_turns_access((const void *)(uintptr_t)at, sizeof *at, CONTEND_LOCKED, HERE);       \
        return __atomic_compare_exchange_n(at, seen, value, 0, __ATOMIC_SEQ_CST,                   \
                                           __ATOMIC_SEQ_CST);                                      \
    }
#define ATOMIC(bits)                                                                         \
    WORD(bits) __tsan_atomic##bits##_load(const volatile WORD(bits) * at, int order)         \
    {                                                                                        \
        (void)order;                                                                         \
        contend_turns_access((const void *)(uintptr_t)at, sizeof *at, CONTEND_READ, HERE);   \
        return __atomic_load_n(at, __ATOMIC_SEQ_CST);                                        \
    }                                                                                        \
    void __tsan_atomic##bits##_store(volatile WORD(bits) * at, WORD(bits) value, int order)  \
    {                                                                                        \
        (void)order;                                                                         \
        contend_turns_access((const void *)(uintptr_t)at, sizeof *at, CONTEND_WRITE, HERE);  \
        __atomic_store_n(at, value, __ATOMIC_SEQ_CST);                                       \
    }                                                                                        \
    WORD(bits)                                                                               \
    __tsan_atomic##bits##_exchange(volatile WORD(bits) * at, WORD(bits) value, int order)    \
    {                                                                                        \
        (void)order;                                                                         \
        contend_turns_access((const void *)(uintptr_t)at, sizeof *at, CONTEND_LOCKED, HERE); \
        return __atomic_exchange_n(at, value, __ATOMIC_SEQ_CST);                             \
    }                                                                                        \
    CHANGE(bits, add)                                                                        \
    CHANGE(bits, sub)                                                                        \
    CHANGE(bits, and)                                                                        \
    CHANGE(bits, or)                                                                         \
    CHANGE(bits, xor)                                                                        \
    EXCHANGE(bits, strong)                                                                   \
    EXCHANGE(bits, weak)
ATOMIC(8)
ATOMIC(16)
ATOMIC(32)
ATOMIC(64)

void
__tsan_atomic_thread_fence(int order)
{
    (void)order;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

void
__tsan_atomic_signal_fence(int order)
{
    (void)order;
}

/* ---- copies and comparisons ---- */

void *__real_memcpy(void *to, const void *from, size_t size);
void *__real_memmove(void *to, const void *from, size_t size);
void *__real_memset(void *to, int byte, size_t size);
int __real_memcmp(const void *a, const void *b, size_t size);

void *
__wrap_memcpy(void *to, const void *from, size_t size)
{
    contend_turns_access(from, size, CONTEND_READ, HERE);
    contend_turns_access(to, size, CONTEND_WRITE, HERE);
    return __real_memcpy(to, from, size);
}

void *
__wrap_memmove(void *to, const void *from, size_t size)
{
    contend_turns_access(from, size, CONTEND_READ, HERE);
    contend_turns_access(to, size, CONTEND_WRITE, HERE);
    return __real_memmove(to, from, size);
}

void *
__wrap_memset(void *to, int byte, size_t size)
{
    contend_turns_access(to, size, CONTEND_WRITE, HERE);
    return __real_memset(to, byte, size);
}

int
__wrap_memcmp(const void *a, const void *b, size_t size)
{
    contend_turns_access(a, size, CONTEND_READ, HERE);
    contend_turns_access(b, size, CONTEND_READ, HERE);
    return __real_memcmp(a, b, size);
}
