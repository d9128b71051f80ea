/* SPDX-License-Identifier: Apache-2.0
 *
 * trust/trust_store_note.c: the entry about one store inside a tree: writing it, reading it, and
 * whether it is for a directory.
 *
 * Entries are private files (trust_private.c):
 *
 *   firn trust 2\n  store <32 hex digits, or as many '-'>\n  owner <uid>\n  inode <n>\n
 *   birth <n>\n  root <path to the end of the file>
 *
 * (without the blanks after each \n), named after inode and birth time. The path is there for
 * people. Version 2 says that there is a list of the store's files (trust_files.c); version 1, of
 * older programs, has none.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/slice.h"
#include "codec/hex.h"
#include "trust/trust_internal.h"

enum {
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
trust_store_note_split(struct fi_buf *entry, char id[ID_LETTERS + 1], const char **out)
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
fi_trust_store_note_root(struct fi_buf *note, bool *out_has_id)
{
    char id[ID_LETTERS + 1];
    const char *root;
    if (!trust_store_note_split(note, id, &root)) {
        return NULL;
    }
    *out_has_id = id[0] != '-';
    return root;
}

static void
id_text(const struct fi_trust_store_inspect *look, char out[ID_LETTERS + 1])
{
    memset(out, '-', ID_LETTERS);
    out[ID_LETTERS] = '\0';
    if (look->has_id) {
        fi_hex_encode(look->id, sizeof look->id, out);
    }
}

bool
fi_trust_store_note_agrees(struct fi_buf *entry, const struct fi_trust_store_inspect *look,
                           const char *real_root)
{
    char own[ID_LETTERS + 1];
    char id[ID_LETTERS + 1];
    char identity[HEAD_SIZE];
    const char *root;
    if (!trust_store_note_split(entry, id, &root)) {
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

int
fi_trust_store_note_read(struct fi_os *os, const struct fi_os_stat *stat, const char *real_root,
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

int
fi_trust_store_note_put(struct fi_os *os, const struct fi_trust_store_inspect *look,
                        const char *real_root, firn_error *err)
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
    struct fi_trust_store_inspect look = {.has_store = true};
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
    rc = fi_trust_store_note_read(os, &look.stat, real_root, &entry, err);
    if (rc == FIRN_NOT_FOUND || rc == FIRN_DENIED || rc == FIRN_INVALID || rc == FIRN_LIMIT) {
        rc = FIRN_OK;
        goto out;
    }
    FI_TRY(rc);
    if (!fi_trust_store_note_agrees(&entry, &look, real_root) ||
        !trust_store_note_split(&entry, id, &root)) {
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

int
fi_trust_store_note_put_for(struct fi_os_dir *store, const char *root, firn_error *err)
{
    struct fi_trust_store_inspect look = {.has_store = true};
    int rc;
    FI_TRY(fi_os_dir_stat(store, &look.stat, err));
    rc = fi_trust_store_id_read(store, &look, err);
    if (rc == FIRN_OK || fi_trust_store_id_is_damaged(rc)) {
        rc = fi_trust_store_note_put(fi_os_dir_os(store), &look, root, err);
    }
out:
    return rc;
}

int
fi_trust_store_note_write(struct fi_os_dir *store, const struct fi_trust_store_note *note,
                          firn_error *err)
{
    DCHECK(note->is_there);
    return fi_trust_store_note_put_for(store, (const char *)note->root.data, err);
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
        rc = fi_trust_store_note_put_for(store, real_root, err);
        rc = rc == FIRN_NO_MEMORY ? rc : FIRN_OK; /* the next writer tries again */
    }
out:
    fi_buf_deinit(&around);
    fi_trust_store_note_deinit(&note);
    return rc;
}
