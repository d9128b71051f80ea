/* SPDX-License-Identifier: Apache-2.0
 *
 * rescue/rescue.c: builds a sound store from what is left of a damaged one.
 *
 * The damaged directory is only read. Candidates are built in the new directory, the best first,
 * and the first one that opens and is completely sound is taken:
 *   1. everything as it is: the damage is elsewhere, or only the identity was lost;
 *   2. if MANIFEST may not be the newest, or cannot be read: the log up to its first bad place, and
 *      the trees that the runs themselves describe (mend_gather.c), without runs that cannot be
 *      read;
 *   3. the same with only the runs that MANIFEST names;
 *   4. the trees of 2 and 3 without the changes of checkpoints in the log, then without the log,
 *      which may depend on the contents of a lost run;
 *   5. if there are no runs, so that no MANIFEST was ever needed: the log alone, up to its first
 *      bad place;
 *   6. an empty store.
 *
 * (I1) Runs and value files are shared by hard links and never written. Logs are copied.
 * (I2) A candidate is judged only by reading it. A part that cannot be read counts as damaged. A
 *      failed write is a failure of the machine and ends the rescue: it must not lead to a worse
 *      candidate.
 * (I3) The new store has an identity of its own.
 * (Not checked: all three follow from which calls are made.)
 */
#include "rescue/rescue.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/check.h"
#include "history/history_format.h"
#include "inspect/inspect.h"
#include "log/log.h"
#include "mend/mend.h"
#include "os/os_clone.h"
#include "store/db_store_handle.h"

/* ==== matching the log and MANIFEST of a damaged store ====
 *
 * The rules are those of an opening (db_replay.c, lsm.c), but nothing is refused. MANIFEST counts
 * as the newest only if both can be read to their ends and nothing contradicts that.
 *
 * The history of checkpoints. The newest record VOUCH names the history that MANIFEST had at the
 * newest version that the log names. If the note of the newest segment names a later version, or
 * the records are of a format without this, the history is unknown.
 */

struct findings {
    bool is_newest;            /* MANIFEST is complete, as far as the log shows */
    bool may_be_older;         /* something shows that there was more, or it cannot be read */
    bool log_is_short;         /* by MANIFEST the log went further */
    uint64_t log_sequence;     /* of the oldest commit in the log; UINT64_MAX: no commit */
    bool knows_history;        /* the log names the history that MANIFEST had last: */
    uint64_t history_sequence; /* the one with this last change; 0: none */
};

struct looking {
    struct findings *out;
    struct fi_mend_found manifest;
    struct fi_log_found log;
    uint64_t vouched; /* the newest version that records name */
};

/* Called for every whole record. */
static int
visit(void *ctx, uint8_t type, firn_slice record, firn_error *err)
{
    struct looking *looking = ctx;
    struct findings *out = looking->out;
    struct fi_storefile_commit commit;
    const char *what;
    (void)err;
    if (type == FI_LOG_TYPE_USER && fi_storefile_get_header(record, &commit, &what) == FIRN_OK &&
        commit.sequence < out->log_sequence) {
        out->log_sequence = commit.sequence;
    }
    if (type != FI_STOREFILE_TYPE_VOUCH || record.size < FI_STOREFILE_VOUCH_OLD_SIZE) {
        return FIRN_OK;
    }
    uint64_t version = fi_load_le64(record.data);
    if (version >= looking->vouched) {
        looking->vouched = version;
        out->knows_history = record.size >= FI_STOREFILE_VOUCH_SIZE;
        out->history_sequence = out->knows_history ? fi_load_le64(record.data + 8) : 0;
    }
    return FIRN_OK;
}

static int
judge_log(void *ctx, const struct fi_log_found *found, firn_error *err)
{
    struct looking *looking = ctx;
    (void)err;
    looking->log = *found;
    return FIRN_OK;
}

static bool
is_before(struct fi_log_position a, struct fi_log_position b)
{
    return a.segment < b.segment || (a.segment == b.segment && a.offset < b.offset);
}

