/* SPDX-License-Identifier: Apache-2.0
 *
 * What a remote says of buckets that are not what they should be, and of changes that no state may
 * make. The machines of test_remote_model.c share buckets that are right.
 */
#include "base/slice.h"
#include "codec/blake3_hash.h"
#include "posix/os_default.h"
#include "remote/remote.h"
#include "sim/sim_bucket.h"
#include "support/test.h"
#include "support/test_alloc.h"

#define EMPTY firn_bytes(NULL, 0)

static struct fi_bucket *bucket;
static struct fi_os *os;
static struct fi_remote remote;
static firn_error err;

/* Runs as the only machine of a bucket in which nothing goes wrong. */
static void
run_alone(void *ctx, struct fi_sim_machine *machine)
{
    void (*test)(void) = *(void (**)(void))ctx;
    bucket = fi_sim_machine_bucket(machine);
    os = fi_sim_machine_os(machine);
    fi_remote_init(&remote, bucket, os, "tester");
    test();
    fi_remote_deinit(&remote);
}

static void
with_bucket(void (*test)(void))
{
    const struct fi_sim_bucket_faults faults = {0};
    const struct fi_sim_bucket_watcher watcher = {0};
    struct fi_sim_bucket *server = fi_sim_bucket_create(1, &faults, &watcher);
    fi_sim_bucket_add(server, 0, run_alone, &test);
    fi_sim_bucket_run(server);
    fi_sim_bucket_destroy(server);
}

static void
put(const char *name)
{
    assert_int_equal(fi_bucket_put_bytes(bucket, name, firn_str("x"), &err), FIRN_OK);
}

/* Publishes an entry. */
static int
publish(const char *key)
{
    struct fi_remote_change change = {0};
    bool is_published = false;
    assert_int_equal(fi_remote_table_put(&change.set, firn_str(key), EMPTY, 0, &err), FIRN_OK);
    int rc = fi_remote_publish(&remote, &change, &is_published, &err);
    fi_remote_state_change_clear(&change);
    assert_true(rc != FIRN_OK || is_published);
    return rc;
}

static int
plan_nothing(void *ctx, struct fi_remote *at, struct fi_remote_change *change, firn_error *error)
{
    (void)ctx, (void)at, (void)change, (void)error;
    return FIRN_OK;
}

/* ==== foreign objects ==== */

static void
put_foreign_names(void)
{
    char name[FI_BUCKET_NAME_SIZE_MAX + 1];
    put("states/0000000002.bak");
    put("states/0000000001-old");
    put("states/00000000010");
    put("states/zz");
    for (int i = 0; i < 2 * FI_BUCKET_LIST_MAX + 1; i++) {
        snprintf(name, sizeof name, "states/0%09d.copy", i);
        put(name);
        snprintf(name, sizeof name, "other/%d", i);
        put(name);
    }
    memset(name, 'a', sizeof name - 1);
    name[sizeof name - 1] = 0;
    memcpy(name, "packs/", 6);
    put(name);
}

static void
check_foreign_names(void)
{
    const struct fi_remote_prune_options options = FI_REMOTE_PRUNE_OPTIONS_INIT;
    put_foreign_names();
    assert_int_equal(fi_remote_sync(&remote, &err), FIRN_OK);
    for (int i = 0; i < 70; i++) {
        assert_int_equal(publish("a"), FIRN_OK);
        if (i % 7 == 0) {
            fi_os_sleep_ns(os, INT64_C(3600) * 1000000000); /* rule (g) looks for followers */
        }
    }
    assert_int_equal(fi_remote_prune(&remote, &options, plan_nothing, NULL, &err), FIRN_OK);
    struct fi_remote other;
    fi_remote_init(&other, bucket, os, "other");
    assert_int_equal(fi_remote_sync(&other, &err), FIRN_OK);
    assert_int_equal(other.state.number, remote.state.number);
    fi_remote_deinit(&other);
}

