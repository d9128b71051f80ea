/* SPDX-License-Identifier: Apache-2.0
 *
 * scan/scan_store.c: firn stores in the tree, which other processes may be writing to.
 *
 * A directory with a file FIRN and a log in it is a store; so is one without a log if that file
 * begins as the identity of a store: it has lost the log. Reading its files one after the other,
 * like those of any directory, would combine states that never existed together: a MANIFEST that
 * names runs which were deleted before they were read, or a log that continues after them. So the
 * state to save is captured first, and its files are kept while the directory and its folders are
 * read (copy/copy_hot.h). Of the logs, the part that belongs to that state is saved; the
 * store's other files are saved as they are. Files that only its writer needs are left out without
 * a notice.
 *
 * The store's files are saved as a whole: rules that exclude files by name or size do not apply to
 * them, and hard links between them and other files are not recorded. A rule may exclude the
 * store's directory. Files in it that are not the store's are treated like any other entry.
 *
 * A directory that looks like a store but cannot be read as one (it is damaged, was made by a newer
 * firn, or belongs to another user) is reported, and saved as plain files. Only the lock of a store
 * is never saved: a process that restores the store holds it, and could not replace it. A file FIRN
 * that is not a store's, in a directory without a log, is a file like any other.
 *
 * (I1) A store's logs are read each time: they are written through mappings, which can change a
 *      file without changing its times. For the same reason a watch does not learn of such changes,
 *      so these directories are never reported as steady.
 * (I2) The state is kept until the object of the store's directory has been made, and that waits
 *      for its folders. (Not checked: a node is emptied when it has been built, and waits for those
 *      below.)
 *
 * A store that can be read but has lost files that it needs is saved in its present state, and this
 * is reported.
 *
 * An encrypted store is saved encrypted, as it is on the disk, with its file FIRN.keys; no key is
 * asked for. Whether it has lost files is not known then.
 *
 * The writer is not blocked; it only deletes files later.
 */
#include <string.h>

#include "base/check.h"
#include "scan/scan_internal.h"

int
fi_scan_store_note(struct fi_scan_worker *worker, const struct fi_scan_node *node, const char *name,
                   uint8_t kind, firn_error *err)
{
    struct fi_scan *scan = worker->scan;
    uint64_t print =
        kind == FI_SCAN_DATABASE || node->store == NULL ? 0 : fi_copy_hot_print(node->store);
    int rc = fi_scan_node_path(node, name, &worker->path);
    fi_os_mutex_lock(&scan->mutex);
    size_t size = scan->stores.size;
    if (rc == FIRN_OK) {
        rc = fi_buf_append_le64(&scan->stores, print);
    }
    if (rc == FIRN_OK) {
        rc = fi_buf_append_u8(&scan->stores, kind);
    }
    if (rc == FIRN_OK) {
        rc = fi_buf_append(&scan->stores, worker->path.data, worker->path.size + 1);
    }
    scan->stores.size = rc == FIRN_OK ? scan->stores.size : size;
    fi_os_mutex_unlock(&scan->mutex);
    return rc == FIRN_OK ? FIRN_OK : fi_error_no_memory(err, "the list of stores");
}

int
fi_scan_store_enter(struct fi_scan_worker *worker, struct fi_scan_node *node, struct fi_os_dir *dir,
                    bool has_log, firn_error *err)
{
    DCHECK(node->store == NULL && !node->is_in_store);
    int rc = fi_copy_hot_is_claimed(dir, &node->is_store, err);
    if (rc != FIRN_OK || (!has_log && !node->is_store)) {
        return rc;
    }
    rc = fi_copy_hot_open(dir, &node->store, err);
    node->has_more_to_tell = true; /* (I1) */
    node->is_in_store = rc == FIRN_OK;
    node->is_store = node->is_store || rc == FIRN_OK;
    if (rc != FIRN_OK) {
        rc = fi_scan_report_store(worker, node, rc, err);
    } else if (fi_copy_hot_missing(node->store) != NULL) {
        rc = fi_scan_report_store_lacks(worker, node, fi_copy_hot_missing(node->store), err);
    }
    DCHECK(node->store == NULL || node->is_in_store);
    DCHECK(node->has_more_to_tell); /* (I1) */
    return rc == FIRN_OK ? fi_scan_store_note(worker, node, "", node->is_store ? 1 : 0, err) : rc;
}

void
fi_scan_store_enter_folder(struct fi_scan_node *node)
{
    if (node->parent != NULL && node->parent->store != NULL && fi_copy_hot_has_folder(node->name)) {
        node->is_in_store = true;
        node->has_more_to_tell = true;
    }
}

struct fi_copy_hot_file
fi_scan_store_assess(const struct fi_scan_node *node, const char *name)
{
    if (node->store != NULL) {
        return fi_copy_hot_assess(node->store, name);
    }
    if (node->is_in_store) {
        return fi_copy_hot_assess_in_folder(name);
    }
    bool is_lock = node->is_store && fi_copy_hot_is_lock(name);
    return (struct fi_copy_hot_file){.kind = is_lock ? FI_COPY_HOT_LEFT_OUT : FI_COPY_HOT_FOREIGN};
}

int
fi_scan_store_is_current(struct fi_os_file *file, const struct fi_copy_hot_file *part, bool *out,
                         firn_error *err)
{
    uint8_t head[FI_COPY_HOT_HEAD_SIZE];
    size_t got;
    DCHECK(part->kind == FI_COPY_HOT_CUT);
    int rc = fi_os_file_read(file, 0, head, sizeof head, &got, err);
    *out = rc == FIRN_OK && got == sizeof head && memcmp(head, part->head, sizeof head) == 0;
    return rc;
}