/* Returns FIRN_OK for damage, which *out_is_whole shows. */
static int
sort_out(int rc, const firn_error *found, bool *out_is_whole, firn_error *err)
{
    DCHECK(rc == FIRN_OK || found->code == rc);
    *out_is_whole = rc == FIRN_OK;
    if (rc == FIRN_OK || fi_rescue_is_finding(rc)) {
        return FIRN_OK;
    }
    fi_error_copy(err, found);
    return rc;
}

static int
look_at(struct fi_os_dir *from, struct findings *out, firn_error *err)
{
    struct looking looking = {.out = out};
    struct fi_log_options options = fi_db_log_options(true);
    struct fi_log *log = NULL;
    struct fi_os_dir *own = NULL;
    bool has_manifest;
    bool has_log;
    firn_error found;
    int rc;
    options.judge = judge_log;
    options.judge_ctx = &looking;
    *out = (struct findings){.log_sequence = UINT64_MAX};
    FI_TRY(fi_os_dir_open_beneath(from, "", &own, err));
    FI_TRY(fi_log_recover_salvage(own, options.prefix, visit, &looking, err));
    rc = fi_mend_look(own, &looking.manifest, &found);
    FI_TRY(sort_out(rc, &found, &has_manifest, err));
    rc = fi_log_open(own, &options, NULL, NULL, &log, NULL, &found);
    fi_log_abandon(log);
    FI_TRY(sort_out(rc, &found, &has_log, err));
    uint64_t known = looking.vouched > looking.log.note ? looking.vouched : looking.log.note;
    out->log_is_short =
        has_log && has_manifest && is_before(looking.log.end, looking.manifest.log_end);
    out->may_be_older = !has_manifest || known > looking.manifest.version ||
                        (looking.manifest.unnamed > 0 && looking.manifest.missing > 0);
    out->is_newest = has_log && !out->log_is_short && !out->may_be_older;
    /* 0: no segment was begun since MANIFEST first changed, so the log has everything. */
    out->knows_history =
        has_log && (known == 0 || (out->knows_history && known == looking.vouched));
    DCHECK(!out->is_newest || (!out->may_be_older && !out->log_is_short));
out:
    fi_os_dir_close(own);
    return rc;
}

/* ==== the new store ==== */

enum { COPY_SIZE = 256 << 10, CACHE_BYTES = 4 << 20, MEMORY_BYTES = 32 << 20 };

static const char runs_name[] = "runs";

struct rescuing {
    struct fi_os_dir *from;
    struct fi_os_dir *to;
    const struct fi_rescue_options *options;
    struct fi_rescue_result *result;
    struct fi_buf names; /* each with its NUL */
    struct fi_buf buffer;
    struct fi_buf told; /* reports on the candidate, each with its NUL; used if it is taken */
    bool told_is_short; /* there was no memory */
    struct findings look;
    bool walks_versions; /* a candidate is sound only if it has no version twice */
};

/* Keeps a report until it is known which candidate is taken. */
static void
tell(void *ctx, const char *text)
{
    struct rescuing *rescuing = ctx;
    if (fi_buf_append(&rescuing->told, text, strlen(text) + 1) != FIRN_OK) {
        rescuing->told_is_short = true;
    }
}

static void
tell_all(const struct rescuing *rescuing)
{
    DCHECK(rescuing->told.size == 0 || rescuing->told.data[rescuing->told.size - 1] == 0);
    for (size_t at = 0; at < rescuing->told.size;) {
        const char *text = (const char *)rescuing->told.data + at;
        rescuing->options->on_damage(rescuing->options->ctx, text);
        at += strlen(text) + 1;
    }
}

bool
fi_rescue_is_finding(int rc)
{
    return rc == FIRN_CORRUPT || rc == FIRN_NOT_FOUND || rc == FIRN_IO; /* never FIRN_NEWER */
}

/* ---- files ---- */

