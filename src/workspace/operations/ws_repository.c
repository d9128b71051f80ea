/* SPDX-License-Identifier: Apache-2.0
 *
 * operations/ws_repository.c: the git repositories of a checkpoint, compared and restored.
 *
 * A comparison tells one notice for each repository that differs, in git's words. The present state
 * is scanned into memory (fi_ws_save_repositories_look); only what is read of it to find the words,
 * HEAD and references, comes from the disk. Nothing is stored, and git is not run.
 *
 * A restore of repositories is a step of its own, which the user asks for in so many words:
 *
 *   look    which of them differ from the checkpoint; the others are left alone
 *   save    the present state as a safety checkpoint, unless all of those are missing, or an undo
 *           has found them in a checkpoint; also those in directories that rules exclude
 *   restore each (gitdir.c); one that cannot be restored is named, and the others go on. If there
 *           is no other one, its error is that of the restore
 *
 * What a restore replaces can be restored from the safety checkpoint, in the same way (I1). That is
 * checked for each repository when git can no longer change it: if the safety checkpoint does not
 * have its state, because git was at work since, it is not replaced.
 *
 * There is no journal: each repository is replaced in one step.
 */
#include <stddef.h>
#include <stdio.h>

#include "base/check.h"
#include "base/slice.h"
#include "codec/blake3_hash.h"
#include "gitdir/gitdir.h"
#include "operations/operations_internal.h"
#include "threads/os_callback.h"

enum { SCRATCH_FRAMES = 4, DISK_SIZE_MAX = 64 << 20, LEFT_NAME_MAX = 100 };

/* One time: a checkpoint, or now. */
struct repository_time {
    struct fi_ws_opened *opened;
    const struct fi_tree_source *source;
    firn_hash state;
    bool has_state; /* false: there are none */
    bool is_now;
    struct fi_tree_lookup lookup;
    struct fi_pack_scratch *scratch;
    firn_slice path; /* of the repository that is being read */
};

struct repositories {
    struct fi_ws_opened *opened;
    const firn_callbacks *callbacks;
    struct fi_ws_save_repositories found; /* their paths */
    struct fi_objects_treesink *treesink;
    struct fi_tree_source now_source;
    struct repository_time before;
    struct repository_time after;
    struct fi_buf text; /* what differs at the path that was described last */
    bool is_data;       /* more than configuration and hooks */
    uint64_t differ;
};

/* ---- reading ---- */

static int
read_disk(const struct repository_time *time, firn_slice path, struct fi_buf *out, firn_error *err)
{
    struct fi_buf whole = {0};
    struct fi_os_dir *dir = NULL;
    struct fi_os_file *file = NULL;
    struct fi_os_stat stat;
    size_t size = 0;
    int rc;
    if (fi_buf_append_slice(&whole, time->path) != FIRN_OK ||
        fi_buf_append_u8(&whole, '/') != FIRN_OK || fi_buf_append_slice(&whole, path) != FIRN_OK ||
        fi_buf_text(&whole) == NULL) {
        rc = fi_error_no_memory(err, "a path");
        goto out;
    }
    char *name = strrchr((char *)whole.data, '/');
    CHECK(name != NULL);
    *name++ = '\0';
    FI_TRY(fi_os_dir_open_beneath(time->opened->root, (const char *)whole.data, &dir, err));
    FI_TRY(fi_os_file_open_stat(dir, name, FI_OS_READ, 0, &file, &stat, err));
    if (stat.size_bytes > DISK_SIZE_MAX ||
        fi_buf_set_size(out, (size_t)stat.size_bytes) != FIRN_OK) {
        rc = fi_error_set(err, FIRN_LIMIT, "a file of a repository is too large");
        goto out;
    }
    FI_TRY(fi_os_file_read(file, 0, out->data, out->size, &size, err));
    out->size = size;
out:
    fi_os_file_close(file);
    fi_os_dir_close(dir);
    fi_buf_deinit(&whole);
    return rc;
}

static int
repository_read(void *ctx, firn_slice path, const struct fi_tree_entry *entry, struct fi_buf *out,
                firn_error *err)
{
    struct repository_time *time = ctx;
    if (time->is_now) {
        return read_disk(time, path, out, err);
    }
    if (time->scratch == NULL) {
        FI_TRY_RETURN(fi_pack_scratch_create(SCRATCH_FRAMES, &time->scratch, err));
    }
    return fi_objects_stream_whole(time->opened->objects, time->scratch, &entry->hash, out, err);
}

