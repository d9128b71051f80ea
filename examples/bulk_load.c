/* SPDX-License-Identifier: Apache-2.0
 *
 * examples/bulk_load.c: many entries in any order as one commit, with progress and a way to cancel; then a
 * compaction. Valid C and C++.
 *
 *     cc compaction_load.c $(pkg-config --cflags --libs firn) -o bulk_load && ./bulk_load app.firn
 */
#include <stdio.h>

#include <firn/firn.h>

enum { ENTRIES = 200000 };

/* Every call can fail; this is how the example deals with it. */
static int
complain(const char *what, const firn_error *err)
{
    (void)fprintf(stderr, "%s: %s (%s)\n", what, err->text, firn_code_name(err->code));
    return 1;
}

/* Called a few times a second while firn works. A program with a window would draw a bar and look whether somebody has
 * pressed a button; any return but FIRN_OK ends the work. */
static int
watch(void *ctx, const firn_progress *progress)
{
    int *calls = (int *)ctx;
    (void)progress; /* what it does, and how far it has come */
    *calls += 1;
    return FIRN_OK;
}

/* The i-th key of an order that is none: 0x9e3779b1 is odd, so no two are the same. */
static int
put(firn_bulk *bulk, uint32_t i, firn_error *err)
{
    char key[16];
    char value[32];
    (void)snprintf(key, sizeof key, "%08x", (unsigned)(i * 0x9e3779b1u));
    (void)snprintf(value, sizeof value, "entry %u", (unsigned)i);
    return firn_bulk_put(bulk, firn_str(key), firn_str(value), err);
}

static int
load(firn_keyspace *entries, int *calls)
{
    firn_error err;
    firn_bulk *bulk = NULL;
    firn_bulk_options options = FIRN_BULK_OPTIONS_INIT;
    options.unsorted = true; /* keys that ascend need less work */
    options.callbacks.on_progress = watch;
    options.callbacks.ctx = calls;
    if (firn_bulk_open(entries, &options, &bulk, &err) != FIRN_OK) {
        return complain("load", &err);
    }
    int code = FIRN_OK;
    for (uint32_t i = 0; i < ENTRIES && code == FIRN_OK; i++) {
        code = put(bulk, i, &err);
    }
    if (code == FIRN_OK) {
        code = firn_bulk_commit(bulk, &err); /* all of them, on disk; or none */
    }
    firn_bulk_close(bulk);
    return code == FIRN_OK ? 0 : complain("load", &err);
}

static int
print_one(firn_keyspace *entries)
{
    firn_error err;
    uint8_t *value = NULL;
    size_t size = 0;
    if (firn_get(entries, firn_str("9e3779b1"), &value, &size, &err) != FIRN_OK) {
        return complain("get", &err);
    }
    (void)printf("9e3779b1 is %.*s\n", (int)size, (const char *)value);
    firn_release(value);
    return 0;
}

static int
use(firn_store *store)
{
    firn_error err;
    firn_keyspace *entries = NULL;
    firn_store_maintenance_options options = FIRN_STORE_MAINTENANCE_OPTIONS_INIT;
    int calls = 0;
    if (firn_keyspace_open(store, "entries", NULL, &entries, &err) != FIRN_OK) {
        return complain("keyspace", &err);
    }
    if (load(entries, &calls) != 0 || print_one(entries) != 0) {
        return 1;
    }
    options.callbacks.on_progress = watch;
    options.callbacks.ctx = &calls;
    if (firn_store_compact(store, &options, &err) != FIRN_OK) {
        return complain("compact", &err);
    }
    (void)printf("%s\n", calls > 0 ? "told how far it was" : "told nothing");
    return 0;
}

int
main(int argc, char **argv)
{
    firn_error err;
    firn_store *store = NULL;
    if (argc != 2) {
        (void)fprintf(stderr, "usage: bulk_load STORE\n");
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
