/* SPDX-License-Identifier: Apache-2.0
 *
 * difference/difference_forget.c: a tree without some of its paths.
 *
 *   survey    walks the tree, and finds what is at the paths and below, and the further names
 *             elsewhere of files whose first name is there
 *   rewrite   rebuilds the directories that lead to the paths or contain such a name; all others
 *             are taken as they are
 *
 * In a group of hard links the first path holds the content, and the others refer to it
 * (tree/tree.h). If the first one is forgotten, the first of the remaining names takes its place.
 * Its entry has all fields of the other, so that nothing of the file is lost (I1).
 *
 * Entries name hard links by whole paths. So a directory that needs no change and does not lead to
 * the paths never needs a second visit, wherever it occurs again. Such directories are remembered
 * by their hashes, as are the counts of forgotten directories. So the work for many checkpoints of
 * one workspace depends on what they do not share.
 *
 * Both walks keep their stack on the heap, bounded by FI_TREE_DEPTH_MAX. The entry of a directory
 * is borrowed from its parent's iterator, which does not move before the directory is done (I2).
 */
#include "difference/difference.h"

#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "catalog/catalog.h"
#include "codec/xxh3.h"

/* A directory that was walked to its end: a forgotten one or, if the counts are zeros, one that
 * needs no change. */
struct known {
    firn_hash hash;
    struct fi_difference_forget_counts counts;
};

/* A first name that is forgotten. Paths are in forget->link_paths. */
struct moved {
    uint64_t from_hash;
    size_t from;
    size_t from_size;
    size_t to; /* the first of the remaining names */
    size_t to_size;
    uint64_t size; /* of the file */
};

struct level {
    struct fi_tree_iterator *iterator;
    struct fi_tree_entry entry; /* of the directory */
    size_t path_size;           /* of its parent */
    bool is_forgotten;
    /* survey */
    bool has_nothing; /* no change is needed in it */
    struct fi_difference_forget_counts counts;
    /* rewrite */
    bool is_changed;
    struct fi_buf encoded;
};

struct fi_difference_forget {
    const struct fi_tree_source *source;
    struct fi_tree_filter *paths;
    struct fi_hash_map *gone;
    struct fi_hash_map forgotten; /* of struct known */
    struct fi_hash_map nothing;   /* likewise */
    struct fi_hash_map links;     /* of struct moved; of the tree that was surveyed last */
    struct fi_buf link_paths;
    struct level *levels;
    size_t depth;
    size_t capacity;
    struct fi_buf path;
    struct fi_objects_session_lane *lane;
};

/* ---- maps ---- */

static const struct known *
find_known(const struct fi_hash_map *map, const firn_hash *hash)
{
    return fi_hash_map_find(map, fi_hash_map_first(hash), hash);
}

static uint64_t
moved_hash(const void *record)
{
    return ((const struct moved *)record)->from_hash;
}

struct moved_key {
    const struct fi_difference_forget *forget;
    firn_slice path;
};

static bool
moved_equal(const void *record, const void *key)
{
    const struct moved *moved = record;
    const struct moved_key *wanted = key;
    DCHECK(moved->from + moved->from_size <= wanted->forget->link_paths.size);
    return fi_slice_equal(
        firn_bytes(wanted->forget->link_paths.data + moved->from, moved->from_size), wanted->path);
}

static struct moved *
find_moved(const struct fi_difference_forget *forget, firn_slice from)
{
    const struct moved_key key = {forget, from};
    return fi_hash_map_find(&forget->links, fi_xxh3(from.data, from.size, 0), &key);
}

int
fi_difference_forget_create(const struct fi_tree_source *source, struct fi_tree_filter *paths,
                            struct fi_hash_map *gone, struct fi_difference_forget **out,
                            firn_error *err)
{
    struct fi_difference_forget *forget = fi_alloc_zeroed(sizeof *forget);
    *out = forget;
    if (forget == NULL) {
        return fi_error_no_memory(err, "a walk through trees");
    }
    forget->source = source;
    forget->paths = paths;
    forget->gone = gone;
    fi_hash_map_init(&forget->forgotten, sizeof(struct known), fi_hash_map_first,
                     fi_hash_map_same_hash);
    fi_hash_map_init(&forget->nothing, sizeof(struct known), fi_hash_map_first,
                     fi_hash_map_same_hash);
    fi_hash_map_init(&forget->links, sizeof(struct moved), moved_hash, moved_equal);
    return FIRN_OK;
}