static bool
ends_with(const char *name, const char *end)
{
    size_t size = strlen(name);
    size_t end_size = strlen(end);
    return size > end_size && strcmp(name + size - end_size, end) == 0;
}

static int
keep_manifest(void *ctx, const struct fi_os_dirent *entry)
{
    struct rescuing *rescuing = ctx;
    return fi_lsm_is_name(entry->name) && ends_with(entry->name, ".log")
               ? fi_buf_append(&rescuing->names, entry->name, entry->name_size + 1)
               : FIRN_OK;
}

static int
keep_log(void *ctx, const struct fi_os_dirent *entry)
{
    struct rescuing *rescuing = ctx;
    return fi_db_log_is_name(entry->name) && ends_with(entry->name, ".log")
               ? fi_buf_append(&rescuing->names, entry->name, entry->name_size + 1)
               : FIRN_OK;
}

static int
keep_run(void *ctx, const struct fi_os_dirent *entry)
{
    struct rescuing *rescuing = ctx;
    bool is_file = entry->kind == FI_OS_FILE || entry->kind == FI_OS_UNKNOWN;
    return is_file && !ends_with(entry->name, ".tmp")
               ? fi_buf_append(&rescuing->names, entry->name, entry->name_size + 1)
               : FIRN_OK;
}

static int
list(struct rescuing *rescuing, struct fi_os_dir *dir,
     int (*keep)(void *ctx, const struct fi_os_dirent *entry), firn_error *err)
{
    fi_buf_clear(&rescuing->names);
    int rc = fi_os_dir_list(dir, keep, rescuing, err);
    return rc == FIRN_NO_MEMORY ? fi_error_no_memory(err, "the names of files") : rc;
}

/* Copies [offset, end); *out_is_whole is false where the file ends or cannot be read. */
static int
copy_run(struct rescuing *rescuing, struct fi_os_file *source, struct fi_os_file *target,
         uint64_t offset, uint64_t end, bool *out_is_whole, firn_error *err)
{
    *out_is_whole = true;
    while (offset < end && *out_is_whole) {
        size_t wanted = end - offset < COPY_SIZE ? (size_t)(end - offset) : COPY_SIZE;
        size_t size;
        int rc = fi_os_file_read(source, offset, rescuing->buffer.data, wanted, &size, err);
        if (rc == FIRN_IO) {
            *out_is_whole = false;
            break;
        }
        rc = rc == FIRN_OK && size > 0
                 ? fi_os_file_write(target, offset, rescuing->buffer.data, size, err)
                 : rc;
        if (rc != FIRN_OK) {
            return rc;
        }
        *out_is_whole = size == wanted;
        offset += size;
    }
    return FIRN_OK;
}

/* Copies as much of a file as can be read. Its holes stay holes: a file of another's making may be
 * larger than the disk. */
static int
copy_content(struct rescuing *rescuing, struct fi_os_file *source, struct fi_os_file *target,
             firn_error *err)
{
    DCHECK(rescuing->buffer.size == COPY_SIZE);
    int rc = FIRN_OK;
    uint64_t start = 0;
    uint64_t end = 0;
    bool is_whole = true;
    while (is_whole) {
        rc = fi_os_file_next_data(source, end, &start, &end, err);
        if (rc == FIRN_IO) {
            break;
        }
        FI_TRY_RETURN(rc);
        if (start >= end) {
            FI_TRY_RETURN(fi_os_file_truncate(target, end, err));
            break;
        }
        FI_TRY_RETURN(copy_run(rescuing, source, target, start, end, &is_whole, err));
    }
    return fi_os_file_sync(target, err);
}

