/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/place: what a user's notes outside of stores say, with each call of the system, each
 * allocation and each moment of power gone: no store is trusted that was not entered, none that was
 * is forgotten, and no journal counts as begun here that was not (docs/formats/notes.md).
 */
#include <errno.h>

#include "base/slice.h"
#include "handle/ws_opened.h"
#include "place/place.h"
#include "sim/sim_memory.h"
#include "storefile/storefile.h"
#include "support/test.h"
#include "support/test_alloc.h"
#include "support/workspace/ws_break.h"

/* Roots with a store in each. */
static const char IN[] = "/in";           /* was entered */
static const char OUT[] = "/out";         /* never is */
static const char NEW[] = "/new";         /* is entered by an operation */
static const char TO[] = "/to";           /* its store is to take the place of IN's */
static const char SWAPPED[] = "/swapped"; /* was entered, and is another store since */

static struct fi_os *
os_of(struct ws_world *world)
{
    return world->tree.outer != NULL ? world->tree.outer : world->tree.os;
}

static void
must(struct ws_world *world, int rc)
{
    if (rc != FIRN_OK) {
        fail_msg("%s: %s", firn_code_name(rc), world->err.text);
    }
}

static struct fi_os_dir *
open_dir(struct ws_world *world, const char *path)
{
    struct fi_os_dir *dir;
    must(world, fi_os_dir_open_path(world->tree.os, path, &dir, &world->err));
    return dir;
}

static void
make_dir(struct ws_world *world, const char *parent, const char *name)
{
    struct fi_os_dir *dir = open_dir(world, parent);
    must(world, fi_os_make_dir(dir, name, 0700, &world->err));
    fi_os_dir_close(dir);
}

static void
put(struct ws_world *world, const char *dir_path, const char *name, firn_slice bytes)
{
    struct fi_os_dir *dir = open_dir(world, dir_path);
    struct fi_os_file *file;
    must(world, fi_os_file_open(dir, name, FI_OS_WRITE | FI_OS_CREATE | FI_OS_TRUNCATE, 0600, &file,
                                &world->err));
    must(world, fi_os_file_write(file, 0, bytes.data, bytes.size, &world->err));
    fi_os_file_close(file);
    fi_os_dir_close(dir);
}

static size_t
get(struct ws_world *world, const char *dir_path, const char *name, void *out, size_t size)
{
    struct fi_os_dir *dir = open_dir(world, dir_path);
    struct fi_os_file *file;
    must(world, fi_os_file_open(dir, name, FI_OS_READ, 0, &file, &world->err));
    must(world, fi_os_file_read(file, 0, out, size, &size, &world->err));
    fi_os_file_close(file);
    fi_os_dir_close(dir);
    return size;
}

/* A root with a store inside, made from another root, which enters nothing. */
static void
put_store(struct ws_world *world, const char *root)
{
    char path[64];
    firn_workspace_options options = FIRN_WORKSPACE_OPTIONS_INIT;
    firn_workspace_save_options save = FIRN_WORKSPACE_SAVE_OPTIONS_INIT;
    firn_workspace_save_result result;
    struct firn_ws *ws;
    make_dir(world, "/", root + 1);
    (void)snprintf(path, sizeof path, "%s/.firn", root);
    options.store_path = path;
    save.threads = 1;
    must(world, fi_ws_open(world->tree.os, "/w", &options, &ws, &world->err));
    must(world, fi_ws_save(ws, &save, &result, &world->err));
    fi_ws_close(ws);
}

static void
sync_all(struct ws_world *world)
{
    must(world, fi_os_dir_sync_filesystem(world->tree.root, &world->err));
}

static bool
is_trusted(struct ws_world *world, const char *root)
{
    struct fi_trust_store_inspect look;
    must(world, fi_trust_store_inspect(os_of(world), root, &look, &world->err));
    assert_true(look.has_store);
    return look.is_trusted;
}

/* ---- roots and settings ---- */

