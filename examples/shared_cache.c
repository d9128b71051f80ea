/* SPDX-License-Identifier: Apache-2.0
 *
 * examples/shared_cache.c: a cache in memory that threads share: a value is read into the caller's buffer, computed by one thread
 * where it is missing, and expires; hits are counted without reading. Valid C and C++.
 *
 *     cc shared_cache.c $(pkg-config --cflags --libs firn) -pthread -o shared_cache && ./shared_cache
 */
#include <pthread.h>
#include <stdio.h>

#include <firn/firn.h>

enum { THREADS = 4, LOOKS = 1000, THINGS = 50, VALUE_SIZE_MAX = 32 };

struct cache {
    firn_keyspace *values;
    firn_keyspace *counts;
};

static int
complain(const char *what, const firn_error *err)
{
    (void)fprintf(stderr, "%s: %s (%s)\n", what, err->text, firn_code_name(err->code));
    return 1;
}

static int
count(struct cache *cache, const char *what, firn_error *err)
{
    uint8_t one[8];
    firn_number(1, one);
    return firn_merge(cache->counts, firn_str(what), FIRN_MERGE_ADD, firn_bytes(one, 8), NULL, err);
}

/* The value of a thing, from the cache or computed, in `value`. */
static int
look_up(struct cache *cache, unsigned thing, char *value, size_t *size, firn_error *err)
{
    uint8_t memory[8];
    firn_key key = firn_key_in(memory, sizeof memory);
    firn_key_add_u64(&key, thing);
    int code = firn_get_into(cache->values, firn_key_slice(&key), value, VALUE_SIZE_MAX, size, err);
    if (code != FIRN_NOT_FOUND) {
        return code == FIRN_OK ? count(cache, "hits", err) : code;
    }
    firn_write_options options = FIRN_WRITE_OPTIONS_INIT;
    options.ttl_ms = 60000;                                                 /* a minute */
    *size = (size_t)snprintf(value, VALUE_SIZE_MAX, "the thing %u", thing); /* this is slow */
    code =
        firn_insert(cache->values, firn_key_slice(&key), firn_bytes(value, *size), &options, err);
    if (code == FIRN_EXISTS) { /* another thread was faster */
        return count(cache, "computed in vain", err);
    }
    return code == FIRN_OK ? count(cache, "computed", err) : code;
}

/* A thread; NULL if all went well. */
static void *
look(void *ctx)
{
    struct cache *cache = (struct cache *)ctx;
    firn_error err;
    for (unsigned i = 0; i < LOOKS; i++) {
        char value[VALUE_SIZE_MAX];
        char expected[VALUE_SIZE_MAX];
        size_t size = 0;
        (void)snprintf(expected, sizeof expected, "the thing %u", i % THINGS);
        if (look_up(cache, i % THINGS, value, &size, &err) != FIRN_OK) {
            (void)complain("cache", &err);
            return ctx;
        }
        if (size != strlen(expected) || memcmp(value, expected, size) != 0) {
            return ctx;
        }
    }
    return NULL;
}

static int64_t
counted(struct cache *cache, const char *what)
{
    uint8_t number[8];
    size_t size = 0;
    firn_error err;
    int code = firn_get_into(cache->counts, firn_str(what), number, sizeof number, &size, &err);
    return code == FIRN_OK ? firn_number_of(number, size) : 0;
}

int
main(void)
{
    firn_error err;
    firn_store *store = NULL;
    struct cache cache = {NULL, NULL};
    pthread_t threads[THREADS];
    int started = 0;
    int failed = 0;
    if (firn_store_open_memory((uint64_t)64 << 20, NULL, &store, &err) != FIRN_OK ||
        firn_keyspace_open(store, "values", NULL, &cache.values, &err) != FIRN_OK ||
        firn_keyspace_open(store, "counts", NULL, &cache.counts, &err) != FIRN_OK) {
        return complain("open", &err);
    }
    while (started < THREADS && pthread_create(&threads[started], NULL, look, &cache) == 0) {
        started++;
    }
    for (int i = 0; i < started; i++) {
        void *result = NULL;
        (void)pthread_join(threads[i], &result);
        failed = result != NULL ? 1 : failed;
    }
    int64_t all =
        counted(&cache, "hits") + counted(&cache, "computed") + counted(&cache, "computed in vain");
    (void)printf("%d things computed, %d of %d looks were answered\n",
                 (int)counted(&cache, "computed"), (int)all, started * LOOKS);
    if (firn_store_close(store, &err) != FIRN_OK) {
        return complain("close", &err);
    }
    return failed;
}
