/* SPDX-License-Identifier: Apache-2.0
 *
 * trust/trust_restore.c: restores that this user has begun, in which root, on this machine.
 *
 * The next writing operation on the workspace finishes an interrupted restore without asking, and
 * so writes what the store names where the store says. The store alone must not be able to cause
 * that: one that came with a tree, or from another disk, would plant files (SECURITY.md). A restore
 * is therefore noted outside the store before its journal is written. A pending journal without its
 * note is foreign: it is reported and left alone, and the tree on disk is taken as it is, unless
 * the caller trusts the journal.
 *
 * There is one private file (trust_private.c) for each workspace of a store, named after the
 * store's id, the workspace's number and the root:
 *
 *   firn restore 1\n store <32 hex digits>\n workspace <n>\n machine <id or ->\n
 *   root <size>\n <path>\n tag <16 hex digits>\n ...
 *
 * (without the blanks after each \n). A tag is 64 random bits of the journal, which no other user
 * knows. There are at most two: the tag of a restore that is about to begin, and that of the
 * pending restore that it replaces.
 *
 * Order: (I1) the note is durable before the commit of the journal that needs it, and has the tag
 * of the previous pending journal too. So at every moment the journal in the store is noted if this
 * user began its restore. (I2; checked by the caller, which has the journal) The note is removed
 * only after the journal is no longer pending. A crash in between leaves a note for a tag that no
 * journal has; the next restore replaces it.
 */
#include <inttypes.h>
#include <string.h>

#include "base/buf.h"
#include "base/check.h"
#include "codec/hex.h"
#include "trust/trust.h"

enum { TAG_LETTERS = 2 * FI_TRUST_RESTORE_TAG_SIZE };

static int
out_of_memory(firn_error *err)
{
    return fi_error_no_memory(err, "the note of a restore");
}

/* A note without its tags, and the name of its file. */
static int
make_head(struct fi_os *os, const struct fi_trust_restore *restore, struct fi_buf *out, char *name,
          firn_error *err)
{
    char id[2 * FI_STOREFILE_ID_SIZE + 1];
    struct fi_buf key = {0};
    int rc;
    fi_hex_encode(restore->store_id, FI_STOREFILE_ID_SIZE, id);
    if (fi_buf_append_format(&key, "%s %" PRIu32 " %s", id, restore->workspace, restore->root) !=
            FIRN_OK ||
        fi_buf_append_format(out, "firn restore 1\nstore %s\nworkspace %" PRIu32 "\nmachine ", id,
                             restore->workspace) != FIRN_OK) {
        rc = out_of_memory(err);
        goto out;
    }
    fi_trust_private_name(fi_buf_slice(&key), name);
    FI_TRY(fi_trust_private_machine(os, out, err));
    if (fi_buf_append_format(out, "\nroot %zu\n%s\n", strlen(restore->root), restore->root) !=
        FIRN_OK) {
        rc = out_of_memory(err);
    }
out:
    fi_buf_deinit(&key);
    return rc;
}

static int
append_tag(struct fi_buf *out, const uint8_t tag[FI_TRUST_RESTORE_TAG_SIZE], firn_error *err)
{
    char hex[TAG_LETTERS + 1];
    fi_hex_encode(tag, FI_TRUST_RESTORE_TAG_SIZE, hex);
    return fi_buf_append_format(out, "tag %s\n", hex) == FIRN_OK ? FIRN_OK : out_of_memory(err);
}

/* Whether a line has the form that append_tag writes. */
static bool
is_tag(const uint8_t *line)
{
    bool is_one = memcmp(line, "tag ", 4) == 0 && line[4 + TAG_LETTERS] == '\n';
    for (size_t i = 4; is_one && i < 4 + TAG_LETTERS; i++) {
        is_one = (line[i] >= '0' && line[i] <= '9') || (line[i] >= 'a' && line[i] <= 'f');
    }
    return is_one;
}