static const uint8_t ID[FI_STOREFILE_ID_SIZE] = {1, 2};
static const uint8_t OTHER_ID[FI_STOREFILE_ID_SIZE] = {1, 3};
static const struct fi_trust_root KEPT = {ID, "/kept"};   /* was noted */
static const struct fi_trust_root FRESH = {ID, "/fresh"}; /* is noted by an operation */
static const struct fi_trust_root NEVER[] = {{OTHER_ID, "/kept"}, {ID, "/kep"}, {ID, "/"}};

static bool
is_noted(struct ws_world *world, const struct fi_trust_root *root)
{
    bool is_so;
    must(world, fi_trust_root_is_noted(os_of(world), root, &is_so, &world->err));
    return is_so;
}

/* Whether the settings that a store has are known. */
static bool
has_known_settings(struct ws_world *world, const char *store_path)
{
    char text[256] = "";
    struct fi_os_stat stat;
    struct fi_os_dir *dir = open_dir(world, store_path);
    bool is_there = fi_os_stat(dir, "config", &stat, NULL) == FIRN_OK;
    size_t size = is_there ? get(world, store_path, "config", text, sizeof text) : 0;
    bool is_known;
    must(world, fi_trust_settings_is_known(dir, firn_bytes(text, size), &is_known, &world->err));
    fi_os_dir_close(dir);
    return is_known;
}

/* ---- journals ---- */

static const uint8_t OLD_TAG[FI_CATALOG_JOURNAL_TAG_SIZE] = {1, 2, 3};
static const uint8_t NEW_TAG[FI_CATALOG_JOURNAL_TAG_SIZE] = {4, 5, 6};
static const uint8_t THEIR_TAG[FI_CATALOG_JOURNAL_TAG_SIZE] = {7, 8, 9};

static struct fi_catalog_journal
journal_of(const uint8_t *tag, enum fi_catalog_journal_state state)
{
    struct fi_catalog_journal journal = {.state = state};
    memcpy(journal.tag, tag, sizeof journal.tag);
    return journal;
}

static int
note(struct ws_world *world, const uint8_t *tag, enum fi_catalog_journal_state found_state)
{
    struct fi_ws_opened opened;
    struct fi_catalog_journal found = journal_of(OLD_TAG, found_state);
    int rc = fi_ws_opened_open(world->ws, FI_WS_WRITE, &opened, &world->err);
    if (rc == FIRN_OK) {
        rc = fi_ws_begun_note(world->ws, &opened, tag, &found, &world->err);
        /* The note is what is asked for here. */
        FI_IGNORE(fi_ws_opened_close(world->ws, &opened, false, NULL));
    }
    return rc;
}

static int
clear(struct ws_world *world)
{
    struct fi_ws_opened opened;
    int rc = fi_ws_opened_open(world->ws, FI_WS_WRITE, &opened, &world->err);
    if (rc == FIRN_OK) {
        rc = fi_ws_begun_clear(world->ws, &opened, &world->err);
        FI_IGNORE(fi_ws_opened_close(world->ws, &opened, false, NULL));
    }
    return rc;
}

static int
ask_foreign(struct ws_world *world, const uint8_t *tag, bool *out)
{
    struct fi_ws_opened opened;
    struct fi_catalog_journal journal = journal_of(tag, FI_CATALOG_JOURNAL_BEGUN);
    int rc = fi_ws_opened_open(world->ws, FI_WS_READ, &opened, &world->err);
    if (rc == FIRN_OK) {
        rc = fi_ws_begun_is_foreign(world->ws, &opened, &journal, out, &world->err);
        FI_IGNORE(fi_ws_opened_close(world->ws, &opened, false, NULL));
    }
    return rc;
}

static bool
is_own(struct ws_world *world, const uint8_t *tag)
{
    bool is_foreign = true;
    must(world, ask_foreign(world, tag, &is_foreign));
    return !is_foreign;
}

/* ---- the machine ---- */