/* ---- the two times ---- */

static int
open_checkpoint(struct repository_time *time, struct fi_ws_opened *opened,
                const struct fi_catalog_record *record, firn_error *err)
{
    firn_hash parts[FI_REPOSITORY_PARTS];
    time->opened = opened;
    time->source = fi_objects_trees(opened->objects);
    time->has_state = record->has_repositories;
    if (!record->has_repositories) {
        return FIRN_OK;
    }
    FI_TRY_RETURN(fi_repository_parts(time->source, &record->repositories, parts, err));
    time->state = parts[FI_REPOSITORY_STATE];
    fi_tree_lookup_init(&time->lookup, time->source, &time->state);
    return FIRN_OK;
}

static int
open_now(struct repositories *repositories, struct repository_time *time, unsigned threads,
         firn_error *err)
{
    struct fi_ws_opened *opened = repositories->opened;
    FI_TRY_RETURN(fi_objects_treesink_create(fi_db_os(opened->db), &repositories->treesink, err));
    FI_TRY_RETURN(fi_ws_save_repositories_look(&repositories->found, opened, threads,
                                               repositories->treesink, &time->state, err));
    repositories->now_source =
        fi_objects_treesink_source(repositories->treesink, fi_objects_trees(opened->objects));
    time->opened = opened;
    time->source = &repositories->now_source;
    time->has_state = true;
    time->is_now = true;
    fi_tree_lookup_init(&time->lookup, time->source, &time->state);
    return FIRN_OK;
}

static int
add_found(void *ctx, firn_slice path, const struct fi_tree_entry *entry, firn_error *err)
{
    struct repositories *repositories = ctx;
    (void)entry;
    return fi_ws_save_repositories_add(&repositories->found, path, err);
}

static int
list_time(struct repositories *repositories, const struct repository_time *time, firn_error *err)
{
    return time->has_state
               ? fi_repository_list(time->source, &time->state, add_found, repositories, err)
               : FIRN_OK;
}

static void
time_deinit(struct repository_time *time)
{
    fi_tree_lookup_deinit(&time->lookup);
    fi_pack_scratch_destroy(time->scratch);
}

static void
repositories_deinit(struct repositories *repositories)
{
    time_deinit(&repositories->before);
    time_deinit(&repositories->after);
    fi_objects_treesink_destroy(repositories->treesink);
    fi_ws_save_repositories_deinit(&repositories->found);
    fi_buf_deinit(&repositories->text);
}

/* ---- telling ---- */

static int
find_entry(struct repository_time *time, firn_slice path, const struct fi_tree_entry **out,
           firn_error *err)
{
    *out = NULL;
    time->path = path;
    return time->has_state ? fi_tree_lookup_find(&time->lookup, path, out, err) : FIRN_OK;
}

/* Sets repositories->text to what differs at a path; "" if nothing does. */
static int
describe(struct repositories *repositories, firn_slice path, firn_error *err)
{
    struct fi_repository_side sides[2];
    struct repository_time *times[] = {&repositories->before, &repositories->after};
    for (int i = 0; i < 2; i++) {
        FI_TRY_RETURN(find_entry(times[i], path, &sides[i].entry, err));
        sides[i].source = times[i]->source;
        sides[i].read = repository_read;
        sides[i].ctx = times[i];
    }
    fi_buf_clear(&repositories->text);
    FI_TRY_RETURN(fi_repository_describe(&sides[0], &sides[1], &repositories->text,
                                         &repositories->is_data, err));
    return fi_buf_text(&repositories->text) != NULL ? FIRN_OK : fi_error_no_memory(err, "a text");
}

static void
give(const firn_callbacks *callbacks, firn_notice_kind kind, firn_slice path, const char *text)
{
    const firn_notice notice = {.kind = kind, .path = path, .text = text};
    if (callbacks->on_notice != NULL) {
        fi_os_callback_notice(callbacks, &notice);
    }
}

/* Calls visit with each path, in the order in which they were found; once each, if they are
 * sorted. */
