/* SPDX-License-Identifier: Apache-2.0
 *
 * Machines push to a remote, prune it and read it at the same time; requests are lost, late and
 * stale, machines die and sleep for weeks, with clocks that are days wrong (sim/sim_bucket.h). A
 * judge, who sees each object that is made and removed, knows the sequence of states, and at the end
 * holds:
 *
 *   1. every push that was acknowledged is on the chain of states that ends in the newest one;
 *   2. each file that the newest state calls live is there, at any time: none was removed while it
 *      was live, and none was named after it had been removed;
 *   3. each checkpoint has all its contents in files that are live;
 *   4. a reader got all contents of the checkpoint it wanted, or finds that it was pruned.
 *
 * Contents are numbers here: a file is a list of them, and a checkpoint the list of those that it
 * needs. Machines share some of them.
 *
 * FIRN_TEST_SEED: one run. FIRN_TEST_LONG: so many that take FIRN_TEST_SECONDS (600).
 */
#include <inttypes.h>
#include <time.h>

#include "base/bytes.h"
#include "base/slice.h"
#include "remote/remote.h"
#include "sim/sim_bucket.h"
#include "support/test.h"

enum { SHARED = 40, NEEDED = 5, CHECKPOINT_MAX = 600, KEEP = 12, RUN_MAX = 16 };

/* Each bug of tools/mutants.d/remote is found by one of the first 300. */
#ifdef __SANITIZE_ADDRESS__
enum { RUNS = 100 };
#else
enum { RUNS = 400 };
#endif

/* ==== what the judge knows ==== */

struct made_state {
    uint64_t number;
    uint8_t nonce[FI_REMOTE_NONCE_SIZE];
    uint8_t prev[FI_REMOTE_NONCE_SIZE];
};

struct acknowledged {
    uint8_t nonce[FI_REMOTE_NONCE_SIZE];
};

struct world {
    struct fi_sim_bucket *server;
    struct fi_remote_state newest; /* the judge's own */
    struct fi_remote_table made_files;
    struct made_state *made;
    size_t made_count;
    size_t made_capacity;
    struct acknowledged acknowledged[CHECKPOINT_MAX];
    size_t acknowledged_count;
    uint32_t order; /* of checkpoints */
    uint32_t next_content;
    int pushers_left;
    int pushes_each;
    uint64_t prunes;
    uint64_t removed;
    uint64_t killed;
    uint64_t reads;
    uint64_t lost_races;
    char violation[256];
};

__attribute__((format(printf, 2, 3))) static void
violate(struct world *world, const char *format, ...)
{
    if (world->violation[0] == 0) {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(world->violation, sizeof world->violation, format, arguments);
        va_end(arguments);
    }
}

/* 2: files of the newest state are there. */
static void
check_files(struct world *world)
{
    for (size_t i = 0; i < world->newest.files.count; i++) {
        const struct fi_remote_item *file = &world->newest.files.items[i];
        char name[FI_BUCKET_NAME_SIZE_MAX + 1];
        fi_remote_file_name(file, name);
        if (file->status == FI_REMOTE_LIVE && fi_sim_bucket_find(world->server, name) == NULL) {
            violate(world, "state %" PRIu64 " names %s, which is not there", world->newest.number,
                    name);
        }
    }
}

static void
on_made(void *ctx, const char *name, firn_slice bytes)
{
    struct world *world = ctx;
    uint64_t number = fi_remote_state_number(name);
    if (number == 0) {
        const struct fi_remote_item *file =
            fi_remote_table_find(&world->made_files, firn_str(name));
        firn_error error;
        if (file != NULL) {
            violate(world, "%s is made twice", name); /* (a) */
        } else if (fi_remote_table_put(&world->made_files, firn_str(name), firn_str(""), 0,
                                       &error) != FIRN_OK) {
            violate(world, "%s", error.text);
        }
        return;
    }
    struct fi_remote_record record;
    firn_error err;
    if (fi_remote_state_decode(bytes, number, &record, &err) != FIRN_OK) {
        violate(world, "%s", err.text);
        return;
    }
    if (world->made_count == world->made_capacity) {
        world->made_capacity = world->made_capacity * 2 + 64;
        world->made = realloc(world->made, world->made_capacity * sizeof *world->made);
        assert_non_null(world->made);
    }
    struct made_state *made = &world->made[world->made_count++];
    made->number = number;
    memcpy(made->nonce, record.nonce, sizeof made->nonce);
    memcpy(made->prev, record.prev, sizeof made->prev);
    if (number == world->newest.number + 1) {
        if (memcmp(record.prev, world->newest.nonce, sizeof record.prev) != 0) {
            violate(world, "state %" PRIu64 " does not follow the one before", number);
        }
        if (fi_remote_state_apply(&world->newest, &record, &err) != FIRN_OK) {
            violate(world, "%s", err.text);
        }
        check_files(world);
    }
    fi_remote_state_record_deinit(&record);
}

