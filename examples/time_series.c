/* SPDX-License-Identifier: Apache-2.0
 *
 * examples/time_series.c: measurements by sensor and time, which expire; a range of them; a checkpoint before a bad import,
 * and the restore. Valid C and C++.
 *
 *     cc time_series.c $(pkg-config --cflags --libs firn) -o time_series && ./time_series app.firn
 */
#include <stdio.h>

#include <firn/firn.h>

enum { KEY_SIZE_MAX = 64 };
static const uint64_t day_ms = (uint64_t)24 * 60 * 60 * 1000;
static const uint64_t noon = 1763812800; /* of a day, in seconds */

static int
complain(const char *what, const firn_error *err)
{
    (void)fprintf(stderr, "%s: %s (%s)\n", what, err->text, firn_code_name(err->code));
    return 1;
}

/* The key of a measurement; its bytes are ordered by sensor, then by time. */
static firn_slice
key_of(const char *sensor, uint64_t seconds, uint8_t memory[KEY_SIZE_MAX])
{
    firn_key key = firn_key_in(memory, KEY_SIZE_MAX);
    firn_key_add_text(&key, firn_str(sensor));
    firn_key_add_u64(&key, seconds);
    return firn_key_slice(&key);
}

static int
measure(firn_keyspace *series, const char *sensor, uint64_t seconds, int64_t value, firn_error *err)
{
    uint8_t memory[KEY_SIZE_MAX];
    uint8_t number[8];
    firn_write_options options = FIRN_WRITE_OPTIONS_INIT;
    options.ttl_ms = 90 * day_ms;
    firn_number(value, number);
    return firn_put(series, key_of(sensor, seconds, memory), firn_bytes(number, 8), &options, err);
}

/* Prints what a sensor measured in [from, to). */
static int
print(firn_keyspace *series, const char *sensor, uint64_t from, uint64_t to, firn_error *err)
{
    uint8_t lower[KEY_SIZE_MAX];
    uint8_t upper[KEY_SIZE_MAX];
    firn_cursor *cursor = NULL;
    firn_cursor_options options = FIRN_CURSOR_OPTIONS_INIT;
    options.lower = key_of(sensor, from, lower);
    options.upper = key_of(sensor, to, upper);
    int code = firn_cursor_open(series, &options, &cursor, err);
    code = code == FIRN_OK ? firn_cursor_first(cursor, err) : code;
    (void)printf("%s:", sensor);
    while (code == FIRN_OK && firn_cursor_valid(cursor)) {
        firn_slice value = firn_cursor_value(cursor);
        (void)printf(" %d", (int)firn_number_of(value.data, value.size));
        code = firn_cursor_next(cursor, err);
    }
    (void)printf("\n");
    firn_cursor_close(cursor);
    return code;
}

static int
use(firn_store *store, firn_error *err)
{
    firn_keyspace *series = NULL;
    int code = firn_keyspace_open(store, "series", NULL, &series, err);
    for (uint64_t i = 0; i < 6 && code == FIRN_OK; i++) {
        code = measure(series, "cellar", noon + 60 * i, 12 + (int64_t)i % 2, err);
        code = code == FIRN_OK ? measure(series, "roof", noon + 60 * i, 3 - (int64_t)i, err) : code;
    }
    code = code == FIRN_OK ? print(series, "roof", noon, noon + 300, err) : code;
    if (code == FIRN_OK) {
        code = firn_store_checkpoint_create(store, "before-import", NULL, NULL, err);
    }
    for (uint64_t i = 0; i < 6 && code == FIRN_OK; i++) { /* a sensor that was replaced, badly */
        code = measure(series, "roof", noon + 60 * i, 9999, err);
    }
    code = code == FIRN_OK ? print(series, "roof", noon, noon + 300, err) : code;
    code = code == FIRN_OK ? firn_store_restore(store, "before-import", NULL, err) : code;
    code = code == FIRN_OK ? print(series, "roof", noon, noon + 300, err) : code;
    return code == FIRN_OK ? print(series, "cellar", noon, noon + 120, err) : code;
}

int
main(int argc, char **argv)
{
    firn_error err;
    firn_store *store = NULL;
    if (argc != 2) {
        (void)fprintf(stderr, "usage: time_series STORE\n");
        return 2;
    }
    if (firn_store_open(argv[1], NULL, &store, &err) != FIRN_OK) {
        return complain("open", &err);
    }
    int failed = use(store, &err) != FIRN_OK ? complain("time series", &err) : 0;
    if (firn_store_close(store, &err) != FIRN_OK) {
        return complain("close", &err);
    }
    return failed;
}
