/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/share: after a rotation an encrypted remote is written anew, beside machines that push, prune
 * and rotate, and broken at any call. Nothing is lost, and in the end no older key opens anything.
 */
#include "base/slice.h"
#include "bucket/bucket_folder.h"
#include "cipher/cipher.h"
#include "share/share_internal.h"
#include "share_support.h"
#include "sim/sim_fault.h"
#include "support/test_ok.h"
#include "support/test_random.h"
#include "support/workspace/ws_break.h"

#define ONE "the first key, in a file of more than 32 bytes"
#define TWO "the second key, in a file of more than 32 bytes"
#define NINE_HOURS (INT64_C(9) * 3600 * 1000000000)

enum { LARGE = 300 << 10, SMALL = 20 << 10, UNNAMED_SLICE = 4096 };

static firn_error err;

/* ==== machines ==== */

static const char *key_file = ONE;

static int
answer(void *ctx, const struct fi_unlock_request *request, struct fi_unlock_secret *out,
       firn_error *error)
{
    (void)ctx, (void)request, (void)error;
    out->kind = FI_KEYS_FILE;
    out->size = strlen(key_file);
    memcpy(out->bytes, key_file, out->size);
    return FIRN_OK;
}

/* What it was told before is forgotten. */
static void
give(struct ws_world *world)
{
    world->ws->unlock.get = answer;
    fi_unlock_memory_deinit(&world->ws->remote_memory);
}

static int
add_remote(struct ws_world *world)
{
    const struct fi_share_add_options options = {.encrypt = true};
    return fi_share_name_add(world->ws, "origin", SHARE_REMOTE, &options, &err);
}

/* "/w" renews; "/b" does what it is let do. */
struct machines {
    struct ws_world a;
    struct ws_world b;
    uint64_t seed;
    uint64_t saved; /* checkpoints in the remote */
};

static void
save_and_push(struct machines *machines, struct ws_world *world, const char *path, size_t size)
{
    scan_put_random(&world->tree, path, machines->seed++, size);
    ws_save(world);
    share_push(world);
    machines->saved++;
}

static int
rotate(struct ws_world *world)
{
    const struct fi_share_rekey rekey = {.ws = world->ws};
    return fi_share_rekey_rotate(&rekey, &err);
}

/* Packs that are files, and small ones in the state, all with the first master key. */
static void
open_machines(struct machines *out, bool is_encrypted)
{
    *out = (struct machines){.seed = 1};
    ws_world_open_memory(&out->a, 7);
    out->a.ws->new_cipher = is_encrypted ? FI_CIPHER_XCHACHA20_POLY1305 : 0;
    give(&out->a);
    gc_neighbour_open_store(&out->a, "/b", "/bs", &out->b);
    give(&out->b);
    OK(add_remote(&out->a));
    OK(add_remote(&out->b));
    save_and_push(out, &out->a, "large", LARGE);
    save_and_push(out, &out->a, "small", SMALL);
    save_and_push(out, &out->b, "large", LARGE);
    save_and_push(out, &out->b, "small", SMALL);
}

static void
close_machines(struct machines *machines)
{
    gc_neighbour_close(&machines->b);
    ws_world_close(&machines->a);
}

static void
sleep_for(struct ws_world *world, int64_t ns)
{
    fi_os_sleep_ns(world->tree.os, ns);
}

static int
try_renew(struct ws_world *world, uint64_t bytes_max, firn_remote_rekey_result *out)
{
    firn_remote_rekey_options options = FIRN_REMOTE_REKEY_OPTIONS_INIT;
    options.bytes_max = bytes_max;
    return fi_share_renew(world->ws, NULL, &options, out, &err);
}

static firn_remote_rekey_result
renew(struct ws_world *world)
{
    firn_remote_rekey_result result;
    OK(try_renew(world, 0, &result));
    return result;
}

/* Until nothing is left. */
static void
renew_all(struct ws_world *world)
{
    firn_remote_rekey_result result = renew(world);
    for (int i = 0; i < 4 && !result.is_done; i++) {
        sleep_for(world, NINE_HOURS);
        result = renew(world);
    }
    assert_true(result.is_done);
    assert_int_equal(result.left_packs + result.left_states, 0);
}

/* ==== the judge ==== */

struct looking {
    struct share_remote *at;
    uint64_t outdated;
    uint64_t count;
};

static int
look_at_object(void *ctx, const struct fi_bucket_object *object)
{
    struct looking *looking = ctx;
    struct fi_buf bytes = {0};
    bool current;
    OK(fi_bucket_get(looking->at->bucket, object->name, 0, UINT64_MAX, &bytes, &err));
    if (strncmp(object->name, "states/", 7) == 0) {
        current = fi_remote_seal_is_newest(&looking->at->seal, fi_buf_slice(&bytes));
    } else {
        OK(fi_block_seal_header_is_current(fi_cipher_keyring_seal(looking->at->keyring),
                                           fi_buf_slice(&bytes), object->name, &current, &err));
    }
    looking->count++;
    looking->outdated += current ? 0 : 1;
    fi_buf_deinit(&bytes);
    return FIRN_OK;
}

