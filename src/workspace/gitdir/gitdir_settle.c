/* SPDX-License-Identifier: Apache-2.0
 *
 * gitdir/gitdir_settle.c: what a restored repository may run, and where it may lead.
 *
 * Git runs the programs that its configuration names, and its hooks. So neither comes out of a
 * checkpoint unless the user has asked for all of it (I1; not checked: see below). Where the
 * present repository has them, they stay as they are now; where it does not, the settings that run
 * nothing are restored (repository_config.c), and of the hooks the samples. What was left out is
 * named.
 *
 * Other files say where git reads and writes: links, commondir, the list of other places of
 * objects, the places of worktrees. A checkpoint that was made in this workspace has them as they
 * were here. One from elsewhere must not decide where something is written, so of such a one they
 * are removed, as is what an interrupted rebase would run (I2; not checked: see below).
 *
 * Such names mean this only where git looks for them: directly in the directory of a repository or
 * worktree, or in its "info" and that of its objects. A branch, a submodule or a worktree may have
 * any of them. So each directory is visited with its zone. One anywhere else that git would take
 * for a repository, since it has the same entries, is treated as one.
 *
 * A file system may treat two names as one. Where names count, one that differs from a special
 * name by case alone is removed, and of a checkpoint from elsewhere every name that is not plain.
 *
 * All of this happens in the stage, before it becomes .git. Neither is checked here: tests restore
 * repositories that were made for it.
 */
#include "base/check.h"
#include "base/slice.h"
#include "checkout/checkout.h"
#include "gitdir/gitdir_internal.h"
#include "repository/repository_config.h"

enum { HOOK_SIZE_MAX = 16 << 20, TEXT_SIZE_MAX = 4096 };

enum zone {
    ZONE_REPOSITORY, /* git's directory */
    ZONE_WORKTREE,   /* that of a worktree */
    ZONE_OBJECTS,
    ZONE_INFO,      /* "info", of a repository or of its objects */
    ZONE_MODULES,   /* it holds the directories of submodules, at any depth */
    ZONE_WORKTREES, /* it holds those of worktrees */
    ZONE_INSIDE     /* no name in it is special */
};

enum role {
    ROLE_CONFIG,
    ROLE_HOOKS,
    ROLE_LEADS, /* says where git reads or writes, or what an interrupted command runs next */
    ROLE_COMMONDIR,
    ROLE_PLACE /* holds what is special */
};

static const struct special {
    const char *name;
    enum role role;
    enum zone below; /* of ROLE_PLACE */
} SPECIAL[] = {
    {"config", ROLE_CONFIG, 0},
    {"config.worktree", ROLE_CONFIG, 0},
    {"hooks", ROLE_HOOKS, 0},
    {"gitdir", ROLE_LEADS, 0},
    {"alternates", ROLE_LEADS, 0},
    {"http-alternates", ROLE_LEADS, 0},
    {"grafts", ROLE_LEADS, 0},
    {"rebase-merge", ROLE_LEADS, 0},
    {"rebase-apply", ROLE_LEADS, 0},
    {"sequencer", ROLE_LEADS, 0},
    {"commondir", ROLE_COMMONDIR, 0},
    {"objects", ROLE_PLACE, ZONE_OBJECTS},
    {"info", ROLE_PLACE, ZONE_INFO},
    {"modules", ROLE_PLACE, ZONE_MODULES},
    {"worktrees", ROLE_PLACE, ZONE_WORKTREES},
};

/* A directory of the stage that may have such files. */
struct settling {
    struct fi_gitdir *gitdir;
    struct fi_os_dir *dir;
    struct fi_os_dir *present; /* the same in the present repository; NULL: it is not there */
    firn_slice path;           /* in git's directory */
    enum zone zone;
    struct fi_gitdir_walk walk; /* the further ones; the mark is the zone */
};

/* Its hooks, and the present ones. */
struct hooks {
    struct settling *settling;
    struct fi_os_dir *dir;
    struct fi_os_dir *present; /* NULL: there are none */
};