static int
copy_file(struct rescuing *rescuing, const char *name, firn_error *err)
{
    struct fi_os_file *source = NULL;
    struct fi_os_file *target = NULL;
    firn_error found;
    int rc = fi_os_file_open(rescuing->from, name, FI_OS_READ, 0, &source, &found);
    if (rc != FIRN_OK) {
        if (fi_rescue_is_finding(rc)) {
            tell(rescuing, found.text);
            return FIRN_OK;
        }
        fi_error_copy(err, &found);
        return rc;
    }
    FI_TRY(
        fi_os_file_open(rescuing->to, name,
                        FI_OS_READ | FI_OS_WRITE | FI_OS_CREATE | FI_OS_FOR_OWNER | FI_OS_TRUNCATE,
                        0600, &target, err));
    FI_TRY(copy_content(rescuing, source, target, err));
out:
    fi_os_file_close(source);
    fi_os_file_close(target);
    return rc;
}

static int
copy_files(struct rescuing *rescuing, int (*keep)(void *ctx, const struct fi_os_dirent *entry),
           firn_error *err)
{
    int rc = list(rescuing, rescuing->from, keep, err);
    for (size_t at = 0; rc == FIRN_OK && at < rescuing->names.size;) {
        const char *name = (const char *)rescuing->names.data + at;
        rc = copy_file(rescuing, name, err);
        at += strlen(name) + 1;
    }
    return rc;
}

static int
link_names(struct rescuing *rescuing, struct fi_os_dir *from, struct fi_os_dir *to, firn_error *err)
{
    DCHECK(from != to); /* (I1) */
    for (size_t at = 0; at < rescuing->names.size;) {
        const char *name = (const char *)rescuing->names.data + at;
        /* An earlier candidate may have written it again (mend.c). */
        FI_IGNORE(fi_os_remove_file(to, name, NULL));
        int rc = fi_os_clone_file(from, to, name, err);
        if (rc != FIRN_OK && rc != FIRN_EXISTS) {
            return rc;
        }
        at += strlen(name) + 1;
    }
    return fi_os_dir_sync(to, err);
}

/* *out_count is the number of runs. */
static int
link_runs(struct rescuing *rescuing, size_t *out_count, firn_error *err)
{
    struct fi_os_dir *from = NULL;
    struct fi_os_dir *to = NULL;
    int rc;
    *out_count = 0;
    FI_TRY(fi_os_make_dir_for_owner(rescuing->to, runs_name, rescuing->to, 0700, err));
    rc = fi_os_dir_open(rescuing->from, runs_name, &from, err);
    if (rc == FIRN_NOT_FOUND) {
        rc = FIRN_OK;
        goto out;
    }
    FI_TRY(rc);
    FI_TRY(fi_os_dir_open(rescuing->to, runs_name, &to, err));
    FI_TRY(list(rescuing, from, keep_run, err));
    *out_count = rescuing->names.size > 0;
    FI_TRY(link_names(rescuing, from, to, err));
out:
    fi_os_dir_close(from);
    fi_os_dir_close(to);
    return rc;
}

/* ---- the parts of a candidate ---- */

/* Removes the previous candidate. */
static int
begin(struct rescuing *rescuing, firn_error *err)
{
    struct fi_storefile_identity identity;
    fi_buf_clear(&rescuing->told);
    int rc = fi_os_remove_file(rescuing->to, FI_STOREFILE_IDENTITY_NAME, err);
    return rc == FIRN_OK || rc == FIRN_NOT_FOUND ? fi_db_create_begin(rescuing->to, &identity, err)
                                                 : rc;
}

/* Creates an empty MANIFEST. */
static int
make_lsm(struct rescuing *rescuing, firn_error *err)
{
    struct fi_block_cache *cache;
    struct fi_lsm *lsm;
    FI_TRY_RETURN(fi_block_cache_create(fi_os_dir_os(rescuing->to), CACHE_BYTES, &cache, err));
    const struct fi_lsm_options options = {.kinds = fi_db_image_kinds, .cache = cache};
    int rc = fi_lsm_open(rescuing->to, &options, true, &lsm, err);
    rc = rc == FIRN_OK ? fi_lsm_close(lsm, err) : rc;
    fi_block_cache_destroy(cache);
    return rc;
}

