/* SPDX-License-Identifier: Apache-2.0
 *
 * handle/ws_rules.c: rules objects in a store.
 *
 * A scan gives the rules that it applied as one object (rules.c). The save puts this object into
 * its pack beside the tree, and the checkpoint's record names it by its hash; equal rules are the
 * same object, so checkpoints with equal rules share one. Plain rules, the default exclusions and
 * nothing else, are not stored: flags of the record say which of them applied.
 *
 * Today's rules are determined in one place, here, for restores as for comparisons. They are the
 * rule files on the disk, and whether saves use .gitignore files. A restore without them would
 * remove what every save leaves out. So .gitignore files apply if the caller says so (a setting),
 * and if they applied to the newest checkpoint, which may have been saved with an option. They also
 * apply if the rules of that checkpoint are damaged: what is left out is left alone.
 *
 * A restore may remove or change rule files, and then what they excluded is excluded by none on the
 * disk: the next restore would take it in. So the rules of a safety checkpoint stay in effect until
 * the next save, and the safety checkpoint that this restore makes has them again (I1; the model of
 * test_ws_ignore_model.c checks it).
 *
 * A restore in place loads the rules of the checkpoint first and passes them to the scan of the
 * present state, which leaves out what they or today's rules exclude. So nothing that either
 * excludes is in the tree that the restore starts from, and a path in neither tree is not touched.
 * Damaged rules therefore stop a restore in place: without them it would remove files that the
 * checkpoint had excluded. A restore into another directory removes nothing and does not need the
 * rules.
 */
#include "handle/ws_opened.h"

#include "base/check.h"
#include "base/slice.h"
#include "codec/blake3_hash.h"
#include "rules/rules.h"

enum { SCRATCH_FRAMES = 1 };

static int
read_object(struct fi_objects *objects, const firn_hash *hash, struct fi_buf *out, firn_error *err)
{
    struct fi_pack_scratch *scratch = NULL;
    int rc;
    FI_TRY(fi_pack_scratch_create(SCRATCH_FRAMES, &scratch, err));
    FI_TRY(fi_objects_stream_whole(objects, scratch, hash, out, err));
out:
    fi_pack_scratch_destroy(scratch);
    return rc;
}

static int
make_plain(const struct fi_catalog_record *record, struct fi_ws_rules *out, firn_error *err)
{
    struct fi_rules_list_set *set = fi_rules_list_add(&out->sets, 0);
    if (set == NULL) {
        return fi_error_no_memory(err, "the rules of a checkpoint");
    }
    set->include_deps = record->include_deps;
    /* No set is both (rules_list.c), even if a record from elsewhere says so. */
    set->is_narrow = record->is_narrow && !record->include_deps;
    return FIRN_OK;
}

/* Excludes the forgotten paths as if a rule of the checkpoint had: in a set of their own, so that
 * no other rule can include them again. */
static int
exclude_forgotten(const struct fi_catalog_record *record, struct fi_buf *rules,
                  struct fi_ws_rules *out, firn_error *err)
{
    firn_slice left = record->forgotten;
    firn_slice path;
    int rc = FIRN_OK;
    DCHECK(rules->size == 0);
    while (rc == FIRN_OK && fi_catalog_record_forgotten_next(&left, &path)) {
        rc = fi_rules_left_out_pattern(rules, path);
        rc = rc == FIRN_LIMIT ? FIRN_OK : rc; /* fi_ws_forget refuses such a path */
    }
    if (rc == FIRN_OK && rules->size > 0) {
        struct fi_rules_list_set *set = fi_rules_list_add(&out->sets, 1);
        rc = set == NULL ? FIRN_NO_MEMORY : FIRN_OK;
        if (set != NULL) {
            set->include_deps = true; /* this set does not exclude dependencies */
            set->files[0] = (struct fi_rules_list_file){.kind = FI_RULES_LIST_FIRNIGNORE,
                                                        .content = fi_buf_slice(rules)};
        }
    }
    return rc == FIRN_OK ? FIRN_OK : fi_error_no_memory(err, "the rules of a checkpoint");
}

