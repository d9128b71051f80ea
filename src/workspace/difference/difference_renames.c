/* SPDX-License-Identifier: Apache-2.0
 *
 * difference/difference_renames.c: files that were renamed, found by their content.
 *
 * A removed file and an added one count as one renamed file if they have the same content: the same
 * hash and size. No file is read. Similar contents are not compared: a file that was both edited
 * and renamed is a removed file and an added one, as in a save. Empty files are never paired, since
 * they all have the same content.
 *
 * If several files have the same content, those with the same name in different directories are
 * paired first; the rest is paired in the order of paths. So each file is in at most one pair, and
 * the pairs depend only on the two trees.
 *
 * All added and removed files are kept until they are paired, some 300 bytes each. Beyond a limit
 * the search is given up, and no renames are reported (I1), so that memory is bounded.
 */
#include "difference/difference.h"

#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "base/sort.h"
#include "codec/xxh3.h"

struct fi_difference_renames_file {
    firn_slice path;
    firn_slice name; /* the last component of path */
    bool has_come;
    struct fi_tree_entry entry;
    struct fi_difference_renames_file *partner;
};

/* A record of the map; the key is one too. */
struct place {
    firn_slice path;
    bool has_come;
    struct fi_difference_renames_file *file;
};

static uint64_t
place_hash(const void *record)
{
    const struct place *place = record;
    return fi_xxh3(place->path.data, place->path.size, place->has_come ? 1 : 0);
}

static bool
place_equal(const void *record, const void *key)
{
    const struct place *a = record;
    const struct place *b = key;
    return a->has_come == b->has_come && fi_slice_equal(a->path, b->path);
}

void
fi_difference_renames_init(struct fi_difference_renames *renames)
{
    *renames = (struct fi_difference_renames){.count = 0};
    fi_hash_map_init(&renames->by_path, sizeof(struct place), place_hash, place_equal);
}

void
fi_difference_renames_deinit(struct fi_difference_renames *renames)
{
    fi_hash_map_deinit(&renames->by_path);
    fi_arena_deinit(&renames->arena);
    fi_free(renames->files);
    *renames = (struct fi_difference_renames){.count = 0};
}

/* ---- collecting ---- */

static bool
difference_renames_copy(struct fi_arena *arena, firn_slice *slice)
{
    if (slice->size == 0) {
        *slice = firn_bytes(NULL, 0);
        return true;
    }
    slice->data = fi_arena_copy(arena, slice->data, slice->size);
    return slice->data != NULL;
}

static bool
difference_renames_reserve(struct fi_difference_renames *renames)
{
    return FI_VEC_RESERVE(renames->files, renames->count + 1, renames->capacity, NULL) == FIRN_OK;
}

int
fi_difference_renames_add(struct fi_difference_renames *renames,
                          const struct fi_difference_walk_change *change, firn_error *err)
{
    bool has_come = change->kind == FI_DIFFERENCE_WALK_ADDED;
    const struct fi_tree_entry *entry = has_come ? change->after : change->before;
    if ((!has_come && change->kind != FI_DIFFERENCE_WALK_REMOVED) || entry->kind != FI_TREE_FILE ||
        entry->size == 0 || renames->is_given_up) {
        return FIRN_OK;
    }
    DCHECK(renames->by_path.count == 0 && renames->count <= FI_DIFFERENCE_RENAMES_FILES_MAX);
    if (renames->count == FI_DIFFERENCE_RENAMES_FILES_MAX) {
        renames->is_given_up = true;
        return FIRN_OK;
    }
    DCHECK(renames->count < FI_DIFFERENCE_RENAMES_FILES_MAX); /* (I1) */
    struct fi_difference_renames_file *file =
        difference_renames_reserve(renames) ? fi_arena_alloc(&renames->arena, sizeof *file) : NULL;
    if (file == NULL) {
        return fi_error_no_memory(err, "the renames of a difference");
    }
    *file = (struct fi_difference_renames_file){
        .path = change->path, .has_come = has_come, .entry = *entry};
    if (!difference_renames_copy(&renames->arena, &file->path) ||
        !difference_renames_copy(&renames->arena, &file->entry.xattrs) ||
        !difference_renames_copy(&renames->arena, &file->entry.hard_link)) {
        return fi_error_no_memory(err, "the renames of a difference");
    }
    file->entry.target = firn_bytes(NULL, 0);
    file->name = fi_slice_last_component(file->path);
    file->entry.name = file->name;
    renames->files[renames->count++] = file;
    return FIRN_OK;
}

/* ---- pairing ---- */

