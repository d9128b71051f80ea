/* SPDX-License-Identifier: Apache-2.0
 *
 * run/run_text.c: places in runs, for texts of errors.
 *
 * Errors of the block reader begin with the path of the file and contain the offset; errors of
 * decoders contain neither. A key becomes one printable line of bounded size.
 */
#include "run/run_parts.h"

#include <string.h>

/* Appends bytes so that a message stays one printable line; returns the new end. "..." where they
 * are too many. */
static size_t
append_escaped(char *text, size_t at, firn_slice bytes)
{
    static const char digits[] = "0123456789abcdef";
    enum { ROOM = FI_RUN_TEXT_SIZE - 8 };
    for (size_t i = 0; i < bytes.size; i++) {
        uint8_t byte = bytes.data[i];
        if (at > ROOM) {
            memcpy(text + at, "...", 4);
            return at + 3;
        }
        if (byte >= 0x20 && byte < 0x7f && byte != '\'' && byte != '\\') {
            text[at++] = (char)byte;
        } else {
            text[at++] = '\\';
            text[at++] = 'x';
            text[at++] = digits[byte >> 4];
            text[at++] = digits[byte & 15];
        }
    }
    text[at] = '\0';
    return at;
}

const char *
fi_run_text_key_of(firn_slice prefix, firn_slice rest, char text[FI_RUN_TEXT_SIZE])
{
    size_t at = append_escaped(text, 0, prefix);
    if (at < FI_RUN_TEXT_SIZE - 8) {
        (void)append_escaped(text, at, rest);
    }
    return text;
}

const char *
fi_run_text_key(firn_slice key, char text[FI_RUN_TEXT_SIZE])
{
    (void)append_escaped(text, 0, key);
    return text;
}

int
fi_run_text_place(const struct fi_block_reader *reader, const struct fi_block_ref *ref,
                  firn_error *err)
{
    /* The block reader's texts begin with the path, the decoders' know nothing of it. */
    const char *path = fi_block_reader_path(reader);
    if (fi_run_text_is_loss(err->code) &&
        (err->text[0] != '\'' || strncmp(err->text + 1, path, strlen(path)) != 0)) {
        fi_error_prefix(err, "'%s': block at %llu", path, (unsigned long long)ref->offset);
    }
    return err->code;
}
