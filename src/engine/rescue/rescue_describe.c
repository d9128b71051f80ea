/* SPDX-License-Identifier: Apache-2.0
 *
 * rescue/rescue_describe.c: makes a run's entry in MANIFEST from the run itself.
 *
 * Everything that the summary lacks is counted from the entries, which are all read. Of value files
 * only the heads are read, not the values. All taken runs are verified afterwards (rescue_runs.c).
 *
 * The run becomes a history run, whose only group has just its sequences: history is not ordered
 * relative to other runs, so the run can be read and merged together with any others
 * (version_history.c). Later compactions move its versions to the right levels.
 */
#include "rescue/rescue_internal.h"

#include "base/check.h"
#include "base/slice.h"
#include "base/sort.h"
#include "run/run_value_file.h"

struct description {
    struct fi_rescue_gather *gather;
    struct fi_manifest_run info;
    struct fi_buf last_key;
    struct fi_hash_map references; /* of struct fi_manifest_reference */
};

/* ---- entries ---- */

static int
note_reference(void *ctx, const struct fi_run_value_file_reference *found, firn_error *err)
{
    struct description *description = ctx;
    struct fi_manifest_reference *known =
        fi_hash_map_find(&description->references, found->file, &found->file);
    if (known == NULL) {
        const struct fi_manifest_reference added = {.number = found->file};
        known = fi_hash_map_insert(&description->references, found->file, &added);
    }
    if (known == NULL) {
        return fi_error_no_memory(err, "the value files of a run");
    }
    known->bytes += fi_run_value_file_span(found);
    return FIRN_OK;
}

static int
note_entry(struct description *description, const struct fi_entry *entry, firn_error *err)
{
    struct fi_manifest_run *info = &description->info;
    bool is_first = info->entry_count == 0;
    info->older_count +=
        !is_first && fi_slice_equal(fi_buf_slice(&description->last_key), entry->key);
    info->entry_count++;
    if (fi_buf_assign(&description->last_key, entry->key) != FIRN_OK) {
        return fi_error_no_memory(err, "a key");
    }
    if (entry->kind == FI_ENTRY_EXPIRING) {
        fi_manifest_run_note_expiry(info, fi_entry_expires_ms(entry->value));
    }
    return entry->values != NULL ? fi_run_value_cell_each(entry, note_reference, description, err)
                                 : FIRN_OK;
}

static int
read_entries(struct description *description, struct fi_run *run, firn_error *err)
{
    const struct fi_run_cursor_options options = {.is_sequential = true, .keeps_references = true};
    struct fi_run_cursor *cursor = NULL;
    int rc = run->kind->cursor_create(run, &options, &cursor, err);
    rc = rc == FIRN_OK ? run->kind->cursor_first(cursor, err) : rc;
    while (rc == FIRN_OK && cursor->is_valid) {
        rc = note_entry(description, &cursor->entry, err);
        rc = rc == FIRN_OK ? run->kind->cursor_next(cursor, err) : rc;
    }
    if (cursor != NULL) {
        run->kind->cursor_destroy(cursor);
    }
    return rc;
}

/* ---- value files ---- */

static int
look_up(const struct fi_rescue_gather *gather, struct fi_manifest_reference *reference,
        firn_error *err)
{
    const struct fi_manifest_reference *named =
        fi_hash_map_find(&gather->value_files, reference->number, &reference->number);
    char name[FI_VERSION_FILE_NAME_SIZE];
    struct fi_run *file;
    fi_version_file_name(reference->number, &fi_run_value_file_kind, name);
    FI_TRY_RETURN(fi_run_value_file_kind.open(&gather->env, name, &file, err));
    const struct fi_run_summary *summary = fi_run_value_file_kind.summary(file);
    reference->identity = named != NULL ? named->identity : summary->identity;
    reference->total_bytes = named != NULL ? named->total_bytes : summary->content_bytes;
    fi_run_value_file_kind.close(file);
    return reference->bytes <= reference->total_bytes
               ? FIRN_OK
               : fi_error_set(err, FIRN_CORRUPT, "'%s' is smaller than its contents", name);
}

static int
compare_references(const void *a, const void *b)
{
    uint64_t x = ((const struct fi_manifest_reference *)a)->number;
    uint64_t y = ((const struct fi_manifest_reference *)b)->number;
    return (x > y) - (x < y);
}

