/* SPDX-License-Identifier: Apache-2.0
 *
 * rescue/rescue_names.c: keyspaces whose names are lost.
 *
 * The list of keyspaces is itself a keyspace (db_keyspace.c). If its runs, or the log with it, are
 * lost, there may be runs of keyspaces that it does not name, which the next opening would remove.
 * A number that the list has not given out yet, as far as it shows, cannot belong to a dropped
 * keyspace: so that keyspace gets a name, "recovered-<number>". Lower numbers without a name were
 * dropped, and stay so.
 *
 * Names are given in the order of numbers, without gaps, as replays require. So a keyspace may get
 * a name and turn out to be empty. A crafted run may have any number: keyspaces that need more than
 * NAMES_MAX names are left out, and reported.
 */
#include "rescue/rescue_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "log/log.h"
#include "store/db_store_handle.h"

enum { NAMES_MEMORY_BYTES = 32 << 20, NAMES_MAX = 1 << 18, TEXT_SIZE = 160 };

struct naming {
    const struct fi_rescue_options *options;
    struct firn_db *db;
    uint64_t next_id;  /* the first that has no name */
    uint64_t last_id;  /* the last that has runs and gets a name */
    uint64_t left_out; /* keyspaces with runs that would need too many names before theirs */
    uint64_t sequence; /* of the newest commit */
};

static int
note_tree(void *ctx, uint32_t id, firn_error *err)
{
    struct naming *naming = ctx;
    (void)err;
    if (id >= naming->next_id && id - naming->next_id >= NAMES_MAX) {
        naming->left_out++;
    } else {
        naming->last_id = id > naming->last_id ? id : naming->last_id;
    }
    return FIRN_OK;
}

static int
rescue_names_inspect(struct naming *naming, struct fi_os_dir *to, firn_error *err)
{
    const struct fi_db_options options = {.read_only = true, .memory_bytes = NAMES_MEMORY_BYTES};
    int rc;
    FI_TRY(fi_db_open(to, &options, &naming->db, err));
    const struct fi_db_image *image = fi_db_image(naming->db);
    naming->next_id = image->next_id;
    rc = fi_lsm_tree_list(image->lsm, note_tree, naming, err);
    naming->sequence =
        image->last_sequence > naming->sequence ? image->last_sequence : naming->sequence;
    int close_rc = fi_db_close(naming->db, rc == FIRN_OK ? err : NULL);
    rc = rc == FIRN_OK ? close_rc : rc;
out:
    return rc;
}

/* An operation that creates a keyspace. */
static int
put_op(struct fi_buf *record, uint64_t id)
{
    char name[40];
    struct fi_buf number = {0};
    struct fi_storefile_place place;
    int rc;
    int size = snprintf(name, sizeof name, "recovered-%" PRIu64, id);
    CHECK(size > 0 && (size_t)size < sizeof name);
    FI_TRY(fi_buf_append_varint(&number, id));
    const struct fi_storefile_op op = {.keyspace = FI_DB_KEYSPACE_LIST,
                                       .kind = FI_ENTRY_PUT,
                                       .key = firn_str(name),
                                       .value = fi_buf_slice(&number)};
    FI_TRY(fi_storefile_append_op(record, &op, &place));
out:
    fi_buf_deinit(&number);
    return rc;
}

static int
rescue_names_encode(const struct naming *naming, struct fi_buf *record)
{
    uint8_t header[FI_STOREFILE_HEADER_MAX];
    uint64_t count = naming->last_id - naming->next_id + 1;
    DCHECK(count > 0 && count <= NAMES_MAX && naming->last_id <= UINT32_MAX);
    int rc =
        fi_buf_append(record, header, fi_storefile_put_header(naming->sequence + 1, count, header));
    for (uint64_t id = naming->next_id; rc == FIRN_OK && id <= naming->last_id; id++) {
        rc = put_op(record, id);
    }
    return rc;
}

static int
rescue_names_commit(const struct naming *naming, struct fi_os_dir *to, firn_error *err)
{
    const struct fi_log_options options = fi_db_log_options(false);
    struct fi_buf record = {0};
    struct fi_log *log = NULL;
    int rc = FIRN_OK;
    DCHECK(naming->next_id <= naming->last_id);
    if (rescue_names_encode(naming, &record) != FIRN_OK) {
        rc = fi_error_no_memory(err, "the names of keyspaces");
        goto out;
    }
    const firn_slice part = fi_buf_slice(&record);
    FI_TRY(fi_log_open(to, &options, NULL, NULL, &log, NULL, err));
    rc = fi_log_append(log, FI_LOG_TYPE_USER, &part, 1, NULL, err);
    int close_rc = fi_log_close(log, rc == FIRN_OK ? err : NULL);
    rc = rc == FIRN_OK ? close_rc : rc;
out:
    fi_buf_deinit(&record);
    return rc;
}

static void
rescue_names_report(const struct naming *naming)
{
    const struct fi_rescue_options *options = naming->options;
    char text[TEXT_SIZE];
    for (uint64_t id = naming->next_id; id <= naming->last_id; id++) {
        (void)snprintf(text, sizeof text,
                       "the name of keyspace %" PRIu64 " is lost: it is recovered-%" PRIu64 " now",
                       id, id);
        options->on_damage(options->ctx, text);
    }
    if (naming->left_out > 0) {
        (void)snprintf(text, sizeof text,
                       "%" PRIu64 " keyspaces whose names are lost are left out: their numbers are "
                       "not below %" PRIu64,
                       naming->left_out, naming->next_id + NAMES_MAX);
        options->on_damage(options->ctx, text);
    }
}

int
fi_rescue_names_give(struct fi_os_dir *to, uint64_t sequence,
                     const struct fi_rescue_options *options, uint64_t *out_lost, firn_error *err)
{
    struct naming naming = {.options = options, .sequence = sequence};
    *out_lost = 0;
    FI_TRY_RETURN(rescue_names_inspect(&naming, to, err));
    if (naming.last_id >= naming.next_id) {
        FI_TRY_RETURN(rescue_names_commit(&naming, to, err));
        *out_lost = naming.last_id - naming.next_id + 1;
    }
    *out_lost += naming.left_out;
    rescue_names_report(&naming);
    return FIRN_OK;
}
