/* SPDX-License-Identifier: Apache-2.0
 *
 * examples/structs.c: rows as structs, and a number that many threads may add to. Valid C and C++.
 *
 *     cc structs.c $(pkg-config --cflags --libs firn) -o structs && ./structs shop.firn
 */
#include <stddef.h>
#include <stdio.h>

#include <firn/firn.h>

struct item {
    int32_t id;
    bool has_no_price;
    int64_t price; /* in cents */
    uint16_t stock;
    firn_slice name;
};
static const firn_struct_member members[] = {
    {"id", offsetof(struct item, id), FIRN_TYPE_I32, FIRN_STRUCT_NEVER_NULL},
    {"price", offsetof(struct item, price), FIRN_TYPE_DECIMAL, offsetof(struct item, has_no_price)},
    {"stock", offsetof(struct item, stock), FIRN_TYPE_U16, FIRN_STRUCT_NEVER_NULL},
    {"name", offsetof(struct item, name), FIRN_TYPE_TEXT, FIRN_STRUCT_NEVER_NULL}};
static const firn_struct_layout layout = FIRN_STRUCT_LAYOUT(struct item, members);

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
    struct item tea = {1, false, 320, 10, firn_str("tea")}, got;
    const firn_value id = firn_i64(1);

    TRY(firn_store_open(argv[1], NULL, &store, &err));
    TRY(firn_table_def_parse("id i32 primary key, name text, price decimal(8, 2), stock u16", &def,
                             &err));
    TRY(firn_table_create(store, "goods", def, &goods, &err));
    firn_release(def);
    TRY(firn_row_create(&row, &err));
    TRY(firn_table_insert_struct(goods, NULL, &layout, &tea, &err));
    TRY(firn_table_add_number(goods, NULL, &id, 1, "stock", firn_i64(-3), NULL, &err));
    if (TRY(firn_table_get_struct(goods, NULL, &id, 1, &layout, row, &got, &err)) == FIRN_OK) {
        (void)printf("%d %.*s: %d cents, %d left\n", (int)got.id, (int)got.name.size,
                     (const char *)got.name.data, (int)got.price, got.stock);
    }
    firn_row_destroy(row);
    if (code != FIRN_OK) {
        (void)fprintf(stderr, "%s\n", argc == 2 ? err.text : "usage: structs STORE");
    }
    return (store == NULL || firn_store_close(store, NULL) == FIRN_OK) && code == FIRN_OK ? 0 : 1;
}
