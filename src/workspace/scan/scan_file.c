/* SPDX-License-Identifier: Apache-2.0
 *
 * scan/scan_file.c: one regular file, or one symbolic link, from the file system to an
 * entry.
 *
 * Most of the time of a cold save is spent here, so a small file takes only six system calls: open,
 * look (stat), read, list attributes, look again, close. Its bytes go through one buffer that the
 * worker keeps.
 *
 * The saved content must be a state that the file was in. So the looks before and after reading are
 * compared: if size, times or inode differ, the file was written to meanwhile, and it is opened and
 * read again, three times at most. File times come from a clock that ticks every few milliseconds,
 * so a file that changed just before the first look could change again without showing it (I1; not
 * checked, like (I2): it depends on the kernel's clock). Such a file is looked at again a tick
 * later, before it is read. Writes through a mapping that the system does not notice cannot be
 * detected; the hash still names exactly the bytes that are saved.
 *
 * A log that is appended to all the time differs at every look. If a file has become longer and is
 * otherwise the same, the bytes that it had at the look before reading are read a second time, and
 * only hashed (I3). If both readings agree, none of these bytes changed between the end of the
 * first reading and the beginning of the second. If they also begin with the bytes that an earlier
 * attempt read, the file is appended to, not rewritten. Then they are saved, a notice says so, and
 * no print is kept. The last attempt treats a file of which only the times have changed in the same
 * way. A file that is written to in place at every attempt is never in a state that could be saved:
 * it is reported, and never saved torn.
 *
 * Content is added after it has been proved stable. The pieces of a large file are an exception:
 * they are added as they are read, and if the proof fails they stay in the pack, unused.
 *
 * A later scan recognizes the file by its print, which is that of the look before reading. The
 * print is kept only if any change after that look will show in another look (I2).
 *
 * An inode with several names is read once (scan_links.c). Of a store's log, only the part that
 * belongs to the saved state is read (scan_store.c). Appending to the log does not change that
 * part, so the looks are not compared, and no print is kept. The same holds for an SQLite database
 * in use, of which a copy is read (scan_sqlite.c).
 *
 * A store can keep a new version of a file as a difference from the old version, if it is given the
 * old one's name. The memo of a directory names the object that the directory had at the last scan,
 * and the file's entry there names the content of that time. Files of a directory come up in the
 * order of their names, so a lookup that continues from its last place reads that object once, from
 * front to back, however many files have changed (I4; not checked, like (I5): it depends on what is
 * in the cache). If none has changed, nothing is read. If the memo does not fit its object the
 * cache is broken, as in scan_build.c; this ends the scan, and is no reason to leave the file out
 * (I5).
 */
#include <string.h>

#include "base/check.h"
#include "base/error.h"
#include "base/slice.h"
#include "codec/blake3_hash.h"
#include "scan/scan_internal.h"

/* Whether a change after the look that gave stat could leave the times as they are (I1). */
static bool
is_young(const struct fi_scan *scan, const struct fi_os_stat *stat, int64_t *out_age_ns)
{
    if (stat->ctime_ns < scan->start_ns - FI_SCAN_CLOCK_TICK_NS) {
        return false; /* nearly every file; the clock is not read */
    }
    *out_age_ns = fi_os_now_ns(scan->os) - stat->ctime_ns;
    return *out_age_ns >= 0 && *out_age_ns < FI_SCAN_CLOCK_TICK_NS;
}

/* Reads a file that fits into memory; its bytes are then in worker->content. */
static int
read_small(struct fi_scan_worker *worker, struct fi_os_file *file, size_t size, firn_hash *out_hash,
           bool *out_is_stable, firn_error *err)
{
    struct fi_buf *content = &worker->content;
    DCHECK(size <= FI_SCAN_LARGE_SIZE);
    fi_buf_clear(content);
    if (fi_buf_set_size(content, size) != FIRN_OK) {
        return fi_error_no_memory(err, "the content of a file");
    }
    size_t got = 0;
    FI_TRY_RETURN(size > 0 ? fi_os_file_read(file, 0, content->data, size, &got, err) : FIRN_OK);
    *out_is_stable = got == size;
    fi_blake3_hash_of(content->data, got, out_hash);
    return FIRN_OK;
}

