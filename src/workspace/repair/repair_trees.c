/* SPDX-License-Identifier: Apache-2.0
 *
 * repair/repair_trees.c: determines what is left of each checkpoint, and makes trees without what
 * is lost.
 *
 * A tree is walked with a stack of directories. A file is intact if its content can be streamed
 * whole from the new store, which verifies it. The result for each content is remembered by its
 * name and size, and so are directories that are intact with everything in them. A directory that
 * loses an entry is written again without it, and so is every one above it. If a directory object
 * is in parts, and one is lost, the entries before that part are kept.
 *
 * A further name of a file refers to the first one. If the first name is lost, the others become
 * files of their own. Trees from which nothing else was lost are checked for this only in a second
 * attempt, if the first was not clean: in a tree that is intact, damage does not affect just one of
 * two such names.
 *
 * (I1) New trees are committed before the second walk reads them: all of the first walk together.
 * (I2) A checkpoint keeps its id and number. Its message says how many paths it lost.
 *
 * Memory: 64 bytes for each content and directory of all checkpoints; one directory for each level
 * of the deepest path.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "repair/repair_internal.h"
#include "tree/tree.h"

enum { MESSAGE_ROOM = 96 };

/* The result for an object. */
struct known {
    firn_hash hash;
    uint64_t size;   /* of a content; 0 of a directory */
    uint32_t height; /* of a directory: levels of directories in it */
    bool is_dir;
    bool is_whole;
};

/* A directory that is being walked. */
struct level {
    firn_hash hash;
    struct fi_tree_iterator *iterator;
    struct fi_buf entry; /* encoded, as its parent has it; empty for the root */
    struct fi_buf kept;  /* encoded entries */
    size_t path_size;
    uint32_t height; /* as far as it has been walked */
    bool is_changed;
};

struct repairing {
    struct fi_repair *repair;
    struct fi_hash_map known;
    const struct fi_tree_source *trees;
    struct fi_objects_session *session;
    struct fi_objects_session_lane *lane;
    struct fi_repair_record *record; /* being walked */
    struct fi_buf levels;            /* of struct level */
    struct fi_buf path;
    struct fi_tree_lookup links;
    bool looks_at_links; /* the second walk */
    uint64_t lost;       /* paths of this walk */
    uint64_t files;
    uint64_t directories;
    uint64_t bytes;
};

static bool
known_equal(const void *record, const void *key)
{
    const struct known *left = record;
    const struct known *right = key;
    return left->size == right->size && left->is_dir == right->is_dir &&
           fi_hash_equal(&left->hash, &right->hash);
}

static const struct known *
find_known(const struct repairing *repairing, const struct known *wanted)
{
    return fi_hash_map_find(&repairing->known, fi_hash_map_first(wanted), wanted);
}

static int
repair_trees_remember(struct repairing *repairing, const struct known *known, firn_error *err)
{
    return find_known(repairing, known) != NULL ||
                   fi_hash_map_insert(&repairing->known, fi_hash_map_first(known), known) != NULL
               ? FIRN_OK
               : fi_error_no_memory(err, "what is known of objects");
}

static struct level *
repair_trees_top(const struct repairing *repairing)
{
    DCHECK(repairing->levels.size >= sizeof(struct level));
    return (struct level *)(void *)(repairing->levels.data + repairing->levels.size) - 1;
}

static size_t
repair_trees_depth(const struct repairing *repairing)
{
    return repairing->levels.size / sizeof(struct level);
}

/* ---- losing ---- */

/* Sets the path of an entry of the directory on top; without a name, of that directory itself. */
static int
set_path(struct repairing *repairing, firn_slice name, firn_error *err)
{
    DCHECK(repair_trees_top(repairing)->path_size <= repairing->path.size);
    repairing->path.size = repair_trees_top(repairing)->path_size;
    int rc = repairing->path.size > 0 && name.size > 0 ? fi_buf_append_u8(&repairing->path, '/')
                                                       : FIRN_OK;
    rc = rc == FIRN_OK ? fi_buf_append_slice(&repairing->path, name) : rc;
    return rc == FIRN_OK ? FIRN_OK : fi_error_no_memory(err, "a path");
}

