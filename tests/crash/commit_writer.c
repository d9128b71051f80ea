/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/crash/commit_writer.c: commits until it is stopped from outside, and judges what is left.
 *
 *     commit_writer write DIR          prints the number of each commit that is durable
 *     commit_writer verify DIR ACKED   ACKED: the last number that was printed
 *
 * What commit n does follows from n alone, so the whole contents of the store after n commits can be
 * computed: `verify` asks the store how many it has, demands that none that was acknowledged is
 * missing, and compares every key of every keyspace with that computation. It prints n.
 *
 * Of 256 commits 64 in a row have large values only, and every other process does not compress: so
 * values lie in value files, and in segments of the log that have become some.
 *
 * Three of four commits are only handed to the kernel; the fourth is durable, and with it all before
 * it (a power cut may lose the others, but only from the end).
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <firn/firn.h>

enum { KEYS = 3000, VALUE_MAX = 3000, LARGE_MIN = 4096, LARGE_MAX = 12000, OPS_MAX = 6 };

struct store {
    firn_store *handle;
    firn_keyspace *data;
    firn_keyspace *state; /* "last" -> the number of the last commit */
};

/* What a key should hold: what commit `by` put, or nothing. */
struct expected {
    uint64_t by;
    uint32_t op;
    bool is_there;
};

static _Noreturn void
die(const char *what, const firn_error *err)
{
    (void)fprintf(stderr, "%s: %s (%s)\n", what, err->text, firn_code_name(err->code));
    exit(1);
}

static _Noreturn void
wrong(const char *what, uint64_t commit)
{
    (void)fprintf(stderr, "after %" PRIu64 " commits: %s\n", commit, what);
    exit(1);
}

