/* SPDX-License-Identifier: Apache-2.0
 *
 * api/key_api.c: the public functions that read or write one key, or some, outside of transactions:
 * arguments are checked here, everything else is in store/.
 */
#include "api/api_check.h"
#include "api/api_handle.h"
#include "api/api_options.h"
#include "api/api_store.h"
#include "base/buf.h"
#include "firn/store.h"
#include "store/db.h"
#include "txn/txn.h"

int
firn_put(firn_keyspace *keyspace, firn_slice key, firn_slice value,
         const firn_write_options *options, firn_error *err)
{
    API_ANY_ERROR(err);
    firn_write_options given;
    API_REQUIRE(keyspace != NULL && api_check_is_slice(key) && api_check_is_slice(value), err,
                "keyspace, key and value must not be NULL");
    API_OPEN(keyspace, KEYSPACE, err);
    int rc = api_store_read_put_options(options, &given, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    rc = fi_db_put_ttl(keyspace, key, value, given.ttl_ms, given.durability, err);
    return api_check_told(rc, err);
}

/* expected NULL: there must be no value. */
static int
put_if(firn_keyspace *keyspace, firn_slice key, const firn_slice *expected, firn_slice value,
       const firn_write_options *options, firn_error *err)
{
    firn_write_options given;
    API_REQUIRE(keyspace != NULL && api_check_is_slice(key) && api_check_is_slice(value), err,
                "keyspace, key and value must not be NULL");
    API_OPEN(keyspace, KEYSPACE, err);
    int rc = api_store_read_put_options(options, &given, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    const struct fi_txn_run_put_if what = {.key = key,
                                           .expected = expected,
                                           .value = value,
                                           .ttl_ms = given.ttl_ms,
                                           .durability = given.durability};
    return fi_txn_run_put_if(keyspace, &what, err);
}

int
firn_insert(firn_keyspace *keyspace, firn_slice key, firn_slice value,
            const firn_write_options *options, firn_error *err)
{
    API_ANY_ERROR(err);
    return api_check_told(put_if(keyspace, key, NULL, value, options, err), err);
}

int
firn_compare_and_put(firn_keyspace *keyspace, firn_slice key, firn_slice expected, firn_slice value,
                     const firn_write_options *options, firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(api_check_is_slice(expected), err, "expected must not be NULL");
    return api_check_told(put_if(keyspace, key, &expected, value, options, err), err);
}

int
firn_merge(firn_keyspace *keyspace, firn_slice key, firn_merge_operator operation,
           firn_slice operand, const firn_write_options *options, firn_error *err)
{
    API_ANY_ERROR(err);
    firn_durability durability;
    API_REQUIRE(keyspace != NULL && api_check_is_slice(key) && api_check_is_slice(operand), err,
                "keyspace, key and operand must not be NULL");
    API_OPEN(keyspace, KEYSPACE, err);
    int rc = api_store_read_write_options(options, &durability, err);
    rc = rc != FIRN_OK ? rc : fi_db_merge(keyspace, key, operation, operand, durability, err);
    return api_check_told(rc, err);
}

int
firn_delete(firn_keyspace *keyspace, firn_slice key, const firn_write_options *options,
            firn_error *err)
{
    API_ANY_ERROR(err);
    firn_durability durability;
    API_REQUIRE(keyspace != NULL && api_check_is_slice(key), err,
                "keyspace and key must not be NULL");
    API_OPEN(keyspace, KEYSPACE, err);
    int rc = api_store_read_write_options(options, &durability, err);
    rc = rc != FIRN_OK ? rc : fi_db_delete(keyspace, key, durability, err);
    return api_check_told(rc, err);
}

int
firn_delete_range(firn_keyspace *keyspace, firn_slice lower, firn_slice upper,
                  const firn_write_options *options, firn_error *err)
{
    API_ANY_ERROR(err);
    firn_durability durability;
    API_REQUIRE(keyspace != NULL && api_check_is_slice(lower) && api_check_is_slice(upper), err,
                "keyspace, lower and upper must not be NULL");
    API_REQUIRE_UPPER(upper, err);
    API_OPEN(keyspace, KEYSPACE, err);
    int rc = api_store_read_write_options(options, &durability, err);
    rc = rc != FIRN_OK ? rc : fi_db_delete_range(keyspace, lower, upper, durability, err);
    return api_check_told(rc, err);
}

static int
key_api_get(firn_keyspace *keyspace, firn_snapshot *snapshot, firn_slice key, uint8_t **out,
            size_t *out_size, firn_error *err)
{
    struct fi_buf value = {0};
    int rc = fi_db_get_at(keyspace, snapshot, key, &value, err);
    return api_store_give_value(rc, &value, out, out_size, err);
}

int
firn_get(firn_keyspace *keyspace, firn_slice key, uint8_t **out, size_t *out_size, firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(out != NULL && out_size != NULL, err, "out and out_size must not be NULL");
    *out = NULL;
    *out_size = 0;
    API_REQUIRE(keyspace != NULL && api_check_is_slice(key), err,
                "keyspace and key must not be NULL");
    API_OPEN(keyspace, KEYSPACE, err);
    return api_check_told(key_api_get(keyspace, NULL, key, out, out_size, err), err);
}

int
firn_snapshot_get(firn_snapshot *snapshot, firn_keyspace *keyspace, firn_slice key, uint8_t **out,
                  size_t *out_size, firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(out != NULL && out_size != NULL, err, "out and out_size must not be NULL");
    *out = NULL;
    *out_size = 0;
    API_REQUIRE(keyspace != NULL && snapshot != NULL && api_check_is_slice(key), err,
                "snapshot, keyspace and key must not be NULL");
    API_OPEN(keyspace, KEYSPACE, err);
    API_OPEN(snapshot, SNAPSHOT, err);
    return api_check_told(key_api_get(keyspace, snapshot, key, out, out_size, err), err);
}

int
firn_get_into(firn_keyspace *keyspace, firn_slice key, void *buffer, size_t capacity,
              size_t *out_size, firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(out_size != NULL, err, "out_size must not be NULL");
    *out_size = 0;
    API_REQUIRE(keyspace != NULL && api_check_is_slice(key) && (capacity == 0 || buffer != NULL),
                err, "keyspace, key and buffer must not be NULL");
    API_OPEN(keyspace, KEYSPACE, err);
    struct fi_buf value = fi_buf_borrowed(buffer, capacity);
    int rc = fi_db_get_at(keyspace, NULL, key, &value, err);
    if (rc == FIRN_OK) {
        *out_size = value.size;
        if (value.size > capacity) {
            rc = fi_error_set(err, FIRN_LIMIT, "a value of %zu bytes, into a buffer of %zu",
                              value.size, capacity);
        } else if (value.data != buffer && value.size > 0) {
            memcpy(buffer, value.data, value.size);
        }
    }
    fi_buf_deinit(&value);
    return api_check_told(rc, err);
}

int
firn_get_pinned(firn_keyspace *keyspace, firn_snapshot *snapshot, firn_slice key, firn_pin **out,
                firn_slice *out_value, firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(out != NULL && out_value != NULL, err, "out and out_value must not be NULL");
    *out = NULL;
    *out_value = firn_bytes(NULL, 0);
    API_REQUIRE(keyspace != NULL && api_check_is_slice(key), err,
                "keyspace and key must not be NULL");
    API_OPEN(keyspace, KEYSPACE, err);
    API_OPEN_IF_ANY(snapshot, SNAPSHOT, err);
    int rc = fi_db_get_pinned(keyspace, snapshot, key, out, out_value, err);
    return fi_api_handle_opened_if(rc, *out, FI_API_HANDLE_PIN, NULL);
}

void
firn_pin_release(firn_pin *pin)
{
    if (fi_api_handle_check(pin, FI_API_HANDLE_PIN, NULL) == FIRN_OK) {
        fi_api_handle_closing(pin);
        fi_db_get_unpin(pin);
        fi_api_handle_closed(pin);
    }
}

int
firn_exists(firn_keyspace *keyspace, firn_slice key, bool *out, firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(out != NULL, err, "out must not be NULL");
    *out = false;
    API_REQUIRE(keyspace != NULL && api_check_is_slice(key), err,
                "keyspace and key must not be NULL");
    API_OPEN(keyspace, KEYSPACE, err);
    return api_check_told(fi_db_get_exists(keyspace, key, out, err), err);
}

/* The caller's arrays. */
struct values {
    uint8_t **values;
    size_t *sizes;
    size_t count;
};

static void
clear_values(const struct values *out)
{
    for (size_t i = 0; i < out->count; i++) {
        out->values[i] = NULL;
        out->sizes[i] = 0;
    }
}

static int
take_value(void *ctx, size_t i, struct fi_buf *value, firn_error *err)
{
    const struct values *out = ctx;
    DCHECK(i < out->count && out->values[i] == NULL);
    if (value == NULL) {
        return FIRN_OK;
    }
    struct fi_buf taken = *value;
    *value = (struct fi_buf){0};
    return api_store_give_value(FIRN_OK, &taken, &out->values[i], &out->sizes[i], err);
}

int
firn_get_many(firn_keyspace *keyspace, firn_snapshot *snapshot, const firn_slice *keys,
              size_t count, uint8_t **out_values, size_t *out_sizes, firn_error *err)
{
    struct values out = {out_values, out_sizes, count};
    API_ANY_ERROR(err);
    API_REQUIRE(count == 0 || (out_values != NULL && out_sizes != NULL), err,
                "out_values and out_sizes must not be NULL");
    clear_values(&out);
    API_REQUIRE(keyspace != NULL && (count == 0 || keys != NULL), err,
                "keyspace and keys must not be NULL");
    for (size_t i = 0; i < count; i++) {
        API_REQUIRE(api_check_is_slice(keys[i]), err, "a key must not be NULL");
    }
    API_OPEN(keyspace, KEYSPACE, err);
    API_OPEN_IF_ANY(snapshot, SNAPSHOT, err);
    const struct fi_db_get_many what = {snapshot, keys, count, take_value, &out, NULL};
    int rc = fi_db_get_many(keyspace, &what, err);
    for (size_t i = 0; i < count && rc != FIRN_OK; i++) {
        firn_release(out_values[i]);
    }
    if (rc != FIRN_OK) {
        clear_values(&out);
    }
    return api_check_told(rc, err);
}
