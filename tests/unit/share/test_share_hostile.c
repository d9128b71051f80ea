/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/share: a remote that somebody wrote to who means harm, or that is damaged. States have right
 * checksums, entries and packs say anything. What is wrong is named, nothing of this machine
 * changes, and checkpoints that are whole come.
 */
#include "base/slice.h"
#include "bucket/bucket_folder.h"
#include "share/share_internal.h"
#include "share_support.h"
#include "sim/sim_memory.h"
#include "support/test.h"
#include "support/test_alloc.h"
#include "support/test_file.h"
#include "support/test_random.h"
#include "support/test_share.h"
#include "support/workspace/ws_edit.h"
#include "support/workspace/ws_plant.h"

enum { BIG = 150 << 10 };

/* "/b" has pushed two checkpoints: the first with a pack that is a file, the second with one that is
 * an entry. "/w" has one of its own. */
struct prepared {
    struct ws_world world;
    char *tree;
    char *first;
    char *second;
};

static void
prepare(struct prepared *prepared, uint64_t seed)
{
    struct ws_world *world = &prepared->world;
    struct ws_world other;
    struct test_random random = {seed};
    share_open(world, seed);
    ws_edit_grow(&world->tree, &random, 10);
    ws_save(world);
    prepared->tree = ws_dump(world);
    share_open_beside(world, "/b", &other);
    ws_edit_grow(&other.tree, &random, 10);
    scan_put_random(&other.tree, "big", seed, BIG);
    ws_save(&other);
    prepared->first = ws_dump(&other);
    share_push(&other);
    scan_put_text(&other.tree, "more", "more");
    ws_save(&other);
    prepared->second = ws_dump(&other);
    share_push(&other);
    share_close_beside(&other);
}

static void
prepared_deinit(struct prepared *prepared)
{
    ws_world_close(&prepared->world);
    free(prepared->tree);
    free(prepared->first);
    free(prepared->second);
}

static int
count_one(void *ctx, const firn_workspace_checkpoint *checkpoint)
{
    (void)checkpoint;
    ++*(unsigned *)ctx;
    return FIRN_OK;
}

static void
assert_unchanged(struct ws_world *world, const struct prepared *prepared)
{
    firn_workspace_list_options list = FIRN_WORKSPACE_LIST_OPTIONS_INIT;
    unsigned count = 0;
    list.include_safety = true;
    assert_int_equal(fi_ws_list(world->ws, &list, count_one, &count, &world->err), FIRN_OK);
    assert_int_equal(count, 1);
    ws_assert_dump(world, prepared->tree);
    share_assert_dump(world, "1", prepared->tree);
    ws_assert_check_clean(world);
}

/* ==== ways to do harm ==== */

static firn_error err;

static void
set(struct share_remote *at, firn_slice key, firn_slice value)
{
    assert_int_equal(fi_remote_table_put(&at->change.set, key, value, 0, &err), FIRN_OK);
}

static void
take_away(struct share_remote *at, firn_slice key)
{
    assert_int_equal(fi_remote_table_put(&at->change.removed, key, firn_str(""), 0, &err), FIRN_OK);
}

/* Adds a file; its name is as good as another. */
static void
add_file(struct share_remote *at, firn_slice value, firn_slice bytes)
{
    char name[FI_REMOTE_FILE_NAME_SIZE];
    assert_int_equal(fi_remote_upload_name(&at->remote, name, &err), FIRN_OK);
    assert_int_equal(fi_bucket_put_bytes(at->bucket, name, bytes, &err), FIRN_OK);
    assert_int_equal(
        fi_remote_table_put(&at->change.added, firn_str(name), value, FI_REMOTE_LIVE, &err),
        FIRN_OK);
}

