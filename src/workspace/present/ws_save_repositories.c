/* SPDX-License-Identifier: Apache-2.0
 *
 * present/ws_save_repositories.c: the git repositories of a save.
 *
 * The scan of the workspace reports each .git as excluded; that is how the repositories are found.
 * A directory that rules exclude is not entered, so a repository in it is not saved either.
 *
 *   state     everything but the objects (scan_repository.c), again and again until two scans in a
 *             row find the same: then it is a state that was there at one moment (I1)
 *   compare   with that of the newest checkpoint. If it is the same but for times, and that
 *             checkpoint lacks nothing and borrows nothing, the checkpoint has the same
 *             repositories, and their objects are not looked at (I3)
 *   objects   afterwards, so that they are at least those that the state needs: git writes objects
 *             before it refers to them. Git also moves objects into a pack, which it puts in place
 *             before it removes them elsewhere. So if a pack came or went meanwhile, an object may
 *             have been missed in both places, and the objects are scanned again (I2)
 *
 * Git is never waited for, and never run. If it does not come to rest within a few attempts, what
 * the last one found is saved: each of its files is whole. (I1), (I2) and (I3) are not
 * checked: tests change a repository while saves run, or close an object for a while, and ask git
 * fsck afterwards.
 *
 * What could not be saved of a repository is counted in the checkpoint with what is missing of the
 * files. A checkpoint that counts anything may lack objects, and a full save trusts none. Where git
 * is at work, a strict scan that fails because of that is repeated. A .git that leads nowhere, or
 * that a restore has left under another name when it was killed, is told.
 *
 * Each part has a stat cache of its own.
 */
#include "present/present.h"

#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "base/sort.h"
#include "statcache/statcache.h"
#include "threads/os_callback.h"

enum { STATE_SCANS_MAX = 6, OBJECTS_SCANS_MAX = 3 };

static const char NAME[] = ".git";

/* ---- finding them ---- */

static bool
is_repository(const firn_notice *notice)
{
    const size_t size = sizeof NAME - 1;
    const firn_slice path = notice->path;
    return notice->kind == FIRN_NOTICE_EXCLUDED && notice->is_reserved && path.size >= size &&
           memcmp(path.data + path.size - size, NAME, size) == 0 &&
           (path.size == size || path.data[path.size - size - 1] == '/');
}

/* Whether an entry is a repository that an interrupted restore has renamed (gitdir.c). */
static bool
is_aside(const firn_notice *notice)
{
    const firn_slice name = fi_slice_last_component(notice->path);
    return notice->kind == FIRN_NOTICE_EXCLUDED &&
           name.size == sizeof FI_REPOSITORY_TEMPORARY "0123456789abcdef.old" - 1 &&
           fi_slice_has_prefix(name, firn_str(FI_REPOSITORY_TEMPORARY));
}

static void
note_path(struct fi_ws_save_repositories *repositories, struct fi_buf *paths, firn_slice path)
{
    if (fi_buf_append_slice(paths, path) != FIRN_OK || fi_buf_append_u8(paths, '\0') != FIRN_OK) {
        repositories->is_out_of_memory = true;
    }
}

static void
on_notice(void *ctx, const firn_notice *notice)
{
    struct fi_ws_save_repositories *repositories = ctx;
    const bool is_found = is_repository(notice);
    if (is_found) {
        note_path(repositories, &repositories->paths, notice->path);
    } else if (is_aside(notice)) {
        note_path(repositories, &repositories->asides, notice->path);
    }
    if (repositories->outer.on_notice != NULL && !(is_found && repositories->is_saved)) {
        fi_os_callback_notice(&repositories->outer, notice);
    }
}

static int
on_progress(void *ctx, const firn_progress *progress)
{
    struct fi_ws_save_repositories *repositories = ctx;
    repositories->files = progress->files_done;
    repositories->bytes = progress->bytes_done;
    return repositories->outer.on_progress != NULL
               ? fi_os_callback_progress(&repositories->outer, progress)
               : FIRN_OK;
}

void
fi_ws_save_repositories_init(struct fi_ws_save_repositories *repositories,
                             const firn_callbacks *outer, firn_callbacks *out_callbacks)
{
    *repositories = (struct fi_ws_save_repositories){.outer = *outer};
    if (out_callbacks != NULL) {
        *out_callbacks = (firn_callbacks){on_notice, on_progress, repositories};
    }
}

void
fi_ws_save_repositories_deinit(struct fi_ws_save_repositories *repositories)
{
    fi_buf_deinit(&repositories->paths);
    fi_buf_deinit(&repositories->asides);
}

