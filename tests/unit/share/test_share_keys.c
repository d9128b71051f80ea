/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/share: the keys of an encrypted remote: changes by machines that race, or slept, or were
 * broken at any call; machines that meet a new master key or a new passphrase; keys files that
 * somebody put back, or put under another number.
 */
#include "base/slice.h"
#include "bucket/bucket_folder.h"
#include "cipher/cipher.h"
#include "codec/blake3_hash.h"
#include "os/os_seal.h"
#include "remote/remote_marker.h"
#include "share/share_internal.h"
#include "share_support.h"
#include "support/test_file.h"
#include "support/test_ok.h"
#include "support/test_random.h"
#include "support/workspace/ws_break.h"

#define ONE "the first key, in a file of more than 32 bytes"
#define TWO "the second key, in a file of more than 32 bytes"
#define THREE "the third key, in a file of more than 32 bytes"

static firn_error err;

/* ==== machines with keys ==== */

/* What a machine answers when it is asked for the key. */
struct answers {
    const char *key; /* NULL: nobody is there */
    unsigned count;
    void (*before)(void); /* NULL, or called once */
};

static int
answer(void *ctx, const struct fi_unlock_request *request, struct fi_unlock_secret *out,
       firn_error *error)
{
    struct answers *answers = ctx;
    void (*before)(void) = answers->before;
    (void)request, (void)error;
    answers->before = NULL;
    if (before != NULL) {
        before();
    }
    if (answers->key == NULL) {
        return FIRN_NOT_FOUND;
    }
    answers->count++;
    out->kind = FI_KEYS_FILE;
    out->size = strlen(answers->key);
    memcpy(out->bytes, answers->key, out->size);
    return FIRN_OK;
}

/* From now on; what it was told before is forgotten. */
static void
give(struct ws_world *world, struct answers *answers, const char *key)
{
    *answers = (struct answers){.key = key};
    world->ws->unlock.get = answer;
    world->ws->unlock.ctx = answers;
    fi_unlock_memory_deinit(&world->ws->remote_memory);
}

/* Two machines that share an encrypted remote, with a push of the first one. */
struct machines {
    struct ws_world a;
    struct ws_world b;
    struct answers a_answers;
    struct answers b_answers;
};

static int
add_remote(struct ws_world *world)
{
    const struct fi_share_add_options options = {.encrypt = true};
    return fi_share_name_add(world->ws, "origin", SHARE_REMOTE, &options, &err);
}

static void
save(struct ws_world *world, const char *text)
{
    scan_put_text(&world->tree, "text", text);
    ws_save(world);
}

static void
open_machines(struct machines *out, uint64_t seed, bool b_is_encrypted)
{
    ws_world_open_memory(&out->a, seed);
    give(&out->a, &out->a_answers, ONE);
    gc_neighbour_open_store(&out->a, "/b", "/bs", &out->b);
    give(&out->b, &out->b_answers, ONE);
    out->b.ws->new_cipher = b_is_encrypted ? FI_CIPHER_XCHACHA20_POLY1305 : 0;
    OK(add_remote(&out->a));
    OK(add_remote(&out->b));
    save(&out->a, "first");
    share_push(&out->a);
}

static void
close_machines(struct machines *machines)
{
    gc_neighbour_close(&machines->b);
    ws_world_close(&machines->a);
}

/* ==== changes ==== */

static struct fi_share_rekey
rekey_of(struct ws_world *world)
{
    return (struct fi_share_rekey){.ws = world->ws};
}

static int
try_add(struct ws_world *world, const char *key)
{
    const struct fi_share_rekey rekey = rekey_of(world);
    const struct fi_keys_secret secret = {.kind = FI_KEYS_FILE, .bytes = firn_str(key)};
    uint16_t number;
    return fi_share_rekey_add(&rekey, &secret, firn_str("of a test"), &number, &err);
}

static int
try_change(struct ws_world *world, uint16_t number, const char *key)
{
    const struct fi_share_rekey rekey = rekey_of(world);
    const struct fi_keys_secret secret = {.kind = FI_KEYS_FILE, .bytes = firn_str(key)};
    return fi_share_rekey_change(&rekey, number, &secret, &err);
}

static int
try_remove(struct ws_world *world, uint16_t number)
{
    const struct fi_share_rekey rekey = rekey_of(world);
    return fi_share_rekey_remove(&rekey, number, &err);
}

static int
try_rotate(struct ws_world *world)
{
    const struct fi_share_rekey rekey = rekey_of(world);
    return fi_share_rekey_rotate(&rekey, &err);
}

static int
count_slot(void *ctx, const firn_keys_slot *slot)
{
    unsigned *mask = ctx;
    *mask |= 1U << slot->number;
    return FIRN_OK;
}

/* Slots as bits by their numbers. */
static unsigned
slots_of(struct ws_world *world, firn_keys_info *info)
{
    const struct fi_share_rekey rekey = rekey_of(world);
    unsigned mask = 0;
    OK(fi_share_rekey_list(&rekey, count_slot, &mask, info, &err));
    return mask;
}

/* ==== the remote ==== */