/* Reports repairing->path as lost. */
static void
report_lost(struct repairing *repairing, const char *why)
{
    char text[FIRN_ERROR_TEXT_SIZE];
    char id[FIRN_CHECKPOINT_ID_SIZE];
    fi_catalog_record_id_text(repairing->record->record.id, id);
    (void)snprintf(text, sizeof text, "lost from checkpoint %.*s: %s", FIRN_CHECKPOINT_ID_SHORT, id,
                   why);
    repairing->lost++;
    fi_repair_report(repairing->repair, fi_buf_slice(&repairing->path), text);
}

/* FIRN_OK if something is lost; *out_why then says why. */
static int
repair_trees_assess(int rc, const firn_error *found, bool *out_is_lost, firn_error *err)
{
    *out_is_lost = fi_rescue_is_finding(rc);
    bool is_sound;
    return fi_rescue_sift(rc, found, &is_sound, err);
}

/* ---- entries ---- */

static int
pass_on(void *ctx, uint64_t bytes, firn_error *err)
{
    struct repairing *repairing = ctx;
    (void)bytes;
    return fi_pack_scratch_tick(repairing->repair->scratch, err);
}

static int
inspect_content(struct repairing *repairing, const struct fi_tree_entry *entry, bool *out_is_lost,
                firn_error *err)
{
    struct fi_repair *repair = repairing->repair;
    DCHECK(entry->kind == FI_TREE_FILE && !repairing->looks_at_links);
    struct known wanted = {.hash = entry->hash, .size = entry->size};
    const struct known *known = find_known(repairing, &wanted);
    firn_error found;
    if (known == NULL) {
        int read = fi_objects_stream_verify(repair->opened.objects, repair->scratch, &entry->hash,
                                            entry->size, pass_on, repairing, &found);
        FI_TRY_RETURN(repair_trees_assess(read, &found, out_is_lost, err));
        wanted.is_whole = !*out_is_lost;
        FI_TRY_RETURN(repair_trees_remember(repairing, &wanted, err));
        FI_TRY_RETURN(fi_repair_report_progress(repair, "read", repairing->known.count, err));
    } else {
        wanted.is_whole = known->is_whole;
    }
    *out_is_lost = !wanted.is_whole;
    return FIRN_OK;
}

static int
repair_trees_keep(struct repairing *repairing, const struct fi_tree_entry *entry, firn_error *err)
{
    return fi_tree_encode_entry(&repair_trees_top(repairing)->kept, entry) == FIRN_OK
               ? FIRN_OK
               : fi_error_no_memory(err, "a directory");
}

/* In the second walk: a further name becomes a file of its own if its first name is lost. */
static int
keep_with_link(struct repairing *repairing, const struct fi_tree_entry *entry, firn_error *err)
{
    struct fi_tree_entry alone = *entry;
    bool is_lost;
    firn_error found;
    int read =
        fi_tree_lookup_check_link(&repairing->links, fi_buf_slice(&repairing->path), entry, &found);
    int rc = repair_trees_assess(read, &found, &is_lost, err);
    if (rc == FIRN_OK && is_lost) {
        alone.hard_link = firn_bytes(NULL, 0);
        repair_trees_top(repairing)->is_changed = true;
    }
    return rc == FIRN_OK ? repair_trees_keep(repairing, &alone, err) : rc;
}

static void
raise_level(struct repairing *repairing, uint32_t height_below)
{
    struct level *level = repair_trees_top(repairing);
    level->height = level->height > height_below ? level->height : height_below + 1;
    DCHECK(repair_trees_depth(repairing) + level->height <= FI_TREE_DEPTH_MAX);
}

static int repair_trees_push(struct repairing *repairing, const struct fi_tree_entry *entry,
                             firn_error *err);

static int
take_entry(struct repairing *repairing, const struct fi_tree_entry *entry, firn_error *err)
{
    const struct known dir = {.hash = entry->hash, .is_dir = true, .is_whole = true};
    bool is_lost = false;
    FI_TRY_RETURN(set_path(repairing, entry->name, err));
    if (entry->kind == FI_TREE_DIR) {
        const struct known *known = repairing->looks_at_links ? NULL : find_known(repairing, &dir);
        if (known == NULL || repair_trees_depth(repairing) + known->height >= FI_TREE_DEPTH_MAX) {
            return repair_trees_push(repairing, entry, err);
        }
        raise_level(repairing, known->height);
        return repair_trees_keep(repairing, entry, err);
    }
    repairing->files++;
    repairing->bytes += entry->size;
    if (entry->kind == FI_TREE_FILE && !repairing->looks_at_links) {
        FI_TRY_RETURN(inspect_content(repairing, entry, &is_lost, err));
    }
    if (is_lost) {
        repair_trees_top(repairing)->is_changed = true;
        report_lost(repairing, "its content is damaged or missing");
        return FIRN_OK;
    }
    return repairing->looks_at_links && entry->hard_link.size > 0
               ? keep_with_link(repairing, entry, err)
               : repair_trees_keep(repairing, entry, err);
}

