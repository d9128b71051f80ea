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

_Static_assert(2 * NAME_BYTES + 1 == FIRN_TRUST_PRIVATE_NAME_SIZE, "two letters a byte, and a NUL");

static int
check_private(struct firn_os_dir *dir, firn_error *err)
{
    struct firn_os_stat stat;
    FIRN_TRY_RETURN(firn_os_dir_stat(dir, &stat, err));
    uint32_t user = firn_os_user_id(firn_os_dir_os(dir));
    if ((stat.uid != user && user != 0) || (stat.mode & MODE_OTHERS_WRITE) != 0) {
        return firn_error_set(err, FIRN_DENIED,
                              "'%.600s' is not private: it must belong to you, and others must not "
                              "be able to write to it (chmod go-w)",
                              firn_os_dir_path(dir));
    }
    return FIRN_OK;
}

int
firn_trust_private_home(struct firn_os *os, struct firn_os_dir **out, firn_error *err)
{
    char *path = NULL;
    int rc;
    *out = NULL;
    FIRN_TRY(firn_trust_home(os, &path, err));
    FIRN_TRY(firn_os_dir_open_path(os, path, out, err));
    FIRN_TRY(check_private(*out, err)); /* (I1) */
out:
    if (rc != FIRN_OK) {
        firn_os_dir_close(*out);
        *out = NULL;
    }
    firn_free(path);
    return rc;
}

int
firn_trust_private_open(struct firn_os *os, const char *folder, bool create,
                        struct firn_os_dir **out, firn_error *err)
{
    struct firn_os_dir *home = NULL;
    char *path = NULL;
    int rc;
    *out = NULL;
    DCHECK(folder[0] == '.' && strchr(folder, '/') == NULL);
    FIRN_TRY(firn_trust_home(os, &path, err));
    FIRN_TRY(firn_trust_home_open_dir(os, path, create, &home, err));
    FIRN_TRY(check_private(home, err));
    rc = firn_os_dir_open(home, folder, out, err);
    if (rc == FIRN_NOT_FOUND && create) {
        rc = firn_os_make_dir_for_owner(home, folder, home, 0700, err);
        if (rc == FIRN_OK) {
            rc = firn_os_dir_sync(home, err);
            if (rc != FIRN_OK) { /* the next attempt has to sync it */
                FIRN_IGNORE(firn_os_remove_dir(home, folder, NULL));
                goto out;
            }
        } else if (rc != FIRN_EXISTS) {
            goto out;
        }
        rc = firn_os_dir_open(home, folder, out, err);
        if (rc == FIRN_NOT_FOUND) { /* a file, or a link, which is not followed */
            rc = firn_error_set(err, FIRN_DENIED,
                                "'%.800s/%s' is in the way: it is not a directory", path, folder);
        }
    }
    FIRN_TRY(rc);
    FIRN_TRY(check_private(*out, err));
out:
    if (rc != FIRN_OK) {
        firn_os_dir_close(*out);
        *out = NULL;
    }
    firn_os_dir_close(home);
    firn_free(path);
    return rc;
}

int
firn_trust_private_read(struct firn_os_dir *dir, const char *name, struct firn_buf *out,
                        firn_error *err)
{
    struct firn_os_file *file = NULL;
    size_t size = 0;
    int rc;
    FIRN_TRY(firn_os_file_open(dir, name, FIRN_OS_READ, 0, &file, err));
    if (firn_buf_set_size(out, FIRN_TRUST_PRIVATE_SIZE_MAX + 1) != FIRN_OK) {
        rc = firn_error_no_memory(err, "a note");
        goto out;
    }
    FIRN_TRY(firn_os_file_read(file, 0, out->data, out->size, &size, err));
    if (size > FIRN_TRUST_PRIVATE_SIZE_MAX) {
        rc = firn_error_set(err, FIRN_LIMIT, "'%.900s' is too large", firn_os_file_path(file));
        goto out;
    }
    rc = firn_buf_set_size(out, size);
out:
    firn_os_file_close(file);
    return rc;
}

