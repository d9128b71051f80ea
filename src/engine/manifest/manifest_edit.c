/* SPDX-License-Identifier: Apache-2.0
 *
 * manifest/manifest_edit.c: encoding and decoding the records of MANIFEST.
 *
 * The records of the log have checksums, so wrong bytes here are forged or a bug of firn. They are
 * refused too: each number is checked by itself and against its neighbours. manifest_state.c and
 * version.c check rules about the whole MANIFEST (a removed run was there, levels do not overlap).
 *
 * The encoding is canonical: a decoded record encodes to the same bytes (shortest varints,
 * ascending order, nothing after the end). Records get the lowest possible format version, so that
 * older programs can read the MANIFEST: 1 without a history, at most 2 without history runs, at
 * most 4 if all trees are of rows and no run has attachments, and at most 5 if no run is encrypted.
 *
 * Limits: counts are compared with the remaining bytes before anything is allocated for them, so
 * memory is at most a small multiple of the record.
 */
#include "manifest/manifest.h"

#include <inttypes.h>

#include "base/check.h"
#include "base/reader.h"
#include "base/slice.h"

enum {
    TREE_DROPPED = 1,
    TREE_HAS_KIND = 2, /* not that of rows */
    TREE_SIZE_MIN = 5, /* id, flags, flushed, two counts */
    RUN_EXPIRES = 128, /* added to the kind */
    RUN_REFERS = 64,   /* likewise */
    RUN_ATTACHES = 32, /* likewise */
    RUN_IS_NAMED = 16, /* likewise: with its identity */
    RUN_SIZE_MIN = 21, /* number, level, kind, eight varints, snapshots, two lengths */
    REFERENCE_SIZE_MIN = 11,
    ATTACHMENT_SIZE_MIN = 11,
    GROUP_SIZE_MIN = 3 /* as many varints */
};

/* Sizes and counts of one run stay below this, so that those of many can be added up. */
#define COUNT_MAX (UINT64_C(1) << 48)

/* ---- to bytes ---- */

static int
put_references(const struct fi_manifest_run *run, struct fi_buf *out)
{
    if (run->reference_count > 0) {
        FI_TRY_RETURN(fi_buf_append_varint(out, run->reference_count));
    }
    for (size_t i = 0; i < run->reference_count; i++) {
        const struct fi_manifest_reference *reference = &run->references[i];
        FI_TRY_RETURN(fi_buf_append_varint(out, reference->number));
        FI_TRY_RETURN(fi_buf_append_le64(out, reference->identity));
        FI_TRY_RETURN(fi_buf_append_varint(out, reference->total_bytes));
        FI_TRY_RETURN(fi_buf_append_varint(out, reference->bytes));
    }
    return FIRN_OK;
}

static int
put_attachments(const struct fi_manifest_run *run, struct fi_buf *out)
{
    if (run->attachment_count > 0) {
        FI_TRY_RETURN(fi_buf_append_varint(out, run->attachment_count));
    }
    for (size_t i = 0; i < run->attachment_count; i++) {
        FI_TRY_RETURN(fi_buf_append_varint(out, run->attachments[i].number));
        FI_TRY_RETURN(fi_buf_append_u8(out, run->attachments[i].kind));
        FI_TRY_RETURN(fi_buf_append_varint(out, run->attachments[i].file_bytes));
        FI_TRY_RETURN(fi_buf_append_le64(out, run->attachments[i].identity));
    }
    return FIRN_OK;
}

static int
put_groups(const struct fi_manifest_run *run, struct fi_buf *out)
{
    FI_TRY_RETURN(fi_buf_append_varint(out, run->group_count));
    for (size_t i = 0; i < run->group_count; i++) {
        const struct fi_manifest_group *group = &run->groups[i];
        bool is_superseded = group->newer_first > 0;
        FI_TRY_RETURN(fi_buf_append_varint(out, group->first));
        FI_TRY_RETURN(fi_buf_append_varint(out, group->last - group->first));
        FI_TRY_RETURN(
            fi_buf_append_varint(out, is_superseded ? group->newer_first - group->first : 0));
        if (is_superseded) {
            FI_TRY_RETURN(fi_buf_append_varint(out, group->newer_last - group->newer_first));
        }
    }
    return FIRN_OK;
}