/* A checkpoint like the first one that is there, but for what `change` does to its record. */
static void
forge(struct share_remote *at, void (*change)(struct fi_catalog_record *record), bool has_same_id)
{
    const struct fi_remote_item *item = share_remote_entry(at, FI_SHARE_ENTRY_CHECKPOINT, 0);
    struct fi_share_checkpoint entry;
    struct fi_catalog_record record;
    struct fi_buf bytes = {0};
    struct fi_buf value = {0};
    char key[FI_SHARE_KEY_SIZE];
    assert_int_equal(fi_share_entry_decode_checkpoint(item->value, &entry, &err), FIRN_OK);
    assert_int_equal(fi_catalog_record_decode(entry.record, &record, &err), FIRN_OK);
    record.id[3] ^= has_same_id ? 0 : 1;
    record.order += has_same_id ? 0 : 100;
    record.number += has_same_id ? 0 : 100;
    if (change != NULL) {
        change(&record);
    }
    assert_int_equal(fi_catalog_record_encode(&record, &bytes), FIRN_OK);
    entry.record = fi_buf_slice(&bytes);
    assert_int_equal(fi_share_entry_encode_checkpoint(&entry, &value), FIRN_OK);
    set(at, fi_share_entry_key(FI_SHARE_ENTRY_CHECKPOINT, record.id, key), fi_buf_slice(&value));
    fi_buf_deinit(&bytes);
    fi_buf_deinit(&value);
}

static void
be_safety(struct fi_catalog_record *record)
{
    record->is_safety = true;
    record->number = 0;
}

static void
have_no_order(struct fi_catalog_record *record)
{
    record->order = 0;
}

static void
have_the_last_order(struct fi_catalog_record *record)
{
    record->order = UINT64_MAX;
}

static void
have_the_last_number(struct fi_catalog_record *record)
{
    record->number = UINT64_MAX;
}

static void
have_huge_ones(struct fi_catalog_record *record)
{
    record->number = UINT64_MAX - 1;
    record->order = UINT64_MAX - 1;
}

static void
have_the_order_of_another(struct fi_catalog_record *record)
{
    record->order -= 100;
}

static void
have_no_tree(struct fi_catalog_record *record)
{
    record->root.hash.bytes[5] ^= 1;
}

static void
have_no_rules(struct fi_catalog_record *record)
{
    record->has_rules = true;
    memset(&record->rules, 7, sizeof record->rules);
}

static void
be_of_this_directory(struct fi_catalog_record *record)
{
    record->workspace_path = firn_str("/w");
}

static void
be_of_another_line(struct fi_catalog_record *record)
{
    record->workspace_path = firn_str("remote:origin/../../x");
}

static void
forge_nothing(struct share_remote *at)
{
    forge(at, NULL, false);
}

static void
forge_safety(struct share_remote *at)
{
    forge(at, be_safety, false);
}

static void
forge_no_order(struct share_remote *at)
{
    forge(at, have_no_order, false);
}

static void
forge_last_order(struct share_remote *at)
{
    forge(at, have_the_last_order, false);
}

static void
forge_last_number(struct share_remote *at)
{
    forge(at, have_the_last_number, false);
}

static void
forge_huge(struct share_remote *at)
{
    forge(at, have_huge_ones, false);
}

static void
forge_twice(struct share_remote *at)
{
    forge(at, have_the_order_of_another, false);
}

static void
forge_tree(struct share_remote *at)
{
    forge(at, have_no_tree, false);
}

static void
forge_rules(struct share_remote *at)
{
    forge(at, have_no_rules, false);
}

static void
forge_path(struct share_remote *at)
{
    forge(at, be_of_this_directory, false);
}

static void
forge_line_path(struct share_remote *at)
{
    forge(at, be_of_another_line, false);
}

static void
forge_other_id(struct share_remote *at)
{
    const struct fi_remote_item *item = share_remote_entry(at, FI_SHARE_ENTRY_CHECKPOINT, 0);
    set(at, firn_str("checkpoint/00112233445566778899aabbccddeeff"), item->value);
    set(at, firn_str("checkpoint/../../etc/passwd"), item->value);
    set(at, firn_str("checkpoint/"), item->value);
}

static void
forge_values(struct share_remote *at)
{
    uint8_t zeros[64] = {1};
    set(at, firn_str("checkpoint/00112233445566778899aabbccddee00"), firn_str(""));
    set(at, firn_str("checkpoint/00112233445566778899aabbccddee01"), firn_str("\1short"));
    set(at, firn_str("checkpoint/00112233445566778899aabbccddee02"),
        firn_bytes(zeros, sizeof zeros));
}