static void
foreign_names_are_passed_over(void **state)
{
    (void)state;
    with_bucket(check_foreign_names);
}

/* ==== lost states ==== */

static void
check_lost_states(void)
{
    assert_int_equal(fi_remote_sync(&remote, &err), FIRN_OK);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(publish("a"), FIRN_OK);
    }
    assert_int_equal(fi_bucket_remove(bucket, "states/0000000003", &err), FIRN_OK);
    assert_int_equal(fi_remote_sync(&remote, &err), FIRN_CORRUPT);
    assert_non_null(strstr(err.text, "state 3 was there, and now neither it nor a later one is"));
    assert_int_equal(remote.state.number, 3); /* what is known stays */
    assert_int_equal(fi_remote_resync(&remote, &err), FIRN_CORRUPT);
    assert_int_equal(fi_bucket_remove(bucket, "states/0000000002", &err), FIRN_OK);
    assert_int_equal(fi_bucket_remove(bucket, "states/0000000001", &err), FIRN_OK);
    assert_int_equal(fi_remote_sync(&remote, &err), FIRN_CORRUPT);
    /* So does a machine that has only the number, from before. */
    struct fi_remote other;
    fi_remote_init(&other, bucket, os, "other");
    other.number_seen = 3;
    assert_int_equal(fi_remote_sync(&other, &err), FIRN_CORRUPT);
    fi_remote_deinit(&other);
}

static void
lost_states_are_reported(void **state)
{
    (void)state;
    with_bucket(check_lost_states);
}

static void
check_damage(void)
{
    assert_int_equal(fi_remote_sync(&remote, &err), FIRN_OK);
    assert_int_equal(publish("a"), FIRN_OK);
    assert_int_equal(fi_bucket_put_bytes(bucket, "states/0000000002", firn_str("{}\n"), &err),
                     FIRN_OK);
    assert_int_equal(fi_remote_sync(&remote, &err), FIRN_CORRUPT);
    assert_non_null(strstr(err.text, "state 2 of the remote is damaged"));
    assert_int_equal(remote.state.number, 1);
    assert_int_equal(fi_remote_resync(&remote, &err), FIRN_CORRUPT);
    assert_int_equal(remote.state.number, 1); /* what is known stays */
}

static void
damaged_states_are_reported(void **state)
{
    (void)state;
    with_bucket(check_damage);
}

/* ==== changes that no state may make ==== */

/* Nothing is put. */
static void
assert_refused(const struct fi_remote_change *change, int code)
{
    bool is_published;
    uint64_t requests = bucket->request_count;
    assert_int_equal(fi_remote_publish(&remote, change, &is_published, &err), code);
    assert_int_equal(bucket->request_count, requests);
}

static void
check_changes(void)
{
    struct fi_remote_change change = {0};
    char key[FI_REMOTE_KEY_SIZE_MAX + 2];
    bool is_published;
    memset(key, 'k', sizeof key - 1);
    key[sizeof key - 1] = 0;
    assert_int_equal(fi_remote_sync(&remote, &err), FIRN_OK);

    assert_int_equal(fi_remote_table_put(&change.set, firn_str(key), EMPTY, 0, &err), FIRN_OK);
    assert_refused(&change, FIRN_INVALID);
    fi_remote_state_change_clear(&change);

    firn_slice elsewhere = firn_str("packs/../../etc/passwd");
    assert_int_equal(fi_remote_table_put(&change.added, elsewhere, EMPTY, FI_REMOTE_LIVE, &err),
                     FIRN_OK);
    assert_refused(&change, FIRN_INVALID);
    fi_remote_state_change_clear(&change);

    firn_slice file = firn_str("packs/a");
    assert_int_equal(fi_remote_table_put(&change.doomed, file, EMPTY, FI_REMOTE_DOOMED, &err),
                     FIRN_OK);
    assert_int_equal(fi_remote_table_put(&change.killed, file, EMPTY, 0, &err), FIRN_OK);
    assert_int_equal(fi_remote_publish(&remote, &change, &is_published, &err), FIRN_OK);
    fi_remote_state_change_clear(&change);
    assert_int_equal(fi_remote_table_put(&change.added, file, EMPTY, FI_REMOTE_LIVE, &err),
                     FIRN_OK);
    assert_refused(&change, FIRN_INVALID);
    fi_remote_state_change_clear(&change);

    size_t size = (size_t)FI_REMOTE_STATE_SIZE_MAX;
    uint8_t *large = calloc(size, 1);
    assert_non_null(large);
    assert_int_equal(
        fi_remote_table_put(&change.set, firn_str("a"), firn_bytes(large, size), 0, &err), FIRN_OK);
    free(large);
    assert_refused(&change, FIRN_LIMIT);
    fi_remote_state_change_clear(&change);

    struct fi_remote_prune_options options = FI_REMOTE_PRUNE_OPTIONS_INIT;
    options.state_age_s = 3600;
    assert_int_equal(fi_remote_prune(&remote, &options, plan_nothing, NULL, &err), FIRN_INVALID);
}