/* Whether a note is `head` and one or two lines of tags, and has the tag. */
static int
trust_restore_holds(const struct fi_buf *note, const struct fi_buf *head, const uint8_t *tag,
                    bool *out, firn_error *err)
{
    struct fi_buf line = {0};
    int rc = append_tag(&line, tag, err);
    size_t tags_size = note->size > head->size ? note->size - head->size : 0;
    bool is_note = rc == FIRN_OK && (tags_size == line.size || tags_size == 2 * line.size) &&
                   memcmp(note->data, head->data, head->size) == 0;
    bool has_tag = false;
    for (size_t at = head->size; is_note && at < note->size; at += line.size) {
        is_note = is_tag(note->data + at);
        has_tag = has_tag || memcmp(note->data + at, line.data, line.size) == 0;
    }
    *out = is_note && has_tag;
    fi_buf_deinit(&line);
    return rc;
}

/* Whether a note with a head of this size will be accepted for a tag; also true if there is no
 * memory to find out. */
static bool
vouches(const struct fi_buf *note, size_t head_size, const uint8_t *tag)
{
    const struct fi_buf head = {.data = note->data, .size = head_size};
    bool is_held;
    return trust_restore_holds(note, &head, tag, &is_held, NULL) != FIRN_OK || is_held;
}

int
fi_trust_restore_note(struct fi_os *os, const struct fi_trust_restore *restore, const uint8_t *tag,
                      const uint8_t *pending, firn_error *err)
{
    char name[FI_TRUST_PRIVATE_NAME_SIZE];
    struct fi_buf note = {0};
    int rc;
    DCHECK(restore->workspace != 0 && restore->root[0] == '/');
    FI_TRY(make_head(os, restore, &note, name, err));
    size_t head_size = note.size;
    FI_TRY(append_tag(&note, tag, err));
    if (pending != NULL) {
        FI_TRY(append_tag(&note, pending, err));
        DCHECK(vouches(&note, head_size, pending)); /* (I1) */
    }
    DCHECK(vouches(&note, head_size, tag)); /* (I1) */
    rc = fi_trust_private_keep(os, FI_TRUST_PRIVATE_RESTORING, name, fi_buf_slice(&note), err);
    if (rc != FIRN_OK && rc != FIRN_NO_MEMORY && err != NULL) {
        fi_error_prefix(err, "nothing was changed: the start of the restore could not be recorded");
    }
out:
    fi_buf_deinit(&note);
    return rc;
}

int
fi_trust_restore_clear(struct fi_os *os, const struct fi_trust_restore *restore, firn_error *err)
{
    char name[FI_TRUST_PRIVATE_NAME_SIZE];
    struct fi_os_dir *dir = NULL;
    struct fi_buf head = {0};
    int rc;
    FI_TRY(make_head(os, restore, &head, name, err));
    FI_TRY(fi_trust_private_open(os, FI_TRUST_PRIVATE_RESTORING, false, &dir, err));
    FI_TRY(fi_trust_private_remove(dir, name, err));
out:
    fi_os_dir_close(dir);
    fi_buf_deinit(&head);
    return rc;
}

int
fi_trust_restore_is_noted(struct fi_os *os, const struct fi_trust_restore *restore,
                          const uint8_t *tag, bool *out, firn_error *err)
{
    char name[FI_TRUST_PRIVATE_NAME_SIZE];
    struct fi_buf head = {0};
    struct fi_buf note = {0};
    int rc;
    *out = false;
    FI_TRY(make_head(os, restore, &head, name, err));
    FI_TRY(fi_trust_private_find(os, FI_TRUST_PRIVATE_RESTORING, name, &note, err));
    if (note.size > 0) {
        rc = trust_restore_holds(&note, &head, tag, out, err);
    }
    DCHECK(rc == FIRN_OK || !*out);
out:
    fi_buf_deinit(&head);
    fi_buf_deinit(&note);
    return rc;
}
