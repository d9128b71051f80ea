/* SPDX-License-Identifier: Apache-2.0
 *
 * data/data.h: the commands about key-value data, and what those share that load into a store.
 */
#ifndef FIRN_DATA_DATA_H
#define FIRN_DATA_DATA_H

#include "command/command.h"

extern const struct fi_command fi_data;

/* ---- opening and closing a store of key-value data for one command ---- */

enum fi_data_store_access {
    FI_DATA_STORE_READ,
    FI_DATA_STORE_READ_UNLESS_LOCKED, /* *out is NULL where no key was given, which is no failure */
    FI_DATA_STORE_WRITE,
    FI_DATA_STORE_LOAD, /* the same, with as much memory as the library takes by itself */
    FI_DATA_STORE_WRITE_OR_MAKE,
    FI_DATA_STORE_LOAD_OR_MAKE
};

/* Opens the store at `path`, and waits for another writer as long as --wait says. Returns an exit
 * code. */
int fi_data_store_open(struct fi_cli *cli, const char *path, enum fi_data_store_access access,
                       firn_store **out);
/* Closes the store, if there is one; what goes wrong then is a failure of the command. Returns the
 * command's exit code, which was exit_code so far. */
int fi_data_store_close(struct fi_cli *cli, firn_store *store, int exit_code);

/* Calls put with the name of each table of the store at `path`, and if wanted of each keyspace, for
 * completions. Waits for no lock, and reports no failure. */
void fi_data_store_names(const char *path, bool with_keyspaces, void (*put)(firn_slice name));

/* The hint for a damaged store; NULL for an exported file. */
const char *fi_data_store_damage_hint(const char *path);

/* ---- bytes that come from an argument or from standard input, and go to standard output ---- */

/* Bytes on the heap; a zeroed struct is empty. */
struct fi_data_bytes {
    uint8_t *data;
    size_t size;
    size_t capacity;
};

void fi_data_bytes_deinit(struct fi_data_bytes *bytes);
firn_slice fi_data_bytes_slice(const struct fi_data_bytes *bytes);
/* Makes room for `more` bytes after those that are there. Returns an exit code. */
int fi_data_bytes_reserve(struct fi_cli *cli, struct fi_data_bytes *bytes, size_t more);

/* The value of a hexadecimal digit, or -1. */
int fi_data_bytes_digit(char digit);

/* The bytes of an argument called `name` in messages: its characters, or what its hexadecimal
 * digits stand for. Returns an exit code. */
int fi_data_bytes_from_argument(struct fi_cli *cli, const char *name, const char *text, bool is_hex,
                                struct fi_data_bytes *out);
/* All of standard input, at most size_max bytes. Returns an exit code. */
int fi_data_bytes_from_stdin(struct fi_cli *cli, size_t size_max, struct fi_data_bytes *out);

/* Prints a value, and nothing else, as it is or as digits; with --json the key and the value. */
void fi_data_bytes_print_value(firn_slice key, firn_slice value, bool is_hex);

/* How entries are shown. */
struct fi_data_bytes_look {
    bool keys_only;
    bool is_hex;
};
/* Prints a row, or with --json an object: a key, and its value. */
void fi_data_bytes_print_entry(firn_slice key, firn_slice value,
                               const struct fi_data_bytes_look *look);

/* ---- keys and values that come as rows from a file or from standard input ---- */

enum fi_data_rows_form {
    /* A line a row: key, a tab, value; as firn db scan prints them. A backslash begins one of \\ \a
     * \b \t \n \v \f \r or three octal digits; every other byte stands for itself. */
    FI_DATA_ROWS_TEXT,
    /* The same with hexadecimal digits. */
    FI_DATA_ROWS_HEX,
    /* Size of the key and size of the value, four bytes each, the lowest first; key; value. */
    FI_DATA_ROWS_BINARY,
    /* A line a row: a JSON object with the members key and value, and key_hex and value_hex as
     * docs/json.md says; perhaps expires_ms, a number. */
    FI_DATA_ROWS_JSON
};

struct fi_data_rows {
    struct fi_cli *cli;
    enum fi_data_rows_form form;
    size_t key_size_max;
    size_t value_size_max;
    uint64_t number;            /* of the row last read, from 1 */
    struct fi_data_bytes key;   /* of that row */
    struct fi_data_bytes value; /* of that row */
    uint64_t expires_ms;        /* of that row: since 1970; 0: never */
    const char *name;           /* for messages */
    int fd;
    bool is_over;
    uint8_t *input; /* read, and used up to at */
    size_t size;
    size_t at;
};

/* Opens a file, or standard input for "-"; path is borrowed. Returns an exit code. */
int fi_data_rows_open(struct fi_cli *cli, const char *path, enum fi_data_rows_form form,
                      struct fi_data_rows *out);
/* Reads the next row; sets *out_end after the last one. Returns an exit code. */
int fi_data_rows_next(struct fi_data_rows *rows, bool *out_end);
/* Fine on a zeroed struct. */
void fi_data_rows_close(struct fi_data_rows *rows);

/* ---- many entries into one keyspace, for the commands that load ---- */

/* A zeroed struct is one that has not begun. */
struct fi_data_store_loader {
    firn_bulk *bulk;
    bool is_sorted;
    uint64_t written; /* entries, once they are committed */
};

/* These return codes of the library. With is_sorted keys have to ascend. */
int fi_data_store_loader_begin(struct fi_data_store_loader *loader, firn_keyspace *keyspace,
                               bool is_sorted, firn_error *err);
int fi_data_store_loader_put(struct fi_data_store_loader *loader, firn_slice key, firn_slice value,
                             firn_error *err);
/* The same until some moment; 0: for ever. */
int fi_data_store_loader_put_until(struct fi_data_store_loader *loader, firn_slice key,
                                   firn_slice value, uint64_t expires_ms, firn_error *err);
/* Commits all of it, durably. */
int fi_data_store_loader_finish(struct fi_data_store_loader *loader, firn_error *err);
void fi_data_store_loader_end(struct fi_data_store_loader *loader);

/* Reports a failure. Returns an exit code. */
int fi_data_store_loader_report(struct fi_cli *cli, const struct fi_data_store_loader *loader,
                                const firn_error *err);

#endif
