/* SPDX-License-Identifier: Apache-2.0
 *
 * kv_check.c: whether an adapter does what kv.h says, before its figures are believed: puts,
 * overwrites, batches and deletes of 1,000 entries are compared with an array of the expected
 * entries, by get and by cursor, in the same process and after reopening.
 */
#include <string.h>

#include "kv_run.h"

enum { ENTRIES = 1000, ABSENT = 0 };

/* The version of each entry. */
struct model {
    uint64_t versions[ENTRIES];
};

static void
compare_gets(struct kv_worker *worker, const struct model *model)
{
    for (uint64_t i = 0; i < ENTRIES; i++) {
        uint8_t key[KV_KEY_SIZE];
        struct kv_bytes value;
        kv_key_write(key, kv_number_of(i));
        if (model->versions[i] != ABSENT) {
            if (kv_run_get(worker, kv_number_of(i)) != model->versions[i]) {
                kv_die("get gives an old value");
            }
        } else if (kv_engine.get(worker, (struct kv_bytes){key, sizeof(key)}, &value)) {
            kv_die("get gives a removed value");
        }
    }
}

/* The cursor from any entry on gives exactly what the model has. */
static void
compare_cursor(struct kv_worker *worker, const struct model *model, uint64_t from, uint64_t number)
{
    uint8_t key[KV_KEY_SIZE];
    struct kv_pair pair;
    uint64_t version;
    kv_key_write(key, number);
    bool more = kv_engine.cursor_seek(worker, (struct kv_bytes){key, sizeof(key)}, &pair);
    for (uint64_t i = from; i < ENTRIES; i++) {
        if (model->versions[i] == ABSENT) {
            continue;
        }
        if (!more || kv_run_check_pair(&pair) != kv_number_of(i) ||
            !kv_value_read(pair.value.data, pair.value.size, kv_number_of(i), &version) ||
            version != model->versions[i]) {
            kv_die("the cursor gives something else than what was put");
        }
        more = kv_engine.cursor_next(worker, &pair);
    }
    if (more) {
        kv_die("the cursor gives more than what was put");
    }
    kv_engine.cursor_end(worker);
}

static void
compare(struct kv_run *run, const struct model *model)
{
    struct kv_worker *other = kv_engine.worker_create(run->store);
    compare_gets(run->worker, model);
    compare_gets(other, model);
    compare_cursor(other, model, 0, 0);
    for (uint64_t i = 0; i < ENTRIES; i += 37) {
        compare_cursor(run->worker, model, i, kv_number_of(i));
        compare_cursor(run->worker, model, i + 1, kv_number_missing(i));
    }
    kv_engine.worker_destroy(other);
}

static void
change(struct kv_run *run, struct model *model, struct kv_random *random, uint64_t version)
{
    uint64_t first = kv_random_below(random, ENTRIES - 2);
    uint8_t keys[2][KV_KEY_SIZE];
    uint8_t values[2][KV_VALUE_SIZE];
    struct kv_pair pairs[2];
    for (uint64_t i = 0; i < 2; i++) {
        uint64_t number = kv_number_of(first + i);
        kv_key_write(keys[i], number);
        kv_value_write(values[i], KV_VALUE_SIZE, number, version);
        pairs[i].key = (struct kv_bytes){keys[i], KV_KEY_SIZE};
        pairs[i].value = (struct kv_bytes){values[i], KV_VALUE_SIZE};
    }
    switch (kv_random_below(random, 4)) {
    case 0:
        kv_engine.remove(run->worker, pairs[0].key);
        model->versions[first] = ABSENT;
        break;
    case 1:
        kv_engine.put_batch(run->worker, pairs, 2);
        model->versions[first] = version;
        model->versions[first + 1] = version;
        break;
    default:
        kv_engine.put(run->worker, pairs[0].key, pairs[0].value);
        model->versions[first] = version;
        break;
    }
}

void
kv_check_adapter(struct kv_run *run)
{
    struct model model = {{0}};
    struct kv_random random = {run->seed};
    uint64_t version = 0;
    for (int round = 0; round < 3; round++) {
        kv_run_open(run);
        compare(run, &model);
        for (int i = 0; i < 2 * ENTRIES; i++) {
            change(run, &model, &random, ++version);
        }
        compare(run, &model);
        kv_run_settle(run);
        compare(run, &model);
        kv_run_close(run);
    }
}
