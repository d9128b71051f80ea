/* SPDX-License-Identifier: Apache-2.0
 *
 * gitdir/gitdir_locks.c: git's locks.
 *
 * Git changes a file by making FILE.lock, which must not exist, and renaming that over FILE. So
 * while the locks of HEAD, index, packed-refs and config are held, no commit, checkout, reset or
 * rebase changes the repository. A restore holds them from the last look at the present
 * directory until another one has its name; they are gone with the old directory.
 *
 * A lock that is there is never taken away, since a git may still run that has it: the restore is
 * refused. But the locks of a restore that was killed have its mark in them, and a restore has the
 * store to itself: those are removed. gc.pid is the lock of a collection.
 */
#include "base/check.h"
#include "base/slice.h"
#include "gitdir/gitdir_internal.h"

static const char MARK[] = "firn restores this repository\n";
static const char *const LOCKS[] = {"index.lock", "HEAD.lock", "packed-refs.lock", "config.lock"};
static const char MARK_NAME[] = "firn.lock"; /* in the stage, for a moment */
enum { LOCK_COUNT = sizeof LOCKS / sizeof LOCKS[0] };

struct looking {
    struct fi_buf waiting; /* paths of directories, each with a NUL */
    struct fi_buf entries;
    struct fi_buf path;
};

static bool
is_lock(const char *name)
{
    static const char suffix[] = ".lock";
    size_t size = strlen(name);
    return strcmp(name, "gc.pid") == 0 ||
           (size >= sizeof suffix && strcmp(name + size - (sizeof suffix - 1), suffix) == 0);
}

/* Whether it is the lock of a restore that was killed. */
static bool
is_ours(struct fi_os_dir *dir, const char *name)
{
    struct fi_buf content = {0};
    bool is_same = fi_gitdir_files_read(dir, name, sizeof MARK, &content, NULL) == FIRN_OK &&
                   fi_slice_equal(fi_buf_slice(&content), firn_str(MARK));
    fi_buf_deinit(&content);
    return is_same;
}

static int
refuse(const struct fi_gitdir *gitdir, firn_slice path, firn_error *err)
{
    const firn_slice git = gitdir->request->path;
    return fi_error_set(err, FIRN_BUSY,
                        "git is at work in '%.*s': '%.*s' is there; if no git runs, remove that "
                        "file",
                        (int)(git.size < 300 ? git.size : 300), (const char *)git.data,
                        (int)(path.size < 300 ? path.size : 300), (const char *)path.data);
}

static int
look_into(struct fi_gitdir *gitdir, struct looking *looking, struct fi_os_dir *dir, firn_slice path,
          firn_error *err)
{
    const char *name;
    enum fi_os_kind kind;
    FI_TRY_RETURN(fi_gitdir_files_list(dir, &looking->entries, err));
    firn_slice entries = fi_buf_slice(&looking->entries);
    while (fi_gitdir_files_next(&entries, &kind, &name)) {
        FI_TRY_RETURN(fi_gitdir_files_path(path, name, &looking->path, err));
        if (kind == FI_OS_DIR && strcmp(name, "objects") != 0 &&
            fi_buf_append(&looking->waiting, looking->path.data, looking->path.size + 1) !=
                FIRN_OK) {
            return fi_error_no_memory(err, "a list of directories");
        }
        if (kind == FI_OS_FILE && is_lock(name)) {
            FI_TRY_RETURN(is_ours(dir, name) ? fi_gitdir_files_remove(dir, name, err)
                                             : refuse(gitdir, fi_buf_slice(&looking->path), err));
        }
    }
    return FIRN_OK;
}

/* Takes the last path off a list. */
static void
take_last(struct fi_buf *list, struct fi_buf *out)
{
    size_t start = list->size - 1;
    while (start > 0 && list->data[start - 1] != '\0') {
        start--;
    }
    CHECK(out->capacity >= list->size - start);
    memcpy(out->data, list->data + start, list->size - start);
    out->size = list->size - start - 1;
    list->size = start;
}

int
fi_gitdir_locks_check(struct fi_gitdir *gitdir, firn_error *err)
{
    struct looking looking = {.waiting = {0}};
    struct fi_buf path = {0};
    int rc = FIRN_OK;
    if (fi_buf_append_u8(&looking.waiting, '\0') != FIRN_OK) {
        rc = fi_error_no_memory(err, "a list of directories");
    }
    while (rc == FIRN_OK && looking.waiting.size > 0) {
        struct fi_os_dir *dir = NULL;
        fi_buf_clear(&path);
        if (fi_buf_reserve(&path, looking.waiting.size) != FIRN_OK) {
            rc = fi_error_no_memory(err, "a path");
            break;
        }
        take_last(&looking.waiting, &path);
        rc = fi_os_dir_open_beneath(gitdir->present, (const char *)path.data, &dir, err);
        if (rc == FIRN_NOT_FOUND) {
            rc = FIRN_OK; /* it is gone, or a link */
            continue;
        }
        rc = rc == FIRN_OK ? look_into(gitdir, &looking, dir, fi_buf_slice(&path), err) : rc;
        fi_os_dir_close(dir);
    }
    fi_buf_deinit(&looking.waiting);
    fi_buf_deinit(&looking.entries);
    fi_buf_deinit(&looking.path);
    fi_buf_deinit(&path);
    return rc;
}

static void
release_first(struct fi_gitdir *gitdir, size_t count)
{
    while (count > 0) {
        FI_IGNORE(fi_gitdir_files_remove(gitdir->present, LOCKS[--count], NULL));
    }
}

/* Makes the file of which the locks are further names, durably: so no crash leaves a lock without
 * the mark. */
static int
make_mark(struct fi_gitdir *gitdir, firn_error *err)
{
    struct fi_os_file *file = NULL;
    int rc;
    FI_TRY(fi_gitdir_files_remove(gitdir->stage, MARK_NAME, err));
    FI_TRY(fi_os_file_open(gitdir->stage, MARK_NAME,
                           FI_OS_WRITE | FI_OS_CREATE | FI_OS_EXCLUSIVE | FI_OS_FOR_OWNER, 0644,
                           &file, err));
    FI_TRY(fi_os_file_write(file, 0, MARK, sizeof MARK - 1, err));
    rc = fi_os_file_sync(file, err);
out:
    fi_os_file_close(file);
    return rc;
}

static int
take_all(struct fi_gitdir *gitdir, firn_error *err)
{
    for (size_t i = 0; i < LOCK_COUNT; i++) {
        int rc = fi_os_link(gitdir->stage, MARK_NAME, gitdir->present, LOCKS[i], err);
        if (rc != FIRN_OK) {
            release_first(gitdir, i);
            return rc == FIRN_EXISTS ? refuse(gitdir, firn_str(LOCKS[i]), err) : rc;
        }
    }
    return FIRN_OK;
}

int
fi_gitdir_locks_take(struct fi_gitdir *gitdir, firn_error *err)
{
    FI_TRY_RETURN(make_mark(gitdir, err));
    int rc = take_all(gitdir, err);
    int removed = fi_gitdir_files_remove(gitdir->stage, MARK_NAME, rc == FIRN_OK ? err : NULL);
    if (rc == FIRN_OK && removed != FIRN_OK) {
        fi_gitdir_locks_release(gitdir);
    }
    return rc == FIRN_OK ? removed : rc;
}

void
fi_gitdir_locks_release(struct fi_gitdir *gitdir)
{
    release_first(gitdir, LOCK_COUNT);
}
