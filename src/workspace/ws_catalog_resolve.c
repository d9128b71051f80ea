/* SPDX-License-Identifier: Apache-2.0
 *
 * workspace/ws_catalog_resolve.c: from what a user types to one checkpoint. The only resolver:
 * every command uses it.
 *
 * A reference is a number, a prefix of at least four letters of an id (letters k to z, any case,
 * which no number can be), or "latest". Anything else is FIRN_INVALID, even where only one
 * checkpoint exists: a typing mistake must not restore something. An ambiguous prefix names
 * candidates with enough letters to tell them apart.
 */
#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "workspace/ws_catalog.h"

enum { PREFIX_MIN = 4, ID_LETTERS = 2 * FIRN_WS_RECORD_ID_SIZE };

struct wanted {
    bool by_number;
    uint64_t number;
    char prefix[ID_LETTERS + 1]; /* lower case */
    size_t prefix_size;

    struct firn_buf *out;
    size_t found;
    char first_id[FIRN_CHECKPOINT_ID_SIZE]; /* of the first two found */
    char second_id[FIRN_CHECKPOINT_ID_SIZE];
};

static bool
parse_number(const char *text, uint64_t *out)
{
    uint64_t number = 0;
    size_t i = 0;
    for (; text[i] >= '0' && text[i] <= '9' && i < 18; i++) {
        number = number * 10 + (uint64_t)(text[i] - '0');
    }
    *out = number;
    return i > 0 && text[i] == '\0' && number > 0;
}

static bool
parse_prefix(const char *text, char *out, size_t *out_size)
{
    size_t size = 0;
    for (; text[size] != '\0'; size++) {
        char letter = text[size];
        if (letter >= 'K' && letter <= 'Z') {
            letter = (char)(letter - 'A' + 'a');
        }
        if (size == ID_LETTERS || letter < 'k' || letter > 'z') {
            return false;
        }
        out[size] = letter;
    }
    out[size] = '\0';
    *out_size = size;
    return size >= PREFIX_MIN;
}

static int
match(void *ctx, firn_slice bytes, const struct firn_ws_record *record, firn_error *err)
{
    struct wanted *wanted = ctx;
    char id[FIRN_CHECKPOINT_ID_SIZE];
    firn_ws_record_id_text(record->id, id);
    bool matches = wanted->by_number ? record->number == wanted->number
                                     : memcmp(id, wanted->prefix, wanted->prefix_size) == 0;
    if (!matches) {
        return FIRN_OK;
    }
    wanted->found++;
    if (wanted->found == 2) {
        memcpy(wanted->second_id, id, sizeof id);
    }
    if (wanted->found > 1) {
        return FIRN_OK;
    }
    memcpy(wanted->first_id, id, sizeof id);
    firn_buf_clear(wanted->out);
    if (firn_buf_append_slice(wanted->out, bytes) != FIRN_OK) {
        return firn_error_no_memory(err, "a checkpoint's record");
    }
    return FIRN_OK;
}

static int
ambiguous(const struct wanted *wanted, const char *reference, firn_error *err)
{
    int letters = (int)wanted->prefix_size + 1;
    while (letters < ID_LETTERS &&
           strncmp(wanted->first_id, wanted->second_id, (size_t)letters) == 0) {
        letters++;
    }
    return firn_error_set(
        err, FIRN_CONFLICT, "'%s' is ambiguous: %zu checkpoints begin so, among them %.*s and %.*s",
        reference, wanted->found, letters, wanted->first_id, letters, wanted->second_id);
}

int
firn_ws_catalog_resolve(struct firn_ws_catalog *catalog, uint32_t workspace, const char *reference,
                        struct firn_buf *out, struct firn_ws_record *record, firn_error *err)
{
    if (strcmp(reference, "latest") == 0) {
        return firn_ws_catalog_newest(catalog, workspace, false, out, record, err);
    }
    struct wanted wanted = {.out = out};
    wanted.by_number = parse_number(reference, &wanted.number);
    if (!wanted.by_number && !parse_prefix(reference, wanted.prefix, &wanted.prefix_size)) {
        return firn_error_set(err, FIRN_INVALID,
                              "'%.80s' is not a reference to a checkpoint: give its number, at "
                              "least %d letters of its id, or 'latest'",
                              reference, PREFIX_MIN);
    }
    if (workspace != 0) {
        int rc = firn_ws_catalog_list(catalog, workspace, match, &wanted, err);
        if (rc != FIRN_OK) {
            return rc;
        }
    }
    if (wanted.found == 0) {
        return firn_error_set(err, FIRN_NOT_FOUND, "there is no checkpoint '%s'", reference);
    }
    if (wanted.found > 1) {
        return ambiguous(&wanted, reference, err);
    }
    return firn_ws_record_decode(firn_buf_slice(out), record, err);
}