static void
get_object(struct ws_world *world, const char *name, struct fi_buf *out)
{
    struct fi_bucket *bucket = share_open_bucket(world);
    OK(fi_bucket_get(bucket, name, 0, UINT64_MAX, out, &err));
    fi_bucket_close(bucket);
}

static void
put_object(struct ws_world *world, const char *name, firn_slice bytes)
{
    struct fi_bucket *bucket = share_open_bucket(world);
    OK(fi_bucket_put_bytes(bucket, name, bytes, &err));
    fi_bucket_close(bucket);
}

static void
remove_object(struct ws_world *world, const char *name)
{
    struct fi_bucket *bucket = share_open_bucket(world);
    OK(fi_bucket_remove(bucket, name, &err));
    fi_bucket_close(bucket);
}

static int
note_object(void *ctx, const struct fi_bucket_object *object)
{
    unsigned *last = ctx;
    *last = *last * 100 + fi_share_keys_number(object->name);
    return FIRN_OK;
}

/* The generations that are there, two digits each. */
static unsigned
generations(struct ws_world *world)
{
    struct fi_bucket *bucket = share_open_bucket(world);
    unsigned all = 0;
    OK(fi_bucket_list(bucket, "keys/", NULL, note_object, &all, &err));
    fi_bucket_close(bucket);
    return all;
}

/* The number of the master key with which a state is encrypted. */
static uint32_t
master_of(struct ws_world *world, unsigned state)
{
    struct fi_buf bytes = {0};
    char name[32];
    snprintf(name, sizeof name, "states/%010u", state);
    get_object(world, name, &bytes);
    const uint8_t *end = memchr(bytes.data, '\n', bytes.size);
    const uint32_t number = fi_load_le32(end + 3);
    fi_buf_deinit(&bytes);
    return number;
}

/* Whether a key opens the newest keys. */
static bool
opens(struct ws_world *world, const char *key)
{
    const struct fi_keys_secret secret = {.kind = FI_KEYS_FILE, .bytes = firn_str(key)};
    struct fi_bucket *bucket = share_open_bucket(world);
    struct fi_share_keys keys = {.keys = NULL};
    OK(fi_share_keys_read(bucket, &keys, &err));
    const int rc = fi_keys_unlock(keys.keys, &secret, NULL, &err);
    fi_share_keys_deinit(&keys);
    fi_bucket_close(bucket);
    return rc == FIRN_OK;
}

/* The generation that a store keeps. */
static uint32_t
kept_generation(struct ws_world *world)
{
    struct fi_ws_opened opened;
    struct fi_share_keys_kept kept;
    OK(fi_ws_opened_open_store(world->ws, FI_WS_READ, &opened, &err));
    OK(fi_share_keys_kept(opened.db, "origin", &kept, &err));
    const uint32_t generation = fi_keys_generation(kept.keys.keys);
    fi_share_keys_kept_deinit(&kept);
    OK(fi_ws_opened_close(world->ws, &opened, FIRN_OK, &err));
    return generation;
}

/* ==== what a marker says ==== */

/* Somebody replaced the marker, or the whole remote: a store in clear takes it, unless its user
 * says that the remote is encrypted. */
static void
a_clear_marker_is_refused_where_encryption_is_known(void **state)
{
    const struct fi_share_add_options joins = {.must_exist = true, .encrypt = true};
    const struct fi_share_add_options adds = {.encrypt = true};
    struct fi_remote_marker marker = {.is_encrypted = false};
    struct machines machines;
    struct ws_world third;
    (void)state;
    open_machines(&machines, 1, false);
    gc_neighbour_open_store(&machines.a, "/c", "/cs", &third);
    FAILS(fi_share_name_add(third.ws, "known", SHARE_REMOTE, &joins, &err), FIRN_DENIED, "no key");
    struct fi_bucket *bucket = share_open_bucket(&machines.a);
    OK(fi_remote_marker_read(bucket, &marker, &err));
    OK(fi_bucket_remove(bucket, FI_REMOTE_MARKER_NAME, &err));
    marker.is_encrypted = false;
    OK(fi_remote_marker_restore(bucket, &marker, &err));
    fi_bucket_close(bucket);
    FAILS(fi_share_name_add(third.ws, "known", SHARE_REMOTE, &joins, &err), FIRN_UNSUPPORTED,
          "is not encrypted, as FIRN-REMOTE.txt says");
    FAILS(fi_share_name_add(third.ws, "known", SHARE_REMOTE, &adds, &err), FIRN_EXISTS,
          "not encrypted");
    /* A machine that knows it goes on. */
    save(&machines.a, "second");
    share_push(&machines.a);
    assert_int_equal(master_of(&machines.a, 2), 1);
    gc_neighbour_close(&third);
    close_machines(&machines);
}

/* ==== racing ==== */

static struct machines *racing;
static int (*rival)(struct ws_world *world);
static unsigned rival_times;

static void
run_rival(void)
{
    firn_error before = err;
    for (unsigned i = 0; i < rival_times; i++) {
        OK(rival(&racing->b));
    }
    err = before;
}

static int
rival_adds(struct ws_world *world)
{
    return try_add(world, THREE);
}

/* What one machine changes between the other's reading and its put is not lost, nor is what the
 * other one changes; also where the second change of the first machine has removed the file of that
 * number, so that the late put succeeds. */
