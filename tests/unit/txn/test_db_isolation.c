/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/txn: whether transactions are as isolated as they say. Thousands of histories, interleaved
 * by a seed in a simulated machine or by real threads, are recorded and checked (elle.h); and the same
 * work done in ways that are known to be wrong must be found out.
 *
 * A history has a few clients; each has a transaction open, does one operation of it at a time (reads
 * a key, appends to one, walks over all of them), and commits. Keys hold lists, or single values.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "posix/os_default.h"
#include "sim/sim_fault.h"
#include "support/store/db_support.h"
#include "support/store/elle.h"
#include "support/test_random.h"
#include "txn/txn.h"

enum { KEYS = 5, CLIENTS_MAX = 8, LIST_MAX = 512, OPS_MAX = 5 };

/* How the work is done: rightly, or in a way that must be found out. */
enum way {
    SNAPSHOT,
    SERIALIZABLE,
    WITHOUT_TRANSACTIONS, /* gets and puts of the store, one by one */
    READS_OF_NOW,         /* the writes are a transaction's, the reads are not */
    IN_TWO_COMMITS        /* half of the writes are committed before the others */
};

struct work {
    struct firn_db *db;
    struct firn_db_keyspace *keyspace;
    char prefix[24]; /* of the keys of this history */
    enum way way;
    bool has_registers;
    bool has_merges; /* appends without reading */
    firn_durability durability;
    atomic_uint_fast64_t clock;
    atomic_uint_fast32_t last_value;
};

struct client {
    struct work *work;
    struct test_random random;
    struct elle_history *history;
    struct firn_txn *txn; /* NULL: none is open */
    bool is_open;
    unsigned ops_left;
    unsigned txns_left;
};

/* ---- keys and their lists ---- */

static firn_slice
key_of(const struct work *work, unsigned key, char out[32])
{
    (void)snprintf(out, 32, "%s%02u", work->prefix, key);
    return firn_str(out);
}

static size_t
decode(firn_slice value, uint32_t list[LIST_MAX])
{
    assert_true(value.size % 4 == 0 && value.size / 4 <= LIST_MAX);
    for (size_t i = 0; i < value.size / 4; i++) {
        list[i] = fi_load_le32(value.data + 4 * i);
    }
    return value.size / 4;
}

static bool
uses_store(const struct client *client, bool is_write)
{
    enum way way = client->work->way;
    return way == WITHOUT_TRANSACTIONS || (way == READS_OF_NOW && !is_write);
}

/* The list of a key, as this client reads it. */
static size_t
read_list(struct client *client, unsigned key, uint32_t list[LIST_MAX])
{
    firn_error err;
    char text[32];
    struct work *work = client->work;
    struct fi_buf out = {0};
    firn_slice name = key_of(work, key, text);
    int rc = uses_store(client, false) ? fi_db_get(work->keyspace, name, &out, &err)
                                       : fi_txn_get(client->txn, work->keyspace, name, &out, &err);
    assert_true(rc == FIRN_OK || rc == FIRN_NOT_FOUND);
    size_t count = rc == FIRN_OK ? decode(fi_buf_slice(&out), list) : 0;
    fi_buf_deinit(&out);
    return count;
}

static void
write_list(struct client *client, unsigned key, const uint32_t *list, size_t count)
{
    firn_error err;
    char text[32];
    uint8_t bytes[4 * LIST_MAX];
    struct work *work = client->work;
    firn_slice name = key_of(work, key, text);
    for (size_t i = 0; i < count; i++) {
        fi_store_le32(bytes + 4 * i, list[i]);
    }
    firn_slice value = firn_bytes(bytes, 4 * count);
    if (uses_store(client, true)) {
        DB_OK(fi_db_put(work->keyspace, name, value, work->durability, &err));
    } else {
        DB_OK(fi_txn_put(client->txn, work->keyspace, name, value, &err));
    }
}

/* ---- operations ---- */

static void
do_read(struct client *client, unsigned key)
{
    uint32_t list[LIST_MAX];
    size_t count = read_list(client, key, list);
    if (client->work->has_registers) {
        elle_read_register(client->history, key, count == 0 ? 0 : list[0]);
    } else {
        elle_read(client->history, key, list, count);
    }
}

