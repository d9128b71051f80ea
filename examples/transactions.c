/* SPDX-License-Identifier: Apache-2.0
 *
 * examples/transactions.c: a transfer of money, complete or not at all, and only if the balance
 * suffices; then a rule over two keys, which needs serializable transactions. Valid C and
 * C++.
 *
 *     cc transactions.c $(pkg-config --cflags --libs firn) -o transactions && ./transactions app.firn
 */
#include <stdio.h>
#include <stdlib.h>

#include <firn/firn.h>

/* Every call can fail; this is how the example deals with it. */
static int
complain(const char *what, const firn_error *err)
{
    (void)fprintf(stderr, "%s: %s (%s)\n", what, err->text, firn_code_name(err->code));
    return 1;
}

/* ---- a transfer ---- */

struct transfer {
    firn_keyspace *accounts;
    const char *from;
    const char *to;
    long amount;
    int is_refused;
};

/* The balance of an account, 0 where there is none. */
static int
read_balance(firn_txn *txn, firn_keyspace *accounts, const char *name, long *out, firn_error *err)
{
    char text[32];
    uint8_t *value = NULL;
    size_t size = 0;
    int code = firn_txn_get(txn, accounts, firn_str(name), &value, &size, err);
    *out = 0;
    if (code == FIRN_OK) {
        size = size < sizeof text ? size : sizeof text - 1;
        memcpy(text, value, size);
        text[size] = '\0';
        *out = strtol(text, NULL, 10);
        firn_release(value);
    }
    return code == FIRN_NOT_FOUND ? FIRN_OK : code;
}

static int
write_balance(firn_txn *txn, firn_keyspace *accounts, const char *name, long balance,
              firn_error *err)
{
    char text[32];
    (void)snprintf(text, sizeof text, "%ld", balance);
    return firn_txn_put(txn, accounts, firn_str(name), firn_str(text), err);
}

/* Runs again from here after each conflict, so it has no effects but those of the transaction. */
static int
move_money(void *ctx, firn_txn *txn, firn_error *err)
{
    struct transfer *transfer = (struct transfer *)ctx;
    long from = 0;
    long to = 0;
    int code = read_balance(txn, transfer->accounts, transfer->from, &from, err);
    if (code == FIRN_OK) {
        code = read_balance(txn, transfer->accounts, transfer->to, &to, err);
    }
    transfer->is_refused = from < transfer->amount;
    if (code != FIRN_OK || transfer->is_refused) {
        return code; /* nothing was written */
    }
    code = write_balance(txn, transfer->accounts, transfer->from, from - transfer->amount, err);
    if (code == FIRN_OK) {
        code = write_balance(txn, transfer->accounts, transfer->to, to + transfer->amount, err);
    }
    return code;
}

static int
transfer_money(firn_store *store, firn_keyspace *accounts, long amount)
{
    firn_error err;
    struct transfer transfer;
    memset(&transfer, 0, sizeof transfer);
    transfer.accounts = accounts;
    transfer.from = "ada";
    transfer.to = "grace";
    transfer.amount = amount;
    if (firn_txn_run(store, NULL, move_money, &transfer, &err) != FIRN_OK) {
        return complain("transfer", &err);
    }
    (void)printf("%ld from ada to grace: %s\n", amount, transfer.is_refused ? "refused" : "done");
    return 0;
}

/* All balances as they were at one moment, during other transfers. */
static int
print_balances(firn_store *store, firn_keyspace *accounts)
{
    firn_error err;
    firn_txn *txn = NULL;
    firn_cursor *cursor = NULL;
    firn_txn_options options = FIRN_TXN_OPTIONS_INIT;
    options.read_only = true;
    int code = firn_txn_begin(store, &options, &txn, &err);
    if (code == FIRN_OK) {
        code = firn_txn_cursor_open(txn, accounts, NULL, &cursor, &err);
    }
    if (code == FIRN_OK) {
        code = firn_cursor_first(cursor, &err);
    }
    while (code == FIRN_OK && firn_cursor_valid(cursor)) {
        firn_slice name = firn_cursor_key(cursor);
        firn_slice balance = firn_cursor_value(cursor);
        (void)printf("%.*s has %.*s\n", (int)name.size, (const char *)name.data, (int)balance.size,
                     (const char *)balance.data);
        code = firn_cursor_next(cursor, &err);
    }
    firn_cursor_close(cursor);
    firn_txn_close(txn);
    return code == FIRN_OK ? 0 : complain("balances", &err);
}

/* ---- a rule over two keys ---- */

/* One of two must be on call: each looks whether the other one stays before leaving. */
static int
leave(firn_txn *txn, firn_keyspace *on_call, const char *who, const char *other, firn_error *err)
{
    uint8_t *value = NULL;
    size_t size = 0;
    int code = firn_txn_get(txn, on_call, firn_str(other), &value, &size, err);
    firn_release(value);
    return code == FIRN_OK ? firn_txn_delete(txn, on_call, firn_str(who), err) : code;
}

/* Both look before either commits. In snapshot isolation both would leave: they write different
 * keys. Serializable, the second one is told that what it read has changed. */
static int
leave_both(firn_store *store, firn_keyspace *on_call)
{
    firn_error err;
    firn_txn *first = NULL;
    firn_txn *second = NULL;
    firn_txn_options options = FIRN_TXN_OPTIONS_INIT;
    options.isolation = FIRN_ISOLATION_SERIALIZABLE;
    int code = firn_txn_begin(store, &options, &first, &err);
    if (code == FIRN_OK) {
        code = firn_txn_begin(store, &options, &second, &err);
    }
    if (code == FIRN_OK) {
        code = leave(first, on_call, "ada", "grace", &err);
    }
    if (code == FIRN_OK) {
        code = leave(second, on_call, "grace", "ada", &err);
    }
    if (code == FIRN_OK) {
        code = firn_txn_commit(first, NULL, &err);
    }
    if (code == FIRN_OK) {
        code = firn_txn_commit(second, NULL, &err);
    }
    firn_txn_close(first);
    firn_txn_close(second);
    if (code != FIRN_CONFLICT) {
        return code == FIRN_OK ? 1 : complain("on call", &err);
    }
    (void)printf("grace stays: %s\n", err.text);
    return 0;
}

static int
use(firn_store *store)
{
    firn_error err;
    firn_keyspace *accounts = NULL;
    firn_keyspace *on_call = NULL;
    if (firn_keyspace_open(store, "accounts", NULL, &accounts, &err) != FIRN_OK ||
        firn_keyspace_open(store, "on call", NULL, &on_call, &err) != FIRN_OK ||
        firn_put(accounts, firn_str("ada"), firn_str("100"), NULL, &err) != FIRN_OK ||
        firn_delete(accounts, firn_str("grace"), NULL, &err) != FIRN_OK ||
        firn_put(on_call, firn_str("ada"), firn_str("yes"), NULL, &err) != FIRN_OK ||
        firn_put(on_call, firn_str("grace"), firn_str("yes"), NULL, &err) != FIRN_OK) {
        return complain("prepare", &err);
    }
    if (transfer_money(store, accounts, 70) || transfer_money(store, accounts, 70) ||
        print_balances(store, accounts)) {
        return 1;
    }
    return leave_both(store, on_call);
}

int
main(int argc, char **argv)
{
    firn_error err;
    firn_store *store = NULL;
    if (argc != 2) {
        (void)fprintf(stderr, "usage: transactions STORE\n");
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