static void
of_two_changes_both_count(void **state)
{
    static int (*const rivals[])(struct ws_world * world) = {rival_adds, try_rotate};
    (void)state;
    for (unsigned times = 1; times <= 3; times++) {
        for (unsigned kind = 0; kind < 8; kind++) {
            struct machines machines;
            firn_keys_info info;
            open_machines(&machines, 10 + kind, false);
            OK(try_add(&machines.a, TWO));
            racing = &machines;
            rival = rivals[kind / 4];
            rival_times = times;
            give(&machines.a, &machines.a_answers, ONE);
            machines.a_answers.before = run_rival;
            switch (kind % 4) {
            case 0:
                OK(try_add(&machines.a, THREE));
                break;
            case 1:
                OK(try_change(&machines.a, 2, THREE));
                break;
            case 2:
                OK(try_remove(&machines.a, 2));
                break;
            default:
                OK(try_rotate(&machines.a));
            }
            const unsigned slots = slots_of(&machines.a, &info);
            const unsigned adds = rival == rival_adds ? times : 0;
            const unsigned rotates = rival == try_rotate ? times : 0;
            assert_int_equal(info.slots, 2 + adds + (kind % 4 == 0) - (kind % 4 == 2));
            assert_int_equal(info.master_keys, 1 + rotates + (kind % 4 == 3));
            assert_int_equal((slots >> 2) & 1, kind % 4 != 2);
            assert_int_equal(opens(&machines.a, TWO), kind % 4 != 1 && kind % 4 != 2);
            assert_true(opens(&machines.a, ONE));
            /* Nothing but the newest file is left. */
            assert_int_equal(generations(&machines.a), 3 + times);
            assert_int_equal(kept_generation(&machines.a), 3 + times);
            save(&machines.b, "other");
            share_push(&machines.b);
            assert_int_equal(share_pull(&machines.a).checkpoints, 1);
            close_machines(&machines);
        }
    }
}

/* ==== rotations ==== */

/* A machine meets the new master key in a state: it reads the keys then, once, and encrypts with it
 * what it pushes itself. */
static void
a_new_master_key_is_met(void **state)
{
    (void)state;
    for (int b_is_encrypted = 0; b_is_encrypted < 2; b_is_encrypted++) {
        struct machines machines;
        firn_keys_info info;
        open_machines(&machines, 20, b_is_encrypted != 0);
        assert_int_equal(share_pull(&machines.b).requests, 2);
        OK(try_rotate(&machines.a));
        save(&machines.a, "second");
        assert_int_equal(share_push(&machines.a).requests, 2);
        assert_int_equal(master_of(&machines.a, 1), 1);
        assert_int_equal(master_of(&machines.a, 2), 2);
        if (b_is_encrypted) { /* it needs nobody */
            give(&machines.b, &machines.b_answers, ONE);
            machines.b_answers.count = 0;
        }
        assert_int_equal(kept_generation(&machines.b), 1);
        const firn_pull_result pulled = share_pull(&machines.b);
        assert_int_equal(pulled.checkpoints, 1);
        assert_int_equal(pulled.requests, 2 + 2); /* which keys there are, and the newest */
        assert_int_equal(kept_generation(&machines.b), 2);
        assert_int_equal(share_pull(&machines.b).requests, 1);
        save(&machines.b, "third");
        assert_int_equal(share_push(&machines.b).requests, 2);
        assert_int_equal(master_of(&machines.a, 3), 2);
        assert_int_equal(share_pull(&machines.a).checkpoints, 1);
        slots_of(&machines.b, &info);
        assert_int_equal(info.master_keys, 2);
        assert_int_equal(info.is_kept, b_is_encrypted);
        ws_assert_check_clean(&machines.b);
        close_machines(&machines);
    }
}

/* A push meets it as well, after its stage was opened: what it sends has the new key. */
static void
a_push_meets_a_new_master_key(void **state)
{
    struct machines machines;
    (void)state;
    open_machines(&machines, 21, false);
    OK(try_rotate(&machines.a));
    save(&machines.a, "second");
    share_push(&machines.a);
    save(&machines.b, "third");
    const firn_push_result pushed = share_push(&machines.b);
    assert_int_equal(pushed.checkpoints, 1);
    assert_int_equal(master_of(&machines.a, 3), 2);
    assert_int_equal(kept_generation(&machines.b), 2);
    assert_int_equal(share_pull(&machines.a).checkpoints, 1);
    close_machines(&machines);
}

