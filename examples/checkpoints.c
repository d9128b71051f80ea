/* SPDX-License-Identifier: Apache-2.0
 *
 * examples/checkpoints.c: keep a state of the data, change the data, read both states, restore,
 * and undo the restore. Valid C and C++.
 *
 *     cc checkpoints.c $(pkg-config --cflags --libs firn) -o checkpoints && ./checkpoints app.firn
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

/* Prints a price as a snapshot has it, or as it is now where snapshot is NULL. */
static int
print_price(const char *when, firn_keyspace *prices, firn_snapshot *snapshot)
{
    firn_error err;
    uint8_t *value = NULL;
    size_t size = 0;
    int code = snapshot != NULL
                   ? firn_snapshot_get(snapshot, prices, firn_str("tea"), &value, &size, &err)
                   : firn_get(prices, firn_str("tea"), &value, &size, &err);
    if (code != FIRN_OK) {
        return complain("get", &err);
    }
    (void)printf("%s: tea is %.*s\n", when, (int)size, (const char *)value);
    firn_release(value);
    return 0;
}

/* What the checkpoint has, beside what is there now. */
static int
look_back(firn_store *store)
{
    firn_error err;
    firn_snapshot *snapshot = NULL;
    firn_keyspace *prices = NULL;
    firn_snapshot_options options = FIRN_SNAPSHOT_OPTIONS_INIT;
    options.checkpoint = "before-sale";
    if (firn_snapshot_open(store, &options, &snapshot, &err) != FIRN_OK) {
        return complain("snapshot", &err);
    }
    /* A keyspace as the checkpoint has it: it may be gone by now. */
    int failed = firn_snapshot_keyspace_open(snapshot, "prices", &prices, &err) != FIRN_OK
                     ? complain("keyspace", &err)
                     : print_price("before the sale", prices, snapshot);
    firn_snapshot_close(snapshot);
    return failed;
}

static int
print_checkpoint(void *ctx, const firn_store_checkpoint *checkpoint)
{
    (void)ctx;
    (void)printf("checkpoint %d: %s\n", (int)checkpoint->number, checkpoint->name);
    return FIRN_OK;
}

static int
use(firn_store *store)
{
    firn_error err;
    firn_keyspace *prices = NULL;
    firn_store_restore_result report;
    if (firn_keyspace_open(store, "prices", NULL, &prices, &err) != FIRN_OK ||
        firn_put(prices, firn_str("tea"), firn_str("3.20"), NULL, &err) != FIRN_OK) {
        return complain("put", &err);
    }

    /* All keyspaces at once, in a moment, for a store of any size. */
    if (firn_store_checkpoint_create(store, "before-sale", NULL, NULL, &err) != FIRN_OK) {
        return complain("checkpoint", &err);
    }
    if (firn_put(prices, firn_str("tea"), firn_str("2.50"), NULL, &err) != FIRN_OK) {
        return complain("put", &err);
    }
    if (look_back(store) != 0 || print_price("in the sale", prices, NULL) != 0) {
        return 1;
    }

    /* The data are as they were; what they were before is kept too. */
    report.size = sizeof(report);
    if (firn_store_restore(store, "before-sale", &report, &err) != FIRN_OK) {
        return complain("restore", &err);
    }
    if (print_price("restored", prices, NULL) != 0) {
        return 1;
    }
    if (firn_store_undo(store, NULL, &err) != FIRN_OK) {
        return complain("undo", &err);
    }
    if (print_price("undone", prices, NULL) != 0) {
        return 1;
    }
    return firn_store_checkpoint_list(store, NULL, print_checkpoint, NULL, &err) == FIRN_OK
               ? 0
               : complain("list", &err);
}

int
main(int argc, char **argv)
{
    firn_error err;
    firn_store *store = NULL;
    if (argc != 2) {
        (void)fprintf(stderr, "usage: checkpoints STORE\n");
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