static int
leave(struct settling *settling, const char *dir, const char *name, firn_error *err)
{
    struct fi_buf *left = settling->gitdir->left;
    return (settling->path.size == 0 || (fi_buf_append_slice(left, settling->path) == FIRN_OK &&
                                         fi_buf_append_u8(left, '/') == FIRN_OK)) &&
                   fi_buf_append_str(left, dir) == FIRN_OK &&
                   fi_buf_append(left, name, strlen(name) + 1) == FIRN_OK
               ? FIRN_OK
               : fi_error_no_memory(err, "a list of paths");
}

/* ---- configuration ---- */

/* Whether a worktree that a repository at this path names, from there, is in the workspace. Only
 * the text is judged: a link could lead elsewhere, so no checkpoint from elsewhere names one. Git
 * finds the worktree of a submodule without it, from the .git there. */
static bool
may_lead(void *ctx, firn_slice worktree)
{
    const struct settling *settling = ctx;
    size_t depth = 0;
    const firn_slice parts[] = {settling->gitdir->request->path, settling->path, worktree};
    if (!settling->gitdir->request->is_own || worktree.size == 0 || worktree.data[0] == '/' ||
        memchr(worktree.data, '\0', worktree.size)) {
        return false;
    }
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        for (size_t at = 0; at < parts[i].size;) {
            const uint8_t *end = memchr(parts[i].data + at, '/', parts[i].size - at);
            size_t size = end != NULL ? (size_t)(end - parts[i].data) - at : parts[i].size - at;
            const firn_slice part = firn_bytes(parts[i].data + at, size);
            const bool is_up = fi_slice_equal(part, firn_str(".."));
            if (is_up && depth == 0) {
                return false;
            }
            if (i == 2 && !is_up && fi_tree_reserved_name(part) != NULL) {
                return false;
            }
            depth += is_up ? (size_t)-1 : size > 0 && !fi_slice_equal(part, firn_str("."));
            at += size + 1;
        }
    }
    return true;
}

static int
filter_config(struct settling *settling, const char *name, firn_slice text, firn_error *err)
{
    struct fi_buf kept = {0};
    struct fi_buf left = {0};
    int rc;
    FI_TRY(fi_repository_config_filter(text, may_lead, settling, &kept, &left, err));
    for (size_t at = 0; at < left.size;) {
        const char *setting = (const char *)left.data + at;
        FI_TRY(leave(settling, "", strcmp(setting, "?") == 0 ? name : setting, err));
        at += strlen(setting) + 1;
    }
    if (left.size > 0) { /* otherwise the file stays as it is */
        rc = fi_gitdir_files_write(settling->dir, name, 0644, fi_buf_slice(&kept), err);
    }
out:
    fi_buf_deinit(&kept);
    fi_buf_deinit(&left);
    return rc;
}

static int
settle_config(struct settling *settling, const char *name, firn_error *err)
{
    struct fi_buf text = {0};
    struct fi_buf now = {0};
    const size_t most = FI_REPOSITORY_CONFIG_SIZE_MAX;
    int rc = fi_gitdir_files_read(settling->dir, name, most, &text, err);
    if (rc == FIRN_LIMIT || rc == FIRN_INVALID) { /* too large, or a link */
        rc = fi_gitdir_files_remove(settling->dir, name, err);
        rc = rc == FIRN_OK ? leave(settling, "", name, err) : rc;
        goto out;
    }
    FI_TRY(rc);
    if (settling->present != NULL &&
        fi_gitdir_files_read(settling->present, name, most, &now, NULL) == FIRN_OK) {
        if (!fi_slice_equal(fi_buf_slice(&text), fi_buf_slice(&now))) {
            FI_TRY(leave(settling, "", name, err));
            FI_TRY(fi_gitdir_files_write(settling->dir, name, 0644, fi_buf_slice(&now), err));
        }
        goto out;
    }
    rc = filter_config(settling, name, fi_buf_slice(&text), err);
out:
    fi_buf_deinit(&text);
    fi_buf_deinit(&now);
    return rc;
}

/* ---- hooks ---- */

static bool
is_sample(const char *name)
{
    static const char suffix[] = ".sample";
    size_t size = strlen(name);
    return size >= sizeof suffix && strcmp(name + size - (sizeof suffix - 1), suffix) == 0;
}