static int
put_run(const struct fi_manifest_run *run, struct fi_buf *out)
{
    const uint64_t numbers[] = {run->file_bytes,      run->entry_count,
                                run->tombstone_count, run->range_count,
                                run->older_count,     run->content_bytes,
                                run->sequence_min,    run->sequence_max - run->sequence_min};
    DCHECK(run->kind < RUN_IS_NAMED); /* it shares a byte with these flags */
    FI_TRY_RETURN(fi_buf_append_varint(out, run->number));
    FI_TRY_RETURN(fi_buf_append_u8(out, run->level));
    FI_TRY_RETURN(
        fi_buf_append_u8(out, (uint8_t)(run->kind | (run->expiring_count > 0 ? RUN_EXPIRES : 0) |
                                        (run->reference_count > 0 ? RUN_REFERS : 0) |
                                        (run->attachment_count > 0 ? RUN_ATTACHES : 0) |
                                        (run->identity != 0 ? RUN_IS_NAMED : 0))));
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        FI_TRY_RETURN(fi_buf_append_varint(out, numbers[i]));
    }
    FI_TRY_RETURN(fi_buf_append_le64(out, run->snapshots));
    if (run->expiring_count > 0) {
        FI_TRY_RETURN(fi_buf_append_varint(out, run->expiring_count));
        FI_TRY_RETURN(fi_buf_append_varint(out, run->expires_first_ms));
        FI_TRY_RETURN(fi_buf_append_varint(out, run->expires_last_ms - run->expires_first_ms));
    }
    FI_TRY_RETURN(put_references(run, out));
    FI_TRY_RETURN(put_attachments(run, out));
    FI_TRY_RETURN(run->identity != 0 ? fi_buf_append_le64(out, run->identity) : FIRN_OK);
    if (run->level == FI_VERSION_HISTORY) {
        FI_TRY_RETURN(put_groups(run, out));
    }
    FI_TRY_RETURN(fi_buf_append_varint(out, run->lower.size));
    FI_TRY_RETURN(fi_buf_append_slice(out, run->lower));
    FI_TRY_RETURN(fi_buf_append_varint(out, run->upper.size));
    return fi_buf_append_slice(out, run->upper);
}

/* Whether the record says so: else its runs are rows. */
static bool
has_kind(const struct fi_manifest_tree *tree)
{
    return !tree->is_dropped && tree->kind != FI_BLOCK_FILE_ROW;
}

static int
put_tree(const struct fi_manifest_tree *tree, struct fi_buf *out)
{
    FI_TRY_RETURN(fi_buf_append_varint(out, tree->id));
    FI_TRY_RETURN(fi_buf_append_u8(out, tree->is_dropped ? TREE_DROPPED
                                        : has_kind(tree) ? TREE_HAS_KIND
                                                         : 0));
    if (has_kind(tree)) {
        FI_TRY_RETURN(fi_buf_append_u8(out, tree->kind));
    }
    FI_TRY_RETURN(fi_buf_append_varint(out, tree->flushed));
    FI_TRY_RETURN(fi_buf_append_varint(out, tree->removed_count));
    for (size_t i = 0; i < tree->removed_count; i++) {
        FI_TRY_RETURN(fi_buf_append_varint(out, tree->removed[i]));
    }
    FI_TRY_RETURN(fi_buf_append_varint(out, tree->added_count));
    for (size_t i = 0; i < tree->added_count; i++) {
        FI_TRY_RETURN(put_run(&tree->added[i], out));
    }
    return FIRN_OK;
}

static uint32_t
version_of_run(const struct fi_manifest_run *run)
{
    return run->identity != 0                 ? FI_MANIFEST_FORMAT_VERSION
           : run->attachment_count > 0        ? FI_MANIFEST_FORMAT_VERSION_KINDS
           : run->level == FI_VERSION_HISTORY ? FI_MANIFEST_FORMAT_VERSION_LEVELS
                                              : FI_MANIFEST_FORMAT_VERSION_TREES;
}

static uint32_t
version_of_tree(const struct fi_manifest_tree *tree)
{
    uint32_t version =
        has_kind(tree) ? FI_MANIFEST_FORMAT_VERSION_KINDS : FI_MANIFEST_FORMAT_VERSION_TREES;
    for (size_t i = 0; i < tree->added_count; i++) {
        const uint32_t needed = version_of_run(&tree->added[i]);
        version = needed > version ? needed : version;
    }
    return version;
}