static void
fill_entry(const struct fi_scan_worker *worker, enum fi_tree_kind kind,
           const struct fi_os_stat *stat, struct fi_tree_entry *entry)
{
    entry->kind = kind;
    entry->mode = stat->mode;
    entry->uid = stat->uid;
    entry->gid = stat->gid;
    entry->mtime_ns = stat->mtime_ns;
    entry->xattrs = fi_buf_slice(&worker->xattrs);
}

/* One attempt at an open file. */
struct attempt {
    struct fi_scan_node *node; /* the directory */
    struct fi_os_dir *dir;
    struct fi_scan_beginning *earlier; /* what an earlier attempt read; size 0: nothing */
    struct fi_os_stat stat;            /* of the look before reading */
    bool is_last;
    bool needs_proof; /* the times prove nothing (I3) */
    bool is_growing;
    enum fi_pack_kind content_kind; /* of what is in worker->content */
    unsigned missing_attributes;
    bool is_stable;
    struct fi_statcache_print print; /* of the look before reading */
    struct fi_copy_hot_file part;    /* of a store: CUT where only the beginning is read */
    struct fi_os_file
        *copy;      /* of a database in use; it is read instead; NULL: the file itself is read */
    bool minds_use; /* whether a database that is in use has to be read from a copy */
    bool is_in_use;
};

static bool
is_cut(const struct attempt *attempt)
{
    return attempt->part.kind == FI_COPY_HOT_CUT;
}

/* Whether looks at the file cannot show whether what is read has changed. */
static bool
is_apart(const struct attempt *attempt)
{
    return is_cut(attempt) || attempt->copy != NULL;
}

/* Whether only the size and the times differ between two looks, and the file is not shorter. */
static bool
may_have_kept_its_beginning(const struct fi_os_stat *before, const struct fi_os_stat *after)
{
    return before->kind == after->kind && before->inode == after->inode &&
           before->device == after->device && before->nlink == after->nlink &&
           before->mode == after->mode && before->uid == after->uid && before->gid == after->gid &&
           after->size_bytes >= before->size_bytes;
}

/* Whether a second look shows a file that has become longer. An empty one has no beginning that
 * could be saved. */
static bool
has_grown(const struct fi_os_stat *before, const struct fi_os_stat *after)
{
    return may_have_kept_its_beginning(before, after) && before->size_bytes > 0 &&
           after->size_bytes > before->size_bytes;
}

/* Whether a second reading may prove a file stable for which two looks differ. */
static bool
is_worth_a_proof(const struct attempt *attempt, const struct fi_os_stat *before,
                 const struct fi_os_stat *after)
{
    return has_grown(before, after) ||
           (attempt->is_last && may_have_kept_its_beginning(before, after) &&
            before->size_bytes == after->size_bytes);
}

/* Waits until a young file is old enough; is_stable is false if it changes meanwhile. */
static int
let_age(struct fi_scan_worker *worker, struct fi_os_file *file, struct attempt *attempt,
        firn_error *err)
{
    int64_t age_ns;
    DCHECK(!is_cut(attempt) && attempt->is_stable);
    if (!is_young(worker->scan, &attempt->stat, &age_ns)) {
        return FIRN_OK;
    }
    fi_os_sleep_ns(worker->scan->os, FI_SCAN_CLOCK_TICK_NS - age_ns);
    struct fi_os_stat before = attempt->stat;
    int rc = fi_os_file_stat(file, &attempt->stat, err);
    attempt->is_stable = rc == FIRN_OK && fi_scan_is_same_stat(&before, &attempt->stat);
    if (rc == FIRN_OK && !attempt->is_stable &&
        is_worth_a_proof(attempt, &before, &attempt->stat)) {
        attempt->needs_proof = true;
        attempt->is_stable = true;
    }
    return rc;
}

/* Prepares an attempt; attempt->is_stable is false if the file cannot be read as it is. */
static int
scan_file_begin(struct fi_scan_worker *worker, struct fi_os_file *file, const char *name,
                struct attempt *attempt, firn_error *err)
{
    if (is_cut(attempt)) {
        attempt->is_stable = attempt->stat.size_bytes >= attempt->part.size_bytes;
        attempt->stat.size_bytes = attempt->part.size_bytes;
        return FIRN_OK;
    }
    if (attempt->copy != NULL) {
        struct fi_os_stat stat;
        int stat_rc = fi_os_file_stat(attempt->copy, &stat, err);
        attempt->stat.size_bytes = stat_rc == FIRN_OK ? stat.size_bytes : 0;
        return stat_rc;
    }
    int rc = let_age(worker, file, attempt, err);
    if (rc == FIRN_OK && attempt->is_stable && !attempt->needs_proof) {
        fi_scan_known_see(worker->scan, name, &attempt->stat, &attempt->print);
    }
    return rc;
}