static void
do_merge(struct client *client, unsigned key)
{
    firn_error err;
    char text[32];
    uint8_t bytes[4];
    struct work *work = client->work;
    uint32_t value = (uint32_t)atomic_fetch_add(&work->last_value, 1) + 1;
    firn_slice name = key_of(work, key, text);
    fi_store_le32(bytes, value);
    elle_append(client->history, key, value);
    if (uses_store(client, true)) {
        DB_OK(fi_db_merge(work->keyspace, name, FIRN_MERGE_APPEND, firn_bytes(bytes, 4),
                          work->durability, &err));
    } else {
        DB_OK(fi_txn_merge(client->txn, work->keyspace, name, FIRN_MERGE_APPEND,
                           firn_bytes(bytes, 4), &err));
    }
}

static void
do_write(struct client *client, unsigned key)
{
    if (client->work->has_merges && test_random_below(&client->random, 2) == 0) {
        do_merge(client, key);
        return;
    }
    uint32_t list[LIST_MAX];
    size_t count = read_list(client, key, list);
    uint32_t value = (uint32_t)atomic_fetch_add(&client->work->last_value, 1) + 1;
    if (client->work->has_registers) {
        elle_read_register(client->history, key, count == 0 ? 0 : list[0]);
        elle_write_register(client->history, key, value);
        write_list(client, key, &value, 1);
    } else {
        assert_true(count < LIST_MAX);
        list[count++] = value;
        elle_append(client->history, key, value);
        write_list(client, key, list, count);
    }
}

static struct firn_db_cursor *
open_walk(struct client *client)
{
    firn_error err;
    struct work *work = client->work;
    struct firn_db_cursor *cursor;
    const firn_slice prefix = firn_str(work->prefix);
    const struct fi_db_cursor_options options = {.prefix = &prefix};
    DB_OK(uses_store(client, false)
              ? fi_db_cursor_open(work->keyspace, &options, &cursor, &err)
              : fi_txn_cursor_open(client->txn, work->keyspace, &options, &cursor, &err));
    return cursor;
}

/* Reads all keys, those included that are not there, forwards or backwards. */
static void
do_walk(struct client *client)
{
    firn_error err;
    bool is_back = test_random_below(&client->random, 2) == 0;
    bool is_found[KEYS] = {false};
    struct firn_db_cursor *cursor = open_walk(client);
    DB_OK(is_back ? fi_db_cursor_last(cursor, &err) : fi_db_cursor_first(cursor, &err));
    while (fi_db_cursor_valid(cursor)) {
        uint32_t list[LIST_MAX];
        firn_slice name = fi_db_cursor_key(cursor);
        unsigned key = (unsigned)(name.data[name.size - 1] - '0');
        size_t count = decode(fi_db_cursor_value(cursor), list);
        assert_true(key < KEYS && !is_found[key]);
        is_found[key] = true;
        if (client->work->has_registers) {
            elle_read_register(client->history, key, list[0]);
        } else {
            elle_read(client->history, key, list, count);
        }
        DB_OK(is_back ? fi_db_cursor_prev(cursor, &err) : fi_db_cursor_next(cursor, &err));
    }
    fi_db_cursor_close(cursor);
    for (unsigned key = 0; key < KEYS; key++) {
        if (!is_found[key] && client->work->has_registers) {
            elle_read_register(client->history, key, 0);
        } else if (!is_found[key]) {
            elle_read(client->history, key, NULL, 0);
        }
    }
}

static void
begin(struct client *client)
{
    firn_error err;
    const struct fi_txn_options options = {.is_serializable = client->work->way == SERIALIZABLE};
    elle_begin(client->history, atomic_fetch_add(&client->work->clock, 1));
    DB_OK(fi_txn_begin(client->work->db, &options, &client->txn, &err));
    client->ops_left = 1 + (unsigned)test_random_below(&client->random, OPS_MAX);
    client->is_open = true;
}

static void
end(struct client *client)
{
    firn_error err;
    int rc = fi_txn_commit(client->txn, client->work->durability, &err);
    fi_txn_close(client->txn);
    if (rc != FIRN_OK) {
        DB_FAILS(rc, FIRN_CONFLICT, "by another commit");
    }
    elle_end(client->history, atomic_fetch_add(&client->work->clock, 1), rc == FIRN_OK);
    client->txn = NULL;
    client->is_open = false;
    client->txns_left--;
}

static void
begin_second_half(struct client *client)
{
    firn_error err;
    const struct fi_txn_options options = {0};
    int rc = fi_txn_commit(client->txn, client->work->durability, &err);
    assert_true(rc == FIRN_OK || rc == FIRN_CONFLICT);
    fi_txn_close(client->txn);
    DB_OK(fi_txn_begin(client->work->db, &options, &client->txn, &err));
}