/* Whether the present hooks have the same entry. */
static bool
has_same_hook(struct fi_os_dir *dir, struct fi_os_dir *present, const char *name)
{
    struct fi_buf a = {0};
    struct fi_buf b = {0};
    bool is_same = present != NULL &&
                   fi_gitdir_files_read(dir, name, HOOK_SIZE_MAX, &a, NULL) == FIRN_OK &&
                   fi_gitdir_files_read(present, name, HOOK_SIZE_MAX, &b, NULL) == FIRN_OK &&
                   fi_slice_equal(fi_buf_slice(&a), fi_buf_slice(&b));
    fi_buf_deinit(&a);
    fi_buf_deinit(&b);
    return is_same;
}

static int
remove_named(struct fi_os_dir *dir, const char *name, enum fi_os_kind kind, firn_error *err)
{
    struct fi_buf path = {0};
    if (kind != FI_OS_DIR) {
        return fi_gitdir_files_remove(dir, name, err);
    }
    int rc = fi_buf_append_str(&path, name) == FIRN_OK
                 ? fi_checkout_clear_tree(dir, &path, path.size, err)
                 : fi_error_no_memory(err, "a path");
    fi_buf_deinit(&path);
    return rc;
}

/* Removes a hook of the checkpoint, and names it if it differs from the present one. */
static int
remove_hook(void *ctx, const char *name, enum fi_os_kind kind, firn_error *err)
{
    const struct hooks *hooks = ctx;
    if (kind == FI_OS_FILE && is_sample(name)) {
        return FIRN_OK;
    }
    if (!has_same_hook(hooks->dir, hooks->present, name)) {
        FI_TRY_RETURN(leave(hooks->settling, "hooks/", name, err));
    }
    return remove_named(hooks->dir, name, kind, err);
}