static void
changes_that_others_could_not_read_are_refused(void **state)
{
    (void)state;
    with_bucket(check_changes);
}

/* ==== limits ==== */

enum { LARGE = 4 << 20 };

/* Publishes an entry of 4 MiB, or removes it. */
static int
publish_large(int number, bool is_removed, bool *out_is_published)
{
    struct fi_remote_change change = {0};
    char key[16];
    uint8_t *value = calloc(LARGE, 1);
    assert_non_null(value);
    snprintf(key, sizeof key, "%d", number);
    int rc = fi_remote_table_put(is_removed ? &change.removed : &change.set, firn_str(key),
                                 is_removed ? EMPTY : firn_bytes(value, LARGE), 0, &err);
    assert_int_equal(rc, FIRN_OK);
    free(value);
    rc = fi_remote_publish(&remote, &change, out_is_published, &err);
    fi_remote_state_change_clear(&change);
    return rc;
}

/* Dooms uploads, which no push has to leave room for. */
static void
doom(int count)
{
    struct fi_remote_change change = {0};
    bool is_published = false;
    for (int i = 0; i < count; i++) {
        char name[32];
        snprintf(name, sizeof name, "packs/%08d", i);
        assert_int_equal(
            fi_remote_table_put(&change.doomed, firn_str(name), EMPTY, FI_REMOTE_DOOMED, &err),
            FIRN_OK);
    }
    assert_int_equal(fi_remote_publish(&remote, &change, &is_published, &err), FIRN_OK);
    assert_true(is_published);
    fi_remote_state_change_clear(&change);
}

/* (M3) */
static void
check_limits(void)
{
    bool is_published;
    assert_int_equal(fi_remote_sync(&remote, &err), FIRN_OK);
    for (int i = 0; i < 14; i++) {
        assert_int_equal(publish_large(i, false, &is_published), FIRN_OK);
        assert_true(is_published);
    }
    /* 60 MiB and what is around them would leave no reserve. Nothing is put. */
    for (int i = 0; i < 2; i++) {
        uint64_t requests = bucket->request_count;
        assert_int_equal(publish_large(14, false, &is_published), FIRN_LIMIT);
        assert_non_null(strstr(err.text, "prune the remote"));
        assert_int_equal(bucket->request_count, requests);
    }
    doom(1000);
    assert_int_equal(publish_large(0, true, &is_published), FIRN_OK);
    assert_int_equal(publish_large(0, false, &is_published), FIRN_OK);
    assert_int_equal(publish_large(14, false, &is_published), FIRN_LIMIT);
    while (remote.state.number < FI_REMOTE_FULL_EVERY) {
        assert_int_equal(publish("small"), FIRN_OK);
    }
    struct fi_remote other;
    fi_remote_init(&other, bucket, os, "other");
    assert_int_equal(fi_remote_sync(&other, &err), FIRN_OK);
    assert_int_equal(other.state.entries.count, 15);
    fi_remote_deinit(&other);
}

