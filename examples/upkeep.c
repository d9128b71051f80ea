/* SPDX-License-Identifier: Apache-2.0
 *
 * examples/upkeep.c: walking and joining batches, the size of a range, freeing its space, and destroying a
 * store. Valid C and C++.
 *
 *     cc upkeep.c $(pkg-config --cflags --libs firn) -o upkeep && ./upkeep scratch.firn
 */
#include <stdio.h>

#include <firn/firn.h>

enum { READINGS = 20000 };

/* Every call can fail; this is how the example deals with it. */
static int
complain(const char *what, const firn_error *err)
{
    (void)fprintf(stderr, "%s: %s (%s)\n", what, err->text, firn_code_name(err->code));
    return 1;
}

static firn_slice
key_of(int reading, char out[16])
{
    (void)snprintf(out, 16, "r%06d", reading);
    return firn_str(out);
}

/* What a batch holds, before it is written. All is borrowed until this returns. */
static int
count_puts(void *ctx, const firn_batch_write *write)
{
    *(size_t *)ctx += write->kind == FIRN_BATCH_PUT ? 1 : 0;
    return FIRN_OK;
}

/* Two batches, put together, are one commit. */
static int
write_readings(firn_store *store, firn_keyspace *readings)
{
    firn_error err;
    firn_batch *all = NULL;
    firn_batch *late = NULL;
    size_t puts = 0;
    int code = firn_batch_create(&all, &err);
    if (code == FIRN_OK) {
        code = firn_batch_create(&late, &err);
    }
    for (int i = 0; i < READINGS && code == FIRN_OK; i++) {
        char key[16];
        code = firn_batch_put(i % 2 == 0 ? all : late, readings, key_of(i, key),
                              firn_str("12.5 degrees, wind from the west, some clouds"), &err);
    }
    if (code == FIRN_OK) {
        code = firn_batch_append(all, late, &err);
    }
    if (code == FIRN_OK) {
        code = firn_batch_iterate(all, count_puts, &puts, &err);
    }
    if (code == FIRN_OK) {
        (void)printf("%lu puts in one commit\n", (unsigned long)puts);
        code = firn_store_write(store, all, NULL, &err);
    }
    firn_batch_destroy(all);
    firn_batch_destroy(late);
    return code == FIRN_OK ? 0 : complain("batch", &err);
}

/* The first half is deleted; its space comes back at once where its range is compacted. */
static int
drop_half(firn_store *store, firn_keyspace *readings)
{
    firn_error err;
    char bound[16];
    firn_slice none = firn_bytes(NULL, 0);
    firn_slice middle = key_of(READINGS / 2, bound);
    firn_keyspace_size before;
    firn_keyspace_size after;
    before.size = sizeof before;
    after.size = sizeof after;
    if (firn_store_flush(store, &err) != FIRN_OK ||
        firn_keyspace_approximate_size(readings, none, middle, &before, &err) != FIRN_OK ||
        firn_delete_range(readings, none, middle, NULL, &err) != FIRN_OK ||
        firn_keyspace_compact(readings, none, middle, NULL, &err) != FIRN_OK ||
        firn_keyspace_approximate_size(readings, none, middle, &after, &err) != FIRN_OK) {
        return complain("range", &err);
    }
    (void)printf("the first half: about %lu entries, then %lu\n",
                 (unsigned long)((before.file_entries + 500) / 1000 * 1000),
                 (unsigned long)after.file_entries);
    return 0;
}

int
main(int argc, char **argv)
{
    firn_error err;
    firn_store *store = NULL;
    firn_keyspace *readings = NULL;
    if (argc != 2) {
        (void)fprintf(stderr, "usage: upkeep STORE\n");
        return 2;
    }
    if (firn_store_open(argv[1], NULL, &store, &err) != FIRN_OK) {
        return complain(argv[1], &err);
    }
    int code = 1;
    if (firn_keyspace_open(store, "readings", NULL, &readings, &err) != FIRN_OK) {
        (void)complain("keyspace", &err);
    } else if (write_readings(store, readings) == 0 && drop_half(store, readings) == 0) {
        code = 0;
    }
    if (firn_store_close(store, &err) != FIRN_OK) {
        return complain("close", &err);
    }
    /* For good: there is no way back. */
    if (code == 0 && firn_store_destroy(argv[1], &err) != FIRN_OK) {
        return complain("destroy", &err);
    }
    return code;
}