static int
copy_hook(void *ctx, const char *name, enum fi_os_kind kind, firn_error *err)
{
    const struct hooks *hooks = ctx;
    struct fi_os_dir *from = hooks->present;
    struct fi_os_dir *to = hooks->dir;
    struct fi_buf content = {0};
    struct fi_os_stat stat;
    int rc;
    FI_TRY(fi_os_stat(from, name, &stat, err));
    if (kind == FI_OS_FILE) {
        FI_TRY(fi_gitdir_files_read(from, name, HOOK_SIZE_MAX, &content, err));
        rc = fi_gitdir_files_write(to, name, stat.mode, fi_buf_slice(&content), err);
    } else if (kind == FI_OS_SYMLINK) {
        FI_TRY(fi_os_read_symlink(from, name, &content, err));
        FI_TRY(fi_gitdir_files_remove(to, name, err));
        const char *target = fi_buf_text(&content);
        rc = target != NULL ? fi_os_make_symlink(to, name, target, err)
                            : fi_error_no_memory(err, "a link");
    }
out:
    fi_buf_deinit(&content);
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

static int
settle_hooks(struct settling *settling, firn_error *err)
{
    struct hooks hooks = {.settling = settling};
    int rc;
    FI_TRY(fi_os_dir_open(settling->dir, "hooks", &hooks.dir, err));
    if (settling->present != NULL &&
        fi_os_dir_open(settling->present, "hooks", &hooks.present, NULL) != FIRN_OK) {
        hooks.present = NULL;
    }
    FI_TRY(fi_gitdir_walk_list(hooks.dir, remove_hook, &hooks, err));
    rc = hooks.present != NULL ? fi_gitdir_walk_list(hooks.present, copy_hook, &hooks, err)
                               : FIRN_OK;
out:
    fi_os_dir_close(hooks.dir);
    fi_os_dir_close(hooks.present);
    return rc;
}

/* ---- where git looks and writes ---- */

/* The directory of a worktree says that the repository is two levels above it. */
static bool
is_usual_commondir(struct settling *settling, const char *name)
{
    struct fi_buf text = {0};
    bool is_usual =
        settling->zone == ZONE_WORKTREE &&
        fi_gitdir_files_read(settling->dir, name, TEXT_SIZE_MAX, &text, NULL) == FIRN_OK &&
        fi_slice_equal(fi_buf_slice(&text), firn_str("../..\n"));
    fi_buf_deinit(&text);
    return is_usual;
}

static bool
has_special_names(enum zone zone)
{
    return zone == ZONE_REPOSITORY || zone == ZONE_WORKTREE || zone == ZONE_OBJECTS ||
           zone == ZONE_INFO;
}

static bool
is_same_but_for_case(const char *a, const char *b)
{
    for (; *a != '\0' || *b != '\0'; a++, b++) {
        const int folded = *a >= 'A' && *a <= 'Z' ? *a - 'A' + 'a' : *a;
        if (folded != *b) {
            return false;
        }
    }
    return true;
}

/* The special name that a name of this directory is, or may become; NULL: none. */
static const struct special *
find_special(const struct settling *settling, const char *name)
{
    for (size_t i = 0; has_special_names(settling->zone) && i < sizeof SPECIAL / sizeof SPECIAL[0];
         i++) {
        if (is_same_but_for_case(name, SPECIAL[i].name)) {
            return &SPECIAL[i];
        }
    }
    return NULL;
}

/* Whether case is all that a file system may ignore of a name (tree_reserved.c says what some
 * ignore). Git's own names are like this. */
static bool
is_plain(const char *name)
{
    size_t size = strlen(name);
    for (size_t i = 0; i < size; i++) {
        if (name[i] < ' ' || name[i] > '}' || name[i] == ':' || name[i] == '\\') {
            return false;
        }
    }
    return size > 0 && name[size - 1] != '.' && name[size - 1] != ' ';
}

/* (I2) */
static bool
leads_somewhere(struct settling *settling, const char *name, enum fi_os_kind kind,
                const struct special *special)
{
    if (kind == FI_OS_SYMLINK) {
        return true;
    }
    if (settling->zone == ZONE_MODULES || settling->zone == ZONE_WORKTREES) {
        return kind != FI_OS_DIR; /* git has no files there */
    }
    if (has_special_names(settling->zone) && !is_plain(name)) {
        return true;
    }
    return special != NULL &&
           (strcmp(name, special->name) != 0 || special->role == ROLE_LEADS ||
            (special->role == ROLE_COMMONDIR && !is_usual_commondir(settling, name)));
}

static int
remove_entry(struct settling *settling, const char *name, enum fi_os_kind kind, firn_error *err)
{
    FI_TRY_RETURN(leave(settling, "", name, err));
    return remove_named(settling->dir, name, kind, err);
}

/* ---- all directories ---- */

/* Of an own checkpoint, these directories of a repository have no such files. */
static bool
may_hold_some(const struct settling *settling, const char *name)
{
    static const char *const plain[] = {"objects", "refs", "logs", "info", "lfs"};
    if (!settling->gitdir->request->is_own || !has_special_names(settling->zone)) {
        return true;
    }
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) {
        if (strcmp(name, plain[i]) == 0) {
            return false;
        }
    }
    return true;
}

static enum zone
zone_below(const struct settling *settling, const struct special *special)
{
    if (special != NULL && special->role == ROLE_PLACE) {
        return special->below;
    }
    switch (settling->zone) {
    case ZONE_MODULES:
        return ZONE_MODULES;
    case ZONE_WORKTREES:
        return ZONE_WORKTREE;
    default:
        return ZONE_INSIDE;
    }
}

static int
settle_entry(void *ctx, const char *name, enum fi_os_kind kind, firn_error *err)
{
    struct settling *settling = ctx;
    const struct fi_gitdir_request *request = settling->gitdir->request;
    const struct special *special = find_special(settling, name);
    const bool is_config = special != NULL && special->role == ROLE_CONFIG;
    const bool is_hooks = special != NULL && special->role == ROLE_HOOKS;
    if (!request->is_own && leads_somewhere(settling, name, kind, special)) {
        return remove_entry(settling, name, kind, err);
    }
    if (!request->all && (is_config || is_hooks)) { /* (I1) */
        if (strcmp(name, special->name) != 0 || is_config == (kind == FI_OS_DIR)) {
            return remove_entry(settling, name, kind, err);
        }
        return is_config ? settle_config(settling, name, err) : settle_hooks(settling, err);
    }
    return kind == FI_OS_DIR && may_hold_some(settling, name)
               ? fi_gitdir_walk_add(&settling->walk, (uint8_t)zone_below(settling, special),
                                    settling->path, name, err)
               : FIRN_OK;
}