/* A store that was put together from copies: it knows the new states, and has the old keys. */
static void
a_pack_may_be_what_has_the_new_key(void **state)
{
    struct fi_buf entry = {0};
    struct machines machines;
    struct fi_ws_opened opened;
    struct firn_db_keyspace *names;
    firn_remote_check_options check = FIRN_REMOTE_CHECK_OPTIONS_INIT;
    firn_remote_check_result checked;
    (void)state;
    open_machines(&machines, 22, false);
    OK(fi_ws_opened_open_store(machines.b.ws, FI_WS_READ, &opened, &err));
    OK(fi_db_keyspace_open_if_any(opened.db, FI_SHARE_REMOTES, &names, &err));
    OK(fi_db_get(names, firn_str("origin"), &entry, &err));
    OK(fi_ws_opened_close(machines.b.ws, &opened, FIRN_OK, &err));
    OK(try_rotate(&machines.a));
    save(&machines.a, "second");
    share_push(&machines.a);
    save(&machines.b, "third");
    share_push(&machines.b); /* knows the state, and pulled nothing */
    OK(fi_ws_opened_open_store(machines.b.ws, FI_WS_WRITE, &opened, &err));
    OK(fi_db_keyspace_open(opened.db, FI_SHARE_REMOTES, &names, &err));
    OK(fi_db_put(names, firn_str("origin"), fi_buf_slice(&entry), FIRN_DURABILITY_FULL, &err));
    OK(fi_ws_opened_close(machines.b.ws, &opened, FIRN_OK, &err));
    assert_int_equal(kept_generation(&machines.b), 1);
    assert_int_equal(share_pull(&machines.b).checkpoints, 2);
    assert_int_equal(kept_generation(&machines.b), 2);
    check.read_data = true;
    assert_int_equal(fi_share_check(machines.b.ws, NULL, &check, &checked, &err), FIRN_OK);
    fi_buf_deinit(&entry);
    close_machines(&machines);
}

/* Where the store cannot note the change, it is made all the same, and the failure says so. */
static void
a_store_in_use_is_waited_for(void **state)
{
    struct machines machines;
    struct fi_ws_opened opened;
    (void)state;
    open_machines(&machines, 23, false);
    struct fi_share_rekey rekey = rekey_of(&machines.a);
    rekey.lock_timeout_ms = 5000;
    OK(fi_ws_opened_open_store(machines.a.ws, FI_WS_WRITE, &opened, &err));
    const int64_t began_ns = fi_os_monotonic_ns(machines.a.tree.os);
    FAILS(fi_share_rekey_rotate(&rekey, &err), FIRN_BUSY, "this store has not noted it");
    assert_true(fi_os_monotonic_ns(machines.a.tree.os) - began_ns >= INT64_C(5000000000));
    OK(fi_ws_opened_close(machines.a.ws, &opened, FIRN_OK, &err));
    assert_int_equal(kept_generation(&machines.a), 1);
    save(&machines.a, "second");
    share_push(&machines.a);
    assert_int_equal(master_of(&machines.a, 2), 1);
    OK(try_rotate(&machines.a));
    assert_int_equal(kept_generation(&machines.a), 3);
    close_machines(&machines);
}

/* ==== keys that were changed elsewhere ==== */

/* The key that a person gives may be one that the store's copy of the file does not know. */
static void
a_key_that_was_changed_elsewhere_opens_the_newest_file(void **state)
{
    struct machines machines;
    (void)state;
    open_machines(&machines, 30, false);
    OK(try_add(&machines.a, TWO));
    OK(try_remove(&machines.a, 1));
    give(&machines.b, &machines.b_answers, TWO);
    assert_int_equal(share_pull(&machines.b).requests, 4);
    assert_int_equal(kept_generation(&machines.b), 3);
    give(&machines.b, &machines.b_answers, TWO);
    assert_int_equal(share_pull(&machines.b).requests, 1);
    /* What was removed is of no use where that is known. */
    give(&machines.b, &machines.b_answers, ONE);
    assert_int_equal(share_try_pull(&machines.b, NULL), FIRN_DENIED);
    assert_int_equal(machines.b_answers.count, 1 + FI_UNLOCK_ATTEMPTS_MAX);
    /* Without any key the remote is not asked. */
    give(&machines.b, &machines.b_answers, NULL);
    remove_object(&machines.a, "keys/0000000003");
    assert_int_equal(share_try_pull(&machines.b, NULL), FIRN_DENIED);
    assert_non_null(strstr(machines.b.err.text, "firn key unlock --remote"));
    close_machines(&machines);
}

/* A later firn may give the file another ring key, which ends what older copies open. */
static void
a_ring_key_that_is_worthless_is_told(void **state)
{
    const struct fi_keys_secret one = {.kind = FI_KEYS_FILE, .bytes = firn_str(ONE)};
    const struct fi_keys_secret two = {.kind = FI_KEYS_FILE, .bytes = firn_str(TWO)};
    struct machines machines;
    uint16_t number;
    (void)state;
    open_machines(&machines, 31, true);
    struct fi_bucket *bucket = share_open_bucket(&machines.a);
    struct fi_share_keys keys = {.keys = NULL};
    OK(fi_share_keys_read(bucket, &keys, &err));
    OK(fi_keys_unlock(keys.keys, &one, NULL, &err));
    OK(fi_keys_renew(keys.keys, machines.a.tree.os, &err));
    OK(fi_keys_add_slot(keys.keys, machines.a.tree.os, &two, firn_str(""), &number, &err));
    fi_buf_clear(&keys.file);
    OK(fi_keys_encode(keys.keys, machines.a.tree.os, &keys.file, &err));
    OK(fi_share_keys_put(bucket, &keys, &err));
    fi_share_keys_deinit(&keys);
    fi_bucket_close(bucket);

    give(&machines.a, &machines.a_answers, TWO);
    OK(try_rotate(&machines.a));
    save(&machines.a, "second");
    share_push(&machines.a);
    give(&machines.b, &machines.b_answers, NULL);
    machines.b.ws->unlock.get = NULL;
    assert_int_equal(share_try_pull(&machines.b, NULL), FIRN_DENIED);
    give(&machines.b, &machines.b_answers, TWO);
    assert_int_equal(share_pull(&machines.b).checkpoints, 2);
    assert_int_equal(kept_generation(&machines.b), 3);
    close_machines(&machines);
}

