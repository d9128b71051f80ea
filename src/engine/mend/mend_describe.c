/* SPDX-License-Identifier: Apache-2.0
 *
 * mend/mend_describe.c: what MANIFEST would say of a run, from the run itself.
 *
 * Everything that the summary has not is counted from the entries: each is read. What lies in value
 * files is not; of these only the heads are. All of what is taken is verified afterwards
 * (mend.c).
 *
 * The run becomes one of history, whose group says nothing but its sequences: history has no order to
 * other runs, so it can be read and merged whatever else the tree has (run_history.c). The next
 * compactions sort it in.
 */
#include "mend/mend_gather.h"

#include <string.h>

#include "base/check.h"
#include "base/sort.h"
#include "block/value_file.h"

struct description {
    struct firn_mend_gather *gather;
    struct firn_manifest_run info;
    struct firn_buf last_key;
    struct firn_hash_map references; /* of struct firn_manifest_reference */
};

static bool
is_of_file(int rc)
{
    return rc == FIRN_CORRUPT || rc == FIRN_NOT_FOUND || rc == FIRN_IO;
}

static uint64_t
hash_of(const void *record)
{
    return ((const struct firn_manifest_reference *)record)->number;
}

static bool
is_equal(const void *record, const void *key)
{
    return hash_of(record) == *(const uint64_t *)key;
}

/* ---- entries ---- */

static int
note_reference(struct description *description, const struct firn_entry *entry, firn_error *err)
{
    size_t head = firn_entry_head_size(entry->kind);
    struct firn_value_file_reference found;
    if (entry->value.size < head ||
        !firn_value_file_decode(firn_bytes(entry->value.data + head, entry->value.size - head),
                                &found)) {
        return firn_error_set(err, FIRN_CORRUPT, "a reference to a value file is malformed");
    }
    struct firn_manifest_reference *known =
        firn_hash_map_find(&description->references, found.file, &found.file);
    if (known == NULL) {
        const struct firn_manifest_reference added = {.number = found.file};
        known = firn_hash_map_insert(&description->references, found.file, &added);
    }
    if (known == NULL) {
        return firn_error_no_memory(err, "the value files of a run");
    }
    known->bytes += firn_value_file_span(&found);
    return FIRN_OK;
}

static int
note_entry(struct description *description, const struct firn_entry *entry, firn_error *err)
{
    struct firn_manifest_run *info = &description->info;
    bool is_first = info->entry_count == 0;
    info->older_count +=
        !is_first && firn_slice_equal(firn_buf_slice(&description->last_key), entry->key);
    info->entry_count++;
    if (firn_buf_assign(&description->last_key, entry->key) != FIRN_OK) {
        return firn_error_no_memory(err, "a key");
    }
    if (entry->kind == FIRN_ENTRY_EXPIRING) {
        firn_manifest_run_note_expiry(info, firn_entry_expires_ms(entry->value));
    }
    return entry->values != NULL ? note_reference(description, entry, err) : FIRN_OK;
}

