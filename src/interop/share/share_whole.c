/* SPDX-License-Identifier: Apache-2.0
 *
 * share/share_whole.c: which checkpoints of a remote have all that they need there.
 *
 * First everything that they need is met once, as for a prune (share_mark.c): all directories are
 * read and compared with their names, lists of pieces are read some at a time, and of contents the
 * tables of packs say that they are there. What is missing or cannot be read is bad. A delta leans
 * on an object of another pack; it is read itself if that pack is not whole.
 *
 * Only if something is bad, a second walk finds out whose it is: from each checkpoint down, what
 * needs something bad is bad, too. It reads again what was fetched, each directory and list once.
 *
 * (I6) What is being looked into counts as broken until that ends: the names of lists are not
 *      compared here, so a list may name itself. Not checked: it takes a pack whose maker lies.
 *
 * Memory: 40 bytes for each object, and the same again for directories and contents if something is
 * bad.
 */
#include <string.h>

#include "base/check.h"
#include "base/slice.h"
#include "far/far.h"
#include "share/share_internal.h"
#include "tree/tree.h"

enum { AT_ONCE = 256 };

/* An object that was met. */
struct met {
    firn_hash hash; /* first */
    bool is_tree;   /* it was looked into as a directory */
};

/* What a walk came to know of an object, as a directory or as a content. */
struct verdict {
    firn_hash hash; /* first */
    bool is_broken;
};

/* An object that is being looked into, and what of it is still to come. */
struct level {
    firn_hash hash;
    bool is_tree;
    bool is_broken;
    size_t start; /* of its references in `below` */
};

struct reference {
    firn_hash hash;
    bool is_tree;
};

struct walking {
    struct fi_share *share;
    struct fi_far *far;
    struct fi_share_whole *whole;
    struct fi_hash_map met;
    struct fi_buf trees;  /* hashes of directories to look into */
    struct fi_buf lists;  /* hashes of lists to look into */
    struct fi_buf deltas; /* hashes of deltas to read */
    struct fi_buf object;
    struct fi_hash_map tree_verdicts;
    struct fi_hash_map content_verdicts;
    struct fi_buf levels; /* struct level each */
    struct fi_buf below;  /* struct reference each */
};

static int
no_memory(firn_error *err)
{
    return fi_error_no_memory(err, "the objects of a remote");
}

static int
push_hash(struct fi_buf *stack, const firn_hash *hash, firn_error *err)
{
    return fi_buf_append(stack, hash, sizeof *hash) == FIRN_OK ? FIRN_OK : no_memory(err);
}

static bool
is_bad(const struct walking *walking, const firn_hash *hash)
{
    return fi_hash_map_find(&walking->whole->bad, fi_hash_map_first(hash), hash) != NULL;
}

/* Notes an object that cannot be read; other failures end the walk. */
static int
pass_bad(struct walking *walking, const firn_hash *hash, int rc, const firn_error *why,
         firn_error *err)
{
    if (rc != FIRN_CORRUPT && rc != FIRN_NEWER) {
        if (rc != FIRN_OK) {
            fi_error_copy(err, why);
        }
        return rc;
    }
    struct fi_share_whole *whole = walking->whole;
    whole->has_newer = whole->has_newer || rc == FIRN_NEWER;
    if (whole->bad.count == 0) {
        whole->why = *why;
    }
    return is_bad(walking, hash) ||
                   fi_hash_map_insert(&whole->bad, fi_hash_map_first(hash), hash) != NULL
               ? FIRN_OK
               : no_memory(err);
}

/* Whether a pack leans on one that is not whole, or not there. */
static bool
is_suspect(const struct walking *walking, uint64_t number)
{
    const struct fi_hash_map *packs = &walking->share->packs;
    const struct fi_share_pack *pack = fi_hash_map_find(packs, number, &number);
    for (size_t at = 0; pack != NULL && at < pack->bases.size; at += sizeof number) {
        const uint64_t base = fi_load_le64(pack->bases.data + at);
        if (fi_hash_map_find(packs, base, &base) == NULL ||
            (walking->whole->without != NULL &&
             fi_hash_map_find(walking->whole->without, base, &base) != NULL)) {
            return true;
        }
    }
    return false;
}

/* What lies in a pack that says so could not be read: the pack is damaged, unless it is a delta to
 * something that is not there. */
