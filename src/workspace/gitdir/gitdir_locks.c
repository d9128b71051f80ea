/* SPDX-License-Identifier: Apache-2.0
 *
 * gitdir/gitdir_locks.c: git's locks.
 *
 * Git changes a file by making FILE.lock, which must not exist, and renaming that over FILE. So
 * while the locks of HEAD, index, packed-refs and config are held, also those of other working
 * trees, no commit, checkout, reset or rebase changes the repository. A new branch needs none of
 * them: a sum of what is there tells whether one came (inodes and times, not contents). A restore
 * holds the locks from the last look at the present directory until another one has its name; they
 * are gone with the old directory.
 *
 * A lock that is there is never taken away, since a git may still run that has it: the restore is
 * refused. But the locks of a restore that was killed have its mark in them, and a restore has the
 * store to itself: those are removed. gc.pid is the lock of a collection.
 */
#include "base/check.h"
#include "base/slice.h"
#include "codec/blake3_hash.h"
#include "gitdir/gitdir_internal.h"

static const char MARK[] = "firn restores this repository\n";
static const char *const LOCKS[] = {"index.lock", "HEAD.lock", "packed-refs.lock", "config.lock",
                                    "reftable/tables.list.lock"};
static const char *const WORKTREE_LOCKS[] = {"index.lock", "HEAD.lock",
                                             "reftable/tables.list.lock"};
static const char MARK_NAME[] = "firn.lock"; /* in the stage, for a moment */
enum {
    LOCK_COUNT = sizeof LOCKS / sizeof LOCKS[0],
    WORKTREE_LOCK_COUNT = sizeof WORKTREE_LOCKS / sizeof WORKTREE_LOCKS[0]
};

struct looking {
    /* Looks at a file or link. */
    int (*visit)(struct looking *looking, const char *name, firn_error *err);
    struct fi_gitdir *gitdir;
    firn_hash *sum;
    bool with_objects; /* directories of objects are looked into */
    struct fi_gitdir_walk walk;
    struct fi_os_dir *dir;
    firn_slice dir_path;
    struct fi_buf path; /* of an entry */
};