static int
each_path(const struct repositories *repositories,
          int (*visit)(struct repositories *repositories, firn_slice path, firn_error *err),
          struct repositories *ctx, firn_error *err)
{
    const struct fi_buf *paths = &repositories->found.paths;
    struct fi_hash_map seen;
    int rc = FIRN_OK;
    fi_hash_map_init(&seen, sizeof(firn_hash), fi_hash_map_first, fi_hash_map_same_hash);
    for (size_t at = 0; rc == FIRN_OK && at < paths->size;) {
        const firn_slice path = firn_str((const char *)paths->data + at);
        firn_hash hash;
        fi_blake3_hash_of(path.data, path.size, &hash);
        at += path.size + 1;
        if (fi_hash_map_find(&seen, fi_hash_map_first(&hash), &hash) != NULL) {
            continue;
        }
        rc = fi_hash_map_insert(&seen, fi_hash_map_first(&hash), &hash) != NULL
                 ? visit(ctx, path, err)
                 : fi_error_no_memory(err, "the repositories of a workspace");
    }
    fi_hash_map_deinit(&seen);
    return rc;
}

static int
tell_path(struct repositories *repositories, firn_slice path, firn_error *err)
{
    FI_TRY_RETURN(describe(repositories, path, err));
    if (repositories->text.size > 0) {
        repositories->differ += repositories->is_data;
        give(repositories->callbacks, FIRN_NOTICE_REPOSITORY, path,
             (const char *)repositories->text.data);
    }
    return FIRN_OK;
}

static int
open_both(struct repositories *repositories, const struct fi_catalog_record *before,
          const struct fi_catalog_record *after, firn_error *err)
{
    FI_TRY_RETURN(open_checkpoint(&repositories->before, repositories->opened, before, err));
    FI_TRY_RETURN(open_checkpoint(&repositories->after, repositories->opened, after, err));
    return list_time(repositories, &repositories->before, err);
}

int
fi_ws_repository_tell(struct fi_ws_opened *opened, const struct fi_catalog_record *before,
                      const struct fi_catalog_record *after, const firn_callbacks *callbacks,
                      firn_error *err)
{
    struct repositories repositories = {.opened = opened, .callbacks = callbacks};
    int rc = FIRN_OK;
    if (!before->has_repositories && !after->has_repositories) {
        return FIRN_OK;
    }
    FI_TRY(open_both(&repositories, before, after, err));
    FI_TRY(list_time(&repositories, &repositories.after, err));
    rc = each_path(&repositories, tell_path, &repositories, err);
out:
    repositories_deinit(&repositories);
    return rc;
}

static int
note_missing(struct repositories *repositories, firn_slice path, firn_error *err)
{
    const struct fi_tree_entry *entry;
    FI_TRY_RETURN(find_entry(&repositories->after, path, &entry, err));
    repositories->differ += entry == NULL;
    return FIRN_OK;
}

int
fi_ws_repository_is_same(struct fi_ws_opened *opened, const struct fi_catalog_record *a,
                         const struct fi_catalog_record *b, bool only_missing, bool *out,
                         firn_error *err)
{
    const firn_callbacks none = FIRN_CALLBACKS_INIT;
    struct repositories repositories = {.opened = opened, .callbacks = &none};
    int rc;
    FI_TRY(open_both(&repositories, a, b, err));
    FI_TRY(each_path(&repositories, only_missing ? note_missing : tell_path, &repositories, err));
    *out = repositories.differ == 0;
out:
    repositories_deinit(&repositories);
    return rc;
}

/* Opens the times: the checkpoint's is before, now is after. Calls prepare, if it is not NULL, with
 * each path in between. */
static int
open_against_now(struct repositories *repositories, const struct fi_catalog_record *record,
                 unsigned threads,
                 int (*prepare)(struct repositories *repositories, firn_slice path,
                                firn_error *err),
                 firn_error *err)
{
    FI_TRY_RETURN(open_checkpoint(&repositories->before, repositories->opened, record, err));
    FI_TRY_RETURN(list_time(repositories, &repositories->before, err));
    if (prepare != NULL) {
        FI_TRY_RETURN(each_path(repositories, prepare, repositories, err));
    }
    return open_now(repositories, &repositories->after, threads, err);
}

