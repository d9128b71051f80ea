/* SPDX-License-Identifier: Apache-2.0
 *
 * verify/verify_content.c: whether the content of a file is there, and is what its name says.
 *
 * Content is one object, an object that is a delta of another, or a list: of pieces, or of cells,
 * which may be lists of pieces or of cells themselves. All that it is made of must be in packs, and
 * as long as the lists say. Where no single pack has all of it, no verification of packs compares
 * the whole with its name: that is done here, if data is to be read.
 *
 * What was found is remembered: damaged objects by their hashes, and contents in pieces that are
 * sound, because many entries may name them, and each look reads their lists.
 *
 * Memory: one record for each such object and content, and for each list of the content at hand.
 */
#include <string.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/slice.h"
#include "pack/pack_cells.h"
#include "verify/verify_content.h"

/* Whether an object is in the index, its pack exists, and no damage was found in it; otherwise
 * *out_why says what is wrong. */
static int
verify_content_find(const struct fi_verify_content *contents, const firn_hash *hash,
                    const char **out_why, firn_error *err)
{
    bool is_there;
    *out_why = NULL;
    if (fi_hash_map_find(&contents->damaged, fi_hash_map_first(hash), hash) != NULL) {
        *out_why = "its content is damaged";
        return FIRN_OK;
    }
    int rc = fi_objects_contains(contents->objects, hash, &is_there, err);
    if (rc == FIRN_OK && !is_there) {
        *out_why = "its content is missing";
    }
    return rc;
}

struct piece_check {
    struct fi_verify_content *contents;
    const char *why;
    uint64_t size;       /* of all pieces of the current list */
    uint32_t pack;       /* of the first list of pieces */
    bool is_spread;      /* over packs, as far as is known: no single pack could verify the whole */
    int level;           /* of the current list, if it is one of cells; else -1 */
    size_t count;        /* of its pieces, holes left out */
    struct fi_buf lists; /* of struct list: pieces that are lists themselves */
    struct fi_hash_map seen; /* struct list: all that were noted so far */
};

/* A list of pieces or of cells, and the size that its content must have. */
struct list {
    firn_hash hash;
    uint64_t size;
    int level;     /* as piece_check's */
    bool is_below; /* another list names it */
};

static bool
list_equal(const void *record, const void *key)
{
    const struct list *a = record;
    const struct list *b = key;
    return fi_hash_equal(&a->hash, &b->hash) && a->size == b->size && a->level == b->level;
}

/* A list that is named in many places is visited once. */
static int
note_list(struct piece_check *check, const struct fi_pack_piece *piece, firn_error *err)
{
    DCHECK(!piece->is_hole && check->why == NULL);
    struct list list = {0};
    list.hash = piece->hash;
    list.size = piece->size;
    list.is_below = true;
    list.level = check->level > 0 ? check->level - 1 : -1;
    if (fi_hash_map_find(&check->seen, fi_hash_map_first(&list), &list) != NULL) {
        return FIRN_OK;
    }
    if (fi_hash_map_insert(&check->seen, fi_hash_map_first(&list), &list) == NULL) {
        return fi_error_no_memory(err, "lists of pieces");
    }
    return fi_buf_append(&check->lists, &list, sizeof list) == FIRN_OK
               ? FIRN_OK
               : fi_error_no_memory(err, "a list of pieces");
}

static int
pass_on(void *ctx, uint64_t bytes, firn_error *err)
{
    const struct fi_verify_content *contents = ctx;
    (void)bytes;
    return contents->tick(contents->ctx, err);
}

/* A cell that is stored as one object. */
static int
check_whole_cell(struct piece_check *check, const struct fi_pack_piece *cell,
                 const struct fi_objects_place *place, firn_error *err)
{
    struct fi_verify_content *contents = check->contents;
    DCHECK(check->level == 0 && place->at.kind != FI_PACK_PIECES);
    if (place->at.kind == FI_PACK_DELTA && contents->read_data) {
        return fi_objects_stream_verify(contents->objects, contents->scratch, &cell->hash,
                                        cell->size, pass_on, contents, err);
    }
    if (place->at.kind != FI_PACK_DELTA && place->at.size != cell->size) {
        check->why = "its content has another size than its entry says";
    }
    return FIRN_OK;
}