static void
on_removed(void *ctx, const char *name)
{
    struct world *world = ctx;
    const struct fi_remote_item *file = fi_remote_table_find(&world->newest.files, firn_str(name));
    if (file != NULL && file->status != FI_REMOTE_DEAD) {
        violate(world, "%s is removed, and not dead", name);
    }
    if (fi_remote_state_number(name) == world->newest.number) {
        violate(world, "the newest state is removed");
    }
    world->removed++;
}

/* ==== contents ==== */

static bool
has_content(firn_slice list, uint32_t content)
{
    for (size_t at = 0; at + 4 <= list.size; at += 4) {
        if (fi_load_le32(list.data + at) == content) {
            return true;
        }
    }
    return false;
}

static bool
shares_content(firn_slice a, firn_slice b)
{
    for (size_t at = 0; at + 4 <= a.size; at += 4) {
        if (has_content(b, fi_load_le32(a.data + at))) {
            return true;
        }
    }
    return false;
}

static bool
live_files_have(const struct fi_remote_state *state, uint32_t content)
{
    for (size_t i = 0; i < state->files.count; i++) {
        const struct fi_remote_item *file = &state->files.items[i];
        if (file->status == FI_REMOTE_LIVE && has_content(file->value, content)) {
            return true;
        }
    }
    return false;
}

/* ==== pushers ==== */

struct machine {
    struct world *world;
    int index;
    int done;
};

struct wish {
    char key[32];
    uint8_t needed[4 * (NEEDED + 1)];
};

static bool
uploads_have(const struct fi_remote *remote, uint32_t content)
{
    for (size_t i = 0; i < remote->uploads.count; i++) {
        if (has_content(remote->uploads.items[i].value, content)) {
            return true;
        }
    }
    return false;
}

static int
read_buf(void *ctx, uint64_t offset, void *out, size_t size, firn_error *err)
{
    (void)err;
    const struct fi_buf *buf = ctx;
    memcpy(out, buf->data + offset, size);
    return FIRN_OK;
}

/* One more checkpoint: what no live file has is uploaded, and uploads that help are added. */
static int
plan_push(void *ctx, struct fi_remote *remote, struct fi_remote_change *change, firn_error *err)
{
    const struct wish *wish = ctx;
    firn_slice needed = firn_bytes(wish->needed, sizeof wish->needed);
    struct fi_buf missing = {0};
    int rc = FIRN_OK;
    if (fi_remote_table_find(&remote->state.entries, firn_str(wish->key)) != NULL) {
        return FIRN_OK; /* a push whose answer never came */
    }
    for (size_t at = 0; at < needed.size; at += 4) {
        uint32_t content = fi_load_le32(needed.data + at);
        if (!live_files_have(&remote->state, content) && !uploads_have(remote, content)) {
            FI_TRY(fi_buf_append(&missing, needed.data + at, 4));
        }
    }
    if (missing.size > 0) {
        char name[FI_REMOTE_FILE_NAME_SIZE];
        const struct fi_bucket_body body = {missing.size, read_buf, &missing};
        FI_TRY(fi_remote_upload(remote, &body, fi_buf_slice(&missing), name, err));
    }
    for (size_t i = 0; i < remote->uploads.count; i++) {
        const struct fi_remote_item *upload = &remote->uploads.items[i];
        if (shares_content(upload->value, needed)) {
            FI_TRY(fi_remote_table_put(&change->added, upload->key, upload->value, FI_REMOTE_LIVE,
                                       err));
        }
    }
    FI_TRY(fi_remote_table_put(&change->set, firn_str(wish->key), needed, 0, err));
out:
    fi_buf_deinit(&missing);
    return rc;
}