/* Objects of the bucket, and packs in the state, that an older key opens. */
static uint64_t
count_outdated(struct ws_world *world, uint64_t *out_master_keys)
{
    struct share_remote at;
    struct looking looking = {.at = &at};
    const struct fi_remote_item *entry;
    share_remote_open(world, &at);
    OK(fi_bucket_list(at.bucket, "states/", NULL, look_at_object, &looking, &err));
    OK(fi_bucket_list(at.bucket, "packs/", NULL, look_at_object, &looking, &err));
    assert_true(looking.count > 0);
    for (size_t i = 0; (entry = share_remote_entry(&at, FI_SHARE_ENTRY_PACK, i)) != NULL; i++) {
        struct fi_share_pack pack;
        bool current;
        OK(fi_share_entry_decode_pack(entry->value, true, &pack, &err));
        OK(fi_block_seal_header_is_current(fi_cipher_keyring_seal(at.keyring), pack.bytes, "small",
                                           &current, &err));
        looking.outdated += current ? 0 : 1;
    }
    *out_master_keys = fi_keys_master_count(at.keys.keys);
    share_remote_close(&at);
    return looking.outdated;
}

static void
assert_done(struct ws_world *world)
{
    uint64_t master_keys;
    assert_int_equal(count_outdated(world, &master_keys), 0);
    assert_int_equal(master_keys, 1);
}

/* A machine that has nothing gets all of it, and all of it is whole. */
static void
assert_whole(struct ws_world *world, uint64_t saved)
{
    static unsigned count;
    firn_remote_check_options check = FIRN_REMOTE_CHECK_OPTIONS_INIT;
    firn_remote_check_result checked;
    struct ws_world third;
    char path[16];
    char store[16];
    snprintf(path, sizeof path, "/t%u", count);
    snprintf(store, sizeof store, "/ts%u", count++);
    gc_neighbour_open_store(world, path, store, &third);
    give(&third);
    OK(add_remote(&third));
    check.read_data = true;
    OK(fi_share_check(third.ws, NULL, &check, &checked, &err));
    assert_int_equal(checked.checkpoints, saved);
    assert_int_equal(share_pull(&third).checkpoints, saved);
    ws_assert_check_clean(&third);
    gc_neighbour_close(&third);
}

/* ==== all of it ==== */

static void
get_keys(struct ws_world *world, unsigned number, struct fi_buf *out)
{
    char name[32];
    snprintf(name, sizeof name, "keys/%010u", number);
    struct fi_bucket *bucket = share_open_bucket(world);
    OK(fi_bucket_get(bucket, name, 0, UINT64_MAX, out, &err));
    fi_bucket_close(bucket);
}

/* The keys file from before the rotation, in place of all others. */
static void
put_keys_back(struct ws_world *world, unsigned newest, firn_slice first)
{
    char name[32];
    snprintf(name, sizeof name, "keys/%010u", newest);
    struct fi_bucket *bucket = share_open_bucket(world);
    OK(fi_bucket_remove(bucket, name, &err));
    OK(fi_bucket_put_bytes(bucket, "keys/0000000001", first, &err));
    fi_bucket_close(bucket);
}

/* After a rotation packs are written anew, in as many calls as it takes, and states go when they
 * are old. Then the older keys open nothing, and all machines go on. */