/* ==== what somebody does to the files ==== */

static void
keys_that_were_put_back_are_noticed(void **state)
{
    struct fi_buf old = {0};
    struct fi_buf newest = {0};
    struct machines machines;
    firn_remote_check_options check = FIRN_REMOTE_CHECK_OPTIONS_INIT;
    firn_remote_check_result checked;
    (void)state;
    open_machines(&machines, 40, false);
    get_object(&machines.a, "keys/0000000001", &old);
    OK(try_rotate(&machines.a));
    get_object(&machines.a, "keys/0000000002", &newest);

    /* An older file under a higher number. */
    put_object(&machines.a, "keys/0000000009", fi_buf_slice(&old));
    FAILS(try_rotate(&machines.a), FIRN_CORRUPT, "are of generation 1");
    save(&machines.a, "second");
    share_push(&machines.a); /* it needs no keys */
    assert_int_equal(share_try_pull(&machines.b, NULL), FIRN_CORRUPT);
    remove_object(&machines.a, "keys/0000000009");

    /* An older one in place of the newest. */
    remove_object(&machines.a, "keys/0000000002");
    put_object(&machines.a, "keys/0000000001", fi_buf_slice(&old));
    FAILS(try_rotate(&machines.a), FIRN_CORRUPT, "older ones");
    assert_int_equal(share_try_pull(&machines.b, NULL), FIRN_CORRUPT);
    assert_int_equal(fi_share_check(machines.a.ws, NULL, &check, &checked, &err), FIRN_CORRUPT);
    assert_non_null(strstr(err.text, "lost its newest keys"));
    check.repair = true;
    OK(fi_share_check(machines.a.ws, NULL, &check, &checked, &err));
    assert_int_equal(generations(&machines.a), 102);
    assert_int_equal(share_pull(&machines.b).checkpoints, 2);

    /* None at all. */
    remove_object(&machines.a, "keys/0000000001");
    remove_object(&machines.a, "keys/0000000002");
    FAILS(try_rotate(&machines.a), FIRN_CORRUPT, "lost its keys");
    OK(fi_share_check(machines.b.ws, NULL, &check, &checked, &err));
    assert_int_equal(generations(&machines.a), 2);
    OK(try_rotate(&machines.a));
    fi_buf_deinit(&old);
    fi_buf_deinit(&newest);
    close_machines(&machines);
}

/* A file of a later generation, by somebody who has write access and no key. */
static void
forge_keys(struct ws_world *world, const char *from, const char *to, uint32_t generation)
{
    enum { GENERATION_AT = 12, CHECKSUM_SIZE = 32 };
    struct fi_buf file = {0};
    firn_hash sum;
    get_object(world, from, &file);
    fi_store_le32(file.data + GENERATION_AT, generation);
    fi_blake3_hash_of(file.data, file.size - CHECKSUM_SIZE, &sum);
    memcpy(file.data + file.size - CHECKSUM_SIZE, &sum, sizeof sum);
    put_object(world, to, fi_buf_slice(&file));
    fi_buf_deinit(&file);
}

/* It destroys nothing: genuine files stay, and machines that know the remote go on. */
static void
forged_keys_open_nothing(void **state)
{
    struct machines machines;
    firn_remote_check_options check = FIRN_REMOTE_CHECK_OPTIONS_INIT;
    firn_remote_check_result checked;
    (void)state;
    open_machines(&machines, 43, true);
    forge_keys(&machines.a, "keys/0000000001", "keys/0000000009", 9);
    assert_true(try_rotate(&machines.a) != FIRN_OK);
    check.repair = true;
    OK(fi_share_check(machines.a.ws, NULL, &check, &checked, &err));
    assert_int_equal(generations(&machines.a), 109);
    save(&machines.a, "second");
    share_push(&machines.a);
    assert_int_equal(share_pull(&machines.b).checkpoints, 2);
    remove_object(&machines.a, "keys/0000000009");
    OK(try_rotate(&machines.a));
    assert_int_equal(generations(&machines.a), 2);
    close_machines(&machines);
}

static void
other_names_are_no_keys(void **state)
{
    struct machines machines;
    (void)state;
    open_machines(&machines, 41, false);
    put_object(&machines.a, "keys/9999999999", firn_str("x"));
    put_object(&machines.a, "keys/00000000020", firn_str("x"));
    put_object(&machines.a, "keys/000000002x", firn_str("x"));
    OK(try_rotate(&machines.a));
    close_machines(&machines);
}

