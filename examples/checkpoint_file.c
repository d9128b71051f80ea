/* SPDX-License-Identifier: Apache-2.0
 *
 * examples/checkpoint_file.c: one state of the data in a single file: written, read in place,
 * and made a store again. Valid C and C++.
 *
 *     cc checkpoint_file.c $(pkg-config --cflags --libs firn) -o checkpoint_file
 *     ./checkpoint_file app.firn app.firnx copy.firn
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

/* Called a few times a second; anything but FIRN_OK would end the export. */
static int
on_progress(void *ctx, const firn_progress *progress)
{
    (void)progress;
    *(unsigned *)ctx += 1;
    return FIRN_OK;
}

static int
write_file(const char *path, const char *file)
{
    firn_error err;
    firn_store *store = NULL;
    firn_keyspace *prices = NULL;
    unsigned calls = 0;
    firn_store_export_options options = FIRN_STORE_EXPORT_OPTIONS_INIT;
    options.replace_existing = true;
    options.callbacks.on_progress = on_progress;
    options.callbacks.ctx = &calls;
    if (firn_store_open(path, NULL, &store, &err) != FIRN_OK) {
        return complain("open", &err);
    }
    int failed = 0;
    if (firn_keyspace_open(store, "prices", NULL, &prices, &err) != FIRN_OK ||
        firn_put(prices, firn_str("tea"), firn_str("3.20"), NULL, &err) != FIRN_OK ||
        firn_store_checkpoint_create(store, "before-sale", NULL, NULL, &err) != FIRN_OK ||
        firn_put(prices, firn_str("tea"), firn_str("2.50"), NULL, &err) != FIRN_OK ||
        firn_store_export(store, "before-sale", file, &options, &err) != FIRN_OK) {
        failed = complain("export", &err);
    }
    if (firn_store_close(store, &err) != FIRN_OK) {
        failed = complain("close", &err);
    }
    return failed;
}

/* A file and a store are read in the same way. */
static int
print_price(const char *path)
{
    firn_error err;
    firn_store *store = NULL;
    firn_keyspace *prices = NULL;
    uint8_t *value = NULL;
    size_t size = 0;
    firn_store_options options = FIRN_STORE_OPTIONS_INIT;
    options.read_only = true;
    if (firn_store_open(path, &options, &store, &err) != FIRN_OK) {
        return complain("open", &err);
    }
    int failed = 0;
    if (firn_keyspace_open(store, "prices", NULL, &prices, &err) != FIRN_OK ||
        firn_get(prices, firn_str("tea"), &value, &size, &err) != FIRN_OK) {
        failed = complain("get", &err);
    } else {
        (void)printf("%s: tea is %.*s\n", path, (int)size, (const char *)value);
    }
    firn_release(value);
    if (firn_store_close(store, &err) != FIRN_OK) {
        failed = complain("close", &err);
    }
    return failed;
}

int
main(int argc, char **argv)
{
    firn_error err;
    firn_store *store = NULL;
    if (argc != 4) {
        (void)fprintf(stderr, "usage: checkpoint_file STORE FILE COPY\n");
        return 2;
    }
    if (write_file(argv[1], argv[2]) != 0 || print_price(argv[1]) != 0 ||
        print_price(argv[2]) != 0) {
        return 1;
    }

    /* Nothing in the file is ever changed. */
    if (firn_store_open(argv[2], NULL, &store, &err) != FIRN_READ_ONLY) {
        return 1;
    }
    if (firn_store_import(argv[2], argv[3], NULL, NULL, &err) != FIRN_OK) {
        return complain("import", &err);
    }
    return print_price(argv[3]);
}