static void
a_remote_is_written_anew(void **state)
{
    (void)state;
    for (int is_encrypted = 0; is_encrypted < 2; is_encrypted++) {
        struct machines machines;
        struct ws_world late;
        struct fi_buf first = {0};
        firn_remote_rekey_result result;
        uint64_t master_keys;
        open_machines(&machines, is_encrypted != 0);
        gc_neighbour_open_store(&machines.a, "/l", "/ls", &late);
        give(&late);
        OK(add_remote(&late)); /* it keeps the keys of now */
        share_pull(&machines.b);
        get_keys(&machines.a, 1, &first);
        result = renew(&machines.a);
        assert_true(result.is_done && result.packs == 0);
        OK(rotate(&machines.a));
        OK(try_renew(&machines.a, 1, &result));
        assert_true(result.packs > 0 && result.left_packs > 0 && !result.is_done);
        result = renew(&machines.a);
        assert_true(result.packs > 0 && !result.is_done);
        assert_int_equal(result.left_packs, 0);
        assert_true(result.left_states > 0 && result.left_s > 8 * 3600);
        assert_int_equal(count_outdated(&machines.a, &master_keys), result.left_states);
        assert_int_equal(master_keys, 2);
        sleep_for(&machines.a, NINE_HOURS);
        const uint64_t states = result.left_states;
        result = renew(&machines.a);
        assert_int_equal(result.states, states);
        assert_int_equal(result.packs, 0);
        assert_true(result.is_done);
        assert_done(&machines.a);
        assert_whole(&machines.a, machines.saved);
        /* What was here is not fetched again. */
        firn_pull_result pulled = share_pull(&machines.b);
        assert_true(pulled.checkpoints == 0 && pulled.bytes == 0);
        assert_int_equal(share_pull(&late).checkpoints, machines.saved);
        save_and_push(&machines, &machines.b, "more", LARGE);
        save_and_push(&machines, &machines.a, "more", SMALL);
        assert_done(&machines.a);
        assert_whole(&machines.a, machines.saved);
        gc_neighbour_close(&late);
        put_keys_back(&machines.a, 3, fi_buf_slice(&first));
        gc_neighbour_open_store(&machines.a, "/p", "/ps", &late);
        give(&late);
        OK(add_remote(&late));
        assert_int_equal(share_try_pull(&late, NULL), FIRN_CORRUPT);
        assert_non_null(strstr(late.err.text, "with a key that is not the remote's"));
        gc_neighbour_close(&late);
        fi_buf_deinit(&first);
        close_machines(&machines);
    }
}

/* The second rotation is as the first one, also for packs that were joined, and for machines that
 * have them as they were. A prune takes nothing away that is needed. */
static void
it_can_be_done_again(void **state)
{
    struct machines machines;
    struct ws_world late;
    firn_prune_options prune = FIRN_PRUNE_OPTIONS_INIT;
    firn_prune_result pruned;
    (void)state;
    open_machines(&machines, false);
    for (int i = 0; i < 3; i++) {
        share_pull(&machines.b);
        OK(rotate(&machines.b));
        for (int k = 0; k < 4; k++) { /* some small packs */
            char name[16];
            snprintf(name, sizeof name, "text%d", i);
            scan_put_text(&machines.a.tree, name, k % 2 == 0 ? "one text" : "one text, changed");
            ws_save(&machines.a);
            share_push(&machines.a);
            machines.saved++;
        }
        share_pull(&machines.b);
        renew_all(&machines.a);
        save_and_push(&machines, &machines.a, "little", SMALL);
        assert_true(share_pull(&machines.b).bytes < LARGE); /* the rest is here */
        if (i == 0) { /* one that gets them as they were written anew */
            gc_neighbour_open_store(&machines.a, "/l", "/ls", &late);
            give(&late);
            OK(add_remote(&late));
        }
        assert_true(share_pull(&late).bytes < LARGE || i == 0);
        prune.now = true;
        OK(fi_share_prune(machines.b.ws, NULL, &prune, &pruned, &err));
        OK(fi_share_prune(machines.b.ws, NULL, &prune, &pruned, &err));
        assert_int_equal(pruned.removed_packs, 0);
        assert_done(&machines.a);
        assert_whole(&machines.a, machines.saved);
    }
    gc_neighbour_close(&late);
    close_machines(&machines);
}

/* Takes a checkpoint of "/w" out of the remote. */
static void
forget(struct machines *machines, uint64_t order)
{
    struct share_remote at;
    const struct fi_remote_item *entry;
    share_remote_open(&machines->a, &at);
    for (size_t i = 0; (entry = share_remote_entry(&at, FI_SHARE_ENTRY_CHECKPOINT, i)) != NULL;
         i++) {
        struct fi_share_checkpoint checkpoint;
        struct fi_catalog_record record;
        OK(fi_share_entry_decode_checkpoint(entry->value, &checkpoint, &err));
        OK(fi_catalog_record_decode(checkpoint.record, &record, &err));
        if (record.order == order && fi_slice_equal(record.workspace_path, firn_str("/w"))) {
            OK(fi_remote_table_put(&at.change.removed, entry->key, firn_bytes(NULL, 0), 0, &err));
            machines->saved--;
        }
    }
    share_remote_publish(&at);
    share_remote_close(&at);
}

/* A pack has nothing that is needed but the base of a delta, which names it as it was before it was
 * written anew twice. */
static void
what_a_delta_leans_on_stays(void **state)
{
    enum { SIZE = 30000 };
    static char bytes[SIZE];
    struct test_random random = {77};
    struct machines machines;
    firn_prune_options prune = FIRN_PRUNE_OPTIONS_INIT;
    firn_prune_result pruned;
    (void)state;
    open_machines(&machines, false);
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (char)('a' + test_random_below(&random, 26));
    }
    scan_put_file(&machines.a.tree, "file", bytes, SIZE - 50);
    save_and_push(&machines, &machines.a, "more", LARGE);
    scan_put_file(&machines.a.tree, "file", bytes, SIZE);
    scan_remove_file(&machines.a.tree, "more");
    save_and_push(&machines, &machines.a, "tiny", 100);
    forget(&machines, 3);
    for (int i = 0; i < 2; i++) {
        OK(rotate(&machines.b));
        renew_all(&machines.a);
    }
    prune.now = true;
    OK(fi_share_prune(machines.b.ws, NULL, &prune, &pruned, &err));
    assert_int_equal(pruned.removed_packs, 0);
    assert_whole(&machines.a, machines.saved);
    close_machines(&machines);
}