static void
step(struct client *client)
{
    if (!client->is_open) {
        begin(client);
        return;
    }
    if (client->ops_left == 0) {
        end(client);
        return;
    }
    uint64_t dice = test_random_below(&client->random, 10);
    unsigned key = (unsigned)test_random_below(&client->random, KEYS);
    if (dice < 5) {
        do_read(client, key);
    } else if (dice < 9) {
        do_write(client, key);
    } else {
        do_walk(client);
    }
    client->ops_left--;
    if (client->work->way == IN_TWO_COMMITS && client->ops_left == 2) {
        begin_second_half(client);
    }
}

/* A last transaction reads everything, when all others have ended. */
static void
read_all(struct client *client)
{
    client->txns_left = 1;
    begin(client);
    for (unsigned key = 0; key < KEYS; key++) {
        do_read(client, key);
    }
    end(client);
}

static void
init_client(struct client *client, struct work *work, uint64_t seed)
{
    *client = (struct client){.work = work, .history = elle_create(), .random = {.state = seed}};
}

static void
judge(const struct work *work, unsigned anomalies, uint64_t seed)
{
    unsigned allowed = work->way == SNAPSHOT ? (unsigned)ELLE_ALLOWED_IN_SNAPSHOTS : 0;
    if ((work->way == SNAPSHOT || work->way == SERIALIZABLE) && (anomalies & ~allowed) != 0) {
        (void)fprintf(stderr, "seed %llu, %s: %s\n", (unsigned long long)seed,
                      work->way == SNAPSHOT ? "snapshot" : "serializable", elle_names(anomalies));
        fail_msg("an anomaly");
    }
}

/* ---- in simulation ---- */

struct simulation {
    struct db_support support;
    struct firn_db *db;
    struct firn_db_keyspace *keyspace;
    struct test_random random;
    unsigned histories;
    size_t committed;
    size_t refused;
};

/* One history; returns what is wrong with it. */
static unsigned
simulate(struct simulation *simulation, enum way way, unsigned txns)
{
    firn_error err;
    struct client clients[CLIENTS_MAX];
    uint64_t seed = test_random_next(&simulation->random);
    struct test_random random = {.state = seed};
    unsigned count = 2 + (unsigned)test_random_below(&random, 4);
    struct work work = {.db = simulation->db,
                        .keyspace = simulation->keyspace,
                        .way = way,
                        .has_registers = test_random_below(&random, 3) == 0,
                        .durability = FIRN_DURABILITY_OS};
    work.has_merges = !work.has_registers && test_random_below(&random, 2) == 0;
    (void)snprintf(work.prefix, sizeof work.prefix, "%u/", simulation->histories++);
    for (unsigned i = 0; i < count; i++) {
        init_client(&clients[i], &work, test_random_next(&random));
        clients[i].txns_left = txns / count;
    }
    for (unsigned left = count; left > 0;) {
        struct client *client = &clients[test_random_below(&random, count)];
        if (client->txns_left > 0) {
            step(client);
            left -= client->txns_left == 0;
        }
        uint64_t dice = test_random_below(&random, 400);
        if (dice == 0) {
            DB_OK(fi_db_maintain_flush(simulation->db, &err));
        } else if (dice == 1) {
            DB_OK(fi_db_maintain_compact(simulation->db, NULL, &err));
        }
    }
    for (unsigned i = 1; i < count; i++) {
        elle_merge(clients[0].history, clients[i].history);
        elle_destroy(clients[i].history);
    }
    read_all(&clients[0]);
    unsigned anomalies = elle_check(clients[0].history);
    judge(&work, anomalies, seed);
    simulation->committed += elle_count(clients[0].history, true);
    simulation->refused += elle_count(clients[0].history, false);
    elle_destroy(clients[0].history);
    return anomalies;
}

static void
open_simulation(struct simulation *simulation, const char *name, uint64_t seed)
{
    memset(simulation, 0, sizeof *simulation);
    test_random_init(&simulation->random, name, seed);
    db_support_init(&simulation->support, test_random_next(&simulation->random));
    simulation->db = db_support_open(simulation->support.dir);
    simulation->keyspace = db_support_keyspace(simulation->db, "k");
}

static void
close_simulation(struct simulation *simulation)
{
    firn_error err;
    DB_OK(fi_db_close(simulation->db, &err));
    db_support_deinit(&simulation->support);
}