/* ---- directories ---- */

static void
repair_trees_pop(struct repairing *repairing)
{
    struct level *level = repair_trees_top(repairing);
    fi_tree_iterator_destroy(level->iterator);
    fi_buf_deinit(&level->entry);
    fi_buf_deinit(&level->kept);
    repairing->levels.size -= sizeof *level;
}

/* entry is NULL for the root; repairing->path is its path. */
static int
push_level(struct repairing *repairing, const struct fi_tree_entry *entry, const firn_hash *hash,
           bool *out_is_lost, firn_error *err)
{
    DCHECK((entry == NULL) == (repair_trees_depth(repairing) == 0));
    struct level level = {.hash = *hash, .path_size = repairing->path.size};
    firn_error found;
    int rc;
    if (repair_trees_depth(repairing) >= FI_TREE_DEPTH_MAX) {
        *out_is_lost = true; /* no reader of trees goes deeper */
        return FIRN_OK;
    }
    int read = fi_tree_iterator_create(repairing->trees, hash, &level.iterator, &found);
    FI_TRY(repair_trees_assess(read, &found, out_is_lost, err));
    if (*out_is_lost) {
        return FIRN_OK;
    }
    repairing->directories += entry != NULL; /* the root is not counted */
    if ((entry != NULL && fi_tree_encode_entry(&level.entry, entry) != FIRN_OK) ||
        fi_buf_append(&repairing->levels, &level, sizeof level) != FIRN_OK) {
        rc = fi_error_no_memory(err, "a directory");
    }
out:
    if (rc != FIRN_OK) {
        fi_tree_iterator_destroy(level.iterator);
        fi_buf_deinit(&level.entry);
    }
    return rc;
}

static int
repair_trees_push(struct repairing *repairing, const struct fi_tree_entry *entry, firn_error *err)
{
    bool is_lost;
    int rc = push_level(repairing, entry, &entry->hash, &is_lost, err);
    if (rc == FIRN_OK && is_lost) {
        repair_trees_top(repairing)->is_changed = true;
        report_lost(repairing, "the list of what is in it is damaged or missing");
    }
    return rc;
}

static int
put_object(void *ctx, const firn_hash *hash, firn_slice object, firn_error *err)
{
    struct repairing *repairing = ctx;
    const struct fi_objects_object added = {.kind = FI_PACK_TREE, .hash = *hash, .content = object};
    bool is_new;
    if (repairing->session == NULL) {
        FI_TRY_RETURN(fi_objects_session_begin(repairing->repair->opened.objects,
                                               FI_OBJECTS_SESSION_LEVEL, &repairing->session, err));
        FI_TRY_RETURN(fi_objects_session_lane_open(repairing->session, &repairing->lane, err));
    }
    return fi_objects_session_lane_add(repairing->lane, &added, &is_new, err);
}

/* Requires: the directory on top has been walked. Gives its entry to its parent; for the root,
 * *out_root is its hash. */
static int
finish_level(struct repairing *repairing, firn_hash *out_root, firn_error *err)
{
    struct level *level = repair_trees_top(repairing);
    const struct known whole = {
        .hash = level->hash, .height = level->height, .is_dir = true, .is_whole = true};
    struct fi_tree_entry entry;
    bool is_changed = level->is_changed;
    firn_hash hash = level->hash;
    int rc = FIRN_OK;
    if (is_changed) {
        FI_TRY(fi_tree_build(fi_buf_slice(&level->kept), put_object, repairing, &hash, err));
    } else if (!repairing->looks_at_links) {
        FI_TRY(repair_trees_remember(repairing, &whole, err));
    }
    if (repair_trees_depth(repairing) == 1) {
        *out_root = hash;
        repair_trees_pop(repairing);
        return FIRN_OK;
    }
    struct fi_buf bytes = level->entry;
    DCHECK(bytes.size > 0);
    level->entry = (struct fi_buf){0};
    repair_trees_pop(repairing);
    firn_slice rest = fi_buf_slice(&bytes);
    rc = fi_tree_decode_entry(&rest, &entry, err);
    if (rc == FIRN_OK) {
        entry.hash = hash;
        raise_level(repairing, whole.height);
        repair_trees_top(repairing)->is_changed =
            repair_trees_top(repairing)->is_changed || is_changed;
        rc = repair_trees_keep(repairing, &entry, err);
    }
    fi_buf_deinit(&bytes);
out:
    return rc;
}