/* Creates a MANIFEST that names the runs that count and can be read. */
static int
gather_lsm(struct rescuing *rescuing, bool is_newest, struct fi_mend_gather_result *gathered,
           struct fi_mend_result *mended, firn_error *err)
{
    struct fi_block_cache *cache;
    FI_TRY_RETURN(fi_block_cache_create(fi_os_dir_os(rescuing->to), CACHE_BYTES, &cache, err));
    const struct fi_lsm_options lsm = {
        .kinds = fi_db_image_kinds, .cache = cache, .is_read_only = true};
    const struct fi_mend_gather_options options = {.lsm = lsm,
                                                   .is_newest = is_newest,
                                                   .log_sequence = rescuing->look.log_sequence,
                                                   .on_damage = tell,
                                                   .ctx = rescuing};
    int rc = fi_mend_gather(rescuing->from, rescuing->to, &options, gathered, err);
    rc = rc == FIRN_OK ? fi_mend(rescuing->to, &lsm, tell, rescuing, mended, err) : rc;
    fi_block_cache_destroy(cache);
    return rc;
}

/* The part of the log that is copied to the new one. */
enum log_part { LOG_ALL, LOG_COMMITS, LOG_NOTHING };

struct log_copy {
    struct fi_log *log;
    enum log_part part;
    int failure;    /* of appending */
    bool left_some; /* changes of checkpoints were left out */
};

static int
append_record(void *ctx, uint8_t type, firn_slice record, struct fi_log_position position,
              firn_error *err)
{
    (void)position;
    struct log_copy *copy = ctx;
    DCHECK(copy->log != NULL && copy->part != LOG_NOTHING);
    if (type == FI_STOREFILE_TYPE_VOUCH) {
        return FIRN_OK; /* it concerns the old MANIFEST */
    }
    if (type == FI_HISTORY_FORMAT_TYPE && copy->part == LOG_COMMITS) {
        copy->left_some = true;
        return FIRN_OK;
    }
    copy->failure = fi_log_append(copy->log, type, &record, 1, NULL, err);
    return copy->failure;
}

static void
tell_log(struct rescuing *rescuing, const char *text)
{
    rescuing->result->log_was_cut = true;
    tell(rescuing, text);
}

/* Writes a new log with the records of the old one up to the first bad place, or with none. */
static int
write_log(struct rescuing *rescuing, enum log_part part, firn_error *err)
{
    const struct fi_log_options reading = fi_db_log_options(true);
    const struct fi_log_options writing = fi_db_log_options(false);
    struct log_copy copy = {.part = part};
    struct fi_log *source = NULL;
    firn_error found;
    int rc;
    FI_TRY(fi_log_create(rescuing->to, &writing, &copy.log, err));
    rescuing->result->log_was_cut = false;
    if (part == LOG_NOTHING) {
        tell_log(rescuing, "the log is left out: it does not fit what is left of the rest");
    } else {
        rc = fi_log_open(rescuing->from, &reading, append_record, &copy, &source, NULL, &found);
        fi_log_abandon(source);
        if (copy.failure == FIRN_OK && fi_rescue_is_finding(rc)) {
            tell_log(rescuing, found.text);
            rc = FIRN_OK;
        } else if (rc != FIRN_OK && err != NULL) {
            *err = found;
        }
        if (rescuing->look.log_is_short) {
            tell_log(rescuing, "the log was cut short: MANIFEST knows that it went further");
        }
        if (copy.left_some) {
            tell_log(rescuing,
                     "checkpoints that were made or restored are left out: their data is lost");
        }
    }
    DCHECK(part != LOG_NOTHING || rescuing->result->log_was_cut);
    int close_rc = fi_log_close(copy.log, rc == FIRN_OK ? err : NULL);
    rc = rc != FIRN_OK ? rc : close_rc;
out:
    return rc;
}

/* ---- candidates ---- */

static void
ignore_damage(void *ctx, const char *text)
{
    (void)ctx;
    (void)text;
}