static int
list_references(struct description *description, firn_error *err)
{
    size_t count = description->references.count;
    struct fi_manifest_reference *list =
        fi_arena_alloc(&description->gather->arena, count * sizeof *list);
    if (list == NULL) {
        return fi_error_no_memory(err, "the value files of a run");
    }
    for (size_t i = 0; i < count; i++) {
        list[i] = *(struct fi_manifest_reference *)fi_hash_map_at(&description->references, i);
        FI_TRY_RETURN(look_up(description->gather, &list[i], err));
    }
    fi_sort(list, count, sizeof *list, compare_references);
    description->info.references = list;
    description->info.reference_count = count;
    return FIRN_OK;
}

/* ---- the run ---- */

int
fi_rescue_describe_take(struct fi_manifest_run *info, const struct fi_run_summary *summary,
                        struct fi_arena *arena, firn_error *err)
{
    uint8_t *lower = fi_arena_copy(arena, summary->lower.data, summary->lower.size);
    uint8_t *upper = fi_arena_copy(arena, summary->upper.data, summary->upper.size);
    if (lower == NULL || upper == NULL) {
        return fi_error_no_memory(err, "a run");
    }
    info->file_bytes = summary->file_bytes;
    info->identity = summary->identity;
    info->entry_count = summary->entry_count;
    info->tombstone_count = summary->tombstone_count;
    info->range_count = summary->range_count;
    info->content_bytes = summary->content_bytes;
    info->sequence_min = summary->sequence_min;
    info->sequence_max = summary->sequence_max;
    info->lower = firn_bytes(lower, summary->lower.size);
    info->upper = firn_bytes(upper, summary->upper.size);
    return FIRN_OK;
}

int
fi_rescue_describe_as_history(struct fi_manifest_run *info, struct fi_arena *arena, firn_error *err)
{
    struct fi_manifest_group *group = fi_arena_alloc(arena, sizeof *group);
    if (group == NULL) {
        return fi_error_no_memory(err, "a run");
    }
    *group = (struct fi_manifest_group){.first = info->sequence_min, .last = info->sequence_max};
    info->level = FI_VERSION_HISTORY;
    info->snapshots = 0;
    info->groups = group;
    info->group_count = 1;
    return FIRN_OK;
}

static int
take_summary(struct description *description, const struct fi_run *run, firn_error *err)
{
    DCHECK(description->info.number > 0 && description->info.group_count == 0);
    const struct fi_run_summary *summary = run->kind->summary(run);
    struct fi_arena *arena = &description->gather->arena;
    struct fi_manifest_run *info = &description->info;
    if (info->entry_count != summary->entry_count) {
        return fi_error_set(err, FIRN_CORRUPT, "the entries do not add up to the summary");
    }
    if (summary->sequence_min == 0) { /* a MANIFEST with such a run could not be read */
        return fi_error_set(err, FIRN_CORRUPT, "it holds the sequence 0, which no commit has");
    }
    info->kind = (uint8_t)run->kind->file_kind;
    FI_TRY_RETURN(fi_rescue_describe_take(info, summary, arena, err));
    return fi_rescue_describe_as_history(info, arena, err);
}

int
fi_rescue_describe(struct fi_rescue_gather *gather, const struct fi_rescue_run *found,
                   struct fi_manifest_run *out, firn_error *err)
{
    struct description description = {.gather = gather, .info = {.number = found->number}};
    char name[FI_VERSION_FILE_NAME_SIZE];
    struct fi_run *run = NULL;
    int rc;
    DCHECK(found->is_present && found->kind != NULL);
    fi_hash_map_init(&description.references, sizeof(struct fi_manifest_reference),
                     fi_hash_map_first, fi_hash_map_same_number);
    fi_version_file_name(found->number, found->kind, name);
    FI_TRY(found->kind->open(&gather->env, name, &run, err));
    FI_TRY(read_entries(&description, run, err));
    FI_TRY(list_references(&description, err));
    FI_TRY(take_summary(&description, run, err));
    *out = description.info;
out:
    if (run != NULL) {
        found->kind->close(run);
    }
    fi_buf_deinit(&description.last_key);
    fi_hash_map_deinit(&description.references);
    return rc;
}