static int
repair_trees_step(struct repairing *repairing, firn_hash *out_root, firn_error *err)
{
    const struct fi_tree_entry *entry;
    bool is_end = false;
    bool is_lost;
    firn_error found;
    int read =
        fi_tree_iterator_next(repair_trees_top(repairing)->iterator, &entry, &is_end, &found);
    FI_TRY_RETURN(repair_trees_assess(read, &found, &is_lost, err));
    if (is_lost) {
        FI_TRY_RETURN(set_path(repairing, firn_bytes(NULL, 0), err));
        repair_trees_top(repairing)->is_changed = true;
        report_lost(repairing, "a part of the list of what is in it is damaged or missing");
        is_end = true;
    }
    return is_end ? finish_level(repairing, out_root, err) : take_entry(repairing, entry, err);
}

/* *out_is_lost: there is no root. */
static int
repair_trees_walk(struct repairing *repairing, firn_hash *root, bool *out_is_lost, firn_error *err)
{
    int rc;
    const firn_hash start = *root;
    DCHECK(repair_trees_depth(repairing) == 0);
    *out_is_lost = false;
    repairing->lost = 0;
    repairing->files = 0;
    repairing->directories = 0;
    repairing->bytes = 0;
    repairing->path.size = 0;
    fi_tree_lookup_init(&repairing->links, repairing->trees, &start);
    FI_TRY(push_level(repairing, NULL, &start, out_is_lost, err));
    while (repair_trees_depth(repairing) > 0 && !*out_is_lost) {
        FI_TRY(repair_trees_step(repairing, root, err));
    }
out:
    while (repair_trees_depth(repairing) > 0) {
        repair_trees_pop(repairing);
    }
    fi_tree_lookup_deinit(&repairing->links);
    return rc;
}

/* ---- checkpoints ---- */

static int
inspect_rules(struct repairing *repairing, struct fi_repair_record *record, firn_error *err)
{
    struct fi_ws_rules rules;
    firn_error found;
    bool is_lost = false;
    if (!record->record.has_rules) {
        return FIRN_OK;
    }
    int read = fi_ws_rules_load(repairing->repair->opened.objects, &record->record, &rules, &found);
    fi_ws_rules_deinit(&rules);
    int rc = repair_trees_assess(read, &found, &is_lost, err);
    if (rc == FIRN_OK && is_lost) {
        repairing->path.size = 0;
        report_lost(repairing, "the rules by which it was saved; a restore goes by those of today");
        record->record.has_rules = false;
        memset(&record->record.rules, 0, sizeof record->record.rules);
        record->is_changed = true;
        record->lost_paths++;
    }
    return rc;
}

static int
inspect_repositories(struct repairing *repairing, struct fi_repair_record *record, firn_error *err)
{
    struct fi_catalog_record *inner = &record->record;
    firn_hash root = inner->repositories;
    bool is_lost = false;
    if (!inner->has_repositories) {
        return FIRN_OK;
    }
    FI_TRY_RETURN(repair_trees_walk(repairing, &root, &is_lost, err));
    if (is_lost) {
        repairing->path.size = 0;
        report_lost(repairing, "its git repositories");
        memset(&root, 0, sizeof root);
    }
    record->lost_paths += repairing->lost;
    record->is_changed = record->is_changed || !fi_hash_equal(&root, &inner->repositories);
    inner->has_repositories = !is_lost;
    inner->repositories = root;
    return FIRN_OK;
}

static int
inspect_tree(struct repairing *repairing, struct fi_repair_record *record, firn_error *err)
{
    firn_hash root = record->record.root.hash;
    bool is_lost = false;
    repairing->record = record;
    FI_TRY_RETURN(inspect_rules(repairing, record, err));
    FI_TRY_RETURN(repair_trees_walk(repairing, &root, &is_lost, err));
    if (is_lost) {
        record->state = FIRN_REPAIR_STATE_LOST;
    } else if (!fi_hash_equal(&root, &record->record.root.hash)) {
        record->is_changed = true;
        record->record.root.hash = root;
    }
    record->lost_paths += repairing->lost;
    return record->state == FIRN_REPAIR_STATE_LOST ? FIRN_OK
                                                   : inspect_repositories(repairing, record, err);
}