static int
check_piece(void *ctx, uint64_t offset, const struct fi_pack_piece *piece, firn_error *err)
{
    (void)offset;
    struct piece_check *check = ctx;
    DCHECK(check->level < FI_PACK_CELLS_LEVELS);
    check->size += piece->size;
    if (piece->is_hole || check->why != NULL) {
        return FIRN_OK;
    }
    check->count++;
    struct fi_objects_place place;
    int rc;
    FI_TRY(verify_content_find(check->contents, &piece->hash, &check->why, err));
    if (check->why != NULL) {
        goto out;
    }
    FI_TRY(fi_objects_index_find(check->contents->objects, &piece->hash, &place, err));
    /* Its own pack could verify the name of a list of cells, and of each cell. */
    check->is_spread = check->is_spread || (check->level < 0 && place.pack != check->pack) ||
                       (check->level < 0 && place.at.kind == FI_PACK_DELTA);
    if (place.at.kind == FI_PACK_PIECES) {
        FI_TRY(note_list(check, piece, err));
    } else if (check->level > 0) {
        check->why = "its content does not match its hash";
    } else if (check->level == 0) {
        FI_TRY(check_whole_cell(check, piece, &place, err));
    }
out:
    return rc;
}

/* A cell in pieces of several packs: it has not been compared with its name yet. */
static int
check_cell(struct piece_check *check, const struct list *cell, firn_error *err)
{
    DCHECK(cell->level < 0); /* a list of cells has a name of its own */
    struct fi_verify_content *contents = check->contents;
    bool is_to_be_read = check->why == NULL && check->is_spread && contents->read_data;
    check->is_spread = false;
    return is_to_be_read ? fi_objects_stream_verify(contents->objects, contents->scratch,
                                                    &cell->hash, cell->size, pass_on, contents, err)
                         : FIRN_OK;
}

static int
check_list(struct piece_check *check, const struct list *list, firn_error *err)
{
    struct fi_objects *objects = check->contents->objects;
    struct fi_pack_scratch *scratch = check->contents->scratch;
    int level;
    int rc;
    FI_TRY(fi_objects_cells_level(objects, scratch, &list->hash, &level, err));
    if (level != list->level) {
        check->why = "its content does not match its hash";
        goto out;
    }
    check->size = 0;
    check->count = 0;
    check->level = level;
    FI_TRY(fi_objects_read_pieces(objects, scratch, &list->hash, check_piece, check, err));
    if (check->why == NULL && check->size != list->size) {
        check->why = "its content has another size than its entry says";
    }
    if (check->why == NULL && check->count == 0 && level >= 0 && list->is_below) {
        check->why = "its content does not match its hash";
    }
out:
    return rc;
}

/* All pieces of a list, and of the lists among them. */
static int
check_lists(struct piece_check *check, const struct list *first, firn_error *err)
{
    struct fi_verify_content *contents = check->contents;
    struct list list = *first;
    bool has_cells = first->level >= 0;
    DCHECK(check->lists.size == 0 && !first->is_below);
    while (check->why == NULL) {
        struct fi_objects_place place;
        FI_TRY_RETURN(contents->tick(contents->ctx, err));
        if (has_cells) {
            FI_TRY_RETURN(fi_objects_index_find(contents->objects, &list.hash, &place, err));
            check->pack = place.pack;
        }
        FI_TRY_RETURN(check_list(check, &list, err));
        if (has_cells && list.level < 0) {
            FI_TRY_RETURN(check_cell(check, &list, err));
        }
        if (check->lists.size == 0) {
            break;
        }
        CHECK(check->lists.size % sizeof list == 0);
        check->lists.size -= sizeof list;
        memcpy(&list, check->lists.data + check->lists.size, sizeof list);
    }
    return FIRN_OK;
}

/* An object that is stored as a delta: its base must be there as well. */
static int
check_delta(struct piece_check *check, const firn_hash *hash, firn_error *err)
{
    struct fi_pack_delta delta;
    DCHECK(check->why == NULL && check->level < 0);
    int rc = fi_objects_read_delta(check->contents->objects, check->contents->scratch, hash, &delta,
                                   err);
    if (rc == FIRN_OK) {
        check->size = delta.size;
        check->is_spread = true;
        rc = verify_content_find(check->contents, &delta.base, &check->why, err);
    }
    return rc;
}