/* Visits all versions of a tree; a version in two places is FIRN_CORRUPT. */
static int
walk_tree(struct fi_lsm_tree *tree, firn_error *err)
{
    const struct fi_lsm_cursor_options options = {.keys_only = true};
    struct fi_lsm_cursor *cursor;
    int rc;
    FI_TRY(fi_lsm_cursor_create(tree, &options, &cursor, err));
    rc = fi_lsm_cursor_first(cursor, err);
    while (rc == FIRN_OK && fi_lsm_cursor_valid(cursor)) {
        rc = fi_lsm_cursor_next(cursor, err);
    }
    fi_lsm_cursor_destroy(cursor);
out:
    return rc;
}

static int
walk_trees(struct firn_db *db, firn_error *err)
{
    const struct fi_db_image *image = fi_db_image(db);
    int rc = FIRN_OK;
    for (size_t i = 0; i < fi_db_trees_count(image) && rc == FIRN_OK; i++) {
        rc = walk_tree(fi_db_trees_at(image, i)->lsm_tree, err);
    }
    return rc;
}

/* Checks whether the candidate is sound (I2). */
static int
examine(struct rescuing *rescuing, bool *out_is_sound, firn_error *err)
{
    const struct fi_db_options options = {.read_only = true, .memory_bytes = MEMORY_BYTES};
    const struct fi_inspect_check_options check = {.on_damage = ignore_damage};
    firn_store_check_result report = {.size = sizeof report};
    struct firn_db *db;
    firn_error found;
    *out_is_sound = false;
    int rc = fi_db_open(rescuing->to, &options, &db, &found);
    if (rc == FIRN_OK) {
        rc = fi_inspect_check(db, &check, &report, &found);
        rc = rc == FIRN_OK && rescuing->walks_versions ? walk_trees(db, &found) : rc;
        int close_rc = fi_db_close(db, rc == FIRN_OK ? &found : NULL);
        rc = rc == FIRN_OK ? close_rc : rc;
    }
    DCHECK(rc == FIRN_OK || found.code == rc);
    *out_is_sound = rc == FIRN_OK;
    if (rc != FIRN_OK && !fi_rescue_is_finding(rc)) {
        fi_error_copy(err, &found);
        return rc;
    }
    return FIRN_OK;
}

/* The same, after giving the store its name. */
static int
judge(struct rescuing *rescuing, bool *out_is_sound, firn_error *err)
{
    int rc = fi_db_create_end(rescuing->to, err);
    return rc == FIRN_OK ? examine(rescuing, out_is_sound, err) : rc;
}

static int
try_as_it_is(struct rescuing *rescuing, bool *out_is_sound, firn_error *err)
{
    size_t runs;
    FI_TRY_RETURN(begin(rescuing, err));
    FI_TRY_RETURN(copy_files(rescuing, keep_manifest, err));
    FI_TRY_RETURN(copy_files(rescuing, keep_log, err));
    FI_TRY_RETURN(link_runs(rescuing, &runs, err));
    FI_TRY_RETURN(judge(rescuing, out_is_sound, err));
    rescuing->result->state = FI_RESCUE_KEPT;
    return FIRN_OK;
}

/* Reports lost checkpoints, by what the log says of MANIFEST. */
static void
tell_history(struct rescuing *rescuing, firn_slice history, uint64_t *doubts)
{
    const struct findings *look = &rescuing->look;
    uint64_t has = history.size >= 9 ? fi_load_le64(history.data + 1) : 0;
    if (!look->may_be_older || (look->knows_history && has >= look->history_sequence)) {
        return;
    }
    ++*doubts;
    tell(rescuing,
         look->knows_history
             ? "checkpoints and restores that MANIFEST recorded are lost: entries that a restore "
               "had hidden are visible again"
             : "checkpoints and restores may be lost with MANIFEST: entries that a restore had "
               "hidden may be visible again");
}