/* The lowest version that can say it. */
static uint32_t
version_of(const struct fi_manifest_edit *edit)
{
    uint32_t version = edit->log_end.segment > 0 ? FI_MANIFEST_FORMAT_VERSION_LOG_END
                       : edit->history.size > 0  ? FI_MANIFEST_FORMAT_VERSION_HISTORY
                                                 : FI_MANIFEST_FORMAT_VERSION_TREES;
    for (size_t i = 0; i < edit->tree_count; i++) {
        const uint32_t needed = version_of_tree(&edit->trees[i]);
        version = needed > version ? needed : version;
    }
    return version;
}

int
fi_manifest_edit_compare_runs(const void *a, const void *b)
{
    const struct fi_manifest_run *left = a;
    const struct fi_manifest_run *right = b;
    return (left->number > right->number) - (left->number < right->number);
}

int
fi_manifest_edit_encode(const struct fi_manifest_edit *edit, struct fi_buf *out)
{
    uint32_t format_version = version_of(edit);
    fi_buf_clear(out);
    FI_TRY_RETURN(fi_buf_append_le32(out, format_version));
    FI_TRY_RETURN(fi_buf_append_le32(out, 0));
    FI_TRY_RETURN(fi_buf_append_le64(out, edit->version));
    FI_TRY_RETURN(fi_buf_append_le64(out, edit->next_number));
    FI_TRY_RETURN(fi_buf_append_le64(out, edit->sequence));
    FI_TRY_RETURN(fi_buf_append_varint(out, edit->tree_count));
    for (size_t i = 0; i < edit->tree_count; i++) {
        FI_TRY_RETURN(put_tree(&edit->trees[i], out));
    }
    if (format_version >= FI_MANIFEST_FORMAT_VERSION_HISTORY) {
        FI_TRY_RETURN(fi_buf_append_varint(out, edit->history.size));
        FI_TRY_RETURN(fi_buf_append_slice(out, edit->history));
    }
    if (format_version >= FI_MANIFEST_FORMAT_VERSION_LOG_END) {
        FI_TRY_RETURN(fi_buf_append_varint(out, edit->log_end.segment));
        FI_TRY_RETURN(fi_buf_append_varint(out, edit->log_end.offset));
    }
    return FIRN_OK;
}

/* ---- from bytes ---- */

struct decoder {
    struct fi_reader reader;
    struct fi_arena *arena;
    struct fi_manifest_edit *edit;
    firn_error *err;
};

static int
manifest_edit_refuse(struct decoder *decoder, const char *what)
{
    return fi_error_set(decoder->err, FIRN_CORRUPT, "%s of version %" PRIu64 ": bad %s",
                        decoder->edit->is_snapshot ? "snapshot" : "edit", decoder->edit->version,
                        what);
}

/* A count of items of at least size_min bytes each, compared with the remaining bytes: below 2^30,
 * so that computing their size does not overflow. */
static int
get_count(struct decoder *decoder, size_t size_min, const char *what, size_t *out)
{
    DCHECK(size_min > 0);
    uint64_t count;
    if (!fi_reader_varint_max(&decoder->reader, fi_reader_left(&decoder->reader) / size_min,
                              &count)) {
        return manifest_edit_refuse(decoder, what);
    }
    *out = (size_t)count;
    return FIRN_OK;
}

static int
refuse_memory(struct decoder *decoder)
{
    return fi_error_no_memory(decoder->err, "an edit of MANIFEST");
}

/* Expiring puts; the kind says whether there are any. */
static bool
get_run_expiry(struct fi_reader *reader, struct fi_manifest_run *run)
{
    uint64_t spread;
    run->expiring_count = 0;
    run->expires_first_ms = 0;
    run->expires_last_ms = 0;
    if ((run->kind & RUN_EXPIRES) == 0) {
        return true;
    }
    run->kind &= RUN_EXPIRES - 1;
    if (!fi_reader_varint(reader, &run->expiring_count) ||
        !fi_reader_varint(reader, &run->expires_first_ms) ||
        !fi_reader_varint_max(reader, UINT64_MAX - run->expires_first_ms, &spread)) {
        return false;
    }
    run->expires_last_ms = run->expires_first_ms + spread;
    return run->expiring_count > 0 && run->expiring_count <= run->entry_count;
}