/* ---- what is wrong with them ---- */

static bool
is_missing(struct fi_os_dir *dir)
{
    struct fi_os_stat stat;
    return fi_os_stat(dir, NAME, &stat, NULL) == FIRN_NOT_FOUND;
}

/* Gives a notice about each path that has a directory of which something is so. */
static void
tell_paths(const struct fi_ws_save_repositories *repositories, struct fi_os_dir *root,
           const struct fi_buf *paths, bool (*is_so)(struct fi_os_dir *dir), const char *text)
{
    struct fi_buf parent = {0};
    for (size_t at = 0; at < paths->size;) {
        const firn_slice path = firn_str((const char *)paths->data + at);
        const firn_notice notice = {.kind = FIRN_NOTICE_REPOSITORY, .path = path, .text = text};
        const size_t size = path.size - fi_slice_last_component(path).size;
        struct fi_os_dir *dir = NULL;
        at += path.size + 1;
        if (fi_buf_assign(&parent, firn_bytes(path.data, size > 0 ? size - 1 : 0)) == FIRN_OK &&
            fi_buf_text(&parent) != NULL &&
            fi_os_dir_open_beneath(root, (const char *)parent.data, &dir, NULL) == FIRN_OK &&
            is_so(dir)) {
            fi_os_callback_notice(&repositories->outer, &notice);
        }
        fi_os_dir_close(dir);
    }
    fi_buf_deinit(&parent);
}

void
fi_ws_save_repositories_tell(const struct fi_ws_save_repositories *repositories,
                             struct fi_os_dir *root)
{
    if (repositories->outer.on_notice == NULL) {
        return;
    }
    tell_paths(repositories, root, &repositories->paths, fi_place_git_is_lost,
               "the directory that it names is not there: nothing is kept");
    tell_paths(repositories, root, &repositories->asides, is_missing,
               "a restore was interrupted: rename it to .git, or restore again with --git");
}

/* ---- their scans ---- */

struct reading {
    struct fi_ws_save_repositories *repositories;
    struct fi_ws_opened *opened;
    struct fi_scan_options options;
    struct fi_scan_repositories chosen;
    const struct fi_objects_sink *sink;
    struct fi_ws_save_tree *tree;
    struct fi_objects_session_lane *lane;
    firn_slice *paths;
    size_t count;
    bool has_previous;
    struct fi_catalog_record previous;
    firn_hash before[FI_REPOSITORY_PARTS]; /* of the previous checkpoint */
    firn_hash parts[FI_REPOSITORY_PARTS];
    uint64_t lost[FI_REPOSITORY_PARTS]; /* entries that are there and could not be saved */
};

/* What is not the user's business: entries that git removed meanwhile, or that are left out. */
static void
on_inner_notice(void *ctx, const firn_notice *notice)
{
    struct fi_ws_save_repositories *repositories = ctx;
    repositories->lost += notice->kind != FIRN_NOTICE_EXCLUDED &&
                          notice->kind != FIRN_NOTICE_VANISHED &&
                          notice->kind != FIRN_NOTICE_GROWING;
    if (!repositories->is_repeat && repositories->outer.on_notice != NULL &&
        notice->kind != FIRN_NOTICE_EXCLUDED && notice->kind != FIRN_NOTICE_VANISHED &&
        notice->kind != FIRN_NOTICE_CHANGING && notice->kind != FIRN_NOTICE_GROWING) {
        fi_os_callback_notice(&repositories->outer, notice);
    }
}

/* The counts go on from those of the workspace. */
static int
on_inner_progress(void *ctx, const firn_progress *progress)
{
    const struct fi_ws_save_repositories *repositories = ctx;
    firn_progress all = *progress;
    all.files_done += repositories->files;
    all.bytes_done += repositories->bytes;
    return repositories->outer.on_progress != NULL
               ? fi_os_callback_progress(&repositories->outer, &all)
               : FIRN_OK;
}

static int
compare_paths(const void *a, const void *b)
{
    return fi_slice_compare(*(const firn_slice *)a, *(const firn_slice *)b);
}

