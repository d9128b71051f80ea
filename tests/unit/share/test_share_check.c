/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/share: damage in a remote is found, named and mended; what each state changed is told.
 *
 * "/b" pushes two checkpoints: the first with a pack that is a file, the second with one that is an
 * entry. "/w", which has pushed one of its own, looks.
 */
#include "base/slice.h"
#include "bucket/bucket_folder.h"
#include "remote/remote_marker.h"
#include "share/share_internal.h"
#include "share_support.h"
#include "support/test.h"
#include "support/test_alloc.h"
#include "support/test_file.h"
#include "support/test_random.h"
#include "support/workspace/ws_edit.h"

enum { BIG = 150 << 10 };

static firn_error err;

static void
check_ok(int rc, const firn_error *why)
{
    if (rc != FIRN_OK) {
        fail_msg("%s: %s", firn_code_name(rc), why->text);
    }
}

/* What the last check named. */
static char told[16 << 10];
static size_t told_size;
static uint64_t told_count;
static void (*told_also)(const char *text);

static void
note_told(void *ctx, const firn_notice *notice)
{
    (void)ctx;
    assert_int_equal(notice->kind, FIRN_NOTICE_DAMAGED);
    told_count++;
    assert_true(told_size + strlen(notice->text) + 2 < sizeof told);
    told_size += (size_t)snprintf(told + told_size, sizeof told - told_size, "%s\n", notice->text);
    if (told_also != NULL) {
        told_also(notice->text);
    }
}

/* What a check does; `also` is called for each notice and for each step of it. */
struct trying {
    bool read_data;
    bool mend;
    bool drop;
    void (*also)(const char *text);
};

static int
note_step(void *ctx, const firn_progress *progress)
{
    (void)ctx;
    told_also(progress->phase);
    return FIRN_OK;
}

static int
try_so(struct ws_world *world, struct trying trying, firn_remote_check_result *out)
{
    firn_remote_check_options options = FIRN_REMOTE_CHECK_OPTIONS_INIT;
    scan_notices_deinit(&world->notices);
    world->notices = (struct scan_notices){.hook = note_told};
    told_size = 0;
    told[0] = '\0';
    told_count = 0;
    options.callbacks = scan_notices_callbacks(&world->notices);
    options.read_data = trying.read_data;
    options.repair = trying.mend;
    options.drop_broken = trying.drop;
    told_also = trying.also;
    options.callbacks.on_progress = trying.also != NULL ? note_step : options.callbacks.on_progress;
    int rc = fi_share_check(world->ws, NULL, &options, out, &world->err);
    told_also = NULL;
    return rc;
}

static int
try_check(struct ws_world *world, bool read_data, bool mend, firn_remote_check_result *out)
{
    return try_so(world, (struct trying){.read_data = read_data, .mend = mend}, out);
}

static int
try_drop(struct ws_world *world, firn_remote_check_result *out)
{
    return try_so(world, (struct trying){.read_data = true, .mend = true, .drop = true}, out);
}

static void
assert_clean(struct ws_world *world, uint64_t checkpoints)
{
    for (int read_data = 0; read_data < 2; read_data++) {
        firn_remote_check_result result;
        check_ok(try_check(world, read_data != 0, false, &result), &world->err);
        assert_int_equal(result.checkpoints, checkpoints);
        assert_int_equal(result.damaged + result.broken + result.repaired + result.sent, 0);
        assert_int_equal(told_count, 0);
        assert_true(result.packs > 0 && result.bytes > 0 && result.state > 0);
    }
}

struct prepared {
    struct ws_world world;
    struct ws_world other;
    char *first;
    char *second;
};

static void
prepare(struct prepared *prepared, uint64_t seed)
{
    struct ws_world *world = &prepared->world;
    struct ws_world *other = &prepared->other;
    struct test_random random = {seed};
    share_open(world, seed);
    scan_put_text(&world->tree, "own", "of ada");
    ws_save(world);
    share_push(world);
    share_open_beside(world, "/b", other);
    ws_edit_grow(&other->tree, &random, 10);
    scan_put_random(&other->tree, "big", seed, BIG);
    scan_put_text(&other->tree, ".firnignore", "never\n");
    ws_save(other);
    prepared->first = ws_dump(other);
    share_push(other);
    scan_put_text(&other->tree, "more", "more");
    ws_save(other);
    prepared->second = ws_dump(other);
    share_push(other);
}

static void
prepared_deinit(struct prepared *prepared)
{
    share_close_beside(&prepared->other);
    ws_world_close(&prepared->world);
    free(prepared->first);
    free(prepared->second);
}

