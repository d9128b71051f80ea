/* SPDX-License-Identifier: Apache-2.0
 *
 * place/place.c: where the store of a workspace is.
 *
 * If none is named, the store is $XDG_DATA_HOME/firn/<name>-<16 hex digits>, or
 * $HOME/.local/share/firn/…: outside the tree, so that damage to the tree does not destroy the
 * history. The digits are the beginning of the BLAKE3 of the real path, so that directories with
 * the same name do not collide; the name is for people who look into the folder, and awkward bytes
 * in it become '_'.
 *
 * A store may also be inside the tree, as ".firn" in its root. It then belongs to the directory
 * that it is in, wherever that is moved or copied.
 */
#include "place/place.h"

#include "base/bytes.h"
#include "base/check.h"
#include "base/mem.h"
#include "codec/blake3_hash.h"
#include "codec/hex.h"
#include "os/os_names.h"

enum { NAME_LETTERS_MAX = 64, DIGEST_BYTES = 8, DIGEST_LETTERS = 2 * DIGEST_BYTES };

static bool
is_plain(char letter)
{
    return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
           (letter >= '0' && letter <= '9') || letter == '.' || letter == '-' || letter == '_';
}

static int
append_name(struct fi_buf *out, const char *real_root)
{
    const char *slash = strrchr(real_root, '/');
    const char *name = slash == NULL ? real_root : slash + 1;
    name = *name == '\0' ? "root" : name;
    for (size_t i = 0; name[i] != '\0' && i < NAME_LETTERS_MAX; i++) {
        char letter = name[i];
        if (!is_plain(letter) || (i == 0 && letter == '.')) {
            letter = '_';
        }
        int rc = fi_buf_append(out, &letter, 1);
        if (rc != FIRN_OK) {
            return rc;
        }
    }
    return FIRN_OK;
}

static int
take_text(struct fi_buf *path, char **out, firn_error *err)
{
    *out = fi_strndup((const char *)path->data, path->size);
    return *out == NULL ? fi_error_no_memory(err, "the path of the store") : FIRN_OK;
}

uint64_t
fi_place_digest(firn_slice real_path)
{
    firn_hash digest;
    fi_blake3_hash_of(real_path.data, real_path.size, &digest);
    return fi_load_be64(digest.bytes);
}

bool
fi_place_digest_of_name(const char *name, uint64_t *out)
{
    size_t size = strlen(name);
    if (size <= DIGEST_LETTERS + 1 || name[size - DIGEST_LETTERS - 1] != '-') {
        return false;
    }
    uint64_t digest = 0;
    for (const char *at = name + size - DIGEST_LETTERS; *at != '\0'; at++) {
        bool is_digit = *at >= '0' && *at <= '9';
        if (!is_digit && (*at < 'a' || *at > 'f')) {
            return false;
        }
        digest = digest << 4 | (uint64_t)(is_digit ? *at - '0' : *at - 'a' + 10);
    }
    *out = digest;
    return true;
}

/* Whether the name of a store has the hash of its root. */
static bool
is_store_of(const char *store, const char *real_root)
{
    const char *slash = strrchr(store, '/');
    uint64_t digest;
    return slash != NULL && fi_place_digest_of_name(slash + 1, &digest) &&
           digest == fi_place_digest(firn_str(real_root));
}

int
fi_place_default_store(struct fi_os *os, const char *real_root, char **out, firn_error *err)
{
    uint8_t digest[DIGEST_BYTES];
    char hex[DIGEST_LETTERS + 1];
    struct fi_buf path = {0};
    char *home = NULL;
    int rc;
    *out = NULL;
    DCHECK(real_root[0] == '/');
    fi_store_be64(digest, fi_place_digest(firn_str(real_root)));
    fi_hex_encode(digest, DIGEST_BYTES, hex);
    FI_TRY(fi_trust_home(os, &home, err));
    if (fi_buf_append_format(&path, "%s/", home) != FIRN_OK ||
        append_name(&path, real_root) != FIRN_OK ||
        fi_buf_append_format(&path, "-%s", hex) != FIRN_OK) {
        rc = fi_error_no_memory(err, "the path of the store");
        goto out;
    }
    rc = take_text(&path, out, err);
    DCHECK(rc != FIRN_OK || is_store_of(*out, real_root));
out:
    fi_free(home);
    fi_buf_deinit(&path);
    return rc;
}

/* ---- looking at stores ---- */

static bool
is_store_name(const struct fi_os_dirent *entry)
{
    uint64_t ignored;
    return fi_place_digest_of_name(entry->name, &ignored);
}

static int
visit_names(const struct fi_buf *names, const char *home,
            int (*visit)(void *ctx, const char *path, firn_error *err), void *ctx, firn_error *err)
{
    struct fi_buf path = {0};
    const char *name = NULL;
    int rc = FIRN_OK;
    while (rc == FIRN_OK && (name = fi_os_names_next(names, name)) != NULL) {
        fi_buf_clear(&path);
        const char *text = NULL;
        if (fi_buf_append_format(&path, "%s/%s", home, name) == FIRN_OK) {
            text = fi_buf_text(&path);
        }
        rc = text == NULL ? fi_error_no_memory(err, "the path of a store") : visit(ctx, text, err);
    }
    fi_buf_deinit(&path);
    return rc;
}

int
fi_place_list(struct fi_os *os, int (*visit)(void *ctx, const char *path, firn_error *err),
              void *ctx, firn_error *err)
{
    struct fi_buf names = {0};
    struct fi_os_dir *dir = NULL;
    char *home = NULL;
    int rc;
    FI_TRY(fi_trust_home(os, &home, err));
    rc = fi_os_dir_open_path(os, home, &dir, err);
    if (rc == FIRN_NOT_FOUND) {
        rc = FIRN_OK;
        goto out;
    }
    if (rc == FIRN_OK) {
        rc = fi_os_names_list(dir, is_store_name, &names, err);
    }
    if (rc == FIRN_OK) {
        rc = visit_names(&names, home, visit, ctx, err);
    }
out:
    fi_os_dir_close(dir);
    fi_buf_deinit(&names);
    fi_free(home);
    return rc;
}

static int
note_any(void *ctx, const struct fi_os_dirent *entry)
{
    (void)entry;
    *(bool *)ctx = true;
    return FIRN_CANCELLED;
}

int
fi_place_is_empty(struct fi_os_dir *dir, bool *out, firn_error *err)
{
    bool has_any = false;
    int rc = fi_os_dir_list(dir, note_any, &has_any, err);
    *out = !has_any;
    return has_any ? FIRN_OK : rc;
}

int
fi_place_is_store(struct fi_os *os, const char *path, bool *out, firn_error *err)
{
    struct fi_os_dir *dir;
    *out = false;
    int rc = fi_os_dir_open_path(os, path, &dir, err);
    if (rc != FIRN_OK) {
        return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
    }
    rc = fi_trust_inside_is_store(dir, out, err);
    fi_os_dir_close(dir);
    return rc;
}

int
fi_place_refuse_packs(const char *path, firn_error *err)
{
    return fi_error_set(err, FIRN_CORRUPT,
                        "'%.900s' holds packs but not the file FIRN, which every store has", path);
}