static bool
is_sound(const struct fi_manifest_edit *edit, const struct fi_manifest_reference *reference)
{
    return reference->number > 0 && reference->number < edit->next_number &&
           reference->total_bytes < COUNT_MAX && reference->bytes > 0 &&
           reference->bytes <= reference->total_bytes;
}

/* References to value files; the kind says whether there are any. */
static int
get_references(struct decoder *decoder, struct fi_manifest_run *run)
{
    struct fi_reader *reader = &decoder->reader;
    run->references = NULL;
    run->reference_count = 0;
    if ((run->kind & RUN_REFERS) == 0) {
        return FIRN_OK;
    }
    run->kind &= RUN_REFERS - 1;
    FI_TRY_RETURN(
        get_count(decoder, REFERENCE_SIZE_MIN, "count of references", &run->reference_count));
    struct fi_manifest_reference *references =
        fi_arena_alloc(decoder->arena, run->reference_count * sizeof *references);
    if (references == NULL) {
        return refuse_memory(decoder);
    }
    for (size_t i = 0; i < run->reference_count; i++) {
        if (!fi_reader_varint(reader, &references[i].number) ||
            !fi_reader_le64(reader, &references[i].identity) ||
            !fi_reader_varint(reader, &references[i].total_bytes) ||
            !fi_reader_varint(reader, &references[i].bytes) ||
            !is_sound(decoder->edit, &references[i]) ||
            (i > 0 && references[i].number <= references[i - 1].number)) {
            return manifest_edit_refuse(decoder, "reference to a value file");
        }
    }
    run->references = references;
    return run->reference_count > 0 ? FIRN_OK
                                    : manifest_edit_refuse(decoder, "count of references");
}

/* Attachments; the kind says whether there are any. */
static int
get_attachments(struct decoder *decoder, struct fi_manifest_run *run)
{
    struct fi_reader *reader = &decoder->reader;
    run->attachments = NULL;
    run->attachment_count = 0;
    if ((run->kind & RUN_ATTACHES) == 0) {
        return FIRN_OK;
    }
    run->kind &= RUN_ATTACHES - 1;
    FI_TRY_RETURN(
        get_count(decoder, ATTACHMENT_SIZE_MIN, "count of attachments", &run->attachment_count));
    if (run->attachment_count == 0 || run->attachment_count > FI_RUN_ATTACHMENTS_MAX) {
        return manifest_edit_refuse(decoder, "count of attachments");
    }
    struct fi_run_attachment *attachments =
        fi_arena_alloc(decoder->arena, run->attachment_count * sizeof *attachments);
    if (attachments == NULL) {
        return refuse_memory(decoder);
    }
    for (size_t i = 0; i < run->attachment_count; i++) {
        if (!fi_reader_varint(reader, &attachments[i].number) ||
            !fi_reader_u8(reader, &attachments[i].kind) ||
            !fi_reader_varint(reader, &attachments[i].file_bytes) ||
            !fi_reader_le64(reader, &attachments[i].identity) ||
            attachments[i].number <= (i > 0 ? attachments[i - 1].number : 0) ||
            attachments[i].number >= decoder->edit->next_number || attachments[i].kind == 0 ||
            attachments[i].file_bytes == 0 || attachments[i].file_bytes >= COUNT_MAX) {
            return manifest_edit_refuse(decoder, "attachment of a run");
        }
    }
    run->attachments = attachments;
    return FIRN_OK;
}

/* The identity of the run's file; the kind says whether there is one. */
static bool
get_identity(struct fi_reader *reader, struct fi_manifest_run *run)
{
    run->identity = 0;
    if ((run->kind & RUN_IS_NAMED) == 0) {
        return true;
    }
    run->kind &= RUN_IS_NAMED - 1;
    return fi_reader_le64(reader, &run->identity) && run->identity != 0;
}

