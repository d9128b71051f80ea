/* SPDX-License-Identifier: Apache-2.0
 *
 * examples/store_basic.c: put, get, a batch, and a walk over part of the keys. Valid C and C++.
 *
 *     cc store_basic.c $(pkg-config --cflags --libs firn) -o store_basic && ./store_basic app.firn
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
print_years(firn_keyspace *users)
{
    firn_error err;
    firn_cursor *cursor = NULL;
    firn_cursor_options options = FIRN_CURSOR_OPTIONS_INIT;
    options.lower = firn_str("b"); /* from "b" on, before "l" */
    options.upper = firn_str("l");
    if (firn_cursor_open(users, &options, &cursor, &err) != FIRN_OK) {
        return complain("cursor", &err);
    }
    int code = firn_cursor_first(cursor, &err);
    while (code == FIRN_OK && firn_cursor_valid(cursor)) {
        firn_slice key = firn_cursor_key(cursor); /* borrowed until the cursor moves */
        firn_slice value = firn_cursor_value(cursor);
        (void)printf("%.*s was born in %.*s\n", (int)key.size, (const char *)key.data,
                     (int)value.size, (const char *)value.data);
        code = firn_cursor_next(cursor, &err);
    }
    firn_cursor_close(cursor);
    return code == FIRN_OK ? 0 : complain("walk", &err);
}

static int
use(firn_store *store)
{
    firn_error err;
    firn_keyspace *users = NULL;
    firn_batch *batch = NULL;
    uint8_t *value = NULL;
    size_t size = 0;
    int failed = 0;

    /* A keyspace is made when it is opened for the first time. */
    if (firn_keyspace_open(store, "users", NULL, &users, &err) != FIRN_OK) {
        return complain("keyspace", &err);
    }

    /* One commit: on disk when the call returns. */
    if (firn_put(users, firn_str("ada"), firn_str("1815"), NULL, &err) != FIRN_OK) {
        return complain("put", &err);
    }

    /* Several writes, all or nothing. */
    if (firn_batch_create(&batch, &err) != FIRN_OK) {
        return complain("batch", &err);
    }
    if (firn_batch_put(batch, users, firn_str("grace"), firn_str("1906"), &err) != FIRN_OK ||
        firn_batch_put(batch, users, firn_str("edsger"), firn_str("1930"), &err) != FIRN_OK ||
        firn_batch_put(batch, users, firn_str("tony"), firn_str("1934"), &err) != FIRN_OK ||
        firn_store_write(store, batch, NULL, &err) != FIRN_OK) {
        failed = complain("write", &err);
    }
    firn_batch_destroy(batch);
    if (failed) {
        return failed;
    }

    /* What get returns is a copy of yours. */
    if (firn_get(users, firn_str("ada"), &value, &size, &err) != FIRN_OK) {
        return complain("get", &err);
    }
    (void)printf("ada was born in %.*s\n", (int)size, (const char *)value);
    firn_release(value);

    /* "Not found" is an answer. */
    int code = firn_get(users, firn_str("nobody"), &value, &size, &err);
    if (code != FIRN_NOT_FOUND) {
        return complain("get nobody", &err);
    }

    /* Many keys at once, all of the same state. */
    const firn_slice names[] = {firn_str("grace"), firn_str("nobody"), firn_str("tony")};
    uint8_t *got[3];
    size_t got_sizes[3];
    if (firn_get_many(users, NULL, names, 3, got, got_sizes, &err) != FIRN_OK) {
        return complain("get many", &err);
    }
    for (int i = 0; i < 3; i++) {
        failed |= (got[i] != NULL) != (i != 1);
        firn_release(got[i]);
    }
    if (failed) {
        return failed;
    }
    return print_years(users);
}

int
main(int argc, char **argv)
{
    firn_error err;
    firn_store *store = NULL;
    if (argc != 2) {
        (void)fprintf(stderr, "usage: store_basic STORE\n");
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