/* Reads the same number of bytes again, and compares with the first reading (I3). */
static int
prove(struct fi_scan_worker *worker, struct fi_os_file *file, const firn_hash *hash,
      struct attempt *attempt, firn_error *err)
{
    struct fi_scan_beginning *earlier = attempt->earlier;
    DCHECK(!is_cut(attempt));
    struct fi_scan_beginning all = {.size = attempt->stat.size_bytes};
    bool has_earlier = earlier->size > 0 && earlier->size <= all.size;
    struct fi_scan_beginning part = {.size = has_earlier ? earlier->size : 0};
    bool is_read;
    int rc = fi_scan_large_hash_again(worker, file, &part, &all, &is_read, err);
    bool is_appended = has_earlier && fi_hash_equal(&part.hash, &earlier->hash);
    attempt->is_stable = rc == FIRN_OK && is_read && fi_hash_equal(hash, &all.hash) &&
                         (is_appended || !attempt->is_growing);
    attempt->print = (struct fi_statcache_print){{0}};
    *earlier = (struct fi_scan_beginning){.size = all.size, .hash = *hash};
    return rc;
}

/* The look after reading; hash is that of the content. */
static int
recheck(struct fi_scan_worker *worker, struct fi_os_file *file, const char *name,
        const firn_hash *hash, struct attempt *attempt, firn_error *err)
{
    const struct fi_os_stat *before = &attempt->stat;
    struct fi_os_stat after;
    if (is_cut(attempt)) {
        return fi_scan_store_is_current(file, &attempt->part, &attempt->is_stable, err);
    }
    if (attempt->copy != NULL) {
        return FIRN_OK;
    }
    if (attempt->minds_use && before->nlink == 1) { /* before the look: (I1) of scan_sqlite.c */
        FI_TRY_RETURN(fi_scan_sqlite_recheck(attempt->node, attempt->dir, name, file,
                                             before->size_bytes, &attempt->is_in_use, err));
    }
    FI_TRY_RETURN(fi_os_file_stat(file, &after, err));
    if (attempt->is_in_use) {
        attempt->is_stable = false;
        return FIRN_OK;
    }
    attempt->is_stable = fi_scan_is_same_stat(before, &after);
    if (!attempt->is_stable && attempt->is_last && attempt->minds_use && before->nlink == 1) {
        /* A writer whose locks were never met, as its transactions are short. */
        FI_TRY_RETURN(
            fi_scan_sqlite_is_database(file, before->size_bytes, &attempt->is_in_use, err));
        if (attempt->is_in_use) {
            return FIRN_OK;
        }
    }
    attempt->is_growing = has_grown(before, &after);
    bool is_to_be_proved =
        attempt->is_stable ? attempt->needs_proof : is_worth_a_proof(attempt, before, &after);
    if (is_to_be_proved) {
        FI_TRY_RETURN(prove(worker, file, hash, attempt, err));
    }
    return FIRN_OK;
}

static int
read_open(struct fi_scan_worker *worker, struct fi_os_file *file, const char *name,
          struct attempt *attempt, struct fi_tree_entry *entry, firn_error *err)
{
    int rc;
    FI_TRY(scan_file_begin(worker, file, name, attempt, err));
    if (!attempt->is_stable) {
        goto out;
    }
    const struct fi_os_stat *stat = &attempt->stat;
    struct fi_os_file *content = attempt->copy != NULL ? attempt->copy : file;
    bool is_large;
    FI_TRY(fi_scan_large_applies(content, stat, &is_large, err));
    attempt->content_kind = is_large ? FI_PACK_PIECES : FI_PACK_BLOB;
    if (is_large) {
        FI_TRY(fi_scan_large_read(worker, content, stat, is_apart(attempt), &entry->hash,
                                  &attempt->is_stable, err));
    } else {
        FI_TRY(read_small(worker, content, (size_t)stat->size_bytes, &entry->hash,
                          &attempt->is_stable, err));
    }
    if (!attempt->is_stable) {
        goto out;
    }
    FI_TRY(fi_scan_xattrs_read(worker, (struct fi_os_node){.file = file},
                               &attempt->missing_attributes, err));
    FI_TRY(recheck(worker, file, name, &entry->hash, attempt,
                   err)); /* on success err still says which attribute is missing */
    fill_entry(worker, FI_TREE_FILE, stat, entry);
    entry->size = stat->size_bytes;
out:
    return rc;
}