/* Adds the sets of a checkpoint. Requires: bytes is empty. */
static int
ws_rules_load(struct fi_objects *objects, const struct fi_catalog_record *record,
              struct fi_buf *bytes, struct fi_ws_rules *out, firn_error *err)
{
    DCHECK(bytes->size == 0);
    if (!record->has_rules) {
        return make_plain(record, out, err);
    }
    int rc = read_object(objects, &record->rules, bytes, err);
    if (rc == FIRN_OK) {
        rc = fi_rules_list_decode(fi_buf_slice(bytes), &out->sets, err);
    }
    if (rc != FIRN_OK) {
        char id[FIRN_CHECKPOINT_ID_SIZE];
        fi_catalog_record_id_text(record->id, id);
        fi_error_prefix(err, "the rules of checkpoint %.*s", FIRN_CHECKPOINT_ID_SHORT, id);
        return rc;
    }
    for (size_t i = 0; i < out->sets.set_count; i++) {
        out->gitignore = out->gitignore || out->sets.sets[i].gitignore;
    }
    return FIRN_OK;
}

bool
fi_ws_rules_are_same(const struct fi_catalog_record *a, const struct fi_catalog_record *b)
{
    return a->has_rules == b->has_rules &&
           (a->has_rules ? fi_hash_equal(&a->rules, &b->rules)
                         : a->include_deps == b->include_deps && a->is_narrow == b->is_narrow);
}

/* Adds the sets of a further checkpoint, at index i of *rules, as far as they are not those of the
 * first. */
static int
load_more(struct fi_objects *objects, const struct fi_catalog_record *first,
          const struct fi_catalog_record *further, size_t i, struct fi_ws_rules *rules,
          firn_error *err)
{
    int rc = fi_ws_rules_are_same(first, further)
                 ? FIRN_OK
                 : ws_rules_load(objects, further, &rules->bytes[i], rules, err);
    return rc == FIRN_OK && !fi_slice_equal(first->forgotten, further->forgotten)
               ? exclude_forgotten(further, &rules->forgotten[i], rules, err)
               : rc;
}

static bool
is_damage(int code)
{
    return code == FIRN_CORRUPT || code == FIRN_NEWER || code == FIRN_NOT_FOUND;
}