static int
pass_damage(struct walking *walking, const firn_hash *hash, int rc, const firn_error *why,
            firn_error *err)
{
    struct fi_hash_map *damaged = &walking->whole->damaged;
    uint64_t pack;
    enum fi_pack_kind kind;
    FI_TRY_RETURN(pass_bad(walking, hash, rc, why, err));
    if (rc == FIRN_OK || fi_far_parts_kind(walking->far, hash, &pack, &kind, NULL) != FIRN_OK ||
        (kind == FI_PACK_DELTA && is_suspect(walking, pack))) {
        return FIRN_OK;
    }
    return fi_hash_map_find(damaged, pack, &pack) != NULL ||
                   fi_hash_map_insert(damaged, pack, &pack) != NULL
               ? FIRN_OK
               : no_memory(err);
}

/* ==== all that is needed ==== */

static int
meet_new(struct walking *walking, const firn_hash *hash, bool *out_is_there, firn_error *err)
{
    uint64_t pack;
    enum fi_pack_kind kind = FI_PACK_BLOB;
    firn_error why;
    int rc = fi_far_parts_kind(walking->far, hash, &pack, &kind, &why);
    *out_is_there = rc == FIRN_OK;
    if (rc != FIRN_OK) {
        return pass_bad(walking, hash, rc, &why, err);
    }
    if (kind == FI_PACK_PIECES) {
        return push_hash(&walking->lists, hash, err);
    }
    return kind == FI_PACK_DELTA && is_suspect(walking, pack)
               ? push_hash(&walking->deltas, hash, err)
               : FIRN_OK;
}

static int
meet(struct walking *walking, const firn_hash *hash, bool is_tree, firn_error *err)
{
    struct met *met = fi_hash_map_find(&walking->met, fi_hash_map_first(hash), hash);
    bool is_there = met != NULL && !is_bad(walking, hash);
    if (met == NULL) {
        const struct met new = {.hash = *hash};
        FI_TRY_RETURN(meet_new(walking, hash, &is_there, err));
        met = fi_hash_map_insert(&walking->met, fi_hash_map_first(hash), &new);
        if (met == NULL) {
            return no_memory(err);
        }
    }
    if (!is_tree || met->is_tree || !is_there) {
        return FIRN_OK;
    }
    met->is_tree = true;
    return push_hash(&walking->trees, hash, err);
}

static int
meet_reference(void *ctx, const firn_hash *hash, bool is_tree, firn_error *err)
{
    return meet(ctx, hash, is_tree, err);
}

static int
collect_part(void *ctx, const firn_hash *hash, firn_error *err)
{
    return push_hash(ctx, hash, err);
}

static int
look_into_list(struct walking *walking, const firn_hash *hash, firn_error *err)
{
    struct fi_buf parts = {0};
    firn_error why;
    int rc = fi_far_parts_list(walking->far, hash, collect_part, &parts, &why);
    rc = pass_damage(walking, hash, rc, &why, err);
    for (size_t at = 0; rc == FIRN_OK && at < parts.size; at += sizeof(firn_hash)) {
        firn_hash part;
        memcpy(&part, parts.data + at, sizeof part);
        rc = meet(walking, &part, false, err);
    }
    fi_buf_deinit(&parts);
    return rc;
}

static int
read_delta(struct walking *walking, const firn_hash *hash, firn_error *err)
{
    firn_error why;
    int rc = fi_far_read(walking->far, hash, &walking->object, &why);
    return pass_bad(walking, hash, rc, &why, err);
}

/* The last objects that wait. */
static int
look_into_some(struct walking *walking, struct fi_buf *waiting,
               int (*look)(struct walking *walking, const firn_hash *hash, firn_error *err),
               firn_error *err)
{
    firn_hash hashes[AT_ONCE];
    size_t count = waiting->size / sizeof(firn_hash);
    count = count < AT_ONCE ? count : AT_ONCE;
    waiting->size -= count * sizeof(firn_hash);
    memcpy(hashes, waiting->data + waiting->size, count * sizeof(firn_hash));
    FI_TRY_RETURN(fi_far_want(walking->far, hashes, count, err));
    for (size_t i = 0; i < count; i++) {
        FI_TRY_RETURN(look(walking, &hashes[i], err));
    }
    return FIRN_OK;
}

static int
look_into_tree(struct walking *walking, firn_error *err)
{
    firn_hash hash;
    firn_error why;
    walking->trees.size -= sizeof hash;
    memcpy(&hash, walking->trees.data + walking->trees.size, sizeof hash);
    FI_TRY_RETURN(fi_share_progress(walking->share, "check", fi_far_fetched(walking->far), 0, err));
    int rc = fi_far_read(walking->far, &hash, &walking->object, &why);
    FI_TRY_RETURN(pass_damage(walking, &hash, rc, &why, err));
    if (rc != FIRN_OK) {
        return FIRN_OK;
    }
    rc = fi_tree_references(fi_buf_slice(&walking->object), meet_reference, walking, &why);
    return pass_bad(walking, &hash, rc, &why, err);
}

