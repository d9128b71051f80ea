/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/os: memory for secrets: zeroed before and after, not in swap, core files and children.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bytes.h"
#include "os/os_secret.h"
#include "support/test.h"
#include "support/test_alloc.h"
#include "support/test_ok.h"
#include "support/test_random.h"

static firn_error err;

/* The address sanitizer makes mlock do nothing. */
#if defined(__SANITIZE_ADDRESS__)
#define LOCKS_MEMORY false
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define LOCKS_MEMORY false
#endif
#endif
#ifndef LOCKS_MEMORY
#define LOCKS_MEMORY true
#endif

/* The flags that the kernel has for the mapping of an address ("rd wr mr lo"). */
static void
flags_of(const void *memory, char *out, size_t size)
{
    char line[1024];
    bool is_here = false;
    FILE *maps = fopen("/proc/self/smaps", "r");
    assert_non_null(maps);
    out[0] = '\0';
    while (out[0] == '\0' && fgets(line, sizeof line, maps) != NULL) {
        unsigned long from;
        unsigned long to;
        if (sscanf(line, "%lx-%lx ", &from, &to) == 2) {
            is_here = (uintptr_t)memory >= from && (uintptr_t)memory < to;
        } else if (is_here && strncmp(line, "VmFlags:", 8) == 0) {
            snprintf(out, size, "%.200s", line + 8);
        }
    }
    fclose(maps);
}

static void
the_kernel_keeps_them_in_memory_and_to_this_process(void **state)
{
    void *secret;
    char flags[256];
    struct rlimit limit;
    (void)state;
    OK(fi_os_secret_allocate(32, &secret, &err));
    flags_of(secret, flags, sizeof flags);
    if (strstr(flags, " dd") == NULL || strstr(flags, " wf") == NULL) {
        fail_msg("the kernel knows only:%s", flags);
    }
    assert_int_equal(getrlimit(RLIMIT_MEMLOCK, &limit), 0);
    if (limit.rlim_cur < 1 << 20) {
        puts("SKIPPED: locked memory: the limit of this process is low");
    } else if (LOCKS_MEMORY && strstr(flags, " lo") == NULL) {
        fail_msg("it is not locked:%s", flags);
    }
    fi_os_secret_free(secret);
    flags_of(secret, flags, sizeof flags);
    assert_null(strstr(flags, " dd")); /* unmapped, or something else is there now */
}

static void
blocks_are_zeros_and_apart(void **state)
{
    enum { BLOCKS = 200 };
    struct test_random random;
    uint8_t *blocks[BLOCKS] = {NULL};
    size_t sizes[BLOCKS] = {0};
    (void)state;
    test_random_init(&random, "os_secret", 1);
    test_alloc_install();
    for (size_t step = 0; step < 20000; step++) {
        const size_t i = (size_t)test_random_below(&random, BLOCKS);
        if (blocks[i] != NULL) {
            for (size_t j = 0; j < sizes[i]; j++) {
                assert_int_equal(blocks[i][j], (uint8_t)i);
            }
            fi_os_secret_free(blocks[i]);
            blocks[i] = NULL;
            continue;
        }
        sizes[i] = 1 + (size_t)test_random_below(&random, step % 50 == 0 ? 40000 : 700);
        void *memory;
        OK(fi_os_secret_allocate(sizes[i], &memory, &err));
        assert_int_equal((uintptr_t)memory % FI_OS_SECRET_ALIGNMENT, 0);
        assert_true(fi_bytes_are_zero(memory, sizes[i]));
        blocks[i] = memory;
        memset(blocks[i], (int)i, sizes[i]);
    }
    for (size_t i = 0; i < BLOCKS; i++) {
        fi_os_secret_free(blocks[i]);
    }
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
}

/* Another block keeps the pages mapped, so that they can be looked at. */
static void
a_block_is_wiped_when_it_is_given_back(void **state)
{
    void *kept;
    void *secret;
    (void)state;
    OK(fi_os_secret_allocate(1, &kept, &err));
    OK(fi_os_secret_allocate(1000, &secret, &err));
    memset(secret, 0x5a, 1000);
    fi_os_secret_free(secret);
    assert_true(fi_bytes_are_zero(secret, 1000));
    fi_os_secret_free(kept);
    fi_os_secret_free(NULL);
    uint8_t stack[100];
    memset(stack, 0x5a, sizeof stack);
    fi_os_secret_wipe(stack, sizeof stack);
    assert_true(fi_bytes_are_zero(stack, sizeof stack));
}