static bool
get_run_numbers(struct fi_reader *reader, struct fi_manifest_run *run)
{
    uint64_t spread;
    if (!fi_reader_varint(reader, &run->number) || !fi_reader_u8(reader, &run->level) ||
        !fi_reader_u8(reader, &run->kind) || !fi_reader_varint(reader, &run->file_bytes) ||
        !fi_reader_varint(reader, &run->entry_count) ||
        !fi_reader_varint(reader, &run->tombstone_count) ||
        !fi_reader_varint(reader, &run->range_count) ||
        !fi_reader_varint(reader, &run->older_count) ||
        !fi_reader_varint(reader, &run->content_bytes) ||
        !fi_reader_varint(reader, &run->sequence_min) ||
        !fi_reader_varint_max(reader, UINT64_MAX - run->sequence_min, &spread) ||
        !fi_reader_le64(reader, &run->snapshots)) {
        return false;
    }
    run->sequence_max = run->sequence_min + spread;
    return true;
}

/* Sequences up to the record's largest; each number is checked against those before it. */
static bool
get_group(struct decoder *decoder, struct fi_manifest_group *group)
{
    struct fi_reader *reader = &decoder->reader;
    uint64_t most = decoder->edit->sequence;
    uint64_t spread;
    uint64_t above;
    if (!fi_reader_varint_max(reader, most, &group->first) || group->first == 0 ||
        !fi_reader_varint_max(reader, most - group->first, &spread) ||
        !fi_reader_varint_max(reader, most - group->first, &above)) {
        return false;
    }
    group->last = group->first + spread;
    group->newer_first = 0;
    group->newer_last = 0;
    if (above > 0) {
        group->newer_first = group->first + above;
        if (!fi_reader_varint_max(reader, most - group->newer_first, &spread)) {
            return false;
        }
        group->newer_last = group->newer_first + spread;
    }
    return group->newer_first == 0 || group->newer_last >= group->last;
}

/* The groups of a history run. */
static int
get_groups(struct decoder *decoder, struct fi_manifest_run *run)
{
    size_t count;
    run->groups = NULL;
    run->group_count = 0;
    if (run->level != FI_VERSION_HISTORY) {
        return FIRN_OK;
    }
    FI_TRY_RETURN(get_count(decoder, GROUP_SIZE_MIN, "count of groups", &count));
    struct fi_manifest_group *groups = fi_arena_alloc(decoder->arena, count * sizeof *groups);
    if (groups == NULL) {
        return refuse_memory(decoder);
    }
    for (size_t i = 0; i < count; i++) {
        if (!get_group(decoder, &groups[i]) || (i > 0 && groups[i].first < groups[i - 1].first)) {
            return manifest_edit_refuse(decoder, "group of a run");
        }
    }
    run->groups = groups;
    run->group_count = count;
    return FIRN_OK;
}

static bool
groups_make_sense(const struct fi_manifest_run *run)
{
    uint64_t last = 0;
    for (size_t i = 0; i < run->group_count; i++) {
        last = run->groups[i].last > last ? run->groups[i].last : last;
    }
    return run->level != FI_VERSION_HISTORY ||
           (run->group_count > 0 && run->groups[0].first <= run->sequence_min &&
            last >= run->sequence_max);
}

static bool
run_makes_sense(const struct fi_manifest_edit *edit, const struct fi_manifest_run *run)
{
    return run->number > 0 && run->number < edit->next_number && run->level <= FI_VERSION_HISTORY &&
           run->kind > 0 && run->file_bytes > 0 && run->file_bytes < COUNT_MAX &&
           run->entry_count < COUNT_MAX && run->range_count < COUNT_MAX &&
           run->entry_count + run->range_count > 0 && run->tombstone_count <= run->entry_count &&
           run->older_count <= run->entry_count && run->content_bytes < COUNT_MAX &&
           run->sequence_min > 0 && run->sequence_max <= edit->sequence &&
           fi_slice_compare(run->lower, run->upper) < 0;
}