/* By content; then removed files before added ones; then by name. */
static int
difference_renames_compare(const void *left, const void *right)
{
    const struct fi_difference_renames_file *a = *(struct fi_difference_renames_file *const *)left;
    const struct fi_difference_renames_file *b = *(struct fi_difference_renames_file *const *)right;
    int order = memcmp(a->entry.hash.bytes, b->entry.hash.bytes, sizeof a->entry.hash.bytes);
    if (order == 0) {
        order = (int)a->has_come - (int)b->has_come;
    }
    if (order == 0) {
        order = fi_slice_compare(a->name, b->name);
    }
    return order != 0 ? order : fi_slice_compare(a->path, b->path);
}

static void
difference_renames_join(struct fi_difference_renames_file *gone,
                        struct fi_difference_renames_file *come)
{
    DCHECK(gone->partner == NULL && come->partner == NULL); /* each is in at most one pair */
    DCHECK(!gone->has_come && come->has_come &&
           fi_hash_equal(&gone->entry.hash, &come->entry.hash));
    gone->partner = come;
    come->partner = gone;
}

/* Files with the same content: the removed ones, [from, middle), and the added ones, [middle,
 * to). */
struct group {
    struct fi_difference_renames_file **files;
    size_t from;
    size_t middle;
    size_t to;
};

static void
join_same_names(const struct group *group)
{
    size_t i = group->from;
    size_t j = group->middle;
    while (i < group->middle && j < group->to) {
        int order = fi_slice_compare(group->files[i]->name, group->files[j]->name);
        if (order == 0) {
            difference_renames_join(group->files[i], group->files[j]);
        }
        i += order <= 0;
        j += order >= 0;
    }
}

static int
compare_paths(const void *left, const void *right)
{
    const struct fi_difference_renames_file *a = *(struct fi_difference_renames_file *const *)left;
    const struct fi_difference_renames_file *b = *(struct fi_difference_renames_file *const *)right;
    return fi_slice_compare(a->path, b->path);
}

static void
join_the_rest(const struct group *group)
{
    struct fi_difference_renames_file **files = group->files;
    const size_t record_size = sizeof(struct fi_difference_renames_file *);
    size_t j = group->middle;
    fi_sort(files + group->from, group->middle - group->from, record_size, compare_paths);
    fi_sort(files + group->middle, group->to - group->middle, record_size, compare_paths);
    for (size_t i = group->from; i < group->middle; i++) {
        while (j < group->to && files[j]->partner != NULL) {
            j++;
        }
        if (j < group->to && files[i]->partner == NULL) {
            difference_renames_join(files[i], files[j]);
        }
    }
}

static struct group
group_at(const struct fi_difference_renames *renames, size_t from)
{
    struct group group = {renames->files, from, from, from};
    const firn_hash *hash = &renames->files[from]->entry.hash;
    while (group.to < renames->count &&
           fi_hash_equal(&renames->files[group.to]->entry.hash, hash)) {
        group.middle += !renames->files[group.to]->has_come;
        group.to++;
    }
    DCHECK(from < group.to && group.middle <= group.to);
    return group;
}

int
fi_difference_renames_match(struct fi_difference_renames *renames, firn_error *err)
{
    if (renames->is_given_up || renames->count == 0) {
        return FIRN_OK;
    }
    DCHECK(renames->by_path.count == 0);
    fi_sort(renames->files, renames->count, sizeof(struct fi_difference_renames_file *),
            difference_renames_compare);
    for (size_t i = 0; i < renames->count;) {
        struct group group = group_at(renames, i);
        join_same_names(&group);
        join_the_rest(&group);
        i = group.to;
    }
    for (size_t i = 0; i < renames->count; i++) {
        struct fi_difference_renames_file *file = renames->files[i];
        const struct place place = {file->path, file->has_come, file};
        if (file->partner != NULL &&
            fi_hash_map_insert(&renames->by_path, place_hash(&place), &place) == NULL) {
            return fi_error_no_memory(err, "the renames of a difference");
        }
    }
    return FIRN_OK;
}

bool
fi_difference_renames_find(const struct fi_difference_renames *renames,
                           const struct fi_difference_walk_change *change,
                           const struct fi_tree_entry **out_before, firn_slice *out_path)
{
    const struct place key = {change->path, change->kind == FI_DIFFERENCE_WALK_ADDED, NULL};
    if (change->kind != FI_DIFFERENCE_WALK_ADDED && change->kind != FI_DIFFERENCE_WALK_REMOVED) {
        return false;
    }
    const struct place *place = fi_hash_map_find(&renames->by_path, place_hash(&key), &key);
    if (place == NULL) {
        return false;
    }
    const struct fi_difference_renames_file *gone =
        place->has_come ? place->file->partner : place->file;
    DCHECK(!renames->is_given_up && !gone->has_come && gone->partner->partner == gone);
    *out_before = &gone->entry;
    *out_path = gone->path;
    return true;
}
