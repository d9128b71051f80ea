/* SPDX-License-Identifier: Apache-2.0
 *
 * trust/trust_private.c: small files that firn keeps for its user outside every tree and store.
 *
 * A store inside a tree may have come with the tree, so its contents cannot prove that this user
 * made it. Files in the user's data directory ($XDG_DATA_HOME/firn, or ~/.local/share/firn) can:
 * they note which stores this user made in trees (trust_store.c) and elsewhere (trust_named.c),
 * which directories this user works on with a named store (trust_root.c), and which restores and
 * repairs this user has begun (trust_restore.c, trust_repair.c). A clone or an archive cannot bring
 * such a file along.
 *
 * (I1) The folders belong to the user, and no other user may write to them. A folder that others
 *      may write to proves nothing, and is an error; it does not count as empty. Root may use the
 *      folder of another user, because HOME names it. (Tested, not asserted: the folder comes from
 *      outside.)
 * (I2) A file is replaced by a rename after it was synced, so it is never seen in part. (Not
 *      checked: only a power cut shows what was durable.)
 */
#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "codec/blake3_hash.h"
#include "codec/hex.h"
#include "trust/trust.h"

enum { MODE_OTHERS_WRITE = 022, NAME_BYTES = 16, MACHINE_SIZE_MAX = 64 };

_Static_assert(2 * NAME_BYTES + 1 == FI_TRUST_PRIVATE_NAME_SIZE, "two letters a byte, and a NUL");

static int
check_private(struct fi_os_dir *dir, firn_error *err)
{
    struct fi_os_stat stat;
    FI_TRY_RETURN(fi_os_dir_stat(dir, &stat, err));
    uint32_t user = fi_os_user_id(fi_os_dir_os(dir));
    if ((stat.uid != user && user != 0) || (stat.mode & MODE_OTHERS_WRITE) != 0) {
        return fi_error_set(err, FIRN_DENIED,
                            "'%.600s' is not private: it must belong to you, and others must not "
                            "be able to write to it (chmod go-w)",
                            fi_os_dir_path(dir));
    }
    return FIRN_OK;
}

int
fi_trust_private_home(struct fi_os *os, struct fi_os_dir **out, firn_error *err)
{
    char *path = NULL;
    int rc;
    *out = NULL;
    FI_TRY(fi_trust_home(os, &path, err));
    FI_TRY(fi_os_dir_open_path(os, path, out, err));
    FI_TRY(check_private(*out, err)); /* (I1) */
out:
    if (rc != FIRN_OK) {
        fi_os_dir_close(*out);
        *out = NULL;
    }
    fi_free(path);
    return rc;
}

int
fi_trust_private_open(struct fi_os *os, const char *folder, bool create, struct fi_os_dir **out,
                      firn_error *err)
{
    struct fi_os_dir *home = NULL;
    char *path = NULL;
    int rc;
    *out = NULL;
    DCHECK(folder[0] == '.' && strchr(folder, '/') == NULL);
    FI_TRY(fi_trust_home(os, &path, err));
    FI_TRY(fi_trust_home_open_dir(os, path, create, &home, err));
    FI_TRY(check_private(home, err));
    rc = fi_os_dir_open(home, folder, out, err);
    if (rc == FIRN_NOT_FOUND && create) {
        rc = fi_os_make_dir_for_owner(home, folder, home, 0700, err);
        if (rc == FIRN_OK) {
            rc = fi_os_dir_sync(home, err);
            if (rc != FIRN_OK) { /* the next attempt has to sync it */
                FI_IGNORE(fi_os_remove_dir(home, folder, NULL));
                goto out;
            }
        } else if (rc != FIRN_EXISTS) {
            goto out;
        }
        rc = fi_os_dir_open(home, folder, out, err);
        if (rc == FIRN_NOT_FOUND) { /* a file, or a link, which is not followed */
            rc = fi_error_set(err, FIRN_DENIED, "'%.800s/%s' is in the way: it is not a directory",
                              path, folder);
        }
    }
    FI_TRY(rc);
    FI_TRY(check_private(*out, err));
out:
    if (rc != FIRN_OK) {
        fi_os_dir_close(*out);
        *out = NULL;
    }
    fi_os_dir_close(home);
    fi_free(path);
    return rc;
}

int
fi_trust_private_read(struct fi_os_dir *dir, const char *name, struct fi_buf *out, firn_error *err)
{
    struct fi_os_file *file = NULL;
    size_t size = 0;
    int rc;
    FI_TRY(fi_os_file_open(dir, name, FI_OS_READ, 0, &file, err));
    if (fi_buf_set_size(out, FI_TRUST_PRIVATE_SIZE_MAX + 1) != FIRN_OK) {
        rc = fi_error_no_memory(err, "a note");
        goto out;
    }
    FI_TRY(fi_os_file_read(file, 0, out->data, out->size, &size, err));
    if (size > FI_TRUST_PRIVATE_SIZE_MAX) {
        rc = fi_error_set(err, FIRN_LIMIT, "'%.900s' is too large", fi_os_file_path(file));
        goto out;
    }
    rc = fi_buf_set_size(out, size);
out:
    fi_os_file_close(file);
    return rc;
}