static void
forge_newer(struct share_remote *at)
{
    set(at, firn_str("checkpoint/00112233445566778899aabbccddee02"), firn_str("\2of later"));
    set(at, firn_str("pack/00112233445566778899aabbccddee02"), firn_str("\2of later"));
    add_file(at, firn_str("\2of later"), firn_str("x"));
    set(at, firn_str("of a later version"), firn_str("x"));
}

static void
forge_packs(struct share_remote *at)
{
    set(at, firn_str("pack/"), firn_str(""));
    set(at, firn_str("pack/x"), firn_str("\1"));
    add_file(at, firn_str(""), firn_str("x"));
    set(at, firn_str(FI_SHARE_ENTRY_PRUNE), firn_str("x"));
}

static void
claim(struct share_remote *at, uint64_t size)
{
    struct fi_share_pack pack = {.size_bytes = size, .object_count = INT64_MAX};
    struct fi_buf value = {0};
    memset(pack.id.bytes, (int)(size >> 24) | 1, sizeof pack.id.bytes);
    assert_int_equal(fi_share_entry_encode_pack(&pack, &value), FIRN_OK);
    add_file(at, fi_buf_slice(&value), firn_str("not so many"));
    set(at, firn_str("pack/0123"), fi_buf_slice(&value));
    fi_buf_deinit(&value);
}

static void
claim_terabytes(struct share_remote *at)
{
    claim(at, UINT64_C(1) << 42);
    claim(at, INT64_MAX);
}

static void
claim_a_gigabyte(struct share_remote *at)
{
    claim(at, 1 << 30);
}

/* The file that the state names, under the identity of another one. */
static void
swap_identity(struct share_remote *at)
{
    const struct fi_remote_item *file = &at->remote.state.files.items[0];
    struct fi_buf value = {0};
    assert_int_equal(fi_buf_append_slice(&value, file->value), FIRN_OK);
    value.data[1] ^= 1; /* of its identity */
    assert_int_equal(fi_remote_table_put(&at->change.added, file->key, fi_buf_slice(&value),
                                         FI_REMOTE_LIVE, &err),
                     FIRN_OK);
    fi_buf_deinit(&value);
}

static void
drop_file(struct share_remote *at)
{
    assert_int_equal(fi_remote_table_put(&at->change.killed, at->remote.state.files.items[0].key,
                                         firn_str(""), 0, &err),
                     FIRN_OK);
}

static void
drop_small(struct share_remote *at)
{
    take_away(at, share_remote_entry(at, FI_SHARE_ENTRY_PACK, 0)->key);
}

static void
remove_file(struct share_remote *at)
{
    char name[FI_BUCKET_NAME_SIZE_MAX + 1];
    fi_remote_file_name(&at->remote.state.files.items[0], name);
    assert_int_equal(fi_bucket_remove(at->bucket, name, &err), FIRN_OK);
}

/* What an object of a bucket never is: another one under its name. */
static void
put_again(struct share_remote *at, const char *name, firn_slice bytes)
{
    assert_int_equal(fi_bucket_remove(at->bucket, name, &err), FIRN_OK);
    assert_int_equal(fi_bucket_put_bytes(at->bucket, name, bytes, &err), FIRN_OK);
}

static void
get_file(struct share_remote *at, char *name, struct fi_buf *out)
{
    fi_remote_file_name(&at->remote.state.files.items[0], name);
    assert_int_equal(fi_bucket_get(at->bucket, name, 0, UINT64_MAX, out, &err), FIRN_OK);
}

static void
cut_file(struct share_remote *at)
{
    char name[FI_BUCKET_NAME_SIZE_MAX + 1];
    struct fi_buf bytes = {0};
    get_file(at, name, &bytes);
    put_again(at, name, firn_bytes(bytes.data, bytes.size / 2));
    fi_buf_deinit(&bytes);
}

static void
damage_file(struct share_remote *at)
{
    char name[FI_BUCKET_NAME_SIZE_MAX + 1];
    struct fi_buf bytes = {0};
    get_file(at, name, &bytes);
    bytes.data[bytes.size / 3] ^= 4;
    put_again(at, name, fi_buf_slice(&bytes));
    fi_buf_deinit(&bytes);
}

