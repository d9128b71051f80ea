/* SPDX-License-Identifier: Apache-2.0
 *
 * examples/tables.c: a table of typed columns: inserting, changing, finding and walking over rows. Valid C and C++.
 *
 *     cc tables.c $(pkg-config --cflags --libs firn) -o tables && ./tables shop.firn
 */
#include <stdio.h>

#include <firn/firn.h>

/* Every call can fail. After a failure this example skips all calls, and reports the failure at the end. */
#define TRY(call) (code = code == FIRN_OK ? (call) : code)

int
main(int argc, char **argv)
{
    int code = argc == 2 ? FIRN_OK : FIRN_MISUSE;
    firn_error err;
    firn_store *store = NULL;
    firn_table_def *def = NULL;
    firn_table *goods = NULL;
    firn_row *row = NULL;
    firn_table_cursor *cursor = NULL;
    const firn_row *found = NULL;

    TRY(firn_store_open(argv[1], NULL, &store, &err));
    TRY(firn_table_def_parse("id i64 auto primary key, name text not null, price decimal(8, 2), "
                             "index by_price (price)",
                             &def, &err));
    TRY(firn_table_create(store, "goods", def, &goods, &err));
    firn_release(def);
    firn_value tea[] = {firn_null(), firn_text("tea"), firn_typed_i64(FIRN_TYPE_DECIMAL, 320)};
    TRY(firn_table_insert(goods, NULL, tea, 3, &err)); /* a commit; id becomes 1 */
    firn_value milk[] = {firn_null(), firn_text("milk"), firn_typed_i64(FIRN_TYPE_DECIMAL, 115)};
    TRY(firn_table_insert(goods, NULL, milk, 3, &err));

    firn_value key = firn_i64(1);
    TRY(firn_row_create(&row, &err));
    TRY(firn_table_get(goods, NULL, &key, 1, row, &err));
    if (code == FIRN_OK) {
        firn_slice name = firn_row_values(row)[1].as.bytes; /* owned by the row */
        (void)printf("1 is %.*s\n", (int)name.size, (const char *)name.data);
    }

    firn_table_cursor_options options = FIRN_TABLE_CURSOR_OPTIONS_INIT;
    options.read.index = "by_price";
    TRY(firn_table_cursor_open(goods, &options, &cursor, &err));
    while (TRY(firn_table_cursor_next(cursor, &found, &err)) == FIRN_OK && found != NULL) {
        const firn_value *values = firn_row_values(found);
        (void)printf("%.*s: %d cents\n", (int)values[1].as.bytes.size,
                     (const char *)values[1].as.bytes.data, (int)values[2].as.i64);
    }
    firn_table_cursor_close(cursor);
    firn_row_destroy(row);
    if (code != FIRN_OK) {
        (void)fprintf(stderr, "%s\n", argc == 2 ? err.text : "usage: tables STORE");
    }
    return (store == NULL || firn_store_close(store, NULL) == FIRN_OK) && code == FIRN_OK ? 0 : 1;
}