static void
prepare(struct ws_world *world, uint64_t seed)
{
    static const char *const roots[] = {IN, OUT, NEW, TO, SWAPPED};
    uint8_t identity[4096];
    ws_world_open_memory(world, seed);
    make_dir(world, "/", "etc");
    put(world, "/etc", "machine-id", firn_str("0123456789abcdef\n"));
    scan_put_text(&world->tree, "file", "text");
    ws_save(world);
    for (size_t i = 0; i < sizeof roots / sizeof *roots; i++) {
        put_store(world, roots[i]);
    }
    must(world, fi_trust_store_enter(world->tree.os, IN, &world->err));
    must(world, fi_trust_store_enter(world->tree.os, SWAPPED, &world->err));
    size_t size = get(world, "/out/.firn", "FIRN", identity, sizeof identity);
    put(world, "/swapped/.firn", "FIRN", firn_bytes(identity, size));
    must(world, note(world, OLD_TAG, FI_CATALOG_JOURNAL_NONE));
    must(world, fi_trust_root_note(world->tree.os, &KEPT, &world->err));
    sync_all(world);
}

static void
settings_count_where_firn_made_them(void **state)
{
    static const char theirs[] = "keep = last:1\n";
    static const char mine[] = "keep = all:9d\n";
    struct ws_world world;
    struct fi_os *os;
    prepare(&world, 4);
    os = world.tree.os;
    assert_true(has_known_settings(&world, "/in/.firn"));
    put(&world, "/in/.firn", "config", firn_str(theirs));
    assert_false(has_known_settings(&world, "/in/.firn"));
    /* They stay unknown when firn is to change or to repair them. */
    assert_int_equal(fi_place_config_set(os, "/in/.firn", "wait", "7", &world.err), FIRN_UNTRUSTED);
    struct fi_os_dir *store = open_dir(&world, "/in/.firn");
    must(&world, fi_place_config_repair(store, &world.err));
    assert_false(has_known_settings(&world, "/in/.firn"));
    must(&world, fi_trust_settings_expect(store, firn_str(mine), &world.err));
    put(&world, "/in/.firn", "config", firn_str(mine));
    assert_false(has_known_settings(&world, "/in/.firn"));
    /* A store of which nothing is noted, and one that is accepted. */
    put(&world, "/out/.firn", "config", firn_str(theirs));
    assert_true(has_known_settings(&world, "/out/.firn"));
    must(&world, fi_trust_store_enter(os, IN, &world.err));
    assert_true(has_known_settings(&world, "/in/.firn"));
    must(&world, fi_place_config_set(os, "/in/.firn", "wait", "7", &world.err));
    assert_true(has_known_settings(&world, "/in/.firn"));
    /* The ones that were replaced, and none, are not known any more. */
    put(&world, "/in/.firn", "config", firn_str(mine));
    assert_false(has_known_settings(&world, "/in/.firn"));
    must(&world, fi_os_remove_file(store, "config", &world.err));
    assert_false(has_known_settings(&world, "/in/.firn"));
    fi_os_dir_close(store);
    ws_world_close(&world);
}

/* Nothing was ever noted. */
static void
forget_all(struct ws_world *world)
{
    struct fi_os_dir *top = open_dir(world, "/");
    must(world, fi_storefile_remove_tree(top, "data", &world->err));
    fi_os_dir_close(top);
    sync_all(world);
}

/* ---- what each says ---- */

static void
a_store_is_trusted_where_it_was_entered(void **state)
{
    struct ws_world world;
    struct fi_trust_store_inspect look;
    prepare(&world, 1);
    assert_true(is_trusted(&world, IN));
    assert_false(is_trusted(&world, OUT));
    assert_false(is_trusted(&world, SWAPPED));
    must(&world, fi_trust_store_inspect(world.tree.os, "/w", &look, &world.err));
    assert_false(look.has_store || look.is_trusted);

    /* Its directory is known, whatever it is called; a copy of what is in it is not. */
    struct fi_os_dir *top = open_dir(&world, "/");
    must(&world, fi_os_rename(top, "in", top, "moved", FI_OS_RENAME_NO_REPLACE, &world.err));
    must(&world, fi_os_make_dir(top, "in", 0755, &world.err));
    fi_os_dir_close(top);
    make_dir(&world, IN, ".firn");
    uint8_t identity[4096];
    size_t size = get(&world, "/moved/.firn", "FIRN", identity, sizeof identity);
    put(&world, "/in/.firn", "FIRN", firn_bytes(identity, size));
    assert_true(is_trusted(&world, "/moved"));
    assert_false(is_trusted(&world, IN));

    /* Nor one that others may write to. */
    struct fi_os_dir *store = open_dir(&world, "/moved/.firn");
    must(&world, fi_os_set_mode((struct fi_os_node){.dir = store}, 0720, &world.err));
    fi_os_dir_close(store);
    assert_false(is_trusted(&world, "/moved"));
    assert_int_equal(fi_trust_store_enter(world.tree.os, "/moved", &world.err), FIRN_DENIED);
    ws_world_close(&world);
}