static int
read_entries(struct description *description, struct firn_run *run, firn_error *err)
{
    const struct firn_run_cursor_options options = {.is_sequential = true,
                                                    .keeps_references = true};
    struct firn_run_cursor *cursor = NULL;
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

/* Whatever runs say of one value file is the same. */
static const struct firn_manifest_reference *
find_named(const struct firn_mend_gather *gather, uint64_t number)
{
    for (size_t i = 0; i < gather->runs.count; i++) {
        const struct firn_mend_gather_run *run = firn_mend_gather_run_at(gather, i);
        for (size_t j = 0; run->info != NULL && j < run->info->reference_count; j++) {
            if (run->info->references[j].number == number) {
                return &run->info->references[j];
            }
        }
    }
    return NULL;
}

static int
look_up(const struct firn_mend_gather *gather, struct firn_manifest_reference *reference,
        firn_error *err)
{
    const struct firn_manifest_reference *named = find_named(gather, reference->number);
    char name[FIRN_RUN_FILE_NAME_SIZE];
    struct firn_run *file;
    firn_run_file_name(reference->number, &firn_value_file_kind, name);
    int rc = firn_value_file_kind.open(&gather->env, name, &file, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    const struct firn_run_summary *summary = firn_value_file_kind.summary(file);
    reference->identity = named != NULL ? named->identity : summary->identity;
    reference->total_bytes = named != NULL ? named->total_bytes : summary->content_bytes;
    firn_value_file_kind.close(file);
    return reference->bytes <= reference->total_bytes
               ? FIRN_OK
               : firn_error_set(err, FIRN_CORRUPT, "'%s' is smaller than what lies in it", name);
}

static int
compare_references(const void *a, const void *b)
{
    uint64_t x = hash_of(a);
    uint64_t y = hash_of(b);
    return (x > y) - (x < y);
}

static int
list_references(struct description *description, firn_error *err)
{
    size_t count = description->references.count;
    struct firn_manifest_reference *list =
        firn_arena_alloc(&description->gather->arena, count * sizeof *list);
    if (list == NULL) {
        return firn_error_no_memory(err, "the value files of a run");
    }
    for (size_t i = 0; i < count; i++) {
        list[i] = *(struct firn_manifest_reference *)firn_hash_map_at(&description->references, i);
        int rc = look_up(description->gather, &list[i], err);
        if (rc != FIRN_OK) {
            return rc;
        }
    }
    firn_sort(list, count, sizeof *list, compare_references);
    description->info.references = list;
    description->info.reference_count = count;
    return FIRN_OK;
}

/* ---- the run ---- */

static int
take_summary(struct description *description, const struct firn_run *run, firn_error *err)
{
    DCHECK(description->info.number > 0 && description->info.group_count == 0);
    const struct firn_run_summary *summary = run->kind->summary(run);
    struct firn_arena *arena = &description->gather->arena;
    struct firn_manifest_run *info = &description->info;
    struct firn_manifest_group *group = firn_arena_alloc(arena, sizeof *group);
    uint8_t *lower = firn_arena_copy(arena, summary->lower.data, summary->lower.size);
    uint8_t *upper = firn_arena_copy(arena, summary->upper.data, summary->upper.size);
    if (group == NULL || lower == NULL || upper == NULL) {
        return firn_error_no_memory(err, "a run");
    }
    if (info->entry_count != summary->entry_count) {
        return firn_error_set(err, FIRN_CORRUPT, "the entries do not add up to the summary");
    }
    if (summary->sequence_min == 0) { /* MANIFEST could not be read with such a run */
        return firn_error_set(err, FIRN_CORRUPT, "it holds the sequence 0, which no commit has");
    }
    *group =
        (struct firn_manifest_group){.first = summary->sequence_min, .last = summary->sequence_max};
    info->level = FIRN_VERSION_HISTORY;
    info->kind = (uint8_t)run->kind->file_kind;
    info->file_bytes = summary->file_bytes;
    info->tombstone_count = summary->tombstone_count;
    info->range_count = summary->range_count;
    info->content_bytes = summary->content_bytes;
    info->sequence_min = summary->sequence_min;
    info->sequence_max = summary->sequence_max;
    info->groups = group;
    info->group_count = 1;
    info->lower = firn_bytes(lower, summary->lower.size);
    info->upper = firn_bytes(upper, summary->upper.size);
    return FIRN_OK;
}

static int
describe(struct description *description, uint64_t number, firn_error *err)
{
    DCHECK(description->info.number == 0 && description->references.count == 0);
    struct firn_mend_gather *gather = description->gather;
    const struct firn_run_kind *kind = gather->options->lsm.kind;
    char name[FIRN_RUN_FILE_NAME_SIZE];
    struct firn_run *run;
    firn_run_file_name(number, kind, name);
    int rc = kind->open(&gather->env, name, &run, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    description->info.number = number;
    FIRN_TRY(read_entries(description, run, err));
    FIRN_TRY(list_references(description, err));
    FIRN_TRY(take_summary(description, run, err));
out:
    kind->close(run);
    return rc;
}

static void
begin(struct description *description, struct firn_mend_gather *gather)
{
    *description = (struct description){.gather = gather};
    firn_hash_map_init(&description->references, sizeof(struct firn_manifest_reference), hash_of,
                       is_equal);
}

static void
end(struct description *description)
{
    firn_buf_deinit(&description->last_key);
    firn_hash_map_deinit(&description->references);
}

int
firn_mend_describe_has_values(struct firn_mend_gather *gather,
                              const struct firn_mend_gather_run *run, bool *out, firn_error *err)
{
    struct description description;
    firn_error found;
    begin(&description, gather);
    int rc = describe(&description, run->number, &found);
    end(&description);
    *out = rc == FIRN_OK;
    if (rc != FIRN_OK && !is_of_file(rc)) {
        if (err != NULL) {
            *err = found;
        }
        return rc;
    }
    return FIRN_OK;
}

int
firn_mend_describe(struct firn_mend_gather *gather, uint64_t number, firn_error *err)
{
    struct description description;
    firn_error found;
    struct firn_mend_gather_run *run = firn_mend_find(gather, number);
    DCHECK(run != NULL && run->is_taken && !run->is_named);
    begin(&description, gather);
    int rc = describe(&description, number, &found);
    end(&description);
    if (rc == FIRN_OK) {
        run->info = firn_arena_alloc(&gather->arena, sizeof *run->info);
        if (run->info == NULL) {
            return firn_error_no_memory(err, "a run");
        }
        *run->info = description.info;
        return FIRN_OK;
    }
    if (is_of_file(rc)) {
        run->is_damaged = true;
        gather->result->runs_lost++;
        gather->options->on_damage(gather->options->ctx, found.text);
        return FIRN_OK;
    }
    if (err != NULL) {
        *err = found;
    }
    return rc;
}
