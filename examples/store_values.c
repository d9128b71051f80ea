/* SPDX-License-Identifier: Apache-2.0
 *
 * examples/store_values.c: counters and texts that grow without being read, and a value that expires. Valid C and C++.
 *
 *     cc store_values.c $(pkg-config --cflags --libs firn) -o store_values && ./store_values app.firn
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

/* One more visit, and what was visited: one commit, and nothing is read for it. */
static int
visit(firn_store *store, firn_keyspace *visits, const char *page)
{
    firn_error err;
    firn_batch *batch = NULL;
    uint8_t one[8];
    firn_number(1, one);
    if (firn_batch_create(&batch, &err) != FIRN_OK) {
        return complain("batch", &err);
    }
    int code = firn_batch_merge(batch, visits, firn_str("count"), FIRN_MERGE_ADD,
                                firn_bytes(one, sizeof one), &err);
    if (code == FIRN_OK) {
        code = firn_batch_merge(batch, visits, firn_str("pages"), FIRN_MERGE_APPEND, firn_str(page),
                                &err);
    }
    if (code == FIRN_OK) {
        code = firn_store_write(store, batch, NULL, &err);
    }
    firn_batch_destroy(batch);
    return code == FIRN_OK ? 0 : complain("visit", &err);
}

static int
print_visits(firn_keyspace *visits)
{
    firn_error err;
    uint8_t *value = NULL;
    size_t size = 0;
    if (firn_get(visits, firn_str("count"), &value, &size, &err) != FIRN_OK) {
        return complain("count", &err);
    }
    (void)printf("%ld visits\n", (long)firn_number_of(value, size));
    firn_release(value);
    if (firn_get(visits, firn_str("pages"), &value, &size, &err) != FIRN_OK) {
        return complain("pages", &err);
    }
    (void)printf("of%.*s\n", (int)size, (const char *)value);
    firn_release(value);
    return 0;
}

/* A session that lasts for an hour. */
static int
begin_session(firn_keyspace *sessions)
{
    firn_error err;
    firn_write_options options = FIRN_WRITE_OPTIONS_INIT;
    options.ttl_ms = 3600 * 1000;
    if (firn_put(sessions, firn_str("k2"), firn_str("ada"), &options, &err) != FIRN_OK) {
        return complain("session", &err);
    }
    (void)printf("a session, for an hour\n");
    return 0;
}

static int
use(firn_store *store)
{
    firn_error err;
    firn_keyspace *visits = NULL;
    firn_keyspace *sessions = NULL;
    if (firn_keyspace_open(store, "visits", NULL, &visits, &err) != FIRN_OK ||
        firn_keyspace_open(store, "sessions", NULL, &sessions, &err) != FIRN_OK) {
        return complain("keyspace", &err);
    }
    int failed = visit(store, visits, " /index") != 0 || visit(store, visits, " /news") != 0;
    return failed || print_visits(visits) != 0 || begin_session(sessions) != 0;
}

int
main(int argc, char **argv)
{
    firn_error err;
    firn_store *store = NULL;
    if (argc != 2) {
        (void)fprintf(stderr, "usage: store_values STORE\n");
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