static void
have_labels(struct share_remote *at)
{
    static char large[32 << 10];
    memset(large, 'l', sizeof large);
    large[0] = 1;
    const firn_slice labels[] = {firn_str(""),
                                 firn_str("\1"),
                                 firn_str("\1../../etc"),
                                 firn_str("\1\x1b[2J\n\r\t\x7f\x80\xff"),
                                 firn_str("\1latest"),
                                 firn_str("\1https://example.com/x?y"),
                                 firn_bytes(large, sizeof large),
                                 firn_bytes("\1\0/\0", 4)};
    const struct fi_remote_item *item = share_remote_entry(at, FI_SHARE_ENTRY_CHECKPOINT, 0);
    struct fi_share_checkpoint entry;
    struct fi_catalog_record record;
    assert_int_equal(fi_share_entry_decode_checkpoint(item->value, &entry, &err), FIRN_OK);
    assert_int_equal(fi_catalog_record_decode(entry.record, &record, &err), FIRN_OK);
    for (size_t i = 0; i < sizeof labels / sizeof labels[0]; i++) {
        struct fi_buf bytes = {0};
        struct fi_buf value = {0};
        char key[FI_SHARE_KEY_SIZE];
        memset(entry.line, (int)i + 1, sizeof entry.line);
        memset(record.id, (int)i + 1, sizeof record.id);
        set(at, fi_share_entry_key(FI_SHARE_ENTRY_LINE, entry.line, key), labels[i]);
        assert_int_equal(fi_catalog_record_encode(&record, &bytes), FIRN_OK);
        entry.record = fi_buf_slice(&bytes);
        assert_int_equal(fi_share_entry_encode_checkpoint(&entry, &value), FIRN_OK);
        set(at, fi_share_entry_key(FI_SHARE_ENTRY_CHECKPOINT, record.id, key),
            fi_buf_slice(&value));
        fi_buf_deinit(&bytes);
        fi_buf_deinit(&value);
    }
}

struct harm {
    const char *name;
    void (*do_it)(struct share_remote *at);
    int code;
    uint64_t coming;
    uint64_t skipped;
    bool has_second; /* the second checkpoint of the other machine is among them, and whole */
    const char *words;
};

static const struct harm harms[] = {
    {"nothing", forge_nothing, FIRN_OK, 3, 0, true, ""},
    {"safety", forge_safety, FIRN_CORRUPT, 2, 1, true, "wrong record"},
    {"no order", forge_no_order, FIRN_CORRUPT, 2, 1, true, "wrong record"},
    {"last order", forge_last_order, FIRN_CORRUPT, 2, 1, true, "wrong record"},
    {"last number", forge_last_number, FIRN_CORRUPT, 2, 1, true, "wrong record"},
    {"huge ones", forge_huge, FIRN_OK, 3, 0, true, ""},
    {"twice", forge_twice, FIRN_CORRUPT, 2, 1, true, "the place of another"},
    {"tree", forge_tree, FIRN_CORRUPT, 2, 1, true, "is not whole"},
    {"rules", forge_rules, FIRN_CORRUPT, 2, 1, true, "is not whole"},
    {"path", forge_path, FIRN_OK, 3, 0, true, ""},
    {"line", forge_line_path, FIRN_OK, 3, 0, true, ""},
    {"other id", forge_other_id, FIRN_CORRUPT, 2, 3, true, "wrong record"},
    {"values", forge_values, FIRN_CORRUPT, 2, 3, true, "of the remote is"},
    {"newer", forge_newer, FIRN_NEWER, 2, 1, true, "format"},
    {"packs", forge_packs, FIRN_CORRUPT, 2, 0, true, "a pack"},
    {"terabytes", claim_terabytes, FIRN_CORRUPT, 2, 0, true, "a pack"},
    {"a gigabyte", claim_a_gigabyte, FIRN_CORRUPT, 2, 0, true, "a pack"},
    {"identity", swap_identity, FIRN_CORRUPT, 0, 2, false, "another one"},
    {"dropped", drop_file, FIRN_CORRUPT, 0, 2, false, "not there"},
    {"dropped small", drop_small, FIRN_CORRUPT, 1, 1, false, ""},
    {"removed", remove_file, FIRN_CORRUPT, 0, 2, false, ""},
    {"cut", cut_file, FIRN_CORRUPT, 0, 2, false, "too short"},
    {"damaged", damage_file, FIRN_CORRUPT, 0, 2, false, ""},
    {"labels", have_labels, FIRN_OK, 10, 0, true, ""},
};

