/* SPDX-License-Identifier: Apache-2.0
 *
 * data/data_bytes.c: bytes that come from an argument or from standard input, and go to standard
 * output.
 *
 * An argument cannot contain a NUL, and terminals and editors mangle bytes that are not text. So
 * every key and value can also be given and shown in hexadecimal, and a value can come from
 * standard input. A read of standard input polls first, so that a signal ends the wait
 * (term_signals.c).
 */
#include "data/data.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "term/term.h"
#include "term/term_try.h"

enum { READ_SIZE = 64 * 1024 };

void
fi_data_bytes_deinit(struct fi_data_bytes *bytes)
{
    free(bytes->data);
    memset(bytes, 0, sizeof(*bytes));
}

firn_slice
fi_data_bytes_slice(const struct fi_data_bytes *bytes)
{
    assert(bytes->size <= bytes->capacity);
    return firn_bytes(bytes->data, bytes->size);
}

int
fi_data_bytes_reserve(struct fi_cli *cli, struct fi_data_bytes *bytes, size_t more)
{
    assert(bytes->size <= bytes->capacity);
    if (more <= bytes->capacity - bytes->size) {
        return FI_EXIT_OK;
    }
    size_t capacity =
        bytes->capacity * 2 > bytes->size + more ? bytes->capacity * 2 : bytes->size + more;
    uint8_t *data = realloc(bytes->data, capacity);
    if (data == NULL) {
        return fi_command_report_no_memory(cli);
    }
    bytes->data = data;
    bytes->capacity = capacity;
    return FI_EXIT_OK;
}

int
fi_data_bytes_digit(char digit)
{
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";
    const char *at = digit != '\0' ? strchr(digits, digit) : NULL;
    return at != NULL ? (int)((at - digits) & 15) : -1;
}

int
fi_data_bytes_from_argument(struct fi_cli *cli, const char *name, const char *text, bool is_hex,
                            struct fi_data_bytes *out)
{
    assert(name != NULL && text != NULL);
    size_t size = strlen(text);
    FI_TRY_RETURN(fi_data_bytes_reserve(cli, out, size + 1));
    if (!is_hex) {
        memcpy(out->data, text, size);
        out->size = size;
        return FI_EXIT_OK;
    }
    for (size_t i = 0; i < size; i += 2) {
        int high = fi_data_bytes_digit(text[i]);
        int low = fi_data_bytes_digit(text[i + 1]);
        if (high < 0 || low < 0) {
            return fi_command_misused(cli, "%s is not an even number of hexadecimal digits: '%s'",
                                      name, text);
        }
        out->data[out->size++] = (uint8_t)(high << 4 | low);
    }
    return FI_EXIT_OK;
}

int
fi_data_bytes_from_stdin(struct fi_cli *cli, size_t size_max, struct fi_data_bytes *out)
{
    for (;;) {
        FI_TRY_RETURN(fi_data_bytes_reserve(cli, out, READ_SIZE));
        struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
        (void)poll(&input, 1, -1);
        if (fi_term_signals_caught() != 0) {
            return fi_command_report_error(cli, FIRN_CANCELLED, NULL, "interrupted");
        }
        ssize_t got = read(STDIN_FILENO, out->data + out->size, READ_SIZE);
        if (got == 0) {
            return FI_EXIT_OK;
        }
        if (got < 0 && errno != EINTR && errno != EAGAIN) {
            return fi_command_report_error(cli, FIRN_IO, NULL, "could not read standard input: %s",
                                           strerror(errno));
        }
        out->size += got > 0 ? (size_t)got : 0;
        if (out->size > size_max) {
            return fi_command_report_error(
                cli, FIRN_LIMIT, NULL,
                "standard input holds more than the %zu bytes that a value "
                "may have",
                size_max);
        }
    }
}

/* Escaped, or as hexadecimal digits. */
static void
print_bytes(firn_slice bytes, bool is_hex)
{
    static const char hex[] = "0123456789abcdef";
    if (!is_hex) {
        fi_term_text_escape(bytes, fi_term_out_write);
        return;
    }
    for (size_t i = 0; i < bytes.size; i++) {
        const char digits[] = {hex[bytes.data[i] >> 4], hex[bytes.data[i] & 15]};
        fi_term_out_write(digits, sizeof(digits));
    }
}

void
fi_data_bytes_print_value(firn_slice key, firn_slice value, bool is_hex)
{
    fi_term_json_bytes("key", key);
    fi_term_json_bytes("value", value);
    if (is_hex) {
        print_bytes(value, true);
        fi_term_out_text("\n");
    } else {
        fi_term_out_write(value.data, value.size);
        bool ends_line = value.size > 0 && value.data[value.size - 1] == '\n';
        if (!ends_line && isatty(STDOUT_FILENO) == 1) { /* the prompt comes on a line of its own */
            fi_term_out_text("\n");
        }
    }
}

void
fi_data_bytes_print_entry(firn_slice key, firn_slice value, const struct fi_data_bytes_look *look)
{
    fi_term_json_object(NULL);
    fi_term_json_bytes("key", key);
    print_bytes(key, look->is_hex);
    if (!look->keys_only) {
        fi_term_json_bytes("value", value);
        fi_term_out_text("\t");
        print_bytes(value, look->is_hex);
    }
    fi_term_json_end();
    fi_term_out_text("\n");
}
