/* SPDX-License-Identifier: Apache-2.0
 *
 * tree/tree_iterator.c: walks the entries of one directory, whose objects are not trusted.
 *
 * The iterator holds one object for each level: the path from the directory's own object down to
 * the part it reads. Each object says its level, which must be exactly one less than its parent's,
 * so no chain of objects can be endless (I1). Names must ascend strictly over the whole directory,
 * and the last name of a part must be the one that its parent gives (I2): a directory has one
 * reading, and no name twice. (Neither is asserted: both are tests of data, which refuse it.)
 *
 * Two iterators that have read entries up to the same name can pass parts that are the same in
 * both, without loading them. Such a part comes after the same name on both sides (I3). So if it
 * breaks a rule, it does in both directories, and a walk that reads one of them whole finds it.
 *
 * A tree may have far more paths than it has directories. So each entry is paid for from the
 * source's budget (base/budget.h), and so is the memory of the objects that all iterators of the
 * source hold (I4; not checked: the budget returns the error). Reading an object is paid for by the
 * source.
 */
#include "base/check.h"
#include "base/mem.h"
#include "base/reader.h"
#include "base/slice.h"
#include "codec/hex.h"
#include "tree/tree.h"
#include "tree/tree_format.h"

struct level {
    struct fi_buf object;
    uint64_t held;                            /* bytes of it, in the source's budget */
    firn_slice rest;                          /* of the body, not yet read */
    uint8_t last_name[FI_TREE_NAME_SIZE_MAX]; /* that the parent promised for this object */
    size_t last_name_size; /* 0 for the directory's own object: no item names it */
};

struct fi_tree_iterator {
    struct fi_tree_source source;
    firn_hash directory;
    struct level levels[FI_TREE_LEVELS_MAX]; /* [0] holds entries */
    unsigned top;                            /* level of the directory's own object */
    uint8_t previous[FI_TREE_NAME_SIZE_MAX]; /* name of the previous entry */
    size_t previous_size;
    struct fi_tree_entry entry;
};

static int
tree_iterator_corrupt(struct fi_tree_iterator *iterator, firn_error *err, const char *what)
{
    char hex[FIRN_HASH_HEX_SIZE];
    fi_hex_encode(iterator->directory.bytes, sizeof iterator->directory.bytes, hex);
    return fi_error_set(err, FIRN_CORRUPT, "directory object %s: %s", hex, what);
}

/* Loads an object into the level that it states; *out_level is that level. */
static int
tree_iterator_load(struct fi_tree_iterator *iterator, const firn_hash *hash, struct level *into,
                   unsigned *out_level, firn_error *err)
{
    FI_TRY_RETURN(iterator->source.read(iterator->source.ctx, hash, &into->object, err));
    FI_TRY_RETURN(fi_budget_hold(iterator->source.budget, &into->held, into->object.capacity, err));
    if (into->object.size < FI_TREE_HEADER_SIZE || into->object.size > FI_TREE_OBJECT_SIZE_MAX) {
        return tree_iterator_corrupt(iterator, err, "its size is out of range");
    }
    if (into->object.data[0] != FI_TREE_FORMAT) {
        fi_error_set(err, FIRN_NEWER, "directory object has format %u, this version knows %u",
                     into->object.data[0], FI_TREE_FORMAT);
        return FIRN_NEWER;
    }
    *out_level = into->object.data[1];
    into->rest = firn_bytes(into->object.data + FI_TREE_HEADER_SIZE,
                            into->object.size - FI_TREE_HEADER_SIZE);
    if (*out_level >= FI_TREE_LEVELS_MAX) {
        return tree_iterator_corrupt(iterator, err, "it has too many levels");
    }
    if (*out_level > 0 && into->rest.size == 0) {
        return tree_iterator_corrupt(iterator, err, "its index is empty");
    }
    return FIRN_OK;
}