/* No state tells a machine of the rotation, but for one that this makes. */
static void
a_remote_without_a_state_is_renewed(void **state)
{
    struct machines machines = {.seed = 1};
    (void)state;
    ws_world_open_memory(&machines.a, 7);
    give(&machines.a);
    gc_neighbour_open_store(&machines.a, "/b", "/bs", &machines.b);
    give(&machines.b);
    OK(add_remote(&machines.a));
    OK(add_remote(&machines.b));
    assert_true(renew(&machines.a).is_done);
    assert_int_equal(share_pull(&machines.a).requests, 1);
    OK(rotate(&machines.a));
    assert_true(renew(&machines.a).is_done);
    save_and_push(&machines, &machines.b, "large", LARGE);
    assert_done(&machines.a);
    assert_whole(&machines.a, machines.saved);
    close_machines(&machines);
}

/* Files that no state names are looked at in slices of the list, to its end. */
static void
all_unnamed_files_are_looked_at(void **state)
{
    struct machines machines;
    struct share_remote at;
    struct fi_buf header = {0};
    char name[FI_BUCKET_NAME_SIZE_MAX + 1];
    (void)state;
    open_machines(&machines, false);
    share_remote_open(&machines.a, &at);
    fi_remote_file_name(&at.remote.state.files.items[0], name);
    OK(fi_bucket_get(at.bucket, name, 0, FI_BLOCK_SEAL_HEADER_SIZE, &header, &err));
    share_remote_close(&at);
    OK(rotate(&machines.a));
    assert_true(renew(&machines.a).packs > 0);
    struct fi_buf newer = {0};
    share_remote_open(&machines.a, &at);
    for (size_t i = 0; i < at.remote.state.files.count; i++) {
        if (at.remote.state.files.items[i].status == FI_REMOTE_LIVE) {
            fi_remote_file_name(&at.remote.state.files.items[i], name);
        }
    }
    OK(fi_bucket_get(at.bucket, name, 0, FI_BLOCK_SEAL_HEADER_SIZE, &newer, &err));
    for (unsigned i = 0; i < UNNAMED_SLICE; i++) {
        snprintf(name, sizeof name, "packs/%030u.pack", i);
        OK(fi_bucket_put_bytes(at.bucket, name, fi_buf_slice(&newer), &err));
    }
    OK(fi_bucket_put_bytes(at.bucket, "packs/zzzz.pack", fi_buf_slice(&header), &err));
    share_remote_close(&at);
    renew_all(&machines.a);
    assert_done(&machines.a);
    assert_whole(&machines.a, machines.saved);
    fi_buf_deinit(&newer);
    fi_buf_deinit(&header);
    close_machines(&machines);
}

/* ==== what is refused ==== */

/* The remote has no keys: nothing is called done, with one master key as with two. */
static void
lost_keys_are_told(void **state)
{
    (void)state;
    for (unsigned newest = 1; newest <= 2; newest++) {
        struct machines machines;
        firn_remote_rekey_result result;
        char name[32];
        open_machines(&machines, false);
        OK(newest == 2 ? rotate(&machines.a) : FIRN_OK);
        snprintf(name, sizeof name, "keys/%010u", newest);
        struct fi_bucket *bucket = share_open_bucket(&machines.a);
        OK(fi_bucket_remove(bucket, name, &err));
        fi_bucket_close(bucket);
        assert_int_equal(try_renew(&machines.a, 0, &result), FIRN_CORRUPT);
        assert_non_null(strstr(err.text, "has lost its keys"));
        assert_false(result.is_done);
        close_machines(&machines);
    }
}

/* Keys that were rotated since all was looked at: what is encrypted with the last but one is not
 * lost. */
static void
only_keys_that_nothing_needs_are_dropped(void **state)
{
    const struct fi_keys_secret secret = {.kind = FI_KEYS_FILE, .bytes = firn_str(ONE)};
    struct machines machines;
    struct fi_share_keys used = {.keys = NULL};
    uint64_t master_keys;
    (void)state;
    open_machines(&machines, false);
    const struct fi_share_rekey rekey = {.ws = machines.a.ws};
    OK(rotate(&machines.a));
    struct fi_bucket *bucket = share_open_bucket(&machines.a);
    OK(fi_share_keys_read(bucket, &used, &err));
    OK(fi_keys_unlock(used.keys, &secret, NULL, &err));
    OK(rotate(&machines.b));
    FAILS(fi_share_rekey_drop(&rekey, used.keys, &err), FIRN_BUSY, "rotated again meanwhile");
    (void)count_outdated(&machines.a, &master_keys);
    assert_int_equal(master_keys, 3);
    fi_share_keys_deinit(&used);
    fi_bucket_close(bucket);
    close_machines(&machines);
}