/* If names are lost, the log gets a commit with new ones. */
static int
name_keyspaces(struct rescuing *rescuing, uint64_t sequence, bool *is_sound, uint64_t *doubts,
               firn_error *err)
{
    const struct fi_rescue_options options = {.on_damage = tell, .ctx = rescuing};
    uint64_t lost = 0;
    int rc = fi_rescue_names_give(rescuing->to, sequence, &options, &lost, err);
    *doubts += lost;
    if (rc != FIRN_OK || lost == 0) {
        return rc;
    }
    return examine(rescuing, is_sound, err);
}

static int
try_gathered(struct rescuing *rescuing, bool is_newest, enum log_part part, bool *out_is_sound,
             firn_error *err)
{
    struct fi_mend_gather_result gathered = {0};
    struct fi_mend_result mended = {0};
    struct fi_rescue_result *result = rescuing->result;
    firn_error found;
    size_t runs;
    int rc;
    DCHECK(!rescuing->walks_versions);
    *out_is_sound = false;
    FI_TRY(begin(rescuing, err));
    FI_TRY(link_runs(rescuing, &runs, err));
    rc = gather_lsm(rescuing, is_newest, &gathered, &mended, &found);
    if (rc != FIRN_OK) {
        if (fi_rescue_is_finding(rc)) {
            tell(rescuing, found.text);
            rc = FIRN_OK;
        } else
            fi_error_copy(err, &found);
        goto out;
    }
    FI_TRY(write_log(rescuing, part, err));
    rescuing->walks_versions = !is_newest;
    FI_TRY(judge(rescuing, out_is_sound, err));
    if (*out_is_sound) {
        tell_history(rescuing, fi_buf_slice(&gathered.history), &gathered.doubts);
        FI_TRY(name_keyspaces(rescuing, gathered.sequence, out_is_sound, &gathered.doubts, err));
    }
    result->runs_lost = mended.runs_lost + gathered.runs_lost;
    result->runs_taken = gathered.runs_taken;
    result->was_gathered = !is_newest;
    result->state = result->runs_lost == 0 && gathered.doubts == 0 && !result->log_was_cut
                        ? FI_RESCUE_KEPT
                        : FI_RESCUE_SHORTENED;
out:
    rescuing->walks_versions = false;
    fi_buf_deinit(&gathered.history);
    return rc;
}

static int
try_log_alone(struct rescuing *rescuing, bool is_empty, bool *out_is_sound, firn_error *err)
{
    FI_TRY_RETURN(begin(rescuing, err));
    FI_TRY_RETURN(make_lsm(rescuing, err));
    FI_TRY_RETURN(write_log(rescuing, is_empty ? LOG_NOTHING : LOG_ALL, err));
    FI_TRY_RETURN(judge(rescuing, out_is_sound, err));
    rescuing->result->runs_lost = 0;
    rescuing->result->runs_taken = 0;
    rescuing->result->state = is_empty                        ? FI_RESCUE_LOST
                              : rescuing->result->log_was_cut ? FI_RESCUE_SHORTENED
                                                              : FI_RESCUE_KEPT;
    return FIRN_OK;
}

static int
has_runs(struct rescuing *rescuing, bool *out, firn_error *err)
{
    struct fi_os_dir *dir;
    int rc = fi_os_dir_open(rescuing->from, runs_name, &dir, err);
    *out = false;
    if (rc != FIRN_OK) {
        return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
    }
    rc = list(rescuing, dir, keep_run, err);
    *out = rescuing->names.size > 0;
    fi_os_dir_close(dir);
    return rc;
}

/* ---- all candidates ---- */

/* Candidates 2 to 4. */
static int
try_trees(struct rescuing *rescuing, bool *out_is_sound, firn_error *err)
{
    DCHECK(!*out_is_sound);
    static const enum log_part parts[] = {LOG_ALL, LOG_COMMITS, LOG_NOTHING};
    FI_TRY_RETURN(look_at(rescuing->from, &rescuing->look, err));
    for (unsigned i = 0; i < 6 && !*out_is_sound; i++) {
        bool takes_named_only = i % 2 != 0;
        if (takes_named_only || !rescuing->look.is_newest) {
            FI_TRY_RETURN(
                try_gathered(rescuing, takes_named_only, parts[i / 2], out_is_sound, err));
        }
    }
    return FIRN_OK;
}

