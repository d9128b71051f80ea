/* SPDX-License-Identifier: Apache-2.0
 *
 * remote/remote_marker.c: text for people, and three lines of it that count, each once:
 *
 *     format: 1
 *     id: <32 hex digits>
 *     encrypted: no
 *
 * Lines end in "\n" or "\r\n", since people open the file in editors. Other lines are passed over,
 * so that a later version can say more without a new format.
 */
#include "remote/remote_marker.h"

#include <inttypes.h>
#include <string.h>

#include "base/slice.h"
#include "codec/hex.h"

enum { FORMAT = 1 };

int
fi_remote_marker_encode(const struct fi_remote_marker *marker, struct fi_buf *out, firn_error *err)
{
    char id[2 * FI_REMOTE_MARKER_ID_SIZE + 1];
    fi_hex_encode(marker->id, sizeof marker->id, id);
    if (fi_buf_append_format(
            out,
            "This is a firn remote: checkpoints of directories, shared by machines.\n"
            "\n"
            "To see what it has:  firn remote add NAME URL, then firn list NAME\n"
            "To get it:           firn clone URL DIR\n"
            "\n"
            "packs/ has the contents, states/ says what there is: the state with the highest\n"
            "number counts, and its first line says who made it. Files here are only added\n"
            "and removed, never changed. Remove nothing by hand: firn remote prune knows\n"
            "what is needed.\n"
            "\n"
            "format: %d\n"
            "id: %s\n"
            "encrypted: %s\n",
            FORMAT, id, marker->is_encrypted ? "yes" : "no") != FIRN_OK) {
        return fi_error_no_memory(err, "the marker of a remote");
    }
    return FIRN_OK;
}

/* ==== reading ==== */

/* Takes the first line off *text, without its end. */
static firn_slice
take_line(firn_slice *text)
{
    const uint8_t *end = memchr(text->data, '\n', text->size);
    size_t size = end != NULL ? (size_t)(end - text->data) : text->size;
    size_t taken = end != NULL ? size + 1 : size;
    firn_slice line = firn_bytes(text->data, size);
    *text = firn_bytes(text->data + taken, text->size - taken);
    if (line.size > 0 && line.data[line.size - 1] == '\r') {
        line.size--;
    }
    return line;
}

/* Whether the line has that label; *value is what follows. */
static bool
has_label(firn_slice line, const char *label, firn_slice *value)
{
    size_t size = strlen(label);
    if (!fi_slice_has_prefix(line, firn_str(label))) {
        return false;
    }
    *value = firn_bytes(line.data + size, line.size - size);
    return true;
}

int
fi_remote_marker_decode(firn_slice text, struct fi_remote_marker *out, firn_error *err)
{
    int formats = 0;
    int ids = 0;
    int encryptions = 0;
    bool is_newer = false;
    bool is_wrong = text.size > FI_REMOTE_MARKER_SIZE_MAX;
    *out = (struct fi_remote_marker){.is_encrypted = false};
    while (text.size > 0 && !is_wrong) {
        firn_slice value;
        firn_slice line = take_line(&text);
        if (has_label(line, "format: ", &value)) {
            formats++;
            is_newer |= !fi_slice_equal(value, firn_str("1"));
        } else if (is_newer) {
            continue; /* a later format may write the other lines in another way */
        } else if (has_label(line, "id: ", &value)) {
            ids++;
            is_wrong = value.size != 2 * sizeof out->id ||
                       !fi_hex_decode((const char *)value.data, out->id, sizeof out->id);
        } else if (has_label(line, "encrypted: ", &value)) {
            encryptions++;
            out->is_encrypted = fi_slice_equal(value, firn_str("yes"));
            is_wrong = !out->is_encrypted && !fi_slice_equal(value, firn_str("no"));
        }
    }
    if (!is_wrong && formats == 1 && is_newer) {
        return fi_error_set(err, FIRN_NEWER,
                            "the remote was made by a later version of firn (its file %s says "
                            "which format it has)",
                            FI_REMOTE_MARKER_NAME);
    }
    if (is_wrong || formats != 1 || ids != 1 || encryptions != 1) {
        return fi_error_set(err, FIRN_INVALID, "this is no firn remote: its file %s is another one",
                            FI_REMOTE_MARKER_NAME);
    }
    return FIRN_OK;
}

