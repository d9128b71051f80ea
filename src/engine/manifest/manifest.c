/* SPDX-License-Identifier: Apache-2.0
 *
 * manifest/manifest.c: MANIFEST as a record log.
 *
 * Each installed change of the trees is one record, appended and synced before it takes effect. The
 * log judges its own tail (log/log.h): after a crash MANIFEST is a prefix of its records that
 * includes all synced ones. So a change is either wholly there or not at all, even if it concerns
 * many runs.
 *
 * When the records since the last snapshot are several times the size of that snapshot, a new
 * segment is begun with a snapshot of the whole state as its first record, and the segments before
 * it are released. Their files are deleted with the next segment or at close (log/log.c, I9). Until
 * then a reader reads them and then the snapshot, which must agree with them as far as that can be
 * checked.
 *
 * (I1) Older segments are released only after a later snapshot is durable.
 * (I2) After a failure that leaves it unknown whether a record is in the log, nothing more is
 *      appended (the log has latched): the next record's version would be wrong in one of the two
 *      cases. (Not checked here: the log refuses it.)
 *
 * Another process may read while records are appended. If segments are deleted meanwhile, it starts
 * again, a few times.
 *
 * Limits: a record has at most 1 GiB. A larger snapshot is not written, and the log continues
 * without it.
 */
#include "manifest/manifest.h"

#include <inttypes.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"

static const char PREFIX[] = FI_MANIFEST_NAME;

enum {
    SNAPSHOT_FACTOR = 4,
    SNAPSHOT_FLOOR_BYTES = 64 << 10, /* a short MANIFEST is not worth a new segment */
    READ_ATTEMPTS_MAX = 8
};

struct fi_manifest {
    struct fi_log *log;
    struct fi_buf record;
    uint64_t snapshot_bytes; /* of the last one */
    uint64_t edit_bytes;     /* since then */
};

/* ---- reading ---- */

struct reading {
    struct fi_os_dir *dir;
    struct fi_manifest_state *state;
    struct fi_arena arena;
    uint64_t snapshot_bytes;
    uint64_t edit_bytes;
};

static int
read_edit(struct reading *reading, uint8_t type, firn_slice record, firn_error *err)
{
    struct fi_manifest_edit edit;
    int rc = fi_manifest_edit_decode(type, record, &reading->arena, &edit, err);
    if (rc == FIRN_OK) {
        rc = fi_manifest_state_apply(reading->state, &edit, err);
    }
    fi_arena_deinit(&reading->arena);
    return rc;
}

static int
read_record(void *ctx, uint8_t type, firn_slice record, struct fi_log_position position,
            firn_error *err)
{
    struct reading *reading = ctx;
    int rc = type == FI_MANIFEST_LOG_END
                 ? fi_manifest_edit_decode_log_end(record, &reading->state->log_end, err)
                 : read_edit(reading, type, record, err);
    if (rc != FIRN_OK) {
        char name[FI_LOG_SEGMENT_NAME_SIZE];
        fi_log_segment_name(PREFIX, position.segment, name);
        fi_error_prefix(err, "'%s/%s' at offset %" PRIu64, fi_os_dir_path(reading->dir), name,
                        position.offset);
        return rc;
    }
    if (type == FI_MANIFEST_SNAPSHOT) {
        reading->snapshot_bytes = record.size;
        reading->edit_bytes = 0;
    } else {
        reading->edit_bytes += record.size;
    }
    return FIRN_OK;
}

static struct fi_log_options
log_options(bool read_only, const struct fi_log_gate *gate)
{
    struct fi_log_options options = {
        .prefix = PREFIX, .ready_after_bytes = UINT64_MAX, .read_only = read_only};
    if (gate != NULL) {
        options.gate = *gate;
    }
    return options;
}

/* One walk through the log, from an empty state. */
static int
read_log(struct reading *reading, const struct fi_log_options *options, struct fi_log **out,
         firn_error *err)
{
    fi_manifest_state_deinit(reading->state);
    return fi_log_open(reading->dir, options, read_record, reading, out, NULL, err);
}

int
fi_manifest_read(struct fi_os_dir *dir, struct fi_manifest_state *state, firn_error *err)
{
    struct fi_log_watch watch;
    int rc = fi_manifest_read_watched(dir, state, &watch, err);
    fi_log_watch_end(&watch);
    return rc;
}