/* Whether losses are reported: everything is kept only if nothing was reported missing. */
static bool
is_told(const struct fi_rescue_result *result)
{
    return result->state != FI_RESCUE_KEPT || (!result->log_was_cut && result->runs_lost == 0);
}

static int
rescue(struct rescuing *rescuing, firn_error *err)
{
    bool is_sound = false;
    bool has_trees = true;
    int rc;
    FI_TRY(try_as_it_is(rescuing, &is_sound, err));
    if (!is_sound) {
        FI_TRY(try_trees(rescuing, &is_sound, err));
    }
    if (!is_sound) {
        FI_TRY(has_runs(rescuing, &has_trees, err));
    }
    if (!has_trees) {
        FI_TRY(try_log_alone(rescuing, false, &is_sound, err));
    }
    if (!is_sound) {
        FI_TRY(try_log_alone(rescuing, true, &is_sound, err));
    }
    if (!is_sound) {
        rc = fi_error_set(err, FIRN_FAILED, "a new store in '%s' cannot be read",
                          fi_os_dir_path(rescuing->to));
    }
    DCHECK(rc != FIRN_OK || is_told(rescuing->result));
out:
    return rc;
}

int
fi_rescue(struct fi_os_dir *from, struct fi_os_dir *to, const struct fi_rescue_options *options,
          struct fi_rescue_result *out, firn_error *err)
{
    DCHECK(options->on_damage != NULL && from != to);
    struct rescuing rescuing = {.from = from, .to = to, .options = options, .result = out};
    struct fi_storefile_identity identity;
    *out = (struct fi_rescue_result){0};
    int rc = fi_db_create_read_identity(from, &identity, err);
    if (rc == FIRN_NEWER || rc == FIRN_UNTRUSTED) {
        return rc;
    }
    if (fi_buf_set_size(&rescuing.buffer, COPY_SIZE) != FIRN_OK) {
        return fi_error_no_memory(err, "a copy of a store");
    }
    rc = rescue(&rescuing, err);
    if (rc == FIRN_OK && rescuing.told_is_short) {
        rc = fi_error_no_memory(err, "what is damaged");
    }
    if (rc == FIRN_OK) {
        tell_all(&rescuing);
    }
    fi_buf_deinit(&rescuing.told);
    fi_buf_deinit(&rescuing.names);
    fi_buf_deinit(&rescuing.buffer);
    return rc;
}

int
fi_rescue_doubt(struct fi_os_dir *from, const struct fi_rescue_options *options,
                struct fi_rescue_result *result, firn_error *err)
{
    DCHECK(options->on_damage != NULL);
    struct fi_mend_found found;
    if (result->was_gathered) {
        return FIRN_OK; /* every run was examined */
    }
    int rc = fi_mend_look(from, &found, err);
    if (rc == FIRN_OK && found.unnamed > 0) {
        result->runs_lost += found.unnamed;
        result->state = FI_RESCUE_SHORTENED;
        options->on_damage(options->ctx, "MANIFEST was cut short: runs are there that it does not "
                                         "name");
    }
    return fi_rescue_is_finding(rc) ? FIRN_OK : rc;
}

int
fi_rescue_lock(struct fi_os_dir *dir, int64_t timeout_ms, struct fi_storefile_lock **out,
               firn_error *err)
{
    return fi_storefile_lock_acquire(dir, timeout_ms, out, err);
}

bool
fi_rescue_is_own_name(const char *name)
{
    return fi_db_create_is_data(name) || strcmp(name, FI_STOREFILE_IDENTITY_NAME) == 0 ||
           strcmp(name, FI_STOREFILE_IDENTITY_TMP_NAME) == 0 ||
           strcmp(name, FI_STOREFILE_LOCK_NAME) == 0 ||
           strcmp(name, FI_STOREFILE_RESERVE_NAME) == 0;
}