/* ==== damage ==== */

static void
file_name(struct share_remote *at, char *name)
{
    fi_remote_file_name(&at->remote.state.files.items[0], name);
}

static void
remove_file(struct share_remote *at)
{
    char name[FI_BUCKET_NAME_SIZE_MAX + 1];
    file_name(at, name);
    check_ok(fi_bucket_remove(at->bucket, name, &err), &err);
}

/* Changes the bytes of the pack that is a file: what an object of a bucket never does. */
static void
change_file(struct share_remote *at, void (*change)(struct fi_buf *bytes))
{
    char name[FI_BUCKET_NAME_SIZE_MAX + 1];
    struct fi_buf bytes = {0};
    file_name(at, name);
    check_ok(fi_bucket_get(at->bucket, name, 0, UINT64_MAX, &bytes, &err), &err);
    change(&bytes);
    check_ok(fi_bucket_remove(at->bucket, name, &err), &err);
    check_ok(fi_bucket_put_bytes(at->bucket, name, fi_buf_slice(&bytes), &err), &err);
    fi_buf_deinit(&bytes);
}

static void
cut(struct fi_buf *bytes)
{
    bytes->size /= 2;
}

static void
flip_early(struct fi_buf *bytes)
{
    bytes->data[bytes->size / 3] ^= 4;
}

static void
flip_last(struct fi_buf *bytes)
{
    bytes->data[bytes->size - 20] ^= 4;
}

static void
flip_in_tables(struct fi_buf *bytes)
{
    bytes->data[bytes->size - 700] ^= 4;
}

static void
cut_file(struct share_remote *at)
{
    change_file(at, cut);
}

static void
damage_content(struct share_remote *at)
{
    change_file(at, flip_early);
}

static void
damage_footer(struct share_remote *at)
{
    change_file(at, flip_last);
}

static void
damage_tables(struct share_remote *at)
{
    change_file(at, flip_in_tables);
}

static void
take_away(struct share_remote *at, firn_slice key)
{
    check_ok(fi_remote_table_put(&at->change.removed, key, firn_str(""), 0, &err), &err);
    share_remote_publish(at);
}

static void
drop_file(struct share_remote *at)
{
    char name[FI_BUCKET_NAME_SIZE_MAX + 1];
    file_name(at, name);
    check_ok(fi_remote_table_put(&at->change.killed, firn_str(name), firn_str(""), 0, &err), &err);
    share_remote_publish(at);
}

/* The entry of a small pack: that of ada is among them. */
static void
damage_small(struct share_remote *at)
{
    struct fi_buf value = {0};
    for (size_t i = 0; share_remote_entry(at, FI_SHARE_ENTRY_PACK, i) != NULL; i++) {
        const struct fi_remote_item *item = share_remote_entry(at, FI_SHARE_ENTRY_PACK, i);
        check_ok(fi_buf_assign(&value, item->value), &err);
        value.data[value.size - 60] ^= 1;
        check_ok(fi_remote_table_put(&at->change.set, item->key, fi_buf_slice(&value), 0, &err),
                 &err);
    }
    share_remote_publish(at);
    fi_buf_deinit(&value);
}

struct harm {
    const char *name;
    void (*do_it)(struct share_remote *at);
    bool is_cheap; /* it is found without reading every byte */
    uint64_t broken;
    uint64_t damaged;
    const char *words;
};

static const struct harm harms[] = {
    {"removed", remove_file, true, 2, 1, "the remote has lost this pack"},
    {"cut", cut_file, true, 2, 1, "bytes instead of"},
    {"content", damage_content, false, 2, 1, "packs/"},
    {"footer", damage_footer, true, 2, 1, "packs/"},
    {"tables", damage_tables, true, 2, 1, "packs/"},
    {"not named", drop_file, true, 2, 0, "cannot be restored from the remote"},
    {"small", damage_small, true, 2, 2, "pack/"},
};

static void
assert_told(const char *words)
{
    if (strstr(told, words) == NULL) {
        fail_msg("no notice says '%s': %s", words, told);
    }
}

static void
harm(struct prepared *prepared, const struct harm *harm)
{
    struct share_remote at;
    share_remote_open(&prepared->world, &at);
    harm->do_it(&at);
    share_remote_close(&at);
}