/* What an entry's content must be, if it is a list: a list of cells only from their size on. */
static int
begin_lists(const struct piece_check *check, const struct fi_tree_entry *entry, struct list *out,
            firn_error *err)
{
    *out = (struct list){.hash = entry->hash, .size = entry->size};
    int rc = fi_objects_cells_level(check->contents->objects, check->contents->scratch,
                                    &entry->hash, &out->level, err);
    if (rc == FIRN_OK && out->level >= 0 &&
        (entry->size < FI_PACK_CELLS_CONTENT_MIN || entry->size > FI_PACK_CELLS_CONTENT_MAX ||
         out->level != (int)fi_pack_cells_level_of(entry->size))) {
        out->level = -1; /* it is not a list of cells */
    }
    DCHECK(rc != FIRN_OK || out->level < FI_PACK_CELLS_LEVELS);
    return rc;
}

/* Content in pieces may be named in many places, and each check of it reads its lists; a content
 * that is one object takes no time worth remembering. */
static struct list
sound_of(const struct fi_tree_entry *entry)
{
    struct list list = {0};
    list.hash = entry->hash;
    list.size = entry->size;
    list.level = -1;
    return list;
}

static bool
is_known_sound(const struct fi_verify_content *contents, const struct fi_tree_entry *entry)
{
    const struct list list = sound_of(entry);
    return fi_hash_map_find(&contents->sound, fi_hash_map_first(&list), &list) != NULL;
}

static int
note_sound(struct fi_verify_content *contents, const struct fi_tree_entry *entry, firn_error *err)
{
    const struct list list = sound_of(entry);
    return fi_hash_map_insert(&contents->sound, fi_hash_map_first(&list), &list) != NULL
               ? FIRN_OK
               : fi_error_no_memory(err, "contents in pieces");
}

/* Whether the content is as long as the entry says, and, if no single pack could verify it, whether
 * it matches its name. */
static int
check_whole(struct piece_check *check, const struct fi_tree_entry *entry, firn_error *err)
{
    struct fi_objects *objects = check->contents->objects;
    struct fi_objects_place place;
    struct list whole;
    int rc;
    DCHECK(check->why == NULL && check->size == 0 && !check->is_spread);
    FI_TRY(fi_objects_index_find(objects, &entry->hash, &place, err));
    if (place.at.kind == FI_PACK_PIECES) {
        if (is_known_sound(check->contents, entry)) {
            goto out;
        }
        FI_TRY(begin_lists(check, entry, &whole, err));
        check->pack = place.pack;
        FI_TRY(check_lists(check, &whole, err));
    } else {
        check->size = place.at.size;
        if (place.at.kind == FI_PACK_DELTA) {
            FI_TRY(check_delta(check, &entry->hash, err));
        }
        if (check->why == NULL && check->size != entry->size) {
            check->why = "its content has another size than its entry says";
        }
    }
    if (check->why == NULL && check->is_spread && check->contents->read_data) {
        FI_TRY(fi_objects_stream_verify(objects, check->contents->scratch, &entry->hash,
                                        entry->size, pass_on, check->contents, err));
    }
    if (check->why == NULL && place.at.kind == FI_PACK_PIECES) {
        rc = note_sound(check->contents, entry, err);
    }
out:
    return rc;
}

int
fi_verify_content_inspect(struct fi_verify_content *contents, const struct fi_tree_entry *entry,
                          const char **out_why, firn_error *err)
{
    DCHECK(entry->kind == FI_TREE_FILE);
    struct piece_check check = {.contents = contents, .level = -1};
    fi_hash_map_init(&check.seen, sizeof(struct list), fi_hash_map_first, list_equal);
    int rc = verify_content_find(contents, &entry->hash, &check.why, err);
    if (rc == FIRN_OK && check.why == NULL) {
        rc = check_whole(&check, entry, err);
    }
    *out_why = check.why;
    fi_buf_deinit(&check.lists);
    fi_hash_map_deinit(&check.seen);
    return rc;
}

int
fi_verify_content_note_damaged(struct fi_verify_content *contents, const firn_hash *hash,
                               firn_error *err)
{
    return fi_hash_map_find(&contents->damaged, fi_hash_map_first(hash), hash) != NULL ||
                   fi_hash_map_insert(&contents->damaged, fi_hash_map_first(hash), hash) != NULL
               ? FIRN_OK
               : fi_error_no_memory(err, "damaged contents");
}

void
fi_verify_content_init(struct fi_verify_content *contents)
{
    fi_hash_map_init(&contents->damaged, sizeof(firn_hash), fi_hash_map_first,
                     fi_hash_map_same_hash);
    fi_hash_map_init(&contents->sound, sizeof(struct list), fi_hash_map_first, list_equal);
}

void
fi_verify_content_deinit(struct fi_verify_content *contents)
{
    fi_hash_map_deinit(&contents->damaged);
    fi_hash_map_deinit(&contents->sound);
}