/* Finds the group of an entry with several names that has been read. */
static int
join_group(struct fi_scan_worker *worker, const struct fi_os_stat *stat, struct fi_scan_found *out,
           firn_error *err)
{
    DCHECK(stat->nlink > 1);
    bool is_settled = !fi_statcache_print_is_zero(&out->print);
    out->is_link = true;
    int rc = fi_scan_links_add(worker, stat, &out->entry, &is_settled, &out->group, err);
    if (!is_settled) {
        out->print = (struct fi_statcache_print){{0}};
    }
    return rc;
}

/* ---- the earlier content of a file that has changed ---- */

/* The name of the content that a file had when its directory was last scanned; *out_has is false
 * if none is known. A failure here stops the scan. */
static int
version_find(struct fi_scan_worker *worker, const struct fi_scan_node *node, const char *name,
             firn_hash *out, bool *out_has, firn_error *err)
{
    struct fi_tree_lookup *lookup = &worker->versions;
    const struct fi_statcache_memo *memo = &node->memo;
    const struct fi_tree_entry *entry;
    *out_has = false;
    DCHECK(name[0] != '\0');
    if (fi_statcache_memo_is_empty(memo)) {
        return FIRN_OK;
    }
    int rc;
    FI_TRY(fi_scan_known_open_lane(worker, err));
    const struct fi_tree_source *source = fi_statcache_lane_source(worker->stat_lane);
    if (lookup->source != source || !fi_hash_equal(&lookup->root, &memo->tree)) { /* (I4) */
        fi_tree_lookup_deinit(lookup);
        fi_tree_lookup_init(lookup, source, &memo->tree);
    }
    FI_TRY(fi_tree_lookup_find(lookup, firn_str(name), &entry, err));
    if (entry != NULL && entry->kind == FI_TREE_FILE) {
        *out = entry->hash;
        *out_has = true;
    }
    return FIRN_OK;
out:
    return fi_scan_report_failure(worker->scan, rc, err); /* (I5) */
}

void
fi_scan_file_version_deinit(struct fi_scan_worker *worker)
{
    fi_tree_lookup_deinit(&worker->versions);
}

/* Adds what is in worker->content to the sink. */
static int
add_content(struct fi_scan_worker *worker, const struct fi_scan_node *node, const char *name,
            const struct fi_objects_object *object, firn_error *err)
{
    DCHECK(object->kind == FI_PACK_BLOB || object->kind == FI_PACK_PIECES);
    struct fi_objects_object versioned = *object;
    firn_hash before;
    bool has_before = false;
    bool is_new = false;
    if (object->kind == FI_PACK_BLOB) {
        FI_TRY_RETURN(version_find(worker, node, name, &before, &has_before, err));
    }
    versioned.base = has_before ? &before : NULL;
    FI_TRY_RETURN(fi_scan_sink_add(worker, &versioned, &is_new, err));
    worker->new_objects += is_new ? 1 : 0;
    return FIRN_OK;
}

/* Adds what one attempt has read, and counts it. */
static int
scan_file_keep(struct fi_scan_worker *worker, const struct fi_scan_node *node, const char *name,
               const struct attempt *attempt, struct fi_scan_found *out, firn_error *err)
{
    DCHECK(attempt->is_stable);
    DCHECK(!(is_apart(attempt) || attempt->is_growing) ||
           fi_statcache_print_is_zero(&attempt->print)); /* (I3) */
    if (attempt->missing_attributes == 0) {
        out->print = attempt->print;
    }
    if (worker->scan->sink->wants_content) {
        struct fi_objects_object object = {.kind = attempt->content_kind,
                                           .hash = out->entry.hash,
                                           .content = fi_buf_slice(&worker->content)};
        FI_TRY_RETURN(add_content(worker, node, name, &object, err));
    }
    if (attempt->stat.nlink > 1 && fi_scan_node_joins_links(node)) {
        FI_TRY_RETURN(join_group(worker, &attempt->stat, out, err));
    } else {
        worker->bytes += out->entry.size;
    }
    return FIRN_OK;
}