static void
what_cannot_be_renewed_is_told(void **state)
{
    struct machines machines;
    firn_remote_rekey_options options = FIRN_REMOTE_REKEY_OPTIONS_INIT;
    firn_remote_rekey_result result;
    (void)state;
    open_machines(&machines, false);
    FAILS(fi_share_renew(machines.a.ws, "away", &options, &result, &err), FIRN_NOT_FOUND, "away");
    FAILS(fi_share_renew(machines.a.ws, "/nowhere", &options, &result, &err), FIRN_NOT_FOUND,
          "gives it a name");
    OK(fi_share_renew(machines.b.ws, SHARE_REMOTE, &options, &result, &err));
    assert_true(result.is_done);
    const struct fi_share_add_options clear = {.encrypt = false};
    OK(fi_share_name_add(machines.a.ws, "clear", "/clear", &clear, &err));
    FAILS(fi_share_renew(machines.a.ws, "clear", &options, &result, &err), FIRN_INVALID,
          "is not encrypted");
    close_machines(&machines);
}

/* A pack that is damaged is named, and stays; nothing is dropped. */
static void
a_damaged_pack_is_named(void **state)
{
    struct machines machines;
    firn_remote_rekey_result result;
    uint64_t master_keys;
    struct share_remote at;
    struct fi_buf bytes = {0};
    char name[FI_BUCKET_NAME_SIZE_MAX + 1];
    (void)state;
    for (int is_missing = 0; is_missing < 2; is_missing++) {
        open_machines(&machines, false);
        OK(rotate(&machines.a));
        share_remote_open(&machines.a, &at);
        fi_remote_file_name(&at.remote.state.files.items[0], name);
        OK(fi_bucket_get(at.bucket, name, 0, UINT64_MAX, &bytes, &err));
        OK(fi_bucket_remove(at.bucket, name, &err));
        bytes.data[bytes.size / 2] ^= 1;
        OK(is_missing ? FIRN_OK : fi_bucket_put_bytes(at.bucket, name, fi_buf_slice(&bytes), &err));
        share_remote_close(&at);
        assert_int_equal(try_renew(&machines.a, 0, &result), FIRN_CORRUPT);
        assert_non_null(strstr(err.text, name));
        assert_false(result.is_done);
        assert_true(count_outdated(&machines.a, &master_keys) > 0);
        assert_int_equal(master_keys, 2);
        firn_remote_check_options check = FIRN_REMOTE_CHECK_OPTIONS_INIT;
        firn_remote_check_result checked;
        check.read_data = true;
        check.repair = true;
        for (int i = 0; i < 2; i++) { /* the machine that has it repairs it */
            FI_IGNORE(fi_share_check((i == 0 ? machines.a : machines.b).ws, NULL, &check, &checked,
                                     &err));
        }
        renew_all(&machines.a);
        assert_done(&machines.a);
        assert_whole(&machines.a, machines.saved);
        close_machines(&machines);
    }
    fi_buf_deinit(&bytes);
}

/* ==== beside others ==== */

static struct machines *beside;
static unsigned calls_left;
static void (*act)(void);
static bool cancels;

static int
let_act(void *ctx, const firn_progress *progress)
{
    (void)ctx;
    assert_non_null(progress->phase);
    sleep_for(&beside->a, INT64_C(300000000)); /* so that each call is told */
    if (calls_left > 0 && --calls_left == 0) {
        const firn_error before = err;
        const int answered = cancels ? 1 : 0;
        act();
        err = before;
        return answered;
    }
    return 0;
}

static void
pushes(void)
{
    save_and_push(beside, &beside->b, "other", LARGE);
}

static void
pushes_little(void)
{
    save_and_push(beside, &beside->b, "other", SMALL);
}

static void
rotates(void)
{
    OK(rotate(&beside->b));
    save_and_push(beside, &beside->b, "other", SMALL);
}

static void
prunes(void)
{
    firn_prune_options prune = FIRN_PRUNE_OPTIONS_INIT;
    firn_prune_result pruned;
    prune.now = true;
    for (int i = 0; i < 3; i++) {
        OK(fi_share_prune(beside->b.ws, NULL, &prune, &pruned, &err));
    }
}

static void
renews(void)
{
    (void)renew(&beside->b);
}

static void
nothing(void)
{
}

/* Whatever another machine does at each moment that can be told: nothing is lost. The second time
 * the run ends there as well, and the next one goes on. */