static void
assert_found(struct ws_world *world, const struct harm *harm, bool read_data)
{
    firn_remote_check_result result;
    int rc = try_check(world, read_data, false, &result);
    if (rc != FIRN_CORRUPT || result.broken != harm->broken || result.damaged != harm->damaged) {
        fail_msg("%s: %s (%s), %llu broken, %llu damaged", harm->name, firn_code_name(rc),
                 world->err.text, (unsigned long long)result.broken,
                 (unsigned long long)result.damaged);
    }
    assert_told(harm->words);
    assert_told("cannot be restored from the remote");
    assert_int_equal(result.checkpoints, 3);
    assert_int_equal(result.repaired + result.sent, 0);
}

/* Each machine mends what it has; then another one pulls all of it. */
static void
mend_all(struct prepared *prepared, const struct harm *harm)
{
    struct ws_world *world = &prepared->world;
    struct ws_world *other = &prepared->other;
    struct ws_world cleo;
    firn_remote_check_result result;
    int rc = try_check(world, true, true, &result);
    if (rc == FIRN_OK) {
        fail_msg("%s: ada has not what was lost", harm->name);
    }
    check_ok(try_check(other, true, true, &result), &other->err);
    assert_true(result.repaired > 0 && result.broken == 0 && result.sent > 0);
    assert_clean(world, 3);
    assert_clean(other, 3);
    assert_int_equal(try_check(other, true, true, &result), FIRN_OK);
    assert_int_equal(result.sent, 0);
    share_open_beside(world, "/c", &cleo);
    assert_int_equal(share_pull(&cleo).checkpoints, 3);
    assert_int_equal(share_pull(world).checkpoints, 2);
    share_assert_dump(world, "origin/latest", prepared->second);
    share_assert_dump(world, "origin/latest~1", prepared->first);
    share_close_beside(&cleo);
    scan_put_text(&other->tree, "after", "after");
    ws_save(other);
    assert_int_equal(share_push(other).checkpoints, 1);
    assert_clean(world, 4);
}

static void
damage_is_found_named_and_mended(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof harms / sizeof harms[0]; i++) {
        struct prepared prepared;
        firn_remote_check_result result;
        prepare(&prepared, 40 + i);
        assert_clean(&prepared.world, 3);
        harm(&prepared, &harms[i]);
        if (harms[i].is_cheap) {
            assert_found(&prepared.world, &harms[i], false);
        } else {
            check_ok(try_check(&prepared.world, false, false, &result), &prepared.world.err);
        }
        assert_found(&prepared.world, &harms[i], true);
        mend_all(&prepared, &harms[i]);
        prepared_deinit(&prepared);
    }
}

/* A checkpoint that is not here is whole again once what it shares with one that is was sent. */
static void
mend_what_is_shared(bool drops)
{
    struct prepared prepared;
    struct ws_world cleo;
    firn_remote_check_result result;
    prepare(&prepared, 64);
    share_open_beside(&prepared.world, "/c", &cleo);
    share_pull(&cleo);
    share_close_beside(&cleo);
    scan_put_text(&prepared.other.tree, "later", "later");
    ws_save(&prepared.other);
    share_push(&prepared.other);
    harm(&prepared, &harms[0]);
    share_open_beside(&prepared.world, "/c", &cleo);
    check_ok(drops ? try_drop(&cleo, &result) : try_check(&cleo, false, true, &result), &cleo.err);
    assert_int_equal(result.repaired, 3);
    assert_clean(&prepared.world, 4);
    share_close_beside(&cleo);
    prepared_deinit(&prepared);
}

static void
what_is_shared_mends_others(void **state)
{
    (void)state;
    mend_what_is_shared(false);
    mend_what_is_shared(true);
}

/* A prune before it was mended removes nothing, and after it what was damaged. */
static void
a_prune_takes_what_was_damaged(void **state)
{
    struct prepared prepared;
    struct ws_world *other = &prepared.other;
    firn_prune_options options = FIRN_PRUNE_OPTIONS_INIT;
    firn_prune_result pruned;
    firn_remote_check_result result;
    (void)state;
    prepare(&prepared, 60);
    harm(&prepared, &harms[3]);
    assert_int_equal(fi_share_prune(other->ws, NULL, &options, &pruned, &other->err), FIRN_CORRUPT);
    check_ok(try_check(other, false, true, &result), &other->err);
    check_ok(fi_share_prune(other->ws, NULL, &options, &pruned, &other->err), &other->err);
    assert_int_equal(pruned.removed_packs, 0); /* it was killed before */
    assert_clean(other, 3);
    prepared_deinit(&prepared);
}

/* ==== giving up ==== */