static int
save_once(struct fi_scan_worker *worker, struct fi_scan_node *node, struct fi_os_dir *dir,
          const char *name, const struct attempt *begun, struct fi_scan_found *out,
          struct attempt *out_attempt, firn_error *err)
{
    struct fi_os_file *file = NULL;
    struct attempt attempt = *begun;
    int rc;
    FI_TRY(
        fi_os_file_open_stat(dir, name, FI_OS_READ | FI_OS_NO_ATIME, 0, &file, &attempt.stat, err));
    if (fi_scan_is_too_large(worker->scan, node, &attempt.stat)) {
        out->is_left_out = true;
        rc = fi_scan_report_too_large(worker, node, name, attempt.stat.size_bytes, err);
        goto out;
    }
    bool is_settled;
    if (attempt.stat.nlink > 1 && fi_scan_node_joins_links(node) &&
        fi_scan_links_find(worker->scan, &attempt.stat, &out->group, &is_settled)) {
        out->is_link = true;
        if (is_settled) {
            fi_scan_known_see(worker->scan, name, &attempt.stat, &out->print);
        }
        goto out;
    }
    FI_TRY(read_open(worker, file, name, &attempt, &out->entry, err));
    if (attempt.minds_use) {
        FI_TRY(fi_scan_sqlite_assess_beside(worker, node, name, file, &attempt.stat,
                                            &attempt.is_stable, &out->is_left_out, err));
    }
    if (attempt.is_stable && !out->is_left_out) {
        if (attempt.missing_attributes > 0) {
            FI_TRY(fi_scan_report_incomplete(worker, node, name, err));
        }
        if (attempt.is_growing) {
            FI_TRY(fi_scan_report_growing(worker, node, name, attempt.stat.size_bytes, err));
        }
        FI_TRY(fi_scan_report_date(worker, node, name, attempt.stat.mtime_ns, err));
        FI_TRY(scan_file_keep(worker, node, name, &attempt, out, err));
    }
out:
    *out_attempt = attempt;
    fi_os_file_close(file);
    return rc;
}

/* Handles an entry that could not be read, with code and *err. */
static int
go_on_without(struct fi_scan_worker *worker, const struct fi_scan_node *node, const char *name,
              enum fi_tree_kind kind, int code, struct fi_scan_found *out, firn_error *err)
{
    bool is_carried;
    *out = (struct fi_scan_found){.is_left_out = true};
    int rc = fi_scan_carry_entry(worker, node, name, kind, code, out, &is_carried, err);
    return rc != FIRN_OK || is_carried ? rc
                                       : fi_scan_report_left_out(worker, node, name, code, err);
}

/* Counts a file that is not read. */
static int
scan_file_count(struct fi_scan_worker *worker, const struct fi_scan_node *node,
                struct fi_os_dir *dir, const char *name, struct fi_scan_found *out, firn_error *err)
{
    struct fi_os_stat stat;
    *out = (struct fi_scan_found){.is_left_out = true};
    int rc = fi_os_stat(dir, name, &stat, err);
    if (rc != FIRN_OK) {
        return fi_scan_report_left_out(worker, node, name, rc, err);
    }
    if (fi_scan_is_too_large(worker->scan, node, &stat)) {
        return fi_scan_report_too_large(worker, node, name, stat.size_bytes, err);
    }
    worker->files++;
    worker->bytes += stat.size_bytes;
    return fi_scan_report_work(worker, 1, 0, err);
}