static void
others_may_do_anything_meanwhile(void **state)
{
    static void (*const acts[])(void) = {pushes, pushes_little, rotates, prunes, renews, nothing};
    (void)state;
    for (size_t i = 0; i < 2 * (sizeof acts / sizeof *acts); i++) {
        unsigned n = 1;
        for (bool was_hit = true; was_hit; n += n < 12 ? 1 : 3) {
            struct machines machines;
            firn_remote_rekey_options options = FIRN_REMOTE_REKEY_OPTIONS_INIT;
            firn_remote_rekey_result result;
            open_machines(&machines, false);
            OK(rotate(&machines.a));
            save_and_push(&machines, &machines.a, "first", SMALL);
            sleep_for(&machines.a, NINE_HOURS);
            beside = &machines;
            calls_left = n;
            act = acts[i / 2];
            cancels = i % 2 != 0;
            options.callbacks.on_progress = let_act;
            int rc = fi_share_renew(machines.a.ws, NULL, &options, &result, &err);
            was_hit = calls_left == 0;
            if (rc != FIRN_OK && rc != FIRN_BUSY && !(was_hit && cancels)) {
                fail_msg("act %zu at call %u: %s: %s", i, n, firn_code_name(rc), err.text);
            }
            assert_false(was_hit && cancels && rc != FIRN_CANCELLED);
            assert_whole(&machines.a, machines.saved);
            renew_all(&machines.a);
            assert_done(&machines.a);
            assert_whole(&machines.a, machines.saved);
            close_machines(&machines);
        }
        assert_true(n > 6);
    }
}

static void
act_at_object(void *ctx, const struct fi_sim_fault_call *call)
{
    (void)ctx;
    const bool is_object = strcmp(call->operation, "link") == 0 ||
                           (strcmp(call->operation, "remove_file") == 0 && call->name != NULL &&
                            strspn(call->name, "0123456789") == 10);
    if (is_object && calls_left > 0 && --calls_left == 0) {
        const firn_error before = err;
        act();
        err = before;
    }
}

/* The same before each object that is made or removed: packs, the states that name them, those that
 * change nothing, those that an older key opens, and the last keys files. */
static void
others_may_act_before_any_object(void **state)
{
    static void (*const acts[])(void) = {rotates, pushes, prunes, pushes};
    (void)state;
    for (size_t i = 0; i < sizeof acts / sizeof *acts; i++) { /* the last time, none has met it */
        unsigned n = 1;
        for (bool was_hit = true; was_hit; n++) {
            struct machines machines;
            firn_remote_rekey_result result;
            open_machines(&machines, false);
            OK(rotate(&machines.a));
            if (i < 3) {
                save_and_push(&machines, &machines.a, "first", SMALL);
            }
            sleep_for(&machines.a, NINE_HOURS);
            scan_world_wrap(&machines.a.tree);
            ws_world_reopen(&machines.a);
            give(&machines.a);
            beside = &machines;
            calls_left = n;
            act = acts[i];
            fi_sim_fault_set_hook(machines.a.tree.outer, act_at_object, NULL);
            const int rc = try_renew(&machines.a, 0, &result);
            fi_sim_fault_set_hook(machines.a.tree.outer, NULL, NULL);
            was_hit = calls_left == 0;
            if (rc != FIRN_OK && rc != FIRN_BUSY) {
                fail_msg("act %zu at object %u: %s: %s", i, n, firn_code_name(rc), err.text);
            }
            uint64_t master_keys;
            const uint64_t outdated = count_outdated(&machines.b, &master_keys);
            assert_true(master_keys > 1 || outdated == 0);
            assert_whole(&machines.b, machines.saved);
            renew_all(&machines.b);
            assert_done(&machines.b);
            assert_whole(&machines.b, machines.saved);
            close_machines(&machines);
        }
        assert_true(n > FI_REMOTE_FULL_EVERY);
    }
}

static void
renews_to_the_end(void)
{
    OK(rotate(&beside->a));
    renew_all(&beside->a);
}

/* So the push loses the race, and is ended when it plans again. */
static void
pushes_and_ends_it(void)
{
    save_and_push(beside, &beside->a, "other", SMALL);
    calls_left = 1;
    act = nothing;
    cancels = true;
}

/* Another process of the machine that pushes rotates; the push ends after it has put a pack. */
static void
rotates_here_and_ends_it(void)
{
    OK(rotate(&beside->b));
    calls_left = 1;
    act = pushes_and_ends_it;
}

