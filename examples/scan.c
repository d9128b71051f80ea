/* SPDX-License-Identifier: Apache-2.0
 *
 * examples/scan.c: queries over the rows of a table: filters, computed columns, groups, order. Valid C and C++.
 *
 *     cc scan.c $(pkg-config --cflags --libs firn) -o scan && ./scan shop.firn
 */
#include <stdio.h>

#include <firn/firn.h>

static firn_error err;

static int
fail(void)
{
    fprintf(stderr, "%s\n", err.text);
    return 1;
}

static int
fill(firn_table *table)
{
    static const char *const kinds[] = {"tea", "coffee", "juice"};
    for (int64_t i = 0; i < 30; i++) {
        firn_value row[] = {firn_i64(i), firn_text(kinds[i % 3]), firn_i64(1 + i % 4),
                            firn_typed_i64(FIRN_TYPE_DECIMAL, 199 + i * 10)};
        if (firn_table_upsert(table, NULL, row, 4, &err) != FIRN_OK) {
            return 1;
        }
    }
    return 0;
}

int
main(int argc, char **argv)
{
    firn_store *store = NULL;
    firn_table *table;
    firn_table_def *def = NULL;
    if (argc != 2) {
        fprintf(stderr, "usage: scan STORE\n");
        return 2;
    }
    if (firn_store_open(argv[1], NULL, &store, &err) != FIRN_OK ||
        firn_table_def_parse("id i64 primary key, kind text, pieces i32, price decimal(8, 2)", &def,
                             &err) != FIRN_OK ||
        firn_table_create(store, "sales", def, &table, &err) != FIRN_OK || fill(table) != 0) {
        firn_release(def);
        return fail();
    }
    firn_release(def);

    firn_scan *scan;
    const firn_scan_batch *batch;
    firn_value least = firn_i64(2);
    firn_scan_options options = FIRN_SCAN_OPTIONS_INIT;
    options.select = "kind, count(*), sum(price * pieces) as total";
    options.where = "pieces >= ?";
    options.parameters = &least;
    options.parameter_count = 1;
    options.group_by = "kind";
    options.order_by = "total desc";
    if (firn_scan_open(table, &options, &scan, &err) != FIRN_OK) {
        return fail();
    }
    int code;
    while ((code = firn_scan_next(scan, &batch, &err)) == FIRN_OK && batch != NULL) {
        for (size_t row = 0; row < firn_scan_batch_rows(batch); row++) {
            firn_slice kind = firn_scan_value(batch, 0, row).as.bytes;
            long long count = firn_scan_value(batch, 1, row).as.i64;
            long long total = firn_scan_value(batch, 2, row).as.i64; /* in hundredths */
            printf("%-6.*s %2lld %4lld.%02lld\n", (int)kind.size, (const char *)kind.data, count,
                   total / 100, total % 100);
        }
    }
    firn_scan_close(scan);
    if (code != FIRN_OK || firn_store_close(store, &err) != FIRN_OK) {
        return fail();
    }
    return 0;
}