static int
visit_label(void *ctx, const struct fi_catalog_line *line, firn_error *error)
{
    (void)ctx, (void)error;
    assert_in_range(line->label.size, 1, 255);
    for (size_t i = 0; i < line->label.size; i++) {
        assert_in_range(line->label.data[i], 0x21, 0x7e);
        assert_int_not_equal(line->label.data[i], '/');
    }
    return FIRN_OK;
}

static void
assert_labels(struct ws_world *world)
{
    struct fi_ws_opened opened;
    assert_int_equal(fi_ws_opened_open_store(world->ws, FI_WS_READ, &opened, &err), FIRN_OK);
    assert_int_equal(
        fi_catalog_lines_list(opened.catalog, firn_str("origin"), visit_label, NULL, &err),
        FIRN_OK);
    assert_int_equal(fi_ws_opened_close(world->ws, &opened, FIRN_OK, &err), FIRN_OK);
}

static void
what_is_wrong_is_named_and_the_rest_comes(void **state)
{
    (void)state;
    struct prepared prepared;
    prepare(&prepared, 63);
    for (size_t i = 0; i < sizeof harms / sizeof harms[0]; i++) {
        const struct harm *harm = &harms[i];
        struct ws_world world;
        struct share_remote at;
        firn_pull_result pulled;
        ws_world_clone(&prepared.world, &world);
        share_remote_open(&world, &at);
        harm->do_it(&at);
        share_remote_publish(&at);
        share_remote_close(&at);
        for (int round = 0; round < 2; round++) { /* the second finds the same */
            int rc = share_try_pull(&world, &pulled);
            uint64_t coming = round == 0 ? harm->coming : 0;
            if (pulled.checkpoints != coming ||
                (round == 0 && (rc != harm->code || pulled.skipped != harm->skipped))) {
                fail_msg("%s: %s: %s; %d came, %d were skipped", harm->name, firn_code_name(rc),
                         rc == FIRN_OK ? "" : world.err.text, (int)pulled.checkpoints,
                         (int)pulled.skipped);
            }
            if (round == 0 && rc != FIRN_OK) {
                if (strstr(world.err.text, harm->words) == NULL) {
                    fail_msg("%s: %s", harm->name, world.err.text);
                }
                assert_true(world.notices.counts[FIRN_NOTICE_DAMAGED] > 0);
            }
            assert_unchanged(&world, &prepared);
        }
        assert_labels(&world);
        if (harm->has_second) {
            share_assert_dump(&world, "origin/somebody@somewhere:b/2", prepared.second);
            share_assert_dump(&world, "origin/somebody@somewhere:b/1", prepared.first);
        }
        /* It goes on, here and there. */
        assert_int_equal(share_push(&world).checkpoints, 1);
        scan_put_text(&world.tree, "goes on", "x");
        ws_save(&world);
        assert_int_equal(share_push(&world).checkpoints, 1);
        gc_run_full(&world);
        ws_assert_check_clean(&world);
        assert_int_equal(fi_share_name_remove(world.ws, "origin", &world.err), FIRN_OK);
        ws_world_close(&world);
    }
    prepared_deinit(&prepared);
}