static void
tag_first(struct ws_world *world)
{
    firn_workspace_checkpoint *tagged;
    check_ok(fi_ws_tag_set(world->ws, "v1", "1", false, &tagged, &world->err), &world->err);
    fi_ws_given_release(world->ws);
    share_push(world);
}

/* "/b" goes on, and sends again what it is asked for. */
static void
go_on(struct prepared *prepared, uint64_t checkpoints)
{
    static const char *const lost[] = {"1", "2", NULL};
    struct ws_world *world = &prepared->world;
    struct ws_world *other = &prepared->other;
    firn_push_result pushed;
    scan_put_text(&other->tree, "after", "after");
    ws_save(other);
    assert_int_equal(share_push(other).checkpoints, 1);
    assert_clean(world, checkpoints + 1);
    char *third = ws_dump(other);
    share_pull(world);
    share_assert_dump(world, "origin/latest", third);
    free(third);
    check_ok(share_try_push(other, lost, &pushed), &other->err);
    assert_int_equal(pushed.checkpoints, 3 - checkpoints);
    assert_clean(world, 4);
    share_pull(world);
    share_assert_dump(world, "origin/1", prepared->first);
    share_assert_dump(world, "origin/2", prepared->second);
}

/* What "/w" has not goes, if it is asked to; what it has is mended. A prune works again. */
static void
what_nobody_has_is_dropped(void **state)
{
    (void)state;
    for (size_t round = 0; round < 2 * sizeof harms / sizeof harms[0]; round++) {
        const size_t i = round / 2;
        struct prepared prepared;
        struct ws_world *world = &prepared.world;
        firn_prune_options options = FIRN_PRUNE_OPTIONS_INIT;
        firn_prune_result pruned;
        firn_remote_check_result result;
        const bool is_small = strcmp(harms[i].name, "small") == 0;
        prepare(&prepared, 140 + i);
        tag_first(&prepared.other);
        harm(&prepared, &harms[i]);
        assert_int_equal(try_check(world, true, true, &result), FIRN_CORRUPT);
        assert_int_equal(result.dropped, 0);
        assert_int_equal(result.repaired, is_small ? 1 : 0);
        assert_int_equal(share_remote_count(world, FI_SHARE_ENTRY_CHECKPOINT), 3);
        if (harms[i].is_cheap) {
            assert_true(fi_share_prune(world->ws, NULL, &options, &pruned, &world->err) != FIRN_OK);
        }
        const uint64_t lost = is_small ? 1 : 2;
        check_ok(try_drop(world, &result), &world->err);
        assert_int_equal(result.dropped, lost);
        assert_int_equal(result.broken + result.repaired, 0);
        assert_told("was dropped from the remote");
        assert_int_equal(share_remote_count(world, FI_SHARE_ENTRY_TAG), is_small ? 1 : 0);
        assert_clean(world, 3 - lost);
        if (round % 2 == 0) {
            check_ok(fi_share_prune(world->ws, NULL, &options, &pruned, &world->err), &world->err);
            assert_clean(world, 3 - lost);
        }
        check_ok(try_drop(world, &result), &world->err);
        assert_int_equal(result.dropped, 0);
        go_on(&prepared, 3 - lost);
        prepared_deinit(&prepared);
    }
}

/* Of a pack that stays, since a whole checkpoint needs some of it, a delta has lost its base. */
static void
packs_that_lean_on_lost_ones_may_stay(void **state)
{
    static const char *const lost[] = {"1", "2", NULL};
    firn_push_result pushed;
    struct ws_world world;
    struct ws_world other;
    struct ws_world cleo;
    struct share_remote at;
    firn_prune_options options = FIRN_PRUNE_OPTIONS_INIT;
    firn_prune_result pruned;
    firn_remote_check_result result;
    (void)state;
    share_open(&world, 68);
    share_open_beside(&world, "/b", &other);
    static uint8_t bytes[30000];
    struct test_random random = {69};
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)test_random_below(&random, 256);
    }
    scan_put_random(&other.tree, "big", 1, BIG);
    scan_put_file(&other.tree, "changed", bytes, sizeof bytes);
    ws_save(&other);
    share_push(&other);
    bytes[9999] ^= 1;
    scan_put_file(&other.tree, "changed", bytes, sizeof bytes);
    scan_put_text(&other.tree, "x", "kept");
    ws_save(&other);
    share_push(&other);
    scan_remove_file(&other.tree, "big");
    scan_remove_file(&other.tree, "changed");
    ws_save(&other);
    share_push(&other);
    share_remote_open(&world, &at);
    remove_file(&at);
    share_remote_close(&at);
    check_ok(try_drop(&world, &result), &world.err);
    assert_int_equal(result.dropped, 2);
    assert_clean(&world, 1);
    check_ok(fi_share_prune(world.ws, NULL, &options, &pruned, &world.err), &world.err);
    share_open_beside(&world, "/c", &cleo);
    assert_int_equal(share_pull(&cleo).checkpoints, 1);
    check_ok(share_try_push(&other, lost, &pushed), &other.err);
    assert_int_equal(pushed.checkpoints, 2);
    assert_clean(&world, 3);
    assert_int_equal(share_pull(&cleo).checkpoints, 2); /* also of the pack that it has already */
    char *second = share_dump(&other, "2");
    share_assert_dump(&cleo, "origin/2", second);
    free(second);
    share_close_beside(&cleo);
    share_close_beside(&other);
    ws_world_close(&world);
}