static void
a_remote_stays_small_enough_for_a_full_state(void **state)
{
    (void)state;
    with_bucket(check_limits);
}

/* Entries with keys of four bytes. */
static void
put_many(struct fi_remote_table *table, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t key[] = {(uint8_t)(i >> 24), (uint8_t)(i >> 16), (uint8_t)(i >> 8),
                               (uint8_t)i};
        assert_int_equal(fi_remote_table_put(table, firn_bytes(key, 4), EMPTY, 0, &err), FIRN_OK);
    }
}

static void
more_entries_than_a_remote_may_have_are_refused(void **state)
{
    (void)state;
    struct fi_remote_state at = {.number = 0};
    struct fi_remote_record record = {.number = 1};
    struct fi_buf bytes = {0};
    put_many(&record.change.set, FI_REMOTE_ITEMS_MAX - FI_REMOTE_ITEMS_RESERVE + 1);
    assert_int_equal(fi_remote_state_encode(&at, &record, &bytes, &err), FIRN_LIMIT);
    fi_remote_table_clear(&record.change.set);
    put_many(&record.change.set, FI_REMOTE_ITEMS_MAX - FI_REMOTE_ITEMS_RESERVE);
    assert_int_equal(fi_remote_state_encode(&at, &record, &bytes, &err), FIRN_OK);
    assert_int_equal(fi_remote_state_apply(&at, &record, &err), FIRN_OK);
    /* What others have published is held against the limits without the reserve. */
    fi_remote_state_deinit(&at);
    fi_remote_table_clear(&record.change.set);
    put_many(&record.change.set, FI_REMOTE_ITEMS_MAX);
    assert_int_equal(fi_remote_state_apply(&at, &record, &err), FIRN_OK);
    fi_remote_state_deinit(&at);
    fi_remote_table_clear(&record.change.set);
    put_many(&record.change.set, FI_REMOTE_ITEMS_MAX + 1);
    assert_int_equal(fi_remote_state_apply(&at, &record, &err), FIRN_CORRUPT);
    fi_remote_state_deinit(&at);
    fi_remote_state_record_deinit(&record);
    fi_buf_deinit(&bytes);
}

/* A state of keys alone has four bytes for each item; memory takes some sixty. */
static void
a_state_with_more_items_than_any_may_have_is_damaged(void **state)
{
    (void)state;
    const struct fi_remote_state at = {.number = 0};
    struct fi_remote_record record = {.number = 1};
    struct fi_remote_record again;
    struct fi_buf bytes = {0};
    struct fi_buf forged = {0};
    firn_hash hash;
    assert_int_equal(fi_remote_table_put(&record.change.gone, firn_str("packs/a"), EMPTY, 0, &err),
                     FIRN_OK);
    assert_int_equal(fi_remote_state_encode(&at, &record, &bytes, &err), FIRN_OK);
    /* Before the six lists, whose last one has an item. */
    bytes.size -= sizeof hash + 5 + 1 + 1 + 7;
    for (int more = 0; more <= 1; more++) {
        const uint32_t count = 2 * FI_REMOTE_ITEMS_MAX + (uint32_t)more;
        const uint8_t zeros[4] = {0};
        int rc = fi_buf_assign(&forged, fi_buf_slice(&bytes));
        rc |= fi_buf_append(&forged, zeros, 1);
        rc |= fi_buf_append_varint(&forged, count);
        for (uint32_t i = 0; i < count; i++) {
            const uint8_t item[] = {3, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i};
            rc |= fi_buf_append(&forged, item, sizeof item);
        }
        rc |= fi_buf_append(&forged, zeros, 4);
        fi_blake3_hash_of(forged.data, forged.size, &hash);
        rc |= fi_buf_append(&forged, hash.bytes, sizeof hash.bytes);
        assert_int_equal(rc, FIRN_OK);
        rc = fi_remote_state_decode(fi_buf_slice(&forged), 1, &again, &err);
        assert_int_equal(rc, more == 0 ? FIRN_OK : FIRN_CORRUPT);
        if (more == 0) {
            fi_remote_state_record_deinit(&again);
        }
    }
    fi_remote_state_record_deinit(&record);
    fi_buf_deinit(&bytes);
    fi_buf_deinit(&forged);
}

