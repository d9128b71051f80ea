/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz/catalog: keys and values of the catalog, made of hostile bytes: workspaces, checkpoints, tags, pins,
 * turns, steps of undo, what saves have told, which names changed, what is forgotten, and when a collection is due.
 *
 * The input is a list of entries: which keyspace (1 byte), the sizes of key and value (1 byte each), key and
 * value. Everything that reads the catalog then reads them. Each read gives an answer or says that it
 * is damage; nothing that is read points outside of what was put in, and nothing hangs.
 */
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "base/hash_map.h"
#include "base/slice.h"
#include "catalog/catalog.h"
#include "catalog/catalog_facts.h"
#include "store/db.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const keyspaces[] = {
    FI_CATALOG_WORKSPACES, FI_CATALOG_CHECKPOINTS, FI_CATALOG_UNPACKED, FI_CATALOG_TAGS,
    FI_CATALOG_PINS,       FI_CATALOG_TURNS,       FI_CATALOG_TOLD,     FI_CATALOG_FORGOTTEN,
    FI_CATALOG_DUE,        FI_CATALOG_DELETED,     FI_CATALOG_FACTS,    FI_CATALOG_NAMES};
enum { KEYSPACES = sizeof keyspaces / sizeof keyspaces[0], WORKSPACE = 1 };

static bool
is_answer(int rc)
{
    return rc == FIRN_OK || rc == FIRN_NOT_FOUND || rc == FIRN_CORRUPT || rc == FIRN_NEWER ||
           rc == FIRN_INVALID;
}

static struct firn_db *
open_store(void)
{
    struct firn_db *db;
    const struct fi_db_options options = {
        .create_if_missing = true, .memory_bytes = 1 << 20, .durability = FIRN_DURABILITY_OS};
    CHECK(fi_db_memory_open((uint64_t)64 << 20, &options, &db, NULL) == FIRN_OK);
    return db;
}

static void
put_all(struct firn_db *db, firn_slice input)
{
    struct firn_db_keyspace *opened[KEYSPACES] = {NULL};
    for (unsigned i = 0; i < KEYSPACES; i++) {
        CHECK(fi_db_keyspace_open(db, keyspaces[i], &opened[i], NULL) == FIRN_OK);
    }
    enum { HEAD = 3 };
    while (input.size >= HEAD) {
        size_t key_size = input.data[1];
        size_t value_size = input.data[2];
        struct firn_db_keyspace *keyspace = opened[input.data[0] % KEYSPACES];
        if (input.size - HEAD < key_size || input.size - HEAD - key_size < value_size) {
            return;
        }
        firn_slice key = firn_bytes(input.data + HEAD, key_size);
        firn_slice value = firn_bytes(input.data + HEAD + key_size, value_size);
        CHECK(fi_db_put(keyspace, key, value, FIRN_DURABILITY_OS, NULL) == FIRN_OK);
        input = firn_bytes(value.data + value_size, input.size - HEAD - key_size - value_size);
    }
}

/* ---- reading ---- */

static int
visit_checkpoint(void *ctx, firn_slice bytes, const struct fi_catalog_record *record,
                 firn_error *err)
{
    struct fi_catalog *catalog = ctx;
    bool has;
    (void)err;
    CHECK(record->message.size <= bytes.size);
    CHECK(is_answer(fi_catalog_pins_has(catalog, WORKSPACE, record, &has, NULL)));
    CHECK(is_answer(fi_catalog_tags_has(catalog, WORKSPACE, record->id, &has, NULL)));
    const struct fi_catalog_names wanted = {{0}, 1, false};
    CHECK(fi_catalog_names_exclude(catalog, &wanted, WORKSPACE, record->order, &record->root.hash,
                                   &record->root.hash, &has, NULL) == FIRN_OK);
    return FIRN_OK;
}

static int
visit_workspace(void *ctx, firn_slice root, const struct fi_catalog_workspace *workspace,
                firn_error *err)
{
    struct fi_catalog_workspace found;
    (void)err;
    CHECK(root.size <= UINT8_MAX && workspace->number != 0);
    CHECK(is_answer(fi_catalog_workspaces_find(ctx, root, &found, NULL)));
    return FIRN_OK;
}

static int
visit_tag(void *ctx, firn_slice name, const struct fi_catalog_tags_tag *tag, firn_error *err)
{
    struct fi_catalog *catalog = ctx;
    struct fi_catalog_tags_tag found;
    struct fi_catalog_record record;
    struct fi_buf bytes = {0};
    (void)err;
    CHECK(name.size <= UINT8_MAX);
    CHECK(is_answer(fi_catalog_tags_find(catalog, WORKSPACE, name, &found, NULL)));
    CHECK(is_answer(fi_catalog_tags_follow(catalog, WORKSPACE, tag, &bytes, &record, NULL)));
    fi_buf_deinit(&bytes);
    return FIRN_OK;
}

static int
visit_pin(void *ctx, const struct fi_catalog_pins_pin *pin, firn_error *err)
{
    (void)ctx;
    (void)pin;
    (void)err;
    return FIRN_OK;
}

static int
visit_unpacked(void *ctx, firn_slice bytes, firn_error *err)
{
    (void)ctx;
    (void)err;
    CHECK(bytes.size <= UINT8_MAX);
    return FIRN_OK;
}