/* The store in `by` takes the place of that in `root`, as a repaired one does. */
static void
replace_store(struct ws_world *world, const char *root, const char *by)
{
    struct fi_os_dir *old_root = open_dir(world, root);
    struct fi_os_dir *new_root = open_dir(world, by);
    struct fi_os_dir *from;
    struct fi_os_dir *to;
    must(world, fi_os_dir_open(old_root, ".firn", &from, &world->err));
    must(world, fi_os_dir_open(new_root, ".firn", &to, &world->err));
    must(world, fi_trust_store_carry(world->tree.os, from, to, &world->err));
    must(world,
         fi_os_rename(new_root, ".firn", old_root, ".firn", FI_OS_RENAME_EXCHANGE, &world->err));
    fi_os_dir_close(to);
    fi_os_dir_close(from);
    fi_os_dir_close(new_root);
    fi_os_dir_close(old_root);
}

static void
assert_is_carried(bool has_births, uint64_t seed)
{
    static const char *const roots[] = {IN, OUT, NEW, TO};
    struct ws_world world;
    ws_world_open_memory(&world, seed);
    fi_sim_memory_set_hide_births(world.tree.os, !has_births);
    for (size_t i = 0; i < sizeof roots / sizeof *roots; i++) {
        put_store(&world, roots[i]);
    }
    must(&world, fi_trust_store_enter(world.tree.os, IN, &world.err));
    replace_store(&world, IN, TO);
    replace_store(&world, OUT, NEW);
    assert_true(is_trusted(&world, IN));
    assert_false(is_trusted(&world, OUT));
    ws_world_close(&world);
}

static void
a_store_that_replaces_a_trusted_one_is_trusted(void **state)
{
    assert_is_carried(true, 21);
    assert_is_carried(false, 22);
}

static void
a_note_counts_for_its_journal_its_root_and_its_machine(void **state)
{
    struct ws_world world;
    prepare(&world, 2);
    assert_true(is_own(&world, OLD_TAG));
    assert_false(is_own(&world, NEW_TAG));
    must(&world, note(&world, NEW_TAG, FI_CATALOG_JOURNAL_PREPARED));
    assert_true(is_own(&world, OLD_TAG) && is_own(&world, NEW_TAG));
    must(&world, note(&world, NEW_TAG, FI_CATALOG_JOURNAL_DONE));
    assert_false(is_own(&world, OLD_TAG));
    put(&world, "/etc", "machine-id", firn_str("another\n"));
    assert_false(is_own(&world, NEW_TAG));
    put(&world, "/etc", "machine-id", firn_str("0123456789abcdef\n"));
    assert_true(is_own(&world, NEW_TAG));
    ws_world_move(&world, "/v");
    assert_false(is_own(&world, NEW_TAG));
    must(&world, clear(&world)); /* there is none for this root */
    ws_world_close(&world);
}

/* ---- notes that are not exactly as documented ---- */

static void
only_name(void *ctx, const char *name)
{
    (void)snprintf(ctx, FI_TRUST_PRIVATE_NAME_SIZE, "%s", name);
}

static int
keep_only_name(void *ctx, const struct fi_os_dirent *entry)
{
    only_name(ctx, entry->name);
    return FIRN_OK;
}

