/* SPDX-License-Identifier: Apache-2.0
 *
 * get_in_c STORE COUNT: the same gets as bench/compare.py makes, as calls in C: nanoseconds for each, in the fastest of many rounds.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <firn/firn.h>

static double
seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

int
main(int argc, char **argv)
{
    firn_error err;
    firn_store *store = NULL;
    firn_keyspace *keyspace = NULL;
    unsigned long count = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;
    if (count == 0 || firn_store_open(argv[1], NULL, &store, &err) != FIRN_OK ||
        firn_keyspace_open(store, "bench", NULL, &keyspace, &err) != FIRN_OK) {
        (void)fprintf(stderr, "get_in_c STORE COUNT: %s\n", count > 0 ? err.text : "usage");
        return 1;
    }
    double best = 1e9;
    double best_empty = 1e9;
    unsigned long rounds = 5 + 5000000 / count;
    for (unsigned long round = 0; round < rounds; round++) {
        double begun = seconds();
        for (unsigned long i = 0; i < count; i++) {
            char key[32];
            uint8_t value[4096];
            size_t size;
            (void)snprintf(key, sizeof key, "k%08lu", (i * 7919) % count);
            if (firn_get_into(keyspace, firn_bytes(key, 9), value, sizeof value, &size, &err) !=
                FIRN_OK) {
                (void)fprintf(stderr, "%s\n", err.text);
                return 1;
            }
        }
        double middle = seconds();
        for (unsigned long i = 0; i < count; i++) { /* what the loop costs without the call */
            char key[32];
            (void)snprintf(key, sizeof key, "k%08lu", (i * 7919) % count);
            __asm__ volatile("" : : "r"(key) : "memory");
        }
        double end = seconds();
        best = middle - begun < best ? middle - begun : best;
        best_empty = end - middle < best_empty ? end - middle : best_empty;
    }
    (void)printf("%.0f\n", (best - best_empty) / (double)count * 1e9);
    return firn_store_close(store, &err) == FIRN_OK ? 0 : 1;
}