/* ==== the format ==== */

/* Without its line and its checksum: docs/formats/remote.md. */
static const uint8_t golden[] = {
    0x01, 0x00, 0x2a, 0x0a, 0x0a, 0x0a, 0x0a, 0x0a, 0x0a, 0x0a, 0x0a, 0x0b, 0x0b, 0x0b, 0x0b, 0x0b,
    0x0b, 0x0b, 0x0b, 0x00, 0xd8, 0xe0, 0x96, 0xc6, 0xb7, 0xeb, 0x18, 0x0a, 0x61, 0x64, 0x61, 0x40,
    0x6c, 0x61, 0x70, 0x74, 0x6f, 0x70, 0x01, 0x01, 0x6b, 0x05, 0x76, 0x61, 0x6c, 0x75, 0x65, 0x01,
    0x03, 0x6f, 0x6c, 0x64, 0x01, 0x07, 0x70, 0x61, 0x63, 0x6b, 0x73, 0x2f, 0x61, 0x01, 0x76, 0x01,
    0x01, 0x07, 0x70, 0x61, 0x63, 0x6b, 0x73, 0x2f, 0x62, 0x01, 0x07, 0x70, 0x61, 0x63, 0x6b, 0x73,
    0x2f, 0x63, 0x01, 0x07, 0x70, 0x61, 0x63, 0x6b, 0x73, 0x2f, 0x64,
};

static void
bytes_are_as_documented(void **state)
{
    (void)state;
    struct fi_remote_state before = {.number = 41};
    struct fi_remote_record record = {
        .number = 42, .at_ns = INT64_C(1795730940000000000), .by = "ada@laptop"};
    struct fi_remote_record again;
    struct fi_buf bytes = {0};
    const char *line = "{\"firn\":\"state\",\"n\":42,\"prev\":\"0a0a0a0a0a0a0a0a\","
                       "\"by\":\"ada@laptop\",\"at\":1795730940,\"nonce\":\"0b0b0b0b0b0b0b0b\"}\n";
    size_t line_size = strlen(line);
    firn_hash hash;
    memset(before.nonce, 10, sizeof before.nonce);
    memset(record.prev, 10, sizeof record.prev);
    memset(record.nonce, 11, sizeof record.nonce);
    struct fi_remote_change *change = &record.change;
    int rc = fi_remote_table_put(&change->set, firn_str("k"), firn_str("value"), 0, &err);
    rc |= fi_remote_table_put(&change->removed, firn_str("old"), EMPTY, 0, &err);
    rc |= fi_remote_table_put(&change->added, firn_str("packs/a"), firn_str("v"), FI_REMOTE_LIVE,
                              &err);
    rc |= fi_remote_table_put(&change->doomed, firn_str("packs/b"), EMPTY, FI_REMOTE_DOOMED, &err);
    rc |= fi_remote_table_put(&change->killed, firn_str("packs/c"), EMPTY, 0, &err);
    rc |= fi_remote_table_put(&change->gone, firn_str("packs/d"), EMPTY, 0, &err);
    assert_int_equal(rc, FIRN_OK);
    assert_int_equal(fi_remote_state_encode(&before, &record, &bytes, &err), FIRN_OK);
    assert_int_equal(bytes.size, line_size + sizeof golden + sizeof hash);
    assert_memory_equal(bytes.data, line, line_size);
    assert_memory_equal(bytes.data + line_size, golden, sizeof golden);
    fi_blake3_hash_of(bytes.data, line_size + sizeof golden, &hash);
    assert_memory_equal(bytes.data + line_size + sizeof golden, &hash, sizeof hash);
    assert_int_equal(fi_remote_state_decode(fi_buf_slice(&bytes), 42, &again, &err), FIRN_OK);
    assert_int_equal(again.change.doomed.items[0].status, FI_REMOTE_DOOMED);
    fi_remote_state_record_deinit(&again);
    /* Any byte that changes is noticed, and any cut. */
    for (size_t i = 0; i < bytes.size; i++) {
        bytes.data[i] ^= 1;
        assert_int_equal(fi_remote_state_decode(fi_buf_slice(&bytes), 42, &again, &err),
                         FIRN_CORRUPT);
        bytes.data[i] ^= 1;
        assert_int_equal(fi_remote_state_decode(firn_bytes(bytes.data, i), 42, &again, &err),
                         FIRN_CORRUPT);
    }
    assert_int_equal(fi_remote_state_decode(fi_buf_slice(&bytes), 43, &again, &err), FIRN_CORRUPT);
    fi_remote_state_record_deinit(&record);
    fi_buf_deinit(&bytes);
}