enum { LEFT_SIZE = 3000 };

static uintptr_t place; /* on the stack */

__attribute__((noinline)) static void
leave_on_the_stack(void)
{
    volatile uint8_t left[LEFT_SIZE];
    place = (uintptr_t)left;
    for (size_t i = 0; i < sizeof left; i++) {
        left[i] = 0x5a;
    }
}

/* Read by the kernel, since nothing there belongs to this program any more. */
static size_t
count_left(void)
{
    static uint8_t copy[LEFT_SIZE];
    size_t count = 0;
    int memory = open("/proc/self/mem", O_RDONLY);
    assert_int_equal(pread(memory, copy, sizeof copy, (off_t)place), sizeof copy);
    (void)close(memory);
    for (size_t i = 0; i < sizeof copy; i++) {
        count += copy[i] == 0x5a;
    }
    return count;
}

static void
what_calls_left_on_the_stack_is_wiped(void **state)
{
    (void)state;
    leave_on_the_stack();
    (void)count_left(); /* the functions that it calls are found: that takes more stack */
    leave_on_the_stack();
    size_t before = count_left();
    leave_on_the_stack();
    fi_os_secret_wipe_stack();
    assert_true(before > LEFT_SIZE / 2);
    assert_true(count_left() < 16);
}

static void
what_cannot_be_had_is_an_error(void **state)
{
    void *secret = stdout;
    void *kept;
    (void)state;
    test_alloc_install();
    test_alloc_fail_at(1, true);
    FAILS(fi_os_secret_allocate(1, &secret, &err), FIRN_NO_MEMORY, "a key");
    assert_null(secret);
    test_alloc_fail_at(0, false);
    OK(fi_os_secret_allocate(1, &kept, &err));
    test_alloc_fail_at(1, true);
    OK(fi_os_secret_allocate(1000, &secret, &err)); /* in the pages that are there */
    fi_os_secret_free(secret);
    FAILS(fi_os_secret_allocate(FI_OS_SECRET_SIZE_MAX, &secret, &err), FIRN_NO_MEMORY, "a key");
    test_alloc_fail_at(0, false);
    OK(fi_os_secret_allocate(FI_OS_SECRET_SIZE_MAX, &secret, &err));
    fi_os_secret_free(secret);
    fi_os_secret_free(kept);
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
}

/* 0: as it should be. */
static int
look_in_child(uint8_t *secret)
{
    void *own;
    if (!fi_bytes_are_zero(secret, 100)) {
        return 1;
    }
    if (fi_os_secret_allocate(100, &own, &err) != FIRN_OK) {
        return 2;
    }
    char flags[256];
    flags_of(own, flags, sizeof flags);
    if (strstr(flags, " wf") == NULL || ((uintptr_t)own ^ (uintptr_t)secret) >> 14 == 0) {
        return 3;
    }
    fi_os_secret_free(secret);
    fi_os_secret_free(own);
    return 0;
}

static void
a_child_has_none_of_its_parent(void **state)
{
    void *secret;
    int status;
    (void)state;
    OK(fi_os_secret_allocate(100, &secret, &err));
    memset(secret, 0x5a, 100);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        _exit(look_in_child(secret));
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_int_equal(*(uint8_t *)secret, 0x5a);
    fi_os_secret_free(secret);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_kernel_keeps_them_in_memory_and_to_this_process),
        cmocka_unit_test(blocks_are_zeros_and_apart),
        cmocka_unit_test(a_block_is_wiped_when_it_is_given_back),
        cmocka_unit_test(what_calls_left_on_the_stack_is_wiped),
        cmocka_unit_test(what_cannot_be_had_is_an_error),
        cmocka_unit_test(a_child_has_none_of_its_parent),
    };
    return cmocka_run_group_tests_name("os_secret", tests, NULL, NULL);
}
