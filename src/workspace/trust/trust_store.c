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
 * owner's. Entries are private files (trust_private.c):
 *
 *   firn trust 2\n  store <32 hex digits, or as many '-'>\n  owner <uid>\n  inode <n>\n
 *   birth <n>\n  root <path to the end of the file>
 *
 * (without the blanks after each \n), named after inode and birth time. The path is there for
 * people. Version 2 says that there is a list of the store's files (trust_files.c); version 1, of
 * older programs, has none.
 *
 * (I2) A store's directory that others may write to, or whose owner has changed, is not trusted,
 *      even if there is an entry for it.
 * (I3) The decision reads only the directory, its attributes and the 64 bytes of FIRN. (Not
 *      checked: it says what is not done.)
 * (I4) A transient failure to read is an error. It never makes a store trusted, and never an entry
 *      that matches any store.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "codec/hex.h"
#include "trust/trust_internal.h"

enum {
    MODE_OTHERS_WRITE = 022,
    ID_LETTERS = 2 * FI_STOREFILE_ID_SIZE,
    HEAD_SIZE = 256 /* room for everything except the path */
};

static const char MAGIC[] = "firn trust 2\nstore ";
static const char MAGIC_WITHOUT_LIST[] = "firn trust 1\nstore ";

_Static_assert(sizeof MAGIC == sizeof MAGIC_WITHOUT_LIST, "what comes after them is the same");
static const char ROOT[] = "root ";

static int
out_of_memory(firn_error *err)
{
    return fi_error_no_memory(err, "what is known of a store");
}

/* ---- examining the directory ---- */

/* Reads the id of a store; fails if there is none. */
static int
read_id(struct fi_os_dir *store, struct fi_trust_store_look *out, firn_error *err)
{
    struct fi_storefile_identity identity;
    uint8_t bytes[FI_STOREFILE_IDENTITY_SIZE];
    struct fi_os_file *file = NULL;
    size_t size;
    int rc;
    FI_TRY(fi_os_file_open(store, FI_STOREFILE_IDENTITY_NAME, FI_OS_READ, 0, &file, err));
    FI_TRY(fi_os_file_read(file, 0, bytes, sizeof bytes, &size, err));
    FI_TRY(
        fi_storefile_get_identity(firn_bytes(bytes, size), fi_os_dir_path(store), &identity, err));
    memcpy(out->id, identity.id, sizeof out->id);
    out->has_id = true;
out:
    fi_os_file_close(file);
    return rc;
}

/* Whether a failure to read the id is lasting, because of the store itself. Other failures may be
 * transient and say nothing about the store. */
static bool
is_damaged(int rc)
{
    return rc == FIRN_NOT_FOUND || rc == FIRN_DENIED || rc == FIRN_INVALID || rc == FIRN_CORRUPT ||
           rc == FIRN_NEWER;
}

int
fi_trust_store_id(struct fi_os_dir *store, uint8_t *out, bool *out_has, firn_error *err)
{
    struct fi_trust_store_look look = {.has_id = false};
    int rc = read_id(store, &look, err);
    *out_has = rc == FIRN_OK;
    memcpy(out, look.id, sizeof look.id);
    return is_damaged(rc) ? FIRN_OK : rc;
}

int
fi_trust_store_refuse_id(struct fi_os_dir *store, firn_error *err)
{
    struct fi_trust_store_look look = {.has_id = false};
    int rc = read_id(store, &look, err);
    return rc == FIRN_NEWER ? rc
                            : fi_error_set(err, FIRN_INVALID,
                                           "'%.600s' cannot be trusted: it has no sound file FIRN",
                                           fi_os_dir_path(store));
}

/* ---- entries ---- */

/* The part of an entry between the id and the path; out has HEAD_SIZE bytes. */
static void
write_identity(const struct fi_os_stat *stat, char *out)
{
    (void)snprintf(out, HEAD_SIZE, "\nowner %" PRIu32 "\ninode %" PRIu64 "\nbirth %" PRId64 "\n",
                   stat->uid, stat->inode, stat->btime_ns);
}