int
fi_manifest_read_watched(struct fi_os_dir *dir, struct fi_manifest_state *state,
                         struct fi_log_watch *out, firn_error *err)
{
    *out = (struct fi_log_watch){0};
    struct reading reading = {.dir = dir, .state = state};
    const struct fi_log_options options = log_options(true, NULL);
    struct fi_log *log = NULL;
    int rc = FIRN_BUSY;
    for (int attempt = 0; attempt < READ_ATTEMPTS_MAX && rc == FIRN_BUSY; attempt++) {
        rc = read_log(&reading, &options, &log, err);
    }
    if (rc == FIRN_OK) {
        fi_log_watch_begin(log, dir, out);
    }
    fi_log_abandon(log);
    return rc == FIRN_OK ? fi_manifest_state_check_numbers(state, err) : rc;
}

int
fi_manifest_capture(struct fi_os_dir *dir, struct fi_manifest_state *state, struct fi_buf *out,
                    firn_error *err)
{
    struct reading reading = {.dir = dir, .state = state};
    const struct fi_log_options options = log_options(true, NULL);
    fi_manifest_state_deinit(state);
    int rc = fi_log_capture(dir, &options, read_record, &reading, out, err);
    return rc == FIRN_OK ? fi_manifest_state_check_numbers(state, err) : rc;
}

/* ---- opening and closing ---- */

static int
manifest_make(struct fi_manifest **out, firn_error *err)
{
    *out = fi_alloc_zeroed(sizeof **out);
    return *out == NULL ? fi_error_no_memory(err, "MANIFEST") : FIRN_OK;
}

int
fi_manifest_create(struct fi_os_dir *dir, const struct fi_log_gate *gate, struct fi_manifest **out,
                   firn_error *err)
{
    int rc = FIRN_OK;
    struct fi_manifest *manifest = NULL;
    const struct fi_log_options options = log_options(false, gate);
    *out = NULL;
    FI_TRY(manifest_make(&manifest, err));
    FI_TRY(fi_log_create(dir, &options, &manifest->log, err));
    *out = manifest;
    manifest = NULL;
out:
    fi_manifest_abandon(manifest);
    return rc;
}

int
fi_manifest_open(struct fi_os_dir *dir, const struct fi_log_gate *gate,
                 struct fi_manifest_state *state, struct fi_manifest **out, firn_error *err)
{
    int rc = FIRN_OK;
    const struct fi_log_options options = log_options(false, gate);
    struct fi_manifest *manifest = NULL;
    struct reading reading = {.dir = dir, .state = state};
    *out = NULL;
    FI_TRY(manifest_make(&manifest, err));
    FI_TRY(read_log(&reading, &options, &manifest->log, err));
    FI_TRY(fi_manifest_state_check_numbers(state, err));
    manifest->snapshot_bytes = reading.snapshot_bytes;
    manifest->edit_bytes = reading.edit_bytes;
    *out = manifest;
    manifest = NULL;
out:
    fi_manifest_abandon(manifest);
    return rc;
}

static void
manifest_destroy(struct fi_manifest *manifest)
{
    fi_buf_deinit(&manifest->record);
    fi_free(manifest);
}

int
fi_manifest_close(struct fi_manifest *manifest, firn_error *err)
{
    if (manifest == NULL) {
        return FIRN_OK;
    }
    int rc = fi_log_close(manifest->log, err);
    manifest_destroy(manifest);
    return rc;
}

void
fi_manifest_abandon(struct fi_manifest *manifest)
{
    if (manifest != NULL) {
        fi_log_abandon(manifest->log);
        manifest_destroy(manifest);
    }
}

/* ---- appending ---- */

bool
fi_manifest_has_failed(struct fi_manifest *manifest)
{
    return fi_log_has_failed(manifest->log);
}

/* Appends the contents of the buffer; encoded is the result of making them. */
static int
append_encoded(struct fi_manifest *manifest, uint8_t type, int encoded, struct fi_log_position *out,
               firn_error *err)
{
    if (encoded != FIRN_OK) {
        return fi_error_no_memory(err, "an edit of MANIFEST");
    }
    firn_slice part = fi_buf_slice(&manifest->record);
    int rc = fi_log_append(manifest->log, type, &part, 1, out, err);
    return rc != FIRN_OK ? rc : fi_log_sync(manifest->log, err);
}