/* Any byte of any entry, below right checksums. */
static void
any_byte_of_an_entry_may_be_wrong(void **state)
{
    (void)state;
    struct prepared prepared;
    struct test_random random;
    uint64_t refused = 0;
    const unsigned rounds = test_share_of_seeds(test_is_long() ? 3000 : 120);
    test_random_init(&random, "share_hostile", 62);
    prepare(&prepared, 62);
    for (unsigned i = 0; i < rounds; i++) {
        struct ws_world world;
        struct share_remote at;
        firn_pull_result pulled;
        struct fi_buf value = {0};
        ws_world_clone(&prepared.world, &world);
        share_remote_open(&world, &at);
        const struct fi_remote_table *entries = &at.remote.state.entries;
        const struct fi_remote_table *files = &at.remote.state.files;
        uint64_t which = test_random_below(&random, entries->count + files->count);
        const struct fi_remote_item *item =
            which < entries->count ? &entries->items[which] : &files->items[which - entries->count];
        assert_int_equal(fi_buf_append_slice(&value, item->value), FIRN_OK);
        value.data[test_random_below(&random, value.size)] ^=
            (uint8_t)(1U << test_random_below(&random, 8));
        if (which < entries->count) {
            set(&at, item->key, fi_buf_slice(&value));
        } else {
            assert_int_equal(fi_remote_table_put(&at.change.added, item->key, fi_buf_slice(&value),
                                                 FI_REMOTE_LIVE, &err),
                             FIRN_OK);
        }
        share_remote_publish(&at);
        share_remote_close(&at);
        int rc = share_try_pull(&world, &pulled);
        refused += rc != FIRN_OK ? 1 : 0;
        assert_true(rc == FIRN_OK || rc == FIRN_CORRUPT || rc == FIRN_NEWER || rc == FIRN_LIMIT);
        assert_true(pulled.checkpoints <= 2);
        assert_unchanged(&world, &prepared);
        for (unsigned n = 1; n <= 2; n++) {
            char reference[32];
            firn_workspace_checkpoint *found;
            snprintf(reference, sizeof reference, "origin/%u", n);
            if (fi_ws_find(world.ws, reference, &found, &world.err) == FIRN_OK) {
                char *dump = share_dump(&world, reference);
                assert_true(strcmp(dump, prepared.first) == 0 ||
                            strcmp(dump, prepared.second) == 0);
                free(dump);
            }
        }
        assert_int_equal(share_push(&world).checkpoints, 1);
        fi_buf_deinit(&value);
        ws_world_close(&world);
    }
    printf("count: %llu of %u wrong bytes were refused\n", (unsigned long long)refused, rounds);
    assert_true(refused > rounds / 4);
    prepared_deinit(&prepared);
}

/* ==== states ==== */

static void
damaged_states_change_nothing(void **state)
{
    (void)state;
    struct prepared prepared;
    prepare(&prepared, 63);
    for (int way = 0; way < 12; way++) {
        struct ws_world world;
        struct share_remote at;
        struct fi_buf bytes = {0};
        char name[FI_REMOTE_STATE_NAME_SIZE];
        ws_world_clone(&prepared.world, &world);
        share_remote_open(&world, &at);
        fi_remote_state_name(1 + (uint64_t)way % 2, name);
        assert_int_equal(fi_bucket_get(at.bucket, name, 0, UINT64_MAX, &bytes, &err), FIRN_OK);
        bytes.data[bytes.size * (size_t)way / 13] ^= 1;
        put_again(&at, name, way < 8 ? fi_buf_slice(&bytes) : firn_bytes(bytes.data, (size_t)way));
        share_remote_close(&at);
        assert_int_equal(share_try_pull(&world, NULL), FIRN_CORRUPT);
        assert_int_equal(share_try_push(&world, NULL, NULL), FIRN_CORRUPT);
        assert_true(world.err.text[0] != '\0');
        assert_unchanged(&world, &prepared);
        fi_buf_deinit(&bytes);
        ws_world_close(&world);
    }
    prepared_deinit(&prepared);
}

static void
lost_states_are_noticed(void **state)
{
    (void)state;
    for (uint64_t left = 0; left <= 2; left++) {
        struct prepared prepared;
        struct ws_world *world = &prepared.world;
        struct share_remote at;
        prepare(&prepared, 64);
        share_pull(world);
        share_push(world); /* state 3 */
        share_remote_open(world, &at);
        for (uint64_t number = left + 1; number <= 3; number++) {
            char name[FI_REMOTE_STATE_NAME_SIZE];
            fi_remote_state_name(number, name);
            assert_int_equal(fi_bucket_remove(at.bucket, name, &err), FIRN_OK);
        }
        share_remote_close(&at);
        scan_put_text(&world->tree, "new", "new");
        ws_save(world);
        assert_int_equal(share_try_pull(world, NULL), FIRN_CORRUPT);
        assert_int_equal(share_try_push(world, NULL, NULL), FIRN_CORRUPT);
        share_assert_dump(world, "origin/2", prepared.second);
        share_assert_dump(world, "1", prepared.tree);
        ws_assert_check_clean(world);
        prepared_deinit(&prepared);
    }
}

/* ==== packs ==== */

