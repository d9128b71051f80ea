/* SPDX-License-Identifier: Apache-2.0
 *
 * workspace/ws_place.c: where the store of a workspace lies.
 *
 * Without a store named, it is $XDG_DATA_HOME/firn/<name>-<16 hex digits>, or
 * $HOME/.local/share/firn/…: outside the tree, so that whatever wrecks the tree does not take the
 * history along. The digits are the beginning of the BLAKE3 of the real path, so that equal names
 * of different places do not meet; the name is there for people who look into the folder, and bytes
 * that would be awkward in it become '_'.
 */
#include <stdio.h>

#include "base/mem.h"
#include "codec/blake3_hash.h"
#include "codec/hex.h"
#include "workspace/ws_internal.h"

enum { NAME_LETTERS_MAX = 64, DIGEST_BYTES = 8 };

static bool
is_plain(char letter)
{
    return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
           (letter >= '0' && letter <= '9') || letter == '.' || letter == '-' || letter == '_';
}

static int
append_name(struct firn_buf *out, const char *real_root)
{
    const char *slash = strrchr(real_root, '/');
    const char *name = slash == NULL ? real_root : slash + 1;
    name = *name == '\0' ? "root" : name;
    for (size_t i = 0; name[i] != '\0' && i < NAME_LETTERS_MAX; i++) {
        char letter = name[i];
        if (!is_plain(letter) || (i == 0 && letter == '.')) {
            letter = '_';
        }
        int rc = firn_buf_append(out, &letter, 1);
        if (rc != FIRN_OK) {
            return rc;
        }
    }
    return FIRN_OK;
}

int
firn_ws_place_default_store(struct firn_os *os, const char *real_root, char **out, firn_error *err)
{
    *out = NULL;
    const char *data_home = firn_os_environment(os, "XDG_DATA_HOME");
    const char *home = firn_os_environment(os, "HOME");
    firn_hash digest;
    char hex[2 * DIGEST_BYTES + 1];
    firn_blake3_hash_of(real_root, strlen(real_root), &digest);
    firn_hex_encode(digest.bytes, DIGEST_BYTES, hex);
    struct firn_buf path = {0};
    int rc;
    if (data_home != NULL && data_home[0] == '/') {
        FIRN_TRY(firn_buf_append_str(&path, data_home));
    } else if (home != NULL && home[0] == '/') {
        FIRN_TRY(firn_buf_append_format(&path, "%s/.local/share", home));
    } else {
        rc = firn_error_set(err, FIRN_INVALID,
                            "no place for the store: neither XDG_DATA_HOME nor HOME is set to an "
                            "absolute path; name one");
        firn_buf_deinit(&path);
        return rc;
    }
    FIRN_TRY(firn_buf_append_str(&path, "/firn/"));
    FIRN_TRY(append_name(&path, real_root));
    FIRN_TRY(firn_buf_append_format(&path, "-%s", hex));
    *out = firn_strndup((const char *)path.data, path.size);
    rc = *out == NULL ? FIRN_NO_MEMORY : FIRN_OK;
out:
    firn_buf_deinit(&path);
    return rc == FIRN_OK ? FIRN_OK : firn_error_no_memory(err, "the path of the store");
}

/* Makes the last component of path in the directory before it, which must be there. */
static int
make_last(struct firn_os *os, const char *path, firn_error *err)
{
    struct firn_buf parent = {0};
    struct firn_os_dir *dir = NULL;
    const char *slash = strrchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;
    int rc = firn_buf_append_str(&parent, slash == NULL ? "." : slash == path ? "/" : "");
    if (rc == FIRN_OK && parent.size == 0) {
        rc = firn_buf_append(&parent, path, (size_t)(slash - path));
    }
    const char *parent_text = rc == FIRN_OK ? firn_buf_text(&parent) : NULL;
    if (parent_text == NULL) {
        rc = firn_error_no_memory(err, "a path");
        goto out;
    }
    FIRN_TRY(firn_os_dir_open_path(os, parent_text, &dir, err));
    rc = firn_os_make_dir(dir, name, 0700, err);
    if (rc == FIRN_EXISTS) {
        rc = FIRN_OK;
    } else if (rc == FIRN_OK) {
        rc = firn_os_dir_sync(dir, err);
    }
out:
    firn_os_dir_close(dir);
    firn_buf_deinit(&parent);
    return rc;
}

/* Makes every component that is missing, from the top. */
static int
make_all(struct firn_os *os, const char *path, firn_error *err)
{
    char *copy = firn_strdup(path);
    if (copy == NULL) {
        return firn_error_no_memory(err, "a path");
    }
    size_t size = strlen(copy);
    while (size > 1 && copy[size - 1] == '/') {
        copy[--size] = '\0';
    }
    int rc = FIRN_OK;
    for (size_t i = 1; i <= size && rc == FIRN_OK; i++) {
        if (i < size && (copy[i] != '/' || copy[i - 1] == '/')) {
            continue;
        }
        copy[i] = '\0';
        struct firn_os_dir *dir;
        rc = firn_os_dir_open_path(os, copy, &dir, err);
        firn_os_dir_close(dir);
        if (rc == FIRN_NOT_FOUND) {
            rc = make_last(os, copy, err);
        }
        if (i < size) {
            copy[i] = '/';
        }
    }
    firn_free(copy);
    return rc;
}

int
firn_ws_place_open_dir(struct firn_os *os, const char *path, bool create, struct firn_os_dir **out,
                       firn_error *err)
{
    int rc = firn_os_dir_open_path(os, path, out, err);
    if (rc != FIRN_NOT_FOUND || !create) {
        return rc;
    }
    rc = make_all(os, path, err);
    return rc == FIRN_OK ? firn_os_dir_open_path(os, path, out, err) : rc;
}