static int
collect_paths(struct reading *reading, firn_error *err)
{
    const struct fi_buf *found = &reading->repositories->paths;
    size_t count = 0;
    if (reading->repositories->is_out_of_memory) {
        return fi_error_no_memory(err, "the repositories of a workspace");
    }
    for (size_t i = 0; i < found->size; i++) {
        count += found->data[i] == '\0';
    }
    reading->paths = fi_alloc_array(count + 1, sizeof *reading->paths);
    if (reading->paths == NULL) {
        return fi_error_no_memory(err, "the repositories of a workspace");
    }
    for (size_t at = 0; at < found->size;) {
        const firn_slice path = firn_str((const char *)found->data + at);
        reading->paths[reading->count++] = path;
        at += path.size + 1;
    }
    DCHECK(reading->count == count);
    fi_sort(reading->paths, reading->count, sizeof *reading->paths, compare_paths);
    size_t kept = 0;
    for (size_t i = 0; i < reading->count; i++) {
        if (kept == 0 || !fi_slice_equal(reading->paths[kept - 1], reading->paths[i])) {
            reading->paths[kept++] = reading->paths[i];
        }
    }
    reading->count = kept;
    return FIRN_OK;
}

static int
open_stat(struct reading *reading, enum fi_repository_part part, bool is_blind, firn_error *err)
{
    const struct fi_ws_opened *opened = reading->opened;
    struct fi_statcache **stat = &reading->tree->repository_stats[part];
    const struct fi_statcache_options options = {
        .objects = opened->objects,
        .workspace = fi_statcache_of_repositories(opened->workspace.number, part),
        .is_blind = is_blind};
    fi_statcache_close(*stat);
    *stat = NULL;
    return fi_statcache_open(opened->db, &options, stat, err);
}