int
fi_tree_iterator_create(const struct fi_tree_source *source, const firn_hash *directory,
                        struct fi_tree_iterator **out, firn_error *err)
{
    *out = NULL;
    struct fi_tree_iterator *iterator = fi_alloc_zeroed(sizeof *iterator);
    if (iterator == NULL) {
        return fi_error_no_memory(err, "a directory iterator");
    }
    iterator->source = *source;
    iterator->directory = *directory;
    struct level first = {0};
    unsigned level = 0;
    int rc = tree_iterator_load(iterator, directory, &first, &level, err);
    if (rc != FIRN_OK) {
        fi_budget_release(iterator->source.budget, &first.held);
        fi_buf_deinit(&first.object);
        fi_tree_iterator_destroy(iterator);
        return rc;
    }
    iterator->levels[level] = first;
    iterator->top = level;
    *out = iterator;
    return FIRN_OK;
}

void
fi_tree_iterator_destroy(struct fi_tree_iterator *iterator)
{
    if (iterator == NULL) {
        return;
    }
    for (unsigned i = 0; i < FI_TREE_LEVELS_MAX; i++) {
        fi_budget_release(iterator->source.budget, &iterator->levels[i].held);
        fi_buf_deinit(&iterator->levels[i].object);
    }
    fi_free(iterator);
}

/* Whether the last name of an object that was read to its end is what its parent promised. */
static bool
promise_is_kept(const struct fi_tree_iterator *iterator, const struct level *level)
{
    return level->last_name_size == 0 ||
           fi_slice_equal(firn_bytes(level->last_name, level->last_name_size),
                          firn_bytes(iterator->previous, iterator->previous_size));
}

/* An object of the next lower level, and the name of the last entry below it. */
struct item {
    firn_slice name;
    firn_hash hash;
};

/* Takes an item off the rest of a level above 0. */
static bool
take_item(firn_slice *rest, struct item *out)
{
    struct fi_reader reader = fi_reader_of(*rest);
    bool is_fine = fi_reader_sized(&reader, FI_TREE_NAME_SIZE_MAX, &out->name) &&
                   fi_reader_copy(&reader, out->hash.bytes, sizeof out->hash.bytes) &&
                   fi_tree_name_is_valid(out->name);
    *rest = firn_bytes(reader.at, fi_reader_left(&reader));
    return is_fine;
}

/* Takes the next item of level n and loads the object it names into level n - 1. */
static int
tree_iterator_descend(struct fi_tree_iterator *iterator, unsigned n, firn_error *err)
{
    DCHECK(n > 0 && n <= iterator->top && iterator->levels[n - 1].rest.size == 0);
    struct level *lower = &iterator->levels[n - 1];
    struct item item;
    if (!take_item(&iterator->levels[n].rest, &item)) {
        return tree_iterator_corrupt(iterator, err, "its index is malformed");
    }
    const firn_slice name = item.name;
    DCHECK(name.size <= sizeof lower->last_name);
    memcpy(lower->last_name, name.data, name.size);
    lower->last_name_size = name.size;
    unsigned level;
    FI_TRY_RETURN(tree_iterator_load(iterator, &item.hash, lower, &level, err));
    if (level != n - 1) {
        return tree_iterator_corrupt(iterator, err, "a part has the wrong level");
    }
    if (lower->rest.size == 0) {
        return tree_iterator_corrupt(iterator, err, "a part is empty");
    }
    return FIRN_OK;
}

/* Loads until levels[0] holds an unread entry; *out_is_end if there is none. */
static int
refill(struct fi_tree_iterator *iterator, bool *out_is_end, firn_error *err)
{
    *out_is_end = false;
    if (iterator->levels[0].rest.size > 0) {
        return FIRN_OK;
    }
    unsigned n = 0;
    while (iterator->levels[n].rest.size == 0) {
        if (!promise_is_kept(iterator, &iterator->levels[n])) {
            return tree_iterator_corrupt(iterator, err,
                                         "a part does not end with the name its index gives");
        }
        if (n == iterator->top) {
            *out_is_end = true;
            return FIRN_OK;
        }
        n++;
    }
    for (; n > 0; n--) {
        int rc = tree_iterator_descend(iterator, n, err);
        if (rc != FIRN_OK) {
            return rc;
        }
    }
    DCHECK(iterator->levels[0].rest.size > 0);
    return FIRN_OK;
}

/* ---- two iterators ---- */

/* The lowest level that is not at its end; the top one, if all are. */
static __attribute__((cold)) unsigned
pending_level(const struct fi_tree_iterator *iterator)
{
    unsigned n = 0;
    while (n < iterator->top && iterator->levels[n].rest.size == 0) {
        n++;
    }
    return n;
}