int
fi_remote_marker_read(struct fi_bucket *bucket, struct fi_remote_marker *out, firn_error *err)
{
    struct fi_buf text = {0};
    int rc;
    FI_TRY(
        fi_bucket_get(bucket, FI_REMOTE_MARKER_NAME, 0, FI_REMOTE_MARKER_SIZE_MAX + 1, &text, err));
    rc = fi_remote_marker_decode(fi_buf_slice(&text), out, err);
out:
    fi_buf_deinit(&text);
    return rc;
}

/* ==== creating ==== */

/* Objects of a probe and files under incoming/ are firn's own. */
static int
refuse_foreign(void *ctx, const struct fi_bucket_object *object)
{
    firn_slice name = firn_str(object->name);
    if (fi_slice_has_prefix(name, firn_str("probe/")) ||
        fi_slice_has_prefix(name, firn_str("incoming/"))) {
        return FIRN_OK;
    }
    return fi_error_set(ctx, FIRN_EXISTS,
                        "there are other files at this place, and no firn remote; choose an empty "
                        "place, such as a new prefix");
}

int
fi_remote_marker_create(struct fi_bucket *bucket, struct fi_os *os, struct fi_remote_marker *out,
                        firn_error *err)
{
    struct fi_buf text = {0};
    const bool is_encrypted = out->is_encrypted;
    int rc = fi_remote_marker_read(bucket, out, err);
    if (rc != FIRN_NOT_FOUND) {
        return rc;
    }
    out->is_encrypted = is_encrypted;
    rc = fi_bucket_list(bucket, "", NULL, refuse_foreign, err, err);
    if (rc == FIRN_EXISTS) { /* perhaps the files of a machine that was faster */
        const firn_error foreign = err != NULL ? *err : (firn_error){.code = FIRN_EXISTS};
        rc = fi_remote_marker_read(bucket, out, err);
        if (rc == FIRN_NOT_FOUND) {
            fi_error_copy(err, &foreign);
            rc = FIRN_EXISTS;
        }
        goto out;
    }
    FI_TRY(rc);
    FI_TRY(fi_os_random(os, out->id, sizeof out->id, err));
    FI_TRY(fi_remote_marker_encode(out, &text, err));
    rc = fi_bucket_put_bytes(bucket, FI_REMOTE_MARKER_NAME, fi_buf_slice(&text), err);
    if (rc == FIRN_EXISTS || rc == FIRN_IO) { /* another machine's; or perhaps ours */
        firn_error lost;
        int found = fi_remote_marker_read(bucket, out, &lost);
        if (found != FIRN_OK && found != FIRN_NOT_FOUND) {
            fi_error_copy(err, &lost);
        }
        rc = found != FIRN_NOT_FOUND ? found : rc;
    }
out:
    fi_buf_deinit(&text);
    return rc;
}

int
fi_remote_marker_restore(struct fi_bucket *bucket, const struct fi_remote_marker *marker,
                         firn_error *err)
{
    struct fi_buf text = {0};
    struct fi_remote_marker there;
    int rc;
    FI_TRY(fi_remote_marker_encode(marker, &text, err));
    rc = fi_bucket_put_bytes(bucket, FI_REMOTE_MARKER_NAME, fi_buf_slice(&text), err);
    if ((rc == FIRN_EXISTS || rc == FIRN_IO) &&
        fi_remote_marker_read(bucket, &there, NULL) == FIRN_OK &&
        memcmp(there.id, marker->id, sizeof there.id) == 0) {
        rc = FIRN_OK; /* another machine's, or ours */
    }
out:
    fi_buf_deinit(&text);
    return rc;
}