static int
meet_all(struct walking *walking, const struct fi_share_whole_root *roots, size_t count,
         firn_error *err)
{
    for (size_t i = 0; i < count; i++) {
        FI_TRY_RETURN(meet(walking, &roots[i].tree, true, err));
        FI_TRY_RETURN(roots[i].has_rules ? meet(walking, &roots[i].rules, false, err) : FIRN_OK);
        FI_TRY_RETURN(roots[i].has_repositories ? meet(walking, &roots[i].repositories, true, err)
                                                : FIRN_OK);
    }
    for (;;) {
        if (walking->trees.size > 0) {
            FI_TRY_RETURN(look_into_tree(walking, err));
        } else if (walking->lists.size > 0) {
            FI_TRY_RETURN(look_into_some(walking, &walking->lists, look_into_list, err));
        } else if (walking->deltas.size > 0) {
            FI_TRY_RETURN(look_into_some(walking, &walking->deltas, read_delta, err));
        } else {
            return FIRN_OK;
        }
    }
}

/* ==== whose it is ==== */

static struct fi_hash_map *
verdicts_of(struct walking *walking, bool is_tree)
{
    return is_tree ? &walking->tree_verdicts : &walking->content_verdicts;
}

static int
push_reference(void *ctx, const firn_hash *hash, bool is_tree, firn_error *err)
{
    struct walking *walking = ctx;
    const struct reference reference = {*hash, is_tree};
    return fi_buf_append(&walking->below, &reference, sizeof reference) == FIRN_OK ? FIRN_OK
                                                                                   : no_memory(err);
}

static int
push_part(void *ctx, const firn_hash *hash, firn_error *err)
{
    return push_reference(ctx, hash, false, err);
}

/* Pushes what an object that is not bad names. A directory may be a list as well. */
static int
push_below(struct walking *walking, const firn_hash *hash, bool is_tree, firn_error *err)
{
    uint64_t pack;
    enum fi_pack_kind kind;
    FI_TRY_RETURN(fi_far_parts_kind(walking->far, hash, &pack, &kind, err));
    if (is_tree) {
        FI_TRY_RETURN(kind == FI_PACK_PIECES ? push_reference(walking, hash, false, err) : FIRN_OK);
        FI_TRY_RETURN(fi_far_read(walking->far, hash, &walking->object, err));
        return fi_tree_references(fi_buf_slice(&walking->object), push_reference, walking, err);
    }
    return kind == FI_PACK_PIECES ? fi_far_parts_list(walking->far, hash, push_part, walking, err)
                                  : FIRN_OK;
}

/* Begins an object; one whose verdict is known, or that is bad, is done at once. */
static int
enter(struct walking *walking, const struct reference *reference, bool *out_is_done,
      bool *out_is_broken, firn_error *err)
{
    const uint64_t first = fi_hash_map_first(&reference->hash);
    const struct verdict *verdict =
        fi_hash_map_find(verdicts_of(walking, reference->is_tree), first, &reference->hash);
    *out_is_done = verdict != NULL || is_bad(walking, &reference->hash);
    *out_is_broken = verdict != NULL ? verdict->is_broken : *out_is_done;
    if (*out_is_done) {
        return FIRN_OK;
    }
    const struct level level = {
        .hash = reference->hash, .is_tree = reference->is_tree, .start = walking->below.size};
    const struct verdict until_left = {reference->hash, true}; /* (I6) */
    if (fi_hash_map_insert(verdicts_of(walking, reference->is_tree), first, &until_left) == NULL ||
        fi_buf_append(&walking->levels, &level, sizeof level) != FIRN_OK) {
        return no_memory(err);
    }
    return push_below(walking, &reference->hash, reference->is_tree, err);
}

static struct level *
top(struct walking *walking)
{
    return (struct level *)(void *)(walking->levels.data + walking->levels.size) - 1;
}

/* Ends the object at the top. A list that is broken is bad itself: who has its content may have it
 * stored otherwise. */