/* By a URL no store is needed, and one that has a name for it notes the change. */
static void
a_remote_may_be_named_by_its_url(void **state)
{
    struct machines machines;
    struct ws_world third;
    struct answers answers;
    (void)state;
    open_machines(&machines, 42, false);
    gc_neighbour_open_store(&machines.a, "/c", "/cs", &third);
    give(&third, &answers, ONE);
    struct fi_share_rekey rekey = {.ws = third.ws, .remote = SHARE_REMOTE};
    OK(fi_share_rekey_rotate(&rekey, &err));
    assert_int_equal(generations(&machines.a), 2);
    rekey = (struct fi_share_rekey){.ws = machines.b.ws, .remote = SHARE_REMOTE};
    OK(fi_share_rekey_rotate(&rekey, &err));
    assert_int_equal(kept_generation(&machines.b), 3);
    rekey.remote = "/nowhere";
    FAILS(fi_share_rekey_rotate(&rekey, &err), FIRN_NOT_FOUND, "nowhere");
    rekey.remote = "away";
    FAILS(fi_share_rekey_rotate(&rekey, &err), FIRN_NOT_FOUND, "no remote 'away'");
    gc_neighbour_close(&third);
    close_machines(&machines);
}

/* ==== without a key ==== */

struct said {
    uint64_t not_pushed;
    char text[200];
};

static int
take_said(void *ctx, const firn_remote_info *remote)
{
    struct said *said = ctx;
    said->not_pushed = remote->not_pushed;
    snprintf(said->text, sizeof said->text, "%.199s",
             remote->failed_text != NULL ? remote->failed_text : "");
    return FIRN_OK;
}

static struct said
look(struct ws_world *world)
{
    struct said said = {0};
    OK(fi_share_name_visit(world->ws, take_said, &said, &err));
    return said;
}

static int
push_in_background(struct ws_world *world)
{
    firn_push_options options = FIRN_PUSH_OPTIONS_INIT;
    firn_push_result result;
    options.automatic = true;
    return fi_share_push(world->ws, "origin", &options, &result, &err);
}

/* A store in clear keeps no key, and a push in the background can ask nobody: it says so, and goes
 * on when the key is there. */
static void
a_push_in_the_background_waits_for_the_key(void **state)
{
    struct machines machines;
    (void)state;
    open_machines(&machines, 70, false);
    share_pull(&machines.b);
    give(&machines.b, &machines.b_answers, NULL);
    save(&machines.b, "one");
    FAILS(push_in_background(&machines.b), FIRN_DENIED, "no key was given");
    save(&machines.b, "two");
    assert_int_equal(look(&machines.b).not_pushed, 2);
    assert_non_null(strstr(look(&machines.b).text, "firn key unlock --remote"));
    OK(push_in_background(&machines.b)); /* nothing is due yet */
    assert_int_equal(look(&machines.b).not_pushed, 2);
    give(&machines.b, &machines.b_answers, ONE);
    fi_os_sleep_ns(machines.b.tree.os, INT64_C(6000000000));
    OK(push_in_background(&machines.b));
    assert_int_equal(look(&machines.b).not_pushed, 0);
    assert_string_equal(look(&machines.b).text, "");
    assert_int_equal(share_pull(&machines.a).checkpoints, 2);
    close_machines(&machines);
}

/* ==== packs in clear ==== */

/* The last pack of a store in clear, as a file or as an entry of the state. */
static void
plant_clear_pack(struct ws_world *world, const char *packs_path, bool is_inline)
{
    char name[FI_OBJECTS_INDEX_PACK_NAME_SIZE];
    char upload[FI_REMOTE_FILE_NAME_SIZE];
    char key[FI_SHARE_KEY_SIZE];
    struct fi_ws_opened opened;
    struct fi_buf bytes = {0};
    struct fi_buf value = {0};
    struct fi_os_dir *packs;
    struct share_remote at;
    OK(fi_ws_opened_open_store(world->ws, FI_WS_READ, &opened, &err));
    const struct fi_objects_index_pack *last =
        fi_objects_pack_at(opened.objects, fi_objects_pack_count(opened.objects) - 1);
    struct fi_share_pack pack = {
        .id = last->id, .size_bytes = last->size_bytes, .object_count = last->object_count};
    fi_objects_index_pack_name(last->number, name);
    OK(fi_os_dir_open_path(world->tree.os, packs_path, &packs, &err));
    test_file_read(packs, name, &bytes);
    fi_os_dir_close(packs);
    OK(fi_ws_opened_close(world->ws, &opened, FIRN_OK, &err));
    pack.bytes = is_inline ? fi_buf_slice(&bytes) : firn_bytes(NULL, 0);
    pack.is_inline = is_inline;
    OK(fi_share_entry_encode_pack(&pack, &value));
    share_remote_open(world, &at);
    if (is_inline) {
        OK(fi_remote_table_put(&at.change.set,
                               fi_share_entry_key(FI_SHARE_ENTRY_PACK, pack.id.bytes, key),
                               fi_buf_slice(&value), 0, &err));
    } else {
        OK(fi_remote_upload_name(&at.remote, upload, &err));
        OK(fi_bucket_put_bytes(at.bucket, upload, fi_buf_slice(&bytes), &err));
        OK(fi_remote_table_put(&at.change.added, firn_str(upload), fi_buf_slice(&value),
                               FI_REMOTE_LIVE, &err));
    }
    share_remote_publish(&at);
    share_remote_close(&at);
    fi_buf_deinit(&bytes);
    fi_buf_deinit(&value);
}