static int
repair_trees_commit(struct repairing *repairing, firn_error *err)
{
    uint64_t size;
    int rc = FIRN_OK;
    DCHECK((repairing->session == NULL) == (repairing->lane == NULL));
    if (repairing->session == NULL) {
        return FIRN_OK;
    }
    rc = fi_objects_session_lane_close(repairing->lane, true, err);
    repairing->lane = NULL;
    rc = rc == FIRN_OK ? fi_objects_session_commit(repairing->session, &size, err) : rc;
    fi_objects_session_end(repairing->session);
    repairing->session = NULL;
    return rc;
}

/* (I2) */
static int
write_message(struct fi_repair_record *record, firn_error *err)
{
    struct fi_buf message = {0};
    firn_slice before = record->record.message;
    uint64_t number = record->record.number;
    int rc = fi_buf_append_slice(&message, before);
    if (before.size + MESSAGE_ROOM <= FI_CATALOG_RECORD_MESSAGE_SIZE_MAX && rc == FIRN_OK) {
        rc = fi_buf_append_format(&message, "%s[repaired: %" PRIu64 " lost]",
                                  before.size > 0 ? " " : "", record->lost_paths);
    }
    record->record.message = fi_buf_slice(&message);
    rc = rc == FIRN_OK ? fi_repair_records_encode(record, err)
                       : fi_error_no_memory(err, "a message");
    DCHECK(record->record.number == number); /* (I2) */
    fi_buf_deinit(&message);
    return rc;
}

/* Completes the record of a tree that was made again: its links, and counts of what is in it. */
static int
finish_record(struct repairing *repairing, struct fi_repair_record *record, firn_error *err)
{
    firn_hash root = record->record.root.hash;
    bool is_lost = false;
    int rc;
    DCHECK(repairing->looks_at_links && record->state != FIRN_REPAIR_STATE_LOST);
    repairing->record = record;
    FI_TRY(repair_trees_walk(repairing, &root, &is_lost, err));
    if (is_lost || repairing->lost > 0) {
        rc = fi_error_set(err, FIRN_FAILED, "a repaired tree cannot be read");
        goto out;
    }
    bool has_changed = !fi_hash_equal(&root, &record->record.root.hash);
    if (!record->is_changed && !has_changed) {
        goto out;
    }
    record->is_changed = true;
    record->record.root.hash = root;
    record->record.files = repairing->files;
    record->record.directories = repairing->directories;
    record->record.bytes = repairing->bytes;
    record->state = FIRN_REPAIR_STATE_PARTLY;
    FI_TRY(write_message(record, err));
out:
    return rc;
}

static int
repair_all(struct repairing *repairing, firn_error *err)
{
    struct fi_repair *repair = repairing->repair;
    for (size_t i = 0; i < fi_repair_record_count(repair); i++) {
        FI_TRY_RETURN(inspect_tree(repairing, fi_repair_record_at(repair, i), err));
    }
    FI_TRY_RETURN(repair_trees_commit(repairing, err));
    DCHECK(repairing->session == NULL); /* (I1) */
    repairing->looks_at_links = true;
    for (size_t i = 0; i < fi_repair_record_count(repair); i++) {
        struct fi_repair_record *record = fi_repair_record_at(repair, i);
        bool is_to_be_read = record->lost_paths > 0 || repair->is_thorough;
        if (record->state != FIRN_REPAIR_STATE_LOST && is_to_be_read) {
            FI_TRY_RETURN(finish_record(repairing, record, err));
        }
    }
    return repair_trees_commit(repairing, err);
}

int
fi_repair_trees(struct fi_repair *repair, firn_error *err)
{
    struct repairing repairing = {.repair = repair,
                                  .trees = fi_objects_trees(repair->opened.objects)};
    fi_hash_map_init(&repairing.known, sizeof(struct known), fi_hash_map_first, known_equal);
    int rc = repair_all(&repairing, err);
    FI_IGNORE(fi_objects_session_lane_close(repairing.lane, false, NULL));
    fi_objects_session_end(repairing.session);
    fi_hash_map_deinit(&repairing.known);
    fi_buf_deinit(&repairing.levels);
    fi_buf_deinit(&repairing.path);
    return rc;
}