/* The one note of a folder. */
static size_t
read_only_note(struct ws_world *world, const char *folder, char *out_name, char *out, size_t size)
{
    struct fi_os_dir *dir = open_dir(world, folder);
    must(world, fi_os_dir_list(dir, keep_only_name, out_name, &world->err));
    fi_os_dir_close(dir);
    return get(world, folder, out_name, out, size);
}

static bool
says_yes(struct ws_world *world, const char *folder)
{
    return strcmp(folder, "/data/firn/.trusted") == 0 ? is_trusted(world, NEW)
                                                      : is_own(world, OLD_TAG);
}

/* Any byte but those of the path, which is there for people, and anything put in or cut off. */
static void
assert_exact(struct ws_world *world, const char *folder, size_t path_size)
{
    char name[FI_TRUST_PRIVATE_NAME_SIZE];
    char sound[512];
    char text[520];
    size_t size = read_only_note(world, folder, name, sound, sizeof sound);
    bool is_restore = path_size == 0;
    assert_true(says_yes(world, folder));
    for (size_t at = 0; at < size - path_size; at++) {
        memcpy(text, sound, size);
        text[at] ^= 0x40;
        put(world, folder, name, firn_bytes(text, size));
        assert_false(says_yes(world, folder));
        put(world, folder, name, firn_bytes(sound, at));
        assert_false(says_yes(world, folder));
    }
    for (size_t at = 0; at <= size - path_size; at++) {
        memcpy(text, sound, at);
        memcpy(text + at, "\nrook /", 7);
        memcpy(text + at + 7, sound + at, size - at);
        put(world, folder, name, firn_bytes(text, size + 7));
        bool is_in_path = !is_restore && at >= size - path_size;
        assert_true(is_in_path || !says_yes(world, folder));
    }
    memcpy(text, sound, size);
    text[size] = '\0';
    put(world, folder, name, firn_bytes(text, size + 1));
    assert_false(says_yes(world, folder));
    put(world, folder, name, firn_bytes(sound, size));
    assert_true(says_yes(world, folder));
}

/* Two tags are a note, and three are none. */
static void
assert_two_tags(struct ws_world *world)
{
    static const char tag[] = "tag 0123456789abcdef\n";
    char name[FI_TRUST_PRIVATE_NAME_SIZE];
    char text[512];
    size_t size = read_only_note(world, "/data/firn/.restoring", name, text, sizeof text);
    for (unsigned tags = 2; tags <= 4; tags++, size += sizeof tag - 1) {
        memcpy(text + size, tag, sizeof tag);
        put(world, "/data/firn/.restoring", name, firn_bytes(text, size + sizeof tag - 1));
        assert_int_equal(is_own(world, OLD_TAG), tags == 2);
    }
}

static void
a_note_that_is_not_exactly_as_documented_vouches_for_nothing(void **state)
{
    struct ws_world world;
    prepare(&world, 3);
    forget_all(&world);
    must(&world, fi_trust_store_enter(world.tree.os, NEW, &world.err));
    must(&world, note(&world, OLD_TAG, FI_CATALOG_JOURNAL_NONE));
    assert_exact(&world, "/data/firn/.trusted", strlen(NEW) - 1);
    assert_exact(&world, "/data/firn/.restoring", 0);
    assert_two_tags(&world);
    ws_world_close(&world);
}

/* ---- faults ---- */

enum operation {
    FIRST_ENTER,
    FIRST_NOTE,
    ENTER,
    CARRY,
    REMOVE,
    LIST,
    LOOK,
    NOTE,
    NOTE_NEXT,
    CLEAR,
    IS_FOREIGN,
    NOTE_ROOT,
    REMOVE_ROOT,
    ASK_ROOT,
    SET,
    OPERATIONS
};

struct listed {
    unsigned count;
    unsigned trusted;
    unsigned unread; /* entries */
};

static int
count_listed(void *ctx, const firn_trust_info *info)
{
    struct listed *listed = ctx;
    if (info->unread_path != NULL) {
        assert_true(strlen(info->unread_text) > 0);
        listed->unread++;
        return FIRN_OK;
    }
    listed->count++;
    listed->trusted += info->is_trusted ? 1 : 0;
    assert_true(!info->is_trusted || strcmp(info->root, IN) == 0);
    assert_true(info->is_there);
    return FIRN_OK;
}

