/* SPDX-License-Identifier: Apache-2.0
 *
 * support/store/txn_support.h: a store on a machine in memory, and short forms of what tests do with
 * transactions.
 */
#ifndef FIRN_TEST_TXN_SUPPORT_H
#define FIRN_TEST_TXN_SUPPORT_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db_support.h"
#include "txn/txn.h"

struct scene {
    struct db_support support;
    struct firn_db *db;
    struct firn_db_keyspace *k;
};

static struct scene scene;

static const struct fi_txn_options snapshot = {0};
static const struct fi_txn_options serializable = {.is_serializable = true};
static const struct fi_txn_options reading = {.is_read_only = true};

static inline int
set_up(void **state)
{
    db_support_init(&scene.support, 1);
    scene.db = db_support_open(scene.support.dir);
    scene.k = db_support_keyspace(scene.db, "k");
    return 0;
}

static inline int
tear_down(void **state)
{
    firn_error err;
    DB_OK(fi_db_close(scene.db, &err));
    db_support_deinit(&scene.support);
    return 0;
}

/* ---- short forms ---- */

static inline struct firn_txn *
begin(const struct fi_txn_options *options)
{
    firn_error err;
    struct firn_txn *txn;
    DB_OK(fi_txn_begin(scene.db, options, &txn, &err));
    return txn;
}

static inline void
put(struct firn_txn *txn, const char *key, const char *value)
{
    firn_error err;
    DB_OK(fi_txn_put(txn, scene.k, firn_str(key), firn_str(value), &err));
}

static inline void
delete_key(struct firn_txn *txn, const char *key)
{
    firn_error err;
    DB_OK(fi_txn_delete(txn, scene.k, firn_str(key), &err));
}

static inline void
delete_range(struct firn_txn *txn, const char *lower, const char *upper)
{
    firn_error err;
    DB_OK(fi_txn_delete_range(txn, scene.k, firn_str(lower), firn_str(upper), &err));
}

/* The value as text, or NULL where the key is missing; good until the next call. */
static inline const char *
get(struct firn_txn *txn, const char *key)
{
    static char value[64];
    firn_error err;
    struct fi_buf out = {0};
    int rc = fi_txn_get(txn, scene.k, firn_str(key), &out, &err);
    if (rc == FIRN_NOT_FOUND) {
        assert_non_null(strstr(err.text, "no such key in keyspace 'k'"));
        fi_buf_deinit(&out);
        return NULL;
    }
    DB_OK(rc);
    assert_true(out.size < sizeof value);
    memcpy(value, out.data, out.size);
    value[out.size] = '\0';
    fi_buf_deinit(&out);
    return value;
}

static inline struct firn_db_cursor *
open_cursor(struct firn_txn *txn, const struct fi_db_cursor_options *options)
{
    firn_error err;
    struct firn_db_cursor *cursor;
    DB_OK(fi_txn_cursor_open(txn, scene.k, options, &cursor, &err));
    return cursor;
}

/* All "key=value " in order, or backwards. */
static inline const char *
walk(struct firn_txn *txn, bool is_back)
{
    static char text[1024];
    firn_error err;
    int size = 0;
    struct firn_db_cursor *cursor = open_cursor(txn, NULL);
    DB_OK(is_back ? fi_db_cursor_last(cursor, &err) : fi_db_cursor_first(cursor, &err));
    text[0] = '\0';
    while (fi_db_cursor_valid(cursor)) {
        firn_slice key = fi_db_cursor_key(cursor);
        firn_slice value = fi_db_cursor_value(cursor);
        size += snprintf(text + size, sizeof text - (size_t)size, "%.*s=%.*s ", (int)key.size,
                         (const char *)key.data, (int)value.size, (const char *)value.data);
        assert_true((size_t)size < sizeof text);
        DB_OK(is_back ? fi_db_cursor_prev(cursor, &err) : fi_db_cursor_next(cursor, &err));
    }
    fi_db_cursor_close(cursor);
    return text;
}

static inline void
commit(struct firn_txn *txn)
{
    firn_error err;
    DB_OK(fi_txn_commit(txn, FIRN_DURABILITY_DEFAULT, &err));
    fi_txn_close(txn);
}

static inline void
conflicts(struct firn_txn *txn, const char *text)
{
    firn_error err;
    DB_FAILS(fi_txn_commit(txn, FIRN_DURABILITY_DEFAULT, &err), FIRN_CONFLICT, text);
    fi_txn_close(txn);
}

static inline void
rolls_back(struct firn_txn *txn)
{
    firn_error err;
    DB_OK(fi_txn_rollback(txn, &err));
    fi_txn_close(txn);
}

static inline void
assert_value(const char *key, const char *value)
{
    const char *found = db_support_get(scene.k, key);
    if (value == NULL) {
        assert_null(found);
    } else {
        assert_non_null(found);
        assert_string_equal(found, value);
    }
}

static inline bool
equal(const char *found, const char *value)
{
    return found != NULL && strcmp(found, value) == 0;
}

/* What was written lies in memory, in a new run, or in the last level. */
static inline void
settle(int round)
{
    firn_error err;
    if (round == 1) {
        DB_OK(fi_db_maintain_flush(scene.db, &err));
    } else if (round == 2) {
        DB_OK(fi_db_maintain_compact(scene.db, NULL, &err));
    }
}

enum { ROUNDS = 3 };

#define TXN_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