static void
what_can_be_mended_is_not_dropped(void **state)
{
    struct prepared prepared;
    firn_remote_check_result result;
    (void)state;
    prepare(&prepared, 151);
    share_pull(&prepared.world);
    harm(&prepared, &harms[0]);
    check_ok(try_drop(&prepared.world, &result), &prepared.world.err);
    assert_int_equal(result.repaired, 2);
    assert_int_equal(result.dropped, 0);
    assert_clean(&prepared.world, 3);
    prepared_deinit(&prepared);
}

/* The other machine mends what "/w" is about to drop, at the n-th step after the check. */
static struct {
    struct ws_world *self;
    struct ws_world *other;
    unsigned at;
    unsigned steps;
    bool is_armed;
} race;

static void
mend_meanwhile(const char *text)
{
    void (*also)(const char *) = told_also;
    firn_remote_check_result result;
    race.is_armed = race.is_armed || strstr(text, "cannot be restored") != NULL;
    if (!race.is_armed) {
        return;
    }
    fi_os_sleep_ns(race.self->ws->os, INT64_C(2000000000)); /* so the next step is told, too */
    if (++race.steps == race.at) {
        check_ok(try_check(race.other, false, true, &result), &race.other->err);
        told_also = also;
    }
}

static void
what_is_mended_meanwhile_is_not_dropped(void **state)
{
    bool was_reached = true;
    unsigned at;
    (void)state;
    for (at = 1; was_reached; at++) {
        struct prepared prepared;
        firn_remote_check_result result;
        prepare(&prepared, 152);
        harm(&prepared, &harms[0]);
        memset(&race, 0, sizeof race);
        race.self = &prepared.world;
        race.other = &prepared.other;
        race.at = at;
        const struct trying trying = {.mend = true, .drop = true, .also = mend_meanwhile};
        check_ok(try_so(&prepared.world, trying, &result), &prepared.world.err);
        /* The last ones are told after it was done. */
        was_reached = race.steps >= at && result.dropped == 0;
        assert_int_equal(result.dropped, was_reached ? 0 : 2);
        assert_clean(&prepared.world, was_reached ? 3 : 1);
        prepared_deinit(&prepared);
    }
    assert_true(at > 5);
    printf("count: %u moments at which another machine mends a remote\n", at);
}

/* Sets an entry of a checkpoint, or of a small pack, to what it says with another first byte. */
static void
set_format(struct ws_world *world, const char *kind, uint8_t format, size_t size)
{
    struct share_remote at;
    struct fi_buf value = {0};
    share_remote_open(world, &at);
    const struct fi_remote_item *item = share_remote_entry(&at, kind, 0);
    check_ok(fi_buf_assign(&value, item->value), &err);
    value.data[0] = format;
    value.size = size < value.size ? size : value.size;
    check_ok(fi_remote_table_put(&at.change.set, item->key, fi_buf_slice(&value), 0, &err), &err);
    share_remote_publish(&at);
    share_remote_close(&at);
    fi_buf_deinit(&value);
}

static void
entries_that_cannot_be_read_are_dropped(void **state)
{
    struct prepared prepared;
    struct ws_world *world = &prepared.world;
    firn_remote_check_result result;
    (void)state;
    prepare(&prepared, 154);
    set_format(world, FI_SHARE_ENTRY_CHECKPOINT, 1, 9);
    assert_int_equal(try_check(world, false, true, &result), FIRN_CORRUPT);
    assert_int_equal(result.broken, 1);
    check_ok(try_drop(world, &result), &world->err);
    assert_int_equal(result.dropped, 1);
    assert_clean(world, 2);
    prepared_deinit(&prepared);
}