/* Packs of the newest state whose place another of its packs took. */
static size_t
count_replaced(struct ws_world *world)
{
    const firn_callbacks callbacks = FIRN_CALLBACKS_INIT;
    struct fi_share share;
    size_t count = 0;
    OK(fi_share_open(world->ws, NULL, FI_WS_READ, 0, &callbacks, &share, &err));
    OK(fi_remote_sync(&share.remote, &err));
    OK(fi_share_look(&share, &err));
    for (size_t i = 0; i < share.packs.count; i++) {
        const struct fi_share_pack *pack = fi_hash_map_at(&share.packs, i);
        for (size_t at = 0; at < pack->joined.size; at += sizeof(uint64_t)) {
            const uint64_t number = fi_load_le64(pack->joined.data + at);
            const struct fi_share_pack *joined = fi_hash_map_find(&share.packs, number, &number);
            count += joined != NULL && !joined->is_joined ? 1 : 0;
        }
    }
    OK(fi_share_close(&share, FIRN_OK, &err));
    return count;
}

static size_t
count_uploads(struct ws_world *world)
{
    const firn_callbacks callbacks = FIRN_CALLBACKS_INIT;
    struct fi_share share;
    OK(fi_share_open(world->ws, NULL, FI_WS_READ, 0, &callbacks, &share, &err));
    const size_t count = share.remote.uploads.count;
    OK(fi_share_close(&share, FIRN_OK, &err));
    return count;
}

/* A push that sends a pack with the older key, while the keys are rotated and the older one is
 * dropped, names none that nobody can read: before it has put the pack, or after. */
static void
a_push_that_meets_it_sends_again(void **state)
{
    (void)state;
    for (unsigned n = 1; n <= 3; n++) {
        struct machines machines;
        firn_push_options options = FIRN_PUSH_OPTIONS_INIT;
        firn_push_result result;
        open_machines(&machines, false);
        beside = &machines;
        calls_left = n;
        act = renews_to_the_end;
        cancels = false;
        scan_put_random(&machines.b.tree, "large", 99, LARGE);
        ws_save(&machines.b);
        options.callbacks.on_progress = let_act;
        OK(fi_share_push(machines.b.ws, NULL, &options, &result, &err));
        machines.saved++;
        assert_true(calls_left == 0 || n > 2);
        assert_whole(&machines.a, machines.saved);
        renew_all(&machines.a);
        assert_done(&machines.a);
        close_machines(&machines);
    }
}

/* A renewal ends at each of its steps, and a push comes before it is run again: what the renewal has
 * put is named with the push, and what it took the place of is not named any more. */
static void
a_push_ends_what_a_renewal_began(void **state)
{
    size_t uploads_max = 0;
    bool was_hit = true;
    (void)state;
    for (unsigned n = 1; was_hit; n++) {
        struct machines machines;
        firn_remote_rekey_options options = FIRN_REMOTE_REKEY_OPTIONS_INIT;
        firn_remote_rekey_result result;
        open_machines(&machines, false);
        OK(rotate(&machines.a));
        beside = &machines;
        calls_left = n;
        act = nothing;
        cancels = true;
        options.callbacks.on_progress = let_act;
        const int rc = fi_share_renew(machines.a.ws, NULL, &options, &result, &err);
        was_hit = calls_left == 0;
        assert_int_equal(rc, was_hit ? FIRN_CANCELLED : FIRN_OK);
        const size_t uploads = count_uploads(&machines.a);
        uploads_max = uploads > uploads_max ? uploads : uploads_max;
        save_and_push(&machines, &machines.a, "after", SMALL);
        assert_int_equal(count_replaced(&machines.a), 0);
        assert_whole(&machines.b, machines.saved);
        renew_all(&machines.a);
        assert_done(&machines.a);
        assert_whole(&machines.a, machines.saved);
        close_machines(&machines);
    }
    assert_true(uploads_max > 0);
}

static void
change_key(struct ws_world *world)
{
    const struct fi_share_rekey rekey = {.ws = world->ws};
    const struct fi_keys_secret secret = {.kind = FI_KEYS_FILE, .bytes = firn_str(TWO)};
    OK(fi_share_rekey_change(&rekey, 1, &secret, &err));
    key_file = TWO;
}

/* What was put before a rotation and no state names is not named any more, by the machine that
 * rotates, or one that meets it, if only as it is given a new key. */
static void
uploads_from_before_are_forgotten(void **state)
{
    (void)state;
    for (int how = 0; how < 3; how++) {
        struct machines machines;
        firn_push_options options = FIRN_PUSH_OPTIONS_INIT;
        firn_push_result result;
        open_machines(&machines, false);
        beside = &machines;
        calls_left = 2; /* when it was put */
        act = pushes_and_ends_it;
        cancels = false;
        scan_put_random(&machines.b.tree, "large", 99, LARGE);
        ws_save(&machines.b);
        options.callbacks.on_progress = let_act;
        assert_int_equal(fi_share_push(machines.b.ws, NULL, &options, &result, &err),
                         FIRN_CANCELLED);
        assert_int_equal(count_uploads(&machines.b), 1);
        OK(rotate(how == 0 ? &machines.b : &machines.a));
        if (how == 1) {
            save_and_push(&machines, &machines.a, "meets", SMALL);
            share_pull(&machines.b);
        } else if (how == 2) {
            change_key(&machines.a);
            give(&machines.b);
        }
        assert_int_equal(count_uploads(&machines.b), 0);
        share_push(&machines.b);
        machines.saved++;
        renew_all(&machines.a);
        assert_done(&machines.a);
        assert_whole(&machines.a, machines.saved);
        close_machines(&machines);
    }
    key_file = ONE;
}