static int
leave(struct walking *walking, bool *out_is_broken, firn_error *err)
{
    const struct level *level = top(walking);
    struct verdict *verdict = fi_hash_map_find(verdicts_of(walking, level->is_tree),
                                               fi_hash_map_first(&level->hash), &level->hash);
    DCHECK(verdict != NULL && walking->below.size == level->start);
    const bool is_bad_list = level->is_broken && !level->is_tree;
    verdict->is_broken = level->is_broken;
    *out_is_broken = level->is_broken;
    walking->levels.size -= sizeof *level;
    return is_bad_list ? pass_bad(walking, &verdict->hash, FIRN_CORRUPT, &walking->whole->why, err)
                       : FIRN_OK;
}

static int
judge(struct walking *walking, const firn_hash *hash, bool is_tree, bool *out_is_broken,
      firn_error *err)
{
    const struct reference root = {*hash, is_tree};
    bool is_done;
    FI_TRY_RETURN(enter(walking, &root, &is_done, out_is_broken, err));
    while (walking->levels.size > 0) {
        struct reference next;
        bool is_broken;
        if (walking->below.size > top(walking)->start) {
            walking->below.size -= sizeof next;
            memcpy(&next, walking->below.data + walking->below.size, sizeof next);
            FI_TRY_RETURN(enter(walking, &next, &is_done, &is_broken, err));
        } else {
            FI_TRY_RETURN(leave(walking, &is_broken, err));
            *out_is_broken = is_broken;
            is_done = true;
        }
        if (is_done && walking->levels.size > 0) {
            top(walking)->is_broken = top(walking)->is_broken || is_broken;
        }
    }
    return FIRN_OK;
}

static int
judge_all(struct walking *walking, struct fi_share_whole_root *roots, size_t count, firn_error *err)
{
    fi_budget_renew(fi_far_budget(walking->far));
    for (size_t i = 0; i < count; i++) {
        bool is_tree_broken;
        bool are_rules_broken = false;
        bool are_repositories_broken = false;
        FI_TRY_RETURN(judge(walking, &roots[i].tree, true, &is_tree_broken, err));
        FI_TRY_RETURN(roots[i].has_rules
                          ? judge(walking, &roots[i].rules, false, &are_rules_broken, err)
                          : FIRN_OK);
        FI_TRY_RETURN(roots[i].has_repositories ? judge(walking, &roots[i].repositories, true,
                                                        &are_repositories_broken, err)
                                                : FIRN_OK);
        roots[i].is_broken = is_tree_broken || are_rules_broken || are_repositories_broken;
    }
    return FIRN_OK;
}

int
fi_share_whole(struct fi_share *share, struct fi_far *far, struct fi_share_whole *whole,
               struct fi_share_whole_root *roots, size_t count, firn_error *err)
{
    struct walking walking = {.share = share, .far = far, .whole = whole};
    int rc;
    fi_hash_map_init(&walking.met, sizeof(struct met), fi_hash_map_first, fi_hash_map_same_hash);
    fi_hash_map_init(&walking.tree_verdicts, sizeof(struct verdict), fi_hash_map_first,
                     fi_hash_map_same_hash);
    fi_hash_map_init(&walking.content_verdicts, sizeof(struct verdict), fi_hash_map_first,
                     fi_hash_map_same_hash);
    fi_hash_map_clear(&whole->bad);
    fi_hash_map_clear(&whole->damaged);
    for (size_t i = 0; i < count; i++) {
        roots[i].is_broken = false;
    }
    FI_TRY(meet_all(&walking, roots, count, err));
    if (whole->bad.count > 0) {
        rc = judge_all(&walking, roots, count, err);
    }
out:
    fi_hash_map_deinit(&walking.met);
    fi_hash_map_deinit(&walking.tree_verdicts);
    fi_hash_map_deinit(&walking.content_verdicts);
    fi_buf_deinit(&walking.trees);
    fi_buf_deinit(&walking.lists);
    fi_buf_deinit(&walking.deltas);
    fi_buf_deinit(&walking.object);
    fi_buf_deinit(&walking.levels);
    fi_buf_deinit(&walking.below);
    return rc;
}

void
fi_share_whole_init(struct fi_share_whole *whole, const struct fi_hash_map *without)
{
    *whole = (struct fi_share_whole){.without = without};
    fi_hash_map_init(&whole->bad, sizeof(firn_hash), fi_hash_map_first, fi_hash_map_same_hash);
    fi_hash_map_init(&whole->damaged, sizeof(uint64_t), fi_hash_map_first, fi_hash_map_same_number);
}

void
fi_share_whole_deinit(struct fi_share_whole *whole)
{
    fi_hash_map_deinit(&whole->bad);
    fi_hash_map_deinit(&whole->damaged);
}
