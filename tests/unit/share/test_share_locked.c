/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/share: an encrypted remote is verified without its key: each byte counts that has a checksum;
 * what is missing and shows it, what was removed meanwhile, what is of another remote; broken at any
 * call it is never called sound.
 */
#include <errno.h>

#include "base/bytes.h"
#include "base/slice.h"
#include "bucket/bucket_folder.h"
#include "cipher/cipher.h"
#include "codec/blake3_hash.h"
#include "remote/remote_marker.h"
#include "share/share_internal.h"
#include "share_support.h"
#include "support/test_ok.h"
#include "support/workspace/ws_break.h"

#define KEY "the key of the remote, in a file of more than 32 bytes"
enum { LARGE = 70 << 10, MANY = 70 };

static firn_error err;

/* ==== a remote ==== */

static int
answer(void *ctx, const struct fi_unlock_request *request, struct fi_unlock_secret *out,
       firn_error *error)
{
    (void)ctx, (void)request, (void)error;
    out->kind = FI_KEYS_FILE;
    out->size = sizeof KEY - 1;
    memcpy(out->bytes, KEY, out->size);
    return FIRN_OK;
}

/* A machine whose store is in clear, and which has pushed a pack that is a file, and a small one.
 * From now on nobody answers. */
static void
prepare(struct ws_world *world, uint64_t seed)
{
    const struct fi_share_add_options options = {.encrypt = true};
    ws_world_open_memory(world, seed);
    world->ws->unlock.get = answer;
    OK(fi_share_name_add(world->ws, "origin", SHARE_REMOTE, &options, &err));
    scan_put_random(&world->tree, "large", seed, LARGE);
    ws_save(world);
    share_push(world);
    scan_put_text(&world->tree, "small", "two");
    ws_save(world);
    share_push(world);
    world->ws->unlock.get = NULL;
    fi_unlock_memory_deinit(&world->ws->remote_memory);
}

static void
get(struct fi_bucket *bucket, const char *name, struct fi_buf *out)
{
    OK(fi_bucket_get(bucket, name, 0, UINT64_MAX, out, &err));
}

static void
put(struct fi_bucket *bucket, const char *name, firn_slice bytes)
{
    OK(fi_bucket_remove(bucket, name, &err));
    OK(fi_bucket_put_bytes(bucket, name, bytes, &err));
}

static int
note_name(void *ctx, const struct fi_bucket_object *object)
{
    snprintf(ctx, FI_BUCKET_NAME_SIZE_MAX + 1, "%s", object->name);
    return FIRN_OK;
}

/* The last object that begins so. */
static void
find(struct fi_bucket *bucket, const char *prefix, char out[FI_BUCKET_NAME_SIZE_MAX + 1])
{
    out[0] = '\0';
    OK(fi_bucket_list(bucket, prefix, NULL, note_name, out, &err));
    assert_true(out[0] != '\0');
}

/* ==== checks ==== */

static firn_remote_check_locked_result found;
static char told[8 << 10];
static uint64_t damage_count;
static uint64_t foreign_count;

static void
note_told(void *ctx, const firn_notice *notice)
{
    const size_t size = strlen(told);
    (void)ctx;
    damage_count += notice->kind == FIRN_NOTICE_DAMAGED;
    foreign_count += notice->kind == FIRN_NOTICE_FOREIGN;
    snprintf(told + size, sizeof told - size, "%s\n", notice->text);
}

/* What happens while a remote is checked. */
static struct {
    struct fi_bucket *bucket;
    const char *phase; /* when; NULL: nothing */
    const char *name;  /* of the object that is removed then */
} meanwhile;

static int
on_progress(void *ctx, const firn_progress *progress)
{
    (void)ctx;
    if (meanwhile.phase != NULL && strcmp(progress->phase, meanwhile.phase) == 0) {
        meanwhile.phase = NULL;
        OK(fi_bucket_remove(meanwhile.bucket, meanwhile.name, &err));
    }
    return FIRN_OK;
}

