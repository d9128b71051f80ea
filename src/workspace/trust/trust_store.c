/* SPDX-License-Identifier: Apache-2.0
 *
 * trust/trust_store.c: whether a store inside a tree was made there by this user.
 *
 * A repository or an archive can bring a directory ".firn" along. Its catalog may hold a pending
 * restore, its settings a policy that keeps nothing, and neither may take effect when a user works
 * in that tree (SECURITY.md). So a store inside a tree is used only if an entry outside the tree
 * says that this user made it, with firn init --here, or trusts it, with firn trust. A store that
 * the user names needs no entry.
 *
 * An entry is for one directory, identified by its inode and birth time, which a rename keeps and a
 * copy, a clone or an archive does not have (I1; guaranteed by the kernel). So a workspace may be
 * moved in its file system, and be reached by several paths; a copy of it has to be trusted again.
 * If the file system has no birth times, the path of the root has to match too, as inodes are
 * reused. The id of the store must match unless it cannot be read: a damaged store stays its
 * owner's. How an entry is written: trust_store_note.c.
 *
 * (I2) A store's directory that others may write to, or whose owner has changed, is not trusted,
 *      even if there is an entry for it.
 * (I3) The decision reads only the directory, its attributes and the 64 bytes of FIRN. (Not
 *      checked: it says what is not done.)
 * (I4) A transient failure to read is an error. It never makes a store trusted, and never an entry
 *      that matches any store.
 */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/slice.h"
#include "trust/trust_internal.h"

enum { MODE_OTHERS_WRITE = 022 };

/* ---- examining the directory ---- */

/* Fills is_trusted. A folder of entries that is not private, or is missing, counts as empty. */
static int
trust_store_assess(struct fi_os *os, const char *real_root, struct fi_trust_store_inspect *look,
                   firn_error *err)
{
    struct fi_buf entry = {0};
    if ((look->stat.mode & MODE_OTHERS_WRITE) != 0) { /* (I2) */
        return FIRN_OK;
    }
    int rc = fi_trust_store_note_read(os, &look->stat, real_root, &entry, err);
    look->is_trusted = rc == FIRN_OK && fi_trust_store_note_agrees(&entry, look, real_root);
    fi_buf_deinit(&entry);
    DCHECK(!look->is_trusted || rc == FIRN_OK); /* (I4) */
    bool is_none =
        rc == FIRN_NOT_FOUND || rc == FIRN_DENIED || rc == FIRN_INVALID || rc == FIRN_LIMIT;
    return is_none ? FIRN_OK : rc;
}

/* *out_why is a transient failure to read the id; its code is FIRN_OK if there was none. */
static int
trust_store_inspect(struct fi_os_dir *dir, const char *real_root,
                    struct fi_trust_store_inspect *out, firn_error *out_why, firn_error *err)
{
    struct fi_os_dir *store = NULL;
    int rc;
    *out = (struct fi_trust_store_inspect){.has_store = false};
    *out_why = (firn_error){.code = FIRN_OK};
    FI_TRY(fi_trust_inside_holds(dir, &out->has_store, err));
    if (!out->has_store) {
        goto out;
    }
    rc = fi_os_dir_open(dir, FI_TRUST_INSIDE, &store, err);
    if (rc == FIRN_DENIED || rc == FIRN_NOT_FOUND) {
        rc = fi_os_stat(dir, FI_TRUST_INSIDE, &out->stat, err);
        goto out; /* a user who may not read it has not made it */
    }
    FI_TRY(rc);
    FI_TRY(fi_os_dir_stat(store, &out->stat, err));
    rc = fi_trust_store_id_read(store, out, out_why);
    out_why->code = fi_trust_store_id_is_damaged(rc) ? FIRN_OK : rc;
    rc = trust_store_assess(fi_os_dir_os(dir), real_root, out, err);
out:
    fi_os_dir_close(store);
    return rc;
}

