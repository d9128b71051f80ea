/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/crash/full_disk.c: one round on a disk that is full.
 *
 *     full_disk DIR MEMORY VALUE KIND SEED
 *
 * Puts values of VALUE bytes into a store at DIR with MEMORY bytes of memory until the disk is full,
 * deletes (KIND: "range" everything in one range, "each" every key, "other" every other key), compacts
 * three times, and puts one byte. Each of these must succeed. Where KIND ends in "+reopen" the store
 * is closed and opened before the deletes, with "+crash" the process is ended there and a second one
 * goes on: both on the full disk. A kind that ends in "+table" is of a table with an index: there are rows in place
 * of entries, and as many by the index as by the key.
 *
 * The disk may also be full for the program itself: it keeps what it knows in memory, and what a second
 * process must know goes to a pipe.
 *
 * What was acknowledged is there at the end, through this handle and after opening again; what was
 * refused is not. Prints one line: "ok", or what went wrong, and exits with 0 or 1.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <firn/firn.h>

enum {
    KEYS_MAX = 4000000,
    VALUE_MAX = 1 << 20,
    COMPACTIONS = 3,
    COMPRESSIBLE_PART = 2,
    LOOKS_MAX = 9999
};

struct round {
    const char *path;
    uint64_t memory;
    size_t value_size;
    const char *kind;
    uint64_t seed;
    firn_store *store;
    firn_keyspace *keyspace;
    firn_table *table; /* NULL: keys and values */
    firn_row *row;
    uint32_t count; /* of keys that were put */
    uint8_t *is_there;
    uint32_t refused; /* deletes */
};

static _Noreturn void
wrong(const char *what, int rc, const firn_error *err)
{
    (void)printf("%s: %s %s\n", what, firn_code_name(rc), err == NULL ? "" : err->text);
    (void)fflush(stdout);
    _exit(1);
}