/* A push that goes on with the older key puts no note of its packs beside the newer one. */
static void
uploads_are_not_noted_beside_newer_keys(void **state)
{
    struct machines machines;
    firn_push_options options = FIRN_PUSH_OPTIONS_INIT;
    firn_push_result result;
    (void)state;
    open_machines(&machines, false);
    beside = &machines;
    calls_left = 1;
    act = rotates_here_and_ends_it;
    cancels = false;
    scan_put_random(&machines.b.tree, "large", 99, LARGE);
    ws_save(&machines.b);
    options.callbacks.on_progress = let_act;
    assert_int_equal(fi_share_push(machines.b.ws, NULL, &options, &result, &err), FIRN_CANCELLED);
    assert_int_equal(count_uploads(&machines.b), 0);
    share_push(&machines.b);
    machines.saved++;
    renew_all(&machines.a);
    assert_done(&machines.a);
    assert_whole(&machines.a, machines.saved);
    close_machines(&machines);
}

/* ==== broken ==== */

static uint64_t saved_before;

static int
run_renewal(struct ws_world *world, int operation)
{
    firn_remote_rekey_result result;
    (void)operation;
    give(world);
    const int rc = try_renew(world, 0, &result);
    world->err = err;
    return rc;
}

static void
judge(struct ws_world *world, int operation, const struct ws_broken *broken)
{
    (void)operation, (void)broken;
    give(world);
    assert_whole(world, saved_before);
    renew_all(world);
    assert_done(world);
    assert_whole(world, saved_before);
    ws_assert_check_clean(world);
}

static uint64_t every = 1;

static void
for_all(void (*break_it)(const struct ws_break *how))
{
    struct machines machines;
    struct fi_os_dir *top;
    struct ws_break_numbered numbered = {.run = run_renewal, .judge = judge};
    open_machines(&machines, false);
    OK(rotate(&machines.a));
    sleep_for(&machines.a, NINE_HOURS);
    saved_before = machines.saved;
    gc_neighbour_close(&machines.b);
    OK(fi_os_dir_open_path(machines.a.tree.os, "/", &top, &err));
    OK(fi_os_dir_sync_filesystem(top, &err));
    fi_os_dir_close(top);
    struct ws_break how = ws_break_numbered(&machines.a, &numbered, every);
    break_it(&how);
    ws_world_close(&machines.a);
}

static void
any_call_may_fail(void **state)
{
    (void)state;
    every = 40;
    for_all(ws_break_any_call);
}

static void
any_allocation_may_fail(void **state)
{
    (void)state;
    every = 80;
    ws_break_allocations_of(for_all);
}

static void
the_power_may_go_at_any_call(void **state)
{
    (void)state;
    every = 40;
    for_all(ws_break_any_power);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_remote_is_written_anew),
        cmocka_unit_test(it_can_be_done_again),
        cmocka_unit_test(what_a_delta_leans_on_stays),
        cmocka_unit_test(a_remote_without_a_state_is_renewed),
        cmocka_unit_test(all_unnamed_files_are_looked_at),
        cmocka_unit_test(lost_keys_are_told),
        cmocka_unit_test(only_keys_that_nothing_needs_are_dropped),
        cmocka_unit_test(what_cannot_be_renewed_is_told),
        cmocka_unit_test(a_damaged_pack_is_named),
        cmocka_unit_test(others_may_do_anything_meanwhile),
        cmocka_unit_test(others_may_act_before_any_object),
        cmocka_unit_test(a_push_that_meets_it_sends_again),
        cmocka_unit_test(a_push_ends_what_a_renewal_began),
        cmocka_unit_test(uploads_from_before_are_forgotten),
        cmocka_unit_test(uploads_are_not_noted_beside_newer_keys),
        cmocka_unit_test(any_call_may_fail),
        cmocka_unit_test(any_allocation_may_fail),
        cmocka_unit_test(the_power_may_go_at_any_call),
    };
    if (fi_cipher_check(FI_CIPHER_XCHACHA20_POLY1305, &err) != FIRN_OK) {
        printf("SKIPPED: share_renew: %s\n", err.text);
        return 0;
    }
    return cmocka_run_group_tests_name("share_renew", tests, NULL, NULL);
}