static int
try_check(struct ws_world *world, const char *remote, bool read_data)
{
    firn_remote_check_locked_options options = FIRN_REMOTE_CHECK_LOCKED_OPTIONS_INIT;
    options.read_data = read_data;
    options.callbacks = (firn_callbacks){note_told, on_progress, NULL};
    told[0] = '\0';
    damage_count = 0;
    foreign_count = 0;
    int rc = fi_share_locked(world->ws, remote, &options, &found, &world->err);
    assert_int_equal(damage_count, found.damaged_count);
    assert_true(rc != FIRN_OK || damage_count == 0);
    return rc;
}

static void
assert_sound(struct ws_world *world, const char *remote)
{
    const int rc = try_check(world, remote, true);
    if (rc != FIRN_OK) {
        fail_msg("%s: %s\n%s", firn_code_name(rc), world->err.text, told);
    }
}

/* By its name and by its URL. */
static void
assert_damaged(struct ws_world *world, bool read_data, const char *what)
{
    for (int by_url = 0; by_url < 2; by_url++) {
        const int rc = try_check(world, by_url ? SHARE_REMOTE : "origin", read_data);
        if (rc != FIRN_CORRUPT || strstr(told, what) == NULL) {
            fail_msg("%s instead of damage to %s:\n%s", firn_code_name(rc), what, told);
        }
    }
}

/* ==== bytes ==== */

static void
flip_some(struct ws_world *world, struct fi_bucket *bucket, const char *name, size_t step)
{
    struct fi_buf bytes = {0};
    get(bucket, name, &bytes);
    for (size_t at = 0; at < bytes.size; at += at + step < bytes.size ? step : 1) {
        bytes.data[at] ^= 1u << at % 8;
        put(bucket, name, fi_buf_slice(&bytes));
        assert_damaged(world, true, name);
        bytes.data[at] ^= 1u << at % 8;
    }
    for (size_t size = 0; size < bytes.size; size += bytes.size / 16 + 1) {
        put(bucket, name, firn_bytes(bytes.data, size));
        assert_damaged(world, true, name);
    }
    put(bucket, name, fi_buf_slice(&bytes));
    fi_buf_deinit(&bytes);
}

static void
each_byte_of_states_keys_and_packs_counts(void **state)
{
    static const struct {
        const char *prefix;
        size_t step;
    } kinds[] = {{"states/", 41}, {"keys/", 23}, {"packs/", 4999}};
    (void)state;
    struct ws_world world;
    prepare(&world, 1);
    struct fi_bucket *bucket = share_open_bucket(&world);
    assert_sound(&world, "origin");
    assert_int_equal(found.state, 2);
    assert_int_equal(found.states, 2);
    assert_int_equal(found.keys, 1);
    assert_int_equal(found.packs, 1);
    assert_true(found.blocks > 2 && found.bytes > LARGE && found.bytes_read > found.bytes);
    assert_sound(&world, SHARE_REMOTE);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        char name[FI_BUCKET_NAME_SIZE_MAX + 1];
        find(bucket, kinds[i].prefix, name);
        flip_some(&world, bucket, name, kinds[i].step);
    }
    assert_sound(&world, NULL);
    fi_bucket_close(bucket);
    ws_world_close(&world);
}

/* The header is verified by itself, before the MiB that it is in. */
static void
a_header_that_is_damaged_is_named(void **state)
{
    (void)state;
    struct ws_world world;
    char name[FI_BUCKET_NAME_SIZE_MAX + 1];
    struct fi_buf bytes = {0};
    prepare(&world, 10);
    struct fi_bucket *bucket = share_open_bucket(&world);
    find(bucket, "packs/", name);
    get(bucket, name, &bytes);
    bytes.data[20] ^= 1;
    put(bucket, name, fi_buf_slice(&bytes));
    assert_damaged(&world, true, "header");
    assert_int_equal(found.blocks, 0);
    fi_buf_deinit(&bytes);
    fi_bucket_close(bucket);
    ws_world_close(&world);
}