/* ==== lists that are none ==== */

static int list_calls;
static enum { REPEATS, GOES_BACK, SAYS_MORE, OTHER_PREFIX } list_kind;

static int
list(struct fi_bucket *self, const char *prefix, const char *after, size_t count_max,
     int (*visit)(void *ctx, const struct fi_bucket_object *object), void *ctx, bool *out_has_more,
     firn_error *error)
{
    (void)self, (void)prefix, (void)after, (void)count_max, (void)error;
    assert_true(++list_calls < 10);
    *out_has_more = true;
    const struct fi_bucket_object objects[] = {
        {list_kind == OTHER_PREFIX ? "x/2" : "states/2", 1, 0}, {"states/1", 1, 0}};
    for (size_t i = 0; i < (list_kind == SAYS_MORE ? 0 : list_kind == GOES_BACK ? 2 : 1); i++) {
        int rc = visit(ctx, &objects[i]);
        if (rc != FIRN_OK) {
            return rc;
        }
    }
    return FIRN_OK;
}

static void
lists_without_order_are_refused(void **state)
{
    (void)state;
    const struct fi_bucket_ops ops = {.list = list};
    for (list_kind = REPEATS; list_kind <= OTHER_PREFIX; list_kind++) {
        struct fi_bucket fake;
        fi_bucket_init(&fake, &ops);
        struct fi_remote at;
        list_calls = 0;
        fi_remote_init(&at, &fake, fi_os_default(), "tester");
        assert_int_equal(fi_remote_sync(&at, &err), FIRN_CORRUPT);
        assert_non_null(strstr(err.text, "order of their names"));
        fi_remote_deinit(&at);
    }
}

/* ==== storages without end ==== */

static const char *endless; /* this folder */

static int
list_without_end(struct fi_bucket *self, const char *prefix, const char *after, size_t count_max,
                 int (*visit)(void *ctx, const struct fi_bucket_object *object), void *ctx,
                 bool *out_has_more, firn_error *error)
{
    (void)self, (void)error;
    const size_t size = strlen(prefix);
    *out_has_more = strcmp(prefix, endless) == 0;
    if (!*out_has_more) {
        return FIRN_OK;
    }
    uint64_t number = after != NULL ? strtoull(after + size, NULL, 10) : 0;
    for (size_t i = 0; i < count_max; i++) {
        char name[32];
        const struct fi_bucket_object object = {.name = name, .age_s = 1000000};
        snprintf(name, sizeof name, "%s%010llu", prefix, (unsigned long long)++number);
        int rc = visit(ctx, &object);
        if (rc != FIRN_OK) {
            return rc;
        }
    }
    return FIRN_OK;
}

static int
take_anything(struct fi_bucket *self, const char *name, const struct fi_bucket_body *body,
              firn_error *error)
{
    (void)self, (void)name, (void)body, (void)error;
    return FIRN_OK;
}