int
fi_trust_private_find(struct fi_os *os, const char *folder, const char *name, struct fi_buf *out,
                      firn_error *err)
{
    struct fi_os_dir *dir = NULL;
    int rc = fi_trust_private_open(os, folder, false, &dir, err);
    rc = rc == FIRN_OK ? fi_trust_private_read(dir, name, out, err) : rc;
    if (rc != FIRN_OK) {
        fi_buf_clear(out);
    }
    fi_os_dir_close(dir);
    bool is_none =
        rc == FIRN_NOT_FOUND || rc == FIRN_DENIED || rc == FIRN_INVALID || rc == FIRN_LIMIT;
    return is_none ? FIRN_OK : rc;
}

int
fi_trust_private_write(struct fi_os_dir *dir, const char *name, firn_slice bytes, firn_error *err)
{
    struct fi_os_file *file = NULL;
    struct fi_buf room = {0};
    const char *new_name = NULL;
    int rc;
    DCHECK(strchr(name, '/') == NULL);
    if (fi_buf_append_format(&room, "%s.new", name) == FIRN_OK) {
        new_name = fi_buf_text(&room);
    }
    if (new_name == NULL) {
        rc = fi_error_no_memory(err, "a note");
        goto out;
    }
    FI_TRY(fi_os_file_open(dir, new_name,
                           FI_OS_WRITE | FI_OS_CREATE | FI_OS_FOR_OWNER | FI_OS_TRUNCATE, 0600,
                           &file, err));
    FI_TRY(fi_os_file_write(file, 0, bytes.data, bytes.size, err));
    FI_TRY(fi_os_file_sync(file, err));
    FI_TRY(fi_os_rename(dir, new_name, dir, name, FI_OS_RENAME_REPLACE, err)); /* (I2) */
    FI_TRY(fi_os_dir_sync(dir, err));
out:
    fi_os_file_close(file);
    fi_buf_deinit(&room);
    return rc;
}

int
fi_trust_private_keep(struct fi_os *os, const char *folder, const char *name, firn_slice bytes,
                      firn_error *err)
{
    struct fi_os_dir *dir = NULL;
    int rc = fi_trust_private_open(os, folder, true, &dir, err);
    rc = rc == FIRN_OK ? fi_trust_private_write(dir, name, bytes, err) : rc;
    fi_os_dir_close(dir);
    return rc;
}

int
fi_trust_private_drop(struct fi_os *os, const char *folder, const char *name, firn_error *err)
{
    struct fi_os_dir *dir = NULL;
    int rc = fi_trust_private_open(os, folder, false, &dir, err);
    rc = rc == FIRN_OK ? fi_trust_private_remove(dir, name, err) : rc;
    fi_os_dir_close(dir);
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc; /* there are no notes */
}

int
fi_trust_private_remove(struct fi_os_dir *dir, const char *name, firn_error *err)
{
    int rc = fi_os_remove_file(dir, name, err);
    /* Also if there is none: an earlier removal may have failed before it was durable. */
    return rc == FIRN_OK || rc == FIRN_NOT_FOUND ? fi_os_dir_sync(dir, err) : rc;
}

void
fi_trust_private_name(firn_slice key, char *out)
{
    firn_hash hash;
    fi_blake3_hash_of(key.data, key.size, &hash);
    fi_hex_encode(hash.bytes, NAME_BYTES, out);
}

int
fi_trust_private_machine(struct fi_os *os, struct fi_buf *out, firn_error *err)
{
    char text[MACHINE_SIZE_MAX];
    size_t size = 0;
    struct fi_os_dir *dir = NULL;
    struct fi_os_file *file = NULL;
    int rc;
    FI_TRY(fi_os_dir_open_path(os, "/etc", &dir, err));
    FI_TRY(fi_os_file_open(dir, "machine-id", FI_OS_READ, 0, &file, err));
    FI_TRY(fi_os_file_read(file, 0, text, sizeof text, &size, err));
out:
    fi_os_file_close(file);
    fi_os_dir_close(dir);
    if (rc == FIRN_NOT_FOUND || rc == FIRN_DENIED || rc == FIRN_INVALID) {
        rc = FIRN_OK;
    }
    size_t letters = 0;
    while (letters < size && text[letters] > ' ' && text[letters] < 127) {
        letters++;
    }
    if (rc == FIRN_OK &&
        fi_buf_append(out, letters > 0 ? text : "-", letters > 0 ? letters : 1) != FIRN_OK) {
        rc = fi_error_no_memory(err, "a note");
    }
    return rc;
}