/* A machine that died comes back with what it had on disk, or is another one. */
static void
come_back(struct world *world, struct fi_sim_machine *sim, struct fi_remote *remote)
{
    world->killed++;
    fi_sim_machine_restart(sim);
    if (fi_sim_machine_dice(sim, 2) == 0) {
        fi_remote_deinit(remote);
        fi_remote_init(remote, fi_sim_machine_bucket(sim), fi_sim_machine_os(sim), "again");
    } else {
        for (size_t i = 0; i < remote->uploads.count; i++) {
            remote->uploads.items[i].status = FI_REMOTE_UPLOAD_NOTED;
        }
    }
}

static void
acknowledge(struct world *world, const struct fi_remote *remote)
{
    assert_true(world->acknowledged_count < CHECKPOINT_MAX);
    struct acknowledged *ack = &world->acknowledged[world->acknowledged_count++];
    memcpy(ack->nonce, remote->state.nonce, sizeof ack->nonce);
}

static void
push_often(void *ctx, struct fi_sim_machine *sim)
{
    struct machine *machine = ctx;
    struct world *world = machine->world;
    struct fi_os *os = fi_sim_machine_os(sim);
    struct fi_remote remote;
    fi_remote_init(&remote, fi_sim_machine_bucket(sim), os, "pusher");
    struct wish wish;
    bool is_made = false;
    for (int i = 0; i < world->pushes_each;) {
        fi_os_sleep_ns(os, (int64_t)fi_sim_machine_dice(sim, 4000000000));
        if (!is_made) {
            snprintf(wish.key, sizeof wish.key, "c/%08u/%d", world->order++, machine->index);
            for (int k = 0; k < NEEDED; k++) {
                fi_store_le32(wish.needed + 4 * k, (uint32_t)fi_sim_machine_dice(sim, SHARED));
            }
            fi_store_le32(wish.needed + 4 * NEEDED, SHARED + world->next_content++);
            is_made = true;
        }
        firn_error err;
        int rc = fi_remote_push(&remote, plan_push, &wish, &err);
        if (rc == FIRN_OK) {
            acknowledge(world, &remote);
            is_made = false;
            i++;
        } else if (fi_sim_machine_is_dead(sim)) {
            come_back(world, sim, &remote);
            is_made = is_made && fi_sim_machine_dice(sim, 2) == 0;
        } else if (rc != FIRN_IO && rc != FIRN_NOT_FOUND && rc != FIRN_CORRUPT) {
            violate(world, "a push failed: %d: %s", rc, err.text);
            break;
        } else if (rc == FIRN_CORRUPT && strstr(err.text, "incomplete") == NULL) {
            violate(world, "a push failed: %s", err.text);
            break;
        }
    }
    world->lost_races += remote.lost_race_count;
    world->pushers_left--;
    fi_remote_deinit(&remote);
}

/* ==== pruners ==== */

/* The newest KEEP checkpoints stay. */
static int
plan_prune(void *ctx, struct fi_remote *remote, struct fi_remote_change *change, firn_error *err)
{
    (void)ctx;
    const struct fi_remote_table *entries = &remote->state.entries;
    size_t first = entries->count > KEEP ? entries->count - KEEP : 0;
    for (size_t i = 0; i < first; i++) {
        FI_TRY_RETURN(fi_remote_table_put(&change->removed, entries->items[i].key,
                                          firn_bytes(NULL, 0), 0, err));
    }
    for (size_t i = 0; i < remote->state.files.count; i++) {
        const struct fi_remote_item *file = &remote->state.files.items[i];
        bool is_needed = file->status != FI_REMOTE_LIVE;
        for (size_t k = first; k < entries->count && !is_needed; k++) {
            is_needed = shares_content(file->value, entries->items[k].value);
        }
        if (!is_needed) {
            FI_TRY_RETURN(
                fi_remote_table_put(&change->killed, file->key, firn_bytes(NULL, 0), 0, err));
        }
    }
    return FIRN_OK;
}

static void
prune_often(void *ctx, struct fi_sim_machine *sim)
{
    struct machine *machine = ctx;
    struct world *world = machine->world;
    struct fi_os *os = fi_sim_machine_os(sim);
    struct fi_remote_prune_options options = FI_REMOTE_PRUNE_OPTIONS_INIT;
    options.orphan_age_s = 0;
    struct fi_remote remote;
    fi_remote_init(&remote, fi_sim_machine_bucket(sim), os, "pruner");
    while (world->pushers_left > 0) {
        fi_os_sleep_ns(os, (int64_t)fi_sim_machine_dice(sim, 8000000000));
        firn_error err;
        int rc = fi_remote_prune(&remote, &options, plan_prune, NULL, &err);
        if (rc == FIRN_OK) {
            world->prunes++;
        } else if (fi_sim_machine_is_dead(sim)) {
            come_back(world, sim, &remote);
        } else if (rc == FIRN_CORRUPT && strstr(err.text, "incomplete") == NULL) {
            violate(world, "a prune failed: %s", err.text);
            break;
        }
    }
    fi_remote_deinit(&remote);
}