/* Of which a part is kept at a time. */
static void
a_large_pack_is_read_once(void **state)
{
    enum { HUGE = 11 << 20, AT = 4 << 20 };
    (void)state;
    struct ws_world world;
    char name[FI_BUCKET_NAME_SIZE_MAX + 1];
    struct fi_buf bytes = {0};
    prepare(&world, 10);
    world.ws->unlock.get = answer;
    scan_put_random(&world.tree, "huge", 1, HUGE);
    ws_save(&world);
    share_push(&world);
    world.ws->unlock.get = NULL;
    struct fi_bucket *bucket = share_open_bucket(&world);
    assert_sound(&world, "origin");
    assert_int_equal(found.packs, 2);
    assert_true(found.bytes > HUGE && found.bytes_read < found.bytes + (1 << 20));
    find(bucket, "packs/", name);
    get(bucket, name, &bytes);
    for (size_t at = AT - 1; at < bytes.size; at += AT / 2) {
        bytes.data[at] ^= 1;
        put(bucket, name, fi_buf_slice(&bytes));
        assert_int_equal(try_check(&world, "origin", true), FIRN_CORRUPT);
        assert_int_equal(found.damaged_count, 1);
        assert_non_null(strstr(told, name));
        bytes.data[at] ^= 1;
    }
    put(bucket, name, fi_buf_slice(&bytes));
    meanwhile.bucket = bucket;
    meanwhile.phase = "check";
    meanwhile.name = name;
    assert_sound(&world, "origin"); /* a prune has taken it */
    assert_null(meanwhile.phase);
    assert_true(found.bytes_read < HUGE);
    fi_buf_deinit(&bytes);
    fi_bucket_close(bucket);
    ws_world_close(&world);
}

/* ==== what is missing, or too old ==== */

/* States 1 to `last`, as far as nobody looks into them, without one. */
static void
put_states(struct fi_bucket *bucket, uint64_t last, uint64_t without)
{
    struct fi_buf bytes = {0};
    get(bucket, "states/0000000002", &bytes);
    for (uint64_t number = 1; number <= MANY; number++) {
        char name[FI_REMOTE_STATE_NAME_SIZE];
        fi_remote_state_name(number, name);
        if (number <= last && number != without) {
            put(bucket, name, fi_buf_slice(&bytes));
        } else {
            OK(fi_bucket_remove(bucket, name, &err));
        }
    }
    fi_buf_deinit(&bytes);
}

static void
a_missing_state_is_damage_unless_a_prune_may_have_removed_it(void **state)
{
    static const struct {
        uint64_t last;
        uint64_t without;
        bool is_damage;
    } cases[] = {{70, 31, false}, {70, 32, true},  {70, 33, true}, {70, 69, true},
                 {70, 0, false},  {64, 31, false}, {64, 32, true}, {63, 31, true},
                 {63, 1, false},  {63, 0, false},  {31, 1, true},  {3, 1, true}};
    (void)state;
    struct ws_world world;
    prepare(&world, 2);
    struct fi_bucket *bucket = share_open_bucket(&world);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char name[FI_REMOTE_STATE_NAME_SIZE];
        fi_remote_state_name(cases[i].without, name);
        put_states(bucket, cases[i].last, cases[i].without);
        if (cases[i].is_damage) {
            assert_damaged(&world, false, name);
        } else {
            assert_sound(&world, "origin");
            assert_int_equal(found.states, cases[i].last - (cases[i].without != 0));
        }
        assert_int_equal(found.state, cases[i].last);
    }
    /* After a rotation all before a full one may go. */
    put_states(bucket, MANY, 0);
    for (uint64_t number = 1; number < 64; number++) {
        char name[FI_REMOTE_STATE_NAME_SIZE];
        fi_remote_state_name(number, name);
        OK(fi_bucket_remove(bucket, name, &err));
        if (number > 32) {
            assert_sound(&world, "origin");
        }
    }
    OK(fi_bucket_remove(bucket, "states/0000000064", &err));
    assert_damaged(&world, false, "states/0000000032");
    fi_bucket_close(bucket);
    ws_world_close(&world);
}