/* Whether a run may be named: otherwise the record could not be read. */
static bool
may_be_named(const struct fi_manifest_edit *edit, const struct fi_manifest_run *run)
{
    for (size_t i = 0; i < run->reference_count; i++) {
        const struct fi_manifest_reference *reference = &run->references[i];
        if (reference->number >= edit->next_number || reference->number == run->number ||
            reference->number <= (i > 0 ? run->references[i - 1].number : 0)) {
            return false;
        }
    }
    for (size_t i = 0; i < run->attachment_count; i++) {
        const struct fi_run_attachment *attachment = &run->attachments[i];
        if (attachment->number >= edit->next_number || attachment->number == run->number ||
            attachment->number <= (i > 0 ? run->attachments[i - 1].number : 0)) {
            return false;
        }
    }
    return run->number > 0 && run->number < edit->next_number &&
           run->attachment_count <= FI_RUN_ATTACHMENTS_MAX &&
           run->sequence_min <= run->sequence_max &&
           run->expires_first_ms <= run->expires_last_ms && run->sequence_max <= edit->sequence &&
           run->level <= FI_VERSION_HISTORY &&
           (run->level < FI_VERSION_HISTORY || run->group_count > 0) &&
           fi_slice_compare(run->lower, run->upper) < 0;
}

/* The same for a change of a tree. */
static bool
may_be_changed(const struct fi_manifest_edit *edit, const struct fi_manifest_tree *tree)
{
    for (size_t i = 0; i < tree->removed_count; i++) {
        if (tree->removed[i] >= edit->next_number ||
            tree->removed[i] <= (i > 0 ? tree->removed[i - 1] : 0)) {
            return false;
        }
    }
    for (size_t i = 0; i < tree->added_count; i++) {
        if (!may_be_named(edit, &tree->added[i]) || tree->added[i].kind != tree->kind ||
            (i > 0 && tree->added[i].number <= tree->added[i - 1].number)) {
            return false;
        }
    }
    bool says_more = tree->flushed > 0 || tree->removed_count > 0 || tree->added_count > 0;
    return tree->is_dropped == (tree->kind == 0) && tree->flushed <= edit->sequence &&
           !(tree->is_dropped && says_more) &&
           !(edit->is_snapshot && (tree->is_dropped || tree->removed_count > 0));
}

static bool
may_be_appended(const struct fi_manifest_edit *edit)
{
    for (size_t i = 0; i < edit->tree_count; i++) {
        if (!may_be_changed(edit, &edit->trees[i]) ||
            (i > 0 && edit->trees[i].id <= edit->trees[i - 1].id)) {
            return false;
        }
    }
    return edit->next_number > 0;
}

static int
manifest_append(struct fi_manifest *manifest, uint8_t type, const struct fi_manifest_edit *edit,
                struct fi_log_position *out, firn_error *err)
{
    CHECK(edit->is_snapshot == (type == FI_MANIFEST_SNAPSHOT));
    CHECK(may_be_appended(edit));
    return append_encoded(manifest, type, fi_manifest_edit_encode(edit, &manifest->record), out,
                          err);
}

int
fi_manifest_append(struct fi_manifest *manifest, const struct fi_manifest_edit *edit,
                   firn_error *err)
{
    int rc = manifest_append(manifest, FI_MANIFEST_EDIT, edit, NULL, err);
    if (rc == FIRN_OK) {
        manifest->edit_bytes += manifest->record.size;
    }
    return rc;
}

int
fi_manifest_append_log_end(struct fi_manifest *manifest, struct fi_log_position log_end,
                           firn_error *err)
{
    CHECK(log_end.segment > 0);
    int rc = append_encoded(manifest, FI_MANIFEST_LOG_END,
                            fi_manifest_edit_encode_log_end(log_end, &manifest->record), NULL, err);
    if (rc == FIRN_OK) {
        manifest->edit_bytes += manifest->record.size;
    }
    return rc;
}

bool
fi_manifest_wants_snapshot(const struct fi_manifest *manifest)
{
    return manifest->edit_bytes > SNAPSHOT_FLOOR_BYTES + SNAPSHOT_FACTOR * manifest->snapshot_bytes;
}

int
fi_manifest_snapshot(struct fi_manifest *manifest, const struct fi_manifest_edit *snapshot,
                     firn_error *err)
{
    struct fi_log_position position;
    FI_TRY_RETURN(fi_log_rotate(manifest->log, err));
    FI_TRY_RETURN(manifest_append(manifest, FI_MANIFEST_SNAPSHOT, snapshot, &position, err));
    manifest->snapshot_bytes = manifest->record.size;
    manifest->edit_bytes = 0;
    DCHECK(position.segment > 0 && manifest->record.size > 0);
    DCHECK(fi_log_unsynced_bytes(manifest->log) == 0); /* (I1) */
    return fi_log_remove_before(manifest->log, position.segment, err);
}