static int
carry(struct ws_world *world)
{
    struct fi_os_dir *from = NULL;
    struct fi_os_dir *to = NULL;
    int rc;
    FI_TRY(fi_os_dir_open_path(os_of(world), "/in/.firn", &from, &world->err));
    FI_TRY(fi_os_dir_open_path(os_of(world), "/to/.firn", &to, &world->err));
    rc = fi_trust_store_carry(os_of(world), from, to, &world->err);
out:
    fi_os_dir_close(from);
    fi_os_dir_close(to);
    return rc;
}

/* A failure is never told as a store that is there and not trusted, or the other way. */
static int
look_at_all(struct ws_world *world)
{
    struct fi_trust_store_inspect look;
    int rc;
    FI_TRY(fi_trust_store_inspect(os_of(world), SWAPPED, &look, &world->err));
    assert_false(look.is_trusted);
    FI_TRY(fi_trust_store_inspect(os_of(world), OUT, &look, &world->err));
    assert_true(look.has_store && !look.is_trusted);
    FI_TRY(fi_trust_store_inspect(os_of(world), IN, &look, &world->err));
    assert_true(look.has_store && look.is_trusted);
out:
    assert_true(rc == FIRN_OK || !look.is_trusted);
    return rc;
}

static int
run(struct ws_world *world, int operation)
{
    struct listed listed = {0};
    bool is_foreign = true;
    int rc;
    switch (operation) {
    case FIRST_ENTER:
    case ENTER:
        return fi_trust_store_enter(os_of(world), NEW, &world->err);
    case CARRY:
        return carry(world);
    case REMOVE:
        return fi_trust_list_remove(os_of(world), IN, &world->err);
    case LIST:
        rc = fi_trust_list_visit(os_of(world), count_listed, &listed, &world->err);
        assert_true(rc != FIRN_OK || listed.count + listed.unread == 2);
        assert_true(rc != FIRN_OK || listed.unread > 0 || listed.trusted == 1);
        return rc;
    case LOOK:
        return look_at_all(world);
    case FIRST_NOTE:
    case NOTE:
        return note(world, NEW_TAG, FI_CATALOG_JOURNAL_BEGUN);
    case NOTE_NEXT:
        return note(world, NEW_TAG, FI_CATALOG_JOURNAL_DONE);
    case CLEAR:
        return clear(world);
    case NOTE_ROOT:
        return fi_trust_root_note(os_of(world), &FRESH, &world->err);
    case REMOVE_ROOT:
        return fi_trust_root_remove(os_of(world), &KEPT, &world->err);
    case ASK_ROOT:
        rc = fi_trust_root_is_noted(os_of(world), &KEPT, &is_foreign, &world->err);
        assert_true(rc != FIRN_OK || is_foreign);
        return rc;
    case SET:
        return fi_place_config_set(os_of(world), "/in/.firn", "keep", "forever", &world->err);
    default:
        FI_TRY(ask_foreign(world, THEIR_TAG, &is_foreign));
        assert_true(is_foreign);
        FI_TRY(ask_foreign(world, OLD_TAG, &is_foreign));
        assert_false(is_foreign);
    out:
        return rc;
    }
}

/* Another store in the same directory is not trusted, whatever failed when that was entered. */
static void
assert_is_about_its_store(struct ws_world *world, const char *store_path)
{
    uint8_t own[4096];
    uint8_t other[4096];
    char root[64];
    size_t own_size = get(world, store_path, "FIRN", own, sizeof own);
    size_t other_size = get(world, "/out/.firn", "FIRN", other, sizeof other);
    (void)snprintf(root, sizeof root, "%.*s", (int)(strlen(store_path) - strlen("/.firn")),
                   store_path);
    put(world, store_path, "FIRN", firn_bytes(other, other_size));
    assert_false(is_trusted(world, root));
    put(world, store_path, "FIRN", firn_bytes(own, own_size));
}