int
fi_ws_repository_tell_now(struct fi_ws_opened *opened, const struct fi_catalog_record *record,
                          const struct fi_buf *paths, unsigned threads,
                          const firn_callbacks *callbacks, uint64_t *out_differ, firn_error *err)
{
    struct repositories repositories = {.opened = opened, .callbacks = callbacks};
    int rc = FIRN_OK;
    *out_differ = 0;
    if (!record->has_repositories) {
        return FIRN_OK;
    }
    if (paths != NULL &&
        fi_buf_append_slice(&repositories.found.paths, fi_buf_slice(paths)) != FIRN_OK) {
        rc = fi_error_no_memory(err, "the repositories of a workspace");
        goto out;
    }
    FI_TRY(open_against_now(&repositories, record, threads, NULL, err));
    rc = each_path(&repositories, tell_path, &repositories, err);
    *out_differ = repositories.differ;
out:
    repositories_deinit(&repositories);
    return rc;
}

/* ---- restoring ---- */

struct bringing {
    struct fi_ws_restoring *restoring;
    struct repositories repositories;
    struct fi_tree_lookup objects; /* of the checkpoint */
    struct repository_time saved;  /* the safety checkpoint */
    struct fi_buf paths;           /* that differ, each with a NUL */
    struct fi_buf left;
    size_t count; /* of paths */
    bool is_any_there;
    char safety[FIRN_CHECKPOINT_ID_SIZE]; /* "": none was needed */
};

/* For repositories to be found in it. */
static struct bringing *
bringing_of(struct repositories *repositories)
{
    return (struct bringing *)(void *)((char *)repositories -
                                       offsetof(struct bringing, repositories));
}

/* Settles what a restore that was killed has left, before anything is looked at: .git may have
 * another name. */
static int
tidy_path(struct repositories *repositories, firn_slice path, firn_error *err)
{
    const struct fi_gitdir_request request = {.opened = repositories->opened, .path = path};
    (void)err;
    FI_IGNORE(fi_gitdir_tidy(&request, NULL)); /* best effort */
    return FIRN_OK;
}

static int
note_path(struct repositories *repositories, firn_slice path, firn_error *err)
{
    struct bringing *bringing = bringing_of(repositories);
    const struct fi_tree_entry *now;
    FI_TRY_RETURN(tell_path(repositories, path, err));
    if (repositories->text.size == 0) {
        return FIRN_OK;
    }
    FI_TRY_RETURN(find_entry(&repositories->after, path, &now, err));
    bringing->is_any_there = bringing->is_any_there || now != NULL;
    bringing->count++;
    return fi_buf_append(&bringing->paths, path.data, path.size) == FIRN_OK &&
                   fi_buf_append_u8(&bringing->paths, '\0') == FIRN_OK
               ? FIRN_OK
               : fi_error_no_memory(err, "the repositories of a workspace");
}

/* Whether a repository is the same at two times, but for times of files. */
static int
is_same(struct repository_time *a, struct repository_time *b, firn_slice path, bool *out,
        firn_error *err)
{
    const struct fi_tree_entry *of_a;
    const struct fi_tree_entry *of_b;
    bool differs = false;
    *out = false;
    FI_TRY_RETURN(find_entry(a, path, &of_a, err));
    FI_TRY_RETURN(find_entry(b, path, &of_b, err));
    if (of_a == NULL || of_b == NULL || of_a->kind != of_b->kind) {
        return FIRN_OK;
    }
    if (!fi_hash_equal(&of_a->hash, &of_b->hash) && of_a->kind == FI_TREE_DIR) {
        FI_TRY_RETURN(
            fi_repository_differs(a->source, &of_a->hash, b->source, &of_b->hash, &differs, err));
        *out = !differs;
        return FIRN_OK;
    }
    *out = fi_hash_equal(&of_a->hash, &of_b->hash);
    return FIRN_OK;
}

/* Whether a checkpoint has all of the repositories that differ as they are now. */
static int
find_saved(struct bringing *bringing, uint64_t order, bool *out, firn_error *err)
{
    struct fi_ws_opened *opened = bringing->restoring->opened;
    struct fi_catalog_record record;
    struct fi_buf bytes = {0};
    int rc = FIRN_OK;
    *out = order != 0;
    if (!*out) {
        return FIRN_OK;
    }
    FI_TRY(fi_ws_undo_line_state(opened, order, &bytes, &record, err));
    FI_TRY(open_checkpoint(&bringing->saved, opened, &record, err));
    for (size_t at = 0; *out && at < bringing->paths.size;) {
        const firn_slice path = firn_str((const char *)bringing->paths.data + at);
        at += path.size + 1;
        FI_TRY(is_same(&bringing->saved, &bringing->repositories.after, path, out, err));
    }
    if (*out) {
        fi_catalog_record_id_text(record.id, bringing->safety);
    } else {
        time_deinit(&bringing->saved);
        bringing->saved = (struct repository_time){.opened = NULL};
    }
out:
    fi_buf_deinit(&bytes);
    return rc;
}