static void
what_a_newer_firn_reads_is_not_dropped(void **state)
{
    static const char *const kinds[] = {FI_SHARE_ENTRY_CHECKPOINT, FI_SHARE_ENTRY_PACK};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct prepared prepared;
        struct ws_world *world = &prepared.world;
        firn_remote_check_result result;
        prepare(&prepared, 155);
        set_format(world, kinds[i], 2, SIZE_MAX);
        assert_true(try_drop(world, &result) != FIRN_OK);
        assert_int_equal(result.dropped, 0);
        assert_int_equal(share_remote_count(world, FI_SHARE_ENTRY_CHECKPOINT), 3);
        prepared_deinit(&prepared);
    }
}

/* ==== the marker and the states ==== */

static void
a_lost_marker_is_named_and_put_back(void **state)
{
    struct prepared prepared;
    struct share_remote at;
    firn_remote_check_result result;
    (void)state;
    prepare(&prepared, 61);
    share_remote_open(&prepared.world, &at);
    check_ok(fi_bucket_remove(at.bucket, FI_REMOTE_MARKER_NAME, &err), &err);
    share_remote_close(&at);
    assert_int_equal(try_check(&prepared.world, false, false, &result), FIRN_CORRUPT);
    assert_told(FI_REMOTE_MARKER_NAME);
    assert_int_equal(result.damaged, 1);
    assert_int_equal(result.broken, 0);
    check_ok(try_check(&prepared.world, false, true, &result), &prepared.world.err);
    assert_told(FI_REMOTE_MARKER_NAME);
    assert_int_equal(result.damaged, 1);
    assert_clean(&prepared.world, 3);
    struct ws_world cleo;
    share_open_beside(&prepared.world, "/c", &cleo); /* it adds the remote */
    assert_int_equal(share_pull(&cleo).checkpoints, 3);
    share_close_beside(&cleo);
    prepared_deinit(&prepared);
}

/* Perhaps a disk is not mounted. */
static void
a_place_without_states_gets_no_marker(void **state)
{
    struct ws_world world;
    struct share_remote at;
    struct fi_remote_marker marker;
    firn_remote_check_result result;
    (void)state;
    share_open(&world, 66);
    share_remote_open(&world, &at);
    check_ok(fi_bucket_remove(at.bucket, FI_REMOTE_MARKER_NAME, &err), &err);
    assert_int_equal(try_check(&world, false, true, &result), FIRN_CORRUPT);
    assert_int_equal(fi_remote_marker_read(at.bucket, &marker, &err), FIRN_NOT_FOUND);
    share_remote_close(&at);
    ws_world_close(&world);
}

static void
lost_states_are_named(void **state)
{
    struct prepared prepared;
    struct share_remote at;
    firn_remote_check_result result;
    char name[FI_REMOTE_STATE_NAME_SIZE];
    (void)state;
    prepare(&prepared, 62);
    share_remote_open(&prepared.world, &at);
    fi_remote_state_name(at.remote.state.number - 1, name);
    check_ok(fi_bucket_remove(at.bucket, name, &err), &err);
    share_remote_close(&at);
    assert_int_equal(try_check(&prepared.world, false, false, &result), FIRN_CORRUPT);
    assert_non_null(strstr(prepared.world.err.text, "incomplete"));
    prepared_deinit(&prepared);
}

/* ==== the log ==== */

struct seen {
    firn_remote_change items[80];
    char labels[80][64];
    char by[80][64];
    size_t count;
};

static int
see(void *ctx, const firn_remote_change *change)
{
    struct seen *seen = ctx;
    snprintf(seen->labels[seen->count], sizeof seen->labels[0], "%.*s", (int)change->line.size,
             (const char *)change->line.data);
    snprintf(seen->by[seen->count], sizeof seen->by[0], "%s", change->by);
    seen->items[seen->count++] = *change;
    return FIRN_OK;
}

static struct seen
log_of(struct ws_world *world, uint64_t limit)
{
    struct seen seen = {.count = 0};
    check_ok(fi_share_log(world->ws, NULL, limit, see, &seen, &world->err), &world->err);
    return seen;
}