/* ---- levels ---- */

static void
close_level(struct level *level)
{
    fi_tree_iterator_destroy(level->iterator);
    fi_buf_deinit(&level->encoded);
}

static void
close_levels(struct fi_difference_forget *forget)
{
    while (forget->depth > 0) {
        close_level(&forget->levels[--forget->depth]);
    }
    fi_buf_clear(&forget->path);
}

void
fi_difference_forget_destroy(struct fi_difference_forget *forget)
{
    if (forget == NULL) {
        return;
    }
    close_levels(forget);
    fi_hash_map_deinit(&forget->forgotten);
    fi_hash_map_deinit(&forget->nothing);
    fi_hash_map_deinit(&forget->links);
    fi_buf_deinit(&forget->link_paths);
    fi_buf_deinit(&forget->path);
    fi_free(forget->levels);
    fi_free(forget);
}

static int
reserve_level(struct fi_difference_forget *forget, firn_error *err)
{
    if (forget->depth >= FI_TREE_DEPTH_MAX) {
        return fi_error_set(err, FIRN_CORRUPT, "directories are nested more than %d deep",
                            FI_TREE_DEPTH_MAX);
    }
    return FI_VEC_RESERVE(forget->levels, forget->depth + 1, forget->capacity, err);
}

/* forget->path is the path of the directory; its first path_size bytes are that of its parent. */
static int
difference_forget_enter(struct fi_difference_forget *forget, const struct fi_tree_entry *entry,
                        size_t path_size, bool is_forgotten, firn_error *err)
{
    DCHECK(entry->kind == FI_TREE_DIR && path_size <= forget->path.size);
    int rc = reserve_level(forget, err);
    if (rc == FIRN_OK) {
        rc = fi_budget_spend(forget->source->budget, fi_budget_visit(forget->path.size), err);
    }
    if (rc != FIRN_OK) {
        return rc;
    }
    CHECK(forget->depth < forget->capacity);
    struct level *level = &forget->levels[forget->depth];
    *level = (struct level){
        .entry = *entry, .path_size = path_size, .is_forgotten = is_forgotten, .has_nothing = true};
    rc = fi_tree_iterator_create(forget->source, &entry->hash, &level->iterator, err);
    forget->depth += rc == FIRN_OK ? 1 : 0;
    return rc;
}

/* Appends the name of an entry of the current directory to the path; *out_parent_size is the path's
 * size before. */
static int
go_to(struct fi_difference_forget *forget, firn_slice name, size_t *out_parent_size,
      firn_error *err)
{
    *out_parent_size = forget->path.size;
    if ((forget->path.size > 0 && fi_buf_append_u8(&forget->path, '/') != FIRN_OK) ||
        fi_buf_append_slice(&forget->path, name) != FIRN_OK) {
        return fi_error_no_memory(err, "a path");
    }
    return FIRN_OK;
}

static void
go_back(struct fi_difference_forget *forget, size_t size)
{
    DCHECK(size <= forget->path.size);
    forget->path.size = size;
}

/* Whether the borrowed entry of a directory that the walk leaves still has the last name of the
 * path (I2). */
static bool
has_not_moved(const struct fi_difference_forget *forget, const struct level *level)
{
    const size_t start = level->path_size + (level->path_size > 0 ? 1 : 0);
    const firn_slice path = fi_buf_slice(&forget->path);
    const firn_slice name = level->entry.name;
    return path.size == start + name.size &&
           (name.size == 0 || memcmp(path.data + start, name.data, name.size) == 0);
}

static bool
leads_on(const struct fi_difference_forget *forget)
{
    return forget->path.size == 0 ||
           fi_tree_filter_leads_on(forget->paths, fi_buf_slice(&forget->path));
}