static void
what_this_store_has_seen_must_be_there(void **state)
{
    (void)state;
    struct ws_world world;
    struct fi_buf bytes = {0};
    prepare(&world, 3);
    struct fi_bucket *bucket = share_open_bucket(&world);
    get(bucket, "states/0000000002", &bytes);
    OK(fi_bucket_remove(bucket, "states/0000000002", &err));
    assert_int_equal(try_check(&world, "origin", false), FIRN_CORRUPT);
    assert_non_null(strstr(told, "'states/0000000002' is missing"));
    assert_int_equal(try_check(&world, NULL, false), FIRN_CORRUPT);
    put(bucket, "states/0000000002", fi_buf_slice(&bytes));

    /* A keys file that is another one, and says the same generation. */
    get(bucket, "keys/0000000001", &bytes);
    struct fi_buf other = {0};
    assert_int_equal(fi_buf_append_slice(&other, fi_buf_slice(&bytes)), FIRN_OK);
    other.data[16] ^= 1; /* of its id */
    firn_hash sum;
    fi_blake3_hash_of(other.data, other.size - sizeof sum, &sum);
    memcpy(other.data + other.size - sizeof sum, &sum, sizeof sum);
    put(bucket, "keys/0000000001", fi_buf_slice(&other));
    assert_int_equal(try_check(&world, "origin", false), FIRN_CORRUPT);
    assert_non_null(strstr(told, "keys/0000000001"));
    /* Beside the right one, of a later generation: that is of no version of it. */
    put(bucket, "keys/0000000001", fi_buf_slice(&bytes));
    other.data[12] = 2;
    fi_blake3_hash_of(other.data, other.size - sizeof sum, &sum);
    memcpy(other.data + other.size - sizeof sum, &sum, sizeof sum);
    put(bucket, "keys/0000000002", fi_buf_slice(&other));
    assert_damaged(&world, false, "keys/0000000001");
    assert_int_equal(found.keys, 2);
    /* Under a number that is not its generation. */
    put(bucket, "keys/0000000002", fi_buf_slice(&bytes));
    assert_damaged(&world, false, "keys/0000000002");
    fi_buf_deinit(&other);
    fi_buf_deinit(&bytes);
    fi_bucket_close(bucket);
    ws_world_close(&world);
}

static void
a_remote_that_is_empty_is_not_sound(void **state)
{
    (void)state;
    struct ws_world world;
    const firn_remote_check_locked_options plain = FIRN_REMOTE_CHECK_LOCKED_OPTIONS_INIT;
    char pack[FI_BUCKET_NAME_SIZE_MAX + 1];
    prepare(&world, 4);
    struct fi_bucket *bucket = share_open_bucket(&world);
    find(bucket, "packs/", pack);
    OK(fi_bucket_remove(bucket, "states/0000000001", &err));
    OK(fi_bucket_remove(bucket, "states/0000000002", &err));
    assert_damaged(&world, false, "");
    OK(fi_bucket_remove(bucket, "keys/0000000001", &err));
    assert_damaged(&world, false, "has lost its keys");
    OK(fi_bucket_remove(bucket, pack, &err));
    assert_int_equal(try_check(&world, "origin", false), FIRN_CORRUPT);
    FAILS(fi_share_locked(world.ws, SHARE_REMOTE, &plain, &found, &err), FIRN_NOT_FOUND, "begun");
    fi_bucket_close(bucket);
    ws_world_close(&world);
}

/* ==== what is of another remote ==== */