/* A pack of a store, with a checkpoint's record, in a state that names it rightly. */
static void
a_record_in_a_pack_is_refused(void **state)
{
    (void)state;
    struct prepared prepared;
    struct ws_world *world = &prepared.world;
    struct ws_world other;
    struct share_remote at;
    struct fi_buf bytes = {0};
    struct fi_buf value = {0};
    firn_pull_result pulled;
    prepare(&prepared, 65);
    share_open_beside(world, "/b", &other);
    struct fi_ws_opened opened;
    assert_int_equal(fi_ws_opened_open_store(other.ws, FI_WS_READ, &opened, &err), FIRN_OK);
    const struct fi_objects_index_pack *last =
        fi_objects_pack_at(opened.objects, fi_objects_pack_count(opened.objects) - 1);
    struct fi_share_pack pack = {
        .id = last->id, .size_bytes = last->size_bytes, .object_count = last->object_count};
    char name[FI_OBJECTS_INDEX_PACK_NAME_SIZE];
    struct fi_os_dir *packs;
    fi_objects_index_pack_name(last->number, name);
    assert_int_equal(fi_os_dir_open_path(other.tree.os, "/bs/packs", &packs, &err), FIRN_OK);
    test_file_read(packs, name, &bytes);
    fi_os_dir_close(packs);
    assert_int_equal(fi_ws_opened_close(other.ws, &opened, FIRN_OK, &err), FIRN_OK);
    share_close_beside(&other);
    share_remote_open(world, &at);
    assert_int_equal(fi_share_entry_encode_pack(&pack, &value), FIRN_OK);
    add_file(&at, fi_buf_slice(&value), fi_buf_slice(&bytes));
    share_remote_publish(&at);
    share_remote_close(&at);
    assert_int_equal(share_try_pull(world, &pulled), FIRN_CORRUPT);
    const bool is_encrypted = getenv("FIRN_TEST_ENCRYPT") != NULL; /* with the store's key */
    assert_non_null(strstr(world->err.text, is_encrypted ? "another key" : "record"));
    assert_int_equal(pulled.checkpoints, 2);
    share_assert_dump(world, "origin/2", prepared.second);
    assert_unchanged(world, &prepared);
    fi_buf_deinit(&bytes);
    fi_buf_deinit(&value);
    prepared_deinit(&prepared);
}

/* A pull takes memory in proportion to what is there, whatever is claimed. */
static void
claims_take_no_memory(void **state)
{
    (void)state;
    struct prepared prepared;
    struct ws_world world;
    struct share_remote at;
    uint64_t honest;
    prepare(&prepared, 66);
    ws_world_clone(&prepared.world, &world);
    test_alloc_fail_at(0, false);
    share_pull(&world);
    honest = test_alloc_bytes();
    ws_world_close(&world);
    share_remote_open(&prepared.world, &at);
    claim(&at, 1 << 30);
    claim(&at, (1 << 30) - 1);
    claim(&at, UINT64_C(1) << 50);
    share_remote_publish(&at);
    share_remote_close(&at);
    test_alloc_fail_at(0, false);
    assert_int_equal(share_try_pull(&prepared.world, NULL), FIRN_CORRUPT);
    assert_true(test_alloc_bytes() < honest * 3 + (16 << 20));
    assert_unchanged(&prepared.world, &prepared);
    prepared_deinit(&prepared);
}

/* DOUBLINGS directories, each of which names the next one twice. */
static firn_hash
plant_doubling(struct ws_plant *planting, unsigned doublings)
{
    const struct ws_plant_entry file = ws_plant_file(planting, "file", "text");
    firn_hash below = ws_plant_dir(planting, &file, 1);
    for (unsigned i = 0; i < doublings; i++) {
        struct ws_plant_entry twice[] = {
            {.name = "a", .kind = FI_TREE_DIR, .mode = 0755, .hash = below},
            {.name = "b", .kind = FI_TREE_DIR, .mode = 0755, .hash = below}};
        below = ws_plant_dir(planting, twice, 2);
    }
    return below;
}

/* A few kilobytes that are more files than any disk holds: such a checkpoint gets in neither by a
 * pull nor by a take, and those beside it come. */