/* Even where a state names one, a pack in clear is none of an encrypted remote: a pull leaves it
 * out, a check reports it, and a push that folds small packs does not take it into its own. */
static void
packs_in_clear_are_refused(void **state)
{
    (void)state;
    for (int is_inline = 0; is_inline < 2; is_inline++) {
        struct machines machines;
        struct ws_world third;
        struct answers answers;
        firn_remote_check_options check = FIRN_REMOTE_CHECK_OPTIONS_INIT;
        firn_remote_check_result checked;
        firn_pull_result pulled;
        open_machines(&machines, 80, false);
        save(&machines.b, "what nobody has pushed");
        plant_clear_pack(&machines.b, "/bs/packs", is_inline != 0);
        for (unsigned i = 0; i < 7; i++) { /* too many small ones: they are folded */
            scan_put_random(&machines.a.tree, "small", i, 50 << 10);
            ws_save(&machines.a);
            share_push(&machines.a);
        }
        gc_neighbour_open_store(&machines.a, "/c", "/cs", &third);
        give(&third, &answers, ONE);
        OK(add_remote(&third));
        assert_int_equal(share_try_pull(&third, &pulled), FIRN_CORRUPT);
        assert_int_equal(pulled.checkpoints, 8);
        assert_int_equal(pulled.skipped, 0);
        ws_assert_check_clean(&third);
        for (int read_data = 0; read_data < 2; read_data++) {
            check.read_data = read_data != 0;
            assert_int_equal(fi_share_check(third.ws, NULL, &check, &checked, &err), FIRN_CORRUPT);
            assert_int_equal(checked.damaged, 1);
            assert_int_equal(checked.broken, 0);
        }
        gc_neighbour_close(&third);
        close_machines(&machines);
    }
}

/* ==== packs that come again ==== */

/* The names of the packs in the bucket; at most 8. */
struct pack_names {
    char names[8][FI_BUCKET_NAME_SIZE_MAX + 1];
    size_t count;
};

static int
note_pack(void *ctx, const struct fi_bucket_object *object)
{
    struct pack_names *packs = ctx;
    snprintf(packs->names[packs->count++], sizeof packs->names[0], "%s", object->name);
    return FIRN_OK;
}

static struct pack_names
pack_names(struct ws_world *world)
{
    struct fi_bucket *bucket = share_open_bucket(world);
    struct pack_names packs = {.count = 0};
    OK(fi_bucket_list(bucket, "packs/", NULL, note_pack, &packs, &err));
    fi_bucket_close(bucket);
    return packs;
}

/* Of the store. */
static size_t
pack_count(struct ws_world *world)
{
    struct fi_ws_opened opened;
    OK(fi_ws_opened_open_store(world->ws, FI_WS_READ, &opened, &err));
    const size_t count = fi_objects_pack_count(opened.objects);
    OK(fi_ws_opened_close(world->ws, &opened, FIRN_OK, &err));
    return count;
}

/* Packs of an encrypted remote get other identities here. What a pull brings again, since something
 * else is missing or the notes are lost, does not get in twice; nor is it fetched again. */
static void
no_pack_comes_twice(void **state)
{
    enum { LARGE = 300 << 10, FILES = 3 };
    (void)state;
    for (int b_is_encrypted = 0; b_is_encrypted < 2; b_is_encrypted++) {
        struct machines machines;
        firn_pull_result pulled;
        open_machines(&machines, 60, b_is_encrypted != 0);
        for (unsigned i = 0; i < FILES; i++) {
            char name[16];
            snprintf(name, sizeof name, "large%u", i);
            scan_put_random(&machines.a.tree, name, i, LARGE);
            ws_save(&machines.a);
            share_push(&machines.a);
        }
        struct pack_names packs = pack_names(&machines.a);
        assert_int_equal(packs.count, FILES);
        struct fi_buf lost = {0};
        get_object(&machines.a, packs.names[1], &lost);
        remove_object(&machines.a, packs.names[1]);
        const int rc = share_try_pull(&machines.b, &pulled);
        assert_int_equal(rc, FIRN_CORRUPT); /* one pack is not there */
        const uint64_t count = pack_count(&machines.b);
        for (int again = 0; again < 3; again++) {
            assert_int_equal(share_try_pull(&machines.b, &pulled), FIRN_CORRUPT);
            assert_true(pulled.bytes < LARGE);
            assert_int_equal(pack_count(&machines.b), count);
        }
        put_object(&machines.a, packs.names[1], fi_buf_slice(&lost));
        fi_buf_deinit(&lost);
        pulled = share_pull(&machines.b);
        assert_true(pulled.bytes < LARGE + LARGE / 2);
        assert_int_equal(pack_count(&machines.b), count + 1);

        share_drop(&machines.b, FI_SHARE_NOTES);
        save(&machines.a, "one more");
        share_push(&machines.a);
        assert_int_equal(share_pull(&machines.b).checkpoints, 1);
        assert_int_equal(pack_count(&machines.b), count + 2);
        ws_assert_check_clean(&machines.b);
        close_machines(&machines);
    }
}

/* ==== broken ==== */

enum operation { ADD, REMOVE, ROTATE, MEET, OPERATIONS };

static struct answers broken_answers;

