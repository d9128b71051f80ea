/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/codec: the first hashes of a process may be computed on several threads at once. For the
 * thread sanitizer; a program of its own, because only a process's first hashes are special.
 */
#include <pthread.h>

#include "codec/blake3_hash.h"
#include "support/test.h"

enum { THREADS = 4 };

static pthread_barrier_t start;

static void *
hash_nothing(void *out)
{
    pthread_barrier_wait(&start);
    fi_blake3_hash_of("", 0, out);
    return NULL;
}

static void
the_first_hashes_may_run_side_by_side(void **state)
{
    /* BLAKE3's published test vector for the empty input. */
    static const uint8_t expected[4] = {0xaf, 0x13, 0x49, 0xb9};
    pthread_t threads[THREADS];
    firn_hash hashes[THREADS];
    assert_int_equal(pthread_barrier_init(&start, NULL, THREADS), 0);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, hash_nothing, &hashes[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_memory_equal(hashes[i].bytes, expected, sizeof expected);
    }
    pthread_barrier_destroy(&start);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_hashes_may_run_side_by_side),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