/* ==== readers ==== */

/* Reads the files of a checkpoint; *out_got: all contents are there. */
static int
read_checkpoint(struct fi_remote *remote, const struct fi_remote_item *entry, bool *out_got,
                firn_error *err)
{
    struct fi_buf got = {0};
    struct fi_buf bytes = {0};
    int rc = FIRN_OK;
    for (size_t i = 0; i < remote->state.files.count; i++) {
        const struct fi_remote_item *file = &remote->state.files.items[i];
        if (file->status == FI_REMOTE_LIVE && shares_content(file->value, entry->value)) {
            char name[FI_BUCKET_NAME_SIZE_MAX + 1];
            fi_remote_file_name(file, name);
            FI_TRY(fi_bucket_get(remote->bucket, name, 0, UINT64_MAX, &bytes, err));
            FI_TRY(fi_buf_append_slice(&got, fi_buf_slice(&bytes)));
        }
    }
    *out_got = true;
    for (size_t at = 0; at < entry->value.size; at += 4) {
        *out_got &= has_content(fi_buf_slice(&got), fi_load_le32(entry->value.data + at));
    }
out:
    fi_buf_deinit(&got);
    fi_buf_deinit(&bytes);
    return rc;
}

static void
read_often(void *ctx, struct fi_sim_machine *sim)
{
    struct machine *machine = ctx;
    struct world *world = machine->world;
    struct fi_os *os = fi_sim_machine_os(sim);
    while (world->pushers_left > 0) {
        fi_os_sleep_ns(os, (int64_t)fi_sim_machine_dice(sim, 6000000000));
        struct fi_remote remote;
        firn_error err;
        fi_remote_init(&remote, fi_sim_machine_bucket(sim), os, "reader");
        char key[64] = "";
        bool is_done = false;
        for (int tries = 0; tries < 12 && !is_done; tries++) {
            int rc = fi_remote_resync(&remote, &err);
            const struct fi_remote_table *entries = &remote.state.entries;
            if (rc == FIRN_OK && entries->count > 0) {
                size_t i = entries->count - 1 - fi_sim_machine_dice(sim, entries->count);
                const struct fi_remote_item *entry =
                    key[0] == 0 ? &entries->items[i] : fi_remote_table_find(entries, firn_str(key));
                is_done = entry == NULL; /* pruned meanwhile: a clear answer */
                if (entry != NULL) {
                    snprintf(key, sizeof key, "%.*s", (int)entry->key.size,
                             (const char *)entry->key.data);
                    bool got = false;
                    rc = read_checkpoint(&remote, entry, &got, &err);
                    if (rc == FIRN_OK && !got) {
                        violate(world, "checkpoint %s lacks contents", key);
                    }
                    is_done = rc == FIRN_OK;
                    world->reads += rc == FIRN_OK;
                }
            } else {
                is_done = rc == FIRN_OK;
            }
            if (fi_sim_machine_is_dead(sim)) {
                fi_sim_machine_restart(sim);
                is_done = true;
            }
            fi_os_sleep_ns(os, 1000000000);
        }
        fi_remote_deinit(&remote);
    }
}

/* ==== the judge ==== */

static bool
is_on_chain(const struct world *world, const uint8_t *nonce)
{
    uint8_t at[FI_REMOTE_NONCE_SIZE];
    memcpy(at, world->newest.nonce, sizeof at);
    for (size_t steps = 0; steps <= world->made_count; steps++) {
        if (memcmp(at, nonce, sizeof at) == 0) {
            return true;
        }
        size_t i = world->made_count;
        while (i > 0 && memcmp(world->made[i - 1].nonce, at, sizeof at) != 0) {
            i--;
        }
        if (i == 0) {
            return false;
        }
        memcpy(at, world->made[i - 1].prev, sizeof at);
    }
    return false;
}

