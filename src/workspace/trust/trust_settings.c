/* SPDX-License-Identifier: Apache-2.0
 *
 * trust/trust_settings.c: whether the settings in a store inside a tree are this user's.
 *
 * Settings say what is kept and what is left out. Whatever changes the tree, a pull or an archive,
 * can put a file "config" into a store inside of it, or remove one that keeps everything. So beside
 * the note about such a store (trust_store.c) there is one about its settings, and these count only
 * if the note knows the text:
 *
 *   firn settings 1\n  text <64 hex digits>\n  ...
 *
 * (without the blanks after each \n): the BLAKE3 of the file, of no bytes if there is no file.
 * There are at most two: that of the settings, and of those that are about to replace them.
 *
 * (I1) The note knows a text, durably, before that text becomes the settings, and still knows the
 *      one that it replaces. So after a crash the settings are known, whichever they are. (Tested
 *      by power cuts.)
 * (I2) Settings that are not known stay unknown when firn changes them: only the user accepts them,
 *      by firn trust. (Not checked: the note is simply not written.)
 *
 * A store that was trusted before there were such notes has none. Its settings count as before, and
 * are taken when it is first opened for writing. A store that is not trusted is used only if it is
 * named; then its settings count.
 */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/slice.h"
#include "codec/blake3_hash.h"
#include "codec/hex.h"
#include "trust/trust_internal.h"

enum {
    SIZE_MAX_OF_TEXT = 64 << 10, /* place_config.c reads no more */
    HASH_LETTERS = 2 * sizeof(firn_hash),
    LINE_SIZE = 5 + HASH_LETTERS + 1,
    NAME_SIZE = FI_TRUST_PRIVATE_NAME_SIZE + 16
};

static const char MAGIC[] = "firn settings 1\n";

/* What is known of the settings of a store. */
struct knowledge {
    bool has_note; /* about the store */
    bool is_there; /* about its settings: bytes */
    char name[NAME_SIZE];
    struct fi_buf bytes;
};

static int
out_of_memory(firn_error *err)
{
    return fi_error_no_memory(err, "a note");
}

/* ---- texts ---- */

static int
append_line(struct fi_buf *out, firn_slice text, firn_error *err)
{
    char hex[HASH_LETTERS + 1];
    firn_hash hash;
    fi_blake3_hash_of(text.data, text.size, &hash);
    fi_hex_encode(hash.bytes, sizeof hash.bytes, hex);
    return fi_buf_append_format(out, "text %s\n", hex) == FIRN_OK ? FIRN_OK : out_of_memory(err);
}

static bool
is_line(const uint8_t *line)
{
    bool is_one = memcmp(line, "text ", 5) == 0 && line[LINE_SIZE - 1] == '\n';
    for (size_t i = 5; is_one && i < LINE_SIZE - 1; i++) {
        is_one = (line[i] >= '0' && line[i] <= '9') || (line[i] >= 'a' && line[i] <= 'f');
    }
    return is_one;
}

/* Whether a note has a text. */
static int
trust_settings_holds(const struct fi_buf *note, firn_slice text, bool *out, firn_error *err)
{
    struct fi_buf line = {0};
    size_t magic_size = sizeof MAGIC - 1;
    *out = false;
    int rc = append_line(&line, text, err);
    DCHECK(rc != FIRN_OK || line.size == LINE_SIZE);
    bool is_note = rc == FIRN_OK &&
                   (note->size == magic_size + LINE_SIZE ||
                    note->size == magic_size + (size_t)2 * LINE_SIZE) &&
                   memcmp(note->data, MAGIC, magic_size) == 0;
    bool has_text = false;
    for (size_t at = magic_size; is_note && at < note->size; at += LINE_SIZE) {
        is_note = is_line(note->data + at);
        has_text = has_text || memcmp(note->data + at, line.data, LINE_SIZE) == 0;
    }
    *out = is_note && has_text;
    fi_buf_deinit(&line);
    return rc;
}

/* The present settings, as far as they are read; none if they cannot be opened. */
static int
read_present(struct fi_os_dir *store, struct fi_buf *out, firn_error *err)
{
    struct fi_os_file *file = NULL;
    size_t size = 0;
    fi_buf_clear(out);
    int rc = fi_os_file_open(store, FI_TRUST_SETTINGS_FILE, FI_OS_READ, 0, &file, err);
    if (rc != FIRN_OK) {
        bool is_none = rc == FIRN_NOT_FOUND || rc == FIRN_DENIED || rc == FIRN_INVALID;
        return is_none ? FIRN_OK : rc;
    }
    if (fi_buf_set_size(out, SIZE_MAX_OF_TEXT + 1) != FIRN_OK) {
        rc = out_of_memory(err);
        goto out;
    }
    FI_TRY(fi_os_file_read(file, 0, out->data, out->size, &size, err));
    rc = fi_buf_set_size(out, size);
out:
    fi_os_file_close(file);
    return rc;
}

/* ---- notes ---- */

static void
trust_settings_deinit(struct knowledge *known)
{
    fi_buf_deinit(&known->bytes);
}