static void
read_facts(struct fi_catalog *catalog)
{
    struct fi_catalog_facts facts = {.time_ns = 0};
    struct fi_catalog_facts_change change;
    struct fi_buf orders = {0};
    CHECK(fi_catalog_facts_newer(catalog, WORKSPACE, 0, &orders, NULL) == FIRN_OK);
    for (size_t i = 0; i < orders.size / sizeof(uint64_t); i++) {
        const uint64_t order = ((const uint64_t *)(const void *)orders.data)[i];
        int rc = fi_catalog_facts_get(catalog, WORKSPACE, order, &facts, NULL);
        CHECK(rc == FIRN_OK || rc == FIRN_NOT_FOUND);
        if (rc == FIRN_OK) {
            struct fi_reader reader = fi_catalog_facts_read(&facts);
            CHECK(facts.kind == FIRN_STEP_RESTORE || fi_catalog_facts_is_kind(facts.kind));
            while (fi_catalog_facts_next(&reader, &change)) {
                CHECK(change.name.size + change.before.size + change.after.size <= UINT8_MAX);
            }
            CHECK(fi_reader_left(&reader) == 0);
        }
    }
    fi_catalog_facts_deinit(&facts);
    fi_buf_deinit(&orders);
}

static void
read_references(struct fi_catalog *catalog)
{
    static const char *const references[] = {"1", "last", "last~1", "@{1 hour ago}", "tag", "00"};
    struct fi_buf bytes = {0};
    struct fi_catalog_record record;
    firn_error err;
    for (size_t i = 0; i < sizeof references / sizeof references[0]; i++) {
        CHECK(is_answer(
            fi_catalog_resolve(catalog, WORKSPACE, references[i], &bytes, &record, &err)));
    }
    CHECK(is_answer(fi_catalog_newest(catalog, WORKSPACE, &bytes, &record, &err)));
    CHECK(is_answer(fi_catalog_get(catalog, WORKSPACE, 1, &bytes, &record, &err)));
    fi_buf_deinit(&bytes);
}

static void
read_beside(struct firn_db *db)
{
    struct fi_catalog_due due;
    struct fi_hash_map set;
    CHECK(is_answer(fi_catalog_due_read(db, &due, NULL)));
    fi_catalog_due_add(&due, UINT64_MAX);
    (void)fi_catalog_due_is(&due, UINT64_MAX, 1, due.tried_ns);
    fi_catalog_forgotten_init(&set);
    CHECK(is_answer(fi_catalog_forgotten_load(db, &set, NULL)));
    fi_hash_map_deinit(&set);
}

static void
read_turns(struct fi_catalog *catalog)
{
    struct fi_buf bytes = {0};
    firn_workspace_turn turn;
    struct fi_catalog_turns_noted noted;
    int64_t begun_ns;
    firn_error err;
    CHECK(is_answer(fi_catalog_turns_get(catalog, WORKSPACE, firn_str("a"), firn_str("s"), &bytes,
                                         &noted, &err)));
    int rc = fi_catalog_turns_newest(catalog, WORKSPACE, &bytes, &turn, &begun_ns, &err);
    CHECK(is_answer(rc));
    if (rc == FIRN_OK) {
        /* The one that is found can be ended, and another one begun. */
        CHECK(is_answer(fi_catalog_turns_put(catalog, WORKSPACE, &turn, begun_ns, true, &err)));
    }
    fi_buf_deinit(&bytes);
}

static int
bring_back(void *ctx, const struct fi_catalog_deleted *deleted, firn_error *err)
{
    struct firn_db_batch *batch = NULL;
    CHECK(fi_db_batch_create(&batch, err) == FIRN_OK);
    CHECK(deleted->workspace != WORKSPACE ||
          is_answer(fi_catalog_deleted_bring_back(ctx, batch, deleted, err)));
    fi_db_batch_destroy(batch);
    return FIRN_OK;
}

static void
read_deleted(struct fi_catalog *catalog)
{
    firn_error err;
    CHECK(is_answer(fi_catalog_deleted_list(catalog, WORKSPACE, bring_back, catalog, &err)));
}

static void
read_told(struct firn_db *db)
{
    static const firn_callbacks none = FIRN_CALLBACKS_INIT;
    struct fi_catalog_told told = {.db = NULL};
    firn_callbacks callbacks = FIRN_CALLBACKS_INIT;
    CHECK(fi_catalog_told_init(&told, db, WORKSPACE, &none, &callbacks, NULL) == FIRN_OK);
    fi_catalog_told_deinit(&told);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct firn_db *db = open_store();
    struct fi_catalog *catalog = NULL;
    firn_error err;
    put_all(db, firn_bytes(data, size));
    int rc = fi_catalog_open(db, &catalog, &err);
    CHECK(is_answer(rc));
    if (rc == FIRN_OK) {
        CHECK(is_answer(fi_catalog_workspaces_list(catalog, visit_workspace, catalog, &err)));
        CHECK(is_answer(fi_catalog_list(catalog, 0, visit_checkpoint, catalog, &err)));
        CHECK(is_answer(fi_catalog_list(catalog, WORKSPACE, visit_checkpoint, catalog, &err)));
        CHECK(is_answer(fi_catalog_unpacked(catalog, visit_unpacked, NULL, &err)));
        CHECK(is_answer(fi_catalog_tags_list(catalog, WORKSPACE, visit_tag, catalog, &err)));
        CHECK(is_answer(fi_catalog_pins_list(catalog, WORKSPACE, visit_pin, NULL, &err)));
        read_references(catalog);
        read_facts(catalog);
        read_turns(catalog);
        read_deleted(catalog);
        CHECK(is_answer(fi_catalog_workspaces_remove(catalog, WORKSPACE, &err)));
    }
    read_told(db);
    read_beside(db);
    fi_catalog_close(catalog);
    CHECK(fi_db_close(db, &err) == FIRN_OK);
    return 0;
}