static void
millions_of_names_take_no_memory(void **state)
{
    (void)state;
    const struct fi_bucket_ops ops = {.list = list_without_end, .put = take_anything};
    const struct fi_remote_prune_options options = FI_REMOTE_PRUNE_OPTIONS_INIT;
    struct fi_bucket fake;
    struct fi_remote at;
    fi_bucket_init(&fake, &ops);
    fi_remote_init(&at, &fake, fi_os_default(), "tester");
    endless = "states/";
    test_alloc_install();
    assert_int_equal(fi_remote_sync(&at, &err), FIRN_LIMIT);
    assert_non_null(strstr(err.text, "is it that of the remote?"));
    assert_true(test_alloc_bytes() < 1 << 20);
    test_alloc_uninstall();
    endless = "packs/";
    assert_int_equal(fi_remote_prune(&at, &options, plan_nothing, NULL, &err), FIRN_OK);
    assert_int_equal(at.state.number, 1);
    assert_int_equal(at.state.files.count, FI_REMOTE_ITEMS_RESERVE / 2);
    fi_remote_deinit(&at);
}

/* ==== a storage that takes nothing ==== */

static int refused_puts;

static int
list_nothing(struct fi_bucket *self, const char *prefix, const char *after, size_t count_max,
             int (*visit)(void *ctx, const struct fi_bucket_object *object), void *ctx,
             bool *out_has_more, firn_error *error)
{
    (void)self, (void)prefix, (void)after, (void)count_max, (void)visit, (void)ctx, (void)error;
    *out_has_more = false;
    return FIRN_OK;
}

static int
put_nothing(struct fi_bucket *self, const char *name, const struct fi_bucket_body *body,
            firn_error *error)
{
    (void)self, (void)name, (void)body;
    refused_puts++;
    return fi_error_set(error, FIRN_IO, "the proxy says no");
}

static int
get_nothing(struct fi_bucket *self, const char *name, uint64_t offset, uint64_t size,
            struct fi_buf *out, firn_error *error)
{
    (void)self, (void)name, (void)offset, (void)size, (void)out;
    return fi_error_set(error, FIRN_NOT_FOUND, "it is not there");
}

static int
plan_entry(void *ctx, struct fi_remote *at, struct fi_remote_change *change, firn_error *error)
{
    (void)ctx, (void)at;
    return fi_remote_table_put(&change->set, firn_str("a"), EMPTY, 0, error);
}

static void
a_push_that_gets_no_answer_ends(void **state)
{
    (void)state;
    const struct fi_bucket_ops ops = {.list = list_nothing, .put = put_nothing, .get = get_nothing};
    struct fi_bucket fake;
    fi_bucket_init(&fake, &ops);
    struct fi_remote at;
    fi_remote_init(&at, &fake, fi_os_default(), "tester");
    assert_int_equal(fi_remote_push(&at, plan_entry, NULL, &err), FIRN_IO);
    assert_string_equal(err.text, "the proxy says no");
    assert_int_equal(refused_puts, FI_REMOTE_UNKNOWN_PUT_MAX);
    assert_int_equal(fi_remote_push(&at, plan_entry, NULL, NULL), FIRN_IO);
    fi_remote_deinit(&at);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(foreign_names_are_passed_over),
        cmocka_unit_test(lost_states_are_reported),
        cmocka_unit_test(damaged_states_are_reported),
        cmocka_unit_test(changes_that_others_could_not_read_are_refused),
        cmocka_unit_test(a_remote_stays_small_enough_for_a_full_state),
        cmocka_unit_test(more_entries_than_a_remote_may_have_are_refused),
        cmocka_unit_test(a_state_with_more_items_than_any_may_have_is_damaged),
        cmocka_unit_test(millions_of_names_take_no_memory),
        cmocka_unit_test(bytes_are_as_documented),
        cmocka_unit_test(a_push_that_gets_no_answer_ends),
        cmocka_unit_test(lists_without_order_are_refused),
    };
    return cmocka_run_group_tests_name("remote", tests, NULL, NULL);
}