/* The caller deinits *out, also after a failure. A note that cannot be believed knows nothing. */
static int
trust_settings_inspect(struct fi_os_dir *store, struct knowledge *out, firn_error *err)
{
    struct fi_trust_store_note note;
    struct fi_os_dir *dir = NULL;
    *out = (struct knowledge){.has_note = false};
    int rc = fi_trust_store_note_find(store, &note, err);
    FI_TRY(rc);
    out->has_note = note.is_there;
    (void)snprintf(out->name, sizeof out->name, "%s.settings", note.name);
    if (!note.is_there) {
        goto out;
    }
    rc = fi_trust_private_open(fi_os_dir_os(store), FI_TRUST_PRIVATE_TRUSTED, false, &dir, err);
    rc = rc == FIRN_OK ? fi_trust_private_read(dir, out->name, &out->bytes, err) : rc;
    out->is_there = rc != FIRN_NOT_FOUND;
    if (rc == FIRN_NOT_FOUND || rc == FIRN_DENIED || rc == FIRN_INVALID || rc == FIRN_LIMIT) {
        fi_buf_clear(&out->bytes);
        rc = FIRN_OK;
    }
out:
    fi_os_dir_close(dir);
    fi_trust_store_note_deinit(&note);
    return rc;
}

/* Writes the note about one text or two (`second` may be NULL). */
static int
trust_settings_write(struct fi_os_dir *store, const char *name, firn_slice first,
                     const firn_slice *second, firn_error *err)
{
    struct fi_buf note = {0};
    bool is_held;
    int rc;
    if (fi_buf_append_str(&note, MAGIC) != FIRN_OK) {
        rc = out_of_memory(err);
        goto out;
    }
    FI_TRY(append_line(&note, first, err));
    if (second != NULL) {
        FI_TRY(append_line(&note, *second, err));
    }
    DCHECK(trust_settings_holds(&note, first, &is_held, NULL) != FIRN_OK || is_held);
    rc = fi_trust_private_keep(fi_os_dir_os(store), FI_TRUST_PRIVATE_TRUSTED, name,
                               fi_buf_slice(&note), err);
out:
    fi_buf_deinit(&note);
    return rc;
}

static int
find_is_known(const struct knowledge *known, firn_slice text, bool *out, firn_error *err)
{
    *out = !known->has_note || !known->is_there;
    return *out ? FIRN_OK : trust_settings_holds(&known->bytes, text, out, err);
}

int
fi_trust_settings_is_known(struct fi_os_dir *store, firn_slice text, bool *out, firn_error *err)
{
    struct knowledge known;
    *out = false;
    int rc = trust_settings_inspect(store, &known, err);
    rc = rc == FIRN_OK ? find_is_known(&known, text, out, err) : rc;
    trust_settings_deinit(&known);
    return rc;
}

int
fi_trust_settings_expect(struct fi_os_dir *store, firn_slice text, firn_error *err)
{
    struct knowledge known;
    struct fi_buf present = {0};
    bool is_known = false;
    int rc = trust_settings_inspect(store, &known, err);
    if (rc != FIRN_OK || !known.has_note) {
        goto out;
    }
    FI_TRY(read_present(store, &present, err));
    FI_TRY(find_is_known(&known, fi_buf_slice(&present), &is_known, err));
    if (is_known) { /* (I1), (I2) */
        bool is_same = fi_slice_equal(fi_buf_slice(&present), text);
        rc = trust_settings_write(store, known.name, fi_buf_slice(&present), is_same ? NULL : &text,
                                  err);
    }
out:
    fi_buf_deinit(&present);
    trust_settings_deinit(&known);
    return rc;
}

int
fi_trust_settings_take(struct fi_os_dir *store, bool is_anew, firn_error *err)
{
    struct knowledge known;
    struct fi_buf present = {0};
    int rc = trust_settings_inspect(store, &known, err);
    if (rc == FIRN_OK && known.has_note && (is_anew || !known.is_there)) {
        FI_TRY(read_present(store, &present, err));
        rc = trust_settings_write(store, known.name, fi_buf_slice(&present), NULL, err);
    }
out:
    fi_buf_deinit(&present);
    trust_settings_deinit(&known);
    return rc;
}

int
fi_trust_settings_begin(struct fi_os_dir *store, const char *note, firn_error *err)
{
    char name[NAME_SIZE];
    (void)snprintf(name, sizeof name, "%s.settings", note);
    return trust_settings_write(store, name, firn_bytes(NULL, 0), NULL, err);
}

int
fi_trust_settings_carry(struct fi_os_dir *from, struct fi_os_dir *to, const char *note,
                        firn_error *err)
{
    struct knowledge known;
    struct fi_buf present = {0};
    char name[NAME_SIZE];
    bool is_known = false;
    int rc = trust_settings_inspect(from, &known, err);
    FI_TRY(rc);
    (void)snprintf(name, sizeof name, "%s.settings", note);
    FI_TRY(read_present(from, &present, err));
    FI_TRY(find_is_known(&known, fi_buf_slice(&present), &is_known, err));
    if (is_known) {
        FI_TRY(read_present(to, &present, err));
        rc = trust_settings_write(to, name, fi_buf_slice(&present), NULL, err);
    } else { /* (I2) */
        rc = fi_trust_private_keep(fi_os_dir_os(to), FI_TRUST_PRIVATE_TRUSTED, name,
                                   fi_buf_slice(&known.bytes), err);
    }
out:
    fi_buf_deinit(&present);
    trust_settings_deinit(&known);
    return rc;
}

int
fi_trust_settings_remove(struct fi_os_dir *notes, const char *note, firn_error *err)
{
    char name[NAME_SIZE];
    (void)snprintf(name, sizeof name, "%s.settings", note);
    return fi_trust_private_remove(notes, name, err);
}