/* Passes the next item of level n in both iterators, if it is the same in both and comes after the
 * entries that were read. */
static __attribute__((cold)) bool
pass_item(struct fi_tree_iterator *a, struct fi_tree_iterator *b, unsigned n)
{
    firn_slice rests[2] = {a->levels[n].rest, b->levels[n].rest};
    struct item items[2];
    if (!take_item(&rests[0], &items[0]) || !take_item(&rests[1], &items[1]) ||
        !fi_hash_equal(&items[0].hash, &items[1].hash) ||
        !fi_slice_equal(items[0].name, items[1].name)) {
        return false;
    }
    if (fi_slice_compare(firn_bytes(a->previous, a->previous_size), items[0].name) >= 0) {
        return false;
    }
    for (size_t i = 0; i < 2; i++) {
        struct fi_tree_iterator *iterator = i == 0 ? a : b;
        iterator->levels[n].rest = rests[i];
        memcpy(iterator->previous, items[i].name.data, items[i].name.size);
        iterator->previous_size = items[i].name.size;
    }
    return true;
}

/* Whether each part that was read below level n ended with the name that its index gives. (If not,
 * next fails.) */
static __attribute__((cold)) bool
promises_are_kept(const struct fi_tree_iterator *iterator, unsigned n)
{
    bool are_kept = true;
    for (unsigned i = 0; i < n; i++) {
        are_kept = are_kept && promise_is_kept(iterator, &iterator->levels[i]);
    }
    return are_kept;
}

static __attribute__((cold)) int
pass_parts(struct fi_tree_iterator *a, struct fi_tree_iterator *b, firn_error *err)
{
    for (;;) {
        const unsigned n = pending_level(a);
        if (n == 0 || n != pending_level(b) || a->levels[n].rest.size == 0 ||
            b->levels[n].rest.size == 0 || !promises_are_kept(a, n) || !promises_are_kept(b, n)) {
            break;
        }
        if (pass_item(a, b, n)) {
            for (unsigned i = 0; i < n; i++) { /* of parts that were read before */
                a->levels[i].last_name_size = 0;
                b->levels[i].last_name_size = 0;
            }
            continue;
        }
        if (n == 1) {
            break;
        }
        FI_TRY_RETURN(tree_iterator_descend(a, n, err));
        FI_TRY_RETURN(tree_iterator_descend(b, n, err));
    }
    return FIRN_OK;
}

int
fi_tree_iterator_pass_equal(struct fi_tree_iterator *a, struct fi_tree_iterator *b, firn_error *err)
{
    const bool are_inside = a->levels[0].rest.size > 0 || b->levels[0].rest.size > 0;
    DCHECK(fi_slice_equal(firn_bytes(a->previous, a->previous_size),
                          firn_bytes(b->previous, b->previous_size))); /* (I3) */
    return are_inside ? FIRN_OK : pass_parts(a, b, err);
}

int
fi_tree_iterator_next(struct fi_tree_iterator *iterator, const struct fi_tree_entry **out,
                      bool *out_is_end, firn_error *err)
{
    *out = NULL;
    int rc = refill(iterator, out_is_end, err);
    if (rc != FIRN_OK || *out_is_end) {
        return rc;
    }
    rc = fi_budget_spend(iterator->source.budget, FI_BUDGET_ENTRY, err); /* (I4) */
    if (rc != FIRN_OK) {
        return rc;
    }
    rc = fi_tree_decode_entry(&iterator->levels[0].rest, &iterator->entry, err);
    if (rc == FIRN_CORRUPT) {
        return tree_iterator_corrupt(iterator, err, "an entry is malformed");
    }
    if (rc != FIRN_OK) {
        return rc;
    }
    firn_slice previous = firn_bytes(iterator->previous, iterator->previous_size);
    if (fi_slice_compare(previous, iterator->entry.name) >= 0) {
        return tree_iterator_corrupt(iterator, err, "its names are out of order or repeated");
    }
    memcpy(iterator->previous, iterator->entry.name.data, iterator->entry.name.size);
    iterator->previous_size = iterator->entry.name.size;
    *out = &iterator->entry;
    return FIRN_OK;
}