static int
save_present(struct bringing *bringing, firn_error *err)
{
    struct fi_ws_restoring *restoring = bringing->restoring;
    struct fi_ws_opened *opened = restoring->opened;
    char name[FI_WS_RESTORING_NAME_SIZE];
    char message[64];
    bool is_saved;
    FI_TRY_RETURN(find_saved(bringing, restoring->git_present, &is_saved, err));
    if (is_saved) {
        return FIRN_OK;
    }
    struct fi_ws_save_request request = {.is_safety = true,
                                         .include_deps = restoring->record.include_deps,
                                         .gitignore = restoring->options->gitignore,
                                         .file_size_max = restoring->options->file_size_max,
                                         .threads = restoring->options->threads,
                                         .with_repositories = true,
                                         .repositories = &bringing->paths};
    struct fi_ws_save_tree tree;
    struct fi_catalog_record safety;
    fi_ws_restoring_name(&restoring->record, name);
    (void)snprintf(message, sizeof message, "before restoring git of %s", name);
    request.message = firn_str(message);
    int rc = fi_ws_save_tree(opened, &request, &tree, err);
    if (rc == FIRN_OK) {
        rc = fi_ws_save_record(restoring->ws, opened, &request, &tree, &safety, err);
    }
    fi_scan_result_deinit(&tree.scan);
    if (rc == FIRN_OK) {
        fi_catalog_record_id_text(safety.id, bringing->safety);
        rc = open_checkpoint(&bringing->saved, opened, &safety, err);
    }
    return rc;
}

/* (I1) */
static int
check_saved(void *ctx, firn_slice path, firn_error *err)
{
    struct bringing *bringing = ctx;
    struct repositories present = {.opened = bringing->restoring->opened};
    bool is_saved = false;
    int rc;
    FI_TRY(fi_ws_save_repositories_add(&present.found, path, err));
    FI_TRY(open_now(&present, &present.after, bringing->restoring->options->threads, err));
    FI_TRY(is_same(&bringing->saved, &present.after, path, &is_saved, err));
    if (!is_saved) {
        rc = fi_error_set(err, FIRN_CONFLICT,
                          "git has changed it meanwhile, so it stays as it is; restore again");
    }
out:
    repositories_deinit(&present);
    return rc;
}

static void
tell_restored(struct bringing *bringing, firn_slice path, bool is_saved)
{
    char text[96];
    if (!is_saved) {
        (void)snprintf(text, sizeof text, "restored");
    } else {
        (void)snprintf(text, sizeof text, "restored; take this back with: firn restore %.*s --git",
                       FIRN_CHECKPOINT_ID_SHORT, bringing->safety);
    }
    give(&bringing->restoring->options->callbacks, FIRN_NOTICE_REPOSITORY, path, text);
}

/* Tells what was left out, in one line. */
static void
tell_left(struct bringing *bringing, firn_slice path)
{
    static const char more[] = ", ...";
    char text[512];
    const size_t size_max = sizeof text - sizeof more - (LEFT_NAME_MAX + sizeof "," - 1 + 1);
    size_t size = (size_t)snprintf(text, sizeof text, "not from the checkpoint:");
    size_t at = 0;
    while (at < bringing->left.size && size <= size_max) {
        const char *name = (const char *)bringing->left.data + at;
        size += (size_t)snprintf(text + size, sizeof text - size, "%s %.*s", at > 0 ? "," : "",
                                 LEFT_NAME_MAX, name);
        at += strlen(name) + 1;
    }
    DCHECK(size + sizeof more <= sizeof text);
    if (at < bringing->left.size) {
        memcpy(text + size, more, sizeof more);
    }
    if (bringing->left.size > 0) {
        give(&bringing->restoring->options->callbacks, FIRN_NOTICE_REPOSITORY, path, text);
    }
}