static void
a_log_tells_what_was_pushed(void **state)
{
    struct prepared prepared;
    (void)state;
    prepare(&prepared, 63);
    struct ws_world *world = &prepared.world;
    struct seen seen = log_of(world, 0);
    assert_int_equal(seen.count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(seen.items[i].state, 3 - i);
        assert_int_equal(seen.items[i].checkpoints, 1);
        assert_int_equal(seen.items[i].lines, 1);
        assert_int_equal(seen.items[i].packs, 1);
        assert_true(seen.items[i].bytes > 0);
        assert_int_equal(seen.items[i].removed_checkpoints + seen.items[i].removed_packs, 0);
        assert_non_null(strchr(seen.by[i], '@'));
    }
    assert_non_null(strstr(seen.labels[0], ":b"));
    assert_non_null(strstr(seen.labels[2], ":w"));
    assert_true(seen.items[1].bytes > BIG);
    /* Beyond a full state. */
    for (int i = 0; i < 34; i++) {
        char text[16];
        snprintf(text, sizeof text, "%d", i);
        scan_put_text(&world->tree, "own", text);
        ws_save(world);
        share_push(world);
    }
    seen = log_of(world, 0);
    assert_int_equal(seen.count, 37);
    for (size_t i = 0; i < seen.count; i++) {
        assert_int_equal(seen.items[i].checkpoints, 1);
        assert_int_equal(seen.items[i].removed_packs, 0);
    }
    seen = log_of(world, 6); /* the first is full */
    assert_int_equal(seen.count, 6);
    assert_int_equal(seen.items[5].state, 32);
    assert_int_equal(seen.items[5].checkpoints, 1);
    assert_int_equal(seen.items[5].packs, 1);
    share_remote_count(world, FI_SHARE_ENTRY_CHECKPOINT);
    struct share_remote at;
    share_remote_open(world, &at);
    take_away(&at, share_remote_entry(&at, FI_SHARE_ENTRY_CHECKPOINT, 0)->key);
    drop_file(&at);
    share_remote_close(&at);
    seen = log_of(world, 2);
    assert_int_equal(seen.items[1].removed_checkpoints, 1);
    assert_int_equal(seen.items[0].removed_packs, 1);
    assert_true(seen.items[0].removed_bytes > BIG);
    prepared_deinit(&prepared);
}

/* ==== memory ==== */

static int
install(void **state)
{
    (void)state;
    test_alloc_install();
    return 0;
}

static int
uninstall(void **state)
{
    (void)state;
    test_alloc_uninstall();
    return 0;
}

/* Whichever allocation fails, the check says so, or what it would say with it; nothing leaks. */
static void
memory_that_runs_out_is_an_error(void **state)
{
    enum { STEP = 29 };
    struct prepared prepared;
    firn_remote_check_result result;
    bool was_reached = true;
    unsigned failures = 0;
    unsigned growths = 0;
    (void)state;
    prepare(&prepared, 65);
    harm(&prepared, &harms[3]);
    for (uint64_t n = 1; was_reached; n += STEP) {
        const int64_t alive = test_alloc_alive();
        test_alloc_fail_at(n, false);
        int rc = try_check(&prepared.world, n % 2 == 0, false, &result);
        was_reached = test_alloc_calls() >= n;
        test_alloc_fail_at(0, false);
        if (rc != FIRN_CORRUPT && rc != FIRN_NO_MEMORY) {
            fail_msg("call %llu: %s", (unsigned long long)n, firn_code_name(rc));
        }
        failures += rc == FIRN_NO_MEMORY ? 1 : 0;
        growths += test_alloc_alive() > alive ? 1 : 0;
    }
    assert_true(failures > 0);
    assert_true(growths <= 1); /* a handle keeps some memory for the next time */
    prepared_deinit(&prepared);
}

/* Dropping is all or nothing, whichever allocation fails, and works the next time. */
static void
memory_that_runs_out_drops_all_or_nothing(void **state)
{
    enum { STEP = 3 };
    struct prepared prepared;
    struct ws_world *world = &prepared.world;
    firn_remote_check_result result;
    unsigned failures = 0;
    int rc = FIRN_NO_MEMORY;
    (void)state;
    prepare(&prepared, 67);
    harm(&prepared, &harms[0]);
    for (uint64_t n = 1; rc != FIRN_OK; n += STEP) {
        test_alloc_fail_at(n, false);
        rc = try_drop(world, &result);
        test_alloc_fail_at(0, false);
        if (rc != FIRN_OK && rc != FIRN_NO_MEMORY) {
            fail_msg("call %llu: %s: %s", (unsigned long long)n, firn_code_name(rc),
                     world->err.text);
        }
        failures += rc == FIRN_NO_MEMORY ? 1 : 0;
        const size_t left = share_remote_count(world, FI_SHARE_ENTRY_CHECKPOINT);
        assert_true(left == 1 || (left == 3 && rc == FIRN_NO_MEMORY));
    }
    assert_true(failures > 10);
    assert_clean(world, 1);
    prepared_deinit(&prepared);
}