/* ---- survey ---- */

static void
add_counts(struct fi_difference_forget_counts *to, const struct fi_difference_forget_counts *counts)
{
    to->files += counts->files;
    to->directories += counts->directories;
    to->bytes += counts->bytes;
}

static int
difference_forget_remember(struct fi_hash_map *map, const struct level *level, firn_error *err)
{
    const struct known known = {level->entry.hash, level->counts};
    if (find_known(map, &known.hash) != NULL ||
        fi_hash_map_insert(map, fi_hash_map_first(&known), &known) != NULL) {
        return FIRN_OK;
    }
    return fi_error_no_memory(err, "a walk through trees");
}

/* Appends a path to link_paths; *out is where. */
static int
keep_path(struct fi_difference_forget *forget, firn_slice path, size_t *out, firn_error *err)
{
    *out = forget->link_paths.size;
    return fi_buf_append_slice(&forget->link_paths, path) == FIRN_OK
               ? FIRN_OK
               : fi_error_no_memory(err, "a list of hard links");
}

/* Notes a remaining name of a file whose first name is forgotten (I1). */
static int
note_link(struct fi_difference_forget *forget, const struct fi_tree_entry *entry, firn_error *err)
{
    DCHECK(entry->hard_link.size > 0 && entry->kind != FI_TREE_DIR);
    struct moved *found = find_moved(forget, entry->hard_link);
    firn_slice path = fi_buf_slice(&forget->path);
    struct moved moved = {.from_hash = fi_xxh3(entry->hard_link.data, entry->hard_link.size, 0),
                          .from_size = entry->hard_link.size,
                          .to_size = path.size,
                          .size = entry->kind == FI_TREE_FILE ? entry->size : 0};
    int rc = FIRN_OK;
    if (found == NULL) {
        FI_TRY(keep_path(forget, entry->hard_link, &moved.from, err));
        FI_TRY(keep_path(forget, path, &moved.to, err));
        if (fi_hash_map_insert(&forget->links, moved.from_hash, &moved) == NULL) {
            rc = fi_error_no_memory(err, "a list of hard links");
        }
    } else if (fi_slice_compare(
                   path, firn_bytes(forget->link_paths.data + found->to, found->to_size)) < 0) {
        found->to_size = path.size;
        FI_TRY(keep_path(forget, path, &found->to, err));
        DCHECK(found->to + found->to_size == forget->link_paths.size);
    }
out:
    return rc;
}

static int
survey_leaf(struct fi_difference_forget *forget, struct level *level,
            const struct fi_tree_entry *entry, bool is_forgotten, firn_error *err)
{
    bool has_first_name = entry->hard_link.size > 0;
    if (is_forgotten) {
        level->counts.files++;
        level->counts.bytes += has_first_name ? 0 : entry->size;
        return has_first_name || entry->kind != FI_TREE_FILE
                   ? FIRN_OK
                   : fi_catalog_forgotten_add(forget->gone, &entry->hash, err);
    }
    if (!has_first_name || !fi_tree_filter_selects(forget->paths, entry->hard_link)) {
        return FIRN_OK;
    }
    level->has_nothing = false;
    return note_link(forget, entry, err);
}

static int
survey_directory(struct fi_difference_forget *forget, const struct fi_tree_entry *entry,
                 size_t parent_size, bool is_forgotten, firn_error *err)
{
    DCHECK(forget->depth > 0 && (is_forgotten || !forget->levels[forget->depth - 1].is_forgotten));
    struct level *level = &forget->levels[forget->depth - 1];
    if (!is_forgotten) {
        if (!leads_on(forget) && find_known(&forget->nothing, &entry->hash) != NULL) {
            go_back(forget, parent_size);
            return FIRN_OK;
        }
        return difference_forget_enter(forget, entry, parent_size, false, err);
    }
    level->counts.directories++;
    const struct known *known = find_known(&forget->forgotten, &entry->hash);
    if (known != NULL) {
        add_counts(&level->counts, &known->counts);
        go_back(forget, parent_size);
        return FIRN_OK;
    }
    int rc = fi_catalog_forgotten_add(forget->gone, &entry->hash, err);
    return rc == FIRN_OK ? difference_forget_enter(forget, entry, parent_size, true, err) : rc;
}

