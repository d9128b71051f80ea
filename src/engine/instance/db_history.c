/* SPDX-License-Identifier: Apache-2.0
 *
 * instance/db_history.c: the history in MANIFEST.
 *
 * A change of the history is a record in the log (db_checkpoint.c). MANIFEST saves the whole
 * history before the first segment of the log with such a record is removed.
 */
#include "base/check.h"
#include "history/history_format.h"
#include "instance/db_handle.h"

int
fi_db_history_encode(struct firn_db *db, struct fi_buf *out, firn_error *err)
{
    fi_os_mutex_lock(&db->state_mutex);
    int rc = fi_history_format_put(&fi_db_image(db)->history, out);
    fi_os_mutex_unlock(&db->state_mutex);
    return rc == FIRN_OK ? rc : fi_error_no_memory(err, "the history of a store");
}

int
fi_db_history_save_before(struct firn_db *db, uint64_t segment, firn_error *err)
{
    struct fi_db_image *image = fi_db_image(db);
    struct fi_history *history = &image->history;
    struct fi_buf bytes = {0};
    int rc;
    DCHECK(fi_db_is_led(db) && history->saved_sequence <= history->sequence);
    if (history->first_segment == 0 || history->first_segment >= segment) {
        return FIRN_OK;
    }
    FI_TRY(fi_db_history_encode(db, &bytes, err));
    DCHECK(bytes.size > 0); /* for MANIFEST, empty means no history */
    FI_TRY(fi_lsm_install_history(image->lsm, fi_buf_slice(&bytes), history->sequence, err));
    history->saved_sequence = history->sequence;
    history->first_segment = 0;
out:
    fi_buf_deinit(&bytes);
    return rc;
}