static void
trees_without_end_are_left_out(void **state)
{
    (void)state;
    static const unsigned doublings[] = {10, 200, 4};
    struct ws_world world;
    struct ws_plant planting = {.level = 1};
    firn_pull_options trusting = FIRN_PULL_OPTIONS_INIT;
    firn_take_options take = FIRN_TAKE_OPTIONS_INIT;
    firn_take_result taken = FIRN_TAKE_RESULT_INIT;
    firn_pull_result pulled;
    share_open(&world, 17);
    share_open_beside(&world, "/b", &planting.world);
    for (size_t i = 0; i < 3; i++) {
        ws_plant_begin(&planting);
        const firn_hash root = plant_doubling(&planting, doublings[i]);
        ws_plant_end(&planting, &root);
    }
    assert_int_equal(share_push(&planting.world).checkpoints, 3);

    assert_int_equal(share_try_pull(&world, &pulled), FIRN_LIMIT);
    assert_int_equal(pulled.checkpoints, 2);
    assert_int_equal(pulled.skipped, 1);
    assert_int_equal(fi_share_take(world.ws, NULL, "2", &take, &taken, &world.err), FIRN_LIMIT);
    assert_int_equal(fi_share_take(world.ws, NULL, "3", &take, &taken, &world.err), FIRN_OK);
    ws_assert_check_clean(&world);

    trusting.trust = true;
    assert_int_equal(fi_share_pull(world.ws, NULL, &trusting, &pulled, &world.err), FIRN_OK);
    assert_int_equal(pulled.checkpoints, 1);
    assert_int_equal(pulled.skipped, 0);
    share_close_beside(&planting.world);
    ws_world_close(&world);
}

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

/* The key of a small pack is the remote's choice, and may be longer than any name in a bucket. */
static void
a_pack_has_a_long_name(void **state)
{
    enum { KEY_SIZE = FI_REMOTE_KEY_SIZE_MAX };
    char key[KEY_SIZE + 1];
    struct prepared prepared;
    struct ws_world *world = &prepared.world;
    struct share_remote at;
    firn_prune_options prune = FIRN_PRUNE_OPTIONS_INIT;
    firn_prune_result pruned;
    firn_take_options take = FIRN_TAKE_OPTIONS_INIT;
    firn_take_result taken;
    (void)state;
    prepare(&prepared, 90);
    memset(key, 'a', KEY_SIZE);
    memcpy(key, FI_SHARE_ENTRY_PACK, strlen(FI_SHARE_ENTRY_PACK));
    key[KEY_SIZE] = '\0';
    share_remote_open(world, &at);
    const struct fi_remote_item *pack = share_remote_entry(&at, FI_SHARE_ENTRY_PACK, 0);
    assert_non_null(pack);
    assert_int_equal(fi_remote_table_put(&at.change.set, firn_str(key), pack->value, 0, &err),
                     FIRN_OK);
    take_away(&at, pack->key);
    share_remote_publish(&at);
    share_remote_close(&at);
    for (int read_data = 0; read_data < 2; read_data++) {
        firn_remote_check_options check = FIRN_REMOTE_CHECK_OPTIONS_INIT;
        firn_remote_check_result checked;
        check.read_data = read_data != 0;
        assert_int_equal(fi_share_check(world->ws, NULL, &check, &checked, &err), FIRN_OK);
    }
    assert_int_equal(fi_share_prune(world->ws, NULL, &prune, &pruned, &err), FIRN_OK);
    assert_int_equal(fi_share_take(world->ws, NULL, "latest", &take, &taken, &err), FIRN_OK);
    assert_int_equal(share_try_pull(world, NULL), FIRN_OK);
    prepared_deinit(&prepared);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_wrong_is_named_and_the_rest_comes),
        cmocka_unit_test(any_byte_of_an_entry_may_be_wrong),
        cmocka_unit_test(damaged_states_change_nothing),
        cmocka_unit_test(lost_states_are_noticed),
        cmocka_unit_test(a_record_in_a_pack_is_refused),
        cmocka_unit_test(a_pack_has_a_long_name),
        cmocka_unit_test(trees_without_end_are_left_out),
        cmocka_unit_test_setup_teardown(claims_take_no_memory, install, uninstall),
    };
    return cmocka_run_group_tests_name("share_hostile", tests, NULL, NULL);
}