/* What notes say after an operation that was done, or failed. */
static void
assert_said(struct ws_world *world, int operation, bool is_done)
{
    bool is_first = operation == FIRST_ENTER || operation == FIRST_NOTE;
    bool is_enter = operation == FIRST_ENTER || operation == ENTER;
    assert_true(has_known_settings(world, "/in/.firn"));
    assert_true(is_noted(world, &KEPT) ? !is_first && !(operation == REMOVE_ROOT && is_done)
                                       : is_first || operation == REMOVE_ROOT);
    assert_true(is_noted(world, &FRESH) ? operation == NOTE_ROOT
                                        : operation != NOTE_ROOT || !is_done);
    for (size_t i = 0; i < sizeof NEVER / sizeof NEVER[0]; i++) {
        assert_false(is_noted(world, &NEVER[i]));
    }
    assert_false(is_trusted(world, OUT));
    assert_false(is_trusted(world, SWAPPED));
    if (operation == REMOVE) {
        assert_false(is_done && is_trusted(world, IN));
    } else {
        assert_int_equal(is_trusted(world, IN), !is_first);
    }
    assert_true(is_trusted(world, NEW) ? is_enter : !is_enter || !is_done);
    assert_true(is_trusted(world, TO) ? operation == CARRY : operation != CARRY || !is_done);

    assert_is_about_its_store(world, "/new/.firn");
    assert_is_about_its_store(world, "/to/.firn");

    bool has_old = is_own(world, OLD_TAG);
    bool has_new = is_own(world, NEW_TAG);
    assert_false(is_own(world, THEIR_TAG));
    switch (operation) {
    case FIRST_NOTE:
        assert_true(!is_done || (has_old && has_new));
        break;
    case NOTE:
        assert_true(has_old && (!is_done || has_new));
        break;
    case NOTE_NEXT:
        assert_true(is_done ? has_new && !has_old : has_new != has_old);
        break;
    case CLEAR:
        assert_true(!has_new && (!is_done || !has_old));
        break;
    default:
        assert_true(!has_new && has_old == !is_first);
    }
}

static bool fails_for_ever; /* what was made could not be taken back either */

static void
judge(struct ws_world *world, int operation, const struct ws_broken *broken)
{
    assert_said(world, operation, broken->rc == FIRN_OK);
    int rc = run(world, operation);
    assert_true(rc == FIRN_OK || (operation == REMOVE && rc == FIRN_NOT_FOUND));
    assert_said(world, operation, true);
    if (!fails_for_ever) { /* and that is durable */
        fi_sim_memory_power_cut(world->tree.os, 0);
        ws_world_reopen(world);
        assert_said(world, operation, true);
    }
}

static void
break_all(void (*break_it)(const struct ws_break *how))
{
    for (int operation = 0; operation < OPERATIONS; operation++) {
        struct ws_world world;
        prepare(&world, 10);
        if (operation == FIRST_ENTER || operation == FIRST_NOTE) {
            forget_all(&world);
        }
        struct ws_break_numbered numbered = {run, judge, operation};
        struct ws_break how = ws_break_numbered(&world, &numbered, 1);
        break_it(&how);
        ws_world_close(&world);
    }
}

static void
break_calls(const struct ws_break *how)
{
    assert_true(ws_break_is_enough(ws_break_calls(how, false, EIO)));
    assert_true(ws_break_is_enough(ws_break_calls(how, false, ENOSPC)));
    fails_for_ever = true;
    assert_true(ws_break_is_enough(ws_break_calls(how, true, ENOSPC)));
    assert_true(ws_break_is_enough(ws_break_calls(how, true, EIO)));
    fails_for_ever = false;
}

static void
break_memory(const struct ws_break *how)
{
    assert_true(ws_break_is_enough(ws_break_allocations(how, WS_BREAK_ONCE)));
    assert_true(ws_break_is_enough(ws_break_allocations(how, WS_BREAK_FOR_EVER)));
}

