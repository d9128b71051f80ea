/* SPDX-License-Identifier: Apache-2.0
 *
 * migrate/migrate_alxs.c: the records of an ALXS table (docs/formats/alxs.md), as far as its sizes
 * lead.
 *
 * firn/alxs.h gives records of sound tables only: the format has one checksum, of all records, so
 * of a damaged table none is known to be intact. This reads them nevertheless, up to the first size
 * or key that cannot be.
 */
#include <string.h>

#include "migrate/migrate_internal.h"
#include "term/term_try.h"

enum { HEADER_SIZE = 16, RECORD_SIZE = 8 };

struct records {
    const struct fi_migrate_span *span;
    uint64_t at;
    uint64_t limit;
    struct fi_migrate_room record;
    struct fi_migrate_room before; /* its key */
    size_t before_size;
    uint32_t crc;
};

/* Reads a record that is there in whole, and whose key is not smaller than the one before. */
static int
next_record(struct records *records, struct fi_migrate_version *out, bool *out_is_record,
            firn_error *err)
{
    uint8_t head[RECORD_SIZE];
    *out_is_record = false;
    if (records->limit - records->at < sizeof(head) ||
        !fi_migrate_span_read(records->span, records->at, head, sizeof(head))) {
        return FIRN_OK;
    }
    uint64_t key_size = fi_migrate_span_u32(head);
    uint64_t size = key_size + fi_migrate_span_u32(head + 4);
    if (size > records->limit - records->at - sizeof(head) || size > FI_MIGRATE_ALOPEX_PART_MAX) {
        return FIRN_OK;
    }
    int code = fi_migrate_span_room_reserve(&records->record, (size_t)size + 1, err);
    if (code != FIRN_OK || !fi_migrate_span_read(records->span, records->at + sizeof(head),
                                                 records->record.data, (size_t)size)) {
        return code;
    }
    out->key = firn_bytes(records->record.data, (size_t)key_size);
    out->value = firn_bytes(records->record.data + key_size, (size_t)(size - key_size));
    out->timestamp++; /* of equal keys the last counts */
    size_t common = out->key.size < records->before_size ? out->key.size : records->before_size;
    int order = common == 0 ? 0 : memcmp(records->before.data, out->key.data, common);
    if (order > 0 || (order == 0 && records->before_size > out->key.size)) {
        return FIRN_OK;
    }
    FI_TRY_RETURN(fi_migrate_span_room_reserve(&records->before, out->key.size + 1, err));
    memcpy(records->before.data, out->key.data, out->key.size);
    records->before_size = out->key.size;
    records->crc = fi_migrate_span_crc_of(records->crc, head, sizeof(head));
    records->crc = fi_migrate_span_crc_of(records->crc, records->record.data, (size_t)size);
    records->at += sizeof(head) + size;
    *out_is_record = true;
    return FIRN_OK;
}

int
fi_migrate_alxs_read(const struct fi_migrate_span *span, uint64_t limit, const uint32_t *checksum,
                     const struct fi_migrate_taker *taker, firn_error *err)
{
    struct records records = {.span = span, .at = HEADER_SIZE, .limit = limit};
    struct fi_migrate_version version = {.timestamp = 0};
    bool is_record = limit > HEADER_SIZE;
    int code = FIRN_OK;
    while (code == FIRN_OK && is_record) {
        code = next_record(&records, &version, &is_record, err);
        if (code == FIRN_OK && is_record) {
            code = taker->version(taker->ctx, &version, err);
        }
    }
    bool is_whole = records.at == limit;
    if (code == FIRN_OK && checksum != NULL && (!is_whole || records.crc != *checksum)) {
        code = fi_migrate_fail(err, FIRN_CORRUPT, "the table was changed while it was read");
    } else if (code == FIRN_OK && checksum == NULL && !is_whole && limit > HEADER_SIZE) {
        fi_migrate_span_report(span, records.at, taker, "no record can be read from here on");
    }
    fi_migrate_span_room_deinit(&records.record);
    fi_migrate_span_room_deinit(&records.before);
    return code;
}