static void
give_again(struct ws_world *world)
{
    give(world, &broken_answers, ONE);
}

static int
run_operation(struct ws_world *world, int operation)
{
    int rc;
    give_again(world);
    switch ((enum operation)operation) {
    case ADD:
        rc = try_add(world, THREE);
        break;
    case REMOVE:
        rc = try_remove(world, 2);
        break;
    case ROTATE:
        rc = try_rotate(world);
        break;
    default:
        rc = share_try_pull(world, NULL);
        err = world->err;
    }
    world->err = err;
    return rc;
}

static void
assert_no_old_file_stays(struct ws_world *world)
{
    firn_remote_check_options check = FIRN_REMOTE_CHECK_OPTIONS_INIT;
    firn_remote_check_result checked;
    check.repair = true;
    OK(fi_share_check(world->ws, NULL, &check, &checked, &err));
    assert_true(generations(world) < 100);
}

/* Whatever failed, the old key opens the remote, and a change that was reported has been made. */
static void
judge(struct ws_world *world, int operation, const struct ws_broken *broken)
{
    firn_keys_info info;
    give_again(world);
    const unsigned slots = slots_of(world, &info);
    assert_true(opens(world, ONE));
    if (broken->rc == FIRN_OK) {
        assert_int_equal(opens(world, THREE), operation == ADD);
        assert_int_equal(opens(world, TWO), operation != REMOVE);
        assert_int_equal(info.master_keys, operation == ROTATE || operation == MEET ? 2 : 1);
    }
    assert_int_equal((slots >> 1) & 1, 1);
    switch ((enum operation)operation) {
    case ADD: /* an attempt that failed may have been carried out */
        OK(try_add(world, THREE));
        break;
    case REMOVE:
        assert_int_equal((slots & 4) != 0 ? try_remove(world, 2) : FIRN_OK, FIRN_OK);
        assert_false(opens(world, TWO));
        break;
    case ROTATE:
        OK(try_rotate(world));
        break;
    default:
        (void)share_pull(world);
        assert_int_equal(kept_generation(world), 3);
        assert_int_equal(share_pull(world).requests, 1);
    }
    save(world, "later");
    share_push(world);
    assert_no_old_file_stays(world);
    ws_assert_check_clean(world);
}

static uint64_t every = 1;

static void
sync_everything(struct ws_world *world)
{
    struct fi_os_dir *top;
    OK(fi_os_dir_open_path(world->tree.os, "/", &top, &err));
    OK(fi_os_dir_sync_filesystem(top, &err));
    fi_os_dir_close(top);
}

static void
for_all(void (*break_it)(const struct ws_break *how))
{
    for (enum operation operation = ADD; operation < OPERATIONS; operation++) {
        struct machines machines;
        struct ws_break_numbered numbered = {
            .run = run_operation, .judge = judge, .operation = (int)operation};
        open_machines(&machines, 50, false);
        OK(try_add(&machines.a, TWO));
        if (operation == MEET) {
            OK(try_rotate(&machines.b));
            save(&machines.b, "other");
            share_push(&machines.b);
        }
        gc_neighbour_close(&machines.b);
        sync_everything(&machines.a);
        struct ws_break how = ws_break_numbered(&machines.a, &numbered, every);
        break_it(&how);
        ws_world_close(&machines.a);
    }
}

static void
any_call_may_fail(void **state)
{
    (void)state;
    every = 6;
    for_all(ws_break_any_call);
}

static void
any_allocation_may_fail(void **state)
{
    (void)state;
    every = 20;
    ws_break_allocations_of(for_all);
}

static void
the_power_may_go_at_any_call(void **state)
{
    (void)state;
    every = 6;
    for_all(ws_break_any_power);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_clear_marker_is_refused_where_encryption_is_known),
        cmocka_unit_test(of_two_changes_both_count),
        cmocka_unit_test(a_new_master_key_is_met),
        cmocka_unit_test(a_push_meets_a_new_master_key),
        cmocka_unit_test(a_pack_may_be_what_has_the_new_key),
        cmocka_unit_test(a_store_in_use_is_waited_for),
        cmocka_unit_test(a_key_that_was_changed_elsewhere_opens_the_newest_file),
        cmocka_unit_test(a_ring_key_that_is_worthless_is_told),
        cmocka_unit_test(keys_that_were_put_back_are_noticed),
        cmocka_unit_test(forged_keys_open_nothing),
        cmocka_unit_test(other_names_are_no_keys),
        cmocka_unit_test(a_remote_may_be_named_by_its_url),
        cmocka_unit_test(a_push_in_the_background_waits_for_the_key),
        cmocka_unit_test(packs_in_clear_are_refused),
        cmocka_unit_test(no_pack_comes_twice),
        cmocka_unit_test(any_call_may_fail),
        cmocka_unit_test(any_allocation_may_fail),
        cmocka_unit_test(the_power_may_go_at_any_call),
    };
    if (fi_cipher_check(FI_CIPHER_XCHACHA20_POLY1305, &err) != FIRN_OK) {
        printf("SKIPPED: share_keys: %s\n", err.text);
        return 0;
    }
    return cmocka_run_group_tests_name("share_keys", tests, NULL, NULL);
}