int
firn_trust_private_find(struct firn_os *os, const char *folder, const char *name,
                        struct firn_buf *out, firn_error *err)
{
    struct firn_os_dir *dir = NULL;
    int rc = firn_trust_private_open(os, folder, false, &dir, err);
    rc = rc == FIRN_OK ? firn_trust_private_read(dir, name, out, err) : rc;
    if (rc != FIRN_OK) {
        firn_buf_clear(out);
    }
    firn_os_dir_close(dir);
    bool is_none =
        rc == FIRN_NOT_FOUND || rc == FIRN_DENIED || rc == FIRN_INVALID || rc == FIRN_LIMIT;
    return is_none ? FIRN_OK : rc;
}

int
firn_trust_private_write(struct firn_os_dir *dir, const char *name, firn_slice bytes,
                         firn_error *err)
{
    struct firn_os_file *file = NULL;
    struct firn_buf room = {0};
    const char *new_name = NULL;
    int rc;
    DCHECK(strchr(name, '/') == NULL);
    if (firn_buf_append_format(&room, "%s.new", name) == FIRN_OK) {
        new_name = firn_buf_text(&room);
    }
    if (new_name == NULL) {
        rc = firn_error_no_memory(err, "a note");
        goto out;
    }
    FIRN_TRY(firn_os_file_open(
        dir, new_name, FIRN_OS_WRITE | FIRN_OS_CREATE | FIRN_OS_FOR_OWNER | FIRN_OS_TRUNCATE, 0600,
        &file, err));
    FIRN_TRY(firn_os_file_write(file, 0, bytes.data, bytes.size, err));
    FIRN_TRY(firn_os_file_sync(file, err));
    FIRN_TRY(firn_os_rename(dir, new_name, dir, name, FIRN_OS_RENAME_REPLACE, err)); /* (I2) */
    FIRN_TRY(firn_os_dir_sync(dir, err));
out:
    firn_os_file_close(file);
    firn_buf_deinit(&room);
    return rc;
}

int
firn_trust_private_keep(struct firn_os *os, const char *folder, const char *name, firn_slice bytes,
                        firn_error *err)
{
    struct firn_os_dir *dir = NULL;
    int rc = firn_trust_private_open(os, folder, true, &dir, err);
    rc = rc == FIRN_OK ? firn_trust_private_write(dir, name, bytes, err) : rc;
    firn_os_dir_close(dir);
    return rc;
}

int
firn_trust_private_drop(struct firn_os *os, const char *folder, const char *name, firn_error *err)
{
    struct firn_os_dir *dir = NULL;
    int rc = firn_trust_private_open(os, folder, false, &dir, err);
    rc = rc == FIRN_OK ? firn_trust_private_remove(dir, name, err) : rc;
    firn_os_dir_close(dir);
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc; /* there are no notes */
}

int
firn_trust_private_remove(struct firn_os_dir *dir, const char *name, firn_error *err)
{
    int rc = firn_os_remove_file(dir, name, err);
    /* Also if there is none: an earlier removal may have failed before it was durable. */
    return rc == FIRN_OK || rc == FIRN_NOT_FOUND ? firn_os_dir_sync(dir, err) : rc;
}

void
firn_trust_private_name(firn_slice key, char *out)
{
    firn_hash hash;
    firn_blake3_hash_of(key.data, key.size, &hash);
    firn_hex_encode(hash.bytes, NAME_BYTES, out);
}

int
firn_trust_private_machine(struct firn_os *os, struct firn_buf *out, firn_error *err)
{
    char text[MACHINE_SIZE_MAX];
    size_t size = 0;
    struct firn_os_dir *dir = NULL;
    struct firn_os_file *file = NULL;
    int rc;
    FIRN_TRY(firn_os_dir_open_path(os, "/etc", &dir, err));
    FIRN_TRY(firn_os_file_open(dir, "machine-id", FIRN_OS_READ, 0, &file, err));
    FIRN_TRY(firn_os_file_read(file, 0, text, sizeof text, &size, err));
out:
    firn_os_file_close(file);
    firn_os_dir_close(dir);
    if (rc == FIRN_NOT_FOUND || rc == FIRN_DENIED || rc == FIRN_INVALID) {
        rc = FIRN_OK;
    }
    size_t letters = 0;
    while (letters < size && text[letters] > ' ' && text[letters] < 127) {
        letters++;
    }
    if (rc == FIRN_OK &&
        firn_buf_append(out, letters > 0 ? text : "-", letters > 0 ? letters : 1) != FIRN_OK) {
        rc = firn_error_no_memory(err, "a note");
    }
    return rc;
}