/* Adds an entry of a checkpoint that its author did not push. */
static void
name_checkpoint(struct ws_world *world, const uint8_t *line, struct fi_catalog_record record)
{
    struct share_remote at;
    struct fi_share_checkpoint entry = {.published = 1};
    struct fi_buf bytes = {0};
    struct fi_buf value = {0};
    char key[FI_SHARE_KEY_SIZE];
    memcpy(entry.line, line, sizeof entry.line);
    share_remote_open(world, &at);
    assert_int_equal(fi_catalog_record_encode(&record, &bytes), FIRN_OK);
    entry.record = fi_buf_slice(&bytes);
    assert_int_equal(fi_share_entry_encode_checkpoint(&entry, &value), FIRN_OK);
    assert_int_equal(
        fi_remote_table_put(&at.change.set,
                            fi_share_entry_key(FI_SHARE_ENTRY_CHECKPOINT, record.id, key),
                            fi_buf_slice(&value), 0, &err),
        FIRN_OK);
    share_remote_publish(&at);
    share_remote_close(&at);
    fi_buf_deinit(&bytes);
    fi_buf_deinit(&value);
}

/* A remote names a tree that this machine has, and never pushed: as a checkpoint of its own, or of
 * another line, which is pulled first. A repair sends nothing of it. */
static void
what_was_not_pushed_is_not_sent(void **state)
{
    (void)state;
    for (int is_other = 0; is_other < 2; is_other++) {
        static const uint8_t other[FI_SHARE_LINE_SIZE] = "another line";
        struct ws_world world;
        struct share_remote at;
        struct fi_ws_opened opened;
        struct fi_share_checkpoint entry;
        struct fi_catalog_record record;
        struct fi_buf bytes = {0};
        uint8_t line[FI_SHARE_LINE_SIZE];
        firn_remote_check_result result;
        share_open(&world, 61);
        scan_put_text(&world.tree, "file", "pushed");
        ws_save(&world);
        share_push(&world);
        scan_put_text(&world.tree, "secret", "0000");
        ws_save(&world);
        share_remote_open(&world, &at);
        const struct fi_remote_item *item = share_remote_entry(&at, FI_SHARE_ENTRY_CHECKPOINT, 0);
        assert_non_null(item);
        check_ok(fi_share_entry_decode_checkpoint(item->value, &entry, &err), &err);
        memcpy(line, entry.line, sizeof line);
        share_remote_close(&at);
        check_ok(fi_ws_opened_open(world.ws, FI_WS_READ, &opened, &err), &err);
        check_ok(fi_catalog_newest(opened.catalog, opened.workspace.number, &bytes, &record, &err),
                 &err);
        check_ok(fi_ws_opened_close(world.ws, &opened, FIRN_OK, &err), &err);
        name_checkpoint(&world, is_other ? other : line, record);
        fi_buf_deinit(&bytes);
        if (is_other) {
            check_ok(share_try_pull(&world, NULL), &world.err);
        }
        assert_int_equal(try_check(&world, false, true, &result), FIRN_CORRUPT);
        assert_int_equal(result.sent, 0);
        assert_int_equal(result.broken, 1);
        ws_world_close(&world);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(damage_is_found_named_and_mended),
        cmocka_unit_test(what_is_shared_mends_others),
        cmocka_unit_test(a_prune_takes_what_was_damaged),
        cmocka_unit_test(what_nobody_has_is_dropped),
        cmocka_unit_test(packs_that_lean_on_lost_ones_may_stay),
        cmocka_unit_test(what_can_be_mended_is_not_dropped),
        cmocka_unit_test(what_is_mended_meanwhile_is_not_dropped),
        cmocka_unit_test(entries_that_cannot_be_read_are_dropped),
        cmocka_unit_test(what_a_newer_firn_reads_is_not_dropped),
        cmocka_unit_test(a_lost_marker_is_named_and_put_back),
        cmocka_unit_test(a_place_without_states_gets_no_marker),
        cmocka_unit_test(lost_states_are_named),
        cmocka_unit_test(a_log_tells_what_was_pushed),
        cmocka_unit_test(what_was_not_pushed_is_not_sent),
        cmocka_unit_test_setup_teardown(memory_that_runs_out_is_an_error, install, uninstall),
        cmocka_unit_test_setup_teardown(memory_that_runs_out_drops_all_or_nothing, install,
                                        uninstall),
    };
    return cmocka_run_group_tests_name("share_check", tests, NULL, NULL);
}