static int
inspect_and_report(struct fi_os *os, const char *real_root, struct fi_trust_store_inspect *out,
                   firn_error *out_why, firn_error *err)
{
    struct fi_os_dir *dir = NULL;
    *out = (struct fi_trust_store_inspect){.has_store = false};
    *out_why = (firn_error){.code = FIRN_OK};
    int rc = fi_os_dir_open_path(os, real_root, &dir, err);
    if (rc != FIRN_OK) {
        return rc == FIRN_NOT_FOUND || rc == FIRN_DENIED ? FIRN_OK : rc;
    }
    rc = trust_store_inspect(dir, real_root, out, out_why, err);
    fi_os_dir_close(dir);
    return rc;
}

/* What a look found, with the failure that it told of. */
static int
conclude(int rc, struct fi_trust_store_inspect *out, const firn_error *why, firn_error *err)
{
    if (rc == FIRN_OK && out->is_trusted && why->code != FIRN_OK) { /* (I4) */
        out->is_trusted = false;
        rc = fi_error_set(err, why->code, "%s", why->text);
    }
    DCHECK(!out->is_trusted ||
           (out->has_store && (out->stat.mode & MODE_OTHERS_WRITE) == 0)); /* (I2) */
    return rc;
}

int
fi_trust_store_inspect(struct fi_os *os, const char *real_root, struct fi_trust_store_inspect *out,
                       firn_error *err)
{
    firn_error why;
    return conclude(inspect_and_report(os, real_root, out, &why, err), out, &why, err);
}

int
fi_trust_store_inspect_in(struct fi_os_dir *dir, const char *real_root,
                          struct fi_trust_store_inspect *out, firn_error *err)
{
    firn_error why;
    return conclude(trust_store_inspect(dir, real_root, out, &why, err), out, &why, err);
}

int
fi_trust_store_refuse(const char *real_root, const struct fi_trust_store_inspect *look,
                      firn_error *err)
{
    const char *slash = real_root[1] == '\0' ? "" : "/";
    DCHECK(look->has_store && !look->is_trusted);
    if ((look->stat.mode & MODE_OTHERS_WRITE) != 0) {
        return fi_error_set(err, FIRN_UNTRUSTED,
                            "'%.700s%s" FI_TRUST_INSIDE
                            "' is a store that others may write to: it is not used",
                            real_root, slash);
    }
    return fi_error_set(err, FIRN_UNTRUSTED,
                        "'%.700s%s" FI_TRUST_INSIDE
                        "' is a store that you did not make here: it is not used",
                        real_root, slash);
}

/* ---- entering ---- */

/* Whether FIRN is a file, or missing, as it is in a damaged store. Anything else would be trusted
 * as a store without an id. */