int
fi_scan_file_save(struct fi_scan_worker *worker, struct fi_scan_node *node, struct fi_os_dir *dir,
                  const char *name, struct fi_scan_found *out, firn_error *err)
{
    struct fi_scan_beginning earlier = {0};
    struct fi_os_file *copy;
    if (worker->scan->options->names_only) {
        return scan_file_count(worker, node, dir, name, out, err);
    }
    const enum fi_scan_sqlite_state state =
        fi_scan_sqlite_state(node, name, strlen(name), &copy, err);
    struct attempt tried = {.is_in_use = false};
    bool minds_use = worker->scan->options->sqlite.copy != NULL && !node->is_in_store &&
                     state != FI_SCAN_SQLITE_TOLD;
    if (state == FI_SCAN_SQLITE_BESIDE) {
        bool is_carried;
        *out = (struct fi_scan_found){.is_left_out = true};
        return fi_scan_carry_entry(worker, node, name, FI_TREE_FILE, FIRN_BUSY, out, &is_carried,
                                   err);
    }
    int rc = state == FI_SCAN_SQLITE_LOCKED ? FIRN_BUSY : FIRN_OK;
    for (unsigned i = 0;
         rc == FIRN_OK && !tried.is_stable && i < FI_SCAN_READ_TRIES + (tried.is_in_use ? 1U : 0U);
         i++) {
        if (tried.is_in_use) {
            minds_use = false;
            rc = fi_scan_sqlite_copy_late(worker, node, dir, name, &copy, err);
            if (rc != FIRN_OK) {
                break;
            }
        }
        *out = (struct fi_scan_found){0};
        const struct attempt begun = {.node = node,
                                      .dir = dir,
                                      .earlier = &earlier,
                                      .is_last = i + 1 == FI_SCAN_READ_TRIES,
                                      .is_stable = true,
                                      .part = fi_scan_store_assess(node, name),
                                      .copy = copy,
                                      .minds_use = minds_use};
        rc = save_once(worker, node, dir, name, &begun, out, &tried, err);
    }
    if (state != FI_SCAN_SQLITE_COPIED) {
        fi_os_file_close(copy);
    }
    if (rc == FIRN_OK && !tried.is_stable) {
        rc = fi_error_set(err, FIRN_CONFLICT, "'%s/%s' changed each of %d times it was read",
                          fi_os_dir_path(dir), name, FI_SCAN_READ_TRIES);
    }
    if (rc == FIRN_OK) {
        return fi_scan_report_work(worker, 1, out->entry.size, err);
    }
    out->is_left_out = true;
    if (rc == FIRN_NOT_FOUND && fi_scan_store_assess(node, name).kind == FI_COPY_HOT_WHOLE) {
        return FIRN_OK; /* deleted before the store's state was captured, so it is not part of it */
    }
    return go_on_without(worker, node, name, FI_TREE_FILE, rc, out, err);
}

/* ---- symbolic links ---- */

static int
read_symlink(struct fi_scan_worker *worker, struct fi_scan_node *node, struct fi_os_dir *dir,
             const char *name, struct fi_scan_found *out, firn_error *err)
{
    struct fi_os_stat stat;
    struct fi_buf *target = &worker->target;
    unsigned missing = 0;
    fi_buf_clear(target);
    FI_TRY_RETURN(fi_os_stat(dir, name, &stat, err));
    fi_scan_known_see(worker->scan, name, &stat, &out->print);
    FI_TRY_RETURN(fi_os_read_symlink(dir, name, target, err));
    if (target->size == 0 || target->size > FI_TREE_TARGET_SIZE_MAX) {
        return fi_error_set(err, FIRN_LIMIT, "cannot save link '%s/%s': target of %zu bytes",
                            fi_os_dir_path(dir), name, target->size);
    }
    FI_TRY_RETURN(
        fi_scan_xattrs_read(worker, (struct fi_os_node){.dir = dir, .name = name}, &missing, err));
    if (missing > 0) {
        out->print = (struct fi_statcache_print){{0}};
        FI_TRY_RETURN(fi_scan_report_incomplete(worker, node, name, err));
    }
    FI_TRY_RETURN(fi_scan_report_date(worker, node, name, stat.mtime_ns, err));
    fill_entry(worker, FI_TREE_SYMLINK, &stat, &out->entry);
    out->entry.mode = 0777;
    out->entry.target = fi_buf_slice(target);
    if (stat.nlink > 1 && fi_scan_node_joins_links(node)) {
        FI_TRY_RETURN(join_group(worker, &stat, out, err));
    }
    return FIRN_OK;
}

int
fi_scan_file_save_symlink(struct fi_scan_worker *worker, struct fi_scan_node *node,
                          struct fi_os_dir *dir, const char *name, struct fi_scan_found *out,
                          firn_error *err)
{
    *out = (struct fi_scan_found){0};
    int rc = read_symlink(worker, node, dir, name, out, err);
    if (rc == FIRN_OK) {
        return fi_scan_report_work(worker, 1, 0, err);
    }
    return go_on_without(worker, node, name, FI_TREE_SYMLINK, rc, out, err);
}