/* As many histories; returns all that is wrong with any of them. */
static unsigned
simulate_many(const char *name, enum way way, unsigned histories, unsigned txns)
{
    unsigned anomalies = 0;
    size_t committed = 0;
    size_t refused = 0;
    unsigned seeds = getenv("FIRN_TEST_SEED") != NULL ? 1 : 4;
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        struct simulation simulation;
        open_simulation(&simulation, name, seed);
        for (unsigned i = 0; i < histories / 4; i++) {
            anomalies |= simulate(&simulation, way, txns);
        }
        committed += simulation.committed;
        refused += simulation.refused;
        close_simulation(&simulation);
    }
    (void)printf("%s: %u histories, %zu transactions committed, %zu refused; %s\n", name, histories,
                 committed, refused, anomalies == 0 ? "clean" : elle_names(anomalies));
    return anomalies;
}

static unsigned
many(unsigned histories)
{
    return getenv("FIRN_TEST_LONG") != NULL ? 10 * histories : histories;
}

static void
simulated_histories_are_isolated(void **state)
{
    assert_int_equal(simulate_many("serializable", SERIALIZABLE, many(1200), 32), 0);
    /* Write skew is there, and found, where it is allowed. */
    assert_int_equal(simulate_many("snapshot", SNAPSHOT, many(1200), 32), ELLE_G2);
}

static void
wrong_ways_are_found_out(void **state)
{
    unsigned found = simulate_many("without transactions", WITHOUT_TRANSACTIONS, 80, 32);
    assert_true((found & ELLE_LOST) != 0 && (found & ELLE_INTERNAL) != 0);
    found = simulate_many("reads of now", READS_OF_NOW, 80, 32);
    assert_true((found & ELLE_INTERNAL) != 0 && (found & ELLE_LOST) != 0);
    found = simulate_many("in two commits", IN_TWO_COMMITS, 80, 32);
    assert_true((found & ELLE_ABORTED_READ) != 0 && (found & (ELLE_G1C | ELLE_G_SINGLE)) != 0);
}

/* ---- in threads ---- */

struct thread {
    pthread_t id;
    struct client client;
};

static void *
run_client(void *arg)
{
    struct client *client = arg;
    while (client->txns_left > 0) {
        step(client);
    }
    return NULL;
}

static unsigned
run_threads(struct work *work, unsigned thread_count, unsigned txns, uint64_t seed)
{
    struct thread threads[CLIENTS_MAX];
    atomic_store(&work->clock, 1);
    atomic_store(&work->last_value, 0);
    (void)snprintf(work->prefix, sizeof work->prefix, "t%llu/", (unsigned long long)seed);
    for (unsigned i = 0; i < thread_count; i++) {
        init_client(&threads[i].client, work, seed * 100 + i);
        threads[i].client.txns_left = txns / thread_count;
        assert_int_equal(pthread_create(&threads[i].id, NULL, run_client, &threads[i].client), 0);
    }
    for (unsigned i = 0; i < thread_count; i++) {
        assert_int_equal(pthread_join(threads[i].id, NULL), 0);
    }
    struct client *first = &threads[0].client;
    for (unsigned i = 1; i < thread_count; i++) {
        elle_merge(first->history, threads[i].client.history);
        elle_destroy(threads[i].client.history);
    }
    read_all(first);
    unsigned anomalies = elle_check(first->history);
    judge(work, anomalies, seed);
    elle_destroy(first->history);
    return anomalies;
}

static void *
maintain(void *arg)
{
    struct work *work = arg;
    firn_error err;
    while (atomic_load(&work->last_value) != UINT32_MAX) {
        DB_OK(fi_db_maintain_flush(work->db, &err));
        fi_os_sleep_ns(fi_os_default(), 2000000);
        DB_OK(fi_db_maintain_compact(work->db, NULL, &err));
        fi_os_sleep_ns(fi_os_default(), 2000000);
    }
    return NULL;
}

