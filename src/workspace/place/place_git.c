/* SPDX-License-Identifier: Apache-2.0
 *
 * place/place_git.c: the branch and the commit of the git repository that a directory is in.
 *
 * Only what git's file formats promise is read, without git: HEAD, the file of the branch,
 * packed-refs; "gitdir: PATH" in a file .git (worktrees, submodules); "commondir" in a worktree's
 * directory. A repository whose references are in tables (reftable) has neither of these: nothing
 * is known of it.
 *
 * These files are untrusted input: anyone who can write into the directory can write them, and they
 * must not make a save fail. So each file must be regular, not a link, and no larger than a limit,
 * and the name of a reference is checked before it becomes a path (I1). A file counts as missing if
 * it is damaged, too large or not understood, if it cannot be read, or if memory runs out for it.
 * Nothing here fails. The result only labels a checkpoint; nothing else depends on it.
 */
#include "base/buf.h"
#include "base/check.h"
#include "base/slice.h"
#include "os/os.h"
#include "place/place.h"

enum {
    TEXT_SIZE_MAX = 4096,
    PACKED_SIZE_MAX = 16 << 20,
    LEVELS_MAX = 64,
    HASH_SIZE = 40,
    LONG_HASH_SIZE = 64
};

/* A file's text with a NUL, without the white space at its end. */
static bool
read_text(struct fi_os_dir *dir, const char *name, size_t size_max, struct fi_buf *out)
{
    struct fi_os_file *file = NULL;
    struct fi_os_stat stat;
    size_t size = 0;
    fi_buf_clear(out);
    bool is_read =
        fi_os_file_open_stat(dir, name, FI_OS_READ, 0, &file, &stat, NULL) == FIRN_OK &&
        stat.size_bytes <= size_max &&
        fi_buf_set_size(out, (size_t)stat.size_bytes + 1) == FIRN_OK &&
        fi_os_file_read(file, 0, out->data, (size_t)stat.size_bytes, &size, NULL) == FIRN_OK;
    fi_os_file_close(file);
    if (!is_read || (size > 0 && memchr(out->data, '\0', size) != NULL)) {
        return false;
    }
    while (size > 0 && out->data[size - 1] <= ' ') {
        size--;
    }
    out->data[size] = '\0';
    out->size = size;
    return size > 0;
}

/* The directory at a path that starts at another one. */
static struct fi_os_dir *
open_from(struct fi_os_dir *from, const char *path)
{
    struct fi_buf whole = {0};
    struct fi_os_dir *dir = NULL;
    bool is_relative = path[0] != '/';
    if (fi_buf_append_format(&whole, "%s%s%s", is_relative ? fi_os_dir_path(from) : "",
                             is_relative ? "/" : "", path) == FIRN_OK &&
        fi_buf_append_u8(&whole, '\0') == FIRN_OK &&
        fi_os_dir_open_path(fi_os_dir_os(from), (const char *)whole.data, &dir, NULL) != FIRN_OK) {
        dir = NULL;
    }
    fi_buf_deinit(&whole);
    return dir;
}

/* The directory that .git is or names; NULL if there is none. */
static struct fi_os_dir *
open_repository(struct fi_os_dir *dir)
{
    static const char name[] = ".git";
    static const char prefix[] = "gitdir: ";
    struct fi_os_dir *found = open_from(dir, name);
    struct fi_buf text = {0};
    if (found == NULL && read_text(dir, name, TEXT_SIZE_MAX, &text) &&
        strncmp((const char *)text.data, prefix, sizeof prefix - 1) == 0) {
        found = open_from(dir, (const char *)text.data + sizeof prefix - 1);
    }
    fi_buf_deinit(&text);
    return found;
}

bool
fi_place_git_is_lost(struct fi_os_dir *dir)
{
    struct fi_os_stat stat;
    struct fi_os_dir *found = NULL;
    bool is_lost = false;
    if (fi_os_stat(dir, ".git", &stat, NULL) == FIRN_OK && stat.kind == FI_OS_FILE) {
        found = open_repository(dir);
        is_lost = found == NULL;
    }
    fi_os_dir_close(found);
    return is_lost;
}

static bool
is_hash(firn_slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        uint8_t digit = text.data[i];
        if ((digit < '0' || digit > '9') && (digit < 'a' || digit > 'f')) {
            return false;
        }
    }
    return text.size == HASH_SIZE || text.size == LONG_HASH_SIZE;
}

static void
keep_hash(firn_slice hash, firn_workspace_git *out)
{
    DCHECK(hash.size < sizeof out->commit);
    memcpy(out->commit, hash.data, hash.size);
    out->commit[hash.size] = '\0';
}

/* Whether it is the name of a reference, and so a path without "..", links of its own, or an empty
 * component. */
static bool
is_reference(const char *name)
{
    const size_t size = strlen(name);
    if (size >= FIRN_WORKSPACE_GIT_BRANCH_SIZE || strncmp(name, "refs/", 5) != 0 ||
        name[size - 1] == '/' || strstr(name, "..") != NULL || strstr(name, "//") != NULL ||
        strstr(name, "/.") != NULL) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        if ((uint8_t)name[i] <= ' ' || name[i] == 0x7F || strchr("~^:?*[\\", name[i]) != NULL) {
            return false;
        }
    }
    return true;
}