int
fi_trust_store_note_name(const struct fi_os_stat *stat, const char *real_root, char *out,
                         firn_error *err)
{
    DCHECK(stat->btime_ns != 0 || real_root[0] == '/');
    struct fi_buf key = {0};
    int rc = fi_buf_append_format(&key, "%" PRIu64 " %" PRId64, stat->inode, stat->btime_ns);
    if (rc == FIRN_OK && stat->btime_ns == 0) {
        rc = fi_buf_append_format(&key, " %s", real_root);
    }
    if (rc == FIRN_OK) {
        fi_trust_private_name(fi_buf_slice(&key), out);
    }
    fi_buf_deinit(&key);
    return rc == FIRN_OK ? FIRN_OK : out_of_memory(err);
}

static bool
is_id(const char *id)
{
    return strspn(id, "0123456789abcdef") == ID_LETTERS || strspn(id, "-") == ID_LETTERS;
}

/* The id and the path of an entry; false if it is not a valid one. *out ends in a NUL, the only one
 * in the entry. */
static bool
take_apart(struct fi_buf *entry, char id[ID_LETTERS + 1], const char **out)
{
    const char *text = fi_buf_text(entry);
    size_t magic_size = sizeof MAGIC - 1;
    if (text == NULL || strlen(text) != entry->size || entry->size < magic_size + ID_LETTERS ||
        (memcmp(text, MAGIC, magic_size) != 0 &&
         memcmp(text, MAGIC_WITHOUT_LIST, magic_size) != 0)) {
        return false;
    }
    memcpy(id, text + magic_size, ID_LETTERS);
    id[ID_LETTERS] = '\0';
    const char *at = text;
    while (at != NULL && strncmp(at, ROOT, sizeof ROOT - 1) != 0) {
        at = strchr(at, '\n');
        at = at == NULL ? NULL : at + 1;
    }
    *out = at == NULL ? NULL : at + sizeof ROOT - 1;
    return at != NULL && **out == '/' && is_id(id);
}

const char *
fi_trust_store_note_root(struct fi_buf *note)
{
    char id[ID_LETTERS + 1];
    const char *root;
    return take_apart(note, id, &root) ? root : NULL;
}

static void
id_text(const struct fi_trust_store_look *look, char out[ID_LETTERS + 1])
{
    memset(out, '-', ID_LETTERS);
    out[ID_LETTERS] = '\0';
    if (look->has_id) {
        fi_hex_encode(look->id, sizeof look->id, out);
    }
}

/* Whether an entry is for that directory. */
static bool
agrees(struct fi_buf *entry, const struct fi_trust_store_look *look, const char *real_root)
{
    char own[ID_LETTERS + 1];
    char id[ID_LETTERS + 1];
    char identity[HEAD_SIZE];
    const char *root;
    if (!take_apart(entry, id, &root)) {
        return false;
    }
    id_text(look, own);
    write_identity(&look->stat, identity);
    const char *rest = (const char *)entry->data + sizeof MAGIC - 1 + ID_LETTERS;
    size_t size = strlen(identity);
    bool is_same_id = !look->has_id || id[0] == '-' || strcmp(own, id) == 0;
    bool is_same_root = look->stat.btime_ns != 0 || strcmp(root, real_root) == 0;
    return is_same_id && is_same_root && strncmp(rest, identity, size) == 0 &&
           rest + size + sizeof ROOT - 1 == root; /* nothing stands between */
}

/* Reads the entry of a directory; FIRN_NOT_FOUND if there is none. */
static int
read_entry(struct fi_os *os, const struct fi_os_stat *stat, const char *real_root,
           struct fi_buf *out, firn_error *err)
{
    char name[FI_TRUST_PRIVATE_NAME_SIZE];
    struct fi_os_dir *dir = NULL;
    int rc;
    FI_TRY(fi_trust_store_note_name(stat, real_root, name, err));
    FI_TRY(fi_trust_private_open(os, FI_TRUST_PRIVATE_TRUSTED, false, &dir, err));
    FI_TRY(fi_trust_private_read(dir, name, out, err));
out:
    fi_os_dir_close(dir);
    return rc;
}

