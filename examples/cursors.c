/* SPDX-License-Identifier: Apache-2.0
 *
 * examples/cursors.c: walking keys in order: a range, a prefix, the last few, and an earlier state.
 * Valid C and C++.
 *
 *     cc cursors.c $(pkg-config --cflags --libs firn) -o cursors && ./cursors app.firn
 */
#include <stdio.h>

#include <firn/firn.h>

/* Every call can fail; this is how the example deals with it. */
static int
complain(const char *what, const firn_error *err)
{
    (void)fprintf(stderr, "%s: %s (%s)\n", what, err->text, firn_code_name(err->code));
    return 1;
}

static int
fill(firn_keyspace *tides)
{
    static const char *const rows[][2] = {
        {"brest/2026-11-19T06:10", "6.1 m"},  {"brest/2026-11-19T18:33", "5.9 m"},
        {"brest/2026-11-20T07:01", "6.3 m"},  {"calais/2026-11-19T02:12", "6.0 m"},
        {"calais/2026-11-19T14:37", "6.2 m"},
    };
    firn_error err;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (firn_put(tides, firn_str(rows[i][0]), firn_str(rows[i][1]), NULL, &err) != FIRN_OK) {
            return complain("put", &err);
        }
    }
    return 0;
}

/* What the cursor stands on. Key and value are borrowed until it moves. */
static void
print(const firn_cursor *cursor)
{
    firn_slice key = firn_cursor_key(cursor);
    firn_slice value = firn_cursor_value(cursor);
    (void)printf("  %.*s  %.*s\n", (int)key.size, (const char *)key.data, (int)value.size,
                 (const char *)value.data);
}

/* All that the options let through. */
static int
walk(firn_keyspace *tides, const char *title, const firn_cursor_options *options)
{
    firn_error err;
    firn_cursor *cursor = NULL;
    if (firn_cursor_open(tides, options, &cursor, &err) != FIRN_OK) {
        return complain("cursor", &err);
    }
    (void)printf("%s\n", title);
    int code = firn_cursor_first(cursor, &err);
    while (code == FIRN_OK && firn_cursor_valid(cursor)) {
        print(cursor);
        code = firn_cursor_next(cursor, &err);
    }
    firn_cursor_close(cursor);
    return code == FIRN_OK ? 0 : complain("walk", &err);
}

/* The newest of a place: the last key that begins with its name. */
static int
newest(firn_keyspace *tides, const char *place)
{
    firn_error err;
    firn_cursor *cursor = NULL;
    firn_cursor_options options = FIRN_CURSOR_OPTIONS_INIT;
    options.prefix = firn_str(place);
    if (firn_cursor_open(tides, &options, &cursor, &err) != FIRN_OK) {
        return complain("cursor", &err);
    }
    int code = firn_cursor_last(cursor, &err);
    if (code == FIRN_OK && firn_cursor_valid(cursor)) {
        (void)printf("newest of %s\n", place);
        print(cursor);
    }
    firn_cursor_close(cursor);
    return code == FIRN_OK ? 0 : complain("last", &err);
}

/* A snapshot keeps its state while other commits are made. */
static int
before_and_after(firn_store *store, firn_keyspace *tides)
{
    firn_error err;
    firn_cursor_options options = FIRN_CURSOR_OPTIONS_INIT;
    options.prefix = firn_str("calais/");
    if (firn_snapshot_open(store, NULL, &options.snapshot, &err) != FIRN_OK) {
        return complain("snapshot", &err);
    }
    int failed = 0;
    if (firn_delete_range(tides, firn_str("calais/"), firn_str("calais0"), NULL, &err) != FIRN_OK) {
        failed = complain("delete", &err);
    }
    failed = failed || walk(tides, "calais, in the snapshot", &options);
    firn_snapshot_close(options.snapshot);
    options.snapshot = NULL;
    return failed || walk(tides, "calais, now", &options);
}

static int
use(firn_store *store)
{
    firn_error err;
    firn_keyspace *tides = NULL;
    firn_cursor_options day = FIRN_CURSOR_OPTIONS_INIT;
    if (firn_keyspace_open(store, "tides", NULL, &tides, &err) != FIRN_OK) {
        return complain("keyspace", &err);
    }
    day.lower = firn_str("brest/2026-11-19");
    day.upper = firn_str("brest/2026-11-20"); /* the first that is left out */
    return fill(tides) || walk(tides, "brest, one day", &day) || newest(tides, "brest/") ||
           before_and_after(store, tides);
}

int
main(int argc, char **argv)
{
    firn_error err;
    firn_store *store = NULL;
    if (argc != 2) {
        (void)fprintf(stderr, "usage: cursors STORE\n");
        return 2;
    }
    if (firn_store_open(argv[1], NULL, &store, &err) != FIRN_OK) {
        return complain("open", &err);
    }
    int failed = use(store);
    if (firn_store_close(store, &err) != FIRN_OK) {
        failed = complain("close", &err);
    }
    return failed;
}