/* Lines "<hash> <name>". */
static void
find_packed(firn_slice text, const char *name, firn_workspace_git *out)
{
    size_t name_size = strlen(name);
    while (text.size > 0) {
        const uint8_t *end = memchr(text.data, '\n', text.size);
        size_t size = end != NULL ? (size_t)(end - text.data) : text.size;
        if (size > name_size && text.data[size - name_size - 1] == ' ' &&
            memcmp(text.data + size - name_size, name, name_size) == 0 &&
            is_hash(firn_bytes(text.data, size - name_size - 1))) {
            keep_hash(firn_bytes(text.data, size - name_size - 1), out);
            return;
        }
        size += end != NULL ? 1 : 0;
        text = firn_bytes(text.data + size, text.size - size);
    }
}

static void
look_up(struct fi_os_dir *repository, const char *name, firn_workspace_git *out)
{
    DCHECK(is_reference(name)); /* (I1) */
    char folder[FIRN_WORKSPACE_GIT_BRANCH_SIZE];
    struct fi_os_dir *dir = NULL;
    struct fi_buf text = {0};
    size_t size = (size_t)(strrchr(name, '/') - name);
    memcpy(folder, name, size);
    folder[size] = '\0';
    bool is_loose = fi_os_dir_open_beneath(repository, folder, &dir, NULL) == FIRN_OK &&
                    read_text(dir, name + size + 1, TEXT_SIZE_MAX, &text);
    if (is_loose && is_hash(fi_buf_slice(&text))) {
        keep_hash(fi_buf_slice(&text), out);
    } else if (!is_loose && read_text(repository, "packed-refs", PACKED_SIZE_MAX, &text)) {
        find_packed(fi_buf_slice(&text), name, out);
    }
    fi_os_dir_close(dir);
    fi_buf_deinit(&text);
}

static bool
read_head(struct fi_os_dir *repository, firn_workspace_git *out)
{
    static const char prefix[] = "ref: ";
    static const char heads[] = "refs/heads/";
    struct fi_buf head = {0};
    struct fi_buf common = {0};
    struct fi_os_dir *shared = NULL;
    bool is_read = read_text(repository, "HEAD", TEXT_SIZE_MAX, &head);
    bool is_symbolic = is_read && strncmp((const char *)head.data, prefix, sizeof prefix - 1) == 0;
    const char *name = is_symbolic ? (const char *)head.data + sizeof prefix - 1 : "";
    if (is_read && is_hash(fi_buf_slice(&head))) {
        keep_hash(fi_buf_slice(&head), out);
    } else if (is_reference(name)) {
        bool is_branch = strncmp(name, heads, sizeof heads - 1) == 0;
        const char *branch = name + (is_branch ? sizeof heads - 1 : sizeof "refs/" - 1);
        memcpy(out->branch, branch, strlen(branch) + 1);
        if (read_text(repository, "commondir", TEXT_SIZE_MAX, &common)) {
            shared = open_from(repository, (const char *)common.data);
        }
        look_up(shared != NULL ? shared : repository, name, out);
    }
    fi_os_dir_close(shared);
    fi_buf_deinit(&common);
    fi_buf_deinit(&head);
    return out->branch[0] != '\0' || out->commit[0] != '\0';
}

/* Opens the repository that a directory, given by its real path, is in, and reads its HEAD; NULL if
 * there is none. *out_top_size is the size of the path of the repository's top, without a slash at
 * its end. */
static struct fi_os_dir *
find_repository(struct fi_os *os, const char *root, firn_workspace_git *out, size_t *out_top_size)
{
    struct fi_buf path = {0};
    struct fi_os_dir *repository = NULL;
    *out = (firn_workspace_git){.branch = ""};
    *out_top_size = 0;
    if (fi_buf_append_str(&path, root) != FIRN_OK || fi_buf_append_u8(&path, '\0') != FIRN_OK) {
        goto out;
    }
    char *text = (char *)path.data;
    for (int level = 0; level < LEVELS_MAX && repository == NULL && text[0] == '/'; level++) {
        struct fi_os_dir *dir = NULL;
        if (fi_os_dir_open_path(os, text, &dir, NULL) == FIRN_OK) {
            repository = open_repository(dir);
        }
        if (repository != NULL && !read_head(repository, out)) {
            fi_os_dir_close(repository);
            repository = NULL;
        }
        fi_os_dir_close(dir);
        *out_top_size = text[1] == '\0' ? 0 : strlen(text);
        char *slash = strrchr(text, '/');
        if (slash == text && text[1] == '\0') {
            break;
        }
        slash[slash == text ? 1 : 0] = '\0'; /* "/" comes last */
    }
out:
    fi_buf_deinit(&path);
    return repository;
}

void
fi_place_git_read(struct fi_os *os, const char *root, firn_workspace_git *out)
{
    size_t top_size;
    fi_os_dir_close(find_repository(os, root, out, &top_size));
}

bool
fi_place_git_tracks(struct fi_os *os, const char *root, const char *name)
{
    firn_workspace_git head;
    size_t top_size;
    struct fi_buf below = {0};
    DCHECK(root[0] == '/' && strchr(name, '/') == NULL);
    struct fi_os_dir *repository = find_repository(os, root, &head, &top_size);
    const char *rest = root + top_size;
    rest += *rest == '/' ? 1 : 0;
    bool is_tracked =
        repository != NULL &&
        fi_buf_append_format(&below, "%s%s%s/", rest, *rest != '\0' ? "/" : "", name) == FIRN_OK &&
        fi_place_git_index_has(repository, fi_buf_slice(&below));
    fi_buf_deinit(&below);
    fi_os_dir_close(repository);
    return is_tracked;
}