static int
survey_entry(struct fi_difference_forget *forget, const struct fi_tree_entry *entry,
             firn_error *err)
{
    struct level *level = &forget->levels[forget->depth - 1];
    size_t parent_size;
    int rc = go_to(forget, entry->name, &parent_size, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    bool is_forgotten =
        level->is_forgotten || fi_tree_filter_selects(forget->paths, fi_buf_slice(&forget->path));
    if (entry->kind == FI_TREE_DIR) {
        return survey_directory(forget, entry, parent_size, is_forgotten, err);
    }
    rc = survey_leaf(forget, level, entry, is_forgotten, err);
    go_back(forget, parent_size);
    return rc;
}

static int
survey_leave(struct fi_difference_forget *forget, struct fi_difference_forget_counts *out,
             firn_error *err)
{
    DCHECK(forget->depth > 0);
    DCHECK(has_not_moved(forget, &forget->levels[forget->depth - 1])); /* (I2) */
    struct level level = forget->levels[--forget->depth];
    int rc = FIRN_OK;
    if (level.is_forgotten) {
        rc = difference_forget_remember(&forget->forgotten, &level, err);
    } else if (level.has_nothing && !leads_on(forget)) {
        DCHECK(level.counts.files + level.counts.directories == 0);
        rc = difference_forget_remember(&forget->nothing, &level, err);
    }
    if (forget->depth > 0) {
        struct level *parent = &forget->levels[forget->depth - 1];
        add_counts(&parent->counts, &level.counts);
        parent->has_nothing = parent->has_nothing && level.has_nothing;
    } else {
        *out = level.counts;
    }
    go_back(forget, level.path_size);
    close_level(&level);
    return rc;
}

/* One of the two walks, until all directories have been left. */
static int
difference_forget_walk(struct fi_difference_forget *forget, const firn_hash *root,
                       int (*visit)(struct fi_difference_forget *forget,
                                    const struct fi_tree_entry *entry, firn_error *err),
                       int (*leave)(struct fi_difference_forget *forget, void *ctx,
                                    firn_error *err),
                       void *ctx, firn_error *err)
{
    const struct fi_tree_entry entry = {.kind = FI_TREE_DIR, .hash = *root};
    DCHECK(forget->depth == 0 && forget->path.size == 0);
    int rc = difference_forget_enter(forget, &entry, 0, false, err);
    while (rc == FIRN_OK && forget->depth > 0) {
        const struct fi_tree_entry *next;
        bool is_end;
        rc = fi_tree_iterator_next(forget->levels[forget->depth - 1].iterator, &next, &is_end, err);
        if (rc == FIRN_OK) {
            rc = is_end ? leave(forget, ctx, err) : visit(forget, next, err);
        }
    }
    close_levels(forget);
    return rc;
}

static int
leave_surveyed(struct fi_difference_forget *forget, void *ctx, firn_error *err)
{
    return survey_leave(forget, ctx, err);
}

int
fi_difference_forget_survey(struct fi_difference_forget *forget, const firn_hash *root,
                            struct fi_difference_forget_counts *out, firn_error *err)
{
    fi_hash_map_clear(&forget->links);
    fi_buf_clear(&forget->link_paths);
    *out = (struct fi_difference_forget_counts){0};
    int rc = difference_forget_walk(forget, root, survey_entry, leave_surveyed, out, err);
    for (size_t i = 0; rc == FIRN_OK && i < forget->links.count; i++) {
        const struct moved *moved = fi_hash_map_at(&forget->links, i);
        out->bytes -= moved->size < out->bytes ? moved->size : out->bytes;
    }
    return rc;
}

/* ---- rewrite ---- */

static int
difference_forget_emit(struct level *level, const struct fi_tree_entry *entry, firn_error *err)
{
    return fi_tree_encode_entry(&level->encoded, entry) == FIRN_OK
               ? FIRN_OK
               : fi_error_no_memory(err, "the entries of a directory");
}

bool
fi_difference_forget_concerns(const struct fi_difference_forget *forget, const firn_hash *directory)
{
    return forget->links.count > 0 && find_known(&forget->nothing, directory) == NULL;
}

/* (I1) */
firn_slice
fi_difference_forget_link(const struct fi_difference_forget *forget, firn_slice path,
                          const struct fi_tree_entry *entry)
{
    const struct moved *moved =
        entry->hard_link.size == 0 ? NULL : find_moved(forget, entry->hard_link);
    if (moved == NULL) {
        return entry->hard_link;
    }
    firn_slice to = firn_bytes(forget->link_paths.data + moved->to, moved->to_size);
    CHECK(fi_slice_compare(to, path) <= 0); /* (I1) */
    return fi_slice_equal(to, path) ? firn_bytes(NULL, 0) : to;
}

static int
rewrite_leaf(struct fi_difference_forget *forget, struct level *level,
             const struct fi_tree_entry *entry, firn_error *err)
{
    struct fi_tree_entry changed = *entry;
    changed.hard_link = fi_difference_forget_link(forget, fi_buf_slice(&forget->path), entry);
    level->is_changed = level->is_changed || !fi_slice_equal(changed.hard_link, entry->hard_link);
    return difference_forget_emit(level, &changed, err);
}

static int
rewrite_entry(struct fi_difference_forget *forget, const struct fi_tree_entry *entry,
              firn_error *err)
{
    struct level *level = &forget->levels[forget->depth - 1];
    size_t parent_size;
    int rc = go_to(forget, entry->name, &parent_size, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    if (fi_tree_filter_selects(forget->paths, fi_buf_slice(&forget->path))) {
        level->is_changed = true;
    } else if (entry->kind != FI_TREE_DIR) {
        rc = rewrite_leaf(forget, level, entry, err);
    } else if (leads_on(forget) || find_known(&forget->nothing, &entry->hash) == NULL) {
        return difference_forget_enter(forget, entry, parent_size, false, err);
    } else {
        rc = difference_forget_emit(level, entry, err);
    }
    go_back(forget, parent_size);
    return rc;
}

static int
put_directory(void *ctx, const firn_hash *hash, firn_slice bytes, firn_error *err)
{
    const struct fi_difference_forget *forget = ctx;
    DCHECK(forget->lane != NULL);
    const struct fi_objects_object object = {.kind = FI_PACK_TREE, .hash = *hash, .content = bytes};
    bool is_new;
    return fi_objects_session_lane_add(forget->lane, &object, &is_new, err);
}

static int
rewrite_leave(struct fi_difference_forget *forget, void *ctx, firn_error *err)
{
    DCHECK(forget->depth > 0);
    DCHECK(has_not_moved(forget, &forget->levels[forget->depth - 1])); /* (I2) */
    struct level level = forget->levels[--forget->depth];
    DCHECK(!level.is_forgotten); /* such a directory is not entered */
    firn_hash *out_root = ctx;
    int rc = FIRN_OK;
    if (level.is_changed) {
        FI_TRY(fi_tree_build(fi_buf_slice(&level.encoded), put_directory, forget, &level.entry.hash,
                             err));
    }
    if (forget->depth > 0) {
        struct level *parent = &forget->levels[forget->depth - 1];
        parent->is_changed = parent->is_changed || level.is_changed;
        FI_TRY(difference_forget_emit(parent, &level.entry, err));
    } else {
        *out_root = level.entry.hash;
    }
out:
    go_back(forget, level.path_size);
    close_level(&level);
    return rc;
}

int
fi_difference_forget_rewrite(struct fi_difference_forget *forget, const firn_hash *root,
                             struct fi_objects_session_lane *lane, firn_hash *out, firn_error *err)
{
    struct fi_difference_forget_counts counts;
    int rc = fi_difference_forget_survey(forget, root, &counts, err);
    forget->lane = lane;
    return rc == FIRN_OK
               ? difference_forget_walk(forget, root, rewrite_entry, rewrite_leave, out, err)
               : rc;
}