static void
judge(struct world *world)
{
    check_files(world);
    for (size_t i = 0; i < world->newest.entries.count; i++) {
        const struct fi_remote_item *entry = &world->newest.entries.items[i];
        for (size_t at = 0; at < entry->value.size; at += 4) {
            if (!live_files_have(&world->newest, fi_load_le32(entry->value.data + at))) {
                violate(world, "checkpoint %.*s lacks contents", (int)entry->key.size,
                        (const char *)entry->key.data);
            }
        }
    }
    for (size_t i = 0; i < world->acknowledged_count; i++) {
        if (!is_on_chain(world, world->acknowledged[i].nonce)) {
            violate(world, "push %zu was acknowledged, and is lost", i);
        }
    }
}

struct totals {
    uint64_t runs, pushes, prunes, removed, killed, reads, lost_races, requests;
};

static void
run_world(uint64_t seed, struct totals *totals)
{
    struct fi_os_prng_copy {
        uint64_t state;
    } dice = {seed * UINT64_C(0x9e3779b97f4a7c15) + 1};
#define BELOW(limit)                                                                  \
    ((dice.state = dice.state * UINT64_C(6364136223846793005) + 1442695040888963407), \
     (dice.state >> 33) % (limit))
    struct world world = {.server = NULL};
    const struct fi_sim_bucket_faults faults = {.dies = (uint32_t)BELOW(3) * 50,
                                                .answer_lost = (uint32_t)BELOW(3) * 200,
                                                .late = (uint32_t)BELOW(2) * 100,
                                                .stale = (uint32_t)BELOW(3) * 200,
                                                .sleeps = (uint32_t)BELOW(3) * 60};
    const struct fi_sim_bucket_watcher watcher = {on_made, on_removed, &world};
    world.server = fi_sim_bucket_create(seed, &faults, &watcher);
    struct machine machines[RUN_MAX];
    int pushers = 1 + (int)BELOW(5);
    int pruners = (int)BELOW(3);
    world.pushers_left = pushers;
    world.pushes_each = 10 + (int)BELOW(90) / pushers;
    int count = 0;
    for (int i = 0; i < pushers + pruners + 1; i++) {
        machines[count] = (struct machine){.world = &world, .index = i};
        int64_t error_ns =
            (int64_t)(BELOW(9) * UINT64_C(86400000000000)) - INT64_C(345600000000000);
        fi_sim_bucket_add(world.server, error_ns,
                          i < pushers             ? push_often
                          : i < pushers + pruners ? prune_often
                                                  : read_often,
                          &machines[count++]);
    }
    fi_sim_bucket_run(world.server);
    judge(&world);
    if (world.violation[0] != 0) {
        fail_msg("FIRN_TEST_SEED=%" PRIu64 ": %s", seed, world.violation);
    }
    totals->runs++;
    totals->pushes += world.acknowledged_count;
    totals->prunes += world.prunes;
    totals->removed += world.removed;
    totals->killed += world.killed;
    totals->reads += world.reads;
    totals->lost_races += world.lost_races;
    totals->requests += fi_sim_bucket_request_count(world.server);
    fi_sim_bucket_destroy(world.server);
    fi_remote_state_deinit(&world.newest);
    fi_remote_table_deinit(&world.made_files);
    free(world.made);
}

static void
pushed_checkpoints_are_never_lost(void **state)
{
    const char *seed = getenv("FIRN_TEST_SEED");
    const char *seconds = getenv("FIRN_TEST_SECONDS");
    struct totals totals = {0};
    if (seed != NULL) {
        run_world(strtoull(seed, NULL, 10), &totals);
    } else if (getenv("FIRN_TEST_LONG") != NULL) {
        time_t end = time(NULL) + (seconds != NULL ? atoi(seconds) : 600);
        for (uint64_t i = (uint64_t)time(NULL) << 20; time(NULL) < end; i++) {
            run_world(i, &totals);
        }
    } else {
        for (uint64_t i = 0; i < RUNS; i++) {
            run_world(i, &totals);
        }
    }
    printf("count: %" PRIu64 " runs of machines that share a remote\n"
           "%" PRIu64 " pushes, %" PRIu64 " prunes that removed %" PRIu64 " objects, %" PRIu64
           " machines killed, %" PRIu64 " reads, %" PRIu64 " lost races, %" PRIu64 " requests\n",
           totals.runs, totals.pushes, totals.prunes, totals.removed, totals.killed, totals.reads,
           totals.lost_races, totals.requests);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(pushed_checkpoints_are_never_lost)};
    return cmocka_run_group_tests_name("remote_model", tests, NULL, NULL);
}