static int
check_identity(struct fi_os_dir *store, firn_error *err)
{
    struct fi_os_stat stat;
    int rc = fi_os_stat(store, FI_STOREFILE_IDENTITY_NAME, &stat, err);
    if (rc == FIRN_OK && stat.kind != FI_OS_FILE) {
        rc = fi_error_set(err, FIRN_DENIED, "'%.900s/%s' is not a regular file: nothing is trusted",
                          fi_os_dir_path(store), FI_STOREFILE_IDENTITY_NAME);
    }
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

/* Takes the files that the store has, and records it. No process may write to it meanwhile. */
static int
trust_store_enter(struct fi_os *os, const struct fi_trust_store_inspect *look,
                  const char *real_root, firn_error *err)
{
    char name[FI_TRUST_PRIVATE_NAME_SIZE];
    struct fi_os_dir *dir = NULL;
    struct fi_os_dir *store = NULL;
    struct fi_storefile_lock *lock = NULL;
    struct fi_os_stat stat;
    int rc;
    FI_TRY(fi_os_dir_open_path(os, real_root, &dir, err));
    FI_TRY(fi_os_dir_open(dir, FI_TRUST_INSIDE, &store, err));
    FI_TRY(fi_os_dir_stat(store, &stat, err));
    if (stat.inode != look->stat.inode || stat.btime_ns != look->stat.btime_ns) {
        rc = fi_error_set(err, FIRN_CONFLICT, "'%.900s' was replaced meanwhile",
                          fi_os_dir_path(store));
        goto out;
    }
    FI_TRY(check_identity(store, err));
    FI_TRY(fi_storefile_lock_hold(store, false, 0, &lock, err));
    FI_TRY(fi_trust_store_note_name(&look->stat, real_root, name, err));
    FI_TRY(fi_trust_files_take(os, store, name, err));
    FI_TRY(fi_trust_store_note_put(os, look, real_root, err));
    rc = fi_trust_settings_take(store, true, err);
out:
    fi_storefile_lock_release(lock);
    fi_os_dir_close(store);
    fi_os_dir_close(dir);
    return rc;
}

int
fi_trust_store_enter(struct fi_os *os, const char *real_root, firn_error *err)
{
    struct fi_trust_store_inspect look;
    firn_error why;
    int rc;
    FI_TRY(inspect_and_report(os, real_root, &look, &why, err));
    if (!look.has_store) {
        rc = fi_error_set(err, FIRN_NOT_FOUND, "there is no store in '%.900s'", real_root);
    } else if ((look.stat.mode & MODE_OTHERS_WRITE) != 0) {
        rc = fi_error_set(err, FIRN_DENIED,
                          "others may write to '%.600s/" FI_TRUST_INSIDE
                          "': make it private first (chmod -R go= on it)",
                          real_root);
    } else if (why.code != FIRN_OK) { /* (I4) */
        rc = fi_error_set(err, why.code, "%s", why.text);
    } else { /* also if there is one: an earlier call may have failed before it was durable */
        rc = trust_store_enter(os, &look, real_root, err);
    }
out:
    return rc;
}

int
fi_trust_store_begin(struct fi_os_dir *store, const char *real_root, firn_error *err)
{
    struct fi_trust_store_note note;
    int rc = fi_trust_store_note_find(store, &note, err);
    if (rc == FIRN_OK && (note.stat.mode & MODE_OTHERS_WRITE) != 0) {
        rc = fi_error_set(err, FIRN_DENIED,
                          "others may write to '%.600s': make it private first (chmod -R go= "
                          "on it)",
                          fi_os_dir_path(store));
    }
    FI_TRY(rc);
    if (!note.is_there) {
        FI_TRY(fi_trust_store_note_name(&note.stat, real_root, note.name, err));
        FI_TRY(fi_trust_files_take(fi_os_dir_os(store), NULL, note.name, err));
        FI_TRY(fi_trust_settings_begin(store, note.name, err));
        rc = fi_trust_store_note_put_for(store, real_root, err);
    }
out:
    fi_trust_store_note_deinit(&note);
    return rc;
}

int
fi_trust_store_made(struct fi_os_dir *store, firn_error *err)
{
    struct fi_trust_store_note note;
    int rc = fi_trust_store_note_find(store, &note, err);
    if (rc == FIRN_OK && note.is_there && note.has_list) {
        rc = fi_trust_store_note_write(store, &note, err);
    }
    fi_trust_store_note_deinit(&note);
    return rc;
}

int
fi_trust_store_carry(struct fi_os *os, struct fi_os_dir *from, struct fi_os_dir *to,
                     firn_error *err)
{
    struct fi_trust_store_note note;
    struct fi_os_stat stat;
    char name[FI_TRUST_PRIVATE_NAME_SIZE];
    int rc = fi_trust_store_note_find(from, &note, err);
    if (rc == FIRN_OK && note.is_there) {
        FI_TRY(fi_os_dir_stat(to, &stat, err));
        FI_TRY(fi_trust_store_note_name(&stat, (const char *)note.root.data, name, err));
        FI_TRY(fi_trust_files_take(os, to, name, err));
        FI_TRY(fi_trust_settings_carry(from, to, name, err));
        rc = fi_trust_store_note_put_for(to, (const char *)note.root.data, err);
    } else if (rc == FIRN_OK) {
        bool is_noted;
        FI_TRY(fi_trust_named_is_noted(from, &is_noted, err));
        rc = is_noted ? fi_trust_named_note(to, err) : FIRN_OK;
    }
out:
    fi_trust_store_note_deinit(&note);
    return rc;
}