static void
threads_are_isolated(void **state)
{
    firn_error err;
    const struct fi_db_options options = {.create_if_missing = true, .memory_bytes = 4 << 20};
    struct work work = {.durability = FIRN_DURABILITY_OS};
    struct work maintaining = {0};
    unsigned found = 0;
    DB_OK(fi_db_memory_open(64 << 20, &options, &work.db, &err));
    work.keyspace = db_support_keyspace(work.db, "k");
    maintaining.db = work.db;
    pthread_t maintainer;
    assert_int_equal(pthread_create(&maintainer, NULL, maintain, &maintaining), 0);
    for (uint64_t seed = 1; seed <= many(24); seed++) {
        work.way = seed % 2 == 0 ? SNAPSHOT : SERIALIZABLE;
        work.has_registers = seed % 3 == 0;
        work.has_merges = seed % 3 == 1;
        found |= run_threads(&work, 4, 240, seed);
    }
    atomic_store(&maintaining.last_value, UINT32_MAX);
    assert_int_equal(pthread_join(maintainer, NULL), 0);
    (void)printf("threads: %s\n", found == 0 ? "clean" : elle_names(found));
    DB_OK(fi_db_close(work.db, &err));
}

/* ---- commits of one group ---- */

/* Makes every sync last, so that others queue up after it and are led together. */
static void
delay_sync(void *ctx, const struct fi_sim_fault_call *call)
{
    (void)ctx;
    if (call->kind == FI_SIM_FAULT_SYNCS) {
        fi_os_sleep_ns(fi_os_default(), 2000000);
    }
}

static void
commits_of_one_group_are_isolated(void **state)
{
    firn_error err;
    struct db_support_disk disk;
    struct fi_os *slow;
    struct fi_os_dir *dir;
    struct work work = {.durability = FIRN_DURABILITY_FULL};
    db_support_disk_init(&disk);
    DB_OK(fi_sim_fault_create(fi_os_default(), &slow, &err));
    DB_OK(fi_os_dir_open_path(slow, disk.path, &dir, &err));
    work.db = db_support_open(dir);
    work.keyspace = db_support_keyspace(work.db, "k");
    fi_sim_fault_set_hook(slow, delay_sync, NULL);
    for (uint64_t seed = 1; seed <= many(4); seed++) {
        work.way = seed % 2 == 0 ? SNAPSHOT : SERIALIZABLE;
        (void)run_threads(&work, CLIENTS_MAX, 320, seed);
    }
    DB_OK(fi_db_close(work.db, &err));
    fi_os_dir_close(dir);
    fi_sim_fault_destroy(slow);
    db_support_disk_deinit(&disk);
}

/* ---- whole commits ---- */

enum { WHOLE_KEYS = 64 };

struct whole {
    struct firn_db *db;
    struct firn_db_keyspace *keyspace;
    atomic_bool is_over;
    atomic_uint_fast64_t looks;
};

/* All keys hold one number, forwards and backwards, however often they are looked at. */
static uint64_t
look_through(struct whole *whole, struct firn_txn *txn, bool is_back)
{
    firn_error err;
    struct firn_db_cursor *cursor;
    uint64_t number = 0;
    unsigned count = 0;
    DB_OK(fi_txn_cursor_open(txn, whole->keyspace, NULL, &cursor, &err));
    DB_OK(is_back ? fi_db_cursor_last(cursor, &err) : fi_db_cursor_first(cursor, &err));
    while (fi_db_cursor_valid(cursor)) {
        uint64_t found = fi_load_le64(fi_db_cursor_value(cursor).data);
        assert_true(count == 0 || found == number);
        number = found;
        count++;
        DB_OK(is_back ? fi_db_cursor_prev(cursor, &err) : fi_db_cursor_next(cursor, &err));
    }
    fi_db_cursor_close(cursor);
    assert_int_equal(count, number == 0 ? 0 : WHOLE_KEYS);
    return number;
}

static void *
look_again_and_again(void *arg)
{
    struct whole *whole = arg;
    firn_error err;
    const struct fi_txn_options options = {.is_read_only = true};
    while (!atomic_load(&whole->is_over)) {
        struct firn_txn *txn;
        DB_OK(fi_txn_begin(whole->db, &options, &txn, &err));
        uint64_t number = look_through(whole, txn, false);
        assert_int_equal(look_through(whole, txn, true), number);
        DB_OK(fi_txn_commit(txn, FIRN_DURABILITY_DEFAULT, &err));
        fi_txn_close(txn);
        atomic_fetch_add(&whole->looks, 1);
    }
    return NULL;
}

static void
write_whole(struct whole *whole, uint64_t number)
{
    firn_error err;
    const struct fi_txn_options options = {0};
    struct firn_txn *txn;
    uint8_t value[8];
    fi_store_le64(value, number);
    DB_OK(fi_txn_begin(whole->db, &options, &txn, &err));
    for (uint64_t i = 0; i < WHOLE_KEYS; i++) {
        uint8_t key[8];
        fi_store_be64(key, i * 7 % WHOLE_KEYS);
        DB_OK(fi_txn_put(txn, whole->keyspace, firn_bytes(key, 8), firn_bytes(value, 8), &err));
    }
    DB_OK(fi_txn_commit(txn, FIRN_DURABILITY_OS, &err));
    fi_txn_close(txn);
}