/* Whether .gitignore files applied to the newest checkpoint. */
static int
query_newest(struct fi_ws_opened *opened, bool *out, firn_error *err)
{
    struct fi_ws_rules rules = {0};
    struct fi_catalog_record newest;
    struct fi_buf bytes = {0};
    int rc = fi_catalog_newest(opened->catalog, opened->workspace.number, &bytes, &newest, err);
    if (rc == FIRN_OK) {
        rc = ws_rules_load(opened->objects, &newest, &rules.bytes[0], &rules, err);
        *out = is_damage(rc) || rules.gitignore;
        rc = is_damage(rc) ? FIRN_OK : rc;
    }
    fi_ws_rules_deinit(&rules);
    fi_buf_deinit(&bytes);
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

/* Takes the newest record if it is of a safety checkpoint. */
static int
take_last(void *ctx, firn_slice bytes, const struct fi_catalog_record *record, firn_error *err)
{
    return record->is_safety && fi_buf_append_slice(ctx, bytes) != FIRN_OK
               ? fi_error_no_memory(err, "a checkpoint's record")
               : FIRN_EXISTS;
}

/* Adds the rules of the safety checkpoint of the last restore, if nothing was saved since (I1).
 * Those that are damaged, or have grown too large, do not count: without them a restore saves more
 * than it should, and loses nothing. Nor do paths that could not be read then: perhaps they can be
 * now. */
static int
load_last(struct fi_ws_opened *opened, const struct fi_catalog_record *first,
          struct fi_ws_rules *rules, firn_error *err)
{
    enum { LAST = 2, SETS_MAX = 64, SIZE_MAX_OF_SETS = 1 << 20 };
    const size_t set_count = rules->sets.set_count;
    struct fi_catalog_record record;
    struct fi_buf bytes = {0};
    firn_error cause;
    int rc = fi_catalog_list(opened->catalog, opened->workspace.number, take_last, &bytes, &cause);
    rc = rc == FIRN_EXISTS ? FIRN_OK : rc;
    if (rc == FIRN_OK && bytes.size > 0) {
        rc = fi_catalog_record_decode(fi_buf_slice(&bytes), &record, &cause);
    }
    if (rc == FIRN_OK && bytes.size > 0) {
        rc = load_more(opened->objects, first, &record, LAST, rules, &cause);
    }
    if (rules->sets.set_count > set_count + 1) { /* one is that of its rule files */
        for (size_t i = rules->sets.set_count; i > set_count; i--) {
            if (fi_rules_left_out_is(&rules->sets.sets[i - 1])) {
                fi_rules_list_remove(&rules->sets, i - 1);
            }
        }
    }
    if (rc != FIRN_OK && !is_damage(rc)) {
        fi_error_copy(err, &cause);
    }
    if (is_damage(rc) || rules->bytes[LAST].size > SIZE_MAX_OF_SETS ||
        rules->sets.set_count > SETS_MAX) {
        fi_rules_list_truncate(&rules->sets, set_count);
    }
    fi_buf_deinit(&bytes);
    return is_damage(rc) ? FIRN_OK : rc;
}

int
fi_ws_rules_load(struct fi_objects *objects, const struct fi_catalog_record *record,
                 struct fi_ws_rules *out, firn_error *err)
{
    *out = (struct fi_ws_rules){.include_deps = record->include_deps};
    int rc = ws_rules_load(objects, record, &out->bytes[0], out, err);
    return rc == FIRN_OK ? exclude_forgotten(record, &out->forgotten[0], out, err) : rc;
}

int
fi_ws_rules_load_today(struct fi_ws_opened *opened, const struct fi_catalog_record *record,
                       const struct fi_catalog_record *second,
                       const struct fi_ws_rules_today *today, struct fi_ws_rules *out,
                       firn_error *err)
{
    struct fi_objects *objects = opened->objects;
    FI_TRY_RETURN(fi_ws_rules_load(objects, record, out, err));
    if (second != NULL) {
        FI_TRY_RETURN(load_more(objects, record, second, 1, out, err));
    }
    FI_TRY_RETURN(today->is_asked_for ? FIRN_OK : load_last(opened, record, out, err));
    out->file_size_max = today->file_size_max;
    out->gitignore = out->gitignore || today->gitignore;
    if (!out->gitignore) {
        FI_TRY_RETURN(query_newest(opened, &out->gitignore, err));
    }
    return FIRN_OK;
}

void
fi_ws_rules_deinit(struct fi_ws_rules *rules)
{
    fi_rules_list_deinit(&rules->sets);
    for (size_t i = 0; i < sizeof rules->bytes / sizeof rules->bytes[0]; i++) {
        fi_buf_deinit(&rules->bytes[i]);
        fi_buf_deinit(&rules->forgotten[i]);
    }
    *rules = (struct fi_ws_rules){0};
}

int
fi_ws_rules_add(struct fi_objects_session *session, firn_slice bytes, firn_hash *out_hash,
                firn_error *err)
{
    struct fi_objects_session_lane *lane;
    struct fi_objects_object object = {.kind = FI_PACK_BLOB, .content = bytes};
    bool is_new;
    DCHECK(bytes.size > 0);
    fi_blake3_hash_of(bytes.data, bytes.size, &object.hash);
    *out_hash = object.hash;
    int rc = fi_objects_session_lane_open(session, &lane, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    rc = fi_objects_session_lane_add(lane, &object, &is_new, err);
    int close_rc = fi_objects_session_lane_close(lane, rc == FIRN_OK, rc == FIRN_OK ? err : NULL);
    return rc == FIRN_OK ? close_rc : rc;
}