static void
what_is_of_another_remote_shows(void **state)
{
    static const struct {
        const char *prefix;
        bool read_data;
    } kinds[] = {{"packs/", true}, {"states/", false}, {"keys/", false}};
    (void)state;
    struct ws_world world;
    struct ws_world other;
    prepare(&world, 5);
    prepare(&other, 6);
    struct fi_bucket *bucket = share_open_bucket(&world);
    struct fi_bucket *foreign = share_open_bucket(&other);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        char name[FI_BUCKET_NAME_SIZE_MAX + 1];
        char there[FI_BUCKET_NAME_SIZE_MAX + 1];
        struct fi_buf bytes = {0};
        struct fi_buf saved = {0};
        find(bucket, kinds[i].prefix, name);
        find(foreign, kinds[i].prefix, there);
        get(bucket, name, &saved);
        get(foreign, there, &bytes);
        put(bucket, name, fi_buf_slice(&bytes));
        assert_int_equal(try_check(&world, "origin", kinds[i].read_data), FIRN_CORRUPT);
        put(bucket, name, fi_buf_slice(&saved));
        fi_buf_deinit(&bytes);
        fi_buf_deinit(&saved);
    }
    struct fi_buf marker = {0};
    get(foreign, FI_REMOTE_MARKER_NAME, &marker);
    put(bucket, FI_REMOTE_MARKER_NAME, fi_buf_slice(&marker));
    assert_int_equal(try_check(&world, "origin", false), FIRN_CORRUPT);
    fi_buf_deinit(&marker);
    fi_bucket_close(foreign);
    fi_bucket_close(bucket);
    ws_world_close(&other);
    ws_world_close(&world);
}

static void
foreign_files_are_told_and_are_no_damage(void **state)
{
    static const char *const names[] = {
        "notes.txt",          "packs/readme",         "packs/.pack", "states/0000000000",
        "states/00000000011", "keys/first",           "runs/1.row",  "states/x",
        "other/1.pack",       "FIRN-REMOTE.txt.orig", "a/b",         "a/c"};
    enum { COUNT = sizeof names / sizeof names[0] };
    (void)state;
    struct ws_world world;
    prepare(&world, 7);
    struct fi_bucket *bucket = share_open_bucket(&world);
    size_t count = 0;
    for (size_t i = 0; i < COUNT; i++) {
        if (fi_bucket_is_name(names[i])) {
            put(bucket, names[i], firn_str("x"));
            count++;
        }
    }
    put(bucket, "probe/0123", firn_str("left by a test"));
    assert_sound(&world, "origin");
    assert_int_equal(found.foreign, count);
    assert_int_equal(foreign_count, 10);
    fi_bucket_close(bucket);
    ws_world_close(&world);
}

/* ==== other machines ==== */

static void
what_was_removed_meanwhile_is_no_damage(void **state)
{
    (void)state;
    struct ws_world world;
    char pack[FI_BUCKET_NAME_SIZE_MAX + 1];
    prepare(&world, 8);
    struct fi_bucket *bucket = share_open_bucket(&world);
    find(bucket, "packs/", pack);
    put_states(bucket, MANY, 0);
    meanwhile.bucket = bucket;
    meanwhile.phase = "check";
    meanwhile.name = "states/0000000031"; /* old, as a prune removes it */
    assert_sound(&world, "origin");
    assert_null(meanwhile.phase);
    assert_int_equal(found.states, MANY - 1);
    meanwhile.phase = "check";
    meanwhile.name = "states/0000000032";
    assert_int_equal(try_check(&world, "origin", true), FIRN_BUSY);
    assert_null(meanwhile.phase);
    put_states(bucket, MANY, 0);
    fi_bucket_close(bucket);
    ws_world_close(&world);
}

/* ==== broken ==== */

/* SOUND_URL and those before it: the remote is sound. */
enum operation { SOUND, SOUND_URL, BAD_STATE, BAD_PACK, BAD_KEYS, LOST_STATE };

static firn_remote_check_locked_result whole; /* what an unbroken check finds */

/* Of a damaged remote it is a success that it was called damaged. */
static int
run_operation(struct ws_world *world, int operation)
{
    const int rc = try_check(world, operation == SOUND ? "origin" : SHARE_REMOTE, true);
    if (operation <= SOUND_URL) {
        return rc;
    }
    assert_int_not_equal(rc, FIRN_OK);
    return rc == FIRN_CORRUPT ? FIRN_OK : rc;
}

/* A remote passes only if all of it was read. */
static void
judge(struct ws_world *world, int operation, const struct ws_broken *broken)
{
    (void)world;
    if (operation <= SOUND_URL && broken->rc == FIRN_OK) {
        assert_int_equal(found.states, whole.states);
        assert_int_equal(found.keys, whole.keys);
        assert_int_equal(found.packs, whole.packs);
        assert_int_equal(found.blocks, whole.blocks);
        assert_int_equal(found.bytes_read, whole.bytes_read);
    }
}