/* splitmix64 (Steele and others, 2014): a number that follows from n and i. */
static uint64_t
mix(uint64_t n, uint64_t i)
{
    uint64_t z = n * 0x9e3779b97f4a7c15 + i * 0xd1b54a32d192ed03;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

static uint32_t
op_count(uint64_t n)
{
    return 1 + (uint32_t)(mix(n, 100) % OPS_MAX);
}

static uint32_t
op_key(uint64_t n, uint32_t op)
{
    return (uint32_t)(mix(n, op) % KEYS);
}

/* One commit in 64 deletes a range of keys before it does anything else. */
static bool
range_of(uint64_t n, uint32_t *first, uint32_t *end)
{
    *first = (uint32_t)(mix(n, 400) % KEYS);
    *end = *first + (uint32_t)(mix(n, 401) % 64);
    return mix(n, 402) % 64 == 0;
}

static bool
op_is_delete(uint64_t n, uint32_t op)
{
    return mix(n, op + 200) % 5 == 0;
}

static size_t
op_value(uint64_t n, uint32_t op, uint8_t *out)
{
    uint64_t word = mix(n, op + 300);
    size_t size = word % 16 == 0 ? word % VALUE_MAX : word % 200;
    if (n / 64 % 4 == 3) {
        size = LARGE_MIN + word % (LARGE_MAX - LARGE_MIN);
    }
    for (size_t i = 0; i < size; i++) {
        out[i] = (uint8_t)(word >> (i % 8 * 8)) ^ (uint8_t)(i / 8);
    }
    return size;
}

static firn_slice
key_name(uint32_t key, char name[16])
{
    (void)snprintf(name, 16, "key%06" PRIu32, key);
    return firn_str(name);
}

static void
open_store(const char *path, struct store *out)
{
    firn_error err;
    firn_store_options options = FIRN_STORE_OPTIONS_INIT;
    options.memory_bytes = FIRN_STORE_MEMORY_MIN; /* so that flushes and compactions are many */
    options.compression = getpid() % 2 == 0 ? FIRN_COMPRESSION_NONE : FIRN_COMPRESSION_DEFAULT;
    if (firn_store_open(path, &options, &out->handle, &err) != FIRN_OK ||
        firn_keyspace_open(out->handle, "data", NULL, &out->data, &err) != FIRN_OK ||
        firn_keyspace_open(out->handle, "state", NULL, &out->state, &err) != FIRN_OK) {
        die("open", &err);
    }
}

static uint64_t
read_last(const struct store *store)
{
    firn_error err;
    uint8_t *value = NULL;
    size_t size = 0;
    char text[24] = "";
    int rc = firn_get(store->state, firn_str("last"), &value, &size, &err);
    if (rc == FIRN_NOT_FOUND) {
        return 0;
    }
    if (rc != FIRN_OK || size >= sizeof text) {
        die("get", &err);
    }
    memcpy(text, value, size);
    firn_release(value);
    return strtoull(text, NULL, 10);
}

static void
commit(const struct store *store, firn_batch *batch, uint64_t n)
{
    firn_error err;
    char name[16];
    char last[24];
    uint8_t value[LARGE_MAX];
    int rc = FIRN_OK;
    uint32_t first;
    uint32_t end;
    firn_batch_clear(batch);
    if (range_of(n, &first, &end)) {
        char upper[16];
        rc = firn_batch_delete_range(batch, store->data, key_name(first, name),
                                     key_name(end, upper), &err);
    }
    for (uint32_t op = 0; rc == FIRN_OK && op < op_count(n); op++) {
        firn_slice key = key_name(op_key(n, op), name);
        rc = op_is_delete(n, op) ? firn_batch_delete(batch, store->data, key, &err)
                                 : firn_batch_put(batch, store->data, key,
                                                  firn_bytes(value, op_value(n, op, value)), &err);
    }
    (void)snprintf(last, sizeof last, "%" PRIu64, n);
    firn_write_options options = FIRN_WRITE_OPTIONS_INIT;
    options.durability = n % 4 == 0 ? FIRN_DURABILITY_FULL : FIRN_DURABILITY_OS;
    if (rc != FIRN_OK ||
        firn_batch_put(batch, store->state, firn_str("last"), firn_str(last), &err) != FIRN_OK ||
        firn_write(store->handle, batch, &options, &err) != FIRN_OK) {
        die("commit", &err);
    }
    if (n % 4 == 0) {
        char line[24];
        int size = snprintf(line, sizeof line, "%" PRIu64 "\n", n);
        if (write(STDOUT_FILENO, line, (size_t)size) != size) {
            exit(1);
        }
    }
}

static int
run_writer(const char *path)
{
    firn_error err;
    struct store store;
    firn_batch *batch = NULL;
    open_store(path, &store);
    if (firn_batch_create(&batch, &err) != FIRN_OK) {
        die("batch", &err);
    }
    for (uint64_t n = read_last(&store) + 1;; n++) {
        commit(&store, batch, n);
    }
}

static void
compute(uint64_t last, struct expected *out)
{
    for (uint64_t n = 1; n <= last; n++) {
        uint32_t first;
        uint32_t end;
        if (range_of(n, &first, &end)) {
            memset(out + first, 0, ((end < KEYS ? end : KEYS) - first) * sizeof *out);
        }
        for (uint32_t op = 0; op < op_count(n); op++) {
            out[op_key(n, op)] =
                (struct expected){.by = n, .op = op, .is_there = !op_is_delete(n, op)};
        }
    }
}

static void
compare(const struct store *store, uint64_t last, const struct expected *expected)
{
    firn_error err;
    firn_cursor *cursor = NULL;
    char name[16];
    uint8_t value[LARGE_MAX];
    if (firn_cursor_open(store->data, NULL, &cursor, &err) != FIRN_OK ||
        firn_cursor_first(cursor, &err) != FIRN_OK) {
        die("cursor", &err);
    }
    for (uint32_t key = 0; key < KEYS; key++) {
        if (!expected[key].is_there) {
            continue;
        }
        firn_slice wanted = key_name(key, name);
        firn_slice found = firn_cursor_key(cursor);
        if (!firn_cursor_valid(cursor) || found.size != wanted.size ||
            memcmp(found.data, wanted.data, wanted.size) != 0) {
            wrong("a key is missing, or there that should not be", last);
        }
        size_t size = op_value(expected[key].by, expected[key].op, value);
        found = firn_cursor_value(cursor);
        if (found.size != size || (size > 0 && memcmp(found.data, value, size) != 0)) {
            wrong("a key has a wrong value", last);
        }
        if (firn_cursor_next(cursor, &err) != FIRN_OK) {
            die("next", &err);
        }
    }
    if (firn_cursor_valid(cursor)) {
        wrong("there is a key too many", last);
    }
    firn_cursor_close(cursor);
}

static int
verify(const char *path, uint64_t acknowledged)
{
    firn_error err;
    struct store store;
    firn_store_check_result report = {.size = sizeof report};
    struct expected *expected = calloc(KEYS, sizeof *expected);
    if (expected == NULL) {
        return 1;
    }
    open_store(path, &store);
    uint64_t last = read_last(&store);
    if (last < acknowledged) {
        (void)fprintf(stderr, "commit %" PRIu64 " was acknowledged\n", acknowledged);
        wrong("an acknowledged one is lost", last);
    }
    compute(last, expected);
    compare(&store, last, expected);
    if (firn_store_check(store.handle, NULL, &report, &err) != FIRN_OK) {
        die("check", &err);
    }
    if (firn_store_close(store.handle, &err) != FIRN_OK) {
        die("close", &err);
    }
    (void)printf("%" PRIu64 "\n", last);
    free(expected);
    return 0;
}

int
main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "write") == 0) {
        return run_writer(argv[2]);
    }
    if (argc == 4 && strcmp(argv[1], "verify") == 0) {
        return verify(argv[2], strtoull(argv[3], NULL, 10));
    }
    (void)fprintf(stderr, "usage: commit_writer write DIR | verify DIR ACKNOWLEDGED\n");
    return 2;
}