static int
write_entry(struct fi_os *os, const struct fi_trust_store_look *look, const char *real_root,
            firn_error *err)
{
    char name[FI_TRUST_PRIVATE_NAME_SIZE];
    char id[ID_LETTERS + 1];
    char identity[HEAD_SIZE];
    struct fi_buf entry = {0};
    int rc;
    DCHECK(look->has_store && real_root[0] == '/');
    id_text(look, id);
    write_identity(&look->stat, identity);
    if (fi_buf_append_format(&entry, "%s%s%s%s%s", MAGIC, id, identity, ROOT, real_root) !=
        FIRN_OK) {
        rc = out_of_memory(err);
        goto out;
    }
    FI_TRY(fi_trust_store_note_name(&look->stat, real_root, name, err));
    rc = fi_trust_private_keep(os, FI_TRUST_PRIVATE_TRUSTED, name, fi_buf_slice(&entry), err);
out:
    fi_buf_deinit(&entry);
    return rc;
}

/* Fills is_trusted. A folder of entries that is not private, or is missing, counts as empty. */
static int
judge(struct fi_os *os, const char *real_root, struct fi_trust_store_look *look, firn_error *err)
{
    struct fi_buf entry = {0};
    if ((look->stat.mode & MODE_OTHERS_WRITE) != 0) { /* (I2) */
        return FIRN_OK;
    }
    int rc = read_entry(os, &look->stat, real_root, &entry, err);
    look->is_trusted = rc == FIRN_OK && agrees(&entry, look, real_root);
    fi_buf_deinit(&entry);
    DCHECK(!look->is_trusted || rc == FIRN_OK); /* (I4) */
    bool is_none =
        rc == FIRN_NOT_FOUND || rc == FIRN_DENIED || rc == FIRN_INVALID || rc == FIRN_LIMIT;
    return is_none ? FIRN_OK : rc;
}

/* *out_why is a transient failure to read the id; its code is FIRN_OK if there was none. */
static int
look_in(struct fi_os_dir *dir, const char *real_root, struct fi_trust_store_look *out,
        firn_error *out_why, firn_error *err)
{
    struct fi_os_dir *store = NULL;
    int rc;
    *out = (struct fi_trust_store_look){.has_store = false};
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
    rc = read_id(store, out, out_why);
    out_why->code = is_damaged(rc) ? FIRN_OK : rc;
    rc = judge(fi_os_dir_os(dir), real_root, out, err);
out:
    fi_os_dir_close(store);
    return rc;
}

static int
look_and_tell(struct fi_os *os, const char *real_root, struct fi_trust_store_look *out,
              firn_error *out_why, firn_error *err)
{
    struct fi_os_dir *dir = NULL;
    *out = (struct fi_trust_store_look){.has_store = false};
    *out_why = (firn_error){.code = FIRN_OK};
    int rc = fi_os_dir_open_path(os, real_root, &dir, err);
    if (rc != FIRN_OK) {
        return rc == FIRN_NOT_FOUND || rc == FIRN_DENIED ? FIRN_OK : rc;
    }
    rc = look_in(dir, real_root, out, out_why, err);
    fi_os_dir_close(dir);
    return rc;
}

/* What a look found, with the failure that it told of. */
static int
conclude(int rc, struct fi_trust_store_look *out, const firn_error *why, firn_error *err)
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
fi_trust_store_look(struct fi_os *os, const char *real_root, struct fi_trust_store_look *out,
                    firn_error *err)
{
    firn_error why;
    return conclude(look_and_tell(os, real_root, out, &why, err), out, &why, err);
}

int
fi_trust_store_look_in(struct fi_os_dir *dir, const char *real_root,
                       struct fi_trust_store_look *out, firn_error *err)
{
    firn_error why;
    return conclude(look_in(dir, real_root, out, &why, err), out, &why, err);
}

int
fi_trust_store_refuse(const char *real_root, const struct fi_trust_store_look *look,
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
enter(struct fi_os *os, const struct fi_trust_store_look *look, const char *real_root,
      firn_error *err)
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
    FI_TRY(write_entry(os, look, real_root, err));
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
    struct fi_trust_store_look look;
    firn_error why;
    int rc;
    FI_TRY(look_and_tell(os, real_root, &look, &why, err));
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
        rc = enter(os, &look, real_root, err);
    }
out:
    return rc;
}

/* ---- a note, by the directory of its store ---- */

/* The path of the directory that has the store inside; "" if it is not the usual place. It is in
 * `path`, which the caller frees. */