/* A branch may be called gc.pid; what git writes stands in a repository itself. */
static bool
is_lock(struct fi_os_dir *dir, const char *name)
{
    static const char suffix[] = ".lock";
    size_t size = strlen(name);
    return (strcmp(name, "gc.pid") == 0 && fi_gitdir_files_has(dir, "HEAD", FI_OS_FILE)) ||
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

/* Whether a name is that of git's objects. A branch may have it, too. */
static bool
is_objects(const struct looking *looking, const char *name)
{
    return !looking->with_objects && strcmp(name, "objects") == 0 &&
           fi_gitdir_files_has(looking->dir, "HEAD", FI_OS_FILE);
}

static int
look_at(void *ctx, const char *name, enum fi_os_kind kind, firn_error *err)
{
    struct looking *looking = ctx;
    if (kind == FI_OS_DIR) {
        return is_objects(looking, name)
                   ? FIRN_OK
                   : fi_gitdir_walk_add(&looking->walk, 0, looking->dir_path, name, err);
    }
    FI_TRY_RETURN(fi_gitdir_files_path(looking->dir_path, name, &looking->path, err));
    return looking->visit(looking, name, err);
}

/* The store must not be in what is replaced. */
static int
check_store(const struct looking *looking, struct fi_os_dir *dir, firn_error *err)
{
    const struct fi_ws_opened *opened = looking->gitdir->request->opened;
    struct fi_os_stat store;
    struct fi_os_stat stat;
    if (opened->store_dir == NULL) {
        return FIRN_OK;
    }
    FI_TRY_RETURN(fi_os_dir_stat(opened->store_dir, &store, err));
    FI_TRY_RETURN(fi_os_dir_stat(dir, &stat, err));
    return stat.device == store.device && stat.inode == store.inode
               ? fi_error_set(err, FIRN_INVALID,
                              "the store is in it, and would be lost with it: move the store "
                              "elsewhere")
               : FIRN_OK;
}

static int
look_into(struct looking *looking, const char *path, firn_error *err)
{
    int rc = fi_os_dir_open_beneath(looking->gitdir->present, path, &looking->dir, err);
    if (rc != FIRN_OK) {
        return rc == FIRN_NOT_FOUND ? FIRN_OK : rc; /* it is gone, or a link */
    }
    looking->dir_path = firn_str(path);
    FI_TRY(check_store(looking, looking->dir, err));
    rc = fi_gitdir_walk_list(looking->dir, look_at, looking, err);
out:
    fi_os_dir_close(looking->dir);
    return rc;
}

/* Visits what is in the present directory. */
static int
look(struct looking *looking, firn_error *err)
{
    int rc;
    FI_TRY(fi_gitdir_walk_add(&looking->walk, 0, firn_bytes(NULL, 0), "", err));
    for (;;) {
        const char *path;
        uint8_t mark;
        FI_TRY(fi_gitdir_walk_next(&looking->walk, &mark, &path, err));
        if (path == NULL) {
            break;
        }
        FI_TRY(look_into(looking, path, err));
    }
out:
    fi_gitdir_walk_deinit(&looking->walk);
    fi_buf_deinit(&looking->path);
    return rc;
}

/* A lock among the objects is that of a collection, which changes nothing else. */
static bool
is_of_objects(const char *path)
{
    return strncmp(path, "objects/", 8) == 0 || strstr(path, "/objects/") != NULL;
}

static int
visit_lock(struct looking *looking, const char *name, firn_error *err)
{
    struct fi_os_dir *dir = looking->dir;
    if (!is_lock(dir, name) || is_of_objects((const char *)looking->path.data) ||
        !fi_gitdir_files_has(dir, name, FI_OS_FILE)) {
        return FIRN_OK;
    }
    return is_ours(dir, name) ? fi_gitdir_files_remove(dir, name, err)
                              : refuse(looking->gitdir, fi_buf_slice(&looking->path), err);
}

int
fi_gitdir_locks_check(struct fi_gitdir *gitdir, firn_error *err)
{
    struct looking looking = {.visit = visit_lock, .gitdir = gitdir, .with_objects = true};
    return look(&looking, err);
}

/* The order of entries does not matter: the hashes of all are added. */
static int
visit_sum(struct looking *looking, const char *name, firn_error *err)
{
    struct fi_os_dir *dir = looking->dir;
    struct fi_os_stat stat;
    firn_hash hashes[2];
    firn_hash hash;
    if (is_lock(dir, name) ||
        fi_slice_has_prefix(fi_buf_slice(&looking->path), firn_str("fsmonitor--daemon"))) {
        return FIRN_OK;
    }
    int rc = fi_os_stat(dir, name, &stat, err);
    if (rc != FIRN_OK) {
        return rc == FIRN_NOT_FOUND ? FIRN_OK : rc; /* the sum is another one without it */
    }
    const uint64_t facts[] = {stat.kind, stat.inode, stat.size_bytes, (uint64_t)stat.mtime_ns,
                              (uint64_t)stat.ctime_ns};
    fi_blake3_hash_of(looking->path.data, looking->path.size, &hashes[0]);
    fi_blake3_hash_of(facts, sizeof facts, &hashes[1]);
    fi_blake3_hash_of(hashes, sizeof hashes, &hash);
    for (size_t i = 0; i < sizeof hash.bytes; i++) {
        looking->sum->bytes[i] = (uint8_t)(looking->sum->bytes[i] + hash.bytes[i]);
    }
    return FIRN_OK;
}

int
fi_gitdir_locks_sum(struct fi_gitdir *gitdir, firn_hash *out, firn_error *err)
{
    struct looking looking = {.visit = visit_sum, .gitdir = gitdir, .sum = out};
    *out = (firn_hash){{0}};
    return look(&looking, err);
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

/* Splits the path of a lock, and opens its directory. FIRN_NOT_FOUND: that is not there. */
static int
open_directory(struct fi_gitdir *gitdir, const char *path, struct fi_os_dir **out,
               const char **out_name, firn_error *err)
{
    const char *slash = strrchr(path, '/');
    struct fi_buf dir = {0};
    int rc;
    *out_name = slash != NULL ? slash + 1 : path;
    if (fi_buf_append(&dir, path, slash != NULL ? (size_t)(slash - path) : 0) != FIRN_OK ||
        fi_buf_append_u8(&dir, '\0') != FIRN_OK) {
        rc = fi_error_no_memory(err, "a path");
        goto out;
    }
    rc = fi_os_dir_open_beneath(gitdir->present, (const char *)dir.data, out, err);
out:
    fi_buf_deinit(&dir);
    return rc;
}

static int
take_one(struct fi_gitdir *gitdir, firn_slice dir_path, const char *lock, firn_error *err)
{
    struct fi_buf path = {0};
    struct fi_os_dir *dir = NULL;
    const char *name;
    int rc;
    FI_TRY(fi_gitdir_files_path(dir_path, lock, &path, err));
    rc = open_directory(gitdir, (const char *)path.data, &dir, &name, err);
    if (rc != FIRN_OK) {
        rc = rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
        goto out;
    }
    if (fi_buf_reserve(&gitdir->locks, path.size + 1) != FIRN_OK) {
        rc = fi_error_no_memory(err, "a list of paths");
        goto out;
    }
    rc = fi_os_link(gitdir->stage, MARK_NAME, dir, name, err);
    if (rc == FIRN_OK) {
        FI_IGNORE(fi_buf_append(&gitdir->locks, path.data, path.size + 1)); /* reserved */
    } else if (rc == FIRN_EXISTS) {
        rc = refuse(gitdir, fi_buf_slice(&path), err);
    }
out:
    fi_os_dir_close(dir);
    fi_buf_deinit(&path);
    return rc;
}

/* Those of another working tree. */
static int
take_of_worktree(void *ctx, const char *name, enum fi_os_kind kind, firn_error *err)
{
    struct fi_buf path = {0};
    int rc = FIRN_OK;
    if (kind == FI_OS_DIR) {
        rc = fi_gitdir_files_path(firn_str("worktrees"), name, &path, err);
        for (size_t i = 0; rc == FIRN_OK && i < WORKTREE_LOCK_COUNT; i++) {
            rc = take_one(ctx, fi_buf_slice(&path), WORKTREE_LOCKS[i], err);
        }
    }
    fi_buf_deinit(&path);
    return rc;
}

static int
take_of_worktrees(struct fi_gitdir *gitdir, firn_error *err)
{
    struct fi_os_dir *dir = NULL;
    int rc = fi_os_dir_open_beneath(gitdir->present, "worktrees", &dir, err);
    if (rc != FIRN_OK) {
        return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
    }
    rc = fi_gitdir_walk_list(dir, take_of_worktree, gitdir, err);
    fi_os_dir_close(dir);
    return rc;
}

static int
take_all(struct fi_gitdir *gitdir, firn_error *err)
{
    int rc;
    for (size_t i = 0; i < LOCK_COUNT; i++) {
        FI_TRY(take_one(gitdir, firn_bytes(NULL, 0), LOCKS[i], err));
    }
    rc = take_of_worktrees(gitdir, err);
out:
    if (rc != FIRN_OK) {
        fi_gitdir_locks_release(gitdir);
    }
    return rc;
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
    for (size_t at = 0; at < gitdir->locks.size;) {
        const char *path = (const char *)gitdir->locks.data + at;
        struct fi_os_dir *dir = NULL;
        const char *name;
        if (open_directory(gitdir, path, &dir, &name, NULL) == FIRN_OK) {
            FI_IGNORE(fi_gitdir_files_remove(dir, name, NULL));
        }
        fi_os_dir_close(dir);
        at += strlen(path) + 1;
    }
    fi_buf_clear(&gitdir->locks);
}
