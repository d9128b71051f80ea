/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz/git: the files of a git repository around a workspace, made of hostile bytes.
 *
 * The input is the contents of several files, with a byte 0xFF between them; the last one is git's index. Whatever they are: the branch that is
 * read could be shown and stored, the commit is a hash, and a checkpoint's record with both can be read again.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "base/slice.h"
#include "catalog/catalog_record.h"
#include "hosted/os_ram.h"
#include "place/place.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LIMIT_BYTES = 4 << 20, SIZE_MAX_OF_INPUT = 64 << 10 };

static const char *const files[][2] = {
    {"/w/.git", "HEAD"},
    {"/w/.git", "packed-refs"},
    {"/w/.git/refs/heads", "main"},
    {"/w/.git", "commondir"},
    {"/w/below", ".git"},
    {"/w/.git/refs/heads/a", "b"},
    {"/w/.git/worktrees/t", "HEAD"},
    {"/w/.git/worktrees/t", "commondir"},
    {"/w/.git", "index"}, /* the last one: the rest of the input, with any bytes */
};

static void
put(struct fi_os *os, const char *folder, const char *name, firn_slice bytes)
{
    char path[64];
    struct fi_os_dir *dir;
    struct fi_os_file *file;
    for (const char *at = folder + 1; at != NULL;
         at = strchr(at, '/') != NULL ? strchr(at, '/') + 1 : NULL) {
        const char *end = strchr(at, '/');
        size_t above = (size_t)(at - folder);
        size_t size = end != NULL ? (size_t)(end - at) : strlen(at);
        memcpy(path, folder, above);
        path[above] = '\0';
        CHECK(fi_os_dir_open_path(os, path, &dir, NULL) == FIRN_OK);
        memcpy(path, at, size);
        path[size] = '\0';
        int rc = fi_os_make_dir(dir, path, 0755, NULL);
        CHECK(rc == FIRN_OK || rc == FIRN_EXISTS);
        fi_os_dir_close(dir);
    }
    CHECK(fi_os_dir_open_path(os, folder, &dir, NULL) == FIRN_OK);
    CHECK(fi_os_file_open(dir, name, FI_OS_WRITE | FI_OS_CREATE, 0644, &file, NULL) == FIRN_OK);
    CHECK(fi_os_file_write(file, 0, bytes.data, bytes.size, NULL) == FIRN_OK);
    fi_os_file_close(file);
    fi_os_dir_close(dir);
}

static void
check(struct fi_os *os, const char *root)
{
    firn_workspace_git git;
    struct fi_os_dir *dir;
    memset(&git, 'x', sizeof git);
    fi_place_git_read(os, root, &git);
    CHECK(fi_os_dir_open_path(os, root, &dir, NULL) == FIRN_OK);
    CHECK(!fi_place_git_is_lost(dir) || strcmp(root, "/w") != 0); /* that one is a directory */
    fi_os_dir_close(dir);
    CHECK(memchr(git.branch, '\0', sizeof git.branch) != NULL);
    CHECK(memchr(git.commit, '\0', sizeof git.commit) != NULL);
    size_t commit = strlen(git.commit);
    CHECK(commit == 0 || commit == 40 || commit == 64);
    CHECK(strspn(git.commit, "0123456789abcdef") == commit);
    for (const char *at = git.branch; *at != '\0'; at++) {
        CHECK((uint8_t)*at > ' ' && *at != 0x7F);
    }
    CHECK(strstr(git.branch, "..") == NULL);

    struct fi_catalog_record record = {.order = 1,
                                       .number = 1,
                                       .created_ns = 1,
                                       .workspace_path = firn_str("/w"),
                                       .root = {.kind = FI_TREE_DIR, .mode = 0755},
                                       .git = git};
    struct fi_catalog_record read;
    struct fi_buf bytes = {0};
    CHECK(fi_catalog_record_encode(&record, &bytes) == FIRN_OK);
    CHECK(fi_catalog_record_decode(fi_buf_slice(&bytes), &read, NULL) == FIRN_OK);
    CHECK(strcmp(read.git.branch, git.branch) == 0 && strcmp(read.git.commit, git.commit) == 0);
    fi_buf_deinit(&bytes);
}

/* Whatever the index is: it is read the same way twice, and what is tracked below a directory stands in it. */
static void
check_index(struct fi_os *os)
{
    struct fi_os_dir *repository;
    bool is_tracked = fi_place_git_tracks(os, "/w", ".firn");
    CHECK(is_tracked == fi_place_git_tracks(os, "/w", ".firn"));
    (void)fi_place_git_tracks(os, "/w/below", ".firn");
    if (fi_os_dir_open_path(os, "/w/.git", &repository, NULL) == FIRN_OK) {
        CHECK(!is_tracked || fi_place_git_index_has(repository, firn_str(".firn/")));
        (void)fi_place_git_index_has(repository, firn_str("a/"));
        fi_os_dir_close(repository);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fi_os *os;
    if (size > SIZE_MAX_OF_INPUT) {
        return 0;
    }
    CHECK(fi_os_ram_create(LIMIT_BYTES, &os, NULL) == FIRN_OK);
    put(os, "/w/below", "file", firn_str("content"));
    for (size_t i = 0; i < sizeof files / sizeof files[0] && size > 0; i++) {
        bool is_last = i + 1 == sizeof files / sizeof files[0];
        const uint8_t *end = is_last ? NULL : memchr(data, 0xFF, size);
        size_t part = end != NULL ? (size_t)(end - data) : size;
        if (part > 0) {
            put(os, files[i][0], files[i][1], firn_bytes(data, part));
        }
        part += end != NULL ? 1 : 0;
        data += part;
        size -= part;
    }
    check(os, "/w");
    check(os, "/w/below");
    check_index(os);
    fi_os_ram_destroy(os);
    return 0;
}