static int
root_around(struct fi_os_dir *store, struct fi_buf *path, const char **out, firn_error *err)
{
    static const char inside[] = "/" FI_TRUST_INSIDE;
    const size_t size = sizeof inside - 1;
    DCHECK(path->size == 0);
    FI_TRY_RETURN(fi_os_dir_real_path(store, path, err));
    bool is_inside =
        path->size >= size && memcmp(path->data + path->size - size, inside, size) == 0;
    if (is_inside && path->size > size) {
        path->size -= size;
    } else {
        path->size = is_inside; /* of "/.firn" the "/" */
    }
    *out = fi_buf_text(path);
    return *out == NULL ? out_of_memory(err) : FIRN_OK;
}

int
fi_trust_store_note_find(struct fi_os_dir *store, struct fi_trust_store_note *out, firn_error *err)
{
    struct fi_trust_store_look look = {.has_store = true};
    char id[ID_LETTERS + 1];
    struct fi_os *os = fi_os_dir_os(store);
    struct fi_buf entry = {0};
    struct fi_buf around = {0};
    const char *real_root = "";
    const char *root;
    int rc;
    *out = (struct fi_trust_store_note){.is_there = false};
    FI_TRY(fi_os_dir_stat(store, &look.stat, err));
    if (look.stat.btime_ns == 0) { /* the path is a part of the name of the entry */
        FI_TRY(root_around(store, &around, &real_root, err));
        if (real_root[0] != '/') {
            goto out;
        }
    }
    out->stat = look.stat;
    FI_TRY(fi_trust_store_note_name(&look.stat, real_root, out->name, err));
    rc = read_entry(os, &look.stat, real_root, &entry, err);
    if (rc == FIRN_NOT_FOUND || rc == FIRN_DENIED || rc == FIRN_INVALID || rc == FIRN_LIMIT) {
        rc = FIRN_OK;
        goto out;
    }
    FI_TRY(rc);
    if (!agrees(&entry, &look, real_root) || !take_apart(&entry, id, &root)) {
        goto out;
    }
    out->is_there = true;
    out->has_list = memcmp(entry.data, MAGIC, sizeof MAGIC - 1) == 0;
    if (fi_buf_append(&out->root, root, strlen(root) + 1) != FIRN_OK) {
        rc = out_of_memory(err);
    }
out:
    fi_buf_deinit(&around);
    fi_buf_deinit(&entry);
    return rc;
}

void
fi_trust_store_note_deinit(struct fi_trust_store_note *note)
{
    fi_buf_deinit(&note->root);
}

/* Writes a note about a directory, with the id of its store, if it has one. */
static int
write_for(struct fi_os_dir *store, const char *root, firn_error *err)
{
    struct fi_trust_store_look look = {.has_store = true};
    int rc;
    FI_TRY(fi_os_dir_stat(store, &look.stat, err));
    rc = read_id(store, &look, err);
    if (rc == FIRN_OK || is_damaged(rc)) {
        rc = write_entry(fi_os_dir_os(store), &look, root, err);
    }
out:
    return rc;
}

int
fi_trust_store_note_write(struct fi_os_dir *store, const struct fi_trust_store_note *note,
                          firn_error *err)
{
    DCHECK(note->is_there);
    return write_for(store, (const char *)note->root.data, err);
}

int
fi_trust_store_note_follow(struct fi_os_dir *store, firn_error *err)
{
    struct fi_trust_store_note note;
    struct fi_buf around = {0};
    const char *real_root;
    int rc;
    FI_TRY(fi_trust_store_note_find(store, &note, err));
    if (!note.is_there || !note.has_list) {
        goto out;
    }
    FI_TRY(root_around(store, &around, &real_root, err));
    if (real_root[0] == '/' && strcmp(real_root, (const char *)note.root.data) != 0) {
        rc = write_for(store, real_root, err);
        rc = rc == FIRN_NO_MEMORY ? rc : FIRN_OK; /* the next writer tries again */
    }
out:
    fi_buf_deinit(&around);
    fi_trust_store_note_deinit(&note);
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
        rc = write_for(store, real_root, err);
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
        rc = write_for(to, (const char *)note.root.data, err);
    } else if (rc == FIRN_OK) {
        bool is_noted;
        FI_TRY(fi_trust_named_is_noted(from, &is_noted, err));
        rc = is_noted ? fi_trust_named_note(to, err) : FIRN_OK;
    }
out:
    fi_trust_store_note_deinit(&note);
    return rc;
}