/* Where the checkpoint has no configuration or hooks, the present ones still stay. */
static int
keep_present(struct settling *settling, firn_error *err)
{
    struct fi_buf text = {0};
    struct fi_os_dir *present = settling->gitdir->present;
    int rc = FIRN_OK;
    if (settling->gitdir->request->all || present == NULL) {
        return FIRN_OK;
    }
    if (!fi_gitdir_files_has(settling->dir, "config", FI_OS_FILE) &&
        fi_gitdir_files_read(present, "config", FI_REPOSITORY_CONFIG_SIZE_MAX, &text, NULL) ==
            FIRN_OK) {
        FI_TRY(fi_gitdir_files_write(settling->dir, "config", 0644, fi_buf_slice(&text), err));
    }
    if (fi_gitdir_files_has(present, "hooks", FI_OS_DIR) &&
        !fi_gitdir_files_has(settling->dir, "hooks", FI_OS_DIR)) {
        FI_TRY(fi_os_make_dir(settling->dir, "hooks", 0755, err));
        rc = settle_hooks(settling, err);
    }
out:
    fi_buf_deinit(&text);
    return rc;
}

static bool
has_entry(struct fi_os_dir *dir, const char *name)
{
    struct fi_os_stat stat;
    return fi_os_stat(dir, name, &stat, NULL) == FIRN_OK;
}

/* Whether git takes the directory for a repository, if it is led there (is_git_directory): it does
 * not ask whether objects and refs are directories. */
static bool
is_repository(const struct settling *settling)
{
    struct fi_os_dir *dir = settling->dir;
    switch (settling->zone) {
    case ZONE_MODULES: /* a submodule called HEAD has a directory */
        return has_entry(dir, "HEAD") && !fi_gitdir_files_has(dir, "HEAD", FI_OS_DIR);
    case ZONE_OBJECTS:
    case ZONE_INFO:
    case ZONE_INSIDE:
        return has_entry(dir, "HEAD") && (has_entry(dir, "commondir") ||
                                          (has_entry(dir, "objects") && has_entry(dir, "refs")));
    default:
        return false;
    }
}

static int
settle_path(struct settling *settling, enum zone zone, const char *path, firn_error *err)
{
    struct fi_gitdir *gitdir = settling->gitdir;
    int rc;
    settling->path = firn_str(path);
    settling->zone = zone;
    settling->dir = NULL;
    settling->present = NULL;
    FI_TRY(fi_os_dir_open_beneath(gitdir->stage, path, &settling->dir, err));
    if (gitdir->present != NULL &&
        fi_os_dir_open_beneath(gitdir->present, path, &settling->present, NULL) != FIRN_OK) {
        settling->present = NULL;
    }
    settling->zone = is_repository(settling) ? ZONE_REPOSITORY : zone;
    FI_TRY(fi_gitdir_walk_list(settling->dir, settle_entry, settling, err));
    rc = path[0] == '\0' ? keep_present(settling, err) : FIRN_OK;
out:
    fi_os_dir_close(settling->dir);
    fi_os_dir_close(settling->present);
    return rc;
}

int
fi_gitdir_settle(struct fi_gitdir *gitdir, firn_error *err)
{
    struct settling settling = {.gitdir = gitdir};
    int rc;
    if (gitdir->request->all && gitdir->request->is_own) {
        return FIRN_OK;
    }
    FI_TRY(fi_gitdir_walk_add(&settling.walk, ZONE_REPOSITORY, firn_bytes(NULL, 0), "", err));
    for (;;) {
        const char *path;
        uint8_t zone;
        FI_TRY(fi_gitdir_walk_next(&settling.walk, &zone, &path, err));
        if (path == NULL) {
            break;
        }
        FI_TRY(settle_path(&settling, (enum zone)zone, path, err));
    }
out:
    fi_gitdir_walk_deinit(&settling.walk);
    return rc;
}