static void
break_remote(struct ws_world *world, enum operation operation)
{
    static const char *const prefixes[] = {[BAD_STATE] = "states/",
                                           [BAD_PACK] = "packs/",
                                           [BAD_KEYS] = "keys/",
                                           [LOST_STATE] = "states/"};
    char name[FI_BUCKET_NAME_SIZE_MAX + 1];
    struct fi_buf bytes = {0};
    struct fi_bucket *bucket = share_open_bucket(world);
    if (operation > SOUND_URL) {
        find(bucket, prefixes[operation], name);
        get(bucket, name, &bytes);
        bytes.data[bytes.size / 2] ^= 1;
        put(bucket, name, fi_buf_slice(&bytes));
    }
    if (operation == LOST_STATE) {
        put(bucket, "states/0000000004", fi_buf_slice(&bytes));
    }
    fi_buf_deinit(&bytes);
    fi_bucket_close(bucket);
}

static uint64_t every = 1;

static void
for_some(enum operation first, enum operation last, void (*break_it)(const struct ws_break *how),
         void (*judge_it)(struct ws_world *world, int operation, const struct ws_broken *broken))
{
    for (enum operation operation = first; operation <= last; operation++) {
        struct ws_world world;
        struct ws_break_numbered numbered = {
            .run = run_operation, .judge = judge_it, .operation = (int)operation};
        prepare(&world, 20);
        assert_sound(&world, "origin");
        whole = found;
        break_remote(&world, operation);
        struct ws_break how = ws_break_numbered(&world, &numbered, every);
        break_it(&how);
        ws_world_close(&world);
    }
}

static void
for_all(void (*break_it)(const struct ws_break *how))
{
    for_some(SOUND, LOST_STATE, break_it, judge);
}

static void
any_call_may_fail(void **state)
{
    (void)state;
    every = 1;
    for_all(ws_break_any_call);
}

/* The list may lack an object; what was listed must have been read. */
static void
judge_listed(struct ws_world *world, int operation, const struct ws_broken *broken)
{
    (void)world, (void)operation;
    if (broken->rc == FIRN_OK) {
        assert_int_equal(found.states, found.state);
        assert_int_equal(found.keys, whole.keys);
        assert_true(found.packs == 0 || found.blocks == whole.blocks);
    }
}

/* One call says that there is no such file: what the list has named is asked for again. */
static void
break_as_if_gone(const struct ws_break *how)
{
    assert_true(ws_break_is_enough(ws_break_calls(how, false, ENOENT)));
}

static void
what_is_listed_and_not_given_is_damage(void **state)
{
    (void)state;
    every = 1;
    for_some(SOUND, SOUND_URL, break_as_if_gone, judge_listed);
}

static void
any_allocation_may_fail(void **state)
{
    (void)state;
    every = 3;
    ws_break_allocations_of(for_all);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_byte_of_states_keys_and_packs_counts),
        cmocka_unit_test(a_header_that_is_damaged_is_named),
        cmocka_unit_test(a_large_pack_is_read_once),
        cmocka_unit_test(a_missing_state_is_damage_unless_a_prune_may_have_removed_it),
        cmocka_unit_test(what_this_store_has_seen_must_be_there),
        cmocka_unit_test(a_remote_that_is_empty_is_not_sound),
        cmocka_unit_test(what_is_of_another_remote_shows),
        cmocka_unit_test(foreign_files_are_told_and_are_no_damage),
        cmocka_unit_test(what_was_removed_meanwhile_is_no_damage),
        cmocka_unit_test(any_call_may_fail),
        cmocka_unit_test(what_is_listed_and_not_given_is_damage),
        cmocka_unit_test(any_allocation_may_fail),
    };
    if (fi_cipher_check(FI_CIPHER_XCHACHA20_POLY1305, &err) != FIRN_OK) {
        printf("SKIPPED: share_locked: %s\n", err.text);
        return 0;
    }
    return cmocka_run_group_tests_name("share_locked", tests, NULL, NULL);
}