/* splitmix64 (Steele and others, 2014). */
static uint64_t
mix(uint64_t n)
{
    uint64_t z = n * 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

/* Keys come in no order. */
static firn_slice
make_key(const struct round *round, uint32_t i, char out[32])
{
    int size = snprintf(out, 32, "k%016" PRIx64, mix(round->seed * KEYS_MAX + i));
    return firn_bytes(out, (size_t)size);
}

/* The first half of a value is random, the rest zeros. */
static firn_slice
make_value(const struct round *round, uint32_t i, uint8_t *out)
{
    memset(out, 0, round->value_size);
    for (size_t at = 0; at < round->value_size / COMPRESSIBLE_PART; at += 8) {
        uint64_t word = mix(round->seed + ((uint64_t)i << 20) + at);
        size_t left = round->value_size - at;
        memcpy(out + at, &word, left < 8 ? left : 8);
    }
    return firn_bytes(out, round->value_size);
}

static bool
is_of_rows(const struct round *round)
{
    return strstr(round->kind, "+table") != NULL;
}

static int
open_table(struct round *round, firn_error *err)
{
    firn_table_def *def;
    int rc = firn_table_open(round->store, "rows", &round->table, err);
    if (rc == FIRN_NOT_FOUND) {
        rc = firn_table_def_parse("id text primary key, n u64, value blob, index by_n (n)", &def,
                                  err);
        if (rc == FIRN_OK) {
            rc = firn_table_create(round->store, "rows", def, &round->table, err);
            firn_release(def);
        }
    }
    return rc;
}

static void
open_store(struct round *round)
{
    firn_error err;
    firn_store_options options = FIRN_STORE_OPTIONS_INIT;
    options.memory_bytes = round->memory;
    options.durability = FIRN_DURABILITY_OS;
    int rc = firn_store_open(round->path, &options, &round->store, &err);
    if (rc != FIRN_OK) {
        wrong("open", rc, &err);
    }
    rc = firn_keyspace_open(round->store, "data", NULL, &round->keyspace, &err);
    if (rc != FIRN_OK) {
        wrong("open the keyspace", rc, &err);
    }
    rc = is_of_rows(round) ? open_table(round, &err) : FIRN_OK;
    if (rc != FIRN_OK) {
        wrong("open the table", rc, &err);
    }
}

static void
close_store(struct round *round)
{
    firn_error err;
    int rc = firn_store_close(round->store, &err);
    if (rc != FIRN_OK) {
        wrong("close", rc, &err);
    }
}

/* ---- keys, or rows ---- */

static int
put_one(const struct round *round, uint32_t i, uint8_t *memory, firn_error *err)
{
    char key[32];
    firn_slice name = make_key(round, i, key);
    firn_slice value = make_value(round, i, memory);
    if (round->table == NULL) {
        return firn_put(round->keyspace, name, value, NULL, err);
    }
    const firn_value row[3] = {firn_text_bytes(name), firn_u64(mix(i) % 1000), firn_blob(value)};
    return firn_table_insert(round->table, NULL, row, 3, err);
}

static int
delete_one(const struct round *round, uint32_t i, firn_error *err)
{
    char key[32];
    firn_slice name = make_key(round, i, key);
    if (round->table == NULL) {
        return firn_delete(round->keyspace, name, NULL, err);
    }
    const firn_value id = firn_text_bytes(name);
    return firn_table_delete(round->table, NULL, &id, 1, err);
}

static int
delete_all(const struct round *round, firn_error *err)
{
    return round->table == NULL
               ? firn_delete_range(round->keyspace, firn_str("k"), firn_str("l"), NULL, err)
               : firn_table_delete_range(round->table, NULL, NULL, NULL, err);
}

/* FIRN_NOT_FOUND; or whether it has the value that it should. */
static int
get_one(const struct round *round, uint32_t i, uint8_t *memory, bool *out_is_right, firn_error *err)
{
    char key[32];
    firn_slice name = make_key(round, i, key);
    firn_slice expected = make_value(round, i, memory);
    firn_slice found = {NULL, 0};
    uint8_t *value = NULL;
    int rc;
    if (round->table == NULL) {
        rc = firn_get(round->keyspace, name, &value, &found.size, err);
        found.data = value;
    } else {
        const firn_value id = firn_text_bytes(name);
        rc = firn_table_get(round->table, NULL, &id, 1, round->row, err);
        if (rc == FIRN_OK) {
            found = firn_row_values(round->row)[2].as.bytes;
        }
    }
    *out_is_right = rc == FIRN_OK && found.size == expected.size &&
                    memcmp(found.data, expected.data, expected.size) == 0;
    firn_release(value);
    return rc;
}

/* How many rows a cursor finds by the key (NULL) or an index. */
static uint32_t
count_rows(const struct round *round, const char *index)
{
    firn_error err;
    firn_table_cursor *cursor = NULL;
    const firn_row *row = NULL;
    uint32_t count = 0;
    firn_table_cursor_options options = FIRN_TABLE_CURSOR_OPTIONS_INIT;
    options.read.index = index;
    int rc = firn_table_cursor_open(round->table, &options, &cursor, &err);
    while (rc == FIRN_OK) {
        rc = firn_table_cursor_next(cursor, &row, &err);
        if (row == NULL) {
            break;
        }
        count++;
    }
    if (rc != FIRN_OK) {
        wrong("walk over all rows", rc, &err);
    }
    firn_table_cursor_close(cursor);
    return count;
}

static void
fill(struct round *round)
{
    static uint8_t value[VALUE_MAX];
    firn_error err;
    int rc = FIRN_OK;
    while (rc == FIRN_OK && round->count < KEYS_MAX) {
        rc = put_one(round, round->count, value, &err);
        if (rc == FIRN_OK) {
            round->is_there[round->count++] = 1;
        }
    }
    if (rc != FIRN_NO_SPACE) {
        wrong("put until the disk is full", rc, &err);
    }
}

/* How many entries a cursor finds. */
static uint32_t
count_entries(const struct round *round)
{
    firn_error err;
    firn_cursor *cursor = NULL;
    uint32_t count = 0;
    if (round->table != NULL) {
        count = count_rows(round, NULL);
        return count_rows(round, "by_n") == count ? count : UINT32_MAX;
    }
    int rc = firn_cursor_open(round->keyspace, NULL, &cursor, &err);
    if (rc == FIRN_OK) {
        rc = firn_cursor_seek(cursor, firn_str("k"), &err);
    }
    while (rc == FIRN_OK && firn_cursor_valid(cursor)) {
        count++;
        rc = firn_cursor_next(cursor, &err);
    }
    if (rc != FIRN_OK) {
        wrong("walk over all", rc, &err);
    }
    firn_cursor_close(cursor);
    return count;
}

/* The number of entries, or of rows and of an index's entries, and so many of them. */
static void
check(const struct round *round)
{
    static uint8_t expected[VALUE_MAX];
    firn_error err;
    bool is_right;
    uint32_t there = 0;
    uint32_t step = round->count / LOOKS_MAX + 1;
    for (uint32_t i = 0; i < round->count; i++) {
        there += round->is_there[i];
    }
    if (count_entries(round) != there) {
        wrong("there are too many entries, or too few", FIRN_OK, NULL);
    }
    for (uint32_t i = 0; i < round->count; i += step) {
        int rc = get_one(round, i, expected, &is_right, &err);
        if (rc != (round->is_there[i] ? FIRN_OK : FIRN_NOT_FOUND)) {
            wrong("get", rc, &err);
        }
        if (rc == FIRN_OK && !is_right) {
            wrong("get: a wrong value", rc, NULL);
        }
    }
}

static void
delete_some(struct round *round)
{
    firn_error err;
    int rc;
    if (strncmp(round->kind, "range", 5) == 0) {
        rc = delete_all(round, &err);
        if (rc != FIRN_OK) {
            wrong("delete a range", rc, &err);
        }
        memset(round->is_there, 0, round->count);
        return;
    }
    uint32_t step = strncmp(round->kind, "other", 5) == 0 ? 2 : 1;
    for (uint32_t i = 0; i < round->count; i += step) {
        rc = delete_one(round, i, &err);
        if (rc != FIRN_OK) {
            (void)printf("delete %" PRIu32 " of %" PRIu32 ", ", i, round->count);
            wrong("refused", rc, &err);
        }
        round->is_there[i] = 0;
    }
}

static void
make_space(struct round *round)
{
    firn_error err;
    delete_some(round);
    int rc = FIRN_OK;
    for (int i = 0; i < COMPACTIONS; i++) {
        rc = firn_store_compact(round->store, NULL, &err);
    }
    if (rc != FIRN_OK) {
        wrong("compact", rc, &err);
    }
    rc = firn_put(round->keyspace, firn_str("a"), firn_str("1"), NULL, &err);
    if (rc != FIRN_OK) {
        wrong("put one byte", rc, &err);
    }
    check(round);
    close_store(round);
    open_store(round);
    check(round);
    rc = firn_put(round->keyspace, firn_str("a"), firn_str("2"), NULL, &err);
    if (rc != FIRN_OK) {
        wrong("put after opening again", rc, &err);
    }
    close_store(round);
}

/* Fills in a process of its own, which ends without closing. */
static void
fill_and_die(struct round *round)
{
    int ends[2];
    if (pipe(ends) != 0) {
        wrong("pipe", FIRN_IO, NULL);
    }
    pid_t child = fork();
    if (child == 0) {
        open_store(round);
        fill(round);
        _exit(write(ends[1], &round->count, sizeof round->count) == sizeof round->count ? 0 : 1);
    }
    int status = 1;
    ssize_t got = child < 0 ? -1 : read(ends[0], &round->count, sizeof round->count);
    if (waitpid(child, &status, 0) < 0 || status != 0 || got != sizeof round->count) {
        _exit(1);
    }
    memset(round->is_there, 1, round->count);
}

int
main(int argc, char **argv)
{
    if (argc != 6) {
        (void)fprintf(stderr, "usage: full_disk DIR MEMORY VALUE KIND SEED\n");
        return 2;
    }
    struct round round = {.path = argv[1],
                          .memory = strtoull(argv[2], NULL, 10),
                          .value_size = strtoull(argv[3], NULL, 10),
                          .kind = argv[4],
                          .seed = strtoull(argv[5], NULL, 10),
                          .is_there = calloc(KEYS_MAX, 1)};
    if (round.value_size > VALUE_MAX || round.is_there == NULL) {
        return 2;
    }
    if (firn_row_create(&round.row, NULL) != FIRN_OK) {
        return 2;
    }
    if (strstr(round.kind, "+crash") != NULL) {
        fill_and_die(&round);
        open_store(&round);
        check(&round);
    } else {
        open_store(&round);
        fill(&round);
    }
    if (strstr(round.kind, "+reopen") != NULL) {
        close_store(&round);
        open_store(&round);
    }
    make_space(&round);
    firn_row_destroy(round.row);
    free(round.is_there);
    (void)printf("ok\n");
    return 0;
}