static void
break_power(const struct ws_break *how)
{
    bool changes = how->loop != LIST && how->loop != LOOK && how->loop != IS_FOREIGN;
    assert_true(!changes || ws_break_is_enough(ws_break_power(how, 4)));
}

static void
any_call_may_fail(void **state)
{
    break_all(break_calls);
}

static void
any_allocation_may_fail(void **state)
{
    break_all(break_memory);
}

static void
the_power_may_go_at_any_moment(void **state)
{
    break_all(break_power);
}

/* ---- roots that are broad ---- */

struct broad {
    struct firn_ws *stores; /* the folder of stores */
    struct firn_ws *mounted;
    struct firn_ws *plain;
};

static struct firn_ws *
open_ws(struct ws_world *world, const char *root)
{
    struct firn_ws *ws;
    firn_workspace_options options = FIRN_WORKSPACE_OPTIONS_INIT;
    options.store_path = "/s";
    must(world, fi_ws_open(os_of(world), root, &options, &ws, &world->err));
    return ws;
}

static void
begin_broad(void *ctx, struct ws_world *world)
{
    struct broad *broad = ctx;
    *broad = (struct broad){.stores = open_ws(world, "/data"),
                            .mounted = open_ws(world, "/out"),
                            .plain = open_ws(world, "/in")};
}

static bool
is_or_none(const char *why, const char *expected, bool *is_all)
{
    *is_all = *is_all && why != NULL;
    return why == NULL || strstr(why, expected) != NULL;
}

static int
run_broad(void *ctx, struct ws_world *world)
{
    struct broad *broad = ctx;
    bool is_all = true;
    assert_true(is_or_none(fi_ws_broad_why(broad->stores), "keeps its stores", &is_all));
    assert_true(is_or_none(fi_ws_broad_why(broad->mounted), "a whole file system", &is_all));
    assert_null(fi_ws_broad_why(broad->plain));
    return is_all ? FIRN_OK : fi_error_set(&world->err, FIRN_NO_MEMORY, "not found out");
}

static void
judge_broad(void *ctx, struct ws_world *world, const struct ws_broken *broken)
{
    struct broad *broad = ctx;
    (void)broken;
    assert_int_equal(run_broad(ctx, world), FIRN_OK);
    fi_ws_close(broad->stores);
    fi_ws_close(broad->mounted);
    fi_ws_close(broad->plain);
}

static void
what_cannot_be_found_out_is_not_broad(void **state)
{
    struct ws_world world;
    struct broad broad;
    prepare(&world, 20);
    make_dir(&world, "/", "proc");
    make_dir(&world, "/proc", "self");
    put(&world, "/proc/self", "mountinfo",
        firn_str("1 0 8:1 / / rw\n2 1 8:2 /part /in rw\n3 1 8:3 / /o\\165t rw - ext4 x rw\n"));
    const struct ws_break how = {.from = &world,
                                 .begin = begin_broad,
                                 .run = run_broad,
                                 .judge = judge_broad,
                                 .ctx = &broad};
    assert_true(ws_break_is_enough(ws_break_calls(&how, false, EIO)));
    assert_true(ws_break_is_enough(ws_break_calls(&how, true, ENOSPC)));
    assert_true(ws_break_is_enough(ws_break_allocations(&how, WS_BREAK_ONCE)));
    ws_world_close(&world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_store_is_trusted_where_it_was_entered),
        cmocka_unit_test(a_store_that_replaces_a_trusted_one_is_trusted),
        cmocka_unit_test(a_note_counts_for_its_journal_its_root_and_its_machine),
        cmocka_unit_test(a_note_that_is_not_exactly_as_documented_vouches_for_nothing),
        cmocka_unit_test(any_call_may_fail),
        cmocka_unit_test(any_allocation_may_fail),
        cmocka_unit_test(settings_count_where_firn_made_them),
        cmocka_unit_test(the_power_may_go_at_any_moment),
        cmocka_unit_test(what_cannot_be_found_out_is_not_broad),
    };
    test_alloc_install();
    return cmocka_run_group_tests_name("ws_notes", tests, NULL, NULL);
}