static int
restore_path(struct bringing *bringing, firn_slice path, firn_error *err)
{
    struct fi_ws_restoring *restoring = bringing->restoring;
    struct repository_time *before = &bringing->repositories.before;
    struct fi_gitdir_request request = {.opened = restoring->opened,
                                        .root_path = restoring->ws->place.root,
                                        .path = path,
                                        .all = restoring->options->git_all,
                                        .is_own = !restoring->is_of_line &&
                                                  !restoring->opened->is_foreign,
                                        .threads = restoring->options->threads,
                                        .callbacks = restoring->options->callbacks,
                                        .check_saved = check_saved,
                                        .ctx = bringing};
    const struct fi_tree_entry *saved;
    request.callbacks.on_progress = NULL;
    FI_TRY_RETURN(find_entry(before, path, &request.state, err));
    DCHECK(request.state != NULL); /* paths are those of the checkpoint */
    FI_TRY_RETURN(fi_tree_lookup_find(&bringing->objects, path, &request.objects, err));
    fi_buf_clear(&bringing->left);
    FI_TRY_RETURN(find_entry(&bringing->saved, path, &saved, err));
    FI_TRY_RETURN(fi_gitdir_restore(&request, &bringing->left, err));
    restoring->result->repositories++;
    tell_restored(bringing, path, saved != NULL);
    tell_left(bringing, path);
    return FIRN_OK;
}

/* What concerns one repository does not end the restore of the others. */
static bool
is_of_one(const struct bringing *bringing, int rc)
{
    if (rc == FIRN_BUSY || rc == FIRN_CONFLICT || rc == FIRN_INVALID) {
        return bringing->count > 1;
    }
    return rc == FIRN_EXISTS || rc == FIRN_NOT_FOUND || rc == FIRN_UNTRUSTED ||
           rc == FIRN_UNSUPPORTED || rc == FIRN_DENIED;
}

static int
restore_all(struct bringing *bringing, firn_error *err)
{
    struct fi_ws_restoring *restoring = bringing->restoring;
    for (size_t at = 0; at < bringing->paths.size;) {
        const firn_slice path = firn_str((const char *)bringing->paths.data + at);
        firn_error cause;
        at += path.size + 1;
        int rc = restore_path(bringing, path, &cause);
        if (is_of_one(bringing, rc)) {
            restoring->result->repositories_differ++;
            restoring->result->not_restored++;
            give(&restoring->options->callbacks, FIRN_NOTICE_NOT_RESTORED, path, cause.text);
        } else if (rc != FIRN_OK) {
            fi_error_copy(err, &cause);
            return rc;
        }
    }
    return FIRN_OK;
}

static int
tell_all(struct bringing *bringing, firn_error *err)
{
    int rc = each_path(&bringing->repositories, tell_path, &bringing->repositories, err);
    bringing->restoring->result->repositories_differ = bringing->repositories.differ;
    return rc;
}

int
fi_ws_repository_check(const struct fi_ws_restoring *restoring, firn_error *err)
{
    char name[FI_WS_RESTORING_NAME_SIZE];
    if (restoring->record.has_repositories) {
        return FIRN_OK;
    }
    fi_ws_restoring_name(&restoring->record, name);
    return fi_error_set(err, FIRN_NOT_FOUND, "checkpoint %s has no git repositories", name);
}

int
fi_ws_repository_restore(struct fi_ws_restoring *restoring, firn_error *err)
{
    struct bringing bringing = {
        .restoring = restoring,
        .repositories = {.opened = restoring->opened, .callbacks = &restoring->options->callbacks}};
    struct repositories *repositories = &bringing.repositories;
    firn_hash parts[FI_REPOSITORY_PARTS];
    int rc;
    FI_TRY(fi_ws_repository_check(restoring, err));
    FI_TRY(open_against_now(repositories, &restoring->record, restoring->options->threads,
                            restoring->options->dry_run ? NULL : tidy_path, err));
    if (restoring->options->dry_run) {
        rc = tell_all(&bringing, err);
        goto out;
    }
    FI_TRY(each_path(repositories, note_path, repositories, err));
    FI_TRY(bringing.is_any_there ? save_present(&bringing, err) : FIRN_OK);
    FI_TRY(fi_repository_parts(repositories->before.source, &restoring->record.repositories, parts,
                               err));
    fi_tree_lookup_init(&bringing.objects, repositories->before.source,
                        &parts[FI_REPOSITORY_OBJECTS]);
    rc = restore_all(&bringing, err);
out:
    fi_tree_lookup_deinit(&bringing.objects);
    time_deinit(&bringing.saved);
    repositories_deinit(repositories);
    fi_buf_deinit(&bringing.paths);
    fi_buf_deinit(&bringing.left);
    return rc;
}