/* S-C2 */
static void
readers_see_whole_commits_and_the_same_ones_again(void **state)
{
    enum { READERS = 3 };
    firn_error err;
    const struct fi_db_options options = {.create_if_missing = true, .memory_bytes = 1 << 20};
    struct whole whole = {.looks = 0};
    pthread_t threads[READERS];
    int64_t duration_ms = getenv("FIRN_TEST_LONG") != NULL ? 4000 : 500;
    DB_OK(fi_db_memory_open(64 << 20, &options, &whole.db, &err));
    whole.keyspace = db_support_keyspace(whole.db, "k");
    for (unsigned i = 0; i < READERS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, look_again_and_again, &whole), 0);
    }
    int64_t end_ns = fi_os_monotonic_ns(fi_os_default()) + duration_ms * 1000000;
    uint64_t number = 0;
    while (fi_os_monotonic_ns(fi_os_default()) < end_ns) {
        write_whole(&whole, ++number);
    }
    atomic_store(&whole.is_over, true);
    for (unsigned i = 0; i < READERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    (void)printf("%llu commits, %llu looks\n", (unsigned long long)number,
                 (unsigned long long)atomic_load(&whole.looks));
    assert_true(atomic_load(&whole.looks) > 0);
    DB_OK(fi_db_close(whole.db, &err));
}

/* ---- counting ---- */

struct counting {
    struct firn_db *db;
    struct firn_db_keyspace *keyspace;
    unsigned tries;
    atomic_uint_fast64_t successes;
};

/* S-C1: reads a number and writes the next one; counts what was committed. */
static void *
count_up(void *arg)
{
    struct counting *counting = arg;
    firn_error err;
    for (unsigned i = 0; i < counting->tries; i++) {
        const struct fi_txn_options options = {0};
        struct firn_txn *txn;
        struct fi_buf out = {0};
        uint8_t value[8];
        DB_OK(fi_txn_begin(counting->db, &options, &txn, &err));
        int rc = fi_txn_get(txn, counting->keyspace, firn_str("c"), &out, &err);
        fi_store_le64(value, (rc == FIRN_OK ? fi_load_le64(out.data) : 0) + 1);
        DB_OK(fi_txn_put(txn, counting->keyspace, firn_str("c"), firn_bytes(value, 8), &err));
        rc = fi_txn_commit(txn, FIRN_DURABILITY_OS, &err);
        assert_true(rc == FIRN_OK || rc == FIRN_CONFLICT);
        atomic_fetch_add(&counting->successes, rc == FIRN_OK);
        fi_txn_close(txn);
        fi_buf_deinit(&out);
    }
    return NULL;
}

static void
a_counter_has_as_many_steps_as_commits(void **state)
{
    enum { THREADS = 4 };
    firn_error err;
    const struct fi_db_options options = {.create_if_missing = true, .memory_bytes = 4 << 20};
    struct counting counting = {.tries = getenv("FIRN_TEST_LONG") != NULL ? 60000 : 5000};
    struct fi_buf out = {0};
    pthread_t threads[THREADS];
    DB_OK(fi_db_memory_open(64 << 20, &options, &counting.db, &err));
    counting.keyspace = db_support_keyspace(counting.db, "k");
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, count_up, &counting), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    DB_OK(fi_db_get(counting.keyspace, firn_str("c"), &out, &err));
    uint64_t successes = atomic_load(&counting.successes);
    (void)printf("%u tries, %llu steps\n", THREADS * counting.tries, (unsigned long long)successes);
    assert_int_equal(fi_load_le64(out.data), successes);
    assert_true(successes >= counting.tries / 2);
    fi_buf_deinit(&out);
    DB_OK(fi_db_close(counting.db, &err));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(simulated_histories_are_isolated),
        cmocka_unit_test(wrong_ways_are_found_out),
        cmocka_unit_test(threads_are_isolated),
        cmocka_unit_test(commits_of_one_group_are_isolated),
        cmocka_unit_test(readers_see_whole_commits_and_the_same_ones_again),
        cmocka_unit_test(a_counter_has_as_many_steps_as_commits),
    };
    return cmocka_run_group_tests_name("db_isolation", tests, NULL, NULL);
}
