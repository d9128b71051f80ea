/* SPDX-License-Identifier: Apache-2.0
 *
 * trust/trust_repair.c: which directory beside a store inside a tree a repair of this user's made.
 *
 * A repair builds the new store in a directory beside the damaged one. If it is interrupted, the
 * next one removes that directory with everything in it. One of the same name may have come with
 * the tree, so beside the note about such a store (trust_store.c) there is one about the directory:
 *
 *   firn repairing 1\n  inode <n>\n  birth <n>\n
 *
 * (without the blanks after each \n). It is durable before anything is put into the directory (I1;
 * not checked: it is the order of the calls in repair.c). A note that is left says nothing about a
 * directory that is made later.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/check.h"
#include "base/slice.h"
#include "trust/trust_internal.h"

enum { NAME_SIZE = FI_TRUST_PRIVATE_NAME_SIZE + 16 };

static void
name_of(const char *note, char out[NAME_SIZE])
{
    int size = snprintf(out, NAME_SIZE, "%s.repairing", note);
    CHECK(size > 0 && size < NAME_SIZE);
}

static int
trust_repair_make(struct fi_os_dir *dir, struct fi_buf *out, firn_error *err)
{
    struct fi_os_stat stat;
    int rc = fi_os_dir_stat(dir, &stat, err);
    if (rc == FIRN_OK &&
        fi_buf_append_format(out, "firn repairing 1\ninode %" PRIu64 "\nbirth %" PRId64 "\n",
                             stat.inode, stat.btime_ns) != FIRN_OK) {
        rc = fi_error_no_memory(err, "a note");
    }
    return rc;
}

int
fi_trust_repair_note(struct fi_os_dir *store, struct fi_os_dir *dir, firn_error *err)
{
    struct fi_trust_store_note note;
    struct fi_buf text = {0};
    char name[NAME_SIZE];
    int rc = fi_trust_store_note_find(store, &note, err);
    if (rc != FIRN_OK || !note.is_there) {
        goto out;
    }
    name_of(note.name, name);
    FI_TRY(trust_repair_make(dir, &text, err));
    rc = fi_trust_private_keep(fi_os_dir_os(store), FI_TRUST_PRIVATE_TRUSTED, name,
                               fi_buf_slice(&text), err);
out:
    fi_buf_deinit(&text);
    fi_trust_store_note_deinit(&note);
    return rc;
}

int
fi_trust_repair_is_noted(struct fi_os_dir *store, struct fi_os_dir *dir, bool *out, firn_error *err)
{
    struct fi_trust_store_note note;
    struct fi_buf expected = {0};
    struct fi_buf text = {0};
    char name[NAME_SIZE];
    *out = false;
    int rc = fi_trust_store_note_find(store, &note, err);
    if (rc != FIRN_OK || !note.is_there) {
        *out = rc == FIRN_OK; /* nothing comes with a tree beside it */
        goto out;
    }
    name_of(note.name, name);
    FI_TRY(trust_repair_make(dir, &expected, err));
    FI_TRY(fi_trust_private_find(fi_os_dir_os(store), FI_TRUST_PRIVATE_TRUSTED, name, &text, err));
    *out = fi_slice_equal(fi_buf_slice(&text), fi_buf_slice(&expected));
out:
    DCHECK(rc == FIRN_OK || !*out);
    fi_buf_deinit(&expected);
    fi_buf_deinit(&text);
    fi_trust_store_note_deinit(&note);
    return rc;
}

int
fi_trust_repair_remove(struct fi_os_dir *notes, const char *note, firn_error *err)
{
    char name[NAME_SIZE];
    name_of(note, name);
    return fi_trust_private_remove(notes, name, err);
}
