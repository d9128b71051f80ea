/* SPDX-License-Identifier: Apache-2.0
 *
 * scan/scan_xattrs.c: the extended attributes of one file, link or directory.
 *
 * One call lists the names; nearly every file has none, so that no further calls are needed. The
 * result is sorted by name, since a tree is canonical.
 * Attributes that the system does not show to this user (trusted.* to users other than root) are
 * not listed, and so do not count as missing.
 *
 * An attribute that went away between the two calls was removed: that is not a failure. Any other
 * attribute that cannot be read, and those beyond the format's limit, are missing from the result
 * and reported by the caller: the content of a file is worth saving without them.
 */
#include <string.h>

#include "base/check.h"
#include "base/error.h"
#include "scan/scan_internal.h"

/* Whether memory ran out: then the whole scan has failed, not one attribute. */
static bool
is_fatal(int code)
{
    return code == FIRN_NO_MEMORY;
}

/* Collects the names, sorted, in worker->attributes. */
static int
list_names(struct fi_scan_worker *worker, struct fi_os_node node, firn_error *err)
{
    struct fi_buf *names = &worker->attribute_names;
    fi_buf_clear(names);
    int rc = fi_os_xattr_list(node, names, err);
    if (rc != FIRN_OK || names->size == 0) {
        return rc == FIRN_UNSUPPORTED ? FIRN_OK : rc;
    }
    for (size_t at = 0; at < names->size;) {
        const uint8_t *name = names->data + at;
        const uint8_t *end = memchr(name, '\0', names->size - at);
        size_t size = end != NULL ? (size_t)(end - name) : names->size - at;
        FI_TRY(fi_scan_listing_add(&worker->attributes, firn_bytes(name, size), FI_OS_UNKNOWN));
        at += size + 1;
    }
    fi_scan_listing_sort(&worker->attributes);
out:
    return rc == FIRN_OK ? FIRN_OK : fi_error_no_memory(err, "attribute names");
}

/* Appends one attribute to worker->xattrs, by way of worker->attribute_names. */
static int
read_one(struct fi_scan_worker *worker, struct fi_os_node node, const char *name, firn_error *err)
{
    struct fi_buf *value = &worker->attribute_names;
    firn_slice name_slice = firn_str(name);
    if (name_slice.size == 0 || name_slice.size > FI_TREE_NAME_SIZE_MAX) {
        return fi_error_set(err, FIRN_LIMIT, "cannot save attribute '%s': its name is too long",
                            name);
    }
    fi_buf_clear(value);
    int rc = fi_os_xattr_get(node, name, value, err);
    if (rc != FIRN_OK) {
        return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
    }
    struct fi_buf *out = &worker->xattrs;
    size_t before = out->size;
    rc = fi_tree_xattrs_append(out, name_slice, fi_buf_slice(value));
    if (rc != FIRN_OK) {
        return fi_error_no_memory(err, "attributes");
    }
    if (out->size > FI_TREE_XATTRS_SIZE_MAX) {
        out->size = before;
        return fi_error_set(err, FIRN_LIMIT,
                            "cannot save attribute '%s': all together are larger than 1 MiB", name);
    }
    return FIRN_OK;
}

int
fi_scan_xattrs_read(struct fi_scan_worker *worker, struct fi_os_node node, unsigned *out_missing,
                    firn_error *err)
{
    *out_missing = 0;
    struct fi_scan_listing *attributes = &worker->attributes;
    fi_scan_listing_clear(attributes);
    fi_buf_clear(&worker->xattrs);
    int rc = list_names(worker, node, err);
    if (rc != FIRN_OK) {
        *out_missing = 1;
        return is_fatal(rc) ? rc : FIRN_OK;
    }
    for (size_t i = 0; i < attributes->count; i++) {
        const char *name = attributes->items[i].name.text;
        rc = read_one(worker, node, name, err);
        if (is_fatal(rc)) {
            return rc;
        }
        *out_missing += rc != FIRN_OK ? 1 : 0;
    }
    DCHECK(worker->xattrs.size <= FI_TREE_XATTRS_SIZE_MAX);
    return FIRN_OK;
}