static int
get_runs(struct decoder *decoder, struct fi_manifest_tree *tree)
{
    FI_TRY_RETURN(get_count(decoder, RUN_SIZE_MIN, "count of new runs", &tree->added_count));
    struct fi_manifest_run *runs = fi_arena_alloc(decoder->arena, tree->added_count * sizeof *runs);
    if (runs == NULL) {
        return refuse_memory(decoder);
    }
    for (size_t i = 0; i < tree->added_count; i++) {
        if (!get_run_numbers(&decoder->reader, &runs[i]) ||
            !get_run_expiry(&decoder->reader, &runs[i])) {
            return manifest_edit_refuse(decoder, "run");
        }
        FI_TRY_RETURN(get_references(decoder, &runs[i]));
        FI_TRY_RETURN(get_attachments(decoder, &runs[i]));
        if (!get_identity(&decoder->reader, &runs[i])) {
            return manifest_edit_refuse(decoder, "identity of a run");
        }
        FI_TRY_RETURN(get_groups(decoder, &runs[i]));
        if (!fi_reader_sized(&decoder->reader, FI_ENTRY_BOUND_SIZE_MAX, &runs[i].lower) ||
            !fi_reader_sized(&decoder->reader, FI_ENTRY_BOUND_SIZE_MAX, &runs[i].upper) ||
            !run_makes_sense(decoder->edit, &runs[i]) || !groups_make_sense(&runs[i]) ||
            (i > 0 && runs[i].number <= runs[i - 1].number)) {
            return manifest_edit_refuse(decoder, "run");
        }
    }
    tree->added = runs;
    return FIRN_OK;
}

static int
get_removed(struct decoder *decoder, struct fi_manifest_tree *tree)
{
    FI_TRY_RETURN(get_count(decoder, 1, "count of runs that are gone", &tree->removed_count));
    uint64_t *numbers = fi_arena_alloc(decoder->arena, tree->removed_count * sizeof *numbers);
    if (numbers == NULL) {
        return refuse_memory(decoder);
    }
    for (size_t i = 0; i < tree->removed_count; i++) {
        if (!fi_reader_varint(&decoder->reader, &numbers[i]) || numbers[i] == 0 ||
            numbers[i] >= decoder->edit->next_number || (i > 0 && numbers[i] <= numbers[i - 1])) {
            return manifest_edit_refuse(decoder, "number of a run that is gone");
        }
    }
    tree->removed = numbers;
    return FIRN_OK;
}

/* No kind is named for a dropped tree. */
static bool
get_tree_kind(struct decoder *decoder, uint8_t flags, uint8_t *out)
{
    *out = flags == TREE_DROPPED ? 0 : FI_BLOCK_FILE_ROW;
    return flags != TREE_HAS_KIND ||
           (fi_reader_u8(&decoder->reader, out) && *out != 0 && *out != FI_BLOCK_FILE_ROW);
}

static int
get_tree(struct decoder *decoder, struct fi_manifest_tree *tree)
{
    const struct fi_manifest_edit *edit = decoder->edit;
    uint64_t id;
    uint8_t flags;
    if (!fi_reader_varint_max(&decoder->reader, UINT32_MAX, &id) ||
        !fi_reader_u8(&decoder->reader, &flags) || flags > TREE_HAS_KIND ||
        !get_tree_kind(decoder, flags, &tree->kind) ||
        !fi_reader_varint_max(&decoder->reader, edit->sequence, &tree->flushed)) {
        return manifest_edit_refuse(decoder, "tree");
    }
    tree->id = (uint32_t)id;
    tree->is_dropped = flags == TREE_DROPPED;
    FI_TRY_RETURN(get_removed(decoder, tree));
    FI_TRY_RETURN(get_runs(decoder, tree));
    for (size_t i = 0; i < tree->added_count; i++) {
        if (!tree->is_dropped && tree->added[i].kind != tree->kind) {
            return manifest_edit_refuse(decoder, "kind of a run");
        }
    }
    if ((edit->is_snapshot && (tree->is_dropped || tree->removed_count > 0)) ||
        (tree->is_dropped &&
         (tree->flushed > 0 || tree->removed_count > 0 || tree->added_count > 0))) {
        return manifest_edit_refuse(decoder, "tree");
    }
    return FIRN_OK;
}

static int
get_trees(struct decoder *decoder)
{
    struct fi_manifest_edit *edit = decoder->edit;
    FI_TRY_RETURN(get_count(decoder, TREE_SIZE_MIN, "count of trees", &edit->tree_count));
    struct fi_manifest_tree *trees =
        fi_arena_alloc(decoder->arena, edit->tree_count * sizeof *trees);
    if (trees == NULL) {
        return refuse_memory(decoder);
    }
    for (size_t i = 0; i < edit->tree_count; i++) {
        FI_TRY_RETURN(get_tree(decoder, &trees[i]));
        if (i > 0 && trees[i].id <= trees[i - 1].id) {
            return manifest_edit_refuse(decoder, "order of trees");
        }
    }
    edit->trees = trees;
    return FIRN_OK;
}

