/* SPDX-License-Identifier: Apache-2.0
 *
 * tree/tree_pace.c: when a walk along the paths of a tree has to ask how large the tree is.
 *
 * A walk over paths is as long as the tree is large, and a tree of a few KiB may have more paths than can ever be walked
 * (tree_weigh.c). To weigh every tree first would read every directory, where a comparison reads only those that differ. So a
 * walk counts its steps, and weighs only when it looks as if it went in circles: after LONG steps, and if of later ones only one in
 * SHARE was in a directory that the walk had not met before. A real tree rarely gets there, and then it is weighed once.
 *
 * (I1) A step that is fresh belongs to a directory that is entered for the first time; so all fresh steps together are no more than
 * the entries of the directories that were read, and the steps of a walk that has not weighed yet are bounded by these (not checked:
 * it is how the numbers are counted). Directories entered before the walk was long count as fresh: no more than a path has are open
 * at that time.
 *
 * Memory: none until the walk is long, then some 20 bytes for each directory.
 */
#include "base/bytes.h"
#include "base/check.h"
#include "tree/tree.h"

enum { LONG = 1 << 14, SHARE = 16 };

static uint64_t
hash_of_print(const void *record)
{
    return firn_load_le64(record);
}

static bool
print_is(const void *record, const void *key)
{
    return firn_load_le64(record) == firn_load_le64(key);
}

/* 64 bits of each hash are enough: two directories with the same ones only make the walk weigh earlier. */
void
firn_tree_pace_init(struct firn_tree_pace *pace)
{
    *pace = (struct firn_tree_pace){0};
    firn_hash_map_init(&pace->met, sizeof(uint64_t), hash_of_print, print_is);
}

void
firn_tree_pace_deinit(struct firn_tree_pace *pace)
{
    firn_hash_map_deinit(&pace->met);
}

int
firn_tree_pace_enter(struct firn_tree_pace *pace, const firn_hash *directory, bool *out_is_fresh,
                     firn_error *err)
{
    const uint64_t key = firn_load_le64(directory->bytes);
    *out_is_fresh = true;
    if (pace->steps < LONG || pace->is_weighed) {
        return FIRN_OK;
    }
    *out_is_fresh = firn_hash_map_find(&pace->met, key, directory->bytes) == NULL;
    return !*out_is_fresh || firn_hash_map_insert(&pace->met, key, directory->bytes) != NULL
               ? FIRN_OK
               : firn_error_no_memory(err, "a walk over a tree");
}

bool
firn_tree_pace_step(struct firn_tree_pace *pace, bool is_fresh)
{
    pace->steps++;
    DCHECK(pace->steps > 0);
    if (pace->steps <= LONG || pace->is_weighed) {
        return false;
    }
    pace->fresh += is_fresh;
    DCHECK(pace->fresh <= pace->steps - LONG); /* (I1) */
    pace->is_weighed = (pace->steps - LONG) / SHARE > pace->fresh + LONG / SHARE;
    return pace->is_weighed;
}

int
firn_tree_pace_weigh(const struct firn_tree_source *source, const firn_hash *root, firn_error *err)
{
    struct firn_tree_weight weight;
    int rc = firn_tree_weigh(source, root, &weight, err);
    if (rc != FIRN_OK || firn_tree_weigh_is_plausible(&weight)) {
        return rc;
    }
    return firn_error_set(err, FIRN_CORRUPT,
                          "the tree claims %s%llu files and directories, and %llu are stored",
                          weight.entries == UINT64_MAX ? "more than " : "",
                          (unsigned long long)weight.entries, (unsigned long long)weight.read);
}