static int
scan_once(struct reading *reading, enum fi_repository_part part, bool is_blind, firn_error *err)
{
    struct fi_scan_result scan;
    bool has_root = false;
    is_blind = is_blind || reading->repositories->is_full;
    int rc = open_stat(reading, part, is_blind, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    reading->chosen.objects = part == FI_REPOSITORY_OBJECTS;
    reading->options.stat = reading->tree->repository_stats[part];
    reading->repositories->lost = 0;
    FI_TRY(fi_scan_tree(reading->opened->root, &reading->options, reading->sink, &scan, err));
    FI_TRY(fi_objects_session_contains(reading->tree->session, &scan.root.hash, &has_root, err));
    if (!has_root) {
        rc = fi_error_set(err, FIRN_CORRUPT,
                          "the stat cache names a directory that is not in the store");
    }
    reading->parts[part] = scan.root.hash;
    reading->lost[part] = reading->repositories->lost;
out:
    fi_scan_result_deinit(&scan);
    return rc;
}

/* Whether a strict scan failed because git was at work. */
static bool
is_disturbed(const struct reading *reading, int rc)
{
    return reading->options.strict &&
           (rc == FIRN_NOT_FOUND || rc == FIRN_CONFLICT || rc == FIRN_INVALID);
}

static int
scan_part(struct reading *reading, enum fi_repository_part part, firn_error *err)
{
    int rc = scan_once(reading, part, false, err);
    for (int i = 1; is_disturbed(reading, rc) && i < STATE_SCANS_MAX; i++) {
        rc = scan_once(reading, part, false, err);
    }
    const struct fi_statcache *stat = reading->tree->repository_stats[part];
    if (rc != FIRN_OK && stat != NULL && fi_statcache_is_broken(stat)) {
        rc = scan_once(reading, part, true, err);
    }
    return rc == FIRN_CORRUPT ? scan_once(reading, part, true, err) : rc;
}

/* ---- the state ---- */

static int
find_previous(struct reading *reading, struct fi_buf *bytes, firn_error *err)
{
    int rc = fi_catalog_newest(reading->opened->catalog, reading->opened->workspace.number, bytes,
                               &reading->previous, err);
    if (rc == FIRN_OK && reading->previous.has_repositories) {
        firn_error damage;
        reading->has_previous = fi_repository_parts(fi_objects_trees(reading->opened->objects),
                                                    &reading->previous.repositories,
                                                    reading->before, &damage) == FIRN_OK;
    }
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

/* Whether a part is that of the previous checkpoint. If that cannot be read, it is not. */
static bool
is_unchanged(struct reading *reading, enum fi_repository_part part)
{
    const struct fi_tree_source *stored = fi_objects_trees(reading->opened->objects);
    const firn_hash *before = &reading->before[part];
    const firn_hash *after = &reading->parts[part];
    struct fi_tree_source now = *stored;
    firn_error damage;
    bool differs = true;
    if (!reading->has_previous) {
        return false;
    }
    if (reading->tree->fresh == NULL) { /* new directories cannot be read yet */
        return fi_hash_equal(before, after);
    }
    now = fi_ws_save_tree_source(reading->tree, stored);
    return fi_repository_differs(stored, before, &now, after, &differs, &damage) == FIRN_OK &&
           !differs;
}

/* (I1) */
static int
scan_state(struct reading *reading, bool *out_is_unchanged, firn_error *err)
{
    firn_hash last;
    FI_TRY_RETURN(scan_part(reading, FI_REPOSITORY_STATE, err));
    *out_is_unchanged = is_unchanged(reading, FI_REPOSITORY_STATE);
    for (int i = 1; !*out_is_unchanged && i < STATE_SCANS_MAX; i++) {
        last = reading->parts[FI_REPOSITORY_STATE];
        reading->repositories->is_repeat = true;
        FI_TRY_RETURN(scan_part(reading, FI_REPOSITORY_STATE, err));
        if (fi_hash_equal(&last, &reading->parts[FI_REPOSITORY_STATE])) {
            break;
        }
    }
    reading->repositories->is_repeat = false;
    return FIRN_OK;
}

/* ---- the objects ---- */

/* A sum that changes when a pack comes or goes. */
static uint64_t
look_at_packs(struct reading *reading)
{
    struct fi_buf path = {0};
    uint64_t sum = 0;
    for (size_t i = 0; i < reading->count; i++) {
        struct fi_os_dir *dir = NULL;
        struct fi_os_stat stat;
        fi_buf_clear(&path);
        if (fi_buf_append_slice(&path, reading->paths[i]) == FIRN_OK &&
            fi_buf_append(&path, "/objects/pack", sizeof "/objects/pack") == FIRN_OK &&
            fi_os_dir_open_beneath(reading->opened->root, (const char *)path.data, &dir, NULL) ==
                FIRN_OK &&
            fi_os_dir_stat(dir, &stat, NULL) == FIRN_OK) {
            sum = sum * 31 + (uint64_t)stat.mtime_ns + stat.inode;
        }
        fi_os_dir_close(dir);
    }
    fi_buf_deinit(&path);
    return sum;
}

/* (I2) */
static int
scan_objects(struct reading *reading, firn_error *err)
{
    for (int i = 0; i < OBJECTS_SCANS_MAX; i++) {
        const uint64_t packs = look_at_packs(reading);
        FI_TRY_RETURN(scan_part(reading, FI_REPOSITORY_OBJECTS, err));
        if (packs == look_at_packs(reading)) {
            return FIRN_OK;
        }
        reading->repositories->is_repeat = true;
    }
    reading->lost[FI_REPOSITORY_OBJECTS]++; /* perhaps: the next save looks again */
    return FIRN_OK;
}

static int
put_directory(void *ctx, const firn_hash *hash, firn_slice object, firn_error *err)
{
    struct reading *reading = ctx;
    const struct fi_objects_object added = {.kind = FI_PACK_TREE, .hash = *hash, .content = object};
    bool is_new;
    return fi_objects_session_lane_add(reading->lane, &added, &is_new, err);
}

static int
build(struct reading *reading, firn_error *err)
{
    struct fi_objects_session *session = reading->tree->session;
    FI_TRY_RETURN(fi_objects_session_lane_open(session, &reading->lane, err));
    int rc = fi_repository_build(reading->parts, put_directory, reading,
                                 &reading->tree->repositories, err);
    int close_rc =
        fi_objects_session_lane_close(reading->lane, rc == FIRN_OK, rc == FIRN_OK ? err : NULL);
    return rc == FIRN_OK ? close_rc : rc;
}

/* Whether a repository of the previous checkpoint may borrow objects, and so lack some. */
static bool
borrows(const struct reading *reading)
{
    struct fi_tree_lookup lookup;
    struct fi_buf path = {0};
    bool is_found = false;
    fi_tree_lookup_init(&lookup, fi_objects_trees(reading->opened->objects),
                        &reading->before[FI_REPOSITORY_OBJECTS]);
    for (size_t i = 0; i < reading->count && !is_found; i++) {
        const struct fi_tree_entry *entry = NULL;
        fi_buf_clear(&path);
        is_found = fi_buf_append_slice(&path, reading->paths[i]) != FIRN_OK ||
                   fi_buf_append_str(&path, "/objects/info/alternates") != FIRN_OK ||
                   fi_tree_lookup_find(&lookup, fi_buf_slice(&path), &entry, NULL) != FIRN_OK ||
                   entry != NULL;
    }
    fi_tree_lookup_deinit(&lookup);
    fi_buf_deinit(&path);
    return is_found;
}

/* Whether the objects of the previous checkpoint are all that its state needs. (I3) */
static bool
is_complete(const struct reading *reading)
{
    return reading->previous.skipped == 0 && !reading->repositories->is_full && !borrows(reading);
}

static int
read_all(struct reading *reading, firn_error *err)
{
    struct fi_ws_save_tree *tree = reading->tree;
    bool is_same;
    FI_TRY_RETURN(scan_state(reading, &is_same, err));
    if (!is_same || !is_complete(reading)) {
        FI_TRY_RETURN(scan_objects(reading, err));
        is_same = is_same && is_unchanged(reading, FI_REPOSITORY_OBJECTS);
    }
    tree->has_repositories = true;
    tree->repositories_differ = !is_same;
    tree->scan.skipped += reading->lost[FI_REPOSITORY_STATE] + reading->lost[FI_REPOSITORY_OBJECTS];
    if (is_same) {
        tree->repositories = reading->previous.repositories;
        return FIRN_OK;
    }
    return build(reading, err);
}

/* The store may be in a repository, and is no part of it. */
static struct fi_scan_options
options_of(const struct fi_ws_opened *opened, bool strict, unsigned threads,
           const firn_callbacks *callbacks)
{
    struct fi_scan_options options =
        fi_ws_scan_options_of(opened, true, strict, threads, callbacks);
    options.nested = NULL;
    options.sqlite.copy = NULL;
    options.no_rules = true;
    options.is_copy = true;
    return options;
}

int
fi_ws_save_repositories_scan(struct fi_ws_save_repositories *repositories,
                             struct fi_ws_opened *opened, const struct fi_scan_options *options,
                             const struct fi_objects_sink *sink, struct fi_ws_save_tree *tree,
                             firn_error *err)
{
    const firn_callbacks callbacks = {on_inner_notice, on_inner_progress, repositories};
    struct reading reading = {.repositories = repositories,
                              .opened = opened,
                              .options =
                                  options_of(opened, options->strict, options->threads, &callbacks),
                              .sink = sink,
                              .tree = tree};
    struct fi_buf bytes = {0};
    int rc;
    DCHECK(tree->session != NULL && tree->group == NULL);
    FI_TRY(collect_paths(&reading, err));
    FI_TRY(find_previous(&reading, &bytes, err));
    tree->repositories_differ = reading.previous.has_repositories;
    fi_ws_save_repositories_tell(repositories, opened->root);
    if (reading.count > 0) {
        reading.chosen.paths = reading.paths;
        reading.chosen.count = reading.count;
        reading.options.repositories = &reading.chosen;
        tree->repositories_differ = false;
        rc = read_all(&reading, err);
    }
out:
    fi_free(reading.paths);
    fi_buf_deinit(&bytes);
    return rc;
}

/* ---- looking only ---- */

int
fi_ws_save_repositories_add(struct fi_ws_save_repositories *repositories, firn_slice path,
                            firn_error *err)
{
    note_path(repositories, &repositories->paths, path);
    return repositories->is_out_of_memory
               ? fi_error_no_memory(err, "the repositories of a workspace")
               : FIRN_OK;
}

int
fi_ws_save_repositories_look(struct fi_ws_save_repositories *repositories,
                             struct fi_ws_opened *opened, unsigned threads,
                             struct fi_objects_treesink *treesink, firn_hash *out, firn_error *err)
{
    const struct fi_objects_sink sink = fi_objects_treesink_sink(treesink);
    const struct fi_statcache_options stat_options = {
        .objects = opened->objects,
        .workspace = fi_statcache_of_repositories(opened->workspace.number, FI_REPOSITORY_STATE)};
    const firn_callbacks callbacks = {NULL, on_inner_progress, repositories};
    struct reading reading = {.repositories = repositories,
                              .options = options_of(opened, false, threads, &callbacks)};
    struct fi_statcache *stat = NULL;
    struct fi_scan_result scan = {.files = 0};
    int rc;
    FI_TRY(collect_paths(&reading, err));
    reading.chosen.paths = reading.paths;
    reading.chosen.count = reading.count;
    reading.options.repositories = &reading.chosen;
    FI_TRY(fi_statcache_open(opened->db, &stat_options, &stat, err));
    reading.options.stat = stat;
    rc = fi_scan_tree(opened->root, &reading.options, &sink, &scan, err);
    if (rc != FIRN_OK && fi_statcache_is_broken(stat)) {
        reading.options.stat = NULL;
        rc = fi_scan_tree(opened->root, &reading.options, &sink, &scan, err);
    }
    *out = scan.root.hash;
out:
    fi_scan_result_deinit(&scan);
    fi_statcache_close(stat);
    fi_free(reading.paths);
    return rc;
}