int
fi_manifest_edit_decode(uint8_t type, firn_slice record, struct fi_arena *arena,
                        struct fi_manifest_edit *out, firn_error *err)
{
    int rc = FIRN_OK;
    *out = (struct fi_manifest_edit){.is_snapshot = type == FI_MANIFEST_SNAPSHOT};
    struct decoder decoder = {fi_reader_of(record), arena, out, err};
    uint32_t format_version;
    uint32_t zero;
    if (!fi_reader_le32(&decoder.reader, &format_version)) {
        return manifest_edit_refuse(&decoder, "length");
    }
    if (format_version > FI_MANIFEST_FORMAT_VERSION ||
        (type != FI_MANIFEST_SNAPSHOT && type != FI_MANIFEST_EDIT)) {
        return fi_error_set(err, FIRN_NEWER,
                            "record of type %u and format version %" PRIu32
                            "; this program knows version %d",
                            type, format_version, FI_MANIFEST_FORMAT_VERSION);
    }
    if (format_version == 0 || !fi_reader_le32(&decoder.reader, &zero) || zero != 0 ||
        !fi_reader_le64(&decoder.reader, &out->version) || out->version >= FI_MANIFEST_NUMBER_MAX ||
        !fi_reader_le64(&decoder.reader, &out->next_number) || out->next_number == 0 ||
        out->next_number >= FI_MANIFEST_NUMBER_MAX ||
        !fi_reader_le64(&decoder.reader, &out->sequence)) {
        return manifest_edit_refuse(&decoder, "header");
    }
    FI_TRY(get_trees(&decoder));
    if (format_version >= FI_MANIFEST_FORMAT_VERSION_HISTORY &&
        !fi_reader_sized(&decoder.reader, record.size, &out->history)) {
        return manifest_edit_refuse(&decoder, "history");
    }
    if (format_version >= FI_MANIFEST_FORMAT_VERSION_LOG_END &&
        (!fi_reader_varint(&decoder.reader, &out->log_end.segment) ||
         !fi_reader_varint(&decoder.reader, &out->log_end.offset) ||
         (out->log_end.segment == 0 && out->log_end.offset != 0))) {
        return manifest_edit_refuse(&decoder, "end of the log");
    }
    if (format_version != version_of(out)) {
        return manifest_edit_refuse(&decoder, "format version");
    }
    if (fi_reader_left(&decoder.reader) > 0) {
        rc = manifest_edit_refuse(&decoder, "length");
    }
out:
    return rc;
}

/* ---- records of type LOG_END ---- */

enum { LOG_END_VERSION = 1 };

int
fi_manifest_edit_encode_log_end(struct fi_log_position log_end, struct fi_buf *out)
{
    DCHECK(log_end.segment > 0);
    fi_buf_clear(out);
    FI_TRY_RETURN(fi_buf_append_le32(out, LOG_END_VERSION));
    FI_TRY_RETURN(fi_buf_append_varint(out, log_end.segment));
    return fi_buf_append_varint(out, log_end.offset);
}

int
fi_manifest_edit_decode_log_end(firn_slice record, struct fi_log_position *out, firn_error *err)
{
    struct fi_reader reader = fi_reader_of(record);
    uint32_t version = 0;
    bool has_version = fi_reader_le32(&reader, &version);
    if (has_version && version > LOG_END_VERSION) {
        return fi_error_set(err, FIRN_NEWER,
                            "an end of the log of format version %" PRIu32
                            "; this program knows version %d",
                            version, LOG_END_VERSION);
    }
    if (version != LOG_END_VERSION || !fi_reader_varint(&reader, &out->segment) ||
        !fi_reader_varint(&reader, &out->offset) || out->segment == 0 ||
        fi_reader_left(&reader) > 0) {
        return fi_error_set(err, FIRN_CORRUPT, "bad end of the log");
    }
    DCHECK(out->segment > 0);
    return FIRN_OK;
}
