/* SPDX-License-Identifier: Apache-2.0
 *
 * api/batch_api.c: the public functions of batches.
 */
#include "api/api_check.h"
#include "api/api_handle.h"
#include "api/api_store.h"
#include "firn/store.h"
#include "store/db.h"

int
firn_batch_create(firn_batch **out, firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(out != NULL, err, "out must not be NULL");
    *out = NULL;
    API_OPENS("batch", err);
    int rc = fi_db_batch_create(out, err);
    return fi_api_handle_opened_if(rc, *out, FI_API_HANDLE_BATCH, NULL);
}

void
firn_batch_destroy(firn_batch *batch)
{
    if (fi_api_handle_check(batch, FI_API_HANDLE_BATCH, NULL) == FIRN_OK) {
        fi_api_handle_closing(batch);
        fi_db_batch_destroy(batch);
        fi_api_handle_closed(batch);
    }
}

void
firn_batch_clear(firn_batch *batch)
{
    if (batch != NULL && fi_api_handle_enter(batch, FI_API_HANDLE_BATCH, NULL) == FIRN_OK) {
        fi_db_batch_clear(batch);
        fi_api_handle_leave(batch);
    }
}

size_t
firn_batch_count(const firn_batch *batch)
{
    bool is_open = fi_api_handle_check(batch, FI_API_HANDLE_BATCH, NULL) == FIRN_OK;
    return is_open ? fi_db_batch_count(batch) : 0;
}

size_t
firn_batch_size(const firn_batch *batch)
{
    bool is_open = fi_api_handle_check(batch, FI_API_HANDLE_BATCH, NULL) == FIRN_OK;
    return is_open ? fi_db_batch_size_bytes(batch) : 0;
}

struct batch_visit {
    int (*visit)(void *ctx, const firn_batch_write *write);
    void *ctx;
};

static int
visit_write(void *ctx, const firn_batch_write *write)
{
    const struct batch_visit *visiting = ctx;
    firn_batch_write given = *write;
    given.key = api_check_with_address(given.key);
    given.value = api_check_with_address(given.value);
    return visiting->visit(visiting->ctx, &given);
}

int
firn_batch_iterate(const firn_batch *batch, int (*visit)(void *ctx, const firn_batch_write *write),
                   void *ctx, firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(batch != NULL && visit != NULL, err, "batch and visit must not be NULL");
    API_OPEN(batch, BATCH, err);
    struct batch_visit visiting = {visit, ctx};
    return api_check_told(fi_db_batch_iterate(batch, visit_write, &visiting, err), err);
}

int
firn_batch_append(firn_batch *batch, const firn_batch *from, firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(batch != NULL && from != NULL, err, "batches must not be NULL");
    API_REQUIRE(batch != from, err, "a batch cannot be appended to itself");
    API_OPEN(from, BATCH, err);
    API_ENTER(batch, BATCH, err);
    return fi_api_handle_left(batch, fi_db_batch_append_all(batch, from, err), err);
}

int
firn_batch_put(firn_batch *batch, firn_keyspace *keyspace, firn_slice key, firn_slice value,
               firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(batch != NULL && keyspace != NULL && api_check_is_slice(key) &&
                    api_check_is_slice(value),
                err, "batch, keyspace, key and value must not be NULL");
    API_OPEN(keyspace, KEYSPACE, err);
    API_ENTER(batch, BATCH, err);
    return fi_api_handle_left(batch, fi_db_batch_put(batch, keyspace, key, value, err), err);
}

int
firn_batch_put_ttl(firn_batch *batch, firn_keyspace *keyspace, firn_slice key, firn_slice value,
                   uint64_t ttl_ms, firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(batch != NULL && keyspace != NULL && api_check_is_slice(key) &&
                    api_check_is_slice(value),
                err, "batch, keyspace, key and value must not be NULL");
    API_OPEN(keyspace, KEYSPACE, err);
    API_ENTER(batch, BATCH, err);
    return fi_api_handle_left(batch, fi_db_batch_put_ttl(batch, keyspace, key, value, ttl_ms, err),
                              err);
}

int
firn_batch_merge(firn_batch *batch, firn_keyspace *keyspace, firn_slice key,
                 firn_merge_operator operation, firn_slice operand, firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(batch != NULL && keyspace != NULL && api_check_is_slice(key) &&
                    api_check_is_slice(operand),
                err, "batch, keyspace, key and operand must not be NULL");
    API_OPEN(keyspace, KEYSPACE, err);
    API_ENTER(batch, BATCH, err);
    return fi_api_handle_left(
        batch, fi_db_batch_merge(batch, keyspace, key, operation, operand, err), err);
}

int
firn_batch_delete(firn_batch *batch, firn_keyspace *keyspace, firn_slice key, firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(batch != NULL && keyspace != NULL && api_check_is_slice(key), err,
                "batch, keyspace and key must not be NULL");
    API_OPEN(keyspace, KEYSPACE, err);
    API_ENTER(batch, BATCH, err);
    return fi_api_handle_left(batch, fi_db_batch_delete(batch, keyspace, key, err), err);
}

int
firn_batch_delete_range(firn_batch *batch, firn_keyspace *keyspace, firn_slice lower,
                        firn_slice upper, firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(batch != NULL && keyspace != NULL && api_check_is_slice(lower) &&
                    api_check_is_slice(upper),
                err, "batch, keyspace, lower and upper must not be NULL");
    API_REQUIRE_UPPER(upper, err);
    API_OPEN(keyspace, KEYSPACE, err);
    API_ENTER(batch, BATCH, err);
    return fi_api_handle_left(batch, fi_db_batch_delete_range(batch, keyspace, lower, upper, err),
                              err);
}

int
firn_store_write(firn_store *store, const firn_batch *batch, const firn_write_options *options,
                 firn_error *err)
{
    API_ANY_ERROR(err);
    firn_durability durability;
    API_REQUIRE(store != NULL && batch != NULL, err, "store and batch must not be NULL");
    int rc = api_store_read_write_options(options, &durability, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    API_OPEN(store, STORE, err);
    API_ENTER(batch, BATCH, err);
    rc = fi_db_write(store, batch, durability, err);
    fi_api_handle_leave(batch);
    return api_check_told(rc, err);
}
